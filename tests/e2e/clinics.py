"""How does a test get a whole clinic: real processes, pseudo-terminals, a port of its own?

Nothing here imports Vigil: what is tested is what a clinic would start.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
VIGIL = str(Path(sys.executable).with_name("vigil"))  # the command that `make install` makes
SCENARIOS = Path(__file__).parent / "scenarios"
STARTS_WITHIN_S = 40.0  # with a cold cache and others on the same cores
LOOK_EVERY_S = 0.02
GE = "ge-dri"  # the monitor of a chair where a test does not care which


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def scenario(name: str) -> str:
    """A scenario of this folder, or of the simulators'."""
    own = SCENARIOS / f"{name}.toml"
    return str(own) if own.exists() else name


class Process:
    """A program of ours; what it says goes to ``log``, which a failing test shows."""

    def __init__(self, log: Path, *command: str) -> None:
        self._log = log
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def said(self) -> str:
        return self._log.read_text(errors="replace")

    def freeze(self) -> None:
        """It does nothing more, and closes nothing: like a machine that hangs."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)

    def stop(self) -> None:
        """As a service manager would; killed when it does not obey."""
        if not self.is_running:
            return
        self._process.send_signal(signal.SIGCONT)  # a frozen one cannot obey
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"did not stop when told to:\n{self.said()}") from None


@dataclass(frozen=True, slots=True)
class Account:
    user: str
    password: str
    role: str


@dataclass
class Running:
    """A server that answers at ``url``; ``accounts`` by role, its record in ``data``."""

    url: str
    data: Path
    accounts: dict[str, Account]
    speed: float = 1.0
    monitors: dict[tuple[int, str], Process] = field(default_factory=dict)
    server: Process | None = None

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the record says: a second reader of the file, as any tool could be."""
        file = f"file:{self.data / 'vigil.sqlite'}?mode=ro"
        with closing(sqlite3.connect(file, uri=True, timeout=10)) as db:
            return db.execute(query, values).fetchall()

    def until_rows(self, count: int, query: str, within_s: float = 30) -> None:
        """Until the record holds at least so many."""
        give_up_s = time.monotonic() + within_s
        while len(found := self.rows(query)) < count:
            assert time.monotonic() < give_up_s, found
            time.sleep(LOOK_EVERY_S)

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def until_it_answers(self) -> None:
        give_up_s = time.monotonic() + STARTS_WITHIN_S
        while not self.answers():
            assert self.server is not None
            assert self.server.is_running, self.server.said()
            assert time.monotonic() < give_up_s, f"no answer:\n{self.server.said()}"
            time.sleep(LOOK_EVERY_S)


class Clinic(Running):
    """``vigil run`` with monitors at ``ports``, by chair and kind; by kind, what each ``prefers``.

    With a ``speed``, the same under a faster clock.
    """

    def __init__(
        self,
        folder: Path,
        ports: Mapping[int, Mapping[str, str]],
        speed: float = 1.0,
        prefers: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        port = free_port()
        super().__init__(f"http://127.0.0.1:{port}", folder / "data", {}, speed)
        self._folder, self._config = folder, folder / "clinic.toml"
        chairs = "".join(
            f'\n[[chairs]]\nnumber = {n}\nname = "Chair {n}"\n'
            + "".join(
                f'[[chairs.monitors]]\nmonitor = "{kind}"\nport = "{where}"\n'
                f"prefers = {json.dumps((prefers or {}).get(kind, []))}\n"
                for kind, where in wired.items()
            )
            for n, wired in ports.items()
        )
        self._config.write_text(
            f'[clinic]\nname = "Harbour Clinic"\nport = {port}\nsimulated = true\n{chairs}'
        )
        self.add_account("nurse")

    def add_account(self, role: str) -> None:
        account = Account(f"e2e-{role}", secrets.token_urlsafe(12), role)
        name = f"Test {account.role.capitalize()}"
        subprocess.run(
            [
                *(VIGIL, "user", "add", account.user),
                *("--role", account.role, "--name", name, "--password-stdin"),
                *("--config", str(self._config)),
            ],
            cwd=ROOT,
            input=account.password,
            text=True,
            check=True,
            capture_output=True,
        )
        self.accounts[account.role] = account

    def start(self) -> None:
        """Start, or start again with the very same command, and wait for the first answer."""
        config = ("--config", str(self._config))
        command = (VIGIL, "run", *config)
        if self.speed != 1.0:
            faster = (sys.executable, "-m", "tests.e2e.faster")
            command = (*faster, *config, "--speed", str(self.speed))
        self.server = Process(self._folder / "server.log", *command)
        self.until_it_answers()

    def monitor(
        self, chair: int, name: str, at_min: float = 2.0, kind: str = GE, *options: str
    ) -> None:
        """Let a simulated monitor show scenario ``name`` to ``chair``; ``options`` are its own.

        It has been on for ``at_min``: long enough for the first cuff reading of most scenarios.
        """
        self.monitors[chair, kind] = Process(
            self._folder / f"monitor-{chair}-{kind}.log",
            *(sys.executable, "-m", "simulators", kind),
            *("--port", f"pty:{port_of(self._folder, chair, kind)}"),
            *("--scenario", scenario(name), "--seed", str(chair)),
            *("--speed", str(self.speed), "--at", str(60 * at_min), "--watch-parent", *options),
        )

    def pull_out(self, chair: int, kind: str = GE) -> None:
        """Take the monitor away, without a word of goodbye.

        The link to its pty goes first: the system gives the number of a dead pty to the next one,
        which may be the monitor of somebody else's test.
        """
        port_of(self._folder, chair, kind).unlink()
        self.monitors[chair, kind].kill()

    def another_patient(self, chair: int, name: str, kind: str = GE) -> None:
        """Take the monitor away and put another in its place: a change without a long script."""
        self.pull_out(chair, kind)
        self.monitor(chair, name, kind=kind)

    def stop(self) -> None:
        if self.server is not None:
            self.server.stop()
        for monitor in self.monitors.values():
            monitor.stop()


def port_of(folder: Path, chair: int, kind: str = GE) -> Path:
    return folder / f"monitor-{chair}-{kind}"


def clinic_with(
    folder: Path,
    scenarios: Mapping[int, str | Mapping[str, str]],
    speed: float = 1.0,
    prefers: Mapping[str, Sequence[str]] | None = None,
) -> Clinic:
    """A running clinic with simulated monitors; each is live when a page says so.

    ``scenarios`` say what each chair's monitor shows, or each of its monitors by kind.
    """
    shown = {n: {GE: what} if isinstance(what, str) else what for n, what in scenarios.items()}
    ports = {
        n: {kind: str(port_of(folder, n, kind)) for kind in kinds} for n, kinds in shown.items()
    }
    clinic = Clinic(folder, ports, speed, prefers)
    for chair, kinds in shown.items():
        for kind, name in kinds.items():
            clinic.monitor(chair, name, kind=kind)
    clinic.start()
    return clinic


class Demo(Running):
    """``vigil demo``, with the accounts that it writes for programs."""

    def __init__(self, folder: Path, *options: str) -> None:
        told = folder / "accounts.json"
        server = Process(
            folder / "server.log",
            *(VIGIL, "demo", "--port", str(free_port())),
            *("--data", str(folder / "data"), "--accounts", str(told), *options),
        )
        give_up_s = time.monotonic() + STARTS_WITHIN_S
        while not told.exists():
            assert server.is_running, server.said()
            assert time.monotonic() < give_up_s, f"no accounts:\n{server.said()}"
            time.sleep(LOOK_EVERY_S)
        assert os.stat(told).st_mode & 0o777 == 0o600
        written = json.loads(told.read_text())
        accounts = {each["role"]: Account(**each) for each in written["accounts"]}
        super().__init__(written["url"], folder / "data", accounts)
        self.server = server

    def stop(self) -> None:
        assert self.server is not None
        self.server.stop()
