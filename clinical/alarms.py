"""When is a value beyond its limit, for how long, and what becomes of the alarm condition?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from clinical.vitals import Metric


class AlarmPriority(StrEnum):
    """IEC 60601-1-8: high = act now, medium = act soon, low = advisory."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @property
    def rank(self) -> int:
        return _RANK[self]

    @property
    def mark(self) -> str:
        """The stars before a physiological message."""
        return "*" * (self.rank + 1)


_RANK = {AlarmPriority.LOW: 0, AlarmPriority.MEDIUM: 1, AlarmPriority.HIGH: 2}


class AlarmKind(StrEnum):
    PHYSIOLOGICAL = "physiological"  # the patient
    TECHNICAL = "technical"  # the equipment


class Direction(StrEnum):
    HIGH = "high"
    LOW = "low"


class Operator(StrEnum):
    """Which side of a limit is out; the printed operator decides about the limit itself."""

    BELOW = "<"
    AT_OR_BELOW = "<="
    ABOVE = ">"
    AT_OR_ABOVE = ">="

    @property
    def direction(self) -> Direction:
        return Direction.LOW if self in (Operator.BELOW, Operator.AT_OR_BELOW) else Direction.HIGH

    def holds(self, value: float, limit: float) -> bool:
        match self:
            case Operator.BELOW:
                return value < limit
            case Operator.AT_OR_BELOW:
                return value <= limit
            case Operator.ABOVE:
                return value > limit
            case Operator.AT_OR_ABOVE:
                return value >= limit


@dataclass(frozen=True, slots=True)
class AlarmLimit:
    """One cell of a preset: beyond ``value`` for ``delay_s`` is an alarm of ``priority``.

    Once raised it clears when the value is back inside by ``hysteresis`` (the metric's unit).
    """

    metric: Metric
    operator: Operator
    value: float
    priority: AlarmPriority
    delay_s: float = 0.0
    hysteresis: float = 0.0

    @property
    def direction(self) -> Direction:
        return self.operator.direction

    def is_breached_by(self, value: float) -> bool:
        return self.operator.holds(value, self.value)

    def is_held_by(self, value: float) -> bool:
        """Whether ``value`` keeps an alarm that is already raised (the limit plus hysteresis)."""
        inward = self.hysteresis if self.direction is Direction.HIGH else -self.hysteresis
        return self.operator.holds(value + inward, self.value)


@dataclass(frozen=True, slots=True)
class Standing:
    """How one limit stands: out since when, raised or not, and back inside since when."""

    out_since: datetime | None = None
    in_since: datetime | None = None
    is_raised: bool = False
    raised_at: datetime | None = None  # onset: breach + delay, in data time


@dataclass(frozen=True, slots=True)
class Condition:
    """One sign in one direction: a worse limit escalates it, a lesser one eases it.

    ``limits`` and ``standings`` go together, highest priority first. ``off_delay_s``: how long the
    value must be back inside before a raised limit falls.
    """

    limits: tuple[AlarmLimit, ...]
    standings: tuple[Standing, ...]
    off_delay_s: float

    @classmethod
    def of(cls, limits: Sequence[AlarmLimit], off_delay_s: float) -> Condition:
        ordered = tuple(sorted(limits, key=lambda limit: (-limit.priority.rank, limit.delay_s)))
        return cls(ordered, tuple(Standing() for _ in ordered), off_delay_s)

    @property
    def worst(self) -> tuple[AlarmLimit, Standing] | None:
        """The raised limit of the highest priority; None while the condition is inactive.

        Of two of the same priority, one that the value is still beyond: it is the one to name.
        """
        raised = [
            (limit, standing)
            for limit, standing in zip(self.limits, self.standings, strict=True)
            if standing.is_raised
        ]
        if not raised:
            return None
        worst = [each for each in raised if each[0].priority is raised[0][0].priority]
        return next((each for each in worst if each[1].in_since is None), worst[0])

    @property
    def is_astir(self) -> bool:
        """Whether any limit is raised or on its way there."""
        return any(st.is_raised or st.out_since is not None for st in self.standings)

    @property
    def next_due(self) -> datetime | None:
        """When a delay ends if no further value comes."""
        return min(filter(None, map(self._due, self.limits, self.standings)), default=None)

    def _due(self, limit: AlarmLimit, standing: Standing) -> datetime | None:
        if standing.is_raised:
            since, wait_s = standing.in_since, self.off_delay_s
        else:
            since, wait_s = standing.out_since, limit.delay_s
        return None if since is None else since + timedelta(seconds=wait_s)

    def settled(self, now: datetime) -> Condition:
        """The condition with every delay that has ended by ``now`` carried out.

        A limit that is raised takes the lesser ones with it that are breached too: when it falls
        the condition eases to them, instead of ending and starting anew.
        """
        if not self.is_astir:
            return self
        standings = tuple(
            standing
            if (due := self._due(limit, standing)) is None or due > now
            else Standing()
            if standing.is_raised
            else Standing(is_raised=True, raised_at=due)
            for limit, standing in zip(self.limits, self.standings, strict=True)
        )
        return replace(self, standings=tuple(_with_lesser(standings)))

    def observed(self, value: float, at: datetime) -> Condition:
        """The condition after a value; delays that ended before ``at`` are carried out first.

        A missing value is not passed in: it neither starts a run nor ends one. Else a slow heart
        would fall silent with the electrode that came loose.
        """
        before = self.settled(at)
        standings = tuple(
            _after(limit, standing, value, at)
            for limit, standing in zip(before.limits, before.standings, strict=True)
        )
        return replace(before, standings=standings).settled(at)

    def suspended(self) -> Condition:
        """The condition while its signal is lost: no delay runs, what is raised waits."""
        standings = tuple(
            replace(standing, in_since=None) if standing.is_raised else Standing()
            for standing in self.standings
        )
        return replace(self, standings=standings)

    def returned(self, value: float, at: datetime) -> Condition:
        """The condition after the first value since its signal was lost.

        What was raised and is still held goes on without another delay, or a signal that comes
        and goes would never alarm; what is not held is over.
        """
        standings = tuple(
            Standing(is_raised=True, raised_at=at)
            if standing.is_raised and limit.is_held_by(value)
            else Standing()
            for limit, standing in zip(self.limits, self.standings, strict=True)
        )
        return replace(self, standings=standings).observed(value, at)

    def held_at(self, priority: AlarmPriority, onset_at: datetime) -> Condition:
        """The condition as raised with ``priority`` before a restart: the next values decide."""
        return replace(
            self,
            standings=tuple(
                Standing(is_raised=True, raised_at=onset_at)
                if limit.priority.rank <= priority.rank
                else Standing()
                for limit in self.limits
            ),
        )


def _with_lesser(standings: Iterable[Standing]) -> Iterator[Standing]:
    """``standings``, worst limit first; a breached one below a raised one is raised as well."""
    onset_at = None
    for standing in standings:
        if standing.is_raised:
            onset_at = onset_at or standing.raised_at
        elif onset_at is not None and standing.out_since is not None:
            standing = Standing(is_raised=True, raised_at=onset_at)
        yield standing


def _after(limit: AlarmLimit, standing: Standing, value: float, at: datetime) -> Standing:
    if standing.is_raised:
        in_since = None if limit.is_held_by(value) else standing.in_since or at
        return replace(standing, in_since=in_since)
    if not limit.is_breached_by(value):
        return Standing()
    return Standing(out_since=standing.out_since or at)
