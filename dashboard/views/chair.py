"""What stands where on the page of one chair: numbers, trend, and what is to be done beside?"""

from __future__ import annotations

from collections.abc import Sequence

from dash import dcc, html
from dash.development.base_component import Component

from clinical.alarms import AlarmLimit
from clinical.snapshot import ChairView
from clinical.vitals import Metric
from dashboard import ids
from dashboard.views import identity, wording
from dashboard.views.board import alarm_line, clock, unproven, unsigned
from dashboard.views.numbers import pressure, vital, word
from dashboard.views.trend import CONFIG, live_figure

TREND_WINDOW_S = 7200  # as long as the server keeps what it sent


def page(
    view: ChairView,
    limits: Sequence[AlarmLimit],
    head: Component,
    aside: Sequence[Component],
    *,
    speed: float,
) -> html.Div:
    """The patient on the left, what is to be done on the right."""
    chair = view.chair
    of_two = "is-of-two" if len(view.monitors) > 1 else ""
    return html.Div(
        id=ids.LIVE_ROOT,
        className="chair",
        **{
            "data-chairs": str(chair),
            "data-window": str(TREND_WINDOW_S),
            "data-speed": f"{speed:g}",
        },
        children=[
            dcc.Store(id=ids.CHAIR, data=chair),
            dcc.Store(id=ids.TREND_MARKS),
            dcc.Store(id=ids.ALARMS_PRESSED),
            html.Section(
                className="watch",
                **{"data-tile": str(chair)},
                children=[
                    html.Header(
                        className="watch-head",
                        children=[
                            html.H1(view.name),
                            head,
                            word(chair, "phase"),
                            clock(chair, "elapsed", "elapsed"),
                            clock(chair, "remaining", "left"),
                        ],
                    ),
                    html.Div(_numbers(chair, limits), className=f"watch-numbers {of_two}".strip()),
                    alarm_line(chair),
                    word(chair, "link-detail"),
                    word(chair, "remarks"),
                    html.Div(
                        dcc.Graph(
                            id=ids.TREND, figure=live_figure(), config=CONFIG, className="plot"
                        ),
                        className="watch-trend",
                        **{"data-trend": str(chair)},
                    ),
                ],
            ),
            html.Div(list(aside), className="aside"),
        ],
    )


def _numbers(chair: int, limits: Sequence[AlarmLimit]) -> list[Component]:
    return [
        vital(chair, Metric.HEART_RATE, limits, with_change=True),
        pressure(chair, limits, with_change=True),
        vital(chair, Metric.SPO2, limits, with_change=True),
        vital(chair, Metric.RESP_RATE, limits),
    ]


def head(view: ChairView) -> list[Component]:
    """Who sits in the chair, as on the board."""
    session = view.session
    parts: list[Component] = []
    if session is None:
        parts.append(html.Span("Empty", className="tile-empty"))
    else:
        series = wording.infusion(session.infusion_number, session.series_length)
        parts += [
            html.Span(session.patient, className="tile-patient"),
            html.Span(series, className="tile-series"),
        ]
    if view.is_simulated or (session and session.is_simulated):
        parts.append(html.Span("Simulated data", className="tag tag-simulated"))
    if session is not None:
        parts += unsigned(session)
    return [*parts, *unproven(view.monitors)]


def monitors(view: ChairView) -> list[Component]:
    """Which monitors this chair is read from, how far each is proven, and what to mind."""
    if not view.monitors:
        return []
    return [
        html.H2("Monitor" if len(view.monitors) == 1 else "Monitors"),
        html.Ul(
            [
                html.Li(
                    [
                        html.Span(each.title),
                        *identity.said(view, each.name),
                        html.Span(f" {wording.PROOF[each.proof]}", className="dim"),
                        *([html.P(each.caution, className="caution")] if each.caution else []),
                    ]
                )
                for each in view.monitors
            ],
            className="monitors",
        ),
        html.P("The monitor's own alarms stay primary.", className="dim"),
    ]
