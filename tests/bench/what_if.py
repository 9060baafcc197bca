"""How long does it take to find out which alarms an hour would have had under other limits?"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from uuid import UUID

from clinical.catalog.preset import Preset
from clinical.catalog.presets import shipped
from clinical.what_if import delayed, replayed, replayed_plainly, signs_of
from storage.course import course
from storage.database import Database, open_database
from tests.bench.past import write_session
from tests.bench.report import Goal, Options, Row, Table, percentiles

REPLAYS = 20  # a repeat
COMMANDS = 3
OTHER = "hypertensive-history"
BOTH = "read and replayed, another preset"
VIGIL = (sys.executable, "-c", "from dashboard.cli import main; main()")


def what_if(options: Options) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'vigil.sqlite'}"
        session = UUID(write_session(url))
        database = open_database(url)
        times = REPLAYS * options.repeats
        own, other = shipped().newest("ketamine-adult"), shipped().newest(OTHER)
        rows = [
            _row("read and replayed, its own preset", _work(database, session, own), times),
            _row(BOTH, _work(database, session, other), times),
            _row("and 5 s longer", _work(database, session, delayed(other, {None: 5.0})), times),
            *_parts(database, session, other, times),
        ]
        database.close()
        commands: Mapping[str, tuple[str, ...]] = {
            "the command, as a whole": ("alarms", "1", "--json", "--preset", OTHER),
            "of that, to start and read the log": ("alarms", "1", "--json"),
        }
        for name, command in commands.items():
            asked = (*VIGIL, *command, "--data", folder)
            rows.append(_row(name, lambda asked=asked: _run(asked), COMMANDS * options.repeats))
        return rows


def _work(database: Database, session: UUID, preset: Preset) -> Callable[[], object]:
    def work() -> object:
        with database.reading() as db:
            past = course(db, session=session, signs=signs_of(preset))
        return replayed(past, preset)

    return work


def _parts(database: Database, session: UUID, preset: Preset, times: int) -> list[Row]:
    with database.reading() as db:
        past = course(db, session=session, signs=signs_of(preset))
    if replayed(past, preset) != replayed_plainly(past, preset):
        raise AssertionError("frames were left out that mattered")
    return [
        _row("of that, replayed", lambda: replayed(past, preset), times),
        _row(
            "replayed with no frame left out", lambda: replayed_plainly(past, preset), times // 10
        ),
    ]


def _run(command: tuple[str, ...]) -> None:
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def _row(name: str, work: Callable[[], object], times: int) -> Row:
    took_s = []
    for _ in range(max(1, times)):
        begin_s = time.perf_counter()
        work()
        took_s.append(time.perf_counter() - begin_s)
    found = percentiles(took_s)
    return {"": name, "p50 ms": found["p50"], "p95 ms": found["p95"]}


TABLE = Table(
    "What if",
    """A visit of an hour, 3,600 records of HR, PR, SpO2 and RR and a cuff every few minutes: read
from the record and run through the rules of the session under other limits. Most frames tell the
rules nothing new and are left out; one row leaves out none, and finds the same alarms. The page
asks a process of its own, which costs what the command costs.""",
    {"what-if": what_if},
    (Goal("an hour is read and replayed in at most 200 ms", BOTH, "p95 ms", 200),),
)
