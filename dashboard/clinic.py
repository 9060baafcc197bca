"""How do links, engine, record and screens make one running clinic?

The only place that knows all rooms. What it opens it closes again, in the order that loses nothing:
links first, then the engine, then the record.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from clinical.bedside import BedsideMonitor
from clinical.calls import Shown
from clinical.chair import ChairState, resumed
from clinical.clock import Clock
from clinical.engine import Engine
from clinical.links import ClockRead, CuffOrder, Identified, LinkEvent, LinkState
from clinical.monitor import Event, Observed
from clinical.ports import RecorderState
from clinical.recognition import Arranged
from clinical.record import CallStage, StoredSession
from clinical.sign_off import Actor
from dashboard.arrangement import (
    ChairConfig,
    LeftOut,
    Refusal,
    as_json,
    differences,
    from_json,
    listening_only,
    refusal,
    remembered,
    still_left_out,
    twin_left,
)
from dashboard.clock import SteadyClock
from dashboard.config import Config
from dashboard.lines import Lines, Said, other_lines
from dashboard.live import LiveHub
from dashboard.presets import Shelf
from dashboard.services import Site
from devices.link import Frame
from devices.ports import FoundPort, OpenPort, PortWatch, list_ports, open_port
from devices.registry import PROTOCOLS
from storage import audit
from storage.captures import Bounds, FlightRecorder
from storage.database import migrate, open_database
from storage.facts import newest_at, open_sessions
from storage.hold import Hold
from storage.identity import bound, strangers
from storage.observations import chair_points
from storage.settings import put_setting, settings
from storage.writer import StorageWriter

log = logging.getLogger(__name__)

T = TypeVar("T")

CHAIRS, CAPTURE = "chairs", "capture"  # settings of the record
CAPTURES = "captures"  # folder beside the record
NO_MONITOR = "No monitor stands at this chair: its values are entered by hand."
NO_LINE = (
    "The line could not be started, through a fault inside Vigil: remove the monitor on the page "
    "Monitors and add it again, or restart Vigil. See the log."
)
SITS = (
    "{} sits in chair {} ({}): it can be removed, or get another number, once the session has "
    "ended."
)
NOT_RECORDED = "Not recorded, so nothing has changed: try again."


def chair_state(
    chair: ChairConfig, is_simulated: bool, intervals_s: Mapping[str, float | None] = {}
) -> ChairState:
    """The chair as it begins, with its monitors as the registry knows them.

    ``intervals_s``: how often those that are heard already are asked to speak, by their names.
    """
    monitors = bedside_monitors(chair, intervals_s)
    slowest_s = max((each.interval_s for each in monitors), default=1.0)
    return ChairState(chair.number, chair.name, slowest_s, is_simulated, monitors)


def bedside_monitors(
    chair: ChairConfig, intervals_s: Mapping[str, float | None] = {}
) -> tuple[BedsideMonitor, ...]:
    return tuple(
        BedsideMonitor(
            name=each.monitor,
            title=entry.title,
            metrics=entry.metrics,
            proof=entry.proof.value,
            interval_s=intervals_s.get(each.monitor) or entry.settings.interval_s,
            prefers=each.prefers,
            works_cuff=entry.works_cuff and not each.is_listen_only,
            caution=entry.caution,
        )
        for each in chair.monitors
        for entry in [PROTOCOLS[each.monitor]]
    )


TREND = timedelta(hours=2)  # how much of an open session is shown again after a restart

# A thread that waits for the interpreter gets it within this; five milliseconds, Python's default,
# would be five times the way from the byte to the screen.
SWITCH_INTERVAL_S = 0.0005


class Clinic:
    """Acquisition: a link for each monitor, one engine, one writer. Screens are served beside it.

    The database is migrated when it is made; open sessions are taken up, and things move, from
    ``start`` on. ``stop`` ends every thread, also where ``start`` did not come or did not succeed.
    ``chairs`` are those of the configuration, or of the record where that names none; the latter
    can be rearranged while all runs. ``open_port`` and ``list_ports`` are other ones in tests.

    Raises RecordInUse where another program runs on the same record.
    """

    def __init__(
        self,
        config: Config,
        clock: Clock,
        *,
        open_port: OpenPort = open_port,
        list_ports: Callable[[], tuple[FoundPort, ...]] = list_ports,
    ) -> None:
        config.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._hold = Hold(config.data)
        migrate(config.database_url)
        self.config, self.clock = config, clock
        self._is_running = self._is_stopped = False
        self.database = open_database(config.database_url)
        self._go_on_from_the_record()
        with self.database.reading() as db:
            stored = settings(db)
        self._left_out: tuple[LeftOut, ...] = ()
        self.chairs = config.chairs
        if not config.chairs:
            self.chairs, self._left_out = from_json(stored.get(CHAIRS, ()))
        for why in self.left_out:
            log.error("a chair is left out: %s", why)
        self.site = Site(config.clinic, self._seats, config.is_simulated, clock.speed)
        self.shelf = Shelf(self.database, clock)
        self.shelf.load()
        numbers = [chair.number for chair in self.chairs]
        self.hub = LiveHub(clock, numbers, self.site.arranged, on_shown=self._shown)
        self.writer = StorageWriter(
            open_database(config.database_url, is_writer=True),
            clock,
            on_state=self._recorder_changed,
        )
        self.open_port, self.ports = open_port, PortWatch(list_ports)
        self.recorder = FlightRecorder(
            config.data / CAPTURES, clock=clock, bounds=_bounds(stored.get(CAPTURE))
        )
        self.lines = Lines(
            *(clock, self._received),
            open_port=open_port,
            list_ports=list_ports,
            tap=self.recorder.tap,
        )
        self.engine = Engine(
            self._states(self.chairs),
            recorder=self.writer,
            feed=self.hub,
            clock=clock,
            order=self._pass_on,
            stepped=self.recorder.stepped,
        )
        self.shelf.changed = self.engine.presets_changed
        self._rearranging = threading.Lock()  # one change after the other
        # What a line says comes to the engine either before its chair is another, or after.
        self._telling = threading.Lock()
        self.lines.make_missing(self.chairs)

    def start(self) -> None:
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        self._resume()
        self._is_running = True
        self.engine.start()
        self.ports.start()
        for chair in self.chairs:
            if not chair.monitors:
                self._tell_again(chair)
        self.lines.start()

    def stop(self) -> None:
        with self._rearranging:
            self._is_stopped = True
            self.lines.stop()
        self.ports.stop()
        if self._is_running:
            self.engine.stop()
        self.recorder.close()
        self.writer.close()
        self.database.close()
        self._hold.release()

    def _go_on_from_the_record(self) -> None:
        """Date nothing before what the record holds, where the computer's clock was put back."""
        with self.database.reading() as db:
            newest = newest_at(db)
        if newest is None or not isinstance(self.clock, SteadyClock):
            return
        behind = self.clock.not_before(newest)
        if behind:
            words = "the clock is %d s behind the record: going on from the record's time"
            log.warning(words, behind.total_seconds())

    def _states(self, chairs: Sequence[ChairConfig]) -> list[ChairState]:
        """The chairs as they begin, with the devices that the record has bound to each, and those
        that it keeps out."""
        with self.database.reading() as db:
            known, others = bound(db), strangers(db)
        return [
            replace(
                chair_state(chair, self.config.is_simulated),
                presets=self.shelf.presets(),
                bound=_at(chair, known),
                heard=_at(chair, others),
            )
            for chair in chairs
        ]

    def _seats(self) -> tuple[tuple[int, str], ...]:
        return tuple((chair.number, chair.name) for chair in self.chairs)

    def _resume(self) -> None:
        """Go on with every session that the record has in a chair."""
        known = {chair.number for chair in self.chairs}
        with self.database.reading() as db:
            for chair, read in open_sessions(db):
                if chair not in known:
                    log.warning("an open session waits for chair %s, which is not here", chair)
                    continue
                try:
                    stored = read()
                    self._fill(chair, stored, db)
                    self.engine.resume(stored, chair)
                except Exception:  # one session must not keep the others from being watched
                    log.exception("the open session of chair %s cannot be taken up", chair)
                    self.engine.leave(chair)

    def _fill(self, chair: int, stored: StoredSession, db: Session) -> None:
        since = stored.last_at - TREND
        self.hub.fill(chair, chair_points(db, session=stored.opened.session, since=since))

    # --- other chairs, while all runs ---------------------------------------------------------

    def rearrange(
        self,
        chairs: Sequence[ChairConfig],
        by: Actor,
        before: Sequence[ChairConfig] | None = None,
    ) -> Refusal | None:
        """Have ``chairs`` from now on, in the record and in force; blocks until they are.

        Lines that stay as they are run on. Refused, and all is as it was, where the chairs cannot
        be so, where they are others by now than ``before``, or where nothing could be recorded.
        """
        if self.config.chairs:
            return Refusal(self.config.why_fixed)
        with self._rearranging:
            if before is not None and tuple(before) != self.chairs:
                return Refusal("Somebody else changed the chairs meanwhile: look again.")
            found = self.ports.ports
            why_not = refusal(chairs, found) or twin_left(chairs, self.chairs, found)
            return why_not or self._change(remembered(chairs, found), by, "arrange_chairs")

    @property
    def left_out(self) -> tuple[str, ...]:
        """Why chairs of the record are not watched; they stay in it."""
        return tuple(each.why for each in self._left_out)

    def listen_only(self, chair: int, monitor: str, is_on: bool, by: Actor) -> Refusal | None:
        """Write nothing to a monitor from now on, or speak to it again. Where the chairs are fixed
        it holds until the next start."""
        with self._rearranging:
            chairs = listening_only(self.chairs, chair, monitor, is_on)
            return self._change(chairs, by, "listen_only")

    def _change(self, new: tuple[ChairConfig, ...], by: Actor, action: str) -> Refusal | None:
        old, kept = self.chairs, {chair.number for chair in new}
        if self._is_stopped:
            return Refusal("Vigil is stopping: nothing has changed.")
        gone = [chair for chair in old if chair.number not in kept]
        for chair in gone:
            view = self.engine.snapshot.chairs.get(chair.number)
            if view is not None and view.session is not None:
                return Refusal(SITS.format(view.session.patient, chair.number, chair.name))
        here = self.engine.snapshot.chairs
        try:  # whatever can fail is read before anything is changed
            added = self._states([chair for chair in new if chair.number not in here])
            back = {state.chair: state for state in self._states(gone)}
        except SQLAlchemyError as error:
            log.error("the record cannot be read", exc_info=error)
            return Refusal(NOT_RECORDED)
        closed: list[int] = []
        try:
            for chair in gone:
                if chair.number in here:
                    self.engine.close_chair(chair.number)
                    closed.append(chair.number)
            self._record(old, new, by, action)
        except (ValueError, SQLAlchemyError) as error:
            for number in closed:
                self._open(back[number])
            if isinstance(error, ValueError):  # somebody sat down there in this moment
                return Refusal(f"{str(error).capitalize()}.")
            log.error("the chairs could not be recorded", exc_info=error)
            return Refusal(NOT_RECORDED)
        self._apply(old, new, added, by)
        return None

    def _record(
        self, old: tuple[ChairConfig, ...], new: tuple[ChairConfig, ...], by: Actor, action: str
    ) -> None:
        now, changes = self.clock.now(), differences(old, new)
        left_out = still_left_out(self._left_out, new)
        with self.database.writing() as db:
            if not self.config.chairs:
                rows = [*as_json(new), *(each.row for each in left_out)]
                put_setting(db, name=CHAIRS, value=rows, by=by.user, now=now)
            audit.append(db, at=now, by=by.user, action=action, detail={"changes": changes})
        self._left_out = left_out

    def _apply(
        self,
        old: tuple[ChairConfig, ...],
        new: tuple[ChairConfig, ...],
        added: Sequence[ChairState],
        by: Actor,
    ) -> None:
        """Do what is in the record by now: for every chair, whatever becomes of another."""
        before = {chair.number: chair for chair in old}
        self.lines.close_others(new)
        with self._telling:
            self.chairs = new
            self.hub.arrange([chair.number for chair in new], self.site.arranged)
            for chair in new:
                was = before.get(chair.number)
                if was is None or chair.number in {state.chair for state in added}:
                    continue
                moved = other_lines(was, chair)
                if moved or _shown_as(was) != _shown_as(chair):
                    with self._of_one_chair(chair.number):
                        self._post_arranged(chair, by, moved)
        for state in added:
            with self._of_one_chair(state.chair):
                self._open(self._taken_up(state))
        for number, monitor in self.lines.start_missing(new):
            several = any(each.number == number and len(each.monitors) > 1 for each in new)
            told = LinkEvent(
                LinkState.DISCONNECTED, self.clock.now(), NO_LINE, monitor if several else ""
            )
            with suppress(KeyError):  # a chair that could not be opened, as the log says
                self.engine.post(number, told)

    @contextmanager
    def _of_one_chair(self, number: int) -> Iterator[None]:
        """What goes wrong here is of this chair alone, and stands in the log."""
        try:
            yield
        except Exception:
            log.exception("chair %s could not be arranged: change it once more", number)

    def _post_arranged(self, chair: ChairConfig, by: Actor, moved: frozenset[str]) -> None:
        intervals_s = {
            each.monitor: self.lines.interval_s(chair.number, each.monitor)
            for each in chair.monitors
        }
        monitors = bedside_monitors(chair, intervals_s)
        self.engine.post(chair.number, Arranged(chair.name, monitors, by.user, moved))
        if not chair.monitors:
            self._tell_again(chair)

    def _tell_again(self, chair: ChairConfig) -> None:
        """Tell the engine how the lines of a chair do, which it has not heard of."""
        now = self.clock.now()
        if not chair.monitors:
            self.engine.post(chair.number, LinkEvent(LinkState.DISCONNECTED, now, NO_MONITOR))
        for (number, monitor), report in self.lines.reports().items():
            if number != chair.number:
                continue
            name = monitor if len(chair.monitors) > 1 else ""
            since = report.since or now
            self.engine.post(number, LinkEvent(report.state, since, report.detail, name))
            if report.identity is not None:
                self.engine.post(number, Identified(report.identity, now, name))
            if report.clock_offset_s is not None and report.clock_read_at is not None:
                read = ClockRead(report.clock_offset_s, report.clock_read_at, name)
                self.engine.post(number, read)

    def _taken_up(self, state: ChairState) -> ChairState:
        """A chair that comes while all runs, with the session that waited for it."""
        try:
            with self.database.reading() as db:
                waiting = [read for chair, read in open_sessions(db) if chair == state.chair]
                if not waiting:
                    return state
                stored = waiting[0]()
                self._fill(state.chair, stored, db)
                state, gap = resumed(state, stored, self.clock.now())
                self.writer.keep([gap], urgent=True)
        except Exception:
            log.exception("the open session of chair %s cannot be taken up", state.chair)
            state = replace(state, left_at=self.clock.now())
        return state

    def _open(self, state: ChairState) -> None:
        """Watch a chair, and tell it what every other was told already."""
        self.engine.open_chair(state)
        self.engine.post(state.chair, self.writer.state)
        with self._telling:
            for chair in self.chairs:
                if chair.number == state.chair:
                    self._tell_again(chair)

    # --- what the rooms say to each other -----------------------------------------------------

    def _received(self, chair: int, monitor: str, said: Said) -> None:
        """Take in a line's facts; they name their monitor where the chair has two."""
        with self._telling:
            name = monitor if self._has_several(chair) else ""
            event: Event
            if isinstance(said, Frame):
                interval_s = self.lines.interval_s(chair, monitor)
                event = Observed(
                    said.observations,
                    said.received_at,
                    interval_s,
                    name,
                    said.alarms,
                    said.is_cuff_up,
                )
            else:
                event = replace(said, monitor=name)
            with suppress(KeyError):  # its chair was closed meanwhile
                self.engine.post(chair, event)

    def _has_several(self, number: int) -> bool:
        return any(chair.number == number and len(chair.monitors) > 1 for chair in self.chairs)

    def _pass_on(self, chair: int, monitor: str, order: CuffOrder) -> None:
        try:
            self.lines.order(chair, monitor, order)
        except (KeyError, ValueError):  # it was taken away, or is only listened to by now
            log.warning("chair %s: the cuff of %s was not worked", chair, monitor)

    def _shown(self, chair: int, alarm_id: UUID, to: str, stage: CallStage | None) -> None:
        with suppress(KeyError):  # its chair was closed meanwhile
            self.engine.post(chair, Shown(alarm_id, to, self.clock.now(), stage))

    def _recorder_changed(self, state: RecorderState) -> None:
        self.engine.recorder_changed(state)


def _shown_as(chair: ChairConfig) -> object:
    """What of a chair the engine knows; ports and speeds it does not."""
    return chair.name, bedside_monitors(chair)


def _at(chair: ChairConfig, known: Mapping[tuple[int, str], T]) -> dict[str, T]:
    """By its monitors, what is known of ``chair``."""
    here = {each.monitor for each in chair.monitors}
    return {
        name: of for (number, name), of in known.items() if number == chair.number and name in here
    }


def _bounds(setting: object) -> Bounds | None:
    """How much the flight recorder keeps. A wrong setting must not keep a clinic from starting."""
    if setting is None:
        return None
    try:
        return Bounds.of(setting)
    except ValueError as error:
        log.error("the flight recorder keeps what it usually does: %s", error)
        return None
