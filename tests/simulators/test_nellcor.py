"""Does the simulated Nellcor oximeter print what a recorded N-560 and the manuals print?"""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from simulators.displayed import Displayed
from simulators.nellcor import ADULT, Monitor, data_line, vector_frame
from simulators.oximeter import Limits

NINE_THIRTY = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
WELL = Displayed(spo2_pct=97, pulse_bpm=72, pleth_modulation_pct=2.5)
OFF = Displayed()
UNPLUGGED = Displayed(attached=frozenset())
HEADINGS = [
    "N-560    VERSION 1.56.00    CRC:XXXX  SpO2 Limit: 90-100%    PR Limit: 50-140BPM",
    "                             ADULT            0SAT-S ",
    "TIME                 %SpO2   BPM     PA     Status",
]


def monitor(showing: Displayed | Callable[[float], Displayed] = WELL, **how: Any) -> Monitor:
    shows = (lambda _t_s: showing) if isinstance(showing, Displayed) else showing
    return Monitor(shows, begin_unix_s=NINE_THIRTY.timestamp(), **how)


def printed(oximeter: Monitor, until_s: float, from_s: float = 0.0) -> list[str]:
    """All lines of a time, asked for whenever the monitor says that one is due."""
    text, t_s = "", from_s
    while t_s < until_s:
        data, next_s = oximeter.due(t_s)
        assert next_s > t_s
        text, t_s = text + data.decode("ascii"), next_s
    assert text.endswith("\r\n")
    return text.removesuffix("\r\n").split("\r\n")


def values(lines: list[str]) -> list[str]:
    """The data lines, from the SpO2 on."""
    return [line[21:].rstrip() for line in lines if line[:1].isdigit()]


@pytest.mark.parametrize(
    ("shown", "line"),
    [
        (WELL, "14-Mar-26 09:30:00    97      72      40                     "),
        (
            Displayed(spo2_pct=89, pulse_bpm=73, pleth_modulation_pct=2.4, is_pulse_noisy=True),
            "14-Mar-26 09:30:00    89*     73      38    MO SL            ",
        ),
        (OFF, "14-Mar-26 09:30:00   ---     ---     ---    SO               "),
        (UNPLUGGED, "14-Mar-26 09:30:00   ---     ---     ---    SD               "),
        (
            Displayed(spo2_pct=100, pulse_bpm=141),
            "14-Mar-26 09:30:00   100     141*    ---          PH         ",
        ),
        (
            Displayed(spo2_pct=90, pulse_bpm=49, pleth_modulation_pct=90),
            "14-Mar-26 09:30:00    90      49*    999          PL         ",
        ),
        (
            Displayed(spo2_pct=90, pulse_bpm=50),
            "14-Mar-26 09:30:00    90      50     ---                     ",
        ),
        (
            Displayed(spo2_pct=None, pulse_bpm=140),
            "14-Mar-26 09:30:00   ---     140     ---                     ",
        ),
    ],
)
def test_a_line_is_as_worked_out_by_hand_after_its_headings(shown, line):
    assert len(line) == 61
    assert printed(monitor(shown), 1) == [*HEADINGS, line]


def test_a_line_every_two_seconds_and_none_made_up():
    oximeter = monitor()
    assert oximeter.due(10.5)[1] == 12.5
    assert oximeter.due(12.0) == (b"", 12.5)
    late, next_s = oximeter.due(19.0)
    assert (late.count(b"\n"), next_s) == (1, 20.5)


def test_the_headings_return_after_each_block_of_twenty_five_lines():
    lines = printed(monitor(), 140)
    assert [n for n, line in enumerate(lines) if line == HEADINGS[0]] == [0, 25, 50, 75]
    assert len(lines) == 70 + 4 * 3


def test_the_headings_return_at_once_when_a_limit_changes():
    oximeter = monitor()
    assert len(printed(oximeter, 10)) == 3 + 5
    oximeter.limits = Limits(
        spo2_low_pct=98, spo2_high_pct=100, pulse_low_bpm=60, pulse_high_bpm=170
    )
    first, *rest = printed(oximeter, 12 + 60, 10)
    assert first == HEADINGS[0].replace("90-100%", "98-100%").replace("50-140", "60-170")
    assert rest[2].endswith(" 97*     72      40       SL            ")
    assert [n for n, line in enumerate(rest) if line == first] == [24]


def test_the_n_595_says_its_response_mode_and_spells_the_column_otherwise():
    assert printed(monitor(model="n-595", sat_s=25, is_neonatal=True), 1)[:3] == [
        "N-595    VERSION 1.0.0.0    CRC:XXXX  SpO2 Limit: 90-100%    PR Limit: 50-140BPM",
        "                             NEO             25SAT-S   SPO2 RESP MODE: NORMAL",
        "TIME                 %SPO2   BPM     PA     Status",
    ]


def test_an_npb_writes_months_in_capitals_and_no_kind_of_patient():
    first, second, line = printed(monitor(model="npb-295"), 1)
    assert first.startswith("NPB-295  VERSION 2.0.0.0    CRC: XXXX  SpO2 Limit: ")
    assert second.startswith("TIME ")
    assert line.startswith("14-MAR-26 09:30:00 ")


def test_months_are_english_whatever_the_computer_speaks():
    firsts = [datetime(2026, month, 1, tzinfo=UTC) for month in range(1, 13)]
    lines = [data_line(first, None, None, None) for first in firsts]
    assert " ".join(line[3:6] for line in lines) == (
        "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"
    )
    assert all(line[:3] + line[6:18] == "01--26 00:00:00" for line in lines)


def test_a_sensor_that_leaves_and_returns_passes_through_old_numbers_and_zeros():
    oximeter = monitor(lambda t_s: OFF if 4 <= t_s < 10 else WELL, search_s=6)
    assert values(printed(oximeter, 20)) == [
        " 97      72      40",
        " 97      72      40",
        " 97      72     ---    PS",
        "---     ---     ---    SO",
        "---     ---     ---    SO",
        "  0       0     ---    PS",
        "  0       0     ---    PS",
        "  0       0     ---    PS",
        " 97      72      40",
        " 97      72      40",
    ]


def test_a_search_goes_on_for_as_long_as_in_the_recording():
    oximeter = monitor(lambda t_s: UNPLUGGED if t_s < 2 else WELL)
    lines = values(printed(oximeter, 22))
    assert [line.split()[-1] for line in lines] == ["SD", *["PS"] * 8, "40", "40"]


def test_no_asterisk_and_no_alarm_while_the_numbers_mean_nothing():
    low = Displayed(spo2_pct=80, pulse_bpm=72)
    oximeter = monitor(lambda t_s: OFF if 2 <= t_s < 4 else low, search_s=2)
    assert values(printed(oximeter, 8)) == [
        " 80*     72     ---       SL",
        " 80      72     ---    PS",
        "  0       0     ---    PS",
        " 80*     72     ---       SL",
    ]


def test_what_the_keys_have_set_stands_in_every_line():
    oximeter = monitor(OFF, is_silenced=True, is_audio_off=True, is_battery_low=True)
    assert values(printed(oximeter, 2)) == ["---     ---     ---    SO       LB AS AO"]


def test_xoff_stops_the_printing_and_xon_starts_it():
    oximeter = monitor()
    assert len(printed(oximeter, 4)) == 3 + 2
    assert oximeter.heard(b"\x13", 4.0) == b""
    assert oximeter.due(9.0) == (b"", math.inf)
    assert oximeter.heard(b"\x11", 9.5) == b""
    data, next_s = oximeter.due(9.5)
    assert (data[:18], data.count(b"\n"), next_s) == (b"14-Mar-26 09:30:09", 1, 10.0)


def test_the_last_of_several_words_counts_and_all_else_is_ignored():
    oximeter = monitor()
    assert oximeter.heard(b"\x11" + b"help\r\n" * 10_000 + b"\x13\x11", 0.0) == b""
    assert oximeter.due(0.0)[1] == 2.0
    oximeter.heard(b"\x11\x13", 0.0)
    assert oximeter.due(2.0) == (b"", math.inf)


def test_the_adult_limits_are_those_of_the_first_heading():
    assert (ADULT.spo2_low_pct, ADULT.spo2_high_pct) == (90, 100)
    assert (ADULT.pulse_low_bpm, ADULT.pulse_high_bpm) == (50, 140)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"line": "columns", "crc": "X"}, "crc"),
        ({"line": "trend"}, "trend"),
    ],
)
def test_what_a_vector_must_not_say_is_refused(values, said):
    with pytest.raises(ValueError, match=said):
        vector_frame(values)
