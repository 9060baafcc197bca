"""Which limits are in force in this session, and how does a nurse move some of them?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from clinical.alarms import AlarmLimit, AlarmPriority, Direction
from clinical.catalog.preset import LimitKey, Preset
from clinical.catalog.presets import why_not
from clinical.record import LimitChanged
from clinical.snapshot import SessionView
from clinical.vitals import NATURE, Metric
from dashboard import ids
from dashboard.views import wording
from dashboard.views.numbers import UNIT
from dashboard.views.panel import Form
from dashboard.views.silence import REASON_MAX

LIMITS, PROBE = "limits", "probe"
CHANGE = "change"
SUGGESTED, PRESET = "suggested", "preset"
YES, NO = "yes", "no"

COLUMNS: tuple[tuple[str, AlarmPriority, tuple[Direction, ...]], ...] = (
    ("High, low side", AlarmPriority.HIGH, (Direction.LOW,)),
    ("Medium, low side", AlarmPriority.MEDIUM, (Direction.LOW,)),
    ("Low", AlarmPriority.LOW, (Direction.LOW, Direction.HIGH)),
    ("Medium, high side", AlarmPriority.MEDIUM, (Direction.HIGH,)),
    ("High, high side", AlarmPriority.HIGH, (Direction.HIGH,)),
)


def key_of(limit: AlarmLimit) -> LimitKey:
    return limit.metric, limit.direction, limit.priority


def movable(session: SessionView, preset: Preset) -> dict[LimitKey, tuple[AlarmLimit, AlarmLimit]]:
    """What a nurse may move: by its name the limit in force, and that of the preset."""
    found = {}
    for own in preset.limits:
        key = key_of(own)
        if preset.movable(*key) is not own:
            continue
        now = [each for each in session.limits if key_of(each) == key and each.is_plain]
        moved = [each for each in now if each.is_adjusted]
        in_force = next(iter(moved), next((each for each in now if each.value == own.value), own))
        found[key] = (in_force, own)
    return found


def head(session: SessionView | None, preset: Preset | None) -> list[Component]:
    """One line: which preset, whether it is signed, what was moved, what is off."""
    if session is None:
        return []
    signed = "signed by a medical director" if session.is_approved else "not signed"
    title = preset.title if preset else session.preset
    moved = sum(limit.is_adjusted for limit in session.limits)
    remarks = [f"{title}, version {session.preset_version}, {signed}"]
    if moved:
        remarks.append(f"{moved} moved for this session")
    if session.lacks_baseline:
        remarks.append("No baseline: relative limits are off")
    return [
        html.Span("Alarm limits", className="limits-title"),
        html.Span(" · ".join(remarks), className="dim"),
    ]


def table(
    session: SessionView | None,
    preset: Preset | None,
    moved: Mapping[LimitKey, LimitChanged],
    zone: tzinfo | None,
    _form: Form,
) -> list[Component]:
    """Every sign with its limits, from the lowest to the highest, and how long each waits."""
    if session is None:
        return []
    metrics = dict.fromkeys(limit.metric for limit in session.limits)
    rows = [
        html.Tr(
            [
                html.Th([NATURE[metric].label, html.Span(f" {UNIT[NATURE[metric].unit]}")]),
                *(
                    html.Td(
                        [
                            _limit(limit, preset, moved.get(key_of(limit)), zone)
                            for limit in _ordered(session.limits)
                            if limit.metric is metric
                            and limit.priority is priority
                            and limit.direction in directions
                        ],
                        className=f"limit-{priority}",
                    )
                    for _name, priority, directions in COLUMNS
                ),
            ]
        )
        for metric in metrics
    ]
    header = html.Thead(html.Tr([html.Th("Sign"), *(html.Th(name) for name, *_ in COLUMNS)]))
    return [html.Div(html.Table([header, html.Tbody(rows)]), className="table limits-table")]


def _ordered(limits: Sequence[AlarmLimit]) -> list[AlarmLimit]:
    """The plain ones first, then those of the baseline, then those that look at another sign."""
    return sorted(limits, key=lambda each: (each.change is not None, each.beside is not None))


def _limit(
    limit: AlarmLimit,
    preset: Preset | None,
    changed: LimitChanged | None,
    zone: tzinfo | None,
) -> html.Div:
    """> 120 for 10 s; and where it was moved from what, by whom, when."""
    lasts = html.Span(f" {limit.delay_s:g} s", className="dim") if limit.delay_s else None
    if not limit.is_adjusted:
        return html.Div([limit.words, lasts], className="limit")
    own = preset.movable(*key_of(limit)) if preset else None
    why = [f"preset {own.value:g}"] if own else []
    if changed:
        why.append(f"{changed.by}, {wording.hour_minute(changed.at, zone)}")
        if changed.reason:
            why.append(changed.reason)
    return html.Div(
        [
            html.Strong(f"{limit.words} moved"),
            lasts,
            html.Div(" – ".join(why), className="dim"),
        ],
        className="limit is-moved",
    )


def fields(session: SessionView | None, preset: Preset | None, form: Form) -> list[Component]:
    """A field for each limit that may be moved, with the allowed range and the preset's value."""
    if session is None or preset is None or not preset.bounds:
        return []
    found = movable(session, preset)
    rows: list[Component] = []
    for side, (least, most) in preset.bounds.items():
        own = {key: limits for key, limits in found.items() if key[:2] == side}
        if own:
            rows.append(_row(side, least, most, own))
    suggest = _fill(SUGGESTED, "Suggest from baseline") if session.baseline else None
    return [
        html.Div(rows, className="limit-rows", key=str(session.session)),
        html.Div([suggest, _fill(PRESET, "Back to preset")], className="steps"),
        html.Div(id=ids.WILL_CHANGE, className="will-change", **{"aria-live": "polite"}),
        html.Div(
            dmc.TextInput(
                id=ids.ask_field(LIMITS, "reason"),
                label="Why? (optional)",
                value="",
                autoComplete="off",
                attributes={"input": {"maxLength": REASON_MAX}},
            ),
            key=f"why {session.session}",
        ),
        html.Button(
            "Change these limits",
            id=ids.ask(LIMITS, CHANGE),
            type="button",
            className="button button-main",
            **form.carried,
        ),
    ]


def _row(
    side: tuple[Metric, Direction],
    least: float,
    most: float,
    own: Mapping[LimitKey, tuple[AlarmLimit, AlarmLimit]],
) -> html.Div:
    metric, direction = side
    name = f"{NATURE[metric].label} {direction}"
    return html.Div(
        className="limit-row",
        role="group",
        **{"aria-label": name},
        children=[
            html.Div(
                [
                    html.Strong(name),
                    html.Span(f"{least:g} to {most:g}", className="dim limit-range"),
                ]
            ),
            *(
                dmc.NumberInput(
                    id=ids.limit(key[0].value, key[1].value, key[2].value),
                    label=f"{key[2].value.capitalize()} {now.operator}",
                    description=f"preset {preset.value:g}",
                    inputWrapperOrder=["label", "input", "description"],
                    value=now.value,
                    allowDecimal=False,
                    clampBehavior="none",  # a refusal says why; a corrected number would not
                    hideControls=True,
                    size="sm",
                    className="is-moved" if now.is_adjusted else "",
                    attributes={"input": {"aria-label": f"{name}, {key[2].value}"}},
                )
                for key, (now, preset) in sorted(own.items(), key=lambda each: each[0][2].rank)
            ),
        ],
    )


def _fill(about: str, text: str) -> html.Button:
    return html.Button(text, id=ids.fill(about), type="button", className="button")


def will_change(
    session: SessionView, preset: Preset, asked: Mapping[LimitKey, Any]
) -> list[Component]:
    """What would be other than now, before anybody confirms it."""
    lines = [html.Li(words) for words in _changes(session, preset, asked)]
    if not lines:
        return [html.P("Nothing is changed yet.", className="dim")]
    numbers = {key: value for key, value in asked.items() if isinstance(value, int | float)}
    against = why_not(preset, numbers)
    warning = [html.P(f"Not allowed: {against}.", className="refused")] if against else []
    return [html.P("This will change:"), html.Ul(lines), *warning]


def _changes(session: SessionView, preset: Preset, asked: Mapping[LimitKey, Any]) -> Iterator[str]:
    for key, (now, _own) in movable(session, preset).items():
        value = asked.get(key, now.value)
        metric, direction, priority = key
        name = f"{NATURE[metric].label} {direction}, {priority}: "
        if not isinstance(value, int | float):
            yield f"{name}a number is missing"
        elif value != now.value:
            yield f"{name}{now.operator} {now.value:g} becomes {now.operator} {value:g}"


def probe(session: SessionView | None, form: Form) -> list[Component]:
    """Whether the SpO2 probe sits on the arm with the cuff: then its low limits wait for that."""
    if session is None:
        return []
    here = session.is_probe_on_cuff_arm
    buttons = [
        html.Button(
            words,
            id=ids.ask(PROBE, about),
            type="button",
            className="button answer",
            **{"aria-pressed": "true" if is_so is here else "false"},
            **form.carried,
        )
        for about, words, is_so in ((YES, "Yes", True), (NO, "No", False))
    ]
    explains = "Low SpO2 limits wait 45 s each time the cuff starts." if here else ""
    return [
        html.Div(
            [
                html.Span("SpO2 probe on the arm with the cuff?"),
                html.Div(buttons, className="answers", role="group"),
                html.Span(explains, className="dim"),
            ],
            className="probe",
        )
    ]
