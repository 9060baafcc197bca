"""Which made-up facts do the tests of the record write?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from clinical.alarms import AlarmKind, AlarmPriority, Direction
from clinical.links import CuffOrder, LinkState
from clinical.phases import SessionPhase
from clinical.record import (
    AlarmCalled,
    AlarmChange,
    AlarmEvent,
    AlarmShown,
    AlarmSwitched,
    AudioChanged,
    AudioState,
    BaselineLocked,
    CallStage,
    ClockCompared,
    CuffAllowed,
    CuffOrdered,
    Entry,
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
from clinical.sign_off import (
    Actor,
    Role,
    Signature,
    SignerKind,
    SignMethod,
    Statement,
    bound_hash,
)
from clinical.vitals import CUFF, Metric, Observation, Quality, Source
from storage.facts import RareFact

T0 = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
SESSION = UUID("11111111-2222-4333-8444-555555555555")
NURSE = Actor("anna", "Anna Berg", Role.NURSE)
HAND_OVER = Statement(
    id="sitter-duties",
    version=1,
    title="I take the patient home.",
    duties=("I stay until tomorrow morning.", "I drive; the patient does not."),
    signer=SignerKind.SITTER,
    phases=(SessionPhase.RECOVERY,),
)


def after(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def opened(session: UUID = SESSION, *, at: datetime = T0, chair: int = 1) -> SessionOpened:
    return SessionOpened(
        session=session,
        at=at,
        by="anna",
        chair=chair,
        patient="K.L.",
        planned_infusion_min=40,
        infusion_number=2,
        series_length=6,
        preset="ketamine-adult",
        preset_version=1,
        checklist="recovery",
        checklist_version=1,
        is_simulated=True,
    )


def phase(
    to: SessionPhase = SessionPhase.PREPARATION,
    *,
    at: datetime = T0,
    session: UUID = SESSION,
) -> PhaseChanged:
    return PhaseChanged(session, at, "anna", to, "the patient has arrived")


def frame(
    second: float,
    *,
    session: UUID = SESSION,
    metrics: tuple[Metric, ...] = (Metric.HEART_RATE, Metric.SPO2),
    value: float = 72.0,
) -> Vitals:
    at = after(second)
    source = {Metric.HEART_RATE: Source.ECG, Metric.RESP_RATE: Source.IMPEDANCE}
    return Vitals(
        session,
        at,
        tuple(
            Observation(metric, value, Quality.VALID, at, source.get(metric, Source.SPO2))
            for metric in metrics
        ),
    )


def cuff(
    second: float,
    systolic: float | None,
    *,
    measurement_id: str = "n1",
    quality: Quality = Quality.VALID,
    session: UUID = SESSION,
) -> list[Reading]:
    values = {
        Metric.NIBP_SYSTOLIC: systolic,
        Metric.NIBP_DIASTOLIC: systolic and systolic - 40,
        Metric.NIBP_MEAN: systolic and systolic - 27,
        Metric.NIBP_PULSE: systolic and 70.0,
    }
    return [
        Reading(
            session,
            Observation(
                metric,
                value,
                quality,
                after(second),
                Source.NIBP,
                measurement_id=measurement_id,
            ),
        )
        for metric, value in values.items()
    ]


def by_hand(
    second: float, metric: Metric, value: float, *, entered: float | None = None, by: str = "anna"
) -> Reading:
    """Measured at ``second``, entered at ``entered`` (None: at once)."""
    measurement_id = f"hand-{second:g}" if metric in CUFF else None
    observation = Observation(
        metric, value, Quality.VALID, after(second), Source.MANUAL, measurement_id=measurement_id
    )
    entry = Entry(by, by[:2].upper(), after(second if entered is None else entered))
    return Reading(SESSION, observation, entry=entry)


def heard(
    at: datetime,
    serial: str,
    *,
    session: UUID | None = SESSION,
    chair: int = 1,
    monitor: str = "dinamap",
    by: str = "vigil",
    is_bound: bool = True,
) -> MonitorHeard:
    return MonitorHeard(session, chair, at, by, monitor, "V100", serial, "R1A", is_bound)


def alarm(
    change: AlarmChange = AlarmChange.RAISED,
    *,
    alarm_id: UUID,
    at: datetime = T0,
    priority: AlarmPriority = AlarmPriority.MEDIUM,
    session: UUID | None = SESSION,
    worst: float | None = 172.0,
    by: str = "",
) -> AlarmEvent:
    return AlarmEvent(
        session=session,
        chair=1,
        alarm_id=alarm_id,
        change=change,
        at=at,
        condition="nibp_systolic high",
        kind=AlarmKind.PHYSIOLOGICAL,
        priority=priority,
        metric=Metric.NIBP_SYSTOLIC,
        direction=Direction.HIGH,
        value=172.0,
        limit=160.0,
        worst=worst,
        delay_s=0.0,
        phase=SessionPhase.INFUSING,
        text=f"{priority.mark} SYS {worst:.0f} > 160" if worst else "SYS",
        by=by,
    )


def answered(item: str = "orientation", *, replaces: UUID | None = None) -> ItemAnswered:
    return ItemAnswered(
        answer_id=uuid4(),
        session=SESSION,
        at=after(4000),
        by="anna",
        checklist="recovery",
        item=item,
        answer="yes",
        note="knows day and place",
        evidence="",
        replaces=replaces,
    )


def signed() -> StatementSigned:
    signature = Signature(
        name="Ida Berg",
        method=SignMethod.DRAWN,
        mark="M 1 1 L 5 9",
        relation="sister",
        phone="555 0100",
        transport="car",
        id_checked=True,
        is_adult=True,
    )
    return StatementSigned(
        signature_id=uuid4(),
        session=SESSION,
        at=after(5000),
        statement=HAND_OVER.id,
        version=HAND_OVER.version,
        text=HAND_OVER.text,
        signer=HAND_OVER.signer,
        signature=signature,
        sha256=bound_hash(str(SESSION), HAND_OVER, signature),
        witness="anna",
        witness_name="Anna Berg",
    )


def whole_session() -> list[RareFact]:
    """One of each kind at least, in an order that is not the order of their times."""
    alarm_id, first = uuid4(), answered()
    return [
        opened(),
        phase(),
        LinkChanged(SESSION, after(1), LinkState.LIVE, ""),
        heard(after(1), "SN-1"),
        ClockCompared(SESSION, 1, after(2), "dinamap", -3.25),
        BaselineLocked(SESSION, after(300), "anna", 121, 81, 94, 68, None, ("n1", "n2")),
        phase(SessionPhase.INFUSING, at=after(310)),
        MonitorsArranged(SESSION, after(390), "kim", (Listened("masimo-ascii1", "capture"),)),
        Remarked(SESSION, after(400), "masimo-ascii1", Metric.SPO2, "sensor off patient"),
        CuffAllowed(SESSION, after(410), "kim", is_allowed=True),
        CuffOrdered(SESSION, after(420), "anna", CuffOrder.START, "dinamap"),
        LimitChanged(
            *(SESSION, after(430), "kim", Metric.NIBP_SYSTOLIC, Direction.HIGH),
            *(AlarmPriority.MEDIUM, 160.0, 170.0, "hypertensive"),
        ),
        AlarmSwitched(SESSION, after(440), "kim", Metric.SPO2, is_off=True, reason="cold hand"),
        ProbePlaced(SESSION, after(450), "anna", is_on_cuff_arm=True),
        AudioChanged(SESSION, after(890), "anna", AudioState.PAUSED, after(1010)),
        replace(alarm(alarm_id=alarm_id, at=after(900)), audio=AudioState.PAUSED),
        AlarmShown(SESSION, after(901), alarm_id, "anna"),
        AlarmCalled(SESSION, after(905), alarm_id, CallStage.SECOND, "kim"),
        AlarmShown(SESSION, after(907), alarm_id, "kim", CallStage.SECOND),
        LinkChanged(SESSION, after(950), LinkState.DISCONNECTED, "the cable is out"),
        Gap(SESSION, after(955), after(990), "the monitor was not heard"),
        replace(
            alarm(AlarmChange.ACKNOWLEDGED, alarm_id=alarm_id, at=after(910), by="anna"),
            reason="repeated, agrees",
        ),
        alarm(AlarmChange.CLEARED, alarm_id=alarm_id, at=after(1200)),
        phase(SessionPhase.RECOVERY, at=after(2710)),
        first,
        answered(replaces=first.answer_id),
        signed(),
    ]
