"""Is what is not live ever shown as live, and does the page find back by itself?"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from tests.e2e.clinics import Clinic, clinic_with
from tests.e2e.screens import SHOWN, Screen, start_session

NOTICED_MS = 6000  # what a page may take to see that it hears nothing
BACK_MS = 3000  # ... and to be live once the server answers
# What Chromium and Dash's renderer say of a server that is away; none of it is ours to silence.
NO_ANSWER = (
    r"net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE|INTERNET_DISCONNECTED)",
    r"WebSocket is closed before the connection is established",
    r"Callback failed: the server did not respond",
)
WITH_CUFF, IN_SESSION = 3, 1  # chairs: one with all numbers, one whose session has no cuff yet

# Notes every number that calls itself live while the bar says that the screen is not.
WATCH = """() => {
  window.__lies = [];
  const look = () => {
    if (document.getElementById('not-live').hidden) return;
    for (const el of document.querySelectorAll('[data-metric][data-state="live"]')) {
      window.__lies.push(el.outerHTML);
    }
  };
  new MutationObserver(look).observe(document.body,
    {attributes: true, subtree: true, attributeFilter: ['data-state', 'hidden']});
}"""


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """Three chairs at real speed; every test leaves it as it was: live."""
    clinic = clinic_with(
        tmp_path_factory.mktemp("ward"), {1: "preparation", 2: "preparation", 3: "preparation"}
    )
    yield clinic
    clinic.stop()


def is_not_live(screen: Screen) -> None:
    """The bar is there, and what numbers there are stand grey, with their value and their age."""
    expect(screen.not_live).to_be_visible(timeout=NOTICED_MS)
    expect(screen.not_live).to_contain_text("SCREEN NOT LIVE")
    expect(screen.page.locator('[data-metric][data-state="live"]')).to_have_count(0)
    grey = screen.page.evaluate("getComputedStyle(document.body).getPropertyValue('--stale')")
    for number in screen.page.locator("[data-metric][data-state=stale]").all():
        expect(number).to_have_text(re.compile(r"^\d+$"))
        expect(number).to_have_css("color", rgb(grey))
    after = "el => getComputedStyle(el, '::after').content"
    assert " s old" in screen.number("heart_rate").evaluate(after)


def rgb(colour: str) -> str:
    red, green, blue = (int(colour.strip()[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgb({red}, {green}, {blue})"


# Of the trend on the page: how many heart rates it shows since a time, and when the last was (ms).
HEART_RATES = """since => {
  const graph = document.querySelector('[data-trend] .js-plotly-plot');
  const trace = graph?.data?.find(({meta}) => meta?.metric === 'heart_rate');
  const times = Array.from(trace?.x || []).map(Number);
  const known = times.filter((at, i) => at >= since && trace.y[i] !== null);
  return [known.length, Math.max(0, ...known)];
}"""
UNWRITTEN = 2  # seconds that a killed server may not have committed


def until_trend(
    screen: Screen, since_ms: float, holds: Callable[[int, int], bool]
) -> tuple[int, int]:
    give_up_s = time.monotonic() + 30
    while True:
        points, last = screen.page.evaluate(HEART_RATES, since_ms)
        if holds(points, last):
            return points, last
        assert time.monotonic() < give_up_s, (points, last)
        screen.page.wait_for_timeout(100)


def test_a_killed_server_is_seen_at_once_and_its_return_too(ward, sign_in):
    nurse = sign_in(ward, path=None)
    start_session(nurse, 1, "KL")
    began_ms = 1000 * time.time()
    board = sign_in(ward)
    for screen in (nurse, board):
        screen.until_live()
        screen.console.expected += NO_ANSWER
    for metric in SHOWN:
        expect(board.number(metric, WITH_CUFF)).to_have_attribute("data-state", "live")
    before, last = until_trend(nurse, began_ms, lambda points, _last: points >= 12)
    for screen in (nurse, board):
        screen.page.evaluate(WATCH)
    ward.server.kill()
    for screen in (nurse, board):
        is_not_live(screen)
    for metric in SHOWN:
        expect(board.number(metric, WITH_CUFF)).to_have_attribute("data-state", "stale")
    ward.start()
    for screen in (nurse, board):
        expect(screen.not_live).to_be_hidden(timeout=BACK_MS)
        expect(screen.number("heart_rate")).to_have_attribute("data-state", "live", timeout=BACK_MS)
        assert screen.page.evaluate("window.__lies") == []
    expect(nurse.word("phase")).to_have_text("Preparation")
    points, _ = until_trend(nurse, began_ms, lambda _points, at: at > last)
    assert points > before - UNWRITTEN
    nurse.page.reload()  # and a page that has seen nothing of it draws the same
    until_trend(nurse, began_ms, lambda points, at: at > last and points > before - UNWRITTEN)
    nurse.until_live()


def test_a_server_that_hangs_is_seen_within_six_seconds(ward, sign_in):
    board = sign_in(ward)
    board.until_live()
    board.page.evaluate(WATCH)
    board.console.expected += NO_ANSWER
    ward.server.freeze()
    try:
        is_not_live(board)
    finally:
        ward.server.go_on()
    expect(board.not_live).to_be_hidden(timeout=BACK_MS)
    board.until_live(timeout_s=3)
    assert board.page.evaluate("window.__lies") == []


def test_a_monitor_that_stops_greys_its_own_chair_alone(ward, sign_in):
    board = sign_in(ward)
    for chair in (1, 2, 3):
        board.until_live(chair)
    ward.pull_out(2)
    heart_rate = board.number("heart_rate", 2)
    expect(heart_rate).to_have_attribute("data-state", "stale", timeout=12_000)
    expect(board.tile(2)).to_have_attribute("data-stale", "true")
    expect(board.word("link", 2)).to_have_text(re.compile(r"^(NO DATA|DEVICE DISCONNECTED) \d+ s$"))
    assert int(heart_rate.get_attribute("data-age-s") or 0) >= 10
    for chair in (1, 3):
        expect(board.number("heart_rate", chair)).to_have_attribute("data-state", "live")
        expect(board.number("heart_rate", chair)).to_have_attribute("data-age-s", FRESH)
        expect(board.tile(chair)).to_have_attribute("data-stale", "false")
    expect(board.not_live).to_be_hidden()
    ward.monitor(2, "preparation")
    board.until_live(2)
    expect(board.word("link", 2)).to_have_text("")


FRESH = re.compile("^[0-3]$")

# What the sleeper shows in the first frame after it woke. A browser tells a page that it is seen
# again before it draws; the debugger, which makes it sleep here, does not.
FIRST_FRAME = """() => {
  let before = performance.now();
  const frame = now => {
    if (now - before > 5000) {
      document.dispatchEvent(new Event('visibilitychange'));
      const number = document.querySelector('[data-chair="3"][data-metric="heart_rate"]');
      window.__seen = number.dataset.state;
    }
    before = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}"""


def test_a_tab_that_slept_while_a_monitor_stopped_shows_no_old_number_as_live(ward, sign_in):
    """A headless browser hides no tab; the debugger makes its page sleep just as well."""
    sleeper, awake = sign_in(ward), sign_in(ward)
    for screen in (sleeper, awake):
        screen.until_live(3)
    sleeper.page.evaluate(FIRST_FRAME)
    cdp = sleeper.page.context.new_cdp_session(sleeper.page)
    cdp.send("Debugger.enable")
    cdp.send("Debugger.pause")
    ward.pull_out(3)
    stale = "data-state", "stale"
    expect(awake.number("heart_rate", 3)).to_have_attribute(*stale, timeout=12_000)
    cdp.send("Debugger.resume")
    expect(sleeper.number("heart_rate", 3)).to_have_attribute(*stale, timeout=1000)
    sleeper.until_live(1, timeout_s=3)
    expect(sleeper.not_live).to_be_hidden()
    assert sleeper.page.evaluate("window.__seen") == "stale"
    ward.monitor(3, "preparation")
    for screen in (sleeper, awake):
        screen.until_live(3)


def test_a_lost_network_is_seen_and_found_again(ward, sign_in):
    board = sign_in(ward)
    board.until_live()
    board.console.expected += NO_ANSWER
    board.page.evaluate(WATCH)
    board.page.context.set_offline(True)
    is_not_live(board)
    board.page.context.set_offline(False)
    expect(board.not_live).to_be_hidden(timeout=BACK_MS)
    board.until_live(timeout_s=3)
    assert board.page.evaluate("window.__lies") == []
