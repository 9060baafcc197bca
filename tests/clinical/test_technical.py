"""Does each technical condition come when it should, at its priority, and go again?"""

from __future__ import annotations

import pytest

from clinical.alarms import AlarmKind, Direction
from clinical.chair import ChairState
from clinical.links import LinkState
from clinical.monitor import Observed
from clinical.phases import IN_CHAIR, SessionPhase
from clinical.vitals import Metric, Observation, Quality
from tests.clinical.fakes import Bedside, at, seen, started

AT_REST = {"hr": 70, "spo2": 98, "rr": 14}


def titles(chair: Bedside) -> set[tuple[str, str]]:
    """The open technical conditions: what the tile says, and the priority."""
    return {
        (alarm.signal.text, alarm.signal.priority.value)
        for alarm in chair.alarms.values()
        if alarm.signal.kind is AlarmKind.TECHNICAL
    }


def of_the_cuff(chair: Bedside) -> set[tuple[str, str]]:
    return {title for title in titles(chair) if title[0].startswith("BP")}


# --- the line -------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", IN_CHAIR)
def test_a_device_that_goes_away_is_high_while_infusing_and_medium_otherwise(phase):
    chair = started(phase)
    chair.link(10, LinkState.DISCONNECTED)
    priority = "high" if phase is SessionPhase.INFUSING else "medium"
    assert titles(chair) == {("DEVICE DISCONNECTED", priority)}
    assert chair.log("DEVICE") == [("DEVICE DISCONNECTED", "raised", priority, 10.0)]
    chair.link(20, LinkState.LIVE)
    assert titles(chair) == set()


def test_a_device_that_was_gone_before_the_infusion_escalates_when_it_starts():
    chair = started(SessionPhase.BASELINE)
    chair.link(10, LinkState.DISCONNECTED)
    chair.acknowledge("DEVICE DISCONNECTED")
    chair.wait(30)
    chair.phase(SessionPhase.INFUSING)
    assert titles(chair) == {("DEVICE DISCONNECTED", "high")}
    assert chair.log("DEVICE")[-1] == ("DEVICE DISCONNECTED", "escalated", "high", 30.0)
    assert chair.alarms["DEVICE DISCONNECTED"].acknowledged_by is None


@pytest.mark.parametrize(
    ("state", "text"), [(LinkState.QUIET, "NO DATA"), (LinkState.DAMAGED, "DATA ERRORS")]
)
@pytest.mark.parametrize("phase", [SessionPhase.BASELINE, SessionPhase.INFUSING])
def test_a_line_that_is_quiet_or_damaged_is_medium(state, text, phase):
    chair = started(phase)
    chair.link(10, state)
    assert titles(chair) == {(text, "medium")}
    chair.link(12, LinkState.LIVE)
    assert titles(chair) == set()


def test_a_line_that_is_being_opened_again_is_still_the_line_that_went_away():
    """The port comes and goes: one alarm, acknowledged once, and no silence in between."""
    chair = started(SessionPhase.INFUSING)
    chair.link(10, LinkState.DISCONNECTED)
    chair.acknowledge("DEVICE DISCONNECTED")
    for second in range(11, 20, 2):
        chair.link(second, LinkState.CONNECTING)
        assert titles(chair) == {("DEVICE DISCONNECTED", "high")}
        chair.link(second + 1, LinkState.DISCONNECTED)
    assert chair.alarms["DEVICE DISCONNECTED"].acknowledged_by == "anna"
    chair.link(21, LinkState.CONNECTING)
    chair.link(22, LinkState.LIVE)
    assert [each[1] for each in chair.log("DEVICE")] == ["raised", "acknowledged", "cleared"]


def test_a_line_that_was_gone_before_the_session_alarms_from_its_start():
    chair = Bedside()
    chair.link(0, LinkState.DISCONNECTED)
    chair.now = at(100)
    chair.start()
    assert chair.log() == [("DEVICE DISCONNECTED", "raised", "medium", 100.0)]


# --- the sensors ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("vital", "label"), [("hr", "HR"), ("spo2", "SpO2"), ("rr", "RR")])
def test_a_sign_without_a_value_is_low_and_after_a_minute_of_infusion_medium(vital, label):
    chair = started(SessionPhase.INFUSING)
    chair.watch(0, 10, **AT_REST)
    chair.watch(10, 15, **AT_REST | {vital: None})
    assert titles(chair) == set()
    chair.watch(15, 70, **AT_REST | {vital: None})
    assert titles(chair) == {(f"{label} NO SIGNAL", "low")}
    chair.watch(70, 72, **AT_REST | {vital: None})
    assert titles(chair) == {(f"{label} NO SIGNAL", "medium")}
    chair.watch(72, 74, **AT_REST)
    assert titles(chair) == set()
    condition = f"{label} NO SIGNAL"
    assert chair.log(condition) == [
        (condition, "raised", "low", 15.0),
        (condition, "escalated", "medium", 70.0),
        (condition, "cleared", "medium", 72.01),
    ]


def test_a_sign_without_a_value_stays_low_outside_the_infusion():
    chair = started(SessionPhase.BASELINE)
    chair.watch(0, 10, **AT_REST)
    chair.watch(10, 200, **AT_REST | {"spo2": None})
    assert titles(chair) == {("SpO2 NO SIGNAL", "low")}


def test_a_sign_that_was_never_seen_is_not_missed():
    chair = started(SessionPhase.INFUSING)
    chair.watch(0, 100, hr=70, spo2=98, rr=None)
    assert titles(chair) == set()


def test_an_infusion_without_heart_rate_and_saturation_alarms_after_a_minute():
    chair = started(SessionPhase.INFUSING)
    chair.watch(0, 59, rr=14)
    assert titles(chair) == set()
    chair.watch(59, 62, rr=14)
    assert titles(chair) == {("HR NO SIGNAL", "medium"), ("SpO2 NO SIGNAL", "medium")}
    chair.watch(62, 64, rr=14, pulse=70, spo2=98)  # the oximeter's pulse is a heart rate too
    assert titles(chair) == set()


def test_a_reading_from_before_the_session_is_not_of_this_patient():
    chair = Bedside()
    chair.link(-5, LinkState.LIVE)
    chair.start()
    old = Observed(seen(-1, reading="n1", sys=190, dia=118, mean=142), at(2))
    assert chair.step(old, at(2)).points == ()
    assert (chair.session.sets, titles(chair)) == ((), set())
    assert "nibp_systolic" not in chair.state.latest


def test_a_first_reading_older_than_its_line_is_of_nobody_knows_when():
    chair = Bedside()
    chair.start()
    chair.link(300, LinkState.LIVE)
    old = Observed(seen(240, reading="n1", sys=190, dia=118, mean=142), at(300.1))
    chair.step(old, at(300.1))
    assert chair.session.sets == ()
    chair.cuff(400, 124, 78)
    chair.link(500, LinkState.QUIET)
    chair.link(600, LinkState.LIVE)  # taken while the line was away: new, and of this patient
    chair.step(Observed(seen(540, reading="n3", sys=126, dia=79, mean=95), at(600.1)), at(600.1))
    assert [each.systolic_mmhg for each in chair.session.sets] == [124, 126]


def test_a_lost_ecg_is_technical_while_the_pulse_goes_on():
    chair = started(SessionPhase.INFUSING)
    chair.watch(0, 10, pulse=70, **AT_REST)
    chair.watch(10, 60, pulse=71, **AT_REST | {"hr": None})
    assert chair.open() == {("HR NO SIGNAL", "low")}


def test_a_sign_that_is_no_longer_sent_is_medium_after_ten_seconds():
    chair = started()
    chair.watch(0, 10, **AT_REST)
    chair.watch(10, 19, hr=70, rr=14)
    chair.wait(19)
    assert titles(chair) == set()
    chair.wait(20.1)
    assert titles(chair) == {("SpO2 NOT UPDATED", "medium")}
    assert chair.log() == [("SpO2 NOT UPDATED", "raised", "medium", 19.0)]
    chair.see(21, spo2=98)
    assert titles(chair) == set()


def test_a_monitor_that_sends_every_five_seconds_has_two_and_a_half_intervals():
    chair = started()
    chair.step(Observed(seen(0, **AT_REST), at(0), interval_s=5.0), at(0))
    chair.wait(12.4)
    assert titles(chair) == set()
    chair.wait(13.6)
    assert len(titles(chair)) == 3


def test_a_line_that_comes_back_gets_its_time_to_bring_the_first_values():
    """It is told live before its first frame is read: no sign is missed in that moment."""
    chair = started()
    chair.watch(0, 10, **AT_REST)
    chair.link(16, LinkState.QUIET)
    chair.wait(60)
    chair.link(60, LinkState.LIVE)
    chair.see(60, **AT_REST)
    assert [each[:2] for each in chair.log()] == [("NO DATA", "raised"), ("NO DATA", "cleared")]


def test_a_sensor_that_was_off_before_the_line_went_quiet_is_asked_anew():
    chair = started()
    chair.watch(0, 10, **AT_REST)
    chair.watch(10, 20, **AT_REST | {"spo2": None})
    chair.link(26, LinkState.QUIET)
    assert titles(chair) == {("NO DATA", "medium")}
    chair.wait(40)
    chair.link(40, LinkState.LIVE)
    chair.watch(40, 46, **AT_REST | {"spo2": None})
    chair.wait(46)
    raised = [fact for fact in chair.log("SpO2 NO") if fact[1] == "raised"]
    assert raised == [
        ("SpO2 NO SIGNAL", "raised", "low", 15.0),
        ("SpO2 NO SIGNAL", "raised", "low", 45.0),
    ]


def test_no_two_alarms_share_an_id():
    chair = started(SessionPhase.INFUSING)
    for begin in (0, 100, 200):
        chair.watch(begin, begin + 5, **AT_REST)
        chair.watch(begin + 5, begin + 30, hr=None, rr=14)
        chair.link(begin + 40, LinkState.DISCONNECTED)
        chair.link(begin + 50, LinkState.LIVE)
        chair.wait(begin + 90)
    raised = [fact.alarm_id for fact in chair.facts if getattr(fact, "change", None) == "raised"]
    assert len(raised) > 6
    assert len(set(raised)) == len(raised)


# --- the cuff -------------------------------------------------------------------------------------


def test_a_failed_cuff_is_low_and_medium_when_it_fails_again():
    chair = started(SessionPhase.BASELINE)
    chair.cuff(10, 120, 80)
    chair.cuff(100, None, None)
    assert titles(chair) == {("NIBP FAILED - REPEAT", "low")}
    chair.cuff(200, None, None)
    assert titles(chair) == {("NIBP FAILED - REPEAT", "medium")}
    chair.cuff(300, 118, 78)
    assert titles(chair) == set()


def test_a_cuff_that_gave_only_the_mean_has_failed_and_its_mean_counts():
    chair = started(SessionPhase.BASELINE)
    chair.cuff(10, 120, 80)
    chair.cuff(100, None, None, 112)
    assert chair.open() == {("NIBP FAILED", "low"), ("nibp_mean high", "medium")}


def test_a_cuff_that_never_worked_has_not_failed():
    chair = started(SessionPhase.BASELINE)
    chair.cuff(10, None, None)
    assert titles(chair) == set()


@pytest.mark.parametrize(
    ("phase", "interval_s"), [(SessionPhase.INFUSING, 300), (SessionPhase.RECOVERY, 900)]
)
def test_a_cuff_is_overdue_two_minutes_after_its_interval(phase, interval_s):
    chair = started(phase)
    chair.cuff(10, 120, 80)
    chair.wait(10 + interval_s + 120)
    assert of_the_cuff(chair) == set()
    chair.wait(10 + interval_s + 121.1)
    assert of_the_cuff(chair) == {("BP OVERDUE", "medium")}
    chair.cuff(2000, 120, 80)
    assert of_the_cuff(chair) == set()


def test_a_cuff_that_is_not_seen_to_cycle_in_an_infusion_says_so():
    chair = started(SessionPhase.BASELINE)
    chair.cuff(10, 120, 80)
    chair.wait(1000)
    chair.phase(SessionPhase.INFUSING)
    chair.wait(1420)
    assert of_the_cuff(chair) == set()
    chair.wait(1421.1)
    assert of_the_cuff(chair) == {("BP NOT CYCLING", "medium")}
    assert chair.log("BP") == [("BP NOT CYCLING", "raised", "medium", 1420.0)]
    chair.cuff(1500, 120, 80)
    assert of_the_cuff(chair) == set()


@pytest.mark.parametrize("phase", [SessionPhase.PREPARATION, SessionPhase.BASELINE])
def test_no_cuff_is_due_before_the_infusion(phase):
    chair = started(phase)
    chair.wait(3600)
    assert titles(chair) == set()


# --- readings that cannot be ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vital", "value", "label"),
    [
        ("hr", 301, "HR"),
        ("hr", 19, "HR"),
        ("spo2", 29, "SpO2"),
        ("spo2", 101, "SpO2"),
        ("rr", 81, "RR"),
        ("hr", float("nan"), "HR"),
        ("hr", float("inf"), "HR"),
    ],
)
def test_an_impossible_value_is_low_and_no_emergency(vital, value, label):
    chair = started()
    chair.watch(0, 8, **{vital: value})
    assert chair.open() == {(f"CHECK READING {label}", "low")}
    chair.see(9, **{vital: AT_REST[vital]})
    assert chair.open() == set()


@pytest.mark.parametrize(
    ("sys", "dia", "labels"),
    [
        (281, 80, {"SYS"}),
        (120, 19, {"DIA"}),
        (39, 25, {"SYS"}),
        (240, 201, {"DIA"}),
        (80, 80, {"SYS", "DIA", "MAP"}),
        (70, 100, {"SYS", "DIA", "MAP"}),
    ],
)
def test_an_impossible_cuff_is_low_and_makes_no_set(sys, dia, labels):
    chair = started()
    chair.cuff(10, sys, dia, 90)
    # The other of the two may be believed, and may ask for a second reading.
    checks = {each for each in titles(chair) if each[0].startswith("CHECK")}
    assert checks == {(f"CHECK READING {label}", "low") for label in labels}
    assert chair.session.sets == ()


def test_a_check_of_a_reading_ends_when_the_sensor_gives_no_value_any_more():
    chair = started()
    chair.watch(0, 3, temp=12)
    assert titles(chair) == {("CHECK READING T1", "low")}
    chair.watch(3, 5, temp=None)
    assert titles(chair) == set()


def test_what_the_monitor_itself_doubts_alarms_as_a_reading_to_check():
    chair = started()
    doubted = Observation(Metric.SPO2, 70.0, Quality.QUESTIONABLE, at(1))
    chair.step(Observed((doubted,), at(1)), at(1))
    assert chair.open() == {("CHECK READING SpO2", "low")}


# --- the record and the engine --------------------------------------------------------------------


def test_a_record_that_cannot_be_written_is_high():
    chair = started()
    chair.recording(10, is_recording=False)
    assert titles(chair) == {("NOT RECORDING", "high")}
    chair.recording(20, is_recording=True)
    assert titles(chair) == set()


def test_a_session_that_starts_while_nothing_is_recorded_says_so_at_once():
    chair = Bedside(ChairState(1, "Chair 1", is_recording=False))
    chair.start()
    assert titles(chair) == {("NOT RECORDING", "high")}


def test_lost_events_are_medium_for_a_minute():
    chair = started()
    chair.overrun(10)
    assert titles(chair) == {("DATA LOST", "medium")}
    chair.wait(69)
    assert titles(chair) == {("DATA LOST", "medium")}
    chair.wait(71)
    assert titles(chair) == set()


def test_a_technical_condition_has_no_stars_and_a_physiological_one_has():
    chair = started()
    chair.watch(0, 20, hr=45)
    chair.link(20, LinkState.QUIET)
    texts = {alarm.signal.text for alarm in chair.alarms.values()}
    assert texts == {"** HR 45 < 50", "NO DATA"}
    assert chair.alarms["heart_rate low"].signal.direction is Direction.LOW
