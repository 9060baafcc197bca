"""What does a Nellcor oximeter print, line by line, on its serial port?

    N-560    VERSION 1.56.00    CRC:XXXX  SpO2 Limit: 90-100%    PR Limit: 50-140BPM
                                 ADULT            0SAT-S
    TIME                 %SpO2   BPM     PA     Status
    14-Mar-26 09:30:02    88*     73      38    MO SL

8 data bits, no parity; a line every 2 s, unasked; the headings again after 25 lines and when one of
their values changes. XOFF stops the printing, XON starts it.
Source: NPB-290 and NPB-295 manuals, data port protocol; the public readers mdpnp (N-595, status
codes) and cosmopusher (N-560, with a recording that the columns were measured on, marked R).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from simulators.displayed import Displayed
from simulators.oximeter import Beat, Limits, Oximeter, Reading, Sensor, clock_at

BAUD = 19200  # of the N-560 reader; the N-595's is 9600, and both can be chosen in a menu
PARITY = "N"
EVERY_S = 2.0

XON, XOFF = 0x11, 0x13
LINES_OF_A_BLOCK = 25  # R: the three headings count among them

SPO2_PCT, PULSE_BPM, HIGHEST_AMPLITUDE = (1, 100), (20, 250), 999
AMPLITUDE_PER_PCT = 16  # PA has no unit; this makes an ordinary pulse as high as in R
SEARCH_S = 16.0  # R: eight lines of zeros after the sensor came back
HOLDS_S = 2.0

# Ours; the sources do not give the factory's. The scripted patients reach them.
ADULT = Limits(spo2_low_pct=90, spo2_high_pct=100, pulse_low_bpm=50, pulse_high_bpm=140)

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# Status: the slot of each code. R shows 1, 2, 5 and 6; that a rate alarm has the third slot and the
# battery the fourth is a guess that no client should lean on.
SLOTS = (
    ("MO", "SD", "SO", "PS", "LP", "LM"),
    ("SH", "SL"),
    ("PH", "PL"),
    ("LB",),
    ("AS",),
    ("AO",),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What the headings of one model say; ``resp_mode`` None: it does not print one."""

    name: str
    version: str
    saturation: str = "%SPO2"  # the word in the column heading
    before_crc: str = ""
    has_mode: bool = True  # a second heading, with the kind of patient
    resp_mode: str | None = None
    are_months_upper: bool = False


MODELS = {
    "n-560": Model(name="N-560", version="1.56.00", saturation="%SpO2"),
    "n-595": Model(name="N-595", version="1.0.0.0", resp_mode="NORMAL"),
    "npb-295": Model(
        name="NPB-295", version="2.0.0.0", before_crc=" ", has_mode=False, are_months_upper=True
    ),
}


class Monitor:
    """One oximeter; no port, no clock.

    ``showing(t_s)`` gives the screen at a time of the scenario; ``begin_unix_s`` is the monitor's
    own clock at scenario time zero. ``model`` is one of MODELS. All four ``limits`` are given;
    they may be changed at any time, as with the keys of a real one. ``is_silenced``,
    ``is_audio_off``, ``is_battery_low``: AS, AO and LB in every line.
    """

    def __init__(
        self,
        showing: Callable[[float], Displayed],
        *,
        begin_unix_s: float = 0.0,
        model: str = "n-560",
        limits: Limits = ADULT,
        is_neonatal: bool = False,
        sat_s: int = 0,
        crc: str = "XXXX",
        is_silenced: bool = False,
        is_audio_off: bool = False,
        is_battery_low: bool = False,
        search_s: float = SEARCH_S,
        holds_s: float = HOLDS_S,
        line_end: bytes = b"\r\n",
    ) -> None:
        self.limits = limits
        self._oximeter = Oximeter(
            showing,
            search_s=search_s,
            holds_s=holds_s,
            spo2_range=SPO2_PCT,
            pulse_range=PULSE_BPM,
        )
        self._begin_unix_s = begin_unix_s
        self._model, self._crc = MODELS[model], crc
        self._patient, self._sat_s = "NEO" if is_neonatal else "ADULT", sat_s
        flags = (("AS", is_silenced), ("AO", is_audio_off), ("LB", is_battery_low))
        self._always = tuple(code for code, is_set in flags if is_set)
        self._line_end = line_end
        self._beat = Beat(EVERY_S)
        self._is_stopped = False
        self._headed: list[str] = []  # the headings that the client has last seen
        self._lines = 0  # since they began

    def heard(self, data: bytes, _t_s: float) -> bytes:
        """Stop at XOFF, go on at XON; all else is ignored. The answer is always nothing at once."""
        for byte in data:
            if byte in (XON, XOFF):
                self._is_stopped = byte == XOFF
        return b""

    def due(self, t_s: float) -> tuple[bytes, float]:
        """The line due by ``t_s`` with its headings, and when the next will be (inf: after XON).

        Lines that fall into a stop are lost: this is a printout of now.
        """
        if self._is_stopped:
            return b"", math.inf
        if not self._beat.is_due(t_s):
            return b"", self._beat.next_s
        reading, _ = self._oximeter.at(t_s)
        lines = [
            data_line(
                clock_at(self._begin_unix_s + t_s),
                *numbers(reading),
                slots=in_slots((*codes(reading, self.limits), *self._always)),
                is_spo2_out=bool(self.limits.spo2_is(reading)),
                is_rate_out=bool(self.limits.pulse_is(reading)),
                are_months_upper=self._model.are_months_upper,
            )
        ]
        headed = self._headings()
        if headed != self._headed or self._lines >= LINES_OF_A_BLOCK:
            lines = headed + lines
            self._headed, self._lines = headed, 0
        self._lines += len(lines)
        return b"".join(line.encode("ascii") + self._line_end for line in lines), self._beat.next_s

    def _headings(self) -> list[str]:
        model = self._model
        return [
            identity(model.name, model.version, model.before_crc + self._crc, limits=self.limits),
            *([mode(self._patient, self._sat_s, model.resp_mode)] if model.has_mode else []),
            columns(model.saturation),
        ]


def numbers(reading: Reading) -> tuple[int | None, int | None, int | None]:
    """SpO2, pulse rate and pulse amplitude as printed; a search prints zeros that mean nothing."""
    if reading.sensor is Sensor.SEARCHING:
        return 0, 0, None
    if reading.sensor is not Sensor.ON or reading.modulation_pct is None:
        return reading.spo2_pct, reading.pulse_bpm, None
    amplitude = math.floor(reading.modulation_pct * AMPLITUDE_PER_PCT + 0.5)
    return reading.spo2_pct, reading.pulse_bpm, min(amplitude, HIGHEST_AMPLITUDE)


def codes(reading: Reading, limits: Limits) -> tuple[str, ...]:
    """What is wrong, in the monitor's two-letter words."""
    words = {
        Sensor.NONE: "SD",
        # R ends with the last numbers, PS, and no amplitude: the pulse has just been lost.
        Sensor.LEAVING: "PS",
        Sensor.OFF: "SO",
        Sensor.SEARCHING: "PS",
        Sensor.ON: "MO" if reading.is_moving else "",
    }
    said = (
        words[reading.sensor],
        {"": "", "low": "SL", "high": "SH"}[limits.spo2_is(reading)],
        {"": "", "low": "PL", "high": "PH"}[limits.pulse_is(reading)],
    )
    return tuple(filter(None, said))


def in_slots(codes: Sequence[str]) -> tuple[str, ...]:
    """The six slots of the status column, each with one of ``codes`` or empty."""
    return tuple(next((code for code in codes if code in slot), "") for slot in SLOTS)


def data_line(
    at: datetime,
    spo2_pct: int | None,
    pulse_bpm: int | None,
    amplitude: int | None,
    *,
    slots: Sequence[str] = ("",) * len(SLOTS),
    is_spo2_out: bool = False,
    is_rate_out: bool = False,
    are_months_upper: bool = False,
) -> str:
    """The 61 characters of one moment (R); None is dashed."""
    month = MONTHS[at.month - 1]
    return "{}   {}{}    {}{}    {}    {}".format(
        f"{at:%d}-{month.upper() if are_months_upper else month}-{at:%y %H:%M:%S}",
        *(_three(spo2_pct), "*" if is_spo2_out else " "),
        *(_three(pulse_bpm), "*" if is_rate_out else " "),
        _three(amplitude),
        " ".join(f"{code:2}" for code in slots),
    )


def identity(name: str, version: str, crc: str, *, limits: Limits) -> str:
    """The first heading (R)."""
    return (
        f"{name:9}VERSION {version}    CRC:{crc}  "
        f"SpO2 Limit: {limits.spo2_low_pct:2d}-{limits.spo2_high_pct}%    "
        f"PR Limit: {limits.pulse_low_bpm:2d}-{limits.pulse_high_bpm}BPM"
    )


def mode(patient: str, sat_s: int, resp_mode: str | None = None) -> str:
    """The second heading (R; what the N-595 adds is as its reader expects it)."""
    added = "" if resp_mode is None else f"  SPO2 RESP MODE: {resp_mode}"
    return f"{'':29}{patient:5}{sat_s:13d}SAT-S {added}"


def columns(saturation: str = "%SpO2") -> str:
    """The third heading (R)."""
    return f"TIME                 {saturation}   BPM     PA     Status"


def _three(value: int | None) -> str:
    return "---" if value is None else f"{value:3d}"


def vector_frame(values: Mapping[str, Any]) -> bytes:
    """One line with its end, from the words of a test vector.

    ``line`` says which, and ``line_end`` how it ends ("lf"; CR LF without it).

    - data: ``clock``, ``spo2_pct``, ``pulse_rate``, ``amplitude``, ``is_spo2_out``,
      ``is_rate_out``, ``status`` (six slots)
    - identity: ``model``, ``version``, ``crc``, ``spo2_low_pct``, ``spo2_high_pct``, ``rate_low``,
      ``rate_high``
    - mode: ``patient``, ``sat_seconds``
    - columns

    Raises ValueError for any other key, so that no vector passes for nothing.
    """
    given = dict(values)
    line_end = {"cr lf": b"\r\n", "lf": b"\n"}[given.pop("line_end", "cr lf")]
    match given.pop("line"):
        case "data":
            line = data_line(
                given.pop("clock"),
                *(given.pop(key, None) for key in ("spo2_pct", "pulse_rate", "amplitude")),
                slots=given.pop("status"),
                is_spo2_out=given.pop("is_spo2_out", False),
                is_rate_out=given.pop("is_rate_out", False),
            )
        case "identity":
            limits = Limits(
                spo2_low_pct=given.pop("spo2_low_pct"),
                spo2_high_pct=given.pop("spo2_high_pct"),
                pulse_low_bpm=given.pop("rate_low"),
                pulse_high_bpm=given.pop("rate_high"),
            )
            words = (given.pop(key) for key in ("model", "version", "crc"))
            line = identity(*words, limits=limits)
        case "mode":
            line = mode(given.pop("patient"), given.pop("sat_seconds"))
        case "columns":
            line = columns()
        case other:
            raise ValueError(f"vector: expected a known line, got {other}")
    if given:
        raise ValueError(f"vector: expected only documented keys, got {', '.join(sorted(given))}")
    return line.encode("ascii") + line_end
