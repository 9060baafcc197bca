"""Do the bytes of a session, through the same decoder, link and rules, give its record again?

What a line says in its replay goes to ``SessionMonitor.step`` in the order and at the times at
which the engine stepped; what people did comes from the record. All that comes of it is written
into a record of its own, by the same functions, and held against the first one row by row.

Each run of Vigil is replayed for itself. One that took the session up again begins with what the
record held then, as it did: what a killed program had not written is no difference. The gaps of
the record say which runs there were: what none of the captured ones saw is not compared, and what
is not compared is never called identical.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.orm import Session
from sqlmodel import col

from clinical.catalog.presets import Presets
from clinical.chair import NOT_RUNNING, ChairState, fold, resumed
from clinical.commands import Command
from clinical.identity import Identity
from clinical.links import ClockRead, CuffOrder, Identified, LinkEvent, LinkState
from clinical.monitor import Committed, Event, Observed, Overrun, SessionMonitor, Tick
from clinical.ports import CommitResult, RecorderState
from clinical.recognition import confirmed
from clinical.record import (
    BY_DATA,
    AlarmCalled,
    AlarmChange,
    AlarmEvent,
    AlarmSwitched,
    AudioChanged,
    ClockCompared,
    CuffOrdered,
    Fact,
    Gap,
    LinkChanged,
    MonitorHeard,
    MonitorsArranged,
    PhaseChanged,
    Reading,
    Remarked,
    SessionOpened,
    StoredSession,
    Vitals,
)
from clinical.sign_off import Actor, Role
from dashboard.held_against import (
    SHOWN_MAX,
    TABLES,
    Amount,
    Stretch,
    amount_in,
    differences,
    fact_differences,
    time_of,
)
from dashboard.line_replay import NotCaptured, Said, Word, entries_of, line_of
from devices.link import Frame
from storage import facts as rare
from storage import identity, observations
from storage.capture_bounds import Piece
from storage.capture_file import Chair, Damaged, Missed, Stepped, read
from storage.capture_steps import AT_ONCE, ON_DISK, arranged_of, session_in, state_of
from storage.captures import LINE, RULES
from storage.database import Database, open_database
from storage.ledger import key_of
from storage.models import ClockOffsetRow, MonitorIdentityRow, Row
from storage.observations import t_ms

NOBODY = UUID(int=0)
AGAIN = Actor("", "", Role.NURSE)  # does again what the record says was done


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a session's replay. ``observations`` and ``alarm_events`` count the record's,
    those that were ``compared`` how many of them.

    ``differences`` are between the record and the replay; ``not_compared`` is what of the session
    the captures do not have; ``notes`` are of before it. ``recorded_by`` are the versions of Vigil
    that wrote the captures.
    """

    session: UUID
    observations: int
    alarm_events: int
    compared_observations: int
    compared_alarm_events: int
    differences: tuple[str, ...]
    not_compared: tuple[str, ...]
    notes: tuple[str, ...]
    recorded_by: tuple[str, ...]

    @property
    def is_identical(self) -> bool:
        return not self.differences and not self.not_compared


def replay_session(
    db: Session, pieces: Sequence[Piece], opened: SessionOpened, presets: Presets
) -> Verdict:
    """Replay a session of the record ``db`` from the captures of its chair among ``pieces``.

    Raises NotCaptured.
    """
    session = opened.session
    facts = rare.facts_of(db, session=session)
    ends = [f.at for f in facts if isinstance(f, PhaseChanged) and not f.phase.is_in_chair]
    end = ends[0] if ends else None
    stretches = _stretches(facts)
    runs = _runs([p for p in pieces if p.header.chair == opened.chair], opened, stretches)
    people = _People(
        [*_confirmed_before(db, opened), *facts], observations.entered(db, session=session)
    )
    told: list[str] = []
    missing: list[str] = []
    notes: list[str] = []
    of_record = compared = Amount()
    for number, stretch in enumerate(stretches):
        amount = amount_in(db, session, stretch)
        of_record += amount
        run = runs.get(number)
        if run is None or _begins_within(run, session):
            if amount != Amount():
                missing.append(f"nothing is captured {_between(stretch, opened, end)}: {amount}")
            continue
        with _record_of_its_own() as again:
            base = _brought_to(again, db, facts, stretch) if stretch.gap is not None else None
            part = _Part(opened, people, presets, base, stretch.gap)
            part.run(run)
            part.write(again)
            until = None if part.is_over else part.last_at
            with again.reading() as own:
                found = differences(db, own, session, stretch, until, part.facts)
        compared += found.compared
        if number == 0 and not part.notes:
            told += fact_differences(_known_before(db, opened, part.first_at), part.known_before)
        told += [*found.found, *_bounded(part.differences)]
        missing += [*part.missing, *_missing_pieces(run, opened.at, end)]
        notes += part.notes
        if found.later != Amount():
            missing.append(f"the capture ends at {_second(part.last_at)}, after it {found.later}")
        elif number + 1 == len(stretches) and end is not None and not part.is_over:
            missing.append(f"the capture ends at {_second(part.last_at)}, the session at {end}")
    versions = {piece.header.version or "unknown" for run in runs.values() for piece in run}
    return Verdict(
        session,
        of_record.observations,
        of_record.alarm_events,
        compared.observations,
        compared.alarm_events,
        tuple(told),
        tuple(missing),
        tuple(notes),
        tuple(sorted(versions)),
    )


def _known_before(db: Session, opened: SessionOpened, since: datetime | None) -> list[Fact]:
    """Which devices and clocks were found at the chair since then, before the session."""
    told: list[Fact] = []
    tables: tuple[tuple[Any, Any], ...] = (
        (MonitorIdentityRow, identity.heard_of),
        (ClockOffsetRow, identity.clock_of),
    )
    for table, fact_of in tables:
        found = select(table).where(
            table.chair == opened.chair,
            table.session_id.is_(None),
            table.at <= opened.at,
            *([] if since is None else [table.at >= since]),
        )
        told += [fact_of(row, None) for row in db.scalars(found)]
    return told


def _between(stretch: Stretch, opened: SessionOpened, end: datetime | None) -> str:
    since = opened.at if stretch.gap is None else stretch.gap.until
    until = end if stretch.next_gap is None else stretch.next_gap.since
    return f"from {_second(since)} to {_second(until) if until else 'now'}"


def _second(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}" if at is not None else "its begin"


def _bounded(told: Sequence[str]) -> list[str]:
    more = len(told) - SHOWN_MAX
    return [*told[:SHOWN_MAX], *([f"{more} more steps differ"] if more > 0 else [])]


def _confirmed_before(db: Session, opened: SessionOpened) -> list[MonitorHeard]:
    """The devices that people confirmed at the chair when nobody, or somebody else, sat there."""
    found = select(MonitorIdentityRow).where(
        col(MonitorIdentityRow.chair) == opened.chair,
        col(MonitorIdentityRow.by) != BY_DATA,
        col(MonitorIdentityRow.at) < opened.at,
    )
    return [identity.heard_of(row, None) for row in db.scalars(found)]


def _stretches(facts: Sequence[Fact]) -> list[Stretch]:
    """The stretches of a session in which Vigil ran, by the gaps between them."""
    starts = [
        number
        for number, fact in enumerate(facts)
        if isinstance(fact, Gap) and fact.reason == NOT_RUNNING
    ]
    bounds = [0, *starts, len(facts)]
    gaps = [None, *[facts[number] for number in starts], None]
    return [
        Stretch(gaps[n], gaps[n + 1], facts[first:after])  # type: ignore[arg-type]
        for n, (first, after) in enumerate(pairwise(bounds))
    ]


def _runs(
    chair: Sequence[Piece], opened: SessionOpened, stretches: Sequence[Stretch]
) -> dict[int, list[Piece]]:
    """The files of each run of Vigil that watched the session, by the number of its stretch.

    A run that could not take the session up saw nothing of it. Raises NotCaptured.
    """
    by_run: dict[str, list[Piece]] = {}
    for piece in chair:
        by_run.setdefault(piece.header.run, []).append(piece)
    runs = sorted((run for run in by_run.values() if any(map(_is_of_rules, run))), key=_start_of)
    found: dict[int, list[Piece]] = {}
    for run in runs:
        start = _start_of(run)
        gaps = [each.gap for each in stretches[1:] if each.gap is not None]
        number = sum(gap.until <= start for gap in gaps)
        was_before = number == 0 and start <= opened.at  # the last of them opened it
        is_in_it = _sat_there(run) == opened.session and number not in found
        if was_before or is_in_it:
            found[number] = run
    if not found:
        raise NotCaptured("nothing of this session was captured, or it has been let go of")
    return found


def _is_of_rules(piece: Piece) -> bool:
    return piece.header.stream == RULES


def _first_of_rules(run: Sequence[Piece]) -> Piece:
    return min(filter(_is_of_rules, run), key=lambda piece: piece.header.piece)


def _start_of(run: Sequence[Piece]) -> datetime:
    """When the rules of a run first stepped the chair."""
    return _first_of_rules(run).header.started_at


def _sat_there(run: Sequence[Piece]) -> UUID | None:
    """The session that a run found in the chair when it began."""
    first = next((e for e in read(_first_of_rules(run).file) if isinstance(e, Chair)), None)
    return None if first is None else session_in(first)


def _begins_within(run: Sequence[Piece], session: UUID) -> bool:
    """Whether the steps begin when the session was in the chair already, and no run with them."""
    return _first_of_rules(run).header.piece != 1 and _sat_there(run) == session


def _missing_pieces(run: Sequence[Piece], since: datetime, until: datetime | None) -> Iterator[str]:
    """The files that are missing between others, where that is of the session."""
    for stream in _by_stream(run):
        for before, after in pairwise(piece.header for piece in stream):
            is_before = after.started_at <= since
            is_after = until is not None and before.started_at > until
            if after.piece != before.piece + 1 and not is_before and not is_after:
                what = before.monitor or "the steps of the rules"
                yield (
                    f"of {what} the files are missing between those of "
                    f"{_second(before.started_at)} and {_second(after.started_at)}"
                )


@contextmanager
def _record_of_its_own() -> Iterator[Database]:
    with tempfile.TemporaryDirectory(prefix="vigil-replay-") as folder:
        database = open_database(f"sqlite:///{Path(folder) / 'again.sqlite'}")
        try:
            Row.metadata.create_all(database.engine)
            yield database
        finally:
            database.close()


def _brought_to(
    again: Database, db: Session, facts: Sequence[Fact], stretch: Stretch
) -> StoredSession:
    """What the record held when the run began, as that run read it."""
    session, gap = facts[0].session, stretch.gap
    if session is None or gap is None:
        raise ValueError("expected the facts of a session up to a gap")
    before = Stretch(None, gap, facts[: _place_of(gap, facts)])
    with again.writing() as own:
        for fact in before.facts:
            rare.append(own, fact, written_at=gap.since)
        key = key_of(own, session)
        for table in TABLES:
            of_session = select(table).where(table.c.session_id == key_of(db, session))
            found = map(dict, db.execute(of_session).mappings())
            rows = [row | {"session_id": key} for row in found if before.has(row)]
            if rows:
                own.execute(insert(table), rows)
    with again.reading() as own:
        return rare.stored_sessions(own)[0]


def _place_of(gap: Gap, facts: Sequence[Fact]) -> int:
    return next(number for number, fact in enumerate(facts) if fact is gap)


class _People:
    """What people did in a session, by the time at which the rules took it in."""

    def __init__(self, facts: Sequence[Fact], readings: Sequence[Reading]) -> None:
        ends = {
            fact.at
            for fact in facts
            if isinstance(fact, PhaseChanged) and not fact.phase.is_in_chair
        }
        self._by_time: dict[datetime, list[Fact]] = {}
        for fact in facts:
            if _is_by_people(fact, ends):
                self._by_time.setdefault(time_of(fact), []).append(fact)
        self._arranged = {fact.at: fact.by for fact in facts if isinstance(fact, MonitorsArranged)}
        self._entered: dict[int, list[Reading]] = {}
        for reading in readings:
            if reading.entry is not None:
                self._entered.setdefault(t_ms(reading.entry.at), []).append(reading)

    def arranged(self, at: datetime) -> str:
        """Who arranged the chair."""
        return self._arranged.get(at, "")

    def did(self, at: datetime) -> tuple[Fact, ...]:
        entered = [_as_entered(reading, at) for reading in self._entered.get(t_ms(at), ())]
        return (*self._by_time.get(at, ()), *entered)


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
        case ClockCompared():
            return False
        case AlarmEvent():  # the end of a session ends its alarms
            is_end = fact.change in (AlarmChange.CLEARED, AlarmChange.RESET) and fact.at in ends
            return bool(fact.by) or is_end
        case MonitorsArranged():  # its step makes it
            return False
        case AudioChanged() | AlarmSwitched() | CuffOrdered() | MonitorHeard():
            return fact.by != BY_DATA
    return hasattr(fact, "by") or hasattr(fact, "witness")


class _Events:
    """What one line says, to be taken when the engine took it."""

    def __init__(self, said: Iterable[Said]) -> None:
        self._said = iter(said)
        self._next: Said | None = None
        self._last: dict[type, Word] = {}
        self.untaken: list[Word] = []

    def frame(self, at: datetime) -> Frame | None:
        """The frame that arrived at ``at``; what comes before it, the engine never took."""
        while (said := self._peeked()) is not None:
            if isinstance(said, Frame) and said.received_at > at:
                return None
            self._next = None
            if not isinstance(said, Frame):
                self._last[type(said)] = said
                self.untaken.append(said)
            elif said.received_at == at:
                return said
        return None

    def told(self, kind: type[Word], at: datetime) -> Word | None:
        """What the line told next, where that is of ``kind`` and ``at``."""
        said = self._peeked()
        if isinstance(said, Frame) or not isinstance(said, kind) or said.at != at:
            return None
        self._next = None
        self._last[kind] = said
        return said

    def was_told(self, event: Word) -> bool:
        """Whether ``event`` says what the line said last: of one that runs on, the engine is told
        again where its chair is opened anew."""
        last = self._last.get(type(event))
        return last is not None and replace(last, at=event.at, monitor=event.monitor) == event

    def _peeked(self) -> Said | None:
        if self._next is None:
            self._next = next(self._said, None)
        return self._next


class _Part:
    """What one run of Vigil saw of a session, through the rules once more.

    Begins as that run did: with nobody in the chair, or with the session as the record had it
    (``base``: its facts up to ``gap``, which that start left).
    """

    def __init__(
        self,
        opened: SessionOpened,
        people: _People,
        presets: Presets,
        base: StoredSession | None,
        gap: Gap | None,
    ) -> None:
        self._opened, self._people, self._presets = opened, people, presets
        self._base, self._gap = base, gap
        self._rules = SessionMonitor()
        self._state: ChairState | None = None
        self._has_begun = self._is_overrun = False
        self._lines: dict[str, _Events] = {}
        self._holes: list[str] = []
        self._others: list[str] = []
        self.facts: list[Fact] = []
        self.known_before: list[Fact] = []  # of devices and clocks, while nobody sat there
        self.first_at: datetime | None = None
        self.differences: list[str] = []
        self.missing: list[str] = []
        self.notes: list[str] = []
        self.last_at: datetime | None = None

    @property
    def is_over(self) -> bool:
        """Whether the patient has left the chair."""
        return self._has_begun and self._state is not None and self._state.session is None

    def run(self, pieces: Sequence[Piece]) -> None:
        """What one run of Vigil captured."""
        rules = [piece for piece in pieces if _is_of_rules(piece)]
        lines = sorted(
            (piece for piece in pieces if piece.header.stream == LINE),
            key=lambda piece: piece.header.monitor,
        )
        if any(_first(stream).piece != 1 for stream in _by_stream(lines)):
            self.notes.append("the first files of a line are gone: its replay begins in the middle")
        self._lines = {
            monitor: _Events(self._said_by(list(of)))
            for monitor, of in groupby(lines, key=lambda piece: piece.header.monitor)
        }
        is_first = True
        for entry in entries_of(rules):
            match entry:
                case Chair():
                    arranged = arranged_of(entry, self._people.arranged(entry.at))
                    if arranged is not None:
                        self._step(arranged, entry.at)
                    elif is_first:
                        self._begin(entry)
                        is_first = False
                case Stepped():
                    self._step(self._event_of(entry), entry.at)
                case Missed():
                    words = f"{entry.count} steps before {_second(entry.at)}: {entry.reason}"
                    self._holes.append(words)
                case Damaged():
                    words = f"{entry.reason}, after {_second(self.last_at)}"
                    self._holes.append(f"block {entry.number} of the steps: {words}")
            self._sort_out()
            if self.is_over:
                return

    def _sort_out(self) -> None:
        """What was missing, or other, while nobody we look at sat there is no more than a note."""
        for line in self._lines.values():
            if line.untaken and not self._is_overrun:
                told = [f"{w.at:%H:%M:%S.%f} replayed {w}, recorded nothing" for w in line.untaken]
                self._others += told
            line.untaken.clear()
        (self.missing if self._has_begun else self.notes).extend(self._holes)
        (self.differences if self._has_begun else self.notes).extend(self._others)
        self._holes.clear()
        self._others.clear()

    def _said_by(self, pieces: Sequence[Piece]) -> Iterator[Said]:
        """All lines of one monitor, one after the other: another port is another line."""
        for stream in sorted(_by_stream(pieces), key=lambda each: _first(each).started_at):
            yield from line_of(stream, self._holes, self._others)

    def _begin(self, chair: Chair) -> None:
        state = replace(state_of(chair, self._opened.chair), presets=self._presets)
        if self._base is not None and self._gap is not None:
            state, _gap = resumed(state, self._base, self._gap.until)
            self._has_begun = True
            self.facts.append(self._gap)
        elif session_in(chair) == self._opened.session:
            raise NotCaptured("the capture begins in the middle of the session")
        self._state, self.first_at = state, chair.at

    def _event_of(self, step: Stepped) -> Event:
        more, at = step.more, step.of or step.at
        match step.what:
            case "Observed":
                line = self._line_of(step)
                frame = line.frame(at) if line is not None else None
                if frame is None:
                    self._others.append(f"{at:%H:%M:%S.%f} a frame is not in the capture")
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
                self._is_overrun = True  # what of the lines was lost with it, nobody knows
                return Overrun()
        if step.what in (AT_ONCE, ON_DISK):
            return self._done(self._people.did(at), is_at_once=step.what == AT_ONCE)
        return Tick()

    def _line_of(self, step: Stepped) -> _Events | None:
        monitors = self._state.monitors if self._state is not None else ()
        return self._lines.get(step.monitor or (monitors[0].name if monitors else ""))

    def _checked(self, event: Word, step: Stepped) -> Event:
        """``event`` as the engine got it; a difference where the line, replayed, says another."""
        if self._state is None or not self._state.monitors:
            return event  # that there is none, the clinic itself says
        line = self._line_of(step)
        said = None if line is None else line.told(type(event), event.at)
        if said is None:
            if line is None or not line.was_told(event):
                self._others.append(f"{event.at:%H:%M:%S.%f} replayed nothing, recorded {event}")
        elif replace(said, monitor=step.monitor) != event:
            self._others.append(f"{event.at:%H:%M:%S.%f} replayed {said}, recorded {event}")
        return event

    def _done(self, facts: tuple[Fact, ...], *, is_at_once: bool) -> Event:
        """What people did, as the rules took it in."""
        if not facts or self._state is None:
            return Tick()
        self._has_begun |= any(isinstance(fact, SessionOpened) for fact in facts)
        made = [*facts, *self._compared_at(facts)]
        if self._has_begun:
            self.facts += made
        else:
            self._know(made)
        if is_at_once and self._state.session is not None:
            for fact in facts:  # a start is judged anew when it is on disk; a cancel never is
                if isinstance(fact, CuffOrdered) and fact.order is CuffOrder.CANCEL:
                    self._state = replace(self._state, session=fold(self._state.session, fact))
            facts = tuple(fact for fact in facts if not isinstance(fact, CuffOrdered))
        again = Command(command_id=NOBODY, by=AGAIN, chair=self._opened.chair)
        return Committed(again, facts, CommitResult.COMMITTED)

    def _compared_at(self, facts: Sequence[Fact]) -> Iterator[Fact]:
        """Of a device that was confirmed, how its clock was found to be."""
        state = self._state
        for fact in facts:
            if isinstance(fact, MonitorHeard) and state is not None and fact.monitor in state.heard:
                yield from confirmed(state, fact.monitor, fact.by, fact.at)[1:]

    def _step(self, event: Event, now: datetime) -> None:
        if self._state is None:
            return
        self._state, effects, _due = self._rules.step(self._state, event, now)
        self.facts += [fact for fact in effects.facts if fact.session == self._opened.session]
        if not self._has_begun:
            self._know(effects.facts)
        self.last_at = now

    def _know(self, facts: Sequence[Fact]) -> None:
        self.known_before += [
            fact
            for fact in facts
            if isinstance(fact, MonitorHeard | ClockCompared) and fact.session is None
        ]

    def write(self, again: Database) -> None:
        """Write what was measured into the replay's own record."""
        with again.writing() as db:
            for fact in self.facts:
                if isinstance(fact, SessionOpened):
                    rare.append(db, fact, written_at=fact.at)
            observations.append_readings(db, [f for f in self.facts if isinstance(f, Reading)])
            observations.append_vitals(db, [f for f in self.facts if isinstance(f, Vitals)])


def _by_stream(pieces: Iterable[Piece]) -> list[list[Piece]]:
    streams: dict[tuple[str, str], list[Piece]] = {}
    for piece in pieces:
        streams.setdefault((piece.header.stream, piece.header.ids), []).append(piece)
    return [sorted(each, key=lambda piece: piece.header.piece) for each in streams.values()]


def _first(stream: Sequence[Piece]) -> Any:
    return stream[0].header
