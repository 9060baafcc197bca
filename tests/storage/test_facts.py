"""Does every fact come back from the database as it went in, and in the order it was written?"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import get_args
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from clinical.phases import SessionPhase
from clinical.record import (
    AlarmCalled,
    AlarmEvent,
    AlarmShown,
    AlarmSwitched,
    AudioChanged,
    BaselineLocked,
    ClockCompared,
    CuffAllowed,
    CuffOrdered,
    Entry,
    Fact,
    Gap,
    ItemAnswered,
    LimitChanged,
    LinkChanged,
    Listened,
    MonitorHeard,
    MonitorsArranged,
    PhaseChanged,
    ProbePlaced,
    Reading,
    Remarked,
    SessionOpened,
    StatementSigned,
    Vitals,
)
from clinical.sign_off import Signature
from clinical.vitals import CONTINUOUS, CUFF, Metric, Observation, Quality, Source
from storage import facts, observations, review
from storage.ledger import UnknownSession, key_of
from storage.models import FACT, READING, READING_BESIDE, VITAL, VITAL_BESIDE
from tests.storage.made_up import (
    SESSION,
    T0,
    after,
    alarm,
    answered,
    by_hand,
    cuff,
    frame,
    heard,
    opened,
    phase,
    whole_session,
)

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
IN_MS = TIMES.map(lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000))
DEVICE_TIMES = st.none() | IN_MS.map(lambda at: at.replace(tzinfo=None))
VALUES = st.floats(-1000, 1000)
SMALL = st.integers(0, 10_000)

st.register_type_strategy(str, TEXTS)
st.register_type_strategy(float, VALUES)
st.register_type_strategy(int, SMALL)
st.register_type_strategy(datetime, TIMES)


def built(kind, **given):
    """Facts of ``kind``; the fields that have a default are drawn as well."""
    drawn = {field.name: ... for field in fields(kind)}
    return st.builds(kind, **drawn | {"session": st.just(SESSION)} | given)


RARE = {
    "phase": built(PhaseChanged),
    "baseline": built(BaselineLocked),
    "alarm": built(AlarmEvent),
    "call": built(AlarmCalled),
    "shown": built(AlarmShown),
    "audio": built(AudioChanged),
    "switched": built(AlarmSwitched),
    "limit": built(LimitChanged),
    "probe": built(ProbePlaced),
    "link": built(LinkChanged),
    "heard": built(MonitorHeard),
    "clock": built(ClockCompared),
    "arranged": built(MonitorsArranged),
    "remark": built(Remarked),
    "cuff allowed": built(CuffAllowed),
    "cuff ordered": built(CuffOrdered),
    "gap": built(Gap),
    "answer": built(ItemAnswered, replaces=st.none()),
    "signature": built(StatementSigned, signature=st.builds(Signature)),
}


def of_quality(metric, quality, value, **given):
    return Observation(metric, value if quality.has_value else None, quality, **given)


@st.composite
def frames(draw):
    at, device_time = draw(IN_MS), draw(DEVICE_TIMES)
    metrics = draw(st.lists(st.sampled_from(CONTINUOUS), min_size=1, unique=True))
    sources = {
        Metric.HEART_RATE: draw(st.sampled_from([None, Source.ECG, Source.SPO2])),
        Metric.RESP_RATE: draw(st.sampled_from([None, Source.CO2, Source.IMPEDANCE])),
    }
    return Vitals(
        SESSION,
        at,
        tuple(
            of_quality(
                metric,
                draw(st.sampled_from(Quality)),
                draw(VALUES),
                observed_at=at,
                source=(sources | observations.ONLY_SOURCE)[metric],
                device_time=device_time,
            )
            for metric in sorted(metrics, key=CONTINUOUS.index)
        ),
    )


READINGS = st.builds(
    of_quality,
    st.sampled_from(Metric),
    st.sampled_from(Quality),
    VALUES,
    observed_at=IN_MS,
    source=st.none() | st.sampled_from(Source),
    device_time=DEVICE_TIMES | IN_MS,
    measurement_id=st.none() | TEXTS,
)
ENTRIES = st.builds(Entry, by=TEXTS, initials=TEXTS, at=IN_MS)


@contextmanager
def undone(database):
    """A transaction with the session in it, that leaves nothing behind for the next example."""

    class Undo(Exception):
        pass

    try:
        with database.writing() as db:
            facts.append(db, opened(), written_at=T0)
            yield db
            raise Undo
    except Undo:
        pass


# One database for all examples of a test: each undoes what it wrote.
FEW = settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("kind", RARE)
@FEW
@given(data=st.data())
def test_a_rare_fact_comes_back_as_it_went_in(database, kind, data):
    fact = data.draw(RARE[kind])
    with undone(database) as db:
        facts.append(db, fact, written_at=T0)
        db.expunge_all()
        assert facts.facts_of(db, session=SESSION) == (opened(), fact)


@FEW
@given(fact=built(SessionOpened, session=st.uuids()))
def test_a_session_comes_back_as_it_was_opened(database, fact):
    with undone(database) as db:
        facts.append(db, fact, written_at=T0)
        db.expunge_all()
        assert facts.facts_of(db, session=fact.session) == (fact,)


@FEW
@given(fact=frames())
def test_a_frame_comes_back_as_it_went_in(database, fact):
    with undone(database) as db:
        facts.append(db, fact, written_at=T0)
        found = observations.chair_points(db, session=SESSION, since=fact.at)
        assert Vitals(SESSION, fact.at, tuple(found)) == fact


@FEW
@given(
    observation=READINGS,
    entry=st.none() | ENTRIES,
    is_beside=st.booleans(),
    monitor=st.none() | TEXTS,
)
def test_a_reading_comes_back_as_it_went_in(database, observation, entry, is_beside, monitor):
    fact = Reading(SESSION, observation, monitor, is_beside, entry)
    with undone(database) as db:
        facts.append(db, fact, written_at=T0)
        (row,) = db.execute(select(READING_BESIDE if is_beside else READING))
        assert replace(observations.fact_of(row, SESSION), is_beside=is_beside) == fact
        found = observations.chair_points(db, session=SESSION, since=observation.observed_at)
        assert found == ([] if is_beside else [observation])


def record(database, *given):
    with database.writing() as db:
        for fact in given:
            facts.append(db, fact, written_at=T0)


def points(database, since=T0):
    with database.reading() as db:
        return observations.chair_points(db, session=SESSION, since=since)


def test_every_kind_of_fact_has_its_rows_and_is_among_those_made_up():
    assert {*facts.RECORD, Vitals, Reading} == {*get_args(Fact)}
    assert {type(fact) for fact in whole_session()} == {*facts.RECORD}


def test_a_session_comes_back_in_the_order_it_was_written(database):
    record(database, *(written := whole_session()))
    with database.reading() as db:
        assert facts.facts_of(db, session=SESSION) == tuple(written)
        (stored,) = facts.stored_sessions(db)
    assert stored.facts == tuple(written)


def test_what_happens_at_an_empty_chair_is_of_no_session(database):
    clock = ClockCompared(None, 1, after(2), "dinamap", 12.5)
    unseated = (alarm(alarm_id=uuid4(), session=None), heard(T0, "SN-1", session=None), clock)
    record(database, opened(), *unseated)
    with database.reading() as db:
        assert facts.facts_of(db, session=SESSION) == (opened(),)
        assert db.scalar(select(func.count()).select_from(FACT)) == 4


def test_a_fact_of_an_unknown_session_is_refused(database):
    for fact in (phase(), frame(1), cuff(1, 120)[0]):
        with pytest.raises(UnknownSession, match=str(SESSION)), database.writing() as db:
            facts.append(db, fact, written_at=T0)
    with pytest.raises(UnknownSession), database.reading() as db:
        facts.facts_of(db, session=SESSION)


def test_a_metric_with_its_own_time_has_no_place_in_a_frame(database):
    record(database, opened())
    with pytest.raises(ValueError, match="expected continuous metrics"), database.writing() as db:
        facts.append(db, frame(1, metrics=(Metric.TEMPERATURE_1,)), written_at=T0)


def test_an_answer_and_a_session_are_written_once(database):
    record(database, opened(), answer := answered())
    for fact in (opened(), answer, answered(replaces=uuid4())):
        with pytest.raises(IntegrityError), database.writing() as db:
            facts.append(db, fact, written_at=T0)


# --- values ---------------------------------------------------------------------------------------


def test_the_same_frame_or_reading_twice_is_kept_once(database):
    given = [frame(1), *cuff(2, 120)]
    record(database, opened(), *given, *given)
    with database.writing() as db:
        observations.append_vitals(db, [frame(1), frame(1), frame(3)])
        observations.append_readings(db, cuff(2, 120) * 2)
        assert db.scalar(select(func.count()).select_from(VITAL)) == 2
        assert db.scalar(select(func.count()).select_from(READING)) == 4


def test_two_frames_in_one_millisecond_are_both_kept(database):
    """Some monitors send their metrics in several frames, read in one go."""
    heart = frame(1, metrics=(Metric.HEART_RATE,))
    lungs = frame(1.0002, metrics=(Metric.RESP_RATE,))
    record(database, opened())
    with database.writing() as db:
        observations.append_vitals(db, [heart, lungs])
    record(database, frame(1.0004, metrics=(Metric.SPO2,)))
    found = {point.metric: point.observed_at for point in points(database)}
    assert found == {
        Metric.HEART_RATE: after(1),
        Metric.RESP_RATE: after(1.001),
        Metric.SPO2: after(1.002),
    }


def test_the_monitors_wall_clock_is_kept_without_a_zone(database):
    at = datetime(2026, 11, 22, 10, 0, tzinfo=UTC) + timedelta(hours=2)
    sent = frame(1)
    stamped = tuple(replace(o, device_time=at) for o in sent.observations)
    record(database, opened(), replace(sent, observations=stamped))
    assert {point.device_time for point in points(database)} == {at.replace(tzinfo=None)}


def test_points_are_oldest_first_and_from_since_on(database):
    record(database, opened(), frame(3), *cuff(2, 120), frame(1), frame(4))
    found = points(database, since=after(2))
    assert [p.observed_at for p in found] == sorted(p.observed_at for p in found)
    assert [p.observed_at for p in found] == [after(2)] * 4 + [after(3)] * 2 + [after(4)] * 2


def latest_and_cuffs(database):
    with database.reading() as db:
        session_id = key_of(db, SESSION)
        latest = observations.latest(db, session_id=session_id)
        newest = {metric: found for metric, (found, _monitor) in latest.items()}
        return newest, observations.cuffs(db, session_id=session_id)


def test_latest_is_the_newest_of_each_metric_even_without_a_value(database):
    off = Observation(Metric.SPO2, None, Quality.UNAVAILABLE, after(3), Source.SPO2)
    breath = frame(8, metrics=(Metric.RESP_RATE,))
    record(
        database,
        *(opened(), frame(1), frame(2), Vitals(SESSION, after(3), (off,))),
        *(breath, *cuff(4, 120), *cuff(5, 130, measurement_id="n2")),
    )
    latest, _ = latest_and_cuffs(database)
    assert latest[Metric.HEART_RATE].observed_at == after(2)
    assert latest[Metric.SPO2] == off
    assert latest[Metric.RESP_RATE] == breath.observations[0]
    assert latest[Metric.NIBP_SYSTOLIC].value == 130
    assert Metric.ETCO2 not in latest


def test_of_what_a_hand_entered_only_a_pressure_is_what_a_chair_shows(database):
    """And it is no monitor's: it does not say when a cuff last worked."""
    counted = [by_hand(20, Metric.RESP_RATE, 14.0), by_hand(20, Metric.TEMPERATURE_1, 37.0)]
    taken = [by_hand(30, Metric.NIBP_SYSTOLIC, 118.0), by_hand(30, Metric.NIBP_DIASTOLIC, 78.0)]
    older = by_hand(5, Metric.RESP_RATE, 15.0, entered=40)
    measured = [replace(each, monitor="dinamap") for each in cuff(10, 120)]
    record(database, opened(), frame(1, metrics=(Metric.RESP_RATE,)), *measured)
    record(database, *counted, *taken, older)
    with database.reading() as db:
        (stored,) = facts.stored_sessions(db)
    assert stored.latest[Metric.RESP_RATE].observed_at == after(1)
    assert Metric.TEMPERATURE_1 not in stored.latest
    assert [stored.latest[metric].value for metric in CUFF] == [118, 78, 93, 70]
    assert stored.shown_from == dict.fromkeys(CUFF[2:], "dinamap")
    assert [obs.source for reading in stored.cuffs for obs in reading[:1]] == [
        *(Source.NIBP, Source.MANUAL),
    ]
    assert [obs.value for obs in stored.last_cuffs["dinamap"]] == [120, 80, 93, 70]
    assert [*stored.last_cuffs] == ["dinamap"]
    assert stored.by_hand == {each.observation.metric: each for each in (*counted, *taken)}


def test_a_value_entered_again_for_the_same_time_is_kept_beside_the_first(database):
    wrong, right = by_hand(20, Metric.SPO2, 59.0), by_hand(20, Metric.SPO2, 95.0, entered=60)
    record(database, opened(), wrong, right)
    with database.reading() as db:
        (stored,) = facts.stored_sessions(db)
    assert [point.value for point in points(database)] == [59, 95]
    assert stored.by_hand[Metric.SPO2].observation.value == 95


def test_a_cuff_is_whole_though_its_monitor_counts_from_one_again(database):
    """n1 comes again after a reconnect; the second n1 here gave a systolic value only."""
    first, second, third = cuff(10, 120), cuff(300, 125, measurement_id="n2"), cuff(600, 130)
    record(database, opened(), *first, *second, third[0])
    _, cuffs = latest_and_cuffs(database)
    systolic = [[o.value for o in c if o.metric is Metric.NIBP_SYSTOLIC] for c in cuffs]
    assert systolic == [[120], [125], [130]]
    assert [len(c) for c in cuffs] == [4, 4, 1]
    assert cuffs[0] == tuple(reading.observation for reading in first)


# --- what a restart goes on from ------------------------------------------------------------------


def test_a_session_is_stored_until_the_patient_leaves_the_chair(database):
    gone, empty, sits = (UUID(int=n) for n in (1, 2, 3))
    for session in (gone, empty, sits):
        record(database, opened(session))
    for to in (SessionPhase.PREPARATION, SessionPhase.ABORTED):
        record(database, phase(to, session=gone))
    record(database, phase(SessionPhase.INFUSING, session=sits, at=after(50)))
    record(database, frame(54, session=sits), frame(60, session=sits))
    record(database, *cuff(55, 120, session=sits), *cuff(300, 121, session=sits))
    with database.reading() as db:
        without_phase, infusing = facts.stored_sessions(db)
    assert without_phase.facts == (opened(empty),)
    assert without_phase.last_at == T0
    assert not without_phase.latest
    assert infusing.facts[-1].phase is SessionPhase.INFUSING
    assert infusing.last_at == after(300)
    first, second = infusing.cuffs
    assert {o.metric: o.observed_at for o in first}[Metric.HEART_RATE] == after(54)
    assert len(second) == 4, "nothing was measured in the minute before"
    assert infusing.latest[Metric.HEART_RATE].value == 72


def test_a_session_says_which_monitors_it_was_read_from(database):
    listened = (Listened("dinamap", "simulated"), Listened("ivy450c", "capture"))
    first = replace(opened(), monitors=listened)
    with database.writing() as db:
        facts.append(db, first, written_at=T0)
        assert facts.facts_of(db, session=SESSION) == (first,)


def test_what_a_second_monitor_says_is_kept_beside_and_never_mixed(database):
    shown, beside = frame(1, value=97.0), replace(frame(1, value=91.0), is_beside=True)
    readings = [
        *cuff(2, 120.0),
        *(replace(each, is_beside=True) for each in cuff(3, 180.0, measurement_id="m1")),
    ]
    named = [replace(each, monitor="ivy450c") for each in readings]
    with database.writing() as db:
        facts.append(db, opened(), written_at=T0)
        observations.append_vitals(db, [replace(beside, monitor="masimo-ascii1"), shown])
        observations.append_readings(db, named)
        key = key_of(db, SESSION)
        seen = observations.chair_points(db, session=SESSION, since=T0)
        assert {point.value for point in seen} == {97.0, 120.0, 80.0, 93.0, 70.0}
        assert observations.latest(db, session_id=key)[Metric.SPO2][0].value == 97.0
        assert len(observations.cuffs(db, session_id=key)) == 1
        (stored,) = facts.stored_sessions(db)
        assert stored.shown_from == dict.fromkeys(CUFF, "ivy450c")
        (kept,) = db.execute(select(VITAL_BESIDE)).all()
        assert (kept.monitor, kept.spo2) == ("masimo-ascii1", 91.0)
        kept_cuff = db.execute(select(READING_BESIDE.c.value, READING_BESIDE.c.monitor)).all()
        assert (180.0, "ivy450c") in kept_cuff
        assert len(kept_cuff) == 4
        assert db.scalar(select(READING.c.monitor)) == "ivy450c"


def test_the_newest_cuff_reading_of_each_monitor_is_known_after_a_restart(database):
    named = [
        *(replace(each, monitor="dinamap") for each in cuff(2, 120.0)),
        *(replace(each, monitor="dinamap") for each in cuff(300, 130.0, measurement_id="n2")),
        *(
            replace(each, monitor="ivy450c", is_beside=True)
            for each in cuff(250, 180.0, measurement_id="m1")
        ),
    ]
    record(database, opened(), *named)
    with database.reading() as db:
        (stored,) = facts.stored_sessions(db)
    values = {name: [obs.value for obs in cuff] for name, cuff in stored.last_cuffs.items()}
    assert {name: found[0] for name, found in values.items()} == {"dinamap": 130, "ivy450c": 180}
    assert all(len(found) == 4 for found in values.values())


def test_what_is_beside_a_cuff_is_the_newest_of_each_sign_not_of_one_frame(database):
    record(
        database,
        *(opened(), frame(1, metrics=(Metric.HEART_RATE, Metric.SPO2))),
        *(frame(1.4, metrics=(Metric.RESP_RATE,), value=14.0), *cuff(2, 120.0)),
    )
    with database.reading() as db:
        (stored,) = facts.stored_sessions(db)
    (reading,) = stored.cuffs
    assert {obs.metric for obs in reading} == {
        *CUFF,
        Metric.HEART_RATE,
        Metric.SPO2,
        Metric.RESP_RATE,
    }


def test_a_monitor_that_came_later_is_named_too(database):
    later = replace(frame(1), monitor="philips-intellivue")
    record(database, replace(opened(), monitors=(Listened("ge-dri", "capture"),)), later)
    with database.reading() as db:
        found = review.monitors_frame(db, session_id=key_of(db, SESSION))
    assert found[["name", "proof", "beside"]].to_dict("records") == [
        {"name": "ge-dri", "proof": "capture", "beside": 0},
        {"name": "philips-intellivue", "proof": "", "beside": 0},
    ]
