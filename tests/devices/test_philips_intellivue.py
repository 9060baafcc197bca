"""Does Vigil read a Philips monitor's answers as they are meant, and keep it answering?"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from importlib import import_module
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical.vitals import Metric, Observation, Quality, Source
from devices.protocols import philips_intellivue as philips
from devices.protocols.line import Garbled
from devices.protocols.philips_intellivue import (
    Alert,
    Alerts,
    Association,
    Created,
    Decoder,
    Kind,
    Numeric,
    Numerics,
    Other,
    Priority,
    Refusal,
    Step,
    Talk,
    create_result,
    poll_request,
    translate,
)
from tests.devices import philips_frames as wire
from tests.devices.philips_frames import FRAMES, REQUESTS, WORKED

NOW = datetime(2026, 11, 22, 10, 15, 1, tzinfo=UTC)
LONGEST_PIECE = 8206  # bytes: a frame of 4096 + 6, each of them escaped, and its marks


def fed(data, size=4096, decoder=None):
    decoder = decoder or Decoder()
    return [m for i in range(0, len(data), size) for m in decoder.feed(data[i : i + size])]


def read(frame, decoder=None):
    """The one message of ``frame``, which must be sound."""
    (message,) = fed(frame, decoder=decoder)
    assert not isinstance(message, Garbled), message.reason
    return message


def observations(data, decoder=None):
    """What ``data`` comes to, which must be sound."""
    messages = fed(data, decoder=decoder)
    assert not [m for m in messages if isinstance(m, Garbled)]
    return [one for message in messages for one in translate(message, NOW)]


def by_metric(data, decoder=None):
    return {one.metric: one.value for one in observations(data, decoder)}


# Vectors that the common tests cannot hold.


def test_a_full_screen_has_a_cuff_reading_with_a_time_of_its_own():
    (vector,) = wire.VECTORS["mixed"]
    decoder = Decoder()
    read(wire.created(ticks=2_400_000), decoder)
    assert observations(WORKED, decoder) == [
        Observation(
            Metric(one["metric"]),
            one.get("value"),
            Quality(one.get("quality", "valid")),
            NOW - timedelta(seconds=one.get("age_s", 0)),
            Source(one["source"]) if "source" in one else None,
            one.get("device_time", AT_START),
            one.get("measurement_id"),
        )
        for one in vector["observations"]
    ]
    simulator = import_module("simulators.philips_intellivue")
    assert simulator.vector_frame(vector["values"]) == WORKED


# The frame.


@pytest.mark.parametrize(
    ("content", "check"), [("3a71", "9b26"), ("3a91", "95c1"), (b"123456789".hex(), "6e90")]
)
def test_the_check_is_that_of_ppp_low_byte_first(content, check):
    """The first two are from OpenICE's own test, the third is the usual one of CRC-16/X-25."""
    found = philips._check(bytes.fromhex(content))
    assert found.hex() == check
    assert wire.check(bytes.fromhex(content)) == found


@pytest.mark.parametrize(
    ("constant", "value"), [("CHECK_START", 0), ("CHECK_RESIDUE", 0xF0B8), ("DATA_EXPORT", (17, 2))]
)
def test_a_frame_needs_every_constant_of_its_check(constant, value, monkeypatch):
    assert isinstance(read(WORKED), Numerics)
    monkeypatch.setattr(philips, constant, value)
    assert isinstance(fed(WORKED)[0], Garbled)


def test_a_wrong_check_says_what_was_expected():
    broken = WORKED[:-3] + b"\x3e\xca\xc1"
    (garbled,) = fed(broken)
    assert garbled == Garbled(broken, "check 3e ca, expected 3d ca", len(broken))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x11\x01\x00\x00", "6 bytes, a frame has 7 to 4102"),
        (b"\x11\x01\x00\x02\x0c", "1 bytes, the header says 2"),
        (b"\x11\x01\x10\x01" + bytes(4097), "4103 bytes, a frame has 7 to 4102"),
        (b"\x11\x02\x00\x01\x0c", "header 11 02, expected 11 01"),
        (b"\x10\x01\x00\x01\x0c", "header 10 01, expected 11 01"),
    ],
)
def test_a_sound_check_over_a_wrong_header_is_garbled(content, reason):
    (garbled,) = fed(wire.wire(content))
    assert garbled.reason == reason


def test_the_longest_message_is_read():
    content = b"\x11\x01\x10\x00\x7b" + bytes(4095)
    assert read(wire.wire(content)).kind is Kind.UNKNOWN


def test_an_escape_before_the_end_mark_aborts_the_frame():
    (garbled,) = fed(WORKED[:40] + b"\x7d\xc1")
    assert garbled.reason == "a frame that its sender has aborted"


def test_whatever_follows_an_escape_is_turned_back():
    """Monitors escape three bytes; a receiver must not care which."""
    at = WORKED.index(b"\x41\x82")
    assert read(WORKED[:at] + b"\x7d\x61" + WORKED[at + 1 :]).numerics == read(WORKED).numerics


def test_a_begin_mark_inside_a_frame_starts_another():
    cut = WORKED[:50]
    assert fed(cut + FRAMES["refuse"]) == [
        Garbled(cut, "a frame without its end", 50),
        Association(50 + len(FRAMES["refuse"]), Step.REFUSE, None),
    ]


def test_begin_marks_may_fill_the_line():
    assert fed(b"\xc0\xc0\xc0" + FRAMES["refuse"]) == [
        Association(3 + len(FRAMES["refuse"]), Step.REFUSE, None)
    ]


def test_noise_before_a_frame_is_one_piece():
    assert fed(b"\x00\xc1\x7dnoise" + FRAMES["refuse"])[0] == Garbled(
        b"\x00\xc1\x7dnoise", "bytes outside a frame", 8
    )


@pytest.mark.parametrize("size", [1, 7, 20_000], ids="chunks of {}".format)
@pytest.mark.parametrize("start", [b"", b"\xc0"], ids=["outside", "begun"])
def test_a_run_without_an_end_is_cut_at_the_longest_frame(start, size):
    found = fed(start + bytes(20_000) + WORKED, size)
    cut = [LONGEST_PIECE, 2 * LONGEST_PIECE, len(start) + 20_000]
    assert [m.offset for m in found] == [*cut, len(start) + 20_000 + len(WORKED)]
    assert [type(m) for m in found] == [Garbled] * 3 + [Numerics]


@given(
    st.lists(st.one_of(st.binary(max_size=40), st.sampled_from([*FRAMES.values()])), max_size=12)
)
def test_every_byte_is_in_one_message_or_one_garbled_piece(pieces):
    decoder, data = Decoder(), b"".join(pieces)
    found, before = decoder.feed(data + b"\xc0"), 0
    for message in found:
        assert before < message.offset <= len(data)
        if isinstance(message, Garbled):
            assert data[: message.offset].endswith(message.raw)
            assert data[before : message.offset - len(message.raw)].strip(b"\xc0") == b""
        before = message.offset
    assert data[before:].strip(b"\xc0") == b""


# What a sound frame may hold.


def test_reads_the_heads_of_a_result():
    message = read(FRAMES["extended poll, the first of linked results, two contexts"])
    assert (message.invoke_id, message.poll_number, message.sequence_no) == (9, 1, 17)
    assert (message.is_last, message.ticks, message.polled_at) == (False, 2400000, None)
    message = read(FRAMES["the empty result that ends a linked series"])
    assert (message.invoke_id, message.poll_number, message.sequence_no) == (3, 3, None)
    assert (message.is_last, message.numerics, message.cuff) == (True, (), None)


def test_reads_a_number_as_sent():
    message = read(FRAMES["heart rate invalid, SpO2 questionable and in alarm"])
    assert message.numerics == (
        Numeric(0x4182, 0x8000, 0x0AA0, None),
        Numeric(0x4BB8, 0x4002, 0x0220, 88.0),
    )


@pytest.mark.parametrize("context", [0, 2, 0xFFFF])
def test_any_presentation_context_is_taken(context):
    """OpenICE sends 0, monitors 2."""
    message = bytearray(wire.message_of(WORKED))
    message[2:4] = wire.words(context)
    assert read(wire.framed(bytes(message))).numerics == read(WORKED).numerics


def test_reads_what_the_monitor_says_of_itself():
    message = read(FRAMES["MDS create event of a monitor in demonstration mode, with a bed label"])
    assert message == Created(
        message.offset, 7, 0x1DC200, "demonstration mode", "Philips M8000", "Chair 3",
        datetime.fromisoformat("2026-11-22T10:15"), 0x1DC200,
    )  # fmt: skip
    message = read(FRAMES["MDS create event, six attributes"])
    assert (message.invoke_id, message.pretence, message.bed_label) == (1, "", "")


def test_reads_the_alerts_with_their_texts_and_priorities():
    message = read(FRAMES["alert: SpO2 below its limit"])
    low = Alert(False, wire.SPO2, 62, Priority.HIGH, 8, 0x24BB8, "SpO2 84<90")
    assert message == Alerts(message.offset, 5, None, 8000, (low,))
    name = "alerts of an extended poll: a yellow patient alarm, two technical ones"
    message = read(FRAMES[name])
    assert (message.sequence_no, message.alerts) == (
        3,
        (
            Alert(False, 0x4A05, 40, Priority.MEDIUM, 0x1000, 0x24A05, "*NBPs 181>160"),
            Alert(True, 0x4182, 274, Priority.MEDIUM, 8, 0x24182, None),
            Alert(True, 0x4BB8, 22, Priority.LOW, 0x8000, 0x24BB8, "SpO₂ unplugged"),
        ),
    )
    assert philips.alarms(message) == ("*NBPs 181>160", "alert 274", "SpO₂ unplugged (inhibited)")
    assert read(FRAMES["no alerts"]).alerts == ()
    assert philips.alarms(read(FRAMES["no alerts"])) == ()


def test_what_cannot_be_printed_is_left_out_of_a_text():
    said = "*HR\x03 \u202e130>120\u00a0\u2009/min\nII ".encode("utf-16-be")
    text = philips._text(len(said).to_bytes(2, "big") + said)
    assert text == "*HR 130>120 /min II"


def alert(state=0, text="SpO2 LOW"):
    said = text.encode("utf-16-be")
    info = wire.words(1, 2, wire.SPO2, 0, 0, len(said)) + said
    return wire.words(wire.SPO2, 62, 0x0400, state, 0, 0, 0, 0x0204, len(info)) + info


def alert_list(attribute, *alerts):
    return wire.attribute(
        attribute, wire.words(len(alerts), sum(map(len, alerts))) + b"".join(alerts)
    )


def alerts_result(*attributes, linked=None, sequence_no=None, group=0x0801):
    objects = [wire.words(1) + wire.listed(*attributes)] if attributes else []
    more = {"linked": linked, "sequence_no": sequence_no}
    return wire.result(*objects, code=0x36, group=group, **more)


PATIENT, TECHNICAL, CONDITION = 0x0902, 0x0904, wire.attribute(0x0916, bytes(10))


def alarms_of(decoder, *frames):
    return [philips.alarms(read(frame, decoder)) for frame in frames]


def test_alerts_of_several_frames_are_told_together_at_the_end():
    chain = (
        alerts_result(CONDITION, alert_list(PATIENT, alert(text="DESAT")), linked=(1, 1)),
        alerts_result(alert_list(TECHNICAL, alert(text="LEADS OFF")), linked=(3, 2)),
        alerts_result(),
    )
    together = ("DESAT", "LEADS OFF")
    decoder = Decoder()
    assert alarms_of(decoder, *chain, *chain) == [None, None, together] * 2
    # A part, or the end, is missing: nothing is said of that answer.
    assert alarms_of(decoder, *chain[1:]) == [None, None]
    assert alarms_of(decoder, chain[0], *chain) == [None, None, None, together]
    decoder.feed(chain[0])
    decoder.feed(b"noise\xc0")
    assert alarms_of(decoder, chain[2], *chain) == [None, None, None, together]
    decoder.feed(chain[0])
    decoder.end()
    assert alarms_of(decoder, chain[2]) == [None]


def test_parts_of_two_answers_make_no_third():
    first = alerts_result(alert_list(PATIENT, alert()), linked=(1, 1))
    message = bytearray(wire.message_of(alerts_result()))
    message[8:10] = wire.words(77)  # invoke id
    assert alarms_of(Decoder(), first, wire.framed(bytes(message))) == [None, None]


def test_a_whole_answer_without_lists_says_that_there_is_no_alert():
    assert alarms_of(Decoder(), alerts_result(CONDITION)) == [()]
    assert alarms_of(Decoder(), alerts_result(CONDITION, group=0x0811)) == [None]
    # An empty one may also be the end of what was not read.
    assert alarms_of(Decoder(), alerts_result(), alerts_result()) == [None, ()]


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (0, "SpO2 LOW"),
        (0x8000, "SpO2 LOW (inhibited)"),
        (0x4000, "SpO2 LOW (suspended)"),
        (0x2008, "SpO2 LOW (latched)"),
        (0xE000, "SpO2 LOW (inhibited) (suspended) (latched)"),
        (0x1208, "SpO2 LOW"),
        (0x0100, None),
        (0x0408, None),
    ],
)
def test_a_text_says_in_which_state_it_is_and_no_test_or_demonstration_is_told(state, text):
    frame = alerts_result(alert_list(PATIENT, alert(state)), alert_list(TECHNICAL))
    assert alarms_of(Decoder(), frame) == [(text,) if text else ()]


@pytest.mark.parametrize("mode", [0x2000, 0x1000])
def test_no_alert_of_a_monitor_that_shows_no_patient_is_told(mode):
    decoder = Decoder()
    frame = alerts_result(alert_list(PATIENT, alert()), alert_list(TECHNICAL))
    assert alarms_of(decoder, wire.created(mode=mode), frame) == [None, ()]
    assert alarms_of(decoder, wire.created(), frame) == [None, ("SpO2 LOW",)]


def test_only_what_a_measuring_monitor_sends_is_proof_of_it():
    proofs = {name for name, frame in FRAMES.items() if philips.is_proof(read(frame))}
    kinds = {type(read(FRAMES[name])) for name in proofs}
    assert kinds == {Numerics, Alerts}
    others = [*FRAMES.keys() - proofs]
    assert not {type(read(FRAMES[name])) for name in others} & kinds
    assert not any(philips.is_proof(read(frame)) for frame in REQUESTS.values())


def test_a_frame_of_numbers_says_nothing_of_alarms():
    numbers = read(WORKED)
    assert philips.alarms(numbers) is None


@pytest.mark.parametrize(
    ("bits", "priority"),
    [
        (0, "none"),
        (1, "low"),
        (2, "medium"),
        (4, "high"),
        (0x100, "low"),
        (0x400, "high"),
        (6, "high"),
    ],
)
def test_the_highest_type_bit_is_the_priority(bits, priority):
    message = bytearray(wire.message_of(FRAMES["alert: SpO2 below its limit"]))
    at = message.index(wire.words(wire.SPO2, 62)) + 4
    message[at : at + 2] = wire.words(bits)
    (alert,) = read(wire.framed(bytes(message))).alerts
    assert alert.priority == priority


@pytest.mark.parametrize(
    ("name", "kind", "objects"),
    [
        ("connect indication", Kind.CONNECT_INDICATION, ""),
        ("the answer to a keep-alive", Kind.RESULT, ""),
        ("wave samples are left alone", Kind.RESULT, "waves"),
    ],
)
def test_frames_of_other_kinds_are_known_and_say_nothing(name, kind, objects):
    assert read(FRAMES[name]) == Other(len(FRAMES[name]), kind, objects)


def test_an_error_names_the_request():
    frame = FRAMES["error: access denied"]
    assert read(frame) == Refusal(len(frame), 3, 2)


STEPS = {
    "association": Step.REQUEST,
    "release": Step.RELEASE,
    "release response": Step.RELEASED,
    "abort": Step.ABORT,
}


@pytest.mark.parametrize("vector", wire.VECTORS["requests"], ids=lambda v: v["name"])
def test_reads_what_a_client_says(vector):
    """A cable that carries both directions, or a recording of one."""
    frame = bytes.fromhex(vector["hex"])
    kind = Kind.RESULT if vector["asks"] == "create result" else Kind.REQUEST
    step = STEPS.get(vector["asks"])
    expected = Other(len(frame), kind) if step is None else Association(len(frame), step, None)
    assert read(frame) == expected


def test_reads_the_options_that_a_monitor_grants():
    assert read(FRAMES["association response"]).grants == 0x8E000000


MARK = bytes.fromhex("be 80 28 80 02 01 02 81")


@pytest.mark.parametrize("length", ["48", "8148", "820048"])
@pytest.mark.parametrize("mark", [MARK, bytes.fromhex("be 80 28 80 81")], ids=["long", "short"])
def test_finds_the_options_in_every_form_of_a_response(mark, length):
    head, tail = wire.message_of(FRAMES["association response"]).split(MARK)
    message = head + mark + bytes.fromhex(length) + tail[1:]
    assert read(wire.framed(message)).grants == 0x8E000000


@pytest.mark.parametrize("keep", range(1, 208))
def test_a_response_cut_short_is_still_a_response(keep):
    message = wire.message_of(FRAMES["association response"])[:keep]
    found = read(wire.framed(message))
    assert found.step is Step.RESPONSE
    assert found.grants in (None, 0x8E000000)


# Lengths and counts that lie, under a sound check.


@pytest.mark.parametrize(
    "name", ["mixed", "alert: SpO2 below its limit", "MDS create event, six attributes"]
)
def test_a_length_that_leaves_its_frame_is_garbled(name):
    message = wire.message_of(WORKED if name == "mixed" else FRAMES[name])
    reasons = set()
    for at in range(4, len(message) - 1):
        spoilt = message[:at] + b"\xff\xff" + message[at + 2 :]
        for found in fed(wire.framed(spoilt)):
            if isinstance(found, Garbled):
                reasons.add(found.reason)
            else:
                translate(found, NOW)
    assert reasons == {"lengths inside that contradict each other"}


@pytest.mark.parametrize("keep", range(1, 210))
def test_a_result_cut_short_is_garbled(keep):
    (found,) = fed(wire.framed(wire.message_of(WORKED)[:keep]))
    assert isinstance(found, Garbled)


@given(
    st.sampled_from([WORKED, *FRAMES.values()]),
    st.lists(st.tuples(st.integers(0, 250), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_nothing_under_a_sound_check_makes_anything_raise(frame, changes):
    message = bytearray(wire.message_of(frame))
    for at, byte in changes:
        message[at % len(message)] = byte
    decoder, talk = Decoder(), Talk()
    talk.opening(0.0)
    decoder.feed(wire.created())
    for found in decoder.feed(wire.framed(bytes(message)) + WORKED):
        if not isinstance(found, Garbled):
            translate(found, NOW)
            talk.heard(found, 1.0)
            talk.due(1.0)


def test_of_two_objects_of_one_kind_the_first_with_a_value_counts():
    off = wire.single(wire.SPO2, wire.NAN, wire.PER_CENT, state=0x8000)
    shows = [wire.single(wire.SPO2, value, wire.PER_CENT) for value in (97, 88)]
    for objects in ((off, *shows), (shows[0], off, shows[1])):
        assert [one.value for one in observations(wire.result(*objects))] == [97]
    assert [one.value for one in observations(wire.result(off, off))] == [None]
    bed = Bedside()
    cuffs = [wire.cuff(*one) for one in ((BLANK, AT_14), (A, AT_12), (BLANK, AT_10))]
    pulses = [wire.cuff_pulse(value) for value in (wire.NAN, 74, 75)]
    found = bed.shows(*cuffs, *pulses)
    assert [one.value for one in found] == [121, 79, 93, 74]


# Numbers and what they may mean.


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (0x00000048, 72),
        (0xFF00016F, 36.7),
        (0xFF0003CF, 97.5),
        (0x7F000000, 0),
        (0x80000000, 0),
        (0x01000007, 70),
        (0xFD00FA00, 64),
        (0x007FFFFD, 8388605),
        (0xFB7FFFFF, None),
        (0x7F800000, None),
        (0x00800001, None),
        (0xFF7FFFFE, float("inf")),
        (0x01800002, float("-inf")),
        (0x00800003, -8388605),
        (0xFFFFFFF1, -1.5),
    ],
)
def test_a_float_is_a_mantissa_and_a_power_of_ten(raw, value):
    (numeric,) = read(wire.result(wire.single(wire.HEART_RATE, raw))).numerics
    assert numeric.value == value


@pytest.mark.parametrize("bit", range(8, 16))
def test_any_bit_of_the_states_high_byte_but_one_takes_the_value(bit):
    (one,) = observations(wire.result(wire.single(wire.HEART_RATE, 72, state=1 << bit)))
    assert one.value == (72 if bit == 14 else None)
    assert one.quality == {14: "questionable", 12: "not_calibrated"}.get(bit, "unavailable")


@pytest.mark.parametrize("bit", range(8))
def test_no_bit_of_the_states_low_byte_takes_the_value(bit):
    (one,) = observations(wire.result(wire.single(wire.HEART_RATE, 72, state=1 << bit)))
    assert (one.value, one.quality) == (72, "valid")


@pytest.mark.parametrize("state", [0xC000, 0x5000, 0x4800, 0x4400, 0x9000, 0x3000, 0x1400])
def test_a_state_with_several_bits_is_the_worst_of_them(state):
    (one,) = observations(wire.result(wire.single(wire.HEART_RATE, 72, state=state)))
    assert one.value is None
    assert one.quality == ("not_calibrated" if state == 0x5000 else "unavailable")


LIMITS = [
    (wire.HEART_RATE, wire.BEATS, 0, 500),
    (wire.SPO2, wire.PER_CENT, 0, 100),
    (0x4BB0, 0x0200, 0, 100),
    (wire.IMPEDANCE_RATE, wire.BREATHS, 0, 500),
    (0x50B0, wire.MMHG, 0, 300),
    (0x4A15, wire.MMHG, -100, 400),
    (0x4B48, 0x17A0, -20, 60),
]


@pytest.mark.parametrize(("physio_id", "unit", "low", "high"), LIMITS)
def test_a_value_that_cannot_be_is_none(physio_id, unit, low, high):
    for value in (low, high):
        (one,) = observations(wire.result(wire.single(physio_id, value & 0xFFFFFF, unit)))
        assert (one.value, one.quality) == (value, "valid")
    for value in (low - 1, high + 1):
        (one,) = observations(wire.result(wire.single(physio_id, value & 0xFFFFFF, unit)))
        assert (one.value, one.quality) == (None, "unavailable")


UNITS = {
    wire.BEATS: {wire.HEART_RATE, wire.IMPEDANCE_RATE},
    wire.BREATHS: {wire.HEART_RATE, wire.IMPEDANCE_RATE},
    wire.PER_CENT: {wire.SPO2, 0x4BB0},
    0x0200: {0x4BB0},
    wire.MMHG: {0x50B0, 0x4A15},
    wire.KPA: {0x50B0, 0x4A15},
    0x17A0: {0x4B48},
    0x1140: {0x4B48},
    0x0000: set(),
}


@pytest.mark.parametrize("unit", UNITS, ids="{:04X}".format)
def test_a_value_in_a_unit_that_is_not_its_own_is_none(unit):
    for physio_id, *_ in LIMITS:
        (one,) = observations(wire.result(wire.single(physio_id, 30, unit)))
        assert (one.value is not None) == (physio_id in UNITS[unit])


@pytest.mark.parametrize(
    ("mode", "words"), [(0x2000, "demonstration mode"), (0x1000, "service mode")]
)
def test_nothing_of_a_monitor_that_shows_no_patient_is_a_value(mode, words):
    decoder = Decoder()
    read(wire.created(mode=mode), decoder)
    found = observations(WORKED, decoder)
    assert {one.value for one in found} == {None}
    assert {one.remarks for one in found} == {(words,)}
    assert {one.source for one in found} == {Source.ECG, Source.SPO2, Source.IMPEDANCE, None}
    read(wire.created(), decoder)
    assert by_metric(WORKED, decoder)[Metric.HEART_RATE] == 72


# Rivals for one metric.

SPO2_OFF = wire.single(wire.SPO2_PULSE, wire.NAN, state=0x8001)
SPO2_ON = wire.single(wire.SPO2_PULSE, 70)
ANY_PULSE = wire.single(wire.PULSE, 71)
ANY_OFF = wire.single(wire.PULSE, wire.NAN, state=0x8000)
BY_SPO2, BY_ANY, NO_SPO2 = (70, Source.SPO2), (71, None), (None, Source.SPO2)


def pulses(frame, decoder):
    return [(one.value, one.source) for one in observations(frame, decoder)]


def test_a_rival_of_another_frame_of_the_same_answer_counts():
    decoder = Decoder()
    for rival, shown in ((SPO2_ON, BY_SPO2), (SPO2_OFF, NO_SPO2)):
        first = wire.result(rival, ticks=100, sequence_no=4, linked=(1, 1))
        second = wire.result(ANY_PULSE, ticks=100, sequence_no=4, linked=(3, 2))
        assert pulses(first + second, decoder) == [shown]


@pytest.mark.parametrize("then", [(), (SPO2_OFF,)], ids=["gone", "off"])
@pytest.mark.parametrize("after", [40_000, 40_001, -40_000, -40_001])
def test_a_rival_without_a_value_for_5_s_counts_no_more(after, then):
    decoder = Decoder()
    assert pulses(wire.result(SPO2_ON, ANY_PULSE, ticks=100_000), decoder) == [BY_SPO2]
    later = pulses(wire.result(ANY_PULSE, *then, ticks=100_000 + after), decoder)
    assert later == ([BY_ANY] if abs(after) > 40_000 else [NO_SPO2] * len(then))
    assert pulses(wire.result(ANY_PULSE, SPO2_ON, ticks=100_000 + after), decoder) == [BY_SPO2]


def test_a_rival_that_never_had_a_value_gives_way_at_once():
    decoder = Decoder()
    assert pulses(wire.result(SPO2_OFF), decoder) == [NO_SPO2]
    for _ in range(3):
        assert pulses(wire.result(ANY_PULSE) + wire.result(SPO2_OFF), decoder) == [BY_ANY]


def test_of_rivals_without_a_value_the_better_one_is_given():
    for objects in ((SPO2_OFF, ANY_OFF), (ANY_OFF, SPO2_OFF)):
        assert pulses(wire.result(*objects), Decoder()) == [NO_SPO2]


def test_the_order_inside_a_frame_does_not_matter():
    for objects in ((SPO2_OFF, ANY_PULSE), (ANY_PULSE, SPO2_OFF)):
        assert pulses(wire.result(*objects), Decoder()) == [BY_ANY]
    for objects in ((SPO2_ON, ANY_PULSE), (ANY_PULSE, SPO2_ON)):
        assert pulses(wire.result(*objects), Decoder()) == [BY_SPO2]


@pytest.mark.parametrize(
    ("ids", "metric"),
    [
        ((0x4822, 0x480A), Metric.PULSE_RATE),
        ((0x5012, 0x500A), Metric.RESP_RATE),
        ((0x4B60, 0x4B48, 0x4B64, 0x4B6C, 0xE004, 0x4B78, 0xE014), Metric.TEMPERATURE_1),
        ((0x4A15, 0x4A11), Metric.IBP1_SYSTOLIC),
        ((0x4A16, 0x4A12), Metric.IBP1_DIASTOLIC),
        ((0x4A17, 0x4A13), Metric.IBP1_MEAN),
    ],
)
def test_the_better_one_is_given(ids, metric):
    units = {Metric.PULSE_RATE: wire.BEATS, Metric.RESP_RATE: wire.BREATHS}
    units[Metric.TEMPERATURE_1] = 0x17A0
    objects = [
        wire.single(physio_id, 30 + rank, units.get(metric, wire.MMHG))
        for rank, physio_id in enumerate(ids)
    ]
    while objects:
        (one,) = observations(wire.result(*reversed(objects)))
        assert (one.metric, one.value) == (metric, 30 + len(ids) - len(objects))
        del objects[0]


# The monitor's clock.

AT_START = datetime.fromisoformat("2026-11-22T10:15")
HEART = wire.single(wire.HEART_RATE, 72)


def test_a_result_has_the_time_that_the_create_event_told():
    decoder = Decoder()
    read(wire.created(ticks=16_000), decoder)
    message = read(wire.result(HEART, ticks=16_000 + 12_345), decoder)
    assert message.polled_at == AT_START + timedelta(microseconds=12_345 * 125)
    assert {one.device_time for one in translate(message, NOW)} == {message.polled_at}


def test_the_running_clock_may_wrap():
    decoder = Decoder()
    read(wire.created(ticks=0xFFFFFFFF), decoder)
    assert read(wire.result(HEART, ticks=7_999), decoder).polled_at == AT_START + timedelta(
        seconds=1
    )


def test_the_clock_is_followed_for_longer_than_its_wrap():
    decoder = Decoder()
    read(wire.created(), decoder)
    step = 595 * 8000
    for count in range(1, 1200):
        message = read(wire.result(HEART, ticks=count * step % 2**32), decoder)
    assert message.polled_at == AT_START + timedelta(seconds=595 * 1199)


@pytest.mark.parametrize(
    ("step", "is_known"),
    [(4_800_000, True), (4_800_001, False), (-4_800_000, True), (-4_800_001, False)],
)
def test_a_clock_that_jumps_by_more_than_ten_minutes_is_another(step, is_known):
    decoder = Decoder()
    read(wire.created(ticks=10_000_000), decoder)
    jumped = read(wire.result(HEART, ticks=10_000_000 + step), decoder)
    assert (jumped.polled_at is not None) == is_known
    back = read(wire.result(HEART, ticks=10_000_000), decoder)
    assert (back.polled_at is not None) == is_known


def test_a_result_of_before_does_not_turn_the_clock_back():
    decoder = Decoder()
    read(wire.created(ticks=80_000), decoder)
    assert read(wire.result(HEART, ticks=72_000), decoder).polled_at == AT_START - timedelta(
        seconds=1
    )
    assert read(wire.result(HEART, ticks=88_000), decoder).polled_at == AT_START + timedelta(
        seconds=1
    )


@pytest.mark.parametrize(
    "clock", ["ff" * 8, "2026112299150000", "20261122101560 00", "2026002210150000",
              "1989112210150000", "2100112210150000", "202a112210150000", "0000000000000000"],
)  # fmt: skip
def test_digits_that_are_no_time_are_none(clock):
    decoder = Decoder()
    assert read(wire.created(clock=clock), decoder).clock is None
    assert read(wire.result(HEART), decoder).polled_at is None


# The cuff. Pressures as the raw FLOAT; the monitor's clock starts at 10:15:00.
A, B, BLANK = (121, 79, 93), (124, 80, 95), (wire.NAN,) * 3
AT_10, AT_12, AT_14 = (f"2026112210{minute}0000" for minute in (10, 12, 14))


class Bedside:
    """A decoder that is fed one result a second."""

    def __init__(self, *, knows_time=True):
        self.decoder = Decoder()
        self.ticks = 0
        if knows_time:
            read(wire.created(), self.decoder)

    def shows(self, *objects, after_s=1):
        self.ticks += 8000 * after_s
        return observations(wire.result(*objects, ticks=self.ticks), self.decoder)

    def news(self, pressures, taken_at=None, state=0, after_s=1):
        """What the result says of the cuff, in one word."""
        found = self.shows(wire.cuff(pressures, taken_at, state=state), after_s=after_s)
        assert len(found) in (0, 4)
        return (found[0].measurement_id or "none") if found else ""


def watched():
    """A bedside that has been looked at: what its cuff shows next was not there before."""
    bed = Bedside()
    assert bed.news(BLANK, state=0x2000) == "none"
    return bed


def test_systolic_comes_before_diastolic():
    assert [one.value for one in Bedside().shows(wire.cuff(A, AT_12))] == [121, 79, 93, None]


def test_a_reading_is_new_once():
    bed = Bedside()
    assert [bed.news(A, AT_12) for _ in range(5)] == ["n1", "", "", "", ""]


def test_a_reading_taken_anew_is_new_though_it_equals_the_last_one():
    bed = Bedside()
    assert [bed.news(A, at) for at in (AT_10, AT_10, AT_12, AT_12)] == ["n1", "", "n2", ""]


def test_a_changed_pressure_of_the_same_time_is_the_same_reading():
    bed = Bedside()
    assert [bed.news(*one) for one in ((A, AT_12), (B, AT_12), (A, AT_12))] == ["n1", "", ""]
    in_kpa = wire.cuff((0xFF0000A0, 0xFF00006B, 0xFF00007C), AT_12, unit=wire.KPA)
    assert bed.shows(in_kpa) == []


def test_a_changed_pressure_without_a_time_is_new():
    bed = watched()
    assert [bed.news(one) for one in (A, A, B, B)] == ["n1", "", "n2", ""]


@pytest.mark.parametrize("taken_at", [AT_12, None])
def test_a_part_that_goes_and_comes_back_is_no_news(taken_at):
    bed = watched()
    parts = (121, wire.NAN, 93)
    assert [bed.news(one, taken_at) for one in (A, parts, A)] == ["n1", "", ""]


@pytest.mark.parametrize("taken_at", ["2026112210150100", None])
def test_a_part_that_comes_late_is_told_with_the_reading_as_old_as_it_is(taken_at):
    bed = watched()
    assert bed.news((wire.NAN, wire.NAN, 93), taken_at) == "n1"
    found = bed.shows(wire.cuff(A, taken_at), after_s=7)
    assert [one.value for one in found] == [121, 79, 93, None]
    assert {one.measurement_id for one in found} == {"n1"}
    assert seen_at(found) == (8 if taken_at else 7)
    assert bed.news(A, taken_at) == ""


def test_the_same_values_after_a_blank_or_a_cycle_are_another_reading_where_no_time_is_told():
    bed = watched()
    told = [bed.news(*one) for one in ((A,), (BLANK, None, 0x8000), (A,), (A,))]
    assert told == ["n1", "none", "n2", ""]
    told = [bed.news(A, state=state) for state in (0x0020, 0x0020, 0, 0)]
    assert told == ["", "", "n3", ""]


@pytest.mark.parametrize("taken_at", [None, "2026112210150601"])
def test_what_was_there_before_us_is_not_told_where_nobody_knows_how_old_it_is(taken_at):
    bed = Bedside()
    assert [bed.news(A, taken_at) for _ in range(3)] == [""] * 3
    assert bed.news(BLANK, taken_at, 0x2000) == "none"
    assert bed.news(A, taken_at) == ("" if taken_at else "n1")
    assert bed.shows(wire.cuff_pulse(75), wire.cuff(A, taken_at))[1:] == []
    assert bed.news(B, AT_14) == ("n1" if taken_at else "n2")


def test_a_time_that_comes_late_makes_no_reading_of_its_own():
    bed = watched()
    assert [bed.news(A, at) for at in (None, AT_12, None, AT_12, AT_14)] == ["n1", "", "", "", "n2"]


@pytest.mark.parametrize(("after_s", "news"), [(180, "n1"), (181, "")])
def test_what_appeared_in_a_long_gap_is_not_told_either(after_s, news):
    assert watched().news(A, after_s=after_s) == news


def test_a_reading_in_another_state_is_the_same():
    bed = Bedside()
    told = [bed.news(A, AT_12, state) for state in (0, 0x4002, 0x0001, 0x0020)]
    assert told == ["n1", "", "", ""]


def test_a_mean_alone_is_not_the_systolic_alone():
    bed = watched()
    assert [bed.news((93, wire.NAN, wire.NAN)), bed.news((wire.NAN, wire.NAN, 93))] == ["n1", "n2"]


def test_pressures_without_a_time_are_not_judged_while_the_cuff_measures():
    bed = watched()
    assert [bed.news(A), bed.news(B, state=0x0020), bed.news(B)] == ["n1", "", "n2"]


def test_a_finished_reading_counts_although_the_cuff_still_deflates():
    bed = Bedside()
    assert [bed.news(A, AT_12, state=0x0020), bed.news(A, AT_12)] == ["", "n1"]
    told = [bed.news(B, at, state=0x0020) for at in (AT_12, None, AT_14, AT_14)]
    assert told == ["", "", "n2", ""]


def test_blank_pressures_are_told_once():
    bed = Bedside()
    assert [bed.news(BLANK, state=0x2000) for _ in range(3)] == ["none", "", ""]


def test_a_blank_after_a_reading_is_told_again():
    bed = Bedside()
    told = [bed.news(one, state=0x2000 if one is BLANK else 0) for one in (BLANK, A, BLANK)]
    assert told == ["none", "n1", "none"]


def test_each_cycle_that_leaves_a_blank_has_failed():
    bed = Bedside()
    told = [
        bed.news(BLANK, state=state)
        for state in (0x2000, 0x2020, 0x2020, 0x8000, 0x8000, 0x8020, 0x8000, 0x8000)
    ]
    assert told == ["none", "", "", "none", "", "", "none", ""]


def test_a_cycle_that_was_not_seen_to_run_has_failed_too():
    bed = Bedside()
    assert [bed.news(BLANK, state=s) for s in (0x2000, 0x8000, 0x2000)] == ["none", "none", ""]
    bed = Bedside()
    told = [bed.news(BLANK, at, 0x8000) for at in (AT_10, AT_10, AT_12, None)]
    assert told == ["none", "", "none", ""]


def test_a_blank_while_the_cuff_measures_is_no_failure():
    bed = Bedside()
    told = [
        bed.news(A, AT_12),
        bed.news(BLANK, state=0x2020),
        bed.news(B, AT_14),
        bed.news(B, AT_14),
    ]
    assert told == ["n1", "", "n2", ""]


def test_values_that_come_back_with_their_old_time_are_the_old_reading():
    bed = Bedside()
    assert [bed.news(A, AT_12), bed.news(BLANK, state=0x8000)] == ["n1", "none"]
    found = bed.shows(wire.cuff(A, AT_12), after_s=30)
    assert {one.measurement_id for one in found} == {"n1"}
    assert seen_at(found) == 180 + 32
    assert bed.news(A, AT_12) == ""


@pytest.mark.parametrize("ticks", [90_000_000, 0], ids=["far", "back"])
@pytest.mark.parametrize(("clock", "age_s"), [("2026112210320000", 1201), ("ff" * 8, None)])
def test_an_old_reading_after_a_jump_is_dated_by_its_time_or_not_told(clock, age_s, ticks):
    bed = Bedside()
    assert [bed.news(A, AT_12), bed.news(BLANK, state=0x8000)] == ["n1", "none"]
    bed.ticks = ticks
    read(wire.created(clock=clock, ticks=bed.ticks), bed.decoder)
    found = bed.shows(wire.cuff(A, AT_12))
    assert {one.measurement_id for one in found} == ({"n1"} if age_s else set())
    assert found == [] or seen_at(found) == age_s


def test_a_failed_cycle_is_four_observations_without_a_value_or_a_measurement():
    bed = Bedside()
    bed.news(A, AT_12)
    found = bed.shows(wire.cuff(BLANK, AT_14, state=0x8002))
    assert [(o.metric, o.value, o.quality, o.measurement_id, o.remarks) for o in found] == [
        *((f"nibp_{part}", None, "unavailable", None, ("invalid", "in alarm"))
          for part in ("systolic", "diastolic", "mean")),
        ("nibp_pulse", None, "unavailable", None, ()),
    ]  # fmt: skip
    assert {one.observed_at for one in found} == {NOW}


def test_a_compound_without_one_of_its_pressures_has_none_for_it():
    values = wire.listed(
        wire.numeric(wire.MEAN, 93, wire.MMHG), wire.numeric(wire.SYSTOLIC, 121, wire.MMHG)
    )
    found = watched().shows(wire.words(9) + wire.listed(wire.attribute(0x094B, values)))
    assert [one.value for one in found] == [121, None, 93, None]


def seen_at(found):
    (at,) = {one.observed_at for one in found}
    return (NOW - at).total_seconds()


def test_a_reading_is_dated_by_the_monitors_own_clock():
    found = Bedside().shows(wire.cuff(A, AT_12))
    assert seen_at(found) == 181
    assert {one.device_time for one in found} == {datetime.fromisoformat("2026-11-22T10:12")}


def test_a_reading_without_a_time_is_dated_when_it_came():
    found = watched().shows(wire.cuff(A))
    assert seen_at(found) == 0
    assert {one.device_time for one in found} == {AT_START + timedelta(seconds=2)}


def test_a_reading_whose_age_nobody_can_tell_is_dated_when_it_came():
    bed = Bedside(knows_time=False)
    bed.news(BLANK, state=0x2000)
    found = bed.shows(wire.cuff(A, AT_12))
    assert seen_at(found) == 0
    assert {one.device_time for one in found} == {datetime.fromisoformat("2026-11-22T10:12")}


@pytest.mark.parametrize(
    ("taken_at", "age_s"),
    [
        ("2026112210150600", 0),  # 5 s ahead: rounding
        ("2026111410150100", 8 * 86400),
        ("2026112210150075", 0.25),
    ],
)
def test_the_age_of_a_reading_that_was_there_before_us(taken_at, age_s):
    assert seen_at(Bedside().shows(wire.cuff(A, taken_at))) == age_s


@pytest.mark.parametrize(
    ("taken_at", "age_s"), [("2026112210120200", 180), ("2026112210120199", 0)]
)
def test_a_reading_that_was_not_there_a_second_ago_is_not_old(taken_at, age_s):
    """The wall clock was set while Vigil watched: nothing else puts an old time on a new value."""
    bed = Bedside()
    bed.news(BLANK, state=0x2000)
    assert seen_at(bed.shows(wire.cuff(A, taken_at))) == age_s


@pytest.mark.parametrize(("after_s", "age_s"), [(10, 0), (11, 3072)])
def test_a_reading_after_a_gap_may_be_old(after_s, age_s):
    bed = Bedside()
    bed.news(BLANK, state=0x2000)
    found = bed.shows(wire.cuff(A, "2026112209240000"), after_s=after_s)
    assert seen_at(found) == (age_s and 51 * 60 + 1 + after_s)


PULSE_NEWS = [
    pytest.param(None, AT_12, [74], id="without a time"),
    pytest.param(AT_12, AT_12, [74], id="of the same time"),
    pytest.param(AT_10, AT_12, [], id="of another cycle"),
    pytest.param(AT_14, None, [74], id="of a reading without a time"),
]


@pytest.mark.parametrize(("pulse_at", "taken_at", "values"), PULSE_NEWS)
def test_the_cuffs_pulse_of_the_same_result_is_part_of_the_reading(pulse_at, taken_at, values):
    bed = watched()
    found = bed.shows(wire.cuff_pulse(74, pulse_at), wire.cuff(A, taken_at))
    assert [one.value for one in found] == [121, 79, 93, *(values or [None])]
    assert {one.measurement_id for one in found} == {"n1"}


@pytest.mark.parametrize("linked", [(1, 1), (3, 2)])
def test_the_cuffs_pulse_may_stand_in_another_frame_of_the_answer(linked):
    bed = Bedside()
    frames = [
        wire.result(obj, ticks=8000, sequence_no=1, linked=linked)
        for obj in (wire.cuff_pulse(74), wire.cuff(A, AT_12))
    ]
    found = observations(frames[0], bed.decoder) + observations(frames[1], bed.decoder)
    assert [one.value for one in found] == [121, 79, 93, 74]
    bed = Bedside()
    assert len(observations(frames[1], bed.decoder)) == 4
    (late,) = observations(frames[0], bed.decoder)
    assert (late.metric, late.value, late.measurement_id) == (Metric.NIBP_PULSE, 74, "n1")
    assert (late.device_time, late.observed_at) == (
        datetime.fromisoformat("2026-11-22T10:12"),
        NOW - timedelta(seconds=181),
    )
    assert observations(frames[0], bed.decoder) == []


def test_a_pulse_of_an_earlier_result_is_not_the_new_readings():
    bed = watched()
    bed.shows(wire.cuff_pulse(74))
    assert [one.value for one in bed.shows(wire.cuff(A))] == [121, 79, 93, None]
    assert bed.shows(wire.cuff_pulse(75, AT_10)) == []


def test_a_pulse_that_comes_before_the_next_reading_is_not_the_last_ones():
    bed = Bedside()
    bed.shows(wire.cuff(A, AT_12))
    assert bed.shows(wire.cuff_pulse(77)) == []
    found = bed.shows(wire.cuff(B, AT_14), after_s=0)
    assert [(one.value, one.measurement_id) for one in found][3] == (77, "n2")


def test_a_pulse_of_the_readings_own_time_may_come_in_any_result():
    bed = Bedside()
    bed.shows(wire.cuff(A, AT_12))
    (late,) = bed.shows(wire.cuff_pulse(77, AT_12), after_s=5)
    assert (late.value, late.measurement_id, seen_at([late])) == (77, "n1", 186)


def test_a_pulse_without_a_number_is_waited_for_and_one_without_a_reading_is_nothing():
    bed = Bedside()
    assert bed.shows(wire.cuff_pulse(74)) == []
    bed.shows(wire.cuff(A, AT_12))
    assert bed.shows(wire.cuff_pulse(wire.NAN, state=0x8000), wire.cuff(A, AT_12)) == []
    (late,) = bed.shows(wire.cuff_pulse(75), wire.cuff(A, AT_12))
    assert (late.value, late.measurement_id) == (75, "n1")


def test_a_late_pulse_is_no_older_than_its_reading():
    bed = Bedside()
    bed.news(BLANK, state=0x2000)
    assert seen_at(bed.shows(wire.cuff(A, AT_10))) == 0
    assert seen_at(bed.shows(wire.cuff_pulse(74), wire.cuff(A, AT_10), after_s=9)) == 9


def test_a_failed_cycle_ends_the_wait_for_a_pulse():
    bed = Bedside()
    bed.shows(wire.cuff(A, AT_12))
    bed.shows(wire.cuff(BLANK, state=0x8000))
    assert bed.shows(wire.cuff_pulse(75)) == []


# Talk: bytes and numbers. The monitor's messages:
ACCEPT = read(FRAMES["association response"])
REFUSE = read(FRAMES["refuse"])
ABORTED = read(FRAMES["abort by the monitor"])
RELEASED = read(FRAMES["release response"])
ASKS_RELEASE = read(FRAMES["release request by the monitor"])
CREATED = read(FRAMES["MDS create event, six attributes"])
RESULT = read(wire.result(HEART, sequence_no=5))
SINGLE_RESULT = read(wire.result(HEART))
PART = read(wire.result(HEART, linked=(1, 1)))
ALERTS = read(FRAMES["no alerts"])
ALERTS_AGAIN = read(
    FRAMES["alerts of an extended poll: a yellow patient alarm, two technical ones"]
)
ALIVE = read(FRAMES["the answer to a keep-alive"])

# And ours:
ASK = REQUESTS["abort"] + REQUESTS["association request, 1 s, MTU 1000, numerics"]
CONFIRM = REQUESTS["MDS create result"]
RELEASE = REQUESTS["release request"]


def numerics(invoke_id, active_s=60):
    return poll_request(invoke_id, 1, 0x06, 0x0803, active_s)


def alerts(invoke_id, active_s=60):
    return poll_request(invoke_id, 2, 0x36, 0x0801, active_s)


def alive(invoke_id):
    return poll_request(invoke_id, 3, 0x36, 0x0811)


@pytest.mark.parametrize(
    "vector", [v for v in wire.VECTORS["requests"] if v["asks"] == "poll"], ids=lambda v: v["name"]
)
def test_polls_in_the_bytes_that_monitors_answer(vector):
    keys = ("invoke_id", "poll_number", "object", "group", "active_s")
    assert poll_request(*(vector.get(key) for key in keys)) == bytes.fromhex(vector["hex"])


def test_confirms_in_the_bytes_that_monitors_take():
    (vector,) = (v for v in wire.VECTORS["requests"] if v["asks"] == "create result")
    assert create_result(vector["invoke_id"], vector["event_time"]) == bytes.fromhex(vector["hex"])


def polling(now_s=0.0):
    """A Talk that polls since ``now_s``."""
    talk = Talk()
    talk.opening(now_s)
    talk.heard(ACCEPT, now_s)
    assert talk.heard(CREATED, now_s) == CONFIRM + numerics(1) + alerts(2)
    return talk


def said(talk, until_s, heard=lambda s: ()):
    """What a link that asks ten times a second sends, as (s, bytes); ``heard``: messages at s."""
    found = []
    for tenth in range(round(until_s * 10)):
        now_s = tenth / 10
        sent = b"".join(talk.heard(message, now_s) for message in heard(now_s))
        due, next_s = talk.due(now_s)
        assert next_s > now_s
        if sent + due:
            found.append((now_s, sent + due))
    return found


def every_second(*messages):
    return lambda now_s: messages if now_s == int(now_s) else ()


def test_says_nothing_on_a_closed_port():
    talk = Talk()
    assert talk.due(5.0) == (b"", float("inf"))
    assert [talk.heard(m, 6.0) for m in (ACCEPT, CREATED, ABORTED, ASKS_RELEASE)] == [b""] * 4
    assert talk.closing() == b""
    assert talk.interval_s == 1


def test_opens_with_an_abort_and_asks_until_the_monitor_answers():
    talk = Talk()
    assert talk.opening(0.0) == ASK
    assert [s for s, sent in said(talk, 40) if sent == ASK] == [2, 4, 6, 8, 19, 21, 23, 25, 27, 38]


def test_an_association_ends_the_count_of_requests():
    talk = Talk()
    talk.opening(0.0)
    said(talk, 7)
    talk.heard(CREATED, 7.0)
    sent = [s for s, b in said(talk, 34) if s > 7 and b == ASK]
    assert sent == [13, 15, 17, 19, 21, 32]


def test_confirms_what_the_monitor_says_of_itself_and_polls():
    talk = Talk()
    talk.opening(0.0)
    assert talk.heard(ACCEPT, 1.0) == b""
    assert talk.due(5.0) == (b"", 13.0)
    assert talk.heard(CREATED, 6.0) == CONFIRM + numerics(1) + alerts(2)


def test_a_lost_response_does_no_harm():
    talk = Talk()
    talk.opening(0.0)
    assert talk.heard(CREATED, 1.0) == CONFIRM + numerics(1) + alerts(2)


def test_confirms_again_when_the_monitor_repeats_itself():
    talk = polling()
    assert talk.heard(CREATED, 3.0) == CONFIRM + numerics(3) + alerts(4)


def test_starts_anew_when_the_monitor_never_describes_itself():
    talk = Talk()
    talk.opening(0.0)
    talk.heard(ACCEPT, 1.0)
    assert said(talk, 14) == [(13.0, ASK)]


def test_renews_extended_polls_before_they_end():
    sent = said(polling(), 130, every_second(RESULT, ALERTS_AGAIN))
    renewed = [(s, b) for s, b in sent if b[-20:] != alive(0)[-20:] and len(b) > 50]
    assert [s for s, _ in renewed] == [40, 80, 120]
    assert renewed[0][1][:56] == numerics(int.from_bytes(renewed[0][1][13:15], "big"))


def test_keeps_itself_alive_while_only_results_come():
    sent = said(polling(), 13, every_second(RESULT, ALERTS_AGAIN))
    assert sent == [(4.0, alive(3)), (8.0, alive(4)), (12.0, alive(5))]


def test_asks_again_for_results_that_stay_away():
    talk = polling()
    sent = said(talk, 5, lambda s: [RESULT, ALERTS_AGAIN] if s == 1 else [ALIVE])
    assert sent == [(3.5, numerics(3) + alerts(4))]


def test_a_monitor_without_extended_polls_is_polled_every_second():
    talk = polling()

    def monitor(now_s):
        """Answers single polls, 0.1 s later, in two frames."""
        if now_s < 2.5:
            return [ALIVE]
        return [ALERTS, PART, SINGLE_RESULT] if round(now_s * 10) % 10 == 6 else []

    sent = said(talk, 8, monitor)
    assert [(s, b) for s, b in sent if b.startswith(numerics(3, None)[:10])] == sent
    assert sent[:4] == [
        (2.5, numerics(3, None) + alerts(4, None)),
        (3.5, numerics(5, None)),
        (4.5, numerics(6, None) + alerts(7, None)),
        (5.5, numerics(8, None)),
    ]


def test_a_single_poll_is_answered_by_its_last_part():
    talk = polling()
    talk.heard(ALIVE, 2.0)
    talk.due(2.5)
    talk.heard(PART, 2.6)
    assert talk.due(4.9)[0] == b""
    assert talk.due(5.0)[0] == numerics(5, None) + alerts(6, None)


def test_an_error_turns_extended_polls_into_single_ones_at_once():
    talk = polling()
    assert talk.heard(Refusal(1, 1, 9), 0.5) == b""
    assert talk.due(0.5)[0] == numerics(3, None)
    talk.heard(Refusal(1, 2, 9), 0.6)
    assert talk.due(0.6)[0] == alerts(4, None)
    talk.heard(Refusal(1, 3, 9), 0.7)
    talk.heard(Refusal(1, 77, 9), 0.7)
    assert talk.due(0.7)[0] == b""


@pytest.mark.parametrize(("grants", "active_s"), [(0x80000000, 60), (0x0E000000, None), (None, 60)])
def test_asks_for_what_the_monitor_grants(grants, active_s):
    talk = Talk()
    talk.opening(0.0)
    talk.heard(Association(1, Step.RESPONSE, grants), 0.0)
    assert talk.heard(CREATED, 0.0) == CONFIRM + numerics(1, active_s) + alerts(2)


def test_associates_anew_after_6_s_of_silence():
    sent = said(polling(), 9, lambda s: [RESULT, ALERTS_AGAIN] if s == 1 else ())
    assert sent == [
        (3.5, numerics(3) + alerts(4)),
        (6.0, numerics(5) + alerts(6)),
        (7.0, ASK),
    ]


def test_associates_anew_when_a_talking_monitor_gives_no_numbers():
    sent = said(polling(), 21, every_second(ALIVE, ALERTS_AGAIN))
    assert [s for s, b in sent if b == ASK] == [20.0]


def test_a_refusal_is_waited_out_longer_each_time():
    talk = Talk()
    talk.opening(0.0)
    now_s, waits = 0.0, []
    for _ in range(6):
        assert talk.heard(REFUSE, now_s) == b""
        _, next_s = talk.due(now_s)
        waits.append(next_s - now_s)
        now_s = next_s
        assert talk.due(now_s - 0.1)[0] == b""
        assert talk.due(now_s)[0] == ASK
    assert waits == [11, 11, 22, 45, 135, 135]


def test_a_second_refusal_of_the_same_time_counts_once():
    talk = Talk()
    talk.opening(0.0)
    talk.heard(REFUSE, 0.0)
    talk.heard(REFUSE, 1.0)
    assert talk.due(2.0) == (b"", 11.0)


@pytest.mark.parametrize("stage", ["configuring", "polling"])
def test_a_refusal_of_a_repeated_request_ends_nothing(stage):
    talk = Talk()
    talk.opening(0.0)
    talk.heard(ACCEPT, 0.0)
    if stage == "polling":
        talk.heard(CREATED, 0.0)
    talk.heard(REFUSE, 0.1)
    assert talk.closing() == (RELEASE if stage == "polling" else REQUESTS["abort"])


def test_an_abort_is_answered_by_another_association_later_each_time():
    talk, waits, now_s = polling(), [], 0.0
    for _ in range(5):
        assert talk.heard(ABORTED, now_s) == b""
        waits.append(talk.due(now_s)[1] - now_s)
        now_s += waits[-1]
        assert talk.due(now_s)[0] == ASK
    assert waits == [1, 2, 5, 10, 10]
    talk.heard(CREATED, 30.0)
    talk.heard(RESULT, 31.0)
    talk.heard(ABORTED, 32.0)
    assert talk.due(33.0)[0] == ASK


@pytest.mark.parametrize(
    ("message", "apart_s"), [(ABORTED, 5), (ABORTED, 0.5), (ASKS_RELEASE, 0.5)]
)
def test_a_stream_of_endings_does_not_put_off_the_next_request_for_ever(message, apart_s):
    talk = Talk()
    talk.opening(0.0)
    asked = [
        s for s, b in said(talk, 120, lambda s: [message] if s % apart_s == 0 else []) if ASK in b
    ]
    assert len(asked) >= 8
    assert max(b - a for a, b in pairwise(asked)) <= 15


def test_an_abort_does_not_lengthen_the_wait_of_a_refusal_and_may_shorten_it():
    talk = Talk()
    talk.opening(0.0)
    talk.heard(REFUSE, 0.0)
    talk.heard(ABORTED, 10.5)
    assert talk.due(10.9) == (b"", 11.0)
    assert talk.due(11.0)[0] == ASK


def test_numbers_of_an_association_that_is_not_ours_forgive_nothing():
    talk = Talk()
    talk.opening(0.0)
    for count in range(3):
        talk.heard(REFUSE, 100.0 * count)
        talk.heard(RESULT, 100.0 * count)
        talk.due(100.0 * count + 99)
    talk.heard(REFUSE, 300.0)
    assert talk.due(300.0)[1] == 345.0


def test_a_monitor_that_asks_for_release_gets_it_and_is_asked_anew():
    talk = polling()
    assert talk.heard(ASKS_RELEASE, 1.0) == REQUESTS["release response"]
    assert talk.due(1.9) == (b"", 2.0)
    assert talk.due(2.0)[0] == ASK


def test_a_release_that_was_not_asked_for_is_followed_by_a_request():
    talk = polling()
    assert talk.heard(RELEASED, 1.0) == b""
    assert talk.due(2.0)[0] == ASK


def test_a_late_answer_to_an_old_release_is_none_to_a_request():
    talk = Talk()
    talk.opening(0.0)
    talk.heard(RELEASED, 0.1)
    assert talk.due(1.9) == (b"", 2.0)


def test_releases_what_is_associated_and_aborts_what_is_half_so():
    assert polling().closing() == RELEASE
    talk = Talk()
    talk.opening(0.0)
    assert talk.closing() == REQUESTS["abort"]
    assert talk.due(99.0) == (b"", float("inf"))
    assert talk.opening(100.0) == ASK
    assert talk.heard(ACCEPT, 100.0) == b""
    assert talk.closing() == REQUESTS["abort"]
    assert talk.closing() == b""


def test_one_talk_outlives_many_ports():
    talk = polling()
    assert talk.opening(50.0) == ASK
    assert talk.due(51.0) == (b"", 52.0)
    talk.heard(ACCEPT, 52.0)
    assert talk.heard(CREATED, 52.0).startswith(CONFIRM)


@given(st.randoms(use_true_random=False))
def test_whatever_a_monitor_says_it_is_asked_for_an_association_in_the_end(rng: random.Random):
    """No order of its messages leaves Talk waiting for ever, or without a word for 140 s."""
    talk, now_s = Talk(), 0.0
    talk.opening(now_s)
    messages = [
        ACCEPT,
        REFUSE,
        ABORTED,
        RELEASED,
        ASKS_RELEASE,
        CREATED,
        RESULT,
        PART,
        ALERTS,
        ALIVE,
    ]
    for _ in range(40):
        now_s += rng.choice([0.0, 0.1, 1.0, 7.0])
        talk.heard(rng.choice(messages), now_s)
        due, next_s = talk.due(now_s)
        assert now_s < next_s <= now_s + 135
    deadline_s = now_s + 140
    while (due := talk.due(now_s))[0] != ASK:
        now_s = due[1]
        assert now_s < deadline_s
