"""What does the record hold of a past session for the rules to see it once more?"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinical.vitals import CONTINUOUS, Metric
from clinical.what_if import Course, Frame
from storage import facts, observations
from storage.ledger import key_of
from storage.models import READING, VITAL

VALUES = slice(1, 1 + len(CONTINUOUS))  # of a row


def course(db: Session, *, session: UUID, signs: Collection[Metric]) -> Course:
    """The facts of a session and what its screen showed: all frames, the readings of ``signs``.

    Times of values are whole ms, as the record has them. Raises UnknownSession.
    """
    key = key_of(db, session)
    columns = [VITAL.c[metric.value] for metric in CONTINUOUS]
    rows = db.execute(
        select(VITAL.c.t_ms, *columns, VITAL.c.quality, VITAL.c.monitor)
        .where(VITAL.c.session_id == key)
        .order_by(VITAL.c.t_ms)
    )
    at_of, reasons_of = observations.at_of, observations.reasons_of
    frames = [
        Frame(at_of(row[0]), tuple(row[VALUES]), reasons_of(row[-2]), row[-1] or "")
        for row in rows.all()
    ]
    readings = db.execute(
        select(READING)
        .where(READING.c.session_id == key, READING.c.metric.in_([sign.value for sign in signs]))
        .order_by(READING.c.t_ms)
    )
    return Course(
        facts.facts_of(db, session=session),
        frames,
        [observations.fact_of(row, session) for row in readings],
    )
