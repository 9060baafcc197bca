"""Is a past session shown with all that the record has, and nothing that it has not?"""

from __future__ import annotations

from datetime import UTC

import pandas as pd

from clinical.catalog.loader import load_preset
from clinical.phases import SessionPhase
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
MONITOR = ["name", "proof", "beside"]
ANSWER = ["item", "answer", "by", "at", "evidence", "note", "is_replaced"]
SESSION = ["public_id", "started", "chair", "patient", "phase", "infusion_number",
           "series_length", "duration_min", "peak_systolic_mmhg", "peak_heart_rate_bpm",
           "min_spo2_pct", "alarms_high", "alarms_medium", "alarms_low"]  # fmt: skip


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
        "monitors": frame(MONITOR, ("ivy450c", "capture", 12)),
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
