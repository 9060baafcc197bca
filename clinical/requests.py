"""Is what a person asks allowed now, and which facts does it make?

Phase, role and completeness are judged here and nowhere else: a command that was sent past every
page meets the same refusal.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from clinical import by_hand, recognition
from clinical.alarms import AlarmPriority, Direction
from clinical.baseline import NoBaseline, baseline_from
from clinical.catalog.loader import LimitKey, UnknownEntry, load_checklist, load_statements
from clinical.catalog.presets import why_not
from clinical.chair import ChairState, SessionState, alarm_event, ended, link_of
from clinical.checklist import Answer, ChecklistItem, Finding, Verdict
from clinical.commands import (
    AcknowledgeAlarm,
    AdjustLimits,
    AllowCuff,
    AnswerItem,
    ChangePhase,
    Command,
    ConfirmMonitor,
    LimitAsked,
    LockBaseline,
    OrderCuff,
    PauseAudio,
    PlaceProbe,
    RecordObservation,
    SignStatement,
    StartSession,
    SwitchAlarm,
    SwitchAudio,
)
from clinical.links import CuffOrder, LinkState
from clinical.phases import MOVES, SessionPhase, refusal
from clinical.record import (
    BY_DATA,
    AlarmChange,
    AlarmSwitched,
    AudioChanged,
    AudioState,
    CuffAllowed,
    CuffOrdered,
    Fact,
    ItemAnswered,
    LimitChanged,
    Listened,
    PhaseChanged,
    ProbePlaced,
    Reading,
    SessionOpened,
    StatementSigned,
)
from clinical.recovery import RULES, Evidence
from clinical.sign_off import (
    Role,
    Signature,
    SignerKind,
    SignMethod,
    Statement,
    bound_hash,
    is_drawing,
)
from clinical.vitals import NATURE, Metric

AGAINST = "The data say no: "  # before the evidence of an answer that a clinician gave all the same
NAME_MAX = 120
NOTE_MAX = 2000
REASON_MAX = 200
PAUSE_S = (30, 300)  # IEC 60601-1-8 leaves it to the clinic; longer is forgotten
PLANNED_MIN = (5, 240)
SERIES_MAX = 12
CUFF_REST = timedelta(seconds=60)  # from start to start: a cycle, and half a minute for the arm
ARM_REST = timedelta(seconds=30)  # from a reading to the next start
START_IS_LATE = timedelta(seconds=2)  # after it was asked for; by then somebody else has acted


class Refused(Exception):
    """A rule forbids it. The message is for the person who asked; ``missing`` says what lacks."""

    def __init__(
        self, reason: str, missing: tuple[str, ...] = (), *, is_question: bool = False
    ) -> None:
        super().__init__(reason)
        self.missing, self.is_question = missing, is_question


def facts_of(command: Command, state: ChairState, now: datetime) -> tuple[Fact, ...]:
    """The facts that ``command`` makes. Raises Refused where a rule forbids it."""
    if isinstance(command, StartSession):
        return _start(command, state, now)
    if isinstance(command, ConfirmMonitor):
        return _confirm_monitor(command, state, now)
    session = state.session
    if session is None:
        raise Refused(f"there is no session in chair {state.chair}")
    if command.session not in (None, session.opened.session):
        raise Refused(f"another patient sits in chair {state.chair} now: look again")
    match command:
        case ChangePhase():
            return _change_phase(command, state, session, now)
        case LockBaseline():
            return _lock_baseline(command, session, now)
        case AcknowledgeAlarm():
            return _acknowledge(command, state, session, now)
        case PauseAudio():
            return (_pause_audio(command, session, now),)
        case SwitchAudio():
            return (_switch_audio(command, session, now),)
        case SwitchAlarm():
            return (_switch_alarm(command, session, now),)
        case AdjustLimits():
            return _adjust_limits(command, session, now)
        case PlaceProbe():
            return (_place_probe(command, session, now),)
        case AllowCuff():
            return (_allow_cuff(command, state, session, now),)
        case OrderCuff():
            return (_order_cuff(command, state, session, now),)
        case RecordObservation():
            return _entered(command, state, session, now)
        case AnswerItem():
            return _answer(command, session, now)
        case SignStatement():
            return _sign(command, session, now)
    raise Refused(f"{type(command).__name__} is not known here")


def findings(session: SessionState, now: datetime) -> Mapping[str, Finding]:
    """What the data say of each item of the checklist that they can fill, by item id."""
    if session.phase is not SessionPhase.RECOVERY:
        return {}
    evidence = Evidence(
        now=now,
        infusion_stopped_at=session.infusion_stopped_at,
        minutes_since_stop=session.checklist.minutes_since_stop,
        infusion_started_at=session.infusion_started_at,
        minutes_since_start=session.preset.minutes_since_start,
        sets=session.sets,
        baseline=session.baseline,
        open_alarms=[
            alarm.signal.text
            for alarm in session.alarms.values()
            if alarm.signal.priority is not AlarmPriority.LOW
        ],
    )
    return {
        item.id: RULES[item.computed_by](evidence)
        for item in session.checklist.items
        if item.computed_by is not None
    }


def missing(session: SessionState, found: Mapping[str, Finding]) -> tuple[str, ...]:
    """What discharge still lacks, in a nurse's words; empty when the patient may leave."""
    lacks = [_lack(item, session, found) for item in session.checklist.items]
    unsigned = [
        f"not signed: {statement.title}"
        for statement in load_statements().values()
        if statement.id not in session.signatures
    ]
    return (*filter(None, lacks), *unsigned)


def _lack(item: ChecklistItem, session: SessionState, found: Mapping[str, Finding]) -> str | None:
    answer, finding = session.answers.get(item.id), found.get(item.id)
    if answer is not None and answer.answer == Answer.NO:
        return f"answered no: {item.text}"
    if finding is not None and finding.verdict is Verdict.NOT_MET:
        # A yes from before the data said no does not outlast them; one given against them does.
        if answer is None or not answer.evidence.startswith(AGAINST):
            return f"{item.text} ({finding.evidence})"
    elif answer is None and (finding is None or finding.verdict is Verdict.UNKNOWN):
        return f"not answered: {item.text}"
    return None


def _start(command: StartSession, state: ChairState, now: datetime) -> tuple[Fact, ...]:
    if state.session is not None:
        raise Refused(f"chair {state.chair} is taken by {state.session.opened.patient}")
    if not by_hand.INITIALS.fullmatch(command.patient):
        raise Refused(f"expected the patient's initials, 1 to 4 letters, got {command.patient!r}")
    low, high = PLANNED_MIN
    if not low <= command.planned_infusion_min <= high:
        raise Refused(
            f"expected {low} to {high} planned minutes, got {command.planned_infusion_min}"
        )
    if not 1 <= command.infusion_number <= command.series_length <= SERIES_MAX:
        raise Refused(
            f"expected infusion n of N with N at most {SERIES_MAX}, "
            f"got {command.infusion_number} of {command.series_length}"
        )
    try:
        preset, checklist = state.presets.newest(command.preset), load_checklist(command.checklist)
    except UnknownEntry as error:
        raise Refused(str(error)) from error
    session = command.command_id
    return (
        SessionOpened(
            session=session,
            at=now,
            by=command.by.user,
            chair=state.chair,
            patient=command.patient.upper(),
            planned_infusion_min=command.planned_infusion_min,
            infusion_number=command.infusion_number,
            series_length=command.series_length,
            preset=preset.name,
            preset_version=preset.version,
            checklist=checklist.name,
            checklist_version=checklist.version,
            is_simulated=state.is_simulated,
            monitors=tuple(Listened(each.name, each.proof) for each in state.monitors),
            second=_second(command.second),
        ),
        _phase(session, command, SessionPhase.SCHEDULED, SessionPhase.PREPARATION, now),
    )


def _confirm_monitor(command: ConfirmMonitor, state: ChairState, now: datetime) -> tuple[Fact, ...]:
    name, session = command.monitor, state.session
    if session is not None and command.session not in (None, session.opened.session):
        raise Refused(f"another patient sits in chair {state.chair} now: look again")
    heard = recognition.strangers(state).get(name)
    if heard is None:
        raise Refused("this chair hears its own monitor: there is nothing to confirm")
    if (heard.identity.model, heard.identity.serial) != (command.model, command.serial):
        raise Refused(f"yet another monitor is heard by now, {heard.identity.words}: look again")
    return recognition.confirmed(state, name, command.by.user, now)


def _entered(
    command: RecordObservation, state: ChairState, session: SessionState, now: datetime
) -> tuple[Reading, ...]:
    if command.command_id in state.entered:
        raise Refused("this is in force already, and waits for the record")
    if by_hand.measurement_of(command.command_id) in {each.measurement_id for each in session.sets}:
        raise Refused("this is in the record already")  # asked again after a restart
    try:
        return by_hand.readings_of(command, session, now)
    except by_hand.NotTaken as error:
        raise Refused(str(error), error.unusual, is_question=bool(error.unusual)) from error


def _second(user: str) -> str:
    """The user to call. Whether there is such an account is the page's to know, not the rules'."""
    if len(user) > NAME_MAX:
        raise Refused(f"expected a user of at most {NAME_MAX} characters, got {len(user)}")
    return user.strip()


def _phase(
    session: UUID, command: Command, source: SessionPhase, to: SessionPhase, now: datetime
) -> PhaseChanged:
    said = command.reason.strip() if isinstance(command, ChangePhase) else ""
    return PhaseChanged(session, now, command.by.user, to, said or MOVES[source, to])


def _change_phase(
    command: ChangePhase, state: ChairState, session: SessionState, now: datetime
) -> tuple[Fact, ...]:
    why_not = refusal(session.phase, command.to)
    if why_not is not None:
        raise Refused(why_not)
    if command.to is SessionPhase.ABORTED and not command.reason.strip():
        raise Refused("say why the session ends early")
    if len(command.reason) > NOTE_MAX:
        given = len(command.reason)
        raise Refused(f"expected a reason of at most {NOTE_MAX} characters, got {given}")
    if command.to is SessionPhase.INFUSING:
        _decided(command, session)
    opened = session.opened
    moved = _phase(opened.session, command, session.phase, command.to, now)
    if command.to.is_in_chair:
        return (moved,)
    # Nobody is watched after this: what is still open ends here, and the record says so.
    cleared = [ended(state, alarm, now) for alarm in session.alarms.values()]
    if command.to is SessionPhase.ABORTED:
        return (*cleared, moved)
    found = findings(session, now)
    lacks = missing(session, found)
    if lacks:
        raise Refused("the patient cannot be discharged yet", lacks)
    by_data = [
        ItemAnswered(
            answer_id=uuid5(opened.session, item.id),
            session=opened.session,
            at=now,
            by=BY_DATA,
            checklist=session.checklist.name,
            item=item.id,
            answer=Answer.YES,
            note="",
            evidence=found[item.id].evidence,
        )
        for item in session.checklist.items
        if item.id not in session.answers
    ]
    return (*by_data, *cleared, moved)


def _decided(command: ChangePhase, session: SessionState) -> None:
    """Raises Refused where the pressure before the dose asks for a decision that nobody made.

    Source: the label of esketamine asks to weigh a delay above 140/90; it is no automatic stop.
    """
    above = session.preset.decision_above
    if above is None:
        return
    systolic = diastolic = None
    if session.sets:
        systolic, diastolic = session.sets[-1].systolic_mmhg, session.sets[-1].diastolic_mmhg
    elif session.baseline is not None:
        systolic, diastolic = session.baseline.systolic_mmhg, session.baseline.diastolic_mmhg
    if systolic is None or diastolic is None:
        raise Refused("take a blood pressure before the dose")
    if systolic <= above[0] and diastolic <= above[1]:
        return
    found = f"{systolic:.0f}/{diastolic:.0f} before the dose is above {above[0]:.0f}/{above[1]:.0f}"
    if command.by.role not in (Role.CLINICIAN, Role.DIRECTOR):
        raise Refused(f"{found}: a clinician decides")
    if not command.reason.strip():
        raise Refused(f"{found}: write why you go on")


def _lock_baseline(command: LockBaseline, session: SessionState, now: datetime) -> tuple[Fact, ...]:
    if session.phase is not SessionPhase.BASELINE:
        raise Refused(f"the baseline is locked in the baseline phase, not in {session.phase}")
    try:
        return (
            baseline_from(session.sets, session=session.opened.session, at=now, by=command.by.user),
        )
    except NoBaseline as error:
        raise Refused(str(error)) from error


def _acknowledge(
    command: AcknowledgeAlarm, state: ChairState, session: SessionState, now: datetime
) -> tuple[Fact, ...]:
    for alarm in session.alarms.values():
        if alarm.alarm_id == command.alarm_id:
            break
    else:
        raise Refused("this alarm has cleared already")
    if alarm.acknowledged_by is not None and not alarm.is_latched:
        raise Refused(f"{alarm.acknowledged_by} has acknowledged this alarm already")
    if command.news not in ("", alarm.news):
        raise Refused("it has grown worse meanwhile: look again")
    reason = _reason(command.reason, is_needed=False)
    change = AlarmChange.RESET if alarm.is_latched else AlarmChange.ACKNOWLEDGED
    seen_at = max(now, alarm.called_from)  # it is of the alarm as it is now, whatever a clock says
    return (alarm_event(change, state, alarm, seen_at, command.by.user, reason),)


def _reason(text: str, *, is_needed: bool = True) -> str:
    reason = text.strip()
    if is_needed and not reason:
        raise Refused("write why")
    if len(reason) > REASON_MAX:
        raise Refused(f"expected a reason of at most {REASON_MAX} characters, got {len(reason)}")
    return reason


def _pause_audio(command: PauseAudio, session: SessionState, now: datetime) -> AudioChanged:
    shortest, longest = PAUSE_S
    seconds = command.seconds
    if seconds and not shortest <= seconds <= longest:
        raise Refused(f"expected a pause of {shortest} to {longest} s, got {seconds}")
    if session.audio_at(now) is AudioState.OFF:
        raise Refused("the sound of this chair is off; a medical director can turn it on")
    opened, by = session.opened, command.by.user
    if not seconds:
        return AudioChanged(opened.session, now, by, AudioState.ON)
    until = now + timedelta(seconds=seconds)
    return AudioChanged(opened.session, now, by, AudioState.PAUSED, until)


def _yes_or_no(given: object) -> None:
    """Raises Refused for a word: "no" is true to a program, and would silence a chair."""
    if not isinstance(given, bool):
        raise Refused(f"expected yes or no, got {given!r}")


def _switch_audio(command: SwitchAudio, session: SessionState, now: datetime) -> AudioChanged:
    opened, by = session.opened, command.by
    _yes_or_no(command.is_off)
    if by.role is not Role.DIRECTOR:
        raise Refused("a medical director decides whether a chair is silent")
    if not command.is_off:
        return AudioChanged(opened.session, now, by.user, AudioState.ON)
    reason = _reason(command.reason)
    return AudioChanged(opened.session, now, by.user, AudioState.OFF, None, reason)


def _switch_alarm(command: SwitchAlarm, session: SessionState, now: datetime) -> AlarmSwitched:
    _yes_or_no(command.is_off)
    watched = {metric for metric, _direction in session.conditions}
    metric = next((each for each in watched if each == command.metric), None)
    if metric is None:
        known = ", ".join(sorted(watched))
        raise Refused(f"expected a sign that has limits, one of {known}, got {command.metric}")
    if command.by.role not in (Role.CLINICIAN, Role.DIRECTOR):
        raise Refused("a clinician decides whether the alarms of a sign are off")
    if command.is_off is (metric in session.switched_off):
        raise Refused(f"the alarms of {NATURE[metric].label} are so already")
    reason = _reason(command.reason, is_needed=command.is_off)
    opened, by = session.opened, command.by.user
    return AlarmSwitched(opened.session, now, by, metric, command.is_off, reason)


def _adjust_limits(
    command: AdjustLimits, session: SessionState, now: datetime
) -> tuple[LimitChanged, ...]:
    if not command.limits:
        raise Refused("no limit was named")
    asked = [_limit_key(each) for each in command.limits]
    if len(set(asked)) < len(asked):
        raise Refused("a limit was named twice")
    wanted = {key: each.value for key, each in zip(asked, command.limits, strict=True)}
    reason_no = why_not(session.preset, {**session.moved, **wanted})
    if reason_no is not None:
        raise Refused(reason_no)
    reason = _reason(command.reason, is_needed=False)
    facts = []
    for key, value in wanted.items():
        own = session.preset.movable(*key)
        before = session.moved.get(key, own.value if own is not None else value)
        if before != value:
            opened, by = session.opened, command.by.user
            facts.append(LimitChanged(opened.session, now, by, *key, before, value, reason))
    if not facts:
        raise Refused("the limits are so already")
    return tuple(facts)


def _limit_key(asked: LimitAsked) -> LimitKey:
    """Raises Refused, with what there is, for a limit of something else."""
    named = (("a sign", Metric, asked.metric), ("a direction", Direction, asked.direction))
    for what, words, given in (*named, ("a priority", AlarmPriority, asked.priority)):
        if given not in list(words):
            raise Refused(f"expected {what}, one of {', '.join(words)}, got {given}")
    if isinstance(asked.value, bool) or not isinstance(asked.value, int | float):
        raise Refused(f"expected a number for the limit of {asked.metric}, got {asked.value!r}")
    return Metric(asked.metric), Direction(asked.direction), AlarmPriority(asked.priority)


def _place_probe(command: PlaceProbe, session: SessionState, now: datetime) -> ProbePlaced:
    _yes_or_no(command.is_on_cuff_arm)
    if command.is_on_cuff_arm is session.is_probe_on_cuff_arm:
        raise Refused("it is so already")
    return ProbePlaced(session.opened.session, now, command.by.user, command.is_on_cuff_arm)


def _cuff_monitor(state: ChairState) -> str:
    """The monitor whose cuff can be worked from here."""
    able = [each.name for each in state.monitors if each.works_cuff]
    if not able:
        raise Refused("no monitor at this chair lets its cuff be worked from here")
    return able[0]


def _allow_cuff(
    command: AllowCuff, state: ChairState, session: SessionState, now: datetime
) -> CuffAllowed:
    _cuff_monitor(state)
    if command.by.role not in (Role.CLINICIAN, Role.DIRECTOR):
        raise Refused("a clinician decides whether the cuff is started from here")
    if command.session is None:
        raise Refused("a permission is for one session: look again")
    if command.is_allowed is session.may_start_cuff:
        raise Refused("it is so already")
    return CuffAllowed(session.opened.session, now, command.by.user, command.is_allowed)


def _order_cuff(
    command: OrderCuff, state: ChairState, session: SessionState, now: datetime
) -> CuffOrdered:
    name = _cuff_monitor(state)
    ordered = CuffOrdered(session.opened.session, now, command.by.user, command.order, name)
    if command.order is CuffOrder.START:
        if command.session is None:
            raise Refused("a cuff is started for one session: look again")
        why_not = no_start(state, session, ordered, now)
        if why_not is None and session.cuff_started_at is not None:
            why_not = _no_rest("started", session.cuff_started_at, now, CUFF_REST)
        if why_not is None and session.last_cuff_at is not None:
            why_not = _no_rest("on the arm", session.last_cuff_at, now, ARM_REST)
        if why_not is not None:
            raise Refused(why_not)
    return ordered


def no_start(
    state: ChairState, session: SessionState, ordered: CuffOrdered, now: datetime
) -> str | None:
    """Why a cuff that was ordered is not to be started now; None where nothing forbids it."""
    link = link_of(state, ordered.monitor)
    if not session.may_start_cuff:
        return "a clinician has not allowed to start the cuff from here"
    if recognition.is_strange(state, ordered.monitor):
        return "another monitor is at the line, and may be on another patient"
    if link is None or link.state is not LinkState.LIVE or link.at > ordered.at:
        return "the monitor is not heard: start the cuff at the monitor"
    if now - ordered.at > START_IS_LATE:
        return "it took too long to be recorded: start the cuff once more"
    return None


def _no_rest(what: str, at: datetime, now: datetime, rest: timedelta) -> str | None:
    seconds = (now - at).total_seconds()
    if now - at >= rest:
        return None
    return f"the cuff was {what} {seconds:.0f} s ago: an arm needs its rest"


def _answer(command: AnswerItem, session: SessionState, now: datetime) -> tuple[Fact, ...]:
    if session.phase is not SessionPhase.RECOVERY:
        raise Refused(f"the checklist is answered in recovery, not in {session.phase}")
    try:
        item = session.checklist.item(command.item)
        answer = Answer(command.answer)
    except (KeyError, ValueError) as error:
        raise Refused(str(error.args[0])) from error
    by, note = command.by, command.note.strip()
    if len(note) > NOTE_MAX:
        raise Refused(f"expected a note of at most {NOTE_MAX} characters, got {len(note)}")
    if by.role not in item.answered_by:
        raise Refused(f"this is answered by a {' or '.join(item.answered_by)}, not a {by.role}")
    if answer is Answer.NOT_APPLICABLE and not item.allows_not_applicable:
        raise Refused("this item always applies")
    finding = findings(session, now).get(item.id)
    evidence = finding.evidence if finding is not None else ""
    if finding is not None and finding.verdict is Verdict.NOT_MET and answer is not Answer.NO:
        evidence = AGAINST + evidence
        if by.role is Role.NURSE:
            raise Refused(f"the data say no ({finding.evidence}): a clinician can decide")
        if not note:
            raise Refused(f"the data say no ({finding.evidence}): write why you decide otherwise")
    before = session.answers.get(item.id)
    return (
        ItemAnswered(
            answer_id=command.command_id,
            session=session.opened.session,
            at=now,
            by=by.user,
            checklist=session.checklist.name,
            item=item.id,
            answer=answer,
            note=note,
            evidence=evidence,
            replaces=before.answer_id if before is not None else None,
        ),
    )


def _sign(command: SignStatement, session: SessionState, now: datetime) -> tuple[Fact, ...]:
    statements = load_statements()
    statement = statements.get(command.statement)
    if statement is None:
        raise Refused(f"expected one of {', '.join(statements)}, got {command.statement}")
    if session.phase not in statement.phases:
        when = ", ".join(statement.phases)
        raise Refused(f"this is signed in {when}, not in {session.phase}")
    if statement.id in session.signatures:
        by = session.signatures[statement.id].signature.name
        raise Refused(f"{by} has signed this already")
    if command.shown_text != statement.text:
        raise Refused("the text that was shown is not the text of this statement: reload the page")
    signature = command.signature
    _check_mark(signature)
    if statement.signer is SignerKind.SITTER:
        _check_sitter(statement, signature)
    else:
        _check_staff(session, statement, signature, command.by.name, now)
    return (
        StatementSigned(
            signature_id=command.command_id,
            session=session.opened.session,
            at=now,
            statement=statement.id,
            version=statement.version,
            text=statement.text,
            signer=statement.signer,
            signature=signature,
            sha256=bound_hash(str(session.opened.session), statement, signature),
            witness=command.by.user,
            witness_name=command.by.name,
        ),
    )


def _check_mark(signature: Signature) -> None:
    if not 2 <= len(signature.name.strip()) <= NAME_MAX:
        raise Refused("write the signer's full name")
    if signature.method is SignMethod.TYPED:
        if signature.mark.strip().casefold() != signature.name.strip().casefold():
            raise Refused("to sign by typing, type the full name exactly as written above")
    elif not is_drawing(signature.mark):
        raise Refused("the signature is empty: draw it in the box")
    too_long = max(len(signature.relation), len(signature.phone), len(signature.transport))
    if too_long > NAME_MAX:
        raise Refused(f"expected at most {NAME_MAX} characters in each field, got {too_long}")


def _check_sitter(statement: Statement, signature: Signature) -> None:
    if not signature.relation.strip() or not signature.phone.strip():
        raise Refused("write the sitter's relation to the patient and a phone number")
    if not signature.id_checked or not signature.is_adult:
        raise Refused("check the sitter's identity and that they are an adult")
    if statement.id == "sitter-handover" and not signature.transport.strip():
        raise Refused("write how the patient gets home")


def _check_staff(
    session: SessionState, statement: Statement, signature: Signature, name: str, now: datetime
) -> None:
    if signature.name.strip() != name:
        raise Refused(f"expected the signature of {name}, who is signed in")
    own = f"not signed: {statement.title}"
    lacks = tuple(each for each in missing(session, findings(session, now)) if each != own)
    if lacks:
        raise Refused("this is signed last, when all else is complete", lacks)
