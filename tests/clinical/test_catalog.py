"""Are the shipped files taken, and is a malformed one refused with file, line, expected and got?"""

from __future__ import annotations

from pathlib import Path

import pytest

from clinical.catalog import loader
from clinical.catalog.document import Malformed
from clinical.catalog.preset_file import edition_of
from clinical.phases import SessionPhase
from clinical.recovery import RULES
from clinical.sign_off import Role, SignerKind
from clinical.vitals import Metric

PRESET = (loader.HERE / "presets" / "ketamine-adult.toml").read_text(encoding="utf-8")
CHECKLIST = (loader.HERE / "checklists" / "recovery.toml").read_text(encoding="utf-8")
STATEMENT = (loader.HERE / "statements" / "sitter-handover.toml").read_text(encoding="utf-8")


def refused(read, file: Path, text: str) -> Malformed:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(Malformed) as caught:
        read(file)
    error = caught.value
    assert error.file == file
    assert str(error) == (
        f"{file.name}, line {error.line}: expected {error.expected}, got {error.got}"
    )
    return error


def line_of(text: str, mark: str) -> int:
    """The only line of ``text`` with ``mark``."""
    (number,) = [n for n, line in enumerate(text.splitlines(), 1) if mark in line]
    return number


def changed(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, old
    return text.replace(old, new)


# --- presets --------------------------------------------------------------------------------------

HR_40 = '{ limit = "<= 40", priority = "high", delay_s = 5 },'
SPO2_94 = '{ limit = "< 94", priority = "low", delay_s = 30 },'
WRONG_PRESETS = {
    "no operator": (HR_40, HR_40.replace("<= ", ""), 'limit = "40"', "operator and a number", "40"),
    "two numbers": (
        SPO2_94,
        SPO2_94.replace("94", "94 9"),
        "94 9",
        "operator and a number",
        "94 9",
    ),
    "no number": (SPO2_94, SPO2_94.replace("94", "x"), '"< x"', "operator and a number", "< x"),
    "negative": (SPO2_94, SPO2_94.replace("94", "-94"), "-94", "operator and a number", "< -94"),
    "unicode": (SPO2_94, SPO2_94.replace("< 94", "≤ 94"), "≤ 94", "operator and a number", "≤ 94"),
    "a number": (
        SPO2_94,
        SPO2_94.replace('"< 94"', "94"),
        "limit = 94",
        "limit to be a text",
        "94",
    ),
    "priority": (SPO2_94, SPO2_94.replace("low", "urgent"), "urgent", "low or medium", "urgent"),
    "no delay": (SPO2_94, SPO2_94.replace(", delay_s = 30", ""), "< 94", "key delay_s", "none"),
    "delay text": (SPO2_94, SPO2_94.replace("30", '"30"'), '"30"', "a number", "'30'"),
    "delay true": (SPO2_94, SPO2_94.replace("30", "true"), "= true", "a number", "True"),
    "delay nan": (SPO2_94, SPO2_94.replace("30", "nan"), "= nan", "seconds, 0 to", "nan"),
    "delay inf": (SPO2_94, SPO2_94.replace("30", "inf"), "= inf", "seconds, 0 to", "inf"),
    "delay below": (SPO2_94, SPO2_94.replace("30", "-1"), "= -1", "seconds, 0 to", "-1"),
    "delay misspelt": (
        SPO2_94,
        SPO2_94.replace("delay_s", "delay"),
        "delay = 30",
        "delay_s",
        "none",
    ),
    "extra key": (SPO2_94, SPO2_94.replace(" }", ", latch = 1 }"), "latch", "one of", "latch"),
    "not a table": (SPO2_94, '"< 94",', "spo2 = [", "a list of tables", "< 94"),
    "metric": (
        "resp_rate = [",
        "breathing = [",
        "breathing = [",
        "a metric such as heart_rate",
        "breathing",
    ),
    "no clearing": (
        "resp_rate = { off_delay_s = 5, hysteresis = 1 }",
        "",
        "[clearing]",
        "the key resp_rate",
        "none",
    ),
    "clearing alone": (
        "resp_rate = { off",
        "etco2 = { off_delay_s = 5, hysteresis = 1 }\nresp_rate = { off",
        "etco2",
        "one of",
        "etco2",
    ),
    "off delay": (
        "resp_rate = { off_delay_s = 5,",
        "resp_rate = { off_delay_s = -5,",
        "-5,",
        "seconds, 0 to",
        "-5",
    ),
    "hysteresis": (
        "resp_rate = { off_delay_s = 5, hysteresis = 1 }",
        "resp_rate = { off_delay_s = 5, hysteresis = -1 }",
        "= -1",
        "hysteresis to be from 0 to 20",
        "-1",
    ),
    "hysteresis nan": (
        "resp_rate = { off_delay_s = 5, hysteresis = 1 }",
        "resp_rate = { off_delay_s = 5, hysteresis = nan }",
        "= nan",
        "hysteresis to be from 0 to 20",
        "nan",
    ),
    "cuff never": ("cuff_infusing_s = 300", "cuff_infusing_s = inf", "= inf", "60 to", "inf"),
    "cuff always": ("cuff_infusing_s = 300", "cuff_infusing_s = 0", "infusing_s = 0", "60 to", "0"),
    "version": ("version = 1", "version = 0", "version = 0", "1 or more", "0"),
    "version text": ("version = 1", 'version = "1"', 'version = "1"', "a whole number", "'1'"),
    "version 1.0": ("version = 1", "version = 1.0", "version = 1.0", "a whole number", "1.0"),
    "another name": (
        'name = "ketamine-adult"',
        'name = "ketamine-child"',
        "ketamine-child",
        "as its file is named",
        "ketamine-child",
    ),
    "blank title": ('"Ketamine, adult"', '" "', "title", "a text", "' '"),
    "misspelt": ("cuff_recovery_s", "cuff_recover_s", "# What", "key cuff_recovery_s", "none"),
    "not TOML": ('title = "Ketamine, adult"', 'title = "Ketamine', 'title = "Ket', "TOML", "line"),
    "twice": ("version = 1", "version = 1\nversion = 1", None, "TOML", "overwrite"),
    "worse inside": (
        '{ limit = ">= 140", priority = "high", delay_s = 5 },',
        '{ limit = ">= 115", priority = "high", delay_s = 5 },',
        "115",
        "beyond the medium limit 120",
        "115",
    ),
    "low above high": (
        '{ limit = "> 24", priority = "medium", delay_s = 30 },',
        '{ limit = "> 7", priority = "medium", delay_s = 30 },',
        "> 7",
        "above the low limit 8",
        "7",
    ),
}


@pytest.mark.parametrize("case", WRONG_PRESETS.values(), ids=WRONG_PRESETS)
def test_a_malformed_preset_is_refused_with_its_line(tmp_path, case):
    old, new, mark, expected, got = case
    if old in ("version = 1", 'name = "ketamine-adult"'):
        text = PRESET.replace(old, new, 1)
    else:
        text = changed(PRESET, old, new)
    error = refused(loader.read_preset, tmp_path / "ketamine-adult.toml", text)
    assert expected in error.expected
    assert got in error.got
    if mark == "# What":  # a key that is not there has the line of its table: the top of the file
        assert error.line == 1
    elif mark is not None:
        assert error.line == line_of(text, mark)


def test_a_sign_without_any_limit_is_refused(tmp_path):
    begin, rest = PRESET.split("resp_rate = [\n")
    text = begin + "resp_rate = []\n" + rest.split("]\n", 1)[1]
    error = refused(loader.read_preset, tmp_path / "ketamine-adult.toml", text)
    assert (error.line, error.expected) == (
        line_of(text, "resp_rate = []"),
        "resp_rate to be at least one limit",
    )


def test_a_limit_in_an_array_on_one_line_is_named_with_that_line(tmp_path):
    begin, rest = PRESET.split("resp_rate = [\n")
    one_line = 'resp_rate = [{ limit = "< eight", priority = "low", delay_s = 1 }]\n'
    text = begin + one_line + rest.split("]\n", 1)[1]
    error = refused(loader.read_preset, tmp_path / "ketamine-adult.toml", text)
    assert error.line == line_of(text, "eight")


def test_a_file_that_is_no_text_is_refused(tmp_path):
    file = tmp_path / "ketamine-adult.toml"
    file.write_bytes(b"name = '\xff\xfe'")
    with pytest.raises(Malformed, match=r"ketamine-adult.toml, line 1: expected UTF-8 text"):
        loader.read_preset(file)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(Malformed, match=r"gone.toml, line 0: expected a readable file, got No"):
        loader.read_preset(tmp_path / "gone.toml")


def test_an_empty_file_is_refused(tmp_path):
    error = refused(loader.read_preset, tmp_path / "ketamine-adult.toml", "")
    assert (error.line, error.expected) == (1, "the key name")


# --- checklists -----------------------------------------------------------------------------------

WRONG_CHECKLISTS = {
    "rule": (
        '"no_open_alarm"',
        '"no_alarm"',
        "no_alarm",
        "time_since_stop or vitals_settled or no_open_alarm",
        "no_alarm",
    ),
    "role": ('["clinician", "director"]', '["doctor"]', "doctor", "a list of nurse or", "doctor"),
    "role number": ('["clinician", "director"]', "[1]", "[1]", "a list of nurse or", "1"),
    "nobody": ('["clinician", "director"]', "[]", "answered_by", "at least one role", "[]"),
    "no text": ('id = "safety"\n', 'id = "safety"\ntexts = "x"\n', "texts", "one of", "texts"),
    "no id": ('id = "safety"\n', "", None, "key id", "none"),
    "blank id": ('id = "safety"\n', 'id = " "\n', 'id = " "', "id to be a text", "' '"),
    "number": ('id = "safety"\n', "id = 7\n", "id = 7", "id to be a text", "7"),
    "twice": ('id = "safety"\n', 'id = "gait"\n', None, "each item id once", "gait"),
    "not a bool": (
        'the patient does not drive"\n',
        'the patient does not drive"\nallows_not_applicable = "yes"\n',
        '= "yes"',
        "true or false",
        "'yes'",
    ),
    "minutes": ("minutes_since_stop = 30", "minutes_since_stop = -1", "= -1", "0 to 1440", "-1"),
    "minutes half": ("minutes_since_stop = 30", "minutes_since_stop = 0.5", "0.5", "whole", "0.5"),
    "name": ('name = "recovery"', 'name = "going home"', "going home", "as its file", "going home"),
    "misspelt": (
        "[[items]]\n" + 'id = "release"',
        '[[item]]\nid = "release"',
        "[[item]]",
        "one",
        "item",
    ),
}


@pytest.mark.parametrize("case", WRONG_CHECKLISTS.values(), ids=WRONG_CHECKLISTS)
def test_a_malformed_checklist_is_refused_with_its_line(tmp_path, case):
    old, new, mark, expected, got = case
    text = changed(CHECKLIST, old, new)
    error = refused(loader.read_checklist, tmp_path / "recovery.toml", text)
    assert expected in error.expected
    assert got in error.got
    if mark is not None:
        assert error.line == line_of(text, mark)


def test_an_item_without_an_id_is_named_by_the_line_it_starts_in(tmp_path):
    text = changed(CHECKLIST, 'id = "safety"\n', "")
    error = refused(loader.read_checklist, tmp_path / "recovery.toml", text)
    assert error.line == line_of(text, "suicidal") - 1


def test_a_checklist_without_items_is_refused(tmp_path):
    text = CHECKLIST.split("[[items]]")[0] + "items = []\n"
    error = refused(loader.read_checklist, tmp_path / "recovery.toml", text)
    assert (error.line, error.expected) == (
        line_of(text, "items ="),
        "items to be at least one item",
    )


# --- statements -----------------------------------------------------------------------------------

WRONG_STATEMENTS = {
    "signer": ('"sitter"', '"patient"', '"patient"', "sitter or nurse", "patient"),
    "phase": ('["recovery"]', '["leaving"]', "leaving", "a list of scheduled", "leaving"),
    "no phase": ('["recovery"]', "[]", "phases", "at least one phase", "()"),
    "duty number": ('"I take them home myself; they do not drive."', "7", "duties", "texts", "7"),
    "duty blank": ('"I take them home myself; they do not drive."', '" "', "duties", "texts", " "),
    "id": ('id = "sitter-handover"', 'id = "handover"', '"handover"', "as its file", "handover"),
    "extra": ("version = 1", "version = 1\nurgent = true", "urgent", "one of", "urgent"),
}


@pytest.mark.parametrize("case", WRONG_STATEMENTS.values(), ids=WRONG_STATEMENTS)
def test_a_malformed_statement_is_refused_with_its_line(tmp_path, case):
    old, new, mark, expected, got = case
    text = changed(STATEMENT, old, new)
    error = refused(loader.read_statement, tmp_path / "sitter-handover.toml", text)
    assert expected in error.expected
    assert got in error.got
    assert error.line == line_of(text, mark)


# --- what ships -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "file", sorted((loader.HERE / "presets").glob("*.toml")), ids=lambda f: f.stem
)
def test_each_shipped_preset_is_taken(file):
    preset = loader.read_preset(file)
    assert (preset.name, preset.version) == edition_of(file)
    assert preset == loader.load_preset(preset.name, preset.version)
    assert preset.cuff_due_s(SessionPhase.INFUSING) == preset.cuff_infusing_s
    assert preset.cuff_due_s(SessionPhase.RECOVERY) == preset.cuff_recovery_s
    assert preset.cuff_due_s(SessionPhase.BASELINE) is None
    assert all(len(c.limits) == len(c.standings) for c in preset.conditions().values())


def test_the_adult_preset_clears_as_printed():
    preset = loader.load_preset("ketamine-adult")
    hysteresis = {limit.metric: limit.hysteresis for limit in preset.limits}
    assert hysteresis == {
        Metric.HEART_RATE: 2,
        Metric.SPO2: 1,
        Metric.RESP_RATE: 1,
        Metric.NIBP_SYSTOLIC: 2,
        Metric.NIBP_DIASTOLIC: 2,
        Metric.NIBP_MEAN: 2,
    }
    assert {metric for metric, off_s in preset.off_delay_s.items() if off_s == 5} == {
        Metric.HEART_RATE,
        Metric.SPO2,
        Metric.RESP_RATE,
    }
    assert (preset.cuff_infusing_s, preset.cuff_recovery_s) == (300, 900)


def test_the_shipped_checklist_uses_every_rule_and_asks_a_clinician_to_release():
    checklist = loader.load_checklist("recovery")
    assert {item.computed_by for item in checklist.items} - {None} == set(RULES)
    assert checklist.item("release").answered_by == (Role.CLINICIAN, Role.DIRECTOR)
    assert checklist.minutes_since_stop == 30
    with pytest.raises(KeyError, match="got gate"):
        checklist.item("gate")


def test_the_statements_are_signed_in_order():
    statements = loader.load_statements()
    assert list(statements) == ["sitter-arrival", "sitter-handover", "nurse-discharge"]
    assert [each.signer for each in statements.values()] == [
        SignerKind.SITTER,
        SignerKind.SITTER,
        SignerKind.NURSE,
    ]
    assert all(each.text.startswith(each.title + "\n") for each in statements.values())


@pytest.mark.parametrize(
    "name", ["", "../presets/ketamine-adult", "Ketamine-Adult", "ketamine-adult.toml"]
)
def test_an_entry_that_does_not_ship_names_those_that_do(name):
    with pytest.raises(loader.UnknownEntry, match=r"expected one of .*ketamine-adult"):
        loader.load_preset(name)
