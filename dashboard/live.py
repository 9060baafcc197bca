"""How do changes reach the screens? One log a chair, one socket a screen, nothing that can grow.

The engine publishes on its own thread; what it publishes is encoded once and kept in a bounded
log. A screen has no queue of its own, only a place in that log: one that reads slowly gets what it
missed in one message, one that fell too far behind is told so, a stalled one costs nothing more.

    {"boot", "seq", "now", "speed", "viewer": who looks, or null, "arranged": another one whenever
        the clinic has other chairs (it is sent anew then, as all of this), "snapshot": {chair: {
        "points": [[t_ms, metric, value, quality, or "manual" of what a person entered]],
        "alarms": [{"id", "condition", "text", "kind", "priority", "metric", "direction",
            "value", "worst", "limit", "delay_s", "onset_ms", "acknowledged_by", "acknowledged_ms",
            "news", "latched", "unseen": what it said when it was worse, or "",
            "confirmed_ms", "repeat", "all_screens",
            "calls": [{"stage", "to", "at_ms", "seen_ms"}]}],
        "sound": {"priority", "kind"} or null, "audio": {"state", "until_ms", "by"} or
        null, "off": [label of a sign whose alarms are off], "spo2_waits_ms": until, or null,
        "name", "phase", "link", "session", "recording", "interval_s", "hr_source",
        "monitors": {metric: [maker, interval_s]}, "remarks": [text],
        "identity": {"hidden": [metric], whose number is another device's, "heard", "bound",
            "clocks": {monitor: what it says of itself, or how far its clock is ahead, s}},
        "by_hand": {metric: [t_ms, value, initials]}, the newest of the session}}}
    {"seq", "now", "changes": {chair: {the same parts, those that changed}}}
    {"seq", "now"}               every 2 s, whatever else was sent
    {"seq", "now", "cut": true}  changes were left out: ask again with the last seq before this one

With ``alarms=all`` a screen hears of the chairs that are not its own too: name, phase, alarms,
sound, audio and recording, never a number. ``chairs=-`` has none of its own. Who sits in a chair is
not said here: a page of the signed-in says it.

One thing comes up the socket: which alarms a screen that can be seen shows (``stage`` null), and
which calls to whoever looks. It can only ever add to the record, never silence anything.

    {"shown": [[chair, alarm id, stage or null, the alarm's "news" as it was shown]]}
"""

from __future__ import annotations

import asyncio
import json
import math
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from starlette.websockets import WebSocket, WebSocketDisconnect

from clinical import links
from clinical.clock import Clock
from clinical.record import CallStage
from clinical.snapshot import (
    AlarmView,
    AudioView,
    ChairView,
    Change,
    LiveSnapshot,
    SessionView,
    source_of,
)
from clinical.vitals import CONTINUOUS, NATURE, Metric, Observation, Source

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HEARTBEAT_S = 2.0
SEND_TIMEOUT_S = 10.0  # a peer that takes nothing for so long is gone
RECHECK_S = 10.0  # how long a socket may outlive the sign-in that opened it
HISTORY_MS = 2 * 3600 * 1000  # the longest trend a page asks for
HISTORY_CHANGES = 4 * 3600  # of a chair: two frames a second for as long; bounds a fast sender
BEHIND_CHANGES = 120  # of a chair: two minutes at 1 Hz; more is cheaper to ask for again
WINDOW_S = 900
NO_CHAIR = "-"  # in place of chairs: a page without numbers
RECEIPT_CHARS = 4000  # of one message; a page sends at most some twenty receipts in one
RECEIPTS_AT_ONCE, RECEIPTS_A_S = 10, 2.0  # messages of one screen: a first look, and from then on

BAD_REQUEST, NO_SUCH_CHAIR, SIGNED_OUT = 4400, 4404, 1008  # why a socket was closed
HUNG_UP = (0, "")  # the peer closed it: nothing is left to be said

OBSERVED_AT = attrgetter("observed_at")

# By part of a Change, the keys of the message that say it: a phase means nothing without its times.
SENT_WITH = {
    "alarms": ("alarms",),
    "sound": ("sound",),
    "audio": ("audio",),
    "phase": ("phase", "session"),
    "session": ("phase", "session", "audio", "off", "spo2_waits_ms", "by_hand"),
    "link": ("link", "interval_s", "identity"),
    "recording": ("recording",),
    "source": ("hr_source",),
    "monitors": ("monitors", "identity"),
    "remarks": ("remarks",),
    "identity": ("name", "identity"),
    "by_hand": ("by_hand", "identity"),
}

# What a screen hears of a chair that is not its own.
OTHERS = frozenset({"alarms", "sound", "audio", "recording", "phase"})


class OnShown(Protocol):
    """Takes a receipt: ``to`` has ``alarm_id`` on a screen, or its call. Returns at once."""

    def __call__(self, chair: int, alarm_id: UUID, to: str, stage: CallStage | None) -> None: ...


class Entry(NamedTuple):
    """One change of one chair, encoded. ``parts`` maps a key of the message to its JSON."""

    seq: int
    t_ms: int  # of its newest point, or of the change where it has none
    points: str  # JSON arrays joined by commas
    parts: Mapping[str, str]


class Screen:
    """Who watches: which chairs, read up to where, and whether there is something to send.

    Of ``others`` it hears the alarms alone. ``viewer`` is the user, or the name of the screen.
    """

    def __init__(
        self, chairs: tuple[int, ...], others: tuple[int, ...] = (), viewer: str | None = None
    ) -> None:
        self.chairs, self.others, self.viewer = chairs, others, viewer
        self.seq = 0
        self.ready = asyncio.Event()
        self.beat_due = False
        self.is_outdated = False  # the clinic has other chairs than when it asked
        self.end: tuple[int, str] | None = None  # close code and reason, once it is over


class LiveHub:
    """The live feed: what the engine publishes, kept for two hours and sent to every screen.

    ``publish``, ``arrange`` and ``fill`` may be called on any thread; all else belongs to the event
    loop. ``arranged`` is told to every screen, which compares it with that of its page.
    """

    def __init__(
        self,
        clock: Clock,
        chairs: Iterable[int],
        arranged: str = "",
        *,
        boot_ns: int | None = None,
        heartbeat_s: float = HEARTBEAT_S,
        send_timeout_s: float = SEND_TIMEOUT_S,
        recheck_s: float = RECHECK_S,
        on_shown: OnShown | None = None,
    ) -> None:
        boot_ns = time.time_ns() if boot_ns is None else boot_ns
        self.boot = f"{boot_ns:x}"
        # Each process numbers on from its start in seconds times 2**20, so that the `since` of
        # another process never falls into this one's numbers; exact in a JavaScript number.
        self._base = boot_ns // 10**9 << 20
        self._seq = self._base
        self._clock = clock
        self._heartbeat_s = heartbeat_s
        self._send_timeout_s = send_timeout_s
        self._recheck_s = recheck_s
        self._on_shown = on_shown
        self._arranged = arranged
        self._log: dict[int, deque[Entry]] = {}
        # By chair and part, the newest of those that every screen may hear, and its number.
        self._told: dict[int, dict[str, tuple[int, str]]] = {}
        self._snapshot: LiveSnapshot | None = None
        self._lock = threading.Lock()  # held for appends and copies only, never while encoding
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_waking = False
        self._screens: set[Screen] = set()
        self._sitting: dict[int, UUID | None] = {}  # the session that a chair's log is of
        self.arrange(chairs, arranged)

    # What comes in.

    def arrange(self, chairs: Iterable[int], arranged: str) -> None:
        """Have these chairs, in the order of the board. Screens hear all anew; one that asked for
        a chair that is gone hears no more of it."""
        with self._lock:
            before, told, sitting = self._log, self._told, self._sitting
            new = list(chairs)
            empty = {chair: deque[Entry](maxlen=HISTORY_CHANGES) for chair in new}
            self._log = {chair: before.get(chair, empty[chair]) for chair in new}
            self._told = {chair: told.get(chair, {}) for chair in new}
            self._sitting = {chair: sitting[chair] for chair in new if chair in sitting}
            self._arranged = arranged
            loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # as in ``publish``
                loop.call_soon_threadsafe(self._outdate)

    def _outdate(self) -> None:
        for screen in self._screens:
            screen.is_outdated = True
            screen.ready.set()

    def fill(self, chair: int, observations: Iterable[Observation]) -> None:
        """Put the record's past into a chair's log, before the first ``publish`` of it."""
        past = sorted(observations, key=OBSERVED_AT)
        for _at, frame in groupby(past, key=OBSERVED_AT):
            self._append(chair, Entry(self._base, *_points(tuple(frame)), {}))

    def publish(self, snapshot: LiveSnapshot, changes: Sequence[Change]) -> None:
        """Take the engine's changes and return at once; screens are served by the event loop."""
        entries = [(change.chair, _entry(snapshot, change, self._base)) for change in changes]
        with self._lock:
            self._snapshot = snapshot
            for chair, entry in entries:
                self._seq = max(self._seq, entry.seq)
                if chair not in self._log:  # a chair that this site does not show
                    continue
                self._forget_the_last(chair, snapshot)
                self._append(chair, entry)
                told = {key: (entry.seq, entry.parts[key]) for key in entry.parts.keys() & OTHERS}
                self._told[chair].update(told)
            if self._loop is None or self._is_waking:
                return
            self._is_waking = True
        try:
            self._loop.call_soon_threadsafe(self._wake)
        except RuntimeError:  # the server is down already, and with it every screen
            pass

    def _forget_the_last(self, chair: int, snapshot: LiveSnapshot) -> None:
        """Empty the log of a chair that another patient has taken: no number may outlast its own.

        What was filled in before the first ``publish`` is of the session that goes on.
        """
        view = snapshot.chairs.get(chair)
        now = view.session.session if view and view.session else None
        if now is not None and now != self._sitting.get(chair, now):
            self._log[chair].clear()
        if now is not None or chair not in self._sitting:
            self._sitting[chair] = now

    def _append(self, chair: int, entry: Entry) -> None:
        log = self._log[chair]
        log.append(entry)
        while log[0].t_ms < entry.t_ms - HISTORY_MS:
            log.popleft()

    # What goes out.

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve screens from the running loop until the end of the block, then close them."""
        with self._lock:
            self._loop = asyncio.get_running_loop()
        beat = asyncio.create_task(self._beat(), name="live heartbeat")
        try:
            yield
        finally:
            with self._lock:
                self._loop = None
            beat.cancel()
            for screen in self._screens:
                screen.end = (1001, "the server stops")
                screen.ready.set()

    async def serve(self, socket: WebSocket) -> None:
        """The endpoint ``/live/ws?chairs=1,2&since=SEQ&window=SECONDS&alarms=all``.

        Without ``chairs`` all of them; unknown ones are left out, as a screen may outlive a chair.
        ``window`` bounds how far back a first snapshot goes, not what a ``since`` fills in.
        """
        await socket.accept()
        try:
            chairs, others, since, window_s = self._asked(socket.query_params)
        except ValueError as refused:
            await socket.close(BAD_REQUEST, str(refused))
            return
        if self._log and not (chairs or others):
            await socket.close(NO_SUCH_CHAIR, "none of these chairs is watched here")
            return
        screen = Screen(chairs, others, getattr(socket.state, "viewer", None))
        self._screens.add(screen)
        listener = asyncio.create_task(self._listen(socket, screen), name="live listener")
        try:
            await self._send(socket, self._first(screen, since, window_s))
            while screen.end is None:
                await screen.ready.wait()
                screen.ready.clear()
                if screen.is_outdated:
                    screen.is_outdated = False
                    screen.chairs, screen.others, *_ = self._asked(socket.query_params)
                    await self._send(socket, self._first(screen, screen.seq, window_s))
                if news := self._news(screen):
                    await self._send(socket, news)
                if screen.beat_due:
                    screen.beat_due = False
                    await self._send(socket, f'{{"seq":{screen.seq},"now":{self._now_ms()}}}')
            if screen.end != HUNG_UP:
                await socket.close(*screen.end)
        except (WebSocketDisconnect, TimeoutError):
            pass
        finally:
            self._screens.discard(screen)
            listener.cancel()

    async def _send(self, socket: WebSocket, text: str) -> None:
        async with asyncio.timeout(self._send_timeout_s):
            await socket.send_text(text)

    async def _listen(self, socket: WebSocket, screen: Screen) -> None:
        """End ``screen`` when its peer goes away, or when whoever opened it has signed out.

        What it says it shows is passed on, as fast as a page ever says so and no faster.
        """
        still_signed_in: Callable[[], Awaitable[bool]] | None
        still_signed_in = getattr(socket.state, "still_signed_in", None)
        loop = asyncio.get_running_loop()
        recheck_at = loop.time() + self._recheck_s
        may_say, heard_at = float(RECEIPTS_AT_ONCE), loop.time()
        while screen.end is None:
            message = None
            try:
                async with asyncio.timeout_at(recheck_at):
                    message = await socket.receive()
            except TimeoutError:
                pass
            now = loop.time()
            if message is not None and message["type"] == "websocket.disconnect":
                screen.end = HUNG_UP
            elif message is not None:
                may_say = min(RECEIPTS_AT_ONCE, may_say + (now - heard_at) * RECEIPTS_A_S)
                heard_at = now
                if may_say >= 1:
                    may_say -= 1
                    self._shown(screen, message.get("text"))
            if now >= recheck_at and screen.end is None:  # also while it never stops talking
                recheck_at = now + self._recheck_s
                if still_signed_in is not None and not await still_signed_in():
                    screen.end = (SIGNED_OUT, "signed out")
        screen.ready.set()

    def _shown(self, screen: Screen, text: str | None) -> None:
        """Pass on which open alarms ``screen`` shows that its viewer is not known to have seen."""
        if self._on_shown is None or screen.viewer is None or self._snapshot is None:
            return
        for chair, alarm_id, stage, news in _receipts(text):
            view = self._snapshot.chairs.get(chair)
            if chair not in (*screen.chairs, *screen.others) or view is None:
                continue
            alarm = next((each for each in view.alarms if each.alarm_id == alarm_id), None)
            if alarm is None or news != alarm.news:  # or what was shown was milder
                continue
            if _is_news(alarm, screen.viewer, stage):
                self._on_shown(chair, alarm_id, screen.viewer, stage)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._heartbeat_s)
            for screen in self._screens:
                screen.beat_due = True
                screen.ready.set()

    def _wake(self) -> None:
        self._is_waking = False
        for screen in self._screens:
            screen.ready.set()

    def _asked(self, query: Mapping[str, str]) -> tuple[tuple[int, ...], tuple[int, ...], int, int]:
        """Chairs, others, since and window of a request.

        Raises ValueError in words for its sender.
        """
        since = _whole(query, "since", 0)
        window_s = max(0, _whole(query, "window", WINDOW_S))
        log = self._log
        asked = set(log)
        if query.get("chairs") == NO_CHAIR:
            asked = set()
        elif query.get("chairs"):
            try:
                asked = {int(chair) for chair in query["chairs"].split(",") if chair}
            except ValueError as error:
                raise ValueError("chairs must be whole numbers with commas between them") from error
        if query.get("alarms", "") not in ("", "all"):
            raise ValueError("alarms must be all, or be left out")
        chairs = tuple(chair for chair in log if chair in asked)
        others = tuple(set(log) - asked) if query.get("alarms") else ()
        return chairs, tuple(sorted(others)), since, window_s

    def _first(self, screen: Screen, since: int, window_s: int) -> str:
        """The first message: every part of every chair, and the points that ``screen`` lacks."""
        with self._lock:
            snapshot, screen.seq, arranged = self._snapshot, self._seq, self._arranged
            logs = {chair: tuple(self._log[chair]) for chair in screen.chairs if chair in self._log}
        # Outside of this process's numbers: a first visit, or a since from another process.
        is_full = not self._base < since <= screen.seq
        now_ms = self._now_ms()
        chairs = []
        for chair, log in logs.items():
            view = snapshot.chairs.get(chair) if snapshot else None
            if is_full or (log and log[0].seq > since):  # or part of what it lacks is gone
                kept = [entry for entry in log if entry.t_ms >= now_ms - window_s * 1000]
                points = _latest_before(view, kept[0].t_ms if kept else now_ms) if view else []
            else:
                kept, points = [entry for entry in log if entry.seq > since], []
            points += [entry.points for entry in kept if entry.points]
            chairs.append(_chair(chair, points, _parts(view, PARTS), is_whole=True))
        for chair in screen.others:
            view = snapshot.chairs.get(chair) if snapshot else None
            chairs.append(
                _chair(chair, (), _parts(view, ("name", *sorted(OTHERS))), is_whole=False)
            )
        return (
            f'{{"boot":"{self.boot}","seq":{screen.seq},"now":{now_ms},'
            f'"speed":{_number(self._clock.speed)},"viewer":{json.dumps(screen.viewer)},'
            f'"arranged":{json.dumps(arranged)},'
            f'"snapshot":{{{",".join(chairs)}}}}}'
        )

    def _news(self, screen: Screen) -> str | None:
        """What changed for ``screen`` since it was told last; several changes become one."""
        chairs, is_cut = [], False
        with self._lock:
            since, screen.seq = screen.seq, self._seq
            for chair in screen.chairs:
                entries: deque[Entry] = deque()
                for entry in reversed(self._log.get(chair, ())):
                    if entry.seq <= since or len(entries) > BEHIND_CHANGES:
                        break
                    entries.appendleft(entry)
                if entries:
                    is_cut |= len(entries) > BEHIND_CHANGES
                    parts = {key: value for entry in entries for key, value in entry.parts.items()}
                    points = [entry.points for entry in entries if entry.points]
                    chairs.append(_chair(chair, points, parts, is_whole=False))
            for chair in screen.others:
                told = self._told.get(chair, {}).items()
                if parts := {key: text for key, (seq, text) in told if seq > since}:
                    chairs.append(_chair(chair, (), parts, is_whole=False))
        if not chairs:
            return None
        head = f'{{"seq":{screen.seq},"now":{self._now_ms()},'
        if is_cut:
            return head + '"cut":true}'
        return head + f'"changes":{{{",".join(chairs)}}}}}'

    def _now_ms(self) -> int:
        return _ms(self._clock.now())


# Facts to JSON.


def _entry(snapshot: LiveSnapshot, change: Change, base: int) -> Entry:
    """Encode ``change``: once, for however many screens."""
    keys = [key for part in sorted(change.parts) for key in SENT_WITH.get(part, ())]
    parts = _parts(snapshot.chairs.get(change.chair), keys)
    t_ms, points = _points(change.points)
    return Entry(base + change.sequence, t_ms or _ms(snapshot.as_of), points, parts)


def _points(observations: Sequence[Observation]) -> tuple[int, str]:
    """The newest time (ms; 0 where there are none) and the points, as JSON arrays and commas."""
    times = [_ms(observation.observed_at) for observation in observations]
    arrays = (
        f'[{t_ms},"{observation.metric}",{_number(observation.value)},"{_quality(observation)}"]'
        for t_ms, observation in zip(times, observations, strict=True)
    )
    return max(times, default=0), ",".join(arrays)


def _number(value: float | None) -> str:
    """JSON knows no NaN: one in the stream would blind every screen at once."""
    if value is None or not math.isfinite(value):
        return "null"
    return str(int(value)) if value == int(value) else repr(float(value))


def _ms(at: datetime) -> int:
    """Whole milliseconds, rounded down as the record does: the two name a point alike."""
    return (at - EPOCH) // timedelta(milliseconds=1)


def _ms_or_none(at: datetime | None) -> int | None:
    return None if at is None else _ms(at)


def _latest_before(view: ChairView, t_ms: int) -> list[str]:
    """The newest value of each metric that was last measured before ``t_ms``: a cuff, say."""
    old = (latest for latest in view.latest.values() if _ms(latest.observed_at) < t_ms)
    points = _points(sorted(old, key=lambda latest: latest.observed_at))[1]
    return [points] if points else []


def _parts(view: ChairView | None, keys: Iterable[str]) -> dict[str, str]:
    return {key: json.dumps(PARTS[key](view), separators=(",", ":")) for key in keys}


def _alarm(alarm: AlarmView) -> dict[str, Any]:
    return {
        "id": str(alarm.alarm_id),
        "condition": alarm.condition,
        "text": alarm.text,
        "kind": alarm.kind,
        "priority": alarm.priority,
        "metric": alarm.metric,
        "direction": alarm.direction,
        "value": alarm.value,
        "worst": alarm.worst,
        "limit": alarm.limit,
        "delay_s": alarm.delay_s,
        "onset_ms": _ms(alarm.onset_at),
        "acknowledged_by": alarm.acknowledged_by,
        "acknowledged_ms": _ms_or_none(alarm.acknowledged_at),
        "news": alarm.news,
        "latched": alarm.is_latched,
        "unseen": alarm.unseen,
        "confirmed_ms": _ms_or_none(alarm.confirmed_at),
        "repeat": alarm.needs_repeat,
        "all_screens": alarm.is_on_all_screens,
        "calls": [
            {
                "stage": call.stage,
                "to": call.to,
                "at_ms": _ms(call.at),
                "seen_ms": _ms_or_none(call.seen_at),
            }
            for call in alarm.calls
        ],
    }


def _audio(audio: AudioView) -> dict[str, Any]:
    return {
        "state": audio.state,
        "until_ms": _ms_or_none(audio.until),
        "by": audio.by,
    }


def _link(view: ChairView) -> dict[str, Any]:
    return {
        "state": view.link,
        "text": links.TEXT[view.link],
        "detail": view.link_detail,
        "since_ms": _ms_or_none(view.link_since),
    }


def _session(session: SessionView) -> dict[str, Any]:
    baseline = session.baseline
    return {
        "id": str(session.session),
        "phase": session.phase,
        "opened_ms": _ms(session.opened_at),
        "phase_since_ms": _ms(session.phase_since),
        "infusion_started_ms": _ms_or_none(session.infusion_started_at),
        "infusion_stopped_ms": _ms_or_none(session.infusion_stopped_at),
        "planned_min": session.planned_infusion_min,
        "infusion_number": session.infusion_number,
        "series_length": session.series_length,
        "baseline": baseline
        and {
            "systolic": baseline.systolic_mmhg,
            "diastolic": baseline.diastolic_mmhg,
            "mean": baseline.mean_mmhg,
            "heart_rate": baseline.heart_rate_bpm,
            "spo2": baseline.spo2_pct,
        },
        "cuff_interval_s": session.cuff_interval_s,
        "lacks_baseline": session.lacks_baseline,
        "is_approved": session.is_approved,
        # By these a page knows that the limits it shows are no longer those in force.
        "limits": [
            [limit.metric, limit.operator, limit.value, limit.priority, limit.is_adjusted]
            for limit in session.limits
        ],
    }


def _sources(view: ChairView) -> dict[str, tuple[str, float]]:
    """By metric, the maker of the monitor that it is shown from, and how often that sends it, s;
    none where there is only one."""
    if len(view.monitors) < 2:
        return {}
    known = {each.name: (each.title.split()[0], each.interval_s) for each in view.monitors}
    return {metric.value: known[name] for metric, name in view.shown_from.items()}


def _quality(observation: Observation) -> str:
    return "manual" if observation.source is Source.MANUAL else observation.quality.value


def _identity(view: ChairView) -> dict[str, Any]:
    """Who is heard at each line; ``hidden`` are the numbers that were a stranger's line's, and the
    continuous ones that no monitor of this chair measures any more."""
    able = {metric for each in view.monitors for metric in each.metrics}
    gone = [metric for metric in CONTINUOUS if view.monitors and metric not in able]
    only = view.monitors[0].name if len(view.monitors) == 1 else ""
    hidden = [
        metric.value
        for metric, latest in view.latest.items()
        if metric in gone
        or (
            latest.source is not Source.MANUAL
            and view.shown_from.get(metric, only) in view.strangers
        )
    ]
    return {
        "hidden": sorted(hidden),
        "heard": {name: heard.words for name, heard in view.heard.items()},
        "bound": {name: bound.words for name, bound in view.bound.items()},
        "clocks": {name: round(read.offset_s) for name, read in view.clocks.items()},
    }


def _by_hand(view: ChairView) -> dict[str, tuple[int, float | None, str]]:
    return {
        metric.value: (
            _ms(reading.observation.observed_at),
            reading.observation.value,
            reading.entry.initials if reading.entry else "",
        )
        for metric, reading in view.by_hand.items()
    }


# A chair that the engine has not spoken of yet has no parts: null, never a guess.
PARTS: dict[str, Callable[[ChairView | None], Any]] = {
    "name": lambda view: view.name if view else None,
    "alarms": lambda view: [_alarm(alarm) for alarm in view.alarms] if view else [],
    "sound": lambda view: (
        {"priority": view.sound.priority, "kind": view.sound.kind} if view and view.sound else None
    ),
    "audio": lambda view: _audio(view.session.audio) if view and view.session else None,
    "off": lambda view: (
        [NATURE[metric].label for metric in view.session.switched_off]
        if view and view.session
        else []
    ),
    "spo2_waits_ms": lambda view: (
        _ms_or_none(view.session.spo2_waits_until) if view and view.session else None
    ),
    "phase": lambda view: view.session.phase if view and view.session else None,
    "session": lambda view: _session(view.session) if view and view.session else None,
    "link": lambda view: _link(view) if view else None,
    "recording": lambda view: view.is_recording if view else None,
    "interval_s": lambda view: view.interval_s if view else None,
    "hr_source": lambda view: source_of(view, Metric.HEART_RATE) if view else None,
    "monitors": lambda view: _sources(view) if view else {},
    "remarks": lambda view: list(view.remarks) if view else [],
    "identity": lambda view: _identity(view) if view else None,
    "by_hand": lambda view: _by_hand(view) if view and view.session else {},
}


def _chair(chair: int, points: Iterable[str], parts: Mapping[str, str], *, is_whole: bool) -> str:
    """``"3":{"points":[...],...}``; no points leave the key out of a mere change."""
    joined = ",".join(points)
    members = [f'"points":[{joined}]'] if joined or is_whole else []
    members += [f'"{key}":{value}' for key, value in parts.items()]
    return f'"{chair}":{{{",".join(members)}}}'


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    try:
        return int(query.get(name) or default)
    except ValueError as error:
        raise ValueError(f"{name} must be a whole number") from error


# What comes up the socket.


def _receipts(text: str | None) -> list[tuple[int, UUID, CallStage | None, str]]:
    """The receipts of a message of a screen; none where it is anything else."""
    if not text or len(text) > RECEIPT_CHARS:
        return []
    try:
        return [
            (int(chair), UUID(alarm_id), None if stage is None else CallStage(stage), str(news))
            for chair, alarm_id, stage, news in json.loads(text)["shown"]
        ]
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return []


def _is_news(alarm: AlarmView, viewer: str, stage: CallStage | None) -> bool:
    """Whether nobody has said yet that ``viewer`` has this on a screen."""
    if stage is None:
        return viewer not in alarm.shown_to
    return any(
        call.stage is stage and call.to == viewer and call.seen_at is None for call in alarm.calls
    )
