"""Which tables did the first Vigil have?

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

from storage.migrations.append_only import protect, unprotect

revision = "0001"
down_revision = None


APPEND_ONLY = (
    "fact",
    "infusion_session",
    "phase_change",
    "baseline",
    "alarm_event",
    "link_change",
    "gap",
    "checklist_answer",
    "sign_off",
    "vital",
    "reading",
    "command",
    "audit_log",
)


def upgrade() -> None:
    op.create_table(
        "app_user",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("user", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deactivated_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_user")),
        sa.UniqueConstraint("public_id", name=op.f("uq_app_user_public_id")),
        sa.UniqueConstraint("user", name=op.f("uq_app_user_user")),
    )
    op.create_table(
        "audit_log",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("prev_hash", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
        sa.UniqueConstraint("prev_hash", name=op.f("uq_audit_log_prev_hash")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "command",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("command_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_command")),
        sa.UniqueConstraint("command_id", name=op.f("uq_command_command_id")),
    )
    op.create_table(
        "fact",
        sa.Column("fact_no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("fact_no", name=op.f("pk_fact")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "infusion_session",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("fact_no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("chair", sa.Integer(), nullable=False),
        sa.Column("patient", sa.String(), nullable=False),
        sa.Column("planned_infusion_min", sa.Integer(), nullable=False),
        sa.Column("infusion_number", sa.Integer(), nullable=False),
        sa.Column("series_length", sa.Integer(), nullable=False),
        sa.Column("preset", sa.String(), nullable=False),
        sa.Column("preset_version", sa.Integer(), nullable=False),
        sa.Column("checklist", sa.String(), nullable=False),
        sa.Column("checklist_version", sa.Integer(), nullable=False),
        sa.Column("is_simulated", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["fact_no"], ["fact.fact_no"], name=op.f("fk_infusion_session_fact_no_fact")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_infusion_session")),
        sa.UniqueConstraint("fact_no", name=op.f("uq_infusion_session_fact_no")),
        sa.UniqueConstraint("public_id", name=op.f("uq_infusion_session_public_id")),
    )
    with op.batch_alter_table("infusion_session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_infusion_session_at"), ["at"], unique=False)

    op.create_table(
        "sign_in",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["app_user.id"], name=op.f("fk_sign_in_user_id_app_user")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_sign_in_token_hash")),
    )
    with op.batch_alter_table("sign_in", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sign_in_user_id"), ["user_id"], unique=False)

    op.create_table(
        "alarm_event",
        sa.Column("fact_no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=True),
        sa.Column("chair", sa.Integer(), nullable=False),
        sa.Column("alarm_id", sa.Uuid(), nullable=False),
        sa.Column("change", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("condition", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("priority", sa.String(), nullable=False),
        sa.Column("metric", sa.String(), nullable=True),
        sa.Column("direction", sa.String(), nullable=True),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("limit", sa.Float(), nullable=True),
        sa.Column("worst", sa.Float(), nullable=True),
        sa.Column("delay_s", sa.Float(), nullable=True),
        sa.Column("phase", sa.String(), nullable=True),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["fact_no"], ["fact.fact_no"], name=op.f("fk_alarm_event_fact_no_fact")
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["infusion_session.id"],
            name=op.f("fk_alarm_event_session_id_infusion_session"),
        ),
        sa.PrimaryKeyConstraint("fact_no", name=op.f("pk_alarm_event")),
    )
    with op.batch_alter_table("alarm_event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_alarm_event_at"), ["at"], unique=False)
        batch_op.create_index(batch_op.f("ix_alarm_event_session_id"), ["session_id"], unique=False)

    op.create_table(
        "baseline",
        sa.Column("fact_no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("systolic_mmhg", sa.Float(), nullable=False),
        sa.Column("diastolic_mmhg", sa.Float(), nullable=False),
        sa.Column("mean_mmhg", sa.Float(), nullable=False),
        sa.Column("heart_rate_bpm", sa.Float(), nullable=True),
        sa.Column("spo2_pct", sa.Float(), nullable=True),
        sa.Column("measurement_id_1", sa.String(), nullable=False),
        sa.Column("measurement_id_2", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["fact_no"], ["fact.fact_no"], name=op.f("fk_baseline_fact_no_fact")
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["infusion_session.id"],
            name=op.f("fk_baseline_session_id_infusion_session"),
        ),
        sa.PrimaryKeyConstraint("fact_no", name=op.f("pk_baseline")),
    )
    with op.batch_alter_table("baseline", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_baseline_session_id"), ["session_id"], unique=False)

    op.create_table(
        "checklist_answer",
        sa.Column("fact_no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("answer_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("checklist", sa.String(), nullable=False),
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("evidence", sa.String(), nullable=False),
        sa.Column("replaces", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["fact_no"], ["fact.fact_no"], name=op.f("fk_checklist_answer_fact_no_fact")
        ),
        sa.ForeignKeyConstraint(
            ["replaces"],
            ["checklist_answer.answer_id"],
            name=op.f("fk_checklist_answer_replaces_checklist_answer"),
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["infusion_session.id"],
            name=op.f("fk_checklist_answer_session_id_infusion_session"),
        ),
        sa.PrimaryKeyConstraint("fact_no", name=op.f("pk_checklist_answer")),
        sa.UniqueConstraint("answer_id", name=op.f("uq_checklist_answer_answer_id")),
    )
    with op.batch_alter_table("checklist_answer", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_checklist_answer_session_id"), ["session_id"], unique=False
        )

    op.create_table(
        "gap",
        sa.Column("fact_no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["fact_no"], ["fact.fact_no"], name=op.f("fk_gap_fact_no_fact")),
        sa.ForeignKeyConstraint(
            ["session_id"], ["infusion_session.id"], name=op.f("fk_gap_session_id_infusion_session")
        ),
        sa.PrimaryKeyConstraint("fact_no", name=op.f("pk_gap")),
    )
    with op.batch_alter_table("gap", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_gap_session_id"), ["session_id"], unique=False)

    op.create_table(
        "link_change",
        sa.Column("fact_no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["fact_no"], ["fact.fact_no"], name=op.f("fk_link_change_fact_no_fact")
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["infusion_session.id"],
            name=op.f("fk_link_change_session_id_infusion_session"),
        ),
        sa.PrimaryKeyConstraint("fact_no", name=op.f("pk_link_change")),
    )
    with op.batch_alter_table("link_change", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_link_change_session_id"), ["session_id"], unique=False)

    op.create_table(
        "phase_change",
        sa.Column("fact_no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["fact_no"], ["fact.fact_no"], name=op.f("fk_phase_change_fact_no_fact")
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["infusion_session.id"],
            name=op.f("fk_phase_change_session_id_infusion_session"),
        ),
        sa.PrimaryKeyConstraint("fact_no", name=op.f("pk_phase_change")),
    )
    with op.batch_alter_table("phase_change", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_phase_change_session_id"), ["session_id"], unique=False
        )

    op.create_table(
        "reading",
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("t_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("quality", sa.String(), nullable=False),
        sa.Column("device_time", sa.String(), nullable=True),
        sa.Column("measurement_id", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["infusion_session.id"],
            name=op.f("fk_reading_session_id_infusion_session"),
        ),
        sa.PrimaryKeyConstraint("session_id", "t_ms", "metric", "source", name=op.f("pk_reading")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sign_off",
        sa.Column("fact_no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("signature_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("statement", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("signer", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("mark", sa.String(), nullable=False),
        sa.Column("relation", sa.String(), nullable=False),
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("transport", sa.String(), nullable=False),
        sa.Column("id_checked", sa.Boolean(), nullable=False),
        sa.Column("is_adult", sa.Boolean(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("witness", sa.String(), nullable=False),
        sa.Column("witness_name", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["fact_no"], ["fact.fact_no"], name=op.f("fk_sign_off_fact_no_fact")
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["infusion_session.id"],
            name=op.f("fk_sign_off_session_id_infusion_session"),
        ),
        sa.PrimaryKeyConstraint("fact_no", name=op.f("pk_sign_off")),
        sa.UniqueConstraint("signature_id", name=op.f("uq_sign_off_signature_id")),
    )
    with op.batch_alter_table("sign_off", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sign_off_session_id"), ["session_id"], unique=False)

    op.create_table(
        "vital",
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("t_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("heart_rate", sa.Float(), nullable=True),
        sa.Column("pulse_rate", sa.Float(), nullable=True),
        sa.Column("spo2", sa.Float(), nullable=True),
        sa.Column("perfusion_index", sa.Float(), nullable=True),
        sa.Column("resp_rate", sa.Float(), nullable=True),
        sa.Column("etco2", sa.Float(), nullable=True),
        sa.Column("fico2", sa.Float(), nullable=True),
        sa.Column("ibp1_systolic", sa.Float(), nullable=True),
        sa.Column("ibp1_diastolic", sa.Float(), nullable=True),
        sa.Column("ibp1_mean", sa.Float(), nullable=True),
        sa.Column("ibp2_systolic", sa.Float(), nullable=True),
        sa.Column("ibp2_diastolic", sa.Float(), nullable=True),
        sa.Column("ibp2_mean", sa.Float(), nullable=True),
        sa.Column("hr_source", sa.String(), nullable=True),
        sa.Column("rr_source", sa.String(), nullable=True),
        sa.Column("device_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("quality", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["infusion_session.id"],
            name=op.f("fk_vital_session_id_infusion_session"),
        ),
        sa.PrimaryKeyConstraint("session_id", "t_ms", name=op.f("pk_vital")),
        sqlite_with_rowid=False,
    )
    protect(APPEND_ONLY)


def downgrade() -> None:
    unprotect(APPEND_ONLY)
    op.drop_table("vital")
    with op.batch_alter_table("sign_off", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sign_off_session_id"))

    op.drop_table("sign_off")
    op.drop_table("reading")
    with op.batch_alter_table("phase_change", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_phase_change_session_id"))

    op.drop_table("phase_change")
    with op.batch_alter_table("link_change", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_link_change_session_id"))

    op.drop_table("link_change")
    with op.batch_alter_table("gap", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_gap_session_id"))

    op.drop_table("gap")
    with op.batch_alter_table("checklist_answer", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_checklist_answer_session_id"))

    op.drop_table("checklist_answer")
    with op.batch_alter_table("baseline", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_baseline_session_id"))

    op.drop_table("baseline")
    with op.batch_alter_table("alarm_event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_alarm_event_session_id"))
        batch_op.drop_index(batch_op.f("ix_alarm_event_at"))

    op.drop_table("alarm_event")
    with op.batch_alter_table("sign_in", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sign_in_user_id"))

    op.drop_table("sign_in")
    with op.batch_alter_table("infusion_session", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_infusion_session_at"))

    op.drop_table("infusion_session")
    op.drop_table("fact")
    op.drop_table("command")
    op.drop_table("audit_log")
    op.drop_table("app_user")
