"""Which captures are there, and which of them are to go?"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from storage.capture_file import SUFFIX, Header, NoCapture, header_of

log = logging.getLogger(__name__)

PIECE_LASTS = timedelta(hours=1)
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is kept: whichever is reached first. The newest file of a line is never deleted."""

    days: float = 30
    mib: float = 2048

    @classmethod
    def of(cls, setting: object) -> Bounds:
        """As the clinic set them. Raises ValueError, saying what was expected."""
        expected = f'expected {{"days": 1 to 3650, "mib": 16 to 1048576}}, got {setting!r}'
        if not isinstance(setting, Mapping) or not setting.keys() <= {"days", "mib"}:
            raise ValueError(expected)
        usual = cls()
        days, mib = setting.get("days", usual.days), setting.get("mib", usual.mib)
        for value, low, high in ((days, 1, 3650), (mib, 16, 1_048_576)):
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not is_number or not low <= value <= high:
                raise ValueError(expected)
        return cls(days, mib)


@dataclass(frozen=True, slots=True)
class Piece:
    """One file, by its header; ``size`` in bytes."""

    file: Path
    header: Header
    size: int


Known = dict[Path, Header | None]  # None: it cannot be read


def pieces(folder: Path, known: Known | None = None) -> list[Piece]:
    """The files in ``folder`` that can be read at all, the oldest first.

    ``known`` keeps their headers from one call to the next: a month of a clinic is thousands.
    """
    headers: Known = {} if known is None else known
    here, found = set(folder.glob(f"*{SUFFIX}")), []
    for file in headers.keys() - here:
        del headers[file]
    for file in here:
        try:
            if file not in headers:
                headers[file] = _header(file)
            header = headers[file]
            if header is not None:
                found.append(Piece(file, header, file.stat().st_size))
        except OSError as error:  # it was deleted meanwhile
            log.warning("%s: %s", file.name, error)
    found.sort(key=_place)
    return found


def _header(file: Path) -> Header | None:
    try:
        return header_of(file)
    except NoCapture as error:
        log.warning("%s", error)
        return None


def _place(piece: Piece) -> tuple[Any, ...]:
    header = piece.header
    return header.started_at, header.chair, header.stream, header.ids, header.piece


def beyond(
    kept: list[Piece],
    open_since: Mapping[int, datetime],
    bounds: Bounds,
    now: datetime,
    busy_bytes: int = 0,
) -> Iterator[Piece]:
    """Which of ``kept``, the oldest first, are to go. ``busy_bytes`` are those being written.

    What may be of a session that is still open (``open_since``, by chair) goes only when all the
    others have. What is dated later than ``now`` is not old: the clock was put back.
    """

    def is_of_open(piece: Piece) -> bool:
        since = open_since.get(piece.header.chair)
        return since is not None and piece.header.started_at + PIECE_LASTS >= since

    left = busy_bytes + sum(piece.size for piece in kept)
    most = bounds.mib * MIB
    for piece in sorted(kept, key=is_of_open):  # stable: the oldest first within both
        is_old = now - piece.header.started_at > timedelta(days=bounds.days)
        if left > most or (is_old and not is_of_open(piece)):
            left -= piece.size
            yield piece
