"""Does the simulated DINAMAP answer what its public traces and tables say?

Whole replies are summed by hand: each character's code less 1Fh, then two characters of six bits.
"""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators import dinamap
from simulators.displayed import CuffReading, Displayed
from simulators.registry import MONITORS
from tests.simulators.cuffs import screen, screen_of_an_arm_that_gives_nothing

# As the public program sends them.
NA, NC0, ND, RC = (
    bytes.fromhex(request)
    for request in (
        "20 4e 41 21 32 0d",
        "20 4e 43 30 21 45 0d",
        "20 4e 44 21 35 0d",
        "20 52 43 21 38 0d",
    )
)
# An adult in normal mode. 397 = 6 x 64 + 13; from the 396 of kind 00, one more for each step.
VALID_118_72_89 = b" NA1100014118072089&-\r"
RATE_64 = b' RC3064"I\r'  # 169 = 2 x 64 + 41


def monitor(showing=screen, **how) -> dinamap.Monitor:
    return dinamap.Monitor(showing, **how)


def lived(bedside: dinamap.Monitor, from_s: int, to_s: int) -> None:
    """Let the monitor see its own screen, each second it asks for."""
    t_s = float(from_s)
    while t_s <= to_s:
        said, next_s = bedside.due(t_s)
        assert said == b""
        assert next_s > t_s
        t_s = next_s


def cuff(bedside: dinamap.Monitor, t_s: float) -> tuple[str, int, str]:
    """Status digit, age and the three pressures of the answer to NA."""
    reply = bedside.heard(NA, t_s).decode()
    assert len(reply) == 22
    assert (reply[:3], reply[-1]) == (" NA", "\r")
    return reply[3], int(reply[6:10]), reply[10:19]


def test_writes_the_worked_replies_byte_for_byte():
    whole = CuffReading(systolic_mmhg=118, diastolic_mmhg=72, mean_mmhg=89)
    assert dinamap.cuff_reply(1, 14, whole, "00") == b" NA1000014118072089&,\r"  # 396
    assert dinamap.cuff_reply(0, 7, whole, "00") == b" NA0000007118072089&-\r"  # 397
    assert dinamap.cuff_reply(4, 2, CuffReading(), "00") == b" NA4000002000000000%H\r"  # 360
    assert dinamap.rate_reply(1, 64) == b' RC1064"G\r'  # 167


def test_a_misspelt_key_of_a_vector_is_refused():
    with pytest.raises(ValueError, match="rate_bmp"):
        dinamap.vector_frame({"reply": "RC", "unit": " ", "status": 3, "rate_bmp": 60})


@pytest.mark.parametrize(
    ("said", "whole"), [(b" NA", NA), (b" NC0", NC0), (b" ND", ND), (b" RC", RC)]
)
def test_the_check_pair_is_that_of_the_public_programs_own_requests(said, whole):
    assert dinamap.message(said) == whole


def test_says_nothing_unasked():
    bedside = monitor()
    lived(bedside, 0, 600)
    assert bedside.due(601)[0] == b""


def test_tells_the_result_of_a_cycle_of_its_own_with_its_age():
    bedside = monitor()
    lived(bedside, 0, 64)
    assert bedside.heard(NA, 64) == VALID_118_72_89
    assert bedside.heard(RC, 64) == RATE_64


def test_status_and_age_through_a_reading_a_failure_and_a_mean_alone():
    bedside, seen = monitor(), {}
    for t_s in range(440):
        lived(bedside, t_s, t_s)
        seen[t_s] = cuff(bedside, t_s)
    assert seen[0] == seen[19] == ("1", 9999, "000000000")
    assert seen[20] == seen[49] == ("0", 9999, "000000000")
    assert seen[50] == ("1", 0, "118072089")
    assert seen[199] == ("1", 149, "118072089")
    assert seen[200] == ("0", 150, "118072089")  # the old numbers stay while it measures
    assert seen[274] == ("0", 224, "118072089")
    assert seen[275] == ("3", 0, "000000000")
    assert seen[277] == ("3", 2, "000000000")
    assert seen[430] == ("1", 0, "000000092")


def test_a_monitor_that_nobody_asked_for_an_hour_still_knows_how_its_last_cycle_ended():
    bedside = monitor()
    cuff(bedside, 0)
    assert cuff(bedside, 300)[0] == "3"
    assert cuff(bedside, 4000) == ("1", 3570, "000000092")


def test_a_host_starts_a_determination_and_finds_its_result_after_half_a_minute():
    bedside = monitor()
    assert bedside.heard(NC0, 60) == NC0
    assert cuff(bedside, 60) == ("0", 10, "118072089")
    assert cuff(bedside, 89.9)[0] == "0"
    assert cuff(bedside, 90) == ("1", 0, "262140181")
    assert bedside.heard(RC, 90) == dinamap.message(b" RC3101")
    assert cuff(bedside, 100) == ("1", 10, "262140181")


def test_the_result_is_what_the_arm_gives_when_the_cuff_has_deflated():
    def rising(t_s: float) -> Displayed:
        return Displayed(arm=CuffReading(systolic_mmhg=100 + t_s, mean_mmhg=80, diastolic_mmhg=60))

    bedside = monitor(rising)
    bedside.heard(NC0, 10)
    assert cuff(bedside, 55) == ("1", 15, "140060080")


@pytest.mark.parametrize("failure", [3, 4, 9])
def test_an_arm_that_gives_nothing_fails_with_the_status_that_was_set(failure):
    bedside = monitor(screen_of_an_arm_that_gives_nothing, failure=failure)
    bedside.heard(NC0, 60)
    assert cuff(bedside, 92) == (str(failure), 2, "000000000")
    assert bedside.heard(RC, 92) == dinamap.message(b" RC3000")


def test_a_cancelled_determination_is_over_at_once_and_the_last_result_stands():
    bedside = monitor()
    bedside.heard(NC0, 60)
    assert bedside.heard(ND, 70) == ND
    assert cuff(bedside, 70) == ("1", 20, "118072089")
    assert cuff(bedside, 150) == ("1", 100, "118072089")


def test_a_cancelled_cycle_of_its_own_never_gives_its_result():
    bedside = monitor()
    lived(bedside, 0, 30)
    assert cuff(bedside, 30)[0] == "0"
    bedside.heard(ND, 30)
    lived(bedside, 31, 190)
    assert cuff(bedside, 190) == ("1", 9999, "000000000")
    lived(bedside, 191, 280)
    assert cuff(bedside, 280)[0] == "3"  # the next one is its own again


def test_without_a_determination_there_is_nothing_to_cancel():
    bedside = monitor()
    lived(bedside, 0, 60)
    assert bedside.heard(ND, 60) == ND
    assert bedside.heard(NA, 64) == VALID_118_72_89


@pytest.mark.parametrize("busy_s", [25, 65])
def test_a_second_start_begins_nothing(busy_s):
    bedside = monitor()
    lived(bedside, 0, 25)
    if busy_s > 25:
        bedside.heard(NC0, 60)
    assert bedside.heard(NC0, busy_s) == NC0
    lived(bedside, busy_s, 96)
    assert cuff(bedside, 97) == (("1", 7, "262140181") if busy_s > 25 else ("1", 47, "118072089"))


def test_a_cycle_of_its_own_that_falls_into_the_hosts_is_left_out():
    bedside = monitor()
    bedside.heard(NC0, 10)
    lived(bedside, 10, 60)
    assert cuff(bedside, 60) == ("1", 20, "262140181")


def test_the_age_counter_counts_in_the_unit_it_was_given():
    bedside = monitor(age_unit_s=60)
    assert cuff(bedside, 109)[1] == 0
    assert cuff(bedside, 110)[1] == 1


def test_the_age_counter_ends_at_an_hour_and_a_half():
    ages = [dinamap.cuff_reply(1, age, CuffReading())[6:10] for age in (5400, 5401, None)]
    assert ages == [b"5400", b"9999", b"9999"]


def test_a_number_that_its_field_cannot_hold_is_none():
    assert dinamap.cuff_reply(1, 0, CuffReading(systolic_mmhg=1000))[10:13] == b"000"


def test_the_two_characters_after_the_status_are_what_a_test_wants():
    assert monitor(kind="Z~").heard(NA, 60)[4:6] == b"Z~"


def test_the_digit_for_busy_is_what_a_test_wants():
    assert cuff(monitor(busy=2), 30)[0] == "2"


def test_the_rate_is_the_oximeters_where_that_is_said():
    bedside = monitor(rate_from_oximeter=True)
    assert bedside.heard(RC, 60) == dinamap.message(b" RC2077")


def test_the_other_letters_for_the_rate_are_answered_with_themselves():
    assert monitor().heard(dinamap.message(b" RA"), 64) == dinamap.message(b" RA3064")


def test_no_rate_is_three_zeros():
    assert monitor().heard(RC, 5) == dinamap.message(b" RC3000")


BAD = {
    "one bit": b" NA!3\r",
    "no check pair": b" NA\r",
    "unknown letters": dinamap.message(b" OA"),
    "data where none goes": dinamap.message(b" NA0"),
    "start without data": dinamap.message(b" NC"),
    "start with other data": dinamap.message(b" NC1"),
    "longer than any": dinamap.message(b" NA" + b"0" * 500),
}


@pytest.mark.parametrize("wrong", BAD.values(), ids=BAD)
def test_a_bad_request_gets_no_answer_or_the_one_that_was_set(wrong):
    assert monitor().heard(wrong, 60) == b""
    assert monitor(error_reply=b" NX1").heard(wrong, 60) == dinamap.message(b" NX1")


def test_another_monitors_unit_is_none_of_its_business():
    bedside = monitor(error_reply=b" NX1")
    assert bedside.heard(dinamap.message(b"!NA"), 60) == b""
    assert bedside.heard(b"\r\r", 60) == b""


@given(st.lists(st.integers(0, 24), max_size=6))
def test_any_split_of_the_requests_gets_the_same_answers(cuts):
    asked = NA + RC + b"\n" + NA + ND
    edges = [0, *sorted(cuts), len(asked)]
    bedside = monitor()
    said = b"".join(bedside.heard(asked[a:b], 64) for a, b in itertools.pairwise(edges))
    assert said == VALID_118_72_89 + RATE_64 + VALID_118_72_89 + ND


def test_a_request_after_noise_without_end_is_answered():
    bedside = monitor()
    bedside.heard(b"\x00\xff" * 50_000, 60)
    assert len(bedside._heard) < 100
    bedside.heard(b"\r", 60)
    assert bedside.heard(NA, 64) == VALID_118_72_89


def test_a_line_end_before_the_request_costs_nothing():
    assert monitor().heard(b"\r" + NA, 64) == VALID_118_72_89  # as GeV100SerialConn sends it


def test_the_imagined_host_asks_for_the_cuff_and_then_for_the_rate():
    says, heard, t_s = MONITORS["dinamap"].client(5), [], 100.0
    while t_s < 111:
        said, next_s = says(t_s)
        heard.append((t_s, said))
        assert t_s < next_s < math.inf
        t_s = next_s
    assert heard == [
        (at_s + gap_s, said) for at_s in (100, 105, 110) for gap_s, said in ((0, NA), (0.25, RC))
    ]
