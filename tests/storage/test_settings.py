"""Does the newest value of a setting count, and can one see who set the others?"""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from storage import settings
from storage.models import AuditRow
from tests.storage.made_up import T0, after


def put(database, name, value, *, by="dora", now=T0):
    with database.writing() as db:
        settings.put_setting(db, name=name, value=value, by=by, now=now)


def test_the_newest_value_counts(database):
    with database.reading() as db:
        assert settings.settings(db) == {}
    put(database, "sound_floor", 0.4)
    put(database, "palette", {"spo2": "cyan"}, by="emil")
    put(database, "sound_floor", 0.6, now=after(-60))  # the clock was set back in between
    with database.reading() as db:
        assert settings.settings(db) == {"sound_floor": 0.6, "palette": {"spo2": "cyan"}}


def test_what_was_set_before_is_in_the_audit_log(database):
    for value in (0.4, None):
        put(database, "sound_floor", value)
    with database.reading() as db:
        rows = db.scalars(select(AuditRow).order_by(AuditRow.id)).all()
    assert [(row.by, row.action) for row in rows] == [("dora", "put_setting")] * 2
    assert [json.loads(row.detail)["value"] for row in rows] == [0.4, None]


@pytest.mark.parametrize("value", [float("nan"), object()])
def test_what_json_cannot_hold_is_refused(database, value):
    with pytest.raises((ValueError, TypeError)):
        put(database, "sound_floor", value)
    with database.reading() as db:
        assert settings.settings(db) == {}
