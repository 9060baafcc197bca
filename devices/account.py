"""What came over one line since Vigil started? Counted by the link, read by the monitors page."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from datetime import datetime
from threading import Lock

from clinical.identity import Identity
from devices.report import TAIL, UNKNOWN_MAX, LineReport

RATES_OVER_S = 10.0
OTHERS = "others"
TAIL_MOST = 8 * TAIL


class Account:
    """Counts of all ports that were opened for one line; safe from any thread. ``report`` sees
    either all of a read or nothing of it. Times ``_s`` are monotonic.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._opened_s = 0.0
        self._opened_at: datetime | None = None
        self._last_good_at: datetime | None = None
        self._device = ""
        self._opened = self._received = self._frames = self._garbled = 0
        self._recent: deque[tuple[float, int, int]] = deque()  # read at, frames, garbled
        self._identity: Identity | None = None
        self._offset_s: float | None = None
        self._offset_at: datetime | None = None
        self._unknown: dict[str, int] = {}
        # What came last, and how often since: most monitors send the same ones all the time.
        self._again: tuple[str, ...] = ()
        self._times = 0
        self._tail = bytearray()  # more than the page shows: it is cut now and then

    def opened(self, device: str, at: datetime, now_s: float) -> None:
        """A port was opened: rates begin anew, and nobody said yet who is there."""
        with self._lock:
            self._device, self._opened_at, self._opened_s = device, at, now_s
            self._opened += 1
            self._recent.clear()
            self._identity = None

    def heard(self, data: bytes, frames: int, garbled: int, at: datetime, now_s: float) -> None:
        """One read, and how many pieces it completed."""
        with self._lock:
            self._received += len(data)
            self._tail += data
            if len(self._tail) > TAIL_MOST:
                del self._tail[:-TAIL]
            if frames:
                self._last_good_at = at
            if frames or garbled:
                self._frames += frames
                self._garbled += garbled
                self._recent.append((now_s, frames, garbled))
                self._forget(now_s)

    def not_read(self, names: tuple[str, ...]) -> None:
        """What a message held that nobody reads, each time that it comes."""
        if names == self._again:  # without the lock, for only the link writes here
            self._times += 1
            return
        with self._lock:
            self._unknown = self._counted()
            self._again, self._times = names, 1

    def identified(self, identity: Identity) -> None:
        with self._lock:
            self._identity = identity

    def clock_read(self, offset_s: float, at: datetime) -> None:
        with self._lock:
            self._offset_s, self._offset_at = offset_s, at

    def add_to(self, line: LineReport, now_s: float) -> LineReport:
        """``line`` with the counts as they are now."""
        with self._lock:
            self._forget(now_s)
            frames = sum(each[1] for each in self._recent)
            garbled = sum(each[2] for each in self._recent)
            span_s = min(RATES_OVER_S, max(1.0, now_s - self._opened_s))
            return replace(
                line,
                device=self._device,
                opened_at=self._opened_at,
                last_good_at=self._last_good_at,
                received=self._received,
                frames=self._frames,
                garbled=self._garbled,
                frames_per_s=frames / span_s,
                damaged_share=garbled / (frames + garbled) if garbled else 0.0,
                opened=self._opened,
                identity=self._identity,
                clock_offset_s=self._offset_s,
                clock_read_at=self._offset_at,
                unknown=self._counted(),
                tail=bytes(self._tail[-TAIL:]),
            )

    def _counted(self) -> dict[str, int]:
        """The names and how often each came, those that came last included."""
        counts = dict(self._unknown)
        for name in self._again:
            counted = name if name in counts or len(counts) < UNKNOWN_MAX else OTHERS
            counts[counted] = counts.get(counted, 0) + self._times
        return counts

    def _forget(self, now_s: float) -> None:
        while self._recent and self._recent[0][0] <= now_s - RATES_OVER_S:
            self._recent.popleft()
