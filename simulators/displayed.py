"""What stands on a bedside monitor's screen at one moment, before any wire format?

The scripted patient and the replayed recording both answer with ``Displayed``; the wire side of
each monitor turns it into bytes. Missing is ``None`` (the screen shows dashes), never zero.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Module(StrEnum):
    """A measurement that a monitor may have a module for."""

    ECG = "ecg"
    SPO2 = "spo2"
    NIBP = "nibp"
    TEMPERATURE = "temperature"
    CO2 = "co2"
    PRESSURE_1 = "pressure_1"


USUAL_MODULES = frozenset({Module.ECG, Module.SPO2, Module.NIBP, Module.TEMPERATURE})


class RateSource(StrEnum):
    """Where the number labelled HR comes from."""

    ECG = "ecg"
    SPO2 = "spo2"


@dataclass(frozen=True, slots=True, kw_only=True)
class CuffReading:
    """What one cuff cycle gave; a cycle may give the mean alone."""

    systolic_mmhg: float | None = None
    diastolic_mmhg: float | None = None
    mean_mmhg: float | None = None
    pulse_bpm: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CuffCycle:
    """One inflation, in seconds of the scenario.

    The reading appears at ``ends_s``; the screen still says "measuring" until ``settles_s``, while
    the cuff empties. ``reading`` is None for a cycle that failed.
    """

    starts_s: float
    ends_s: float
    settles_s: float
    reading: CuffReading | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cuff:
    """The cuff's part of the screen."""

    reading: CuffReading = CuffReading()
    is_measuring: bool = False
    is_automatic: bool = True
    age_s: float | None = None  # since the last reading appeared; None: none yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Displayed:
    """One moment of the screen. ``attached`` are the modules whose sensor is on the patient."""

    fitted: frozenset[Module] = USUAL_MODULES
    attached: frozenset[Module] = USUAL_MODULES
    heart_rate_bpm: float | None = None
    heart_rate_source: RateSource = RateSource.ECG
    ecg_rate_bpm: float | None = None
    impedance_resp_rpm: float | None = None
    st_mm: tuple[float, float, float] | None = None  # of leads I to III; None: not analysed
    is_lead_off: bool = False
    is_ecg_noisy: bool = False
    is_pulse_noisy: bool = False  # the oximeter's finger moves
    spo2_pct: float | None = None
    pulse_bpm: float | None = None
    pleth_modulation_pct: float | None = None
    pleth_variability_pct: float | None = None
    cuff: Cuff = Cuff()
    arm: CuffReading | None = None  # what a cuff that has just deflated finds; None: nothing
    temperature_c: float | None = None
    etco2_pct: float | None = None
    fico2_pct: float | None = None
    co2_resp_rpm: float | None = None
    ambient_mmhg: float | None = None
    pressure_1_systolic_mmhg: float | None = None
    pressure_1_diastolic_mmhg: float | None = None
    pressure_1_mean_mmhg: float | None = None


class Bedside(Protocol):
    """Whatever lies in the chair: a scripted patient or a replayed recording."""

    @property
    def length_s(self) -> float:
        """How long the script or the recording is; the values of its end hold after that."""

    @property
    def notes(self) -> Sequence[tuple[float, str]]:
        """What to tell the person who runs the simulator, and when (s), in order."""

    def at(self, t_s: float) -> Displayed:
        """The screen ``t_s`` seconds into the scenario."""


def cuff_at(cycles: Sequence[CuffCycle], t_s: float, *, is_automatic: bool) -> Cuff:
    """The cuff's part of the screen at ``t_s``; ``cycles`` are in order and do not overlap.

    The old reading stays while the next cycle measures. A failed cycle leaves dashes, and the age
    of the last reading that there was.
    """
    started = bisect_right(cycles, t_s, key=lambda cycle: cycle.starts_s)
    is_measuring = started > 0 and t_s < cycles[started - 1].settles_s
    ended = started
    while ended > 0 and cycles[ended - 1].ends_s > t_s:
        ended -= 1
    reading = cycles[ended - 1].reading if ended > 0 else None
    with_reading = next((c for c in reversed(cycles[:ended]) if c.reading is not None), None)
    return Cuff(
        reading=reading or CuffReading(),
        is_measuring=is_measuring,
        is_automatic=is_automatic,
        age_s=None if with_reading is None else t_s - with_reading.ends_s,
    )
