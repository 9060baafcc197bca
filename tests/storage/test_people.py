"""Who has an account, who is signed in, and until when?"""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from clinical.sign_off import Actor, Role
from storage import people
from storage.models import AuditRow
from tests.storage.made_up import T0, after

TOKEN = "a" * 64


@pytest.fixture
def anna(database):
    with database.writing() as db:
        people.add_user(
            db, user="anna", name="Anna Berg", role=Role.NURSE, password_hash="h", by="", now=T0
        )
    return database


def holder(database, at, **given):
    with database.reading() as db:
        return people.signed_in(db, token_hash=TOKEN, now=at, **given)


@pytest.fixture
def signed_in(anna):
    with anna.writing() as db:
        people.start_sign_in(db, user="anna", token_hash=TOKEN, now=T0)
    return anna


def test_an_account_is_found_by_its_sign_in_name(anna):
    with anna.reading() as db:
        assert people.find_user(db, user="anna").password_hash == "h"
        assert people.find_user(db, user="Anna") is None
        assert [row.name for row in people.list_users(db)] == ["Anna Berg"]


def test_a_sign_in_name_is_given_once(anna):
    with pytest.raises(people.UserExists, match="'anna'"), anna.writing() as db:
        people.add_user(
            db, user="anna", name="Other", role=Role.NURSE, password_hash="h", by="", now=T0
        )


def test_a_signed_in_person_is_known_by_the_token(signed_in):
    assert holder(signed_in, after(60)) == Actor("anna", "Anna Berg", Role.NURSE)


def test_a_sign_in_ends_when_idle_unless_seen(signed_in):
    idle = people.IDLE.total_seconds()
    assert holder(signed_in, after(idle - 1))
    assert holder(signed_in, after(idle)) is None
    with signed_in.writing() as db:
        people.note_seen(db, token_hash=TOKEN, now=after(idle - 1))
    assert holder(signed_in, after(idle))
    assert holder(signed_in, after(idle), idle=timedelta(seconds=1)) is None


def test_a_sign_in_ends_after_a_shift_however_active(signed_in):
    end = people.ABSOLUTE.total_seconds()
    with signed_in.writing() as db:
        people.note_seen(db, token_hash=TOKEN, now=after(end - 1))
    assert holder(signed_in, after(end - 1))
    assert holder(signed_in, after(end)) is None


def test_signing_out_ends_it_and_can_be_said_twice(signed_in):
    for _ in range(2):
        with signed_in.writing() as db:
            people.end_sign_in(db, token_hash=TOKEN, now=after(1))
    assert holder(signed_in, after(2)) is None


def test_a_deactivated_account_is_signed_out_and_stays_in_the_list(signed_in):
    with signed_in.writing() as db:
        people.deactivate(db, user="anna", by="dora", now=after(1))
    assert holder(signed_in, after(2)) is None
    with signed_in.reading() as db:
        assert people.find_user(db, user="anna") is None
        assert people.list_users(db)[0].deactivated_at == after(1)
    with pytest.raises(people.UnknownUser), signed_in.writing() as db:
        people.start_sign_in(db, user="anna", token_hash="b" * 64, now=after(2))


def test_a_new_password_signs_the_account_out_everywhere(signed_in):
    with signed_in.writing() as db:
        people.set_password(db, user="anna", password_hash="new", by="anna", now=after(1))
    assert holder(signed_in, after(2)) is None
    with signed_in.reading() as db:
        assert people.find_user(db, user="anna").password_hash == "new"


def test_what_is_done_to_accounts_is_in_the_audit_log(signed_in):
    with signed_in.writing() as db:
        people.end_sign_in(db, token_hash=TOKEN, now=after(1))
        people.deactivate(db, user="anna", by="dora", now=after(2))
    with signed_in.reading() as db:
        found = [(row.by, row.action) for row in db.scalars(select(AuditRow).order_by("id"))]
    assert found == [
        ("", "add_user"),
        ("anna", "sign_in"),
        ("anna", "sign_out"),
        ("dora", "deactivate_user"),
    ]
