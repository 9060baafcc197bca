"""How does a director change the numbers of one preset?"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dash import ALL, Dash, Input, Output, State, ctx, no_update
from dash.development.base_component import Component
from sqlalchemy.exc import SQLAlchemyError

from clinical.catalog.edition import WrongNumber, differences, with_numbers
from clinical.catalog.loader import UnknownEntry
from clinical.catalog.preset import Preset
from clinical.catalog.presets import Edition
from dashboard import ids
from dashboard.pages.click import was_clicked
from dashboard.pages.presets import NOT_RECORDED, director
from dashboard.presets import NotShelved, Shelf
from dashboard.views import presets as view_of
from dashboard.views.panel import digest

if TYPE_CHECKING:
    from dashboard.services import Services

PATH = "/presets/<name>"
TITLE = "Change a preset"

UNCHANGED = "No number is another than before."
CHANGED_SINCE = "The numbers are others than those shown: look at what changes once more."

Values = Mapping[str, float | None]


def exists(services: Services, name: str) -> bool:
    return services.shelf is not None and name in services.shelf.presets().names


async def layout(services: Services, name: str) -> Component | None:
    if not exists(services, name):
        return None
    if director() is None:
        return view_of.refused_page()
    return view_of.form(services.presets().newest(name))


def register(app: Dash, services: Services) -> None:
    if services.shelf is None:
        return
    shelf = services.shelf

    @app.callback(
        Output(ids.said("presets", view_of.FORM), "children"),
        Input(ids.act("show-preset-changes"), "n_clicks"),
        State(ids.preset_number(ALL), "value"),
        State(ids.PRESET_FORM, "data-edition"),
        prevent_initial_call=True,
    )
    async def show(_clicks: int | None, numbers: list[Any], edition: str) -> Any:
        if not was_clicked():
            return no_update
        return shown(shelf, edition_of(edition), _values(numbers, 0))

    @app.callback(
        Output(ids.said("presets", view_of.FORM), "children", allow_duplicate=True),
        Output(ids.PRESET_FORM, "children"),
        Input(ids.act("save-preset"), "n_clicks"),
        State(ids.preset_number(ALL), "value"),
        State(ids.PRESET_FORM, "data-edition"),
        State(ids.act("save-preset"), "data-shown"),
        State(ids.field("preset-reason"), "value"),
        prevent_initial_call=True,
    )
    async def save(
        _clicks: int | None, numbers: list[Any], edition: str, before: str, reason: Any
    ) -> tuple[Any, Any]:
        if not was_clicked():
            return no_update, no_update
        values = _values(numbers, 0)
        if digest(values) != before:
            return view_of.complaint(CHANGED_SINCE), no_update
        said, is_done = await saved(shelf, edition_of(edition), values, str(reason or ""))
        return (no_update, said) if is_done else (said, no_update)


def _values(numbers: Sequence[Any], at: int) -> dict[str, float | None]:
    """The numbers of the form by their keys; an empty field, or half a number, is none."""
    keys = [field["id"]["key"] for field in ctx.states_list[at]]
    return {
        key: float(value) if isinstance(value, int | float) else None
        for key, value in zip(keys, numbers, strict=True)
    }


def edition_of(carried: str) -> Edition:
    """What the form was drawn from: a name and a version."""
    name, _, version = carried.rpartition(" ")
    return name, int(version) if version.isdecimal() else 0


def shown(shelf: Shelf, edition: Edition, values: Values) -> Component | list[Component]:
    """What would change, or why it cannot."""
    if director() is None:
        return view_of.complaint(view_of.FOR_DIRECTORS)
    try:
        before = shelf.presets().edition(*edition)
        found = differences(before, with_numbers(before, values))
    except (UnknownEntry, WrongNumber) as error:
        return view_of.complaint(str(error.args[0]))
    if not found:
        return view_of.complaint(UNCHANGED)
    return view_of.preview(found, digest(values))


async def saved(
    shelf: Shelf, edition: Edition, values: Values, reason: str
) -> tuple[Component, bool]:
    """Save a new edition as who is signed in; what to say of it, and whether it is done."""
    actor = director()
    if actor is None:
        return view_of.complaint(view_of.FOR_DIRECTORS), False
    try:
        made: Preset = await asyncio.to_thread(shelf.publish, edition, values, reason, actor)
    except NotShelved as error:
        return view_of.complaint(str(error)), False
    except SQLAlchemyError:
        return view_of.complaint(NOT_RECORDED), False
    return view_of.saved(made), True
