"""How are lines watched, tried and wired to chairs, by whom, and what comes of each click?

The page asks for itself every 0.8 s, because ports and counts of bytes are no news to the engine;
only what says something else than before is drawn anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from dash import ALL, MATCH, Dash, Input, Output, State, ctx, no_update, set_props
from dash.development.base_component import Component
from sqlalchemy.exc import SQLAlchemyError

from clinical.sign_off import Actor, Role
from dashboard import edits, ids
from dashboard.arrangement import ChairConfig, MonitorConfig, Refusal, baud_of, title_of
from dashboard.errands import FAILED, Errand, Errands
from dashboard.pages.click import clicked, of_clicked, was_clicked
from dashboard.security import current_actor
from dashboard.views import capture
from dashboard.views import monitors as view_of
from dashboard.views.panel import to_draw
from dashboard.views.ports import found_as
from devices.ports import describe_open_error, parse_port
from devices.registry import PROTOCOLS

if TYPE_CHECKING:
    from dashboard.services import Monitors, Services

PATH = "/monitors"
TITLE = "Monitors"
ZONE = None  # times of day are those of the server, which stands in the clinic
MAY = (Role.CLINICIAN, Role.DIRECTOR)
NEW_MONITOR, NEW_CHAIR, ELSEWHERE = "new-monitor", "new-chair", "elsewhere"

NOT_RECORDED = "Not recorded, so nothing has changed. Try again."
BUSY = "Others are being tried just now: wait until they have ended."
NO_NUMBER = "Give the chair a whole number."
NO_CHAIR = "Choose the chair."
NO_MONITOR = "Choose which monitor it is. Where you do not know, Detect tells it."
NO_PORT = "Choose a port of this computer, or type another."
TWO_PORTS = "One port is chosen and another is typed: leave one of them empty."
NO_PORT_TYPED = "Type the port first."
NO_SUCH_PORT = "'{}' is no port. One is such as socket://10.0.0.7:4001, COM3 or /dev/ttyS0."
NO_BOUNDS = "Give both limits as numbers."
FILLED = "Filled in as it was detected: choose the chair, then add it."

log = logging.getLogger(__name__)

Said = tuple[Component, bool]  # what to say, and whether it is done
Edit = Callable[[Sequence[ChairConfig]], Sequence[ChairConfig]]


def exists(services: Services) -> bool:
    return services.monitors is not None


async def layout(services: Services) -> Component | None:
    if services.monitors is None:
        return None
    # With many chairs it is some 30 ms of drawing: not on the loop that the numbers go by.
    return await asyncio.to_thread(view_of.page, seen(services, services.monitors), ZONE)


def seen(
    services: Services,
    monitors: Monitors,
    errands: Mapping[str, Errand] | None = None,
    unfolded: frozenset[str] = frozenset(),
) -> view_of.Seen:
    """The lines as they are now, for who is signed in. It returns at once."""
    return view_of.Seen(
        chairs=monitors.chairs(),
        ports=monitors.ports(),
        reports=monitors.reports(),
        views=services.snapshot().chairs,
        now=services.clock.now(),
        now_s=real_s(services),
        may_act=person() is not None,
        why_not="" if monitors.is_editable else monitors.why_not,
        left_out=monitors.left_out,
        errands=errands or {},
        unfolded=unfolded,
        recorder=monitors.capture(),
        bounds=monitors.capture_bounds() if director() else None,
    )


def director() -> Actor | None:
    actor = person()
    return actor if actor and actor.role is Role.DIRECTOR else None


def real_s(services: Services) -> float:
    """Monotonic; what is tried on a line takes as long for real, however fast the clock runs."""
    return services.clock.monotonic() / services.clock.speed


def person() -> Actor | None:
    """Who is signed in, where they may change something here."""
    actor = current_actor()
    return actor if actor and actor.role in MAY else None


def register(app: Dash, services: Services) -> None:
    if services.monitors is None:
        return
    errands = Errands(partial(real_s, services))
    _register_drawing(app, services, services.monitors, errands)
    _register_trying(app, services.monitors, errands)
    _register_chairs(app, services.monitors)
    _register_lines(app, services.monitors)
    _register_adding(app, services.monitors)
    _register_recorder(app, services.monitors)


def _register_drawing(app: Dash, services: Services, monitors: Monitors, errands: Errands) -> None:
    @app.callback(
        Output(ids.monitor_part(ALL), "children"),
        Output(ids.monitor_part(ALL), "data-shown"),
        Output(ids.monitor_field("chair", ALL), "data"),
        Output(ids.monitor_field("port", ALL), "data"),
        Input(ids.MONITORS_TICK, "n_intervals"),
        Input(ids.monitor_fold(ALL), "n_clicks"),
        State(ids.monitor_part(ALL), "data-shown"),
        State(ids.monitor_field("chair", ALL), "data"),
        State(ids.monitor_field("port", ALL), "data"),
        State(ids.monitor_field("port", ALL), "value"),
        prevent_initial_call=True,
    )
    async def draw(
        _ticks: int | None,
        _clicks: list[int | None],
        _shown: list[str],
        chairs: list[Any],
        ports: list[Any],
        chosen: list[str | None],
    ) -> tuple[list[Any], list[Any], list[Any], list[Any]]:
        """Draw anew what says something else than before, and nothing else."""
        unfolded = frozenset(
            fold["id"]["about"] for fold in ctx.inputs_list[1] if (fold.get("value") or 0) % 2
        )
        before = {part["id"]["name"]: part["value"] for part in ctx.states_list[0]}
        now = seen(services, monitors, errands.all(), unfolded)
        # In a thread: dozens of lines take longer than the live numbers of others can wait.
        anew = await asyncio.to_thread(drawn_anew, now, before)
        children = [anew[name][0] if name in anew else no_update for name in before]
        digests = [anew[name][1] if name in anew else no_update for name in before]
        of_chairs = view_of.choices_of_chairs(now.chairs, now.views)
        of_ports = [view_of.choices_of_ports(now, each) for each in chosen]
        return (
            children,
            digests,
            [no_update if of_chairs == old else of_chairs for old in chairs],
            [no_update if new == old else new for new, old in zip(of_ports, ports, strict=True)],
        )


def drawn_anew(
    now: view_of.Seen, before: Mapping[str, str]
) -> dict[str, tuple[list[Component], str]]:
    """What says something else than ``before``, by its name: drawn, and a digest of it."""
    return {
        part.name: (list(part.draw(view_of.NO_FORM)), part.shown)
        for part in to_draw(view_of.panels(now, ZONE), before)
    }


# --- what takes seconds ---------------------------------------------------------------------------


def _register_trying(app: Dash, monitors: Monitors, errands: Errands) -> None:
    @app.callback(
        Output(ids.said("line-test", MATCH), "children"),
        Input(ids.monitor_act("test", MATCH), "n_clicks"),
        prevent_initial_call=True,
    )
    async def test(_clicks: int | None) -> Any:
        if not was_clicked():
            return no_update
        return tested(monitors, errands, clicked()["about"])

    @app.callback(
        Output(ids.said("monitors", "detect"), "children"),
        Input(ids.monitor_act("detect", ALL), "n_clicks"),
        Input(ids.monitor_act("detect-typed", ALL), "n_clicks"),
        State(ids.monitor_field("typed", ELSEWHERE), "value"),
        prevent_initial_call=True,
    )
    async def detect(_clicks: list[int | None], _typed: list[int | None], text: str | None) -> Any:
        if not was_clicked():
            return no_update
        is_typed = clicked()["what"] == "detect-typed"
        port = str(text or "") if is_typed else clicked()["about"]
        # In a thread: a path that leads to a dead server would hold the loop, and all numbers.
        return await asyncio.to_thread(detected, monitors, errands, port)


def tested(monitors: Monitors, errands: Errands, line: str) -> list[Component]:
    """Begin to listen to a line for some seconds; the page shows what comes of it.

    Everybody who is signed in may: nothing is said to the monitor for it.
    """
    try:
        number, monitor = view_of.of_line(line)
        edits.monitor_of(monitors.chairs(), number, monitor)
    except (ValueError, edits.Gone):
        return [view_of.complaint(edits.GONE)]
    is_begun = errands.start(view_of.test_name(line), lambda _tell: monitors.test(number, monitor))
    return [] if is_begun else [view_of.complaint(BUSY)]


def detected(monitors: Monitors, errands: Errands, text: str) -> list[Component]:
    """Begin to find out what is at a port; the page shows how far it is."""
    by = person()
    if by is None:
        return [view_of.complaint(view_of.REFUSED)]
    if not text.strip():
        return [view_of.complaint(NO_PORT_TYPED)]
    try:
        port = remembered(text, monitors)
    except ValueError as error:
        return [view_of.complaint(sentence(error))]
    is_begun = errands.start(view_of.detect_name(port), partial(detection_at, monitors, port, by))
    return [] if is_begun else [view_of.complaint(BUSY)]


def detection_at(monitors: Monitors, port: str, by: Actor, tell: Callable[[str], None]) -> Any:
    """What is at ``port``, or why that cannot be found out, for a nurse. It blocks."""
    try:
        return monitors.detect(port, tell, by)
    except OSError as error:
        return Refusal(describe_open_error(error, port), field="port")


def remembered(text: str, monitors: Monitors) -> str:
    """The port as it is kept: by its adapter, not by the name that it has for today.

    Raises ValueError, in words for whoever typed it, for what names none.
    """
    port = text.strip()[: view_of.PORT_MAX]
    found = found_as(port, monitors.ports())
    if found is not None:
        return found.key
    try:
        parse_port(port)
    except ValueError:
        raise ValueError(NO_SUCH_PORT.format(port)) from None
    return port


def sentence(error: Exception) -> str:
    words = str(error.args[0] if error.args else error)
    return f"{words[:1].upper()}{words[1:]}".rstrip(".") + "."


# --- what is recorded -----------------------------------------------------------------------------


async def arranged(monitors: Monitors, edit: Edit, done: str) -> Said:
    """Have the chairs as ``edit`` makes them, as who is signed in."""
    actor = person()
    if actor is None:
        return view_of.complaint(view_of.REFUSED), False
    before = monitors.chairs()
    return await _done(lambda: monitors.arrange(edit(before), actor, before), done)


async def _done(work: Callable[[], Refusal | None], done: str) -> Said:
    """What comes of ``work`` that is recorded, in words; it blocks, so a thread does it."""
    try:
        refusal = await asyncio.to_thread(work)
    except edits.Gone as error:
        return view_of.complaint(sentence(error)), False
    except SQLAlchemyError:
        return view_of.complaint(NOT_RECORDED), False
    except Exception:  # without a word they would wait for a line that is never opened
        log.exception("the monitors could not be changed")
        return view_of.complaint(FAILED), False
    if refusal is not None:
        return view_of.complaint(refusal.words), False
    return view_of.done(done), True


def _register_chairs(app: Dash, monitors: Monitors) -> None:
    @app.callback(
        Output(ids.said("chair-edit", MATCH), "children"),
        Input(ids.monitor_act("rename", MATCH), "n_clicks"),
        Input(ids.monitor_act("remove-chair", MATCH), "n_clicks"),
        State(ids.monitor_field("name", MATCH), "value"),
        prevent_initial_call=True,
    )
    async def change(_rename: int | None, _remove: int | None, name: str | None) -> Any:
        if not was_clicked():
            return no_update
        what, chair = clicked()["what"], clicked()["about"]
        said, _ = await chair_changed(monitors, what, chair, str(name or ""))
        return said


async def chair_changed(monitors: Monitors, what: str, chair: str, name: str) -> Said:
    """Rename a chair or remove it; ``chair`` is its number as the page sent it."""
    if not chair.isdecimal():
        return view_of.complaint(edits.GONE), False
    number, name = int(chair), " ".join(name.split())
    if what == "rename":
        return await arranged(
            monitors, lambda chairs: edits.renamed(chairs, number, name), f"Renamed to {name}."
        )
    return await arranged(
        monitors, lambda chairs: edits.without_chair(chairs, number), f"Chair {number} is removed."
    )


def _register_lines(app: Dash, monitors: Monitors) -> None:
    @app.callback(
        Output(ids.said("line-edit", MATCH), "children"),
        Input(ids.monitor_act("move", MATCH), "n_clicks"),
        Input(ids.monitor_act("remove-monitor", MATCH), "n_clicks"),
        State(ids.monitor_field("to", MATCH), "value"),
        prevent_initial_call=True,
    )
    async def change(_move: int | None, _remove: int | None, to: str | None) -> Any:
        if not was_clicked():
            return no_update
        line = clicked()["about"]
        said, is_done = await line_changed(monitors, clicked()["what"], line, to)
        if not is_done:
            return said
        # The line is drawn anew, or elsewhere: it is said below the chair that it was at.
        chair, _monitor = view_of.of_line(line)
        set_props(ids.said("chair-edit", str(chair)), {"children": said})
        return no_update

    @app.callback(
        Output(ids.said("line-listen", MATCH), "children"),
        Output(ids.monitor_field("listen", MATCH), "checked"),
        Input(ids.monitor_field("listen", MATCH), "checked"),
        State(ids.monitor_field("listen", MATCH), "id"),
        prevent_initial_call=True,
    )
    async def listen(is_on: bool | None, place: ids.Id) -> tuple[Any, Any]:
        """What was refused springs back."""
        is_on = bool(is_on)
        if is_on == is_listened_to_only(monitors, place["about"]):
            return no_update, no_update  # drawn so, and not pressed
        said, is_done = await listened_only(monitors, place["about"], is_on)
        return said, no_update if is_done else not is_on


async def line_changed(monitors: Monitors, what: str, line: str, to: str | None) -> Said:
    """Move a monitor to another chair or take it away."""
    try:
        number, monitor = view_of.of_line(line)
    except ValueError:
        return view_of.complaint(edits.GONE), False
    title = title_of(monitor)
    if what == "remove-monitor":
        return await arranged(
            monitors,
            lambda chairs: edits.without_monitor(chairs, number, monitor),
            f"{title} is removed.",
        )
    if not to or not to.isdecimal():
        return view_of.complaint(NO_CHAIR), False
    target = int(to)
    return await arranged(
        monitors,
        lambda chairs: edits.moved(chairs, number, monitor, target),
        f"{title} is moved to chair {target}.",
    )


def is_listened_to_only(monitors: Monitors, line: str) -> bool | None:
    """None where there is no such line."""
    report = {view_of.line_name(*key): each for key, each in monitors.reports().items()}.get(line)
    return report.is_listen_only if report else None


async def listened_only(monitors: Monitors, line: str, is_on: bool) -> Said:
    """Write nothing to a monitor any more, or speak to it again."""
    actor = person()
    if actor is None:
        return view_of.complaint(view_of.REFUSED), False
    try:
        number, monitor = view_of.of_line(line)
        edits.monitor_of(monitors.chairs(), number, monitor)
    except (ValueError, edits.Gone):
        return view_of.complaint(edits.GONE), False
    done = "Only listened to from now on." if is_on else "Vigil speaks to it again."
    return await _done(lambda: monitors.set_listen_only(number, monitor, is_on, actor), done)


def _register_adding(app: Dash, monitors: Monitors) -> None:
    def of_new(what: str) -> ids.Id:
        return ids.monitor_field(what, NEW_MONITOR)

    @app.callback(
        Output(ids.said("monitors", NEW_MONITOR), "children"),
        Output(of_new("port"), "value"),
        Output(of_new("typed"), "value"),
        Output(of_new("baud"), "value"),
        Output(of_new("listens"), "checked"),
        Input(ids.monitor_act("add-monitor", NEW_MONITOR), "n_clicks"),
        State(of_new("chair"), "value"),
        State(of_new("monitor"), "value"),
        State(of_new("port"), "value"),
        State(of_new("typed"), "value"),
        State(of_new("baud"), "value"),
        State(of_new("listens"), "checked"),
        prevent_initial_call=True,
    )
    async def add_monitor(
        _clicks: int | None,
        chair: str | None,
        monitor: str | None,
        port: str | None,
        typed: str | None,
        baud: str | None,
        listens: bool | None,
    ) -> tuple[Any, Any, Any, Any, Any]:
        """What was typed stays until it has done its work."""
        if not was_clicked():
            return (no_update,) * 5
        asked = (chair, monitor, port, typed, baud)
        said, is_done = await monitor_added(
            monitors, *(str(each or "").strip() for each in asked), is_listen_only=bool(listens)
        )
        return (said, None, "", "", False) if is_done else (said, *(no_update,) * 4)

    @app.callback(
        Output(ids.said("monitors", NEW_CHAIR), "children"),
        Output(ids.monitor_field("number", NEW_CHAIR), "value"),
        Output(ids.monitor_field("name", NEW_CHAIR), "value"),
        Input(ids.monitor_act("add-chair", NEW_CHAIR), "n_clicks"),
        State(ids.monitor_field("number", NEW_CHAIR), "value"),
        State(ids.monitor_field("name", NEW_CHAIR), "value"),
        prevent_initial_call=True,
    )
    async def add_chair(_clicks: int | None, number: Any, name: str | None) -> tuple[Any, Any, Any]:
        if not was_clicked():
            return no_update, no_update, no_update
        said, is_done = await chair_added(monitors, number, str(name or ""))
        if not is_done:
            return said, no_update, no_update
        return said, edits.free_number(monitors.chairs()), ""

    @app.callback(
        Output(of_new("monitor"), "value"),
        Output(of_new("port"), "value", allow_duplicate=True),
        Output(of_new("typed"), "value", allow_duplicate=True),
        Output(of_new("baud"), "value", allow_duplicate=True),
        Output(ids.said("monitors", NEW_MONITOR), "children", allow_duplicate=True),
        Input(ids.monitor_act("take", ALL), "n_clicks"),
        State(ids.monitor_act("take", ALL), "data-monitor"),
        State(ids.monitor_act("take", ALL), "data-baud"),
        prevent_initial_call=True,
    )
    async def take(
        _clicks: list[int | None], kinds: list[str], speeds: list[str]
    ) -> tuple[Any, ...]:
        """Into the form, as it was detected. It is added by a click of its own."""
        if not was_clicked():
            return (no_update,) * 5
        filled = taken(monitors, clicked()["about"], of_clicked(kinds), of_clicked(speeds))
        return (*filled, view_of.done(FILLED))

    app.clientside_callback(
        FOCUS_CHAIR,
        Input(ids.monitor_act("take", ALL), "n_clicks"),
        prevent_initial_call=True,
    )


# The form stands elsewhere on the page: the next thing to do there is to choose the chair.
FOCUS_CHAIR = f"""clicks => {{
  if (!clicks.some(Boolean)) return;
  const id = JSON.stringify({{about: '{NEW_MONITOR}', type: 'monitor-field', what: 'chair'}});
  document.getElementById(id)?.focus();
}}"""


async def monitor_added(
    monitors: Monitors,
    chair: str,
    monitor: str,
    port: str,
    typed: str,
    baud: str,
    *,
    is_listen_only: bool,
) -> Said:
    """Wire a monitor to a chair, or say what is missing or cannot be."""
    missing = [
        words
        for words, is_missing in (
            (NO_CHAIR, not chair.isdecimal()),
            (NO_MONITOR, not monitor),
            (NO_PORT, not port and not typed),
            (TWO_PORTS, bool(port and typed)),
        )
        if is_missing
    ]
    if missing:
        return view_of.complaint(" ".join(missing)), False
    try:
        speed = baud_of(baud)
        place = await asyncio.to_thread(remembered, port or typed, monitors)
    except ValueError as error:
        return view_of.complaint(sentence(error)), False
    added = MonitorConfig(monitor, place, speed, is_listen_only=is_listen_only)
    return await arranged(
        monitors,
        lambda chairs: edits.with_monitor(chairs, int(chair), added),
        f"Added to chair {chair}: its line is being opened.",
    )


async def chair_added(monitors: Monitors, number: Any, name: str) -> Said:
    if not isinstance(number, int):
        return view_of.complaint(NO_NUMBER), False
    words = " ".join(name.split()) or f"Chair {number}"
    return await arranged(
        monitors,
        lambda chairs: edits.with_chair(chairs, number, words),
        f"Chair {number} is added. Its monitors can be added now.",
    )


def taken(monitors: Monitors, port: str, kind: str, baud: str) -> tuple[Any, Any, str, str]:
    """What the form is filled with: monitor, port of this computer, port typed, speed."""
    entry = PROTOCOLS.get(kind)
    is_own_speed = entry is not None and str(entry.settings.baud) == baud
    is_here = found_as(port, monitors.ports()) is not None
    return kind, port if is_here else None, "" if is_here else port, "" if is_own_speed else baud


def _register_recorder(app: Dash, monitors: Monitors) -> None:
    @app.callback(
        Output(ids.said("monitors", capture.ABOUT), "children"),
        Input(ids.monitor_act("set-capture", capture.ABOUT), "n_clicks"),
        State(ids.monitor_field("days", capture.ABOUT), "value"),
        State(ids.monitor_field("mib", capture.ABOUT), "value"),
        prevent_initial_call=True,
    )
    async def keep(_clicks: int | None, days: Any, mib: Any) -> Any:
        if not was_clicked():
            return no_update
        said, _ = await kept(monitors, days, mib)
        return said


async def kept(monitors: Monitors, days: Any, mib: Any) -> Said:
    """Have the flight recorder keep so much, as the director who is signed in."""
    actor = director()
    if actor is None:
        return view_of.complaint(capture.FOR_DIRECTORS), False
    if not isinstance(days, int | float) or not isinstance(mib, int | float):
        return view_of.complaint(NO_BOUNDS), False
    refusal = await asyncio.to_thread(monitors.set_capture_bounds, days, mib, actor)
    if refusal is not None:
        return view_of.complaint(refusal.words), False
    return view_of.done(f"Kept from now on: {days:g} days, at most {mib:g} MiB."), True
