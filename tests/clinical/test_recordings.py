"""Do real recordings, replayed second by second, alarm as their table says and no more?

The recordings are intensive-care patients: real noise and real cuffs, not ketamine sessions.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from clinical.alarms import AlarmKind
from clinical.monitor import Observed
from clinical.phases import SessionPhase
from clinical.record import AlarmEvent
from clinical.vitals import Metric, Observation, Quality
from tests.clinical.fakes import Bedside, at, started

CONTINUOUS = {
    "hr_bpm": Metric.HEART_RATE,
    "pulse_bpm": Metric.PULSE_RATE,
    "resp_rpm": Metric.RESP_RATE,
    "spo2_pct": Metric.SPO2,
}
CUFF = {
    "nibp_sys_mmhg": Metric.NIBP_SYSTOLIC,
    "nibp_dia_mmhg": Metric.NIBP_DIASTOLIC,
    "nibp_map_mmhg": Metric.NIBP_MEAN,
}


def observation(metric: Metric, cell: str, second: float, name: str | None) -> Observation:
    value = float(cell) if cell else None
    quality = Quality.VALID if cell else Quality.UNAVAILABLE
    return Observation(metric, value, quality, at(second), measurement_id=name)


def replayed(file: Path) -> Bedside:
    """The recording as a live signal of one frame a second, in an infusion.

    Each value holds until the next row that has one, a blank cell after a value is a sensor that
    gives nothing, and a cuff cycle ends at each row that carries a pressure.
    """
    with file.open(encoding="utf-8", newline="") as lines:
        rows = {int(float(row["t_s"])): row for row in csv.DictReader(lines)}
    chair = started(SessionPhase.INFUSING)
    held: dict[Metric, str] = {}
    for second in range(max(rows) + 1):
        row, cuff = rows.get(second, {}), []
        for column, metric in CONTINUOUS.items():
            if row.get(column) or (row and metric in held):
                held[metric] = row[column]
        if any(row.get(column) for column in CUFF):
            chair.readings += 1
            name = f"n{chair.readings}"
            cuff = [observation(m, row[column], second, name) for column, m in CUFF.items()]
        frame = [observation(metric, cell, second, None) for metric, cell in held.items()]
        chair.step(Observed((*frame, *cuff), at(second)), at(second + 0.01))
    return chair


def changes(chair: Bedside, condition: str) -> list[tuple[str, str, float | None, float]]:
    """What became of ``condition``: change, priority, value, minute."""
    return [
        (
            fact.change.value,
            fact.priority.value,
            fact.value,
            (fact.at - at(0)).total_seconds() / 60,
        )
        for fact in chair.facts
        if isinstance(fact, AlarmEvent) and fact.condition == condition
    ]


def conditions(chair: Bedside, kind: AlarmKind) -> set[str]:
    return {f.condition for f in chair.facts if isinstance(f, AlarmEvent) and f.kind is kind}


@pytest.fixture(scope="module")
def replay(shared: Path):
    done: dict[str, Bedside] = {}

    def replay(name: str) -> Bedside:
        if name not in done:
            done[name] = replayed(shared / "recordings" / f"{name}.csv")
        return done[name]

    return replay


def test_one_peak_of_pressure_is_advised_escalated_and_over(replay):
    """L at 149, 141 and 143, one M at 179, clear at 119: readings every five minutes."""
    chair = replay("c2012_139058_midsession_bp_peak")
    assert changes(chair, "nibp_systolic high") == [
        ("raised", "low", 149, 10),
        ("cleared", "low", 141, 20),  # 134, back by more than the hysteresis
        ("raised", "low", 143, 25),
        ("escalated", "medium", 179, 30),
        ("cleared", "medium", 179, 35),  # 119
    ]
    assert conditions(chair, AlarmKind.PHYSIOLOGICAL) == {"nibp_systolic high", "resp_rate high"}


def test_a_pressure_that_swings_around_a_limit_is_one_alarm(replay):
    """176, then H at 182, 183, 184 with M between: not one alarm for each."""
    chair = replay("c2012_135491_sustained_hypertension")
    first = [each for each in changes(chair, "nibp_systolic high") if each[3] < 50]
    assert [each[:2] for each in first] == [
        ("raised", "medium"),
        ("escalated", "high"),
        ("eased", "medium"),
        ("escalated", "high"),
        ("eased", "medium"),
        ("escalated", "high"),
        ("eased", "medium"),
    ]
    # The cuff went to 15 minutes: in an infusion such a reading is too old to stand on.
    assert changes(chair, "nibp_systolic signal lost")[0][::3] == ("raised", 52)


def test_the_quiet_session_stays_almost_silent(replay):
    chair = replay("mimic2_s00001_steady_120min")
    assert conditions(chair, AlarmKind.TECHNICAL) == set()
    assert conditions(chair, AlarmKind.PHYSIOLOGICAL) == {"nibp_systolic high", "resp_rate low"}
    assert changes(chair, "nibp_systolic high") == [
        ("raised", "low", 144, 22),
        ("cleared", "low", 145, 32),
        ("raised", "low", 153, 47),
        ("cleared", "low", 153, 52),
        ("raised", "medium", 167, 112),  # the isolated 167/68
        ("eased", "low", 143, 115),
    ]
    # Chest impedance undercounts quiet breathing: below 10 in 72 of 121 minutes, below 8 in few.
    raised = [each for each in changes(chair, "resp_rate low") if each[0] == "raised"]
    assert [each[1] for each in raised] == ["medium"] * 5


def test_the_worst_recording_is_technical_where_a_sensor_is_off(replay):
    chair = replay("mimic2_s25047_artefact_desaturation_72min")
    # The ECG is off from minute 45 on, and the pulse goes on: no asystole.
    lead_off = [each for each in changes(chair, "HR NO SIGNAL") if each[3] > 40]
    assert [each[:2] for each in lead_off] == [("raised", "low"), ("escalated", "medium")]
    assert not [each for each in changes(chair, "heart_rate low") if each[3] > 45]
    # Impossible cuffs (10, 160 over 127) are to be checked, and make no set.
    assert [each[0] for each in changes(chair, "CHECK READING DIA")][:2] == ["raised", "cleared"]
    assert all(20 <= each.diastolic_mmhg < each.systolic_mmhg for each in chair.session.sets)
    # A saturation that falls to 42 is one high alarm until the probe is off: then it is lost.
    low = [each for each in changes(chair, "spo2 low") if 55 < each[3] < 59]
    assert [each[:2] for each in low] == [("escalated", "high"), ("cleared", "high")]
    assert changes(chair, "spo2 signal lost")[0][:2] == ("raised", "high")


@pytest.mark.parametrize(
    "name",
    [
        "c2012_139058_midsession_bp_peak",
        "c2012_135491_sustained_hypertension",
        "mimic2_s00001_steady_120min",
        "mimic2_s25047_artefact_desaturation_72min",
    ],
)
def test_in_the_log_of_a_recording_each_alarm_is_raised_once_before_it_ends(replay, name):
    life: dict[object, list[str]] = {}
    for fact in replay(name).facts:
        if isinstance(fact, AlarmEvent):
            life.setdefault(fact.alarm_id, []).append(fact.change.value)
    assert life
    for changes in life.values():
        assert changes[0] == "raised"
        assert changes.count("raised") == 1
        assert "cleared" not in changes[:-1]
