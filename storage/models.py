"""Which tables hold the record, and how are its times, keys and order kept?

One row a fact of ``clinical.record``, with the columns named as the fact's fields. Integer keys
stay inside; what leaves the house is ``public_id``. The order in which rare facts were written is
their ``fact_no``, drawn from the one table ``fact`` for all kinds, so that a session can be read
back as it happened. Text columns that hold a clinical enum hold its value. An ``id`` is None until
the row is flushed; the types leave that out.

No row of APPEND_ONLY is ever changed or deleted: triggers refuse it (migrations/append_only.py).
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, Dialect, Integer, MetaData, UniqueConstraint
from sqlalchemy.types import DateTime, TypeDecorator
from sqlmodel import Field, SQLModel

# Constraints need names, or SQLite migrations cannot drop them.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

# SQLite numbers rows by itself only where the key is INTEGER, which holds 64 bits there.
BIG_INTEGER: Any = BigInteger().with_variant(Integer, "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time, kept in UTC: TIMESTAMPTZ on PostgreSQL, text in UTC on SQLite.

    Raises ValueError (as StatementError when it comes from a statement) for a naive time: nobody
    could say later which zone was meant.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.utcoffset() is None:
            raise ValueError(f"expected a time with its zone, got the naive {value!r}")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Row(SQLModel):
    """What all tables share: one metadata of our own, so that no library's table joins ours."""

    metadata = MetaData(naming_convention=NAMING)


class UserRow(Row, table=True):
    """A person who may sign in. ``user`` is the name typed at the sign-in; never used again."""

    __tablename__ = "app_user"

    id: int = Field(default=None, primary_key=True)
    public_id: UUID = Field(default_factory=uuid4, unique=True)
    user: str = Field(unique=True)
    name: str
    role: str  # clinical.sign_off.Role
    password_hash: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    deactivated_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class SignInRow(Row, table=True):
    """A browser that is signed in. Only the SHA-256 of its token is kept: a stolen copy of the
    database opens no page. ``expires_at`` is the absolute end, whatever the activity."""

    __tablename__ = "sign_in"

    id: int = Field(default=None, primary_key=True)
    token_hash: str = Field(unique=True)
    user_id: int = Field(foreign_key="app_user.id", index=True)
    created_at: datetime = Field(sa_type=UtcDateTime)
    last_seen_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class FactRow(Row, table=True):
    """In which order, and when, did the rare facts reach the disk?

    ``at`` of a fact is when it happened; ``written_at`` is when it was written, later after an
    outage. Numbers rise and are never used twice; a hole is a transaction that did not commit.
    """

    __tablename__ = "fact"
    __table_args__ = {"sqlite_autoincrement": True}

    fact_no: int = Field(default=None, primary_key=True, sa_type=BIG_INTEGER)
    kind: str
    written_at: datetime = Field(sa_type=UtcDateTime)


class SessionRow(Row, table=True):
    """SessionOpened. Where the session stands is its newest ``phase_change``, never a column."""

    __tablename__ = "infusion_session"

    id: int = Field(default=None, primary_key=True)
    fact_no: int = Field(foreign_key="fact.fact_no", unique=True, sa_type=BIG_INTEGER)
    public_id: UUID = Field(unique=True)  # ``session`` of every fact
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    by: str
    chair: int
    patient: str
    planned_infusion_min: int
    infusion_number: int
    series_length: int
    preset: str
    preset_version: int
    checklist: str
    checklist_version: int
    is_simulated: bool
    monitors: str | None = (
        None  # JSON: [{"name", "proof"}, ...]; null before there was more than GE
    )
    second: str | None = None  # null before anyone could be named


class NumberedRow(Row):
    """A rare fact of one session, at its place in the order."""

    fact_no: int = Field(primary_key=True, foreign_key="fact.fact_no", sa_type=BIG_INTEGER)
    session_id: int = Field(foreign_key="infusion_session.id", index=True)


class PhaseChangeRow(NumberedRow, table=True):
    __tablename__ = "phase_change"

    at: datetime = Field(sa_type=UtcDateTime)
    by: str
    phase: str
    reason: str


class BaselineRow(NumberedRow, table=True):
    __tablename__ = "baseline"

    at: datetime = Field(sa_type=UtcDateTime)
    by: str
    systolic_mmhg: float
    diastolic_mmhg: float
    mean_mmhg: float
    heart_rate_bpm: float | None
    spo2_pct: float | None
    measurement_id_1: str
    measurement_id_2: str


class AlarmEventRow(NumberedRow, table=True):
    """``session_id`` is null for a chair nobody sat in."""

    __tablename__ = "alarm_event"

    session_id: int | None = Field(  # type: ignore[assignment]
        default=None, foreign_key="infusion_session.id", index=True
    )
    chair: int
    alarm_id: UUID
    change: str
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    condition: str
    kind: str
    priority: str
    metric: str | None
    direction: str | None
    value: float | None
    limit: float | None
    worst: float | None
    delay_s: float | None
    phase: str | None
    text: str
    by: str
    reason: str | None = None  # null before one could be given
    audio: str | None = None  # null before the sound could be paused: it was on


class AlarmCalledRow(NumberedRow, table=True):
    __tablename__ = "alarm_called"

    at: datetime = Field(sa_type=UtcDateTime)
    alarm_id: UUID
    stage: str
    to: str


class AlarmShownRow(NumberedRow, table=True):
    __tablename__ = "alarm_shown"

    at: datetime = Field(sa_type=UtcDateTime)
    alarm_id: UUID
    to: str
    stage: str | None


class AudioChangeRow(NumberedRow, table=True):
    __tablename__ = "audio_change"

    at: datetime = Field(sa_type=UtcDateTime)
    by: str
    state: str
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reason: str


class AlarmSwitchRow(NumberedRow, table=True):
    __tablename__ = "alarm_switch"

    at: datetime = Field(sa_type=UtcDateTime)
    by: str
    metric: str
    is_off: bool
    reason: str


class LimitChangeRow(NumberedRow, table=True):
    __tablename__ = "limit_change"

    at: datetime = Field(sa_type=UtcDateTime)
    by: str
    metric: str
    direction: str
    priority: str
    before: float
    value: float
    reason: str


class ProbePlacedRow(NumberedRow, table=True):
    __tablename__ = "probe_placed"

    at: datetime = Field(sa_type=UtcDateTime)
    by: str
    is_on_cuff_arm: bool


class LinkChangeRow(NumberedRow, table=True):
    __tablename__ = "link_change"

    at: datetime = Field(sa_type=UtcDateTime)
    state: str
    detail: str
    monitor: str | None = None


class MonitorIdentityRow(NumberedRow, table=True):
    """MonitorHeard. ``session_id`` is null while nobody sat in the chair."""

    __tablename__ = "monitor_identity"

    session_id: int | None = Field(  # type: ignore[assignment]
        default=None, foreign_key="infusion_session.id", index=True
    )
    chair: int
    at: datetime = Field(sa_type=UtcDateTime)
    by: str
    monitor: str
    model: str
    serial: str
    version: str
    is_bound: bool


class ClockOffsetRow(NumberedRow, table=True):
    """ClockCompared. ``session_id`` as for MonitorIdentityRow."""

    __tablename__ = "clock_offset"

    session_id: int | None = Field(  # type: ignore[assignment]
        default=None, foreign_key="infusion_session.id", index=True
    )
    chair: int
    at: datetime = Field(sa_type=UtcDateTime)
    monitor: str
    offset_s: float


class MonitorsArrangedRow(NumberedRow, table=True):
    """``monitors`` as for SessionRow."""

    __tablename__ = "monitors_arranged"

    at: datetime = Field(sa_type=UtcDateTime)
    by: str
    monitors: str


class RemarkRow(NumberedRow, table=True):
    __tablename__ = "monitor_remark"

    at: datetime = Field(sa_type=UtcDateTime)
    monitor: str
    metric: str | None
    text: str


class CuffAllowedRow(NumberedRow, table=True):
    __tablename__ = "cuff_allowed"

    at: datetime = Field(sa_type=UtcDateTime)
    by: str
    is_allowed: bool


class CuffOrderRow(NumberedRow, table=True):
    __tablename__ = "cuff_order"

    at: datetime = Field(sa_type=UtcDateTime)
    by: str
    order: str
    monitor: str


class GapRow(NumberedRow, table=True):
    __tablename__ = "gap"

    since: datetime = Field(sa_type=UtcDateTime)
    until: datetime = Field(sa_type=UtcDateTime)
    reason: str


class AnswerRow(NumberedRow, table=True):
    __tablename__ = "checklist_answer"

    answer_id: UUID = Field(unique=True)
    at: datetime = Field(sa_type=UtcDateTime)
    by: str
    checklist: str
    item: str
    answer: str
    note: str
    evidence: str
    replaces: UUID | None = Field(default=None, foreign_key="checklist_answer.answer_id")


class SignOffRow(NumberedRow, table=True):
    """StatementSigned, its Signature (``name`` to ``is_adult``) beside it."""

    __tablename__ = "sign_off"

    signature_id: UUID = Field(unique=True)
    at: datetime = Field(sa_type=UtcDateTime)
    statement: str
    version: int
    text: str
    signer: str
    name: str
    method: str
    mark: str
    relation: str
    phone: str
    transport: str
    id_checked: bool
    is_adult: bool
    sha256: str
    witness: str
    witness_name: str


class VitalColumns(Row):
    """One frame of the continuous metrics; each in its own unit (``clinical.vitals.unit_of``).

    ``t_ms`` is ms since 1970 UTC by the host's clock; ``device_ms`` the monitor's own calendar in
    the same measure, without a zone. ``quality`` is a JSON object from each metric that was sent
    without a valid value to the reason (or to "questionable", beside the value); null where all is
    valid. A metric that was not sent is null and not in ``quality``. Only heart and respiratory
    rate can come from more than one sensor, hence their two sources. ``monitor`` is null where the
    chair has only one.

    The key has no row number beside it: 124 instead of 187 KiB a session-hour on SQLite. Only
    ever add nullable columns: copying this table takes a clinic offline for half a minute.
    """

    session_id: int = Field(foreign_key="infusion_session.id", primary_key=True)
    t_ms: int = Field(primary_key=True, sa_type=BIG_INTEGER)
    heart_rate: float | None
    pulse_rate: float | None
    spo2: float | None
    perfusion_index: float | None
    resp_rate: float | None
    etco2: float | None
    fico2: float | None
    ibp1_systolic: float | None
    ibp1_diastolic: float | None
    ibp1_mean: float | None
    ibp2_systolic: float | None
    ibp2_diastolic: float | None
    ibp2_mean: float | None
    hr_source: str | None
    rr_source: str | None
    device_ms: int | None = Field(default=None, sa_type=BIG_INTEGER)
    quality: str | None
    monitor: str | None


class VitalRow(VitalColumns, table=True):
    """What the screen showed."""

    __tablename__ = "vital"
    __table_args__ = {"sqlite_with_rowid": False}


class VitalBesideRow(VitalColumns, table=True):
    """What a second monitor gave while the screen showed the first one's values."""

    __tablename__ = "vital_beside"
    __table_args__ = {"sqlite_with_rowid": False}


class ReadingColumns(Row):
    """One value with its own time. ``source`` is "" where none was named: it is part of the key.

    ``device_time`` is what the monitor's clock said (ISO 8601), with a zone only if it gave one.
    ``entered_by`` (a user), ``initials`` and ``entered_ms`` (as ``t_ms``) are of what a person
    entered by hand, and null of what a monitor measured.
    """

    session_id: int = Field(foreign_key="infusion_session.id", primary_key=True)
    t_ms: int = Field(primary_key=True, sa_type=BIG_INTEGER)
    metric: str = Field(primary_key=True)
    source: str = Field(primary_key=True)
    value: float | None
    quality: str
    device_time: str | None
    measurement_id: str | None
    monitor: str | None
    entered_by: str | None
    initials: str | None
    entered_ms: int | None = Field(default=None, sa_type=BIG_INTEGER)


class ReadingRow(ReadingColumns, table=True):
    """What the screen showed."""

    __tablename__ = "reading"
    __table_args__ = {"sqlite_with_rowid": False}


class ReadingBesideRow(ReadingColumns, table=True):
    """What a second monitor gave while the screen showed the first one's."""

    __tablename__ = "reading_beside"
    __table_args__ = {"sqlite_with_rowid": False}


class CommandRow(Row, table=True):
    """What a person asked for and got; ``command_id`` is unique: a double click counts once."""

    __tablename__ = "command"

    id: int = Field(default=None, primary_key=True)
    command_id: UUID = Field(unique=True)
    kind: str
    by: str
    at: datetime = Field(sa_type=UtcDateTime)


class PresetEditionRow(Row, table=True):
    """A clinic's own edition of a preset: ``body`` is the whole of it, as TOML text.

    Versions up to 99 are shipped as files and never here.
    """

    __tablename__ = "preset_edition"
    __table_args__ = (UniqueConstraint("name", "version"),)

    id: int = Field(default=None, primary_key=True)
    name: str
    version: int
    parent_name: str
    parent_version: int
    body: str
    reason: str
    by: str
    at: datetime = Field(sa_type=UtcDateTime)


class PresetApprovalRow(Row, table=True):
    """A medical director signed an edition, shipped or the clinic's own; each director once."""

    __tablename__ = "preset_approval"
    __table_args__ = (UniqueConstraint("name", "version", "by"),)

    id: int = Field(default=None, primary_key=True)
    name: str
    version: int
    by: str
    at: datetime = Field(sa_type=UtcDateTime)


class ClinicSettingRow(Row, table=True):
    """What the clinic set for all chairs, as JSON; of each ``name`` the newest counts."""

    __tablename__ = "clinic_setting"

    id: int = Field(default=None, primary_key=True)
    name: str = Field(index=True)
    value: str
    by: str
    at: datetime = Field(sa_type=UtcDateTime)


class PairedScreenRow(Row, table=True):
    """A screen on a wall, which nobody is signed in at. As of a sign-in only the SHA-256 of its
    token is kept. One that was revoked stays in the list."""

    __tablename__ = "paired_screen"

    id: int = Field(default=None, primary_key=True)
    public_id: UUID = Field(default_factory=uuid4, unique=True)
    name: str
    token_hash: str = Field(unique=True)
    paired_by: str
    paired_at: datetime = Field(sa_type=UtcDateTime)
    last_seen_at: datetime = Field(sa_type=UtcDateTime)
    revoked_by: str | None = None
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class AuditRow(Row, table=True):
    """Who did what, each row chained to the one before by its hash.

    ``detail`` is canonical JSON. ``prev_hash`` is unique: the chain cannot fork.
    """

    __tablename__ = "audit_log"
    __table_args__ = {"sqlite_autoincrement": True}

    id: int = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime)
    by: str
    action: str
    detail: str
    prev_hash: str = Field(unique=True)
    hash: str


FACT = Row.metadata.tables["fact"]
VITAL = Row.metadata.tables["vital"]
READING = Row.metadata.tables["reading"]
VITAL_BESIDE = Row.metadata.tables["vital_beside"]
READING_BESIDE = Row.metadata.tables["reading_beside"]

# All but who may come in: accounts, sign-ins, screens.
MUTABLE = ("app_user", "paired_screen", "sign_in")
APPEND_ONLY = tuple(table for table in sorted(Row.metadata.tables) if table not in MUTABLE)
