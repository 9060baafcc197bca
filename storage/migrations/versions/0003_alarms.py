"""What did the record gain when alarms could be called, paused, switched and adjusted?

Tables and columns are only added, the columns may be null.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from storage.migrations.append_only import protect, unprotect

revision = "0003"
down_revision = "0002"

COLUMNS = (
    ("infusion_session", "second"),
    ("alarm_event", "reason"),
    ("alarm_event", "audio"),
)
NUMBERED = (
    *("alarm_called", "alarm_shown"),
    *("audio_change", "alarm_switch", "limit_change", "probe_placed"),
)
OF_CLINIC = ("preset_edition", "preset_approval", "clinic_setting")
BIG_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    for table, column in COLUMNS:
        op.add_column(table, sa.Column(column, sa.String(), nullable=True))
    alarm_id = sa.Column("alarm_id", sa.Uuid(), nullable=False)
    _create_numbered("alarm_called", alarm_id, _text("stage"), _text("to"))
    alarm_id = sa.Column("alarm_id", sa.Uuid(), nullable=False)
    stage = sa.Column("stage", sa.String(), nullable=True)
    _create_numbered("alarm_shown", alarm_id, _text("to"), stage)
    until = sa.Column("until", sa.DateTime(timezone=True), nullable=True)
    _create_numbered("audio_change", _text("by"), _text("state"), until, _text("reason"))
    _create_numbered(
        "alarm_switch", _text("by"), _text("metric"), _claim("is_off"), _text("reason")
    )
    _create_numbered(
        "limit_change",
        *(_text("by"), _text("metric"), _text("direction"), _text("priority")),
        sa.Column("before", sa.Float(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        _text("reason"),
    )
    _create_numbered("probe_placed", _text("by"), _claim("is_on_cuff_arm"))
    op.create_table(
        "preset_edition",
        sa.Column("id", sa.Integer(), nullable=False),
        *(_text("name"), _number("version"), _text("parent_name"), _number("parent_version")),
        *(_text("body"), _text("reason"), _text("by"), _time("at")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_preset_edition")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_preset_edition_name_version")),
    )
    op.create_table(
        "preset_approval",
        sa.Column("id", sa.Integer(), nullable=False),
        *(_text("name"), _number("version"), _text("by"), _time("at")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_preset_approval")),
        sa.UniqueConstraint("name", "version", "by", name=op.f("uq_preset_approval_name_version_by")),
    )
    op.create_table(
        "clinic_setting",
        sa.Column("id", sa.Integer(), nullable=False),
        *(_text("name"), _text("value"), _text("by"), _time("at")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clinic_setting")),
    )
    op.create_index(op.f("ix_clinic_setting_name"), "clinic_setting", ["name"])
    op.create_table(
        "paired_screen",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        *(_text("name"), _text("token_hash"), _text("paired_by")),
        *(_time("paired_at"), _time("last_seen_at")),
        sa.Column("revoked_by", sa.String(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paired_screen")),
        sa.UniqueConstraint("public_id", name=op.f("uq_paired_screen_public_id")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_paired_screen_token_hash")),
    )
    protect((*NUMBERED, *OF_CLINIC))


def downgrade() -> None:
    unprotect((*NUMBERED, *OF_CLINIC), is_last=False)
    for table in (*NUMBERED, *OF_CLINIC, "paired_screen"):
        op.drop_table(table)
    for table, column in COLUMNS:
        op.drop_column(table, column)


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.String(), nullable=False)


def _number(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer(), nullable=False)


def _claim(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean(), nullable=False)


def _time(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def _create_numbered(table: str, *columns: sa.Column[Any]) -> None:
    op.create_table(
        table,
        sa.Column("fact_no", BIG_INTEGER, nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=False),
        _time("at"),
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
