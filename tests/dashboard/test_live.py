"""Does every screen get every change, once, in order, and does a bad reader harm nobody?"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Coroutine
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from starlette.websockets import WebSocketDisconnect
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from clinical.alarms import AlarmKind, AlarmLimit, AlarmPriority, Operator
from clinical.links import LinkState
from clinical.phases import SessionPhase
from clinical.record import AudioState, CallStage
from clinical.snapshot import AudioView, CallView, Change, Sound
from clinical.vitals import CONTINUOUS, Metric
from dashboard.live import BEHIND_CHANGES, HISTORY_CHANGES, RECEIPTS_AT_ONCE, LiveHub
from tests.dashboard.a_clinic import (
    NOON,
    FakeEngine,
    StillClock,
    a_clinic,
    alarm,
    observed,
    served,
    session,
    signed_in_cookie,
)

NOON_MS = int(NOON.timestamp() * 1000)
HR, SYS = Metric.HEART_RATE, Metric.NIBP_SYSTOLIC


class Wire:
    """The server's end of a socket. ``is_stuck`` makes the peer take nothing."""

    def __init__(self, **query: str) -> None:
        self.query_params = query
        self.state = SimpleNamespace()
        self.is_stuck = asyncio.Event()
        self.is_stuck.set()  # set: free
        self.closed: tuple[int, str] | None = None
        self._sent: asyncio.Queue[str] = asyncio.Queue()
        self._heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def accept(self) -> None: ...

    async def send_text(self, text: str) -> None:
        await self.is_stuck.wait()
        if self.closed:
            raise WebSocketDisconnect
        self._sent.put_nowait(text)

    async def receive(self) -> dict[str, Any]:
        return await self._heard.get()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self.closed = (code, reason)

    def say(self, text: str | None, kind: str = "text") -> None:
        self._heard.put_nowait({"type": "websocket.receive", kind: text})

    def hang_up(self) -> None:
        self._heard.put_nowait({"type": "websocket.disconnect"})

    async def next(self) -> dict[str, Any]:
        return json.loads(await asyncio.wait_for(self._sent.get(), 2))

    @property
    def waiting(self) -> int:
        return self._sent.qsize()


class Bench:
    """A hub, an engine that feeds it, and screens that watch it, in one event loop."""

    def __init__(self, chairs: tuple[int, ...] = (1, 2), **hub: Any) -> None:
        self.clock = StillClock()
        self.hub = LiveHub(self.clock, chairs, **{"heartbeat_s": 60.0, **hub})
        self.engine = FakeEngine(self.hub, self.clock, chairs)
        self.tasks: list[asyncio.Task[None]] = []

    def watch(self, viewer: str | None = None, **query: str) -> Wire:
        wire = Wire(**query)
        if viewer is not None:
            wire.state.viewer = viewer
        self.tasks.append(asyncio.create_task(self.hub.serve(wire)))  # type: ignore[arg-type]
        return wire

    def run(self, scenario: Coroutine[Any, Any, None]) -> None:
        async def whole() -> None:
            async with self.hub.serving():
                try:
                    await asyncio.wait_for(scenario, 10)
                finally:
                    for task in self.tasks:
                        task.cancel()
                    await asyncio.gather(*self.tasks, return_exceptions=True)

        asyncio.run(whole())


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_the_first_message_tells_all_of_every_chair(bench):
    bench.engine.change(1, (), "session", session=session(SessionPhase.INFUSING))
    bench.engine.measure(1, heart_rate=72, spo2=None)
    bench.engine.change(
        1,
        (),
        "alarms",
        "session",
        "link",
        "recording",
        alarms=(alarm(1, AlarmPriority.HIGH),),
        session=session(SessionPhase.INFUSING),
        link=LinkState.QUIET,
        link_detail="no frame since 12:00:01",
        link_since=NOON,
        is_recording=False,
    )

    async def scenario() -> None:
        first = await bench.watch().next()
        assert first["boot"] == bench.hub.boot
        assert first["now"] == NOON_MS
        assert first["speed"] == 1
        assert set(first["snapshot"]) == {"1", "2"}
        chair = first["snapshot"]["1"]
        assert chair["points"] == [
            [NOON_MS, "heart_rate", 72, "valid"],
            [NOON_MS, "spo2", None, "unavailable"],
        ]
        assert chair["alarms"] == [
            {
                "id": "00000000-0000-0000-0000-000000000001",
                "condition": "",
                "text": "** SYS 172 > 160",
                "kind": "physiological",
                "priority": "high",
                "metric": "nibp_systolic",
                "direction": "high",
                "value": 172,
                "worst": None,
                "limit": 160,
                "delay_s": None,
                "onset_ms": NOON_MS,
                "acknowledged_by": None,
                "acknowledged_ms": None,
                "news": "",
                "latched": False,
                "unseen": "",
                "confirmed_ms": None,
                "repeat": False,
                "all_screens": False,
                "calls": [],
            }
        ]
        assert chair["name"] == "Chair 1"
        assert chair["sound"] is None
        assert chair["audio"] == {"state": "on", "until_ms": None, "by": ""}
        assert (chair["off"], chair["spo2_waits_ms"]) == ([], None)
        assert chair["phase"] == "infusing"
        assert chair["link"] == {
            "state": "quiet",
            "text": "NO DATA",
            "detail": "no frame since 12:00:01",
            "since_ms": NOON_MS,
        }
        assert chair["session"] == {
            "id": "00000000-0000-0000-0000-000000000007",
            "phase": "infusing",
            "opened_ms": NOON_MS,
            "phase_since_ms": NOON_MS,
            "infusion_started_ms": NOON_MS,
            "infusion_stopped_ms": None,
            "planned_min": 40,
            "infusion_number": 2,
            "series_length": 6,
            "baseline": {
                "systolic": 124,
                "diastolic": 78,
                "mean": 93,
                "heart_rate": 70,
                "spo2": 98,
            },
            "cuff_interval_s": 300,
            "lacks_baseline": False,
            "is_approved": False,
            "limits": [],
        }
        assert chair["recording"] is False
        assert chair["interval_s"] == 1
        empty = first["snapshot"]["2"]
        assert (empty["points"], empty["alarms"], empty["session"]) == ([], [], None)

    bench.run(scenario())


def test_a_chair_the_engine_has_not_spoken_of_is_unknown_not_well():
    bench = Bench()

    async def scenario() -> None:
        chair = (await bench.watch().next())["snapshot"]["1"]
        assert chair == {
            "points": [],
            "name": None,
            "alarms": [],
            "sound": None,
            "audio": None,
            "off": [],
            "spo2_waits_ms": None,
            "phase": None,
            "session": None,
            "link": None,
            "recording": None,
            "interval_s": None,
            "hr_source": None,
            "monitors": {},
            "remarks": [],
            "identity": None,
            "by_hand": {},
        }

    bench.run(scenario())


def test_an_alarm_tells_how_far_it_was_carried_and_who_has_seen_it(bench):
    call = CallView(CallStage.SECOND, "ben", NOON, seen_at=NOON + timedelta(seconds=4))
    carried = alarm(
        1,
        AlarmPriority.HIGH,
        condition="nibp_systolic high",
        worst=181.0,
        delay_s=0.0,
        is_latched=True,
        needs_repeat=True,
        confirmed_at=NOON,
        is_on_all_screens=True,
        calls=(CallView(CallStage.ALL_SCREENS, "", NOON), call),
    )
    bench.engine.change(1, (), "alarms", alarms=(carried,))

    async def scenario() -> None:
        (told,) = (await bench.watch().next())["snapshot"]["1"]["alarms"]
        assert {key: told[key] for key in ("condition", "worst", "delay_s")} == {
            "condition": "nibp_systolic high",
            "worst": 181,
            "delay_s": 0,
        }
        assert told["latched"] is told["repeat"] is told["all_screens"] is True
        assert told["confirmed_ms"] == NOON_MS
        assert told["calls"] == [
            {"stage": "all_screens", "to": "", "at_ms": NOON_MS, "seen_ms": None},
            {"stage": "second", "to": "ben", "at_ms": NOON_MS, "seen_ms": NOON_MS + 4000},
        ]

    bench.run(scenario())


def test_sound_pauses_and_switched_off_signs_are_told_with_the_session(bench):
    until = NOON + timedelta(seconds=120)
    quiet = session(
        audio=AudioView(AudioState.PAUSED, until, "ana"),
        switched_off={Metric.SPO2: "the finger is cold"},
        spo2_waits_until=NOON + timedelta(seconds=45),
        lacks_baseline=True,
        limits=(AlarmLimit(SYS, Operator.ABOVE, 160, AlarmPriority.MEDIUM, is_adjusted=True),),
    )

    async def scenario() -> None:
        screen = bench.watch()
        await screen.next()
        sound = Sound(AlarmPriority.HIGH, AlarmKind.TECHNICAL)
        bench.engine.change(1, (), "sound", sound=sound)
        told = (await screen.next())["changes"]["1"]
        assert told == {"sound": {"priority": "high", "kind": "technical"}}
        bench.engine.change(1, (), "session", "audio", session=quiet)
        told = (await screen.next())["changes"]["1"]
        assert told["audio"] == {
            "state": "paused",
            "until_ms": NOON_MS + 120_000,
            "by": "ana",
        }
        assert (told["off"], told["spo2_waits_ms"]) == (["SpO2"], NOON_MS + 45_000)
        assert told["session"]["lacks_baseline"] is True
        assert told["session"]["limits"] == [["nibp_systolic", ">", 160, "medium", True]]

    bench.run(scenario())


def test_who_sits_in_a_chair_is_not_said_on_the_socket(bench):
    async def scenario() -> None:
        screen = bench.watch(alarms="all")
        first = await screen.next()
        bench.engine.change(1, (), "session", "phase", session=session())
        assert "J.D." not in json.dumps([first, await screen.next()])

    bench.run(scenario())


def test_a_screen_of_one_chair_hears_the_alarms_of_all(bench):
    bench.engine.measure(2, heart_rate=72)

    async def scenario() -> None:
        screen = bench.watch(chairs="1", alarms="all")
        first = await screen.next()
        assert "points" in first["snapshot"]["1"]
        assert first["snapshot"]["2"] == {
            "name": "Chair 2",
            "alarms": [],
            "audio": None,
            "phase": None,
            "recording": True,
            "sound": None,
        }
        bench.engine.measure(2, heart_rate=73)
        bench.engine.change(2, (), "alarms", "session", alarms=(alarm(1),), session=session())
        change = (await screen.next())["changes"]
        assert set(change) == {"2"}
        assert set(change["2"]) == {"alarms", "phase", "audio"}
        assert [each["id"][-1] for each in change["2"]["alarms"]] == ["1"]
        bench.engine.measure(2, heart_rate=74)
        bench.engine.measure(1, heart_rate=60)
        assert set((await screen.next())["changes"]) == {"1"}

    bench.run(scenario())


def test_a_page_without_numbers_hears_alarms_alone(bench):
    async def scenario() -> None:
        screen = bench.watch(chairs="-", alarms="all")
        first = (await screen.next())["snapshot"]
        assert set(first) == {"1", "2"}
        assert not any("points" in chair for chair in first.values())
        bench.engine.change(1, (), "alarms", alarms=(alarm(1),))
        assert set((await screen.next())["changes"]) == {"1"}

    bench.run(scenario())


def test_the_alarms_of_other_chairs_are_never_cut_however_slow_the_reader(bench):
    async def scenario() -> None:
        screen = bench.watch(chairs="-", alarms="all")
        await screen.next()
        for number in range(BEHIND_CHANGES + 2):
            bench.engine.measure(2, heart_rate=number)
            bench.engine.change(2, (), "alarms", alarms=(alarm(number + 1),))
        (newest,) = (await screen.next())["changes"]["2"]["alarms"]
        assert UUID(newest["id"]) == UUID(int=BEHIND_CHANGES + 2)
        assert screen.waiting == 0

    bench.run(scenario())


# Receipts: what a screen says that it shows.

ONE, TWO = str(UUID(int=1)), str(UUID(int=2))


class Receipts:
    """A bench whose chairs have an open alarm each; what the screens say lands in ``seen``."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []
        self.bench = Bench(on_shown=lambda *receipt: self.seen.append(receipt))
        calls = (CallView(CallStage.ALL_SCREENS, "", NOON), CallView(CallStage.SECOND, "ben", NOON))
        for chair in (1, 2):
            self.bench.engine.change(chair, (), "alarms", alarms=(alarm(chair, calls=calls),))

    async def after(self, screen: Wire) -> list[tuple[Any, ...]]:
        """What has arrived once all that ``screen`` said is read."""
        for _ in range(screen._heard.qsize() + 10):
            await asyncio.sleep(0)
        return self.seen


def shown(*receipts: tuple[Any, ...]) -> str:
    """What a page says of alarms that have no news of their own."""
    whole = 3
    told = [(*each, "") if len(each) == whole else each for each in receipts]
    return json.dumps({"shown": told})


def test_a_receipt_names_whoever_looks_and_is_passed_on_once():
    receipts = Receipts()

    async def scenario() -> None:
        ana = receipts.bench.watch("ana", chairs="1", alarms="all")
        await ana.next()
        ana.say(shown((1, ONE, None), (2, TWO, None)))
        alarms = [(1, UUID(int=1), "ana", None), (2, UUID(int=2), "ana", None)]
        assert await receipts.after(ana) == alarms
        known = (alarm(1, shown_to=("ana",)),)
        receipts.bench.engine.change(1, (), "alarms", alarms=known)
        ana.say(shown((1, ONE, None)))
        assert await receipts.after(ana) == alarms

    receipts.bench.run(scenario())


def test_only_who_was_called_can_say_that_the_call_was_seen():
    receipts = Receipts()

    async def scenario() -> None:
        for viewer in ("ana", "ben", "screen: Door"):
            screen = receipts.bench.watch(viewer)
            await screen.next()
            screen.say(shown((1, ONE, "second"), (1, ONE, "all_screens"), (1, ONE, "prompt")))
            await receipts.after(screen)
        assert receipts.seen == [(1, UUID(int=1), "ben", CallStage.SECOND)]

    receipts.bench.run(scenario())


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "no json",
        "[]",
        "{}",
        '{"shown": 7}',
        '{"shown": [7]}',
        '{"shown": [[1, "no id", null, ""]]}',
        '{"shown": [[1, 7, null, ""]]}',
        '{"shown": [[Infinity, "00000000-0000-0000-0000-000000000001", null, ""]]}',
        '{"shown": [[1, "00000000-0000-0000-0000-000000000001", null, "milder"]]}',
        shown((1, ONE, "forgotten")),
        shown((99, ONE, None)),
        shown((2, ONE, None)),  # that alarm is not of this chair
        shown((1, str(UUID(int=9)), None)),
        shown((1, ONE, None), (1, ONE)),
        shown(*[(1, ONE, None)] * 200),
        "[" * 3000,
    ],
)
def test_what_is_no_receipt_is_nothing_and_harms_nobody(text):
    receipts = Receipts()

    async def scenario() -> None:
        screen = receipts.bench.watch("ana")
        await screen.next()
        screen.say(text)
        screen.say(None, kind="bytes")
        assert await receipts.after(screen) == []
        receipts.bench.engine.measure(1, heart_rate=72)
        assert "changes" in await screen.next()  # and it is served as before
        screen.say(shown((1, ONE, None)))
        assert len(await receipts.after(screen)) == 1

    receipts.bench.run(scenario())


def test_a_screen_nobody_is_known_to_look_at_has_seen_nothing():
    receipts = Receipts()

    async def scenario() -> None:
        screen = receipts.bench.watch()
        assert (await screen.next())["viewer"] is None
        screen.say(shown((1, ONE, None)))
        assert await receipts.after(screen) == []

    receipts.bench.run(scenario())


def test_a_chair_that_a_screen_does_not_hear_cannot_be_seen_there():
    receipts = Receipts()

    async def scenario() -> None:
        screen = receipts.bench.watch("ana", chairs="1")
        assert (await screen.next())["viewer"] == "ana"
        screen.say(shown((2, TWO, None)))
        assert await receipts.after(screen) == []

    receipts.bench.run(scenario())


def test_a_flood_of_receipts_is_cut_to_a_few_a_second():
    receipts = Receipts()

    async def scenario() -> None:
        screen = receipts.bench.watch("ana")
        await screen.next()
        for _ in range(500):
            screen.say(shown((1, ONE, None)))
        assert RECEIPTS_AT_ONCE <= len(await receipts.after(screen)) <= RECEIPTS_AT_ONCE + 2

    receipts.bench.run(scenario())


def test_a_flood_does_not_keep_a_sign_in_alive():
    bench = Bench(recheck_s=0.02)

    async def scenario() -> None:
        screen = Wire()

        async def still_signed_in() -> bool:
            return False

        screen.state.still_signed_in = still_signed_in
        task = asyncio.create_task(bench.hub.serve(screen))  # type: ignore[arg-type]
        await screen.next()
        while not task.done():
            screen.say("x")
            await asyncio.sleep(0)
        assert screen.closed == (1008, "signed out")

    bench.run(scenario())


def test_a_change_carries_what_changed_and_no_more(bench):
    async def scenario() -> None:
        screen = bench.watch()
        first = await screen.next()
        bench.engine.measure(1, heart_rate=72.5)
        change = await screen.next()
        assert change == {
            "seq": first["seq"] + 1,
            "now": NOON_MS,
            "changes": {"1": {"points": [[NOON_MS, "heart_rate", 72.5, "valid"]]}},
        }
        bench.engine.change(2, (), "recording", is_recording=False)
        assert (await screen.next())["changes"] == {"2": {"recording": False}}
        bench.engine.change(2, (), "phase", session=session(SessionPhase.RECOVERY))
        change = (await screen.next())["changes"]["2"]
        assert set(change) == {"phase", "session"}  # a phase has no meaning without its times

    bench.run(scenario())


def test_an_unchanged_value_is_sent_again_because_it_renews_the_age(bench):
    async def scenario() -> None:
        screen = bench.watch()
        await screen.next()
        for second in range(1, 3):
            bench.clock.pass_s(1)
            bench.engine.measure(1, heart_rate=72)
            points = (await screen.next())["changes"]["1"]["points"]
            assert points == [[NOON_MS + 1000 * second, "heart_rate", 72, "valid"]]

    bench.run(scenario())


def test_two_screens_get_their_own_chairs(bench):
    async def scenario() -> None:
        one, both = bench.watch(chairs="1"), bench.watch(chairs="1,2")
        assert set((await one.next())["snapshot"]) == {"1"}
        assert set((await both.next())["snapshot"]) == {"1", "2"}
        bench.engine.measure(2, heart_rate=60)
        assert set((await both.next())["changes"]) == {"2"}
        bench.engine.measure(1, heart_rate=61)
        assert set((await one.next())["changes"]) == {"1"}

    bench.run(scenario())


def test_no_number_of_one_patient_reaches_the_screens_of_the_next(bench):
    first, second = session(SessionPhase.RECOVERY), session(SessionPhase.PREPARATION)
    second = replace(second, session=UUID(int=99))
    bench.hub.fill(1, [observed(HR, 71, NOON), observed(SYS, 182, NOON)])
    bench.engine.change(1, (), "session", session=first)

    async def points() -> list[Any]:
        message = await bench.watch(chairs="1").next()
        return [point[1:3] for point in message["snapshot"]["1"]["points"]]

    async def scenario() -> None:
        assert await points() == [["heart_rate", 71], ["nibp_systolic", 182]]
        bench.engine.change(1, (), "session", session=None)
        assert await points() == [["heart_rate", 71], ["nibp_systolic", 182]]
        bench.clock.pass_s(60)
        bench.engine.change(1, (), "session", session=second)
        assert await points() == []
        bench.engine.measure(1, heart_rate=66)
        bench.engine.change(1, (), "session", session=replace(second, patient="XY"))
        assert await points() == [["heart_rate", 66]]

    bench.run(scenario())


def test_a_reconnect_gets_what_it_missed_and_nothing_twice(bench):
    async def scenario() -> None:
        screen = bench.watch()
        await screen.next()
        seen, seq = [], 0
        for value in range(60, 65):
            bench.clock.pass_s(1)
            bench.engine.measure(1, heart_rate=value)
            message = await screen.next()
            seq, seen = message["seq"], seen + message["changes"]["1"]["points"]
        screen.hang_up()
        for value in range(65, 70):
            bench.clock.pass_s(1)
            bench.engine.measure(1, heart_rate=value)
        bench.clock.pass_s(3600)  # an outage longer than the window loses nothing either
        back = await bench.watch(since=str(seq), window="60").next()
        seen += back["snapshot"]["1"]["points"]
        assert [point[2] for point in seen] == list(range(60, 70))
        assert back["boot"] == bench.hub.boot

    bench.run(scenario())


@pytest.mark.parametrize("later_s", [1, 86_400])
def test_the_since_of_another_process_is_harmless(later_s):
    """The earlier process may have counted to more than the later one has."""
    boot_ns = 1_773_489_600 * 10**9
    earlier, later = (
        Bench(boot_ns=boot_ns),
        Bench(boot_ns=boot_ns + later_s * 10**9),
    )

    async def last_seq() -> None:
        for value in range(100):
            earlier.engine.measure(1, heart_rate=value)
        message = await earlier.watch().next()
        seqs.append(message["seq"])

    async def everything_is_new() -> None:
        later.engine.measure(1, heart_rate=72)
        message = await later.watch(since=str(seqs[0])).next()
        assert [point[2] for point in message["snapshot"]["1"]["points"]] == [72]
        assert message["boot"] != earlier.hub.boot
        assert message["seq"] > seqs[0]
        assert message["seq"] < 2**53  # exact in JavaScript

    seqs: list[int] = []
    earlier.run(last_seq())
    later.run(everything_is_new())


def test_a_first_snapshot_reaches_back_as_far_as_asked_but_knows_the_last_cuff(bench):
    def at(seconds: int) -> Any:
        return NOON - timedelta(seconds=seconds)

    bench.hub.fill(
        1, [observed(HR, 60, at(100)), observed(HR, 61, at(50)), observed(HR, 62, at(5))]
    )
    bench.engine.change(1, (), "session", latest={SYS: observed(SYS, 120, at(600))})

    async def scenario() -> None:
        whole = (await bench.watch().next())["snapshot"]["1"]["points"]
        assert [(point[1], point[2]) for point in whole] == [
            ("nibp_systolic", 120),
            ("heart_rate", 60),
            ("heart_rate", 61),
            ("heart_rate", 62),
        ]
        short = (await bench.watch(window="60").next())["snapshot"]["1"]["points"]
        assert [point[2] for point in short] == [120, 61, 62]

    bench.run(scenario())


def test_heartbeats_come_whether_or_not_there_is_news():
    bench = Bench(heartbeat_s=0.02)

    async def scenario() -> None:
        screen = bench.watch(chairs="1")
        first = await screen.next()
        bench.clock.pass_s(7)
        assert await screen.next() == {"seq": first["seq"], "now": NOON_MS + 7000}
        kinds: set[str] = set()
        while len(kinds) < 2:
            await asyncio.sleep(0.005)
            bench.engine.measure(1, heart_rate=72)
            message = await screen.next()
            kinds.add("change" if "changes" in message else "heartbeat")
            assert message["now"] == NOON_MS + 7000

    bench.run(scenario())


def test_a_slow_reader_gets_all_it_missed_in_one_message(bench):
    async def scenario() -> None:
        screen = bench.watch()
        await screen.next()
        screen.is_stuck.clear()
        bench.engine.measure(1, heart_rate=0)
        await asyncio.sleep(0.01)  # now one message is under way and will not leave
        for value in range(1, 6):
            bench.engine.measure(1, heart_rate=value)
        bench.engine.change(1, (), "alarms", alarms=(alarm(1),))
        bench.engine.change(1, (), "alarms", alarms=(alarm(2),))
        screen.is_stuck.set()
        await screen.next()
        message = (await screen.next())["changes"]["1"]
        assert [point[2] for point in message["points"]] == [1, 2, 3, 4, 5]
        assert [each["id"][-1] for each in message["alarms"]] == ["2"]  # the newest wins
        assert screen.waiting == 0

    bench.run(scenario())


def test_a_reader_that_fell_behind_is_told_and_can_ask_for_the_rest(bench):
    async def scenario() -> None:
        bench.engine.measure(2, heart_rate=50)
        screen = bench.watch()
        seq = (await screen.next())["seq"]
        values = range(BEHIND_CHANGES + 1)
        for value in values:
            bench.engine.measure(1, heart_rate=value)
        message = await screen.next()
        assert message == {"seq": seq + len(values), "now": NOON_MS, "cut": True}
        again = await bench.watch(since=str(seq)).next()
        assert [point[2] for point in again["snapshot"]["1"]["points"]] == list(values)
        assert again["snapshot"]["2"]["points"] == []
        bench.engine.measure(1, heart_rate=72)  # and until it asks, it still gets what is new
        assert (await screen.next())["changes"]["1"]["points"][0][2] == 72

    bench.run(scenario())


def test_a_peer_that_takes_nothing_is_let_go():
    bench = Bench(send_timeout_s=0.05)

    async def scenario() -> None:
        stuck, well = bench.watch(), bench.watch()
        await stuck.next(), await well.next()
        stuck.is_stuck.clear()
        bench.engine.measure(1, heart_rate=72)
        assert "changes" in await well.next()
        await asyncio.wait_for(bench.tasks[0], 2)
        assert len(bench.hub._screens) == 1

    bench.run(scenario())


def test_a_peer_that_hangs_up_is_forgotten(bench):
    async def scenario() -> None:
        screen = bench.watch()
        await screen.next()
        screen.hang_up()
        await asyncio.wait_for(bench.tasks[0], 2)
        assert not bench.hub._screens

    bench.run(scenario())


def test_history_is_bounded_in_time_and_in_number(bench):
    for _ in range(HISTORY_CHANGES + 10):
        bench.engine.measure(1, heart_rate=72)
    assert len(bench.hub._log[1]) == HISTORY_CHANGES
    bench.clock.pass_s(3 * 3600)
    bench.engine.change(1, (), "alarms", alarms=(alarm(),))  # a change without points ages too
    assert len(bench.hub._log[1]) == 1


def test_two_hours_of_all_that_a_monitor_sends_fit_in(bench):
    frames = [NOON - timedelta(seconds=seconds) for seconds in range(7200)]
    bench.hub.fill(1, [observed(metric, 72, at) for metric in CONTINUOUS[:6] for at in frames])
    for _ in range(100):
        bench.engine.measure(1, heart_rate=73)

    async def scenario() -> None:
        points = (await bench.watch(window="7200").next())["snapshot"]["1"]["points"]
        assert len(points) == 7200 * 6 + 100
        assert points[0][0] == NOON_MS - 7199 * 1000
        assert [point[0] for point in points] == sorted(point[0] for point in points)

    bench.run(scenario())


@pytest.mark.parametrize(
    ("query", "code", "words"),
    [
        ({"since": "yesterday"}, 4400, "since must be a whole number"),
        ({"since": "1.5"}, 4400, "since must be a whole number"),
        ({"window": "long"}, 4400, "window must be a whole number"),
        ({"chairs": "1,two"}, 4400, "chairs must be whole numbers"),
        ({"chairs": "98,99"}, 4404, "none of these chairs"),
        ({"chairs": "-"}, 4404, "none of these chairs"),
        ({"chairs": "-1,x"}, 4400, "chairs must be whole numbers"),
        ({"alarms": "some"}, 4400, "alarms must be all"),
    ],
)
def test_a_request_that_means_nothing_is_refused_in_words(bench, query, code, words):
    async def scenario() -> None:
        screen = bench.watch(**query)
        await asyncio.wait_for(bench.tasks[0], 2)
        assert screen.closed is not None
        assert screen.closed[0] == code
        assert words in screen.closed[1]
        assert screen.waiting == 0

    bench.run(scenario())


def test_an_unknown_chair_beside_a_known_one_is_left_out(bench):
    async def scenario() -> None:
        assert set((await bench.watch(chairs="2,99").next())["snapshot"]) == {"2"}

    bench.run(scenario())


def test_a_value_that_is_no_number_does_not_blind_the_screens(bench):
    async def scenario() -> None:
        screen = bench.watch()
        await screen.next()
        bench.engine.measure(1, heart_rate=float("nan"), spo2=97)
        points = (await screen.next())["changes"]["1"]["points"]
        assert [point[2] for point in points] == [None, 97]

    bench.run(scenario())


def test_who_signs_out_sees_nothing_more():
    bench = Bench(recheck_s=0.02)

    async def scenario() -> None:
        screen = Wire()
        is_signed_in = [True]

        async def still_signed_in() -> bool:
            return is_signed_in[0]

        screen.state.still_signed_in = still_signed_in
        task = asyncio.create_task(bench.hub.serve(screen))  # type: ignore[arg-type]
        await screen.next()
        await asyncio.sleep(0.1)
        assert not task.done()
        is_signed_in[0] = False
        await asyncio.wait_for(task, 2)
        assert screen.closed == (1008, "signed out")

    bench.run(scenario())


def test_the_engine_publishes_from_its_own_thread_and_never_waits(bench):
    async def scenario() -> None:
        screens = [bench.watch() for _ in range(3)]
        for screen in screens:
            await screen.next()
        screens[0].is_stuck.clear()
        took: list[float] = []

        def engine() -> None:
            for value in range(200):
                began = time.perf_counter()
                bench.engine.measure(1 + value % 2, heart_rate=value)
                took.append(time.perf_counter() - began)

        thread = threading.Thread(target=engine)
        thread.start()
        for screen in screens[1:]:
            seen: list[int] = []
            while len(seen) < 200:
                changes = (await screen.next())["changes"]
                seen += [point[2] for chair in changes.values() for point in chair["points"]]
            assert sorted(seen) == list(range(200))
        thread.join()
        assert sorted(took)[100] < 0.005

    bench.run(scenario())


def test_publishing_without_a_server_is_no_error(bench):
    bench.engine.measure(1, heart_rate=72)  # before it starts

    async def scenario() -> None:
        first = await bench.watch().next()
        assert len(first["snapshot"]["1"]["points"]) == 1

    bench.run(scenario())
    bench.engine.measure(1, heart_rate=72)  # and after it has stopped


def test_a_chair_that_is_not_shown_here_is_no_error(bench):
    bench.hub.publish(
        bench.engine.snapshot, [Change(1, 99, (observed(HR, 72, NOON),), frozenset())]
    )


def test_screens_that_are_open_hear_all_anew_when_the_clinic_has_other_chairs(bench):
    async def scenario() -> None:
        board, of_two = bench.watch(), bench.watch(chairs="2", alarms="all")
        assert (await board.next())["arranged"] == (await of_two.next())["arranged"] == ""
        bench.engine.measure(1, heart_rate=72)
        assert [*(await board.next())["changes"]] == ["1"]
        bench.hub.arrange([3, 1], "other")  # 2 is gone, 3 is new
        again = await board.next()
        assert (again["arranged"], [*again["snapshot"]]) == ("other", ["3", "1"])
        assert again["boot"] == bench.hub.boot
        assert again["snapshot"]["1"]["points"] == []  # it has them
        assert [*(await of_two.next())["snapshot"]] == ["1", "3"]  # by their alarms
        bench.engine.change(2, (), "link")  # still on its way
        bench.engine.measure(1, heart_rate=73)
        assert [*(await board.next())["changes"]] == ["1"]
        assert of_two.closed is None

    bench.run(scenario())


def test_a_clinic_without_a_chair_is_live(bench):
    bench.hub.arrange([], "none")

    async def scenario() -> None:
        page = bench.watch(chairs="-", alarms="all")
        assert (await page.next())["snapshot"] == {}
        bench.hub.arrange([4], "one")
        assert [*(await page.next())["snapshot"]] == ["4"]

    bench.run(scenario())


def test_the_real_endpoint_speaks_the_same():
    clinic = a_clinic(heartbeat_s=0.05)
    with served(clinic.app) as at:
        cookie = signed_in_cookie(at)
        url = f"ws://{at}/live/ws?chairs=1"
        with connect(url, additional_headers={"Cookie": cookie}) as socket:
            assert not socket.protocol.extensions  # compressing costs time, and saves little
            assert set(json.loads(socket.recv(2))["snapshot"]) == {"1"}
            clinic.engine.measure(1, heart_rate=72)
            messages = [json.loads(socket.recv(2)) for _ in range(3)]
            assert sum("changes" in message for message in messages) == 1
        with (
            connect(f"{url}&since=x", additional_headers={"Cookie": cookie}) as socket,
            pytest.raises(ConnectionClosed) as refused,
        ):
            socket.recv(2)
        assert refused.value.rcvd is not None
        assert refused.value.rcvd.code == 4400
