"""How does a Nonin oximeter speak? Real-time text: one short line a second.

    SPO2=097 HR=072         three digits, --- where there is no data
    09:30:00 SPO2=097 HR=072*

9600 baud, unasked, CR LF. Handhelds put the time of day in front. After the rate may stand an event
mark (*), F where fast-response values were chosen, and B for a breath (9847). At power-up comes a
header whose form is not published: it is no data line, so it is reported as garbled and no more.
Nothing else tells which oximeter it is.
There is no checksum: a line with anything odd in it is not believed at all.

Sources: operator's manuals of Nonin 7500FO, Avant 9600, Avant 4000, 8500, 8600V and 9847, chapters
on real-time data output and specifications.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from clinical.vitals import Metric, Observation, Quality, Source
from devices.protocols.line import Garbled, LineSettings
from devices.protocols.listening import Listening
from devices.protocols.text_lines import Line, Lines

# Handhelds send a ninth bit, some models a second stop bit. Both are always mark, which is what an
# idle line looks like: a receiver set to 8N1 reads all of them.
SETTINGS = LineSettings(baud=9600, interval_s=1.0)

LONGEST_LINE = 80  # bytes; the longest data line has some 30, the header's length is not known
LINE = re.compile(
    rb"(?:([01]\d|2[0-3]):([0-5]\d):([0-5]\d) )?SPO2=(\d{3}|---) HR=(\d{3}|---)((?: ?[*FB])*)"
)

# What the displays can show; anything else is no value.
SPO2_PCT = (1, 100)
PULSE_RATE = (18, 321)

MARKS = ("event mark", "fast response", "breath mark")  # that are not read

METRICS = frozenset({Metric.SPO2, Metric.PULSE_RATE})


@dataclass(frozen=True, slots=True)
class DataLine:
    """One line as printed; None: dashes. ``time_of_day`` is HH:MM:SS, without a date."""

    offset: int
    time_of_day: str | None
    spo2_pct: int | None
    pulse_rate: int | None
    is_event: bool
    is_fast: bool
    is_breath: bool


Message = DataLine


class Decoder:
    """Turns the line's bytes into data lines; knows neither port nor time."""

    def __init__(self) -> None:
        self._lines = Lines(LONGEST_LINE)

    def feed(self, data: bytes) -> list[Message | Garbled]:
        """Return the messages that ``data`` completes, in wire order; keep the rest."""
        return [_parse(line) for line in self._lines.feed(data) if line.text.strip()]

    def end(self) -> list[Message | Garbled]:
        """Nothing follows: give what is held, half a line as garbled."""
        return [_parse(line) for line in self._lines.end() if line.text.strip()]


def _parse(line: Line) -> Message | Garbled:
    if not line.is_whole:
        reason = f"cut off, or more than {LONGEST_LINE} bytes without an end of line"
        return Garbled(line.text, reason, line.offset)
    if not (read := LINE.fullmatch(line.text.rstrip(b" "))):
        return Garbled(line.text, "not a data line", line.offset)
    *time, spo2, rate, marks = read.groups()
    return DataLine(
        line.offset,
        None if None in time else b":".join(time).decode(),
        None if spo2 == b"---" else int(spo2),
        None if rate == b"---" else int(rate),
        b"*" in marks,
        b"F" in marks,
        b"B" in marks,
    )


def unknown(message: Message) -> tuple[str, ...]:
    """The marks behind the rate."""
    if not (message.is_event or message.is_fast or message.is_breath):
        return ()
    marks = (message.is_event, message.is_fast, message.is_breath)
    return tuple(name for name, is_set in zip(MARKS, marks, strict=True) if is_set)


def translate(message: Message, observed_at: datetime) -> list[Observation]:
    """What ``message`` says, in Vigil's metrics and units; ``observed_at``: when it arrived.

    The lines carry no status: dashes are all that is known of a sensor that is off. A time of day
    without its date is no ``device_time``: that is None.
    """

    def seen(metric: Metric, value: int | None, possible: tuple[int, int]) -> Observation:
        lowest, highest = possible
        if value is None or not lowest <= value <= highest:
            return Observation(metric, None, Quality.UNAVAILABLE, observed_at, Source.SPO2)
        return Observation(metric, float(value), Quality.VALID, observed_at, Source.SPO2)

    return [
        seen(Metric.SPO2, message.spo2_pct, SPO2_PCT),
        seen(Metric.PULSE_RATE, message.pulse_rate, PULSE_RATE),
    ]


class Talk(Listening):
    """The oximeter talks unasked."""

    def __init__(self) -> None:
        super().__init__(SETTINGS)
