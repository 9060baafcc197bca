"""What is every component called? Each id once, so that a page and its callbacks cannot differ.

A function gives the id of one component of a kind; with MATCH or ALL it gives the pattern.
"""

from __future__ import annotations

from typing import Any

Id = dict[str, Any]

# The shell's: live.js writes into them, every page reads them.
LIVE_ROOT = "live-root"
LIVE_EVENT = "live-event"
LOCATION = "location"
PAGE = "page"
PAGE_TITLE = "page-title"
NOT_LIVE = "not-live"

# The chair page.
CHAIR = "chair-number"
TREND = "chair-trend"
PATIENT = "start-patient"
PLANNED_MIN = "start-planned-min"
INFUSION_NUMBER = "start-infusion-number"
SERIES_LENGTH = "start-series-length"
END_REASON = "end-reason"

# The review page.
SESSIONS_GRID = "sessions-grid"


def tile_head(chair: Any) -> Id:
    """What a tile of the board says of its session; ``chair`` is its number."""
    return {"type": "tile-head", "chair": chair}


def tile(chair: Any) -> Id:
    return {"type": "tile", "chair": chair}


def band(chair: Any, metric: Any) -> Id:
    """The alarm limits beside one number, on the board and on the chair page."""
    return {"type": "band", "chair": chair, "metric": metric}


def panel(name: Any) -> Id:
    """A part of the chair page that is drawn anew when what it says has changed."""
    return {"type": "panel", "name": name}


def said(panel_name: Any) -> Id:
    """What came of the last click in a panel: not recorded, refused and why."""
    return {"type": "said", "panel": panel_name}


def act(name: Any) -> Id:
    """A button of the session panel: "start", or the phase it leads to."""
    return {"type": "act", "name": name}


def acknowledge(alarm: Any) -> Id:
    return {"type": "acknowledge", "alarm": alarm}


def answer(item: Any, value: Any) -> Id:
    """One of the answers (clinical.checklist.Answer) to one checklist item."""
    return {"type": "answer", "item": item, "value": value}


def note(item: Any) -> Id:
    return {"type": "note", "item": item}


def sign(statement: Any) -> Id:
    """The button that signs one statement."""
    return {"type": "sign", "statement": statement}


def signer(statement: Any, field: Any) -> Id:
    """One field of the form under a statement: name, relation, phone, method, mark ..."""
    return {"type": "signer", "statement": statement, "field": field}
