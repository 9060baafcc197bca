"""Is it written down who heard the test tones, and does the floor hold for all but the director?"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from plotly.utils import PlotlyJSONEncoder
from sqlalchemy import select
from sqlmodel import col
from starlette.testclient import TestClient

from clinical.sign_off import Actor, Role
from dashboard import ids, sound
from dashboard.pages.sound import (
    FOR_DIRECTORS,
    NO_FLOOR,
    NOT_ALL_PLAYED,
    NOT_RECORDED,
    RECORDED,
    SOUNDLESS,
    answered,
    floor_set,
    layout,
)
from dashboard.services import Services
from dashboard.sound import TESTED_COOKIE, Heard
from dashboard.views import sound as view_of
from storage.database import Database, migrate, open_database
from storage.models import AuditRow
from tests.dashboard.a_clinic import NOON, NURSE, PASSWORD, StillClock, a_clinic

DIRECTOR = Actor("dora", "Dora Klein", Role.DIRECTOR)
CLINICIAN = Actor("carl", "Carl Beck", Role.CLINICIAN)
ALL_THREE = {"volume": 80, "state": "running", "played": ["low", "high", "medium"]}
HERE = "http://localhost:8050"
FORM = {"user": NURSE.user, "password": PASSWORD}


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    url = f"sqlite:///{tmp_path / 'vigil.sqlite'}"
    migrate(url)
    database = open_database(url)
    yield replace(a_clinic(clock=StillClock()).services, database=database)
    database.close()


def audited(database: Database) -> list[tuple[str, str, Any]]:
    with database.reading() as db:
        rows = db.scalars(select(AuditRow).order_by(col(AuditRow.id)))
        return [(row.by, row.action, json.loads(row.detail)) for row in rows]


def say(services: Services, heard: Any, screen: Any = ALL_THREE) -> tuple[str, bool]:
    return asyncio.run(answered(services, heard, screen, NURSE))


def set_floor(services: Services, pct: Any, by: Actor | None) -> tuple[str, bool]:
    return asyncio.run(floor_set(services, pct, by))


# The test.


def test_who_heard_all_three_at_which_volume_is_in_the_audit_chain(services):
    assert say(services, "heard") == (RECORDED, True)
    detail = {
        "result": "heard",
        "volume_pct": 80,
        "state": "running",
        "played": ["low", "medium", "high"],
    }
    assert audited(services.database) == [("ana", "sound_test", detail)]
    with services.database.reading() as db:
        assert db.scalars(select(AuditRow)).one().at == NOON


def test_a_skipped_test_is_recorded_and_done_with(services):
    assert say(services, "skipped", None) == (RECORDED, True)
    ((_, _, detail),) = audited(services.database)
    assert detail == {"result": "skipped", "volume_pct": None, "state": None, "played": []}


def test_a_screen_that_was_not_heard_is_recorded_and_not_done_with(services):
    assert say(services, "not heard") == (SOUNDLESS, False)
    ((_, _, detail),) = audited(services.database)
    assert detail["result"] == "not heard"


@pytest.mark.parametrize("played", [[], ["high"], ["high", "high", "high"], "high", None, 3])
def test_nobody_has_heard_what_was_not_played(services, played):
    screen = {**ALL_THREE, "played": played}
    assert say(services, "heard", screen) == (NOT_ALL_PLAYED, False)
    assert audited(services.database) == []


@pytest.mark.parametrize("heard", ["loud", None, 1, ["heard"], {}])
def test_an_answer_that_is_none_records_nothing(services, heard):
    assert say(services, heard) == (NOT_RECORDED, False)
    assert audited(services.database) == []


@pytest.mark.parametrize(
    "told", [None, [], "80", {}, {"volume": True}, {"volume": 101, "state": 1}]
)
def test_what_a_browser_says_wrongly_is_not_known(told):
    assert sound.of_screen(told) == {"volume_pct": None, "state": None, "played": []}


def test_a_record_that_cannot_be_written_is_told(services, tmp_path):
    broken = open_database(f"sqlite:///{tmp_path / 'no-such-folder' / 'vigil.sqlite'}")
    without = replace(services, database=broken)
    assert say(without, "heard") == (NOT_RECORDED, False)
    assert set_floor(without, 60, DIRECTOR) == (NOT_RECORDED, False)
    assert "Can you hear an alarm here?" in str(asyncio.run(layout(without)))


# The floor.


def test_a_director_sets_the_floor_and_the_record_says_so(services):
    assert sound.floor(services.database) == sound.FLOOR_PCT
    said, is_set = set_floor(services, 65, DIRECTOR)
    assert is_set
    assert "65 %" in said
    assert sound.floor(services.database) == 65
    detail = {"name": "sound_floor_pct", "value": 65}
    assert audited(services.database) == [("dora", "put_setting", detail)]


@pytest.mark.parametrize("by", [NURSE, CLINICIAN, None])
def test_nobody_else_sets_the_floor(services, by):
    assert set_floor(services, 65, by) == (FOR_DIRECTORS, False)
    assert sound.floor(services.database) == sound.FLOOR_PCT


@pytest.mark.parametrize("pct", [19, 101, 0, -5, 65.5, "65", None, True, [65]])
def test_a_floor_that_makes_no_sense_is_refused_with_its_range(services, pct):
    assert set_floor(services, pct, DIRECTOR) == (NO_FLOOR, False)
    assert "20 to 100" in NO_FLOOR
    assert sound.floor(services.database) == sound.FLOOR_PCT


def test_only_the_director_is_asked_for_a_floor():
    assert "Set the floor" in str(view_of.page(50, may_set_floor=True))
    assert "Set the floor" not in str(view_of.page(50, may_set_floor=False))


# Where it stands.


def test_the_page_has_a_tone_and_a_colour_for_each_priority_and_three_answers():
    page = json.dumps(view_of.page(50, may_set_floor=False), cls=PlotlyJSONEncoder)
    for priority in ("high", "medium", "low"):
        assert f'"data-sound-test": "{priority}"' in page
        assert f'"data-tone": "{priority}"' in page
    for heard in Heard:
        assert json.dumps(ids.sound_heard(heard.value, "page")) in page
    assert "bedside monitor's own alarms stay primary" in page


@pytest.fixture
def browser() -> TestClient:
    return TestClient(a_clinic().app, base_url=HERE, follow_redirects=False)


def test_every_page_can_ask_for_the_test(browser):
    browser.post("/login", data=FORM)
    shell = str(browser.get("/_dash-layout").json())
    assert "sound-untested" in shell
    assert "/assets/sound.js" in browser.get("/", headers={"accept": "text/html"}).text


def test_a_sign_in_leads_where_it_was_asked_to(browser):
    answer = browser.post("/login", data={**FORM, "next": "/chair/2"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/chair/2")
    assert len(answer.headers.get_list("set-cookie")) == 1


@pytest.mark.parametrize("path", ["/login", "/logout"])
def test_whoever_comes_next_tests_the_sound_again(browser, path):
    browser.post("/login", data=FORM)
    browser.cookies.set(TESTED_COOKIE, "tested")
    answer = browser.post(path, data=FORM)
    (gone,) = [each for each in answer.headers.get_list("set-cookie") if TESTED_COOKIE in each]
    assert "Max-Age=0" in gone
