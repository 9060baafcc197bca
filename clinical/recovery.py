"""Which items of the recovery checklist can the data answer, and what do they say?

Source: the discharge criteria of the shipped recovery checklist (modified Aldrete circulation item:
within 20 per cent of baseline; safe limits as our clinical rules print them).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from clinical.checklist import Finding, Verdict
from clinical.record import BaselineLocked

WITHIN = 0.20  # of baseline
SETS_NEEDED = 2


@dataclass(frozen=True, slots=True)
class CuffSet:
    """One set of vitals: a complete cuff reading (mmHg) and what was measured beside it then."""

    measurement_id: str
    at: datetime
    systolic_mmhg: float
    diastolic_mmhg: float
    mean_mmhg: float
    heart_rate_bpm: float | None = None
    spo2_pct: float | None = None
    resp_rate_rpm: float | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the rules may look at. ``sets`` holds the session's cuff sets, oldest first."""

    now: datetime
    infusion_stopped_at: datetime | None
    minutes_since_stop: int
    sets: Sequence[CuffSet]
    baseline: BaselineLocked | None
    open_alarms: Sequence[str]  # texts of the open alarms of medium or high priority
    infusion_started_at: datetime | None = None
    minutes_since_start: int | None = None  # where the preset asks for them

    @property
    def sets_since_stop(self) -> list[CuffSet]:
        stopped_at = self.infusion_stopped_at
        return [each for each in self.sets if stopped_at is not None and each.at >= stopped_at]


def time_since_stop(evidence: Evidence) -> Finding:
    """Enough minutes since the infusion stopped, and two complete sets of vitals since then."""
    if evidence.infusion_stopped_at is None:
        return Finding(Verdict.NOT_MET, "the infusion has not been stopped")
    passed_s = (evidence.now - evidence.infusion_stopped_at).total_seconds()
    sets = len(evidence.sets_since_stop)
    is_met = passed_s >= evidence.minutes_since_stop * 60 and sets >= SETS_NEEDED
    words = [f"{int(passed_s // 60)} of {evidence.minutes_since_stop} min"]
    wanted, started_at = evidence.minutes_since_start, evidence.infusion_started_at
    if wanted is not None and started_at is not None:
        since_start_s = (evidence.now - started_at).total_seconds()
        is_met = is_met and since_start_s >= wanted * 60
        words.append(f"{int(since_start_s // 60)} of {wanted} min since the dose")
    words.append(f"{sets} of {SETS_NEEDED} sets of vitals")
    return Finding(Verdict.MET if is_met else Verdict.NOT_MET, ", ".join(words))


def vitals_settled(evidence: Evidence) -> Finding:
    """The last set within 20 % of baseline and within safe limits; unknown where one is missing."""
    if not evidence.sets_since_stop:
        return Finding(Verdict.UNKNOWN, "no blood pressure since the infusion stopped")
    last = evidence.sets_since_stop[-1]
    checks = [
        _pressure("SYS", last.systolic_mmhg, evidence.baseline, "systolic_mmhg", 160),
        _pressure("DIA", last.diastolic_mmhg, evidence.baseline, "diastolic_mmhg", 100),
        _heart_rate(last.heart_rate_bpm),
        _saturation(last.spo2_pct, evidence.baseline),
        _respiration(last.resp_rate_rpm),
    ]
    verdicts = {check.verdict for check in checks}
    worst = next(v for v in (Verdict.NOT_MET, Verdict.UNKNOWN, Verdict.MET) if v in verdicts)
    return Finding(worst, "; ".join(check.evidence for check in checks))


def no_open_alarm(evidence: Evidence) -> Finding:
    """No alarm condition of medium or high priority is open, acknowledged or not."""
    if evidence.open_alarms:
        return Finding(Verdict.NOT_MET, "open: " + ", ".join(evidence.open_alarms))
    return Finding(Verdict.MET, "none open")


def _pressure(
    label: str, value: float, baseline: BaselineLocked | None, field: str, limit: float
) -> Finding:
    if value > limit:
        return Finding(Verdict.NOT_MET, f"{label} {value:.0f}, above {limit:.0f}")
    if baseline is None:
        return Finding(Verdict.UNKNOWN, f"{label} {value:.0f}, no baseline to compare with")
    rest: float = getattr(baseline, field)
    change = (value - rest) / rest
    met = abs(change) <= WITHIN
    return Finding(
        Verdict.MET if met else Verdict.NOT_MET,
        f"{label} {value:.0f} ({change:+.0%} of baseline {rest:.0f})",
    )


def _heart_rate(value: float | None) -> Finding:
    if value is None:
        return Finding(Verdict.UNKNOWN, "HR not measured")
    return Finding(Verdict.MET if 50 <= value <= 110 else Verdict.NOT_MET, f"HR {value:.0f}")


def _saturation(value: float | None, baseline: BaselineLocked | None) -> Finding:
    if value is None:
        return Finding(Verdict.UNKNOWN, "SpO2 not measured")
    rest = baseline.spo2_pct if baseline is not None else None
    met = value >= 94 or (rest is not None and value >= rest)
    return Finding(Verdict.MET if met else Verdict.NOT_MET, f"SpO2 {value:.0f} %")


def _respiration(value: float | None) -> Finding:
    if value is None:
        return Finding(Verdict.UNKNOWN, "RR not measured: count it")
    if value < 10:  # chest impedance undercounts quiet breathing: a nurse counts instead
        return Finding(Verdict.UNKNOWN, f"RR {value:.0f} on the monitor: count it")
    return Finding(Verdict.MET if value <= 24 else Verdict.NOT_MET, f"RR {value:.0f}")


RULES: dict[str, Callable[[Evidence], Finding]] = {
    "time_since_stop": time_since_stop,
    "vitals_settled": vitals_settled,
    "no_open_alarm": no_open_alarm,
}
