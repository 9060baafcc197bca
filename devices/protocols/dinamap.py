"""How does a DINAMAP speak? Host Communications: short text commands, one answer each.

    unit | two letters | fields | check pair | CR      printable ASCII, 9600 8N1
    ' NA1' + two digits + '0014' + '118' '072' '089' + '&,' CR      the cuff: done, 14 s ago

The monitor is silent until it is asked. Public knowledge of this protocol is partial: what is read
here rests on two programs that ran against such monitors, not on a manual in our hands.

Sources: TK-BP (github.com/tnez/TK-BP), a laboratory's program for a DINAMAP PRO 200: commands,
positions, how a new result is known; GeV100SerialConn, an open program for a CARESCAPE V100 whose
comments quote GE's Host Communications Reference Manual 2010566: status digits, age in seconds.
Called TK and GV below. The check pair was worked out from TK's four commands; that replies carry
the same one is an inference. Nothing that is known of it tells which monitor it is, nor the time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import inf

from clinical.links import CuffOrder
from clinical.vitals import Metric, Observation, Quality, Source
from devices.protocols.line import Garbled, LineSettings
from devices.protocols.pieces import Pieces

# TK asks once a second; half as often finds a reading soon enough and leaves the line free.
SETTINGS = LineSettings(baud=9600, interval_s=2.0)

END = b"\r"
PRINTABLE = re.compile(rb"[ -~]*")
LETTERS = slice(1, 3)  # after the unit
START_LETTERS, CANCEL_LETTERS = b"NC", b"ND"  # the answer repeats them; what else it has is unknown
SHORTEST = 5  # characters: unit, two letters, check pair
MAX_PIECE = 120  # characters; the longest reply that is read has 21, and nobody says what follows
TOO_LONG = f"no carriage return in {MAX_PIECE} characters, more than any reply has"

CHECK_PAIR = 2  # characters: two lots of 6 bits, each above a space
CHECK_BASE = 0x1F  # taken from every character before it is added up
CHECK_BITS = 6
CHECK_MASK = 0x3F
SPACE = 0x20

# Reply to NA, TK: status digit, two characters unread, age, three pressures. More may follow.
NA_REPLY = re.compile(rb".NA(\d)..(.{4})(.{3})(.{3})(.{3})")
# Reply to RC, TK: a digit, the rate. Of RA, the other command for a rate, the digit is known: it
# names the source (GV). Here it is not; only that 0 names none is taken over.
RC_REPLY = re.compile(rb".RC(.)(.{3})")
NO_SOURCE = "0"
NUMBER = re.compile(rb" *(\d+)")  # so that dashes, spaces and GV's "-99" are no value

# Status digits of NA. TK takes 1 and gives up above 2; 0 is busy, 2 is not used (GV).
DONE = 1
BUSY = (0, 2)
HIGHEST_NOT_FAILED = 2
FAILURES = {
    3: "determination failed",
    4: "pump-up timeout",
    6: "total time timeout",
    7: "one-pressure timeout",
    8: "overpressure or excess air in cuff",
    9: "unknown NIBP status",
}
NO_AGE_S = 9999  # GV: none within the 5400 s that are counted

# No adult's cuff is inflated further (IEC 80601-2-30). More is no pressure.
HIGHEST_MMHG = 300
PULSE = range(20, 301)  # 1/min; a cuff finds no other

MORE_OF_STATUS, MORE_OF_RATE = ("more behind NA",), ("more behind RC",)  # that is not read
UNCHECKED = "check pair does not match"

METRICS = frozenset(
    {Metric.NIBP_SYSTOLIC, Metric.NIBP_DIASTOLIC, Metric.NIBP_MEAN, Metric.NIBP_PULSE}
)


class CuffNews(StrEnum):
    """What a reply says of the cuff that the ones before it did not."""

    NONE = "none"
    READING = "reading"
    FAILED = "failed"
    BLANK = "blank"  # done, but without a value


@dataclass(frozen=True, slots=True)
class CuffStatus:
    """Reply to NA: state of the cuff and its last result, pressures in mmHg.

    ``status``: 0 busy, 1 done, above 2 failed. ``age_s``: seconds since the result, None where
    they cannot be read or are too many to be counted. ``news`` and ``measurement_id`` are the
    Decoder's own. ``has_more``: characters follow that are not read. ``is_checked`` is False only
    where the Decoder was told to take replies whose check pair does not match.
    """

    offset: int
    unit: str
    status: int
    age_s: int | None
    systolic: int | None
    diastolic: int | None
    mean: int | None
    news: CuffNews
    measurement_id: str | None  # of a reading, else None
    is_checked: bool = True
    has_more: bool = False


@dataclass(frozen=True, slots=True)
class Rate:
    """Reply to RC: the pulse, 1/min. ``digit`` comes before it and is not understood.

    The Decoder's own: ``is_news``, the reading it belongs to (None: no one knows), and the age
    which that was told with.
    """

    offset: int
    unit: str
    digit: str
    rate: int | None
    is_news: bool
    measurement_id: str | None
    age_s: int
    is_checked: bool = True
    has_more: bool = False


@dataclass(frozen=True, slots=True)
class OtherReply:
    """Answer to a start or a cancel; what it says after its letters is unknown."""

    offset: int
    unit: str
    letters: str
    text: str
    is_checked: bool = True


Message = CuffStatus | Rate | OtherReply
_Pressures = tuple[int | None, int | None, int | None]  # systolic, diastolic, mean


def check_pair(text: bytes) -> bytes:
    """The two characters that follow ``text`` (unit, letters, fields)."""
    total = sum(text) - CHECK_BASE * len(text)
    return bytes([SPACE + (total >> CHECK_BITS & CHECK_MASK), SPACE + (total & CHECK_MASK)])


class Decoder:
    """Turns the line's bytes into replies; knows neither port nor time.

    ``strict`` off is for finding out why a monitor's replies are all garbled: it takes them whether
    or not their check pair matches, and says of each value that it is questionable.
    """

    def __init__(self, *, strict: bool = True) -> None:
        self._strict = strict
        self._pieces = Pieces(END, MAX_PIECE, TOO_LONG)
        self._cuff = _Cuff()

    def feed(self, data: bytes) -> list[Message | Garbled]:
        """Return the messages that ``data`` completes, in wire order; keep the rest."""
        return self._pieces.feed(data, self._parse)

    def end(self) -> list[Garbled]:
        """Nothing follows: give up the part of a frame that is held, and nothing else."""
        return self._pieces.end()

    def _parse(self, piece: bytes) -> Message | Garbled:
        """Read what stood before a carriage return."""
        if not PRINTABLE.fullmatch(piece):
            return Garbled(piece, "not all printable characters", self._pieces.offset)
        if len(piece) < SHORTEST:
            reason = f"{len(piece)} characters, expected at least {SHORTEST}"
            return Garbled(piece, reason, self._pieces.offset)
        text, sent = piece[:-CHECK_PAIR], piece[-CHECK_PAIR:]
        is_checked = (summed := check_pair(text)) == sent
        if not is_checked:
            if self._strict:
                reason = f"check pair {sent.decode()!r}, expected {summed.decode()!r}"
                return Garbled(piece, reason, self._pieces.offset)
            text = piece  # perhaps this monitor sends none
        if status := NA_REPLY.match(text):
            return self._status(text, status, is_checked)
        if rate := RC_REPLY.match(text):
            return self._rate(text, rate, is_checked)
        letters, words = text[LETTERS], text.decode()
        if letters not in (START_LETTERS, CANCEL_LETTERS):
            # A refusal, a result that is not there: no sign that the cuff can be read.
            return Garbled(
                piece, f"{words[LETTERS]!r}: no reply of a form that is known", self._pieces.offset
            )
        if letters == CANCEL_LETTERS:
            self._cuff.cancelled()
        return OtherReply(self._pieces.offset, words[0], words[LETTERS], words[3:], is_checked)

    def _status(self, text: bytes, fields: re.Match[bytes], is_checked: bool) -> CuffStatus:
        status, age_s = int(fields[1]), _number(fields[2])
        pressures = (_pressure(fields[3]), _pressure(fields[4]), _pressure(fields[5]))
        news, measurement_id = self._cuff.news(status, age_s, pressures)
        if age_s == NO_AGE_S:
            age_s = None
        unit, more = text[:1].decode(), len(text) > fields.end()
        told = (status, age_s, *pressures, news, measurement_id)
        return CuffStatus(self._pieces.offset, unit, *told, is_checked, more)

    def _rate(self, text: bytes, fields: re.Match[bytes], is_checked: bool) -> Rate:
        digit = fields[1].decode()
        rate = None if digit == NO_SOURCE else _number(fields[2])
        if rate not in PULSE:
            rate = None
        is_news, measurement_id, age_s = self._cuff.pulse(rate)
        unit, more = text[:1].decode(), len(text) > fields.end()
        told = (is_news, measurement_id, age_s)
        return Rate(self._pieces.offset, unit, digit, rate, *told, is_checked, more)


def _number(field: bytes) -> int | None:
    found = NUMBER.fullmatch(field)
    return int(found[1]) if found else None


def _pressure(field: bytes) -> int | None:
    """mmHg; None for zeros, dashes, spaces, and for what no cuff can hold."""
    value = _number(field)
    return value if value and value <= HIGHEST_MMHG else None


class _Cuff:
    """Which reply is the first to tell of a result? The monitor repeats it whenever asked.

    A result is new when its age has dropped since the one before (TK), or when a pressure has
    changed; the first one seen is new, however old. One without an age is not told: it may be of
    another day, and another patient.
    """

    def __init__(self) -> None:
        self._readings = 0
        self._age_s: int | None = None  # in the reply before
        self._is_renewed = False  # the age has dropped, and the result is not told yet
        self._pressures: _Pressures | None = None  # of the last reading
        self._was_failed = False  # and has been told
        self._was_blank = False  # and has been told
        self._without_pulse: str | None = None  # the reading that waits for its pulse
        self._reading_age_s = 0  # when that was told
        self._has_failed = False  # the last determination told of: a rate is not its own
        self._pulse: int | str | None = "not seen"  # the last one told

    def news(
        self, status: int, age_s: int | None, pressures: _Pressures
    ) -> tuple[CuffNews, str | None]:
        """What a reply to NA adds to those before it; with the name of a reading."""
        # Only of a result that is there does 9999 mean that it is old: while the cuff is busy, and
        # after a failure, the older result would look renewed when its age is back.
        if age_s is not None and (age_s != NO_AGE_S or status == DONE):
            self._is_renewed |= self._age_s is not None and age_s < self._age_s
            self._age_s = age_s
        is_failed = status > HIGHEST_NOT_FAILED
        if status in BUSY:
            self._was_failed = self._was_blank = False
        if status in BUSY or (not is_failed and age_s in (None, NO_AGE_S)):
            return CuffNews.NONE, None
        is_renewed, self._is_renewed = self._is_renewed, False
        is_told = (self._was_failed if is_failed else self._was_blank) and not is_renewed
        is_blank = not is_failed and pressures == (None, None, None)
        self._was_failed, self._was_blank = is_failed, is_blank
        if is_failed or is_blank:
            if is_told:
                return CuffNews.NONE, None
            self._without_pulse, self._has_failed = None, True
            return (CuffNews.FAILED if is_failed else CuffNews.BLANK), None
        if pressures == self._pressures and not is_renewed:
            return CuffNews.NONE, None
        self._pressures = pressures
        self._readings += 1
        self._without_pulse, self._has_failed = f"n{self._readings}", False
        self._reading_age_s = age_s or 0
        return CuffNews.READING, self._without_pulse

    def cancelled(self) -> None:
        """Take no age from before for a measure: what is there now is the result of before."""
        self._age_s, self._is_renewed = None, False

    def pulse(self, rate: int | None) -> tuple[bool, str | None, int]:
        """Whether ``rate`` is news, of which reading, and how old that was when it was told."""
        of = self._without_pulse
        if of is None and (self._has_failed or rate == self._pulse):
            return False, None, 0
        self._without_pulse, self._pulse = None, rate
        return True, of, self._reading_age_s if of else 0


def is_cuff_up(message: Message) -> bool | None:
    """Whether a determination runs; None for a reply that does not say."""
    return message.status in BUSY if isinstance(message, CuffStatus) else None


def unknown(message: Message) -> tuple[str, ...]:
    """Replies that are longer than what is known of them, and what follows START and CANCEL."""
    if isinstance(message, CuffStatus):
        return MORE_OF_STATUS if message.has_more else ()
    if isinstance(message, Rate):
        return MORE_OF_RATE if message.has_more else ()
    return (f"text of {message.letters}",) if message.text else ()


def translate(message: Message, observed_at: datetime) -> list[Observation]:
    """What ``message`` says, in Vigil's metrics; ``observed_at``: when it arrived.

    A reading was observed as long before as its age says. Its pulse comes in a reply of its own.
    A determination that failed is three pressures without a value, and the reason. An age is all
    that is told of time: ``device_time`` is None.
    """
    if isinstance(message, Rate):
        if not message.is_news:
            return []
        measured_at = observed_at - timedelta(seconds=message.age_s)
        id_ = message.measurement_id
        return [_seen(message, Metric.NIBP_PULSE, message.rate, measured_at, id_)]
    if not isinstance(message, CuffStatus) or message.news is CuffNews.NONE:
        return []
    measured_at = observed_at
    remarks: tuple[str, ...] = ()
    pressures: _Pressures = (message.systolic, message.diastolic, message.mean)
    if message.news is CuffNews.READING:
        measured_at -= timedelta(seconds=message.age_s or 0)
    else:
        pressures = (None, None, None)
    if message.news is CuffNews.FAILED:
        remarks = (FAILURES.get(message.status, f"determination failed, status {message.status}"),)
    metrics = (Metric.NIBP_SYSTOLIC, Metric.NIBP_DIASTOLIC, Metric.NIBP_MEAN)
    return [
        _seen(message, metric, value, measured_at, message.measurement_id, remarks)
        for metric, value in zip(metrics, pressures, strict=True)
    ]


def _seen(
    message: CuffStatus | Rate,
    metric: Metric,
    value: int | None,
    at: datetime,
    measurement_id: str | None,
    remarks: tuple[str, ...] = (),
) -> Observation:
    if not message.is_checked:
        remarks += (UNCHECKED,)
    if value is None:
        quality = Quality.UNAVAILABLE
    else:
        quality = Quality.VALID if message.is_checked else Quality.QUESTIONABLE
    number = None if value is None else float(value)
    return Observation(metric, number, quality, at, Source.NIBP, None, measurement_id, remarks)


def command(text: bytes) -> bytes:
    """What goes out for ``text``: with its check pair and the carriage return."""
    return text + check_pair(text) + END


STATUS = command(b" NA")
RATE = command(b" RC")
START = command(b" NC0")
CANCEL = command(b" ND")

POLL_S = SETTINGS.interval_s
ANSWER_WITHIN_S = 2.0
RATE_TRIES = 3  # the monitor may have been busy, or the answer lost
CANCEL_TRIES = 2  # one more costs nothing; a start is never said twice
CANCEL_KEPT_S = 10.0  # while the cable is out
# A determination that was ordered runs until the monitor says otherwise. Just after the order it
# may still say what was before; and a lost order must not block the next one for ever.
RUNS_AT_LEAST_S = 5.0
RUNS_AT_MOST_S = 180.0


class Talk:
    """What is said to the monitor, and when. All times are monotonic seconds; no I/O.

    One command at a time: the next waits for the answer or 2 s. Only a cancel waits for nothing.
    """

    def __init__(self) -> None:
        self._waiting: bytes | None = None  # the command that has no answer yet
        self._answer_by_s = inf
        self._poll_s = inf
        self._rate_tries = 0  # left
        self._cancel_tries = 0  # left
        self._cancelled_s = -inf  # when a cancel was ordered that has no answer yet
        self._wants_start = False
        self._started_s = -inf  # the determination that was ordered and may still run

    @property
    def interval_s(self) -> float:
        """Seconds between two replies."""
        return POLL_S

    def opening(self, now_s: float) -> bytes:
        """What to send on an open port.

        A start from before is void: nobody expects it now. A cancel of just before may have gone
        with the cable, and goes out again.
        """
        self._waiting, self._poll_s = None, now_s
        self._rate_tries = 0
        self._cancel_tries = CANCEL_TRIES if now_s - self._cancelled_s <= CANCEL_KEPT_S else 0
        self._wants_start = False
        self._started_s = -inf
        return self._next(now_s)

    def heard(self, message: Message, now_s: float) -> bytes:
        """What to send on ``message``: whatever waited for it."""
        if isinstance(message, CuffStatus):
            if message.news is CuffNews.READING:
                self._rate_tries = RATE_TRIES
            if message.status not in BUSY and now_s - self._started_s >= RUNS_AT_LEAST_S:
                self._started_s = -inf
        if self._waiting is None or _letters(message) != self._waiting[LETTERS]:
            return b""  # a late answer to another command; the right one may still come
        if self._waiting == RATE:
            self._rate_tries = 0
        elif self._waiting == CANCEL:
            self._cancel_tries, self._cancelled_s = 0, -inf
        self._waiting = None
        return self._next(now_s)

    def due(self, now_s: float) -> tuple[bytes, float]:
        """What to send by now (perhaps nothing), and when to come back."""
        if self._waiting is not None and now_s < self._answer_by_s:
            return b"", self._answer_by_s
        self._waiting = None
        said = self._next(now_s)
        return said, self._answer_by_s if said else self._poll_s

    def order(self, order: CuffOrder, now_s: float) -> bytes:
        """Start or cancel a determination: at once, or a start right after the next answer.

        While one that was ordered runs, there is nothing to start.
        """
        if order is CuffOrder.CANCEL:
            self._wants_start = False
            self._started_s = -inf
            self._cancel_tries, self._cancelled_s = CANCEL_TRIES, now_s
            self._waiting = None
            return self._next(now_s)
        if now_s - self._started_s < RUNS_AT_MOST_S:
            return b""
        self._cancel_tries, self._cancelled_s = 0, -inf
        self._wants_start = True
        return b"" if self._waiting is not None else self._next(now_s)

    def closing(self) -> bytes:
        """Nothing: a determination that runs may end, the monitor sees to that."""
        return b""

    def _next(self, now_s: float) -> bytes:
        """What is to be said first, while nothing waits for an answer."""
        if self._cancel_tries:
            self._cancel_tries -= 1
            return self._say(CANCEL, now_s)
        if self._wants_start:
            self._wants_start = False
            self._started_s = now_s
            return self._say(START, now_s)
        if now_s >= self._poll_s:
            self._poll_s = now_s + POLL_S
            return self._say(STATUS, now_s)
        if self._rate_tries:
            self._rate_tries -= 1
            return self._say(RATE, now_s)
        return b""

    def _say(self, command: bytes, now_s: float) -> bytes:
        self._waiting, self._answer_by_s = command, now_s + ANSWER_WITHIN_S
        return command


def _letters(message: Message) -> bytes:
    if isinstance(message, CuffStatus):
        return STATUS[LETTERS]
    return RATE[LETTERS] if isinstance(message, Rate) else message.letters.encode()
