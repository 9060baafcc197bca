"""When do two cuff sets make a baseline, and which numbers does it hold?"""

from __future__ import annotations

import pytest

from clinical.baseline import NoBaseline, baseline_from
from clinical.commands import OutcomeKind
from clinical.phases import IN_CHAIR, SessionPhase
from clinical.recovery import CuffSet
from tests.clinical.fakes import NAMESPACE, at, started


def taken(
    seconds: float,
    systolic: float,
    diastolic: float,
    heart_rate: float | None = None,
    spo2: float | None = None,
) -> CuffSet:
    mean = diastolic + (systolic - diastolic) / 3
    name = f"n{seconds:g}"
    return CuffSet(name, at(seconds), systolic, diastolic, mean, heart_rate, spo2)


def locked(*sets: CuffSet):
    return baseline_from(sets, session=NAMESPACE, at=at(999), by="anna")


def test_the_baseline_is_the_mean_of_two_sets_that_agree():
    baseline = locked(taken(0, 120, 80, 70, 98), taken(180, 124, 78, 74, None))
    assert (baseline.systolic_mmhg, baseline.diastolic_mmhg) == (122, 79)
    assert baseline.mean_mmhg == pytest.approx((93.333 + 93.333) / 2, abs=0.01)
    assert (baseline.heart_rate_bpm, baseline.spo2_pct) == (72, 98)
    assert baseline.measurement_ids == ("n0", "n180")


def test_what_was_not_measured_is_none_and_not_zero():
    baseline = locked(taken(0, 120, 80), taken(180, 120, 80))
    assert (baseline.heart_rate_bpm, baseline.spo2_pct) == (None, None)


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        ([], "none yet"),
        ([taken(0, 120, 80)], "at least 3 minutes apart"),
        ([taken(0, 120, 80), taken(120, 120, 80)], "at least 3 minutes apart"),
        ([taken(0, 120, 80), taken(180, 134, 80)], "systolic 120 and 134"),
        ([taken(0, 120, 80), taken(180, 120, 89)], "diastolic 80 and 89"),
    ],
    ids=["none", "one", "too near", "systolic apart", "diastolic apart"],
)
def test_sets_that_do_not_agree_make_no_baseline_and_say_why(sets, words):
    with pytest.raises(NoBaseline, match=words):
        locked(*sets)


@pytest.mark.parametrize(("second", "agrees"), [(132.6, True), (132.7, False), (108.5, False)])
def test_ten_per_cent_is_of_the_mean_of_the_two(second, agrees):
    if agrees:
        assert locked(taken(0, 120, 80), taken(180, second, 80))
    else:
        with pytest.raises(NoBaseline):
            locked(taken(0, 120, 80), taken(180, second, 80))


def test_a_set_too_near_to_the_last_is_passed_over():
    sets = taken(0, 120, 80), taken(300, 150, 80), taken(400, 120, 80)
    assert locked(*sets).measurement_ids == ("n0", "n400")


def test_the_newest_pair_counts():
    baseline = locked(taken(0, 160, 95), taken(300, 126, 80), taken(600, 122, 78))
    assert baseline.systolic_mmhg == 124


@pytest.mark.parametrize("phase", IN_CHAIR)
def test_the_baseline_is_locked_in_the_baseline_phase_alone(phase):
    chair = started()
    chair.cuff(10, 120, 80)
    chair.cuff(200, 122, 82)
    chair.bring_to(phase)
    outcome = chair.lock()
    assert (outcome.kind is OutcomeKind.DONE) == (phase is SessionPhase.BASELINE)
    assert (chair.session.baseline is not None) == (phase is SessionPhase.BASELINE)


def test_an_artefact_is_no_part_of_a_baseline():
    """The systolic is plausible, the diastolic is not: the set is none."""
    chair = started(SessionPhase.BASELINE)
    chair.cuff(10, 120, 80)
    chair.cuff(200, 120, 15)
    assert len(chair.session.sets) == 1
    assert "3 minutes apart" in chair.lock().reason


def test_a_value_from_long_before_is_no_part_of_a_set():
    """Nobody measured a saturation beside this cuff; the last one is ten minutes old."""
    chair = started(SessionPhase.BASELINE)
    chair.see(1, hr=70, spo2=98, rr=14)
    chair.cuff(601, 120, 80)
    (only,) = chair.session.sets
    assert (only.heart_rate_bpm, only.spo2_pct, only.resp_rate_rpm) == (None, None, None)


def test_an_artefact_beside_a_cuff_is_no_part_of_its_set():
    chair = started(SessionPhase.BASELINE)
    chair.see(1, hr=70, spo2=20, rr=14)
    chair.cuff(2, 120, 80)
    (only,) = chair.session.sets
    assert (only.heart_rate_bpm, only.spo2_pct) == (70, None)
