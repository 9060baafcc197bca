"""What does the board show of each chair?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dash import dcc, html
from dash.development.base_component import Component

from clinical.alarms import AlarmLimit
from clinical.bedside import BedsideMonitor
from clinical.snapshot import ChairView, SessionView
from clinical.vitals import Metric
from dashboard import ids
from dashboard.views import wording
from dashboard.views.numbers import pressure, sparkline, vital, word

SPARK_WINDOW_S = 900
NO_CHAIRS = "No chairs yet: a director or clinician adds them under Monitors."
EMPTY_STYLE = {
    "gridColumn": "1 / -1",
    "placeSelf": "center",
    "fontSize": "1.5rem",
    "color": "var(--text)",
}


def board(
    chairs: Sequence[ChairView], limits: Mapping[int, Sequence[AlarmLimit]], *, speed: float
) -> html.Div:
    """One tile a chair; ``limits`` are those in force, by chair."""
    tiles = [tile(view, limits.get(view.chair, ())) for view in chairs]
    return html.Div(
        tiles or [dcc.Link(NO_CHAIRS, href="/monitors", style=EMPTY_STYLE)],
        id=ids.LIVE_ROOT,
        className="board",
        **{
            "data-chairs": ",".join(str(view.chair) for view in chairs),
            "data-window": str(SPARK_WINDOW_S),
            "data-speed": f"{speed:g}",
            "data-count": str(len(chairs)),
            "data-hears": "session",  # who sits where, and their limits: all that callbacks draw
        },
    )


def tile(view: ChairView, limits: Sequence[AlarmLimit]) -> html.Article:
    """One chair. Its name is the link, stretched over the tile by the style sheet."""
    chair = view.chair
    return html.Article(
        id=ids.tile(chair),
        className=tile_class(view),
        **{"data-tile": str(chair)},
        children=[
            html.Header(
                className="tile-head",
                children=[
                    dcc.Link(view.name, href=f"/chair/{chair}", className="tile-name"),
                    html.Div(tile_head(view), id=ids.tile_head(chair), className="tile-session"),
                    word(chair, "phase"),
                    clock(chair, "elapsed", "elapsed"),
                    clock(chair, "remaining", "left"),
                ],
            ),
            html.Div(
                className="tile-vitals",
                children=[
                    vital(chair, Metric.HEART_RATE, limits),
                    pressure(chair, limits),
                    vital(chair, Metric.SPO2, limits),
                    vital(chair, Metric.RESP_RATE, limits),
                    sparkline(chair, Metric.HEART_RATE, SPARK_WINDOW_S),
                ],
            ),
            alarm_line(chair),
        ],
    )


def tile_class(view: ChairView) -> str:
    return "tile" if view.session else "tile is-empty"


def tile_head(view: ChairView) -> list[Component]:
    """Who sits in the chair; a link to start a session where nobody does."""
    session = view.session
    tags: list[Component] = []
    if view.is_simulated or (session and session.is_simulated):
        tags.append(html.Span("Simulated data", className="tag tag-simulated"))
    if session is None:
        start = dcc.Link(
            "Start session", href=f"/chair/{view.chair}", className="button tile-start"
        )
        return [html.Span("Empty", className="tile-empty"), *tags, start]
    return [
        html.Span(session.patient, className="tile-patient"),
        html.Span(
            wording.infusion(session.infusion_number, session.series_length),
            className="tile-series",
        ),
        *tags,
        *unproven(view.monitors),
    ]


def unsigned(session: SessionView) -> list[Component]:
    """A mark where no medical director has signed the limits that a session runs under.

    For the chair's page; on a tile the word stands beside the sparkline, where there is room.
    """
    if session.is_approved:
        return []
    of = f"{session.preset}, version {session.preset_version}"
    why = f"No medical director has signed these alarm limits ({of})."
    return [html.Span("Limits not signed", className="tag tag-unsigned", title=why)]


def unproven(monitors: Sequence[BedsideMonitor]) -> list[Component]:
    """A mark where a monitor's protocol has not been proven on the monitor itself."""
    named = [
        f"{each.title}: {wording.PROOF[each.proof]}" for each in monitors if not each.is_proven
    ]
    if not named:
        return []
    return [html.Span("Unproven", className="tag tag-unproven", title="; ".join(named))]


def alarm_line(chair: int) -> html.Footer:
    """The worst alarm with its stars, word and shape, what has become of it, and how many more;
    beside it the sound, the recorder and the link.

    The words for the priority come from the style sheet, so that they follow live.js at once.
    """
    return html.Footer(
        className="alarm-line",
        children=[
            html.Span(className="alarm-badge"),
            word(chair, "alarm-text"),
            word(chair, "alarm-note"),
            word(chair, "alarm-more"),
            word(chair, "audio"),
            html.Span("Not recording", className="not-recording"),
            word(chair, "link"),
        ],
    )


def clock(chair: int, role: str, label: str) -> html.Div:
    """A running time and what it is of; gone where there is none."""
    return html.Div(
        [word(chair, role), html.Span(label, className="clock-label")], className="clock"
    )
