"""What goes wrong on the way from a simulated monitor to its client?

    split               bytes come in pieces of 1 to 40, a few hundredths of a second apart
    drop:P              each byte is lost with probability P
    flip:P              each byte has one bit turned over with probability P
    noise               now and then a burst of random bytes
    stall:DURATION      now and then nothing comes for so long, then everything at once
    unplug:DURATION     now and then the cable is out for so long, and what was sent is lost

Written in one word with commas: ``split,drop:0.01,unplug:60s``. All of it is seeded; times are
those of the scenario. "Now and then" is the first time after 30 to 90 s, then as often as 60 to
180 s after the last.
"""

import math
import random
from dataclasses import dataclass

from simulators.refused import Refused

FORMAT = "split, noise, drop:P, flip:P, stall:20s, unplug:60s, with commas between"
SPLIT_GAP_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Which faults there are; the defaults are a perfect cable."""

    split: bool = False
    noise: bool = False
    drop: float = 0.0
    flip: float = 0.0
    stall_s: float = 0.0
    unplug_s: float = 0.0


def parse(spec: str) -> Faults:
    """Read a list of faults; an empty one is a perfect cable. Raises Refused."""
    found: dict[str, bool | float] = {}
    for word in spec.split(",") if spec.strip() else []:
        name, _, amount = word.strip().partition(":")
        if name in ("split", "noise") and not amount:
            found[name] = True
        elif name in ("drop", "flip"):
            found[name] = _number(amount, word, most=1.0)
        elif name in ("stall", "unplug") and amount.endswith("s"):
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


class FaultyCable:
    """Holds, splits and spoils what is on its way. Pure: bytes and times (s) go in and come out."""

    def __init__(self, faults: Faults, seed: int, start_s: float) -> None:
        self._faults = faults
        self._random = random.Random(f"{seed} cable")
        self._waiting: list[tuple[float, bytes]] = []
        self._next_noise_s = self._next_noise(start_s) if faults.noise else math.inf
        # An interruption is (from, to) in seconds; the next one is known as soon as the last ends.
        self._stall = self._after(start_s, faults.stall_s, is_first=True)
        self._unplug = self._after(start_s, faults.unplug_s, is_first=True)

    def put(self, data: bytes, t_s: float) -> None:
        """Bytes that the monitor sends at ``t_s``."""
        if self.is_unplugged(t_s):
            return
        if self._next_noise_s <= t_s:
            data += self._random.randbytes(self._random.randint(1, 60))
            self._next_noise_s = self._next_noise(t_s)
        data = self._spoiled(data)
        if not data:
            return
        arrives_s = self._stall[1] if self._stall[0] <= t_s < self._stall[1] else t_s
        if self._waiting:  # nothing overtakes on a wire
            arrives_s = max(arrives_s, self._waiting[-1][0])
        if not self._faults.split:
            self._waiting.append((arrives_s, data))
        while self._faults.split and data:
            size = self._random.randint(1, 40)
            self._waiting.append((arrives_s, data[:size]))
            data, arrives_s = data[size:], arrives_s + SPLIT_GAP_S

    def take(self, t_s: float) -> tuple[list[bytes], float]:
        """The pieces that arrive by ``t_s``, in order, and when to ask again."""
        if t_s >= self._stall[1]:
            self._stall = self._after(t_s, self._faults.stall_s)
        if t_s >= self._unplug[1]:
            self._unplug = self._after(t_s, self._faults.unplug_s)
        pieces = []
        while self._waiting and self._waiting[0][0] <= t_s:
            pieces.append(self._waiting.pop(0)[1])
        if self.is_unplugged(t_s):
            self._waiting.clear()
        next_s = self._waiting[0][0] if self._waiting else math.inf
        return pieces, min(next_s, *(edge for edge in self._unplug if edge > t_s))

    def is_unplugged(self, t_s: float) -> bool:
        return self._unplug[0] <= t_s < self._unplug[1]

    def _spoiled(self, data: bytes) -> bytes:
        drop, flip = self._faults.drop, self._faults.flip
        if not drop and not flip:
            return data
        left = (byte for byte in data if self._random.random() >= drop)
        return bytes(
            byte ^ 1 << self._random.randrange(8) if self._random.random() < flip else byte
            for byte in left
        )

    def _next_noise(self, t_s: float) -> float:
        return t_s + self._random.uniform(5.0, 30.0)

    def _after(self, t_s: float, length_s: float, *, is_first: bool = False) -> tuple[float, float]:
        """The next interruption after ``t_s``; never, for one of no length."""
        if not length_s:
            return (math.inf, math.inf)
        low_s, high_s = (30.0, 90.0) if is_first else (60.0, 180.0)
        from_s = t_s + self._random.uniform(low_s, high_s)
        return (from_s, from_s + length_s)
