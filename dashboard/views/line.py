"""What is said of one line: its state, who is at the other end, what came, what was not read?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

from dash import dcc, html
from dash.development.base_component import Component

from clinical.links import LinkState
from clinical.snapshot import ChairView
from clinical.vitals import Observation
from dashboard.arrangement import ChairConfig, MonitorConfig, Refusal
from dashboard.errands import Errand
from dashboard.views import detection, wording
from dashboard.views.raw_bytes import dump
from devices.registry import PROTOCOLS

if TYPE_CHECKING:
    from clinical.identity import Identity
    from dashboard.services import Heard
    from devices.report import LineReport

TEST_S = 5  # what Monitors.test listens for
JUST_NOW_S = 3  # of a monitor that speaks every second; ages below it would only flicker

# A word and a shape each (monitors.css draws it by the state); the colour only repeats it.
STATE = {
    LinkState.CONNECTING: "Connecting",
    LinkState.LIVE: "Live",
    LinkState.QUIET: "No data",
    LinkState.DAMAGED: "Data errors",
    LinkState.DISCONNECTED: "Disconnected",
}
NOT_STARTED = "Not started"


def state(report: LineReport | None) -> list[Component]:
    if report is None:
        return [html.Span(NOT_STARTED, className="line-state", **{"data-state": "connecting"})]
    words = [html.Span(STATE[report.state], className="line-state", **{"data-state": report.state})]
    if report.is_listen_only:
        words.append(html.Span("Listens only", className="tag"))
    return words


def who(
    chair: ChairConfig, each: MonitorConfig, report: LineReport | None, view: ChairView | None
) -> list[Component]:
    """What is wrong with the line, in its own words, and which device it is."""
    said: list[Component] = []
    if report is not None and report.detail and report.state is not LinkState.LIVE:
        said.append(html.P(report.detail, className="line-detail"))
    if view is not None and each.monitor in view.strangers:
        stranger, bound = view.strangers[each.monitor], view.bound.get(each.monitor)
        said.append(_stranger(chair, stranger, bound))
    elif report and report.identity and (report.identity.model or report.identity.serial):
        said.append(html.P(f"It says it is {_whole(report.identity)}.", className="dim"))
    return said


def _stranger(chair: ChairConfig, heard: Identity, bound: Identity | None) -> html.Div:
    known = f"chair {chair.number} knows {_whole(bound)}" if bound else "this chair knows another"
    return html.Div(
        [
            html.B("Another device. "),
            f"It says it is {_whole(heard)}; {known}. Nothing of it is recorded until somebody "
            "confirms it on ",
            dcc.Link(f"the page of chair {chair.number}", href=f"/chair/{chair.number}"),
            ".",
        ],
        className="line-stranger",
        role="alert",
    )


def _whole(identity: Identity) -> str:
    version = f", software {identity.version}" if identity.version else ""
    return f"{identity.words}{version}"


def figures(report: LineReport | None, now: datetime) -> list[Component]:
    if report is None:
        return []
    reopened = report.opened - 1
    rows = (
        ("Records", f"{report.frames_per_s:.1f} /s"),
        ("Damaged", share(report.damaged_share)),
        ("Last good record", ago(report.last_good_at, now)),
        ("Received", wording.amount(report.received)),
        ("Reopened", "never" if reopened <= 0 else f"{reopened} ×"),
        ("Its clock", offset(report.clock_offset_s)),
    )
    return [
        html.Dl(
            [html.Div([html.Dt(name), html.Dd(says)]) for name, says in rows], className="figures"
        )
    ]


def share(part: float) -> str:
    """``part`` is 0 to 1. What is not nothing never reads 0 %."""
    pct = 100 * part
    if pct == 0:
        return "0 %"
    return "< 0.1 %" if pct < 0.1 else f"{pct:.1f} %" if pct < 10 else f"{pct:.0f} %"


def ago(at: datetime | None, now: datetime) -> str:
    if at is None:
        return "none yet"
    passed_s = (now - at).total_seconds()
    return "just now" if passed_s < JUST_NOW_S else f"{wording.minutes(passed_s)} ago"


def offset(ahead_s: float | None) -> str:
    if ahead_s is None:
        return "not told"
    whole = round(abs(ahead_s))
    if whole < 1:
        return "right"
    return f"{wording.minutes(whole)} {'ahead' if ahead_s > 0 else 'behind'}"


def facts(each: MonitorConfig, report: LineReport | None, zone: tzinfo | None) -> list[Component]:
    entry = PROTOCOLS.get(each.monitor)
    rows = [("Remembered as", each.port)]
    if report is not None:
        rows += [
            ("Now at", report.device or "not open"),
            ("Line", report.settings),
            ("Open since", _at(report.opened_at, zone)),
            ("In this state since", _at(report.since, zone)),
            ("Good records", f"{report.frames}, damaged {report.garbled}"),
        ]
        if report.clock_read_at:
            rows.append(("Its clock was read", _at(report.clock_read_at, zone)))
    if entry is not None:
        asked = f"every {wording.minutes(entry.settings.interval_s)}"
        rows += [("Asked to send", asked), ("Reading of it", wording.PROOF[entry.proof.value])]
    drawn: list[Component] = [part for row in rows for part in (html.Dt(row[0]), html.Dd(row[1]))]
    caution = [html.P(entry.caution, className="caution")] if entry and entry.caution else []
    return [html.Dl(drawn, className="facts"), *caution]


def _at(at: datetime | None, zone: tzinfo | None) -> str:
    return wording.day_and_second(at, zone) if at else "not yet"


def unread(report: LineReport | None) -> list[Component]:
    """What the monitor sends and Vigil does not read, the most frequent first."""
    counts = report.unknown if report else {}
    if not counts:
        return [html.P("Nothing: all that this monitor sent was read.", className="dim")]
    often = sorted(counts.items(), key=lambda row: (-row[1], row[0]))
    return [
        html.Div(
            html.Table(
                [
                    html.Thead(html.Tr([html.Th("Parameter"), html.Th("Times")])),
                    html.Tbody([html.Tr([html.Td(n), html.Td(str(c))]) for n, c in often]),
                ]
            ),
            className="table unread",
        )
    ]


def unread_count(report: LineReport | None) -> list[Component]:
    count = len(report.unknown) if report else 0
    return [html.Span(f" ({count})")] if count else []


def raw(report: LineReport | None) -> list[Component]:
    """What came last."""
    tail = report.tail if report else b""
    return [
        html.P(f"The last {len(tail)} bytes, the newest at the end.", className="dim"),
        dump(tail, "Raw bytes of the line"),
    ]


def test(
    errand: Errand | None, view: ChairView | None, monitor: str, now_s: float
) -> list[Component]:
    if errand is None:
        return []
    if errand.is_running:
        left_s = max(0, round(TEST_S - (now_s - errand.since_s)))
        return [html.P(f"Listening, {left_s} s more.", className="line-test", role="status")]
    if isinstance(errand.came, Refusal) or errand.failed:
        words = errand.came.words if isinstance(errand.came, Refusal) else errand.failed
        return list(detection.complaint(words))
    latest = values_of(errand.came, view, monitor)
    return [html.P(heard(errand.came, latest), className="line-test", role="status")]


def values_of(heard: Heard, view: ChairView | None, monitor: str) -> list[Observation]:
    """The newest values that came from ``monitor`` while somebody listened, as the chair has them.

    Of a second monitor only those that are shown, because the others are not in the picture.
    """
    if view is None or heard.now.last_good_at is None:
        return []
    since = heard.now.last_good_at - timedelta(seconds=heard.for_s)
    return [
        each
        for metric, each in view.latest.items()
        if each.observed_at >= since and view.shown_from.get(metric, monitor) == monitor
    ]


def heard(heard: Heard, latest: Sequence[Observation]) -> str:
    """``5 records in 5 s, all good: HR 72 /min, SpO2 98 %.``"""
    time = f"in {heard.for_s:.0f} s"
    if not heard.received:
        return f"Nothing came {time}: is the monitor on, and the cable in at both ends?"
    if not heard.frames:
        return (
            f"{wording.amount(heard.received)} came {time}, and no good record: "
            "is this the right monitor, at the right speed?"
        )
    records = "1 record" if heard.frames == 1 else f"{heard.frames} records"
    good = f", {heard.garbled} more damaged" if heard.garbled else ", all good"
    found = detection.values(latest)
    return f"{records} {time}{good}{f': {found}' if found else ''}."
