"""What waits for the disk, in which order is it written, and what goes first when it is too much?

Rare facts and commands are written in the order they came. Frames and readings are, each among
themselves; they do not hold up an alarm or a signature behind an hour of back-fill.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from clinical.ports import CommitResult
from clinical.record import Fact, Gap, Reading, Vitals
from clinical.sign_off import Actor
from storage.facts import RareFact

# Back-fill goes in pieces, so that an alarm waits for one of them at most: about 0.1 s.
RARE_AT_ONCE = 500
SAMPLES_AT_ONCE = 5_000
T = TypeVar("T")
TOO_MUCH = "the record could not be written, and too much waited to keep it all"


@dataclass(frozen=True, slots=True)
class Command:
    """What a person asked for, with the facts that follow from it: all in one transaction."""

    command_id: UUID
    kind: str
    by: Actor
    facts: tuple[Fact, ...]
    done: Callable[[CommitResult], None]


@dataclass(slots=True)
class Batch:
    """What one transaction writes: ``rare`` first (a session must be there before its vitals)."""

    rare: list[RareFact | Reading | Command] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    vitals: list[Vitals] = field(default_factory=list)
    lost: list[Gap] = field(default_factory=list)  # what had to be given up before this try
    is_all: bool = True  # nothing else waited

    @property
    def rows(self) -> int:
        """Facts and commands; a batch without any is empty."""
        rare = sum(1 + len(x.facts) if isinstance(x, Command) else 1 for x in self.rare)
        return rare + len(self.readings) + len(self.vitals) + len(self.lost)


class Backlog:
    """Facts in memory, at most ``capacity`` measured values; not safe between threads.

    Above it the oldest frames go first, then the oldest readings, and a Gap says so. Rare facts
    never go; what a person entered by hand is one of them.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._values = 0
        self._rare: deque[RareFact | Reading | Command] = deque()
        self._readings: deque[Reading] = deque()
        self._vitals: deque[Vitals] = deque()
        self._lost: dict[UUID, tuple[datetime, datetime]] = {}

    def __len__(self) -> int:
        """How many facts and commands wait."""
        return len(self._rare) + len(self._readings) + len(self._vitals)

    def add(self, facts: Sequence[Fact]) -> None:
        for fact in facts:
            match fact:
                case Vitals():
                    self._vitals.append(fact)
                    self._values += len(fact.observations)
                case Reading(entry=None):
                    self._readings.append(fact)
                    self._values += 1
                case _:
                    self._rare.append(fact)
        self._make_room()

    def add_command(self, command: Command) -> None:
        self._rare.append(command)

    def take(self) -> Batch:
        """What to write next; the caller either wrote it or puts it back."""
        batch = Batch(
            rare=_take(self._rare, RARE_AT_ONCE),
            readings=_take(self._readings, SAMPLES_AT_ONCE),
            vitals=_take(self._vitals, SAMPLES_AT_ONCE),
            lost=[Gap(session, *stretch, TOO_MUCH) for session, stretch in self._lost.items()],
        )
        batch.is_all = not len(self)
        self._values -= _values(batch)
        self._lost.clear()
        return batch

    def put_back(self, batch: Batch) -> list[Command]:
        """``batch`` was not written: it waits again, before all that came since.

        Returns the commands, which do not wait: they are answered "not recorded", and must not be
        written later behind a person's back. Those not yet tried are among them: one answer for
        all who stand at a disk that fails.
        """
        self._readings.extendleft(reversed(batch.readings))
        self._vitals.extendleft(reversed(batch.vitals))
        self._values += _values(batch)
        for gap in batch.lost:
            self._lose(gap.session, gap.since, gap.until)
        self._make_room()
        rare = [*batch.rare, *self._rare]
        self._rare = deque(x for x in rare if not isinstance(x, Command))
        return [x for x in rare if isinstance(x, Command)]

    def _make_room(self) -> None:
        while self._values > self._capacity and self._vitals:
            frame = self._vitals.popleft()
            self._values -= len(frame.observations)
            self._lose(frame.session, frame.at, frame.at)
        while self._values > self._capacity and self._readings:
            reading = self._readings.popleft()
            self._values -= 1
            at = reading.observation.observed_at
            self._lose(reading.session, at, at)

    def _lose(self, session: UUID, since: datetime, until: datetime) -> None:
        known = self._lost.get(session, (since, until))
        self._lost[session] = (min(known[0], since), max(known[1], until))


def _take(waiting: deque[T], most: int) -> list[T]:
    return [waiting.popleft() for _ in range(min(most, len(waiting)))]


def _values(batch: Batch) -> int:
    return len(batch.readings) + sum(len(frame.observations) for frame in batch.vitals)
