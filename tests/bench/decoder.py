"""How much faster than its line is each decoder?"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from devices.protocols.line import Garbled
from devices.registry import PROTOCOLS, ProtocolEntry
from tests.bench.report import Goal, Options, Row, Table
from tests.bench.wires import HOUR_S, heard, line_rate

CHUNK = 512  # bytes of one read: a GE record or two, a dozen lines of an oximeter
SPEED_UP = 200  # × the line, as tests/devices/test_battery.py asks of the frames it knows
HEADINGS = 1  # a line that a monitor prints when it is switched on and that no manual describes
GE = "ge-dri"


def decoder(options: Options, length_s: float = HOUR_S) -> list[Row]:
    rows = []
    for name, protocol in PROTOCOLS.items():
        wires = {name: heard(name, length_s)}
        if name == GE:
            wires = {
                f"{GE}, basic class": wires[name],  # what Vigil asks for
                f"{GE}, all four classes": heard(name, length_s, has_all_classes=True),
            }
        for row, wire in wires.items():
            rows.append({"": row, **_figures(protocol, wire, length_s, options.repeats)})
    return rows


def _figures(protocol: ProtocolEntry, wire: bytes, length_s: float, repeats: int) -> Row:
    chunks = [wire[at : at + CHUNK] for at in range(0, len(wire), CHUNK)]
    messages = _sound_messages(protocol, wire)
    feed, read = (partial(work, protocol, chunks, messages) for work in (_feed, _read))
    fed_s = statistics.median(_spent_s(feed) for _ in range(repeats))
    read_s = statistics.median(_spent_s(read) for _ in range(repeats))
    line = line_rate(protocol.settings)
    return {
        "bytes a message": round(len(wire) / messages),
        "of its line %": 100 * len(wire) / length_s / line,
        "decoder MB/s": len(wire) / fed_s / 1e6,
        "decoder messages/s": messages / fed_s,
        "with translation MB/s": len(wire) / read_s / 1e6,
        "with translation messages/s": messages / read_s,
        "× the line": len(wire) / read_s / line,
    }


def _sound_messages(protocol: ProtocolEntry, wire: bytes) -> int:
    """How many messages ``wire`` is; raises ValueError where more than a heading is none."""
    found = protocol.decoder().feed(wire)
    garbled = [one.reason for one in found if isinstance(one, Garbled)]
    if len(garbled) > HEADINGS or len(found) == len(garbled):
        raise ValueError(f"{protocol.title}: expected sound messages, got {garbled or 'nothing'}")
    return len(found) - len(garbled)


def _spent_s(work: Callable[[], None]) -> float:
    """Seconds of a core that ``work`` takes; other programs do not count."""
    before_s = time.process_time()
    work()
    return time.process_time() - before_s


def _feed(protocol: ProtocolEntry, chunks: Sequence[bytes], messages: int) -> None:
    reader, found = protocol.decoder(), 0
    for chunk in chunks:
        found += len(reader.feed(chunk))
    if not messages <= found <= messages + HEADINGS:
        raise ValueError(f"{protocol.title}: expected {messages} messages, got {found}")


def _read(protocol: ProtocolEntry, chunks: Sequence[bytes], messages: int) -> None:
    reader, found, now = protocol.decoder(), 0, datetime.now(UTC)
    for chunk in chunks:
        for message in reader.feed(chunk):
            if not isinstance(message, Garbled):
                protocol.translate(message, now)
                found += 1
    if found != messages:
        raise ValueError(f"{protocol.title}: expected {messages} messages, got {found}")


TABLE = Table(
    "Decoders",
    f"""Each monitor's bytes of an hour in chunks of {CHUNK}, on one core. They come from its
simulator, with everything fitted that a script knows, CO2 too, and values that move; a monitor that
has to be asked is asked once a second; most messages of a Capnostream are points of its wave. *Of
its line* is how much of the line they fill: its baud by the bits of a byte, with start, parity and
stop bits. *With translation* is what a link does with them: messages, then observations in Vigil's
units; the multiple of the line is of that.

Beside other readers: none was found that could be measured. No package in PyPI's list of November
2026 reads what these monitors send on a serial line. Tried: `nonin` 0.2.4 reads another format
(binary, of Nonin's Xpod), `vitaldb` 1.7.2 reads what Vital Recorder has stored, `openvital` 0.2.1
analyses waves, `sdc11073` 3.0.0 speaks IEEE 11073 SDC on a network, `pycollect` 0.2.3 finds Python
files. The PyCollect that decodes GE's records was never published there, nor were the
programs for Philips (PERSEUS among them); Masimo, Nellcor, DINAMAP, SunTech, Ivy and Capnostream
are not named at all.""",
    {"decoder": decoder},
    (
        Goal(
            f"each decoder with its translation at least {SPEED_UP} × its line",
            None,
            "× the line",
            least=SPEED_UP,
        ),
    ),
)
