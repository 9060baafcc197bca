"""Does Vigil read a Capnostream's bytes as its document means them, and ask for them in time?"""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from math import inf

import pytest

from clinical.vitals import Metric, Quality, Source
from devices.protocols.capnostream import (
    Decoder,
    DeviceId,
    Numerics,
    OtherMessage,
    Talk,
    WavePoint,
    translate,
)
from devices.protocols.line import Garbled
from tests.conftest import ROOT

NOW = datetime(2026, 11, 22, 10, 15, 1, tzinfo=UTC)
VECTORS = tomllib.loads((ROOT / "tests" / "vectors" / "capnostream.toml").read_text())
FRAMES = {one["name"]: bytes.fromhex(one["hex"]) for one in VECTORS["frames"]}
SAID = {one["says"]: bytes.fromhex(one["hex"]) for one in VECTORS["requests"]}
WORKED = FRAMES["numerics, all well"]
IDENTITY = FRAMES["device id and software version, Masimo oximetry"]
POINT = FRAMES["CO2 wave point, end of breath"]

# Where a number of code 1 stands in its data.
TIME, ETCO2, FICO2, RR, SPO2, PULSE, SLOW = 0, 4, 5, 6, 7, 8, 9
CO2_ALARMS, SPO2_ALARMS, UNIT, EXTENDED = 13, 14, 25, 26
DATA = WORKED[3:-1]  # nothing is escaped in it


def frame(code, data=b""):
    """Header, length, code, data and check, escaped as the document says."""
    body = [len(data) + 1, code, *data]
    check = 0
    for byte in body:
        check ^= byte
    escaped = {0x85: b"\x80\x05", 0x80: b"\x80\x00"}
    return b"\x85" + b"".join(escaped.get(b, bytes([b])) for b in [*body, check])


def numerics(changes=None):
    """The worked numerics with bytes of their data replaced."""
    data = bytearray(DATA)
    for at, byte in (changes or {}).items():
        data[at] = byte
    return frame(1, data)


def wave(fast_status):
    return frame(0, [1, 38, 0, fast_status])


def fed(wire, size=4096, decoder=None):
    decoder = decoder or Decoder()
    return [m for i in range(0, len(wire), size) for m in decoder.feed(wire[i : i + size])]


def seen(*wires):
    """The observations of the last of ``wires``, by metric."""
    messages = fed(b"".join(wires))
    assert not [m for m in messages if isinstance(m, Garbled)]
    return {one.metric: one for one in translate(messages[-1], NOW)}


def test_the_frames_of_this_file_are_made_as_the_document_makes_them():
    assert numerics() == WORKED
    assert frame(1) == SAID["enable"]
    assert frame(0, bytes.fromhex("07 26 80 08")) == POINT


# Framing.


def test_a_request_is_a_frame_like_any_other():
    assert fed(SAID["stop"]) == [OtherMessage(4, 5)]
    assert fed(SAID["active"]) == [OtherMessage(4, 6)]


def test_the_identity_is_read_field_by_field():
    identity = DeviceId(len(IDENTITY), "04.51", "11/20/2012", "B5", "A1", "123456")
    assert fed(IDENTITY) == [identity]


def test_an_identity_without_a_date_and_with_bytes_that_are_no_text_is_one():
    (found,) = fed(frame(4, b"V04.51" + b" " * 12 + b"B2A1\xff23456  "))
    assert (found.version, found.date, found.product) == ("04.51", "", "B2")
    assert found.number == "\ufffd23456"


def test_a_wave_point_is_counter_then_co2_then_status():
    assert fed(POINT) == [WavePoint(len(POINT), 7, 38 * 256 + 128, 8)]
    assert translate(fed(POINT)[0], NOW) == []


@pytest.mark.parametrize(("code", "length"), [(2, 0), (2, 254), (3, 1), (12, 52), (99, 0)])
def test_a_sound_frame_of_another_kind_is_read_no_further(code, length):
    wire = frame(code, b"\x01" * length)
    assert fed(wire, 1) == [OtherMessage(len(wire), code)]


@pytest.mark.parametrize(("code", "least"), [(0, 4), (1, 27), (4, 28)])
def test_a_frame_that_is_shorter_than_its_fields_is_garbled(code, least):
    for size in range(least):
        wire = frame(code, b"\x01" * size)
        reason = f"code {code} with {size} bytes of data, expected {least}"
        assert fed(wire) == [Garbled(wire, reason, len(wire))]
    assert not isinstance(fed(frame(code, b"\x01" * least))[0], Garbled)


@pytest.mark.parametrize("more", [b"", b" ", b"  ", b"   Rev 2"])
def test_an_identity_of_any_length_that_holds_its_fields_is_one(more):
    (found,) = fed(frame(4, b"V04.51 11/20/2012 B5A1123456" + more))
    assert isinstance(found, DeviceId)
    assert (found.version, found.number) == ("04.51", "123456")
    talk = Talk()
    talk.opening(0.0)
    assert talk.heard(found, 0.1) == SAID["start"]


def test_a_wave_point_of_later_firmware_may_be_longer():
    (found,) = fed(frame(0, bytes.fromhex("07 26 80 08 01")))
    assert (found.counter, found.co2_256ths, found.fast_status) == (7, 0x2680, 8)


@pytest.mark.parametrize("more", [0, 1, 20, 227])
def test_numerics_of_later_firmware_may_be_longer(more):
    (found,) = fed(frame(1, DATA + b"\x85" * more))
    assert isinstance(found, Numerics)
    assert found.extended_status == 0


@pytest.mark.parametrize("at", range(27))
@pytest.mark.parametrize("byte", [0x80, 0x85])
def test_a_byte_that_needs_escaping_survives_every_place(at, byte):
    wire = numerics({at: byte})
    assert wire.count(b"\x80") == 1 + (wire[-2] == 0x80)
    assert wire.count(b"\x85") == 1
    (found,) = fed(wire, 1)
    assert found == Decoder().feed(wire)[0]
    names = {4: "etco2", 5: "fico2", 6: "resp_rate", 7: "spo2", 8: "pulse_rate", 25: "co2_unit"}
    if at in names:
        assert getattr(found, names[at]) == byte


@pytest.mark.parametrize("length", [0x80, 0x85])
def test_a_length_that_needs_escaping_is_read(length):
    wire = frame(55, bytes(length - 1))
    assert wire[1:3] == bytes([0x80, length - 0x80])
    assert fed(wire, 1) == [OtherMessage(len(wire), 55)]


def test_a_check_that_needs_escaping_is_read():
    wires = [numerics({TIME + 3: byte}) for byte in range(256)]
    assert {wire[-2:] for wire in wires} >= {b"\x80\x00", b"\x80\x05"}
    assert all(isinstance(fed(wire)[0], Numerics) for wire in wires)


def test_the_check_is_the_xor_of_all_but_the_header():
    wire = WORKED[:-1] + bytes([WORKED[-1] ^ 0x85])
    assert fed(wire) == [Garbled(wire, "check AB, expected 2E", len(wire))]


def test_a_frame_of_no_code_is_garbled():
    assert fed(b"\x85\x00\x00") == [Garbled(b"\x85\x00\x00", "a frame of no code", 3)]


@pytest.mark.parametrize("size", [1, 7, 4096], ids="chunks of {}".format)
@pytest.mark.parametrize("cut", range(1, len(WORKED)))
def test_a_frame_that_is_broken_off_costs_itself_and_no_more(cut, size):
    broken, sound = fed(WORKED[:cut] + WORKED, size)
    reason = "broken off by the start of another frame"
    assert broken == Garbled(WORKED[:cut], reason, cut)
    assert isinstance(sound, Numerics)
    assert sound.offset == cut + len(WORKED)


@pytest.mark.parametrize("cut", range(1, len(WORKED)))
def test_a_capture_may_start_anywhere(cut):
    junk, sound = fed(WORKED[cut:] + WORKED)
    assert junk == Garbled(WORKED[cut:], "no start of a frame", len(WORKED) - cut)
    assert isinstance(sound, Numerics)


@pytest.mark.parametrize("size", [1, 7, 4096], ids="chunks of {}".format)
def test_what_is_no_frame_is_told_in_bounded_pieces(size):
    found = fed(b"\x55" * 1100 + POINT, size)
    assert [len(m.raw) for m in found[:-1]] == [515, 515, 70]
    assert isinstance(found[-1], WavePoint)


# Values.


def test_each_number_is_its_own():
    found = seen(numerics({ETCO2: 41, FICO2: 2, RR: 13, SPO2: 96, PULSE: 77}))
    assert {metric: one.value for metric, one in found.items()} == {
        Metric.SPO2: 96, Metric.PULSE_RATE: 77,
        Metric.RESP_RATE: 13, Metric.ETCO2: 41, Metric.FICO2: 2,
    }  # fmt: skip
    assert found[Metric.PULSE_RATE].source is Source.SPO2
    assert found[Metric.RESP_RATE].source is Source.CO2
    assert {one.device_time for one in found.values()} == {
        datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)
    }


@pytest.mark.parametrize(
    ("at", "byte", "metric", "value"),
    [
        (SPO2, 0, Metric.SPO2, None),
        (SPO2, 1, Metric.SPO2, 1),
        (SPO2, 100, Metric.SPO2, 100),
        (SPO2, 101, Metric.SPO2, None),
        (SPO2, 0xFF, Metric.SPO2, None),
        (PULSE, 0, Metric.PULSE_RATE, None),
        (PULSE, 1, Metric.PULSE_RATE, 1),
        (PULSE, 250, Metric.PULSE_RATE, 250),
        (PULSE, 251, Metric.PULSE_RATE, None),
        (PULSE, 0xFF, Metric.PULSE_RATE, None),
        (RR, 0, Metric.RESP_RATE, 0),
        (ETCO2, 0, Metric.ETCO2, 0),
        (RR, 254, Metric.RESP_RATE, 254),
        (RR, 0xFF, Metric.RESP_RATE, None),
        (ETCO2, 254, Metric.ETCO2, 254),
        (ETCO2, 0xFF, Metric.ETCO2, None),
        (FICO2, 254, Metric.FICO2, 254),
        (FICO2, 0xFF, Metric.FICO2, None),
    ],
)
def test_a_byte_is_a_number_that_can_be_or_none(at, byte, metric, value):
    one = seen(numerics({at: byte}))[metric]
    assert one.value == value
    assert one.quality is (Quality.UNAVAILABLE if value is None else Quality.VALID)
    assert one.remarks == ()


def test_kpa_is_tenths_and_becomes_mmhg():
    found = seen(numerics({UNIT: 2, ETCO2: 53, FICO2: 1}))
    assert found[Metric.ETCO2].value == pytest.approx(5.3 * 7.50062)
    assert found[Metric.FICO2].value == pytest.approx(0.1 * 7.50062)
    assert found[Metric.RESP_RATE].value == 14


@pytest.mark.parametrize(("unit", "words"), [(3, "CO2 in Vol%"), (0, "CO2 in unit 0")])
def test_a_unit_that_cannot_be_converted_gives_no_number(unit, words):
    found = seen(numerics({UNIT: unit}))
    for metric in (Metric.ETCO2, Metric.FICO2):
        assert (found[metric].value, found[metric].remarks) == (None, (words,))
    assert found[Metric.RESP_RATE].value == 14
    assert found[Metric.SPO2].remarks == ()


# What the monitor says of its values: the byte, its bit, and of which of the numbers it speaks.

OXIMETER = {Metric.SPO2, Metric.PULSE_RATE}
BREATH = {Metric.RESP_RATE, Metric.ETCO2, Metric.FICO2}
GASES = {Metric.ETCO2, Metric.FICO2}
GONE, DOUBTED, KEPT = Quality.UNAVAILABLE, Quality.QUESTIONABLE, Quality.VALID
BITS = [
    (CO2_ALARMS, 0, "no breath", {Metric.RESP_RATE}, KEPT),
    (CO2_ALARMS, 1, "EtCO2 high", {Metric.ETCO2}, KEPT),
    (CO2_ALARMS, 2, "EtCO2 low", {Metric.ETCO2}, KEPT),
    (CO2_ALARMS, 3, "RR high", {Metric.RESP_RATE}, KEPT),
    (CO2_ALARMS, 4, "RR low", {Metric.RESP_RATE}, KEPT),
    (CO2_ALARMS, 5, "FiCO2 high", {Metric.FICO2}, KEPT),
    (CO2_ALARMS, 6, None, set(), KEPT),
    (CO2_ALARMS, 7, None, set(), KEPT),
    (SPO2_ALARMS, 0, "pulse not found", OXIMETER, GONE),
    (SPO2_ALARMS, 1, "SpO2 high", {Metric.SPO2}, KEPT),
    (SPO2_ALARMS, 2, "SpO2 low", {Metric.SPO2}, KEPT),
    (SPO2_ALARMS, 3, "pulse high", {Metric.PULSE_RATE}, KEPT),
    (SPO2_ALARMS, 4, "pulse low", {Metric.PULSE_RATE}, KEPT),
    (SPO2_ALARMS, 5, "sensor off patient", OXIMETER, GONE),
    (SPO2_ALARMS, 6, "sensor disconnected", OXIMETER, GONE),
    (SPO2_ALARMS, 7, None, set(), KEPT),
    (EXTENDED, 0, "check calibration", GASES, DOUBTED),
    (EXTENDED, 1, "check flow", BREATH, DOUBTED),
    (EXTENDED, 2, "pump off", BREATH, GONE),
    *((EXTENDED, bit, None, set(), KEPT) for bit in range(3, 8)),
    (SLOW, 1, "alarms silenced for now", OXIMETER | BREATH, KEPT),
    (SLOW, 2, "all alarms silenced", OXIMETER | BREATH, KEPT),
    *((SLOW, bit, None, set(), KEPT) for bit in (0, 3, 4, 5, 6, 7)),
]


def check(found, words, metrics, quality):
    for metric, one in found.items():
        is_concerned = metric in metrics
        assert one.remarks == ((words,) if is_concerned else ())
        assert one.quality is (quality if is_concerned else KEPT)


@pytest.mark.parametrize(("at", "bit", "words", "metrics", "quality"), BITS)
def test_a_status_bit_is_said_of_the_values_it_concerns(at, bit, words, metrics, quality):
    check(seen(numerics({at: 1 << bit})), words, metrics, quality)


@pytest.mark.parametrize(
    ("bit", "words", "quality"),
    [
        (0, None, KEPT),
        (1, "initialising", DOUBTED),
        (2, "occlusion", DOUBTED),
        (3, None, KEPT),
        (4, "self-maintenance running", DOUBTED),
        (5, "purging", DOUBTED),
        (6, "filter line not connected", DOUBTED),
        (7, "CO2 malfunction", DOUBTED),
    ],
)
def test_the_status_of_the_wave_is_said_of_the_next_numerics(bit, words, quality):
    status = wave(1 << bit)
    check(seen(status, numerics()), words, BREATH if words else set(), quality)
    check(seen(status, wave(0), numerics()), None, set(), KEPT)
    check(seen(status, numerics(), numerics()), None, set(), KEPT)


def test_remarks_add_up_and_the_worst_counts():
    found = seen(wave(0x40), numerics({CO2_ALARMS: 0x05, EXTENDED: 0x05, SLOW: 4, UNIT: 3}))
    assert found[Metric.ETCO2].remarks == (
        "EtCO2 low", "check calibration", "pump off", "filter line not connected",
        "all alarms silenced", "CO2 in Vol%",
    )  # fmt: skip
    assert found[Metric.ETCO2].quality is GONE
    assert found[Metric.RESP_RATE].remarks == (
        "no breath", "pump off", "filter line not connected", "all alarms silenced",
    )  # fmt: skip


# The known trouble: numerics with a good check whose numbers are one byte off.


def later(data):
    """``data`` as if a byte had come in before its numbers: SpO2 shows the respiration rate."""
    return frame(1, bytes([0, *data])[: len(data)])


def earlier(data):
    """``data`` as if a byte of its time were lost: the respiration rate shows SpO2."""
    return frame(1, bytes([*data[1:], 0]))


@pytest.mark.parametrize("shift", [later, earlier])
def test_numerics_that_seem_shifted_are_believed_in_nothing(shift):
    found = seen(WORKED, shift(DATA))
    assert len(found) == 5
    for one in found.values():
        assert (one.value, one.quality, one.device_time) == (None, GONE, None)
        assert one.remarks == ("message seems shifted by a byte",)


@pytest.mark.parametrize("shift", [later, earlier])
def test_the_numerics_after_are_believed_again(shift):
    for after in (WORKED, shift(DATA)):
        found = seen(WORKED, shift(DATA), after)
        assert found[Metric.RESP_RATE].value is not None
        assert found[Metric.RESP_RATE].device_time is not None


@pytest.mark.parametrize("shift", [later, earlier])
def test_the_first_numerics_of_all_cannot_be_judged(shift):
    (found,) = fed(shift(DATA))
    assert found.is_shifted is False


@pytest.mark.parametrize(
    ("before", "now", "is_shifted"),
    [  # respiration rate, SpO2, pulse
        ((14, 97, 72), (0, 15, 97), True),
        ((14, 97, 72), (14, 14, 72), True),
        ((14, 97, 72), (14, 16, 72), True),
        ((14, 97, 72), (14, 12, 72), True),
        ((14, 97, 72), (14, 17, 72), False),
        ((14, 97, 72), (14, 11, 72), False),
        ((14, 97, 72), (97, 97, 72), True),
        ((14, 97, 72), (95, 97, 72), True),
        ((14, 97, 72), (99, 97, 72), True),
        ((14, 97, 72), (94, 97, 72), False),
        ((14, 34, 72), (0, 14, 72), True),
        ((14, 33, 72), (0, 14, 72), False),  # a step of less than 20
        ((77, 97, 72), (97, 96, 72), True),
        ((78, 97, 72), (97, 96, 72), False),
        ((0xFF, 97, 72), (0, 0xFF, 97), True),  # no breath: the pulse alone tells
        ((0xFF, 97, 72), (0, 0xFF, 99), True),
        ((0xFF, 97, 72), (0, 0xFF, 100), False),
        ((14, 97, 77), (14, 97, 97), True),
        ((14, 97, 78), (14, 97, 97), False),
        ((14, 97, 120), (14, 97, 97), True),
        ((14, 0xFF, 72), (14, 14, 72), True),  # from no value, any is a jump
        ((0xFF, 97, 72), (97, 97, 72), True),
        ((253, 0xFF, 72), (14, 252, 72), True),
        ((0xFF, 97, 72), (14, 0xFF, 72), False),  # gone is no value of another
        ((254, 97, 72), (254, 0xFF, 72), False),
        ((0xFF, 97, 72), (14, 254, 72), False),
        ((14, 0xFF, 72), (0xFF, 97, 72), False),
        ((0xFF, 0xFF, 0xFF), (0xFF, 0xFF, 0xFF), False),
        ((50, 50, 50), (50, 50, 50), False),
        ((14, 97, 97), (15, 96, 98), False),
    ],
)
def test_shifted_is_near_the_others_last_value_and_a_jump(before, now, is_shifted):
    wires = [numerics({RR: rr, SPO2: spo2, PULSE: pulse}) for rr, spo2, pulse in (before, now)]
    assert fed(b"".join(wires))[-1].is_shifted is is_shifted


def test_a_value_that_stays_is_the_patients():
    """One message is the price of a rate that really goes to where the saturation was."""
    fast = numerics({RR: 97})
    found = fed(WORKED + fast * 3)
    assert [m.is_shifted for m in found] == [False, True, False, False]
    assert {one.metric: one.value for one in translate(found[2], NOW)}[Metric.RESP_RATE] == 97


# Talk: bytes and numbers.

ANSWER, VALUES, WAVE = fed(IDENTITY)[0], fed(WORKED)[0], fed(POINT)[0]


def test_enables_twice_a_second_until_the_monitor_tells_who_it_is():
    talk = Talk()
    assert talk.due(0.0) == (b"", inf)
    assert talk.opening(100.0) == SAID["enable"]
    assert talk.due(100.1) == (b"", 100.5)
    assert talk.due(100.5) == (SAID["enable"], 101.0)
    assert talk.due(101.0) == (SAID["enable"], 101.5)
    assert talk.heard(ANSWER, 101.2) == SAID["start"]
    assert talk.due(101.5) == (b"", 104.2)


def test_an_identity_told_twice_is_answered_once():
    talk = Talk()
    talk.opening(0.0)
    assert talk.heard(ANSWER, 0.4) == SAID["start"]
    assert talk.heard(ANSWER, 0.6) == b""


def test_the_link_is_active_every_5_s():
    talk, now_s, said = Talk(), 0.0, []
    talk.opening(now_s)
    talk.heard(ANSWER, 0.0)
    for tenth in range(1, 160):
        now_s = tenth / 10
        if tenth % 10 == 0:
            assert talk.heard(VALUES, now_s) == b""
        sent, next_s = talk.due(now_s)
        assert next_s > now_s
        if sent:
            said.append((now_s, sent))
    assert said == [(s, SAID["active"]) for s in (5.0, 10.0, 15.0)]


def test_enables_again_after_3_s_without_numerics():
    talk = Talk()
    talk.opening(0.0)
    talk.heard(ANSWER, 0.0)
    talk.heard(VALUES, 1.0)
    assert talk.heard(WAVE, 3.5) == b""
    assert talk.due(3.9) == (b"", 4.0)
    assert talk.due(4.0) == (SAID["enable"], 4.5)
    assert talk.due(5.0) == (SAID["enable"], 5.5)
    assert talk.heard(ANSWER, 5.1) == SAID["start"]
    assert talk.due(5.5) == (b"", 8.1)
    assert talk.due(8.1) == (SAID["enable"], 8.6)  # started, and nothing came


def test_a_stream_from_before_is_taken_as_it_is():
    talk = Talk()
    talk.opening(0.0)
    assert talk.heard(WAVE, 0.1) == b""
    assert talk.due(0.5)[0] == SAID["enable"]
    assert talk.heard(VALUES, 0.6) == b""
    assert talk.heard(ANSWER, 0.7) == b""
    assert talk.due(1.0) == (b"", 3.6)


def test_a_stream_without_an_identity_is_asked_three_times_more_who_it_is():
    talk = Talk()
    talk.opening(0.0)
    assert talk.heard(VALUES, 0.2) == b""
    said = []
    for tenth in range(3, 48):
        now_s = tenth / 10
        if tenth % 10 == 2:
            assert talk.heard(VALUES, now_s) == b""
        sent, next_s = talk.due(now_s)
        assert next_s > now_s
        said += [(now_s, sent)] if sent else []
    assert said == [(s, SAID["enable"]) for s in (1.2, 2.2, 3.2)]
    assert talk.due(4.9) == (b"", 7.2)
    assert talk.heard(ANSWER, 5.0) == SAID["start"], "the stream may have ended with the question"
    assert talk.heard(ANSWER, 5.1) == b""


def test_a_reopened_port_starts_from_the_beginning():
    talk = Talk()
    talk.opening(0.0)
    talk.heard(ANSWER, 0.1)
    assert talk.opening(50.0) == SAID["enable"]
    assert talk.due(50.5) == (SAID["enable"], 51.0)
    assert talk.heard(ANSWER, 51.0) == SAID["start"]


def test_stops_and_disables_before_it_closes():
    assert Talk().closing() == SAID["stop"] + SAID["disable"]


def test_never_says_what_would_change_the_monitor():
    """Only codes 1, 2, 4, 5, 6: code 60 would write its alarm limits."""
    assert {wire[2] for wire in SAID.values()} == {1, 2, 4, 5, 6}
    assert Talk().interval_s == 1
