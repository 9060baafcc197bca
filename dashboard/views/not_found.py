"""What does a visitor see who asked for a page, chair or session that is not there?"""

from __future__ import annotations

from dash import dcc, html

LONGEST = 120  # characters of the address that are repeated


def not_found(path: str) -> html.Div:
    """Says what was asked, as text, and leads back to the board."""
    asked = path if len(path) <= LONGEST else f"{path[:LONGEST]} …"
    return html.Div(
        className="not-found",
        children=[
            html.H1("There is nothing here"),
            html.P(["You asked for ", html.Code(asked), ". No page, chair or session has it."]),
            dcc.Link("Back to the board", href="/", className="button"),
        ],
    )
