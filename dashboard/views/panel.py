"""Which parts of a page are drawn anew, and when? Those that say something else than before.

What is drawn anew forgets what was typed into it, and a button that is pressed just then is no
longer there when the finger lifts. So a panel is drawn only when its words have changed, and
carries a digest of them to tell by; what changes often is a panel of its own inside another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from dash import html
from dash.development.base_component import Component
from plotly.utils import PlotlyJSONEncoder

from clinical.commands import Outcome, OutcomeKind
from dashboard import ids


class Form(NamedTuple):
    """What the buttons of a panel carry back: a ``key`` new with each drawing, and when it was.

    ``at_s`` is monotonic. The id of a command is made of the key and of what is asked: a double
    click asks the same twice and is recorded once, another content is another command.
    """

    key: str
    at_s: float

    @property
    def carried(self) -> dict[str, str]:
        return {"data-form": self.key, "data-at": f"{self.at_s:.3f}"}


Draw = Callable[[Form], Sequence[Component]]


class Panel(NamedTuple):
    """``shown`` differs whenever what ``draw`` shows differs, the form and the ``parts`` aside.

    ``draw`` places the ``parts``, the panels inside this one.
    """

    name: str
    shown: str
    draw: Draw
    parts: tuple[Panel, ...] = ()


def panel(name: str, draw: Draw) -> Panel:
    return Panel(name, digest(json.dumps(draw(Form("", 0)), cls=PlotlyJSONEncoder)), draw)


def digest(*what: object) -> str:
    """Short, and another for another content."""
    return hashlib.sha256(repr(what).encode()).hexdigest()[:16]


def place(part: Panel, form: Form) -> html.Div:
    """The panel on its page."""
    return html.Div(
        list(part.draw(form)),
        id=ids.panel(part.name),
        className=f"panel panel-{part.name.split(':')[0]}",
        **{"data-shown": part.shown},
    )


def to_draw(panels: Iterable[Panel], before: Mapping[str, str]) -> Iterator[Panel]:
    """The panels that say something else than ``before``, which maps names to what was shown.

    One that is drawn anew draws what is inside it; in one that is not, the insides are looked at.
    """
    for part in panels:
        if before.get(part.name) != part.shown:
            yield part
        else:
            yield from to_draw(part.parts, before)


def said(outcome: Outcome) -> list[Component]:
    """What a click came to; nothing where it is done, because then the page itself shows it."""
    if outcome.kind is OutcomeKind.DONE:
        return []
    return refused(outcome.reason or "it could not be recorded", outcome.missing)


def refused(reason: str, missing: Sequence[str] = ()) -> list[Component]:
    """Why not, and what is missing, in words for whoever clicked."""
    lines: list[Component] = [html.P(f"{reason[0].upper()}{reason[1:]}.")]
    if missing:
        lines.append(html.Ul([html.Li(each) for each in missing]))
    return [html.Div(lines, className="refused", role="alert")]
