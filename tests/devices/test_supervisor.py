"""Does a chair's line come up, come back by itself, and say in words what is wrong with it?"""

from __future__ import annotations

import errno
import logging
import os
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import serial

from clinical.links import LinkEvent, LinkState
from devices.link import Frame, SerialLink
from devices.ports import FoundPort, open_port
from devices.protocols.ge_dri import request_frame
from devices.registry import PROTOCOLS
from devices.report import TAIL
from devices.supervisor import Supervisor
from tests.devices import ge_frames as ge
from tests.devices.lines import START, WITHIN_S, HandClock, Heard, Recorded, ScriptedPort

GE = PROTOCOLS["ge-dri"]
ASK, STOP = request_frame(1, 0), request_frame(0, 0)
GONE = OSError(errno.EIO, "Input/output error")
CONNECTING, LIVE, QUIET, DAMAGED, DISCONNECTED = (
    LinkState.CONNECTING, LinkState.LIVE, LinkState.QUIET, LinkState.DAMAGED,
    LinkState.DISCONNECTED,
)  # fmt: skip


class Bench:
    """A supervisor over ports that follow ``scripts``, one script an opening; the last one stays.

    A script is a list for ScriptedPort, or an OSError that opening raises.
    """

    def __init__(self, *scripts, **options):
        self.clock, self.heard = HandClock(), Heard()
        self.ports, self.opened_with, self._scripts = [], [], list(scripts)
        self.supervisor = Supervisor(
            "chair 1", "/dev/ttyUSB0", GE, self.clock,
            **{"emit": self.heard, "open_port": self._open, **options},
        )  # fmt: skip

    def _open(self, port, settings, read_within_s):
        self.opened_with.append((port, settings, read_within_s))
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        if isinstance(script, OSError):
            raise script
        self.ports.append(ScriptedPort(self.clock, script))
        return self.ports[-1]

    def until(self, claim):
        """Wait for ``claim``; the test's own limit bounds it."""
        while not claim():
            threading.Event().wait(0.001)

    def __enter__(self):
        self.supervisor.start()
        return self

    def __exit__(self, *_):
        self.supervisor.stop()


def test_a_line_connects_and_lives():
    with Bench([0.1, ge.WORKED], ids="b7f3") as bench:
        frame = bench.heard.until_frame()
        assert bench.heard.states == [CONNECTING, LIVE]
        assert bench.supervisor.state is LIVE
        assert bench.supervisor.interval_s == 1
    assert isinstance(frame, Frame)
    assert frame.observations[-1].measurement_id == "b7f3-n1"
    assert bench.ports[0].written == [STOP + ASK, STOP]
    assert bench.ports[0].is_closed


def test_a_pulled_adapter_is_told_and_comes_back_by_itself():
    with Bench([ge.WORKED, GONE], [ge.frame({ge.HEART_RATE: 75})]) as bench:
        event = bench.heard.until(DISCONNECTED)
        assert "is the adapter still plugged into this computer?" in event.detail
        bench.heard.until(LIVE)
        frame = bench.heard.until_frame()
    assert frame.observations[0].value == 75
    assert not [one for one in frame.observations if one.measurement_id], "told before"
    assert bench.heard.states == [CONNECTING, LIVE, DISCONNECTED, LIVE]
    assert bench.ports[0].is_closed


def test_half_a_record_before_the_cable_was_pulled_is_forgotten():
    half, rest = ge.WORKED[:200], ge.WORKED[200:]
    with Bench([half, GONE], [rest + ge.frame({ge.HEART_RATE: 75})]) as bench:
        frame = bench.heard.until_frame()
    assert frame.observations[0].value == 75
    assert bench.heard.states == [CONNECTING, DISCONNECTED, LIVE]


def test_a_busy_port_is_told_once_and_opened_when_it_is_free():
    busy = serial.SerialException(errno.EAGAIN, "could not lock")
    with Bench(busy, busy, busy, [ge.WORKED]) as bench:
        event = bench.heard.until(DISCONNECTED)
        bench.heard.until(LIVE)
    assert event.detail == "/dev/ttyUSB0 is in use by another program: close that program."
    assert bench.heard.states == [CONNECTING, DISCONNECTED, LIVE]


def test_another_reason_for_no_port_is_told_too():
    busy, missing = OSError(errno.EBUSY, "busy"), OSError(errno.ENOENT, "no such file")
    with Bench(busy, missing) as bench:
        first, second = bench.heard.until(DISCONNECTED), bench.heard.until(DISCONNECTED)
    assert "in use" in first.detail
    assert "does not exist" in second.detail


def test_silence_and_damage_are_told_with_their_reasons():
    noise = [b"\x00~\x01~\x02~", 0.2] * 5
    with Bench([ge.WORKED, 5.1, ge.WORKED, *noise]) as bench:
        assert "Nothing heard" in bench.heard.until(QUIET).detail
        bench.heard.until(LIVE)
        assert "damaged" in bench.heard.until(DAMAGED).detail


def test_waits_grow_to_a_second_of_the_clinics_time():
    waits = []
    bench = Bench(OSError(errno.ENOENT, "no such file"))

    class Waiting(threading.Event):
        def wait(self, timeout=None):
            waits.append(timeout * bench.clock.speed)
            if len(waits) == 4:
                self.set()
            return super().wait(timeout)

    bench.supervisor._stop = Waiting()
    with bench:
        bench.supervisor._thread.join(WITHIN_S)
    assert waits == [0.5, 1.0, 1.0, 1.0]


def test_the_line_is_opened_as_the_monitor_wants_it_or_as_it_was_set():
    with Bench([ge.WORKED]) as bench:
        bench.heard.until(LIVE)
    ((port, settings, _),) = bench.opened_with
    assert port == "/dev/ttyUSB0"
    assert str(settings) == "19200 baud, 8E1, RTS/CTS"
    with Bench([ge.WORKED], baud=115200) as bench:
        bench.heard.until(LIVE)
    assert bench.opened_with[0][1].baud == 115200


def test_an_engine_that_raises_does_not_take_the_line_down(caplog):
    heard = Heard()

    def emit(fact):
        heard(fact)
        raise RuntimeError("an engine's fault")

    with caplog.at_level(logging.ERROR), Bench([ge.WORKED, 1.0, ge.WORKED], emit=emit):
        heard.until_frame()
        heard.until_frame()
    assert "an engine's fault" in caplog.text


def test_a_fault_in_a_port_is_told_logged_and_survived(caplog):
    class Faulty(ScriptedPort):
        def read(self):
            raise TypeError("a driver's fault")

    bench = Bench([ge.WORKED])
    ports = iter([Faulty(bench.clock, []), ScriptedPort(bench.clock, [ge.WORKED])])
    bench.supervisor._open_port = lambda *_: next(ports)
    with bench:
        assert "fault inside Vigil" in bench.heard.until(DISCONNECTED).detail
        bench.heard.until(LIVE)
    assert "a driver's fault" in caplog.text


def test_stop_says_goodbye_closes_leaves_no_thread_and_may_be_repeated():
    with Bench([ge.WORKED]) as bench:
        bench.heard.until_frame()
    bench.supervisor.stop()
    assert bench.ports[0].written[-1] == STOP
    assert "link chair 1" not in [thread.name for thread in threading.enumerate()]
    with pytest.raises(RuntimeError, match="started before"):
        bench.supervisor.start()


def test_a_port_that_is_none_is_refused_before_anything_starts():
    with pytest.raises(ValueError, match="expected a port such as"):
        Supervisor("chair 1", "ttyUSB0", GE, HandClock(), print)


def test_a_report_tells_how_the_line_does():
    with Bench([0.1, ge.WORKED, b"~~noise~", 1.0, ge.WORKED, GONE], [2.0]) as bench:
        bench.heard.until(DISCONNECTED)
    report = bench.supervisor.report
    assert (report.port, report.device) == ("/dev/ttyUSB0", "/dev/ttyUSB0")
    assert report.settings == "19200 baud, 8E1, RTS/CTS"
    assert (report.received, report.frames) == (2 * len(ge.WORKED) + 8, 2)
    assert report.last_good_at == START + timedelta(seconds=1.1)
    assert report.opened >= 1
    assert report.tail == (ge.WORKED + b"~~noise~" + ge.WORKED)[-TAIL:]
    assert not report.is_listen_only


def test_a_report_before_anything_happened_has_nothing_in_it():
    report = Bench([]).supervisor.report
    assert (report.state, report.since, report.opened) == (CONNECTING, None, 0)
    assert (report.frames_per_s, report.damaged_share, report.last_good_at) == (0, 0, None)


def test_a_line_that_is_listened_to_is_asked_again_when_that_ends():
    with Bench([ge.WORKED], listen_only=True) as bench:
        bench.heard.until_frame()
        assert bench.supervisor.report.is_listen_only
        assert bench.ports[0].written == []
        bench.supervisor.listen_only = False
        bench.until(lambda: bench.ports[0].written)
        bench.supervisor.listen_only = True
    assert bench.ports[0].written == [STOP + ASK]


class Broken:
    """A tap of which every call raises."""

    def __getattr__(self, name):
        raise RuntimeError(f"a tap's fault in {name}")


def test_a_tap_that_raises_is_logged_and_takes_nothing_down(caplog):
    with caplog.at_level(logging.ERROR), Bench([ge.WORKED], tap=Broken()) as bench:
        bench.heard.until_frame()
    assert "a tap's fault in told" in caplog.text


def test_a_tap_is_told_of_the_port_and_of_each_change():
    tap = Recorded()
    with Bench([0.1, ge.WORKED, GONE], [], tap=tap) as bench:
        bench.heard.until(DISCONNECTED)
    names = [call[0] for call in tap.calls]
    assert names[:8] == [
        "told", "opened", "asked", "sent", "received", "told", "told", "closed",
    ]  # fmt: skip
    assert tap.calls[1] == ("opened", "/dev/ttyUSB0")


# With real lines: what only the operating system can show.


class FastClock:
    """Real time, twenty times as fast: back-off and read time-out shrink with it."""

    speed = 20.0

    def monotonic(self):
        return time.monotonic() * self.speed

    def now(self):
        return datetime.now(UTC)


def read_exactly(read, count):
    """What the far end reads; blocks, and the test's own time limit bounds it."""
    got = b""
    while len(got) < count:
        got += read(count - len(got))
    return got


@pytest.fixture
def listening():
    """Start a supervisor on a real port; stopped at the end whatever happens."""
    started = []

    def listen(port, **options):
        heard = Heard()
        started.append(Supervisor("chair 1", port, GE, FastClock(), heard, **options))
        started[-1].start()
        return heard

    yield listen
    for supervisor in started:
        supervisor.stop()


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX")
def test_a_simulator_that_restarts_on_another_terminal_is_found_again(tmp_path, listening):
    link = tmp_path / "chair-1"

    def plug():
        ours, theirs = os.openpty()
        link.unlink(missing_ok=True)
        link.symlink_to(os.ttyname(theirs))
        return ours, theirs

    heard = listening(str(link))
    assert "does not exist" in heard.until(DISCONNECTED).detail
    for heart_rate in (71, 72):
        ours, theirs = plug()
        request = read_exactly(lambda size, fd=ours: os.read(fd, size), len(STOP + ASK))
        assert request == STOP + ASK
        os.write(ours, ge.frame({ge.HEART_RATE: heart_rate}))
        heard.until(LIVE)
        assert heard.until_frame().observations[0].value == heart_rate
        os.close(ours)
        os.close(theirs)
        heard.until(DISCONNECTED)


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX")
def test_an_adapter_that_comes_back_under_another_name_is_live_again(tmp_path, listening):
    there = []
    key = "usb:0403:6001:A10K3X7Q"
    heard = listening(key, open_port=partial(open_port, list_ports=lambda: tuple(there)))
    for name, heart_rate in (("ttyUSB0", 71), ("ttyUSB1", 72)):
        words = heard.until(DISCONNECTED).detail
        assert words.startswith("The adapter A10K3X7Q (USB 0403:6001) is not plugged into this")
        ours, theirs = os.openpty()
        device = tmp_path / name
        device.symlink_to(os.ttyname(theirs))
        there.append(FoundPort(str(device), "", key, "A10K3X7Q", 0x0403, 0x6001))
        read_exactly(lambda size, fd=ours: os.read(fd, size), len(STOP + ASK))
        os.write(ours, ge.frame({ge.HEART_RATE: heart_rate}))
        assert heard.until_frame().observations[0].value == heart_rate
        there.clear()
        os.close(ours)
        os.close(theirs)
        assert "went away" in heard.until(DISCONNECTED).detail


def test_a_serial_server_that_closes_is_disconnected_and_comes_back(listening):
    with socket.create_server(("127.0.0.1", 0)) as server:
        heard = listening(f"socket://127.0.0.1:{server.getsockname()[1]}")
        for heart_rate in (71, 72):
            peer, _ = server.accept()
            with peer:
                assert read_exactly(peer.recv, len(STOP + ASK)) == STOP + ASK
                peer.sendall(ge.frame({ge.HEART_RATE: heart_rate}))
                assert heard.until_frame().observations[0].value == heart_rate
            assert "serial server still on" in heard.until(DISCONNECTED).detail
    assert [s for s in heard.states if s is not CONNECTING] == [LIVE, DISCONNECTED] * 2


@pytest.mark.parametrize("comes", [True, False])
def test_a_line_that_was_stopped_while_it_was_being_opened_says_no_more(monkeypatch, comes):
    monkeypatch.setattr("devices.supervisor.STOP_WITHIN_S", 0.0)
    is_asked, may_end, clock = threading.Event(), threading.Event(), HandClock()
    told = []
    port = ScriptedPort(clock, [ge.WORKED])

    def slow(_port, _settings, _read_within_s):
        is_asked.set()
        may_end.wait(WITHIN_S)
        if comes:
            return port
        raise OSError(errno.ENODEV, "nobody answers")

    line = Supervisor("chair 1", "/dev/ttyUSB0", GE, clock, told.append, open_port=slow)
    line.start()
    assert is_asked.wait(WITHIN_S)
    line.stop()
    may_end.set()
    monkeypatch.setattr("devices.supervisor.STOP_WITHIN_S", WITHIN_S)
    line.stop()
    assert [fact.state for fact in told] == [CONNECTING]
    assert (port.written, port.is_closed) == ([], comes)


def test_what_a_port_gives_after_the_stop_is_nobodys():
    told, stop, clock = [], threading.Event(), HandClock()

    class Late(ScriptedPort):
        def read(self):
            stop.set()  # while the read hung, the line was given to another port
            return super().read()

    port = Late(clock, [ge.WORKED])
    SerialLink(
        port, GE, GE.decoder(), GE.talk(), clock, lambda *_: told.append(_), told.append
    ).run(stop)
    assert told == []
    assert port.written[-1] == STOP


def test_a_link_event_is_stamped_by_the_injected_clock():
    with Bench([2.5, ge.WORKED]) as bench:
        event = bench.heard.until(LIVE)
    assert event == LinkEvent(LIVE, bench.clock.now())
