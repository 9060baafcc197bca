"""What waits for the disk, in which order, and what goes first when it is too much?"""

from __future__ import annotations

from uuid import UUID, uuid4

from clinical.record import ClockCompared, Gap
from clinical.vitals import Metric
from storage.backlog import RARE_AT_ONCE, SAMPLES_AT_ONCE, TOO_MUCH, Backlog, Command
from tests.storage.made_up import (
    NURSE,
    SESSION,
    after,
    alarm,
    by_hand,
    cuff,
    frame,
    heard,
    opened,
    phase,
)

OTHER = UUID(int=2)


def command():
    return Command(uuid4(), "ChangePhase", NURSE, (phase(),), lambda result: None)


def test_all_that_waits_is_taken_at_once_in_its_order():
    backlog, asked = Backlog(100), command()
    backlog.add([opened(), frame(1), phase()])
    backlog.add_command(asked)
    backlog.add([*cuff(2, 120), frame(2)])
    batch = backlog.take()
    assert batch.rare == [opened(), phase(), asked]
    assert batch.readings == cuff(2, 120)
    assert batch.vitals == [frame(1), frame(2)]
    assert batch.is_all
    assert batch.rows == 10, "the command's own row is one of them"
    assert len(backlog) == 0


def test_devices_clocks_and_what_a_hand_entered_wait_and_are_never_given_up():
    backlog = Backlog(2)  # as many values as a frame has
    unseated = heard(after(0), "SN-1", session=None)
    clock = ClockCompared(None, 1, after(1), "dinamap", 2.0)
    entered = [by_hand(2, Metric.SPO2, 95.0 + n) for n in range(4)]
    rare = [unseated, clock, opened(), *entered]
    backlog.add([*rare, frame(4), frame(5)])
    batch = backlog.take()
    assert batch.rare == rare
    assert batch.vitals == [frame(5)]
    assert not batch.readings
    assert not backlog.put_back(batch)
    assert backlog.take().rare == rare


def test_a_long_backlog_goes_in_pieces():
    backlog = Backlog(10**6)
    rare = [alarm(alarm_id=uuid4()) for _ in range(RARE_AT_ONCE + 1)]
    frames = [frame(n) for n in range(SAMPLES_AT_ONCE + 1)]
    backlog.add([*frames, *rare])
    first, second = backlog.take(), backlog.take()
    assert (first.is_all, second.is_all) == (False, True)
    assert first.rare + second.rare == rare
    assert first.vitals + second.vitals == frames


def test_what_could_not_be_written_comes_before_what_came_since_but_for_commands():
    backlog, tried, waiting = Backlog(100), command(), command()
    backlog.add([opened(), frame(1), cuff(1, 120)[0]])
    backlog.add_command(tried)
    batch = backlog.take()
    backlog.add([phase(), frame(2), cuff(2, 120)[0]])
    backlog.add_command(waiting)
    assert backlog.put_back(batch) == [tried, waiting]
    again = backlog.take()
    assert again.rare == [opened(), phase()]
    assert again.vitals == [frame(1), frame(2)]
    assert again.readings == [cuff(1, 120)[0], cuff(2, 120)[0]]


def test_the_oldest_frames_go_first_and_a_gap_says_so():
    backlog = Backlog(6)  # a frame has two values
    backlog.add([opened(), frame(1), frame(1, session=OTHER), frame(2), *cuff(0, 120)[:2]])
    backlog.add([frame(3)])
    batch = backlog.take()
    assert batch.rare == [opened()], "a rare fact never goes"
    assert batch.vitals == [frame(2), frame(3)]
    assert len(batch.readings) == 2
    assert batch.lost == [
        Gap(SESSION, after(1), after(1), TOO_MUCH),
        Gap(OTHER, after(1), after(1), TOO_MUCH),
    ]
    assert backlog.take().lost == [], "said once"


def test_readings_go_when_no_frame_is_left():
    backlog = Backlog(2)
    backlog.add([*cuff(1, 120)[:2], *cuff(2, 120)[:1], frame(3)])
    batch = backlog.take()
    assert batch.vitals == []
    assert batch.readings == [cuff(1, 120)[1], cuff(2, 120)[0]]
    assert batch.lost == [Gap(SESSION, after(1), after(3), TOO_MUCH)]


def test_an_outage_leaves_one_gap_however_often_it_was_tried():
    backlog = Backlog(4)
    for second in range(10):
        backlog.add([frame(second)])
        backlog.put_back(backlog.take())
    batch = backlog.take()
    assert batch.vitals == [frame(8), frame(9)]
    assert batch.lost == [Gap(SESSION, after(0), after(7), TOO_MUCH)]
