"""Is another monitor at the line noticed, kept out and let in, and a clock that is wrong told?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical.bedside import BedsideMonitor
from clinical.chair import ChairState, resumed
from clinical.commands import AllowCuff, OrderCuff
from clinical.identity import Identity
from clinical.links import CuffOrder, LinkEvent, LinkState
from clinical.monitor import Observed, SessionMonitor, Tick
from clinical.phases import SessionPhase
from clinical.picture import chair_view
from clinical.recognition import Arranged, difference, strangers
from clinical.record import (
    ClockCompared,
    Fact,
    Listened,
    MonitorHeard,
    MonitorsArranged,
    Reading,
    Remarked,
    Vitals,
)
from clinical.vitals import CUFF, Metric
from tests.clinical.fakes import CLINICIAN, NURSE, Bedside, at, seen

GE = BedsideMonitor("ge-dri", "GE", frozenset({Metric.HEART_RATE, Metric.SPO2, *Metric}), "capture")
NELLCOR = BedsideMonitor("nellcor", "Nellcor", frozenset({Metric.SPO2}), "simulated")
OURS = Identity("B450", "A1")
OTHER = Identity("B450", "B2")


def chair_with(*monitors: BedsideMonitor) -> Bedside:
    return Bedside(ChairState(1, "Chair 1", monitors=monitors))


def watched(phase: SessionPhase = SessionPhase.INFUSING) -> Bedside:
    """A session whose monitor has said that it is ours."""
    chair = chair_with(GE)
    chair.link(0, LinkState.LIVE)
    chair.says(0, OURS)
    assert chair.start().kind.value == "done"
    chair.bring_to(phase)
    chair.see(1, hr=70, spo2=98, rr=14)
    return chair


def of_session(chair: Bedside) -> Iterator[Fact]:
    return (fact for fact in chair.stored().facts if fact.session is not None)


def heard(chair: Bedside) -> list[tuple[str, bool, str]]:
    facts = [fact for fact in chair.facts if isinstance(fact, MonitorHeard)]
    return [(fact.serial, fact.is_bound, fact.by) for fact in facts]


def test_the_first_monitor_that_is_heard_at_a_chair_is_its_own():
    chair = watched()
    assert heard(chair) == [("A1", True, "vigil")]
    assert chair.state.bound == {"ge-dri": OURS}
    assert chair.open() == set()


def test_nothing_of_another_monitor_is_shown_or_recorded_until_a_nurse_confirms():
    chair = watched()
    chair.says(10, OTHER)
    measured = len([f for f in chair.facts if isinstance(f, Vitals | Reading)])
    chair.see(11, hr=150, spo2=80)
    chair.cuff(12, 200, 120)
    assert len([f for f in chair.facts if isinstance(f, Vitals | Reading)]) == measured
    assert chair.state.latest[Metric.HEART_RATE].value == 70
    assert ("CHECK DEVICE", "medium") in chair.open()
    view = chair_view(chair.state, chair.now)
    assert view.strangers == {"ge-dri": OTHER}
    assert view.bound == {"ge-dri": OURS}

    assert chair.confirm(OTHER, "ge-dri").kind.value == "done"
    chair.see(14, hr=71)
    assert chair.state.latest[Metric.HEART_RATE].value == 71
    assert "CHECK DEVICE" not in {name for name, _ in chair.open()}
    assert heard(chair)[1:] == [("B2", False, "vigil"), ("B2", True, NURSE.user)]


def test_a_stranger_is_one_alarm_and_not_also_a_signal_that_is_gone():
    chair = watched()
    chair.says(10, OTHER)
    chair.wait(120)
    assert chair.open() == {("CHECK DEVICE", "medium")}
    chair.says(121, OURS)
    chair.wait(140)  # and where the own one is back and says nothing, that is told
    assert ("SpO2 NOT UPDATED", "medium") in chair.open()


def test_the_own_monitor_that_comes_back_needs_nobody():
    chair = watched()
    chair.says(10, OTHER)
    chair.says(20, OURS)
    chair.see(21, hr=72)
    assert chair.state.latest[Metric.HEART_RATE].value == 72
    assert "CHECK DEVICE" not in {name for name, _ in chair.open()}
    # The record says from when on it was there again.
    assert heard(chair)[1:] == [("B2", False, "vigil"), ("A1", True, "vigil")]


def test_a_stranger_that_is_heard_again_on_a_reopened_port_is_one_alarm_and_one_fact():
    chair = watched()
    chair.says(10, OTHER)
    since = chair.alarms["CHECK DEVICE"].onset_at
    chair.link(12, LinkState.DISCONNECTED)
    chair.link(13, LinkState.LIVE)
    chair.says(13, OTHER)
    assert chair.alarms["CHECK DEVICE"].onset_at == since
    assert len(heard(chair)) == 2


def test_renewed_software_is_no_other_device():
    chair = watched()
    chair.says(10, replace(OURS, version="2.1"))
    assert chair.open() == set()
    assert chair.state.bound["ge-dri"].version == "2.1"


def test_what_it_leaves_out_is_remembered():
    chair = watched()
    chair.says(10, Identity(model="B450"))
    assert chair.state.bound["ge-dri"] == OURS


def test_yet_another_one_is_not_confirmed_by_what_the_page_showed_before():
    chair = watched()
    chair.says(10, OTHER)
    third = replace(OTHER, serial="C3")
    chair.says(20, third)
    outcome = chair.confirm(OTHER, "ge-dri")
    assert "yet another monitor is heard by now, B450, no. C3" in outcome.reason
    assert chair.confirm(third, "ge-dri").kind.value == "done"


def test_there_is_nothing_to_confirm_of_the_own_one():
    chair = watched()
    assert "hears its own monitor" in chair.confirm(OURS, "ge-dri").reason


def test_an_empty_chair_confirms_too():
    chair = chair_with(GE)
    chair.says(0, OURS)
    chair.says(5, OTHER)
    assert chair.confirm(OTHER, "ge-dri").kind.value == "done"
    assert all(f.session is None for f in chair.facts if isinstance(f, MonitorHeard))
    assert chair.start().kind.value == "done"
    assert chair.open() == set()


def test_a_session_that_begins_with_a_stranger_says_so_at_once():
    chair = chair_with(GE)
    chair.says(0, OURS)
    chair.says(5, OTHER)
    chair.now = at(60)
    assert chair.start().kind.value == "done"
    chair.tick(61)
    assert ("CHECK DEVICE", "medium") in chair.open()
    assert chair.alarms["CHECK DEVICE"].onset_at == at(60)


def test_with_two_monitors_the_other_ones_numbers_go_on():
    chair = chair_with(GE, NELLCOR)
    chair.says(0, OURS, "ge-dri")
    chair.says(0, Identity("N-560"), "nellcor")
    assert chair.start().kind.value == "done"
    chair.says(10, Identity("N-595"), "nellcor")
    assert ("CHECK DEVICE nellcor", "medium") in chair.open()
    assert list(chair_view(chair.state, chair.now).strangers) == ["nellcor"]


def test_after_a_restart_the_alarm_stays_until_the_monitor_has_said_who_it_is():
    chair = watched()
    chair.says(10, OTHER)
    bound = chair.state.bound
    record = replace(chair.stored(), facts=tuple(of_session(chair)))
    before = ChairState(1, "Chair 1", monitors=(GE,), bound=bound, heard=chair.state.heard)
    state, _gap = resumed(before, record, at(30))
    again = Bedside(state, now=at(30))
    again.step(Tick(), at(31))
    assert ("CHECK DEVICE", "medium") in again.open()
    again.says(32, OURS)
    assert ("CHECK DEVICE", "medium") not in again.open()


@pytest.mark.parametrize(
    ("offset_s", "told"),
    [(5.0, None), (-5.0, None), (5.1, "5 s"), (-12.4, "12 s"), (300.0, "5 min"), (-7200.0, "2 h")],
)
def test_a_clock_is_told_beyond_five_seconds(offset_s, told):
    chair = watched()
    chair.clock_is(10, offset_s)
    if told is None:
        assert chair.open() == set()
    else:
        assert chair.open() == {("CLOCK DIFFERS", "low")}
        assert chair.alarms["CLOCK DIFFERS"].signal.text == f"CLOCK DIFFERS {told}"
    facts = [fact for fact in chair.facts if isinstance(fact, ClockCompared)]
    assert [(fact.offset_s, fact.monitor) for fact in facts] == [(offset_s, "ge-dri")]


def test_a_clock_that_was_put_right_ends_the_alarm():
    chair = watched()
    chair.clock_is(10, 12.0)
    chair.clock_is(3610, 0.4)
    assert ("CLOCK DIFFERS", "low") not in chair.open()
    assert chair_view(chair.state, chair.now).clocks["ge-dri"].offset_s == 0.4


@pytest.mark.parametrize(
    ("offset_s", "words"), [(0, "0 s"), (119.0, "119 s"), (120.0, "2 min"), (7199.0, "120 min")]
)
def test_a_difference_is_said_as_short_as_it_may_be(offset_s, words):
    assert difference(offset_s) == words


def test_a_chair_gets_other_monitors_in_mid_session():
    chair = watched()
    chair.says(10, OTHER)
    chair.step(Arranged("By the window", (NELLCOR,), "ines"), at(20))
    assert chair.state.name == "By the window"
    assert [f for f in chair.facts if isinstance(f, MonitorsArranged)] == [
        MonitorsArranged(
            chair.session.opened.session, at(20), "ines", (Listened("nellcor", "simulated"),)
        )
    ]
    assert chair.state.link is None
    chair.link(21, LinkState.LIVE)
    assert ("CHECK DEVICE", "medium") not in chair.open()
    assert Metric.HEART_RATE not in chair.state.latest  # it would stand before a live pulse


def test_what_a_monitor_that_was_taken_away_said_of_its_values_goes_with_it():
    chair = watched()
    off = replace(seen(10, spo2=None)[0], remarks=("sensor off patient",))
    for second in (10, 16):
        chair.step(Observed((replace(off, observed_at=at(second)),), at(second)), at(second))
    assert chair_view(chair.state, chair.now).remarks == ("SpO2: sensor off patient",)
    chair.step(Arranged("Chair 1", (NELLCOR,), "ines"), at(20))
    assert chair_view(chair.state, chair.now).remarks == ()
    assert [f.text for f in chair.facts if isinstance(f, Remarked)] == ["sensor off patient", ""]
    assert chair.session.missing_since == {}


def test_the_last_pressure_of_the_patient_outlives_the_monitor_that_took_it():
    chair = watched()
    chair.cuff(5, 130, 80)
    chair.step(Arranged("Chair 1", (NELLCOR,), "ines"), at(20))
    assert chair.state.latest[Metric.NIBP_SYSTOLIC].value == 130
    assert set(chair.state.latest) <= set(CUFF)


def test_an_old_number_is_not_of_who_sits_down_now():
    chair = chair_with(GE)
    chair.link(0, LinkState.LIVE)
    chair.see(1, hr=70)
    chair.see(500, spo2=97)
    chair.now = at(501)
    assert chair.start().kind.value == "done"
    assert set(chair.state.latest) == {Metric.SPO2}


def test_what_the_monitor_that_stays_said_and_lacked_stays():
    chair = chair_with(GE)
    chair.link(0, LinkState.LIVE)
    chair.says(0, OURS)
    assert chair.start().kind.value == "done"
    chair.bring_to(SessionPhase.INFUSING)
    chair.see(1, spo2=98, hr=70)
    chair.see(5, spo2=98, hr=None)
    chair.wait(70)
    assert ("HR NO SIGNAL", "medium") in chair.open()
    chair.acknowledge("HR NO SIGNAL")
    chair.step(Arranged("Chair 1", (GE, NELLCOR), "ines"), at(72))
    chair.step(LinkEvent(LinkState.LIVE, at(73), "", "nellcor"), at(73))
    assert chair.alarms["HR NO SIGNAL"].acknowledged_by == NURSE.user
    chair.says(75, OTHER, "ge-dri")
    assert list(chair_view(chair.state, chair.now).strangers) == ["ge-dri"]
    assert ("CHECK DEVICE ge-dri", "medium") in chair.open()
    assert chair.state.shown_from[Metric.SPO2] == "ge-dri"
    chair.step(Arranged("Chair 1", (GE,), "ines"), at(80))
    assert ("CHECK DEVICE", "medium") in chair.open()
    assert chair.state.link is not None
    assert chair.state.link.monitor == ""


def test_a_monitor_at_another_port_is_not_yet_who_it_was():
    chair = watched()
    chair.says(10, OTHER)
    chair.step(Arranged("Chair 1", (GE,), "ines", frozenset({"ge-dri"})), at(20))
    assert chair.state.heard == {}
    assert chair.state.link is None
    assert not [f for f in chair.facts if isinstance(f, MonitorsArranged)]


def test_the_clock_of_a_stranger_is_not_the_chairs():
    chair = watched()
    chair.says(10, OTHER)
    chair.clock_is(11, 90.0)
    assert ("CLOCK DIFFERS", "low") not in chair.open()
    assert not [f for f in chair.facts if isinstance(f, ClockCompared)]
    chair.says(20, OURS)
    assert chair.state.clocks == {}
    chair.says(30, OTHER)
    chair.clock_is(31, 90.0)
    assert chair.confirm(OTHER, "ge-dri").kind.value == "done"
    chair.tick(32)
    assert ("CLOCK DIFFERS", "low") in chair.open()
    assert [f.offset_s for f in chair.facts if isinstance(f, ClockCompared)] == [90.0]


def test_a_part_of_the_own_name_does_not_end_a_stranger():
    chair = watched()
    chair.says(10, OTHER)
    chair.says(20, Identity(model="B450"))
    chair.see(21, hr=150)
    assert chair.state.latest[Metric.HEART_RATE].value == 70
    assert ("CHECK DEVICE", "medium") in chair.open()


def test_the_cuff_of_another_monitor_is_not_started():
    cuff = replace(GE, works_cuff=True)
    chair = chair_with(cuff)
    chair.link(0, LinkState.LIVE)
    chair.says(0, OURS)
    assert chair.start().kind.value == "done"
    allow = AllowCuff(
        command_id=chair.new_id(),
        by=CLINICIAN,
        chair=1,
        session=chair.session.opened.session,
        is_allowed=True,
    )
    assert chair.ask(allow)[0].kind.value == "done"
    chair.says(10, OTHER)
    start = OrderCuff(
        command_id=chair.new_id(),
        by=NURSE,
        chair=1,
        session=chair.session.opened.session,
        order=CuffOrder.START,
    )
    assert "may be on another patient" in chair.ask(start)[0].reason


def test_a_new_name_alone_leaves_the_lines_as_they_are():
    chair = watched()
    link = chair.state.link
    effects = chair.step(Arranged("Window", (GE,), "ines"), at(20))
    assert not [f for f in effects.facts if isinstance(f, MonitorsArranged)]
    assert chair.state.link == link


DEVICES = (OURS, OTHER, Identity("B450", "C3"), Identity("B650"), Identity(), Identity(serial="A1"))


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("says"), st.sampled_from(DEVICES)),
            st.tuples(st.just("confirms"), st.sampled_from(DEVICES)),
            st.tuples(st.sampled_from(("sees", "falls silent", "restarts")), st.none()),
        ),
        max_size=25,
    )
)
def test_no_value_of_a_device_that_nobody_let_in_is_recorded_whatever_happens(events):
    chair = chair_with(GE)
    assert chair.start().kind.value == "done"
    own: Identity | None = None  # as far as is known of it
    heard = Identity()
    for second, (what, device) in enumerate(events, 1):
        match what:
            case "says":
                chair.says(second, device)
                is_part = (own is not None and heard.is_other_than(own)) and (
                    not device.is_other_than(own)
                    and ((own.model and not device.model) or (own.serial and not device.serial))
                )
                heard = heard if device == Identity() or is_part else device
            case "confirms":
                is_strange = own is not None and heard.is_other_than(own)
                is_seen = (device.model, device.serial) == (heard.model, heard.serial)
                chair.now = at(second)
                outcome = chair.confirm(device, "ge-dri")
                assert (outcome.kind.value == "done") is (is_strange and is_seen)
                own = heard if is_strange and is_seen else own
            case "falls silent":
                chair.link(second, LinkState.DISCONNECTED)
                chair.link(second, LinkState.LIVE)
            case "restarts":
                record = replace(chair.stored(), facts=tuple(of_session(chair)))
                left = {} if not strangers(chair.state) else chair.state.heard
                again = ChairState(
                    1, "Chair 1", monitors=(GE,), bound=chair.state.bound, heard=left
                )
                chair.state, _gap = resumed(again, record, at(second))
                # A device that is the own one says so again; a stranger is remembered.
                heard = heard if own is not None and heard.is_other_than(own) else Identity()
            case "sees":
                before = len([f for f in chair.facts if isinstance(f, Vitals)])
                chair.see(second, hr=70)
                is_recorded = len([f for f in chair.facts if isinstance(f, Vitals)]) > before
                assert is_recorded is not (own is not None and heard.is_other_than(own))
        if what == "says" and heard != Identity() and (own is None or not heard.is_other_than(own)):
            known = own or Identity()
            own = Identity(heard.model or known.model, heard.serial or known.serial)
        assert replace(chair.state.bound.get("ge-dri", Identity()), version="") == (
            own or Identity()
        )


def test_a_step_of_a_chair_without_monitors_names_none():
    state, effects, _due = SessionMonitor().step(ChairState(1, "Chair 1"), Tick(), at(0))
    assert (state.heard, effects.facts) == ({}, ())
