"""Does Vigil read a Nonin oximeter's lines as the manuals mean them, and nothing else?"""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical.vitals import Metric, Quality, Source
from devices.protocols.line import Garbled
from devices.protocols.nonin_ascii import SETTINGS, DataLine, Decoder, Talk, translate
from tests.conftest import ROOT

NOW = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
VECTORS = tomllib.loads((ROOT / "tests" / "vectors" / "nonin_ascii.toml").read_text())["frames"]
SOUND = b"09:30:00 SPO2=097 HR=172 F*\r\n"


def read(text):
    """The message of one line, which ends with CR LF."""
    (message,) = Decoder().feed(text + b"\r\n")
    return message


def numbers(wire):
    return [
        (one.metric, one.value)
        for message in Decoder().feed(wire)
        if isinstance(message, DataLine)
        for one in translate(message, NOW)
    ]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_printed_line_is_the_one_in_bytes(vector):
    assert bytes.fromhex(vector["hex"]).rstrip(b"\r\n").decode() == vector["text"]


def test_the_line_is_set_as_the_manuals_say():
    assert str(SETTINGS) == "9600 baud, 8N1"
    assert Talk().interval_s == 1.0


def test_a_line_is_kept_in_the_oximeters_own_words():
    assert read(b"23:59:59 SPO2=097 HR=072 F*B") == DataLine(
        30, "23:59:59", 97, 72, is_event=True, is_fast=True, is_breath=True
    )
    assert read(b"SPO2=--- HR=---") == DataLine(
        17, None, None, None, is_event=False, is_fast=False, is_breath=False
    )


def test_the_saturation_is_not_the_rate():
    spo2, rate = translate(read(b"SPO2=097 HR=072"), NOW)
    assert (spo2.metric, spo2.value) == (Metric.SPO2, 97.0)
    assert (rate.metric, rate.value) == (Metric.PULSE_RATE, 72.0)
    assert {one.source for one in (spo2, rate)} == {Source.SPO2}
    assert {one.observed_at for one in (spo2, rate)} == {NOW}


@pytest.mark.parametrize(
    ("digits", "value"), [(b"000", None), (b"001", 1.0), (b"100", 100.0), (b"101", None)]
)
def test_a_saturation_that_cannot_be_is_no_value(digits, value):
    spo2, rate = translate(read(b"SPO2=" + digits + b" HR=072"), NOW)
    assert spo2.value == value
    assert spo2.quality is (Quality.UNAVAILABLE if value is None else Quality.VALID)
    assert rate.value == 72.0


@pytest.mark.parametrize(
    ("digits", "value"), [(b"017", None), (b"018", 18.0), (b"321", 321.0), (b"322", None)]
)
def test_a_rate_that_no_display_shows_is_no_value(digits, value):
    spo2, rate = translate(read(b"SPO2=097 HR=" + digits), NOW)
    assert rate.value == value
    assert spo2.value == 97.0


@pytest.mark.parametrize(
    "text",
    [
        b"SPO2=97 HR=072",
        b"SPO2=0970 HR=072",
        b"SPO2=-97 HR=072",
        b"SPO2=09- HR=072",
        b"SPO2=097 HR=72",
        b"SPO2=097  HR=072",
        b"SPO2=097 HR=072 X",
        b"SPO2=097 HR=072\x00",
        b" SPO2=097 HR=072",
        b"spo2=097 hr=072",
        b"HR=072 SPO2=097",
        b"SPO2=097",
        b"9:30:00 SPO2=097 HR=072",
        b"09:30:60 SPO2=097 HR=072",
        b"24:00:00 SPO2=097 HR=072",
        b"09:30:00SPO2=097 HR=072",
        b"SPO2=097 HR=072 SPO2=097 HR=072",
        b"7500FO 14-MAR-26 09:30:00",
    ],
)
def test_a_line_with_anything_odd_in_it_is_not_believed(text):
    assert read(text) == Garbled(text, "not a data line", len(text) + 2)


def test_the_half_line_at_the_start_costs_itself_alone():
    found = Decoder().feed(b"97 HR=072\r\nSPO2=098 HR=071\r\n")
    assert [type(one) for one in found] == [Garbled, DataLine]


def test_a_line_without_end_is_told_as_it_grows_and_the_next_is_read():
    decoder = Decoder()
    assert [one.offset for one in decoder.feed(b"x" * 200)] == [80, 160]
    garbled, line = decoder.feed(b"SPO2=097 HR=072\r\nSPO2=098 HR=071\r\n")
    assert garbled.raw.endswith(b"xSPO2=097 HR=072")
    assert garbled.reason == "cut off, or more than 80 bytes without an end of line"
    assert line.spo2_pct == 98


def test_blanks_at_the_end_of_a_line_do_not_matter():
    assert read(b"SPO2=097 HR=072  ").pulse_rate == 72


def test_lines_of_blanks_are_nothing():
    assert Decoder().feed(b"\r\n  \r\n\n\r\r\n") == []


@given(st.integers(0, len(SOUND) - 3))
def test_a_lost_byte_makes_no_other_number(at):
    """Three digits each: that is all there is to hold on to."""
    assert set(numbers(SOUND[:at] + SOUND[at + 1 :])) <= set(numbers(SOUND))


@given(st.integers(0, len(SOUND) - 3))
def test_a_byte_that_comes_twice_makes_no_other_number(at):
    assert set(numbers(SOUND[: at + 1] + SOUND[at:])) <= set(numbers(SOUND))


def test_nothing_is_ever_said_to_the_oximeter():
    talk = Talk()
    assert talk.opening(0.0) == talk.closing() == b""
    assert talk.heard(read(b"SPO2=097 HR=072"), 1.0) == b""
    assert talk.due(1.0) == (b"", inf)
