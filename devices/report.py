"""How does a line do: what the monitors page shows of one port and the monitor behind it?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from clinical.identity import Identity
from clinical.links import LinkState

TAIL = 512  # bytes that came last, for the raw view
UNKNOWN_MAX = 200  # names that are counted each for itself; the rest count as "others"


@dataclass(frozen=True, slots=True)
class LineReport:
    """A line at one moment. ``frames_per_s`` and ``damaged_share`` (0 to 1) are of the last 10 s;
    the counts are of all ports that were opened since Vigil started. Times are aware UTC.

    ``port`` is as the settings name it, ``device`` what it was when it was last opened ("" before).
    ``unknown`` counts what the monitor sends and Vigil does not read.
    """

    state: LinkState
    detail: str
    since: datetime | None
    port: str
    device: str
    settings: str
    is_listen_only: bool
    opened_at: datetime | None = None
    last_good_at: datetime | None = None
    received: int = 0  # bytes
    frames: int = 0
    garbled: int = 0
    frames_per_s: float = 0.0
    damaged_share: float = 0.0
    opened: int = 0  # times
    identity: Identity | None = None
    clock_offset_s: float | None = None
    clock_read_at: datetime | None = None
    unknown: Mapping[str, int] = field(default_factory=dict)
    tail: bytes = b""
