"""What can happen to the line between a chair and its monitor, in words a nurse understands?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from clinical.identity import Identity


class LinkState(StrEnum):
    """State of one monitor's line. Devices emit it, the engine reads it, the tile shows it."""

    CONNECTING = "connecting"  # port opened or being opened, no valid frame yet
    LIVE = "live"  # valid frames arrive
    QUIET = "quiet"  # open port, nothing heard for 3 x the interval, at least 5 s
    DAMAGED = "damaged"  # more than 20 % of the frames of the last 10 s were damaged
    DISCONNECTED = "disconnected"  # the port cannot be opened, or went away


# How bad each is: a chair with two lines says the worse.
RANK = {
    LinkState.LIVE: 0,
    LinkState.CONNECTING: 1,
    LinkState.DAMAGED: 2,
    LinkState.QUIET: 3,
    LinkState.DISCONNECTED: 4,
}

# What the tile says; None while all is well.
TEXT: dict[LinkState, str | None] = {
    LinkState.CONNECTING: "CONNECTING",
    LinkState.LIVE: None,
    LinkState.QUIET: "NO DATA",
    LinkState.DAMAGED: "DATA ERRORS",
    LinkState.DISCONNECTED: "DEVICE DISCONNECTED",
}


class CuffOrder(StrEnum):
    """What can be asked of a monitor whose cuff the host may work."""

    START = "start"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class LinkEvent:
    """A change of a link's state. ``detail`` says what was expected and what came, for a nurse.

    ``monitor`` names whose line it is, "" where a chair has only the one.
    """

    state: LinkState
    at: datetime  # aware UTC
    detail: str = ""
    monitor: str = ""


@dataclass(frozen=True, slots=True)
class Identified:
    """The monitor at the other end said who it is: at once on a new port, then when it changes.

    Told before the frame that it came with. ``monitor`` as for LinkEvent.
    """

    identity: Identity
    at: datetime  # aware UTC
    monitor: str = ""


@dataclass(frozen=True, slots=True)
class ClockRead:
    """How far the monitor's clock is ahead of ours, s; below zero: behind. On connect and hourly.

    A monitor that gives no zone is taken to show the clinic's local time.
    """

    offset_s: float
    at: datetime  # aware UTC
    monitor: str = ""
