"""How does the database itself refuse that a row of the record is changed or deleted?

A program that means harm can drop a trigger; the hash chain of the audit log is for that. The
triggers stop the mistake: an UPDATE typed at a prompt, a bug in a later version.

A batch migration on SQLite makes a new table, without triggers: ``protect`` it again.
"""

from __future__ import annotations

from collections.abc import Iterable

from alembic import op

FUNCTION = "vigil_refuse_change"


def protect(tables: Iterable[str]) -> None:
    """Refuse UPDATE and DELETE (and TRUNCATE on PostgreSQL) on each of ``tables``."""
    is_sqlite = op.get_context().dialect.name == "sqlite"
    if not is_sqlite:
        op.execute(
            f"CREATE OR REPLACE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME "
            "USING ERRCODE = 'integrity_constraint_violation'; END $$"
        )
    for table in tables:
        for statement in _sqlite(table) if is_sqlite else _postgresql(table):
            op.execute(statement)


def unprotect(tables: Iterable[str], *, is_last: bool = True) -> None:
    """Take the triggers off ``tables``, and with the last of all tables the function."""
    is_sqlite = op.get_context().dialect.name == "sqlite"
    for table in tables:
        for change in ("update", "delete") if is_sqlite else ("row", "all"):
            where = "" if is_sqlite else f" ON {table}"
            op.execute(f"DROP TRIGGER {table}_no_{change}{where}")
    if is_last and not is_sqlite:
        op.execute(f"DROP FUNCTION {FUNCTION}()")


def _sqlite(table: str) -> Iterable[str]:
    for change in ("update", "delete"):
        yield (
            f"CREATE TRIGGER {table}_no_{change} BEFORE {change.upper()} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )


def _postgresql(table: str) -> Iterable[str]:
    yield (
        f"CREATE TRIGGER {table}_no_row BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {FUNCTION}()"
    )
    yield (
        f"CREATE TRIGGER {table}_no_all BEFORE TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {FUNCTION}()"
    )
