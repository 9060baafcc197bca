"""What does a SunTech Advantage or LX cuff module say on its serial line, byte for byte?

    host to module    3A  command ...            check
    module to host    3E  length of the whole    data ...    check        9600 8N1, words low first

``check`` makes the sum of the whole frame 0 modulo 256. The module speaks when it is asked, and
once more when a cycle is over. ``Monitor`` is one module without port or clock: bytes heard and a
time go in, bytes come out.
Source: two public programs that run such a module, ak-git/DesktopFX (with a quoted result frame)
and the nPM patient monitor. Which of its letters the module answers to what kind of nonsense they
do not say; those choices are marked.
"""

import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from simulators.cuff import CuffWatch
from simulators.displayed import CuffReading, Displayed

BAUD = 9600
PARITY = "N"

FROM_HOST, FROM_MODULE = 0x3A, 0x3E
VERSION_SIZE = 64
VERSION = "LX simulated"  # our words; a real one begins with the same two letters

# Requests whose form is known, without 3A and check. Length by the first byte.
START_ADULT, START_CHILD, START_NEONATE = b"\x20", b"\x87", b"\x28"
ABORT, READ_PRESSURE, READ_RESULT = b"\x79\x01\x00", b"\x79\x05\x00", b"\x79\x03\x00"
SELF_TEST = {"LX": b"\x79\x10\x03", "SB": b"\x79\x11\x00"}
MODULE_INFORMATION, READ_VERSION = b"\x00", b"\x79\x02\x40"
RESET = b"\x8a"
SET_INFLATION = 0x17
SIZES = {0x20: 1, 0x87: 1, 0x28: 1, SET_INFLATION: 3, 0x79: 3, 0x00: 1, 0x8A: 1}

ACCEPTED, FINISHED, ABORTED, BUSY, ERROR = b"O", b"K", b"A", b"B", b"E"
UNDEFINED, NOT_RECOGNISED, TIMED_OUT = b"N", b"D", b"T"

LOOSE_CUFF, STOPPED = 87, 86
NO_VALUE = 0xFFFF

# First inflation (mmHg) until the host sets another, and the most that it may set: our choice,
# after what such cuffs do; 160 is the one example in print.
FIRST_INFLATION = {START_ADULT: 160, START_CHILD: 140, START_NEONATE: 90}
LOWEST_INFLATION, HIGHEST_INFLATION = 60, 280

CYCLE_S = 30.0
INFLATING_S, STEP_S, STEPS = 7.0, 1.0, 20
FLOOR = 0.3  # of the highest pressure: where the last step ends, and the cuff stays until K
TRIES_AGAIN_AFTER_S = 40.0  # a cuff that finds nothing inflates once more
ABOVE_SYSTOLIC_MMHG = 30.0  # it pumps on where the first inflation does not stop the pulse
EMPTYING_S = 1.0  # from an abort to K

WAKES_AFTER_S = 1.0  # after a reset there is no cuff pressure for so long
REQUEST_WITHIN_S = 1.0  # how long the module waits for the rest of a request
LOOK_EVERY_S = 0.5


@dataclass(slots=True)
class _Cycle:
    """One inflation. ``ends_s`` is inf for one that the local user started: the script ends it."""

    began_s: float
    ends_s: float
    top_mmhg: float

    def pressure_mmhg(self, t_s: float) -> float:
        """Up in a straight line, down in steps."""
        elapsed_s = max(0.0, t_s - self.began_s) % TRIES_AGAIN_AFTER_S
        if elapsed_s < INFLATING_S:
            return self.top_mmhg * elapsed_s / INFLATING_S
        step = min(STEPS, int((elapsed_s - INFLATING_S) / STEP_S))
        return self.top_mmhg * (1 - (1 - FLOOR) * step / STEPS)


class Monitor:
    """One module; no port, no clock.

    A bare module never starts a cycle by itself. With ``local_user`` somebody at the chair presses
    start whenever the script has a cycle, so that a demo shows readings without a host's start.
    ``failure``: the error code of a cycle that finds nothing. ``self_test``: the answer to the
    self-test, 0 is good. ``abort_letter``: A or O, both are seen. ``version``: text that begins LX,
    or SB for an Advantage+. ``status``, ``test_codes``: result bytes of unknown meaning.
    """

    def __init__(
        self,
        showing: Callable[[float], Displayed],
        *,
        begin_unix_s: float = 0.0,
        local_user: bool = True,
        failure: int = LOOSE_CUFF,
        self_test: int = 0,
        abort_letter: bytes = ABORTED,
        version: str = VERSION,
        status: int = 0,
        test_codes: bytes = bytes(8),
    ) -> None:
        self._showing = showing
        self._has_local_user = local_user
        self._failure = failure
        self._self_test = self_test
        self._abort_letter = abort_letter
        self._version = version
        self._status = status
        self._test_codes = test_codes
        self._heard = bytearray()
        self._heard_s = -math.inf
        self._watch = CuffWatch()
        self._next_look_s = -math.inf
        self._has_looked = False
        self._cycle: _Cycle | None = None
        self._stopped: tuple[float, float] | None = None  # when, and the cuff pressure then
        self._inflation_mmhg: int | None = None  # as the host set it
        self._awake_s = -math.inf
        self._result = result_reply(CuffReading())

    def heard(self, data: bytes, t_s: float) -> bytes:
        """Take in what the host sent; return what the module sends at once because of it."""
        out = self.due(t_s)[0]
        self._heard += data
        self._heard_s = t_s
        return out + self._answers(t_s)

    def due(self, t_s: float) -> tuple[bytes, float]:
        """The completion message where a cycle is over, and when to ask again."""
        out, next_s = b"", math.inf
        if self._cycle and self._cycle.ends_s <= t_s:
            out += self._over(self._showing(self._cycle.ends_s).arm)
        if self._stopped and self._stopped[0] + EMPTYING_S <= t_s:
            self._stopped = None
            out += acknowledgement(FINISHED)
        if self._has_local_user:
            if self._next_look_s <= t_s:
                out += self._look(t_s)
            next_s = self._next_look_s
        if self._heard:  # the rest of a request is late
            if self._heard_s + REQUEST_WITHIN_S <= t_s:
                self._heard.clear()
                out += acknowledgement(TIMED_OUT)
            else:
                next_s = min(next_s, self._heard_s + REQUEST_WITHIN_S)
        if self._cycle:
            next_s = min(next_s, self._cycle.ends_s)
        if self._stopped:
            next_s = min(next_s, self._stopped[0] + EMPTYING_S)
        return out, next_s

    def _look(self, t_s: float) -> bytes:
        """What the person at the chair does with the start button."""
        self._next_look_s = t_s + LOOK_EVERY_S
        is_first, self._has_looked = not self._has_looked, True
        was_measuring = self._watch.is_measuring
        ended = self._watch.look(self._showing(t_s).cuff, t_s)
        out = b""
        if ended:
            out = self._over(ended.reading)
            if is_first:  # of a cycle before this conversation: nobody is told
                out = b""
        if self._watch.is_measuring and not was_measuring:
            if self._is_busy():
                self._watch.skip()  # the button does nothing while the cuff is at work
            else:
                self._begin(START_ADULT, t_s, math.inf)
        return out

    def _begin(self, size: bytes, t_s: float, ends_s: float) -> None:
        first = float(self._inflation_mmhg or FIRST_INFLATION[size])
        arm = self._showing(t_s).arm
        if arm and arm.systolic_mmhg is not None:
            first = max(first, arm.systolic_mmhg + ABOVE_SYSTOLIC_MMHG)
        self._cycle = _Cycle(t_s, ends_s, first)

    def _over(self, reading: CuffReading | None) -> bytes:
        """Keep the result of the cycle that has ended, and say so."""
        self._cycle = None
        self._keep(reading or CuffReading(), 0 if reading else self._failure)
        return acknowledgement(FINISHED)

    def _keep(self, reading: CuffReading, error: int) -> None:
        self._result = result_reply(
            reading, error=error, status=self._status, test_codes=self._test_codes
        )

    def _is_busy(self) -> bool:
        return self._cycle is not None or self._stopped is not None

    def _answers(self, t_s: float) -> bytes:
        """The answers to every request that is whole; what is no request is dropped."""
        out = b""
        while (start := self._heard.find(FROM_HOST)) >= 0:
            del self._heard[:start]
            if len(self._heard) < 2:
                return out
            size = SIZES.get(self._heard[1])
            if size is None:  # nor is it known how long: what follows is passed over up to a 3A
                del self._heard[:2]
                out += acknowledgement(UNDEFINED)
                continue
            asked = bytes(self._heard[: 1 + size + 1])
            if len(asked) < 1 + size + 1:
                return out
            if sum(asked) & 0xFF:  # another request may begin within
                del self._heard[:1]
                out += acknowledgement(NOT_RECOGNISED)
                continue
            del self._heard[: len(asked)]
            out += self._answer(asked[1:-1], t_s)
        self._heard.clear()
        return out

    def _answer(self, asked: bytes, t_s: float) -> bytes:
        if asked == READ_PRESSURE:
            return pressure_reply(self._pressure_mmhg(t_s))
        if asked == ABORT:
            return self._abort(t_s)
        if asked == RESET:
            return self._reset(t_s)
        if self._is_busy():
            return acknowledgement(BUSY)
        if asked in FIRST_INFLATION:
            self._begin(asked, t_s, t_s + CYCLE_S)
            return acknowledgement(ACCEPTED)
        if asked == READ_RESULT:
            return self._result
        if asked == SELF_TEST.get(self._version[:2]):
            return frame(struct.pack("<H", self._self_test))
        if asked == MODULE_INFORMATION:
            return acknowledgement(ACCEPTED)
        if asked == READ_VERSION:
            return version_reply(self._version)
        if asked[0] == SET_INFLATION:
            (wanted,) = struct.unpack_from("<H", asked, 1)
            if LOWEST_INFLATION <= wanted <= HIGHEST_INFLATION:
                self._inflation_mmhg = wanted
                return acknowledgement(ACCEPTED)
        return acknowledgement(ERROR)  # a known request with something in it that it cannot have

    def _abort(self, t_s: float) -> bytes:
        """The letter at once and K when the cuff is empty, which it is where nothing ran."""
        if self._cycle is None:
            # While it empties the K of the first abort is still to come.
            is_empty = self._stopped is None
            return acknowledgement(self._abort_letter) + is_empty * acknowledgement(FINISHED)
        self._stopped = (t_s, self._cycle.pressure_mmhg(t_s))
        self._cycle = None
        self._watch.skip()
        self._keep(CuffReading(), STOPPED)
        return acknowledgement(self._abort_letter)

    def _reset(self, t_s: float) -> bytes:
        """Our choice: a cycle is forgotten without a K, and so are the result and the settings."""
        self._cycle = self._stopped = self._inflation_mmhg = None
        self._watch.skip()
        self._result = result_reply(CuffReading())
        self._awake_s = t_s + WAKES_AFTER_S
        return acknowledgement(ACCEPTED)

    def _pressure_mmhg(self, t_s: float) -> float | None:
        if t_s < self._awake_s:
            return None
        if self._cycle:
            return self._cycle.pressure_mmhg(t_s)
        if self._stopped:
            stopped_s, mmhg = self._stopped
            return mmhg * max(0.0, 1 - (t_s - stopped_s) / EMPTYING_S)
        return 0.0


def with_check(content: bytes) -> bytes:
    """The bytes and the one that makes their sum 0 modulo 256."""
    return content + bytes([-sum(content) & 0xFF])


def request(content: bytes) -> bytes:
    """What a host sends: 3A, the request, the check."""
    return with_check(bytes([FROM_HOST]) + content)


def frame(content: bytes) -> bytes:
    """What the module sends: 3E, the length of the whole frame, the content, the check."""
    return with_check(bytes([FROM_MODULE, len(content) + 3]) + content)


def acknowledgement(letter: bytes) -> bytes:
    return frame(letter)


def pressure_reply(mmhg: float | None) -> bytes:
    """The cuff pressure now; None: the module has no value."""
    return frame(struct.pack("<H", NO_VALUE if mmhg is None else _whole(mmhg, NO_VALUE - 1)))


def version_reply(text: str) -> bytes:
    return frame(text.encode("ascii").ljust(VERSION_SIZE)[:VERSION_SIZE])


def result_reply(
    reading: CuffReading,
    *,
    beats: int | None = None,
    error: int = 0,
    status: int = 0,
    test_codes: bytes = bytes(8),
    spare_17: int = 0,
    spare_21: bytes = bytes(2),
) -> bytes:
    """The result frame; what is not there is 0. ``beats``: by default those of the deflation."""
    rate = reading.pulse_bpm or 0.0
    return frame(
        struct.pack(
            "<HHBB8sBBHB2s",
            _whole(reading.systolic_mmhg, 0xFFFF),
            _whole(reading.diastolic_mmhg, 0xFFFF),
            _whole(rate * STEPS * STEP_S / 60 if beats is None else beats, 0xFF),
            status,
            test_codes,
            _whole(rate, 0xFF),
            spare_17,
            _whole(reading.mean_mmhg, 0xFFFF),
            error,
            spare_21,
        )
    )


def vector_frame(values: Mapping[str, Any]) -> bytes:
    """One reply from the words of a test vector, as tests/vectors/suntech.toml explains them.

    Raises ValueError for a key or a kind of reply that is not listed there.
    """
    given = dict(values)
    kind = given.pop("reply")
    if kind == "acknowledgement":
        wire = acknowledgement(given.pop("letter").encode("ascii"))
    elif kind == "cuff pressure":
        wire = pressure_reply(given.pop("pressure_mmhg", None))
    elif kind == "calibration":
        wire = frame(bytes(given.pop("data")))
    elif kind == "version":
        wire = version_reply(given.pop("text"))
    elif kind == "result":
        pressures = {
            name: given.pop(name, None)
            for name in ("systolic_mmhg", "diastolic_mmhg", "mean_mmhg", "pulse_bpm")
        }
        wire = result_reply(
            CuffReading(**pressures),
            beats=given.pop("beats"),
            error=given.pop("error"),
            status=given.pop("status"),
            test_codes=bytes(given.pop("test_codes")),
            spare_17=given.pop("spare_17"),
            spare_21=bytes(given.pop("spare_21")),
        )
    else:
        raise ValueError(f"vector: expected a documented reply, got {kind}")
    if given:
        raise ValueError(f"vector: expected only documented keys, got {', '.join(sorted(given))}")
    return wire


def _whole(number: float | None, largest: int) -> int:
    """What does not fit must not come out as another number: it is not there."""
    whole = 0 if number is None else math.floor(number + 0.5)
    return whole if 0 <= whole <= largest else 0
