"""What is measured? A whole Vigil, as ``vigil run`` makes it, with a session in every chair.

``python -m tests.bench.server FOLDER CHAIRS``: reads FOLDER/monitor-1 and on, keeps its record in
FOLDER/data, and tells ``{"url", "user", "password"}`` once it answers. CHAIRS 0: one chair that
nothing is wired to, for a look at what the record holds already.
"""

from __future__ import annotations

import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from pwdlib import PasswordHash

from clinical.commands import ChangePhase, OutcomeKind, StartSession
from clinical.phases import SessionPhase
from clinical.sign_off import Actor, Role
from dashboard.clinic import Clinic
from dashboard.clock import SteadyClock
from dashboard.config import ChairConfig, Config, MonitorConfig
from dashboard.serving import bind, serve
from storage import people
from tests.bench.child import end_with_parent, tell

MONITOR = "ge-dri"
NURSE = Actor("bench", "Bench Nurse", Role.NURSE)
HOST = "127.0.0.1"
WITHIN_S = 10.0


def _config(folder: Path, chairs: int) -> Config:
    return Config(
        clinic="Bench",
        data=folder / "data",
        chairs=tuple(
            ChairConfig(number, f"Chair {number}", (_monitor(folder, number),))
            for number in range(1, max(1, chairs) + 1)
        ),
        host=HOST,
        is_simulated=True,
    )


def _monitor(folder: Path, chair: int) -> MonitorConfig:
    return MonitorConfig(MONITOR, str(folder / f"monitor-{chair}"))


def _add_nurse(clinic: Clinic) -> str:
    """Make the one account; return its password."""
    password = secrets.token_urlsafe(9)
    with clinic.database.writing() as db:
        people.add_user(
            db,
            user=NURSE.user,
            name=NURSE.name,
            role=NURSE.role,
            password_hash=PasswordHash.recommended().hash(password),
            by="bench",
            now=datetime.now(UTC),
        )
    return password


def _start_sessions(clinic: Clinic, chairs: int) -> None:
    """Bring every chair into the infusion: recorded, and watched by all limits."""
    for chair in range(1, chairs + 1):
        by = {"by": NURSE, "chair": chair}
        for command in (
            StartSession(command_id=uuid4(), patient="AB", **by),
            ChangePhase(command_id=uuid4(), to=SessionPhase.BASELINE, **by),
            ChangePhase(command_id=uuid4(), to=SessionPhase.INFUSING, **by),
        ):
            outcome = clinic.engine.submit(command).result(WITHIN_S)
            if outcome.kind is not OutcomeKind.DONE:
                raise RuntimeError(f"chair {chair}: {type(command).__name__} {outcome.reason}")


def main() -> None:
    folder, chairs = Path(sys.argv[1]), int(sys.argv[2])
    end_with_parent()
    listener = bind(HOST, 0)
    url = f"http://{HOST}:{listener.getsockname()[1]}"
    clinic = Clinic(_config(folder, chairs), SteadyClock())
    password = _add_nurse(clinic)
    try:
        clinic.start()
        _start_sessions(clinic, chairs)
        ready = {"url": url, "user": NURSE.user, "password": password}
        serve(clinic, listener, lambda: tell(ready))
    except KeyboardInterrupt:
        pass
    finally:
        clinic.stop()


if __name__ == "__main__":
    main()
