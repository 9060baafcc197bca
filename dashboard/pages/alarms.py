"""Which alarms are there: now in all chairs, and in the last sessions?"""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from dash import ALL, Dash, Input, Output, State, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate
from sqlalchemy import select
from sqlmodel import col

from dashboard import ids
from dashboard.pages.seats import seats
from dashboard.views import alarms as view_of
from dashboard.views.alarms import Logged, Row
from storage.alarms import LoggedAlarm, alarm_rows, logged_alarms
from storage.database import Database
from storage.models import SessionRow

if TYPE_CHECKING:
    from dashboard.services import Services

PATH = "/alarms"
TITLE = "Alarms"
SESSIONS = 30  # of which alarms are listed: a week of a small clinic
ZONE = None  # times of day are those of the server, which stands in the clinic


def exists(services: Services) -> bool:
    return True


async def layout(services: Services) -> Component:
    now, past = await _rows(services)
    return view_of.page(services.site.chairs, now, past, SESSIONS)


def _open(services: Services) -> list[Row]:
    return view_of.open_rows(seats(services).values(), ZONE)


async def _rows(services: Services) -> tuple[list[Row], list[Row]]:
    """The open ones and the others. What is open is the engine's to say, the rest the record's."""
    logged = await asyncio.to_thread(_logged, services)
    open_ids = {alarm.alarm_id for view in seats(services).values() for alarm in view.alarms}
    past = [view_of.past_row(each, ZONE) for each in logged if each.alarm.alarm_id not in open_ids]
    return _open(services), past


def _logged(services: Services) -> list[Logged]:
    """The alarms of the last sessions, newest first."""
    newest = select(SessionRow).order_by(col(SessionRow.at).desc(), col(SessionRow.id).desc())
    database = services.database
    with database.reading() as db:
        rows = list(db.scalars(newest.limit(SESSIONS)))
        sizes = alarm_rows(db, session_ids=[row.id for row in rows])
    found = [
        Logged(str(row.public_id), row.chair, row.patient, alarm)
        for row in rows
        for alarm in _alarms_of(database, row.id, sizes.get(row.id, 0))
    ]
    return sorted(found, key=lambda each: each.alarm.onset, reverse=True)


@lru_cache(maxsize=2 * SESSIONS)
def _alarms_of(database: Database, session_id: int, _size: int) -> tuple[LoggedAlarm, ...]:
    """Read again only where rows have come: nothing in the record changes."""
    with database.reading() as db:
        return logged_alarms(db, session_id=session_id)


def register(app: Dash, services: Services) -> None:
    @app.callback(
        Output(ids.ALARMS_GRID, "rowData"),
        Output(ids.ALARMS_GRID, "rowTransaction"),
        Output(ids.ALARMS_OPEN, "data"),
        Input(ids.LIVE_EVENT, "data"),
        State(ids.ALARMS_OPEN, "data"),
        prevent_initial_call=True,
    )
    async def follow_alarms(_event: dict[str, Any] | None, shown: list[Row]) -> tuple[Any, ...]:
        """New words into the rows that are there; all rows where others are open than before."""
        now = _open(services)
        anew = view_of.changed(shown, now)
        if anew is None:
            now, past = await _rows(services)
            return [*now, *past], no_update, view_of.shown_of(now)
        if not anew:
            raise PreventUpdate
        return no_update, {"update": anew}, view_of.shown_of(now)

    app.clientside_callback(
        FILTER,
        Output(ids.ALARMS_GRID, "filterModel"),
        Output(ids.ALARMS_GRID, "dashGridOptions"),
        Input(ids.alarm_filter(ALL), "value"),
        State(ids.alarm_filter(ALL), "id"),
        State(ids.ALARMS_GRID, "dashGridOptions"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output(ids.LOCATION, "pathname", allow_duplicate=True),
        Input(ids.ALARMS_GRID, "cellClicked"),
        prevent_initial_call=True,
    )
    async def follow(cell: dict[str, Any] | None) -> Any:
        """A click anywhere in a row leads on; the link in it serves the keyboard."""
        return view_of.address_of(cell["rowId"]) if cell else no_update


FILTER = """(values, places, options) => {
  const model = {};
  let text = '';
  places.forEach(({about}, i) => {
    if (about === 'text') text = values[i] || '';
    else if (values[i]) model[about] = {filterType: 'text', type: 'equals', filter: values[i]};
  });
  return [model, {...options, quickFilterText: text}];
}"""
