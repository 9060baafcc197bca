"""How does a sitter or a nurse sign a statement: its exact words, who signs, and the mark?"""

from __future__ import annotations

import json
from datetime import tzinfo

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from clinical.phases import SessionPhase
from clinical.record import StatementSigned
from clinical.sign_off import Actor, Signature, SignerKind, SignMethod, Statement
from dashboard import ids
from dashboard.views import wording
from dashboard.views.panel import Form
from dashboard.views.signature import duties, signed

HANDOVER = "sitter-handover"  # the statement that asks how the patient gets home


def statement(
    shown: Statement,
    given: StatementSigned | None,
    phase: SessionPhase,
    actor: Actor | None,
    known: Signature | None,
    zone: tzinfo | None,
    form: Form,
) -> list[Component]:
    """The signature where there is one, else the form, else when it will be signed.

    ``known`` is what the sitter signed before: the same person is not asked for it twice.
    """
    if given is not None:
        title, *words = duties(given.text)
        return [title, html.Details([html.Summary("What was signed"), *words]), signed(given, zone)]
    if phase not in shown.phases:
        when = " or ".join(wording.PHASE[each].lower() for each in shown.phases)
        return [html.H3(shown.title), html.P(f"Signed in {when}.", className="dim")]
    if actor is None:
        return [html.H3(shown.title), html.P("Sign in to witness this.", className="dim")]
    is_sitter = shown.signer is SignerKind.SITTER
    signs = f"Sign in front of {actor.name}" if is_sitter else f"Sign as {actor.name}"
    title, *words = duties(shown.text)
    return [
        html.Details(
            children=[
                html.Summary([title, html.Span("not signed yet", className="not-signed")]),
                *words,
                html.Div(
                    _sitter(shown, known) if is_sitter else _staff(shown, actor),
                    className="fields",
                ),
                _ways(shown),
                dcc.Store(id=ids.sign_shown(shown.id), data=shown.text),
                html.Button(
                    signs,
                    id=ids.sign(shown.id),
                    type="button",
                    className="button button-main",
                    **form.carried,
                ),
            ]
        )
    ]


def _sitter(shown: Statement, known: Signature | None) -> list[Component]:
    fields = [
        _text(shown, "name", "Full name", known.name if known else ""),
        _text(shown, "relation", "Relation to the patient", known.relation if known else ""),
        _text(shown, "phone", "Telephone", known.phone if known else ""),
    ]
    if shown.id == HANDOVER:
        fields.append(_text(shown, "transport", "How the patient gets home", ""))
    checks = (("id_checked", "Identity checked"), ("is_adult", "An adult"))
    return [
        *fields,
        html.Div(
            [
                dmc.Checkbox(id=ids.sign_check(shown.id, field), label=label, checked=False)
                for field, label in checks
            ],
            className="checks",
        ),
    ]


def _staff(shown: Statement, actor: Actor) -> list[Component]:
    return [_text(shown, "name", "Name", actor.name, is_fixed=True)]


def _text(
    shown: Statement, field: str, label: str, value: str, *, is_fixed: bool = False
) -> Component:
    return dmc.TextInput(
        id=ids.sign_text(shown.id, field),
        label=label,
        value=value,
        readOnly=is_fixed,
        autoComplete="off",
        attributes={"input": {"maxLength": 120}},
    )


def _ways(shown: Statement) -> html.Div:
    """A pad to draw on and a line to type on; the style sheet shows the one that is chosen."""
    mark = ids.sign_mark(shown.id)
    return html.Div(
        className=ways_class(SignMethod.DRAWN),
        id=ids.sign_ways(shown.id),
        children=[
            dmc.SegmentedControl(
                id=ids.sign_method(shown.id),
                value=SignMethod.DRAWN.value,
                data=[
                    {"value": SignMethod.DRAWN.value, "label": "Draw"},
                    {"value": SignMethod.TYPED.value, "label": "Type"},
                ],
            ),
            html.Div(
                className="sign-pad",
                children=[
                    html.Div(className="paper pad", **{"data-mark": json.dumps(mark)}),
                    html.Button("Clear", type="button", className="button", **{"data-clears": ""}),
                ],
            ),
            html.Div(_text(shown, "typed", "Type the full name again", ""), className="sign-line"),
            dcc.Store(id=mark, data=""),
        ],
    )


def ways_class(method: SignMethod) -> str:
    return f"sign-ways is-{method}"
