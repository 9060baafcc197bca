"""What is a vital sign: its metric, unit and source, and which values can a body have?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Metric(StrEnum):
    """A measured quantity. ECG heart rate and oximeter pulse rate are different metrics."""

    HEART_RATE = "heart_rate"
    PULSE_RATE = "pulse_rate"
    SPO2 = "spo2"
    PERFUSION_INDEX = "perfusion_index"
    NIBP_SYSTOLIC = "nibp_systolic"
    NIBP_DIASTOLIC = "nibp_diastolic"
    NIBP_MEAN = "nibp_mean"
    NIBP_PULSE = "nibp_pulse"
    RESP_RATE = "resp_rate"
    ETCO2 = "etco2"
    FICO2 = "fico2"
    TEMPERATURE_1 = "temperature_1"
    TEMPERATURE_2 = "temperature_2"
    IBP1_SYSTOLIC = "ibp1_systolic"
    IBP1_DIASTOLIC = "ibp1_diastolic"
    IBP1_MEAN = "ibp1_mean"
    IBP2_SYSTOLIC = "ibp2_systolic"
    IBP2_DIASTOLIC = "ibp2_diastolic"
    IBP2_MEAN = "ibp2_mean"


class Unit(StrEnum):
    """UCUM codes."""

    PER_MINUTE = "/min"
    PERCENT = "%"
    MMHG = "mm[Hg]"
    CELSIUS = "Cel"


class Quality(StrEnum):
    """How far a value can be believed; the value is None for all but the first two."""

    VALID = "valid"
    QUESTIONABLE = "questionable"
    UNAVAILABLE = "unavailable"
    NOT_UPDATED = "not_updated"
    UNDER_RANGE = "under_range"
    OVER_RANGE = "over_range"
    NOT_CALIBRATED = "not_calibrated"

    @property
    def has_value(self) -> bool:
        return self in (Quality.VALID, Quality.QUESTIONABLE)


class Source(StrEnum):
    """What the value was measured with."""

    ECG = "ecg"
    SPO2 = "spo2"
    NIBP = "nibp"
    CO2 = "co2"
    IMPEDANCE = "impedance"
    PRESSURE = "pressure"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Observation:
    """One value of one metric at one time, or the reason why there is none.

    ``value`` is in the metric's own unit (``unit_of``), not rounded. ``observed_at`` is the host's
    aware UTC time; ``device_time`` is the monitor's own clock as it gave it (no zone unless the
    protocol states one). The observations of one cuff reading share a ``measurement_id``.
    ``remarks`` are what the monitor itself says of the value, in its manual's words: "sensor off
    patient", "SpO2 below limit".
    """

    metric: Metric
    value: float | None
    quality: Quality
    observed_at: datetime
    source: Source | None = None
    device_time: datetime | None = None
    measurement_id: str | None = None
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.value is not None) != self.quality.has_value:
            raise ValueError(
                f"{self.metric}: a value goes with valid or questionable, none with a reason; "
                f"got {self.value!r} as {self.quality}"
            )


class Nature(NamedTuple):
    """What a metric is: label on screen, unit, IEEE 11073 name, LOINC code, plausible range."""

    label: str
    unit: Unit
    name_11073: str
    loinc: str | None
    plausible: tuple[float, float]


_PRESSURE = (20.0, 280.0)

# LOINC: HL7 FHIR R4 vital-signs profile and LOINC 2.7x. Names: IEEE 11073-10101 reference ids.
# Plausible: outside this range a number is an artefact, shown as CHECK READING and not charted as
# valid. HR, systolic, diastolic, SpO2, RR as our alarm design decides; the others by the measuring
# range usual for the sensor.
NATURE: dict[Metric, Nature] = {
    Metric.HEART_RATE: Nature("HR", Unit.PER_MINUTE, "MDC_ECG_HEART_RATE", "8867-4", (20, 300)),
    Metric.PULSE_RATE: Nature(
        "PR", Unit.PER_MINUTE, "MDC_PULS_OXIM_PULS_RATE", "8889-8", (20, 300)
    ),
    Metric.SPO2: Nature("SpO2", Unit.PERCENT, "MDC_PULS_OXIM_SAT_O2", "59408-5", (30, 100)),
    Metric.PERFUSION_INDEX: Nature("PI", Unit.PERCENT, "MDC_BLD_PERF_INDEX", "61006-3", (0, 20)),
    Metric.NIBP_SYSTOLIC: Nature("SYS", Unit.MMHG, "MDC_PRESS_BLD_NONINV_SYS", "8480-6", (40, 280)),
    Metric.NIBP_DIASTOLIC: Nature(
        "DIA", Unit.MMHG, "MDC_PRESS_BLD_NONINV_DIA", "8462-4", (20, 200)
    ),
    Metric.NIBP_MEAN: Nature("MAP", Unit.MMHG, "MDC_PRESS_BLD_NONINV_MEAN", "8478-0", (20, 240)),
    Metric.NIBP_PULSE: Nature(
        "NIBP pulse", Unit.PER_MINUTE, "MDC_PULS_RATE_NON_INV", "8889-8", (20, 300)
    ),
    Metric.RESP_RATE: Nature("RR", Unit.PER_MINUTE, "MDC_RESP_RATE", "9279-1", (0, 80)),
    Metric.ETCO2: Nature("EtCO2", Unit.MMHG, "MDC_AWAY_CO2_ET", "19891-1", (0, 150)),
    Metric.FICO2: Nature("FiCO2", Unit.MMHG, "MDC_AWAY_CO2_INSP_MIN", None, (0, 150)),
    Metric.TEMPERATURE_1: Nature("T1", Unit.CELSIUS, "MDC_TEMP", "8310-5", (25, 45)),
    Metric.TEMPERATURE_2: Nature("T2", Unit.CELSIUS, "MDC_TEMP", "8310-5", (10, 45)),
    Metric.IBP1_SYSTOLIC: Nature(
        "P1 SYS", Unit.MMHG, "MDC_PRESS_BLD_ART_SYS", "76215-3", _PRESSURE
    ),
    Metric.IBP1_DIASTOLIC: Nature(
        "P1 DIA", Unit.MMHG, "MDC_PRESS_BLD_ART_DIA", "76213-8", _PRESSURE
    ),
    Metric.IBP1_MEAN: Nature("P1 MAP", Unit.MMHG, "MDC_PRESS_BLD_ART_MEAN", "76214-6", _PRESSURE),
    Metric.IBP2_SYSTOLIC: Nature("P2 SYS", Unit.MMHG, "MDC_PRESS_BLD_SYS", None, _PRESSURE),
    Metric.IBP2_DIASTOLIC: Nature("P2 DIA", Unit.MMHG, "MDC_PRESS_BLD_DIA", None, _PRESSURE),
    Metric.IBP2_MEAN: Nature("P2 MAP", Unit.MMHG, "MDC_PRESS_BLD_MEAN", None, _PRESSURE),
}

# Outside this range a value is possible and rare: whoever enters it by hand is asked once more.
# Source: where the Royal College of Physicians' NEWS2 (2017) scores 3, or 2 for a high temperature;
# diastolic and mean, which it does not score, as our alarm design decides.
USUAL: dict[Metric, tuple[float, float]] = {
    Metric.HEART_RATE: (41, 130),
    Metric.PULSE_RATE: (41, 130),
    Metric.SPO2: (92, 100),
    Metric.RESP_RATE: (9, 24),
    Metric.NIBP_SYSTOLIC: (91, 219),
    Metric.NIBP_DIASTOLIC: (40, 110),
    Metric.NIBP_MEAN: (60, 140),
    Metric.NIBP_PULSE: (41, 130),
    Metric.TEMPERATURE_1: (35.1, 39.0),
    Metric.TEMPERATURE_2: (35.1, 39.0),
}

CUFF = (Metric.NIBP_SYSTOLIC, Metric.NIBP_DIASTOLIC, Metric.NIBP_MEAN, Metric.NIBP_PULSE)

# Sampled continuously: one wide row a second. All other metrics are readings with their own time.
CONTINUOUS = (
    Metric.HEART_RATE,
    Metric.PULSE_RATE,
    Metric.SPO2,
    Metric.PERFUSION_INDEX,
    Metric.RESP_RATE,
    Metric.ETCO2,
    Metric.FICO2,
    Metric.IBP1_SYSTOLIC,
    Metric.IBP1_DIASTOLIC,
    Metric.IBP1_MEAN,
    Metric.IBP2_SYSTOLIC,
    Metric.IBP2_DIASTOLIC,
    Metric.IBP2_MEAN,
)


def unit_of(metric: Metric) -> Unit:
    """The one unit in which every value of ``metric`` is kept."""
    return NATURE[metric].unit


def is_plausible(metric: Metric, value: float) -> bool:
    """Whether a living adult can have this value; False means an artefact, not an emergency."""
    low, high = NATURE[metric].plausible
    return low <= value <= high
