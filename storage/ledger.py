"""How does a rare fact get its place in the record, and how are its rows found again?

Whatever writes here does so inside the caller's transaction (``Database.writing()``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.orm import Session
from sqlmodel import col

from clinical.record import Fact
from storage.models import FACT, NumberedRow, SessionRow

NumberedRowT = TypeVar("NumberedRowT", bound=NumberedRow)


class UnknownSession(LookupError):
    """A fact names a session that was never opened in this record."""


def keys_of(db: Session, sessions: Collection[UUID]) -> Mapping[UUID, int]:
    """The inner key of each session. Raises UnknownSession for one that is not there."""
    found = db.execute(
        select(col(SessionRow.public_id), col(SessionRow.id)).where(
            col(SessionRow.public_id).in_(sessions)
        )
    )
    keys = {row.public_id: row.id for row in found}
    for session in sessions:
        if session not in keys:
            raise UnknownSession(f"no session {session} in the record")
    return keys


def key_of(db: Session, session: UUID) -> int:
    """Raises UnknownSession."""
    return keys_of(db, [session])[session]


def number_fact(db: Session, *, kind: str, written_at: datetime) -> int:
    """Draw the next place in the order of the record."""
    drawn = db.execute(insert(FACT).values(kind=kind, written_at=written_at))
    return int(drawn.inserted_primary_key[0])  # type: ignore[attr-defined]


def append(
    db: Session,
    table: type[NumberedRowT],
    fact: Fact,
    *,
    written_at: datetime,
    session: UUID | None,
    **columns: Any,
) -> NumberedRowT:
    """Append ``fact`` to ``table`` (``columns`` replace fields that are no columns)."""
    session_id: Any = None if session is None else key_of(db, session)
    row = table(
        session_id=session_id,
        fact_no=number_fact(db, kind=type(fact).__name__, written_at=written_at),
        **columns_of(fact) | columns,
    )
    db.add(row)
    db.flush()  # at once: a refused row must not surface at a later one
    return row


def rows_of(db: Session, table: type[NumberedRowT], session_id: int) -> list[NumberedRowT]:
    """The rows of one session, in the order they were written."""
    found = select(table).where(col(table.session_id) == session_id).order_by(col(table.fact_no))
    return list(db.scalars(found))


def columns_of(fact: Any) -> dict[str, Any]:
    """The fields of a fact as columns: all but ``session``, enums as their value."""
    values = {field.name: getattr(fact, field.name) for field in dataclasses.fields(fact)}
    return {
        name: value.value if isinstance(value, StrEnum) else value
        for name, value in values.items()
        if name != "session"
    }


def fields_of(row: NumberedRow) -> dict[str, Any]:
    """The columns of ``row`` that are fields of its fact; enums are still their value."""
    return row.model_dump(exclude={"fact_no", "session_id"})
