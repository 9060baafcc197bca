"""What does a Nonin oximeter write on its serial port in its plain text format?

    SPO2=097 HR=072 CR LF            09:30:00 SPO2=097 HR=072*

9600 baud, 8 data bits, no parity; a line a second, unasked, after a header at power-up.
Source: real-time data output in the Nonin operator's manuals: 7500FO, Avant 4000 and 9600 (F, the
event mark), 8500, 8600V and 9847 (the time in front; B for a breath).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from simulators.displayed import Displayed
from simulators.oximeter import Beat, Oximeter, clock_at

BAUD = 9600
PARITY = "N"
EVERY_S = 1.0
LINE_END = b"\r\n"

SPO2_PCT, PULSE_BPM = (0, 100), (18, 321)
SEARCH_S = 5.0  # ours: no source says how long a returning sensor shows dashes


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What one model adds to the plain line."""

    has_time: bool = False
    has_fast: bool = False  # can be set to send fast-response values, marked F
    has_breaths: bool = False


MODELS = {
    "7500FO": Model(),
    "4000": Model(has_fast=True),
    "9600": Model(has_fast=True),
    "2500": Model(),
    "8500": Model(has_time=True),
    "9847": Model(has_time=True, has_breaths=True),
}


class Monitor:
    """One oximeter; no port, no clock.

    ``showing(t_s)`` gives the screen at a time of the scenario; ``begin_unix_s`` is the monitor's
    own clock at scenario time zero. ``model`` is one of MODELS. ``is_fast``: the switch of the
    tabletop models for fast-response values. ``marked_s``: when somebody presses the event key.
    """

    def __init__(
        self,
        showing: Callable[[float], Displayed],
        *,
        begin_unix_s: float = 0.0,
        model: str = "7500FO",
        is_fast: bool = False,
        marked_s: tuple[float, ...] = (),
        search_s: float = SEARCH_S,
    ) -> None:
        self._oximeter = Oximeter(
            showing, search_s=search_s, holds_s=0.0, spo2_range=SPO2_PCT, pulse_range=PULSE_BPM
        )
        self._begin_unix_s = begin_unix_s
        self._name, self._model = model, MODELS[model]
        self._is_fast = is_fast and self._model.has_fast
        self._marks = sorted(marked_s)
        self._beat = Beat(EVERY_S)
        self._has_begun = False
        self._breaths = 0.0  # how far into the present breath, 0 to 1

    def heard(self, _data: bytes, _t_s: float) -> bytes:
        """Nothing: the format has no requests."""
        return b""

    def due(self, t_s: float) -> tuple[bytes, float]:
        """The line due by ``t_s``, the first one after the header, and when the next will be."""
        if not self._beat.is_due(t_s):
            return b"", self._beat.next_s
        at = clock_at(self._begin_unix_s + t_s)
        reading, shown = self._oximeter.at(t_s)
        written = line(
            reading.spo2_pct,
            reading.pulse_bpm,
            at=at if self._model.has_time else None,
            is_fast=self._is_fast,
            has_breath=self._breathes(shown) and self._model.has_breaths,
            is_marked=self._is_marked(t_s),
        )
        if not self._has_begun:
            self._has_begun = True
            written = header(self._name, at) + written
        return written, self._beat.next_s

    def _breathes(self, shown: Displayed) -> bool:
        """Whether a breath ends in this second, by the CO2 that the model sees."""
        self._breaths += (shown.co2_resp_rpm or 0.0) / 60.0 * EVERY_S
        if self._breaths < 1.0:
            return False
        self._breaths %= 1.0
        return True

    def _is_marked(self, t_s: float) -> bool:
        pressed = [mark_s for mark_s in self._marks if mark_s <= t_s]
        self._marks = self._marks[len(pressed) :]
        return bool(pressed)


def line(
    spo2_pct: int | None,
    pulse_bpm: int | None,
    *,
    at: time | datetime | None = None,
    is_fast: bool = False,
    has_breath: bool = False,
    is_marked: bool = False,
) -> bytes:
    """One line with its end. The manuals put the event mark at the end of it."""
    clock = "" if at is None else f"{at:%H:%M:%S} "
    marks = " F" * is_fast + "B" * has_breath + "*" * is_marked
    written = f"{clock}SPO2={_three(spo2_pct)} HR={_three(pulse_bpm)}{marks}"
    return written.encode("ascii") + LINE_END


def header(model: str, at: datetime) -> bytes:
    """What is sent at power-up: model, time and date. Its wording is ours: no manual prints it."""
    return f"NONIN {model} {at:%H:%M:%S %m/%d/%y}".encode("ascii") + LINE_END


def _three(value: int | None) -> str:
    return "---" if value is None else f"{value:03d}"


def vector_frame(values: Mapping[str, Any]) -> bytes:
    """One line with its end, from the words of a test vector.

    ``clock`` ("HH:MM:SS"), ``spo2_pct``, ``pulse_rate``, ``is_event``, ``is_fast``, ``is_breath``,
    ``line_end`` ("lf"; CR LF without it). Raises ValueError for any other key, so that no vector
    passes for nothing.
    """
    given = dict(values)
    clock = given.pop("clock", None)
    line_end = {"cr lf": LINE_END, "lf": b"\n"}[given.pop("line_end", "cr lf")]
    written = line(
        given.pop("spo2_pct", None),
        given.pop("pulse_rate", None),
        at=None if clock is None else time.fromisoformat(clock),
        is_fast=given.pop("is_fast", False),
        has_breath=given.pop("is_breath", False),
        is_marked=given.pop("is_event", False),
    )
    if given:
        raise ValueError(f"vector: expected only documented keys, got {', '.join(sorted(given))}")
    return written.removesuffix(LINE_END) + line_end
