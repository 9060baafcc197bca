"""How do a patient's vital signs move, second by second, through a scripted session?

``Patient(scenario, seed).at(t_s)`` is a plain function of its three inputs: the same inputs give
the same screen in any order of asking, so a session can start in the middle or be read twice. Each
sign is a path (baseline plus ketamine, or the scenario's own course) plus a bounded wander, so that
a script which says 168 never shows 175 under an unlucky seed.
"""

import hashlib
import math
from bisect import bisect_left
from dataclasses import replace

from simulators.displayed import CuffCycle, CuffReading, Displayed, Module, RateSource, cuff_at
from simulators.scenario import Event, Ketamine, Scenario

# Wander of each sign: (largest deviation, seconds between turning points), slow drift then the part
# that follows breathing or movement. Sizes are those of an awake adult at rest on a 1 Hz display.
WANDER = {
    "heart_rate_bpm": ((2.5, 90.0), (1.5, 7.0)),
    "systolic_mmhg": ((2.0, 80.0), (1.0, 11.0)),
    "diastolic_mmhg": ((1.2, 80.0), (0.6, 11.0)),
    "spo2_pct": ((0.6, 70.0), (0.3, 9.0)),
    "resp_rate_rpm": ((1.2, 60.0), (1.0, 13.0)),
    "temperature_c": ((0.1, 900.0),),
    "etco2_pct": ((0.15, 60.0), (0.1, 13.0)),
}
CUFF_ERROR_MMHG = 1.5  # of one reading against the pressure itself
PULSE_LAG_S = 3.0  # an oximeter averages over more beats than the ECG rate does
FAILED_CYCLE_S = 75.0  # a cuff that finds nothing tries again before it gives up
PEAK_MIN = 35.0  # pressure is highest 30-40 min after the start of an infusion
FADE_MIN = 50.0  # and back at baseline within 90 min of it
AMBIENT_MMHG = 760.0


def ketamine_effect(ketamine: Ketamine, minute: float) -> float:
    """Share (0 to 1) of the full ketamine response at ``minute`` of the scenario.

    A shorter infusion peaks at its end; one that goes on past the peak holds it.
    """
    since_start = minute - ketamine.start_min
    rising = _ease(since_start / min(PEAK_MIN, ketamine.minutes))
    fading = _ease((since_start - ketamine.minutes) / FADE_MIN)
    return rising * (1.0 - fading)


class Patient:
    """One scripted patient, with the bedside monitor's cuff on the arm."""

    def __init__(self, scenario: Scenario, seed: int = 0) -> None:
        self._scenario, self._seed = scenario, seed
        self._cycles: list[CuffCycle] = []  # made as far as has been asked; never changed
        self.length_s = scenario.length_s
        self.notes = [
            (event.from_s, f"{event.kind} until minute {event.to_s / 60:g}")
            for event in sorted(scenario.events, key=lambda event: event.from_s)
        ]

    def at(self, t_s: float) -> Displayed:
        """The screen ``t_s`` seconds into the scenario; numbers rounded as a monitor shows them."""
        on = self._scenario.attached
        shown = Displayed(fitted=self._scenario.fitted, attached=on)
        if Module.ECG in on:
            shown = self._with_ecg(shown, t_s)
        if Module.SPO2 in on:
            shown = self._with_spo2(shown, t_s)
        if Module.TEMPERATURE in on:
            shown = replace(shown, temperature_c=round(self._sign("temperature_c", t_s), 1))
        if Module.CO2 in on:
            shown = replace(
                shown,
                etco2_pct=round(self._sign("etco2_pct", t_s), 2),
                fico2_pct=0.0,
                co2_resp_rpm=round(self._sign("resp_rate_rpm", t_s)),
                ambient_mmhg=AMBIENT_MMHG,
            )
        if Module.NIBP in on:
            cuff = cuff_at(
                self._cycles_until(t_s), t_s, is_automatic=self._scenario.cuff.is_automatic
            )
            shown = replace(shown, cuff=cuff, arm=self._arm(t_s))
        return self._with_rate_from_pulse(shown, t_s)

    def _arm(self, t_s: float) -> CuffReading | None:
        """What a cuff that somebody else started, as a host can, finds at ``t_s``."""
        if self._during("cuff-fails", t_s):
            return None
        systolic = round(self._sign("systolic_mmhg", t_s))
        diastolic = round(self._sign("diastolic_mmhg", t_s))
        return CuffReading(
            systolic_mmhg=systolic,
            diastolic_mmhg=diastolic,
            mean_mmhg=round(diastolic + (systolic - diastolic) / 3),
            pulse_bpm=round(self._sign("heart_rate_bpm", t_s)),
        )

    def _with_ecg(self, shown: Displayed, t_s: float) -> Displayed:
        if self._during("ecg-lead-off", t_s):
            return replace(shown, is_lead_off=True)
        rate = self._sign("heart_rate_bpm", t_s)
        is_noisy = self._during("ecg-artefact", t_s) is not None
        if is_noisy:  # muscle noise counted as beats, or beats missed
            rate *= 0.6 + 1.2 * _chance(self._seed, "ecg noise", int(t_s))
        return replace(
            shown,
            heart_rate_bpm=round(rate),
            ecg_rate_bpm=round(rate),
            # Chest impedance also counts movement, hence its own wander beside the breaths'.
            impedance_resp_rpm=round(
                self._sign("resp_rate_rpm", t_s) + _wander(self._seed, "chest", t_s, 20.0)
            ),
            st_mm=self._st(t_s),
            is_ecg_noisy=is_noisy,
        )

    def _st(self, t_s: float) -> tuple[float, float, float]:
        """A calm ST segment in leads I to III; II is the sum of the other two, as in a real ECG."""
        first, third = (
            round(0.2 + 0.2 * _wander(self._seed, f"st {lead}", t_s, 60.0), 1) for lead in (1, 3)
        )
        return first, round(first + third, 1), third

    def _with_spo2(self, shown: Displayed, t_s: float) -> Displayed:
        if self._during("spo2-off", t_s):
            return shown
        spo2 = min(100.0, self._sign("spo2_pct", t_s))
        pulse = self._sign("heart_rate_bpm", t_s - PULSE_LAG_S)
        is_noisy = self._during("spo2-artefact", t_s) is not None
        if is_noisy:  # a moving finger: false pulse, low saturation
            step = int(t_s // 4)
            spo2 -= 12.0 * _chance(self._seed, "finger", step)
            pulse = 40.0 + 180.0 * _chance(self._seed, "false pulse", step)
        variability = 14.0 + 4.0 * _wander(self._seed, "variability", t_s, 120.0)
        modulation = 2.5 + 0.5 * _wander(self._seed, "modulation", t_s, 45.0)
        return replace(
            shown,
            spo2_pct=round(spo2, 2),
            pulse_bpm=round(pulse),
            is_pulse_noisy=is_noisy,
            pleth_modulation_pct=round(modulation, 2),
            pleth_variability_pct=round(variability),
        )

    def _with_rate_from_pulse(self, shown: Displayed, t_s: float) -> Displayed:
        """Some monitors show the oximeter's rate as HR while the ECG is off."""
        off = self._during("ecg-lead-off", t_s)
        if off is None or not off.falls_back_to_pulse or shown.pulse_bpm is None:
            return shown
        return replace(shown, heart_rate_bpm=shown.pulse_bpm, heart_rate_source=RateSource.SPO2)

    def _during(self, kind: str, t_s: float) -> Event | None:
        """The event of ``kind`` that is on at ``t_s``, if one is."""
        return next(
            (e for e in self._scenario.events if e.kind == kind and e.from_s <= t_s < e.to_s), None
        )

    def _sign(self, sign: str, t_s: float) -> float:
        """The sign itself, unrounded: its path and its wander."""
        scenario, minute = self._scenario, t_s / 60
        if sign in scenario.courses:
            level = _along(scenario.courses[sign], minute)
        else:
            level = getattr(scenario.baseline, sign)
            if scenario.ketamine is not None:
                moved = ketamine_effect(scenario.ketamine, minute)
                level += moved * getattr(scenario.ketamine.adds, sign)
        for size, every_s in WANDER[sign]:
            level += size * _wander(self._seed, sign, t_s, every_s)
        return level

    def _cycles_until(self, t_s: float) -> list[CuffCycle]:
        """All cuff cycles that start by ``t_s``, and perhaps later ones."""
        plan = self._scenario.cuff
        while True:
            number = len(self._cycles)
            if plan.is_automatic:
                starts_s = plan.first_s + number * plan.interval_s
            elif number < len(plan.at_s):
                starts_s = plan.at_s[number]
            else:
                return self._cycles
            if starts_s > t_s:
                return self._cycles
            self._cycles.append(self._cycle(number, starts_s))

    def _cycle(self, number: int, starts_s: float) -> CuffCycle:
        if self._during("cuff-fails", starts_s):
            ends_s = starts_s + FAILED_CYCLE_S
            return CuffCycle(starts_s=starts_s, ends_s=ends_s, settles_s=ends_s, reading=None)
        ends_s = starts_s + 28.0 + math.floor(10.0 * _chance(self._seed, "inflation", number))
        deflating_s = math.floor(4.0 * _chance(self._seed, "deflation", number))  # 0 to 3 s
        error = CUFF_ERROR_MMHG * (2.0 * _chance(self._seed, "cuff", number) - 1.0)
        systolic = round(self._sign("systolic_mmhg", ends_s) + error)
        diastolic = round(self._sign("diastolic_mmhg", ends_s) + error)
        reading = CuffReading(
            systolic_mmhg=systolic,
            diastolic_mmhg=diastolic,
            mean_mmhg=round(diastolic + (systolic - diastolic) / 3),
            # Real cuffs often find the pressures and no pulse rate.
            pulse_bpm=round(self._sign("heart_rate_bpm", ends_s))
            if _chance(self._seed, "cuff pulse", number) < 0.6
            else None,
        )
        if self._during("cuff-mean-only", starts_s):
            reading = CuffReading(mean_mmhg=reading.mean_mmhg)
        return CuffCycle(
            starts_s=starts_s, ends_s=ends_s, settles_s=ends_s + deflating_s, reading=reading
        )


def _chance(seed: int, what: str, number: int) -> float:
    """A fixed number in [0, 1) for these inputs; hashed, so that no order of asking matters."""
    digest = hashlib.blake2b(f"{seed} {what} {number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") / 2**64


def _wander(seed: int, what: str, t_s: float, every_s: float) -> float:
    """A smooth walk within [-1, 1] that turns about every ``every_s`` seconds."""
    what = f"{what} {every_s:g}"
    number, share = divmod(t_s / every_s, 1.0)
    before, after = (2.0 * _chance(seed, what, int(number) + k) - 1.0 for k in (0, 1))
    return before + (after - before) * _ease(share)


def _ease(share: float) -> float:
    """0 below 0, 1 above 1, and an S between: no jump in value or in slope."""
    share = min(1.0, max(0.0, share))
    return share * share * (3.0 - 2.0 * share)


def _along(points: tuple[tuple[float, float], ...], minute: float) -> float:
    """The level at ``minute`` on straight lines between ``points``; the ends hold."""
    after = bisect_left(points, minute, key=lambda point: point[0])
    if after == 0:
        return points[0][1]
    if after == len(points):
        return points[-1][1]
    (from_min, from_level), (to_min, to_level) = points[after - 1], points[after]
    return from_level + (to_level - from_level) * (minute - from_min) / (to_min - from_min)
