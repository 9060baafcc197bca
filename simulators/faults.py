"""What goes wrong on the way from a simulated monitor to its client?

    split               bytes come in pieces of 1 to 40, a few hundredths of a second apart
    drop:P              each byte is lost with probability P
    flip:P              each byte has one bit turned over with probability P
    noise:P             a burst of up to 60 random bytes after a message, with probability P
    baud:DURATION       now and then, for so long, all arrives as if read at twice the rate
    stall:DURATION      now and then nothing comes for so long, then everything at once
    unplug:DURATION     now and then the cable is out for so long, and what was sent is lost

Written in one word with commas: ``split,drop:0.01,unplug:60s``; ``noise`` alone is ``noise:0.02``,
``baud`` alone ``baud:20s``. All of it is seeded; times are those of the scenario. "Now and then" is
the first time after 30 to 90 s, then as often as 60 to 180 s after the last.
"""

import math
import random
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from simulators.refused import Refused

FORMAT = (
    "split, drop:P, flip:P, noise:P, baud:20s, stall:20s, unplug:60s, with commas between "
    "(P above 0, at most 1)"
)
ALONE = {"split": "", "noise": "0.02", "baud": "20s"}  # what they mean without an amount
SPLIT_GAP_S = 0.02
LONGEST_NOISE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Which faults there are; the defaults are a perfect cable."""

    split: bool = False
    drop: float = 0.0
    flip: float = 0.0
    noise: float = 0.0
    baud_s: float = 0.0
    stall_s: float = 0.0
    unplug_s: float = 0.0


def parse(spec: str) -> Faults:
    """Read a list of faults; an empty one is a perfect cable. Raises Refused."""
    found: dict[str, bool | float] = {}
    for word in spec.split(",") if spec.strip() else []:
        name, colon, amount = word.strip().partition(":")
        amount = amount if colon else ALONE.get(name, "")
        if name == "split" and not colon:
            found[name] = True
        elif name in ("drop", "flip", "noise"):
            found[name] = _number(amount, word, most=1.0)
        elif name in ("baud", "stall", "unplug") and amount.endswith("s"):
            found[f"{name}_s"] = _number(amount.removesuffix("s"), word, most=math.inf)
        else:
            raise Refused("faults", expected=FORMAT, got=word)
    return Faults(**found)  # type: ignore[arg-type]


def _number(amount: str, word: str, *, most: float) -> float:
    try:
        number = float(amount)
    except ValueError:
        number = math.nan
    if not 0 < number <= most or math.isinf(number):
        raise Refused("faults", expected=FORMAT, got=word)
    return number


class Fate(StrEnum):
    """What became of a message's bytes."""

    WHOLE = "whole"  # all of them arrived, however they were split
    DAMAGED = "damaged"  # some arrived, or others than were sent
    LOST = "lost"


@dataclass(eq=False, slots=True)
class Sent:
    """One message that the monitor gave to the cable at ``t_s``, and how far it has come.

    ``spoilt`` is what the cable makes of it; ``on_the_way`` how many bytes are still in it, and
    ``left_s`` when it gave out the last. ``noise``: random bytes behind it. ``arrived``: bytes that
    the wire took, and no client left unread.
    """

    t_s: float
    clean: bytes
    spoilt: bytes
    on_the_way: int
    left_s: float
    noise: int = 0
    arrived: int = 0

    @property
    def fate(self) -> Fate:
        if not self.arrived:
            return Fate.LOST
        return Fate.WHOLE if self.came == self.clean else Fate.DAMAGED

    @property
    def came(self) -> bytes:
        """What arrived of it."""
        return self.spoilt[: self.arrived]


class Piece(NamedTuple):
    """What the cable gives out in one go; ``of`` is None for noise."""

    data: bytes
    of: Sent | None


class FaultyCable:
    """Holds, splits and spoils what is on its way. Pure: bytes and times (s) go in and come out."""

    def __init__(self, faults: Faults, seed: int, start_s: float) -> None:
        self._faults = faults
        self._random = random.Random(f"{seed} cable")
        self._waiting: list[tuple[float, Piece]] = []
        # An interruption is (from, to) in seconds; the next one is known as soon as the last ends.
        self._stall = self._after(start_s, faults.stall_s, is_first=True)
        self._unplug = self._after(start_s, faults.unplug_s, is_first=True)
        self._baud = self._after(start_s, faults.baud_s, is_first=True)

    def put(self, data: bytes, t_s: float) -> Sent:
        """A message that the monitor sends at ``t_s``."""
        if not data or self.is_unplugged(t_s):
            return Sent(t_s, data, data, 0, t_s)
        arriving, noise = self._spoilt(data), b""
        if self._faults.noise and self._random.random() < self._faults.noise:
            noise = self._random.randbytes(self._random.randint(1, LONGEST_NOISE))
        if self._baud[0] <= t_s < self._baud[1]:
            arriving, noise = at_twice_the_rate(arriving), at_twice_the_rate(noise)
        sent = Sent(t_s, data, arriving, len(arriving), t_s, len(noise))
        arrives_s = self._stall[1] if self._stall[0] <= t_s < self._stall[1] else t_s
        if self._waiting:  # nothing overtakes on a wire
            arrives_s = max(arrives_s, self._waiting[-1][0])
        for part, of in ((arriving, sent), (noise, None)):
            while part:
                size = self._random.randint(1, 40) if self._faults.split else len(part)
                self._waiting.append((arrives_s, Piece(part[:size], of)))
                part = part[size:]
                arrives_s += SPLIT_GAP_S * self._faults.split
        return sent

    def take(self, t_s: float) -> tuple[list[bytes], float]:
        """The bytes that arrive by ``t_s``, in order and pieces, and when to ask again."""
        pieces, next_s = self.pieces(t_s)
        return [piece.data for piece in pieces], next_s

    def pieces(self, t_s: float) -> tuple[list[Piece], float]:
        """As ``take``, with the message that each is a piece of."""
        if t_s >= self._stall[1]:
            self._stall = self._after(t_s, self._faults.stall_s)
        if t_s >= self._unplug[1]:
            self._unplug = self._after(t_s, self._faults.unplug_s)
        if t_s >= self._baud[1]:
            self._baud = self._after(t_s, self._faults.baud_s)
        found = []
        while self._waiting and self._waiting[0][0] <= t_s:
            piece = self._waiting.pop(0)[1]
            found.append(piece)
            if piece.of is not None:
                piece.of.on_the_way -= len(piece.data)
                piece.of.left_s = t_s
        if self.is_unplugged(t_s):
            for _, piece in self._waiting:
                if piece.of is not None:
                    piece.of.on_the_way, piece.of.left_s = 0, t_s
            self._waiting.clear()
        next_s = self._waiting[0][0] if self._waiting else math.inf
        return found, min(next_s, *(edge for edge in self._unplug if edge > t_s))

    def is_unplugged(self, t_s: float) -> bool:
        return self._unplug[0] <= t_s < self._unplug[1]

    def _spoilt(self, data: bytes) -> bytes:
        drop, flip = self._faults.drop, self._faults.flip
        if not drop and not flip:
            return data
        left = (byte for byte in data if self._random.random() >= drop)
        return bytes(
            byte ^ 1 << self._random.randrange(8) if self._random.random() < flip else byte
            for byte in left
        )

    def _after(self, t_s: float, length_s: float, *, is_first: bool = False) -> tuple[float, float]:
        """The next interruption after ``t_s``; never, for one of no length."""
        if not length_s:
            return (math.inf, math.inf)
        low_s, high_s = (30.0, 90.0) if is_first else (60.0, 180.0)
        from_s = t_s + self._random.uniform(low_s, high_s)
        return (from_s, from_s + length_s)


def at_twice_the_rate(data: bytes) -> bytes:
    """As many bytes as a receiver makes of ``data`` that samples at twice the sender's rate.

    It sees each bit twice: after its own start bit the second half of the sender's, then the lowest
    four bits; it takes the rest for line errors.
    """
    return data.translate(_DOUBLED)


_DOUBLED = bytes(
    sum(3 << (1 + 2 * bit) & 0xFF for bit in range(4) if byte >> bit & 1) for byte in range(256)
)
