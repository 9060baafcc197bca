"""What does an Ivy 450C say on its serial output (ANSAR-B), byte for byte?

    FF | "ANSAR-B " | 200 ECG | 50 respiration | 50 pleth | 50 P1 | 50 P2 | lines, each + CR | FE

9600 8N1, one packet a second, unasked; it hears nothing. No checksum: neither end mark ever occurs
in a wave or a line. A line is ``NAME=n;v1;...;vn;label;alarm`` with n values.
Sources: the decoder and the recording of the MD PnP project (mdpnp/mdpnp, ``devices/cpc/ansarB``).
The wording of alarms, the scale of the pressure and CO2 waves and the label of an oximeter without
a pulse are in neither: here they are our own, and options where a test may want others.
"""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from simulators import waves
from simulators.displayed import Displayed, Module, RateSource

BAUD = 9600
PARITY = "N"

START, END = 0xFF, 0xFE
LABEL = b"ANSAR-B "
ECG_PER_S, OTHERS_PER_S = 200, 50

# Bytes of the waves. Nothing may look like an end mark, and the recording stops at 250, too.
LARGEST = 250
ECG_ZERO, ECG_MV = 100, 0.02  # byte at the baseline, mV a step
CHEST_EMPTY, CHEST_FULL = 0, 250
NO_BREATH = 73  # a flat line somewhere in the picture
PLETH_ZERO = 117  # trough and swing as in the recording
PLETH_SWING = 35
NO_PLETH = 86
NO_TRANSDUCER = 251
NOISE_MV = 0.8
STANDARD_MMHG = 760.0

# What the alarm field says. Our own words.
ALARM_TEXTS = {
    "lead off": "LEAD OFF",
    "noise": "ARTIFACT",
    "sensor off": "SENSOR OFF",
    "cuff failed": "CUFF ERROR",
    "apnea": "APNEA",
    "high": "HIGH",
    "low": "LOW",
}

Limits = Mapping[str, tuple[float | None, float | None]]  # line name: low, high


class Monitor:
    """One bedside monitor; no port, no clock. A packet shows the screen of a whole second.

    ``ecg_label`` names lead and filter; ``no_pulse_label`` is what stands in the SPO2 line when
    there is no pulse rate. ``limits`` are the monitor's alarm limits by line name (HR, RR, ETCO2,
    SPO2 and, for the systolic value, NIBP and P1); without them it raises technical alarms alone.
    ``alarm_texts`` replaces words of ALARM_TEXTS.
    """

    def __init__(
        self,
        showing: Callable[[float], Displayed],
        *,
        begin_unix_s: float = 0.0,
        ecg_label: str = "ECG-II-DIAG",
        apnea_s: int = 20,
        no_pulse_label: str = "PR=   ",
        limits: Limits | None = None,
        alarm_texts: Mapping[str, str] | None = None,
    ) -> None:
        self._showing = showing  # the packet has no time in it: ``begin_unix_s`` is never told
        self._ecg_label = ecg_label
        self._apnea_label = f"APNEA: {apnea_s} SEC"
        self._no_pulse_label = no_pulse_label
        self._limits = dict(limits or {})
        self._alarm_texts = {**ALARM_TEXTS, **(alarm_texts or {})}
        self._beat, self._breath = waves.Cycle(), waves.Cycle()
        self._pulse, self._artery = waves.Cycle(), waves.Cycle()
        self._next_s: float | None = None

    def heard(self, data: bytes, t_s: float) -> bytes:
        """Nothing: the real one has no commands."""
        return b""

    def due(self, t_s: float) -> tuple[bytes, float]:
        """The packet due by ``t_s``, and when the next one is; those missed meanwhile are gone."""
        if self._next_s is None:
            self._next_s = float(math.ceil(t_s))
        if t_s < self._next_s:
            return b"", self._next_s
        second = math.floor(t_s)
        self._next_s = second + 1.0
        return self._packet(self._showing(float(second)), second), self._next_s

    def _packet(self, shown: Displayed, second: int) -> bytes:
        return packet(
            self._lines(shown),
            ecg=self._ecg(shown, second),
            respiration=self._respiration(shown),
            pleth=self._pleth(shown),
            pressure_1=self._pressure_1(shown),
            pressure_2=bytes([NO_TRANSDUCER]) * OTHERS_PER_S,
        )

    def _lines(self, shown: Displayed) -> list[str]:
        """All lines in the order of the recording; what is not there has empty values."""
        cuff = shown.cuff.reading
        pressure, pressure_label = _pressure_1(shown)
        rows: list[tuple[str, tuple[float | None, ...], str]] = [
            ("HR", (_ecg_rate(shown),), self._ecg_label if Module.ECG in shown.fitted else ""),
            ("RR", (_breaths(shown),), self._apnea_label),
            ("ETCO2", (_etco2_mmhg(shown),), ""),
            ("SPO2", (shown.spo2_pct,), self._pulse_label(shown)),
            (
                "NIBP",
                (cuff.systolic_mmhg, cuff.diastolic_mmhg, cuff.mean_mmhg, cuff.pulse_bpm),
                "",
            ),
            ("P1", pressure, pressure_label),
            ("P2", (None, None, None), "NO TRANSDUCER"),
        ]
        lines = [
            line(name, [_whole(value) for value in values], label, self._alarm(name, values, shown))
            for name, values, label in rows
        ]
        t1 = "" if shown.temperature_c is None else f"{shown.temperature_c:.1f}"
        return [*lines, line("T1", [t1]), line("T2", [""])]

    def _pulse_label(self, shown: Displayed) -> str:
        """The pulse rate has no field of its own: it is the label of the saturation."""
        if Module.SPO2 not in shown.fitted:
            return ""
        pulse = _whole(shown.pulse_bpm)
        return f"PR={pulse:<3}" if pulse else self._no_pulse_label

    def _alarm(self, name: str, values: Sequence[float | None], shown: Displayed) -> str:
        """What the monitor complains of in this line; technical trouble hides a limit."""
        first, complaint = values[0], None
        if name == "HR" and shown.is_lead_off:
            complaint = "lead off"
        elif name == "HR" and shown.is_ecg_noisy:
            complaint = "noise"
        elif name == "SPO2" and Module.SPO2 in shown.attached and first is None:
            complaint = "sensor off"
        elif name == "SPO2" and shown.is_pulse_noisy:
            complaint = "noise"
        elif name == "NIBP" and shown.cuff.age_s is not None and set(values) == {None}:
            complaint = "cuff failed"
        elif name == "RR" and first is not None and first < 1:
            complaint = "apnea"
        elif first is not None:
            low, high = self._limits.get(name, (None, None))
            if high is not None and first > high:
                complaint = "high"
            elif low is not None and first < low:
                complaint = "low"
        return "" if complaint is None else self._alarm_texts[complaint]

    def _ecg(self, shown: Displayed, second: int) -> bytes:
        """A second of the lead; flat without one, wild where the patient moves."""
        rate = _ecg_rate(shown)
        if rate is None or rate < 1:
            return bytes([ECG_ZERO]) * ECG_PER_S
        noise = random.Random(second)  # of the second alone: the same screen, the same bytes
        samples = bytearray()
        for _ in range(ECG_PER_S):
            mv = waves.ecg_mv(self._beat.phase, rate)
            if shown.is_ecg_noisy:
                mv += noise.uniform(-NOISE_MV, NOISE_MV)
            samples.append(_byte(ECG_ZERO + mv / ECG_MV))
            self._beat.step(rate, 1 / ECG_PER_S)
        return bytes(samples)

    def _respiration(self, shown: Displayed) -> bytes:
        """A second of CO2 (a byte is 1 mmHg) where there is any, else of the chest."""
        rate, etco2_mmhg = _breaths(shown), _etco2_mmhg(shown)
        if rate is None or rate < 1:
            return bytes([NO_BREATH if etco2_mmhg is None else 0]) * OTHERS_PER_S
        samples = bytearray()
        for _ in range(OTHERS_PER_S):
            if etco2_mmhg is None:
                swing = (CHEST_FULL - CHEST_EMPTY) * waves.chest_wave(self._breath.phase)
                samples.append(_byte(CHEST_EMPTY + swing))
            else:
                samples.append(_byte(waves.capnogram(self._breath.phase, 0.0, etco2_mmhg)))
            self._breath.step(rate, 1 / OTHERS_PER_S)
        return bytes(samples)

    def _pleth(self, shown: Displayed) -> bytes:
        rate = shown.pulse_bpm
        if rate is None or rate < 1:
            return bytes([NO_PLETH]) * OTHERS_PER_S
        return self._pulsing(self._pulse, rate, PLETH_ZERO, PLETH_ZERO + PLETH_SWING)

    def _pressure_1(self, shown: Displayed) -> bytes:
        """A second of the arterial line; a byte is 1 mmHg, as in the recording."""
        (systolic, diastolic, _), _ = _pressure_1(shown)
        rate = max(1.0, shown.heart_rate_bpm or shown.pulse_bpm or 60.0)
        if systolic is None or diastolic is None:
            return bytes([NO_TRANSDUCER]) * OTHERS_PER_S
        return self._pulsing(self._artery, rate, diastolic, systolic)

    def _pulsing(self, cycle: waves.Cycle, rate: float, trough: float, peak: float) -> bytes:
        samples = bytearray()
        for _ in range(OTHERS_PER_S):
            samples.append(_byte(trough + (peak - trough) * waves.pulse_wave(cycle.phase)))
            cycle.step(rate, 1 / OTHERS_PER_S)
        return bytes(samples)


def packet(
    lines: Sequence[str],
    *,
    ecg: bytes,
    respiration: bytes,
    pleth: bytes,
    pressure_1: bytes,
    pressure_2: bytes,
) -> bytes:
    """One whole packet of these lines and waves, which are not looked at."""
    text = "".join(f"{each}\r" for each in lines).encode("latin-1")
    sampled = ecg + respiration + pleth + pressure_1 + pressure_2
    return bytes([START]) + LABEL + sampled + text + bytes([END])


def line(name: str, values: Sequence[str], label: str = "", alarm: str = "") -> str:
    """One line of the text, without its CR: it says itself how many values it has."""
    return f"{name}=" + ";".join([str(len(values)), *values, label, alarm])


# The lines of a vector: name, what its keys begin with, which keys its values have.
VECTOR_LINES = (
    ("HR", "hr", ("heart_rate",)),
    ("RR", "rr", ("resp_rate",)),
    ("ETCO2", "etco2", ("etco2",)),
    ("SPO2", "spo2", ("spo2",)),
    ("NIBP", "nibp", ("nibp_systolic", "nibp_diastolic", "nibp_mean", "nibp_pulse")),
    ("P1", "p1", ("p1_systolic", "p1_diastolic", "p1_mean")),
    ("P2", "p2", ("p2_systolic", "p2_diastolic", "p2_mean")),
    ("T1", "t1", ("t1",)),
    ("T2", "t2", ("t2",)),
)


def vector_frame(values: Mapping[str, Any]) -> bytes:
    """One packet from the words of a test vector; a missing number is an empty field.

    ``ecg resp pleth p1_wave p2_wave`` are the one byte that fills the wave. Numbers: the keys of
    VECTOR_LINES (mmHg, /min, %, deg C), and ``pulse``, which makes the label of SPO2. Texts:
    ``hr_label`` and ``hr_alarm`` and so on for each line. Raises ValueError for any other key.
    """
    given = dict(values)
    ecg = bytes([given.pop("ecg")]) * ECG_PER_S
    others = [
        bytes([given.pop(name)]) * OTHERS_PER_S for name in ("resp", "pleth", "p1_wave", "p2_wave")
    ]
    if "pulse" in given:
        given["spo2_label"] = f"PR={_whole(given.pop('pulse')):<3}"
    lines = []
    for name, short, keys in VECTOR_LINES:
        numbers = [given.pop(key, None) for key in keys]
        shown = [
            "" if n is None else f"{n:.1f}" if name in ("T1", "T2") else _whole(n) for n in numbers
        ]
        label, alarm = given.pop(f"{short}_label", ""), given.pop(f"{short}_alarm", "")
        lines.append(line(name, shown, label, alarm))
    if given:
        raise ValueError(f"vector: expected only documented keys, got {', '.join(sorted(given))}")
    respiration, pleth, pressure_1, pressure_2 = others
    return packet(
        lines,
        ecg=ecg,
        respiration=respiration,
        pleth=pleth,
        pressure_1=pressure_1,
        pressure_2=pressure_2,
    )


def _ecg_rate(shown: Displayed) -> float | None:
    """The HR line names a lead, so that an oximeter's rate has no place in it."""
    return shown.heart_rate_bpm if shown.heart_rate_source is RateSource.ECG else None


def _etco2_mmhg(shown: Displayed) -> float | None:
    if shown.etco2_pct is None:
        return None
    ambient_mmhg = STANDARD_MMHG if shown.ambient_mmhg is None else shown.ambient_mmhg
    return shown.etco2_pct / 100 * ambient_mmhg


def _breaths(shown: Displayed) -> float | None:
    """Counted in the CO2 where it is measured, else in the chest."""
    return shown.impedance_resp_rpm if shown.etco2_pct is None else shown.co2_resp_rpm


def _pressure_1(shown: Displayed) -> tuple[tuple[float | None, float | None, float | None], str]:
    """Systolic, diastolic, mean, and the label of the line."""
    if Module.PRESSURE_1 not in shown.attached:
        return (None, None, None), "NO TRANSDUCER"
    return (
        shown.pressure_1_systolic_mmhg,
        shown.pressure_1_diastolic_mmhg,
        shown.pressure_1_mean_mmhg,
    ), ""


def _whole(value: float | None) -> str:
    return "" if value is None else str(math.floor(value + 0.5))


def _byte(level: float) -> int:
    return min(LARGEST, max(0, math.floor(level + 0.5)))
