"""What happened in one past session?"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID

from dash import Dash, Input, Output, State, no_update
from dash.development.base_component import Component
from sqlalchemy.orm import Session

from clinical.alarms import AlarmLimit
from clinical.catalog.loader import UnknownEntry, load_checklist
from clinical.catalog.preset import LimitKey, Preset
from clinical.catalog.presets import Presets, shipped
from clinical.phases import SessionPhase
from dashboard import ids
from dashboard.pages.click import was_clicked
from dashboard.security import signed_in
from dashboard.views import review as view_of
from dashboard.views.review import Past
from dashboard.what_if import NotReplayed, Replays, Superseded
from storage import controls, ledger, observations, review, sessions, sign_offs
from storage.models import BaselineRow, LimitChangeRow, SessionRow, SignOffRow

if TYPE_CHECKING:
    from dashboard.services import Services

PATH = "/review/<session>"
TITLE = "Session"


async def exists(services: Services, session: str) -> bool:
    return await asyncio.to_thread(_exists, services, session)


def _exists(services: Services, session: str) -> bool:
    with services.database.reading() as db:
        return review.find_session(db, session) is not None


async def layout(services: Services, session: str) -> Component | None:
    return await asyncio.to_thread(_page, services, session)


def register(app: Dash, services: Services) -> None:
    replays = Replays()

    @app.callback(
        Output(ids.WHAT_IF_FOUND, "children"),
        Input(ids.WHAT_IF_ASK, "n_clicks"),
        State(ids.WHAT_IF_PRESET, "value"),
        State(ids.WHAT_IF_DELAY, "value"),
        State(ids.LOCATION, "pathname"),
        running=[
            (Output(ids.WHAT_IF_FOUND, "className"), WAITING, FOUND),
            (Output(ids.WHAT_IF_ASK, "disabled"), True, False),
        ],
        prevent_initial_call=True,
    )
    async def ask(_clicks: int | None, preset: Any, delay_s: Any, path: Any) -> Any:
        return await asked(services, replays, preset, delay_s, path) if was_clicked() else no_update


FOUND = "what-if-found"
WAITING = f"{FOUND} is-waiting"


async def asked(services: Services, replays: Replays, preset: Any, delay_s: Any, path: Any) -> Any:
    """What would have been, or why there is no answer; all of it may come from anyone."""
    session = str(path).rpartition("/")[2]
    known = [view_of.spelt(edition) for edition in services.presets().editions]
    if preset not in known:
        return view_of.no_answer("there is no such preset: load the page again")
    longer_s = delay_s or 0
    if isinstance(longer_s, bool) or not isinstance(longer_s, int | float):
        return view_of.no_answer("expected a number of seconds")
    if not 0 <= longer_s <= view_of.LONGEST_S:
        return view_of.no_answer(f"expected 0 to {view_of.LONGEST_S} seconds, got {longer_s:g}")
    actor = signed_in.get()
    page = f"{actor.user if actor else ''} {session}"
    try:
        told = await replays.compared(
            page,
            url=services.database.url,
            session=session,
            preset=preset,
            delay_s=float(longer_s),
        )
    except Superseded:
        return no_update
    except NotReplayed as error:
        return view_of.no_answer(str(error))
    return view_of.what_would_be(told, zone=None)


def _page(services: Services, session: str) -> Component | None:
    """Reading, tables and figure in one go: a second of work, all of it off the event loop."""
    with services.database.reading() as db:
        row = review.find_session(db, session)
        chairs, presets = dict(services.site.chairs), services.presets()
        past = None if row is None else past_session(db, row, chairs, presets)
    return None if past is None else view_of.session(past, zone=None)


def past_session(
    db: Session, row: SessionRow, chairs: dict[int, str], presets: Presets | None = None
) -> Past:
    """All that the record holds of one session; ``chairs`` are the names of the chairs of today.

    ``presets`` are all that there ever were; None: those that ship.
    """
    key, edition = row.id, (row.preset, row.preset_version)
    presets = shipped() if presets is None else presets
    limits, own = _limits(db, key, presets.editions.get(edition))
    signed = [
        sign_offs.sign_off_of(sign_off, row.public_id)
        for sign_off in ledger.rows_of(db, SignOffRow, key)
    ]
    return Past(
        started=row.at,
        chair=chairs.get(row.chair, f"Chair {row.chair}"),
        patient=row.patient,
        phase=sessions.phases_now(db, session_ids=[key]).get(key, SessionPhase.PREPARATION),
        infusion_number=row.infusion_number,
        series_length=row.series_length,
        planned_infusion_min=row.planned_infusion_min,
        preset=f"{row.preset}, version {row.preset_version}",
        is_simulated=row.is_simulated,
        trend=review.trend_frame(db, session_id=key),
        cuffs=review.cuffs_frame(db, session_id=key),
        alarms=review.alarms_frame(db, session_id=key),
        events=review.events_frame(db, session_id=key),
        answers=review.answers_frame(db, session_id=key),
        signatures=[(each, sign_offs.still_binds(each)) for each in signed],
        monitors=review.monitors_frame(db, session_id=key),
        devices=review.devices_frame(db, session_id=key),
        entered=observations.entered(db, session=row.public_id),
        items=_questions(row.checklist, row.checklist_version),
        limits=limits,
        own=own,
        edition=edition,
        editions=[(each, presets.editions[each].title) for each in sorted(presets.editions)],
    )


def _questions(name: str, version: int) -> dict[str, str]:
    """The text of each item; empty where that version is not at hand, and the ids must do."""
    try:
        checklist = load_checklist(name)
    except UnknownEntry:
        return {}
    return {each.id: each.text for each in checklist.items} if checklist.version == version else {}


def _limits(
    db: Session, key: int, preset: Preset | None
) -> tuple[tuple[AlarmLimit, ...], dict[LimitKey, float]]:
    """The limits in force at the end of a session, and where its preset has those of their own."""
    if preset is None:
        return (), {}
    own = {
        limit_key: limit.value
        for limit_key in {(one.metric, one.direction, one.priority) for one in preset.limits}
        if (limit := preset.movable(*limit_key)) is not None
    }
    unnamed = UUID(int=0)
    locked = [sessions.baseline_of(row, unnamed) for row in ledger.rows_of(db, BaselineRow, key)]
    changes = [controls.limit_of(row, unnamed) for row in ledger.rows_of(db, LimitChangeRow, key)]
    moved = {(one.metric, one.direction, one.priority): one.value for one in changes}
    moved = {each: value for each, value in moved.items() if own.get(each) != value}
    return preset.in_force(locked[-1] if locked else None, moved), own
