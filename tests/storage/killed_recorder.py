"""Which process is killed in the middle of its flight recording? This one, by its test."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from storage.captures import FlightRecorder


class WallClock:
    """The real time."""

    speed = 1.0

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


if __name__ == "__main__":
    clock = WallClock()
    recorder = FlightRecorder(Path(sys.argv[1]), clock=clock, write_every_s=0.01)
    tap = recorder.tap(1, "ge-dri", "/dev/ttyUSB0", "run-1-1")
    for number in range(1_000_000):
        tap.received(b"%08d" % number, clock.now(), clock.monotonic())
        if number % 100 == 0:
            time.sleep(0.001)
        if number == 5000:
            print("well on its way", flush=True)
