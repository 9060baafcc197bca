"""What does a past session look like as tables, for a person who looks back at it?

The only module of the record that loads pandas. Text columns are ``str``, times ``TIME``, measured
values float64 in the metric's own unit; what is missing is NaN or NaT, never 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import pandas as pd
from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from clinical.alarms import AlarmPriority
from clinical.identity import Identity
from clinical.links import TEXT
from clinical.phases import IN_CHAIR, SessionPhase
from clinical.record import BY_DATA, AudioChanged, AudioState, CallStage, LimitChanged
from clinical.vitals import CONTINUOUS, NATURE, Metric, Quality, unit_of
from storage import alarms, controls, ledger, observations, sessions, sign_offs
from storage.models import (
    READING,
    READING_BESIDE,
    VITAL,
    VITAL_BESIDE,
    AlarmCalledRow,
    AlarmEventRow,
    AlarmSwitchRow,
    AnswerRow,
    AudioChangeRow,
    BaselineRow,
    ClockOffsetRow,
    CuffAllowedRow,
    CuffOrderRow,
    GapRow,
    LimitChangeRow,
    LinkChangeRow,
    MonitorIdentityRow,
    MonitorsArrangedRow,
    PhaseChangeRow,
    ProbePlacedRow,
    RemarkRow,
    SessionRow,
    SignOffRow,
)
from storage.sessions import find_session as find_session

TIME: Literal["datetime64[us, UTC]"] = "datetime64[us, UTC]"
SESSIONS = 200  # in one table: each is searched for its peaks
CLOCK_HOLDS = timedelta(hours=2)  # a clock is read each hour while its monitor is heard


def sessions_frame(db: Session, *, limit: int = SESSIONS) -> pd.DataFrame:
    """The newest ``limit`` sessions, newest first.

    One row each: id int64 (inner key), public_id str, started TIME, chair int64, patient str
    (initials), phase str, infusion_number int64, series_length int64, duration_min float64 (until
    the patient left the chair; NaN before), peak_systolic_mmhg, peak_heart_rate_bpm (the pulse
    counts too: not every session has an ECG), min_spo2_pct float64, alarms_high, alarms_medium,
    alarms_low int64 (each alarm once, at its worst), is_simulated bool.

    Peaks are of valid and plausible values: an artefact is not a peak. A pressure that a person
    took and entered is one, a rate or a saturation is not.
    """
    newest = select(SessionRow).order_by(col(SessionRow.at).desc(), col(SessionRow.id).desc())
    found = list(db.scalars(newest.limit(limit)))
    ids = [row.id for row in found]
    phases = sessions.phases_now(db, session_ids=ids)
    left = _left_at(db, ids)
    systolic = _peak_systolic(db, ids)
    peaks = _peaks(db, ids)
    counts = _alarm_counts(db, ids)
    rows = []
    for row in found:
        heart_rate, spo2 = peaks.get(row.id, (None, None))
        rows.append(
            {
                "id": row.id,
                "public_id": str(row.public_id),
                "started": row.at,
                "chair": row.chair,
                "patient": row.patient,
                "phase": phases.get(row.id, SessionPhase.PREPARATION).value,
                "infusion_number": row.infusion_number,
                "series_length": row.series_length,
                "duration_min": (
                    (left[row.id] - row.at).total_seconds() / 60 if row.id in left else None
                ),
                "peak_systolic_mmhg": systolic.get(row.id),
                "peak_heart_rate_bpm": heart_rate,
                "min_spo2_pct": spo2,
                "alarms_high": counts[row.id, AlarmPriority.HIGH],
                "alarms_medium": counts[row.id, AlarmPriority.MEDIUM],
                "alarms_low": counts[row.id, AlarmPriority.LOW],
                "is_simulated": row.is_simulated,
            }
        )
    return _frame(
        rows,
        {
            "id": "int64",
            "public_id": "str",
            "started": TIME,
            "chair": "int64",
            "patient": "str",
            "phase": "str",
            "infusion_number": "int64",
            "series_length": "int64",
            "duration_min": "float64",
            "peak_systolic_mmhg": "float64",
            "peak_heart_rate_bpm": "float64",
            "min_spo2_pct": "float64",
            "alarms_high": "int64",
            "alarms_medium": "int64",
            "alarms_low": "int64",
            "is_simulated": "bool",
        },
    )


def trend_frame(db: Session, *, session_id: int) -> pd.DataFrame:
    """The continuous metrics, one row a frame as it came (about 1 Hz), oldest first.

    at TIME; one float64 column for each of ``clinical.vitals.CONTINUOUS``, by its name;
    hr_source, rr_source str; quality str: the JSON of the ``vital`` table, which names the reason
    of each value that is missing or questionable; monitor str. Stretches without a frame have no
    rows.
    """
    columns = [VITAL.c[metric.value] for metric in CONTINUOUS]
    texts = [VITAL.c.hr_source, VITAL.c.rr_source, VITAL.c.quality, VITAL.c.monitor]
    found = db.execute(
        select(VITAL.c.t_ms, *columns, *texts)
        .where(VITAL.c.session_id == session_id)
        .order_by(VITAL.c.t_ms)
    )
    dtypes = {column.name: "float64" for column in columns} | {
        column.name: "str" for column in texts
    }
    frame = pd.DataFrame(found.all(), columns=["at", *dtypes])
    frame["at"] = pd.to_datetime(frame["at"].astype("int64"), unit="ms", utc=True).astype(TIME)
    return frame.astype(dtypes)


def readings_frame(db: Session, *, session_id: int) -> pd.DataFrame:
    """Values with their own time (cuff, temperature, entered by hand), oldest first.

    at TIME, metric str, value float64, unit str (UCUM), quality str, source str ("manual": by
    hand), device_time str (ISO 8601, the monitor's clock), measurement_id str; of what was entered
    by hand entered_by str (the user), initials str, entered TIME (NaN and NaT else).
    """
    rows = db.execute(
        select(READING).where(READING.c.session_id == session_id).order_by(READING.c.t_ms)
    )
    return _frame(
        (
            {
                "at": reading.observed_at,
                "metric": reading.metric.value,
                "value": reading.value,
                "unit": unit_of(reading.metric).value,
                "quality": reading.quality.value,
                "source": None if reading.source is None else reading.source.value,
                "device_time": reading.device_time and reading.device_time.isoformat(),
                "measurement_id": reading.measurement_id,
                "entered_by": entry and entry.by,
                "initials": entry and entry.initials,
                "entered": entry and entry.at,
            }
            for reading, entry in (
                (observations.reading_of(row), observations.entry_of(row)) for row in rows
            )
        ),
        {
            "at": TIME,
            "metric": "str",
            "value": "float64",
            "unit": "str",
            "quality": "str",
            "source": "str",
            "device_time": "str",
            "measurement_id": "str",
            "entered_by": "str",
            "initials": "str",
            "entered": TIME,
        },
    )


def cuffs_frame(db: Session, *, session_id: int) -> pd.DataFrame:
    """The cuff readings, one row a measurement, oldest first; also those that gave no value.

    at TIME, systolic_mmhg, diastolic_mmhg, mean_mmhg, pulse_bpm float64, quality str (the first
    that is not valid, else "valid"), source str ("manual": a person took and entered it),
    measurement_id str.
    """
    rows = []
    for cuff in observations.cuffs(db, session_id=session_id):
        value = {reading.metric: reading.value for reading in cuff}
        first = cuff[0]
        rows.append(
            {
                "at": first.observed_at,
                "systolic_mmhg": value.get(Metric.NIBP_SYSTOLIC),
                "diastolic_mmhg": value.get(Metric.NIBP_DIASTOLIC),
                "mean_mmhg": value.get(Metric.NIBP_MEAN),
                "pulse_bpm": value.get(Metric.NIBP_PULSE),
                "quality": next(
                    (r.quality.value for r in cuff if r.quality is not Quality.VALID), "valid"
                ),
                "source": None if first.source is None else first.source.value,
                "measurement_id": first.measurement_id,
            }
        )
    return _frame(
        rows,
        {
            "at": TIME,
            "systolic_mmhg": "float64",
            "diastolic_mmhg": "float64",
            "mean_mmhg": "float64",
            "pulse_bpm": "float64",
            "quality": "str",
            "source": "str",
            "measurement_id": "str",
        },
    )


def alarms_frame(db: Session, *, session_id: int) -> pd.DataFrame:
    """One row an alarm, in the order of their onset.

    alarm_id str, onset TIME, cleared TIME (the condition was over; NaT: never seen to end),
    duration_s float64 (until then), reset TIME (one that stayed on the screen after that, latched,
    was taken off), reset_by str ("" where no person did), confirmed TIME (by a second cuff
    reading), acknowledged TIME (the first), acknowledged_by str, acknowledged_reason str (""
    where none was given), priority str (the highest it had), kind str, condition str, metric str,
    direction str, value float64 (at the onset), limit float64, delay_s float64 (both at the onset),
    worst float64 (the furthest beyond the limit), phase str, audio str (of the chair, both at the
    onset), called str (where it was carried while nobody answered, in words), shown_to str (who
    had it on a screen), text str (at its highest priority, of its worst value where that is known).
    """
    return _frame(
        (_alarm(alarm) for alarm in alarms.logged_alarms(db, session_id=session_id)),
        {
            "alarm_id": "str",
            "onset": TIME,
            "cleared": TIME,
            "duration_s": "float64",
            "reset": TIME,
            "reset_by": "str",
            "confirmed": TIME,
            "acknowledged": TIME,
            "acknowledged_by": "str",
            "acknowledged_reason": "str",
            "priority": "str",
            "kind": "str",
            "condition": "str",
            "metric": "str",
            "direction": "str",
            "value": "float64",
            "limit": "float64",
            "delay_s": "float64",
            "worst": "float64",
            "phase": "str",
            "audio": "str",
            "called": "str",
            "shown_to": "str",
            "text": "str",
        },
    )


def events_frame(db: Session, *, session_id: int) -> pd.DataFrame:
    """What happened besides values and alarms, in the order it was written.

    at TIME, until TIME (of a gap or a pause; NaT else), kind str ("phase", "link", "gap",
    "baseline", "device" heard, "monitors" arranged anew, "remark" of a monitor, "cuff" worked from
    the chair page; of the alarms "audio", "switch" of a sign, "limit" moved, "probe" placed,
    "call"), what str (the phase, the link's or the sound's state, the gap's reason, the baseline's
    pressures, the monitor, the metric, the order, the stage), text str (in words), by str (NaN
    where it was no person).
    """
    numbered: list[tuple[int, dict[str, Any]]] = []
    for phase in ledger.rows_of(db, PhaseChangeRow, session_id):
        event = {"at": phase.at, "kind": "phase", "what": phase.phase, "text": phase.reason}
        numbered.append((phase.fact_no, event | {"by": phase.by}))
    for link in ledger.rows_of(db, LinkChangeRow, session_id):
        words = TEXT[sessions.link_of(link, UUID(int=0)).state] or "LIVE"
        words = f"{link.monitor} {words}" if link.monitor else words
        text = f"{words}: {link.detail}" if link.detail else words
        event = {"at": link.at, "kind": "link", "what": link.state, "text": text}
        numbered.append((link.fact_no, event))
    for heard in ledger.rows_of(db, MonitorIdentityRow, session_id):
        whose = "from now on this chair's own" if heard.is_bound else "not this chair's own"
        text = f"{heard.monitor}: {_device(heard).words}, {whose}"
        event = {"at": heard.at, "kind": "device", "what": heard.monitor, "text": text}
        by = None if heard.by == BY_DATA else heard.by
        numbered.append((heard.fact_no, event | {"by": by}))
    for arranged in ledger.rows_of(db, MonitorsArrangedRow, session_id):
        names = ", ".join(one.name for one in sessions.listened(arranged.monitors)) or "none"
        event = {"at": arranged.at, "kind": "monitors", "what": names}
        text = f"from now on {names}"
        numbered.append((arranged.fact_no, event | {"text": text, "by": arranged.by}))
    for remark in ledger.rows_of(db, RemarkRow, session_id):
        said = remark.text or "says nothing more"
        about = NATURE[Metric(remark.metric)].label if remark.metric else "its alarms"
        text = f"{remark.monitor}, {about}: {said}"
        event = {"at": remark.at, "kind": "remark", "what": remark.metric, "text": text}
        numbered.append((remark.fact_no, event))
    for allowed in ledger.rows_of(db, CuffAllowedRow, session_id):
        text = "may be started from here" if allowed.is_allowed else "no longer started from here"
        event = {"at": allowed.at, "kind": "cuff", "what": "allowed", "text": text}
        numbered.append((allowed.fact_no, event | {"by": allowed.by}))
    for order in ledger.rows_of(db, CuffOrderRow, session_id):
        text = f"{order.monitor}: {order.order}"
        event = {"at": order.at, "kind": "cuff", "what": order.order, "text": text}
        numbered.append((order.fact_no, event | {"by": order.by}))
    for gap in ledger.rows_of(db, GapRow, session_id):
        event = {"at": gap.since, "until": gap.until, "kind": "gap", "what": gap.reason}
        numbered.append((gap.fact_no, event | {"text": f"no record: {gap.reason}"}))
    for base in ledger.rows_of(db, BaselineRow, session_id):
        what = f"{base.systolic_mmhg:.0f}/{base.diastolic_mmhg:.0f} ({base.mean_mmhg:.0f}) mmHg"
        pulse = "" if base.heart_rate_bpm is None else f", HR {base.heart_rate_bpm:.0f} /min"
        event = {"at": base.at, "kind": "baseline", "what": what, "text": what + pulse}
        numbered.append((base.fact_no, event | {"by": base.by}))
    numbered += _alarm_events(db, session_id)
    numbered.sort(key=lambda pair: pair[0])
    return _frame(
        (event for _, event in numbered),
        {"at": TIME, "until": TIME, "kind": "str", "what": "str", "text": "str", "by": "str"},
    )


def monitors_frame(db: Session, *, session_id: int) -> pd.DataFrame:
    """The monitors that a session was read from, in the order they came to the chair.

    name, proof str (how far its protocol was proven on that day; "" where the record does not say),
    since TIME (NaT: from the start, or unknown), until TIME (NaT: to the end), by str (who put it
    there in the session; NaN else), beside int64: how many of its values are kept beside the record
    because another monitor's were shown. One that was taken away and came again is there twice.
    Empty for sessions of versions that did not say.
    """
    stays = _stays(db, session_id)
    named = {stay.name for stay in stays}
    for table in (VITAL, READING):
        of_session = table.c.session_id == session_id
        for name in db.scalars(select(table.c.monitor).where(of_session).distinct()):
            if name is not None and name not in named:
                named.add(name)
                stays.append(_Stay(name))
    return _frame(
        (
            {
                "name": stay.name,
                "proof": stay.proof,
                "since": stay.since,
                "until": stay.until,
                "by": stay.by,
                "beside": _kept_beside(db, session_id, stay),
            }
            for stay in stays
        ),
        {
            "name": "str",
            "proof": "str",
            "since": TIME,
            "until": TIME,
            "by": "str",
            "beside": "int64",
        },
    )


@dataclass(slots=True)
class _Stay:
    """A monitor at the chair, from and to when; None: from the start, to the end of the session."""

    name: str
    proof: str = ""
    since: datetime | None = None
    until: datetime | None = None
    by: str | None = None


def _stays(db: Session, session_id: int) -> list[_Stay]:
    first = sessions.monitors_of(db.get_one(SessionRow, session_id))
    stays = [_Stay(one.name, one.proof) for one in first]
    here = {stay.name: stay for stay in stays}
    for row in ledger.rows_of(db, MonitorsArrangedRow, session_id):
        now = {one.name: one for one in sessions.listened(row.monitors)}
        for name in here.keys() - now.keys():
            here.pop(name).until = row.at
        for name, one in now.items():
            if name not in here:
                here[name] = _Stay(name, one.proof, row.at, by=row.by)
                stays.append(here[name])
    return stays


def _kept_beside(db: Session, session_id: int, stay: _Stay) -> int:
    columns = [func.count(VITAL_BESIDE.c[metric.value]) for metric in CONTINUOUS]
    kept = 0
    for table, counted in ((VITAL_BESIDE, columns), (READING_BESIDE, [func.count()])):
        of_stay = select(*counted).where(
            table.c.session_id == session_id, table.c.monitor == stay.name
        )
        if stay.since is not None:
            of_stay = of_stay.where(table.c.t_ms >= observations.t_ms(stay.since))
        if stay.until is not None:
            of_stay = of_stay.where(table.c.t_ms < observations.t_ms(stay.until))
        kept += sum(db.execute(of_stay).one())
    return kept


def devices_frame(db: Session, *, session_id: int) -> pd.DataFrame:
    """Which devices were heard for a session, and how far their clocks were off; oldest first.

    monitor str (the protocol's name), model, serial, version str ("" for what the device does not
    say), since TIME (when it was first heard, or confirmed: for one that belonged to the chair
    before, in an earlier session), is_bound bool (it belongs to the chair; else nothing of it was
    recorded), by str (who confirmed it; NaN where nobody had to), clock_first_s, clock_worst_s
    float64: how far its clock was ahead of ours when the session, or this row, began, and at the
    most, s (NaN where it was never read).
    """
    row = db.get_one(SessionRow, session_id)
    devices = _devices(db, row)
    offsets = _offsets(devices, _clocks(db, row))
    return _frame(
        (
            {
                "monitor": device.monitor,
                "model": device.model,
                "serial": device.serial,
                "version": device.version,
                "since": device.at,
                "is_bound": device.is_bound,
                "by": None if device.by == BY_DATA else device.by,
                "clock_first_s": next(iter(offsets[device.fact_no]), None),
                "clock_worst_s": max(offsets[device.fact_no], key=abs, default=None),
            }
            for device in devices
        ),
        {
            "monitor": "str",
            "model": "str",
            "serial": "str",
            "version": "str",
            "since": TIME,
            "is_bound": "bool",
            "by": "str",
            "clock_first_s": "float64",
            "clock_worst_s": "float64",
        },
    )


def _devices(db: Session, row: SessionRow) -> list[MonitorIdentityRow]:
    """Those heard in the session, and of each of its monitors the device that belonged there."""
    table = MonitorIdentityRow
    before = (
        select(table)
        .where(
            col(table.chair) == row.chair,
            col(table.fact_no) < row.fact_no,
            col(table.is_bound),
            col(table.monitor).in_({stay.name for stay in _stays(db, row.id)}),
        )
        .order_by(col(table.fact_no))
    )
    known = {device.monitor: device for device in db.scalars(before)}
    return [*known.values(), *ledger.rows_of(db, table, row.id)]


def _clocks(db: Session, row: SessionRow) -> list[ClockOffsetRow]:
    """Those read in the session, and before them of each monitor the last one before it began."""
    table = ClockOffsetRow
    before = (
        select(table)
        .where(
            col(table.chair) == row.chair,
            col(table.fact_no) < row.fact_no,
            col(table.at) > row.at - CLOCK_HOLDS,
        )
        .order_by(col(table.fact_no))
    )
    last = {clock.monitor: clock for clock in db.scalars(before)}
    return [*last.values(), *ledger.rows_of(db, table, row.id)]


def _offsets(
    devices: Sequence[MonitorIdentityRow], clocks: Sequence[ClockOffsetRow]
) -> dict[int, list[float]]:
    """By ``fact_no`` of each of ``devices``, how far its clock was ahead while it was there, s.

    What was read of it before it was confirmed still holds then.
    """
    offsets: dict[int, list[float]] = {device.fact_no: [] for device in devices}
    for clock in clocks:
        of_monitor = [each for each in devices if each.monitor == clock.monitor]
        heard = [each for each in of_monitor if each.at <= clock.at] or of_monitor[:1]
        if heard:
            offsets[heard[-1].fact_no].append(clock.offset_s)
    before: dict[str, MonitorIdentityRow] = {}
    for device in devices:
        known = before.get(device.monitor)
        if known is not None and not _device(device).is_other_than(_device(known)):
            offsets[device.fact_no][:0] = offsets[known.fact_no][-1:]
        before[device.monitor] = device
    return offsets


def _device(row: MonitorIdentityRow) -> Identity:
    return Identity(row.model, row.serial, row.version)


def answers_frame(db: Session, *, session_id: int) -> pd.DataFrame:
    """Every answer given to a checklist item, in the order they were given.

    at TIME, by str, checklist str, item str, answer str, note str, evidence str, answer_id str,
    replaces str (the answer_id it corrects; NaN else), is_replaced bool (a later one corrects it).
    """
    rows = ledger.rows_of(db, AnswerRow, session_id)
    replaced = {row.replaces for row in rows}
    return _frame(
        (
            ledger.fields_of(row)
            | {
                "answer_id": str(row.answer_id),
                "replaces": None if row.replaces is None else str(row.replaces),
                "is_replaced": row.answer_id in replaced,
            }
            for row in rows
        ),
        {
            "at": TIME,
            "by": "str",
            "checklist": "str",
            "item": "str",
            "answer": "str",
            "note": "str",
            "evidence": "str",
            "answer_id": "str",
            "replaces": "str",
            "is_replaced": "bool",
        },
    )


def signatures_frame(db: Session, *, session_id: int) -> pd.DataFrame:
    """Every signature, in the order they were given.

    signature_id str, at TIME, statement str, version int64, text str (what was signed), signer
    str ("sitter", "nurse"), name, method, mark, relation, phone, transport str, id_checked,
    is_adult bool, witness, witness_name str, sha256 str, still_binds bool (the hash of what is
    stored is the one that was signed).
    """
    session = db.get_one(SessionRow, session_id).public_id
    return _frame(
        (
            ledger.fields_of(row)
            | {
                "signature_id": str(row.signature_id),
                "still_binds": sign_offs.still_binds(sign_offs.sign_off_of(row, session)),
            }
            for row in ledger.rows_of(db, SignOffRow, session_id)
        ),
        {
            "signature_id": "str",
            "at": TIME,
            "statement": "str",
            "version": "int64",
            "text": "str",
            "signer": "str",
            "name": "str",
            "method": "str",
            "mark": "str",
            "relation": "str",
            "phone": "str",
            "transport": "str",
            "id_checked": "bool",
            "is_adult": "bool",
            "witness": "str",
            "witness_name": "str",
            "sha256": "str",
            "still_binds": "bool",
        },
    )


def _alarm(alarm: alarms.LoggedAlarm) -> dict[str, Any]:
    """One alarm as one row."""
    seen = alarm.acknowledged[0] if alarm.acknowledged else None
    cleared, reset = alarm.cleared, alarm.reset
    shown_to = dict.fromkeys(receipt.to for receipt in alarm.shown)
    return {
        "alarm_id": str(alarm.alarm_id),
        "onset": alarm.onset,
        "cleared": cleared,
        "duration_s": None if cleared is None else (cleared - alarm.onset).total_seconds(),
        "reset": reset and reset.at,
        "reset_by": reset and reset.by,
        "confirmed": alarm.confirmed,
        "acknowledged": seen and seen.at,
        "acknowledged_by": seen and seen.by,
        "acknowledged_reason": seen and seen.reason,
        "priority": alarm.priority.value,
        "kind": alarm.kind.value,
        "condition": alarm.condition,
        "metric": alarm.metric and alarm.metric.value,
        "direction": alarm.direction and alarm.direction.value,
        "value": alarm.value,
        "limit": alarm.limit,
        "delay_s": alarm.delay_s,
        "worst": alarm.worst,
        "phase": alarm.phase and alarm.phase.value,
        "audio": alarm.audio.value,
        "called": "; ".join(_called(call.stage, call.to) for call in alarm.calls) or None,
        "shown_to": ", ".join(shown_to) or None,
        "text": alarm.text,
    }


def _alarm_events(db: Session, session_id: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """What was done with the alarms as a whole, and where one was carried, with their fact_no."""
    unnamed = UUID(int=0)
    for sound in ledger.rows_of(db, AudioChangeRow, session_id):
        text = _why(_audio_words(controls.audio_of(sound, unnamed)), sound.reason)
        event = {"at": sound.at, "until": sound.until, "kind": "audio", "what": sound.state}
        yield sound.fact_no, event | {"text": text, "by": sound.by}
    for switch in ledger.rows_of(db, AlarmSwitchRow, session_id):
        state = "off" if switch.is_off else "on"
        text = _why(f"{NATURE[Metric(switch.metric)].label} alarms {state}", switch.reason)
        event = {"at": switch.at, "kind": "switch", "what": switch.metric, "text": text}
        yield switch.fact_no, event | {"by": switch.by}
    for moved in ledger.rows_of(db, LimitChangeRow, session_id):
        text = _why(_limit_words(controls.limit_of(moved, unnamed)), moved.reason)
        event = {"at": moved.at, "kind": "limit", "what": moved.metric, "text": text}
        yield moved.fact_no, event | {"by": moved.by}
    for placed in ledger.rows_of(db, ProbePlacedRow, session_id):
        arm = "on the arm of the cuff" if placed.is_on_cuff_arm else "not on the arm of the cuff"
        event = {"at": placed.at, "kind": "probe", "what": "spo2", "text": f"SpO2 probe {arm}"}
        yield placed.fact_no, event | {"by": placed.by}
    texts: dict[UUID, str] = {}
    rows: list[AlarmEventRow | AlarmCalledRow] = [
        *ledger.rows_of(db, AlarmEventRow, session_id),
        *ledger.rows_of(db, AlarmCalledRow, session_id),
    ]
    for row in sorted(rows, key=lambda row: row.fact_no):
        if isinstance(row, AlarmEventRow):
            texts[row.alarm_id] = row.text
            continue
        text = f"{texts.get(row.alarm_id, 'alarm')}: {_called(CallStage(row.stage), row.to)}"
        yield row.fact_no, {"at": row.at, "kind": "call", "what": row.stage, "text": text}


def _called(stage: CallStage, to: str) -> str:
    match stage:
        case CallStage.ALL_SCREENS:
            return "on all screens"
        case CallStage.SECOND:
            return f"{to} called" if to else "nobody is named to be called"
        case CallStage.PROMPT:
            return "asked to think about stopping"


def _limit_words(change: LimitChanged) -> str:
    label = NATURE[change.metric].label
    which = f"{label} {change.direction}, {change.priority}"
    return f"{which}: {change.before:g} to {change.value:g}"


def _audio_words(change: AudioChanged) -> str:
    match change.state:
        case AudioState.ON:
            return "sound on"
        case AudioState.OFF:
            return "sound off"
        case AudioState.PAUSED if change.until is not None:
            return f"sound paused for {(change.until - change.at).total_seconds():.0f} s"
        case AudioState.PAUSED:
            return "sound paused"


def _why(words: str, reason: str) -> str:
    return f"{words}: {reason}" if reason else words


def _left_at(db: Session, session_ids: Sequence[int]) -> dict[int, datetime]:
    """When the patient of each session left the chair; one who sits in it is not here."""
    key, watched = col(PhaseChangeRow.session_id), [phase.value for phase in IN_CHAIR]
    found = db.execute(
        select(key, func.min(col(PhaseChangeRow.at)))
        .where(key.in_(session_ids), col(PhaseChangeRow.phase).not_in(watched))
        .group_by(key)
    )
    return dict(iter(found))


def _alarm_counts(
    db: Session, session_ids: Sequence[int]
) -> Counter[tuple[int | None, AlarmPriority]]:
    """How many alarms each session had, by the highest priority of each."""
    key = col(AlarmEventRow.session_id)
    found = db.execute(
        select(key, col(AlarmEventRow.alarm_id), col(AlarmEventRow.priority))
        .where(key.in_(session_ids))
        .distinct()
    )
    highest: dict[tuple[int | None, UUID], AlarmPriority] = {}
    for session_id, alarm_id, text in found:
        known = highest.get((session_id, alarm_id), AlarmPriority.LOW)
        highest[session_id, alarm_id] = max(known, AlarmPriority(text), key=lambda p: p.rank)
    return Counter((session_id, priority) for (session_id, _), priority in highest.items())


def _peak_systolic(db: Session, session_ids: Sequence[int]) -> dict[int, float]:
    systolic = Metric.NIBP_SYSTOLIC
    found = db.execute(
        select(READING.c.session_id, func.max(READING.c.value))
        .where(
            READING.c.session_id.in_(session_ids),
            READING.c.metric == systolic.value,
            READING.c.quality == Quality.VALID.value,
            READING.c.value.between(*NATURE[systolic].plausible),
        )
        .group_by(READING.c.session_id)
    )
    return dict(iter(found))


def _peaks(db: Session, session_ids: Sequence[int]) -> dict[int, tuple[float | None, float | None]]:
    """The highest heart rate and the lowest saturation of each session that has vitals."""
    heart_rate = func.coalesce(_valid(Metric.HEART_RATE), _valid(Metric.PULSE_RATE))
    found = db.execute(
        select(VITAL.c.session_id, func.max(heart_rate), func.min(_valid(Metric.SPO2)))
        .where(VITAL.c.session_id.in_(session_ids))
        .group_by(VITAL.c.session_id)
    )
    return {session_id: (peak, lowest) for session_id, peak, lowest in found}


def _valid(metric: Metric) -> ColumnElement[float | None]:
    """The metric's value in a row of ``vital``; null where it is not valid or not plausible."""
    value, quality = VITAL.c[metric.value], VITAL.c.quality
    is_valid = or_(quality.is_(None), ~quality.contains(f'"{metric.value}"'))
    return case((and_(value.between(*NATURE[metric].plausible), is_valid), value))


def _frame(rows: Iterable[Mapping[str, Any]], dtypes: dict[str, str]) -> pd.DataFrame:
    """The same columns and dtypes whether there are rows or none."""
    return pd.DataFrame(list(rows), columns=list(dtypes)).astype(dtypes)
