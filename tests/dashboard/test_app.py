"""Does the whole dashboard hold together: pages, paths, callbacks, and the numbers in a browser?"""

from __future__ import annotations

import inspect
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from dash import Dash, Input, Output, dcc, html
from playwright.sync_api import Page, WebSocketRoute, expect
from starlette.testclient import TestClient

from clinical.alarms import AlarmPriority
from clinical.links import LinkState
from clinical.phases import SessionPhase
from clinical.vitals import Metric, Source
from dashboard.app import NOT_LIVE
from tests.dashboard.a_clinic import (
    NURSE,
    PAGES,
    PASSWORD,
    Clinic,
    a_clinic,
    alarm,
    observed,
    served,
    session,
)

HERE = "http://localhost:8050"
FORM = {"user": NURSE.user, "password": PASSWORD}
PAGE = {"accept": "text/html"}


@pytest.fixture(scope="module")
def nurse() -> TestClient:
    client = TestClient(a_clinic().app, base_url=HERE, follow_redirects=False)
    client.post("/login", data=FORM)
    return client


# Paths.


@pytest.mark.parametrize("path", ["/", "/chair/1", "/chair/2", "/who"])
def test_a_page_is_there(nurse, path):
    answer = nurse.get(path, headers=PAGE)
    assert answer.status_code == 200
    assert "/assets/live.js" in answer.text  # on a first visit to any of them
    assert "/assets/app.css" in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/chair/99",
        "/chair/1/2",
        "/chair/",
        "/nowhere",
        "/docs",
        "/redoc",
        "/openapi.json",
        "/chair/%2e",
    ],
)
def test_what_is_not_there_is_a_404(nurse, path):
    answer = nurse.get(path, headers=PAGE)
    assert answer.status_code == 404
    assert "react-entry-point" in answer.text  # the page that says so
    answer = nurse.get(path)
    assert (answer.status_code, answer.text) == (404, "There is nothing here.")


def test_a_page_that_asks_the_record_may_say_so_later():
    async def exists(services: Any, name: str) -> bool:
        return name == "known"

    async def layout(services: Any, name: str) -> html.Div:
        return html.Div()

    page = SimpleNamespace(
        PATH="/file/<name>", TITLE="File", exists=exists, layout=layout, register=lambda *_: None
    )
    client = TestClient(a_clinic(pages=(*PAGES, page)).app, base_url=HERE)
    client.post("/login", data=FORM)
    assert client.get("/file/known", headers=PAGE).status_code == 200
    assert client.get("/file/unknown", headers=PAGE).status_code == 404


def routed(client: TestClient, pathname: str) -> dict[str, Any]:
    """What the router callback gives for ``pathname``."""
    output = "..page.children...page-title.data.."
    body = {
        "output": output,
        "outputs": [
            {"id": "page", "property": "children"},
            {"id": "page-title", "property": "data"},
        ],
        "inputs": [{"id": "location", "property": "pathname", "value": pathname}],
        "changedPropIds": ["location.pathname"],
    }
    answer = client.post("/_dash-update-component", json=body)
    assert answer.status_code == 200
    return answer.json()["response"]


def test_the_router_draws_the_page_of_the_path(nurse):
    shown = routed(nurse, "/chair/2")
    assert shown["page-title"]["data"] == "Chair – Harbour Clinic"
    assert '"data-chairs": "2"' in json.dumps(shown["page"])
    assert "There is nothing here" in json.dumps(routed(nurse, "/chair/99"))
    assert routed(nurse, "/nowhere")["page-title"]["data"] == "Not found – Harbour Clinic"


# What every page carries.


def test_every_server_callback_is_async():
    """A plain def stops the event loop, and with it the numbers of every screen."""
    checked = 0
    for clinic in (a_clinic(), a_clinic(pages=real_pages())):
        for output, callback in clinic.app.state.dash.callback_map.items():
            if "callback" in callback:  # else it runs in the browser
                checked += 1
                assert inspect.iscoroutinefunction(callback["callback"]), output
    assert checked >= 3


def real_pages() -> list[Any]:
    import importlib
    import pkgutil

    from dashboard import pages

    modules = [
        importlib.import_module(f"dashboard.pages.{found.name}")
        for found in pkgutil.iter_modules(pages.__path__)
    ]
    return [module for module in modules if hasattr(module, "PATH")]


def test_a_plain_callback_would_be_noticed():
    def register(app: Dash, services: Any) -> None:
        @app.callback(Output("b", "children"), Input("a", "n_clicks"))
        def plain(_clicks: int) -> str:
            return ""

    page = SimpleNamespace(PATH="/plain", TITLE="Plain", layout=None, register=register)
    callbacks = a_clinic(pages=(page,)).app.state.dash.callback_map
    assert not inspect.iscoroutinefunction(callbacks["b.children"]["callback"])


@pytest.mark.parametrize("is_simulated", [True, False])
def test_the_shell_says_who_and_what(is_simulated):
    clinic = a_clinic(is_simulated=is_simulated, clinic="Harbour <b>Clinic")
    client = TestClient(clinic.app, base_url=HERE)
    client.post("/login", data=FORM)
    shell = str(client.get("/_dash-layout").json())
    assert "Harbour <b>Clinic" in shell
    assert "Ana Ruiz, nurse" in shell
    assert "the bedside monitor's own alarms stay primary" in shell
    assert ("SIMULATED DATA" in shell) == is_simulated
    assert "'action': '/logout'" in shell


def test_nothing_on_the_page_comes_from_elsewhere(nurse):
    page = nurse.get("/", headers=PAGE).text
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert len(sources) > 8
    assert all(re.match(r"/(?!/)|data:", source) for source in sources)


def test_assets_travel_compressed(nurse):
    answer = nurse.get("/assets/live.js")
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < 0.5 * len(answer.content)


# In a browser.


@dataclass
class Screen:
    """A signed-in browser page of a served clinic; ``said`` is its console."""

    page: Page
    clinic: Clinic
    at: str
    said: list[str]

    def number(self, metric: str, chair: int = 1) -> Any:
        return self.page.locator(f'[data-chair="{chair}"][data-metric="{metric}"]:not([data-role])')

    def word(self, role: str, chair: int = 1) -> Any:
        return self.page.locator(f'[data-chair="{chair}"][data-role="{role}"]')

    @property
    def tile(self) -> Any:
        return self.page.locator('[data-tile="1"]')

    @property
    def not_live(self) -> Any:
        return self.page.locator(f"#{NOT_LIVE}")

    def sign_in(self, path: str = "/") -> None:
        self.page.goto(f"http://{self.at}{path}")
        self.page.fill("[name=user]", NURSE.user)
        self.page.fill("[name=password]", PASSWORD)
        self.page.click("button")


def watched(page: Page, clinic: Clinic, at: str) -> Screen:
    screen = Screen(page, clinic, at, [])
    page.on("console", lambda message: screen.said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: screen.said.append(str(error)))
    return screen


@pytest.fixture
def screen(page: Page) -> Iterator[Screen]:
    """A signed-in board of two chairs, and at the end a console without a word."""
    clinic = a_clinic(pages=(*PAGES, TREND))
    with served(clinic.app) as at:
        screen = watched(page, clinic, at)
        screen.sign_in()
        yield screen
        assert screen.said == []
        page.goto("about:blank")


async def _trend(services: Any) -> html.Div:
    def trace(meta: dict[str, str]) -> dict[str, Any]:
        return {"x": [], "y": [], "meta": meta, "type": "scatter"}

    metas = ({"metric": "heart_rate"}, {"cuff": "bar"}, {"metric": "nibp_mean"})
    graph = dcc.Graph(figure={"data": [*map(trace, metas), {"y": [1], "name": "ours"}]})
    return html.Div(
        html.Div(graph, **{"data-trend": "1"}),
        id="live-root",
        **{"data-chairs": "1", "data-window": "7200"},
    )


TREND = SimpleNamespace(PATH="/trend", TITLE="Trend", layout=_trend, register=lambda *_: None)


@pytest.mark.browser
def test_a_number_is_on_the_screen_as_the_engine_says_it(screen):
    expect(screen.number("heart_rate")).to_have_text("---")
    expect(screen.number("heart_rate")).to_have_attribute("data-state", "none")
    screen.clinic.engine.measure(1, heart_rate=71.6, spo2=None, temperature_1=36.62)
    expect(screen.number("heart_rate")).to_have_text("72")
    expect(screen.number("heart_rate")).to_have_attribute("data-state", "live")
    expect(screen.number("heart_rate")).to_have_attribute("data-age-s", "0")
    now = screen.clinic.services.clock.now()
    for source, words in ((Source.ECG, "ECG"), (Source.SPO2, "from SpO2")):
        rate = replace(observed(Metric.HEART_RATE, 71.6, now), source=source)
        engine = screen.clinic.engine
        engine.change(1, (rate,), "source", latest={**engine.latest(1), rate.metric: rate})
        expect(screen.word("hr-source")).to_have_text(words)
    expect(screen.number("temperature_1")).to_have_text("36.6")
    expect(screen.number("spo2")).to_have_text("---")
    expect(screen.number("spo2")).to_have_attribute("data-state", "none")
    expect(screen.number("heart_rate", chair=2)).to_have_text("---")
    expect(screen.tile).to_have_attribute("data-stale", "false")
    expect(screen.not_live).to_be_hidden()
    assert screen.page.title() == "Board – Harbour Clinic"


@pytest.mark.browser
def test_an_old_number_greys_with_its_age(screen):
    expect(screen.tile).to_have_count(1)
    engine, now = screen.clinic.engine, screen.clinic.services.clock.now()
    old = observed(Metric.HEART_RATE, 72, now - timedelta(seconds=8))
    cuff = observed(Metric.NIBP_SYSTOLIC, 120, now - timedelta(seconds=418))
    engine.change(1, (old, cuff), "session", session=session(at=now))
    expect(screen.number("heart_rate")).to_have_attribute("data-state", "live")
    expect(screen.number("nibp_systolic")).to_have_attribute("data-state", "live")
    expect(screen.number("heart_rate")).to_have_attribute("data-state", "stale")
    expect(screen.number("heart_rate")).to_have_text("72")
    expect(screen.number("heart_rate")).to_have_attribute("data-age-s", re.compile("1[01]"))
    expect(screen.number("nibp_systolic")).to_have_attribute("data-state", "stale")  # 300 + 120 s
    expect(screen.word("cuff-age")).to_have_text("7 min")
    expect(screen.word("cuff-age")).to_have_attribute("data-overdue", "true")
    expect(screen.tile).to_have_attribute("data-stale", "true")


@pytest.mark.browser
def test_alarms_are_shown_as_the_server_sent_them(screen):
    engine = screen.clinic.engine
    engine.measure(1, nibp_systolic=100, heart_rate=72)  # within any limit: not the page's affair
    engine.change(1, (), "alarms", alarms=(alarm(1),))
    expect(screen.number("nibp_systolic")).to_have_attribute("data-alarm", "medium")
    expect(screen.word("alarm-text")).to_have_text("** SYS 172 > 160")
    expect(screen.tile).to_have_attribute("data-alarm", "medium")
    high = alarm(2, AlarmPriority.HIGH, Metric.SPO2, "*** SpO2 84 < 88")
    engine.change(1, (), "alarms", alarms=(high, alarm(1)))
    expect(screen.tile).to_have_attribute("data-alarm", "high")
    for _ in range(10):  # no lower one ever takes its place
        assert screen.word("alarm-text").inner_text().split("+")[0].strip() == high.text
        screen.page.wait_for_timeout(300)
    assert screen.tile.get_attribute("data-acked") is None
    seen = alarm(1, acknowledged_by="Ana", acknowledged_at=screen.clinic.services.clock.now())
    engine.change(1, (), "alarms", alarms=(seen,))
    expect(screen.tile).to_have_attribute("data-acked", "true")
    engine.change(1, (), "alarms", alarms=())
    expect(screen.word("alarm-text")).to_have_text("")
    assert screen.tile.get_attribute("data-alarm") is None
    assert screen.number("nibp_systolic").get_attribute("data-alarm") is None


@pytest.mark.browser
def test_the_words_of_a_tile_follow_the_session(screen):
    engine, now = screen.clinic.engine, screen.clinic.services.clock.now()
    started = now - timedelta(minutes=12, seconds=30)
    engine.change(1, (), "session", session=session(at=started), is_recording=False)
    engine.measure(1, nibp_systolic=142, nibp_mean=100)
    engine.change(1, (), "recording", "link", link=LinkState.QUIET, link_since=now)
    expect(screen.word("phase")).to_have_text("Infusing")
    expect(screen.word("elapsed")).to_have_text(re.compile("^12:3[0-9]$"))
    expect(screen.word("remaining")).to_have_text(re.compile("^27:2[0-9]$"))
    expect(screen.word("delta")).to_have_text("+18")
    expect(screen.word("cuff-time")).to_have_text(re.compile(r"^\d\d:\d\d$"))
    expect(screen.word("link")).to_have_text(re.compile(r"^NO DATA \d s$"))
    expect(screen.tile).to_have_attribute("data-phase", "infusing")
    expect(screen.tile).to_have_attribute("data-recording", "false")
    expect(screen.tile).to_have_attribute("data-link", "quiet")
    stopped = session(SessionPhase.RECOVERY, at=started, infusion_stopped_at=now)
    engine.change(1, (), "phase", session=stopped)
    expect(screen.word("phase")).to_have_text("Recovery")
    expect(screen.word("elapsed")).to_have_text(re.compile("^00:0[0-9]$"))
    expect(screen.word("remaining")).to_have_text("")
    engine.change(1, (), "session", session=None)
    expect(screen.word("phase")).to_have_text("")
    expect(screen.tile).to_have_attribute("data-phase", "none")


@pytest.mark.browser
def test_another_page_watches_its_own_chairs(screen):
    expect(screen.tile).to_have_count(1)
    screen.page.click('a[href="/chair/2"]')
    expect(screen.page.locator("#live-root")).to_have_attribute("data-chairs", "2")
    screen.clinic.engine.measure(2, heart_rate=88)
    expect(screen.number("heart_rate", chair=2)).to_have_text("88")
    assert [watcher.chairs for watcher in screen.clinic.hub._screens] == [(2,)]
    assert screen.page.title() == "Chair – Harbour Clinic"
    screen.page.click('a[href="/"]:has-text("Board")')
    expect(screen.number("heart_rate", chair=2)).to_have_text("88")
    expect(screen.number("heart_rate", chair=1)).to_have_text("---")


@pytest.mark.browser
def test_the_next_patient_does_not_get_the_last_ones_pressure(screen):
    engine = screen.clinic.engine
    engine.change(1, (), "session", session=session(SessionPhase.RECOVERY))
    engine.measure(1, heart_rate=72, nibp_systolic=182)
    expect(screen.number("nibp_systolic")).to_have_text("182")
    another = replace(session(SessionPhase.PREPARATION), session=UUID(int=99))
    engine.change(1, (), "session", session=another)
    expect(screen.number("nibp_systolic")).to_have_text("---")
    expect(screen.number("heart_rate")).to_have_text("72")  # goes on, and is of who sits there


@pytest.mark.browser
def test_a_page_without_live_numbers_hears_of_alarms_alone(screen):
    expect(screen.tile).to_have_count(1)
    screen.page.evaluate("dash_clientside.set_props('location', {pathname: '/who'})")
    screen.page.click("#ask")
    expect(screen.page.locator("#answer")).to_have_text("Ana Ruiz")
    (watcher,) = screen.clinic.hub._screens
    assert (watcher.chairs, watcher.others) == ((), (1, 2))
    expect(screen.not_live).to_be_hidden()


@pytest.mark.browser
def test_the_trend_holds_the_past_goes_on_and_bridges_no_gap(screen):
    now = screen.clinic.services.clock.now()

    def at(seconds: int) -> Any:
        return now - timedelta(seconds=seconds)

    hr, low, high = Metric.HEART_RATE, Metric.NIBP_DIASTOLIC, Metric.NIBP_SYSTOLIC
    past = [observed(hr, 60, at(62)), observed(hr, 61, at(61)), observed(hr, 62, at(2))]
    past += [observed(low, 80, at(90)), observed(high, 120, at(90))]
    screen.clinic.hub.fill(1, sorted(past, key=lambda each: each.observed_at))
    screen.page.goto(f"http://{screen.at}/trend")
    graph = screen.page.locator(".js-plotly-plot")
    expect(graph).to_be_visible(timeout=20_000)  # five megabytes of Plotly on a shared core

    def traces() -> list[Any]:
        return graph.evaluate("graph => graph.data.map(trace => Array.from(trace.y))")

    def until(index: int, expected: list[float | None]) -> None:
        deadline_s = time.monotonic() + 5
        while traces()[index] != expected and time.monotonic() < deadline_s:
            screen.page.wait_for_timeout(50)
        assert traces()[index] == expected

    until(0, [60, 61, None, 62])
    until(1, [120, 80, None])
    assert traces()[2:] == [[], [1]]  # no mean was sent; what the page drew itself is its own
    screen.clinic.engine.measure(1, heart_rate=63)
    until(0, [60, 61, None, 62, 63])


@pytest.mark.browser
def test_a_lost_server_is_seen_within_a_second_and_comes_back_by_itself(page):
    clinic = a_clinic()
    with served(clinic.app) as at:
        screen = watched(page, clinic, at)
        screen.sign_in()
        clinic.engine.measure(1, heart_rate=72)
        expect(screen.number("heart_rate")).to_have_attribute("data-state", "live")
    expect(screen.not_live).to_be_visible(timeout=1000)
    expect(screen.not_live).to_contain_text("SCREEN NOT LIVE")
    expect(screen.number("heart_rate")).to_have_attribute("data-state", "stale", timeout=1000)
    expect(screen.number("heart_rate")).to_have_text("72")
    clinic.engine.measure(1, heart_rate=73)  # nobody hears it
    page.wait_for_timeout(3000)
    with served(clinic.app, int(at.rpartition(":")[2])):
        expect(screen.not_live).to_be_hidden(timeout=2000)
        expect(screen.number("heart_rate")).to_have_text("73")
        expect(screen.number("heart_rate")).to_have_attribute("data-state", "live")
        page.goto("about:blank")


@pytest.mark.browser
def test_a_silent_line_is_seen_after_five_seconds(page):
    """Nobody closes the socket: a pulled cable, a frozen server."""
    is_cut: list[bool] = []

    def between(socket: WebSocketRoute) -> None:
        lost: list[Any] = []  # after the first lost message a line gives no other

        def carry(message: str | bytes) -> None:
            if is_cut or lost:
                lost.append(message)
            else:
                socket.send(message)

        socket.connect_to_server().on_message(carry)

    page.route_web_socket("**/live/ws*", between)
    clinic = a_clinic()
    with served(clinic.app) as at:
        screen = watched(page, clinic, at)
        screen.sign_in()
        clinic.engine.measure(1, heart_rate=72)
        expect(screen.number("heart_rate")).to_have_text("72")
        page.wait_for_timeout(2500)
        expect(screen.not_live).to_be_hidden()  # a heartbeat was enough
        is_cut.append(True)
        clinic.engine.measure(1, heart_rate=73)
        expect(screen.not_live).to_be_visible(timeout=6000)
        expect(screen.number("heart_rate")).to_have_text("72")
        expect(screen.number("heart_rate")).to_have_attribute("data-state", "stale")
        is_cut.clear()
        expect(screen.not_live).to_be_hidden(timeout=7000)
        expect(screen.number("heart_rate")).to_have_text("73")
        page.goto("about:blank")


@pytest.mark.browser
def test_who_is_signed_out_elsewhere_is_led_to_the_form(page):
    clinic = a_clinic(recheck_s=0.2)
    with served(clinic.app) as at:
        screen = watched(page, clinic, at)
        screen.sign_in("/chair/1")
        expect(screen.number("heart_rate")).to_be_attached()
        clinic.people.tokens.clear()
        page.wait_for_url("**/login?next=%2Fchair%2F1", timeout=8000)
        page.goto("about:blank")


@pytest.mark.browser
def test_signing_out_leads_to_the_form(screen):
    screen.page.click("text=Sign out")
    expect(screen.page.locator("[name=password]")).to_be_visible()
    screen.page.goto(f"http://{screen.at}/chair/1")
    assert screen.page.url.endswith("/login?next=/chair/1")


@pytest.mark.browser
def test_the_chosen_theme_stays_and_never_flashes(screen):
    root = screen.page.locator("html")
    expect(root).to_have_attribute("data-mantine-color-scheme", "dark")
    screen.page.click("[aria-label='Light or dark']")
    expect(root).to_have_attribute("data-mantine-color-scheme", "light")
    screen.page.add_init_script(
        "document.addEventListener('DOMContentLoaded', () => { window.first = "
        "document.documentElement.getAttribute('data-mantine-color-scheme'); });"
    )
    screen.page.reload()
    expect(screen.number("heart_rate")).to_be_attached()
    assert screen.page.evaluate("window.first") == "light"
    expect(root).to_have_attribute("data-mantine-color-scheme", "light")


@pytest.mark.browser
def test_callbacks_hear_of_alarms_and_not_of_numbers(screen):
    listen = """() => {
        const set = dash_clientside.set_props;
        window.heard = [];
        dash_clientside.set_props = (id, props) => { heard.push([id, props]); set(id, props); };
    }"""
    expect(screen.tile).to_have_attribute("data-link", "live")
    screen.page.wait_for_timeout(300)  # the first snapshot is an event too
    screen.page.evaluate(listen)
    screen.clinic.engine.measure(1, heart_rate=72)
    screen.page.wait_for_timeout(300)
    assert screen.page.evaluate("heard") == []
    screen.clinic.engine.change(1, (), "alarms", alarms=(alarm(1),))
    screen.clinic.engine.change(2, (), "recording", is_recording=False)
    screen.page.wait_for_timeout(300)
    (event,) = screen.page.evaluate("heard")
    assert event[0] == "live-event"
    assert sorted(event[1]["data"]["chairs"]) == [1, 2]


@pytest.mark.browser
def test_callbacks_that_hear_of_sessions_are_not_called_for_the_words_of_an_alarm(screen):
    """An alarm says its value anew each second; a callback of sixteen tiles takes half of one."""
    expect(screen.tile).to_have_attribute("data-link", "live")
    screen.page.wait_for_timeout(300)
    screen.page.evaluate("""() => {
        document.getElementById('live-root').dataset.hears = 'session';
        window.heard = [];
        dash_clientside.set_props = (id, props) => heard.push(id);
    }""")
    screen.clinic.engine.change(1, (), "alarms", alarms=(alarm(1),))
    screen.page.wait_for_timeout(300)
    assert screen.page.evaluate("heard") == []
    screen.clinic.engine.change(2, (), "session", "phase", session=session())
    screen.page.wait_for_timeout(300)
    screen.clinic.engine.change(2, (), "session", session=session())
    screen.page.wait_for_timeout(300)
    assert screen.page.evaluate("heard") == ["live-event"]  # the second said nothing new
