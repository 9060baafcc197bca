"""How many chairs can one core watch? The real engine, fed faster than time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any
from uuid import UUID, uuid4

from clinical.chair import PRESSURES, ChairState
from clinical.commands import ChangePhase, Command, LockBaseline, OutcomeKind, StartSession
from clinical.engine import Engine
from clinical.monitor import Observed
from clinical.phases import SessionPhase
from clinical.ports import CommitResult, LiveFeed
from clinical.record import Fact
from clinical.sign_off import Actor, Role
from clinical.snapshot import Change, LiveSnapshot
from clinical.vitals import Metric, Observation, Quality, Source
from dashboard.live import LiveHub
from tests.bench.report import Goal, Options, Row, Table

CHAIRS = (1, 16, 64)
FRAMES = 9_600  # in all; each chair gets its share
# A chair without news is looked at after a second. Frames that come sooner put that off; others
# have such a look, another step, before each of them.
SOONER_S, LATER_S = 0.9, 1.0
BEGIN = datetime(2026, 1, 1, 9, tzinfo=UTC)
NURSE = Actor("bench", "Bench Nurse", Role.NURSE)
WITHIN_S = 60.0
CUFFS_APART = timedelta(seconds=200)
SHARE = "64 chairs at 1 Hz, % of a core"
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

    The first of them waits here until all are in the inbox; those before ``arm`` pass.
    """

    def __init__(self, clock: FrameClock, hub: LiveFeed | None) -> None:
        self._clock, self._hub = clock, hub
        self.times: Iterator[datetime] = iter(())
        self.is_open = threading.Event()
        self._is_armed = False

    def arm(self, times: Iterator[datetime]) -> None:
        """Stop at the next frame; ``times`` are those of the frames after it."""
        self.times, self._is_armed = times, True

    def publish(self, snapshot: LiveSnapshot, changes: Sequence[Change]) -> None:
        if changes[0].points and self._is_armed:
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
        SHARE: 64 * ticked_us / 1e4,
    }


def _frame_us(chairs: int, every_s: float, *, has_hub: bool) -> float:
    """Microseconds of a core a frame, from the inbox to its changes' being published."""
    clock, numbers = FrameClock(), range(1, chairs + 1)
    feed = Turnstile(clock, LiveHub(clock, numbers) if has_hub else None)
    states = [ChairState(number, f"Chair {number}") for number in numbers]
    watched = Engine(states, recorder=NoRecord(), feed=feed, clock=clock, inbox=2 * FRAMES)
    watched.start()
    _start_sessions(watched, clock, numbers)
    frames = list(_frames(chairs, every_s))
    clock.at = frames[0][1].at
    feed.arm(iter([observed.at for _, observed in frames[1:]]))
    for number, observed in frames:
        watched.post(number, observed)
    before_s = time.process_time()
    feed.is_open.set()
    watched.stop()
    return 1e6 * (time.process_time() - before_s) / len(frames)


def _start_sessions(watched: Engine, clock: FrameClock, chairs: Sequence[int]) -> None:
    """An infusion in every chair, with a baseline: all limits are on."""
    for command, to in ((StartSession, None), (ChangePhase, SessionPhase.BASELINE)):
        for chair in chairs:
            _ask(watched, command(**_by(chair), **({"to": to} if to else {"patient": "AB"})))
    for reading, mmhg in (("n1", 120.0), ("n2", 118.0)):
        clock.at += CUFFS_APART
        for chair in chairs:
            watched.post(chair, Observed(tuple(_cuff(reading, mmhg, clock.at)), clock.at, 1.0))
    for chair in chairs:
        _ask(watched, LockBaseline(**_by(chair)))
        _ask(watched, ChangePhase(**_by(chair), to=SessionPhase.INFUSING))


def _by(chair: int) -> dict[str, Any]:
    return {"command_id": uuid4(), "by": NURSE, "chair": chair}


def _ask(watched: Engine, command: Command) -> None:
    outcome = watched.submit(command).result(WITHIN_S)
    if outcome.kind is not OutcomeKind.DONE:
        raise RuntimeError(outcome.reason)


def _cuff(reading: str, systolic_mmhg: float, at: datetime) -> Iterator[Observation]:
    """A cuff reading, and the heart rate beside it."""
    yield Observation(Metric.HEART_RATE, 75.0, Quality.VALID, at, Source.ECG)
    pressures = (systolic_mmhg, systolic_mmhg - 40, systolic_mmhg - 27)
    for metric, mmhg in zip(PRESSURES, pressures, strict=True):
        yield Observation(metric, mmhg, Quality.VALID, at, Source.NIBP, None, reading)


def _frames(chairs: int, every_s: float) -> Iterator[tuple[int, Observed]]:
    """Frames of all chairs in the order of their times; rates climb through all their limits."""
    for number in range(FRAMES):
        chair, second = number % chairs + 1, number // chairs
        at = BEGIN + 3 * CUFFS_APART + timedelta(seconds=every_s * number / chairs)
        # So few breaths are an alarm with a low saturation only: that rule is asked each time.
        values = (60 + (37 * chair + second) % 100, 75, 98, 9, 36.6)
        observations = tuple(
            Observation(metric, float(value), Quality.VALID, at, source)
            for (metric, source), value in zip(SOURCES.items(), values, strict=True)
        )
        yield chair, Observed(observations, at, 1.0)


TABLE = Table(
    "Engine",
    f"""The engine's own thread over {FRAMES:,} frames of five values; a session in each chair, with
a locked baseline and all rules on, and heart rates that climb through all their limits, so that
alarms come and go, latch and are called; no record behind it. A step is one frame: rules, alarms,
the new picture. *Encoding* is the hub's part, once for all screens; a *tick* is the second step
that a chair needs when its frame comes no sooner than a second after the last. Seconds of a core,
not of a clock.""",
    {"engine": engine},
    (Goal("64 chairs at 1 Hz at most 5 % of a core", None, SHARE, 5),),
)
