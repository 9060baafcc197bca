"""How are past sessions shown: all of them in a grid, and one of them whole?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

import dash_ag_grid as dag
import pandas as pd
from dash import dcc, html
from dash.development.base_component import Component

from clinical.alarms import AlarmLimit, AlarmPriority
from clinical.checklist import Answer
from clinical.phases import SessionPhase
from clinical.record import StatementSigned
from clinical.vitals import NATURE, Metric
from dashboard import ids
from dashboard.views import wording
from dashboard.views.numbers import UNIT
from dashboard.views.signature import duties, signed
from dashboard.views.trend import CONFIG, session_figure

ALARMS = "High · medium · low"
NONE = "–"  # what stands where nothing was measured


@dataclass(frozen=True, slots=True)
class Past:
    """One session as the record has it; the frames are those of ``storage.review``.

    ``items`` are the questions of its checklist by id, ``signatures`` each with whether its hash
    still binds, ``limits`` those of the preset, empty where that version is no longer at hand.
    """

    started: datetime
    chair: str
    patient: str
    phase: SessionPhase
    infusion_number: int
    series_length: int
    planned_infusion_min: int
    preset: str
    is_simulated: bool
    trend: pd.DataFrame
    cuffs: pd.DataFrame
    alarms: pd.DataFrame
    events: pd.DataFrame
    answers: pd.DataFrame
    signatures: Sequence[tuple[StatementSigned, bool]]
    monitors: pd.DataFrame
    items: Mapping[str, str]
    limits: Sequence[AlarmLimit]


# All sessions.


def grid(sessions: pd.DataFrame, zone: tzinfo | None) -> html.Div:
    """Every session of ``storage.review.sessions_frame``, to filter and sort; a row leads to it."""
    return html.Div(
        className="review",
        children=[
            html.H1("Past sessions"),
            html.P(
                f"Highest systolic and heart rate, lowest SpO2; alarms {ALARMS.lower()}.",
                className="dim",
            ),
            dag.AgGrid(
                id=ids.SESSIONS_GRID,
                className="grid",
                rowData=rows(sessions, zone),
                columnDefs=COLUMNS,
                defaultColDef={
                    "filter": True,
                    "sortable": True,
                    "resizable": True,
                    "flex": 1,
                },
                columnSize="responsiveSizeToFit",
                getRowId="params.data.public_id",
                style={"height": None, "width": None},  # the style sheet's
                dashGridOptions={
                    "headerHeight": 58,
                    "rowHeight": 48,
                    "animateRows": False,
                    "pagination": True,
                    "paginationPageSize": 50,
                    "paginationPageSizeSelector": False,
                    "localeText": {"noRowsToShow": "No sessions yet"},
                },
            ),
            # Plotly is five megabytes: fetched while the list is read, it is there for a session.
            html.Div(dcc.Graph(figure={}), hidden=True),
        ],
    )


def _number(field: str, name: str, width: int) -> dict[str, Any]:
    return {
        "field": field,
        "headerName": name,
        "filter": "agNumberColumnFilter",
        "type": "rightAligned",
        "minWidth": width,
    }


# The widths add up to what a tablet on its end has to give.
COLUMNS: list[dict[str, Any]] = [
    {
        "field": "link",
        "headerName": "Started",
        "cellRenderer": "markdown",  # made of a time and an id, of nothing that people wrote
        "minWidth": 140,
        "flex": 2,
    },
    {"field": "patient", "headerName": "Initials", "minWidth": 70},
    _number("chair", "Chair", 56),
    {"field": "series", "headerName": "Infusion", "minWidth": 72},
    {"field": "phase", "headerName": "Phase", "minWidth": 102, "flex": 1.5},
    _number("duration_min", "Min", 52),
    _number("peak_systolic_mmhg", "SYS ↑", 58),
    _number("peak_heart_rate_bpm", "HR ↑", 52),
    _number("min_spo2_pct", "SpO2 ↓", 64),
    {"field": "alarms", "headerName": "Alarms", "headerTooltip": ALARMS, "minWidth": 76},
]


def rows(sessions: pd.DataFrame, zone: tzinfo | None) -> list[dict[str, Any]]:
    """``sessions`` as the grid takes them; numbers whole, what is missing None."""
    return [
        {
            "public_id": row["public_id"],
            "link": (
                f"[{wording.day_and_time(row['started'].to_pydatetime(), zone)}]"
                f"({address(row['public_id'])})"
            ),
            "patient": row["patient"],
            "chair": row["chair"],
            "series": f"{row['infusion_number']} of {row['series_length']}",
            "phase": wording.PHASE[SessionPhase(row["phase"])],
            "alarms": f"{row['alarms_high']} · {row['alarms_medium']} · {row['alarms_low']}",
            **{
                name: None if pd.isna(row[name]) else round(row[name])
                for name in (
                    "duration_min",
                    "peak_systolic_mmhg",
                    "peak_heart_rate_bpm",
                    "min_spo2_pct",
                )
            },
        }
        for row in sessions.to_dict("records")
    ]


def address(public_id: str) -> str:
    return f"/review/{public_id}"


# One session.


def session(past: Past, zone: tzinfo | None) -> html.Div:
    """The whole session on one page, which prints as it stands."""
    return html.Div(
        className="review past",
        children=[
            html.Header(_title(past, zone), className="past-head"),
            _section("Course", [_course(past, zone)], "past-course"),
            _section("Alarms", [_alarms(past.alarms, zone)]),
            _section("Events", [_events(past.events, zone)]),
            _section("Checklist", [_answers(past.answers, past.items, zone)]),
            _section("Signatures", _signatures(past.signatures, zone), "past-signatures"),
            _section("Monitors", [_monitors(past.monitors)]),
            _section(f"Alarm limits: {past.preset}", [_limits(past.limits)]),
        ],
    )


def _title(past: Past, zone: tzinfo | None) -> list[Component]:
    simulated = [html.Span("Simulated data", className="tag tag-simulated")]
    return [
        html.H1([html.Span(past.patient, className="tile-patient"), f" – {past.chair}"]),
        html.Span(wording.day_and_time(past.started, zone)),
        html.Span(wording.infusion(past.infusion_number, past.series_length), className="dim"),
        html.Span(f"{past.planned_infusion_min} min planned", className="dim"),
        html.Span(wording.PHASE[past.phase], className="past-phase"),
        *(simulated if past.is_simulated else []),
        dcc.Link("All sessions", href="/review", className="button past-back"),
    ]


def _section(title: str, content: Iterable[Component], more: str = "") -> html.Section:
    return html.Section([html.H2(title), *content], className=f"part {more}".strip())


def _course(past: Past, zone: tzinfo | None) -> Component:
    if past.trend.empty and past.cuffs.empty:
        return html.P("Nothing was measured.", className="dim")
    figure = session_figure(past.trend, past.cuffs, past.alarms, past.events, past.limits, zone)
    return html.Div(
        dcc.Graph(figure=figure, config=CONFIG, className="plot"), className="past-plot"
    )


def _alarms(alarms: pd.DataFrame, zone: tzinfo | None) -> Component:
    if alarms.empty:
        return html.P("No alarms.", className="dim")
    return _table(
        ("Began", "Lasted", "Priority", "Alarm", "At onset", "Worst", "Seen by"),
        [
            (
                wording.time_of_day(row["onset"].to_pydatetime(), zone),
                NONE if pd.isna(row["duration_s"]) else wording.minutes(row["duration_s"]),
                html.Span(className="alarm-badge", **{"data-priority": row["priority"]}),
                _condition(row),
                _whole(row["value"]),
                _whole(row["worst"]),
                _seen(row, zone),
            )
            for row in alarms.to_dict("records")
        ],
    )


def _condition(row: Mapping[Any, Any]) -> str:
    """HR high, limit 120; a technical one in its own words.

    Not the text of the screen: its number was the newest, and by the end no longer beyond.
    """
    if pd.isna(row["metric"]) or pd.isna(row["limit"]):
        return row["text"]
    return f"{NATURE[Metric(row['metric'])].label} {row['direction']}, limit {row['limit']:g}"


def _whole(value: Any) -> str:
    return NONE if pd.isna(value) else f"{value:.0f}"


def _seen(row: Mapping[Any, Any], zone: tzinfo | None) -> str:
    if pd.isna(row["acknowledged"]):
        return NONE
    at = wording.time_of_day(row["acknowledged"].to_pydatetime(), zone)
    return f"{row['acknowledged_by']}, {at}"


def _events(events: pd.DataFrame, zone: tzinfo | None) -> Component:
    return _table(
        ("At", "What", "", "By"),
        [
            (
                _when(row, zone),
                wording.PHASE[SessionPhase(row["what"])]
                if row["kind"] == "phase"
                else EVENTS[row["kind"]],
                row["text"],
                NONE if pd.isna(row["by"]) else row["by"],
            )
            for row in events.to_dict("records")
        ],
    )


EVENTS = {
    "link": "Monitor",
    "gap": "Gap",
    "baseline": "Baseline locked",
    "remark": "The monitor says",
    "cuff": "Cuff",
}


def _when(row: Mapping[Any, Any], zone: tzinfo | None) -> str:
    at = wording.time_of_day(row["at"].to_pydatetime(), zone)
    if pd.isna(row["until"]):
        return at
    return f"{at} – {wording.time_of_day(row['until'].to_pydatetime(), zone)}"


def _answers(answers: pd.DataFrame, items: Mapping[str, str], zone: tzinfo | None) -> Component:
    if answers.empty:
        return html.P("Nothing was answered.", className="dim")
    return _table(
        ("Question", "Answer", "By", "At", "What the data said", "Note"),
        [
            (
                items.get(row["item"], row["item"]),
                wording.ANSWER[Answer(row["answer"])],
                row["by"],
                wording.time_of_day(row["at"].to_pydatetime(), zone),
                row["evidence"] or NONE,
                row["note"] or NONE,
            )
            for row in answers.to_dict("records")
        ],
        classes=["is-replaced" if replaced else "" for replaced in answers["is_replaced"]],
    )


def _signatures(
    signatures: Sequence[tuple[StatementSigned, bool]], zone: tzinfo | None
) -> list[Component]:
    if not signatures:
        return [html.P("Nothing was signed.", className="dim")]
    return [
        html.Article(
            className="past-signature",
            children=[
                *duties(statement.text),
                signed(statement, zone),
                html.P(
                    "The text, the session and the signature are unchanged since."
                    if binds
                    else "CHANGED SINCE IT WAS SIGNED: the hash does not match.",
                    className="dim" if binds else "refused",
                ),
            ],
        )
        for statement, binds in signatures
    ]


def _monitors(monitors: pd.DataFrame) -> Component:
    if monitors.empty:
        return html.P("The record does not say which.", className="dim")
    return _table(
        ("Monitor", "How far it was proven then", "Values kept beside another's"),
        [
            (row["name"], wording.PROOF.get(row["proof"], NONE), str(row["beside"]))
            for row in monitors.to_dict("records")
        ],
    )


def _limits(limits: Sequence[AlarmLimit]) -> Component:
    if not limits:
        return html.P("This version of the preset is not at hand.", className="dim")
    metrics = dict.fromkeys(limit.metric for limit in limits)
    priorities = sorted(AlarmPriority, key=lambda priority: -priority.rank)
    return _table(
        ("Sign", *(priority.value.capitalize() for priority in priorities)),
        [
            (
                f"{NATURE[metric].label} {UNIT[NATURE[metric].unit]}",
                *(_of(limits, metric, priority) for priority in priorities),
            )
            for metric in metrics
        ],
    )


def _of(limits: Sequence[AlarmLimit], metric: Any, priority: AlarmPriority) -> str:
    """< 50 for 10 s, > 120 for 10 s."""
    return (
        ", ".join(
            f"{limit.operator} {limit.value:g}"
            + (f" for {limit.delay_s:g} s" if limit.delay_s else "")
            for limit in limits
            if limit.metric is metric and limit.priority is priority
        )
        or NONE
    )


def _table(
    head: Sequence[str], body: Iterable[Sequence[Any]], classes: Sequence[str] | None = None
) -> html.Div:
    lines = [html.Tr([html.Td(cell) for cell in row]) for row in body]
    for line, name in zip(lines, classes or (), strict=False):
        line.className = name
    return html.Div(
        html.Table([html.Thead(html.Tr([html.Th(name) for name in head])), html.Tbody(lines)]),
        className="table",
    )
