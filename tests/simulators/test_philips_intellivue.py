"""Does the simulated IntelliVue say what public captures and quotes of the guide say?

Frames are taken apart here once more, with a frame check of their own, bit by bit.
"""

from __future__ import annotations

import math
import struct
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators import philips_intellivue as philips
from simulators import philips_objects as objects
from simulators import philips_wire as wire
from simulators.displayed import Cuff, CuffReading, Displayed, Module, RateSource
from simulators.philips_objects import Machine, Mode
from simulators.philips_wire import Profile
from simulators.registry import MONITORS

VECTORS = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "philips_intellivue.toml").read_text()
)

# The whole request of a public client (VSCaptureMP) with long lengths and two optional packages; a
# real monitor answered it with the response of the vectors.
PRESENTATION = """
    3180a0808001010000a280a003000001a480308002010106045201000130800602510100000000308002
    0102060c2a8648ce14020100000001013080060c2a8648ce140201000000020100000000000061803080
    020101a0806080a180060c2a8648ce14020100000003010000be802880060c2a8648ce14020100000001
    0102010281"""
PUBLIC_REQUEST = bytes.fromhex(
    "0dff0128 0508130100160102800014020002 c1ff0116"
    + PRESENTATION
    + """
    820080 80000000 40000000 00000000 80000000 20000000 00000000 00020064
    00010028 80000000 00000fa0 000005b0 000005b0 ffffffff 60000000
    0001000c f0010008 8e000000 00000000
    01020034 00060030 0001002100000001 00010006000000c9 000100090000003c
    0001000500000010 0001002a00000001 0001003600000001
    00000000000000000000000000000000"""
)
# The shortest one, with short lengths: 1 s, MTU 1000, numerics.
SHORT_REQUEST = bytes.fromhex(
    "0dec 0508130100160102800014020002 c1dc"
    + PRESENTATION
    + """
    48 80000000 40000000 00000000 80000000 20000000 00000000 0001002c
    00010028 80000000 00001f40 000003e8 000003e8 ffffffff 60000000
    0001000c f0010008 80000000 00000000
    00000000000000000000000000000000"""
)
# The 17 attributes of a monitor, as a public Python client quotes them; its identifier and the name
# of its bed are ours.
REAL_MDS = bytes.fromhex("""
    001100f4 09840008 00060009fb000001 09860004 0001114d 091d0002 001f
    09280012 00085068696c697073000006 4d38303030 00 09480004 00010000 09370008 063206320001000b
    09460002 4000 090d0002 0002 09350002 0002 09820002 0002 090c0002 012c
    f1fa0014 000100100001000c 0006ffffffff0006ffffffff 09a70002 0006
    091e0024 0022 0043004800410049005200310000 0000000000000000000000000000000000000000
    09870008 2018071714174500 098f0004 01995000
    09850034 000100300102002c 00050028 0001002100000001 00010006000000c9 000100090000003c
    0001002a00000001 0001003600000001""")

NUMERICS, WAVES, ALERTS, PATIENT, MONITOR = 0x0006, 0x0009, 0x0036, 0x002A, 0x0021
VALUES, ALERT_GROUP, STATIC, DYNAMIC, ALL = 0x0803, 0x0801, 0x0811, 0x0810, 0x0000
BEAT_S = 1.024
NAN = 0x007FFFFF


def check(content: bytes) -> int:
    """CRC-16/X-25, by its definition."""
    crc = 0xFFFF
    for byte in content:
        for bit in range(8):
            crc = crc >> 1 ^ (0x8408 if (crc ^ byte >> bit) & 1 else 0)
    return crc ^ 0xFFFF


def framed(message: bytes) -> bytes:
    content = b"\x11\x01" + len(message).to_bytes(2, "big") + message
    content += check(content).to_bytes(2, "little")
    for byte in (0x7D, 0xC0, 0xC1):
        content = content.replace(bytes([byte]), bytes([0x7D, byte ^ 0x20]))
    return b"\xc0" + content + b"\xc1"


def messages(data: bytes) -> list[bytes]:
    """What is in a stream of sound frames; fails on anything else."""
    found = []
    while data:
        raw, end, data = data.partition(b"\xc1")
        assert end
        assert raw[0] == 0xC0
        first, *rest = raw[1:].split(b"\x7d")
        content = first + b"".join(bytes([part[0] ^ 0x20]) + part[1:] for part in rest)
        assert content[:2] == b"\x11\x01"
        assert int.from_bytes(content[2:4], "big") == len(content) - 6
        assert int.from_bytes(content[-2:], "little") == check(content[:-2])
        found.append(content[4:-2])
    return found


@dataclass
class Result:
    """One poll result, taken apart."""

    ro_type: int
    link: tuple[int, int] | None
    invoke_id: int
    poll_number: int
    sequence: int | None
    ticks: int
    asked: tuple[int, int, int]
    found: dict[tuple[int, int], dict[int, bytes]]
    size: int


def attributes(content: bytes) -> tuple[dict[int, bytes], bytes]:
    """An attribute list, and what follows it."""
    count, length = struct.unpack_from(">HH", content)
    body, rest, found = content[4 : 4 + length], content[4 + length :], {}
    for _ in range(count):
        oid, size = struct.unpack_from(">HH", body)
        found[oid], body = body[4 : 4 + size], body[4 + size :]
    assert body == b""
    return found, rest


def result(message: bytes) -> Result:
    session, context, ro_type, length = struct.unpack_from(">HHHH", message)
    assert (session, context, length) == (0xE100, 2, len(message) - 8)
    rest, link = message[8:], None
    if ro_type == 5:
        link, rest = (rest[0], rest[1]), rest[2:]
    invoke_id, command, length = struct.unpack_from(">HHH", rest)
    assert (command, length) == (7, len(rest) - 6)
    assert rest[6:12] == bytes.fromhex("002100000000")
    kind, length = struct.unpack_from(">HH", rest, 12)
    body, sequence = rest[16:], None
    assert length == len(body)
    poll_number, body = struct.unpack_from(">H", body)[0], body[2:]
    if kind == 0xF13B:
        sequence, body = struct.unpack_from(">H", body)[0], body[2:]
    ticks, absolute, *asked = struct.unpack_from(">I8sHHH", body)
    assert absolute == b"\xff" * 8
    count, length = struct.unpack_from(">HH", body, 18)
    body, found = body[22:], {}
    assert length == len(body)
    for _ in range(count):
        mds_context, entries, _length = struct.unpack_from(">HHH", body)
        body = body[6:]
        for _ in range(entries):
            handle = struct.unpack_from(">H", body)[0]
            found[mds_context, handle], body = attributes(body[2:])
    assert body == b""
    return Result(
        ro_type, link, invoke_id, poll_number, sequence, ticks, tuple(asked), found, len(message)
    )


def results(data: bytes) -> list[Result]:
    return [result(message) for message in messages(data)]


def number(raw: int) -> float | None:
    exponent, mantissa = struct.unpack(">bxxx", struct.pack(">I", raw))[0], raw & 0xFFFFFF
    if mantissa == 0x7FFFFF:
        return None
    return (mantissa - (mantissa >> 23 << 24)) * 10.0**exponent


def readings(one: Result) -> dict[int, tuple[int, int, float | None]]:
    """State, unit and value of each number, by its physiological identifier."""
    found = {}
    for attrs in one.found.values():
        raw = attrs.get(0x0950, b"") + attrs.get(0x094B, b"")[4:]
        for physio_id, state, unit, value in struct.iter_unpack(">HHHI", raw):
            found[physio_id] = (state, unit, number(value))
    return found


def request(command: int, argument: bytes, invoke_id: int = 9) -> bytes:
    head = struct.pack(">HHH", invoke_id, command, len(argument))
    return framed(struct.pack(">HHHH", 0xE100, 2, 1, len(head + argument)) + head + argument)


def action(kind: int, data: bytes, *, mds: str = "002100000000", scope: int = 0, **how) -> bytes:
    head = bytes.fromhex(mds) + struct.pack(">IHH", scope, kind, len(data))
    return request(7, head + data, **how)


def poll(
    object_class: int = NUMERICS, group: int = VALUES, active_s: float | None = None, **how
) -> bytes:
    """A poll with number 4; an extended one where it runs for ``active_s``."""
    data = struct.pack(">HHHH", 4, 1, object_class, group)
    if active_s is None:
        return action(0x0C16, data, **how)
    data += struct.pack(">HHHHI", 1, 8, 0xF13E, 4, int(active_s * 8000))
    return action(0xF13B, data, **how)


def confirmation(invoke_id: int = 1) -> bytes:
    argument = bytes.fromhex("002100000000 000abd00 0d06 0000")  # a stale time, as a client sends
    head = struct.pack(">HHH", invoke_id, 1, len(argument))
    return framed(struct.pack(">HHHH", 0xE100, 2, 2, len(head + argument)) + head + argument)


RELEASE = framed(wire.RELEASE_REQUEST)
ABORT = framed(wire.ABORT)
SCREEN = Displayed(
    heart_rate_bpm=72,
    ecg_rate_bpm=72,
    impedance_resp_rpm=16,
    spo2_pct=97.0,
    pulse_bpm=73,
    pleth_modulation_pct=2.35,
    temperature_c=36.7,
    cuff=Cuff(reading=CuffReading(systolic_mmhg=121, diastolic_mmhg=79, mean_mmhg=93), age_s=180.0),
)


def monitor(showing: Displayed | Callable[[float], Displayed] = SCREEN, **how: Any):
    screen = (lambda _t_s: showing) if isinstance(showing, Displayed) else showing
    return philips.Monitor(screen, **how)


def associated(
    showing: Displayed | Callable[[float], Displayed] = SCREEN,
    *,
    asked: bytes = PUBLIC_REQUEST,
    t_s: float = 0.0,
    **how: Any,
) -> philips.Monitor:
    bedside = monitor(showing, **how)
    bedside.heard(framed(asked), t_s)
    assert bedside.heard(confirmation(), t_s) == b""
    return bedside


def shown(screen: Displayed, **how: Any) -> dict[int, tuple[int, int, float | None]]:
    (one,) = results(associated(screen, **how).heard(poll(), 0))
    return readings(one)


def lived(bedside: philips.Monitor, from_s: float, to_s: float) -> list[tuple[float, bytes]]:
    """What the monitor sends by itself, asked only when it says that something is due."""
    sent, t_s = [], from_s
    while t_s <= to_s:
        data, next_s = bedside.due(t_s)
        sent += [(round(t_s, 3), message) for message in messages(data)]
        assert next_s > t_s
        t_s = next_s
    return sent


# Frames and vectors


@pytest.mark.parametrize(
    "vector", VECTORS["frames"] + VECTORS["mixed"], ids=lambda vector: vector["name"]
)
def test_writes_the_vectors_byte_for_byte(vector):
    if "values" in vector:
        assert philips.vector_frame(vector["values"]) == bytes.fromhex(vector["hex"])


def test_reads_and_writes_the_requests_of_the_vectors():
    wanted = {one["name"]: bytes.fromhex(one["hex"]) for one in VECTORS["requests"]}
    assert framed(SHORT_REQUEST) == wanted["association request, 1 s, MTU 1000, numerics"]
    asked = Profile(min_poll_period=8000, mtu_receive=1000, mtu_transmit=1000, extension=0x80000000)
    assert wire.association_request(asked) == SHORT_REQUEST
    assert wire.read_association_request(SHORT_REQUEST) == asked


@pytest.mark.parametrize(
    "words",
    [
        {"kind": "gossip"},
        {"kind": "refuse", "why": 1},
        {
            "kind": "numerics",
            "invoke_id": 1,
            "poll_number": 1,
            "relative_time": 0,
            "group": 0x0803,
            "objects": [{"shows": "heart_rate", "handle": 1, "valeu": 72}],
        },
    ],
    ids=["kind", "key", "key of an object"],
)
def test_a_misspelt_word_of_a_vector_is_refused(words):
    with pytest.raises(ValueError, match="vector"):
        philips.vector_frame(words)


def test_the_frame_check_is_that_of_ppp():
    assert wire.fcs(b"123456789") == 0x906E
    assert check(b"123456789") == 0x906E


@given(st.binary(min_size=1, max_size=300))
def test_framing_brings_every_byte_through_and_keeps_its_marks_for_itself(content):
    sent = wire.frame(content)
    assert sent == framed(content)
    assert not {0xC0, 0xC1} & set(sent[1:-1])
    assert messages(sent) == [content]
    assert wire.Unframer().feed(sent) == [content]


@pytest.mark.parametrize(
    ("value", "decimals", "written"),
    [
        (72, 0, "00000048"),
        (36.7, 1, "ff00016f"),
        (97.5, 1, "ff0003cf"),
        (-1.5, 1, "fffffff1"),
        (16.0, 1, "ff0000a0"),
        (2.345, 2, "fe0000eb"),
        (None, 1, "007fffff"),
        ("nres", 0, "00800000"),
        ("-inf", 0, "00800002"),
    ],
)
def test_a_number_is_mantissa_and_exponent(value, decimals, written):
    assert wire.number(value, decimals) == bytes.fromhex(written)


# Association


def test_answers_a_public_client_with_the_bytes_of_the_real_monitor():
    response, event = messages(monitor().heard(framed(PUBLIC_REQUEST), 0))
    real = next(one for one in VECTORS["frames"] if one["name"] == "association response")
    assert framed(response) == bytes.fromhex(real["hex"])
    assert event[:4] == bytes.fromhex("e1000002")


@pytest.mark.parametrize("li", [1, 3])
@pytest.mark.parametrize("asn", [1, 2, 3])
def test_every_form_of_a_length_is_understood(li, asn):
    asked = wire.association_request(Profile(), li=li, asn=asn)
    assert len(asked) == 238 + 2 * (li - 1) + asn - 1
    assert messages(monitor().heard(framed(asked), 0))[0][0] == 0x0E


def test_what_is_agreed_is_what_both_can_do():
    response, _ = messages(monitor().heard(framed(SHORT_REQUEST), 0))
    profile = response[response.index(bytes.fromhex("be80288002010281")) + 8 + 1 + 24 + 8 :]
    assert struct.unpack_from(">IIIIII", profile) == (
        0x80000000, 8000, 996, 996, 0xFFFFFFFF, 0x60000000,
    )  # fmt: skip
    assert profile[24:40] == bytes.fromhex("0001000c f0010008 80000000 00000000")


def test_a_small_client_is_promised_no_more_than_it_can_hold():
    asked = wire.association_request(Profile(mtu_receive=400, mtu_transmit=1456))
    response, _ = messages(monitor().heard(framed(asked), 0))
    assert bytes.fromhex("000003e4 00000190") in response


def test_a_client_that_asks_for_everything_is_granted_what_there_is():
    asked = wire.association_request(Profile(extension=0xFFFFFFFF, options=0xFFFFFFFF))
    response, _ = messages(monitor().heard(framed(asked), 0))
    assert bytes.fromhex("60000000 0001000c f0010008 8e000000 00000000") in response


@pytest.mark.parametrize("extension", [None, 0x08000000])
def test_without_a_period_of_numerics_there_are_no_extended_polls(extension):
    asked = wire.association_request(Profile(extension=extension))
    bedside = associated(asked=asked)
    assert messages(bedside.heard(poll(active_s=60), 1)) == [
        bytes.fromhex("e1000002 0003 0006 0009 0009 0000")
    ]
    assert len(results(bedside.heard(poll(), 1))) == 1


@pytest.mark.parametrize(
    "asked",
    [
        wire.association_request(Profile(mtu_receive=299)),
        wire.association_request(Profile(mtu_transmit=100)),
        SHORT_REQUEST.replace(bytes.fromhex("8000000020000000"), bytes.fromhex("0080000020000000")),
        SHORT_REQUEST.replace(bytes.fromhex("4880000000"), bytes.fromhex("4840000000")),
        SHORT_REQUEST.replace(bytes.fromhex("00010028"), bytes.fromhex("00020028")),
        SHORT_REQUEST[:170],
        b"\x0d",
        b"\x0d\x00" + bytes(200),
    ],
    ids=[
        "receives too little", "sends too little", "is no client", "another version",
        "no poll profile", "cut off", "one byte", "zeros",
    ],
)  # fmt: skip
def test_what_cannot_be_agreed_on_is_refused(asked):
    bedside = monitor()
    assert messages(bedside.heard(framed(asked), 0)) == [b"\x0c"]
    assert bedside.due(1) == (b"", math.inf)
    assert len(messages(bedside.heard(framed(SHORT_REQUEST), 1))) == 2


def test_an_mtu_of_300_is_enough():
    asked = wire.association_request(Profile(mtu_receive=300, mtu_transmit=300))
    assert messages(monitor().heard(framed(asked), 0))[0][0] == 0x0E


def test_a_second_association_is_refused_and_does_not_keep_the_first_alive():
    bedside = associated(refusal=b"\x0c\x03")
    for t_s in (2.0, 4.0, 6.0, 8.0, 9.9):
        assert messages(bedside.heard(framed(SHORT_REQUEST), t_s)) == [b"\x0c\x03"]
    abort, response, event = messages(bedside.heard(framed(SHORT_REQUEST), 10.0))
    assert (abort, response[0], event[0]) == (wire.ABORT, 0x0E, 0xE1)


def test_the_mds_create_event_has_the_attributes_of_a_real_one():
    machine = Machine(bed_label="CHAIR1")
    moment = datetime(2018, 7, 17, 14, 17, 45, tzinfo=UTC).timestamp()
    found = objects.mds_attributes(machine, ticks=0x01995000, now_unix_s=moment, association=31)
    assert wire.attribute_list(found) == REAL_MDS


def test_the_event_carries_both_clocks_of_its_moment():
    begin = datetime(2026, 11, 22, 10, 15, tzinfo=UTC).timestamp()
    bedside = monitor(begin_unix_s=begin, uptime_s=3600, first_invoke_id=5)
    _, event = messages(bedside.heard(framed(PUBLIC_REQUEST), 30.5))
    assert event[4:14] == bytes.fromhex("0001 0112 0005 0001 010c")
    assert event[14:28] == struct.pack(">HHHIHH", 0x21, 0, 0, 29_044_000, 0x0D06, 254)
    found, rest = attributes(event[34:])
    assert rest == b""
    assert len(event) == 282  # as of a real one
    assert found[0x0987] == bytes.fromhex("2026112210153000")
    assert found[0x098F] == struct.pack(">I", 29_044_000)
    assert found[0x0946] == b"\x40\x00"
    assert found[0x091E][2:].decode("utf-16-be").rstrip("\0") == "CHAIR 1"


def test_the_relative_time_wraps_after_six_days():
    bedside = associated(uptime_s=2**32 / 8000 - 1)
    (one,) = results(bedside.heard(poll(), 2.05))
    assert one.ticks == 16384 - 8000


def test_associations_are_numbered():
    bedside = monitor()
    for number_of in (1, 2, 3):
        _, event = messages(bedside.heard(ABORT + framed(SHORT_REQUEST), 0))
        assert attributes(event[34:])[0][0x091D] == struct.pack(">H", number_of)


def test_an_unanswered_event_comes_three_times_more_then_the_association_ends():
    bedside = monitor()
    _, event = messages(bedside.heard(framed(PUBLIC_REQUEST), 5.0))
    assert lived(bedside, 5.0, 60) == [
        (8.0, event), (11.0, event), (14.0, event), (15.0, wire.ABORT),
    ]  # fmt: skip


def test_polls_are_answered_before_the_event_is_but_do_not_replace_its_answer():
    bedside = monitor()
    bedside.heard(framed(PUBLIC_REQUEST), 0)
    assert len(results(bedside.heard(poll(), 1))) == 1
    bedside.heard(confirmation(invoke_id=2), 1)  # of no event
    assert [t_s for t_s, _ in lived(bedside, 1, 60)] == [3.0, 6.0, 9.0, 10.0]


def test_a_silent_client_is_aborted_after_ten_seconds():
    bedside = associated()
    bedside.heard(poll(ALERTS, STATIC), 4.0)
    assert lived(bedside, 4.0, 60) == [(14.0, wire.ABORT)]
    assert bedside.heard(poll(), 15.0) == b""


@pytest.mark.parametrize(
    ("period_s", "timeout_s"), [(0.1, 10), (3.29, 10), (3.3, 9.9), (10, 30), (43, 129), (44, 130)]
)
def test_how_long_a_client_may_be_silent_follows_its_period(period_s, timeout_s):
    asked = wire.association_request(Profile(min_poll_period=round(period_s * 8000)))
    ((ended_s, message),) = lived(associated(asked=asked), 0, 200)
    assert message == wire.ABORT
    assert ended_s == pytest.approx(timeout_s)


def test_a_release_is_honoured_once_the_event_is_confirmed():
    bedside = monitor()
    bedside.heard(framed(PUBLIC_REQUEST), 0)
    assert bedside.heard(RELEASE, 1) == b""
    bedside.heard(confirmation(), 2)
    assert messages(bedside.heard(RELEASE, 3)) == [wire.RELEASE_RESPONSE]
    assert bedside.due(100) == (b"", math.inf)
    assert bedside.heard(RELEASE, 101) == b""


def test_an_abort_ends_it_at_any_time_and_the_next_client_is_welcome():
    bedside = monitor()
    for _ in range(3):
        assert len(messages(bedside.heard(ABORT + framed(SHORT_REQUEST), 0))) == 2
    bedside.heard(confirmation() + poll(active_s=60), 1)
    assert bedside.heard(ABORT, 1.02) == b""
    assert bedside.due(100) == (b"", math.inf)


def test_nothing_is_said_to_who_has_no_association():
    assert monitor().heard(confirmation() + poll() + poll(active_s=60) + RELEASE, 0) == b""


# Polls


def test_a_single_poll_is_answered_once_with_the_numbers_of_the_last_update():
    asked_at = []
    bedside = associated(lambda t_s: asked_at.append(t_s) or SCREEN, uptime_s=1.0)
    (one,) = results(bedside.heard(poll(invoke_id=0x7DC0), 5.0))
    assert (one.ro_type, one.invoke_id, one.poll_number, one.sequence) == (2, 0x7DC0, 4, None)
    assert one.ticks == 8000 + 4 * 8192
    assert one.asked == (1, 0x0006, 0x0803)
    assert asked_at == [4 * BEAT_S]
    assert readings(one) == {
        0x4182: (0, 0x0AA0, 72),
        0x4BB8: (0, 0x0220, 97),
        0x4822: (0, 0x0AA0, 73),
        0x4BB0: (0, 0x0200, pytest.approx(2.35)),
        0x500A: (0, 0x0AE0, 16),
        0x4A05: (0, 0x0F20, 121),
        0x4A06: (0, 0x0F20, 79),
        0x4A07: (0, 0x0F20, 93),
        0xF0E5: (0x2000, 0x0AA0, None),
        0x4B48: (0, 0x17A0, pytest.approx(36.7)),
    }
    assert bedside.due(6)[0] == b""


def test_the_values_stand_as_in_the_worked_result():
    (message,) = messages(associated().heard(poll(), 0))
    for part in (
        "82cf 0001000e 0950000a 4182 0000 0aa0 00000048",
        "8400 0001000e 0950000a 4bb8 0000 0220 ff0003ca",
        "8406 0001000e 0950000a 4822 0000 0aa0 00000049",
        "82d6 0001000e 0950000a 500a 0000 0ae0 00000010",
        "094b0022 0003001e 4a05 0000 0f20 00000079 4a06 0000 0f20 0000004f 4a07 0000 0f20 0000005d",
        "8300 0001000e 0950000a 4b48 0000 17a0 ff00016f",
    ):
        assert bytes.fromhex(part) in message


def test_an_extended_poll_sends_by_itself_every_1024_ms_and_counts():
    bedside = associated()
    (first,) = results(bedside.heard(poll(active_s=6), 0.1))
    assert (first.sequence, first.ticks) == (0, 0)
    sent = [(t_s, result(message)) for t_s, message in lived(bedside, 0.1, 9.9)]
    assert [t_s for t_s, _ in sent] == pytest.approx([n * BEAT_S for n in range(1, 6)], abs=1e-3)
    assert [one.sequence for _, one in sent] == [1, 2, 3, 4, 5]
    assert [one.ticks for _, one in sent] == [8192 * n for n in range(1, 6)]
    assert all(one.invoke_id == 9 and one.poll_number == 4 for _, one in sent)


def test_a_poll_that_is_renewed_in_time_has_no_gap_and_goes_on_under_its_new_name():
    bedside = associated()
    bedside.heard(poll(active_s=5), 0)
    before = lived(bedside, 0.5, 4.4)
    assert bedside.heard(poll(active_s=5, invoke_id=10), 4.5) == b""
    after = lived(bedside, 4.5, 9.0)
    ticks = [result(message).ticks for _, message in before + after]
    assert ticks == [8192 * n for n in range(1, 9)]
    assert [result(message).sequence for _, message in after] == [0, 1, 2, 3]
    assert {result(message).invoke_id for _, message in after} == {10}


def test_a_client_that_asks_every_second_gets_no_more_than_one_result_a_second():
    bedside = associated()
    sent = []
    for t_s in range(30):
        sent += messages(bedside.heard(poll(active_s=30), t_s))
        sent += [message for _, message in lived(bedside, t_s, t_s + 0.99)]
    assert len(sent) == 30


@pytest.mark.parametrize("active_s", [0, 0.3])
def test_a_poll_too_short_for_a_second_result_is_answered_each_time(active_s):
    bedside = associated()
    for t_s in (0.1, 0.5, 1.2, 1.3):
        data = bedside.heard(poll(active_s=active_s), t_s)
        assert [one.sequence for one in results(data)] == [0]
    assert bedside.due(5)[0] == b""


def test_numbers_and_alerts_may_be_extended_side_by_side():
    bedside = associated()
    sent = results(bedside.heard(poll(active_s=60) + poll(ALERTS, ALERT_GROUP, 60), 0))
    sent += [result(message) for _, message in lived(bedside, 0, 3.0)]
    assert [one.asked[1] for one in sent] == [NUMERICS, ALERTS] * 3


def test_after_a_pause_the_missed_results_are_gone_and_the_sequence_shows_it():
    bedside = associated()
    bedside.heard(poll(active_s=60), 0)
    data, next_s = bedside.due(5.2)
    (one,) = results(data)
    assert (one.sequence, one.ticks) == (5, 5 * 8192)
    assert next_s == pytest.approx(6 * BEAT_S)


def test_the_sequence_number_wraps():
    poll_of = wire.Poll(invoke_id=1, poll_number=1, object_class=6, group=0x0803, is_extended=True)
    (message,) = wire.poll_results(poll_of, [], ticks=2**32 + 5, sequence=65536 + 7, mtu=996)
    assert (result(message).sequence, result(message).ticks) == (7, 5)


def test_a_keep_alive_is_short():
    (one,) = results(associated().heard(poll(ALERTS, STATIC), 0))
    assert one.found == {(0, 1): {0x0921: b"\x00\x01", 0x092F: b"\x00\x01\x00\x36"}}


def test_all_groups_name_every_number():
    (one,) = _whole(ALL)
    heart = one.found[1, 0x82CF]
    assert heart[0x0921] == b"\x82\xcf"
    assert heart[0x092F] == b"\x00\x01\x00\x06"
    assert heart[0x0924] == bytes.fromhex("00024182")
    assert heart[0x0927] == b"\x00\x06" + "HR\0".encode("utf-16-be")
    assert heart[0x093F][:4] == bytes.fromhex("00002000")
    assert 0x0950 in heart


def _whole(group: int, screen: Displayed = SCREEN) -> list[Result]:
    """The answer to one poll as if it had come in one piece."""
    chain = results(associated(screen).heard(poll(group=group), 0))
    found = {key: attrs for one in chain for key, attrs in one.found.items()}
    return [replace(chain[0], found=found)]


@pytest.mark.parametrize(
    ("group", "oids"),
    [
        (VALUES, {0x0950}),
        (STATIC, {0x0921, 0x092F, 0x093F}),
        (DYNAMIC, {0x0924, 0x0927, 0x0917, 0x0911}),
    ],
)
def test_a_group_has_its_own_attributes_only(group, oids):
    (one,) = _whole(group)
    assert set(one.found[1, 0x82CF]) == oids


def test_all_groups_of_an_extended_poll_begin_with_context_then_give_it_in_turns():
    bedside = associated()
    first = results(bedside.heard(poll(group=ALL, active_s=60), 0))
    assert all(0x0927 in attrs for one in first for attrs in one.found.values())
    assert not any(readings(one) for one in first)
    for n in range(1, 5):
        sent = results(bedside.due(n * BEAT_S)[0])
        found = {key: attrs for one in sent for key, attrs in one.found.items()}
        assert len(found) == 8
        assert sum(0x0927 in attrs for attrs in found.values()) == 1
        assert all(0x0924 in attrs and 0x0921 in attrs for attrs in found.values())
        assert any(0x4182 in readings(one) for one in sent)


def test_a_reply_longer_than_the_mtu_is_linked_and_an_empty_result_ends_it():
    asked = wire.association_request(Profile(mtu_receive=300, mtu_transmit=300))
    for group, pieces in ((VALUES, 1), (ALL, 3)):
        chain = results(associated(asked=asked).heard(poll(group=group), 0))
        if pieces == 1:
            (one,) = chain
            assert (one.ro_type, one.link) == (2, None)
            continue
        *linked, last = chain
        assert len(linked) >= 3
        states = [1] + [2] * (len(linked) - 2) + [3]
        counts = range(1, len(linked) + 1)
        assert [one.link for one in linked] == list(zip(states, counts, strict=True))
        assert all(one.ro_type == 5 and one.found for one in linked)
        assert (last.ro_type, last.found) == (2, {})
        assert all(one.size <= 300 for one in chain)
        assert len({(one.invoke_id, one.poll_number, one.ticks) for one in chain}) == 1
        assert len({key for one in linked for key in one.found}) == 8


def test_two_pieces_are_the_first_and_the_last():
    poll_of = wire.Poll(invoke_id=1, poll_number=1, object_class=6, group=0x0803)
    two = [wire.PolledObject(0, handle, [(0x0950, bytes(400))]) for handle in (1, 2)]
    chain = wire.poll_results(poll_of, two, ticks=0, sequence=0, mtu=500)
    assert [result(message).link for message in chain] == [(1, 1), (3, 2), None]


def test_a_gas_module_has_a_context_of_its_own_with_the_same_handles():
    fitted = frozenset({Module.ECG, Module.CO2})
    screen = replace(
        SCREEN,
        fitted=fitted,
        attached=fitted,
        etco2_pct=5.0,
        fico2_pct=0.1,
        co2_resp_rpm=14,
        ambient_mmhg=760.0,
    )
    (one,) = results(associated(screen).heard(poll(), 0))
    assert set(one.found) == {(1, 0x82CF), (1, 0x82D6), (0, 0x82CF), (0, 0x82D2), (0, 0x82D6)}
    found = readings(one)
    assert found[0x50B0] == (0, 0x0F20, 38)
    assert found[0x50BA] == (0, 0x0F20, 1)
    assert found[0x5012] == (0, 0x0AE0, 14)
    assert found[0x500A] == (0, 0x0AE0, 16)


def test_waves_are_asked_for_in_vain():
    bedside = associated()
    (one,) = results(bedside.heard(poll(WAVES, VALUES, 60), 0))
    assert (one.sequence, one.found) == (0, {})
    assert bedside.due(5)[0] == b""


def test_nobody_is_admitted_unless_somebody_is():
    (one,) = results(associated().heard(poll(PATIENT, 0x0807), 0))
    empty = one.found[0, 0x0050]
    # The reply that a public client quotes has these 22 attributes in 180 bytes.
    assert b"".join(struct.pack(">H", oid) for oid in empty) == bytes.fromhex(
        "0921 0957 0a1a f001 0962 0a1e 095d 095f 095c 095a f2e1 f129 f12a 0961 0958 09d8 09dc 09df"
        "0956 f1ec f2e2 f2e3"
    )
    assert sum(4 + len(value) for value in empty.values()) == 180
    assert empty[0x0957] == b"\x00\x00"
    patient = objects.Demographics(family_name="Müller", patient_id="4711")
    bedside = associated(machine=Machine(patient=patient))
    (one,) = results(bedside.heard(poll(PATIENT, ALL), 0))
    admitted = one.found[0, 0x0050]
    assert admitted[0x0957] == b"\x00\x02"
    assert admitted[0x095C] == b"\x00\x0e" + "Müller\0".encode("utf-16-be")
    assert admitted[0x095A] == b"\x00\x0a" + "4711\0".encode("utf-16-be")


@pytest.mark.parametrize(
    ("group", "has", "lacks"),
    [(0x080A, 0x091E, 0x0984), (0x080B, 0x0984, 0x091E), (0x080C, 0x092D, 0x0984)],
)
def test_the_monitor_tells_of_itself_by_groups(group, has, lacks):
    (one,) = results(associated().heard(poll(MONITOR, group), 0))
    assert has in one.found[0, 0]
    assert lacks not in one.found[0, 0]


# Bad requests


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        (poll(mds="000600000000"), 0),
        (poll(mds="002100010000"), 1),
        (poll(mds="002100000007"), 1),
        (poll(scope=1), 16),
        (action(0x0C17, bytes(8)), 9),
        (poll(0x0007), 15),
        (poll(NUMERICS, 0x0801), 15),
        (poll(ALERTS, VALUES), 15),
        (action(0x0C16, struct.pack(">HHHH", 4, 2, NUMERICS, VALUES)), 15),
        (action(0x0C16, bytes(6)), 15),
        (action(0x0C16, b""), 15),
        (request(1, bytes.fromhex("002100000000") + bytes(8)), 2),
    ],
    ids=[
        "class", "context", "handle", "scope", "action", "object", "group of numerics",
        "group of alerts", "partition", "short", "empty", "event report",
    ],
)  # fmt: skip
def test_a_sound_request_that_cannot_be_fulfilled_gets_an_error(asked, error):
    bedside = associated()
    expected = bytes.fromhex("e1000002 0003 0006 0009") + struct.pack(">HH", error, 0)
    assert messages(bedside.heard(asked, 1)) == [expected]


def test_a_request_that_lacks_its_scope_is_ignored_as_by_a_real_monitor():
    data = struct.pack(">HHHH", 4, 1, NUMERICS, VALUES)
    argument = bytes.fromhex("002100000000") + struct.pack(">HH", 0x0C16, len(data)) + data
    assert associated().heard(request(7, argument), 1) == b""
    period = struct.pack(">HHHHI", 1, 8, 0xF13E, 4, 480_000)
    data += period
    argument = bytes.fromhex("002100000000") + struct.pack(">HH", 0xF13B, len(data)) + data
    assert associated().heard(request(7, argument), 1) == b""


def test_the_list_of_waves_is_empty_as_a_real_monitor_answered():
    argument = bytes.fromhex("002100000000 00000000 00010002 f23a")
    assert messages(associated().heard(request(3, argument, invoke_id=0), 1)) == [
        bytes.fromhex("e1000002 00020018 0000 0003 0012 002100000000 0001 0008 f23a0004 00000000")
    ]


def test_an_attribute_that_there_is_not_is_a_list_of_errors():
    argument = bytes.fromhex("002100000000 00000000 00010002 f12a")
    assert messages(associated().heard(request(3, argument), 1)) == [
        bytes.fromhex("e1000002 00030014 0009 0007 000e 002100000000 00010004 0005 f12a")
    ]
    argument = bytes.fromhex("002100000000 00000000 00010006 0000 f12a 0000")
    (answer,) = messages(associated().heard(request(5, argument), 1))
    assert answer[8:12] == bytes.fromhex("0009 0008")


def test_a_client_may_choose_its_numbers_and_unknown_ones_are_left_out():
    bedside = associated()
    ids = bytes.fromhex("0003 000c 00024822 00021234 00024182")
    change = bytes.fromhex("0000 f239") + len(ids).to_bytes(2, "big") + ids
    argument = bytes.fromhex("002100000000 00000000 0001") + len(change).to_bytes(2, "big") + change
    (answer,) = messages(bedside.heard(request(5, argument), 1))
    assert answer[8:14] == bytes.fromhex("0009 0005 001a")
    assert answer[20:] == bytes.fromhex("00010010 f239000c 0002 0008 00024822 00024182")
    (one,) = results(bedside.heard(poll(), 1))
    assert list(readings(one)) == [0x4822, 0x4182]
    back = bytes.fromhex("002100000000 00000000 00010006 0003 f239 0000")
    assert bedside.heard(request(4, back), 1) == b""  # an unconfirmed set
    (one,) = results(bedside.heard(poll(), 1))
    assert len(readings(one)) == 10


@given(st.lists(st.binary(max_size=200), max_size=8))
def test_noise_before_a_request_costs_nothing_but_itself(noise):
    bedside = associated()
    for piece in noise:
        bedside.heard(piece, 0)
    assert len(results(bedside.heard(poll(), 0))) == 1


@given(st.binary(min_size=1, max_size=120), st.integers(0, 60))
def test_no_sound_frame_of_nonsense_makes_it_raise(nonsense, at):
    bedside = associated()
    asked = messages(poll(active_s=60))[0]
    bedside.heard(framed(nonsense), 0)
    bedside.heard(framed(asked[:at] + nonsense + asked[at + len(nonsense) :]), 0)
    bedside.heard(framed(b"\x0d" + nonsense) + framed(SHORT_REQUEST[:at] + nonsense), 0)
    bedside.due(5)


def test_a_request_with_any_one_bit_turned_over_is_ignored():
    asked = poll()
    bedside = associated()
    for bit in range(8 * len(asked)):
        damaged = bytearray(asked)
        damaged[bit // 8] ^= 1 << bit % 8
        assert bedside.heard(bytes(damaged) + b"\xc1", 0) == b"", f"bit {bit}"


def test_a_request_is_understood_however_it_is_split():
    bedside, asked = associated(), poll(invoke_id=0xC0C1)
    sent = [bedside.heard(bytes([byte]), 0) for byte in asked]
    assert [len(messages(data)) for data in sent] == [0] * (len(asked) - 1) + [1]


def test_a_new_begin_drops_the_frame_before_and_an_escaped_end_aborts_it():
    asked = poll()
    assert len(messages(associated().heard(asked[:20] + asked, 0))) == 1
    assert associated().heard(asked[:-1] + b"\x7d\xc1", 0) == b""


def test_a_frame_without_an_end_is_forgotten():
    bedside = associated()
    for _ in range(100):
        bedside.heard(b"\xc0" + bytes(10_000), 0)
    assert len(bedside._unframer._frame or b"") < 10_000
    assert len(messages(bedside.heard(poll(), 0))) == 1


# What the screen becomes


def test_a_sensor_that_is_off_has_no_number_and_says_so():
    none = Displayed(is_lead_off=True)
    found = shown(none)
    assert found[0x4182] == (0x8000, 0x0AA0, None)
    assert found[0x500A] == (0x8000, 0x0AE0, None)
    assert found[0x4BB8] == (0x8000, 0x0220, None)  # as in a real capture, and the next two
    assert found[0x4822] == (0x8001, 0x0AA0, None)
    assert found[0x4A05] == (0x2000, 0x0F20, None)
    assert found[0x4B48] == (0x8000, 0x17A0, None)


def test_a_sensor_that_is_not_plugged_in_is_unavailable():
    found = shown(replace(Displayed(), attached=frozenset()))
    assert {state for state, _, _ in found.values()} == {0x2000}


def test_a_module_that_is_not_fitted_has_no_object():
    fitted = frozenset({Module.SPO2})
    assert set(shown(replace(SCREEN, fitted=fitted))) == {0x4BB8, 0x4822, 0x4BB0}


def test_the_rate_of_the_pulse_is_never_called_the_hearts():
    screen = replace(
        SCREEN, heart_rate_bpm=73, heart_rate_source=RateSource.SPO2, ecg_rate_bpm=None
    )
    assert shown(screen)[0x4182] == (0x8000, 0x0AA0, None)
    assert shown(screen)[0x4822] == (0, 0x0AA0, 73)


def test_noise_makes_a_number_questionable():
    found = shown(replace(SCREEN, is_ecg_noisy=True, is_pulse_noisy=True))
    assert [found[one][0] for one in (0x4182, 0x500A, 0x4BB8, 0x4822)] == [0x4000] * 4
    assert found[0x4182][2] == 72


def test_the_arterial_line_is_one_compound_value():
    fitted = frozenset({Module.PRESSURE_1})
    screen = Displayed(
        fitted=fitted,
        attached=fitted,
        pressure_1_systolic_mmhg=121.0,
        pressure_1_diastolic_mmhg=79.0,
        pressure_1_mean_mmhg=None,
    )
    found = shown(screen)
    assert found == {
        0x4A15: (0, 0x0F20, 121),
        0x4A16: (0, 0x0F20, 79),
        0x4A17: (0x8000, 0x0F20, None),
    }


def test_a_clinic_may_have_chosen_kilopascal_and_fahrenheit():
    found = shown(SCREEN, machine=Machine(has_kpa=True, has_fahrenheit=True))
    assert found[0x4A05] == (0, 0x0F03, pytest.approx(16.1))
    assert found[0x4B48] == (0, 0x1140, pytest.approx(98.1))


def taken_at(one: Result) -> bytes:
    return one.found[1, 0x8272][0x0990]


def test_a_cuff_reading_says_when_it_was_taken_and_keeps_that_time():
    begin = datetime(2026, 11, 22, 10, 0, tzinfo=UTC).timestamp()

    def screen(t_s: float) -> Displayed:
        return replace(SCREEN, cuff=replace(SCREEN.cuff, age_s=t_s - 30.0))

    bedside = associated(screen, begin_unix_s=begin, t_s=100.0)
    for t_s in (100.0, 105.0, 109.0):
        (one,) = results(bedside.heard(poll(), t_s))
        assert taken_at(one) == bytes.fromhex("2026112210003000")


def test_a_cuff_that_measures_keeps_the_old_reading_and_a_failed_cycle_takes_it():
    reading = CuffReading(systolic_mmhg=121, diastolic_mmhg=79, mean_mmhg=93)
    begin = datetime(2026, 11, 22, 10, 0, tzinfo=UTC).timestamp()

    def screen(t_s: float) -> Displayed:
        if t_s < 5:
            return replace(SCREEN, cuff=Cuff())
        if t_s < 10:
            return replace(SCREEN, cuff=Cuff(is_measuring=True))
        if t_s < 20:
            cuff = Cuff(reading=reading, age_s=t_s - 10, is_measuring=t_s >= 15)
            return replace(SCREEN, cuff=cuff)
        return replace(SCREEN, cuff=Cuff(age_s=t_s - 10))

    bedside = associated(screen, begin_unix_s=begin)
    seen = []
    for t_s in (1.1, 6.2, 11.3, 16.4, 20.5, 25.0):
        (one,) = results(bedside.heard(poll(), t_s))
        state, _, value = readings(one)[0x4A05]
        seen.append((state, value, taken_at(one).hex()[8:14]))
    assert seen == [
        (0x2000, None, "ffffff"),
        (0x2020, None, "ffffff"),
        (0x0000, 121, "100010"),
        (0x0020, 121, "100010"),
        (0x8000, None, "100020"),
        (0x8000, None, "100020"),
    ]


def test_a_mean_alone_leaves_the_other_two_unavailable():
    screen = replace(SCREEN, cuff=Cuff(reading=CuffReading(mean_mmhg=93), age_s=5.0))
    found = shown(screen)
    assert [found[one][0] for one in (0x4A05, 0x4A06, 0x4A07)] == [0x2000, 0x2000, 0]


@pytest.mark.parametrize(
    ("mode", "code", "state", "value"),
    [
        (Mode.MONITORING, 0x4000, 0, 72),
        (Mode.DEMO, 0x2000, 0x0400, 72),
        (Mode.SERVICE, 0x1000, 0x0800, 72),
        (Mode.STANDBY, 0x0002, 0x2000, None),
        (Mode.CONFIGURING, 0x0001, 0x2000, None),
    ],
)
def test_the_mode_of_the_monitor_marks_every_number(mode, code, state, value):
    bedside = monitor(machine=Machine(mode=mode))
    _, event = messages(bedside.heard(framed(PUBLIC_REQUEST), 0))
    assert attributes(event[34:])[0][0x0946] == struct.pack(">H", code)
    (one,) = results(bedside.heard(poll(), 0))
    assert readings(one)[0x4182] == (state, 0x0AA0, value)


# Alerts


@dataclass
class Entry:
    source: int
    code: int
    kind: int
    state: int
    place: tuple[int, int, int]
    instance: int
    priority: int
    text: str


def alarm_list(raw: bytes) -> list[Entry]:
    count, length = struct.unpack_from(">HH", raw)
    assert length == len(raw) - 4
    raw, found = raw[4:], []
    for _ in range(count):
        source, code, kind, state, *place, info_id, length = struct.unpack_from(">9H", raw)
        info, raw = raw[18 : 18 + length], raw[18 + length :]
        instance, text_id, priority, _, size = struct.unpack_from(">HIHHH", info)
        assert (info_id, text_id, size) == (0x0204, 0x00020000 + source, length - 12)
        text = info[12:].decode("utf-16-be").rstrip("\0")
        found.append(Entry(source, code, kind, state, tuple(place), instance, priority, text))
    assert raw == b""
    return found


def alerts(bedside: philips.Monitor, t_s: float = 0.0) -> tuple[tuple, list[Entry], list[Entry]]:
    """The condition, the patient's alarms and the technical ones."""
    (one,) = results(bedside.heard(poll(ALERTS, ALERT_GROUP), t_s))
    attrs = one.found[0, 1]
    assert list(attrs) == [0x0916, 0x0902, 0x0904]
    condition = struct.unpack(">5H", attrs[0x0916])
    return condition, alarm_list(attrs[0x0902]), alarm_list(attrs[0x0904])


def test_a_calm_patient_has_no_alerts():
    assert alerts(associated()) == ((0, 0, 0, 0, 0), [], [])


def test_a_low_saturation_is_an_alarm_and_marks_its_number():
    screen = replace(SCREEN, spo2_pct=84.0)
    bedside = associated(screen)
    condition, patient, technical = alerts(bedside)
    assert condition == (0, 1, 0x0200, 0, 0x0200)
    assert technical == []
    assert patient == [
        Entry(0x4BB8, 62, 0x0200, 8, (6, 1, 0x8400), 1, 2, "\ue40d\ue40dSpO₂ 84.0<90.0")
    ]
    assert shown(screen)[0x4BB8] == (0x0002, 0x0220, 84)
    condition, patient, _ = alerts(bedside, 1.1)
    assert (condition[1], patient[0].state, patient[0].instance) == (1, 0, 1)  # no longer new


@pytest.mark.parametrize(
    ("changed", "code", "kind", "text"),
    [
        ({"heart_rate_bpm": 121}, 40, 0x0200, "**HR 121>120"),
        ({"heart_rate_bpm": 49}, 62, 0x0200, "**HR 49<50"),
        ({"heart_rate_bpm": 141}, 3122, 0x0400, "***TACHY 141>140"),
        ({"heart_rate_bpm": 39}, 3086, 0x0400, "***BRADY 39<40"),
        ({"spo2_pct": 79.9}, 3246, 0x0400, "***DESAT 79.9<80.0"),
        ({"impedance_resp_rpm": 7}, 62, 0x0200, "**RR 7<8"),
        ({"impedance_resp_rpm": 0}, 3072, 0x0400, "***APNEA"),
        (
            {"cuff": Cuff(reading=CuffReading(systolic_mmhg=161), age_s=1.0)},
            40, 0x0200, "**NBPs 161>160",
        ),
    ],
)  # fmt: skip
def test_each_limit_has_its_alarm(changed, code, kind, text):
    _, (one,), _ = alerts(associated(replace(SCREEN, **changed)))
    assert (one.code, one.kind, one.text.replace("\ue40d", "*")) == (code, kind, text)


@pytest.mark.parametrize(
    "changed", [{"heart_rate_bpm": 120}, {"heart_rate_bpm": 50}, {"spo2_pct": 90.0}]
)
def test_a_number_on_its_limit_is_no_alarm(changed):
    assert alerts(associated(replace(SCREEN, **changed)))[1] == []


def test_limits_follow_the_unit_of_the_screen():
    screen = replace(SCREEN, cuff=Cuff(reading=CuffReading(systolic_mmhg=180), age_s=1.0))
    _, (one,), _ = alerts(associated(screen, machine=Machine(has_kpa=True)))
    assert one.text == "\ue40d\ue40dNBPs 24.0>21.3"


def test_the_monitor_complains_of_its_sensors():
    bedside = associated(Displayed(is_lead_off=True, cuff=Cuff(age_s=60.0)))
    condition, patient, technical = alerts(bedside)
    assert condition == (0, 1, 0, 0x0001, 0x0001)
    assert patient == []
    assert [(one.source, one.code, one.text) for one in technical] == [
        (0x4182, 274, "ECG LEADS OFF"),
        (0x4BB8, 442, "SpO₂ NON-PULSAT."),
        (0x4A04, 356, "NBP MEASURE FAILED"),
    ]
    assert [one.place for one in technical] == [(6, 1, 0x82CF), (6, 1, 0x8400), (6, 1, 0x8272)]
    assert [one.instance for one in technical] == [1, 2, 3]
    noisy = replace(SCREEN, is_ecg_noisy=True, is_pulse_noisy=True)
    assert [one.code for one in alerts(associated(noisy))[2]] == [74, 74]
    assert alerts(associated(replace(noisy, fitted=frozenset())))[2] == []


def test_the_red_alarm_stands_before_the_yellow_one_and_decides_the_sound():
    screen = replace(SCREEN, heart_rate_bpm=130, spo2_pct=75.0, is_pulse_noisy=True)
    condition, patient, technical = alerts(associated(screen))
    assert [one.kind for one in patient] == [0x0400, 0x0200]
    assert condition == (0, 1, 0x0400, 0x0001, 0x0400)
    assert len(technical) == 1


def test_the_counter_counts_changes_and_an_alert_that_comes_back_is_new():
    def screen(t_s: float) -> Displayed:
        return replace(SCREEN, heart_rate_bpm=130 if 2 < t_s < 4 or t_s > 6 else 72)

    bedside = associated(screen)
    seen = [alerts(bedside, t_s) for t_s in (1.1, 3.2, 3.5, 5.2, 7.2)]
    assert [condition[1] for condition, _, _ in seen] == [0, 1, 1, 2, 3]
    assert [[one.state for one in patient] for _, patient, _ in seen] == [[], [8], [0], [], [8]]
    assert [one.instance for _, patient, _ in seen for one in patient] == [1, 1, 2]


def test_in_standby_nothing_alarms_and_in_demo_the_alarm_says_so():
    screen = replace(SCREEN, spo2_pct=84.0, is_lead_off=True)
    assert alerts(associated(screen, machine=Machine(mode=Mode.STANDBY)))[1:] == ([], [])
    _, (one,), _ = alerts(associated(screen, machine=Machine(mode=Mode.DEMO)))
    assert one.state == 0x0108


def test_more_alerts_than_fit_lose_the_least_important():
    screen = Displayed(
        heart_rate_bpm=150,
        spo2_pct=70.0,
        impedance_resp_rpm=0,
        is_ecg_noisy=True,
        is_pulse_noisy=True,
        cuff=Cuff(age_s=3.0),
    )
    asked = wire.association_request(Profile(mtu_receive=300, mtu_transmit=300))
    bedside = associated(screen, asked=asked)
    (message,) = messages(bedside.heard(poll(ALERTS, ALERT_GROUP), 0))
    assert len(message) <= 300
    _, patient, technical = alerts(bedside)
    assert [one.kind for one in patient] == [0x0400] * 3
    assert len(technical) < 3


# The imagined client


def heard_by(interval_s: int, length_s: float) -> list[tuple[float, bytes]]:
    model = MONITORS["philips-intellivue"]
    bedside, client = model.make(lambda _t_s: SCREEN, 0.0), model.client(interval_s)
    t_s, received = 100.0, []
    while t_s < 100.0 + length_s:
        said, next_said_s = client(t_s)
        assert next_said_s > t_s
        data = bedside.heard(said, t_s) if said else b""
        more, next_s = bedside.due(t_s)
        received += [(t_s, message) for message in messages(data + more)]
        t_s = min(next_said_s, next_s)
    return received


def test_the_imagined_client_is_never_sent_away_and_hears_every_update():
    received = heard_by(1, 400)
    assert [message[0] for _, message in received[:2]] == [0x0E, 0xE1]
    assert all(message[0] == 0xE1 for _, message in received[1:])
    polled = [result(message) for _, message in received[2:]]
    ticks = [one.ticks for one in polled if one.asked[1] == NUMERICS]
    assert {after - before for before, after in pairwise(ticks)} == {8192}
    assert len(ticks) > 385
    assert {one.asked[2] for one in polled} == {VALUES, ALERT_GROUP}


@pytest.mark.parametrize("interval_s", [2, 30])
def test_a_client_with_more_patience_polls(interval_s):
    received = heard_by(interval_s, 100)
    polled = [(t_s, result(message)) for t_s, message in received[2:]]
    times = [t_s for t_s, one in polled if one.asked[1] == NUMERICS]
    assert times == pytest.approx([100.6 + n * interval_s for n in range(len(times))])
    assert len(times) == math.ceil(99.4 / interval_s)
    assert all(one.sequence is None for _, one in polled)


def test_it_stands_among_the_monitors_with_its_own_line():
    model = MONITORS["philips-intellivue"]
    assert (model.line.baud, model.line.parity, model.line.rtscts) == (115200, "N", False)
