"""What do link and supervisor tests plug in? A clock set by hand and ports that follow a script."""

from __future__ import annotations

import queue
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from threading import Event

from clinical.links import LinkEvent
from devices.link import Frame

START = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
WITHIN_S = 10  # no test waits that long; one that fails should say so and not hang


class HandClock:
    """Stands still until ``advance``; real waits of its users are a thousandth."""

    speed = 1000.0

    def __init__(self) -> None:
        self._s = 100.0

    def advance(self, seconds: float) -> None:
        self._s += seconds

    def monotonic(self) -> float:
        return self._s

    def now(self) -> datetime:
        return START + timedelta(seconds=self._s - 100.0)


class ScriptedPort:
    """Gives what its script says: bytes; a number of seconds without any; or raises an OSError.

    At the script's end it goes on in silence, or sets ``stop`` where one is given.
    """

    device = "/dev/ttyUSB0"

    def __init__(
        self, clock: HandClock, script: Iterable[bytes | float | OSError], stop: Event | None = None
    ) -> None:
        self._clock = clock
        self._script = iter(script)
        self._stop = stop
        self._idle = Event()
        self.written: list[bytes] = []
        self.is_closed = False

    def read(self) -> bytes:
        step = next(self._script, None)
        if isinstance(step, OSError):
            raise step
        if isinstance(step, bytes):
            return step
        if step is None:
            if self._stop is not None:
                self._stop.set()
            self._idle.wait(0.001)
        else:
            self._clock.advance(step)
        return b""

    def write(self, data: bytes, /) -> None:
        self.written.append(data)

    def close(self) -> None:
        self.is_closed = True


class Heard:
    """Takes what a supervisor emits, on its thread, and waits for it on the test's."""

    def __init__(self) -> None:
        self._facts: queue.Queue = queue.Queue()
        self.all: list = []

    def __call__(self, fact) -> None:
        self._facts.put(fact)

    def next(self):
        fact = self._facts.get(timeout=WITHIN_S)
        self.all.append(fact)
        return fact

    def until(self, state):
        """The event that says ``state``; what came before it is kept in ``all``."""
        while True:
            fact = self.next()
            if isinstance(fact, LinkEvent) and fact.state is state:
                return fact

    def until_frame(self):
        return self.until_a(Frame)

    def until_a(self, kind):
        while not isinstance(fact := self.next(), kind):
            pass
        return fact

    @property
    def states(self) -> list:
        return [fact.state for fact in self.all if isinstance(fact, LinkEvent)]


class Recorded:
    """A tap that keeps what it is told."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        return lambda *told: self.calls.append((name, *told[:-2]))
