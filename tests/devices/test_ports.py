"""Are ports named, opened, read and closed as they should be, and are errors put into words?"""

from __future__ import annotations

import errno
import os
import queue
import socket
import sys
import threading
from contextlib import suppress

import pytest
import serial

from devices.ports import (
    AdapterAddress,
    FoundPort,
    NotThere,
    PortWatch,
    SerialAddress,
    SerialPort,
    SocketAddress,
    UsbSocketAddress,
    apart,
    describe_loss,
    describe_open_error,
    is_outside,
    keyed,
    list_ports,
    not_alone,
    open_port,
    parse_port,
    place,
    reached,
    resolve,
    same_port,
)
from devices.protocols.line import LineSettings
from devices.registry import PROTOCOLS

GE = PROTOCOLS["ge-dri"].settings
posix_only = pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("/dev/ttyUSB0", SerialAddress("/dev/ttyUSB0")),
        ("/run/chair-1", SerialAddress("/run/chair-1")),
        ("COM3", SerialAddress("COM3")),
        ("com12", SerialAddress("COM12")),
        ("socket://10.0.0.7:4001", SocketAddress("10.0.0.7", 4001)),
        ("socket://gateway:1", SocketAddress("gateway", 1)),
        ("socket://[::1]:4001", SocketAddress("::1", 4001)),
        ("usb:0403:6001:A10K3X7Q", AdapterAddress(0x0403, 0x6001, "A10K3X7Q")),
        ("usb:0403:6011:FT4:1.2", AdapterAddress(0x0403, 0x6011, "FT4", "1.2")),
        ("usb:1a86:55d4:58%3A4B", AdapterAddress(0x1A86, 0x55D4, "58:4B")),
        ("usb-at:1-1.2:1.0", UsbSocketAddress("1-1.2:1.0")),
    ],
)
def test_a_port_is_named_as_the_system_names_it(text, address):
    assert parse_port(text) == address


@pytest.mark.parametrize(
    "text",
    [
        *("", "ttyUSB0", "COM", "COM0", "COM3000", "/dev/", "loop://", "http://a:1", "socket://a"),
        *("usb:", "usb:0403:6001", "usb:0403:6001:", "usb:xyz:6001:A", "usb-at:", "usb:1:2:A b"),
        *("socket://:1", "socket://a:b", "socket://a:99999", "socket://a:1/path", "socket://a:0"),
    ],
)
def test_what_names_no_port_is_refused_with_what_was_expected(text):
    with pytest.raises(ValueError, match=r"expected .* got"):
        parse_port(text)


def test_ports_of_this_machine_can_be_listed():
    assert all(port.device and port.key for port in list_ports())


# Adapters: what is remembered of them, and found again.


def adapter(device, number="", location="1-1", ids=(0x0403, 0x6001)):
    return FoundPort(device, "USB Serial", "", number, *ids, "FTDI", location)


BUILT_IN = FoundPort("/dev/ttyS0", "n/a")


def keys(*ports):
    return {port.device: port.key for port in keyed(ports)}


def test_an_adapter_is_remembered_by_its_own_number_and_a_built_in_port_by_its_name():
    assert keys(BUILT_IN, adapter("/dev/ttyUSB0", "A10K3X7Q"), adapter("COM7", "B:1 2")) == {
        "/dev/ttyS0": "/dev/ttyS0",
        "/dev/ttyUSB0": "usb:0403:6001:A10K3X7Q",
        "COM7": "usb:0403:6001:B%3A1%202",
    }


def test_each_port_of_an_adapter_with_several_has_its_own_key():
    quad = [adapter(f"/dev/ttyUSB{n}", "FT4", f"1-1:1.{n}") for n in range(4)]
    found = keyed(quad)
    assert [port.key for port in found] == [f"usb:0403:6001:FT4:1.{n}" for n in range(4)]
    assert [resolve(port.key, found) for port in found] == [port.device for port in quad]
    with pytest.raises(NotThere, match="there more than once"):
        resolve("usb:0403:6001:FT4", found)


@pytest.mark.parametrize("number", ["", "0", "0001", "1", "00000000", "0123456789ABCDEF"])
def test_an_adapter_without_a_number_of_its_own_is_remembered_by_its_socket(number):
    assert keys(adapter("/dev/ttyUSB0", number, "1-1.2")) == {"/dev/ttyUSB0": "usb-at:1-1.2"}


def test_clones_of_one_number_are_remembered_by_their_sockets_and_told_apart_in_words():
    found = keyed([adapter("/dev/ttyUSB0", "A5", "1-1"), adapter("/dev/ttyUSB1", "A5", "1-2")])
    assert [port.key for port in found] == ["usb-at:1-1", "usb-at:1-2"]
    with pytest.raises(NotThere) as caught:
        resolve("usb:0403:6001:A5", found)
    assert describe_open_error(caught.value, "usb:0403:6001:A5") == (
        "The adapter A5 (USB 0403:6001) is there more than once (/dev/ttyUSB0 and /dev/ttyUSB1), "
        "and nobody can tell which is meant: unplug one, or choose the port anew on the monitors "
        "page."
    )


OURS = "usb:0403:6001:A5"
MINE, TWIN = adapter("/dev/ttyUSB0", "A5", "1-1"), adapter("/dev/ttyUSB1", "A5", "1-2")


def test_a_twin_that_another_line_has_by_its_socket_is_never_taken_for_ours():
    theirs = ["usb-at:1-2", "COM3"]
    assert resolve(OURS, keyed([MINE, TWIN]), theirs) == "/dev/ttyUSB0"
    with pytest.raises(NotThere) as caught:  # it came back first
        resolve(OURS, keyed([TWIN]), theirs)
    assert describe_open_error(caught.value, OURS) == (
        "The adapter A5 (USB 0403:6001) is not plugged into this computer: the one of that number "
        "in USB socket 1-2 belongs to another monitor. Plug it in, or choose the port anew on the "
        "monitors page."
    )
    assert resolve("usb-at:1-2", keyed([TWIN]), [OURS]) == "/dev/ttyUSB1"
    assert place(OURS, keyed([TWIN]), theirs) == OURS


def test_ports_are_listed_only_where_adapters_have_to_be_told_apart():
    def listed():
        return keyed([MINE, TWIN])

    def never():
        raise AssertionError

    assert apart(OURS, ["usb-at:1-2"], listed) == "/dev/ttyUSB0"
    assert apart(OURS, ["usb:0403:6001:A6", "COM3"], never) == OURS
    assert apart("COM3", ["usb-at:1-2"], never) == "COM3"


def test_a_number_is_certain_while_one_adapter_has_it():
    assert not_alone(OURS, keyed([MINE]), ["COM3"]) == ""
    assert not_alone(OURS, keyed([MINE, TWIN]), ()) == "/dev/ttyUSB0 and /dev/ttyUSB1"
    assert not_alone(OURS, keyed([TWIN]), ["usb-at:1-2"]) == "/dev/ttyUSB1"
    assert not_alone("usb-at:1-1", keyed([MINE, TWIN]), ["usb-at:1-2"]) == ""


@pytest.mark.parametrize("key", [port.key for port in keyed([adapter("COM3", "A%:5")])])
def test_every_key_names_its_port_again(key):
    assert str(parse_port(key)) == key


def test_an_adapter_that_comes_back_under_another_name_is_opened_there(pty_pair, tmp_path):
    ours, first = pty_pair
    key = "usb:0403:6001:A10K"
    there = (adapter(str(first), "A10K"),)
    second = tmp_path / "ttyUSB1"
    second.symlink_to(os.readlink(first))
    for found in (there, (adapter(str(second), "A10K", "2-4"),)):
        port = open_port(key, GE, 5.0, lambda found=found: found)
        os.write(ours, b"heard")
        assert (port.read(), port.device) == (b"heard", found[0].device)
        port.close()
    with pytest.raises(NotThere) as caught:
        open_port(key, GE, 5.0, lambda: (BUILT_IN,))
    assert "is not plugged into this computer" in describe_open_error(caught.value, key)


def test_an_empty_socket_is_told_apart_from_an_adapter_that_fits_any():
    for key, words in (("usb-at:1-1", "into the same socket"), ("usb:1:2:A", "expected usb:")):
        with pytest.raises((NotThere, ValueError), match=words):
            resolve(key, ())


def test_two_names_of_one_port_are_seen_to_be_one(tmp_path):
    device, link = tmp_path / "ttyUSB0", tmp_path / "by-id"
    device.touch()
    link.symlink_to(device)
    found = keyed([adapter(str(device), "A10K", "1-1"), adapter("COM4", "B2", "1-2")])
    names = (str(device), str(link), "usb:0403:6001:A10K", "usb:0403:6001:A10K", "usb-at:1-1")
    assert {place(name, found) for name in names} == {str(device)}
    assert same_port("com4", "usb:0403:6001:B2", found)
    assert not same_port("com4", str(device), found)
    assert same_port("socket://Gateway:4001", "socket://gateway:4001", ())
    # Not plugged in: its key is all that is known of it.
    assert same_port("usb:0403:6001:a9", "usb:0403:6001:a9", found)
    assert not same_port("usb:0403:6001:A9", "/dev/ttyUSB9", found)


class Watching:
    """A watch over ports that the test plugs in and out."""

    def __init__(self, on_change=None):
        self.there, self.told = (), []
        self.watch = PortWatch(self.list_ports, on_change or self.told.append)

    def list_ports(self):
        if isinstance(self.there, Exception):
            raise self.there
        return self.there


def test_what_is_plugged_in_and_out_is_told_once():
    watching = Watching()
    one, two = adapter("/dev/ttyUSB0", "A1"), adapter("/dev/ttyUSB1", "A2")
    for there in ((), (one,), (one,), (one, two), (two,), (two,)):
        watching.there = there
        watching.watch.look()
        assert watching.watch.ports == there
    assert watching.told == [(one,), (one, two), (two,)]


def test_ports_that_cannot_be_listed_are_logged_once_and_the_old_list_holds(caplog):
    watching = Watching()
    watching.there = (BUILT_IN,)
    watching.watch.look()
    watching.there = OSError("a driver's fault")
    for _ in range(3):
        watching.watch.look()
    assert watching.watch.ports == (BUILT_IN,)
    assert caplog.text.count("cannot be listed") == 1


def test_a_page_that_raises_does_not_end_the_watch(caplog):
    def on_change(_ports):
        raise RuntimeError("a page's fault")

    watching = Watching(on_change)
    for there in ((BUILT_IN,), ()):
        watching.there = there
        watching.watch.look()
    assert caplog.text.count("was dropped") == 2


def test_the_watch_looks_by_itself_and_ends():
    seen = queue.Queue()
    there = [()]
    watch = PortWatch(lambda: there[0], seen.put, interval_s=0.001)
    watch.start()
    there[0] = (BUILT_IN,)
    assert seen.get(timeout=10) == (BUILT_IN,)
    watch.stop()
    watch.stop()
    assert "ports" not in [thread.name for thread in threading.enumerate()]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (serial.SerialException(errno.ENOENT, "could not open"), "is the adapter plugged in"),
        (serial.SerialException(errno.EAGAIN, "could not lock"), "in use by another program"),
        (OSError(errno.EBUSY, "busy"), "in use by another program"),
        (serial.SerialException(errno.EACCES, "denied"), "not be opened by this user"),
        (serial.SerialException("port 'COM3': FileNotFoundError(2, '')"), "is the adapter plugged"),
        (serial.SerialException("port 'COM3': PermissionError(13, '')"), "in use by another"),
        (OSError(errno.EIO, "strange"), "cannot be opened: [Errno 5] strange"),
    ],
)
def test_an_open_error_says_what_to_do(error, words):
    for port, name in (
        ("/dev/ttyUSB0", "/dev/ttyUSB0 "),
        ("usb:0403:6001:A10K", "The adapter A10K (USB 0403:6001) "),
        ("usb-at:1-1.2", "The adapter in USB socket 1-1.2 "),
    ):
        said = describe_open_error(error, port)
        assert words in said
        assert said.startswith(name)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), "refuses the connection"),
        (TimeoutError("timed out"), "does not answer"),
        (OSError(errno.EHOSTUNREACH, "no route"), "does not answer"),
        (socket.gaierror(-2, "unknown"), "check the address"),
        (OSError(errno.EIO, "strange"), "cannot be reached"),
    ],
)
def test_a_connect_error_says_what_to_do(error, words):
    assert words in describe_open_error(error, "socket://gateway:4001")


def test_a_loss_says_what_to_do():
    assert "adapter still plugged" in describe_loss("COM3")
    assert "serial server still on" in describe_loss("socket://gateway:4001")


def test_a_file_is_no_serial_port(tmp_path):
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(OSError) as caught:
        open_port(str(file), GE, 0.01)
    assert "is not a serial port" in describe_open_error(caught.value, str(file))


@pytest.fixture
def pty_pair(tmp_path):
    """The simulator's end, and a link to the other, as a simulator offers it."""
    ours, theirs = os.openpty()
    link = tmp_path / "chair-1"
    link.symlink_to(os.ttyname(theirs))
    yield ours, link
    for end in (ours, theirs):
        with suppress(OSError):  # closed by the test: that was the point of it
            os.close(end)


@posix_only
def test_a_pseudo_terminal_opens_with_a_monitors_settings(pty_pair):
    """It has neither parity nor RTS; the settings for real lines must not keep it shut."""
    ours, link = pty_pair
    port = open_port(str(link), GE, 5.0)
    try:
        os.write(ours, b"all that came in one go")
        assert port.read() == b"all that came in one go"
        port.write(b"\x7e\x11\x13\x0d\x0a\x7e")
        assert os.read(ours, 100) == b"\x7e\x11\x13\x0d\x0a\x7e"
    finally:
        port.close()


@posix_only
def test_an_open_port_is_ours_alone(pty_pair):
    _, link = pty_pair
    port = open_port(str(link), GE, 0.01)
    try:
        with pytest.raises(OSError) as caught:
            open_port(str(link), GE, 0.01)
    finally:
        port.close()
    said = describe_open_error(caught.value, str(link))
    assert ("in use by Vigil itself" if sys.platform == "linux" else "in use by another") in said
    open_port(str(link), GE, 0.01).close()


@posix_only
def test_a_pseudo_terminal_that_goes_away_raises_and_closes_quietly(pty_pair):
    ours, link = pty_pair
    port = open_port(str(link), GE, 5.0)
    os.close(ours)
    with pytest.raises(OSError):
        port.read()
    with pytest.raises(OSError):
        port.write(b"\x7e")
    port.close()


def test_a_socket_is_read_in_one_go_and_says_when_the_other_end_closes():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"socket://127.0.0.1:{server.getsockname()[1]}"
        port = open_port(address, GE, 5.0)
        peer, _ = server.accept()
        with peer:
            peer.sendall(b"all that came in one go")
            assert port.read() == b"all that came in one go"
            port.write(b"an answer")
            assert peer.recv(100) == b"an answer"
        with pytest.raises(ConnectionResetError):
            port.read()
        port.close()


def test_a_silent_socket_gives_no_bytes_and_stays_open():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = open_port(f"socket://127.0.0.1:{server.getsockname()[1]}", GE, 0.01)
        peer, _ = server.accept()
        with peer:
            assert [port.read(), port.read()] == [b"", b""]
            peer.sendall(b"late")
            assert port.read() == b"late"
        port.close()


@posix_only
def test_what_was_read_when_the_port_went_away_is_not_lost(monkeypatch):
    master, slave = os.openpty()
    port = open_port(os.ttyname(slave), GE, 0.05)
    gives = iter([b"x"])

    def read(_size):
        for data in gives:
            return data
        raise serial.SerialException("it went")

    monkeypatch.setattr(port._serial, "read", read)
    try:
        assert port.read() == b"x"
        with pytest.raises(OSError, match="it went"):
            port.read()
    finally:
        port.close()
        os.close(master)
        os.close(slave)


@pytest.mark.parametrize("device", ["/dev/null", "{file}", "{folder}"])
def test_what_is_no_terminal_is_not_even_opened(tmp_path, monkeypatch, device):
    (tmp_path / "file").write_text("not a port")
    monkeypatch.setattr("devices.ports.serial.Serial", lambda *_a, **_k: pytest.fail("opened"))
    place = device.format(file=tmp_path / "file", folder=tmp_path)
    with pytest.raises(OSError, match="no serial port") as refused:
        SerialPort(place, LineSettings(9600, 1.0), 0.1)
    assert "is not a serial port" in describe_open_error(refused.value, place)


def test_a_com_port_is_a_file_to_windows_and_is_opened_all_the_same(monkeypatch):
    monkeypatch.setattr("devices.ports.os.path.realpath", lambda text: rf"\\.\{text}")
    monkeypatch.setattr("devices.ports.os.path.exists", lambda _text: True)
    opened = []
    monkeypatch.setattr("devices.ports.serial.Serial", lambda device, **_k: opened.append(device))
    SerialPort("COM3", LineSettings(9600, 1.0), 0.1)
    assert opened == ["COM3"]


def test_a_serial_server_is_known_by_every_name_of_it():
    by_name = reached(SocketAddress("localhost", 4001))
    by_number = reached(SocketAddress("127.0.0.1", 4001))
    assert by_number & by_name
    assert by_number == reached(SocketAddress("::ffff:127.0.0.1", 4001))
    assert not by_number & reached(SocketAddress("127.0.0.1", 4002))


def test_a_path_on_another_computer_names_no_port():
    with pytest.raises(ValueError, match="expected a port such as"):
        parse_port("//server/share/port")


@pytest.mark.parametrize(
    ("host", "is_so"),
    [
        ("10.0.0.7", True),
        ("192.168.4.1", True),
        ("127.0.0.1", False),
        ("::1", False),
        ("169.254.169.254", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:169.254.169.254", False),
    ],
)
def test_a_serial_server_is_another_computer(host, is_so):
    assert is_outside(host) is is_so
