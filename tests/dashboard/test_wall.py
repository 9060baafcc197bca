"""Can the wall be read from the other end of the room, with one chair and with sixteen?"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from clinical.alarms import AlarmPriority
from clinical.record import AudioState
from clinical.snapshot import AudioView
from clinical.vitals import Metric
from tests.dashboard.a_clinic import Clinic, a_clinic, alarm, served, session

LARGE = {"width": 1920, "height": 1080}
TABLET = {"width": 768, "height": 1024}
READ_AT_4_M = 96  # CSS px of a vital digit, with four chairs on a large screen

# What stands outside of its tile, or is covered by the line of the alarms.
CUT = """() => [...document.querySelectorAll('.tile')].flatMap(tile => {
  const box = tile.getBoundingClientRect();
  const line = tile.querySelector('.alarm-line').getBoundingClientRect();
  const parts = '.number, .quiet .word, .word-cuff-age, .clock, h2';
  return [...tile.querySelectorAll(parts)].filter(el => {
    const own = el.getBoundingClientRect();
    const isSeen = own.width && getComputedStyle(el).visibility !== 'hidden';
    return isSeen && (own.left < box.left || own.right > box.right + 1 || own.top < box.top ||
      own.bottom > line.top + 2);
  }).map(el => `${tile.dataset.tile} ${el.className} ${el.textContent}`);
})"""
# A colour on the ground of its own tile, as WCAG counts it.
CONTRAST = """el => {
  const light = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(n => n / 255).map(
      c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = getComputedStyle(el.closest('.tile')).backgroundColor;
  const [dark, bright] = [light(ground), light(getComputedStyle(el).color)].sort((a, b) => a - b);
  return (bright + 0.05) / (dark + 0.05);
}"""


@pytest.fixture(params=[1, 2, 3, 4, 6, 8, 12, 16])
def clinic(request: pytest.FixtureRequest) -> Clinic:
    return a_clinic(chairs=tuple(range(1, request.param + 1)))


@pytest.fixture
def wall(new_context: Callable[..., BrowserContext], clinic: Clinic) -> Iterator[Page]:
    """A paired wall with three digits wherever there can be three, and something silenced."""
    page = new_context(service_workers="block").new_page()
    with served(clinic.app) as at:
        page.goto(f"http://{at}/wall")
        code = page.locator("#code")
        expect(code).not_to_contain_text("·")
        pair(clinic, code.inner_text())
        expect(page.locator("#live-root")).to_be_visible()
        fill(clinic)
        expect(page.locator('[data-tile="1"][data-alarm="high"]')).to_be_visible()
        yield page
        page.goto("about:blank")


def pair(clinic: Clinic, code: str) -> None:
    """In a thread: Playwright's loop runs in this one."""
    screens = clinic.services.screens
    assert screens is not None
    work = threading.Thread(target=lambda: asyncio.run(screens.pair(code, "Ward", "eva", "")))
    work.start()
    work.join()


def fill(clinic: Clinic) -> None:
    now = clinic.services.clock.now()
    for chair in clinic.engine.snapshot.chairs:
        infusing = session(at=now - timedelta(minutes=12))
        if chair == 1:
            paused = AudioView(AudioState.PAUSED, now + timedelta(seconds=110), "ana")
            infusing = replace(infusing, audio=paused, switched_off={Metric.SPO2: "probe"})
        clinic.engine.change(chair, (), "session", "phase", "audio", session=infusing)
        clinic.engine.measure(
            chair,
            heart_rate=188,
            spo2=100,
            resp_rate=24,
            nibp_systolic=208,
            nibp_diastolic=112,
            nibp_mean=144,
        )
    worst = alarm(1, AlarmPriority.HIGH, Metric.NIBP_SYSTOLIC, "*** SYS 208 > 180")
    clinic.engine.change(1, (), "alarms", alarms=(worst, alarm(2)))


@pytest.mark.browser
@pytest.mark.parametrize("size", [LARGE, TABLET], ids=["large", "tablet"])
def test_nothing_is_cut_off_however_many_chairs(wall, size):
    wall.set_viewport_size(size)
    expect(wall.locator('[data-tile="1"] .word-audio')).to_contain_text("01:")
    assert wall.evaluate(CUT) == []
    assert wall.evaluate("[scrollX, document.documentElement.scrollWidth - innerWidth]") == [0, 0]
    assert wall.evaluate("document.documentElement.scrollHeight <= innerHeight")
    text = wall.locator('[data-tile="1"] .word-alarm-text')
    assert text.evaluate("el => el.scrollWidth <= el.clientWidth + 1")


@pytest.mark.browser
@pytest.mark.parametrize("clinic", [4], indirect=True)
def test_four_chairs_are_read_at_four_metres(wall):
    wall.set_viewport_size(LARGE)
    numbers = wall.locator(".number:visible:not([data-metric=nibp_mean])")
    assert numbers.count() == 4 * 5
    for number in numbers.all():
        size = number.evaluate("el => parseFloat(getComputedStyle(el).fontSize)")
        assert size >= READ_AT_4_M
        if not number.get_attribute("data-alarm"):
            assert number.evaluate(CONTRAST) >= 7


@pytest.mark.browser
@pytest.mark.parametrize("clinic", [2], indirect=True)
def test_the_wall_is_dark_whatever_the_computer_prefers(wall):
    wall.emulate_media(color_scheme="light")
    ground = wall.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(6, 9, 12)"


@pytest.mark.browser
@pytest.mark.parametrize("clinic", [1], indirect=True)
def test_a_page_of_another_version_is_fetched_anew_but_never_left_for_an_error(wall):
    began = wall.evaluate("performance.timeOrigin")
    other = {"paired": True, "version": "another"}
    wall.route("**/wall/seen", lambda route: route.fulfill(json=other))
    for gone in ("abort", "error"):
        wall.unroute("**/wall")
        if gone == "abort":
            wall.route("**/wall", lambda route: route.abort())
        else:
            wall.route("**/wall", lambda route: route.fulfill(status=503, body="no"))
        for _ in range(2):
            with wall.expect_request("**/wall", timeout=30_000):
                pass
        assert wall.evaluate("performance.timeOrigin") == began
        expect(wall.locator('[data-tile="1"]')).to_be_visible()
    wall.unroute("**/wall")
    with wall.expect_navigation(timeout=30_000):
        pass
    expect(wall.locator('[data-tile="1"]')).to_be_visible()
    assert wall.evaluate("performance.timeOrigin") != began
