"""What happens on one open port? Bytes become frames, the monitor gets its answers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from queue import SimpleQueue
from threading import Event
from typing import cast

from clinical.clock import Clock
from clinical.links import CuffOrder, LinkState
from clinical.vitals import Observation
from devices.ports import Port
from devices.protocols.line import Garbled
from devices.registry import CuffTalk, Decoder, Message, ProtocolEntry, Talk
from devices.watch import Watch


@dataclass(frozen=True, slots=True)
class Frame:
    """The observations of one record, and when its last byte was read: aware UTC, monotonic s.

    ``alarms``: the texts of the monitor's own; None where the record says nothing of them.
    ``is_cuff_up``: whether the cuff is inflated; None where the record does not say.
    """

    observations: tuple[Observation, ...]
    received_at: datetime
    received_s: float
    alarms: tuple[str, ...] | None = None
    is_cuff_up: bool | None = None


class SerialLink:
    """One open port, read by the thread that calls ``run``; it does what Talk says, no more.

    ``decoder`` and ``talk`` outlive the port: a cuff reading that was told before the cable was
    pulled is not told again after. ``tell`` gets the state of the line after every read, changed
    or not; ``emit`` each frame with observations. ``ids`` goes before measurement ids; ``orders``
    is where others put what the monitor is to do.
    """

    def __init__(
        self,
        port: Port,
        protocol: ProtocolEntry,
        decoder: Decoder,
        talk: Talk,
        clock: Clock,
        tell: Callable[[LinkState, str], None],
        emit: Callable[[Frame], None],
        ids: str = "",
        orders: SimpleQueue[CuffOrder] | None = None,
    ) -> None:
        self._port = port
        self._protocol = protocol
        self._decoder = decoder
        self._talk = talk
        self._clock = clock
        self._tell = tell
        self._emit = emit
        self._ids = ids
        self._orders = SimpleQueue() if orders is None else orders
        self._was_cuff_up: bool | None = None  # the first word of a port is news
        self._watch = Watch(protocol.settings, clock.monotonic())

    @property
    def is_proven(self) -> bool:
        """Whether a good frame of a monitor that measures came through this port."""
        return self._watch.is_proven

    def run(self, stop: Event) -> None:
        """Listen until ``stop`` is set. Raises OSError when the port goes away."""
        self._decoder.end()  # what the last port left is half a frame, or of the past
        self._port.write(self._talk.opening(self._clock.monotonic()))
        while not stop.is_set():
            data = self._port.read()
            now_s = self._clock.monotonic()
            answer = self._take(data, now_s) if data else b""
            # A read returns often enough to ask each time; when next, is for those who sleep.
            due, _ = self._talk.due(now_s)
            said = answer + due + self._ordered(now_s)
            if said:
                self._port.write(said)
            self._tell(*self._watch.judge(now_s, self._talk.interval_s))
        with suppress(OSError):  # it went away first; there is nobody to say goodbye to
            self._port.write(self._talk.closing())

    def _ordered(self, now_s: float) -> bytes:
        """What Talk says because somebody asked for it since the last read."""
        said = []
        while not self._orders.empty():  # we alone take out of it
            order = self._orders.get()
            if self._protocol.works_cuff:
                said.append(cast("CuffTalk", self._talk).order(order, now_s))
        return b"".join(said)

    def _take(self, data: bytes, now_s: float) -> bytes:
        """Emit what ``data`` completes; return what Talk answers."""
        received_at = self._clock.now()
        found = self._decoder.feed(data)
        good: list[Message] = [one for one in found if not isinstance(one, Garbled)]
        is_proof = self._protocol.is_proof
        proofs = len(good) if is_proof is None else sum(map(is_proof, good))
        self._watch.heard(now_s, good=proofs, garbled=len(found) - len(good))
        if proofs:
            # Before the frames: whoever reads them knows the line as live.
            self._tell(*self._watch.judge(now_s, self._talk.interval_s))
        answers = []
        for message in good:
            observations = self._protocol.translate(message, received_at)
            alarms = self._protocol.alarms(message) if self._protocol.alarms else None
            is_up = self._protocol.is_cuff_up(message) if self._protocol.is_cuff_up else None
            # The pressure in a cuff is asked for several times a second: only a change is news.
            is_news = is_up is not None and is_up is not self._was_cuff_up
            self._was_cuff_up = self._was_cuff_up if is_up is None else is_up
            if observations or alarms is not None or is_news:
                ours = tuple(self._as_ours(one) for one in observations)
                self._emit(Frame(ours, received_at, now_s, alarms, is_up))
            answers.append(self._talk.heard(message, now_s))
        return b"".join(answers)

    def _as_ours(self, one: Observation) -> Observation:
        if one.measurement_id is None or not self._ids:
            return one
        return replace(one, measurement_id=f"{self._ids}-{one.measurement_id}")
