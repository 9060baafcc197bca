"""Where a chair has two monitors: is each number of the right one, and is none lost or mixed?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from clinical.bedside import BedsideMonitor, chosen, order_of
from clinical.chair import ChairState, missing_condition, resumed
from clinical.commands import AllowCuff, OrderCuff, OutcomeKind
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
    hear(chair, 5, MULTI, hr=70, spo2=95, pulse=71)
    hear(chair, 5.2, OXIMETER, spo2=97, pulse=90)
    hear(chair, 6, MULTI, hr=71, spo2=94, pulse=72)
    assert shown(chair, Metric.SPO2) == 97
    assert shown(chair, Metric.PULSE_RATE) == 72
    rows = [fact for fact in chair.facts if isinstance(fact, Vitals)]
    kept = [
        (row.monitor, obs.metric, obs.value)
        for row in rows
        if row.is_beside
        for obs in row.observations
    ]
    assert kept == [("masimo-ascii1", Metric.PULSE_RATE, 90), ("ivy450c", Metric.SPO2, 94)]
    total = sum(len(row.observations) for row in rows)
    assert total == 8  # nothing is lost


def test_the_other_steps_in_when_the_preferred_has_nothing_for_its_age_limit():
    chair = at_chair(MULTI, OXIMETER)
    hear(chair, 5, OXIMETER, spo2=97)
    for second in range(6, 20):
        hear(chair, second, OXIMETER, spo2=None)
        hear(chair, second + 0.3, MULTI, hr=70, spo2=93)
        if second < 15:
            assert shown(chair, Metric.SPO2) is None, "dashes, not a jump between two fingers"
    assert shown(chair, Metric.SPO2) == 93
    assert chair.state.shown_from[Metric.SPO2] == "ivy450c"
    hear(chair, 20, OXIMETER, spo2=None)
    assert shown(chair, Metric.SPO2) == 93, "a dash of the first does not hide the second's value"
    hear(chair, 21, OXIMETER, spo2=98)
    assert shown(chair, Metric.SPO2) == 98
    hear(chair, 21.3, MULTI, hr=70, spo2=93)
    assert shown(chair, Metric.SPO2) == 98


def test_limits_judge_only_what_is_shown():
    chair = at_chair(MULTI, OXIMETER)
    for second in range(5, 60):
        hear(chair, second, OXIMETER, spo2=97)
        hear(chair, second + 0.3, MULTI, hr=70, spo2=80)
    assert not chair.log("spo2")


def test_a_cuff_reading_stays_whole_and_yields_only_to_a_late_one():
    chair = at_chair(replace(CUFF_MONITOR, prefers=frozenset(CUFF)), MULTI)
    hear(chair, 5, CUFF_MONITOR, reading="a-n1", sys=120, dia=80, mean=93)
    hear(chair, 60, MULTI, reading="b-n1", sys=160, dia=90, mean=110)
    assert shown(chair, Metric.NIBP_SYSTOLIC) == 120
    hear(chair, 5 + 17 * 60 + 1, MULTI, reading="b-n2", sys=150, dia=85, mean=105)
    assert (shown(chair, Metric.NIBP_SYSTOLIC), shown(chair, Metric.NIBP_DIASTOLIC)) == (150, 85)
    beside = [fact for fact in chair.facts if isinstance(fact, Reading) and fact.is_beside]
    assert [fact.observation.value for fact in beside] == [160, 90, 110]


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


def test_a_remark_is_recorded_when_it_changes_and_shown_while_it_stands():
    chair = at_chair(OXIMETER)

    def say(seconds: float, *remarks: str) -> None:
        (spo2,) = seen(seconds, spo2=90)
        frame = Observed((replace(spo2, remarks=remarks),), at(seconds), 1.0)
        chair.step(frame, at(seconds + 0.01))

    say(5, "low perfusion", "SpO2 below limit")
    say(6, "low perfusion", "SpO2 below limit")
    assert chair_view(chair.state, at(6)).remarks == ("SpO2: low perfusion; SpO2 below limit",)
    say(7)
    assert chair_view(chair.state, at(7)).remarks == ()
    said = [(fact.monitor, fact.text) for fact in chair.facts if isinstance(fact, Remarked)]
    assert said == [("masimo-ascii1", "low perfusion; SpO2 below limit"), ("masimo-ascii1", "")]


def test_the_monitors_own_alarms_are_shown_and_recorded_and_end_with_its_line():
    chair = at_chair(CUFF_MONITOR, OXIMETER)

    def say(seconds: float, *alarms: str) -> None:
        chair.step(Observed((), at(seconds), 1.0, "dinamap", alarms), at(seconds + 0.01))

    say(5, "*** SpO2 LOW", "LEADS OFF")
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
    return OrderCuff(command_id=chair.new_id(), by=by, chair=1, order=what)


def allow(chair: Bedside, is_allowed: bool = True, by=CLINICIAN):
    wanted = AllowCuff(command_id=chair.new_id(), by=by, chair=1, is_allowed=is_allowed)
    return chair.ask(wanted)[0]


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
    assert chair.ask(order(chair, CuffOrder.START))[0].kind is OutcomeKind.DONE
    chair.wait(59 + 61)
    assert chair.ask(order(chair, CuffOrder.START))[0].kind is OutcomeKind.DONE


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


# --- the choice itself ----------------------------------------------------------------------------


@pytest.mark.parametrize(("late_s", "is_shown"), [(9.9, False), (10.0, False), (10.1, True)])
def test_a_fallback_waits_exactly_the_age_limit(late_s, is_shown):
    given = {(Metric.SPO2, "masimo-ascii1"): BEGIN}
    now = BEGIN + timedelta(seconds=late_s)
    shown, beside, after = chosen((OXIMETER, MULTI), given, "ivy450c", seen(late_s, spo2=93), now)
    assert (bool(shown), bool(beside)) == (is_shown, not is_shown)
    assert after[Metric.SPO2, "ivy450c"] == now
    assert given == {(Metric.SPO2, "masimo-ascii1"): BEGIN}


def test_a_metric_that_no_monitor_claims_is_shown_as_it_comes():
    values = seen(1, temp=36.6)
    shown, beside, _ = chosen((OXIMETER, MULTI), {}, "ivy450c", values, at(1))
    assert (shown, beside) == (values, ())
    assert values[0].quality is Quality.VALID
