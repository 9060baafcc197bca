"""How do links, engine, record and screens make one running clinic?

The only place that knows all rooms. What it opens it closes again, in the order that loses nothing:
links first, then the engine, then the record.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

from clinical.bedside import BedsideMonitor
from clinical.calls import Shown
from clinical.chair import ChairState
from clinical.clock import Clock
from clinical.engine import Engine
from clinical.links import CuffOrder, LinkEvent
from clinical.monitor import Observed
from clinical.ports import RecorderState
from clinical.record import CallStage
from dashboard.clock import SteadyClock
from dashboard.config import ChairConfig, Config
from dashboard.live import LiveHub
from dashboard.presets import Shelf
from devices.link import Frame
from devices.registry import PROTOCOLS
from devices.supervisor import Supervisor
from storage.database import migrate, open_database
from storage.facts import newest_at, open_sessions
from storage.hold import Hold
from storage.observations import chair_points
from storage.writer import StorageWriter

log = logging.getLogger(__name__)


def chair_state(chair: ChairConfig, is_simulated: bool) -> ChairState:
    """The chair as it begins, with its monitors as the registry knows them."""
    monitors = tuple(
        BedsideMonitor(
            name=each.monitor,
            title=entry.title,
            metrics=entry.metrics,
            proof=entry.proof.value,
            interval_s=entry.settings.interval_s,
            prefers=each.prefers,
            works_cuff=entry.works_cuff,
            caution=entry.caution,
        )
        for each in chair.monitors
        for entry in [PROTOCOLS[each.monitor]]
    )
    slowest_s = max(each.interval_s for each in monitors)
    return ChairState(chair.number, chair.name, slowest_s, is_simulated, monitors)


TREND = timedelta(hours=2)  # how much of an open session is shown again after a restart

# A thread that waits for the interpreter gets it within this; five milliseconds, Python's default,
# would be five times the way from the byte to the screen.
SWITCH_INTERVAL_S = 0.0005


class Clinic:
    """Acquisition: a link for each chair, one engine, one writer. Screens are served beside it.

    The database is migrated when it is made; open sessions are taken up, and things move, from
    ``start`` on. ``stop`` ends every thread, also where ``start`` did not come or did not succeed.

    Raises RecordInUse where another program runs on the same record.
    """

    def __init__(self, config: Config, clock: Clock) -> None:
        config.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._hold = Hold(config.data)
        migrate(config.database_url)
        self.config, self.clock = config, clock
        self._is_running = False
        self.database = open_database(config.database_url)
        self._go_on_from_the_record()
        self.shelf = Shelf(self.database, clock)
        self.shelf.load()
        self.hub = LiveHub(clock, [chair.number for chair in config.chairs], on_shown=self._shown)
        self.writer = StorageWriter(
            open_database(config.database_url, is_writer=True),
            clock,
            on_state=self._recorder_changed,
        )
        self.engine = Engine(
            [
                replace(chair_state(chair, config.is_simulated), presets=self.shelf.presets())
                for chair in config.chairs
            ],
            recorder=self.writer,
            feed=self.hub,
            clock=clock,
            order=self._pass_on,
        )
        self.shelf.changed = self.engine.presets_changed
        run = uuid4().hex[:8]
        self._links = {
            (chair.number, each.monitor): Supervisor(
                f"{chair.name}, {each.monitor}",
                each.port,
                PROTOCOLS[each.monitor],
                clock,
                self._receiver(chair, each.monitor),
                baud=each.baud,
                ids=f"{run}-{chair.number}-{index}",
            )
            for chair in config.chairs
            for index, each in enumerate(chair.monitors, 1)
        }

    def start(self) -> None:
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        self._resume()
        self._is_running = True
        self.engine.start()
        for link in self._links.values():
            link.start()

    def stop(self) -> None:
        for link in self._links.values():
            link.stop()
        if self._is_running:
            self.engine.stop()
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

    def _resume(self) -> None:
        """Go on with every session that the record has in a chair."""
        known = {chair.number for chair in self.config.chairs}
        with self.database.reading() as db:
            for chair, read in open_sessions(db):
                if chair not in known:
                    log.warning("an open session waits for chair %s, which is not here", chair)
                    continue
                try:
                    stored = read()
                    since = stored.last_at - TREND
                    points = chair_points(db, session=stored.opened.session, since=since)
                    self.hub.fill(chair, points)
                    self.engine.resume(stored, chair)
                except Exception:  # one session must not keep the others from being watched
                    log.exception("the open session of chair %s cannot be taken up", chair)
                    self.engine.leave(chair)

    def _receiver(self, chair: ChairConfig, monitor: str) -> Callable[[LinkEvent | Frame], None]:
        """What takes in a line's facts; they name their monitor where the chair has two."""
        number = chair.number
        name = monitor if len(chair.monitors) > 1 else ""

        def receive(fact: LinkEvent | Frame) -> None:
            if isinstance(fact, Frame):
                interval_s = self._links[number, monitor].interval_s
                seen = Observed(
                    fact.observations,
                    fact.received_at,
                    interval_s,
                    name,
                    fact.alarms,
                    fact.is_cuff_up,
                )
                self.engine.post(number, seen)
            else:
                self.engine.post(number, replace(fact, monitor=name))

        return receive

    def _pass_on(self, chair: int, monitor: str, order: CuffOrder) -> None:
        self._links[chair, monitor].order(order)

    def _shown(self, chair: int, alarm_id: UUID, to: str, stage: CallStage | None) -> None:
        self.engine.post(chair, Shown(alarm_id, to, self.clock.now(), stage))

    def _recorder_changed(self, state: RecorderState) -> None:
        self.engine.recorder_changed(state)
