"""Can any sequence of values, gaps, restarts and commands lose a high alarm, or keep a dead one?

What must be open is worked out here from the printed limits and the values alone, by another way
than the rules take: by looking back over all values each time.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import example, given, settings
from hypothesis import strategies as st

from clinical.chair import ChairState, resumed
from clinical.links import LinkState
from clinical.phases import SessionPhase
from clinical.record import AlarmChange, AlarmEvent
from tests.clinical.fakes import SHORT, WAY, Bedside, at, started
from tests.clinical.test_alarms import HYSTERESIS, OPERATORS, TABLE, outward

STALE_S = 10.0
OFF_S = 5.0
SLACK_S = 0.1  # the engine waits 50 ms for what may still be on its way

SIGNS = ("hr", "spo2", "rr")
VALUES = {
    "hr": [None, 15.0, 38.0, 45.0, 70.0, 109.0, 125.0, 145.0],
    "spo2": [None, 20.0, 75.0, 86.0, 90.0, 98.0],
    "rr": [None, 5.0, 7.5, 14.0, 33.0],
}
PLAUSIBLE = {"hr": (20, 300), "spo2": (30, 100), "rr": (0, 80)}


def holds(row: tuple, sign: str, value: float) -> bool:
    """Whether a value of ``sign`` leaves an alarm of ``row`` as it is."""
    own, sign_operator, limit, _, _ = row
    inward = HYSTERESIS[own] * outward(sign_operator)
    return own != sign or OPERATORS[sign_operator](value + inward, limit)


frames = st.tuples(
    st.just("frames"),
    st.sampled_from([1, 2, 6, 12, 35]),
    st.fixed_dictionaries({}, optional={s: st.sampled_from(VALUES[s]) for s in SIGNS}),
)
steps = st.one_of(
    frames,
    frames,
    frames,
    st.tuples(st.just("wait"), st.sampled_from([0.2, 3.0, 8.0, 11.0, 35.0, 500.0])),
    st.tuples(st.just("tick"), st.sampled_from([0.0, 0.03, 0.5])),
    st.tuples(
        st.just("cuff"),
        st.sampled_from([None, 60.0, 85.0, 120.0, 150.0, 170.0, 179.0, 185.0, 290.0]),
    ),
    st.tuples(st.just("link"), st.sampled_from(LinkState)),
    st.tuples(st.just("acknowledge"), st.integers(0, 5)),
    st.tuples(st.just("phase"), st.just(0)),
    st.tuples(st.just("recording"), st.booleans()),
    st.tuples(st.just("overrun"), st.just(0)),
    st.tuples(st.just("restart"), st.sampled_from([2.0, 600.0])),
)


@dataclass
class Session:
    """A chair, and every believable value that it was shown."""

    chair: Bedside = field(default_factory=started)
    now_s: float = 1.0
    values: dict[str, list[tuple[float, float]]] = field(
        default_factory=lambda: {sign: [] for sign in SIGNS}
    )
    systolic: float | None = None
    # High limits whose alarm was seen open, and that no value has been back inside of since.
    beyond: set[tuple] = field(default_factory=set)

    def play(self, step: tuple) -> None:
        self.pass_s(0.001)  # nothing happens twice in the same microsecond
        match step:
            case "frames", times, shown:
                for _ in range(times):
                    self.pass_s(1.0)
                    self.chair.see(self.now_s, late_s=0.0, **shown)
                    for sign, value in shown.items():
                        if value is not None and PLAUSIBLE[sign][0] <= value <= PLAUSIBLE[sign][1]:
                            self.values[sign].append((self.now_s, value))
                            self.beyond = {r for r in self.beyond if holds(r, sign, value)}
                    self.check()
            case "wait", seconds:
                self.pass_s(seconds)
            case "tick", seconds:
                self.now_s += seconds
                self.chair.tick(self.now_s)
            case "cuff", systolic:
                self.pass_s(1.0)
                diastolic = None if systolic is None else 55.0
                self.chair.cuff(self.now_s, systolic, diastolic, systolic and 80.0)
                if systolic is not None and 55 < systolic <= 280:
                    self.systolic = systolic
            case "link", state:
                self.chair.link(self.now_s, state)
            case "acknowledge", number:
                names = sorted(self.chair.alarms)
                if number < len(names):
                    self.chair.acknowledge(names[number])
            case "phase", _:
                here = self.chair.session.phase
                done = WAY.index(here) + 1 if here in WAY else 0
                if done < len(WAY):
                    self.chair.phase(WAY[done])
            case "recording", is_recording:
                self.chair.recording(self.now_s, is_recording)
            case "overrun", _:
                self.chair.overrun(self.now_s)
            case "restart", seconds:
                self.restart(seconds)
        # A command takes a moment: the next frame comes after it.
        self.now_s = max(self.now_s, (self.chair.now - at(0)).total_seconds())
        self.check()

    def restart(self, seconds: float) -> None:
        """What was open is open again; a delay that was running begins anew."""
        was_open = self.chair.open()
        self.now_s += seconds
        chair, fresh = self.chair, ChairState(1, "Chair 1", is_simulated=True)
        chair.state, gap = resumed(fresh, chair.stored(), at(self.now_s))
        chair.facts.append(gap)
        assert chair.open() == was_open
        chair.tick(self.now_s)
        for values in self.values.values():
            values.clear()

    def pass_s(self, seconds: float) -> None:
        self.now_s += seconds
        self.chair.wait(self.now_s)

    def check(self) -> None:
        is_open = self.chair.open()
        for sign in SIGNS:
            for row in (row for row in TABLE if row[0] == sign and row[3] == "high"):
                self.check_high(row, is_open)
            if self.has_long_been_inside(sign):
                names = {name for name, _ in is_open if name.startswith(f"{SHORT[sign]} ")}
                assert names == set(), "a condition is still active that is over"
        if self.systolic is not None:
            name = "nibp_systolic"
            if self.systolic >= 180:
                found = {(f"{name} high", "high"), (f"{name} signal lost", "high")}
                assert len(found & is_open) == 1, "a high pressure was lost"
            elif 92 <= self.systolic <= 138:
                assert not [each for each, _ in is_open if each.startswith(name)]

    def check_high(self, row: tuple, is_open: set[tuple[str, str]]) -> None:
        sign, sign_operator, limit, _, delay_s = row
        values = self.values[sign]
        metric, side = SHORT[sign], "low" if outward(sign_operator) < 0 else "high"
        live, lost = (f"{metric} {side}", "high"), (f"{metric} signal lost", "high")
        if row in self.beyond:
            assert len({live, lost} & is_open) == 1, f"{row} was lost with its signal"
        begin = None
        for index in range(len(values) - 1, -1, -1):
            at_s, value = values[index]
            is_cut = index + 1 < len(values) and values[index + 1][0] - at_s > STALE_S
            if is_cut or not OPERATORS[sign_operator](value, limit):
                break
            begin = at_s
        if begin is None or begin + delay_s > values[-1][0] + STALE_S - SLACK_S:
            return
        if begin + delay_s + SLACK_S < self.now_s:
            assert len({live, lost} & is_open) == 1, f"{row} was lost"
            self.beyond.add(row)
            if self.now_s < values[-1][0] + STALE_S:
                assert live in is_open

    def has_long_been_inside(self, sign: str) -> bool:
        values = self.values[sign]
        begin = None
        for at_s, value in reversed(values):
            if any(row[0] == sign and holds(row, sign, value) for row in TABLE):
                break
            begin = at_s
        return begin is not None and begin + OFF_S + SLACK_S < self.now_s


@settings(max_examples=60)
@example(
    script=[("frames", 35, {"rr": 5.0}), ("wait", 11.0), ("frames", 1, {"rr": 5.0}), ("wait", 11.0)]
)
@given(script=st.lists(steps, min_size=5, max_size=25))
def test_no_sequence_loses_a_high_alarm_or_keeps_one_that_is_over(script):
    session = Session()
    for step in script:
        session.play(step)
    check_log(session.chair)


def check_log(chair: Bedside) -> None:
    """Each alarm is raised once, first; cleared once, last; and two never share a condition."""
    is_open: dict[str, AlarmEvent] = {}
    raised_at: dict[object, object] = {}
    for fact in chair.facts:
        if not isinstance(fact, AlarmEvent):
            continue
        before = is_open.get(fact.condition)
        if fact.change is AlarmChange.RAISED:
            assert before is None
            assert fact.alarm_id not in raised_at
            raised_at[fact.alarm_id] = fact.at
        else:
            assert before is not None, f"{fact.condition} {fact.change} before it was raised"
            assert before.alarm_id == fact.alarm_id
            assert fact.at >= raised_at[fact.alarm_id]
            is_worse = fact.priority.rank - before.priority.rank
            assert (is_worse > 0) == (fact.change is AlarmChange.ESCALATED)
            assert (is_worse < 0) == (fact.change is AlarmChange.EASED)
        is_open[fact.condition] = fact
        if fact.change is AlarmChange.CLEARED:
            del is_open[fact.condition]
    now = {name: (a.alarm_id, a.signal.priority) for name, a in chair.alarms.items()}
    assert {name: (e.alarm_id, e.priority) for name, e in is_open.items()} == now


def test_the_oracle_itself_sees_a_high_alarm():
    session = Session()
    session.play(("frames", 12, {"hr": 38.0}))
    assert session.chair.open() == {("heart_rate low", "high")}
    session.play(("phase", 0))
    assert session.chair.session.phase is SessionPhase.BASELINE
