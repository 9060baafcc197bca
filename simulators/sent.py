"""What did the monitor say, and what became of it on the way? One line of JSON a message.

    {"t_s": 12.0, "hex": "7e3e01...", "fate": "whole"}      or "damaged", "lost"

``hex`` is the message as the monitor gave it to the cable. "whole" means that its bytes arrived as
they were, however split; of a damaged one, ``"came"`` is what arrived. ``"noise": 12`` where as
many random bytes came behind it.
"""

import json
from collections import deque
from pathlib import Path
from typing import IO

from simulators.faults import Fate, Sent
from simulators.refused import Refused

# A client that lives has read by then; only then is a message's fate written down (real s).
SETTLES_AFTER_S = 5.0


class Ledger:
    """Notes each message and what the wire says of it; times are seconds of the scenario."""

    def __init__(self, out: IO[str], settles_after_s: float) -> None:
        self._out = out
        self._settles_after_s = settles_after_s
        self._open: deque[Sent] = deque()
        self._went: deque[tuple[Sent | None, int, float]] = deque()  # to the wire; whose, bytes

    def said(self, sent: Sent) -> None:
        """The monitor gave a message to the cable."""
        if sent.clean:
            self._open.append(sent)

    def went(self, of: Sent | None, count: int, t_s: float) -> None:
        """The wire took ``count`` bytes of a message, or of noise."""
        if of is not None:
            of.arrived += count
        self._went.append((of, count, t_s))

    def nobody_read(self, count: int) -> None:
        """The last ``count`` bytes that the wire took have no reader any more."""
        while count > 0 and self._went:
            of, size, t_s = self._went.pop()
            back = min(size, count)
            count -= back
            if of is not None:
                of.arrived -= back
            if back < size:
                self._went.append((of, size - back, t_s))

    def settle(self, t_s: float) -> None:
        """Write down what cannot change any more."""
        before_s = t_s - self._settles_after_s
        while self._went and self._went[0][2] < before_s:
            self._went.popleft()
        while self._open and self._is_settled(self._open[0], before_s):
            self._write(self._open.popleft())

    def _is_settled(self, sent: Sent, before_s: float) -> bool:
        return not sent.on_the_way and (not sent.arrived or sent.left_s < before_s)

    def close(self) -> None:
        """Write down the rest: what is still in the cable is lost."""
        for sent in self._open:
            self._write(sent)
        self._open.clear()
        self._out.close()

    def _write(self, sent: Sent) -> None:
        fate: Fate = sent.fate
        line: dict[str, object] = {
            "t_s": round(sent.t_s, 3),
            "hex": sent.clean.hex(),
            "fate": fate,
        }
        line |= {"came": sent.came.hex()} if fate is Fate.DAMAGED else {}
        line |= {"noise": sent.noise} if sent.noise else {}
        self._out.write(json.dumps(line) + "\n")


def open_ledger(path: str, speed: float) -> Ledger:
    """Raises Refused where ``path`` cannot be written."""
    try:
        out = Path(path).open("w", encoding="ascii", buffering=1)  # noqa: SIM115
    except OSError as error:
        raise Refused("sent", expected=f"to write {path}", got=str(error)) from error
    return Ledger(out, SETTLES_AFTER_S * speed)
