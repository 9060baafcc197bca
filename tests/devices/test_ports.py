"""Are ports named, opened, read and closed as they should be, and are errors put into words?"""

from __future__ import annotations

import errno
import os
import socket
from contextlib import suppress

import pytest
import serial

from devices.ports import (
    SerialAddress,
    SocketAddress,
    describe_loss,
    describe_open_error,
    list_ports,
    open_port,
    parse_port,
)
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
    ],
)
def test_a_port_is_named_as_the_system_names_it(text, address):
    assert parse_port(text) == address


@pytest.mark.parametrize(
    "text",
    [
        *("", "ttyUSB0", "COM", "COM0", "COM3000", "/dev/", "loop://", "http://a:1", "socket://a"),
        *("socket://:1", "socket://a:b", "socket://a:99999", "socket://a:1/path", "socket://a:0"),
    ],
)
def test_what_names_no_port_is_refused_with_what_was_expected(text):
    with pytest.raises(ValueError, match=r"expected .* got"):
        parse_port(text)


def test_ports_of_this_machine_can_be_listed():
    assert all(port.device for port in list_ports())


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
    said = describe_open_error(error, "/dev/ttyUSB0")
    assert words in said
    assert said.startswith("/dev/ttyUSB0 ")


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
    assert "in use by another program" in describe_open_error(caught.value, str(link))
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
