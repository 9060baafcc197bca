"""What does pure code need to know of time? Only the rim holds a clock; rules receive ``now``."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Two clocks in one: UTC for the record, monotonic seconds for ages and delays.

    Both run ``speed`` times faster than real time (1.0 in a clinic); a real wait for ``n`` clock
    seconds lasts ``n / speed``.
    """

    @property
    def speed(self) -> float: ...

    def now(self) -> datetime:
        """Aware UTC, anchored to the monotonic clock, so that it never steps."""
        ...

    def monotonic(self) -> float: ...
