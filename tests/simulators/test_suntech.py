"""Does the simulated SunTech module answer as the programs that run real ones expect?

Bytes stand here as the public sources print them, or summed by hand to 0 modulo 256.
"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators import suntech
from simulators.displayed import CuffReading, Displayed
from simulators.registry import MONITORS
from tests.simulators.cuffs import screen, screen_of_an_arm_that_gives_nothing

START, CHILD, NEONATE, ABORT, PRESSURE, RESULT, SET_160, RESET = (
    bytes.fromhex(request)
    for request in (
        "3a 20 a6",
        "3a 87 3f",
        "3a 28 9e",
        "3a 79 01 00 4c",
        "3a 79 05 00 48",
        "3a 79 03 00 4a",
        "3a 17 a0 00 0f",
        "3a 8a 3c",
    )
)
SELF_TEST_LX, SELF_TEST_A, INFORMATION, VERSION = (
    bytes.fromhex(request)
    for request in ("3a 79 10 03 3a", "3a 79 11 00 3c", "3a 00 c6", "3a 79 02 40 0b")
)
ACCEPTED, FINISHED, ABORTED, BUSY, ERROR, UNDEFINED, NOT_RECOGNISED, TIMED_OUT = (
    bytes.fromhex(letter)
    for letter in (
        "3e 04 4f 6f",
        "3e 04 4b 73",
        "3e 04 41 7d",
        "3e 04 42 7c",
        "3e 04 45 79",
        "3e 04 4e 70",
        "3e 04 44 7a",
        "3e 04 54 6a",
    )
)
NO_PRESSURE, EMPTY = bytes.fromhex("3e 05 ff ff bf"), bytes.fromhex("3e 05 00 00 bd")
# 262/140, mean 181, rate 101; 34 beats are what twenty seconds of that rate have.
FROM_THE_ARM = bytes.fromhex(
    "3e 18 06 01 8c 00 22 00 00 00 00 00 00 00 00 00 65 00 b5 00 00 00 00 db"
)
LOOSE_CUFF = bytes.fromhex(
    "3e 18 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 57 00 00 53"
)
NO_RESULT = bytes.fromhex("3e 18 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 aa")


def module(showing=screen, *, local_user: bool = False, **how) -> suntech.Monitor:
    return suntech.Monitor(showing, local_user=local_user, **how)


def said(bedside: suntech.Monitor, from_s: float, to_s: float) -> list[tuple[float, bytes]]:
    """What the module says unasked, and when."""
    out, t_s = [], from_s
    while t_s <= to_s:
        data, next_s = bedside.due(t_s)
        out += [(t_s, data)] * bool(data)
        assert next_s > t_s
        t_s = next_s
    return out


def pressure(bedside: suntech.Monitor, t_s: float) -> int:
    reply = bedside.heard(PRESSURE, t_s)
    assert (len(reply), reply[:2], sum(reply) % 256) == (5, b"\x3e\x05", 0)
    return int.from_bytes(reply[2:4], "little")


def error(bedside: suntech.Monitor, t_s: float) -> int:
    reply = bedside.heard(RESULT, t_s)
    assert (len(reply), reply[:2], sum(reply) % 256) == (24, b"\x3e\x18", 0)
    return reply[20]


def test_writes_the_published_frames_byte_for_byte():
    quoted = CuffReading(systolic_mmhg=115, diastolic_mmhg=74, mean_mmhg=88, pulse_bpm=85)
    assert suntech.result_reply(
        quoted, beats=30, status=1, test_codes=bytes([0, 0, 0, 0, 0, 0, 0x31, 7])
    ) == bytes.fromhex("3e 18 73 00 4a 00 1e 01 00 00 00 00 00 00 31 07 55 00 58 00 00 00 00 e9")
    assert suntech.pressure_reply(258) == bytes.fromhex("3e 05 02 01 ba")
    assert suntech.pressure_reply(None) == NO_PRESSURE
    assert suntech.acknowledgement(b"K") == FINISHED
    assert suntech.request(suntech.READ_RESULT) == RESULT


def test_a_start_is_accepted_and_half_a_minute_later_finished_with_a_result():
    bedside = module()
    assert bedside.heard(RESULT, 5) == NO_RESULT
    assert bedside.heard(START, 10) == ACCEPTED
    assert said(bedside, 10, 100) == [(40, FINISHED)]
    assert bedside.heard(RESULT, 100) == FROM_THE_ARM


def test_the_result_is_what_the_arm_gives_when_the_cuff_has_deflated():
    def rising(t_s: float) -> Displayed:
        return Displayed(arm=CuffReading(systolic_mmhg=100 + t_s))

    bedside = module(rising)
    bedside.heard(START, 10)
    assert bedside.heard(RESULT, 90)[:4] == FINISHED
    assert bedside.heard(RESULT, 90)[2] == 140


def test_the_cuff_goes_up_to_the_inflation_pressure_and_comes_down_in_steps():
    bedside = module(lambda _t_s: Displayed(arm=CuffReading(systolic_mmhg=120)))
    assert pressure(bedside, 9) == 0
    bedside.heard(START, 10)
    course = [pressure(bedside, 10 + n / 5) for n in range(150)]
    top = course.index(160)
    assert course[:top] == sorted(course[:top])
    assert course[top:] == sorted(course[top:], reverse=True)
    assert max(course) == 160
    assert 2 < len(set(course[top:])) < 30  # steps, not a slope
    assert said(bedside, 39.9, 41) == [(40, FINISHED)]
    assert pressure(bedside, 41) == 0


@pytest.mark.parametrize(
    ("start", "set_first", "top"),
    [
        (START, b"", 160),
        (CHILD, b"", 140),
        (NEONATE, b"", 90),
        (START, suntech.request(b"\x17\xc8\x00"), 200),
        (START, suntech.request(b"\x17\x04\x01"), 260),  # 16 bits, low byte first
        (NEONATE, SET_160, 160),
    ],
)
def test_the_first_inflation_is_the_patients_or_the_one_that_was_set(start, set_first, top):
    bedside = module(lambda _t_s: Displayed(arm=CuffReading(systolic_mmhg=50)))
    assert bedside.heard(set_first, 1) == (ACCEPTED if set_first else b"")
    bedside.heard(start, 2)
    assert max(pressure(bedside, 2 + n / 10) for n in range(290)) == top


def test_the_cuff_pumps_on_where_the_pulse_does_not_stop():
    bedside = module()  # 262 systolic
    bedside.heard(START, 2)
    assert max(pressure(bedside, 2 + n / 10) for n in range(290)) == 292


@pytest.mark.parametrize("mmhg", [0, 59, 281, 65535])
def test_an_inflation_pressure_that_no_cuff_has_is_an_error(mmhg):
    assert module().heard(suntech.request(b"\x17" + mmhg.to_bytes(2, "little")), 1) == ERROR


def test_a_measuring_module_is_busy_but_for_its_pressure_and_the_abort():
    bedside = module()
    bedside.heard(START, 10)
    for request in (START, RESULT, SET_160, INFORMATION, VERSION, SELF_TEST_LX):
        assert bedside.heard(request, 20) == BUSY
    assert pressure(bedside, 20) > 0
    assert said(bedside, 20, 60) == [(40, FINISHED)]


def test_an_abort_empties_the_cuff_and_leaves_error_86():
    bedside = module()
    bedside.heard(START, 10)
    before = pressure(bedside, 20)
    assert bedside.heard(ABORT, 20) == ABORTED
    assert before > pressure(bedside, 20.5) > 0
    assert bedside.heard(START, 20.5) == BUSY
    assert bedside.heard(ABORT, 20.5) == ABORTED
    assert said(bedside, 20.6, 60) == [(21, FINISHED)]
    assert pressure(bedside, 21) == 0
    assert error(bedside, 60) == 86
    assert bedside.heard(RESULT, 60)[2:6] == bytes(4)


def test_an_abort_may_be_answered_with_the_other_letter():
    bedside = module(abort_letter=b"O")
    bedside.heard(START, 10)
    assert bedside.heard(ABORT, 20) == ACCEPTED


def test_an_abort_of_nothing_is_carried_out_at_once_and_keeps_the_result():
    bedside = module()
    bedside.heard(START, 10)
    said(bedside, 10, 50)
    assert bedside.heard(ABORT, 60) == ABORTED + FINISHED
    assert bedside.heard(RESULT, 60) == FROM_THE_ARM


def test_an_arm_that_gives_nothing_is_a_loose_cuff_or_the_code_that_was_set():
    for how, code in (({}, 87), ({"failure": 2}, 2), ({"failure": 99}, 99)):
        bedside = module(screen_of_an_arm_that_gives_nothing, **how)
        bedside.heard(START, 10)
        assert said(bedside, 10, 60) == [(40, FINISHED)]
        assert error(bedside, 60) == code
        assert bedside.heard(RESULT, 60)[2:8] == bytes(6)
    bedside = module(screen_of_an_arm_that_gives_nothing)
    bedside.heard(START, 10)
    assert bedside.heard(RESULT, 60) == FINISHED + LOOSE_CUFF


def test_a_bare_module_never_starts_by_itself():
    bedside = module()
    assert said(bedside, 0, 600) == []
    assert pressure(bedside, 30) == 0
    assert bedside.heard(RESULT, 600) == NO_RESULT


def test_a_local_user_starts_the_cycles_of_the_script():
    bedside = module(local_user=True)
    unasked = said(bedside, 0, 600)
    assert unasked == [(50, FINISHED), (275, FINISHED), (430, FINISHED)]
    assert bedside.heard(RESULT, 600)[18:21] == bytes([92, 0, 0])  # the mean alone


def test_the_local_users_cycle_looks_like_the_hosts():
    bedside = module(local_user=True)
    said(bedside, 0, 30)
    assert pressure(bedside, 30) > 100
    assert bedside.heard(START, 30) == BUSY
    said(bedside, 30, 60)
    assert pressure(bedside, 60) == 0
    # 118/72, mean 89, rate 64 and the 21 beats of twenty seconds.
    assert bedside.heard(RESULT, 60) == bytes.fromhex(
        "3e 18 76 00 48 00 15 00 00 00 00 00 00 00 00 00 40 00 59 00 00 00 00 3e"
    )
    said(bedside, 60, 300)
    assert bedside.heard(RESULT, 300) == LOOSE_CUFF


def test_a_module_that_is_met_later_has_its_old_result_and_says_no_k_for_it():
    bedside = module(local_user=True)
    assert said(bedside, 100, 190) == []
    assert bedside.heard(RESULT, 190)[2] == 118


def test_the_local_user_cannot_start_while_the_host_measures():
    bedside = module(local_user=True)
    bedside.heard(START, 10)
    assert said(bedside, 10, 150) == [(40, FINISHED)]
    assert bedside.heard(RESULT, 150) == FROM_THE_ARM


def test_a_local_users_cycle_can_be_aborted():
    bedside = module(local_user=True)
    said(bedside, 0, 30)
    assert bedside.heard(ABORT, 30) == ABORTED
    assert said(bedside, 30, 190) == [(31, FINISHED)]
    assert error(bedside, 190) == 86


def test_a_reset_forgets_cycle_result_and_settings():
    bedside = module()
    bedside.heard(START, 10)
    said(bedside, 10, 50)
    bedside.heard(START, 60)
    assert bedside.heard(RESET, 70) == ACCEPTED
    assert bedside.heard(PRESSURE, 70.5) == NO_PRESSURE
    assert bedside.heard(PRESSURE, 71) == EMPTY
    assert said(bedside, 71, 200) == []
    assert bedside.heard(RESULT, 200) == NO_RESULT


def test_self_test_and_version_are_those_of_the_model():
    lx, advantage = module(), module(version="SB 2.00", self_test=0x0102)
    assert lx.heard(SELF_TEST_LX, 1) == EMPTY  # 0 is good
    assert lx.heard(SELF_TEST_A, 1) == ERROR
    assert advantage.heard(SELF_TEST_A, 1) == bytes.fromhex("3e 05 02 01 ba")
    assert advantage.heard(SELF_TEST_LX, 1) == ERROR
    assert lx.heard(INFORMATION, 1) == ACCEPTED
    text = advantage.heard(VERSION, 1)
    assert (len(text), text[:2], sum(text) % 256) == (67, b"\x3e\x43", 0)
    assert text[2:-1] == b"SB 2.00".ljust(64)


def test_the_bytes_of_unknown_meaning_are_what_a_test_wants():
    bedside = module(status=7, test_codes=b"ABCDEFGH")
    bedside.heard(START, 10)
    said(bedside, 10, 50)
    assert bedside.heard(RESULT, 50)[7:16] == b"\x07ABCDEFGH"


def test_what_does_not_fit_is_not_there():
    reply = suntech.result_reply(CuffReading(systolic_mmhg=70_000, pulse_bpm=256))
    assert (reply[2:4], reply[16]) == (bytes(2), 0)


@pytest.mark.parametrize("at", range(len(RESULT)))
def test_a_damaged_request_is_answered_with_a_letter_never_with_a_result(at):
    damaged = bytearray(RESULT)
    damaged[at] ^= 0x10
    bedside = module()
    answer = bedside.heard(bytes(damaged), 1) + bedside.due(3)[0]
    assert answer in (b"", UNDEFINED, NOT_RECOGNISED, TIMED_OUT)
    assert bedside.heard(RESULT, 3) == NO_RESULT


def test_an_unknown_command_is_undefined_and_one_with_unknown_data_an_error():
    assert module().heard(bytes.fromhex("3a 55 71"), 1) == UNDEFINED
    assert module().heard(suntech.request(b"\x79\x99\x00"), 1) == ERROR
    assert module().heard(bytes.fromhex("3a 20 a7"), 1) == NOT_RECOGNISED


def test_the_rest_of_a_request_is_waited_for_a_second():
    bedside = module()
    assert bedside.heard(RESULT[:3], 1) == b""
    assert bedside.due(1.5) == (b"", 2)
    assert said(bedside, 1.5, 10) == [(2, TIMED_OUT)]
    assert bedside.heard(RESULT[:3], 11) == b""
    assert bedside.heard(RESULT[3:], 11.9) == NO_RESULT


@given(st.lists(st.integers(0, 18), max_size=6))
def test_any_split_of_the_requests_gets_the_same_answers(cuts):
    asked = b"\x00\xff" + PRESSURE + RESULT + START + PRESSURE
    edges = [0, *sorted(cuts), len(asked)]
    bedside = module()
    assert (
        b"".join(bedside.heard(asked[a:b], 1) for a, b in pairwise(edges))
        == EMPTY + NO_RESULT + ACCEPTED + EMPTY
    )


@given(st.lists(st.binary(max_size=40), max_size=10))
def test_no_noise_makes_it_raise_or_keep_more_than_a_request(chunks):
    bedside = module()
    for n, chunk in enumerate(chunks):
        bedside.heard(chunk, n)
        assert len(bedside._heard) < 6
    bedside.due(100)  # what it still waited for has timed out
    assert len(bedside.heard(PRESSURE, 200)) == 5


def test_the_imagined_host_asks_for_the_pressure_and_then_for_the_result():
    says, heard, t_s = MONITORS["suntech"].client(2), [], 0.0
    while t_s < 3:
        data, next_s = says(t_s)
        heard.append((t_s, data))
        t_s = next_s
    assert heard == [(0, PRESSURE), (0.25, RESULT), (2, PRESSURE), (2.25, RESULT)]
