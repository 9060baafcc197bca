"""Does a replay of what the flight recorder kept give the very record that was written?"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
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
from dashboard.captures import judged, verdict_as_text
from dashboard.config import Config, read_config
from devices import supervisor
from storage import captures
from storage.capture_bounds import Piece, pieces
from storage.capture_file import Blocks, packed, read
from storage.database import open_database
from tests.dashboard.a_line import Bedside, RunningClock, config_in, lived

KEYWORDS = captures.FlightRecorder.__init__.__kwdefaults__ or {}
NURSE = Actor("ana", "Ana Ruiz", Role.NURSE)


@pytest.fixture(autouse=True)
def quick_waits(monkeypatch) -> None:
    """A port is opened again at once: its waits are real ones."""
    monkeypatch.setattr(supervisor, "FIRST_WAIT_S", 0.01)


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


def listens(is_on: bool):
    def deed(bedside: Bedside) -> None:
        assert bedside.clinic is not None
        assert bedside.clinic.listen_only(1, "ge-dri", is_on, NURSE) is None

    return deed


def nothing(_bedside: Bedside) -> None:
    """The script ends a little later."""


def tampered(config, table: str, change: str) -> None:
    """Change a record that forbids it."""
    database = open_database(config.database_url)
    with database.engine.connect() as db:
        for (name,) in db.exec_driver_sql(
            "select name from sqlite_master where type = 'trigger' and tbl_name = ?", (table,)
        ).all():
            db.exec_driver_sql(f"drop trigger {name}")
        done = db.exec_driver_sql(f"update {table} set {change}")  # noqa: S608
        assert done.rowcount > 0
        db.commit()
    database.close()


START = asks(StartSession, patient="KL")
VISIT = [
    (20, START),
    (30, phase(SessionPhase.BASELINE)),
    (40, phase(SessionPhase.INFUSING)),
    (60, asks(PlaceProbe, is_on_cuff_arm=True)),
    (70, puts(is_unplugged=True)),
    (80, puts(is_unplugged=False)),
    (130, sees_all),
    (134, listens(True)),
    (138, listens(False)),
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
    often = {"write_every_s": 0.1}  # else all is over before the second file begins
    monkeypatch.setattr(captures.FlightRecorder.__init__, "__kwdefaults__", KEYWORDS | often)
    config = config_in(tmp_path)
    lived(config, Bedside(RunningClock(), VISIT))
    assert len(pieces(config.data / "captures")) > 2, "each stream has several files"
    verdict = verdict_on(config)
    assert verdict.differences == ()
    assert verdict.not_compared == verdict.notes == ()
    assert verdict.observations > 800
    assert verdict.alarm_events > 10


def divide(piece: Piece) -> None:
    """Three files in the place of one, as where it had lasted three hours."""
    entries = [*read(piece.file)]
    piece.file.unlink()
    a, b = len(entries) // 3, 2 * len(entries) // 3
    for number, part in enumerate((entries[:a], entries[a:b], entries[b:]), 1):
        header = replace(piece.header, piece=number, started=part[0].at.isoformat())
        made = Blocks(header)
        written = made.block(b"".join(map(packed, part)), is_new_minute=True)
        file = piece.file.with_stem(f"{piece.file.stem}-{number}")
        file.write_bytes(made.begin + written)


@pytest.fixture(scope="module")
def over_restarts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session over three runs of Vigil."""
    folder = tmp_path_factory.mktemp("whole")
    config, clock = config_in(folder), RunningClock()
    lived(config, Bedside(clock, [*VISIT[:4], (70, nothing)]))
    clock.pass_s(20)
    lived(config, Bedside(clock, [(95, pressure(205, 110)), (100, sees_all), (105, nothing)]))
    clock.pass_s(20)
    lived(config, Bedside(clock, [(135, phase(SessionPhase.ABORTED, "left")), (137, nothing)]))
    for piece in pieces(config.data / "captures"):
        divide(piece)
    return folder


@pytest.fixture
def copied(over_restarts: Path, tmp_path: Path) -> Config:
    shutil.copytree(over_restarts, tmp_path, dirs_exist_ok=True)
    return read_config(tmp_path / "clinic.toml")


def test_a_session_that_outlived_restarts_is_replayed_over_them(copied):
    verdict = verdict_on(copied)
    assert verdict.differences == ()
    assert verdict.not_compared == verdict.notes == ()
    assert verdict.compared_observations == verdict.observations > 350
    assert verdict.compared_alarm_events == verdict.alarm_events > 3
    assert verdict.recorded_by == (version("vigil"),)
    assert verdict_as_text(verdict).startswith("identical: ")


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_a_run_that_is_gone_is_not_compared_and_that_is_said(copied, gone):
    found = pieces(copied.data / "captures")
    run = list(dict.fromkeys(piece.header.run for piece in found))[gone]
    for piece in found:
        if piece.header.run == run:
            piece.file.unlink()
    verdict = verdict_on(copied)
    assert not verdict.is_identical
    assert verdict.differences == ()
    assert verdict.compared_observations < verdict.observations
    [missing] = verdict.not_compared
    assert missing.startswith("nothing is captured from 2026-03-14 09:0")
    told = verdict_as_text(verdict)
    counted = f"{verdict.compared_observations} of {verdict.observations} observations"
    assert told.startswith(f"not all captured: {counted}")
    assert f"recorded by Vigil {version('vigil')}, replayed by {version('vigil')}" in told


def test_any_file_that_is_gone_is_missed(copied):
    found, kept = pieces(copied.data / "captures"), {}
    runs = list(dict.fromkeys(piece.header.run for piece in found))
    for piece in (each for each in found if each.header.run == runs[1]):
        kept[piece.file] = piece.file.read_bytes()
        piece.file.unlink()
        try:
            verdict = verdict_on(copied)
        finally:
            piece.file.write_bytes(kept[piece.file])
        assert not verdict.is_identical, piece.file.name


@pytest.mark.parametrize(
    ("table", "change", "says"),
    [
        ("clock_offset", "offset_s = offset_s + 99", "offset_s: recorded 9"),
        ("monitor_identity", "serial = 'XX'", "serial: recorded XX"),
        ("link_change", "detail = 'other'", "detail: recorded other"),
        ("alarm_event", "worst = 1 where worst is not null", "worst: recorded 1.0"),
    ],
)
def test_what_was_changed_in_the_record_is_found(copied, table, change, says):
    tampered(copied, table, change)
    verdict = verdict_on(copied)
    assert not verdict.is_identical
    assert any(says in each for each in verdict.differences), verdict.differences


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
    assert not verdict.is_identical
    [*_block, lost] = verdict.not_compared
    assert "the capture ends at 2026-03-14 09:01:1" in lost
    assert 300 < verdict.compared_observations < verdict.observations
    assert verdict.observations - verdict.compared_observations < 40


def test_two_monitors_at_a_chair_one_of_them_exchanged_are_replayed_as_they_were_heard(tmp_path):
    config, clock = config_in(tmp_path, "ge-dri", "masimo-ascii1"), RunningClock()
    script = [(3, swaps("4242")), (5, puts(is_unplugged=False)), (18, confirms), *VISIT[:3]]
    script += [(50, swaps("77")), (60, puts(is_unplugged=False)), (80, confirms)]
    script += [(90, phase(SessionPhase.ABORTED, "left")), (92, nothing)]
    beside = Bedside(clock, [(1e9, nothing)], monitor="masimo-ascii1", is_time=False)
    lived(config, Bedside(clock, script, serial="77"), beside)
    verdict = verdict_on(config)
    assert verdict.differences == ()
    assert verdict.not_compared == verdict.notes == ()


def test_what_was_changed_in_the_record_or_in_the_capture_is_found(tmp_path):
    config = config_in(tmp_path)
    script = [*VISIT[:3], (100, phase(SessionPhase.ABORTED, "left")), (102, nothing)]
    lived(config, Bedside(RunningClock(), script))
    tampered(config, "vital", "heart_rate = 44 where t_ms = (select max(t_ms) from vital)")
    [difference] = verdict_on(config).differences
    assert "heart_rate: recorded 44.0, replayed " in difference
    line = next(each for each in pieces(config.data / "captures") if each.header.stream == "line")
    data = bytearray(line.file.read_bytes())
    data[len(data) // 2] ^= 1
    line.file.write_bytes(data)
    verdict = verdict_on(config)
    assert any("is damaged" in each for each in (*verdict.not_compared, *verdict.notes))
    assert any("a frame is not in the capture" in each for each in verdict.differences)
    assert any("only in the record" in each for each in verdict.differences)
