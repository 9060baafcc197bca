"""Which clock does a running Vigil use? UTC anchored to the monotonic clock, or a faster one."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

BEHIND_AT_MOST = timedelta(days=1)  # more is a record with a wrong date, not a clock without power


class SteadyClock:
    """Never steps: UTC is read once, and from then on the monotonic clock carries it.

    ``speed`` scales both clocks for a demonstration (1.0 in a clinic); ``start`` is the UTC time
    at which such a clock begins (default: now).
    """

    def __init__(self, speed: float = 1.0, start: datetime | None = None) -> None:
        self.speed = speed
        self._anchor_s = time.monotonic()
        self._anchor = start or datetime.now(UTC)

    def now(self) -> datetime:
        passed_s = (time.monotonic() - self._anchor_s) * self.speed
        return self._anchor + timedelta(seconds=passed_s)

    def not_before(self, newest: datetime) -> timedelta:
        """Go on from ``newest``, the last time in the record, where the wall clock lies behind it.

        A computer that lost its time would else date what happens now before what happened: pauses
        would not end, and cuffs would count as old. Returns by how much the clock was put on.
        """
        behind = newest - self.now()
        if not timedelta(0) < behind <= BEHIND_AT_MOST:
            return timedelta(0)
        self._anchor += behind
        return behind

    def monotonic(self) -> float:
        return time.monotonic() * self.speed
