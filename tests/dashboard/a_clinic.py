"""What stands in for the engine, the record and the pages when the screens are tested?"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import httpx
import uvicorn
from dash import Dash, Input, Output, html
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from clinical.alarms import AlarmKind, AlarmPriority, Direction
from clinical.commands import Command, Outcome, OutcomeKind
from clinical.links import LinkState
from clinical.phases import SessionPhase
from clinical.record import BaselineLocked
from clinical.sign_off import Actor, Role
from clinical.snapshot import AlarmView, ChairView, Change, LiveSnapshot, SessionView
from clinical.vitals import Metric, Observation, Quality
from dashboard.app import create_app
from dashboard.live import LiveHub
from dashboard.screens import Screen, Screens
from dashboard.services import Services, Site
from storage.screens import ScreenExists, UnknownScreen

NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
NURSE = Actor("ana", "Ana Ruiz", Role.NURSE)
PASSWORD = "correct horse battery"
QUICK = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))


class StillClock:
    """Time passes when the test says so."""

    def __init__(self, now: datetime = NOON, speed: float = 1.0) -> None:
        self.speed = speed
        self._now = now

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return (self._now - NOON).total_seconds()

    def pass_s(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


class WallClock:
    """The real time."""

    speed = 1.0

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class FakePeople:
    """Accounts and sign-ins in memory; ``asked`` counts how often a token was looked up."""

    def __init__(self, *actors: Actor) -> None:
        self.accounts = {actor.user: (actor, QUICK.hash(PASSWORD)) for actor in actors or [NURSE]}
        self.tokens: dict[str, str] = {}
        self.asked = 0
        self.fails_with: Exception | None = None

    def find(self, user: str) -> tuple[Actor, str] | None:
        if self.fails_with:
            raise self.fails_with
        return self.accounts.get(user)

    def start_sign_in(self, user: str, token_hash: str, now: datetime) -> None:
        self.tokens[token_hash] = user

    def signed_in(self, token_hash: str, now: datetime) -> Actor | None:
        self.asked += 1
        if self.fails_with:
            raise self.fails_with
        user = self.tokens.get(token_hash)
        return self.accounts[user][0] if user else None

    def end_sign_in(self, token_hash: str, now: datetime) -> None:
        self.tokens.pop(token_hash, None)


class FakeScreens:
    """Paired screens in memory, by the hash of their token."""

    def __init__(self) -> None:
        self.paired: dict[str, Screen] = {}
        self.seen: list[str] = []
        self.fails_with: Exception | None = None

    def pair(self, name: str, hashed: str, by: str, now: datetime) -> Screen:
        if self.fails_with:
            raise self.fails_with
        if any(screen.name == name for screen in self.paired.values()):
            raise ScreenExists(name)
        self.paired[hashed] = Screen(uuid4(), name, by, now, now)
        return self.paired[hashed]

    def find(self, hashed: str) -> Screen | None:
        if self.fails_with:
            raise self.fails_with
        return self.paired.get(hashed)

    def list(self) -> list[Screen]:
        return list(self.paired.values())

    def revoke(self, screen: UUID, by: str, now: datetime) -> None:
        left = {hashed: each for hashed, each in self.paired.items() if each.id != screen}
        if left == self.paired:
            raise UnknownScreen(str(screen))
        self.paired = left

    def note_seen(self, hashed: str, now: datetime) -> None:
        self.seen.append(hashed)


@dataclass
class FakeDesk:
    """Says DONE to every command at once."""

    commands: list[Command] = field(default_factory=list)

    def submit(self, command: Command) -> Future[Outcome]:
        self.commands.append(command)
        done: Future[Outcome] = Future()
        done.set_result(Outcome(OutcomeKind.DONE, NOON, command.by.name))
        return done


class FakeEngine:
    """Publishes what a test says happened, as the engine would."""

    def __init__(self, hub: LiveHub, clock: Any, chairs: tuple[int, ...]) -> None:
        self.hub, self.clock = hub, clock
        views = {
            chair: ChairView(chair, f"Chair {chair}", LinkState.LIVE, "", clock.now(), 1.0, {})
            for chair in chairs
        }
        self.snapshot = LiveSnapshot(0, clock.now(), views)

    def measure(self, chair: int, **values: float | None) -> None:
        """One frame: metric=value, all at the clock's now."""
        now = self.clock.now()
        points = tuple(observed(Metric(metric), value, now) for metric, value in values.items())
        latest = {**self.snapshot.chairs[chair].latest, **{each.metric: each for each in points}}
        self.change(chair, points, latest=latest)

    def latest(self, chair: int) -> Mapping[Metric, Observation]:
        return self.snapshot.chairs[chair].latest

    def change(
        self, chair: int, points: tuple[Observation, ...] = (), *parts: str, **fields: Any
    ) -> None:
        view = replace(self.snapshot.chairs[chair], **fields)
        sequence = self.snapshot.sequence + 1
        self.snapshot = LiveSnapshot(
            sequence, self.clock.now(), {**self.snapshot.chairs, chair: view}
        )
        self.hub.publish(self.snapshot, [Change(sequence, chair, points, frozenset(parts))])


def observed(metric: Metric, value: float | None, at: datetime) -> Observation:
    quality = Quality.UNAVAILABLE if value is None else Quality.VALID
    return Observation(metric, value, quality, at)


def alarm(
    number: int = 1,
    priority: AlarmPriority = AlarmPriority.MEDIUM,
    metric: Metric = Metric.NIBP_SYSTOLIC,
    text: str = "** SYS 172 > 160",
    **fields: Any,
) -> AlarmView:
    return AlarmView(
        UUID(int=number),
        text,
        AlarmKind.PHYSIOLOGICAL,
        priority,
        NOON,
        metric,
        Direction.HIGH,
        172.0,
        160.0,
        **fields,
    )


def session(phase: SessionPhase = SessionPhase.INFUSING, **fields: Any) -> SessionView:
    at = fields.pop("at", NOON)
    session_id = UUID(int=7)
    facts: dict[str, Any] = {
        "infusion_started_at": at,
        "baseline": BaselineLocked(session_id, at, "ana", 124, 78, 93, 70, 98, ("n1", "n2")),
        "cuff_interval_s": 300.0,
        **fields,
    }
    return SessionView(
        session_id, "J.D.", phase, at, at, 40, 2, 6, "ketamine-adult", "recovery", True, **facts
    )


# Pages: one with live numbers, one for a chair, one whose callback says who asks.

BOARD = SimpleNamespace(PATH="/", TITLE="Board")
CHAIR = SimpleNamespace(PATH="/chair/<chair>", TITLE="Chair")
WHO = SimpleNamespace(PATH="/who", TITLE="Who")


async def _board(services: Services) -> html.Div:
    chairs = [number for number, _name in services.site.chairs]
    return html.Div(
        [_tile(chair) for chair in chairs],
        id="live-root",
        **{"data-chairs": ",".join(map(str, chairs)), "data-window": "600"},
    )


async def _chair(services: Services, chair: str) -> html.Div | None:
    if not _is_chair(services, chair):
        return None
    return html.Div(_tile(int(chair)), id="live-root", **{"data-chairs": chair})


def _is_chair(services: Services, chair: str) -> bool:
    return chair in {str(number) for number, _name in services.site.chairs}


def _tile(chair: int) -> html.Div:
    here = {"data-chair": str(chair)}
    numbers = ("heart_rate", "spo2", "resp_rate", "nibp_systolic", "temperature_1")
    roles = ("hr-source", "cuff-time", "cuff-age", "elapsed", "remaining", "phase", "link")
    return html.Div(
        [
            *(html.Span(**here, **{"data-metric": metric}) for metric in numbers),
            *(html.Span(**here, **{"data-role": role}) for role in (*roles, "alarm-text")),
            html.Span(**here, **{"data-role": "delta", "data-of": "nibp_systolic"}),
            html.Div(**here, **{"data-spark": "heart_rate"}, style={"height": 40, "width": 200}),
        ],
        **{"data-tile": str(chair)},
    )


async def _who(services: Services) -> html.Div:
    return html.Div([html.Button("Ask", id="ask"), html.Div(id="answer")])


def _register_who(app: Dash, services: Services) -> None:
    from dashboard.security import current_actor

    @app.callback(Output("answer", "children"), Input("ask", "n_clicks"), prevent_initial_call=True)
    async def answer(_clicks: int) -> str:
        actor = current_actor()
        return f"{actor.name if actor else 'nobody'}"


BOARD.layout, BOARD.register = _board, lambda app, services: None
CHAIR.layout, CHAIR.exists, CHAIR.register = _chair, _is_chair, lambda app, services: None
WHO.layout, WHO.register = _who, _register_who
PAGES = (BOARD, CHAIR, WHO)


@dataclass
class Clinic:
    """A server with its fakes; ``people`` knows ``NURSE`` by ``PASSWORD``."""

    app: Any
    hub: LiveHub
    engine: FakeEngine
    people: FakePeople
    services: Services
    screens: FakeScreens


def a_clinic(
    *,
    clock: Any = None,
    chairs: tuple[int, ...] = (1, 2),
    pages: Any = PAGES,
    clinic: str = "Harbour Clinic",
    is_simulated: bool = True,
    is_tls: bool = False,
    has_screens: bool = True,
    database: Any = None,
    **hub: Any,
) -> Clinic:
    clock = clock or WallClock()
    live = LiveHub(clock, chairs, **hub)
    engine = FakeEngine(live, clock, chairs)
    live.publish(engine.snapshot, [])
    seats = tuple((chair, f"Chair {chair}") for chair in chairs)
    site = Site(clinic, lambda: seats, is_simulated)
    people, screens = FakePeople(), FakeScreens()
    services = Services(
        desk=FakeDesk(),
        snapshot=lambda: engine.snapshot,
        hub=live,
        database=database,  # most pages read no record
        clock=clock,
        site=site,
        screens=Screens(screens) if has_screens else None,
    )
    app = create_app(services, pages, people, is_tls=is_tls, hasher=QUICK)
    return Clinic(app, live, engine, people, services, screens)


@contextmanager
def served(app: Any, port: int = 0) -> Iterator[str]:
    """Serve ``app`` as the command line does; gives ``127.0.0.1:port``."""
    listener = socket.create_server(("127.0.0.1", port))
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            log_level="warning",
            timeout_graceful_shutdown=1,
        )
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="server")
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def signed_in_cookie(at: str) -> str:
    """Sign the nurse in at ``at`` (host:port); gives the value of a Cookie header."""
    answer = httpx.post(f"http://{at}/login", data={"user": NURSE.user, "password": PASSWORD})
    return answer.headers["set-cookie"].partition(";")[0]
