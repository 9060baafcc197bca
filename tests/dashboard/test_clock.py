"""Does a clock that was put back date what happens now before what happened?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dashboard.clock import SteadyClock

START = datetime(2026, 3, 14, 9, tzinfo=UTC)


def test_it_goes_on_from_the_record_where_the_wall_clock_lies_behind():
    clock = SteadyClock(start=START)
    behind = clock.not_before(START + timedelta(hours=1))
    assert behind.total_seconds() == pytest.approx(3600, abs=60)
    assert clock.now() >= START + timedelta(hours=1)


@pytest.mark.parametrize("newest", [START - timedelta(hours=1), START + timedelta(days=400)])
def test_neither_an_older_record_nor_one_of_another_year_moves_it(newest):
    clock = SteadyClock(start=START)
    assert clock.not_before(newest) == timedelta(0)
    assert abs(clock.now() - START) < timedelta(minutes=1)
