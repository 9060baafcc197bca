"""Do the tables keep times in UTC, every metric, and what was written once?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, insert, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError, StatementError

from clinical.vitals import CONTINUOUS
from storage import audit, facts, presets, settings
from storage.models import APPEND_ONLY, FACT, VITAL, CommandRow, UtcDateTime
from tests.storage.made_up import NURSE, T0, cuff, frame, whole_session

ZONES = st.integers(-12 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=ZONES))  # noqa: DTZ001
def test_a_time_comes_back_as_the_same_moment_in_utc(at):
    kept = UtcDateTime()
    for dialect in (sqlite.dialect(), postgresql.dialect()):
        back = kept.process_result_value(kept.process_bind_param(at, dialect), dialect)
        assert back == at
        assert back.tzinfo is UTC


def test_sqlite_keeps_utc_without_a_zone_and_postgresql_with():
    oslo = datetime(2026, 11, 22, 10, 0, tzinfo=timezone(timedelta(hours=1)))
    on_sqlite = UtcDateTime().process_bind_param(oslo, sqlite.dialect())
    assert on_sqlite.isoformat() == "2026-11-22T09:00:00"
    on_postgresql = UtcDateTime().process_bind_param(oslo, postgresql.dialect())
    assert on_postgresql.isoformat() == "2026-11-22T09:00:00+00:00"


def test_a_time_survives_the_database(database):
    with database.writing() as db:
        db.execute(insert(FACT).values(kind="x", written_at=T0 + timedelta(microseconds=1)))
    with database.reading() as db:
        assert db.scalar(select(FACT.c.written_at)) == T0 + timedelta(microseconds=1)


def test_a_naive_time_is_refused():
    naive = datetime(2026, 11, 22, 9, 0)  # noqa: DTZ001
    with pytest.raises(ValueError, match="expected a time with its zone, got the naive"):
        UtcDateTime().process_bind_param(naive, sqlite.dialect())
    engine = create_engine("sqlite://")
    FACT.create(engine)
    with engine.begin() as connection, pytest.raises(StatementError, match="naive"):
        connection.execute(insert(FACT).values(kind="x", written_at=naive))
    engine.dispose()


def test_every_continuous_metric_has_its_column():
    own = {"session_id", "t_ms", "hr_source", "rr_source", "device_ms", "quality", "monitor"}
    assert set(VITAL.columns.keys()) - own == {metric.value for metric in CONTINUOUS}


@pytest.fixture
def full(database):
    """A database with at least one row in each append-only table."""
    with database.writing() as db:
        measured = (frame(1), *cuff(2, 120))
        beside = [replace(each, is_beside=True, monitor="ivy450c") for each in measured]
        for fact in (*whole_session(), *measured, *beside):
            facts.append(db, fact, written_at=T0)
        db.add(CommandRow(command_id=uuid4(), kind="AnswerItem", by=NURSE.user, at=T0))
        audit.append(db, at=T0, by=NURSE.user, action="AnswerItem")
        edition = {"name": "own", "version": 101, "by": "dora", "now": T0}
        parent = {"parent_name": "ketamine-adult", "parent_version": 1}
        presets.add_edition(db, **edition, **parent, body="", reason="")
        presets.approve(db, **edition)
        settings.put_setting(db, name="sound_floor", value=0.4, by="dora", now=T0)
    return database


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize(
    "change",
    ["DELETE FROM {0}", "UPDATE {0} SET {1} = {1}", "INSERT OR REPLACE INTO {0} SELECT * FROM {0}"],
)
def test_what_is_written_is_neither_changed_nor_deleted(full, table, change):
    with full.reading() as db:
        column = db.execute(text(f"SELECT * FROM {table}")).keys()  # noqa: S608
        before = db.execute(text(f"SELECT * FROM {table}")).all()  # noqa: S608
    assert before, "nothing to protect"
    with pytest.raises(IntegrityError, match=f"{table} is append-only"), full.writing() as db:
        db.execute(text(change.format(table, next(iter(column)))))
    with full.reading() as db:
        assert db.execute(text(f"SELECT * FROM {table}")).all() == before  # noqa: S608
