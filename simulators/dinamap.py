"""What does a DINAMAP cuff monitor answer on its host communications port, byte for byte?

    unit  letters  [data]  check pair  CR       all printable; 9600 8N1; nothing is said unasked

``Monitor`` is one monitor without port or clock: bytes heard and a time go in, bytes come out.
Source: the four requests and the places of the numbers in the replies are those of tnez/TK-BP, a
program that ran a DINAMAP PRO 200; that sums and repeated letters stand in the replies too is an
inference. GE's own document (2010566) is not public: what it alone tells is marked "our choice".
"""

import math
from collections.abc import Callable

from simulators.cuff import CuffWatch
from simulators.displayed import CuffReading, Displayed

BAUD = 9600
PARITY = "N"

CR = b"\r"
THIS_MONITOR = b" "  # unit identifier
READ_CUFF, START, CANCEL, READ_RATE = b"NA", b"NC", b"ND", b"RC"
LONGEST_REQUEST = 32  # characters; the longest that is known has 6

NONE, VALID, BUSY, FAILED = 0, 1, 2, 4  # status digit; 2 for "a determination runs" is our choice
DETERMINATION_S = 30.0
LOOK_EVERY_S = 1.0
OLDEST = 9999  # what four digits can say


class Monitor:
    """One cuff monitor; no port, no clock. It runs the script's cycles, and the host's beside them.

    ``age_unit_s``: what one step of the age counter is; no public document tells. ``unknown``: the
    two characters nobody knows. ``failure``: the status digit (3 to 9) after a cycle that failed.
    ``error_reply``: unit, letters and data of the answer to a bad request; None is silence, because
    the real codes are not known. ``rate_from_oximeter``: RC tells the oximeter's rate.
    """

    def __init__(
        self,
        showing: Callable[[float], Displayed],
        *,
        begin_unix_s: float = 0.0,
        age_unit_s: float = 1.0,
        unknown: str = "00",
        failure: int = FAILED,
        error_reply: bytes | None = None,
        rate_from_oximeter: bool = False,
    ) -> None:
        self._showing = showing
        self._age_unit_s = age_unit_s
        self._unknown = unknown
        self._failure = failure
        self._error_reply = error_reply
        self._rate_from_oximeter = rate_from_oximeter
        self._heard = bytearray()
        self._watch = CuffWatch()
        self._next_look_s = -math.inf
        self._host_ends_s = math.inf  # of the determination that the host started
        self._status = NONE
        self._stored = CuffReading()  # what the last determination found
        self._stored_s: float | None = None

    def heard(self, data: bytes, t_s: float) -> bytes:
        """Take in what the host sent; return the answers."""
        # Some hosts end a line with CR LF.
        self._heard += data.replace(b"\n", b"")
        *requests, rest = bytes(self._heard).split(CR)
        # One more than any request: a line that was cut here stays a wrong one.
        self._heard = bytearray(rest[-LONGEST_REQUEST - 1 :])
        return b"".join(self._answer(request, t_s) for request in requests)

    def due(self, t_s: float) -> tuple[bytes, float]:
        """Nothing, ever: but it must see its own cuff, asked or not."""
        if t_s >= self._next_look_s:
            self._look(t_s)
            self._next_look_s = t_s + LOOK_EVERY_S
        return b"", self._next_look_s

    def _answer(self, request: bytes, t_s: float) -> bytes:
        said = request[:-2]
        if said[:1] != THIS_MONITOR:  # another monitor's, or noise
            return b""
        shown = self._look(t_s)
        is_whole = len(request) <= LONGEST_REQUEST and request == said + check_pair(said)
        letters, digits = said[1:3], said[3:]
        if is_whole and letters == READ_CUFF and not digits:
            return self._cuff(t_s)
        if is_whole and letters == READ_RATE and not digits:
            return self._rate(shown)
        if is_whole and letters == START and digits == b"0":
            return self._start(t_s)
        if is_whole and letters == CANCEL and not digits:
            return self._cancel()
        return b"" if self._error_reply is None else message(self._error_reply)

    def _look(self, t_s: float) -> Displayed:
        """Bring the stored result up to ``t_s``."""
        if self._host_ends_s <= t_s:
            ended_s, self._host_ends_s = self._host_ends_s, math.inf
            self._store(self._showing(ended_s).arm, ended_s)
        shown = self._showing(t_s)
        ended = self._watch.look(shown.cuff, t_s)
        if ended:
            self._store(ended.reading, ended.at_s)
        if self._watch.is_measuring and self._host_ends_s < math.inf:
            self._watch.skip()  # one cuff, one determination: the timer's turn is left out
        return shown

    def _store(self, reading: CuffReading | None, at_s: float) -> None:
        """Our choice: a failure is stored as well, and the age counts from it."""
        self._status = self._failure if reading is None else VALID
        self._stored, self._stored_s = reading or CuffReading(), at_s

    def _is_busy(self) -> bool:
        return self._watch.is_measuring or self._host_ends_s < math.inf

    def _cuff(self, t_s: float) -> bytes:
        """The age and the numbers of the last result stay while the next one is found."""
        return cuff_reply(
            BUSY if self._is_busy() else self._status,
            # Our choice: what was never measured is as old as can be, so that the first drops too.
            OLDEST if self._stored_s is None else int((t_s - self._stored_s) / self._age_unit_s),
            self._stored,
            self._unknown,
        )

    def _rate(self, shown: Displayed) -> bytes:
        rate = shown.pulse_bpm if self._rate_from_oximeter else self._stored.pulse_bpm
        return rate_reply(NONE if rate is None else VALID, rate)

    def _start(self, t_s: float) -> bytes:
        """Our choice: the letters come back, with status 2 for begun and above 2 for not begun."""
        if self._is_busy():
            return message(THIS_MONITOR + START + _digits(FAILED, 1))
        self._host_ends_s = t_s + DETERMINATION_S
        return message(THIS_MONITOR + START + _digits(BUSY, 1))

    def _cancel(self) -> bytes:
        """Our choice: without a determination nothing is cancelled, and that is no fault.

        After a cancelled one there is no valid result (0) until the next; the old numbers stay.
        """
        if self._is_busy():
            self._host_ends_s, self._status = math.inf, NONE
            self._watch.skip()
        return message(THIS_MONITOR + CANCEL + _digits(NONE, 1))


def check_pair(said: bytes) -> bytes:
    """The two characters before CR: six bits each of the sum of (code - 1Fh)."""
    total = sum(code - 0x1F for code in said)
    return bytes([0x20 + (total >> 6 & 0x3F), 0x20 + (total & 0x3F)])


def message(said: bytes) -> bytes:
    """Unit, letters and data with their check pair and CR."""
    return said + check_pair(said) + CR


def cuff_reply(status: int, age: int, reading: CuffReading, unknown: str = "00") -> bytes:
    """The answer to NA; a pressure that is not there is 000. ``age`` in steps of its counter."""
    return message(
        THIS_MONITOR
        + READ_CUFF
        + _digits(status, 1)
        + unknown.encode("ascii")
        + _digits(min(max(age, 0), OLDEST), 4)
        + _digits(reading.systolic_mmhg, 3)
        + _digits(reading.diastolic_mmhg, 3)
        + _digits(reading.mean_mmhg, 3)
    )


def rate_reply(status: int, rate_bpm: float | None) -> bytes:
    """The answer to RC; no rate is 000."""
    return message(THIS_MONITOR + READ_RATE + _digits(status, 1) + _digits(rate_bpm, 3))


def _digits(number: float | None, count: int) -> bytes:
    whole = 0 if number is None else math.floor(number + 0.5)
    # A number that the field cannot hold must not come out as another one.
    return b"%0*d" % (count, whole if 0 <= whole < 10**count else 0)
