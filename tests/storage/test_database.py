"""Is a database opened as it must be, and do its migrations go up, down and up again?"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from dataclasses import replace

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import DatabaseError, OperationalError

from clinical.record import AlarmEvent, AudioState, ProbePlaced
from clinical.vitals import Metric
from storage import facts, identity
from storage.database import ALEMBIC_INI, SchemaTooNew, migrate, open_database
from storage.models import APPEND_ONLY, Row
from tests.storage.made_up import T0, by_hand, heard


def pragma(database, name):
    with database.reading() as db:
        return db.scalar(text(f"PRAGMA {name}"))


@pytest.fixture
def alembic(tmp_path):
    """Run an Alembic command on a scratch database: ``alembic(command.upgrade, "head")``."""
    engine = create_engine(f"sqlite:///{tmp_path / 'scratch.sqlite'}")

    def run(what, *arguments):
        config = Config(ALEMBIC_INI)
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            what(config, *arguments)
        return inspect(engine)

    yield run
    engine.dispose()


def test_sqlite_is_opened_to_lose_nothing(database):
    assert pragma(database, "journal_mode") == "wal"
    assert pragma(database, "synchronous") == 2, "FULL"
    assert pragma(database, "foreign_keys") == 1
    assert pragma(database, "busy_timeout") == 2_000


def test_only_the_writer_checkpoints(url, database):
    writer = open_database(url, is_writer=True)
    assert pragma(writer, "wal_autocheckpoint") == 1_000
    assert pragma(database, "wal_autocheckpoint") == 0
    writer.close()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
@pytest.mark.parametrize("use", [open_database, migrate])
def test_a_database_in_memory_is_refused(url, use):
    with pytest.raises(ValueError, match="expected a database file"):
        use(url)


def test_a_password_does_not_show(database):
    with_password = replace(database, url="postgresql://vigil:secret@db/vigil")
    assert "secret" not in repr(with_password)


def test_a_transaction_is_rolled_back_where_its_block_raises(database):
    insert = text("INSERT INTO fact (kind, written_at) VALUES ('x', '2026-01-01')")
    with pytest.raises(ZeroDivisionError), database.writing() as db:
        db.execute(insert).rowcount / 0
    with database.reading() as db:
        assert db.scalar(text("SELECT count(*) FROM fact")) == 0


def test_a_transaction_takes_the_write_lock_at_its_start(url, database):
    """One that began by reading could not be upgraded once another has written."""
    other = open_database(url, is_writer=True)
    with other.reading() as db:
        db.execute(text("PRAGMA busy_timeout = 1"))
    with (
        database.writing(),
        pytest.raises(OperationalError, match="database is locked"),
        other.writing(),
    ):
        pass
    other.close()


def test_migrating_makes_every_table_and_is_done_once(tmp_path):
    path = tmp_path / "vigil.sqlite"
    for _ in range(2):
        migrate(f"sqlite:///{path}")
    opened = open_database(f"sqlite:///{path}")
    found = inspect(opened.engine).get_table_names()
    assert set(found) == {*Row.metadata.tables, "alembic_version"}
    opened.close()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
def test_a_new_file_is_for_its_owner_only(migrated):
    assert stat.S_IMODE(migrated.stat().st_mode) == 0o600


def test_a_newer_schema_is_refused_and_left_alone(url, database):
    with database.writing() as db:
        db.execute(text("UPDATE alembic_version SET version_num = 'from the future'"))
    with pytest.raises(SchemaTooNew, match="install the newer Vigil"):
        migrate(url)
    with database.reading() as db:
        assert db.scalar(text("SELECT version_num FROM alembic_version")) == "from the future"


def test_the_migrations_make_what_the_models_say(alembic):
    alembic(command.upgrade, "head")
    alembic(command.check)


def test_up_down_and_up_again(alembic):
    first = alembic(command.upgrade, "head").get_table_names()
    assert alembic(command.downgrade, "base").get_table_names() == ["alembic_version"]
    assert alembic(command.upgrade, "head").get_table_names() == first


def test_every_append_only_table_is_protected_by_the_migrations(database):
    with database.reading() as db:
        found = db.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all()
    assert set(found) == {
        f"{t}_no_{change}" for t in APPEND_ONLY for change in ("update", "delete")
    }


def test_opening_and_writing_needs_neither_alembic_nor_pandas_nor_dash():
    """A gateway that only acquires, and a second start, should not wait for them."""
    run = (
        "import sys, storage.database, storage.writer, storage.people;"
        "print([m for m in ('alembic', 'pandas', 'dash') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", run], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.strip() == "[]"


def test_a_record_of_the_first_version_is_taken_over_with_all_that_is_in_it(alembic, tmp_path):
    alembic(command.upgrade, "0001")
    old = create_engine(f"sqlite:///{tmp_path / 'scratch.sqlite'}")
    with old.begin() as db:
        for statement in OLD_SESSION:
            db.execute(text(statement))
    old.dispose()
    alembic(command.upgrade, "head")
    database = open_database(f"sqlite:///{tmp_path / 'scratch.sqlite'}")
    with database.reading() as db:
        (stored,) = facts.stored_sessions(db)
        assert stored.opened.monitors == ()
        assert [type(fact).__name__ for fact in stored.facts] == [
            *("SessionOpened", "PhaseChanged", "LinkChanged"),
        ]
        assert stored.facts[2].monitor == ""
        assert stored.latest[Metric.HEART_RATE].value == 71
        assert stored.shown_from == {}
        assert [obs.value for obs in stored.last_cuffs[""]] == [120]
    with pytest.raises(DatabaseError, match="vital is append-only"), database.writing() as db:
        db.execute(text("DELETE FROM vital"))
    database.close()


def test_a_record_of_the_second_version_is_taken_over_and_given_back(alembic, tmp_path):
    """Up with what was in it, down without the new facts, up again: the old ones are as before."""
    url = f"sqlite:///{tmp_path / 'scratch.sqlite'}"
    alembic(command.upgrade, "0002")
    old = create_engine(url)
    with old.begin() as db:
        for statement in (*OLD_SESSION[:3], *SECOND_SESSION):
            db.execute(text(statement))
    old.dispose()
    for _ in range(2):
        alembic(command.upgrade, "head")
        database = open_database(url)
        with database.reading() as db:
            (stored,) = facts.stored_sessions(db)
        session, opened = stored.opened.session, stored.opened
        assert (opened.monitors[0].name, opened.second) == ("masimo-ascii1", "")
        (alarm,) = (fact for fact in stored.facts if isinstance(fact, AlarmEvent))
        assert (alarm.text, alarm.reason, alarm.audio) == ("** SYS 172 > 160", "", AudioState.ON)
        placed = ProbePlaced(session, opened.at, "anna", is_on_cuff_arm=True)
        with database.writing() as db:
            facts.append(db, placed, written_at=opened.at)
        with database.reading() as db:
            assert facts.facts_of(db, session=session) == (*stored.facts, placed)
        with pytest.raises(DatabaseError, match="append-only"), database.writing() as db:
            db.execute(text("DELETE FROM probe_placed"))
        database.close()
        alembic(command.downgrade, "0002")


def test_a_record_of_the_third_version_is_taken_over_and_given_back(alembic, tmp_path):
    """Down again without who entered a value, but with the value: it was shown and judged."""
    url = f"sqlite:///{tmp_path / 'scratch.sqlite'}"
    alembic(command.upgrade, "0003")
    old = create_engine(url)
    with old.begin() as db:
        for statement in (*OLD_SESSION[:3], *THIRD_SESSION):
            db.execute(text(statement))
    old.dispose()
    for entered in ((), (by_hand(70, Metric.NIBP_SYSTOLIC, 131.0),)):
        alembic(command.upgrade, "head")
        database = open_database(url)
        with database.reading() as db:
            (stored,) = facts.stored_sessions(db)
            assert identity.bound(db) == {}
        session = stored.opened.session
        assert stored.opened.second == "kim"
        assert [obs.value for obs in stored.last_cuffs["dinamap"]] == [120]
        assert not stored.by_hand
        assert stored.latest[Metric.NIBP_SYSTOLIC].value == (131 if entered else 120)
        monitor, value = heard(T0, "SN-1"), by_hand(70, Metric.NIBP_SYSTOLIC, 131.0)
        monitor, value = (replace(each, session=session) for each in (monitor, value))
        with database.writing() as db:
            facts.append(db, monitor, written_at=T0)
            if not entered:
                facts.append(db, value, written_at=T0)
        with database.reading() as db:
            assert facts.facts_of(db, session=session) == (*stored.facts, monitor)
            (again,) = facts.stored_sessions(db)
            assert again.by_hand == ({} if entered else {Metric.NIBP_SYSTOLIC: value})
            assert [*identity.bound(db)] == [(1, "dinamap")]
        with pytest.raises(DatabaseError, match="append-only"), database.writing() as db:
            db.execute(text("UPDATE monitor_identity SET serial = 'SN-2'"))
        database.close()
        alembic(command.downgrade, "0003")


OLD_SESSION = (
    "INSERT INTO fact VALUES (1, 'x', '2026-11-22 09:00:00.000000')",
    "INSERT INTO fact VALUES (2, 'x', '2026-11-22 09:00:00.000000')",
    "INSERT INTO fact VALUES (3, 'x', '2026-11-22 09:00:00.000000')",
    "INSERT INTO infusion_session VALUES (1, 1, '11111111222243338444555555555555', "
    "'2026-11-22 09:00:00.000000', 'anna', 1, 'KL', 40, 2, 6, 'ketamine-adult', 1, 'recovery', 1, "
    "1)",
    "INSERT INTO phase_change VALUES "
    "(2, 1, '2026-11-22 09:00:00.000000', 'anna', 'preparation', 'arrived')",
    "INSERT INTO link_change VALUES (3, 1, '2026-11-22 09:00:00.000000', 'live', '')",
    "INSERT INTO vital (session_id, t_ms, heart_rate, hr_source) VALUES (1, 1000, 71, 'ecg')",
    "INSERT INTO reading VALUES (1, 1000, 'nibp_systolic', 'nibp', 120, 'valid', NULL, 'n1')",
)
SECOND_SESSION = (
    OLD_SESSION[3].removesuffix(")") + """, '[{"name": "masimo-ascii1", "proof": "capture"}]')""",
    "INSERT INTO alarm_event VALUES (2, 1, 1, '55555555222243338444555555555555', 'raised', "
    "'2026-11-22 09:10:00.000000', 'nibp_systolic high', 'physiological', 'medium', "
    "'nibp_systolic', 'high', 172, 160, 172, 0, 'infusing', '** SYS 172 > 160', '')",
    "INSERT INTO link_change VALUES (3, 1, '2026-11-22 09:00:00.000000', 'live', '', 'dinamap')",
)
THIRD_SESSION = (
    SECOND_SESSION[0].removesuffix(")") + ", 'kim')",
    "INSERT INTO phase_change VALUES "
    "(2, 1, '2026-11-22 09:00:00.000000', 'anna', 'preparation', 'arrived')",
    "INSERT INTO reading VALUES "
    "(1, 1000, 'nibp_systolic', 'nibp', 120, 'valid', NULL, 'n1', 'dinamap')",
)
