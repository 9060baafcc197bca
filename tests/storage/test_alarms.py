"""Does the alarm log tell the whole story of each alarm, and what was set beside it?"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import NoResultFound

from clinical.alarms import AlarmPriority
from clinical.record import (
    AlarmCalled,
    AlarmChange,
    AlarmShown,
    AlarmSwitched,
    AudioChanged,
    AudioState,
    CallStage,
    Gap,
    LimitChanged,
    LinkChanged,
    ProbePlaced,
)
from storage import alarms, facts
from storage.ledger import key_of
from tests.storage.made_up import SESSION, T0, after, alarm, opened, whole_session


def record(database, *given):
    with database.writing() as db:
        for fact in given:
            facts.append(db, fact, written_at=T0)


def log(database):
    with database.reading() as db:
        return alarms.alarm_log(db, session_id=key_of(db, SESSION))


def test_an_alarm_is_told_from_its_onset_to_its_reset(database):
    alarm_id = uuid4()
    high = {"alarm_id": alarm_id, "priority": AlarmPriority.HIGH}
    grew = replace(alarm(AlarmChange.ESCALATED, at=after(20), worst=188.0, **high), limit=180.0)
    record(
        database,
        opened(),
        alarm(alarm_id=alarm_id, at=after(10)),
        alarm(AlarmChange.ACKNOWLEDGED, alarm_id=alarm_id, at=after(15), by="anna"),
        grew,
        replace(alarm(AlarmChange.LATCHED, at=after(50), worst=191.0, **high), value=191.0),
        replace(alarm(AlarmChange.RESET, at=after(70), by="kim", worst=191.0, **high), reason="ok"),
    )
    (told,) = log(database).alarms
    assert (told.onset, told.value, told.limit, told.delay_s) == (after(10), 172, 160, 0)
    assert (told.priority, told.text) == (AlarmPriority.HIGH, "*** SYS 191 > 160")
    assert (told.cleared, told.worst) == (after(50), 191)
    assert told.acknowledged == (alarms.Seen(after(15), "anna", ""),)
    assert told.reset == alarms.Seen(after(70), "kim", "ok")
    assert [(step.change, step.limit) for step in told.steps] == [
        (AlarmChange.RAISED, 160),
        (AlarmChange.ACKNOWLEDGED, 160),
        (AlarmChange.ESCALATED, 180),
        (AlarmChange.LATCHED, 160),
        (AlarmChange.RESET, 160),
    ]


def test_a_call_is_confirmed_by_the_screen_of_the_one_who_was_called(database):
    first, second = uuid4(), uuid4()
    record(
        database,
        opened(),
        alarm(alarm_id=first, at=after(10)),
        alarm(alarm_id=second, at=after(5)),
        AlarmShown(SESSION, after(11), first, "screen: corridor"),
        AlarmCalled(SESSION, after(40), first, CallStage.SECOND, "kim"),
        AlarmCalled(SESSION, after(40), second, CallStage.SECOND, "kim"),
        AlarmShown(SESSION, after(42), first, "kim"),
        AlarmShown(SESSION, after(44), first, "kim", CallStage.SECOND),
        AlarmShown(SESSION, after(45), second, "anna", CallStage.SECOND),
    )
    other, told = log(database).alarms
    assert told.calls == (alarms.Call(CallStage.SECOND, "kim", after(40), after(44)),)
    assert [(one.to, one.stage, one.at) for one in told.shown] == [
        ("screen: corridor", None, after(11)),
        ("kim", None, after(42)),
        ("kim", CallStage.SECOND, after(44)),
    ]
    assert other.calls == (alarms.Call(CallStage.SECOND, "kim", after(40), None),)


def test_what_was_set_and_not_heard_stands_beside_the_alarms(database):
    record(database, *(written := whole_session()))
    told = log(database)
    assert told.session == opened()
    for name, kind in {
        "limits": LimitChanged,
        "audio": AudioChanged,
        "switched": AlarmSwitched,
        "probe": ProbePlaced,
        "links": LinkChanged,
        "gaps": Gap,
    }.items():
        assert getattr(told, name) == tuple(fact for fact in written if isinstance(fact, kind))
    assert [one.audio for one in told.alarms] == [AudioState.PAUSED]


def test_the_log_is_json_as_it_stands(database):
    record(database, *whole_session())
    told = json.loads(json.dumps(dataclasses.asdict(log(database)), default=str))
    assert told["alarms"][0]["onset"] == "2026-11-22 09:15:00+00:00"
    assert told["alarms"][0]["steps"][1]["change"] == "acknowledged"
    assert told["session"]["session"] == str(SESSION)


def test_the_alarms_of_others_are_not_in_it(database):
    other = UUID(int=2)
    record(database, opened(), opened(other), alarm(alarm_id=uuid4(), session=other))
    record(database, alarm(alarm_id=uuid4(), session=None))
    assert log(database).alarms == ()
    with pytest.raises(NoResultFound), database.reading() as db:
        alarms.alarm_log(db, session_id=99)
