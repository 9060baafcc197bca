"""How does a chair's line stay up? Opened, reopened when it went away, closed; and told of."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, tzinfo
from math import inf
from queue import SimpleQueue
from threading import Event, Thread

from clinical.clock import Clock
from clinical.links import ClockRead, CuffOrder, Identified, LinkEvent, LinkState
from devices.account import Account
from devices.link import Frame, SerialLink
from devices.ports import (
    OpenPort,
    describe_loss,
    describe_open_error,
    open_port,
    parse_port,
    spoken,
)
from devices.registry import ProtocolEntry
from devices.report import LineReport
from devices.tap import Guarded, Tap

# A device that comes back is live again within 2 s: the wait, then its first record after 1 s.
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 1.0
READ_WITHIN_S = 0.1  # bounds how late Talk, a silence or a stop is noticed, and how often we wake
CANCEL_HOLDS_S = 60.0  # no cycle lasts much longer; later it would end that of another patient
STOP_WITHIN_S = 5.0  # real s; a connection that nobody answers takes 2 s to give up

log = logging.getLogger(__name__)

# What a line tells of: its own state, frames, who is at the other end, and that one's clock.
Told = LinkEvent | Frame | Identified | ClockRead


class Supervisor:
    """One chair's line, on a thread of its own between ``start`` and ``stop``.

    ``emit`` is called on that thread with every change of the line, every frame that has
    observations, and before it who the monitor says it is, where that is news; it should not block,
    and what it raises is logged and dropped. ``ids`` must differ between any two supervisors whose
    readings meet in one record: measurement ids are ``ids-n1``, ``ids-n2``, ... ``zone`` is that
    of the monitors' clocks (None: the computer's). All waits are divided by the clock's speed.
    A stop is no change of the line: nothing is emitted for it.
    Raises ValueError for a ``port`` that names none.
    """

    def __init__(
        self,
        name: str,
        port: str,
        protocol: ProtocolEntry,
        clock: Clock,
        emit: Callable[[Told], None],
        open_port: OpenPort = open_port,
        baud: int | None = None,
        ids: str = "",
        listen_only: bool = False,
        tap: Tap | None = None,
        zone: tzinfo | None = None,
    ) -> None:
        parse_port(port)
        self._name = name
        self._port = port
        self._settings = replace(protocol.settings, baud=baud or protocol.settings.baud)
        self._protocol = replace(protocol, settings=self._settings)
        self._clock = clock
        self._deliver = emit
        self._open_port = open_port
        self._ids = ids
        self._is_listen_only = listen_only
        self._tap = None if tap is None else Guarded(tap, name)
        self._zone = zone
        self._account = Account()
        self._since: datetime | None = None
        # These outlive the port: what was told before the cable was pulled is not news after it.
        self._decoder = protocol.decoder()
        self._talk = protocol.talk()
        self._orders: SimpleQueue[CuffOrder] = SimpleQueue()
        self._cancelled_s = -inf
        self._told: tuple[LinkState, str] | None = None
        self._stop = Event()
        self._thread: Thread | None = None

    @property
    def state(self) -> LinkState:
        """The state told last."""
        return self._told[0] if self._told else LinkState.CONNECTING

    @property
    def interval_s(self) -> float:
        """Seconds between records, as the monitor was asked last."""
        return self._talk.interval_s

    @property
    def listen_only(self) -> bool:
        """Whether nothing is written, not even at the end. Set it from any thread: what is being
        said is finished. Where it ends, the conversation begins anew."""
        return self._is_listen_only

    @listen_only.setter
    def listen_only(self, is_on: bool) -> None:
        self._is_listen_only = is_on

    @property
    def report(self) -> LineReport:
        """How the line does now; from any thread."""
        state, detail = self._told or (LinkState.CONNECTING, "")
        line = LineReport(
            state=state,
            detail=detail,
            since=self._since,
            port=self._port,
            device="",
            settings=str(self._settings),
            is_listen_only=self._is_listen_only,
        )
        return self._account.add_to(line, self._clock.monotonic())

    def order(self, order: CuffOrder) -> None:
        """Have the monitor's cuff worked, from any thread. Where no port is open a start is
        dropped; a cancel is said once more on a port that opens within CANCEL_HOLDS_S.

        Raises ValueError for a protocol that cannot, and for a line that is only listened to.
        """
        if not self._protocol.works_cuff:
            raise ValueError(f"{self._protocol.title} does not let its cuff be worked")
        if self._is_listen_only:
            raise ValueError(f"{self._name} is only listened to: nothing is said to the monitor")
        if order is CuffOrder.CANCEL:
            self._cancelled_s = self._clock.monotonic()
        self._orders.put(order)

    def start(self) -> None:
        """Begin to listen. Raises RuntimeError the second time."""
        if self._thread is not None:
            raise RuntimeError(f"the link of {self._name} was started before")
        self._thread = Thread(target=self._run, name=f"link {self._name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Say goodbye to the monitor, close the port, end the thread. Harmless when repeated."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(STOP_WITHIN_S)
            if self._thread.is_alive():
                log.warning("link %s: still busy %g s after stop", self._name, STOP_WITHIN_S)

    def _run(self) -> None:
        self._tell(LinkState.CONNECTING, f"{spoken(self._port)} is being opened.")
        wait_s = FIRST_WAIT_S
        while not self._stop.is_set():
            if self._listen():
                wait_s = FIRST_WAIT_S
            self._stop.wait(wait_s / self._clock.speed)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    def _listen(self) -> bool:
        """Open the port and listen until it goes away; return whether a good frame came."""
        try:
            port = self._open_port(self._port, self._settings, READ_WITHIN_S / self._clock.speed)
        except OSError as error:
            self._tell(LinkState.DISCONNECTED, describe_open_error(error, self._port))
            return False
        if self._stop.is_set():  # an opening may take longer than a stop waits
            with suppress(OSError):
                port.close()
            return False
        at, at_s = self._clock.now(), self._clock.monotonic()
        self._account.opened(port.device, at, at_s)
        if self._tap is not None:
            self._tap.opened(port.device, at, at_s)
        link = SerialLink(
            *(port, self._protocol, self._decoder, self._talk, self._clock),
            tell=self._tell,
            emit=self._emit,
            ids=self._ids,
            orders=self._orders,
            account=self._account,
            is_muted=lambda: self._is_listen_only,
            tap=self._tap,
            zone=self._zone,
        )
        while not self._orders.empty():  # asked for while nothing was heard
            self._orders.get()
        if self._clock.monotonic() - self._cancelled_s <= CANCEL_HOLDS_S:
            self._orders.put(CuffOrder.CANCEL)
        reason = ""
        try:
            link.run(self._stop)
        except OSError as error:
            log.info("link %s: %s", self._name, error)
            reason = describe_loss(self._port)
        except Exception:
            log.exception("link %s", self._name)
            reason = "A fault inside Vigil; it tries again. See the log."
        finally:
            with suppress(OSError):
                port.close()
        if reason:
            self._tell(LinkState.DISCONNECTED, reason)
        if self._tap is not None:
            self._tap.closed(reason, self._clock.now(), self._clock.monotonic())
        return link.is_proven

    def _tell(self, state: LinkState, detail: str) -> None:
        """Emit the state if it changed, or the reason why there is no port to listen to.

        Not after a stop: the line may be another's by then.
        """
        if self._stop.is_set():
            return
        told, self._told = self._told, (state, detail)
        is_reason_news = state is LinkState.DISCONNECTED
        if told is not None and told[0] is state and (told[1] == detail or not is_reason_news):
            return
        self._since = self._clock.now()
        if self._tap is not None:
            self._tap.told(state, detail, self._since, self._clock.monotonic())
        self._emit(LinkEvent(state, self._since, detail))

    def _emit(self, fact: Told) -> None:
        """An engine that raises must not take the line down with it."""
        try:
            self._deliver(fact)
        except Exception:
            log.exception("link %s: a %s was dropped", self._name, type(fact).__name__)
