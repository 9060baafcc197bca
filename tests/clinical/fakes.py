"""Who stands in for the monitor, the staff, the record and the clock in tests of the rules?"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID, uuid5

from clinical.catalog.loader import load_statements
from clinical.chair import ChairState, OpenAlarm, SessionState
from clinical.commands import (
    AcknowledgeAlarm,
    AnswerItem,
    ChangePhase,
    Command,
    ConfirmMonitor,
    Entered,
    LockBaseline,
    Outcome,
    RecordObservation,
    SignStatement,
    StartSession,
)
from clinical.identity import Identity
from clinical.links import ClockRead, Identified, LinkEvent, LinkState
from clinical.monitor import Committed, Effects, Event, Observed, Overrun, SessionMonitor, Tick
from clinical.phases import SessionPhase
from clinical.ports import CommitResult, RecorderState
from clinical.record import AlarmEvent, Fact, Reading, StoredSession, Vitals
from clinical.sign_off import Actor, Role, Signature, SignerKind, SignMethod
from clinical.snapshot import Change, LiveSnapshot
from clinical.vitals import CUFF, Metric, Observation, Quality

BEGIN = datetime(2026, 3, 14, 9, 0, tzinfo=UTC)
NURSE = Actor("anna", "Anna Berg", Role.NURSE)
CLINICIAN = Actor("kim", "Kim Osei", Role.CLINICIAN)
DIRECTOR = Actor("ines", "Inés Prado", Role.DIRECTOR)
NAMESPACE = UUID("8f7f2f0a-5a55-4a5e-9a0e-3f5d1d9d6c11")

SHORT = {
    "hr": Metric.HEART_RATE,
    "pulse": Metric.PULSE_RATE,
    "spo2": Metric.SPO2,
    "rr": Metric.RESP_RATE,
    "sys": Metric.NIBP_SYSTOLIC,
    "dia": Metric.NIBP_DIASTOLIC,
    "mean": Metric.NIBP_MEAN,
    "temp": Metric.TEMPERATURE_1,
}
WAY = (SessionPhase.BASELINE, SessionPhase.INFUSING, SessionPhase.RECOVERY)


def at(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def ids() -> Callable[[], UUID]:
    """Command ids that are the same in every run."""
    numbers = count()
    return lambda: uuid5(NAMESPACE, f"command {next(numbers)}")


def seen(
    seconds: float, *, quality: Quality | None = None, reading: str | None = None, **values: object
) -> tuple[Observation, ...]:
    """Observations at ``seconds`` by short name; None is sent as not available."""
    made = []
    for name, value in values.items():
        metric = SHORT[name]
        number = None if value is None else float(value)  # type: ignore[arg-type]
        why = quality or (Quality.UNAVAILABLE if number is None else Quality.VALID)
        mark = reading if metric in CUFF else None
        made.append(Observation(metric, number, why, at(seconds), measurement_id=mark))
    return tuple(made)


def sitter(**other: object) -> Signature:
    """A sitter's complete signature, with ``other`` in place of what it had."""
    whole = Signature(
        "Maria Alvarez",
        SignMethod.TYPED,
        "Maria Alvarez",
        relation="sister",
        phone="555 0100",
        transport="by car",
        id_checked=True,
        is_adult=True,
    )
    return replace(whole, **other)  # type: ignore[arg-type]


def own(actor: Actor) -> Signature:
    return Signature(actor.name, SignMethod.TYPED, actor.name)


@dataclass
class Bedside:
    """One chair, stepped by hand in data time: what the engine does, without its thread.

    ``facts`` is the record, in the order in which it would be written.
    """

    state: ChairState = field(default_factory=lambda: ChairState(1, "Chair 1", is_simulated=True))
    facts: list[Fact] = field(default_factory=list)
    now: datetime = BEGIN
    due: datetime | None = None
    new_id: Callable[[], UUID] = field(default_factory=ids)
    readings: int = 0

    @property
    def session(self) -> SessionState:
        assert self.state.session is not None
        return self.state.session

    @property
    def alarms(self) -> Mapping[str, OpenAlarm]:
        return self.session.alarms

    def open(self) -> set[tuple[str, str]]:
        """The alarm conditions that hold, and their priority; a repeat asked for is none."""
        return {
            (name, alarm.signal.priority.value)
            for name, alarm in self.alarms.items()
            if not alarm.is_latched and name != "REPEAT BP"
        }

    def latched(self) -> set[str]:
        """The conditions that have ended and that nobody has seen."""
        return {name for name, alarm in self.alarms.items() if alarm.is_latched}

    def log(self, condition: str = "") -> list[tuple[str, str, str, float]]:
        """What the record says of alarms: condition, change, priority, seconds from the begin."""
        return [
            (
                fact.condition,
                fact.change.value,
                fact.priority.value,
                round((fact.at - BEGIN).total_seconds(), 3),
            )
            for fact in self.facts
            if isinstance(fact, AlarmEvent) and fact.condition.startswith(condition)
        ]

    def step(self, event: Event, now: datetime | None = None) -> Effects:
        self.now = max(self.now, now or self.now)
        self.state, effects, self.due = SessionMonitor().step(self.state, event, self.now)
        self.facts += effects.facts
        return effects

    def ask(
        self, command: Command, result: CommitResult = CommitResult.COMMITTED
    ) -> tuple[Outcome, tuple[Fact, ...]]:
        """Step a command and the recorder's word on it; what came of it, and its facts."""
        effects = self.step(command)
        if effects.commit is None:
            assert effects.outcome is not None
            return effects.outcome[1], ()
        facts = effects.commit[1]
        if result is CommitResult.COMMITTED:
            self.facts += facts
        effects = self.step(Committed(command, facts, result))
        assert effects.outcome is not None
        return effects.outcome[1], facts

    # --- time and the monitor ---------------------------------------------------------------------

    def see(self, seconds: float, late_s: float = 0.01, **values: object) -> Effects:
        """A frame with ``values`` that arrived at ``seconds`` and was handled ``late_s`` after."""
        frame = Observed(seen(seconds, **values), at(seconds))
        return self.step(frame, at(seconds + late_s))

    def cuff(self, seconds: float, sys: float | None, dia: float | None, mean: float | None = None):
        """A cuff reading; all None is a failed one, which has no number of its own."""
        is_reading = (sys, dia, mean) != (None, None, None)
        self.readings += is_reading
        name = f"n{self.readings}" if is_reading else None
        if mean is None and sys is not None and dia is not None:
            mean = round(dia + (sys - dia) / 3)
        frame = Observed(seen(seconds, reading=name, sys=sys, dia=dia, mean=mean), at(seconds))
        return self.step(frame, at(seconds + 0.01))

    def tick(self, seconds: float) -> Effects:
        return self.step(Tick(), at(seconds))

    def wait(self, until: float) -> None:
        """Let time pass as the engine does: a step whenever one is due."""
        while self.due is not None and self.due <= at(until):
            self.step(Tick(), self.due)
        self.now = max(self.now, at(until))

    def watch(self, begin: float, end: float, **values: object) -> None:
        """A frame with ``values`` each second from ``begin`` up to and without ``end``."""
        second = begin
        while second < end:
            self.wait(second)
            self.see(second, **values)
            second += 1

    def link(self, seconds: float, state: LinkState, detail: str = "") -> Effects:
        return self.step(LinkEvent(state, at(seconds), detail), at(seconds))

    def says(self, seconds: float, identity: Identity, monitor: str = "") -> Effects:
        """Its monitor says who it is."""
        return self.step(Identified(identity, at(seconds), monitor), at(seconds))

    def clock_is(self, seconds: float, offset_s: float, monitor: str = "") -> Effects:
        return self.step(ClockRead(offset_s, at(seconds), monitor), at(seconds))

    def recording(self, seconds: float, is_recording: bool) -> Effects:
        return self.step(RecorderState(is_recording), at(seconds))

    def overrun(self, seconds: float) -> Effects:
        return self.step(Overrun(), at(seconds))

    # --- people -----------------------------------------------------------------------------------

    def start(self, by: Actor = NURSE, **other: object) -> Outcome:
        wanted: dict[str, object] = {"patient": "KL", **other}
        made = StartSession(command_id=self.new_id(), by=by, chair=1, **wanted)  # type: ignore[arg-type]
        return self.ask(made)[0]

    def phase(self, to: SessionPhase, reason: str = "", by: Actor = NURSE) -> Outcome:
        return self.ask(
            ChangePhase(command_id=self.new_id(), by=by, chair=1, to=to, reason=reason)
        )[0]

    def bring_to(self, to: SessionPhase) -> None:
        """Walk the phases up to ``to``."""
        done = WAY.index(self.session.phase) + 1 if self.session.phase in WAY else 0
        for phase in WAY[done:]:
            if self.session.phase is to:
                return
            assert self.phase(phase).kind.value == "done"

    def lock(self, by: Actor = NURSE) -> Outcome:
        return self.ask(LockBaseline(command_id=self.new_id(), by=by, chair=1))[0]

    def acknowledge(self, condition: str, by: Actor = NURSE) -> Outcome:
        return self.ask(self.acknowledgement(condition, by))[0]

    def acknowledgement(self, condition: str, by: Actor = NURSE) -> AcknowledgeAlarm:
        alarm_id = self.alarms[condition].alarm_id
        return AcknowledgeAlarm(command_id=self.new_id(), by=by, chair=1, alarm_id=alarm_id)

    def answer(self, item: str, answer: str = "yes", note: str = "", by: Actor = NURSE) -> Outcome:
        return self.ask(
            AnswerItem(
                command_id=self.new_id(), by=by, chair=1, item=item, answer=answer, note=note
            )
        )[0]

    def sign(
        self,
        statement: str,
        signature: Signature | None = None,
        by: Actor = NURSE,
        shown: str | None = None,
    ) -> Outcome:
        known = load_statements().get(statement)
        if signature is None:
            is_staff = known is not None and known.signer is SignerKind.NURSE
            signature = own(by) if is_staff else sitter()
        if shown is None:
            shown = known.text if known is not None else ""
        return self.ask(
            SignStatement(
                command_id=self.new_id(),
                by=by,
                chair=1,
                statement=statement,
                shown_text=shown,
                signature=signature,
            )
        )[0]

    def confirm(self, said: Identity, monitor: str, by: Actor = NURSE) -> Outcome:
        return self.ask(
            ConfirmMonitor(
                command_id=self.new_id(),
                by=by,
                chair=1,
                monitor=monitor,
                model=said.model,
                serial=said.serial,
            )
        )[0]

    def enter(
        self,
        *,
        time: datetime | None = None,
        is_sure: bool = False,
        initials: str = "AB",
        **values: float,
    ) -> Outcome:
        """Somebody enters ``values``, by short name, that were measured at ``time``."""
        return self.ask(
            RecordObservation(
                command_id=self.new_id(),
                by=NURSE,
                chair=1,
                values=tuple(Entered(SHORT[name], value) for name, value in values.items()),
                initials=initials,
                at=time,
                is_sure=is_sure,
            )
        )[0]

    # --- the record -------------------------------------------------------------------------------

    def stored(self) -> StoredSession:
        return stored(self.facts)


def started(phase: SessionPhase = SessionPhase.PREPARATION) -> Bedside:
    """A chair whose line is well, with a session in ``phase``."""
    chair = Bedside()
    chair.link(0, LinkState.LIVE)
    assert chair.start().kind.value == "done"
    chair.bring_to(phase)
    return chair


def ready_to_leave() -> Bedside:
    """A session in recovery where everything is answered and signed; only the way home is left."""
    chair = complete()
    for statement in ("sitter-arrival", "sitter-handover", "nurse-discharge"):
        outcome = chair.sign(statement)
        assert outcome.kind.value == "done", outcome
    return chair


def complete() -> Bedside:
    """A session in recovery with vitals settled and each question answered, and nothing signed."""
    chair = started(SessionPhase.BASELINE)
    chair.see(1, hr=70, spo2=98, rr=14)
    chair.cuff(2, 122, 78)
    chair.see(200, hr=70, spo2=98, rr=14)
    chair.cuff(201, 120, 80)
    assert chair.lock().kind.value == "done"
    chair.bring_to(SessionPhase.RECOVERY)
    for minute in (10, 25, 40):
        chair.see(minute * 60 - 1, hr=72, spo2=98, rr=14)
        chair.cuff(minute * 60, 124, 80)
    for item in chair.session.checklist.items:
        if item.computed_by is None:
            by = NURSE if Role.NURSE in item.answered_by else CLINICIAN
            outcome = chair.answer(item.id, by=by)
            assert outcome.kind.value == "done", outcome
    return chair


def stored(facts: Sequence[Fact]) -> StoredSession:
    """The record of one session as the store gives it back."""
    observations: list[Observation] = []
    frames = [fact for fact in facts if isinstance(fact, Vitals)]
    for fact in facts:
        if isinstance(fact, Vitals):
            observations += fact.observations
        elif isinstance(fact, Reading) and (fact.entry is None or fact.observation.metric in CUFF):
            observations.append(fact.observation)

    def beside(taken_at: datetime) -> tuple[Observation, ...]:
        minute = [f for f in frames if timedelta(0) <= taken_at - f.at <= timedelta(minutes=1)]
        return minute[-1].observations if minute else ()

    cuffs: dict[tuple[str | None, datetime], list[Observation]] = {}
    for obs in observations:
        if obs.metric in CUFF:
            cuffs.setdefault((obs.measurement_id, obs.observed_at), []).append(obs)
    last_cuffs: dict[str, dict[Metric, Observation]] = {}
    for fact in facts:
        if isinstance(fact, Reading) and fact.observation.metric in CUFF and fact.entry is None:
            of_monitor, obs = last_cuffs.setdefault(fact.monitor or "", {}), fact.observation
            if obs.value is not None:
                if any(known.observed_at != obs.observed_at for known in of_monitor.values()):
                    of_monitor.clear()
                of_monitor[obs.metric] = obs
    rare = tuple(fact for fact in facts if not isinstance(fact, Vitals | Reading))
    times = [fact.at for fact in rare if hasattr(fact, "at")]
    return StoredSession(
        facts=rare,
        latest={obs.metric: obs for obs in observations},
        cuffs=tuple((*cuff, *beside(cuff[0].observed_at)) for cuff in cuffs.values()),
        last_at=max([*times, *(obs.observed_at for obs in observations)]),
        last_cuffs={name: tuple(c.values()) for name, c in last_cuffs.items() if c},
        by_hand={
            fact.observation.metric: fact
            for fact in facts
            if isinstance(fact, Reading) and fact.entry is not None
        },
    )


# --- around the engine ----------------------------------------------------------------------------


class FakeClock:
    """Stands still until it is told; reading it from any thread is safe."""

    speed = 1.0

    def __init__(self) -> None:
        self._passed_s = 0.0

    def now(self) -> datetime:
        return at(self._passed_s)

    def monotonic(self) -> float:
        return self._passed_s

    def pass_s(self, seconds: float) -> None:
        self._passed_s += seconds


class FastClock:
    """Runs, ``speed`` times faster than real time."""

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self._begin_s = time.monotonic()

    def now(self) -> datetime:
        return at(self.monotonic())

    def monotonic(self) -> float:
        return (time.monotonic() - self._begin_s) * self.speed


@dataclass
class FakeRecorder:
    """Keeps what it is given. Answers commits with ``result``, or holds them while it is None."""

    result: CommitResult | None = CommitResult.COMMITTED
    kept: list[Fact] = field(default_factory=list)
    committed: list[Fact] = field(default_factory=list)
    held: queue.Queue = field(default_factory=queue.Queue)

    def keep(self, facts: Sequence[Fact], *, urgent: bool = False) -> None:
        self.kept += facts

    def commit(
        self,
        command_id: UUID,
        kind: str,
        by: Actor,
        facts: Sequence[Fact],
        done: Callable[[CommitResult], None],
    ) -> None:
        if self.result is CommitResult.COMMITTED:
            self.committed += facts
        if self.result is None:
            self.held.put((kind, facts, done))
        else:
            done(self.result)


@dataclass
class FakeFeed:
    """Every change that was published, to be waited for."""

    changes: queue.Queue = field(default_factory=queue.Queue)

    def publish(self, snapshot: LiveSnapshot, changes: Sequence[Change]) -> None:
        for change in changes:
            self.changes.put((snapshot, change))
