"""Which browsers are walls of this clinic, and how does one become one?

A browser that opens /wall is shown a short code and holds a cookie of its own. A director types the
code on /screens, and that browser, no other, is handed the cookie of a paired screen. The code
opens nothing: it says which of the waiting browsers is meant.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import HTTPConnection
from starlette.responses import Response

from dashboard.security import (
    KNOWN_AT_MOST,
    KNOWN_FOR_S,
    TRUSTED_FOR_S,
    TooManyTries,
    hash_of,
)
from storage import screens
from storage.database import Database
from storage.models import PairedScreenRow

ALPHABET = "ABCDEFGHJKMNPQRTUVWXY346789"  # no 0 O, 1 I L, 2 Z, 5 S: read across a room and typed
CODE_LENGTH = 6  # of 27 letters: 390 million
CODE_LASTS_S = 600.0
WAITING_AT_MOST = 32  # browsers in all ...
WAITING_OF_ADDRESS = 4  # ... and of one address, which pushes out its own oldest and no other's
NEW_CODES = parse("10 per minute")  # of one address
TRIES = parse("10 per minute")  # wrong codes from one address
TRIES_IN_ALL = parse("30 per minute")
KEPT_FOR = timedelta(days=400)  # the longest that a browser keeps a cookie; each visit renews it
SEEN_EVERY = timedelta(minutes=1)  # each note of a visit is a commit


class WrongCode(Exception):
    """No browser waits with this code: mistyped, or older than ten minutes."""


class TooManyWait(Exception):
    """More browsers wait for a code than a clinic has."""


@dataclass(frozen=True, slots=True)
class Screen:
    """A paired browser, as the record knows it."""

    id: UUID
    name: str
    paired_by: str
    paired_at: datetime
    last_seen_at: datetime  # at first, when it was paired

    @property
    def viewer(self) -> str:
        """How a screen stands in the record where else a person would."""
        return f"screen: {self.name}"


@dataclass(frozen=True, slots=True)
class Presence:
    """What a wall last said of itself."""

    at: datetime
    is_hidden: bool = False
    is_live: bool = True


class ScreenRecord(Protocol):
    """What is asked of the record. Every call may block, and may raise SQLAlchemyError."""

    def pair(self, name: str, hashed: str, by: str, now: datetime) -> Screen:
        """Raises ScreenExists."""
        ...

    def find(self, hashed: str) -> Screen | None: ...

    def list(self) -> list[Screen]:
        """Those that are paired now."""
        ...

    def revoke(self, screen: UUID, by: str, now: datetime) -> None:
        """Raises UnknownScreen."""
        ...

    def note_seen(self, hashed: str, now: datetime) -> None: ...


class StoredScreens:
    """The paired screens of a database; every call blocks for a short query."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def pair(self, name: str, hashed: str, by: str, now: datetime) -> Screen:
        with self._database.writing() as db:
            return _screen(screens.pair_screen(db, name=name, token_hash=hashed, by=by, now=now))

    def find(self, hashed: str) -> Screen | None:
        with self._database.reading() as db:
            row = screens.screen_of(db, token_hash=hashed)
            return None if row is None else _screen(row)

    def list(self) -> list[Screen]:
        with self._database.reading() as db:
            return [_screen(row) for row in screens.list_screens(db) if row.revoked_at is None]

    def revoke(self, screen: UUID, by: str, now: datetime) -> None:
        with self._database.writing() as db:
            screens.revoke_screen(db, public_id=screen, by=by, now=now)

    def note_seen(self, hashed: str, now: datetime) -> None:
        with self._database.writing() as db:
            screens.note_seen(db, token_hash=hashed, now=now)


def _screen(row: PairedScreenRow) -> Screen:
    return Screen(row.public_id, row.name, row.paired_by, row.paired_at, row.last_seen_at)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A browser that shows a code. Once a director has paired it: its token, and what it is."""

    code: str
    address: str
    ends_s: float  # monotonic
    token: str | None = None
    screen: Screen | None = None


@dataclass(frozen=True, slots=True)
class Known:
    screen: Screen
    asked_s: float  # monotonic, when the record said so


class Screens:
    """Codes of browsers that wait, in memory, and the screens that the record knows.

    Belongs to the event loop; what blocks runs in a thread. ``now`` is the time of the record.
    """

    def __init__(
        self,
        record: ScreenRecord,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._record = record
        self._now = now
        self._monotonic = monotonic
        self._waiting: dict[str, Waiting] = {}  # by the hash of the waiting browser's cookie
        self._known: dict[str, Known] = {}
        self._tries = MovingWindowRateLimiter(MemoryStorage())
        self._present: dict[UUID, Presence] = {}
        self._noted: dict[UUID, datetime] = {}
        self._pairing = asyncio.Lock()

    # A browser that is not paired.

    def wait(self, ticket: str | None, address: str) -> tuple[str, Waiting]:
        """The ticket (a cookie's value) and the code of a browser; new ones where it has none.

        Raises TooManyTries where the address asks for new codes again and again, TooManyWait.
        """
        self._forget_the_late()
        waiting = self._waiting.get(hash_of(ticket)) if ticket else None
        if ticket and waiting:
            return ticket, waiting
        if not self._tries.hit(NEW_CODES, "new", address):
            raise TooManyTries
        own = [key for key, each in self._waiting.items() if each.address == address]
        if len(own) >= WAITING_OF_ADDRESS:
            del self._waiting[own[0]]
        if len(self._waiting) >= WAITING_AT_MOST:
            raise TooManyWait
        ticket = secrets.token_urlsafe(32)
        waiting = Waiting(self._new_code(), address, self._monotonic() + CODE_LASTS_S)
        self._waiting[hash_of(ticket)] = waiting
        return ticket, waiting

    def left_s(self, waiting: Waiting) -> float:
        """How long a code is still good for."""
        return max(0.0, waiting.ends_s - self._monotonic())

    # A director.

    async def pair(self, code: str, name: str, by: str, address: str) -> Screen:
        """Pair the browser that shows ``code``. It fetches its cookie itself, within two seconds.

        The same code and name once more, as by a double click, are the same screen.

        Raises WrongCode, TooManyTries, ScreenExists, and SQLAlchemyError where it could not be
        recorded; then the code is still good.
        """
        async with self._pairing:
            return await self._pair(code, name, by, address)

    async def _pair(self, code: str, name: str, by: str, address: str) -> Screen:
        self._forget_the_late()
        if not (
            self._tries.test(TRIES, "code", address) and self._tries.test(TRIES_IN_ALL, "code")
        ):
            raise TooManyTries
        key = self._with_code(code)
        if key is None:
            self._tries.hit(TRIES, "code", address)
            self._tries.hit(TRIES_IN_ALL, "code")
            raise WrongCode
        waiting = self._waiting[key]
        if waiting.screen is not None:
            if waiting.screen.name != name:
                raise WrongCode
            return waiting.screen
        token = secrets.token_urlsafe(32)
        screen = await asyncio.to_thread(self._record.pair, name, hash_of(token), by, self._now())
        self._waiting[key] = replace(waiting, token=token, screen=screen)
        return screen

    async def list(self) -> list[tuple[Screen, Presence | None]]:
        """The paired screens, and what each last said of itself since the start."""
        found = await asyncio.to_thread(self._record.list)
        return [(screen, self._present.get(screen.id)) for screen in found]

    async def revoke(self, screen: UUID, by: str) -> None:
        """Unpair a screen, here and now and in the record. Raises UnknownScreen."""
        await asyncio.to_thread(self._record.revoke, screen, by, self._now())
        self._known = {
            hashed: known for hashed, known in self._known.items() if known.screen.id != screen
        }
        self._waiting = {  # it may not have fetched its cookie yet
            key: each
            for key, each in self._waiting.items()
            if each.screen is None or each.screen.id != screen
        }
        self._present.pop(screen, None)

    # A browser that is paired.

    async def screen(self, token: str | None) -> Screen | None:
        """Which screen holds ``token``, as the record said at most ``KNOWN_FOR_S`` ago; or none.

        While the record cannot be asked, a screen stays what it was for ten minutes, as a person
        stays signed in; then, or where it was not known, SQLAlchemyError is raised.
        """
        if not token:
            return None
        hashed, now_s = hash_of(token), self._monotonic()
        known = self._known.get(hashed)
        if known and now_s < known.asked_s + KNOWN_FOR_S:
            return known.screen
        try:
            screen = await asyncio.to_thread(self._record.find, hashed)
        except SQLAlchemyError:
            if known is None or now_s > known.asked_s + TRUSTED_FOR_S:
                raise
            return known.screen
        self._known.pop(hashed, None)
        if screen is not None:
            if len(self._known) >= KNOWN_AT_MOST:
                self._known.clear()
            self._known[hashed] = Known(screen, now_s)
        return screen

    async def note_seen(
        self, token: str, screen: Screen, *, is_hidden: bool, is_live: bool
    ) -> None:
        """The page of ``screen`` runs. To the record once a minute, where it can be written."""
        now = self._now()
        self._present[screen.id] = Presence(now, is_hidden, is_live)
        noted = self._noted.get(screen.id)
        if noted is None or now - noted >= SEEN_EVERY:
            self._noted[screen.id] = now
            # A full disk darkens no wall; the next minute tries again.
            with suppress(SQLAlchemyError):
                await asyncio.to_thread(self._record.note_seen, hash_of(token), now)

    def _new_code(self) -> str:
        taken = {waiting.code for waiting in self._waiting.values()}
        while True:
            code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
            if code not in taken:
                return code

    def _with_code(self, typed: str) -> str | None:
        """Which waiting browser shows ``typed``; all are compared, so that time tells nothing."""
        code = "".join(typed.split()).replace("-", "").upper().encode()
        found = None
        for key, waiting in self._waiting.items():
            if secrets.compare_digest(waiting.code.encode(), code):
                found = key
        return found

    def _forget_the_late(self) -> None:
        now_s = self._monotonic()
        for key in [key for key, each in self._waiting.items() if each.ends_s <= now_s]:
            del self._waiting[key]


@dataclass(frozen=True, slots=True)
class ScreenCookies:
    """The cookies of a wall: a ticket while it waits, a token once it is paired."""

    is_tls: bool

    def token(self, connection: HTTPConnection) -> str | None:
        return connection.cookies.get(self._name("screen")) or None

    def ticket(self, connection: HTTPConnection) -> str | None:
        return connection.cookies.get(self._name("waiting")) or None

    def put_token(self, response: Response, token: str) -> None:
        self._put(response, "screen", token, KEPT_FOR.total_seconds())
        self._put(response, "waiting", "", 0)

    def put_ticket(self, response: Response, ticket: str, left_s: float) -> None:
        self._put(response, "waiting", ticket, left_s)

    def _name(self, what: str) -> str:
        return f"__Host-vigil_{what}" if self.is_tls else f"vigil_{what}"

    def _put(self, response: Response, what: str, value: str, lasts_s: float) -> None:
        response.set_cookie(
            self._name(what),
            value,
            max_age=round(lasts_s),
            path="/",
            httponly=True,
            secure=self.is_tls,
            samesite="strict",
        )
