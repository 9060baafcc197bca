"""Does the board leave the live numbers alone, and show each chair as it is?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from dash.development.base_component import Component

from clinical.alarms import AlarmLimit, AlarmPriority, Beside, Operator
from clinical.catalog.loader import load_preset
from clinical.links import LinkState
from clinical.phases import SessionPhase
from clinical.snapshot import ChairView, SessionView
from clinical.vitals import Metric
from dashboard.views import board, numbers

AT = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
SESSION = SessionView(
    session=UUID(int=1),
    patient="A.B.",
    phase=SessionPhase.INFUSING,
    opened_at=AT,
    phase_since=AT,
    planned_infusion_min=40,
    infusion_number=2,
    series_length=6,
    preset="ketamine-adult",
    checklist="recovery",
    is_simulated=False,
)


def chair(number: int, session: SessionView | None = None, **more: object) -> ChairView:
    return ChairView(
        number, f"Chair {number}", LinkState.LIVE, "", AT, 1.0, {}, (), session, **more
    )


def parts(component: object) -> Iterator[Component]:
    """``component`` and all that is in it."""
    if isinstance(component, Component):
        yield component
        children = getattr(component, "children", None)
        for child in children if isinstance(children, list | tuple) else [children]:
            yield from parts(child)


def words(component: object) -> str:
    """All that is written in ``component``, in its order."""
    if isinstance(component, str):
        return component
    if isinstance(component, list | tuple):
        return " ".join(filter(None, map(words, component)))
    return words(getattr(component, "children", None) or "")


def attributes(component: Component) -> dict[str, object]:
    return component.to_plotly_json()["props"]


def test_every_live_element_is_empty_so_that_react_never_draws_over_live_js():
    shown = board.board([chair(1, SESSION), chair(2)], {}, speed=1.0)
    live = [part for part in parts(shown) if "data-chair" in attributes(part)]
    assert live
    assert [part for part in live if attributes(part).get("children") is not None] == []


@pytest.mark.parametrize(
    "metric",
    ["heart_rate", "spo2", "resp_rate", "nibp_systolic", "nibp_diastolic", "nibp_mean"],
)
def test_each_number_of_a_chair_is_exactly_one_element(metric):
    shown = board.board([chair(1, SESSION), chair(2)], {}, speed=1.0)
    found = [
        attributes(part)["data-chair"]
        for part in parts(shown)
        if attributes(part).get("data-metric") == metric and "data-role" not in attributes(part)
    ]
    assert found == ["1", "2"]


def test_the_root_names_the_chairs_in_the_order_of_the_tiles():
    shown = attributes(board.board([chair(3), chair(1)], {}, speed=30.0))
    assert (shown["data-chairs"], shown["data-speed"], shown["data-count"]) == ("3,1", "30", "2")


def test_an_empty_chair_says_so_and_leads_to_the_start_of_a_session():
    head = board.tile_head(chair(4))
    assert "Empty" in words(head[0])
    assert head[-1].href == "/chair/4"
    assert board.tile_class(chair(4)) == "tile is-empty"


def test_a_taken_chair_shows_initials_and_the_place_in_the_series():
    head = board.tile_head(chair(1, SESSION))
    assert [words(part) for part in head] == ["A.B.", "Infusion 2 of 6"]


def test_simulated_data_are_named_on_the_tile():
    assert "Simulated data" in [
        words(part) for part in board.tile_head(chair(1, is_simulated=True))
    ]


def test_the_band_beside_a_number_is_that_of_the_medium_limits():
    limits = load_preset("ketamine-adult").limits
    assert written(numbers.band(limits, Metric.HEART_RATE)) == "50–120"
    assert written(numbers.band(limits, Metric.SPO2)) == "≥ 92"
    assert numbers.band(limits, Metric.ETCO2) == []


def test_a_band_with_an_upper_end_only():
    limit = AlarmLimit(Metric.RESP_RATE, Operator.ABOVE, 24, AlarmPriority.MEDIUM)
    assert written(numbers.band([limit], Metric.RESP_RATE)) == "≤ 24"


def written(band: list[str | Component]) -> str:
    return "".join(part if isinstance(part, str) else words(part) for part in band)


def test_a_limit_that_was_moved_for_this_session_is_marked():
    low = AlarmLimit(Metric.SPO2, Operator.BELOW, 90, AlarmPriority.MEDIUM, is_adjusted=True)
    high = AlarmLimit(Metric.SPO2, Operator.ABOVE, 99, AlarmPriority.MEDIUM)
    shown = numbers.band([low, high], Metric.SPO2)
    assert written(shown) == "90–99"
    assert [words(part) for part in shown if isinstance(part, Component)] == ["90"]
    assert shown[0].className == "limit-moved"


def test_of_two_limits_the_nearer_stands_beside_the_number():
    plain = AlarmLimit(Metric.NIBP_SYSTOLIC, Operator.ABOVE, 160, AlarmPriority.MEDIUM)
    of_baseline = replace(plain, operator=Operator.AT_OR_ABOVE, value=154.7, change=0.3)
    both = replace(plain, value=120, beside=Beside(Metric.SPO2, Operator.BELOW, 94))
    assert written(numbers.band([plain, of_baseline, both], Metric.NIBP_SYSTOLIC)) == "≤ 155"


def test_limits_that_no_director_signed_are_named():
    (mark,) = board.unsigned(SESSION)
    assert words(mark) == "Limits not signed"
    assert "ketamine-adult, version 1" in mark.title
    assert board.unsigned(replace(SESSION, is_approved=True)) == []
