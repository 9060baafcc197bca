"""Can a real client open the port, talk to the monitor, leave and come back?"""

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from simulators.displayed import Displayed
from simulators.ge_dri import displayed_request
from simulators.refused import Refused
from simulators.registry import MONITORS
from simulators.run import simulate
from simulators.wire import SerialLine, TcpWire, open_wire
from tests.simulators.test_ge_dri import records

ROOT = Path(__file__).parents[2]
LINE = SerialLine(19200, "E", rtscts=True)
PATIENCE_S = 10.0
posix_only = pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX")


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """``python -m simulators ge-dri``, stopped at the end if it has not ended itself."""
    command = [sys.executable, "-m", "simulators", "ge-dri", *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def told(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def received(port: int, count: int) -> list[bytes]:
    """``count`` records from an open file descriptor."""
    data, give_up_s = b"", time.monotonic() + PATIENCE_S
    while data.count(b"\x7e") < 2 * count and time.monotonic() < give_up_s:
        if select.select([port], [], [], 0.2)[0]:
            data += os.read(port, 4096)
    return records(data[: data.rindex(b"\x7e") + 1])


@posix_only
def test_a_client_of_the_pty_may_leave_and_another_come(tmp_path):
    link = tmp_path / "ge"
    with running(
        "--port", f"pty:{link}", "--begin", "2025-06-01T09:00Z", "--speed", "5"
    ) as process:
        assert told(process) == f"ge-dri listening on {link}"
        for _ in range(2):
            port = os.open(link, os.O_RDWR | os.O_NOCTTY)
            os.write(port, displayed_request(1))
            got = received(port, 2)
            os.close(port)
            assert [len(record) for record in got[:2]] == [318, 318]
            stamp = int.from_bytes(got[0][6:10], "little")
            assert datetime.fromtimestamp(stamp, UTC).date() == datetime(2025, 6, 1).date()  # noqa: DTZ001
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
        assert not link.is_symlink()


@posix_only
def test_the_next_pty_client_gets_no_old_news_and_may_ask_for_parity_again(tmp_path):
    serial = pytest.importorskip("serial")
    wire = open_wire(f"pty:{tmp_path / 'ge'}", LINE)
    try:
        for news in (b"first", b"second"):
            client = serial.Serial(str(tmp_path / "ge"), 19200, parity="E", rtscts=True, timeout=5)
            client.write(b"hello")
            assert wire.wait(PATIENCE_S) == b"hello"
            wire.send(news)
            assert client.read(len(news)) == news
            wire.send(b"unread")
            client.close()
            assert wire.wait(0.01) == b""
            wire.send(b"nobody is there")
    finally:
        wire.close()


@posix_only
def test_a_pty_with_a_client_that_never_reads_does_not_block(tmp_path):
    wire = open_wire(f"pty:{tmp_path / 'ge'}", LINE)
    client = os.open(tmp_path / "ge", os.O_RDWR | os.O_NOCTTY)
    try:
        for _ in range(200):
            wire.send(bytes(1200))
    finally:
        os.close(client)
        wire.close()


@posix_only
def test_a_pty_takes_the_place_of_an_old_link_but_not_of_a_file(tmp_path):
    link = tmp_path / "ge"
    link.symlink_to(tmp_path / "gone")
    wire = open_wire(f"pty:{link}", LINE)
    assert link.exists()
    wire.unplug()
    assert not link.is_symlink()
    wire.replug()
    assert link.exists()
    wire.close()
    link.write_text("precious")
    with pytest.raises(Refused, match="got 'a file'"):
        open_wire(f"pty:{link}", LINE)
    assert link.read_text() == "precious"


def test_a_tcp_client_may_leave_and_another_come():
    with running("--port", "tcp:127.0.0.1:0", "--speed", "5") as process:
        place = told(process).rpartition("tcp:")[2]
        host, _, number = place.rpartition(":")
        for _ in range(2):
            with socket.create_connection((host, int(number)), PATIENCE_S) as client:
                client.sendall(displayed_request(1))
                assert len(received(client.fileno(), 2)[1]) == 318


def test_a_second_tcp_client_is_hung_up_on():
    wire = TcpWire("127.0.0.1", 0)
    place = ("127.0.0.1", int(wire.where.rpartition(":")[2]))
    try:
        with socket.create_connection(place, PATIENCE_S) as first:
            first.sendall(b"hello")
            assert wire.wait(PATIENCE_S) == b"hello"
            with socket.create_connection(place, PATIENCE_S) as second:
                assert wire.wait(0.2) == b""
                assert second.recv(1) == b""
            wire.send(b"still here")
            assert first.recv(20) == b"still here"
    finally:
        wire.close()


def test_a_file_holds_what_a_client_would_have_received(tmp_path):
    path = tmp_path / "session.bin"
    begin = datetime(2025, 6, 1, 9, tzinfo=UTC)
    simulate("ge-dri", port=f"file:{path}", scenario="calm", at_s=600, begin=begin, length_s=120)
    stamps = [int.from_bytes(record[6:10], "little") for record in records(path.read_bytes())]
    assert stamps == [int(begin.timestamp()) + t_s for t_s in range(600, 720)]


def test_a_file_of_a_recording_runs_to_its_last_row(tmp_path):
    csv = tmp_path / "mine.csv"
    csv.write_text("t_s,hr_bpm\n0,60\n10,61\n")
    path = tmp_path / "session.bin"
    simulate("ge-dri", port=f"file:{path}", recording=csv, interval_s=5)
    rates = [record[50] for record in records(path.read_bytes())]
    assert rates == [60, 60, 61]


def test_standard_output_gets_bytes_and_nothing_else():
    with running("--port", "file:-", "--length", "3") as process:
        assert process.stdout is not None
        data = process.stdout.buffer.read()
    assert len(records(data)) == 3


@posix_only
def test_it_ends_with_its_parent(tmp_path):
    link = tmp_path / "ge"
    command = [sys.executable, "-m", "simulators", "ge-dri", "--port", f"pty:{link}"]
    parent = f"import subprocess; subprocess.run({[*command, '--watch-parent']!r})"
    with subprocess.Popen(
        [sys.executable, "-c", parent], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert told(process).startswith("ge-dri listening")
        process.kill()
        process.wait(PATIENCE_S)
        # The pipe reaches its end only when the orphan has gone, too.
        assert process.stdout is not None
        assert select.select([process.stdout], [], [], PATIENCE_S)[0]
        assert process.stdout.read() == ""
    assert not link.is_symlink()


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"monitor": "ge"}, "monitor: expected one of ge-dri, "),
        ({"port": "usb:3"}, "port: expected pty:PATH"),
        ({"port": "pty"}, "port: expected pty:PATH"),
        ({"port": "tcp:4001"}, "port: expected tcp:HOST:PORT"),
        ({"port": "file:/nowhere/at/all"}, "port: expected to write"),
        ({"port": "pty:/nowhere/at/all"}, "port: expected to open"),
        ({"scenario": "clam"}, "scenario: expected"),
        ({"scenario": "calm", "recording": "x.csv"}, "a scenario or a recording"),
        ({"speed": 0}, "speed: expected a number above 0, got 0"),
        ({"at_s": -1}, "at: expected seconds from 0 up, got -1"),
        ({"interval_s": 0}, "interval: expected whole seconds"),
        ({"begin": datetime(2025, 6, 1)}, "begin: expected a time with its zone"),  # noqa: DTZ001
        ({"faults": "gremlins"}, "faults: expected split"),
        ({"clock_offset_s": float("inf")}, "clock offset: expected seconds ahead, got inf"),
        ({"sent": "/nowhere/at/all"}, "sent: expected to write /nowhere/at/all"),
        ({"serial": "65536"}, "serial: expected a plug id from 0 to 65535, got '65536'"),
        (
            {"monitor": "dinamap", "serial": "7"},
            "as this monitor has no way to say who it is, got '7'",
        ),
        ({"monitor": "ivy450c", "serial": "7"}, "serial: expected none"),
        ({"monitor": "nonin-ascii", "serial": "7"}, "has no way to say who it is"),
        ({"monitor": "nellcor", "serial": "7"}, "serial: expected one of N-560, N-595, NPB-295"),
        ({"monitor": "suntech", "serial": "AB"}, "a version text that begins LX or SB"),
        ({"monitor": "masimo-ascii1", "serial": "a b"}, "1 to 10 digits and letters, got 'a b'"),
        ({"monitor": "capnostream", "serial": "1234567"}, "1 to 6 digits and letters"),
        ({"monitor": "philips-intellivue", "serial": "12"}, "a system id of six bytes"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_line(tmp_path, how, said):
    wanted = {"monitor": "ge-dri", "port": f"file:{tmp_path / 'out'}", "length_s": 1, **how}
    with pytest.raises(Refused) as refused:
        simulate(**wanted)
    assert said in str(refused.value)


def test_the_command_line_prints_a_refusal_and_lists_what_there_is():
    with running("--port", "file:-", "--scenario", "clam") as process:
        assert "calm" in told(process)
        assert process.wait(PATIENCE_S) == 2
    with running("--list") as process:
        assert process.stdout is not None
        assert "rising-pressure" in process.stdout.read()


def file_of(folder: Path, monitor: str, **how) -> bytes:
    """What a client of ``monitor`` would have received in 20 s."""
    path = folder / "wire"
    simulate(monitor, port=f"file:{path}", **{"length_s": 20, "begin": BEGIN, **how})
    return path.read_bytes()


BEGIN = datetime(2025, 6, 1, 9, tzinfo=UTC)
# Who each says it is, and the bytes that say so.
SERIALS = {
    "ge-dri": ("513", b"\x0a\x01\x02"),
    "philips-intellivue": ("00:09:fb:12:34:56", bytes.fromhex("098400080006 0009fb123456")),
    "masimo-ascii1": ("A77", b" SN=0000000A77 "),
    "capnostream": ("98765Z", b"B2A198765Z  "),
    "nellcor": ("npb-295", b"NPB-295  VERSION 2.0.0.0 "),
    "suntech": ("SB 4711", None),  # it says so only when asked for its version
}


@pytest.mark.parametrize("monitor", MONITORS)
def test_who_it_is_is_told_and_the_same_seed_is_the_same_device(tmp_path, monitor):
    assert file_of(tmp_path, monitor) == file_of(tmp_path, monitor, seed=0)
    if monitor not in SERIALS:
        assert MONITORS[monitor].serial is None
        return
    serial, said = SERIALS[monitor]
    assert said is None or said in file_of(tmp_path, monitor, serial=serial)
    default = MONITORS[monitor].serial
    assert default(3) == default(3)
    assert default(0) == default(1) or monitor not in ("nellcor", "suntech")
    for seed in (0, 1, 4711):
        MONITORS[monitor].make(lambda _t_s: Displayed(), 0.0, default(seed))


def test_another_patient_may_have_the_same_device(tmp_path):
    number = re.compile(rb" SN=(\w+) ")
    files = [
        file_of(tmp_path, "masimo-ascii1", seed=seed, device=device)
        for seed, device in ((1, 4), (2, 4), (2, None))
    ]
    first, second, third = (set(number.findall(each)) for each in files)
    assert first == second != third
    assert files[0] != files[1]


@pytest.mark.parametrize(
    ("monitor", "at", "ahead"),
    [
        ("masimo-ascii1", b"06/01/25 09:00:00 ", b"06/01/25 09:02:05 "),
        ("nellcor", b"01-Jun-25 09:00:00 ", b"01-Jun-25 09:02:05 "),
        ("philips-intellivue", bytes.fromhex("0987000820250601090000"), None),
        ("ge-dri", int(BEGIN.timestamp()).to_bytes(4, "little"), None),
    ],
)
def test_its_clock_can_be_ahead(tmp_path, monitor, at, ahead):
    assert at in file_of(tmp_path, monitor)
    later = file_of(tmp_path, monitor, clock_offset_s=125)
    assert at not in later
    assert later != b""
    assert ahead is None or ahead in later


@pytest.mark.parametrize("monitor", MONITORS)
def test_each_message_is_noted_as_it_was_given_to_the_cable(tmp_path, monitor):
    notes = tmp_path / "sent"
    perfect = file_of(tmp_path, monitor, sent=str(notes))
    told = [json.loads(line) for line in notes.read_text().splitlines()]
    assert b"".join(bytes.fromhex(one["hex"]) for one in told) == perfect
    assert {one["fate"] for one in told} == {"whole"}
    assert len(told) >= 5
    times = [one["t_s"] for one in told]
    assert times == sorted(times)
    assert all(0 <= t_s <= 20 for t_s in times)
    spoilt = file_of(tmp_path, monitor, sent=str(notes), faults="drop:0.02", seed=1)
    told = [json.loads(line) for line in notes.read_text().splitlines()]
    whole = [bytes.fromhex(one["hex"]) for one in told if one["fate"] == "whole"]
    assert all(one in spoilt for one in whole)
    assert "damaged" in {one["fate"] for one in told}
    came = b"".join(
        bytes.fromhex(
            {"whole": one["hex"], "damaged": one.get("came", ""), "lost": ""}[one["fate"]]
        )
        for one in told
    )
    assert came == spoilt


@posix_only
def test_what_no_client_read_is_noted_as_lost(tmp_path):
    """Nobody is there; somebody reads; somebody is there and does not read."""
    notes, link = tmp_path / "sent", tmp_path / "masimo"
    command = [sys.executable, "-m", "simulators", "masimo-ascii1", "--port", f"pty:{link}"]
    with subprocess.Popen(
        [*command, "--speed", "50", "--sent", str(notes)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        told(process)
        give_up_s = time.monotonic() + PATIENCE_S
        while not notes.read_text() and time.monotonic() < give_up_s:
            select.select([], [], [], 0.01)
        port, got = os.open(link, os.O_RDWR | os.O_NOCTTY), b""
        while got.count(b"\n") < 20:
            got += os.read(port, 4096)
        assert select.select([port], [], [], PATIENCE_S)[0]  # one more, which is not read
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
        os.close(port)
    fates = [json.loads(line) for line in notes.read_text().splitlines()]
    whole = b"".join(bytes.fromhex(one["hex"]) for one in fates if one["fate"] == "whole")
    assert whole == got
    assert fates[0]["fate"] == fates[-1]["fate"] == "lost"


def test_the_command_line_takes_faults_by_both_names(tmp_path):
    for spelling in ("--fault", "--faults"):
        with running("--port", f"file:{tmp_path / 'out'}", "--length", "2", spelling, "x") as it:
            assert told(it).startswith("faults: expected split")
