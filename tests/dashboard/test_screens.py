"""Does a screen become a wall by a director's word alone, and is it then nothing else?"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from clinical.sign_off import Actor, Role
from clinical.vitals import Metric
from dashboard import screens as pairing
from dashboard import security, wall
from dashboard.pages import screens as page
from dashboard.screens import (
    ALPHABET,
    CODE_LASTS_S,
    WAITING_AT_MOST,
    WAITING_OF_ADDRESS,
    Presence,
    Screen,
    Screens,
    StoredScreens,
    TooManyWait,
    WrongCode,
)
from dashboard.security import TooManyTries
from dashboard.views import screens as view_of
from storage import audit
from storage.database import migrate, open_database
from storage.models import AuditRow
from storage.screens import ScreenExists, UnknownScreen
from tests.dashboard.a_clinic import (
    NOON,
    NURSE,
    PASSWORD,
    Clinic,
    FakeScreens,
    a_clinic,
    alarm,
    session,
)

HERE = "http://localhost:8050"
SOCKETS = "ws://localhost:8050"
DIRECTOR = Actor("eva", "Eva Lind", Role.DIRECTOR)
PAGE = {"accept": "text/html"}
WALLS_OWN = {
    ("GET", "/wall"),
    ("POST", "/wall/pairing"),
    ("POST", "/wall/seen"),
    ("GET", "/wall/worker.js"),
    ("GET", "/assets/wall.js"),
    ("GET", "/assets/wall.css"),
    ("GET", "/assets/live.js"),
    ("GET", "/assets/sound.js"),
}
OPEN = {("GET", "/login"), ("POST", "/login"), ("POST", "/logout"), ("GET", "/healthz")}
DISK_ERROR = OperationalError("SELECT", {}, Exception("disk I/O error"))


class Hands:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def screens(hands: Hands) -> Screens:
    return Screens(FakeScreens(), now=lambda: NOON, monotonic=hands)


@pytest.fixture
def clinic() -> Clinic:
    return a_clinic()


@pytest.fixture
def browser(clinic: Clinic) -> TestClient:
    return TestClient(clinic.app, base_url=HERE, follow_redirects=False)


def pair(clinic: Clinic, browser: TestClient, name: str = "Ward east") -> Screen:
    """What the director does, with the code that ``browser`` shows; it then fetches its cookie."""
    code = browser.post("/wall/pairing").json()["code"]
    services_screens = clinic.services.screens
    assert services_screens is not None
    screen = asyncio.run(services_screens.pair(code, name, "eva", "192.0.2.9"))
    assert browser.post("/wall/pairing").json() == {"state": "paired"}
    return screen


@pytest.fixture
def paired(clinic: Clinic, browser: TestClient) -> TestClient:
    pair(clinic, browser)
    return browser


# The code.


def test_a_browser_keeps_its_code_until_it_ends_and_then_has_another(screens, hands):
    ticket, first = screens.wait(None, "192.0.2.1")
    assert re.fullmatch(f"[{ALPHABET}]{{6}}", first.code)
    assert screens.wait(ticket, "192.0.2.1") == (ticket, first)
    hands.now_s += CODE_LASTS_S
    with pytest.raises(WrongCode):
        asyncio.run(screens.pair(first.code, "Ward", "eva", ""))
    other, second = screens.wait(ticket, "192.0.2.1")
    assert other != ticket
    assert second.code != first.code


def test_no_letter_of_a_code_looks_like_another():
    assert not set("0O1IL2Z5S") & set(ALPHABET)


@pytest.mark.parametrize("typed", ["{}", "{} ", " {}\n"])
def test_a_code_is_typed_as_a_person_types(screens, typed):
    _, waiting = screens.wait(None, "192.0.2.1")
    code = waiting.code.lower()
    spaced = typed.format(f"{code[:3]} - {code[3:]}")
    assert asyncio.run(screens.pair(spaced, "Ward", "eva", "")).name == "Ward"


@pytest.mark.parametrize("typed", ["", "   ", "AAAAAA", "ÄÖÜ€AA", "A" * 4000])
def test_any_other_code_is_wrong(screens, typed):
    screens.wait(None, "192.0.2.1")
    with pytest.raises(WrongCode):
        asyncio.run(screens.pair(typed, "Ward", "eva", ""))


def test_a_code_pairs_once(screens):
    ticket, waiting = screens.wait(None, "192.0.2.1")
    asyncio.run(screens.pair(waiting.code, "Ward", "eva", ""))
    with pytest.raises(WrongCode):
        asyncio.run(screens.pair(waiting.code, "Another", "eva", ""))
    token = screens.wait(ticket, "192.0.2.1")[1].token
    assert token
    assert screens.wait(ticket, "192.0.2.1")[1].token == token  # an answer may have been lost


def test_a_double_click_pairs_once_and_says_so_twice(screens):
    _, waiting = screens.wait(None, "192.0.2.1")

    async def twice() -> list[Screen]:
        asked = (screens.pair(waiting.code, "Ward", "eva", "") for _ in range(2))
        return await asyncio.gather(*asked)

    first, second = asyncio.run(twice())
    assert first == second
    assert len(screens._record.list()) == 1


def test_a_code_that_could_not_be_recorded_is_still_good(screens):
    record = screens._record
    _, waiting = screens.wait(None, "192.0.2.1")
    record.fails_with = DISK_ERROR
    with pytest.raises(OperationalError):
        asyncio.run(screens.pair(waiting.code, "Ward", "eva", ""))
    record.fails_with = None
    assert asyncio.run(screens.pair(waiting.code, "Ward", "eva", ""))


def test_one_address_pushes_out_its_own_oldest_code_and_nobody_elses(screens):
    _, others = screens.wait(None, "192.0.2.7")
    own = [screens.wait(None, "192.0.2.1")[1] for _ in range(WAITING_OF_ADDRESS + 1)]
    with pytest.raises(WrongCode):
        asyncio.run(screens.pair(own[0].code, "Ward", "eva", ""))
    assert asyncio.run(screens.pair(own[-1].code, "Ward", "eva", ""))
    assert asyncio.run(screens.pair(others.code, "Other", "eva", ""))


def test_one_address_cannot_ask_for_codes_without_end(screens):
    for _ in range(10):
        screens.wait(None, "192.0.2.1")
    with pytest.raises(TooManyTries):
        screens.wait(None, "192.0.2.1")
    assert screens.wait(None, "192.0.2.2")


def test_so_many_browsers_wait_and_no_more(screens, hands):
    for number in range(WAITING_AT_MOST):
        screens.wait(None, f"192.0.2.{number}")
    with pytest.raises(TooManyWait):
        screens.wait(None, "198.51.100.1")
    hands.now_s += CODE_LASTS_S
    assert screens.wait(None, "198.51.100.1")


def wrong(screens: Screens, address: str) -> None:
    with pytest.raises(WrongCode):
        asyncio.run(screens.pair("AAAAAA", "Ward", "eva", address))


def test_after_ten_wrong_codes_the_right_one_waits_too(screens):
    _, waiting = screens.wait(None, "192.0.2.1")
    for _ in range(10):
        wrong(screens, "192.0.2.9")
    with pytest.raises(TooManyTries):
        asyncio.run(screens.pair(waiting.code, "Ward", "eva", "192.0.2.9"))
    assert asyncio.run(screens.pair(waiting.code, "Ward", "eva", "192.0.2.8"))


def test_many_addresses_together_guess_no_faster_than_three(screens):
    for number in range(30):
        wrong(screens, f"192.0.2.{number}")
    with pytest.raises(TooManyTries):
        asyncio.run(screens.pair("AAAAAA", "Ward", "eva", "198.51.100.1"))


def test_a_screen_that_is_removed_before_it_fetched_its_cookie_waits_anew(screens):
    ticket, waiting = screens.wait(None, "192.0.2.1")

    async def pair_and_remove() -> None:
        screen = await screens.pair(waiting.code, "Ward", "eva", "")
        await screens.revoke(screen.id, "eva")

    asyncio.run(pair_and_remove())
    after = screens.wait(ticket, "192.0.2.1")[1]
    assert after.token is None
    assert after.code != waiting.code


# The browser's side of it.


def test_a_stranger_sees_a_code_and_nothing_of_the_clinics_chairs(browser):
    answer = browser.get("/wall", headers=PAGE)
    assert answer.status_code == 200
    assert "not paired" in answer.text
    assert "SIMULATED DATA" in answer.text
    assert "Chair 1" not in answer.text
    assert "data-chair" not in answer.text
    assert "live.js" not in answer.text
    said = browser.post("/wall/pairing").json()
    assert (said["state"], len(said["code"]), said["left_s"]) == ("waiting", 6, 600)


def test_the_code_alone_opens_nothing(clinic, browser):
    code = browser.post("/wall/pairing").json()["code"]
    asyncio.run(clinic.services.screens.pair(code, "Ward", "eva", ""))
    thief = TestClient(clinic.app, base_url=HERE, follow_redirects=False)
    for cookie in ("vigil_screen", "vigil_waiting", "vigil_session"):
        thief.cookies.set(cookie, code)
    assert thief.post("/wall/pairing").json()["code"] != code
    assert "data-chair" not in thief.get("/wall", headers=PAGE).text
    assert browser.post("/wall/pairing").json() == {"state": "paired"}


def test_a_paired_browser_has_the_chairs_and_a_cookie_of_its_own(clinic, browser):
    code = browser.post("/wall/pairing").json()["code"]
    asyncio.run(clinic.services.screens.pair(code, "Ward east", "eva", ""))
    answer = browser.post("/wall/pairing")
    handed, dropped = answer.headers.get_list("set-cookie")
    name, *flags = handed.split("; ")
    flags = {flag.lower() for flag in flags}
    assert name.startswith("vigil_screen=")
    assert {"httponly", "path=/", "samesite=strict", "max-age=34560000"} <= flags
    assert dropped.startswith("vigil_waiting=")
    assert "Max-Age=0" in dropped
    text = browser.get("/wall", headers=PAGE).text
    assert "Chair 1" in text
    assert "Chair 2" in text
    assert "Ward east" in text
    assert "react" not in text
    token = browser.cookies["vigil_screen"]
    assert list(clinic.screens.paired) == [hashlib.sha256(token.encode()).hexdigest()]
    assert token not in text


def test_with_tls_the_browser_keeps_both_cookies_to_it():
    clinic = a_clinic(is_tls=True)
    secure = TestClient(clinic.app, base_url="https://localhost")
    waiting = secure.post("/wall/pairing")
    assert waiting.headers["set-cookie"].startswith("__Host-vigil_waiting=")
    assert "Secure" in waiting.headers["set-cookie"]
    asyncio.run(clinic.services.screens.pair(waiting.json()["code"], "Ward", "eva", ""))
    handed = secure.post("/wall/pairing").headers.get_list("set-cookie")[0]
    assert handed.startswith("__Host-vigil_screen=")
    assert "Secure" in handed
    assert 'data-state="paired"' in secure.get("/wall").text


def test_no_key_stands_in_an_address(paired):
    text = paired.get("/wall", headers=PAGE).text
    assert re.findall(r'(?:src|href|action)="(?!data:|/)', text) == []
    assert not re.search(r"[?&](?:key|token|code)=", text)


def test_too_many_codes_are_words_not_an_error_page(clinic, browser):
    for _ in range(11):
        browser.cookies.clear()
        answer = browser.post("/wall/pairing")
    assert (answer.status_code, answer.json()) == (429, {"state": "busy"})


def test_a_record_that_cannot_be_asked_darkens_no_wall(clinic, paired, monkeypatch):
    assert paired.post("/wall/seen").json()["paired"] is True
    monkeypatch.setattr(pairing, "KNOWN_FOR_S", 0.0)
    clinic.screens.fails_with = DISK_ERROR
    assert paired.post("/wall/seen").json()["paired"] is True
    assert 'data-state="paired"' in paired.get("/wall", headers=PAGE).text
    other = TestClient(clinic.app, base_url=HERE, cookies={"vigil_screen": "x"})
    assert other.post("/wall/seen").status_code == 503
    assert other.post("/wall/pairing").json() == {"state": "unreachable"}
    answer = other.get("/wall", headers=PAGE)
    assert answer.status_code == 503
    assert "tries again by itself" in answer.text


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"nonsense", b'{"hidden": 3}', b"\xff"])
def test_whatever_a_page_says_of_itself_it_is_seen(clinic, paired, body):
    assert paired.post("/wall/seen", content=body).json()["paired"] is True
    [(_, there)] = asyncio.run(clinic.services.screens.list())
    assert there == Presence(there.at, False, True)


def test_a_screen_is_noted_once_a_minute(clinic, paired):
    for _ in range(5):
        paired.post("/wall/seen", content=b'{"hidden": true, "live": false}')
    assert len(clinic.screens.seen) == 1
    [(_, there)] = asyncio.run(clinic.services.screens.list())
    assert (there.is_hidden, there.is_live) == (True, False)


def test_the_page_knows_when_it_was_made_anew(paired):
    version = paired.post("/wall/seen").json()["version"]
    assert f'data-version="{version}"' in paired.get("/wall", headers=PAGE).text
    more = a_clinic(chairs=(1, 2, 3))
    other = TestClient(more.app, base_url=HERE)
    assert other.post("/wall/seen").json() == {"paired": False, "version": other_version(other)}
    assert other_version(other) != version


def other_version(browser: TestClient) -> str:
    found = re.search(r'data-version="(\w+)"', browser.get("/wall").text)
    assert found
    return found.group(1)


# Revoked.


def test_a_revoked_screen_is_none_at_once(clinic, paired):
    [(screen, _)] = asyncio.run(clinic.services.screens.list())
    assert paired.post("/wall/seen").json()["paired"] is True
    asyncio.run(clinic.services.screens.revoke(screen.id, "eva"))
    assert paired.post("/wall/seen").json()["paired"] is False
    answer = paired.get("/wall", headers=PAGE)
    assert "was removed" in answer.text
    assert "data-chair" not in answer.text
    assert "login" not in answer.text
    assert paired.post("/wall/pairing").json()["state"] == "waiting"
    with pytest.raises(WebSocketDisconnect) as refused, paired.websocket_connect(LIVE):
        pass
    assert refused.value.code == 1008


def closed(socket: Any) -> int:
    """Why it was closed, once it is."""
    while True:
        message = socket.receive()
        if message["type"] == "websocket.close":
            return int(message["code"])


def test_a_wall_that_is_revoked_loses_its_open_socket():
    clinic = a_clinic(recheck_s=0.05)
    browser = TestClient(clinic.app, base_url=HERE)
    with browser:
        pair(clinic, browser)
        [(screen, _)] = asyncio.run(clinic.services.screens.list())
        with browser.websocket_connect(LIVE) as socket:
            assert "snapshot" in socket.receive_json()
            asyncio.run(clinic.services.screens.revoke(screen.id, "eva"))
            assert closed(socket) == 1008


# The gate.

LIVE = f"{SOCKETS}/live/ws?chairs=1,2&alarms=all&as=screen"


def routes_of(clinic: Clinic) -> list[tuple[str, str]]:
    found = [("GET", "/"), ("GET", "/chair/1"), ("GET", "/review"), ("GET", "/screens")]
    found += [("GET", f"/assets/{name}") for name in ("app.css", "keyboard.js", "live.js")]
    for route in clinic.app.routes:
        if not isinstance(route, (Mount, WebSocketRoute)) and hasattr(route, "methods"):
            path = re.sub(r"{[^}]*}", "dash", route.path)
            found += [(method, path) for method in sorted(route.methods or {"GET"})]
    return found


def test_a_wall_may_have_the_wall_and_nothing_else(clinic, paired):
    tried = routes_of(clinic)
    assert ("POST", "/_dash-update-component") in tried
    for method, path in tried:
        if (method, path) in OPEN | WALLS_OWN or path == "/wall":
            continue
        answer = paired.request(method, path)
        assert answer.status_code == 401, (method, path)
    for method, path in WALLS_OWN:
        assert paired.request(method, path).status_code == 200, (method, path)


def test_a_page_opened_on_the_wall_asks_for_a_sign_in(paired):
    for path in ("/", "/chair/1", "/review", "/review/1", "/screens"):
        answer = paired.get(path, headers=PAGE)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login?next=")


def test_a_stranger_may_have_less_than_a_wall(clinic, browser):
    for method, path in WALLS_OWN:
        is_open = (method, path) in security.OPEN_TO_WALLS
        expected = 200 if is_open else 401
        assert browser.request(method, path).status_code == expected, (method, path)


def test_a_wall_may_open_the_live_socket_and_no_other(clinic, paired):
    with paired, paired.websocket_connect(LIVE) as socket:
        assert set(socket.receive_json()["snapshot"]) == {"1", "2"}
    sockets = {
        route.path
        for route in clinic.app.routes
        if isinstance(route, WebSocketRoute) or not hasattr(route, "methods")
        if not isinstance(route, Mount)
    }
    for path in [*sockets - {"/live/ws"}, "/nowhere"]:
        with (
            pytest.raises(WebSocketDisconnect) as refused,
            paired.websocket_connect(f"{SOCKETS}{path}?as=screen"),
        ):
            pass
        assert refused.value.code == 1008, path


def test_no_other_site_speaks_for_a_wall(paired):
    evil = {"origin": "https://evil.example"}
    for path in ("/wall/pairing", "/wall/seen"):
        assert paired.post(path, headers=evil).status_code == 403
    with (
        pytest.raises(WebSocketDisconnect) as refused,
        paired.websocket_connect(LIVE, headers=evil),
    ):
        pass
    assert refused.value.code == 4403


def viewer(browser: TestClient, url: str) -> str:
    with browser, browser.websocket_connect(url) as socket:
        return str(socket.receive_json()["viewer"])


def test_what_a_wall_shows_counts_as_shown_to_the_screen(paired):
    assert viewer(paired, LIVE) == "screen: Ward east"
    assert viewer(paired, f"{SOCKETS}/live/ws") == "screen: Ward east"


def test_a_person_at_the_walls_browser_is_the_person_but_on_the_wall(clinic, paired):
    paired.post("/login", data={"user": NURSE.user, "password": PASSWORD})
    assert viewer(paired, f"{SOCKETS}/live/ws") == "ana"
    assert viewer(paired, LIVE) == "screen: Ward east"
    clinic.screens.paired.clear()


def test_a_socket_of_a_person_does_not_become_the_walls(clinic):
    clinic = a_clinic(recheck_s=0.05)
    browser = TestClient(clinic.app, base_url=HERE, follow_redirects=False)
    with browser:
        pair(clinic, browser)
        browser.post("/login", data={"user": NURSE.user, "password": PASSWORD})
        with browser.websocket_connect(f"{SOCKETS}/live/ws") as socket:
            assert socket.receive_json()["viewer"] == "ana"
            browser.post("/logout")
            assert closed(socket) == 1008


def test_no_patient_is_sent_to_a_wall(clinic, paired):
    clinic.engine.measure(1, heart_rate=72)
    changed = {"session": session(), "alarms": (alarm(),)}
    clinic.engine.change(1, (), "session", "phase", "alarms", **changed)
    with paired, paired.websocket_connect(LIVE) as socket:
        text = json.dumps(socket.receive_json())
    assert "SYS 172" in text
    assert "J.D." not in text
    assert "patient" not in text
    assert "J.D." not in paired.get("/wall", headers=PAGE).text


# The page.


@pytest.mark.parametrize("chairs", range(1, 17))
def test_every_chair_of_the_clinic_hangs_on_the_wall(chairs):
    site = a_clinic(chairs=tuple(range(1, chairs + 1))).services.site
    screen = Screen(uuid4(), "Ward", "eva", NOON, NOON)
    text = wall.page(site, "v", screen)
    assert f'data-chairs="{",".join(str(n) for n in range(1, chairs + 1))}"' in text
    for chair in range(1, chairs + 1):
        for metric in ("heart_rate", "spo2", "resp_rate", "nibp_systolic", "nibp_diastolic"):
            assert text.count(f'data-chair="{chair}" data-metric="{Metric(metric)}"') == 1
        for role in ("phase", "elapsed", "remaining", "cuff-time", "alarm-text", "audio", "off"):
            assert text.count(f'data-chair="{chair}" data-role="{role}"') == 1
    lying, standing = wall.columns(chairs)
    assert lying * -(-chairs // lying) < chairs + lying
    assert standing <= lying


def test_the_page_says_what_it_is_and_that_it_is_not_live_before_any_script_runs():
    site = a_clinic().services.site
    text = wall.page(site, "v", Screen(uuid4(), "Ward <b>", "eva", NOON, NOON))
    assert "SIMULATED DATA" in text
    assert "the bedside monitor's own alarms stay primary" in text
    assert '<div id="dead-man"><span>SCREEN NOT LIVE' in text
    assert "Ward &lt;b&gt;" in text
    style = (wall.ASSETS / "wall.css").read_text()
    assert "animation: fall 5s steps(1, jump-end) forwards" in style


def test_no_page_of_dash_loads_the_walls_scripts():
    clinic = a_clinic()
    nurse = TestClient(clinic.app, base_url=HERE)
    nurse.post("/login", data={"user": NURSE.user, "password": PASSWORD})
    text = nurse.get("/", headers=PAGE).text
    assert "/assets/live.js" in text
    assert "wall" not in text


def test_a_clinic_without_screens_opens_nothing_for_them():
    clinic = a_clinic(has_screens=False)
    stranger = TestClient(clinic.app, base_url=HERE, follow_redirects=False)
    for method, path in WALLS_OWN:
        assert stranger.request(method, path).status_code == 401, path


# The director's page.


def as_actor(actor: Actor | None, work: Any) -> Any:
    """What ``work`` gives when ``actor`` asks."""

    async def asked() -> Any:
        security.signed_in.set(actor)
        return await work

    return asyncio.run(asked())


@pytest.mark.parametrize(
    "actor", [None, NURSE, Actor("cli", "C. Li", Role.CLINICIAN)], ids=["nobody", "nurse", "doctor"]
)
def test_only_a_director_pairs_and_removes(clinic, browser, actor):
    code = browser.post("/wall/pairing").json()["code"]
    screens = clinic.services.screens
    said, is_done = as_actor(actor, page.paired(screens, code, "Ward"))
    assert not is_done
    assert "Only a medical director" in str(said)
    assert not clinic.screens.paired
    screen = pair(clinic, browser)
    assert "Only a medical director" in str(as_actor(actor, page.removed(screens, str(screen.id))))
    assert clinic.screens.paired
    assert "Only a medical director" in str(as_actor(actor, page.layout(clinic.services)))


def test_a_director_pairs_by_code_and_name(clinic, browser):
    screens = clinic.services.screens
    code = browser.post("/wall/pairing").json()["code"]
    for wrong_code, name, words in (
        ("AAAAAA", "Ward", "No screen shows this code"),
        (code, "  ", "Give the screen a name"),
        (code, "Wa\x00rd", "Give the screen a name"),
    ):
        said, is_done = as_actor(DIRECTOR, page.paired(screens, wrong_code, name))
        assert not is_done
        assert words in str(said)
    said, is_done = as_actor(DIRECTOR, page.paired(screens, code, "  Ward   east " + "x" * 60))
    assert is_done
    [screen] = clinic.screens.paired.values()
    assert screen.name == ("Ward east " + "x" * 60)[:40]
    assert screen.paired_by == "eva"
    assert browser.post("/wall/pairing").json() == {"state": "paired"}


def test_a_name_is_given_once(clinic, browser):
    pair(clinic, browser, "Ward")
    other = TestClient(clinic.app, base_url=HERE)
    code = other.post("/wall/pairing").json()["code"]
    said, is_done = as_actor(DIRECTOR, page.paired(clinic.services.screens, code, "Ward"))
    assert not is_done
    assert "with this name" in str(said)


def test_a_director_removes_and_is_told(clinic, browser):
    screen = pair(clinic, browser)
    screens = clinic.services.screens
    assert "Removed" in str(as_actor(DIRECTOR, page.removed(screens, str(screen.id))))
    assert not clinic.screens.paired
    for gone in (str(screen.id), "nonsense"):
        assert "already" in str(as_actor(DIRECTOR, page.removed(screens, gone)))


def test_what_cannot_be_recorded_is_said(clinic, browser):
    code = browser.post("/wall/pairing").json()["code"]
    clinic.screens.fails_with = DISK_ERROR
    said, is_done = as_actor(DIRECTOR, page.paired(clinic.services.screens, code, "Ward"))
    assert not is_done
    assert "Not recorded" in str(said)


@pytest.mark.parametrize(
    ("there", "after_s", "words"),
    [
        (Presence(NOON), 5, "now"),
        (Presence(NOON, is_hidden=True), 5, "now, in background: nobody sees it"),
        (Presence(NOON, is_live=False), 5, "now, but its numbers are not live"),
        (Presence(NOON), 90, "2 min ago"),
        (Presence(NOON), 16, "1 min ago"),
        (Presence(NOON), 7200, "2026-03-14 12:00"),
        (None, 600, "never"),
    ],
)
def test_the_list_says_when_a_screen_was_last_seen(there, after_s, words):
    screen = Screen(uuid4(), "Ward", "eva", NOON, NOON)
    screen = screen if there is None else Screen(screen.id, "Ward", "eva", OLD, NOON)
    assert view_of.last_seen(screen, there, NOON + timedelta(seconds=after_s), UTC) == words


OLD = NOON - timedelta(days=3)


def test_a_director_finds_the_page_in_the_header(clinic):
    clinic.people.accounts[DIRECTOR.user] = (DIRECTOR, clinic.people.accounts[NURSE.user][1])
    for user, is_there in ((NURSE.user, False), (DIRECTOR.user, True)):
        person = TestClient(clinic.app, base_url=HERE)
        person.post("/login", data={"user": user, "password": PASSWORD})
        layout = json.dumps(person.get("/_dash-layout").json())
        assert ('"/screens"' in layout) == is_there


# The same through the record.


def test_the_record_keeps_the_screens_and_who_paired_and_removed_them(tmp_path):
    url = f"sqlite:///{tmp_path / 'vigil.sqlite'}"
    migrate(url)
    database = open_database(url)
    screens = Screens(StoredScreens(database), now=lambda: datetime.now(UTC))

    async def scenario() -> None:
        ticket, waiting = screens.wait(None, "192.0.2.1")
        screen = await screens.pair(waiting.code, "Ward", "eva", "192.0.2.9")
        token = screens.wait(ticket, "192.0.2.1")[1].token
        assert token
        assert await screens.screen(token) == screen
        assert await screens.screen("x") is None
        assert await screens.screen(None) is None
        _, second = screens.wait(None, "192.0.2.2")
        with pytest.raises(ScreenExists):
            await screens.pair(second.code, "Ward", "eva", "192.0.2.9")
        await screens.note_seen(token, screen, is_hidden=False, is_live=True)
        again = Screens(StoredScreens(database))  # the program was started anew
        seen = await again.screen(token)
        assert seen is not None
        assert seen.last_seen_at > screen.last_seen_at
        assert [each.name for each, _ in await again.list()] == ["Ward"]
        await again.revoke(screen.id, "eva")
        assert await again.screen(token) is None
        assert await again.list() == []
        with pytest.raises(UnknownScreen):
            await again.revoke(screen.id, "eva")

    asyncio.run(scenario())
    with database.reading() as db:
        rows = list(db.scalars(select(AuditRow)))
        assert [(row.by, row.action) for row in rows] == [
            ("eva", "pair_screen"),
            ("eva", "revoke_screen"),
        ]
        assert all('"name":"Ward"' in row.detail for row in rows)
        assert audit.first_break(db) is None
    database.close()


def test_the_routes_of_the_wall_are_these():
    clinic = a_clinic()
    own = {
        route.path
        for route in clinic.app.routes
        if isinstance(route, Route) and route.path.startswith("/wall")
    }
    assert own == {path for _, path in WALLS_OWN if path.startswith("/wall")}
