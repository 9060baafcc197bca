"""How does the bench run its server, monitors and clients? Each as a process that ends with it."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
from types import TracebackType
from typing import Any

STOP_WITHIN_S = 15.0


class Child:
    """``python -m tests.bench.NAME``, from here to the end of the block.

    It tells its results as lines of JSON on its standard output, and stops, in its own time, when
    its standard input closes: so it does not outlive a bench that was killed.
    """

    def __init__(self, name: str, *options: str) -> None:
        self._name = name
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"tests.bench.{name}", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self.pid = self._process.pid

    def tells(self, within_s: float) -> Any:
        """The next thing it tells. Raises TimeoutError, and EOFError where it has ended."""
        out = self._process.stdout
        assert out is not None
        if not select.select([out], [], [], within_s)[0]:
            raise TimeoutError(f"the bench's {self._name} said nothing for {within_s:g} s")
        line = out.readline()
        if not line:
            raise EOFError(f"the bench's {self._name} ended, exit code {self._process.wait()}")
        return json.loads(line)

    def stop(self) -> None:
        """Ask it to stop; what it tells after that can still be read."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        try:
            self._process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


def tell(what: Any) -> None:
    """The child's side of ``tells``."""
    print(json.dumps(what), flush=True)


def end_with_parent() -> None:
    """Turn the end of standard input into a Ctrl-C for this process.

    Ctrl-C is asked for by name: what was started in the background has it ignored.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def wait() -> None:
        sys.stdin.read()
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=wait, name="parent", daemon=True).start()
