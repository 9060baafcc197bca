"""Where does a frame end, when a mark stands between it and the next?"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from devices.protocols.line import Garbled, cut_off

T = TypeVar("T")


class Pieces:
    """Cuts a stream at ``mark``, the same for any chunking; holds ``longest`` bytes at most.

    ``too_long`` is the reason for what exceeds that. ``offset`` is the index of the first byte not
    yet judged; while a piece is parsed, the one just past its mark.
    """

    def __init__(self, mark: bytes, longest: int, too_long: str) -> None:
        self._mark, self._longest, self._too_long = mark, longest, too_long
        self._tail = b""
        self.offset = 0

    def feed(self, data: bytes, parse: Callable[[bytes], T]) -> list[T | Garbled]:
        """What ``parse`` makes of the pieces that ``data`` completes, without the empty ones."""
        found: list[T | Garbled] = []
        *pieces, rest = (self._tail + data).split(self._mark)
        for piece in pieces:
            fits = self._cut(piece, found)
            self.offset += len(fits) + len(self._mark)
            if fits:
                found.append(parse(fits))
        self._tail = self._cut(rest, found)
        return found

    def end(self) -> list[Garbled]:
        """Nothing follows: give up the part of a frame that is held."""
        held, self._tail = self._tail, b""
        self.offset += len(held)
        return cut_off(held, self.offset)

    def _cut(self, piece: bytes, found: list[T | Garbled]) -> bytes:
        """Move what is too long for any frame to ``found``; return the rest of ``piece``."""
        while len(piece) > self._longest:
            self.offset += self._longest
            found.append(Garbled(piece[: self._longest], self._too_long, self.offset))
            piece = piece[self._longest :]
        return piece
