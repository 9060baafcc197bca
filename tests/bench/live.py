"""How long from the last byte of a frame to the number on a screen, and what does it cost?"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple

import psutil

from tests.bench import screen
from tests.bench.child import Child
from tests.bench.monitors import RATES
from tests.bench.report import Goal, Options, Row, Table, medians, percentiles

CHAIRS, CLIENTS = (1, 8, 16), (1, 5, 20)
START_WITHIN_S = 60.0
WARM_UP_S = 5.0
AFTERWARDS_S = 2.0  # a number that is later than this counts as lost
MIB = 2**20


class Stamp(NamedTuple):
    """A frame: which chair sent which rate, and when its last byte was written (monotonic s)."""

    chair: int
    rate_bpm: int
    before_s: float
    after_s: float


def live(chairs: int, clients: int, options: Options) -> list[Row]:
    return [medians([_repeat(chairs, clients, options.seconds) for _ in range(options.repeats)])]


def _repeat(chairs: int, clients: int, seconds: float) -> Row:
    """One server, one browser, ``clients - 1`` sockets, all new, watched for ``seconds``."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        monitors = stack.enter_context(Child("monitors", folder, str(chairs)))
        monitors.tells(START_WITHIN_S)
        server = stack.enter_context(Child("server", folder, str(chairs)))
        told = server.tells(START_WITHIN_S)
        found = stack.enter_context(screen.a_browser())
        page = stack.enter_context(screen.a_page(found, screen.WATCH))
        screen.sign_in(page, told)
        others = None
        if clients > 1:
            account = (told["url"], told["user"], told["password"])
            others = stack.enter_context(Child("clients", *account, str(clients - 1)))
            others.tells(START_WITHIN_S)
        screen.wait_for_numbers(page, chairs)
        time.sleep(WARM_UP_S)

        before = _Load(server.pid)
        time.sleep(seconds)
        after = _Load(server.pid)
        time.sleep(AFTERWARDS_S)

        clock = screen.page_clock(page)
        seen = screen.seen(page, clock)
        lost_by_others = 0
        if others:
            others.stop()
            lost_by_others = others.tells(START_WITHIN_S)["lost"]
        monitors.stop()
        stamps = [Stamp(*stamp) for stamp in monitors.tells(START_WITHIN_S)]
    sent = [stamp for stamp in stamps if before.at_s <= stamp.after_s < after.at_s]
    shown = matched(sent, seen)
    dom = percentiles([change.dom_s - stamp.after_s for stamp, change in shown])
    paint = percentiles(
        [change.painted_s - stamp.after_s for stamp, change in shown if change.painted_s]
    )
    return {
        "": name(chairs, clients),
        **{f"dom {rank}": value for rank, value in dom.items()},
        **{f"paint {rank}": value for rank, value in paint.items()},
        "frames": len(sent),
        "lost": len(sent) - len(shown),
        "lost by others": lost_by_others,
        "server CPU %": after.share_of_core(before),
        "server MiB": after.rss / MIB,
        "foreign CPU %": after.foreign_share(before),
        "clock ±": 1000 * clock.error_s,
    }


def matched(sent: Iterable[Stamp], seen: Iterable[screen.Seen]) -> list[tuple[Stamp, screen.Seen]]:
    """Each frame with the first change to its rate; one that was never shown is left out.

    A rate comes back after ``RATES`` seconds, so half of that is as late as a number can be.
    """
    changes: dict[tuple[int, str], list[screen.Seen]] = {}
    for change in seen:
        changes.setdefault((change.chair, change.text), []).append(change)
    found = []
    for stamp in sent:
        for change in changes.get((stamp.chair, str(stamp.rate_bpm)), ()):
            if stamp.before_s <= change.dom_s < stamp.before_s + RATES / 2:
                found.append((stamp, change))
                break
    return found


class _Load:
    """What has been used up to now, in seconds of a core."""

    def __init__(self, server: int) -> None:
        ours = [psutil.Process(), *psutil.Process().children(recursive=True)]
        process, machine = psutil.Process(server), psutil.cpu_times()
        self.at_s = time.clock_gettime(time.CLOCK_MONOTONIC)
        self.rss = process.memory_info().rss
        self._server_s = _used_s(process)
        self._machine_s = sum(machine) - machine.idle - getattr(machine, "iowait", 0.0)
        self._ours_s = sum(map(_used_s, ours))

    def share_of_core(self, before: _Load) -> float:
        """Of the server: percent of one core."""
        return 100 * (self._server_s - before._server_s) / (self.at_s - before.at_s)

    def foreign_share(self, before: _Load) -> float:
        """Of everything on the machine that is not this bench: percent of one core."""
        foreign_s = self._machine_s - before._machine_s - (self._ours_s - before._ours_s)
        return max(0.0, 100 * foreign_s / (self.at_s - before.at_s))


def _used_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def name(chairs: int, clients: int) -> str:
    return f"{chairs} × {clients}"


def _cells() -> dict[str, Callable[[Options], list[Row]]]:
    return {
        f"live-{chairs}x{clients}": partial(live, chairs, clients)
        for chairs in CHAIRS
        for clients in CLIENTS
    }


TABLE = Table(
    "From the byte to the screen",
    """Chairs × clients; ms. From the last byte of a frame written to a pty by a stamped simulator,
through link, decoder, engine, hub and socket, to one headless Chromium with the board at 1920×1080:
*dom* is the observer's microtask after the text changed, *paint* the first task after the next
frame (60 a second). Each chair sends one frame a second, with a heart rate of 60 to 159 that climbs
by one: so every frame is known by its number, and the limits raise alarms. A session runs in every
chair and is recorded (SQLite, WAL, FULL). The other clients are sockets of one Python process. The
figures are medians of the repeats, each with new processes, the first 5 s of every one left out;
*lost* is their sum. CPU: 100 is one core. *Foreign CPU* is what ran beside the bench: above a few
percent, the tails are somebody else's. *Clock* is how far the page's clock may be off.""",
    _cells(),
    (
        Goal("dom p95 at 16 × 1 at most 3 ms", name(16, 1), "dom p95", 3),
        Goal("paint p95 at 16 × 1 at most 20 ms", name(16, 1), "paint p95", 20),
        Goal("dom p95 at 16 × 20 at most 10 ms", name(16, 20), "dom p95", 10),
        Goal("server at 16 × 20 at most 10 % of a core", name(16, 20), "server CPU %", 10),
        Goal("nothing lost on the screen, in any cell", None, "lost", 0),
        Goal("nothing lost by the other clients, in any cell", None, "lost by others", 0),
    ),
    is_timed=True,
)
