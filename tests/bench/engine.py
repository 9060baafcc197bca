"""How many chairs can one core watch? The real engine, fed faster than time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any
from uuid import UUID, uuid4

from clinical.chair import ChairState
from clinical.commands import ChangePhase, OutcomeKind, StartSession
from clinical.engine import Engine
from clinical.monitor import Observed
from clinical.phases import SessionPhase
from clinical.ports import CommitResult, LiveFeed
from clinical.record import Fact
from clinical.sign_off import Actor, Role
from clinical.snapshot import Change, LiveSnapshot
from clinical.vitals import Metric, Observation, Quality, Source
from dashboard.live import LiveHub
from tests.bench.report import Options, Row, Table

CHAIRS = (1, 16, 64)
FRAMES = 9_600  # in all; each chair gets its share
# A chair without news is looked at after a second. Frames that come sooner put that off; others
# have such a look, another step, before each of them.
SOONER_S, LATER_S = 0.9, 1.0
BEGIN = datetime(2026, 1, 1, 9, tzinfo=UTC)
NURSE = Actor("bench", "Bench Nurse", Role.NURSE)
WITHIN_S = 60.0
SOURCES = {
    Metric.HEART_RATE: Source.ECG,
    Metric.PULSE_RATE: Source.SPO2,
    Metric.SPO2: Source.SPO2,
    Metric.RESP_RATE: Source.IMPEDANCE,
    Metric.TEMPERATURE_1: None,
}


class FrameClock:
    """The time of the frame that the engine handles: as many seconds a second as it can."""

    speed = 1.0

    def __init__(self) -> None:
        self.at = BEGIN

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - BEGIN).total_seconds()


class NoRecord:
    """A recorder that says yes and writes nothing: the engine's own time is asked here."""

    def keep(self, facts: Sequence[Fact], *, urgent: bool = False) -> None:
        pass

    def commit(
        self,
        command_id: UUID,
        kind: str,
        by: Actor,
        facts: Sequence[Fact],
        done: Callable[[CommitResult], None],
    ) -> None:
        done(CommitResult.COMMITTED)


class Turnstile:
    """The live feed: passes changes on to a hub if there is one, and then moves the clock on.

    The first frame waits here until all of them are in the inbox.
    """

    def __init__(self, clock: FrameClock, hub: LiveFeed | None) -> None:
        self._clock, self._hub = clock, hub
        self.times: Iterator[datetime] = iter(())
        self.is_open = threading.Event()

    def publish(self, snapshot: LiveSnapshot, changes: Sequence[Change]) -> None:
        if changes[0].points:
            self.is_open.wait()
            self._clock.at = next(self.times, self._clock.at)
        if self._hub is not None:
            self._hub.publish(snapshot, changes)


def engine(options: Options) -> list[Row]:
    return [_row(chairs, options.repeats) for chairs in CHAIRS]


def _row(chairs: int, repeats: int) -> Row:
    step_us = median(_frame_us(chairs, SOONER_S, has_hub=False) for _ in range(repeats))
    encoded_us = median(_frame_us(chairs, SOONER_S, has_hub=True) for _ in range(repeats))
    ticked_us = median(_frame_us(chairs, LATER_S, has_hub=True) for _ in range(repeats))
    return {
        "": f"{chairs} chair{'s' if chairs > 1 else ''}",
        "step µs": step_us,
        "and encoding µs": encoded_us,
        "and a tick µs": ticked_us,
        "chairs at 1 Hz a core": round(1e6 / ticked_us),
    }


def _frame_us(chairs: int, every_s: float, *, has_hub: bool) -> float:
    """Microseconds of a core a frame, from the inbox to its changes' being published."""
    clock, numbers = FrameClock(), range(1, chairs + 1)
    feed = Turnstile(clock, LiveHub(clock, numbers) if has_hub else None)
    states = [ChairState(number, f"Chair {number}") for number in numbers]
    watched = Engine(states, recorder=NoRecord(), feed=feed, clock=clock, inbox=2 * FRAMES)
    watched.start()
    for number in numbers:
        _start_session(watched, number)
    frames = list(_frames(chairs, every_s))
    feed.times = iter([observed.at for _, observed in frames[1:]])
    clock.at = frames[0][1].at
    for number, observed in frames:
        watched.post(number, observed)
    before_s = time.process_time()
    feed.is_open.set()
    watched.stop()
    return 1e6 * (time.process_time() - before_s) / len(frames)


def _start_session(watched: Engine, chair: int) -> None:
    by: dict[str, Any] = {"by": NURSE, "chair": chair}
    for command in (
        StartSession(command_id=uuid4(), patient="AB", **by),
        ChangePhase(command_id=uuid4(), to=SessionPhase.BASELINE, **by),
        ChangePhase(command_id=uuid4(), to=SessionPhase.INFUSING, **by),
    ):
        outcome = watched.submit(command).result(WITHIN_S)
        if outcome.kind is not OutcomeKind.DONE:
            raise RuntimeError(outcome.reason)


def _frames(chairs: int, every_s: float) -> Iterator[tuple[int, Observed]]:
    """Frames of all chairs in the order of their times; rates climb through all their limits."""
    for number in range(FRAMES):
        chair, second = number % chairs + 1, number // chairs
        at = BEGIN + timedelta(seconds=1 + every_s * number / chairs)
        values = (60 + (37 * chair + second) % 100, 75, 98, 14, 36.6)
        observations = tuple(
            Observation(metric, float(value), Quality.VALID, at, source)
            for (metric, source), value in zip(SOURCES.items(), values, strict=True)
        )
        yield chair, Observed(observations, at, 1.0)


TABLE = Table(
    "Engine",
    f"""The engine's own thread over {FRAMES:,} frames of five values; a session in each chair, with
heart rates that climb through all their limits, so that alarms come and go; no record behind it. A
step is one frame: rules, alarms, the new picture. *Encoding* is the hub's part, once for all
screens; a *tick* is the second step that a chair needs when its frame comes no sooner than a second
after the last. Seconds of a core, not of a clock.""",
    {"engine": engine},
)
