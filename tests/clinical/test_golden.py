"""Is the alarm log of each real recording still the one that was read and found right?

The logs stand in tests/golden, one a recording, and its README says what a nurse should hear in
each and why. After a change that is meant, write them anew and read what differs:

    VIGIL_UPDATE_GOLDEN=1 .venv/bin/python -m pytest tests/clinical/test_golden.py
    git diff tests/golden

The recordings are intensive-care patients: real noise and real cuffs, not ketamine sessions.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path

import pytest

from tests.golden.replay import replayed, written

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
IS_UPDATE = bool(os.environ.get("VIGIL_UPDATE_GOLDEN"))
LONG = "mimic2_s00001_full_32h"
NAMES = (
    "c2012_134994_hypertensive_surge_then_drop",
    "c2012_135491_sustained_hypertension",
    "c2012_138889_high_baseline_then_drop",
    "c2012_139058_midsession_bp_peak",
    "c2012_141346_bradycardia_with_bp_swings",
    "c2012_141693_two_transient_tachycardias",
    "mimic2_s00001_arterial_1hz_5min",
    LONG,
    "mimic2_s00001_steady_120min",
    "mimic2_s25047_artefact_desaturation_72min",
)
# A frame in 5 s, as the manual of the monitor has it, and nothing stepped between two frames: for
# 32 hours (115,200 frames at 1 Hz take half a minute) and for what has a row in 5 minutes. Each of
# these logs was the same, line by line, at 1 Hz; for two recordings a test goes on saying so.
SLOW = {"min_interval_s": 5, "wakes": False}
OFTEN = (
    "c2012_139058_midsession_bp_peak",
    "mimic2_s00001_arterial_1hz_5min",
    "mimic2_s00001_steady_120min",
    "mimic2_s25047_artefact_desaturation_72min",
)


def log(shared: Path, name: str, **how: int) -> str:
    """What is logged of recording ``name``."""
    return written(replayed(shared / "recordings" / f"{name}.csv", **how).facts)


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_alarms_as_it_did_when_it_was_reviewed(shared, name):
    file = GOLDEN / f"{name}.log"
    now = log(shared, name, **({} if name in OFTEN else SLOW))
    if IS_UPDATE:
        file.write_text(now, encoding="utf-8", newline="\n")
    before = file.read_text(encoding="utf-8")
    changed = difflib.unified_diff(
        before.splitlines(), now.splitlines(), file.name, "now", lineterm="", n=1
    )
    assert now == before, "\n".join(changed)


def test_every_recording_has_its_log_and_every_log_its_recording(shared):
    recorded = {file.stem for file in (shared / "recordings").glob("*.csv")}
    assert recorded == {file.stem for file in GOLDEN.glob("*.log")} == set(NAMES)


def test_the_readme_speaks_of_every_log():
    said = (GOLDEN / "README.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"## {name}" not in said] == []


@pytest.mark.parametrize("size", [7, 333], ids="reads of {}".format)
def test_it_does_not_matter_how_the_bytes_are_split(shared, size):
    name = "c2012_139058_midsession_bp_peak"
    assert log(shared, name, size=size) == (GOLDEN / f"{name}.log").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["c2012_139058_midsession_bp_peak", "mimic2_s00001_steady_120min"])
def test_what_shortens_the_long_recordings_changes_no_line(shared, name):
    assert log(shared, name, **SLOW) == (GOLDEN / f"{name}.log").read_text(encoding="utf-8")


def test_the_log_does_not_hang_on_when_the_engine_looks(shared):
    """Sensors come off in mid-alarm, cuffs fail and are late: each at its own time."""
    name = "mimic2_s25047_artefact_desaturation_72min"
    assert log(shared, name, wakes=False) == (GOLDEN / f"{name}.log").read_text(encoding="utf-8")
