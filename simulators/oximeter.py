"""What does any oximeter make of its sensor, before it prints a line of text?

``Oximeter`` adds to the screen what a script cannot say: that a pulse is looked for after a sensor
comes back, and that the last numbers stand a moment longer than the sensor. ``Beat`` keeps a
monitor's lines in time.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from simulators.displayed import Displayed, Module


class Sensor(StrEnum):
    """Where the sensor is, as far as the oximeter can tell."""

    NONE = "none"  # nothing plugged in
    LEAVING = "leaving"  # just off: the last numbers still stand
    OFF = "off"
    SEARCHING = "searching"  # on again, and no pulse found yet
    ON = "on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the oximeter has to say at one moment; whole numbers as they are shown."""

    sensor: Sensor
    spo2_pct: int | None = None
    pulse_bpm: int | None = None
    modulation_pct: float | None = None
    variability_pct: int | None = None
    is_moving: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Alarm limits. A value on the limit is no alarm; None: that alarm is off."""

    spo2_low_pct: int | None
    spo2_high_pct: int | None
    pulse_low_bpm: int | None
    pulse_high_bpm: int | None

    def spo2_is(self, reading: Reading) -> str:
        """Beyond which limit: low, high or empty for none. None unless the sensor is on."""
        return _side(reading, reading.spo2_pct, self.spo2_low_pct, self.spo2_high_pct)

    def pulse_is(self, reading: Reading) -> str:
        """As ``spo2_is``."""
        return _side(reading, reading.pulse_bpm, self.pulse_low_bpm, self.pulse_high_bpm)


def _side(reading: Reading, value: int | None, low: int | None, high: int | None) -> str:
    if value is None or reading.sensor is not Sensor.ON:
        return ""
    if low is not None and value < low:
        return "low"
    return "high" if high is not None and value > high else ""


class Oximeter:
    """One oximeter's view of the screen. It remembers, so ask it once for each line, in order.

    ``search_s``: how long it looks for a pulse after a sensor comes back; a sensor that is on from
    the first is taken to have been found before. ``holds_s``: how long the last numbers stand after
    the sensor has left. Numbers outside ``spo2_range`` and ``pulse_range`` are not shown.
    """

    def __init__(
        self,
        showing: Callable[[float], Displayed],
        *,
        search_s: float,
        holds_s: float,
        spo2_range: tuple[int, int],
        pulse_range: tuple[int, int],
    ) -> None:
        self._showing = showing
        self._search_s, self._holds_s = search_s, holds_s
        self._spo2_range, self._pulse_range = spo2_range, pulse_range
        self._is_on = True
        self._changed_s = -math.inf  # when the sensor last came or went
        self._last: Reading | None = None  # the last one with numbers

    def at(self, t_s: float) -> tuple[Reading, Displayed]:
        """What it has to say at ``t_s``, and the screen that this comes from."""
        shown = self._showing(t_s)
        is_plugged_in = Module.SPO2 in shown.attached
        is_on = is_plugged_in and (shown.spo2_pct, shown.pulse_bpm) != (None, None)
        if is_on != self._is_on:
            self._is_on, self._changed_s = is_on, t_s
        since_s = t_s - self._changed_s
        if not is_plugged_in:
            self._last = None
            return Reading(sensor=Sensor.NONE), shown
        if not is_on:
            if self._last is not None and since_s < self._holds_s:
                return replace(self._last, sensor=Sensor.LEAVING, is_moving=False), shown
            return Reading(sensor=Sensor.OFF), shown
        if since_s < self._search_s:
            self._last = None
            return Reading(sensor=Sensor.SEARCHING), shown
        self._last = Reading(
            sensor=Sensor.ON,
            spo2_pct=_whole(shown.spo2_pct, self._spo2_range),
            pulse_bpm=_whole(shown.pulse_bpm, self._pulse_range),
            modulation_pct=shown.pleth_modulation_pct,
            variability_pct=_whole(shown.pleth_variability_pct, (0, 100)),
            is_moving=shown.is_pulse_noisy,
        )
        return self._last, shown


def _whole(value: float | None, allowed: tuple[int, int]) -> int | None:
    if value is None:
        return None
    rounded = math.floor(value + 0.5)
    return rounded if allowed[0] <= rounded <= allowed[1] else None


class Beat:
    """Every ``every_s`` seconds from the first time it is asked; what is missed is gone."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._next_s: float | None = None

    def is_due(self, t_s: float) -> bool:
        """Whether a line is due by ``t_s``; it is then taken to go out."""
        if self._next_s is None:
            self._next_s = t_s
        if t_s < self._next_s:
            return False
        self._next_s += (math.floor((t_s - self._next_s) / self._every_s) + 1) * self._every_s
        return True

    @property
    def next_s(self) -> float:
        """When the next line is due."""
        return -math.inf if self._next_s is None else self._next_s


def clock_at(unix_s: float) -> datetime:
    """The monitor's own clock, in whole seconds."""
    # A due time that sums up to a hair under its second still belongs to that second.
    return datetime.fromtimestamp(math.floor(unix_s + 1e-3), UTC)
