"""How does the page of one chair stay true, and what do its buttons ask of the engine?"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from dash import ALL, MATCH, Dash, Input, Output, State, ctx, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from clinical.catalog.loader import load_checklist, load_statements
from clinical.catalog.presets import Presets
from clinical.commands import (
    AcknowledgeAlarm,
    AllowCuff,
    AnswerItem,
    ChangePhase,
    Command,
    ConfirmMonitor,
    LockBaseline,
    OrderCuff,
    OutcomeKind,
    SignStatement,
    StartSession,
)
from clinical.links import CuffOrder
from clinical.phases import AT_ONCE, SessionPhase
from clinical.record import Reading
from clinical.sign_off import Actor, Signature, SignerKind, SignMethod
from clinical.snapshot import ChairView, SessionView
from clinical.vitals import Metric
from dashboard import ids
from dashboard.pages import asks
from dashboard.pages import manual as entering
from dashboard.pages.click import (
    ANOTHER,
    DRAWN_FOR,
    PAPERWORK,
    TOO_SOON,
    clicked,
    command_id,
    is_drawn_for,
    is_settled,
    new_form,
    of_clicked,
    paperwork_key,
    submitted,
    was_clicked,
)
from dashboard.pages.seats import limits_of, seat, seats
from dashboard.security import current_actor
from dashboard.views import chair as view_of
from dashboard.views import checklist, controls, identity, manual, open_alarms, sign_off
from dashboard.views.panel import Form, Panel, panel, place, refused, said, to_draw
from dashboard.views.trend import Mark, annotated, by_hand, session_marks
from storage import observations

if TYPE_CHECKING:
    from dashboard.services import Services

PATH = "/chair/<chair>"
TITLE = "Chair"
EMPTY_TREND = timedelta(minutes=15)  # the least that the trend shows
STEP_S = 300  # its axis grows by so much at once, not with every second
ZONE = None  # times of day are those of the server, which stands in the clinic


def exists(services: Services, chair: str) -> bool:
    return chair in {str(number) for number, _ in services.site.chairs}


async def layout(services: Services, chair: str) -> Component | None:
    if not exists(services, chair):
        return None
    view, form = seats(services).get(int(chair)), new_form(services)
    if view is None:
        return None  # taken away this moment
    panels = panels_of(view, current_actor(), await behind(services, view))
    placed = {part.name: place(part, form) for part in panels}
    return view_of.page(
        view,
        limits_of(view),
        placed["head"],
        [
            _part(
                placed["identity"],
                html.Div(id=ids.said("identity", "identity")),
                placed["alarms"],
                placed["reason"],
                html.Div(id=ids.said("alarms", "alarms")),
                *asks.sound_part(view.chair, placed),
            ),
            _part(
                placed["session"],
                placed["cuff"],
                html.Div(id=ids.said("session", "session")),
                placed["end"],
            ),
            manual.part(placed),
            asks.limits_part(placed),
            placed[PAPERWORK],
            _part(placed["monitors"]),
        ],
        speed=services.site.speed,
    )


def _part(*content: Component) -> Component:
    return html.Section(list(content), className="part")


# What the page is made of.


class Behind(NamedTuple):
    """What the page says beside the snapshot: presets, who can be called, who moved what."""

    presets: Presets
    staff: tuple[Actor, ...] = ()
    known: asks.Known = asks.NOTHING
    entered: Sequence[Reading] = ()  # by hand, in this session


async def behind(services: Services, view: ChairView) -> Behind:
    """Accounts are asked for where a session can be started, and nowhere else."""
    staff = await asyncio.to_thread(services.staff) if view.session is None else ()
    known = await asks.known_of(services, view.session)
    return Behind(services.presets(), tuple(staff), known, await entered_of(services, view))


async def entered_of(services: Services, view: ChairView) -> Sequence[Reading]:
    """All that was entered by hand in this session; the record is asked where there is any."""
    if view.session is None or not view.by_hand:
        return ()
    found = await asyncio.to_thread(_entered, services, view.session.session)
    kept = {_moment(each) for each in found}
    # And what is on its way there.
    return [*found, *(each for each in view.by_hand.values() if _moment(each) not in kept)]


def _moment(reading: Reading) -> tuple[Metric, int]:
    """What tells a value from another, as exact as the record keeps it."""
    since = reading.observation.observed_at - datetime(1970, 1, 1, tzinfo=UTC)
    return reading.observation.metric, since // timedelta(milliseconds=1)


def _entered(services: Services, session: UUID) -> list[Reading]:
    with services.database.reading() as db:
        return observations.entered(db, session=session)


def panels_of(view: ChairView, actor: Actor | None, beside: Behind) -> Iterator[Panel]:
    """The panels of the page, each with those inside it."""
    current, role = view.session, actor.role if actor else None
    preset = asks.preset_of(current, beside.presets)
    start = controls.Start(beside.presets, beside.staff)
    above = preset.decision_above if preset else None
    yield panel("head", lambda _form: view_of.head(view))
    yield panel("identity", partial(identity.check, view, actor is not None))
    yield _alarms(view, actor)
    reason = partial(open_alarms.reason, current, actor is not None)
    yield Panel("reason", paperwork_key(current, actor), reason)
    yield from asks.panels_of(current, actor, preset, beside.known, ZONE)
    yield panel("session", lambda form: controls.controls(current, ZONE, form, start, above))
    yield panel("cuff", lambda form: controls.cuff(view, role, form))
    yield panel("end", lambda form: controls.end_early(form) if current else [])
    yield Panel("manual", paperwork_key(current, actor), partial(manual.form, current, actor))
    newest = view.by_hand if current else {}
    yield panel("by-hand", partial(manual.newest, newest, ZONE))
    yield panel("monitors", lambda _form: view_of.monitors(view))
    yield _paperwork(current, actor)


def _alarms(view: ChairView, actor: Actor | None) -> Panel:
    may_act = actor is not None
    texts = tuple(
        panel(f"alarm:{alarm.alarm_id}", partial(open_alarms.text, alarm)) for alarm in view.alarms
    )
    lives = tuple(
        panel(f"life:{alarm.alarm_id}", partial(open_alarms.life, alarm, ZONE))
        for alarm in view.alarms
    )

    def draw(form: Form) -> list[Component]:
        said, lived = ([place(part, form) for part in parts] for parts in (texts, lives))
        return open_alarms.alarms(view.alarms, said, lived, may_act, form)

    rows = [
        (alarm.alarm_id, alarm.priority, alarm.acknowledged_at, alarm.is_latched, alarm.news)
        for alarm in view.alarms
    ]
    return Panel("alarms", f"{rows} {may_act}", draw, (*texts, *lives))


def _paperwork(current: SessionView | None, actor: Actor | None) -> Panel:
    """Checklist and signatures: drawn anew as a whole for another session only.

    Nothing that was typed for one patient may be seen under another, and nothing that is being
    typed may be lost.
    """
    if current is None:
        return Panel(PAPERWORK, paperwork_key(None, actor), lambda _form: [])
    shown = load_checklist(current.checklist)
    items, statements = tuple(_items(current, actor)), tuple(_statements(current, actor))

    def draw(form: Form) -> list[Component]:
        answers = [place(item, form) for item in items]
        notes = [checklist.note_field(item) for item in shown.items]
        signing = [
            html.Div(
                [place(part, form), html.Div(id=ids.said("sign", part.name.partition(":")[2]))],
                className="statement",
            )
            for part in statements
        ]
        return [
            html.Section(checklist.checklist(shown, answers, notes), className="part checklist"),
            html.Section([html.H2("Sign-off"), *signing], className="part"),
        ]

    return Panel(PAPERWORK, paperwork_key(current, actor), draw, (*items, *statements))


def _items(current: SessionView, actor: Actor | None) -> Iterator[Panel]:
    """One panel an item of the checklist; empty until the patient recovers."""
    answers, findings = current.answers or {}, current.findings or {}
    is_open = current.phase is SessionPhase.RECOVERY
    role = actor.role if actor else None
    for item in load_checklist(current.checklist).items:
        given, finding = answers.get(item.id), findings.get(item.id)
        state = partial(checklist.state, item, given, finding, role, ZONE)
        yield panel(f"item:{item.id}", state if is_open else lambda _form: [])


def _statements(current: SessionView, actor: Actor | None) -> Iterator[Panel]:
    """One panel a statement, in the order of signing."""
    signatures = current.signatures or {}
    known: Signature | None = None  # what a sitter signed before
    for statement in load_statements().values():
        given = signatures.get(statement.id)
        form_of = partial(sign_off.statement, statement, given, current.phase, actor, known, ZONE)
        yield panel(f"statement:{statement.id}", form_of)
        if given is not None and statement.signer is SignerKind.SITTER:
            known = given.signature


def trend_marks(view: ChairView, now: datetime, entered: Sequence[Reading] = ()) -> dict[str, Any]:
    """What is written over the trend, and what was entered by hand, by trace; times in ms, which
    only the browser can place in its zone."""
    current = view.session
    until = datetime.fromtimestamp(math.ceil(now.timestamp() / STEP_S) * STEP_S, UTC)
    since = until - EMPTY_TREND
    if current is not None:
        since = min(since, current.opened_at)
    marks = annotated(
        session_marks(current) if current else [],
        limits_of(view),
        _ms,
        extent=Mark(since, "", until),
        has_entries=bool(entered),
    )
    return {**marks, "by_hand": by_hand(entered, _ms, ZONE)}


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


# Plotly shows the Dates of live.js in the zone of the browser; a mark, which must be a text there,
# is written in the same. A figure as a property would come without the points, so relayout it is.
DRAW_MARKS = """async marks => {
  const local = ms => {
    const zoneMs = new Date(ms).getTimezoneOffset() * 60000;
    return new Date(ms - zoneMs).toISOString().slice(0, -1);
  };
  const dated = mark => {
    const placed = {...mark};
    if (mark.xref === 'x') for (const k of ['x', 'x0', 'x1']) {
      if (k in placed) placed[k] = local(placed[k]);
    }
    return placed;
  };
  for (let tries = 0; marks && tries < 50; tries++) {
    const graph = document.querySelector('[data-trend] .js-plotly-plot');
    if (window.Plotly && graph?.layout) {
      await window.Plotly.relayout(graph, {
        shapes: marks.shapes.map(dated), annotations: marks.annotations.map(dated)});
      const traces = graph.data.map(({uid}) => marks.by_hand[uid]);
      const which = [...traces.keys()].filter(i => traces[i]);
      const of = key => which.map(i => traces[i][key]);
      // New values of x make Plotly forget the kind of axis, unless it is named beside them.
      await window.Plotly.update(graph, {x: of('x').map(ms => ms.map(at => new Date(at))),
        y: of('y'), text: of('text')}, {'xaxis.type': 'date'}, which);
      break;
    }
    await new Promise(later => setTimeout(later, 200));
  }
  return window.dash_clientside.no_update;
}"""


def register(app: Dash, services: Services) -> None:
    _register_drawing(app, services)
    _register_session(app, services)
    asks.register(app, services)
    entering.register(app, services)
    _register_monitors(app, services)
    _register_checklist(app, services)
    _register_signing(app, services)


def _register_drawing(app: Dash, services: Services) -> None:
    @app.callback(
        Output(ids.panel(ALL), "children"),
        Output(ids.panel(ALL), "data-shown"),
        Output(ids.TREND_MARKS, "data"),
        Input(ids.LIVE_EVENT, "data"),
        Input(ids.CHAIR, "data"),
        State(ids.panel(ALL), "id"),
        State(ids.panel(ALL), "data-shown"),
        State(ids.TREND_MARKS, "data"),
    )
    async def draw(
        event: dict[str, Any] | None,
        chair: int,
        places: list[ids.Id],
        shown: list[str],
        marked: dict[str, Any] | None,
    ) -> tuple[list[Any], list[Any], Any]:
        """Draw anew what says something else than before, and nothing else."""
        if ctx.triggered_id == ids.LIVE_EVENT and event and chair not in event["chairs"]:
            raise PreventUpdate
        view, form = seat(services, chair), new_form(services)
        before = dict(zip((place["name"] for place in places), shown, strict=True))
        beside = await behind(services, view)
        panels = panels_of(view, current_actor(), beside)
        anew = {part.name: part for part in to_draw(panels, before)}
        children = [list(anew[name].draw(form)) if name in anew else no_update for name in before]
        digests = [anew[name].shown if name in anew else no_update for name in before]
        marks = trend_marks(view, services.clock.now(), beside.entered)
        return children, digests, no_update if marks == marked else marks

    app.clientside_callback(DRAW_MARKS, Input(ids.TREND_MARKS, "data"))


def _register_session(app: Dash, services: Services) -> None:
    @app.callback(
        Output(ids.said("alarms", "alarms"), "children"),
        Output(ids.ask_field(open_alarms.ALARMS, ALL), "value"),
        Input(ids.ALARMS_PRESSED, "data"),
        State(ids.ask_field(open_alarms.ALARMS, ALL), "value"),
        State(ids.CHAIR, "data"),
        prevent_initial_call=True,
    )
    async def acknowledge(
        presses: list[dict[str, Any]] | None, reasons: list[str | None], chair: int
    ) -> tuple[Any, list[Any]]:
        """What was written goes with one alarm, and is gone for the next.

        The presses of some seconds come each time (press.js); of one that was answered already
        the engine says again what it said.
        """
        actor, kept = current_actor(), [no_update] * len(reasons)
        if actor is None or not presses:
            return no_update, kept
        written = (reasons[0] or "").strip() if reasons else ""
        commands = acknowledgements(presses, written, actor, chair)
        outcomes = [await submitted(services, each) for each in commands]
        told = {outcome.reason: said(outcome) for outcome in outcomes}
        is_done = outcomes[-1].kind is OutcomeKind.DONE
        return [*chain.from_iterable(told.values())], [""] * len(reasons) if is_done else kept

    @app.callback(
        Output(ids.said("session", "session"), "children"),
        Input(ids.act(ALL), "n_clicks"),
        State(ids.act(ALL), "data-form"),
        State(ids.act(ALL), "data-at"),
        State(ids.field(ALL), "id"),
        State(ids.field(ALL), "value"),
        State(ids.CHAIR, "data"),
        DRAWN_FOR,
        prevent_initial_call=True,
    )
    async def step(
        clicks: list[int | None],
        forms: list[str],
        drawn_at: list[str],
        places: list[ids.Id],
        values: list[Any],
        chair: int,
        drawn_for: str,
    ) -> Any:
        actor = current_actor()
        if actor is None or not was_clicked():
            return no_update
        about = clicked()["about"]
        if about != controls.CUFF_CANCEL and not is_settled(services, of_clicked(drawn_at)):
            # The second half of a double click says nothing; a stop is never swallowed in silence.
            return TOO_SOON if about in AT_ONCE else no_update
        current = seat(services, chair).session
        if not is_drawn_for(current, actor, drawn_for):
            return ANOTHER
        fields = {place["about"]: value for place, value in zip(places, values, strict=True)}
        if about in CUFF_ORDERS:
            fields["press"] = of_clicked(clicks)
        command = step_command(about, fields, of_clicked(forms), actor, chair)
        if current is not None:
            command = replace(command, session=current.session)
        outcome = await submitted(services, command)
        if about in CUFF_ORDERS and outcome.kind is OutcomeKind.DONE:
            unheard = refused(outcome.reason) if outcome.reason else []
            return controls.cuff_asked(CUFF_ORDERS[about], outcome.at, ZONE) + unheard
        return said(outcome)


def acknowledgements(
    presses: Sequence[Mapping[str, Any]], written: str, actor: Actor, chair: int
) -> list[AcknowledgeAlarm]:
    """One command a button, however often it was pressed; what is ``written`` is of the newest.

    Its id is made without the reason: the second half of a double click finds it empty already.
    """
    found: dict[UUID, AcknowledgeAlarm] = {}
    for press in presses:
        alarm, news = str(press["about"]), str(press["news"])
        key = command_id(press["form"], alarm, news)
        found[key] = AcknowledgeAlarm(
            command_id=key, by=actor, chair=chair, alarm_id=UUID(alarm), news=news
        )
    *before, newest = found.values()
    return [*before, replace(newest, reason=written)]


# The panel of the cuff is not drawn anew by an order: each press is an order of its own.
CUFF_ORDERS = {controls.CUFF_START: CuffOrder.START, controls.CUFF_CANCEL: CuffOrder.CANCEL}


# Which field says why, of the steps that need it.
REASON_OF = {SessionPhase.ABORTED: "reason", SessionPhase.INFUSING: "decision"}


def step_command(
    step: str, fields: Mapping[str, Any], form: str, actor: Actor, chair: int
) -> Command:
    """The command behind one button of the session: START, LOCK, or the phase it leads to."""
    asked = [step, *(f"{name}={value}" for name, value in sorted(fields.items()))]
    common: dict[str, Any] = {"command_id": command_id(form, *asked), "by": actor, "chair": chair}
    if step == controls.START:
        return StartSession(
            **common,
            patient=str(fields.get("patient") or "").strip(),
            planned_infusion_min=_whole(fields.get("planned_min")),
            infusion_number=_whole(fields.get("infusion_number")),
            series_length=_whole(fields.get("series_length")),
            preset=str(fields.get("preset") or controls.PRESET),
            second=str(fields.get("second") or ""),
        )
    if step == controls.LOCK:
        return LockBaseline(**common)
    if step in CUFF_ORDERS:
        return OrderCuff(**common, order=CUFF_ORDERS[step])
    if step in (controls.CUFF_ALLOW, controls.CUFF_FORBID):
        return AllowCuff(**common, is_allowed=step == controls.CUFF_ALLOW)
    to = SessionPhase(step)
    reason = str(fields.get(REASON_OF.get(to, "")) or "").strip()
    return ChangePhase(**common, to=to, reason=reason)


def _whole(value: Any) -> int:
    """A number field's value; 0, which every rule refuses with its own words, where it is none."""
    return value if isinstance(value, int) else 0


def _register_monitors(app: Dash, services: Services) -> None:
    @app.callback(
        Output(ids.said("identity", "identity"), "children"),
        Input(ids.confirm_monitor(ALL), "n_clicks"),
        State(ids.confirm_monitor(ALL), "data-form"),
        State(ids.confirm_monitor(ALL), "data-model"),
        State(ids.confirm_monitor(ALL), "data-serial"),
        State(ids.CHAIR, "data"),
        DRAWN_FOR,
        prevent_initial_call=True,
    )
    async def confirm(
        _clicks: list[int | None],
        forms: list[str],
        models: list[str],
        serials: list[str],
        chair: int,
        drawn_for: str,
    ) -> Any:
        actor, by = current_actor(), clicked()
        if actor is None or by is None:
            return no_update
        current = seat(services, chair).session
        if drawn_for != paperwork_key(current, actor):
            return ANOTHER
        monitor, model, serial = by["about"], of_clicked(models), of_clicked(serials)
        command = ConfirmMonitor(
            command_id=command_id(of_clicked(forms), monitor, model, serial),
            by=actor,
            chair=chair,
            session=current.session if current else None,
            monitor=monitor,
            model=model,
            serial=serial,
        )
        return said(await submitted(services, command))


def _register_checklist(app: Dash, services: Services) -> None:
    @app.callback(
        Output(ids.said("answer", MATCH), "children"),
        Output(ids.note(MATCH), "value"),
        Input(ids.answer(MATCH, ALL), "n_clicks"),
        State(ids.answer(MATCH, ALL), "data-form"),
        State(ids.note(MATCH), "value"),
        State(ids.CHAIR, "data"),
        DRAWN_FOR,
        prevent_initial_call=True,
    )
    async def answer(
        _clicks: list[int | None], forms: list[str], note: str | None, chair: int, drawn_for: str
    ) -> tuple[Any, Any]:
        actor, current = current_actor(), seat(services, chair).session
        if actor is None or not was_clicked():
            return no_update, no_update
        if current is None or not is_drawn_for(current, actor, drawn_for):
            return ANOTHER, no_update
        item, value = clicked()["about"], clicked()["value"]
        written = (note or "").strip()
        given = (current.answers or {}).get(item)
        if given is not None and given.answer == value and not written:
            return [], no_update  # it stands already: the second half of a double click
        command = AnswerItem(
            command_id=command_id(of_clicked(forms), item, value, written),
            by=actor,
            chair=chair,
            session=current.session,
            item=item,
            answer=value,
            note=written,
        )
        outcome = await submitted(services, command)
        return said(outcome), "" if outcome.kind is OutcomeKind.DONE else no_update


def _register_signing(app: Dash, services: Services) -> None:
    app.clientside_callback(
        "method => `sign-ways is-${method}`",
        Output(ids.sign_ways(MATCH), "className"),
        Input(ids.sign_method(MATCH), "value"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output(ids.said("sign", MATCH), "children"),
        Input(ids.sign(MATCH), "n_clicks"),
        State(ids.sign(MATCH), "data-form"),
        State(ids.sign_shown(MATCH), "data"),
        State(ids.sign_method(MATCH), "value"),
        State(ids.sign_mark(MATCH), "data"),
        State(ids.sign_text(MATCH, ALL), "id"),
        State(ids.sign_text(MATCH, ALL), "value"),
        State(ids.sign_check(MATCH, ALL), "id"),
        State(ids.sign_check(MATCH, ALL), "checked"),
        State(ids.CHAIR, "data"),
        DRAWN_FOR,
        prevent_initial_call=True,
    )
    async def sign(
        _clicks: int | None,
        form: str,
        shown_text: str,
        method: str,
        strokes: str | None,
        text_places: list[ids.Id],
        texts: list[str | None],
        check_places: list[ids.Id],
        checks: list[bool | None],
        chair: int,
        drawn_for: str,
    ) -> Any:
        actor = current_actor()
        if actor is None or not was_clicked():
            return no_update
        current = seat(services, chair).session
        if current is None or not is_drawn_for(current, actor, drawn_for):
            return ANOTHER
        text = {
            place["field"]: (value or "").strip()
            for place, value in zip(text_places, texts, strict=True)
        }
        check = {place["field"]: value for place, value in zip(check_places, checks, strict=True)}
        signature = signature_of(SignMethod(method), strokes or "", text, check)
        statement = clicked()["about"]
        command = SignStatement(
            command_id=command_id(form, statement, signature, shown_text),
            by=actor,
            chair=chair,
            session=current.session,
            statement=statement,
            shown_text=shown_text,
            signature=signature,
        )
        return said(await submitted(services, command))


def signature_of(
    method: SignMethod, strokes: str, text: Mapping[str, str], check: Mapping[str, bool | None]
) -> Signature:
    """What the form under a statement gives; fields that a statement does not ask for are empty."""
    return Signature(
        name=text.get("name", ""),
        method=method,
        mark=strokes if method is SignMethod.DRAWN else text.get("typed", ""),
        relation=text.get("relation", ""),
        phone=text.get("phone", ""),
        transport=text.get("transport", ""),
        id_checked=bool(check.get("id_checked")),
        is_adult=bool(check.get("is_adult")),
    )
