"""What can a person ask of a running session, and what comes back?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from clinical.links import CuffOrder
from clinical.phases import SessionPhase
from clinical.sign_off import Actor, Signature


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """``command_id`` is made by the client and unique in the record: a double click counts once.

    ``session`` is the one it was meant for: refused where another patient sits there by now.
    None means whoever sits there.
    """

    command_id: UUID
    by: Actor
    chair: int
    session: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartSession(Command):
    """A patient takes the chair; the session opens in PREPARATION. Its id is the command's."""

    patient: str  # initials
    planned_infusion_min: int = 40
    infusion_number: int = 1
    series_length: int = 6
    preset: str = "ketamine-adult"
    checklist: str = "recovery"
    second: str = ""  # the user who is called to an alarm that nobody answers


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePhase(Command):
    to: SessionPhase
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockBaseline(Command):
    """Lock the mean of the last two cuff sets that agree within 10 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgeAlarm(Command):
    """The person has seen it: no sound until it ends or grows worse. Resets a latched one.

    ``news`` is the one that the page showed (AlarmView): refused where it has grown worse since.
    "" takes it as it is now.
    """

    alarm_id: UUID
    reason: str = ""
    news: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseAudio(Command):
    """No sound from this chair for ``seconds``, or until a new high alarm; 0 ends a pause."""

    seconds: int = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchAudio(Command):
    """Turn the sound of this chair off for the session, or on again."""

    is_off: bool
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchAlarm(Command):
    """Turn all alarms of one sign off for the session, or on again."""

    metric: str  # clinical.vitals.Metric
    is_off: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LimitAsked:
    """One limit that is to be moved: as words, so that a wrong one is refused by name."""

    metric: str  # clinical.vitals.Metric
    direction: str  # clinical.alarms.Direction
    priority: str  # clinical.alarms.AlarmPriority
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustLimits(Command):
    """Move limits for this session, inside the preset's bounds: all of them or none."""

    limits: tuple[LimitAsked, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceProbe(Command):
    """Say whether the SpO2 probe sits on the arm with the cuff."""

    is_on_cuff_arm: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowCuff(Command):
    """Let the cuff of this session be started from the chair page, or no longer."""

    is_allowed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCuff(Command):
    order: CuffOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmMonitor(Command):
    """The device that is heard now is the one of this chair; without a session too.

    ``model`` and ``serial`` are what the person saw: refused where yet another is heard by now.
    """

    monitor: str
    model: str
    serial: str


@dataclass(frozen=True, slots=True)
class Entered:
    """One value read or counted by a person, in the metric's own unit."""

    metric: str  # clinical.vitals.Metric
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordObservation(Command):
    """What a person measured by hand: all values or none, of one time.

    ``at`` None is now. Pressures are one cuff reading. Values that no living adult has are refused;
    unusual ones are refused too, until ``is_sure``.
    """

    values: tuple[Entered, ...]
    initials: str
    at: datetime | None = None
    is_sure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerItem(Command):
    item: str
    answer: str  # clinical.checklist.Answer
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignStatement(Command):
    """``shown_text`` is the text the signer saw; refused where it is not the statement's own."""

    statement: str
    shown_text: str
    signature: Signature


class OutcomeKind(StrEnum):
    DONE = "done"  # it is in the record
    REFUSED = "refused"  # a rule forbids it; nothing changed
    NOT_RECORDED = "not_recorded"  # the record could not be written


@dataclass(frozen=True, slots=True)
class Outcome:
    """``reason`` is for a person; ``missing`` lists what a refused discharge still lacks.

    ``is_question``: refused until the person says that it is right; ``missing`` is what is asked
    about.
    """

    kind: OutcomeKind
    at: datetime
    by: str
    reason: str = ""
    missing: tuple[str, ...] = ()
    is_question: bool = False
