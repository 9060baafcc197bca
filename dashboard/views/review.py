"""How are past sessions shown: all of them in a grid, and one of them whole?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

import dash_ag_grid as dag
import dash_mantine_components as dmc
import pandas as pd
from dash import dcc, html
from dash.development.base_component import Component

from clinical.alarms import AlarmLimit, AlarmPriority
from clinical.catalog.preset import LimitKey
from clinical.catalog.presets import Edition
from clinical.checklist import Answer
from clinical.identity import Identity
from clinical.phases import SessionPhase
from clinical.record import AudioState, Entry, Reading, StatementSigned
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
    still binds. ``limits`` are those in force at its end, by its edition of the preset, by its
    baseline and by what was moved in it; empty where that edition is no longer at hand. ``own`` are
    those of the edition itself, by sign, direction and priority.
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
    own: Mapping[LimitKey, float] = field(default_factory=dict)
    edition: Edition = ("", 0)
    editions: Sequence[tuple[Edition, str]] = ()  # to look at it under, with their titles
    entered: Sequence[Reading] = ()  # by hand
    devices: pd.DataFrame = field(default_factory=pd.DataFrame)


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
            what_if(past.edition, past.editions),
            *(
                [_section("Entered by hand", [_entered(past.entered, zone)])]
                if past.entered
                else []
            ),
            _section("Events", [_events(past.events, zone)]),
            _section("Checklist", [_answers(past.answers, past.items, zone)]),
            _section("Signatures", _signatures(past.signatures, zone), "past-signatures"),
            _section("Monitors", [*_monitors(past.monitors, zone), *_devices(past.devices, zone)]),
            _section(f"Alarm limits: {past.preset}", _limits(past.limits, past.own)),
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
    if past.trend.empty and past.cuffs.empty and not past.entered:
        return html.P("Nothing was measured.", className="dim")
    figure = session_figure(
        past.trend, past.cuffs, past.alarms, past.events, past.limits, zone, past.entered
    )
    return html.Div(
        dcc.Graph(figure=figure, config=CONFIG, className="plot"), className="past-plot"
    )


def _alarms(alarms: pd.DataFrame, zone: tzinfo | None) -> Component:
    if alarms.empty:
        return html.P("No alarms.", className="dim")
    return _table(
        ("Began", "Lasted", "Priority", "Alarm", "At onset", "Worst", "Seen by", "Called",
         "On a screen of", "Sound"),
        [
            (
                wording.time_of_day(row["onset"].to_pydatetime(), zone),
                NONE if pd.isna(row["duration_s"]) else wording.minutes(row["duration_s"]),
                html.Span(className="alarm-badge", **{"data-priority": row["priority"]}),
                _lines(_condition(row), *_confirmed(row, zone)),
                _whole(row["value"]),
                _whole(row["worst"]),
                _lines(*_seen(row, zone)),
                _text(row["called"]),
                _text(row["shown_to"]),
                SOUND[AudioState(row["audio"])],
            )
            for row in alarms.to_dict("records")
        ],
    )  # fmt: skip


SOUND = {AudioState.ON: "on", AudioState.PAUSED: "paused", AudioState.OFF: "off"}


def _condition(row: Mapping[Any, Any]) -> str:
    """HR high, limit 120 for 10 s; a technical one in its own words.

    Not the text of the screen: its number was the newest, and by the end no longer beyond.
    """
    if pd.isna(row["metric"]) or pd.isna(row["limit"]):
        return str(row["text"])
    label = NATURE[Metric(row["metric"])].label
    delay_s = row["delay_s"]
    delay = "" if pd.isna(delay_s) or not delay_s else f" for {delay_s:g} s"
    return f"{label} {row['direction']}, limit {row['limit']:.4g}{delay}"


def _confirmed(row: Mapping[Any, Any], zone: tzinfo | None) -> list[str]:
    if pd.isna(row["confirmed"]):
        return []
    return [f"measured again, {wording.time_of_day(row['confirmed'].to_pydatetime(), zone)}"]


def _seen(row: Mapping[Any, Any], zone: tzinfo | None) -> list[str]:
    """Who acknowledged it; and who took it off the screen, where it stayed there, or that nobody
    did."""
    lines = []
    if not pd.isna(row["acknowledged"]):
        at = wording.time_of_day(row["acknowledged"].to_pydatetime(), zone)
        lines.append(f"{row['acknowledged_by']}, {at}{_why(row['acknowledged_reason'])}")
    if not pd.isna(row["reset"]):
        at = wording.time_of_day(row["reset"].to_pydatetime(), zone)
        by = _text(row["reset_by"])
        lines.append(f"stayed until {at}" + (f", reset by {by}" if by != NONE else ", not seen"))
    return lines or [NONE]


def _why(reason: Any) -> str:
    return "" if pd.isna(reason) or not reason else f": {reason}"


def _text(text: Any) -> str:
    return NONE if pd.isna(text) or not text else str(text)


def _lines(first: str, *others: str) -> Component | str:
    return (
        html.Div([first, *(html.Div(line, className="dim") for line in others)])
        if others
        else first
    )


def _whole(value: Any) -> str:
    return NONE if pd.isna(value) else f"{value:.0f}"


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
    "device": "Device",
    "monitors": "Monitors of the chair",
    "gap": "Gap",
    "baseline": "Baseline locked",
    "remark": "The monitor says",
    "cuff": "Cuff",
    "audio": "Sound",
    "switch": "Alarms of a sign",
    "limit": "Limit moved",
    "probe": "SpO2 probe",
    "call": "Alarm carried further",
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


def _entered(entered: Sequence[Reading], zone: tzinfo | None) -> Component:
    """What people measured, one line an entry: what is of one time, person and moment of entry."""
    lines: dict[tuple[datetime, Entry | None], list[str]] = {}
    for reading in entered:
        observation = reading.observation
        nature, value = NATURE[observation.metric], observation.value
        words = f"{nature.label} {NONE if value is None else f'{value:g}'} {UNIT[nature.unit]}"
        lines.setdefault((observation.observed_at, reading.entry), []).append(words)
    return _table(
        ("Measured", "What", "Initials", "Entered", "By"),
        [
            (
                wording.time_of_day(at, zone),
                ", ".join(words),
                *(
                    (entry.initials, wording.time_of_day(entry.at, zone), entry.by)
                    if entry
                    else (NONE, NONE, NONE)
                ),
            )
            for (at, entry), words in lines.items()
        ],
    )


def _monitors(monitors: pd.DataFrame, zone: tzinfo | None) -> list[Component]:
    if monitors.empty:
        return [html.P("The record does not say which.", className="dim")]
    table = _table(
        ("Monitor", "At this chair", "How far it was proven then", "Values kept beside another's"),
        [
            (
                row["name"],
                _stay(row, zone),
                wording.PROOF.get(row["proof"], NONE),
                str(row["beside"]),
            )
            for row in monitors.to_dict("records")
        ],
    )
    return [table]


def _stay(row: Mapping[Any, Any], zone: tzinfo | None) -> Component | str:
    """all the time; from 14:05:09 to 15:10:00, put there by kim."""
    if not row["proof"]:  # known by its values alone
        return NONE
    since, until = (
        None if pd.isna(row[name]) else wording.time_of_day(row[name].to_pydatetime(), zone)
        for name in ("since", "until")
    )
    if since is None:
        return "all the time" if until is None else f"until {until}"
    words = f"from {since}" if until is None else f"from {since} to {until}"
    return words if pd.isna(row["by"]) else _lines(words, f"put there by {row['by']}")


def _devices(devices: pd.DataFrame, zone: tzinfo | None) -> list[Component]:
    """Who was at the lines: nothing for a session of a version that did not ask, or of monitors
    that say nothing of themselves."""
    if devices.empty:
        return []
    table = _table(
        ("Monitor", "Device", "Software", "Since", "Confirmed by", "Clock at start", "Worst"),
        [
            (
                row["monitor"],
                Identity(row["model"], row["serial"]).words,
                row["version"] or NONE,
                wording.day_and_time(row["since"].to_pydatetime(), zone),
                _whose(row),
                _ahead(row["clock_first_s"]),
                _ahead(row["clock_worst_s"]),
            )
            for row in devices.to_dict("records")
        ],
    )
    return [table]


def _whose(row: Mapping[Any, Any]) -> str:
    if not row["is_bound"]:
        return "nobody: not recorded"
    return FIRST if pd.isna(row["by"]) else str(row["by"])


FIRST = "nobody: no other was known here"


def _ahead(offset_s: Any) -> str:
    """12.3 s ahead, 4 min behind: of a monitor's clock, against ours."""
    if pd.isna(offset_s):
        return NONE
    apart = abs(offset_s)
    if apart < CLOCK_EXACT_S:
        return "right"
    words = f"{apart:.1f} s" if apart < 60 else wording.minutes(apart)
    return f"{words} {'ahead' if offset_s > 0 else 'behind'}"


CLOCK_EXACT_S = 0.05  # as exact as it is shown


def _limits(limits: Sequence[AlarmLimit], own: Mapping[LimitKey, float]) -> list[Component]:
    if not limits:
        return [html.P("This version of the preset is not at hand.", className="dim")]
    metrics = dict.fromkeys(limit.metric for limit in limits)
    priorities = sorted(AlarmPriority, key=lambda priority: -priority.rank)
    table = _table(
        ("Sign", *(priority.value.capitalize() for priority in priorities)),
        [
            (
                f"{NATURE[metric].label} {UNIT[NATURE[metric].unit]}",
                *(_of(limits, own, metric, priority) for priority in priorities),
            )
            for metric in metrics
        ],
    )
    return [html.P(IN_FORCE, className="dim"), table]


IN_FORCE = (
    "As in force at the end of the session. In bold: moved for this session; the preset's own "
    "behind it."
)


def _of(
    limits: Sequence[AlarmLimit],
    own: Mapping[LimitKey, float],
    metric: Metric,
    priority: AlarmPriority,
) -> Component | str:
    """< 50 for 10 s, > 120 for 10 s."""
    cells: list[Any] = []
    for limit in limits:
        if limit.metric is metric and limit.priority is priority:
            delay = f" for {limit.delay_s:g} s" if limit.delay_s else ""
            words = f"{_limit_words(limit)}{delay}"
            cells += [", "] if cells else []
            if limit.is_adjusted:
                was = own.get((metric, limit.direction, priority))
                cells += [html.Strong(words), "" if was is None else f" (preset {was:g})"]
            else:
                cells.append(words)
    if all(isinstance(cell, str) for cell in cells):
        return "".join(cells) or NONE
    return html.Span(cells)


def _limit_words(limit: AlarmLimit) -> str:
    """As the preset prints it; one that hangs on a baseline in whole numbers."""
    return f"{limit.operator} {limit.value:g}" if limit.is_plain else limit.words


# What would have been.


def what_if(own: Edition, editions: Sequence[tuple[Edition, str]]) -> Component:
    """Choose other limits, and ask which alarms this session would have had."""
    if not editions:
        return html.Div(hidden=True)
    known = [edition for edition, _title in editions]
    return html.Section(
        className="part what-if",
        children=[
            html.H2("What if"),
            html.P(
                "The alarms that this session would have had under other limits or with longer "
                "delays: its record, run through the same rules again.",
                className="dim",
            ),
            html.Div(
                className="fields",
                children=[
                    dmc.Select(
                        id=ids.WHAT_IF_PRESET,
                        label="Alarm limits",
                        data=[
                            {"value": spelt(edition), "label": _edition(edition, title, own)}
                            for edition, title in editions
                        ],
                        value=spelt(own if own in known else known[-1]),
                        allowDeselect=False,
                        className="wide",
                    ),
                    dmc.NumberInput(
                        id=ids.WHAT_IF_DELAY,
                        label="Seconds longer",
                        description="All signs but the cuff's",
                        value=0,
                        min=0,
                        max=LONGEST_S,
                        allowDecimal=False,
                    ),
                    html.Button(
                        "Show", id=ids.WHAT_IF_ASK, type="button", className="button button-main"
                    ),
                ],
            ),
            html.Div(id=ids.WHAT_IF_FOUND, className="what-if-found", role="status"),
        ],
    )


LONGEST_S = 120


def spelt(edition: Edition) -> str:
    return f"{edition[0]}:{edition[1]}"


def _edition(edition: Edition, title: str, own: Edition) -> str:
    return f"{title}, version {edition[1]}" + (" (this session's own)" if edition == own else "")


def what_would_be(told: Mapping[str, Any], zone: tzinfo | None) -> list[Component]:
    """What ``vigil alarms --json`` says of other limits: how many, and which beside which."""
    until = datetime.fromisoformat(told["until"])
    moved = (
        "With the limits that were moved in it."
        if told["keeps_moved_limits"]
        else ("As this preset was made: limits that were moved in the session are not moved here.")
    )
    counts = _table(
        ("Priority", "Then", "an hour", "lasted", "Now", "an hour", "lasted"),
        [
            (
                html.Span(className="alarm-badge", **{"data-priority": priority}),
                *_tally(told["then"][priority]),
                *_tally(told["now"][priority]),
            )
            for priority in told["then"]
        ],
    )
    if not told["alarms"]:
        return [counts, html.P("No alarms of the patient, then or now.", className="dim")]
    pairs = _table(
        ("Alarm", "Then", "Now"),
        [
            (
                _which(pair["then"] or pair["now"]),
                _life(pair["then"], until, zone),
                _life(pair["now"], until, zone),
            )
            for pair in told["alarms"]
        ],
        classes=[_class_of(pair) for pair in told["alarms"]],
    )
    return [counts, html.P(moved, className="dim"), pairs]


def _tally(tally: Mapping[str, Any]) -> tuple[str, str, str]:
    rate = tally["per_hour"]
    return (
        str(tally["count"]),
        NONE if rate is None else f"{rate:.1f}",
        wording.minutes(tally["total_s"]),
    )


def _class_of(pair: Mapping[str, Any]) -> str:
    if pair["now"] is None:
        return "is-only-then"
    return "is-only-now" if pair["then"] is None else ""


def _which(life: Mapping[str, Any]) -> str:
    if life["metric"] is None or life["direction"] is None:
        return str(life["condition"])
    return f"{NATURE[Metric(life['metric'])].label} {life['direction']}"


def _life(life: Mapping[str, Any] | None, until: datetime, zone: tzinfo | None) -> Component | str:
    if life is None:
        return NONE
    onset = datetime.fromisoformat(life["onset_at"])
    end = datetime.fromisoformat(life["ended_at"]) if life["ended_at"] else until
    numbers = f"limit {_rounded(life['limit'])}, worst {_rounded(life['worst'])}"
    return html.Div(
        [
            html.Span(className="alarm-badge", **{"data-priority": life["priority"]}),
            f" {wording.time_of_day(onset, zone)}, "
            f"{wording.minutes(max(0.0, (end - onset).total_seconds()))}",
            html.Div(numbers, className="dim"),
        ]
    )


def _rounded(value: float | None) -> str:
    return NONE if value is None else f"{value:.0f}"


def no_answer(why: str) -> Component:
    return html.P(f"No answer: {why}", className="refused", role="alert")


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
