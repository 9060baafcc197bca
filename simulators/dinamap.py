"""What does a DINAMAP cuff monitor answer on its host communications port, byte for byte?

    unit  letters  [data]  check pair  CR       all printable; 9600 8N1; nothing is said unasked

``Monitor`` is one monitor without port or clock: bytes heard and a time go in, bytes come out.
Source: tnez/TK-BP, a program that ran a DINAMAP PRO 200 (requests, places of the numbers);
GeV100SerialConn, an open program for a CARESCAPE V100 that quotes GE's manual 2010566 (status and
source digits, age in seconds). That replies carry the check pair of the requests is an inference.
What neither tells is marked "our choice".
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from simulators.cuff import CuffWatch
from simulators.displayed import CuffReading, Displayed

BAUD = 9600
PARITY = "N"

CR = b"\r"
THIS_MONITOR = b" "  # unit identifier
READ_CUFF, START, CANCEL = b"NA", b"NC", b"ND"
READ_RATE, READ_HEART_RATE = b"RC", b"RA"  # one program uses either; answered alike (our choice)
LONGEST_REQUEST = 32  # characters; the longest that is known has 6

BUSY, DONE, FAILED = 0, 1, 3  # status digit; higher ones are kinds of failure, 2 is not used
RATE_OF_OXIMETER, RATE_OF_CUFF = 2, 3
DETERMINATION_S = 30.0
LOOK_EVERY_S = 1.0
OLDEST, NO_AGE = 5400, 9999  # the age counter's last step, and what it says beyond or without one


class Monitor:
    """One cuff monitor; no port, no clock. It runs the script's cycles, and the host's beside them.

    ``age_unit_s``: one step of the age counter; older models are not known to count in seconds.
    ``kind``: the two characters after the status, by the manual patient (1 adult) and mode (0
    normal). ``busy``, ``failure``: the status digits while a determination runs and after one that
    found nothing. ``error_reply``: unit, letters and data of the answer to a bad request; None is
    silence, because the real codes are not known. ``rate_from_oximeter``: so is the rate told.
    """

    def __init__(
        self,
        showing: Callable[[float], Displayed],
        *,
        begin_unix_s: float = 0.0,
        age_unit_s: float = 1.0,
        kind: str = "10",
        busy: int = BUSY,
        failure: int = FAILED,
        error_reply: bytes | None = None,
        rate_from_oximeter: bool = False,
    ) -> None:
        self._showing = showing
        self._age_unit_s = age_unit_s
        self._kind = kind
        self._busy = busy
        self._failure = failure
        self._error_reply = error_reply
        self._rate_from_oximeter = rate_from_oximeter
        self._heard = bytearray()
        self._watch = CuffWatch()
        self._next_look_s = -math.inf
        self._host_ends_s = math.inf  # of the determination that the host started
        self._status = DONE  # and no age: our choice for a monitor that has not measured yet
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
        if is_whole and letters in (READ_RATE, READ_HEART_RATE) and not digits:
            return self._rate(letters, shown)
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
        self._status = self._failure if reading is None else DONE
        self._stored, self._stored_s = reading or CuffReading(), at_s

    def _is_busy(self) -> bool:
        return self._watch.is_measuring or self._host_ends_s < math.inf

    def _cuff(self, t_s: float) -> bytes:
        """The age and the numbers of the last result stay while the next one is found."""
        age = None
        if self._stored_s is not None:
            age = int((t_s - self._stored_s) / self._age_unit_s)
        status = self._busy if self._is_busy() else self._status
        return cuff_reply(status, age, self._stored, self._kind)

    def _rate(self, letters: bytes, shown: Displayed) -> bytes:
        """Of the reading that is stored, however old it is, or the oximeter's now."""
        if self._rate_from_oximeter:
            return rate_reply(RATE_OF_OXIMETER, shown.pulse_bpm, letters)
        return rate_reply(RATE_OF_CUFF, self._stored.pulse_bpm, letters)

    def _start(self, t_s: float) -> bytes:
        """Our choice: the request comes back, also where a determination runs and none begins."""
        if not self._is_busy():
            self._host_ends_s = t_s + DETERMINATION_S
        return message(THIS_MONITOR + START + b"0")

    def _cancel(self) -> bytes:
        """Our choice: the request comes back, and the result is again the one before."""
        self._host_ends_s = math.inf
        self._watch.skip()
        return message(THIS_MONITOR + CANCEL)


def check_pair(said: bytes) -> bytes:
    """The two characters before CR: six bits each of the sum of (code - 1Fh)."""
    total = sum(code - 0x1F for code in said)
    return bytes([0x20 + (total >> 6 & 0x3F), 0x20 + (total & 0x3F)])


def message(said: bytes) -> bytes:
    """Unit, letters and data with their check pair and CR."""
    return said + check_pair(said) + CR


def cuff_reply(status: int, age: int | None, reading: CuffReading, kind: str = "10") -> bytes:
    """The answer to NA; a pressure that is not there is 000. ``age`` in steps of its counter."""
    has_age = age is not None and 0 <= age <= OLDEST
    return message(
        THIS_MONITOR
        + READ_CUFF
        + _digits(status, 1)
        + kind.encode("ascii")
        + _digits(age if has_age else NO_AGE, 4)
        + _digits(reading.systolic_mmhg, 3)
        + _digits(reading.diastolic_mmhg, 3)
        + _digits(reading.mean_mmhg, 3)
    )


def rate_reply(source: int, rate_bpm: float | None, letters: bytes = READ_RATE) -> bytes:
    """The answer to RC and RA; no rate is 000."""
    return message(THIS_MONITOR + letters + _digits(source, 1) + _digits(rate_bpm, 3))


BLANKS = {"zeros": b"000", "spaces": b"   ", "dashes": b"---"}


def vector_frame(values: Mapping[str, Any]) -> bytes:
    """One reply from the words of a test vector, as tests/vectors/dinamap.toml explains them.

    Raises ValueError for a key that the reply has no place for.
    """
    given = dict(values)
    said = (given.pop("unit") + given.pop("reply")).encode("ascii")
    letters = said[1:]
    blank = BLANKS[given.pop("blank", "zeros")]
    if "data" in given:
        said += given.pop("data").encode("ascii")
    else:
        said += _digits(given.pop("status"), 1)
        if letters == READ_CUFF:
            said += given.pop("unknown").encode("ascii") + _digits(given.pop("age"), 4)
            names = ["systolic_mmhg", "diastolic_mmhg", "mean_mmhg"]
        else:
            names = ["rate_bpm"]
        for name in names:
            said += _digits(given.pop(name), 3) if name in given else blank
        said += given.pop("extra", "").encode("ascii")
    if given:
        raise ValueError(f"vector: expected only documented keys, got {', '.join(sorted(given))}")
    return message(said)


def _digits(number: float | None, count: int) -> bytes:
    whole = 0 if number is None else math.floor(number + 0.5)
    # A number that the field cannot hold must not come out as another one.
    return b"%0*d" % (count, whole if 0 <= whole < 10**count else 0)
