"""Do the shipped presets say what our clinical rules say, and how far may a nurse move them?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from clinical.alarms import AlarmPriority, Direction
from clinical.catalog import loader, preset_file
from clinical.catalog.document import Malformed
from clinical.catalog.loader import UnknownEntry, load_preset, load_presets
from clinical.catalog.preset import Preset
from clinical.catalog.presets import Presets, allowed, shipped, why_not
from clinical.record import BaselineLocked
from clinical.vitals import Metric

HR, SPO2, RR = Metric.HEART_RATE, Metric.SPO2, Metric.RESP_RATE
SYS, DIA, MEAN = Metric.NIBP_SYSTOLIC, Metric.NIBP_DIASTOLIC, Metric.NIBP_MEAN
LOW_SIDE, HIGH_SIDE = Direction.LOW, Direction.HIGH
LOW, MEDIUM, HIGH = AlarmPriority.LOW, AlarmPriority.MEDIUM, AlarmPriority.HIGH

# Our clinical rules, section 4, as printed: each limit, its priority, its delay in seconds.
ADULT = {
    HR: "<= 40 H 5, < 50 M 10, > 110 L 30, > 120 M 10, >= 140 H 5",
    SPO2: "< 80 H 0, < 88 H 10, < 92 M 15, < 94 L 30",
    RR: "<= 6 H 30, < 8 M 30, <= 8 with SpO2 < 92 H 30, < 10 with SpO2 < 94 M 30, "
    "> 24 M 30, >= 30 H 30",
    SYS: "<= 80 H 0, < 90 M 0, > 140 L 0, > 160 M 0, >= 180 H 0",
    DIA: "<= 40 H 0, < 50 M 0, > 90 L 0, > 100 M 0, >= 110 H 0",
    MEAN: "<= 55 H 0, < 60 M 0, > 110 M 0, >= 130 H 0",
}
ADULT_CHANGE = {
    HR: "<= -30 % M 30, >= +25 % L 30, >= +40 % M 30",
    SYS: "<= -30 % H 0, <= -20 % M 0, >= +20 % L 0, >= +30 % M 0, >= +40 % with SYS >= 160 H 0",
    MEAN: "<= -30 % H 0, <= -20 % M 0, >= +20 % L 0, >= +30 % M 0, >= +40 % with SYS >= 160 H 0",
}
HYPERTENSIVE = {
    SYS: "<= 85 H 0, < 100 M 0, > 160 L 0, > 170 M 0, >= 190 H 0",
    DIA: "<= 40 H 0, < 50 M 0, > 100 L 0, > 105 M 0, >= 115 H 0",
    MEAN: "<= 60 H 0, < 65 M 0, > 120 M 0, >= 135 H 0",
}
ATHLETE = {HR: "<= 36 H 5, < 42 M 10, > 110 L 30, > 120 M 10, >= 140 H 5"}
ATHLETE_CHANGE = {HR: "<= -35 % M 30, >= +25 % L 30, >= +40 % M 30"}
TABLE = {
    "ketamine-adult": (ADULT, ADULT_CHANGE),
    "hypertensive-history": (ADULT | HYPERTENSIVE, ADULT_CHANGE),
    "athlete-low-hr": (ADULT | ATHLETE, ADULT_CHANGE | ATHLETE_CHANGE),
    "esketamine-2h": (ADULT, ADULT_CHANGE),
}
BOUNDS = {
    (HR, LOW_SIDE): (36, 55),
    (HR, HIGH_SIDE): (100, 150),
    (SYS, HIGH_SIDE): (140, 190),
    (SYS, LOW_SIDE): (80, 100),
    (DIA, HIGH_SIDE): (90, 115),
    (SPO2, LOW_SIDE): (85, 95),
    (RR, LOW_SIDE): (6, 10),
    (RR, HIGH_SIDE): (20, 32),
}
# Cuff while infusing and in recovery (s), a decision above, minutes from the dose.
REST = {
    "ketamine-adult": (300, 900, None, None),
    "hypertensive-history": (300, 900, None, None),
    "athlete-low-hr": (300, 900, None, None),
    "esketamine-2h": (2400, 1800, (140, 90), 120),
}
HYSTERESIS = {HR: 2, SPO2: 1, RR: 1, SYS: 2, DIA: 2, MEAN: 2}
MARK = {HIGH: "H", MEDIUM: "M", LOW: "L"}


@pytest.mark.parametrize("name", TABLE)
def test_each_limit_is_the_printed_one(name):
    found = {}
    for limit in load_preset(name).limits:
        row = f"{limit.words} {MARK[limit.priority]} {limit.delay_s:g}"
        found[limit.metric] = ", ".join(filter(None, (found.get(limit.metric), row)))
        assert limit.hysteresis == HYSTERESIS[limit.metric]
        assert limit.value == round(limit.value)  # nothing is lost in the words
    assert found == TABLE[name][0]


@pytest.mark.parametrize("name", TABLE)
def test_each_limit_against_the_baseline_is_the_printed_one(name):
    found = {}
    for relative in load_preset(name).relative:
        words = f"{relative.operator} {relative.change * 100:+.0f} %"
        if relative.beside is not None:
            assert relative.beside.hysteresis == HYSTERESIS[relative.beside.metric]
            words += " with " + relative.against(100).words.split(" with ")[1]
        row = f"{words} {MARK[relative.priority]} {relative.delay_s:g}"
        found[relative.metric] = ", ".join(filter(None, (found.get(relative.metric), row)))
        assert relative.hysteresis == HYSTERESIS[relative.metric]
    assert found == TABLE[name][1]


@pytest.mark.parametrize("name", TABLE)
def test_the_bounds_and_intervals_are_the_printed_ones(name):
    preset = load_preset(name)
    assert dict(preset.bounds) == BOUNDS
    assert preset.latching == (HIGH,)
    assert (
        preset.cuff_infusing_s,
        preset.cuff_recovery_s,
        preset.decision_above,
        preset.minutes_since_start,
    ) == REST[name]


def test_no_other_preset_ships():
    editions = {(preset.name, preset.version): preset.parent for preset in load_presets()}
    assert editions == {
        ("ketamine-adult", 1): None,
        ("ketamine-adult", 2): ("ketamine-adult", 1),
        ("hypertensive-history", 1): ("ketamine-adult", 2),
        ("athlete-low-hr", 1): ("ketamine-adult", 2),
        ("esketamine-2h", 1): ("ketamine-adult", 2),
    }


def test_the_newest_edition_is_loaded_and_an_older_one_by_its_number():
    assert load_preset("ketamine-adult").version == 2
    first = load_preset("ketamine-adult", 1)
    assert (first.version, first.relative, dict(first.bounds)) == (1, (), {})
    assert first is load_preset("ketamine-adult", 1)
    with pytest.raises(UnknownEntry, match="no version 9 of the preset ketamine-adult"):
        load_preset("ketamine-adult", 9)


def test_a_rise_of_a_low_pressure_is_not_a_high_alarm():
    """Of 100 mmHg, 40 % more is 140: to act now it takes 160 besides."""
    baseline = BaselineLocked(
        session=UUID(int=1),
        at=datetime(2026, 11, 22, tzinfo=UTC),
        by="anna",
        systolic_mmhg=100,
        diastolic_mmhg=60,
        mean_mmhg=73,
        heart_rate_bpm=None,
        spo2_pct=97,
        measurement_ids=("n1", "n2"),
    )
    limits = load_preset("ketamine-adult").in_force(baseline)
    (worst,) = [each for each in limits if each.metric is SYS and each.change == 0.4]
    assert worst.words == ">= 140 (+40 %) with SYS >= 160"
    assert worst.is_breached_by(145, {SYS: 145}) is False
    assert worst.is_breached_by(160, {SYS: 160}) is True
    assert not [each for each in limits if each.metric is HR and each.change is not None]


# --- a file with a parent -------------------------------------------------------------------------

CHILD = """name = "night"
version = 3
title = "Night"
parent = "ketamine-adult 2"
latching = ["high", "medium"]
cuff_recovery_s = 1200
decision_above = "150/95"
minutes_since_start = 90

[clearing]
spo2 = { off_delay_s = 8, hysteresis = 2 }

[limits]
spo2 = [
    { limit = "< 86", priority = "high", delay_s = 10 },
    { limit = "< 90", priority = "medium", delay_s = 20 },
]

[relative]
heart_rate = []
nibp_systolic = [
    { limit = ">= +35 %", priority = "medium", delay_s = 0 },
    { limit = ">= +45 %", priority = "high", delay_s = 0, beside = "nibp_mean > 120" },
]

[bounds]
spo2 = { low = [84, 92] }
"""


def read(text: str, name: str = "night.3.toml") -> Preset:
    return preset_file.read_preset(Path(name), load_preset, text)


def test_what_a_file_does_not_name_is_its_parents():
    night, parent = read(CHILD), load_preset("ketamine-adult")
    assert (night.name, night.version, night.parent) == ("night", 3, ("ketamine-adult", 2))
    assert (night.cuff_infusing_s, night.cuff_recovery_s) == (300, 1200)
    assert (night.latching, night.decision_above) == ((HIGH, MEDIUM), (150, 95))
    assert night.minutes_since_start == 90
    assert [limit.words for limit in night.limits if limit.metric is SPO2] == ["< 86", "< 90"]
    others = [limit for limit in night.limits if limit.metric not in (SPO2, RR)]
    assert others == [limit for limit in parent.limits if limit.metric not in (SPO2, RR)]
    assert [each for each in night.relative if each.metric is HR] == []
    assert [each.change for each in night.relative if each.metric is SYS] == [0.35, 0.45]
    assert [each for each in night.relative if each.metric is MEAN] == [
        each for each in parent.relative if each.metric is MEAN
    ]
    assert night.bounds == {**BOUNDS, (SPO2, LOW_SIDE): (84, 92)}


def test_a_sign_clears_alike_wherever_it_stands():
    """SpO2 clears by 2 % here: also where a limit of the parent only looks at it."""
    night = read(CHILD)
    assert {limit.hysteresis for limit in night.limits if limit.metric is SPO2} == {2}
    assert night.off_delay_s[SPO2] == 8
    assert {limit.beside.hysteresis for limit in night.limits if limit.beside} == {2}


def test_a_file_without_differences_is_its_parent():
    parent = load_preset("ketamine-adult")
    same = read('name = "a"\nversion = 1\ntitle = "A"\nparent = "ketamine-adult 2"\n', "a.toml")
    assert replace(same, name=parent.name, version=2, title=parent.title) == replace(
        parent, parent=("ketamine-adult", 2)
    )


SPO2_90 = '{ limit = "< 90", priority = "medium", delay_s = 20 },'
RISE_45 = '">= +45 %", priority = "high", delay_s = 0, beside = "nibp_mean > 120"'
WRONG = {
    "parent alone": ('"ketamine-adult 2"', '"ketamine-adult"', "parent =", "a name and a version"),
    "parent gone": ('"ketamine-adult 2"', '"ketamine-adult 9"', "parent =", "no version 9"),
    "parent unknown": ('"ketamine-adult 2"', '"adult 1"', "parent =", "expected one of"),
    "parent number": ('"ketamine-adult 2"', "2", "parent =", "a text"),
    "parent itself": ('"ketamine-adult 2"', '"night 3"', "parent =", "before version 3"),
    "version": ("version = 3", "version = 4", "version =", "3, as its file is named"),
    "latching word": ('["high", "medium"]', '["high", "now"]', "latching", "low or medium or high"),
    "latching twice": ('["high", "medium"]', '["high", "high"]', "latching", "each once"),
    "latching number": ('["high", "medium"]', "[1]", "latching", "low or medium or high"),
    "decision": ('"150/95"', '"150"', "decision", "systolic/diastolic"),
    "decision turned": ('"150/95"', '"95/150"', "decision", "systolic/diastolic"),
    "decision far": ('"150/95"', '"400/95"', "decision", "60 to 250 mmHg"),
    "minutes": ("minutes_since_start = 90", "minutes_since_start = -1", "minutes", "0 to 1440"),
    "minutes text": ("start = 90", 'start = "90"', "minutes", "a whole number"),
    "cuff": ("cuff_recovery_s = 1200", "cuff_recovery_s = 5", "cuff", "60 to 86400"),
    "limits gone": (SPO2_90, "", None, None),
    "delay": (SPO2_90, SPO2_90.replace("20", "-1"), "< 90", "delay_s to be seconds, 0 to"),
    "no body": (SPO2_90, SPO2_90.replace("< 90", "< 101"), "< 101", "30 to 100 spo2"),
    "order": (SPO2_90, SPO2_90.replace("< 90", "< 85"), "< 86", "beyond the medium limit 85"),
    "twice": (
        "20 },",
        '20 },\n    { limit = "< 90", priority = "medium", delay_s = 9 },',
        None,
        "once",
    ),
    "beside": (SPO2_90, SPO2_90.replace(" }", ', beside = "spo2" }'), "< 90", "a sign and its"),
    "beside sign": (
        SPO2_90,
        SPO2_90.replace(" }", ', beside = "pH < 7" }'),
        "pH",
        "a sign and its",
    ),
    "beside itself": (
        SPO2_90,
        SPO2_90.replace(" }", ', beside = "spo2 < 85" }'),
        "< 85",
        "another sign",
    ),
    "beside no body": (
        SPO2_90,
        SPO2_90.replace(" }", ', beside = "heart_rate < 5" }'),
        "< 5",
        "20 to 300",
    ),
    "beside without clearing": (
        SPO2_90,
        SPO2_90.replace(" }", ', beside = "etco2 > 50" }'),
        "[clearing]",
        "etco2",
    ),
    "relative number": (RISE_45, RISE_45.replace("+45 %", "166"), "166", ">= +30 %"),
    "relative no sign": (RISE_45, RISE_45.replace("+45", "45"), ">= 45", ">= +30 %"),
    "relative wrong way": (RISE_45, RISE_45.replace("+45", "-45"), ">= -45", ">= +30 %"),
    "relative nothing": (RISE_45, RISE_45.replace("+45", "+0"), "+0", "1 to 200 %"),
    "relative all": (RISE_45, RISE_45.replace(">= +45", "<= -96"), "-96", "1 to 95 %"),
    "relative priority": (
        RISE_45,
        RISE_45.replace('"high"', '"urgent"'),
        "urgent",
        "low or medium",
    ),
    "relative sign": ("heart_rate = []", "resp_rate = []", "resp_rate = []", "the baseline holds"),
    "relative none": ("heart_rate = []", "spo2 = []", "spo2 = []", "at least one limit"),
    "relative order": (
        '{ limit = ">= +35 %", priority = "medium", delay_s = 0 },',
        '{ limit = ">= +35 %", priority = "medium", delay_s = 0 },\n'
        '    { limit = ">= +30 %", priority = "high", delay_s = 0 },',
        "+30 %",
        "beyond the medium limit +35 %",
    ),
    "bounds turned": ("[84, 92]", "[92, 84]", "[92", "[from, to], two numbers in 30 to 100"),
    "bounds alone": ("[84, 92]", "[84]", "[84]", "[from, to]"),
    "bounds text": ("[84, 92]", '["84", 92]', '["84"', "[from, to]"),
    "bounds nan": ("[84, 92]", "[nan, 92]", "nan", "[from, to]"),
    "bounds true": ("[84, 92]", "[true, 92]", "true", "[from, to]"),
    "bounds no body": ("[84, 92]", "[84, 105]", "105", "[from, to], two numbers in 30 to 100"),
    "bounds side": ("low = [84", "lower = [84", "lower", "one of high, low"),
    "bounds sign": ("spo2 = { low", "sats = { low", "sats", "a metric such as"),
    "bounds of none": (
        "spo2 = { low = [84, 92] }",
        "etco2 = { low = [8, 9] }",
        "etco2",
        "with a low limit",
    ),
    "bounds too far in": ("[84, 92]", "[87, 92]", "< 86", "inside its bounds, 87 to 92"),
    "bounds of the parents": (
        "spo2 = { low = [84, 92] }",
        "heart_rate = { low = [45, 55] }",
        "[45",
        "around 40",
    ),
    "bounds cross": (
        "spo2 = { low = [84, 92] }",
        "heart_rate = { low = [36, 105], high = [100, 150] }",
        "[36, 105]",
        "high bounds above the low ones",
    ),
    "clearing of none": ("[limits]", "[limits]", None, None),
    "clearing unused": (
        "hysteresis = 2 }",
        "hysteresis = 2 }\netco2 = { off_delay_s = 1, hysteresis = 1 }",
        "etco2",
        "one of",
    ),
    "extra": ("latching =", "silent = true\nlatching =", "silent", "one of"),
    "extra in a row": (SPO2_90, SPO2_90.replace(" }", ", sound = 1 }"), "sound", "one of"),
}
RIGHT = ("limits gone", "clearing of none")  # and so they are taken


@pytest.mark.parametrize("case", WRONG.items(), ids=lambda case: case[0])
def test_a_malformed_difference_is_refused_with_its_line(case):
    name, (old, new, mark, expected) = case
    assert CHILD.count(old) == 1, old
    text = CHILD.replace(old, new)
    if name in RIGHT:
        assert read(text)
        return
    with pytest.raises(Malformed) as caught:
        read(text)
    error = caught.value
    assert expected in error.expected
    lines = text.splitlines()
    (line,) = [n for n, each in enumerate(lines, 1) if mark is not None and mark in each] or [16]
    assert error.line == line
    assert str(error).startswith(f"night.3.toml, line {line}: expected ")


@pytest.mark.parametrize("file", ["night.toml", "night.03.toml", "night.x.toml", "Night.3.toml"])
def test_a_file_is_named_for_what_it_holds(file):
    with pytest.raises(Malformed, match=r"1, as its file is named|a file name such as"):
        read(CHILD, file)


def test_an_edition_cannot_come_from_itself_by_a_detour(tmp_path, monkeypatch):
    folder = tmp_path / "presets"
    folder.mkdir()
    for own, other in (("a", "b"), ("b", "a")):
        text = f'name = "{own}"\nversion = 1\ntitle = "x"\nparent = "{other} 1"\n'
        (folder / f"{own}.toml").write_text(text)
    monkeypatch.setattr(loader, "HERE", tmp_path)
    with pytest.raises(Malformed, match="comes from"):
        loader.read_preset(folder / "a.toml", loader.load_preset.__wrapped__)


def test_one_wrong_file_does_not_take_the_others_with_it(tmp_path, monkeypatch):
    folder = tmp_path / "presets"
    folder.mkdir()
    adult = (loader.HERE / "presets" / "ketamine-adult.toml").read_text(encoding="utf-8")
    (folder / "ketamine-adult.toml").write_text(adult, encoding="utf-8")
    (folder / "ketamine-adult.2.toml").write_text("name = 7\n")
    monkeypatch.setattr(loader, "HERE", tmp_path)
    presets, refused = loader.readable_presets.__wrapped__()
    assert [(preset.name, preset.version) for preset in presets] == [("ketamine-adult", 1)]
    assert [str(each).split(":")[0] for each in refused] == ["ketamine-adult.2.toml, line 1"]


# --- how far a limit may be moved -----------------------------------------------------------------

ADULT_2 = load_preset("ketamine-adult")


@pytest.mark.parametrize(
    ("moved", "words"),
    [
        ({(HR, HIGH_SIDE, MEDIUM): 125}, None),
        ({(HR, HIGH_SIDE, MEDIUM): 110}, None),  # on its neighbour, not across it
        ({(HR, HIGH_SIDE, MEDIUM): 109}, "HR medium priority high side limit: a worse limit lies"),
        ({(HR, HIGH_SIDE, MEDIUM): 141}, "at most 140, got 141"),
        ({(HR, HIGH_SIDE, MEDIUM): 151}, "100 to 150, got 151"),
        ({(HR, HIGH_SIDE, HIGH): 150, (HR, HIGH_SIDE, MEDIUM): 145}, None),
        ({(HR, HIGH_SIDE, LOW): 99}, "100 to 150, got 99"),
        ({(HR, LOW_SIDE, MEDIUM): 39}, "at least 40, got 39"),
        ({(HR, LOW_SIDE, HIGH): 36, (HR, LOW_SIDE, MEDIUM): 36}, None),
        ({(SPO2, LOW_SIDE, HIGH): 85}, None),
        (
            {(SPO2, LOW_SIDE, HIGH): 84},
            "SpO2 high priority low side limit: expected a whole number, 85 to 95, got 84",
        ),
        ({(SPO2, LOW_SIDE, MEDIUM): 95}, "at most 94, got 95"),
        ({(RR, LOW_SIDE, MEDIUM): 10}, None),
        ({(RR, LOW_SIDE, MEDIUM): 9.5}, "a whole number, 6 to 10, got 9.5"),
        ({(RR, LOW_SIDE, MEDIUM): float("nan")}, "6 to 10, got nan"),
        ({(RR, HIGH_SIDE, HIGH): float("inf")}, "20 to 32, got inf"),
        (
            {(DIA, LOW_SIDE, MEDIUM): 55},
            "DIA medium priority low side limit of ketamine-adult cannot",
        ),
        ({(MEAN, HIGH_SIDE, MEDIUM): 115}, "MAP medium priority high side limit of ketamine-adult"),
        ({(SPO2, LOW_SIDE, LOW): 94, (Metric.ETCO2, HIGH_SIDE, LOW): 50}, "EtCO2 low priority"),
        ({}, None),
    ],
    ids=str,
)
def test_a_limit_is_moved_inside_its_bounds_and_not_across_another(moved, words):
    reason = why_not(ADULT_2, moved)
    if words is None:
        assert reason is None
    else:
        assert words in reason


def test_a_preset_without_bounds_lets_nothing_be_moved():
    assert "cannot be moved" in why_not(
        load_preset("ketamine-adult", 1), {(HR, HIGH_SIDE, LOW): 111}
    )


def test_the_range_of_a_limit_ends_at_its_neighbours_as_they_stand():
    assert allowed(ADULT_2, (HR, HIGH_SIDE, MEDIUM)) == (110, 140)
    moved = {(HR, HIGH_SIDE, LOW): 100.0, (HR, HIGH_SIDE, HIGH): 150.0}
    assert allowed(ADULT_2, (HR, HIGH_SIDE, MEDIUM), moved) == (100, 150)
    assert allowed(ADULT_2, (SPO2, LOW_SIDE, HIGH)) == (85, 92)
    assert allowed(ADULT_2, (SYS, HIGH_SIDE, LOW)) == (140, 160)
    assert allowed(ADULT_2, (MEAN, LOW_SIDE, HIGH)) is None


# --- the editions of a clinic ---------------------------------------------------------------------


def test_a_new_session_gets_the_newest_edition_and_an_old_one_finds_its_own():
    own = replace(load_preset("esketamine-2h"), version=101, parent=("esketamine-2h", 1))
    presets = shipped().also([own], [("esketamine-2h", 101)])
    assert presets.newest("esketamine-2h") is own
    assert presets.is_approved(own)
    assert not presets.is_approved(presets.edition("esketamine-2h", 1))
    assert presets.names == (
        "athlete-low-hr",
        "esketamine-2h",
        "hypertensive-history",
        "ketamine-adult",
    )
    with pytest.raises(UnknownEntry, match="no version 102 of the preset esketamine-2h"):
        presets.edition("esketamine-2h", 102)
    with pytest.raises(UnknownEntry, match=r"one of athlete-low-hr, .* got adult"):
        presets.newest("adult")
    assert Presets({}).names == ()
