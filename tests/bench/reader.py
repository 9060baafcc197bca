"""What is measured? The links of a Vigil alone, a Supervisor for every monitor of the registry.

``python -m tests.bench.reader FOLDER``: FOLDER/NAME is the port of each monitor. It tells when all
are open, and at the end ``{"cpu_s", "lines": {name: [bytes, frames, cpu_s]}}``.
"""

from __future__ import annotations

import sys
import threading
import time
from threading import Semaphore

from dashboard.clock import SteadyClock
from devices.link import Frame
from devices.ports import Port, open_port
from devices.protocols.line import LineSettings
from devices.registry import PROTOCOLS
from devices.supervisor import Supervisor, Told
from tests.bench.child import end_with_parent, tell

WITHIN_S = 10.0


class Counted:
    """One line: the real port, supervisor, decoder and talk; what comes through is counted."""

    def __init__(self, name: str, port: str, opened: Semaphore) -> None:
        self.bytes_read = self.frames = 0
        self._name = name
        self._opened = opened
        self.supervisor = Supervisor(
            *(name, port, PROTOCOLS[name], SteadyClock(), self._emitted), open_port=self._open
        )

    def _emitted(self, fact: Told) -> None:
        self.frames += isinstance(fact, Frame)

    def _open(self, text: str, settings: LineSettings, read_within_s: float) -> Port:
        self._port = open_port(text, settings, read_within_s)
        self.write, self.close = self._port.write, self._port.close
        self.device = self._port.device
        self._opened.release()
        return self

    def read(self) -> bytes:
        found = self._port.read()
        self.bytes_read += len(found)
        return found

    def cpu_s(self) -> float:
        """Seconds of a core that the thread of this line has used."""
        (thread,) = (one for one in threading.enumerate() if one.name == f"link {self._name}")
        assert thread.ident is not None
        return time.clock_gettime(time.pthread_getcpuclockid(thread.ident))


def main() -> None:
    folder, opened = sys.argv[1], Semaphore(0)
    lines = {name: Counted(name, f"{folder}/{name}", opened) for name in PROTOCOLS}
    end_with_parent()
    for line in lines.values():
        line.supervisor.start()
    for _ in lines:
        if not opened.acquire(timeout=WITHIN_S):
            raise TimeoutError(f"a line did not open within {WITHIN_S:g} s")
    before_s = time.process_time()
    lines_before_s = {name: line.cpu_s() for name, line in lines.items()}
    tell("open")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        cpu_s = time.process_time() - before_s
        told = {
            name: [line.bytes_read, line.frames, line.cpu_s() - lines_before_s[name]]
            for name, line in lines.items()
        }
        tell({"cpu_s": cpu_s, "lines": told})
    for line in lines.values():
        line.supervisor.stop()


if __name__ == "__main__":
    main()
