"""How do the tests make a GE record that no vector holds? From one that does, field by field.

Written from the specification's tables, not from the decoder: a shared mistake would not show.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

VECTORS: dict[str, list[dict[str, Any]]] = tomllib.loads(
    (Path(__file__).parent.parent / "vectors" / "ge_dri.toml").read_text()
)
WORKED = bytes.fromhex(VECTORS["frames"][0]["hex"])

# Where a field starts in a record whose first subrecord is the basic class; bytes.
TIME = 40
ECG_STATUS = 44
HEART_RATE = 50
NIBP_STATUS = 116
NIBP_LABEL = 120
SYSTOLIC, DIASTOLIC, MEAN, NIBP_PULSE = 122, 124, 126, 128
SPO2 = 168


def unescaped(wire: bytes) -> bytes:
    """The record and checksum of one frame."""
    found, is_escaped = bytearray(), False
    for byte in wire.strip(b"\x7e"):
        if byte == 0x7D:
            is_escaped = True
        else:
            found.append(byte | 0x20 if is_escaped else byte)
            is_escaped = False
    return bytes(found)


def framed(record: bytes) -> bytes:
    """``record`` with its checksum, escaped, between flags."""
    escaped = {0x7E: b"\x7d\x5e", 0x7D: b"\x7d\x5d"}
    content = record + bytes([sum(record) % 256])
    return b"\x7e" + b"".join(escaped.get(b, bytes([b])) for b in content) + b"\x7e"


def frame(fields: dict[int, int] | None = None, *, time_s: int | None = None) -> bytes:
    """The worked frame with 16-bit ``fields`` (offset: value) and its time replaced."""
    record = bytearray(unescaped(WORKED)[:-1])
    for at, value in (fields or {}).items():
        record[at : at + 2] = (value & 0xFFFF).to_bytes(2, "little")
    if time_s is not None:
        record[TIME : TIME + 4] = time_s.to_bytes(4, "little")
    return framed(bytes(record))
