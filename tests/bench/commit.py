"""What does it cost to commit one second of all chairs, beside SQLite's own price for the rows?"""

from __future__ import annotations

import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

from clinical.catalog.loader import load_checklist, load_preset
from clinical.record import SessionOpened, Vitals
from clinical.vitals import Metric, Observation, Quality
from dashboard.clock import SteadyClock
from storage.database import PRAGMAS, migrate, open_database
from storage.writer import StorageWriter
from tests.bench.report import Options, Row, Table, percentiles

CHAIRS = (1, 16, 64)
COMMITS = 200  # a repeat
WITHIN_S = 10.0
BEGIN = datetime(2026, 1, 1, 9, tzinfo=UTC)
VALUES = {
    Metric.HEART_RATE: 72.0,
    Metric.PULSE_RATE: 71.0,
    Metric.SPO2: 97.0,
    Metric.RESP_RATE: 14.0,
    Metric.ETCO2: 36.5,
    Metric.FICO2: 0.4,
    Metric.IBP1_SYSTOLIC: 121.0,
    Metric.IBP1_DIASTOLIC: 77.0,
}


def commit(options: Options) -> list[Row]:
    return [_row(chairs, COMMITS * options.repeats) for chairs in CHAIRS]


def _row(chairs: int, commits: int) -> Row:
    """Both write the same seconds by turns, so that what the disk is doing meets both alike."""
    with tempfile.TemporaryDirectory() as folder:
        ours, bare = Path(folder) / "ours.sqlite", Path(folder) / "bare.sqlite"
        sessions = [uuid4() for _ in range(chairs)]
        ours_s, bare_s = [], []
        with _Writer(ours, sessions) as writer, closing(_bare(bare, sessions)) as database:
            for second in range(commits):
                at = BEGIN + timedelta(seconds=second)
                ours_s.append(writer.commit([_vitals(session, at) for session in sessions]))
                bare_s.append(_write_bare(database, chairs, at))
    ours_ms, bare_ms = percentiles(ours_s), percentiles(bare_s)
    return {
        "": f"{chairs} chair{'s' if chairs > 1 else ''}",
        "p50 ms": ours_ms["p50"],
        "p99 ms": ours_ms["p99"],
        "sqlite3 p50 ms": bare_ms["p50"],
        "sqlite3 p99 ms": bare_ms["p99"],
        "p50 × sqlite3": ours_ms["p50"] / bare_ms["p50"],
    }


def _vitals(session: UUID, at: datetime) -> Vitals:
    found = (Observation(metric, value, Quality.VALID, at) for metric, value in VALUES.items())
    return Vitals(session, at, tuple(found))


class _Writer:
    """A StorageWriter that commits when told to, and says how long its transaction took."""

    def __init__(self, file: Path, sessions: list[UUID]) -> None:
        migrate(f"sqlite:///{file}")
        self._is_done = threading.Event()
        self._took_s = 0.0
        self._writer = StorageWriter(
            open_database(f"sqlite:///{file}", is_writer=True),
            SteadyClock(),
            on_commit=self._committed,
            commit_every_s=3600.0,
        )
        self.commit([_opened(session, chair) for chair, session in enumerate(sessions, 1)])

    def _committed(self, seconds: float, _rows: int) -> None:
        self._took_s = seconds
        self._is_done.set()

    def commit(self, facts: list[SessionOpened] | list[Vitals]) -> float:
        """Seconds from the transaction's begin to the end of its commit."""
        self._is_done.clear()
        self._writer.keep(facts, urgent=True)
        if not self._is_done.wait(WITHIN_S):
            raise TimeoutError(f"no commit in {WITHIN_S:g} s ({self._writer.state.detail})")
        return self._took_s

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()


def _opened(session: UUID, chair: int) -> SessionOpened:
    preset, checklist = load_preset("ketamine-adult"), load_checklist("recovery")
    return SessionOpened(
        session=session,
        at=BEGIN,
        by="bench",
        chair=chair,
        patient="AB",
        planned_infusion_min=40,
        infusion_number=1,
        series_length=6,
        preset=preset.name,
        preset_version=preset.version,
        checklist=checklist.name,
        checklist_version=checklist.version,
        is_simulated=True,
    )


def _bare(file: Path, sessions: list[UUID]) -> sqlite3.Connection:
    """The same schema and sessions, then nothing but the standard library on them."""
    with _Writer(file, sessions):
        pass
    database = sqlite3.connect(file, isolation_level=None)
    for pragma in PRAGMAS:
        database.execute(f"PRAGMA {pragma}")
    return database


def _write_bare(database: sqlite3.Connection, chairs: int, at: datetime) -> float:
    """Seconds for the same rows, made ready before."""
    columns = ", ".join(["session_id", "t_ms", *(metric.value for metric in VALUES)])
    places = ", ".join("?" * (2 + len(VALUES)))
    insert = f"INSERT INTO vital ({columns}) VALUES ({places})"  # noqa: S608  # names of our own
    rows = list(_rows(chairs, round(at.timestamp() * 1000)))
    begin_s = time.perf_counter()
    database.execute("BEGIN IMMEDIATE")
    database.executemany(insert, rows)
    database.execute("COMMIT")
    return time.perf_counter() - begin_s


def _rows(chairs: int, t_ms: int) -> Iterator[tuple[float, ...]]:
    for session_id in range(1, chairs + 1):
        yield session_id, t_ms, *VALUES.values()


TABLE = Table(
    "Commit",
    """One second of all chairs, eight values each, in one transaction of the StorageWriter (SQLite,
WAL, FULL), from its begin to the end of the commit; beside it `executemany` of the standard
library's sqlite3 with the same rows, already made, in the same schema, by turns. The commits follow
each other at once; a clinic makes one a second.""",
    {"commit": commit},
)
