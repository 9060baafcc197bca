"""When is a value beyond its limit, for how long, and what becomes of the alarm condition?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from math import inf

from clinical.vitals import NATURE, Metric


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
class Beside:
    """Another sign that must be beyond a limit of its own for a limit to count: few breaths in a
    patient who saturates well are a bad electrode."""

    metric: Metric
    operator: Operator
    value: float
    hysteresis: float = 0.0

    def is_breached_by(self, value: float) -> bool:
        return self.operator.holds(value, self.value)

    def is_held_by(self, value: float) -> bool:
        return self.operator.holds(value + _inward(self.operator, self.hysteresis), self.value)


NOTHING_BESIDE: Mapping[Metric, float] = {}


@dataclass(frozen=True, slots=True)
class AlarmLimit:
    """One cell of a preset: beyond ``value`` for ``delay_s`` is an alarm of ``priority``.

    Once raised it clears when the value is back inside by ``hysteresis`` (the metric's unit).
    ``change`` is set where ``value`` was worked out from the baseline: 0.3 is 30 % above it.
    ``is_adjusted``: a nurse moved it for this session.
    """

    metric: Metric
    operator: Operator
    value: float
    priority: AlarmPriority
    delay_s: float = 0.0
    hysteresis: float = 0.0
    beside: Beside | None = None
    change: float | None = None
    is_adjusted: bool = False

    @property
    def direction(self) -> Direction:
        return self.operator.direction

    @property
    def is_plain(self) -> bool:
        """Whether it is a number of its own, of no baseline and beside no other sign."""
        return self.beside is None and self.change is None

    @property
    def words(self) -> str:
        """> 160; >= 166 (+30 %); < 10 with SpO2 < 94."""
        words = f"{self.operator} {self.value:.{0 if self.value == round(self.value) else 1}f}"
        if self.change is not None:
            words += f" ({self.change:+.0%})".replace("%", " %")
        if self.beside is not None:
            other = self.beside
            words += f" with {NATURE[other.metric].label} {other.operator} {other.value:.0f}"
        return words

    def shown(self, value: float) -> str:
        """``value`` as a message about this limit says it: with as many decimals as it takes not
        to deny itself ("92 < 92")."""
        is_beyond = self.operator.holds(value, self.value)
        for decimals in (0, 1):
            rounded = f"{value:.{decimals}f}"
            if self.operator.holds(float(rounded), self.value) is is_beyond:
                return rounded
        return f"{value:.2f}"

    def is_breached_by(
        self, value: float, others: Mapping[Metric, float] = NOTHING_BESIDE
    ) -> bool | None:
        """Whether ``value`` is beyond; None where that hangs on a sign that ``others`` (the newest
        believable values) does not hold."""
        if not self.operator.holds(value, self.value):
            return False
        if self.beside is None:
            return True
        other = others.get(self.beside.metric)
        return None if other is None else self.beside.is_breached_by(other)

    def is_held_by(
        self, value: float, others: Mapping[Metric, float] = NOTHING_BESIDE
    ) -> bool | None:
        """Whether ``value`` keeps an alarm that is already raised (the limit plus hysteresis)."""
        if not self.operator.holds(value + _inward(self.operator, self.hysteresis), self.value):
            return False
        if self.beside is None:
            return True
        other = others.get(self.beside.metric)
        return None if other is None else self.beside.is_held_by(other)


def _inward(operator: Operator, hysteresis: float) -> float:
    """What to add to a value before it is compared, so that it must be back by ``hysteresis``."""
    return hysteresis if operator.direction is Direction.HIGH else -hysteresis


@dataclass(frozen=True, slots=True)
class RelativeLimit:
    """A limit that hangs on the patient's own baseline; off while there is none.

    ``change`` 0.3 is 30 % above the baseline, -0.2 is 20 % below.
    """

    metric: Metric
    operator: Operator
    change: float
    priority: AlarmPriority
    delay_s: float = 0.0
    hysteresis: float = 0.0
    beside: Beside | None = None

    def against(self, baseline: float) -> AlarmLimit:
        """The limit of a patient whose ``baseline`` (the metric's unit) is known."""
        return AlarmLimit(
            metric=self.metric,
            operator=self.operator,
            value=round(baseline * (1 + self.change), 6),  # 0.7 * 170 is 119, not a bit less
            priority=self.priority,
            delay_s=self.delay_s,
            hysteresis=self.hysteresis,
            beside=self.beside,
            change=self.change,
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """How one limit stands: out since when, raised or not, and back inside since when."""

    out_since: datetime | None = None
    in_since: datetime | None = None
    is_raised: bool = False
    raised_at: datetime | None = None  # onset: breach + delay, in data time


INSIDE = Standing()  # the one that stands for all that are neither out nor raised


@dataclass(frozen=True, slots=True)
class Condition:
    """One sign in one direction: a worse limit escalates it, a lesser one eases it.

    ``limits`` and ``standings`` go together, highest priority first. ``off_delay_s``: how long the
    value must be back inside before a raised limit falls.
    """

    limits: tuple[AlarmLimit, ...]
    standings: tuple[Standing, ...]
    off_delay_s: float
    looks_beside: frozenset[Metric] = frozenset()  # the other signs that its limits ask for
    inside: tuple[float, float] = (inf, -inf)  # between these no limit can be breached

    @classmethod
    def of(cls, limits: Sequence[AlarmLimit], off_delay_s: float) -> Condition:
        ordered = tuple(sorted(limits, key=lambda limit: (-limit.priority.rank, limit.delay_s)))
        beside = frozenset(limit.beside.metric for limit in limits if limit.beside is not None)
        lows = [limit.value for limit in limits if limit.direction is Direction.LOW]
        highs = [limit.value for limit in limits if limit.direction is Direction.HIGH]
        inside = (max(lows, default=-inf), min(highs, default=inf))
        return cls(ordered, tuple(INSIDE for _ in ordered), off_delay_s, beside, inside)

    @property
    def worst(self) -> tuple[AlarmLimit, Standing] | None:
        """The raised limit of the highest priority; None while the condition is inactive.

        Of two of the same priority, one that the value is still beyond, and the one further out.
        """
        if not self.is_astir:
            return None
        raised = [
            (limit, standing)
            for limit, standing in zip(self.limits, self.standings, strict=True)
            if standing.is_raised
        ]
        if not raised:
            return None
        worst = [each for each in raised if each[0].priority is raised[0][0].priority]
        held = [each for each in worst if each[1].in_since is None] or worst
        further = max if held[0][0].direction is Direction.HIGH else min
        return further(held, key=lambda each: each[0].value)

    @property
    def is_astir(self) -> bool:
        """Whether any limit is raised or on its way there."""
        return self.standings != (INSIDE,) * len(self.standings)

    @property
    def next_due(self) -> datetime | None:
        """When a delay ends if no further value comes."""
        if not self.is_astir:
            return None
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
            else INSIDE
            if standing.is_raised
            else Standing(is_raised=True, raised_at=due)
            for limit, standing in zip(self.limits, self.standings, strict=True)
        )
        return replace(self, standings=tuple(_with_lesser(standings)))

    def observed(
        self,
        value: float,
        at: datetime,
        others: Mapping[Metric, float] = NOTHING_BESIDE,
        *,
        may_end: bool = True,
    ) -> Condition:
        """The condition after a value; delays that ended before ``at`` are carried out first.

        A missing value is not passed in: it neither starts a run nor ends one. Else a slow heart
        would fall silent with the electrode that came loose. ``others`` are the newest believable
        values of the signs that limits look at beside. Without ``may_end`` the value can begin and
        hold an alarm, and end none: it is less sure than the ones before it.
        """
        if self.inside[0] < value < self.inside[1] and not self.is_astir:
            return self
        before = self.settled(at)
        standings = tuple(
            after if may_end or _is_out(after) else standing
            for limit, standing in zip(before.limits, before.standings, strict=True)
            for after in [_after(limit, standing, value, at, others)]
        )
        if standings == before.standings:
            return before
        return replace(before, standings=standings).settled(at)

    def relimited(self, limits: Sequence[AlarmLimit]) -> Condition:
        """The condition under other limits of the same sign and direction; a row that only moved
        goes on as it stands, until the next value decides."""
        known: dict[tuple[object, ...], list[Standing]] = {}
        for limit, standing in zip(self.limits, self.standings, strict=True):
            known.setdefault(_row(limit), []).append(standing)
        after = Condition.of(limits, self.off_delay_s)
        standings = tuple(
            own.pop(0) if (own := known.get(_row(limit))) else INSIDE for limit in after.limits
        )
        return replace(after, standings=standings)

    def suspended(self) -> Condition:
        """The condition while its signal is lost: no delay runs, what is raised waits."""
        if not self.is_astir:
            return self
        standings = tuple(
            replace(standing, in_since=None) if standing.is_raised else INSIDE
            for standing in self.standings
        )
        return replace(self, standings=standings)

    def returned(
        self, value: float, at: datetime, others: Mapping[Metric, float] = NOTHING_BESIDE
    ) -> Condition:
        """The condition after the first value since its signal was lost.

        What was raised and is still held goes on without another delay, or a signal that comes
        and goes would never alarm; what is not held is over.
        """
        standings = tuple(
            Standing(is_raised=True, raised_at=at)
            if standing.is_raised and limit.is_held_by(value, others) is not False
            else INSIDE
            for limit, standing in zip(self.limits, self.standings, strict=True)
        )
        return replace(self, standings=standings).observed(value, at, others)

    def held_at(
        self, priority: AlarmPriority, onset_at: datetime, reached: float | None
    ) -> Condition:
        """The condition as raised before a restart, with ``priority`` and at most the limit
        ``reached``: the next values decide."""
        return replace(
            self,
            standings=tuple(
                Standing(is_raised=True, raised_at=onset_at)
                if _is_within(limit, priority, reached)
                else INSIDE
                for limit in self.limits
            ),
        )


def _is_within(limit: AlarmLimit, priority: AlarmPriority, reached: float | None) -> bool:
    """Whether an alarm of ``priority`` at the limit ``reached`` takes ``limit`` with it."""
    if limit.priority is not priority or reached is None or limit.value == reached:
        return limit.priority.rank <= priority.rank
    return (limit.value < reached) is (limit.direction is Direction.HIGH)


def _with_lesser(standings: Iterable[Standing]) -> Iterator[Standing]:
    """``standings``, worst limit first; a breached one below a raised one is raised as well."""
    onset_at = None
    for standing in standings:
        if standing.is_raised:
            onset_at = onset_at or standing.raised_at
        elif onset_at is not None and standing.out_since is not None:
            standing = Standing(is_raised=True, raised_at=onset_at)
        yield standing


def _after(
    limit: AlarmLimit,
    standing: Standing,
    value: float,
    at: datetime,
    others: Mapping[Metric, float],
) -> Standing:
    if standing.is_raised:
        is_held = limit.is_held_by(value, others)
        in_since = standing.in_since
        if is_held is not None:
            in_since = None if is_held else in_since or at
        return standing if in_since is standing.in_since else replace(standing, in_since=in_since)
    is_breached = limit.is_breached_by(value, others)
    if is_breached is None:  # nobody can say: a run is neither begun nor ended
        return standing
    if not is_breached:
        return INSIDE
    return standing if standing.out_since is not None else Standing(out_since=at)


def _is_out(standing: Standing) -> bool:
    return standing.out_since is not None or (standing.is_raised and standing.in_since is None)


def _row(limit: AlarmLimit) -> tuple[object, ...]:
    """What a limit is, wherever it lies."""
    return (limit.operator, limit.priority, limit.delay_s, limit.change, limit.beside)
