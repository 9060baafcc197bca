"""What becomes of a value that a nurse enters by hand: recorded once, refused, or asked about?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dash import ALL, MATCH, Dash, Input, Output, State, no_update
from dash.exceptions import PreventUpdate

from clinical.commands import Entered, OutcomeKind, RecordObservation
from clinical.sign_off import Actor
from clinical.vitals import Metric
from dashboard import ids
from dashboard.pages.click import (
    ANOTHER,
    DRAWN_FOR,
    command_id,
    is_drawn_for,
    is_settled,
    new_form,
    submitted,
)
from dashboard.pages.seats import seat
from dashboard.security import current_actor
from dashboard.views import manual
from dashboard.views.panel import refused, said

if TYPE_CHECKING:
    from dashboard.services import Services

ZONE = None  # times of day are those of the server, which stands in the clinic


def register(app: Dash, services: Services) -> None:
    _register_checks(app)

    @app.callback(
        Output(ids.MANUAL_SAID, "children"),
        Output(ids.MANUAL_RECORD, "data-form"),
        Output(ids.MANUAL_RECORD, "data-at"),
        Output(ids.manual_value(ALL), "value"),
        Output(ids.manual_word(manual.TIME), "value"),
        Input(ids.MANUAL_PRESSED, "data"),
        State(ids.manual_value(ALL), "id"),
        State(ids.CHAIR, "data"),
        DRAWN_FOR,
        prevent_initial_call=True,
    )
    async def record(
        presses: list[dict[str, Any]] | None, places: list[ids.Id], chair: int, drawn_for: str
    ) -> tuple[Any, ...]:
        actor = current_actor()
        if actor is None or not presses:
            raise PreventUpdate

        def only(told: Any) -> tuple[Any, ...]:
            """Something is said, and what was typed stays."""
            return told, no_update, no_update, [no_update] * len(places), no_update

        press = presses[-1]  # of those before it the page was told already
        if press["about"] == manual.NOT_SO:
            return only([])
        current = seat(services, chair).session
        if current is None or not is_drawn_for(current, actor, drawn_for):
            return only(ANOTHER)
        is_sure = press["about"] == manual.SURE
        try:
            asked = json.loads(press["asked"]) if is_sure else asked_of(press)
            command = command_of(asked, services.clock.now(), actor, chair, is_sure=is_sure)
        except ValueError as wrong:
            return only(refused(str(wrong)))
        if not command.values:
            if not is_settled(services, press["at"]):
                raise PreventUpdate  # the second half of a double click
            return only(refused("nothing is entered yet: type a value first"))
        outcome = await submitted(services, replace(command, session=current.session))
        if outcome.is_question:
            return only(manual.question(outcome.missing, asked))
        if outcome.kind is not OutcomeKind.DONE:
            return only(said(outcome))
        told = manual.recorded(asked, command.at or outcome.at, ZONE, outcome.reason)
        # Another form: the same value again, later, is another command.
        key, at_s = new_form(services)
        return told, key, f"{at_s:.3f}", [""] * len(places), ""


def _register_checks(app: Dash) -> None:
    """What cannot be is told while it is typed; the engine refuses it all the same."""
    value, time = ids.manual_value(MATCH), ids.manual_word(manual.TIME)
    app.clientside_callback(
        manual.CHECK_VALUE,
        Output(value, "error"),
        Input(value, "value"),
        Input(value, "n_blur"),
        State(value, "min"),
        State(value, "max"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        manual.CHECK_TIME,
        Output(time, "error"),
        Input(time, "value"),
        Input(time, "n_blur"),
        prevent_initial_call=True,
    )


def asked_of(press: Mapping[str, Any]) -> dict[str, Any]:
    """What stood in the fields: ``values`` by metric, ``initials`` and ``time``; the ``form`` too.

    Raises ValueError, in words, where a value is no number.
    """
    fields = {name: str(text).strip() for name, text in press["fields"].items()}
    return {
        "form": press["form"],
        manual.INITIALS: fields.pop(manual.INITIALS, ""),
        manual.TIME: fields.pop(manual.TIME, ""),
        "values": {name: _number(Metric(name), text) for name, text in fields.items() if text},
    }


def _number(metric: Metric, text: str) -> float:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        raise ValueError(f"{manual.label(metric)}: expected a number, got {text}") from None


def command_of(
    asked: Mapping[str, Any], now: datetime, actor: Actor, chair: int, *, is_sure: bool
) -> RecordObservation:
    """The command behind what was ``asked``. Raises ValueError, in words, where it has no time."""
    values, initials, time = asked["values"], asked[manual.INITIALS], asked[manual.TIME]
    return RecordObservation(
        command_id=command_id(asked["form"], *values.items(), initials, time, is_sure),
        by=actor,
        chair=chair,
        values=tuple(Entered(metric, float(value)) for metric, value in values.items()),
        initials=initials,
        at=manual.time_of(time, now, ZONE),
        is_sure=is_sure,
    )
