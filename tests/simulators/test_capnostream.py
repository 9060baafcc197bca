"""Does the simulated Capnostream say and obey what its protocol document says?

Frames are read here by the few lines of ``messages``, written for these tests alone. Commands and
expected frames are spelt out in bytes, each check summed by hand.
"""

import math
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators import capnostream
from simulators.capnostream import Condition, Limits, Unit
from simulators.displayed import Displayed, Module
from simulators.run import simulate

ENABLE, DISABLE = bytes.fromhex("85 01 01 00"), bytes.fromhex("85 01 02 03")
START, STOP = bytes.fromhex("85 01 04 05"), bytes.fromhex("85 01 05 04")
LINK_ACTIVE = bytes.fromhex("85 01 06 07")
ASK_ETCO2, ASK_FICO2 = bytes.fromhex("85 02 03 01 00"), bytes.fromhex("85 02 03 02 03")
ASK_RESP, ASK_SPO2 = bytes.fromhex("85 02 03 03 02"), bytes.fromhex("85 02 03 04 05")
ASK_PULSE = bytes.fromhex("85 02 03 05 04")
ASK_REVISION, ASK_PATIENT = bytes.fromhex("85 01 09 08"), bytes.fromhex("85 01 0b 0a")
NELLCOR = bytes.fromhex("""
    85 1f 04 56 30 34 2e 35 31 20 31 31 2f 32 30 2f 32 30 31 32 20 42 32 41 31 31 32 33 34 35 36 20
    20 67""")
MASIMO = bytes.fromhex("""
    85 1f 04 56 30 34 2e 35 31 20 31 31 2f 32 30 2f 32 30 31 32 20 42 35 41 31 31 32 33 34 35 36 20
    20 60""")
NEW_YEAR = 1_767_225_600
WELL_AT_NEW_YEAR = bytes.fromhex("""
    85 1c 01 69 55 b9 00 26 00 0e 61 48 00 00 00 00 00 00 14 3c 0f 1e 05 08 64 58 8c 32 01 00 2e""")

WITH_CO2 = frozenset({Module.CO2, Module.SPO2})
WELL: dict[str, Any] = {
    "fitted": WITH_CO2,
    "attached": WITH_CO2,
    "etco2_pct": 5.0,
    "fico2_pct": 0.0,
    "co2_resp_rpm": 14,
    "ambient_mmhg": 760.0,
    "spo2_pct": 97,
    "pulse_bpm": 72,
}

# Offsets in the data of numerics.
ETCO2, FICO2, RESP, SPO2, PULSE, SLOW = range(4, 10)
CO2_ALARMS, SPO2_ALARMS, NO_BREATH_S, LIMITS, UNIT, EXTENDED = 13, 14, 15, 16, 25, 26


def shown(**other: Any) -> Displayed:
    return Displayed(**{**WELL, **other})


def monitor(
    showing: Callable[[float], Displayed] = lambda _t_s: shown(), **how: Any
) -> capnostream.Monitor:
    return capnostream.Monitor(showing, **how)


def messages(wire: bytes) -> list[tuple[int, bytes]]:
    """(code, data) of all frames in ``wire``; fails on a damaged one."""
    found = []
    nothing, *frames = wire.split(b"\x85")
    assert nothing == b""
    for escaped in frames:
        first, *rest = escaped.split(b"\x80")
        assert all(part[0] in (0, 5) for part in rest)
        content = first + b"".join(bytes([0x80 + part[0]]) + part[1:] for part in rest)
        check = 0
        for byte in content:
            check ^= byte
        assert check == 0
        assert content[0] == len(content) - 2
        found.append((content[1], content[2:-1]))
    return found


def numerics(wire: bytes) -> list[bytes]:
    return [data for code, data in messages(wire) if code == 1]


def waves(wire: bytes) -> list[bytes]:
    return [data for code, data in messages(wire) if code == 0]


def first_numerics(showing: Displayed, **how: Any) -> bytes:
    (data,) = numerics(monitor(lambda _t_s: showing, **how).heard(ENABLE + START, 0.0))
    return data


def stream(bedside: capnostream.Monitor, until_s: float, *, from_s: float = 0.0) -> bytes:
    """What it sends to a host that enabled it at ``from_s`` and says each 5 s that it is there."""
    out = bytearray(bedside.heard(ENABLE + START, from_s))
    t_s, active_s = bedside.due(from_s)[1], from_s + 5
    while t_s <= until_s:
        if active_s <= t_s:
            out += bedside.heard(LINK_ACTIVE, t_s)
            active_s += 5
        data, next_s = bedside.due(t_s)
        assert next_s > t_s
        out += data
        t_s = next_s
    return bytes(out)


def test_writes_the_vectors_byte_for_byte():
    path = Path(__file__).parents[1] / "vectors" / "capnostream.toml"
    for vector in tomllib.loads(path.read_text())["frames"]:
        if "values" in vector:
            assert capnostream.vector_frame(vector["values"]) == bytes.fromhex(vector["hex"])


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "wave", "counter": 1, "co2": 5, "etco": 3},
        {"kind": "wave", "counter": 1, "co2": 5, "fast_status": ["end of breth"]},
        {"kind": "waves"},
    ],
)
def test_a_misspelt_word_of_a_vector_is_refused(values):
    with pytest.raises(ValueError, match="vector: expected"):
        capnostream.vector_frame(values)


def test_it_is_silent_until_it_is_enabled():
    bedside = monitor()
    assert bedside.due(0.0) == (b"", math.inf)
    others = (START, STOP, DISABLE, LINK_ACTIVE, ASK_ETCO2, ASK_REVISION, ASK_PATIENT)
    assert bedside.heard(b"".join(others), 1.0) == b""
    assert bedside.due(100.0) == (b"", math.inf)


@pytest.mark.parametrize(("has_masimo", "said"), [(False, NELLCOR), (True, MASIMO)])
def test_enable_is_answered_by_who_it_is_each_time(has_masimo, said):
    bedside = monitor(has_masimo=has_masimo)
    assert bedside.heard(ENABLE, 0.0) == said
    assert bedside.heard(ENABLE, 0.2) == said
    assert bedside.due(1.0) == (b"", math.inf)


def test_a_rate_that_is_not_yet_found_costs_some_enables():
    bedside = monitor(misses_enables=2)
    said = [bedside.heard(ENABLE, t_s / 5) for t_s in range(4)]
    assert said == [b"", b"", NELLCOR, NELLCOR]


def test_the_first_numerics_are_byte_for_byte_those_of_the_document():
    bedside = monitor(begin_unix_s=NEW_YEAR)
    bedside.heard(ENABLE, 0.0)
    assert bedside.heard(START, 0.0).startswith(WELL_AT_NEW_YEAR)


def test_numerics_come_each_second_and_wave_points_each_fiftieth_part_of_one():
    wire = stream(monitor(begin_unix_s=NEW_YEAR), 9.99)
    times = [int.from_bytes(data[:4], "big") - NEW_YEAR for data in numerics(wire)]
    assert times == list(range(10))
    assert [data[0] for data in waves(wire)] == list(range(200))


def test_the_wave_counter_wraps():
    counters = [data[0] for data in waves(stream(monitor(), 20))]
    assert counters == [at % 256 for at in range(401)]


def test_due_is_asked_for_when_something_is_due_and_only_then():
    bedside = monitor()
    bedside.heard(ENABLE, 0.0)
    assert bedside.due(0.5) == (b"", math.inf)
    bedside.heard(START, 1.0)
    _, next_s = bedside.due(1.0)
    assert next_s == pytest.approx(1.05)
    assert bedside.due(1.01) == (b"", next_s)
    assert bedside.heard(STOP, 1.02) == b""
    assert bedside.due(1.1) == (b"", math.inf)


def test_the_screen_is_read_once_for_each_second():
    asked: list[float] = []

    def showing(t_s: float) -> Displayed:
        asked.append(t_s)
        return shown()

    stream(monitor(showing), 4.99)
    assert asked == [0, 1, 2, 3, 4]


def test_start_again_does_not_double_the_stream_and_stop_ends_it():
    bedside = monitor()
    bedside.heard(ENABLE + START, 0.0)
    assert bedside.heard(START, 0.02) == b""
    assert bedside.heard(ENABLE, 0.03) == NELLCOR
    assert len(waves(bedside.due(0.5)[0])) == 10
    bedside.heard(STOP, 0.6)
    assert bedside.due(5.0) == (b"", math.inf)
    assert len(numerics(bedside.heard(START, 6.0))) == 1


def test_disable_ends_everything():
    bedside = monitor()
    bedside.heard(ENABLE + START, 0.0)
    assert bedside.heard(DISABLE, 0.02) == b""
    assert bedside.heard(START + ASK_ETCO2, 0.1) == b""
    assert bedside.due(5.0) == (b"", math.inf)


def test_after_a_pause_the_missed_messages_are_not_made_up():
    bedside = monitor(begin_unix_s=NEW_YEAR)
    bedside.heard(ENABLE + START, 0.0)
    wire, next_s = bedside.due(10.51)
    assert [data[3] for data in numerics(wire)] == [10]
    assert [data[0] for data in waves(wire)] == list(range(190, 211))
    assert next_s == pytest.approx(10.55)


def test_a_host_that_falls_silent_loses_the_link():
    bedside = monitor()
    bedside.heard(ENABLE + START, 0.0)
    assert bedside.due(14.99)[0]
    assert bedside.due(15.0) == (b"", math.inf)
    assert bedside.heard(START, 16.0) == b""
    assert bedside.heard(ENABLE, 17.0) == NELLCOR


def test_a_host_that_is_still_there_keeps_it():
    assert len(numerics(stream(monitor(), 60))) == 61
    assert len(numerics(stream(monitor(link_lost_after_s=4), 60))) == 4
    never = monitor(link_lost_after_s=math.inf)
    never.heard(ENABLE + START, 0.0)
    assert never.due(10_000.0)[0]


def test_damage_does_not_keep_a_link_alive():
    bedside = monitor()
    bedside.heard(ENABLE + START, 0.0)
    for t_s in range(1, 16):
        bedside.heard(b"\x85\x01\x06\x06", float(t_s))
    assert bedside.due(15.5) == (b"", math.inf)


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (ASK_ETCO2, "85 02 03 26 27"),
        (ASK_FICO2, "85 02 03 00 01"),
        (ASK_RESP, "85 02 03 0e 0f"),
        (ASK_SPO2, "85 02 03 61 60"),
        (ASK_PULSE, "85 02 03 48 49"),
    ],
)
@pytest.mark.parametrize("unit", Unit)
def test_a_single_value_is_answered_in_mmhg_whatever_the_unit(unit, asked, answer):
    bedside = monitor(unit=unit)
    bedside.heard(ENABLE, 0.0)
    assert bedside.heard(asked, 0.1) == bytes.fromhex(answer)


@pytest.mark.parametrize("asked", [ASK_ETCO2, ASK_FICO2, ASK_RESP, ASK_SPO2, ASK_PULSE])
def test_a_value_that_there_is_not_is_answered_as_invalid(asked):
    bedside = monitor(lambda _t_s: Displayed(fitted=WITH_CO2, attached=frozenset()))
    bedside.heard(ENABLE, 0.0)
    assert bedside.heard(asked, 0.1) == bytes.fromhex("85 02 03 ff fe")


def test_without_an_oximeter_its_values_are_not_supported():
    bedside = monitor(lambda _t_s: shown(fitted=frozenset({Module.CO2})))
    bedside.heard(ENABLE, 0.0)
    assert bedside.heard(ASK_SPO2 + ASK_PULSE, 0.1) == bytes.fromhex("85 02 03 00 01") * 2


def test_revision_and_patient_are_answered():
    bedside = monitor(patient_id=lambda _t_s: "A-17", begin_unix_s=NEW_YEAR, revision=b"\x02\x05")
    bedside.heard(ENABLE, 0.0)
    assert messages(bedside.heard(ASK_REVISION, 0.1)) == [(9, b"\x02\x05")]
    expected = bytes.fromhex("69 55 b9 00") + b"A-17" + bytes(20)
    assert messages(bedside.heard(ASK_PATIENT, 0.2)) == [(2, expected)]


def test_later_firmware_says_the_patient_in_two_byte_characters():
    bedside = monitor(patient_id=lambda _t_s: "A-17", has_wide_text=True, more_numerics=b"\x85")
    bedside.heard(ENABLE, 0.0)
    ((code, data),) = messages(bedside.heard(ASK_PATIENT, 0.2))
    assert (code, len(data), data[4:12]) == (12, 52, b"\0A\0-\x001\x007")
    (told,) = numerics(bedside.heard(START, 0.3))
    assert (len(told), told[27:]) == (28, b"\x85")


def test_no_patient_is_all_zero_and_a_long_name_is_cut():
    bedside = monitor(patient_id=lambda t_s: "" if t_s < 5 else "X" * 30)
    bedside.heard(ENABLE, 0.0)
    said = [messages(bedside.heard(ASK_PATIENT, t_s))[0][1][4:] for t_s in (1.0, 6.0)]
    assert said == [bytes(24), b"X" * 24]


def test_another_patient_is_told_when_it_happens():
    wire = stream(monitor(patient_id=lambda t_s: "one" if t_s < 3 else "two"), 10)
    codes = [code for code, _ in messages(wire) if code != 0]
    assert codes == [4, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    "command",
    [
        "85 01 07 06",  # host name
        "85 01 08 09",
        "85 01 0c 0d",
        "85 01 15 14",  # event list
        "85 01 36 37",  # trends
        "85 01 37 36",
        "85 02 3c 00 3e",  # write set-up
        "85 02 03 00 01",  # no such item
        "85 02 03 06 07",
        "85 01 03 02",  # no item
        "85 02 04 00 06",  # Start with something behind
        "85 01 04 04",  # wrong check
        "85 00 00",
        "85 01 80 01 80 00",  # an escape that is none: 81 with a right check
    ],
)
def test_a_command_for_what_there_is_not_is_ignored(command):
    bedside = monitor()
    bedside.heard(ENABLE, 0.0)
    assert bedside.heard(bytes.fromhex(command), 0.1) == b""
    assert bedside.due(1.0) == (b"", math.inf)
    assert bedside.heard(ASK_ETCO2, 0.2) == bytes.fromhex("85 02 03 26 27")


def test_any_flipped_bit_of_a_start_leaves_the_monitor_still():
    for bit in range(8 * len(START)):
        bedside = monitor()
        bedside.heard(ENABLE, 0.0)
        damaged = bytearray(START)
        damaged[bit // 8] ^= 1 << bit % 8
        assert bedside.heard(bytes(damaged), 0.1) == b"", f"bit {bit}"


def test_a_header_within_a_frame_begins_a_new_one():
    bedside = monitor()
    assert bedside.heard(b"\x85\x40\x01" + ENABLE, 0.0) == NELLCOR


@given(st.lists(st.binary(max_size=60), max_size=10))
def test_noise_before_a_command_costs_at_most_that_command(noise):
    bedside = monitor()
    for piece in noise:
        bedside.heard(piece.replace(b"\x85\x01\x02", b""), 0.0)
    said = bedside.heard(b"\x85" + ENABLE, 0.0)
    assert NELLCOR in said


def test_a_command_is_understood_however_it_is_split():
    bedside = monitor()
    said = [bedside.heard(bytes([byte]), 0.0) for byte in ENABLE]
    assert said == [b"", b"", b"", NELLCOR]


def test_endless_noise_is_forgotten():
    bedside = monitor()
    for _ in range(100):
        bedside.heard(b"\x85" + b"\xff" * 10_000, 0.0)
        assert len(bedside._ear._frame or b"") < 300


@given(st.integers(0, 255), st.binary(max_size=60))
def test_framing_brings_every_byte_through_and_keeps_the_header_for_itself(code, data):
    framed = capnostream.frame(code, data)
    assert framed.count(b"\x85") == 1
    assert messages(framed) == [(code, data)]


def test_a_screen_without_co2_says_that_the_filter_line_is_not_connected():
    usual = Displayed(spo2_pct=97, pulse_bpm=72)
    wire = monitor(lambda _t_s: usual).heard(ENABLE + START, 0.0)
    (told,), (point,) = numerics(wire), waves(wire)
    assert told[4:10] == bytes.fromhex("ff ff ff 61 48 00")
    assert point == bytes.fromhex("00 00 00 41")


@pytest.mark.parametrize(
    ("unit", "etco2", "limits"),
    [
        (Unit.MMHG, 38, "3c 0f 1e 05 08 64 58 8c 32"),
        (Unit.KPA, 51, "50 14 1e 05 0b 64 58 8c 32"),
        (Unit.VOL_PCT, 50, "4f 14 1e 05 0b 64 58 8c 32"),
    ],
)
def test_co2_and_its_limits_are_in_the_unit_of_the_screen(unit, etco2, limits):
    told = first_numerics(shown(), unit=unit)
    assert (told[ETCO2], told[UNIT]) == (etco2, unit)
    assert told[LIMITS:UNIT] == bytes.fromhex(limits)


def test_a_limit_that_is_not_set_is_ff_and_never_broken():
    none = Limits(**{name: None for name in Limits.__slots__ if name != "no_breath_s"})
    told = first_numerics(shown(spo2_pct=60, pulse_bpm=200, etco2_pct=10.0), limits=none)
    assert told[LIMITS:UNIT] == b"\xff" * 9
    assert (told[CO2_ALARMS], told[SPO2_ALARMS]) == (0, 0)


@pytest.mark.parametrize(
    ("other", "co2", "spo2", "slow"),
    [
        ({}, 0x00, 0x00, 0x00),
        ({"etco2_pct": 60.4 / 7.6}, 0x00, 0x00, 0x00),
        ({"etco2_pct": 61 / 7.6}, 0x02, 0x00, 0x10),
        ({"etco2_pct": 14 / 7.6}, 0x04, 0x00, 0x10),
        ({"co2_resp_rpm": 31}, 0x08, 0x00, 0x10),
        ({"co2_resp_rpm": 4}, 0x10, 0x00, 0x10),
        ({"fico2_pct": 9 / 7.6}, 0x20, 0x00, 0x10),
        ({"spo2_pct": 87}, 0x00, 0x04, 0x08),
        ({"spo2_pct": 88}, 0x00, 0x00, 0x00),
        ({"pulse_bpm": 141}, 0x00, 0x08, 0x10),
        ({"pulse_bpm": 49}, 0x00, 0x10, 0x10),
        ({"pulse_bpm": None}, 0x00, 0x01, 0x20),
        ({"spo2_pct": None, "pulse_bpm": None}, 0x00, 0x20, 0x20),
        ({"attached": frozenset({Module.CO2}), "spo2_pct": None, "pulse_bpm": None}, 0, 0x40, 0x20),
        ({"fitted": frozenset({Module.CO2}), "spo2_pct": None, "pulse_bpm": None}, 0, 0, 0),
        ({"co2_resp_rpm": 4, "spo2_pct": 80, "pulse_bpm": 160}, 0x10, 0x0C, 0x08),
    ],
)
def test_alarm_bits_and_what_sounds(other, co2, spo2, slow):
    told = first_numerics(shown(**other))
    assert (told[CO2_ALARMS], told[SPO2_ALARMS], told[SLOW]) == (co2, spo2, slow)


def test_a_saturation_above_its_limit_is_told():
    assert first_numerics(shown(), limits=Limits(spo2_high_pct=96))[SPO2_ALARMS] == 0x02


def test_no_breath_after_its_period_and_a_breath_ends_it():
    def showing(t_s: float) -> Displayed:
        return shown(co2_resp_rpm=0 if 5 <= t_s < 30 else 14)

    bedside = monitor(showing, limits=Limits(no_breath_s=10))
    told = numerics(stream(bedside, 32))
    assert [at for at, data in enumerate(told) if data[CO2_ALARMS] & 1] == list(range(14, 30))
    assert told[20][ETCO2 : RESP + 1] == b"\xff\xff\xff"
    assert told[20][SLOW] == 0x08
    assert {data[NO_BREATH_S] for data in told} == {10}
    assert told[10][RESP] == 0


def test_without_a_filter_line_nobody_misses_a_breath():
    told = numerics(stream(monitor(lambda _t_s: Displayed(spo2_pct=97, pulse_bpm=70)), 60))
    assert {data[CO2_ALARMS] for data in told} == {0}


@pytest.mark.parametrize(
    ("condition", "slow", "extended", "fast", "has_co2"),
    [
        (Condition.ALARMS_SILENCED_FOR_NOW, 0x02, 0, 0, True),
        (Condition.ALARMS_SILENCED, 0x04, 0, 0, True),
        (Condition.PULSE_BEEP_SILENCED, 0x50, 0, 0, True),
        (Condition.CHECK_CALIBRATION, 0x10, 0x01, 0, True),
        (Condition.CHECK_FLOW, 0x10, 0x02, 0, True),
        (Condition.PUMP_OFF, 0x10, 0x04, 0x01, False),
        (Condition.BATTERY_LOW, 0x10, 0x80, 0, True),
        (Condition.INITIALISING, 0x10, 0, 0x03, False),
        (Condition.OCCLUSION, 0x10, 0, 0x05, False),
        (Condition.SELF_MAINTENANCE, 0x10, 0, 0x11, False),
        (Condition.PURGING, 0x10, 0, 0x21, False),
        (Condition.CO2_MALFUNCTION, 0x10, 0, 0x81, False),
    ],
)
def test_each_condition_has_its_bit(condition, slow, extended, fast, has_co2):
    """The pulse is out of its limits all the while, so that something would sound."""
    bedside = monitor(lambda _t_s: shown(pulse_bpm=160), conditions=lambda _t_s: [condition])
    wire = bedside.heard(ENABLE + START, 0.0)
    (told,), (point,) = numerics(wire), waves(wire)
    assert (told[SLOW], told[EXTENDED], point[3]) == (slow, extended, fast)
    assert told[ETCO2] == (38 if has_co2 else 0xFF)


def test_the_slow_status_tells_the_patient_and_the_oximetry():
    told = first_numerics(shown(), is_neonatal=True, has_masimo=True)
    assert told[SLOW] == 0x81


def test_the_wave_is_a_capnogram_that_says_where_each_breath_ends():
    points = waves(stream(monitor(lambda _t_s: shown(co2_resp_rpm=15)), 59.99))
    levels = [data[1] + data[2] / 256 for data in points]
    assert (min(levels), max(levels)) == (0, pytest.approx(38, abs=0.5))
    ends = [at for at, data in enumerate(points) if data[3] & 0x08]
    assert len(ends) == 15
    assert all(levels[at] > 30 and levels[(at + 8) % 1200] == 0 for at in ends)
    assert {data[3] for data in points} == {0x00, 0x08}


def test_the_wave_is_in_tenths_where_the_unit_is_not_mmhg():
    levels = [data[1] + data[2] / 256 for data in waves(stream(monitor(unit=Unit.KPA), 10))]
    assert max(levels) == pytest.approx(50.7, abs=0.7)


@given(
    pct=st.none() | st.floats(0, 1e6),
    rate=st.none() | st.floats(0, 1e6),
    unit=st.sampled_from(Unit),
)
def test_no_screen_is_too_odd_for_the_wire(pct, rate, unit):
    odd = shown(etco2_pct=pct, co2_resp_rpm=rate, spo2_pct=pct, pulse_bpm=rate, fico2_pct=pct)
    assert numerics(stream(monitor(lambda _t_s: odd, unit=unit), 2))


def test_a_file_holds_the_stream_of_a_host_that_stays(tmp_path):
    path = tmp_path / "session.bin"
    simulate("capnostream", port=f"file:{path}", length_s=40)
    found = messages(path.read_bytes())
    assert [code for code, _ in found].count(1) == 40
    assert [code for code, _ in found].count(0) == 800
    assert found[0][0] == 4
