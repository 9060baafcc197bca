"""Is a value that a person measured refused, asked about, recorded and judged as it should be?"""

from __future__ import annotations

import math

import pytest

from clinical.chair import ChairState, resumed
from clinical.commands import Entered, RecordObservation
from clinical.links import LinkState
from clinical.monitor import Observed
from clinical.phases import SessionPhase
from clinical.picture import chair_view
from clinical.ports import CommitResult
from clinical.record import Reading
from clinical.vitals import Metric, Source
from clinical.what_if import course_of, replayed, replayed_plainly
from tests.clinical.fakes import NURSE, SHORT, Bedside, at, seen, started


def entries(chair: Bedside) -> list[Reading]:
    return [fact for fact in chair.facts if isinstance(fact, Reading) and fact.entry is not None]


def test_it_is_recorded_with_who_the_initials_and_both_times():
    chair = started()
    chair.now = at(600)
    assert chair.enter(rr=14, time=at(540), initials="ab").kind.value == "done"
    (reading,) = entries(chair)
    assert reading.observation.source is Source.MANUAL
    assert reading.observation.value == 14
    assert at(540) <= reading.observation.observed_at < at(541)
    assert reading.entry is not None
    assert (reading.entry.by, reading.entry.initials, reading.entry.at) == ("anna", "AB", at(600))
    assert chair_view(chair.state, chair.now).by_hand[Metric.RESP_RATE] == reading


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"sys": 400, "dia": 80}, "SYS 400 is impossible: expected 40 to 280 mm[Hg]"),
        ({"hr": 10}, "HR 10 is impossible: expected 20 to 300 /min"),
        ({"spo2": 101}, "SpO2 101 is impossible"),
        ({"hr": math.nan}, "HR: expected a number, got nan"),
        ({"hr": math.inf}, "HR: expected a number, got inf"),
        ({"sys": 120}, "expected both pressures"),
        ({"sys": 80, "dia": 80}, "the systolic pressure above the diastolic"),
        ({"sys": 120, "dia": 80, "mean": 130}, "the mean between them"),
        ({}, "expected 1 to 8 values, got 0"),
    ],
)
def test_what_no_adult_has_is_refused_and_nothing_of_it_taken(values, words):
    chair = started()
    outcome = chair.enter(is_sure=True, **values)
    assert outcome.kind.value == "refused"
    assert words in outcome.reason
    assert not outcome.is_question
    assert entries(chair) == []


def asked(chair: Bedside, *values: Entered, initials: str = "AB"):
    command = RecordObservation(
        command_id=chair.new_id(), by=NURSE, chair=1, values=values, initials=initials
    )
    return chair.ask(command)[0]


def test_a_sign_that_there_is_not_or_twice_is_refused():
    chair = started()
    assert "expected a vital sign, got 'mood'" in asked(chair, Entered("mood", 3)).reason
    twice = (Entered("spo2", 97), Entered("spo2", 96))
    assert "expected one SpO2, got two" in asked(chair, *twice).reason


@pytest.mark.parametrize("initials", ["", "ABCDE", "A1", "<b>"])
def test_initials_are_letters(initials):
    assert (
        "expected your initials" in asked(started(), Entered("spo2", 97), initials=initials).reason
    )


@pytest.mark.parametrize(
    ("values", "question"),
    [
        ({"rr": 30}, "RR 30 is beyond its limit (>= 30)"),
        ({"temp": 40.5}, "T1 40.5 is unusual (usual 35.1 to 39)"),
        ({"sys": 230, "dia": 120}, "SYS 230 is beyond its limit (>= 180)"),
    ],
)
def test_what_is_unusual_or_beyond_a_limit_is_asked_about_and_then_taken(values, question):
    chair = started(SessionPhase.BASELINE)
    outcome = chair.enter(**values)
    assert outcome.is_question
    assert question in outcome.missing
    assert entries(chair) == []
    assert chair.enter(is_sure=True, **values).kind.value == "done"
    assert {SHORT[name] for name in values} <= {each.observation.metric for each in entries(chair)}


@pytest.mark.parametrize(
    ("seconds", "words"), [(-61, "before the session began"), (3661, "still to come")]
)
def test_a_time_outside_the_session_is_refused(seconds, words):
    chair = started()
    chair.now = at(3600)
    assert words in chair.enter(rr=14, time=at(seconds)).reason


def test_a_high_pressure_alarms_and_ends_as_one_of_the_cuff_does():
    chair = started(SessionPhase.INFUSING)
    chair.now = at(60)
    assert chair.enter(sys=190, dia=100, is_sure=True).kind.value == "done"
    chair.tick(61)
    assert ("nibp_systolic high", "high") in chair.open()
    assert chair.alarms["nibp_systolic high"].signal.value == 190
    chair.now = at(120)
    chair.enter(sys=125, dia=80)
    chair.tick(121)
    assert ("nibp_systolic high", "high") not in chair.open()


def test_a_pressure_by_hand_is_the_cuff_that_was_due_and_counts_for_the_baseline():
    chair = started(SessionPhase.BASELINE)
    chair.now = at(10)
    chair.enter(sys=122, dia=80)
    chair.now = at(200)
    chair.enter(sys=124, dia=78)
    assert chair.session.last_cuff_at == at(200)
    assert chair.lock().kind.value == "done"
    assert chair.session.baseline is not None
    assert chair.session.baseline.systolic_mmhg == 123


def test_an_older_pressure_is_recorded_and_judges_nothing():
    chair = started(SessionPhase.INFUSING)
    chair.cuff(60, 120, 80)
    chair.now = at(120)
    assert chair.enter(sys=190, dia=100, time=at(30), is_sure=True).kind.value == "done"
    chair.tick(121)
    assert "nibp_systolic high" not in chair.alarms
    assert chair.state.latest[Metric.NIBP_SYSTOLIC].value == 120
    assert len(entries(chair)) == 2
    assert [each.systolic_mmhg for each in chair.session.sets] == [190, 120]


def test_a_reading_from_before_the_line_was_out_does_not_undo_what_a_hand_entered():
    chair = started(SessionPhase.INFUSING)
    chair.cuff(60, 122, 80)
    chair.link(100, LinkState.DISCONNECTED)
    chair.now = at(300)
    chair.enter(sys=200, dia=112, is_sure=True)
    chair.tick(301)
    chair.link(330, LinkState.LIVE)
    # Taken at 200 s; a monitor that only says "older than a minute" dates it to 305 s.
    for second in (200, 305):
        frame = seen(second, reading=f"old{second}", sys=130, dia=82, mean=98)
        chair.step(Observed(frame, at(331)), at(331))
        assert chair.state.latest[Metric.NIBP_SYSTOLIC].value == 200
        assert ("nibp_systolic high", "high") in chair.open()
    beside = [f for f in chair.facts if isinstance(f, Reading) and f.is_beside]
    assert len(beside) == 6
    chair.cuff(400, 130, 82)
    chair.tick(401)
    assert ("nibp_systolic high", "high") not in chair.open()


def test_a_reading_of_a_doubtful_age_may_alarm_where_a_hand_was_calm():
    chair = started(SessionPhase.INFUSING)
    chair.cuff(60, 122, 80)
    chair.now = at(100)
    chair.enter(sys=120, dia=80)
    chair.link(150, LinkState.DISCONNECTED)
    chair.link(330, LinkState.LIVE)
    frame = seen(300, reading="high", sys=215, dia=120, mean=150)
    chair.step(Observed(frame, at(331)), at(331))
    chair.tick(332)
    assert ("nibp_systolic high", "high") in chair.open()
    assert chair.state.latest[Metric.NIBP_SYSTOLIC].value == 215


def test_a_cycle_that_fails_does_not_let_an_older_reading_end_the_alarm_of_a_hand():
    chair = started(SessionPhase.INFUSING)
    chair.cuff(60, 122, 80)
    chair.now = at(300)
    chair.enter(sys=200, dia=112, is_sure=True)
    chair.cuff(330, None, None, None)
    frame = seen(200, reading="old", sys=130, dia=82, mean=98)
    chair.step(Observed(frame, at(340)), at(340))
    assert ("nibp_systolic high", "high") in chair.open()


def test_the_mean_of_the_reading_before_does_not_outlive_it():
    chair = started(SessionPhase.INFUSING)
    chair.cuff(60, 175, 120, 140)
    assert "nibp_mean high" in {name for name, _ in chair.open()}
    chair.now = at(300)
    assert chair.enter(sys=118, dia=76).kind.value == "done"
    chair.tick(301)
    assert "nibp_mean high" not in {name for name, _ in chair.open()}
    mean = chair.state.latest[Metric.NIBP_MEAN]
    assert (mean.value, mean.remarks) == (90, ("worked out from the two pressures",))
    assert Metric.NIBP_MEAN not in {each.observation.metric for each in entries(chair)}


def test_a_mean_that_nobody_measured_raises_nothing():
    chair = started(SessionPhase.INFUSING)
    chair.now = at(60)
    assert chair.enter(sys=175, dia=120, is_sure=True).kind.value == "done"
    chair.tick(61)
    assert not any(name.startswith("nibp_mean") for name, _ in chair.open())
    assert {name for name, _ in chair.open()} >= {"nibp_systolic high", "nibp_diastolic high"}


def test_pressing_again_while_the_record_fails_enters_it_once():
    chair = started(SessionPhase.INFUSING)
    chair.now = at(60)
    command = RecordObservation(
        command_id=chair.new_id(),
        by=NURSE,
        chair=1,
        values=(Entered(SHORT["rr"], 14),),
        initials="AB",
    )
    chair.ask(command, CommitResult.FAILED)
    chair.now = at(90)
    outcome, _facts = chair.ask(command)
    assert "in force already" in outcome.reason
    assert len(entries(chair)) == 1


def test_a_counted_rate_neither_alarms_nor_hides_that_the_monitors_own_is_gone():
    chair = started(SessionPhase.INFUSING)
    chair.see(1, hr=70, spo2=98, rr=14)
    chair.now = at(30)
    chair.enter(hr=70, spo2=97, rr=6, is_sure=True)
    chair.wait(40)
    assert chair.state.latest[Metric.HEART_RATE].value == 70
    assert chair.state.latest[Metric.RESP_RATE].value == 14
    assert ("SpO2 NOT UPDATED", "medium") in chair.open()
    assert not any(name.startswith("resp_rate") for name, _ in chair.open())


def test_it_is_in_force_on_a_full_disk_and_its_facts_wait():
    chair = started(SessionPhase.INFUSING)
    chair.now = at(60)
    command = RecordObservation(
        command_id=chair.new_id(),
        by=NURSE,
        chair=1,
        values=(Entered(SHORT["sys"], 190), Entered(SHORT["dia"], 100)),
        initials="AB",
        is_sure=True,
    )
    before = len(chair.facts)
    outcome, facts = chair.ask(command, CommitResult.FAILED)
    assert "in force" in outcome.reason
    assert set(facts) <= set(chair.facts[before:])
    assert ("nibp_systolic high", "high") in chair.open()


def test_an_older_pressure_is_said_to_be_judged_by_nothing():
    chair = started(SessionPhase.INFUSING)
    chair.cuff(100, 120, 80)
    chair.now = at(120)
    outcome = chair.enter(sys=118, dia=78, time=at(30))
    assert outcome.kind.value == "done"
    assert "there is a newer pressure" in outcome.reason


def test_the_same_press_after_a_restart_ends_no_alarm():
    chair = started(SessionPhase.INFUSING)
    chair.now = at(60)
    command = RecordObservation(
        command_id=chair.new_id(),
        by=NURSE,
        chair=1,
        values=(Entered(SHORT["sys"], 120), Entered(SHORT["dia"], 80)),
        initials="AB",
    )
    assert chair.ask(command)[0].kind.value == "done"
    chair.state, _gap = resumed(ChairState(1, "Chair 1"), chair.stored(), at(90))
    chair.now = at(90)
    chair.link(91, LinkState.LIVE)
    chair.cuff(120, 195, 112)
    chair.tick(121)
    assert "in the record already" in chair.ask(command)[0].reason
    assert ("nibp_systolic high", "high") in chair.open()


def test_two_entries_of_one_minute_have_two_times():
    chair = started()
    chair.now = at(600)
    for value in (14, 16, 15):
        chair.enter(rr=value, time=at(540))
    assert len({reading.observation.observed_at for reading in entries(chair)}) == 3


def test_the_session_goes_on_with_what_was_entered():
    chair = started(SessionPhase.INFUSING)
    chair.now = at(60)
    chair.enter(sys=130, dia=80, rr=15)
    state, _gap = resumed(ChairState(1, "Chair 1"), chair.stored(), at(90))
    assert state.session is not None
    assert state.session.last_cuff_at == at(60)
    assert state.by_hand[Metric.RESP_RATE].observation.value == 15


def test_a_new_patient_has_nothing_by_hand():
    chair = started()
    chair.enter(rr=14)
    chair.phase(SessionPhase.ABORTED, "not well")
    assert chair.state.by_hand == {}
    assert chair.start().kind.value == "done"
    assert chair.state.by_hand == {}


@pytest.mark.parametrize("replay", [replayed, replayed_plainly])
def test_a_replay_has_the_alarms_of_what_was_entered(replay):
    chair = started(SessionPhase.INFUSING)
    chair.watch(1, 200, hr=70, spo2=98, rr=14)
    chair.cuff(200.5, 120, 80)
    chair.watch(201, 400, hr=70, spo2=98, rr=14)
    chair.now = at(400.2)
    chair.enter(sys=190, dia=100, time=at(300), is_sure=True)
    chair.watch(401, 600, hr=70, spo2=98, rr=14)
    chair.cuff(600.5, 120, 80)
    chair.watch(601, 700, hr=70, spo2=98, rr=14)
    course = course_of(chair.facts)
    assert len(course.alarms) >= 2
    assert replay(course, chair.session.preset) == course.alarms
