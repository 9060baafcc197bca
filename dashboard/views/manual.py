"""How does a nurse enter by hand what no monitor has measured, in as few touches as can be?

One row of fields, a value in any of them, Enter. What a person must say each time is as short as it
can be: the initials are known, the time is now.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from clinical.record import Reading
from clinical.sign_off import Actor
from clinical.snapshot import SessionView
from clinical.vitals import NATURE, Metric
from dashboard import ids
from dashboard.views import wording
from dashboard.views.numbers import UNIT
from dashboard.views.panel import Form

INITIALS, TIME = "initials", "time"
RECORD, SURE, NOT_SO = "record", "sure", "not-so"
# In the order of the fields; the heart rate first would part the pressures from what is typed most.
ENTERED = (
    Metric.NIBP_SYSTOLIC,
    Metric.NIBP_DIASTOLIC,
    Metric.HEART_RATE,
    Metric.SPO2,
    Metric.RESP_RATE,
    Metric.TEMPERATURE_1,
)
LABEL = {Metric.TEMPERATURE_1: "T"}
DECIMALS = {Metric.TEMPERATURE_1: 1}
INITIALS_MAX = 4
LATEST_AHEAD = timedelta(hours=12)  # a time of day further ahead is yesterday's


def form(session: SessionView | None, actor: Actor | None, form: Form) -> list[Component]:
    """The fields, empty; they are drawn anew for another patient or another person only."""
    if session is None or actor is None:
        return []
    return [
        html.H2("Enter by hand", id=ids.MANUAL_TITLE),
        html.Div(
            role="group",
            **{"aria-labelledby": ids.MANUAL_TITLE, "data-fields": ""},
            className="hand",
            key=f"{session.session} {actor.user}",
            children=[
                html.Div([_field(metric) for metric in ENTERED], className="hand-values"),
                html.Div(
                    [
                        dmc.TextInput(
                            id=ids.manual_word(INITIALS),
                            name=INITIALS,
                            label="Your initials",
                            size="md",
                            value=initials_of(actor.name),
                            persistence=actor.user,  # each has their own
                            persistence_type="session",
                            autoComplete="off",
                            spellCheck=False,
                            attributes={"input": {"maxLength": INITIALS_MAX}},
                        ),
                        dmc.TextInput(
                            id=ids.manual_word(TIME),
                            name=TIME,
                            label="Time",
                            size="md",
                            placeholder="now",
                            value="",
                            autoComplete="off",
                            attributes={"input": {"maxLength": 5, "inputMode": "numeric"}},
                        ),
                        html.Button(
                            "Record",
                            id=ids.MANUAL_RECORD,
                            type="button",
                            className="button button-main",
                            **form.carried,
                            **_presses(RECORD),
                        ),
                    ],
                    className="hand-who",
                ),
            ],
        ),
    ]


def _presses(about: str) -> dict[str, str]:
    return {"data-presses": ids.MANUAL_PRESSED, "data-about": about}


def _field(metric: Metric) -> Component:
    nature = NATURE[metric]
    low, high = nature.plausible
    decimals = DECIMALS.get(metric, 0)
    return dmc.NumberInput(
        id=ids.manual_value(metric.value),
        name=metric.value,
        label=LABEL.get(metric, nature.label),
        size="md",
        placeholder=UNIT[nature.unit],
        value="",
        min=low,
        max=high,
        clampBehavior="none",  # what was typed is refused, never turned into another value
        allowDecimal=decimals > 0,
        decimalScale=decimals,
        allowedDecimalSeparators=[".", ","],
        allowNegative=False,
        hideControls=True,
        attributes={"input": {"inputMode": "decimal" if decimals else "numeric"}},
    )


# Told at each key: a value that can still become possible by a further digit is not complained of
# before the field is left. What was typed may be told of after the field was left: so it is looked
# where the keys go now, not which of the two was told.
IS_LEFT = """const {id} = window.dash_clientside.callback_context.outputs_list;
  const isLeft = document.activeElement?.id !== JSON.stringify(id, Object.keys(id).sort());"""
CHECK_VALUE = f"""(value, blurs, low, high) => {{
  if (value === '' || value === null || value === undefined) return '';
  {IS_LEFT}
  if (value >= low && value <= high) return '';
  if (!isLeft && value < low && value * 10 <= high) return '';
  return `${{low}} to ${{high}} expected`;
}}"""
CHECK_TIME = f"""(value, blurs) => {{
  {IS_LEFT}
  const isTime = /^([01]?[0-9]|2[0-3])[:.]?[0-5][0-9]$/.test((value || '').trim());
  const mayBecome = /^[0-2]?[0-9]?[:.]?[0-5]?[0-9]?$/.test((value || '').trim());
  return !value || isTime || mayBecome && !isLeft ? '' : 'HH:MM expected';
}}"""


def initials_of(name: str) -> str:
    """AR of Ana Ruiz: what a person would write, to be changed where it is not."""
    letters = [word[0] for word in name.split() if word[0].isalpha()]
    return "".join(letters)[:INITIALS_MAX].upper()


def time_of(text: str, now: datetime, zone: tzinfo | None) -> datetime | None:
    """The moment that ``text`` (12:04, 1204 or 9:05) means near ``now``; None where it is empty.

    Raises ValueError, in words for whoever typed it.
    """
    text = text.strip().replace(".", ":")
    if not text:
        return None
    hours, _, minutes = text.partition(":") if ":" in text else (text[:-2], "", text[-2:])
    local = now.astimezone(zone).replace(tzinfo=None)
    try:
        if len(minutes) != 2:
            raise ValueError
        read = local.replace(hour=int(hours), minute=int(minutes), second=0, microsecond=0)
    except ValueError:
        raise ValueError(f"expected a time as HH:MM, got {text}") from None
    if read - local > LATEST_AHEAD:
        read -= timedelta(days=1)
    # The night that summer time ends has an hour twice, that in which it begins has one never.
    first, second = (read.replace(fold=fold, tzinfo=zone).astimezone(UTC) for fold in (0, 1))
    if first.astimezone(zone).replace(tzinfo=None, fold=0) != read:
        raise ValueError(f"expected a time that was, got {text}: the clocks were put forward")
    return second if second <= now else first


def values_in_words(values: Mapping[str, float]) -> str:
    """BP 210/120, HR 44: what a button says that it records."""
    rest = {Metric(name): value for name, value in values.items()}
    parts = []
    if rest.keys() >= {Metric.NIBP_SYSTOLIC, Metric.NIBP_DIASTOLIC}:
        systolic, diastolic = rest.pop(Metric.NIBP_SYSTOLIC), rest.pop(Metric.NIBP_DIASTOLIC)
        mean = rest.pop(Metric.NIBP_MEAN, None)
        parts.append(f"BP {systolic:g}/{diastolic:g}" + (f" ({mean:.0f})" if mean else ""))
    return ", ".join([*parts, *(f"{label(metric)} {value:g}" for metric, value in rest.items())])


def label(metric: Metric) -> str:
    return LABEL.get(metric, NATURE[metric].label)


def question(missing: Sequence[str], asked: Mapping[str, Any]) -> list[Component]:
    """What is unusual about it, and the way to say that it is right all the same.

    The button carries what it says: what stands in the fields by then is another matter.
    """
    words = values_in_words(asked["values"])
    buttons = [
        html.Button(
            f"Yes, record {words}",
            type="button",
            className="button button-main",
            **_presses(SURE),
            **{"data-asked": json.dumps(asked)},
        ),
        html.Button("No", type="button", className="button", **_presses(NOT_SO)),
    ]
    return [
        html.Div(
            [
                html.P("Is this right?"),
                html.Ul([html.Li(each) for each in missing]),
                html.Div(buttons, className="steps"),
            ],
            className="refused question",
            role="alert",
        )
    ]


def recorded(
    asked: Mapping[str, Any], at: datetime, zone: tzinfo | None, but: str = ""
) -> list[Component]:
    """What is in the record now; ``but`` is what to know of it, where there is something."""
    words = values_in_words(asked["values"])
    said = f"Recorded: {words}, {wording.hour_minute(at, zone)}, {asked['initials'].upper()}."
    more = [html.Br(), f"{but[0].upper()}{but[1:]}."] if but else []
    return [html.P([said, *more], className="hand-recorded", role="status")]


def newest(by_hand: Mapping[Metric, Reading], zone: tzinfo | None, _form: Form) -> list[Component]:
    """The newest of each sign: not all of them have a number on this page."""
    known = {
        metric: reading
        for metric in (*ENTERED, *by_hand)
        if (reading := by_hand.get(metric)) and reading.observation.value is not None
    }
    together: dict[str, dict[str, float]] = {}  # what was taken at one time by one person
    for metric, reading in known.items():
        of_reading = together.setdefault(_by(reading, zone), {})
        of_reading[metric.value] = reading.observation.value or 0.0
    words = [
        html.Li([values_in_words(values), html.Span(f" {by}", className="dim")])
        for by, values in together.items()
    ]
    return [html.Ul(words, className="hand-newest", **{"aria-label": "By hand"})] if words else []


def _by(reading: Reading, zone: tzinfo | None) -> str:
    initials = reading.entry.initials if reading.entry else ""
    return f"{wording.hour_minute(reading.observation.observed_at, zone)} {initials}".strip()


def part(placed: Mapping[str, Component]) -> html.Section:
    """The whole of it on its page; what came of a press outlives a new drawing."""
    return html.Section(
        [
            dcc.Store(id=ids.MANUAL_PRESSED),
            placed["manual"],
            html.Div(id=ids.MANUAL_SAID),
            placed["by-hand"],
        ],
        className="part by-hand",
    )
