"""How is the course of a session drawn, while it runs and afterwards?

One figure for both: pulse and pressure above, saturation below. Colours come from the style sheet,
by the ``uid`` that Plotly makes a class of each trace: a figure follows the theme, and the printer,
without being drawn anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import plotly.graph_objects as go

from clinical.alarms import AlarmLimit, AlarmPriority
from clinical.snapshot import SessionView
from clinical.vitals import NATURE, Metric

# The axes always reach this far, so that nothing jumps while a session runs; beyond, they follow.
PRESSURE_SPAN = [40, 180]
SATURATION_SPAN = [86, 100]
GREY = "#808a96"  # seen on both grounds
# Whose limits are drawn, and on which axis: more lines than these would hide the curve.
LIMITED = {Metric.HEART_RATE: "y", Metric.NIBP_SYSTOLIC: "y", Metric.SPO2: "y2"}
CONFIG = {"displayModeBar": False, "responsive": True}


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened, or a stretch of time where ``until`` is set."""

    at: datetime
    text: str
    until: datetime | None = None


def live_figure() -> go.Figure:
    """The trend of a running session, empty: live.js fills each trace that its ``meta`` names."""
    return _figure(
        pulse={"meta": {"metric": Metric.HEART_RATE.value}},
        bars={"meta": {"cuff": "bar"}},
        means={"meta": {"metric": Metric.NIBP_MEAN.value}},
        saturation={"meta": {"metric": Metric.SPO2.value}},
    )


def session_marks(session: SessionView) -> list[Mark]:
    """The infusion, as far as it is planned; then the recovery."""
    started, stopped = session.infusion_started_at, session.infusion_stopped_at
    if started is None:
        return []
    planned = started + timedelta(minutes=session.planned_infusion_min)
    marks = [Mark(started, "Infusion", until=stopped or planned)]
    return marks if stopped is None else [*marks, Mark(stopped, "Recovery")]


def annotated(
    marks: Sequence[Mark], limits: Sequence[AlarmLimit], x: Callable[[datetime], Any]
) -> dict[str, list[dict[str, Any]]]:
    """Bands, lines and their names, as a part of a Plotly layout; ``x`` turns a time into one."""
    return {
        "shapes": [*(_shape(mark, x) for mark in marks), *_limit_lines(limits)],
        "annotations": [
            {
                "x": x(mark.at),
                "xanchor": "left",
                "xref": "x",
                "y": 1,
                "yanchor": "bottom",
                "yref": "paper",
                "text": _plain(mark.text),
                "showarrow": False,
                "font": {"size": 12},
            }
            for mark in marks
        ],
    }


def _shape(mark: Mark, x: Callable[[datetime], Any]) -> dict[str, Any]:
    place = {"xref": "x", "yref": "paper", "y0": 0, "y1": 1, "x0": x(mark.at), "layer": "below"}
    if mark.until is None:
        line = {"color": GREY, "width": 1, "dash": "dot"}
        return {**place, "type": "line", "x1": x(mark.at), "line": line}
    return {
        **place,
        "type": "rect",
        "x1": x(mark.until),
        "fillcolor": GREY,
        "opacity": 0.1,
        "line": {"width": 0},
    }


def _limit_lines(limits: Sequence[AlarmLimit]) -> list[dict[str, Any]]:
    """The medium limits of a few signs, as thin lines over the whole width."""
    return [
        {
            "type": "line",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "yref": LIMITED[limit.metric],
            "y0": limit.value,
            "y1": limit.value,
            "layer": "below",
            "opacity": 0.6,
            "line": {"color": GREY, "width": 1, "dash": "dash"},
            "label": {
                "text": f"{NATURE[limit.metric].label} {limit.operator} {limit.value:g}",
                "textposition": "end",
                "yanchor": "bottom",
                "font": {"size": 11},
            },
        }
        for limit in limits
        if limit.metric in LIMITED and limit.priority is AlarmPriority.MEDIUM
    ]


def _plain(text: str) -> str:
    """Plotly reads a little markup in its texts; what people wrote is to stay what they wrote."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _figure(
    *,
    pulse: dict[str, Any],
    bars: dict[str, Any],
    means: dict[str, Any],
    saturation: dict[str, Any],
) -> go.Figure:
    """Four traces, each with what is particular to it: its data, or the name live.js fills."""
    empty: dict[str, Any] = {"x": [], "y": []}
    line: dict[str, Any] = {"mode": "lines", "connectgaps": False, "line": {"width": 1.8}}
    above = {"xaxis": "x", "yaxis": "y"}
    figure = go.Figure(
        data=[
            go.Scatter(
                **(empty | line | above | bars),
                uid="nibp-bar",
                name="NIBP sys–dia",
                hovertemplate="%{y:.0f} mmHg<extra>NIBP</extra>",
            ),
            go.Scatter(
                **(empty | above | means),
                uid="nibp-mean",
                name="NIBP mean",
                mode="markers",
                marker={"size": 7, "symbol": "diamond"},
                hovertemplate="%{y:.0f} mmHg<extra>mean</extra>",
            ),
            go.Scatter(
                **(empty | line | above | pulse),
                uid="heart-rate",
                name="HR",
                hovertemplate="%{y:.0f} /min<extra>HR</extra>",
            ),
            go.Scatter(
                **(empty | line | saturation),
                xaxis="x",
                yaxis="y2",
                uid="spo2",
                name="SpO2",
                hovertemplate="%{y:.0f} %<extra>SpO2</extra>",
            ),
        ]
    )
    axis = {"zeroline": False, "fixedrange": True, "automargin": False}
    figure.update_layout(
        template="none",
        paper_bgcolor="rgba(0, 0, 0, 0)",
        plot_bgcolor="rgba(0, 0, 0, 0)",
        margin={"l": 48, "r": 12, "t": 28, "b": 30},
        font={"size": 13, "color": GREY},
        showlegend=False,
        hovermode="x unified",
        uirevision="always",  # a zoom outlives every new point
        xaxis={
            "type": "date",
            "anchor": "y2",
            "tickformat": "%H:%M",
            "hoverformat": "%H:%M:%S",
            "nticks": 10,
            "zeroline": False,
        },
        yaxis={
            **axis,
            "domain": [0.33, 1],
            "autorangeoptions": {"include": PRESSURE_SPAN},
            "title": {"text": "/min, mmHg", "standoff": 8, "font": {"size": 12}},
            "dtick": 20,
        },
        yaxis2={
            **axis,
            "domain": [0, 0.26],
            "autorangeoptions": {"include": SATURATION_SPAN, "maxallowed": 101},
            "title": {"text": "SpO2 %", "standoff": 8, "font": {"size": 12}},
            "nticks": 4,
        },
    )
    return figure
