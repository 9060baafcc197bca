"""Are lines cut where they end, whatever ends them and however they come?"""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.protocols.line import LineSettings
from devices.protocols.listening import Listening
from devices.protocols.text_lines import Line, Lines, moment

LONGEST = 8


def cut(*chunks):
    lines = Lines(LONGEST)
    return [line for chunk in chunks for line in lines.feed(chunk)]


def texts(*chunks):
    return [line.text for line in cut(*chunks)]


@pytest.mark.parametrize(
    ("end", "offsets"),
    [
        (b"\r\n", [5, 10, 15]),
        (b"\n", [4, 8, 12]),
        (b"\n\r", [4, 9, 14]),  # the CR begins an empty line, which ends with the next byte
        (b"\r\r\n", [4, 10, 16]),
        (b"\n\n", [4, 9, 14]),
    ],
)
def test_a_line_may_end_in_many_ways(end, offsets):
    found = cut(end.join([b"one", b"two", b"six", b""]))
    assert [line.text for line in found] == [b"one", b"two", b"six"]
    assert [line.offset for line in found] == offsets
    assert all(line.is_whole for line in found)


def test_a_carriage_return_alone_ends_a_line_once_the_next_one_begins():
    assert cut(b"one\r") == []
    assert cut(b"one\r", b"t") == [Line(b"one", 4, is_whole=True)]
    assert cut(b"one\r", b"\n") == [Line(b"one", 5, is_whole=True)]


def test_a_line_of_the_longest_kind_is_whole_and_one_byte_more_is_not():
    assert cut(b"12345678\r\n") == [Line(b"12345678", 10, is_whole=True)]
    assert cut(b"123456789\r\n") == [
        Line(b"12345678", 8, is_whole=False),
        Line(b"9", 11, is_whole=False),
    ]


@pytest.mark.parametrize(
    ("wire", "held"),
    [
        (b"", []),
        (b"one\n", []),
        (b"one\n\r", []),
        (b"one\r", [Line(b"one", 4, is_whole=True)]),
        (b"one", [Line(b"one", 3, is_whole=False)]),
        (b"one\ntwo\r", [Line(b"two", 8, is_whole=True)]),
        (b"one\rtwo", [Line(b"two", 7, is_whole=False)]),
        (b"123456789\r", [Line(b"9", 10, is_whole=False)]),
    ],
)
def test_at_the_end_a_held_line_is_whole_only_if_a_carriage_return_ended_it(wire, held):
    lines = Lines(LONGEST)
    lines.feed(wire)
    assert lines.end() == held
    assert lines.end() == []
    assert lines.feed(b"six\n") == [Line(b"six", len(wire) + 4, is_whole=True)]


def test_what_follows_a_line_that_was_too_long_is_whole_again():
    found = cut(b"x" * 20 + b"\nyes\n")
    assert [(line.text, line.is_whole) for line in found] == [
        (b"x" * 8, False),
        (b"x" * 8, False),
        (b"x" * 4, False),
        (b"yes", True),
    ]


def test_the_rest_of_a_line_that_was_too_long_is_no_line_of_its_own():
    """Or a record that noise came before would be taken for one that stands alone."""
    assert [line.is_whole for line in cut(b"x" * 8, b"y", b"es\n")] == [False, False]


@given(st.lists(st.binary(max_size=12) | st.sampled_from([b"\r", b"\n", b"ab"]), max_size=30))
def test_any_chunking_gives_the_same_lines(chunks):
    whole = b"".join(chunks)
    assert cut(*chunks) == cut(whole) == cut(*(bytes([byte]) for byte in whole))


@given(st.binary(max_size=200))
def test_nothing_but_ends_of_line_gets_lost(wire):
    found = cut(wire)
    kept = b"".join(line.text for line in found)
    ended = wire[: found[-1].offset] if found else b""
    assert kept == ended.translate(None, b"\r\n")
    assert all(0 < len(line.text) <= LONGEST for line in found)


@pytest.mark.parametrize(
    ("digits", "meant"),
    [
        ((26, 3, 14, 9, 30, 0), datetime.fromisoformat("2026-03-14T09:30:00")),
        ((68, 12, 31, 23, 59, 59), datetime.fromisoformat("2068-12-31T23:59:59")),
        ((69, 1, 1, 0, 0, 0), datetime.fromisoformat("1969-01-01T00:00:00")),
        ((98, 11, 12, 14, 0, 5), datetime.fromisoformat("1998-11-12T14:00:05")),
        ((0, 0, 0, 0, 0, 0), None),
        ((26, 2, 30, 9, 30, 0), None),
        ((26, 3, 14, 24, 0, 0), None),
    ],
)
def test_a_moment_is_read_or_there_is_none(digits, meant):
    assert moment(*digits) == meant


def test_listening_says_nothing_ever():
    talk = Listening(LineSettings(baud=9600, interval_s=2.0))
    for now_s in (0.0, 1.0, 1e6):
        assert talk.opening(now_s) == b""
        assert talk.heard(object(), now_s) == b""
        assert talk.due(now_s) == (b"", float("inf"))
    assert talk.closing() == b""
    assert talk.interval_s == 2.0
