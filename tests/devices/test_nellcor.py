"""Does Vigil read a Nellcor's columns and codes as they are meant, and no old or empty number?"""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from math import inf

import pytest

from clinical.vitals import Metric, Quality
from devices.protocols.line import Garbled
from devices.protocols.nellcor import (
    SETTINGS,
    DataLine,
    Decoder,
    Heading,
    HeadingKind,
    Talk,
    translate,
)
from tests.conftest import ROOT

NOW = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
VECTORS = tomllib.loads((ROOT / "tests" / "vectors" / "nellcor.toml").read_text())["frames"]
TIME = b"14-Mar-26 09:30:00"
DATA = TIME + b"    97      72      41                     "
IDENTITY = b"NPB-290 VERSION 1.0.0.1 CRC: A1B2 SpO2 Limit: 85-100% PR Limit: 40-170BPM"
TREND = b"NPB-290 VERSION 1.0.0.1 TREND SpO2 Limit: 85-100% PR Limit: 40-170BPM"
COLUMNS, TREND_COLUMNS = b"TIME %SpO2 BPM PA Status", b"TIME %SpO2 BPM PA"


def read(text):
    (message,) = Decoder().feed(text + b"\r\n")
    return message


def seen(columns):
    """SpO2 and pulse rate of a line with these ``columns`` after its time."""
    message = read(TIME + b" " + columns)
    assert isinstance(message, DataLine), message
    spo2, rate = translate(message, NOW)
    assert (spo2.metric, rate.metric) == (Metric.SPO2, Metric.PULSE_RATE)
    return spo2, rate


def told(*texts):
    """How many observations each of ``texts`` gives, one after the other."""
    decoder = Decoder()
    found = [message for text in texts for message in decoder.feed(text + b"\r\n")]
    assert len(found) == len(texts)
    return [len(translate(one, NOW)) for one in found if not isinstance(one, Garbled)]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_printed_line_is_the_one_in_bytes(vector):
    assert bytes.fromhex(vector["hex"]).rstrip(b"\r\n").decode() == vector["text"]


def test_the_line_is_set_as_the_manuals_say():
    assert str(SETTINGS) == "9600 baud, 8N1"
    assert Talk().interval_s == 2.0


def test_a_line_is_kept_in_the_oximeters_own_words():
    text = TIME + b"    88*     73      38    MO SL       AS   "
    assert read(text) == DataLine(
        len(text) + 2,
        datetime.fromisoformat("2026-03-14T09:30:00"),
        88,
        True,
        73,
        False,
        38,
        ("MO", "SL", "AS"),
        False,
    )


def test_the_amplitude_is_no_metric():
    metrics = [one.metric for one in translate(read(DATA), NOW)]
    assert metrics == [Metric.SPO2, Metric.PULSE_RATE]


@pytest.mark.parametrize(
    ("month", "number"),
    [(m, n) for n, m in enumerate(b"Jan feb MAR Apr may JUN Jul aug SEP Oct nov DEC".split(), 1)],
)
def test_months_are_english_in_any_case(month, number):
    assert read(DATA.replace(b"Mar", month)).clock == datetime.fromisoformat(
        f"2026-{number:02}-14T09:30:00"
    )


@pytest.mark.parametrize("date", [b"45-Mar", b"31-Feb", b"00-Mar"])
def test_a_date_that_does_not_exist_is_damage(date):
    """Where a digit changed there, another may have in the values."""
    text = DATA.replace(b"14-Mar", date)
    assert read(text) == Garbled(text, "a date that does not exist", len(text) + 2)


@pytest.mark.parametrize(
    ("columns", "spo2", "rate"),
    [
        (b"097  072  041", 97, 72),
        (b"---  ---  ---", None, None),
        (b"97 --- ---", 97, None),
        (b"--- 72 ---", None, 72),
        (b"0 0 --- PS", None, None),
        (b"0 0 0", None, None),
        (b"000 000 000", None, None),
        (b"1 20 0", 1, 20),
        (b"100 300 999", 100, 300),
        (b"101 301 0", None, None),
        (b"97 19 40", 97, None),
    ],
)
def test_a_value_that_cannot_be_shown_is_none(columns, spo2, rate):
    assert tuple(one.value for one in seen(columns)) == (spo2, rate)


# Each code: what is said of the saturation, what of the rate, and what it does to the numbers.
@pytest.mark.parametrize(
    ("code", "of_spo2", "of_rate", "quality"),
    [
        ("AO", "audible alarm off", "audible alarm off", Quality.VALID),
        ("AS", "alarm silenced", "alarm silenced", Quality.VALID),
        ("LB", "battery low", "battery low", Quality.VALID),
        ("LM", *["pulse lost with interference"] * 2, Quality.UNAVAILABLE),
        ("LP", "pulse lost", "pulse lost", Quality.UNAVAILABLE),
        ("MO", "interference or motion", "interference or motion", Quality.QUESTIONABLE),
        ("PH", None, "pulse rate above limit", Quality.VALID),
        ("PL", None, "pulse rate below limit", Quality.VALID),
        ("PS", "pulse search", "pulse search", Quality.QUESTIONABLE),
        ("SD", "sensor disconnected", "sensor disconnected", Quality.UNAVAILABLE),
        ("SH", "SpO2 above limit", None, Quality.VALID),
        ("SL", "SpO2 below limit", None, Quality.VALID),
        ("SO", "sensor off patient", "sensor off patient", Quality.UNAVAILABLE),
        ("BU", "status BU", "status BU", Quality.QUESTIONABLE),
    ],
)
def test_a_code_travels_with_the_number_that_it_is_about(code, of_spo2, of_rate, quality):
    spo2, rate = seen(b"97 72 41 " + code.encode())
    assert spo2.remarks == ((of_spo2,) if of_spo2 else ())
    assert rate.remarks == ((of_rate,) if of_rate else ())
    for one, value in ((spo2, 97), (rate, 72)):
        assert one.quality is quality
        assert one.value == (None if quality is Quality.UNAVAILABLE else value)


def test_an_asterisk_speaks_where_no_code_does():
    spo2, rate = seen(b"88* 131* 41 SL")
    assert spo2.remarks == ("SpO2 below limit",)
    assert rate.remarks == ("pulse rate outside limit",)
    spo2, rate = seen(b"88* 131* 41 PH")
    assert spo2.remarks == ("SpO2 outside limit",)
    assert rate.remarks == ("pulse rate above limit",)


def test_a_fault_that_leaves_no_value_outweighs_one_that_leaves_a_doubt():
    assert {one.quality for one in seen(b"97 72 41 MO SO")} == {Quality.UNAVAILABLE}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (IDENTITY, HeadingKind.IDENTITY),
        (IDENTITY.replace(b" ", b"   "), HeadingKind.IDENTITY),
        (IDENTITY.replace(b"SpO2", b"SPO2"), HeadingKind.IDENTITY),
        (b"  ADULT     100SAT-S ", HeadingKind.MODE),
        (b"NEO 0SAT-S SPO2 RESP MODE: NORMAL", HeadingKind.MODE),
        (COLUMNS, HeadingKind.COLUMNS),
        (b"TIME\t%SPO2\tBPM\tPA\tStatus", HeadingKind.COLUMNS),
        (b"Output Complete", HeadingKind.TREND_END),
    ],
)
def test_a_heading_is_a_message_without_values(text, kind):
    heading = read(text)
    plain = text.replace(b"\t", b" ").strip().decode()
    assert heading == Heading(len(text) + 2, kind, plain)
    assert translate(heading, NOW) == []


def test_a_trend_dump_prints_nothing_of_now():
    assert told(DATA, TREND, TREND_COLUMNS, DATA, DATA, b"Output Complete", DATA) == [
        *(2, 0, 0, 0, 0, 0, 2)
    ]


def test_the_names_of_the_columns_alone_give_a_trend_dump_away():
    assert told(TREND_COLUMNS, DATA, COLUMNS, DATA) == [0, 0, 0, 2]


@pytest.mark.parametrize(
    "heading",
    [
        b"NPB-290 TREND VERSION 1.0.0.1 SpO2 Limit: 85-100% PR Limit: 40-170BPM",
        b"NPB-290 VERSION 1.0.0.1 SpO2 Limit: 85-100% PR Limit: 40-170BPM TREND",
        TREND.replace(b"85", b"8x"),
        TREND.lower() + b"\xb9",
    ],
)
def test_a_heading_that_speaks_of_a_trend_begins_one_however_damaged(heading):
    assert told(heading, DATA, COLUMNS, DATA) == [0, 0, 2]


@pytest.mark.parametrize("between", [(), (b"ADULT 0SAT-S",)])
def test_a_status_lost_from_the_columns_of_real_time_lines_is_no_trend(between):
    decoder = Decoder()
    wire = b"\r\n".join([IDENTITY, *between, TREND_COLUMNS, DATA, b""])
    *_, columns, line = decoder.feed(wire)
    assert columns.reason == "columns without the status they must have"
    assert not line.is_trend


@pytest.mark.parametrize("between", [COLUMNS, DATA, TREND_COLUMNS, b"TREND? VERSION"])
def test_columns_without_a_status_begin_a_trend_where_no_identity_stands_before_them(between):
    """The heading that would have said so was lost."""
    assert told(IDENTITY, between, TREND_COLUMNS, DATA)[-2:] == [0, 0]


def test_a_trend_dump_whose_end_was_lost_ends_with_the_next_heading():
    assert told(TREND, DATA, IDENTITY, DATA) == [0, 0, 0, 2]


def test_a_status_is_no_trends():
    assert told(TREND, DATA.rstrip() + b"    MO", DATA) == [0, 2, 2]


def test_a_mode_line_leaves_a_trend_dump_as_it_is():
    assert told(TREND, b"ADULT 0SAT-S", DATA) == [0, 0, 0]


@pytest.mark.parametrize(
    "text",
    [
        DATA[1:],
        DATA.replace(b"Mar", b"Mer"),
        DATA.replace(b"-26", b"-2026"),
        DATA.replace(b"09:30:00", b"9:30:00"),
        DATA.replace(b"09:30:00", b"24:30:00"),
        DATA.replace(b"09:30:00", b"09:60:00"),
        DATA.replace(b"09:30:00", b"99:99:99"),
        DATA.replace(b"97", b"9.7"),
        DATA.replace(b"97", b"0097"),
        DATA.replace(b"97", b"--"),
        DATA.replace(b"97", b"97 *"),
        DATA.replace(b"97", b"97**"),
        DATA.replace(b"97", b"\xb97"),
        DATA.replace(b"97", b""),
        DATA.rstrip() + b"*",
        DATA.rstrip() + b" M",
        DATA.rstrip() + b" MOT",
        DATA.rstrip() + b" mo",
        DATA.rstrip() + b" M0",
        DATA + b"\0",
        DATA + DATA,
        IDENTITY[:-1],
        IDENTITY.replace(b"VERSION", b"VERZION"),
        IDENTITY.replace(b"85", b"x5"),
        COLUMNS + b" more",
        b"PLEASE CHOOSE: 1) PRINT 2) QUIT",
    ],
)
def test_a_line_with_anything_odd_in_it_is_not_believed(text):
    assert read(text) == Garbled(text, "neither a data line nor a heading", len(text) + 2)


def test_a_lost_digit_of_a_rate_of_two_is_no_rate():
    """Blanks fill the columns: a lost digit of three cannot be seen, one of two can."""
    assert [one.value for one in seen(b"97 7 41")] == [97, None]


def test_the_half_line_at_the_start_costs_itself_alone():
    found = Decoder().feed(DATA[30:] + b"\n" + DATA + b"\n")
    assert [type(one) for one in found] == [Garbled, DataLine]


def test_a_line_without_end_is_told_as_it_grows_and_the_next_is_read():
    decoder = Decoder()
    assert [one.offset for one in decoder.feed(b"x" * 400)] == [160, 320]
    garbled, line = decoder.feed((DATA + b"\r\n") * 2)
    assert garbled.reason == "cut off, or more than 160 bytes without an end of line"
    assert line.spo2_pct == 97


def test_nothing_is_ever_said_to_the_oximeter():
    talk = Talk()
    assert talk.opening(0.0) == talk.closing() == b""
    assert talk.heard(read(DATA), 1.0) == b""
    assert talk.due(1.0) == (b"", inf)
