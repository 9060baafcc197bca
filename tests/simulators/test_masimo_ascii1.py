"""Does the simulated Masimo oximeter print what the manual and real records show?"""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from simulators import masimo_ascii1
from simulators.displayed import Displayed
from simulators.masimo_ascii1 import FORMS, Monitor, record, vector_frame
from simulators.oximeter import Limits

NINE_THIRTY = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
WELL = Displayed(spo2_pct=97, pulse_bpm=72, pleth_modulation_pct=2.35)
OFF = Displayed()
UNPLUGGED = Displayed(attached=frozenset())


def monitor(showing: Displayed | Callable[[float], Displayed] = WELL, **how: Any) -> Monitor:
    shows = (lambda _t_s: showing) if isinstance(showing, Displayed) else showing
    return Monitor(shows, begin_unix_s=NINE_THIRTY.timestamp(), **how)


def lines(oximeter: Monitor, until_s: int) -> list[str]:
    """The records of ``until_s`` seconds, without their line ends."""
    sent = [oximeter.due(float(t_s))[0] for t_s in range(until_s)]
    assert all(line.endswith(b"\r\n") for line in sent)
    return [line.decode("ascii").removesuffix("\r\n") for line in sent]


def field(line: str, name: str) -> str:
    return dict(word.split("=") for word in line.split() if "=" in word)[name]


def bits(line: str) -> tuple[str, str]:
    return field(line, "ALARM"), field(line, "EXC")


@pytest.mark.parametrize(
    ("shown", "line"),
    [
        (
            WELL,
            "03/14/26 09:30:00 SN=0000123456 SPO2=097% BPM=072 PI=02.35% SPCO=--.-% SPMET=--.-% "
            "DESAT=-- PIDELTA=+-- ALARM=0000 EXC=000800",
        ),
        (
            Displayed(spo2_pct=88.4, pulse_bpm=73, pleth_modulation_pct=0.41),
            "03/14/26 09:30:00 SN=0000123456 SPO2=088% BPM=073 PI=00.41% SPCO=--.-% SPMET=--.-% "
            "DESAT=-- PIDELTA=+-- ALARM=0012 EXC=000804",
        ),
        (
            OFF,
            "03/14/26 09:30:00 SN=0000123456 SPO2=---% BPM=--- PI=--.--% SPCO=--.-% SPMET=--.-% "
            "DESAT=-- PIDELTA=+-- ALARM=0000 EXC=000020",
        ),
    ],
    ids=["well", "low and weak", "sensor off"],
)
def test_a_record_is_as_worked_out_by_hand(shown, line):
    assert len(line) == 125
    assert lines(monitor(shown), 1) == [line]


def test_one_record_a_second_from_the_first_asking_on_and_none_made_up():
    oximeter = monitor()
    assert oximeter.due(20.5)[1] == 21.5
    assert oximeter.due(21.0) == (b"", 21.5)
    late, next_s = oximeter.due(25.7)
    assert (late.count(b"\n"), next_s) == (1, 26.5)
    assert oximeter.due(26.5)[0].startswith(b"03/14/26 09:30:26 ")


def test_the_clock_is_the_monitors_own():
    begin_unix_s = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()
    oximeter = Monitor(lambda _t_s: WELL, begin_unix_s=begin_unix_s)
    stamps = [line[:17] for line in lines(oximeter, 2)]
    assert stamps == ["12/31/26 23:59:59", "01/01/27 00:00:00"]


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("radical-5", "03/14/26 09:30:00 SPO2=097% BPM=072 PI=02.35% ALARM=00 EXC=800"),
        (
            "radical-7",
            "03/14/26 09:30:00 SN=0000123456 SPO2=097% BPM=072 PI=02.35% SPCO=--.-% SPMET=--.-% "
            "DESAT=-- PIDELTA=+-- PVI=--- ALARM=0000 EXC=000800",
        ),
        (
            "radical-7 colour",
            "03/14/26 09:30:00 SN=0000123456 SPO2=097% BPM=072 PI=02.35 SPCO=--% SPMET=--.-% "
            "SPHB=--.- SPOC=-- RESVD=--- DESAT=-- PIDELTA=+-- PVI=--- ALARM=000000 EXC=0000800 "
            "EXC1=00000000",
        ),
    ],
)
def test_other_models_print_other_fields(form, line):
    assert lines(monitor(form=form), 1) == [line]


def test_a_narrow_form_leaves_out_the_bits_it_has_no_room_for():
    line = record(FORMS["radical-5"], NINE_THIRTY, {}, alarm=0x2012, exception=0x600804)
    assert bits(line.decode()) == ("12", "804")


@pytest.mark.parametrize(
    ("spo2", "pulse", "alarm"),
    [
        (90, 50, "0000"),
        (89, 50, "0012"),
        (100, 140, "0000"),
        (95, 141, "0014"),
        (95, 49, "0018"),
        (80, 141, "0016"),
        (None, 49, "0018"),
        (80, None, "0012"),
    ],
)
def test_alarm_bits_come_with_the_first_value_beyond_the_limit(spo2, pulse, alarm):
    (line,) = lines(monitor(Displayed(spo2_pct=spo2, pulse_bpm=pulse)), 1)
    assert field(line, "ALARM") == alarm


def test_an_upper_saturation_limit_is_off_unless_set():
    limits = Limits(spo2_low_pct=None, spo2_high_pct=96, pulse_low_bpm=None, pulse_high_bpm=None)
    assert bits(lines(monitor(limits=limits), 1)[0])[0] == "0011"


def test_a_silenced_alarm_says_both_that_it_sounds_and_that_it_is_silenced():
    slow = Displayed(spo2_pct=98, pulse_bpm=40)
    assert bits(lines(monitor(slow, is_silenced=True), 1)[0])[0] == "0038"
    assert bits(lines(monitor(is_silenced=True), 1)[0])[0] == "0000"


@pytest.mark.parametrize(
    ("shown", "exception"),
    [
        (WELL, "000800"),
        (Displayed(spo2_pct=97, pulse_bpm=72, pleth_modulation_pct=0.5), "000800"),
        (Displayed(spo2_pct=97, pulse_bpm=72, pleth_modulation_pct=0.49), "000804"),
        (Displayed(spo2_pct=97, pulse_bpm=72, is_pulse_noisy=True), "000810"),
        (OFF, "000020"),
        (UNPLUGGED, "000001"),
        (Displayed(fitted=frozenset(), attached=frozenset()), "000001"),
    ],
)
def test_exception_bits_say_what_is_wrong(shown, exception):
    assert bits(lines(monitor(shown), 1)[0])[1] == exception


def test_a_sensor_that_leaves_and_returns_passes_through_old_numbers_and_a_pulse_search():
    oximeter = monitor(
        lambda t_s: OFF if 2 <= t_s < 6 else WELL,
        search_s=3,
        holds_s=2,
    )
    said = [
        tuple(field(line, name) for name in ("SPO2", "BPM", "PI", "ALARM", "EXC"))
        for line in lines(oximeter, 11)
    ]
    well = ("097%", "072", "02.35%", "0000", "000800")
    held = ("097%", "072", "--.--%", "0010", "000824")
    off = ("---%", "---", "--.--%", "0000", "000020")
    searching = ("---%", "---", "--.--%", "0000", "000008")
    assert said == [well] * 2 + [held] * 2 + [off] * 2 + [searching] * 3 + [well] * 2


def test_a_sensor_that_is_plugged_in_again_is_searched_for_too():
    oximeter = monitor(lambda t_s: UNPLUGGED if t_s < 2 else WELL, search_s=2)
    exceptions = [bits(line)[1] for line in lines(oximeter, 5)]
    assert exceptions == ["000001"] * 2 + ["000008"] * 2 + ["000800"]


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        (Displayed(spo2_pct=0.4, pulse_bpm=24.4), ("---%", "---", "--.--%")),
        (Displayed(spo2_pct=0.5, pulse_bpm=24.5), ("001%", "025", "--.--%")),
        (Displayed(spo2_pct=100.4, pulse_bpm=240), ("100%", "240", "--.--%")),
        (Displayed(spo2_pct=100.5, pulse_bpm=241), ("---%", "---", "--.--%")),
        (Displayed(spo2_pct=97, pulse_bpm=72, pleth_modulation_pct=31), ("097%", "072", "20.00%")),
        (Displayed(spo2_pct=97, pulse_bpm=72, pleth_modulation_pct=0), ("097%", "072", "00.00%")),
    ],
)
def test_only_numbers_that_the_instrument_can_show_are_printed(shown, printed):
    (line,) = lines(monitor(shown), 1)
    assert tuple(field(line, name) for name in ("SPO2", "BPM", "PI")) == printed


def test_nuls_in_front_and_the_order_of_the_line_end_are_a_choice():
    data, _ = monitor(leading_nuls=2, line_end=b"\n\r").due(0.0)
    assert data.startswith(b"\x00\x0003/14/26")
    assert data.endswith(b"EXC=000800\n\r")


def test_whatever_a_client_sends_is_not_answered():
    oximeter = monitor()
    assert oximeter.heard(bytes(range(256)) * 100, 0.0) == b""
    assert oximeter.due(0.0)[1] == 1.0


def test_set_to_ascii_2_it_is_silent():
    oximeter = monitor(is_set_to_ascii_1=False)
    assert oximeter.due(0.0) == (b"", math.inf)
    assert oximeter.heard(b"\r", 1.0) == b""


def test_a_misspelt_key_of_a_vector_is_refused():
    with pytest.raises(ValueError, match="spo2_percent"):
        vector_frame({"model": "rad-8", "clock": NINE_THIRTY, "spo2_percent": 97})


def test_a_vector_may_fill_every_field():
    values = {"spco_pct": 1.0, "spmet_pct": 0.5, "desat_index": 1, "pi_delta": -2, "pvi_pct": 27}
    wire = vector_frame({"model": "radical-7", "clock": NINE_THIRTY, "alarm_bits": [13], **values})
    assert wire == (
        b"03/14/26 09:30:00 SN=---------- SPO2=---% BPM=--- PI=--.--% SPCO=01.0% SPMET=00.5% "
        b"DESAT=01 PIDELTA=-02 PVI=027 ALARM=2000 EXC=000000\r\n"
    )


def test_the_line_is_as_the_manual_sets_it():
    assert (masimo_ascii1.BAUD, masimo_ascii1.PARITY) == (9600, "N")
