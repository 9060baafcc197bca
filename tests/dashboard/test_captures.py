"""Does ``vigil capture`` list, export and replay what the flight recorder kept?"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from clinical.chair import ChairState
from clinical.links import ClockRead, Identified, LinkEvent, LinkState
from clinical.monitor import Tick
from dashboard.captures import STAMP
from dashboard.cli import app
from dashboard.line_replay import LineReplay
from devices.link import Frame, SerialLink
from devices.registry import PROTOCOLS
from simulators.run import simulate
from storage.capture_file import Asked, Closed, Opened, Received, Sent, Told
from storage.captures import FlightRecorder

BEGIN = datetime(2026, 3, 14, 9, 0, tzinfo=UTC)
LENGTH_S = 20.0


class HandClock:
    speed = 1.0

    def __init__(self) -> None:
        self.passed_s = 0.0

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self.passed_s)

    def monotonic(self) -> float:
        return 700.0 + self.passed_s


def stamped(file: Path, monitor: str = "ge-dri") -> list[tuple[float, bytes]]:
    """What a simulated monitor says in LENGTH_S, read by read."""
    simulate(
        monitor, port=f"file:{file}", scenario="calm", length_s=LENGTH_S, stamps=True, begin=BEGIN
    )
    data, reads = file.read_bytes(), []
    while data:
        t_s, size = STAMP.unpack_from(data)
        reads.append((t_s, data[STAMP.size : STAMP.size + size]))
        data = data[STAMP.size + size :]
    return reads


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a record with what two monitors of chair 1 said."""
    folder = tmp_path_factory.mktemp("kept")
    (folder / "vigil.sqlite").touch()
    clock = HandClock()
    recorder = FlightRecorder(folder / "captures", clock=clock)
    for index, monitor in enumerate(("ge-dri", "masimo-ascii1"), 1):
        tap = recorder.tap(1, monitor, f"/dev/ttyUSB{index}", f"ab12-1-{index}")
        tap.opened(f"/dev/ttyUSB{index}", BEGIN, 700.0)
        for t_s, data in stamped(folder / f"{monitor}.stamps", monitor):
            tap.received(data, BEGIN + timedelta(seconds=t_s), 700.0 + t_s)
    recorder.stepped(ChairState(1, "Chair 1"), Tick(), BEGIN)
    recorder.close()
    return folder


def vigil(*arguments: object):
    return CliRunner().invoke(app, ["capture", *map(str, arguments)])


def file_of(kept: Path, what: str) -> Path:
    return next((kept / "captures").glob(f"*_{what}_*"))


def test_it_lists_what_is_kept(kept):
    rows = json.loads(vigil("list", "--data", kept, "--json").stdout)
    assert [(row["chair"], row["stream"], row["monitor"]) for row in rows] == [
        (1, "line", "ge-dri"),
        (1, "line", "masimo-ascii1"),
        (1, "rules", ""),
    ]
    assert rows[0]["started"] == "2026-03-14T09:00:00+00:00"
    assert rows[0]["ended"].startswith("2026-03-14T09:00:19")
    text = vigil("list", "--data", kept).stdout
    assert "2026-03-14 09:00:00 to 2026-03-14 09:00:19  chair 1   ge-dri" in text
    assert text.endswith("3 files, 0.0 MiB\n")


def test_what_is_exported_is_what_came(kept, tmp_path):
    out = tmp_path / "bytes.raw"
    done = vigil("export", 1, "--data", kept, "--monitor", "ge-dri", "-o", out)
    assert done.exit_code == 0
    reads = stamped(tmp_path / "again")
    assert out.read_bytes() == b"".join(data for _t_s, data in reads)
    done = vigil("export", file_of(kept, "ge-dri"), "--stamps", "-o", out)
    assert done.exit_code == 0
    first_s = reads[0][0]
    assert out.read_bytes() == b"".join(
        STAMP.pack(round(t_s - first_s, 6), len(data)) + data for t_s, data in reads
    )


def test_an_export_spares_its_source_and_is_for_nobody_else(kept, tmp_path):
    source, link, out = file_of(kept, "ge-dri"), tmp_path / "link", tmp_path / "out"
    before = source.read_bytes()
    link.symlink_to(source)
    for target in (source, link):
        refused = vigil("export", source, "-o", target)
        assert refused.exit_code == 2
        assert "another file than the capture itself" in refused.stderr
    assert source.read_bytes() == before
    out.write_bytes(b"old")
    out.chmod(0o644)
    assert vigil("export", source, "-o", out).exit_code == 0
    assert out.stat().st_mode & 0o077 == 0
    other = tmp_path / "other"
    other.write_bytes(before)
    refused = vigil("export", source, "-o", other)
    assert (refused.exit_code, other.read_bytes()) == (2, before)
    assert "a file that is no capture" in refused.stderr


def test_an_export_may_be_of_a_part(kept, tmp_path):
    out = tmp_path / "part.raw"
    part = ("--from", "2026-03-14T09:00:05Z", "--to", "2026-03-14T09:00:08Z")
    assert vigil("export", file_of(kept, "ge-dri"), *part, "-o", out).exit_code == 0
    part_of = [data for t_s, data in stamped(tmp_path / "again") if 5 <= t_s < 8]
    assert out.read_bytes() == b"".join(part_of)


def test_files_are_replayed_as_observations(kept):
    done = vigil("replay", file_of(kept, "ge-dri"))
    assert done.exit_code == 0
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    first = lines[0]
    assert set(first) == {
        *("metric", "value", "unit", "quality", "source", "device_time", "measurement_id"),
        *("observed_at", "at", "chair"),
    }
    assert first["chair"] == 1
    rates = [line for line in lines if line["metric"] == "heart_rate"]
    assert len(rates) >= LENGTH_S - 2
    assert all(line["at"].startswith("2026-03-14T09:00:") for line in lines)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("replay",), 2, "expected files, or --session"),
        (("replay", "a.vcap", "--session", "1"), 2, "expected files, or --session"),
        (("replay", "a.vcap"), 2, "cannot read a.vcap: No such file"),
        (("replay", "{rules}"), 2, "expected the bytes of a line"),
        (("replay", "{stamps}"), 2, "is no capture of Vigil"),
        (("export", "1", "--data", "{kept}", "-o", "-"), 2, "choose with --monitor"),
        (("export", "9", "--data", "{kept}", "-o", "-"), 2, "nothing is kept of chair 9"),
        (
            ("export", "1", "--monitor", "x", "--data", "{kept}", "-o", "-"),
            2,
            "expected a monitor of chair 1, ge-dri or masimo-ascii1, got x",
        ),
        (("export", "{line}", "-o", "/nowhere/x"), 2, "cannot write /nowhere/x: No such file"),
        (("export", "{line}", "--from", "noon", "-o", "-"), 2, "expected a time such as"),
        (("list", "--data", "/nowhere"), 1, "there is no record in /nowhere"),
    ],
)
def test_what_is_asked_wrongly_is_said(kept, arguments, code, says):
    names = {
        "rules": file_of(kept, "rules"),
        "line": file_of(kept, "ge-dri"),
        "stamps": kept / "ge-dri.stamps",
        "kept": kept,
    }
    done = vigil(*(argument.format(**names) for argument in arguments))
    assert done.exit_code == code
    assert says in done.stderr


# --- one line -----------------------------------------------------------------------------------


class Recorded:
    """A tap that keeps entries, and the supervisor's own way of telling."""

    def __init__(self) -> None:
        self.entries: list = []
        self.said: list = []
        self.state: LinkState | None = None

    def received(self, data, at, at_s):
        self.entries.append(Received(data, at, at_s))

    def sent(self, data, at, at_s):
        self.entries.append(Sent(data, at, at_s))

    def asked(self, interval_s, at, at_s):
        self.entries.append(Asked(interval_s, at, at_s))

    def tell(self, clock, state, detail):
        if state is not self.state:
            self.state = state
            self.entries.append(Told(state, detail, clock.now(), clock.monotonic()))
            self.said.append(LinkEvent(state, clock.now(), detail))


def lived(monitor: str, reads: list[tuple[float, bytes]], end_s: float) -> Recorded:
    """A link that looked about itself ten times a second, with all that was recorded of it."""
    clock, tap = HandClock(), Recorded()

    class Port:
        device = "COM3"

        def write(self, data): ...

    tap.entries.append(Opened("COM3", clock.now(), clock.monotonic()))
    entry = PROTOCOLS[monitor]
    link = SerialLink(
        *(Port(), entry, entry.decoder(), entry.talk(), clock),
        tell=lambda state, detail: tap.tell(clock, state, detail),
        emit=tap.said.append,
        ids="ab12-1-1",
        tap=tap,
    )
    link.begin()
    waiting = list(reads)
    while clock.passed_s < end_s:
        clock.passed_s += 0.1
        data = b""
        while waiting and waiting[0][0] <= clock.passed_s:
            data += waiting.pop(0)[1]
        link.turn(data)
    tap.entries.append(Closed("", clock.now(), clock.monotonic()))
    return tap


@pytest.mark.parametrize("monitor", PROTOCOLS)
def test_a_line_says_the_same_again(monitor, tmp_path):
    reads = stamped(tmp_path / "reads", monitor)
    tap = lived(monitor, reads, LENGTH_S + 20)  # then it falls silent
    notes: list[str] = []
    again = LineReplay(tap.entries, PROTOCOLS[monitor], ids="ab12-1-1", speed=1.0, notes=notes)
    said = list(again)
    assert said == tap.said
    assert notes == []
    kinds = {type(each) for each in said}
    assert {Frame, LinkEvent} <= kinds
    assert said[-1].state is LinkState.QUIET


def test_who_a_monitor_is_and_its_clock_are_told_again(tmp_path):
    tap = lived("ge-dri", stamped(tmp_path / "reads"), LENGTH_S)
    again = LineReplay(tap.entries, PROTOCOLS["ge-dri"], ids="ab12-1-1", speed=1.0, notes=[])
    words = [said for said in again if isinstance(said, Identified | ClockRead)]
    assert words == [said for said in tap.said if isinstance(said, Identified | ClockRead)]
    assert words


def test_a_capture_that_begins_in_the_middle_goes_on_from_there(tmp_path):
    tap = lived("ge-dri", stamped(tmp_path / "reads"), LENGTH_S)
    middle = next(n for n, each in enumerate(tap.entries) if isinstance(each, Received) and n > 9)
    again = LineReplay(tap.entries[middle:], PROTOCOLS["ge-dri"], ids="", speed=1.0, notes=[])
    assert sum(isinstance(said, Frame) for said in again) >= 8


def test_a_line_that_was_told_otherwise_is_noted(tmp_path):
    tap = lived("ge-dri", stamped(tmp_path / "reads"), LENGTH_S)
    [live] = [each for each in tap.entries if isinstance(each, Told) and each.state == "live"]
    begin = Told(LinkState.CONNECTING, "Opening COM3.", BEGIN, 700.0)
    entries = [begin, *(each for each in tap.entries if each is not live)]
    notes: list[str] = []
    list(LineReplay(entries, PROTOCOLS["ge-dri"], ids="", speed=1.0, notes=notes))
    assert [note.partition("the line")[2] for note in notes] == [" was told nothing, replayed live"]
