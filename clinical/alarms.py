"""When is a value beyond its limit, for how long, and what becomes of the alarm condition?"""

from __future__ import annotations

from dataclasses import dataclass
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
