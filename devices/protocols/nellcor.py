"""How does a Nellcor oximeter speak? Its real-time printout: one line of columns every 2 s.

    N-560    VERSION 1.56.00    CRC:XXXX  SpO2 Limit: 90-100%    PR Limit: 60-170BPM
    TIME                 %SpO2   BPM     PA     Status
    29-Dec-17 07:18:57    89*     66     201    MO SL

8N1, 9600 or 19200 baud as the monitor is set, unasked. Headings come after every 25 lines and when
a limit changes. An asterisk: outside its limit. PA, the pulse amplitude, has no unit and is not a
perfusion index. The spacing differs between models, so columns are found by white space.

A trend dump prints old values in the same columns, without a status. There is no checksum: a line
with anything odd in it is not believed at all. A heading that names another model or software than
the one before is such an odd thing once; repeated, it is believed.

Sources: operator's manuals of NPB-290 and NPB-295, data port protocol (headings, trend printout);
mdpnp/mdpnp devices/nellcor (N-595, status codes); konz/cosmopusher (recording of an N-560) and
hansmuc/NellcorN560Seriell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from clinical.identity import Identity
from clinical.vitals import Metric, Observation, Quality, Source
from devices.protocols.line import Garbled, LineSettings
from devices.protocols.listening import Listening
from devices.protocols.text_lines import Line, Lines, moment

# The N-595's rate. The N-560 of the recording sent at 19200; menus of others offer 2400, too.
SETTINGS = LineSettings(baud=9600, interval_s=2.0)
ALSO = (replace(SETTINGS, baud=19200), replace(SETTINGS, baud=2400))

LONGEST_LINE = 160  # bytes; the longest known, a heading, has 81

MONTHS = b"JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
DATA = re.compile(
    rb"(\d\d)-(?i:(%s))-(\d\d) +([01]\d|2[0-3]):([0-5]\d):([0-5]\d)" % b"|".join(MONTHS)
    + rb" +(\d{1,3}|---)(\*?) +(\d{1,3}|---)(\*?) +(\d{1,3}|---)((?: +[A-Z]{2})*)"
)


class HeadingKind(StrEnum):
    """What a line without values is."""

    IDENTITY = "identity"  # model, software, alarm limits
    MODE = "mode"  # patient mode, SatSeconds
    COLUMNS = "columns"  # their names
    TREND_END = "trend end"


# The group of COLUMNS tells a trend dump from real-time lines.
HEADINGS = {
    HeadingKind.IDENTITY: re.compile(
        rb"[!-~]+ +VERSION +[\d.]+(?: +(?:CRC: *[0-9A-Z]{1,8}|TREND))+"
        rb" +SPO2 +LIMIT: *\d{1,3} *- *\d{1,3} *% +PR +LIMIT: *\d{1,3} *- *\d{1,3} *BPM",
        re.IGNORECASE,
    ),
    HeadingKind.MODE: re.compile(
        rb"(?:ADULT|NEO) +\d{1,3}SAT-S(?: +SPO2 +RESP +MODE: *(?:NORMAL|FAST))?", re.IGNORECASE
    ),
    HeadingKind.COLUMNS: re.compile(rb"TIME +%SPO2 +BPM +PA( +STATUS)?", re.IGNORECASE),
    HeadingKind.TREND_END: re.compile(rb"OUTPUT +COMPLETE", re.IGNORECASE),
}
# Wherever the words stand, and whatever else is wrong with the line: old values may follow.
TREND = re.compile(rb"VERSION.*TREND|TREND.*VERSION", re.IGNORECASE | re.DOTALL)

# What the monitors can show; anything else is no value. Zeros are printed in a pulse search.
SPO2_PCT = (1, 100)
PULSE_RATE = (20, 300)

METRICS = frozenset({Metric.SPO2, Metric.PULSE_RATE})
AMPLITUDE_NAMES, TREND_NAMES = ("PA",), ("trend",)  # that are not read

CODES = {  # mdpnp
    "AO": "audible alarm off",
    "AS": "alarm silenced",
    "LB": "battery low",
    "LM": "pulse lost with interference",
    "LP": "pulse lost",
    "MO": "interference or motion",
    "PH": "pulse rate above limit",
    "PL": "pulse rate below limit",
    "PS": "pulse search",
    "SD": "sensor disconnected",
    "SH": "SpO2 above limit",
    "SL": "SpO2 below limit",
    "SO": "sensor off patient",
}
# The others are about both values.
ABOUT_ONE = {
    "PH": Metric.PULSE_RATE,
    "PL": Metric.PULSE_RATE,
    "SH": Metric.SPO2,
    "SL": Metric.SPO2,
}
NO_VALUE = frozenset({"SD", "SO", "LP", "LM"})  # whatever is printed
DOUBTFUL = frozenset({"MO", "PS"})  # the last numbers may stand on while a pulse is searched


@dataclass(frozen=True, slots=True)
class DataLine:
    """One line of values as printed; None: dashes.

    ``amplitude`` has no unit. ``codes`` are the
    status codes from the left. ``is_trend``: an old value, of a trend dump.
    """

    offset: int
    clock: datetime
    spo2_pct: int | None
    is_spo2_out: bool
    pulse_rate: int | None
    is_rate_out: bool
    amplitude: int | None
    codes: tuple[str, ...]
    is_trend: bool


@dataclass(frozen=True, slots=True)
class Heading:
    """A line without values."""

    offset: int
    kind: HeadingKind
    text: str


Message = DataLine | Heading


class Decoder:
    """Turns the line's bytes into messages; knows neither port nor time.

    It remembers whether a trend dump runs. A stream that begins within one cannot be told from
    real-time lines before its next heading. It remembers the oximeter too, on the next port as
    well: where a heading names another, no line gives a number until it was named twice, or the
    one before was named again (every 50 s, so a damaged heading may cost as much).
    """

    def __init__(self) -> None:
        self._lines = Lines(LONGEST_LINE)
        self._is_trend = False
        self._is_live_next = False  # an identity without TREND came: its columns have a status
        self._oximeter: Identity | None = None  # that is believed
        self._another: Identity | None = None  # that was said last

    def feed(self, data: bytes) -> list[Message | Garbled]:
        """Return the messages that ``data`` completes, in wire order; keep the rest."""
        return [self._parse(line) for line in self._lines.feed(data) if line.text.strip()]

    def end(self) -> list[Message | Garbled]:
        """Nothing follows: give what is held, half a line as garbled."""
        return [self._parse(line) for line in self._lines.end() if line.text.strip()]

    def _parse(self, line: Line) -> Message | Garbled:
        if not line.is_whole:
            reason = f"cut off, or more than {LONGEST_LINE} bytes without an end of line"
            return Garbled(line.text, reason, line.offset)
        if TREND.search(line.text):
            self._is_trend, self._is_live_next = True, False
        text = line.text.replace(b"\t", b" ").strip(b" ")
        if read := DATA.fullmatch(text):
            return self._data_line(line, read.groups())
        for kind, form in HEADINGS.items():
            if read := form.fullmatch(text):
                return self._heading(line, kind, read)
        return Garbled(line.text, "neither a data line nor a heading", line.offset)

    def _data_line(self, line: Line, columns: tuple[bytes, ...]) -> DataLine | Garbled:
        day, month, year, hour, minute, second, *values, status = columns
        spo2, spo2_mark, rate, rate_mark, amplitude = values
        number = MONTHS.index(month.upper()) + 1
        clock = moment(int(year), number, int(day), int(hour), int(minute), int(second))
        if clock is None:
            return Garbled(line.text, "a date that does not exist", line.offset)
        codes = tuple(status.decode().split())
        if codes:
            self._is_trend = False  # a trend dump has no column for them
        self._is_live_next = False
        if self._another != self._oximeter and not self._is_trend:
            return Garbled(line.text, "perhaps of another oximeter: it was said once", line.offset)
        return DataLine(
            line.offset,
            clock,
            _number(spo2),
            bool(spo2_mark),
            _number(rate),
            bool(rate_mark),
            _number(amplitude),
            codes,
            self._is_trend,
        )

    def _heading(self, line: Line, kind: HeadingKind, read: re.Match[bytes]) -> Heading | Garbled:
        if kind is HeadingKind.IDENTITY:
            self._is_trend = bool(TREND.search(read[0]))
            self._is_live_next = not self._is_trend
        elif kind is HeadingKind.COLUMNS:
            was_live_next, self._is_live_next = self._is_live_next, False
            if read[1] is None and was_live_next:
                return Garbled(line.text, "columns without the status they must have", line.offset)
            self._is_trend = read[1] is None
        elif kind is HeadingKind.TREND_END:
            self._is_trend = False
        heading = Heading(line.offset, kind, read[0].decode())
        if (said := identity(heading)) is not None:
            another, self._another = self._another, said
            if self._oximeter not in (None, said) and another != said:
                return Garbled(line.text, "another oximeter than before, said once", line.offset)
            self._oximeter = said
        return heading


def _number(printed: bytes) -> int | None:
    return None if printed == b"---" else int(printed)


def identity(message: Message) -> Identity | None:
    """Model and software, from the heading that comes after every 25 lines (50 s).

    There is no serial number on the line: two oximeters of one model look the same.
    """
    if not isinstance(message, Heading) or message.kind is not HeadingKind.IDENTITY:
        return None
    model, _, version, *_ = message.text.split()
    return Identity(model=model, version=version)


def unknown(message: Message) -> tuple[str, ...]:
    """The pulse amplitude, where there is one; the values of a trend dump."""
    if not isinstance(message, DataLine):
        return ()
    if message.is_trend:
        return TREND_NAMES
    return () if message.amplitude is None else AMPLITUDE_NAMES


def translate(message: Message, observed_at: datetime) -> list[Observation]:
    """What ``message`` says, in Vigil's metrics and units; ``observed_at``: when it arrived.

    Headings and trend dumps say nothing of now. No value where it is dashed or outside what the
    monitors can show, nor with a code that says so, whatever is printed. In doubt in interference
    and pulse search, and with a code that nobody has explained to us. ``device_time`` is the
    oximeter's clock as the line was printed, in whole seconds.
    """
    if not isinstance(message, DataLine) or message.is_trend:
        return []
    sent, codes = message, frozenset(message.codes)

    def seen(metric: Metric, value: int | None, possible: tuple[int, int]) -> Observation:
        lowest, highest = possible
        if value is None or not lowest <= value <= highest or codes & NO_VALUE:
            shown, quality = None, Quality.UNAVAILABLE
        else:
            is_doubtful = codes & DOUBTFUL or codes - CODES.keys()
            shown, quality = float(value), Quality.QUESTIONABLE if is_doubtful else Quality.VALID
        remarks = _remarks(metric, sent)
        return Observation(
            metric, shown, quality, observed_at, Source.SPO2, sent.clock, remarks=remarks
        )

    return [
        seen(Metric.SPO2, sent.spo2_pct, SPO2_PCT),
        seen(Metric.PULSE_RATE, sent.pulse_rate, PULSE_RATE),
    ]


def _remarks(metric: Metric, sent: DataLine) -> tuple[str, ...]:
    """The codes that concern ``metric``, in words; the asterisk where no code says more."""
    codes = [code for code in sent.codes if ABOUT_ONE.get(code, metric) is metric]
    told = [CODES.get(code, f"status {code}") for code in codes]
    is_out, label = {
        Metric.SPO2: (sent.is_spo2_out, "SpO2"),
        Metric.PULSE_RATE: (sent.is_rate_out, "pulse rate"),
    }[metric]
    if is_out and not ABOUT_ONE.keys() & codes:
        told.append(f"{label} outside limit")
    return tuple(told)


class Talk(Listening):
    """The oximeter talks unasked. An N-595 has its menu on the same port: nothing may reach it."""

    def __init__(self) -> None:
        super().__init__(SETTINGS)
