"""Does the shelf hold what the record holds, and does only a director put something on it?"""

from __future__ import annotations

import asyncio
import shutil
import threading
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from clinical.catalog.edition import numbers_of, written
from clinical.catalog.loader import load_preset
from clinical.catalog.presets import Presets
from clinical.sign_off import Actor, Role
from dashboard import presets as shelving
from dashboard.pages import preset as form_page
from dashboard.pages import presets as list_page
from dashboard.presets import NotShelved, Shelf, Shelved
from dashboard.views import presets as view_of
from storage import presets as stored
from storage.database import Database, migrate, open_database
from storage.models import AuditRow
from tests.dashboard.a_clinic import NOON, StillClock

NURSE = Actor("ana", "Ana Ruiz", Role.NURSE)
CLINICIAN = Actor("kim", "Kim Berg", Role.CLINICIAN)
DIRECTOR = Actor("eva", "Eva Lind", Role.DIRECTOR)
OTHER = Actor("jon", "Jon Dahl", Role.DIRECTOR)
ADULT = ("ketamine-adult", 2)
ESKETAMINE = ("esketamine-2h", 1)
DISK_ERROR = OperationalError("INSERT", {}, Exception("disk I/O error"))


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """A record as a first start makes it."""
    file = tmp_path_factory.mktemp("presets") / "vigil.sqlite"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture
def database(empty, tmp_path):
    database = open_database(f"sqlite:///{shutil.copy(empty, tmp_path)}")
    yield database
    database.close()


@pytest.fixture
def shelf(database):
    return a_shelf(database)


def a_shelf(database: Database) -> Shelf:
    shelf = Shelf(database, StillClock())
    shelf.load()
    return shelf


def key(label: str, name: str = "ketamine-adult") -> str:
    numbers = numbers_of(load_preset(name))
    (found,) = [key for key, number in numbers.items() if number.label == label]
    return found


MEDIUM_HR = {key("HR > 120 medium"): 125.0}


def seen_as(monkeypatch, actor: Actor | None) -> None:
    for module in (list_page, form_page):
        monkeypatch.setattr(module, "current_actor", lambda: actor, raising=False)
    monkeypatch.setattr(form_page, "director", list_page.director)


# --- the shelf ------------------------------------------------------------------------------------


def test_without_a_record_there_is_what_ships(shelf):
    assert shelf.presets().newest("ketamine-adult") == load_preset("ketamine-adult")
    assert (shelf.now.made, shelf.now.signed, shelf.now.unreadable) == ({}, {}, ())


def test_a_new_edition_is_in_force_at_once_recorded_and_there_after_a_restart(shelf, database):
    told: list[Presets] = []
    shelf.changed = told.append
    made = shelf.publish(ADULT, MEDIUM_HR, " too many alarms ", DIRECTOR)
    assert (made.name, made.version, made.parent) == ("ketamine-adult", 101, ADULT)
    assert [presets.newest("ketamine-adult") for presets in told] == [made]
    assert not told[0].is_approved(made)
    with database.reading() as db:
        actions = [(row.action, row.by, row.at) for row in db.scalars(select(AuditRow))]
    assert actions == [("add_preset", "eva", NOON)]
    again = a_shelf(database)
    assert again.presets().newest("ketamine-adult") == made
    entry = again.now.made["ketamine-adult", 101]
    assert (entry.by, entry.at, entry.reason) == ("eva", NOON, "too many alarms")


def test_an_edition_comes_from_the_one_before(shelf):
    first = shelf.publish(ADULT, MEDIUM_HR, "a", DIRECTOR)
    second = shelf.publish(("ketamine-adult", 101), {key("HR > 110 low"): 115.0}, "b", OTHER)
    assert (second.version, second.parent) == (102, ("ketamine-adult", 101))
    assert second.limits[3] == first.limits[3]  # what the first changed is still so


@pytest.mark.parametrize("actor", [NURSE, CLINICIAN], ids=lambda actor: actor.role)
def test_nobody_but_a_director_changes_or_signs(shelf, database, actor):
    with pytest.raises(NotShelved, match="Only a medical director"):
        shelf.publish(ADULT, MEDIUM_HR, "why not", actor)
    with pytest.raises(NotShelved, match="Only a medical director"):
        shelf.approve(ADULT, actor)
    with database.reading() as db:
        assert (stored.editions(db), stored.approvals(db)) == ([], [])


@pytest.mark.parametrize(
    ("edition", "values", "reason", "words"),
    [
        (ADULT, MEDIUM_HR, "  ", "Reason: expected 1 to 500 characters, got 0"),
        (ADULT, MEDIUM_HR, "x" * 501, "Reason: expected 1 to 500 characters, got 501"),
        (ADULT, {}, "why", "No number is another than before"),
        (ADULT, {key("HR > 120 medium"): 120.0}, "why", "No number is another"),
        (ADULT, {key("HR > 120 medium"): 90.0}, "why", "beyond the low limit 110"),
        (ADULT, {key("HR > 120 medium"): None}, "why", "20 to 300, got none"),
        (ADULT, {"latching": 0.0}, "why", "has no number latching"),
        (("ketamine-adult", 1), MEDIUM_HR, "why", "There is a version 2 of ketamine-adult by now"),
        (("ketamine-child", 1), MEDIUM_HR, "why", "got ketamine-child"),
    ],
)
def test_what_is_not_right_changes_nothing(shelf, database, edition, values, reason, words):
    shelf.changed = lambda presets: pytest.fail("nothing has changed")
    with pytest.raises(NotShelved) as caught:
        shelf.publish(edition, values, reason, DIRECTOR)
    assert words in str(caught.value)
    with database.reading() as db:
        assert stored.editions(db) == []


def test_two_directors_do_not_overlook_each_other(shelf):
    shelf.publish(ADULT, MEDIUM_HR, "a", DIRECTOR)
    with pytest.raises(NotShelved, match="version 101 of ketamine-adult by now, and you changed"):
        shelf.publish(ADULT, {key("HR > 110 low"): 115.0}, "b", OTHER)


def test_two_clicks_in_one_moment_make_one_edition(shelf, database):
    refused: list[str] = []

    def click() -> None:
        try:
            shelf.publish(ADULT, MEDIUM_HR, "a", DIRECTOR)
        except NotShelved as error:
            refused.append(str(error))

    threads = [threading.Thread(target=click) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.reading() as db:
        assert [row.version for row in stored.editions(db)] == [101]
    assert len(refused) == 3


def test_a_signature_is_one_directors_on_one_edition(shelf, database):
    shelf.approve(ADULT, DIRECTOR)
    shelf.approve(ADULT, DIRECTOR)
    shelf.approve(ADULT, OTHER)
    assert [each.by for each in shelf.now.signed[ADULT]] == ["eva", "jon"]
    assert shelf.presets().is_approved(load_preset("ketamine-adult"))
    assert not shelf.presets().is_approved(load_preset("ketamine-adult", 1))
    made = shelf.publish(ADULT, MEDIUM_HR, "a", DIRECTOR)
    assert not shelf.presets().is_approved(made)  # the signature was for other numbers
    assert a_shelf(database).presets().approved == {ADULT}


@pytest.mark.parametrize("edition", [("ketamine-adult", 101), ("ketamine-adult", 9), ("x", 1)])
def test_what_is_not_there_cannot_be_signed(shelf, edition):
    with pytest.raises(NotShelved, match=f"there is no version {edition[1]} of the preset"):
        shelf.approve(edition, DIRECTOR)


def test_one_edition_that_cannot_be_read_stops_nothing(database, caplog):
    good = written(replace(load_preset("esketamine-2h"), version=101))
    with database.writing() as db:
        for name, body in (("ketamine-adult", "limits = 7"), ("esketamine-2h", good)):
            stored.add_edition(
                db,
                name=name,
                version=101,
                parent_name=name,
                parent_version=1,
                body=body,
                reason="by hand",
                by="eva",
                now=datetime(2026, 1, 1, tzinfo=UTC),
            )
    shelf = a_shelf(database)
    assert shelf.presets().newest("ketamine-adult").version == 2
    assert shelf.presets().newest("esketamine-2h").version == 101
    assert [why.split(":")[0] for why in shelf.now.unreadable] == [
        "ketamine-adult.101.toml, line 1"
    ]
    assert "a preset is left out: ketamine-adult.101.toml" in caplog.text
    assert "ketamine-adult.101.toml" in str(view_of.listed(shelf.now, None, UTC))
    made = shelf.publish(ADULT, MEDIUM_HR, "a", DIRECTOR)
    assert made.version == 102  # never that of another edition, readable or not


# --- the pages ------------------------------------------------------------------------------------


def words_of(component) -> str:
    return " ".join(_texts(component))


def _texts(component):
    if isinstance(component, str | int | float):
        yield str(component)
    elif isinstance(component, list | tuple):
        for child in component:
            yield from _texts(child)
    elif component is not None:
        yield from _texts(getattr(component, "children", None))


def services_of(shelf: Shelf) -> SimpleNamespace:
    return SimpleNamespace(shelf=shelf, presets=shelf.presets)


def test_everybody_sees_each_preset_and_only_a_director_buttons(shelf, monkeypatch):
    seen_as(monkeypatch, NURSE)
    words = words_of(asyncio.run(list_page.layout(services_of(shelf))))
    for title in (
        "Ketamine, adult",
        "Hypertensive history",
        "Athlete, low heart rate",
        "Esketamine",
    ):
        assert title in words
    assert words.count(view_of.UNSIGNED) == 5  # four, and the earlier edition of one
    assert "Sign version" not in words
    assert "Change numbers" not in words
    seen_as(monkeypatch, DIRECTOR)
    words = words_of(asyncio.run(list_page.layout(services_of(shelf))))
    assert words.count("Sign version") == words.count("Change numbers") == 4


def test_the_table_marks_what_the_parent_has_otherwise():
    athlete, adult = load_preset("athlete-low-hr"), load_preset("ketamine-adult")
    words = words_of(view_of.table(athlete, adult))
    assert words.count("◆") == 4  # three numbers, and what the mark means
    assert "◆ <= 36" in words
    assert "◆ < 42" in words
    assert "◆ <= -35 %" in words
    assert "differs from ketamine-adult, version 2" in words
    assert "< 80  at once" in words
    assert "◆" not in words_of(view_of.table(adult, None))


def test_presets_that_come_from_each_other_in_a_circle_are_shown_all_the_same():
    adult, athlete = load_preset("ketamine-adult"), load_preset("athlete-low-hr")
    turned = replace(adult, parent=("athlete-low-hr", 1))
    presets = Presets({ADULT: turned, ("athlete-low-hr", 1): athlete})
    assert len(view_of.listed(Shelved(presets), None, UTC)) == 2


def test_a_director_signs_on_the_page_and_a_nurse_does_not(shelf, monkeypatch):
    seen_as(monkeypatch, NURSE)
    assert words_of(asyncio.run(list_page.signed(shelf, *ADULT))) == view_of.FOR_DIRECTORS
    seen_as(monkeypatch, None)
    assert words_of(asyncio.run(list_page.signed(shelf, *ADULT))) == view_of.FOR_DIRECTORS
    assert shelf.now.signed == {}
    seen_as(monkeypatch, DIRECTOR)
    words = words_of(asyncio.run(list_page.signed(shelf, *ADULT)))
    assert "Signed by eva, 2026-03-14 12:00." in words
    assert "Sign version" not in words
    words = words_of(view_of.listed(shelf.now, "eva", UTC))
    assert "Signed by eva, 2026-03-14 12:00." in words
    assert words.count("Sign version") == 3


def test_what_changes_is_shown_before_it_is_saved(shelf, monkeypatch):
    seen_as(monkeypatch, DIRECTOR)
    words = words_of(form_page.shown(shelf, ADULT, MEDIUM_HR))
    assert "HR medium, high side > 120 for 10 s > 125 for 10 s" in words
    assert words_of(form_page.shown(shelf, ADULT, {})) == form_page.UNCHANGED
    assert "20 to 300" in words_of(form_page.shown(shelf, ADULT, {key("HR > 120 medium"): 9.0}))
    assert "no version 7" in words_of(form_page.shown(shelf, ("ketamine-adult", 7), MEDIUM_HR))
    said, is_done = asyncio.run(form_page.saved(shelf, ADULT, MEDIUM_HR, "too many"))
    assert is_done
    assert "Saved: ketamine-adult, version 101" in words_of(said)
    words = words_of(view_of.listed(shelf.now, "eva", UTC))
    assert "Made by eva, 2026-03-14 12:00: too many (from ketamine-adult, version 2)" in words
    assert "Earlier editions (2)" in words


def test_the_form_is_for_directors_whatever_the_page_showed(shelf, monkeypatch):
    seen_as(monkeypatch, CLINICIAN)
    services = services_of(shelf)
    page = asyncio.run(form_page.layout(services, "ketamine-adult"))
    assert words_of(page) == view_of.FOR_DIRECTORS
    assert words_of(form_page.shown(shelf, ADULT, MEDIUM_HR)) == view_of.FOR_DIRECTORS
    said, is_done = asyncio.run(form_page.saved(shelf, ADULT, MEDIUM_HR, "why"))
    assert (words_of(said), is_done) == (view_of.FOR_DIRECTORS, False)
    assert shelf.now.made == {}


def test_the_form_has_a_field_for_each_number(shelf, monkeypatch):
    seen_as(monkeypatch, DIRECTOR)
    for name in shelf.presets().names:
        page = str(asyncio.run(form_page.layout(services_of(shelf), name)))
        for each in numbers_of(load_preset(name)):
            assert f"'key': '{each}'" in page, each
    assert asyncio.run(form_page.layout(services_of(shelf), "nothing")) is None
    assert not form_page.exists(services_of(shelf), "nothing")


def test_a_full_disk_says_that_nothing_has_changed(shelf, monkeypatch):
    seen_as(monkeypatch, DIRECTOR)

    def full(*_args, **_facts):
        raise DISK_ERROR

    monkeypatch.setattr(shelving.stored, "add_edition", full)
    monkeypatch.setattr(shelving.stored, "approve", full)
    said, is_done = asyncio.run(form_page.saved(shelf, ADULT, MEDIUM_HR, "why"))
    assert (words_of(said), is_done) == (list_page.NOT_RECORDED, False)
    words = words_of(asyncio.run(list_page.signed(shelf, *ADULT)))
    assert words.endswith(f"Sign version 2 {list_page.NOT_RECORDED}")
    gone = asyncio.run(list_page.signed(shelf, "ketamine-adult", 7))
    assert words_of(gone) == "there is no version 7 of the preset ketamine-adult"
    assert shelf.presets().newest("ketamine-adult").version == 2


@pytest.mark.parametrize("carried", ["", "x", "ketamine-adult", "ketamine-adult -1", "a b c"])
def test_a_form_that_was_tampered_with_names_no_edition(shelf, monkeypatch, carried):
    seen_as(monkeypatch, DIRECTOR)
    edition = form_page.edition_of(carried)
    assert "there is no version 0" in words_of(form_page.shown(shelf, edition, MEDIUM_HR))


def test_without_a_shelf_the_page_shows_what_ships(monkeypatch):
    seen_as(monkeypatch, DIRECTOR)
    services = SimpleNamespace(shelf=None, presets=Shelved(Presets({})).presets)
    services.presets = lambda: Presets({ADULT: load_preset("ketamine-adult")})
    words = words_of(asyncio.run(list_page.layout(services)))
    assert "Ketamine, adult" in words
    assert "Sign version" not in words
    assert not form_page.exists(services, "ketamine-adult")
