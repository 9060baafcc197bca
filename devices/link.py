"""What happens on one open port? Bytes become frames, the monitor gets its answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from queue import SimpleQueue
from threading import Event
from typing import cast

from clinical.clock import Clock
from clinical.identity import Identity
from clinical.links import ClockRead, CuffOrder, Identified, LinkState
from clinical.vitals import Observation
from devices.account import Account
from devices.clocks import MonitorClock
from devices.ports import Port
from devices.protocols.line import Garbled
from devices.registry import CuffTalk, Decoder, Message, ProtocolEntry, Talk
from devices.tap import Tap
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


NOBODY = Identity()


def together(known: Identity | None, said: Identity) -> Identity:
    """Who is there, when ``said`` comes after ``known``: messages may each tell a part of it."""
    if known is None or said.is_other_than(known):
        return said
    return Identity(
        said.model or known.model, said.serial or known.serial, said.version or known.version
    )


class SerialLink:
    """One open port, read by the thread that calls ``run``; it does what Talk says, no more.

    ``decoder`` and ``talk`` outlive the port: a cuff reading that was told before the cable was
    pulled is not told again after. ``tell`` gets the state of the line after every read, changed
    or not; ``emit`` each frame with observations, before it who the monitor says it is where that
    is news, and how its clock differs (not where ``clock`` runs faster than time). ``ids`` goes
    before measurement ids; ``orders`` is where others put what the monitor is to do. ``account``
    counts. While ``is_muted`` gives True, Talk is asked as always and what it says is dropped.
    ``tap`` hears each byte; ``zone`` is that of the monitor's clock (None: the computer's).
    """

    def __init__(
        self,
        port: Port,
        protocol: ProtocolEntry,
        decoder: Decoder,
        talk: Talk,
        clock: Clock,
        tell: Callable[[LinkState, str], None],
        emit: Callable[[Frame | Identified | ClockRead], None],
        ids: str = "",
        orders: SimpleQueue[CuffOrder] | None = None,
        account: Account | None = None,
        is_muted: Callable[[], bool] = lambda: False,
        tap: Tap | None = None,
        zone: tzinfo | None = None,
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
        self._account = Account() if account is None else account
        self._is_muted = is_muted
        self._was_muted = False
        self._tap = tap
        self._asked_s: float | None = None
        self._clocks = MonitorClock(zone) if clock.speed == 1 else None
        self._said: Identity | None = None  # in the last message that said anything
        self._who: Identity | None = None
        self._was_cuff_up: bool | None = None  # the first word of a port is news
        self._watch = Watch(protocol.settings, clock.monotonic())

    @property
    def is_proven(self) -> bool:
        """Whether a good frame of a monitor that measures came through this port."""
        return self._watch.is_proven

    def run(self, stop: Event) -> None:
        """Listen until ``stop`` is set. Raises OSError when the port goes away."""
        self.begin()
        while not stop.is_set():
            data = self._port.read()
            if not stop.is_set():  # else the line may be another's by now
                self.turn(data)
        goodbye = self._talk.closing()
        if not self._was_muted:  # else there is no conversation to end
            with suppress(OSError):  # it went away first; there is nobody to say goodbye to
                self._say(goodbye, self._clock.monotonic())

    def begin(self) -> None:
        """What is to be done before the first read. Raises OSError."""
        self._decoder.end()  # what the last port left is half a frame, or of the past
        now_s = self._clock.monotonic()
        self._say(self._talk.opening(now_s), now_s)

    def turn(self, data: bytes) -> None:
        """What one read gave; b"" where nothing came. A replay calls it too. Raises OSError."""
        now_s = self._clock.monotonic()
        answer = self._take(data, now_s) if data else b""
        # A read returns often enough to ask each time; when next, is for those who sleep.
        due, _ = self._talk.due(now_s)
        self._say(answer + due + self._ordered(now_s), now_s)
        self._tell(*self._watch.judge(now_s, self._talk.interval_s))

    def _say(self, said: bytes, now_s: float) -> None:
        """Write ``said``, but nothing while muted; the first words after that open anew."""
        if self._tap is not None and self._talk.interval_s != self._asked_s:
            self._asked_s = self._talk.interval_s
            self._tap.asked(self._asked_s, self._clock.now(), now_s)
        if self._is_muted():
            self._was_muted = True
            return
        if self._was_muted:
            self._was_muted = False
            said = self._talk.opening(now_s)
        if not said:
            return
        self._port.write(said)
        if self._tap is not None:
            self._tap.sent(said, self._clock.now(), now_s)

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
        if self._tap is not None:
            self._tap.received(data, received_at, now_s)
        found = self._decoder.feed(data)
        good: list[Message] = [one for one in found if not isinstance(one, Garbled)]
        garbled = len(found) - len(good)
        is_proof = self._protocol.is_proof
        proofs = len(good) if is_proof is None else sum(map(is_proof, good))
        self._watch.heard(now_s, good=proofs, garbled=garbled, is_known=bool(good))
        self._account.heard(data, len(good), garbled, received_at, now_s)
        if proofs:
            # Before the frames: whoever reads them knows the line as live.
            self._tell(*self._watch.judge(now_s, self._talk.interval_s))
        answers = []
        for message in good:
            observations = self._protocol.translate(message, received_at)
            self._note(message, received_at)
            alarms = self._protocol.alarms(message) if self._protocol.alarms else None
            is_up = self._protocol.is_cuff_up(message) if self._protocol.is_cuff_up else None
            # The pressure in a cuff is asked for several times a second: only a change is news.
            is_news = is_up is not None and is_up is not self._was_cuff_up
            self._was_cuff_up = self._was_cuff_up if is_up is None else is_up
            if observations or alarms is not None or is_news:
                ours = tuple(self._as_ours(one) for one in observations)
                self._emit(Frame(ours, received_at, now_s, alarms, is_up))
            if observations and self._clocks is not None:
                self._compare(self._clocks, observations, received_at, now_s)
            answers.append(self._talk.heard(message, now_s))
        return b"".join(answers)

    def _note(self, message: Message, at: datetime) -> None:
        """Whatever ``message`` says beside its numbers: who sent it, and what nobody reads."""
        unknown, identity = self._protocol.unknown, self._protocol.identity
        if unknown is not None and (names := unknown(message)):
            self._account.not_read(names)
        said = None if identity is None else identity(message)
        # A protocol makes the same one only once: to compare what is in them costs more.
        if said is None or said is self._said or said == self._said or said == NOBODY:
            return
        self._said = said
        who = together(self._who, said)
        if who != self._who:
            self._who = who
            self._account.identified(who)
            self._emit(Identified(who, at))

    def _compare(
        self, clocks: MonitorClock, found: Sequence[Observation], at: datetime, now_s: float
    ) -> None:
        offset_s = clocks.heard(found, at, now_s)
        if offset_s is not None:
            self._account.clock_read(offset_s, at)
            self._emit(ClockRead(offset_s, at))

    def _as_ours(self, one: Observation) -> Observation:
        if one.measurement_id is None or not self._ids:
            return one
        return replace(one, measurement_id=f"{self._ids}-{one.measurement_id}")
