"""Does ``vigil alarms`` tell what the record says, and what other limits would have raised?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clinical.alarms import AlarmPriority
from clinical.record import AlarmChange, AlarmEvent, AlarmShown, CallStage
from clinical.what_if import replayed, signs_of
from dashboard import alarm_log
from dashboard.demo import Demo
from storage import facts
from storage.course import course
from storage.database import migrate, open_database
from tests.clinical.fakes import NURSE, SHORT, Bedside, at, started
from tests.clinical.test_what_if import PRESETS, REST, move, rising
from tests.dashboard.test_cli import CONFIG, assert_refused, said


def written(folder: Path, chair: Bedside) -> None:
    url = f"sqlite:///{folder / 'vigil.sqlite'}"
    migrate(url)
    database = open_database(url)
    with database.writing() as db:
        for fact in chair.facts:
            facts.append(db, fact, written_at=chair.now)
    database.close()


@pytest.fixture(scope="module")
def lived() -> Bedside:
    chair = rising()
    move(chair, "heart_rate", "low", "medium", 45)
    alarm_id = next(fact.alarm_id for fact in chair.facts if isinstance(fact, AlarmEvent))
    opened = chair.session.opened.session
    chair.facts.append(AlarmShown(opened, at(500), alarm_id, "screen: Wall"))
    return chair


@pytest.fixture(scope="module")
def record(lived: Bedside, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("record")
    written(folder, lived)
    return folder


def told(record: Path, *options: str) -> dict:
    result = said("alarms", "1", "--data", str(record), "--json", *options)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


# The log.


def test_the_log_is_the_record_alarm_by_alarm(record: Path, lived: Bedside):
    log = told(record)
    events = [fact for fact in lived.facts if isinstance(fact, AlarmEvent)]
    raised = [event for event in events if event.change is AlarmChange.RAISED]
    assert [(alarm["condition"], alarm["onset"]) for alarm in log["alarms"]] == [
        (event.condition, event.at.isoformat()) for event in sorted(raised, key=lambda e: e.at)
    ]
    first = log["alarms"][0]
    assert first["steps"][0]["limit"] == first["limit"]
    assert first["shown"] == [{"to": "screen: Wall", "stage": None, "at": at(500).isoformat()}]
    seen = [one for alarm in log["alarms"] for one in alarm["acknowledged"]]
    assert {one["by"] for one in seen} == {NURSE.user}
    calls = [call["stage"] for alarm in log["alarms"] for call in alarm["calls"]]
    assert CallStage.ALL_SCREENS in calls
    assert log["limits"][0]["reason"] == "usual for her"


def test_the_keys_of_the_log_stay_as_they_are(record: Path):
    log = told(record)
    assert [*log] == ["session", "alarms", "limits", "audio", "switched", "probe", "links", "gaps"]
    assert {*log["alarms"][0]} >= {
        *("alarm_id", "kind", "condition", "metric", "direction", "priority", "text", "phase"),
        *("onset", "value", "limit", "delay_s", "audio", "worst", "confirmed", "cleared", "reset"),
        *("acknowledged", "calls", "shown", "steps"),
    }


def test_nobody_is_named_but_the_staff(record: Path, lived: Bedside):
    log = said("alarms", "1", "--data", str(record))
    assert f" {lived.session.opened.patient}" not in log.stdout
    assert "patient" not in json.dumps(told(record))


def test_people_read_who_saw_what_and_when(record: Path, lived: Bedside):
    log = said("alarms", str(lived.session.opened.session), "--data", str(record)).stdout
    for words in (
        "SIMULATED DATA",
        "HR high",
        "seen by anna at",
        "on all screens at",
        "a second cuff reading said the same at",
        "reset by anna at",
        "limit HR low, medium: 50 to 45, by anna: usual for her",
        "shown to screen: Wall",
    ):
        assert words in log


def test_a_session_without_alarms_says_so(tmp_path: Path):
    chair = started()
    chair.watch(1, 5, **REST)
    written(tmp_path, chair)
    assert "No alarms." in said("alarms", "1", "--data", str(tmp_path)).stdout


# What would have been.


def test_its_own_preset_gives_what_was(record: Path):
    found = told(record, "--preset", "ketamine-adult:2")
    assert found["keeps_moved_limits"]
    assert found["then"] == found["now"]
    assert all(pair["then"] == pair["now"] for pair in found["alarms"])


def test_values_from_the_record_give_what_the_rules_said_then(record: Path, lived: Bedside):
    database = open_database(f"sqlite:///{record / 'vigil.sqlite'}")
    session, preset = lived.session.opened.session, PRESETS.edition("ketamine-adult", 2)
    with database.reading() as db:
        past = course(db, session=session, signs=signs_of(preset))
    database.close()
    assert replayed(past, preset) == past.alarms != ()


def test_a_longer_delay_is_told_beside_what_was(record: Path):
    found = told(record, "--delay", "20", "--delay", "spo2=0")
    assert found["delays_s"] == {"all": 20.0, "spo2": 0.0}
    assert found["preset"]["name"] == "ketamine-adult"
    pairs = {pair["then"]["condition"]: pair for pair in found["alarms"] if pair["then"]}
    rate = pairs["heart_rate high"]
    assert rate["now"]["onset_at"] > rate["then"]["onset_at"]
    assert rate["now"]["delay_s"] == rate["then"]["delay_s"] + 20
    assert pairs["spo2 low"]["now"] == pairs["spo2 low"]["then"]
    counts = found["then"]["high"]
    assert counts["per_hour"] == pytest.approx(counts["count"] / found["hours"])


def test_a_preset_of_a_file_is_taken_whole_or_not_at_all(record: Path, tmp_path: Path):
    file = tmp_path / "stricter.toml"
    text = """name = "stricter"
version = 1
title = "Stricter"
parent = "ketamine-adult 2"

[limits]
spo2 = [{ limit = "< 95", priority = "high", delay_s = 0 }]
"""
    file.write_text(text)
    found = told(record, "--preset", str(file))
    assert found["preset"]["name"] == "stricter"
    assert not found["keeps_moved_limits"]
    low = [pair["now"] for pair in found["alarms"] if pair["now"]]
    assert {life["limit"] for life in low if life["metric"] == SHORT["spo2"]} == {95.0}
    file.write_text(text.replace("delay_s", "delays"))
    refused = said("alarms", "1", "--data", str(record), "--preset", str(file))
    assert_refused(refused, "stricter.toml, line 7: expected")


def test_the_table_counts_both_and_says_which_is_in_which(record: Path):
    table = said(
        "alarms", "1", "--data", str(record), "--preset", "ketamine-adult:1", "--delay", "45"
    ).stdout
    assert "now   ketamine-adult version 1, all but the cuff +45 s" in table
    assert "both " in table
    assert "only then" in table
    for priority in AlarmPriority:
        assert f"\n{priority}" in table


# What is not there.


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["77"], "there is no session 77 in this record"),
        (["1", "--preset", "child"], "expected a preset, one of athlete-low-hr, "),
        (["1", "--preset", "ketamine-adult:9"], "there are ketamine-adult:1, ketamine-adult:2"),
        (["1", "--preset", "ketamine-adult:x"], "expected a preset as NAME:VERSION"),
        (["1", "--delay", "soon"], "expected a delay as SECONDS or SIGN=SECONDS"),
        (["1", "--delay", "heart=3"], "expected a sign such as heart_rate, got 'heart'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_not_there_is_said_in_words(record: Path, options: list[str], words: str):
    assert_refused(said("alarms", *options, "--data", str(record)), words)


def test_where_there_is_no_record_none_is_made(tmp_path: Path):
    assert_refused(said("alarms", "1", "--data", str(tmp_path)), "there is no record in", code=1)
    assert [*tmp_path.iterdir()] == []


def test_the_record_of_a_clinic_is_found_by_its_configuration(tmp_path: Path, lived: Bedside):
    file = tmp_path / "clinic.toml"
    file.write_text(CONFIG)
    folder = tmp_path / "record"
    folder.mkdir()
    written(folder, lived)
    assert "HR high" in said("alarms", "1", "--config", str(file)).stdout
    both = said("alarms", "1", "--config", str(file), "--data", str(folder))
    assert_refused(both, "expected --config or --data, got both")


def test_a_record_that_is_none_is_said_in_words(tmp_path: Path):
    (tmp_path / "vigil.sqlite").write_text("a text and no database " * 50)
    assert_refused(said("alarms", "1", "--data", str(tmp_path)), "cannot be read", code=1)


def test_without_a_folder_the_demos_is_meant(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    folder = tmp_path / "demo-8050"
    monkeypatch.setattr("dashboard.demo.user_data_path", lambda *_name, **_more: tmp_path)
    assert Demo(port=8050, speed=1.0, seed=0, is_fresh=False).config.data == folder
    assert alarm_log.DEMO.name == folder.name
