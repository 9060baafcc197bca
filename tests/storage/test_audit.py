"""Does a change of the audit log show?"""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from storage import audit
from storage.models import AuditRow
from tests.storage.made_up import after


@pytest.fixture
def logged(database):
    with database.writing() as db:
        for n in range(1, 6):
            audit.append(db, at=after(n), by="anna", action="AnswerItem", detail={"n": n, "ä": "é"})
    return database


def tampered(database, statement):
    """What someone does who takes the trigger away first."""
    with database.writing() as db:
        for change in ("update", "delete"):
            db.execute(text(f"DROP TRIGGER audit_log_no_{change}"))
        db.execute(text(statement))
    with database.reading() as db:
        return audit.first_break(db)


def test_a_whole_chain_has_no_break(logged):
    with logged.reading() as db:
        assert audit.first_break(db) is None


def test_an_empty_log_has_no_break(database):
    with database.reading() as db:
        assert audit.first_break(db) is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET by = 'dora' WHERE id = 3",
        "UPDATE audit_log SET action = 'Amend' WHERE id = 3",
        "UPDATE audit_log SET at = '2026-11-22 09:00:03.000001' WHERE id = 3",
        "UPDATE audit_log SET detail = '{}' WHERE id = 3",
        "UPDATE audit_log SET hash = prev_hash WHERE id = 3",
    ],
)
def test_a_changed_entry_breaks_the_chain_there(logged, statement):
    assert tampered(logged, statement) == 3


def test_a_missing_entry_breaks_the_chain_at_the_next(logged):
    assert tampered(logged, "DELETE FROM audit_log WHERE id = 3") == 4


def test_the_chain_cannot_fork(logged):
    with logged.reading() as db:
        first = db.get(AuditRow, 1)
    with pytest.raises(IntegrityError), logged.writing() as db:
        db.add(
            AuditRow(
                at=first.at, by="x", action="x", detail="{}", prev_hash=first.prev_hash, hash="x"
            )
        )
