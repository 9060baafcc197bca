"""How is a checklist shown and answered: the question, what the data say, who answered when?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from clinical.checklist import Answer, Checklist, ChecklistItem, Finding, Verdict
from clinical.record import ItemAnswered
from clinical.sign_off import Role
from dashboard import ids
from dashboard.views import wording
from dashboard.views.panel import Form


def checklist(
    shown: Checklist, answers: Sequence[Component], fields: Sequence[Component]
) -> list[Component]:
    """The list: each item's text, its answers (a panel) and the field for a note."""
    return [
        html.H2(shown.title),
        html.Ol(
            className="items",
            children=[
                html.Li(
                    className="item",
                    children=[
                        html.Div(question(item), className="item-question"),
                        answered,
                        field,
                        html.Div(id=ids.said("answer", item.id)),
                    ],
                )
                for item, answered, field in zip(shown.items, answers, fields, strict=True)
            ],
        ),
    ]


def question(item: ChecklistItem) -> list[Component]:
    hint = [html.Span(item.hint, className="item-hint")] if item.hint else []
    return [html.Span(item.text), *hint]


def note_field(item: ChecklistItem) -> Component:
    """Outside of the panel, so that a note half written survives a new blood pressure."""
    return dmc.TextInput(
        id=ids.note(item.id),
        className="item-note",
        placeholder="Note",
        value="",
        attributes={"input": {"maxLength": 2000, "aria-label": f"Note: {item.text}"}},
    )


def state(
    item: ChecklistItem,
    given: ItemAnswered | None,
    finding: Finding | None,
    role: Role | None,
    zone: tzinfo | None,
    form: Form,
) -> list[Component]:
    """What the data say, the answers to choose from, and the answer that stands."""
    lines: list[Component] = []
    if finding is not None:
        lines.append(_finding(finding, is_answered=given is not None))
    if role is None or role not in item.answered_by:
        lines.append(
            html.P(f"To be answered by the {wording.either(item.answered_by)}.", className="dim")
        )
    else:
        suggested = Answer.YES if finding and finding.verdict is Verdict.MET else None
        lines.append(_choice(item, given, suggested, form))
    if given is not None:
        lines.append(answered(given, zone))
    return lines


def answered(given: ItemAnswered, zone: tzinfo | None) -> html.P:
    """Yes – berg, 14:32:05 – the note."""
    note = f" – {given.note}" if given.note else ""
    when = wording.time_of_day(given.at, zone)
    return html.P(
        className="item-answered",
        children=[
            html.Strong(wording.ANSWER[Answer(given.answer)]),
            f" – {given.by}, {when}{note}",
        ],
    )


def _finding(finding: Finding, *, is_answered: bool) -> html.P:
    said = wording.VERDICT[finding.verdict]
    if finding.verdict is Verdict.MET and not is_answered:
        said += ", and count as yes unless you answer"
    return html.P(
        [html.Span(said, className="finding-verdict"), f": {finding.evidence}"],
        className=f"finding finding-{finding.verdict}",
    )


def _choice(
    item: ChecklistItem, given: ItemAnswered | None, suggested: Answer | None, form: Form
) -> html.Div:
    values = [Answer.YES, Answer.NO]
    if item.allows_not_applicable:
        values.append(Answer.NOT_APPLICABLE)
    buttons = []
    for value in values:
        is_given = given is not None and given.answer == value
        is_suggested = given is None and value is suggested
        buttons.append(
            html.Button(
                wording.ANSWER[value],
                id=ids.answer(item.id, value.value),
                type="button",
                className="button answer" + " is-suggested" * is_suggested,
                **{"aria-pressed": "true" if is_given else "false"},
                **form.carried,
            )
        )
    return html.Div(
        buttons, className="answers", role="group", **{"aria-label": f"Answer: {item.text}"}
    )
