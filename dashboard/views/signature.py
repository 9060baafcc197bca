"""How is a signature shown, and how is one taken?

A drawn signature is the path of its strokes. It is shown as a picture: in one, nothing can run,
whatever the path says; and what is not a path is not shown at all.
"""

from __future__ import annotations

from datetime import tzinfo
from urllib.parse import quote

from dash import html
from dash.development.base_component import Component

from clinical.record import StatementSigned
from clinical.sign_off import Signature, SignerKind, SignMethod, is_drawing
from dashboard.views import wording

# signature.js draws on a sheet of this size, whatever the size of the pad on the screen.
SHEET_WIDTH, SHEET_HEIGHT = 600, 180
HASH_SHOWN = 12  # of 64 digits: enough to compare with the printed report by eye


def picture(path: str) -> str | None:
    """The strokes as the address of a picture; None where ``path`` is not made of strokes."""
    if not is_drawing(path):
        return None
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SHEET_WIDTH} {SHEET_HEIGHT}">'
        f'<path d="{path}" fill="none" stroke="#16202c" stroke-width="3" '
        'stroke-linecap="round" stroke-linejoin="round"/></svg>'
    )
    return f"data:image/svg+xml,{quote(svg)}"


def mark(signature: Signature) -> Component:
    """The mark itself, on paper: drawn or typed."""
    if signature.method is SignMethod.TYPED:
        return html.Div(signature.mark, className="paper paper-typed")
    drawn = picture(signature.mark)
    if drawn is None:
        return html.Div("This drawing cannot be shown.", className="paper")
    return html.Div(html.Img(src=drawn, alt=f"Signature of {signature.name}"), className="paper")


def signed(statement: StatementSigned, zone: tzinfo | None) -> html.Div:
    """Who signed what, when, in front of whom: everything a signature has to show.

    Source: 21 CFR 11.50 (printed name, date and time, meaning).
    """
    signature = statement.signature
    rows = [("Signed by", _who(signature)), ("When", wording.day_and_time(statement.at, zone))]
    if statement.signer is SignerKind.SITTER:
        rows += [
            ("Telephone", signature.phone),
            ("Checked", _checked(signature)),
            *([("Way home", signature.transport)] if signature.transport else []),
            ("In front of", statement.witness_name),
        ]
    rows.append(("SHA-256", f"{statement.sha256[:HASH_SHOWN]} …"))
    return html.Div(
        className="signed",
        children=[
            mark(signature),
            html.Dl(
                [
                    html.Div([html.Dt(name), html.Dd(value)], className="signed-row")
                    for name, value in rows
                ],
                title=statement.sha256,
            ),
        ],
    )


def duties(text: str) -> list[Component]:
    """The exact words that are signed: the title, then one duty a line."""
    title, *lines = text.splitlines()
    return [html.H3(title), html.Ul([html.Li(line) for line in lines], className="duties")]


def _who(signature: Signature) -> str:
    return f"{signature.name}, {signature.relation}" if signature.relation else signature.name


def _checked(signature: Signature) -> str:
    checked = ["identity"] * signature.id_checked + ["adult"] * signature.is_adult
    return " and ".join(checked) or "nothing"
