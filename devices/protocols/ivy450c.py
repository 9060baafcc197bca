"""How does an Ivy 450C speak? ANSAR-B: a packet a second, unasked; 9600 8N1.

    FF "ANSAR-B " | 400 wave bytes | lines, each ended by CR | FE

    HR=1;72;ECG-II-MON;     name = number of values; the values; label; alarm

There is no checksum: a digit that was damaged into another digit is read as that, except in a cuff
reading, which every packet repeats. A packet is some 560 bytes long and takes 0.6 s to arrive; its
numbers are that old when it is complete.

Sources: MD PnP's decoder of this output (mdpnp/mdpnp, devices/cpc/ansarB) and the recording that
its test uses, called the capture below. The maker's own description is not public.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import inf
from typing import NamedTuple

from clinical.vitals import Metric, Observation, Quality, Source
from devices.protocols.line import Garbled, LineSettings, cut_off

SETTINGS = LineSettings(baud=9600, interval_s=1.0)
ARRIVES_IN = timedelta(seconds=0.6)  # 562 bytes (capture) at 960 bytes a second

START = b"\xffANSAR-B "
# ECG 200, respiration or CO2 50, pleth 50, pressures 50 each. Never read: any byte may be there.
TEXT_AT = len(START) + 400
MAX_TEXT = 400  # bytes; 153 in the capture, and alarm texts come on top
MAX_PACKET = TEXT_AT + MAX_TEXT + 1
END = 0xFE
NO_TEXT = re.compile(rb"[^\x20-\x7e\r]")
LINE_END = "\r"
LONGEST_NAME = 12  # characters that are told of one that is not known; known ones have 5
TEXT_FIELDS = 2  # of each line, after the values: label and alarm

INTEGER = re.compile(r" *(-?\d{1,3}) *")
DECIMAL = re.compile(r" *(-?\d{1,3}(?:\.\d+)?) *")
NOTHING = re.compile(r"[ 0]*")  # of a cuff: no pressure and no pulse is zero
PULSE = re.compile(r"PR=([ \d]*)")  # the label of SPO2 holds the pulse rate, padded with blanks
SETTING = re.compile(rf"ECG-.*|APNEA:.*|{PULSE.pattern}")  # labels that are no remark


class Field(NamedTuple):
    """What one value of a line is, and the range outside which it cannot be that.

    The units of EtCO2 and temperature are not sent. Whole numbers are taken to be mmHg, and
    temperatures a body can have in deg C: kPa (5.1) and deg F (98.6) fall through.
    """

    metric: Metric
    source: Source | None
    lowest: float
    highest: float
    sent_as: re.Pattern[str] = INTEGER


PULSE_RATE = Field(Metric.PULSE_RATE, Source.SPO2, 1, 400)
FIRST = "HR"
CUFF = "NIBP"
NOT_ON_EVERYONE = ("ETCO2", "P1", "P2", "T1", "T2")
# What the label of such a line says where nothing is connected (capture).
NOT_CONNECTED = ("", "NO TRANSDUCER")
# In the order in which a packet has them (capture).
LINES: dict[str, tuple[Field, ...]] = {
    FIRST: (Field(Metric.HEART_RATE, Source.ECG, 0, 400),),
    "RR": (Field(Metric.RESP_RATE, Source.IMPEDANCE, 0, 250),),
    "ETCO2": (Field(Metric.ETCO2, Source.CO2, 0, 200),),
    "SPO2": (Field(Metric.SPO2, Source.SPO2, 1, 100),),
    CUFF: (
        Field(Metric.NIBP_SYSTOLIC, Source.NIBP, 1, 300),
        Field(Metric.NIBP_DIASTOLIC, Source.NIBP, 1, 300),
        Field(Metric.NIBP_MEAN, Source.NIBP, 1, 300),
        Field(Metric.NIBP_PULSE, Source.NIBP, 1, 400),
    ),
    "P1": (
        Field(Metric.IBP1_SYSTOLIC, Source.PRESSURE, -99, 400),
        Field(Metric.IBP1_DIASTOLIC, Source.PRESSURE, -99, 400),
        Field(Metric.IBP1_MEAN, Source.PRESSURE, -99, 400),
    ),
    "P2": (
        Field(Metric.IBP2_SYSTOLIC, Source.PRESSURE, -99, 400),
        Field(Metric.IBP2_DIASTOLIC, Source.PRESSURE, -99, 400),
        Field(Metric.IBP2_MEAN, Source.PRESSURE, -99, 400),
    ),
    "T1": (Field(Metric.TEMPERATURE_1, None, 0, 50, DECIMAL),),
    "T2": (Field(Metric.TEMPERATURE_2, None, 0, 50, DECIMAL),),
}
WAVE_NAMES = ("ECG wave", "respiration wave", "pleth wave", "P1 wave", "P2 wave")
ANOTHER_LINE = re.compile(rf"(?:{'|'.join(LINES)})=")

METRICS = frozenset(Metric) - {Metric.PERFUSION_INDEX, Metric.FICO2}


class CuffNews(StrEnum):
    """What a packet says of the cuff that the ones before it did not."""

    NONE = "none"
    READING = "reading"
    NO_READING = "no reading"  # the pressures are empty


@dataclass(frozen=True, slots=True)
class Line:
    """One parameter as sent.

    ``values`` is empty where the line has more fields than it should: whether a text may hold a
    semicolon is not known, so nobody can say which fields the values are. ``alarm`` is then all
    that follows the name.
    """

    values: tuple[str, ...]
    label: str
    alarm: str


@dataclass(frozen=True, slots=True)
class Packet:
    """One second of the monitor: the lines that are known, by name.

    CO2, a pressure or a temperature that has had no value since the Decoder began, and of which
    nothing is said, is left out: it is not in use. ``cuff`` and what follows it are the Decoder's
    own: what is new compared with the packets before. ``others``: lines with a value that are not
    read, by name.
    """

    offset: int
    lines: dict[str, Line]
    cuff: CuffNews
    measurement_id: str | None  # of a reading, else None
    cuff_age: timedelta  # how long before this packet another showed the news first
    others: tuple[str, ...] = ()


Message = Packet


class _Damaged(Exception):
    """A text that cannot be a packet's, and why."""


class Decoder:
    """Turns the line's bytes into packets; knows neither port nor time.

    A start is always believed: the eight characters after FF are no wave. So a packet that was
    broken off costs only itself.
    """

    def __init__(self) -> None:
        self._tail = bytearray()
        self._offset = 0  # of the first byte not yet judged
        # Of the cuff, in the last packet, and as told last; () is no reading, None nothing so far.
        self._shown: _Reading | None = None
        self._told: _Reading | None = None
        self._readings = 0
        self._in_use: set[str] = set()  # what has had a value

    def feed(self, data: bytes) -> list[Packet | Garbled]:
        """Return the packets that ``data`` completes, in wire order; keep the rest."""
        found: list[Packet | Garbled] = []
        self._tail += data
        while self._judge(found):
            pass
        return found

    def end(self) -> list[Garbled]:
        """Nothing follows: give up the part of a frame that is held, and nothing else."""
        held = bytes(self._tail)
        self._take(len(held))
        return cut_off(held, self._offset)

    def _judge(self, found: list[Packet | Garbled]) -> bool:
        """Judge the first packet, or what stands before it; False where more must come first."""
        tail = self._tail
        start = tail.find(START)
        if start != 0:
            known = start if start > 0 else len(tail) - len(START)  # the last may be half a start
            if start < 0 and known < MAX_PACKET:
                return False
            return self._drop(min(known, MAX_PACKET), "no start of a packet", found)
        next_start = tail.find(START, 1)
        end = NO_TEXT.search(tail, TEXT_AT)
        ends = end.start() if end else len(tail)
        if 0 < next_start < ends:
            return self._drop(next_start, "broken off by the start of another packet", found)
        if ends - TEXT_AT > MAX_TEXT:
            return self._drop(TEXT_AT + MAX_TEXT, f"no end in {MAX_TEXT} bytes of text", found)
        if end is None:
            return False
        if tail[ends] != END:
            return self._drop(ends, f"byte {tail[ends]:02X} in the text", found)
        try:
            lines, others = _lines(tail[TEXT_AT:ends].decode("ascii"))
        except _Damaged as why:
            return self._drop(ends + 1, str(why), found)
        self._take(ends + 1)
        self._leave_out_unused(lines)
        found.append(Packet(self._offset, lines, *self._news(lines), others))
        return True

    def _drop(self, size: int, reason: str, found: list[Packet | Garbled]) -> bool:
        raw = bytes(self._tail[:size])
        self._take(size)
        found.append(Garbled(raw, reason, self._offset))
        return True

    def _take(self, size: int) -> None:
        del self._tail[:size]
        self._offset += size

    def _leave_out_unused(self, lines: dict[str, Line]) -> None:
        """Drop what was never connected; what was pulled off stays."""
        for name in NOT_ON_EVERYONE:
            line = lines.get(name)
            if line is None or name in self._in_use:
                continue
            said = "".join((*line.values, line.alarm)).strip()
            if _has_value(name, line):
                self._in_use.add(name)
            elif not said and line.label.strip() in NOT_CONNECTED:
                del lines[name]

    def _news(self, lines: dict[str, Line]) -> tuple[CuffNews, str | None, timedelta]:
        """What is new of the cuff. The monitor repeats its last reading and never says how old.

        A digit that was damaged would make a reading that never was, so that a change is believed
        once the next packet repeats it; the first packet is believed at once. A cuff without a
        reading is no news where it never had one, unless the monitor complains of it.
        """
        line = lines.get(CUFF)
        shown = _reading(line) if line else None
        if line is None or shown is None:
            return NO_NEWS
        before, self._shown = self._shown, shown
        is_believed = before in (None, shown)
        is_unused = self._told is None and not (shown or line.alarm.strip())
        if shown == self._told or is_unused or not is_believed:
            return NO_NEWS
        self._told = shown
        age = timedelta(seconds=0 if before is None else SETTINGS.interval_s)
        if not shown:
            return CuffNews.NO_READING, None, age
        self._readings += 1
        return CuffNews.READING, f"n{self._readings}", age


_Reading = tuple[float | None, ...]
NO_NEWS = (CuffNews.NONE, None, timedelta(0))


def _reading(line: Line) -> _Reading | None:
    """What the cuff's ``line`` shows, () for no pressure; None where a value of it is damaged."""
    if not line.values:
        return None
    numbers = tuple(map(_number, LINES[CUFF], line.values))
    for number, sent in zip(numbers, line.values, strict=True):
        if number is None and not NOTHING.fullmatch(sent):
            return None
    *pressures, _ = numbers
    return () if set(pressures) == {None} else numbers


def _lines(text: str) -> tuple[dict[str, Line], tuple[str, ...]]:
    """The known lines of a packet's ``text``, and the names of others. Raises _Damaged."""
    *sent, rest = text.split(LINE_END)
    if rest or not sent:
        raise _Damaged("no CR before the end")
    if not text.startswith(f"{FIRST}="):
        raise _Damaged(f"the first line is {sent[0]!r}, expected {FIRST}")
    lines: dict[str, Line] = {}
    others: list[str] = []
    for one in sent:
        head, *fields = one.split(";")
        name, is_line, count = head.partition("=")
        if not is_line:
            raise _Damaged(f"a line without a name: {one!r}")
        if ANOTHER_LINE.search(one, len(name) + 1):
            raise _Damaged(f"two lines in one: {one!r}")
        if name not in LINES:
            if any(known.endswith(name) for known in LINES):
                raise _Damaged(f"the end of a line: {one!r}")
            if any(field.strip() for field in fields[:-TEXT_FIELDS]):
                others.append(name[:LONGEST_NAME])
            continue
        expected = len(LINES[name])
        if name in lines:
            raise _Damaged(f"two lines of {name}")
        if count != str(expected):
            raise _Damaged(f"{name} of {count!r} values, expected {expected}")
        if len(fields) < expected + TEXT_FIELDS:
            raise _Damaged(f"{len(fields)} fields in {one!r}, expected {expected + TEXT_FIELDS}")
        if len(fields) > expected + TEXT_FIELDS:
            lines[name] = Line((), "", ";".join(fields))
        else:
            *values, label, alarm = fields
            lines[name] = Line(tuple(values), label, alarm)
    return lines, tuple(others)


def _number(field: Field, sent: str) -> float | None:
    """What ``sent`` says as a value of ``field``; None where it is empty, no number or too far."""
    match = field.sent_as.fullmatch(sent)
    if match is None:
        return None
    value = float(match[1])
    return value if field.lowest <= value <= field.highest else None


def _has_value(name: str, line: Line | None) -> bool:
    return line is not None and any(
        _number(*value) is not None for value in zip(LINES[name], line.values, strict=False)
    )


def alarms(message: Packet) -> tuple[str, ...]:
    """The texts of the monitor's own alarms, as it sends them, each with its parameter."""
    texts = ((name, line.alarm.strip()) for name, line in message.lines.items())
    return tuple(f"{name}: {text}" for name, text in texts if text)


def unknown(message: Packet) -> tuple[str, ...]:
    """The waves that every packet has, and lines with a value of a name that is not known."""
    return WAVE_NAMES + message.others if message.others else WAVE_NAMES


def translate(message: Packet, observed_at: datetime) -> list[Observation]:
    """What ``message`` says, in Vigil's metrics and units; ``observed_at``: when it arrived.

    A line gives its values, or None for each that is empty, no number or none that can be. What
    stands in its alarm field, and in its label where that is no setting, is remarked on all of
    them; text that is no number on its own value alone. Respiration is from the capnograph while
    EtCO2 has a value. There is no clock in a packet: ``device_time`` is None.
    """
    began_at = observed_at - ARRIVES_IN
    has_co2 = _has_value("ETCO2", message.lines.get("ETCO2"))
    found: list[Observation] = []
    for name, fields in LINES.items():
        line = message.lines.get(name)
        is_cuff = name == CUFF
        if line is None or (is_cuff and message.cuff is CuffNews.NONE):
            continue
        seen_at = began_at - message.cuff_age if is_cuff else began_at
        measurement_id = message.measurement_id if is_cuff else None
        is_empty = not line.values or (is_cuff and message.cuff is CuffNews.NO_READING)
        sent = [*zip(fields, ("",) * len(fields) if is_empty else line.values, strict=True)]
        if name == "SPO2":
            sent.append((PULSE_RATE, _pulse(line.label)))
        remarks = _remarks(line)
        for field, text in sent:
            value = _number(field, text)
            quality = Quality.UNAVAILABLE if value is None else Quality.VALID
            is_from_co2 = field.metric is Metric.RESP_RATE and has_co2
            source = Source.CO2 if is_from_co2 else field.source
            unread = "" if field.sent_as.fullmatch(text) else text.strip()
            said = (*remarks, unread) if unread else remarks
            one = Observation(
                *(field.metric, value, quality, seen_at, source, None, measurement_id, said)
            )
            found.append(one)
    return found


def _remarks(line: Line) -> tuple[str, ...]:
    label = "" if SETTING.fullmatch(line.label) else line.label.strip()
    return tuple(filter(None, (label, line.alarm.strip())))


def _pulse(label: str) -> str:
    match = PULSE.fullmatch(label)
    return match[1] if match else ""


class Talk:
    """Nothing is said to this monitor: it sends on its own."""

    interval_s = SETTINGS.interval_s

    def opening(self, now_s: float) -> bytes:
        return b""

    def heard(self, message: Packet, now_s: float) -> bytes:
        return b""

    def due(self, now_s: float) -> tuple[bytes, float]:
        return b"", inf

    def closing(self) -> bytes:
        return b""
