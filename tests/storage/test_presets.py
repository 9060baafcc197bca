"""Is every edition of a preset kept as it was made, and does it say who signed it?"""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from storage import presets
from storage.models import AuditRow
from tests.storage.made_up import T0, after


def make(database, version=101, *, body="version = 101", now=T0):
    with database.writing() as db:
        return presets.add_edition(
            db,
            name="ketamine-adult",
            version=version,
            parent_name="ketamine-adult",
            parent_version=1,
            body=body,
            reason="our patients are older",
            by="dora",
            now=now,
        )


def sign(database, version, *, by="dora", now=T0):
    with database.writing() as db:
        return presets.approve(db, name="ketamine-adult", version=version, by=by, now=now)


def actions(database):
    with database.reading() as db:
        rows = db.scalars(select(AuditRow).order_by(AuditRow.id))
        return [(row.by, row.action, json.loads(row.detail)) for row in rows]


def test_an_edition_is_kept_to_the_letter(database):
    make(database, body='title = "Ålder"\r\n')
    make(database, 102, now=after(60))
    with database.reading() as db:
        first, second = presets.editions(db)
    assert (first.name, first.version, first.body) == ("ketamine-adult", 101, 'title = "Ålder"\r\n')
    assert (first.parent_name, first.parent_version) == ("ketamine-adult", 1)
    assert (first.reason, first.by, first.at) == ("our patients are older", "dora", T0)
    assert (second.version, second.at) == (102, after(60))


def test_the_next_version_is_one_more_and_begins_above_the_shipped_ones(database):
    for expected in (101, 102):
        with database.reading() as db:
            assert presets.next_version(db, name="ketamine-adult") == expected
        make(database, expected)
    with database.reading() as db:
        assert presets.next_version(db, name="other") == 101


def test_an_edition_is_made_once(database):
    make(database)
    with pytest.raises(presets.EditionExists, match="version 101 of ketamine-adult"):
        make(database, body="something else")
    with database.reading() as db:
        assert [row.body for row in presets.editions(db)] == ["version = 101"]
    assert [action for _by, action, _detail in actions(database)] == ["add_preset"]


def test_a_clinic_makes_no_edition_with_a_shipped_number(database):
    with pytest.raises(ValueError, match="expected a version from 101 on, got 2"):
        make(database, 2)


def test_an_edition_is_signed_by_each_director_once(database):
    make(database)
    sign(database, 1)
    for by in ("dora", "emil"):
        for second in (0, 60):
            sign(database, 101, by=by, now=after(second))
    with database.reading() as db:
        found = [(row.version, row.by, row.at) for row in presets.approvals(db)]
    assert found == [(1, "dora", T0), (101, "dora", T0), (101, "emil", T0)]
    assert [(by, action) for by, action, _detail in actions(database)] == [
        ("dora", "add_preset"),
        ("dora", "approve_preset"),
        ("dora", "approve_preset"),
        ("emil", "approve_preset"),
    ]


def test_an_edition_that_nobody_made_is_not_signed(database):
    with pytest.raises(presets.UnknownEdition, match="no version 101 of ketamine-adult"):
        sign(database, 101)
    assert actions(database) == []
