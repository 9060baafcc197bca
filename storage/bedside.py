"""How is what passes between a chair and its monitors written: remarks, and orders to a cuff?"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from clinical.links import CuffOrder
from clinical.record import CuffAllowed, CuffOrdered, Remarked
from clinical.vitals import Metric
from storage.ledger import append, fields_of
from storage.models import CuffAllowedRow, CuffOrderRow, RemarkRow


def record_remark(db: Session, remark: Remarked, *, written_at: datetime) -> RemarkRow:
    return append(db, RemarkRow, remark, written_at=written_at, session=remark.session)


def record_cuff_allowed(
    db: Session, allowed: CuffAllowed, *, written_at: datetime
) -> CuffAllowedRow:
    return append(db, CuffAllowedRow, allowed, written_at=written_at, session=allowed.session)


def record_cuff_order(db: Session, ordered: CuffOrdered, *, written_at: datetime) -> CuffOrderRow:
    return append(db, CuffOrderRow, ordered, written_at=written_at, session=ordered.session)


def remark_of(row: RemarkRow, session: UUID) -> Remarked:
    metric = None if row.metric is None else Metric(row.metric)
    return Remarked(**fields_of(row) | {"session": session, "metric": metric})


def cuff_allowed_of(row: CuffAllowedRow, session: UUID) -> CuffAllowed:
    return CuffAllowed(session=session, **fields_of(row))


def cuff_order_of(row: CuffOrderRow, session: UUID) -> CuffOrdered:
    return CuffOrdered(**fields_of(row) | {"session": session, "order": CuffOrder(row.order)})
