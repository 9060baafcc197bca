"""Does the page of a past session show the limits it ran under, and answer what would have been?"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from clinical.alarms import AlarmPriority, Direction
from clinical.catalog.presets import shipped
from clinical.record import ClockCompared, Listened, MonitorsArranged
from clinical.vitals import Metric
from dashboard.pages import session as page
from dashboard.views import review as view_of
from dashboard.what_if import Replays
from storage.database import migrate, open_database
from storage.facts import append
from storage.sessions import find_session
from tests.clinical.test_what_if import move, rising
from tests.dashboard.test_alarm_log import written
from tests.dashboard.test_views_board import words
from tests.storage.made_up import SESSION, T0, after, by_hand, heard, opened

CLINICS = ("ketamine-adult", 101)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("record")
    chair = rising()
    move(chair, "heart_rate", "low", "medium", 45)
    written(folder, chair)
    database = open_database(f"sqlite:///{folder / 'vigil.sqlite'}")
    yield SimpleNamespace(database=database, presets=shipped)
    database.close()


def past(services: Any, presets: Any = None) -> view_of.Past:
    with services.database.reading() as db:
        return page.past_session(db, find_session(db, 1), {}, presets)


def test_the_limits_are_those_of_the_edition_with_what_was_moved_and_the_baseline(services: Any):
    shown = past(services)
    moved = [limit for limit in shown.limits if limit.is_adjusted]
    assert [(limit.metric, limit.value) for limit in moved] == [(Metric.HEART_RATE, 45.0)]
    assert any(limit.change is not None for limit in shown.limits)
    own = shown.own[Metric.HEART_RATE, Direction.LOW, AlarmPriority.MEDIUM]
    assert own == 50.0
    said = words(view_of.session(shown, zone=None))
    assert "< 45 for 10 s (preset 50)" in said.replace("  ", " ")
    assert "Limit moved" in said
    assert "HR low, medium: 50 to 45: usual for her" in said


def test_an_edition_of_the_clinic_is_found_and_one_that_is_gone_is_not_made_up(services: Any):
    adult = shipped().edition("ketamine-adult", 2)
    with services.database.reading() as db:
        row = find_session(db, 1)
        db.expunge(row)
        row.preset_version = CLINICS[1]
        clinics = replace(adult, version=CLINICS[1], limits=adult.limits[:1], relative=())
        found = page.past_session(db, row, {}, shipped().also([clinics]))
        gone = page.past_session(db, row, {}, shipped())
    assert [limit.value for limit in found.limits] == [adult.limits[0].value]
    assert found.edition == CLINICS
    assert gone.limits == ()


def ask(services: Any, preset: Any, delay_s: Any, path: str = "/review/1") -> Any:
    return asyncio.run(page.asked(services, Replays(), preset, delay_s, path))


def test_what_would_have_been_stands_beside_what_was(services: Any):
    found = ask(services, "ketamine-adult:1", 45)
    said = " ".join(words(part) for part in found)
    assert "HR high" in said
    assert "not moved here" in said
    classes = str(found[-1])
    assert "is-only-then" in classes


@pytest.mark.parametrize(
    ("preset", "delay_s", "path", "why"),
    [
        ("child:1", 0, "/review/1", "there is no such preset"),
        (None, 0, "/review/1", "there is no such preset"),
        ("/etc/passwd.toml", 0, "/review/1", "there is no such preset"),
        ("ketamine-adult:1", "5", "/review/1", "expected a number of seconds"),
        ("ketamine-adult:1", -5, "/review/1", "expected 0 to 120 seconds, got -5"),
        ("ketamine-adult:1", float("nan"), "/review/1", "expected 0 to 120 seconds"),
        ("ketamine-adult:1", None, "/review/77", "there is no session 77"),
    ],
)
def test_what_cannot_be_answered_is_said(
    services: Any, preset: Any, delay_s: Any, path: str, why: str
):
    assert f"No answer: {why}" in words(ask(services, preset, delay_s, path))


def test_the_page_tells_of_devices_clocks_changed_monitors_and_entries(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'vigil.sqlite'}"
    migrate(url)
    database = open_database(url)
    facts = (
        heard(after(-60), "SN-1", session=None),
        replace(opened(), monitors=(Listened("dinamap", "capture"),)),
        ClockCompared(SESSION, 1, after(5), "dinamap", 12.0),
        MonitorsArranged(SESSION, after(600), "kim", (Listened("suntech", "bench"),)),
        by_hand(700, Metric.NIBP_SYSTOLIC, 131.0, entered=760),
        by_hand(700, Metric.NIBP_DIASTOLIC, 82.0, entered=760),
    )
    with database.writing() as db:
        for fact in facts:
            append(db, fact, written_at=T0)
    with database.reading() as db:
        shown = page.past_session(db, find_session(db, 1), {})
    database.close()
    said = words(view_of.session(shown, zone=UTC))
    for part in ("V100, no. SN-1", "12.0 s ahead", "put there by kim", "from 09:10:00",
                 "tried at a real monitor on a bench", "SYS 131 mmHg, DIA 82 mmHg",
                 "09:11:40", "AN", "09:12:40", "from now on suntech"):  # fmt: skip
        assert part in said
