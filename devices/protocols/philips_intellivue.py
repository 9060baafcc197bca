"""How does a Philips IntelliVue speak? Data Export over MIB/RS232: binary answers to polls.

    C0 | escaped( 11 01 length[2] message[length] check[2] ) | C1        115200 8N1, no handshake

The monitor is silent until a client asks for an association. It then describes itself (the "MDS
create event"), wants that confirmed, and answers polls: a single one once, an extended one every
second for as long as was asked for. Whoever is silent for 10 s loses the association.

Sources: a recording of a monitor's serial line (vinod898/JVSCapture, 2021; called "recording"
below); the open clients VSCaptureMP (xeonfusion) and OpenICE (mdpnp); the "Data Export Interface
Programming Guide" 4535 642 59271 as DEMO_POLL (deweynuz) quotes it, called "guide".
All numbers are big-endian but for the check.
"""

from __future__ import annotations

import re
from binascii import crc_hqx
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from math import inf, isinf
from struct import Struct
from struct import error as StructError
from typing import NamedTuple

from clinical.identity import Identity
from clinical.vitals import Metric, Observation, Quality, Source
from devices.protocols.line import Garbled, LineSettings, cut_off

SETTINGS = LineSettings(baud=115200, interval_s=1.0)
ALSO = (replace(SETTINGS, baud=19200),)  # a fixed rate that some monitors can be set to

BEGIN, END, ESCAPE = b"\xc0", b"\xc1", b"\x7d"
ESCAPED = re.compile(rb"\x7d(.)", re.DOTALL)
UNESCAPED = {bytes([byte]): bytes([byte ^ 0x20]) for byte in range(256)}
DATA_EXPORT = (0x11, 0x01)  # protocol and message type of the frame's header
HEADER = Struct(">BBH")  # protocol, message type, length of the message
CHECK_SIZE = 2
SHORTEST_FRAME = HEADER.size + 1 + CHECK_SIZE  # bytes, without marks and escapes
LONGEST_FRAME = HEADER.size + 4096 + CHECK_SIZE  # the recording's longest message has 886
MAX_PIECE = 2 * LONGEST_FRAME + 2  # bytes on the wire; all of it escaped

# The check is CRC-16/X-25, that of PPP: bits go in lowest first. ``crc_hqx`` is the same division
# highest bit first, and fast: fed with mirrored bytes it gives the mirrored check. Over a frame
# with its own check X-25 leaves F0B8, which mirrored is this.
MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
CHECK_START = 0xFFFF
CHECK_RESIDUE = 0x1D0F

ONE = Struct(">H")
TWO = Struct(">HH")  # count or id, length
THREE = Struct(">HHH")
MDS = bytes.fromhex("0021 0000 0000")  # the monitor itself, as a managed object

# First byte of a message: what it is about (guide p. 72).
EXPORT = 0xE1
CONNECT_INDICATION = 0x00
# Session E100, presentation context (any: clients disagree), remote operation, its length
OPERATION = Struct(">HHHH")
INVOKE, RESULT, ERROR, LINKED = 1, 2, 3, 5
LINK = Struct(">BB")  # of a linked result: state, count
CALL = Struct(">HHH")  # invoke id, command or error, length
EVENTS = (0, 1)  # commands: event report, confirmed event report
ACTION = 7
EVENT = Struct(">6sIHH")  # managed object, time, event type, length
MDS_CREATED = 0x0D06
ACTION_RESULT = Struct(">6sHH")  # managed object, action type, length
SINGLE_POLL, EXTENDED_POLL = 0x0C16, 0xF13B
POLLED = Struct(">I8sHHH")  # relative time, absolute time, object partition and code, group

NUMERICS, ALERTS = 0x0006, 0x0036  # object codes of partition 1
OBJECTS = 1  # that partition
OTHER_OBJECTS = {0x0009: "waves", 0x002A: "patient", 0x0021: "monitor"}
OBSERVED, ALERTING, STATIC_CONTEXT = 0x0803, 0x0801, 0x0811  # attribute groups

# Attributes.
VALUE, COMPOUND_VALUE, TAKEN_AT = 0x0950, 0x094B, 0x0990
OPERATING_MODE, ABSOLUTE_TIME, RELATIVE_TIME = 0x0946, 0x0987, 0x098F
BED_LABEL, MODEL, SYSTEM_ID = 0x091E, 0x0928, 0x0984
SYSTEM_ID_SIZE = 6  # bytes: the address of the monitor's network socket (recording)
ALERT_LISTS = {0x0902: False, 0x0904: True}  # whether its alerts are technical
# Operating modes in which what is shown is of no patient. Standby (0002) is none of them: there
# each value says itself whether it is measured.
PRETENCES = {0x2000: "demonstration mode", 0x1000: "service mode"}

NUMERIC = Struct(">HHHI")  # physio id, state, unit, FLOAT
# FLOAT: 8 bits exponent of 10, 24 bits mantissa, both signed. Some mantissas are no numbers,
# whatever the exponent: monitors send 00 there, clients FB.
NO_NUMBERS: dict[int, float | None] = {
    0x7FFFFF: None,  # NaN
    0x800000: None,  # not at this resolution
    0x800001: None,  # reserved
    0x7FFFFE: inf,
    0x800002: -inf,
}
POWERS: list[int] = [10**exponent for exponent in range(0x81)]  # whole, so that 367 / 10 is 36.7
LEAST_SPECIAL = 0x7FFFFE  # a raw FLOAT below it is a whole number from 0

# Measurement state, highest bit first. Bits of the high byte make a value invalid (guide p. 77);
# a questionable one is shown and flagged.
INVALID, QUESTIONABLE, UNAVAILABLE, CALIBRATING = 0x8000, 0x4000, 0x2000, 0x1000
MEASURING = 0x0020
HIGH_BYTE = 0xFF00
STATES = {
    INVALID: "invalid",
    QUESTIONABLE: "questionable",
    UNAVAILABLE: "unavailable",
    CALIBRATING: "calibrating",
    0x0800: "test data",
    0x0400: "demo data",
    0x0040: "early indication",
    0x0002: "in alarm",
    0x0001: "alarm inhibited",
}

TICKS_PER_S = 8000  # the monitor's own clock, 1/8 ms
TICK = timedelta(microseconds=125)
TICKS_WRAP = 1 << 32  # after 6.2 days
LONGEST_STEP = 600 * TICKS_PER_S  # between two results; a longer one is another clock
RIVAL_STAYS = 5 * TICKS_PER_S  # one without a value for so long has lost its place
YEARS = range(1990, 2100)  # others are no time a monitor was set to

# A monitor's wall clock may be set while Vigil watches. A reading that was not there 10 s ago was
# not taken long before (a cycle takes less than 3 min); one that is "not taken yet" by more than
# rounding has another clock.
WATCHED = 10 * TICKS_PER_S
FRESH = timedelta(minutes=3)
ROUNDING = timedelta(seconds=5)

CUFF_IDS = (0x4A05, 0x4A06, 0x4A07)  # systolic, diastolic, mean
CUFF_PULSE = 0xF0E5


def _as_sent(value: float) -> float:
    return value


def _from_kpa(value: float) -> float:
    return value * 7.50062


def _from_fahrenheit(value: float) -> float:
    return (value - 32) / 1.8


_Units = Mapping[int, Callable[[float], float]]
PER_MINUTE: _Units = {0x0AA0: _as_sent, 0x0AE0: _as_sent}  # beats, breaths
PERCENT: _Units = {0x0220: _as_sent}
INDEX: _Units = {0x0200: _as_sent, 0x0220: _as_sent}
# CO2 in percent (0220) would need the ambient pressure, which is not sent.
PRESSURE: _Units = {0x0F20: _as_sent, 0x0F03: _from_kpa}
TEMPERATURE: _Units = {0x17A0: _as_sent, 0x1140: _from_fahrenheit}


class Reading(NamedTuple):
    """What a physio id is, in which units it may come, and what the field can mean after that."""

    metric: Metric
    source: Source | None
    units: _Units
    lowest: float
    highest: float


def _rate(metric: Metric, source: Source | None) -> Reading:
    return Reading(metric, source, PER_MINUTE, 0, 500)


def _gas(metric: Metric) -> Reading:
    return Reading(metric, Source.CO2, PRESSURE, 0, 300)


def _cuff(metric: Metric) -> Reading:
    return Reading(metric, Source.NIBP, PRESSURE, 0, 400)


def _artery(metric: Metric) -> Reading:
    return Reading(metric, Source.PRESSURE, PRESSURE, -100, 400)


def _body(metric: Metric) -> Reading:
    return Reading(metric, None, TEMPERATURE, -20, 60)


# Nomenclature of the guide, as four open clients have it.
READINGS: dict[int, Reading] = {
    0x4182: _rate(Metric.HEART_RATE, Source.ECG),
    0x4822: _rate(Metric.PULSE_RATE, Source.SPO2),
    0x480A: _rate(Metric.PULSE_RATE, None),
    0x4BB8: Reading(Metric.SPO2, Source.SPO2, PERCENT, 0, 100),
    0x4BB0: Reading(Metric.PERFUSION_INDEX, Source.SPO2, INDEX, 0, 100),
    0x5012: _rate(Metric.RESP_RATE, Source.CO2),
    0x500A: _rate(Metric.RESP_RATE, Source.IMPEDANCE),
    0x50B0: _gas(Metric.ETCO2),
    0x50BA: _gas(Metric.FICO2),
    0x4B60: _body(Metric.TEMPERATURE_1),  # core
    0x4B48: _body(Metric.TEMPERATURE_1),  # without a site
    0x4B64: _body(Metric.TEMPERATURE_1),  # oesophageal
    0x4B6C: _body(Metric.TEMPERATURE_1),  # nasopharyngeal
    0xE004: _body(Metric.TEMPERATURE_1),  # rectal
    0x4B78: _body(Metric.TEMPERATURE_1),  # tympanic
    0xE014: _body(Metric.TEMPERATURE_1),  # blood
    0x4B74: _body(Metric.TEMPERATURE_2),  # skin
    0x4A15: _artery(Metric.IBP1_SYSTOLIC),  # labelled ABP
    0x4A16: _artery(Metric.IBP1_DIASTOLIC),
    0x4A17: _artery(Metric.IBP1_MEAN),
    0x4A11: _artery(Metric.IBP1_SYSTOLIC),  # labelled ART
    0x4A12: _artery(Metric.IBP1_DIASTOLIC),
    0x4A13: _artery(Metric.IBP1_MEAN),
}
CUFF_READINGS: dict[int, Reading] = {
    0x4A05: _cuff(Metric.NIBP_SYSTOLIC),
    0x4A06: _cuff(Metric.NIBP_DIASTOLIC),
    0x4A07: _cuff(Metric.NIBP_MEAN),
    CUFF_PULSE: _rate(Metric.NIBP_PULSE, Source.NIBP),
}
# Names of others that monitors send, as OpenICE has them from the guide. They are for the list of
# what is not read; nothing else depends on them.
NAMES = {
    0x0301: "ECG_AMPL_ST_I",
    0x0302: "ECG_AMPL_ST_II",
    0x0303: "ECG_AMPL_ST_V1",
    0x0304: "ECG_AMPL_ST_V2",
    0x0305: "ECG_AMPL_ST_V3",
    0x0306: "ECG_AMPL_ST_V4",
    0x0307: "ECG_AMPL_ST_V5",
    0x0308: "ECG_AMPL_ST_V6",
    0x033D: "ECG_AMPL_ST_III",
    0x033E: "ECG_AMPL_ST_AVR",
    0x033F: "ECG_AMPL_ST_AVL",
    0x0340: "ECG_AMPL_ST_AVF",
    0x0343: "ECG_AMPL_ST_V",
    0x034B: "ECG_AMPL_ST_MCL",
    0x3F20: "ECG_TIME_PD_QT_GL",
    0x3F24: "ECG_TIME_PD_QTc",
    0x418A: "ECG_CARD_BEAT_RATE_BTB",
    0x4261: "ECG_V_P_C_CNT",
    0x4A1D: "PRESS_BLD_ART_PULM_SYS",
    0x4A1E: "PRESS_BLD_ART_PULM_DIA",
    0x4A1F: "PRESS_BLD_ART_PULM_MEAN",
    0x4A47: "PRESS_BLD_VEN_CENT_MEAN",
    0x4B04: "OUTPUT_CARD",
    0x4B50: "TEMP_ART",
    0x4B54: "TEMP_AWAY",
    0x4B68: "TEMP_INJ",
    0x4B7C: "TEMP_VEN",
    0x4BC4: "PULS_OXIM_SAT_O2_DIFF",
    0x4BC8: "PULS_OXIM_SAT_O2_ART_LEFT",
    0x4BCC: "PULS_OXIM_SAT_O2_ART_RIGHT",
    0x50CC: "CO2_TCUT",
    0x50D0: "O2_TCUT",
    0x5130: "TIME_PD_APNEA",
    0x5164: "CONC_AWAY_O2",
    0x5284: "CONC_AWAY_O2_INSP",
    0x5378: "CONC_AWAY_O2_ET",
    0x5804: "PRESS_CEREB_PERF",
}
METRICS = frozenset(one.metric for one in (*READINGS.values(), *CUFF_READINGS.values()))


def _ranks() -> dict[int, tuple[Metric, int]]:
    """Metric and rank of each physio id that has a rival for it: the table's order decides."""
    by_metric: dict[Metric, list[int]] = {}
    for physio_id, reading in READINGS.items():
        by_metric.setdefault(reading.metric, []).append(physio_id)
    return {
        physio_id: (metric, rank)
        for metric, rivals in by_metric.items()
        if len(rivals) > 1
        for rank, physio_id in enumerate(rivals)
    }


RANKS = _ranks()


class Numeric(NamedTuple):
    """One observed value as sent, in the unit that it names.

    ``value``: None where it is not a number, infinite beyond what the monitor can measure.
    """

    physio_id: int
    state: int
    unit: int
    value: float | None


@dataclass(frozen=True, slots=True)
class Cuff:
    """What a result says of the cuff that those before it did not.

    ``pressures``: systolic, diastolic, mean; none of them where only the pulse is new.
    ``measurement_id`` is None where there is no reading: a cycle failed, or none is left.
    ``age``: from ``taken_at`` to the result on the monitor's own clock; None: not known.
    """

    measurement_id: str | None
    pressures: tuple[Numeric | None, ...]
    pulse: Numeric | None
    taken_at: datetime | None
    age: timedelta | None


class Step(StrEnum):
    """A step of the association, by the first byte of its message."""

    REQUEST = "association request"
    RESPONSE = "association response"
    REFUSE = "refuse"
    RELEASE = "release request"
    RELEASED = "release response"
    ABORT = "abort"


STEPS = {
    0x0D: Step.REQUEST,
    0x0E: Step.RESPONSE,
    0x0C: Step.REFUSE,
    0x09: Step.RELEASE,
    0x0A: Step.RELEASED,
    0x19: Step.ABORT,
}


@dataclass(frozen=True, slots=True)
class Association:
    """A message about the association. ``grants``: poll options of a response; None: not read."""

    offset: int
    step: Step
    grants: int | None


@dataclass(frozen=True, slots=True)
class Created:
    """The monitor describes itself after it has accepted an association (MDS create event).

    ``pretence``: the mode in which what it shows is of no patient; "" where it is. ``system_id`` as
    addresses are printed, 00:09:FB:01:02:03.
    """

    offset: int
    invoke_id: int
    event_time: int  # ticks
    pretence: str
    model: str
    bed_label: str
    clock: datetime | None
    ticks: int | None
    system_id: str = ""


@dataclass(frozen=True, slots=True)
class Numerics:
    """One result of a poll of the numerics; a long one comes in several (``is_last``).

    ``polled_at`` is the monitor's wall clock; None where it was not told. ``passed_over`` are the
    physio ids that give no observation because a better one for the metric is there. Pressures of
    the cuff are in ``cuff`` once, when new.
    """

    offset: int
    invoke_id: int
    poll_number: int
    sequence_no: int | None  # of an extended poll
    is_last: bool
    ticks: int
    polled_at: datetime | None
    pretence: str
    numerics: tuple[Numeric, ...]
    passed_over: frozenset[int]
    cuff: Cuff | None


class Priority(StrEnum):
    """How urgent the monitor holds an alert to be."""

    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Alert:
    """One active alert. ``source``: physio id; ``state``: bits as sent; text None: none sent."""

    is_technical: bool
    source: int
    code: int
    priority: Priority
    state: int
    text_id: int
    text: str | None


@dataclass(frozen=True, slots=True)
class Alerts:
    """All alerts that are active, by a poll of the alert monitor."""

    offset: int
    invoke_id: int
    sequence_no: int | None
    ticks: int
    alerts: tuple[Alert, ...]
    pretence: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The monitor cannot do what was asked with ``invoke_id``."""

    offset: int
    invoke_id: int
    error: int


class Kind(StrEnum):
    """What else a sound frame may be about."""

    REQUEST = "request"
    EVENT = "event"
    RESULT = "result"  # waves, static context, confirmations
    CONNECT_INDICATION = "connect indication"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Other:
    """A sound frame of which only the kind is read, and the objects that a result is about."""

    offset: int
    kind: Kind
    objects: str = ""


Message = Association | Created | Numerics | Alerts | Refusal | Other


class _Torn(Exception):
    """A length inside a sound frame points out of what holds it. Stays inside this file."""


def _check(frame: bytes) -> bytes:
    """The two bytes that end ``frame`` on the wire."""
    summed = crc_hqx(frame.translate(MIRRORED), CHECK_START) ^ 0xFFFF
    return summed.to_bytes(CHECK_SIZE, "big").translate(MIRRORED)


def framed(message: bytes) -> bytes:
    """``message`` as it goes over the wire."""
    frame = HEADER.pack(*DATA_EXPORT, len(message)) + message
    frame += _check(frame)
    # Escape bytes first, so that those which stand for marks are not escaped again.
    escaped = frame.replace(ESCAPE, b"\x7d\x5d").replace(BEGIN, b"\x7d\xe0")
    return BEGIN + escaped.replace(END, b"\x7d\xe1") + END


class Decoder:
    """Turns the line's bytes into messages; knows neither port nor time.

    A piece is a frame between its marks, or what stands before the next begin mark.
    """

    def __init__(self) -> None:
        self._tail = b""
        self._offset = 0  # of the tail's first byte
        self._cuff = _Cuff()
        self._clock = _Clock()
        self._listed = _AlertLists()
        self._pretence = ""
        # The rival that is given: whether it has no value, its rank; when seen so, in ticks.
        self._leaders: dict[Metric, tuple[tuple[bool, int], int]] = {}

    def feed(self, data: bytes) -> list[Message | Garbled]:
        """Return the messages that ``data`` completes, in wire order; keep the rest."""
        found: list[Message | Garbled] = []
        wire, at = self._tail + data, 0
        start = self._offset
        while at < len(wire):
            is_begun = wire[at] == BEGIN[0]
            next_at = wire.find(BEGIN, at + is_begun, at + MAX_PIECE + 1)
            stop = next_at if next_at >= 0 else len(wire)
            end = wire.find(END, at, min(stop, at + MAX_PIECE)) if is_begun else -1
            if end >= 0:
                stop = end + 1
                found.append(self._parse(wire[at:stop], start + stop))
            elif stop - at > MAX_PIECE:
                stop = at + MAX_PIECE
                reason = f"no frame in {MAX_PIECE} bytes, more than the longest"
                found.append(Garbled(wire[at:stop], reason, start + stop))
            elif next_at < 0:
                break
            elif wire[at:stop] != BEGIN:  # begin marks before a begin mark fill the line
                reason = "a frame without its end" if is_begun else "bytes outside a frame"
                found.append(Garbled(wire[at:stop], reason, start + stop))
            if found and isinstance(found[-1], Garbled):
                self._listed.lose()
            at = stop
        self._tail, self._offset = wire[at:], start + at
        return found

    def end(self) -> list[Garbled]:
        """Nothing follows: give up the part of a frame that is held, and nothing else."""
        self._listed.lose()
        held, self._tail = self._tail, b""
        self._offset += len(held)
        return cut_off(held, self._offset)

    def _parse(self, piece: bytes, offset: int) -> Message | Garbled:
        """Read a piece from begin to end mark."""
        frame = piece[1:-1]
        if ESCAPE in frame:
            if (len(frame) - len(frame.rstrip(ESCAPE))) % 2:
                return Garbled(piece, "a frame that its sender has aborted", offset)
            frame = ESCAPED.sub(lambda pair: UNESCAPED[pair[1]], frame)
        if not SHORTEST_FRAME <= len(frame) <= LONGEST_FRAME:
            reason = f"{len(frame)} bytes, a frame has {SHORTEST_FRAME} to {LONGEST_FRAME}"
            return Garbled(piece, reason, offset)
        if crc_hqx(frame.translate(MIRRORED), CHECK_START) != CHECK_RESIDUE:
            sent, summed = frame[-CHECK_SIZE:], _check(frame[:-CHECK_SIZE])
            reason = f"check {sent.hex(' ')}, expected {summed.hex(' ')}"
            return Garbled(piece, reason, offset)
        *kind, length = HEADER.unpack_from(frame)
        if tuple(kind) != DATA_EXPORT:
            return Garbled(piece, f"header {frame[:2].hex(' ')}, expected 11 01", offset)
        message = frame[HEADER.size : -CHECK_SIZE]
        if length != len(message):
            return Garbled(piece, f"{len(message)} bytes, the header says {length}", offset)
        try:
            return self._read(message, offset)
        except (_Torn, StructError):
            return Garbled(piece, "lengths inside that contradict each other", offset)

    def _read(self, message: bytes, offset: int) -> Message:
        """What a message with a sound check is. Raises _Torn or struct.error if it lies."""
        first = message[0]
        if first != EXPORT:
            if (step := STEPS.get(first)) is not None:
                grants = _grants(message) if step is Step.RESPONSE else None
                return Association(offset, step, grants)
            is_indication = first == CONNECT_INDICATION
            return Other(offset, Kind.CONNECT_INDICATION if is_indication else Kind.UNKNOWN)

        _, _, operation, length = OPERATION.unpack_from(message)
        at = OPERATION.size
        end = _within(at, length, len(message))
        part = None
        if operation == LINKED:
            _, part = LINK.unpack_from(message, at)
            at += LINK.size
        invoke_id, command, length = CALL.unpack_from(message, at)
        at += CALL.size
        end = _within(at, length, end)
        if operation == ERROR:
            return Refusal(offset, invoke_id, command)
        if operation == INVOKE:
            if command not in EVENTS:
                return Other(offset, Kind.REQUEST)
            _, time, event, length = EVENT.unpack_from(message, at)
            at += EVENT.size
            end = _within(at, length, end)
            if event != MDS_CREATED:
                return Other(offset, Kind.EVENT)
            created = _created(message, at + len(MDS), end, (offset, invoke_id, time))
            self._clock.set(created.clock, created.ticks)
            self._pretence = created.pretence
            return created
        if operation not in (RESULT, LINKED):
            return Other(offset, Kind.UNKNOWN)
        if command != ACTION:
            return Other(offset, Kind.RESULT)
        return self._result(message, at, end, offset, invoke_id, part)

    def _result(
        self, message: bytes, at: int, end: int, offset: int, invoke_id: int, part: int | None
    ) -> Message:
        """Read an action's result, which may be that of a poll; ``part``: its number in a chain,
        None for the one that ends the answer."""
        _, action, length = ACTION_RESULT.unpack_from(message, at)
        at += ACTION_RESULT.size
        end = _within(at, length, end)
        sequence_no = None
        if action == EXTENDED_POLL:
            poll_number, sequence_no = TWO.unpack_from(message, at)
            at += 4
        elif action == SINGLE_POLL:
            (poll_number,) = ONE.unpack_from(message, at)
            at += 2
        else:
            return Other(offset, Kind.RESULT)
        ticks, absolute, partition, code, group = POLLED.unpack_from(message, at)
        at += POLLED.size
        if partition == OBJECTS and code == NUMERICS:
            numerics, cuff, pulse = _numerics(_objects(message, at, end))
            if self._pretence:
                cuff = pulse = None
            polled_at = self._clock.at(ticks, _absolute_time(absolute))
            return Numerics(
                offset,
                invoke_id,
                poll_number,
                sequence_no,
                part is None,
                ticks,
                polled_at,
                self._pretence,
                numerics,
                self._passed_over(numerics, ticks),
                self._cuff.news(cuff, pulse, polled_at, ticks),
            )
        if partition == OBJECTS and code == ALERTS and group == ALERTING:
            objects = _objects(message, at, end)
            alerts = self._listed.add(_alerts(objects), invoke_id, part, is_empty=not objects)
            if alerts is not None:
                return Alerts(offset, invoke_id, sequence_no, ticks, alerts, self._pretence)
        if partition == OBJECTS and code == ALERTS:
            return Other(offset, Kind.RESULT)
        return Other(offset, Kind.RESULT, OTHER_OBJECTS.get(code) or f"object 0x{code:04X}")

    def _passed_over(self, numerics: tuple[Numeric, ...], ticks: int) -> frozenset[int]:
        """Which of ``numerics`` have a better rival, here or in a result shortly before.

        A long answer comes in several frames, so that rivals may stand in different ones. One with
        a value is better than one without; it keeps its place for a while when it loses it.
        """
        rivals = [
            (one.physio_id, *RANKS[one.physio_id], not _is_usable(one))
            for one in numerics
            if one.physio_id in RANKS
        ]
        for _, metric, rank, is_numberless in rivals:
            place = (is_numberless, rank)
            best, seen = self._leaders.get(metric, (place, ticks))
            if place <= best or abs(_step(seen, ticks)) > RIVAL_STAYS:
                self._leaders[metric] = (place, ticks)
        return frozenset(
            physio_id
            for physio_id, metric, rank, _ in rivals
            if rank != self._leaders[metric][0][1]
        )


def _step(before: int, ticks: int) -> int:
    """Ticks from ``before`` to ``ticks``, negative if it is the other way round."""
    return (ticks - before + TICKS_WRAP // 2) % TICKS_WRAP - TICKS_WRAP // 2


def _within(at: int, length: int, end: int) -> int:
    """Where ``length`` bytes from ``at`` end, which must be inside ``end``."""
    if at + length > end:
        raise _Torn
    return at + length


def _attributes(message: bytes, at: int, count: int, end: int) -> dict[int, bytes]:
    """The values of ``count`` attributes from ``at``, by their ids."""
    found = {}
    for _ in range(count):
        attribute, length = TWO.unpack_from(message, at)
        at += 4
        stop = at + length
        if stop > end:
            raise _Torn
        found[attribute] = message[at:stop]
        at = stop
    return found


def _objects(message: bytes, at: int, end: int) -> list[dict[int, bytes]]:
    """The attributes of each object of a poll's result. Its handle is the monitor's own affair."""
    found = []
    contexts, length = TWO.unpack_from(message, at)
    at += 4
    end = _within(at, length, end)
    for _ in range(contexts):
        _, objects, length = THREE.unpack_from(message, at)
        at += 6
        context_end = _within(at, length, end)
        for _ in range(objects):
            _, count, length = THREE.unpack_from(message, at)
            at += 6
            stop = _within(at, length, context_end)
            found.append(_attributes(message, at, count, stop))
            at = stop
        at = context_end
    return found


class _Pressures(NamedTuple):
    """What the cuff's object shows: systolic, diastolic, mean, and when they were taken."""

    numerics: tuple[Numeric | None, ...]
    taken_at: datetime | None


class _Pulse(NamedTuple):
    """The pulse that a cuff cycle gave, and when that was."""

    numeric: Numeric
    taken_at: datetime | None


def _numerics(
    objects: Iterable[dict[int, bytes]],
) -> tuple[tuple[Numeric, ...], _Pressures | None, _Pulse | None]:
    """All values of the objects in wire order, but the cuff's, which come apart."""
    found: dict[int, Numeric] = {}  # two of an id: the first that has a value
    pressures: _Pressures | None = None
    pulse: _Pulse | None = None
    for attributes in objects:
        shown = []
        if (value := attributes.get(VALUE)) is not None:
            shown.append(_numeric(value, 0))
        if (compound := attributes.get(COMPOUND_VALUE)) is not None:
            count, length = TWO.unpack_from(compound)
            if count * NUMERIC.size > _within(4, length, len(compound)) - 4:
                raise _Torn
            shown += [_numeric(compound, 4 + i * NUMERIC.size) for i in range(count)]
        if not any(one.physio_id in CUFF_READINGS for one in shown):
            for one in shown:
                before = found.get(one.physio_id)
                if before is None or (not _is_usable(before) and _is_usable(one)):
                    found[one.physio_id] = one
            continue
        by_id = {one.physio_id: one for one in shown}
        taken_at = _absolute_time(attributes.get(TAKEN_AT, b""))
        parts = tuple(by_id.get(one) for one in CUFF_IDS)
        if any(parts) and not (pressures and any(map(_is_usable, filter(None, pressures[0])))):
            pressures = _Pressures(parts, taken_at)
        if CUFF_PULSE in by_id and not (pulse and _is_usable(pulse.numeric)):
            pulse = _Pulse(by_id[CUFF_PULSE], taken_at)
    return tuple(found.values()), pressures, pulse


def _numeric(value: bytes, at: int) -> Numeric:
    physio_id, state, unit, raw = NUMERIC.unpack_from(value, at)
    return Numeric(physio_id, state, unit, _float(raw))


def _float(raw: int) -> float | None:
    """The number of a FLOAT-Type; infinite out of range, None where it is not a number."""
    if raw < LEAST_SPECIAL:
        return float(raw)
    mantissa = raw & 0xFFFFFF
    if mantissa in NO_NUMBERS:
        return NO_NUMBERS[mantissa]
    if mantissa & 0x800000:
        mantissa -= 1 << 24
    exponent = raw >> 24
    if exponent < 0x80:
        return float(mantissa * POWERS[exponent])
    return mantissa / POWERS[0x100 - exponent]


def _absolute_time(raw: bytes) -> datetime | None:
    """Century, year, month, day, hour, minute, second, 1/100 s, in BCD; None if it is no time."""
    digits = raw.hex()
    if len(digits) != 16 or not digits.isdecimal():
        return None
    pairs = (int(digits[at : at + 2]) for at in range(0, 16, 2))
    century, year, month, day, hour, minute, second, hundredths = pairs
    date = (100 * century + year, month, day)
    try:
        told = datetime(*date, hour, minute, second, hundredths * 10_000, tzinfo=UTC).replace(
            tzinfo=None
        )
    except ValueError:
        return None
    return told if told.year in YEARS else None


def _created(message: bytes, at: int, end: int, heads: tuple[int, int, int]) -> Created:
    """The monitor's account of itself; ``heads`` are offset, invoke id and event time."""
    count, length = TWO.unpack_from(message, at)
    at += 4
    told = _attributes(message, at, count, _within(at, length, end))
    mode, ticks = told.get(OPERATING_MODE, b""), told.get(RELATIVE_TIME, b"")
    model, at = [], 0
    labels = told.get(MODEL, b"")
    while at + 2 <= len(labels):
        (size,) = ONE.unpack_from(labels, at)
        label = labels[at + 2 : at + 2 + size].decode("ascii", "replace")
        model.append("".join(each for each in label if each.isprintable()).strip())
        at += 2 + size
    return Created(
        *heads,
        next((words for bit, words in PRETENCES.items() if int.from_bytes(mode, "big") & bit), ""),
        " ".join(filter(None, model)),
        _text(told.get(BED_LABEL, b"")),
        _absolute_time(told.get(ABSOLUTE_TIME, b"")),
        int.from_bytes(ticks, "big") if len(ticks) == 4 else None,
        _system_id(told.get(SYSTEM_ID, b"")),
    )


def _system_id(value: bytes) -> str:
    """The bytes behind their length; "" where they are none that belong to one monitor alone."""
    number = value[2 : 2 + int.from_bytes(value[:2], "big")]
    if len(number) != SYSTEM_ID_SIZE or len(set(number)) == 1:
        return ""
    return number.hex(":").upper()


def _text(string: bytes) -> str:
    """A String: its length, then UTF-16 that may end with zeros."""
    shown = string[2 : 2 + int.from_bytes(string[:2], "big")].decode("utf-16-be", "replace")
    text = shown.partition("\0")[0].replace(STAR, "*")
    return "".join(each for each in " ".join(text.split()) if each.isprintable())


STAR = "\ue40d"  # private character of alarm texts
ALERT = Struct(">HHHH6sHH")  # source, code, type, state, object, kind of info, its length
ALERT_INFO = Struct(">HIHH")  # instance, text id, priority, flags
WITH_TEXT = 0x0204
# Type bits: technical in the low byte, patient in the high one.
PRIORITIES = {0x0404: Priority.HIGH, 0x0202: Priority.MEDIUM, 0x0101: Priority.LOW}


def _alerts(objects: Iterable[dict[int, bytes]]) -> tuple[Alert, ...]:
    """The active alerts of the alert monitor's two lists."""
    found = []
    for attributes in objects:
        for attribute, is_technical in ALERT_LISTS.items():
            if (listed := attributes.get(attribute)) is None:
                continue
            count, length = TWO.unpack_from(listed)
            at, end = 4, _within(4, length, len(listed))
            for _ in range(count):
                source, code, urgency, state, _, info, length = ALERT.unpack_from(listed, at)
                at += ALERT.size
                stop = _within(at, length, end)
                _, text_id, _, _ = ALERT_INFO.unpack_from(listed[at:stop])
                text = _text(listed[at + ALERT_INFO.size : stop]) if info == WITH_TEXT else None
                ranks = (rank for bits, rank in PRIORITIES.items() if urgency & bits)
                priority = next(ranks, Priority.NONE)
                found.append(Alert(is_technical, source, code, priority, state, text_id, text))
                at = stop
    return tuple(found)


# What stands before the length of a response's user information, in either of two encodings.
USER_INFORMATION = (bytes.fromhex("be802880 81"), bytes.fromhex("be802880 020102 81"))
USER_INFORMATION_HEAD = 24  # bytes before its list of profiles; those of a profile before its own
POLL_PROFILE, POLL_OPTIONS = 0x0001, 0xF001


def _grants(message: bytes) -> int | None:
    """The poll options that an association response grants; None where it does not say."""
    for mark in USER_INFORMATION:
        if (at := message.find(mark)) < 0:
            continue
        at += len(mark)
        sizes = {0x81: 2, 0x82: 3}  # of the length that follows
        at += sizes.get(message[at], 1) if at < len(message) else 0
        try:
            profile = _listed(message[at + USER_INFORMATION_HEAD :])[POLL_PROFILE]
            options = _listed(profile[USER_INFORMATION_HEAD:])[POLL_OPTIONS]
        except (_Torn, StructError, KeyError):
            return None
        return int.from_bytes(options[:4], "big") if len(options) >= 4 else None
    return None


def _listed(attributes: bytes) -> dict[int, bytes]:
    """An AttributeList: count and length, then the attributes."""
    count, length = TWO.unpack_from(attributes)
    return _attributes(attributes, 4, count, _within(4, length, len(attributes)))


UNREAL = 0x0500  # state bits of an alert: test, demonstration
ALERT_STATES = {0x8000: "inhibited", 0x4000: "suspended", 0x2000: "latched"}  # others go without


class _AlertLists:
    """Which alerts does a complete answer name? A long one comes in parts: a chain of linked
    results that are counted from 1, then the result that ends it, which may be empty."""

    def __init__(self) -> None:
        self._chain: tuple[int, int, tuple[Alert, ...]] | None = None  # invoke id, parts, alerts
        self._has_lost = True  # a frame may be missing before the next one

    def lose(self) -> None:
        """Note that something was not read."""
        self._chain, self._has_lost = None, True

    def add(
        self, alerts: tuple[Alert, ...], invoke_id: int, part: int | None, *, is_empty: bool
    ) -> tuple[Alert, ...] | None:
        """All alerts of the answer that this result ends; None where it ends none, or one of
        which the beginning may be lost."""
        chain = (invoke_id, 0, ()) if part == 1 else self._chain
        if chain is not None and (chain[0] != invoke_id or part not in (None, chain[1] + 1)):
            self.lose()
            chain = None
        self._chain = None
        if part is not None:
            if chain is None:
                self._has_lost = True
            else:
                self._chain = invoke_id, part, chain[2] + alerts
            return None
        has_lost, self._has_lost = self._has_lost, False
        if chain is not None:
            return chain[2] + alerts
        return None if is_empty and has_lost else alerts


class _Clock:
    """What is the monitor's wall clock at a result, which carries only its running clock?"""

    def __init__(self) -> None:
        self._known: tuple[datetime, int] | None = None  # at the same moment: wall, ticks

    def set(self, wall: datetime | None, ticks: int | None) -> None:
        """Take the pair that the monitor gave."""
        self._known = None if wall is None or ticks is None else (wall, ticks)

    def at(self, ticks: int, told: datetime | None) -> datetime | None:
        """The wall clock at ``ticks``; ``told``: what the result itself says, which few do."""
        if told is not None:
            self._known = (told, ticks)
        if self._known is None:
            return None
        wall, before = self._known
        step = _step(before, ticks)
        if abs(step) > LONGEST_STEP:
            self._known = None
            return None
        now = wall + step * TICK
        if step > 0:  # follow it, so that its wrap does no harm
            self._known = (now, ticks)
        return now


class _Cuff:
    """Which result is the first to show a cuff reading, or that there is none?

    The monitor repeats the last reading in every result, with the time at which it was taken. That
    time tells readings apart; the values do where a time is missing.
    """

    def __init__(self) -> None:
        self._readings = 0
        # The last reading. Without an id it was never told, for nobody knows how old it is.
        self._id: str | None = None
        self._values: dict[int, tuple[int, float | None]] = {}  # unit and value by physio id
        self._taken_at: datetime | None = None
        self._told: frozenset[int] = frozenset()  # which parts the last word on it had
        self._age: timedelta | None = None  # of what was told, now; None: lost count
        self._may_repeat = False  # a blank or a cycle since: the same values may be another one
        self._shown: int | None = None  # ticks of the last result that shows it
        self._blank: _Pressures | None = None  # told last; None: values or a cycle since
        self._pulse: tuple[_Pulse, int] | None = None  # the last one, and its ticks
        self._wants_pulse = False  # the reading was given without one
        self._looked: int | None = None  # ticks of the last look at the pressures
        self._now: int | None = None  # ticks of the last result

    def news(
        self,
        seen: _Pressures | None,
        pulse: _Pulse | None,
        polled_at: datetime | None,
        ticks: int,
    ) -> Cuff | None:
        """What a result adds to those before it."""
        self._grow_older(ticks)
        if pulse is not None:
            self._pulse = (pulse, ticks)
        if seen is not None:
            before, self._looked = self._looked, ticks
            gap = None if before is None else abs(_step(before, ticks))
            if (told := self._pressures(seen, polled_at, ticks, gap)) is not None:
                return told
        if not self._wants_pulse or (late := self._own_pulse()) is None:
            return None
        self._wants_pulse = False
        return Cuff(self._id, (), late, self._taken_at, self._age)

    def _grow_older(self, ticks: int) -> None:
        step = 0 if self._now is None else _step(self._now, ticks)
        self._now = ticks
        if not 0 <= step <= LONGEST_STEP:  # another clock, of a monitor that was switched off
            self._age, self._wants_pulse = None, False
        elif self._age is not None:
            self._age += step * TICK

    def _pressures(
        self, seen: _Pressures, polled_at: datetime | None, ticks: int, gap: int | None
    ) -> Cuff | None:
        is_watched = gap is not None and gap <= WATCHED
        is_recent = gap is not None and gap * TICK <= FRESH  # whatever appeared since
        present = [one for one in seen.numerics if one is not None]
        values = {n.physio_id: (n.unit, n.value) for n in present if _is_usable(n)}
        is_measuring = any(one.state & MEASURING for one in present)
        self._may_repeat |= is_measuring
        if not values:
            return self._no_reading(seen, is_measuring)
        taken_at = seen.taken_at
        if is_measuring and (self._taken_at is None or _is_same(taken_at, self._taken_at)):
            return None  # the last ones, or not the final ones: nobody says
        self._blank = None
        is_known = self._is_known(values, taken_at)
        age = _age(taken_at, polled_at, is_watched=is_watched and not is_known)
        if is_known:
            self._values = {**self._values, **values}
            age = age if self._age is None else self._age
            is_news = self._id is not None and age is not None and not values.keys() <= self._told
        else:
            self._values, self._taken_at, self._wants_pulse = values, None, False
            is_news = is_recent or age is not None
            self._readings += is_news
            self._id = f"n{self._readings}" if is_news else None
        self._taken_at = taken_at or self._taken_at
        self._may_repeat, self._shown = False, ticks
        if not is_news:
            return None
        self._told, self._age = frozenset(values), age or timedelta(0)
        pulse = self._own_pulse()
        self._wants_pulse = pulse is None
        return Cuff(self._id, seen.numerics, pulse, self._taken_at, age)

    def _is_known(
        self, values: Mapping[int, tuple[int, float | None]], taken_at: datetime | None
    ) -> bool:
        """Whether ``values`` are of the last reading."""
        if taken_at is not None and self._taken_at is not None:
            return taken_at == self._taken_at
        both = values.keys() & self._values.keys()
        is_alike = bool(both) and all(values[one] == self._values[one] for one in both)
        return is_alike and not self._may_repeat

    def _no_reading(self, seen: _Pressures, is_measuring: bool) -> Cuff | None:
        """Tell blank pressures once, and once after each cycle that leaves them blank."""
        if is_measuring:
            self._blank = None
            return None
        before, self._blank = self._blank, seen
        if before is not None and not (
            (_has_failed(seen) and not _has_failed(before))
            or not _is_same(seen.taken_at, before.taken_at)
        ):
            return None
        self._told, self._may_repeat, self._wants_pulse = frozenset(), True, False
        return Cuff(None, seen.numerics, None, seen.taken_at, None)

    def _own_pulse(self) -> Numeric | None:
        """The pulse of the last reading: of its time, or shown in the same result as it."""
        if self._pulse is None or self._id is None:
            return None
        (numeric, taken_at), ticks = self._pulse
        if taken_at is not None and self._taken_at is not None:
            is_own = taken_at == self._taken_at
        else:
            is_own = ticks == self._shown
        return numeric if is_own and _is_usable(numeric) else None


def _is_usable(numeric: Numeric) -> bool:
    reading = CUFF_READINGS.get(numeric.physio_id) or READINGS.get(numeric.physio_id)
    return reading is not None and _judged(numeric, reading)[0] is not None


def _has_failed(seen: _Pressures) -> bool:
    return any(one.state & INVALID for one in seen.numerics if one is not None)


def _is_same(one: datetime | None, other: datetime | None) -> bool:
    """Whether two times may be the same; one that is missing may be any."""
    return one is None or other is None or one == other


def _age(
    taken_at: datetime | None, polled_at: datetime | None, is_watched: bool
) -> timedelta | None:
    """How old a reading is by the monitor's clock; None where that is not known or not credible."""
    if taken_at is None or polled_at is None:
        return None
    age = polled_at - taken_at
    if age < -ROUNDING or (is_watched and age > FRESH):
        return None
    return max(age, timedelta(0))


@lru_cache(maxsize=512)
def _remarks(state: int) -> tuple[str, ...]:
    return tuple(words for bit, words in STATES.items() if state & bit)


def _judged(numeric: Numeric, reading: Reading) -> tuple[float | None, Quality]:
    """The value in Vigil's unit and how far to believe it."""
    _, state, unit, value = numeric
    if blocked := state & HIGH_BYTE & ~QUESTIONABLE:
        return None, Quality.NOT_CALIBRATED if blocked == CALIBRATING else Quality.UNAVAILABLE
    convert = reading.units.get(unit)
    if value is None or convert is None:
        return None, Quality.UNAVAILABLE
    if isinf(value):
        return None, Quality.OVER_RANGE if value > 0 else Quality.UNDER_RANGE
    value = convert(value)
    if not reading.lowest <= value <= reading.highest:
        return None, Quality.UNAVAILABLE
    return value, Quality.QUESTIONABLE if state & QUESTIONABLE else Quality.VALID


def is_proof(message: Message) -> bool:
    """Whether a monitor that measures has sent ``message``.

    One that refuses an association sends sound frames too, and a cable that gives us back our own.
    """
    return isinstance(message, Numerics | Alerts)


def identity(message: Message) -> Identity | None:
    """Maker and model, and the system id as the serial number; told when an association begins.

    The system id is the one number of a monitor that the create event has. The number on its label
    and its software stand in the production specification, which takes another request: it would
    give one monitor two numbers, the second a while after the first.
    """
    if not isinstance(message, Created) or not (message.model or message.system_id):
        return None
    return Identity(model=message.model, serial=message.system_id)


def unknown(message: Message) -> tuple[str, ...]:
    """Physio ids that are not read, such as "0x4261 NOM_ECG_V_P_C_CNT"; results of other objects.

    A numeric counts whether or not it has a value: the monitor says that it measures it.
    """
    if isinstance(message, Numerics):
        return tuple([_named(one[0]) for one in message.numerics if one[0] not in READINGS])
    return (message.objects,) if isinstance(message, Other) and message.objects else ()


@lru_cache(maxsize=512)
def _named(physio_id: int) -> str:
    name = NAMES.get(physio_id)
    return f"0x{physio_id:04X} NOM_{name}" if name else f"0x{physio_id:04X}"


def alarms(message: Message) -> tuple[str, ...] | None:
    """The texts of the monitor's own alerts, those of highest priority first; None: not said."""
    if not isinstance(message, Alerts):
        return None
    urgency = list(Priority)
    real = [one for one in message.alerts if not (message.pretence or one.state & UNREAL)]
    return tuple(_worded(one) for one in sorted(real, key=lambda one: -urgency.index(one.priority)))


def _worded(alert: Alert) -> str:
    words = [f"({word})" for bit, word in ALERT_STATES.items() if alert.state & bit]
    return " ".join([alert.text or f"alert {alert.code}", *words])


def translate(message: Message, observed_at: datetime) -> list[Observation]:
    """What ``message`` says, in Vigil's metrics and units; ``observed_at``: when it arrived.

    A value is None unless its state allows it, it is a number in a unit that is known and can be;
    one that the monitor calls questionable is given as such. Nothing of a monitor in demonstration
    or service mode is a value. A cuff reading was observed when it was taken, as far as the
    monitor's clocks tell; its ``device_time`` is that time. That of the others is the wall clock at
    the poll: what the monitor told when the association began (the recording's in whole seconds),
    and its running clock (1/8 ms) since. A wall clock that is set meanwhile shows when the next
    association begins, or where a result has a time of its own.
    """
    if not isinstance(message, Numerics):
        return []
    found = []
    device_time = message.polled_at
    for numeric in message.numerics:
        physio_id, state, _, _ = numeric
        reading = READINGS.get(physio_id)
        if reading is None or physio_id in message.passed_over:
            continue
        remarks = _remarks(state)
        if message.pretence:
            value, quality = None, Quality.UNAVAILABLE
            remarks = (*remarks, message.pretence)
        else:
            value, quality = _judged(numeric, reading)
        found.append(
            Observation(
                reading.metric,
                value,
                quality,
                observed_at,
                reading.source,
                device_time,
                None,
                remarks,
            )
        )
    if message.cuff is not None:
        found += _of_the_cuff(message.cuff, observed_at, device_time)
    return found


def _of_the_cuff(
    cuff: Cuff, observed_at: datetime, device_time: datetime | None
) -> list[Observation]:
    """The four observations of a reading, or the one of a pulse that comes after it."""
    if cuff.age is not None:
        observed_at -= cuff.age
    numerics = (*cuff.pressures, cuff.pulse)
    shown = list(zip(tuple(CUFF_READINGS.values())[-len(numerics) :], numerics, strict=True))
    found = []
    for reading, numeric in shown:
        value, quality = (None, Quality.UNAVAILABLE)
        if numeric is not None:
            value, quality = _judged(numeric, reading)
        found.append(
            Observation(
                reading.metric,
                value,
                quality,
                observed_at,
                reading.source,
                cuff.taken_at or device_time,
                cuff.measurement_id,
                () if numeric is None else _remarks(numeric.state),
            )
        )
    return found


# What goes out: the association's constant blocks as VSCaptureMP sends them, and a monitor took
# them. A length of 255 or more would take three bytes; ours is shorter.
SESSION = bytes.fromhex("05 08 13 01 00 16 01 02 80 00 14 02 00 02")
PRESENTATION = bytes.fromhex("""
    31 80 a0 80 80 01 01 00 00 a2 80 a0 03 00 00 01 a4 80 30 80 02 01 01 06 04 52 01 00 01 30 80 06
    02 51 01 00 00 00 00 30 80 02 01 02 06 0c 2a 86 48 ce 14 02 01 00 00 00 01 01 30 80 06 0c 2a 86
    48 ce 14 02 01 00 00 00 02 01 00 00 00 00 00 00 61 80 30 80 02 01 01 a0 80 60 80 a1 80 06 0c 2a
    86 48 ce 14 02 01 00 00 00 03 01 00 00 be 80 28 80 06 0c 2a 86 48 ce 14 02 01 00 00 00 01 01 02
    01 02 81
""")
# Versions of protocol and nomenclature, no functional units, a client, cold start, no options;
# one profile: polls, at most one a second, messages up to 1000 bytes, any bandwidth, objects may
# come and go, and the package of poll options.
LONGEST_MESSAGE = 1000  # bytes; a monitor on RS-232 answered 996
REAL_TIME_NUMERICS = 0x80000000  # the poll option of a result every second
ABOUT_US = Struct(">IIIIIIHHHHIIIIIIHHHHII").pack(
    *(0x80000000, 0x40000000, 0, 0x80000000, 0x20000000, 0),
    *(1, 44, POLL_PROFILE, 40),
    *(0x80000000, TICKS_PER_S, LONGEST_MESSAGE, LONGEST_MESSAGE, 0xFFFFFFFF, 0x60000000),
    *(1, 12, POLL_OPTIONS, 8),
    *(REAL_TIME_NUMERICS, 0),
)


def _association_request() -> bytes:
    inner = PRESENTATION + bytes([len(ABOUT_US)]) + ABOUT_US + bytes(16)
    outer = SESSION + bytes([0xC1, len(inner)]) + inner
    return framed(bytes([0x0D, len(outer)]) + outer)


ASSOCIATE = _association_request()
RELEASE = framed(bytes.fromhex("09 18 c1 16 61 80 30 80 02 01 01 a0 80 62 80 80 01 00") + bytes(8))
RELEASED = framed(bytes.fromhex("0a 18 c1 16 61 80 30 80 02 01 01 a0 80 63 80 80 01 00") + bytes(8))
ABORT = framed(
    bytes.fromhex("19 2e 11 01 03 c1 29 a0 80 a0 80 30 80 02 01 01 06 02 51 01 00 00 00 00 61 80")
    + bytes.fromhex("30 80 02 01 01 a0 80 64 80 80 01 01")
    + bytes(10)
)
CREATE_RESULT = Struct(">HHHHHHH6sIHH")
POLL = Struct(">HHHHHHH6sIHHHHHH")
ACTIVE_PERIOD = Struct(">HHHHI")  # a list of one attribute: how long an extended poll is to last
ACTIVE = 0xF13E


def create_result(invoke_id: int, event_time: int) -> bytes:
    """Confirm the create event; without it the monitor aborts after about 10 s (guide)."""
    head = (EXPORT << 8, 2, RESULT, 20, invoke_id, 1, 14)
    return framed(CREATE_RESULT.pack(*head, MDS, event_time, MDS_CREATED, 0))


def poll_request(
    invoke_id: int, poll_number: int, code: int, group: int, active_s: int | None = None
) -> bytes:
    """Ask for attributes once or, with ``active_s``, again and again for so long."""
    period, action = b"", SINGLE_POLL
    if active_s is not None:
        period = ACTIVE_PERIOD.pack(1, 8, ACTIVE, 4, active_s * TICKS_PER_S)
        action = EXTENDED_POLL
    polled = 8 + len(period)
    lengths = (polled + 20, polled + 14)  # after the operation's header; after the call's
    head = (EXPORT << 8, 2, INVOKE, lengths[0], invoke_id, ACTION, lengths[1])
    body = (MDS, 0, action, polled, poll_number, OBJECTS, code, group)
    return framed(POLL.pack(*head, *body) + period)


ASK_AGAIN_S = 2.0
ASKED_OFTEN = 5  # requests; then a pause, in case it is them that keep an old association alive
PAUSE_S = 11.0  # longer than the 10 s after which a monitor drops a silent client (guide p. 70)
# A refusal means that another association lives, perhaps ours from before a crash. One with a
# slower client lives for up to 130 s of silence.
REFUSED_S = (11.0, 11.0, 22.0, 45.0, 135.0)
ABORTED_S = (1.0, 2.0, 5.0, 10.0)
RELEASED_S = 1.0
CREATED_WITHIN_S = 12.0  # a monitor that gets no confirmation repeats the event, aborts at 10 s
SILENCE_S = 6.0  # of everything: no monitor, or one that no longer knows us
NUMBERLESS_S = 20.0  # it speaks, but gives no numerics however it is asked
ANSWERED_WITHIN_S = 2.5  # results of extended polls come every 1.024 s
ACTIVE_S = 60  # an extended poll
RENEWED_S = 40.0
KEEP_ALIVE_S = 4.0  # after the last word of ours


class Stage(StrEnum):
    """How far the conversation has come."""

    CLOSED = "closed"
    WAITING = "waiting"  # to ask for an association again
    ASKING = "asking"
    CONFIGURING = "configuring"  # associated; the monitor has yet to describe itself
    POLLING = "polling"


class _Poll:
    """One kind of poll: extended while the monitor answers such, else single."""

    def __init__(self, code: int, group: int, number: int, every_s: float) -> None:
        self._code, self._group, self._number = code, group, number
        self._every_s = every_s  # of single polls
        self._is_extended = True
        self._is_proven = False  # an extended poll was answered in this association
        self._invoke_id: int | None = None  # of the last request; None: none yet
        self._asked_s = -inf
        self.due_s = inf

    def start(self, now_s: float, *, is_extended: bool) -> None:
        """Begin anew, in a new association."""
        self._is_extended, self._is_proven = is_extended, False
        self._invoke_id = None
        self.due_s = now_s

    def ask(self, invoke_id: int, now_s: float) -> bytes:
        """The next request, which is due."""
        if self._invoke_id is not None and not self._is_proven:
            self._is_extended = False
        self._invoke_id = invoke_id
        self._asked_s, self.due_s = now_s, now_s + ANSWERED_WITHIN_S
        active_s = ACTIVE_S if self._is_extended else None
        return poll_request(invoke_id, self._number, self._code, self._group, active_s)

    def answered(self, now_s: float, *, is_extended: bool) -> None:
        """Note a result: when the next request is due."""
        if self._invoke_id is None or is_extended != self._is_extended:
            return
        if is_extended:
            self._is_proven = True
            self.due_s = min(self._asked_s + RENEWED_S, now_s + ANSWERED_WITHIN_S)
        else:
            self.due_s = max(now_s, self._asked_s + self._every_s)

    def refused(self, invoke_id: int, now_s: float) -> None:
        """Note that the monitor cannot do what was asked; single polls may still work."""
        if invoke_id == self._invoke_id and self._is_extended:
            self._is_extended, self.due_s = False, now_s


class Talk:
    """What is said to the monitor, and when. All times are monotonic seconds; no I/O.

    Every association begins with an abort: a client that died leaves one behind that would keep
    the next one out.
    """

    def __init__(self) -> None:
        self._stage = Stage.CLOSED
        self._next_s = inf  # when to ask for an association, unless something comes
        self._asked = self._refused = self._aborted = 0  # in a row
        self._grants_real_time = True
        self._heard_s = self._numbers_s = self._said_s = -inf
        self._invoke_id = 0
        self._numerics = _Poll(NUMERICS, OBSERVED, 1, every_s=1.0)
        self._alerts = _Poll(ALERTS, ALERTING, 2, every_s=2.0)

    @property
    def interval_s(self) -> float:
        """Seconds between the numerics asked for; age limits follow it."""
        return SETTINGS.interval_s

    def opening(self, now_s: float) -> bytes:
        """What to send on an open port."""
        self._asked = self._refused = self._aborted = 0
        return self._associate(now_s)

    def heard(self, message: Message, now_s: float) -> bytes:
        """What to send on ``message``."""
        if self._stage is Stage.CLOSED:
            return b""
        self._heard_s = now_s
        match message:
            case Association():
                return self._heard_of_association(message, now_s)
            case Created():
                return self._heard_created(message, now_s)
            case Numerics():
                self._numbers_s = now_s
                if self._stage is Stage.POLLING:
                    self._refused = self._aborted = 0
                if message.is_last or message.sequence_no is not None:
                    is_extended = message.sequence_no is not None
                    self._numerics.answered(now_s, is_extended=is_extended)
            case Alerts():
                self._alerts.answered(now_s, is_extended=message.sequence_no is not None)
            case Refusal():
                self._numerics.refused(message.invoke_id, now_s)
                self._alerts.refused(message.invoke_id, now_s)
        return b""

    def due(self, now_s: float) -> tuple[bytes, float]:
        """What to send by now (perhaps nothing), and when to come back."""
        if self._stage is Stage.POLLING:
            gone_s = min(self._heard_s + SILENCE_S, self._numbers_s + NUMBERLESS_S)
            if now_s < gone_s:
                said = self._poll(now_s)
                return said, min(
                    gone_s,
                    self._numerics.due_s,
                    self._alerts.due_s,
                    self._said_s + KEEP_ALIVE_S,
                )
        elif now_s < self._next_s:
            return b"", self._next_s
        return self._associate(now_s), self._next_s

    def closing(self) -> bytes:
        """What to send before the port closes."""
        stage, self._stage, self._next_s = self._stage, Stage.CLOSED, inf
        if stage is Stage.POLLING:
            return RELEASE
        # A release is not honoured before the create event is confirmed (DEMO_POLL).
        return ABORT if stage in (Stage.ASKING, Stage.CONFIGURING) else b""

    def _associate(self, now_s: float) -> bytes:
        self._stage = Stage.ASKING
        self._asked += 1
        is_pause = self._asked % ASKED_OFTEN == 0
        self._next_s = now_s + (PAUSE_S if is_pause else ASK_AGAIN_S)
        return ABORT + ASSOCIATE

    def _wait(self, wait_s: float, now_s: float) -> bytes:
        """Nothing to say until it is time for another association, which nothing puts off."""
        next_s = now_s + wait_s
        self._next_s = min(self._next_s, next_s) if self._stage is Stage.WAITING else next_s
        self._stage = Stage.WAITING
        return b""

    def _heard_of_association(self, message: Association, now_s: float) -> bytes:
        match message.step:
            case Step.RESPONSE:
                self._stage, self._next_s = Stage.CONFIGURING, now_s + CREATED_WITHIN_S
                grants = message.grants
                self._grants_real_time = grants is None or bool(grants & REAL_TIME_NUMERICS)
            case Step.REFUSE if self._stage is Stage.ASKING:
                self._refused += 1
                return self._wait(_nth(REFUSED_S, self._refused), now_s)
            case Step.ABORT:
                self._aborted += 1
                return self._wait(_nth(ABORTED_S, self._aborted), now_s)
            case Step.RELEASE:
                self._wait(RELEASED_S, now_s)
                return RELEASED
            case Step.RELEASED if self._stage is Stage.POLLING:
                return self._wait(RELEASED_S, now_s)
        return b""

    def _heard_created(self, message: Created, now_s: float) -> bytes:
        """Confirm, even when repeated: the confirmation may have been lost, and polls with it."""
        self._stage = Stage.POLLING
        self._asked = 0
        self._numbers_s = now_s
        self._numerics.start(now_s, is_extended=self._grants_real_time)
        self._alerts.start(now_s, is_extended=True)
        return create_result(message.invoke_id, message.event_time) + self._poll(now_s)

    def _poll(self, now_s: float) -> bytes:
        """Requests that are due; else a word now and then, so that the monitor keeps us."""
        said = b""
        for poll in (self._numerics, self._alerts):
            if now_s >= poll.due_s:
                said += poll.ask(self._next_invoke_id(), now_s)
        if not said and now_s >= self._said_s + KEEP_ALIVE_S:
            said = poll_request(self._next_invoke_id(), 3, ALERTS, STATIC_CONTEXT)
        if said:
            self._said_s = now_s
        return said

    def _next_invoke_id(self) -> int:
        self._invoke_id = (self._invoke_id + 1) % 0x10000
        return self._invoke_id


def _nth(waits_s: tuple[float, ...], count: int) -> float:
    """How long to wait after the ``count``-th time in a row; the last one stays."""
    return waits_s[min(count, len(waits_s)) - 1]
