"""Does Vigil read an Ivy 450C's packets as its screen shows them, from wherever it begins?"""

from __future__ import annotations

import json
import re
import tomllib
from datetime import UTC, datetime, timedelta
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical.vitals import Metric, Quality, Source
from devices.protocols.ivy450c import CuffNews, Decoder, Packet, Talk, alarms, translate
from devices.protocols.line import Garbled
from tests.conftest import ROOT

NOW = datetime(2026, 11, 22, 10, 15, 1, tzinfo=UTC)
FRAMES = tomllib.loads((ROOT / "tests" / "vectors" / "ivy450c.toml").read_text())["frames"]
WORKED = bytes.fromhex(FRAMES[0]["hex"])
START = b"\xffANSAR-B "
TEXT_AT = 409
USUAL = WORKED[TEXT_AT:-1].decode()


def packet(*changes, text=USUAL, waves=WORKED[9:TEXT_AT]):
    """The worked packet with lines replaced by those of the same name."""
    for line in changes:
        name = line.split("=")[0]
        lines = [line if one.startswith(f"{name}=") else one for one in text.split("\r")]
        text = "\r".join(lines)
    return START + waves + text.encode("latin-1") + b"\xfe"


def fed(wire, size=4096, decoder=None):
    decoder = decoder or Decoder()
    return [m for i in range(0, len(wire), size) for m in decoder.feed(wire[i : i + size])]


def seen(wire):
    """The observations of one sound packet, by metric."""
    (message,) = fed(wire)
    assert isinstance(message, Packet)
    return {one.metric: one for one in translate(message, NOW)}


def garbled(wire):
    (message,) = fed(wire)
    assert isinstance(message, Garbled)
    assert (message.raw, message.offset) == (wire, len(wire))
    return message.reason


# Named for what they would catch: a constant or two fields changed by one keystroke.


def test_systolic_comes_before_diastolic_before_mean():
    found = seen(packet("P1=3;120;80;93;;"))
    assert [found[m].value for m in Metric if m.startswith("nibp")] == [128, 76, 94, 70]
    assert [found[m].value for m in Metric if m.startswith("ibp1")] == [120, 80, 93]


def test_a_packet_is_as_old_as_the_time_it_took_to_arrive():
    assert {one.observed_at for one in seen(WORKED).values()} == {NOW - timedelta(seconds=0.6)}


def test_waves_of_any_bytes_are_skipped_blindly():
    waves = (bytes(range(256)) + b"\xfe\xff\r;" * 36)[:400]
    assert seen(packet(waves=waves))[Metric.HEART_RATE].value == 72


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no CR before the end"),
        (USUAL[:-1], "no CR before the end"),
        (USUAL.replace("ETCO2=1;", "ETCO2 1;"), "a line without a name: 'ETCO2 1;38;;'"),
        (USUAL[1:], "the first line is 'R=1;72;ECG-II-MON;', expected HR"),
        (USUAL[20:], "the first line is 'RR=1;14;APNEA: 20 SEC;', expected HR"),
        ("X=1;1;;\r" + USUAL, "the first line is 'X=1;1;;', expected HR"),
        (USUAL.replace("P2=", "P1="), "two lines of P1"),
        (USUAL.replace("NIBP=4", "NIBP=3"), "NIBP of '3' values, expected 4"),
        (USUAL.replace("HR=1", "HR=01"), "HR of '01' values, expected 1"),
        (USUAL.replace("T1=1;36.8;;", "T1=1;36.8;"), "2 fields in 'T1=1;36.8;', expected 3"),
        (USUAL.replace("76;94", "7694"), "5 fields in 'NIBP=4;128;7694;70;;', expected 6"),
    ],
)
def test_damaged_text_says_why(text, reason):
    assert garbled(packet(text=text)) == reason


@pytest.mark.parametrize("instead", ["", "M", " ", ";"])
@pytest.mark.parametrize("at", [m.start() for m in re.finditer("\r", USUAL)][:-1])
def test_an_end_of_line_that_is_lost_or_damaged_costs_the_packet(at, instead):
    assert "two lines in one" in garbled(packet(text=USUAL[:at] + instead + USUAL[at + 1 :]))


def test_two_lines_in_one_are_seen_where_nobody_knows_the_first():
    assert "two lines in one" in garbled(packet(text=USUAL + "N2O=1;2;;RR=1;14;;\r"))


@pytest.mark.parametrize("name", ["R", "TCO2", "CO2", "O2", "PO2", "2", "IBP", "BP", "P", "1", ""])
def test_the_end_of_a_name_is_a_line_that_lost_its_beginning(name):
    text = USUAL + f"{name}=1;14;;\r"
    assert garbled(packet(text=text)) == f"the end of a line: '{name}=1;14;;'"


def test_a_line_that_nobody_knows_is_left_alone():
    assert seen(packet(text=USUAL + "ETCO=1;14;;\r")) == seen(WORKED)


@pytest.mark.parametrize("at", [TEXT_AT, TEXT_AT + 20, len(WORKED) - 2])
@pytest.mark.parametrize("byte", [0x00, 0x0A, 0x1F, 0x7F, 0xB2])
def test_a_byte_that_is_no_text_ends_the_packet(at, byte):
    wire = WORKED[:at] + bytes([byte]) + WORKED[at + 1 :]
    first, rest, sound = fed(wire + WORKED)
    assert first == Garbled(wire[:at], f"byte {byte:02X} in the text", at)
    assert rest == Garbled(wire[at:], "no start of a packet", len(wire))
    assert isinstance(sound, Packet)


def test_text_that_does_not_end_is_cut():
    wire = WORKED[:TEXT_AT] + b"A" * 400
    assert fed(wire) == []
    (cut,) = fed(wire + b"A")
    assert cut == Garbled(wire, "no end in 400 bytes of text", len(wire))


def test_text_of_400_bytes_is_read():
    longest = USUAL + "X" * (400 - len(USUAL) - 2) + "=\r"
    assert len(longest) == 400
    assert seen(packet(text=longest))[Metric.HEART_RATE].value == 72


@pytest.mark.parametrize("lost", [1, 9, 100, 400, 500, 571])
def test_a_packet_that_is_broken_off_costs_itself_and_no_more(lost):
    first, second = fed(WORKED[:-lost] + WORKED)
    assert isinstance(first, Garbled)
    assert first.raw == WORKED[:-lost]
    assert isinstance(second, Packet)
    assert second.offset == 2 * len(WORKED) - lost


@pytest.mark.parametrize("lost", range(1, 170, 7))
def test_bytes_lost_in_the_waves_take_lines_and_change_none(lost):
    wire = WORKED[:50] + WORKED[50 + lost :]
    sound = seen(WORKED)
    found = [m for m in fed(wire + WORKED) if isinstance(m, Packet)]
    assert found[-1].offset == len(wire + WORKED)
    for message in found:
        for one in translate(message, NOW):
            ours = sound[one.metric]
            assert (one.value, one.remarks) == (ours.value, ours.remarks)


@given(st.integers(0, len(WORKED)), st.sampled_from([1, 3, 700]))
def test_a_capture_may_start_anywhere(cut, size):
    found = fed((WORKED + WORKED)[cut:], size)
    expected = [Packet] if cut == len(WORKED) else [Garbled, Packet] if cut else [Packet] * 2
    assert [type(m) for m in found] == expected
    assert found[-1].offset == 2 * len(WORKED) - cut


@pytest.mark.parametrize("size", [1, 7, 4096], ids="chunks of {}".format)
def test_what_is_no_packet_is_told_in_bounded_pieces(size):
    junk = b"\xffANSAR-A " * 200
    pieces = fed(junk + WORKED, size)
    assert all(isinstance(m, Garbled) for m in pieces[:-1])
    assert b"".join(m.raw for m in pieces[:-1]) == junk
    assert [len(m.raw) for m in pieces[:-1]] == [810, 810, 180]
    assert isinstance(pieces[-1], Packet)


# Values.


@pytest.mark.parametrize(
    ("line", "metric", "value"),
    [
        ("HR=1;0;;", Metric.HEART_RATE, 0),
        ("RR=1;0;;", Metric.RESP_RATE, 0),
        ("HR=1;400;;", Metric.HEART_RATE, 400),
        ("HR=1;401;;", Metric.HEART_RATE, None),
        ("HR=1;-1;;", Metric.HEART_RATE, None),
        ("HR=1; 72;;", Metric.HEART_RATE, 72),
        ("HR=1;7 2;;", Metric.HEART_RATE, None),
        ("HR=1;72.5;;", Metric.HEART_RATE, None),
        ("HR=1;1072;;", Metric.HEART_RATE, None),
        ("HR=1;0072;;", Metric.HEART_RATE, None),
        ("RR=1;250;;", Metric.RESP_RATE, 250),
        ("RR=1;251;;", Metric.RESP_RATE, None),
        ("ETCO2=1;200;;", Metric.ETCO2, 200),
        ("ETCO2=1;201;;", Metric.ETCO2, None),
        ("ETCO2=1;5.1;;", Metric.ETCO2, None),
        ("SPO2=1;0;;", Metric.SPO2, None),
        ("SPO2=1;1;;", Metric.SPO2, 1),
        ("SPO2=1;100;;", Metric.SPO2, 100),
        ("SPO2=1;101;;", Metric.SPO2, None),
        ("SPO2=1;97;PR=0  ;", Metric.PULSE_RATE, None),
        ("SPO2=1;97;PR=1  ;", Metric.PULSE_RATE, 1),
        ("SPO2=1;97;PR=401;", Metric.PULSE_RATE, None),
        ("SPO2=1;97;PR=400;", Metric.PULSE_RATE, 400),
        ("SPO2=1;97;PR= 71;", Metric.PULSE_RATE, 71),
        ("SPO2=1;97;PR=   ;", Metric.PULSE_RATE, None),
        ("SPO2=1;97;71;", Metric.PULSE_RATE, None),
        ("NIBP=4;300;300;300;400;;", Metric.NIBP_SYSTOLIC, 300),
        ("NIBP=4;1;1;1;1;;", Metric.NIBP_SYSTOLIC, 1),
        ("NIBP=4;0;76;94;70;;", Metric.NIBP_SYSTOLIC, None),
        ("NIBP=4;128;0;94;70;;", Metric.NIBP_DIASTOLIC, None),
        ("NIBP=4;128;76;0;70;;", Metric.NIBP_MEAN, None),
        ("NIBP=4;128;76;94;0;;", Metric.NIBP_PULSE, None),
        ("P1=3;-99;400;0;;", Metric.IBP1_SYSTOLIC, -99),
        ("P1=3;-99;400;0;;", Metric.IBP1_DIASTOLIC, 400),
        ("P2=3;401;0;0;;", Metric.IBP2_SYSTOLIC, None),
        ("P2=3;0;0;-100;;", Metric.IBP2_MEAN, None),
        ("T1=1;37;;", Metric.TEMPERATURE_1, 37),
        ("T1=1;98.6;;", Metric.TEMPERATURE_1, None),
        ("T2=1;50;;", Metric.TEMPERATURE_2, 50),
        ("T2=1;36.;;", Metric.TEMPERATURE_2, None),
    ],
)
def test_a_value_is_a_number_that_can_be_or_none(line, metric, value):
    one = seen(packet(line))[metric]
    assert one.value == value
    assert one.quality is (Quality.UNAVAILABLE if value is None else Quality.VALID)


@pytest.mark.parametrize(
    ("etco2", "source"),
    [("38", Source.CO2), ("0", Source.CO2), ("", Source.IMPEDANCE), ("--", Source.IMPEDANCE)],
)
def test_respiration_is_from_the_capnograph_while_there_is_co2(etco2, source):
    assert seen(packet(f"ETCO2=1;{etco2};;"))[Metric.RESP_RATE].source is source


def test_respiration_without_a_line_of_co2_is_from_impedance():
    text = "".join(one + "\r" for one in USUAL.split("\r")[:-1] if not one.startswith("ETCO2"))
    found = seen(packet(text=text))
    assert found[Metric.RESP_RATE].source is Source.IMPEDANCE
    assert Metric.ETCO2 not in found


def test_lines_are_known_by_name_in_any_order():
    first, *lines = USUAL.split("\r")[:-1]
    text = "".join(one + "\r" for one in (first, *reversed(lines)))
    assert list(seen(packet(text=text)).values()) == list(seen(WORKED).values())


# What the monitor says of its values.


@pytest.mark.parametrize(
    ("line", "remarks"),
    [
        ("HR=1;72;ECG-II-MON;", ()),
        ("HR=1;;ECG-II-MON; LEAD OFF ", ("LEAD OFF",)),
        ("HR=1;;CHECK LEADS;", ("CHECK LEADS",)),
        ("HR=1;;CHECK LEADS;HR LOW", ("CHECK LEADS", "HR LOW")),
        ("HR=1;;ECG FAULT;", ("ECG FAULT",)),
        ("HR=1;;PR=72X;", ("PR=72X",)),
        ("HR=1; --- ;ECG-II-MON;", ("---",)),
        ("HR=1;7x;CHECK LEADS;HR LOW", ("CHECK LEADS", "HR LOW", "7x")),
        ("HR=1;401;;", ()),
        ("HR=1;   ;;", ()),
    ],
)
def test_texts_that_are_no_setting_are_remarks_as_they_come(line, remarks):
    found = seen(packet(line))
    assert found[Metric.HEART_RATE].remarks == remarks
    assert found[Metric.SPO2].remarks == ()


def test_a_remark_on_the_sensor_is_on_saturation_and_pulse():
    found = seen(packet("SPO2=1;84;PR=71 ;SPO2 LOW"))
    assert found[Metric.SPO2].remarks == found[Metric.PULSE_RATE].remarks == ("SPO2 LOW",)
    assert found[Metric.PULSE_RATE].value == 71


@pytest.mark.parametrize(
    ("label", "remarks", "of_the_pulse"),
    [
        ("PR=71 ", (), ()),
        ("PR=   ", (), ()),
        ("PR=", (), ()),
        ("PR=7 1", (), ("7 1",)),
        ("PR=--- ", ("PR=---",), ()),
        ("PR=SEARCH", ("PR=SEARCH",), ()),
        ("SEARCH", ("SEARCH",), ()),
    ],
)
def test_a_label_that_is_no_pulse_is_a_remark(label, remarks, of_the_pulse):
    found = seen(packet(f"SPO2=1;97;{label};"))
    assert found[Metric.SPO2].remarks == remarks
    assert found[Metric.PULSE_RATE].remarks == remarks + of_the_pulse


def test_text_that_is_no_number_is_remarked_on_its_own_value():
    found = seen(packet("P1=3;120;8O;93;;CHECK"))
    remarks = [found[m].remarks for m in Metric if m.startswith("ibp1")]
    assert remarks == [("CHECK",), ("CHECK", "8O"), ("CHECK",)]


def test_a_line_with_too_many_fields_gives_no_number_but_all_it_says():
    """Perhaps a text holds a semicolon; perhaps a digit was damaged into one."""
    found = seen(packet("HR=1;7;2;ECG-II-MON;HR LOW"))
    assert found[Metric.HEART_RATE].value is None
    assert found[Metric.HEART_RATE].remarks == ("7;2;ECG-II-MON;HR LOW",)
    assert found[Metric.SPO2].value == 97
    found = seen(packet("SPO2=1;97;PR=71 ;LOW;"))
    assert found[Metric.SPO2].value is found[Metric.PULSE_RATE].value is None
    assert Metric.NIBP_MEAN not in seen(packet("NIBP=4;1;8;76;94;70;;"))


NOT_ON_EVERYONE = [
    ("ETCO2=1", ";", Metric.ETCO2),
    ("P1=3", ";;;", Metric.IBP1_SYSTOLIC),
    ("P2=3", ";;;", Metric.IBP2_SYSTOLIC),
    ("T1=1", ";", Metric.TEMPERATURE_1),
    ("T2=1", ";", Metric.TEMPERATURE_2),
]


def told(metric, *lines):
    """Of each packet with one of these lines: the value and remarks of ``metric``."""
    decoder, found = Decoder(), []
    for line in lines:
        (message,) = fed(packet(line), decoder=decoder)
        here = {one.metric: one for one in translate(message, NOW)}
        found.append((here[metric].value, here[metric].remarks) if metric in here else None)
    return found


@pytest.mark.parametrize(("head", "empty", "metric"), NOT_ON_EVERYONE)
@pytest.mark.parametrize("label", ["", "NO TRANSDUCER"])
def test_what_not_everyone_has_is_told_once_it_had_a_value(head, empty, metric, label):
    off = f"{head};{empty}{label};"
    on = f"{head};37{empty}{label};"
    remarks = (label,) if label else ()
    assert told(metric, off, off, on, off, off) == [
        None, None, (37, remarks), (None, remarks), (None, remarks),
    ]  # fmt: skip


@pytest.mark.parametrize(("head", "empty", "metric"), NOT_ON_EVERYONE)
def test_what_says_anything_is_told_and_not_in_use_by_it(head, empty, metric):
    off = f"{head};{empty};"
    assert told(metric, f"{head};{empty}ZERO;", off) == [(None, ("ZERO",)), None]
    assert told(metric, f"{head};{empty};CHECK", off) == [(None, ("CHECK",)), None]
    assert told(metric, f"{head};---{empty};", off) == [(None, ("---",)), None]
    assert told(metric, f"{head};999{empty};", off) == [(None, ()), None]
    assert told(metric, f"{head}; {empty}; ") == [None]


def test_one_value_of_three_is_in_use():
    empty = "P1=3;;;;;"
    assert told(Metric.IBP1_SYSTOLIC, "P1=3;;;93;;", empty) == [(None, ()), (None, ())]


@pytest.mark.parametrize("line", ["HR=1;;;", "RR=1;;;", "SPO2=1;;;"])
def test_what_everyone_should_have_is_missed_from_the_start(line):
    metric = {"HR": Metric.HEART_RATE, "RR": Metric.RESP_RATE, "SPO2": Metric.PULSE_RATE}
    assert told(metric[line.split("=")[0]], line) == [(None, ())]


# The monitor's own alarms.


def test_every_alarm_is_told_with_its_parameter():
    (message,) = fed(packet("HR=1;148;ECG-II-MON; HR HIGH ", "T2=1;;;T2 LOW"))
    assert alarms(message) == ("HR: HR HIGH", "T2: T2 LOW")


def test_no_alarm_is_said_as_such():
    (message,) = fed(packet("T2=1;;PROBE;   "))
    assert alarms(message) == ()


def test_an_alarm_of_the_cuff_is_told_beside_a_reading_that_stays():
    decoder, told = Decoder(), []
    for alarm in ("", "CUFF ERROR", "CUFF ERROR", ""):
        (message,) = fed(packet(f"NIBP=4;128;76;94;70;;{alarm}"), decoder=decoder)
        told.append((message.cuff, alarms(message)))
    assert told == [
        (CuffNews.READING, ()),
        (CuffNews.NONE, ("NIBP: CUFF ERROR",)),
        (CuffNews.NONE, ("NIBP: CUFF ERROR",)),
        (CuffNews.NONE, ()),
    ]


# The cuff.


def news(*values):
    """What packets with these cuff values tell of it: the reading's name, "none", or nothing."""
    decoder, told = Decoder(), []
    for one in values:
        (message,) = fed(packet(f"NIBP=4;{one}"), decoder=decoder)
        cuff = [o for o in translate(message, NOW) if o.source is Source.NIBP]
        ids = {o.measurement_id for o in cuff}
        assert len(cuff) == 4 * len(ids)
        told.append("" if not ids else ids.pop() or "none")
        assert (message.cuff is CuffNews.NONE) == (not cuff)
    return told


A, B, BLANK = "128;76;94;70;;", "126;75;92;70;;", ";;;;;"
COMPLAINT = ";;;;;CUFF LEAK"


def test_a_reading_is_told_when_it_is_repeated_and_the_first_at_once():
    assert news(A, A, A, B, B, B, A, A) == ["n1", "", "", "", "n2", "", "", "n3"]


def test_a_reading_that_appears_must_be_repeated_too():
    assert news(BLANK, A, B, B, A, A) == ["", "", "", "n1", "", "n2"]


@pytest.mark.parametrize("at", range(4))
def test_each_of_the_four_values_makes_a_reading_new(at):
    other = A.split(";")
    other[at] = "99"
    other = ";".join(other)
    assert news(A, other, other) == ["n1", "", "n2"]


@pytest.mark.parametrize("glitch", [BLANK, B, "188;76;94;70;;", ";76;94;70;;", "0;0;0;0;;"])
def test_what_one_packet_alone_says_is_not_told(glitch):
    assert news(A, glitch, A, A, glitch, A) == ["n1", "", "", "", "", ""]


@pytest.mark.parametrize(
    "damaged",
    [
        "12 8;76;94;70;;",
        "1x8;76;94;70;;",
        "---;---;---;---;;",
        "301;76;94;70;;",
        "128;76;94;401;;",
        "128;-76;94;70;;",
        "128;76;94.0;70;;",
        "128;76;1094;70;;",
    ],
)
def test_a_value_that_cannot_be_is_no_news_however_often_it_comes(damaged):
    assert news(damaged, damaged, A, damaged, damaged, A) == ["", "", "n1", "", "", ""]
    assert news(A, B, damaged, B) == ["n1", "", "", "n2"]


def test_an_equal_reading_is_new_after_the_values_were_gone():
    assert news(A, BLANK, BLANK, BLANK, A, A) == ["n1", "", "none", "", "", "n2"]


def test_a_cuff_that_was_never_used_says_nothing():
    assert news(BLANK, BLANK, "0;0;0;0;;", "  ;  ;  ;;;", ";;;70;;", ";;;;; ") == [""] * 6


def test_a_cuff_whose_first_cycle_fails_says_so_once():
    assert news(BLANK, BLANK, COMPLAINT, COMPLAINT, BLANK) == ["", "", "none", "", ""]
    assert news(COMPLAINT, COMPLAINT) == ["none", ""]


def test_no_reading_is_none_of_the_four():
    decoder = Decoder()
    for line in ("128;76;94;70;;", ";;;70;;"):
        fed(packet(f"NIBP=4;{line}"), decoder=decoder)
    (message,) = fed(packet("NIBP=4;0;0;0;70;;"), decoder=decoder)
    cuff = [one for one in translate(message, NOW) if one.source is Source.NIBP]
    assert [(one.value, one.remarks) for one in cuff] == [(None, ())] * 4


def test_what_is_told_late_is_dated_by_the_packet_that_said_it_first():
    decoder, ages = Decoder(), []
    for line in (A, B, B, BLANK, BLANK):
        (message,) = fed(packet(f"NIBP=4;{line}"), decoder=decoder)
        found = {one.metric: NOW - one.observed_at for one in translate(message, NOW)}
        assert found[Metric.HEART_RATE] == timedelta(seconds=0.6)
        if Metric.NIBP_MEAN in found:
            ages.append(found[Metric.NIBP_MEAN])
    assert ages == [timedelta(seconds=s) for s in (0.6, 1.6, 1.6)]


def test_a_mean_alone_is_a_reading():
    assert news(";;94;;;", ";;94;;;") == ["n1", ""]


def test_a_line_that_nobody_understands_is_no_news():
    assert news(A, "128;7;6;94;70;;", A) == ["n1", "", ""]


def test_a_packet_without_the_line_is_no_news():
    decoder = Decoder()
    without = "".join(one + "\r" for one in USUAL.split("\r")[:-1] if "NIBP" not in one)
    found = [fed(packet(text=text), decoder=decoder)[0].cuff for text in (USUAL, without, USUAL)]
    assert found == [CuffNews.READING, CuffNews.NONE, CuffNews.NONE]


def test_a_cuff_without_a_reading_is_pressures_without_values():
    found = seen(packet("NIBP=4;;;;;;CUFF LEAK"))
    for metric in (Metric.NIBP_SYSTOLIC, Metric.NIBP_DIASTOLIC, Metric.NIBP_MEAN):
        assert (found[metric].value, found[metric].measurement_id) == (None, None)
        assert found[metric].remarks == ("CUFF LEAK",)


# The real capture.


def capture(shared):
    folder = shared / "captures"
    if not (folder / "ivy450c.raw").exists():
        pytest.skip("no captures in the folder 'shared' beside the repository")
    return (
        (folder / "ivy450c.raw").read_bytes(),
        json.loads((folder / "ivy450c.expected.json").read_text()),
    )


def by_metric(expected):
    """What another decoder read, by metric."""
    found = {
        Metric.HEART_RATE: expected["HR"]["value"],
        Metric.RESP_RATE: expected["RR"]["value"],
        Metric.ETCO2: expected["ETCO2"]["value"],
        Metric.SPO2: expected["SPO2"]["value"],
        Metric.PULSE_RATE: expected["SPO2"]["pulse_rate"],
        Metric.TEMPERATURE_1: expected["T1"]["value"],
    }
    for name, line in (("NIBP", "nibp"), ("P1", "ibp1"), ("P2", "ibp2")):
        for key, part in (("sys", "systolic"), ("dia", "diastolic"), ("map", "mean")):
            found[Metric(f"{line}_{part}")] = expected[name][key]
    found[Metric.NIBP_PULSE] = expected["NIBP"]["pulse"]
    return found


@pytest.mark.parametrize("size", [1, 7, 4096, 20_000], ids="chunks of {}".format)
def test_a_real_monitors_bytes_mean_what_another_decoder_says(shared, size):
    raw, expected = capture(shared)
    first, *packets = fed(raw, size)
    skipped = expected["skipped_leading_bytes"]
    assert first == Garbled(raw[:skipped], "no start of a packet", skipped)
    assert len(packets) == expected["packets"]
    assert packets[-1].offset == len(raw)
    for message, wanted in zip(packets, expected["messages"], strict=True):
        found = {one.metric: one for one in translate(message, NOW)}
        values = by_metric(wanted)
        if message is not packets[0]:
            values = {m: v for m, v in values.items() if not m.startswith("nibp")}
        # No capnograph, no transducer at P2 and no probe: these are empty throughout.
        unused = {m: v for m, v in values.items() if m.startswith(("etco2", "ibp2", "temp"))}
        assert set(unused.values()) == {None}
        values = {m: v for m, v in values.items() if m not in unused}
        assert {metric: one.value for metric, one in found.items()} == values
        assert {one.measurement_id for one in found.values()} <= {None, "n1"}
        assert found[Metric.RESP_RATE].source is Source.IMPEDANCE
        for name, line in message.lines.items():
            assert (line.label, line.alarm) == (wanted[name]["label"], wanted[name]["alarm"])


def test_a_real_capture_is_read_from_wherever_it_is_cut(shared):
    """No packet that is whole is lost, and its one cuff reading is told once."""
    raw, _ = capture(shared)
    whole = [m for m in fed(raw) if isinstance(m, Packet)]
    for cut in range(252 + 2 * 562):
        found = fed(raw[cut : 252 + 4 * 562])
        packets = [m for m in found if isinstance(m, Packet)]
        expected = [m for m in whole if cut <= m.offset - 562 and m.offset <= 252 + 4 * 562]
        assert [m.offset + cut for m in packets] == [m.offset for m in expected]
        assert [m.lines for m in packets] == [m.lines for m in expected]
        assert [m.measurement_id for m in packets] == ["n1"] + [None] * (len(packets) - 1)
        garbled = [m for m in found if isinstance(m, Garbled)]
        assert sum(len(m.raw) for m in garbled) == packets[0].offset - 562


# Talk.


def test_nothing_is_said_to_it():
    talk = Talk()
    (message,) = fed(WORKED)
    assert talk.opening(1.0) == talk.heard(message, 2.0) == talk.closing() == b""
    assert talk.due(3.0) == (b"", inf)
    assert talk.interval_s == 1
