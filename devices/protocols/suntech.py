"""How does a SunTech OEM cuff module speak? Advantage and LX: short binary frames on request.

    to it:    3A | command bytes | check                    9600 8N1
    from it:  3E | length of the whole frame | data | check    16 bits: least significant byte first

The bytes of a frame add up to 0 modulo 256. The module speaks when it is asked, and once unasked:
when a cycle is over. Nothing but the length tells one kind of reply from another.

There is no serial number and no time in it. There is a version text, which is not asked for: the
question is answered with O and K (NP), the letters that also begin and end a cycle, so that a cycle
that runs would seem to be over.

Sources: DesktopFX (github.com/ak-git/DesktopFX, appliance/suntech): requests, reader, and unit
tests that quote the module's manual; SuntechProvider of the nPM patient monitor, two generations:
commands, letters, error codes, timing. Called DF and NP below.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import inf
from struct import Struct

from clinical.links import CuffOrder
from clinical.vitals import CUFF, Metric, Observation, Quality, Source
from devices.protocols.line import Garbled, LineSettings, cut_off

SETTINGS = LineSettings(baud=9600, interval_s=2.0)  # while no cycle runs

TO_MODULE = b"\x3a"
FROM_MODULE = 0x3E
MODULO = 256

# Length of the whole frame tells what it is (DF, NP).
ACKNOWLEDGEMENT, CUFF_PRESSURE, CALIBRATION, RESULT, VERSION = 4, 5, 6, 24, 67
LENGTHS = frozenset({ACKNOWLEDGEMENT, CUFF_PRESSURE, CALIBRATION, RESULT, VERSION})
MAX_PIECE = VERSION
HEAD = 4  # bytes: start, length, and two that tell whether a long reply may begin so

NO_PRESSURE = 0xFFFF  # NP
PRESSURE = Struct("<H")
# DF: systolic, diastolic, beats, status, 8 test codes, heart rate, spare, mean, error, 2 spare
RESULT_FIELDS = Struct("<HHBB8sBxHBxx")

# No adult's cuff is inflated further (IEC 80601-2-30). More is no pressure.
HIGHEST_MMHG = 300

# How the long replies begin. Noise that looks like the head of one must not swallow what follows
# until there are enough bytes for a sum: at one short reply in 2 s that is half a minute.
VERSIONS = (b"LX", b"SB")  # NP
NO_SYSTOLIC = 0x200  # no sensor of such a module says that; FFFF may stand for no value

# Error codes of a result, 0 is good (NP, its newer generation; the older one omits 86 and reads
# the tens digits as hexadecimal, taken for a mistake of that program).
FAILURES = {
    1: "weak or no signal",
    2: "erratic signal or movement",
    3: "result out of range",
    4: "measurement time exceeded",
    85: "pneumatic blockage",
    86: "stopped by the user",
    87: "leak or loose cuff",
    88: "safety time-out",
    89: "cuff over-pressure",
    90: "supply or hardware fault",
    91: "safety override or auto-zero fault",
    97: "transducer out of range",
    99: "calibration data failure",
}

# From here on a cuff on an arm is being inflated; an open one shows a few mmHg at most.
INFLATED_MMHG = 20

METRICS = frozenset(CUFF)


class Letter(StrEnum):
    """What an acknowledgement says (NP)."""

    ACCEPTED = "O"
    FINISHED = "K"  # after a start: the cycle is over
    ABORTED = "A"
    BUSY = "B"
    ERROR = "E"
    UNDEFINED = "N"
    NOT_RECOGNISED = "D"
    ASLEEP = "S"
    TIME_OUT = "T"


LETTERS = {ord(letter): letter for letter in Letter}


class CuffNews(StrEnum):
    """What a result says that was not said before."""

    NONE = "none"
    READING = "reading"
    NO_READING = "no reading"  # it failed, or has no value


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Answer to a start or an abort, a refusal, or the end of a cycle."""

    offset: int
    letter: Letter


@dataclass(frozen=True, slots=True)
class CuffPressure:
    """Pressure in the cuff now, mmHg; None where there is none. Progress, not a reading.

    The answer to a request for a self-test looks the same; Vigil sends none.
    """

    offset: int
    mmhg: int | None


@dataclass(frozen=True, slots=True)
class Result:
    """What the last cycle gave, as sent: mmHg and 1/min, 0 where there is no value.

    ``error`` 0 is good. ``news`` and ``measurement_id`` are the Decoder's own.
    """

    offset: int
    systolic: int
    diastolic: int
    beats: int
    status: int
    test_codes: bytes
    heart_rate: int
    mean: int
    error: int
    news: CuffNews
    measurement_id: str | None  # of a reading, else None


@dataclass(frozen=True, slots=True)
class OtherReply:
    """A calibration or a version text: answers to questions that Vigil does not ask."""

    offset: int
    content: bytes


Message = Acknowledgement | CuffPressure | Result | OtherReply


class Decoder:
    """Turns the line's bytes into replies; knows neither port nor time."""

    def __init__(self) -> None:
        self._tail = b""
        self._offset = 0  # of the first byte of the tail
        self._last: bytes | None = None  # content of the last result
        self._readings = 0
        self._is_inflated = False  # the cuff
        # Since that result:
        self._has_risen = False  # the cuff's pressure, from an empty one
        self._was_stopped = False
        self._has_ended = False

    def feed(self, data: bytes) -> list[Message | Garbled]:
        """Return the messages that ``data`` completes, in wire order; keep the rest.

        Junk is told up to the next byte that may begin a frame; a frame that is none gives up its
        first byte only, for the next one may begin inside it.
        """
        found: list[Message | Garbled] = []
        buffer, at = self._tail + data, 0
        while at < len(buffer):
            reason, length = _judged(buffer, at)
            if reason is None:
                if not length or at + length > len(buffer):
                    break
                end = at + length
                found.append(self._read(buffer[at + 2 : end - 1], self._offset + end))
                at = end
                continue
            end = buffer.find(FROM_MODULE, at + 1, at + MAX_PIECE)
            if end < 0:
                end = at + MAX_PIECE
                if end > len(buffer):
                    break
            found.append(Garbled(buffer[at:end], reason, self._offset + end))
            at = end
        self._tail = buffer[at:]
        self._offset += at
        return found

    def end(self) -> list[Garbled]:
        """Nothing follows: give up the part of a frame that is held, and nothing else."""
        held, self._tail = self._tail, b""
        self._offset += len(held)
        return cut_off(held, self._offset)

    def _read(self, content: bytes, offset: int) -> Message:
        """Read what stands between length and check of a sound frame."""
        length = len(content) + 3
        if length == ACKNOWLEDGEMENT:
            return self._acknowledged(LETTERS[content[0]], offset)
        if length == CUFF_PRESSURE:
            (mmhg,) = PRESSURE.unpack(content)
            return self._felt(mmhg, offset)
        if length == RESULT:
            return self._result(content, offset)
        return OtherReply(offset, content)

    def _felt(self, mmhg: int, offset: int) -> CuffPressure:
        """Note a cycle: it begins where the pressure rises from an empty cuff."""
        if mmhg == NO_PRESSURE:
            return CuffPressure(offset, None)
        was_inflated, self._is_inflated = self._is_inflated, mmhg >= INFLATED_MMHG
        if self._is_inflated and not was_inflated:
            self._has_risen, self._was_stopped, self._has_ended = True, False, False
        return CuffPressure(offset, mmhg)

    def _acknowledged(self, letter: Letter, offset: int) -> Acknowledgement:
        """Note a stop, and an end. A stop is accepted like a start, but while the cuff is full."""
        if letter is Letter.ABORTED:
            self._was_stopped = True
        elif letter is Letter.FINISHED:
            self._has_ended = True
        elif letter is Letter.ACCEPTED:
            if self._is_inflated and self._has_risen:
                self._was_stopped = True
            else:
                self._is_inflated = self._has_risen = self._was_stopped = self._has_ended = False
        return Acknowledgement(offset, letter)

    def _result(self, content: bytes, offset: int) -> Result:
        """Add to the fields what is new: the module repeats its last result whenever asked.

        One that has not changed in a bit is another reading only where a cycle was seen since: the
        cuff filled, nobody stopped it, and its end was told. A failure needs no more than the end.
        """
        systolic, diastolic, beats, status, codes, rate, mean, error = RESULT_FIELDS.unpack(content)
        is_other = error != 0 or (self._has_risen and not self._was_stopped)
        is_new = content != self._last or (self._has_ended and is_other)
        self._last = content
        self._is_inflated = True  # what it still holds is of that cycle
        self._has_risen = self._was_stopped = self._has_ended = False
        news, measurement_id = CuffNews.NONE, None
        if is_new:
            has_value = any(map(_pressure, (systolic, diastolic, mean)))
            news = CuffNews.READING if has_value and error == 0 else CuffNews.NO_READING
        if news is CuffNews.READING:
            self._readings += 1
            measurement_id = f"n{self._readings}"
        fields = (systolic, diastolic, beats, status, codes, rate, mean, error)
        return Result(offset, *fields, news, measurement_id)


def _judged(buffer: bytes, at: int) -> tuple[str | None, int]:
    """Why no frame begins at ``at``; or None, and its length as far as it can be known (else 0)."""
    if buffer[at] != FROM_MODULE:
        return "no frame begins here", 0
    if at + 1 == len(buffer):
        return None, 0
    length = buffer[at + 1]
    if length not in LENGTHS:
        return f"length {length}: no frame has that", 0
    frame = buffer[at : at + length]
    if len(frame) >= HEAD and (reason := _misbegun(length, frame[2:HEAD])):
        return reason, 0
    if len(frame) == length:
        if left := sum(frame) % MODULO:
            return f"the bytes add up to {left:02X}, expected 00", 0
        if length == ACKNOWLEDGEMENT and frame[2] not in LETTERS:
            return f"acknowledgement {frame[2]:02X}: no such letter", 0
    return None, length


def _misbegun(length: int, begin: bytes) -> str | None:
    """Why a reply of ``length`` that is long to wait for has not ``begin`` after its length."""
    if length == VERSION and begin not in VERSIONS:
        return f"a version text that begins with {begin.hex(' ').upper()}: none does"
    if length == RESULT and NO_SYSTOLIC <= (systolic := PRESSURE.unpack(begin)[0]) < NO_PRESSURE:
        return f"a result of {systolic} mmHg: none has that"
    return None


def _pressure(sent: int) -> int | None:
    """mmHg; None for 0, and for what no cuff can hold."""
    return sent if 0 < sent <= HIGHEST_MMHG else None


def is_cuff_up(message: Message) -> bool | None:
    """Whether a cuff on an arm holds pressure; None for a reply that does not say."""
    if not isinstance(message, CuffPressure) or message.mmhg is None:
        return None
    return message.mmhg >= INFLATED_MMHG


def unknown(message: Message) -> tuple[str, ...]:
    """Fields of a result that hold something and are not read; replies that were not asked for."""
    if isinstance(message, Result):
        shown = {
            "beats": message.beats,
            "status": message.status,
            "test codes": any(message.test_codes),
        }
        return tuple(name for name, sent in shown.items() if sent)
    if isinstance(message, OtherReply):
        return ("version text" if message.content[:2] in VERSIONS else "calibration",)
    return ()


def translate(message: Message, observed_at: datetime) -> list[Observation]:
    """What ``message`` says, in Vigil's metrics; ``observed_at``: when it arrived.

    A result with an error has no values, whatever stands in its fields, but its reason. The module
    has no clock: ``device_time`` is None.
    """
    if not isinstance(message, Result) or message.news is CuffNews.NONE:
        return []
    values: list[int | None] = [None] * len(CUFF)
    remarks: tuple[str, ...] = ()
    if message.news is CuffNews.READING:
        pressures = (message.systolic, message.diastolic, message.mean)
        values = [*map(_pressure, pressures), message.heart_rate or None]
    elif message.error:
        remarks = (FAILURES.get(message.error, f"failed, code {message.error}"),)

    def seen(metric: Metric, value: int | None) -> Observation:
        quality = Quality.UNAVAILABLE if value is None else Quality.VALID
        number = None if value is None else float(value)
        name = message.measurement_id
        return Observation(metric, number, quality, observed_at, Source.NIBP, None, name, remarks)

    return [seen(metric, value) for metric, value in zip(CUFF, values, strict=True)]


def command(*content: int) -> bytes:
    """What goes out for ``content``: with its start byte and its check."""
    frame = TO_MODULE + bytes(content)
    return frame + bytes([-sum(frame) % MODULO])


START = command(0x20)  # adult
ABORT = command(0x79, 0x01, 0x00)
READ_PRESSURE = command(0x79, 0x05, 0x00)
READ_RESULT = command(0x79, 0x03, 0x00)

IDLE_POLL_S = SETTINGS.interval_s
CYCLE_POLL_S = 0.5  # NP: 0.2 s; a number that nobody reads in between needs no more
SPACING_S = 0.1  # NP: between two commands
ANSWER_WITHIN_S = 1.0  # NP: five polls without an answer are a lost module

REST_S = 30.0  # from the end of a cycle to the next start, so that the arm's blood can return
BUSY_AGAIN_S = 2.0
BUSY_UNTIL_S = 30.0  # a start that the module will not take by then is void
ABORT_SETTLES_S = 2.0  # the end that it tells after an abort must not pass for the next cycle's
ABORT_TRIES = 3  # while it is not answered
ABORT_AGAIN_S = 2.0  # answered or not, while the cuff is still inflated
CANCEL_LASTS_S = 60.0  # then the module will not be stopped from here
RESULT_TRIES = 10
RESULT_AGAIN_S = 1.0

# When a cycle is over although nobody said so:
NO_SIGN_S = 10.0  # a start without an answer, and the cuff stayed empty
EMPTY_S = 5.0  # the cuff is empty again
STOPPED_S = 10.0  # after a cancel, and the cuff stayed empty
LONGEST_CYCLE_S = 180.0  # no adult's cuff may stay inflated longer (IEC 80601-2-30)


class Talk:
    """What is said to the module, and when. All times are monotonic seconds; no I/O.

    One command at a time: the next waits for the answer or 1 s. Only an abort waits for nothing.
    A cycle is started by an order and by nothing else. What ends a cancel is an empty cuff: no
    letter does, for one may be the answer to something else, and what it promises need not happen.
    """

    def __init__(self) -> None:
        self._waiting: bytes | None = None  # the command that has no answer yet
        self._answer_by_s = inf
        self._sent_s = -inf
        self._poll_s = inf
        self._wants_start = False
        self._start_s = inf  # not before
        self._start_until_s = inf
        self._start_heard_by_s = -inf  # the first letter until then is the answer to a start
        self._cancel: _Cancel | None = None  # that may not have stopped the cuff yet
        self._abort_s = -inf  # when the last one was said
        self._abort_tries = 0  # left
        self._result_tries = 0  # left
        self._result_s = inf  # not before
        self._cycle: _Cycle | None = None  # that runs
        self._ended_s = -inf  # the one before
        self._was_empty = True  # the cuff, since then: what is left in it is no new cycle

    @property
    def interval_s(self) -> float:
        """Seconds between two replies, while no cycle runs; then they come faster."""
        return IDLE_POLL_S

    def opening(self, now_s: float) -> bytes:
        """What to send on an open port.

        A start from before is void: nobody expects it now. A cancel goes out again, for it may have
        gone with the cable. A cycle that ran when the cable went may have ended unheard: its result
        is read, but not so late that an old one would pass for new.
        """
        self._waiting, self._sent_s, self._poll_s = None, -inf, now_s
        self._start_heard_by_s = -inf
        self._wants_start = False
        self._abort_tries = ABORT_TRIES if self._live_cancel(now_s) else 0
        self._was_empty = True
        if now_s - self._ended_s > LONGEST_CYCLE_S:
            self._result_tries = 0
        if self._cycle is not None:
            if now_s - self._cycle.began_s > LONGEST_CYCLE_S:
                self._cycle = None
            else:
                self._cycle.was_inflated = self._cycle.is_certain
        return self._next(now_s)

    def heard(self, message: Message, now_s: float) -> bytes:
        """What to send on ``message``: whatever waited for it."""
        if isinstance(message, Acknowledgement):
            self._acknowledged(message.letter, now_s)
        elif isinstance(message, CuffPressure):
            self._felt(message.mmhg, now_s)
            self._answered(READ_PRESSURE)
        elif isinstance(message, Result):
            self._result_tries = 0
            self._answered(READ_RESULT)
        return self._next(now_s)

    def due(self, now_s: float) -> tuple[bytes, float]:
        """What to send by now (perhaps nothing), and when to come back."""
        if self._waiting is not None and now_s >= self._answer_by_s:
            self._waiting = None
        if self._cycle is not None and now_s >= self._cycle.over_by_s:
            self._end_cycle(now_s)
        said = self._next(now_s)
        return said, self._wake_s()

    def order(self, order: CuffOrder, now_s: float) -> bytes:
        """Start or cancel a cycle.

        A cancel goes out at once. A start does where nothing waits for an answer and the last cycle
        ended 30 s ago, else as soon as that is so. While a cycle runs there is nothing to start,
        unless it is being cancelled.
        """
        if order is CuffOrder.CANCEL:
            self._wants_start = False
            self._abort_tries = ABORT_TRIES - 1
            self._cancel = _Cancel(now_s)
            if self._cycle is not None:
                self._cycle.cancelled_s = now_s
            return self._say(ABORT, now_s)
        is_running = self._cycle is not None and not self._cycle.is_cancelled
        if not is_running and not self._wants_start:
            self._wants_start = True
            self._start_s, self._start_until_s = now_s, inf
        is_time = self._wants_start and now_s >= self._may_start_s
        return self._next(now_s) if is_time else b""

    def closing(self) -> bytes:
        """Nothing: a cycle that runs may end, the module sees to that."""
        return b""

    def _acknowledged(self, letter: Letter, now_s: float) -> None:
        """Take an acknowledgement as the answer it must be, or as news of the cycle.

        The module answers in turn: what comes first after a start is the start's, though an abort
        has gone out since.
        """
        is_stop = letter is Letter.FINISHED or letter is Letter.ABORTED
        is_starts = now_s <= self._start_heard_by_s and not is_stop
        self._start_heard_by_s = -inf
        if is_starts:
            self._start_answered(letter, now_s)
        elif letter is Letter.ACCEPTED and self._waiting != ABORT:
            if self._cycle is not None:
                self._cycle.is_certain = True
        elif is_stop or letter is Letter.ACCEPTED:
            self._answered(START, ABORT)
            self._abort_tries = 0
            if letter is Letter.FINISHED and self._cycle is not None:
                self._cycle.is_certain |= not self._cycle.is_cancelled
                self._end_cycle(now_s)
        else:
            self._waiting = None

    def _start_answered(self, letter: Letter, now_s: float) -> None:
        self._answered(START)
        cycle = self._cycle
        if letter is Letter.ACCEPTED:
            if cycle is not None:
                cycle.is_certain = True
            return
        self._wants_start |= letter is Letter.BUSY and cycle is not None and not cycle.is_cancelled
        self._cycle = None
        self._start_s = now_s + BUSY_AGAIN_S

    def _felt(self, mmhg: int | None, now_s: float) -> None:
        """Follow the cycle by the pressure in the cuff; where there is none, nothing is known."""
        if mmhg is None:
            return
        is_inflated = mmhg >= INFLATED_MMHG
        cancel = self._live_cancel(now_s)
        if cancel is not None:
            self._stop(cancel, is_inflated, now_s)
        if is_inflated and self._cycle is None and self._was_empty:
            # Somebody else's, or one that was running when the port was opened; or the one that was
            # cancelled, and inflates all the same.
            self._begin_cycle(now_s, None if cancel is None else cancel.ordered_s)
        self._was_empty |= not is_inflated
        if self._cycle is None:
            return
        if is_inflated:
            self._cycle.is_certain = self._cycle.was_inflated = True
            self._cycle.empty_s = None
        elif self._cycle.was_inflated and self._cycle.empty_s is None:
            self._cycle.empty_s = now_s

    def _live_cancel(self, now_s: float) -> _Cancel | None:
        """The cancel that may not have stopped the cuff yet."""
        cancel = self._cancel
        if cancel is None or now_s > cancel.ordered_s + CANCEL_LASTS_S:
            return None
        is_done = now_s >= max(cancel.empty_s, self._abort_s) + STOPPED_S
        return None if is_done else cancel

    def _stop(self, cancel: _Cancel, is_inflated: bool, now_s: float) -> None:
        """See whether ``cancel`` has done what it should, and say it again where it has not."""
        if not is_inflated:
            cancel.empty_s = min(cancel.empty_s, now_s)
            return
        cancel.empty_s = inf
        if now_s >= self._abort_s + ABORT_AGAIN_S:
            self._abort_tries = max(self._abort_tries, 1)

    def _begin_cycle(self, now_s: float, cancelled_s: float | None = None) -> None:
        self._cycle = _Cycle(now_s, cancelled_s=cancelled_s)
        self._wants_start = False
        self._result_tries = 0
        self._poll_s = min(self._poll_s, now_s + CYCLE_POLL_S)

    def _end_cycle(self, now_s: float) -> None:
        """Read the result of a cycle that there was; of a cancelled one it would be an old one."""
        cycle, self._cycle = self._cycle, None
        if cycle is None or not cycle.is_certain:
            return
        self._was_empty = False
        self._ended_s = now_s
        if not cycle.is_cancelled:
            self._result_s = now_s
            self._result_tries = RESULT_TRIES

    def _answered(self, *commands: bytes) -> None:
        """End the wait, if it is for the answer to one of ``commands``."""
        if self._waiting in commands:
            self._waiting = None

    def _next(self, now_s: float) -> bytes:
        """What is to be said first, if anything may be said now."""
        if self._waiting is not None or now_s < self._sent_s + SPACING_S:
            return b""
        if self._abort_tries:
            self._abort_tries -= 1
            return self._say(ABORT, now_s)
        if self._wants_start and now_s > self._start_until_s:
            self._wants_start = False
        if self._wants_start and now_s >= self._may_start_s:
            self._start_until_s = min(self._start_until_s, now_s + BUSY_UNTIL_S)
            self._cancel = None
            self._begin_cycle(now_s)
            return self._say(START, now_s)
        if self._result_tries and now_s >= self._result_s:
            self._result_tries -= 1
            self._result_s = now_s + RESULT_AGAIN_S
            return self._say(READ_RESULT, now_s)
        if now_s >= self._poll_s:
            self._poll_s = now_s + (IDLE_POLL_S if self._cycle is None else CYCLE_POLL_S)
            return self._say(READ_PRESSURE, now_s)
        return b""

    @property
    def _may_start_s(self) -> float:
        """When the next cycle may be started; inf: nobody knows yet."""
        if self._cycle is not None:
            return inf
        return max(self._start_s, self._ended_s + REST_S, self._abort_s + ABORT_SETTLES_S)

    def _say(self, command: bytes, now_s: float) -> bytes:
        self._waiting, self._answer_by_s = command, now_s + ANSWER_WITHIN_S
        self._sent_s = now_s
        if command == START:
            self._start_heard_by_s = self._answer_by_s
        elif command == ABORT:
            self._abort_s = now_s
        return command

    def _wake_s(self) -> float:
        """When something is due next, as far as it can be known now."""
        over_by_s = inf if self._cycle is None else self._cycle.over_by_s
        if self._waiting is not None:
            return min(self._answer_by_s, over_by_s)
        next_s = self._poll_s
        if self._abort_tries:
            next_s = self._sent_s
        if self._wants_start:
            next_s = min(next_s, self._may_start_s)
        if self._result_tries:
            next_s = min(next_s, self._result_s)
        return min(max(next_s, self._sent_s + SPACING_S), over_by_s)


@dataclass(slots=True)
class _Cancel:
    """A cancel that was ordered: all times monotonic seconds."""

    ordered_s: float
    empty_s: float = inf  # since when the cuff is empty


@dataclass(slots=True)
class _Cycle:
    """A cycle as far as it is known: all times monotonic seconds."""

    began_s: float  # or was first seen
    is_certain: bool = False  # the module took the start, or the cuff was inflated
    cancelled_s: float | None = None  # when; whether or not an abort was taken
    was_inflated: bool = False
    empty_s: float | None = None  # since when the cuff is empty again

    @property
    def is_cancelled(self) -> bool:
        return self.cancelled_s is not None

    @property
    def over_by_s(self) -> float:
        """When it is over at the latest, though no end was told."""
        if not self.is_certain:
            return self.began_s + NO_SIGN_S
        over_by_s = self.began_s + LONGEST_CYCLE_S
        if self.empty_s is not None:
            over_by_s = min(over_by_s, self.empty_s + EMPTY_S)
        if self.cancelled_s is not None and not self.was_inflated:
            over_by_s = min(over_by_s, self.cancelled_s + STOPPED_S)
        return over_by_s
