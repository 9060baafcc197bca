"""How is a past session replayed beside a running clinic? By a process of its own.

A replay is a tenth of a second of work that would hold the interpreter away from the alarms. The
process is a polite one, ends with its answer or after ``WITHIN_S``, and there is one at a time.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from typing import Any

WITHIN_S = 20.0
NICE = 10  # let whoever watches a patient go first


class NotReplayed(RuntimeError):
    """There is no answer; the message is for who asked."""


class Superseded(NotReplayed):
    """The same page has asked something else meanwhile."""


class Replays:
    """Asks for one replay after the other. A second question of the same page stops its first."""

    def __init__(self, within_s: float = WITHIN_S) -> None:
        self._within_s = within_s
        self._turn = asyncio.Lock()
        self._asked: dict[str, asyncio.Task[Any]] = {}

    async def compared(
        self, page: str, *, url: str, session: str, preset: str, delay_s: float
    ) -> dict[str, Any]:
        """What ``vigil alarms --json`` says of ``session`` in the record at ``url``.

        Raises NotReplayed; Superseded where the same ``page`` has asked anew.
        """
        before = self._asked.get(page)
        if before is not None:
            before.cancel()
        question = {"url": url, "session": session, "preset": preset, "delay_s": delay_s}
        asked = self._asked[page] = asyncio.create_task(self._answer(question))
        try:
            return await asked
        except asyncio.CancelledError as error:
            if self._asked.get(page) is not asked:
                raise Superseded("another was asked for") from error
            raise
        finally:
            asked.cancel()
            if self._asked.get(page) is asked:
                del self._asked[page]

    async def _answer(self, question: Mapping[str, Any]) -> dict[str, Any]:
        try:
            async with asyncio.timeout(self._within_s), self._turn:
                told = await _ask(json.dumps(question))
        except TimeoutError as error:
            raise NotReplayed(f"there was no answer within {self._within_s:g} s") from error
        answer: dict[str, Any] = json.loads(told) if told else {"refused": "see the log"}
        if "refused" in answer:
            raise NotReplayed(str(answer["refused"]))
        return answer


async def _ask(question: str) -> bytes:
    """What a process of its own answers; it ends with the wait for it, however that ends."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__), stdin=pipe, stdout=pipe
    )
    try:
        told, _nothing = await process.communicate(question.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return told if process.returncode == 0 else b""


def main() -> None:
    """Answer the question on standard input. The address of the record may hold a password: it
    is no argument, which everybody on the machine could read."""
    if hasattr(os, "nice"):
        os.nice(NICE)
    question = json.load(sys.stdin)

    from clinical.catalog.document import Malformed
    from dashboard import alarm_log
    from dashboard.clock import SteadyClock
    from dashboard.presets import Shelf
    from storage.database import open_database

    database = open_database(question["url"])
    try:
        shelf = Shelf(database, SteadyClock())
        shelf.load()
        delays_s: alarm_log.Delays = {None: question["delay_s"]} if question["delay_s"] else {}
        with database.reading() as db:
            found = alarm_log.compare(
                db, question["session"], shelf.presets(), question["preset"], delays_s
            )
        answer = alarm_log.comparison_as_json(found)
    except (alarm_log.Unanswerable, Malformed) as error:
        answer = {"refused": str(error.args[0])}
    finally:
        database.close()
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
