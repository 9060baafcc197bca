"""How is a simulated monitor started, kept in time and stopped?

The one place in simulators/ with a clock: it turns wall time into scenario time, carries bytes
between the monitor and its wire, and sleeps in between.
"""

import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from struct import Struct
from typing import IO

from simulators import faults as cable_faults
from simulators import scenario as scripts
from simulators.displayed import Bedside
from simulators.patient import Patient
from simulators.recording import Recording
from simulators.refused import Refused
from simulators.registry import MONITORS, Client, Model, Monitor
from simulators.sent import open_ledger
from simulators.wire import Wire, open_wire

scenarios = scripts.scenarios

LONGEST_SLEEP_S = 3600.0
STAMP = Struct("<dI")  # second of the scenario at which as many bytes arrived
LOOK_AT_PARENT_EVERY_S = 1.0


def say(text: str) -> None:
    """Print a line at once: who starts a simulator waits for what it says."""
    try:
        print(text, flush=True)
    except OSError:  # nobody reads our output any more; the wire still has its client
        pass


def simulate(
    monitor: str,
    *,
    port: str,
    scenario: str | None = None,
    recording: str | Path | None = None,
    speed: float = 1.0,
    seed: int = 0,
    at_s: float = 0.0,
    begin: datetime | None = None,
    length_s: float | None = None,
    interval_s: int = 1,
    stamps: bool = False,
    faults: str = "",
    serial: str | None = None,
    device: int | None = None,
    clock_offset_s: float = 0.0,
    sent: str | None = None,
    watch_parent: bool = False,
    announce: Callable[[str], None] = say,
) -> None:
    """Be a bedside monitor on ``port`` until Ctrl-C, SIGTERM or the end of ``length_s``.

    ``at_s`` and ``length_s`` are seconds of scenario time, which runs ``speed`` times as fast as
    the wall clock. ``begin`` is the monitor's own clock at scenario time zero (default: now less
    ``at_s``), and ``clock_offset_s`` how far it is ahead of the right time. Without a scenario or a
    recording the patient is the calm one. ``serial`` is who the monitor says it is; by default it
    hangs on kind and ``device``, or seed where there is none. ``sent`` is a file for what it says,
    as simulators/sent.py writes it. ``watch_parent``: stop within a second of the parent process,
    so that a killed demo leaves nobody behind.

    ``port`` may be ``file:PATH`` or ``file:-``: then nothing waits, and PATH gets what a client
    that asked for values every ``interval_s`` would have received in ``length_s`` (default: to the
    end of the script). With ``stamps`` each piece has a STAMP before it. Raises Refused for what
    cannot be done.
    """
    if monitor not in MONITORS:
        raise Refused("monitor", expected=f"one of {', '.join(MONITORS)}", got=monitor)
    if not 0 < speed < math.inf:
        raise Refused("speed", expected="a number above 0", got=speed)
    if not 0 <= at_s < math.inf:
        raise Refused("at", expected="seconds from 0 up", got=at_s)
    if length_s is not None and not length_s >= 0:
        raise Refused("length", expected="seconds from 0 up", got=length_s)
    if not math.isfinite(clock_offset_s):
        raise Refused("clock offset", expected="seconds ahead", got=clock_offset_s)
    if begin is None:
        begin_unix_s = time.time() - at_s
    elif begin.tzinfo is None:
        raise Refused(
            "begin", expected="a time with its zone, as 2025-06-01T09:00Z", got=str(begin)
        )
    else:
        begin_unix_s = begin.astimezone(UTC).timestamp()
    model = MONITORS[monitor]
    patient = _patient(scenario, recording, seed)
    cable = cable_faults.FaultyCable(cable_faults.parse(faults), seed, at_s)
    machine = model.make(
        patient.at,
        begin_unix_s + clock_offset_s,
        _serial(monitor, model, serial, seed if device is None else device),
    )
    if port.startswith("file:"):
        if not 1 <= interval_s <= 3600:
            raise Refused("interval", expected="whole seconds from 1 to 3600", got=interval_s)
        end_s = max(patient.length_s, at_s) if length_s is None else at_s + length_s
        client = model.client(interval_s)
        written = _Line(model, cable, sent, 0.0)
        try:
            _write(machine, client, written, port.removeprefix("file:"), at_s, end_s, stamps)
        finally:
            written.close()
        return
    end_s = math.inf if length_s is None else at_s + length_s
    parent = os.getppid() if watch_parent else None
    with _until_told_to_stop():
        wire = open_wire(port, model.line)
        line: _Line | None = None
        try:
            line = _Line(model, cable, sent, speed)
            announce(f"{monitor} listening on {wire.where}")
            _converse(machine, line, wire, patient, at_s, end_s, speed, parent, announce)
        except KeyboardInterrupt:
            pass
        finally:
            wire.close()
            if line is not None:
                line.close(wire.nobody_read())


def _serial(monitor: str, model: Model, serial: str | None, seed: int) -> str | None:
    """Who the monitor says it is; None where it says nothing of itself."""
    if model.serial is None:
        if serial is not None:
            expected = "none, as this monitor has no way to say who it is"
            raise Refused("serial", expected=expected, got=serial)
        return None
    return model.serial(seed) if serial is None else serial


class _Line:
    """The cable, message by message, and the file that tells what became of each."""

    def __init__(
        self, model: Model, cable: cable_faults.FaultyCable, sent: str | None, speed: float
    ) -> None:
        self.cable = cable
        self._messages = model.messages
        self._ledger = None if sent is None else open_ledger(sent, speed)

    def put(self, data: bytes, t_s: float) -> None:
        for message in self._messages(data) if data else ():
            sent = self.cable.put(message, t_s)
            if self._ledger is not None:
                self._ledger.said(sent)

    def carry(self, t_s: float, send: Callable[[bytes], int]) -> float:
        """Send what arrives by ``t_s``; when to ask again."""
        pieces, next_s = self.cable.pieces(t_s)
        for piece in pieces:
            taken = send(piece.data)
            if self._ledger is not None:
                self._ledger.went(piece.of, taken, t_s)
        return next_s

    def settle(self, t_s: float, nobody_read: int) -> None:
        if self._ledger is not None:
            self._ledger.nobody_read(nobody_read)
            self._ledger.settle(t_s)

    def close(self, nobody_read: int = 0) -> None:
        if self._ledger is not None:
            self._ledger.nobody_read(nobody_read)
            self._ledger.close()


def _patient(scenario: str | None, recording: str | Path | None, seed: int) -> Bedside:
    if recording is None:
        return Patient(scripts.named(scenario or "calm"), seed)
    if scenario is not None:
        got = f"{scenario} and {recording}"
        raise Refused("patient", expected="a scenario or a recording", got=got)
    return Recording(Path(recording))


def _converse(
    machine: Monitor,
    line: _Line,
    wire: Wire,
    patient: Bedside,
    at_s: float,
    end_s: float,
    speed: float,
    parent: int | None,
    announce: Callable[[str], None],
) -> None:
    """Carry bytes both ways until ``end_s`` of scenario time, or until the parent is gone."""
    start_s = time.monotonic()
    notes = [note for note in patient.notes if note[0] >= at_s]
    is_unplugged = False
    t_s = at_s
    while t_s < end_s and (parent is None or os.getppid() == parent):
        while notes and notes[0][0] <= t_s:
            announce(f"{_clock(notes[0][0])} {notes.pop(0)[1]}")
        if line.cable.is_unplugged(t_s) != is_unplugged:
            is_unplugged = not is_unplugged
            announce(f"{_clock(t_s)} cable {'out' if is_unplugged else 'in again'}")
            wire.unplug() if is_unplugged else wire.replug()
        data, next_s = machine.due(t_s)
        line.put(data, t_s)
        next_piece_s = line.carry(t_s, wire.send)
        next_note_s = notes[0][0] if notes else math.inf
        wake_s = min(next_s, next_piece_s, next_note_s, end_s)
        left_s = (wake_s - at_s) / speed - (time.monotonic() - start_s)
        most_s = LONGEST_SLEEP_S if parent is None else LOOK_AT_PARENT_EVERY_S
        request = wire.wait(max(0.0, min(left_s, most_s)))
        t_s = at_s + (time.monotonic() - start_s) * speed
        line.settle(t_s, wire.nobody_read())
        if request:
            line.put(machine.heard(request, t_s), t_s)


def _write(
    machine: Monitor,
    client: Client,
    line: _Line,
    path: str,
    at_s: float,
    end_s: float,
    stamps: bool,
) -> None:
    """Write what a client would have received from ``at_s`` to before ``end_s``."""
    arrived = bytearray()

    def take(piece: bytes) -> int:
        arrived.extend(piece)
        return len(piece)

    try:
        opened = _output(path)
    except OSError as error:
        raise Refused("port", expected=f"to write {path}", got=str(error)) from error
    with opened as out:
        t_s = at_s
        while t_s < end_s:
            said, next_said_s = client(t_s)
            if said:
                line.put(machine.heard(said, t_s), t_s)
            data, next_s = machine.due(t_s)
            line.put(data, t_s)
            next_piece_s = line.carry(t_s, take)
            line.settle(t_s, 0)
            if arrived:
                out.write(STAMP.pack(t_s, len(arrived)) + arrived if stamps else arrived)
                arrived.clear()
            t_s = min(next_said_s, next_s, next_piece_s)


def _output(path: str) -> AbstractContextManager[IO[bytes]]:
    return nullcontext(sys.stdout.buffer) if path == "-" else Path(path).open("wb")


@contextmanager
def _until_told_to_stop() -> Iterator[None]:
    """Let SIGTERM end the run as Ctrl-C does, where signals may be set: in the main thread.

    Ctrl-C is asked for by name: who starts a program in the background has it ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, stop) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _clock(t_s: float) -> str:
    minutes, seconds = divmod(int(t_s), 60)
    return f"{minutes:02d}:{seconds:02d}"
