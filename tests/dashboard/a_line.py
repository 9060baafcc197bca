"""How does a whole clinic run through minutes of a session in a second, with real threads?

The first simulated monitor is the source of time: whoever waits for its bytes lets the clock go on.
Links, engine, writer and flight recorder are the real ones, each on its own thread; what the
engine is late by, and in which order it learns of things, is as it happens to come.
"""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from clinical.commands import Command, Outcome
from clinical.ports import RecorderState
from dashboard.clinic import Clinic
from dashboard.config import Config, read_config
from simulators import scenario
from simulators.patient import Patient
from simulators.registry import MONITORS

BEGIN = datetime(2026, 3, 14, 9, 0, tzinfo=UTC)
READ_WITHIN_S = 0.5
OPENS_AGAIN_S = 10.0  # the wait in between is half a real second
WITHIN_S = 30.0  # real


class RunningClock:
    """Goes on by some microseconds whenever somebody looks, and by more when it is told."""

    speed = 1.0

    def __init__(self, seed: int = 0) -> None:
        self._us, self._random, self._lock = 0, Random(seed), threading.Lock()

    def pass_s(self, seconds: float) -> None:
        with self._lock:
            self._us += round(seconds * 1e6)

    @property
    def t_s(self) -> float:
        return self._us / 1e6

    def _look(self) -> int:
        with self._lock:
            self._us += self._random.randint(1, 40)
            return self._us

    def now(self) -> datetime:
        return BEGIN + timedelta(microseconds=self._look())

    def monotonic(self) -> float:
        return 5000.0 + self._look() / 1e6


Deed = Callable[["Bedside"], None]


class Bedside:
    """A monitor at the end of a cable, and who sits beside it: ``script`` is what is done when, by
    seconds of the session. ``end`` is set after the last deed."""

    device = "/dev/ttyUSB0"

    def __init__(
        self,
        clock: RunningClock,
        script: Sequence[tuple[float, Deed]],
        *,
        monitor: str = "ge-dri",
        scenario_name: str = "hypertensive-surge",
        from_s: float = 1900.0,
        is_time: bool = True,
        serial: str | None = None,
    ) -> None:
        self._patient = Patient(scenario.named(scenario_name), 3)
        self._kind, self._from_s = monitor, from_s
        self.clock = clock
        self.clinic: Clinic | None = None
        self.end = threading.Event()
        self.failed: BaseException | None = None
        self.is_unplugged = self.is_noisy = False
        self._script = sorted(script, key=lambda each: each[0])
        self.put_there(serial)
        self._waiting = bytearray()
        self._noise = Random(7)
        self._poked_s = 0.0
        self._is_time = is_time

    # --- what a Supervisor knows of a port ---

    def open(self, _text: str, _settings: object, _read_within_s: float) -> Bedside:
        if self.is_unplugged:
            self._pass(OPENS_AGAIN_S)
            raise OSError(errno.ENOENT, "no such file")
        return self

    def read(self) -> bytes:
        self._wait_for_engine()
        if self.is_unplugged:
            raise OSError(errno.EIO, "gone")
        if not self._waiting:
            self._waiting += self._monitor.due(self.clock.t_s)[0]
        if not self._waiting:
            self._pass() if self._is_time else time.sleep(0.002)
            return b""
        size = self._noise.randint(1, 600)
        data = bytes(self._waiting[:size])
        del self._waiting[:size]
        if self.is_noisy:
            data = bytes(each ^ self._noise.choice((0, 0, 64)) for each in data)
        return data

    def write(self, data: bytes) -> None:
        self._waiting += self._monitor.heard(data, self.clock.t_s)

    def close(self) -> None:
        self._waiting.clear()

    def _wait_for_engine(self) -> None:
        give_up_s = time.monotonic() + WITHIN_S
        while self._engine._inbox.qsize() and time.monotonic() < give_up_s:
            time.sleep(0.0001)

    def _pass(self, seconds: float = READ_WITHIN_S) -> None:
        self.clock.pass_s(seconds)
        if self.clock.t_s - self._poked_s > 0.5:  # the engine's own waits are real ones
            self._poked_s = self.clock.t_s
            self._engine.recorder_changed(RecorderState(True))
        while self._script and self._script[0][0] <= self.clock.t_s and not self.failed:
            _at, deed = self._script.pop(0)
            try:
                deed(self)
            except BaseException as error:  # it belongs to the test's thread
                self.failed = error
        if self.failed or not self._script:
            self.end.set()

    # --- what people do ---

    def put_there(self, serial: str | None) -> None:
        """The cable leads to the monitor of this serial number, on the same patient."""
        make = MONITORS[self._kind].make
        self._monitor = make(
            lambda t_s: self._patient.at(t_s + self._from_s), BEGIN.timestamp(), serial
        )

    @property
    def _engine(self):
        assert self.clinic is not None
        return self.clinic.engine

    def ask(self, command: Command) -> Outcome:
        return self._engine.submit(command).result(WITHIN_S)

    @property
    def view(self):
        return self._engine.snapshot.chairs[1]


def config_in(folder: Path, *monitors: str) -> Config:
    file = folder / "clinic.toml"
    named = "".join(
        f'[[chairs.monitors]]\nmonitor = "{monitor}"\nport = "/dev/ttyUSB{index}"\n'
        for index, monitor in enumerate(monitors or ("ge-dri",))
    )
    file.write_text(
        f'[clinic]\nname = "Harbour"\nsimulated = true\n[[chairs]]\nnumber = 1\n{named}'
    )
    return read_config(file)


def lived(config: Config, *bedsides: Bedside) -> None:
    """Run a clinic until the script of the first of ``bedsides`` has ended."""
    by_port = {f"/dev/ttyUSB{index}": each for index, each in enumerate(bedsides)}
    clock = bedsides[0].clock

    def opened(text, settings, read_within_s):
        return by_port[text].open(text, settings, read_within_s)

    clinic = Clinic(config, clock, open_port=opened, list_ports=lambda: ())
    for bedside in bedsides:
        bedside.clinic = clinic
    try:
        clinic.start()
        assert bedsides[0].end.wait(WITHIN_S), "the script did not end"
    finally:
        clinic.stop()
    if bedsides[0].failed is not None:
        raise bedsides[0].failed
