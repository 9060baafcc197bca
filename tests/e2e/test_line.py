"""What does a nurse see when the line fails, another monitor is connected, or she measures herself?

At real speed: how soon a page says so is what is promised.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.clinics import Clinic, clinic_with
from tests.e2e.screens import Screen, seat

OXIMETER = "masimo-ascii1"  # says its serial number with each line, once a second
OWN, OTHER = "0000004711", "0000000815"
# Of what is promised: a port that goes away is noticed with the next read, silence after 5 s. The
# rest is for cores that are shared.
GONE_MS, SILENT_MS, BACK_MS = 4_000, 9_000, 10_000
SPO2 = "spo2"
AFTER = "SELECT t_ms FROM vital WHERE spo2 IS NOT NULL AND t_ms > ?"


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    running = clinic_with(tmp_path_factory.mktemp("line"), {1: {OXIMETER: "calm"}})
    yield running
    running.stop()


@pytest.fixture
def nurse(clinic: Clinic, sign_in) -> Screen:
    """A nurse at the page of a chair that somebody sits in, and that hears its own monitor."""
    screen = sign_in(clinic, path=None)
    seat(screen, 1, "LI")
    confirm = confirmation(screen)
    if confirm.is_visible():
        confirm.click()
    is_live(screen)
    return screen


def is_live(screen: Screen) -> None:
    expect(screen.number(SPO2)).to_have_attribute("data-state", "live", timeout=BACK_MS)


def confirmation(screen: Screen) -> Locator:
    return screen.button("Yes, this monitor watches this patient now")


def alarm(screen: Screen, text: str) -> Locator:
    return screen.page.locator(".alarm-words").filter(has_text=re.compile(f"^{text}"))


def test_a_pulled_cable_is_told_within_its_time_and_a_put_back_one_recovers(clinic, nurse):
    clinic.monitors[1, OXIMETER].freeze()  # on, and silent
    expect(alarm(nurse, "NO DATA")).to_be_visible(timeout=SILENT_MS)
    expect(nurse.word("link-detail")).to_contain_text("the cable in at both ends?")
    clinic.monitors[1, OXIMETER].go_on()
    is_live(nurse)
    expect(alarm(nurse, "NO DATA")).to_have_count(0)
    clinic.pull_out(1, OXIMETER)
    expect(nurse.word("link")).to_have_text(re.compile("^DEVICE DISCONNECTED"), timeout=GONE_MS)
    expect(alarm(nurse, "DEVICE DISCONNECTED")).to_be_visible()
    clinic.monitor(1, "calm", 2.0, OXIMETER)
    is_live(nurse)
    expect(nurse.word("link")).to_have_text("")


def test_another_monitor_is_caught_and_records_nothing_until_a_nurse_confirms(
    clinic, nurse, sign_in
):
    board = sign_in(clinic)
    clinic.pull_out(1, OXIMETER)
    clinic.monitor(1, "calm", 2.0, OXIMETER, "--serial", OTHER)
    expect(alarm(nurse, "CHECK DEVICE")).to_be_visible(timeout=BACK_MS)
    since_ms = 1000 * time.time()
    expect(nurse.number(SPO2)).to_have_text("---")
    expect(board.word("alarm-text")).to_have_text(re.compile("CHECK DEVICE"))
    expect(board.number(SPO2)).to_have_text("---")
    part = nurse.page.locator(".check-device")
    expect(part).to_contain_text(f"no. {OTHER}")
    for _ in range(3):  # frames come once a second
        expect(nurse.word("elapsed")).not_to_have_text(nurse.word("elapsed").inner_text())
    confirmed_ms = 1000 * time.time()
    confirmation(nurse).dblclick()
    is_live(nurse)
    expect(part).to_have_count(0)
    expect(alarm(nurse, "CHECK DEVICE")).to_have_count(0)
    expect(nurse.page.locator(".identity")).to_contain_text(f"no. {OTHER}")
    clinic.until_rows(1, AFTER.replace("?", f"{confirmed_ms:.0f}"))
    between = "SELECT t_ms FROM vital WHERE spo2 IS NOT NULL AND t_ms BETWEEN ? AND ?"
    assert clinic.rows(between, since_ms, confirmed_ms) == []
    heard = "SELECT serial, is_bound, by FROM monitor_identity WHERE serial = ? ORDER BY at"
    assert clinic.rows(heard, OTHER) == [(OTHER, 0, "vigil"), (OTHER, 1, "e2e-nurse")]


def test_a_pressure_by_hand_is_asked_about_recorded_once_and_marked(clinic, nurse):
    form = nurse.page.get_by_role("group", name="Enter by hand")
    form.get_by_label("SYS", exact=True).fill("210")
    keys = nurse.page.keyboard
    keys.press("Tab")
    keys.type("120")
    keys.press("Enter")
    sure = nurse.button("Yes, record BP 210/120")
    expect(sure).to_be_visible()
    entered = "SELECT metric, value, initials, entered_by FROM reading WHERE source = 'manual'"
    assert clinic.rows(entered) == []
    sure.dblclick()
    expect(nurse.page.locator(".hand-recorded")).to_contain_text("Recorded: BP 210/120")
    expect(nurse.number("nibp_systolic")).to_have_text("210")
    expect(nurse.number("nibp_systolic")).to_have_attribute("data-source", "manual")
    mark = nurse.page.locator('[data-role="by-hand"][data-of="nibp_systolic"]')
    expect(mark).to_have_text("by hand TN")
    clinic.until_rows(2, entered)
    assert sorted(clinic.rows(entered)) == [
        ("nibp_diastolic", 120.0, "TN", "e2e-nurse"),
        ("nibp_systolic", 210.0, "TN", "e2e-nurse"),
    ]
    expect(nurse.page.locator("[data-trend] .tracehand-nibp path.point")).to_have_count(2)
