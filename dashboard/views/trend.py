"""How is the course of a session drawn, while it runs and afterwards?

One figure for both: pulse and pressure above, saturation below. Colours come from the style sheet,
by the ``uid`` that Plotly makes a class of each trace: a figure follows the theme, and the printer,
without being drawn anew.

What a person entered by hand is drawn as open diamonds, without a line: nobody is to take it for
what a monitor measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from clinical.alarms import AlarmLimit, AlarmPriority, Direction
from clinical.phases import SessionPhase
from clinical.record import Reading
from clinical.snapshot import SessionView
from clinical.vitals import NATURE, Metric, Source
from dashboard.views import wording
from dashboard.views.numbers import UNIT

# The axes always reach this far, so that nothing jumps while a session runs; beyond, they follow.
PRESSURE_SPAN = [40, 180]
SATURATION_SPAN = [86, 100]
GREY = "#808a96"  # seen on both grounds
# Whose limits are drawn, and on which axis: more lines than these would hide the curve.
LIMITED = {Metric.HEART_RATE: "y", Metric.NIBP_SYSTOLIC: "y", Metric.SPO2: "y2"}
ON_AXIS = LIMITED | {Metric.NIBP_DIASTOLIC: "y", Metric.NIBP_MEAN: "y", Metric.PULSE_RATE: "y"}
# By uid, which signs are drawn where they were entered by hand.
HAND = {
    "hand-pulse": (Metric.HEART_RATE, Metric.PULSE_RATE),
    "hand-nibp": (Metric.NIBP_SYSTOLIC, Metric.NIBP_DIASTOLIC, Metric.NIBP_MEAN),
    "hand-spo2": (Metric.SPO2,),
}
# Larger than the mark of an alarm, which may stand at the same value.
BY_HAND = {"size": 13, "symbol": "diamond-open", "line": {"width": 2}}
CONFIG = {"displayModeBar": False, "responsive": True}
NAME_HEIGHT = 15  # px
GAP_S = 10.0  # neighbours further apart are not joined: nothing is known of what lies between


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened, or a stretch of time where ``until`` is set."""

    at: datetime
    text: str
    until: datetime | None = None


def live_figure() -> go.Figure:
    """The trend of a running session, empty: live.js fills each trace that its ``meta`` names.

    Those of HAND are filled by the page, with ``by_hand``: live.js does not know who entered what.
    """
    return _figure(
        pulse={"meta": {"metric": Metric.HEART_RATE.value}},
        bars={"meta": {"cuff": "bar"}},
        means={"meta": {"metric": Metric.NIBP_MEAN.value}},
        saturation={"meta": {"metric": Metric.SPO2.value}},
    )


def session_figure(
    trend: pd.DataFrame,
    cuffs: pd.DataFrame,
    alarms: pd.DataFrame,
    events: pd.DataFrame,
    limits: Sequence[AlarmLimit],
    zone: tzinfo | None,
    entered: Sequence[Reading] = (),
) -> go.Figure:
    """A past session, from the frames of ``storage.review`` (trend, cuffs, alarms, events).

    ``entered`` is what people measured by hand; of ``cuffs`` those of a monitor are drawn as such.
    What is missing stays missing: a gap is a gap in the line. Without an ECG the pulse of the
    oximeter is drawn, never a mixture of both. Times are shown in ``zone``.
    """
    pulse = "heart_rate" if trend["heart_rate"].notna().any() else "pulse_rate"
    cuffs = cuffs[cuffs["source"] != Source.MANUAL.value]
    figure = _figure(
        pulse=_line(trend, pulse, zone) | {"name": NATURE[Metric(pulse)].label},
        bars=_bars(cuffs, zone),
        means={"x": _local(cuffs["at"], zone), "y": cuffs["mean_mmhg"]},
        saturation=_line(trend, "spo2", zone),
    )
    figure.add_traces([_onsets(alarms, priority, axis, zone) for priority, axis in ONSETS])

    def local(at: datetime) -> str:
        return wording.day_and_second(at, zone)

    points = by_hand(entered, local, zone)
    figure.for_each_trace(lambda trace: trace.update(points.get(trace.uid, {})))
    has_entries = any(of_trace["x"] for of_trace in points.values())
    figure.update_layout(annotated(event_marks(events), limits, local, has_entries=has_entries))
    return figure


def by_hand(
    readings: Iterable[Reading], x: Callable[[datetime], Any], zone: tzinfo | None
) -> dict[str, dict[str, list[Any]]]:
    """What was entered by hand, as x, y and text of each trace of HAND; ``x`` turns a time into
    one. Signs that have no axis here are left out."""
    readings = [each for each in readings if each.observation.value is not None]
    found: dict[str, dict[str, list[Any]]] = {}
    for uid, metrics in HAND.items():
        of_trace = [each for each in readings if each.observation.metric in metrics]
        found[uid] = {
            "x": [x(each.observation.observed_at) for each in of_trace],
            "y": [each.observation.value for each in of_trace],
            "text": [_plain(_entered(each, zone)) for each in of_trace],
        }
    return found


def _entered(reading: Reading, zone: tzinfo | None) -> str:
    """SYS 118 mmHg by hand, AB, entered 12:07."""
    observation, entry = reading.observation, reading.entry
    nature = NATURE[observation.metric]
    words = f"{nature.label} {observation.value:g} {UNIT[nature.unit]} by hand"
    if entry is None:
        return words
    return f"{words}, {entry.initials}, entered {wording.hour_minute(entry.at, zone)}"


def event_marks(events: pd.DataFrame) -> list[Mark]:
    """The phases of a session as ``events_frame`` gives them, and the stretches without record."""
    phases = events[events["kind"] == "phase"]
    marks = [
        Mark(
            at.to_pydatetime(),
            wording.PHASE[SessionPhase(what)],
            # Only the infusion is a band: the others would leave no ground to see it against.
            _end(phases, at) if what == SessionPhase.INFUSING else None,
        )
        for at, what in zip(phases["at"], phases["what"], strict=True)
    ]
    gaps = events[(events["kind"] == "gap") & events["until"].notna()]
    marks += [
        Mark(at.to_pydatetime(), "No record", until.to_pydatetime())
        for at, until in zip(gaps["at"], gaps["until"], strict=True)
    ]
    return sorted(marks, key=lambda mark: mark.at)


def _end(phases: pd.DataFrame, at: pd.Timestamp) -> datetime | None:
    """When the phase that began ``at`` was followed by the next; None while it lasts."""
    later = phases.loc[phases["at"] > at, "at"]
    return None if later.empty else later.min().to_pydatetime()


def _local(times: pd.Series, zone: tzinfo | None) -> pd.Series:
    """Times as Plotly is to show them: of the clinic, without a zone, in ms as whole numbers."""
    if times.empty:
        return times.astype("int64")
    # The zone as it was on that day: no session lasts over a change of the clocks.
    of_day = times.iloc[0].to_pydatetime().astimezone(zone).tzinfo
    naive = times.dt.tz_convert(of_day).dt.tz_localize(None)
    return naive.astype("datetime64[ms]").astype("int64")


def _line(trend: pd.DataFrame, column: str, zone: tzinfo | None) -> dict[str, Any]:
    """One column as x and y, with an empty point in each gap, which breaks the line.

    A frame that does not speak of the column is no gap: monitors send their signs in several, and
    a chair may have two. Where another monitor takes the sign over, the line begins anew.
    """
    is_sent = trend[column].notna() | trend["quality"].str.contains(f'"{column}"', na=False)
    sent = trend.loc[is_sent, ["at", column, "monitor"]]
    before = sent["at"].shift()
    is_other = (sent["monitor"] != sent["monitor"].shift()) & sent["monitor"].notna()
    is_gap = (sent["at"] - before).dt.total_seconds().gt(GAP_S) | (is_other & before.notna())
    breaks = pd.DataFrame({"at": before[is_gap], column: float("nan")})
    joined = pd.concat([sent, breaks]).sort_values("at", kind="stable")
    return {"x": _local(joined["at"], zone), "y": joined[column]}


def _bars(cuffs: pd.DataFrame, zone: tzinfo | None) -> dict[str, Any]:
    """Each cuff reading as a stroke from systolic to diastolic, with nothing between two."""
    whole = cuffs.dropna(subset=["systolic_mmhg", "diastolic_mmhg"])
    x = _local(whole["at"], zone)
    y = zip(whole["systolic_mmhg"], whole["diastolic_mmhg"], strict=True)
    return {
        "x": [at for at in x for _ in range(3)],
        "y": [value for pair in y for value in (*pair, None)],
    }


ONSETS = [(priority, axis) for priority in AlarmPriority for axis in ("y", "y2")]


def _onsets(
    alarms: pd.DataFrame, priority: AlarmPriority, axis: str, zone: tzinfo | None
) -> go.Scatter:
    """Where alarms of ``priority`` began, at the value that raised them."""
    metrics = [metric.value for metric, on in ON_AXIS.items() if on == axis]
    shown = alarms[
        (alarms["priority"] == priority) & alarms["metric"].isin(metrics) & alarms["value"].notna()
    ]
    symbol = {"high": "triangle-up", "medium": "diamond", "low": "circle"}[priority]
    return go.Scatter(
        x=_local(shown["onset"], zone),
        y=shown["value"],
        text=[_plain(text) for text in shown["text"]],
        xaxis="x",
        yaxis=axis,
        uid=f"alarm-{priority}-{axis}",
        name=f"{priority} alarm",
        mode="markers",
        marker={"size": 11, "symbol": symbol},
        hovertemplate="%{text}<extra>alarm</extra>",
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
    marks: Sequence[Mark],
    limits: Sequence[AlarmLimit],
    x: Callable[[datetime], Any],
    extent: Mark | None = None,
    *,
    has_entries: bool = False,
) -> dict[str, list[dict[str, Any]]]:
    """Bands, lines and their names, as a part of a Plotly layout; ``x`` turns a time into one.

    ``extent`` is a stretch that the axis covers whatever is measured: without a point it would
    show the year 2000. With ``has_entries`` it says which points were entered by hand.
    """
    unseen = [{**_shape(extent, x), "opacity": 0}] if extent else []
    return {
        "shapes": [*unseen, *(_shape(mark, x) for mark in marks), *_limit_lines(limits)],
        "annotations": [
            {
                "x": x(mark.at),
                "xanchor": "left",
                "xref": "x",
                "y": 1,
                "yanchor": "bottom",
                "yref": "paper",
                "text": _plain(mark.text),
                "yshift": shift,
                "showarrow": False,
                "font": {"size": 12},
            }
            for mark, shift in zip(marks, _shifts(marks), strict=True)
        ]
        + [LEGEND] * has_entries,
    }


# Between the two plots, where nothing else is drawn.
LEGEND: dict[str, Any] = {
    "text": "◇ by hand",
    "x": 1,
    "xanchor": "right",
    "xref": "paper",
    "y": 0.295,
    "yanchor": "middle",
    "yref": "paper",
    "showarrow": False,
    "font": {"size": 12},
}


def _shifts(marks: Sequence[Mark]) -> list[int]:
    """How far (px) each name stands above the figure: one that would cover the next, higher."""
    if not marks:
        return []
    room = (max(mark.at for mark in marks) - min(mark.at for mark in marks)) / 8
    shifts = [0]
    for before, mark in pairwise(marks):
        is_close = mark.at - before.at < room
        shifts.append(NAME_HEIGHT if is_close and shifts[-1] == 0 else 0)
    return shifts


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
    """The medium limits of a few signs, as thin lines over the whole width; of several in one
    direction the one that is reached first."""
    return [
        {
            "type": "line",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "yref": LIMITED[limit.metric],
            "y0": limit.value,
            "y1": limit.value,
            "layer": "between",
            "opacity": 0.6,
            "line": {"color": GREY, "width": 1, "dash": "dash"},
            "label": {
                "text": f"{NATURE[limit.metric].label} {limit.words}",
                "textposition": "end",
                "yanchor": "bottom",
                "font": {"size": 11},
            },
        }
        for limit in _reached_first(limits)
    ]


def _reached_first(limits: Sequence[AlarmLimit]) -> list[AlarmLimit]:
    first: dict[tuple[Metric, Direction], AlarmLimit] = {}
    for limit in limits:
        is_drawn = limit.metric in LIMITED and limit.priority is AlarmPriority.MEDIUM
        if not is_drawn or limit.beside is not None:
            continue
        key = (limit.metric, limit.direction)
        outward = 1 if limit.direction is Direction.HIGH else -1
        if key not in first or limit.value * outward < first[key].value * outward:
            first[key] = limit
    return [*first.values()]


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
    """Four traces, each with what is particular to it: its data, or the name live.js fills; and
    those of HAND, empty."""
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
                **(empty | line | above | {"name": "HR"} | pulse),
                uid="heart-rate",
                hovertemplate="%{y:.0f} /min<extra>%{fullData.name}</extra>",
            ),
            go.Scatter(
                **(empty | line | saturation),
                xaxis="x",
                yaxis="y2",
                uid="spo2",
                name="SpO2",
                hovertemplate="%{y:.0f} %<extra>SpO2</extra>",
            ),
            *(
                go.Scatter(
                    **empty,
                    xaxis="x",
                    yaxis=ON_AXIS[metrics[0]],
                    uid=uid,
                    name="by hand",
                    mode="markers",
                    marker=BY_HAND,
                    hovertemplate="%{text}<extra></extra>",
                )
                for uid, metrics in HAND.items()
            ),
        ]
    )
    axis = {"zeroline": False, "fixedrange": True, "automargin": False}
    figure.update_layout(
        template="none",
        paper_bgcolor="rgba(0, 0, 0, 0)",
        plot_bgcolor="rgba(0, 0, 0, 0)",
        margin={"l": 48, "r": 12, "t": 20 + NAME_HEIGHT, "b": 30},
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
