"""Who has an account, and who is signed in, as the gate asks it? Backed by the record."""

from __future__ import annotations

from datetime import datetime, timedelta

from clinical.sign_off import Actor, Role
from storage import people
from storage.database import Database

SEEN_EVERY = timedelta(minutes=1)  # each note of a visit is a commit


class StoredPeople:
    """The accounts of a database; every call blocks for a short query."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._noted_at: dict[str, datetime] = {}

    def find(self, user: str) -> tuple[Actor, str] | None:
        with self._database.reading() as db:
            row = people.find_user(db, user=user)
            if row is None:
                return None
            return Actor(row.user, row.name, Role(row.role)), row.password_hash

    def staff(self) -> tuple[Actor, ...]:
        """Everyone who can sign in, by name."""
        with self._database.reading() as db:
            return tuple(
                Actor(row.user, row.name, Role(row.role))
                for row in people.list_users(db)
                if row.deactivated_at is None
            )

    def start_sign_in(self, user: str, token_hash: str, now: datetime) -> None:
        with self._database.writing() as db:
            people.start_sign_in(db, user=user, token_hash=token_hash, now=now)

    def signed_in(self, token_hash: str, now: datetime) -> Actor | None:
        with self._database.reading() as db:
            actor = people.signed_in(db, token_hash=token_hash, now=now)
        noted_at = self._noted_at.get(token_hash)
        if actor is not None and (noted_at is None or now - noted_at >= SEEN_EVERY):
            self._noted_at[token_hash] = now
            with self._database.writing() as db:
                people.note_seen(db, token_hash=token_hash, now=now)
        return actor

    def end_sign_in(self, token_hash: str, now: datetime) -> None:
        self._noted_at.pop(token_hash, None)
        with self._database.writing() as db:
            people.end_sign_in(db, token_hash=token_hash, now=now)
