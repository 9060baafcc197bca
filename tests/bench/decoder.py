"""How much faster than its line does the GE decoder read?"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from devices.protocols.line import Garbled
from devices.registry import PROTOCOLS
from simulators.displayed import Cuff, CuffReading, Displayed
from simulators.ge_dri import ALL_CLASSES, BASIC, BAUD, frame, physiological_record
from tests.bench.report import Options, Row, Table

RECORDS = 3_600  # an hour at 1 Hz
CHUNK = 512  # bytes of one read: a record or two
BITS_A_BYTE = 11  # 8E1: start, eight, parity, stop
LINE = BAUD / BITS_A_BYTE  # bytes a second
BEGIN_UNIX_S = 1_700_000_000
PROTOCOL = PROTOCOLS["ge-dri"]
CLASSES: dict[str, Sequence[int]] = {"basic class": (BASIC,), "all four classes": ALL_CLASSES}


def decoder(options: Options) -> list[Row]:
    return [
        {"": name, **_figures(_wire(classes), options.repeats)} for name, classes in CLASSES.items()
    ]


def _wire(classes: Sequence[int]) -> bytes:
    """An hour of a monitor whose every value moves, with a new cuff reading every five minutes."""
    records = (
        physiological_record(
            _shown(second),
            r_nbr=second % 256,
            time_unix_s=BEGIN_UNIX_S + second,
            classes=classes,
        )
        for second in range(RECORDS)
    )
    return b"".join(map(frame, records))


def _shown(second: int) -> Displayed:
    cuff = CuffReading(
        systolic_mmhg=110 + second // 300, diastolic_mmhg=70, mean_mmhg=85, pulse_bpm=70
    )
    return Displayed(
        heart_rate_bpm=60 + second % 90,
        ecg_rate_bpm=60 + second % 90,
        impedance_resp_rpm=10 + second % 9,
        spo2_pct=90 + second % 10,
        pulse_bpm=60 + second % 88,
        temperature_c=36 + second % 20 / 10,
        cuff=Cuff(reading=cuff, age_s=second % 300),
    )


def _figures(wire: bytes, repeats: int) -> Row:
    chunks = [wire[at : at + CHUNK] for at in range(0, len(wire), CHUNK)]
    fed_s = statistics.median(_spent_s(partial(_feed, chunks)) for _ in range(repeats))
    read_s = statistics.median(_spent_s(partial(_read, chunks)) for _ in range(repeats))
    return {
        "bytes a record": round(len(wire) / RECORDS),
        "decoder MB/s": len(wire) / fed_s / 1e6,
        "decoder records/s": RECORDS / fed_s,
        "with translation MB/s": len(wire) / read_s / 1e6,
        "with translation records/s": RECORDS / read_s,
        "× the line": len(wire) / read_s / LINE,
    }


def _spent_s(work: Callable[[], None]) -> float:
    """Seconds of a core that ``work`` takes; other programs do not count."""
    before_s = time.process_time()
    work()
    return time.process_time() - before_s


def _feed(chunks: Sequence[bytes]) -> None:
    reader, found = PROTOCOL.decoder(), 0
    for chunk in chunks:
        found += len(reader.feed(chunk))
    if found != RECORDS:
        raise ValueError(f"expected {RECORDS} records, got {found} messages")


def _read(chunks: Sequence[bytes]) -> None:
    reader, now = PROTOCOL.decoder(), datetime.now(UTC)
    for chunk in chunks:
        for message in reader.feed(chunk):
            if isinstance(message, Garbled):
                raise ValueError(f"expected sound records, got {message.reason}")
            PROTOCOL.translate(message, now)


TABLE = Table(
    "Decoder",
    f"""One GE monitor's bytes, an hour of records in chunks of {CHUNK}, on one core. The line is
{BAUD} baud 8E1: {BITS_A_BYTE} bits a byte, {LINE:,.0f} bytes a second. *With translation* is what a
link does with them: messages, then observations in Vigil's units; the multiple of the line is of
that.""",
    {"decoder": decoder},
)
