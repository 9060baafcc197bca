"""What do the data say of each item of the recovery checklist that they can fill?"""

from __future__ import annotations

import pytest

from clinical.checklist import Verdict
from clinical.record import BaselineLocked
from clinical.recovery import RULES, CuffSet, Evidence
from tests.clinical.fakes import NAMESPACE, at

STOPPED_S = 3600.0
BASELINE = BaselineLocked(NAMESPACE, at(600), "anna", 120, 80, 93, 70, 98, ("n1", "n2"))


def taken(minutes: float, systolic: float = 120, diastolic: float = 80, **beside) -> CuffSet:
    """A set ``minutes`` after the infusion stopped."""
    rest = {"heart_rate_bpm": 70.0, "spo2_pct": 98.0, "resp_rate_rpm": 14.0, **beside}
    return CuffSet("n", at(STOPPED_S + 60 * minutes), systolic, diastolic, 93, **rest)


def evidence(
    *sets: CuffSet,
    minutes: float = 35,
    stopped: bool = True,
    baseline: BaselineLocked | None = BASELINE,
    alarms: tuple[str, ...] = (),
) -> Evidence:
    return Evidence(
        now=at(STOPPED_S + 60 * minutes),
        infusion_stopped_at=at(STOPPED_S) if stopped else None,
        minutes_since_stop=30,
        sets=sets,
        baseline=baseline,
        open_alarms=alarms,
    )


@pytest.mark.parametrize(
    ("given", "verdict", "words"),
    [
        (evidence(stopped=False), Verdict.NOT_MET, "has not been stopped"),
        (evidence(taken(5), taken(20), minutes=29.99), Verdict.NOT_MET, "29 of 30 min"),
        (evidence(taken(5), taken(20), minutes=30), Verdict.MET, "30 of 30 min, 2 of 2"),
        (evidence(taken(5), minutes=31), Verdict.NOT_MET, "1 of 2 sets"),
        (evidence(taken(-5), taken(20), minutes=31), Verdict.NOT_MET, "1 of 2 sets"),
        (evidence(taken(0), taken(20), minutes=31), Verdict.MET, "2 of 2 sets"),
    ],
)
def test_time_since_the_infusion_stopped(given, verdict, words):
    finding = RULES["time_since_stop"](given)
    assert finding.verdict is verdict
    assert words in finding.evidence


@pytest.mark.parametrize(
    ("last", "verdict", "words"),
    [
        (taken(20), Verdict.MET, "SYS 120 (+0% of baseline 120)"),
        (taken(20, systolic=144), Verdict.MET, "SYS 144 (+20%"),
        (taken(20, systolic=145), Verdict.NOT_MET, "SYS 145 (+21%"),
        (taken(20, systolic=96), Verdict.MET, "SYS 96 (-20%"),
        (taken(20, systolic=95), Verdict.NOT_MET, "SYS 95 (-21%"),
        (taken(20, systolic=161), Verdict.NOT_MET, "SYS 161, above 160"),
        (taken(20, diastolic=96), Verdict.MET, "DIA 96 (+20%"),
        (taken(20, diastolic=97), Verdict.NOT_MET, "DIA 97 (+21%"),
        (taken(20, diastolic=101), Verdict.NOT_MET, "DIA 101, above 100"),
        (taken(20, heart_rate_bpm=50.0), Verdict.MET, "HR 50"),
        (taken(20, heart_rate_bpm=49.0), Verdict.NOT_MET, "HR 49"),
        (taken(20, heart_rate_bpm=110.0), Verdict.MET, "HR 110"),
        (taken(20, heart_rate_bpm=111.0), Verdict.NOT_MET, "HR 111"),
        (taken(20, heart_rate_bpm=None), Verdict.UNKNOWN, "HR not measured"),
        (taken(20, spo2_pct=94.0), Verdict.MET, "SpO2 94 %"),
        (taken(20, spo2_pct=93.0), Verdict.NOT_MET, "SpO2 93 %"),
        (taken(20, spo2_pct=None), Verdict.UNKNOWN, "SpO2 not measured"),
        (taken(20, resp_rate_rpm=10.0), Verdict.MET, "RR 10"),
        (taken(20, resp_rate_rpm=9.0), Verdict.UNKNOWN, "RR 9 on the monitor: count it"),
        (taken(20, resp_rate_rpm=24.0), Verdict.MET, "RR 24"),
        (taken(20, resp_rate_rpm=25.0), Verdict.NOT_MET, "RR 25"),
        (taken(20, resp_rate_rpm=None), Verdict.UNKNOWN, "RR not measured"),
        (taken(-20), Verdict.UNKNOWN, "no blood pressure since"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_last_vitals_against_baseline_and_safe_limits(last, verdict, words):
    finding = RULES["vitals_settled"](evidence(last))
    assert finding.verdict is verdict
    assert words in finding.evidence


def test_a_saturation_that_was_low_at_baseline_may_be_as_low_again():
    low = BaselineLocked(NAMESPACE, at(600), "anna", 120, 80, 93, 70, 92, ("n1", "n2"))
    assert RULES["vitals_settled"](evidence(taken(20, spo2_pct=92.0), baseline=low)).verdict is (
        Verdict.MET
    )
    assert RULES["vitals_settled"](evidence(taken(20, spo2_pct=91.0), baseline=low)).verdict is (
        Verdict.NOT_MET
    )


def test_without_a_baseline_safe_pressures_are_for_a_nurse_to_judge():
    finding = RULES["vitals_settled"](evidence(taken(20), baseline=None))
    assert finding.verdict is Verdict.UNKNOWN
    assert "no baseline" in finding.evidence


def test_without_a_baseline_an_unsafe_pressure_is_still_not_met():
    finding = RULES["vitals_settled"](evidence(taken(20, systolic=175), baseline=None))
    assert finding.verdict is Verdict.NOT_MET


def test_one_value_that_says_no_outweighs_those_that_are_not_known():
    last = taken(20, systolic=175, heart_rate_bpm=None)
    assert RULES["vitals_settled"](evidence(last)).verdict is Verdict.NOT_MET


def test_the_newest_set_decides():
    assert RULES["vitals_settled"](evidence(taken(5, 175), taken(20))).verdict is Verdict.MET
    assert RULES["vitals_settled"](evidence(taken(5), taken(20, 175))).verdict is Verdict.NOT_MET


@pytest.mark.parametrize(
    ("alarms", "verdict", "words"),
    [
        ((), Verdict.MET, "none open"),
        (("** SYS 165 > 160",), Verdict.NOT_MET, "open: ** SYS 165 > 160"),
        (("NO DATA", "*** SpO2 85 < 88"), Verdict.NOT_MET, "NO DATA, *** SpO2 85 < 88"),
    ],
)
def test_an_open_alarm_of_medium_or_high_priority(alarms, verdict, words):
    finding = RULES["no_open_alarm"](evidence(alarms=alarms))
    assert finding.verdict is verdict
    assert words in finding.evidence
