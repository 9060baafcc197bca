"""What does ``vigil demo`` show? A simulated clinic of four chairs, and a fortnight behind it.

Each chair is fed by a simulator process over a pty, read by the same link, decoder, engine and
writer as a real monitor. Everything lies in a folder of its own and says SIMULATED DATA.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from uuid import uuid4

from platformdirs import user_data_path
from pwdlib import PasswordHash

from clinical.chair import ChairState, resumed
from clinical.commands import ChangePhase, Command
from clinical.phases import SessionPhase
from clinical.ports import CommitResult
from clinical.record import Fact
from clinical.requests import facts_of
from clinical.sign_off import Role
from dashboard import rehearsal
from dashboard.clinic import Clinic, chair_state
from dashboard.clock import SteadyClock
from dashboard.config import ChairConfig, Config, MonitorConfig
from dashboard.rehearsal import Act, Visit, Wire, pieces_of
from storage import people
from storage.database import Database, open_database
from storage.facts import stored_sessions
from storage.writer import StorageWriter

log = logging.getLogger(__name__)

MONITORS = (("ge-dri",),)  # at each chair; begun again where there are more chairs
REMEMBERED = "demo.json"  # in a demo's folder: what the next start goes on from
OWN_FILES = (REMEMBERED, "vigil.sqlite*", "monitor-*", "captures/*")
HOST = "127.0.0.1"
ACCOUNTS = {"nurse": Role.NURSE, "clinician": Role.CLINICIAN, "director": Role.DIRECTOR}
REST = timedelta(minutes=12)  # before an infusion the patient rests for so long
GOES_ON_FOR = timedelta(hours=2)  # an older demo begins anew: its patients have long left
ENDS_WITHIN_S = 2.0  # a simulator that was told to
HISTORY_WAITS_S = 3.0  # real seconds that the first visitor has the machine for themselves


@dataclass(frozen=True, slots=True)
class Seat:
    """A chair of the demo: its script, and how many minutes it is into that."""

    number: int
    name: str
    scenario: str
    minute: float
    visit: tuple[str, int] | None  # patient, infusion number; None: the chair is empty


# Recovery is the second script of its visit: it began when the infusion of 40 minutes stopped.
SEATS = (
    Seat(1, "Window", "preparation", 5, ("AK", 1)),
    Seat(2, "Garden", "rising-pressure", 20, ("BM", 3)),
    Seat(3, "Corner", "recovery", 12, ("CD", 2)),
    Seat(4, "Door", "empty", 0, None),
)

# Days ago, hour (UTC), chair, patient, infusion number, script: visits of the fortnight before.
PAST = (
    (13, 9, 1, "BM", 1, "calm"),
    (12, 14, 2, "EF", 4, "hypertensive-surge"),
    (11, 10, 3, "CD", 1, "calm"),
    (9, 9, 1, "BM", 2, "hypertensive-surge"),
    (8, 13, 2, "EF", 5, "calm"),
    (6, 11, 1, "GH", 1, "bradycardia"),
    (5, 9, 3, "JL", 2, "desaturation"),
    (4, 15, 2, "EF", 6, "calm"),
    (2, 10, 1, "GH", 2, "cuff-failures"),
    (1, 14, 3, "JL", 3, "lead-off-artefact"),
)


class NotADemo(ValueError):
    """A folder holds the record of a clinic, which a demo would change."""


class Demo:
    """The demo's folder, clock and chairs. ``speed`` runs clinic and simulators faster.

    ``monitors`` are those of each chair. Raises NotADemo for a ``data`` folder with a record that
    no demo wrote.
    """

    def __init__(
        self,
        *,
        port: int,
        speed: float,
        seed: int,
        is_fresh: bool,
        data: Path | None = None,
        monitors: Sequence[Sequence[str]] = MONITORS,
    ) -> None:
        self._folder = data or user_data_path("vigil", appauthor=False) / f"demo-{port}"
        self._seed, self._speed, self._port = seed, speed, port
        self._take_folder(is_fresh)
        told = self._remembered()
        self.clock = SteadyClock(speed, _clinic_time(told))
        begun = datetime.fromisoformat(told["begun"]) if told else None
        self._goes_on = begun is not None and self.clock.now() - begun < GOES_ON_FOR
        self._begun = begun if begun and self._goes_on else self.clock.now()
        self._visits_written = told.get("visits_written", 0)  # of PAST
        self._monitors = {
            seat.number: tuple(names) for seat, names in zip(SEATS, cycle(monitors), strict=False)
        }
        self._ports = {
            (seat.number, name): self._port_of(seat, name)
            for seat in SEATS
            for name in self._monitors[seat.number]
        }
        self._chairs = {seat.number: self._chair(seat) for seat in SEATS}
        self.config = Config(
            clinic="Demo clinic",
            data=self._folder,
            chairs=tuple(self._chairs.values()),
            http_port=port,
            is_simulated=True,
            why_fixed="The chairs of a demo are its own: vigil run has a clinic's.",
        )

    @contextmanager
    def monitors(self) -> Iterator[None]:
        """The simulated monitors, each a process of its own; they end with the block."""
        now = self.clock.now()
        started = [
            _simulator(
                name,
                *("--scenario", seat.scenario, "--speed", str(self._speed)),
                *("--port", self._ports[seat.number, name][0]),
                *("--at", str((now - self._script_begin(seat)).total_seconds())),
                *("--seed", str(self._seed + seat.number), "--watch-parent"),
                # Other patients, the same clinic: its monitors are those that the record knows.
                *("--device", str(seat.number)),
            )
            for seat in SEATS
            for name in self._monitors[seat.number]
        ]
        try:
            yield
        finally:
            for process in started:
                process.terminate()
            for process in started:
                try:
                    process.wait(ENDS_WITHIN_S)
                except subprocess.TimeoutExpired:  # stopped by SIGSTOP, to see a chair go quiet
                    process.kill()
                    process.wait()

    def prepare(self, clinic: Clinic) -> None:
        """Write what has happened so far in the chairs that are taken, unless it is there.

        All of it is in the record when this returns: the clinic starts from there.
        """
        own = open_database(self.config.database_url, is_writer=True)
        with StorageWriter(own, self.clock) as writer:
            self._begin(clinic, writer)
        self._remember()

    def _begin(self, clinic: Clinic, writer: StorageWriter) -> None:
        now = self.clock.now()
        _end_sessions(clinic, writer, now - GOES_ON_FOR if self._goes_on else now)
        if not self._goes_on:
            with ThreadPoolExecutor() as pool:
                for seat, wires in zip(SEATS, pool.map(self._wires_so_far, SEATS), strict=True):
                    if seat.visit is not None:
                        visit = self._visit(seat)
                        acts = self._acts_so_far(seat, visit)
                        _write(writer, self._chairs[seat.number], acts, wires)

    def accounts(self, database: Database) -> list[dict[str, str]]:
        """New passwords for the demo's accounts: ``user``, ``password``, ``role``."""
        made = [
            {"user": user, "password": secrets.token_urlsafe(9), "role": role.value}
            for user, role in ACCOUNTS.items()
        ]
        hasher = PasswordHash.recommended()
        with ThreadPoolExecutor(2) as pool:
            hashes = list(pool.map(hasher.hash, [account["password"] for account in made]))
        now = datetime.now(UTC)
        for account, password_hash in zip(made, hashes, strict=True):
            user, role = account["user"], Role(account["role"])
            with database.writing() as db:
                if people.find_user(db, user=user):
                    people.set_password(
                        db, user=user, password_hash=password_hash, by="demo", now=now
                    )
                else:
                    people.add_user(
                        db,
                        user=user,
                        name=f"Demo {role.value.capitalize()}",
                        role=role,
                        password_hash=password_hash,
                        by="demo",
                        now=now,
                    )
        return made

    def write_history(self, clinic: Clinic, stop: threading.Event) -> None:
        """Live through the fortnight before, one visit after the other; once for each folder.

        A visit that ``stop``, or a kill, cut short is ended by the next start and lived again.
        """
        if self._visits_written == len(PAST) or stop.wait(HISTORY_WAITS_S):
            return
        today = self._begun.replace(hour=0, minute=0, second=0, microsecond=0)
        for index in range(self._visits_written, len(PAST)):
            days, hour, chair, patient, number, script = PAST[index]
            visit = Visit(chair, patient, today - timedelta(days=days, hours=-hour), number)
            acts = [
                *rehearsal.until_infusion(visit),
                *rehearsal.infusion(visit),
                *rehearsal.recovery(visit),
                *rehearsal.discharge(visit),
            ]
            seed = self._seed + 100 + index
            wires = [
                _wire(name, part, seed, begin, length, 10)
                for name in self._monitors[chair]
                for part, begin, length in (
                    ("preparation", visit.infusion_at - REST, REST),
                    (script, visit.infusion_at, timedelta(minutes=80)),
                )
            ]
            if not _write(clinic.writer, self._chairs[chair], acts, wires, stop):
                return
            self._visits_written = index + 1
            self._remember()

    def _take_folder(self, is_fresh: bool) -> None:
        """Make the folder a demo's. A clinic's record is not touched, nor what we did not write."""
        folder, mark = self._folder, self._folder / REMEMBERED
        is_clinic = (folder / "vigil.sqlite").exists() and not mark.exists()
        if is_clinic or (folder.exists() and not folder.is_dir()):
            raise NotADemo(f"expected a new folder or an earlier demo's, got {folder}")
        for file in [file for pattern in OWN_FILES for file in folder.glob(pattern)]:
            if is_fresh:
                file.unlink()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not mark.exists():
            mark.write_text("{}")

    def _chair(self, seat: Seat) -> ChairConfig:
        monitors = tuple(
            MonitorConfig(name, self._ports[seat.number, name][1])
            for name in self._monitors[seat.number]
        )
        return ChairConfig(seat.number, seat.name, monitors)

    def _port_of(self, seat: Seat, monitor: str) -> tuple[str, str]:
        """Where the simulator listens, and how the link names the same place."""
        if hasattr(os, "openpty"):
            which = "" if len(self._monitors[seat.number]) == 1 else f"-{monitor}"
            path = self._folder / f"monitor-{seat.number}{which}"
            return f"pty:{path}", str(path)
        with socket.socket() as free:
            free.bind((HOST, 0))
            number = free.getsockname()[1]
        return f"tcp:{HOST}:{number}", f"socket://{HOST}:{number}"

    def _script_begin(self, seat: Seat) -> datetime:
        return self._begun - timedelta(minutes=seat.minute)

    def _visit(self, seat: Seat) -> Visit:
        patient, number = seat.visit or ("", 1)
        begin = self._script_begin(seat)
        infusion_at = {
            "preparation": begin + REST,
            "recovery": begin - timedelta(minutes=40),
        }.get(seat.scenario, begin)
        return Visit(seat.number, patient, infusion_at, number)

    def _acts_so_far(self, seat: Seat, visit: Visit) -> list[tuple[datetime, Act]]:
        if seat.scenario == "preparation":
            return rehearsal.until_infusion(visit)[:1]
        acts = [*rehearsal.until_infusion(visit), *rehearsal.infusion(visit)]
        if seat.scenario == "recovery":
            acts += rehearsal.recovery(visit)
        return acts

    def _wires_so_far(self, seat: Seat) -> list[Wire]:
        if seat.visit is None:
            return []
        visit, seed = self._visit(seat), self._seed + seat.number
        parts = [(seat.scenario, self._script_begin(seat), timedelta(minutes=seat.minute))]
        if seat.scenario == "recovery":
            parts.insert(0, ("calm", visit.infusion_at, timedelta(minutes=40)))
        if seat.scenario != "preparation":
            parts.insert(0, ("preparation", visit.infusion_at - REST, REST))
        return [
            _wire(name, script, seed, begin, length, 5)
            for name in self._monitors[seat.number]
            for script, begin, length in parts
        ]

    def _remembered(self) -> dict[str, Any]:
        try:
            told: dict[str, Any] = json.loads((self._folder / REMEMBERED).read_text())
        except (OSError, ValueError):
            return {}
        return told

    def _remember(self) -> None:
        told = {
            "begun": self._begun.isoformat(),
            "visits_written": self._visits_written,
            "speed": self._speed,
            "at": datetime.now(UTC).isoformat(),
            "clinic_at": self.clock.now().isoformat(),
        }
        (self._folder / REMEMBERED).write_text(json.dumps(told))


def write_accounts(file: Path, url: str, accounts: Sequence[dict[str, str]]) -> None:
    """The address and the accounts as JSON, readable by the owner alone."""
    part = file.with_name(file.name + ".part")
    part.unlink(missing_ok=True)
    with open(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as out:
        json.dump({"url": url, "accounts": list(accounts)}, out)
    part.replace(file)  # whoever waits for the file never reads half of it


def _clinic_time(told: dict[str, Any]) -> datetime | None:
    """What the clinic's clock shows now: a faster one went on while nothing ran."""
    if not told:
        return None
    passed = datetime.now(UTC) - datetime.fromisoformat(told["at"])
    shown = datetime.fromisoformat(told["clinic_at"]) + passed * told["speed"]
    return max(shown, datetime.now(UTC))


def _end_sessions(clinic: Clinic, writer: StorageWriter, last_before: datetime) -> None:
    """End what an older demo left in its chairs: those patients have gone home long ago."""
    with clinic.database.reading() as db:
        left = [each for each in stored_sessions(db) if each.last_at < last_before]
    for stored in left:
        chair = stored.opened.chair
        now = clinic.clock.now()
        state, _gap = resumed(ChairState(chair, "", is_simulated=True), stored, now)
        command = ChangePhase(
            command_id=uuid4(),
            by=rehearsal.NURSE,
            chair=chair,
            to=SessionPhase.ABORTED,
            reason="the demo was started again",
        )
        _commit(writer, command, facts_of(command, state, now))


def _simulator(monitor: str, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "simulators", monitor, *options]
    # In a session of its own: Ctrl-C is for the demo, which first hangs up on its monitors. Else
    # the record would say that four devices failed.
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)


def _wire(
    monitor: str, scenario: str, seed: int, begin: datetime, length: timedelta, interval_s: int
) -> Wire:
    """What a monitor sent that played ``scenario`` from ``begin`` for ``length``."""
    command = [
        *(sys.executable, "-m", "simulators", monitor, "--scenario", scenario),
        *("--port", "file:-", "--stamps", "--seed", str(seed), "--begin", begin.isoformat()),
        *("--length", str(length.total_seconds()), "--interval", str(interval_s)),
    ]
    # In a session of its own: Ctrl-C must not cut short the bytes of a visit.
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, start_new_session=True)
    return Wire(monitor, begin, list(pieces_of(done.stdout)), interval_s)


def _write(
    writer: StorageWriter,
    chair: ChairConfig,
    acts: list[tuple[datetime, Act]],
    wires: list[Wire],
    stop: threading.Event | None = None,
) -> bool:
    """Rehearse one visit into the record; False where ``stop`` was set before its end."""
    seen = rehearsal.frames(wires, is_one_of_two=len(chair.monitors) > 1)
    for part in rehearsal.rehearse(chair_state(chair, is_simulated=True), acts, seen):
        if stop is not None and stop.wait(0.001):  # and lets the live chairs go first
            return False
        if part.command is None:
            writer.keep(part.facts)
        else:
            _commit(writer, part.command, part.facts)
    return True


def _commit(writer: StorageWriter, command: Command, facts: Sequence[Fact]) -> None:
    results: SimpleQueue[CommitResult] = SimpleQueue()
    kind = type(command).__name__
    writer.commit(command.command_id, kind, command.by, facts, results.put)
    if results.get() is not CommitResult.COMMITTED:
        raise OSError(f"the demo's record could not be written ({writer.state.detail})")
