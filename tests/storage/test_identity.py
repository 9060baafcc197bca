"""Is it known which device belongs to a chair, and how far its clock was off?"""

from __future__ import annotations

from uuid import UUID

import pytest

from clinical.identity import Identity
from clinical.links import Identified
from clinical.record import ClockCompared
from storage import facts, identity
from storage.ledger import UnknownSession
from tests.storage.made_up import SESSION, T0, after, heard, opened


def record(database, *given):
    with database.writing() as db:
        for fact in given:
            facts.append(db, fact, written_at=T0)


def test_the_device_that_was_bound_last_belongs_to_the_chair(database):
    record(
        database,
        *(opened(), heard(T0, "SN-1", session=None), heard(after(1), "SN-2", is_bound=False)),
        *(heard(after(1), "OX-1", monitor="masimo-ascii1"), heard(after(1), "SN-9", chair=2)),
    )
    with database.reading() as db:
        before = identity.bound(db)
    # Of two that are dated the same, or back, the one that was written last.
    record(database, heard(T0, "SN-2", by="kim"))
    with database.reading() as db:
        after_it = identity.bound(db)
    assert before == {
        (1, "dinamap"): Identity("V100", "SN-1", "R1A"),
        (1, "masimo-ascii1"): Identity("V100", "OX-1", "R1A"),
        (2, "dinamap"): Identity("V100", "SN-9", "R1A"),
    }
    assert after_it == before | {(1, "dinamap"): Identity("V100", "SN-2", "R1A")}


def test_another_device_that_nobody_confirmed_is_remembered_with_no_session_too(database):
    own = heard(T0, "SN-1")
    other = heard(after(5), "SN-2", session=None, is_bound=False)
    record(database, opened(), own, other)
    with database.reading() as db:
        assert identity.strangers(db) == {
            (1, "dinamap"): Identified(Identity("V100", "SN-2", "R1A"), after(5))
        }
    record(database, heard(after(9), "SN-2", by="kim"))
    with database.reading() as db:
        assert identity.strangers(db) == {}


def test_no_device_belongs_to_a_chair_where_none_was_heard(database):
    with database.reading() as db:
        assert identity.bound(db) == {}


def test_the_clocks_of_a_session_are_those_that_were_read_in_it(database):
    other = UUID(int=2)
    read = [ClockCompared(SESSION, 1, after(s), "dinamap", s / 10) for s in (0, 3600)]
    elsewhere = ClockCompared(None, 1, after(1), "dinamap", 99.0)
    record(database, opened(), opened(other), read[0], elsewhere, read[1])
    record(database, ClockCompared(other, 1, after(2), "dinamap", 7.0))
    with database.reading() as db:
        assert identity.clocks(db, session=SESSION) == read
        with pytest.raises(UnknownSession):
            identity.clocks(db, session=UUID(int=3))
