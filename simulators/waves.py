"""What do the traces of a bedside screen look like: heart beats, pulse waves, breaths?

Each function takes how far (0 to 1) the beat or the breath has come and repeats without a jump.
The shapes are for the eye, not for a diagnosis. ``Cycle`` is what keeps a trace from jumping when
the rate changes.
"""

import math

# Bumps of one heart beat: (height in mV, s from the R peak, width in s). The outer two come closer
# as the heart beats faster; the QRS complex keeps its width.
P_WAVE, T_WAVE = (0.15, -0.16, 0.022), (0.30, 0.30, 0.045)
QRS = ((-0.12, -0.030, 0.009), (1.20, 0.0, 0.011), (-0.25, 0.030, 0.010))
R_PEAK_AT = 0.4  # of a beat

# Shares of a breath: it is drawn in, then CO2 rises, stays and falls with the next intake.
INSPIRED, RISEN, EXPIRED = 0.35, 0.42, 0.95
PLATEAU_BEGINS_AT = 0.85  # of the end-tidal value; the plateau climbs


class Cycle:
    """How far the present beat or breath has come, while the rate may change at every step."""

    def __init__(self) -> None:
        self.phase = 0.0  # from 0 to below 1

    def step(self, rate_per_min: float, seconds: float) -> bool:
        """Go on by ``seconds``; True when a new beat or breath has begun."""
        self.phase += rate_per_min / 60 * seconds
        is_new = self.phase >= 1.0
        self.phase %= 1.0
        return is_new


def ecg_mv(phase: float, rate_per_min: float) -> float:
    """One lead at ``phase`` of a beat, in mV around its baseline."""
    beat_s = 60 / rate_per_min
    nearness = math.sqrt(min(1.0, beat_s))
    bumps = [(mv, at_s * nearness, width_s) for mv, at_s, width_s in (P_WAVE, T_WAVE)]
    total = 0.0
    for mv, at_s, width_s in (*bumps, *QRS):
        away_s = math.remainder((phase - R_PEAK_AT) * beat_s - at_s, beat_s)
        total += mv * math.exp(-((away_s / width_s) ** 2) / 2)
    return total


def pulse_wave(phase: float) -> float:
    """Pressure or light at ``phase`` of a beat, 0 (trough) to 1 (peak), with its dicrotic notch."""
    if phase < 0.15:
        return (1 - math.cos(math.pi * phase / 0.15)) / 2
    falling = (math.exp(-3.5 * (phase - 0.15)) - math.exp(-3.5 * 0.85)) / (
        1 - math.exp(-3.5 * 0.85)
    )
    return falling + 0.08 * math.exp(-(((phase - 0.45) / 0.05) ** 2) / 2)


def chest_wave(phase: float) -> float:
    """Chest volume at ``phase`` of a breath: 0 when empty, 1 when full."""
    return (1 - math.cos(2 * math.pi * phase)) / 2


def capnogram(phase: float, inspired: float, end_tidal: float) -> float:
    """CO2 at ``phase`` of a breath that begins with the intake, in the unit of the two levels."""
    plateau = inspired + (end_tidal - inspired) * PLATEAU_BEGINS_AT
    if phase < INSPIRED:
        return inspired
    if phase < RISEN:
        return inspired + (plateau - inspired) * (phase - INSPIRED) / (RISEN - INSPIRED)
    if phase < EXPIRED:
        return plateau + (end_tidal - plateau) * (phase - RISEN) / (EXPIRED - RISEN)
    return end_tidal + (inspired - end_tidal) * (phase - EXPIRED) / (1 - EXPIRED)
