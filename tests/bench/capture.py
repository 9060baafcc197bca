"""What does the flight recorder cost: how much disk and processor for an hour of a chair?"""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from clinical.chair import ChairState
from clinical.monitor import Observed
from devices.registry import PROTOCOLS
from storage.captures import FlightRecorder
from tests.bench.report import Options, Row, Table, medians
from tests.bench.wires import HOUR_S, reads

BEGIN = datetime(2026, 1, 1, 9, tzinfo=UTC)
LATE_S = 0.004  # at most, of a read after its bytes: what makes times hard to compress


class _Clock:
    speed = 1.0

    def __init__(self) -> None:
        self.passed_s = 0.0

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self.passed_s)

    def monotonic(self) -> float:
        return 86_400.0 + self.passed_s


def capture(options: Options, length_s: float = HOUR_S) -> list[Row]:
    return [
        {"": name, **medians([_figures(name, length_s) for _ in range(options.repeats)])}
        for name in PROTOCOLS
    ]


def _figures(monitor: str, length_s: float) -> Row:
    came, clock, random = reads(monitor, length_s), _Clock(), Random(1)
    chair = ChairState(1, "Chair 1")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recorder = FlightRecorder(folder, clock=clock, write_every_s=3600.0)  # it sleeps
        tap = recorder.tap(1, monitor, "/dev/ttyUSB0", "0123abcd-1-1")
        told_s = written_s = 0.0
        number = 0
        for second in range(round(length_s)):
            before_s = time.process_time()
            while number < len(came) and came[number][0] < second + 1:
                at_s, data = came[number]
                clock.passed_s = at_s + random.uniform(0.0, LATE_S)
                tap.received(data, clock.now(), clock.monotonic())
                number += 1
            now = clock.now()
            recorder.stepped(chair, Observed((), now, 1.0), now + timedelta(microseconds=90))
            told_s += time.process_time() - before_s
            before_s = time.process_time()
            recorder._turn(is_last=False)  # what its thread does once a second
            written_s += time.process_time() - before_s
        recorder.close()
        kept = {file.name: file.stat().st_size for file in folder.iterdir()}
    raw = sum(len(data) for _at_s, data in came)
    hours = length_s / HOUR_S
    of_line = sum(size for name, size in kept.items() if "_rules_" not in name)
    return {
        "reads a second": len(came) / length_s,
        "bytes MB/h": raw / hours / 1e6,
        "kept MB/h": of_line / hours / 1e6,
        "smaller ×": raw / of_line,
        "with the steps MB/h": sum(kept.values()) / hours / 1e6,
        "GB in 30 days of 10 h": 300 * sum(kept.values()) / hours / 1e9,
        "core %": 100 * (told_s + written_s) / length_s,
        "of it on the line's thread %": 100 * told_s / length_s,
    }


TABLE = Table(
    "Flight recorder",
    """An hour of each monitor's line, as its simulator sends it once a second, with the time of
each read; beside it one step of the rules a second. A block is written each second, and begins anew
each minute, so that a cut file or a flipped byte costs little. Where reads are small and many,
their times weigh more than their bytes.""",
    {"capture": capture},
)
