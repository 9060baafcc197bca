"""What happened in one past session?"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from dash import Dash
from dash.development.base_component import Component
from sqlalchemy.orm import Session

from clinical.alarms import AlarmLimit
from clinical.catalog.loader import UnknownEntry, load_checklist, load_preset
from clinical.phases import SessionPhase
from dashboard.views import review as view_of
from dashboard.views.review import Past
from storage import ledger, review, sessions, sign_offs
from storage.models import SessionRow, SignOffRow

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
    """A past session does not change, and nothing on its page asks for anything."""


def _page(services: Services, session: str) -> Component | None:
    """Reading, tables and figure in one go: a second of work, all of it off the event loop."""
    with services.database.reading() as db:
        row = review.find_session(db, session)
        past = None if row is None else past_session(db, row, dict(services.site.chairs))
    return None if past is None else view_of.session(past, zone=None)


def past_session(db: Session, row: SessionRow, chairs: dict[int, str]) -> Past:
    """All that the record holds of one session; ``chairs`` are the names of the chairs of today."""
    key = row.id
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
        items=_questions(row.checklist, row.checklist_version),
        limits=_limits(row.preset, row.preset_version),
    )


def _questions(name: str, version: int) -> dict[str, str]:
    """The text of each item; empty where that version is not at hand, and the ids must do."""
    try:
        checklist = load_checklist(name)
    except UnknownEntry:
        return {}
    return {each.id: each.text for each in checklist.items} if checklist.version == version else {}


def _limits(name: str, version: int) -> tuple[AlarmLimit, ...]:
    try:
        preset = load_preset(name)
    except UnknownEntry:
        return ()
    return preset.limits if preset.version == version else ()
