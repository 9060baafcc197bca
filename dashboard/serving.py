"""How does a running clinic answer a browser? One server, one process, one socket opened early."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable

import uvicorn

from dashboard.app import create_app
from dashboard.clinic import Clinic
from dashboard.config import Config
from dashboard.monitors import RunningMonitors
from dashboard.pages import (
    alarms,
    board,
    chair,
    monitors,
    preset,
    presets,
    review,
    screens,
    session,
    sound,
)
from dashboard.people import StoredPeople
from dashboard.screens import Screens, StoredScreens
from dashboard.services import Services

PAGES = (board, chair, alarms, review, session, presets, preset, screens, sound, monitors)
GRACE_S = 2  # an open live socket must not hold up a stop


class PortBusy(OSError):
    """The address cannot be listened on; the message is for whoever started the program."""


def bind(host: str, port: int) -> socket.socket:
    """A socket that holds ``port`` before anything else starts. Raises PortBusy."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        why = error.strerror
        if error.errno == errno.EADDRINUSE:
            why = "another program uses it"
        raise PortBusy(f"port {port} on {host} cannot be had: {why}") from error
    return listener


def url_of(listener: socket.socket) -> str:
    """Where a browser of this machine finds what ``listener`` is bound to."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def services_of(clinic: Clinic) -> Services:
    return Services(
        desk=clinic.engine,
        snapshot=lambda: clinic.engine.snapshot,
        hub=clinic.hub,
        database=clinic.database,
        clock=clinic.clock,
        site=clinic.site,
        presets=clinic.shelf.presets,
        staff=StoredPeople(clinic.database).staff,
        screens=Screens(StoredScreens(clinic.database)),
        shelf=clinic.shelf,
        monitors=RunningMonitors(clinic),
    )


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._on_ready()


def serve(clinic: Clinic, listener: socket.socket, on_ready: Callable[[], None]) -> None:
    """Serve ``clinic`` until Ctrl-C or SIGTERM; ``on_ready`` is called once it answers."""
    config: Config = clinic.config
    app = create_app(
        services_of(clinic),
        PAGES,
        StoredPeople(clinic.database),
        hosts=(config.host,),
    )
    server = _Server(
        uvicorn.Config(
            app,
            ws="websockets-sansio",
            ws_per_message_deflate=False,  # a number is some 100 bytes: compressing only delays it
            ws_max_size=4096,  # a screen only says which alarms it shows
            log_level="warning",
            timeout_graceful_shutdown=GRACE_S,
        ),
        on_ready,
    )
    server.run(sockets=[listener])
