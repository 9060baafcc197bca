"""Can a real client open the port, talk to the monitor, leave and come back?"""

import os
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

from simulators.ge_dri import displayed_request
from simulators.refused import Refused
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
