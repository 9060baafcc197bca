"""Does the board leave the live numbers alone, and show each chair as it is?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
from dash.development.base_component import Component

from clinical.alarms import AlarmLimit, AlarmPriority, Operator
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
    assert numbers.band(limits, Metric.HEART_RATE) == "50–120"
    assert numbers.band(limits, Metric.SPO2) == "≥ 92"
    assert numbers.band(limits, Metric.ETCO2) == ""


def test_a_band_with_an_upper_end_only():
    limit = AlarmLimit(Metric.RESP_RATE, Operator.ABOVE, 24, AlarmPriority.MEDIUM)
    assert numbers.band([limit], Metric.RESP_RATE) == "≤ 24"
