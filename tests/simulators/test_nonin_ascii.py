"""Does the simulated Nonin oximeter write the lines that its manuals show?"""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from simulators.displayed import Displayed
from simulators.nonin_ascii import MODELS, Monitor, vector_frame

NINE_THIRTY = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
WELL = Displayed(spo2_pct=97, pulse_bpm=72)
OFF = Displayed()


def monitor(showing: Displayed | Callable[[float], Displayed] = WELL, **how: Any) -> Monitor:
    shows = (lambda _t_s: showing) if isinstance(showing, Displayed) else showing
    return Monitor(shows, begin_unix_s=NINE_THIRTY.timestamp(), **how)


def written(oximeter: Monitor, until_s: int) -> list[str]:
    """The lines of ``until_s`` seconds after the header, without their ends."""
    text = b"".join(oximeter.due(float(t_s))[0] for t_s in range(until_s)).decode("ascii")
    assert text.endswith("\r\n")
    header, *lines = text.removesuffix("\r\n").split("\r\n")
    assert header.startswith("NONIN ")
    return lines


def test_a_header_with_model_time_and_date_then_a_line_a_second():
    oximeter = monitor()
    assert oximeter.due(0.5) == (b"NONIN 7500FO 09:30:00 03/14/26\r\nSPO2=097 HR=072\r\n", 1.5)
    assert oximeter.due(1.4) == (b"", 1.5)
    assert oximeter.due(4.6) == (b"SPO2=097 HR=072\r\n", 5.5)


@pytest.mark.parametrize(
    ("model", "line"),
    [
        ("7500FO", "SPO2=097 HR=072"),
        ("2500", "SPO2=097 HR=072"),
        ("4000", "SPO2=097 HR=072 F"),
        ("9600", "SPO2=097 HR=072 F"),
        ("8500", "09:30:00 SPO2=097 HR=072"),
        ("9847", "09:30:00 SPO2=097 HR=072"),
    ],
)
def test_each_model_has_its_line(model, line):
    assert written(monitor(model=model, is_fast=True), 1) == [line]
    assert set(MODELS) >= {model}


def test_without_the_switch_no_model_marks_fast_values():
    assert written(monitor(model="4000"), 1) == ["SPO2=097 HR=072"]


@pytest.mark.parametrize(
    ("shown", "line"),
    [
        (OFF, "SPO2=--- HR=---"),
        (Displayed(attached=frozenset()), "SPO2=--- HR=---"),
        (Displayed(spo2_pct=97), "SPO2=097 HR=---"),
        (Displayed(pulse_bpm=72), "SPO2=--- HR=072"),
        (Displayed(spo2_pct=99.5, pulse_bpm=17.5), "SPO2=100 HR=018"),
        (Displayed(spo2_pct=100.5, pulse_bpm=17.4), "SPO2=--- HR=---"),
        (Displayed(spo2_pct=0, pulse_bpm=321), "SPO2=000 HR=321"),
        (Displayed(spo2_pct=97, pulse_bpm=322), "SPO2=097 HR=---"),
    ],
)
def test_what_there_is_not_is_dashed(shown, line):
    assert written(monitor(shown), 1) == [line]


def test_a_sensor_that_returns_shows_dashes_while_the_pulse_is_looked_for():
    oximeter = monitor(lambda t_s: OFF if 1 <= t_s < 2 else WELL, search_s=2)
    assert [line[5:8] for line in written(oximeter, 6)] == [
        "097",
        "---",
        "---",
        "---",
        "097",
        "097",
    ]


def test_an_event_key_marks_the_next_line_once():
    oximeter = monitor(marked_s=(2.2, 0, 2.9))
    marks = [line.endswith("*") for line in written(oximeter, 5)]
    assert marks == [True, False, False, True, False]


def test_the_event_mark_is_at_the_end_of_the_line():
    assert written(monitor(model="9600", is_fast=True, marked_s=(0,)), 1) == ["SPO2=097 HR=072 F*"]


def test_a_9847_marks_as_many_breaths_as_the_patient_takes():
    breathing = Displayed(spo2_pct=97, pulse_bpm=72, co2_resp_rpm=12)
    lines = written(monitor(breathing, model="9847"), 60)
    breaths = [n for n, line in enumerate(lines, start=1) if line.endswith("HR=072B")]
    assert len(breaths) == 12
    assert {later - earlier for earlier, later in pairwise(breaths)} == {5}
    assert not any("B" in line for line in written(monitor(breathing, model="8500"), 60))


def test_nobody_seen_breathing_is_nobody_marked():
    assert not any("B" in line for line in written(monitor(model="9847"), 60))


def test_whatever_a_client_sends_is_not_answered():
    assert monitor().heard(bytes(range(256)), 0.0) == b""


def test_a_misspelt_key_of_a_vector_is_refused():
    with pytest.raises(ValueError, match="is_quick"):
        vector_frame({"spo2_pct": 97, "is_quick": True})
