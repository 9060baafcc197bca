"""Can any sequence of values, gaps, restarts and commands lose a high alarm, keep one that is over,
or ring one that was acknowledged?

What must be open is worked out here from the printed limits and the values alone, by another way
than the rules take: by looking back over all values each time. What must sound is worked out from
the record and from what was asked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from clinical.alarms import AlarmKind, AlarmPriority, Direction
from clinical.chair import ChairState, resumed
from clinical.commands import (
    AdjustLimits,
    Command,
    LimitAsked,
    Outcome,
    OutcomeKind,
    PauseAudio,
    PlaceProbe,
    SwitchAlarm,
    SwitchAudio,
)
from clinical.links import LinkState
from clinical.monitor import Observed
from clinical.phases import SessionPhase
from clinical.picture import chair_view
from clinical.record import (
    AlarmCalled,
    AlarmChange,
    AlarmEvent,
    AudioChanged,
    AudioState,
    Fact,
)
from clinical.sign_off import Actor
from clinical.snapshot import ChairView
from clinical.vitals import Metric
from tests.clinical.fakes import (
    BEGIN,
    CLINICIAN,
    DIRECTOR,
    NURSE,
    SHORT,
    WAY,
    at,
    seen,
    started,
)
from tests.clinical.test_alarms import HYSTERESIS, OPERATORS, TABLE, outward

STALE_S = 10.0
OFF_S = 5.0
CUFF_UP_S = 45.0
CUFF_RUNS_S = 240.0
SLACK_S = 0.1  # the engine waits 50 ms for what may still be on its way

SIGNS = ("hr", "spo2", "rr")
VALUES = {
    "hr": [None, 15.0, 38.0, 45.0, 70.0, 109.0, 125.0, 145.0],
    "spo2": [None, 20.0, 75.0, 86.0, 90.0, 98.0],
    "rr": [None, 5.0, 7.5, 9.5, 14.0, 33.0],
}
PLAUSIBLE = {"hr": (20, 300), "spo2": (30, 100), "rr": (0, 80)}
NORMAL = {"hr": 70.0, "spo2": 98.0, "rr": 14.0}
# Breaths that count only beside a low saturation; the sign's own rows are those of TABLE.
BESIDE = [("rr", "<=", 8, 92), ("rr", "<", 10, 94)]
# Moves of a nurse, one at a time: sign, side, priority, to. Some are refused beside others.
MOVES = [
    ("hr", "high", "high", 150),
    ("hr", "high", "high", 130),
    ("hr", "low", "high", 36),
    ("hr", "low", "medium", 44),
    ("spo2", "low", "high", 85),
    ("spo2", "low", "high", 91),
    ("rr", "high", "high", 32),
    ("sys", "high", "high", 190),
    ("sys", "high", "high", 170),
    ("sys", "low", "high", 85),
    ("hr", "high", "high", 140),  # back
    ("sys", "high", "high", 180),
    ("hr", "high", "high", 160),  # out of bounds
    ("spo2", "low", "high", 95),
]
SWITCHED = ("hr", "spo2", "sys")

HIGH = AlarmPriority.HIGH
DONE = OutcomeKind.DONE
Row = tuple


@dataclass
class Journal:
    """What the record says is open, and what of it nobody has answered: read line by line.

    The order of facts is all it knows; the rules' own state is never asked.
    """

    read: int = 0
    open: dict[str, AlarmEvent] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    latched: set[str] = field(default_factory=set)
    raised: dict[UUID, datetime] = field(default_factory=dict)
    ended: set[UUID] = field(default_factory=set)
    # High conditions that nobody has seen: they stay on the screen until somebody has.
    unseen: set[tuple[Metric, Direction]] = field(default_factory=set)
    silence: AudioChanged | None = None

    def follow(self, facts: list[Fact]) -> None:
        for fact in facts[self.read :]:
            match fact:
                case AlarmEvent():
                    self.event(fact)
                case AlarmCalled():
                    self.called(fact)
                case AudioChanged():
                    self.silence = None if fact.state is AudioState.ON else fact
        self.read = len(facts)

    def event(self, fact: AlarmEvent) -> None:
        name, change, before = fact.condition, fact.change, self.open.get(fact.condition)
        if change is AlarmChange.ACKNOWLEDGED and fact.alarm_id in self.ended:
            return  # in the moment of its end: what a person asked is written after what it met
        assert fact.alarm_id not in self.ended, f"{name} {change} after its end"
        if change is AlarmChange.RAISED:
            assert before is None, f"{name} was raised twice"
            assert fact.alarm_id not in self.raised, "two alarms share an id"
            self.raised[fact.alarm_id] = fact.at
        else:
            assert before is not None, f"{name} {change} before it was raised"
            assert before.alarm_id == fact.alarm_id
            assert fact.at >= self.raised[fact.alarm_id]
        self.open[name] = fact
        key = (fact.metric, fact.direction)
        match change:
            case AlarmChange.RAISED | AlarmChange.ESCALATED:
                assert before is None or fact.priority.rank >= before.priority.rank
                self.answered.discard(name)
                if fact.priority is HIGH:
                    self.silence = None  # it breaks through
                    if fact.metric is not None and fact.direction is not None:
                        self.unseen.add(key)
            case AlarmChange.EASED:
                assert fact.priority.rank < before.priority.rank
            case AlarmChange.ACKNOWLEDGED:
                assert fact.by
                self.answered.add(name)
                self.seen(fact)
            case AlarmChange.LATCHED:
                assert name not in self.answered, "what was seen is not kept"
                assert fact.priority is HIGH
                self.latched.add(name)
            case AlarmChange.CLEARED | AlarmChange.RESET:
                assert (change is AlarmChange.RESET) is (name in self.latched)
                if fact.by:
                    self.seen(fact)
                del self.open[name]
                self.answered.discard(name)
                self.latched.discard(name)
                self.ended.add(fact.alarm_id)

    def seen(self, fact: AlarmEvent) -> None:
        """Somebody has seen it; a lost signal stands for both sides of its sign."""
        is_both = fact.condition.endswith("signal lost")
        self.unseen = {
            (metric, direction)
            for metric, direction in self.unseen
            if metric is not fact.metric or not (is_both or direction is fact.direction)
        }

    def called(self, fact: AlarmCalled) -> None:
        name = next(name for name, event in self.open.items() if event.alarm_id == fact.alarm_id)
        assert name not in self.answered, "an answered alarm was carried further"
        assert name not in self.latched, "an alarm that is over was carried further"

    def sound(self, now: datetime) -> tuple[AlarmPriority, AlarmKind] | None:
        """The worst that nobody has answered; the patient before the equipment."""
        silence = self.silence
        if silence is not None and (silence.until is None or now < silence.until):
            return None
        ringing = [
            (event.priority.rank, event.kind is AlarmKind.PHYSIOLOGICAL)
            for name, event in self.open.items()
            if name not in self.answered | self.latched
        ]
        if not ringing:
            return None
        rank, is_of_patient = max(ringing)
        kind = AlarmKind.PHYSIOLOGICAL if is_of_patient else AlarmKind.TECHNICAL
        return next(each for each in AlarmPriority if each.rank == rank), kind


class Session(RuleBasedStateMachine):
    """A chair, every believable value that it was shown, and everything that people may ask."""

    def __init__(self) -> None:
        super().__init__()
        self.chair = started()
        self.journal = Journal()
        self.now_s = 1.0
        self.rows: list[Row] = list(TABLE)  # in force
        self.values: dict[str, list[tuple[float, float]]] = {sign: [] for sign in SIGNS}
        # Breaths with the saturation that was believed then; None where there was none.
        self.pairs: list[tuple[float, float, float | None]] = []
        self.systolic: float | None = None
        self.is_cuff_blank = False  # the last cycle failed: its dashes are the newest there is
        # High limits whose alarm was seen open, and that no value has been back inside of since.
        self.beyond: set[Row] = set()
        self.off: set[str] = set()
        self.is_probe_on_cuff_arm = False
        self.cuff_up_s: float | None = None
        self.baseline: tuple[float, float | None] | None = None  # systolic mmHg, heart rate 1/min

    # --- time and the monitor ---------------------------------------------------------------------

    @initialize(phases=st.sampled_from([0, 1, 2]))
    def begin(self, phases: int) -> None:
        for to in WAY[:phases]:
            self.chair.phase(to)

    def pass_s(self, seconds: float) -> None:
        self.now_s = max(self.now_s, (self.chair.now - BEGIN).total_seconds()) + seconds
        self.chair.wait(self.now_s)

    @rule(
        times=st.sampled_from([1, 2, 6, 12, 35]),
        shown=st.fixed_dictionaries({}, optional={s: st.sampled_from(VALUES[s]) for s in SIGNS}),
    )
    def frames(self, times: int, shown: dict[str, float | None]) -> None:
        for _ in range(times):
            self.pass_s(1.0)
            self.see(shown)
            self.check()

    @rule(sign=st.sampled_from(SIGNS), value=st.data())
    def a_sign_moves(self, sign: str, value: st.DataObject) -> None:
        """One sign goes somewhere and the others are well: what most alarms are made of."""
        self.frames(12, NORMAL | {sign: value.draw(st.sampled_from(VALUES[sign]))})

    def see(self, shown: dict[str, float | None]) -> None:
        is_up = self.cuff_up_s is not None
        if self.cuff_up_s is not None and self.now_s - self.cuff_up_s > CUFF_RUNS_S:
            self.cuff_up_s = self.now_s  # nobody inflates for so long: another cycle has begun
            self.forget("spo2")
        frame = Observed(seen(self.now_s, **shown), at(self.now_s), is_cuff_up=is_up or None)
        self.chair.step(frame, at(self.now_s))
        for sign, value in shown.items():
            if value is None or not PLAUSIBLE[sign][0] <= value <= PLAUSIBLE[sign][1]:
                continue
            if sign == "spo2" and self.does_saturation_wait():
                continue
            self.values[sign].append((self.now_s, value))
            self.beyond = {row for row in self.beyond if is_held(row, sign, value)}
        if shown.get("rr") is not None:
            newest = self.values["spo2"][-1:]
            is_fresh = newest and self.now_s - newest[0][0] <= STALE_S
            beside = newest[0][1] if is_fresh and not self.does_saturation_wait() else None
            if sign_shows_none(shown, "spo2"):
                beside = None
            self.pairs.append((self.now_s, shown["rr"], beside))

    def does_saturation_wait(self) -> bool:
        up_s = self.cuff_up_s
        return self.is_probe_on_cuff_arm and up_s is not None and self.now_s < up_s + CUFF_UP_S

    @rule(seconds=st.sampled_from([0.2, 3.0, 8.0, 11.0, 35.0, 130.0, 500.0]))
    def wait(self, seconds: float) -> None:
        self.pass_s(seconds)

    @rule(seconds=st.sampled_from([0.001, 0.03, 0.5]))
    def tick(self, seconds: float) -> None:
        self.now_s += seconds
        self.chair.tick(self.now_s)

    @rule(
        systolic=st.sampled_from([None, 60.0, 85.0, 120.0, 150.0, 170.0, 179.0, 185.0, 290.0]),
        again_s=st.sampled_from([0.0, 0.0, 60.0, 150.0]),
    )
    def cuff(self, systolic: float | None, again_s: float) -> None:
        """A reading; perhaps the same once more."""
        for pause_s in (1.0, again_s):
            if not pause_s:
                break
            self.pass_s(pause_s)
            diastolic = None if systolic is None else 55.0
            self.chair.cuff(self.now_s, systolic, diastolic, systolic and 80.0)
            self.deflate()
            self.is_cuff_blank = systolic is None
            if systolic is not None and 55 < systolic <= 280:
                self.systolic = systolic

    @rule()
    def inflate(self) -> None:
        self.pass_s(1.0)
        if self.cuff_up_s is None:
            self.cuff_up_s = self.now_s
            if self.is_probe_on_cuff_arm:
                self.forget("spo2")
        self.see({"hr": 70.0})

    def deflate(self) -> None:
        if self.cuff_up_s is not None and self.is_probe_on_cuff_arm:
            self.forget("spo2")
        self.cuff_up_s = None

    @rule(state=st.sampled_from(LinkState))
    def link(self, state: LinkState) -> None:
        self.pass_s(0.001)
        self.chair.link(self.now_s, state)

    @rule(is_recording=st.booleans())
    def recording(self, is_recording: bool) -> None:
        self.pass_s(0.001)
        self.chair.recording(self.now_s, is_recording)

    @rule()
    def overrun(self) -> None:
        self.pass_s(0.001)
        self.chair.overrun(self.now_s)

    @rule(seconds=st.sampled_from([2.0, 40.0, 600.0]))
    def restart(self, seconds: float) -> None:
        """What was open is open again, as it was; a delay that was running begins anew."""
        self.pass_s(0.0)
        before = told(self.view())
        self.now_s += seconds
        chair, fresh = self.chair, ChairState(1, "Chair 1", is_simulated=True)
        chair.state, gap = resumed(fresh, chair.stored(), at(self.now_s))
        chair.facts.append(gap)
        chair.now = at(self.now_s)
        assert told(self.view()) == before
        chair.tick(self.now_s)
        for sign in SIGNS:
            beyond = self.beyond
            self.forget(sign)
            self.beyond = beyond  # they are held on to
        self.cuff_up_s = None

    def forget(self, sign: str) -> None:
        """From here on the oracle of ``sign`` begins anew: it says less, and nothing wrong."""
        if sign in self.values:
            self.values[sign].clear()
        if sign in ("rr", "spo2"):
            self.pairs.clear()
        self.beyond = {row for row in self.beyond if row[0] != sign}

    # --- people -----------------------------------------------------------------------------------

    def ask(self, kind: type[Command], by: Actor = NURSE, **asked: object) -> Outcome:
        self.pass_s(0.001)
        command = kind(command_id=self.chair.new_id(), by=by, chair=1, **asked)
        return self.chair.ask(command)[0]

    @rule(number=st.integers(0, 4))
    def acknowledge(self, number: int) -> None:
        names = sorted(self.chair.alarms)
        if number < len(names):
            self.pass_s(0.001)
            names = sorted(self.chair.alarms)
            if number < len(names):
                self.chair.acknowledge(names[number])

    @rule()
    def acknowledge_all(self) -> None:
        self.pass_s(0.001)
        for name in sorted(self.chair.alarms):
            if name in self.chair.alarms:
                self.chair.acknowledge(name)
        assert self.view().sound is None, "everything was answered"

    @rule(seconds=st.sampled_from([0, 30, 120, 300, 301]))
    def pause(self, seconds: int) -> None:
        outcome = self.ask(PauseAudio, seconds=seconds)
        assert outcome.kind is DONE or seconds == 301 or self.journal.silence is not None

    @rule(is_off=st.booleans())
    def switch_audio(self, is_off: bool) -> None:
        self.ask(SwitchAudio, by=DIRECTOR, is_off=is_off, reason="asleep")

    @rule(sign=st.sampled_from(SWITCHED))
    def switch_sign(self, sign: str) -> None:
        is_off = sign not in self.off
        outcome = self.ask(
            SwitchAlarm, by=CLINICIAN, metric=SHORT[sign], is_off=is_off, reason="known"
        )
        assert outcome.kind is DONE
        self.off ^= {sign}
        self.forget(sign)
        if sign == "sys":
            self.systolic = None  # what a restart found while it was off waits for the next cuff
        if is_off:  # somebody has decided that it is not to be seen
            metric = SHORT[sign]
            self.journal.follow(self.chair.facts)
            self.journal.unseen = {key for key in self.journal.unseen if key[0] is not metric}

    @rule(move=st.sampled_from(MOVES))
    def adjust(self, move: tuple[str, str, str, float]) -> None:
        sign, side, priority, value = move
        before = self.view().session.limits
        asked = LimitAsked(SHORT[sign], side, priority, value)
        outcome = self.ask(AdjustLimits, limits=(asked,))
        if outcome.kind is not DONE:
            assert self.view().session.limits == before
            return
        moved = [
            row
            for row in self.rows
            if (row[0], row[3]) == (sign, priority)
            and (row[1][0] == "<") is (side == "low")
            and row[:3] != ("spo2", "<", 80)  # of two the one that is reached first
            and len(row) == 5
        ]
        assert len(moved) == 1
        index = self.rows.index(moved[0])
        self.rows[index] = (*moved[0][:2], value, *moved[0][3:])
        self.limits_are_new(sign)

    def limits_are_new(self, sign: str) -> None:
        self.forget(sign)
        if self.is_cuff_blank or any("signal lost" in name for name in self.chair.alarms):
            self.systolic = None  # nothing that other limits could judge before the next cuff

    @precondition(lambda self: self.chair.session.phase is SessionPhase.BASELINE)
    @rule(systolic=st.sampled_from([110.0, 120.0]), hr=st.sampled_from([None, 60.0, 80.0]))
    def lock_baseline(self, systolic: float, hr: float | None) -> None:
        for _ in range(2):
            self.pass_s(180.0)
            self.see({} if hr is None else {"hr": hr})
            self.chair.cuff(self.now_s, systolic, 55.0, 80.0)
            self.deflate()
        self.systolic = systolic
        assert self.chair.lock().kind is DONE
        self.rows = [row for row in self.rows if len(row) == 5]
        self.rows += [("sys", "<=", systolic * 0.7, "high", 0, "relative")]
        self.rows += [("sys", ">=", systolic * 1.2, "low", 0, "relative")]
        self.rows += [("sys", ">=", max(systolic * 1.4, 160), "high", 0, "relative")]
        if hr is not None:
            self.rows += [("hr", "<=", hr * 0.7, "medium", 30, "relative")]
            self.rows += [("hr", ">=", hr * 1.25, "low", 30, "relative")]
        self.limits_are_new("hr")

    @rule(is_on_cuff_arm=st.booleans())
    def place_probe(self, is_on_cuff_arm: bool) -> None:
        if self.ask(PlaceProbe, is_on_cuff_arm=is_on_cuff_arm).kind is DONE:
            self.is_probe_on_cuff_arm = is_on_cuff_arm
            self.forget("spo2")

    @rule()
    def next_phase(self) -> None:
        here = self.chair.session.phase
        done = WAY.index(here) + 1 if here in WAY else 0
        if done < len(WAY):
            self.pass_s(0.001)
            self.chair.phase(WAY[done])

    # --- what must be so --------------------------------------------------------------------------

    def view(self) -> ChairView:
        return chair_view(self.chair.state, self.chair.now)

    @invariant()
    def check(self) -> None:
        self.now_s = max(self.now_s, (self.chair.now - BEGIN).total_seconds())
        is_open = self.chair.open()
        for sign in SIGNS:
            if sign in self.off:
                names = {name for name, _ in is_open if name.startswith(f"{SHORT[sign]} ")}
                assert names == set(), "an alarm of a sign that is switched off"
                continue
            for row in (row for row in self.rows if row[0] == sign and row[3] == "high"):
                self.check_high(row, is_open)
            if self.has_long_been_inside(sign):
                names = {name for name, _ in is_open if name.startswith(f"{SHORT[sign]} ")}
                assert names == set(), "a condition is still active that is over"
        self.check_breaths(is_open)
        self.check_pressure(is_open)
        self.check_what_people_see()

    def check_what_people_see(self) -> None:
        self.journal.follow(self.chair.facts)
        journal, shown = self.journal, self.view()
        now = {name: (a.alarm_id, a.signal.priority) for name, a in self.chair.alarms.items()}
        assert {name: (e.alarm_id, e.priority) for name, e in journal.open.items()} == now
        assert {a.condition for a in shown.alarms if a.is_latched} == journal.latched
        sound = None if shown.sound is None else (shown.sound.priority, shown.sound.kind)
        assert sound == journal.sound(self.chair.now), "it rings, or is silent, and must not"
        for metric, direction in journal.unseen:
            # Of whichever side: "signal lost" is one condition for both, the later one is shown.
            on_screen = [
                a for a in shown.alarms if a.metric is metric and a.acknowledged_by is None
            ]
            assert on_screen, f"a high {metric} {direction} was gone before anybody saw it"
            assert any(a.is_on_all_screens for a in on_screen)

    def check_high(self, row: Row, is_open: set[tuple[str, str]]) -> None:
        sign, sign_operator, limit, _, delay_s = row[:5]
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

    def check_breaths(self, is_open: set[tuple[str, str]]) -> None:
        """Few breaths beside a low saturation, both without a break for 30 s."""
        for (sign, sign_operator, limit, below), priority in zip(
            BESIDE, ("high", "medium"), strict=True
        ):
            begin = last = None
            for at_s, breaths, saturation in reversed(self.pairs):
                is_cut = last is not None and last - at_s > STALE_S
                if is_cut or saturation is None or saturation >= below:
                    break
                if not OPERATORS[sign_operator](breaths, limit):
                    break
                begin, last = at_s, at_s
            newest_s = self.pairs[-1][0] if self.pairs else 0.0
            if begin is None or not begin + 30 + SLACK_S < newest_s or "spo2" in self.off:
                continue
            if self.now_s < newest_s + STALE_S:
                found = {p for name, p in is_open if name == f"{SHORT[sign]} low"}
                assert found & {priority, "high"}, "few breaths with a low saturation were lost"

    def has_long_been_inside(self, sign: str) -> bool:
        values = self.values[sign]
        begin = None
        for at_s, value in reversed(values):
            if any(row[0] == sign and is_held(row, sign, value) for row in self.rows):
                break
            if sign == "rr" and value < 11.0:  # may be held beside a saturation
                break
            begin = at_s
        return begin is not None and begin + OFF_S + SLACK_S < self.now_s

    def check_pressure(self, is_open: set[tuple[str, str]]) -> None:
        name, value = "nibp_systolic", self.systolic
        found = {each for each in is_open if each[0].startswith(name)}
        if "sys" in self.off:
            assert found == set()
        if value is None or "sys" in self.off:
            return
        rows = [row for row in self.rows if row[0] == "sys"]
        high = [row for row in rows if row[3] == "high" and OPERATORS[row[1]](value, row[2])]
        if high:
            side = "low" if high[0][1][0] == "<" else "high"
            live, lost = (f"{name} {side}", "high"), (f"{name} signal lost", "high")
            assert len(found & {live, lost}) == 1, "a high pressure was lost"
        elif not any(is_held(row, "sys", value) for row in rows):
            assert found == set(), "a pressure that is well is in alarm"


def sign_shows_none(shown: dict[str, float | None], sign: str) -> bool:
    return sign in shown and (
        shown[sign] is None or not PLAUSIBLE[sign][0] <= shown[sign] <= PLAUSIBLE[sign][1]
    )


def is_held(row: Row, sign: str, value: float) -> bool:
    """Whether a value of ``sign`` leaves an alarm of ``row`` as it is."""
    own, sign_operator, limit = row[:3]
    inward = HYSTERESIS[own] * outward(sign_operator)
    return own != sign or OPERATORS[sign_operator](value + inward, limit)


def told(view: ChairView) -> dict[str, tuple[object, ...]]:
    """What a person knows of each open alarm."""
    return {
        each.condition: (
            *(each.alarm_id, each.priority, each.kind, each.is_latched, each.acknowledged_by),
            *(each.is_on_all_screens, each.calls, each.confirmed_at),
        )
        for each in view.alarms
        if each.condition != "REPEAT BP"
    }


TestNothingIsLost = Session.TestCase
TestNothingIsLost.settings = settings(max_examples=60, stateful_step_count=25)


def test_the_oracle_itself_sees_a_high_alarm():
    session = Session()
    session.frames(12, {"hr": 38.0})
    assert session.chair.open() == {("heart_rate low", "high")}
    assert session.beyond
    assert session.journal.sound(session.chair.now) == (HIGH, AlarmKind.PHYSIOLOGICAL)
    session.frames(12, {"hr": 70.0})
    assert session.journal.latched == {"heart_rate low"}
    assert session.journal.unseen == {(Metric.HEART_RATE, Direction.LOW)}
    session.acknowledge_all()
    session.check()
    assert session.journal.unseen == set()
