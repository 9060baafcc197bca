"""When did a number stand on the screen? One real browser, with a watch inside its page.

All times it gives are CLOCK_MONOTONIC, as the simulated monitors stamp theirs.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from playwright.sync_api import Browser, Page, sync_playwright

from tests import browser

SIZE = {"width": 1920, "height": 1080}
ROUND_TRIPS = 200
RESOLUTION_S = 0.0001  # of performance.now() in a page that is not isolated
WITHIN_MS = 30_000

# The observer's callback is the microtask after the script that changed the text. "Painted" is the
# first task after the frame in which that text was drawn.
WATCH = """(() => {
  const seen = window.__seen = [];
  let unpainted = [];
  const painted = () => {
    const channel = new MessageChannel(), batch = unpainted;
    unpainted = [];
    channel.port1.onmessage = () => {
      const at = performance.now();
      for (const one of batch) one[3] = at;
    };
    channel.port2.postMessage(0);
  };
  new MutationObserver(records => {
    const at = performance.now(), changed = new Set();
    for (const {target} of records) {
      const el = (target.nodeType === 1 ? target : target.parentElement)
        ?.closest('[data-chair][data-metric="heart_rate"]');
      if (el) changed.add(el);
    }
    if (!changed.size) return;
    if (!unpainted.length) requestAnimationFrame(painted);
    for (const el of changed) {
      const one = [Number(el.dataset.chair), el.textContent, at, null];
      seen.push(one);
      unpainted.push(one);
    }
  }).observe(document, {subtree: true, childList: true, characterData: true});
})();"""

ALL_NUMBERS = """chairs => {
  const found = [...document.querySelectorAll('[data-chair][data-metric="heart_rate"]')];
  return found.length >= chairs && found.every(el => /^[0-9]+$/.test(el.textContent));
}"""


class Seen(NamedTuple):
    """A text that an element took; monotonic seconds. ``painted_s`` is None where no frame came."""

    chair: int
    text: str
    dom_s: float
    painted_s: float | None


class PageClock(NamedTuple):
    """What to add to ``performance.now()`` for CLOCK_MONOTONIC, and how far it may be off."""

    offset_s: float
    error_s: float


@contextmanager
def a_browser() -> Iterator[Browser]:
    """The Chromium of the browser tests, headless. Raises FileNotFoundError without one."""
    path = browser.find()
    if path is None:
        raise FileNotFoundError(browser.MISSING)
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=list(browser.LAUNCH_FLAGS))
        yield found
        found.close()


@contextmanager
def a_page(found: Browser, script: str) -> Iterator[Page]:
    """An empty page, in a profile of its own, in which ``script`` runs before any other."""
    context = found.new_context(viewport=SIZE)
    context.add_init_script(script)
    context.set_default_timeout(WITHIN_MS)
    yield context.new_page()
    context.close()


def sign_in(page: Page, told: dict[str, str], path: str = "/") -> None:
    page.goto(f"{told['url']}/login?next={path}")
    page.fill("input[name=user]", told["user"])
    page.fill("input[name=password]", told["password"])
    page.press("input[name=password]", "Enter")
    page.wait_for_url(f"{told['url']}{path}")


def wait_for_numbers(page: Page, chairs: int) -> None:
    """Until the board shows the heart rate of every chair."""
    page.wait_for_function(ALL_NUMBERS, arg=chairs)


def seen(page: Page, clock: PageClock) -> list[Seen]:
    """Every change of a heart rate since the page was loaded."""
    rows: list[list[Any]] = page.evaluate("window.__seen")
    return [
        Seen(
            chair,
            text,
            clock.offset_s + dom_ms / 1000,
            None if painted_ms is None else clock.offset_s + painted_ms / 1000,
        )
        for chair, text, dom_ms, painted_ms in rows
    ]


def page_clock(page: Page) -> PageClock:
    """When the page's clock began, as Chromium itself keeps it; checked by asking the page.

    Each answer lies between question and answer, and both clocks tick alike: so what all round
    trips allow together is narrower than the best one. Raises ValueError where the two disagree.
    """
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")
    told = {
        metric["name"]: metric["value"]
        for metric in devtools.send("Performance.getMetrics")["metrics"]
    }
    begun_s, low_s, high_s = told["NavigationStart"], -math.inf, math.inf
    for _ in range(ROUND_TRIPS):
        asked_s = time.clock_gettime(time.CLOCK_MONOTONIC)
        answer = devtools.send("Runtime.evaluate", {"expression": "performance.now()"})
        told_s = time.clock_gettime(time.CLOCK_MONOTONIC)
        page_s = answer["result"]["value"] / 1000
        low_s, high_s = max(low_s, asked_s - page_s), min(high_s, told_s - page_s)
    if not low_s - RESOLUTION_S <= begun_s <= high_s + RESOLUTION_S:
        raise ValueError(f"the page began at {begun_s} s, expected {low_s} to {high_s} s")
    return PageClock(begun_s, max(begun_s - low_s, high_s - begun_s))
