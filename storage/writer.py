"""Who writes the record, and what becomes of facts while it cannot be written?

One thread with its own connection. It commits once a second for all chairs together (the cost is
in commits, not in rows), at once for alarms and for what a person waits for. What cannot be
written stays in memory in its order, is tried again each second, and is back-filled.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic, perf_counter
from types import TracebackType
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError
from sqlalchemy.orm import Session
from sqlmodel import col

from clinical.clock import Clock
from clinical.ports import CommitResult, RecorderState
from clinical.record import Fact, Reading, Vitals
from clinical.sign_off import Actor
from storage import audit, facts, observations
from storage.backlog import Backlog, Batch, Command
from storage.database import Database
from storage.models import CommandRow

log = logging.getLogger(__name__)

COMMIT_EVERY_S = 1.0
RETRY_EVERY_S = 1.0
# Eight chairs with eight parameters for over eight hours, about 300 MB; 64 chairs for an hour.
CAPACITY_VALUES = 2_000_000
REFUSED_CHARS = 4_000  # of a refused fact, kept in the audit log


class WriterClosed(RuntimeError):
    """A fact came after ``close``: it would be lost without anyone knowing."""


class StorageWriter:
    """The Recorder of ``clinical.ports`` on a database; see there for ``keep`` and ``commit``.

    Starts its thread at once; ``close`` it. ``database`` is opened with ``is_writer`` for it
    alone, and closed by it. ``clock`` dates the rows; the seconds between two commits are real
    ones, however fast the clock runs.

    Both listeners are called on the writer's thread and must return soon: ``on_state`` with every
    change of the RecorderState, ``on_commit`` with the seconds a transaction took and its rows.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        on_state: Callable[[RecorderState], None] = lambda state: None,
        on_commit: Callable[[float, int], None] = lambda seconds, rows: None,
        commit_every_s: float = COMMIT_EVERY_S,
        retry_every_s: float = RETRY_EVERY_S,
        capacity_values: int = CAPACITY_VALUES,
    ) -> None:
        if not database.is_writer:
            raise ValueError("expected a database opened with is_writer=True")
        self._database = database
        self._clock = clock
        self._on_state = on_state
        self._on_commit = on_commit
        self._commit_every_s = commit_every_s
        self._retry_every_s = retry_every_s
        self._state = RecorderState(is_recording=True)
        self._failing_since: datetime | None = None
        # Shared with the callers, under the lock of ``_changed``:
        self._changed = threading.Condition()
        self._backlog = Backlog(capacity_values)
        self._is_urgent = False
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="storage-writer", daemon=True)
        self._thread.start()

    @property
    def state(self) -> RecorderState:
        return self._state

    def keep(self, facts: Sequence[Fact], *, urgent: bool = False) -> None:
        """Raises WriterClosed."""
        with self._open():
            self._backlog.add(facts)
            # While the disk fails, an alarm cannot be written sooner than the next try.
            if urgent and self._state.is_recording:
                self._hurry()

    def commit(
        self,
        command_id: UUID,
        kind: str,
        by: Actor,
        facts: Sequence[Fact],
        done: Callable[[CommitResult], None],
    ) -> None:
        """Raises WriterClosed."""
        with self._open():
            self._backlog.add_command(Command(command_id, kind, by, tuple(facts), done))
            self._hurry()

    def close(self) -> None:
        """Write what waits, then stop; a second call does nothing.

        What the last try could not write is lost: the log says how much.
        """
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        if threading.current_thread() is not self._thread:  # a ``done`` may close
            self._thread.join()

    def __enter__(self) -> StorageWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _open(self) -> Iterator[None]:
        with self._changed:
            if self._is_closed:
                raise WriterClosed("the writer is closed; its facts are written")
            yield

    def _hurry(self) -> None:
        self._is_urgent = True
        self._changed.notify()

    # From here on: the writer's thread.

    def _run(self) -> None:
        due_s = monotonic() + self._commit_every_s
        is_last = False
        while not is_last:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._is_urgent or self._is_closed, timeout=due_s - monotonic()
                )
                self._is_urgent = False
                is_last = self._is_closed
                batch = self._backlog.take()
            if not self._try(batch):
                due_s = monotonic() + self._retry_every_s
            elif batch.is_all:
                due_s = monotonic() + self._commit_every_s
            else:
                due_s, is_last = monotonic(), False
        if len(self._backlog):
            log.critical("closed with %d facts that could not be written", len(self._backlog))
        self._database.close()

    def _try(self, batch: Batch) -> bool:
        """Write ``batch`` or put it back; answer its commands either way."""
        if not batch.rows and self._state.is_recording:
            self._tell(RecorderState(True))  # what was refused a second ago is in the audit log
            return True
        started_s, at = perf_counter(), self._clock.now()
        try:
            written = self._write(batch, at)
        except Exception as error:  # whatever it was: the thread lives, the facts wait
            self._put_back(batch, at, error)
            return False
        self._call(self._on_commit, perf_counter() - started_s, batch.rows)
        self._failing_since = None
        waiting = 0 if batch.is_all else len(self._backlog)
        self._tell(RecorderState(True, _in_short(written.refused), waiting))
        for command, result in written.answers:
            self._call(command.done, result)
        return True

    def _write(self, batch: Batch, at: datetime) -> _Written:
        """One transaction. An item that the record refuses is undone alone and reported."""
        written = _Written()
        with self._database.writing() as db:
            for item in (*batch.rare, *batch.lost):
                with _refusing(db, item, written):
                    if isinstance(item, Command):
                        written.answers.append(_Answer(item, _write_command(db, item, at)))
                    else:
                        facts.append(db, item, written_at=at)
            _write_samples(db, observations.append_readings, batch.readings, written)
            _write_samples(db, observations.append_vitals, batch.vitals, written)
            for refusal in written.refused:
                detail = {"why": refusal.reason, "what": repr(refusal.item)[:REFUSED_CHARS]}
                audit.append(db, at=at, by="", action="refused", detail=detail)
            if self._failing_since is not None:
                outage = {"since": self._failing_since.isoformat(), "why": self._state.detail}
                audit.append(db, at=at, by="", action="recording_resumed", detail=outage)
        return written

    def _put_back(self, batch: Batch, at: datetime, error: Exception) -> None:
        with self._changed:
            given_up = self._backlog.put_back(batch)
            waiting = len(self._backlog)
        if self._failing_since is None:
            self._failing_since = at
            log.error("the record cannot be written: %s", _reason(error))
        self._tell(RecorderState(False, _reason(error), waiting))
        for command in given_up:
            self._call(command.done, CommitResult.FAILED)

    def _tell(self, state: RecorderState) -> None:
        if state != self._state:
            self._state = state
            self._call(self._on_state, state)

    def _call(self, listener: Callable[..., None], *arguments: Any) -> None:
        """Someone else's code: its error must not stop the record."""
        try:
            listener(*arguments)
        except Exception:
            log.exception("a listener of the writer failed")


class _Answer(NamedTuple):
    command: Command
    result: CommitResult


class _Refusal(NamedTuple):
    item: Fact | Command
    reason: str


@dataclass(slots=True)
class _Written:
    """What came of a transaction; true once it is committed."""

    answers: list[_Answer] = field(default_factory=list)
    refused: list[_Refusal] = field(default_factory=list)


def is_at_fault(error: Exception) -> bool:
    """Whether it is the fact that cannot be written, ever; False where the disk or server fails.

    Of the database's errors only those about a row count: a fact that waits can still be written,
    of one that is refused only the audit log knows.
    """
    if isinstance(error, DBAPIError):
        is_unfit = "binding parameter" in str(error.orig)  # a type that SQLite does not know
        return isinstance(error, IntegrityError | DataError) or is_unfit
    wrong = (StatementError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError)
    return isinstance(error, wrong)


@contextmanager
def _refusing(db: Session, item: Fact | Command, written: _Written) -> Iterator[None]:
    """Undo, and note, what the block did of ``item`` where the item is at fault."""
    try:
        with db.begin_nested():
            yield
    except Exception as error:
        if not is_at_fault(error):
            raise
        written.refused.append(_Refusal(item, _reason(error)))
        if isinstance(item, Command):
            written.answers.append(_Answer(item, CommitResult.FAILED))


def _write_samples(
    db: Session,
    append: Callable[[Session, Sequence[Any]], None],
    samples: Sequence[Reading | Vitals],
    written: _Written,
) -> None:
    """All in one statement; one by one where that fails for one of them."""
    if not samples:
        return
    try:
        with db.begin_nested():
            append(db, samples)
        return
    except Exception as error:
        if not is_at_fault(error):
            raise
    for sample in samples:
        with _refusing(db, sample, written):
            append(db, [sample])


def _write_command(db: Session, command: Command, at: datetime) -> CommitResult:
    known = select(col(CommandRow.id)).where(col(CommandRow.command_id) == command.command_id)
    if db.scalar(known) is not None:
        return CommitResult.DUPLICATE
    by = command.by.user
    db.add(CommandRow(command_id=command.command_id, kind=command.kind, by=by, at=at))
    for fact in command.facts:
        facts.append(db, fact, written_at=at)
    detail = {
        "command_id": str(command.command_id),
        "role": command.by.role.value,
        "facts": [type(fact).__name__ for fact in command.facts],
    }
    audit.append(db, at=at, by=by, action=command.kind, detail=detail)
    return CommitResult.COMMITTED


def _in_short(refused: Sequence[_Refusal]) -> str:
    """What stands on the screen: how many, and why the first."""
    if not refused:
        return ""
    first = refused[0]
    return f"{len(refused)} refused, such as {type(first.item).__name__}: {first.reason}"


def _reason(error: Exception) -> str:
    """In one line, without the values of the row: it stands on a screen and in a log.

    The database's first error counts: on a full disk SQLite drops the savepoint as well, and
    undoing it fails too.
    """
    first, before = error, error.__context__
    while before is not None:
        if isinstance(before, DBAPIError):
            first = before
        before = before.__context__
    return str(first.orig if isinstance(first, StatementError) else first).partition("\n")[0]
