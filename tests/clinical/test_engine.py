"""Does the one thread serve all chairs, whatever the record, a screen or a rule does?"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid5

import pytest

from clinical.chair import ChairState
from clinical.commands import (
    AcknowledgeAlarm,
    AnswerItem,
    ChangePhase,
    Command,
    Outcome,
    OutcomeKind,
    StartSession,
)
from clinical.engine import WAITING, Engine
from clinical.identity import Identity
from clinical.links import ClockRead, Identified, LinkEvent, LinkState
from clinical.monitor import Committed, Observed, Overrun, SessionMonitor, Tick
from clinical.phases import SessionPhase
from clinical.ports import CommitResult, RecorderState
from clinical.record import AlarmEvent, Gap, PhaseChanged, SessionOpened
from clinical.snapshot import ChairView, Change, LiveSnapshot
from tests.clinical.fakes import (
    NAMESPACE,
    NURSE,
    Bedside,
    FakeClock,
    FakeFeed,
    FakeRecorder,
    FastClock,
    at,
    seen,
    started,
)

SOON_S = 10.0  # far more than anything takes; a test that waits so long fails
DONE, REFUSED, NOT_RECORDED = OutcomeKind
numbers = count()


def new_id() -> UUID:
    return uuid5(NAMESPACE, f"engine {next(numbers)}")


class Room:
    """Two chairs under one engine, with everything around it made up."""

    def __init__(self, clock: Any = None, **engine: Any) -> None:
        self.clock = clock or FakeClock()
        self.recorder = FakeRecorder()
        self.feed = FakeFeed()
        chairs = [ChairState(1, "Chair 1"), ChairState(2, "Chair 2")]
        self.engine = Engine(
            chairs, recorder=self.recorder, feed=self.feed, clock=self.clock, **engine
        )

    def view(self, chair: int = 1) -> ChairView:
        return self.engine.snapshot.chairs[chair]

    def alarms(self, chair: int = 1) -> dict[str, str]:
        return {alarm.text: alarm.priority.value for alarm in self.view(chair).alarms}

    def ask(self, command: Command) -> Outcome:
        return self.engine.submit(command).result(SOON_S)

    def start(self, chair: int = 1) -> Outcome:
        return self.ask(StartSession(command_id=new_id(), by=NURSE, chair=chair, patient="KL"))

    def see(self, seconds: float, chair: int = 1, **values: object) -> None:
        self.engine.post(chair, Observed(seen(seconds, **values), at(seconds)))

    def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for it, looking again after each change that is published."""
        while not is_so():
            self.feed.changes.get(timeout=SOON_S)

    def settle(self) -> None:
        """Wait until the engine has handled all that was handed to it."""
        outcome = self.ask(StartSession(command_id=new_id(), by=NURSE, chair=2, patient="?"))
        assert outcome.kind is REFUSED


@pytest.fixture
def make() -> Iterator[Callable[..., Room]]:
    """Makes rooms, and stops their engines."""
    rooms: list[Room] = []

    def make(**how: Any) -> Room:
        rooms.append(Room(**how))
        return rooms[-1]

    yield make
    for room in rooms:
        room.engine.stop()


@pytest.fixture
def room(make: Callable[..., Room]) -> Room:
    room = make()
    room.engine.start()
    return room


def phase(to: SessionPhase, reason: str = "") -> ChangePhase:
    return ChangePhase(command_id=new_id(), by=NURSE, chair=1, to=to, reason=reason)


def answer(item: str = "gait", value: str = "yes") -> AnswerItem:
    return AnswerItem(command_id=new_id(), by=NURSE, chair=1, item=item, answer=value)


def seated(room: Room, *way: SessionPhase) -> None:
    assert room.start().kind is DONE
    for to in way:
        assert room.ask(phase(to)).kind is DONE


INFUSING = (SessionPhase.BASELINE, SessionPhase.INFUSING)
RECOVERY = (*INFUSING, SessionPhase.RECOVERY)


# --- commands and the record ----------------------------------------------------------------------


def test_a_command_is_answered_after_its_commit_and_shown_then(room):
    room.recorder.result = None
    future = room.engine.submit(StartSession(command_id=new_id(), by=NURSE, chair=1, patient="KL"))
    kind, facts, done = room.recorder.held.get(timeout=SOON_S)
    assert (kind, not future.done()) == ("StartSession", True)
    assert [type(fact) for fact in facts] == [SessionOpened, PhaseChanged]
    assert room.view().session is None
    done(CommitResult.COMMITTED)
    outcome = future.result(SOON_S)
    assert (outcome.kind, outcome.by) == (DONE, "anna")
    view = room.view().session
    assert view is not None
    assert (view.patient, view.phase) == ("KL", SessionPhase.PREPARATION)


def test_a_double_click_is_one_command(room):
    command = StartSession(command_id=new_id(), by=NURSE, chair=1, patient="KL")
    first, second = room.engine.submit(command), room.engine.submit(command)
    assert first is second
    assert first.result(SOON_S).kind is DONE
    assert room.engine.submit(command) is first
    assert len(room.recorder.committed) == 2


def test_what_was_not_recorded_is_not_so_and_can_be_tried_again(room):
    room.recorder.result = CommitResult.FAILED
    outcome = room.start()
    assert (outcome.kind, outcome.reason) == (NOT_RECORDED, "not recorded, try again")
    assert room.view().session is None
    room.recorder.result = CommitResult.COMMITTED
    assert room.start().kind is DONE


def test_a_refusal_does_not_trouble_the_record(room):
    outcome = room.ask(phase(SessionPhase.RECOVERY))
    assert (outcome.kind, outcome.reason) == (REFUSED, "there is no session in chair 1")
    assert room.recorder.kept == room.recorder.committed == []


def test_what_was_refused_is_judged_anew_when_the_same_is_asked_again(room):
    begin = phase(SessionPhase.BASELINE)
    assert room.ask(begin).kind is REFUSED
    room.start()
    assert room.ask(begin).kind is DONE
    assert room.ask(begin).kind is DONE  # a second click gets the first one's answer
    assert len(room.recorder.committed) == 3  # opened, in preparation, in baseline


def test_a_chair_that_is_not_here_is_refused(room):
    command = StartSession(command_id=new_id(), by=NURSE, chair=9, patient="KL")
    assert room.ask(command).reason == "there is no chair 9"
    with pytest.raises(KeyError, match="expected one of chairs 1, 2, got 9"):
        room.engine.post(9, Tick())
    assert room.start().kind is DONE


def test_a_second_request_is_judged_by_what_the_first_one_changed(room):
    room.recorder.result = None
    asked = [
        StartSession(command_id=new_id(), by=NURSE, chair=1, patient=name) for name in ("KL", "MN")
    ]
    first, second = [room.engine.submit(each) for each in asked]
    _, _, done = room.recorder.held.get(timeout=SOON_S)
    room.recorder.result = CommitResult.COMMITTED
    done(CommitResult.COMMITTED)
    assert first.result(SOON_S).kind is DONE
    assert second.result(SOON_S).reason == "chair 1 is taken by KL"


def test_a_chair_does_not_wait_for_the_record_of_another(room):
    room.recorder.result = None
    room.engine.submit(StartSession(command_id=new_id(), by=NURSE, chair=1, patient="KL"))
    _, _, done = room.recorder.held.get(timeout=SOON_S)
    room.recorder.result = CommitResult.COMMITTED
    assert room.start(chair=2).kind is DONE
    done(CommitResult.COMMITTED)


def test_requests_do_not_pile_up_behind_a_record_that_hangs(room):
    seated(room, *RECOVERY)
    room.recorder.result = None
    futures = [room.engine.submit(answer()) for _ in range(WAITING + 2)]
    assert futures[-1].result(SOON_S).reason == "too many requests are waiting"
    room.recorder.result = CommitResult.COMMITTED
    room.recorder.held.get(timeout=SOON_S)[2](CommitResult.COMMITTED)
    assert {future.result(SOON_S).kind for future in futures[:-1]} == {DONE}


# --- what takes effect at once --------------------------------------------------------------------


def in_alarm(room: Room) -> AcknowledgeAlarm:
    room.see(1, spo2=75)
    room.until(lambda: bool(room.view().alarms))
    (alarm,) = room.view().alarms
    return AcknowledgeAlarm(command_id=new_id(), by=NURSE, chair=1, alarm_id=alarm.alarm_id)


def test_an_acknowledgement_is_in_force_before_the_record_has_it(room):
    seated(room)
    command = in_alarm(room)
    room.recorder.result = None
    future = room.engine.submit(command)
    _, facts, done = room.recorder.held.get(timeout=SOON_S)
    room.until(lambda: room.view().alarms[0].acknowledged_by == "anna")
    assert not future.done()
    done(CommitResult.FAILED)
    outcome = future.result(SOON_S)
    assert (outcome.kind, outcome.reason) == (NOT_RECORDED, "in force, but not yet recorded")
    assert room.view().alarms[0].acknowledged_by == "anna"
    assert facts[0] in room.recorder.kept


def test_neither_acknowledgement_nor_stop_wait_for_a_record_that_hangs(room):
    seated(room, *INFUSING)
    command = in_alarm(room)
    room.recorder.result = None
    hangs = room.engine.submit(_signed())
    _, _, done = room.recorder.held.get(timeout=SOON_S)
    room.engine.submit(command)
    room.engine.submit(phase(SessionPhase.RECOVERY))
    room.until(lambda: room.view().session.phase is SessionPhase.RECOVERY)
    assert room.view().alarms[0].acknowledged_by == "anna"
    assert not hangs.done()
    done(CommitResult.COMMITTED)
    assert hangs.result(SOON_S).kind is DONE
    for _ in range(2):
        room.recorder.held.get(timeout=SOON_S)[2](CommitResult.COMMITTED)


def test_a_stop_waits_for_the_start_that_is_being_written(room):
    seated(room, SessionPhase.BASELINE)
    room.recorder.result = None
    begins = room.engine.submit(phase(SessionPhase.INFUSING))
    _, _, done = room.recorder.held.get(timeout=SOON_S)
    stops = room.engine.submit(phase(SessionPhase.RECOVERY))
    room.recorder.result = CommitResult.COMMITTED
    done(CommitResult.COMMITTED)
    assert (begins.result(SOON_S).kind, stops.result(SOON_S).kind) == (DONE, DONE)
    assert room.view().session.phase is SessionPhase.RECOVERY


def _signed() -> Command:
    chair = started()
    commands: list[Command] = []
    chair.ask = lambda command: commands.append(command) or (None, ())  # type: ignore[assignment,method-assign]
    chair.new_id = new_id
    chair.sign("sitter-arrival")
    return commands[0]


# --- faults ---------------------------------------------------------------------------------------


def test_a_step_that_raises_stops_neither_the_other_chair_nor_its_own(room):
    seated(room)
    room.engine.post(1, Observed(None, at(1)))  # type: ignore[arg-type]
    room.see(2, chair=2, hr=70)
    room.until(lambda: bool(room.view(2).latest))
    room.see(3, hr=72)
    room.until(lambda: "DATA LOST" in room.alarms())
    assert room.view().latest["heart_rate"].value == 72


def test_a_command_that_raises_is_refused_and_no_data_are_lost(room):
    seated(room)
    wrong = StartSession(
        command_id=new_id(),
        by=NURSE,
        chair=2,
        patient="KL",
        planned_infusion_min="long",  # type: ignore[arg-type]
    )
    assert room.ask(wrong).reason == "this could not be carried out"
    assert room.start(chair=2).kind is DONE
    assert room.alarms(2) == {}


class Failing(SessionMonitor):
    """Raises on every event of one kind."""

    def __init__(self, kind: type) -> None:
        self.kind: type | None = kind

    def step(self, state, event, now):
        if self.kind is not None and isinstance(event, self.kind):
            raise ArithmeticError("a rule is wrong")
        return super().step(state, event, now)


@pytest.mark.parametrize(
    ("result", "kind"), [(CommitResult.COMMITTED, DONE), (CommitResult.FAILED, NOT_RECORDED)]
)
def test_a_commit_that_cannot_be_carried_out_still_answers_and_frees_the_chair(room, result, kind):
    room.engine._monitor = failing = Failing(Committed)
    room.recorder.result = result
    outcome = room.start()
    assert outcome.kind is kind
    failing.kind = None
    room.recorder.result = CommitResult.COMMITTED
    assert room.start().kind is DONE


def test_a_rule_that_always_fails_does_not_take_all_the_time(room):
    seated(room)
    room.engine._monitor = Failing(Tick)
    room.engine.post(1, Tick())
    room.settle()
    assert room.engine._due[1] >= room.clock.now() + timedelta(seconds=1)


def test_a_screen_that_fails_comes_neither_between_an_alarm_nor_a_command(room):
    def publish(snapshot: LiveSnapshot, changes: list[Change]) -> None:
        raise OSError("no screen")

    room.feed.publish = publish
    seated(room)
    room.see(1, spo2=75)
    room.settle()
    assert [f.condition for f in room.recorder.kept if isinstance(f, AlarmEvent)] == ["spo2 low"]
    assert room.alarms() == {"*** SpO2 75 < 80": "high"}


def test_a_recorder_that_raises_leaves_nobody_waiting(room):
    def commit(*_: object) -> None:
        raise OSError("no disk")

    real, room.recorder.commit = room.recorder.commit, commit
    assert room.start().kind is NOT_RECORDED
    room.recorder.commit = real
    assert room.start().kind is DONE


def test_one_who_no_longer_waits_does_not_take_the_answer_from_the_others(room):
    room.recorder.result = None
    future = room.engine.submit(StartSession(command_id=new_id(), by=NURSE, chair=1, patient="KL"))
    _, _, done = room.recorder.held.get(timeout=SOON_S)
    assert not future.cancel()
    done(CommitResult.COMMITTED)
    assert future.result(SOON_S).kind is DONE


def test_frames_that_are_lost_are_told_and_changes_of_the_line_are_not_lost(make):
    room = make(inbox=3)
    room.engine.resume(started().stored(), chair=1)
    for second in range(10):
        room.see(second, hr=70)
    room.engine.post(1, LinkEvent(LinkState.DISCONNECTED, at(11)))
    room.engine.start()
    room.until(lambda: len(room.alarms()) == 2)
    assert room.alarms() == {"DEVICE DISCONNECTED": "medium", "DATA LOST": "medium"}


def test_a_record_that_fails_is_told_by_every_chair(room):
    seated(room)
    room.start(chair=2)
    room.engine.recorder_changed(RecorderState(is_recording=False, detail="disk full"))
    room.until(lambda: "NOT RECORDING" in room.alarms(1) and "NOT RECORDING" in room.alarms(2))
    assert not room.view(1).is_recording


def test_an_overrun_is_an_event_like_any_other(room):
    seated(room)
    room.engine.post(1, Overrun())
    room.until(lambda: "DATA LOST" in room.alarms())


# --- time, screens, beginning and end -------------------------------------------------------------


def test_the_engine_wakes_by_itself_when_a_delay_ends(make):
    room = make(clock=FastClock(speed=50.0))
    room.engine.start()
    seated(room)
    begin = room.clock.monotonic()
    room.see(begin, hr=38)
    room.until(lambda: "*** HR 38 <= 40" in room.alarms())
    (alarm,) = [alarm for alarm in room.view().alarms if alarm.metric == "heart_rate"]
    assert alarm.onset_at == at(begin) + timedelta(seconds=5)


def test_each_change_is_published_with_its_parts_and_a_sequence_without_holes(room):
    seated(room)
    room.see(1, spo2=75)
    room.see(2, spo2=75)
    room.settle()
    told: list[Change] = []
    while True:
        try:
            told.append(room.feed.changes.get_nowait()[1])
        except queue.Empty:
            break
    assert [change.sequence for change in told] == list(range(1, len(told) + 1))
    assert [set(change.parts) for change in told[:2]] == [
        {"session", "phase", "audio"},
        {"alarms", "sound"},
    ]
    # The second value is the same: it is a point all the same, for it renews the age.
    assert [(set(change.parts), len(change.points)) for change in told[2:]] == [(set(), 1)]


def test_a_session_goes_on_after_a_restart_and_the_gap_is_recorded(make):
    before = started(SessionPhase.INFUSING)
    before.watch(0, 20, hr=45)
    before.acknowledge("heart_rate low")
    room = make()
    room.clock.pass_s(300)
    room.engine.resume(before.stored(), chair=1)
    view = room.view()
    assert view.session.phase is SessionPhase.INFUSING
    assert [(a.alarm_id, a.acknowledged_by) for a in view.alarms] == [
        (before.alarms["heart_rate low"].alarm_id, "anna")
    ]
    (gap,) = [fact for fact in room.recorder.kept if isinstance(fact, Gap)]
    assert (gap.since, gap.until) == (before.stored().last_at, at(300))
    room.engine.start()
    room.see(301, hr=45)
    room.settle()
    assert [a.alarm_id for a in room.view().alarms if a.metric == "heart_rate"] == [
        before.alarms["heart_rate low"].alarm_id
    ]


def test_a_chair_comes_and_goes_while_the_others_are_watched(room):
    room.start(2)
    room.engine.open_chair(ChairState(3, "By the window"))
    room.see(1, chair=3, hr=70)
    assert room.start(3).kind is DONE
    room.settle()
    assert room.view(3).latest
    with pytest.raises(ValueError, match="a patient sits in chair 3"):
        room.engine.close_chair(3)
    stop = ChangePhase(
        command_id=new_id(), by=NURSE, chair=3, to=SessionPhase.ABORTED, reason="not well"
    )
    assert room.ask(stop).kind is DONE
    room.engine.close_chair(3)
    assert list(room.engine.snapshot.chairs) == [1, 2]
    assert "there is no chair 3" in room.start(3).reason
    with pytest.raises(KeyError):
        room.see(2, chair=3, hr=70)
    room.see(3, chair=2, hr=71)
    room.settle()
    assert room.view(2).session is not None


def test_a_chair_that_is_there_or_not_there_is_said_to_be_so(room):
    with pytest.raises(ValueError, match="there is a chair 2 already"):
        room.engine.open_chair(ChairState(2, "Again"))
    with pytest.raises(ValueError, match="there is no chair 9"):
        room.engine.close_chair(9)


def test_a_chair_that_could_not_be_closed_in_time_is_not_closed_later(room, monkeypatch):
    monkeypatch.setattr("clinical.engine.FURNISHED_WITHIN_S", 0.0)
    held, go_on = threading.Event(), threading.Event()

    def stalled(*_args: object) -> None:
        held.set()
        assert go_on.wait(SOON_S)

    room.feed.publish = stalled
    room.see(1, hr=70)
    assert held.wait(SOON_S)
    with pytest.raises(ValueError, match="Vigil is busy"):
        room.engine.close_chair(2)
    room.feed.publish = lambda *_args: None
    go_on.set()
    room.settle()
    assert list(room.engine.snapshot.chairs) == [1, 2]


def test_a_chair_comes_before_the_start_too(make):
    room = make()
    room.engine.open_chair(ChairState(3, "Chair 3"))
    room.engine.close_chair(1)
    assert list(room.engine.snapshot.chairs) == [2, 3]


def test_what_a_monitor_says_of_itself_is_a_change_of_its_own(room):
    room.engine.post(1, Identified(Identity("B450", "A1"), at(1)))
    room.engine.post(1, ClockRead(0.4, at(2)))
    room.settle()
    assert room.view().heard == {"": Identity("B450", "A1")}
    told = [room.feed.changes.get_nowait()[1] for _ in range(room.feed.changes.qsize())]
    assert [set(change.parts) for change in told] == [{"identity"}, {"identity"}]


def test_stop_handles_what_is_in_the_inbox_and_ends_the_thread(make):
    room = make()
    room.engine.start()
    future = room.engine.submit(StartSession(command_id=new_id(), by=NURSE, chair=1, patient="KL"))
    room.engine.stop()
    assert future.done()
    assert "engine" not in [thread.name for thread in threading.enumerate()]
    room.engine.stop()


def test_nobody_waits_for_an_engine_that_has_stopped(make):
    room = make()
    room.engine.start()
    room.recorder.result = None
    first = room.engine.submit(StartSession(command_id=new_id(), by=NURSE, chair=1, patient="KL"))
    waits = room.engine.submit(phase(SessionPhase.BASELINE))
    room.recorder.held.get(timeout=SOON_S)
    room.engine.stop()
    late = room.engine.submit(phase(SessionPhase.BASELINE))
    for future in (first, waits, late):
        assert future.result(0).kind is NOT_RECORDED
        assert "stopping" in future.result(0).reason


def test_an_engine_that_never_started_stops_too(make):
    make().engine.stop()


def test_what_the_monitor_keeps_the_engine_keeps(make):
    """The same events by hand and through the thread leave the same facts."""
    by_hand = Bedside(ChairState(1, "Chair 1"))
    by_hand.start()
    room = make()
    room.engine.start()
    start = StartSession(command_id=by_hand.session.opened.session, by=NURSE, chair=1, patient="KL")
    room.ask(start)
    for second in range(1, 40):
        room.clock.pass_s(1)
        frame = Observed(seen(second, hr=45 if second < 20 else 80), at(second))
        by_hand.step(frame, at(second))
        room.engine.post(1, frame)
        room.settle()
    room.engine.stop()

    def alarms(facts: list[Any]) -> list[tuple[str, str, object, UUID]]:
        events = [fact for fact in facts if isinstance(fact, AlarmEvent)]
        return [(e.condition, e.change, e.at, e.alarm_id) for e in events]

    assert alarms(room.recorder.kept) == alarms(by_hand.facts)
    assert len(alarms(by_hand.facts)) == 2
