"""Which facts does a session leave behind? Each is written once, and never changed.

Folding a session's facts in order gives its state back (``chair.resumed``): the record is not a
copy of what happened, it *is* what the engine goes on from after a crash.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from clinical.alarms import AlarmKind, AlarmPriority, Direction
from clinical.links import CuffOrder, LinkState
from clinical.phases import SessionPhase
from clinical.sign_off import Signature, SignerKind
from clinical.vitals import Metric, Observation

# Who does what no person did: answers the items that the data fill, withdraws a late order, takes
# the first device that is ever heard at a chair for its own.
BY_DATA = "vigil"


@dataclass(frozen=True, slots=True)
class Listened:
    """A monitor that a session was read from, and how far its protocol was proven on that day."""

    name: str
    proof: str


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """A patient took a chair. ``patient`` is what the screens show: initials, never a full name.

    ``monitors`` are those of the chair, the first one first; () in the records of early versions.
    """

    session: UUID
    at: datetime
    by: str
    chair: int
    patient: str
    planned_infusion_min: int
    infusion_number: int  # n of ``series_length``
    series_length: int
    preset: str  # catalog name, such as "ketamine-adult"
    preset_version: int
    checklist: str
    checklist_version: int
    is_simulated: bool
    monitors: tuple[Listened, ...] = ()
    second: str = ""  # the user who is called to an alarm that nobody answers


@dataclass(frozen=True, slots=True)
class PhaseChanged:
    session: UUID
    at: datetime
    by: str
    phase: SessionPhase
    reason: str


@dataclass(frozen=True, slots=True)
class BaselineLocked:
    """The mean of two agreeing cuff sets: mmHg; heart rate 1/min (None: none was measured)."""

    session: UUID
    at: datetime
    by: str
    systolic_mmhg: float
    diastolic_mmhg: float
    mean_mmhg: float
    heart_rate_bpm: float | None
    spo2_pct: float | None
    measurement_ids: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Vitals:
    """What one frame said of the continuous metrics: one wide row.

    ``observations`` hold each metric at most once, all with ``at`` as ``observed_at``. ``monitor``
    is None for a chair with only one. ``is_beside``: the screen showed another monitor's values of
    these metrics, these are kept beside them.
    """

    session: UUID
    at: datetime
    observations: tuple[Observation, ...]
    monitor: str | None = None
    is_beside: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """Who entered a value by hand, with the initials that they wrote, and when."""

    by: str  # the signed-in user
    initials: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Reading:
    """One value with its own time: a cuff pressure, a temperature, a manual entry.

    ``monitor`` and ``is_beside`` as for Vitals. ``entry`` is None for what a monitor measured.
    """

    session: UUID
    observation: Observation
    monitor: str | None = None
    is_beside: bool = False
    entry: Entry | None = None


@dataclass(frozen=True, slots=True)
class Remarked:
    """What a monitor says of its own value of ``metric``, from now on: alarms, exceptions.

    ``metric`` None: the texts of its own alarms. ``text`` joins them with "; "; "" means that it
    says nothing any more, or is no longer heard.
    """

    session: UUID
    at: datetime
    monitor: str
    metric: Metric | None
    text: str


@dataclass(frozen=True, slots=True)
class CuffAllowed:
    """A clinician allowed, or no longer allows, that this cuff is started from the chair page."""

    session: UUID
    at: datetime
    by: str
    is_allowed: bool


@dataclass(frozen=True, slots=True)
class CuffOrdered:
    """Somebody started or cancelled a cuff cycle from the chair page."""

    session: UUID
    at: datetime
    by: str
    order: CuffOrder
    monitor: str


class AlarmChange(StrEnum):
    RAISED = "raised"
    ESCALATED = "escalated"  # to a worse limit; no longer acknowledged
    EASED = "eased"  # to a lower priority; does not sound again
    ACKNOWLEDGED = "acknowledged"
    CONFIRMED = "confirmed"  # a second cuff reading says the same
    LATCHED = "latched"  # the condition has ended and nobody had seen it: shown until reset
    RESET = "reset"  # a latched one was seen, or the condition came back, or the session ended
    CLEARED = "cleared"


class AudioState(StrEnum):
    """Whether the alarms of a chair may sound."""

    ON = "on"
    PAUSED = "paused"  # until a time
    OFF = "off"  # until turned on again


@dataclass(frozen=True, slots=True)
class AlarmEvent:
    """One step in the life of one alarm condition; ``at`` of RAISED is the onset in data time.

    ``session`` is None for a chair nobody sits in. ``value``, ``limit`` are in the metric's unit;
    None for a technical condition without one.
    """

    session: UUID | None
    chair: int
    alarm_id: UUID
    change: AlarmChange
    at: datetime
    condition: str  # "heart_rate high", "NO DATA"
    kind: AlarmKind
    priority: AlarmPriority
    metric: Metric | None
    direction: Direction | None
    value: float | None
    limit: float | None
    worst: float | None
    delay_s: float | None
    phase: SessionPhase | None
    text: str  # as the screen shows it: "** SYS 172 > 160"
    by: str = ""  # who acknowledged or reset
    reason: str = ""  # that they gave
    audio: AudioState = AudioState.ON  # of the chair at that time


class CallStage(StrEnum):
    """How far an alarm that nobody answers has been carried."""

    ALL_SCREENS = "all_screens"
    SECOND = "second"  # the person named for it
    PROMPT = "prompt"  # to think about stopping the infusion; never done by itself


@dataclass(frozen=True, slots=True)
class AlarmCalled:
    """An alarm stayed unanswered and was carried further; ``to`` is the second person's user, or
    "" where nobody is named."""

    session: UUID
    at: datetime
    alarm_id: UUID
    stage: CallStage
    to: str = ""


@dataclass(frozen=True, slots=True)
class AlarmShown:
    """A screen said that it shows an alarm: once for each who looks at it.

    ``to`` is the signed-in user, or the name of a paired screen; ``stage`` is None for the alarm
    itself, SECOND for the call to that person.
    """

    session: UUID
    at: datetime
    alarm_id: UUID
    to: str
    stage: CallStage | None = None


@dataclass(frozen=True, slots=True)
class AudioChanged:
    """Somebody paused the sound of a chair or turned it off or on, or a new high alarm did.

    ``until`` is the end of a pause; None else. A pause that runs out leaves no fact of its own.
    """

    session: UUID
    at: datetime
    by: str
    state: AudioState
    until: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AlarmSwitched:
    """Somebody turned all alarms of one sign off or on; the next session begins with all on."""

    session: UUID
    at: datetime
    by: str
    metric: Metric
    is_off: bool
    reason: str


@dataclass(frozen=True, slots=True)
class LimitChanged:
    """A limit was moved for this session; ``before`` and ``value`` are in the metric's unit."""

    session: UUID
    at: datetime
    by: str
    metric: Metric
    direction: Direction
    priority: AlarmPriority
    before: float
    value: float
    reason: str


@dataclass(frozen=True, slots=True)
class ProbePlaced:
    """On which arm the SpO2 probe sits: on the cuff's, its low limits wait while the cuff is up."""

    session: UUID
    at: datetime
    by: str
    is_on_cuff_arm: bool


@dataclass(frozen=True, slots=True)
class LinkChanged:
    session: UUID
    at: datetime
    state: LinkState
    detail: str
    monitor: str = ""


@dataclass(frozen=True, slots=True)
class MonitorHeard:
    """Which device was heard at a chair; ``session`` is None while nobody sits there.

    ``is_bound``: from now on it is the one of this chair: the first that was ever heard there
    (``by`` vigil), or one that a person confirmed. Else it is another than the bound one, and
    nothing of it is recorded.
    """

    session: UUID | None
    chair: int
    at: datetime
    by: str
    monitor: str  # the protocol's name
    model: str
    serial: str
    version: str
    is_bound: bool


@dataclass(frozen=True, slots=True)
class ClockCompared:
    """How far the clock of a monitor is ahead of ours, s; ``session`` as for MonitorHeard."""

    session: UUID | None
    chair: int
    at: datetime
    monitor: str
    offset_s: float


@dataclass(frozen=True, slots=True)
class MonitorsArranged:
    """The monitors of a chair were changed in mid-session; ``monitors`` are those from now on."""

    session: UUID
    at: datetime
    by: str
    monitors: tuple[Listened, ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch without a record, kept as a gap: never filled in, never bridged by a line."""

    session: UUID
    since: datetime
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class ItemAnswered:
    """A checklist item answered: by a person, never by the data alone.

    ``evidence`` is what the screen showed beside it. ``replaces`` names the answer this corrects.
    """

    answer_id: UUID  # the command that gave it
    session: UUID
    at: datetime
    by: str
    checklist: str
    item: str
    answer: str  # clinical.checklist.Answer
    note: str
    evidence: str
    replaces: UUID | None = None


@dataclass(frozen=True, slots=True)
class StatementSigned:
    """A signature bound by ``sha256`` to the exact ``text`` that was signed."""

    signature_id: UUID  # the command that gave it
    session: UUID
    at: datetime
    statement: str
    version: int
    text: str
    signer: SignerKind
    signature: Signature
    sha256: str
    witness: str  # the signed-in user in front of whom it was signed
    witness_name: str


Fact = (
    SessionOpened
    | PhaseChanged
    | BaselineLocked
    | Vitals
    | Reading
    | AlarmEvent
    | AlarmCalled
    | AlarmShown
    | AudioChanged
    | AlarmSwitched
    | LimitChanged
    | ProbePlaced
    | LinkChanged
    | MonitorHeard
    | ClockCompared
    | MonitorsArranged
    | Remarked
    | CuffAllowed
    | CuffOrdered
    | Gap
    | ItemAnswered
    | StatementSigned
)


@dataclass(frozen=True, slots=True)
class StoredSession:
    """An open session as the record has it, for the engine to go on from.

    ``facts`` holds all but Vitals and Reading, in the order they were written. ``latest`` is the
    newest observation of each metric, ``shown_from`` the monitor that it was of, where the chair
    had two; ``cuffs`` the readings of the session, oldest first, each the observations that share
    a measurement_id and after them what was measured beside; ``last_at`` the newest time in the
    record; ``last_cuffs`` the newest reading of each monitor, shown or not; ``by_hand`` the newest
    value of each metric that a person entered.
    """

    facts: tuple[Fact, ...]
    latest: Mapping[Metric, Observation]
    cuffs: tuple[tuple[Observation, ...], ...]
    last_at: datetime
    shown_from: Mapping[Metric, str] = field(default_factory=dict)
    last_cuffs: Mapping[str, tuple[Observation, ...]] = field(default_factory=dict)
    by_hand: Mapping[Metric, Reading] = field(default_factory=dict)

    @property
    def opened(self) -> SessionOpened:
        """The first fact. Raises ValueError where the record begins with another."""
        first = self.facts[0]
        if not isinstance(first, SessionOpened):
            raise ValueError(f"a session begins with SessionOpened, got {type(first).__name__}")
        return first
