"""What does ``vigil capture`` print of what the flight recorder kept?

The JSON is a contract: keys are added, never renamed. Times are ISO 8601 in UTC.

list: ``file``, ``stream`` (line or rules), ``chair``, ``monitor``, ``port``, ``ids``, ``run``,
``piece``, ``started``, ``ended`` (null: nothing can be read), ``bytes``, ``version`` (of the Vigil
that wrote it; "" in the first files).

replay of files: one object an observation, as ``vigil decode`` has it but for ``offset``, with
``at`` (when it was read off the line), ``observed_at`` and ``chair``.

replay of a session: ``session``, ``is_identical``, ``observations`` and ``alarm_events`` (of the
record), ``compared_observations``, ``compared_alarm_events``, ``differences``, ``not_compared``,
``notes``, ``recorded_by`` (versions of Vigil), ``replayed_by``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from struct import Struct
from typing import Any

from sqlalchemy.exc import DBAPIError

from clinical.vitals import unit_of
from dashboard.alarm_log import RECORD
from dashboard.clock import SteadyClock
from dashboard.line_replay import entries_of, line_of
from dashboard.presets import Shelf
from dashboard.replay import Verdict, replay_session
from devices.link import Frame
from storage.capture_bounds import Piece, pieces
from storage.capture_file import NoCapture, Received, ended_at, header_of
from storage.captures import FOLDER, LINE
from storage.database import open_database
from storage.sessions import find_session, opened_of

# Before the bytes of a read: the second at which they came, and how many they are; as the
# simulators' own --stamps have it.
STAMP = Struct("<dI")


class Unclear(ValueError):
    """What was asked for is not to be found, or is more than one; the message is for who asked."""


def listed(folder: Path) -> list[dict[str, Any]]:
    """Every file in ``folder``, the oldest first."""
    return [_plain(piece) for piece in pieces(folder)]


def _plain(piece: Piece) -> dict[str, Any]:
    header, ended = piece.header, ended_at(piece.file)
    return {
        "file": str(piece.file),
        "stream": header.stream,
        "chair": header.chair,
        "monitor": header.monitor,
        "port": header.port,
        "ids": header.ids,
        "run": header.run,
        "piece": header.piece,
        "started": header.started_at.astimezone(UTC).isoformat(),
        "ended": ended and ended.isoformat(),
        "bytes": piece.size,
        "version": header.version,
    }


def list_as_text(rows: Sequence[dict[str, Any]]) -> str:
    if not rows:
        return "nothing is kept"
    lines = [
        f"{_time(row['started'])} to {_time(row['ended'])}  chair {row['chair']:<3} "
        f"{row['monitor'] or 'steps of the rules':<20} {row['bytes'] / 1024:8.0f} KiB  "
        f"{row['file']}"
        for row in rows
    ]
    total = sum(row["bytes"] for row in rows) / (1 << 20)
    return "\n".join([*lines, f"{len(rows)} files, {total:.1f} MiB"])


def _time(iso: str | None) -> str:
    return f"{datetime.fromisoformat(iso):%Y-%m-%d %H:%M:%S}" if iso else "?" * 19


def time_of(text: str) -> datetime | None:
    """A time of an option, aware; None for "". Raises Unclear."""
    try:
        return datetime.fromisoformat(text).astimezone() if text else None
    except ValueError as error:
        raise Unclear(f"expected a time such as 2026-03-14T09:00, got {text!r}") from error


def refuse_source(pieces: Iterable[Piece], out: str) -> None:
    """Raise Unclear where ``out`` is one of ``pieces``, which would be emptied unread, or any other
    capture."""
    target = Path(out)
    if out == "-" or not target.exists():
        return
    if any(target.samefile(each.file) for each in pieces):
        raise Unclear(f"expected another file than the capture itself, got {out}")
    if target.is_file():
        with suppress(NoCapture):
            header_of(target)
            raise Unclear(f"expected a file that is no capture, got {out}")


def named(files: Iterable[Path]) -> list[Piece]:
    """The captures of lines that ``files`` are. Raises Unclear."""
    found = []
    for file in files:
        try:
            piece = Piece(file, header_of(file), file.stat().st_size)
        except (NoCapture, OSError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise Unclear(f"cannot read {file}: {why}") from error
        if piece.header.stream != LINE:
            raise Unclear(f"{file} holds the steps of the rules: expected the bytes of a line")
        found.append(piece)
    return found


def of_chair(folder: Path, chair: int, monitor: str) -> list[Piece]:
    """The files of one monitor of a chair, the oldest first. Raises Unclear."""
    found = [
        piece
        for piece in pieces(folder)
        if piece.header.stream == LINE and piece.header.chair == chair
    ]
    names = sorted({piece.header.monitor for piece in found})
    if not found:
        raise Unclear(f"nothing is kept of chair {chair}")
    if monitor and monitor not in names:
        raise Unclear(f"expected a monitor of chair {chair}, {' or '.join(names)}, got {monitor}")
    if not monitor and len(names) > 1:
        raise Unclear(f"chair {chair} has several: choose with --monitor {' or '.join(names)}")
    return [piece for piece in found if piece.header.monitor == (monitor or names[0])]


def exported(
    kept: Sequence[Piece], since: datetime | None, until: datetime | None, *, stamps: bool
) -> Iterator[bytes]:
    """What came between ``since`` and ``until`` (aware; None: all), read by read, for ``vigil
    decode``; with ``stamps`` each after its STAMP, seconds from the first of them."""
    first: datetime | None = None
    for entry in entries_of(kept):
        if not isinstance(entry, Received):
            continue
        if (since and entry.at < since) or (until and entry.at >= until):
            continue
        first = first or entry.at
        stamp = STAMP.pack((entry.at - first).total_seconds(), len(entry.data)) if stamps else b""
        yield stamp + entry.data


def observed(kept: Sequence[Piece], notes: list[str]) -> Iterator[dict[str, Any]]:
    """What the lines in ``kept`` said, each replayed from the first of its files that is given.

    ``notes`` gathers what was missing. Raises NotCaptured.
    """
    streams: dict[str, list[Piece]] = {}
    for piece in kept:
        streams.setdefault(piece.header.ids, []).append(piece)
    for stream in streams.values():
        stream.sort(key=lambda piece: piece.header.piece)
        chair = stream[0].header.chair
        for said in line_of(stream, notes):
            if isinstance(said, Frame):
                yield from _observations(said, chair)


def judged(folder: Path, session: str) -> Verdict:
    """Whether the session of the record in ``folder`` comes of its bytes once more.

    Raises Unclear, and NotCaptured.
    """
    database = open_database(f"sqlite:///{folder / RECORD}")
    try:
        shelf = Shelf(database, SteadyClock())
        shelf.load()
        with database.reading() as db:
            row = find_session(db, session)
            if row is None:
                raise Unclear(f"there is no session {session} in this record")
            kept = pieces(folder / FOLDER)
            return replay_session(db, kept, opened_of(row), shelf.presets())
    except DBAPIError as error:
        raise Unclear(f"the record in {folder} cannot be read: {error.orig}") from error
    finally:
        database.close()


def _observations(frame: Frame, chair: int) -> Iterator[dict[str, Any]]:
    for seen in frame.observations:
        yield {
            "metric": seen.metric.value,
            "value": seen.value,
            "unit": unit_of(seen.metric).value,
            "quality": seen.quality.value,
            "source": seen.source.value if seen.source else None,
            "device_time": seen.device_time.isoformat() if seen.device_time else None,
            "measurement_id": seen.measurement_id,
            "observed_at": seen.observed_at.isoformat(),
            "at": frame.received_at.isoformat(),
            "chair": chair,
        }


def verdict_as_json(verdict: Verdict) -> dict[str, Any]:
    plain = asdict(verdict) | {"session": str(verdict.session)}
    return {**plain, "is_identical": verdict.is_identical, "replayed_by": version("vigil")}


def verdict_as_text(verdict: Verdict) -> str:
    if verdict.is_identical:
        counted = f"{verdict.observations} observations, {verdict.alarm_events} alarm events"
        return "\n".join([f"identical: {counted}", *_noted(verdict)])
    compared = (
        f"{verdict.compared_observations} of {verdict.observations} observations and "
        f"{verdict.compared_alarm_events} of {verdict.alarm_events} alarm events are compared"
    )
    by = ", ".join(verdict.recorded_by)
    return "\n".join(
        [
            f"{'different' if verdict.differences else 'not all captured'}: {compared}",
            f"recorded by Vigil {by}, replayed by {version('vigil')}",
            *verdict.differences,
            *[f"not compared: {each}" for each in verdict.not_compared],
            *_noted(verdict),
        ]
    )


def _noted(verdict: Verdict) -> list[str]:
    return [f"note: {note}" for note in verdict.notes]
