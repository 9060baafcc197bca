"""What did the record gain when a chair could have two monitors of nine kinds?

Columns are only added, and may be null: nothing of ``vital`` is copied.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from storage.migrations.append_only import protect, unprotect

revision = "0002"
down_revision = "0001"

NUMBERED = ("monitor_remark", "cuff_allowed", "cuff_order")
BESIDE = ("vital_beside", "reading_beside")
COLUMNS = (
    ("infusion_session", "monitors"),
    ("link_change", "monitor"),
    ("vital", "monitor"),
    ("reading", "monitor"),
)
BIG_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SIGNS = (
    *("heart_rate", "pulse_rate", "spo2", "perfusion_index", "resp_rate", "etco2", "fico2"),
    *("ibp1_systolic", "ibp1_diastolic", "ibp1_mean"),
    *("ibp2_systolic", "ibp2_diastolic", "ibp2_mean"),
)


def upgrade() -> None:
    for table, column in COLUMNS:
        op.add_column(table, sa.Column(column, sa.String(), nullable=True))
    metric = sa.Column("metric", sa.String(), nullable=True)
    _create_numbered("monitor_remark", _text("monitor"), metric, _text("text"))
    _create_numbered(
        "cuff_allowed", _text("by"), sa.Column("is_allowed", sa.Boolean(), nullable=False)
    )
    _create_numbered("cuff_order", _text("by"), _text("order"), _text("monitor"))
    op.create_table(
        "vital_beside",
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("t_ms", BIG_INTEGER, nullable=False),
        *(sa.Column(sign, sa.Float(), nullable=True) for sign in SIGNS),
        sa.Column("hr_source", sa.String(), nullable=True),
        sa.Column("rr_source", sa.String(), nullable=True),
        sa.Column("device_ms", BIG_INTEGER, nullable=True),
        sa.Column("quality", sa.String(), nullable=True),
        sa.Column("monitor", sa.String(), nullable=True),
        _of_session("vital_beside"),
        sa.PrimaryKeyConstraint("session_id", "t_ms", name=op.f("pk_vital_beside")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "reading_beside",
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("t_ms", BIG_INTEGER, nullable=False),
        _text("metric"),
        _text("source"),
        sa.Column("value", sa.Float(), nullable=True),
        _text("quality"),
        sa.Column("device_time", sa.String(), nullable=True),
        sa.Column("measurement_id", sa.String(), nullable=True),
        sa.Column("monitor", sa.String(), nullable=True),
        _of_session("reading_beside"),
        sa.PrimaryKeyConstraint(
            "session_id", "t_ms", "metric", "source", name=op.f("pk_reading_beside")
        ),
        sqlite_with_rowid=False,
    )
    protect((*NUMBERED, *BESIDE))


def downgrade() -> None:
    unprotect((*NUMBERED, *BESIDE), is_last=False)
    for table in (*BESIDE, *NUMBERED):
        op.drop_table(table)
    for table, column in COLUMNS:
        op.drop_column(table, column)


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.String(), nullable=False)


def _of_session(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_session_id_infusion_session")
    return sa.ForeignKeyConstraint(["session_id"], ["infusion_session.id"], name=name)


def _create_numbered(table: str, *columns: sa.Column[Any]) -> None:
    op.create_table(
        table,
        sa.Column("fact_no", BIG_INTEGER, nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        *columns,
        sa.ForeignKeyConstraint(
            ["fact_no"], ["fact.fact_no"], name=op.f(f"fk_{table}_fact_no_fact")
        ),
        _of_session(table),
        sa.PrimaryKeyConstraint("fact_no", name=op.f(f"pk_{table}")),
    )
    op.create_index(op.f(f"ix_{table}_session_id"), table, ["session_id"])
