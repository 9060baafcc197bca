"""Does Vigil read a Masimo's ASCII 1 lines by key, and believe no number against the flags?"""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical.vitals import Metric, Quality, Source
from devices.protocols.line import Garbled
from devices.protocols.masimo_ascii1 import SETTINGS, Decoder, Record, Talk, translate
from tests.conftest import ROOT

NOW = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
VECTORS = tomllib.loads((ROOT / "tests" / "vectors" / "masimo_ascii1.toml").read_text())["frames"]
DATE = b"03/14/26 09:30:00"
SOUND = DATE + b" SN=0000123456 SPO2=097% BPM=072 PI=02.35% DESAT=-- ALARM=0000 EXC=000800\r\n"


def line(*, alarm=b"0000", exc=b"000800", spo2=b"097%", bpm=b"072", pi=b"02.35%", **more):
    """One line without its end; None leaves a key out."""
    keys = {"SPO2": spo2, "BPM": bpm, "PI": pi, **more, "ALARM": alarm, "EXC": exc}
    fields = [key.encode() + b"=" + value for key, value in keys.items() if value is not None]
    return b" ".join([DATE, *fields])


def read(text):
    (message,) = Decoder().feed(text + b"\r\n")
    return message


def seen(text):
    """Metric -> observation of one sound line."""
    message = read(text)
    assert isinstance(message, Record), message
    return {one.metric: one for one in translate(message, NOW)}


def observations(wire):
    found = [one for one in Decoder().feed(wire) if isinstance(one, Record)]
    return [one for message in found for one in translate(message, NOW)]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_printed_line_is_the_one_in_bytes(vector):
    wire = bytes.fromhex(vector["hex"])
    assert wire.lstrip(b"\0").rstrip(b"\r\n").decode() == vector["text"]


def test_the_line_is_set_as_the_manual_says():
    assert str(SETTINGS) == "9600 baud, 8N1"
    assert Talk().interval_s == 1.0


def test_a_line_is_kept_in_the_oximeters_own_words():
    text = line(alarm=b"0012", exc=b"000804", SN=b"0000123456")
    assert read(text) == Record(
        len(text) + 2,
        datetime.fromisoformat("2026-03-14T09:30:00"),
        "0000123456",
        97,
        72,
        True,
        2.35,
        0x12,
        0x804,
    )


def test_fields_are_found_by_key_in_any_order():
    turned = DATE + b" EXC=000804 NEW1=a.b+c ALARM=0002 BPM=101 PI=01.50 SPO2=096%"
    values = {metric: one.value for metric, one in seen(turned).items()}
    assert values == {Metric.SPO2: 96, Metric.PULSE_RATE: 101, Metric.PERFUSION_INDEX: 1.5}
    assert seen(turned)[Metric.SPO2].remarks == ("SpO2 below limit", "low perfusion")


def test_the_month_comes_before_the_day():
    assert read(line()).clock == datetime.fromisoformat("2026-03-14T09:30:00")


@pytest.mark.parametrize(
    ("date", "reason"),
    [
        (b"13/14/26 09:30:00", "a date that does not exist"),
        (b"02/30/26 09:30:00", "a date that does not exist"),
        (b"99/99/26 09:30:00", "a date that does not exist"),
        (b"00/14/26 09:30:00", "a date that does not exist"),
        (b"03/14/26 24:00:00", "not a date, a time and KEY=value fields"),
        (b"03/14/26 09:60:00", "not a date, a time and KEY=value fields"),
        (b"03/14/26 09:30:60", "not a date, a time and KEY=value fields"),
        (b"00/00/00 99:99:99", "not a date, a time and KEY=value fields"),
    ],
)
def test_a_date_or_a_time_that_does_not_exist_is_damage(date, reason):
    """Where two digits got lost or changed, others may have too."""
    assert read(line().replace(DATE, date)).reason == reason


def test_a_clock_that_was_never_set_costs_the_date_alone():
    """It may be wrong without harm: it orders nothing."""
    found = seen(line().replace(DATE, b"00/00/00 00:12:34"))
    assert found[Metric.SPO2].value == 97
    assert found[Metric.SPO2].device_time is None


def test_a_key_that_the_model_lacks_prints_nothing_and_dashes_print_none():
    assert Metric.PERFUSION_INDEX not in seen(line(pi=None))
    dashed = seen(line(pi=b"--.--%"))[Metric.PERFUSION_INDEX]
    assert (dashed.value, dashed.quality, dashed.source) == (
        None,
        Quality.UNAVAILABLE,
        Source.SPO2,
    )


@pytest.mark.parametrize(
    ("key", "digits", "value"),
    [
        ("spo2", b"---%", None),
        ("spo2", b"0-7%", None),
        ("spo2", b"000%", None),
        ("spo2", b"001%", 1),
        ("spo2", b"100%", 100),
        ("spo2", b"101%", None),
        ("bpm", b"---", None),
        ("bpm", b"---%", None),
        ("bpm", b"024", None),
        ("bpm", b"025", 25),
        ("bpm", b"240", 240),
        ("bpm", b"241", None),
        ("pi", b"--.--", None),
        ("pi", b"00.00%", 0),
        ("pi", b"20.00%", 20),
        ("pi", b"20.01%", None),
        ("pi", b"99.99", None),
    ],
)
def test_a_value_that_cannot_be_shown_is_none(key, digits, value):
    metrics = {"spo2": Metric.SPO2, "bpm": Metric.PULSE_RATE, "pi": Metric.PERFUSION_INDEX}
    found = seen(line(**{key: digits}))
    assert found[metrics[key]].value == value
    others = [one for metric, one in found.items() if metric is not metrics[key]]
    assert all(one.quality is Quality.VALID for one in others)


# The manual's table, bit by bit: what is said, and what it does to the numbers.
EXC_BITS = [
    (0, "no sensor", Quality.UNAVAILABLE),
    (1, "sensor defective", Quality.UNAVAILABLE),
    (2, "low perfusion", Quality.QUESTIONABLE),
    (3, "pulse search", Quality.UNAVAILABLE),
    (4, "interference", Quality.QUESTIONABLE),
    (5, "sensor off patient", Quality.UNAVAILABLE),
    (6, "ambient light", Quality.QUESTIONABLE),
    (7, "sensor unrecognised", Quality.UNAVAILABLE),
    (8, None, Quality.VALID),
    (9, None, Quality.VALID),
    (10, "low signal quality", Quality.QUESTIONABLE),
    (11, None, Quality.VALID),
    (12, "no cable", Quality.UNAVAILABLE),
    (13, "cable life expired", Quality.VALID),
    (14, "cable incompatible", Quality.VALID),
    (15, "cable unrecognised", Quality.VALID),
    (16, "cable defective", Quality.VALID),
    (17, "sensor calibrating", Quality.VALID),
    (18, "sensor life expired", Quality.VALID),
    (19, "emitter temperature out of range", Quality.VALID),
    (20, "sensor current limit exceeded", Quality.VALID),
    (21, None, Quality.VALID),
    (22, None, Quality.VALID),
    (23, None, Quality.VALID),
]


@pytest.mark.parametrize(("bit", "words", "quality"), EXC_BITS)
def test_an_exception_travels_with_every_number(bit, words, quality):
    for one in seen(line(exc=b"%06X" % (1 << bit))).values():
        assert one.remarks == ((words,) if words else ())
        assert one.quality is quality
        assert (one.value is None) == (quality is Quality.UNAVAILABLE)


@pytest.mark.parametrize(
    ("bit", "words", "of"),
    [
        (0, "SpO2 above limit", "spo2"),
        (1, "SpO2 below limit", "spo2"),
        (2, "pulse rate above limit", "pulse_rate"),
        (3, "pulse rate below limit", "pulse_rate"),
        (4, "alarm sounding", "spo2 pulse_rate"),
        (5, "alarm silenced", "spo2 pulse_rate"),
        (6, "battery low", "spo2 pulse_rate"),
        (7, None, ""),
        (8, None, ""),
        (9, None, ""),
        (10, None, ""),
        (11, None, ""),
        (12, "desaturation index alarm", "spo2"),
        (13, "PI change alarm", "perfusion_index"),
        (14, None, ""),
        (15, None, ""),
    ],
)
def test_an_alarm_travels_with_the_number_that_it_is_about(bit, words, of):
    for metric, one in seen(line(alarm=b"%04X" % (1 << bit))).items():
        assert one.remarks == ((words,) if metric in of.split() else ())
        assert one.quality is Quality.VALID


def test_a_fault_that_leaves_no_value_outweighs_one_that_leaves_a_doubt():
    assert {one.quality for one in seen(line(exc=b"000824")).values()} == {Quality.UNAVAILABLE}


def test_a_line_without_exceptions_is_in_doubt():
    """Nothing says that the sensor is on the patient."""
    found = seen(line(exc=None))
    assert {one.quality for one in found.values()} == {Quality.QUESTIONABLE}
    assert found[Metric.SPO2].value == 97


@pytest.mark.parametrize(
    ("alarm", "exc"), [(b"02", b"804"), (b"0002", b"000804"), (b"000002", b"0000804")]
)
def test_flags_mean_the_same_in_every_width(alarm, exc):
    found = seen(line(alarm=alarm, exc=exc))
    assert found[Metric.SPO2].remarks == ("SpO2 below limit", "low perfusion")
    assert found[Metric.PULSE_RATE].remarks == ("low perfusion",)


@pytest.mark.parametrize("alarm", [b"00", b"0000", b"000000"])
@pytest.mark.parametrize("exc", [b"020", b"000020", b"0000020", b"000"])
def test_flags_of_widths_that_no_model_prints_together_are_damage(alarm, exc):
    """A cut EXC would say that the sensor is on the patient."""
    is_a_models = (len(alarm), len(exc)) in {(2, 3), (4, 6), (6, 7)}
    assert isinstance(read(line(alarm=alarm, exc=exc)), Record) == is_a_models


@given(st.integers(len(line(exc=b"000020")) - 10, len(line(exc=b"000020")) - 1))
def test_a_line_cut_within_its_flags_is_never_valid(length):
    found = observations(line(exc=b"000020")[:length] + b"\r\n")
    assert all(one.quality is not Quality.VALID for one in found)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (line(spo2=None), "no SPO2"),
        (line(bpm=None, alarm=None), "no ALARM, BPM"),
        (line(spo2=b"97%"), "SPO2 is 97%"),
        (line(spo2=b"097"), "SPO2 is 097"),
        (line(spo2=b"0970%"), "SPO2 is 0970%"),
        (line(bpm=b"72"), "BPM is 72"),
        (line(bpm=b"07A"), "BPM is 07A"),
        (line(pi=b"2.35%"), "PI is 2.35%"),
        (line(pi=b"0235%"), "PI is 0235%"),
        (line(exc=b"000"), "ALARM of 4 digits and EXC of 3: no model's"),
        (line(alarm=b"00", exc=b"000020"), "ALARM of 2 digits and EXC of 6: no model's"),
        (line(alarm=b"000"), "ALARM is 000"),
        (line(alarm=b"000G"), "ALARM is 000G"),
        (line(exc=b"0008"), "EXC is 0008"),
        (line(exc=b"00000800"), "EXC is 00000800"),
        (line() + b" BPM=073", "a key stands there twice"),
        *(
            (text, "not a date, a time and KEY=value fields")
            for text in (
                line()[1:],
                line()[9:],
                line().replace(b"/", b"-"),
                line().replace(b"BPM", b"bpm"),
                line().replace(b"BPM=", b"BPM"),
                line().replace(b"BPM=072", b"BPM="),
                line().replace(b"% BPM", b"%BPM"),
                line().replace(b"BPM", b"\0BPM"),
                line().replace(b"072", b"0\xb72"),
                line() + b" tail",
                b" " + line(),
                DATE,
            )
        ),
    ],
)
def test_a_line_with_anything_odd_in_it_is_not_believed(text, reason):
    assert read(text) == Garbled(text, reason, len(text) + 2)


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\n\r", b"\r", b"\r\n\r\n", b"\r\n\0\0\0"])
def test_the_end_of_a_line_may_be_any(end):
    found = Decoder().feed((line() + end) * 3 + b"-")
    assert [type(one) for one in found] == [Record] * 3


def test_the_half_line_at_the_start_costs_itself_alone():
    found = Decoder().feed(SOUND[40:] + SOUND)
    assert [type(one) for one in found] == [Garbled, Record]
    assert found[1].offset == len(SOUND[40:] + SOUND)


def test_the_halves_of_two_lines_on_two_ports_make_no_line():
    decoder, cut = Decoder(), SOUND.index(b"BPM")
    assert decoder.feed(SOUND[:cut]) == []
    assert [one.raw for one in decoder.end()] == [SOUND[:cut]]
    assert [type(one) for one in decoder.feed(SOUND[cut:] + SOUND)] == [Garbled, Record]


def test_a_line_without_end_is_told_as_it_grows_and_the_next_is_read():
    decoder = Decoder()
    assert [one.offset for one in decoder.feed(b"x" * 1200)] == [512, 1024]
    garbled, record = decoder.feed(SOUND + SOUND)
    assert garbled.reason == "cut off, or more than 512 bytes without an end of line"
    assert record.spo2_pct == 97


@given(st.integers(0, len(SOUND) - 3))
def test_a_lost_byte_makes_no_other_number(at):
    """It may cost a key: then the number goes, or is in doubt for want of its flags."""
    sound = {(one.metric, one.value) for one in observations(SOUND)}
    assert {(one.metric, one.value) for one in observations(SOUND[:at] + SOUND[at + 1 :])} <= sound


@given(st.integers(0, len(SOUND) - 3))
def test_a_byte_that_comes_twice_makes_no_other_number(at):
    sound = {(one.metric, one.value) for one in observations(SOUND)}
    assert {(one.metric, one.value) for one in observations(SOUND[: at + 1] + SOUND[at:])} <= sound


def test_nothing_is_ever_said_to_the_oximeter():
    talk = Talk()
    assert talk.opening(0.0) == talk.closing() == b""
    assert talk.heard(read(line()), 1.0) == b""
    assert talk.due(1.0) == (b"", inf)
