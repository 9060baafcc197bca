"""Which ports are there, how is one opened, and what is wrong when it cannot be?"""

from __future__ import annotations

import errno
import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

import serial
from serial.tools.list_ports import comports

from devices.protocols.line import LineSettings

# What the terminal layer raises and pyserial lets through; it is no OSError.
TERMINAL_ERRORS: tuple[type[Exception], ...]
try:
    import termios
except ImportError:  # Windows
    TERMINAL_ERRORS = ()
else:
    TERMINAL_ERRORS = (termios.error,)

READ_SIZE = 4096  # bytes; more than a monitor sends in any one wake-up
CONNECT_WITHIN_S = 2.0  # a serial server on the clinic's own network answers in milliseconds
WRITE_WITHIN_S = 1.0
GOODBYE_WITHIN_S = 0.2  # the longest closing words take 30 ms at 19200 baud
# Bytes still unsent when more are to be written: the line is held (CTS off). They are dropped, or
# the monitor would get a quarter of an hour of requests at once when it is switched on.
HELD_BYTES = 512

COM = re.compile(r"COM[1-9]\d{0,2}", re.IGNORECASE)
PTY_FOLDERS = ("/dev/pts/", "/dev/ttys")  # Linux, macOS


class Port(Protocol):
    """An open line. All methods raise OSError when it is gone."""

    @property
    def device(self) -> str:
        """What was opened: ``/dev/ttyUSB1``, ``COM3``, ``socket://host:port``."""
        ...

    def read(self) -> bytes:
        """What has arrived, as soon as anything has; b"" if nothing did for a while."""
        ...

    def write(self, data: bytes, /) -> None: ...

    def close(self) -> None: ...


# port as the settings name it, line settings, longest wait of a read (real s)
OpenPort = Callable[[str, LineSettings, float], Port]


@dataclass(frozen=True, slots=True)
class SerialAddress:
    """A serial device: ``/dev/ttyUSB0``, ``COM3``, or a link to a pseudo-terminal."""

    device: str


@dataclass(frozen=True, slots=True)
class SocketAddress:
    """A serial server's TCP port: raw bytes, no protocol of its own."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"socket://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class FoundPort:
    """A serial port of this machine, and what its adapter says of itself."""

    device: str
    description: str


def parse_port(text: str) -> SerialAddress | SocketAddress:
    """What ``text`` names. Whether it exists is seen when it is opened: it may be plugged in later.

    Raises ValueError, saying what was expected and what came.
    """
    if text.startswith("socket://"):
        url = urlsplit(text)
        with suppress(ValueError):  # a port that is no number
            if url.hostname and url.port and not (url.path or url.query or url.fragment):
                return SocketAddress(url.hostname, url.port)
        raise ValueError(f"expected socket://host:port, such as socket://10.0.0.7:4001, got {text}")
    if COM.fullmatch(text):
        return SerialAddress(text.upper())
    if text.startswith("/") and not text.endswith("/"):
        return SerialAddress(text)
    raise ValueError(
        f"expected a port such as /dev/ttyUSB0, COM3 or socket://host:port, got {text!r}"
    )


def list_ports() -> tuple[FoundPort, ...]:
    """The serial ports of this machine, by name."""
    found = (FoundPort(port.device, port.description or "") for port in comports())
    return tuple(sorted(found, key=lambda port: port.device))


def open_port(text: str, settings: LineSettings, read_within_s: float) -> Port:
    """Open ``text`` for us alone. Raises OSError; ``describe_open_error`` puts it into words."""
    address = parse_port(text)
    if isinstance(address, SocketAddress):
        return SocketPort(address, read_within_s)
    return SerialPort(address.device, settings, read_within_s)


class SerialPort:
    """A serial device, locked against other programs."""

    def __init__(self, device: str, settings: LineSettings, read_within_s: float) -> None:
        # A pseudo-terminal has no parity and no RTS, and refuses to be set to either.
        is_pty = os.path.realpath(device).startswith(PTY_FOLDERS)
        self.device = device
        with _os_errors():
            self._serial = serial.Serial(
                device,
                baudrate=settings.baud,
                bytesize=settings.data_bits,
                parity="N" if is_pty else settings.parity,
                stopbits=settings.stop_bits,
                rtscts=settings.rtscts and not is_pty,
                timeout=read_within_s,
                write_timeout=WRITE_WITHIN_S,
                exclusive=True,
            )

    def read(self) -> bytes:
        # One byte ends the wait, then all that came with it: read(n) would wait for n.
        first: bytes = self._serial.read(1)
        if not first:
            return b""
        return first + bytes(self._serial.read(min(self._serial.in_waiting, READ_SIZE)))

    def write(self, data: bytes, /) -> None:
        with _os_errors():
            if self._serial.out_waiting > HELD_BYTES:
                self._serial.reset_output_buffer()
            self._serial.write(data)

    def close(self) -> None:
        # The system's own close waits up to 30 s for what a held line does not let out.
        with suppress(OSError), _os_errors():
            until_s = time.monotonic() + GOODBYE_WITHIN_S
            while self._serial.out_waiting and time.monotonic() < until_s:
                time.sleep(0.01)
            self._serial.reset_output_buffer()
        self._serial.close()


class SocketPort:
    """A serial server. pyserial's own socket port reads byte by byte; this one what there is."""

    def __init__(self, address: SocketAddress, read_within_s: float) -> None:
        where = (address.host, address.port)
        self.device = str(address)
        self._socket = socket.create_connection(where, timeout=CONNECT_WITHIN_S)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(read_within_s)

    def read(self) -> bytes:
        try:
            data = self._socket.recv(READ_SIZE)
        except TimeoutError:
            return b""
        if not data:
            raise ConnectionResetError(errno.ECONNRESET, "closed by the other end")
        return data

    def write(self, data: bytes, /) -> None:
        self._socket.sendall(data)

    def close(self) -> None:
        self._socket.close()


@contextmanager
def _os_errors() -> Iterator[None]:
    """Turn the terminal layer's own error into the OSError that it is."""
    try:
        yield
    except TERMINAL_ERRORS as error:
        raise OSError(*error.args) from error


NOT_THERE = (errno.ENOENT, errno.ENODEV, errno.ENXIO)
IN_USE = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EBUSY)
NO_SERIAL_PORT = (errno.ENOTTY, errno.EISDIR, errno.EINVAL)


def describe_open_error(error: Exception, port: str) -> str:
    """Why ``port`` could not be opened, and what to do about it, for a nurse."""
    if port.startswith("socket://"):
        return _describe_connect_error(error, port)
    number = error.errno if isinstance(error, OSError) else None
    text = str(error)
    # On Windows pyserial keeps the system's error only as text; there "denied" means taken.
    if number in NOT_THERE or "FileNotFoundError" in text:
        return f"{port} does not exist: is the adapter plugged into this computer?"
    if number in IN_USE or "PermissionError" in text:
        return f"{port} is in use by another program: close that program."
    if number in (errno.EACCES, errno.EPERM):
        return (
            f"{port} may not be opened by this user: "
            "the administrator must allow serial ports (on Linux: group dialout)."
        )
    if number in NO_SERIAL_PORT or "Inappropriate ioctl" in text:
        return f"{port} is not a serial port that can be set as the monitor needs it."
    return f"{port} cannot be opened: {text}"


def _describe_connect_error(error: Exception, port: str) -> str:
    if isinstance(error, socket.gaierror):
        return f"{port}: no computer of that name is known: check the address."
    if isinstance(error, ConnectionRefusedError):
        return f"{port} refuses the connection: is the serial server set up, and free?"
    if isinstance(error, TimeoutError) or (
        isinstance(error, OSError) and error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH)
    ):
        return f"{port} does not answer: is the serial server on, and its network cable in?"
    return f"{port} cannot be reached: {error}"


def describe_loss(port: str) -> str:
    """What to do about an open ``port`` that went away."""
    if port.startswith("socket://"):
        return f"The connection to {port} was lost: is the serial server still on?"
    return f"{port} went away: is the adapter still plugged into this computer?"
