"""How is the sound of a chair paused, and the alarm of a sign turned off, and who sees that?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from clinical.record import AlarmSwitched, AudioState
from clinical.sign_off import Role
from clinical.snapshot import SessionView
from clinical.vitals import NATURE, Metric
from dashboard import ids
from dashboard.views import wording
from dashboard.views.panel import Form

SOUND, SIGNS = "sound", "signs"
PAUSE, END, OFF, ON = "pause", "end", "off", "on"
PAUSES_S = {120: "2 min", 30: "30 s", 60: "1 min", 300: "5 min"}  # the usual one first
REASON_MAX = 200


def sound(session: SessionView | None, role: Role | None, form: Form) -> list[Component]:
    """Pause the sound, and end a pause; its countdown stands beside, and is live.js's.

    The buttons of a pause stay where they are while it lasts: a second press of a double click
    must not meet another button.
    """
    if session is None:
        return []
    audio = session.audio
    if audio.state is AudioState.OFF:
        parts: list[Component] = [
            html.P(f"Turned off by {audio.by}: {audio.reason}", className="silenced")
        ]
        if role is Role.DIRECTOR:
            parts.append(_button(SOUND, ON, "Turn sound on", form, "button-main"))
        return parts
    pauses = [
        _button(SOUND, f"{PAUSE}:{seconds}", f"Pause {words}" if seconds == 120 else words, form)
        for seconds, words in PAUSES_S.items()
    ]
    if audio.state is AudioState.PAUSED:
        pauses.append(_button(SOUND, END, "End pause", form, "button-main"))
    return [html.Div(pauses, className="steps")]


def sound_off(session: SessionView | None, role: Role | None, form: Form) -> list[Component]:
    """A director may silence a chair for the whole session, and says why."""
    if session is None or role is not Role.DIRECTOR or session.audio.state is AudioState.OFF:
        return []
    return [
        html.Details(
            className="end-early",
            children=[
                html.Summary("Turn the sound off for this session"),
                _reason(SOUND, "Why is this chair silent?", session),
                _button(SOUND, OFF, "Sound off", form),
            ],
        )
    ]


def switched_off(
    session: SessionView | None,
    by: Mapping[Metric, AlarmSwitched],
    role: Role | None,
    zone: tzinfo | None,
    form: Form,
) -> list[Component]:
    """The signs whose alarms are off, each with why, and who decided it where that is known."""
    if session is None:
        return []
    rows = []
    for metric, reason in session.switched_off.items():
        known = by.get(metric)
        who = f" – {known.by}, {wording.time_of_day(known.at, zone)}" if known else ""
        words = html.Span(f"{NATURE[metric].label} alarms are off: {reason}{who}")
        turn_on = _button(SIGNS, f"{ON}:{metric.value}", "Turn on", form)
        rows.append(html.Li([words, *([turn_on] if _may_switch(role) else [])]))
    return [html.Ul(rows, className="signs-off")] if rows else []


def switch_off(session: SessionView | None, role: Role | None, form: Form) -> list[Component]:
    """A clinician turns the alarms of one sign off until the session ends, and says why."""
    if session is None or not _may_switch(role):
        return []
    watched = dict.fromkeys(limit.metric for limit in session.limits)
    choices = [
        {"value": metric.value, "label": NATURE[metric].label}
        for metric in watched
        if metric not in session.switched_off
    ]
    return [
        html.Details(
            className="end-early",
            children=[
                html.Summary("Turn the alarms of one sign off"),
                html.P("Until the session ends. Every screen shows it.", className="dim"),
                dmc.Select(
                    id=ids.ask_field(SIGNS, "metric"),
                    label="Sign",
                    data=choices,
                    placeholder="Choose",
                    comboboxProps={"withinPortal": True},
                ),
                _reason(SIGNS, "Why are its alarms off?", session),
                _button(SIGNS, OFF, "Alarms off", form),
            ],
        )
    ]


def _may_switch(role: Role | None) -> bool:
    return role in (Role.CLINICIAN, Role.DIRECTOR)


def _reason(about: str, label: str, session: SessionView) -> Component:
    """Empty for each session: what was written of one patient is not shown of another."""
    return html.Div(
        dmc.TextInput(
            id=ids.ask_field(about, "reason"),
            label=label,
            value="",
            autoComplete="off",
            attributes={"input": {"maxLength": REASON_MAX}},
        ),
        key=str(session.session),
    )


def _button(about: str, what: str, text: str, form: Form, more: str = "") -> html.Button:
    return html.Button(
        text,
        id=ids.ask(about, what),
        type="button",
        className=f"button {more}".strip(),
        **form.carried,
    )
