"""How long does one commit of the writer take?

python -m tests.storage.latency [URL]
"""

from __future__ import annotations

import sys
import tempfile
import threading
from pathlib import Path
from uuid import uuid4

from clinical.vitals import CONTINUOUS
from storage.database import migrate, open_database
from storage.writer import StorageWriter
from tests.storage.conftest import StoppedClock
from tests.storage.made_up import frame, opened


def commit_latencies(
    url: str, *, chairs: int = 16, parameters: int = 8, commits: int = 300
) -> list[float]:
    """Seconds of each commit, ascending; each writes one frame of every chair.

    From the begin of the transaction to its end, rows made from facts included. The commits follow
    each other at once; a clinic makes one a second.
    """
    migrate(url)
    sessions = [uuid4() for _ in range(chairs)]
    took: list[float] = []
    is_written = threading.Event()

    def committed(seconds: float, rows: int) -> None:
        took.append(seconds)
        is_written.set()

    with StorageWriter(
        open_database(url, is_writer=True), StoppedClock(), on_commit=committed
    ) as writer:

        def write(facts: list) -> None:
            is_written.clear()
            writer.keep(facts, urgent=True)
            is_written.wait()

        write([opened(session, chair=n) for n, session in enumerate(sessions)])
        for second in range(commits):
            write([frame(second, session=s, metrics=CONTINUOUS[:parameters]) for s in sessions])
    return sorted(took[1:])


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = sys.argv[1] if sys.argv[1:] else f"sqlite:///{Path(folder) / 'latency.sqlite'}"
        took = commit_latencies(url)
    p50, p99 = (took[int(len(took) * share)] * 1000 for share in (0.5, 0.99))
    print(f"16 chairs x 8 parameters, {len(took)} commits: p50 {p50:.1f} ms, p99 {p99:.1f} ms")


if __name__ == "__main__":
    main()
