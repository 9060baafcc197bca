"""Where does a printed line end, and which moment does it name? For monitors that print text.

A line ends with LF or CR LF, or with a CR that no LF follows; so LF CR is one end and an empty
line, which is no line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

END = re.compile(rb"\r\n|\n|\r(?=.)", re.DOTALL)
CENTURY_TURNS = 69  # two-digit years from here on are 19xx (POSIX, strptime)


@dataclass(frozen=True, slots=True)
class Line:
    """What stood before an end of line; ``offset`` is just past that end.

    ``is_whole`` is False for every part of a line that was too long to be one, and for what the
    end of the stream left of a line.
    """

    text: bytes
    offset: int
    is_whole: bool


class Lines:
    """Cuts a stream into lines, the same for any chunking; holds ``longest`` bytes at most.

    A CR at the end of what has come is held back: only the next byte tells whether an LF follows.
    A line that ends with CR alone is therefore known when the next one begins.
    """

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._tail = b""
        self._offset = 0  # of the tail's first byte
        self._is_cut = False  # the tail is the rest of a line that was too long

    def feed(self, data: bytes) -> list[Line]:
        """Return the lines that ``data`` completes, without the empty ones; keep the rest."""
        found: list[Line] = []
        text, start = self._tail + data, 0
        for end in END.finditer(text):
            last = self._cut(text[start : end.start()], found)
            self._offset += len(last) + len(end[0])
            if last:
                found.append(Line(last, self._offset, is_whole=not self._is_cut))
            start, self._is_cut = end.end(), False
        rest = text[start:]
        held = rest[-1:] if rest.endswith(b"\r") else b""
        self._tail = self._cut(rest.removesuffix(held), found) + held
        return found

    def end(self) -> list[Line]:
        """Nothing follows: return what is held. A CR at its end is the end of a line."""
        text = self._tail.removesuffix(b"\r")
        is_whole = text != self._tail and not self._is_cut
        self._offset += len(self._tail)
        self._tail, self._is_cut = b"", False
        return [Line(text, self._offset, is_whole)] if text else []

    def _cut(self, text: bytes, found: list[Line]) -> bytes:
        """Move what is too long for a line to ``found``; return the rest of ``text``."""
        while len(text) > self._longest:
            self._offset += self._longest
            self._is_cut = True
            found.append(Line(text[: self._longest], self._offset, is_whole=False))
            text = text[self._longest :]
        return text


def moment(year: int, month: int, day: int, hour: int, minute: int, second: int) -> datetime | None:
    """The monitor's own clock, from a year of two digits; None where no such moment exists."""
    full_year = year + (1900 if year >= CENTURY_TURNS else 2000)
    try:
        return datetime(full_year, month, day, hour, minute, second)  # noqa: DTZ001 - it names none
    except ValueError:
        return None
