"""Are bytes, frames and rates of a line counted as the monitors page shows them?"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from clinical.links import LinkState
from devices.account import OTHERS, Account
from devices.report import TAIL, UNKNOWN_MAX, LineReport

AT = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
LINE = LineReport(LinkState.LIVE, "", None, "usb:1:2:3", "", "9600 baud, 8N1", is_listen_only=False)


@pytest.fixture
def account():
    opened = Account()
    opened.opened("/dev/ttyUSB1", AT, 100.0)
    return opened


def test_rates_are_those_of_the_last_ten_seconds(account):
    for second in range(1, 31):
        account.heard(b"1234", 2, 1 if second > 25 else 0, AT, 100.0 + second)
    report = account.add_to(LINE, 130.0)
    assert (report.frames, report.garbled, report.received) == (60, 5, 120)
    assert (report.frames_per_s, report.damaged_share) == (2.0, pytest.approx(5 / 25))
    silent = account.add_to(LINE, 141.0)
    assert (silent.frames_per_s, silent.damaged_share, silent.frames) == (0, 0, 60)


def test_a_young_line_is_not_made_slow_by_the_time_before_it(account):
    account.heard(b"1", 4, 0, AT, 101.5)
    assert account.add_to(LINE, 102.0).frames_per_s == 2.0


def test_another_port_begins_its_rates_anew_and_goes_on_counting(account):
    account.heard(b"1", 4, 4, AT, 101.0)
    account.opened("/dev/ttyUSB2", AT, 102.0)
    report = account.add_to(LINE, 103.0)
    assert (report.frames, report.frames_per_s, report.damaged_share) == (4, 0, 0)
    assert (report.device, report.opened, report.identity) == ("/dev/ttyUSB2", 2, None)


def test_the_last_bytes_are_kept_and_no_more(account):
    for n in range(2000):
        account.heard(bytes([n % 256]) * 3, 0, 0, AT, 101.0)
    assert len(account.add_to(LINE, 102.0).tail) == TAIL


def test_names_that_nobody_reads_are_bounded(account):
    account.not_read(tuple(f"name {n}" for n in range(UNKNOWN_MAX + 50)))
    account.not_read(("name 7",))
    unknown = account.add_to(LINE, 102.0).unknown
    assert len(unknown) == UNKNOWN_MAX + 1
    assert (unknown["name 7"], unknown[OTHERS]) == (2, 50)


def test_names_are_counted_each_time_whether_or_not_they_are_the_ones_before(account):
    for names in (("wave",), ("wave",), ("wave", "PVI"), ("wave",), ("wave",)):
        account.not_read(names)
        account.add_to(LINE, 102.0)
    assert account.add_to(LINE, 102.0).unknown == {"wave": 5, "PVI": 1}
