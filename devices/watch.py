"""Is a line live, quiet or damaged, going by what it delivered?"""

from __future__ import annotations

from collections import deque

from clinical.links import LinkState
from devices.protocols.line import LineSettings

# Alarm design, technical conditions: "no bytes", "bytes but no valid frame".
QUIET_INTERVALS = 3
DAMAGED_SHARE = 0.2  # of the pieces of the window, good and garbled
WINDOW_S = 10
# At least so many intervals, or a slow monitor's window would hold two records.
WINDOW_INTERVALS = 5
RUN_ENDS_S = 8.0  # without a byte; longer than any monitor's interval
# Plugging in costs one or two pieces: half a frame, a spark. Three are no accident.
FEWEST_GARBLED = 3

NO_VALID_RECORD = "Bytes arrive but no valid record: is this the right monitor? Expected {}."
OFTEN_DAMAGED = "{} of the last {} records arrived damaged: check the cable and its plugs."
SILENT = "Nothing heard for {:.0f} s: is the monitor on, and the cable in at both ends?"


class Watch:
    """What came from one open port. All times are monotonic seconds; no clock of its own."""

    def __init__(self, settings: LineSettings, opened_s: float) -> None:
        self._settings = settings
        self._good_s = opened_s  # last good frame; before the first: the opening
        self._heard_s = opened_s  # last byte
        self._vain_s: float | None = None  # first byte of a run that gave no good frame yet
        self._is_proven = False
        self._seconds: deque[tuple[int, int, int]] = deque()  # second, good, garbled

    @property
    def is_proven(self) -> bool:
        """Whether a good frame came at all."""
        return self._is_proven

    def heard(self, now_s: float, good: int, garbled: int) -> None:
        """Note that bytes came, and what they completed."""
        if self._vain_s is None or now_s - self._heard_s > RUN_ENDS_S:
            self._vain_s = now_s
        self._heard_s = now_s
        if good:
            self._good_s, self._vain_s, self._is_proven = now_s, None, True
        if good or garbled:
            second = int(now_s)
            if self._seconds and self._seconds[-1][0] == second:
                _, good_before, garbled_before = self._seconds.pop()
                good, garbled = good + good_before, garbled + garbled_before
            self._seconds.append((second, good, garbled))

    def judge(self, now_s: float, interval_s: float) -> tuple[LinkState, str]:
        """State of the line and its reason, for a nurse; records are due every ``interval_s``."""
        window_s = max(WINDOW_S, WINDOW_INTERVALS * interval_s)
        while self._seconds and self._seconds[0][0] < now_s - window_s:
            self._seconds.popleft()
        quiet_s = max(self._settings.quiet_after_s, QUIET_INTERVALS * interval_s)
        if now_s - self._good_s > quiet_s:
            # Bytes that still come and have come for a while: neither the half record before a
            # pulled cable nor the one that ends a silence.
            is_vain = self._vain_s is not None and now_s - self._vain_s > quiet_s / 2
            if is_vain and now_s - self._heard_s < quiet_s / 2:
                return LinkState.DAMAGED, NO_VALID_RECORD.format(self._settings)
            return LinkState.QUIET, SILENT.format(now_s - self._good_s)
        garbled = sum(second[2] for second in self._seconds)
        if garbled >= FEWEST_GARBLED:
            pieces = garbled + sum(second[1] for second in self._seconds)
            if garbled > DAMAGED_SHARE * pieces:
                return LinkState.DAMAGED, OFTEN_DAMAGED.format(garbled, pieces)
        if not self._is_proven:
            return LinkState.CONNECTING, "Waiting for the monitor's first record."
        return LinkState.LIVE, ""
