"""How is the list of alarms shown: those open in all chairs, and those of the last sessions?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any, NamedTuple

import dash_ag_grid as dag
import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from clinical.alarms import AlarmKind, AlarmPriority
from clinical.record import CallStage
from clinical.snapshot import AlarmView, ChairView
from dashboard import ids
from dashboard.views import wording
from dashboard.views.review import NONE, address
from storage.alarms import LoggedAlarm

Row = dict[str, Any]

OPEN, SEEN, LATCHED, ENDED = "Open", "Seen", "Not reset", "Ended"
STATES = (OPEN, SEEN, LATCHED, ENDED)
KIND = {AlarmKind.PHYSIOLOGICAL: "Patient", AlarmKind.TECHNICAL: "Equipment"}


class Logged(NamedTuple):
    """An alarm of the record, and the session that it was in: public id, chair, initials."""

    session: str
    chair: int
    patient: str
    alarm: LoggedAlarm


def page(
    chairs: Sequence[tuple[int, str]],
    now: Sequence[Row],
    past: Sequence[Row],
    sessions: int,
) -> html.Div:
    """``now`` are the rows of the open alarms, worst first, and ``past`` the others, newest first.

    ``sessions`` is how many of the last sessions they are from.
    """
    return html.Div(
        id=ids.LIVE_ROOT,
        className="review alarm-list",
        **{
            "data-chairs": ",".join(str(number) for number, _name in chairs),
            "data-window": "60",
        },
        children=[
            html.H1("Alarms"),
            html.P(
                f"Open ones first, worst first; below, those of the last {sessions} sessions. A row"
                " leads to its chair, or to the review of its session.",
                className="dim",
            ),
            html.Div(
                className="alarm-filters",
                children=[
                    _choice("chair", "Chair", [(str(number), name) for number, name in chairs]),
                    _choice("priority", "Priority", [(w, w) for w in _PRIORITY.values()]),
                    _choice("kind", "Kind", [(word, word) for word in KIND.values()]),
                    _choice("state", "State", [(word, word) for word in STATES]),
                    dmc.TextInput(
                        id=ids.alarm_filter("text"),
                        label="Text",
                        value="",
                        autoComplete="off",
                        placeholder="SYS, kim, BP ...",
                    ),
                ],
            ),
            dcc.Store(id=ids.ALARMS_OPEN, data=shown_of(now)),
            dag.AgGrid(
                id=ids.ALARMS_GRID,
                className="grid",
                rowData=[*now, *past],
                columnDefs=COLUMNS,
                # The filters are those above: their columns have no button of their own for it.
                defaultColDef={
                    "sortable": True,
                    "resizable": True,
                    "filter": "agTextColumnFilter",
                    "suppressHeaderFilterButton": True,
                },
                getRowId="params.data.id",
                style={"height": None, "width": None},  # the style sheet's
                dashGridOptions=OPTIONS,
            ),
        ],
    )


OPTIONS: dict[str, Any] = {
    "headerHeight": 44,
    "rowHeight": 48,
    "animateRows": False,
    "pagination": True,
    "paginationPageSize": 50,
    "paginationPageSizeSelector": False,
    "localeText": {"noRowsToShow": "No alarms"},
}

_PRIORITY = {
    AlarmPriority.HIGH: "High",
    AlarmPriority.MEDIUM: "Medium",
    AlarmPriority.LOW: "Low",
}

# On a tablet on its end the last ones are a push to the side away.
COLUMNS: list[Row] = [
    {
        "field": "link",
        "headerName": "Began",
        "cellRenderer": "markdown",  # made of a time and an id, of nothing that people wrote
        "width": 152,
        "getQuickFilterText": {"function": "''"},
    },
    {"field": "chair", "headerName": "Chair", "width": 62},
    {"field": "patient", "headerName": "Initials", "width": 74},
    {
        "field": "priority",
        "headerName": "Priority",
        "width": 88,
        "cellClassRules": {
            f"is-{priority.value}": f"params.data.waits && params.value === '{word}'"
            for priority, word in _PRIORITY.items()
        },
    },
    {"field": "text", "headerName": "Alarm", "minWidth": 190, "flex": 2},
    {"field": "worst", "headerName": "Worst", "type": "rightAligned", "width": 66},
    {"field": "state", "headerName": "State", "width": 92},
    {"field": "lasted", "headerName": "Lasted", "width": 104},
    {"field": "seen", "headerName": "Seen by", "minWidth": 190, "flex": 3, "tooltipField": "seen"},
    {
        "field": "called",
        "headerName": "Called",
        "minWidth": 150,
        "flex": 2.5,
        "tooltipField": "called",
    },
    {"field": "kind", "hide": True},  # stars before the words, or none, say the same
]


def _choice(about: str, label: str, words: Iterable[tuple[str, str]]) -> Component:
    return dmc.Select(
        id=ids.alarm_filter(about),
        label=label,
        data=[{"value": value, "label": word} for value, word in words],
        placeholder="All",
        clearable=True,
    )


def open_rows(views: Iterable[ChairView], zone: tzinfo | None) -> list[Row]:
    """The open alarms of all chairs, worst first as each chair has them."""
    found = [(view, alarm) for view in views for alarm in view.alarms]
    found.sort(key=lambda each: (-each[1].priority.rank, each[1].is_latched, each[1].onset_at))
    return [_open_row(view, alarm, zone) for view, alarm in found]


def _open_row(view: ChairView, alarm: AlarmView, zone: tzinfo | None) -> Row:
    state = LATCHED if alarm.is_latched else SEEN if alarm.acknowledged_at else OPEN
    seen = ""
    if alarm.acknowledged_by and alarm.acknowledged_at:
        seen = f"{alarm.acknowledged_by}, {wording.time_of_day(alarm.acknowledged_at, zone)}"
    href = f"/chair/{view.chair}"
    return {
        "id": f"{href}#{alarm.alarm_id}",
        "link": _link(alarm.onset_at, href, zone),
        "chair": str(view.chair),
        "patient": view.session.patient if view.session else NONE,
        "priority": _PRIORITY[alarm.priority],
        "waits": state == OPEN,
        "text": alarm.text,
        "worst": _whole(alarm.worst),
        "state": state,
        "lasted": NONE,
        "seen": seen or NONE,
        "called": _called(alarm.calls, zone),
        "kind": KIND[alarm.kind],
    }


def past_row(logged: Logged, zone: tzinfo | None) -> Row:
    """One alarm of the record that is over."""
    alarm, href = logged.alarm, address(logged.session)
    seen = [f"{each.by}, {_at(each.at, each.reason, zone)}" for each in alarm.acknowledged]
    if alarm.reset and alarm.reset.by:
        reset = alarm.reset
        seen.append(f"reset by {reset.by}, {_at(reset.at, reset.reason, zone)}")
    lasted = NONE
    if alarm.cleared is not None:
        lasted = wording.minutes((alarm.cleared - alarm.onset).total_seconds())
    return {
        "id": f"{href}#{alarm.alarm_id}",
        "link": _link(alarm.onset, href, zone),
        "chair": str(logged.chair),
        "patient": logged.patient,
        "priority": _PRIORITY[alarm.priority],
        "waits": False,
        "text": alarm.text,
        "worst": _whole(alarm.worst),
        "state": ENDED,
        "lasted": lasted,
        "seen": "; ".join(seen) or NONE,
        "called": _called(alarm.calls, zone),
        "kind": KIND[alarm.kind],
    }


def _at(at: datetime, reason: str, zone: tzinfo | None) -> str:
    return wording.time_of_day(at, zone) + (f" – {reason}" if reason else "")


def _link(at: datetime, href: str, zone: tzinfo | None) -> str:
    return f"[{wording.day_and_time(at, zone)}]({href})"


def _whole(value: float | None) -> str:
    return NONE if value is None else f"{value:.0f}"


def _called(calls: Iterable[Any], zone: tzinfo | None) -> str:
    """kim, 14:03:20, not seen. Also of an alarm that was answered since."""
    words = []
    for call in calls:
        if call.stage is not CallStage.SECOND:
            continue
        seen = "not seen" if call.seen_at is None else wording.time_of_day(call.seen_at, zone)
        words.append(f"{call.to or 'nobody named'}, {wording.time_of_day(call.at, zone)}, {seen}")
    return "; ".join(words) or NONE


def shown_of(rows: Iterable[Row]) -> list[Row]:
    """What the page shows of the open alarms, to tell by what has changed; in their order."""
    return [dict(row) for row in rows]


def address_of(row_id: str) -> str:
    """Where a row leads."""
    return row_id.partition("#")[0]


def changed(before: Sequence[Mapping[str, Any]], now: Sequence[Row]) -> list[Row] | None:
    """The rows that say something else than ``before``; None where they are not the same ones."""
    order = [(row["id"], row["priority"], row["state"]) for row in now]
    if order != [(row["id"], row["priority"], row["state"]) for row in before]:
        return None
    return [row for row, was in zip(now, before, strict=True) if row != was]
