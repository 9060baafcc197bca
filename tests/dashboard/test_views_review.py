"""Is a past session shown with all that the record has, and nothing that it has not?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from uuid import UUID

import pandas as pd

from clinical.catalog.loader import load_preset
from clinical.phases import SessionPhase
from clinical.record import Entry, Reading
from clinical.vitals import Metric, Observation, Quality, Source
from dashboard.views import review
from storage.review import TIME
from tests.dashboard.test_views_board import parts, words
from tests.dashboard.test_views_signature import AT, signed

NONE = pd.NaT


def frame(columns: list[str], *rows: tuple, times: tuple[str, ...] = ()) -> pd.DataFrame:
    made = pd.DataFrame(list(rows), columns=columns)
    return made.assign(
        **{name: pd.to_datetime(made[name], utc=True).astype(TIME) for name in times}
    )


ALARM = ["onset", "duration_s", "priority", "metric", "direction", "limit", "text", "value",
         "worst", "acknowledged", "acknowledged_by", "acknowledged_reason", "reset", "reset_by",
         "confirmed", "delay_s", "audio", "called", "shown_to"]  # fmt: skip
TIMES = ("onset", "acknowledged", "reset", "confirmed")
NAN = float("nan")
EVENT = ["at", "until", "kind", "what", "text", "by"]
MONITOR = ["name", "proof", "since", "until", "by", "beside"]
DEVICE = ["monitor", "model", "serial", "version", "since", "is_bound", "by", "clock_first_s",
          "clock_worst_s"]  # fmt: skip
ANSWER = ["item", "answer", "by", "at", "evidence", "note", "is_replaced"]
SESSION = ["public_id", "started", "chair", "patient", "phase", "infusion_number",
           "series_length", "duration_min", "peak_systolic_mmhg", "peak_heart_rate_bpm",
           "min_spo2_pct", "alarms_high", "alarms_medium", "alarms_low"]  # fmt: skip


TREND = frame(["at", "heart_rate", "pulse_rate", "spo2", "quality", "monitor"], times=("at",))
CUFFS = frame(["at", "systolic_mmhg", "diastolic_mmhg", "mean_mmhg", "source"], times=("at",))


def past(**more: object) -> review.Past:
    given = {
        "started": AT,
        "chair": "Window",
        "patient": "AB",
        "phase": SessionPhase.DISCHARGED,
        "infusion_number": 2,
        "series_length": 6,
        "planned_infusion_min": 40,
        "preset": "ketamine-adult, version 1",
        "is_simulated": False,
        "trend": pd.DataFrame(),
        "cuffs": pd.DataFrame(),
        "alarms": frame(ALARM),
        "events": frame(EVENT),
        "answers": frame(ANSWER),
        "signatures": [],
        "monitors": frame(MONITOR, ("ivy450c", "capture", NONE, NONE, None, 12)),
        "items": {"gait": "Walks steadily"},
        "limits": load_preset("ketamine-adult").limits,
    }
    return review.Past(**given | more)


def shown(**more: object) -> str:
    return words(review.session(past(**more), UTC))


def test_an_empty_record_says_so_and_draws_nothing():
    said = shown()
    for nothing in ("Nothing was measured.", "No alarms.", "Nothing was answered.",
                    "Nothing was signed."):  # fmt: skip
        assert nothing in said


def test_an_alarm_shows_its_limit_its_worst_and_who_saw_it():
    row = (AT, 80.0, "high", "spo2", "low", 88.0, "* SpO2 93 < 94", 87.0, 84.0, AT, "berg",
           "cold fingers", NONE, None, NONE, 10.0, "paused", "on all screens; kim called",
           "berg, screen: Wall")  # fmt: skip
    said = shown(alarms=frame(ALARM, row, times=TIMES))
    for part in ("14:05:09", "1 min 20 s", "SpO2 low, limit 88 for 10 s", "87", "84",
                 "berg, 14:05:09: cold fingers", "on all screens; kim called",
                 "berg, screen: Wall", "paused"):  # fmt: skip
        assert part in said


def test_an_alarm_that_stayed_says_until_when_and_whether_anybody_saw_it():
    row = (AT, 80.0, "high", "nibp_systolic", "high", 180.0, "*** SYS", 184.0, 190.0, NONE, None,
           None, AT, "", AT, 0.0, "on", None, None)  # fmt: skip
    said = shown(alarms=frame(ALARM, row, times=TIMES))
    assert "SYS high, limit 180 " in said
    assert "measured again, 14:05:09" in said
    assert "stayed until 14:05:09, not seen" in said
    reset = (*row[:13], "kim", *row[14:])
    assert "stayed until 14:05:09, reset by kim" in shown(alarms=frame(ALARM, reset, times=TIMES))


def test_a_technical_alarm_without_an_end_has_none():
    row = (AT, NAN, "medium", None, None, NAN, "NO DATA", NAN, NAN, NONE, None, None, NONE, None,
           NONE, NAN, "on", None, None)  # fmt: skip
    said = shown(alarms=frame(ALARM, row, times=TIMES))
    assert "NO DATA" in said
    assert said.count(review.NONE) >= 4


def test_a_gap_is_told_from_to():
    row = (AT, AT + pd.Timedelta(minutes=2), "gap", "restart", "no record: restart", float("nan"))
    assert "14:05:09 – 14:07:09" in shown(events=frame(EVENT, row, times=("at", "until")))


def test_a_corrected_answer_stays_and_is_struck_out():
    rows = [
        ("gait", "yes", "berg", AT, "", "", True),
        ("gait", "no", "berg", AT, "", "fell", False),
    ]
    drawn = review.session(past(answers=frame(ANSWER, *rows, times=("at",))), UTC)
    lines = [part for part in parts(drawn) if type(part).__name__ == "Tr"]
    struck = [line for line in lines if getattr(line, "className", "") == "is-replaced"]
    assert len(struck) == 1
    assert "Walks steadily" in words(struck[0])


def test_a_signature_that_no_longer_binds_is_called_out():
    assert "CHANGED SINCE IT WAS SIGNED" in shown(signatures=[(signed(), False)])
    assert "unchanged since" in shown(signatures=[(signed(), True)])


def test_limits_are_printed_with_their_operator_and_delay():
    said = shown()
    assert "< 50 for 10 s, > 120 for 10 s" in said
    assert "<= 80, >= 180" in said
    assert "not at hand" in shown(limits=())


def test_a_row_leads_to_its_session_and_leaves_out_what_was_not_measured():
    row = ("a-b-c", AT, 3, "AB", "discharged", 2, 6, 87.2, float("nan"), 121.0, 89.4, 1, 2, 0)
    assert review.rows(frame(SESSION, row, times=("started",)), UTC) == [
        {
            "public_id": "a-b-c",
            "link": "[2026-03-14 14:05](/review/a-b-c)",
            "patient": "AB",
            "chair": 3,
            "series": "2 of 6",
            "phase": "Discharged",
            "alarms": "1 · 2 · 0",
            "duration_min": 87,
            "peak_systolic_mmhg": None,
            "peak_heart_rate_bpm": 121,
            "min_spo2_pct": 89,
        }
    ]


def test_a_session_says_what_it_was_read_from_and_how_far_that_was_proven():
    page = shown()
    assert "ivy450c" in page
    assert "reads bytes taken from a real monitor, never tried at one" in page
    assert "12" in page
    assert "The record does not say which." in shown(monitors=frame(MONITOR))
    assert "all the time" in page


def test_a_monitor_that_came_or_went_in_mid_session_says_when_and_by_whom():
    rows = [
        ("ge-dri", "capture", NONE, AT, None, 0),
        ("ivy450c", "bench", AT, AT + pd.Timedelta(minutes=2), "kim", 0),
        ("nellcor", "", NONE, NONE, None, 3),
    ]
    page = shown(monitors=frame(MONITOR, *rows, times=("since", "until")))
    assert "until 14:05:09" in page
    assert "from 14:05:09 to 14:07:09" in page
    assert "put there by kim" in page
    assert "tried at a real monitor on a bench" in page
    assert "all the time" not in page


def test_a_device_says_who_it_is_who_confirmed_it_and_how_its_clock_goes():
    rows = [
        ("dinamap", "V100", "SN-1", "R1A", AT, True, None, 2.04, -372.0),
        ("dinamap", "V100", "SN-2", "", AT, False, None, 0.01, NAN),
        ("dinamap", "V100", "SN-2", "", AT, True, "kim", NAN, NAN),
    ]
    page = shown(devices=frame(DEVICE, *rows, times=("since",)))
    for part in ("V100, no. SN-1", "R1A", "2026-03-14 14:05", "2.0 s ahead", "6 min 12 s behind",
                 review.FIRST, "nobody: not recorded", "right", "kim"):  # fmt: skip
        assert part in page
    assert "Confirmed by" not in shown()


def test_what_was_entered_by_hand_is_one_line_an_entry():
    entry = Entry("anna", "AB", AT + pd.Timedelta(minutes=2))
    values = {Metric.NIBP_SYSTOLIC: 118.0, Metric.NIBP_DIASTOLIC: 78.0, Metric.TEMPERATURE_1: 37.2}
    entered = [
        Reading(
            UUID(int=1), Observation(sign, value, Quality.VALID, AT, Source.MANUAL), entry=entry
        )
        for sign, value in values.items()
    ]
    entered.append(replace(entered[0], entry=None))
    drawn = review.session(past(entered=entered, trend=TREND, cuffs=CUFFS), UTC)
    sections = (part for part in parts(drawn) if type(part).__name__ == "Section")
    (section,) = (part for part in sections if "Entered by hand" in words(part))
    head, whole, lost = (each for each in parts(section) if type(each).__name__ == "Tr")
    assert words(head).startswith("Measured")
    for part in ("14:05:09", "SYS 118 mmHg, DIA 78 mmHg, T1 37.2 °C", "AB",
                 "14:07:09", "anna"):  # fmt: skip
        assert part in words(whole)
    assert review.NONE in words(lost)
    assert "Entered by hand" not in shown()
