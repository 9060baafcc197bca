"""What does every chair look like right now? Frozen pictures, replaced and never edited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from clinical.alarms import AlarmKind, AlarmLimit, AlarmPriority, Direction
from clinical.bedside import BedsideMonitor
from clinical.checklist import Finding
from clinical.identity import Identity
from clinical.links import ClockRead, LinkState
from clinical.phases import SessionPhase
from clinical.record import (
    AudioState,
    BaselineLocked,
    CallStage,
    ItemAnswered,
    Reading,
    StatementSigned,
)
from clinical.vitals import Metric, Observation, Source


@dataclass(frozen=True, slots=True)
class CallView:
    """How far an unanswered alarm was carried, and when whoever was called had it on a screen."""

    stage: CallStage
    to: str
    at: datetime
    seen_at: datetime | None = None  # None: unconfirmed


@dataclass(frozen=True, slots=True)
class AlarmView:
    """One open alarm condition, as screens show it.

    ``is_latched``: the condition has ended, and stays on the screen until somebody has seen it.
    ``news``: what an acknowledgement names, so that it does not reach a worse one.
    ``unseen``: what it said when it was worse than now and nobody had seen it, else "".
    ``needs_repeat``: a second cuff reading is asked for. ``shown_to`` are those who had it on a
    screen. ``is_on_all_screens``: it belongs on every page, whichever chair that is of.
    """

    alarm_id: UUID
    text: str  # "** SYS 172 > 160", "NO DATA 12 s"
    kind: AlarmKind
    priority: AlarmPriority
    onset_at: datetime
    metric: Metric | None = None
    direction: Direction | None = None
    value: float | None = None
    limit: float | None = None
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    condition: str = ""
    worst: float | None = None
    delay_s: float | None = None
    is_latched: bool = False
    unseen: str = ""
    news: str = ""
    needs_repeat: bool = False
    confirmed_at: datetime | None = None
    is_on_all_screens: bool = False
    calls: tuple[CallView, ...] = ()
    shown_to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sound:
    """What a chair sounds like now: the worst of its alarms that nobody has answered."""

    priority: AlarmPriority
    kind: AlarmKind


@dataclass(frozen=True, slots=True)
class AudioView:
    """Whether a chair may sound; ``until`` is the end of a pause."""

    state: AudioState = AudioState.ON
    until: datetime | None = None
    by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SessionView:
    """The session in a chair. ``missing`` is what discharge still lacks, in a nurse's words."""

    session: UUID
    patient: str
    phase: SessionPhase
    opened_at: datetime
    phase_since: datetime
    planned_infusion_min: int
    infusion_number: int
    series_length: int
    preset: str
    checklist: str
    is_simulated: bool
    infusion_started_at: datetime | None = None
    infusion_stopped_at: datetime | None = None
    baseline: BaselineLocked | None = None
    answers: Mapping[str, ItemAnswered] | None = None  # newest answer by item id
    findings: Mapping[str, Finding] | None = None  # what the data say of each item
    signatures: Mapping[str, StatementSigned] | None = None  # by statement id
    missing: tuple[str, ...] = ()
    cuff_interval_s: float | None = None
    may_start_cuff: bool = False
    preset_version: int = 1
    is_approved: bool = False  # a medical director has signed the preset
    limits: tuple[AlarmLimit, ...] = ()  # in force now, baseline and adjustments worked in
    lacks_baseline: bool = False  # some limits are off for want of one
    bounds: Mapping[tuple[Metric, Direction], tuple[float, float]] = field(default_factory=dict)
    audio: AudioView = AudioView()
    switched_off: Mapping[Metric, str] = field(default_factory=dict)  # why, by sign
    second: str = ""
    is_probe_on_cuff_arm: bool = False
    spo2_waits_until: datetime | None = None  # its low limits, while the cuff is up


@dataclass(frozen=True, slots=True)
class ChairView:
    """One chair: the newest observation of each metric, open alarms (worst first), its link."""

    chair: int
    name: str
    link: LinkState
    link_detail: str
    link_since: datetime | None
    interval_s: float  # what the monitor was asked for
    latest: Mapping[Metric, Observation]
    alarms: tuple[AlarmView, ...] = ()
    session: SessionView | None = None
    is_recording: bool = True
    is_simulated: bool = False
    monitors: tuple[BedsideMonitor, ...] = ()
    shown_from: Mapping[Metric, str] = field(default_factory=dict)  # monitor; where there are two
    remarks: tuple[str, ...] = ()  # what the monitors say of their own values
    sound: Sound | None = None
    # By monitor: who is heard at the line, who belongs to this chair, and who is heard and does
    # not; of the last nothing is shown or recorded until somebody confirms it.
    heard: Mapping[str, Identity] = field(default_factory=dict)
    bound: Mapping[str, Identity] = field(default_factory=dict)
    strangers: Mapping[str, Identity] = field(default_factory=dict)
    clocks: Mapping[str, ClockRead] = field(default_factory=dict)
    by_hand: Mapping[Metric, Reading] = field(default_factory=dict)  # the newest of the session


def source_of(view: ChairView, metric: Metric) -> Source | None:
    """What the newest value of ``metric`` was measured with; None where there is no value."""
    obs = view.latest.get(metric)
    return None if obs is None or obs.value is None else obs.source


@dataclass(frozen=True, slots=True)
class LiveSnapshot:
    """Every chair at one moment. ``sequence`` rises by one with each change of any chair."""

    sequence: int
    as_of: datetime
    chairs: Mapping[int, ChairView]


@dataclass(frozen=True, slots=True)
class Change:
    """What changed in one chair between two snapshots.

    ``points`` are the observations that came; an unchanged value is a point too: it renews the
    age. ``parts`` names what else changed: "alarms", "phase", "link", "session", "recording",
    "source" (of the heart rate), "monitors" (that the numbers are shown from), "remarks", "sound",
    "audio", "identity" (who is heard, and what the clocks say), "by_hand".
    """

    sequence: int
    chair: int
    points: tuple[Observation, ...]
    parts: frozenset[str]
