"""Does a monitor see each cycle of the script once, and as it ended?"""

from __future__ import annotations

import pytest

from simulators.cuff import CuffWatch, Ended
from tests.simulators.cuffs import FIRST, MEAN_ALONE, screen

WHOLE = [Ended(FIRST, 50), Ended(None, 275), Ended(MEAN_ALONE, 430)]


def seen(watch: CuffWatch, times) -> list[Ended]:
    looks = (watch.look(screen(t_s).cuff, t_s) for t_s in times)
    return [ended for ended in looks if ended]


@pytest.mark.parametrize("step_s", [1, 5, 25])
def test_each_cycle_ends_once(step_s):
    assert seen(CuffWatch(), range(0, 600, step_s)) == WHOLE


def test_steps_of_a_fraction_do_not_make_one_reading_two():
    assert len(seen(CuffWatch(), (n * 0.1 for n in range(6000)))) == 3


@pytest.mark.parametrize(
    ("t_s", "ended"), [(10, []), (60, WHOLE[:1]), (300, [Ended(None, 300)]), (500, WHOLE[2:])]
)
def test_the_first_look_finds_what_is_on_the_screen(t_s, ended):
    assert seen(CuffWatch(), [t_s, t_s + 1, t_s + 2]) == ended


def test_cycles_that_nobody_looked_at_leave_their_last_outcome():
    assert seen(CuffWatch(), [0, 300, 301]) == [Ended(None, 300)]
    assert seen(CuffWatch(), [0, 460, 461]) == WHOLE[2:]
    assert seen(CuffWatch(), [60, 300, 301]) == [WHOLE[0], Ended(None, 300)]


def test_it_measures_until_the_reading_is_there_and_no_longer():
    watch, measuring = CuffWatch(), []
    for t_s in range(600):
        watch.look(screen(t_s).cuff, t_s)
        measuring += [t_s] * watch.is_measuring
    assert measuring == [*range(20, 50), *range(200, 275), *range(400, 430)]


@pytest.mark.parametrize(("at_s", "left"), [(25, WHOLE[1:]), (210, [WHOLE[0], WHOLE[2]])])
def test_a_skipped_cycle_neither_measures_nor_ends(at_s, left):
    watch, ended = CuffWatch(), []
    for t_s in range(600):
        ended += seen(watch, [t_s])
        if t_s == at_s:
            watch.skip()
        assert not (at_s <= t_s < at_s + 80 and watch.is_measuring)
    assert ended == left


def test_nothing_to_skip_skips_nothing():
    watch = CuffWatch()
    ended = seen(watch, range(10))
    watch.skip()
    assert ended + seen(watch, range(10, 600)) == WHOLE
