"""Which alarm presets does the clinic have, and how does a director sign one?"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from dash import MATCH, Dash, Input, Output, ctx, no_update
from dash.development.base_component import Component
from sqlalchemy.exc import SQLAlchemyError

from clinical.catalog.loader import UnknownEntry
from clinical.sign_off import Actor, Role
from dashboard import ids
from dashboard.pages.click import was_clicked
from dashboard.presets import NotShelved, Shelf, Shelved
from dashboard.security import current_actor
from dashboard.views import presets as view_of

if TYPE_CHECKING:
    from dashboard.services import Services

PATH = "/presets"
TITLE = "Presets"
ZONE = None  # times of day are those of the server, which stands in the clinic

NOT_RECORDED = "Not recorded, so nothing has changed. Try again."


async def layout(services: Services) -> Component:
    return view_of.page(shelved(services), may_sign(services), ZONE)


def shelved(services: Services) -> Shelved:
    return services.shelf.now if services.shelf else Shelved(services.presets())


def may_sign(services: Services) -> str | None:
    """The user, where it is a medical director and there is a shelf to sign on."""
    actor = director()
    return actor.user if actor and services.shelf else None


def director() -> Actor | None:
    actor = current_actor()
    return actor if actor and actor.role is Role.DIRECTOR else None


def register(app: Dash, services: Services) -> None:
    if services.shelf is None:
        return
    shelf = services.shelf

    @app.callback(
        Output(ids.preset_signed(MATCH, MATCH), "children"),
        Input(ids.sign_preset(MATCH, MATCH), "n_clicks"),
        prevent_initial_call=True,
    )
    async def sign(_clicks: int | None) -> Any:
        if not was_clicked() or not isinstance(ctx.triggered_id, dict):
            return no_update
        return await signed(shelf, str(ctx.triggered_id["name"]), ctx.triggered_id["version"])


async def signed(shelf: Shelf, name: str, version: Any) -> list[Component]:
    """Sign one edition as who is signed in; what the page then says of it."""
    actor, why_not = director(), None
    if actor is None:
        return [view_of.complaint(view_of.FOR_DIRECTORS)]
    try:
        await asyncio.to_thread(shelf.approve, (name, version), actor)
    except NotShelved as error:
        why_not = view_of.complaint(str(error))
    except SQLAlchemyError:
        why_not = view_of.complaint(NOT_RECORDED)
    try:
        preset = shelf.presets().edition(name, version)
    except UnknownEntry:
        return [why_not] if why_not else []
    return view_of.signatures(preset, shelf.now, actor.user, ZONE, why_not)
