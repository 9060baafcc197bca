"""What does it cost to listen to every kind of monitor at once, with all their lines full?"""

from __future__ import annotations

import heapq
import os
import pty
import tempfile
import time
import tty
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path

from devices.protocols.line import Garbled
from devices.registry import PROTOCOLS
from tests.bench.child import Child
from tests.bench.report import Goal, Options, Row, Table, medians
from tests.bench.wires import HOUR_S, heard, line_rate

START_WITHIN_S = 60.0
AFTERWARDS_S = 0.5  # what is read later than this after the last byte counts as lost
# A common USB adapter (FTDI) hands on this many bytes, or what there is after its latency timer.
PACKET, LATENCY_S = 62, 0.016
MOST_BYTES = 4096  # of one read; more than any Talk says in one go
ALL, CPU = "all together", "CPU % of a core"


class Line:
    """A pseudo-terminal that fills with ``wire``, again and again, as fast as its line would.

    We hold its other end open too: no hang-up is seen.
    """

    def __init__(self, folder: Path, name: str, wire: bytes, seconds: float) -> None:
        self.name = name
        self._rate = line_rate(PROTOCOLS[name].settings)
        self.every_s = min(LATENCY_S, PACKET / self._rate)
        most = int(self._rate * seconds)
        self._stream = (wire * (most // len(wire) + 1))[:most]
        self.fed = 0
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        (folder / name).symlink_to(os.ttyname(self._slave))

    def beat(self, passed_s: float) -> None:
        """Send what the line carries until ``passed_s`` after the start; forget what was asked."""
        with suppress(BlockingIOError):
            os.read(self._master, MOST_BYTES)
        until = min(len(self._stream), int(self._rate * passed_s))
        # Nobody waits on a real line: what does not go in now is lost.
        with suppress(BlockingIOError):
            os.write(self._master, self._stream[self.fed : until])
        self.fed = until

    def frames(self) -> int:
        """How many frames with observations the bytes fed so far make."""
        protocol, now = PROTOCOLS[self.name], datetime.now(UTC)
        found = protocol.decoder().feed(self._stream[: self.fed])
        good = (one for one in found if not isinstance(one, Garbled))
        alarms = protocol.alarms or (lambda _message: None)
        return sum(
            bool(protocol.translate(message, now)) or alarms(message) is not None
            for message in good
        )

    def close(self) -> None:
        os.close(self._master)
        os.close(self._slave)


def links(options: Options, length_s: float = HOUR_S) -> list[Row]:
    wires = {name: heard(name, length_s) for name in PROTOCOLS}
    repeats = [_repeat(wires, options.seconds) for _ in range(options.repeats)]
    return [medians(rows) for rows in zip(*repeats, strict=True)]


def _repeat(wires: Mapping[str, bytes], seconds: float) -> list[Row]:
    """All lines, new, filled for ``seconds``; another process reads them."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        lines = [Line(folder, name, wire, seconds) for name, wire in wires.items()]
        for line in lines:
            stack.callback(line.close)
        reader = stack.enter_context(Child("reader", str(folder)))
        reader.tells(START_WITHIN_S)
        _fill(lines, seconds)
        time.sleep(AFTERWARDS_S)
        reader.stop()
        told = reader.tells(START_WITHIN_S)
    rows = [_row(line, told["lines"][line.name], seconds) for line in lines]
    added = [column for column in rows[0] if column not in ("", CPU)]
    together = {column: sum(row[column] for row in rows) for column in added}
    return [{"": ALL, **together, CPU: 100 * told["cpu_s"] / seconds}, *rows]


def _fill(lines: Sequence[Line], seconds: float) -> None:
    begin_s = time.monotonic()
    due = [(line.every_s, number) for number, line in enumerate(lines)]
    heapq.heapify(due)
    while due[0][0] < seconds:
        at_s, number = due[0]
        time.sleep(max(0.0, begin_s + at_s - time.monotonic()))
        lines[number].beat(at_s)
        heapq.heapreplace(due, (at_s + lines[number].every_s, number))
    for line in lines:
        line.beat(seconds)


def _row(line: Line, told: Sequence[float], seconds: float) -> Row:
    bytes_read, frames, cpu_s = told
    return {
        "": line.name,
        "bytes/s": line.fed / seconds,
        "frames/s": frames / seconds,
        "lost bytes": line.fed - bytes_read,
        "lost frames": line.frames() - frames,
        CPU: 100 * cpu_s / seconds,
    }


TABLE = Table(
    "All lines at once",
    f"""Every protocol of the registry, each on a pty of its own that another process fills at the
full rate of its line, in pieces as a common USB adapter makes them: {PACKET} bytes, or what there
is after {1000 * LATENCY_S:g} ms. One process reads them with what a running Vigil has for it: a
supervisor for each line with its port, decoder, conversation and translation. What the engine then
does with a frame is in the next table. The bytes are those of the decoders' hour, from the start
again where it is over. No monitor fills its line like this: *of its line*, above, says how much of
it each uses. *CPU* of a line is that of its thread, of all together that of the process. *Lost
bytes* were fed and not read, *lost frames* are in the bytes fed and were not handed on.""",
    {"nine-links": links},
    (
        Goal("all of them at most 25 % of a core", ALL, CPU, 25),
        Goal("not a byte lost, on any line", None, "lost bytes", 0),
        Goal("nor a frame", None, "lost frames", 0),
    ),
    is_timed=True,
)
