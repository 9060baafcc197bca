"""Who did what, and can anyone change that unseen? Each entry carries the hash of the one before.

``hash = sha256(prev_hash + canonical JSON of the entry)``. An entry that was changed, inserted or
taken out breaks the chain from there on; cutting off its end does not show in the chain alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.models import AuditRow

GENESIS = "0" * 64  # prev_hash of the first entry
CHAIN_LOCK = 0x7669_6769  # "vigi"; any number that nothing else locks


def append(
    db: Session, *, at: datetime, by: str, action: str, detail: Mapping[str, Any] | None = None
) -> AuditRow:
    """Append one entry. ``detail`` is kept as canonical JSON; "" in ``by`` is Vigil itself."""
    if db.get_bind().dialect.name == "postgresql":
        # Until the commit: the next one to append must see this entry. SQLite has one writer.
        db.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": CHAIN_LOCK})
    last = db.scalar(select(col(AuditRow.hash)).order_by(col(AuditRow.id).desc()).limit(1))
    row = AuditRow(
        at=at,
        by=by,
        action=action,
        detail=_canonical(detail or {}),
        prev_hash=last or GENESIS,
        hash="",
    )
    row.hash = _hash(row)
    db.add(row)
    db.flush()
    return row


def first_break(db: Session) -> int | None:
    """The ``id`` of the first entry that does not fit the chain; None where all do."""
    expected = GENESIS
    entries = select(AuditRow).order_by(col(AuditRow.id)).execution_options(yield_per=500)
    for row in db.scalars(entries):
        if row.prev_hash != expected or row.hash != _hash(row):
            return row.id
        expected = row.hash
    return None


def _canonical(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _hash(row: AuditRow) -> str:
    entry = {
        "at": row.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "by": row.by,
        "action": row.action,
        "detail": row.detail,
    }
    return hashlib.sha256((row.prev_hash + _canonical(entry)).encode()).hexdigest()
