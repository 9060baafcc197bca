"""What does a Masimo oximeter say on its serial port when it is set to ASCII 1?

    MM/DD/YY HH:MM:SS SN=0000123456 SPO2=097% BPM=072 PI=02.35% ... ALARM=0000 EXC=000800 CR LF

9600 8N1, no handshake; one record a second, unasked. Which fields there are, and how wide, depends
on the model: ``FORMS``.
Source: Rad-8 operator's manual, serial interface (fields, ranges, exception bits 0-11); the readers
of the public projects mdpnp (alarm bits, exception bits from 12, the Radical forms),
masimo-datacapture and pulseox (bits found by experiment, sample records).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from simulators.displayed import Displayed
from simulators.oximeter import Beat, Limits, Oximeter, Reading, Sensor, clock_at

BAUD = 9600
PARITY = "N"
EVERY_S = 1.0

SPO2_PCT, PULSE_BPM, HIGHEST_PI_PCT = (1, 100), (25, 240), 20.0
SEARCH_S, HOLDS_S = 8.0, 2.0  # ours: no source says how long
LOW_PERFUSION_BELOW_PCT = 0.5  # ours, too

ADULT = Limits(spo2_low_pct=90, spo2_high_pct=None, pulse_low_bpm=50, pulse_high_bpm=140)

SPO2_HIGH, SPO2_LOW, PULSE_HIGH, PULSE_LOW = 0x01, 0x02, 0x04, 0x08  # ALARM
SOUNDING, SILENCED = 0x10, 0x20
NO_SENSOR, LOW_PERFUSION, PULSE_SEARCH = 0x01, 0x04, 0x08  # EXC
INTERFERENCE, SENSOR_OFF = 0x10, 0x20
SET_RUNNING = 0x800  # set whenever all is well


# Field: (a value, no value).
WRITTEN = {
    "SN": ("{:0>10}", "----------"),
    "SPO2": ("{:03d}%", "---%"),
    "BPM": ("{:03d}", "---"),
    "PI": ("{:05.2f}%", "--.--%"),
    "SPCO": ("{:04.1f}%", "--.-%"),
    "SPMET": ("{:04.1f}%", "--.-%"),
    "SPHB": ("{:04.1f}", "--.-"),
    "SPOC": ("{:02d}", "--"),
    "RESVD": ("{:03d}", "---"),
    "DESAT": ("{:02d}", "--"),
    "PIDELTA": ("{:+03d}", "+--"),
    "PVI": ("{:03d}", "---"),
}
WRITTEN_IN_COLOUR = {**WRITTEN, "PI": ("{:05.2f}", "--.--"), "SPCO": ("{:04.1f}%", "--%")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How one model prints: its fields in order, and the hex digits of its bits."""

    fields: tuple[str, ...]
    alarm_digits: int
    exception_digits: int
    exception_1_digits: int = 0  # 0: no such field
    written: Mapping[str, tuple[str, str]] = field(default_factory=lambda: WRITTEN)


_SHARED = ("SN", "SPO2", "BPM", "PI", "SPCO", "SPMET")
FORMS = {
    "rad-8": Form(fields=(*_SHARED, "DESAT", "PIDELTA"), alarm_digits=4, exception_digits=6),
    "radical-5": Form(fields=("SPO2", "BPM", "PI"), alarm_digits=2, exception_digits=3),
    "radical-7": Form(
        fields=(*_SHARED, "DESAT", "PIDELTA", "PVI"), alarm_digits=4, exception_digits=6
    ),
    "radical-7 colour": Form(
        fields=(*_SHARED, "SPHB", "SPOC", "RESVD", "DESAT", "PIDELTA", "PVI"),
        alarm_digits=6,
        exception_digits=7,
        exception_1_digits=8,
        written=WRITTEN_IN_COLOUR,
    ),
}


class Monitor:
    """One oximeter; no port, no clock.

    ``showing(t_s)`` gives the screen at a time of the scenario; ``begin_unix_s`` is the monitor's
    own clock at scenario time zero. ``form`` is one of FORMS. ``leading_nuls`` zero bytes stand
    before each record, and ``line_end`` is CR LF (as seen) or LF CR (as the Rad-8 manual says).
    ``is_silenced``: the alarm key has been pressed.
    ``is_set_to_ascii_1`` False is the factory setting of a Rad-8: silent until asked in a way that
    is not public.
    """

    def __init__(
        self,
        showing: Callable[[float], Displayed],
        *,
        begin_unix_s: float = 0.0,
        form: str = "rad-8",
        serial_number: str | None = "0000123456",
        limits: Limits = ADULT,
        is_silenced: bool = False,
        search_s: float = SEARCH_S,
        holds_s: float = HOLDS_S,
        leading_nuls: int = 0,
        line_end: bytes = b"\r\n",
        exception_1: int = 0,  # nobody knows what EXC1 means
        is_set_to_ascii_1: bool = True,
    ) -> None:
        self._oximeter = Oximeter(
            showing,
            search_s=search_s,
            holds_s=holds_s,
            spo2_range=SPO2_PCT,
            pulse_range=PULSE_BPM,
        )
        self._begin_unix_s = begin_unix_s
        self._form = FORMS[form]
        self._serial_number = serial_number
        self._limits, self._is_silenced = limits, is_silenced
        self._before, self._after = bytes(leading_nuls), line_end
        self._exception_1 = exception_1
        self._beat = Beat(EVERY_S) if is_set_to_ascii_1 else None

    def heard(self, _data: bytes, _t_s: float) -> bytes:
        """Nothing: ASCII 1 has no requests."""
        return b""

    def due(self, t_s: float) -> tuple[bytes, float]:
        """The record due by ``t_s``, if one is, and when the next will be."""
        if self._beat is None:
            return b"", math.inf
        if not self._beat.is_due(t_s):
            return b"", self._beat.next_s
        reading, _ = self._oximeter.at(t_s)
        line = record(
            self._form,
            clock_at(self._begin_unix_s + t_s),
            {
                "SN": self._serial_number,
                "SPO2": reading.spo2_pct,
                "BPM": reading.pulse_bpm,
                "PI": _perfusion(reading),
                "PVI": reading.variability_pct,
            },
            alarm=alarm_bits(reading, self._limits, is_silenced=self._is_silenced),
            exception=exception_bits(reading),
            exception_1=self._exception_1,
        )
        return self._before + line + self._after, self._beat.next_s


def alarm_bits(reading: Reading, limits: Limits, *, is_silenced: bool = False) -> int:
    """ALARM: which limits are passed, and whether one hears it."""
    if reading.sensor is Sensor.LEAVING:
        return SOUNDING  # see exception_bits
    bits = {"": 0, "low": SPO2_LOW, "high": SPO2_HIGH}[limits.spo2_is(reading)]
    bits |= {"": 0, "low": PULSE_LOW, "high": PULSE_HIGH}[limits.pulse_is(reading)]
    if bits:
        bits |= SOUNDING | is_silenced * SILENCED  # seen together
    return bits


def exception_bits(reading: Reading) -> int:
    """EXC: what is wrong with the sensor or the signal."""
    if reading.sensor is not Sensor.ON:
        return {
            Sensor.NONE: NO_SENSOR,
            # Seen on a real Rad-8, with SpO2 and rate still printed and no perfusion index.
            Sensor.LEAVING: SET_RUNNING | SENSOR_OFF | LOW_PERFUSION,
            Sensor.OFF: SENSOR_OFF,
            Sensor.SEARCHING: PULSE_SEARCH,
        }[reading.sensor]
    perfusion = _perfusion(reading)
    bits = SET_RUNNING | reading.is_moving * INTERFERENCE
    if perfusion is not None and perfusion < LOW_PERFUSION_BELOW_PCT:
        bits |= LOW_PERFUSION
    return bits


def _perfusion(reading: Reading) -> float | None:
    """The perfusion index; it is defined up to 20 %, so a stronger pulse shows as 20."""
    if reading.modulation_pct is None or reading.sensor is not Sensor.ON:
        return None
    return min(HIGHEST_PI_PCT, math.floor(reading.modulation_pct * 100 + 0.5) / 100)


def record(
    form: Form,
    at: datetime,
    fields: Mapping[str, Any],
    *,
    alarm: int = 0,
    exception: int = 0,
    exception_1: int = 0,
) -> bytes:
    """One record without its line end. What ``fields`` leave out or have as None is dashed.

    Bits that a narrow form has no room for are not printed.
    """
    words = [f"{at:%m/%d/%y %H:%M:%S}"]
    for name in form.fields:
        there, missing = form.written[name]
        value = fields.get(name)
        words.append(f"{name}={missing if value is None else there.format(value)}")
    for name, bits, digits in (
        ("ALARM", alarm, form.alarm_digits),
        ("EXC", exception, form.exception_digits),
        ("EXC1", exception_1, form.exception_1_digits),
    ):
        if digits:
            words.append(f"{name}={bits % 16**digits:0{digits}X}")
    return " ".join(words).encode("ascii")


# Key of a test vector: field of the record.
VECTOR_FIELDS = {
    "serial": "SN",
    "spo2_pct": "SPO2",
    "pulse_rate": "BPM",
    "perfusion_index_pct": "PI",
    "spco_pct": "SPCO",
    "spmet_pct": "SPMET",
    "desat_index": "DESAT",
    "pi_delta": "PIDELTA",
    "pvi_pct": "PVI",
}


def vector_frame(values: Mapping[str, Any]) -> bytes:
    """One record with its line end, from the words of a test vector.

    ``model`` (of FORMS), ``clock``, the keys of VECTOR_FIELDS, ``alarm_bits`` and
    ``exception_bits`` (numbers of the bits that are set), ``line_end`` ("lf"; CR LF without it).
    Raises ValueError for any other key, so that no vector passes for nothing.
    """
    given = dict(values)
    form, at = FORMS[given.pop("model")], given.pop("clock")
    alarm, exception = (
        sum(1 << bit for bit in given.pop(key, ())) for key in ("alarm_bits", "exception_bits")
    )
    line_end = {"cr lf": b"\r\n", "lf": b"\n"}[given.pop("line_end", "cr lf")]
    unknown = sorted(set(given) - set(VECTOR_FIELDS))
    if unknown:
        raise ValueError(f"vector: expected only documented keys, got {', '.join(unknown)}")
    fields = {VECTOR_FIELDS[key]: value for key, value in given.items()}
    return record(form, at, fields, alarm=alarm, exception=exception) + line_end
