"""How does a Capnostream 20 or 20p speak? Binary frames, streamed once it is enabled; 8N1.

    85 | escaped( length, code, data..., check )      length: of code and data; check: XOR of all

Inside a frame 85 is sent as 80 05 and 80 as 80 00, so that an 85 always starts one. The monitor is
silent until it hears Enable, often several times: it finds the baud rate by them. It answers with
its identity, and after Start sends numerics every second and the CO2 wave every 50 ms.

Sources: Oridion document D006045C (2007), "the document" below; MD PnP's driver for what firmware
has added since (mdpnp/mdpnp, devices/oridion), "MD PnP" below. No capture confirms either.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache, reduce
from math import inf
from operator import xor
from struct import Struct
from typing import NamedTuple

from clinical.identity import Identity
from clinical.vitals import Metric, Observation, Quality, Source
from devices.protocols.line import Garbled, LineSettings, cut_off

# A monitor set to "automatic", as it leaves the factory, follows 9600, 19200, 57600 and 115200 (the
# document). It sends some 250 bytes a second; MD PnP's driver takes 115200, but a long cable fares
# better with a rate that is only fast enough.
SETTINGS = LineSettings(baud=19200, interval_s=1.0)
ALSO = tuple(replace(SETTINGS, baud=baud) for baud in (115200, 57600, 9600))

START = 0x85
ESCAPE = b"\x80"
SENT_BYTE = rb"(?:\x80[^\x85]|[^\x80\x85])"  # one byte of a frame, escaped or not
LENGTH = re.compile(rb"\x85(" + SENT_BYTE + rb")", re.DOTALL)
ESCAPED = re.compile(rb"\x80(.)", re.DOTALL)
UNESCAPED = {bytes([byte]): bytes([0x80 + byte & 0xFF]) for byte in range(256)}
LONGEST = 1 + 2 * (1 + 255 + 1)  # bytes; header, then length, 255 of content and check, escaped

# Codes, monitor to host
WAVE_POINT = 0
NUMERICS = 1
DEVICE_ID = 4

# Data of code 0: counter, CO2 in 1/256 of its unit, fast status.
WAVE = Struct(">BHB")
# Data of code 1: time; EtCO2, FiCO2, respiration, SpO2, pulse; slow status; 3 event indices; CO2
# and SpO2 alarms; no-breath period; 9 limits; CO2 unit; extended CO2 status. x: not read.
VALUES = Struct(">I5BB3xBBx9xBB")
# Data of code 4, in characters: "V", version, blank, date, blank, product, revision, number, blanks
IDENTITY = Struct(">x5sx10sx2s2s6s")
# A frame with less data than this is damaged. Later firmware sends more behind (MD PnP).
LEAST_DATA = {WAVE_POINT: WAVE.size, NUMERICS: VALUES.size, DEVICE_ID: IDENTITY.size}

# What is not read, by the words of the document and of MD PnP.
WAVE_NAMES, BEHIND_NAMES = ("CO2 wave",), ("more behind the numerics",)
MESSAGE_NAMES = {
    2: "patient identifier",
    3: "answer to a question",
    9: "protocol revision",
    10: "periodic message",
    12: "patient identifier",
    21: "event list",
    22: "event list",
    60: "set-up",
    **dict.fromkeys(range(55, 59), "trend"),
}

INVALID = 0xFF
SPO2 = range(1, 100 + 1)  # %; no saturation is zero, and no pulse
PULSE = range(1, 250 + 1)  # /min
ANY = range(INVALID)
# By CO2 unit: what one step of a byte is. kPa and Vol% come in tenths; Vol% is a share of a
# barometric pressure that is not sent.
MMHG = {1: 1.0, 2: 7.50062 / 10}
VOL_PCT = 3

METRICS = frozenset({Metric.SPO2, Metric.PULSE_RATE, Metric.RESP_RATE, Metric.ETCO2, Metric.FICO2})
OXIMETER = (Metric.SPO2, Metric.PULSE_RATE)
CAPNOGRAPH = (Metric.RESP_RATE, Metric.ETCO2, Metric.FICO2)
GASES = (Metric.ETCO2, Metric.FICO2)


class Said(NamedTuple):
    """A status bit: which values it concerns, and what is left of them."""

    words: str
    metrics: tuple[Metric, ...]
    quality: Quality = Quality.VALID


# By bit; the words are those of the document's tables. Bits that are not here concern no value:
# patient type, that an alarm sounds (the alarm bits say which), pulse beep, battery.
SLOW_STATUS = {
    1: Said("alarms silenced for now", OXIMETER + CAPNOGRAPH),
    2: Said("all alarms silenced", OXIMETER + CAPNOGRAPH),
}
CO2_ALARMS = {
    0: Said("no breath", (Metric.RESP_RATE,)),
    1: Said("EtCO2 high", (Metric.ETCO2,)),
    2: Said("EtCO2 low", (Metric.ETCO2,)),
    3: Said("RR high", (Metric.RESP_RATE,)),
    4: Said("RR low", (Metric.RESP_RATE,)),
    5: Said("FiCO2 high", (Metric.FICO2,)),
}
SPO2_ALARMS = {
    0: Said("pulse not found", OXIMETER, Quality.UNAVAILABLE),
    1: Said("SpO2 high", (Metric.SPO2,)),
    2: Said("SpO2 low", (Metric.SPO2,)),
    3: Said("pulse high", (Metric.PULSE_RATE,)),
    4: Said("pulse low", (Metric.PULSE_RATE,)),
    5: Said("sensor off patient", OXIMETER, Quality.UNAVAILABLE),
    6: Said("sensor disconnected", OXIMETER, Quality.UNAVAILABLE),
}
EXTENDED_STATUS = {
    0: Said("check calibration", GASES, Quality.QUESTIONABLE),
    1: Said("check flow", CAPNOGRAPH, Quality.QUESTIONABLE),
    2: Said("pump off", CAPNOGRAPH, Quality.UNAVAILABLE),  # no breath reaches the sensor
}
# Sent with the wave. Its bits 0 and 3, CO2 value invalid and end of breath, are of one point only.
FAST_STATUS = {
    1: Said("initialising", CAPNOGRAPH, Quality.QUESTIONABLE),
    2: Said("occlusion", CAPNOGRAPH, Quality.QUESTIONABLE),
    4: Said("self-maintenance running", CAPNOGRAPH, Quality.QUESTIONABLE),
    5: Said("purging", CAPNOGRAPH, Quality.QUESTIONABLE),
    6: Said("filter line not connected", CAPNOGRAPH, Quality.QUESTIONABLE),
    7: Said("CO2 malfunction", CAPNOGRAPH, Quality.QUESTIONABLE),
}
WORST_FIRST = (Quality.UNAVAILABLE, Quality.QUESTIONABLE, Quality.VALID)

# MD PnP has seen numerics with a good check and their bytes shifted by one, so that SpO2 showed
# what was the respiration rate a second before; the pulse must then show what was SpO2. The other
# direction is as easily lost: there the rate shows the saturation. A number is taken for another's
# where it is near what that was, and a jump no patient makes in a second; from no value, any is.
# Not twice in a row: what stays is the patient.
NEAR = 2  # % or /min: the neighbour may have moved meanwhile
JUMP = 20  # % or /min


@dataclass(frozen=True, slots=True)
class Numerics:
    """One second of the monitor, as sent: FF is invalid, CO2 in ``co2_unit`` (1 mmHg, else tenths).

    ``time_s`` counts from 1970 on the monitor's own clock, which knows no time zone.
    ``fast_status`` and ``is_shifted`` are the Decoder's own: the status of the last wave point
    since the numerics before (0 without one); whether the numbers seem to be those of the bytes
    next to theirs. ``has_more``: later firmware sends more than is read.
    """

    offset: int
    fast_status: int
    is_shifted: bool
    has_more: bool
    time_s: int
    etco2: int
    fico2: int
    resp_rate: int
    spo2: int
    pulse_rate: int
    slow_status: int
    co2_alarms: int
    spo2_alarms: int
    co2_unit: int
    extended_status: int


@dataclass(frozen=True, slots=True)
class WavePoint:
    """A point of the CO2 wave, 20 a second; in 1/256 of the unit (of a tenth, but for mmHg)."""

    offset: int
    counter: int
    co2_256ths: int
    fast_status: int


@dataclass(frozen=True, slots=True)
class DeviceId:
    """What the monitor says of itself once it is enabled. Product B2: Nellcor, B3 and B5: Masimo
    oximetry (MD PnP)."""

    offset: int
    version: str
    date: str  # MM/DD/YYYY; may be empty
    product: str
    revision: str
    number: str


@dataclass(frozen=True, slots=True)
class OtherMessage:
    """A sound frame of which only the code is read: patient, answers, trends, set-up."""

    offset: int
    code: int


Message = Numerics | WavePoint | DeviceId | OtherMessage


class Decoder:
    """Turns the line's bytes into messages; knows neither port nor time."""

    def __init__(self) -> None:
        self._tail = b""
        self._offset = 0  # of the first byte of the tail
        self._fast_status = 0
        self._before: Numerics | None = None

    def feed(self, data: bytes) -> list[Message | Garbled]:
        """Return the messages that ``data`` completes, in wire order; keep the rest."""
        found: list[Message | Garbled] = []
        wire, at = self._tail + data, 0

        def garbled(end: int, reason: str) -> int:
            found.append(Garbled(wire[at:end], reason, self._offset + end))
            return end

        while at < len(wire):
            next_start = wire.find(START, at + 1)
            if wire[at] != START:
                known = next_start if next_start > 0 else len(wire)
                if next_start < 0 and known - at <= LONGEST:
                    break
                at = garbled(min(known, at + LONGEST), "no start of a frame")
                continue
            frame = _frame(wire, at)
            if frame is not None:
                sent = wire[at + 1 : frame.end()]
                content = ESCAPED.sub(_plain, sent) if ESCAPE in sent else sent
                if damage := _damage(content):
                    at = garbled(frame.end(), damage)
                else:
                    at = frame.end()
                    found.append(self._message(content[1], content[2:-1], self._offset + at))
            elif next_start > 0:
                at = garbled(next_start, "broken off by the start of another frame")
            else:
                break
        self._tail = wire[at:]
        self._offset += at
        return found

    def end(self) -> list[Garbled]:
        """Nothing follows: give up the part of a frame that is held, and the wave's status."""
        held, self._tail = self._tail, b""
        self._fast_status = 0
        self._offset += len(held)
        return cut_off(held, self._offset)

    def _message(self, code: int, data: bytes, offset: int) -> Message:
        if code == WAVE_POINT:
            point = WavePoint(offset, *WAVE.unpack_from(data))
            self._fast_status = point.fast_status
            return point
        if code == NUMERICS:
            more = len(data) > VALUES.size
            sent = Numerics(offset, self._fast_status, False, more, *VALUES.unpack_from(data))
            if _seems_shifted(sent, self._before):
                sent = replace(sent, is_shifted=True)
            self._before, self._fast_status = sent, 0
            return sent
        if code == DEVICE_ID:
            return DeviceId(offset, *map(_text, IDENTITY.unpack_from(data)))
        return OtherMessage(offset, code)


def _text(sent: bytes) -> str:
    """As it can be shown and kept: a number may be padded with zeros of any kind."""
    shown = sent.decode("ascii", "replace")
    return "".join(each for each in shown if each.isprintable()).strip()


def _frame(wire: bytes, at: int) -> re.Match[bytes] | None:
    """The frame that starts at ``at``; None where its end has not come, or another start has."""
    length = LENGTH.match(wire, at)
    if length is None:
        return None
    (content,) = ESCAPED.sub(_plain, length[1])
    return _of_length(content).match(wire, at)


@lru_cache(maxsize=256)
def _of_length(length: int) -> re.Pattern[bytes]:
    """A frame of ``length`` bytes of code and data, as sent."""
    return re.compile(rb"\x85" + SENT_BYTE + b"{%d}" % (1 + length + 1), re.DOTALL)


def _damage(content: bytes) -> str:
    """Why ``content``, length to check, is no message; "" where it is one."""
    if reduce(xor, content):
        return f"check {content[-1]:02X}, expected {reduce(xor, content[:-1]):02X}"
    if len(content) < 3:
        return "a frame of no code"
    code, size = content[1], len(content) - 3
    least = LEAST_DATA.get(code, 0)
    return f"code {code} with {size} bytes of data, expected {least}" if size < least else ""


def _plain(pair: re.Match[bytes]) -> bytes:
    return UNESCAPED[pair[1]]


def _seems_shifted(sent: Numerics, before: Numerics | None) -> bool:
    """Whether one of the numbers seems to be that of the byte before or after its own."""
    if before is None or before.is_shifted:
        return False
    return (
        _is_of_another(before.resp_rate, before.spo2, sent.spo2)
        or _is_of_another(before.spo2, before.pulse_rate, sent.pulse_rate)
        or _is_of_another(before.spo2, before.resp_rate, sent.resp_rate)
    )


def _is_of_another(another: int, before: int, now: int) -> bool:
    """Whether ``now`` goes on from ``another`` number rather than from what it was ``before``."""
    if INVALID in (another, now):
        return False
    return abs(now - another) <= NEAR and (before == INVALID or abs(now - before) >= JUMP)


def identity(message: Message) -> Identity | None:
    """Product code as the model, number as the serial number, software; told after Enable.

    The document's "number" has six characters after product and revision; MD PnP calls it no more
    than that. A monitor without one, or with zeros, says no serial number.
    """
    if not isinstance(message, DeviceId):
        return None
    serial = message.number if message.number.strip("0 ") else ""
    return Identity(f"Capnostream {message.product}".strip(), serial, message.version)


def unknown(message: Message) -> tuple[str, ...]:
    """The CO2 wave, frames of another code, and what later firmware sends behind its numerics.

    Left out, for they are no measurements: limits, events, the no-breath period.
    """
    match message:
        case WavePoint():  # twenty a second: first
            return WAVE_NAMES
        case Numerics():
            return BEHIND_NAMES if message.has_more else ()
        case OtherMessage():
            return (MESSAGE_NAMES.get(message.code) or f"message {message.code}",)
    return ()


def translate(message: Message, observed_at: datetime) -> list[Observation]:
    """What ``message`` says, in Vigil's metrics and units; ``observed_at``: when it arrived.

    Only numerics say anything: each value, or None where it is invalid, cannot be, or is not the
    patient's by the monitor's own status. The device sends no barometric pressure, so CO2 in Vol%
    is None. Of numerics that seem shifted nothing is believed, neither time nor status.
    ``device_time`` is the monitor's clock as the numerics were sent, in whole seconds.
    """
    if not isinstance(message, Numerics):
        return []
    sent = message
    said = _said(
        *(sent.co2_alarms, sent.spo2_alarms, sent.extended_status, sent.fast_status),
        *(sent.slow_status, sent.co2_unit, sent.is_shifted),
    )
    device_time = None
    if not sent.is_shifted:
        device_time = datetime.fromtimestamp(sent.time_s, UTC).replace(tzinfo=None)
    mmhg = MMHG.get(sent.co2_unit, 0.0)
    found = []
    for metric, source, raw, possible, scale in (
        (Metric.SPO2, Source.SPO2, sent.spo2, SPO2, 1.0),
        (Metric.PULSE_RATE, Source.SPO2, sent.pulse_rate, PULSE, 1.0),
        (Metric.RESP_RATE, Source.CO2, sent.resp_rate, ANY, 1.0),
        (Metric.ETCO2, Source.CO2, sent.etco2, ANY, mmhg),
        (Metric.FICO2, Source.CO2, sent.fico2, ANY, mmhg),
    ):
        remarks, quality = said.get(metric, NOTHING_SAID)
        if raw not in possible:
            quality = Quality.UNAVAILABLE
        value = raw * scale if quality.has_value else None
        found.append(
            Observation(*(metric, value, quality, observed_at, source, device_time, None, remarks))
        )
    return found


_Remarks = tuple[tuple[str, ...], Quality]
NOTHING_SAID: _Remarks = ((), Quality.VALID)


@lru_cache(maxsize=256)
def _said(
    co2_alarms: int,
    spo2_alarms: int,
    extended_status: int,
    fast_status: int,
    slow_status: int,
    co2_unit: int,
    is_shifted: bool,
) -> Mapping[Metric, _Remarks]:
    """The monitor's remarks on each value, and the best quality they leave it."""
    if is_shifted:
        return dict.fromkeys(METRICS, (("message seems shifted by a byte",), Quality.UNAVAILABLE))
    heard = [
        one
        for status, table in (
            (co2_alarms, CO2_ALARMS),
            (spo2_alarms, SPO2_ALARMS),
            (extended_status, EXTENDED_STATUS),
            (fast_status, FAST_STATUS),
            (slow_status, SLOW_STATUS),
        )
        for bit, one in table.items()
        if status >> bit & 1
    ]
    if co2_unit not in MMHG:
        words = "CO2 in Vol%" if co2_unit == VOL_PCT else f"CO2 in unit {co2_unit}"
        heard.append(Said(words, GASES, Quality.UNAVAILABLE))
    found = {}
    for metric in METRICS:
        ours = [one for one in heard if metric in one.metrics]
        qualities = {one.quality for one in ours} | {Quality.VALID}
        quality = next(each for each in WORST_FIRST if each in qualities)
        found[metric] = (tuple(one.words for one in ours), quality)
    return found


ENABLE, DISABLE, START_STREAM, STOP_STREAM, LINK_IS_ACTIVE = (
    bytes([START, 1, code, 1 ^ code]) for code in (1, 2, 4, 5, 6)
)
ENABLE_EVERY_S = 0.5  # until it is answered: an automatic baud rate is found by it (document)
ACTIVE_EVERY_S = 5.0  # MD PnP
WHO_TRIES, WHO_EVERY_S = 3, 1.0  # where numerics came and no identity; it takes 1 s (document)
SILENCE_S = 3.0  # of numerics, which come every second; a monitor that restarted must be enabled


class Talk:
    """What is said to the monitor, and when. All times are monotonic seconds; no I/O.

    Enable is repeated until the monitor tells its identity, or sends numerics all the same: it may
    be streaming from before. Then it is asked a few times more who it is, for the answer may have
    been lost; Start follows each answer, in case the stream ended with the question. Nothing is
    said that changes a setting of it.
    """

    interval_s = SETTINGS.interval_s

    def __init__(self) -> None:
        self._is_enabled = False
        self._enable_s = inf  # when to send Enable next: at once, or after the silence
        self._active_s = inf
        self._who_s = inf  # when to ask once more who it is
        self._who_tries = 0  # left
        self._is_asked_again = False

    def opening(self, now_s: float) -> bytes:
        """What to send on an open port."""
        return self._enable(now_s)

    def heard(self, message: Message, now_s: float) -> bytes:
        """What to send on ``message``: Start, where it is the answer to Enable."""
        is_identity = isinstance(message, DeviceId)
        is_answer = is_identity and (self._is_asked_again or not self._is_enabled)
        if is_identity:
            self._who_s, self._is_asked_again = inf, False
        if is_answer or isinstance(message, Numerics):
            if not self._is_enabled:
                self._is_enabled, self._active_s = True, now_s + ACTIVE_EVERY_S
                self._who_s = inf if is_identity else now_s + WHO_EVERY_S
            self._enable_s = now_s + SILENCE_S
        return START_STREAM if is_answer else b""

    def due(self, now_s: float) -> tuple[bytes, float]:
        """What to send by now (perhaps nothing), and when to come back."""
        said = b""
        if now_s >= self._enable_s:
            said = self._enable(now_s)
        elif now_s >= self._who_s:
            self._who_tries -= 1
            self._who_s = now_s + WHO_EVERY_S if self._who_tries else inf
            said, self._is_asked_again = ENABLE, True
            self._active_s = now_s + ACTIVE_EVERY_S  # it has heard from us
        elif now_s >= self._active_s:
            said, self._active_s = LINK_IS_ACTIVE, now_s + ACTIVE_EVERY_S
        return said, min(self._enable_s, self._active_s, self._who_s)

    def closing(self) -> bytes:
        """What to send before the port closes."""
        return STOP_STREAM + DISABLE

    def _enable(self, now_s: float) -> bytes:
        self._is_enabled, self._active_s = False, inf
        self._enable_s = now_s + ENABLE_EVERY_S
        self._who_s, self._who_tries, self._is_asked_again = inf, WHO_TRIES, False
        return ENABLE
