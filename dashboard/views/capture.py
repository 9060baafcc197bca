"""Are the bytes of the lines kept, how many, and since when?"""

from __future__ import annotations

from datetime import tzinfo
from typing import TYPE_CHECKING

from dash import html
from dash.development.base_component import Component

if TYPE_CHECKING:
    from storage.captures import CaptureState


def shown(state: CaptureState | None, zone: tzinfo | None) -> list[Component]:
    """The line about the flight recorder; nothing where there is none."""
    if state is None:
        return []
    if not state.is_recording:
        return _line("stopped", "Flight recorder stopped", state.detail or "the log says why")
    missed = f"{state.missed} pieces could not be kept since the start" if state.missed else ""
    return _line("recording", "Flight recorder", missed or "keeps every byte of every line")


def _line(state: str, name: str, words: str) -> list[Component]:
    return [
        html.Span([html.B(name), f": {words}"], className="capture-state", **{"data-state": state})
    ]
