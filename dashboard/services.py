"""What does a page need to do its work? Services, made in one place and handed to all pages.

No Dash here: a test, or a program without a screen, can build these too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from clinical.catalog.presets import Presets, shipped
from clinical.clock import Clock
from clinical.ports import Desk
from clinical.sign_off import Actor
from clinical.snapshot import LiveSnapshot

if TYPE_CHECKING:  # pages that read no record run without the database
    from dashboard.arrangement import ChairConfig, Refusal
    from dashboard.live import LiveHub
    from dashboard.presets import Shelf
    from dashboard.screens import Screens
    from devices.detect import Detection
    from devices.ports import FoundPort
    from devices.report import LineReport
    from storage.captures import Bounds, CaptureState
    from storage.database import Database


@dataclass(frozen=True, slots=True)
class Site:
    """The clinic as its screens name it. ``chairs_now`` gives its chairs at any time, at once.

    ``speed`` is how many times faster than real time the clock runs: 1.0 in every clinic.
    """

    clinic: str
    chairs_now: Callable[[], tuple[tuple[int, str], ...]]
    is_simulated: bool = False
    speed: float = 1.0

    @property
    def chairs(self) -> tuple[tuple[int, str], ...]:
        """Number and name of each, in the order of the board."""
        return self.chairs_now()

    @property
    def arranged(self) -> str:
        """Another one when the chairs are others, the same where they are the same again."""
        return hashlib.sha256(repr(self.chairs).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Heard:
    """What came in on a line while somebody waited for it: over ``for_s``, to the ``now``."""

    for_s: float
    received: int  # bytes
    frames: int
    garbled: int
    now: LineReport


class Monitors(Protocol):
    """The lines of the clinic, and which monitor stands at which chair.

    What is a property, ``reports``, ``ports``, ``chairs`` and ``capture`` return at once; all else
    blocks, up to some seconds, and is called on a thread of its own. A monitor is named by the
    number of its chair and its name in the registry. Refused is what a nurse asks for, too.
    """

    @property
    def is_editable(self) -> bool:
        """Whether ``arrange`` may change the chairs; ``why_not`` says why it may not."""
        ...

    @property
    def why_not(self) -> str: ...

    @property
    def left_out(self) -> tuple[str, ...]:
        """Chairs of the record that this version cannot watch, each with its reason."""
        ...

    def reports(self) -> Mapping[tuple[int, str], LineReport]: ...

    def ports(self) -> tuple[FoundPort, ...]:
        """The serial ports of this computer, as they are plugged in now."""
        ...

    def chairs(self) -> tuple[ChairConfig, ...]:
        """As they are arranged now, in the order of the board."""
        ...

    def arrange(
        self, chairs: Sequence[ChairConfig], by: Actor, before: Sequence[ChairConfig] | None = None
    ) -> Refusal | None:
        """Have these chairs from now on: recorded, and in force when this returns. Only lines that
        are others than before are closed or opened; a chair with a session stays. ``before`` is
        what the asker saw: refused where somebody else changed it meanwhile."""
        ...

    def set_listen_only(self, chair: int, monitor: str, is_on: bool, by: Actor) -> Refusal | None:
        """Write nothing to a monitor any more, or speak to it again. Where the chairs are not
        arranged here it holds until the next start."""
        ...

    def test(self, chair: int, monitor: str) -> Heard | Refusal:
        """What comes in on a line in the next five seconds."""
        ...

    def detect(self, port: str, tell: Callable[[str], None], by: Actor) -> Detection | Refusal:
        """Which monitor is at ``port``, as far as it can be told; ``tell`` hears what is being
        tried. A port that is one of our own lines is left alone."""
        ...

    def capture(self) -> CaptureState:
        """How the flight recorder does."""
        ...

    def capture_bounds(self) -> Bounds:
        """How much it keeps: at once."""
        ...

    def set_capture_bounds(self, days: float, mib: float, by: Actor) -> Refusal | None:
        """Have it keep so much from now on, in the record and in force."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """``snapshot`` gives the newest picture of all chairs; it returns at once and never blocks.

    So does ``presets``: every edition that a session can start with. ``staff`` are those with an
    account, by name; it blocks for a short query.
    """

    desk: Desk
    snapshot: Callable[[], LiveSnapshot]
    hub: LiveHub
    database: Database
    clock: Clock
    site: Site
    presets: Callable[[], Presets] = shipped
    staff: Callable[[], Sequence[Actor]] = tuple
    screens: Screens | None = None  # none: no wall can be paired
    shelf: Shelf | None = None  # none: no preset can be changed or signed
    monitors: Monitors | None = None  # none: nothing is known of the lines
