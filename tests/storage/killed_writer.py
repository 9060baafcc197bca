"""What does the writer acknowledge before it is killed? Prints each command it was told is safe.

    python -m tests.storage.killed_writer URL

Runs until it is killed; a line is printed after the commit, never before.
"""

from __future__ import annotations

import sys
from itertools import count
from threading import Semaphore
from uuid import UUID

from clinical.ports import CommitResult
from storage.database import open_database
from storage.writer import StorageWriter
from tests.storage.conftest import StoppedClock
from tests.storage.made_up import NURSE, alarm, frame, opened


def main(url: str) -> None:
    writer = StorageWriter(open_database(url, is_writer=True), StoppedClock(), commit_every_s=0.001)
    in_flight = Semaphore(8)

    def acknowledged(number: int, result: CommitResult) -> None:
        print(number, result, flush=True)
        in_flight.release()

    writer.keep([opened()])
    for number in count(1):
        in_flight.acquire()
        writer.keep([frame(number)])
        writer.commit(
            UUID(int=number),
            "AcknowledgeAlarm",
            NURSE,
            [alarm(alarm_id=UUID(int=number))],
            lambda result, number=number: acknowledged(number, result),  # type: ignore[misc]
        )


if __name__ == "__main__":
    main(sys.argv[1])
