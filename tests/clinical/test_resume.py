"""Is the record all that a restart needs: does a cut session go on as if it had not been cut?"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clinical.chair import ChairState, OpenAlarm, SessionState, resumed
from clinical.links import LinkState
from clinical.monitor import Observed
from clinical.phases import SessionPhase
from clinical.record import AlarmEvent, Fact, Gap, Reading, Vitals
from tests.clinical.fakes import (
    CLINICIAN,
    Bedside,
    at,
    complete,
    seen,
    started,
    stored,
)

Moment = tuple[int, ChairState, datetime]  # facts so far, the live state, when
REST = {"hr": 72, "spo2": 98, "rr": 14}


@dataclass
class Watched(Bedside):
    """Remembers the state after each step."""

    moments: list[Moment] = field(default_factory=list)

    def step(self, event, now=None):
        effects = super().step(event, now)
        # What a command makes is written before its commit is stepped; in between nothing is cut.
        if self.state.session is not None and effects.commit is None:
            self.moments.append((len(self.facts), self.state, self.now))
        return effects


@cache
def script() -> tuple[tuple[Fact, ...], tuple[Moment, ...]]:
    """A session in which everything happens that a record has to carry over."""
    chair = Watched()
    chair.link(0, LinkState.LIVE)
    chair.start()
    chair.watch(1, 6, **REST)
    chair.cuff(6, 122, 78)
    chair.sign("sitter-arrival")
    chair.phase(SessionPhase.BASELINE)
    chair.watch(190, 200, **REST | {"temp": 10})
    chair.cuff(200, 120, 80)
    chair.lock()
    chair.phase(SessionPhase.INFUSING)
    chair.watch(201, 215, **REST | {"hr": 125})
    chair.acknowledge("heart_rate high")
    chair.watch(215, 222, **REST | {"hr": 145})
    chair.acknowledge("heart_rate high", by=CLINICIAN)
    chair.watch(222, 235, **REST | {"hr": 115})
    chair.watch(235, 245, **REST | {"spo2": None})
    chair.cuff(244.5, 172, 88)
    chair.watch(245, 260, **REST | {"spo2": 86, "hr": None})
    chair.cuff(260, None, None)
    chair.link(266, LinkState.DISCONNECTED)
    chair.wait(280)
    chair.acknowledge("DEVICE DISCONNECTED")
    chair.link(281, LinkState.CONNECTING)
    chair.wait(284)
    chair.link(284, LinkState.LIVE)
    chair.watch(284, 300, **REST)
    chair.cuff(300, None, None, 118)
    chair.cuff(305, 130, 19)
    chair.phase(SessionPhase.RECOVERY)
    for second in (900, 1800):
        chair.watch(second, second + 3, **REST)
        chair.cuff(second + 3, 124, 79)
    chair.answer("gait", "no")
    chair.answer("gait", "yes", note="walked to the door")
    chair.answer("time", note="to the ward", by=CLINICIAN)
    chair.sign("sitter-handover")
    chair.watch(1804, 1810, **REST)
    return tuple(chair.facts), tuple(chair.moments)


def resume(moment: Moment, after_s: float = 30.0) -> tuple[Bedside, Gap]:
    facts, (cut, live, when) = script()[0], moment
    now = when + timedelta(seconds=after_s)
    fresh = ChairState(1, "Chair 1", live.interval_s, is_simulated=True)
    state, gap = resumed(fresh, stored(facts[:cut]), now)
    return Bedside(state=state, facts=list(facts[:cut]), now=now), gap


def told(alarm: OpenAlarm) -> tuple[object, ...]:
    """What a person knows of an open alarm."""
    return (
        alarm.alarm_id,
        alarm.onset_at,
        alarm.signal.priority,
        alarm.signal.kind,
        alarm.acknowledged_by,
        alarm.acknowledged_at,
    )


def known(session: SessionState) -> dict[str, object]:
    return {
        "opened": session.opened,
        "phase": (session.phase, session.phase_since),
        "infusion": (session.infusion_started_at, session.infusion_stopped_at),
        "baseline": session.baseline,
        "answers": session.answers,
        "signatures": session.signatures,
        "alarms": {name: told(alarm) for name, alarm in session.alarms.items()},
        "lost": {metric: (lost.priority, lost.direction) for metric, lost in session.lost.items()},
        "cuff": (session.last_cuff_at, session.failed_cuffs),
        "sets": session.sets,
        "implausible": session.implausible,
    }


# Anywhere in the script, whose length is not known before it is played.
cuts = st.floats(0, 1, exclude_max=True)


def cut_at(share: float) -> Moment:
    moments = script()[1]
    return moments[int(share * len(moments))]


@settings(max_examples=60)
@given(cut=cuts)
def test_the_fold_of_the_facts_is_the_live_state(cut):
    moment = cut_at(cut)
    chair, gap = resume(moment)
    assert known(chair.session) == known(moment[1].session)
    assert gap.until == chair.now
    assert gap.since <= moment[2]


@settings(max_examples=60)
@given(cut=cuts)
@example(cut=0.9999)
def test_nothing_that_still_holds_clears_or_rings_anew_after_a_restart(cut):
    """The line is opened, found well or gone as before, and says what it said before."""
    moment = cut_at(cut)
    live = moment[1].session
    chair, _ = resume(moment)
    before = len(chair.facts)
    for name, alarm in chair.alarms.items():
        assert told(alarm) == told(live.alarms[name])
    chair.tick((chair.now - at(0)).total_seconds())
    now_s = (chair.now - at(0)).total_seconds() + 1
    chair.link(now_s, LinkState.CONNECTING)
    link = moment[1].link
    assert link is not None
    if link.state is not LinkState.CONNECTING:
        chair.link(now_s + 1, link.state)
    if chair.state.link is not None and chair.state.link.state is LinkState.LIVE:
        again = [
            replace(obs, observed_at=at(now_s + 1))
            for metric, obs in moment[1].latest.items()
            if not metric.startswith("nibp")
        ]
        chair.step(Observed(tuple(again), at(now_s + 1)), at(now_s + 1))
    moved = {
        fact.condition: fact.change.value
        for fact in chair.facts[before:]
        if isinstance(fact, AlarmEvent)
        # How long something is gone or overdue goes on counting while nobody counts.
        if not fact.condition.startswith("BP ") and "NOT UPDATED" not in fact.condition
    }
    lost = {name for name in moved if name.endswith("signal lost")}
    came_back = {name.replace("signal lost", side) for name in lost for side in ("low", "high")}
    assert {name: moved[name] for name in set(moved) - lost - came_back} == {}


def test_the_script_has_what_a_restart_could_lose():
    facts, moments = script()
    conditions = {fact.condition for fact in facts if isinstance(fact, AlarmEvent)}
    assert {
        "heart_rate high",
        "spo2 signal lost",
        "spo2 low",
        "SpO2 NO SIGNAL",
        "HR NO SIGNAL",
        "NIBP FAILED",
        "DEVICE DISCONNECTED",
        "CHECK READING T1",
        "CHECK READING DIA",
        "nibp_systolic high",
    } <= conditions
    assert len(moments) > 200


def again(chair: Bedside, after_s: float) -> Bedside:
    """``chair`` after a restart ``after_s`` later."""
    now = chair.now + timedelta(seconds=after_s)
    state, _ = resumed(ChairState(1, "Chair 1", is_simulated=True), chair.stored(), now)
    return Bedside(state=state, facts=list(chair.facts), now=now, readings=chair.readings)


def test_an_open_alarm_clears_by_the_values_that_come():
    chair = started()
    chair.watch(0, 20, hr=45)
    after = again(chair, 60)
    alarm_id = after.alarms["heart_rate low"].alarm_id
    after.link(80, LinkState.LIVE)
    after.watch(80, 84, hr=70)
    assert after.alarms["heart_rate low"].alarm_id == alarm_id
    after.watch(84, 86, hr=70)
    after.wait(86)
    assert after.open() == set()
    assert after.log("heart_rate") == [
        ("heart_rate low", "raised", "medium", 10.0),
        ("heart_rate low", "cleared", "medium", 85.0),
    ]


def test_an_open_alarm_whose_signal_stays_away_is_lost_after_its_full_age_limit():
    chair = started()
    chair.watch(0, 20, hr=45)
    after = again(chair, 60)
    begin = (after.now - at(0)).total_seconds()
    after.wait(begin + 9)
    after.tick(begin + 9)
    assert ("heart_rate low", "medium") in after.open()
    after.wait(begin + 11)
    after.tick(begin + 11)
    assert after.open() == {("heart_rate signal lost", "medium")}
    after.link(begin + 20, LinkState.LIVE)
    after.see(begin + 20, hr=45)
    assert after.open() == {("heart_rate low", "medium")}


def test_an_escalation_after_the_restart_needs_its_own_delay():
    chair = started()
    chair.watch(0, 20, hr=125)
    after = again(chair, 60)
    after.link(80, LinkState.LIVE)
    after.watch(80, 85, hr=150)
    assert after.open() == {("heart_rate high", "medium")}
    after.watch(85, 87, hr=150)
    assert after.open() == {("heart_rate high", "high")}
    assert after.log("heart_rate")[-1] == ("heart_rate high", "escalated", "high", 85.0)


def cuffs_recorded(chair: Bedside) -> int:
    return sum(
        isinstance(fact, Reading) and fact.observation.metric == "nibp_systolic"
        for fact in chair.facts
    )


def test_the_reading_that_the_monitor_still_shows_is_not_recorded_twice():
    chair = started(SessionPhase.INFUSING)
    chair.cuff(10, 150, 85)
    after = again(chair, 60)
    after.link(71, LinkState.LIVE)
    effects = after.cuff(72, 150, 85)
    assert not [fact for fact in effects.facts if isinstance(fact, Reading)]
    assert effects.points == ()
    assert (cuffs_recorded(after), after.session.last_cuff_at) == (1, at(10))
    after.cuff(310, 150, 85)  # the next one is new, even if it measured the same
    assert (cuffs_recorded(after), after.session.last_cuff_at) == (2, at(310))
    assert [each[:2] for each in after.log("nibp_systolic")] == [("nibp_systolic high", "raised")]


def test_what_comes_beside_the_known_reading_is_recorded():
    chair = started(SessionPhase.INFUSING)
    chair.cuff(10, 150, 85)
    after = again(chair, 60)
    frame = seen(72, reading="n1", hr=70, sys=150, dia=85, mean=107)
    effects = after.step(Observed(frame, at(72)), at(72))
    (vitals,) = effects.facts
    assert isinstance(vitals, Vitals)
    assert [obs.metric for obs in vitals.observations] == ["heart_rate"]


def test_a_reading_that_came_while_nobody_watched_is_new():
    chair = started(SessionPhase.INFUSING)
    chair.cuff(10, 150, 85)
    after = again(chair, 600)
    after.cuff(610, 150, 86)
    assert cuffs_recorded(after) == 2


def test_a_cuff_that_failed_last_does_not_make_the_one_before_it_new():
    chair = started(SessionPhase.INFUSING)
    chair.cuff(10, 150, 85)
    chair.cuff(310, None, None)
    after = again(chair, 60)
    assert after.session.last_cuff_at == at(10)
    after.cuff(380, 150, 85)
    assert cuffs_recorded(after) == 2  # the failed one counts as one without a value
    assert ("NIBP FAILED", "low") in after.open()


def test_an_artefact_is_no_set_after_a_restart_either():
    chair = started(SessionPhase.BASELINE)
    chair.cuff(10, 120, 80)
    chair.cuff(300, 120, 15)
    assert len(again(chair, 60).session.sets) == 1


def test_the_baseline_can_be_locked_after_a_restart():
    chair = started(SessionPhase.BASELINE)
    for second in (10, 300):
        chair.see(second - 1, hr=70, spo2=98)
        chair.cuff(second, 120, 80)
    after = again(chair, 60)
    assert after.lock().kind.value == "done"
    baseline = after.session.baseline
    assert baseline is not None
    assert (baseline.heart_rate_bpm, baseline.spo2_pct) == (70, 98)


def test_a_session_is_discharged_after_a_restart_as_before():
    after = again(complete(), 20)
    after.link(2440, LinkState.LIVE)
    for statement in ("sitter-arrival", "sitter-handover", "nurse-discharge"):
        assert after.sign(statement).kind.value == "done"
    assert after.phase(SessionPhase.DISCHARGED).kind.value == "done"


def test_the_gap_runs_from_the_last_word_of_the_record_to_now():
    chair = started()
    chair.watch(0, 20, hr=70)
    _, gap = resumed(ChairState(1, "Chair 1"), chair.stored(), at(500))
    assert gap == Gap(chair.session.opened.session, at(19), at(500), "Vigil was not running")


def test_a_gap_is_never_negative():
    """The wall clock was set back between the two runs."""
    chair = started()
    chair.watch(0, 20, hr=70)
    _, gap = resumed(ChairState(1, "Chair 1"), chair.stored(), at(5))
    assert gap.since == gap.until == at(5)


def test_a_record_that_does_not_begin_with_its_session_is_not_taken():
    whole = started().stored()
    with pytest.raises(ValueError, match="begins with SessionOpened, got PhaseChanged"):
        resumed(ChairState(1, "Chair 1"), replace(whole, facts=whole.facts[1:]), at(5))
