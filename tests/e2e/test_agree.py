"""Do the screen, the record and ``vigil decode`` say the same of the same bytes?"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path

from playwright.sync_api import expect

from tests.e2e.clinics import ROOT, VIGIL, Clinic
from tests.e2e.screens import SHOWN, start_session

FRAMES = 20
OF_THE_LAST_PATIENT = "n1"  # the reading that the monitor showed before the session: nobody's here
INTERVAL_S = 10  # between two frames of the recorded bytes: sent as fast as the screen follows


def recorded(file: Path) -> None:
    """What a monitor would have sent of a surge in pressure, cuff readings and all."""
    subprocess.run(
        [
            *(sys.executable, "-m", "simulators", "ge-dri", "--port", f"file:{file}"),
            *("--scenario", "hypertensive-surge", "--at", str(33 * 60)),
            *("--interval", str(INTERVAL_S), "--length", str(FRAMES * INTERVAL_S)),
        ],
        cwd=ROOT,
        check=True,
    )


def decoded(file: Path) -> dict[int, dict[str, float]]:
    """By the offset where its frame ends, the values that ``vigil decode`` reads of the patient."""
    done = subprocess.run(
        [VIGIL, "decode", "ge-dri", str(file)], capture_output=True, text=True, check=True
    )
    frames: dict[int, dict[str, float]] = {}
    for line in map(json.loads, done.stdout.splitlines()):
        frame = frames.setdefault(line["offset"], {})
        if line["measurement_id"] != OF_THE_LAST_PATIENT:
            frame[line["metric"]] = line["value"]
    return frames


@contextmanager
def a_cable() -> Iterator[tuple[int, str]]:
    """A pseudo-terminal: the monitor's end, and the path of the other."""
    monitor, ours = os.openpty()
    tty.setraw(ours)
    os.set_blocking(monitor, False)
    try:
        yield monitor, os.ttyname(ours)
    finally:
        os.close(monitor)
        os.close(ours)


def send(monitor: int, data: bytes) -> None:
    with suppress(BlockingIOError):  # what the clinic asks for: this monitor has its script
        os.read(monitor, 65536)
    os.write(monitor, data)


def on_screen(value: float | None) -> str:
    """As everybody rounds: a half goes up."""
    return "---" if value is None else str(math.floor(value + 0.5))


def test_screen_record_and_decoder_agree_on_every_frame(tmp_path, sign_in):
    file = tmp_path / "monitor.raw"
    recorded(file)
    wire, frames = file.read_bytes(), decoded(file)
    assert len(frames) == FRAMES
    with a_cable() as (monitor, path):
        clinic = Clinic(tmp_path, {1: {"ge-dri": path}})
        clinic.start()
        try:
            nurse = sign_in(clinic, path=None)
            start_session(nurse, 1, "AG")
            last: dict[str, float] = {}
            for begin, end in pairwise([0, *frames]):
                send(monitor, wire[begin:end])
                last |= frames[end]
                for metric in SHOWN:
                    expect(nurse.number(metric)).to_have_text(on_screen(last.get(metric)))
            check_record(clinic, list(frames.values()))
        finally:
            nurse.page.goto("about:blank")  # else it says that its server has gone
            clinic.stop()


def check_record(clinic: Clinic, frames: list[dict[str, float]]) -> None:
    """Every frame is a row, every cuff reading a reading: unrounded, in the order they came."""
    continuous = ("heart_rate", "pulse_rate", "spo2", "resp_rate")
    columns = ", ".join(continuous)
    clinic.until_rows(FRAMES, "SELECT t_ms FROM vital")
    rows = clinic.rows(f"SELECT {columns} FROM vital ORDER BY t_ms")  # noqa: S608
    assert rows == [tuple(frame[metric] for metric in continuous) for frame in frames]
    cuffs = [frame["nibp_systolic"] for frame in frames if "nibp_systolic" in frame]
    assert len(cuffs) > 0
    systolic = "SELECT value FROM reading WHERE metric = 'nibp_systolic' ORDER BY t_ms"
    assert clinic.rows(systolic) == [(value,) for value in cuffs]
