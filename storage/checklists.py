"""How is the answer to a checklist item written and read back?"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from clinical.record import ItemAnswered
from storage.ledger import append, fields_of
from storage.models import AnswerRow


def record_answer(db: Session, answered: ItemAnswered, *, written_at: datetime) -> AnswerRow:
    """Append an answer; one that corrects another names it in ``replaces`` and leaves it there.

    Raises IntegrityError where this ``answer_id`` is written, or the replaced one is not.
    """
    return append(db, AnswerRow, answered, written_at=written_at, session=answered.session)


def answer_of(row: AnswerRow, session: UUID) -> ItemAnswered:
    return ItemAnswered(session=session, **fields_of(row))
