"""Does each limit of the shipped adult table alarm exactly when its row says so?"""

from __future__ import annotations

import operator
from datetime import timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clinical.alarms import AlarmPriority
from clinical.catalog.loader import load_preset
from clinical.monitor import Tick
from clinical.phases import SessionPhase
from clinical.record import AlarmChange, AlarmEvent
from tests.clinical.fakes import SHORT, Bedside, at, started

# Our clinical rules, section 4, as printed: sign, operator, limit, priority, delay in seconds.
TABLE = [
    ("hr", "<=", 40, "high", 5),
    ("hr", "<", 50, "medium", 10),
    ("hr", ">", 110, "low", 30),
    ("hr", ">", 120, "medium", 10),
    ("hr", ">=", 140, "high", 5),
    ("spo2", "<", 80, "high", 0),
    ("spo2", "<", 88, "high", 10),
    ("spo2", "<", 92, "medium", 15),
    ("spo2", "<", 94, "low", 30),
    ("rr", "<=", 6, "high", 30),
    ("rr", "<", 8, "medium", 30),
    ("rr", ">", 24, "medium", 30),
    ("rr", ">=", 30, "high", 30),
    ("sys", "<=", 80, "high", 0),
    ("sys", "<", 90, "medium", 0),
    ("sys", ">", 140, "low", 0),
    ("sys", ">", 160, "medium", 0),
    ("sys", ">=", 180, "high", 0),
    ("dia", "<=", 40, "high", 0),
    ("dia", "<", 50, "medium", 0),
    ("dia", ">", 90, "low", 0),
    ("dia", ">", 100, "medium", 0),
    ("dia", ">=", 110, "high", 0),
    ("mean", "<=", 55, "high", 0),
    ("mean", "<", 60, "medium", 0),
    ("mean", ">", 110, "medium", 0),
    ("mean", ">=", 130, "high", 0),
]
HYSTERESIS = {"hr": 2, "spo2": 1, "rr": 1, "sys": 2, "dia": 2, "mean": 2}
CUFF_AT_REST = {"sys": 120.0, "dia": 75.0, "mean": 90.0}
AT_REST = {"hr": 70.0, "spo2": 98.0, "rr": 14.0}
OPERATORS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
RANK = ["low", "medium", "high"]

rows = pytest.mark.parametrize("row", TABLE, ids=lambda row: "{} {} {} {}".format(*row))
delayed_rows = pytest.mark.parametrize(
    "row", [row for row in TABLE if row[4]], ids=lambda row: "{} {} {} {}".format(*row)
)


def outward(sign: str) -> int:
    return -1 if "<" in sign else 1


def beyond(row: tuple) -> float:
    """A value that this row catches and no worse one does."""
    _, sign, limit, _, _ = row
    return limit if "=" in sign else limit + outward(sign) * 0.5


def name(row: tuple) -> str:
    return f"{SHORT[row[0]]} {'low' if '<' in row[1] else 'high'}"


def expected(vital: str, value: float, side: str) -> str | None:
    """The worst priority that the printed table gives ``value`` once every delay has passed."""
    found = [
        priority
        for each, sign, limit, priority, _ in TABLE
        if each == vital and side in sign and OPERATORS[sign](value, limit)
    ]
    return max(found, key=RANK.index, default=None)


def show(chair: Bedside, vital: str, value: float, begin: float, end: float) -> None:
    """``value`` of ``vital``, each second or as one cuff, with everything else at rest."""
    if vital in CUFF_AT_REST:
        chair.wait(begin)
        chair.cuff(begin, **{**CUFF_AT_REST, vital: value})
        chair.wait(end)
    else:
        chair.watch(begin, end, **{**AT_REST, vital: value})


def changes(chair: Bedside, condition: str) -> list[tuple[str, str, float]]:
    return [each[1:] for each in chair.log(condition)]


def test_the_shipped_table_is_the_printed_one():
    shipped = [
        (limit.metric, limit.operator.value, limit.value, limit.priority.value, limit.delay_s)
        for limit in load_preset("ketamine-adult").limits
        if limit.is_plain
    ]
    assert shipped == [(SHORT[vital], *rest) for vital, *rest in TABLE]


@pytest.mark.parametrize("offset", [0.5, 0.0, -0.5], ids=["beyond", "on", "inside"])
@rows
def test_a_limit_includes_its_own_value_only_where_its_operator_says_so(row, offset):
    vital, sign, limit, _, _ = row
    value = limit + outward(sign) * offset
    chair = started()
    show(chair, vital, value, 10, 50)
    priority = expected(vital, value, sign[0])
    assert chair.open() == ({(name(row), priority)} if priority else set())


@delayed_rows
def test_a_delay_ends_neither_a_tenth_early_nor_a_tenth_late(row):
    vital, _, _, priority, delay_s = row
    chair = started()
    show(chair, vital, beyond(row), 10, 10 + delay_s - 0.1)
    assert (name(row), priority) not in chair.open()
    chair.wait(10 + delay_s + 0.1)
    assert (name(row), priority) in chair.open()
    assert (
        "raised" if len(changes(chair, name(row))) == 1 else "escalated",
        priority,
        10.0 + delay_s,
    ) == changes(chair, name(row))[-1]


@delayed_rows
def test_a_value_that_is_back_a_tenth_before_the_delay_ends_never_alarms(row):
    vital, _, _, priority, delay_s = row
    chair = started()
    show(chair, vital, beyond(row), 10, 10 + delay_s - 0.1)
    chair.wait(10 + delay_s - 0.1)
    chair.see(10 + delay_s - 0.1, **AT_REST)
    chair.watch(11 + delay_s, 80, **AT_REST)
    assert priority not in [change[1] for change in changes(chair, name(row))]


@pytest.mark.parametrize("value", [79.9, 60.0])
def test_a_saturation_below_80_alarms_at_once(value):
    chair = started()
    chair.see(10, spo2=value)
    assert chair.open() == {("spo2 low", "high")}
    assert changes(chair, "spo2") == [("raised", "high", 10.0)]


@rows
def test_a_value_that_flaps_around_its_limit_alarms_once(row):
    vital, sign, limit, _, _ = row
    inside = limit - outward(sign) * HYSTERESIS[vital] / 2
    chair = started()
    show(chair, vital, beyond(row), 10, 45)
    before = chair.open()
    assert name(row) in [condition for condition, _ in before]
    for second in range(50, 100, 10):
        show(chair, vital, inside, second, second + 8)
        show(chair, vital, beyond(row), second + 8, second + 10)
    assert chair.open() == before
    told = [each[0] for each in changes(chair, name(row))]
    # A cuff that says the same once more confirms; that is news of the alarm, not another one.
    assert [change for change in told if change not in ("escalated", "confirmed")] == ["raised"]


@rows
def test_a_condition_ends_once_the_value_is_back_by_its_hysteresis(row):
    vital, sign, limit, _, _ = row
    back = limit - outward(sign) * (HYSTERESIS[vital] + (0.5 if "=" in sign else 0))
    chair = started()
    show(chair, vital, beyond(row), 10, 45)
    show(chair, vital, back, 50, 56)
    lesser = expected(vital, back, sign[0])
    assert chair.open() == ({(name(row), lesser)} if lesser else set())


def test_a_continuous_sign_clears_five_seconds_after_it_is_back():
    chair = started()
    chair.watch(10, 30, **AT_REST | {"hr": 45})
    chair.watch(30, 34.9, **AT_REST)
    chair.wait(34.9)
    assert chair.open() == {("heart_rate low", "medium")}
    chair.wait(35.1)
    assert chair.open() == set()
    assert changes(chair, "heart_rate") == [("raised", "medium", 20.0), ("cleared", "medium", 35.0)]


def test_a_value_that_leaves_again_within_the_off_delay_does_not_clear():
    chair = started()
    chair.watch(10, 30, hr=45)
    for second in range(30, 60, 5):
        chair.watch(second, second + 4, hr=70)
        chair.watch(second + 4, second + 5, hr=45)
    assert changes(chair, "heart_rate") == [("raised", "medium", 20.0)]


def test_a_cuff_clears_with_the_reading_that_is_back():
    chair = started()
    chair.cuff(10, 170, 80)
    chair.cuff(310, 138, 80)
    assert changes(chair, "nibp_systolic") == [
        ("raised", "medium", 10.0),
        ("cleared", "medium", 310.0),
    ]


def test_missing_values_neither_start_a_run_nor_end_one():
    chair = started()
    chair.watch(10, 15, hr=None)
    chair.watch(15, 17, hr=45)
    chair.watch(17, 24, hr=None)
    chair.wait(24.9)
    assert chair.open() == {("HR NO SIGNAL", "low")}
    chair.watch(25, 26, hr=45)
    chair.wait(26)
    assert chair.open() == {("heart_rate low", "medium")}
    assert changes(chair, "heart_rate") == [("raised", "medium", 25.0)]


def test_missing_values_do_not_carry_a_value_that_came_back_inside():
    chair = started()
    chair.watch(10, 15, hr=45)
    chair.watch(15, 16, hr=70)
    chair.watch(16, 22, hr=None)
    chair.watch(22, 28, hr=45)
    assert changes(chair, "heart_rate") == []


def test_one_condition_escalates_and_eases_under_one_alarm_id():
    chair = started()
    chair.watch(0, 40, hr=115)
    chair.watch(40, 60, hr=125)
    chair.watch(60, 70, hr=145)
    chair.acknowledge("heart_rate high")
    chair.watch(70, 80, hr=125)
    chair.watch(80, 90, hr=115)
    assert chair.alarms["heart_rate high"].acknowledged_by == "anna"
    chair.watch(90, 100, hr=90)
    chair.wait(100)
    facts = [fact for fact in chair.facts if isinstance(fact, AlarmEvent)]
    assert len({fact.alarm_id for fact in facts}) == 1
    assert [(f.change.value, f.priority.value) for f in facts] == [
        ("raised", "low"),
        ("escalated", "medium"),
        ("escalated", "high"),
        ("acknowledged", "high"),
        ("eased", "medium"),
        ("eased", "low"),
        ("cleared", "low"),
    ]
    assert facts[-1].worst == 145


def test_an_escalated_condition_is_no_longer_acknowledged():
    chair = started()
    chair.watch(0, 15, hr=125)
    chair.acknowledge("heart_rate high")
    chair.watch(15, 22, hr=150)
    assert chair.alarms["heart_rate high"].acknowledged_by is None
    assert chair.open() == {("heart_rate high", "high")}


def test_a_condition_eases_to_the_lesser_limit_it_is_still_beyond():
    """Beyond the advisory limit all the time: it must not end here and start anew at 30 s."""
    chair = started()
    chair.watch(0, 12, hr=125)
    chair.watch(12, 40, hr=115)
    assert changes(chair, "heart_rate") == [("raised", "medium", 10.0), ("eased", "low", 17.0)]


def test_of_two_limits_the_text_names_the_one_the_value_is_beyond():
    chair = started()
    chair.watch(0, 5, spo2=78)
    assert chair.alarms["spo2 low"].signal.text == "*** SpO2 78 < 80"
    chair.watch(5, 7, spo2=85)
    assert chair.alarms["spo2 low"].signal.text == "*** SpO2 85 < 88"
    assert changes(chair, "spo2") == [("raised", "high", 0.0)]


# --- the pulse in place of the ECG rate -----------------------------------------------------------


def test_the_pulse_stands_in_where_the_ecg_gives_no_rate():
    chair = started()
    chair.watch(0, 5, hr=70, pulse=70)
    chair.watch(5, 40, hr=None, pulse=45)
    assert ("heart_rate low", "medium") in chair.open()
    assert chair.alarms["heart_rate low"].signal.text == "** PR 45 < 50"


def test_the_pulse_is_not_judged_beside_a_live_ecg_rate():
    chair = started()
    chair.watch(0, 60, hr=70, pulse=200)
    assert chair.open() == set()


def test_the_pulse_alone_is_judged_by_the_heart_rate_limits():
    chair = started()
    chair.watch(0, 15, pulse=45)
    assert chair.open() == {("heart_rate low", "medium")}


def test_a_heart_rate_that_is_no_longer_sent_does_not_lend_its_number_to_the_pulse():
    """A module that is pulled says nothing: its last number must not stand in the alarm."""
    chair = started()
    chair.watch(0, 5, hr=80, pulse=80)
    chair.watch(5, 40, pulse=45)
    alarm = chair.alarms["heart_rate low"]
    assert (alarm.signal.text, alarm.signal.value, alarm.worst) == ("** PR 45 < 50", 45, 45)


def test_an_artefact_is_neither_the_value_nor_the_worst_value_of_an_alarm():
    chair = started()
    chair.watch(0, 15, spo2=86)
    chair.watch(15, 17, spo2=12)
    alarm = chair.alarms["spo2 low"]
    assert (alarm.signal.text, alarm.worst) == ("*** SpO2 --- < 88", 86)


# --- values that go stale -------------------------------------------------------------------------


def test_an_alarm_whose_value_goes_stale_becomes_technical_and_comes_back():
    chair = started()
    chair.watch(0, 20, hr=45)
    chair.wait(31)
    assert ("heart_rate low", "medium") not in chair.open()
    assert ("heart_rate signal lost", "medium") in chair.open()
    assert chair.alarms["heart_rate signal lost"].signal.text == "HR 45 < 50 SIGNAL LOST"
    chair.watch(40, 42, hr=45)
    assert chair.open() == {("heart_rate low", "medium")}
    assert changes(chair, "heart_rate low") == [
        ("raised", "medium", 10.0),
        ("cleared", "medium", 29.0),
        ("raised", "medium", 40.0),
    ]


def test_a_lost_alarm_ends_with_a_value_that_is_back_inside():
    chair = started()
    chair.watch(0, 20, hr=45)
    chair.wait(40)
    chair.watch(40, 45, hr=70)
    assert chair.open() == set()
    assert [change[0] for change in changes(chair, "heart_rate low")] == ["raised", "cleared"]


def test_a_signal_that_comes_and_goes_does_not_lose_the_alarm():
    """One value every 15 s never fills a delay of 30 s, yet it is as bad as before."""
    chair = started()
    chair.watch(0, 35, rr=5)
    for second in range(50, 200, 15):
        chair.wait(second)
        assert ("resp_rate signal lost", "high") in chair.open()
        chair.see(second, rr=5)
        assert chair.open() == {("resp_rate low", "high")}


def test_a_lost_alarm_comes_back_at_the_priority_its_value_has_now():
    chair = started()
    chair.watch(0, 20, spo2=85)
    chair.wait(40)
    assert ("spo2 signal lost", "high") in chair.open()
    chair.see(40, spo2=91)
    assert chair.open() == {("spo2 low", "medium")}


def test_a_cuff_of_the_phase_before_is_not_lost_when_the_phase_begins():
    chair = started(SessionPhase.BASELINE)
    chair.cuff(10, 150, 85)
    chair.wait(1200)
    chair.phase(SessionPhase.INFUSING)
    chair.wait(1201)
    assert chair.open() == {("nibp_systolic high", "low")}
    chair.wait(1200 + 300 + 121)
    assert ("nibp_systolic signal lost", "low") in chair.open()


# --- data time ------------------------------------------------------------------------------------

vital = st.sampled_from([None, 5.0, 7.0, 28.0, 35.0, 45.0, 70.0, 115.0, 125.0, 150.0])
frames = st.lists(
    st.tuples(vital, st.sampled_from([None, 78.0, 86.0, 91.0, 93.0, 98.0]), st.integers(1, 8)),
    max_size=25,
)
moments = st.lists(st.floats(0, 120, allow_nan=False), max_size=30)


def onsets(chair: Bedside) -> list[tuple[str, str, str, float]]:
    """What the limits said, with its data times."""
    return [
        (
            fact.condition,
            fact.change.value,
            fact.priority.value,
            (fact.at - at(0)) / timedelta(seconds=1),
        )
        for fact in chair.facts
        if isinstance(fact, AlarmEvent) and fact.metric is not None and fact.direction is not None
        if not fact.condition.endswith("lost") or fact.change is AlarmChange.RAISED
    ]


@settings(max_examples=20)
@given(frames=frames, moments=moments)
@example(frames=[(None, 86.0, 1), (None, 91.0, 5), (None, 86.0, 1)], moments=[])
def test_the_log_is_the_same_whenever_the_engine_wakes(frames, moments):
    seen, second = [], 0.0
    for heart_rate, spo2, repeated in frames:
        for _ in range(repeated):
            second += 1
            seen.append((second, heart_rate, spo2))

    def play(ticks: list[float]) -> list[tuple[str, str, str, float]]:
        chair = started()
        todo = [*((each[0], 0, each) for each in seen), *((tick, 1, None) for tick in ticks)]
        for when, _, frame in sorted(todo, key=lambda each: each[:2]):
            if frame is None:
                # The engine does not handle a frame before it came, nor a tick before a frame
                # that is on its way: that is what the lateness allows for.
                chair.step(Tick(), at(when))
            else:
                _, heart_rate, spo2 = frame
                rate = heart_rate if heart_rate is None or heart_rate >= 20 else None
                chair.see(when, late_s=0, hr=rate, spo2=spo2)
        chair.step(Tick(), at(1000))
        return onsets(chair)

    assert play(moments) == play([]) == play([n * 0.7 for n in range(170)])


def test_priorities_have_their_marks():
    assert [priority.mark for priority in AlarmPriority] == ["*", "**", "***"]
