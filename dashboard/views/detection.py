"""Which monitor is at a port, and if none was found: what was tried, and what came?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from dash import html
from dash.development.base_component import Component

from clinical.vitals import NATURE, Metric, Observation
from dashboard import ids
from dashboard.errands import Errand
from dashboard.views.numbers import UNIT
from dashboard.views.raw_bytes import dump
from devices.registry import PROTOCOLS

if TYPE_CHECKING:
    from devices.detect import Detection, Tried

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


def found(detection: Detection, port: str, can_add: bool) -> list[Component]:
    """``port`` is as it is to be remembered."""
    if detection.name is None:
        return _nothing(detection)
    speed = str(detection.settings.baud) if detection.settings else ""
    add = html.Button(
        "Add to a chair …",
        id=ids.monitor_act("take", port),
        type="button",
        className="button",
        **{"data-monitor": detection.name, "data-baud": speed},
    )
    identity = detection.identity
    is_named = identity is not None and (identity.model or identity.serial)
    rows = [
        ("It says it is", identity.words if identity is not None and is_named else "not told"),
        ("Line", str(detection.settings or "")),
        ("Sends", values(detection.observations) or "no value yet"),
        ("Not read", ", ".join(detection.unknown)),
    ]
    return [
        html.P(html.B(detection.title), className="detect-found"),
        *_doubt(detection),
        html.Dl(
            [part for name, words in rows if words for part in (html.Dt(name), html.Dd(words))],
            className="facts",
        ),
        *([html.Div(add, className="steps")] if can_add else []),
        _raw(detection.raw),
    ]


def _doubt(detection: Detection) -> list[Component]:
    """Others speak so that both would understand these bytes."""
    others = [PROTOCOLS[name].title for name in detection.rivals if name in PROTOCOLS]
    if not others:
        return []
    return [html.P(f"Or it is {' or '.join(others)}: look at the label on it.")]


def _nothing(detection: Detection) -> list[Component]:
    if detection.is_echo:
        what = "All that came is what Vigil said: the line leads back to itself. Look at the cable."
    elif detection.raw:
        what = "Bytes came, but no monitor that Vigil knows sends such: compare with the manual."
    else:
        what = "Nothing came at all: is the monitor on, and the cable in at both ends?"
    heads = ("Line", "Said", "Came")
    left = f"; no time for {detection.not_tried} more" if detection.not_tried else ""
    return [
        html.P(html.B("No monitor was recognised."), className="detect-found"),
        html.P(what),
        html.Details(
            [
                html.Summary(f"What was tried ({len(detection.tried)}{left})"),
                html.Div(
                    html.Table(
                        [
                            html.Thead(html.Tr([html.Th(head) for head in heads])),
                            html.Tbody([_attempt(each) for each in detection.tried]),
                        ]
                    ),
                    className="table",
                ),
            ],
        ),
        _raw(detection.raw, is_open=bool(detection.raw)),
    ]


def _attempt(tried: Tried) -> html.Tr:
    return html.Tr(
        [
            html.Td(tried.settings),
            html.Td(f"as to {tried.said}" if tried.said else "nothing, listened only"),
            html.Td(f"{tried.heard} bytes" if tried.heard else "nothing"),
        ]
    )


def _raw(data: bytes, is_open: bool = False) -> html.Details:
    return html.Details(
        [html.Summary(f"Raw bytes ({len(data)})"), dump(data, "Raw bytes of the detection")],
        open=is_open,
    )


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
