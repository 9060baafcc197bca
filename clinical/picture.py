"""What does a screen show of a chair? A frozen view, with no rule of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from clinical.alarms import AlarmKind, AlarmPriority
from clinical.bedside import BedsideMonitor
from clinical.chair import (
    RULES_FAILED,
    SESSION_LEFT,
    ChairState,
    OpenAlarm,
    SessionState,
    fault_id,
)
from clinical.links import TEXT, LinkState
from clinical.phases import SessionPhase
from clinical.recognition import strangers
from clinical.record import AudioState, CallStage
from clinical.requests import findings, missing
from clinical.snapshot import AlarmView, AudioView, CallView, ChairView, SessionView, Sound
from clinical.vitals import NATURE

_FAULT = Sound(AlarmPriority.HIGH, AlarmKind.TECHNICAL)
_OF_PATIENT = Sound(AlarmPriority.HIGH, AlarmKind.PHYSIOLOGICAL)


def chair_view(state: ChairState, now: datetime) -> ChairView:
    """The chair as every screen shows it at ``now``."""
    session, link, fault = state.session, state.link, _own_fault(state)
    sound = sound_of(session, now) if session else None
    return ChairView(
        chair=state.chair,
        name=state.name,
        link=link.state if link else LinkState.CONNECTING,
        link_detail=link.detail if link else TEXT[LinkState.CONNECTING] or "",
        link_since=link.at if link else None,
        interval_s=state.interval_s,
        latest=state.latest,
        alarms=(*fault, *(alarm_views(session) if session else ())),
        session=_session_view(state, session, now) if session else None,
        is_recording=state.is_recording,
        is_simulated=state.is_simulated,
        monitors=state.monitors,
        shown_from=state.shown_from,
        remarks=_remarks(session, state.monitors) if session else (),
        sound=_FAULT if fault and sound != _OF_PATIENT else sound,
        heard={name: said.identity for name, said in state.heard.items()},
        bound=state.bound,
        strangers={name: said.identity for name, said in strangers(state).items()},
        clocks=state.clocks,
        by_hand=state.by_hand,
    )


def _own_fault(state: ChairState) -> tuple[AlarmView, ...]:
    """The alarm of a chair that Vigil itself has failed: no rule can make that one."""
    if state.failed_at is not None:
        condition, since = RULES_FAILED, state.failed_at
    elif state.left_at is not None:
        condition, since = SESSION_LEFT, state.left_at
    else:
        return ()
    return (
        AlarmView(
            alarm_id=fault_id(condition, state.chair, since),
            text=f"{condition} - LOOK AT THE BEDSIDE MONITOR",
            kind=AlarmKind.TECHNICAL,
            priority=AlarmPriority.HIGH,
            onset_at=since,
            condition=condition,
            is_on_all_screens=True,
        ),
    )


def sound_of(session: SessionState, now: datetime) -> Sound | None:
    """What the chair sounds like: the worst of what nobody has answered, unless it is silenced."""
    if session.audio_at(now) is not AudioState.ON:
        return None
    waiting = [alarm for alarm in session.alarms.values() if alarm.is_unanswered]
    if not waiting:
        return None
    worst = min(waiting, key=_rank).signal
    return Sound(worst.priority, worst.kind)


def _remarks(session: SessionState, monitors: Sequence[BedsideMonitor]) -> tuple[str, ...]:
    """SpO2, PR: sensor off patient. The same words of several signs are one remark.

    The monitor's name is added where the chair has two.
    """
    signs: dict[tuple[str, str], list[str]] = {}
    for (name, metric), (text, _since, _recorded) in session.remarks.items():
        if not text:
            continue
        label = "Its alarms" if metric is None else NATURE[metric].label
        signs.setdefault((name, text), []).append(label)
    return tuple(
        f"{', '.join(labels)}: {remark}" + (f" ({name})" if len(monitors) > 1 else "")
        for (name, remark), labels in signs.items()
    )


def alarm_views(session: SessionState) -> tuple[AlarmView, ...]:
    """Open alarms, worst first: high physiological, high technical, medium, low; then the newest.

    Source: priority order of our alarm design (A4).
    """
    ordered = sorted(session.alarms.values(), key=_rank)
    asked = session.repeat.conditions if session.repeat is not None else frozenset()
    return tuple(
        AlarmView(
            alarm_id=alarm.alarm_id,
            text=alarm.signal.text,
            kind=alarm.signal.kind,
            priority=alarm.signal.priority,
            onset_at=alarm.onset_at,
            metric=alarm.signal.metric,
            direction=alarm.signal.direction,
            value=alarm.signal.value,
            limit=alarm.signal.limit,
            acknowledged_by=alarm.acknowledged_by,
            acknowledged_at=alarm.acknowledged_at,
            condition=alarm.signal.condition,
            worst=alarm.worst,
            delay_s=alarm.signal.delay_s,
            is_latched=alarm.is_latched,
            unseen=_unseen(alarm),
            news=alarm.news,
            needs_repeat=alarm.signal.condition in asked,
            confirmed_at=alarm.confirmed_at,
            is_on_all_screens=_is_on_all_screens(alarm),
            calls=tuple(_call_views(alarm)),
            shown_to=tuple(shown.to for shown in alarm.shown if shown.stage is None),
        )
        for alarm in ordered
    )


def _unseen(alarm: OpenAlarm) -> str:
    """What it said when it was of a higher priority than now, where nobody has seen that."""
    unseen = alarm.unseen
    is_more = unseen is not None and unseen.priority.rank > alarm.signal.priority.rank
    return unseen.text if unseen is not None and is_more else ""


def _is_on_all_screens(alarm: OpenAlarm) -> bool:
    """A high one at once, a lesser one once it was carried there; until somebody has seen it."""
    is_high = alarm.unseen is not None and alarm.unseen.priority is AlarmPriority.HIGH
    return alarm.acknowledged_by is None and (is_high or bool(alarm.calls))


def _call_views(alarm: OpenAlarm) -> Iterator[CallView]:
    for call in alarm.calls:
        seen = (
            shown.at
            for shown in alarm.shown
            if call.stage is CallStage.SECOND
            and (shown.to, shown.stage) == (call.to, CallStage.SECOND)
        )
        yield CallView(call.stage, call.to, call.at, next(seen, None))


def _rank(alarm: OpenAlarm) -> tuple[int, bool, bool, bool, float, str]:
    signal = alarm.signal
    return (
        -signal.priority.rank,
        alarm.is_latched,
        signal.kind is AlarmKind.TECHNICAL,
        alarm.acknowledged_by is not None,
        -alarm.onset_at.timestamp(),
        signal.condition,
    )


def _session_view(state: ChairState, session: SessionState, now: datetime) -> SessionView:
    found, preset = findings(session, now), session.preset
    opened = session.opened
    is_recovering = session.phase is SessionPhase.RECOVERY
    return SessionView(
        session=opened.session,
        patient=opened.patient,
        phase=session.phase,
        opened_at=opened.at,
        phase_since=session.phase_since or opened.at,
        planned_infusion_min=opened.planned_infusion_min,
        infusion_number=opened.infusion_number,
        series_length=opened.series_length,
        preset=preset.name,
        checklist=opened.checklist,
        is_simulated=opened.is_simulated,
        infusion_started_at=session.infusion_started_at,
        infusion_stopped_at=session.infusion_stopped_at,
        baseline=session.baseline,
        answers=session.answers,
        findings=found,
        signatures=session.signatures,
        missing=missing(session, found) if is_recovering else (),
        may_start_cuff=session.may_start_cuff,
        cuff_interval_s=preset.cuff_due_s(session.phase),
        preset_version=preset.version,
        is_approved=state.presets.is_approved(preset),
        limits=session.limits,
        lacks_baseline=session.baseline is None and bool(preset.relative),
        bounds=preset.bounds,
        audio=_audio_view(session, now),
        switched_off={metric: off.reason for metric, off in session.switched_off.items()},
        second=opened.second,
        is_probe_on_cuff_arm=session.is_probe_on_cuff_arm,
        spo2_waits_until=session.spo2_waits_until(now),
    )


def _audio_view(session: SessionState, now: datetime) -> AudioView:
    audio, state = session.audio, session.audio_at(now)
    if audio is None or state is AudioState.ON:
        return AudioView()
    return AudioView(state, audio.until, audio.by, audio.reason)
