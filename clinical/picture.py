"""What does a screen show of a chair? A frozen view, with no rule of its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from clinical.alarms import AlarmKind
from clinical.bedside import BedsideMonitor
from clinical.chair import ChairState, OpenAlarm, SessionState
from clinical.links import TEXT, LinkState
from clinical.phases import SessionPhase
from clinical.requests import findings, missing
from clinical.snapshot import AlarmView, ChairView, SessionView
from clinical.vitals import NATURE


def chair_view(state: ChairState, now: datetime) -> ChairView:
    """The chair as every screen shows it at ``now``."""
    session = state.session
    link = state.link
    return ChairView(
        chair=state.chair,
        name=state.name,
        link=link.state if link else LinkState.CONNECTING,
        link_detail=link.detail if link else TEXT[LinkState.CONNECTING] or "",
        link_since=link.at if link else None,
        interval_s=state.interval_s,
        latest=state.latest,
        alarms=alarm_views(session) if session else (),
        session=_session_view(session, now) if session else None,
        is_recording=state.is_recording,
        is_simulated=state.is_simulated,
        monitors=state.monitors,
        shown_from=state.shown_from,
        remarks=_remarks(session, state.monitors) if session else (),
    )


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
        )
        for alarm in ordered
    )


def _rank(alarm: OpenAlarm) -> tuple[int, bool, bool, float, str]:
    signal = alarm.signal
    return (
        -signal.priority.rank,
        signal.kind is AlarmKind.TECHNICAL,
        alarm.acknowledged_by is not None,
        -alarm.onset_at.timestamp(),
        signal.condition,
    )


def _session_view(session: SessionState, now: datetime) -> SessionView:
    found = findings(session, now)
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
        preset=opened.preset,
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
        cuff_interval_s=session.preset.cuff_due_s(session.phase),
    )
