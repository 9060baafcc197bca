"""Which phases has a session, and which moves between them are legal, and why?"""

from __future__ import annotations

from enum import StrEnum


class SessionPhase(StrEnum):
    """Where a session stands. A pause is an event inside INFUSING, not a phase."""

    SCHEDULED = "scheduled"
    PREPARATION = "preparation"
    BASELINE = "baseline"
    INFUSING = "infusing"
    RECOVERY = "recovery"
    DISCHARGED = "discharged"  # left the chair
    CLOSED = "closed"  # follow-ups done, or closed by the director
    ABORTED = "aborted"

    @property
    def is_in_chair(self) -> bool:
        """Whether the patient sits in the chair and is watched."""
        return self in IN_CHAIR


IN_CHAIR = (
    SessionPhase.PREPARATION,
    SessionPhase.BASELINE,
    SessionPhase.INFUSING,
    SessionPhase.RECOVERY,
)

# From, to, and the reason in words for the record and the refusal.
MOVES: dict[tuple[SessionPhase, SessionPhase], str] = {
    (SessionPhase.SCHEDULED, SessionPhase.PREPARATION): "the patient has arrived",
    (SessionPhase.PREPARATION, SessionPhase.BASELINE): "the patient rests before the first cuff",
    (SessionPhase.BASELINE, SessionPhase.INFUSING): "the infusion has started",
    (SessionPhase.INFUSING, SessionPhase.RECOVERY): "the infusion has stopped",
    (SessionPhase.RECOVERY, SessionPhase.DISCHARGED): "the patient leaves with the sitter",
    (SessionPhase.DISCHARGED, SessionPhase.CLOSED): "all follow-ups are done",
    **{
        (phase, SessionPhase.ABORTED): "the session ends early"
        for phase in (SessionPhase.SCHEDULED, *IN_CHAIR)
    },
}

# Effective before the record has it: a full disk must not keep an infusion running.
AT_ONCE = (SessionPhase.RECOVERY, SessionPhase.ABORTED)


def next_phases(phase: SessionPhase) -> tuple[SessionPhase, ...]:
    """The phases that may follow ``phase``, in the order of the table."""
    return tuple(target for source, target in MOVES if source is phase)


def refusal(phase: SessionPhase, to: SessionPhase) -> str | None:
    """Why a session in ``phase`` cannot move to ``to``; None where the table allows it."""
    if (phase, to) in MOVES:
        return None
    allowed = ", ".join(next_phases(phase)) or "nothing"
    return f"a session in {phase} can move to {allowed}, not to {to}"
