"""How does a director pair a wall, see that it hangs there, and remove it?"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from dash import ALL, Dash, Input, Output, State, ctx, no_update
from dash.development.base_component import Component
from sqlalchemy.exc import SQLAlchemyError

from clinical.sign_off import Actor, Role
from dashboard import ids
from dashboard.pages.click import was_clicked
from dashboard.screens import Screens, WrongCode
from dashboard.security import TooManyTries, current_actor, current_address
from dashboard.views import screens as view_of
from storage.screens import ScreenExists, UnknownScreen

if TYPE_CHECKING:
    from dashboard.services import Services

PATH = "/screens"
TITLE = "Screens"
ZONE = None  # times of day are those of the server, which stands in the clinic

WRONG = "No screen shows this code. It changes every ten minutes: look again."
WAIT = "Too many wrong codes. Wait a minute, then try again."
NO_NAME = "Give the screen a name, such as the room it hangs in."
TAKEN = "There is a screen with this name. Choose another, or remove that one first."
NOT_RECORDED = "Not recorded, so nothing has changed. Try again."
GONE = "This screen was removed already."


def exists(services: Services) -> bool:
    return services.screens is not None


async def layout(services: Services) -> Component | None:
    if services.screens is None:
        return None
    if _director() is None:
        return view_of.refused()
    return view_of.page(await _rows(services.screens))


async def _rows(screens: Screens) -> list[Component]:
    try:
        paired_now = await screens.list()
    except SQLAlchemyError:
        return [view_of.complaint("The record cannot be read just now.")]
    return view_of.listed(paired_now, datetime.now(UTC), ZONE)


def _director() -> Actor | None:
    actor = current_actor()
    return actor if actor and actor.role is Role.DIRECTOR else None


def register(app: Dash, services: Services) -> None:
    if services.screens is not None:
        _register(app, services.screens)


def _register(app: Dash, screens: Screens) -> None:
    @app.callback(
        Output(ids.said("screens", "paired"), "children"),
        Output(ids.field("screen-code"), "value"),
        Output(ids.field("screen-name"), "value"),
        Output(ids.SCREENS_TICK, "n_intervals"),
        Input(ids.act("pair-screen"), "n_clicks"),
        State(ids.field("screen-code"), "value"),
        State(ids.field("screen-name"), "value"),
        prevent_initial_call=True,
    )
    async def pair(_clicks: int | None, code: Any, name: Any) -> tuple[Any, Any, Any, Any]:
        """What was typed stays until it has done its work."""
        said, is_done = await paired(screens, str(code or ""), str(name or ""))
        return (said, "", "", 0) if is_done else (said, no_update, no_update, no_update)

    @app.callback(
        Output(ids.said("screens", "removed"), "children"),
        Output(ids.SCREENS_TICK, "n_intervals", allow_duplicate=True),
        Input(ids.remove_screen(ALL), "n_clicks"),
        prevent_initial_call=True,
    )
    async def remove(_clicks: list[int | None]) -> tuple[Any, Any]:
        if not was_clicked() or not isinstance(ctx.triggered_id, dict):
            return no_update, no_update
        return await removed(screens, str(ctx.triggered_id["screen"])), 0

    @app.callback(
        Output(ids.SCREENS_LIST, "children"),
        Output(ids.SCREENS_LIST, "data-shown"),
        Input(ids.SCREENS_TICK, "n_intervals"),
        State(ids.SCREENS_LIST, "data-shown"),
        prevent_initial_call=True,
    )
    async def tick(_ticks: int | None, before: str | None) -> tuple[Any, Any]:
        """Drawn anew only where it says something else: a button must not move under a finger."""
        if _director() is None:
            return no_update, no_update
        rows = await _rows(screens)
        shown = hashlib.sha256(str(rows).encode()).hexdigest()[:16]
        return (no_update, no_update) if shown == before else (rows, shown)


async def paired(screens: Screens, code: str, name: str) -> tuple[Component, bool]:
    """Pair the screen that shows ``code``; what to say of it, and whether it is done."""
    director, name = _director(), " ".join(name.split())[: view_of.LONGEST_NAME]
    if director is None:
        return view_of.complaint(view_of.FOR_DIRECTORS), False
    if not name or not name.isprintable():
        return view_of.complaint(NO_NAME), False
    try:
        screen = await screens.pair(code, name, director.user, current_address())
    except WrongCode:
        return view_of.complaint(WRONG), False
    except TooManyTries:
        return view_of.complaint(WAIT), False
    except ScreenExists:
        return view_of.complaint(TAKEN), False
    except SQLAlchemyError:
        return view_of.complaint(NOT_RECORDED), False
    return view_of.paired(screen.name), True


async def removed(screens: Screens, screen: str) -> Component:
    director = _director()
    if director is None:
        return view_of.complaint(view_of.FOR_DIRECTORS)
    try:
        await screens.revoke(UUID(screen), director.user)
    except (UnknownScreen, ValueError):
        return view_of.complaint(GONE)
    except SQLAlchemyError:
        return view_of.complaint(NOT_RECORDED)
    return view_of.removed()
