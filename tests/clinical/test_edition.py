"""Does an edition of a clinic say what its director typed, read again as it was written?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from clinical.catalog.document import Malformed
from clinical.catalog.edition import (
    Difference,
    WrongNumber,
    differences,
    numbers_of,
    read_edition,
    with_numbers,
    written,
)
from clinical.catalog.loader import load_preset, load_presets
from clinical.vitals import CUFF, Metric

ADULT = load_preset("ketamine-adult")


def key_of(label: str) -> str:
    """The key of the number that its field is labelled with."""
    (key,) = [key for key, number in numbers_of(ADULT).items() if number.label == label]
    return key


@pytest.mark.parametrize("preset", load_presets(), ids=lambda p: f"{p.name} {p.version}")
def test_what_is_written_is_what_is_read(preset):
    text = written(preset)
    assert "parent" not in text  # it is readable without the one it comes from
    assert read_edition(preset.name, preset.version, text, preset.parent) == preset


def test_an_edition_is_read_under_its_own_name_and_version_alone():
    with pytest.raises(Malformed, match=r"ketamine-adult.102.toml, line 3: expected version"):
        read_edition("ketamine-adult", 102, written(replace(ADULT, version=101)), ("a", 1))


def test_a_title_with_marks_in_it_stays_as_it_is():
    title = 'Ketamine "deep" \\ [limits]\n☂'
    edition = replace(ADULT, title=title)
    assert read_edition(ADULT.name, 2, written(edition), ("ketamine-adult", 1)) == edition


@pytest.mark.parametrize(
    ("label", "value", "expected"),
    [
        ("HR > 120 medium", 125, ("HR medium, high side", "> 120 for 10 s", "> 125 for 10 s")),
        (
            "SpO2 < 92 medium, delay in s",
            20,
            ("SpO2 medium, low side", "< 92 for 15 s", "< 92 for 20 s"),
        ),
        (
            "RR < 10 with SpO2 < 94 medium, the SpO2 beside it",
            93,
            (
                "RR medium, low side, with SpO2",
                "< 10 with SpO2 < 94 for 30 s",
                "< 10 with SpO2 < 93 for 30 s",
            ),
        ),
        (
            "SYS <= -20 % medium, in %",
            25,
            ("SYS medium, low side, against the baseline", "<= -20 %", "<= -25 %"),
        ),
        (
            "MAP >= +40 % with SYS >= 160 high, the SYS beside it",
            170,
            (
                "MAP high, high side, against the baseline, with SYS",
                ">= +40 % with SYS >= 160",
                ">= +40 % with SYS >= 170",
            ),
        ),
        ("HR high limits, bounds to", 155, ("HR high limits, bounds", "100 to 150", "100 to 155")),
        ("Cuff while infusing, in min", 3, ("Cuff while infusing", "every 5 min", "every 3 min")),
    ],
)
def test_one_number_changes_one_thing(label, value, expected):
    edited = with_numbers(ADULT, {key_of(label): value})
    assert differences(ADULT, edited) == (Difference(*expected),)
    assert differences(edited, ADULT) == (Difference(expected[0], expected[2], expected[1]),)


@pytest.mark.parametrize(
    ("label", "value", "words"),
    [
        ("HR > 120 medium", 105, "HR > 105 medium: limit to be beyond the low limit 110"),
        ("HR <= 40 high", 60, "HR <= 60 high: limit to be beyond the medium limit 50"),
        ("SpO2 < 94 low", 96, "SpO2 < 96 low: limit to be inside its bounds, 85 to 95"),
        ("HR > 120 medium", 301, "HR > 120 medium: expected a whole number, 20 to 300, got 301"),
        ("HR > 120 medium", 120.5, "a whole number, 20 to 300, got 120.5"),
        ("HR > 120 medium", None, "a whole number, 20 to 300, got none"),
        ("HR > 120 medium", float("nan"), "a whole number, 20 to 300, got nan"),
        ("HR > 120 medium", float("inf"), "a whole number, 20 to 300, got inf"),
        ("HR > 120 medium, delay in s", 121, "delay in s: expected a whole number, 0 to 120"),
        ("HR >= +25 % low, in %", 45, "HR >= +40 % medium: limit to be beyond the low limit +45"),
        ("HR low limits, bounds from", 60, "HR bounds: low to be [from, to], two numbers in 20"),
        ("HR low limits, bounds to", 105, "HR bounds: heart_rate to be high bounds above"),
        ("Cuff in recovery, in min", 0, "Cuff in recovery, in min: expected a whole number, 1 to"),
    ],
)
def test_a_wrong_number_is_named_with_its_range(label, value, words):
    with pytest.raises(WrongNumber) as caught:
        with_numbers(ADULT, {key_of(label): value})
    assert words in str(caught.value)


def test_a_number_that_is_not_there_is_refused():
    with pytest.raises(WrongNumber, match="has no number limit:99"):
        with_numbers(ADULT, {"limit:99": 1})


def test_a_cuff_reading_is_never_waited_for():
    cuffs = {Metric(metric) for metric in CUFF}
    for at, limit in enumerate(ADULT.limits):
        assert (f"delay:{at}" in numbers_of(ADULT)) is (limit.metric not in cuffs)


def test_the_same_numbers_make_the_same_preset():
    same = {key: number.value for key, number in numbers_of(ADULT).items()}
    assert with_numbers(ADULT, same) == ADULT
    assert differences(ADULT, ADULT) == ()


def test_what_an_edition_has_more_is_a_difference_too():
    found = differences(load_preset("ketamine-adult", 1), ADULT)
    assert Difference("SpO2 low limits, bounds", "", "85 to 95") in found
    assert Difference("RR high, low side, with SpO2", "", "<= 8 with SpO2 < 92 for 30 s") in found
    esketamine = differences(ADULT, load_preset("esketamine-2h"))
    assert [each.what for each in esketamine] == [
        "Cuff while infusing",
        "Cuff in recovery",
        "A clinician decides before the dose",
        "Stay from the dose",
    ]
