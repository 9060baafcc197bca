"""What must hold for whatever comes down a monitor's line? One input is one stretch of wire.

Plain Python, without the fuzzer: a saved input is replayed and debugged like any test.
"""

from __future__ import annotations

import math
import tomllib
import zlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from random import Random

from clinical.links import CuffOrder
from devices.protocols.line import Garbled
from devices.registry import PROTOCOLS, ProtocolEntry
from tests.fuzz.seals import sealed

NOW = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
VECTORS = Path(__file__).parents[1] / "vectors"
MOST_HELD = 20_000  # bytes; the longest frame of any monitor is 3 kB
LONG_BLOCKS = 4  # of MOST_HELD bytes: a stretch that would show a decoder that keeps everything
LONG_EVERY = 500  # inputs: it takes as long as fifty others


def seeds(name: str) -> list[bytes]:
    """Sound wire to start from: each vector of the monitor, and all that it sends in a row."""
    vectors = tomllib.loads((VECTORS / f"{name.replace('-', '_')}.toml").read_text())
    frames, requests = (
        [bytes.fromhex(one["hex"]) for one in vectors.get(key, ())]
        for key in ("frames", "requests")
    )
    return [*frames, *requests, b"".join(frames)]


def check_monitor(name: str, wire: bytes) -> None:
    """``check`` the wire as it is, and with right checksums."""
    check(PROTOCOLS[name], wire)
    if mended := sealed(name, wire):
        check(PROTOCOLS[name], mended)


def check(protocol: ProtocolEntry, wire: bytes) -> None:
    """Raise whatever goes wrong when ``wire`` is decoded, translated and answered.

    Everything else about the run (where the wire is cut, how time passes) is drawn from the wire
    itself, so that the same input is always the same run.
    """
    rng = Random(zlib.crc32(wire))
    whole = protocol.decoder()
    messages = list(whole.feed(wire))
    assert_bounded(whole)
    assert_heard_in_pieces_alike(protocol, wire, messages, rng)
    assert_translated(protocol, messages)
    assert_conversed(protocol, messages, rng)
    if wire and rng.randrange(LONG_EVERY) == 0:
        again = protocol.decoder()
        block = wire * (MOST_HELD // len(wire) + 1)
        for _ in range(LONG_BLOCKS):
            again.feed(block)
            assert_bounded(again)


def assert_heard_in_pieces_alike(
    protocol: ProtocolEntry, wire: bytes, messages: list[object], rng: Random
) -> None:
    # A long wire in fewer pieces, or most of the time would go here.
    decoder, size = protocol.decoder(), max(rng.choice((1, 2, 3, 7, 30, 200)), len(wire) // 300)
    pieces: list[object] = []
    for start in range(0, len(wire), size):
        pieces += decoder.feed(wire[start : start + size])
    assert_bounded(decoder)
    assert pieces == messages, f"in pieces of {size}: {pieces}; in one: {messages}"


def assert_translated(protocol: ProtocolEntry, messages: list[object]) -> None:
    for message in messages:
        if isinstance(message, Garbled):
            assert message.raw, "junk of no bytes"
            continue
        for one in protocol.translate(message, NOW):
            assert (one.value is not None) == one.quality.has_value, f"{one}"
            assert one.value is None or math.isfinite(one.value), f"{one}"
            assert one.metric in protocol.metrics, f"{one}"
            assert all(is_storable(remark) for remark in one.remarks), f"{one}"
        alarms = protocol.alarms(message) if protocol.alarms else None
        assert all(is_storable(text) for text in alarms or ()), f"{alarms}"
        said = protocol.identity(message) if protocol.identity else None
        assert said is None or all(map(is_storable, (said.model, said.serial, said.version)))
        names = protocol.unknown(message) if protocol.unknown else ()
        assert all(name and len(name) <= LONGEST_NAME and is_storable(name) for name in names)


LONGEST_NAME = 40  # characters: the monitors page counts what is not read, by name


def is_storable(text: str) -> bool:
    """PostgreSQL refuses a zero in a text, and nothing encodes half a surrogate pair."""
    return "\0" not in text and text == text.encode("utf-8", "replace").decode()


def assert_conversed(protocol: ProtocolEntry, messages: list[object], rng: Random) -> None:
    """The host's half goes on, whatever it hears."""
    talk, now_s = protocol.talk(), 1000.0
    said = [talk.opening(now_s)]
    for message in messages:
        now_s += rng.choice((0.0, 0.1, 1.0, 30.0))
        if not isinstance(message, Garbled):
            said.append(talk.heard(message, now_s))
        sent, next_s = talk.due(now_s)
        said.append(sent)
        assert next_s > now_s, f"asks again at {next_s}, and it is {now_s}"
        if protocol.works_cuff and rng.random() < 0.1:
            said.append(talk.order(rng.choice([*CuffOrder]), now_s))  # type: ignore[attr-defined]
    said.append(talk.closing())
    assert all(isinstance(each, bytes) for each in said)
    assert talk.interval_s > 0


def assert_bounded(decoder: object) -> None:
    held = held_bytes(decoder)
    assert held <= MOST_HELD, f"the decoder holds {held} bytes"


def held_bytes(thing: object) -> int:
    """Bytes that a decoder keeps for later, in whatever attributes and containers it has."""
    if isinstance(thing, (bytes, bytearray, memoryview, str)):
        return len(thing)
    if isinstance(thing, Mapping):
        return sum(8 + held_bytes(key) + held_bytes(value) for key, value in thing.items())
    if isinstance(thing, Iterable):
        return sum(8 + held_bytes(each) for each in thing)
    if isinstance(thing, (type, Enum)) or callable(thing):
        return 0
    slots = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
    attributes = [getattr(thing, name) for name in slots if hasattr(thing, name)]
    return sum(held_bytes(each) for each in [*attributes, *getattr(thing, "__dict__", {}).values()])
