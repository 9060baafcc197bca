"""What is every component called? Each id once, so that a page and its callbacks cannot differ.

A function gives the id of one component of a kind; with MATCH or ALL it gives the pattern.
"""

from __future__ import annotations

from typing import Any

Id = dict[str, Any]

# The shell's: live.js writes into some of them, every page may read them.
LIVE_ROOT = "live-root"
LIVE_EVENT = "live-event"
LOCATION = "location"
ARRANGED = "arranged"  # set by live.js when the clinic has other chairs than the page was made of

# The sound: what the shell asks and keeps, and the page on which it is tried out.
SOUND_UNTESTED = "sound-untested"
SOUND_UNTESTED_SAID = "sound-untested-said"
SOUND_LEVEL = "sound-level"
SOUND_FLOOR = "sound-floor"
SOUND_FLOOR_TICK = "sound-floor-tick"
SOUND_SCREEN = "sound-screen"
SOUND_ANSWERED = "sound-answered"
SOUND_SAID = "sound-said"
SOUND_VOLUME = "sound-volume"
SOUND_FLOOR_FIELD = "sound-floor-field"

# The chair page.
CHAIR = "chair-number"
TREND = "chair-trend"
TREND_MARKS = "chair-trend-marks"
ALARMS_PRESSED = "chair-alarms-pressed"
MANUAL_TITLE = "manual-title"
MANUAL_PRESSED = "manual-pressed"
MANUAL_RECORD = "manual-record"
MANUAL_SAID = "manual-said"

WILL_CHANGE = "limits-will-change"

# The review page.
SESSIONS_GRID = "sessions-grid"

# The page of a past session: what other limits would have raised.
WHAT_IF_PRESET = "what-if-preset"
WHAT_IF_DELAY = "what-if-delay"
WHAT_IF_ASK = "what-if-ask"
WHAT_IF_FOUND = "what-if-found"

# The page of the walls.
SCREENS_LIST = "screens-list"
SCREENS_TICK = "screens-tick"

# The page of the monitors.
MONITORS_TICK = "monitors-tick"

# The presets.
PRESET_FORM = "preset-form"

# The alarm list.
ALARMS_GRID = "alarms-grid"
ALARMS_OPEN = "alarms-open"


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


def said(kind: str, about: Any) -> Id:
    """What came of a click: not recorded, or refused and why. It outlives a new drawing."""
    return {"type": f"said-{kind}", "about": about}


def act(about: Any) -> Id:
    """A button of the session: "start", "lock", or the phase it leads to."""
    return {"type": "act", "about": about}


def field(about: Any) -> Id:
    """One field of the forms that start a session or end it early."""
    return {"type": "field", "about": about}


def acknowledge(about: Any) -> Id:
    """The button that acknowledges one alarm."""
    return {"type": "acknowledge", "about": about}


def ask(about: Any, what: Any) -> Id:
    """A button that asks something of the alarms, about "sound", "signs", "limits" or "probe"."""
    return {"type": "ask", "about": about, "what": what}


def ask_field(about: Any, field: Any) -> Id:
    """One field that goes with the buttons about the same."""
    return {"type": "ask-field", "about": about, "field": field}


def limit(metric: Any, direction: Any, priority: Any) -> Id:
    """The field with the value that one alarm limit is to have."""
    return {"type": "limit", "metric": metric, "direction": direction, "priority": priority}


def fill(about: Any) -> Id:
    """A button that fills the fields of the limits: "suggested", or "preset"."""
    return {"type": "fill", "about": about}


def manual_value(about: Any) -> Id:
    """The field of one sign (clinical.vitals.Metric) that is entered by hand."""
    return {"type": "manual-value", "about": about}


def manual_word(about: Any) -> Id:
    """What goes with it: "initials" or "time"."""
    return {"type": "manual-word", "about": about}


def confirm_monitor(about: Any) -> Id:
    """The button that says that the monitor which is heard as ``about`` is the patient's."""
    return {"type": "confirm-monitor", "about": about}


def alarm_filter(about: Any) -> Id:
    """One of the filters over the alarm list: a column, or "text"."""
    return {"type": "alarm-filter", "about": about}


def sound_heard(heard: Any, where: Any) -> Id:
    """What somebody says of the test tones (dashboard.sound.Heard), on the page or in the line."""
    return {"type": "sound-heard", "heard": heard, "where": where}


def answer(about: Any, value: Any) -> Id:
    """One of the answers (clinical.checklist.Answer) to the checklist item ``about``."""
    return {"type": "answer", "about": about, "value": value}


def note(about: Any) -> Id:
    """The note beside one checklist item."""
    return {"type": "note", "about": about}


def sign(about: Any) -> Id:
    """The button that signs the statement ``about``; so with all that follow."""
    return {"type": "sign", "about": about}


def sign_method(about: Any) -> Id:
    """Drawn or typed."""
    return {"type": "sign-method", "about": about}


def sign_ways(about: Any) -> Id:
    """Where the pad and the line to type on stand; one of the two is seen."""
    return {"type": "sign-ways", "about": about}


def sign_mark(about: Any) -> Id:
    """The store into which signature.js puts the strokes."""
    return {"type": "sign-mark", "about": about}


def sign_text(about: Any, field: Any) -> Id:
    """A text that the signer gives: name, relation, phone, transport, typed."""
    return {"type": "sign-text", "about": about, "field": field}


def sign_check(about: Any, field: Any) -> Id:
    """What the nurse checks of a sitter: id_checked, is_adult."""
    return {"type": "sign-check", "about": about, "field": field}


def sign_shown(about: Any) -> Id:
    """The text as this page shows it; it goes back with the signature."""
    return {"type": "sign-shown", "about": about}


def remove_screen(screen: Any) -> Id:
    """The button that unpairs the wall with this id."""
    return {"type": "remove-screen", "screen": screen}


def sign_preset(name: Any, version: Any) -> Id:
    """The button by which a director signs an edition of a preset."""
    return {"type": "sign-preset", "name": name, "version": version}


def preset_signed(name: Any, version: Any) -> Id:
    """Who made and signed an edition of a preset."""
    return {"type": "preset-signed", "name": name, "version": version}


def preset_number(key: Any) -> Id:
    """The field of one number of a preset (clinical.catalog.edition)."""
    return {"type": "preset-number", "key": key}


def monitor_part(name: Any) -> Id:
    """A part of the monitors page that is drawn anew when what it says has changed."""
    return {"type": "monitor-part", "name": name}


def monitor_fold(about: Any) -> Id:
    """The summary of a part that is opened by a click."""
    return {"type": "monitor-fold", "about": about}


def monitor_act(what: Any, about: Any) -> Id:
    """A button of the monitors page: what it does, to which line, chair or port."""
    return {"type": "monitor-act", "what": what, "about": about}


def monitor_field(what: Any, about: Any) -> Id:
    """A field that goes with the buttons about the same."""
    return {"type": "monitor-field", "what": what, "about": about}
