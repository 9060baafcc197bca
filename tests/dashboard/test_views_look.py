"""Can every number be read on its ground, in both themes, by everyone?

Reads the style sheet itself: a colour that is changed there is judged here.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

import dashboard
from clinical.alarms import AlarmPriority

ASSETS = Path(dashboard.__file__).parent / "assets"
CSS = (ASSETS / "app.css").read_text(encoding="utf-8")
LIVE_JS = (ASSETS / "live.js").read_text(encoding="utf-8")
HALVES_MS = re.findall(r"(\w+): (\d+)", re.search(r"DARK_EVERY_MS = {(.*?)}", LIVE_JS)[1])  # type: ignore[index]
NUMBERS = ("hr", "nibp", "spo2", "rr", "stale", "text")
PRIORITIES = ("high", "medium", "low")
PAIRS = list(itertools.combinations(PRIORITIES, 2))
FLASHES_HZ = {"high": (1.4, 2.8), "medium": (0.4, 0.8)}  # the bands of IEC 60601-1-8


def colours(theme: str) -> dict[str, str]:
    block = re.search(rf'color-scheme="{theme}"\] {{\n  color-scheme(.*?)\n}}', CSS, re.S)
    assert block, theme
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block[1]))


def linear(colour: str) -> list[float]:
    """Red, green and blue of light, 0 to 1. Source: IEC 61966-2-1 (sRGB)."""
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]


def luminance(colour: str) -> float:
    """Relative luminance. Source: WCAG 2.2."""
    red, green, blue = linear(colour)
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


# What an eye without one of its cones sees: linear RGB, full severity. Source: Machado, Oliveira,
# Fernandes, A physiologically-based model for simulation of color vision deficiency, 2009.
EYES = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
TO_XYZ = (  # of linear sRGB, the white of D65 as 1
    (0.4339, 0.3762, 0.1899),
    (0.2126, 0.7152, 0.0722),
    (0.0177, 0.1095, 0.8728),
)
APART = 30.0  # CIE 1976; 2.3 is what an eye can just tell side by side


def through(matrix: Sequence[Sequence[float]], vector: Sequence[float]) -> list[float]:
    return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]


def as_seen(colour: str, eye: str) -> tuple[float, float, float]:
    """``colour`` in CIE L*a*b*, as ``eye`` sees it."""
    seen = through(EYES[eye], linear(colour))
    ratios = through(TO_XYZ, [min(1.0, max(0.0, part)) for part in seen])
    x, y, z = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in ratios)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def difference(one: str, other: str, eye: str) -> float:
    return math.dist(as_seen(one, eye), as_seen(other, eye))


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("part", ["", "-edge"], ids=["ground", "frame"])
@pytest.mark.parametrize("pair", PAIRS, ids=" and ".join)
def test_no_two_priorities_look_alike_to_any_eye(theme, eye, part, pair):
    known = colours(theme)
    one, other = (known[f"{priority}{part}"] for priority in pair)
    assert difference(one, other, eye) >= APART


def test_the_difference_of_colours_is_the_published_one():
    assert as_seen("#ffffff", "normal") == pytest.approx((100, 0, 0), abs=0.1)
    assert as_seen("#ff0000", "normal") == pytest.approx((53.2, 80.1, 67.2), abs=0.3)
    red, green = "#c80000", "#006e00"  # that many cannot tell apart
    assert difference(red, green, "normal") > 3 * difference(red, green, "deuteranopia")


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("priority", PRIORITIES)
@pytest.mark.parametrize("around", ["surface", "ground"])
def test_the_frame_of_an_alarm_is_seen_against_what_is_around_it(theme, priority, around):
    known = colours(theme)
    assert contrast(known[f"{priority}-edge"], known[around]) >= 3  # WCAG 2.2, 1.4.11


def test_a_priority_is_told_by_word_shape_and_stars_without_any_colour():
    words = dict(
        re.findall(r'\.alarm-badge\[data-priority="(\w+)"\]::after { content: "(\w+)"', CSS)
    )
    assert words == {"high": "HIGH", "medium": "MEDIUM", "low": "LOW"}
    drawn = r'\.word-alarm-more\[data-priority="(\w+)"\]::before {\s*clip-path: ([^;]+);'
    shapes = dict(re.findall(drawn, CSS))
    assert set(shapes) == set(PRIORITIES)
    assert len(set(shapes.values())) == 3
    assert [AlarmPriority(priority).mark for priority in PRIORITIES] == ["***", "**", "*"]


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize(
    ("text", "ground"),
    [("text", "surface"), ("on-medium", "medium"), ("surface", "text")],
    ids=["ended, not seen", "sound off", "you are called"],
)
def test_what_is_said_about_an_alarm_stands_out_seven_to_one(theme, text, ground):
    known = colours(theme)
    assert contrast(known[text], known[ground]) >= 7
