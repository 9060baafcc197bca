"""Do the bytes of a session, through the same decoder, link and rules, give its record again?

What a line says in its replay goes to ``SessionMonitor.step`` in the order and at the times at
which the engine stepped; what people did comes from the record. All that comes of it is written
into a record of its own, by the same functions, and held against the first one row by row.

Each run of Vigil is replayed for itself. One that took the session up again begins with what the
record held then, as it did: what a killed program had not written is no difference.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple
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
    StoredSession,
    Vitals,
)
from clinical.sign_off import Actor, Role
from dashboard.held_against import TABLES, Differences, Stretch, differences
from dashboard.line_replay import NotCaptured, Said, Word, entries_of, line_of
from devices.link import Frame
from storage import facts as rare
from storage import identity, observations
from storage.capture_bounds import Piece
from storage.capture_file import Chair, Damaged, Missed, Stepped
from storage.capture_steps import AT_ONCE, ON_DISK, monitors_of, session_in, state_of
from storage.captures import LINE, RULES
from storage.database import Database, migrate, open_database
from storage.ledger import key_of
from storage.models import MonitorIdentityRow
from storage.observations import t_ms

NOBODY = UUID(int=0)
AGAIN = Actor("", "", Role.NURSE)  # does again what the record says was done


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


def replay_session(
    db: Session, pieces: Sequence[Piece], opened: SessionOpened, presets: Presets
) -> Verdict:
    """Replay a session of the record ``db`` from the captures of its chair among ``pieces``.

    Raises NotCaptured.
    """
    facts = rare.facts_of(db, session=opened.session)
    ends = [f.at for f in facts if isinstance(f, PhaseChanged) and not f.phase.is_in_chair]
    end = ends[0] if ends else None
    chair = [piece for piece in pieces if piece.header.chair == opened.chair]
    before = _confirmed_before(db, opened)
    people = _People([*before, *facts], observations.entered(db, session=opened.session))
    found: list[Differences] = []
    notes: list[str] = []
    is_over, last_at = False, None
    for run in _runs(chair, opened.at, end):
        stay = _stay_of(facts, run)
        with _record_of_its_own() as again:
            base = None if stay.gap is None else _brought_to(again, db, facts, stay)
            part = _Part(opened, people, presets, base, stay.gap)
            part.run(run)
            part.write(again)
            with again.reading() as own:
                stretch = stay.stretch(facts, part)
                found.append(differences(db, own, opened.session, stretch, part.facts))
        notes += part.notes
        is_over, last_at = part.is_over, part.last_at
        if not is_over and found[-1].later:
            notes.append(f"{found[-1].later} rows of the record are later than the capture")
    told = [difference for each in found for difference in each.found]
    if end is not None and not is_over:
        told.append(f"the capture ends at {last_at}, the session at {end}")
    return Verdict(
        opened.session,
        sum(each.observations for each in found),
        sum(each.alarm_events for each in found),
        tuple(told),
        tuple(notes),
    )


def _confirmed_before(db: Session, opened: SessionOpened) -> list[MonitorHeard]:
    """The devices that people confirmed at the chair when nobody, or somebody else, sat there."""
    found = select(MonitorIdentityRow).where(
        col(MonitorIdentityRow.chair) == opened.chair,
        col(MonitorIdentityRow.by) != BY_DATA,
        col(MonitorIdentityRow.at) < opened.at,
    )
    return [identity.heard_of(row, None) for row in db.scalars(found)]


def _runs(chair: Sequence[Piece], since: datetime, until: datetime | None) -> list[list[Piece]]:
    """The files of each run of Vigil that watched the session, the first run first."""
    by_run: dict[str, list[Piece]] = {}
    for piece in chair:
        by_run.setdefault(piece.header.run, []).append(piece)
    runs = [run for run in by_run.values() if any(map(_is_of_rules, run))]
    starts = [_start_of(run) for run in runs]
    found = [
        run
        for number, run in enumerate(runs)
        if (until is None or starts[number] <= until)
        and (number + 1 == len(runs) or starts[number + 1] > since)
    ]
    if not found:
        raise NotCaptured("nothing of this session was captured, or it has been let go of")
    return found


def _is_of_rules(piece: Piece) -> bool:
    return piece.header.stream == RULES


def _start_of(run: Sequence[Piece]) -> datetime:
    """When the rules of a run first stepped the chair."""
    return min(piece.header.started_at for piece in run if _is_of_rules(piece))


class _Stay(NamedTuple):
    """Which facts of a session were made in one run, and the gap that its start left, if any."""

    first: int
    after: int  # the last one
    gap: Gap | None
    next_gap: Gap | None

    def stretch(self, facts: Sequence[Fact], part: _Part) -> Stretch:
        """What can be compared: up to the last captured step, where the session went on."""
        since = None if self.gap is None else self.gap.since
        end = None if self.next_gap is None else self.next_gap.since
        until = None if part.is_over else part.last_at
        if until is not None and end is not None:
            until = min(until, end)
        return Stretch(since, until, end, facts[self.first : self.after])


def _stay_of(facts: Sequence[Fact], run: Sequence[Piece]) -> _Stay:
    start = _start_of(run)
    gaps = [
        (number, fact)
        for number, fact in enumerate(facts)
        if isinstance(fact, Gap) and fact.reason == NOT_RUNNING
    ]
    before = [each for each in gaps if each[1].until <= start]
    following = [each for each in gaps if each[1].until > start]
    first, gap = before[-1] if before else (0, None)
    after, next_gap = following[0] if following else (len(facts), None)
    return _Stay(first, after, gap, next_gap)


@contextmanager
def _record_of_its_own() -> Iterator[Database]:
    with tempfile.TemporaryDirectory(prefix="vigil-replay-") as folder:
        url = f"sqlite:///{Path(folder) / 'again.sqlite'}"
        migrate(url)
        database = open_database(url)
        try:
            yield database
        finally:
            database.close()


def _brought_to(again: Database, db: Session, facts: Sequence[Fact], stay: _Stay) -> StoredSession:
    """What the record held when the run began, as that run read it."""
    session, gap = facts[0].session, stay.gap
    if session is None or gap is None:
        raise ValueError("expected the facts of a session up to a gap")
    with again.writing() as own:
        for fact in facts[: stay.first]:
            rare.append(own, fact, written_at=gap.since)
        key = key_of(own, session)
        for table in TABLES:
            of_then = select(table).where(
                table.c.session_id == key_of(db, session), table.c.t_ms <= t_ms(gap.since)
            )
            rows = [{**row, "session_id": key} for row in db.execute(of_then).mappings()]
            if rows:
                own.execute(insert(table), rows)
    with again.reading() as own:
        return rare.stored_sessions(own)[0]


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
        self._has_begun = self._is_rearranged = False
        self._lines: dict[str, _Events] = {}
        self.facts: list[Fact] = []
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
        if self._base is not None and self._gap is not None:
            state, _gap = resumed(state, self._base, self._gap.until)
            self._has_begun = True
            self.facts.append(self._gap)
        elif session_in(chair) == self._opened.session:
            raise NotCaptured("the capture begins in the middle of the session")
        self._state = state

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
        self._has_begun |= any(isinstance(fact, SessionOpened) for fact in facts)
        if self._has_begun:
            self.facts += facts
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
        self.facts += [fact for fact in effects.facts if fact.session == self._opened.session]
        self.last_at = now

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
