"""Do the buttons of the monitors page ask what they say, for those who may, and lose nothing?"""

from __future__ import annotations

import asyncio
import errno
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from clinical.sign_off import Actor, Role
from dashboard import edits
from dashboard.arrangement import ChairConfig, MonitorConfig, Refusal, listening_only, refusal
from dashboard.errands import AT_ONCE, FAILED, KEPT, Errands
from dashboard.pages import monitors as page
from dashboard.services import Heard
from dashboard.views import capture
from dashboard.views import monitors as view_of
from devices.ports import FoundPort
from devices.report import LineReport
from storage.captures import Bounds, CaptureState
from tests.dashboard.a_clinic import NURSE, PAGES, PASSWORD, Clinic, a_clinic, served
from tests.dashboard.test_views_monitors import (
    BUILT_IN,
    FOUND,
    FOUND_OUT,
    FTDI,
    GARDEN,
    GE,
    PROLIFIC,
    REPORT,
    WINDOW,
    words,
)

CLINICIAN = Actor("carl", "Carl Beck", Role.CLINICIAN)
DIRECTOR = Actor("dora", "Dora Klein", Role.DIRECTOR)
DISK_ERROR = OperationalError("INSERT", {}, Exception("disk I/O error"))
HERE = "http://localhost:8050"


class FakeMonitors:
    """Chairs and lines in memory; by the rules of the real ones."""

    is_editable, why_not, left_out = True, "", ()

    def __init__(self) -> None:
        self.now: tuple[ChairConfig, ...] = (WINDOW, GARDEN)
        self.found: tuple[FoundPort, ...] = FOUND
        self.reported: dict[tuple[int, str], LineReport] = {(1, "ge-dri"): REPORT}
        self.asked: list[tuple[Any, ...]] = []
        self.fails_with: Exception | None = None

    def chairs(self) -> tuple[ChairConfig, ...]:
        return self.now

    def ports(self) -> tuple[FoundPort, ...]:
        return self.found

    def reports(self) -> dict[tuple[int, str], LineReport]:
        return self.reported

    def arrange(
        self, chairs: Sequence[ChairConfig], by: Actor, before: Sequence[ChairConfig] | None = None
    ) -> Refusal | None:
        assert before == self.now
        if self.fails_with:
            raise self.fails_with
        if why_not := refusal(chairs, self.found):
            return why_not
        self.asked.append(("arrange", by.user))
        self.now = tuple(chairs)
        return None

    def set_listen_only(self, chair: int, monitor: str, is_on: bool, by: Actor) -> Refusal | None:
        if self.fails_with:
            raise self.fails_with
        self.asked.append(("listen", chair, monitor, is_on, by.user))
        self.now = listening_only(self.now, chair, monitor, is_on)
        self.reported[chair, monitor] = replace(REPORT, is_listen_only=is_on)
        return None

    def test(self, chair: int, monitor: str) -> Heard | Refusal:
        self.asked.append(("test", chair, monitor))
        return Heard(5.0, 500, 5, 0, REPORT)

    def detect(self, port: str, tell: Callable[[str], None], _by: Actor) -> Any:
        self.asked.append(("detect", port))
        if self.fails_with:
            raise self.fails_with
        return FOUND_OUT

    def capture(self) -> CaptureState:
        return CaptureState()

    def capture_bounds(self) -> Bounds:
        return Bounds()

    def set_capture_bounds(self, days: float, mib: float, by: Actor) -> Refusal | None:
        self.asked.append(("bounds", days, mib, by.user))
        return Refusal("Flight recorder: expected 1 to 3650.") if days > 3650 else None


@pytest.fixture
def monitors() -> FakeMonitors:
    return FakeMonitors()


@pytest.fixture
def errands() -> Errands:
    return Errands(lambda: 0.0)


@pytest.fixture
def seen_as(monkeypatch: pytest.MonkeyPatch) -> Callable[[Actor | None], None]:
    return lambda actor: monkeypatch.setattr(page, "current_actor", lambda: actor)


@pytest.fixture
def as_clinician(seen_as: Callable[[Actor | None], None]) -> None:
    seen_as(CLINICIAN)


def add(monitors: FakeMonitors, *, is_listen_only: bool = False, **asked: str) -> tuple[str, bool]:
    usual = {"chair": "2", "monitor": "nellcor", "port": BUILT_IN.key, "typed": "", "baud": ""}
    fields = {**usual, **asked}
    said, is_done = asyncio.run(
        page.monitor_added(monitors, *fields.values(), is_listen_only=is_listen_only)
    )
    return words(said), is_done


def told(work: Any) -> tuple[str, bool]:
    said, is_done = asyncio.run(work)
    return words(said), is_done


# Who may.


@pytest.mark.parametrize("actor", [None, NURSE], ids=["nobody", "nurse"])
def test_nobody_else_changes_or_detects_anything(monitors, errands, seen_as, actor):
    seen_as(actor)
    before = monitors.now
    said = [
        add(monitors),
        told(page.chair_added(monitors, 3, "C")),
        told(page.chair_changed(monitors, "rename", "1", "X")),
        told(page.chair_changed(monitors, "remove-chair", "1", "")),
        told(page.line_changed(monitors, "move", "1:ge-dri", "2")),
        told(page.line_changed(monitors, "remove-monitor", "1:ge-dri", None)),
        told(page.listened_only(monitors, "1:ge-dri", True)),
    ]
    assert said == [(view_of.REFUSED, False)] * len(said)
    assert view_of.REFUSED in words(page.detected(monitors, errands, BUILT_IN.key))
    assert monitors.now == before
    assert monitors.asked == []


@pytest.mark.parametrize("actor", [CLINICIAN, DIRECTOR], ids=lambda actor: actor.role)
def test_a_clinician_and_a_director_may(monitors, seen_as, actor):
    seen_as(actor)
    assert add(monitors)[1]
    assert told(page.listened_only(monitors, "1:ge-dri", True))[1]
    assert monitors.asked == [
        ("arrange", actor.user),
        ("listen", 1, "ge-dri", True, actor.user),
    ]


def test_a_nurse_reads_the_page_and_tries_a_line(monitors, errands, seen_as):
    seen_as(NURSE)
    services = replace(a_clinic().services, monitors=monitors)
    text = words(asyncio.run(page.layout(services)))
    assert view_of.FOR_NURSES in text
    assert page.tested(monitors, errands, "1:ge-dri") == []
    assert until_ended(errands, "test 1:ge-dri").frames == 5


def test_without_lines_there_is_no_page():
    services = a_clinic().services
    assert not page.exists(services)
    assert asyncio.run(page.layout(services)) is None


# What is arranged.


@pytest.mark.usefixtures("as_clinician")
def test_a_monitor_is_added_at_a_port_as_it_is_remembered(monitors):
    monitors.now = (GARDEN,)
    said, is_done = add(monitors, port="", typed=" /dev/ttyUSB0 ", baud=" 9600 ", chair="2")
    assert (said, is_done) == ("Added to chair 2: its line is being opened.", True)
    assert monitors.now[0].monitors[-1] == MonitorConfig("nellcor", FTDI.key, 9600)
    assert add(monitors, monitor="suntech", port="COM9", is_listen_only=True)[1]
    assert monitors.now[0].monitors[-1] == MonitorConfig("suntech", "COM9", is_listen_only=True)


@pytest.mark.usefixtures("as_clinician")
@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"chair": ""}, page.NO_CHAIR),
        ({"chair": "one"}, page.NO_CHAIR),
        ({"monitor": ""}, page.NO_MONITOR),
        ({"port": ""}, page.NO_PORT),
        ({"typed": "COM3"}, page.TWO_PORTS),
        ({"chair": "", "monitor": ""}, f"{page.NO_CHAIR} {page.NO_MONITOR}"),
        ({"baud": "abc"}, "'abc' is no speed of a monitor"),
        ({"baud": "17"}, "17 is no speed of a monitor: its own menu shows it, usually 1200, "),
        ({"port": "", "typed": "nonsense"}, "'nonsense' is no port. One is such as"),
        ({"chair": "9"}, "There is no chair 9 any more."),
        ({"port": FTDI.key}, "belongs to Window, GE Datex-Ohmeda S/5"),
        ({"monitor": "unheard-of"}, "this Vigil knows no such monitor"),
        ({"monitor": "masimo-ascii1"}, "there is one at this chair already"),
    ],
    ids=str,
)
def test_what_cannot_be_added_is_refused_in_words(monitors, asked, says):
    before = monitors.now
    said, is_done = add(monitors, **asked)
    assert not is_done
    assert says in said
    assert monitors.now == before


@pytest.mark.usefixtures("as_clinician")
def test_chairs_are_added_renamed_and_removed(monitors):
    assert told(page.chair_added(monitors, 3, "  Quiet   room "))[1]
    assert told(page.chair_added(monitors, 4, ""))[1]
    assert [(each.number, each.name) for each in monitors.now[2:]] == [
        (3, "Quiet room"),
        (4, "Chair 4"),
    ]
    assert told(page.chair_changed(monitors, "rename", "3", " Blue  room "))[1]
    assert monitors.now[2].name == "Blue room"
    assert told(page.chair_changed(monitors, "remove-chair", "4", ""))[1]
    assert [each.number for each in monitors.now] == [1, 2, 3]


@pytest.mark.usefixtures("as_clinician")
@pytest.mark.parametrize(
    ("work", "says"),
    [
        (lambda m: page.chair_added(m, None, "C"), page.NO_NUMBER),
        (lambda m: page.chair_added(m, 2.5, "C"), page.NO_NUMBER),
        (lambda m: page.chair_added(m, 1, "C"), "Chair 1 exists already: Window."),
        (lambda m: page.chair_added(m, 99, "C"), "a number from 1 to 64"),
        (lambda m: page.chair_added(m, 0, "C"), "0 is none"),
        (lambda m: page.chair_changed(m, "rename", "1", " "), "needs 1 to 40 characters"),
        (lambda m: page.chair_changed(m, "rename", "7", "X"), "no chair 7 any more"),
        (lambda m: page.chair_changed(m, "remove-chair", "x", ""), edits.GONE),
        (lambda m: page.line_changed(m, "move", "1:ge-dri", None), page.NO_CHAIR),
        (lambda m: page.line_changed(m, "move", "1:suntech", "2"), "no SunTech Advantage"),
        (lambda m: page.line_changed(m, "remove-monitor", "x", None), edits.GONE),
        (lambda m: page.listened_only(m, "1:suntech", True), edits.GONE),
        (lambda m: page.listened_only(m, "ge-dri", True), edits.GONE),
    ],
)
def test_an_edit_that_cannot_be_is_refused_in_words(monitors, work, says):
    before = monitors.now
    said, is_done = told(work(monitors))
    assert not is_done
    assert says in said
    assert monitors.now == before


@pytest.mark.usefixtures("as_clinician")
def test_a_monitor_is_moved_with_its_port_and_taken_away(monitors):
    assert told(page.line_changed(monitors, "move", "1:ge-dri", "2"))[1]
    assert [len(each.monitors) for each in monitors.now] == [0, 2]
    assert monitors.now[1].monitors[1] == GE
    assert told(page.line_changed(monitors, "remove-monitor", "2:ge-dri", None))[1]
    assert monitors.now[1] == GARDEN


@pytest.mark.usefixtures("as_clinician")
def test_what_cannot_be_recorded_is_said(monitors):
    monitors.fails_with = DISK_ERROR
    assert add(monitors) == (page.NOT_RECORDED, False)
    assert told(page.listened_only(monitors, "1:ge-dri", True)) == (page.NOT_RECORDED, False)


@pytest.mark.usefixtures("as_clinician")
def test_a_fault_inside_is_said_too_and_logged(monitors, caplog):
    monitors.fails_with = KeyError("in some room")
    assert add(monitors) == (FAILED, False)
    assert told(page.listened_only(monitors, "1:ge-dri", True)) == (FAILED, False)
    assert "in some room" in caplog.text


@pytest.mark.usefixtures("as_clinician")
def test_a_line_is_listened_to_only_and_spoken_to_again(monitors):
    assert page.is_listened_to_only(monitors, "1:ge-dri") is False
    assert told(page.listened_only(monitors, "1:ge-dri", True))[1]
    assert page.is_listened_to_only(monitors, "1:ge-dri") is True
    assert told(page.listened_only(monitors, "1:ge-dri", False))[1]
    assert page.is_listened_to_only(monitors, "9:ge-dri") is None


@pytest.mark.parametrize("actor", [None, NURSE, CLINICIAN])
def test_nobody_but_a_director_bounds_the_flight_recorder(monitors, seen_as, actor):
    seen_as(actor)
    assert told(page.kept(monitors, 30, 2048)) == (capture.FOR_DIRECTORS, False)
    assert monitors.asked == []


def test_a_director_bounds_the_flight_recorder(monitors, seen_as):
    seen_as(DIRECTOR)
    assert told(page.kept(monitors, 60, 4096))[1]
    assert monitors.asked == [("bounds", 60, 4096, "dora")]
    assert told(page.kept(monitors, "", 4096)) == (page.NO_BOUNDS, False)
    assert told(page.kept(monitors, 9999, 4096)) == ("Flight recorder: expected 1 to 3650.", False)


# What takes seconds.


def until_ended(errands: Errands, name: str) -> Any:
    give_up_s = time.monotonic() + 5
    while errands.all()[name].is_running:
        assert time.monotonic() < give_up_s
        time.sleep(0.001)
    return errands.all()[name].came


@pytest.mark.usefixtures("as_clinician")
@pytest.mark.parametrize(
    ("typed", "port"),
    [("/dev/ttyUSB1", PROLIFIC.key), (BUILT_IN.key, BUILT_IN.key), (" COM7 ", "COM7")],
)
def test_a_port_is_detected_by_the_name_that_it_is_remembered_by(monitors, errands, typed, port):
    assert page.detected(monitors, errands, typed) == []
    assert until_ended(errands, f"detect {port}").name == "suntech"
    assert monitors.asked == [("detect", port)]


@pytest.mark.usefixtures("as_clinician")
def test_a_typed_path_is_followed_beside_the_loop(monitors, monkeypatch):
    asked_by = []
    monkeypatch.setattr(monitors, "ports", lambda: asked_by.append(threading.get_ident()) or ())
    add(monitors, port="", typed="/net/dead/port")
    assert asked_by
    assert threading.get_ident() not in asked_by


@pytest.mark.usefixtures("as_clinician")
def test_what_is_no_port_or_no_line_is_not_tried(monitors, errands):
    assert page.NO_PORT_TYPED in words(page.detected(monitors, errands, "  "))
    assert "'<b>' is no port." in words(page.detected(monitors, errands, "<b>"))
    for line in ("", "x", "1:suntech", "9:ge-dri"):
        assert edits.GONE in words(page.tested(monitors, errands, line))
    assert errands.all() == {}


@pytest.mark.usefixtures("as_clinician")
def test_a_port_of_another_program_is_named_in_words(monitors, errands):
    monitors.fails_with = OSError(errno.EBUSY, "busy")
    assert page.detected(monitors, errands, "COM7") == []
    assert until_ended(errands, "detect COM7").words == (
        "COM7 is in use by another program: close that program."
    )


@pytest.mark.usefixtures("as_clinician")
def test_only_so_many_ports_are_tried_at_once(monitors, errands):
    go_on = threading.Event()
    try:
        for n in range(AT_ONCE):
            assert errands.start(f"detect COM{n}", lambda _tell: go_on.wait(10))
        assert errands.start("detect COM0", lambda _tell: pytest.fail("it runs already"))
        assert page.BUSY in words(page.detected(monitors, errands, "COM9"))
        assert page.BUSY in words(page.tested(monitors, errands, "1:ge-dri"))
    finally:
        go_on.set()
    for n in range(AT_ONCE):
        assert until_ended(errands, f"detect COM{n}") is True


def test_an_errand_tells_how_far_it_is_and_that_it_failed(errands):
    told_it, go_on = threading.Event(), threading.Event()

    def work(tell: Callable[[str], None]) -> str:
        tell("Listening at 9600 baud.")
        told_it.set()
        go_on.wait(10)
        raise OSError("gone")

    assert errands.start("detect COM1", work)
    assert told_it.wait(5)
    assert errands.all()["detect COM1"].says == "Listening at 9600 baud."
    go_on.set()
    assert until_ended(errands, "detect COM1") is None
    assert errands.all()["detect COM1"].failed == FAILED


def test_what_has_ended_is_forgotten_in_the_end(errands):
    for n in range(KEPT + 5):
        assert errands.start(f"detect COM{n}", lambda _tell: True)
        until_ended(errands, f"detect COM{n}")
    assert len(errands.all()) == KEPT
    assert "detect COM0" not in errands.all()


def test_what_was_detected_goes_into_the_form(monitors):
    assert page.taken(monitors, PROLIFIC.key, "suntech", "9600") == (
        *("suntech", PROLIFIC.key, "", ""),
    )
    assert page.taken(monitors, "socket://h:1", "ge-dri", "9600") == (
        *("ge-dri", None, "socket://h:1", "9600"),
    )


# Through the server.


def a_server(monitors: FakeMonitors, actor: Actor) -> Clinic:
    made: list[Clinic] = []

    class WithMonitors:
        """The page, with the fake behind it: a_clinic knows of no lines."""

        PATH, TITLE = page.PATH, page.TITLE

        @staticmethod
        async def layout(services: Any) -> Any:
            return await page.layout(replace(services, monitors=monitors))

        @staticmethod
        def register(app: Any, services: Any) -> None:
            page.register(app, replace(services, monitors=monitors))

    made.append(a_clinic(pages=(PAGES[0], WithMonitors)))
    (clinic,) = made
    clinic.people.accounts[NURSE.user] = (actor, clinic.people.accounts[NURSE.user][1])
    return clinic


@pytest.fixture
def director_at(monitors: FakeMonitors) -> Iterator[str]:
    with served(a_server(monitors, DIRECTOR).app) as at:
        yield at


def test_a_clinicians_request_with_a_nurses_cookie_is_refused(monitors):
    app = a_server(monitors, NURSE).app
    nurse = TestClient(app, base_url=HERE)
    nurse.post("/login", data={"user": NURSE.user, "password": PASSWORD})
    button = json.dumps(
        {"about": "1", "type": "monitor-act", "what": "remove-chair"}, separators=(",", ":")
    )
    said = {"about": "1", "type": "said-chair-edit"}
    body = {
        "output": '{"about":["MATCH"],"type":"said-chair-edit"}.children',
        "outputs": {"id": said, "property": "children"},
        "inputs": [
            {
                "id": {"about": "1", "type": "monitor-act", "what": what},
                "property": "n_clicks",
                "value": count,
            }
            for what, count in (("rename", None), ("remove-chair", 1))
        ],
        "state": [
            {
                "id": {"about": "1", "type": "monitor-field", "what": "name"},
                "property": "value",
                "value": "Window",
            }
        ],
        "changedPropIds": [f"{button}.n_clicks"],
    }
    answer = nurse.post("/_dash-update-component", json=body)
    assert answer.status_code == 200
    assert view_of.REFUSED in answer.text
    assert monitors.now == (WINDOW, GARDEN)


def test_a_pulled_cable_shows_and_what_is_typed_stays(monitors, director_at, page: Page):
    """Ports and figures are drawn anew under somebody who types; what is raw is only text."""
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    form = {"user": NURSE.user, "password": PASSWORD}
    page.context.request.post(f"http://{director_at}/login", form=form)
    page.goto(f"http://{director_at}/monitors")
    name = page.get_by_label("Name", exact=True).last
    name.fill("Half a na")
    line = page.locator(".line").first
    line.get_by_text("Raw bytes").click()
    expect(line.locator("pre")).to_contain_text("|<script>|")
    ports = page.locator(".ports")
    monitors.found = (PROLIFIC, BUILT_IN)
    monitors.reported = {(1, "ge-dri"): replace(REPORT, received=99_000, tail=b"news")}
    expect(ports).not_to_contain_text("FTDI", timeout=2000)
    expect(line).to_contain_text("99.0 kB")
    expect(line.locator("pre")).to_contain_text("|news|")
    monitors.found = FOUND
    expect(ports).to_contain_text("FTDI A50285BI", timeout=2000)
    expect(name).to_have_value("Half a na")
    expect(line.locator("details[open]")).to_have_count(1)

    page.get_by_label("Detect at /dev/ttyS0").click()
    page.get_by_role("button", name="Add to a chair").click()
    expect(page.get_by_role("textbox", name="Chair", exact=True)).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.get_by_role("option", name="2, Garden").click()
    page.get_by_role("button", name="Add monitor").click()
    expect(page.get_by_label("Chair 2, Garden")).to_contain_text("SunTech")
    expect(ports).to_contain_text("Chair 2, Garden: SunTech")
    assert monitors.now[1].monitors[1] == MonitorConfig("suntech", BUILT_IN.key)
    expect(name).to_have_value("Half a na")

    # What an edit came to is said where it outlives the drawing of the chair that it changed.
    window = page.locator(".wiring-chairs > .wiring-chairs > div").first
    window.get_by_text("Rename or remove chair 1").click()
    window.get_by_label("Name", exact=True).fill("Bay")
    window.get_by_role("button", name="Rename").click()
    expect(window.get_by_role("heading")).to_contain_text("Bay")
    expect(window).to_contain_text("Renamed to Bay.")
    window.get_by_text("Change", exact=True).click()
    window.get_by_role("button", name="Remove this monitor").click()
    expect(window).to_contain_text("No monitor: what is measured is entered by hand.")
    expect(window).to_contain_text("CARESCAPE and B series is removed.")
    assert complaints == []
