"""How is the record opened, and how is its schema brought up to date?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.orm import Session

ALEMBIC_INI = Path(__file__).parent / "migrations" / "alembic.ini"

# FULL, not NORMAL: with NORMAL a power cut took up to 12 minutes of a one-chair session, FULL
# costs 0.4 ms a second. Without recursive triggers INSERT OR REPLACE deletes unseen.
PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    "recursive_triggers = ON",
)
BUSY_TIMEOUT_MS = 2_000
# A command is "not recorded" on the screen after 2 s: the writer must have tried before.
WRITER_BUSY_TIMEOUT_MS = 1_000
CHECKPOINT_PAGES = 1_000


class SchemaTooNew(RuntimeError):
    """A newer Vigil wrote this database; an older one would damage what it does not know."""


@dataclass(frozen=True, slots=True)
class Database:
    """An open database: a pool of connections, safe to share between threads."""

    url: str = field(repr=False)  # may hold a password
    engine: Engine
    is_writer: bool = False

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session whose snapshot ends with the block: keep the block short.

        A held snapshot keeps SQLite's WAL from being reset: 118 MB in six minutes of 64 chairs.
        """
        with Session(self.engine) as db:
            yield db

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction, committed where the block ends and rolled back where it raises.

        On SQLite it takes the write lock at its start: one that began by reading could not be
        upgraded once another connection has written.
        """
        engine = self.engine.execution_options(begin="BEGIN IMMEDIATE")
        # Rows are read after the commit as they were: no second trip for what was just written.
        with Session(engine, expire_on_commit=False) as db, db.begin():
            db.connection()  # begins; else the first statement would
            yield db

    def close(self) -> None:
        self.engine.dispose()


def open_database(url: str, *, is_writer: bool = False) -> Database:
    """Open the database at ``url`` without touching its schema (see ``migrate``).

    ``sqlite:///path/to/file`` or ``postgresql+psycopg://user@host/name``. Connects only when used.
    ``is_writer`` is for StorageWriter alone: one connection, which also checkpoints SQLite's WAL;
    two that do could damage the file (SQLite before 3.51.3).

    Raises ValueError for a SQLite database in memory: each connection would see another one.
    """
    parsed = make_url(url)
    _refuse_memory(parsed)
    options: dict[str, Any] = {"hide_parameters": True}  # no patient in a log
    if is_writer:
        options |= {"pool_size": 1, "max_overflow": 0}
    if parsed.get_backend_name() != "sqlite":
        options["pool_pre_ping"] = True  # a server that was restarted is not an outage
    engine = create_engine(parsed, **options)
    if parsed.get_backend_name() == "sqlite":
        busy_ms = WRITER_BUSY_TIMEOUT_MS if is_writer else BUSY_TIMEOUT_MS
        checkpoint = CHECKPOINT_PAGES if is_writer else 0
        _set_up_sqlite(
            engine,
            (*PRAGMAS, f"busy_timeout = {busy_ms}", f"wal_autocheckpoint = {checkpoint}"),
        )
    return Database(url, engine, is_writer)


def migrate(url: str) -> None:
    """Create the schema or bring it to the newest version; nothing to do is quick (< 0.1 s).

    A new SQLite file can be read and written by its owner only.

    Raises SchemaTooNew when the database is newer than this program.
    """
    # Here, because only this needs Alembic: opening a migrated database stays quick.
    from alembic import command
    from alembic.config import Config
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    parsed = make_url(url)
    _refuse_memory(parsed)
    if parsed.get_backend_name() == "sqlite":
        _create_private(parsed)
    engine = create_engine(parsed)
    if parsed.get_backend_name() == "sqlite":
        # Foreign keys stay off: a batch migration drops the old copy of a table others point to.
        _set_up_sqlite(engine, ("journal_mode = WAL", "synchronous = FULL"))
    config = Config(ALEMBIC_INI)
    scripts = ScriptDirectory.from_config(config)
    try:
        with engine.execution_options(begin="BEGIN IMMEDIATE").begin() as connection:
            found = MigrationContext.configure(connection).get_current_revision()
            newest = scripts.get_current_head()
            if found == newest:
                return
            known = {script.revision for script in scripts.walk_revisions()}
            if found is not None and found not in known:
                raise SchemaTooNew(
                    f"the database has schema {found}, this Vigil knows up to {newest}: "
                    "install the newer Vigil that wrote it, or restore a backup from before"
                )
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()


def _refuse_memory(url: URL) -> None:
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise ValueError(f"expected a database file such as sqlite:///vigil.sqlite, got {url}")


def _create_private(url: URL) -> None:
    """SQLite's other files (-wal, -shm) take the mode of the first one."""
    if url.database and not url.database.startswith("file:"):
        os.close(os.open(url.database, os.O_CREAT | os.O_RDWR, 0o600))


def _set_up_sqlite(engine: Engine, pragmas: tuple[str, ...]) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin where SQLAlchemy says, not at DML
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))
