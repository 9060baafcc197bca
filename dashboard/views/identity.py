"""Which monitor is heard at a chair, is it the one of this patient, and does its clock agree?"""

from __future__ import annotations

from collections.abc import Iterator

from dash import html
from dash.development.base_component import Component

from clinical.identity import Identity
from clinical.links import ClockRead
from clinical.recognition import difference
from clinical.snapshot import ChairView
from dashboard import ids
from dashboard.views.panel import Form

NOT_KNOWN = "not known yet"
AGREES_S = 0.5  # what is rounded to no second


def check(view: ChairView, may_act: bool, form: Form) -> list[Component]:
    """Each device that is heard and is not the one of this chair, beside that one, to be compared
    with the labels on the devices; and the button that takes it on."""
    return [
        _stranger(view, name, heard, may_act, form)
        for name, heard in sorted(view.strangers.items())
    ]


def _stranger(view: ChairView, name: str, heard: Identity, may_act: bool, form: Form) -> Component:
    own = view.bound.get(name)
    title = next((each.title for each in view.monitors if each.name == name), name)
    whose = "watches this patient" if view.session else "is the one of this chair"
    button = html.Button(
        f"Yes, this monitor {whose} now",
        id=ids.confirm_monitor(name),
        type="button",
        className="button button-main",
        **form.carried,
        **{"data-model": heard.model, "data-serial": heard.serial},
    )
    return html.Div(
        className="check-device",
        role="alert",
        children=[
            html.H2("Check device"),
            html.P(f"{title}: another one is connected. Nothing of it is shown or recorded."),
            html.Dl(
                [
                    html.Dt("Heard now"),
                    html.Dd(heard.words),
                    html.Dt("Of this chair"),
                    html.Dd(own.words if own else NOT_KNOWN),
                ]
            ),
            button if may_act else None,
            html.P("Else put the cable back into this chair's own monitor.", className="dim"),
        ],
    )


def said(view: ChairView, name: str) -> list[Component]:
    """Masimo Rad-8, no. 0000103 · clock 12 s ahead: what monitor ``name`` tells of itself."""
    return [html.Span(words, className="identity") for words in _said(view, name)]


def _said(view: ChairView, name: str) -> Iterator[str]:
    heard, read = view.heard.get(name), view.clocks.get(name)
    parts = [heard.words] if heard else []
    if read is not None:
        parts.append(clock(read))
    if parts:
        yield " · ".join(parts)


def clock(read: ClockRead) -> str:
    """Clock 12 s ahead, behind, or that it agrees."""
    if abs(read.offset_s) < AGREES_S:
        return "clock agrees"
    side = "ahead" if read.offset_s > 0 else "behind"
    return f"clock {difference(read.offset_s)} {side}"
