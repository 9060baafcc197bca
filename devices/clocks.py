"""How far is a monitor's clock ahead of ours, by the times that it puts on what it measures?"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, tzinfo
from math import inf
from statistics import median

from clinical.vitals import CONTINUOUS, Observation

# The middle of five is neither the record that lay in a buffer nor the one that a bit was lost of.
COMPARED = 5  # records
AGAIN_AFTER_S = 3600.0
# What the alarm is raised beyond: a clock that was set by less is found within the hour.
SET_BY_S = 5.0
LOOKED_AT_S = 10.0  # how often, between two comparisons: whether it was set
WHOLE_SECOND_S = 1.0  # most monitors tell no fraction: on average half of it has passed
CONTINUOUSLY = frozenset(CONTINUOUS)  # a cuff reading carries the time at which it was taken


class MonitorClock:
    """Compares the times of one monitor with those of their arrival; one object for each port.

    ``zone`` is where the clinic is; None: as this computer has it. A time without a zone is what
    the monitor shows on its screen, and is held against what a wall clock shows here: an hour that
    comes twice is no difference, a summer time that the monitor does not know is one.
    """

    def __init__(self, zone: tzinfo | None = None) -> None:
        self._zone = zone
        self._seen: list[float] = []
        self._last_s: float | None = None  # the offset that was told last
        self._due_s = self._look_s = -inf

    def heard(
        self, observations: Iterable[Observation], received_at: datetime, now_s: float
    ) -> float | None:
        """The offset in s, where a comparison is complete with these; below zero: behind.

        Told from the first few records, hourly, and when the monitor's clock was set. It is some
        tenths of a second too low: by the time that a record takes on the line. ``received_at`` is
        aware UTC, ``now_s`` monotonic.
        """
        if not self._seen and now_s < self._look_s:
            return None
        said = next((one.device_time for one in observations if _is_of_now(one)), None)
        if said is None:
            return None
        offset_s = self._offset_s(said, received_at)
        self._look_s = min(now_s + LOOKED_AT_S, self._due_s)
        is_due = now_s >= self._due_s
        if not is_due and not self._is_other(offset_s) and not self._seen:
            return None
        self._seen.append(offset_s)
        if len(self._seen) < COMPARED:
            return None
        middle_s, self._seen = median(self._seen), []
        if not is_due and not self._is_other(middle_s):
            return None
        self._last_s, self._due_s = middle_s, now_s + AGAIN_AFTER_S
        self._look_s = now_s + LOOKED_AT_S
        return middle_s

    def _is_other(self, offset_s: float) -> bool:
        return self._last_s is not None and abs(offset_s - self._last_s) > SET_BY_S

    def _offset_s(self, said: datetime, received_at: datetime) -> float:
        here = received_at
        if said.tzinfo is None:
            here = received_at.astimezone(self._zone).replace(tzinfo=None)
        fraction_s = 0.0 if said.microsecond else WHOLE_SECOND_S / 2
        return (said - here).total_seconds() + fraction_s


def _is_of_now(one: Observation) -> bool:
    return one.device_time is not None and one.metric in CONTINUOUSLY
