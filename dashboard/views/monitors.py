"""How does each line do, whose port is which, and with what are chairs and monitors arranged?

The page is made of panels that are drawn anew one by one, each only when it says something else
(views/panel.py): the ages and counts of a line every second, its buttons and fields hardly ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from functools import partial
from typing import TYPE_CHECKING

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from clinical.snapshot import ChairView
from dashboard import ids
from dashboard.arrangement import NAME_MAX, ChairConfig, MonitorConfig, Refusal
from dashboard.edits import free_number
from dashboard.errands import Errand
from dashboard.views import capture, detection, line
from dashboard.views.panel import Form, Panel, digest, panel
from dashboard.views.ports import Owner, called, found_as, maker, owners
from devices.ports import FoundPort
from devices.registry import PROTOCOLS

if TYPE_CHECKING:
    from devices.report import LineReport
    from storage.captures import Bounds, CaptureState

# A port that came or went is shown within 2 s; it is noticed within one.
EVERY_MS = 800
UNDESCRIBED = "n/a"  # what pyserial says of a port that says nothing
PORT_MAX = 200  # characters of a port that somebody types

FOR_NURSES = "Only a clinician or a medical director changes this: here you see how the lines do."
REFUSED = "Only a clinician or a medical director changes the monitors."
SITS = " (session running)"
ADD_ONE = "No chair yet: add one."
NO_CHAIRS = "No chair yet: a clinician or a medical director adds it here."

LISTEN_ONLY = (
    "Vigil reads this line and writes nothing to it: for a second computer on one monitor. A "
    "monitor that has to be asked then sends only while somebody else asks it."
)
NEXT_START = " Holds until Vigil starts again: the configuration file says otherwise."


@dataclass(frozen=True, slots=True)
class Seen:
    """All that the page shows, at one moment; ``now`` is aware UTC, ``now_s`` monotonic.

    ``errands`` are tests and detections by their names, ``unfolded`` the folds that are open now
    and whose content is not sent before. ``why_not``: nobody may arrange the chairs, and why.
    """

    chairs: Sequence[ChairConfig]
    ports: Sequence[FoundPort]
    reports: Mapping[tuple[int, str], LineReport]
    views: Mapping[int, ChairView]
    now: datetime
    now_s: float
    may_act: bool
    why_not: str = ""
    left_out: Sequence[str] = ()
    errands: Mapping[str, Errand] = field(default_factory=dict)
    unfolded: frozenset[str] = frozenset()
    recorder: CaptureState | None = None
    bounds: Bounds | None = None  # of the recorder, where this person may set them

    @property
    def may_arrange(self) -> bool:
        return self.may_act and not self.why_not


def line_name(number: int, monitor: str) -> str:
    """By which a line is named in ids: ``3:ge-dri``."""
    return f"{number}:{monitor}"


def of_line(name: str) -> tuple[int, str]:
    """Raises ValueError for what names no line."""
    number, _, monitor = name.partition(":")
    return int(number), monitor


def test_name(line: str) -> str:
    return f"test {line}"


def detect_name(port: str) -> str:
    return f"detect {port}"


# --- the page -------------------------------------------------------------------------------------


def page(seen: Seen, zone: tzinfo | None) -> html.Div:
    top = {part.name: placed(part) for part in panels(seen, zone)}
    return html.Div(
        className="wiring",
        children=[
            dcc.Interval(id=ids.MONITORS_TICK, interval=EVERY_MS),
            html.Header(
                [html.H1("Monitors"), top["recorder"], top["notice"]], className="wiring-head"
            ),
            html.Div([top["chairs"]], className="wiring-chairs"),
            html.Div(
                [
                    html.Section(
                        [html.H2("Ports of this computer"), top["ports"]], className="part"
                    ),
                    *(_detect_elsewhere(top["elsewhere"]) if seen.may_act else ()),
                    *(_adding(seen) if seen.may_arrange else ()),
                    *([capture.bounds_form(seen.bounds)] if seen.bounds else ()),
                ],
                className="wiring-side",
            ),
        ],
    )


def panels(seen: Seen, zone: tzinfo | None) -> Iterator[Panel]:
    """The panels of the page, each with those inside it."""
    yield panel("recorder", lambda _form: capture.shown(seen.recorder, zone))
    yield panel("notice", lambda _form: _notice(seen))
    yield _chairs(seen, zone)
    yield _ports(seen, zone)
    yield panel("elsewhere", lambda _form: _elsewhere(seen))


NO_FORM = Form("", 0)


def placed(part: Panel) -> html.Div:
    """The panel on its page."""
    return html.Div(
        list(part.draw(NO_FORM)),
        id=ids.monitor_part(part.name),
        className=f"wiring-{part.name.split(' ')[0]}",
        **{"data-shown": part.shown},
    )


def _notice(seen: Seen) -> list[Component]:
    """What keeps this person, or everybody, from changing something."""
    why = FOR_NURSES if not seen.may_act else seen.why_not
    lost = [
        html.P("Not watched, because this version of Vigil cannot:"),
        html.Ul([html.Li(each) for each in seen.left_out]),
    ]
    return [
        *([html.P(why, className="wiring-why")] if why else []),
        *([html.Div(lost, className="refused", role="alert")] if seen.left_out else []),
    ]


# --- chairs ---------------------------------------------------------------------------------------


def _chairs(seen: Seen, zone: tzinfo | None) -> Panel:
    parts = tuple(_chair(chair, seen, zone) for chair in seen.chairs)

    def draw(_form: Form) -> list[Component]:
        if not parts:
            words = ADD_ONE if seen.may_arrange else NO_CHAIRS
            return [html.Section(html.P(words), className="part")]
        return [
            html.Div([placed(part), *_said_of(chair, seen)])
            for part, chair in zip(parts, seen.chairs, strict=True)
        ]

    shown = digest([part.name for part in parts], seen.may_arrange)
    return Panel("chairs", shown, draw, parts)


def _said_of(chair: ChairConfig, seen: Seen) -> list[Component]:
    """Where it is said what an edit came to: the chair that it changed is drawn anew."""
    if not seen.may_arrange:
        return []
    return [html.Div(id=ids.said("chair-edit", str(chair.number)), role="status")]


def _chair(chair: ChairConfig, seen: Seen, zone: tzinfo | None) -> Panel:
    """Drawn anew only when the chair is another: what is typed in it must not be lost."""
    lines = [_line(chair, each, seen, zone) for each in chair.monitors]
    head = panel(f"chair-head {chair.number}", lambda _form: _chair_head(chair, seen))
    parts = (head, *(part for one in lines for part in one))

    def draw(_form: Form) -> list[Component]:
        drawn = [
            _placed_line(chair, each, seen, {part.name: placed(part) for part in one})
            for each, one in zip(chair.monitors, lines, strict=True)
        ]
        nothing = html.P("No monitor: what is measured is entered by hand.", className="dim")
        return [
            html.Section(
                [
                    placed(head),
                    html.Ul(drawn, className="lines") if drawn else nothing,
                    *(_chair_edits(chair) if seen.may_arrange else ()),
                ],
                className="part",
                **{"aria-label": f"Chair {chair.number}, {chair.name}"},
            )
        ]

    wired = [(each.monitor, each.port, each.baud, sorted(each.prefers)) for each in chair.monitors]
    shown = digest(chair.number, chair.name, wired, seen.may_act, seen.may_arrange)
    return Panel(f"chair {chair.number}", shown, draw, parts)


def _chair_head(chair: ChairConfig, seen: Seen) -> list[Component]:
    number = html.Span(str(chair.number), className="chair-number")
    return [
        html.H2([number, " ", dcc.Link(chair.name, href=f"/chair/{chair.number}")]),
        *([html.Span("Session running", className="tag")] if _is_taken(seen.views, chair) else []),
    ]


def _chair_edits(chair: ChairConfig) -> list[Component]:
    about = str(chair.number)
    name = dmc.TextInput(
        id=ids.monitor_field("name", about),
        label="Name",
        value=chair.name,
        attributes={"input": {"maxLength": NAME_MAX}},
        autoComplete="off",
    )
    return [
        html.Details(
            [
                html.Summary(f"Rename or remove chair {chair.number}"),
                html.Div([name, act("rename", about, "Rename")], className="line-edit"),
                html.Div(
                    [
                        html.P("Its monitors are no longer listened to. What is recorded stays."),
                        act("remove-chair", about, f"Remove chair {chair.number}"),
                    ],
                    className="line-edit",
                ),
            ],
            className="fold",
        )
    ]


def act(what: str, about: str, words: str, label: str = "", kind: str = "button") -> html.Button:
    """``label`` is for those who do not see what stands around it."""
    return html.Button(
        words,
        id=ids.monitor_act(what, about),
        type="button",
        className=kind,
        **({"aria-label": label} if label else {}),
    )


# --- a line ---------------------------------------------------------------------------------------


def _line(
    chair: ChairConfig, each: MonitorConfig, seen: Seen, zone: tzinfo | None
) -> tuple[Panel, ...]:
    name = line_name(chair.number, each.monitor)
    report, view = seen.reports.get((chair.number, each.monitor)), seen.views.get(chair.number)
    errand = seen.errands.get(test_name(name))
    parts: dict[str, Callable[[], Sequence[Component]]] = {
        "state": partial(line.state, report),
        "who": partial(line.who, chair, each, report, view),
        "figures": partial(line.figures, report, seen.now),
        "test": partial(line.test, errand, view, each.monitor, seen.now_s),
        "unread-count": partial(line.unread_count, report),
    }
    folded: dict[str, Callable[[], Sequence[Component]]] = {
        "facts": partial(line.facts, each, report, zone),
        "unread": partial(line.unread, report),
        "raw": partial(line.raw, report),
    }
    for part, draw in folded.items():
        parts[part] = draw if f"{part} {name}" in seen.unfolded else list
    drawn = [_said(f"{part} {name}", draw) for part, draw in parts.items()]
    if seen.may_act:
        drawn.append(_listen(name, each, report, seen.why_not))
    if seen.may_arrange:
        others = [other for other in seen.chairs if other is not chair]
        drawn.append(_moves(name, others, seen.views))
    return tuple(drawn)


def _said(name: str, draw: Callable[[], Sequence[Component]]) -> Panel:
    return panel(name, lambda _form: draw())


def _placed_line(
    chair: ChairConfig, each: MonitorConfig, seen: Seen, parts: Mapping[str, Component]
) -> html.Li:
    name = line_name(chair.number, each.monitor)
    entry, at = PROTOCOLS.get(each.monitor), f", {each.baud} baud" if each.baud else ""
    title = entry.title.partition(" (")[0] if entry else each.monitor

    def part(of: str) -> Component:
        return parts[f"{of} {name}"]

    return html.Li(
        [
            html.Div(
                [
                    part("state"),
                    html.Div(
                        [
                            html.Span(title, className="line-title"),
                            html.Span(
                                f"{called(each.port, seen.ports)}{at}", className="line-port"
                            ),
                        ],
                        className="line-name",
                    ),
                    act("test", name, "Test", f"Test {title}"),
                ],
                className="line-head",
            ),
            part("who"),
            part("figures"),
            part("test"),
            html.Div(id=ids.said("line-test", name), role="status"),
            html.Div(
                [
                    fold("facts", name, "About this line", part("facts")),
                    fold(
                        "unread", name, ["Sent, but not read", part("unread-count")], part("unread")
                    ),
                    fold("raw", name, "Raw bytes", part("raw")),
                    *(
                        [fold("change", name, "Change", *_line_edits(name, parts))]
                        if seen.may_act
                        else []
                    ),
                ],
                className="folds",
            ),
        ],
        className="line",
    )


def fold(
    what: str, name: str, words: str | list[str | Component], *content: Component
) -> html.Details:
    """The clicks of its summary say whether it is open: an odd count is."""
    return html.Details(
        [html.Summary(words, id=ids.monitor_fold(f"{what} {name}")), *content], className="fold"
    )


# --- what can be changed of a line ----------------------------------------------------------------


def _line_edits(name: str, parts: Mapping[str, Component]) -> Iterator[Component]:
    yield parts[f"listen {name}"]
    yield html.Div(id=ids.said("line-listen", name), role="status")
    if moves := parts.get(f"moves {name}"):
        yield html.Div([moves, act("move", name, "Move")], className="line-edit")
        yield html.Div(
            [
                html.P("It is no longer listened to. What is recorded stays."),
                act("remove-monitor", name, "Remove this monitor"),
            ],
            className="line-edit",
        )
    yield html.Div(id=ids.said("line-edit", name), role="status")


def _listen(name: str, each: MonitorConfig, report: LineReport | None, why_not: str) -> Panel:
    is_on = report.is_listen_only if report else each.is_listen_only

    def draw(_form: Form) -> list[Component]:
        return [
            dmc.Switch(
                id=ids.monitor_field("listen", name),
                label="Listen only",
                description=LISTEN_ONLY + (NEXT_START if why_not else ""),
                checked=is_on,
            )
        ]

    return Panel(f"listen {name}", digest(is_on, why_not), draw)


def _moves(name: str, others: Sequence[ChairConfig], views: Mapping[int, ChairView]) -> Panel:
    choices = choices_of_chairs(others, views)

    def draw(_form: Form) -> list[Component]:
        return [
            dmc.Select(
                id=ids.monitor_field("to", name),
                label="Move to",
                placeholder="Another chair" if others else "There is no other chair",
                data=choices,
                allowDeselect=False,
                disabled=not others,
            )
        ]

    return Panel(f"moves {name}", digest(choices), draw)


# --- ports ----------------------------------------------------------------------------------------


def _ports(seen: Seen, zone: tzinfo | None) -> Panel:
    whose = owners(seen.ports, seen.chairs)
    parts = tuple(_port(port, whose.get(port.key), seen) for port in seen.ports)

    def draw(_form: Form) -> list[Component]:
        if not parts:
            return [
                html.P(
                    "No serial port is there. Plug in an adapter: it shows at once.",
                    className="dim",
                )
            ]
        return [html.Ul([html.Li(placed(part)) for part in parts], className="ports")]

    return Panel("ports", digest([part.name for part in parts]), draw, parts)


def _port(port: FoundPort, has: Owner | None, seen: Seen) -> Panel:
    outcome = panel(f"outcome {port.key}", lambda _form: _outcome(port.key, seen))
    usb = f"{port.vid:04X}:{port.pid:04X}" if port.vid is not None and port.pid is not None else ""
    serial = f"serial number {port.serial_number}" if port.serial_number else "no serial number"
    description = "" if port.description == UNDESCRIBED else port.description
    says = (description, usb and maker(port.vid, port.maker), usb and serial, usb, port.device)
    if has is None:
        belongs: Component = html.Span("Free", className="port-owner")
    else:
        title = PROTOCOLS[has.monitor].title.partition(" (")[0] if has.monitor in PROTOCOLS else ""
        belongs = html.Span(
            [html.B(f"Chair {has.number}"), f", {has.name}: {title or has.monitor}"],
            className="port-owner",
        )
    can_detect = seen.may_act and has is None

    def draw(_form: Form) -> list[Component]:
        name = called(port.key, seen.ports)
        detect = act("detect", port.key, "Detect", f"Detect at {name}")
        return [
            html.Div(
                [
                    html.Div([html.B(name), belongs], className="port-name"),
                    *([detect] if can_detect else []),
                ],
                className="port-head",
            ),
            html.P(
                ", ".join(each for each in dict.fromkeys(says) if each and each != name),
                className="dim",
            ),
            placed(outcome),
        ]

    return Panel(f"port {port.key}", digest(port, has, can_detect), draw, (outcome,))


def _outcome(port: str, seen: Seen) -> list[Component]:
    errand = seen.errands.get(detect_name(port))
    if errand is None or not seen.may_act:
        return []
    if errand.is_running:
        return detection.running(errand, seen.now_s)
    if isinstance(errand.came, Refusal) or errand.failed:
        words = errand.came.words if isinstance(errand.came, Refusal) else errand.failed
        return list(detection.complaint(words))
    return detection.found(errand.came, port, seen.may_arrange)


def _detect_elsewhere(outcomes: Component) -> list[Component]:
    port = dmc.TextInput(
        id=ids.monitor_field("typed", "elsewhere"),
        label="Port",
        description="Such as socket://10.0.0.7:4001, COM3 or /dev/ttyS0",
        attributes={"input": {"maxLength": PORT_MAX}},
        autoComplete="off",
        spellCheck=False,
    )
    return [
        html.Section(
            [
                html.H2("Detect at another port"),
                html.P(
                    "Detect listens first, then says only what the makers call harmless to a "
                    "monitor in use. It takes up to 20 s.",
                    className="dim",
                ),
                html.Div([port, act("detect-typed", "elsewhere", "Detect")], className="line-edit"),
                html.Div(id=ids.said("monitors", "detect"), role="status"),
                outcomes,
            ],
            className="part",
        )
    ]


def _elsewhere(seen: Seen) -> list[Component]:
    """The newest detection at a port that is not in the list above."""
    listed = {detect_name(port.key) for port in seen.ports}
    typed = [name for name in seen.errands if name.startswith("detect ") and name not in listed]
    if not typed or not seen.may_act:
        return []
    port = typed[-1].removeprefix("detect ")
    return [html.P(html.B(called(port, seen.ports))), *_outcome(port, seen)]


# --- forms ----------------------------------------------------------------------------------------


def _adding(seen: Seen) -> list[Component]:
    chair_fields = [
        dmc.NumberInput(
            id=ids.monitor_field("number", "new-chair"),
            label="Number",
            value=free_number(seen.chairs),
            clampBehavior="none",  # what was typed is refused, never turned into another number
            allowDecimal=False,
        ),
        dmc.TextInput(
            id=ids.monitor_field("name", "new-chair"),
            label="Name",
            description="As the board shows it",
            attributes={"input": {"maxLength": NAME_MAX}},
            autoComplete="off",
        ),
    ]
    return [
        html.Section(
            [
                html.H2("Add a monitor to a chair"),
                html.Div(_monitor_fields(seen), className="fields"),
                act("add-monitor", "new-monitor", "Add monitor", kind="button button-main"),
                html.Div(id=ids.said("monitors", "new-monitor"), role="status"),
            ],
            className="part",
        ),
        html.Section(
            [
                html.H2("Add a chair"),
                html.Div(chair_fields, className="fields"),
                act("add-chair", "new-chair", "Add chair"),
                html.Div(id=ids.said("monitors", "new-chair"), role="status"),
            ],
            className="part",
        ),
    ]


def _monitor_fields(seen: Seen) -> list[Component]:
    about = "new-monitor"
    return [
        dmc.Select(
            id=ids.monitor_field("chair", about),
            label="Chair",
            data=choices_of_chairs(seen.chairs, seen.views),
            allowDeselect=False,
        ),
        dmc.TextInput(
            id=ids.monitor_field("baud", about),
            label="Speed, baud",
            description="Empty: the monitor's own",
            inputProps={"inputMode": "numeric"},
            autoComplete="off",
        ),
        dmc.Select(
            id=ids.monitor_field("monitor", about),
            label="Monitor",
            data=[{"value": name, "label": entry.title} for name, entry in PROTOCOLS.items()],
            searchable=True,
            allowDeselect=False,
            className="wide",
        ),
        dmc.Select(
            id=ids.monitor_field("port", about),
            label="Port",
            placeholder="One of this computer",
            data=choices_of_ports(seen),
            clearable=True,
        ),
        dmc.TextInput(
            id=ids.monitor_field("typed", about),
            label="or another port",
            placeholder="socket://10.0.0.7:4001",
            attributes={"input": {"maxLength": PORT_MAX}},
            autoComplete="off",
            spellCheck=False,
        ),
        dmc.Checkbox(
            id=ids.monitor_field("listens", about),
            label="Listen only",
            description=LISTEN_ONLY,
            className="wide",
        ),
    ]


def choices_of_chairs(
    chairs: Sequence[ChairConfig], views: Mapping[int, ChairView]
) -> list[dict[str, str]]:
    """What a chair gets in the middle of a session is recorded as its patient's from then on."""
    return [
        {
            "value": str(each.number),
            "label": f"{each.number}, {each.name}{SITS if _is_taken(views, each) else ''}",
        }
        for each in chairs
    ]


def _is_taken(views: Mapping[int, ChairView], chair: ChairConfig) -> bool:
    view = views.get(chair.number)
    return view is not None and view.session is not None


def choices_of_ports(seen: Seen, chosen: str | None = None) -> list[dict[str, str]]:
    """The free ports; one that is ``chosen`` stays there when its adapter is pulled out."""
    taken = owners(seen.ports, seen.chairs)
    free = [port for port in seen.ports if port.key not in taken]
    rows = [{"value": each.key, "label": called(each.key, seen.ports)} for each in free]
    if chosen and chosen not in {each.key for each in free}:
        is_there = found_as(chosen, seen.ports) is not None
        why = "not free" if is_there else "not plugged in"
        rows.append({"value": chosen, "label": f"{called(chosen, seen.ports)} ({why})"})
    return rows


def complaint(words: str) -> html.Div:
    return html.Div(words, className="refused", role="alert")


def done(words: str) -> html.P:
    return html.P(words, className="wiring-done")
