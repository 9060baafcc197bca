"""What can be done with a session now: start it, take the next step, end it?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import NamedTuple

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from clinical.catalog.presets import Presets
from clinical.links import CuffOrder
from clinical.phases import SessionPhase
from clinical.record import BaselineLocked
from clinical.sign_off import Actor, Role
from clinical.snapshot import ChairView, SessionView
from dashboard import ids
from dashboard.views import wording
from dashboard.views.panel import Form

START, LOCK = "start", "lock"
CUFF_START, CUFF_CANCEL = "cuff-start", "cuff-cancel"
CUFF_ALLOW, CUFF_FORBID = "cuff-allow", "cuff-forbid"
PLANNED_MIN, SERIES_LENGTH = 40, 6  # the usual infusion and series; a nurse changes them here
PRESET = "ketamine-adult"  # the usual one
NOBODY = ""


class Start(NamedTuple):
    """What a session can be started with: presets, and who can be called to its alarms."""

    presets: Presets = Presets({})
    staff: Sequence[Actor] = ()


NOTHING_TO_CHOOSE = Start()


def controls(
    session: SessionView | None,
    zone: tzinfo | None,
    form: Form,
    start: Start = NOTHING_TO_CHOOSE,
    decision_above: tuple[float, float] | None = None,
) -> list[Component]:
    """The steps that the phase allows. What forbids one is the engine's to say, not the page's.

    ``decision_above`` (mmHg) is the preset's: with more before the dose somebody says why.
    """
    if session is None:
        return _start(start, form)
    match session.phase:
        case SessionPhase.PREPARATION:
            steps = [_step(SessionPhase.BASELINE, "Begin baseline", form)]
        case SessionPhase.BASELINE:
            steps = _from_baseline(session, decision_above, zone, form)
        case SessionPhase.INFUSING:
            steps = [_step(SessionPhase.RECOVERY, "Stop infusion", form)]
        case SessionPhase.RECOVERY:
            steps = _discharge(session, form)
        case _:
            return [html.P(wording.PHASE[session.phase])]
    return [
        html.H2(wording.PHASE[session.phase]),
        html.P(f"Since {wording.hour_minute(session.phase_since, zone)}", className="dim"),
        *steps,
    ]


def baseline(locked: BaselineLocked) -> str:
    """118/76 (90), HR 72, SpO2 98 %."""
    parts = [
        f"{locked.systolic_mmhg:.0f}/{locked.diastolic_mmhg:.0f} ({locked.mean_mmhg:.0f}) mmHg"
    ]
    if locked.heart_rate_bpm is not None:
        parts.append(f"HR {locked.heart_rate_bpm:.0f}")
    if locked.spo2_pct is not None:
        parts.append(f"SpO2 {locked.spo2_pct:.0f} %")
    return ", ".join(parts)


def _start(start: Start, form: Form) -> list[Component]:
    return [
        html.H2("Start a session"),
        html.Div(
            className="fields",
            children=[
                dmc.TextInput(
                    id=ids.field("patient"),
                    label="Initials",
                    description="At most 4 letters",
                    attributes={"input": {"maxLength": 4}},
                    autoComplete="off",
                    spellCheck=False,
                ),
                dmc.NumberInput(
                    id=ids.field("planned_min"),
                    label="Infusion, minutes",
                    description="As planned",
                    value=PLANNED_MIN,
                    min=1,
                    allowDecimal=False,
                ),
                dmc.NumberInput(
                    id=ids.field("infusion_number"),
                    label="Infusion number",
                    value=1,
                    min=1,
                    allowDecimal=False,
                ),
                dmc.NumberInput(
                    id=ids.field("series_length"),
                    label="of a series of",
                    value=SERIES_LENGTH,
                    min=1,
                    allowDecimal=False,
                ),
                dmc.Select(
                    id=ids.field("preset"),
                    label="Alarm limits",
                    description="Signed: a medical director has approved them",
                    data=_presets(start.presets),
                    value=PRESET,
                    allowDeselect=False,
                    className="wide",
                ),
                dmc.Select(
                    id=ids.field("second"),
                    label="Second person",
                    description=(
                        "Is called to an alarm that nobody answers. Nobody: it goes to all screens,"
                        " and no further"
                    ),
                    data=[
                        {"value": NOBODY, "label": "Nobody"},
                        *(
                            {"value": each.user, "label": f"{each.name}, {wording.ROLE[each.role]}"}
                            for each in start.staff
                        ),
                    ],
                    value=NOBODY,
                    allowDeselect=False,
                    className="wide",
                ),
            ],
        ),
        _button(START, "Start session", form, "button-main"),
    ]


def _presets(presets: Presets) -> list[dict[str, str]]:
    """The newest edition of each, and whether a medical director has signed it."""
    found = []
    for name in presets.names:
        preset = presets.newest(name)
        signed = "signed" if presets.is_approved(preset) else "not signed"
        label = f"{preset.title}, version {preset.version} ({signed})"
        found.append({"value": name, "label": label})
    return found


def _from_baseline(
    session: SessionView,
    decision_above: tuple[float, float] | None,
    zone: tzinfo | None,
    form: Form,
) -> list[Component]:
    why: list[Component] = []
    if decision_above is not None:
        systolic, diastolic = decision_above
        why.append(
            dmc.TextInput(
                id=ids.field("decision"),
                label=f"Above {systolic:g}/{diastolic:g} before the dose: why go on?",
                description="A clinician decides",
                attributes={"input": {"maxLength": 200}},
            )
        )
    if session.baseline is None:
        return [
            *why,
            html.P("No baseline yet: changes from it cannot be shown.", className="dim"),
            html.Div(
                className="steps",
                children=[
                    _button(LOCK, "Lock baseline", form, "button-main"),
                    _button(SessionPhase.INFUSING, "Start infusion", form),
                ],
            ),
        ]
    locked = session.baseline
    return [
        *why,
        html.P(baseline(locked), className="baseline"),
        html.P(f"Locked by {locked.by} at {wording.time_of_day(locked.at, zone)}", className="dim"),
        _step(SessionPhase.INFUSING, "Start infusion", form),
    ]


def _discharge(session: SessionView, form: Form) -> list[Component]:
    """The button can always be pressed: the engine says what is missing."""
    if not session.missing:
        return [_step(SessionPhase.DISCHARGED, "Discharge", form)]
    count = len(session.missing)
    return [
        html.P(
            f"{count} {'thing is' if count == 1 else 'things are'} still missing.", className="dim"
        ),
        _button(SessionPhase.DISCHARGED, "Discharge", form, "button-waiting"),
    ]


def cuff(view: ChairView, role: Role | None, form: Form) -> list[Component]:
    """Start and cancel a cuff cycle, where the monitor lets it and a clinician allowed it.

    To cancel needs no permission: an arm that hurts does not wait for one.
    """
    session = view.session
    if session is None or not any(each.works_cuff for each in view.monitors):
        return []
    may_decide = role in (Role.CLINICIAN, Role.DIRECTOR)
    is_allowed = session.may_start_cuff
    buttons = [_button(CUFF_CANCEL, "Cancel cuff", form)]
    if is_allowed:
        buttons.insert(0, _button(CUFF_START, "Start cuff", form))
    if may_decide:
        words = "Forbid starting it from here" if is_allowed else "Allow starting it from here"
        buttons.append(_button(CUFF_FORBID if is_allowed else CUFF_ALLOW, words, form))
    says = "A clinician allows" if is_allowed else "No clinician has allowed"
    return [
        html.H2("Cuff"),
        html.P(f"{says} starting the cuff from this page.", className="dim"),
        html.Div(buttons, className="steps"),
    ]


def cuff_asked(order: CuffOrder, at: datetime, zone: tzinfo | None) -> list[Component]:
    """An order changes nothing else on the page until the monitor has a reading."""
    asked = f"Asked the monitor to {order} the cuff at {wording.time_of_day(at, zone)}."
    return [html.P(asked, className="cuff-asked", role="status")]


def end_early(form: Form) -> list[Component]:
    """Apart from the other steps: a reason half written survives whatever changes there."""
    return [
        html.Details(
            className="end-early",
            children=[
                html.Summary("End the session early"),
                dmc.TextInput(
                    id=ids.field("reason"),
                    label="Why does it end early?",
                    attributes={"input": {"maxLength": 200}},
                ),
                _button(SessionPhase.ABORTED, "End session", form),
            ],
        )
    ]


def _step(to: SessionPhase, text: str, form: Form) -> Component:
    return _button(to, text, form, "button-main")


def _button(about: str, text: str, form: Form, more: str = "") -> html.Button:
    return html.Button(
        text,
        id=ids.act(str(about)),
        type="button",
        className=f"button {more}".strip(),
        **form.carried,
    )
