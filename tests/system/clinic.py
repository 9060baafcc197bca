"""How does a test run a whole clinic? Real processes, a real record, and a screen without a page.

Nothing here imports the rooms: a clinic is started, watched and read as an outside tool would.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import tty
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from uuid import uuid4

import httpx
import psutil
from websockets.sync.client import ClientConnection, connect

from tests.conftest import ROOT

T = TypeVar("T")

PYTHON = sys.executable
VIGIL = (PYTHON, "-c", "from dashboard.cli import main; main()")
DESK = (PYTHON, "-m", "tests.system.desk")
USER, PASSWORD = "ana", "correct horse battery"
WITHIN_S = 40.0  # nothing takes that long by itself; all cores of the machine may be busy
LOOK_EVERY_S = 0.02


def until(claim: Callable[[], T | None], what: str, within_s: float = WITHIN_S) -> T:
    """The first truth that ``claim`` tells; fails, saying what was waited for, after a while."""
    give_up_s = time.monotonic() + within_s
    while not (found := claim()):
        if time.monotonic() > give_up_s:
            raise AssertionError(f"not within {within_s:g} s: {what}")
        time.sleep(LOOK_EVERY_S)
    return found


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def vigil(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run ``vigil`` to its end."""
    command = [*VIGIL, *arguments]
    options = {"text": True, "timeout": 30, "check": False, **options}
    return subprocess.run(command, cwd=ROOT, capture_output=True, **options)


class Program:
    """A process whose words go to a file; it and all it started are gone after ``end``."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self._log = log
        with log.open("ab") as out:
            self._heard_from = out.tell()
            self.process = subprocess.Popen(
                list(command),
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def words(self) -> str:
        """All it has said so far."""
        return self._log.read_bytes()[self._heard_from :].decode()

    def said(self, pattern: str, within_s: float = WITHIN_S) -> re.Match[str]:
        def claim() -> re.Match[str] | None:
            found = re.search(pattern, self.words, re.MULTILINE)
            if found is None and self.process.poll() is not None:
                raise AssertionError(f"it ended with {self.process.returncode}: {self.words}")
            return found

        return until(claim, f"{pattern!r} in {self._log.name}", within_s)

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL: no goodbye, no flush."""
        self.process.kill()
        self.process.wait(WITHIN_S)

    def ended(self, within_s: float = WITHIN_S) -> int:
        return self.process.wait(within_s)

    def end(self) -> None:
        left = self.children() if self.process.poll() is None else []
        self.process.kill()
        for child in left:
            try:
                child.kill()
            except psutil.NoSuchProcess:
                pass
        self.process.wait(WITHIN_S)
        if self.process.stdin is not None:
            try:
                self.process.stdin.close()
            except BrokenPipeError:
                pass


class Point(NamedTuple):
    t_ms: int
    metric: str
    value: float | None
    quality: str
    heard_s: float  # monotonic, when this screen was told


@dataclass
class Shown:
    """What a screen knows of a chair: every point it was told, the newest of each other part."""

    points: list[Point] = field(default_factory=list)
    parts: dict[str, Any] = field(default_factory=dict)

    def latest(self, metric: str) -> Point | None:
        return next((each for each in reversed(self.points) if each.metric == metric), None)

    @property
    def link(self) -> str:
        return (self.parts.get("link") or {}).get("state", "")

    def alarm(self, words: str) -> dict[str, Any] | None:
        """The open alarm whose text contains ``words``."""
        return next((each for each in self.parts["alarms"] if words in each["text"]), None)


class Screen:
    """One live socket, and what came through it."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.chairs: dict[int, Shown] = {}
        self.now_ms = 0  # the server's clock, as told last
        self.first = self._hear(WITHIN_S) or {}

    def _hear(self, within_s: float) -> dict[str, Any] | None:
        try:
            message: dict[str, Any] = json.loads(self._socket.recv(timeout=within_s))
        except TimeoutError:
            return None
        heard_s, self.now_ms = time.monotonic(), message["now"]
        news: Mapping[str, dict[str, Any]] = message.get("snapshot") or message.get("changes") or {}
        for chair, parts in news.items():
            shown = self.chairs.setdefault(int(chair), Shown())
            shown.points += [Point(*point, heard_s) for point in parts.pop("points", ())]
            shown.parts |= parts
        assert "cut" not in message, "the screen fell behind"
        return message

    def until(
        self,
        claim: Callable[[], T | None],
        what: str,
        within_s: float = WITHIN_S,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> T:
        """Listen until ``claim`` holds; ``meanwhile`` is called a few times a second."""
        give_up_s = time.monotonic() + within_s
        while not (found := claim()):
            if time.monotonic() > give_up_s:
                raise AssertionError(f"not on the screen within {within_s:g} s: {what}")
            meanwhile()
            self._hear(0.1)
        return found

    def listen(self, for_s: float) -> None:
        """Take in all that comes in this time."""
        end_s = time.monotonic() + for_s
        while (left_s := end_s - time.monotonic()) > 0:
            self._hear(left_s)


class Record:
    """The database file, read by another program while Vigil writes it."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(f"file:{self._file}?mode=ro", uri=True)) as db:
            db.row_factory = sqlite3.Row
            return [dict(row) for row in db.execute(query, values)]


def ms_of(text: str) -> float:
    """A time as SQLite holds it (UTC), in ms since 1970."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000


class Server:
    """A running Vigil; whoever first looks at it signs in."""

    def __init__(self, program: Program, url: str, user: str, password: str) -> None:
        self.program, self.url = program, url
        self._account = {"user": user, "password": password}

    @cached_property
    def http(self) -> httpx.Client:
        """Somebody who is signed in."""
        person = visitor(self.url)
        answer = person.post("/login", data=self._account)
        assert answer.status_code == 303, answer.text
        return person

    @contextmanager
    def screen(self, query: str = "") -> Iterator[Screen]:
        cookie = "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())
        with live_socket(self.url, query, {"Cookie": cookie}) as socket:
            yield Screen(socket)

    def ask(self, command: str, *, chair: int, **fields: Any) -> dict[str, Any]:
        """Submit a command at the desk (of a clinic that runs with one); return its outcome."""
        mark = uuid4().hex
        self.program.tell(json.dumps({"mark": mark, "command": command, "chair": chair, **fields}))
        told = self.program.said(rf"^outcome {mark} (.*)$")
        outcome: dict[str, Any] = json.loads(told[1])
        return outcome

    def close(self) -> None:
        if "http" in self.__dict__:
            self.http.close()


def visitor(url: str) -> httpx.Client:
    """Somebody without a cookie."""
    return httpx.Client(base_url=url, trust_env=False, timeout=10)


def live_socket(url: str, query: str = "", headers: Mapping[str, str] | None = None) -> Any:
    return connect(
        f"{url.replace('http', 'ws', 1)}/live/ws?{query}",
        additional_headers=headers,
        proxy=None,
        compression=None,
        ping_interval=None,
        max_size=None,
    )


class Line:
    """The monitor's end of a pty that the test holds itself: it says what the test writes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ours, theirs = os.openpty()
        tty.setraw(theirs)
        os.set_blocking(self._ours, False)
        path.symlink_to(os.ttyname(theirs))
        self._theirs = theirs  # held open: a pty without a client would say that it hung up

    def write(self, data: bytes) -> None:
        assert os.write(self._ours, data) == len(data)

    def heard(self) -> bytes:
        try:
            return os.read(self._ours, 4096)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        os.close(self._ours)
        os.close(self._theirs)
        self.path.unlink()


class Clinic:
    """A folder, a configuration, an account; the monitors in its chairs, and Vigil itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.config = folder / "clinic.toml"
        self.record = Record(folder / "data" / "vigil.sqlite")
        self._stack = ExitStack()

    def configure(self, *ports: Path | str) -> None:
        """Chairs 1, 2, ... at these ports; and the account."""
        chairs = "".join(
            f'[[chairs]]\nnumber = {number}\nmonitor = "ge-dri"\nport = "{port}"\n'
            for number, port in enumerate(ports, 1)
        )
        head = f'[clinic]\nname = "Test clinic"\ndata = "data"\nport = {self.port}\n'
        self.config.write_text(f"{head}simulated = true\n{chairs}")
        added = vigil(
            *("user", "add", USER, "--config", str(self.config), "--password-stdin"),
            input=f"{PASSWORD}\n",
        )
        assert added.returncode == 0, added.stderr

    def place(self, name: str) -> Path:
        """Where the simulator of this name has its port."""
        return self.folder / name

    def simulate(self, name: str, scenario: str = "calm", *options: str) -> Program:
        """A simulated monitor on a pty; it listens when this returns."""
        command = [PYTHON, "-m", "simulators", "ge-dri", "--port", f"pty:{self.place(name)}"]
        program = self.start([*command, "--scenario", scenario, *options], f"{name}.log")
        program.said("listening")
        return program

    def line(self, name: str) -> Line:
        line = Line(self.place(name))
        self._stack.callback(line.close)
        return line

    def start(self, command: Sequence[str], log: str) -> Program:
        program = Program(command, self.folder / log)
        self._stack.callback(program.end)
        return program

    def run(self, command: Sequence[str] = (*VIGIL, "run")) -> Server:
        """``vigil run``; it answers when this returns."""
        program = self.start([*command, "--config", str(self.config)], "vigil.log")
        url = program.said(r"^Vigil: (\S+)$")[1]
        server = Server(program, url, USER, PASSWORD)
        self._stack.callback(server.close)
        return server

    def run_with_a_desk(self) -> Server:
        return self.run(DESK)

    def infuse(self, server: Server, chair: int, patient: str = "AK") -> None:
        """Seat a patient and start the infusion, by three commands."""
        for command, fields in (
            ("StartSession", {"patient": patient}),
            ("ChangePhase", {"to": "baseline"}),
            ("ChangePhase", {"to": "infusing"}),
        ):
            outcome = server.ask(command, chair=chair, **fields)
            assert outcome["kind"] == "done", outcome

    def close(self) -> None:
        self._stack.close()


@contextmanager
def clinic_in(folder: Path) -> Iterator[Clinic]:
    clinic = Clinic(folder)
    try:
        yield clinic
    finally:
        clinic.close()
