"""What did every line bring, byte for byte? The flight recorder, and the files that it keeps.

Links and engine hand over what happens and go on at once; one thread writes it, once a second. The
monitoring never waits for this and never ends with it: what cannot be kept is counted, the hole is
marked in the file, and ``state`` says why.

A *capture* is all that one line brought in one run of Vigil, in files of an hour: its decoder lives
as long, and a replay begins where that began. Beside the lines of a chair stand the steps of its
rules: what the engine took from its inbox, in which order and at which time. Commands are not in
it, nor any patient's name: what people did is in the record.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event as Flag
from threading import Lock, Thread
from time import monotonic
from typing import BinaryIO, NamedTuple
from uuid import uuid4

from clinical.chair import ChairState
from clinical.clock import Clock
from clinical.links import LinkState
from clinical.monitor import Event
from storage.capture_bounds import PIECE_LASTS, Bounds, Known, beyond, pieces
from storage.capture_file import (
    SUFFIX,
    Asked,
    Blocks,
    Closed,
    Entry,
    Header,
    Missed,
    Opened,
    Received,
    Sent,
    Told,
    packed,
)
from storage.capture_steps import chair_of, step_of

log = logging.getLogger(__name__)

FOLDER = "captures"  # in the folder of the record
SETTING = "capture"  # of the clinic's settings
LINE, RULES = "line", "rules"

QUEUE_MAX = 20_000  # entries; nine lines that bring 50 a second leave a disk 40 s
WRITE_EVERY_S = 1.0
TRY_AGAIN_S = 10.0
TIDY_EVERY_S = 60.0
MINUTE = timedelta(minutes=1)  # how long a stream of a file lasts, and what a damaged byte costs
PIECE_BYTES = 64 << 20  # before compression
WAIT_AT_END_S = 5.0


@dataclass(frozen=True, slots=True)
class CaptureState:
    """Whether the bytes of the lines are kept; ``detail`` says why not. ``missed`` counts what
    could not be kept since the start. ``size`` (bytes) of all files and when the ``oldest`` of
    them began (aware UTC) are of a minute ago; they make no other state."""

    is_recording: bool = True
    detail: str = ""
    missed: int = 0
    size: int = field(default=0, compare=False)
    oldest: datetime | None = field(default=None, compare=False)


class _Step(NamedTuple):
    """A step of the rules, as the engine told it; ``state`` is from before it."""

    state: ChairState
    event: Event
    at: datetime


class _Of(NamedTuple):
    stream: _Stream
    what: Entry | _Step


class FlightRecorder:
    """Keeps what the lines bring in ``folder``. Starts its thread at once; ``close`` it.

    ``clock`` dates the files; the seconds between two writes are real ones, however fast it runs.
    ``on_state`` is called on the recorder's thread with every change of ``state`` but its count,
    and must return soon. ``bounds`` may be set at any time.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Clock,
        bounds: Bounds | None = None,
        on_state: Callable[[CaptureState], None] = lambda _state: None,
        queue_max: int = QUEUE_MAX,
        write_every_s: float = WRITE_EVERY_S,
        try_again_s: float = TRY_AGAIN_S,
    ) -> None:
        self.folder = folder
        self.bounds = bounds or Bounds()
        self.run = uuid4().hex[:8]
        self._clock = clock
        self._on_state = on_state
        self._queue_max = queue_max
        self._write_every_s, self._try_again_s = write_every_s, try_again_s
        self._queue: SimpleQueue[_Of] = SimpleQueue()
        self._streams: dict[_Stream, None] = {}  # with a file open, or something to write
        self._missed = 0  # by those that are let go of
        self._lock = Lock()  # of the two above
        self._rules: dict[int, _Stream] = {}
        self._version = version("vigil")
        self._open_since: dict[int, datetime] = {}  # by chair, its open session
        self._told = CaptureState()
        self._tidied_s = float("-inf")
        self._kept: tuple[int, datetime | None] = 0, None  # size and oldest of the state
        self._known: Known = {}
        self._stop = Flag()
        self._thread = Thread(target=self._run, name="flight-recorder", daemon=True)
        self._thread.start()

    @property
    def state(self) -> CaptureState:
        with self._lock:
            missed = self._missed + sum(stream.missed for stream in self._streams)
        size, oldest = self._kept
        return replace(self._told, missed=missed, size=size, oldest=oldest)

    def tap(self, chair: int, monitor: str, port: str, ids: str) -> _LineTap:
        """What a line's Supervisor is given. ``ids`` goes before its measurement ids."""
        header = self._header(LINE, chair, monitor, port, ids)
        return _LineTap(self._put, _Stream(self.folder, header))

    def stepped(self, state: ChairState, event: Event, now: datetime) -> None:
        """The engine is about to step ``state`` with ``event``; on the engine's thread."""
        stream = self._rules.get(state.chair)
        if stream is None:
            header = self._header(RULES, state.chair, "", "", f"{self.run}-{state.chair}")
            stream = self._rules[state.chair] = _Stream(self.folder, header)
        self._put(stream, _Step(state, event, now))

    def close(self) -> None:
        """Write what waits and end the thread; harmless when repeated."""
        self._stop.set()
        self._thread.join(WAIT_AT_END_S)
        if self._thread.is_alive():
            log.warning("the flight recorder is still busy %g s after its end", WAIT_AT_END_S)

    def _header(self, stream: str, chair: int, monitor: str, port: str, ids: str) -> Header:
        started, speed = self._clock.now().isoformat(), self._clock.speed
        of = (chair, monitor, port, ids)
        return Header(stream, self.run, *of, speed, 0, started, self._version)

    def _awake(self, stream: _Stream) -> None:
        with self._lock:
            self._streams[stream] = None

    def _put(self, stream: _Stream, what: Entry | _Step) -> None:
        """On a link's thread or the engine's: never waits, never raises."""
        if self._stop.is_set():
            return
        if self._queue.qsize() >= self._queue_max:
            stream.overflow += 1
            self._awake(stream)
            return
        if stream.overflow:
            # What nobody could take comes before what somebody takes: each stream has one source.
            count, stream.overflow = stream.overflow, 0
            at_s = getattr(what, "at_s", 0.0)
            self._queue.put(_Of(stream, Missed(count, BUSY, what.at, at_s)))
        self._queue.put(_Of(stream, what))

    # --- the recorder's own thread ----------------------------------------------------------------

    def _run(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._stop.wait(self._write_every_s)
            try:
                self._turn(is_last)
            except Exception:  # whatever it was: the lines go on, and so does this
                log.exception("a fault in the flight recorder")

    def _turn(self, is_last: bool) -> None:
        self._drain()
        with self._lock:
            streams = list(self._streams)
        why_not = [self._tidy(), *[self._written(stream, is_last) for stream in streams]]
        with self._lock:
            for stream in [each for each in self._streams if each.is_idle]:
                del self._streams[stream]
                self._missed, stream.missed = self._missed + stream.missed, 0
        detail = next((why for why in why_not if why), "")
        self._tell(CaptureState(False, detail) if detail else CaptureState())

    def _written(self, stream: _Stream, is_last: bool) -> str:
        """Write what waits in ``stream``; "", or why it cannot be kept. The others go on."""
        now_s = monotonic()
        if now_s - stream.failed_s < self._try_again_s and not is_last:
            stream.drop(stream.why_not)
            return stream.why_not
        try:
            now = self._clock.now()
            if is_last:
                stream.note_overflow(now)
            stream.write(now)
            if is_last:
                stream.end()
        except OSError as error:
            why_not = error.strerror or str(error)
        except Exception:
            log.exception("a fault in the flight recorder")
            why_not = FAULT
        else:
            stream.why_not, stream.failed_s = "", float("-inf")
            return ""
        stream.why_not, stream.failed_s = why_not, now_s
        stream.give_up()
        stream.drop(why_not)
        return why_not

    def _drain(self) -> None:
        """Hand every stream what came for it."""
        for _ in range(self._queue.qsize()):  # what comes meanwhile is of the next turn
            try:
                stream, what = self._queue.get_nowait()
            except Empty:
                break
            self._awake(stream)
            try:
                self._take(stream, what)
            except Exception as error:  # of one entry: those after it are kept
                reason = f"{UNPACKED}: {type(error).__name__}"
                stream.add(Missed(1, reason, self._clock.now(), 0.0), None)

    def _take(self, stream: _Stream, what: Entry | _Step) -> None:
        """Raises whatever it is where ``what`` cannot be packed."""
        if not isinstance(what, _Step):
            stream.add(what, None)
            return
        session, chair = what.state.session, what.state.chair
        if session is None:
            self._open_since.pop(chair, None)
        else:
            self._open_since[chair] = session.opened.at
        stream.add(step_of(what.event, what.at), what.state)

    def _tell(self, state: CaptureState) -> None:
        if state == self._told:
            return
        self._told = state
        if state.is_recording:
            log.info("the bytes of the lines are kept again")
        else:
            log.error("the bytes of the lines are not kept: %s", state.detail)
        try:
            self._on_state(state)
        except Exception:  # somebody else's code
            log.exception("a listener of the flight recorder failed")

    def _tidy(self) -> str:
        """Delete what is beyond the bounds, now and then; "", or why that cannot be."""
        if monotonic() - self._tidied_s < TIDY_EVERY_S:
            return ""
        self._tidied_s = monotonic()
        try:
            self._keep_bounds()
        except OSError as error:
            return error.strerror or str(error)
        except Exception:
            log.exception("a fault in the flight recorder")
        return ""

    def _keep_bounds(self) -> None:
        """Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._lock:
            busy = {stream.file for stream in self._streams if stream.file is not None}
        here, busy_bytes = pieces(self.folder, self._known), sum(map(_size, busy))
        kept, now = [each for each in here if each.file not in busy], self._clock.now()
        gone = list(beyond(kept, self._open_since, self.bounds, now, busy_bytes))
        for piece in gone:
            piece.file.unlink(missing_ok=True)
            self._known.pop(piece.file, None)
            log.info("the flight recorder let go of %s", piece.file.name)
        left = [each for each in here if each not in gone]
        begun = [each.header.started_at for each in left]
        self._kept = sum(each.size for each in left), min(begun, default=None)


BUSY = "the flight recorder could not keep up"
FAULT = "a fault in the flight recorder, see the log"
UNPACKED = "it cannot be packed"


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


class _LineTap:
    """A devices.tap.Tap."""

    def __init__(self, put: Callable[[_Stream, Entry], None], stream: _Stream) -> None:
        self._put, self._stream = put, stream

    def opened(self, device: str, at: datetime, at_s: float, /) -> None:
        self._put(self._stream, Opened(device, at, at_s))

    def received(self, data: bytes, at: datetime, at_s: float, /) -> None:
        self._put(self._stream, Received(bytes(data), at, at_s))

    def sent(self, data: bytes, at: datetime, at_s: float, /) -> None:
        self._put(self._stream, Sent(bytes(data), at, at_s))

    def told(self, state: LinkState, detail: str, at: datetime, at_s: float, /) -> None:
        self._put(self._stream, Told(state, detail, at, at_s))

    def asked(self, interval_s: float, at: datetime, at_s: float, /) -> None:
        self._put(self._stream, Asked(interval_s, at, at_s))

    def closed(self, reason: str, at: datetime, at_s: float, /) -> None:
        self._put(self._stream, Closed(reason, at, at_s))


class _Waiting(NamedTuple):
    """An entry as it goes into the file; ``lost`` is not 0 where it is a hole."""

    data: bytes
    at: datetime
    at_s: float
    state: ChairState | None
    lost: int


class _Stream:
    """The files of one line, or of one chair's steps. ``overflow`` is of whoever puts into it, all
    else of the recorder's thread."""

    def __init__(self, folder: Path, header: Header) -> None:
        self.overflow = 0
        self.missed = 0
        self.why_not = ""  # it could not be written when it was last tried, at ``failed_s``
        self.failed_s = float("-inf")  # monotonic
        self.file: Path | None = None
        self._folder, self._header = folder, header
        self._out: BinaryIO | None = None
        self._blocks: Blocks | None = None
        self._waiting: list[_Waiting] = []
        self._hole: Missed | None = None  # to be marked before what comes next
        self._since: datetime | None = None  # of the file
        self._minute: datetime | None = None
        self._bytes = 0

    def add(self, entry: Entry, state: ChairState | None) -> None:
        """Raises whatever it is where ``entry`` cannot be packed."""
        data, at_s = packed(entry), getattr(entry, "at_s", 0.0)
        lost = 0
        if isinstance(entry, Missed):
            lost = entry.count
            self.missed += lost
            log.warning("%d entries of a capture are lost: %s", entry.count, entry.reason)
        self._waiting.append(_Waiting(data, entry.at, at_s, state, lost))

    @property
    def is_idle(self) -> bool:
        """Whether nothing is to be done until the next entry."""
        return self.file is None and not self._waiting and not self.overflow and not self.why_not

    def note_overflow(self, now: datetime) -> None:
        """At the end: nothing comes any more that would tell of it."""
        if self.overflow:
            self.add(Missed(self.overflow, BUSY, now, 0.0), None)
            self.overflow = 0

    def drop(self, reason: str) -> None:
        """What waits cannot be kept."""
        if not self._waiting:
            return
        last = self._waiting[-1]
        self.missed += sum(not each.lost for each in self._waiting)
        before = self._hole.count if self._hole is not None else 0
        lost = sum(each.lost or 1 for each in self._waiting)
        self._hole = Missed(before + lost, reason, last.at, last.at_s)
        self._waiting.clear()

    def write(self, now: datetime) -> None:
        """Raises OSError; then nothing of what waits counts as written."""
        at = self._waiting[0].at if self._waiting else now
        if self._is_full(at):
            self.end()
        if not self._waiting:
            return
        before: list[Entry] = [] if self._hole is None else [self._hole]
        if self._out is None or self._blocks is None:
            self._out, self._blocks = self._begin(at)
            states = (each.state for each in self._waiting if each.state is not None)
            if (state := next(states, None)) is not None:
                before.append(chair_of(state, at))
        data = b"".join([*map(packed, before), *[each.data for each in self._waiting]])
        is_new_minute = self._minute is None or not timedelta(0) <= at - self._minute < MINUTE
        _write(self._out, self._blocks.block(data, is_new_minute=is_new_minute))
        if is_new_minute:
            self._minute = at
        self._bytes += len(data)
        self._hole = None
        self._waiting.clear()

    def _is_full(self, at: datetime) -> bool:
        if self._since is None:
            return False
        is_of_now = timedelta(0) <= at - self._since < PIECE_LASTS  # a clock may be put back
        return not is_of_now or self._bytes >= PIECE_BYTES

    def _begin(self, at: datetime) -> tuple[BinaryIO, Blocks]:
        self._header = replace(self._header, piece=self._header.piece + 1, started=at.isoformat())
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = self._folder / _name(self._header)
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
        # Unbuffered: what is written outlives a kill of this program.
        out = os.fdopen(os.open(file, flags, 0o600), "wb", buffering=0)
        self.file, self._out = file, out  # from here on ``give_up`` knows of it
        self._since, self._minute, self._bytes = at, None, 0
        blocks = Blocks(self._header)
        _write(out, blocks.begin)
        return out, blocks

    def end(self) -> None:
        """The file is whole; the next entry begins another. Raises OSError."""
        out, self._out = self._out, None
        self.file = self._blocks = self._since = None
        if out is not None:
            with out:
                os.fsync(out.fileno())

    def give_up(self) -> None:
        """The disk fails: what was written stays, and a file without anything goes."""
        out, file = self._out, self.file
        self.file = self._out = self._blocks = self._since = None
        with suppress(OSError):
            if out is not None:
                out.close()
        with suppress(OSError):
            if file is not None and self._bytes == 0:
                file.unlink()


def _write(out: BinaryIO, data: bytes) -> None:
    """All of ``data``: an unbuffered file may take a part, on a disk that is nearly full. Raises
    OSError."""
    left = memoryview(data)
    while left:
        size = out.write(left)
        if not size:
            raise OSError(errno.EIO, "nothing more could be written")
        left = left[size:]


def _name(header: Header) -> str:
    """Sorted by time; no patient, and nothing that a file system does not like."""
    what = header.monitor or RULES
    started = f"{header.started_at:%Y%m%dT%H%M%SZ}"
    ids = "".join(each if each.isalnum() else "-" for each in header.ids)
    return f"{started}_chair-{header.chair}_{what}_{ids}_{header.piece:04d}{SUFFIX}"
