"""How does a Masimo oximeter speak? Serial text "ASCII 1": one line of KEY=value fields a second.

    03/14/26 09:30:00 SN=0000123456 SPO2=097% BPM=072 PI=02.35% ... ALARM=0000 EXC=000800 CR LF

9600 8N1, unasked. Which keys there are, in which order and how wide the two words of flags are
depends on the model; so fields are found by key. There is no checksum: a line with anything odd in
it is not believed at all. Numbers are still printed while the flags say that the sensor is off.
A serial number that differs from the one before is such an odd thing once: a digit that was damaged
would make another oximeter of this one. Repeated, it is believed, and with it the line.

Sources: Rad-8 operator's manual (line, ranges, exception bits 0-11), called [R]; mdpnp/mdpnp
devices/masimo and its older Radical header (keys, all bits), called [M]; nmenon/masimo-datacapture
(alarm bits 0-5 by experiment, a Radical-7's line); Iukekini/Baby-Monitor-Masimo-Pulse-Oximeter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from clinical.identity import Identity
from clinical.vitals import Metric, Observation, Quality, Source
from devices.protocols.line import Garbled, LineSettings
from devices.protocols.listening import Listening
from devices.protocols.text_lines import Line, Lines, moment

SETTINGS = LineSettings(baud=9600, interval_s=1.0)

LONGEST_LINE = 512  # bytes; the longest known, a Radical-7 with colour screen, has 176
LINE = re.compile(
    rb"(\d\d)/(\d\d)/(\d\d) ([01]\d|2[0-3]):([0-5]\d):([0-5]\d)"
    rb"((?: +[A-Z][A-Z0-9]*=[0-9A-Za-z.%+-]+)+)"
)
NO_DATE = (b"00", b"00", b"00")  # taken for a clock that was never set; any other lie is damage
FIELD = re.compile(rb"([^ =]+)=([^ ]+)")
# A dash where a digit is due: not available [M].
FORMS = {
    b"SPO2": re.compile(rb"[\d-]{3}%"),
    b"BPM": re.compile(rb"[\d-]{3}%?"),  # a sign after the dashes was seen
    b"PI": re.compile(rb"[\d-]{2}\.[\d-]{2}%?"),  # colour screens print no sign
    b"ALARM": re.compile(rb"[\dA-F]{2}|[\dA-F]{4}|[\dA-F]{6}"),
    b"EXC": re.compile(rb"[\dA-F]{3}|[\dA-F]{6,7}"),
}
# Digits of ALARM and EXC, model by model. They belong together: either word cut short may have the
# width of another model's, and lack the bit that says that the sensor is off.
WIDTHS = {(2, 3), (4, 6), (6, 7)}
NEEDED = {b"SPO2", b"BPM", b"ALARM"}
READ = frozenset({b"SN", b"EXC", b"PI"} | NEEDED)
NO_DIGIT = b"+-.%"  # what stands where a value is not available
NO_NUMBER = frozenset("-0 ")  # a serial number of these is none

# What the instrument can show [R]; anything else is no value.
SPO2_PCT = (1, 100)
PULSE_RATE = (25, 240)
PERFUSION_INDEX_PCT = (0.0, 20.0)

METRICS = frozenset({Metric.SPO2, Metric.PULSE_RATE, Metric.PERFUSION_INDEX})

# Bit -> what it says, and of which values. Bits 8-11 are alarms of SpCO and SpMet, which are not
# read. 6-13: [M] alone.
_BOTH = frozenset({Metric.SPO2, Metric.PULSE_RATE})
ALARMS = {
    0: ("SpO2 above limit", {Metric.SPO2}),
    1: ("SpO2 below limit", {Metric.SPO2}),
    2: ("pulse rate above limit", {Metric.PULSE_RATE}),
    3: ("pulse rate below limit", {Metric.PULSE_RATE}),
    4: ("alarm sounding", _BOTH),
    5: ("alarm silenced", _BOTH),
    6: ("battery low", _BOTH),
    12: ("desaturation index alarm", {Metric.SPO2}),
    13: ("PI change alarm", {Metric.PERFUSION_INDEX}),
}
# All values come from one sensor. Left out: 8, which [R] reserves and [M] calls an incompatible
# sensor; 11, which is set in normal use; 21 and 22, which are about SpCO and SpMet.
EXCEPTIONS = {
    0: "no sensor",
    1: "sensor defective",
    2: "low perfusion",
    3: "pulse search",
    4: "interference",
    5: "sensor off patient",
    6: "ambient light",
    7: "sensor unrecognised",
    10: "low signal quality",
    12: "no cable",
    13: "cable life expired",
    14: "cable incompatible",
    15: "cable unrecognised",
    16: "cable defective",
    17: "sensor calibrating",
    18: "sensor life expired",
    19: "emitter temperature out of range",
    20: "sensor current limit exceeded",
}
NO_VALUE = sum(1 << bit for bit in (0, 1, 3, 5, 7, 12))
DOUBTFUL = sum(1 << bit for bit in (2, 4, 6, 10))


@dataclass(frozen=True, slots=True)
class Record:
    """One line as printed. None: dashes, or a key that this model does not have.

    ``clock`` is None where no date is set. ``alarms`` and ``exceptions`` are the bits
    of ALARM and EXC. ``others``: keys with a value that are not read, in the order of the line.
    """

    offset: int
    clock: datetime | None
    serial_number: str | None
    spo2_pct: int | None
    pulse_rate: int | None
    has_perfusion_index: bool
    perfusion_index_pct: float | None
    alarms: int
    exceptions: int | None
    others: tuple[str, ...] = ()


Message = Record


class Decoder:
    """Turns the line's bytes into records; knows neither port nor time.

    It remembers the oximeter's serial number, on the next port too: a cable moved from one oximeter
    to another gives no number of the other before it has said twice who it is.
    """

    def __init__(self) -> None:
        self._lines = Lines(LONGEST_LINE)
        self._oximeter: Identity | None = None  # that is believed
        self._another: Identity | None = None  # that was said last

    def feed(self, data: bytes) -> list[Message | Garbled]:
        """Return the messages that ``data`` completes, in wire order; keep the rest."""
        return self._read(self._lines.feed(data))

    def end(self) -> list[Message | Garbled]:
        """Nothing follows: give what is held, half a line as garbled."""
        return self._read(self._lines.end())

    def _read(self, lines: list[Line]) -> list[Message | Garbled]:
        # NUL bytes before a line were seen (Iukekini); a line of nothing else is an empty one.
        return [self._believed(_parse(line), line) for line in lines if line.text.strip(b"\0 ")]

    def _believed(self, found: Message | Garbled, line: Line) -> Message | Garbled:
        """``found``, unless it is of another oximeter that has not said so twice."""
        said = None if isinstance(found, Garbled) else identity(found)
        if said is None:
            return found
        another, self._another = self._another, said
        if self._oximeter in (None, said) or another == said:
            self._oximeter = said
            return found
        return Garbled(line.text, "another serial number than before, said once", line.offset)


def _parse(line: Line) -> Message | Garbled:
    def garbled(reason: str) -> Garbled:
        return Garbled(line.text, reason, line.offset)

    if not line.is_whole:
        return garbled(f"cut off, or more than {LONGEST_LINE} bytes without an end of line")
    read = LINE.fullmatch(line.text.lstrip(b"\0").rstrip(b" "))
    if not read:
        return garbled("not a date, a time and KEY=value fields")
    found = FIELD.findall(read[7])
    fields = dict(found)
    if len(fields) < len(found):
        return garbled("a key stands there twice")
    if missing := NEEDED - fields.keys():
        return garbled("no " + b", ".join(sorted(missing)).decode())
    for key, form in FORMS.items():
        if key in fields and not form.fullmatch(fields[key]):
            return garbled(f"{key.decode()} is {fields[key].decode()}")
    exceptions = fields.get(b"EXC")
    widths = len(fields[b"ALARM"]), len(exceptions or b"")
    if exceptions is not None and widths not in WIDTHS:
        return garbled("ALARM of {} digits and EXC of {}: no model's".format(*widths))
    month, day, year, hour, minute, second = (int(digits) for digits in read.groups()[:6])
    clock = moment(year, month, day, hour, minute, second)
    if clock is None and read.groups()[:3] != NO_DATE:
        return garbled("a date that does not exist")

    serial_number = fields.get(b"SN")
    others = [key for key in fields if key not in READ and fields[key].strip(NO_DIGIT)]
    return Record(
        line.offset,
        clock,
        None if serial_number is None else serial_number.decode(),
        _whole(fields[b"SPO2"]),
        _whole(fields[b"BPM"]),
        b"PI" in fields,
        _hundredths(fields.get(b"PI", b"-")),
        int(fields[b"ALARM"], 16),
        None if exceptions is None else int(exceptions, 16),
        tuple([key.decode() for key in others]),
    )


def _whole(printed: bytes) -> int | None:
    return None if b"-" in printed else int(printed.rstrip(b"%"))


def _hundredths(printed: bytes) -> float | None:
    return None if b"-" in printed else float(printed.rstrip(b"%"))


def identity(message: Message) -> Identity | None:
    """The serial number; a line does not say which model prints it, nor its software."""
    return None if message.serial_number is None else _of_number(message.serial_number)


@lru_cache(maxsize=16)
def _of_number(serial_number: str) -> Identity | None:
    return None if NO_NUMBER.issuperset(serial_number) else Identity(serial=serial_number)


def unknown(message: Message) -> tuple[str, ...]:
    """Keys with a value that are not read, such as "PVI"; the alarm bits of such are not told."""
    return message.others


def translate(message: Message, observed_at: datetime) -> list[Observation]:
    """What ``message`` says, in Vigil's metrics and units; ``observed_at``: when it arrived.

    No value where it is dashed or outside what the instrument can show, nor while an exception
    says that there can be none, whatever is printed. In doubt while one says that the signal is
    poor, and where a line carries no exceptions at all. Bits 13-20 are told and change nothing.
    ``device_time`` is the oximeter's clock as the line was printed, in whole seconds.
    """
    sent, flags = message, message.exceptions or 0

    def seen(metric: Metric, value: float | None, possible: tuple[float, float]) -> Observation:
        lowest, highest = possible
        if value is None or not lowest <= value <= highest or flags & NO_VALUE:
            value, quality = None, Quality.UNAVAILABLE
        else:
            is_doubtful = sent.exceptions is None or flags & DOUBTFUL
            value, quality = float(value), Quality.QUESTIONABLE if is_doubtful else Quality.VALID
        remarks = _remarks(metric, sent.alarms, flags)
        return Observation(
            metric, value, quality, observed_at, Source.SPO2, sent.clock, remarks=remarks
        )

    found = [
        seen(Metric.SPO2, sent.spo2_pct, SPO2_PCT),
        seen(Metric.PULSE_RATE, sent.pulse_rate, PULSE_RATE),
    ]
    if sent.has_perfusion_index:
        found.append(seen(Metric.PERFUSION_INDEX, sent.perfusion_index_pct, PERFUSION_INDEX_PCT))
    return found


@lru_cache(maxsize=512)
def _remarks(metric: Metric, alarms: int, exceptions: int) -> tuple[str, ...]:
    """The bits that are set and concern ``metric``, in words: alarms first, lowest bit first."""
    if not alarms and not exceptions:
        return ()
    of_alarms = [words for bit, (words, of) in ALARMS.items() if alarms >> bit & 1 and metric in of]
    of_sensor = [words for bit, words in EXCEPTIONS.items() if exceptions >> bit & 1]
    return (*of_alarms, *of_sensor)


class Talk(Listening):
    """The monitor talks unasked."""

    def __init__(self) -> None:
        super().__init__(SETTINGS)
