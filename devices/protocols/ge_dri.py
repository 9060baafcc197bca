"""How does a GE Datex-Ohmeda monitor speak? S/5 Computer Interface: binary records on request.

    7E | escaped( record[r_len], checksum ) | 7E      little-endian, 19200 8E1 with RTS/CTS

The monitor is silent until it is asked for displayed values; then it sends one record an interval
until it is asked to stop or restarts. It acknowledges nothing.

Sources: "S/5 Computer Interface Specification" M1017617 (framing, requests) and "S/5 Datex-Ohmeda
Record Specification" 8005313 (records), both 12th edition, called CI and RS below. What they leave
open was read from captures of a monitor at level 10 and is marked "captures".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from math import inf
from struct import Struct
from typing import NamedTuple

from clinical.identity import Identity
from clinical.vitals import Metric, Observation, Quality, Source
from devices.protocols.line import Garbled, LineSettings
from devices.protocols.pieces import Pieces

# CI, serial line. Level-10 monitors send every second when asked to (captures), although CI
# promises no less than 5 s; Talk asks for the former and falls back to the latter.
SETTINGS = LineSettings(baud=19200, parity="E", rtscts=True, interval_s=1.0)
ALSO = (replace(SETTINGS, baud=115200),)  # CARESCAPE from software 3 on (CI)

FLAG = b"\x7e"
ESCAPE = b"\x7d"
ESCAPED = re.compile(rb"\x7d(.)", re.DOTALL)
# On receive the escape byte goes and bit 5 of the next is *set* (CI, framing), not toggled.
UNESCAPED = {bytes([byte]): bytes([byte | 0x20]) for byte in range(256)}

# r_len, number, level, plug id, time, 3 unused, main type, sr_desc: 8 x (offset, type)
HEADER = Struct("<HBBHIBBHH" + "hB" * 8)
MAX_RECORD = HEADER.size + 1450  # bytes; CI, record size
MAX_PIECE = 2 * (MAX_RECORD + 1)  # bytes; all of record and checksum escaped
TOO_LONG = f"no flag in {MAX_PIECE} bytes, more than the longest frame"
CHECKSUM_MODULO = 256
END_OF_LIST = 0xFF  # type of the entry that ends sr_desc

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - nobody says of which zone

PHYSIOLOGICAL = 0  # main type
DISPLAYED_VALUES = 1  # subrecord type; 2 and 3 are 10 s and 60 s trends: means, never live values
SUBRECORD_SIZES = {DISPLAYED_VALUES: 278, 2: 278, 3: 278, 4: 114}
CLASS_AT = 277  # high byte of 16 bits; bits 8-11: class; below them level and subtype (captures)
BASIC = 0

# Basic class, RS: u32 time, then groups of u32 status, u16 label, s16 values. x: not read.
BASIC_CLASS = Struct(
    "<I"  # time
    "I2xh6xh"  # ECG: status, heart rate, ST 1-3, impedance respiration rate
    "I2xhhh2x"  # P1: status, systolic, diastolic, mean, pulse rate
    "I2xhhh2x"  # P2
    "28x"  # P3, P4
    "IHhhhh"  # NIBP: status, label, systolic, diastolic, mean, pulse rate
    "I2xh"  # T1: status, temperature
    "I2xh"  # T2
    "16x"  # T3, T4
    "I2xhh4x"  # SpO2: status, saturation, pulse rate
    "IHhhhh"  # CO2: status, label, end-tidal, inspired, respiration rate, ambient pressure
)

# Groups of it that are not read, by where their status starts behind the time; RS. Two bits of each
# status tell whether the group is sent, so the class is taken as one number and masked.
OTHER_GROUPS = {
    44: "P3",
    58: "P4",
    102: "T3",
    110: "T4",
    146: "O2",
    156: "N2O",
    166: "anaesthetic agent",
    178: "spirometry",
    200: "cardiac output",
    214: "NMT",
    232: "SvO2",
    240: "P5",
    254: "P6",
}
# Values not read of the groups that are; RS. What repeats a value that is read is left out.
OTHER_VALUES = Struct(
    "<4xI4xhhh"  # time, ECG: status, label and heart rate, ST 1-3
    "104xI6xhh"  # SpO2: status, what is read, modulation, SvO2
)
OTHER_SUBRECORDS = {2: "10 s trend", 3: "60 s trend", 4: "auxiliary"}
OTHER_CLASSES = {1: "ext1 class", 2: "ext2 class", 3: "ext3 class"}

# Alarm status, RS: sound on, silence; five boxes of text, text changed, colour, colour changed; 10
# reserved bytes. RS names the types of silence and colour but not their sizes. Two bytes each is
# what a published header of this interface has; with four, the record is that much longer, so its
# length says which. No capture confirms either.
ALARM_STATUS = 1  # subrecord type
BOXES = 5
ALARM_LAYOUTS = {
    510: (Struct("<2xh4xh"), Struct("<80shhh12x")),
    522: (Struct("<2xh4xi"), Struct("<80shih12x")),
}
NO_ALARM_TEXT = re.compile(rb"[\x00-\x1f\x7f-\x9f]")

EXISTS_AND_ACTIVE = 0b11  # the two lowest bits of every group's status
ANY_OTHER = sum(EXISTS_AND_ACTIVE << 8 * at for at in OTHER_GROUPS)
SMALLEST_VALUE = -32000  # RS: anything lower is a special value

NO_VALID_DATA = -32767
NOT_UPDATED = -32766
# RS, special values. -32765 stands in older material only, as "discontinuity" or "calibrating":
# too unsure to say more than that there is no value.
SPECIAL = {
    NO_VALID_DATA: Quality.UNAVAILABLE,
    NOT_UPDATED: Quality.NOT_UPDATED,
    -32765: Quality.UNAVAILABLE,
    -32764: Quality.UNDER_RANGE,
    -32763: Quality.OVER_RANGE,
    -32762: Quality.NOT_CALIBRATED,
}

# NIBP label bits (RS); the others are reserved, and some of them set in captures.
MEASURING = 1 << 5
STASIS_OR_CALIBRATING = 1 << 6 | 1 << 7  # the cuff is inflated, but for no reading
OLDER_THAN_60_S = 1 << 8

# While a cuff measures, the old value stays; the new one shows 0-3 s before the measuring bit
# clears (captures). So a cycle has failed if the value left behind is found older than 60 s
# sooner after the cycle's end than a value of this cycle could be. 60 s - 3 s - one step of up
# to 15 s between records, rounded down:
CUFF_SETTLES_S = 3
OLD_TOO_SOON_S = 40
LONGEST_STEP_S = 15  # a longer one may hide a whole cycle: then nothing is said of it
OLD_CUFF = timedelta(seconds=60)

# ECG status bits 3-6: where the displayed heart rate comes from (RS). 0: none.
HEART_RATE_SOURCES = {
    **dict.fromkeys((1, 9), Source.ECG),
    **dict.fromkeys((2, 3, 4, 5, 7, 8, 10, 11), Source.PRESSURE),
    **dict.fromkeys((6, 12), Source.SPO2),
}

CO2_RATE_SOURCE = 0b111  # CO2 label: what respiration is counted from
FROM_IMPEDANCE = 2
RATE_FROM_CO2_LEVEL = 8  # from this level on the CO2 group's rate is counted from CO2 (RS)

METRICS = frozenset(Metric) - {Metric.PERFUSION_INDEX}


class RecordKind(StrEnum):
    """What a record without displayed basic values is about."""

    PHYSIOLOGICAL = "physiological"  # trends and other classes only
    WAVEFORM = "waveform"
    ALARM = "alarm"
    NETWORK = "network"
    EVENT = "event"
    UNKNOWN = "unknown"


MAIN_TYPES = {
    PHYSIOLOGICAL: RecordKind.PHYSIOLOGICAL,
    1: RecordKind.WAVEFORM,
    4: RecordKind.ALARM,
    5: RecordKind.NETWORK,
    8: RecordKind.EVENT,
}


# Records that are not read, as they are told.
OTHER_KINDS = {
    kind: (f"{kind} record",) for kind in RecordKind if kind is not RecordKind.PHYSIOLOGICAL
}


class AlarmColour(StrEnum):
    """How the monitor shows an alarm: its priority."""

    NONE = "none"
    WHITE = "white"
    YELLOW = "yellow"
    RED = "red"


class AlarmSilence(StrEnum):
    """Which alarms the monitor keeps silent."""

    NONE = "none"
    APNEA = "apnea"
    ASYSTOLE = "asystole"
    APNEA_AND_ASYSTOLE = "apnea and asystole"
    ALL = "all"
    ALL_2_MIN = "all for 2 min"
    ALL_5_MIN = "all for 5 min"
    ALL_20_S = "all for 20 s"


# As numbered in RS, from 0.
COLOURS = tuple(AlarmColour)
SILENCES = tuple(AlarmSilence)


class CuffNews(StrEnum):
    """What a record says of the cuff that the ones before it did not."""

    NONE = "none"
    READING = "reading"  # pressures measured since the last news
    NO_READING = "no reading"  # a cycle left no new pressures, or there are none any more


@dataclass(frozen=True, slots=True)
class DisplayedValues:
    """The basic class of one physiological record: what the monitor shows, as sent.

    Rates 1/min; pressures 1/100 mmHg; temperatures 1/100 deg C; SpO2 and CO2 1/100 %; ambient
    pressure 1/10 mmHg; below -32000 a special value. A status is the group's bit field: bit 0 the
    module exists, bit 1 the measurement is active. ``time_s`` is the monitor's clock in Unix
    seconds; whether it is set to UTC or to the wall, nobody says.
    ``cuff`` and ``measurement_id`` are the Decoder's own: what is new compared with the records
    before. ``others`` names what is active and not read.
    """

    offset: int
    number: int
    level: int
    plug_id: int
    cuff: CuffNews
    measurement_id: str | None  # of a reading, else None
    others: tuple[str, ...]
    time_s: int
    ecg_status: int
    heart_rate: int
    impedance_resp_rate: int
    p1_status: int
    p1_systolic: int
    p1_diastolic: int
    p1_mean: int
    p2_status: int
    p2_systolic: int
    p2_diastolic: int
    p2_mean: int
    nibp_status: int
    nibp_label: int
    nibp_systolic: int
    nibp_diastolic: int
    nibp_mean: int
    nibp_pulse_rate: int
    t1_status: int
    temperature_1: int
    t2_status: int
    temperature_2: int
    spo2_status: int
    spo2: int
    spo2_pulse_rate: int
    co2_status: int
    co2_label: int
    co2_et: int
    co2_fi: int
    co2_resp_rate: int
    ambient_pressure: int


class AlarmBox(NamedTuple):
    """An alarm on the monitor's screen, in the monitor's language. What it is about, it alone says:
    never to be told from the text."""

    text: str
    colour: AlarmColour


@dataclass(frozen=True, slots=True)
class AlarmStatus:
    """The alarms on the monitor's screen, those of highest priority first; none: ``()``."""

    offset: int
    number: int
    level: int
    is_sound_on: bool
    silence: AlarmSilence
    boxes: tuple[AlarmBox, ...]


@dataclass(frozen=True, slots=True)
class OtherRecord:
    """A sound record that carries neither displayed basic values nor alarms that are laid out as
    expected; only its header is read. ``others`` names the subrecords of a physiological one."""

    offset: int
    number: int
    level: int
    kind: RecordKind
    others: tuple[str, ...] = ()


Message = DisplayedValues | AlarmStatus | OtherRecord
_Pressures = tuple[int, int, int]  # systolic, diastolic, mean as sent


class Decoder:
    """Turns the line's bytes into records; knows neither port nor time.

    The pieces between flags are judged each on its own, so that a lost flag costs its frame: a
    receiver that toggles between inside and outside would stay inverted.
    """

    def __init__(self) -> None:
        self._pieces = Pieces(FLAG, MAX_PIECE, TOO_LONG)
        self._cuff = _Cuff()
        self._readings = 0

    def feed(self, data: bytes) -> list[Message | Garbled]:
        """Return the messages that ``data`` completes, in wire order; keep the rest."""
        return self._pieces.feed(data, self._parse)

    def end(self) -> list[Garbled]:
        """Nothing follows: give up the part of a frame that is held, and nothing else."""
        return self._pieces.end()

    def _parse(self, piece: bytes) -> Message | Garbled:
        """Read what stood between two flags."""
        if (len(piece) - len(piece.rstrip(ESCAPE))) % 2:
            return Garbled(piece, "an escape byte before a flag", self._pieces.offset)
        frame = ESCAPED.sub(lambda pair: UNESCAPED[pair[1]], piece) if ESCAPE in piece else piece
        if len(frame) <= HEADER.size:
            reason = f"{len(frame)} bytes, expected a header of {HEADER.size} and a checksum"
            return Garbled(piece, reason, self._pieces.offset)
        record, sent = frame[:-1], frame[-1]
        if (summed := sum(record) % CHECKSUM_MODULO) != sent:
            reason = f"checksum {sent:02X}, expected {summed:02X}"
            return Garbled(piece, reason, self._pieces.offset)
        length, number, level, plug_id, _, _, _, _, main_type, *sr_desc = HEADER.unpack_from(record)
        if length != len(record):
            reason = f"{len(record)} bytes, the header says {length}"
            return Garbled(piece, reason, self._pieces.offset)

        kind = MAIN_TYPES.get(main_type, RecordKind.UNKNOWN)
        is_physiological = kind is RecordKind.PHYSIOLOGICAL
        basic_at = None
        others: list[str] = []
        for at, subrecord in _listed(sr_desc):
            start = HEADER.size + at
            size = SUBRECORD_SIZES.get(subrecord, 0) if is_physiological else 0
            if at < 0 or start + size > length:
                reason = f"a subrecord of type {subrecord} at {at} leaves the {length} bytes"
                return Garbled(piece, reason, self._pieces.offset)
            if is_physiological and subrecord == DISPLAYED_VALUES:
                if (class_ := _class_of(record, start)) == BASIC:
                    basic_at = start
                else:
                    others.append(OTHER_CLASSES.get(class_, "unknown class"))
            elif is_physiological and subrecord in OTHER_SUBRECORDS:
                others.append(OTHER_SUBRECORDS[subrecord])
        if kind is RecordKind.ALARM and [*_listed(sr_desc)] == [(0, ALARM_STATUS)]:
            alarms = _alarms(record[HEADER.size :])
            if alarms is not None:
                return AlarmStatus(self._pieces.offset, number, level, *alarms)
        if basic_at is None:
            return OtherRecord(self._pieces.offset, number, level, kind, tuple(others))
        names = _other_values(record, basic_at)
        if others:
            names += tuple(others)
        values = BASIC_CLASS.unpack_from(record, basic_at)
        offset = self._pieces.offset
        return self._with_news(
            DisplayedValues(offset, number, level, plug_id, CuffNews.NONE, None, names, *values)
        )

    def _with_news(self, sent: DisplayedValues) -> DisplayedValues:
        """Add to what was ``sent`` what is new of the cuff."""
        if not _is_active(sent.nibp_status):
            return sent
        pressures = (sent.nibp_systolic, sent.nibp_diastolic, sent.nibp_mean)
        news = self._cuff.news(sent.time_s, sent.nibp_label, pressures)
        if news is CuffNews.NONE:
            return sent
        measurement_id = None
        if news is CuffNews.READING:
            self._readings += 1
            measurement_id = f"n{self._readings}"
        return replace(sent, cuff=news, measurement_id=measurement_id)


def _listed(sr_desc: list[int]) -> Iterator[tuple[int, int]]:
    """Offset in the data area and type of each subrecord, up to the end of the list."""
    for at, subrecord in zip(sr_desc[::2], sr_desc[1::2], strict=True):
        if subrecord == END_OF_LIST:
            return
        yield at, subrecord


def _class_of(record: bytes, start: int) -> int:
    """Class of the physiological subrecord at ``start``. It says so itself; its place does not."""
    return record[start + CLASS_AT] & 0xF


def _other_values(record: bytes, start: int) -> tuple[str, ...]:
    """Names of what the basic class at ``start`` shows and is not read."""
    class_end = start + SUBRECORD_SIZES[DISPLAYED_VALUES]
    groups = int.from_bytes(record[start + 4 : class_end], "little") & ANY_OTHER
    ecg_status, st_1, st_2, st_3, spo2_status, modulation, svo2 = OTHER_VALUES.unpack_from(
        record, start
    )
    return _named(
        groups,
        _is_active(ecg_status) and max(st_1, st_2, st_3) >= SMALLEST_VALUE,
        _is_active(spo2_status) and modulation >= SMALLEST_VALUE,
        _is_active(spo2_status) and svo2 >= SMALLEST_VALUE,
    )


@lru_cache(maxsize=64)
def _named(groups: int, has_st: bool, has_modulation: bool, has_svo2: bool) -> tuple[str, ...]:
    """The groups of which both bits are set in a class masked with ANY_OTHER, and the values."""
    names = [
        name
        for at, name in OTHER_GROUPS.items()
        if groups >> 8 * at & EXISTS_AND_ACTIVE == EXISTS_AND_ACTIVE
    ]
    values = {"ST": has_st, "SpO2 modulation": has_modulation, "SpO2 group's SvO2": has_svo2}
    return (*names, *(name for name, is_shown in values.items() if is_shown))


def _alarms(status: bytes) -> tuple[bool, AlarmSilence, tuple[AlarmBox, ...]] | None:
    """Sound, silence and boxes of an alarm ``status``; None where anything in it is odd.

    The layout is not certain, so whatever does not fit it tells that it is another one.
    """
    if len(status) not in ALARM_LAYOUTS:
        return None
    head, box = ALARM_LAYOUTS[len(status)]
    sound, silence = head.unpack_from(status)
    if sound not in (0, 1) or not 0 <= silence < len(SILENCES):
        return None
    boxes = []
    for at in range(head.size, head.size + BOXES * box.size, box.size):
        padded, text_changed, colour, colour_changed = box.unpack_from(status, at)
        padded = padded.rstrip(b"\0")
        text = padded.decode("latin-1").strip()  # some are padded with blanks
        is_known = 0 <= colour < len(COLOURS) and {text_changed, colour_changed} <= {0, 1}
        if not is_known or NO_ALARM_TEXT.search(padded) or (colour and not text):
            return None
        if text:
            boxes.append(AlarmBox(text, COLOURS[colour]))
    return bool(sound), SILENCES[silence], tuple(boxes)


class _Cuff:
    """Which record is the first to show a cuff reading, or that there is none?

    Leans on the label sequence of real automatic cycles (captures): old value; old value and
    measuring; new value, no longer older than 60 s; not measuring; old again a minute later.
    """

    def __init__(self) -> None:
        self._reading: _Pressures | None = None  # the last one given
        self._blank: _Pressures | None = None  # special values last told; None: values since
        self._was_old = False
        self._was_measuring = False
        self._is_awaited = False  # a cycle was seen to run and has given nothing yet
        self._ended_s: int | None = None  # when that cycle ended; None: it still runs
        self._last_s = 0

    def news(self, time_s: int, label: int, pressures: _Pressures) -> CuffNews:
        """What a record adds to those before it; ``time_s`` on the monitor's clock."""
        self._follow_cycle(time_s, label)
        settled = self._ended_s is not None and time_s - self._ended_s >= CUFF_SETTLES_S
        if max(pressures) < SMALLEST_VALUE:
            # Blank while a cycle runs or settles: its value may still come.
            is_news = settled if self._is_awaited else pressures != self._blank
            if not is_news:
                return CuffNews.NONE
            self._blank = pressures
            self._is_awaited = False
            return CuffNews.NO_READING

        is_old = bool(label & OLDER_THAN_60_S)
        is_renewed = not is_old and (self._was_old or self._blank is not None)
        self._was_old, self._blank = is_old, None
        if is_renewed or pressures != self._reading:
            self._reading = pressures
            # An old value is the first we see of it, not what a running cycle has measured.
            self._is_awaited = self._is_awaited and is_old
            return CuffNews.READING
        if self._is_awaited and settled and is_old:
            self._is_awaited = False
            return CuffNews.NO_READING
        return CuffNews.NONE

    def _follow_cycle(self, time_s: int, label: int) -> None:
        """Note when a cycle starts and ends; await nothing where that cannot be known."""
        is_measuring = bool(label & MEASURING)
        is_followed = 0 <= time_s - self._last_s <= LONGEST_STEP_S
        self._last_s = time_s
        if not is_followed:
            self._is_awaited = False
        if is_measuring:
            self._ended_s = None
            if not self._was_measuring or not is_followed:
                self._is_awaited = True
        elif self._ended_s is None:
            self._ended_s = time_s
        elif time_s - self._ended_s > OLD_TOO_SOON_S:
            self._is_awaited = False
        if label & STASIS_OR_CALIBRATING:
            self._is_awaited = False
        self._was_measuring = is_measuring


def translate(message: Message, observed_at: datetime) -> list[Observation]:
    """What ``message`` says, in Vigil's metrics and units; ``observed_at``: when it arrived.

    A group whose module is absent or inactive says nothing. A special value is None with its
    quality. CO2 comes in percent of the ambient pressure that the monitor sends along: that
    fraction of it, without a correction for water vapour, is the mmHg given here; None where the
    ambient pressure is missing. ``device_time`` is the monitor's clock when it made the record, in
    whole seconds. Respiration is the CO2 group's while that is active, else the
    impedance rate. A reading that is already older than 60 s was observed 60 s ago at the latest.
    """
    if not isinstance(message, DisplayedValues):
        return []
    sent = message
    device_time = EPOCH + timedelta(seconds=sent.time_s)

    def seen(metric: Metric, raw: int, value: float, source: Source | None = None) -> Observation:
        if raw < SMALLEST_VALUE:
            quality = SPECIAL.get(raw, Quality.UNAVAILABLE)
            return Observation(metric, None, quality, observed_at, source, device_time)
        return Observation(metric, value, Quality.VALID, observed_at, source, device_time)

    def rate(metric: Metric, raw: int, source: Source | None) -> Observation:
        return seen(metric, raw, float(raw), source)

    def hundredths(metric: Metric, raw: int, source: Source | None = None) -> Observation:
        return seen(metric, raw, raw / 100, source)

    def gas(metric: Metric, raw: int) -> Observation:
        if sent.ambient_pressure <= 0 and raw >= SMALLEST_VALUE:
            raw = NO_VALID_DATA
        return seen(metric, raw, raw * sent.ambient_pressure / 100_000, Source.CO2)

    found: list[Observation] = []
    if _is_active(sent.ecg_status):
        source = HEART_RATE_SOURCES.get(sent.ecg_status >> 3 & 0xF)
        found.append(rate(Metric.HEART_RATE, sent.heart_rate, source))
    if _is_active(sent.spo2_status):
        found.append(hundredths(Metric.SPO2, sent.spo2, Source.SPO2))
        found.append(rate(Metric.PULSE_RATE, sent.spo2_pulse_rate, Source.SPO2))
    if _is_active(sent.co2_status):
        is_old_model = sent.level < RATE_FROM_CO2_LEVEL
        by_impedance = is_old_model and sent.co2_label & CO2_RATE_SOURCE == FROM_IMPEDANCE
        source = Source.IMPEDANCE if by_impedance else Source.CO2
        found.append(rate(Metric.RESP_RATE, sent.co2_resp_rate, source))
        found.append(gas(Metric.ETCO2, sent.co2_et))
        found.append(gas(Metric.FICO2, sent.co2_fi))
    elif _is_active(sent.ecg_status):
        found.append(rate(Metric.RESP_RATE, sent.impedance_resp_rate, Source.IMPEDANCE))
    if _is_active(sent.t1_status):
        found.append(hundredths(Metric.TEMPERATURE_1, sent.temperature_1))
    if _is_active(sent.t2_status):
        found.append(hundredths(Metric.TEMPERATURE_2, sent.temperature_2))
    if _is_active(sent.p1_status):
        found.append(hundredths(Metric.IBP1_SYSTOLIC, sent.p1_systolic, Source.PRESSURE))
        found.append(hundredths(Metric.IBP1_DIASTOLIC, sent.p1_diastolic, Source.PRESSURE))
        found.append(hundredths(Metric.IBP1_MEAN, sent.p1_mean, Source.PRESSURE))
    if _is_active(sent.p2_status):
        found.append(hundredths(Metric.IBP2_SYSTOLIC, sent.p2_systolic, Source.PRESSURE))
        found.append(hundredths(Metric.IBP2_DIASTOLIC, sent.p2_diastolic, Source.PRESSURE))
        found.append(hundredths(Metric.IBP2_MEAN, sent.p2_mean, Source.PRESSURE))
    if sent.cuff is not CuffNews.NONE:
        cuff = [
            hundredths(Metric.NIBP_SYSTOLIC, sent.nibp_systolic, Source.NIBP),
            hundredths(Metric.NIBP_DIASTOLIC, sent.nibp_diastolic, Source.NIBP),
            hundredths(Metric.NIBP_MEAN, sent.nibp_mean, Source.NIBP),
            rate(Metric.NIBP_PULSE, sent.nibp_pulse_rate, Source.NIBP),
        ]
        found += [_of_the_cuff(one, sent) for one in cuff]
    return found


def identity(message: Message) -> Identity | None:
    """The header's plug id as the serial number, and the level of the interface as the version.

    CI has the plug id as that of the sending monitor. It is 0, which is none, on one without a
    network (captures). It may belong to the socket rather than to the device: a change of it is
    worth a look either way. No record tells the model.
    """
    if not isinstance(message, DisplayedValues):
        return None
    return _sender(message.plug_id, message.level)


@lru_cache(maxsize=64)
def _sender(plug_id: int, level: int) -> Identity:
    return Identity(serial=str(plug_id) if plug_id else "", version=f"DRI level {level}")


def unknown(message: Message) -> tuple[str, ...]:
    """Groups, classes and kinds of record that are sent and not read, such as "spirometry".

    A group counts while its module exists and measures, a single value while it is one.
    """
    if isinstance(message, AlarmStatus):
        return ()
    if isinstance(message, OtherRecord) and message.kind in OTHER_KINDS:
        return OTHER_KINDS[message.kind]
    return message.others


def alarms(message: Message) -> tuple[str, ...] | None:
    """The texts of the monitor's own alarms, those of highest priority first; None: not said."""
    if not isinstance(message, AlarmStatus):
        return None
    return tuple(box.text for box in message.boxes if box.colour is not AlarmColour.NONE)


def _is_active(status: int) -> bool:
    return status & EXISTS_AND_ACTIVE == EXISTS_AND_ACTIVE


def is_cuff_up(message: Message) -> bool | None:
    """Whether the cuff is inflated; None for a record that does not say, or without a cuff."""
    if not isinstance(message, DisplayedValues) or not _is_active(message.nibp_status):
        return None
    return bool(message.nibp_label & (MEASURING | STASIS_OR_CALIBRATING))


def _of_the_cuff(shown: Observation, sent: DisplayedValues) -> Observation:
    """``shown`` as part of a reading; or without its value, where that is not a new one."""
    if sent.cuff is CuffNews.READING:
        age = OLD_CUFF if sent.nibp_label & OLDER_THAN_60_S else timedelta(0)
        return replace(
            shown, observed_at=shown.observed_at - age, measurement_id=sent.measurement_id
        )
    quality = Quality.NOT_UPDATED if shown.quality.has_value else shown.quality
    return replace(shown, value=None, quality=quality)


# (interval s, level in the request's header). Levels are numbers of specification years; 0 got an
# answer from a level-10 monitor (captures), older ones may want one they know.
REQUESTS = ((1, 0), (5, 0), (5, 9), (5, 8), (5, 7))
ANSWER_WITHIN_S = {1: 10.0, 5: 15.0}  # from a request to its first record
SILENCE_S = 15.0  # CI: three intervals, at least 15 s; a restarted monitor forgets its requests
LOYAL_REPEATS = 20  # of a request that was answered before: a restart takes minutes at most
SLOW_STEP_S = (3.5, 10.0)  # between two records: asked for 1 s, the monitor keeps to CI's 5 s
SLOW_STEPS = 2  # in a row; one alone may be a record lost

REQUEST = Struct(HEADER.format + "BhIh")  # record type, interval, classes, reserved


def request_frame(interval_s: int, level: int) -> bytes:
    """Ask for displayed values of the basic class, every ``interval_s``; 0 asks to stop."""
    list_ = (0, 0, 0, END_OF_LIST) + (0, 0) * 6
    body = (DISPLAYED_VALUES, interval_s, 0, 0)  # no class bits: basic alone, and it not denied
    record = REQUEST.pack(REQUEST.size, 0, level, 0, 0, 0, 0, 0, PHYSIOLOGICAL, *list_, *body)
    frame = record + bytes([sum(record) % CHECKSUM_MODULO])
    # Escape bytes first, so that those which stand for flags are not escaped again.
    return FLAG + frame.replace(ESCAPE, b"\x7d\x5d").replace(FLAG, b"\x7d\x5e") + FLAG


STOP = request_frame(0, level=0)


class Talk:
    """What is said to the monitor, and when. All times are monotonic seconds; no I/O.

    A request is repeated until records come and whenever they stop. It goes from 1 s to 5 s to
    other levels; one that was answered is kept to, so that a restart changes nothing.
    """

    def __init__(self) -> None:
        self._request = 0  # index in REQUESTS
        self._was_answered = False
        self._unanswered = 0  # requests since the last record
        self._next_s = inf
        self._heard_s = -inf
        self._slow_steps = 0

    @property
    def interval_s(self) -> float:
        """Seconds between records, as last asked for; age limits follow it."""
        return float(REQUESTS[self._request][0])

    def opening(self, now_s: float) -> bytes:
        """What to send on an open port. The stop ends what another program asked for."""
        return STOP + self._ask(now_s)

    def heard(self, message: Message, now_s: float) -> bytes:
        """What to send on ``message``: nothing, unless the monitor keeps its own, slower pace."""
        if not isinstance(message, DisplayedValues):
            return b""
        shortest_s, longest_s = SLOW_STEP_S
        is_slow = self.interval_s < shortest_s < now_s - self._heard_s < longest_s
        self._slow_steps = self._slow_steps + 1 if is_slow else 0
        self._heard_s = now_s
        self._was_answered, self._unanswered = True, 0
        self._next_s = now_s + SILENCE_S
        if self._slow_steps < SLOW_STEPS:
            return b""
        self._request += 1
        return self._ask(now_s)

    def due(self, now_s: float) -> tuple[bytes, float]:
        """What to send by now (perhaps nothing), and when to come back."""
        if now_s < self._next_s:
            return b"", self._next_s
        if not self._was_answered or self._unanswered >= LOYAL_REPEATS:
            self._request = (self._request + 1) % len(REQUESTS)
        return self._ask(now_s), self._next_s

    def closing(self) -> bytes:
        """What to send before the port closes."""
        return STOP

    def _ask(self, now_s: float) -> bytes:
        interval_s, level = REQUESTS[self._request]
        self._unanswered += 1
        self._slow_steps = 0
        self._next_s = now_s + ANSWER_WITHIN_S[interval_s]
        return request_frame(interval_s, level)
