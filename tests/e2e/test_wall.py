"""Does a wall hang there by itself: paired, live, silent, live again, and dark when it is told?"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.clinics import Clinic, clinic_with
from tests.e2e.screens import TABLET, Screen, end_session, start_session, until
from tests.e2e.test_honest import BACK_MS, NO_ANSWER

NOTICED_MS = 5000
DARK_MS = 10_000
CODE = re.compile(r"^[A-Z0-9]{3} [A-Z0-9]{3}$")
WITH_ALARM, CALM = 1, 2  # chairs
UNREADABLE = (r"status of (401|503)",)  # what Chromium says of a socket or answer that is refused


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """Two chairs, thirty times as fast as real; every test leaves it running."""
    folder = tmp_path_factory.mktemp("ward")
    clinic = clinic_with(folder, {WITH_ALARM: "emergency", CALM: "preparation"}, speed=30)
    clinic.add_account("director")
    yield clinic
    clinic.stop()


def pair(wall: Screen, director: Screen, name: str) -> None:
    """Type what the wall shows; nobody touches the wall."""
    code = wall.page.locator("#code")
    expect(code).to_have_text(CODE)
    director.open("/screens")
    director.page.get_by_label("Code").fill(code.inner_text())
    director.page.get_by_label("Name of the screen").fill(name)
    until(director.page.get_by_text(f"Paired: {name}"), director.button("Pair").click)
    expect(wall.tile(WITH_ALARM)).to_be_visible()


def row(director: Screen, name: str) -> Locator:
    return director.page.locator("tr", has_text=name)


@pytest.fixture
def hung(ward, sign_in, request) -> tuple[Screen, Screen]:
    """A paired wall at which nobody is signed in, and a director; removed at the end."""
    wall, director = sign_in(ward, None, "/wall"), sign_in(ward, "director", path=None)
    pair(wall, director, request.node.name[:40])
    director.console.expected += NO_ANSWER
    wall.until_live(CALM)
    return wall, director


def test_a_wall_shows_numbers_and_an_alarm_and_says_that_it_did(ward, hung, sign_in):
    wall, director = hung
    nurse = sign_in(ward, path=None)
    end_session(nurse, WITH_ALARM)
    start_session(nurse, WITH_ALARM, "XQ")
    expect(wall.tile()).to_have_attribute("data-alarm", "high")
    expect(wall.word("alarm-text")).to_contain_text("*** SYS")
    expect(wall.word("phase")).to_have_text("Preparation")
    expect(wall.number("heart_rate")).to_have_text(re.compile(r"^\d{2,3}$"))
    expect(wall.number("nibp_systolic")).to_have_attribute("data-alarm", "high")
    page = wall.page
    for words in ("SIMULATED DATA", "Secondary display", "last update"):
        expect(page.locator("body")).to_contain_text(words)
    assert "XQ" not in page.content()
    assert page.locator("#clock").inner_text()[:5] == page.locator("#heard").inner_text()[:5]
    shown = 'SELECT DISTINCT "to" FROM alarm_shown WHERE "to" LIKE \'screen: test_a_wall_shows%\''
    ward.until_rows(1, shown)
    expect(row(director, "test_a_wall_shows")).to_contain_text("now")
    page.reload()
    wall.until_live(CALM)


KEPT = """async () => {
  const parts = ['/wall', '/assets/wall.js', '/assets/wall.css', '/assets/live.js',
    '/assets/sound.js'];
  const kept = await Promise.all(parts.map(part => caches.match(part, {ignoreVary: true})));
  return kept.every(Boolean);
}"""


def until_kept(wall: Screen) -> None:
    """Until the browser has the page and its parts, for a start without a server."""
    give_up_s = time.monotonic() + 30
    while not wall.page.evaluate(KEPT):
        assert time.monotonic() < give_up_s
        wall.page.wait_for_timeout(100)


def test_a_wall_outlives_the_server_and_the_page_that_it_is(ward, hung):
    wall, _director = hung
    wall.console.expected += NO_ANSWER
    until_kept(wall)
    began = wall.page.evaluate("performance.timeOrigin")
    ward.server.kill()
    try:
        expect(wall.not_live).to_contain_text("SCREEN NOT LIVE", timeout=NOTICED_MS)
        expect(wall.page.locator('[data-metric][data-state="live"]')).to_have_count(0)
        assert wall.page.evaluate("performance.timeOrigin") == began
        wall.page.reload()  # the kept page, not the browser's own
        expect(wall.not_live).to_contain_text("SCREEN NOT LIVE", timeout=NOTICED_MS)
        expect(wall.tile(CALM)).to_be_visible()
        began = wall.page.evaluate("performance.timeOrigin")
    finally:
        ward.start()
    expect(wall.not_live).to_be_hidden(timeout=BACK_MS)
    wall.until_live(CALM)
    assert wall.page.evaluate("performance.timeOrigin") == began  # and nobody touched it


def test_a_server_that_hangs_is_seen(ward, hung):
    wall, _director = hung
    wall.console.expected += NO_ANSWER
    ward.server.freeze()
    try:
        expect(wall.not_live).to_be_visible(timeout=NOTICED_MS + 1000)
    finally:
        ward.server.go_on()
    expect(wall.not_live).to_be_hidden(timeout=BACK_MS)
    wall.until_live(CALM)


# As if the script that writes the numbers had died while the socket goes on.
DEAF = """() => document.addEventListener('vigil:heard',
  event => event.stopImmediatePropagation(), {capture: true})"""


def test_the_bar_falls_where_the_script_of_the_numbers_has_died(ward, hung):
    wall, _director = hung
    bar = wall.page.locator("#dead-man")
    wall.page.wait_for_timeout(NOTICED_MS + 500)  # longer than it hangs without being held up
    expect(bar).to_have_css("opacity", "0")
    wall.page.evaluate(DEAF)
    expect(bar).to_have_css("opacity", "1", timeout=NOTICED_MS + 1000)
    expect(bar).to_contain_text("SCREEN NOT LIVE")


HANG = "setTimeout(() => { const at = Date.now(); while (Date.now() - at < 9000); }, 0)"
HUNG_MS = 8000
ALARM_RED = [165, 15, 27]
# The colour of a picture near its upper edge, where the bar is.
COLOUR = """async picture => {
  const image = new Image();
  image.src = `data:image/png;base64,${picture}`;
  await image.decode();
  const canvas = new OffscreenCanvas(image.width, image.height).getContext('2d');
  canvas.drawImage(image, 0, 0);
  return [...canvas.getImageData(8, 8, 1, 1).data].slice(0, 3);
}"""


def test_the_bar_falls_where_the_page_hangs_in_a_script(hung):
    """Nothing of the page runs then: what is seen is what the browser still paints by itself."""
    wall, director = hung
    director.page.goto("about:blank")
    pictures: list[str] = []
    debugger = wall.page.context.new_cdp_session(wall.page)

    def painted(frame: dict[str, Any]) -> None:
        pictures.append(frame["data"])
        debugger.send("Page.screencastFrameAck", {"sessionId": frame["sessionId"]})

    debugger.on("Page.screencastFrame", painted)
    debugger.send("Page.startScreencast", {"format": "png"})
    debugger.send("Runtime.evaluate", {"expression": HANG})
    director.page.wait_for_timeout(HUNG_MS)
    assert director.page.evaluate(COLOUR, pictures[-1]) == ALARM_RED
    debugger.send("Page.stopScreencast")
    wall.until_live(CALM)
    expect(wall.page.locator("#dead-man")).to_have_css("opacity", "0")


def test_a_removed_screen_goes_dark_with_words_and_can_be_paired_again(ward, hung, request):
    wall, director = hung
    wall.console.expected += (*UNREADABLE, *NO_ANSWER)
    name = request.node.name[:40]
    began_s = time.monotonic()
    row(director, name).get_by_role("button", name="Remove").click()
    expect(wall.page.locator("#why")).to_contain_text("was removed", timeout=DARK_MS)
    assert time.monotonic() - began_s < DARK_MS / 1000
    expect(wall.page.locator("[data-chair]")).to_have_count(0)
    assert wall.page.url.endswith("/wall")
    expect(row(director, name)).to_have_count(0)
    audit = (
        "SELECT action FROM audit_log WHERE action LIKE '%_screen' AND detail LIKE ? ORDER BY id"
    )
    assert ward.rows(audit, f"%{name}%") == [("pair_screen",), ("revoke_screen",)]
    pair(wall, director, name)
    wall.until_live(CALM)


def test_a_wrong_code_pairs_nothing(ward, sign_in):
    wall, director = sign_in(ward, None, "/wall", viewport=TABLET), sign_in(ward, "director")
    expect(wall.page.locator("#code")).to_have_text(CODE)
    director.page.get_by_role("link", name="Screens").click()
    director.page.get_by_label("Code").fill("AAA AAA")
    director.page.get_by_label("Name of the screen").fill("Nowhere")
    until(director.page.get_by_text("No screen shows this code"), director.button("Pair").click)
    expect(director.page.get_by_label("Code")).to_have_value("AAA AAA")
    expect(wall.page.locator("#code")).to_be_visible()


def test_a_nurse_finds_no_way_to_pair(ward, sign_in):
    nurse = sign_in(ward)
    expect(nurse.page.get_by_role("link", name="Review")).to_be_visible()
    expect(nurse.page.get_by_role("link", name="Screens")).to_have_count(0)
    nurse.open("/screens")
    expect(nurse.page.get_by_text("Only a medical director")).to_be_visible()
    expect(nurse.button("Pair")).to_have_count(0)
