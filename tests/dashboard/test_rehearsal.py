"""Is a rehearsed visit lived through, and nothing in it made up?"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from clinical.chair import ChairState
from clinical.monitor import Observed
from clinical.phases import SessionPhase
from clinical.record import (
    AlarmChange,
    AlarmEvent,
    BaselineLocked,
    Fact,
    ItemAnswered,
    PhaseChanged,
    Reading,
    SessionOpened,
    StatementSigned,
    Vitals,
)
from clinical.vitals import CUFF, Metric
from dashboard import rehearsal
from dashboard.rehearsal import Visit, Wire, Written, pieces_of
from simulators.run import simulate

AT = datetime(2026, 3, 14, 9, tzinfo=UTC)  # the infusion starts
REST = timedelta(minutes=12)
INTERVAL_S = 10
VISIT = Visit(chair=3, patient="AK", infusion_at=AT, infusion_number=2)


@cache
def wires(script: str) -> tuple[Wire, Wire]:
    """Twelve minutes of rest, then eighty of ``script``, each from a monitor of its own."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "wire"
        told = []
        for scenario, begin, length in (
            ("preparation", AT - REST, REST),
            (script, AT, timedelta(minutes=80)),
        ):
            simulate(
                "ge-dri",
                port=f"file:{file}",
                scenario=scenario,
                begin=begin,
                length_s=length.total_seconds(),
                interval_s=INTERVAL_S,
                stamps=True,
            )
            pieces = list(pieces_of(file.read_bytes()))
            told.append(Wire("ge-dri", begin, pieces, INTERVAL_S))
    return told[0], told[1]


def lived(script: str, until: SessionPhase = SessionPhase.DISCHARGED) -> list[Written]:
    """What is written of the visit; its people stop acting after ``until``."""
    acts = [*rehearsal.until_infusion(VISIT), *rehearsal.infusion(VISIT)]
    if until is SessionPhase.DISCHARGED:
        acts += [*rehearsal.recovery(VISIT), *rehearsal.discharge(VISIT)]
    state = ChairState(VISIT.chair, "Corner", INTERVAL_S, is_simulated=True)
    return list(rehearsal.rehearse(state, acts, rehearsal.frames(wires(script))))


def facts_of(written: list[Written], kind: type[Fact]) -> list:
    return [fact for part in written for fact in part.facts if isinstance(fact, kind)]


def seen(script: str) -> list[Observed]:
    return list(rehearsal.frames(wires(script)))


def test_every_frame_stands_at_its_time_on_the_monitors_own_clock():
    times = [each.at for each in seen("calm")]
    assert times[0] == AT - REST
    assert times[-1] == AT + timedelta(minutes=80) - timedelta(seconds=INTERVAL_S)
    steps = {later - at for at, later in pairwise(times)}
    assert steps == {timedelta(seconds=INTERVAL_S)}


def test_readings_of_two_monitors_have_two_names_and_each_reading_one():
    names = [
        {obs.measurement_id for obs in each.observations if obs.metric in CUFF}
        for each in seen("calm")
    ]
    readings = [name for each in names for name in each]
    assert {None} not in names  # the cuff that had not been used yet is no failed one
    assert len(readings) == len(set(readings))
    assert {"1-n1", "2-n1"} <= set(readings)


# Scripts with alarms of every kind that a nurse has to live with, and one without.
@pytest.mark.parametrize(
    "script", ["calm", "bradycardia", "hypertensive-surge", "desaturation", "lead-off-artefact"]
)
def test_a_visit_ends_with_the_patient_discharged_by_the_rules(script: str):
    written = lived(script)
    assert [fact.phase for fact in facts_of(written, PhaseChanged)] == [
        SessionPhase.PREPARATION,
        SessionPhase.BASELINE,
        SessionPhase.INFUSING,
        SessionPhase.RECOVERY,
        SessionPhase.DISCHARGED,
    ]
    (opened,) = facts_of(written, SessionOpened)
    assert (opened.patient, opened.chair, opened.infusion_number) == ("AK", 3, 2)
    assert opened.is_simulated
    (baseline,) = facts_of(written, BaselineLocked)
    assert set(baseline.measurement_ids) <= {f"1-n{number}" for number in range(1, 9)}
    assert [fact.statement for fact in facts_of(written, StatementSigned)] == [
        *("sitter-arrival", "sitter-handover", "nurse-discharge"),
    ]
    answers = facts_of(written, ItemAnswered)
    assert len({fact.item for fact in answers}) == len(answers) > 5
    # Nothing is left open behind a patient who went home.
    changes = Counter(fact.change for fact in facts_of(written, AlarmEvent))
    ended = changes[AlarmChange.CLEARED] + changes[AlarmChange.RESET]
    assert changes[AlarmChange.RAISED] == ended


def test_every_value_is_one_that_the_bytes_say():
    said = {
        (obs.metric, obs.value, each.at)
        for each in seen("bradycardia")
        for obs in each.observations
    }
    written = lived("bradycardia")
    vitals = facts_of(written, Vitals)
    kept = {(obs.metric, obs.value, fact.at) for fact in vitals for obs in fact.observations}
    kept |= {
        (fact.observation.metric, fact.observation.value, fact.observation.observed_at)
        for fact in facts_of(written, Reading)
    }
    assert len(vitals) > 500
    assert kept <= said
    (opened,) = facts_of(written, SessionOpened)
    assert {each for each in said if each[2] > opened.at and each[2] < AT} <= kept


def test_the_same_bytes_are_judged_the_same():
    def judged() -> list[tuple[str, AlarmChange, datetime]]:
        events = facts_of(lived("bradycardia"), AlarmEvent)
        return [(fact.condition, fact.change, fact.at) for fact in events]

    assert judged() == judged()


def test_a_nurse_answers_each_alarm_that_lasts():
    events = facts_of(lived("bradycardia"), AlarmEvent)
    slow = [fact for fact in events if fact.metric is Metric.HEART_RATE]
    changes = [fact.change for fact in slow]
    assert changes[:2] == [AlarmChange.RAISED, AlarmChange.ACKNOWLEDGED]
    assert slow[1].by == rehearsal.NURSE.user
    waited = slow[1].at - slow[0].at
    assert waited >= rehearsal.ANSWERS_ALARM_AFTER
    assert waited < rehearsal.ANSWERS_ALARM_AFTER + timedelta(seconds=2 * INTERVAL_S)
    # It gets worse at minute 22, and is answered anew.
    worse = changes.index(AlarmChange.ESCALATED)
    assert changes[worse + 1] is AlarmChange.ACKNOWLEDGED


def test_who_does_what_stands_in_the_record_with_the_command_behind_it():
    for part in lived("calm"):
        for fact in part.facts:
            if isinstance(fact, PhaseChanged | SessionOpened | BaselineLocked | StatementSigned):
                assert part.command is not None
            if isinstance(fact, Vitals | Reading):
                assert part.command is None


def test_a_session_under_way_stays_open_for_whoever_watches():
    written = lived("hypertensive-surge", SessionPhase.INFUSING)
    assert facts_of(written, PhaseChanged)[-1].phase is SessionPhase.INFUSING
    assert facts_of(written, ItemAnswered) == []
