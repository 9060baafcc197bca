"""Where do the live numbers stand, and what is written around each?

The elements with ``data-chair`` are empty here: live.js owns their text, React must never draw
over it. Until the first value the style sheet shows ``---``.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from dash import html
from dash.development.base_component import Component

from clinical.alarms import AlarmLimit, AlarmPriority, Direction
from clinical.vitals import NATURE, Metric, Unit
from dashboard import ids

UNIT = {Unit.PER_MINUTE: "/min", Unit.PERCENT: "%", Unit.MMHG: "mmHg", Unit.CELSIUS: "°C"}
BASELINE_METRICS = (
    Metric.HEART_RATE,
    Metric.NIBP_SYSTOLIC,
    Metric.NIBP_DIASTOLIC,
    Metric.NIBP_MEAN,
    Metric.SPO2,
)


def number(chair: int, metric: Metric) -> html.Span:
    """The one element that shows ``metric`` of ``chair``."""
    return html.Span(className="number", **{"data-chair": str(chair), "data-metric": metric.value})


def word(chair: int, role: str, metric: Metric | None = None) -> html.Span:
    """A text of ``chair`` that changes with the live data: elapsed, cuff-age, alarm-text ...

    ``metric`` is what a change, or the name of a monitor, is of; ``data-metric`` belongs to the
    numbers alone.
    """
    about = {"data-of": metric.value} if metric else {}
    return html.Span(
        className=f"word word-{role}", **{"data-chair": str(chair), "data-role": role, **about}
    )


def sparkline(chair: int, metric: Metric, window_s: int) -> html.Div:
    """The last ``window_s`` of one sign as a line; live.js draws into the inner element."""
    return html.Div(
        className="trace",
        children=[
            _label(f"{NATURE[metric].label}, {window_s // 60} min", "", _unsigned(chair)),
            html.Div(
                className="sparkline",
                **{"data-chair": str(chair), "data-spark": metric.value},
            ),
        ],
    )


def band(limits: Sequence[AlarmLimit], metric: Metric) -> list[str | Component]:
    """The band between the medium limits, as it stands beside a number: ``50–120``.

    Only the medium pair: it is the one a nurse acts on, and a number has room for one. Of several
    (one of a number, one of the baseline) the nearer; one that hangs on another sign too has no
    place here. What was moved for this session is marked.
    """
    medium = [
        limit
        for limit in limits
        if limit.metric is metric
        and limit.priority is AlarmPriority.MEDIUM
        and limit.beside is None
    ]
    low = [limit for limit in medium if limit.direction is Direction.LOW]
    high = [limit for limit in medium if limit.direction is Direction.HIGH]
    lower = _end(max(low, key=attrgetter("value"))) if low else None
    upper = _end(min(high, key=attrgetter("value"))) if high else None
    if lower and upper:
        return [lower, "–", upper]
    if lower:
        return ["≥ ", lower]
    return ["≤ ", upper] if upper else []


def _end(limit: AlarmLimit) -> str | Component:
    value = f"{limit.value:.0f}"
    if not limit.is_adjusted:
        return value
    return html.B(value, className="limit-moved", title="Moved for this session")


def vital(
    chair: int, metric: Metric, limits: Sequence[AlarmLimit], *, with_change: bool = False
) -> html.Div:
    """One sign with its label, unit and limits; ``with_change`` adds the change from baseline."""
    nature = NATURE[metric]
    shown = [metric]
    if metric is Metric.HEART_RATE:  # without an ECG the oximeter's pulse takes its place
        shown.append(Metric.PULSE_RATE)
    return html.Div(
        className=f"vital vital-{metric}",
        children=[
            _label(
                nature.label,
                UNIT[nature.unit],
                _off(chair, metric),
                _band(chair, metric, limits),
            ),
            html.Div([number(chair, each) for each in shown], className="digits"),
            html.Div(_around(chair, metric, with_change=with_change), className="around"),
        ],
    )


def pressure(chair: int, limits: Sequence[AlarmLimit], *, with_change: bool = False) -> html.Div:
    """The cuff: systolic over diastolic, the mean in brackets, and when it was measured."""
    change = [word(chair, "delta", Metric.NIBP_SYSTOLIC)] if with_change else []
    return html.Div(
        className="vital vital-nibp",
        children=[
            _label(
                "NIBP",
                "mmHg",
                _off(chair, Metric.NIBP_SYSTOLIC, Metric.NIBP_DIASTOLIC, Metric.NIBP_MEAN),
                word(chair, "no-baseline"),
                _band(chair, Metric.NIBP_SYSTOLIC, limits),
            ),
            html.Div(
                className="digits",
                children=[
                    number(chair, Metric.NIBP_SYSTOLIC),
                    html.Span("/", className="slash"),
                    number(chair, Metric.NIBP_DIASTOLIC),
                    html.Span(["(", number(chair, Metric.NIBP_MEAN), ")"], className="mean"),
                ],
            ),
            html.Div(
                [
                    *change,
                    word(chair, "cuff-time"),
                    word(chair, "cuff-age"),
                    word(chair, "by-hand", Metric.NIBP_SYSTOLIC),
                    word(chair, "from", Metric.NIBP_SYSTOLIC),
                ],
                className="around",
            ),
        ],
    )


def _around(chair: int, metric: Metric, *, with_change: bool) -> list[Component]:
    around = [word(chair, "by-hand", metric), word(chair, "from", metric)]
    if metric is Metric.HEART_RATE:
        around.insert(0, word(chair, "hr-source"))
    if metric is Metric.SPO2:
        around.insert(0, word(chair, "spo2-waits"))
    if with_change and metric in BASELINE_METRICS:
        around.insert(0, word(chair, "delta", metric))
    return around


def _unsigned(chair: int) -> html.Span:
    return html.Span(
        className="word word-unsigned",
        title="No medical director has signed the alarm limits of this session",
        **{"data-chair": str(chair), "data-role": "unsigned"},
    )


def _off(chair: int, *metrics: Metric) -> html.Span:
    """Which of the signs that stand here raise no alarm: a crossed bell, and their names."""
    return html.Span(
        className="word word-sign-off",
        title="The alarms of this sign are switched off",
        **{
            "data-chair": str(chair),
            "data-role": "sign-off",
            "data-of": ",".join(NATURE[metric].label for metric in metrics),
        },
    )


def _band(chair: int, metric: Metric, limits: Sequence[AlarmLimit]) -> html.Span:
    return html.Span(
        band(limits, metric),
        id=ids.band(chair, metric.value),
        className="vital-limits",
        title="Medium alarm limits",
    )


def _label(name: str, unit: str, *more: Component) -> html.Div:
    return html.Div(
        className="vital-label",
        children=[
            html.Span(name, className="vital-name"),
            html.Span(unit, className="vital-unit"),
            *more,
        ],
    )
