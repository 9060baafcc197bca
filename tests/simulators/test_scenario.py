"""Does a scenario file mean what it says, and is a wrong one refused with its line?"""

from pathlib import Path

import pytest

from simulators.refused import Refused
from simulators.scenario import SHIPPED, load, named, scenarios

GOOD = """\
# what this exercises
title = "A title"
what = "What happens."
length_min = 10

[baseline]
heart_rate_bpm = 60

[cuff]
mode = "auto"
interval_s = 150

[[course]]
sign = "spo2_pct"
points = [[0, 98], [5, 90]]

[[event]]
kind = "spo2-off"
from_min = 1
to_min = 2

[[event]]
kind = "ecg-lead-off"
from_min = 3
to_min = 4
falls_back_to_pulse = true
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_read_as_written(tmp_path):
    scenario = load(written(tmp_path, GOOD))
    assert (scenario.name, scenario.title, scenario.length_s) == ("mine", "A title", 600)
    assert (scenario.baseline.heart_rate_bpm, scenario.baseline.systolic_mmhg) == (60, 122)
    assert scenario.courses == {"spo2_pct": ((0, 98), (5, 90))}
    assert [event.falls_back_to_pulse for event in scenario.events] == [False, True]
    assert scenario.events[0].from_s == 60


@pytest.mark.parametrize(
    ("right", "wrong", "line", "said"),
    [
        ('title = "A title"', "title = 3", 2, "title: some text, got 3"),
        ('title = "A title"', "", 1, "title: some text, got 'nothing'"),
        ("length_min = 10", "length_min = 0", 4, "length_min: a number above 0, got 0"),
        ("length_min = 10", "length_min = true", 4, "a number above 0, got True"),
        ("length_min = 10", "length_min = 10\nlenght = 3", 5, "no key lenght here, got 3"),
        ("heart_rate_bpm = 60", 'heart_rate_bpm = "60"', 7, "a number, got '60'"),
        ("heart_rate_bpm = 60", "heart_rate = 60", 7, "no key heart_rate here, got 60"),
        ('mode = "auto"', 'mode = "stat"', 10, "mode: one of auto, manual, got 'stat'"),
        ("interval_s = 150", "interval_s = 60", 11, "interval_s: a number above 119, got 60"),
        ("[cuff]", "[cuf]", 1, "a table [cuff], got 'nothing'"),
        ('sign = "spo2_pct"', 'sign = "spo2"', 14, "sign: one of heart_rate_bpm,"),
        ("[5, 90]", "[0, 90]", 15, "minutes rising, got"),
        ("[5, 90]", "[5]", 15, "a list of [minute, value]"),
        ('"spo2-off"', '"spo2-of"', 18, "kind: one of ecg-lead-off,"),
        ("to_min = 4", "to_min = 3", 25, "to_min: a number above 3, got 3"),
        ("= true", "= 1", 26, "falls_back_to_pulse: true or false, got 1"),
        ("to_min = 2", "to_min = 2\nfalls_back_to_pulse = true", 21, "no key falls_back"),
        ("[[event]]", "[[events]]", 17, "no key events here"),
    ],
)
def test_a_mistake_is_refused_with_its_line(tmp_path, right, wrong, line, said):
    path = written(tmp_path, GOOD.replace(right, wrong))
    with pytest.raises(Refused) as refused:
        load(path)
    assert f"{path}:{line}: expected" in str(refused.value)
    assert said in str(refused.value)


def test_what_is_no_toml_is_refused_with_its_line(tmp_path):
    with pytest.raises(Refused, match=r"mine\.toml.*TOML.*line 2"):
        load(written(tmp_path, "title = 'x'\nwhat what\n"))


def test_an_unknown_name_is_answered_with_the_choices():
    with pytest.raises(Refused, match=r"calm, capnography, cuff-failures.*got 'clam'"):
        named("clam")


def test_a_file_of_ones_own_is_taken_by_its_path(tmp_path):
    assert named(str(written(tmp_path, GOOD))).title == "A title"


def test_every_shipped_file_says_first_what_it_exercises():
    names = [name for name, _ in scenarios()]
    known = {"calm", "capnography", "rising-pressure", "preparation", "recovery", "empty"}
    assert known <= set(names)
    for name in names:
        first = (SHIPPED / f"{name}.toml").read_text(encoding="utf-8").splitlines()[0]
        assert first.startswith("# ")
