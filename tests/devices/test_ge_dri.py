"""Does Vigil read a GE monitor's bytes as the manual means them, and ask for them as it wants?"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from clinical.vitals import Metric, Source
from devices.protocols import ge_dri
from devices.protocols.ge_dri import (
    AlarmBox,
    AlarmColour,
    AlarmSilence,
    AlarmStatus,
    CuffNews,
    Decoder,
    DisplayedValues,
    OtherRecord,
    RecordKind,
    Talk,
    request_frame,
    translate,
)
from devices.protocols.line import Garbled
from tests.devices import ge_frames as ge

NOW = datetime(2026, 11, 22, 10, 15, 1, tzinfo=UTC)
FRAMES, REQUESTS = ge.VECTORS["frames"], ge.VECTORS["requests"]
STOP = request_frame(0, 0)


def fed(wire, size=4096, decoder=None):
    decoder = decoder or Decoder()
    return [m for i in range(0, len(wire), size) for m in decoder.feed(wire[i : i + size])]


def observations(wire, decoder=None):
    """What ``wire`` comes to, which must be sound."""
    messages = fed(wire, decoder=decoder)
    assert not [m for m in messages if isinstance(m, Garbled)]
    return [one for message in messages for one in translate(message, NOW)]


def named(vector):
    return vector["name"]


@pytest.mark.parametrize("vector", FRAMES, ids=named)
def test_reads_number_and_level_of_a_record(vector):
    (message,) = fed(bytes.fromhex(vector["hex"]))
    assert isinstance(message, AlarmStatus if "boxes" in vector else DisplayedValues)
    assert (message.number, message.level) == (vector["number"], vector["level"])


@pytest.mark.parametrize("size", [1, 2, 7, 4096], ids="chunks of {}".format)
@pytest.mark.parametrize("vector", REQUESTS, ids=named)
def test_reads_a_request_as_a_record_without_values(vector, size):
    wire = bytes.fromhex(vector["hex"])
    (message,) = fed(wire, size)
    assert message == OtherRecord(len(wire), 0, vector.get("level", 0), RecordKind(vector["kind"]))
    assert translate(message, NOW) == []


@pytest.mark.parametrize("vector", [v for v in REQUESTS if "interval_s" in v], ids=named)
def test_asks_in_the_manuals_own_bytes(vector):
    asked = request_frame(vector["interval_s"], vector["level"])
    assert asked == bytes.fromhex(vector["hex"])


# Named for what they would catch: a constant or two offsets changed by one keystroke.


def test_the_checksum_is_the_sum_of_the_record_modulo_256(monkeypatch):
    wire = bytes.fromhex(FRAMES[0]["hex"])
    assert isinstance(fed(wire)[0], DisplayedValues)
    monkeypatch.setattr(ge_dri, "CHECKSUM_MODULO", 255)
    (garbled,) = fed(wire)
    assert garbled.reason == "checksum 17, expected 40"


def test_systolic_comes_before_diastolic():
    seen = {one.metric: one.value for one in observations(bytes.fromhex(FRAMES[0]["hex"]))}
    assert seen[Metric.NIBP_SYSTOLIC] == 121
    assert seen[Metric.NIBP_DIASTOLIC] == 79


def test_a_byte_that_needs_escaping_survives_every_place():
    wire = ge.frame({ge.HEART_RATE: 0x7D7E, ge.SPO2: 0x7E7D})
    (message,) = fed(wire)
    assert (message.heart_rate, message.spo2) == (0x7D7E, 0x7E7D)


def test_an_escape_sets_bit_5_and_does_not_toggle_it():
    plain = ge.frame({ge.HEART_RATE: 0x60})
    assert plain.count(b"\x60") == 1
    (message,) = fed(plain.replace(b"\x60", b"\x7d\x60"))
    assert message.heart_rate == 0x60


def test_a_checksum_that_needs_escaping_is_read():
    spent = [ge.frame({ge.HEART_RATE: rate}) for rate in range(256)]
    assert {wire[-3:-1] for wire in spent} >= {b"\x7d\x5d", b"\x7d\x5e"}
    for wire in spent:
        assert isinstance(fed(wire)[0], DisplayedValues)


@pytest.mark.parametrize(
    ("piece", "reason"),
    [
        (ge.WORKED[1:60] + b"\x7d", "an escape byte before a flag"),
        (bytes(41), "40 bytes, the header says 0"),
        (bytes(40), "40 bytes, expected a header of 40 and a checksum"),
    ],
)
def test_a_damaged_piece_says_why(piece, reason):
    assert fed(b"\x7e" + piece + b"\x7e") == [Garbled(piece, reason, len(piece) + 2)]


def test_a_length_that_is_not_the_headers_is_garbled():
    record = ge.unescaped(ge.WORKED)[:-1]
    (garbled,) = fed(ge.framed(record + b"\x00"))
    assert garbled.reason == "319 bytes, the header says 318"


@pytest.mark.parametrize("at", [-1, 1, 278, 0x7FFF])
def test_a_subrecord_outside_its_record_is_garbled(at):
    (garbled,) = fed(ge.frame({16: at}))
    assert garbled.reason == f"a subrecord of type 1 at {at} leaves the 318 bytes"


def test_a_lost_flag_costs_its_frame_and_no_more():
    """A receiver that toggles between inside and outside would read none after it."""
    wire = ge.WORKED + ge.WORKED[1:-1] + ge.WORKED + ge.WORKED
    assert [type(m) for m in fed(wire)] == [DisplayedValues] * 4
    wire = ge.WORKED[:-1] + ge.WORKED[1:] + ge.WORKED
    assert [type(m) for m in fed(wire)] == [Garbled, DisplayedValues]


def test_a_run_without_a_flag_is_cut_at_the_longest_frame():
    decoder = Decoder()
    found = fed(bytes(10_000), 7, decoder)
    assert [m.offset for m in found] == [2982, 5964, 8946]
    assert [type(m) for m in fed(b"\x7e" + ge.WORKED, decoder=decoder)] == [
        Garbled,
        DisplayedValues,
    ]


@pytest.mark.parametrize(
    ("main_type", "kind"),
    [(1, "waveform"), (4, "alarm"), (5, "network"), (8, "event"), (3, "unknown")],
)
def test_records_of_other_kinds_are_known_and_say_nothing(main_type, kind):
    (message,) = fed(ge.frame({14: main_type}))
    assert message.kind == kind
    assert translate(message, NOW) == []


@pytest.mark.parametrize(("subrecord", "name"), [(2, "10 s trend"), (3, "60 s trend")])
def test_a_trend_is_a_mean_and_never_shown_as_live(subrecord, name):
    record = bytearray(ge.unescaped(ge.WORKED)[:-1])
    record[18] = subrecord
    (message,) = fed(ge.framed(bytes(record)))
    assert message == OtherRecord(message.offset, 0x7E, 10, RecordKind.PHYSIOLOGICAL, (name,))


@pytest.mark.parametrize(
    ("bits", "source"),
    [
        (0, None),
        *((bits, Source.ECG) for bits in (1, 9)),
        *((bits, Source.PRESSURE) for bits in (2, 3, 4, 5, 7, 8, 10, 11)),
        *((bits, Source.SPO2) for bits in (6, 12)),
        (13, None),
    ],
)
def test_the_heart_rate_names_its_source(bits, source):
    seen = observations(ge.frame({ge.ECG_STATUS: 0b11 | bits << 3}))
    assert seen[0].metric is Metric.HEART_RATE
    assert (seen[0].value, seen[0].source) == (72, source)


@pytest.mark.parametrize(
    ("raw", "quality"),
    [
        (-32767, "unavailable"),
        (-32766, "not_updated"),
        (-32765, "unavailable"),
        (-32764, "under_range"),
        (-32763, "over_range"),
        (-32762, "not_calibrated"),
        (-32761, "unavailable"),
        (-32001, "unavailable"),
        (-32768, "unavailable"),
    ],
)
def test_a_special_value_is_none_with_its_reason(raw, quality):
    (spo2,) = (o for o in observations(ge.frame({ge.SPO2: raw})) if o.metric is Metric.SPO2)
    assert (spo2.value, spo2.quality) == (None, quality)


# Both sides of level 8, from where the CO2 group's rate is its own.
@pytest.mark.parametrize(("level", "source"), [(7, Source.IMPEDANCE), (8, Source.CO2)])
def test_an_old_monitor_may_count_breaths_by_impedance_in_the_co2_group(level, source):
    record = bytearray(ge.unescaped(ge.frame({44 + 136: 0x000A}))[:-1])
    record[3] = level
    seen = {one.metric: one for one in observations(ge.framed(bytes(record)))}
    assert (seen[Metric.RESP_RATE].value, seen[Metric.RESP_RATE].source) == (15, source)


# The cuff: label bits 5 (20, measuring) and 8 (100, older than 60 s); bits 0, 1, 3 as captured.
BLANK = (-32766, -32766, -32766)


def news(*records):
    """What each (time s, label, pressures) says of the cuff, by one decoder."""
    decoder, told = Decoder(), []
    for time_s, label, (systolic, diastolic, mean) in records:
        fields = {
            ge.NIBP_LABEL: label,
            ge.SYSTOLIC: systolic,
            ge.DIASTOLIC: diastolic,
            ge.MEAN: mean,
        }
        (message,) = fed(ge.frame(fields, time_s=time_s), decoder=decoder)
        told.append("" if message.cuff is CuffNews.NONE else message.measurement_id or "none")
    return told


A, B = (12100, 7900, 9300), (12400, 8000, 9500)


def test_an_automatic_cycle_gives_one_reading():
    """The label sequence of real cycles: old, measuring, new, settled, old again."""
    assert news(
        (0, 0x010B, A), (1, 0x012B, A), (15, 0x012B, A), (29, 0x012B, A), (30, 0x002B, B),
        (31, 0x002B, B), (32, 0x000B, B), (47, 0x000B, B), (90, 0x010B, B), (91, 0x010B, B),
    ) == ["n1", "", "", "", "n2", "", "", "", "", ""]  # fmt: skip


def test_a_reading_that_equals_the_last_one_is_new_too():
    assert news((0, 0x010B, A), (1, 0x002B, A), (2, 0x000B, A)) == ["n1", "n2", ""]


def test_a_changed_pressure_alone_is_a_new_reading():
    assert news((0, 0x000B, A), (1, 0x000B, B), (2, 0x000B, B)) == ["n1", "n2", ""]


def test_an_old_reading_after_a_gap_is_new_and_dated_before_it_came():
    decoder = Decoder()
    fed(ge.frame({ge.NIBP_LABEL: 0x000B}, time_s=0), decoder=decoder)
    late = ge.frame({ge.NIBP_LABEL: 0x010B, ge.SYSTOLIC: 13000}, time_s=600)
    cuff = [one for one in observations(late, decoder) if one.measurement_id]
    assert {one.observed_at for one in cuff} == {NOW - timedelta(seconds=60)}
    assert {one.measurement_id for one in cuff} == {"n2"}


def test_a_mean_alone_is_a_reading():
    assert news((0, 0x000B, A), (1, 0x000B, (-32767, -32767, 9300))) == ["n1", "n2"]


def test_blank_pressures_are_told_once():
    assert news((0, 0x000B, A), (1, 0x000B, BLANK), (2, 0x000B, BLANK)) == ["n1", "none", ""]


def test_values_that_come_back_old_and_unchanged_were_not_measured_again():
    assert news((0, 0x010B, A), (1, 0x010B, BLANK), (2, 0x010B, A)) == ["n1", "none", ""]


def test_a_screen_blank_only_while_the_cuff_measures_is_no_failure():
    assert news(
        (0, 0x010B, A), (1, 0x012B, BLANK), (15, 0x012B, BLANK), (20, 0x002B, B), (21, 0x000B, B)
    ) == ["n1", "", "", "n2", ""]


def test_a_cycle_that_leaves_the_old_value_has_failed():
    told = news(
        (0, 0x010B, A), (1, 0x012B, A), (15, 0x012B, A),
        (20, 0x010B, A), (22, 0x010B, A), (23, 0x010B, A), (24, 0x010B, A),
    )  # fmt: skip
    assert told == ["n1", "", "", "", "", "none", ""]


def test_a_cycle_that_leaves_a_blank_has_failed_each_time():
    told = news(
        (0, 0x012B, BLANK), (5, 0x000B, BLANK), (8, 0x000B, BLANK), (9, 0x000B, BLANK),
        (20, 0x002B, BLANK), (30, 0x000B, BLANK), (33, 0x000B, BLANK), (34, 0x000B, BLANK),
    )  # fmt: skip
    assert told == ["", "", "none", "", "", "", "none", ""]


def test_a_failed_repeat_within_the_minute_shows_when_the_old_value_ages():
    told = news(
        (0, 0x010B, A), (10, 0x002B, B), (12, 0x000B, B), (25, 0x002B, B), (40, 0x000B, B),
        (50, 0x000B, B), (60, 0x000B, B), (70, 0x010B, B), (71, 0x010B, B),
    )  # fmt: skip
    assert told == ["n1", "n2", "", "", "", "", "", "none", ""]


def test_an_equal_reading_within_the_minute_is_not_called_a_failure():
    """It ages a minute after the cycle's end: too late to be the value from before."""
    told = news(
        (0, 0x010B, A), (10, 0x002B, B), (12, 0x000B, B), (25, 0x002B, B), (38, 0x000B, B),
        *((s, 0x000B, B) for s in (50, 60, 70, 80, 90)), (97, 0x010B, B),
    )  # fmt: skip
    assert told[2:] == [""] * 9


@pytest.mark.parametrize("bit", [6, 7], ids=["stasis", "calibrating"])
def test_a_cuff_inflated_for_no_reading_cannot_fail(bit):
    label = 0x012B | 1 << bit
    told = news((0, 0x010B, A), (1, label, A), (9, 0x010B, A), (20, 0x010B, A))
    assert told == ["n1", "", "", ""]


def test_nothing_is_said_of_a_cycle_whose_end_was_missed():
    told = news((0, 0x010B, A), (1, 0x012B, A), (99, 0x010B, A), (103, 0x010B, A))
    assert told == ["n1", "", "", ""]


def test_a_failed_cuff_is_three_pressures_without_a_value_or_a_measurement():
    decoder = Decoder()
    for time_s, label in ((0, 0x010B), (1, 0x012B), (10, 0x010B)):
        fed(ge.frame({ge.NIBP_LABEL: label}, time_s=time_s), decoder=decoder)
    failed = ge.frame({ge.NIBP_LABEL: 0x010B, ge.NIBP_PULSE: -32767}, time_s=13)
    cuff = [one for one in observations(failed, decoder) if one.source is Source.NIBP]
    assert [(one.metric, one.value, one.quality, one.measurement_id) for one in cuff] == [
        ("nibp_systolic", None, "not_updated", None),
        ("nibp_diastolic", None, "not_updated", None),
        ("nibp_mean", None, "not_updated", None),
        ("nibp_pulse", None, "unavailable", None),
    ]
    assert {one.observed_at for one in cuff} == {NOW}


@pytest.mark.parametrize("status", [0b00, 0b01, 0b10])
def test_a_cuff_that_is_off_gives_no_reading(status):
    assert {o.source for o in observations(ge.frame({ge.NIBP_STATUS: status}))} == {
        Source.ECG, Source.SPO2, Source.CO2, None,
    }  # fmt: skip


# Alarm records: read where they are laid out as expected, left alone otherwise.

ALARMS = [vector for vector in FRAMES if "boxes" in vector]
ALARM_RECORDS = [ge.unescaped(bytes.fromhex(vector["hex"]))[:-1] for vector in ALARMS]
NARROW, WIDE = ALARM_RECORDS[0], ALARM_RECORDS[2]
SOUND, SILENCE, FIRST_BOX = 42, 48, 50  # places in a record whose enumerations have two bytes
BOX, TEXT_CHANGED, COLOUR, COLOUR_CHANGED, RESERVED = 98, 80, 82, 84, 86


def alarms(changes=None, record=NARROW):
    """What the record comes to with some of its bytes replaced."""
    changed = bytearray(record)
    for at, byte in (changes or {}).items():
        changed[at] = byte
    (message,) = fed(ge.framed(bytes(changed)))
    return message


def left_alone(record, wire):
    return OtherRecord(len(wire), record[2], record[3], RecordKind.ALARM)


@pytest.mark.parametrize("vector", ALARMS, ids=named)
def test_reads_the_alarms_on_the_screen(vector):
    (message,) = fed(bytes.fromhex(vector["hex"]))
    assert message.is_sound_on is vector["is_sound_on"]
    assert message.silence == vector["silence"]
    assert message.boxes == tuple(AlarmBox(t, AlarmColour(c)) for t, c in vector["boxes"])
    assert translate(message, NOW) == []


@pytest.mark.parametrize(("number", "silence"), list(enumerate(AlarmSilence)))
def test_the_silences_are_numbered_as_the_manual_does(number, silence):
    assert alarms({SILENCE: number}).silence is silence


@pytest.mark.parametrize(("number", "colour"), list(enumerate(AlarmColour)))
def test_the_colours_are_numbered_as_the_manual_does(number, colour):
    assert alarms({FIRST_BOX + COLOUR: number}).boxes[0] == ("Asystole", colour)


@pytest.mark.parametrize(
    ("at", "byte"),
    [
        (SOUND, 2),
        (SOUND + 1, 1),
        (SILENCE, 8),
        (SILENCE + 1, 0xFF),
        (FIRST_BOX, 0),  # text that begins with nothing
        (FIRST_BOX + 1, 0x07),
        (FIRST_BOX + 1, 0x7F),
        (FIRST_BOX + 1, 0x80),
        (FIRST_BOX + 1, 0x9F),
        (FIRST_BOX + 79, 0x20),  # text after its padding
        (FIRST_BOX + TEXT_CHANGED, 2),
        (FIRST_BOX + COLOUR, 4),
        (FIRST_BOX + COLOUR + 1, 0xFF),
        (FIRST_BOX + COLOUR_CHANGED, 2),
        (FIRST_BOX + 4 * BOX + COLOUR, 1),  # a colour and no text
        (18, 2),  # another type of subrecord
        (16, 2),  # that starts elsewhere
        (21, 2),  # and is not the only one
        (14, 5),  # another main type
    ],
)
def test_an_alarm_record_with_anything_odd_is_left_alone(at, byte):
    found = alarms({at: byte})
    assert isinstance(found, OtherRecord)
    assert translate(found, NOW) == []


def test_a_box_may_be_padded_with_blanks():
    padding = {at: 0x20 for at in range(FIRST_BOX, FIRST_BOX + 80) if not NARROW[at]}
    assert alarms(padding).boxes == alarms().boxes
    empty = FIRST_BOX + 4 * BOX
    blank = dict.fromkeys(range(empty, empty + 80), 0x20)
    assert not any(NARROW[empty : empty + 80])
    assert alarms(blank).boxes == alarms().boxes
    assert isinstance(alarms({**blank, empty + COLOUR: 1}), OtherRecord)


def test_a_text_without_a_colour_is_no_alarm():
    first, *others = ge_dri.alarms(alarms())
    assert ge_dri.alarms(alarms({FIRST_BOX + COLOUR: 0})) == tuple(others)
    assert alarms({FIRST_BOX + COLOUR: 0}).boxes[0].text == first


def test_an_alarm_record_gives_the_texts_on_the_screen_and_no_other_record_does():
    texts = tuple(box.text for box in alarms().boxes)
    assert ge_dri.alarms(alarms()) == texts
    assert texts
    assert ge_dri.alarms(fed(bytes.fromhex(FRAMES[0]["hex"]))[0]) is None


@pytest.mark.parametrize("record", [NARROW, WIDE], ids=["two bytes", "four bytes"])
def test_its_length_says_how_wide_the_enumerations_are(record):
    assert isinstance(alarms(record=record), AlarmStatus)
    for more in (-2, -1, 1, 2, 12):
        longer = (record + bytes(12))[: len(record) + more]
        longer = len(longer).to_bytes(2, "little") + longer[2:]
        wire = ge.framed(longer)
        assert fed(wire) == [left_alone(record, wire)]


def test_what_is_reserved_in_an_alarm_record_may_be_anything():
    places = (40, 44, 45, 46, 47, FIRST_BOX + RESERVED, FIRST_BOX + BOX - 1, 549)
    changed = alarms(dict.fromkeys(places, 0x55))
    assert changed.boxes == alarms().boxes


def test_alarms_are_no_answer_to_what_was_asked():
    talk = Talk()
    talk.opening(0.0)
    assert talk.heard(alarms(), 9.0) == b""
    assert talk.due(10.0)[0] == request_frame(5, 0)


# The real capture.

KEYS = {
    "ecg_hr": ("heart_rate", "ecg"),
    "spo2": ("spo2", "spo2"),
    "spo2_pr": ("pulse_rate", "spo2"),
    "co2_rr": ("resp_rate", "co2"),
}
CUFF_KEYS = {
    "nibp_sys": "nibp_systolic",
    "nibp_dia": "nibp_diastolic",
    "nibp_mean": "nibp_mean",
    "nibp_pr": "nibp_pulse",
}


@pytest.mark.parametrize("size", [1, 7, 4096, 20_000], ids="chunks of {}".format)
def test_a_real_monitors_bytes_mean_what_two_other_decoders_say(shared, size):
    captures = shared / "captures"
    if not (captures / "ge-s5.raw").exists():
        pytest.skip("no captures in the folder 'shared' beside the repository")
    expected = json.loads((captures / "ge-s5.expected.json").read_text())
    messages = fed((captures / "ge-s5.raw").read_bytes(), size)
    assert len(messages) == expected["valid_frames"]
    records = [m for m in messages if isinstance(m, DisplayedValues)]
    assert len(records) == expected["physiological_records"]
    for message, record in zip(records, expected["records"], strict=True):
        seen = {one.metric: one for one in translate(message, NOW)}
        assert message.time_s == record["record_time_unix"]
        assert bool(message.nibp_label & 1 << 8) == record["nibp_older_than_60s"]
        assert bool(message.nibp_label & 1 << 5) == record["nibp_measuring"]
        for key, (metric, source) in KEYS.items():
            assert (seen[metric].value, seen[metric].source) == (record[key], source)
        assert Metric.TEMPERATURE_1 not in seen  # null there; its module is absent
        assert message.impedance_resp_rate == record["imp_rr"]
        is_first = message is records[0]
        for key, metric in CUFF_KEYS.items():
            assert (metric in seen) == is_first, "the triple never changes: one measurement"
            if is_first:
                assert (seen[metric].value, seen[metric].measurement_id) == (record[key], "n1")


# Talk: bytes and numbers.

ASK = {key: request_frame(*key) for key in [(1, 0), (5, 0), (5, 9), (5, 8), (5, 7)]}
RECORD = Decoder().feed(ge.WORKED)[0]
WAVE = OtherRecord(1, 0, 10, RecordKind.WAVEFORM)


def test_opens_with_a_stop_and_asks_every_second():
    talk = Talk()
    assert talk.due(0.0) == (b"", float("inf"))
    assert talk.opening(100.0) == STOP + ASK[1, 0]
    assert talk.interval_s == 1
    assert talk.due(100.0) == (b"", 110.0)
    assert talk.closing() == STOP


def test_a_monitor_that_does_not_answer_is_asked_for_5_s_then_at_other_levels():
    talk, now_s, asked = Talk(), 100.0, []
    talk.opening(now_s)
    for _ in range(6):
        _, now_s = talk.due(now_s)
        request, _ = talk.due(now_s)
        asked.append((now_s, request))
    assert asked == [
        (110.0, ASK[5, 0]), (125.0, ASK[5, 9]), (140.0, ASK[5, 8]), (155.0, ASK[5, 7]),
        (170.0, ASK[1, 0]), (180.0, ASK[5, 0]),
    ]  # fmt: skip
    assert talk.interval_s == 5


def test_asks_again_after_15_s_of_silence_and_stays_with_what_was_answered():
    talk = Talk()
    talk.opening(0.0)
    assert talk.heard(RECORD, 1.0) == b""
    assert talk.due(10.0) == (b"", 16.0)
    assert talk.due(16.0) == (ASK[1, 0], 26.0)  # a restarted monitor has forgotten
    assert talk.due(26.0) == (ASK[1, 0], 36.0)
    assert talk.heard(RECORD, 30.0) == b""
    assert talk.due(30.0) == (b"", 45.0)


def test_another_monitor_on_the_same_cable_is_asked_otherwise_in_the_end():
    talk, now_s, asked = Talk(), 0.0, []
    talk.opening(now_s)
    talk.heard(RECORD, now_s)
    for _ in range(21):
        _, now_s = talk.due(now_s)
        asked.append(talk.due(now_s)[0])
    assert asked == [ASK[1, 0]] * 20 + [ASK[5, 0]]


def test_waveforms_alone_are_no_answer():
    talk = Talk()
    talk.opening(0.0)
    assert talk.heard(WAVE, 9.0) == b""
    assert talk.due(10.0)[0] == ASK[5, 0]


def test_a_monitor_that_keeps_its_5_s_is_taken_at_its_word():
    talk = Talk()
    talk.opening(0.0)
    assert [talk.heard(RECORD, s) for s in (5.0, 10.0)] == [b"", b""]
    assert talk.interval_s == 1
    assert talk.heard(RECORD, 15.0) == ASK[5, 0]
    assert talk.interval_s == 5
    assert [talk.heard(RECORD, s) for s in (20.0, 25.0, 30.0)] == [b"", b"", b""]
    assert talk.opening(100.0) == STOP + ASK[5, 0]


def test_one_lost_record_slows_nothing_down():
    talk = Talk()
    talk.opening(0.0)
    for now_s in (1.0, 5.0, 6.0, 10.0, 11.0):
        assert talk.heard(RECORD, now_s) == b""
    assert talk.interval_s == 1
