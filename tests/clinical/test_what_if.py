"""Has a past session the alarms of its record under its own limits, and others under others?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from clinical.alarms import AlarmKind
from clinical.catalog.presets import shipped
from clinical.chair import NOT_RUNNING, ChairState, fold, resumed
from clinical.commands import (
    AdjustLimits,
    LimitAsked,
    OutcomeKind,
    PauseAudio,
    PlaceProbe,
    SwitchAlarm,
)
from clinical.links import CuffOrder
from clinical.monitor import Tick
from clinical.phases import SessionPhase
from clinical.record import AlarmChange, AlarmEvent, CuffOrdered, Vitals
from clinical.vitals import Metric, Quality
from clinical.what_if import course_of, delayed, replayed, replayed_plainly
from tests.clinical.fakes import CLINICIAN, NURSE, Bedside, at, started
from tests.clinical.test_bedside import MULTI, OXIMETER, at_chair, hear

REST = {"hr": 72, "spo2": 98, "rr": 14}
PRESETS = shipped()
MOMENT = timedelta(milliseconds=100)  # for a delay that ends with the last value


def recorded(chair: Bedside) -> list[AlarmEvent]:
    return [
        fact
        for fact in chair.facts
        if isinstance(fact, AlarmEvent) and fact.kind is AlarmKind.PHYSIOLOGICAL
    ]


def own(chair: Bedside):
    opened = course_of(chair.facts).opened
    return PRESETS.edition(opened.preset, opened.preset_version)


def again(chair: Bedside) -> list[AlarmEvent]:
    """The alarms of the session, found out anew under its own preset, in both ways."""
    course, preset = course_of(chair.facts), own(chair)
    plain = replayed_plainly(course, preset)
    assert replayed(course, preset) == plain
    return list(plain)


def restart(chair: Bedside, second: float) -> None:
    """Vigil ends a moment after what came last, and is back at ``second``."""
    chair.step(Tick(), chair.now + MOMENT)
    state = ChairState(1, "Chair 1", is_simulated=True)
    chair.state, gap = resumed(state, chair.stored(), at(second))
    chair.facts.append(gap)
    chair.tick(second)


def ask(chair: Bedside, command: type, **what: object) -> None:
    by = what.pop("by", NURSE)
    made = command(command_id=chair.new_id(), by=by, chair=1, **what)
    assert chair.ask(made)[0].kind is OutcomeKind.DONE


def move(chair: Bedside, metric: str, direction: str, priority: str, value: float) -> None:
    wanted = LimitAsked(metric, direction, priority, value)
    ask(chair, AdjustLimits, limits=(wanted,), reason="usual for her")


def rising() -> Bedside:
    """An infusion in which the pressure, the pulse and the saturation leave their limits."""
    chair = started(SessionPhase.BASELINE)
    chair.watch(1, 10, **REST)
    chair.cuff(10, 122, 78)
    chair.watch(11, 200, **REST)
    chair.cuff(200, 120, 80)
    chair.lock()
    chair.phase(SessionPhase.INFUSING)
    chair.watch(201, 230, **REST | {"hr": 118})
    chair.watch(230, 260, **REST | {"hr": 126})
    chair.acknowledge("heart_rate high")
    for second, rate in enumerate((128, 131, 127, 139, 141, 142, 141, 143, 142, 141, 145, 139)):
        chair.watch(260 + second, 261 + second, **REST | {"hr": rate})
    chair.cuff(272.5, 184, 96)
    chair.watch(273, 330, **REST)
    chair.cuff(330.5, 182, 95)
    chair.watch(331, 400, **REST | {"spo2": 91})
    chair.watch(400, 430, **REST | {"spo2": 87})
    chair.watch(430, 480, **REST)
    chair.acknowledge("spo2 low")
    chair.cuff(500, 150, 85)
    chair.watch(501, 520, **REST)
    return chair


def test_its_own_limits_give_the_alarms_of_the_record_to_the_last_word():
    chair = rising()
    found = again(chair)
    assert found == recorded(chair)
    changes = {found_one.change for found_one in found}
    assert changes == {*AlarmChange}  # whatever can become of an alarm has become of one


def test_a_session_that_went_on_through_restarts_and_gaps():
    chair = started(SessionPhase.INFUSING)
    chair.watch(1, 40, **REST | {"hr": 124})
    restart(chair, 75)
    chair.watch(76, 90, **REST | {"hr": 125})
    chair.watch(90, 130, **REST | {"spo2": 90, "hr": 112})
    chair.wait(170)  # nothing comes: the signals are lost
    chair.watch(170, 200, **REST | {"spo2": 90})
    chair.cuff(200, 165, 84)
    restart(chair, 231)
    chair.watch(232, 300, **REST)
    assert any(fact.reason == NOT_RUNNING for fact in chair.facts if hasattr(fact, "reason"))
    assert again(chair) == recorded(chair) != []


def test_limits_that_were_moved_and_signs_that_were_switched_off():
    chair = started(SessionPhase.INFUSING)
    chair.watch(1, 30, **REST | {"hr": 46})
    move(chair, "heart_rate", "low", "medium", 45)
    chair.watch(31, 60, **REST | {"hr": 46})
    ask(chair, SwitchAlarm, by=CLINICIAN, metric="spo2", is_off=True, reason="cold fingers")
    chair.watch(60, 100, **REST | {"spo2": 85, "hr": 44})
    ask(chair, PauseAudio, seconds=60)
    ask(chair, SwitchAlarm, by=CLINICIAN, metric="spo2", is_off=False, reason="warm again")
    chair.watch(100, 140, **REST | {"spo2": 85})
    chair.phase(SessionPhase.ABORTED, "she wants to go")
    assert again(chair) == recorded(chair) != []
    unmoved = replayed(course_of(chair.facts), own(chair), is_moved=False)
    slow = [e for e in unmoved if e.condition == "heart_rate low" and e.change == "raised"]
    assert {event.limit for event in slow} == {50.0}


def test_a_pulse_that_stands_in_for_the_ecg():
    chair = started(SessionPhase.INFUSING)
    chair.watch(1, 40, hr=72, pulse=73, spo2=98)
    chair.watch(40, 90, pulse=126, spo2=98)
    chair.watch(90, 95, hr=None, pulse=131, spo2=97)
    chair.watch(95, 130, hr=90, pulse=150, spo2=97)
    assert again(chair) == recorded(chair) != []


def test_a_probe_on_the_arm_with_the_cuff_is_left_alone_while_that_is_up():
    chair = started(SessionPhase.INFUSING)
    ask(chair, PlaceProbe, is_on_cuff_arm=True)
    chair.watch(1, 30, **REST)
    order = CuffOrdered(chair.session.opened.session, at(30), "anna", CuffOrder.START, "dinamap")
    chair.state = replace(chair.state, session=fold(chair.session, order))
    chair.facts.append(order)
    chair.watch(31, 110, **REST | {"spo2": 85})
    assert again(chair) == recorded(chair) != []


def test_values_that_no_one_can_have_are_no_emergency_here_either():
    chair = started(SessionPhase.INFUSING)
    chair.watch(1, 20, **REST)
    chair.watch(20, 60, **REST | {"hr": 400, "spo2": 12})
    chair.see(60, quality=Quality.QUESTIONABLE, hr=150)
    chair.watch(61, 80, **REST | {"hr": 150})
    assert again(chair) == recorded(chair) != []


def test_two_monitors_at_a_chair_each_for_its_own_signs_and_one_for_the_other():
    chair = at_chair(MULTI, OXIMETER)
    for second in range(1, 200):
        rate, pulse = 72 + 60 * (30 < second < 60), 74 + 60 * (110 < second < 150)
        saturation = 90 if 70 < second < 100 else 98
        if not 100 < second < 160:  # then it is off, and the other stands in
            hear(chair, second, MULTI, hr=rate, spo2=saturation - 3)
        if not 60 < second < 85:
            hear(chair, second + 0.4, OXIMETER, spo2=saturation, pulse=pulse)
        if second in (20, 90):
            hear(chair, second + 0.6, MULTI, reading=f"n{second}", sys=184, dia=92, mean=122)
    chair.step(Tick(), chair.now + MOMENT)
    assert len({fact.monitor for fact in chair.facts if isinstance(fact, Vitals)}) == 2
    assert again(chair) == recorded(chair) != []


def test_other_limits_give_other_alarms():
    chair = started(SessionPhase.INFUSING)
    chair.watch(1, 60, **REST | {"hr": 45})
    chair.watch(60, 90, **REST)
    course = course_of(chair.facts)
    assert [e.change for e in recorded(chair)] == ["raised", "cleared"]
    athlete = PRESETS.newest("athlete-low-hr")
    assert replayed(course, athlete) == ()


def test_a_longer_delay_lets_a_short_one_pass_and_moves_the_onset_of_the_others():
    chair = started(SessionPhase.INFUSING)
    chair.watch(1, 14, **REST | {"hr": 45})  # medium after 10 s
    chair.watch(14, 60, **REST)
    chair.watch(60, 100, **REST | {"hr": 45})
    chair.cuff(100, 190, 100)
    course, preset = course_of(chair.facts), own(chair)
    found = replayed(course, delayed(preset, {None: 5.0}))
    begun = [(e.condition, e.at) for e in found if e.change is AlarmChange.RAISED]
    assert begun == [
        ("heart_rate low", at(75)),
        ("nibp_systolic high", at(100)),
        ("nibp_diastolic high", at(100)),
        *[(name, when) for name, when in begun if name == "nibp_mean high"],
    ]
    none = delayed(preset, {Metric.HEART_RATE: -60.0})
    assert replayed(course, none)[0].at == at(1)


def test_what_happened_after_the_patient_left_is_of_nobody():
    chair = started(SessionPhase.INFUSING)
    chair.watch(1, 30, **REST | {"hr": 45})
    chair.phase(SessionPhase.ABORTED, "enough")
    chair.watch(31, 60, **REST | {"hr": 30})
    assert again(chair) == recorded(chair)
    assert again(chair)[-1].change is AlarmChange.CLEARED


# Any session.

RATES = st.sampled_from([38, 44, 49, 51, 72, 108, 111, 113, 119, 121, 139, 141, None])
SATURATIONS = st.sampled_from([79, 86, 89, 91, 93, 95, 98, None])
BREATHS = st.sampled_from([5, 7, 8, 9, 11, 14, 25, 31, None])
SYSTOLIC = st.sampled_from([78, 88, 120, 143, 158, 165, 179, 186, None])
# The record does not keep in which order a frame named its signs: each is in that of the record.
ORDER = ["hr", "pulse", "spo2", "rr"]
VALUES = (
    st.fixed_dictionaries(
        {}, optional={"hr": RATES, "pulse": RATES, "spo2": SATURATIONS, "rr": BREATHS}
    )
    .filter(bool)  # a frame that says nothing is not in the record
    .map(lambda values: {name: values[name] for name in ORDER if name in values})
)
ACTS = st.one_of(
    st.tuples(st.just("watch"), st.integers(1, 45), VALUES),
    st.tuples(st.just("flutter"), st.integers(2, 20), st.tuples(VALUES, VALUES)),
    st.tuples(st.just("cuff"), st.just(1), SYSTOLIC),
    st.tuples(st.just("silence"), st.integers(1, 40), st.none()),
    st.tuples(st.just("restart"), st.integers(1, 40), st.none()),
    st.tuples(st.just("seen"), st.just(0), st.none()),
    st.tuples(st.just("phase"), st.just(1), st.none()),
    st.tuples(st.just("lock"), st.just(0), st.none()),
    st.tuples(st.just("move"), st.just(0), st.sampled_from([42.0, 45.0, 48.0, 50.0])),
    st.tuples(st.just("off"), st.just(0), st.booleans()),
    st.tuples(st.just("pause"), st.just(0), st.none()),
)


def lived(acts) -> Bedside:
    chair = started(SessionPhase.BASELINE)
    now = 1.0
    for what, length, how in acts:
        match what:
            case "watch":
                chair.watch(now, now + length, **how)
            case "flutter":
                for second in range(length):
                    chair.watch(now + second, now + second + 1, **how[second % 2])
            case "cuff":
                chair.wait(now)
                chair.cuff(now, how, how and how - 45)
            case "silence":
                chair.wait(now + length - 0.5)
            case "restart":
                restart(chair, now + length - 0.5)
            case "seen":
                for condition in list(chair.alarms):
                    chair.acknowledge(condition)
            case "phase":
                if chair.session.phase is SessionPhase.BASELINE:
                    chair.bring_to(SessionPhase.INFUSING)
            case "lock":
                chair.lock()
            case "move":
                wanted = LimitAsked("heart_rate", "low", "medium", how)
                chair.ask(
                    AdjustLimits(
                        command_id=chair.new_id(), by=NURSE, chair=1, limits=(wanted,), reason="x"
                    )
                )
            case "off":
                chair.ask(
                    SwitchAlarm(
                        command_id=chair.new_id(),
                        by=CLINICIAN,
                        chair=1,
                        metric="spo2",
                        is_off=how,
                        reason="x",
                    )
                )
            case "pause":
                chair.ask(PauseAudio(command_id=chair.new_id(), by=NURSE, chair=1))
        now += length
    chair.step(Tick(), chair.now + MOMENT)
    return chair


@settings(max_examples=25)  # each is minutes of a session, twice
@given(st.lists(ACTS, min_size=1, max_size=14))
def test_whatever_happened_happens_again(acts):
    chair = lived(acts)
    found = again(chair)
    assert found == recorded(chair)


@settings(max_examples=25)
@given(
    st.lists(ACTS, min_size=1, max_size=14),
    st.sampled_from(sorted(PRESETS.editions)),
    st.sampled_from([-5.0, 0.0, 3.0, 5.0, 20.0]),
    st.booleans(),
)
def test_leaving_frames_out_changes_nothing_whatever_the_limits(acts, edition, extra_s, is_moved):
    course = course_of(lived(acts).facts)
    preset = delayed(PRESETS.edition(*edition), {None: extra_s})
    found = replayed(course, preset, is_moved=is_moved)
    assert found == replayed_plainly(course, preset, is_moved=is_moved)
