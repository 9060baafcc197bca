"""What does a nurse see of each open alarm of a chair: what it says, who knows, what is asked?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import tzinfo
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from clinical.alarms import AlarmPriority
from clinical.chair import RULES_FAILED
from clinical.record import CallStage
from clinical.snapshot import AlarmView, CallView, SessionView
from dashboard import ids
from dashboard.views import wording
from dashboard.views.panel import Form

ALARMS = "alarms"
REASON_MAX = 200
# What a nurse most often writes; anything else can be typed.
REASONS = (
    "Expected with the dose",
    "Being watched",
    "Treated",
    "Movement or artefact",
    "Sensor seen to",
)


def alarms(
    open_alarms: Sequence[AlarmView],
    texts: Sequence[Component],
    lives: Sequence[Component],
    may_act: bool,
    form: Form,
) -> list[Component]:
    """Every open alarm, worst first, each with the button that says that somebody has seen it.

    ``texts`` are their words and ``lives`` what became of them, each a panel: they change while
    the button beside them must stay under the finger.
    """
    if not open_alarms:
        return [html.H2("Alarms"), html.P("No open alarms", className="dim")]
    rows = [
        _alarm(alarm, text, life, may_act, form)
        for alarm, text, life in zip(open_alarms, texts, lives, strict=True)
    ]
    return [html.H2("Alarms"), html.Ul(rows, className="alarms")]


def _alarm(
    alarm: AlarmView, text: Component, life: Component, may_act: bool, form: Form
) -> html.Li:
    button: Component | None = None
    can_be_seen = alarm.condition != RULES_FAILED  # it ends when Vigil is well again
    if may_act and can_be_seen and (alarm.is_latched or alarm.acknowledged_at is None):
        button = html.Button(
            "Reset" if alarm.is_latched else "Acknowledge",
            id=ids.acknowledge(str(alarm.alarm_id)),
            type="button",
            className="button",
            **form.carried,
            **{
                "data-presses": ids.ALARMS_PRESSED,
                "data-about": str(alarm.alarm_id),
                "data-news": alarm.news,
            },
        )
    kept: dict[str, Any] = {"data-latched": "true"} if alarm.is_latched else {}
    return html.Li(
        className="alarm",
        **{"data-priority": alarm.priority.value, **kept},
        children=[html.Span(className="alarm-badge"), text, button, life],
    )


def text(alarm: AlarmView, _form: Form) -> list[Component]:
    """SYS 172 > 160, with the stars of its priority, and the worst value so far."""
    worst = f"worst {alarm.worst:.0f}" if alarm.worst is not None else ""
    if alarm.unseen:
        worst = f"{alarm.unseen}, not seen"
    return [
        html.Span(alarm.text, className="alarm-words"),
        html.Span(worst, className="dim alarm-worst"),
    ]


def life(alarm: AlarmView, zone: tzinfo | None, _form: Form) -> list[Component]:
    """Since when, how far it has come, who was called and who has it on a screen."""
    lines: list[Component] = []
    if any(call.stage is CallStage.PROMPT for call in alarm.calls) and _is_waiting(alarm):
        lines.append(
            html.P("Unanswered for 60 s: think about stopping the infusion", className="alarm-stop")
        )
    state = f"Since {wording.time_of_day(alarm.onset_at, zone)}{_state(alarm, zone)}"
    lines.append(html.P(state, className="alarm-state"))
    if alarm.needs_repeat and not alarm.is_latched:
        lines.append(html.P("Take the blood pressure again: a second reading within 2 min"))
    if alarm.confirmed_at:
        at = wording.time_of_day(alarm.confirmed_at, zone)
        lines.append(html.P(f"Confirmed by a second reading at {at}"))
    lines += [html.P(words, className="dim") for words in _known(alarm, zone)]
    return lines


def _is_waiting(alarm: AlarmView) -> bool:
    return alarm.acknowledged_at is None and not alarm.is_latched


def _state(alarm: AlarmView, zone: tzinfo | None) -> str:
    if alarm.is_latched:
        return " – has ended, and nobody has said that they saw it"
    if alarm.acknowledged_by and alarm.acknowledged_at:
        at = wording.time_of_day(alarm.acknowledged_at, zone)
        return f" – Seen by {alarm.acknowledged_by} at {at}"
    return ""


def _known(alarm: AlarmView, zone: tzinfo | None) -> Iterator[str]:
    """Who was called, and on whose screens it stands; what is not confirmed is said to be so."""
    if _is_waiting(alarm):
        yield from (_called(call, zone) for call in alarm.calls if call.stage is CallStage.SECOND)
    where = "On all screens" if alarm.is_on_all_screens else "On screen"
    names = ", ".join(alarm.shown_to)
    if names:
        yield f"{where}: {names}"
    elif _is_waiting(alarm) and alarm.priority is not AlarmPriority.LOW:
        yield f"{where}: none has confirmed it yet"


def _called(call: CallView, zone: tzinfo | None) -> str:
    at = wording.time_of_day(call.at, zone)
    if not call.to:
        return f"Unanswered at {at}: no second person is named"
    if call.seen_at is None:
        return f"Called {call.to} at {at} – not seen yet"
    return f"Called {call.to} at {at} – seen at {wording.time_of_day(call.seen_at, zone)}"


def reason(session: SessionView | None, may_act: bool, _form: Form) -> list[Component]:
    """One field for all alarms, beside no button: what is typed outlives the next alarm."""
    if session is None or not may_act:
        return []
    return [
        html.Div(
            dmc.Autocomplete(
                id=ids.ask_field(ALARMS, "reason"),
                label="Reason, if any: it goes with the next Acknowledge",
                data=list(REASONS),
                value="",
                maxDropdownHeight=260,
                attributes={"input": {"maxLength": REASON_MAX}},
            ),
            key=str(session.session),
        )
    ]
