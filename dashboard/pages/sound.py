"""Can an alarm be heard at this screen, who says so, and how quiet may it be?

A sign-in leads where it was asked to, not here: an emergency may be why somebody signs in, and
programs rely on it. A line in the strip of every page asks for the test until it is answered.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from dash import ALL, Dash, Input, Output, State, ctx, no_update
from dash.development.base_component import Component
from sqlalchemy.exc import SQLAlchemyError

from clinical.alarms import AlarmPriority
from clinical.sign_off import Actor, Role
from dashboard import ids, sound
from dashboard.pages.click import was_clicked
from dashboard.security import current_actor
from dashboard.sound import Heard
from dashboard.views import sound as view_of

if TYPE_CHECKING:
    from dashboard.services import Services

PATH = view_of.PATH
TITLE = "Sound"

NOT_RECORDED = "Not recorded. Try again."
NOT_ALL_PLAYED = "Play all three first."
SOUNDLESS = "Recorded. Rely on the bedside monitor's alarms, and have the loudspeaker looked at."
RECORDED = "Recorded."
FOR_DIRECTORS = "Only the medical director sets the floor."
NO_FLOOR = f"Give a whole number from {sound.LOWEST_PCT} to {sound.HIGHEST_PCT}."


def exists(services: Services) -> bool:
    return True


async def layout(services: Services) -> Component:
    actor = current_actor()
    return view_of.page(await _floor(services), _is_director(actor))


async def _floor(services: Services) -> int:
    try:
        return await asyncio.to_thread(sound.floor, services.database)
    except SQLAlchemyError:
        return sound.FLOOR_PCT


def _is_director(actor: Actor | None) -> bool:
    return actor is not None and actor.role is Role.DIRECTOR


def register(app: Dash, services: Services) -> None:
    @app.callback(
        Output(ids.SOUND_FLOOR, "data-sound-floor"),
        Input(ids.SOUND_FLOOR_TICK, "n_intervals"),
    )
    async def tell_floor(_ticks: int | None) -> Any:
        """With each page that is opened, and every few minutes on one that stays open."""
        try:
            return str(await asyncio.to_thread(sound.floor, services.database))
        except SQLAlchemyError:
            return no_update  # the screen keeps the one it knows

    @app.callback(
        Output(ids.SOUND_ANSWERED, "data"),
        Input(ids.sound_heard(ALL, ALL), "n_clicks"),
        State(ids.SOUND_SCREEN, "data"),
        prevent_initial_call=True,
    )
    async def answer(_clicks: list[int | None], screen: Any) -> Any:
        actor = current_actor()
        if not was_clicked() or actor is None or not isinstance(ctx.triggered_id, dict):
            return no_update
        said, is_done = await answered(services, ctx.triggered_id.get("heard"), screen, actor)
        return {"said": said, "isDone": is_done}

    app.clientside_callback(  # on to where the person came from; the sound goes on meanwhile
        "answer => window.vigilSound.answered(answer) ?? window.dash_clientside.no_update",
        Output(ids.LOCATION, "pathname", allow_duplicate=True),
        Input(ids.SOUND_ANSWERED, "data"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output(ids.said("sound", "floor"), "children"),
        Output(ids.SOUND_FLOOR, "data-sound-floor", allow_duplicate=True),
        Input(ids.act("sound-floor"), "n_clicks"),
        State(ids.SOUND_FLOOR_FIELD, "value"),
        prevent_initial_call=True,
    )
    async def set_floor(_clicks: int | None, pct: Any) -> tuple[Any, Any]:
        if not was_clicked():
            return no_update, no_update
        said, is_set = await floor_set(services, pct, current_actor())
        return said, str(pct) if is_set else no_update


async def answered(services: Services, heard: Any, screen: Any, by: Actor) -> tuple[str, bool]:
    """Record what ``by`` says of the tones; what to answer, and whether the test is done with."""
    if heard not in [each.value for each in Heard]:
        return NOT_RECORDED, False
    heard, told = Heard(heard), sound.of_screen(screen)
    if heard is Heard.ALL and len(told["played"]) < len(AlarmPriority):
        return NOT_ALL_PLAYED, False
    try:
        now = services.clock.now()
        await asyncio.to_thread(sound.log_test, services.database, heard, told, by, now)
    except SQLAlchemyError:
        return NOT_RECORDED, False
    return (SOUNDLESS, False) if heard is Heard.NOT else (RECORDED, True)


async def floor_set(services: Services, pct: Any, by: Actor | None) -> tuple[str, bool]:
    """Set the floor where ``by`` may; what to answer, and whether it is set."""
    if by is None or not _is_director(by):
        return FOR_DIRECTORS, False
    if not isinstance(pct, int) or isinstance(pct, bool):
        return NO_FLOOR, False
    try:
        await asyncio.to_thread(sound.set_floor, services.database, pct, by, services.clock.now())
    except ValueError:
        return NO_FLOOR, False
    except SQLAlchemyError:
        return NOT_RECORDED, False
    return f"No screen can be turned below {pct} % from now on.", True
