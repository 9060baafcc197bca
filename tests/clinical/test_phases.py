"""Which moves between the phases does the table allow, and which not?"""

from __future__ import annotations

from itertools import product

import pytest

from clinical.commands import OutcomeKind
from clinical.phases import IN_CHAIR, MOVES, SessionPhase, next_phases, refusal
from tests.clinical.fakes import Bedside, started

P = SessionPhase
# The house's own words: scheduled, preparation, baseline, infusing, recovery, discharged, closed;
# aborted from any phase before discharged.
LEGAL = {
    (P.SCHEDULED, P.PREPARATION),
    (P.PREPARATION, P.BASELINE),
    (P.BASELINE, P.INFUSING),
    (P.INFUSING, P.RECOVERY),
    (P.RECOVERY, P.DISCHARGED),
    (P.DISCHARGED, P.CLOSED),
    (P.SCHEDULED, P.ABORTED),
    (P.PREPARATION, P.ABORTED),
    (P.BASELINE, P.ABORTED),
    (P.INFUSING, P.ABORTED),
    (P.RECOVERY, P.ABORTED),
}


@pytest.mark.parametrize(("phase", "to"), list(product(P, P)), ids=lambda phase: phase.value)
def test_only_the_moves_of_the_table_are_legal(phase, to):
    why_not = refusal(phase, to)
    assert (why_not is None) == ((phase, to) in LEGAL)
    if why_not is not None:
        assert phase in why_not
        assert to in why_not


def test_each_legal_move_has_a_reason_for_the_record():
    assert set(MOVES) == LEGAL
    assert all(MOVES.values())


def test_nothing_follows_an_ended_session():
    assert next_phases(P.CLOSED) == next_phases(P.ABORTED) == ()
    assert "nothing" in refusal(P.CLOSED, P.RECOVERY)


@pytest.mark.parametrize(("phase", "to"), list(product(IN_CHAIR, P)), ids=lambda phase: phase.value)
def test_a_command_past_every_page_moves_only_where_the_table_allows(phase, to):
    chair = started(phase)
    outcome = chair.phase(to, reason="the patient asked to stop")
    # Recovery ends with a discharge only when nothing is missing, which is another test.
    is_legal = (phase, to) in LEGAL and to is not P.DISCHARGED
    assert (outcome.kind is OutcomeKind.DONE) == is_legal
    if not is_legal:
        assert outcome.reason
        assert chair.session.phase is phase


@pytest.mark.parametrize("phase", IN_CHAIR)
def test_a_session_ends_early_only_with_a_reason(phase):
    chair = started(phase)
    assert chair.phase(P.ABORTED, reason="  ").kind is OutcomeKind.REFUSED
    assert chair.phase(P.ABORTED, reason="no vein").kind is OutcomeKind.DONE
    assert chair.state.session is None


def test_a_chair_is_free_again_after_an_early_end():
    chair = started(P.INFUSING)
    first = chair.session.opened.session
    chair.phase(P.ABORTED, reason="no vein")
    assert chair.start(patient="MN").kind is OutcomeKind.DONE
    assert chair.session.opened.session != first
    assert chair.session.phase is P.PREPARATION


def test_a_chair_without_a_session_has_no_phase_to_change():
    outcome = Bedside().phase(P.RECOVERY)
    assert (outcome.kind, outcome.reason) == (
        OutcomeKind.REFUSED,
        "there is no session in chair 1",
    )
