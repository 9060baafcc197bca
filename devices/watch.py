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
# A line that was damaged is live again when it was well for half a window, 5 s at least: as long as
# a second monitor must be well before its numbers are shown again. Well is half the damage that
# begins it, over the whole window too: around the limit itself each record would be a new alarm.
WELL_SHARE = DAMAGED_SHARE / 2
# Plugging in costs one or two pieces: half a frame, a spark. Three are no accident.
FEWEST_GARBLED = 3

NO_VALID_RECORD = "Bytes arrive but no valid record: is this the right monitor? Expected {}."
NONE_ANY_MORE = (
    "Bytes arrive but no valid record for {:.0f} s: check the cable, its plugs, and whether the "
    "monitor is still set to {}."
)
OFTEN_DAMAGED = "{} of the last {} records arrived damaged: check the cable and its plugs."
WAS_DAMAGED = "Records arrived damaged a moment ago: check the cable and its plugs."
SILENT = "Nothing heard for {:.0f} s: is the monitor on, and the cable in at both ends?"
HARDLY = (
    "Hardly anything heard, and no record for {:.0f} s: is the monitor on, and the cable in at "
    "both ends?"
)


class Watch:
    """What came from one open port. All times are monotonic seconds; no clock of its own.

    It remembers what it judged last: a line on the edge of two states stays in the one it is in.
    """

    def __init__(self, settings: LineSettings, opened_s: float) -> None:
        self._settings = settings
        self._good_s = opened_s  # last good frame; before the first: the opening
        self._heard_s = opened_s  # last byte
        self._vain_s: float | None = None  # first byte of a run that gave no good frame yet
        self._is_proven = False
        self._is_known = False  # a whole message came, of a monitor that may not measure yet
        self._judged = LinkState.CONNECTING
        self._quiet_s = settings.quiet_after_s  # when it was judged last
        self._seconds: deque[tuple[int, int, int]] = deque()  # second, good, garbled

    @property
    def is_proven(self) -> bool:
        """Whether a good frame came at all."""
        return self._is_proven

    def heard(self, now_s: float, good: int, garbled: int, is_known: bool = False) -> None:
        """Note that bytes came, and what they completed: ``good`` records of a monitor that
        measures; ``is_known``: any whole message."""
        self._is_known = self._is_known or is_known or good > 0
        # Once a silence was told, a few bytes now and then are no run.
        ends_s = self._quiet_s / 2 if self._judged is LinkState.QUIET else RUN_ENDS_S
        if self._vain_s is None or now_s - self._heard_s > ends_s:
            self._vain_s = now_s
        self._heard_s = now_s
        if good:
            if not self._is_proven:
                self._judged = LinkState.CONNECTING  # what was before its first record is no past
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
        self._quiet_s = max(self._settings.quiet_after_s, QUIET_INTERVALS * interval_s)
        if now_s - self._good_s > self._quiet_s:
            self._judged, reason = self._in_vain(now_s, self._quiet_s)
        else:
            self._judged, reason = self._by_share(now_s, window_s)
        return self._judged, reason

    def _in_vain(self, now_s: float, quiet_s: float) -> tuple[LinkState, str]:
        """Quiet or damaged, where no good record came for ``quiet_s``.

        Damaged are bytes that still come and have come for a while: neither the half record before
        a pulled cable nor the one that ends a silence. It stays so until nothing came for as long
        as a silence takes; and once that was told, what comes must begin anew to be damage.
        """
        silent_s, no_record_s = now_s - self._heard_s, now_s - self._good_s
        if self._judged is LinkState.DAMAGED:
            is_damaged = silent_s <= quiet_s
        else:
            is_vain = self._vain_s is not None and now_s - self._vain_s > quiet_s / 2
            is_damaged = is_vain and silent_s < quiet_s / 2
        if is_damaged:
            words = NONE_ANY_MORE.format(no_record_s, self._settings)
            unknown = NO_VALID_RECORD.format(self._settings)
            return LinkState.DAMAGED, words if self._is_known else unknown
        if silent_s >= quiet_s / 2:
            return LinkState.QUIET, SILENT.format(silent_s)
        return LinkState.QUIET, HARDLY.format(no_record_s)

    def _by_share(self, now_s: float, window_s: float) -> tuple[LinkState, str]:
        """Damaged, connecting or live, where good records come."""
        garbled, pieces = self._counted(now_s - window_s)
        if garbled >= FEWEST_GARBLED and garbled > DAMAGED_SHARE * pieces:
            return LinkState.DAMAGED, OFTEN_DAMAGED.format(garbled, pieces)
        if self._judged is LinkState.DAMAGED:
            lately, of = self._counted(now_s - window_s / 2)
            if garbled > WELL_SHARE * pieces or lately > WELL_SHARE * of:
                words = OFTEN_DAMAGED.format(garbled, pieces) if garbled > 1 else WAS_DAMAGED
                return LinkState.DAMAGED, words
        if not self._is_proven:
            return LinkState.CONNECTING, "Waiting for the monitor's first record."
        return LinkState.LIVE, ""

    def _counted(self, since_s: float) -> tuple[int, int]:
        """Garbled pieces since ``since_s``, and all pieces."""
        seconds = [each for each in self._seconds if each[0] >= since_s]
        garbled = sum(each[2] for each in seconds)
        return garbled, garbled + sum(each[1] for each in seconds)
