"""Which link serves which monitor of a chair, and how is one exchanged while the others run on?"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from uuid import uuid4

from clinical.clock import Clock
from clinical.links import ClockRead, CuffOrder, Identified, LinkEvent
from dashboard.arrangement import ChairConfig, MonitorConfig
from devices.link import Frame
from devices.ports import FoundPort, OpenPort, Port, apart, list_ports
from devices.protocols.line import LineSettings
from devices.registry import PROTOCOLS
from devices.report import LineReport
from devices.supervisor import Supervisor
from devices.tap import Tap

log = logging.getLogger(__name__)

Key = tuple[int, str]  # number of the chair, name of the monitor's protocol
Said = LinkEvent | Frame | Identified | ClockRead
# Chair, monitor, port, and the ids that its readings begin with.
MakeTap = Callable[[int, str, str, str], Tap | None]


class Lines:
    """The links of a running clinic.

    ``receive`` is called with what a line says, on the thread of that line. One thread at a time
    may change which lines there are; ``order``, ``interval_s`` and ``reports`` are for any.
    ``list_ports`` is asked where adapters of one number have to be told apart.
    """

    def __init__(
        self,
        clock: Clock,
        receive: Callable[[int, str, Said], None],
        *,
        open_port: OpenPort,
        list_ports: Callable[[], Sequence[FoundPort]] = list_ports,
        tap: MakeTap = lambda _chair, _monitor, _port, _ids: None,
    ) -> None:
        self._clock, self._receive = clock, receive
        self._open_port, self._list_ports, self._tap = open_port, list_ports, tap
        # Readings of one record have different names, also those of a line that was exchanged.
        self._run, self._made = uuid4().hex[:8], count(1)
        # Replaced, never edited: other threads look at it.
        self._links: Mapping[Key, tuple[MonitorConfig, Supervisor]] = {}

    def close_others(self, chairs: Sequence[ChairConfig]) -> None:
        """Hang up on every line that ``chairs`` do not have as it is."""
        wanted = _lines_of(chairs)
        going = {
            key for key, (of, _link) in self._links.items() if not _is_same(of, wanted.get(key))
        }
        closed = [self._links[key][1] for key in going]
        self._links = {key: line for key, line in self._links.items() if key not in going}
        for link in closed:
            try:
                link.stop()
            except Exception:  # nobody listens to it any more, and the others must go too
                log.exception("a link could not be stopped")

    def start_missing(self, chairs: Sequence[ChairConfig]) -> list[Key]:
        """Make and start what lines of ``chairs`` are not here; return those that could not be.

        Why is in the log. They are as if never made: the next call tries again.
        """
        failed = []
        for chair in chairs:
            for each in chair.monitors:
                key = chair.number, each.monitor
                before = self._links
                try:
                    alone = replace(chair, monitors=(each,))
                    for link in self.make_missing([alone]):
                        link.start()
                except Exception:  # one line must not keep the others from being heard
                    log.exception("the line of chair %s to %s could not be started", *key)
                    self._links = before
                    failed.append(key)
        return failed

    def make_missing(self, chairs: Sequence[ChairConfig]) -> list[Supervisor]:
        """A link for each line of ``chairs`` that has none; they are still to be started."""
        links, made = dict(self._links), []
        for key, each in _lines_of(chairs).items():
            if key in links:
                link = links[key][1]
                link.listen_only = each.is_listen_only
            else:
                link = self._link(*key, each)
                made.append(link)
            links[key] = each, link
        self._links = links
        return made

    def _link(self, chair: int, monitor: str, each: MonitorConfig) -> Supervisor:
        ids = f"{self._run}-{chair}-{next(self._made)}"
        return Supervisor(
            f"chair {chair}, {monitor}",
            each.port,
            PROTOCOLS[monitor],
            self._clock,
            lambda said: self._receive(chair, monitor, said),
            open_port=self._open,
            baud=each.baud,
            ids=ids,
            listen_only=each.is_listen_only,
            tap=self._tap(chair, monitor, each.port, ids),
        )

    def _open(self, port: str, settings: LineSettings, read_within_s: float) -> Port:
        """Open what one line names, but nothing that another does."""
        others = [of.port for of, _link in self._links.values() if of.port != port]
        ours = apart(port, others, self._list_ports)
        return self._open_port(ours, settings, read_within_s)

    def start(self) -> None:
        for _of, link in self._links.values():
            link.start()

    def stop(self) -> None:
        for _of, link in self._links.values():
            link.stop()

    def order(self, chair: int, monitor: str, order: CuffOrder) -> None:
        """Have a monitor's cuff worked. Raises KeyError for a line that is not here (any more)."""
        self._links[chair, monitor][1].order(order)

    def interval_s(self, chair: int, monitor: str) -> float | None:
        """How often the monitor is asked to speak; None for a line that is not here."""
        line = self._links.get((chair, monitor))
        return None if line is None else line[1].interval_s

    def reports(self) -> dict[Key, LineReport]:
        return {key: link.report for key, (_of, link) in self._links.items()}


def _lines_of(chairs: Sequence[ChairConfig]) -> dict[Key, MonitorConfig]:
    return {(chair.number, each.monitor): each for chair in chairs for each in chair.monitors}


def other_lines(old: ChairConfig, new: ChairConfig) -> frozenset[str]:
    """The monitors that stay at a chair, at another port or speed than before."""
    before = {each.monitor: each for each in old.monitors}
    both = [each for each in new.monitors if each.monitor in before]
    return frozenset(each.monitor for each in both if not _is_same(before[each.monitor], each))


def _is_same(old: MonitorConfig, new: MonitorConfig | None) -> bool:
    """Whether a line runs on: whether it is only listened to can change while it does."""
    return new is not None and (old.port, old.baud) == (new.port, new.baud)
