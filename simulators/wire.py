"""How do a simulated monitor's bytes reach a client: pseudo-terminal, TCP or a serial port?

    pty:PATH          a pseudo-terminal; PATH is a link to it, made now and removed at the end
    tcp:HOST:PORT     listens for one client at a time; port 0 takes a free one
    serial:DEVICE     a real port, such as serial:/dev/ttyUSB0 or serial:COM3 (needs pyserial)

Every wire waits without spinning, never blocks on a client that does not read, and drops what
nobody listens to: as a cable does.
"""

import os
import select
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from simulators.refused import Refused

try:
    import pty
    import termios
    import tty

    HAS_PTY = True
except ImportError:  # Windows
    HAS_PTY = False

KINDS = "pty:PATH, tcp:HOST:PORT, serial:DEVICE or file:PATH"
MOST_BYTES = 4096  # of one read; far more than any client asks in one go
LOOK_EVERY_S = 0.1  # at a pseudo-terminal whose other end is closed: the kernel wakes nobody for it


@dataclass(frozen=True, slots=True)
class SerialLine:
    """Settings of a real serial port."""

    baud: int
    parity: str  # as pyserial writes it: N, E or O
    rtscts: bool


class Wire(Protocol):
    """One way to reach a client."""

    @property
    def where(self) -> str:
        """What a client opens, as a person would write it."""

    def wait(self, timeout_s: float) -> bytes:
        """What the client sends, as soon as it does; nothing when ``timeout_s`` is over."""

    def send(self, data: bytes) -> int:
        """Pass bytes on; drop what does not fit or has no reader. How many were taken."""

    def nobody_read(self) -> int:
        """How many of the bytes taken last never found a reader; each is told of once.

        Only a pseudo-terminal knows; elsewhere what was taken counts as read.
        """

    def unplug(self) -> None:
        """Pull the cable: the client loses the port. ``wait`` then only waits."""

    def replug(self) -> None:
        """Put the cable back in the same place."""

    def close(self) -> None:
        """Leave nothing behind."""


def open_wire(port: str, line: SerialLine) -> Wire:
    """The wire that ``port`` names. Raises Refused where there is none or it cannot be had."""
    kind, _, place = port.partition(":")
    if not place:
        raise Refused("port", expected=KINDS, got=port)
    try:
        if kind == "pty" and HAS_PTY:
            return PtyWire(place)
        if kind == "tcp":
            host, _, number = place.rpartition(":")
            if not host or not number.isdecimal():
                raise Refused("port", expected="tcp:HOST:PORT", got=port)
            return TcpWire(host, int(number))
        if kind == "serial":
            return SerialWire(place, line)
    except OSError as error:  # pyserial's own error is one too
        raise Refused("port", expected=f"to open {port}", got=str(error)) from error
    raise Refused("port", expected=KINDS, got=port)


class PtyWire:
    """A pseudo-terminal in raw mode that outlives its clients; POSIX only."""

    def __init__(self, path: str) -> None:
        self.where, self._path = path, Path(path)
        self._nobody_read = 0
        if self._path.exists() and not self._path.is_symlink():
            raise Refused("port", expected=f"nothing or an old link at {path}", got="a file")
        self._open()

    def _open(self) -> None:
        self._master, slave = pty.openpty()
        # Else the terminal would echo our bytes back to us and turn 0D into 0A.
        tty.setraw(slave)
        self._untouched = termios.tcgetattr(slave)
        self._slave_name = os.ttyname(slave)
        # With our copy of the client's end closed, the kernel tells us when nobody is there.
        os.close(slave)
        os.set_blocking(self._master, False)
        self._is_unread = False
        self._poll = select.poll()
        self._poll.register(self._master, select.POLLIN)
        fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(self._slave_name)
        fresh.replace(self._path)  # in one step, so that a client never finds nothing

    def wait(self, timeout_s: float) -> bytes:
        give_up_s = time.monotonic() + timeout_s
        while True:
            left_s = max(0.0, give_up_s - time.monotonic())
            if self._master < 0:
                time.sleep(left_s)
                return b""
            ready = self._poll.poll(1000 * left_s)
            state = ready[0][1] if ready else 0
            if state & select.POLLIN:
                try:
                    return os.read(self._master, MOST_BYTES)
                except OSError:  # the client went between the two calls
                    continue
            if not state & select.POLLHUP:
                return b""
            if self._is_unread or termios.tcgetattr(self._master) != self._untouched:
                self._tidy_after_client()
            if not left_s:
                return b""
            # A closed other end makes poll return at once, again and again.
            time.sleep(min(left_s, LOOK_EVERY_S))

    def _tidy_after_client(self) -> None:
        """Make the terminal as new for the next client.

        What the last one left unread is old news. And a pseudo-terminal knows no parity, which the
        C library reports as an error unless the client's settings change something else as well: a
        second client that asks for the same 8E1 would be turned away.
        """
        slave = os.open(self._slave_name, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            termios.tcsetattr(slave, termios.TCSANOW, self._untouched)
            self._drain(slave)
        finally:
            os.close(slave)

    def _drain(self, slave: int) -> None:
        """Take out what no client has read."""
        try:
            while data := os.read(slave, MOST_BYTES):
                self._nobody_read += len(data)
        except BlockingIOError:
            self._is_unread = False

    def send(self, data: bytes) -> int:
        if self._master < 0 or any(state & select.POLLHUP for _, state in self._poll.poll(0)):
            return 0
        try:
            taken = os.write(self._master, data)
        except OSError:  # a client that does not read: an overrun, as on a real line
            return 0
        self._is_unread = self._is_unread or taken > 0
        return taken

    def nobody_read(self) -> int:
        count, self._nobody_read = self._nobody_read, 0
        return count

    def unplug(self) -> None:
        if self._master < 0:
            return
        if self._is_unread:
            # The kernel would drop it with the terminal, and tell nobody how much it was.
            slave = os.open(self._slave_name, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
            try:
                self._drain(slave)
            finally:
                os.close(slave)
        if self._path.is_symlink() and os.readlink(self._path) == self._slave_name:
            self._path.unlink()  # but never the link of a simulator that took our place
        os.close(self._master)
        self._master = -1

    def replug(self) -> None:
        if self._master < 0:
            self._open()

    def close(self) -> None:
        self.unplug()


class TcpWire:
    """A listening socket. A second client is hung up on while the first is there."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._listener: socket.socket | None = None
        self._client: socket.socket | None = None
        self._open()
        self.where = f"tcp:{host}:{self._port}"

    def _open(self) -> None:
        self._listener = socket.create_server((self._host, self._port))
        self._listener.setblocking(False)
        self._port = self._listener.getsockname()[1]

    def wait(self, timeout_s: float) -> bytes:
        give_up_s = time.monotonic() + timeout_s
        while True:
            left_s = max(0.0, give_up_s - time.monotonic())
            if self._listener is None:
                time.sleep(left_s)
                return b""
            sockets = [self._listener, *([self._client] if self._client else [])]
            ready, _, _ = select.select(sockets, [], [], left_s)
            if not ready:
                return b""
            if self._client in ready:
                data = self._received()
                if data:
                    return data
            if self._listener in ready:
                self._accept()

    def _received(self) -> bytes:
        """What the client sent; nothing, and no client any more, when it has gone."""
        assert self._client is not None  # noqa: S101 - only called for a socket that select returned
        try:
            data = self._client.recv(MOST_BYTES)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self._hang_up()
        return data

    def _accept(self) -> None:
        try:
            newcomer, _ = self._listener.accept()  # type: ignore[union-attr]
        except OSError:  # gone before we looked
            return
        if self._client is not None:
            newcomer.close()
            return
        newcomer.setblocking(False)
        newcomer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client = newcomer

    def send(self, data: bytes) -> int:
        if self._client is None:
            return 0
        try:
            return self._client.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self._hang_up()
            return 0

    def nobody_read(self) -> int:
        return 0

    def _hang_up(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def unplug(self) -> None:
        self._hang_up()
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def replug(self) -> None:
        if self._listener is None:
            self._open()

    def close(self) -> None:
        self.unplug()


class SerialWire:
    """A real serial port, by pyserial."""

    def __init__(self, device: str, line: SerialLine) -> None:
        try:
            import serial
        except ImportError as error:
            raise Refused("port", expected="pyserial for serial:", got="none installed") from error
        self.where = device
        self._is_plugged = True
        self._port = serial.Serial(
            device,
            line.baud,
            parity=line.parity,
            rtscts=line.rtscts,
            write_timeout=0,  # never wait for a client that holds CTS down
            exclusive=True if os.name == "posix" else None,
        )

    def wait(self, timeout_s: float) -> bytes:
        self._port.timeout = max(0.0, timeout_s)
        data = bytes(self._port.read(1))
        data += self._port.read(self._port.in_waiting) if data else b""
        return data if self._is_plugged else b""

    def send(self, data: bytes) -> int:
        return (self._port.write(data) or 0) if self._is_plugged else 0

    def nobody_read(self) -> int:
        return 0

    def unplug(self) -> None:
        self._is_plugged = False

    def replug(self) -> None:
        self._is_plugged = True

    def close(self) -> None:
        self._port.close()
