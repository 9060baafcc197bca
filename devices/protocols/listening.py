"""What is said to a monitor that talks unasked? Nothing."""

from __future__ import annotations

from math import inf

from devices.protocols.line import LineSettings


class Listening:
    """The Talk of a streamed monitor: it sends nothing, so that it can disturb nothing."""

    def __init__(self, settings: LineSettings) -> None:
        self._interval_s = settings.interval_s

    @property
    def interval_s(self) -> float:
        """Seconds between records: the monitor's own, which cannot be asked to change."""
        return self._interval_s

    def opening(self, now_s: float) -> bytes:
        return b""

    def heard(self, message: object, now_s: float) -> bytes:
        return b""

    def due(self, now_s: float) -> tuple[bytes, float]:
        return b"", inf

    def closing(self) -> bytes:
        return b""
