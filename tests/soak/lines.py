"""Do nine lines with bad cables deliver all that was not damaged, for as long as one likes?

Nine simulated monitors, one of each kind and each a process of its own, on pseudo-terminals; nine
links, one engine and the writer with a record on disk; a patient in each chair. The cables split,
drop, flip, add noise, stall, fall out and are read at a wrong rate. The clocks of simulators, links
and engine run ``--speed`` times as fast; ``--minutes`` are those of the clinic. It ends with a
table, and with exit code 1 where a value that was sent is neither delivered nor counted as damaged,
one was delivered that nobody sent, a thread is left, memory has grown, or a line is not live.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

import psutil

from clinical.bedside import BedsideMonitor
from clinical.chair import DATA_LOST, ChairState
from clinical.commands import OutcomeKind, StartSession
from clinical.engine import Engine
from clinical.links import LinkState
from clinical.monitor import Observed
from clinical.sign_off import Actor, Role
from clinical.snapshot import Change, LiveSnapshot
from dashboard.clock import SteadyClock
from devices.link import Frame
from devices.registry import PROTOCOLS
from devices.supervisor import Supervisor, Told
from storage.database import migrate, open_database
from storage.writer import StorageWriter
from tests.conftest import ROOT
from tests.soak.account import Balance, Values, read_sent
from tests.soak.growth import quarters

SPEED = 20.0
NURSE = Actor("ana", "ana", Role.NURSE)
PATIENT = Path(__file__).with_name("patient.toml")
# Bytes of a usual message: a byte is hit so often that three messages in a hundred are damaged.
SIZES = {
    "ge-dri": 322,
    "philips-intellivue": 420,
    "masimo-ascii1": 135,
    "dinamap": 22,
    "capnostream": 33,  # with numbers; its points of a wave have nine
    "ivy450c": 570,
    "nellcor": 63,
    "suntech": 6,
    "nonin-ascii": 17,
}
HIT = 0.015  # of messages, by each of drop and flip
INTERRUPTIONS = "split,noise,baud:20s,stall:20s,unplug:30s"
LIVE_WITHIN_S = 120.0  # clinic s after the end: the longest fault, and what a line needs then
AT_LEAST_S = 20.0  # real s of that: a machine may be busy with something else
STARTS_WITHIN_S = 20.0  # real s
LOOK_EVERY_S = 0.25  # real s
MIB = 2**20
MAY_GROW_MIB, MAY_GROW_SHARE = 16.0, 0.05


@dataclass
class Line:
    """One monitor, its cable, the link, and what that handed over."""

    name: str
    port: Path
    supervisor: Supervisor
    simulator: subprocess.Popen[bytes]
    notes: Path
    delivered: Values

    def balance(self, is_live: bool) -> Balance:
        protocol, report = PROTOCOLS[self.name], self.supervisor.report
        return Balance(
            self.name,
            read_sent(self.notes, protocol),
            self.delivered,
            report.garbled,
            report.opened,
            protocol.has_checksum,
            is_live,
        )


@dataclass
class Feed:
    """The screens: only whether a chair says that the engine lost something."""

    lost: set[int] = field(default_factory=set)

    def publish(self, snapshot: LiveSnapshot, changes: Sequence[Change]) -> None:
        for change in changes:
            view = snapshot.chairs[change.chair]
            if any(alarm.text == DATA_LOST for alarm in view.alarms):
                self.lost.add(change.chair)


@dataclass
class Run:
    """What a soak found."""

    balances: list[Balance] = field(default_factory=list)
    rss_mib: list[float] = field(default_factory=list)
    threads_left: list[str] = field(default_factory=list)
    lost_by_engine: set[int] = field(default_factory=set)
    live_after_s: float = 0.0  # clinic s, until the last line was
    took_s: float = 0.0

    def faults(self) -> list[str]:
        found = [f"{one.name}: {words}" for one in self.balances for words in one.faults()]
        early, late = quarters(self.rss_mib or [0.0])
        if late - early > max(MAY_GROW_MIB, MAY_GROW_SHARE * early):
            found.append(f"memory has grown from {early:.1f} to {late:.1f} MiB")
        found += [f"the thread {name} is left" for name in self.threads_left]
        found += [f"chair {chair}: the engine could not keep up" for chair in self.lost_by_engine]
        return found

    def table(self) -> str:
        head = ("monitor", "values", "messages", "whole", "damaged", "lost")
        head += ("missing", "garbled", "opened", "unsent", "forged")
        rows = [head]
        for one in self.balances:
            sent = one.sent
            counts = (sent.whole + sent.damaged + sent.lost, sent.whole, sent.damaged, sent.lost)
            counts += (one.missing, one.garbled, one.opened, one.unsent, sent.forged)
            rows.append((one.name, *map(str, (one.delivered.count, *counts))))
        return "\n".join(
            f"{row[0]:20}" + "".join(f"{cell:>10}" for cell in row[1:]) for row in rows
        )


def soak(minutes: float, speed: float = SPEED, seed: int = 0) -> Run:
    """So many minutes of the clinic, and what was found."""
    found, began_s = Run(), time.monotonic()
    before = set(threading.enumerate())
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        clock = SteadyClock(speed)
        feed = Feed(found.lost_by_engine)
        engine = stack.enter_context(_engine(folder, clock, feed))
        lines = [
            _line(number, name, folder, clock, engine, seed, stack)
            for number, name in enumerate(SIZES, 1)
        ]
        _wait_for_ports(lines)
        for line in lines:
            line.supervisor.start()
        for number in range(1, len(lines) + 1):
            command = StartSession(command_id=uuid4(), chair=number, by=NURSE, patient="AB")
            assert engine.submit(command).result(STARTS_WITHIN_S).kind is OutcomeKind.DONE
        _watch(60 * minutes, clock, found)
        live = _live(lines, clock, found)
        run_dry(lines)
        for line in lines:
            line.supervisor.stop()
        found.balances = [line.balance(line.name in live) for line in lines]
    found.threads_left = sorted(one.name for one in set(threading.enumerate()) - before)
    found.took_s = time.monotonic() - began_s
    return found


@contextmanager
def _engine(folder: Path, clock: SteadyClock, feed: Feed) -> Iterator[Engine]:
    url = f"sqlite:///{folder / 'record.sqlite'}"
    migrate(url)
    writer = StorageWriter(open_database(url, is_writer=True), clock)
    engine = Engine(
        [_chair(number, name) for number, name in enumerate(SIZES, 1)],
        recorder=writer,
        feed=feed,
        clock=clock,
    )
    try:
        engine.start()
        yield engine
    finally:
        engine.stop()
        writer.close()


def _chair(number: int, name: str) -> ChairState:
    entry = PROTOCOLS[name]
    monitor = BedsideMonitor(
        name=name,
        title=entry.title,
        metrics=entry.metrics,
        proof=entry.proof.value,
        interval_s=entry.settings.interval_s,
    )
    return ChairState(number, f"Chair {number}", monitor.interval_s, True, (monitor,))


def _line(
    number: int,
    name: str,
    folder: Path,
    clock: SteadyClock,
    engine: Engine,
    seed: int,
    stack: ExitStack,
) -> Line:
    port, notes, delivered = folder / name, folder / f"{name}.sent", Values()
    hit = HIT / SIZES[name]
    simulator = stack.enter_context(
        subprocess.Popen(
            [
                *(sys.executable, "-m", "simulators", name, "--port", f"pty:{port}"),
                *("--scenario", str(PATIENT), "--speed", str(clock.speed), "--watch-parent"),
                *("--seed", str(100 * seed + number), "--sent", str(notes)),
                *("--faults", f"{INTERRUPTIONS},drop:{hit:.6f},flip:{hit:.6f}"),
            ],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
        )
    )
    stack.callback(simulator.terminate)

    def receive(told: Told) -> None:
        if isinstance(told, Frame):
            delivered.add(told.observations)
            seen = Observed(
                told.observations,
                told.received_at,
                supervisor.interval_s,
                "",
                told.alarms,
                told.is_cuff_up,
            )
            engine.post(number, seen)
        else:
            engine.post(number, replace(told, monitor=""))

    supervisor = Supervisor(
        f"Chair {number}", str(port), PROTOCOLS[name], clock, receive, ids=f"soak-{number}"
    )
    stack.callback(supervisor.stop)
    return Line(name, port, supervisor, simulator, notes, delivered)


def _wait_for_ports(lines: Sequence[Line]) -> None:
    give_up_s = time.monotonic() + STARTS_WITHIN_S
    for line in lines:
        while not line.port.exists():
            assert line.simulator.poll() is None, f"the simulator of {line.name} has ended"
            assert time.monotonic() < give_up_s, f"{line.port} has not come"
            time.sleep(0.01)


def _watch(length_s: float, clock: SteadyClock, found: Run) -> None:
    process, end_s = psutil.Process(), clock.monotonic() + length_s
    while clock.monotonic() < end_s:
        found.rss_mib.append(process.memory_info().rss / MIB)
        time.sleep(LOOK_EVERY_S)


def _live(lines: Sequence[Line], clock: SteadyClock, found: Run) -> set[str]:
    """Which lines are live by themselves once more; the faults go on meanwhile."""
    live: set[str] = set()
    ended_s = clock.monotonic()
    within_s = max(LIVE_WITHIN_S, AT_LEAST_S * clock.speed)
    while len(live) < len(lines) and clock.monotonic() < ended_s + within_s:
        new = {line.name for line in lines if line.supervisor.state is LinkState.LIVE} - live
        if new:
            live |= new
            found.live_after_s = clock.monotonic() - ended_s
        time.sleep(LOOK_EVERY_S / clock.speed)
    return live


def run_dry(lines: Sequence[Line]) -> None:
    """End the monitors, and wait until each line has handed over what it still had read.

    A link that is stopped drops what it is reading at that moment, which the simulator would count
    as arrived. One that finds its port gone has taken all before it.
    """
    for line in lines:
        line.simulator.terminate()
    for line in lines:
        line.simulator.wait(STARTS_WITHIN_S)
    give_up_s = time.monotonic() + STARTS_WITHIN_S
    for line in lines:
        while line.supervisor.state is not LinkState.DISCONNECTED:
            assert time.monotonic() < give_up_s, f"{line.name}: its port is gone"
            time.sleep(0.01)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak.lines", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0, help="of the clinic's time")
    parser.add_argument("--speed", type=float, default=SPEED, help="times as fast as real")
    parser.add_argument("--seed", type=int, default=0, help="other patients and other faults")
    asked = parser.parse_args(arguments)
    found = soak(asked.minutes, asked.speed, asked.seed)
    print(found.table())
    early, late = quarters(found.rss_mib or [0.0])
    print(
        f"{asked.minutes:g} minutes at {asked.speed:g} times in {found.took_s:.0f} s; "
        f"memory {early:.1f} -> {late:.1f} MiB; all live {found.live_after_s:.1f} s after the end"
    )
    for words in found.faults():
        print(f"FAILED: {words}")
    return int(bool(found.faults()))


if __name__ == "__main__":
    sys.exit(main())
