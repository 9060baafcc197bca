"""Is everything the writer accepted written, in order, whatever the disk does?"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from contextlib import contextmanager
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event, func, select, text
from sqlalchemy.exc import OperationalError

from clinical.phases import SessionPhase
from clinical.ports import CommitResult, RecorderState
from clinical.record import AlarmChange, Gap
from clinical.vitals import Metric
from storage import audit, facts, identity, observations
from storage.backlog import TOO_MUCH
from storage.database import open_database
from storage.models import AlarmEventRow, AuditRow, CommandRow
from storage.writer import StorageWriter, WriterClosed
from tests.conftest import ROOT
from tests.storage.made_up import (
    NURSE,
    SESSION,
    T0,
    after,
    alarm,
    answered,
    by_hand,
    cuff,
    frame,
    opened,
    phase,
    signed,
)
from tests.storage.made_up import heard as device

NEVER_S = 3600.0  # the regular commit does not come in a test that waits for another
WAIT_S = 10.0


class Heard:
    """What the listeners of a writer were told, in order; a test waits for it."""

    def __init__(self) -> None:
        self._told = threading.Condition()
        self.states: list[RecorderState] = []
        self.commits: list[int] = []  # rows of each
        self.results: list[CommitResult] = []
        self.threads: set[str] = set()

    def _tell(self, where: list, what: object) -> None:
        with self._told:
            self.threads.add(threading.current_thread().name)
            where.append(what)
            self._told.notify_all()

    def state(self, state: RecorderState) -> None:
        self._tell(self.states, state)

    def committed(self, seconds: float, rows: int) -> None:
        assert seconds >= 0
        self._tell(self.commits, rows)

    def done(self, result: CommitResult) -> None:
        self._tell(self.results, result)

    def wait(self, what) -> None:
        with self._told:
            assert self._told.wait_for(lambda: what(self), WAIT_S), vars(self)


class Disk:
    """The writer's database on a disk that can be full."""

    is_writer = True
    is_full = False

    def __init__(self, url: str) -> None:
        self.database = open_database(url, is_writer=True)
        self.close = self.database.close

    @contextmanager
    def writing(self):
        if self.is_full:
            raise OperationalError("INSERT", {}, sqlite3.OperationalError("disk is full"))
        with self.database.writing() as db:
            yield db


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def disk(url):
    return Disk(url)


@pytest.fixture
def writer(disk, clock, heard):
    """Commits only what is urgent or asked for; retries at once."""
    with start(disk, clock, heard) as running:
        yield running


def start(disk, clock, heard, **given):
    timing = {"commit_every_s": NEVER_S, "retry_every_s": 0.005}
    return StorageWriter(
        disk, clock, on_state=heard.state, on_commit=heard.committed, **timing | given
    )


def ask(writer, heard, *given, command_id=None):
    writer.commit(command_id or uuid4(), "AnswerItem", NURSE, given, heard.done)


def written(database):
    with database.reading() as db:
        return facts.facts_of(db, session=SESSION)


def seconds(database):
    """When, in seconds after the start, the stored frames are."""
    with database.reading() as db:
        points = observations.chair_points(db, session=SESSION, since=T0)
    return sorted({(p.observed_at - T0).total_seconds() for p in points})


def audited(database):
    with database.reading() as db:
        assert audit.first_break(db) is None
        return list(db.scalars(select(AuditRow).order_by("id")))


# --- when it writes -------------------------------------------------------------------------------


def test_facts_of_all_chairs_are_written_in_one_commit_a_second(disk, clock, heard, database):
    with start(disk, clock, heard, commit_every_s=0.05) as writer:
        for chair in range(16):
            session = UUID(int=chair)
            writer.keep([opened(session, chair=chair), frame(1, session=session)])
        heard.wait(lambda heard: sum(heard.commits) == 32)
        assert len(heard.commits) < 16, "one, or a few where the machine is slow; not one a chair"
    assert heard.threads == {"storage-writer"}


def test_an_urgent_fact_is_written_at_once_with_all_before_it(writer, heard, database):
    writer.keep([opened(), phase()])
    writer.keep([frame(1)])
    writer.keep([raised := alarm(alarm_id=uuid4())], urgent=True)
    heard.wait(lambda heard: heard.commits == [4])
    assert written(database) == (opened(), phase(), raised)
    assert seconds(database) == [1]


def test_a_command_is_written_at_once_with_its_own_row_and_its_audit(
    writer, heard, database, clock
):
    writer.keep([opened(), frame(1)])
    clock.at = after(30)
    answer = answered()
    ask(writer, heard, answer, command_id=answer.answer_id)
    heard.wait(lambda heard: heard.results == [CommitResult.COMMITTED])
    assert heard.threads == {"storage-writer"}
    assert written(database) == (opened(), answer)
    assert seconds(database) == [1]
    with database.reading() as db:
        row = db.scalars(select(CommandRow)).one()
    assert (row.command_id, row.kind, row.by, row.at) == (
        answer.answer_id,
        "AnswerItem",
        "anna",
        after(30),
    )
    (entry,) = audited(database)
    assert (entry.by, entry.action, entry.at) == ("anna", "AnswerItem", after(30))
    assert f'"command_id":"{answer.answer_id}"' in entry.detail
    assert '"facts":["ItemAnswered"]' in entry.detail


def test_a_command_that_comes_twice_counts_once(writer, heard, database):
    writer.keep([opened()])
    first, second = answered("gait"), answered("gait")
    for answer in (first, second):
        ask(writer, heard, answer, command_id=first.answer_id)
    heard.wait(lambda heard: len(heard.results) == 2)
    assert heard.results == [CommitResult.COMMITTED, CommitResult.DUPLICATE]
    assert written(database) == (opened(), first)
    assert len(audited(database)) == 1


def test_a_command_that_leaves_no_fact_is_written_too(writer, heard, database):
    ask(writer, heard)
    heard.wait(lambda heard: heard.results == [CommitResult.COMMITTED])
    assert len(audited(database)) == 1


def test_what_a_person_confirms_at_an_empty_chair_or_enters_is_written_and_audited(
    writer, heard, database
):
    writer.keep([opened()])
    ask(writer, heard, device(T0, "SN-2", session=None, by="anna"))
    ask(writer, heard, entered := by_hand(20, Metric.SPO2, 95.0))
    heard.wait(lambda heard: heard.results == [CommitResult.COMMITTED] * 2)
    with database.reading() as db:
        assert identity.bound(db)[1, "dinamap"].serial == "SN-2"
        assert observations.entered(db, session=SESSION) == [entered]
    assert ["MonitorHeard" in entry.detail for entry in audited(database)] == [True, False]


def test_facts_stay_in_the_order_they_came(writer, heard, database):
    expected = [opened(), phase()]
    writer.keep(expected)
    for n in range(20):
        kept, asked = alarm(alarm_id=UUID(int=n)), answered(f"item {n}")
        writer.keep([kept], urgent=n % 3 == 0)
        ask(writer, heard, asked)
        expected += [kept, asked]
    heard.wait(lambda heard: len(heard.results) == 20)
    assert written(database) == tuple(expected)


# --- when it cannot -------------------------------------------------------------------------------


def test_an_outage_is_told_waited_for_and_filled_in_order(writer, disk, heard, database, clock):
    ask(writer, heard, opened(), phase())
    heard.wait(lambda heard: heard.results)
    disk.is_full = True
    clock.at = after(60)
    raised = alarm(alarm_id=uuid4())
    writer.keep([frame(1), raised], urgent=True)
    writer.keep([frame(2), *cuff(2, 120)])
    heard.wait(lambda heard: heard.states and heard.states[-1].waiting == 7)
    assert writer.state == RecorderState(False, "disk is full", waiting=7)
    eased = alarm(AlarmChange.EASED, alarm_id=raised.alarm_id)
    writer.keep([eased, frame(3)])
    disk.is_full = False
    heard.wait(lambda heard: heard.states[-1] == RecorderState(True))
    assert written(database) == (opened(), phase(), raised, eased)
    assert seconds(database) == [1, 2, 3]
    assert [entry.action for entry in audited(database)] == ["AnswerItem", "recording_resumed"]
    assert '"since":"2026-11-22T09:01:00+00:00"' in audited(database)[-1].detail


def test_a_command_that_cannot_be_written_fails_and_is_not_written_later(
    writer, disk, heard, database
):
    ask(writer, heard, opened())
    heard.wait(lambda heard: heard.results)
    disk.is_full = True
    writer.keep([kept := phase()])
    ask(writer, heard, signed())
    heard.wait(lambda heard: heard.results[1:] == [CommitResult.FAILED])
    disk.is_full = False
    heard.wait(lambda heard: heard.states[-1].is_recording)
    assert written(database) == (opened(), kept)
    ask(writer, heard, again := signed())
    heard.wait(lambda heard: heard.results[2:] == [CommitResult.COMMITTED])
    assert written(database) == (opened(), kept, again)


def test_recording_is_found_to_be_back_with_nothing_to_write(writer, disk, heard, database):
    disk.is_full = True
    ask(writer, heard, opened())
    heard.wait(lambda heard: heard.results == [CommitResult.FAILED])
    disk.is_full = False
    heard.wait(lambda heard: heard.states[-1] == RecorderState(True))


def test_too_much_in_memory_leaves_a_gap_and_keeps_the_newest(disk, clock, heard, database):
    with start(disk, clock, heard, capacity_values=6) as writer:
        ask(writer, heard, opened())
        heard.wait(lambda heard: heard.results)
        disk.is_full = True
        for second in range(10):
            writer.keep([frame(second)], urgent=True)
        heard.wait(lambda heard: heard.states)
        disk.is_full = False
        heard.wait(lambda heard: heard.states[-1].is_recording)
    assert seconds(database) == [7, 8, 9]
    assert written(database) == (opened(), Gap(SESSION, after(0), after(6), TOO_MUCH))


def test_a_locked_database_is_an_outage(writer, heard, disk, database):
    with disk.database.reading() as db:
        db.execute(text("PRAGMA busy_timeout = 1"))
    ask(writer, heard, opened())
    heard.wait(lambda heard: heard.results)
    with database.writing():
        ask(writer, heard, phase())
        heard.wait(lambda heard: heard.results[1:] == [CommitResult.FAILED])
        writer.keep([kept := phase(SessionPhase.BASELINE)], urgent=True)
        heard.wait(lambda heard: heard.states[-1].waiting)
        assert writer.state.detail == "database is locked"
    heard.wait(lambda heard: heard.states[-1].is_recording)
    assert written(database) == (opened(), kept)


def test_a_really_full_disk_loses_nothing_that_was_accepted(disk, clock, heard, database):
    limit = 200  # pages; the empty schema has fewer

    @event.listens_for(disk.database.engine, "begin")
    def cap(connection):
        connection.exec_driver_sql(f"PRAGMA max_page_count = {limit}")

    with start(disk, clock, heard) as writer:
        writer.keep([opened()], urgent=True)
        second = 0
        while not heard.states:
            tries = len(heard.commits)
            writer.keep([frame(second := second + 1) for _ in range(200)], urgent=True)
            heard.wait(lambda heard, tries=tries: len(heard.commits) > tries or heard.states)
        assert heard.states[0].detail == "database or disk is full"
        limit = 100_000
        heard.wait(lambda heard: heard.states[-1] == RecorderState(True))
    with database.reading() as db:
        assert db.scalar(text("PRAGMA quick_check")) == "ok"
    assert seconds(database) == list(range(1, second + 1))


# --- what the record refuses ----------------------------------------------------------------------


def test_a_fact_the_record_refuses_is_reported_and_does_not_block_the_rest(writer, heard, database):
    answer = answered()
    unfit = frame(2, metrics=(Metric.TEMPERATURE_1,))
    writer.keep([opened(), answer, frame(1), answer, unfit, frame(3)])
    ask(writer, heard, phase())
    heard.wait(lambda heard: heard.results == [CommitResult.COMMITTED])
    assert written(database) == (opened(), answer, phase())
    assert seconds(database) == [1, 3]
    (state,) = heard.states
    assert state.is_recording
    assert state.detail.startswith("2 refused, such as ItemAnswered: UNIQUE constraint failed")
    refused = [entry.detail for entry in audited(database) if entry.action == "refused"]
    assert "ItemAnswered(answer_id=" in refused[0]
    assert "expected continuous metrics in a frame" in refused[1]
    writer.keep([frame(4)], urgent=True)
    heard.wait(lambda heard: heard.states[-1] == RecorderState(True))


def test_a_command_the_record_refuses_fails_as_a_whole(writer, heard, database):
    answer = answered()
    ask(writer, heard, opened(), answer)
    ask(writer, heard, phase(), answer)
    heard.wait(lambda heard: len(heard.results) == 2)
    assert heard.results == [CommitResult.COMMITTED, CommitResult.FAILED]
    assert written(database) == (opened(), answer), "nothing of the second, not its phase either"
    with database.reading() as db:
        assert db.scalar(select(func.count()).select_from(CommandRow)) == 1


def test_the_same_frame_twice_is_no_refusal(writer, heard, database):
    writer.keep([opened(), frame(1), frame(1)], urgent=True)
    heard.wait(lambda heard: heard.commits)
    writer.keep([frame(1), frame(2)], urgent=True)
    heard.wait(lambda heard: len(heard.commits) == 2)
    assert seconds(database) == [1, 2]
    assert heard.states == []


def test_a_listener_that_fails_does_not_stop_the_record(writer, heard, database, caplog):
    def fail(result):
        raise RuntimeError("a page went away")

    writer.commit(uuid4(), "StartSession", NURSE, [opened()], fail)
    ask(writer, heard, phase())
    heard.wait(lambda heard: heard.results == [CommitResult.COMMITTED])
    assert written(database) == (opened(), phase())
    assert "a page went away" in caplog.text


# --- how it ends ----------------------------------------------------------------------------------


def test_closing_writes_what_waits_and_can_be_said_twice(writer, heard, database):
    writer.keep([opened(), frame(1)])
    writer.close()
    assert written(database) == (opened(),)
    assert seconds(database) == [1]
    writer.close()


def test_closing_writes_a_backlog_of_many_pieces(writer, database):
    writer.keep([opened(), *(frame(n) for n in range(1, 12_001))])
    writer.close()
    assert len(seconds(database)) == 12_000


def test_nothing_is_accepted_after_closing(writer, heard):
    writer.close()
    with pytest.raises(WriterClosed):
        writer.keep([opened()])
    with pytest.raises(WriterClosed):
        ask(writer, heard, opened())


def test_a_command_may_close_the_writer(writer, heard, database):
    writer.commit(uuid4(), "StartSession", NURSE, [opened()], lambda result: writer.close())
    writer._thread.join(WAIT_S)
    assert not writer._thread.is_alive()
    assert written(database) == (opened(),)


def test_closing_with_a_full_disk_ends_says_what_is_lost_and_answers(writer, disk, heard, caplog):
    disk.is_full = True
    writer.keep([opened(), frame(1)])
    ask(writer, heard, phase())
    writer.close()
    assert heard.results == [CommitResult.FAILED]
    assert "closed with 2 facts that could not be written" in caplog.text


def test_a_writer_wants_a_database_of_its_own(database, clock):
    with pytest.raises(ValueError, match="is_writer=True"):
        StorageWriter(database, clock)


@pytest.mark.parametrize("acknowledged", [5, 150])
def test_a_killed_writer_loses_nothing_it_acknowledged(url, database, acknowledged):
    with subprocess.Popen(
        [sys.executable, "-m", "tests.storage.killed_writer", url],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        lines = [process.stdout.readline().split() for _ in range(acknowledged)]
        process.kill()  # SIGKILL: no handler, no drain
        lines += [line.split() for line in process.stdout if line.endswith("\n")]
    assert {result for _, result in lines} == {"committed"}
    numbers = {int(number) for number, _ in lines}
    with database.reading() as db:
        assert db.scalar(text("PRAGMA integrity_check")) == "ok"
        commands = {found.int for found in db.scalars(select(CommandRow.command_id))}
        alarms = {found.int for found in db.scalars(select(AlarmEventRow.alarm_id))}
    assert numbers <= commands
    assert commands == alarms, "a command without its facts"
    assert {int(second) for second in seconds(database)} >= numbers, "kept before the command"
    assert len(audited(database)) == len(commands)
