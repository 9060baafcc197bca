"""Would the soak of screens see a page that grows?"""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests.soak.__main__ import EVERY_S, report
from tests.soak.growth import quarters

STEADY = {"heap MiB": 20.0, "nodes": 900.0, "listeners": 200.0}


def page(samples, not_live_s=0.0):
    return SimpleNamespace(name="board", samples=samples, not_live_s=not_live_s)


def used(count):
    return [{"server MiB": 200.0, "threads": 13.0}] * count


def test_what_is_compared_is_the_first_and_the_last_quarter():
    assert quarters([1, 1, 50, 1, 2, 3, 2, 2]) == (1, 2)
    assert quarters([7]) == (7, 7)


def test_a_page_that_holds_what_it_held_passes(capsys):
    assert report([page([STEADY] * 40)], used(40), [], 10) == 0
    assert "steady" in capsys.readouterr().out


@pytest.mark.parametrize(("what", "by"), [("heap MiB", 0.5), ("nodes", 30.0), ("listeners", 10.0)])
def test_a_page_that_grows_a_little_with_each_sample_fails(what, by, capsys):
    growing = [STEADY | {what: STEADY[what] + by * i} for i in range(40)]
    assert report([page(growing)], used(40), [], 10) == 1
    assert "GROWN" in capsys.readouterr().out


def test_a_page_that_stood_still_fails():
    assert report([page([STEADY] * 8, not_live_s=EVERY_S)], used(8), [], 1) == 1


def test_a_page_that_never_was_full_is_not_compared(capsys):
    assert report([page([])], used(8), [], 1) == 0
    assert "board    was never full" in capsys.readouterr().out


def test_a_complaint_of_the_browser_fails():
    assert report([page([STEADY] * 8)], used(8), ["uncaught: x"], 1) == 1
