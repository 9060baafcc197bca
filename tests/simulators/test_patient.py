"""Does the scripted patient do what the scenario says, the same way every time?"""

import random

import pytest

from simulators.displayed import CuffReading, RateSource
from simulators.patient import Patient, ketamine_effect
from simulators.scenario import UNMOVED, Ketamine, named, scenarios

NAMES = [name for name, _ in scenarios()]
SEEDS = range(3)


def readings(patient: Patient, until_min: float) -> list[tuple[float, CuffReading]]:
    """Each cuff reading and the minute it appeared in, as a client polling every 5 s sees it."""
    found: list[tuple[float, CuffReading]] = []
    for t_s in range(0, int(60 * until_min), 5):
        cuff = patient.at(t_s).cuff
        if cuff.age_s is not None and cuff.age_s < 5:
            found.append((t_s / 60, cuff.reading))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_same_inputs_give_the_same_screen_in_any_order(name):
    times = [0.0, 17.5, 600.0, 601.0, 1234.0, 2400.0]
    forward = {t_s: Patient(named(name), 3).at(t_s) for t_s in times}
    patient = Patient(named(name), 3)
    shuffled = random.Random(1).sample(times, len(times))
    assert {t_s: patient.at(t_s) for t_s in shuffled} == forward


def test_another_seed_is_another_patient():
    calm = named("calm")
    screens = [[Patient(calm, seed).at(t_s).heart_rate_bpm for t_s in range(99)] for seed in SEEDS]
    assert len({tuple(screen) for screen in screens}) == len(SEEDS)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", NAMES)
def test_every_number_is_one_a_monitor_could_show_and_moves_smoothly(name, seed):
    patient = Patient(named(name), seed)
    before = patient.at(0)
    for t_s in range(5, int(patient.length_s), 5):
        now = patient.at(t_s)
        for number, low, high in (
            (now.heart_rate_bpm, 20, 240),
            (now.pulse_bpm, 20, 240),
            (now.spo2_pct, 70, 100),
            (now.impedance_resp_rpm, 3, 30),
            (now.temperature_c, 36, 37.5),
            (now.cuff.reading.systolic_mmhg, 60, 220),
        ):
            assert number is None or low <= number <= high
        if (
            now.ecg_rate_bpm
            and before.ecg_rate_bpm
            and not (now.is_ecg_noisy | before.is_ecg_noisy)
        ):
            assert abs(now.ecg_rate_bpm - before.ecg_rate_bpm) <= 8
        before = now


def test_the_heart_rate_varies_from_second_to_second_as_a_real_one_does():
    patient = Patient(named("preparation"))
    rates = [patient.at(t_s).heart_rate_bpm for t_s in range(300)]
    assert len(set(rates)) >= 4


@pytest.mark.parametrize("seed", SEEDS)
def test_the_mean_lies_where_the_cuffs_pressures_put_it(seed):
    for _, reading in readings(Patient(named("rising-pressure"), seed), 30):
        third = (reading.systolic_mmhg + 2 * reading.diastolic_mmhg) / 3
        assert reading.mean_mmhg == pytest.approx(third, abs=1)


def test_ketamine_peaks_at_thirty_to_forty_minutes_and_is_gone_by_ninety():
    infusion = Ketamine(start_min=5, minutes=40, adds=UNMOVED)
    effects = [ketamine_effect(infusion, minute) for minute in range(120)]
    assert effects[5] == 0
    assert all(effects[5 + minute] == 1 for minute in (35, 38, 40))
    assert effects[:40] == sorted(effects[:40])
    assert effects[95] == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_calm_stays_within_what_alarms_at_medium(seed):
    patient = Patient(named("calm"), seed)
    for t_s in range(0, int(patient.length_s), 10):
        now = patient.at(t_s)
        assert 50 <= now.heart_rate_bpm <= 110
        assert now.spo2_pct >= 94
        assert 8 <= now.impedance_resp_rpm <= 24
    for _, reading in readings(patient, 90):
        assert (reading.systolic_mmhg <= 140, reading.diastolic_mmhg <= 90) == (True, True)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_surge_shows_each_pressure_band_from_minute_thirty(seed):
    seen = readings(Patient(named("hypertensive-surge"), seed), 45)
    assert all(reading.systolic_mmhg <= 140 for minute, reading in seen if minute < 30)
    after = [reading.systolic_mmhg for minute, reading in seen if minute >= 30]
    assert any(140 < systolic <= 160 for systolic in after)
    assert any(160 < systolic < 180 for systolic in after)
    assert any(systolic >= 180 for systolic in after)


@pytest.mark.parametrize("seed", SEEDS)
def test_rising_pressure_is_on_time_for_a_demo(seed):
    patient = Patient(named("rising-pressure"), seed)
    seen = readings(patient, 25)
    at_20 = next(reading for minute, reading in seen if minute >= 20)
    assert at_20.systolic_mmhg == pytest.approx(150, abs=6)
    assert at_20.diastolic_mmhg == pytest.approx(92, abs=5)
    first_over_160 = next(minute for minute, reading in seen if reading.systolic_mmhg > 160)
    assert 22 <= first_over_160 <= 24
    assert patient.at(25 * 60).heart_rate_bpm == pytest.approx(112, abs=4)


@pytest.mark.parametrize("seed", SEEDS)
def test_desaturation_lasts_minutes_under_92_and_minutes_under_88(seed):
    patient = Patient(named("desaturation"), seed)
    assert all(patient.at(t_s).spo2_pct < 92 for t_s in range(17 * 60, 25 * 60))
    assert all(patient.at(t_s).spo2_pct < 88 for t_s in range(20 * 60, 24 * 60))
    assert patient.at(22 * 60).etco2_pct > 6
    assert patient.at(40 * 60).spo2_pct > 94


@pytest.mark.parametrize("seed", SEEDS)
def test_capnography_slows_breathing_and_raises_co2_before_saturation_dips_and_all_recover(seed):
    patient = Patient(named("capnography"), seed)
    before, first, worst, after = (patient.at(60 * minute) for minute in (5, 15, 19.5, 35))
    rates = [screen.co2_resp_rpm for screen in (before, worst, after)]
    assert rates == pytest.approx([14, 6, 14], abs=3)
    co2_mmhg = [
        screen.etco2_pct / 100 * screen.ambient_mmhg for screen in (before, first, worst, after)
    ]
    assert co2_mmhg == pytest.approx([38.5, 48, 55, 39], abs=2.5)
    saturations = [screen.spo2_pct for screen in (before, worst, after)]
    assert saturations == pytest.approx([98, 92, 97.5], abs=1)
    assert first.spo2_pct > 95
    assert all(patient.at(t_s).co2_resp_rpm <= 8 for t_s in range(16 * 60, 20 * 60))


@pytest.mark.parametrize("seed", SEEDS)
def test_bradycardia_is_under_50_for_minutes_then_at_most_40(seed):
    patient = Patient(named("bradycardia"), seed)
    assert all(patient.at(t_s).heart_rate_bpm < 50 for t_s in range(13 * 60, 21 * 60))
    assert all(patient.at(t_s).heart_rate_bpm <= 40 for t_s in range(23 * 60, 24 * 60))


@pytest.mark.parametrize("seed", SEEDS)
def test_any_two_readings_of_the_preparation_agree_within_ten_per_cent(seed):
    seen = [reading for _, reading in readings(Patient(named("preparation"), seed), 20)]
    assert len(seen) >= 6
    for sign in ("systolic_mmhg", "diastolic_mmhg"):
        values = [getattr(reading, sign) for reading in seen]
        assert max(values) - min(values) <= 0.1 * min(values)


@pytest.mark.parametrize("seed", SEEDS)
def test_recovery_comes_back_within_twenty_per_cent_of_the_baseline(seed):
    patient = Patient(named("recovery"), seed)
    for minute, reading in readings(patient, 60):
        if minute >= 15:
            assert reading.systolic_mmhg == pytest.approx(122, rel=0.2)
            assert reading.diastolic_mmhg == pytest.approx(76, rel=0.2)
            assert patient.at(minute * 60).heart_rate_bpm == pytest.approx(72, rel=0.2)


def test_a_lead_that_is_off_takes_heart_rate_and_breathing_but_not_the_pulse():
    patient = Patient(named("lead-off-artefact"))
    off = patient.at(6 * 60)
    assert (off.is_lead_off, off.heart_rate_bpm, off.impedance_resp_rpm) == (True, None, None)
    assert off.pulse_bpm is not None
    fallen_back = patient.at(13 * 60)
    assert fallen_back.heart_rate_bpm == fallen_back.pulse_bpm
    assert fallen_back.heart_rate_source is RateSource.SPO2
    assert fallen_back.ecg_rate_bpm is None
    assert patient.at(24 * 60).spo2_pct is None
    assert patient.at(19 * 60).is_ecg_noisy
    assert [patient.at(60 * minute).is_pulse_noisy for minute in (19, 30)] == [False, True]


def test_a_cuff_cycle_measures_over_the_old_value_then_brings_the_new_one():
    patient = Patient(named("preparation"), 2)
    cuffs = [patient.at(t_s).cuff for t_s in range(180, 400)]
    first = next(n for n, cuff in enumerate(cuffs) if cuff.is_measuring)
    fresh = next(n for n, cuff in enumerate(cuffs) if n > first and cuff.age_s < 1)
    assert 28 <= fresh - first <= 38
    assert all(cuff.reading == cuffs[0].reading for cuff in cuffs[first:fresh])
    assert cuffs[fresh].reading != cuffs[0].reading
    done = next(n for n, cuff in enumerate(cuffs) if n >= fresh and not cuff.is_measuring)
    assert 0 <= done - fresh <= 3


def test_a_failed_cycle_leaves_dashes_and_one_may_give_the_mean_alone():
    patient = Patient(named("cuff-failures"))
    measuring, failed = patient.at(5 * 60 + 60), patient.at(8 * 60)
    assert measuring.cuff.is_measuring
    assert measuring.cuff.reading.systolic_mmhg is not None
    assert failed.cuff.reading == CuffReading()
    assert failed.cuff.age_s > 300
    mean_only = patient.at(17 * 60).cuff.reading
    assert mean_only.systolic_mmhg is None
    assert mean_only.mean_mmhg == pytest.approx(91, abs=5)


def test_the_empty_chair_shows_nothing_at_all():
    shown = Patient(named("empty")).at(1234)
    assert shown.attached == frozenset()
    numbers = (shown.heart_rate_bpm, shown.pulse_bpm, shown.spo2_pct, shown.temperature_c)
    assert numbers == (None, None, None, None)
    assert shown.cuff.age_s is None


def test_the_runner_is_told_of_each_event_in_order():
    notes = Patient(named("cuff-failures")).notes
    assert notes[0][1] == "cuff-fails until minute 8"
    assert notes == sorted(notes)
