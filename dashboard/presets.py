"""Which presets does this clinic have, who made and signed them, and how does a new one come in?

The shelf holds what the engine and every page may start a session with. A medical director puts an
edition on it, and signs one; nothing is ever taken off.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from clinical.catalog.document import Malformed
from clinical.catalog.edition import (
    WrongNumber,
    differences,
    read_edition,
    with_numbers,
    written,
)
from clinical.catalog.loader import UnknownEntry, readable_presets
from clinical.catalog.preset import Preset
from clinical.catalog.presets import Edition, Presets, shipped
from clinical.clock import Clock
from clinical.sign_off import Actor, Role
from storage import presets as stored
from storage.database import Database
from storage.presets import EditionExists, UnknownEdition

REASON_MAX = 500

log = logging.getLogger(__name__)


class NotShelved(Exception):
    """It is not allowed or not right; nothing was changed. The message is for who asked."""


@dataclass(frozen=True, slots=True)
class Made:
    """Who made an edition of the clinic, when and why."""

    by: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Signed:
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Shelved:
    """All that is known of the presets at one time.

    ``unreadable`` says of each edition that could not be read where it is wrong.
    """

    presets: Presets
    made: Mapping[Edition, Made] = field(default_factory=dict)
    signed: Mapping[Edition, tuple[Signed, ...]] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()


class Shelf:
    """The presets of a running clinic. ``now`` and ``presets`` never block, all else does.

    ``changed`` is called, on the thread of who changed it, with what the engine is to have.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._writing = threading.Lock()  # one change after the other
        self._shelved = Shelved(shipped())
        self.changed: Callable[[Presets], None] = lambda presets: None

    @property
    def now(self) -> Shelved:
        return self._shelved

    def presets(self) -> Presets:
        return self._shelved.presets

    def load(self) -> None:
        """Take over what the record holds. An edition that cannot be read is logged and left out:
        one wrong text must not keep a clinic from starting."""
        _shipped, refused = readable_presets()
        unreadable = [str(error) for error in refused]
        found, made = [], {}
        with self._database.reading() as db:
            rows, approvals = stored.editions(db), stored.approvals(db)
        for row in rows:
            parent = (row.parent_name, row.parent_version)
            try:
                found.append(read_edition(row.name, row.version, row.body, parent))
            except Malformed as error:
                unreadable.append(str(error))
                continue
            made[row.name, row.version] = Made(row.by, row.at, row.reason)
        signed: dict[Edition, tuple[Signed, ...]] = {}
        for approval in approvals:
            edition = (approval.name, approval.version)
            signed[edition] = (*signed.get(edition, ()), Signed(approval.by, approval.at))
        for why in unreadable:
            log.error("a preset is left out: %s", why)
        presets = shipped().also(found, signed)
        self._shelved = Shelved(presets, made, signed, tuple(unreadable))

    def publish(
        self, edition: Edition, values: Mapping[str, float | None], reason: str, by: Actor
    ) -> Preset:
        """Put a new edition on the shelf: ``edition`` with other numbers.

        ``values`` are by the keys of ``clinical.catalog.edition.numbers_of``. New sessions start
        with the new edition from now on, also while nobody has signed it. Raises NotShelved, and
        SQLAlchemyError where it could not be recorded.
        """
        _refuse_others(by)
        reason = reason.strip()
        if not 1 <= len(reason) <= REASON_MAX:
            raise NotShelved(f"Reason: expected 1 to {REASON_MAX} characters, got {len(reason)}")
        with self._writing:
            before = self._newest(edition)
            try:
                edited = with_numbers(before, values)
            except WrongNumber as error:
                raise NotShelved(str(error)) from error
            if not differences(before, edited):
                raise NotShelved("No number is another than before.")
            made = self._record(edited, edition, reason, by)
            self._take_over()
        return made

    def approve(self, edition: Edition, by: Actor) -> None:
        """A medical director signs an edition. Raises NotShelved, SQLAlchemyError."""
        _refuse_others(by)
        name, version = edition
        with self._writing:
            try:
                self.presets().edition(name, version)
                with self._database.writing() as db:
                    stored.approve(
                        db, name=name, version=version, by=by.user, now=self._clock.now()
                    )
            except (UnknownEntry, UnknownEdition) as error:
                raise NotShelved(str(error.args[0])) from error
            self._take_over()

    def _newest(self, edition: Edition) -> Preset:
        """The preset that is edited. Two directors must not overlook each other's change."""
        name, version = edition
        try:
            newest = self.presets().newest(name)
        except UnknownEntry as error:
            raise NotShelved(str(error.args[0])) from error
        if newest.version != version:
            raise NotShelved(
                f"There is a version {newest.version} of {name} by now, and you changed "
                f"version {version}: look again."
            )
        return newest

    def _record(self, edited: Preset, parent: Edition, reason: str, by: Actor) -> Preset:
        with self._database.writing() as db:
            version = stored.next_version(db, name=edited.name)
            edition = replace(edited, version=version, parent=parent)
            try:
                stored.add_edition(
                    db,
                    name=edition.name,
                    version=version,
                    parent_name=parent[0],
                    parent_version=parent[1],
                    body=written(edition),
                    reason=reason,
                    by=by.user,
                    now=self._clock.now(),
                )
            except EditionExists as error:
                raise NotShelved(str(error)) from error
        return edition

    def _take_over(self) -> None:
        self.load()
        self.changed(self.presets())


def _refuse_others(by: Actor) -> None:
    if by.role is not Role.DIRECTOR:
        raise NotShelved("Only a medical director changes or signs a preset.")
