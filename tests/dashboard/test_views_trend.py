"""Is the course of a session drawn as it was, with its gaps, and never as text that runs?"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pandas as pd

from clinical.alarms import AlarmLimit, AlarmPriority, Operator
from clinical.record import Entry, Reading
from clinical.vitals import Metric, Observation, Quality, Source
from dashboard.views import trend
from storage.review import TIME

AT = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
LIMITS = [
    AlarmLimit(Metric.HEART_RATE, Operator.ABOVE, 120, AlarmPriority.MEDIUM),
    AlarmLimit(Metric.HEART_RATE, Operator.AT_OR_ABOVE, 140, AlarmPriority.HIGH),
]


def at(*seconds: float) -> pd.Series:
    return pd.Series([AT + timedelta(seconds=s) for s in seconds]).astype(TIME)


def vitals(seconds: list[float], **columns: list[float | None]) -> pd.DataFrame:
    """Frames in which every column that is given was sent; None was sent without a value."""
    reasons = [
        json.dumps({name: "unavailable" for name, values in columns.items() if values[i] is None})
        for i in range(len(seconds))
    ]
    given = {"heart_rate": None, "pulse_rate": None, "spo2": None} | columns
    return pd.DataFrame(
        {
            "at": at(*seconds),
            "quality": pd.Series(reasons, dtype="str"),
            "monitor": pd.Series(["ge-dri"] * len(seconds), dtype="str"),
        }
        | {name: pd.Series(values, dtype="float64") for name, values in given.items() if values}
        | {
            name: pd.Series([float("nan")] * len(seconds))
            for name, values in given.items()
            if not values
        }
    )


def cuffs(*rows: tuple[float, float | None, float | None, float | None]) -> pd.DataFrame:
    names = ["systolic_mmhg", "diastolic_mmhg", "mean_mmhg"]
    frame = pd.DataFrame([row[1:] for row in rows], columns=names).astype("float64")
    return frame.assign(at=at(*(row[0] for row in rows)), source="nibp")


def by_hand(second: float, metric: Metric, value: float | None, initials: str = "AB") -> Reading:
    """Measured at ``second``, entered two minutes later."""
    measured_at = AT + timedelta(seconds=second)
    observation = Observation(metric, value, Quality.VALID, measured_at, Source.MANUAL)
    entry = Entry("anna", initials, measured_at + timedelta(minutes=2))
    return Reading(UUID(int=1), observation, entry=entry)


def alarms(*rows: tuple[float, str, str, float, str]) -> pd.DataFrame:
    names = ["priority", "metric", "value", "text"]
    frame = pd.DataFrame([row[1:] for row in rows], columns=names)
    return frame.assign(onset=at(*(row[0] for row in rows)))


def events(*rows: tuple[float, float | None, str, str]) -> pd.DataFrame:
    until = [pd.NaT if row[1] is None else AT + timedelta(seconds=row[1]) for row in rows]
    frame = pd.DataFrame([row[2:] for row in rows], columns=["kind", "what"])
    return frame.assign(at=at(*(row[0] for row in rows)), until=pd.Series(until).astype(TIME))


def figure(**given):
    frames = {"trend": vitals([]), "cuffs": cuffs(), "alarms": alarms(), "events": events()}
    return trend.session_figure(**{"limits": LIMITS, "zone": UTC} | frames | given)


def trace(drawn, uid: str):
    return next(each for each in drawn.data if each.uid == uid)


def test_the_live_figure_is_empty_and_names_what_live_js_fills():
    drawn = trend.live_figure()
    assert {len(each.x) for each in drawn.data} == {0}
    assert {str(each.meta) for each in drawn.data} == {
        "{'cuff': 'bar'}",
        "{'metric': 'nibp_mean'}",
        "{'metric': 'heart_rate'}",
        "{'metric': 'spo2'}",
        "None",
    }
    assert {each.uid for each in drawn.data if each.meta is None} == {*trend.HAND}
    assert drawn.layout.uirevision == "always"


def test_a_gap_is_a_gap_in_the_line():
    drawn = figure(trend=vitals([0, 1, 60, 61], heart_rate=[70, 71, 72, 73]))
    y = list(trace(drawn, "heart-rate").y)
    assert y[:2] == [70, 71]
    assert pd.isna(y[2])
    assert y[3:] == [72, 73]


def test_a_missing_value_breaks_the_line_however_short():
    drawn = figure(trend=vitals([0, 1, 2], heart_rate=[70, None, 72]))
    assert [pd.isna(value) for value in trace(drawn, "heart-rate").y] == [False, True, False]


def test_frames_of_another_monitor_do_not_break_the_line():
    frames = vitals([0, 0.3, 1, 1.3], heart_rate=[70, None, 71, None])
    drawn = figure(trend=frames.assign(quality=None))  # they were not sent at all
    assert list(trace(drawn, "heart-rate").y) == [70, 71]


def test_the_line_begins_anew_where_another_monitor_takes_the_sign_over():
    frames = vitals([0, 1, 2, 3], heart_rate=[70, 71, 90, 91])
    names = pd.Series(["ivy450c", "ivy450c", "ge-dri", "ge-dri"], dtype="str")
    y = list(trace(figure(trend=frames.assign(monitor=names)), "heart-rate").y)
    assert (y[:2], y[3:]) == ([70, 71], [90, 91])
    assert pd.isna(y[2])


def test_without_an_ecg_the_pulse_is_drawn_and_named():
    drawn = figure(trend=vitals([0, 1], pulse_rate=[70, 71]))
    assert trace(drawn, "heart-rate").name == "PR"
    assert list(trace(drawn, "heart-rate").y) == [70, 71]


def test_ecg_and_pulse_are_never_mixed():
    drawn = figure(trend=vitals([0, 1], heart_rate=[70, None], pulse_rate=[90, 91]))
    assert 91 not in list(trace(drawn, "heart-rate").y)


def test_a_cuff_is_one_stroke_and_half_a_reading_is_none():
    drawn = figure(cuffs=cuffs((0, 120, 80, 93), (300, None, None, 90)))
    assert list(trace(drawn, "nibp-bar").y) == [120, 80, None]
    assert list(trace(drawn, "nibp-mean").y) == [93, 90]


def test_an_alarm_stands_where_and_when_it_began():
    drawn = figure(alarms=alarms((30, "high", "spo2", 86, "*** SpO2 86 < 88")))
    shown = trace(drawn, "alarm-high-y2")
    assert list(shown.y) == [86]
    assert list(trace(drawn, "alarm-high-y").y) == []


def test_what_people_wrote_is_not_read_as_markup():
    drawn = figure(alarms=alarms((30, "low", "spo2", 93, "<a href='x'>SpO2</a>")))
    assert trace(drawn, "alarm-low-y2").text == ("&lt;a href='x'&gt;SpO2&lt;/a&gt;",)


def test_the_infusion_is_a_band_from_its_start_to_its_stop():
    marks = trend.event_marks(
        events((0, None, "phase", "baseline"), (60, None, "phase", "infusing"),
               (2460, None, "phase", "recovery"), (100, 160, "gap", "the computer was off"))
    )  # fmt: skip
    assert [(mark.text, mark.until and (mark.until - AT).total_seconds()) for mark in marks] == [
        ("Baseline", None),
        ("Infusing", 2460),
        ("No record", 160),
        ("Recovery", None),
    ]


def test_only_medium_limits_are_lines_so_that_the_curve_is_seen():
    layout = trend.annotated([], LIMITS, lambda when: when)
    assert [shape["label"]["text"] for shape in layout["shapes"]] == ["HR > 120"]


def test_of_two_limits_of_one_sign_the_line_is_the_one_that_is_reached_first():
    def of_rate(operator: Operator, value: float, change: float | None = None) -> AlarmLimit:
        medium = AlarmPriority.MEDIUM
        return AlarmLimit(Metric.HEART_RATE, operator, value, medium, 10.0, change=change)

    rate = [
        of_rate(Operator.ABOVE, 120),
        of_rate(Operator.AT_OR_ABOVE, 98, change=0.4),
        of_rate(Operator.BELOW, 50),
    ]
    layout = trend.annotated([], rate, lambda when: when)
    lines = [shape["label"]["text"] for shape in layout["shapes"]]
    assert lines == ["HR >= 98 (+40 %)", "HR < 50"]


def test_names_that_would_cover_each_other_stand_on_two_lines():
    marks = [trend.Mark(AT + timedelta(minutes=m), "x") for m in (0, 1, 60, 100)]
    shifts = [each["yshift"] for each in trend.annotated(marks, [], lambda w: w)["annotations"]]
    assert shifts == [0, trend.NAME_HEIGHT, 0, 0]


def test_an_empty_session_is_an_empty_figure():
    assert {len(each.x) for each in figure().data} == {0}


def test_what_was_entered_by_hand_is_an_open_diamond_that_says_by_whom():
    entered = [
        by_hand(0, Metric.NIBP_SYSTOLIC, 118),
        by_hand(0, Metric.NIBP_DIASTOLIC, 78),
        by_hand(60, Metric.SPO2, 95),
        by_hand(70, Metric.PULSE_RATE, 71.5),
        by_hand(80, Metric.TEMPERATURE_1, 37.2),
    ]
    drawn = figure(trend=vitals([0, 1], spo2=[97, 97]), entered=entered)
    pressures, saturation = trace(drawn, "hand-nibp"), trace(drawn, "hand-spo2")
    assert list(pressures.y) == [118, 78]
    assert list(pressures.x) == ["2026-03-14 12:00:00"] * 2
    assert pressures.text[0] == "SYS 118 mmHg by hand, AB, entered 12:02"
    assert (list(saturation.y), saturation.yaxis) == ([95], "y2")
    assert trace(drawn, "hand-pulse").text == ("PR 71.5 /min by hand, AB, entered 12:03",)
    for uid in trend.HAND:
        assert trace(drawn, uid).mode == "markers", "no line joins what nobody measured between"
        assert trace(drawn, uid).marker.symbol == "diamond-open"
    assert list(trace(drawn, "spo2").y) == [97, 97], "nor is it a part of what was measured"


def test_a_pressure_by_hand_is_no_stroke_of_a_monitors_cuff():
    both = cuffs((0, 120, 80, 93), (300, 131, 82, 98)).assign(source=["nibp", "manual"])
    drawn = figure(cuffs=both, entered=[by_hand(300, Metric.NIBP_MEAN, 98)])
    assert list(trace(drawn, "nibp-bar").y) == [120, 80, None]
    assert list(trace(drawn, "nibp-mean").y) == [93]
    assert list(trace(drawn, "hand-nibp").y) == [98]


def test_the_legend_tells_what_an_open_diamond_is_where_there_is_one():
    def texts(drawn):
        return [each.text for each in drawn.layout.annotations]

    assert "◇ by hand" in texts(figure(entered=[by_hand(0, Metric.SPO2, 95)]))
    assert not texts(figure(entered=[by_hand(0, Metric.TEMPERATURE_1, 37)])), "has no axis"


def test_initials_are_not_read_as_markup_and_a_lost_entry_is_no_one():
    texts = trend.by_hand([by_hand(0, Metric.SPO2, 95, "<b>")], lambda at: 0, UTC)
    assert texts["hand-spo2"]["text"] == ["SpO2 95 % by hand, &lt;b&gt;, entered 12:02"]
    old = replace(by_hand(0, Metric.SPO2, 95), entry=None)
    drawn = trend.by_hand([old], lambda at: 0, UTC)
    assert drawn["hand-spo2"] == {"x": [0], "y": [95], "text": ["SpO2 95 % by hand"]}
    assert drawn["hand-nibp"] == {"x": [], "y": [], "text": []}
