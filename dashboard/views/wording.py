"""In which words does the screen say phases, times, answers and links?"""

from __future__ import annotations

from datetime import datetime, tzinfo

from clinical.checklist import Answer, Verdict
from clinical.phases import SessionPhase
from clinical.sign_off import Role

PHASE = {
    SessionPhase.SCHEDULED: "Scheduled",
    SessionPhase.PREPARATION: "Preparation",
    SessionPhase.BASELINE: "Baseline",
    SessionPhase.INFUSING: "Infusing",
    SessionPhase.RECOVERY: "Recovery",
    SessionPhase.DISCHARGED: "Discharged",
    SessionPhase.CLOSED: "Closed",
    SessionPhase.ABORTED: "Ended early",
}

ANSWER = {Answer.YES: "Yes", Answer.NO: "No", Answer.NOT_APPLICABLE: "Not applicable"}

VERDICT = {
    Verdict.MET: "The data say yes",
    Verdict.NOT_MET: "The data say no",
    Verdict.UNKNOWN: "The data cannot say",
}

# How far a monitor's protocol is proven (devices.registry.Proof).
PROOF = {
    "simulated": "tried with a simulator only",
    "capture": "reads bytes taken from a real monitor, never tried at one",
    "bench": "tried at a real monitor on a bench",
    "clinic": "in use in a clinic",
}

ROLE = {Role.NURSE: "nurse", Role.CLINICIAN: "clinician", Role.DIRECTOR: "medical director"}


def time_of_day(at: datetime, zone: tzinfo | None) -> str:
    """14:05:09 in ``zone``; None is the zone of the server, which stands in the clinic."""
    return f"{at.astimezone(zone):%H:%M:%S}"


def hour_minute(at: datetime, zone: tzinfo | None) -> str:
    return f"{at.astimezone(zone):%H:%M}"


def day_and_time(at: datetime, zone: tzinfo | None) -> str:
    """2026-03-14 14:05: the order that nobody reads wrongly."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"


def day_and_second(at: datetime, zone: tzinfo | None) -> str:
    """2026-03-14 14:05:09: also how Plotly takes a time."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"


def minutes(duration_s: float) -> str:
    """45 s, 3 min 20 s, 52 min: as exact as anyone reads it."""
    whole = round(duration_s)
    if whole < 60:
        return f"{whole} s"
    if whole < 600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{round(whole / 60)} min"


def amount(count: float) -> str:
    """Of bytes, in the units of storage sold: 512 B, 12.4 kB, 3.1 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"


def infusion(number: int, length: int) -> str:
    return f"Infusion {number} of {length}"


def either(roles: tuple[Role, ...]) -> str:
    """nurse or clinician; nurse, clinician or medical director."""
    *first, last = (ROLE[role] for role in roles)
    return f"{', '.join(first)} or {last}" if first else last
