"""How quiet may an alarm be here, and who has heard the test tones? As the record has it.

Every call may block, and may raise SQLAlchemyError.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from clinical.alarms import AlarmPriority
from clinical.sign_off import Actor
from storage import audit
from storage.database import Database
from storage.settings import put_setting, settings

FLOOR = "sound_floor_pct"
FLOOR_PCT = 50  # until a director has set another; sound.js begins with the same
LOWEST_PCT, HIGHEST_PCT = 20, 100  # a floor of nothing would let a screen be turned down to nothing
TESTED_COOKIE = "vigil_sound"  # sound.js sets it, a sign-in and a sign-out take it away


class Heard(StrEnum):
    """What a person says of the three tones and colours."""

    ALL = "heard"
    NOT = "not heard"
    SKIPPED = "skipped"


def floor(database: Database) -> int:
    """The volume (%) below which no screen of the clinic can be turned."""
    with database.reading() as db:
        return int(settings(db).get(FLOOR, FLOOR_PCT))


def set_floor(database: Database, pct: int, by: Actor, now: datetime) -> None:
    """Raises ValueError outside ``LOWEST_PCT`` to ``HIGHEST_PCT``. Who may: the caller's to ask."""
    if not LOWEST_PCT <= pct <= HIGHEST_PCT:
        raise ValueError(f"expected {LOWEST_PCT} to {HIGHEST_PCT} %, got {pct}")
    with database.writing() as db:
        put_setting(db, name=FLOOR, value=pct, by=by.user, now=now)


def log_test(
    database: Database, heard: Heard, screen: dict[str, Any], by: Actor, now: datetime
) -> None:
    """One audit entry; ``screen`` is what ``of_screen`` has read."""
    with database.writing() as db:
        detail = {"result": heard.value, **screen}
        audit.append(db, at=now, by=by.user, action="sound_test", detail=detail)


def of_screen(told: Any) -> dict[str, Any]:
    """``volume_pct``, ``state`` of the audio and the tones ``played``, as the browser says.

    None for what it does not say, or says in a way that makes no sense.
    """
    told = told if isinstance(told, dict) else {}
    volume, state, played = (told.get(name) for name in ("volume", "state", "played"))
    is_volume = isinstance(volume, int) and not isinstance(volume, bool) and 0 <= volume <= 100
    return {
        "volume_pct": volume if is_volume else None,
        "state": state if state in ("running", "blocked") else None,
        "played": [
            priority.value
            for priority in AlarmPriority
            if isinstance(played, list) and priority.value in played
        ],
    }
