"""Which walls does the clinic have, and how is one added or removed?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from dashboard import ids
from dashboard.views import wording

if TYPE_CHECKING:
    from dashboard.screens import Presence, Screen

HERE_FOR_S = 15  # a wall says every four seconds that its page runs
EVERY_S = 5
LONGEST_NAME = 40  # letters

FOR_DIRECTORS = "Only a medical director pairs and removes screens."


def page(rows: Sequence[Component]) -> html.Div:
    return html.Div(
        className="review",
        children=[
            dcc.Interval(id=ids.SCREENS_TICK, interval=EVERY_S * 1000),
            html.Section(className="part", children=_pair()),
            html.Section(
                className="part",
                children=[
                    html.H2("Paired screens"),
                    html.Div(rows, id=ids.SCREENS_LIST, className="table"),
                    html.Div(id=ids.said("screens", "removed"), role="status"),
                ],
            ),
        ],
    )


def refused() -> html.Div:
    return html.Div(html.P(FOR_DIRECTORS), className="not-found")


def _pair() -> list[Component]:
    return [
        html.H1("Screens"),
        html.P(
            [
                "Open ",
                html.B("/wall"),
                " of this address in the browser of the big screen; nobody signs in there. Type "
                "the code that it shows and a name for it. Within two seconds it shows the chairs.",
            ]
        ),
        html.Div(
            className="fields",
            children=[
                dmc.TextInput(
                    id=ids.field("screen-code"),
                    label="Code",
                    description="Six letters and digits, as that screen shows them",
                    attributes={"input": {"maxLength": 9}},
                    autoComplete="off",
                    spellCheck=False,
                ),
                dmc.TextInput(
                    id=ids.field("screen-name"),
                    label="Name of the screen",
                    description="Where it hangs: it stands so in the record",
                    attributes={"input": {"maxLength": LONGEST_NAME}},
                    autoComplete="off",
                ),
            ],
        ),
        html.Button("Pair", id=ids.act("pair-screen"), className="button button-main"),
        html.Div(id=ids.said("screens", "paired"), role="status"),
    ]


def listed(
    screens: Sequence[tuple[Screen, Presence | None]], now: datetime, zone: tzinfo | None
) -> list[Component]:
    if not screens:
        return [html.P("None yet.", className="dim")]
    heads = ("Screen", "Last seen", "Paired", "")
    return [
        html.Table(
            [
                html.Thead(html.Tr([html.Th(head) for head in heads])),
                html.Tbody([_row(screen, there, now, zone) for screen, there in screens]),
            ]
        )
    ]


def _row(screen: Screen, there: Presence | None, now: datetime, zone: tzinfo | None) -> html.Tr:
    return html.Tr(
        [
            html.Td(html.B(screen.name)),
            html.Td(last_seen(screen, there, now, zone)),
            html.Td(f"{wording.day_and_time(screen.paired_at, zone)}, {screen.paired_by}"),
            html.Td(
                html.Button("Remove", id=ids.remove_screen(str(screen.id)), className="button")
            ),
        ]
    )


def last_seen(screen: Screen, there: Presence | None, now: datetime, zone: tzinfo | None) -> str:
    """In steps of a minute: what is drawn anew loses the click that comes just then."""
    at = there.at if there else screen.last_seen_at
    passed_s = (now - at).total_seconds()
    if there and passed_s < HERE_FOR_S:
        if there.is_hidden:
            return "now, in background: nobody sees it"
        return "now" if there.is_live else "now, but its numbers are not live"
    if at == screen.paired_at:
        return "never"
    if passed_s < 3600:
        return f"{max(1, round(passed_s / 60))} min ago"
    return wording.day_and_time(at, zone)


def paired(name: str) -> html.P:
    return html.P(f"Paired: {name}. It shows the chairs within two seconds.")


def removed() -> html.P:
    return html.P("Removed. It goes dark within ten seconds.")


def complaint(words: str) -> html.Div:
    return html.Div(words, className="refused", role="alert")
