"""How is a simulated monitor started from the command line? ``python -m simulators ge-dri ...``"""

import argparse
import os
import sys
from datetime import datetime

from simulators.refused import Refused
from simulators.registry import MONITORS
from simulators.run import scenarios, simulate


def _list() -> None:
    print("monitors:")
    for name, model in MONITORS.items():
        print(f"  {name:20} {model.title}")
    print("scenarios:")
    for name, title in scenarios():
        print(f"  {name:20} {title}")


def main(arguments: list[str] | None = None) -> int:
    """Run one simulated monitor; returns the exit code (2: refused)."""
    parser = argparse.ArgumentParser(
        prog="python -m simulators", description="A bedside monitor made of software."
    )
    parser.add_argument("monitor", nargs="?", help="kind of monitor, as --list shows them")
    parser.add_argument(
        "--port", help="pty:PATH, tcp:HOST:PORT, serial:DEVICE, file:PATH or file:-"
    )
    parser.add_argument("--scenario", help="name of a scripted session, or a .toml file")
    parser.add_argument("--recording", help="replay this CSV instead")
    parser.add_argument("--speed", type=float, default=1.0, help="times as fast as real")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--at", type=float, default=0.0, help="start so many seconds into it")
    parser.add_argument("--begin", help="the monitor's clock at second 0, ISO 8601 with zone")
    parser.add_argument("--length", type=float, help="stop after so many seconds of the session")
    parser.add_argument("--interval", type=int, default=1, help="file: only; seconds per record")
    parser.add_argument("--stamps", action="store_true", help="file: only; times between bytes")
    parser.add_argument(
        *("--faults", "--fault"), default="", help="as split,drop:0.01,noise,stall:20s,unplug:60s"
    )
    parser.add_argument("--serial", help="who the monitor says it is; by default of the seed")
    parser.add_argument("--device", type=int, help="who it is by default, in place of the seed")
    parser.add_argument(
        "--clock-offset", type=float, default=0.0, help="seconds that its clock is ahead"
    )
    parser.add_argument("--sent", help="write each message and its fate to this file, as JSON")
    parser.add_argument("--watch-parent", action="store_true", help="stop when the parent does")
    parser.add_argument("--list", action="store_true", help="name the monitors and scenarios")
    options = parser.parse_args(arguments)
    if options.list:
        _list()
        return 0
    if options.monitor is None or options.port is None:
        parser.error("a monitor and --port are needed; --list shows what there is")
    try:
        simulate(
            options.monitor,
            port=options.port,
            scenario=options.scenario,
            recording=options.recording,
            speed=options.speed,
            seed=options.seed,
            at_s=options.at,
            begin=_begin(options.begin),
            length_s=options.length,
            interval_s=options.interval,
            stamps=options.stamps,
            faults=options.faults,
            serial=options.serial,
            device=options.device,
            clock_offset_s=options.clock_offset,
            sent=options.sent,
            watch_parent=options.watch_parent,
        )
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:  # as in `| head`: the reader has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains
    return 0


def _begin(text: str | None) -> datetime | None:
    try:
        return None if text is None else datetime.fromisoformat(text)
    except ValueError as error:
        raise Refused("begin", expected="a time such as 2025-06-01T09:00Z", got=text) from error


if __name__ == "__main__":
    sys.exit(main())
