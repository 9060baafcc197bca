"""What can be asked of the alarms of a chair: a pause, one sign off, other limits, and how?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import tzinfo
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from dash import ALL, MATCH, Dash, Input, Output, State, html, no_update
from dash.development.base_component import Component

from clinical.alarms import AlarmPriority, Direction
from clinical.catalog.loader import UnknownEntry
from clinical.catalog.preset import LimitKey, Preset
from clinical.catalog.presets import Presets
from clinical.commands import (
    AdjustLimits,
    Command,
    LimitAsked,
    PauseAudio,
    PlaceProbe,
    SwitchAlarm,
    SwitchAudio,
)
from clinical.record import AlarmSwitched, LimitChanged
from clinical.sign_off import Actor
from clinical.snapshot import SessionView
from clinical.suggest import suggested
from clinical.vitals import Metric
from dashboard import ids
from dashboard.pages.click import (
    ANOTHER,
    DRAWN_FOR,
    clicked,
    command_id,
    is_drawn_for,
    is_settled,
    of_clicked,
    submitted,
    was_clicked,
)
from dashboard.pages.seats import seat
from dashboard.security import current_actor
from dashboard.views import limits, silence
from dashboard.views.numbers import word
from dashboard.views.panel import Panel, digest, panel, refused, said
from storage.controls import limit_of, switch_of
from storage.ledger import rows_of
from storage.models import AlarmSwitchRow, LimitChangeRow
from storage.review import find_session

if TYPE_CHECKING:
    from dashboard.services import Services

NOT_A_NUMBER = refused("a limit is missing: every field needs a number")


def preset_of(current: SessionView | None, presets: Presets) -> Preset | None:
    """The edition that a session runs under; None where it is no longer at hand."""
    if current is None:
        return None
    try:
        return presets.edition(current.preset, current.preset_version)
    except UnknownEntry:
        return None


class Known(NamedTuple):
    """Who moved which limit, and who turned the alarms of which sign off: from the record."""

    moved: Mapping[LimitKey, LimitChanged]
    off: Mapping[Metric, AlarmSwitched]


NOTHING = Known({}, {})


async def known_of(services: Services, current: SessionView | None) -> Known:
    """Asked for only where there is something to know."""
    if current is None:
        return NOTHING
    if not current.switched_off and not any(limit.is_adjusted for limit in current.limits):
        return NOTHING
    return await asyncio.to_thread(_known, services, current.session)


def _known(services: Services, session: UUID) -> Known:
    with services.database.reading() as db:
        row = find_session(db, session)
        if row is None:
            return NOTHING
        moved = [limit_of(each, session) for each in rows_of(db, LimitChangeRow, row.id)]
        off = [switch_of(each, session) for each in rows_of(db, AlarmSwitchRow, row.id)]
    return Known(
        {(each.metric, each.direction, each.priority): each for each in moved},
        {each.metric: each for each in off},
    )


# What the page is made of.


def panels_of(
    current: SessionView | None,
    actor: Actor | None,
    preset: Preset | None,
    known: Known,
    zone: tzinfo | None,
) -> Iterator[Panel]:
    role = actor.role if actor else None
    mine = current if actor is not None else None  # who is not signed in asks for nothing
    yield panel("signs-off", partial(silence.switched_off, current, known.off, role, zone))
    yield panel("limits-head", lambda _form: limits.head(current, preset))
    # Not by what is drawn, as the others are: that is long, and would be drawn at every beat.
    who = (current and current.session, actor and actor.user, role)
    what = digest(*who, current and (current.limits, current.preset_version))
    audio, off = current and current.audio, current and tuple(current.switched_off)
    probe = current and current.is_probe_on_cuff_arm
    moved, has_baseline = known.moved, bool(current and current.baseline)
    for name, shown, draw in (
        ("sound", (*who, audio), partial(silence.sound, mine, role)),
        ("sound-off", (*who, audio), partial(silence.sound_off, mine, role)),
        ("switch-off", (what, off), partial(silence.switch_off, mine, role)),
        ("limits-table", (what, moved), partial(limits.table, current, preset, moved, zone)),
        ("limits-form", (what, has_baseline), partial(limits.fields, mine, preset)),
        ("probe", (*who, probe), partial(limits.probe, mine)),
    ):
        yield Panel(name, digest(*shown), draw)


def sound_part(chair: int, placed: Mapping[str, Component]) -> list[Component]:
    """Below the alarms: whether this chair may sound, and which signs it does not judge."""
    return [
        placed["signs-off"],
        html.Div(
            [
                html.Div([html.H3("Sound"), word(chair, "audio")], className="sound-head"),
                placed["sound"],
                html.Div(id=ids.said("ask", silence.SOUND)),
                placed["sound-off"],
                placed["switch-off"],
                html.Div(id=ids.said("ask", silence.SIGNS)),
            ],
            className="sound",
        ),
    ]


def limits_part(placed: Mapping[str, Component]) -> Component:
    """Closed until somebody looks: the numbers on the left have the limits beside them."""
    return html.Section(
        className="part limits",
        children=[
            html.Details(
                [
                    html.Summary(placed["limits-head"]),
                    placed["limits-table"],
                    placed["limits-form"],
                    html.Div(id=ids.said("ask", limits.LIMITS)),
                ]
            ),
            placed["probe"],
            html.Div(id=ids.said("ask", limits.PROBE)),
        ],
    )


# What its buttons ask.


def register(app: Dash, services: Services) -> None:
    _register_buttons(app, services)
    _register_limits(app, services)


def _register_buttons(app: Dash, services: Services) -> None:
    @app.callback(
        Output(ids.said("ask", MATCH), "children"),
        Input(ids.ask(MATCH, ALL), "n_clicks"),
        State(ids.ask(MATCH, ALL), "data-form"),
        State(ids.ask(MATCH, ALL), "data-at"),
        State(ids.ask_field(MATCH, ALL), "id"),
        State(ids.ask_field(MATCH, ALL), "value"),
        State(ids.limit(ALL, ALL, ALL), "id"),
        State(ids.limit(ALL, ALL, ALL), "value"),
        State(ids.CHAIR, "data"),
        DRAWN_FOR,
        prevent_initial_call=True,
    )
    async def ask(
        _clicks: list[int | None],
        forms: list[str],
        drawn_at: list[str],
        places: list[ids.Id],
        values: list[Any],
        limit_places: list[ids.Id],
        limit_values: list[Any],
        chair: int,
        drawn_for: str,
    ) -> Any:
        actor = current_actor()
        if actor is None or not was_clicked():
            return no_update
        if not is_settled(services, of_clicked(drawn_at)):
            return no_update  # the second half of a double click
        current = seat(services, chair).session
        if current is None or not is_drawn_for(current, actor, drawn_for):
            return ANOTHER
        about, what = clicked()["about"], clicked()["what"]
        fields = {place["field"]: value for place, value in zip(places, values, strict=True)}
        asked: Sequence[LimitAsked] = ()
        if about == limits.LIMITS:
            preset = preset_of(current, services.presets())
            wanted = asked_of(limit_places, limit_values)
            if preset is None or not all(map(is_number, wanted.values())):
                return NOT_A_NUMBER
            asked = moved_of(current, preset, wanted)
            if not asked:
                return refused("nothing is changed yet: put another number into a field")
        command = command_of(about, what, fields, asked, of_clicked(forms), actor, chair)
        return said(await submitted(services, replace(command, session=current.session)))


def command_of(
    about: str,
    what: str,
    fields: Mapping[str, Any],
    asked: Sequence[LimitAsked],
    form: str,
    actor: Actor,
    chair: int,
) -> Command:
    """The command behind one button; ``asked`` are the limits that are to move."""
    reason = str(fields.get("reason") or "").strip()
    words = [about, what, reason, fields.get("metric"), *asked]
    common: dict[str, Any] = {"command_id": command_id(form, *words), "by": actor, "chair": chair}
    step, _, of = what.partition(":")
    match about:
        case silence.SOUND if step in (silence.PAUSE, silence.END):
            return PauseAudio(**common, seconds=int(of or 0))
        case silence.SOUND:
            return SwitchAudio(**common, is_off=step == silence.OFF, reason=reason)
        case silence.SIGNS if step == silence.ON:
            return SwitchAlarm(**common, metric=of, is_off=False)
        case silence.SIGNS:
            sign = str(fields.get("metric") or "")
            return SwitchAlarm(**common, metric=sign, is_off=True, reason=reason)
        case limits.LIMITS:
            return AdjustLimits(**common, limits=tuple(asked), reason=reason)
        case _:
            return PlaceProbe(**common, is_on_cuff_arm=what == limits.YES)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def asked_of(places: Sequence[ids.Id], values: Sequence[Any]) -> dict[LimitKey, Any]:
    """What stands in the fields of the limits."""
    return {_key(place): value for place, value in zip(places, values, strict=True)}


def _key(place: Mapping[str, Any]) -> LimitKey:
    return (
        Metric(place["metric"]),
        Direction(place["direction"]),
        AlarmPriority(place["priority"]),
    )


def moved_of(
    current: SessionView, preset: Preset, asked: Mapping[LimitKey, float]
) -> list[LimitAsked]:
    """Those of ``asked`` that are other than what is in force."""
    return [
        LimitAsked(key[0].value, key[1].value, key[2].value, float(asked[key]))
        for key, (now, _own) in limits.movable(current, preset).items()
        if key in asked and asked[key] != now.value
    ]


def _register_limits(app: Dash, services: Services) -> None:
    @app.callback(
        Output(ids.limit(ALL, ALL, ALL), "value"),
        Input(ids.fill(ALL), "n_clicks"),
        State(ids.limit(ALL, ALL, ALL), "id"),
        State(ids.limit(ALL, ALL, ALL), "value"),
        State(ids.CHAIR, "data"),
        prevent_initial_call=True,
    )
    async def fill(
        _clicks: list[int | None], places: list[ids.Id], values: list[Any], chair: int
    ) -> list[Any]:
        """Put numbers into the fields; nothing is asked of the engine before a nurse confirms."""
        current = seat(services, chair).session
        preset = preset_of(current, services.presets())
        if not was_clicked() or current is None or preset is None:
            return [no_update] * len(places)
        wanted = filled(clicked()["about"], current, preset)
        return [wanted.get(_key(place), value) for place, value in zip(places, values, strict=True)]

    @app.callback(
        Output(ids.WILL_CHANGE, "children"),
        Input(ids.limit(ALL, ALL, ALL), "value"),
        State(ids.limit(ALL, ALL, ALL), "id"),
        State(ids.CHAIR, "data"),
    )
    async def preview(values: list[Any], places: list[ids.Id], chair: int) -> Any:
        current = seat(services, chair).session
        preset = preset_of(current, services.presets())
        if current is None or preset is None or not places:
            return []
        return limits.will_change(current, preset, asked_of(places, values))


def filled(about: str, current: SessionView, preset: Preset) -> dict[LimitKey, float]:
    """The numbers that a button puts into the fields; a field it says nothing of stays."""
    found = limits.movable(current, preset)
    if about == limits.PRESET or current.baseline is None:
        return {key: own.value for key, (_now, own) in found.items()}
    moved = {key: now.value for key, (now, _own) in found.items() if now.is_adjusted}
    return {_key(asdict(each)): each.value for each in suggested(current.baseline, preset, moved)}
