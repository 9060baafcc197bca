"""Does a replay of what the flight recorder kept give the very record that was written?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from uuid import uuid4

import pytest

from clinical.commands import (
    AcknowledgeAlarm,
    ChangePhase,
    Entered,
    OutcomeKind,
    PauseAudio,
    PlaceProbe,
    RecordObservation,
    StartSession,
)
from clinical.phases import SessionPhase
from clinical.sign_off import Actor, Role
from clinical.vitals import Metric
from dashboard.presets import Shelf
from dashboard.replay import replay_session
from storage.captures import pieces
from storage.database import open_database
from storage.sessions import find_session, opened_of
from tests.dashboard.a_line import Bedside, RunningClock, config_in, lived

NURSE = Actor("ana", "Ana Ruiz", Role.NURSE)


@pytest.fixture(autouse=True)
def switch_interval() -> Iterator[None]:
    before = sys.getswitchinterval()
    yield
    sys.setswitchinterval(before)


def asks(kind, **fields):
    def deed(bedside: Bedside) -> None:
        made = kind(command_id=uuid4(), by=NURSE, chair=1, **fields)
        outcome = bedside.ask(made)
        assert outcome.kind is OutcomeKind.DONE, outcome

    return deed


def phase(to: SessionPhase, reason: str = ""):
    return asks(ChangePhase, to=to, reason=reason)


def sees_all(bedside: Bedside) -> None:
    for alarm in bedside.view.alarms:
        seen = AcknowledgeAlarm(command_id=uuid4(), by=NURSE, chair=1, alarm_id=alarm.alarm_id)
        bedside.ask(seen)


def puts(**claims: bool):
    def deed(bedside: Bedside) -> None:
        for name, claim in claims.items():
            setattr(bedside, name, claim)

    return deed


def pressure(*values: float):
    metrics = (Metric.NIBP_SYSTOLIC, Metric.NIBP_DIASTOLIC)
    entered = tuple(Entered(m, value) for m, value in zip(metrics, values, strict=True))
    return asks(RecordObservation, values=entered, initials="AR", is_sure=True)


def verdict_on(config):
    database = open_database(config.database_url)
    try:
        with database.reading() as db:
            row = find_session(db, 1)
            shelf = Shelf(database, RunningClock())
            shelf.load()
            kept = pieces(config.data / "captures")
            return replay_session(db, kept, opened_of(row), shelf.presets())
    finally:
        database.close()


START = asks(StartSession, patient="KL")
VISIT = [
    (20, START),
    (40, phase(SessionPhase.BASELINE)),
    (60, phase(SessionPhase.INFUSING)),
    (90, asks(PlaceProbe, is_on_cuff_arm=True)),
    (120, puts(is_unplugged=True)),
    (140, puts(is_unplugged=False)),
    (200, sees_all),
    (230, puts(is_noisy=True)),
    (250, puts(is_noisy=False)),
    (300, pressure(205, 110)),
    (320, asks(PauseAudio, seconds=60)),
    (400, sees_all),
    (460, phase(SessionPhase.RECOVERY)),
    (480, phase(SessionPhase.ABORTED, "left with her sister")),
    (485, lambda _bedside: None),
]


def test_a_session_with_all_that_can_happen_is_replayed_to_the_same_record(tmp_path):
    config = config_in(tmp_path)
    lived(config, Bedside(RunningClock(), VISIT))
    verdict = verdict_on(config)
    assert verdict.differences == ()
    assert verdict.notes == ()
    assert verdict.observations > 2000
    assert verdict.alarm_events > 10
