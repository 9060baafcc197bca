"""What did the clinic set for all its chairs, and who did?"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from storage import audit
from storage.models import ClinicSettingRow


def put_setting(db: Session, *, name: str, value: Any, by: str, now: datetime) -> ClinicSettingRow:
    """Append that ``name`` is ``value`` from now on. Raises TypeError for what JSON cannot hold,
    and ValueError for a number that is none."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)
    row = ClinicSettingRow(name=name, value=text, by=by, at=now)
    db.add(row)
    audit.append(db, at=now, by=by, action="put_setting", detail={"name": name, "value": value})
    return row


def settings(db: Session) -> dict[str, Any]:
    """The newest value of each setting; one that was never set is not in it."""
    newest = select(func.max(col(ClinicSettingRow.id))).group_by(col(ClinicSettingRow.name))
    rows = db.scalars(select(ClinicSettingRow).where(col(ClinicSettingRow.id).in_(newest)))
    return {row.name: json.loads(row.value) for row in rows}
