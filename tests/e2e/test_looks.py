"""Does everything stand where it should, large enough, in both themes and on both screens?

What no assertion can see is for a person to look at: the pictures lie in pytest's base folder.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.clinics import Demo
from tests.e2e.screens import LARGE, TABLET, Screen, seat

SIZES = {"large": LARGE, "tablet": TABLET}
BOARD_DIGIT_PX = 96  # readable from four metres
CONTRAST = 7.0  # WCAG 2.2, 1.4.6
SMALL_CONTRAST = 4.5  # ... 1.4.3: what says something about a number, and is none
README_KB = 400

# Leaf elements with text, by pairs that cover one another by more than a hair's breadth; and those
# that reach beyond the box. A tile is checked like this, and the numbers of the chair's page.
COLLISIONS = """root => {
  const outer = root.getBoundingClientRect(), problems = [], found = [];
  for (const el of root.querySelectorAll('*')) {
    const own = [...el.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    if (!own || !el.checkVisibility({visibilityProperty: true, opacityProperty: true})) continue;
    const range = document.createRange();
    range.selectNodeContents(el);
    const box = range.getBoundingClientRect();
    const lift = box.height * 0.18; // a line box is higher than its letters
    const isCut = getComputedStyle(el).overflowX === 'hidden'; // and says so, with an ellipsis
    const edge = isCut ? el.getBoundingClientRect().right : box.right;
    found.push({el, name: `${el.className || el.tagName} "${el.textContent}"`, left: box.left,
      right: Math.min(box.right, edge), top: box.top + lift, bottom: box.bottom - lift});
  }
  for (const one of found) {
    if (one.left < outer.left - 1 || one.right > outer.right + 1 || one.top < outer.top - 1 ||
        one.bottom > outer.bottom + 1) problems.push(`${one.name} is outside`);
    for (const other of found) {
      if (one === other) break;
      if (one.el.contains(other.el) || other.el.contains(one.el)) continue;
      const width = Math.min(one.right, other.right) - Math.max(one.left, other.left);
      const height = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
      if (width > 1 && height > 1) problems.push(`${one.name} covers ${other.name}`);
    }
  }
  return problems;
}"""

# Text that is cut off without saying so.
CLIPPED = """root => [...root.querySelectorAll('*')].filter(el => {
  const style = getComputedStyle(el);
  return el.checkVisibility() && el.textContent.trim() &&
    !el.closest('.js-plotly-plot, .ag-root') && style.overflowX === 'hidden' &&
    style.textOverflow !== 'ellipsis' &&
    el.scrollWidth > el.clientWidth + 1 && el.clientWidth > 1;
}).map(el => `${el.tagName}.${el.className} ${el.textContent.slice(0, 60)}`)"""

IS_WHOLE = "el => el.clientWidth > 20 && el.scrollWidth <= el.clientWidth"

RATIO = """el => {
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const light = text => rgb(text).slice(0, 3).map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  let ground = el;
  while (rgb(getComputedStyle(ground).backgroundColor)[3] === 0) ground = ground.parentElement;
  const [low, high] = [getComputedStyle(el).color, getComputedStyle(ground).backgroundColor]
    .map(light).sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}"""


def themed(url: str, theme: str) -> dict[str, Any]:
    """A browser that was told which theme to use, as the switch in the bar remembers it."""
    kept = [{"name": "mantine-color-scheme-value", "value": theme}]
    return {"storage_state": {"cookies": [], "origins": [{"origin": url, "localStorage": kept}]}}


def no_collisions(place: Locator) -> None:
    for each in place.all():
        assert each.evaluate(COLLISIONS) == []


def fits(screen: Screen) -> None:
    """Nothing is cut off, and nothing has to be scrolled sideways."""
    assert screen.page.locator("body").evaluate(CLIPPED) == []
    wide, visible = screen.page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert wide <= visible


def past_session(demo: Demo) -> str:
    """A past session with alarms; the demo lives through a fortnight after it has answered."""
    query = (
        "SELECT s.id FROM infusion_session s JOIN phase_change p ON p.session_id = s.id"
        " WHERE s.patient = 'EF' AND p.phase = 'discharged' ORDER BY s.id"
    )
    demo.until_rows(1, query, within_s=90)
    return str(demo.rows(query)[0][0])


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", SIZES)
def test_every_page_stands_without_collision(demo, sign_in, picture, for_readme, theme, size):
    look = {**themed(demo.url, theme), "viewport": SIZES[size]}
    is_readme = (theme, size) == ("dark", "large")

    def take(screen: Screen, page: str) -> None:
        readme = {"board": "board", "chair-infusing": "chair", "session": "review"}.get(page)
        picture(screen, f"{page}-{size}-{theme}", readme=readme if is_readme else None)
        if size == "tablet":
            picture(screen, f"{page}-{size}-{theme}-whole", full_page=True)

    stranger = sign_in(demo, None, "/", **look)
    take(stranger, "login")
    fits(stranger)

    screen = sign_in(demo, **look)
    expect(screen.page.locator("html")).to_have_attribute("data-mantine-color-scheme", theme)
    for chair in (1, 2, 3):
        screen.until_live(chair)
        expect(screen.number("nibp_systolic", chair)).to_have_text(re.compile(r"^\d+$"))
    if for_readme:  # an alarm to act on belongs into the picture
        expect(screen.tile(2)).to_have_attribute("data-alarm", "medium", timeout=90_000)
    take(screen, "board")
    fits(screen)
    no_collisions(screen.page.locator(".tile:not(.is-empty)"))

    for chair, page in ((2, "infusing"), (3, "recovery"), (4, "empty")):
        screen.open(f"/chair/{chair}")
        if chair == 4:
            expect(screen.button("Start session")).to_be_visible()
        else:
            screen.until_live(chair)
            expect(screen.page.locator("[data-trend] .tracenibp-bar path")).not_to_have_count(0)
        take(screen, f"chair-{page}")
        fits(screen)
        no_collisions(screen.page.locator(".watch-head, .watch-numbers, .watch .alarm-line"))

    session = past_session(demo)
    screen.open("/review")
    expect(screen.page.get_by_role("gridcell", name="EF").first).to_be_visible()
    take(screen, "review")
    fits(screen)
    screen.open(f"/review/{session}")
    expect(screen.page.locator(".tracenibp-bar path")).not_to_have_count(0)
    take(screen, "session")
    fits(screen)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_two_monitors_at_a_chair_stand_without_collision(pairs, sign_in, picture, theme):
    screen = sign_in(pairs, "clinician", path=None, **themed(pairs.url, theme))
    for chair, initials in ((1, "CU"), (2, "OX")):
        seat(screen, chair, initials)
    parts = ".tile, .watch-head, .watch-numbers, .watch .alarm-line, .panel-cuff, .panel-monitors"
    for size, viewport in SIZES.items():
        screen.page.set_viewport_size(viewport)
        for path, name in (("/", "board"), ("/chair/1", "chair")):
            screen.open(path)
            expect(screen.page.locator('[data-role="from"][data-of="spo2"]').first).to_be_visible()
            picture(screen, f"pairs-{name}-{size}-{theme}", full_page=True)
            fits(screen)
            no_collisions(screen.page.locator(parts))
            for word in screen.page.locator(".word-from:visible, .tag-unproven:visible").all():
                assert word.evaluate(RATIO) >= SMALL_CONTRAST, word.inner_text()
                assert word.evaluate(IS_WHOLE), word.inner_text()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_vital_numbers_are_large_and_stand_out(demo, sign_in, theme):
    screen = sign_in(demo, **themed(demo.url, theme))
    for chair in (1, 2, 3):
        screen.until_live(chair)
        for metric in ("heart_rate", "nibp_systolic", "nibp_diastolic"):
            number = screen.number(metric, chair)
            expect(number).to_have_text(re.compile(r"^\d+$"))
            size = number.evaluate("el => parseFloat(getComputedStyle(el).fontSize)")
            assert size >= BOARD_DIGIT_PX
    for number in screen.page.locator(".number:visible:not([data-state=none])").all():
        assert number.evaluate(RATIO) >= CONTRAST, number.get_attribute("data-metric")


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_numbers_in_alarm_stand_out(alarmed, theme):
    alarmed.page.evaluate(f"localStorage.setItem('mantine-color-scheme-value', '{theme}')")
    for path in ("/", "/chair/1"):
        alarmed.open(path)
        expect(alarmed.number("nibp_systolic")).to_have_attribute("data-alarm", "high")
        for number in alarmed.page.locator(".number:visible").all():
            assert number.evaluate(RATIO) >= CONTRAST, number.get_attribute("data-metric")


def test_the_switch_in_the_bar_changes_the_theme_and_is_remembered(demo, sign_in):
    screen = sign_in(demo)
    html = screen.page.locator("html")
    expect(html).to_have_attribute("data-mantine-color-scheme", "dark")
    screen.page.get_by_label("Light or dark").click()
    expect(html).to_have_attribute("data-mantine-color-scheme", "light")
    screen.page.reload(wait_until="commit")
    expect(html).to_have_attribute("data-mantine-color-scheme", "light")


# Of the rate itself only where it begins: its box ends with its last digit.
BOXES = """() => [...document.querySelectorAll('.vital, .vital-label, .number')].map(el => {
  const {x, y, width, height} = el.getBoundingClientRect();
  const isRate = el.dataset.metric === 'heart_rate';
  return `${el.className} ${[x, y, isRate ? 0 : width, height].map(Math.round)}`;
})"""


@pytest.mark.parametrize("path", ["/", "/chair/1"])
def test_nothing_moves_when_a_number_gets_a_third_digit(alarmed, path):
    alarmed.open(path)
    expect(alarmed.tile()).to_have_attribute("data-alarm", "high")
    rate = alarmed.number("heart_rate")
    boxes = []
    for digits in (r"^\d\d$", r"^\d\d\d$", r"^\d\d$"):
        expect(rate).to_have_text(re.compile(digits), timeout=30_000)
        boxes.append(alarmed.page.evaluate(BOXES))
    assert boxes[0] == boxes[1] == boxes[2]


# How long each stretch was that the frame of a tile was seen, or was not, ms.
STRETCHES = """async tile => {
  const found = [], dark = () => getComputedStyle(tile, '::after').opacity === '0';
  let was = dark(), since = null;
  for (const begin = performance.now(); performance.now() - begin < 4000;) {
    await new Promise(requestAnimationFrame);
    if (dark() === was) continue;
    const now = performance.now();
    if (since !== null) found.push(now - since);
    was = !was; since = now;
  }
  return found;
}"""


def test_a_high_alarm_flashes_at_two_hertz_and_its_digits_never(alarmed, sign_in, picture):
    stretches = sorted(alarmed.tile().evaluate(STRETCHES))
    assert len(stretches) >= 8
    assert 200 <= stretches[len(stretches) // 2] <= 330  # 1.5 to 2.5 Hz, half of the time on
    seen = alarmed.page.evaluate(
        """async () => {
        const seen = new Set();
        const digits = document.querySelectorAll('.number, .digits, .word-alarm-text');
        for (let frame = 0; frame < 90; frame++) {
          await new Promise(requestAnimationFrame);
          for (const el of digits) seen.add(getComputedStyle(el).opacity);
        }
        return [...seen];
        }"""
    )
    assert seen == ["1"]
    picture(alarmed, "board-high-alarm")
    calm = sign_in(alarmed.clinic, reduced_motion="reduce")
    expect(calm.tile()).to_have_attribute("data-alarm", "high")
    assert calm.tile().evaluate(STRETCHES) == []
    edge = "el => getComputedStyle(el, '::after').opacity"
    assert calm.tile().evaluate(edge) == "1"


@pytest.mark.parametrize("name", ["board", "chair", "review"])
def test_the_pictures_of_the_readme_are_there_and_small(name):
    from tests.e2e.conftest import README_PICTURES

    size = (README_PICTURES / f"{name}.png").stat().st_size
    assert size < README_KB * 1024
