"""What do all protocols share? How a line is set, and what is said of bytes that make no sense."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class LineSettings:
    """How a monitor's serial line is set, and how often it speaks.

    ``interval_s`` is the time between two records where all is well (for a monitor that is asked,
    what ``Talk`` asks for first); ``quiet_after_s`` the shortest silence that counts as one.
    """

    baud: int
    interval_s: float
    quiet_after_s: float = 5.0
    parity: Literal["N", "E", "O"] = "N"
    data_bits: Literal[7, 8] = 8
    stop_bits: Literal[1, 2] = 1
    rtscts: bool = False

    def __str__(self) -> str:
        """As manuals print it: ``19200 baud, 8E1, RTS/CTS``."""
        flow = ", RTS/CTS" if self.rtscts else ""
        return f"{self.baud} baud, {self.data_bits}{self.parity}{self.stop_bits}{flow}"


@dataclass(frozen=True, slots=True)
class Garbled:
    """Bytes that are no valid frame. Never a number.

    ``offset`` is the index just past the last of them, counted from the start of the stream (the
    end mark of the piece, where it has one, included).
    """

    raw: bytes
    reason: str
    offset: int


def cut_off(held: bytes, offset: int) -> list[Garbled]:
    """What the end of a stream makes of the bytes that a decoder still held; none: nothing."""
    return [Garbled(held, "cut off by the end of the stream", offset)] if held else []
