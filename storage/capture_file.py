"""How does a file of the flight recorder look, and what can still be read of a damaged one?

    "VIGIL-CAPTURE 1\\n", then blocks:
    mark "VB" | kind u8 | number u32 | size u32 | CRC-32 u32 of all the others | payload

The first block is the header, JSON. The payload of every other is a piece of a zlib stream, what a
second brought, ended by a sync flush whose own four bytes are left out. A stream lasts a minute:
kind MINUTE begins one, kind MORE goes on with it. So a file that is cut loses its last block, and a
byte that flips what follows it in its minute; the next minute is read as ever.

What comes out of the streams are entries: kind u8, UTC as whole us i64, monotonic s f64, size u32,
then as many bytes. All numbers are little-endian. A block holds whole entries.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from struct import Struct
from typing import Any

from clinical.links import LinkState

MAGIC = b"VIGIL-CAPTURE 1\n"
MARK = b"VB"
BLOCK = Struct("<2sBIII")
HEADER, MINUTE, MORE = 1, 2, 3
ENTRY = Struct("<BqdI")
FLUSHED = b"\x00\x00\xff\xff"  # how every sync flush ends
HEADER_MAX, HEADER_LIKELY = 1 << 13, 512  # bytes
BLOCK_MAX = 1 << 24  # bytes; a size above is damage
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SUFFIX = ".vcap"


class NoCapture(ValueError):
    """A file is none of the flight recorder's, or its header is damaged."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a file holds. ``stream``: "line", what one line brought, or "rules", when the engine
    stepped its chair. ``ids`` goes before the measurement ids of the line; ``run`` is the same for
    all that one program wrote. ``piece`` counts the files of a stream from 1.
    """

    stream: str
    run: str
    chair: int
    monitor: str  # the protocol's name; "" for the rules
    port: str  # as the settings name it
    ids: str
    speed: float  # of the clock
    piece: int
    started: str  # aware UTC, ISO 8601
    version: str = ""  # of the Vigil that wrote it; "" in the first files
    format: int = 1

    @property
    def started_at(self) -> datetime:
        return datetime.fromisoformat(self.started)


@dataclass(frozen=True, slots=True)
class Opened:
    device: str
    at: datetime
    at_s: float


@dataclass(frozen=True, slots=True)
class Received:
    data: bytes
    at: datetime
    at_s: float


@dataclass(frozen=True, slots=True)
class Sent:
    data: bytes
    at: datetime
    at_s: float


@dataclass(frozen=True, slots=True)
class Told:
    state: LinkState
    detail: str
    at: datetime
    at_s: float


@dataclass(frozen=True, slots=True)
class Asked:
    interval_s: float
    at: datetime
    at_s: float


@dataclass(frozen=True, slots=True)
class Closed:
    reason: str
    at: datetime
    at_s: float


@dataclass(frozen=True, slots=True)
class Missed:
    """A hole: so many entries could not be kept, for a reason."""

    count: int
    reason: str
    at: datetime
    at_s: float


@dataclass(frozen=True, slots=True)
class Stepped:
    """The engine stepped a chair: ``what`` happened, told by the class of the event; ``at`` is the
    ``now`` that the rules got.

    ``of`` is the time of what a line said, or of the facts of a command; ``monitor`` whose it was,
    "" in a chair with one; ``more`` what is needed beside, plain JSON.
    """

    what: str
    at: datetime
    of: datetime | None = None
    monitor: str = ""
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chair:
    """The chair as the rules found it where a file of steps begins, or as it was arranged anew:
    plain JSON, made and read by storage.captures."""

    plain: dict[str, Any]
    at: datetime


Entry = Opened | Received | Sent | Told | Asked | Closed | Missed | Stepped | Chair


@dataclass(frozen=True, slots=True)
class Damaged:
    """Something of a file cannot be read: from block ``number`` (None: of no known number) at byte
    ``offset`` to the next whole minute."""

    number: int | None
    offset: int
    reason: str


def _bytes(text: str) -> bytes:
    """A name of the operating system may hold what is no character: it is spelt out."""
    return text.encode(errors="backslashreplace")


def to_us(at: datetime) -> int:
    return (at - EPOCH) // MICROSECOND


def from_us(us: int) -> datetime:
    return EPOCH + us * MICROSECOND


# The numbers stand in files: they stay what they are.
OPENED, RECEIVED, SENT, TOLD, ASKED, CLOSED, MISSED, STEPPED, CHAIR = range(1, 10)


def packed(entry: Entry) -> bytes:
    """``entry`` as it stands in a file."""
    at_s = 0.0
    match entry:
        case Received(data, _at, at_s):
            kind, payload = RECEIVED, data
        case Sent(data, _at, at_s):
            kind, payload = SENT, data
        case Stepped(what, _at, of, monitor, more):
            when = "" if of is None else str(to_us(of))
            beside = json.dumps(more, ensure_ascii=False) if more else ""
            kind, payload = STEPPED, _bytes(f"{what}|{when}|{monitor}|{beside}")
        case Opened(device, _at, at_s):
            kind, payload = OPENED, _bytes(device)
        case Told(state, detail, _at, at_s):
            kind, payload = TOLD, _bytes(f"{state.value}|{detail}")
        case Asked(interval_s, _at, at_s):
            kind, payload = ASKED, repr(float(interval_s)).encode()
        case Closed(reason, _at, at_s):
            kind, payload = CLOSED, _bytes(reason)
        case Missed(count, reason, _at, at_s):
            kind, payload = MISSED, _bytes(f"{count}|{reason}")
        case Chair(plain, _at):
            kind, payload = CHAIR, _bytes(json.dumps(plain, ensure_ascii=False))
    return ENTRY.pack(kind, to_us(entry.at), at_s, len(payload)) + payload


def _unpacked(kind: int, us: int, at_s: float, payload: bytes) -> Entry | None:
    """None for a kind that a later version made. Raises ValueError for what is none."""
    at = from_us(us)
    if kind == RECEIVED:
        return Received(payload, at, at_s)
    if kind == SENT:
        return Sent(payload, at, at_s)
    text = payload.decode()
    if kind == STEPPED:
        what, of, monitor, more = text.split("|", 3)
        when = from_us(int(of)) if of else None
        return Stepped(what, at, when, monitor, json.loads(more) if more else {})
    if kind == OPENED:
        return Opened(text, at, at_s)
    if kind == TOLD:
        state, _bar, detail = text.partition("|")
        return Told(LinkState(state), detail, at, at_s)
    if kind == ASKED:
        return Asked(float(text), at, at_s)
    if kind == CLOSED:
        return Closed(text, at, at_s)
    if kind == MISSED:
        count, _bar, reason = text.partition("|")
        return Missed(int(count), reason, at, at_s)
    if kind == CHAIR:
        return Chair(json.loads(text), at)
    return None


class Blocks:
    """The bytes of one file, block after block. It holds no file: whoever has one writes them."""

    def __init__(self, header: Header) -> None:
        self._number = 0
        self._stream = zlib.compressobj()
        payload = _bytes(json.dumps(asdict(header), ensure_ascii=False))
        self.begin = MAGIC + self._block(HEADER, payload)

    def block(self, entries: bytes, *, is_new_minute: bool) -> bytes:
        """One block with all of ``entries``; the first one of a file must be of a new minute."""
        if is_new_minute:
            self._stream = zlib.compressobj()
        payload = self._stream.compress(entries) + self._stream.flush(zlib.Z_SYNC_FLUSH)
        return self._block(MINUTE if is_new_minute else MORE, payload[: -len(FLUSHED)])

    def _block(self, kind: int, payload: bytes) -> bytes:
        number, self._number = self._number, self._number + 1
        crc = zlib.crc32(payload, zlib.crc32(BLOCK.pack(MARK, kind, number, len(payload), 0)))
        return BLOCK.pack(MARK, kind, number, len(payload), crc) + payload


def header_of(file: Path) -> Header:
    """Raises NoCapture, and OSError."""
    with file.open("rb", buffering=0) as opened:  # a month of a clinic is thousands of files
        data = opened.read(HEADER_LIKELY)
        begin = len(MAGIC) + BLOCK.size
        if len(data) >= begin:
            size = BLOCK.unpack_from(data, len(MAGIC))[3]
            data += opened.read(max(0, begin + min(size, HEADER_MAX) - len(data)))
    return _header(file, next(_blocks(data), None))


def _header(file: Path, found: _Block | Damaged | None) -> Header:
    if not isinstance(found, _Block) or found.kind != HEADER:
        raise NoCapture(f"{file.name} is no capture of Vigil, or its header is damaged")
    plain = json.loads(found.payload)
    if plain.get("format") != 1:
        raise NoCapture(f"{file.name} is of format {plain.get('format')}, expected 1")
    return Header(**{each.name: plain[each.name] for each in fields(Header) if each.name in plain})


def read(file: Path) -> Iterator[Entry | Damaged]:
    """What ``file`` holds, in the order in which it was written, with what is damaged in its place.

    A file that is being written, or was when its program was killed, may end with half a block:
    that is Damaged too. Raises NoCapture, and OSError.
    """
    blocks = _blocks(file.read_bytes())
    _header(file, next(blocks, None))
    stream = None  # of the minute; None: the rest of it cannot be read
    for block in blocks:
        if isinstance(block, Damaged):
            stream = None
            yield block
            continue
        if block.kind == MINUTE:
            stream = zlib.decompressobj()
        if stream is None or block.kind == HEADER:
            continue
        try:
            entries = list(_entries(stream.decompress(block.payload + FLUSHED)))
        except (zlib.error, ValueError) as error:
            stream = None
            yield Damaged(block.number, block.offset, str(error))
            continue
        yield from entries


def ended_at(file: Path) -> datetime | None:
    """When the last entry of ``file`` happened; None where none can be read. Looks at its last
    minute alone. Raises OSError."""
    minute: list[_Block] = []
    for block in _blocks(file.read_bytes()):
        if isinstance(block, _Block) and block.kind != HEADER:
            minute = [block] if block.kind == MINUTE else [*minute, block]
    stream, at = zlib.decompressobj(), None
    for block in minute:
        try:
            for entry in _entries(stream.decompress(block.payload + FLUSHED)):
                at = entry.at
        except (zlib.error, ValueError):
            break
    return at


def _entries(data: bytes) -> Iterator[Entry]:
    """Raises ValueError where ``data`` is no whole number of entries."""
    at = 0
    while at < len(data):
        if at + ENTRY.size > len(data):
            raise ValueError("half an entry")
        kind, us, at_s, size = ENTRY.unpack_from(data, at)
        begin = at + ENTRY.size
        at = begin + size
        if at > len(data):
            raise ValueError("half an entry")
        entry = _unpacked(kind, us, at_s, data[begin:at])
        if entry is not None:
            yield entry


@dataclass(frozen=True, slots=True)
class _Block:
    kind: int
    number: int
    offset: int
    payload: bytes


def _blocks(data: bytes) -> Iterator[_Block | Damaged]:
    """The blocks of a file; after one that is damaged the next that is whole."""
    if not data.startswith(MAGIC):
        return
    at = len(MAGIC)
    expected: int | None = 0  # None after damage
    while at < len(data):
        block = _block_at(data, at)
        if block is None:
            found = data.find(MARK, at + 1)
            while found >= 0 and _block_at(data, found) is None:
                found = data.find(MARK, found + 1)
            is_end = found < 0
            reason = "the file ends in it" if is_end else "its checksum does not match"
            yield Damaged(expected, at, reason)
            if is_end:
                return
            at, expected = found, None
            continue
        if expected is not None and block.number != expected:
            yield Damaged(expected, at, f"expected block {expected}, got {block.number}")
        yield block
        at, expected = at + BLOCK.size + len(block.payload), block.number + 1


def _block_at(data: bytes, at: int) -> _Block | None:
    """The whole block that begins at ``at``; None where there is none."""
    if at + BLOCK.size > len(data):
        return None
    mark, kind, number, size, crc = BLOCK.unpack_from(data, at)
    begin = at + BLOCK.size
    if mark != MARK or size > BLOCK_MAX or begin + size > len(data):
        return None
    payload = data[begin : begin + size]
    is_whole = crc == zlib.crc32(payload, zlib.crc32(BLOCK.pack(mark, kind, number, size, 0)))
    return _Block(kind, number, at, payload) if is_whole else None
