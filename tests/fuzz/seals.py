"""How does a damaged frame get a right checksum again, so that its content is tried as well?

A guess that hits one byte of content misses the checksum 255 times in 256: without this, hardly
anything but the framing would be fuzzed. The frames are built by the simulators.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator

from simulators import capnostream, dinamap, ge_dri, philips_wire, suntech


def _ge_dri(wire: bytes) -> Iterator[bytes]:
    for piece in filter(None, wire.split(b"\x7e")):
        record = re.sub(b"\x7d(.)", lambda pair: bytes([pair[1][0] | 0x20]), piece, flags=re.S)[:-1]
        yield ge_dri.frame(struct.pack("<H", len(record)) + record[2:])


def _philips(wire: bytes) -> Iterator[bytes]:
    for piece in filter(None, re.split(b"[\xc0\xc1]", wire)):
        content = re.sub(b"\x7d(.)", lambda pair: bytes([pair[1][0] ^ 0x20]), piece, flags=re.S)
        yield philips_wire.frame(content[4:-2])


def _dinamap(wire: bytes) -> Iterator[bytes]:
    for piece in filter(None, wire.split(b"\r")):
        yield dinamap.message(piece[:-2])


def _capnostream(wire: bytes) -> Iterator[bytes]:
    for piece in wire.split(b"\x85")[1:]:
        unescape = lambda pair: bytes([pair[1][0] + 0x80 & 0xFF])  # noqa: E731
        content = re.sub(b"\x80(.)", unescape, piece, flags=re.S)[1:-1]
        if 0 < len(content) < 256:
            yield capnostream.frame(content[0], content[1:])


def _suntech(wire: bytes) -> Iterator[bytes]:
    at = wire.find(b"\x3e")
    while 0 <= at < len(wire) - 1:
        end = at + max(3, wire[at + 1])
        yield suntech.frame(wire[at + 2 : end - 1])
        at = wire.find(b"\x3e", end)


SEALS: dict[str, Callable[[bytes], Iterator[bytes]]] = {
    "ge-dri": _ge_dri,
    "philips-intellivue": _philips,
    "dinamap": _dinamap,
    "capnostream": _capnostream,
    "suntech": _suntech,
}


def sealed(name: str, wire: bytes) -> bytes:
    """The frames in ``wire``, each with its own length and checksum; no junk between them.

    Empty for a monitor without a checksum.
    """
    return b"".join(SEALS[name](wire)) if name in SEALS else b""
