"""Can every number be read on its ground, in both themes, by everyone?

Reads the style sheet itself: a colour that is changed there is judged here.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import dashboard

ASSETS = Path(dashboard.__file__).parent / "assets"
CSS = (ASSETS / "app.css").read_text(encoding="utf-8")
LIVE_JS = (ASSETS / "live.js").read_text(encoding="utf-8")
HALVES_MS = re.findall(r"(\w+): (\d+)", re.search(r"DARK_EVERY_MS = {(.*?)}", LIVE_JS)[1])  # type: ignore[index]
NUMBERS = ("hr", "nibp", "spo2", "rr", "stale", "text")
PRIORITIES = ("high", "medium", "low")
FLASHES_HZ = {"high": (1.4, 2.8), "medium": (0.4, 0.8)}  # the bands of IEC 60601-1-8


def colours(theme: str) -> dict[str, str]:
    block = re.search(rf'color-scheme="{theme}"\] {{\n  color-scheme(.*?)\n}}', CSS, re.S)
    assert block, theme
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block[1]))


def luminance(colour: str) -> float:
    """Relative luminance. Source: WCAG 2.2."""
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_stands_out_seven_to_one_from_its_tile(theme, name):
    known = colours(theme)
    assert contrast(known[name], known["surface"]) >= 7


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("priority", PRIORITIES)
def test_a_number_in_alarm_stands_out_seven_to_one_from_the_alarm(theme, priority):
    known = colours(theme)
    assert contrast(known[f"on-{priority}"], known[priority]) >= 7


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_small_print_is_readable_too(theme):
    known = colours(theme)
    assert contrast(known["dim"], known["surface"]) >= 4.5
    assert contrast(known["dim"], known["ground"]) >= 4.5


@pytest.mark.parametrize("priority", FLASHES_HZ)
def test_an_alarm_flashes_as_often_as_its_priority_may(priority):
    half_ms = float(dict(HALVES_MS)[priority])
    low, high = FLASHES_HZ[priority]
    assert low <= 1000 / (2 * half_ms) <= high


def test_a_low_alarm_does_not_flash():
    assert {priority for priority, _ in HALVES_MS} == set(FLASHES_HZ)


def test_digits_never_flash():
    flashing = re.findall(r"([^{}]+data-dark[^{}]+){", CSS)
    assert flashing
    for selectors in flashing:
        assert not re.search(r"\.number|\.digits|text|words", selectors)


def test_nothing_on_a_page_of_many_chairs_moves_for_ever():
    assert "infinite" not in CSS


def test_nothing_moves_for_those_who_asked_for_stillness():
    assert re.search(r"prefers-reduced-motion: reduce\) {.*?animation: none !important", CSS, re.S)


def test_nothing_is_fetched_from_elsewhere():
    assert "http" not in CSS
    assert "@import" not in CSS
