"""Does a screen still live after hours of alarms, and is nothing growing?

Four chairs whose heart rates cross all their limits every minute, a board, a chair page, the alarm
list and a paired wall in one Chromium, all at real speed. Every ten seconds each page is asked what
it holds, and the server what it uses; a page that is once not live has failed. It ends with a table
and with exit code 1 where something grew: what a page holds after its buffers are full, when they
are (two hours of a chair's trend), must be what it held before.

Source: walls elsewhere that crashed after hours to days; the 12 hours of our alarm design (C6).
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, expect

from dashboard import ids
from tests.bench.child import Child
from tests.bench.screen import a_browser
from tests.e2e.clinics import GE, Clinic
from tests.e2e.screens import LARGE, Console, Screen, start_session, step
from tests.soak.growth import quarters

CHAIRS = 4
EVERY_S = 10.0
WARM_UP_S = 60.0  # caches, the first drawing, the byte code of rare paths
LOW = {"width": 1280, "height": 640}
LIVE = "document.getElementById('not-live')?.hidden !== false"
# The list of alarms draws as many rows as its window holds, however many there are: until it is
# full, a new alarm is a new row, and nothing that grows.
IS_LIST_FULL = f"""dash_ag_grid.getApi({ids.ALARMS_GRID!r}).getDisplayedRowCount()
    > document.querySelectorAll('.ag-center-cols-container .ag-row').length"""
MIB = 2**20
# What may come on top between the first and the last quarter: series and logs fill for two hours,
# and a collector leaves a little more or less behind each time.
MAY_GROW = {"heap MiB": 6.0, "nodes": 400.0, "listeners": 150.0, "server MiB": 60.0, "threads": 1.0}
MAY_GROW_SHARE = 0.15


@dataclass
class Watched:
    """One page: what it held, sample after sample."""

    name: str
    page: Page
    devtools: CDPSession
    is_full: str = "true"  # what the page holds is compared from then on
    samples: list[dict[str, float]] = field(default_factory=list)
    not_live_s: float = 0.0

    def look(self) -> None:
        self.devtools.send("HeapProfiler.collectGarbage")
        told = self.devtools.send("Performance.getMetrics")["metrics"]
        held = {each["name"]: each["value"] for each in told}
        if self.samples or self.page.evaluate(self.is_full):
            self.samples.append(
                {
                    "heap MiB": held["JSHeapUsedSize"] / MIB,
                    "nodes": held["Nodes"],
                    "listeners": held["JSEventListeners"],
                }
            )
        if not self.page.evaluate(LIVE):
            self.not_live_s += EVERY_S


@contextmanager
def _screen(browser: Browser, clinic: Clinic, role: str) -> Iterator[Screen]:
    context = browser.new_context(viewport=LARGE, base_url=clinic.url)
    console = Console()
    console.watch(context)
    yield _signed_in(context, clinic, role, console)
    context.close()


def _signed_in(context: BrowserContext, clinic: Clinic, role: str, console: Console) -> Screen:
    page, account = context.new_page(), clinic.accounts[role]
    page.goto("/login")
    page.fill("input[name=user]", account.user)
    page.fill("input[name=password]", account.password)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(f"{clinic.url}/")
    return Screen(page, clinic, console)


def _watched(name: str, page: Page) -> Watched:
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")
    return Watched(name, page, devtools, IS_LIST_FULL if name == "alarms" else "true")


def _paired_wall(browser: Browser, director: Screen) -> Page:
    """A browser of its own, which a director lets have the wall."""
    context = browser.new_context(viewport=LARGE, base_url=director.clinic.url)
    wall = context.new_page()
    wall.goto("/wall")
    code = wall.locator("#code")
    expect(code).to_have_text(re.compile(r"\w{3} \w{3}"))
    shown = code.inner_text()
    director.open("/screens")
    director.page.get_by_label("Code").fill(shown)
    director.page.get_by_label("Name of the screen").fill("Soak")
    director.button("Pair").click()
    expect(wall.locator('[data-tile="1"]')).to_be_visible(timeout=20_000)
    return wall


def soak(minutes: float) -> int:
    """Watch for so many minutes; 0 where nothing grew and nothing stood still."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        monitors = stack.enter_context(Child("monitors", str(folder), str(CHAIRS)))
        monitors.tells(60)
        ports = {n: {GE: str(folder / f"monitor-{n}")} for n in range(1, CHAIRS + 1)}
        clinic = Clinic(folder, ports)
        clinic.add_account("director")
        clinic.start()
        stack.callback(clinic.stop)
        browser = stack.enter_context(a_browser())
        nurse = stack.enter_context(_screen(browser, clinic, "nurse"))
        director = stack.enter_context(_screen(browser, clinic, "director"))
        for chair in ports:
            start_session(nurse, chair, "AB")
            step(nurse, "Begin baseline", "Baseline", chair)
            step(nurse, "Start infusion", "Infusing", chair)
        pages = [_watched("wall", _paired_wall(browser, director))]
        for name, path in (("board", "/"), ("chair", "/chair/1"), ("alarms", "/alarms")):
            page = nurse.page.context.new_page()
            if name == "alarms":
                page.set_viewport_size(LOW)  # fewer rows, so that its list is full sooner
            page.goto(path)
            pages.append(_watched(name, page))
        nurse.page.close()
        director.page.close()
        server = _server_of(clinic)
        used = _watch(pages, server, minutes)
        complaints = nurse.console.unexpected()
    return report(pages, used, complaints, minutes)


def _server_of(clinic: Clinic) -> psutil.Process:
    assert clinic.server is not None
    return psutil.Process(clinic.server.pid)


def _watch(
    pages: Sequence[Watched], server: psutil.Process, minutes: float
) -> list[dict[str, float]]:
    used = []
    time.sleep(min(WARM_UP_S, 20 * minutes))
    end_s = time.monotonic() + 60 * minutes
    while time.monotonic() < end_s:
        for page in pages:
            page.look()
        rss = server.memory_info().rss / MIB
        used.append({"server MiB": rss, "threads": float(server.num_threads())})
        time.sleep(EVERY_S)
    return used


def report(
    pages: Sequence[Watched],
    used: Sequence[dict[str, float]],
    complaints: Sequence[str],
    minutes: float,
) -> int:
    print(f"{minutes:g} minutes, {len(used)} samples")
    has_failed = bool(complaints)
    for name, samples in [*((page.name, page.samples) for page in pages), ("server", used)]:
        if not samples:
            print(f"{name:8} was never full: too short to compare")
        for what in samples[0] if samples else ():
            early, late = quarters([sample[what] for sample in samples])
            has_grown = late - early > max(MAY_GROW[what], MAY_GROW_SHARE * early)
            has_failed |= has_grown
            verdict = "GROWN" if has_grown else "steady"
            print(f"{name:8} {what:12} {early:10.1f} -> {late:10.1f}  {verdict}")
    for page in pages:
        if page.not_live_s:
            has_failed = True
            print(f"{page.name}: not live for {page.not_live_s:.0f} s")
    for complaint in complaints:
        print(f"the browser complained: {complaint}")
    return int(has_failed)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=720.0)
    return soak(parser.parse_args(arguments).minutes)


if __name__ == "__main__":
    sys.exit(main())
