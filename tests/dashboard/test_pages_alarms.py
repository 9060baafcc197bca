"""Does the list hold every alarm once, the open ones first, and follow what becomes of them?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import expect

from clinical.alarms import AlarmPriority
from clinical.record import AlarmCalled, AlarmChange, CallStage
from clinical.snapshot import CallView
from clinical.vitals import Metric
from dashboard.pages import alarms, chair
from dashboard.views import alarms as view_of
from storage.database import Database, migrate, open_database
from storage.facts import append
from tests.dashboard.a_clinic import (
    NOON,
    NURSE,
    PASSWORD,
    Clinic,
    WallClock,
    a_clinic,
    alarm,
    served,
    session,
)
from tests.storage import made_up

HIGH, MEDIUM, LOW = AlarmPriority.HIGH, AlarmPriority.MEDIUM, AlarmPriority.LOW
OLD, NOW = UUID(int=90), UUID(int=1)  # an alarm that is over, and one that is open


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Database]:
    """One session with two alarms: one that is over, and one that the engine has open."""
    url = f"sqlite:///{tmp_path}/vigil.sqlite"
    migrate(url)
    database = open_database(url)
    ended = AlarmChange.CLEARED
    facts = [
        made_up.opened(),
        made_up.alarm(alarm_id=OLD, at=made_up.after(900)),
        AlarmCalled(made_up.SESSION, made_up.after(1020), OLD, CallStage.SECOND, "kim"),
        replace(
            made_up.alarm(AlarmChange.ACKNOWLEDGED, alarm_id=OLD, at=made_up.after(1030), by="ana"),
            reason="treated",
        ),
        made_up.alarm(ended, alarm_id=OLD, at=made_up.after(1200)),
        made_up.alarm(alarm_id=NOW, at=made_up.after(1300)),
    ]
    with database.writing() as db:
        for fact in facts:
            append(db, fact, written_at=made_up.T0)
    yield database
    database.close()


@pytest.fixture
def clinic(record: Database) -> Clinic:
    clinic = a_clinic(clock=WallClock(), pages=(alarms, chair), database=record)
    clinic.engine.change(1, (), "session", "alarms", session=session(), alarms=(alarm(1),))
    return clinic


def test_the_worst_open_alarm_of_all_chairs_comes_first(clinic):
    high = alarm(5, HIGH, Metric.HEART_RATE, "*** HR 142 >= 140")
    clinic.engine.change(2, (), "alarms", alarms=(high, alarm(6, LOW, text="* DIA 92 > 90")))
    rows = view_of.open_rows(clinic.engine.snapshot.chairs.values(), UTC)
    assert [row["priority"] for row in rows] == ["High", "Medium", "Low"]
    assert [row["chair"] for row in rows] == ["2", "1", "2"]


@pytest.mark.parametrize(
    ("fields", "state", "waits"),
    [
        ({}, "Open", True),
        ({"acknowledged_by": "ana", "acknowledged_at": NOON}, "Seen", False),
        ({"is_latched": True}, "Not reset", False),
    ],
)
def test_an_open_alarm_says_how_far_it_has_come(clinic, fields, state, waits):
    clinic.engine.change(1, (), "alarms", alarms=(alarm(1, **fields),))
    (row,) = view_of.open_rows(clinic.engine.snapshot.chairs.values(), UTC)
    assert (row["state"], row["waits"]) == (state, waits)


def test_who_was_called_and_has_not_seen_it_is_said():
    calls = (CallView(CallStage.ALL_SCREENS, "", NOON), CallView(CallStage.SECOND, "kim", NOON))
    assert view_of._called(calls, UTC) == "kim, 12:00:00, not seen"
    seen = (replace(calls[1], seen_at=NOON + timedelta(seconds=9)),)
    assert view_of._called(seen, UTC) == "kim, 12:00:00, 12:00:09"
    assert view_of._called((replace(calls[1], to=""),), UTC).startswith("nobody named")


def test_an_alarm_that_is_open_is_not_listed_among_those_of_the_record(clinic):
    now, past = asyncio.run(alarms._rows(clinic.services))
    assert [row["id"] for row in now] == [f"/chair/1#{NOW}"]
    (row,) = past
    assert row["id"] == f"/review/{made_up.SESSION}#{OLD}"
    assert (row["state"], row["lasted"]) == ("Ended", "5 min 0 s")
    assert row["seen"].startswith("ana, ")
    assert row["seen"].endswith("treated")
    assert row["called"].startswith("kim, ")


def test_no_address_holds_more_than_a_chair_or_the_id_of_a_session(clinic):
    now, past = asyncio.run(alarms._rows(clinic.services))
    assert [view_of.address_of(row["id"]) for row in (*now, *past)] == [
        "/chair/1",
        f"/review/{made_up.SESSION}",
    ]


def test_a_new_text_changes_its_row_and_another_alarm_the_list(clinic):
    views = clinic.engine.snapshot.chairs
    before = view_of.open_rows(views.values(), UTC)
    assert view_of.changed(before, before) == []
    told = [{**before[0], "text": "** SYS 175 > 160"}]
    assert view_of.changed(before, told) == told
    assert view_of.changed(before, []) is None
    assert view_of.changed(before, [{**before[0], "state": "Seen"}]) is None


@pytest.mark.browser
def test_the_list_follows_the_chairs_and_filters_what_it_is_told_to(clinic, page):
    said: list[str] = []
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    with served(clinic.app) as at:
        page.goto(f"http://{at}/login?next=/alarms")
        page.fill("[name=user]", NURSE.user)
        page.fill("[name=password]", PASSWORD)
        page.click("button")
        rows = page.locator(".grid .ag-center-cols-container .ag-row")
        expect(rows).to_have_count(2, timeout=20_000)  # the grid is large, and loads with it
        expect(rows.filter(has_text="Open")).to_contain_text("SYS 172 > 160")
        clinic.engine.change(1, (), "alarms", alarms=(alarm(1, text="** SYS 175 > 160"),))
        expect(rows.filter(has_text="Open")).to_contain_text("SYS 175 > 160")
        other = alarm(7, HIGH, Metric.HEART_RATE, "*** HR 142 >= 140")
        clinic.engine.change(2, (), "alarms", alarms=(other,))
        expect(rows).to_have_count(3)
        page.get_by_role("textbox", name="State").click()
        page.get_by_role("option", name="Open").click()
        expect(rows).to_have_count(2)
        page.get_by_role("textbox", name="Priority").click()
        page.get_by_role("option", name="High").click()
        expect(rows).to_have_count(1)
        rows.get_by_text("HR 142").click()
        expect(page).to_have_url(f"http://{at}/chair/2")
        page.goto("about:blank")
    assert [each for each in said if each.startswith(("error", "warning"))] == []
