"""Is a paired screen known by its token, until someone shuts it out?"""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy import select

from storage import screens
from storage.models import AuditRow
from tests.storage.made_up import T0, after

TOKEN = "a" * 64


def pair(database, name="corridor", token_hash=TOKEN, *, now=T0):
    with database.writing() as db:
        return screens.pair_screen(db, name=name, token_hash=token_hash, by="dora", now=now)


def revoke(database, public_id):
    with database.writing() as db:
        return screens.revoke_screen(db, public_id=public_id, by="emil", now=after(60))


def holder(database, token_hash=TOKEN):
    with database.reading() as db:
        return screens.screen_of(db, token_hash=token_hash)


def test_a_screen_is_known_by_its_token(database):
    paired = pair(database)
    found = holder(database)
    assert (found.public_id, found.name) == (paired.public_id, "corridor")
    assert (found.paired_by, found.paired_at, found.last_seen_at) == ("dora", T0, T0)
    assert holder(database, "b" * 64) is None


def test_a_revoked_screen_is_shut_out_and_stays_in_the_list(database):
    revoke(database, pair(database).public_id)
    assert holder(database) is None
    with database.reading() as db:
        (row,) = screens.list_screens(db)
    assert (row.revoked_by, row.revoked_at) == ("emil", after(60))
    for public_id in (row.public_id, uuid4()):
        with pytest.raises(screens.UnknownScreen, match=str(public_id)):
            revoke(database, public_id)


def test_a_name_is_of_one_screen_at_a_time(database):
    first = pair(database)
    with pytest.raises(screens.ScreenExists, match="'corridor'"):
        pair(database, token_hash="b" * 64)
    revoke(database, first.public_id)
    pair(database, token_hash="b" * 64)
    assert holder(database, "b" * 64).name == "corridor"


def test_a_screen_says_that_it_is_there_until_it_is_revoked(database):
    paired = pair(database)
    for second in (30, 90):
        with database.writing() as db:
            screens.note_seen(db, token_hash=TOKEN, now=after(second))
        if second == 30:
            revoke(database, paired.public_id)
    with database.reading() as db:
        assert screens.list_screens(db)[0].last_seen_at == after(30)


def test_who_let_a_screen_in_and_who_shut_it_out_is_in_the_audit_log(database):
    revoke(database, pair(database).public_id)
    with database.reading() as db:
        found = [(row.by, row.action) for row in db.scalars(select(AuditRow).order_by(AuditRow.id))]
    assert found == [("dora", "pair_screen"), ("emil", "revoke_screen")]
