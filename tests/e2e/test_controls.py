"""Can a nurse answer alarms, quieten a chair and move a limit, and does everybody see that she did?

The clock runs eight times as fast as real: a pause of five minutes lasts 37 s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.clinics import Clinic, clinic_with
from tests.e2e.screens import Screen, end_session, seat, start_session, until
from tests.e2e.test_looks import SIZES, fits, themed

NURSE, CLINICIAN = "e2e-nurse", "e2e-clinician"
TIME = r"\d\d:\d\d:\d\d"


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """One chair whose pressure is high from the first cuff on."""
    opened = clinic_with(tmp_path_factory.mktemp("controls"), {1: "emergency"}, speed=8)
    opened.add_account("clinician")
    opened.add_account("director")
    yield opened
    opened.stop()


@pytest.fixture
def nurse(clinic: Clinic, sign_in) -> Screen:
    """On the page of a chair where a patient sits."""
    screen = sign_in(clinic, path=None)
    seat(screen, 1, "CT")
    return screen


def open_limits(screen: Screen) -> Locator:
    part = screen.page.locator(".limits")
    expect(part.locator("summary")).to_be_visible()
    if not part.locator("table").is_visible():
        part.locator("summary").click()
    return part


def test_an_alarm_is_acknowledged_with_a_reason_and_found_in_the_list(nurse, clinic):
    alarm = nurse.page.locator(".alarm[data-priority=high]", has_text="SYS")
    expect(alarm).to_be_visible(timeout=40_000)
    expect(alarm).to_contain_text(re.compile(f"Since {TIME}"))
    if nurse.page.locator(".alarm", has_text="REPEAT BP").count():
        expect(alarm).to_contain_text("Take the blood pressure again")
    nurse.page.get_by_role("textbox", name="Reason, if any").fill("Being watched")
    nurse.page.keyboard.press("Escape")
    alarm.get_by_role("button", name="Acknowledge").dblclick()
    expect(alarm).to_contain_text(re.compile(f"Seen by {NURSE} at {TIME}"))
    expect(nurse.page.locator(".refused")).to_have_count(0)
    said = "SELECT by, reason FROM alarm_event WHERE change = 'acknowledged'"
    assert clinic.rows(said) == [(NURSE, "Being watched")]

    nurse.page.get_by_role("link", name="Alarms").click()
    row = nurse.page.locator(".grid .ag-row", has_text="SYS")
    expect(row.first).to_contain_text("Seen")
    expect(row.first).to_contain_text(NURSE)
    nurse.page.get_by_role("textbox", name="Text").fill("no such alarm")
    expect(row).to_have_count(0)
    nurse.page.get_by_role("textbox", name="Text").fill("sys")
    row.first.get_by_text("Seen", exact=True).click()
    expect(nurse.page).to_have_url(re.compile("/chair/1$"))


def test_the_sound_of_a_chair_is_paused_with_a_countdown_and_the_pause_ended(nurse, clinic):
    paused = nurse.page.locator(".sound [data-role=audio]")
    expect(paused).to_have_text("")
    end = nurse.button("End pause")
    until(end, nurse.button("5 min").dblclick)
    expect(paused).to_have_text(re.compile(r"0[0-4]:\d\d"))
    before = paused.inner_text()
    expect(paused).not_to_have_text(before)
    nurse.page.reload()
    expect(paused).to_have_text(re.compile(r"0[0-4]:\d\d"))
    until(nurse.page.locator(".sound:has([data-role=audio]:empty)"), end.click)
    expect(end).to_have_count(0)
    states = clinic.rows("SELECT state, by FROM audio_change ORDER BY fact_no")
    assert states == [("paused", NURSE), ("on", NURSE)]


def test_a_limit_is_moved_and_stands_beside_its_number(nurse, clinic):
    part = open_limits(nurse)
    field = part.get_by_label("SYS high, medium")
    field.fill("172")
    part.get_by_label("HR high, medium").fill("130")
    part.get_by_label("Why? (optional)").fill("known hypertensive")
    expect(part.locator(".will-change")).to_contain_text("SYS high, medium: > 160 becomes > 172")
    band = nurse.page.locator(".watch .vital-nibp .vital-limits")
    expect(band).not_to_contain_text("172")  # nothing has happened yet
    moved = part.locator(".is-moved", has_text="172 moved")
    until(moved, nurse.button("Change these limits").dblclick)
    expect(moved).to_contain_text("preset 160")
    expect(moved).to_contain_text(NURSE)
    expect(moved).to_contain_text("known hypertensive")
    expect(band).to_contain_text("172")
    expect(part.locator("summary")).to_contain_text("2 moved for this session")
    moves = "SELECT metric, before, value, by, reason FROM limit_change ORDER BY metric"
    assert clinic.rows(moves) == [
        ("heart_rate", 120, 130, NURSE, "known hypertensive"),
        ("nibp_systolic", 160, 172, NURSE, "known hypertensive"),
    ]
    nurse.button("Back to preset").click()
    expect(part.locator(".will-change")).to_contain_text("> 172 becomes > 160")
    until(
        part.locator("summary:not(:has-text('moved'))"), nurse.button("Change these limits").click
    )
    expect(band).not_to_contain_text("172")


def test_a_limit_out_of_its_range_is_refused_with_the_range(nurse, clinic):
    part = open_limits(nurse)
    before = clinic.rows("SELECT count(*) FROM limit_change")
    part.get_by_label("HR high, medium").fill("155")
    part.get_by_label("SYS high, medium").fill("170")
    expect(part.locator(".will-change .refused")).to_contain_text("100 to 150")
    refused = part.locator("[role=alert]", has_text="100 to 150")
    until(refused, nurse.button("Change these limits").click)
    expect(refused).to_contain_text("HR")
    assert clinic.rows("SELECT count(*) FROM limit_change") == before  # all of them or none
    expect(part.get_by_label("SYS high, medium")).to_have_value("170")  # and nothing typed is lost


def test_the_alarms_of_a_sign_are_turned_off_by_a_clinician_with_a_reason(nurse, clinic, sign_in):
    expect(nurse.page.get_by_text("Turn the alarms of one sign off")).to_have_count(0)
    clinician = sign_in(clinic, "clinician", path="/chair/1")
    clinician.page.get_by_text("Turn the alarms of one sign off").click()
    until(clinician.page.locator(".refused"), clinician.button("Alarms off").click)
    clinician.page.get_by_role("textbox", name="Sign", exact=True).click()
    clinician.page.get_by_role("option", name="RR").click()
    clinician.page.get_by_label("Why are its alarms off?").fill("electrode on a drain")
    off = clinician.page.locator(".signs-off")
    until(off, clinician.button("Alarms off").dblclick)
    for screen in (clinician, nurse):
        expect(screen.page.locator(".signs-off")).to_contain_text("electrode on a drain")
        expect(screen.page.locator(".signs-off")).to_contain_text(CLINICIAN)
    expect(nurse.page.locator(".signs-off button")).to_have_count(0)
    none = clinician.page.locator(".part:has(.panel-signs-off:empty)")
    until(none, off.get_by_role("button").click)


def test_a_director_silences_a_chair_and_says_why(nurse, clinic, sign_in):
    director = sign_in(clinic, "director", path="/chair/1")
    director.page.get_by_text("Turn the sound off for this session").click()
    director.page.get_by_label("Why is this chair silent?").fill("the monitor beside it sounds")
    until(director.page.locator(".silenced"), director.button("Sound off").dblclick)
    expect(nurse.page.locator(".silenced")).to_contain_text("the monitor beside it sounds")
    expect(nurse.button("Turn sound on")).to_have_count(0)
    until(nurse.button(re.compile("^Pause")), director.button("Turn sound on").click)


def test_the_probe_and_the_second_person_are_said_at_the_chair(nurse, clinic):
    end_session(nurse, 1)
    nurse.page.get_by_role("textbox", name="Second person").click()
    nurse.page.get_by_role("option", name="Test Clinician, clinician").click()
    nurse.page.get_by_role("textbox", name="Alarm limits").click()
    nurse.page.get_by_role("option", name=re.compile("Hypertensive")).click()
    nurse.page.get_by_label("Initials").fill("HY")
    in_preparation = nurse.page.locator('[data-role="phase"]:text-is("Preparation")')
    until(in_preparation, nurse.button("Start session").dblclick)
    newest = "SELECT preset, second FROM infusion_session ORDER BY id DESC LIMIT 1"
    assert clinic.rows(newest) == [("hypertensive-history", CLINICIAN)]
    yes = nurse.page.locator(".probe button", has_text="Yes")
    until(nurse.page.locator(".probe [aria-pressed=true]:text-is('Yes')"), yes.click)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_controls_stand_without_collision(clinic, sign_in, picture, theme):
    screen = sign_in(clinic, "director", path=None, **themed(clinic.url, theme))
    end_session(screen, 1)
    start_session(screen, 1, "LK")
    for size, viewport in SIZES.items():
        screen.page.set_viewport_size(viewport)
        screen.open("/chair/1")
        part = open_limits(screen)
        part.get_by_label("SYS high, medium").fill("170")
        expect(part.locator(".will-change")).to_contain_text("becomes")
        picture(screen, f"controls-{size}-{theme}", full_page=True)
        fits(screen)
        screen.open("/alarms")
        expect(screen.page.locator(".grid .ag-row").first).to_be_visible()
        picture(screen, f"alarms-{size}-{theme}")
        fits(screen)
