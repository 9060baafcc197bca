"""Do the bytes of a line, through the same decoder, link and rules, give the same record again?

The recorded reads go through the very ``SerialLink`` that runs in a clinic, over a clock that gives
the recorded times. What it says goes to ``SessionMonitor.step`` in the order and at the times at
which the engine stepped; what people did comes from the record. All that comes of it is written
into a record of its own, by the same functions, and held against the first one row by row.
"""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinical.catalog.presets import Presets
from clinical.chair import NOT_RUNNING, ChairState, fold, resumed
from clinical.commands import Command
from clinical.identity import Identity
from clinical.links import ClockRead, CuffOrder, Identified, LinkEvent, LinkState
from clinical.monitor import Committed, Event, Observed, Overrun, SessionMonitor, Tick
from clinical.ports import CommitResult, RecorderState
from clinical.recognition import Arranged
from clinical.record import (
    BY_DATA,
    AlarmCalled,
    AlarmChange,
    AlarmEvent,
    AlarmSwitched,
    AudioChanged,
    CuffOrdered,
    Fact,
    Gap,
    LinkChanged,
    MonitorHeard,
    PhaseChanged,
    Reading,
    Remarked,
    SessionOpened,
    Vitals,
)
from clinical.sign_off import Actor, Role
from devices.link import Frame, SerialLink
from devices.registry import PROTOCOLS, ProtocolEntry
from storage import facts as stored
from storage.capture_file import (
    Asked,
    Chair,
    Closed,
    Damaged,
    Entry,
    Missed,
    Opened,
    Received,
    Sent,
    Stepped,
    Told,
    read,
)
from storage.captures import (
    AT_ONCE,
    LINE,
    ON_DISK,
    RULES,
    Piece,
    monitors_of,
    session_in,
    state_of,
)
from storage.database import migrate, open_database
from storage.models import READING, READING_BESIDE, VITAL, VITAL_BESIDE
from storage.observations import entered, t_ms

Word = LinkEvent | Identified | ClockRead
Said = Frame | Word
NOBODY = UUID(int=0)
AGAIN = Actor("", "", Role.NURSE)  # does again what the record says was done
TABLES = (VITAL, VITAL_BESIDE, READING, READING_BESIDE)
NO_NUMBERS = ("quality", "hr_source", "rr_source", "device_ms", "monitor")  # of a row of vitals
SHOWN_MAX = 20  # differences of one kind


class NotCaptured(LookupError):
    """There are no bytes to replay; the message is for who asked."""


# --- one line -----------------------------------------------------------------------------------


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
    """What a line said, read by read. ``notes`` gathers where the replay and the capture differ,
    and what is missing.

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
    ) -> None:
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
        for index in range(1000):
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
                self._notes.append(
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
            self._notes.append(words)
        self._told = entry.state
        self._out.append(LinkEvent(entry.state, entry.at, entry.detail))


def line_of(pieces: Sequence[Piece], notes: list[str]) -> LineReplay:
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
    )


def entries_of(pieces: Iterable[Piece]) -> Iterator[Entry | Damaged]:
    for piece in pieces:
        yield from read(piece.file)


# --- a session ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a session's replay. ``observations`` and ``alarm_events`` count the record's.

    ``differences`` are between the record and the replay; ``notes`` what was missing or damaged.
    """

    session: UUID
    observations: int
    alarm_events: int
    differences: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def is_identical(self) -> bool:
        return not self.differences


class _Events:
    """What one line says, to be taken when the engine took it."""

    def __init__(self, said: Iterable[Said]) -> None:
        self._said = iter(said)
        self._next: Said | None = None

    def frame(self, at: datetime) -> Frame | None:
        """The frame that arrived at ``at``; what comes before it, the engine never took."""
        while (said := self._peeked()) is not None:
            if isinstance(said, Frame) and said.received_at > at:
                return None
            self._next = None
            if isinstance(said, Frame) and said.received_at == at:
                return said
        return None

    def told(self, kind: type[Word], at: datetime) -> Word | None:
        """What the line told next, where that is of ``kind`` and ``at``: what is told twice, of a
        line that ran on while its chair was rearranged, is in the steps alone."""
        said = self._peeked()
        if isinstance(said, Frame) or not isinstance(said, kind) or said.at != at:
            return None
        self._next = None
        return said

    def _peeked(self) -> Said | None:
        if self._next is None:
            self._next = next(self._said, None)
        return self._next


def replay_session(
    db: Session,
    pieces: Sequence[Piece],
    opened: SessionOpened,
    presets: Presets,
) -> Verdict:
    """Replay a session of the record ``db`` from the captures of its chair among ``pieces``.

    Raises NotCaptured.
    """
    chair = [piece for piece in pieces if piece.header.chair == opened.chair]
    facts = stored.facts_of(db, session=opened.session)
    left = [f.at for f in facts if isinstance(f, PhaseChanged) and not f.phase.is_in_chair]
    runs = _runs(chair, opened.at, left[0] if left else None)
    with tempfile.TemporaryDirectory(prefix="vigil-replay-") as folder:
        url = f"sqlite:///{Path(folder) / 'again.sqlite'}"
        migrate(url)
        again = open_database(url)
        try:
            people = _People(facts, entered(db, session=opened.session))
            replay = _SessionReplay(opened, people, presets, again)
            for run in runs:
                replay.run(run)
                if replay.is_over:
                    break
            replay.write()
            until = None if replay.is_over and left else replay.last_at
            with again.reading() as other:
                return _held_against(db, other, opened.session, until, replay.notes)
        finally:
            again.close()


def _runs(chair: Sequence[Piece], since: datetime, until: datetime | None) -> list[list[Piece]]:
    """The files of each run of Vigil that watched the session, the first run first."""
    by_run: dict[str, list[Piece]] = {}
    for piece in chair:
        by_run.setdefault(piece.header.run, []).append(piece)
    with_rules = [
        run for run in by_run.values() if any(piece.header.stream == RULES for piece in run)
    ]
    starts = [min(piece.header.started_at for piece in run) for run in with_rules]
    found = [
        run
        for number, run in enumerate(with_rules)
        if (until is None or starts[number] <= until)
        and (number + 1 == len(with_rules) or starts[number + 1] > since)
    ]
    if not found:
        raise NotCaptured("nothing of this session was captured, or it has been let go of")
    return found


class _People:
    """What people did in a session, by the time at which the rules took it in."""

    def __init__(self, facts: Sequence[Fact], readings: Sequence[Reading]) -> None:
        self.gaps = deque(
            fact for fact in facts if isinstance(fact, Gap) and fact.reason == NOT_RUNNING
        )
        ends = {
            fact.at
            for fact in facts
            if isinstance(fact, PhaseChanged) and not fact.phase.is_in_chair
        }
        self._by_time: dict[datetime, list[Fact]] = {}
        for fact in facts:
            if _is_by_people(fact, ends):
                self._by_time.setdefault(_time_of(fact), []).append(fact)
        self._entered: dict[int, list[Reading]] = {}
        for reading in readings:
            if reading.entry is not None:
                self._entered.setdefault(t_ms(reading.entry.at), []).append(reading)

    def did(self, at: datetime) -> tuple[Fact, ...]:
        entered = [_as_entered(reading, at) for reading in self._entered.get(t_ms(at), ())]
        return (*self._by_time.get(at, ()), *entered)


def _time_of(fact: Any) -> datetime:
    at: datetime = fact.at
    return at


def _as_entered(reading: Reading, now: datetime) -> Reading:
    """As the rules got it: the record keeps whole milliseconds."""
    seen = reading.observation
    if t_ms(seen.observed_at) != t_ms(now):
        return reading
    return replace(reading, observation=replace(seen, observed_at=now))


def _is_by_people(fact: Any, ends: set[datetime]) -> bool:
    match fact:
        case Vitals() | Reading() | Gap() | LinkChanged() | Remarked() | AlarmCalled():
            return False
        case AlarmEvent():  # the end of a session ends its alarms
            is_end = fact.change in (AlarmChange.CLEARED, AlarmChange.RESET) and fact.at in ends
            return bool(fact.by) or is_end
        case AudioChanged() | AlarmSwitched() | CuffOrdered() | MonitorHeard():
            return fact.by != BY_DATA
    return hasattr(fact, "by") or hasattr(fact, "witness")


class _SessionReplay:
    """One session through the rules once more."""

    def __init__(self, opened: SessionOpened, people: _People, presets: Presets, db: Any) -> None:
        self._opened, self._people, self._presets, self._db = opened, people, presets, db
        self._rules = SessionMonitor()
        self._state: ChairState | None = None
        self._has_begun = self._is_rearranged = False
        self._facts: list[Fact] = []  # that are not in the replay's own record yet
        self._lines: dict[str, _Events] = {}
        self.notes: list[str] = []
        self.last_at: datetime | None = None

    @property
    def is_over(self) -> bool:
        """Whether the patient has left the chair."""
        return self._has_begun and self._state is not None and self._state.session is None

    def run(self, pieces: Sequence[Piece]) -> None:
        """What one run of Vigil captured."""
        rules = [piece for piece in pieces if piece.header.stream == RULES]
        lines = sorted(
            (piece for piece in pieces if piece.header.stream == LINE),
            key=lambda piece: piece.header.monitor,
        )
        if any(_first(run).piece != 1 for run in _by_stream(pieces)):
            self.notes.append("the first files of a line are gone: its replay begins in the middle")
        self._lines = {
            monitor: _Events(self._said_by(list(of)))
            for monitor, of in groupby(lines, key=lambda piece: piece.header.monitor)
        }
        is_first = True
        for entry in entries_of(rules):
            match entry:
                case Chair() if "arranged" in entry.plain:
                    plain = entry.plain["arranged"]
                    arranged = Arranged(plain["name"], monitors_of(plain["monitors"]), plain["by"])
                    self._is_rearranged = True
                    self._step(arranged, entry.at)
                case Chair():
                    if is_first:
                        self._begin(entry)
                    is_first = False
                case Stepped():
                    self._step(self._event_of(entry), entry.at)
                case Missed():
                    self.notes.append(f"{entry.at:%H:%M:%S} {entry.count} steps: {entry.reason}")
                case Damaged():
                    self.notes.append(f"block {entry.number} of the steps: {entry.reason}")
            if self.is_over:
                return

    def _said_by(self, pieces: Sequence[Piece]) -> Iterator[Said]:
        """All lines of one monitor, one after the other: another port is another line."""
        for stream in sorted(_by_stream(pieces), key=lambda each: _first(each).started_at):
            yield from line_of(stream, self.notes)

    def _begin(self, chair: Chair) -> None:
        state = replace(state_of(chair, self._opened.chair), presets=self._presets)
        if not self._has_begun:
            if session_in(chair) == self._opened.session:
                raise NotCaptured("the capture begins after the session did")
            self._state = state
            return
        gap = self._people.gaps.popleft() if self._people.gaps else None
        if gap is None:
            raise NotCaptured("the record has no gap where Vigil was started again")
        # What was not in the record when Vigil ended was not there to go on from.
        self._facts = [
            fact
            for fact in self._facts
            if not isinstance(fact, Vitals | Reading) or _at_of(fact) <= gap.since
        ]
        self.write()
        with self._db.reading() as db:
            again = stored.stored_sessions(db)[0]
        again = replace(again, last_at=gap.since)
        self._state, _gap = resumed(state, again, gap.until)
        self._facts.append(gap)

    def _event_of(self, step: Stepped) -> Event:
        more, at = step.more, step.of or step.at
        match step.what:
            case "Observed":
                line = self._line_of(step)
                frame = line.frame(at) if line is not None else None
                if frame is None:
                    self.notes.append(f"{at:%H:%M:%S.%f} a frame is not in the capture")
                    return Tick()
                return Observed(
                    frame.observations,
                    frame.received_at,
                    more["interval_s"],
                    step.monitor,
                    frame.alarms,
                    frame.is_cuff_up,
                )
            case "LinkEvent":
                told = LinkEvent(LinkState(more["state"]), at, more["detail"], step.monitor)
                return self._checked(told, step)
            case "Identified":
                return self._checked(Identified(Identity(**more), at, step.monitor), step)
            case "ClockRead":
                return self._checked(ClockRead(more["offset_s"], at, step.monitor), step)
            case "RecorderState":
                return RecorderState(more["is_recording"])
            case "Overrun":
                return Overrun()
        if step.what in (AT_ONCE, ON_DISK):
            return self._done(self._people.did(at), is_at_once=step.what == AT_ONCE)
        return Tick()

    def _line_of(self, step: Stepped) -> _Events | None:
        monitors = self._state.monitors if self._state is not None else ()
        return self._lines.get(step.monitor or (monitors[0].name if monitors else ""))

    def _checked(self, event: Word, step: Stepped) -> Event:
        """``event`` as the engine got it; noted where the line, replayed, says something else."""
        line = self._line_of(step)
        said = None if line is None else line.told(type(event), event.at)
        if said is None:
            if not self._is_rearranged:  # its lines run on, and were told of again
                self.notes.append(f"{event.at:%H:%M:%S.%f} replayed nothing, recorded {event}")
        elif replace(said, monitor=step.monitor) != event:
            self.notes.append(f"{event.at:%H:%M:%S.%f} replayed {said}, recorded {event}")
        return event

    def _done(self, facts: tuple[Fact, ...], *, is_at_once: bool) -> Event:
        """What people did, as the rules took it in."""
        if not facts or self._state is None:
            return Tick()
        if not self._has_begun and not any(isinstance(fact, SessionOpened) for fact in facts):
            return Tick()
        self._has_begun = True
        self._facts += facts
        if is_at_once and self._state.session is not None:
            for fact in facts:  # a start is judged anew when it is on disk; a cancel never is
                if isinstance(fact, CuffOrdered) and fact.order is CuffOrder.CANCEL:
                    self._state = replace(self._state, session=fold(self._state.session, fact))
            facts = tuple(fact for fact in facts if not isinstance(fact, CuffOrdered))
        again = Command(command_id=NOBODY, by=AGAIN, chair=self._opened.chair)
        return Committed(again, facts, CommitResult.COMMITTED)

    def _step(self, event: Event, now: datetime) -> None:
        if self._state is None:
            return
        self._state, effects, _due = self._rules.step(self._state, event, now)
        self._facts += [fact for fact in effects.facts if fact.session == self._opened.session]
        self.last_at = now

    def write(self) -> None:
        """Bring the replay's own record up to date."""
        vitals = [fact for fact in self._facts if isinstance(fact, Vitals)]
        readings = [fact for fact in self._facts if isinstance(fact, Reading)]
        with self._db.writing() as db:
            for fact in self._facts:
                if not isinstance(fact, Vitals | Reading):
                    stored.append(db, fact, written_at=self._opened.at)
            stored.observations.append_readings(db, readings)
            stored.observations.append_vitals(db, vitals)
        self._facts.clear()


def _at_of(fact: Vitals | Reading) -> datetime:
    return fact.at if isinstance(fact, Vitals) else fact.observation.observed_at


def _by_stream(pieces: Iterable[Piece]) -> list[list[Piece]]:
    streams: dict[tuple[str, str], list[Piece]] = {}
    for piece in pieces:
        streams.setdefault((piece.header.stream, piece.header.ids), []).append(piece)
    return [sorted(each, key=lambda piece: piece.header.piece) for each in streams.values()]


def _first(stream: Sequence[Piece]) -> Any:
    return stream[0].header


# --- two records beside each other -------------------------------------------------------------

FACTS = (AlarmEvent, AlarmCalled, LinkChanged, Remarked)


def _held_against(
    db: Session, again: Session, session: UUID, until: datetime | None, notes: Sequence[str]
) -> Verdict:
    """``until``: of a session that goes on, the end of its capture."""
    differences: list[str] = []
    observations = 0
    for table in TABLES:
        own, other = (_rows(each, table, session, until) for each in (db, again))
        observations += sum(_values_in(row) for row in own.values())
        differences += _row_differences(table.name, own, other)
    alarm_events = 0
    for kind in FACTS:
        own_facts, other_facts = (_facts(each, kind, session, until) for each in (db, again))
        if kind is AlarmEvent:
            alarm_events = len(own_facts)
        differences += _fact_differences(own_facts, other_facts)
    return Verdict(session, observations, alarm_events, tuple(differences), tuple(notes))


Rows = Mapping[tuple[Any, ...], Mapping[str, Any]]


def _rows(db: Session, table: Any, session: UUID, until: datetime | None) -> Rows:
    try:
        key = stored.observations.key_of(db, session)
    except LookupError:
        return {}
    found = select(table).where(table.c.session_id == key)
    if until is not None:
        found = found.where(table.c.t_ms <= t_ms(until))
    names = [column.name for column in table.primary_key if column.name != "session_id"]
    return {
        tuple(str(row[name]) for name in names): {**row, "session_id": 0}
        for row in db.execute(found.order_by(table.c.t_ms)).mappings()
    }


def _values_in(row: Mapping[str, Any]) -> int:
    if "metric" in row:
        return 1
    beside = ("session_id", "t_ms", *NO_NUMBERS)
    return sum(value is not None for name, value in row.items() if name not in beside)


def _row_differences(table: str, own: Rows, other: Rows) -> Iterator[str]:
    shown = 0
    for key in sorted(own.keys() | other.keys()):
        mine, theirs = own.get(key), other.get(key)
        if mine == theirs:
            continue
        shown += 1
        if shown > SHOWN_MAX:
            continue
        where = f"{table} {_when(int((mine or theirs or {})['t_ms']))}"
        if mine is None or theirs is None:
            which = "replay" if mine is None else "record"
            yield f"{where}: only in the {which}: {_plainly(mine or theirs or {})}"
            continue
        for name in mine:
            if mine[name] != theirs[name]:
                yield f"{where} {name}: recorded {mine[name]}, replayed {theirs[name]}"
    if shown > SHOWN_MAX:
        yield f"{table}: {shown - SHOWN_MAX} more rows differ"


def _plainly(row: Mapping[str, Any]) -> str:
    beside = ("session_id", "t_ms")
    told = [f"{name} {value}" for name, value in row.items() if value is not None]
    return ", ".join(each for each in told if not each.startswith(beside))


def _when(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3]


def _facts(db: Session, kind: type[Fact], session: UUID, until: datetime | None) -> list[Any]:
    try:
        found = stored.facts_of(db, session=session)
    except LookupError:
        return []
    mine: list[Any] = [fact for fact in found if isinstance(fact, kind)]
    return [fact for fact in mine if until is None or _time_of(fact) <= until]


def _fact_differences(own: Sequence[Any], other: Sequence[Any]) -> Iterator[str]:
    """The order in which facts of different times were written is nobody's promise."""
    mine, theirs = sorted(own, key=_order), sorted(other, key=_order)
    shown = 0
    while mine or theirs:
        if mine and theirs and mine[0] == theirs[0]:
            mine.pop(0)
            theirs.pop(0)
            continue
        shown += 1
        is_mine = bool(mine) and (not theirs or _order(mine[0]) <= _order(theirs[0]))
        is_theirs = bool(theirs) and (not mine or _order(theirs[0]) <= _order(mine[0]))
        one = mine.pop(0) if is_mine else None
        two = theirs.pop(0) if is_theirs else None
        if shown > SHOWN_MAX:
            continue
        if one is None or two is None:
            yield f"only in the {'record' if two is None else 'replay'}: {_said(one or two)}"
            continue
        names = [each.name for each in fields(one)]
        changed = [name for name in names if getattr(one, name) != getattr(two, name)]
        told = [f"{n}: recorded {getattr(one, n)}, replayed {getattr(two, n)}" for n in changed]
        yield f"{_said(one)} {'; '.join(told)}"
    if shown > SHOWN_MAX:
        yield f"{shown - SHOWN_MAX} more differ"


def _order(fact: Any) -> tuple[Any, ...]:
    names = ("condition", "change", "stage", "state", "monitor", "metric")
    return (fact.at, *(str(getattr(fact, name, "")) for name in names))


def _said(fact: Any) -> str:
    names = ("change", "condition", "stage", "state", "metric", "text")
    told = [str(getattr(fact, name)) for name in names if getattr(fact, name, None) is not None]
    return f"{type(fact).__name__} {fact.at:%Y-%m-%d %H:%M:%S.%f} {', '.join(told)}"
