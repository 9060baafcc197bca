"""Is another Vigil running on this record? Two would both take up its sessions."""

from __future__ import annotations

import sqlite3
from pathlib import Path

LOCK = "running.lock"


class RecordInUse(OSError):
    """A running program holds the record."""


class Hold:
    """Keeps a record's folder for this process until ``release`` or the process's end.

    The lock is one of SQLite's on an empty file: it works on every system, and no kill leaves it
    behind. Raises RecordInUse.
    """

    def __init__(self, folder: Path) -> None:
        self._file = sqlite3.connect(
            folder / LOCK, isolation_level=None, timeout=0, check_same_thread=False
        )
        try:
            self._file.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            self._file.close()
            raise RecordInUse(f"another Vigil is running on {folder}") from error

    def release(self) -> None:
        self._file.close()
