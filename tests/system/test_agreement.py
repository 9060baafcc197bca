"""Do screen, record and ``vigil decode`` say the same of the same bytes?"""

from __future__ import annotations

import json
import subprocess
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.system.clinic import PYTHON, Clinic, Line, Point, Screen, until, vigil

MARK = b"\x7e"  # at both ends of a frame, and nowhere in it
# What has a time of its own, and is kept value by value.
READINGS = ("nibp_systolic", "nibp_diastolic", "nibp_mean", "nibp_pulse", "temperature_1")
NO_METRIC = ("session_id", "t_ms", "hr_source", "rr_source", "device_ms", "quality", "monitor")

# Scenario, from and for so many seconds.
PATIENTS = {
    "numbers, then the ECG lead comes off": ("lead-off-artefact", "200", "60"),
    "a cuff reading, then a cycle that fails": ("cuff-failures", "290", "120"),
}

Said = tuple[str, float | None, str]  # metric, value, quality


def wire(scenario: str, at_s: str, length_s: str) -> list[bytes]:
    """The frames of a monitor that was asked for one a second."""
    command = [PYTHON, "-m", "simulators", "ge-dri", "--port", "file:-", "--scenario", scenario]
    when = ["--at", at_s, "--length", length_s, "--begin", "2026-03-01T09:00Z"]
    told = subprocess.run([*command, *when], cwd=ROOT, capture_output=True, check=True).stdout
    return [MARK + body + MARK for body in told.split(MARK) if body]


def decoded(clinic: Clinic, frames: list[bytes]) -> list[list[dict[str, Any]]]:
    """The lines of ``vigil decode``, by frame."""
    file = clinic.folder / "wire.bin"
    file.write_bytes(b"".join(frames))
    said = vigil("decode", "ge-dri", str(file))
    assert said.returncode == 0, said.stderr
    lines = [json.loads(line) for line in said.stdout.splitlines()]
    ends = [sum(map(len, frames[: number + 1])) for number in range(len(frames))]
    assert {line["offset"] for line in lines} == set(ends)
    return [[line for line in lines if line["offset"] == end] for end in ends]


def played(line: Line, screen: Screen, frame: bytes) -> list[Point]:
    """What the screen shows of ``frame``, which is sent when it has shown the one before."""
    shown = screen.chairs[1]
    count = len(shown.points)
    line.write(frame)
    screen.until(lambda: len(shown.points) > count, "the frame")
    points = shown.points[count:]
    # No monitor sends two frames in a millisecond; of those the record would move the second.
    until(lambda: time.time() * 1000 > points[0].t_ms + 2, "the next millisecond")
    return points


def said(point: Point | dict[str, Any]) -> Said:
    row = point._asdict() if isinstance(point, Point) else point
    return row["metric"], row["value"], row["quality"]


def of_vital(row: dict[str, Any]) -> list[Said]:
    """A wide row as the values that were sent."""
    reasons = json.loads(row["quality"] or "{}")
    return [
        (metric, value, reasons.get(metric, "valid"))
        for metric, value in row.items()
        if metric not in NO_METRIC and (value is not None or metric in reasons)
    ]


def device_ms(line: dict[str, Any]) -> int:
    """The monitor's own calendar, as the record counts it."""
    return int(datetime.fromisoformat(line["device_time"]).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize("patient", PATIENTS.values(), ids=PATIENTS)
def test_screen_record_and_decode_agree_on_every_frame(
    clinic: Clinic, patient: tuple[str, str, str]
):
    frames = wire(*patient)
    line = clinic.line("ge")
    clinic.configure(line.path)
    server = clinic.run_with_a_desk()
    until(line.heard, "the request for values")
    clinic.infuse(server, 1)
    with server.screen() as screen:
        shown = [played(line, screen, frame) for frame in frames]
    # The monitor begins with a reading from before the session: not of this patient, so not here.
    lines = [
        [line for line in frame if line["measurement_id"] != "n1"]
        for frame in decoded(clinic, frames)
    ]
    assert [[said(point) for point in frame] for frame in shown] == [
        [said(line) for line in frame] for frame in lines
    ]
    assert None in [line["value"] for frame in lines for line in frame]

    def all_vitals() -> list[dict[str, Any]] | None:
        rows = clinic.record.rows("select * from vital order by t_ms")
        return rows if len(rows) == len(frames) else None

    vitals = until(all_vitals, "every frame in the record", 3)
    for row, of_screen, of_decode in zip(vitals, shown, lines, strict=True):
        wide = [line for line in of_decode if line["metric"] not in READINGS]
        assert sorted(of_vital(row)) == sorted(map(said, wide))
        assert row["t_ms"] == of_screen[0].t_ms
        assert row["device_ms"] == device_ms(of_decode[0])
    for metric in READINGS:
        kept = clinic.record.rows("select * from reading where metric = ? order by t_ms", metric)
        expected = [line for frame in lines for line in frame if line["metric"] == metric]
        assert expected or (metric.startswith("nibp") and "cuff" not in patient[0])
        assert [said(row) for row in kept] == [said(line) for line in expected]
        assert [row["device_time"] for row in kept] == [line["device_time"] for line in expected]
        for row, line in zip(kept, expected, strict=True):
            # The record tells readings of two runs apart: n1 becomes 3f2a91c0-1-n1.
            assert (row["measurement_id"] or "").rpartition("-")[2] == (
                line["measurement_id"] or ""
            )
