"""Which monitor is at a port, and if none was found: what was tried, and what came?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from clinical.vitals import NATURE, Metric, Observation
from dashboard import ids
from dashboard.errands import Errand
from dashboard.views.numbers import UNIT
from dashboard.views.raw_bytes import dump

LONGEST_S = 20  # what is promised


def running(errand: Errand, now_s: float) -> list[Component]:
    passed_s = max(0, int(now_s - errand.since_s))
    return [
        html.P(
            [html.B("Listening "), f"{passed_s} s of at most {LONGEST_S}"],
            className="detect-running",
        ),
        html.P(errand.says or "Opening the port.", className="dim"),
    ]


def found(detection: Any, port: str, can_add: bool) -> list[Component]:
    """``port`` is as it is to be remembered."""
    if detection.name is None:
        return _nothing(detection)
    add = html.Button(
        "Add to a chair …",
        id=ids.monitor_act("take", port),
        className="button",
        **{"data-monitor": detection.name, "data-baud": str(detection.settings.baud)},
    )
    sends = values(detection.observations) or "nothing that Vigil reads, so far"
    unread = ", ".join(detection.unknown)
    return [
        html.P(html.B(detection.title or detection.name), className="detect-found"),
        html.Dl(
            [
                *_row("Says it is", detection.identity.words if detection.identity else "not told"),
                *_row("Line", str(detection.settings)),
                *_row("Sends", sends),
                *(_row("Also sends, not read", unread) if unread else ()),
            ],
            className="facts",
        ),
        *([html.Div(add, className="steps")] if can_add else []),
        _raw(detection.raw),
    ]


def _nothing(detection: Any) -> list[Component]:
    heard = len(detection.raw)
    what = (
        "Bytes came, but no monitor that Vigil knows sends such: compare them with the manual."
        if heard
        else "Nothing came at all: is the monitor on, and the cable in at both ends?"
    )
    heads = ("Line", "Said first", "Came")
    return [
        html.P(html.B("No monitor was recognised."), className="detect-found"),
        html.P(what),
        html.Details(
            [
                html.Summary(f"What was tried ({len(detection.tried)})"),
                html.Div(
                    html.Table(
                        [
                            html.Thead(html.Tr([html.Th(head) for head in heads])),
                            html.Tbody([_attempt(*attempt) for attempt in detection.tried]),
                        ]
                    ),
                    className="table",
                ),
            ],
        ),
        _raw(detection.raw, is_open=heard > 0),
    ]


def _attempt(settings: object, said: object, heard: object) -> html.Tr:
    return html.Tr(
        [
            html.Td(str(settings)),
            html.Td(str(said) if said else "nothing: listened only"),
            html.Td("nothing" if not heard else f"{heard} bytes"),
        ]
    )


def _raw(data: bytes, is_open: bool = False) -> html.Details:
    return html.Details(
        [html.Summary(f"Raw bytes ({len(data)})"), dump(data, "Raw bytes of the detection")],
        open=is_open,
    )


def _row(name: str, says: str) -> tuple[html.Dt, html.Dd]:
    return html.Dt(name), html.Dd(says)


def values(observations: Iterable[Observation]) -> str:
    """``HR 72 /min, SpO2 98 %``; a sign without a value with the reason."""
    newest: dict[Metric, Observation] = {each.metric: each for each in observations}
    return ", ".join(_value(each) for each in newest.values())


def _value(one: Observation) -> str:
    nature = NATURE[one.metric]
    if one.value is None:
        return f"{nature.label} without a value ({one.quality.value.replace('_', ' ')})"
    return f"{nature.label} {round(one.value, 1):g} {UNIT[nature.unit]}"


def complaint(words: str) -> Sequence[Component]:
    return [html.Div(words, className="refused", role="alert")]
