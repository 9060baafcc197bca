"""Which thread owns the running sessions, and how do events, commands and commits meet there?

One thread steps all chairs, so that no rule ever sees half a change. It waits for nobody: events
come through a bounded inbox, facts and changes leave through ports that return at once.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from uuid import UUID

from clinical.catalog.presets import Presets
from clinical.chair import ChairState, resumed
from clinical.clock import Clock
from clinical.commands import (
    AcknowledgeAlarm,
    ChangePhase,
    Command,
    OrderCuff,
    Outcome,
    OutcomeKind,
    PauseAudio,
)
from clinical.links import CuffOrder
from clinical.monitor import (
    TICK,
    Committed,
    Event,
    Observed,
    Overrun,
    PresetsChanged,
    SessionMonitor,
    Tick,
    is_at_once,
)
from clinical.picture import chair_view
from clinical.ports import CommitResult, LiveFeed, Recorder, RecorderState
from clinical.record import Fact, StoredSession
from clinical.snapshot import ChairView, Change, LiveSnapshot, source_of
from clinical.vitals import Metric, Observation

log = logging.getLogger(__name__)

INBOX = 20_000  # events; at 64 chairs and 1 Hz some five minutes of a stalled engine
WAITING = 32  # commands of one chair behind the one being committed
FURNISHED_WITHIN_S = 5.0
REMEMBERED = 1_000  # commands whose second click gets the first one's answer


@dataclass(frozen=True, slots=True)
class _Stop:
    """The engine's thread ends when it reads this."""


@dataclass(frozen=True, slots=True)
class _Furnish:
    """A chair comes, as ``state``, or goes; ``done`` hears why not, "" where it is done."""

    chair: int
    state: ChairState | None
    done: Future[str]


_Inner = _Stop | _Furnish


class Engine:
    """Steps every chair; the Desk that takes commands; keeps the live snapshot.

    ``chairs`` are the chairs of the clinic as they begin; a chair with a stored session goes on
    from it (``resume``). ``order(chair, monitor, what)`` passes on what a monitor is to do; it must
    return at once. ``stepped(state, event, now)`` hears of each step before it is made, and must
    return at once too. The engine is deaf until ``start`` and may be started once.
    """

    def __init__(
        self,
        chairs: Sequence[ChairState],
        *,
        recorder: Recorder,
        feed: LiveFeed,
        clock: Clock,
        order: Callable[[int, str, CuffOrder], None] = lambda _chair, _monitor, _order: None,
        stepped: Callable[[ChairState, Event, datetime], None] = lambda _state, _event, _now: None,
        sequence: int = 0,
        inbox: int = INBOX,
    ) -> None:
        self._monitor = SessionMonitor()
        self._recorder, self._feed, self._clock = recorder, feed, clock
        self._order = order
        self._stepped = stepped
        self._states = {state.chair: state for state in chairs}
        self._due: dict[int, datetime] = {}
        self._inbox: queue.SimpleQueue[tuple[int | None, Event | _Inner]] = queue.SimpleQueue()
        self._inbox_limit = inbox
        self._overrun: set[int] = set()
        # By chair, what the recorder is writing; commands that must wait for it stand in a queue.
        self._pending: dict[int, dict[UUID, Command]] = {chair: {} for chair in self._states}
        self._waiting: dict[int, deque[Command]] = {chair: deque() for chair in self._states}
        self._futures: OrderedDict[UUID, Future[Outcome]] = OrderedDict()
        self._futures_lock = threading.Lock()
        self._is_stopped = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        now = clock.now()
        views = {chair: chair_view(state, now) for chair, state in self._states.items()}
        self._snapshot = LiveSnapshot(sequence, now, views)

    @property
    def snapshot(self) -> LiveSnapshot:
        """The newest picture of every chair; replaced, never edited. Safe from any thread."""
        return self._snapshot

    def resume(self, stored: StoredSession, chair: int) -> None:
        """Go on with a session that the record holds; call before ``start``."""
        now = self._clock.now()
        state, gap = resumed(self._states[chair], stored, now)
        self._states[chair] = state
        self._due[chair] = now
        self._recorder.keep([gap], urgent=True)
        views = {**self._snapshot.chairs, chair: chair_view(state, now)}
        self._snapshot = replace(self._snapshot, as_of=now, chairs=views)

    def leave(self, chair: int) -> None:
        """Say on all screens that an open session of the record could not be taken up; call before
        ``start``."""
        now = self._clock.now()
        self._states[chair] = replace(self._states[chair], left_at=now)
        views = {**self._snapshot.chairs, chair: chair_view(self._states[chair], now)}
        self._snapshot = replace(self._snapshot, as_of=now, chairs=views)

    def open_chair(self, state: ChairState) -> None:
        """Watch one more chair. Raises ValueError where there is one of that number."""
        self._furnish(state.chair, state)

    def close_chair(self, chair: int) -> None:
        """Watch it no longer. Raises ValueError while a session is in it, or asked for."""
        self._furnish(chair, None)

    def _furnish(self, chair: int, state: ChairState | None) -> None:
        """Only the engine's own thread changes which chairs there are, once it runs."""
        asked = _Furnish(chair, state, Future())
        if self._is_stopped:
            raise ValueError("Vigil is stopping")
        if self._thread.ident is None:
            self._furnished(asked)
        else:
            self._inbox.put((None, asked))
        try:
            why_not = asked.done.result(FURNISHED_WITHIN_S)
        except TimeoutError:
            # Not later either, when nobody looks for it any more.
            is_dropped = asked.done.cancel()
            why_not = "Vigil is busy: try again" if is_dropped else "Vigil is busy: look again"
        if why_not:
            raise ValueError(why_not)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Handle what is in the inbox, then end the thread; nobody is left waiting for an answer.

        Harmless before ``start`` and when repeated.
        """
        with self._futures_lock:
            self._is_stopped = True
        self._inbox.put((None, _Stop()))
        if self._thread.ident is not None:
            self._thread.join()
        with self._futures_lock:
            left = [future for future in self._futures.values() if not future.done()]
        for future in left:
            future.set_result(self._stopped())

    def post(self, chair: int, event: Event) -> None:
        """Hand over an event from any thread; never blocks.

        When the inbox is full a frame is lost and the chair says DATA LOST; what comes once and
        is not repeated, such as a change of the line, is not. Raises KeyError for a chair that is
        not here.
        """
        if chair not in self._states:
            raise KeyError(
                f"expected one of chairs {', '.join(map(str, list(self._states)))}, got {chair}"
            )
        if isinstance(event, Observed) and self._inbox.qsize() >= self._inbox_limit:
            self._overrun.add(chair)
            return
        self._inbox.put((chair, event))

    def recorder_changed(self, state: RecorderState) -> None:
        """Tell every chair whether facts reach the disk."""
        for chair in list(self._states):
            self._inbox.put((chair, state))

    def presets_changed(self, presets: Presets) -> None:
        """Tell every chair which editions there are and which are signed."""
        for chair in list(self._states):
            self._inbox.put((chair, PresetsChanged(presets)))

    def submit(self, command: Command) -> Future[Outcome]:
        """Ask for a change.

        A second command of the same id gets the first one's future while that is under way or
        when it is done; what was refused or not recorded is judged anew.
        """
        with self._futures_lock:
            known = self._futures.get(command.command_id)
            if known is not None:
                return known
            future: Future[Outcome] = Future()
            # One who no longer waits must not take the answer from the others who share it.
            future.set_running_or_notify_cancel()
            if self._is_stopped:
                future.set_result(self._stopped())
                return future
            self._futures[command.command_id] = future
            if len(self._futures) > REMEMBERED:
                self._forget_one()
        if command.chair not in self._states:
            self._answer(command, self._refused(command, f"there is no chair {command.chair}"))
        else:
            self._inbox.put((command.chair, command))
        return future

    def _forget_one(self) -> None:
        oldest = next((key for key, future in self._futures.items() if future.done()), None)
        if oldest is not None:
            del self._futures[oldest]

    # --- the engine's own thread ------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            try:
                chair, event = self._inbox.get(timeout=self._wait_s())
            except queue.Empty:
                self._tick()
                continue
            if isinstance(event, _Stop):
                return
            if isinstance(event, _Furnish):
                self._furnished(event)
            elif chair is not None:
                self._handle(chair, event)
            self._tick()

    def _furnished(self, asked: _Furnish) -> None:
        if not asked.done.set_running_or_notify_cancel():
            return
        try:
            asked.done.set_result(self._why_not_furnished(asked))
        except Exception:  # one chair must not keep the others from being watched
            log.exception("chair %s could not be furnished", asked.chair)
            asked.done.set_result(f"chair {asked.chair} cannot be shown: see the log")

    def _why_not_furnished(self, asked: _Furnish) -> str:
        chair, state, now = asked.chair, asked.state, self._clock.now()
        why_not = self._why_not_closed(chair) if state is None else self._why_not_opened(chair)
        if why_not:
            return why_not
        views = {each: view for each, view in self._snapshot.chairs.items() if each != chair}
        if state is None:
            del self._states[chair]
            self._due.pop(chair, None)
            self._overrun.discard(chair)
        else:
            views[chair] = chair_view(state, now)
            self._pending[chair], self._waiting[chair] = {}, deque()
            self._states[chair] = state
        self._snapshot = replace(self._snapshot, as_of=now, chairs=views)
        return ""

    def _why_not_opened(self, chair: int) -> str:
        return f"there is a chair {chair} already" if chair in self._states else ""

    def _why_not_closed(self, chair: int) -> str:
        if chair not in self._states:
            return f"there is no chair {chair}"
        state = self._states[chair]
        if state.session is None and state.left_at is None and not self._pending[chair]:
            return ""
        return f"a patient sits in chair {chair}: end the session first"

    def _wait_s(self) -> float | None:
        """Real seconds until the next step is due; None to wait for an event."""
        if not self._due:
            return None
        first = min(self._due.values())
        return max(0.0, (first - self._clock.now()).total_seconds() / self._clock.speed)

    def _tick(self) -> None:
        now = self._clock.now()
        for chair in [chair for chair, due in self._due.items() if due <= now]:
            self._handle(chair, Tick())
        while self._overrun:
            self._handle(self._overrun.pop(), Overrun())

    def _handle(self, chair: int, event: Event) -> None:
        if chair not in self._states:  # it was closed while this was on its way
            if isinstance(event, Command):
                self._answer(event, self._refused(event, f"there is no chair {chair}"))
            return
        try:
            if isinstance(event, Command) and self._must_wait(event):
                self._wait_for_turn(event)
            else:
                self._step(chair, event)
        except Exception:
            log.exception("a step of chair %s failed on %s", chair, type(event).__name__)
            self._failed(chair, event)
        if isinstance(event, Committed):
            self._pending[chair].pop(event.command.command_id, None)
            waiting = self._waiting[chair]
            while waiting and not self._must_wait(waiting[0]):
                self._handle(chair, waiting.popleft())

    def _failed(self, chair: int, event: Event) -> None:
        """A rule that fails must not stop the watch over the other chairs, nor leave one asking.

        The event is lost, and the chair says so.
        """
        now = self._clock.now()
        self._due[chair] = now + TICK  # not sooner: the next step may fail as well
        if isinstance(event, Command):
            self._answer(event, self._refused(event, "this could not be carried out"))
            return
        before = self._states[chair]
        failed_at = before.failed_at or now
        self._states[chair] = replace(before, overrun_at=now, failed_at=failed_at)
        self._show(chair, (), now)
        if isinstance(event, Committed):
            by = event.command.by.user
            reason = "in the record, but it could not be carried out: see the log"
            kind = OutcomeKind.DONE
            if event.result is CommitResult.FAILED:
                kind, reason = OutcomeKind.NOT_RECORDED, "not recorded, try again"
            self._answer(event.command, Outcome(kind, now, by, reason))

    def _must_wait(self, command: Command) -> bool:
        """Whether ``command`` may change what one that is being written was judged by, or be
        judged by what that changes.

        What takes effect at once does not wait for a disk; a stop waits for the start before it.
        """
        pending = self._pending[command.chair].values()
        if isinstance(command, AcknowledgeAlarm | PauseAudio | OrderCuff) and is_at_once(command):
            return False
        if is_at_once(command):
            return any(isinstance(each, ChangePhase) and not is_at_once(each) for each in pending)
        return bool(pending)

    def _wait_for_turn(self, command: Command) -> None:
        waiting = self._waiting[command.chair]
        if len(waiting) >= WAITING:
            self._answer(command, self._refused(command, "too many requests are waiting"))
        else:
            waiting.append(command)

    def _step(self, chair: int, event: Event) -> None:
        now = self._clock.now()
        self._tell_step(chair, event, now)
        after, effects, due = self._monitor.step(self._states[chair], event, now)
        if after.failed_at is not None:
            after = replace(after, failed_at=None)
        self._states[chair] = after
        if due is None:
            self._due.pop(chair, None)
        else:
            self._due[chair] = due
        if effects.facts:
            self._recorder.keep(effects.facts, urgent=effects.is_urgent)
        if effects.commit is not None:
            self._commit(chair, *effects.commit)
        if effects.order is not None:
            self._order(chair, *effects.order)
        self._show(chair, effects.points, now)
        if effects.outcome is not None:
            self._answer(*effects.outcome)

    def _tell_step(self, chair: int, event: Event, now: datetime) -> None:
        """Nor must who listens along."""
        try:
            self._stepped(self._states[chair], event, now)
        except Exception:
            log.exception("a step of chair %s could not be told", chair)

    def _commit(self, chair: int, command: Command, facts: tuple[Fact, ...]) -> None:
        self._pending[chair][command.command_id] = command
        came_back = partial(self._came_back, chair, command, facts)
        try:
            kind = type(command).__name__
            self._recorder.commit(command.command_id, kind, command.by, facts, came_back)
        except Exception:  # it must not, but a person waits for the answer
            log.exception("the recorder raised on %s", type(command).__name__)
            came_back(CommitResult.FAILED)

    def _came_back(
        self, chair: int, command: Command, facts: tuple[Fact, ...], result: CommitResult
    ) -> None:
        """Called on the recorder's thread; past the inbox limit, for a command waits for it."""
        self._inbox.put((chair, Committed(command, facts, result)))

    def _show(self, chair: int, points: tuple[Observation, ...], now: datetime) -> None:
        """A screen must not come between the patient and the alarm."""
        try:
            self._publish(chair, self._states[chair], points, now)
        except Exception:
            log.exception("the picture of chair %s could not be shown", chair)

    def _publish(
        self,
        chair: int,
        after: ChairState,
        points: tuple[Observation, ...],
        now: datetime,
    ) -> None:
        old = self._snapshot.chairs[chair]
        new = chair_view(after, now)
        parts = changed_parts(old, new)
        if not points and not parts:
            return
        sequence = self._snapshot.sequence + 1
        self._snapshot = LiveSnapshot(sequence, now, {**self._snapshot.chairs, chair: new})
        self._feed.publish(self._snapshot, [Change(sequence, chair, points, parts)])

    def _answer(self, command: Command, outcome: Outcome) -> None:
        with self._futures_lock:
            future = self._futures.get(command.command_id)
            if outcome.kind is not OutcomeKind.DONE:
                # Nothing came of it: what was in the way may be gone when it is asked again.
                self._futures.pop(command.command_id, None)
        if future is not None and not future.done():
            future.set_result(outcome)

    def _stopped(self) -> Outcome:
        reason = "Vigil is stopping: look in the record whether this is there"
        return Outcome(OutcomeKind.NOT_RECORDED, self._clock.now(), "", reason)

    def _refused(self, command: Command, reason: str) -> Outcome:
        return Outcome(OutcomeKind.REFUSED, self._clock.now(), command.by.user, reason)


def changed_parts(old: ChairView, new: ChairView) -> frozenset[str]:
    """Which parts of a chair differ, measurements aside; the names are the live feed's."""
    parts = set()
    if old.alarms != new.alarms:
        parts.add("alarms")
    line = (old.link, old.link_detail, old.interval_s)
    if line != (new.link, new.link_detail, new.interval_s):
        parts.add("link")
    if old.session != new.session:
        parts.add("session")
        old_phase = old.session.phase if old.session else None
        new_phase = new.session.phase if new.session else None
        if old_phase is not new_phase:
            parts.add("phase")
    if old.is_recording != new.is_recording:
        parts.add("recording")
    if source_of(old, Metric.HEART_RATE) is not source_of(new, Metric.HEART_RATE):
        parts.add("source")
    if old.shown_from != new.shown_from:
        parts.add("monitors")
    if old.remarks != new.remarks:
        parts.add("remarks")
    if old.sound != new.sound:
        parts.add("sound")
    if _silence(old) != _silence(new):
        parts.add("audio")
    said = (old.name, old.heard, old.bound, old.clocks)
    if said != (new.name, new.heard, new.bound, new.clocks):
        parts.add("identity")
    if old.by_hand != new.by_hand:
        parts.add("by_hand")
    return frozenset(parts)


def _silence(view: ChairView) -> object:
    """What keeps alarms of a chair from being heard or raised."""
    session = view.session
    return session and (session.audio, session.switched_off, session.spo2_waits_until)
