"""What takes seconds and runs beside the pages: how far is it, and what came of it?

Each on a thread of its own. Those of the event loop are few, and every page needs them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock, Thread
from typing import Any

AT_ONCE = 4  # running together; each holds a thread, and may hold a port
KEPT = 32  # of those that have ended the oldest are forgotten

FAILED = "A fault inside Vigil: it could not be done. See the log."

log = logging.getLogger(__name__)

Work = Callable[[Callable[[str], None]], Any]


@dataclass(frozen=True, slots=True)
class Errand:
    """``says`` what it does now, ``since_s`` (monotonic) when it began; ``came`` of it: None until
    it ends. ``failed``: it ended, and nothing came of it."""

    since_s: float
    says: str = ""
    came: Any = None
    failed: str = ""

    @property
    def is_running(self) -> bool:
        return self.came is None and not self.failed


class Errands:
    """By name; all who look at the same name see the same. Every method returns at once."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._lock = Lock()
        self._known: dict[str, Errand] = {}

    def start(self, name: str, work: Work) -> bool:
        """Do ``work(tell)``, unless that runs already. False where too many run."""
        with self._lock:
            running = [each for each, known in self._known.items() if known.is_running]
            if name in running:
                return True
            if len(running) >= AT_ONCE:
                return False
            self._known.pop(name, None)  # the newest stands last
            self._known[name] = Errand(self._now_s())
            ended = [each for each, known in self._known.items() if not known.is_running]
            for oldest in ended[: max(0, len(self._known) - KEPT)]:
                del self._known[oldest]
        Thread(target=self._do, args=(name, work), name=name, daemon=True).start()
        return True

    def all(self) -> dict[str, Errand]:
        """Each that is known, by its name, the newest last."""
        with self._lock:
            return dict(self._known)

    def _do(self, name: str, work: Work) -> None:
        try:
            self._note(name, came=work(lambda says: self._note(name, says=says)))
        except Exception:  # the top of a thread
            log.exception("%s", name)
            self._note(name, failed=FAILED)

    def _note(self, name: str, says: str = "", came: Any = None, failed: str = "") -> None:
        with self._lock:
            since_s = self._known[name].since_s
            self._known[name] = Errand(since_s, says, came, failed)
