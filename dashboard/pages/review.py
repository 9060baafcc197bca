"""Which sessions were there? All of them, to search."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from dash import Dash, Input, Output, no_update
from dash.development.base_component import Component
from pandas import DataFrame

from dashboard import ids
from dashboard.views.review import address, grid
from storage.review import sessions_frame

if TYPE_CHECKING:
    from dashboard.services import Services

PATH = "/review"
TITLE = "Review"


def exists(services: Services) -> bool:
    return True


async def layout(services: Services) -> Component:
    return grid(await asyncio.to_thread(_sessions, services), zone=None)


def _sessions(services: Services) -> DataFrame:
    with services.database.reading() as db:
        return sessions_frame(db)


def register(app: Dash, services: Services) -> None:
    @app.callback(
        Output(ids.LOCATION, "pathname"),
        Input(ids.SESSIONS_GRID, "cellClicked"),
        prevent_initial_call=True,
    )
    async def follow(cell: dict[str, Any] | None) -> Any:
        """A click anywhere in a row leads to its session; the link in it serves the keyboard."""
        return address(cell["rowId"]) if cell else no_update
