"""Does one whole visit work, from the cable to the signed discharge and the review?"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.clinics import Clinic
from tests.e2e.screens import Screen, end_session, start_session, step, until

SPEED = 50  # the half hour of recovery takes 36 s
NURSE, CLINICIAN = "e2e-nurse", "e2e-clinician"
TIME = r"\d\d:\d\d:\d\d"


def statement(screen: Screen, title: str) -> Locator:
    """The place where one statement is signed, opened."""
    place = screen.page.locator(".statement", has_text=title)
    if not place.locator(".duties").is_visible():
        place.locator("summary").click()
    return place


def draw(screen: Screen, pad: Locator) -> None:
    """Write something like a name with the mouse."""
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    assert box is not None
    mouse = screen.page.mouse
    mouse.move(box["x"] + 40, box["y"] + 60)
    mouse.down()
    for stroke in range(1, 25):
        mouse.move(box["x"] + 40 + 8 * stroke, box["y"] + 60 + (30 if stroke % 2 else -20))
    mouse.up()


def sitter_signs_arrival(nurse: Screen, name: str) -> None:
    arrival = statement(nurse, "I am here for this person today")
    expect(arrival).to_contain_text("I stay with them, within reach of my voice")
    arrival.get_by_label("Full name", exact=True).fill(name)
    arrival.get_by_label("Relation to the patient").fill("sister")
    arrival.get_by_label("Telephone").fill("555 0142")
    arrival.get_by_label("Identity checked").check()
    arrival.get_by_label("An adult").check()
    sign = arrival.get_by_role("button", name=re.compile("^Sign in front of"))
    sign.click()
    expect(arrival).to_contain_text("The signature is empty")
    draw(nurse, arrival.locator(".pad"))
    sign.dblclick()
    expect(arrival.locator("img")).to_be_visible()
    expect(arrival).to_contain_text(f"{name}, sister")
    expect(arrival).to_contain_text("Test Nurse")


def until_two_cuffs(clinic: Clinic) -> None:
    clinic.until_rows(2, "SELECT DISTINCT t_ms FROM reading WHERE metric = 'nibp_mean'")


def nurse_locks_the_baseline(nurse: Screen) -> None:
    step(nurse, "Begin baseline", "Baseline")
    until(nurse.page.locator(".baseline"), nurse.button("Lock baseline").dblclick)
    expect(nurse.page.locator(".baseline")).to_have_text(re.compile(r"^12\d/7\d \(9\d\) mmHg, HR"))
    expect(nurse.page.get_by_text(re.compile(f"Locked by {NURSE} at {TIME}"))).to_be_visible()


def what_stays(screen: Screen) -> list[str]:
    """What a reload must not change; live numbers and times go on."""
    parts = (".watch .tile-patient", ".watch .tile-series", ".signed", ".panel-session h2")
    return [screen.page.locator(part).first.inner_text() for part in parts]


def answer(screen: Screen, item: str, value: str = "Yes") -> None:
    """Answer one item of the checklist, and see who answered."""
    place = screen.page.locator(".item", has_text=item)
    place.get_by_role("button", name=value, exact=True).click()
    expect(place.locator(".item-answered")).to_contain_text(value)


ITEMS = (
    "Aldrete score",
    "Wide awake",
    "Dissociation over",
    "Walks steadily",
    "No more than mild nausea",
    "No active suicidal intent",
    "IV line out",
    "Instructions explained",
    "Sitter present and sober",
    "Journal within 24 hours",
)
RELEASE = "A clinician has seen the patient"


def see(alarm: Locator) -> None:
    """Acknowledge it: whatever other alarms come and go beside it on a machine that is busy."""
    seen = alarm.get_by_text(re.compile(f"Seen by {NURSE} at {TIME}$"))
    until(seen, alarm.get_by_role("button", name="Acknowledge").dblclick, timeout_s=60)


def refused(screen: Screen) -> Locator:
    return screen.page.locator(".refused")


@pytest.mark.timeout(280)
def test_a_visit_from_the_cable_to_the_signed_discharge_and_the_review(open_clinic, sign_in):
    clinic = open_clinic({1: "preparation"}, speed=SPEED)
    clinic.add_account("clinician")
    nurse = sign_in(clinic, None)

    # Sign in, find the empty chair, start.
    expect(nurse.page).to_have_url(re.compile("/login"))
    nurse.page.get_by_label("Name").fill(NURSE)
    nurse.page.get_by_label("Password").fill(clinic.accounts["nurse"].password)
    nurse.page.keyboard.press("Enter")
    nurse.page.get_by_role("link", name="Start session").click()
    expect(nurse.page).to_have_url(re.compile("/chair/1$"))
    nurse.page.get_by_label("Initials").fill("jd")
    step(nurse, "Start session", "Preparation")
    expect(nurse.page.locator(".watch .tile-patient")).to_have_text("JD")
    assert clinic.rows("SELECT patient FROM infusion_session") == [("JD",)]

    nurse.until_live()
    nurse.until_changed("heart_rate")
    sitter_signs_arrival(nurse, "Rosa Lopez")
    assert clinic.rows("SELECT statement FROM sign_off") == [("sitter-arrival",)]
    until_two_cuffs(clinic)
    nurse_locks_the_baseline(nurse)
    step(nurse, "Start infusion", "Infusing")
    expect(nurse.button("Stop infusion")).to_be_visible()
    expect(nurse.page.locator('[data-role="delta"][data-of="nibp_systolic"]')).to_have_text(
        re.compile(r"[+−±]\d")
    )
    board = sign_in(clinic, "clinician")
    expect(board.word("phase")).to_have_text("Infusing")

    # The pressure jumps, and there is an alarm on both screens.
    clinic.another_patient(1, "emergency")
    # The mean pressure may be high as well, and names the systolic beside it.
    all_high = nurse.page.locator(".alarm[data-priority=high]")
    high = all_high.filter(has_text=re.compile(r"\*\*\* SYS"))
    expect(high).to_be_visible(timeout=40_000)
    expect(high.locator(".alarm-words")).to_have_text(re.compile(r"^\*\*\* SYS 19\d >= 180$"))
    expect(nurse.tile()).to_have_attribute("data-alarm", "high")
    expect(nurse.number("nibp_systolic")).to_have_attribute("data-alarm", "high")
    expect(board.tile()).to_have_attribute("data-alarm", "high")
    expect(board.word("alarm-text")).to_have_text(re.compile(r"^\*\*\* SYS 19\d >= 180"))
    assert board.tile().get_attribute("data-acked") is None
    see(high)
    mean = all_high.filter(has_text=re.compile(r"\*\*\* MAP"))
    if mean.is_visible():
        see(mean)
    expect(board.tile()).not_to_have_attribute("data-calls", "high")  # a milder one may
    acknowledged = (
        "SELECT by FROM alarm_event WHERE change = 'acknowledged' AND priority = 'high'"
        " AND metric = 'nibp_systolic'"
    )
    clinic.until_rows(1, acknowledged)
    assert clinic.rows(acknowledged) == [(NURSE,)]

    # A reload changes nothing.
    before = what_stays(nurse)
    nurse.page.reload()
    nurse.until_live()
    assert what_stays(nurse) == before

    step(nurse, "Stop infusion", "Recovery")
    clinic.another_patient(1, "preparation")
    clinic.until_rows(4, PHASES)
    assert phases(clinic.rows) == ["preparation", "baseline", "infusing", "recovery"]

    # Discharge is refused by the engine, which says what is missing.
    until(refused(nurse), nurse.button("Discharge").click)
    expect(refused(nurse)).to_contain_text("The patient cannot be discharged yet")
    expect(refused(nurse)).to_contain_text("not answered: Aldrete")
    expect(refused(nurse)).to_contain_text("not signed: I take this person home")

    # The nurse answers what a nurse may.
    release = nurse.page.locator(".item", has_text=RELEASE)
    expect(release).to_contain_text("To be answered by the clinician or medical director")
    expect(release.get_by_role("button")).to_have_count(0)
    for item in ITEMS:
        answer(nurse, item)
    board.open("/chair/1")
    answer(board, RELEASE)
    expect(release.locator(".item-answered")).to_contain_text(CLINICIAN)

    # The rest fills itself, in time.
    by_data = nurse.page.locator(".finding-met")
    expect(by_data).to_have_count(3, timeout=90_000)
    expect(nurse.page.locator(".item", has_text="At least 30 minutes")).to_contain_text("30 min")

    handover = statement(nurse, "I take this person home")
    expect(handover.get_by_label("Full name", exact=True)).to_have_value("Rosa Lopez")
    handover.get_by_label("How the patient gets home").fill("by car, I drive")
    handover.get_by_label("Identity checked").check()
    handover.get_by_label("An adult").check()
    handover.get_by_text("Type", exact=True).click()
    handover.get_by_label("Type the full name again").fill("Rosa Lopez")
    handover.get_by_role("button", name=re.compile("^Sign in front of")).dblclick()
    expect(handover.locator(".paper-typed")).to_have_text("Rosa Lopez")

    last = nurse.page.locator(".refused", has_text="not signed: This patient is ready to leave")
    until(last.filter(has_not_text="I take this person home"), nurse.button("Discharge").click)
    leaving = statement(nurse, "This patient is ready to leave")
    draw(nurse, leaving.locator(".pad"))
    leaving.get_by_role("button", name=re.compile("^Sign as")).dblclick()
    expect(leaving.locator("img")).to_be_visible()

    until(nurse.button("Start session"), nurse.button("Discharge").dblclick)
    clinic.until_rows(5, PHASES)
    assert phases(clinic.rows)[-1] == "discharged"
    assert clinic.rows("SELECT count(*) FROM sign_off") == [(3,)]  # of as many double clicks
    expect(nurse.word("phase")).to_have_text("")
    review_shows_all(nurse)


def review_shows_all(nurse: Screen) -> None:
    nurse.page.get_by_role("link", name="Review").click()
    nurse.page.get_by_text("JD").first.click()
    expect(nurse.page).to_have_url(re.compile("/review/"))
    page = nurse.page.locator("main")
    expect(page).to_contain_text("JD")
    expect(page).to_contain_text("Discharged")
    expect(page.locator(".js-plotly-plot .tracenibp-bar")).to_be_visible()
    alarm = page.get_by_role("row", name=re.compile("HIGH SYS high, limit 180"))
    expect(alarm).to_contain_text(re.compile(f"19\\d19\\d{NURSE}, {TIME}"))
    for phase in ("Preparation", "Baseline", "Infusing", "Recovery", "Discharged"):
        expect(page.get_by_role("row", name=re.compile(f"{TIME} {phase} the "))).to_have_count(1)
    for item in ITEMS:
        expect(page.get_by_role("row", name=re.compile(f"{item}.* Yes {NURSE}"))).to_be_visible()
    release = page.get_by_role("row", name=re.compile(f"{RELEASE}.* Yes {CLINICIAN}"))
    expect(release).to_be_visible()
    expect(page.get_by_text("Rosa Lopez, sister")).to_have_count(2)
    expect(page.locator(".paper")).to_have_count(3)
    unchanged = page.get_by_text("The text, the session and the signature are unchanged")
    expect(unchanged).to_have_count(3)


# A stop is shown before the record has it.
PHASES = "SELECT phase FROM phase_change ORDER BY fact_no"


def phases(rows: Callable[[str], list[tuple[str]]]) -> list[str]:
    return [phase for (phase,) in rows(PHASES)]


def test_what_was_refused_can_be_asked_again(emergency, sign_in):
    """The reason is that of now, not what the same button once got."""
    nurse = sign_in(emergency, path=None)
    end_session(nurse, 1)
    start_session(nurse, 1, "XY")
    step(nurse, "Begin baseline", "Baseline")
    until(refused(nurse), nurse.button("Lock baseline").click)
    expect(refused(nurse)).to_contain_text("cuff reading")
    until(nurse.page.locator(".baseline"), nurse.button("Lock baseline").click, timeout_s=15)
    expect(refused(nurse)).to_have_count(0)


# Of every sign on the trend, the times of its values (ms).
TIMES = """() => document.querySelector('.js-plotly-plot').data
  .flatMap(({x, y}) => Array.from(x || []).filter((_, i) => y[i] !== null).map(Number))"""


def test_the_trend_of_a_new_patient_holds_nothing_of_the_last_one(emergency, sign_in):
    nurse = sign_in(emergency, path=None)
    end_session(nurse, 1)
    start_session(nurse, 1, "NX")
    (began,) = emergency.rows("SELECT at FROM infusion_session ORDER BY at DESC")[0]
    began_ms = 1000 * datetime.fromisoformat(began).replace(tzinfo=UTC).timestamp()
    for _ in range(2):  # on the page that saw both, and on a new one
        give_up_s = time.monotonic() + 5
        expect(nurse.page.locator("[data-trend] .traceheart-rate path")).not_to_have_count(0)
        while min(times := nurse.page.evaluate(TIMES), default=0) < began_ms:
            assert time.monotonic() < give_up_s, f"{len(times)} from {min(times)}, not {began_ms}"
            nurse.page.wait_for_timeout(200)
        nurse.page.reload()
