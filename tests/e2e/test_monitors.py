"""Two monitors at one chair: is each number told from the right one, and one cuff worked alone?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.clinics import Clinic
from tests.e2e.screens import Screen, seat, until

WITH_CUFF, WITH_SECOND = 1, 2  # chairs of the clinic ``pairs``
AGE_LIMIT_MS = 10_000  # of the clinic's time, as all here: when a value no longer says anything
RETURNS_AFTER_MS = 5_000  # ... and how long one that is back must give values to be believed
DETERMINATION_MS = 30_000  # what the simulated cuff takes
CAUTION = "Only a part of what this monitor says is publicly known"

RATE, SPO2, PRESSURE = "heart_rate", "spo2", "nibp_systolic"


def maker(screen: Screen, metric: str, chair: int) -> Locator:
    """The word beside a number that says which of the two monitors it is from."""
    place = f'[data-chair="{chair}"][data-role="from"][data-of="{metric}"]'
    return screen.page.locator(place)


def is_live(screen: Screen, chair: int, metric: str, by: str, value: str = r"\d+") -> None:
    """The number is fresh, and the page says who gave it."""
    expect(maker(screen, metric, chair)).to_have_text(by)
    expect(screen.number(metric, chair)).to_have_attribute("data-state", "live")
    expect(screen.number(metric, chair)).to_have_text(re.compile(f"^{value}$"))


def asked(order: str) -> re.Pattern[str]:
    return re.compile(rf"^Asked the monitor to {order} the cuff at \d\d:\d\d:\d\d\.$")


def readings(clinic: Clinic) -> dict[str, dict[str, float]]:
    """Every cuff reading of the record: by its id, the value of each metric."""
    found: dict[str, dict[str, float]] = {}
    for id_, metric, value in clinic.rows("SELECT measurement_id, metric, value FROM reading"):
        if id_ is not None:
            found.setdefault(id_, {})[metric] = value
    return found


def trend_is_whole(screen: Screen) -> None:
    expect(screen.page.locator("[data-trend] .traceheart-rate path")).not_to_have_count(0)
    expect(screen.page.locator(".word-link-detail")).to_be_visible()
    trend, around = (
        screen.page.locator(part).bounding_box() for part in (".watch-trend", ".watch")
    )
    assert trend
    assert around
    assert trend["height"] >= 260
    assert trend["y"] + trend["height"] <= around["y"] + around["height"]


def monitors_in_review(screen: Screen, chair: int) -> Locator:
    """The rows about monitors on the page of the session that is in the chair."""
    ((session,),) = screen.clinic.rows(
        "SELECT max(id) FROM infusion_session WHERE chair = ?", chair
    )
    screen.open(f"/review/{session}")
    part = screen.page.locator(".part", has=screen.page.get_by_role("heading", name="Monitors"))
    return part.locator("tbody tr")


def ms_of(at: str) -> float:
    return 1000 * datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp()


@pytest.fixture
def nurse(pairs: Clinic, sign_in) -> Iterator[Screen]:
    """A nurse, and somebody in both chairs."""
    screen = sign_in(pairs, path=None)
    for chair, initials in ((WITH_CUFF, "CU"), (WITH_SECOND, "OX")):
        seat(screen, chair, initials)
    yield screen
    screen.open("/")


def test_each_number_says_its_maker_and_each_monitor_how_far_it_is_proven(pairs, nurse):
    nurse.open("/")
    pulse = nurse.number("pulse_rate", WITH_CUFF)
    expect(pulse).to_have_attribute("data-state", "live")
    expect(maker(nurse, RATE, WITH_CUFF)).to_have_text("Masimo")  # the pulse in its place
    is_live(nurse, WITH_CUFF, SPO2, "Masimo", r"9[6-9]|100")
    is_live(nurse, WITH_SECOND, RATE, "GE")
    is_live(nurse, WITH_SECOND, "resp_rate", "GE")
    is_live(nurse, WITH_SECOND, SPO2, "Nellcor", r"9[6-9]|100")
    for chair in (WITH_CUFF, WITH_SECOND):
        unproven = nurse.tile(chair).locator(".tag-unproven")
        expect(unproven).to_have_text("Unproven")
        expect(unproven).to_have_attribute("title", re.compile("tried with a simulator only"))

    nurse.open(f"/chair/{WITH_CUFF}")
    monitors = nurse.page.locator(".monitors li")
    expect(monitors).to_have_count(2)
    expect(monitors.nth(0)).to_contain_text(re.compile("DINAMAP.*tried with a simulator only"))
    expect(monitors.nth(0).locator(".caution")).to_contain_text(CAUTION)
    expect(monitors.nth(1)).to_contain_text(re.compile("Masimo.*tried with a simulator only"))
    expect(monitors.nth(1).locator(".caution")).to_have_count(0)

    # What a finger without a sensor makes the oximeter say is on the page, with its name.
    pairs.another_patient(WITH_CUFF, "empty", kind="masimo-ascii1")
    expect(nurse.number(SPO2, WITH_CUFF)).to_have_attribute("data-state", "none")
    expect(nurse.word("remarks", WITH_CUFF)).to_contain_text(
        re.compile(r"SpO2.*: no sensor \(masimo-ascii1\)$")
    )
    pairs.another_patient(WITH_CUFF, "asked-cuff", kind="masimo-ascii1")
    is_live(nurse, WITH_CUFF, SPO2, "Masimo")
    expect(nurse.word("remarks", WITH_CUFF)).to_have_text("")


def test_the_second_monitor_steps_in_for_one_that_is_gone_and_out_again(pairs, nurse):
    nurse.open(f"/chair/{WITH_SECOND}")
    is_live(nurse, WITH_SECOND, SPO2, "Nellcor", r"9[6-9]|100")
    pairs.until_rows(1, "SELECT t_ms FROM vital_beside WHERE monitor = 'ge-dri' AND spo2 < 96")

    pairs.pull_out(WITH_SECOND, "nellcor")
    expect(
        nurse.page.locator(".alarm-words", has_text="DEVICE DISCONNECTED nellcor")
    ).to_be_visible()
    expect(nurse.word("link", WITH_SECOND)).to_have_text(re.compile("^DEVICE DISCONNECTED "))
    is_live(nurse, WITH_SECOND, SPO2, "GE", r"9[0-5]")
    is_live(nurse, WITH_SECOND, RATE, "GE")
    trend_is_whole(nurse)  # below the words on what is wrong with the line
    ((last,),) = pairs.rows("SELECT max(t_ms) FROM vital WHERE monitor = 'nellcor'")
    since = f"monitor = 'ge-dri' AND spo2 IS NOT NULL AND t_ms > {last}"
    pairs.until_rows(1, f"SELECT t_ms FROM vital WHERE {since}")  # noqa: S608
    ((first,),) = pairs.rows(f"SELECT min(t_ms) FROM vital WHERE {since}")  # noqa: S608
    assert 0 < first - last < 2 * AGE_LIMIT_MS

    pairs.monitor(WITH_SECOND, "asked-cuff", kind="nellcor")
    is_live(nurse, WITH_SECOND, SPO2, "Nellcor", r"9[6-9]|100")
    is_live(nurse, WITH_SECOND, RATE, "GE")
    expect(nurse.page.locator(".alarm-words", has_text="nellcor")).to_have_count(0)
    expect(nurse.word("link", WITH_SECOND)).to_have_text("")

    beside = f"vital_beside WHERE monitor = 'nellcor' AND spo2 IS NOT NULL AND t_ms > {last}"
    pairs.until_rows(1, f"SELECT t_ms FROM {beside}")  # noqa: S608
    ((back,),) = pairs.rows(f"SELECT min(t_ms) FROM {beside}")  # noqa: S608
    since = f"monitor = 'nellcor' AND spo2 IS NOT NULL AND t_ms > {last}"
    pairs.until_rows(1, f"SELECT t_ms FROM vital WHERE {since}")  # noqa: S608
    ((believed,),) = pairs.rows(f"SELECT min(t_ms) FROM vital WHERE {since}")  # noqa: S608
    assert believed - back >= RETURNS_AFTER_MS

    review = monitors_in_review(nurse, WITH_SECOND)
    expect(review.nth(0)).to_have_text(
        re.compile(r"^ge-driall the timereads bytes.*never tried at one[1-9]")
    )
    expect(review.nth(1)).to_have_text(
        re.compile(r"^nellcorall the timetried with a simulator only[1-9]")
    )


def test_a_nurse_starts_the_cuff_that_a_clinician_allowed(pairs, nurse, sign_in):
    nurse.open(f"/chair/{WITH_CUFF}")
    cuff, start = nurse.page.locator(".panel-cuff"), nurse.button("Start cuff")
    expect(cuff).to_contain_text("No clinician has allowed starting the cuff from this page")
    expect(nurse.button("Cancel cuff")).to_be_visible()
    expect(start).to_have_count(0)
    expect(cuff.get_by_role("button")).to_have_count(1)

    clinician = sign_in(pairs, "clinician", path=f"/chair/{WITH_CUFF}")
    forbid = clinician.button("Forbid starting it from here")
    until(forbid, clinician.button("Allow starting it from here").click)
    expect(cuff).to_contain_text("A clinician allows")
    before = readings(pairs)

    said = nurse.page.locator(".cuff-asked, .refused")
    until(said, start.click)  # the button is deaf just after it was drawn
    expect(said).to_have_text(asked("start"))
    nurse.button("Cancel cuff").click()
    expect(said).to_have_text(asked("cancel"))
    start.click()
    expect(said).to_have_text(asked("start"))
    start.click()
    expect(said).to_have_text(re.compile(r"^The cuff was started \d+ s ago: an arm needs its rest"))

    ordered = pairs.rows('SELECT "order", "by", monitor, at FROM cuff_order ORDER BY fact_no')
    assert [what for what, *_ in ordered] == ["start", "cancel", "start"]
    assert {(by, monitor) for _, by, monitor, _ in ordered} == {("e2e-nurse", "dinamap")}

    # The first was cancelled and the third refused: one reading, of the second.
    is_live(nurse, WITH_CUFF, PRESSURE, "DINAMAP", r"1[12]\d")
    pairs.until_rows(1 + len(before), "SELECT 1 FROM reading WHERE metric = 'nibp_pulse'")
    (new,) = set(readings(pairs)) - set(before)
    found = readings(pairs)[new]
    assert sorted(found) == ["nibp_diastolic", "nibp_mean", "nibp_pulse", "nibp_systolic"]
    shown = nurse.number(PRESSURE, WITH_CUFF).inner_text()
    assert shown == f"{found[PRESSURE]:.0f}"
    ((t_ms, monitor),) = pairs.rows(
        "SELECT t_ms, monitor FROM reading WHERE measurement_id = ? AND metric = ?", new, PRESSURE
    )
    assert monitor == "dinamap"
    assert t_ms - ms_of(ordered[2][3]) >= DETERMINATION_MS

    forbid.click()
    expect(start).to_have_count(0)
    review = monitors_in_review(nurse, WITH_CUFF)
    expect(review.nth(0)).to_have_text("dinamapall the timetried with a simulator only0")
    expect(review.nth(1)).to_have_text("masimo-ascii1all the timetried with a simulator only0")
    said = nurse.page.get_by_role("row", name=re.compile("Cuff"))
    expect(said.first).to_be_visible()
