"""Does a replay of what the flight recorder kept give the very record that was written?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest

from clinical.commands import (
    AcknowledgeAlarm,
    ChangePhase,
    ConfirmMonitor,
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
from dashboard.captures import judged
from storage import captures
from storage.capture_bounds import pieces
from storage.capture_file import Blocks, packed, read
from storage.database import open_database
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


def swaps(serial: str):
    def deed(bedside: Bedside) -> None:
        bedside.put_there(serial)
        bedside.is_unplugged = True

    return deed


def confirms(bedside: Bedside) -> None:
    """The other monitor that is heard is to be the one of this chair."""
    who = bedside.view.strangers["ge-dri"]
    asks(ConfirmMonitor, monitor="ge-dri", model=who.model, serial=who.serial)(bedside)


def pressure(*values: float):
    metrics = (Metric.NIBP_SYSTOLIC, Metric.NIBP_DIASTOLIC)
    entered = tuple(Entered(m, value) for m, value in zip(metrics, values, strict=True))
    return asks(RecordObservation, values=entered, initials="AR", is_sure=True)


def verdict_on(config):
    return judged(config.data, "1")


def nothing(_bedside: Bedside) -> None:
    """The script ends a little later."""


START = asks(StartSession, patient="KL")
VISIT = [
    (20, START),
    (30, phase(SessionPhase.BASELINE)),
    (40, phase(SessionPhase.INFUSING)),
    (60, asks(PlaceProbe, is_on_cuff_arm=True)),
    (70, puts(is_unplugged=True)),
    (80, puts(is_unplugged=False)),
    (130, sees_all),
    (140, puts(is_noisy=True)),
    (160, puts(is_noisy=False)),
    (190, pressure(205, 110)),
    (200, asks(PauseAudio, seconds=60)),
    (215, sees_all),
    (225, phase(SessionPhase.RECOVERY)),
    (240, phase(SessionPhase.ABORTED, "left with her sister")),
    (242, nothing),
]


def test_a_session_with_all_that_can_happen_is_replayed_to_the_same_record(tmp_path, monkeypatch):
    monkeypatch.setattr(captures, "PIECE_LASTS", timedelta(minutes=1))
    config = config_in(tmp_path)
    lived(config, Bedside(RunningClock(), VISIT))
    assert len(pieces(config.data / "captures")) > 2, "each stream has several files"
    verdict = verdict_on(config)
    assert verdict.differences == ()
    assert verdict.notes == ()
    assert verdict.observations > 800
    assert verdict.alarm_events > 10


def test_a_session_that_outlived_a_restart_is_replayed_over_it(tmp_path):
    config, clock = config_in(tmp_path), RunningClock()
    before = [*VISIT[:4], (80, nothing)]
    lived(config, Bedside(clock, before))
    clock.pass_s(20)
    after = [(150, sees_all), (180, phase(SessionPhase.ABORTED, "left")), (182, nothing)]
    lived(config, Bedside(clock, after))
    verdict = verdict_on(config)
    assert verdict.differences == ()
    assert verdict.notes == ()


def test_what_a_killed_program_did_not_keep_is_noted_and_what_it_had_not_written_is_no_difference(
    tmp_path,
):
    config, clock = config_in(tmp_path), RunningClock()
    lived(config, Bedside(clock, [*VISIT[:4], (80, nothing)]))
    for piece in pieces(config.data / "captures"):
        entries = [*read(piece.file)]
        left = [entry for entry in entries if entry.at < entries[-1].at - timedelta(seconds=2)]
        made = Blocks(piece.header)
        written = made.block(b"".join(map(packed, left)), is_new_minute=True)
        piece.file.write_bytes(made.begin + written)
    clock.pass_s(5)
    lived(config, Bedside(clock, [(180, phase(SessionPhase.ABORTED, "left")), (182, nothing)]))
    verdict = verdict_on(config)
    assert verdict.differences == ()
    assert [note for note in verdict.notes if "later than the capture" in note]
    assert verdict.observations > 300


def test_two_monitors_at_a_chair_one_of_them_exchanged_are_replayed_as_they_were_heard(tmp_path):
    config, clock = config_in(tmp_path, "ge-dri", "masimo-ascii1"), RunningClock()
    script = [(3, swaps("4242")), (5, puts(is_unplugged=False)), (18, confirms), *VISIT[:3]]
    script += [(90, swaps("77")), (100, puts(is_unplugged=False)), (125, confirms)]
    script += [(150, phase(SessionPhase.ABORTED, "left")), (152, nothing)]
    beside = Bedside(clock, [(1e9, nothing)], monitor="masimo-ascii1", is_time=False)
    lived(config, Bedside(clock, script, serial="77"), beside)
    verdict = verdict_on(config)
    assert verdict.differences == ()
    assert verdict.notes == ()


def test_what_was_changed_in_the_record_or_in_the_capture_is_found(tmp_path):
    config = config_in(tmp_path)
    script = [*VISIT[:3], (100, phase(SessionPhase.ABORTED, "left")), (102, nothing)]
    lived(config, Bedside(RunningClock(), script))
    database = open_database(config.database_url)
    with database.engine.connect() as db:
        t_ms = db.exec_driver_sql("select max(t_ms) from vital where session_id = 1").scalar()
        for (name,) in db.exec_driver_sql(
            "select name from sqlite_master where type = 'trigger' and tbl_name = 'vital'"
        ).all():
            db.exec_driver_sql(f"drop trigger {name}")
        db.exec_driver_sql("update vital set heart_rate = 44 where t_ms = ?", (t_ms,))
        db.commit()
    database.close()
    [difference] = verdict_on(config).differences
    assert "heart_rate: recorded 44.0, replayed " in difference
    line = next(each for each in pieces(config.data / "captures") if each.header.stream == "line")
    data = bytearray(line.file.read_bytes())
    data[len(data) // 2] ^= 1
    line.file.write_bytes(data)
    verdict = verdict_on(config)
    assert any("is damaged" in note for note in verdict.notes)
    assert any("only in the record" in each for each in verdict.differences)
