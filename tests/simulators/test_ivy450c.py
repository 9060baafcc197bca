"""Does the simulated Ivy 450C say what the public decoder and its recording say that it does?

Packets are taken apart by the few lines of ``parts``, written for these tests alone.
"""

import itertools
import math
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators import ivy450c
from simulators.displayed import Cuff, CuffReading, Displayed, Module, RateSource

EVERYTHING = Displayed(
    fitted=frozenset(Module),
    attached=frozenset(Module),
    heart_rate_bpm=72,
    impedance_resp_rpm=15,
    spo2_pct=97.4,
    pulse_bpm=71,
    cuff=Cuff(
        reading=CuffReading(systolic_mmhg=128, diastolic_mmhg=76, mean_mmhg=94, pulse_bpm=70),
        age_s=30,
    ),
    temperature_c=36.8,
    etco2_pct=5.0,
    co2_resp_rpm=14,
    ambient_mmhg=760.0,
    pressure_1_systolic_mmhg=111,
    pressure_1_diastolic_mmhg=73,
    pressure_1_mean_mmhg=88,
)
WITHOUT_CO2 = frozenset(Module) - {Module.CO2}


class Parts(NamedTuple):
    ecg: bytes
    respiration: bytes
    pleth: bytes
    pressure_1: bytes
    pressure_2: bytes
    lines: list[str]

    def line(self, name: str) -> str:
        (found,) = (each for each in self.lines if each.startswith(f"{name}="))
        return found


def parts(packet: bytes) -> Parts:
    assert packet[:9] == bytes.fromhex("ff 41 4e 53 41 52 2d 42 20")
    assert packet[-2:] == b"\r\xfe"
    assert not {0xFE, 0xFF} & set(packet[1:-1])
    text = packet[409:-1].decode("ascii")
    edges = (9, 209, 259, 309, 359, 409)
    waves = [packet[start:end] for start, end in itertools.pairwise(edges)]
    return Parts(*waves, text.split("\r")[:-1])


def packet(shown: Displayed = EVERYTHING, **how: Any) -> Parts:
    """The first packet of a monitor that shows this."""
    return parts(ivy450c.Monitor(lambda _t_s: shown, **how).due(0.0)[0])


def seconds(showing: Callable[[float], Displayed], count: int, **how: Any) -> list[Parts]:
    bedside = ivy450c.Monitor(showing, **how)
    return [parts(bedside.due(float(t_s))[0]) for t_s in range(count)]


def peaks(samples: bytes, above: int) -> list[int]:
    """Where ``samples`` come to rise above a level."""
    return [at for at in range(1, len(samples)) if samples[at] > above >= samples[at - 1]]


def test_writes_the_vectors_byte_for_byte():
    path = Path(__file__).parents[1] / "vectors" / "ivy450c.toml"
    for vector in tomllib.loads(path.read_text())["frames"]:
        if "values" in vector:
            assert ivy450c.vector_frame(vector["values"]) == bytes.fromhex(vector["hex"])


def test_a_misspelt_key_of_a_vector_is_refused():
    waves = {"ecg": 100, "resp": 0, "pleth": 0, "p1_wave": 0, "p2_wave": 0}
    with pytest.raises(ValueError, match="heart_rat"):
        ivy450c.vector_frame({**waves, "heart_rat": 60})


def test_the_lines_are_those_of_the_recording_in_its_order():
    assert packet().lines == [
        "HR=1;72;ECG-II-DIAG;",
        "RR=1;14;APNEA: 20 SEC;",
        "ETCO2=1;38;;",
        "SPO2=1;97;PR=71 ;",
        "NIBP=4;128;76;94;70;;",
        "P1=3;111;73;88;;",
        "P2=3;;;;NO TRANSDUCER;",
        "T1=1;36.8;;",
        "T2=1;;;",
    ]


def test_what_is_not_connected_has_empty_values():
    nothing = Displayed(fitted=frozenset(), attached=frozenset())
    assert packet(nothing).lines == [
        "HR=1;;;",
        "RR=1;;APNEA: 20 SEC;",
        "ETCO2=1;;;",
        "SPO2=1;;;",
        "NIBP=4;;;;;;",
        "P1=3;;;;NO TRANSDUCER;",
        "P2=3;;;;NO TRANSDUCER;",
        "T1=1;;;",
        "T2=1;;;",
    ]


def test_every_line_says_how_many_values_it_has():
    for line in packet().lines:
        count, *fields = line.partition("=")[2].split(";")
        assert len(fields) == int(count) + 2  # a label and an alarm after them


def test_it_talks_once_a_second_and_hears_nothing():
    bedside = ivy450c.Monitor(lambda _t_s: EVERYTHING)
    assert bedside.due(600.3) == (b"", 601.0)
    assert bedside.heard(b"\xffANSAR-B \xfe", 600.5) == b""
    for t_s in range(601, 606):
        data, next_s = bedside.due(float(t_s))
        assert next_s == t_s + 1
        parts(data)
        assert bedside.due(t_s + 0.4) == (b"", next_s)


def test_after_a_pause_the_missed_packets_are_not_made_up():
    bedside = ivy450c.Monitor(lambda t_s: Displayed(heart_rate_bpm=60 + t_s))
    bedside.due(0.0)
    data, next_s = bedside.due(10.7)
    assert (parts(data).line("HR"), next_s) == ("HR=1;70;ECG-II-DIAG;", 11.0)


@pytest.mark.parametrize(
    ("pulse", "label"), [(71, "PR=71 "), (101, "PR=101"), (9, "PR=9  "), (None, "PR=   ")]
)
def test_the_pulse_rate_is_the_label_of_the_saturation(pulse, label):
    shown = Displayed(spo2_pct=97, pulse_bpm=pulse)
    assert packet(shown).line("SPO2") == f"SPO2=1;97;{label};"


def test_unknown_label_and_words_may_be_others():
    shown = Displayed(is_lead_off=True, spo2_pct=97)
    how = {"no_pulse_label": "", "alarm_texts": {"lead off": "CHECK LEADS"}, "apnea_s": 30}
    told = packet(shown, **how)
    assert told.line("SPO2") == "SPO2=1;97;;"
    assert told.line("HR") == "HR=1;;ECG-II-DIAG;CHECK LEADS"
    assert told.line("RR") == "RR=1;;APNEA: 30 SEC;"


def test_the_chest_is_counted_where_there_is_no_co2():
    shown = Displayed(fitted=WITHOUT_CO2, attached=WITHOUT_CO2, impedance_resp_rpm=15)
    assert packet(shown).line("RR") == "RR=1;15;APNEA: 20 SEC;"
    assert packet(shown).line("ETCO2") == "ETCO2=1;;;"


def test_co2_is_of_the_air_pressure_there_is():
    shown = Displayed(etco2_pct=5.0, ambient_mmhg=640.0)
    assert packet(shown).line("ETCO2") == "ETCO2=1;32;;"


def test_a_rate_from_the_oximeter_is_no_rate_of_a_lead():
    shown = Displayed(heart_rate_bpm=70, heart_rate_source=RateSource.SPO2, is_lead_off=True)
    assert packet(shown).line("HR") == "HR=1;;ECG-II-DIAG;LEAD OFF"


def test_the_last_cuff_result_comes_again_every_second_while_the_next_is_measured():
    def showing(t_s: float) -> Displayed:
        reading = CuffReading(systolic_mmhg=121 if t_s < 6 else 131, mean_mmhg=92)
        return Displayed(cuff=Cuff(reading=reading, is_measuring=3 <= t_s < 6, age_s=5))

    told = [each.line("NIBP") for each in seconds(showing, 8)]
    assert told == ["NIBP=4;121;;92;;;"] * 6 + ["NIBP=4;131;;92;;;"] * 2


@pytest.mark.parametrize(
    ("shown", "line"),
    [
        (Displayed(is_lead_off=True), "HR=1;;ECG-II-DIAG;LEAD OFF"),
        (Displayed(heart_rate_bpm=91, is_ecg_noisy=True), "HR=1;91;ECG-II-DIAG;ARTIFACT"),
        (Displayed(), "SPO2=1;;PR=   ;SENSOR OFF"),
        (Displayed(spo2_pct=90, pulse_bpm=150, is_pulse_noisy=True), "SPO2=1;90;PR=150;ARTIFACT"),
        (Displayed(cuff=Cuff(age_s=100)), "NIBP=4;;;;;;CUFF ERROR"),
        (Displayed(cuff=Cuff()), "NIBP=4;;;;;;"),
        (Displayed(impedance_resp_rpm=0), "RR=1;0;APNEA: 20 SEC;APNEA"),
    ],
)
def test_trouble_stands_in_the_alarm_field_of_its_line(shown, line):
    assert line in packet(shown).lines


@pytest.mark.parametrize(
    ("rate", "alarm"), [(49, "LOW"), (50, ""), (120, ""), (121, "HIGH"), (None, "")]
)
def test_a_limit_raises_its_alarm_and_the_end_of_it_takes_it_away(rate, alarm):
    value = "" if rate is None else rate
    told = packet(Displayed(heart_rate_bpm=rate), limits={"HR": (50, 120)})
    assert told.line("HR") == f"HR=1;{value};ECG-II-DIAG;{alarm}"


@pytest.mark.parametrize("limits", [(None, 120), (50, None), (None, None)])
def test_a_limit_may_be_off(limits):
    rates = [
        packet(Displayed(heart_rate_bpm=r), limits={"HR": limits}).line("HR") for r in (20, 200)
    ]
    alarms = [line.rpartition(";")[2] for line in rates]
    assert alarms == ["LOW" if limits[0] else "", "HIGH" if limits[1] else ""]


def test_the_ecg_has_a_complex_for_each_beat():
    ecg = b"".join(each.ecg for each in seconds(lambda _t_s: EVERYTHING, 60))
    found = peaks(ecg, above=140)
    assert len(found) == 72
    apart = [later - earlier for earlier, later in itertools.pairwise(found)]
    assert set(apart) <= {166, 167}  # 60/72 s at 200 samples a second, also across packets


def test_the_ecg_rests_at_100_and_is_flat_with_a_lead_off():
    assert packet(Displayed(is_lead_off=True)).ecg == bytes([100]) * 200
    assert sorted(packet().ecg)[100] in range(98, 104)


def test_a_moving_patient_makes_a_wild_ecg_the_same_each_time():
    wild = [packet(Displayed(heart_rate_bpm=72, is_ecg_noisy=True)).ecg for _ in range(2)]
    assert wild[0] == wild[1] != packet(Displayed(heart_rate_bpm=72)).ecg


def test_the_pleth_beats_with_the_pulse_and_breaths_are_breathed():
    minute = seconds(
        lambda _t_s: Displayed(heart_rate_bpm=60, spo2_pct=97, pulse_bpm=90, impedance_resp_rpm=12),
        60,
    )
    assert len(peaks(b"".join(each.pleth for each in minute), above=134)) == 90
    assert len(peaks(b"".join(each.respiration for each in minute), above=125)) == 12


def test_the_capnogram_stands_where_the_breath_does_when_there_is_co2():
    minute = b"".join(each.respiration for each in seconds(lambda _t_s: EVERYTHING, 60))
    assert max(minute) in (37, 38)
    assert min(minute) == 0
    assert len(peaks(minute, above=20)) == 14


def test_the_arterial_wave_runs_between_its_pressures_and_no_transducer_is_flat():
    pressure = b"".join(each.pressure_1 for each in seconds(lambda _t_s: EVERYTHING, 10))
    assert (min(pressure), max(pressure)) == (73, 111)
    assert packet(Displayed()).pressure_1 == packet().pressure_2 == bytes([251]) * 50


@given(
    rate=st.floats(0, 300),
    mmhg=st.floats(0, 400),
    breaths=st.floats(0, 150),
    pct=st.floats(0, 60),
    is_noisy=st.booleans(),
)
def test_no_wave_and_no_text_ever_holds_an_end_mark(rate, mmhg, breaths, pct, is_noisy):
    shown = Displayed(
        attached=frozenset(Module),
        heart_rate_bpm=rate,
        is_ecg_noisy=is_noisy,
        pulse_bpm=rate,
        etco2_pct=pct if is_noisy else None,
        co2_resp_rpm=breaths,
        impedance_resp_rpm=breaths,
        pressure_1_systolic_mmhg=mmhg,
        pressure_1_diastolic_mmhg=mmhg / 2,
    )
    for each in seconds(lambda _t_s: shown, 2):
        assert math.prod(len(wave) for wave in each[:5]) == 200 * 50**4
