"""Is everything closed to whoever is not signed in, and to every other site?"""

from __future__ import annotations

import asyncio
import hashlib
import re
from datetime import UTC, datetime

import httpx
import pytest
from pwdlib import PasswordHash
from sqlalchemy.exc import OperationalError
from starlette.datastructures import Headers
from starlette.routing import Mount, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from dashboard import security
from dashboard.people import StoredPeople
from dashboard.security import SignIns, WrongPassword, foreign_site, local_path
from storage import people
from storage.database import migrate, open_database
from tests.dashboard.a_clinic import NURSE, PASSWORD, QUICK, Clinic, FakePeople, a_clinic

HERE = "http://localhost:8050"
SOCKETS = "ws://localhost:8050"
FORM = {"user": NURSE.user, "password": PASSWORD}
OPEN = {("GET", "/login"), ("POST", "/login"), ("POST", "/logout"), ("GET", "/healthz")}
OPEN |= {("GET", "/wall"), ("POST", "/wall/pairing"), ("POST", "/wall/seen")}
PAGE = {"accept": "text/html,application/xhtml+xml"}


@pytest.fixture
def clinic() -> Clinic:
    return a_clinic()


@pytest.fixture
def stranger(clinic: Clinic) -> TestClient:
    return TestClient(clinic.app, base_url=HERE, follow_redirects=False)


@pytest.fixture
def nurse(stranger: TestClient) -> TestClient:
    assert stranger.post("/login", data=FORM).status_code == 303
    return stranger


# Who is not signed in.


def paths(clinic: Clinic) -> list[tuple[str, str]]:
    """Every (method, path) of the server, with something in place of each bracket."""
    found = [("GET", "/"), ("GET", "/chair/1"), ("GET", "/assets/live.js"), ("GET", "/nowhere")]
    for route in clinic.app.routes:
        if not isinstance(route, (Mount, WebSocketRoute)) and hasattr(route, "methods"):
            path = re.sub(r"{[^}]*}", "dash", route.path)
            found += [(method, path) for method in sorted(route.methods or {"GET"})]
    return found


def test_every_path_but_the_open_ones_needs_a_sign_in(clinic, stranger):
    tried = paths(clinic)
    assert ("POST", "/_dash-update-component") in tried
    for method, path in tried:
        if (method, path) in OPEN:
            continue
        answer = stranger.request(method, path)
        assert (answer.status_code, answer.text) == (
            401,
            "" if method == "HEAD" else "Sign in first.",
        ), path


def test_every_socket_needs_a_sign_in(clinic, stranger):
    sockets = [
        route.path
        for route in clinic.app.routes
        if isinstance(route, WebSocketRoute) or not hasattr(route, "methods")
        if not isinstance(route, Mount)
    ]
    assert "/live/ws" in sockets
    for path in [*sockets, "/nowhere"]:
        with (
            pytest.raises(WebSocketDisconnect) as refused,
            stranger.websocket_connect(SOCKETS + path),
        ):
            pass
        assert refused.value.code == 1008


def test_a_person_is_led_to_the_form_and_back(stranger):
    answer = stranger.get("/chair/2?tab=trend", headers=PAGE)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=/chair/2%3Ftab%3Dtrend"
    form = stranger.get(answer.headers["location"]).text
    assert 'name="next" value="/chair/2?tab=trend"' in form
    back = stranger.post("/login", data={**FORM, "next": "/chair/2?tab=trend"})
    assert (back.status_code, back.headers["location"]) == (303, "/chair/2?tab=trend")
    assert stranger.get("/chair/2", headers=PAGE).status_code == 200


def test_a_program_signs_in_with_nothing_but_its_form(stranger):
    answer = stranger.post("/login", data=FORM)
    assert answer.headers["location"] == "/"
    assert stranger.get("/live/signed-in").status_code == 204


def test_the_live_socket_opens_to_who_is_signed_in(nurse):
    with nurse, nurse.websocket_connect(f"{SOCKETS}/live/ws?chairs=1") as socket:
        assert "snapshot" in socket.receive_json()


def test_a_made_up_token_is_nobody(stranger):
    stranger.cookies.set("vigil_session", "x" * 43)
    assert stranger.get("/live/signed-in").status_code == 401
    stranger.cookies.set("vigil_session", "")
    assert stranger.get("/live/signed-in").status_code == 401


def test_signing_out_ends_it_at_once_and_everywhere(clinic, nurse):
    token = nurse.cookies["vigil_session"]
    assert nurse.get("/live/signed-in").status_code == 204
    answer = nurse.post("/logout")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert "vigil_session" not in nurse.cookies
    nurse.cookies.set("vigil_session", token)
    assert nurse.get("/live/signed-in").status_code == 401
    assert not clinic.people.tokens


def test_a_new_sign_in_ends_the_one_before_it(clinic, nurse):
    first = nurse.cookies["vigil_session"]
    nurse.post("/login", data=FORM)
    assert nurse.cookies["vigil_session"] != first
    assert len(clinic.people.tokens) == 1


def test_health_is_open_and_says_nothing_else(stranger):
    answer = stranger.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok")


# The cookie and the password.


def test_the_cookie_is_for_this_site_and_no_script(stranger):
    header = stranger.post("/login", data=FORM).headers["set-cookie"]
    name, *flags = header.split("; ")
    assert name.startswith("vigil_session=")
    assert {flag.lower() for flag in flags} == {"httponly", "path=/", "samesite=strict"}


def test_with_tls_the_browser_keeps_the_cookie_to_it():
    secure = TestClient(
        a_clinic(is_tls=True).app, base_url="https://localhost", follow_redirects=False
    )
    header = secure.post("/login", data=FORM).headers["set-cookie"]
    assert header.startswith("__Host-vigil_session=")
    assert "Secure" in header
    assert secure.get("/live/signed-in").status_code == 204


def test_the_record_never_sees_a_token_or_a_password(clinic, nurse):
    token = nurse.cookies["vigil_session"]
    assert len(token) >= 43  # 256 bits
    assert list(clinic.people.tokens) == [hashlib.sha256(token.encode()).hexdigest()]


@pytest.mark.parametrize(
    "form", [{"user": "ana", "password": "wrong"}, {"user": "eve", "password": PASSWORD}, {}]
)
def test_wrong_is_wrong_and_no_more_is_said(stranger, form):
    answer = stranger.post("/login", data=form)
    assert answer.status_code == 401
    assert "That name and password do not go together." in answer.text
    assert "set-cookie" not in answer.headers


def test_an_unknown_name_costs_as_much_as_a_wrong_password(monkeypatch):
    verified = []

    class Counting:
        def hash(self, password: str) -> str:
            return QUICK.hash(password)

        def verify(self, password: str, expected: str) -> bool:
            verified.append(expected)
            return QUICK.verify(password, expected)

    sign_ins = SignIns(FakePeople(), hasher=Counting())  # type: ignore[arg-type]
    for user in ("ana", "eve"):
        with pytest.raises(WrongPassword):
            asyncio.run(sign_ins.open(user, "wrong", "192.0.2.1"))
    assert len(verified) == 2
    assert verified[0].split("$")[:4] == verified[1].split("$")[:4]  # the same cost parameters


def test_after_ten_wrong_tries_the_right_password_waits_too(stranger):
    for _ in range(10):
        assert stranger.post("/login", data={**FORM, "password": "wrong"}).status_code == 401
    answer = stranger.post("/login", data=FORM)
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "60"
    assert "Wait a minute" in answer.text
    assert stranger.post("/login", data={"user": "bo", "password": "x"}).status_code == 401


def test_right_tries_are_not_counted(stranger):
    for _ in range(25):
        assert stranger.post("/login", data=FORM).status_code == 303


def test_one_address_cannot_go_through_a_list_of_names(stranger):
    statuses = [
        stranger.post("/login", data={"user": f"user{number}", "password": "x"}).status_code
        for number in range(61)
    ]
    assert statuses == [401] * 60 + [429]


def test_a_form_that_is_too_long_is_refused(stranger):
    answer = stranger.post("/login", data={**FORM, "next": "/" + "x" * 9000})
    assert answer.status_code == 413
    answer = stranger.post("/_dash-update-component", content=b"x" * 3_000_000)
    assert answer.status_code in (401, 413)


def test_a_body_that_is_too_long_is_refused(nurse):
    answer = nurse.post(
        "/_dash-update-component",
        content=b'"' + b"x" * 3_000_000 + b'"',
        headers={"content-type": "application/json"},
    )
    assert answer.status_code == 413


# What the gate asks of the record.


def test_the_record_itself_keeps_the_accounts(tmp_path):
    """The same through storage, with the password scheme of the clinic."""
    url = f"sqlite:///{tmp_path / 'vigil.sqlite'}"
    migrate(url)
    database = open_database(url)
    with database.writing() as db:
        people.add_user(
            db,
            user=NURSE.user,
            name=NURSE.name,
            role=NURSE.role,
            password_hash=PasswordHash.recommended().hash(PASSWORD),
            by="test",
            now=datetime.now(UTC),
        )
    sign_ins = SignIns(StoredPeople(database))

    async def scenario() -> None:
        with pytest.raises(WrongPassword):
            await sign_ins.open("ana", "wrong", "192.0.2.1")
        token = await sign_ins.open("ana", PASSWORD, "192.0.2.1")
        assert await sign_ins.actor(token) == NURSE
        await sign_ins.close(token)
        assert await sign_ins.actor(token) is None

    asyncio.run(scenario())
    database.close()


def test_a_page_with_many_requests_asks_the_record_once(clinic, nurse):
    for _ in range(20):
        nurse.get("/live/signed-in")
    assert clinic.people.asked == 1


def test_a_sign_in_that_was_ended_elsewhere_is_believed_for_seconds_only(
    clinic, nurse, monkeypatch
):
    assert nurse.get("/live/signed-in").status_code == 204
    clinic.people.tokens.clear()
    monkeypatch.setattr(security, "KNOWN_FOR_S", 0.0)
    assert nurse.get("/live/signed-in").status_code == 401


def test_a_record_that_cannot_be_asked_blinds_nobody(clinic, nurse, monkeypatch):
    assert nurse.get("/live/signed-in").status_code == 204
    monkeypatch.setattr(security, "KNOWN_FOR_S", 0.0)
    clinic.people.fails_with = OperationalError("SELECT", {}, Exception("disk I/O error"))
    assert nurse.get("/live/signed-in").status_code == 204
    stranger = TestClient(clinic.app, base_url=HERE, cookies={"vigil_session": "x"})
    assert stranger.get("/live/signed-in").status_code == 503
    with (
        pytest.raises(WebSocketDisconnect) as refused,
        stranger.websocket_connect(f"{SOCKETS}/live/ws"),
    ):
        pass
    assert refused.value.code == 1013  # not "signed out": the screen tries again
    answer = stranger.post("/login", data=FORM)
    assert answer.status_code == 503
    assert "cannot be read" in answer.text


# Other sites.


@pytest.mark.parametrize(
    ("headers", "is_foreign"),
    [
        ({"origin": HERE}, False),
        ({"origin": "http://LOCALHOST:8050"}, False),
        ({}, False),  # a program with a cookie of its own
        ({"sec-fetch-site": "same-origin"}, False),
        ({"sec-fetch-site": "none"}, False),  # typed by a person
        ({"origin": "https://evil.example"}, True),
        ({"origin": "http://localhost:8051"}, True),
        ({"origin": "http://localhost:8050.evil.example"}, True),
        ({"origin": "null"}, True),
        ({"origin": ""}, True),
        ({"sec-fetch-site": "cross-site"}, True),
        ({"sec-fetch-site": "same-site"}, True),
    ],
)
def test_another_site_is_known_by_what_the_browser_says(headers, is_foreign):
    said = foreign_site(Headers({"host": "localhost:8050", **headers}))
    assert bool(said) == is_foreign


@pytest.mark.parametrize("path", ["/login", "/logout", "/_dash-update-component"])
@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}]
)
def test_no_other_site_can_post(nurse, path, headers):
    assert nurse.post(path, data=FORM, headers=headers).status_code == 403


@pytest.mark.parametrize("path", ["/live/ws", "/_dash-ws-callback"])
def test_no_other_site_can_open_a_socket(nurse, path):
    with (
        pytest.raises(WebSocketDisconnect) as refused,
        nurse.websocket_connect(SOCKETS + path, headers={"origin": "https://evil.example"}),
    ):
        pass
    assert refused.value.code == 4403


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8050", "localhost.evil.example", "["]
)
def test_no_other_name_leads_here(nurse, host):
    answer = nurse.get("/healthz", headers={"host": host})
    assert answer.status_code == 421
    with (
        pytest.raises(WebSocketDisconnect) as refused,
        nurse.websocket_connect("/live/ws", headers={"host": host, "origin": f"http://{host}"}),
    ):
        pass
    assert refused.value.code == 4403


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:9", "192.0.2.7:8050", "[::1]:8050"])
def test_no_address_is_a_foreign_name(stranger, host):
    assert stranger.get("/healthz", headers={"host": host}).status_code == 200


# The form.


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example/",
        "javascript:alert(1)",
        "/ok\r\nset-cookie: a=b",
        "/\t/evil.example",
        "chair/1",
        "",
        None,
    ],
)
def test_a_sign_in_never_leads_elsewhere(elsewhere):
    assert local_path(elsewhere) == "/"


def test_a_sign_in_leads_to_any_page_of_ours():
    assert local_path("/chair/1?tab=trend#now") == "/chair/1?tab=trend#now"


def test_what_others_wrote_stays_text():
    script = '"><script>alert(1)</script>'
    evil = TestClient(a_clinic(clinic=f"Harbour {script}").app, base_url=HERE)
    for answer in (
        evil.get("/login", params={"next": f"/{script}"}),
        evil.post("/login", data={"user": script, "password": "x", "next": f"/{script}"}),
    ):
        assert "<script" not in answer.text
        assert "&lt;script&gt;" in answer.text


@pytest.mark.parametrize("is_simulated", [True, False])
def test_the_form_says_what_this_screen_is(is_simulated):
    page = TestClient(a_clinic(is_simulated=is_simulated).app, base_url=HERE).get("/login").text
    assert ("SIMULATED DATA" in page) == is_simulated
    assert "the bedside monitor's own alarms stay primary" in page
    assert not re.findall(r'(?:src|href|action)="(?!data:|/)', page)  # nothing from elsewhere


# The headers.


@pytest.mark.parametrize("path", ["/login", "/healthz", "/", "/assets/live.js", "/nowhere"])
def test_every_answer_carries_the_headers(nurse, path):
    headers: httpx.Headers = nurse.get(path, headers=PAGE).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    scripts = re.search(r"script-src ([^;]*)", policy)
    assert scripts is not None
    assert "unsafe" not in scripts.group(1)
    assert headers["x-content-type-options"] == "nosniff"
    # With no-referrer the form would be posted with Origin: null, and refused.
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == ("no-cache" if path.startswith("/assets") else "no-store")


def test_each_inline_script_of_the_page_is_in_the_policy(nurse):
    answer = nurse.get("/", headers=PAGE)
    scripts = re.findall(r"<script(?![^>]*\bsrc=)([^>]*)>(.*?)</script>", answer.text, re.DOTALL)
    run = [text for attributes, text in scripts if "application/json" not in attributes]
    assert len(run) >= 3
    for script in run:
        digest = security.script_hash(script)
        assert digest in answer.headers["content-security-policy"]
