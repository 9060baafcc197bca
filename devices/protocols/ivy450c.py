"""How does an Ivy 450C speak? ANSAR-B: a packet a second, unasked; 9600 8N1.

    FF "ANSAR-B " | 400 wave bytes | lines, each ended by CR | FE

    HR=1;72;ECG-II-MON;     name = number of values; the values; label; alarm

There is no checksum: a digit that was damaged into another digit is read as that. A packet is
some 560 bytes long and takes 0.6 s to arrive; its numbers are that old when it is complete.

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
TEXT_FIELDS = 2  # of each line, after the values: label and alarm

INTEGER = re.compile(r" *(-?\d{1,3}) *")
DECIMAL = re.compile(r" *(-?\d{1,3}(?:\.\d+)?) *")
PULSE = re.compile(r"PR=(.*)")  # the label of SPO2 holds the pulse rate, padded with blanks
SETTINGS_SHOWN = ("ECG", "APNEA:", "PR=")  # labels that are no remark: lead, apnoea time, pulse


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


PULSE_RATE = Field(Metric.PULSE_RATE, Source.SPO2, 0, 400)
CUFF = "NIBP"
PRESSURES = ("P1", "P2")
NO_TRANSDUCER = "NO TRANSDUCER"  # the label of a pressure that nothing is connected to (capture)
# In the order in which a packet has them (capture).
LINES: dict[str, tuple[Field, ...]] = {
    "HR": (Field(Metric.HEART_RATE, Source.ECG, 0, 400),),
    "RR": (Field(Metric.RESP_RATE, Source.IMPEDANCE, 0, 250),),
    "ETCO2": (Field(Metric.ETCO2, Source.CO2, 0, 200),),
    "SPO2": (Field(Metric.SPO2, Source.SPO2, 0, 100),),
    CUFF: (
        Field(Metric.NIBP_SYSTOLIC, Source.NIBP, 0, 300),
        Field(Metric.NIBP_DIASTOLIC, Source.NIBP, 0, 300),
        Field(Metric.NIBP_MEAN, Source.NIBP, 0, 300),
        Field(Metric.NIBP_PULSE, Source.NIBP, 0, 400),
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

    A pressure that has had no transducer since the Decoder began is left out: it is not in use.
    ``cuff`` and ``measurement_id`` are the Decoder's own: what is new compared with the packets
    before.
    """

    offset: int
    lines: dict[str, Line]
    cuff: CuffNews
    measurement_id: str | None  # of a reading, else None


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
        self._shown: tuple[float | None, ...] | None = None  # of the cuff, in the last packet
        self._readings = 0
        self._in_use: set[str] = set()  # pressures that have had a value

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
            lines = _lines(tail[TEXT_AT:ends].decode("ascii"))
        except _Damaged as why:
            return self._drop(ends + 1, str(why), found)
        self._take(ends + 1)
        self._leave_out_unused(lines)
        found.append(Packet(self._offset, lines, *self._news(lines)))
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
        """Drop the pressures that nothing was ever connected to; one that was pulled off stays."""
        for name in PRESSURES:
            line = lines.get(name)
            if line is None or name in self._in_use:
                continue
            if any(line.values):
                self._in_use.add(name)
            elif line.label.strip() == NO_TRANSDUCER and not line.alarm:
                del lines[name]

    def _news(self, lines: dict[str, Line]) -> tuple[CuffNews, str | None]:
        """What is new of the cuff. The monitor repeats its last reading and never says how old."""
        line = lines.get(CUFF)
        if line is None or not line.values:
            return CuffNews.NONE, None
        shown = tuple(map(_number, LINES[CUFF], line.values))
        *pressures, _ = shown
        is_blank = pressures.count(None) == len(pressures)
        before, self._shown = self._shown, () if is_blank else shown
        if before == self._shown:
            return CuffNews.NONE, None
        if is_blank:
            return CuffNews.NO_READING, None
        self._readings += 1
        return CuffNews.READING, f"n{self._readings}"


def _lines(text: str) -> dict[str, Line]:
    """The known lines of a packet's ``text``. Raises _Damaged."""
    *sent, rest = text.split(LINE_END)
    if rest or not sent:
        raise _Damaged("no CR before the end")
    lines: dict[str, Line] = {}
    for one in sent:
        head, *fields = one.split(";")
        name, is_line, count = head.partition("=")
        if not is_line:
            raise _Damaged(f"a line without a name: {one!r}")
        if name not in LINES:
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
    return lines


def _number(field: Field, sent: str) -> float | None:
    """What ``sent`` says as a value of ``field``; None where it is empty, no number or too far."""
    match = field.sent_as.fullmatch(sent)
    if match is None:
        return None
    value = float(match[1])
    return value if field.lowest <= value <= field.highest else None


def translate(message: Packet, observed_at: datetime) -> list[Observation]:
    """What ``message`` says, in Vigil's metrics and units; ``observed_at``: when it arrived.

    A line gives its values, or None for each that is empty or no number. What stands in its alarm
    field, and in its label where that is no setting, is remarked on all of them. Respiration is
    from the capnograph while EtCO2 has a value.
    """
    began_at = observed_at - ARRIVES_IN
    found: list[Observation] = []
    for name, fields in LINES.items():
        line = message.lines.get(name)
        if line is None or (name == CUFF and message.cuff is CuffNews.NONE):
            continue
        remarks = _remarks(line)
        measurement_id = message.measurement_id if name == CUFF else None
        sent = [*zip(fields, line.values or ("",) * len(fields), strict=True)]
        if name == "SPO2":
            sent.append((PULSE_RATE, _pulse(line.label)))
        for field, text in sent:
            value = _number(field, text)
            quality = Quality.UNAVAILABLE if value is None else Quality.VALID
            is_from_co2 = field.metric is Metric.RESP_RATE and _has_etco2(message)
            source = Source.CO2 if is_from_co2 else field.source
            one = Observation(
                *(field.metric, value, quality, began_at, source, None, measurement_id, remarks)
            )
            found.append(one)
    return found


def _remarks(line: Line) -> tuple[str, ...]:
    label = "" if line.label.startswith(SETTINGS_SHOWN) else line.label.strip()
    return tuple(filter(None, (label, line.alarm.strip())))


def _pulse(label: str) -> str:
    match = PULSE.fullmatch(label)
    return match[1] if match else ""


def _has_etco2(message: Packet) -> bool:
    line, (field,) = message.lines.get("ETCO2"), LINES["ETCO2"]
    return line is not None and any(_number(field, sent) is not None for sent in line.values)


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
