"""When is a line live, quiet or damaged? Numbers in, a state out."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from clinical.links import LinkState
from devices.protocols.line import LineSettings
from devices.watch import Watch

SETTINGS = LineSettings(baud=19200, parity="E", rtscts=True, interval_s=1.0)
OPENED_S = 100.0


@pytest.fixture
def watch():
    return Watch(SETTINGS, OPENED_S)


def state(watch, now_s, interval_s=1.0):
    return watch.judge(now_s, interval_s)[0]


def test_an_open_port_connects_until_its_first_record(watch):
    assert state(watch, 104.9) is LinkState.CONNECTING
    watch.heard(104.9, good=1, garbled=0)
    assert state(watch, 104.9) is LinkState.LIVE
    assert watch.is_proven


@pytest.mark.parametrize(("interval_s", "quiet_s"), [(1.0, 5.0), (2.0, 6.0), (5.0, 15.0)])
def test_silence_of_three_intervals_and_at_least_5_s_is_quiet(watch, interval_s, quiet_s):
    watch.heard(200.0, good=1, garbled=0)
    assert state(watch, 200.0 + quiet_s, interval_s) is LinkState.LIVE
    assert state(watch, 200.1 + quiet_s, interval_s) is LinkState.QUIET
    watch.heard(300.0, good=1, garbled=0)
    assert state(watch, 300.0, interval_s) is LinkState.LIVE


def test_silence_from_the_start_is_quiet_and_says_how_long(watch):
    assert watch.judge(105.2, 1.0) == (
        LinkState.QUIET,
        "Nothing heard for 5 s: is the monitor on, and the cable in at both ends?",
    )


def test_a_cable_pulled_within_a_record_is_quiet_not_damaged(watch):
    watch.heard(200.0, good=1, garbled=0)
    watch.heard(200.9, good=0, garbled=0)
    assert state(watch, 205.1) is LinkState.QUIET


def test_the_half_record_that_ends_a_silence_is_no_damage(watch):
    watch.heard(200.0, good=1, garbled=0)
    assert state(watch, 230.0) is LinkState.QUIET
    watch.heard(230.1, good=0, garbled=0)
    assert state(watch, 230.1) is LinkState.QUIET
    watch.heard(230.3, good=1, garbled=0)
    assert state(watch, 230.3) is LinkState.LIVE


def test_noise_after_a_silence_is_damage_soon(watch):
    watch.heard(200.0, good=1, garbled=0)
    for tenth in range(30):
        watch.heard(230.0 + tenth / 10, good=0, garbled=0)
    assert state(watch, 232.9) is LinkState.DAMAGED


def test_bytes_without_a_valid_record_are_damage_and_name_the_settings(watch):
    for tenth in range(60):
        watch.heard(OPENED_S + tenth / 10, good=0, garbled=0)
    assert watch.judge(106.0, 1.0) == (
        LinkState.DAMAGED,
        "Bytes arrive but no valid record: is this the right monitor? "
        "Expected 19200 baud, 8E1, RTS/CTS.",
    )


def test_more_than_a_fifth_garbled_over_10_s_is_damaged(watch):
    for second in range(10):
        watch.heard(200.0 + second, good=1, garbled=1 if second in (2, 5) else 0)
    assert state(watch, 209.0) is LinkState.LIVE, "two of twelve"
    watch.heard(209.5, good=0, garbled=1)
    assert watch.judge(209.5, 1.0) == (
        LinkState.DAMAGED,
        "3 of the last 13 records arrived damaged: check the cable and its plugs.",
    )
    for second in range(210, 216):
        watch.heard(float(second), good=1, garbled=0)
    assert state(watch, 215.1) is LinkState.LIVE, "the first two are out of the window"


def test_three_of_fifteen_are_a_fifth_and_not_more(watch):
    for tenth in range(12):
        watch.heard(200.0 + tenth / 2, good=1, garbled=0)
    watch.heard(206.0, good=0, garbled=3)
    assert state(watch, 206.0) is LinkState.LIVE


def test_a_slow_monitor_is_judged_over_more_time(watch):
    for n in range(5):
        watch.heard(200.0 + 5 * n, good=n % 2, garbled=1 - n % 2)
    assert state(watch, 220.0, interval_s=5.0) is LinkState.DAMAGED


def test_joining_in_the_middle_of_a_record_is_no_damage(watch):
    watch.heard(100.2, good=0, garbled=1)
    watch.heard(101.0, good=1, garbled=0)
    assert state(watch, 101.0) is LinkState.LIVE


def test_noise_for_an_hour_is_remembered_in_bounded_memory(watch):
    for tenth in range(36_000):
        watch.heard(OPENED_S + tenth / 10, good=0, garbled=50)
        watch.judge(OPENED_S + tenth / 10, 5.0)
    assert len(watch._seconds) < 40


@pytest.mark.parametrize("per_s", [1, 20])
def test_a_line_on_the_edge_of_damage_is_one_alarm_and_not_many(per_s):
    for seed in range(5):
        watch, chance, told = Watch(SETTINGS, OPENED_S), random.Random(seed), []
        for n in range(180 * per_s):
            now_s = OPENED_S + n / per_s
            garbled = chance.random() < 0.2
            watch.heard(now_s, good=not garbled, garbled=garbled)
            now = state(watch, now_s)
            told += [(now_s, now)] if not told or told[-1][1] is not now else []
        damaged = [at_s for at_s, now in told if now is LinkState.DAMAGED]
        assert 1 <= len(damaged) <= 9 / per_s**0.5 + 1
        for (at_s, now), (until_s, _) in pairwise(told):
            assert now is not LinkState.DAMAGED or until_s - at_s >= 5


def test_a_damaged_line_must_be_well_for_five_seconds(watch):
    for tenth in range(100):
        watch.heard(200 + tenth / 10, good=1, garbled=tenth % 3 == 0)
    assert state(watch, 209.9) is LinkState.DAMAGED
    live_s = None
    for tenth in range(100, 300):
        watch.heard(200 + tenth / 10, good=1, garbled=0)
        if state(watch, 200 + tenth / 10) is LinkState.LIVE and live_s is None:
            live_s = 200 + tenth / 10
    assert live_s is not None
    assert 214.9 <= live_s <= 221


def test_the_first_record_of_a_port_makes_it_live_at_once_whatever_was_before(watch):
    for tenth in range(60):
        watch.heard(OPENED_S + tenth / 10, good=0, garbled=tenth in (20, 40))
    assert state(watch, 106.0) is LinkState.DAMAGED
    watch.heard(106.1, good=10, garbled=0)
    assert state(watch, 106.1) is LinkState.LIVE


@pytest.mark.parametrize("gap_s", [3.0, 4.0, 6.0, 9.0, 14.0])
def test_a_few_bytes_now_and_then_do_not_turn_silence_into_damage_and_back(watch, gap_s):
    watch.heard(200.0, good=1, garbled=0)
    told = [LinkState.LIVE]
    bytes_s = 200.0
    for tenth in range(1, 1800):
        now_s = 200 + tenth / 10
        if now_s - bytes_s >= gap_s:
            bytes_s = now_s
            watch.heard(now_s, good=0, garbled=0)
        now = state(watch, now_s)
        told += [now] if told[-1] is not now else []
    assert len(told) <= 3, told


def test_damage_without_a_record_is_quiet_once_nothing_came_for_as_long_as_a_silence(watch):
    for tenth in range(80):
        watch.heard(OPENED_S + tenth / 10, good=0, garbled=0)
    assert state(watch, 107.9) is LinkState.DAMAGED
    assert state(watch, 112.8) is LinkState.DAMAGED
    assert watch.judge(113.0, 1.0) == (
        LinkState.QUIET,
        "Nothing heard for 5 s: is the monitor on, and the cable in at both ends?",
    )
    watch.heard(114.0, good=0, garbled=0)
    found, words = watch.judge(114.1, 1.0)
    assert found is LinkState.QUIET
    assert words.startswith("Hardly anything heard, and no record for 14 s")


def test_a_monitor_that_was_understood_on_this_port_is_not_asked_whether_it_is_the_right_one(watch):
    watch.heard(101.0, good=0, garbled=0, is_known=True)  # it was associated, and sent no number
    for tenth in range(60):
        watch.heard(101 + tenth / 10, good=0, garbled=0)
    assert watch.judge(107.0, 1.0) == (
        LinkState.DAMAGED,
        "Bytes arrive but no valid record for 7 s: check the cable, its plugs, and whether the "
        "monitor is still set to 19200 baud, 8E1, RTS/CTS.",
    )
