"""Does Vigil read a DINAMAP's replies as meant, tell each result once, and ask as it should?"""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical.links import CuffOrder
from clinical.vitals import Metric
from devices.protocols import dinamap
from devices.protocols.dinamap import (
    CANCEL,
    RATE,
    START,
    STATUS,
    CuffNews,
    CuffStatus,
    Decoder,
    OtherReply,
    Rate,
    Talk,
    check_pair,
    translate,
)
from devices.protocols.line import Garbled
from tests.conftest import ROOT

NOW = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
VECTORS = tomllib.loads((ROOT / "tests" / "vectors" / "dinamap.toml").read_text())
A, B = (118, 72, 89), (124, 76, 92)


def framed(text):
    """``text`` with its check pair: 20h less for each character, and one more for each."""
    total = sum(ord(one) - 0x20 for one in text) + len(text)
    return f"{text}{chr(0x20 + total // 64)}{chr(0x20 + total % 64)}\r".encode()


def na(status=1, age=0, pressures=A):
    shown = "".join("000" if one is None else f"{one:03d}" for one in pressures)
    return framed(f" NA{status}00{age:04d}{shown}")


def rc(rate, digit=1):
    return framed(f" RC{digit}{rate:03d}")


def fed(*wires, decoder=None):
    decoder = decoder or Decoder()
    return [message for wire in wires for message in decoder.feed(wire)]


def one(wire, decoder=None):
    (message,) = fed(wire, decoder=decoder)
    return message


def told(*wires):
    """What each reply adds: names of readings, of pulses, "failed", "blank"; "" for nothing."""
    found = []
    for message in fed(*wires):
        if isinstance(message, Rate):
            found.append(f"pulse {message.measurement_id}" if message.is_news else "")
        else:
            is_none = message.news is CuffNews.NONE
            found.append(message.measurement_id or ("" if is_none else message.news.value))
    return found


# Messages.


def test_reads_the_reply_field_by_field():
    assert one(framed(" NA1230014118072089")) == CuffStatus(
        22, " ", 1, 14, 118, 72, 89, CuffNews.READING, "n1"
    )
    assert one(framed(" RC1064")) == Rate(10, " ", "1", 64, True, None, 0)


def test_systolic_comes_before_diastolic_before_mean():
    seen = {o.metric: o.value for o in translate(one(na()), NOW)}
    assert seen == {Metric.NIBP_SYSTOLIC: 118, Metric.NIBP_DIASTOLIC: 72, Metric.NIBP_MEAN: 89}


@pytest.mark.parametrize(
    ("text", "pair"),
    [(b" NA", b"!2"), (b" NC0", b"!E"), (b" ND", b"!5"), (b" RC", b"!8"), (b" OA", b"!3"),
     (b" RA", b"!6"), (b" TC", b"!:"), (b" NA1000014118072089", b"&,")],
)  # fmt: skip
def test_the_check_pair_is_that_of_the_commands_known(text, pair):
    assert check_pair(text) == pair


@pytest.mark.parametrize(
    ("name", "changed"),
    [("CHECK_BASE", 0x20), ("CHECK_BITS", 5), ("CHECK_MASK", 0x1F), ("SPACE", 0x21)],
)
def test_another_check_rule_refuses_every_reply(monkeypatch, name, changed):
    monkeypatch.setattr(dinamap, name, changed)
    assert isinstance(one(na(age=999)), Garbled)  # 418: both characters need all their bits


@pytest.mark.parametrize("vector", VECTORS["requests"], ids=lambda v: v["name"])
def test_asks_in_the_bytes_that_are_known(vector):
    said = {"status": STATUS, "start": START, "cancel": CANCEL, "rate": RATE}
    assert said[vector["command"]] == bytes.fromhex(vector["hex"])


@pytest.mark.parametrize(
    ("text", "letters", "rest"), [(" NC0", "NC", "0"), (" ND", "ND", ""), (" ND~!", "ND", "~!")]
)
def test_the_answer_to_an_order_is_kept_as_it_is(text, letters, rest):
    wire = framed(text)
    assert one(wire) == OtherReply(len(wire), " ", letters, rest)
    assert translate(one(wire), NOW) == []


@pytest.mark.parametrize(
    "text",
    [
        " NK07",
        " na1000014118072089",
        " NA0",
        " NA100001411807208",  # one character short
        " NAX000014118072089",  # no status digit
        " RC106",
    ],
)
def test_any_other_reply_is_no_sign_that_the_cuff_can_be_read(text):
    wire = framed(text)
    reason = f"{text[1:3]!r}: no reply of a form that is known"
    assert one(wire) == Garbled(wire[:-1], reason, len(wire))


def test_unread_characters_do_not_matter():
    seen = one(framed("~NA1!~0014118072089and more of it"))
    assert (seen.unit, seen.systolic, seen.diastolic, seen.mean) == ("~", *A)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("118", 118), (" 72", 72), ("  1", 1), ("300", 300), ("301", None), ("999", None),
        ("000", None), ("   ", None), ("---", None), ("-99", None), ("1 8", None), ("+18", None),
        ("1.8", None), ("1_8", None), ("0x1", None), ("12 ", None),
    ],
)  # fmt: skip
def test_a_field_is_a_number_or_nothing(field, value):
    assert one(framed(f" NA1000014120{field}090")).diastolic == value
    assert one(framed(f" NA1000014{field}080090")).systolic == value


@pytest.mark.parametrize(
    ("field", "value"),
    [("064", 64), (" 64", 64), ("000", None), ("-99", None), ("019", None), ("020", 20),
     ("300", 300), ("301", None), ("999", None)],
)  # fmt: skip
def test_a_rate_is_a_number_or_nothing(field, value):
    assert one(framed(f" RC1{field}")).rate == value


def test_a_rate_without_a_source_is_none():
    assert one(framed(" RC0064")).rate is None
    assert one(framed(" RC3064")).rate == 64


@pytest.mark.parametrize(
    ("piece", "reason"),
    [
        (b" NA1000014118072089&-", "check pair '&-', expected '&,'"),
        (b" NA2000014118072089&,", "check pair '&,', expected '&-'"),
        (b" NA1000014\x001807208&,", "not all printable characters"),
        (b" NA1000014\xb118072089&,", "not all printable characters"),
        (b"\n NA!2", "not all printable characters"),
        (b" NA!", "4 characters, expected at least 5"),
    ],
)
def test_a_damaged_reply_says_why_and_the_next_is_read(piece, reason):
    wire = piece + b"\r"
    garbled, good = fed(wire + na())
    assert garbled == Garbled(piece, reason, len(wire))
    assert good.offset == len(wire) + 22


def test_empty_lines_are_nothing():
    assert [m.offset for m in fed(b"\r\r" + na() + b"\r\r")] == [24]


def test_a_run_without_an_end_is_cut():
    assert [m.offset for m in fed(*[b"7" * 50] * 8)] == [120, 240, 360]


def test_a_lost_character_costs_its_reply_and_no_more():
    wire = na()
    for lost in range(len(wire) - 1):
        found = fed(wire[:lost] + wire[lost + 1 :] + na(pressures=B))
        assert [type(m) for m in found] == [Garbled, CuffStatus]


# Not strict: for finding out why nothing is understood.


def test_not_strict_takes_a_reply_with_a_wrong_check_pair_and_says_so():
    seen = one(b" NA1000014118072089&-\r", Decoder(strict=False))
    assert {(o.quality, o.remarks) for o in translate(seen, NOW)} == {
        ("questionable", ("check pair does not match",))
    }
    assert [o.value for o in translate(seen, NOW)] == [118, 72, 89]


def test_not_strict_takes_a_reply_without_a_check_pair():
    decoder = Decoder(strict=False)
    assert one(b" NA1000014118072089\r", decoder).mean == 89
    assert one(b" RC1064\r", decoder).rate == 64


def test_not_strict_doubts_no_sound_reply():
    (systolic, *_) = translate(one(na(), Decoder(strict=False)), NOW)
    assert (systolic.quality, systolic.remarks) == ("valid", ())


# What is new.


def test_the_first_result_is_new_however_old_and_dated_so():
    seen = translate(one(na(age=5400)), NOW)
    assert {o.observed_at for o in seen} == {NOW - timedelta(seconds=5400)}
    assert {o.measurement_id for o in seen} == {"n1"}


def test_a_result_is_new_when_its_age_drops():
    assert told(na(age=14), na(age=16), na(age=18), na(age=0), na(age=2)) == [
        "n1",
        "",
        "",
        "n2",
        "",
    ]


def test_a_result_is_new_when_a_pressure_changes():
    assert told(na(age=1), na(age=9, pressures=B), na(age=11, pressures=B)) == ["n1", "n2", ""]
    assert told(na(), na(pressures=(118, 72, 90)))[1] == "n2"


def test_a_result_read_twice_at_the_same_age_is_one():
    assert told(na(age=5), na(age=5)) == ["n1", ""]


@pytest.mark.parametrize("age", ["9999", "----", "    "])
def test_a_result_without_an_age_is_not_told_until_it_has_one(age):
    """Whenever it was measured, it was not now: perhaps two hours ago, on another patient."""
    wire = framed(f" NA100{age}118072089")
    assert one(wire).age_s is None
    assert translate(one(wire), NOW) == []
    assert told(wire, wire, na(age=7)) == ["", "", "n1"]
    assert told(na(pressures=B), wire, na(age=7)) == ["n1", "", "n2"]
    assert told(na(age=9), wire, na(age=1)) == ["n1", "", "n2"]
    blank = framed(f" NA100{age}000000000")
    assert told(blank, na(1, 3, (None, None, None))) == ["", "blank"]


def test_an_age_that_cannot_be_read_is_none():
    assert told(na(age=9), framed(" NA100----118072089"), na(age=13)) == ["n1", "", ""]


def test_a_result_that_has_become_too_old_to_be_counted_is_followed_by_a_new_one():
    assert told(na(age=5400), na(age=9999), na(age=9999), na(age=2)) == ["n1", "", "", "n2"]


@pytest.mark.parametrize("status", [0, 2])
def test_a_busy_cuff_without_an_age_does_not_make_the_result_before_it_new(status):
    assert told(na(age=60), na(status, 9999), na(age=66)) == ["n1", "", ""]
    assert told(na(age=60), na(status, 9999), na(age=3)) == ["n1", "", "n2"]


@pytest.mark.parametrize("status", [0, 2])
def test_an_age_that_drops_while_the_cuff_is_busy_is_of_the_next_result(status):
    busy = (na(status, 62), na(status, 0), na(status, 2))
    assert told(na(age=60), *busy, na(age=4), na(age=6)) == ["n1", "", "", "", "n2", ""]
    assert told(na(age=60), *busy, na(4, 4), na(age=6)) == ["n1", "", "", "", "failed", ""]
    assert told(na(4, 60), *busy, na(4, 4), na(4, 6)) == ["failed", "", "", "", "failed", ""]


def test_an_age_that_dropped_while_a_cancelled_cuff_was_busy_makes_nothing_new():
    def names(*wires):
        return [m.measurement_id for m in fed(*wires) if isinstance(m, CuffStatus)]

    stopped = framed(" ND")
    assert names(na(age=60), na(0, 0), stopped, na(age=2)) == ["n1", None, None]
    assert names(na(age=60), stopped, na(age=1)) == ["n1", None]
    assert names(stopped, na(age=60), na(0, 70), na(age=0)) == ["n1", None, "n2"]


def test_while_the_cuff_is_busy_nothing_is_told_and_the_old_result_stays_old():
    assert told(na(age=60), na(0, age=62), na(2, age=64), na(age=66)) == ["n1", "", "", ""]
    assert told(na(age=60), na(0, age=62), na(0, age=90), na(age=1, pressures=B))[-1] == "n2"
    assert told(na(0), na(0, age=2)) == ["", ""]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (3, "determination failed"), (4, "pump-up timeout"),
        (5, "determination failed, status 5"), (6, "total time timeout"),
        (7, "one-pressure timeout"), (8, "overpressure or excess air in cuff"),
        (9, "unknown NIBP status"),
    ],
)  # fmt: skip
def test_a_failure_has_no_values_whatever_stands_in_the_fields(status, words):
    seen = translate(one(na(status)), NOW)
    assert [o.metric for o in seen] == ["nibp_systolic", "nibp_diastolic", "nibp_mean"]
    assert {(o.value, o.quality, o.measurement_id, o.remarks, o.observed_at) for o in seen} == {
        (None, "unavailable", None, (words,), NOW)
    }


def test_a_failure_is_told_once_for_each_determination():
    assert told(na(4, 30), na(4, 32), na(4, 34)) == ["failed", "", ""]
    assert told(na(4, 30), na(0, 32), na(4, 34)) == ["failed", "", "failed"]
    assert told(na(4, 30), na(4, 0)) == ["failed", "failed"]
    assert told(na(4, 30), na(1, 32), na(4, 34)) == ["failed", "n1", "failed"]


@pytest.mark.parametrize("age", [2, 9999])
def test_a_failure_does_not_make_the_result_before_it_new(age):
    assert told(na(age=50), na(0, 52), na(4, age), na(4, age), na(age=60)) == [
        "n1", "", "failed", "", "",
    ]  # fmt: skip


def test_a_result_without_values_is_told_once():
    blank = (None, None, None)
    assert told(na(1, 1, blank), na(1, 3, blank), na(1, 5), na(1, 7, blank)) == [
        "blank", "", "n1", "blank",
    ]  # fmt: skip


def test_a_mean_alone_is_a_reading():
    assert told(na(pressures=(None, None, 71))) == ["n1"]


def test_the_pulse_belongs_to_the_reading_before_it():
    assert told(na(age=9), rc(64), na(age=11), na(age=1), rc(64)) == [
        "n1", "pulse n1", "", "n2", "pulse n2",
    ]  # fmt: skip
    _, pulse = fed(na(age=9), rc(64))
    (seen,) = translate(pulse, NOW)
    assert (seen.metric, seen.value, seen.source) == ("nibp_pulse", 64, "nibp")
    assert seen.observed_at == NOW - timedelta(seconds=9)


def test_the_pulse_may_come_after_more_polls():
    assert told(na(age=9), na(age=11), na(0, age=13), rc(64)) == ["n1", "", "", "pulse n1"]


def test_a_pulse_that_is_not_there_is_told_of_its_reading():
    _, pulse = fed(na(), rc(0))
    (seen,) = translate(pulse, NOW)
    assert (seen.value, seen.quality, seen.measurement_id) == (None, "unavailable", "n1")


@pytest.mark.parametrize("failure", [na(4, 5), na(1, 0, (None, None, None))])
def test_a_pulse_after_a_failure_is_nobodys(failure):
    assert told(na(age=9), failure, rc(64), rc(65))[2:] == ["", ""]
    assert told(na(age=9), failure, na(0, 20), rc(64))[3] == ""
    assert told(na(age=9), failure, na(1, 0, B), rc(64))[2:] == ["n2", "pulse n2"]


def test_a_pulse_of_no_reading_is_told_once_and_counts_as_none():
    assert told(rc(64), rc(64), rc(65), na(), rc(65)) == [
        "pulse None", "", "pulse None", "n1", "pulse n1",
    ]  # fmt: skip
    assert told(na(), rc(64), rc(64)) == ["n1", "pulse n1", ""]
    assert told(rc(0), rc(0)) == ["pulse None", ""]
    (seen,) = translate(one(rc(64)), NOW)
    assert (seen.value, seen.quality, seen.measurement_id) == (64, "valid", None)
    assert seen.observed_at == NOW


# Talk: bytes and numbers.


def answer(*wires):
    return fed(*wires)[-1]


OLD, NEW = answer(na(), na(age=2)), answer(na())
PULSE, FAILED, BUSY = answer(rc(64)), answer(na(4)), answer(na(0))
STARTED, STOPPED = answer(framed(" NC")), answer(framed(" ND"))


@pytest.fixture
def talk():
    """A monitor that has answered the first question, half a second ago."""
    talk = Talk()
    assert talk.opening(1000.0) == STATUS
    assert talk.heard(OLD, 1000.1) == b""
    return talk


def test_says_nothing_before_it_is_opened():
    assert Talk().due(0.0) == (b"", inf)
    assert Talk().heard(OLD, 0.0) == b""


def test_asks_every_2_s(talk):
    assert talk.interval_s == 2
    assert talk.due(1000.5) == (b"", 1002.0)
    assert talk.due(1002.0) == (STATUS, 1004.0)
    assert talk.heard(OLD, 1002.2) == b""
    assert talk.due(1003.9) == (b"", 1004.0)
    assert talk.due(1004.05) == (STATUS, 1006.05)
    assert talk.closing() == b""


def test_asks_again_when_no_answer_came(talk):
    assert talk.due(1002.0)[0] == STATUS
    assert talk.due(1003.9) == (b"", 1004.0)
    assert talk.due(1004.0) == (STATUS, 1006.0)
    assert talk.due(1006.0) == (STATUS, 1008.0)


def test_asks_for_the_pulse_of_a_new_result_once(talk):
    talk.due(1002.0)
    assert talk.heard(NEW, 1002.2) == RATE
    assert talk.heard(PULSE, 1002.3) == b""
    assert talk.due(1003.0) == (b"", 1004.0)
    assert talk.due(1004.0)[0] == STATUS
    assert talk.heard(OLD, 1004.2) == b""


@pytest.mark.parametrize("reply", [OLD, FAILED, STARTED], ids=["old", "failed", "other"])
def test_asks_for_no_pulse_where_nothing_is_new(talk, reply):
    talk.due(1002.0)
    assert talk.heard(reply, 1002.2) == b""
    assert talk.due(1003.9)[0] == b""


def test_a_pulse_that_does_not_come_is_asked_for_three_times(talk):
    talk.due(1002.0)
    talk.heard(NEW, 1002.1)
    sent, now_s = [RATE], 1002.1
    while now_s < 1020:
        now_s += 0.1
        wire, next_s = talk.due(now_s)
        assert next_s > now_s
        if wire:
            sent.append(wire)
        if wire == STATUS:
            sent.append(talk.heard(OLD, now_s))
    assert [wire for wire in sent if wire == RATE] == [RATE] * 3
    assert sent.count(STATUS) >= 6


def test_a_start_goes_out_at_once_and_once(talk):
    assert talk.order(CuffOrder.START, 1001.0) == START
    assert talk.order(CuffOrder.START, 1001.1) == b""
    assert talk.heard(STARTED, 1001.2) == b""
    assert talk.due(1002.0)[0] == STATUS


def test_there_is_nothing_to_start_while_an_ordered_determination_runs(talk):
    talk.order(CuffOrder.START, 1001.0)
    talk.heard(STARTED, 1001.1)
    for now_s in (1002.0, 1004.0, 1006.0, 1030.0):
        assert talk.due(now_s)[0] == STATUS
        talk.heard(OLD if now_s < 1005 else BUSY, now_s + 0.1)  # at first the state of before
        assert talk.order(CuffOrder.START, now_s + 0.2) == b""
    talk.due(1040.0)
    assert talk.heard(NEW, 1040.1) == RATE
    talk.heard(PULSE, 1040.2)
    assert talk.order(CuffOrder.START, 1041.0) == START


def test_a_monitor_that_stays_busy_may_be_started_again_after_3_minutes(talk):
    talk.order(CuffOrder.START, 1001.0)
    talk.heard(STARTED, 1001.1)
    assert talk.order(CuffOrder.START, 1180.9) == b""
    assert talk.order(CuffOrder.START, 1181.0) == START


@pytest.mark.parametrize("how", ["cancelled", "opened again"])
def test_a_start_that_came_to_nothing_blocks_no_other(talk, how):
    talk.order(CuffOrder.START, 1001.0)
    if how == "cancelled":
        talk.order(CuffOrder.CANCEL, 1001.1)
        talk.heard(STOPPED, 1001.2)
    else:
        talk.opening(1001.1)
        talk.heard(OLD, 1001.2)
    assert talk.order(CuffOrder.START, 1001.5) == START


def test_a_start_waits_for_the_answer_that_is_out(talk):
    talk.due(1002.0)
    assert talk.order(CuffOrder.START, 1002.1) == b""
    assert talk.heard(OLD, 1002.2) == START


def test_a_start_waits_no_longer_than_an_answer_may_take(talk):
    talk.due(1002.0)
    assert talk.order(CuffOrder.START, 1002.1) == b""
    assert talk.due(1003.9)[0] == b""
    assert talk.due(1004.0) == (START, 1006.0)


def test_a_start_without_an_answer_is_not_repeated(talk):
    talk.order(CuffOrder.START, 1001.0)
    assert talk.due(1003.0)[0] == STATUS
    assert talk.due(1005.0)[0] == STATUS


def test_a_cancel_waits_for_nothing_and_takes_back_a_start(talk):
    talk.due(1002.0)
    assert talk.order(CuffOrder.START, 1002.1) == b""
    assert talk.order(CuffOrder.CANCEL, 1002.1) == CANCEL
    assert talk.heard(OLD, 1002.2) == b""  # of the question before
    assert talk.heard(STOPPED, 1002.3) == b""
    assert talk.due(1003.9)[0] == b""
    assert talk.due(1004.0)[0] == STATUS


def test_a_cancel_goes_out_while_the_start_has_no_answer(talk):
    assert talk.order(CuffOrder.START, 1001.0) == START
    assert talk.order(CuffOrder.CANCEL, 1001.1) == CANCEL
    assert talk.heard(STARTED, 1001.2) == b""
    assert talk.heard(STOPPED, 1001.3) == b""


def test_a_cancel_without_an_answer_is_said_once_more(talk):
    talk.order(CuffOrder.CANCEL, 1001.0)
    assert talk.due(1003.0)[0] == CANCEL
    assert talk.due(1005.0)[0] == STATUS


def test_a_start_after_a_cancel_is_not_cancelled_again(talk):
    talk.order(CuffOrder.CANCEL, 1001.0)
    assert talk.order(CuffOrder.START, 1001.1) == b""
    assert talk.due(1003.0)[0] == START
    assert talk.due(1005.0)[0] == STATUS


def test_a_result_that_comes_after_a_cancel_still_gets_its_pulse(talk):
    talk.due(1002.0)
    talk.order(CuffOrder.CANCEL, 1002.1)
    assert talk.heard(NEW, 1002.2) == b""
    assert talk.heard(STOPPED, 1002.3) == RATE


def test_a_start_that_is_refused_may_be_ordered_again_when_the_cuff_is_seen_idle(talk):
    """A refusal has no known form: it is heard as little as a start that was lost."""
    assert talk.order(CuffOrder.START, 1001.0) == START
    assert talk.due(1003.0)[0] == STATUS
    talk.heard(OLD, 1003.1)
    assert talk.order(CuffOrder.START, 1003.2) == b""
    talk.due(1006.0)
    talk.heard(OLD, 1006.1)
    assert talk.order(CuffOrder.START, 1006.2) == START


def test_a_late_answer_to_another_question_does_not(talk):
    talk.due(1002.0)
    assert talk.order(CuffOrder.START, 1002.1) == b""
    assert talk.heard(PULSE, 1002.2) == b""
    assert talk.heard(OLD, 1002.3) == START


def test_opening_again_starts_cleanly(talk):
    talk.due(1002.0)
    talk.heard(NEW, 1002.1)
    talk.order(CuffOrder.START, 1002.2)
    assert talk.opening(1050.0) == STATUS
    assert talk.heard(OLD, 1050.1) == b""
    assert talk.due(1052.0)[0] == STATUS


def test_a_cancel_of_just_before_goes_out_again_on_the_next_cable(talk):
    talk.order(CuffOrder.CANCEL, 1001.0)
    assert talk.opening(1009.0) == CANCEL
    assert talk.due(1011.0)[0] == CANCEL
    assert talk.heard(STOPPED, 1011.1) == STATUS
    talk.heard(OLD, 1011.2)
    assert talk.opening(1012.0) == STATUS


@pytest.mark.parametrize("since", ["long ago", "answered", "started again"])
def test_a_cancel_that_is_old_or_done_does_not(talk, since):
    talk.order(CuffOrder.CANCEL, 1001.0)
    if since == "answered":
        talk.heard(STOPPED, 1001.1)
    elif since == "started again":
        talk.order(CuffOrder.START, 1001.1)
    assert talk.opening(1011.1 if since == "long ago" else 1002.0) == STATUS


STEPS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.05, 0.5, 2.0, 60.0]),
        st.sampled_from(["hear", "due", "start", "cancel", "open"]),
        st.sampled_from([OLD, NEW, FAILED, PULSE, STARTED, STOPPED]),
    ),
    max_size=60,
)


@given(STEPS)
def test_whatever_happens_each_order_is_one_start_and_nothing_wedges(steps):
    """A minute later the monitor is being asked as if nothing had been."""
    talk, now_s, ordered, started = Talk(), 0.0, 0, 0
    talk.opening(now_s)
    for wait_s, step, message in steps:
        now_s += wait_s
        if step == "start":
            ordered += 1
            wire = talk.order(CuffOrder.START, now_s)
        elif step == "cancel":
            wire = talk.order(CuffOrder.CANCEL, now_s)
            assert wire == CANCEL
        elif step == "open":
            wire = talk.opening(now_s)
        elif step == "hear":
            wire = talk.heard(message, now_s)
        else:
            wire, next_s = talk.due(now_s)
            assert next_s > now_s
        started += wire == START
    wires = []
    for _ in range(600):
        now_s += 0.1
        wire, _ = talk.due(now_s)
        started += wire == START
        wires.append(wire)
        if wire == STATUS:
            wires.append(talk.heard(OLD, now_s))
    assert started <= ordered
    assert {wire for wire in wires[-100:] if wire} == {STATUS}
