"""How do the tests make a Philips frame that no vector holds? Field by field, from the tables.

Written from the layout of the protocol, not from the decoder: a shared mistake would not show.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

VECTORS: dict[str, list[dict[str, Any]]] = tomllib.loads(
    (Path(__file__).parent.parent / "vectors" / "philips_intellivue.toml").read_text()
)
FRAMES = {vector["name"]: bytes.fromhex(vector["hex"]) for vector in VECTORS["frames"]}
REQUESTS = {vector["name"]: bytes.fromhex(vector["hex"]) for vector in VECTORS["requests"]}
WORKED = bytes.fromhex(VECTORS["mixed"][0]["hex"])

HEART_RATE, SPO2, SPO2_PULSE, PULSE = 0x4182, 0x4BB8, 0x4822, 0x480A
IMPEDANCE_RATE, AIRWAY_RATE = 0x500A, 0x5012
SYSTOLIC, DIASTOLIC, MEAN, CUFF_PULSE = 0x4A05, 0x4A06, 0x4A07, 0xF0E5
BEATS, PER_CENT, MMHG, KPA, BREATHS = 0x0AA0, 0x0220, 0x0F20, 0x0F03, 0x0AE0
NAN = 0x007FFFFF
NO_TIME = b"\xff" * 8


def words(*numbers: int) -> bytes:
    """16-bit numbers."""
    return b"".join(number.to_bytes(2, "big") for number in numbers)


def check(content: bytes) -> bytes:
    """CRC-16/X-25 bit by bit, low byte first."""
    rest = 0xFFFF
    for byte in content:
        rest ^= byte
        for _ in range(8):
            rest = rest >> 1 ^ (0x8408 if rest & 1 else 0)
    return (rest ^ 0xFFFF).to_bytes(2, "little")


def wire(content: bytes) -> bytes:
    """``content`` with a sound check, escaped, between marks."""
    content += check(content)
    escaped = {0xC0: b"\x7d\xe0", 0xC1: b"\x7d\xe1", 0x7D: b"\x7d\x5d"}
    return b"\xc0" + b"".join(escaped.get(b, bytes([b])) for b in content) + b"\xc1"


def framed(message: bytes) -> bytes:
    return wire(b"\x11\x01" + words(len(message)) + message)


def message_of(frame: bytes) -> bytes:
    """What one frame carries."""
    content, is_escaped = bytearray(), False
    for byte in frame[1:-1]:
        if byte == 0x7D and not is_escaped:
            is_escaped = True
        else:
            content.append(byte ^ 0x20 if is_escaped else byte)
            is_escaped = False
    return bytes(content[4:-2])


def attribute(number: int, value: bytes) -> bytes:
    return words(number, len(value)) + value


def listed(*attributes: bytes) -> bytes:
    return words(len(attributes), sum(map(len, attributes))) + b"".join(attributes)


def numeric(physio_id: int, value: int, unit: int = BEATS, state: int = 0) -> bytes:
    """One observed value; ``value`` is the raw FLOAT."""
    return words(physio_id, state, unit) + value.to_bytes(4, "big")


def single(*numeric_: Any, **more: Any) -> bytes:
    """An object with one value."""
    return words(0x8001) + listed(attribute(0x0950, numeric(*numeric_, **more)))


def cuff(
    pressures: tuple[int, int, int],
    taken_at: str | None = None,
    *,
    unit: int = MMHG,
    state: int = 0,
) -> bytes:
    """The cuff's object; ``taken_at`` as digits: 20261122 101200 00."""
    values = (
        numeric(physio_id, value, unit, state)
        for physio_id, value in zip((SYSTOLIC, DIASTOLIC, MEAN), pressures, strict=True)
    )
    compound = listed(*values)
    times = [] if taken_at is None else [attribute(0x0990, bytes.fromhex(taken_at))]
    return words(0x8002) + listed(*times, attribute(0x094B, compound))


def cuff_pulse(value: int, taken_at: str | None = None, state: int = 0) -> bytes:
    times = [] if taken_at is None else [attribute(0x0990, bytes.fromhex(taken_at))]
    value_ = attribute(0x0950, numeric(CUFF_PULSE, value, BEATS, state))
    return words(0x8003) + listed(*times, value_)


def result(
    *objects: bytes,
    ticks: int = 0,
    time: bytes = NO_TIME,
    code: int = 6,
    group: int = 0x0803,
    sequence_no: int | None = None,
    linked: tuple[int, int] | None = None,
) -> bytes:
    """A frame with one result of a poll; all objects in one context."""
    context = words(1, len(objects), sum(map(len, objects))) + b"".join(objects)
    info = words(1, len(context)) + context
    sequence = b"" if sequence_no is None else words(sequence_no)
    polled = words(7) + sequence + ticks.to_bytes(4, "big") + time + words(1, code, group) + info
    action = 0x0C16 if sequence_no is None else 0xF13B
    call = words(0x21, 0, 0, action, len(polled)) + polled
    operation = words(9, 7, len(call)) + call
    if linked is not None:
        operation = bytes(linked) + operation
    return framed(words(0xE100, 2, 2 if linked is None else 5, len(operation)) + operation)


def created(
    *, clock: str = "2026112210150000", ticks: int = 0, mode: int = 0x4000, invoke_id: int = 1
) -> bytes:
    """A frame with the MDS create event."""
    told = listed(
        attribute(0x0946, words(mode)),
        attribute(0x0987, bytes.fromhex(clock)),
        attribute(0x098F, ticks.to_bytes(4, "big")),
    )
    event = words(0x21, 0, 0) + ticks.to_bytes(4, "big") + words(0x0D06, 6 + len(told))
    event += words(0x21, 0, 0) + told
    operation = words(invoke_id, 1, len(event)) + event
    return framed(words(0xE100, 2, 1, len(operation)) + operation)
