"""Which monitor is at the other end of a line? Listened to first; asked only what harms nobody.

Rounds follow each other until one of them is understood: first nothing is said, at every line
setting that a monitor may have; then each protocol that is harmless says its own opening. What a
round is, and what its bytes mean, are pure functions; ``detect`` alone opens a port and waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from math import inf
from typing import Any, NamedTuple

from clinical.clock import Clock
from clinical.identity import Identity
from clinical.vitals import Metric, Observation, unit_of
from devices.ports import NotThere, OpenPort, Port, describe_loss, has_speed, open_port
from devices.protocols.line import Garbled, LineSettings
from devices.registry import PROTOCOLS, Message, ProtocolEntry

LONGEST_S = 20.0  # what is promised to whoever waits
READ_WITHIN_S = 0.05
RAW_MOST = 4096  # bytes

# A monitor that talks unasked does so within its interval, and is heard at any speed: at a wrong
# one as rubbish. Where the first round was silent, the others need only a moment.
AND_A_BIT_S = 0.5
MOMENT_S = 0.15
FEWEST_BYTES = 20  # of a round, or it is a spark on an open line and nobody who talks
GROWN = 1.25  # times what was judged before, or a pause, and it is judged again
MOST_BYTES = 32768  # of a round; whoever says more and is not understood will not be

# How long a monitor takes to answer what its protocol says first; without a line here: 2 s. Words
# in text come first: those of others that went before would stand in the same line of theirs.
ANSWERS_WITHIN_S = {
    "suntech": 0.8,
    "dinamap": 1.3,
    "capnostream": 0.8,  # it is enabled twice a second
    "philips-intellivue": 2.5,  # asked again after 2 s: the first may only have ended an old one
    "ge-dri": 6.5,  # asked in five ways, as below; then its next record, each 5 s by its manual
}
USUALLY_WITHIN_S = 2.0
# Who does not answer so soon is asked what its protocol would ask after a long silence. An older
# GE monitor understands only another request than the first, and each may come at any time (CI).
IMPATIENT_AFTER_S = {"ge-dri": 1.2}
# Once something was understood: for the record after it, for values and for the name.
GOES_ON_S = 2.5

# Of the bytes that were judged, at least so many must make sense. Half a frame at the beginning,
# and a bad cable, are no reason to miss a monitor; noise that passes a one-byte check is.
SOUND_SHARE = 0.5
FEWEST = {True: 1, False: 2}  # frames, with a checksum and without
UNKNOWN_MOST = 50

NO_SPEED = "a port without a speed of its own"


@dataclass(frozen=True, slots=True)
class Round:
    """One try: with ``settings``, understood as any of ``names``, for ``window_s`` (clock s).

    ``asks``: whose opening is said; "" only listens.
    """

    settings: LineSettings
    names: tuple[str, ...]
    window_s: float
    asks: str = ""


class Tried(NamedTuple):
    """``settings`` as manuals print them, ``said``: whose opening, or "" ; ``heard`` in bytes."""

    settings: str
    said: str
    heard: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """What bytes mean as one protocol. Of the sound ``frames`` the ``good`` ones prove a monitor,
    and the ``telling`` ones hold what only it can say; ``share`` of the bytes made sense.
    Observations: the newest of each metric."""

    name: str
    frames: int = 0
    good: int = 0
    telling: int = 0
    share: float = 0.0
    identity: Identity | None = None
    observations: tuple[Observation, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Detection:
    """What is at ``port``. ``name`` in the registry, None where nothing was understood; ``rivals``
    are others that understand it as well: then it is doubtful. ``raw`` are the newest bytes of the
    round that was understood, or of that in which most came."""

    port: str
    device: str
    name: str | None
    title: str
    settings: LineSettings | None
    identity: Identity | None
    observations: tuple[Observation, ...]
    unknown: tuple[str, ...]
    raw: bytes
    tried: tuple[Tried, ...]
    rivals: tuple[str, ...] = ()
    not_tried: int = 0  # rounds
    is_talking: bool = False  # unasked, and not understood: then nothing was said
    is_echo: bool = False  # what came is what we said


# --- the plan -------------------------------------------------------------------------------------


def plan(entries: Mapping[str, ProtocolEntry], is_settable: bool) -> tuple[Round, ...]:
    """All rounds in their order: listening, then asking; first as monitors are usually set.

    ``is_settable``: the port has a speed; else one round of listening serves for all.
    """
    listening = _listening(entries, is_settable)
    return *listening, *_asking(entries, is_settable, listening[0].settings)


def _listening(entries: Mapping[str, ProtocolEntry], is_settable: bool) -> list[Round]:
    window_s = AND_A_BIT_S + max(
        (each.settings.interval_s for each in entries.values() if _talks_unasked(each)), default=1.0
    )
    if not is_settable:
        (first, *_) = entries.values()
        return [Round(first.settings, tuple(entries), window_s)]
    usual: dict[LineSettings, list[str]] = {}
    other: dict[LineSettings, list[str]] = {}
    for name, entry in entries.items():
        usual.setdefault(as_set(entry.settings), []).append(name)
    for name, entry in entries.items():
        for settings in map(as_set, entry.also):
            (usual if settings in usual else other).setdefault(settings, []).append(name)
    # The one that most monitors have comes first, those that are only asked last.
    by_streams = sorted(usual.items(), key=lambda item: -_streams(entries, item[1]))
    by_streams += sorted(other.items(), key=lambda item: -_streams(entries, item[1]))
    return [Round(settings, tuple(names), window_s) for settings, names in by_streams]


def _asking(
    entries: Mapping[str, ProtocolEntry], is_settable: bool, any_settings: LineSettings
) -> list[Round]:
    usual, other = [], []
    asked = [
        each for each in entries.items() if each[1].is_harmless and not _talks_unasked(each[1])
    ]
    for name, entry in sorted(asked, key=lambda each: _turn(*each)):
        own = as_set(entry.settings) if is_settable else any_settings
        first = Round(own, (name,), _answers_within_s(name), name)
        usual.append(first)
        if is_settable:
            also = (replace(first, settings=as_set(each)) for each in entry.also)
            other += [replace(each, window_s=min(each.window_s, 2.0)) for each in also]
    return [*usual, *sorted(other, key=lambda each: each.window_s)]


def _turn(name: str, entry: ProtocolEntry) -> tuple[bool, float]:
    is_text = all(0x20 <= byte < 0x7F for byte in entry.talk().opening(0.0).strip())
    return not is_text, _answers_within_s(name)


def _answers_within_s(name: str) -> float:
    return ANSWERS_WITHIN_S.get(name, USUALLY_WITHIN_S)


def _talks_unasked(entry: ProtocolEntry) -> bool:
    """Whether the monitor talks unasked: then nothing is ever said to it."""
    return not entry.talk().opening(0.0)


def _streams(entries: Mapping[str, ProtocolEntry], names: Iterable[str]) -> int:
    return sum(_talks_unasked(entries[name]) for name in names)


def as_set(settings: LineSettings) -> LineSettings:
    """``settings`` without what is no setting of a line: equal ones are tried once."""
    return replace(settings, interval_s=1.0, quiet_after_s=5.0)


# --- what bytes mean ------------------------------------------------------------------------------


def evidence(name: str, entry: ProtocolEntry, heard: bytes, at: datetime) -> Evidence:
    """What ``heard`` means to the protocol ``entry``; half frames at both ends do not count."""
    frames = good = telling = garbage = 0
    identity: Identity | None = None
    newest: dict[Metric, Observation] = {}
    unknown: dict[str, None] = {}
    found = entry.decoder().feed(heard)
    for index, message in enumerate(found):
        if isinstance(message, Garbled):
            # The first piece may be the rest of a frame that we did not hear begin.
            garbage += len(message.raw) if index else 0
            continue
        frames += 1
        said = entry.identity(message) if entry.identity else None
        identity = said or identity
        if entry.is_proof is not None and not entry.is_proof(message):
            continue
        good += 1
        observations = entry.translate(message, at)
        newest.update((each.metric, each) for each in observations)
        unknown.update(dict.fromkeys(entry.unknown(message) if entry.unknown else ()))
        telling += bool(observations or said or _tells_otherwise(entry, message))
    judged = found[-1].offset if found else 0
    return Evidence(
        name,
        frames,
        good,
        telling,
        1 - garbage / judged if good else 0.0,
        identity,
        tuple(newest.values()),
        tuple(unknown)[:UNKNOWN_MOST],
    )


def _tells_otherwise(entry: ProtocolEntry, message: Message) -> bool:
    is_of_cuff = entry.is_cuff_up is not None and entry.is_cuff_up(message) is not None
    return is_of_cuff or (entry.alarms is not None and entry.alarms(message) is not None)


def is_match(found: Evidence, entry: ProtocolEntry) -> bool:
    return (
        found.good >= FEWEST[entry.has_checksum]
        and found.telling > 0
        and found.share >= SOUND_SHARE
    )


def judge(
    heard: bytes,
    names: Iterable[str],
    entries: Mapping[str, ProtocolEntry],
    at: datetime,
) -> tuple[Evidence, ...]:
    """Those that understand ``heard``, the best first; one with a checksum leaves none without."""
    all_ = (evidence(name, entries[name], heard, at) for name in names)
    matches = [each for each in all_ if is_match(each, entries[each.name])]
    checked = [each for each in matches if entries[each.name].has_checksum]
    return tuple(sorted(checked or matches, key=lambda each: (-each.share, -each.good)))


def without_echo(heard: bytes, said: Iterable[bytes]) -> bytes:
    """``heard`` without our own words, as a looped plug or a line of two wires brings them back."""
    for words in said:
        heard = heard.replace(words, b"", 1) if words else heard
    return heard


# --- the rim --------------------------------------------------------------------------------------


def detect(
    port: str,
    *,
    clock: Clock,
    open_port: OpenPort = open_port,
    entries: Mapping[str, ProtocolEntry] = PROTOCOLS,
    tell: Callable[[str], None] = lambda _words: None,
    seconds: float = LONGEST_S,
) -> Detection:
    """Find out who is at ``port``; takes at most ``seconds`` and what it takes to end well.

    ``tell`` hears what is being done. Whatever happens (Ctrl-C too), a monitor that was spoken to
    hears the closing words of its protocol, and the port is closed.

    Raises OSError where the port cannot be opened or goes away, ValueError where it is none.
    """
    with _Listener(port, clock, open_port, entries, tell) as listener:
        return listener.find(seconds)


class _Conversation:
    """What is said in one round, to a port that is open; nothing without ``entry``.

    ``said`` is every word of it. A Talk that is hurried lives ``ahead`` of the clock from then on.
    """

    def __init__(self, port: Port, name: str, entry: ProtocolEntry | None, now_s: float) -> None:
        self.said: list[bytes] = []
        self._port = port
        self._talk = entry.talk() if entry else None
        self._decoder = entry.decoder() if entry else None
        self._patience_s = IMPATIENT_AFTER_S.get(name, inf)
        self._ahead_s = 0.0
        self._said_s = now_s
        if self._talk is not None:
            self._say(self._talk.opening(now_s), now_s)

    def goes_on(self, data: bytes, now_s: float) -> None:
        """Say what ``data`` (b"": nothing came) and the passing of time ask for."""
        if self._talk is None or self._decoder is None:
            return
        found = self._decoder.feed(data)
        good = [each for each in found if not isinstance(each, Garbled)]
        said = b"".join(self._talk.heard(each, now_s + self._ahead_s) for each in good)
        if data:
            self._patience_s = inf
        due, next_s = self._talk.due(now_s + self._ahead_s)
        if not due and now_s - self._said_s >= self._patience_s and next_s < inf:
            self._ahead_s = next_s - now_s
            due, _ = self._talk.due(next_s)
        self._say(said + due, now_s)

    def ends(self) -> None:
        if self._talk is not None:
            with suppress(OSError):
                self._say(self._talk.closing(), self._said_s)

    def _say(self, words: bytes, now_s: float) -> None:
        if words:
            self._port.write(words)
            self.said.append(words)
            self._said_s = now_s


class _Listener:
    """The one thing here that waits: a port, opened anew where the line is to be set anew."""

    def __init__(
        self,
        port: str,
        clock: Clock,
        open_port: OpenPort,
        entries: Mapping[str, ProtocolEntry],
        tell: Callable[[str], None],
    ) -> None:
        self._name = port
        self._clock = clock
        self._open_port = open_port
        self._entries = entries
        self._tell = tell
        self._port: Port | None = None
        self._settings: LineSettings | None = None
        self._device = ""
        self._tried: list[Tried] = []
        self._most = b""  # of any round
        self._is_echo = False

    def __enter__(self) -> _Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def find(self, seconds: float) -> Detection:
        begin_s = self._clock.monotonic()
        first = plan(self._entries, True)[0].settings
        self._tell(f"Opening {self._name}.")
        self._device = self._opened(first).device
        is_settable = has_speed(self._device)
        rounds = plan(self._entries, is_settable)
        is_quiet = is_talking = False
        for index, each in enumerate(rounds):
            left_s = begin_s + seconds - self._clock.monotonic()
            if left_s <= 0 or (each.asks and is_talking):
                return self._nothing(len(rounds) - index, is_talking)
            # Who is silent at one speed is silent at all of them.
            window_s = MOMENT_S if is_quiet and not each.asks else each.window_s
            heard, found = self._try(each, is_settable, min(window_s, left_s))
            if found:
                return self._detected(each, heard, found)
            is_loud = len(heard) >= FEWEST_BYTES
            is_quiet = is_quiet or (index == 0 and not is_loud)
            # It may be in use, and what a stranger makes of our words nobody knows.
            is_talking = is_talking or (is_loud and not each.asks)
        return self._nothing(0, is_talking)

    def _opened(self, settings: LineSettings) -> Port:
        if self._port is None or self._settings != settings:
            self._close()
            wait_s = READ_WITHIN_S / self._clock.speed
            self._port, self._settings = self._open_port(self._name, settings, wait_s), settings
        return self._port

    def _close(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            with suppress(OSError):
                port.close()

    def _try(
        self, each: Round, is_settable: bool, window_s: float
    ) -> tuple[bytes, tuple[Evidence, ...]]:
        """What came in one round, and who it may be."""
        settings = str(each.settings) if is_settable else NO_SPEED
        title = self._entries[each.asks].title if each.asks else ""
        where = f" at {settings}" if is_settable else ""
        self._tell(f"Asking as {title}{where}." if title else f"Listening{where}.")
        # A port without a speed stays open: a socket's other end may take us once only.
        port = self._opened(each.settings) if is_settable or self._port is None else self._port
        heard, found = bytearray(), tuple[Evidence, ...]()
        now_s = self._clock.monotonic()
        until_s, is_longer, judged = now_s + window_s, False, 0
        entry = self._entries[each.asks] if each.asks else None
        talked: _Conversation | None = None
        try:
            talked = _Conversation(port, each.asks, entry, now_s)
            while now_s < until_s and len(heard) < MOST_BYTES and not _is_all(found, self._entries):
                data = port.read()
                now_s = self._clock.monotonic()
                heard += data
                # All of it is read each time: not for every few bytes that a babbler adds.
                is_more = len(heard) >= GROWN * judged or not data or now_s >= until_s
                if is_more and len(heard) > judged:
                    judged = len(heard)
                    theirs = without_echo(bytes(heard), talked.said)
                    found = judge(theirs, each.names, self._entries, self._clock.now())
                    if not is_longer and (found or self._is_promising(theirs, each)):
                        until_s, is_longer = max(until_s, now_s + GOES_ON_S), True
                talked.goes_on(data, now_s)
        except OSError as error:
            raise NotThere(describe_loss(self._name)) from error
        finally:
            if talked is not None:
                talked.ends()
        theirs = without_echo(bytes(heard), talked.said)
        if len(heard) > judged:  # all that is taken of a round is here
            found = judge(theirs, each.names, self._entries, self._clock.now())
        self._is_echo = self._is_echo or (bool(heard) and not theirs)
        self._tried.append(Tried(settings, title, len(heard)))
        if len(heard) > len(self._most):
            self._most = bytes(heard)
        return theirs, found

    def _is_promising(self, heard: bytes, each: Round) -> bool:
        """Whether somebody speaks that may be understood in a moment."""
        now = self._clock.now()
        return any(evidence(name, self._entries[name], heard, now).frames for name in each.names)

    def _detected(self, each: Round, heard: bytes, found: Sequence[Evidence]) -> Detection:
        best, *others = found
        return Detection(
            self._name,
            self._device,
            best.name,
            self._entries[best.name].title,
            self._as_known(best.name, each.settings),
            best.identity,
            best.observations,
            best.unknown,
            heard[-RAW_MOST:],
            tuple(self._tried),
            tuple(other.name for other in others),
        )

    def _as_known(self, name: str, settings: LineSettings) -> LineSettings:
        """The settings as the registry has them; those of the protocol where none were needed."""
        known = (self._entries[name].settings, *self._entries[name].also)
        return next((one for one in known if as_set(one) == settings), known[0])

    def _nothing(self, not_tried: int, is_talking: bool) -> Detection:
        return Detection(
            *(self._name, self._device, None, "", None, None, (), ()),
            raw=self._most[-RAW_MOST:],
            tried=tuple(self._tried),
            not_tried=not_tried,
            is_talking=is_talking,
            is_echo=self._is_echo,
        )


def _is_all(found: Sequence[Evidence], entries: Mapping[str, ProtocolEntry]) -> bool:
    """Whether there is nothing left to wait for: values came, and the name where there is one."""
    if not found:
        return False
    best = found[0]
    return bool(best.observations) and (
        best.identity is not None or not entries[best.name].identity
    )


# --- in words -------------------------------------------------------------------------------------


def hint(detection: Detection) -> str:
    """What to look at, where nothing was understood."""
    raw = detection.raw
    if not raw:
        return (
            "Nothing came at all: is the monitor on, its serial output switched on in its menu, "
            "and the cable in at both ends? Some cables cross the wrong two wires."
        )
    if detection.is_echo:
        return "What came is what Vigil said: the plug or the adapter sends it back. Is it looped?"
    if sum(raw.count(byte) for byte in (b"\x00", b"\xff")) > 0.9 * len(raw):
        return (
            "Almost only 00 and FF came: the monitor's speed is none of those that were tried, or "
            "the cable has the wrong voltage."
        )
    told = "Bytes came, and no monitor that Vigil knows sends such: compare them with its manual."
    return f"{told} Nothing was said to it, for it may be in use." if detection.is_talking else told


def as_json(detection: Detection) -> dict[str, Any]:
    """For programs; ``raw`` as hex."""
    who = detection.identity
    return {
        "port": detection.port,
        "device": detection.device,
        "monitor": detection.name,
        "title": detection.title or None,
        "rivals": list(detection.rivals),
        "identity": who and {"model": who.model, "serial": who.serial, "version": who.version},
        "settings": str(detection.settings) if detection.settings else None,
        "baud": detection.settings.baud if detection.settings else None,
        "observations": [
            {
                "metric": one.metric.value,
                "value": one.value,
                "unit": unit_of(one.metric).value,
                "quality": one.quality.value,
            }
            for one in detection.observations
        ],
        "unknown": list(detection.unknown),
        "raw": detection.raw.hex(),
        "tried": [each._asdict() for each in detection.tried],
        "not_tried": detection.not_tried,
        "is_talking": detection.is_talking,
        "hint": None if detection.name else hint(detection),
    }


def as_text(detection: Detection) -> str:
    """For a person at a terminal."""
    if detection.name is None:
        return "\n".join(_nothing_in_words(detection))
    lines = [f"{detection.name}  {detection.title}"]
    if detection.rivals:
        lines.append(f"    doubtful  it could as well be {' or '.join(detection.rivals)}")
    if detection.identity:
        version = detection.identity.version
        lines.append(f"    says      {detection.identity.words}{version and f', {version}'}")
    lines.append(f"    line      {detection.settings}")
    sends = ", ".join(map(_value, detection.observations)) or "nothing that Vigil reads, so far"
    lines.append(f"    sends     {sends}")
    if detection.unknown:
        lines.append(f"    not read  {', '.join(detection.unknown)}")
    return "\n".join(lines)


def _value(one: Observation) -> str:
    if one.value is None:
        return f"{one.metric.value} ({one.quality.value})"
    return f"{one.metric.value} {one.value:g} {unit_of(one.metric).value}"


def _nothing_in_words(detection: Detection) -> Iterable[str]:
    """What to do about it comes last: at a terminal that is what is still to be seen."""
    if detection.raw:
        yield "The newest bytes:"
        yield from _dump(detection.raw)
    yield "Tried:"
    for settings, said, heard in detection.tried:
        yield f"    {settings}: {f'asked as {said}' if said else 'listened'}, {heard} bytes came"
    if detection.not_tried:
        why = "it talks by itself" if detection.is_talking else "there was no time (--seconds)"
        yield f"    {detection.not_tried} more were not tried: {why}."
    yield f"No monitor was recognised at {detection.port}. {hint(detection)}"


def _dump(raw: bytes) -> Iterable[str]:
    """Sixteen a line, as hex and as text."""
    for at in range(0, len(raw), 16):
        piece = raw[at : at + 16]
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in piece)
        yield f"    {at:04x}  {piece.hex(' '):47}  {text}"
