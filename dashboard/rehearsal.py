"""How does a session that is already over, or well under way, come into the record of a demo?

By living through it: bytes of a simulated monitor go through the decoder and the rules, people do
what people do, and what comes out is written as it would have been. Nothing here makes up a row.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from struct import Struct
from uuid import uuid4

from clinical.catalog.loader import load_statements
from clinical.chair import ChairState
from clinical.checklist import Answer, Verdict
from clinical.commands import (
    AcknowledgeAlarm,
    AnswerItem,
    ChangePhase,
    Command,
    LockBaseline,
    SignStatement,
    StartSession,
)
from clinical.links import LinkEvent, LinkState
from clinical.monitor import Committed, Effects, Event, Observed, SessionMonitor, Tick
from clinical.phases import SessionPhase
from clinical.ports import CommitResult
from clinical.record import Fact
from clinical.requests import findings
from clinical.sign_off import Actor, Role, Signature, SignerKind, SignMethod
from clinical.vitals import CUFF
from devices.protocols.line import Garbled
from devices.registry import PROTOCOLS

STAMP = Struct("<dI")  # as the simulators write it: second, number of bytes that arrived then
ANSWERS_ALARM_AFTER = timedelta(seconds=25)
NURSE = Actor("nurse", "Demo Nurse", Role.NURSE)
CLINICIAN = Actor("clinician", "Demo Clinician", Role.CLINICIAN)

Act = Callable[[ChairState, datetime], Iterable[Command]]


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit to rehearse. ``infusion_at`` is when the infusion starts, or would start."""

    chair: int
    patient: str
    infusion_at: datetime
    infusion_number: int
    planned_min: int = 40


@dataclass(frozen=True, slots=True)
class Written:
    """Facts in the order of their making, with the command behind them if there was one."""

    command: Command | None
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Wire:
    """What came from one monitor: ``pieces`` as they arrived, each at its second after ``begin``.

    ``interval_s`` is how often it was asked to speak.
    """

    monitor: str
    begin: datetime
    pieces: Sequence[tuple[float, bytes]]
    interval_s: float


def pieces_of(stamped: bytes) -> Iterator[tuple[float, bytes]]:
    """The pieces of a simulator's ``--stamps`` file, each with its second."""
    at = 0
    while at < len(stamped):
        second, size = STAMP.unpack_from(stamped, at)
        at += STAMP.size + size
        yield second, stamped[at - size : at]


def frames(wires: Sequence[Wire], *, is_one_of_two: bool = False) -> Iterator[Observed]:
    """What ``wires`` say, in the order of time; they name their monitor where the chair has two.

    Each wire is a monitor of its own: it counts its cuff readings anew, and the blank cuff it
    begins with is no failed one.
    """
    said = (
        _frames(wire, f"{number}", wire.monitor if is_one_of_two else "")
        for number, wire in enumerate(wires, 1)
    )
    return heapq.merge(*said, key=lambda observed: observed.at)


def _frames(wire: Wire, number: str, name: str) -> Iterator[Observed]:
    protocol, has_cuff = PROTOCOLS[wire.monitor], False
    decoder = protocol.decoder()
    for second, piece in wire.pieces:
        at = wire.begin + timedelta(seconds=second)
        for message in decoder.feed(piece):
            seen = [] if isinstance(message, Garbled) else protocol.translate(message, at)
            has_cuff = has_cuff or any(obs.measurement_id for obs in seen)
            kept = tuple(
                replace(obs, measurement_id=f"{number}-{obs.measurement_id}")
                if obs.measurement_id
                else obs
                for obs in seen
                if has_cuff or obs.metric not in CUFF
            )
            if kept:
                yield Observed(kept, at, wire.interval_s, name)


def rehearse(
    state: ChairState, acts: Sequence[tuple[datetime, Act]], seen: Iterable[Observed]
) -> Iterator[Written]:
    """Play ``acts`` and ``seen`` in the order of their times; yield what is to be written."""
    monitor, todo = SessionMonitor(), sorted(acts, key=lambda act: act[0])
    due: datetime | None = None
    first = True

    def step(event: Event, now: datetime) -> Effects:
        nonlocal state, due
        state, effects, due = monitor.step(state, event, now)
        return effects

    def told(event: Event, now: datetime) -> Iterator[Written]:
        effects = step(event, now)
        if effects.facts:
            yield Written(None, effects.facts)
        if effects.commit is not None:
            yield Written(*effects.commit)
            yield from told(Committed(*effects.commit, CommitResult.COMMITTED), now)

    for observed in seen:
        if first:
            names = [each.name for each in state.monitors] if len(state.monitors) > 1 else [""]
            for name in names:
                step(LinkEvent(LinkState.LIVE, observed.at, monitor=name), observed.at)
            first = False
        while todo and todo[0][0] <= observed.at:
            at, act = todo.pop(0)
            for command in act(state, at):
                yield from told(command, at)
        while due is not None and due < observed.at:
            yield from told(Tick(), due)
        yield from told(observed, observed.at)
        for command in _alarms_seen(state, observed.at):
            yield from told(command, observed.at)


def until_infusion(visit: Visit) -> list[tuple[datetime, Act]]:
    """From the arrival to the locked baseline, in the twelve minutes before the infusion."""
    start = StartSession(
        command_id=uuid4(),
        by=NURSE,
        chair=visit.chair,
        patient=visit.patient,
        planned_infusion_min=visit.planned_min,
        infusion_number=visit.infusion_number,
    )
    return [
        (_minute(visit, -11.5), lambda state, now: [start]),
        (_minute(visit, -10.5), _sign("sitter-arrival", visit)),
        (_minute(visit, -10), _phase(visit, SessionPhase.BASELINE)),
        (_minute(visit, -1), _lock_baseline(visit)),
    ]


def infusion(visit: Visit) -> list[tuple[datetime, Act]]:
    return [(visit.infusion_at, _phase(visit, SessionPhase.INFUSING))]


def recovery(visit: Visit) -> list[tuple[datetime, Act]]:
    return [(_minute(visit, visit.planned_min), _phase(visit, SessionPhase.RECOVERY))]


def discharge(visit: Visit) -> list[tuple[datetime, Act]]:
    """Checklist, signatures and the way home, 34 minutes after the infusion stopped."""
    leaves = visit.planned_min + 34
    return [
        (_minute(visit, leaves), _answer_all(visit)),
        (_minute(visit, leaves + 0.5), _sign("sitter-handover", visit)),
        (_minute(visit, leaves + 1), _sign("nurse-discharge", visit)),
        (_minute(visit, leaves + 1.5), _phase(visit, SessionPhase.DISCHARGED)),
    ]


def _minute(visit: Visit, minute: float) -> datetime:
    return visit.infusion_at + timedelta(minutes=minute)


def _lock_baseline(visit: Visit) -> Act:
    return lambda state, now: [LockBaseline(command_id=uuid4(), by=NURSE, chair=visit.chair)]


def _phase(visit: Visit, to: SessionPhase) -> Act:
    return lambda state, now: [ChangePhase(command_id=uuid4(), by=NURSE, chair=visit.chair, to=to)]


def _sign(statement_id: str, visit: Visit) -> Act:
    statement = load_statements()[statement_id]
    is_sitter = statement.signer is SignerKind.SITTER
    name = f"Sitter of {visit.patient}" if is_sitter else NURSE.name
    signature = Signature(name, SignMethod.TYPED, name)
    if is_sitter:
        signature = replace(
            signature,
            relation="friend",
            phone="555 0100",
            transport="by car, the sitter drives",
            id_checked=True,
            is_adult=True,
        )
    return lambda state, now: [
        SignStatement(
            command_id=uuid4(),
            by=NURSE,
            chair=visit.chair,
            statement=statement_id,
            shown_text=statement.text,
            signature=signature,
        )
    ]


def _answer_all(visit: Visit) -> Act:
    def answers(state: ChairState, now: datetime) -> Iterator[Command]:
        session = state.session
        if session is None:
            return
        found = findings(session, now)
        for item in session.checklist.items:
            verdict = found[item.id].verdict if item.id in found else None
            if verdict is Verdict.MET:
                continue
            is_override = verdict is Verdict.NOT_MET
            by = NURSE if Role.NURSE in item.answered_by and not is_override else CLINICIAN
            yield AnswerItem(
                command_id=uuid4(),
                by=by,
                chair=visit.chair,
                item=item.id,
                answer=Answer.YES,
                note="Seen and examined; well enough to go home." if is_override else "",
            )

    return answers


def _alarms_seen(state: ChairState, now: datetime) -> list[Command]:
    alarms = state.session.alarms.values() if state.session else ()
    return [
        AcknowledgeAlarm(command_id=uuid4(), by=NURSE, chair=state.chair, alarm_id=alarm.alarm_id)
        for alarm in alarms
        if alarm.acknowledged_by is None and now - alarm.onset_at >= ANSWERS_ALARM_AFTER
    ]
