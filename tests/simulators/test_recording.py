"""Does a replayed CSV show what its rows say, when they say it?"""

from pathlib import Path

import pytest

from simulators.displayed import Module
from simulators.recording import Recording
from simulators.refused import Refused

HEADER = "t_s,hr_bpm,pulse_bpm,resp_rpm,spo2_pct,nibp_sys_mmhg,nibp_dia_mmhg,nibp_map_mmhg,note"
ROWS = """\
0,62.8,,12.7,98,137,70,92,resting
60,,55,12,97.5,,,,
120,70,,,,,,95,
180,71,,,,140,80,100,nurse: repositioned
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def recording(tmp_path):
    return Recording(written(tmp_path, f"{HEADER}\n{ROWS}"))


def test_a_value_holds_until_the_next_row_and_a_blank_ends_it(recording):
    rates = [recording.at(t_s).heart_rate_bpm for t_s in (0, 59.9, 60, 119, 120, 9999)]
    assert rates == [62.8, 62.8, None, None, 70, 71]
    assert [recording.at(t_s).pulse_bpm for t_s in (0, 60, 120)] == [None, 55, None]
    assert recording.at(61).spo2_pct == 97.5


def test_a_cuff_cycle_ends_at_its_row_and_began_half_a_minute_before(recording):
    assert recording.at(0).cuff.reading.systolic_mmhg == 137
    assert not recording.at(89).cuff.is_measuring
    measuring = recording.at(90).cuff
    assert (measuring.is_measuring, measuring.reading.systolic_mmhg) == (True, 137)
    mean_only = recording.at(120).cuff
    assert (mean_only.is_measuring, mean_only.age_s) == (False, 0)
    assert (mean_only.reading.systolic_mmhg, mean_only.reading.mean_mmhg) == (None, 95)


def test_a_cuff_reading_outlives_rows_without_one(recording):
    assert recording.at(70).cuff.reading.systolic_mmhg == 137
    assert recording.at(70).cuff.age_s == 70


def test_notes_are_passed_on_as_they_stand(recording):
    assert recording.notes == [(0, "resting"), (180, "nurse: repositioned")]


def test_arterial_columns_are_an_invasive_pressure(tmp_path):
    text = "t_s,hr_bpm,art_sys_mmhg,art_dia_mmhg,art_map_mmhg,note\n0,,,,,x\n1,60,120,60,80,\n"
    shown = Recording(written(tmp_path, text)).at(1)
    assert shown.pressure_1_systolic_mmhg == 120
    assert Module.PRESSURE_1 in shown.attached
    assert Module.NIBP not in shown.fitted


def test_a_column_without_one_value_has_nothing_connected(tmp_path):
    shown = Recording(written(tmp_path, "t_s,hr_bpm,spo2_pct\n0,60,\n")).at(0)
    assert (shown.fitted, shown.attached) == ({Module.ECG, Module.SPO2}, {Module.ECG})


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "t_s first"),
        ("hr_bpm,t_s\n1,2\n", 1, "t_s first"),
        ("t_s,heart\n0,60\n", 1, "got 't_s,heart'"),
        ("t_s,hr_bpm\n", 2, "at least one row"),
        ("t_s,hr_bpm\n0,60\n1\n", 3, "2 cells, got 1"),
        ("t_s,hr_bpm\n0,60\n0,61\n", 3, "t_s later than in the row before, got '0'"),
        ("t_s,hr_bpm\n,60\n", 2, "t_s later"),
        ("t_s,hr_bpm\n0,sixty\n", 2, "hr_bpm: blank or a number from 0 up, got 'sixty'"),
        ("t_s,hr_bpm\n0,-1\n", 2, "got '-1'"),
        ("t_s,hr_bpm\n0,nan\n", 2, "got 'nan'"),
    ],
)
def test_a_malformed_file_is_refused_with_its_line(tmp_path, text, line, said):
    path = written(tmp_path, text)
    with pytest.raises(Refused) as refused:
        Recording(path)
    assert f"{path}:{line}: expected" in str(refused.value)
    assert said in str(refused.value)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(Refused, match="a CSV file"):
        Recording(tmp_path / "none.csv")


def test_every_shared_recording_can_be_replayed(shared):
    paths = sorted((shared / "recordings").glob("*.csv"))
    assert paths
    for path in paths:
        recording = Recording(path)
        assert recording.at(recording.length_s / 2).attached
