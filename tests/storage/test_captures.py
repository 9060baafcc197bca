"""Does the flight recorder keep every byte, within its bounds, and say what it could not keep?"""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from random import Random

import pytest

from clinical.bedside import BedsideMonitor
from clinical.chair import ChairState
from clinical.identity import Identity
from clinical.links import ClockRead, Identified, LinkEvent, LinkState
from clinical.monitor import Observed, Overrun, Tick
from clinical.ports import RecorderState
from clinical.vitals import Metric
from storage import capture_file, captures
from storage.capture_bounds import MIB, Bounds, Piece, beyond, pieces
from storage.capture_file import (
    MAGIC,
    Asked,
    Blocks,
    Chair,
    Closed,
    Damaged,
    Header,
    Missed,
    NoCapture,
    Opened,
    Received,
    Sent,
    Stepped,
    Told,
    header_of,
    packed,
    read,
)
from storage.capture_steps import session_in, state_of
from storage.captures import CaptureState, FlightRecorder
from tests.conftest import ROOT

T0 = datetime(2026, 3, 14, 9, 0, tzinfo=UTC)
WITHIN_S = 10.0


class HandClock:
    speed = 1.0

    def __init__(self) -> None:
        self.at = T0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - T0).total_seconds()


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def until(claim, what: str):
    give_up_s = time.monotonic() + WITHIN_S
    while not (found := claim()):
        assert time.monotonic() < give_up_s, what
        time.sleep(0.002)
    return found


def recorder_in(folder: Path, clock=None, **options) -> FlightRecorder:
    options = {"write_every_s": 0.005, "try_again_s": 0.01} | options
    return FlightRecorder(folder, clock=clock or HandClock(), **options)


def a_header(**other) -> Header:
    plain = {
        "stream": "line",
        "run": "ab12",
        "chair": 1,
        "monitor": "ge-dri",
        "port": "/dev/ttyUSB0",
        "ids": "ab12-1-1",
        "speed": 1.0,
        "piece": 1,
        "started": T0.isoformat(),
    }
    return Header(**plain | other)


def all_in(folder: Path) -> list:
    return [entry for piece in pieces(folder) for entry in read(piece.file)]


ONE_OF_EACH = (
    Opened("/dev/ttyUSB3", at(0), 100.0),
    Sent(b"\x7eask\x7e", at(0.1), 100.1000001),
    Received(bytes(range(256)), at(0.25), 1 / 3),
    Told(LinkState.DAMAGED, "2 of 9 | look: ünder the bed", at(1), 101.0),
    Asked(0.1, at(1), 101.0),
    Missed(7, "No space left on device", at(2), 102.0),
    Closed("unplugged", at(-3.000001), -3.0),  # the clock was put back
    Stepped("Observed", at(4), at(3.999999), "ge-dri"),
    Stepped("LinkEvent", at(4), at(4), more={"state": "live", "detail": "a | b"}),
    Stepped("Tick", at(5)),
    Chair({"name": "Chair 1", "monitors": []}, at(6)),
)


def a_file(folder: Path, *blocks: tuple, minutes=()) -> tuple[Path, list[int]]:
    """A capture of ``blocks`` (entries); those numbered in ``minutes`` begin one. With it where
    each block ends."""
    made = Blocks(a_header())
    data, ends = made.begin, []
    for number, entries in enumerate(blocks):
        is_new = number == 0 or number in minutes
        data += made.block(b"".join(map(packed, entries)), is_new_minute=is_new)
        ends.append(len(data))
    file = folder / "a.vcap"
    file.write_bytes(data)
    return file, ends


def received(number: int) -> tuple[Received, ...]:
    return (Received(b"%04d beats" % number, at(number), float(number)),)


def test_a_file_gives_back_what_was_put_in_it_to_the_microsecond(tmp_path):
    file, _ = a_file(tmp_path, ONE_OF_EACH)
    assert tuple(read(file)) == ONE_OF_EACH
    assert header_of(file) == a_header()


def test_cut_at_any_byte_a_file_loses_its_last_block_and_no_more(tmp_path):
    file, ends = a_file(tmp_path, *[received(n) for n in range(6)])
    data = file.read_bytes()
    whole = [entry for n in range(5) for entry in received(n)]
    for length in range(ends[4], len(data)):
        file.write_bytes(data[:length])
        *got, last = [*read(file)] if length > ends[4] else [*read(file), None]
        assert got == whole
        assert last is None or (isinstance(last, Damaged) and last.number == 6)
    file.write_bytes(data[: len(MAGIC) + 5])
    with pytest.raises(NoCapture, match="damaged"):
        list(read(file))


def test_a_flipped_byte_names_its_block_and_the_next_minute_is_whole(tmp_path):
    count, minute = 9, 6
    file, ends = a_file(tmp_path, *[received(n) for n in range(count)], minutes=(3, minute))
    data = file.read_bytes()
    for place in range(ends[3], ends[4]):  # the second block of the second minute
        hurt = bytearray(data)
        hurt[place] ^= 0x40
        file.write_bytes(hurt)
        got = list(read(file))
        damage = [each for each in got if isinstance(each, Damaged)]
        assert [(each.number, each.offset) for each in damage] == [(5, ends[3])]
        left = [*range(4), *range(minute, count)]
        kept = [each for each in got if not isinstance(each, Damaged)]
        assert kept == [entry for n in left for entry in received(n)]


def test_noise_between_the_blocks_is_never_an_entry(tmp_path):
    file, ends = a_file(tmp_path, *[received(n) for n in range(4)], minutes=(1, 2, 3))
    data, noise = file.read_bytes(), Random(5).randbytes(3000)
    file.write_bytes(data[: ends[1]] + noise + b"VB" + data[ends[1] :])
    got = list(read(file))
    assert [each for each in got if isinstance(each, Received)] == [
        entry for n in range(4) for entry in received(n)
    ]
    assert len([each for each in got if isinstance(each, Damaged)]) == 1


@pytest.mark.parametrize("bad", [b"", b"hello", MAGIC, MAGIC + b"VB" + bytes(40)])
def test_what_is_no_capture_is_refused(tmp_path, bad):
    file = tmp_path / "x.vcap"
    file.write_bytes(bad)
    with pytest.raises(NoCapture):
        list(read(file))
    assert pieces(tmp_path) == []


def test_a_tap_leaves_all_in_a_private_file_without_a_patient(tmp_path):
    folder = tmp_path / "captures"
    recorder = recorder_in(folder)
    tap = recorder.tap(3, "ge-dri", "usb:0403:6001:A1", "ab12-3-1")
    tap.opened("/dev/ttyUSB3", at(0), 0.0)
    tap.received(b"abc", at(1), 1.0)
    tap.sent(b"ask", at(2), 2.0)
    tap.told(LinkState.LIVE, "", at(3), 3.0)
    tap.asked(5.0, at(4), 4.0)
    tap.closed("stopped", at(5), 5.0)
    recorder.close()
    recorder.close()
    tap.received(b"too late", at(6), 6.0)
    [piece] = pieces(folder)
    assert list(read(piece.file)) == [
        Opened("/dev/ttyUSB3", at(0), 0.0),
        Received(b"abc", at(1), 1.0),
        Sent(b"ask", at(2), 2.0),
        Told(LinkState.LIVE, "", at(3), 3.0),
        Asked(5.0, at(4), 4.0),
        Closed("stopped", at(5), 5.0),
    ]
    assert piece.header == a_header(
        run=recorder.run,
        chair=3,
        port="usb:0403:6001:A1",
        ids="ab12-3-1",
        version=version("vigil"),
    )
    assert piece.file.name == "20260314T090000Z_chair-3_ge-dri_ab12-3-1_0001.vcap"
    if os.name == "posix":
        assert piece.file.stat().st_mode & 0o777 == 0o600
        assert folder.stat().st_mode & 0o777 == 0o700
    assert recorder.state == CaptureState()


def test_a_chair_is_written_with_its_first_step_and_read_back(tmp_path):
    monitor = BedsideMonitor(
        "ge-dri", "GE", frozenset({Metric.SPO2}), "capture", 5.0, frozenset({Metric.SPO2})
    )
    said = Identity("S5", "77")
    chair = ChairState(
        *(2, "By the door", 5.0, True),
        monitors=(monitor,),
        link=LinkEvent(LinkState.QUIET, at(-9), "silent"),
        links={"ge-dri": LinkEvent(LinkState.QUIET, at(-9), "silent", "ge-dri")},
        is_recording=False,
        bound={"ge-dri": said},
        heard={"ge-dri": Identified(said, at(-8))},
        clocks={"ge-dri": ClockRead(-2.5, at(-7))},
    )
    recorder = recorder_in(tmp_path)
    recorder.stepped(chair, Observed((), at(0.5)), at(1))
    recorder.stepped(chair, Tick(), at(2))
    recorder.stepped(chair, RecorderState(False, "full"), at(3))
    recorder.stepped(chair, Overrun(), at(4))
    recorder.close()
    first, *steps = all_in(tmp_path)
    assert state_of(first, 2) == ChairState(
        **{name: getattr(chair, name) for name in ChairState.__slots__ if name != "presets"},
        presets=state_of(first, 2).presets,
    )
    assert session_in(first) is None
    assert steps == [
        Stepped("Observed", at(1), at(0.5), more={"interval_s": None}),
        Stepped("Tick", at(2)),
        Stepped("RecorderState", at(3), more={"is_recording": False}),
        Stepped("Overrun", at(4)),
    ]


def test_a_file_lasts_an_hour_and_the_next_goes_on(tmp_path):
    clock = HandClock()
    recorder = recorder_in(tmp_path, clock)
    tap = recorder.tap(1, "ge-dri", "COM3", "ab12-1-1")
    for number in range(3):
        clock.at = at(number * 1800)
        tap.received(b"%d" % number, clock.at, clock.monotonic())
        until(lambda n=number: n < len(all_in(tmp_path)), "it is written")
    recorder.close()
    found = pieces(tmp_path)
    assert [piece.header.piece for piece in found] == [1, 2]
    assert [len(list(read(piece.file))) for piece in found] == [2, 1]


def test_a_clock_that_is_put_back_begins_another_file(tmp_path):
    clock = HandClock()
    recorder = recorder_in(tmp_path, clock)
    tap = recorder.tap(1, "ge-dri", "COM3", "ab12-1-1")
    tap.received(b"before", clock.at, 0.0)
    until(lambda: all_in(tmp_path), "it is written")
    clock.at = at(-3600 * 24)
    tap.received(b"after", clock.at, 1.0)
    recorder.close()
    assert {entry.data for entry in all_in(tmp_path)} == {b"before", b"after"}
    assert len(pieces(tmp_path)) == 2


def test_what_comes_faster_than_it_is_taken_is_counted_and_marked_as_a_hole(tmp_path):
    recorder = recorder_in(tmp_path, queue_max=3, write_every_s=60.0)  # sleeps all the while
    tap = recorder.tap(1, "ge-dri", "COM3", "ab12-1-1")
    for number in range(10):
        tap.received(b"%d" % number, at(number), float(number))
    recorder.close()
    *kept, hole = all_in(tmp_path)
    assert [entry.data for entry in kept] == [b"0", b"1", b"2"]
    assert (hole.count, hole.reason) == (7, captures.BUSY)
    assert recorder.state.missed == 7


def test_a_hole_stands_where_it_was(tmp_path):
    recorder = recorder_in(tmp_path, queue_max=2, write_every_s=0.2)
    tap = recorder.tap(1, "ge-dri", "COM3", "ab12-1-1")
    for number in range(5):
        tap.received(b"%d" % number, at(number), float(number))
    until(lambda: all_in(tmp_path), "it is written")
    tap.received(b"after", at(9), 9.0)
    recorder.close()
    first, second, hole, last = all_in(tmp_path)
    assert (first.data, second.data, last.data) == (b"0", b"1", b"after")
    assert hole == Missed(3, captures.BUSY, at(9), 9.0)


class FullDisk:
    """Lets nothing be opened, or written, while ``is_full``."""

    def __init__(self, monkeypatch, error: int = errno.ENOSPC) -> None:
        self.is_full = False
        opening, error = os.fdopen, OSError(error, os.strerror(error))

        class Out(io.RawIOBase):
            def __init__(this, number: int) -> None:
                this.inner = opening(number, "wb", buffering=0)

            def write(this, data) -> int:
                if self.is_full:
                    this.inner.write(bytes(data)[:7])  # a part of it may still fit
                    raise error
                return this.inner.write(data)

            def fileno(this) -> int:
                return this.inner.fileno()

            def close(this) -> None:
                this.inner.close()
                super().close()

        monkeypatch.setattr(captures.os, "fdopen", lambda number, *_a, **_k: Out(number))


def test_a_full_disk_is_told_and_tried_again_and_the_hole_is_marked(tmp_path, monkeypatch):
    disk, told = FullDisk(monkeypatch), []
    recorder = recorder_in(tmp_path, on_state=told.append)
    tap = recorder.tap(1, "ge-dri", "COM3", "ab12-1-1")
    tap.received(b"before", at(0), 0.0)
    until(lambda: all_in(tmp_path), "it is written")
    disk.is_full = True
    tap.received(b"lost", at(1), 1.0)
    until(lambda: not recorder.state.is_recording, "it says that it fails")
    assert recorder.state.detail == "No space left on device"
    tap.received(b"lost too", at(2), 2.0)
    until(lambda: recorder.state.missed == 2, "it counts")
    disk.is_full = False
    until(lambda: (tap.received(b"after", at(3), 3.0), recorder.state.is_recording)[1], "again")
    recorder.close()
    assert [state.is_recording for state in told] == [False, True]
    first, second = pieces(tmp_path)
    before, torn = read(first.file)
    assert before.data == b"before"
    assert isinstance(torn, Damaged)
    hole, *after = read(second.file)
    assert hole.reason == "No space left on device"
    assert hole.count == recorder.state.missed
    assert {entry.data for entry in after} == {b"after"}


def test_a_disk_that_stays_full_is_not_littered_with_empty_files(tmp_path, monkeypatch):
    disk = FullDisk(monkeypatch)
    disk.is_full = True
    recorder = recorder_in(tmp_path, try_again_s=0.0)
    tap = recorder.tap(1, "ge-dri", "COM3", "ab12-1-1")
    for number in range(3):
        tap.received(b"x", at(number), 0.0)
        until(lambda n=number: recorder.state.missed == n + 1, "it was tried")
    recorder.close()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_stops_nothing(tmp_path):
    (tmp_path / "captures").write_text("a file is in the way")
    recorder = recorder_in(tmp_path / "captures")
    tap = recorder.tap(1, "ge-dri", "COM3", "ab12-1-1")
    tap.received(b"x", at(0), 0.0)
    until(lambda: not recorder.state.is_recording, "it says that it fails")
    assert recorder.state.detail == "File exists"
    recorder.close()


def test_a_part_that_was_written_is_gone_on_with(tmp_path, monkeypatch):
    opening = os.fdopen

    class Out(io.FileIO):
        """Takes five bytes at a time, as a disk that is nearly full may."""

        def write(self, data) -> int:
            return super().write(bytes(data)[:5])

    monkeypatch.setattr(captures.os, "fdopen", lambda number, *_a, **_k: Out(number, "wb"))
    recorder = recorder_in(tmp_path)
    tap = recorder.tap(1, "ge-dri", "COM3", "ab12-1-1")
    for number in range(3):
        tap.received(b"%d" % number, at(number), float(number))
        until(lambda n=number: n < len(all_in(tmp_path)), "it is written")
    recorder.close()
    monkeypatch.setattr(captures.os, "fdopen", opening)
    assert [entry.data for entry in all_in(tmp_path)] == [b"0", b"1", b"2"]


def test_a_name_that_is_no_text_is_kept_and_spelt_out(tmp_path):
    recorder = recorder_in(tmp_path)
    tap = recorder.tap(1, "ge-dri", "/dev/\udce9", "ab12-1-1")
    tap.opened("/dev/\udce9", at(0), 0.0)
    tap.told(LinkState.DISCONNECTED, "/dev/\udce9 is gone", at(1), 1.0)
    recorder.close()
    opened, told = all_in(tmp_path)
    assert (opened.device, told.detail) == ("/dev/\\udce9", "/dev/\\udce9 is gone")
    assert recorder.state == CaptureState()


def test_an_entry_that_cannot_be_packed_is_a_hole_and_the_others_are_kept(tmp_path):
    recorder = recorder_in(tmp_path)
    tap, other = (recorder.tap(n, "ge-dri", "COM3", f"ab12-{n}-1") for n in (1, 2))
    tap.received(b"before", at(0), 0.0)
    tap.told(None, "", at(1), 1.0)
    tap.received(b"after", at(2), 2.0)
    other.received(b"another", at(2), 2.0)
    recorder.close()
    before, hole, after = [
        entry for piece in pieces(tmp_path) if piece.header.chair == 1 for entry in read(piece.file)
    ]
    assert (before.data, after.data) == (b"before", b"after")
    assert (hole.count, hole.reason) == (1, "it cannot be packed: AttributeError")
    assert [each for each in all_in(tmp_path) if each == Received(b"another", at(2), 2.0)]
    assert recorder.state.missed == 1


def test_a_fault_in_one_stream_is_told_and_stops_no_other(tmp_path, monkeypatch):
    whole, told = captures.chair_of, []

    def chair_of(state, when):
        if state.chair == 1:
            raise RuntimeError("of whatever kind")
        return whole(state, when)

    monkeypatch.setattr(captures, "chair_of", chair_of)
    recorder = recorder_in(tmp_path, on_state=told.append, try_again_s=60.0)
    for chair in (1, 2):
        recorder.stepped(ChairState(chair, "A chair"), Tick(), at(0))
    until(lambda: told, "it is told")
    assert recorder.state.detail == captures.FAULT
    recorder.stepped(ChairState(1, "A chair"), Tick(), at(1))
    recorder.stepped(ChairState(2, "A chair"), Tick(), at(1))
    until(lambda: recorder.state.missed == 2, "it counts")
    recorder.close()
    [piece] = pieces(tmp_path)
    assert [type(entry) for entry in read(piece.file)] == [Chair, Stepped, Stepped]


def test_a_line_that_was_exchanged_is_let_go_of_and_what_it_missed_is_not_forgotten(tmp_path):
    clock = HandClock()
    recorder = recorder_in(tmp_path, clock)
    taps = [recorder.tap(1, "ge-dri", "COM3", f"ab12-1-{n}") for n in range(5)]
    for tap in taps:
        tap.told(None, "", clock.at, 0.0)
        tap.received(b"x", clock.at, 0.0)
    until(lambda: len(all_in(tmp_path)) == 10, "it is written")
    clock.at = at(3700)
    until(lambda: not recorder._streams, "they are let go of")
    assert recorder.state.missed == 5
    taps[0].received(b"late", clock.at, 3700.0)
    recorder.close()
    last = pieces(tmp_path)[-1]
    assert (last.header.ids, last.header.piece) == ("ab12-1-0", 2)
    assert [entry.data for entry in read(last.file)] == [b"late"]


def test_of_a_file_only_its_header_is_read_and_that_once(tmp_path, monkeypatch):
    file, _ = a_file(
        tmp_path, *[(Received(Random(n).randbytes(9000), at(n), 0),) for n in range(9)]
    )
    sizes: list[int] = []

    class Counted(io.FileIO):
        def read(self, size=-1):
            data = super().read(size)
            sizes.append(len(data))
            return data

    opening = Path.open
    monkeypatch.setattr(
        Path, "open", lambda self, *a, **k: Counted(self) if self == file else opening(self, *a)
    )
    known: dict = {}
    assert [piece.header for piece in pieces(tmp_path, known)] == [a_header()]
    assert 0 < sum(sizes) <= 1024
    sizes.clear()
    assert [piece.header for piece in pieces(tmp_path, known)] == [a_header()]
    assert not sizes
    file.unlink()
    assert pieces(tmp_path, known) == []
    assert known == {}


def test_a_long_header_is_read_whole(tmp_path):
    header = a_header(port="/dev/" + "x" * 3000)
    file = tmp_path / "a.vcap"
    file.write_bytes(Blocks(header).begin)
    assert header_of(file) == header


def test_a_header_of_the_first_files_names_no_version(tmp_path, monkeypatch):
    def first_files(header):
        return {name: value for name, value in asdict(header).items() if name != "version"}

    monkeypatch.setattr(capture_file, "asdict", first_files)
    file, _ = a_file(tmp_path, received(1))
    assert header_of(file) == a_header(version="")


def a_piece(number: int, mib: float = 1, chair: int = 1, hours: float = 0) -> Piece:
    started = (T0 + timedelta(hours=hours)).isoformat()
    header = a_header(chair=chair, piece=number, started=started)
    return Piece(Path(f"{number}.vcap"), header, int(mib * MIB))


def gone(kept, open_since=None, bounds=None, now=T0, busy=0) -> list[int]:
    found = beyond(kept, open_since or {}, bounds or Bounds(30, 16), now, busy)
    return [piece.header.piece for piece in found]


def test_the_oldest_goes_first_where_it_is_too_much():
    kept = [a_piece(n, mib=5, hours=n - 10) for n in range(5)]
    assert gone(kept) == [0, 1]
    assert gone(kept, busy=5 * MIB) == [0, 1, 2]
    assert gone(kept[:3]) == []


def test_what_is_older_than_its_days_goes():
    kept = [a_piece(n, hours=-24 * days) for n, days in enumerate((31, 30, 1))]
    assert gone(kept) == [0]


def test_an_open_session_goes_last():
    kept = [a_piece(n, mib=5, chair=1 + n % 2, hours=n - 10) for n in range(6)]
    since = {1: T0 - timedelta(hours=11)}
    assert gone(kept, since) == [1, 3, 5]
    assert gone(kept, since, busy=10 * MIB) == [1, 3, 5, 0, 2]
    old = [a_piece(1, hours=-24 * 40)]
    assert gone(old, {1: T0 - timedelta(days=50)}) == []


def test_a_clock_that_was_put_back_makes_nothing_old():
    assert gone([a_piece(1, hours=24 * 365)]) == []


def test_the_bounds_are_kept_while_it_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(captures, "TIDY_EVERY_S", 0.0)
    clock = HandClock()
    recorder = recorder_in(tmp_path, clock, bounds=Bounds(1, 16))
    tap = recorder.tap(1, "ge-dri", "COM3", "ab12-1-1")
    tap.received(b"old", clock.at, 0.0)
    until(lambda: all_in(tmp_path), "it is written")
    clock.at = at(3600 * 30)
    tap.received(b"new", clock.at, 0.0)
    until(lambda: [entry.data for entry in all_in(tmp_path)] == [b"new"], "the old one goes")
    until(lambda: recorder.state.oldest == clock.at, "the state tells since when")
    assert 0 < recorder.state.size < 2000
    recorder.close()


@pytest.mark.parametrize(
    "setting",
    [None, [], {"days": 0}, {"mib": True}, {"mib": "2048"}, {"days": float("nan")}, {"gib": 2}],
)
def test_a_setting_that_is_none_is_refused(setting):
    with pytest.raises(ValueError, match="expected"):
        Bounds.of(setting)


def test_a_setting_may_leave_one_out():
    assert Bounds.of({"days": 7}) == Bounds(7, 2048)


def test_a_killed_program_leaves_all_but_the_last_moment(tmp_path):
    command = (sys.executable, "-m", "tests.storage.killed_recorder", str(tmp_path))
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "well on its way\n"
        until(lambda: len(all_in(tmp_path)) > 5000, "it is written")
        child.kill()
    entries = [each for each in all_in(tmp_path) if isinstance(each, Received)]
    assert len(entries) > 5000
    assert [int(each.data) for each in entries] == list(range(len(entries)))
