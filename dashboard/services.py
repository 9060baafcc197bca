"""What does a page need to do its work? Services, made in one place and handed to all pages.

No Dash here: a test, or a program without a screen, can build these too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clinical.catalog.presets import Presets, shipped
from clinical.clock import Clock
from clinical.ports import Desk
from clinical.sign_off import Actor
from clinical.snapshot import LiveSnapshot

if TYPE_CHECKING:  # pages that read no record run without the database
    from dashboard.live import LiveHub
    from dashboard.presets import Shelf
    from dashboard.screens import Screens
    from storage.database import Database


@dataclass(frozen=True, slots=True)
class Site:
    """The clinic as its screens name it. ``chairs`` are (number, name), in the order of the board.

    ``speed`` is how many times faster than real time the clock runs: 1.0 in every clinic.
    """

    clinic: str
    chairs: tuple[tuple[int, str], ...]
    is_simulated: bool = False
    speed: float = 1.0


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
