"""When do two cuff sets agree well enough to be a patient's baseline, and what is their mean?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from clinical.record import BaselineLocked
from clinical.recovery import CuffSet

AGREE_WITHIN = 0.10
APART = timedelta(seconds=170)  # at least 3 minutes, less the jitter of an automatic cuff


class NoBaseline(ValueError):
    """The cuff sets do not make a baseline; the message says what is needed."""


def baseline_from(
    sets: Sequence[CuffSet], *, session: UUID, at: datetime, by: str
) -> BaselineLocked:
    """The mean of the last two sets that are 3 minutes apart and agree within 10 %.

    ``sets`` are the session's cuff sets, oldest first. Raises NoBaseline.
    """
    if not sets:
        raise NoBaseline("two cuff readings are needed, there is none yet")
    last = sets[-1]
    earlier = [each for each in sets if last.at - each.at >= APART]
    if not earlier:
        raise NoBaseline("two cuff readings at least 3 minutes apart are needed")
    first = earlier[-1]
    for label, a, b in (
        ("systolic", first.systolic_mmhg, last.systolic_mmhg),
        ("diastolic", first.diastolic_mmhg, last.diastolic_mmhg),
    ):
        if abs(a - b) > AGREE_WITHIN * (a + b) / 2:
            raise NoBaseline(
                f"the last two readings differ by more than 10 % ({label} {a:.0f} and {b:.0f}): "
                "let the patient rest and take another"
            )
    return BaselineLocked(
        session=session,
        at=at,
        by=by,
        systolic_mmhg=(first.systolic_mmhg + last.systolic_mmhg) / 2,
        diastolic_mmhg=(first.diastolic_mmhg + last.diastolic_mmhg) / 2,
        mean_mmhg=(first.mean_mmhg + last.mean_mmhg) / 2,
        heart_rate_bpm=_mean(first.heart_rate_bpm, last.heart_rate_bpm),
        spo2_pct=_mean(first.spo2_pct, last.spo2_pct),
        measurement_ids=(first.measurement_id, last.measurement_id),
    )


def _mean(a: float | None, b: float | None) -> float | None:
    known = [value for value in (a, b) if value is not None]
    return sum(known) / len(known) if known else None
