"""Are the bytes of the lines kept, how many, since when, and how many may it be?"""

from __future__ import annotations

from datetime import tzinfo
from typing import TYPE_CHECKING

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dashboard import ids
from dashboard.views.wording import amount

if TYPE_CHECKING:
    from storage.captures import Bounds, CaptureState

ABOUT = "capture"
FOR_DIRECTORS = "Only a medical director sets how much the flight recorder keeps."
WHAT_FOR = (
    "It keeps every byte of every line, so that a wrong number can be looked into afterwards. "
    "Whichever limit is reached first, the oldest go; those of a running session last."
)


def shown(state: CaptureState | None, zone: tzinfo | None) -> list[Component]:
    """The line about the flight recorder; nothing where there is none."""
    if state is None:
        return []
    if not state.is_recording:
        return _line("stopped", "Flight recorder stopped", state.detail or "the log says why")
    words = ["recording"]
    if state.oldest is not None:
        words.append(f"{amount(state.size)} since {state.oldest.astimezone(zone):%Y-%m-%d}")
    if state.missed:
        words.append(f"{state.missed} pieces could not be kept since the start")
    return _line("recording", "Flight recorder", ", ".join(words))


def _line(state: str, name: str, words: str) -> list[Component]:
    return [
        html.Span([html.B(name), f": {words}"], className="capture-state", **{"data-state": state})
    ]


def bounds_form(bounds: Bounds) -> html.Section:
    fields = [
        dmc.NumberInput(
            id=ids.monitor_field(what, ABOUT), label=label, value=value, min=least, max=most
        )
        for what, label, value, least, most in (
            ("days", "Days at most", bounds.days, 1, 3650),
            ("mib", "MiB at most", bounds.mib, 16, 1_048_576),
        )
    ]
    return html.Section(
        [
            html.H2("Flight recorder"),
            html.P(WHAT_FOR, className="dim"),
            html.Div(fields, className="fields"),
            html.Button(
                "Keep so much",
                id=ids.monitor_act("set-capture", ABOUT),
                type="button",
                className="button",
            ),
            html.Div(id=ids.said("monitors", ABOUT), role="status"),
        ],
        className="part",
    )
