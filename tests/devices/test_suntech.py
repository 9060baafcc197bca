"""Does Vigil read a SunTech module's bytes as meant, and work its cuff only as it was told?"""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from itertools import pairwise
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical.links import CuffOrder
from clinical.vitals import Metric
from devices.protocols import suntech
from devices.protocols.line import Garbled
from devices.protocols.suntech import (
    ABORT,
    READ_PRESSURE,
    READ_RESULT,
    START,
    Acknowledgement,
    CuffNews,
    CuffPressure,
    Decoder,
    Letter,
    OtherReply,
    Result,
    Talk,
    translate,
)
from tests.conftest import ROOT

NOW = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
VECTORS = tomllib.loads((ROOT / "tests" / "vectors" / "suntech.toml").read_text())
BY_NAME = {one["name"]: bytes.fromhex(one["hex"]) for one in VECTORS["frames"]}
QUOTED = BY_NAME["115/74, mean 88, pulse 85"]  # after the module's manual
ACCEPTED, FINISHED = BY_NAME["accepted (O)"], BY_NAME["finished (K)"]
ABORTED = BY_NAME["aborted (A)"]
SYSTOLIC, DIASTOLIC, MEAN, PULSE = (
    Metric.NIBP_SYSTOLIC,
    Metric.NIBP_DIASTOLIC,
    Metric.NIBP_MEAN,
    Metric.NIBP_PULSE,
)


def framed(*content):
    """A frame from the module; its check worked out as a complement, not as ours does."""
    frame = [0x3E, len(content) + 3, *content]
    return bytes([*frame, (0x100 - sum(frame) % 0x100) % 0x100])


def pressure(mmhg):
    return framed(mmhg & 0xFF, mmhg >> 8)


def result(systolic=0, diastolic=0, mean=0, rate=0, error=0, beats=20):
    return framed(
        systolic & 0xFF, systolic >> 8, diastolic & 0xFF, diastolic >> 8, beats, 1,
        *range(8), rate, 0, mean & 0xFF, mean >> 8, error, 0, 0,
    )  # fmt: skip


READING = result(120, 80, 93, 66)
OTHER_READING = result(121, 80, 93, 66)


def fed(*wires, decoder=None):
    decoder = decoder or Decoder()
    return [message for wire in wires for message in decoder.feed(wire)]


def one(wire):
    (message,) = fed(wire)
    return message


def names(*wires):
    """What the results among ``wires`` are called: "none" if failed, "" where that is no news."""
    return [
        m.measurement_id or ("none" if m.news is CuffNews.NO_READING else "")
        for m in fed(*wires)
        if isinstance(m, Result)
    ]


# Frames.


def test_the_manuals_own_result_is_read_field_by_field():
    assert one(QUOTED) == Result(
        24, 115, 74, 30, 1, bytes([0, 0, 0, 0, 0, 0, 0x31, 7]), 85, 88, 0, CuffNews.READING, "n1"
    )


def test_systolic_comes_first_and_mean_last():
    seen = {o.metric: o.value for o in translate(one(QUOTED), NOW)}
    assert seen == {SYSTOLIC: 115, DIASTOLIC: 74, MEAN: 88, PULSE: 85}


def test_numbers_come_with_their_low_byte_first():
    assert one(bytes.fromhex("3e 05 02 01 ba")) == CuffPressure(5, 258)
    assert one(result(262, 140, 181, 101)).systolic == 262


def test_a_frame_adds_up_to_nothing(monkeypatch):
    assert isinstance(one(QUOTED), Result)
    monkeypatch.setattr(suntech, "MODULO", 255)
    assert not [m for m in fed(QUOTED, QUOTED) if isinstance(m, Result)]


@pytest.mark.parametrize("letter", "OKABENDST")
def test_reads_each_letter(letter):
    assert one(framed(ord(letter))) == Acknowledgement(4, Letter(letter))


def test_an_unknown_letter_is_no_answer():
    assert fed(framed(ord("X")), FINISHED) == [
        Garbled(framed(ord("X")), "acknowledgement 58: no such letter", 4),
        Acknowledgement(8, Letter.FINISHED),
    ]


def test_no_pressure_is_not_a_high_one():
    assert one(framed(0xFF, 0xFF)) == CuffPressure(5, None)
    assert translate(one(framed(0xFF, 0xFF)), NOW) == []
    assert translate(one(pressure(152)), NOW) == []


def test_calibrations_and_versions_are_known_and_left_alone():
    assert one(framed(1, 2, 3)) == OtherReply(6, b"\x01\x02\x03")
    version = b"LX 1.02".ljust(64)
    assert one(framed(*version)) == OtherReply(67, version)
    assert translate(one(framed(*version)), NOW) == []


@pytest.mark.parametrize("vector", VECTORS["requests"], ids=lambda v: v["name"])
def test_says_only_what_is_meant_to_be_said(vector):
    said = {START: "start", ABORT: "abort", READ_PRESSURE: "read cuff pressure"}
    said[READ_RESULT] = "read result"
    wire = bytes.fromhex(vector["hex"])
    assert (said.get(wire) == vector["command"]) == vector["is_sent"]


def test_a_frame_is_read_when_its_last_byte_is_there():
    decoder = Decoder()
    assert [decoder.feed(bytes([byte])) for byte in READING[:-1]] == [[]] * 23
    assert [m.offset for m in decoder.feed(READING[-1:])] == [24]


# Junk.


@pytest.mark.parametrize(
    ("junk", "reason"),
    [
        (b"\x00\x01", "no frame begins here"),
        (b"\x3a\x20\xa6", "no frame begins here"),
        (b"\x3e\x03\x00", "length 3: no frame has that"),
        (b"\x3e\x44\x00", "length 68: no frame has that"),
        (b"\x3e\x07\x00\x00\x00\x00\xbb", "length 7: no frame has that"),
        (b"\x3e\x04\x4f\x70", "the bytes add up to 01, expected 00"),
        (b"\x3e\x43LB", "a version text that begins with 4C 42: none does"),
        (b"\x3e\x18\x00\x02", "a result of 512 mmHg: none has that"),
    ],
)
def test_junk_says_why_and_the_next_frame_is_read(junk, reason):
    size = len(junk)
    assert fed(junk, FINISHED) == [
        Garbled(junk, reason, size),
        Acknowledgement(size + 4, Letter.FINISHED),
    ]


def test_a_lost_byte_costs_its_frame_and_no_more():
    for lost in range(1, 23):
        short = READING[:lost] + READING[lost + 1 :]
        found = fed(short + OTHER_READING)
        assert [m.systolic for m in found if isinstance(m, Result)] == [121]
        assert found[-1].offset == 47


def test_a_frame_inside_a_broken_one_is_found():
    broken = b"\x3e\x18" + FINISHED + b"\x00" * 30
    assert Acknowledgement(6, Letter.FINISHED) in fed(broken)


@pytest.mark.parametrize("head", [b"\x3e\x43", b"\x3e\x18", b"\x3e\x43\x4c", b"\x3e\x18\x00"])
def test_noise_like_the_head_of_a_long_reply_holds_up_nothing(head):
    """At one pressure in 2 s it would else take 26 s, or 10, until its sum is known to be wrong."""
    decoder = Decoder()
    decoder.feed(head)
    found = decoder.feed(pressure(0))
    assert [m for m in found if isinstance(m, CuffPressure)] == [CuffPressure(len(head) + 5, 0)]


def test_no_value_may_stand_for_a_systolic():
    assert one(result(0xFFFF, 0xFFFF, 0xFFFF, error=87)).news is CuffNews.NO_READING


def test_a_run_without_a_start_byte_is_cut():
    found = fed(*[bytes(7)] * 30)
    assert [(len(m.raw), m.offset) for m in found] == [(67, 67), (67, 134), (67, 201)]


# Results.


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (1, "weak or no signal"), (2, "erratic signal or movement"), (3, "result out of range"),
        (4, "measurement time exceeded"), (85, "pneumatic blockage"), (86, "stopped by the user"),
        (87, "leak or loose cuff"), (88, "safety time-out"), (89, "cuff over-pressure"),
        (90, "supply or hardware fault"), (91, "safety override or auto-zero fault"),
        (97, "transducer out of range"), (99, "calibration data failure"),
        (5, "failed, code 5"), (0x87, "failed, code 135"), (255, "failed, code 255"),
    ],
)  # fmt: skip
def test_a_cycle_with_an_error_has_no_values_but_its_reason(code, words):
    seen = translate(one(result(128, 76, 94, 68, error=code)), NOW)
    assert [o.metric for o in seen] == [SYSTOLIC, DIASTOLIC, MEAN, PULSE]
    assert {(o.value, o.quality, o.measurement_id, o.remarks) for o in seen} == {
        (None, "unavailable", None, (words,))
    }


def test_zeros_are_no_values():
    seen = translate(one(result()), NOW)
    assert {(o.value, o.quality, o.measurement_id, o.remarks) for o in seen} == {
        (None, "unavailable", None, ())
    }
    mean_only = translate(one(result(mean=71)), NOW)
    assert [(o.value, o.measurement_id) for o in mean_only] == [
        (None, "n1"), (None, "n1"), (71, "n1"), (None, "n1"),
    ]  # fmt: skip


@pytest.mark.parametrize(("sent", "value"), [(1, 1), (300, 300), (301, None), (0xFFFF, None)])
def test_more_than_a_cuff_can_hold_is_no_pressure(sent, value):
    (systolic, *_) = translate(one(result(sent, 80, 93)), NOW)
    assert systolic.value == value


def test_a_result_read_twice_is_one_reading():
    assert names(READING, READING, OTHER_READING, OTHER_READING, READING) == [
        "n1", "", "n2", "", "n3",
    ]  # fmt: skip


CYCLE = (pressure(0), ACCEPTED, pressure(150), pressure(60), FINISHED)
STOPPED = (pressure(0), ACCEPTED, pressure(150), ABORTED, FINISHED, pressure(0))


def test_an_equal_result_after_another_cycle_is_another_reading():
    assert names(*(*CYCLE, READING) * 3) == ["n1", "n2", "n3"]
    assert names(READING, pressure(0), pressure(20), FINISHED, READING, READING) == [
        "n1", "n2", "",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "between",
    [
        (ACCEPTED, FINISHED),
        (FINISHED,),
        (pressure(0), pressure(19), FINISHED),
        (pressure(0), pressure(20)),  # it may still run: the result is the one before
        (pressure(90), pressure(40), pressure(0), FINISHED),  # what the last cycle left
        (framed(0xFF, 0xFF), pressure(90), FINISHED),
        (BY_NAME["busy (B)"], ACCEPTED, FINISHED),
        (*STOPPED, ACCEPTED, FINISHED),
    ],
)
def test_an_equal_result_without_a_cycle_from_an_empty_cuff_to_its_end_is_the_same(between):
    assert names(READING, *between, READING) == ["n1", ""]


def test_another_result_is_another_reading_though_no_cycle_was_seen():
    """A recording may hold results alone."""
    assert names(READING, OTHER_READING, READING) == ["n1", "n2", "n3"]
    changed = framed(*READING[2:8], 99, *READING[9:-1])  # one test code
    assert names(READING, changed) == ["n1", "n2"]


def test_an_end_that_is_told_late_makes_no_reading_new():
    lost = CYCLE[:-1]
    assert names(*lost, pressure(0), READING, FINISHED, READING) == ["n1", ""]


def test_a_stopped_cycle_does_not_make_an_old_reading_new():
    assert names(READING, *STOPPED, READING) == ["n1", ""]
    accepted = tuple(ACCEPTED if wire == ABORTED else wire for wire in STOPPED)
    assert names(READING, *accepted, READING) == ["n1", ""]
    assert names(READING, *STOPPED, *CYCLE, READING) == ["n1", "n2"]
    assert names(READING, *accepted, *CYCLE, READING) == ["n1", "n2"]


def test_a_failure_without_pressure_is_told_after_each_cycle():
    failed = result(error=87)
    assert names(failed, ACCEPTED, FINISHED, failed, failed) == ["none", "none", ""]


def test_each_stopped_cycle_is_told():
    stopped = (ACCEPTED, ABORTED, FINISHED, result(error=86))
    assert names(*stopped, *stopped, result(error=86)) == ["none", "none", ""]


# Talk: bytes and numbers.


def said(letter):
    return Acknowledgement(0, Letter(letter))


def cuff(mmhg):
    return CuffPressure(0, mmhg)


GOOD = fed(READING)[0]


class Desk:
    """A talk and a clock: what goes out, and when."""

    def __init__(self, now_s=1000.0):
        self.talk, self.now_s, self.sent = Talk(), now_s, []
        self.quiet_until_s = now_s  # as due() promised; what is heard or ordered may change that
        self.note(self.talk.opening(now_s))

    def note(self, wire):
        if wire:
            self.sent.append((round(self.now_s, 1), wire))
        return wire

    def hears(self, message, after_s=0.0):
        self.now_s = self.quiet_until_s = round(self.now_s + after_s, 3)
        return self.note(self.talk.heard(message, self.now_s))

    def orders(self, order, after_s=0.0):
        self.now_s = self.quiet_until_s = round(self.now_s + after_s, 3)
        return self.note(self.talk.order(order, self.now_s))

    def waits(self, seconds, answer=None):
        """Let time pass as the link does; every question for the pressure gets ``answer``."""
        sent = []
        for _ in range(round(seconds * 10)):
            self.now_s = round(self.now_s + 0.1, 3)
            wire, next_s = self.talk.due(self.now_s)
            assert next_s > self.now_s
            assert not wire or self.now_s >= self.quiet_until_s
            self.quiet_until_s = next_s
            if self.note(wire):
                sent.append(wire)
                if wire == READ_PRESSURE and answer is not None:
                    more = self.hears(answer)
                    sent += [more] if more else []
        return sent


@pytest.fixture
def desk():
    """A module that has answered the first question: its cuff is empty."""
    desk = Desk()
    desk.hears(cuff(0), 0.05)
    desk.now_s = 1000.5
    desk.sent.clear()
    return desk


def test_begins_with_a_question_and_nothing_before():
    assert Talk().due(0.0) == (b"", inf)
    talk = Talk()
    assert talk.opening(100.0) == READ_PRESSURE
    assert talk.due(100.0) == (b"", 101.0)
    assert talk.interval_s == 2
    assert talk.closing() == b""


def test_while_idle_it_asks_for_the_pressure_every_2_s_and_for_nothing_else(desk):
    assert desk.waits(60, cuff(0)) == [READ_PRESSURE] * 30
    assert desk.sent[:3] == [
        (1002.0, READ_PRESSURE),
        (1004.0, READ_PRESSURE),
        (1006.0, READ_PRESSURE),
    ]


def test_a_module_that_does_not_answer_is_asked_again():
    desk = Desk()
    assert desk.waits(10) == [READ_PRESSURE] * 5
    assert desk.hears(cuff(0)) == b""


def test_an_ordered_cycle_from_start_to_result(desk):
    assert desk.orders(CuffOrder.START) == START
    assert desk.hears(said("O"), 0.05) == b""
    assert desk.waits(20, cuff(150)) == [READ_PRESSURE] * 40
    assert desk.hears(said("K"), 0.05) == b""  # the last command went out less than 0.1 s ago
    assert desk.waits(0.1) == [READ_RESULT]
    assert desk.hears(GOOD, 0.05) == b""
    assert desk.waits(60, cuff(0)) == [READ_PRESSURE] * 30


def test_the_end_of_a_cycle_is_heard_while_a_question_is_out(desk):
    desk.orders(CuffOrder.START)
    desk.hears(said("O"), 0.2)
    desk.waits(0.3)
    assert desk.sent[-1] == (1001.0, READ_PRESSURE)
    assert desk.hears(said("K"), 0.2) == b""
    assert desk.hears(cuff(12), 0.1) == READ_RESULT


def test_commands_keep_their_distance(desk):
    desk.orders(CuffOrder.START)
    desk.hears(said("O"), 0.01)
    desk.waits(30, cuff(100))
    desk.hears(said("K"))
    desk.waits(5, cuff(0))
    pairs = pairwise(at for at, _ in desk.sent)
    assert min(after - before for before, after in pairs) >= 0.099


def test_there_is_one_cycle_at_a_time(desk):
    assert desk.orders(CuffOrder.START) == START
    assert desk.orders(CuffOrder.START, 0.1) == b""
    desk.hears(said("O"), 0.1)
    assert desk.orders(CuffOrder.START, 5) == b""
    desk.waits(20, cuff(120))
    desk.hears(said("K"))
    assert START not in desk.waits(100, cuff(0))


def test_the_next_start_waits_30_s_from_the_end_of_the_last(desk):
    desk.orders(CuffOrder.START)
    desk.hears(said("O"), 0.1)
    desk.waits(20, cuff(120))
    desk.hears(said("K"))
    ended_s = desk.now_s
    desk.waits(0.2)
    desk.hears(GOOD)
    assert desk.orders(CuffOrder.START, 5) == b""
    assert desk.orders(CuffOrder.START, 5) == b""
    sent = desk.waits(60, cuff(0))
    assert sent.count(START) == 1
    at_s = next(at for at, wire in desk.sent[1:] if wire == START)
    assert 29.99 <= at_s - ended_s <= 31


def test_a_start_waits_for_the_answer_that_is_out():
    desk = Desk()
    assert desk.orders(CuffOrder.START, 0.3) == b""
    assert desk.hears(cuff(0), 0.1) == START


def test_a_cancel_waits_for_nothing():
    desk = Desk()
    assert desk.orders(CuffOrder.CANCEL, 0.01) == ABORT
    assert desk.orders(CuffOrder.START, 0.01) == b""
    assert desk.orders(CuffOrder.CANCEL, 0.01) == ABORT
    assert desk.hears(said("A"), 0.05) == b""
    assert START not in desk.waits(100, cuff(0))


@pytest.mark.parametrize("answer", ["A", "O", None])
@pytest.mark.parametrize("end", ["K", None])
def test_the_result_of_a_cancelled_cycle_is_not_asked_for(desk, answer, end):
    """It would be the one before, or say that the cycle was stopped, which is known."""
    desk.orders(CuffOrder.START)
    desk.hears(said("O"), 0.1)
    desk.waits(5, cuff(120))
    assert desk.orders(CuffOrder.CANCEL, 0.02) == ABORT
    if answer:
        desk.hears(said(answer), 0.1)
    desk.waits(1, cuff(10))
    if end:
        desk.hears(said(end), 0.2)
    assert READ_RESULT not in desk.waits(200, cuff(0))


def aborts(desk):
    return [at for at, wire in desk.sent if wire == ABORT]


@pytest.mark.parametrize("heard", [[], ["A"], ["O"], ["A", "K"]], ids=lambda each: str(each))
def test_a_cancel_is_said_again_while_the_cuff_is_inflated(desk, heard):
    desk.orders(CuffOrder.START)
    desk.hears(said("O"), 0.1)
    desk.waits(5, cuff(150))
    desk.sent.clear()
    desk.orders(CuffOrder.CANCEL)
    for letter in heard:
        desk.hears(said(letter), 0.05)
    desk.waits(100, cuff(150))
    said_s = aborts(desk)
    apart = [after - before for before, after in pairwise(said_s)]
    assert max(apart) <= 4.2
    assert not heard or min(apart) >= 2
    assert 56 <= said_s[-1] - said_s[0] <= 61


def test_an_answer_to_the_start_is_none_to_the_cancel(desk):
    desk.orders(CuffOrder.START)
    desk.orders(CuffOrder.CANCEL, 0.05)
    desk.hears(said("O"), 0.05)
    desk.waits(3, cuff(0))
    assert len(aborts(desk)) == 3
    desk.sent.clear()
    desk.waits(40, cuff(150))
    assert len(aborts(desk)) >= 15


def test_a_cancelled_cuff_that_fills_late_is_stopped(desk):
    desk.orders(CuffOrder.START)
    desk.orders(CuffOrder.CANCEL, 0.05)
    desk.hears(said("B"), 0.05)
    desk.hears(said("A"), 0.1)
    desk.waits(8, cuff(0))
    desk.sent.clear()
    assert ABORT in desk.waits(1, cuff(30))
    assert READ_RESULT not in [*desk.waits(1, cuff(0)), desk.hears(said("K")), *desk.waits(20)]


def test_a_cancel_is_over_when_the_cuff_has_stayed_empty(desk):
    desk.orders(CuffOrder.CANCEL)
    desk.hears(said("A"), 0.05)
    desk.waits(15, cuff(0))
    desk.sent.clear()
    desk.waits(30, cuff(150))  # somebody else's
    assert aborts(desk) == []


def test_a_start_ends_the_cancel_before_it(desk):
    desk.orders(CuffOrder.CANCEL)
    desk.hears(said("A"), 0.05)
    desk.orders(CuffOrder.START, 0.1)
    desk.waits(2.5, cuff(0))
    assert desk.sent[-1][1] != ABORT
    desk.hears(said("O"))
    desk.sent.clear()
    desk.waits(20, cuff(150))
    assert aborts(desk) == []


def test_a_start_that_was_cancelled_is_not_repeated_when_the_module_was_busy(desk):
    desk.orders(CuffOrder.START)
    desk.orders(CuffOrder.CANCEL, 0.05)
    for letter in "BOK":
        desk.hears(said(letter), 0.05)
    assert set(desk.waits(60, cuff(0))) == {READ_PRESSURE}


def test_a_cancel_outlives_the_cable_and_a_start_does_not(desk):
    desk.orders(CuffOrder.START)
    desk.hears(said("O"), 0.1)
    desk.waits(5, cuff(150))
    desk.orders(CuffOrder.CANCEL)
    desk.orders(CuffOrder.START, 0.1)
    desk.now_s += 5
    assert desk.note(desk.talk.opening(desk.now_s)) == ABORT
    desk.sent.clear()
    desk.quiet_until_s = desk.now_s
    assert desk.waits(40, cuff(150)).count(ABORT) >= 10
    assert START not in desk.waits(200, cuff(0))


@pytest.mark.parametrize("settled", ["old", "empty"])
def test_a_cancel_that_is_old_or_done_is_not_said_on_the_next_cable(desk, settled):
    desk.orders(CuffOrder.CANCEL)
    if settled == "empty":
        desk.waits(15, cuff(0))
    else:
        desk.now_s += 61
    assert desk.talk.opening(desk.now_s) == READ_PRESSURE


def test_an_end_without_a_cycle_asks_for_nothing(desk):
    desk.waits(60, cuff(0))
    assert desk.hears(said("K"), 0.5) == b""
    assert set(desk.waits(60, cuff(0))) == {READ_PRESSURE}


def test_a_pressure_that_is_not_there_is_no_empty_cuff(desk):
    desk.orders(CuffOrder.START)
    desk.hears(said("O"), 0.1)
    desk.waits(5, cuff(150))
    assert READ_RESULT not in desk.waits(20, cuff(None))
    assert READ_RESULT in [desk.hears(said("K"), 0.2), *desk.waits(0.3, cuff(0))]


def test_a_cancel_where_nothing_runs_reads_no_old_result(desk):
    desk.orders(CuffOrder.CANCEL)
    desk.hears(said("O"), 0.1)
    desk.hears(said("K"), 0.1)
    assert desk.waits(10, cuff(0)) == [READ_PRESSURE] * 5


def test_a_start_that_was_cancelled_before_it_was_heard_reads_no_old_result(desk):
    desk.orders(CuffOrder.START)
    desk.orders(CuffOrder.CANCEL, 0.1)
    desk.hears(said("O"), 0.1)
    desk.hears(said("K"), 0.1)
    assert READ_RESULT not in desk.waits(30, cuff(0))


def test_a_cancel_that_nobody_answers_is_said_three_times(desk):
    desk.orders(CuffOrder.CANCEL)
    assert desk.waits(20, cuff(0)).count(ABORT) == 2
    assert [at for at, wire in desk.sent if wire == ABORT] == [1000.5, 1001.5, 1002.5]


def test_a_start_right_after_a_cancel_lets_that_settle(desk):
    """Or the end that belongs to the cancel would pass for the end of the new cycle."""
    desk.orders(CuffOrder.CANCEL)
    desk.hears(said("O"), 0.1)
    assert desk.orders(CuffOrder.START, 0.1) == b""
    desk.hears(said("K"), 0.5)
    desk.waits(1.3, cuff(0))
    assert START in [wire for _, wire in desk.sent]
    assert READ_RESULT not in [wire for _, wire in desk.sent]


def test_a_start_ordered_while_a_cycle_is_being_cancelled_comes_30_s_after_it(desk):
    desk.orders(CuffOrder.START)
    desk.hears(said("O"), 0.1)
    desk.waits(5, cuff(120))
    desk.orders(CuffOrder.CANCEL)
    assert desk.orders(CuffOrder.START, 0.2) == b""
    desk.hears(said("A"), 0.1)
    desk.hears(said("K"), 0.2)
    ended_s = desk.now_s
    desk.sent.clear()
    desk.waits(40, cuff(0))
    (started_s,) = [at for at, wire in desk.sent if wire == START]
    assert 29.99 <= started_s - ended_s <= 32


def test_a_busy_module_is_asked_later(desk):
    desk.orders(CuffOrder.START)
    desk.hears(said("B"), 0.1)
    assert START not in desk.waits(1.8, cuff(0))
    assert START in desk.waits(0.4, cuff(0))
    assert desk.hears(said("O"), 0.1) == b""
    assert START not in desk.waits(20, cuff(100))


def test_a_module_that_stays_busy_is_left_alone_after_30_s(desk):
    desk.orders(CuffOrder.START)
    desk.hears(said("B"), 0.1)
    starts = [desk.now_s]
    for _ in range(600):
        if START in desk.waits(0.1, cuff(0)):
            starts.append(desk.now_s)
            desk.hears(said("B"), 0.05)
    assert 10 <= len(starts) <= 16
    assert starts[-1] - starts[0] <= 31


@pytest.mark.parametrize("letter", "ENDST")
def test_a_refused_start_is_not_repeated(desk, letter):
    desk.orders(CuffOrder.START)
    desk.hears(said(letter), 0.1)
    assert desk.waits(60, cuff(0)) == [READ_PRESSURE] * 30
    assert desk.orders(CuffOrder.START) == START


def test_a_start_without_an_answer_is_not_repeated(desk):
    desk.orders(CuffOrder.START)
    sent = desk.waits(60, cuff(0))
    assert set(sent) == {READ_PRESSURE}
    assert desk.orders(CuffOrder.START, 0.5) == START


def test_a_start_whose_answer_was_lost_shows_in_the_cuff(desk):
    desk.orders(CuffOrder.START)
    desk.waits(3, cuff(0))
    desk.waits(15, cuff(100))
    assert READ_RESULT in [desk.hears(said("K"), 0.1), *desk.waits(1, cuff(0))]


def test_a_busy_answer_to_the_result_is_asked_again(desk):
    desk.orders(CuffOrder.START)
    desk.hears(said("O"), 0.1)
    assert desk.hears(said("K"), 20) == READ_RESULT
    desk.hears(said("B"), 0.1)
    assert READ_RESULT not in desk.waits(0.8, cuff(0))
    assert READ_RESULT in desk.waits(0.4, cuff(0))
    desk.hears(GOOD, 0.1)
    assert READ_RESULT not in desk.waits(60, cuff(0))


def test_a_result_that_never_comes_does_not_hold_up_the_rest(desk):
    desk.orders(CuffOrder.START)
    desk.hears(said("O"), 0.1)
    desk.hears(said("K"), 20)
    sent = desk.waits(60, cuff(0))
    assert sent.count(READ_RESULT) == 9
    assert sent[-20:] == [READ_PRESSURE] * 20


def test_a_cycle_whose_end_was_lost_is_read_when_the_cuff_has_been_empty(desk):
    desk.orders(CuffOrder.START)
    desk.hears(said("O"), 0.1)
    desk.waits(20, cuff(100))
    assert READ_RESULT not in desk.waits(5, cuff(3))
    assert READ_RESULT in desk.waits(1, cuff(3))
    desk.hears(GOOD, 0.05)
    assert desk.hears(said("K"), 3) == b""  # late: it has been read
    assert READ_RESULT not in desk.waits(30, cuff(0))


def test_a_pause_in_the_deflation_is_no_end(desk):
    desk.orders(CuffOrder.START)
    desk.hears(said("O"), 0.1)
    desk.waits(10, cuff(100))
    desk.waits(4, cuff(5))
    desk.waits(10, cuff(130))
    assert READ_RESULT not in [wire for _, wire in desk.sent]


def test_a_cycle_without_any_end_is_over_after_3_minutes(desk):
    desk.orders(CuffOrder.START)
    desk.hears(said("O"), 0.1)
    assert READ_RESULT not in desk.waits(179, cuff(100))
    assert READ_RESULT in desk.waits(2, cuff(100))


def test_a_cycle_that_somebody_else_started_is_read(desk):
    desk.waits(4, cuff(0))
    desk.waits(10, cuff(140))
    assert desk.sent[-1][0] - desk.sent[-2][0] == 0.5
    assert desk.orders(CuffOrder.START) == b""
    assert READ_RESULT in [desk.hears(said("K"), 0.2), *desk.waits(0.3, cuff(0))]


@pytest.mark.parametrize(("mmhg", "is_cycle"), [(19, False), (20, True)])
def test_a_cuff_on_an_arm_is_inflated_from_20_mmhg(desk, mmhg, is_cycle):
    desk.waits(4, cuff(mmhg))
    assert (desk.orders(CuffOrder.START) == START) is not is_cycle


def test_what_is_left_in_the_cuff_after_a_cycle_is_no_other_cycle(desk):
    desk.orders(CuffOrder.START)
    desk.hears(said("O"), 0.1)
    assert desk.hears(said("K"), 20) == READ_RESULT
    desk.hears(GOOD, 0.1)
    sent = desk.waits(4, cuff(60)) + desk.waits(40, cuff(0))
    assert READ_RESULT not in sent


def test_it_never_starts_a_cycle_by_itself(desk):
    for answer in (cuff(0), cuff(None), cuff(120), GOOD, said("K"), said("O"), said("B"), None):
        assert START not in desk.waits(60, answer)


def test_opening_again_forgets_orders_but_not_the_rest_the_arm_needs(desk):
    desk.orders(CuffOrder.START)
    desk.hears(said("O"), 0.1)
    desk.hears(said("K"), 20)
    desk.hears(GOOD, 0.1)
    desk.orders(CuffOrder.START, 1)
    assert desk.talk.opening(desk.now_s) == READ_PRESSURE
    desk.hears(cuff(0), 0.1)
    assert START not in desk.waits(10, cuff(0))
    assert desk.orders(CuffOrder.START) == b""
    assert START in desk.waits(25, cuff(0))


def test_a_cycle_that_ended_while_the_cable_was_out_is_read(desk):
    desk.orders(CuffOrder.START)
    desk.hears(said("O"), 0.1)
    desk.waits(5, cuff(100))
    desk.now_s += 60
    assert desk.talk.opening(desk.now_s) == READ_PRESSURE
    desk.hears(cuff(0), 0.1)
    assert READ_RESULT in desk.waits(7, cuff(0))


def test_a_result_from_long_before_the_cable_came_back_is_not_read(desk):
    desk.orders(CuffOrder.START)
    desk.hears(said("O"), 0.1)
    desk.waits(5, cuff(100))
    desk.now_s += 600
    desk.talk.opening(desk.now_s)
    desk.hears(cuff(0), 0.1)
    assert READ_RESULT not in desk.waits(60, cuff(0))


MESSAGES = [cuff(0), cuff(None), cuff(150), GOOD, OtherReply(0, b""), *map(said, "OKABENDST")]
STEPS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.03, 0.1, 0.5, 2.0, 31.0, 200.0]),
        st.sampled_from(["hear", "due", "start", "cancel", "open"]),
        st.sampled_from(MESSAGES),
    ),
    max_size=60,
)


@given(STEPS)
def test_whatever_happens_no_start_is_said_unordered_and_nothing_wedges(steps):
    """Four minutes later the module is being asked as if nothing had been."""
    talk, now_s, is_ordered = Talk(), 0.0, False
    talk.opening(now_s)
    for wait_s, step, message in steps:
        now_s += wait_s
        if step == "start":
            is_ordered = True
            wire = talk.order(CuffOrder.START, now_s)
        elif step == "cancel":
            wire = talk.order(CuffOrder.CANCEL, now_s)
            assert wire == ABORT
            is_ordered = False
        elif step == "open":
            wire = talk.opening(now_s)
            is_ordered = False
        elif step == "hear":
            wire = talk.heard(message, now_s)
        else:
            wire, next_s = talk.due(now_s)
            assert next_s > now_s
        assert is_ordered or wire != START
    wires = []
    for _ in range(2400):
        now_s += 0.1
        wire, _ = talk.due(now_s)
        wires.append(wire)
        if wire == READ_PRESSURE:
            wires.append(talk.heard(cuff(0), now_s))
    assert {wire for wire in wires[-100:] if wire} == {READ_PRESSURE}
