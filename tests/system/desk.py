"""``vigil run``, with a desk on its standard input: a command a line, its outcome a line.

Vigil takes commands from its pages alone, and those are tested in a browser. This is for tests
without one: the process is ``vigil run`` in every other way, and the command takes the way of a
click from the desk on.

    {"mark": "7", "command": "ChangePhase", "chair": 1, "to": "baseline"}
    outcome 7 {"kind": "done", "reason": ""}
"""

from __future__ import annotations

import json
import sys
import threading
from uuid import UUID, uuid4

from clinical import commands
from clinical.phases import SessionPhase
from clinical.sign_off import Actor, Role
from dashboard import cli
from dashboard.clinic import Clinic

NURSE = Actor("ana", "ana", Role.NURSE)
READ = {
    "to": SessionPhase,
    "alarm_id": UUID,
    "limits": lambda asked: tuple(commands.LimitAsked(**each) for each in asked),
}


class ClinicWithDesk(Clinic):
    def start(self) -> None:
        super().start()
        threading.Thread(target=self._take, name="desk", daemon=True).start()

    def _take(self) -> None:
        for line in sys.stdin:
            asked = json.loads(line)
            mark, kind = asked.pop("mark"), getattr(commands, asked.pop("command"))
            fields = {name: READ.get(name, lambda as_is: as_is)(asked[name]) for name in asked}
            outcome = self.engine.submit(kind(command_id=uuid4(), by=NURSE, **fields)).result()
            told = {"kind": outcome.kind, "reason": outcome.reason}
            print(f"outcome {mark} {json.dumps(told)}", flush=True)


if __name__ == "__main__":
    import dashboard.clinic

    dashboard.clinic.Clinic = ClinicWithDesk  # what ``vigil run`` builds
    sys.argv.insert(1, "run")
    cli.main()
