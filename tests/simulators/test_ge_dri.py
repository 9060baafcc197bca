"""Does the simulated GE monitor say and obey what the interface specification says?

Frames are read here by the few lines of ``records``, written for these tests alone: the simulator's
own reader and the decoder in devices/ could share a misreading, a third reader less likely.
"""

import math
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators import ge_dri
from simulators.displayed import Cuff, CuffReading, Displayed, Module, RateSource

# The vendor's own sample frames, then requests summed by hand from the same layout.
EVERY_10_S_ALL_CLASSES = bytes.fromhex("""
    7e 31 00 00 00 00 00 00 00 00 00 00 00 00 00 00
    00 00 00 00 00 00 ff 00 00 00 00 00 00 00 00 00
    00 00 00 00 00 00 00 00 00 01 0a 00 0e 00 00 00
    00 00 49 7e""")
STOP = bytes.fromhex("""
    7e 31 00 00 00 00 00 00 00 00 00 00 00 00 00 00
    00 00 00 00 00 00 ff 00 00 00 00 00 00 00 00 00
    00 00 00 00 00 00 00 00 00 01 00 00 00 00 00 00
    00 00 31 7e""")
EVERY_5_S_BASIC = bytes.fromhex("""
    7e 31 00 00 00 00 00 00 00 00 00 00 00 00 00 00
    00 00 00 00 00 00 ff 00 00 00 00 00 00 00 00 00
    00 00 00 00 00 00 00 00 00 01 05 00 00 00 00 00
    00 00 36 7e""")
ONCE = bytes.fromhex("""
    7e 31 00 00 00 00 00 00 00 00 00 00 00 00 00 00
    00 00 00 00 00 00 ff 00 00 00 00 00 00 00 00 00
    00 00 00 00 00 00 00 00 00 01 ff ff 00 00 00 00
    00 00 2f 7e""")
ALARM_STATUS_ONCE = bytes.fromhex("""
    7e 34 00 00 00 00 00 00 00 00 00 00 00 00 00 04
    00 00 00 00 00 00 ff 00 00 00 00 00 00 00 00 00
    00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
    00 00 00 00 00 37 7e""")
ALARM_DIFFERENTIAL = bytes.fromhex("""
    7e 34 00 00 00 00 00 00 00 00 00 00 00 00 00 04
    00 00 00 00 00 00 ff 00 00 00 00 00 00 00 00 00
    00 00 00 00 00 00 00 00 00 02 00 00 00 00 00 00
    00 00 00 00 00 39 7e""")
ALARM_LEAVE = bytes.fromhex("""
    7e 34 00 00 00 00 00 00 00 00 00 00 00 00 00 04
    00 00 00 00 00 00 ff 00 00 00 00 00 00 00 00 00
    00 00 00 00 00 00 00 00 00 03 00 00 00 00 00 00
    00 00 00 00 00 3a 7e""")

# HR 72 from the ECG, impedance 16, cuff 121/79 (93) with pulse 74, core 36.70, SpO2 97 with pulse
# 73, etCO2 5 % at 15 and 760 mmHg; record number 7E, which must be escaped.
WORKED_RECORD = bytes.fromhex("""
    7e 3e 01 7d 5e 0a 00 00 a4 c0 02 6b 00 00 00 00
    00 00 00 00 01 00 00 ff 00 00 00 00 00 00 00 00
    00 00 00 00 00 00 00 00 00 00 a4 c0 02 6b 0b 00
    00 00 00 00 48 00 01 80 01 80 01 80 10 00 00 00
    00 00 00 00 01 80 01 80 01 80 01 80 00 00 00 00
    00 00 01 80 01 80 01 80 01 80 00 00 00 00 00 00
    01 80 01 80 01 80 01 80 00 00 00 00 00 00 01 80
    01 80 01 80 01 80 03 00 00 00 00 00 44 2f dc 1e
    54 24 4a 00 03 00 00 00 0f 00 56 0e 00 00 00 00
    00 00 01 80 00 00 00 00 00 00 01 80 00 00 00 00
    00 00 01 80 03 00 00 00 00 00 e4 25 49 00 fa 00
    01 80 03 00 00 00 00 00 f4 01 00 00 0f 00 b0 1d
    00 00 00 00 00 00 01 80 01 80 00 00 00 00 00 00
    01 80 01 80 00 00 00 00 00 00 01 80 01 80 01 80
    00 00 00 00 00 00 01 80 01 80 01 80 01 80 01 80
    01 80 01 80 01 80 00 00 00 00 00 00 01 80 01 80
    01 80 01 80 00 00 00 00 00 00 01 80 01 80 01 80
    48 00 01 80 01 80 00 00 00 00 00 00 01 80 00 00
    00 00 00 00 01 80 01 80 01 80 01 80 00 00 00 00
    00 00 01 80 01 80 01 80 01 80 00 00 00 00 00 00
    17 7e""")
WORKED_VALUES = {
    "dri_level": 10,
    "r_nbr": 0x7E,
    "time": 0x6B02C0A4,
    "heart_rate": 72,
    "hr_source": "ecg",
    "imp_resp_rate": 16,
    "nibp_systolic": 121,
    "nibp_diastolic": 79,
    "nibp_mean": 93,
    "nibp_pulse": 74,
    "nibp_label": 0,
    "temperature_1": 36.70,
    "t1_label": 15,
    "spo2": 97.0,
    "spo2_pulse": 73,
    "etco2_pct": 5.0,
    "fico2_pct": 0.0,
    "co2_resp_rate": 15,
    "ambient_pressure_mmhg": 760.0,
}

# Offsets in a record whose first subrecord is the basic class.
HEART_RATE, ECG_STATUS, NIBP_LABEL, SYSTOLIC, SPO2_STATUS, SPO2 = 50, 44, 120, 122, 162, 168


def records(data: bytes) -> list[bytes]:
    """The records in ``data``; fails on a damaged one."""
    found = []
    for piece in filter(None, data.split(b"\x7e")):
        first, *rest = piece.split(b"\x7d")
        content = first + b"".join(bytes([part[0] | 0x20]) + part[1:] for part in rest)
        record, checksum = content[:-1], content[-1]
        assert sum(record) % 256 == checksum
        assert struct.unpack_from("<H", record) == (len(record),)
        found.append(record)
    return found


def request(tx_ival: int, class_bits: int = 0, *, level: int = 0, kind: int = 1) -> bytes:
    """A data request for ``tx_ival`` s, packed here apart from the simulator's own packing."""
    record = bytearray(49)
    struct.pack_into("<HBB", record, 0, 49, 0, level)
    record[21] = 0xFF
    struct.pack_into("<BhI", record, 40, kind, tx_ival, class_bits)
    content = bytes(record) + bytes([sum(record) % 256])
    content = content.replace(b"\x7d", b"\x7d\x5d").replace(b"\x7e", b"\x7d\x5e")
    return b"\x7e" + content + b"\x7e"


def monitor(showing: Callable[[float], Displayed] | None = None, **how: Any) -> ge_dri.Monitor:
    return ge_dri.Monitor(showing or (lambda _t_s: Displayed(heart_rate_bpm=72)), **how)


def s16(record: bytes, offset: int) -> int:
    return int(struct.unpack_from("<h", record, offset)[0])


def u32(record: bytes, offset: int) -> int:
    return int(struct.unpack_from("<I", record, offset)[0])


def times_of_records(bedside: ge_dri.Monitor, until_s: float) -> list[float]:
    """When the monitor sends from now on, asked only when it says that something is due."""
    times, t_s = [], 0.0
    while t_s <= until_s:
        data, next_s = bedside.due(t_s)
        times += [t_s] * len(records(data))
        assert next_s > t_s
        t_s = next_s
    return times


def test_writes_the_worked_record_byte_for_byte():
    assert ge_dri.vector_frame(WORKED_VALUES) == WORKED_RECORD


def test_writes_the_vendors_own_request():
    assert ge_dri.displayed_request(10, with_extended=True) == EVERY_10_S_ALL_CLASSES


def test_a_special_value_and_a_missing_one_have_their_words():
    words = {"heart_rate": None, "spo2": "under_range", "nibp_systolic": "not_updated"}
    (record,) = records(ge_dri.vector_frame(words))
    assert [s16(record, at) for at in (HEART_RATE, SPO2, SYSTOLIC)] == [-32767, -32764, -32766]
    assert u32(record, SPO2_STATUS) == 3


def test_an_absent_group_has_no_status_and_no_data():
    (record,) = records(ge_dri.vector_frame({"heart_rate": 60}))
    assert (u32(record, SPO2_STATUS), s16(record, SPO2)) == (0, -32767)


def test_a_misspelt_key_of_a_vector_is_refused():
    with pytest.raises(ValueError, match="heart_rat"):
        ge_dri.vector_frame({"heart_rat": 60})


@pytest.mark.parametrize(("mmhg", "word"), [(327.67, 32767), (327.68, -32763), (0, 0)])
def test_a_value_too_large_for_the_wire_says_over_range(mmhg, word):
    (record,) = records(ge_dri.vector_frame({"nibp_systolic": mmhg}))
    assert s16(record, SYSTOLIC) == word


@given(st.binary(max_size=300))
def test_framing_brings_every_byte_through_and_keeps_the_flag_for_itself(content):
    framed = ge_dri.frame(content)
    assert framed[0] == framed[-1] == 0x7E
    assert 0x7E not in framed[1:-1]
    unescaped = bytearray()
    body = iter(framed[1:-1])
    for byte in body:
        unescaped.append(next(body) | 0x20 if byte == 0x7D else byte)
    assert bytes(unescaped) == content + bytes([sum(content) % 256])


def test_sends_the_first_record_at_once_then_one_each_interval():
    bedside = monitor(begin_unix_s=1000)
    first = records(bedside.heard(EVERY_5_S_BASIC, 0.25))
    assert [len(record) for record in first] == [40 + 278]
    assert times_of_records(bedside, 21) == [5.25, 10.25, 15.25, 20.25]


def test_all_classes_come_in_order_each_with_its_class_number():
    (record,) = records(monitor().heard(EVERY_10_S_ALL_CLASSES, 0))
    assert len(record) == 1152
    assert record[16:31] == bytes.fromhex("000001 160101 2c0201 420301 0000ff")
    assert [record[40 + 278 * n + 277] for n in range(4)] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("bits", "classes"), [(0, [0]), (1, []), (3, [1]), (8, [0, 3]), (0xE, [0, 1, 2, 3])]
)
def test_the_class_bits_choose_the_classes(bits, classes):
    sent = records(monitor().heard(request(5, bits), 0))
    assert [r[40 + 278 * n + 277] for r in sent for n in range((len(r) - 40) // 278)] == classes


def test_the_extended_classes_claim_no_module_and_show_no_number():
    (record,) = records(monitor().heard(EVERY_10_S_ALL_CLASSES, 0))
    for start in (318, 596, 874):
        words = struct.unpack_from("<135h", record, start + 4)
        assert set(words) == {0, -32767}
        assert words[:3] == (0, 0, 0)


def test_time_and_counter_are_the_monitors_own_and_the_counter_wraps():
    bedside = monitor(begin_unix_s=1_700_000_000)
    sent = records(bedside.heard(request(1), 0))
    for t_s in range(1, 300):
        sent += records(bedside.due(float(t_s))[0])
    assert [record[2] for record in sent] == [n % 256 for n in range(300)]
    assert [u32(record, 6) for record in sent] == [1_700_000_000 + n for n in range(300)]
    assert all(record[6:10] == record[40:44] for record in sent)


def test_alarm_and_physiological_records_are_counted_apart():
    bedside = monitor()
    sent = records(bedside.heard(EVERY_5_S_BASIC + ALARM_STATUS_ONCE, 0))
    sent += records(bedside.due(5)[0])
    assert [(record[14], record[2]) for record in sent] == [(0, 0), (4, 0), (0, 1)]


@pytest.mark.parametrize("level", [0, 2, 7, 9, 10, 11, 255])
def test_a_request_of_any_level_is_obeyed(level):
    assert len(records(monitor().heard(request(5, level=level), 0))) == 1


def test_the_same_request_at_three_levels_brings_one_record_and_the_last_wins():
    bedside = monitor()
    asked = b"".join(request(10, 0xE, level=level) for level in (9, 8, 7))
    assert len(records(bedside.heard(asked + request(5), 0))) == 1
    assert times_of_records(bedside, 11) == [5, 10]
    assert len(records(bedside.due(15)[0])[0]) == 318


def test_a_client_that_stops_everything_first_then_asks_for_one_second():
    wave_stop = bytearray(72)
    wave_stop[0], wave_stop[14], wave_stop[21], wave_stop[40] = 72, 1, 0xFF, 1
    wave_stop += bytes([sum(wave_stop) % 256])
    bedside = monitor()
    stops = b"".join(request(0, kind=kind) for kind in (1, 2, 3))
    assert bedside.heard(b"\x7e" + bytes(wave_stop) + b"\x7e" + stops, 0) == b""
    assert len(records(bedside.heard(request(1, 0xE), 1))) == 1
    assert times_of_records(bedside, 4) == [2, 3, 4]


def test_stop_stops():
    bedside = monitor()
    bedside.heard(EVERY_5_S_BASIC, 0)
    assert bedside.heard(STOP, 3) == b""
    assert bedside.due(100) == (b"", math.inf)


def test_an_interval_shorter_than_the_model_allows_is_ignored():
    older = monitor(level=9)
    assert older.heard(request(4), 0) == b""
    assert len(records(older.heard(request(5), 0))) == 1
    assert len(records(monitor(level=10).heard(request(1), 0))) == 1
    assert monitor(level=10, min_interval_s=5).heard(request(1), 0) == b""


def test_single_shots_come_at_most_every_five_seconds():
    bedside = monitor()
    sent = [len(records(bedside.heard(ONCE, t_s))) for t_s in (0, 2, 4.9, 5, 9, 10)]
    assert sent == [1, 0, 0, 1, 0, 1]
    assert bedside.due(60) == (b"", math.inf)


def test_trends_come_only_while_displayed_values_do():
    bedside = monitor()
    assert bedside.heard(request(60, kind=2), 0) == b""
    assert bedside.due(30) == (b"", math.inf)
    sent = records(bedside.heard(request(60), 30))
    for t_s in (40, 50, 60):
        sent += records(bedside.due(t_s)[0])
    assert [record[18] for record in sent].count(2) >= 3
    assert bedside.heard(request(0), 61) == b""
    assert bedside.due(100) == (b"", math.inf)


def test_after_a_pause_the_missed_records_are_not_made_up():
    bedside = monitor()
    bedside.heard(request(1), 0)
    data, next_s = bedside.due(10.5)
    assert (len(records(data)), next_s) == (1, 11)


@given(noise=st.lists(st.binary(max_size=200), max_size=8))
def test_noise_before_a_request_costs_at_most_that_request(noise):
    bedside = monitor()
    for piece in noise:
        bedside.heard(piece, 0)
    sent = bedside.heard(b"\x7e" + EVERY_5_S_BASIC, 0)
    assert len(records(sent)) == 1


def test_a_request_with_any_one_bit_turned_over_is_ignored():
    for bit in range(8 * 50):
        damaged = bytearray(EVERY_5_S_BASIC)
        damaged[1 + bit // 8] ^= 1 << bit % 8
        assert monitor().heard(bytes(damaged), 0) == b"", f"bit {bit}"


def test_a_request_is_understood_however_it_is_split():
    bedside = monitor()
    sent = [bedside.heard(bytes([byte]), 0) for byte in EVERY_5_S_BASIC]
    assert [len(records(data)) for data in sent] == [0] * 51 + [1]


def test_endless_noise_without_a_flag_is_forgotten():
    bedside = monitor()
    for _ in range(100):
        bedside.heard(b"\x00" * 10_000, 0)
    assert len(bedside._heard) < 10_000


@pytest.mark.parametrize("what", ["unknown record type", "negative interval"])
def test_a_wellformed_request_for_what_there_is_not_is_ignored(what):
    asked = request(5, kind=7) if what == "unknown record type" else request(-2)
    assert monitor().heard(asked, 0) == b""


def cuff(
    age_s: float | None, *, is_measuring: bool = False, is_automatic: bool = True
) -> Displayed:
    reading = CuffReading(systolic_mmhg=121, diastolic_mmhg=79, mean_mmhg=93)
    return Displayed(
        cuff=Cuff(
            reading=reading, age_s=age_s, is_measuring=is_measuring, is_automatic=is_automatic
        )
    )


@pytest.mark.parametrize(
    ("shown", "label"),
    [
        (cuff(200, is_measuring=True), 0x012B),
        (cuff(0, is_measuring=True), 0x002B),
        (cuff(2), 0x000B),
        (cuff(60), 0x010B),
        (cuff(60, is_automatic=False), 0x0103),
        (Displayed(), 0x000B),
    ],
)
def test_the_cuff_label_is_as_in_real_captures(shown, label):
    record = ge_dri.physiological_record(shown, r_nbr=0, time_unix_s=0)
    assert s16(record, NIBP_LABEL) == label


@pytest.mark.parametrize(
    ("shown", "status"),
    [
        (Displayed(heart_rate_bpm=70), 0x4B),
        (Displayed(heart_rate_bpm=70, heart_rate_source=RateSource.SPO2, is_lead_off=True), 0x3833),
        (Displayed(is_lead_off=True), 0x3803),
        (Displayed(heart_rate_bpm=70, is_ecg_noisy=True), 0x1CB),
        (Displayed(attached=frozenset()), 0x1),
        (Displayed(fitted=frozenset(), attached=frozenset()), 0x0),
    ],
)
def test_the_ecg_status_names_the_source_and_the_trouble(shown, status):
    record = ge_dri.physiological_record(shown, r_nbr=0, time_unix_s=0)
    assert u32(record, ECG_STATUS) == status


def test_an_older_monitor_names_the_ecg_as_source_one():
    shown = Displayed(heart_rate_bpm=70)
    record = ge_dri.physiological_record(shown, r_nbr=0, time_unix_s=0, level=9)
    assert u32(record, ECG_STATUS) == 0x0B


def test_the_alarm_record_is_wellformed_and_tells_of_a_lead_that_is_off():
    (record,) = records(
        monitor(lambda _t_s: Displayed(is_lead_off=True, spo2_pct=98)).heard(ALARM_STATUS_ONCE, 0)
    )
    assert len(record) == 550
    assert record[16:22] == bytes.fromhex("000001 0000ff")
    assert record[50:130].rstrip(b"\0") == b"LEADS OFF"
    assert s16(record, 50 + 82) == 2


def test_differential_mode_tells_at_once_then_of_each_change_at_most_every_two_seconds():
    calm = Displayed(spo2_pct=98)
    lead_off = Displayed(spo2_pct=98, is_lead_off=True)
    bedside = monitor(lambda t_s: lead_off if 3 <= t_s < 3.5 or t_s >= 9 else calm)
    assert len(records(bedside.heard(ALARM_DIFFERENTIAL, 0))) == 1
    assert times_of_records(bedside, 20) == [10]
    assert bedside.heard(ALARM_LEAVE, 21) == b""
    assert bedside.due(50) == (b"", math.inf)


def test_a_monitor_older_than_the_alarm_interface_ignores_it():
    assert monitor(level=9).heard(ALARM_STATUS_ONCE, 0) == b""


def test_co2_and_the_arterial_line_are_there_only_when_fitted():
    values = {"etco2_pct": 5.0, "pressure_1_systolic_mmhg": 121.0}
    without = ge_dri.physiological_record(Displayed(), r_nbr=0, time_unix_s=0)
    assert (u32(without, 44 + 132), u32(without, 44 + 16)) == (0, 0)
    modules = frozenset({Module.CO2, Module.PRESSURE_1})
    shown = Displayed(fitted=modules, attached=modules, **values)
    record = ge_dri.physiological_record(shown, r_nbr=0, time_unix_s=0)
    assert (u32(record, 44 + 132), s16(record, 44 + 138)) == (3, 500)
    assert (u32(record, 44 + 16), s16(record, 44 + 22)) == (3, 12100)
