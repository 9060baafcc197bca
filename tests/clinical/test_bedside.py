"""Where a chair has two monitors: is each number of the right one, and is none lost or mixed?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from clinical.bedside import BedsideMonitor, Heard, chosen, order_of
from clinical.chair import ChairState, missing_condition, resumed
from clinical.commands import AllowCuff, ChangePhase, OrderCuff, OutcomeKind
from clinical.links import CuffOrder, LinkEvent, LinkState
from clinical.monitor import Committed, Observed
from clinical.phases import SessionPhase
from clinical.picture import chair_view
from clinical.ports import CommitResult
from clinical.record import (
    CuffAllowed,
    CuffOrdered,
    LinkChanged,
    Listened,
    Reading,
    Remarked,
    SessionOpened,
    Vitals,
)
from clinical.vitals import CUFF, Metric, Quality
from tests.clinical.fakes import BEGIN, CLINICIAN, NURSE, Bedside, at, seen

OXIMETER = BedsideMonitor(
    "masimo-ascii1",
    "Masimo",
    frozenset({Metric.SPO2, Metric.PULSE_RATE}),
    "simulated",
    prefers=frozenset({Metric.SPO2}),
)
CUFF_MONITOR = BedsideMonitor(
    "dinamap", "DINAMAP", frozenset(CUFF), "simulated", interval_s=2.0, works_cuff=True
)
MULTI = BedsideMonitor(
    "ivy450c",
    "Ivy 450C",
    frozenset({Metric.HEART_RATE, Metric.SPO2, Metric.PULSE_RATE, *CUFF}),
    "capture",
)


def at_chair(*monitors: BedsideMonitor, phase: SessionPhase = SessionPhase.INFUSING) -> Bedside:
    chair = Bedside(ChairState(1, "Chair 1", is_simulated=True, monitors=monitors))
    for monitor in monitors:
        line(chair, 0, LinkState.LIVE, monitor)
    assert chair.start().kind is OutcomeKind.DONE
    chair.bring_to(phase)
    return chair


def line(chair: Bedside, seconds: float, state: LinkState, monitor: BedsideMonitor) -> None:
    name = monitor.name if len(chair.state.monitors) > 1 else ""
    chair.step(LinkEvent(state, at(seconds), f"{state} it is", name), at(seconds))


def hear(chair: Bedside, seconds: float, monitor: BedsideMonitor, **values: object):
    chair.wait(seconds)
    frame = Observed(seen(seconds, **values), at(seconds), monitor.interval_s, monitor.name)
    return chair.step(frame, at(seconds + 0.01))


def shown(chair: Bedside, metric: Metric) -> float | None:
    return chair.state.latest[metric].value


def test_the_order_is_that_of_the_chair_but_for_what_a_monitor_is_preferred_for():
    monitors = (MULTI, OXIMETER)
    assert order_of(monitors, Metric.PULSE_RATE) == ["ivy450c", "masimo-ascii1"]
    assert order_of(monitors, Metric.SPO2) == ["masimo-ascii1", "ivy450c"]
    assert order_of(monitors, Metric.HEART_RATE) == ["ivy450c"]
    assert order_of(monitors, Metric.ETCO2) == []


def test_a_cuff_monitor_and_an_oximeter_make_one_chair():
    chair = at_chair(CUFF_MONITOR, OXIMETER)
    hear(chair, 5, OXIMETER, spo2=97, pulse=72)
    hear(chair, 6, CUFF_MONITOR, reading="a-n1", sys=120, dia=80, mean=93)
    view = chair_view(chair.state, at(7))
    assert {metric: obs.value for metric, obs in view.latest.items()} == {
        Metric.SPO2: 97,
        Metric.PULSE_RATE: 72,
        Metric.NIBP_SYSTOLIC: 120,
        Metric.NIBP_DIASTOLIC: 80,
        Metric.NIBP_MEAN: 93,
    }
    assert view.shown_from[Metric.SPO2] == "masimo-ascii1"
    assert view.shown_from[Metric.NIBP_SYSTOLIC] == "dinamap"
    assert {fact.monitor for fact in chair.facts if isinstance(fact, Vitals | Reading)} == {
        "masimo-ascii1",
        "dinamap",
    }


def test_the_preferred_value_is_shown_and_the_other_kept_beside():
    chair = at_chair(MULTI, OXIMETER)
    for second in range(5, 12):
        hear(chair, second, OXIMETER, spo2=97, pulse=90)
        hear(chair, second + 0.3, MULTI, hr=70, spo2=94, pulse=72)
    assert shown(chair, Metric.SPO2) == 97
    assert shown(chair, Metric.PULSE_RATE) == 72  # the first of the chair, back after 5 s
    rows = [fact for fact in chair.facts if isinstance(fact, Vitals)]
    beside = [
        (row.monitor, obs.metric) for row in rows if row.is_beside for obs in row.observations
    ]
    assert set(beside) == {
        ("ivy450c", Metric.SPO2),
        ("ivy450c", Metric.PULSE_RATE),
        ("masimo-ascii1", Metric.PULSE_RATE),
    }
    assert sum(len(row.observations) for row in rows) == 7 * 5  # nothing is lost


def test_the_other_steps_in_as_soon_as_the_preferred_says_that_it_has_nothing():
    chair = at_chair(MULTI, OXIMETER)
    for second in range(5, 8):
        hear(chair, second, OXIMETER, spo2=97)
        hear(chair, second + 0.3, MULTI, hr=70, spo2=93)
    assert shown(chair, Metric.SPO2) == 97
    hear(chair, 8, OXIMETER, spo2=None)
    assert shown(chair, Metric.SPO2) == 97, "a dash does not hide what the other is about to say"
    hear(chair, 8.3, MULTI, hr=70, spo2=76)
    assert shown(chair, Metric.SPO2) == 76
    assert chair.state.shown_from[Metric.SPO2] == "ivy450c"


def test_a_stray_value_of_the_preferred_is_no_return_and_clears_no_alarm():
    chair = at_chair(MULTI, OXIMETER)
    for second in range(5, 60):
        hear(chair, second, OXIMETER, spo2=97 if second == 40 else None)
        hear(chair, second + 0.3, MULTI, hr=70, spo2=76)
    assert [step[1] for step in chair.log("spo2 low")].count("cleared") == 0
    assert ("spo2 low", "high") in chair.open()
    for second in range(60, 68):
        hear(chair, second, OXIMETER, spo2=97)
        hear(chair, second + 0.3, MULTI, hr=70, spo2=76)
        assert shown(chair, Metric.SPO2) == (76 if second < 65 else 97)


def test_a_doubtful_value_of_the_preferred_hides_no_valid_one_of_the_other():
    chair = at_chair(MULTI, OXIMETER)
    for second in range(5, 20):
        hear(chair, second, OXIMETER, spo2=96, quality=Quality.QUESTIONABLE)
        hear(chair, second + 0.3, MULTI, hr=70, spo2=75)
    assert shown(chair, Metric.SPO2) == 75
    assert ("spo2 low", "high") in chair.open()


def test_a_line_that_falls_silent_gives_its_signs_away_at_once():
    chair = at_chair(MULTI, OXIMETER)
    for second in range(5, 8):
        hear(chair, second, OXIMETER, spo2=97)
        hear(chair, second + 0.3, MULTI, hr=70, spo2=93)
    hear(chair, 9, MULTI, hr=70, spo2=93)
    assert shown(chair, Metric.SPO2) == 97
    line(chair, 9.5, LinkState.DISCONNECTED, OXIMETER)
    hear(chair, 10, MULTI, hr=70, spo2=93)
    assert shown(chair, Metric.SPO2) == 93


def test_limits_judge_only_what_is_shown():
    chair = at_chair(MULTI, OXIMETER)
    for second in range(5, 60):
        hear(chair, second, OXIMETER, spo2=97)
        hear(chair, second + 0.3, MULTI, hr=70, spo2=80)
    assert not chair.log("spo2")


def test_the_newest_cuff_reading_is_shown_whole_whoever_took_it():
    chair = at_chair(CUFF_MONITOR, MULTI)
    hear(chair, 5, CUFF_MONITOR, reading="a-n1", sys=120, dia=80, mean=93)
    hear(chair, 300, MULTI, reading="b-n1", sys=210, dia=120, mean=150)
    assert (shown(chair, Metric.NIBP_SYSTOLIC), shown(chair, Metric.NIBP_DIASTOLIC)) == (210, 120)
    assert ("nibp_systolic high", "high") in chair.open()
    # One that was taken before, and is told only now, is kept beside.
    late = tuple(replace(obs, observed_at=at(200)) for obs in seen(301, reading="a-n2", sys=118))
    chair.step(Observed(late, at(301), 2.0, "dinamap"), at(301.01))
    assert shown(chair, Metric.NIBP_SYSTOLIC) == 210
    beside = [fact for fact in chair.facts if isinstance(fact, Reading) and fact.is_beside]
    assert [fact.observation.value for fact in beside] == [118]
    assert chair.session.last_cuff_at == at(300)


@pytest.mark.parametrize("off_s", [-0.2, 0.0, 0.2])
def test_a_reading_that_is_told_again_after_a_blank_is_the_same_set(off_s):
    chair = at_chair(MULTI)
    hear(chair, 5, MULTI, reading="b-n1", sys=120, dia=80, mean=93)
    hear(chair, 60, MULTI, sys=None, dia=None, mean=None)
    assert (shown(chair, Metric.NIBP_SYSTOLIC), chair.session.failed_cuffs) == (None, 1)
    told = seen(61, reading="b-n1", sys=120, dia=80, mean=93)
    again = tuple(replace(obs, observed_at=at(5 + off_s)) for obs in told)
    chair.step(Observed(again, at(61), 1.0, MULTI.name), at(61.01))
    assert (shown(chair, Metric.NIBP_SYSTOLIC), chair.session.failed_cuffs) == (120, 0)
    assert [one.measurement_id for one in chair.session.sets] == ["b-n1"]


def test_a_cuff_that_fails_is_told_though_the_other_has_a_reading_and_one_never_worn_is_not():
    chair = at_chair(CUFF_MONITOR, MULTI)
    hear(chair, 5, MULTI, reading="b-n1", sys=120, dia=80, mean=93)
    hear(chair, 60, CUFF_MONITOR, sys=None, dia=None, mean=None)
    assert "NIBP FAILED" not in chair.alarms
    assert shown(chair, Metric.NIBP_SYSTOLIC) == 120
    hear(chair, 120, CUFF_MONITOR, reading="a-n1", sys=122, dia=80, mean=94)
    hear(chair, 400, CUFF_MONITOR, sys=None, dia=None, mean=None)
    assert "NIBP FAILED" in chair.alarms


def test_a_monitor_that_is_switched_on_late_does_not_chart_the_last_patients_cuff():
    chair = at_chair(CUFF_MONITOR, MULTI)
    line(chair, 1, LinkState.DISCONNECTED, MULTI)
    hear(chair, 5, CUFF_MONITOR, reading="a-n1", sys=195, dia=115, mean=142)
    line(chair, 400, LinkState.LIVE, MULTI)
    old = tuple(replace(obs, observed_at=at(341)) for obs in seen(401, reading="b-n1", sys=118))
    chair.step(Observed(old, at(401), 1.0, "ivy450c"), at(401.01))
    assert shown(chair, Metric.NIBP_SYSTOLIC) == 195
    assert ("nibp_systolic high", "high") in chair.open()


def test_the_next_patient_begins_with_no_source_of_the_last_ones_cuff():
    chair = at_chair(CUFF_MONITOR, MULTI)
    hear(chair, 5, CUFF_MONITOR, reading="a-n1", sys=120, dia=80, mean=93)
    chair.phase(SessionPhase.ABORTED, "enough")
    assert chair.start().kind is OutcomeKind.DONE
    assert Metric.NIBP_SYSTOLIC not in chair.state.shown_from
    hear(chair, 60, MULTI, reading="b-n1", sys=210, dia=120, mean=150)
    assert shown(chair, Metric.NIBP_SYSTOLIC) == 210


def test_after_a_restart_the_readings_that_two_monitors_still_show_are_no_news():
    chair = at_chair(CUFF_MONITOR, MULTI, phase=SessionPhase.BASELINE)
    hear(chair, 5, CUFF_MONITOR, reading="a-n1", sys=120, dia=80, mean=93)
    hear(chair, 60, MULTI, reading="b-n1", sys=122, dia=82, mean=95)
    fresh = ChairState(1, "Chair 1", is_simulated=True, monitors=(CUFF_MONITOR, MULTI))
    state, _gap = resumed(fresh, chair.stored(), at(100))
    again = Bedside(state, now=at(100))
    for monitor in (CUFF_MONITOR, MULTI):
        line(again, 100, LinkState.LIVE, monitor)
    hear(again, 101, MULTI, reading="r-n1", sys=122, dia=82, mean=95)
    hear(again, 102, CUFF_MONITOR, reading="r-n2", sys=120, dia=80, mean=93)
    pulse = replace(seen(102, sys=64)[0], metric=Metric.NIBP_PULSE, measurement_id="r-n2")
    again.step(Observed((pulse,), at(103), 2.0, "dinamap"), at(103.01))
    assert not [fact for fact in again.facts if isinstance(fact, Reading)]
    assert len(again.session.sets) == 2
    hear(again, 300, CUFF_MONITOR, reading="r-n3", sys=120, dia=80, mean=93)
    assert len(again.session.sets) == 3


def test_the_pulse_of_a_cuff_that_follows_in_its_own_frame_is_no_failed_cycle():
    chair = at_chair(CUFF_MONITOR, OXIMETER)
    hear(chair, 5, CUFF_MONITOR, reading="a-n1", sys=120, dia=80, mean=93)
    pulse = replace(seen(6, sys=64)[0], metric=Metric.NIBP_PULSE, measurement_id="a-n1")
    chair.step(Observed((pulse,), at(6), 2.0, "dinamap"), at(6.01))
    assert chair.session.failed_cuffs == 0
    assert shown(chair, Metric.NIBP_PULSE) == 64
    assert len(chair.session.sets) == 1


def test_each_line_has_its_own_alarm_and_the_chair_says_the_worse():
    chair = at_chair(CUFF_MONITOR, OXIMETER, phase=SessionPhase.BASELINE)
    line(chair, 10, LinkState.QUIET, OXIMETER)
    line(chair, 12, LinkState.DISCONNECTED, CUFF_MONITOR)
    chair.wait(20)
    assert {"NO DATA masimo-ascii1", "DEVICE DISCONNECTED dinamap"} <= set(chair.alarms)
    view = chair_view(chair.state, at(20))
    assert view.link is LinkState.DISCONNECTED
    assert view.link_detail == "dinamap: disconnected it is"
    line(chair, 21, LinkState.LIVE, CUFF_MONITOR)
    chair.wait(25)
    assert chair_view(chair.state, at(25)).link is LinkState.QUIET
    assert "DEVICE DISCONNECTED dinamap" not in chair.alarms
    said = [(fact.monitor, fact.state) for fact in chair.facts if isinstance(fact, LinkChanged)]
    assert said[-1] == ("dinamap", LinkState.LIVE)


def test_a_finger_that_slips_out_is_told_although_the_cuff_monitor_is_unplugged():
    chair = at_chair(CUFF_MONITOR, OXIMETER)
    line(chair, 3, LinkState.DISCONNECTED, CUFF_MONITOR)
    hear(chair, 5, OXIMETER, spo2=97, pulse=70)
    for second in range(6, 15):
        hear(chair, second, OXIMETER, spo2=None, pulse=None)
    assert missing_condition(Metric.SPO2) in chair.alarms


def test_the_record_says_which_monitors_a_session_was_read_from_and_how_far_proven():
    chair = at_chair(CUFF_MONITOR, MULTI)
    (first,) = [fact for fact in chair.facts if isinstance(fact, SessionOpened)]
    assert first.monitors == (Listened("dinamap", "simulated"), Listened("ivy450c", "capture"))


def test_a_remark_is_shown_at_once_and_recorded_when_it_has_stood():
    chair = at_chair(OXIMETER)

    def say(seconds: float, *remarks: str) -> None:
        (spo2,) = seen(seconds, spo2=90)
        frame = Observed((replace(spo2, remarks=remarks),), at(seconds), 1.0)
        chair.step(frame, at(seconds + 0.01))

    say(5, "pulse search")
    assert chair_view(chair.state, at(5)).remarks == ("SpO2: pulse search",)
    for second in range(6, 12):  # a finger that moves
        say(second, *(["low perfusion"] if second % 2 else []))
    assert not [fact for fact in chair.facts if isinstance(fact, Remarked)]
    for second in range(12, 20):
        say(second, "low perfusion", "SpO2 below limit")
    assert chair_view(chair.state, at(20)).remarks == ("SpO2: low perfusion; SpO2 below limit",)
    for second in range(20, 30):
        say(second)
    assert chair_view(chair.state, at(30)).remarks == ()
    said = [
        (fact.at, fact.monitor, fact.text) for fact in chair.facts if isinstance(fact, Remarked)
    ]
    assert said == [
        (at(12), "masimo-ascii1", "low perfusion; SpO2 below limit"),
        (at(20), "masimo-ascii1", ""),
    ]


def test_the_monitors_own_alarms_are_shown_and_recorded_and_end_with_its_line():
    chair = at_chair(CUFF_MONITOR, OXIMETER)

    def say(seconds: float, *alarms: str) -> None:
        chair.step(Observed((), at(seconds), 1.0, "dinamap", alarms), at(seconds + 0.01))

    say(1, "*** SpO2 LOW", "LEADS OFF")
    say(7, "*** SpO2 LOW", "LEADS OFF")
    own = "Its alarms: *** SpO2 LOW; LEADS OFF (dinamap)"
    assert chair_view(chair.state, at(7)).remarks == (own,)
    line(chair, 8, LinkState.QUIET, OXIMETER)
    assert chair_view(chair.state, at(8)).remarks == (own,)
    line(chair, 9, LinkState.QUIET, CUFF_MONITOR)
    assert chair_view(chair.state, at(9)).remarks == ()
    said = [(fact.metric, fact.text) for fact in chair.facts if isinstance(fact, Remarked)]
    assert said == [(None, "*** SpO2 LOW; LEADS OFF"), (None, "")]


def test_a_remark_on_several_signs_is_shown_once():
    chair = at_chair(OXIMETER)
    both = seen(5, spo2=90, pulse=70)
    marked = tuple(replace(obs, remarks=("sensor off patient",)) for obs in both)
    chair.step(Observed(marked, at(5), 1.0), at(5.01))
    assert chair_view(chair.state, at(6)).remarks == ("SpO2, PR: sensor off patient",)


# --- a cuff that is worked from the chair page ----------------------------------------------------


def order(chair: Bedside, what: CuffOrder, by=NURSE) -> OrderCuff:
    here = chair.session.opened.session
    return OrderCuff(command_id=chair.new_id(), by=by, chair=1, session=here, order=what)


def allow(chair: Bedside, is_allowed: bool = True, by=CLINICIAN):
    here, made = chair.session.opened.session, chair.new_id()
    wanted = AllowCuff(command_id=made, by=by, chair=1, session=here, is_allowed=is_allowed)
    return chair.ask(wanted)[0]


def start_asked(chair: Bedside):
    """A start that the record has not taken yet."""
    assert allow(chair).kind is OutcomeKind.DONE
    return chair.step(order(chair, CuffOrder.START)).commit


def taken(chair: Bedside, commit, seconds: float = 0.0):
    """What comes of it when the record has."""
    done = Committed(*commit, CommitResult.COMMITTED)
    return chair.step(done, chair.now + timedelta(seconds=seconds))


def test_after_a_restart_a_number_is_still_of_its_monitor():
    chair = at_chair(CUFF_MONITOR, OXIMETER)
    stored = replace(
        chair.stored(),
        latest={obs.metric: obs for obs in seen(5, spo2=97, sys=120)},
        shown_from={Metric.SPO2: "masimo-ascii1", Metric.NIBP_SYSTOLIC: "one that is gone"},
    )
    fresh = ChairState(1, "Chair 1", is_simulated=True, monitors=(CUFF_MONITOR, OXIMETER))
    again, _gap = resumed(fresh, stored, at(100))
    assert chair_view(again, at(100)).shown_from == {Metric.SPO2: "masimo-ascii1"}


def test_a_cuff_is_started_only_where_a_clinician_allowed_it():
    chair = at_chair(CUFF_MONITOR, OXIMETER)
    assert chair.step(order(chair, CuffOrder.START)).outcome[1].kind is OutcomeKind.REFUSED
    assert "a clinician decides" in allow(chair, by=NURSE).reason
    assert allow(chair).kind is OutcomeKind.DONE
    asked = chair.step(order(chair, CuffOrder.START))
    assert asked.order is None, "not before the record has it"
    done = chair.step(Committed(*asked.commit, CommitResult.COMMITTED))
    assert done.order == ("dinamap", CuffOrder.START)
    (fact,) = asked.commit[1]
    session = chair.session.opened.session
    assert fact == CuffOrdered(session, chair.now, "anna", CuffOrder.START, "dinamap")
    assert allow(chair, is_allowed=False).kind is OutcomeKind.DONE
    assert chair.step(order(chair, CuffOrder.START)).outcome[1].kind is OutcomeKind.REFUSED


def test_what_the_record_did_not_take_starts_no_cuff():
    chair = at_chair(CUFF_MONITOR, OXIMETER)
    allow(chair)
    asked = chair.step(order(chair, CuffOrder.START))
    assert chair.step(Committed(*asked.commit, CommitResult.FAILED)).order is None
    assert chair.step(Committed(*asked.commit, CommitResult.DUPLICATE)).order is None


def test_an_arm_has_its_rest_between_two_starts_unless_the_first_was_cancelled():
    chair = at_chair(CUFF_MONITOR, OXIMETER)
    allow(chair)
    assert chair.ask(order(chair, CuffOrder.START))[0].kind is OutcomeKind.DONE
    chair.wait(59)
    assert "needs its rest" in chair.ask(order(chair, CuffOrder.START))[0].reason
    assert chair.ask(order(chair, CuffOrder.CANCEL))[0].kind is OutcomeKind.DONE
    chair.wait(59.5)
    assert chair.ask(order(chair, CuffOrder.START))[0].kind is OutcomeKind.DONE
    hear(chair, 100, CUFF_MONITOR, reading="a-n1", sys=120, dia=80, mean=93)
    assert chair.ask(order(chair, CuffOrder.CANCEL))[0].kind is OutcomeKind.DONE
    chair.wait(129)
    assert "on the arm 29 s ago" in chair.ask(order(chair, CuffOrder.START))[0].reason
    chair.wait(131)
    assert chair.ask(order(chair, CuffOrder.START))[0].kind is OutcomeKind.DONE


def test_a_start_that_nobody_wants_any_more_is_not_sent_and_the_record_says_so():
    late = at_chair(CUFF_MONITOR, OXIMETER)
    effects = taken(late, start_asked(late), seconds=2.1)
    assert effects.order is None
    assert "took too long" in effects.outcome[1].reason
    (withdrawn,) = [fact for fact in effects.facts if isinstance(fact, CuffOrdered)]
    assert (withdrawn.by, withdrawn.order) == ("vigil", CuffOrder.CANCEL)

    cancelled = at_chair(CUFF_MONITOR, OXIMETER)
    commit = start_asked(cancelled)
    assert cancelled.step(order(cancelled, CuffOrder.CANCEL)).order is not None
    assert taken(cancelled, commit).order is None

    gone = at_chair(CUFF_MONITOR, OXIMETER)
    commit = start_asked(gone)
    gone.phase(SessionPhase.ABORTED, "enough")
    effects = taken(gone, commit)
    assert (effects.order, effects.facts) == (None, ())

    unplugged = at_chair(CUFF_MONITOR, OXIMETER)
    commit = start_asked(unplugged)
    line(unplugged, 0.5, LinkState.DISCONNECTED, CUFF_MONITOR)
    line(unplugged, 0.6, LinkState.LIVE, CUFF_MONITOR)
    assert "not heard" in taken(unplugged, commit).outcome[1].reason


@pytest.mark.parametrize("end", ["session", "permission"])
def test_what_ends_the_permission_ends_the_cuff_that_was_started_with_it(end):
    chair = at_chair(CUFF_MONITOR, OXIMETER)
    assert taken(chair, start_asked(chair)).order == ("dinamap", CuffOrder.START)
    here = chair.session.opened.session
    common = {"command_id": chair.new_id(), "by": CLINICIAN, "chair": 1, "session": here}
    if end == "session":
        ending = ChangePhase(**common, to=SessionPhase.ABORTED, reason="enough")
        assert chair.step(ending).order == ("dinamap", CuffOrder.CANCEL)
    else:
        commit = chair.step(AllowCuff(**common, is_allowed=False)).commit
        assert taken(chair, commit).order == ("dinamap", CuffOrder.CANCEL)


def test_a_permission_and_a_start_are_for_the_patient_they_were_meant_for():
    chair = at_chair(CUFF_MONITOR, OXIMETER)
    anyone = {"command_id": chair.new_id(), "by": CLINICIAN, "chair": 1}
    assert chair.ask(AllowCuff(**anyone, is_allowed=True))[0].kind is OutcomeKind.REFUSED
    allow(chair)
    start = OrderCuff(**{**anyone, "command_id": chair.new_id()}, order=CuffOrder.START)
    assert chair.ask(start)[0].kind is OutcomeKind.REFUSED


def test_whoever_cancels_on_a_dead_line_is_told_to_release_the_cuff_by_hand():
    chair = at_chair(CUFF_MONITOR, OXIMETER)
    line(chair, 1, LinkState.QUIET, CUFF_MONITOR)
    outcome, _facts = chair.ask(order(chair, CuffOrder.CANCEL))
    assert outcome.kind is OutcomeKind.DONE
    assert "release the cuff at the monitor" in outcome.reason


def test_one_of_two_lines_lost_is_high_only_where_it_leaves_the_patient_unwatched():
    chair = at_chair(CUFF_MONITOR, MULTI)
    line(chair, 5, LinkState.DISCONNECTED, CUFF_MONITOR)
    chair.wait(10)
    assert ("DEVICE DISCONNECTED dinamap", "medium") in chair.open()
    line(chair, 11, LinkState.LIVE, CUFF_MONITOR)
    line(chair, 12, LinkState.DISCONNECTED, MULTI)
    chair.wait(15)
    assert ("DEVICE DISCONNECTED ivy450c", "high") in chair.open()


def test_a_cancel_waits_for_nobody_and_needs_no_permission():
    chair = at_chair(CUFF_MONITOR, OXIMETER)
    assert chair.step(order(chair, CuffOrder.CANCEL)).order == ("dinamap", CuffOrder.CANCEL)


def test_no_cuff_is_started_on_a_line_that_is_not_heard_or_where_there_is_none():
    chair = at_chair(CUFF_MONITOR, OXIMETER)
    allow(chair)
    line(chair, 30, LinkState.QUIET, CUFF_MONITOR)
    assert "not heard" in chair.step(order(chair, CuffOrder.START)).outcome[1].reason
    other = at_chair(OXIMETER)
    assert "no monitor" in other.step(order(other, CuffOrder.CANCEL)).outcome[1].reason
    assert "no monitor" in allow(other).reason


def test_the_permission_outlives_a_restart_and_ends_with_the_session():
    chair = at_chair(CUFF_MONITOR)
    allow(chair)
    assert any(isinstance(fact, CuffAllowed) for fact in chair.facts)
    fresh = ChairState(1, "Chair 1", is_simulated=True, monitors=(CUFF_MONITOR,))
    again, _gap = resumed(fresh, chair.stored(), at(100))
    assert again.session.may_start_cuff
    chair.phase(SessionPhase.ABORTED, "enough")
    assert chair.start().kind is OutcomeKind.DONE
    assert not chair.session.may_start_cuff


def test_a_frame_that_took_its_time_stands_in_the_record_where_the_screen_has_it():
    chair = at_chair(MULTI)
    effects = chair.step(Observed(seen(4.4, hr=70, spo2=97), at(5), 1.0), at(5.01))
    (row,) = [fact for fact in effects.facts if isinstance(fact, Vitals)]
    assert row.at == at(4.4) == effects.points[0].observed_at


def test_a_reading_from_before_monitors_had_names_is_known_after_the_upgrade():
    chair = at_chair(CUFF_MONITOR)
    hear(chair, 5, replace(CUFF_MONITOR, name=""), reading="a-n1", sys=120, dia=80, mean=93)
    stored = chair.stored()
    nameless = replace(stored, last_cuffs={"": stored.last_cuffs["dinamap"]})
    fresh = ChairState(1, "Chair 1", is_simulated=True, monitors=(CUFF_MONITOR,))
    again = Bedside(resumed(fresh, nameless, at(100))[0], now=at(100))
    line(again, 100, LinkState.LIVE, CUFF_MONITOR)
    hear(again, 101, replace(CUFF_MONITOR, name=""), reading="r-n1", sys=120, dia=80, mean=93)
    assert not [fact for fact in again.facts if isinstance(fact, Reading)]


# --- the choice itself ----------------------------------------------------------------------------


@pytest.mark.parametrize(("late_s", "is_shown"), [(9.9, False), (10.0, False), (10.1, True)])
def test_the_other_waits_exactly_the_age_limit_for_one_that_went_silent(late_s, is_shown):
    given = {(Metric.SPO2, "masimo-ascii1"): Heard(BEGIN, BEGIN)}
    shown_from = {Metric.SPO2: "masimo-ascii1"}
    choice = chosen((OXIMETER, MULTI), given, shown_from, {}, "ivy450c", seen(late_s, spo2=93))
    assert (bool(choice.shown), bool(choice.beside)) == (is_shown, not is_shown)
    assert choice.given[Metric.SPO2, "ivy450c"] == Heard(at(late_s), at(late_s))
    assert given == {(Metric.SPO2, "masimo-ascii1"): Heard(BEGIN, BEGIN)}


def test_a_metric_that_no_monitor_claims_is_shown_as_it_comes():
    values = seen(1, temp=36.6)
    choice = chosen((OXIMETER, MULTI), {}, {}, {}, "ivy450c", values)
    assert (choice.shown, choice.beside) == (values, ())
