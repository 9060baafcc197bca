"""Is ``vigil demo`` what it promises, from its first answer to its last process?"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from websockets.exceptions import InvalidStatus

from tests.system.clinic import (
    VIGIL,
    Clinic,
    Program,
    Record,
    Server,
    clinic_in,
    live_socket,
    until,
    vigil,
    visitor,
)

CHAIRS = 4
PHASES = {1: "preparation", 2: "infusing", 3: "recovery", 4: None}
ORPHANS_GONE_WITHIN_S = 3.0

PAGES = ("/", "/chair/1", "/review", "/review/1", "/nowhere")
OTHERS = (
    "/_dash-layout",
    "/_dash-dependencies",
    "/_reload-hash",
    "/_dash-component-suites/dash/dcc/dash_core_components.js",
    "/assets/live.js",
    "/assets/app.css",
    "/live/signed-in",
    "/metrics",
    "/openapi.json",
    "/docs",
)


@dataclass
class Demo:
    """A running demo, and what it wrote into its accounts file."""

    program: Program
    folder: Path
    told: dict[str, Any]
    mode: int  # of the accounts file
    sessions: list[dict[str, Any]]  # that the record held when the demo first answered
    simulators: list[psutil.Process]

    @property
    def url(self) -> str:
        return str(self.told["url"])

    @property
    def record(self) -> Record:
        return Record(self.folder / "vigil.sqlite")

    @property
    def passwords(self) -> set[str]:
        return {account["password"] for account in self.told["accounts"]}

    def server(self, role: str = "nurse") -> Server:
        account = next(each for each in self.told["accounts"] if each["role"] == role)
        return Server(self.program, self.url, account["user"], account["password"])


# What a shell starts in the background ignores Ctrl-C, unless it asks for it by name.
IN_BACKGROUND = ("sh", "-c", 'trap "" INT; exec "$@"', "sh")


def launch(clinic: Clinic, name: str, *options: str, before: Sequence[str] = ()) -> Program:
    folder, accounts = clinic.folder / name, clinic.folder / f"{name}.json"
    where = ["--data", str(folder), "--accounts", str(accounts)]
    return clinic.start([*before, *VIGIL, "demo", *where, *options], f"{name}.log")


def ready(clinic: Clinic, name: str, program: Program) -> Demo:
    accounts = clinic.folder / f"{name}.json"
    program.said("Stop with Ctrl-C")
    folder = clinic.folder / name
    sessions = Record(folder / "vigil.sqlite").rows(SESSIONS)
    simulators = [
        child for child in program.children() if "simulators" in " ".join(child.cmdline())
    ]
    mode = stat.S_IMODE(accounts.stat().st_mode)
    return Demo(program, folder, json.loads(accounts.read_text()), mode, sessions, simulators)


SESSIONS = "select public_id, chair, at, is_simulated from infusion_session order by id"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with clinic_in(tmp_path_factory.mktemp("demo")) as clinic:
        yield ready(clinic, "first", launch(clinic, "first", "--port", "0"))


@pytest.fixture(scope="module")
def nurse(demo: Demo) -> Iterator[Server]:
    server = demo.server()
    yield server
    server.close()


def test_the_accounts_file_is_private_and_says_all_that_a_tool_needs(demo: Demo):
    assert demo.mode == 0o600
    assert set(demo.told) == {"url", "accounts"}
    assert [set(account) for account in demo.told["accounts"]] == [{"user", "password", "role"}] * 3
    assert {each["role"] for each in demo.told["accounts"]} == {"nurse", "clinician", "director"}
    assert len(demo.passwords) == 3
    assert demo.url in demo.program.words
    assert all(password in demo.program.words for password in demo.passwords)


def test_health_is_open_and_says_nothing_but_ok(demo: Demo):
    with visitor(demo.url) as anybody:
        answer = anybody.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_leads_whoever_has_no_cookie_to_the_sign_in(demo: Demo, path: str):
    with visitor(demo.url) as anybody:
        answer = anybody.get(path, headers={"Accept": "text/html"})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login?next=")


@pytest.mark.parametrize("path", OTHERS)
def test_nothing_else_is_there_for_whoever_has_no_cookie(demo: Demo, path: str):
    with visitor(demo.url) as anybody:
        assert anybody.get(path).status_code == 401


def test_a_callback_and_a_wrong_cookie_are_refused_too(demo: Demo):
    with visitor(demo.url) as anybody:
        assert anybody.post("/_dash-update-component", json={}).status_code == 401
        assert anybody.post("/healthz").status_code == 401
        anybody.cookies.set("vigil_session", "made up")
        assert anybody.get("/_dash-layout").status_code == 401


def test_the_live_socket_is_closed_to_strangers_and_other_sites(demo: Demo, nurse: Server):
    with pytest.raises(InvalidStatus), live_socket(demo.url):
        pass
    cookie = {"Cookie": f"vigil_session={nurse.http.cookies['vigil_session']}"}
    with pytest.raises(InvalidStatus), live_socket(demo.url, "", {**cookie, "Origin": "http://x"}):
        pass
    with live_socket(demo.url, "", {**cookie, "Origin": demo.url}) as own:
        assert "snapshot" in json.loads(own.recv(timeout=10))


def test_a_wrong_password_opens_nothing(demo: Demo):
    with visitor(demo.url) as stranger:
        answer = stranger.post("/login", data={"user": "nurse", "password": "password"})
        assert answer.status_code == 401
        assert "vigil_session" not in answer.cookies


def test_four_chairs_are_live_in_their_phases(demo: Demo, nurse: Server):
    with nurse.screen("window=7200") as screen:
        assert set(screen.chairs) == set(PHASES)
        assert {chair: shown.parts["phase"] for chair, shown in screen.chairs.items()} == PHASES
        for chair, shown in screen.chairs.items():
            screen.until(lambda shown=shown: shown.link == "live", f"chair {chair} live")
        seated = [screen.chairs[chair] for chair in (1, 2, 3)]
        for shown in seated:
            for metric in ("heart_rate", "spo2", "resp_rate", "nibp_systolic"):
                newest = shown.latest(metric)
                assert newest is not None
                assert newest.value is not None
        assert screen.chairs[4].points == []
        started_ms = screen.chairs[2].parts["session"]["infusion_started_ms"]
        assert 19 <= (screen.now_ms - started_ms) / 60_000 < 26
        # The trend reaches back to the start of the infusion, and the pressure has risen since.
        pressures = [p for p in screen.chairs[2].points if p.metric == "nibp_systolic"]
        first, last = pressures[0], pressures[-1]
        assert first.t_ms < started_ms
        assert last.value > first.value + 15


def test_every_page_and_every_session_says_that_it_is_simulated(demo: Demo, nurse: Server):
    with visitor(demo.url) as anybody:
        assert "SIMULATED DATA" in anybody.get("/login").text
    assert "SIMULATED DATA" in nurse.http.get("/_dash-layout").text
    assert "SIMULATED DATA" in demo.program.words
    assert {row["is_simulated"] for row in demo.record.rows(SESSIONS)} == {1}


def test_each_chair_has_a_simulator_process_of_its_own(demo: Demo):
    assert len(demo.simulators) == CHAIRS
    assert all(each.is_running() for each in demo.simulators)


def test_the_past_is_written_after_the_first_answer_by_living_through_it(demo: Demo):
    assert len(demo.sessions) == 3
    left = until(
        lambda: demo.record.rows(
            "select session_id as id from phase_change where phase = 'discharged'"
        ),
        "a past session",
    )
    past = left[0]["id"]
    signed = demo.record.rows("select statement from sign_off where session_id = ?", past)
    assert {row["statement"] for row in signed} == {
        *("sitter-arrival", "sitter-handover", "nurse-discharge"),
    }
    for table in ("vital", "reading", "checklist_answer", "baseline"):
        found = demo.record.rows(f"select count(*) as n from {table} where session_id = ?", past)  # noqa: S608
        assert found[0]["n"] > 0


# Two at once, each on a port of its own: one is stopped politely, one is killed and started again.


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Clinic, Demo, Demo]]:
    with clinic_in(tmp_path_factory.mktemp("two")) as clinic:
        names = ("one", "other")
        programs = [launch(clinic, name, "--port", "0") for name in names]
        one, other = (ready(clinic, *each) for each in zip(names, programs, strict=True))
        yield clinic, one, other


def is_nobody_left(simulators: list[psutil.Process], within_s: float) -> bool:
    _, alive = psutil.wait_procs(simulators, timeout=within_s)
    return not alive


def test_two_demos_run_at_once(two: tuple[Clinic, Demo, Demo]):
    _, one, other = two
    assert one.url != other.url
    assert one.passwords.isdisjoint(other.passwords)
    for each in (one, other):
        server = each.server()
        with server.screen("chairs=2") as screen:
            screen.until(lambda screen=screen: screen.chairs[2].link == "live", "live")
        server.close()


def test_sigterm_ends_a_demo_cleanly_while_it_writes_its_past(two: tuple[Clinic, Demo, Demo]):
    _, one, _ = two
    server = one.server()
    with server.screen():  # an open page does not hold up the stop
        one.program.send(signal.SIGTERM)
        assert one.program.ended(10) == 0
    server.close()
    assert "Traceback" not in one.program.words
    assert is_nobody_left(one.simulators, 0.1)
    assert list(one.folder.glob("monitor-*")) == []
    assert disconnected(one) == []


def test_a_killed_demo_leaves_no_simulator_and_goes_on_when_it_is_started_again(
    two: tuple[Clinic, Demo, Demo],
):
    clinic, _, other = two
    until(lambda: len(other.record.rows(SESSIONS)) > 4, "a past visit, and a second half written")
    other.program.kill()
    (clinic.folder / "other.json").write_text("what the last start wrote")
    assert is_nobody_left(other.simulators, ORPHANS_GONE_WITHIN_S)
    port = other.url.rpartition(":")[2]
    again = ready(clinic, "other", launch(clinic, "other", "--port", port))
    assert again.url == other.url
    assert again.passwords.isdisjoint(other.passwords)
    assert again.sessions[: len(other.sessions)] == other.sessions
    server = again.server()
    with server.screen() as screen:
        seated = {
            chair: shown.parts["session"]["id"]
            for chair, shown in screen.chairs.items()
            if shown.parts["session"]
        }
        for chair in PHASES:
            screen.until(lambda chair=chair: screen.chairs[chair].link == "live", "live again")
    server.close()
    assert seated == {row["chair"]: in_words(row["public_id"]) for row in other.sessions}
    # The visit that the kill cut short is ended, and lived again; none is there twice.
    until(lambda: len(discharged(again)) > 2, "more of the past")
    visits = [(row["patient"], row["infusion_number"]) for row in discharged(again)]
    assert len(visits) == len(set(visits))

    # Ctrl-C in a terminal reaches every process of the demo at once.
    os.killpg(again.program.process.pid, signal.SIGINT)
    assert again.program.ended(10) == 0
    assert "Traceback" not in again.program.words
    assert is_nobody_left(again.simulators, 0.1)
    assert disconnected(again) == []


def discharged(demo: Demo) -> list[dict[str, Any]]:
    return demo.record.rows(
        "select patient, infusion_number from infusion_session s "
        "join phase_change p on p.session_id = s.id where phase = 'discharged'"
    )


def in_words(public_id: str) -> str:
    """A UUID as the socket writes it; SQLite holds its 32 digits."""
    digits = public_id.replace("-", "")
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def disconnected(demo: Demo) -> list[dict[str, Any]]:
    """A stop is no fault of a line, and must not stand in the record as one."""
    return demo.record.rows("select * from link_change where state = 'disconnected'")


def test_a_demo_that_is_stopped_before_it_answers_leaves_nothing_either(clinic: Clinic):
    program = launch(clinic, "early", "--port", "0", before=IN_BACKGROUND)
    record = Record(clinic.folder / "early" / "vigil.sqlite")
    until(lambda: has_accounts(record), "the accounts, before the chairs are prepared")
    simulators = program.children()
    assert len(simulators) >= CHAIRS
    os.killpg(program.process.pid, signal.SIGINT)
    assert program.ended(10) == 0
    assert program.words == ""
    assert is_nobody_left(simulators, 0.1)


# At the chairs in this order; the third has two, each a process of its own.
MONITORS = {
    1: ["ge-dri"],
    2: ["philips-intellivue"],
    3: ["dinamap", "masimo-ascii1"],
    4: ["ivy450c"],
}
SHOWN_FROM = {"spo2": "Masimo", "pulse_rate": "Masimo", "nibp_systolic": "DINAMAP"}


def test_a_demo_shows_the_monitors_it_was_asked_for(clinic: Clinic):
    asked = ",".join("+".join(names) for names in MONITORS.values())
    program = launch(clinic, "several", "--port", "0", "--monitors", asked)
    demo = ready(clinic, "several", program)
    assert len(demo.simulators) == CHAIRS + 1
    server = demo.server()
    with server.screen() as screen:
        for chair, shown in screen.chairs.items():
            # A chair is as live as the worse of its lines.
            screen.until(lambda shown=shown: shown.link == "live", f"chair {chair} live")
        shown = screen.chairs[3]
        screen.until(lambda: set(SHOWN_FROM) <= set(shown.parts["monitors"]), "all makers")
        makers = {metric: maker for metric, (maker, _) in shown.parts["monitors"].items()}
        assert makers.items() >= SHOWN_FROM.items()
        assert screen.chairs[1].parts["monitors"] == {}
    server.close()
    rows = demo.record.rows("select chair, monitors from infusion_session")
    for row in rows:
        heard = [each["name"] for each in json.loads(row["monitors"])]
        assert heard == MONITORS[row["chair"]]
    assert {row["chair"] for row in rows} == {1, 2, 3}
    program.send(signal.SIGTERM)
    assert program.ended(10) == 0
    assert is_nobody_left(demo.simulators, 0.1)


def has_accounts(record: Record) -> bool:
    try:
        return bool(record.rows("select * from app_user"))
    except sqlite3.OperationalError:  # no file, or no table yet
        return False


def test_a_demo_keeps_its_hands_off_what_it_did_not_write(clinic: Clinic):
    data = clinic.folder / "data"
    data.mkdir()
    (data / "vigil.sqlite").write_text("the record of a clinic")
    for options in ([], ["--fresh"]):
        refused = vigil("demo", "--port", "0", "--data", str(data), *options)
        words = f"vigil: expected a new folder or an earlier demo's, got {data}\n"
        assert (refused.returncode, refused.stderr) == (2, words)
    assert (data / "vigil.sqlite").read_text() == "the record of a clinic"


def test_accounts_that_cannot_be_written_are_said_at_once(clinic: Clinic):
    missing = clinic.folder / "nowhere" / "accounts.json"
    for place, why in ((missing, f"there is no folder {missing.parent}"), (clinic.folder, "")):
        refused = vigil("demo", "--port", "0", "--accounts", str(place))
        assert refused.returncode == 2
        assert refused.stderr.startswith(f"vigil: cannot write {place}: {why}")
        assert "Traceback" not in refused.stderr
