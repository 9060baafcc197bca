"""Who may come in? One gate around every path and every socket, and the sign-ins it asks.

The gate stands outermost, as pure ASGI: Dash's own hooks cover neither deep links nor sockets.
Whatever is not in ``OPEN`` needs a sign-in, so that a new route is closed until someone opens it.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from base64 import b64encode
from collections.abc import Callable, Collection, Iterable, MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qs, quote, urlsplit

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from pwdlib import PasswordHash
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clinical.sign_off import Actor

if TYPE_CHECKING:
    from dashboard.screens import Screen, ScreenCookies, Screens

OPEN = frozenset({("GET", "/login"), ("POST", "/login"), ("POST", "/logout"), ("GET", "/healthz")})
# Where a clinic pairs screens. The wall's own page and two posts say nothing to who is not paired.
OPEN_TO_WALLS = frozenset(
    {
        ("GET", "/wall"),
        ("POST", "/wall/pairing"),
        ("POST", "/wall/seen"),
        ("GET", "/assets/wall.js"),
        ("GET", "/assets/wall.css"),
    }
)
# All that a paired screen may have beyond that, and its one socket.
FOR_SCREENS = frozenset(
    {("GET", "/wall/worker.js"), ("GET", "/assets/live.js"), ("GET", "/assets/sound.js")}
)
LIVE_SOCKET = "/live/ws"
AS_SCREEN = "screen"  # ?as=screen: the wall's own cookie counts, whoever is signed in beside it
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FOREIGN_SITE, SIGN_IN_NEEDED, TRY_AGAIN = 4403, 1008, 1013  # close codes of a refused socket
UNREACHABLE = "The record cannot be read just now, so nobody can be let in. Try again."

TRIES = parse("10 per minute")  # wrong passwords of one user from one address
TRIES_OF_ADDRESS = parse("60 per minute")  # of all users: one address cannot try a list of names
HASHES_AT_ONCE = 2  # each takes 64 MiB and about 0.1 s of a core
KNOWN_FOR_S = 3.0  # how long an answer "signed in" is believed without asking again
TRUSTED_FOR_S = 600.0  # ... and while the record cannot be asked: a full disk blinds no screen
KNOWN_AT_MOST = 1024

signed_in: ContextVar[Actor | None] = ContextVar("signed_in", default=None)
called_from: ContextVar[str] = ContextVar("called_from", default="")


def current_actor() -> Actor | None:
    """Who makes the request that is being answered; None outside of one, or on an open path."""
    return signed_in.get()


def current_address() -> str:
    """From which address the request comes that is being answered; "" outside of one."""
    return called_from.get()


def address_of(connection: HTTPConnection) -> str:
    return connection.client.host if connection.client else ""


class People(Protocol):
    """What the gate asks of the record. Every call may block, and may raise SQLAlchemyError."""

    def find(self, user: str) -> tuple[Actor, str] | None:
        """A user who may sign in, and the hash of their password."""
        ...

    def start_sign_in(self, user: str, token_hash: str, now: datetime) -> None: ...

    def signed_in(self, token_hash: str, now: datetime) -> Actor | None:
        """Who holds the token. Asking counts as use: it puts off the end for idleness."""
        ...

    def end_sign_in(self, token_hash: str, now: datetime) -> None: ...


class WrongPassword(Exception):
    """The user is unknown or the password wrong; which of the two is nobody's business."""


class TooManyTries(Exception):
    """This user or this address must wait a minute."""


@dataclass(frozen=True, slots=True)
class Known:
    actor: Actor
    asked_s: float  # monotonic, when the record said so


class SignIns:
    """Opens, checks and ends sign-ins. The record holds the hash of a token, never the token.

    ``now`` is the time of the record; ``hasher`` the password scheme (Argon2id by default).
    """

    def __init__(
        self,
        people: People,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        hasher: PasswordHash | None = None,
    ) -> None:
        self._people = people
        self._now = now
        self._hasher = hasher or PasswordHash.recommended()
        # Verified in place of an unknown user's, so that both answers take as long.
        self._nobodys_hash = self._hasher.hash(secrets.token_urlsafe())
        self._hashing = asyncio.Semaphore(HASHES_AT_ONCE)
        self._tries = MovingWindowRateLimiter(MemoryStorage())
        self._known: dict[str, Known] = {}

    async def open(self, user: str, password: str, address: str) -> str:
        """Sign ``user`` in and return the token. Raises WrongPassword, TooManyTries."""
        async with self._hashing:
            if not (
                self._tries.test(TRIES, user, address)
                and self._tries.test(TRIES_OF_ADDRESS, address)
            ):
                raise TooManyTries
            found = await asyncio.to_thread(self._people.find, user)
            expected = found[1] if found else self._nobodys_hash
            is_right = await asyncio.to_thread(self._hasher.verify, password, expected)
        if found is None or not is_right:
            self._tries.hit(TRIES, user, address)
            self._tries.hit(TRIES_OF_ADDRESS, address)
            raise WrongPassword
        token = secrets.token_urlsafe(32)
        await asyncio.to_thread(self._people.start_sign_in, user, hash_of(token), self._now())
        return token

    async def actor(self, token: str) -> Actor | None:
        """Who holds ``token``, as the record said at most ``KNOWN_FOR_S`` ago; None: nobody.

        An open live page asks too, and asking counts as use: no wall goes dark for want of clicks.
        """
        token_hash, now_s = hash_of(token), time.monotonic()
        known = self._known.get(token_hash)
        if known and now_s < known.asked_s + KNOWN_FOR_S:
            return known.actor
        try:
            actor = await asyncio.to_thread(self._people.signed_in, token_hash, self._now())
        except SQLAlchemyError:
            if known is None or now_s > known.asked_s + TRUSTED_FOR_S:
                raise
            return known.actor
        self._known.pop(token_hash, None)
        if actor is not None:
            if len(self._known) >= KNOWN_AT_MOST:
                self._known.clear()
            self._known[token_hash] = Known(actor, now_s)
        return actor

    async def close(self, token: str) -> None:
        """End the sign-in of ``token``, here and now and in the record."""
        token_hash = hash_of(token)
        await asyncio.to_thread(self._people.end_sign_in, token_hash, self._now())
        self._known.pop(token_hash, None)


def hash_of(token: str) -> str:
    """What the record keeps of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class SessionCookie:
    """The cookie that carries the token. With TLS its name makes the browser hold it to that."""

    is_tls: bool

    @property
    def name(self) -> str:
        return "__Host-vigil_session" if self.is_tls else "vigil_session"

    def token(self, connection: HTTPConnection) -> str | None:
        return connection.cookies.get(self.name) or None

    def put(self, response: Response, token: str) -> None:
        """No lifetime: it ends with the browser, and before that when the record says so."""
        response.set_cookie(
            self.name, token, path="/", httponly=True, secure=self.is_tls, samesite="strict"
        )

    def drop(self, response: Response) -> None:
        response.delete_cookie(
            self.name, path="/", httponly=True, secure=self.is_tls, samesite="strict"
        )


def foreign_site(headers: Headers) -> str | None:
    """Why a request that could change something comes from another site; None where it does not.

    A browser names the site it speaks for: always on a socket, always on a POST. A caller that
    names none is no browser but a program with a cookie of its own (a bench, a script), which no
    other site can steer; it is let in unless Sec-Fetch-Site says otherwise.
    """
    origin = headers.get("origin")
    if origin is not None:
        if urlsplit(origin).netloc.lower() == headers.get("host", "").lower():
            return None
        return f"{origin} is not this site"
    if headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        return "the request comes from another site"
    return None


def local_path(path: str | None) -> str:
    """``path`` where it is a page of this site, else ``/``: a sign-in never leads elsewhere."""
    if not path or not path.startswith("/") or not path.isprintable():
        return "/"
    if path.startswith("//") or "\\" in path:  # both name another host to a browser
        return "/"
    return path


def content_policy(script_hashes: Iterable[str]) -> str:
    """The Content-Security-Policy of every answer; ``script_hashes`` are Dash's inline scripts.

    Styles may be inline: Plotly and Mantine lay out with them, and without it one covers the page.
    """
    return "; ".join(
        (
            "default-src 'none'",
            " ".join(("script-src 'self'", *script_hashes)),
            "style-src 'self' 'unsafe-inline'",
            "connect-src 'self'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "worker-src 'self' blob:",
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "object-src 'none'",
        )
    )


def script_hash(script: str) -> str:
    """How a policy names one inline script that may run."""
    return f"'sha256-{b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


class Gate:
    """Lets in who is signed in, under a host name of ours, from our own pages; adds the headers.

    ``hosts`` are the names this server answers to besides localhost and its addresses, no ports.
    ``screens`` are the walls of a clinic that has any: each may have its page, its scripts and the
    live socket, and nothing else.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        sign_ins: SignIns,
        cookie: SessionCookie,
        hosts: Collection[str],
        policy: str,
        screens: Screens | None = None,
        screen_cookies: ScreenCookies | None = None,
    ) -> None:
        self.app = app
        self._screens = screens
        self._screen_cookies = screen_cookies
        self._open = OPEN | OPEN_TO_WALLS if screens else OPEN
        self._sign_ins = sign_ins
        self._cookie = cookie
        self._hosts = {"localhost", *(host.lower() for host in hosts)}
        self._headers = {
            "content-security-policy": policy,
            "x-content-type-options": "nosniff",
            # Not no-referrer: with that a browser sends the sign-in form with Origin: null.
            "referrer-policy": "same-origin",
            "x-frame-options": "DENY",
            "cross-origin-resource-policy": "same-origin",
            "permissions-policy": "camera=(), microphone=(), geolocation=()",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        method, path = scope["method"], scope["path"]
        send = self._with_headers(path, send)
        app = self.app
        if not self._is_our_host(connection):
            app = _refusal(HTTPStatus.MISDIRECTED_REQUEST, "This is not the address of Vigil.")
        elif method not in SAFE_METHODS and (why := foreign_site(connection.headers)):
            app = _refusal(HTTPStatus.FORBIDDEN, f"Refused: {why}.")
        elif (method, path) not in self._open:
            actor = None
            try:
                actor = await self._actor(connection)
                is_let_in = actor is not None or (
                    (method, path) in FOR_SCREENS and await self._screen(connection) is not None
                )
            except SQLAlchemyError:
                app = _refusal(HTTPStatus.SERVICE_UNAVAILABLE, UNREACHABLE)
            else:
                app = self.app if is_let_in else _to_sign_in(connection, method)
            signed_in.set(actor)
        called_from.set(address_of(connection))
        await app(scope, receive, send)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        watching: Actor | Screen | None = None
        if not self._is_our_host(connection) or foreign_site(connection.headers):
            code = FOREIGN_SITE
        else:
            try:
                code, watching = SIGN_IN_NEEDED, await self._watching(connection)
            except SQLAlchemyError:
                code = TRY_AGAIN
        if watching is None:
            await receive()
            await send({"type": "websocket.close", "code": code})
            return

        viewer = _viewer(watching)

        async def still_signed_in() -> bool:
            try:
                now = await self._watching(connection)
                return now is not None and _viewer(now) == viewer
            except SQLAlchemyError:
                return True  # nobody said otherwise, and a screen stays lit

        state: MutableMapping[str, Any] = scope.setdefault("state", {})
        state["still_signed_in"] = still_signed_in
        state["viewer"] = viewer  # to whom it counts as shown
        signed_in.set(watching if isinstance(watching, Actor) else None)
        await self.app(scope, receive, send)

    async def _watching(self, connection: HTTPConnection) -> Actor | Screen | None:
        """Who or which screen opens a socket; a screen may open the live one alone."""
        is_live = connection.url.path == LIVE_SOCKET
        asked_as = parse_qs(connection.url.query).get("as", [""])[0]
        if not (is_live and asked_as == AS_SCREEN):
            actor = await self._actor(connection)
            if actor is not None:
                return actor
        return await self._screen(connection) if is_live else None

    async def _actor(self, connection: HTTPConnection) -> Actor | None:
        token = self._cookie.token(connection)
        return None if token is None else await self._sign_ins.actor(token)

    async def _screen(self, connection: HTTPConnection) -> Screen | None:
        if self._screens is None or self._screen_cookies is None:
            return None
        return await self._screens.screen(self._screen_cookies.token(connection))

    def _is_our_host(self, connection: HTTPConnection) -> bool:
        """A foreign name that leads here is how DNS rebinding gets past Origin; no address is."""
        try:
            name = urlsplit(f"//{connection.headers.get('host', '')}").hostname or ""
            return name in self._hosts or bool(ip_address(name))
        except ValueError:
            return False

    def _with_headers(self, path: str, send: Send) -> Send:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self._headers)
                # Assets may lie in the cache but are asked after; a page with patients may not.
                is_ours = path.startswith(("/assets/", "/_dash-component-suites/"))
                headers.setdefault("cache-control", "no-cache" if is_ours else "no-store")
            await send(message)

        return send_with_headers


def _viewer(watching: Actor | Screen) -> str:
    return watching.user if isinstance(watching, Actor) else watching.viewer


def _refusal(status: HTTPStatus, words: str) -> ASGIApp:
    return PlainTextResponse(words, status)


def _to_sign_in(connection: HTTPConnection, method: str) -> ASGIApp:
    """To the form for a person who opens a page, a bare 401 for everything else."""
    if method != "GET" or "text/html" not in connection.headers.get("accept", ""):
        return _refusal(HTTPStatus.UNAUTHORIZED, "Sign in first.")
    wanted = connection.url.path + (f"?{connection.url.query}" if connection.url.query else "")
    return RedirectResponse(f"/login?next={quote(wanted, safe='/')}", HTTPStatus.SEE_OTHER)
