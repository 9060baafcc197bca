"""What must the rim provide, and what does it get? The record, the live feed, the desk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from clinical.commands import Command, Outcome
from clinical.record import Fact
from clinical.sign_off import Actor
from clinical.snapshot import Change, LiveSnapshot


class CommitResult(StrEnum):
    COMMITTED = "committed"
    DUPLICATE = "duplicate"  # this command_id is in the record already; nothing was added
    FAILED = "failed"  # nothing was written


@dataclass(frozen=True, slots=True)
class RecorderState:
    """Whether facts reach the disk; ``detail`` says why not, ``waiting`` how many facts wait."""

    is_recording: bool
    detail: str = ""
    waiting: int = 0


class Recorder(Protocol):
    """Writes facts. Never blocks its caller, never raises into it, loses nothing it accepted."""

    def keep(self, facts: Sequence[Fact], *, urgent: bool = False) -> None:
        """Write with the next commit (once a second), at once where ``urgent`` (alarms)."""
        ...

    def commit(
        self,
        command_id: UUID,
        kind: str,
        by: Actor,
        facts: Sequence[Fact],
        done: Callable[[CommitResult], None],
    ) -> None:
        """Write ``facts`` now, in one transaction with the audit row of the command.

        ``kind`` is the command's name. ``done`` is called once, on the writer's thread, after the
        commit or its failure.
        """
        ...


class LiveFeed(Protocol):
    """Carries changes to screens. Called on the engine's thread; must return at once."""

    def publish(self, snapshot: LiveSnapshot, changes: Sequence[Change]) -> None: ...


class Desk(Protocol):
    """Takes commands. The future resolves after the commit, or with the refusal."""

    def submit(self, command: Command) -> Future[Outcome]: ...
