"""How does the board stay true when sessions come and go?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import ALL, Dash, Input, Output, State, no_update
from dash.development.base_component import Component

from clinical.snapshot import ChairView
from clinical.vitals import Metric
from dashboard import ids
from dashboard.pages.seats import limits_of, seats
from dashboard.views import board
from dashboard.views.numbers import band

if TYPE_CHECKING:
    from dashboard.services import Services

PATH = "/"
TITLE = "Board"


def exists(services: Services) -> bool:
    return True


async def layout(services: Services) -> Component:
    chairs = seats(services)
    limits = {chair: limits_of(view) for chair, view in chairs.items()}
    return board.board(list(chairs.values()), limits, speed=services.site.speed)


def register(app: Dash, services: Services) -> None:
    @app.callback(
        Output(ids.tile_head(ALL), "children"),
        Output(ids.tile(ALL), "className"),
        Input(ids.LIVE_EVENT, "data"),
        State(ids.tile(ALL), "id"),
        prevent_initial_call=True,
    )
    async def seat(
        event: dict[str, Any] | None, tiles: list[ids.Id]
    ) -> tuple[list[Any], list[Any]]:
        """Say who sits where; the numbers and alarms of a tile are live.js's."""
        chairs = seats(services)
        views = [_if_changed(chairs, event, tile["chair"]) for tile in tiles]
        return (
            [board.tile_head(view) if view else no_update for view in views],
            [board.tile_class(view) if view else no_update for view in views],
        )

    @app.callback(
        Output(ids.band(ALL, ALL), "children"),
        Input(ids.LIVE_EVENT, "data"),
        State(ids.band(ALL, ALL), "id"),
        prevent_initial_call=True,
    )
    async def bands(event: dict[str, Any] | None, places: list[ids.Id]) -> list[Any]:
        """Limits come with a session and go with it: here, and on the chair page alike."""
        chairs = seats(services)
        views = [_if_changed(chairs, event, place["chair"]) for place in places]
        return [
            band(limits_of(view), Metric(place["metric"])) if view else no_update
            for view, place in zip(views, places, strict=True)
        ]


def _if_changed(
    chairs: dict[int, ChairView], event: dict[str, Any] | None, chair: int
) -> ChairView | None:
    """The chair where ``event`` names it: what has not changed is not to be drawn again.

    None, too, for one that is gone: the whole board is about to be made anew.
    """
    return chairs.get(chair) if event and chair in event["chairs"] else None
