"""What does a person have in front of them: a window on a clinic, its numbers, its console?"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import (
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    WebError,
    WebSocket,
    expect,
)
from playwright.sync_api import Error as PlaywrightError

from tests.e2e.clinics import Running

LARGE = {"width": 1920, "height": 1080}
TABLET = {"width": 768, "height": 1024}

CONTINUOUS = ("heart_rate", "spo2", "resp_rate")
CUFF = ("nibp_systolic", "nibp_diastolic", "nibp_mean")
SHOWN = (*CONTINUOUS, *CUFF)


@dataclass
class Console:
    """All that a window complains of, and every host it talks to.

    ``expected`` are complaints that a test provokes: what the browser itself says of a server
    that is gone, or of an answer that is not 200.
    """

    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)
    expected: list[str] = field(default_factory=list)

    def watch(self, context: BrowserContext) -> None:
        context.on("console", self._said)
        context.on("weberror", self._failed)
        context.on("request", self._requested)

    def watch_page(self, page: Page) -> None:
        page.on("websocket", self._opened)

    def unexpected(self) -> list[str]:
        return [
            complaint
            for complaint in self.complaints
            if not any(re.search(pattern, complaint) for pattern in self.expected)
        ]

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text} ({message.location['url']})")

    def _failed(self, error: WebError) -> None:
        self.complaints.append(f"uncaught: {error.error}")

    def _requested(self, request: Request) -> None:
        if urlsplit(request.url).scheme not in ("data", "blob"):
            self.hosts.add(urlsplit(request.url).netloc)

    def _opened(self, socket: WebSocket) -> None:
        self.hosts.add(urlsplit(socket.url).netloc)


@dataclass
class Screen:
    """One window of one person."""

    page: Page
    clinic: Running
    console: Console

    def open(self, path: str) -> None:
        self.page.goto(path)

    def number(self, metric: str, chair: int = 1) -> Locator:
        return self.page.locator(f'[data-chair="{chair}"][data-metric="{metric}"]')

    def word(self, role: str, chair: int = 1) -> Locator:
        return self.page.locator(f'[data-chair="{chair}"][data-role="{role}"]')

    def tile(self, chair: int = 1) -> Locator:
        return self.page.locator(f'[data-tile="{chair}"]')

    @property
    def not_live(self) -> Locator:
        return self.page.locator("#not-live")

    def button(self, name: str | re.Pattern[str]) -> Locator:
        return self.page.get_by_role("button", name=name, exact=isinstance(name, str))

    def until_live(self, chair: int = 1, timeout_s: float = 15) -> None:
        expect(self.number("heart_rate", chair)).to_have_attribute(
            "data-state", "live", timeout=1000 * timeout_s
        )

    def until_changed(self, metric: str, chair: int = 1, timeout_s: float = 30) -> None:
        """Until the number is another one than now."""
        number = self.number(metric, chair)
        expect(number).not_to_have_text(number.inner_text(), timeout=1000 * timeout_s)


def until(wanted: Locator, press: Callable[..., None], timeout_s: float = 20) -> None:
    """Press again until ``wanted`` is seen.

    A button that has only just been drawn is deaf for 0.7 s, and one may be drawn anew while the
    pointer comes. That no press counts twice is for the record to say.
    """
    give_up_s = time.monotonic() + timeout_s
    while not wanted.is_visible():
        try:
            press(timeout=1000)
        except PlaywrightError:  # it has gone: perhaps because it is done
            pass
        try:
            expect(wanted).to_be_visible(timeout=1000)
        except AssertionError:
            if time.monotonic() > give_up_s:
                raise


def step(screen: Screen, name: str, phase: str, chair: int = 1) -> None:
    """Double-click a step of the session until the phase is the one it leads to."""
    where = f'[data-chair="{chair}"][data-role="phase"]:text-is("{phase}")'
    until(screen.page.locator(where), screen.button(name).dblclick)


def start_session(screen: Screen, chair: int, initials: str) -> None:
    """Start a session with the form of the chair's page."""
    screen.open(f"/chair/{chair}")
    screen.page.get_by_label("Initials").fill(initials)
    step(screen, "Start session", "Preparation", chair)


def seat(screen: Screen, chair: int, initials: str) -> None:
    """Start a session in the chair, unless there is one."""
    screen.open(f"/chair/{chair}")
    start, early = screen.button("Start session"), screen.page.get_by_text("End the session early")
    expect(start.or_(early)).to_be_visible()
    if start.is_visible():
        start_session(screen, chair, initials)


def end_session(screen: Screen, chair: int) -> None:
    """End the session in the chair early, if there is one."""
    screen.open(f"/chair/{chair}")
    start, early = screen.button("Start session"), screen.page.get_by_text("End the session early")
    expect(start.or_(early)).to_be_visible()
    if early.is_visible():
        early.click()
        screen.page.get_by_label("Why does it end early?").fill("the next test comes")
        until(start, screen.button("End session").click)
