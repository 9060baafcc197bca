"""Did everything that a monitor sent reach the engine, or is it accounted for?

What was sent comes from the simulator's own notes (``--sent``): the bytes before the cable and what
became of them. They are decoded here once more, offline and in order, and held against what the
line handed to the engine.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import compress, zip_longest
from operator import and_
from pathlib import Path

from clinical.identity import Identity
from clinical.vitals import Metric, Observation
from devices.protocols.line import Garbled
from devices.registry import ProtocolEntry

CUFF = frozenset({Metric.NIBP_SYSTOLIC, Metric.NIBP_DIASTOLIC, Metric.NIBP_MEAN, Metric.NIBP_PULSE})
ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass
class Values:
    """What frames said, in order: ``frames`` the signs of each, ``cuffs`` one entry a reading.

    A cuff reading is told once, with the first whole message that holds it; which one that is
    depends on what was damaged before, so that it is no part of its frame here. Its pulse is left
    out: some monitors tell it later, in a message of its own.
    """

    frames: list[Hashable] = field(default_factory=list)
    readings: dict[str, dict[Metric, float | None]] = field(default_factory=dict)
    count: int = 0  # of values that are there

    def add(self, observations: Iterable[Observation]) -> None:
        signs = []
        for one in observations:
            self.count += one.value is not None
            if one.metric not in CUFF:
                signs.append((one.metric, one.source, one.value, one.quality))
            elif one.measurement_id is not None:
                self.readings.setdefault(one.measurement_id, {})[one.metric] = one.value
        if signs:
            self.frames.append(hash(tuple(sorted(signs, key=repr))))  # hours of them are kept

    @property
    def cuffs(self) -> list[Hashable]:
        return [
            tuple(sorted(item for item in each.items() if item[0] is not Metric.NIBP_PULSE))
            for each in self.readings.values()
        ]


@dataclass(frozen=True)
class Sent:
    """What a simulator noted: messages by their fate, and the values of them.

    ``untouched`` are those whole ones that nothing stood before but another whole one. Noise, half
    a message or a port that is only being opened may take the next one with them: there may be no
    telling where it begins. So may one that named another monitor: numbers wait until it
    is known who is there. ``forged``: damaged ones that a decoder must take for something else
    than was sent, as no check of eight bits sees every message that was hit twice; what they say
    is among ``values_of_all``.
    """

    whole: int
    damaged: int
    lost: int
    forged: int
    untouched: Values
    values_of_whole: Values
    values_of_all: Values


def read_sent(notes: Path, protocol: ProtocolEntry) -> Sent:
    lines = [json.loads(line) for line in notes.read_text().splitlines()]
    whole = [line["fate"] == "whole" for line in lines]
    is_after_whole = [False] + [
        is_whole and "noise" not in line for is_whole, line in zip(whole, lines, strict=True)
    ]
    is_doubted = False  # after a damaged message that named another monitor, until one is named
    for n, line in enumerate(lines):
        if "came" in line and (named := _named(protocol, line["came"])):
            is_doubted = named != _named(protocol, line["hex"])
        elif whole[n] and is_doubted and _named(protocol, line["hex"]):
            is_doubted = False
        is_after_whole[n] = is_after_whole[n] and not is_doubted
    fates = [line["fate"] for line in lines]
    hexes = [line["hex"] for line in lines]
    forged: list[Hashable] = []
    return Sent(
        *(fates.count(fate) for fate in ("whole", "damaged", "lost")),
        values_of_all=decoded(protocol, hexes, [line.get("came", "") for line in lines], forged),
        forged=len(forged),
        untouched=decoded(protocol, compress(hexes, map(and_, whole, is_after_whole))),
        values_of_whole=decoded(protocol, compress(hexes, whole)),
    )


def _named(protocol: ProtocolEntry, message: str) -> Identity | None:
    """Who sent this message, in hex, as far as it says so by itself."""
    if protocol.identity is None:
        return None
    found = (one for one in protocol.decoder().feed(bytes.fromhex(message)))
    said = (protocol.identity(one) for one in found if not isinstance(one, Garbled))
    return next((each for each in said if each is not None), None)


def decoded(
    protocol: ProtocolEntry,
    messages: Iterable[str],
    came: Iterable[str] = (),
    forged: list[Hashable] | None = None,
) -> Values:
    """What ``messages``, in hex, say to the decoder of the line when nothing is wrong with them.

    ``came`` is what arrived of each, where something was wrong; what that alone says is put beside
    what was meant, and into ``forged``, where it is something else.
    """
    decoder, found = protocol.decoder(), Values()
    for message, other in zip_longest(messages, came, fillvalue=""):
        before = len(found.frames)
        for one in decoder.feed(bytes.fromhex(message)):
            if not isinstance(one, Garbled):
                found.add(protocol.translate(one, ANY_TIME))
        if other and forged is not None:
            meant = found.frames[before:]
            for frame in decoded(protocol, [other]).frames:
                if frame not in meant:
                    found.frames.append(frame)
                    forged.append(frame)
    for one in decoder.end():
        if not isinstance(one, Garbled):
            found.add(protocol.translate(one, ANY_TIME))
    return found


def in_common(one: Sequence[Hashable], other: Sequence[Hashable]) -> int:
    """Length of the longest sequence that both hold in this order (bit-parallel, so that hours of
    frames take no time)."""
    places: dict[Hashable, int] = {}
    for n, each in enumerate(one):
        places[each] = places.get(each, 0) | 1 << n
    row = whole = (1 << len(one)) - 1
    for each in other:
        shared = row & places.get(each, 0)
        row = (row + shared | row - shared) & whole
    return len(one) - row.bit_count()


@dataclass(frozen=True)
class Balance:
    """One line. ``missing``: frames and cuff readings of whole messages that the engine did not
    get, ``untouched_missing`` of untouched ones; ``unsent``: those that it got and nobody sent."""

    name: str
    sent: Sent
    delivered: Values
    garbled: int  # pieces that the line counted
    opened: int  # times that the port was
    has_checksum: bool
    is_live: bool = True  # at the end

    @property
    def missing(self) -> int:
        return _lacking(self.sent.values_of_whole, self.delivered)

    @property
    def untouched_missing(self) -> int:
        return _lacking(self.sent.untouched, self.delivered)

    @property
    def unsent(self) -> int:
        return _lacking(self.delivered, self.sent.values_of_all)

    def faults(self) -> list[str]:
        """What does not add up, in words; nothing where all does.

        Each message that nothing had touched must have been delivered. One that came whole behind
        something damaged may be missing, but only where a damaged piece was counted for it, or the
        port was being opened: that drops what came in before.
        """
        found = []
        if not self.delivered.count:
            found.append("nothing was delivered")
        if self.untouched_missing:
            found.append(f"{self.untouched_missing} missing that nothing had touched")
        if self.missing > self.garbled + self.opened:
            found.append(
                f"{self.missing} whole ones missing, {self.garbled} damaged pieces counted, "
                f"opened {self.opened} times"
            )
        if self.has_checksum and self.unsent:
            found.append(f"{self.unsent} delivered that nobody sent")
        if not self.is_live:
            found.append("not live at the end")
        return found


def _lacking(wanted: Values, there: Values) -> int:
    """How many frames and cuff readings of ``wanted`` are not ``there``, in the same order."""
    pairs = ((wanted.frames, there.frames), (wanted.cuffs, there.cuffs))
    return sum(len(some) - in_common(some, others) for some, others in pairs)
