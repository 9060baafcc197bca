"""What did the record gain when a monitor said who it is, and a person could enter a value?

Tables and columns are only added, the columns may be null.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from storage.migrations.append_only import protect, unprotect

revision = "0004"
down_revision = "0003"

BIG_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
READINGS = ("reading", "reading_beside")
ENTRY: dict[str, Any] = {
    "entered_by": sa.String(),
    "initials": sa.String(),
    "entered_ms": BIG_INTEGER,
}
NUMBERED = ("monitor_identity", "clock_offset", "monitors_arranged")


def upgrade() -> None:
    for table in READINGS:
        for column, kind in ENTRY.items():
            op.add_column(table, sa.Column(column, kind, nullable=True))
    _create_numbered(
        "monitor_identity",
        *(_number("chair"), _time("at"), _text("by")),
        *(_text("monitor"), _text("model"), _text("serial"), _text("version")),
        sa.Column("is_bound", sa.Boolean(), nullable=False),
        is_of_session=False,
    )
    _create_numbered(
        "clock_offset",
        *(_number("chair"), _time("at"), _text("monitor")),
        sa.Column("offset_s", sa.Float(), nullable=False),
        is_of_session=False,
    )
    _create_numbered("monitors_arranged", _time("at"), _text("by"), _text("monitors"))
    protect(NUMBERED)


def downgrade() -> None:
    unprotect(NUMBERED, is_last=False)
    for table in NUMBERED:
        op.drop_table(table)
    for table in READINGS:
        for column in ENTRY:
            op.drop_column(table, column)


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.String(), nullable=False)


def _number(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer(), nullable=False)


def _time(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def _create_numbered(table: str, *columns: sa.Column[Any], is_of_session: bool = True) -> None:
    """``is_of_session``: each row is of one; else also of a chair in which nobody sits."""
    op.create_table(
        table,
        sa.Column("fact_no", BIG_INTEGER, nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=not is_of_session),
        *columns,
        sa.ForeignKeyConstraint(
            ["fact_no"], ["fact.fact_no"], name=op.f(f"fk_{table}_fact_no_fact")
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["infusion_session.id"],
            name=op.f(f"fk_{table}_session_id_infusion_session"),
        ),
        sa.PrimaryKeyConstraint("fact_no", name=op.f(f"pk_{table}")),
    )
    op.create_index(op.f(f"ix_{table}_session_id"), table, ["session_id"])
