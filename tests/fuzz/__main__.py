"""Do bad bytes break a decoder? A minute of guided guessing for every monitor, or for some.

    make fuzz                                   every monitor of devices/registry.py
    make fuzz ARGS="--seconds 5 ge-dri"         one, shortly
    make fuzz ARGS="--replay build/fuzz/ge-dri/crash-..."   one saved input, without the fuzzer

What was found worth keeping stays in build/fuzz/MONITOR/corpus, and the next run goes on from it.
Ends with 1 when an input broke a property of tests/fuzz/properties.py, after trying them all.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from devices.registry import PROTOCOLS
from tests.fuzz.properties import check_monitor, seeds

ROOT = Path(__file__).parents[2]
PLACE = ROOT / "build" / "fuzz"
LONGEST_INPUT = 2048  # bytes: more than any frame, and two of most
HANG_S = 20  # for one input
MOST_MB = 1000
CHATTER = ("INFO:", "WARNING:", "stat::", "MS:", "artifact_prefix")
SAVED = re.compile(r"Test unit written to (.+)")
INPUTS_TRIED = re.compile(r"number_of_executed_units: (\d+)")


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    options.formatter_class = argparse.RawDescriptionHelpFormatter
    options.add_argument("monitors", nargs="*", metavar="MONITOR", help="default: all")
    options.add_argument("--seconds", type=int, default=60, help="for each monitor (60)")
    options.add_argument("--replay", type=Path, metavar="FILE", help="one saved input")
    given = options.parse_args()
    unknown = set(given.monitors) - set(PROTOCOLS)
    if unknown:
        options.error(f"expected monitors out of {', '.join(PROTOCOLS)}, got {', '.join(unknown)}")
    if given.seconds < 1:
        options.error(f"--seconds: expected 1 or more, got {given.seconds}")  # 0: for ever
    if given.replay:
        return replay(given.replay, given.monitors)
    if find_spec("atheris") is None:
        options.error("expected atheris, which is for Linux and comes with `make fuzz`")
    broken = [name for name in given.monitors or PROTOCOLS if not survives(name, given.seconds)]
    if broken:
        print(f"broken: {', '.join(broken)}")
    return 1 if broken else 0


def survives(name: str, seconds: int) -> bool:
    """Hunt for an input that breaks the decoder; print what became of it."""
    place = PLACE / name
    (place / "corpus").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as start:
        for number, wire in enumerate(seeds(name)):
            (Path(start) / str(number)).write_bytes(wire)
        done = subprocess.run(
            [
                *(sys.executable, "-m", "tests.fuzz.hunt", name, f"-max_total_time={seconds}"),
                *(f"-artifact_prefix={place}/", f"-max_len={LONGEST_INPUT}", f"-timeout={HANG_S}"),
                *(f"-rss_limit_mb={MOST_MB}", "-print_final_stats=1", "-verbosity=0"),
                *(str(place / "corpus"), start),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            errors="replace",
        )
    tried = INPUTS_TRIED.search(done.stderr)
    count = int(tried[1]) if tried else 0
    kept = len(list((place / "corpus").iterdir()))
    if done.returncode == 0 and count > 0:
        print(f"{name}: {count:,} inputs in {seconds} s, {kept} kept, nothing broken", flush=True)
        return True
    told = [one for one in done.stderr.splitlines() if not one.startswith(CHATTER)]
    print(f"{name}: BROKEN (exit code {done.returncode})", done.stdout, *told, sep="\n")
    for found in SAVED.findall(done.stderr):
        print(f'  make fuzz ARGS="--replay {Path(found).relative_to(ROOT)}"', flush=True)
    return False


def replay(path: Path, monitors: list[str]) -> int:
    """Run one saved input; its folder names the monitor, unless the command line does."""
    names = monitors or [path.resolve().parent.name]
    wire = path.read_bytes()
    for name in names:
        if name not in PROTOCOLS:
            print(f"replay: expected a monitor's name before {path}, got {name}", file=sys.stderr)
            return 2
        print(f"{name}: {len(wire)} bytes: {wire.hex(' ')}")
        check_monitor(name, wire)
    print("nothing broken")
    return 0


if __name__ == "__main__":
    sys.exit(main())
