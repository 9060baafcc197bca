"""What does a captured line say, sent through the very link that runs in a clinic?

``SerialLink`` gets the recorded reads over a clock that gives the recorded times. Nothing of what
it would say to the monitor is sent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime

from clinical.links import ClockRead, Identified, LinkEvent, LinkState
from devices.link import Frame, SerialLink
from devices.registry import PROTOCOLS, ProtocolEntry
from storage.capture_bounds import Piece
from storage.capture_file import (
    Asked,
    Closed,
    Damaged,
    Entry,
    Missed,
    Opened,
    Received,
    Sent,
    Told,
    read,
)

Word = LinkEvent | Identified | ClockRead
Said = Frame | Word
AHEAD_MAX = 1000  # entries of one read


class NotCaptured(LookupError):
    """There are no bytes to replay; the message is for who asked."""


class _Silent:
    """A port to which everything may be said."""

    device = ""

    def read(self) -> bytes:
        return b""

    def write(self, _data: bytes, /) -> None: ...

    def close(self) -> None: ...


class _Stamps:
    """A clock that stands where the recorder stood."""

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self.at, self.at_s = datetime.min.replace(tzinfo=UTC), 0.0

    def set(self, at: datetime, at_s: float) -> None:
        self.at, self.at_s = at, at_s

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at_s


class LineReplay:
    """What a line said, read by read. ``notes`` gathers what is missing, ``differences`` where the
    replay and the capture differ (None: that stands among the notes).

    A read gives what it gave, and so do the silences between: where nothing was read, the link
    looked about itself many times a second, and only where it then said or told something is there
    an entry. At those times it looks again.
    """

    def __init__(
        self,
        entries: Iterable[Entry | Damaged],
        protocol: ProtocolEntry,
        *,
        ids: str,
        speed: float,
        notes: list[str],
        differences: list[str] | None = None,
    ) -> None:
        self._differences = notes if differences is None else differences
        self._entries = iter(entries)
        self._ahead: deque[Entry | Damaged] = deque()
        self._protocol, self._ids, self._notes = protocol, ids, notes
        self._clock = _Stamps(speed)
        self._decoder, self._talk = protocol.decoder(), protocol.talk()
        self._link: SerialLink | None = None
        self._told: LinkState | None = None
        self._awaited: Told | None = None
        self._out: list[Said] = []

    def __iter__(self) -> Iterator[Said]:
        while (entry := self._next()) is not None:
            self._live(entry)
            said, self._out = self._out, []
            yield from said

    def _next(self) -> Entry | Damaged | None:
        return self._ahead.popleft() if self._ahead else next(self._entries, None)

    def _live(self, entry: Entry | Damaged) -> None:
        match entry:
            case Opened():
                self._open(entry)
            case Received():
                self._clock.set(entry.at, entry.at_s)
                self._linked().turn(entry.data)
            case Sent() | Asked():
                is_of_turn = entry.at_s == self._clock.at_s
                if not is_of_turn and self._link is not None and not self._is_last_word():
                    self._clock.set(entry.at, entry.at_s)
                    self._link.turn(b"")
            case Told():
                self._tell_again(entry)
            case Closed():
                self._link = None
            case Missed():
                self._notes.append(f"{entry.at:%H:%M:%S} a hole of {entry.count}: {entry.reason}")
            case Damaged():
                self._notes.append(f"block {entry.number} is damaged: {entry.reason}")

    def _open(self, entry: Opened) -> None:
        self._clock.set(entry.at, entry.at_s)
        self._link = self._made()
        first = self._peek(lambda each: isinstance(each, Sent | Asked))
        if isinstance(first, Sent | Asked):
            self._clock.set(first.at, first.at_s)
        self._link.begin()

    def _made(self) -> SerialLink:
        return SerialLink(
            *(_Silent(), self._protocol, self._decoder, self._talk, self._clock),
            tell=self._tell,
            emit=self._out_with,
            ids=self._ids,
        )

    def _out_with(self, said: Said) -> None:
        self._out.append(said)

    def _linked(self) -> SerialLink:
        """The link of the open port; where the capture begins in the middle of one, a new one."""
        if self._link is None:
            self._link = self._made()
        return self._link

    def _peek(self, wanted: Callable[[Entry | Damaged], bool]) -> Entry | Damaged | None:
        """The next entry that is ``wanted``, before another is read, opened or closed."""
        for index in range(AHEAD_MAX):
            if index == len(self._ahead):
                more = next(self._entries, None)
                if more is None:
                    return None
                self._ahead.append(more)
            entry = self._ahead[index]
            if wanted(entry):
                return entry
            if not isinstance(entry, Sent | Asked | Told):
                return None
        return None

    def _is_last_word(self) -> bool:
        """Whether a goodbye was said: the port is closed next."""
        return self._peek(lambda each: isinstance(each, Closed)) is not None

    def _tell(self, state: LinkState, _detail: str) -> None:
        """What the link says of its state; the times and the words are the recorded ones."""
        if state is self._told:
            return
        told = self._awaited or self._peek(lambda each: isinstance(each, Told))
        if not isinstance(told, Told) or told.state is not state:
            if self._told is not None:
                recorded = told.state.value if isinstance(told, Told) else "nothing"
                self._differences.append(
                    f"{self._clock.at:%H:%M:%S.%f} the line was told {recorded}, replayed {state}"
                )
            self._told = state
            return
        if told is not self._awaited:
            self._ahead.remove(told)
        self._told = state
        self._out.append(LinkEvent(told.state, told.at, told.detail))

    def _tell_again(self, entry: Told) -> None:
        """What no read brought: a silence, a cable that was pulled."""
        if self._link is not None and entry.state is not LinkState.DISCONNECTED:
            self._awaited = entry
            self._clock.set(entry.at, entry.at_s)
            self._link.turn(b"")
            self._awaited = None
            if any(isinstance(said, LinkEvent) for said in self._out):
                return
            words = f"{entry.at:%H:%M:%S.%f} the line was told {entry.state}, replayed nothing"
            self._differences.append(words)
        self._told = entry.state
        self._out.append(LinkEvent(entry.state, entry.at, entry.detail))


def line_of(
    pieces: Sequence[Piece], notes: list[str], differences: list[str] | None = None
) -> LineReplay:
    """The line whose files ``pieces`` are, in their order. Raises NotCaptured where this Vigil does
    not know its monitor."""
    header = pieces[0].header
    if header.monitor not in PROTOCOLS:
        raise NotCaptured(f"this Vigil does not know the monitor {header.monitor}")
    return LineReplay(
        entries_of(pieces),
        PROTOCOLS[header.monitor],
        ids=header.ids,
        speed=header.speed,
        notes=notes,
        differences=differences,
    )


def entries_of(pieces: Iterable[Piece]) -> Iterator[Entry | Damaged]:
    for piece in pieces:
        yield from read(piece.file)
