"""Does ``detect`` name each simulated monitor over a pseudo-terminal, all of them at once?"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from devices.detect import Detection, detect
from devices.registry import PROTOCOLS
from tests.system.clinic import PYTHON, VIGIL, Program, vigil

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX")

SPEED = 10.0  # of the monitors and of whoever listens to them
TELLS_LATER = {"nellcor"}  # who it is: in a heading, every so many lines


class FastClock:
    speed = SPEED

    def monotonic(self) -> float:
        return time.monotonic() * SPEED

    def now(self) -> datetime:
        return datetime.now(UTC)


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """All monitors at once, each at a pseudo-terminal of its own."""
    folder = tmp_path_factory.mktemp("lines")
    with ExitStack() as stack:
        started = []
        for name in PROTOCOLS:
            command = [PYTHON, "-m", "simulators", name, "--port", f"pty:{folder / name}"]
            options = ["--scenario", "capnography", "--speed", str(SPEED)]
            started.append(Program([*command, *options], folder / f"{name}.log"))
            stack.callback(started[-1].end)
        for each in started:
            each.said("listening")
        yield {name: folder / name for name in PROTOCOLS}


def test_all_of_them_are_named(ports: dict[str, Path]):
    def look(name: str) -> tuple[Detection, float]:
        clock = FastClock()
        begin_s = clock.monotonic()
        return detect(str(ports[name]), clock=clock), clock.monotonic() - begin_s

    with ThreadPoolExecutor(len(ports)) as pool:
        found = dict(zip(ports, pool.map(look, ports), strict=True))
    assert {name: each.name for name, (each, _) in found.items()} == {name: name for name in ports}
    for name, (each, passed_s) in found.items():
        assert not each.rivals
        assert each.observations or PROTOCOLS[name].works_cuff
        assert each.identity or not PROTOCOLS[name].identity or name in TELLS_LATER
        assert passed_s < 20 * 1.5, "of the fast clock; the machine may be busy"


def test_the_command_names_it_and_ends_with_0(ports: dict[str, Path]):
    told = vigil("detect", str(ports["masimo-ascii1"]), "--json")
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout)
    assert (found["monitor"], found["baud"]) == ("masimo-ascii1", 9600)
    assert {"spo2", "pulse_rate"} <= {one["metric"] for one in found["observations"]}
    assert "Listening" in told.stderr


def test_what_is_no_port_is_there_not_or_is_taken_ends_with_2(ports: dict[str, Path]):
    for port, words in (("ttyUSB0", "expected a port such as"), ("/dev/no", "does not exist")):
        told = vigil("detect", port)
        assert (told.returncode, words in told.stderr) == (2, True), told.stderr


def test_a_silent_line_ends_with_1_and_one_that_is_interrupted_too(tmp_path: Path):
    ours, theirs = os.openpty()
    silent = tmp_path / "silent"
    silent.symlink_to(os.ttyname(theirs))
    told = vigil("detect", str(silent), "--seconds", "1")
    assert told.returncode == 1
    assert "Nothing came at all" in told.stdout
    program = Program([*VIGIL, "detect", str(silent)], tmp_path / "log")
    try:
        program.said("Listening")
        taken = vigil("detect", str(silent))
        assert (taken.returncode, "is in use by another program" in taken.stderr) == (2, True)
        program.send(signal.SIGINT)
        assert program.ended() == 1
        assert "stopped before" in program.words
    finally:
        program.end()
        os.close(ours)
        os.close(theirs)
