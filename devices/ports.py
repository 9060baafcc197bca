"""Which ports are there, how is one opened, and what is wrong when it cannot be?"""

from __future__ import annotations

import errno
import ipaddress
import logging
import os
import re
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Thread
from typing import Protocol
from urllib.parse import quote, unquote, urlsplit

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

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5  # real s; to list the ports takes a few ms
READ_SIZE = 4096  # bytes; more than a monitor sends in any one wake-up
CONNECT_WITHIN_S = 2.0  # a serial server on the clinic's own network answers in milliseconds
WRITE_WITHIN_S = 1.0
GOODBYE_WITHIN_S = 0.2  # the longest closing words take 30 ms at 19200 baud
# Bytes still unsent when more are to be written: the line is held (CTS off). They are dropped, or
# the monitor would get a quarter of an hour of requests at once when it is switched on.
HELD_BYTES = 512

COM = re.compile(r"COM[1-9]\d{0,2}", re.IGNORECASE)
USB = re.compile(r"usb:([0-9a-f]{4}):([0-9a-f]{4}):([^:\s]+)(?::([\w.]+))?", re.IGNORECASE)
USB_AT = re.compile(r"usb-at:(\S+)")
BY_ID = "/dev/serial/by-id/"
# What a maker's blank chip says is no number of one device: Silicon Labs' CP210x (AN721), and
# descriptors that nobody filled in.
NO_NUMBERS = re.compile(r"0*1?|0123456789(ABCDEF)?", re.IGNORECASE)
# What serial ports are called on Linux, macOS and the BSDs, links to them aside.
TERMINALS = ("/dev/tty", "/dev/pts/", "/dev/cu", "/dev/rfcomm")
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
class AdapterAddress:
    """An adapter, by the number that its maker gave it, wherever it is plugged in.

    ``interface`` tells the ports of one adapter apart; "" where it has only the one.
    """

    vid: int
    pid: int
    serial_number: str
    interface: str = ""

    def __str__(self) -> str:
        key = f"usb:{self.vid:04X}:{self.pid:04X}:{quote(self.serial_number, safe='')}"
        return f"{key}:{self.interface}" if self.interface else key


@dataclass(frozen=True, slots=True)
class UsbSocketAddress:
    """Whatever adapter is plugged in there: for those that have no number of their own.

    ``location`` as the system counts its sockets, such as ``1-1.2``.
    """

    location: str

    def __str__(self) -> str:
        return f"usb-at:{self.location}"


Address = SerialAddress | SocketAddress | AdapterAddress | UsbSocketAddress


@dataclass(frozen=True, slots=True)
class FoundPort:
    """A serial port of this machine, and what its adapter says of itself ("", None: nothing).

    ``key`` is how the port is to be remembered: by what stays the same when it is plugged in again.
    """

    device: str
    description: str
    key: str = ""
    serial_number: str = ""
    vid: int | None = None
    pid: int | None = None
    maker: str = ""
    location: str = ""  # of the USB socket, and the interface where the adapter has several ports

    @property
    def interface(self) -> str:
        return self.location.partition(":")[2]


class NotThere(OSError):
    """A remembered port that is not here, or that is two; the words are for a nurse."""

    def __init__(self, words: str) -> None:
        super().__init__(errno.ENODEV, words)


def parse_port(text: str) -> Address:
    """What ``text`` names. Whether it exists is seen when it is opened: it may be plugged in later.

    Raises ValueError, saying what was expected and what came.
    """
    if text.startswith("socket://"):
        url = urlsplit(text)
        with suppress(ValueError):  # a port that is no number
            if url.hostname and url.port and not (url.path or url.query or url.fragment):
                return SocketAddress(url.hostname, url.port)
        raise ValueError(f"expected socket://host:port, such as socket://10.0.0.7:4001, got {text}")
    if text.startswith("usb:"):
        usb = USB.fullmatch(text)
        if usb is None:
            raise ValueError(
                f"expected usb:VVVV:PPPP:SERIAL, such as usb:0403:6001:A10K3X7Q, got {text}"
            )
        vid, pid, serial_number, interface = usb.groups()
        return AdapterAddress(int(vid, 16), int(pid, 16), unquote(serial_number), interface or "")
    if socket_at := USB_AT.fullmatch(text):
        return UsbSocketAddress(socket_at[1])
    if COM.fullmatch(text):
        return SerialAddress(text.upper())
    is_path = text.startswith("/") and not text.endswith("/")
    if is_path and not text.startswith("//"):  # two name another computer, on Windows
        return SerialAddress(text)
    raise ValueError(
        "expected a port such as /dev/ttyUSB0, COM3, usb:0403:6001:A10K3X7Q or "
        f"socket://host:port, got {text!r}"
    )


def list_ports() -> tuple[FoundPort, ...]:
    """The serial ports of this machine, by name."""
    return keyed(
        FoundPort(
            device=port.device,
            description=port.description or "",
            serial_number=port.serial_number or "",
            vid=port.vid,
            pid=port.pid,
            maker=port.manufacturer or "",
            location=port.location or "",
        )
        for port in comports()
    )


def keyed(ports: Iterable[FoundPort]) -> tuple[FoundPort, ...]:
    """``ports`` by name, each with what it is to be remembered by.

    The adapter's own number; where it has none, or another has the same one: the USB socket. A
    by-id link would be no better, for it then names a kind of adapter and leads to any one of them.
    """
    found = sorted(ports, key=lambda port: port.device)
    own = [_own_key(port) for port in found]
    return tuple(
        replace(port, key=key if key and own.count(key) == 1 else _place_key(port))
        for port, key in zip(found, own, strict=True)
    )


def _own_key(port: FoundPort) -> str:
    number = port.serial_number
    if port.vid is None or port.pid is None or NO_NUMBERS.fullmatch(number):
        return ""
    return str(AdapterAddress(port.vid, port.pid, number, port.interface))


def _place_key(port: FoundPort) -> str:
    return f"usb-at:{port.location}" if port.location else port.device


def resolve(text: str, found: Sequence[FoundPort], others: Iterable[str] = ()) -> str:
    """The device that ``text`` names now, among the ports that were ``found``.

    ``others`` are what other lines name: an adapter in a USB socket that one of them names is
    theirs, whatever number it has. Two of one number would else change places with each other.

    Raises NotThere, which is an OSError with words for a nurse, and ValueError for no port at all.
    """
    address = parse_port(text)
    if isinstance(address, SerialAddress):
        return address.device
    if isinstance(address, SocketAddress):
        return str(address)
    fitting, theirs = _fitting(address, found, others)
    if len(fitting) == 1:
        return fitting[0].device
    name = spoken(text)
    if theirs and not fitting:
        raise NotThere(
            f"{name} is not plugged into this computer: the one of that number in USB socket "
            f"{theirs[0].location} belongs to another monitor. Plug it in, or choose the port anew "
            "on the monitors page."
        )
    if fitting:
        devices = " and ".join(port.device for port in fitting)
        raise NotThere(
            f"{name} is there more than once ({devices}), and nobody can tell which is meant: "
            "unplug one, or choose the port anew on the monitors page."
        )
    if isinstance(address, UsbSocketAddress):
        raise NotThere(
            f"{name} is not plugged into this computer: plug it into the same socket as before, "
            "or choose the port anew on the monitors page."
        )
    raise NotThere(f"{name} is not plugged into this computer: plug it in, any socket will do.")


def apart(text: str, others: Iterable[str], list_ports: Callable[[], Sequence[FoundPort]]) -> str:
    """``text``, or the device that it names now where ``others`` name USB sockets.

    Raises NotThere where that cannot be told.
    """
    sockets = [each for each in others if isinstance(parse_port(each), UsbSocketAddress)]
    if not sockets or not isinstance(parse_port(text), AdapterAddress):
        return text
    return resolve(text, list_ports(), sockets)


def not_alone(text: str, found: Sequence[FoundPort], others: Iterable[str]) -> str:
    """Which adapters ``text`` may be taken for by its number, in words; "" where it is certain."""
    address = parse_port(text)
    if not isinstance(address, AdapterAddress):
        return ""
    fitting, theirs = _fitting(address, found, others)
    if len(fitting) < 2 and not theirs:
        return ""
    return " and ".join(sorted(port.device for port in (*fitting, *theirs)))


def _fitting(
    address: AdapterAddress | UsbSocketAddress, found: Sequence[FoundPort], others: Iterable[str]
) -> tuple[list[FoundPort], list[FoundPort]]:
    """The ports that ``address`` may mean, and those that would fit but are of other lines."""
    fitting = [port for port in found if _fits(port, address)]
    if isinstance(address, UsbSocketAddress):
        return fitting, []
    taken = {str(parse_port(each)) for each in others}
    theirs = [port for port in fitting if _place_key(port) in taken]
    return [port for port in fitting if port not in theirs], theirs


def _fits(port: FoundPort, address: AdapterAddress | UsbSocketAddress) -> bool:
    if isinstance(address, UsbSocketAddress):
        return port.location == address.location
    ours = (address.vid, address.pid, address.serial_number)
    return ours == (port.vid, port.pid, port.serial_number) and (
        not address.interface or address.interface == port.interface
    )


def place(
    text: str,
    found: Sequence[FoundPort],
    others: Iterable[str] = (),
    real: Callable[[str], str] = os.path.realpath,
) -> str:
    """What all names of one port have in common: com3 is COM3, a link is what it leads to, an
    adapter the device that it is now (its key, while it is not plugged in); ``others`` as above.

    Raises ValueError for a ``text`` that names no port.
    """
    try:
        device = resolve(text, found, others)
    except NotThere:
        return str(parse_port(text))
    return real(device) if device.startswith("/") else device


def same_port(one: str, other: str, found: Sequence[FoundPort]) -> bool:
    """Whether both name the same port, as far as can be seen now."""
    return place(one, found) == place(other, found)


def spoken(port: str) -> str:
    """``port`` as words begin with it: an adapter by the number that is printed on it."""
    address = parse_port(port)
    if isinstance(address, AdapterAddress):
        return (
            f"The adapter {address.serial_number} (USB {address.vid:04X}:{address.pid:04X}"
            f"{', port ' + address.interface if address.interface else ''})"
        )
    if isinstance(address, UsbSocketAddress):
        return f"The adapter in USB socket {address.location}"
    return port


def open_port(
    text: str,
    settings: LineSettings,
    read_within_s: float,
    list_ports: Callable[[], Sequence[FoundPort]] = list_ports,
) -> Port:
    """Open ``text`` for us alone. Raises OSError; ``describe_open_error`` puts it into words.

    An adapter is looked for each time: it may have come back under another name.
    """
    address = parse_port(text)
    if isinstance(address, SocketAddress):
        return SocketPort(address, read_within_s)
    is_device = isinstance(address, SerialAddress)
    return SerialPort(resolve(text, () if is_device else list_ports()), settings, read_within_s)


def has_speed(device: str) -> bool:
    """Whether baud and parity of an open port mean anything: not at a network's or a program's."""
    is_pty = os.path.realpath(device).startswith(PTY_FOLDERS)
    return not (is_pty or device.startswith("socket://"))


class PortWatch:
    """Notices what is plugged in and out, on a thread of its own between ``start`` and ``stop``.

    ``on_change`` gets the ports when they are others than before, within ``interval_s`` (real s)
    and the time that the system takes to list them. What it raises is logged and dropped.
    """

    def __init__(
        self,
        list_ports: Callable[[], tuple[FoundPort, ...]] = list_ports,
        on_change: Callable[[tuple[FoundPort, ...]], None] = lambda _ports: None,
        interval_s: float = LOOK_EVERY_S,
    ) -> None:
        self._list_ports = list_ports
        self._on_change = on_change
        self._interval_s = interval_s
        self._ports: tuple[FoundPort, ...] = ()
        self._is_failing = False
        self._stop = Event()
        self._thread = Thread(target=self._run, name="ports", daemon=True)

    @property
    def ports(self) -> tuple[FoundPort, ...]:
        """The newest list; from any thread."""
        return self._ports

    def start(self) -> None:
        """Look once, then go on looking. Raises RuntimeError the second time."""
        self.look()
        self._thread.start()

    def stop(self) -> None:
        """Harmless when repeated, and where ``start`` was not called."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(CONNECT_WITHIN_S)

    def look(self) -> None:
        """Compare what is there with what was; tell where it is another."""
        try:
            ports = self._list_ports()
        except Exception:  # a driver that is just being installed, say: the old list holds
            if not self._is_failing:
                log.exception("the serial ports of this computer cannot be listed")
            self._is_failing = True
            return
        self._is_failing = False
        if ports == self._ports:
            return
        self._ports = ports
        try:
            self._on_change(ports)
        except Exception:
            log.exception("a change of the serial ports was dropped")

    def _run(self) -> None:
        while not self._stop.wait(self._interval_s):
            self.look()


def _refuse_others(device: str) -> None:
    """Raise OSError for what is no terminal. Opening alone does harm to some: a computer restarts
    when its watchdog was opened and closed again."""
    if not device.startswith("/"):  # COM3: to Windows a file that exists, and is no path
        return
    place = os.path.realpath(device)
    if os.path.exists(place) and not place.startswith(TERMINALS):
        raise OSError(errno.ENOTTY, "no serial port", device)


def is_outside(host: str) -> bool:
    """Whether ``host`` is another computer, of a network that was set up. It may ask the name
    service, and so blocks. Raises OSError for a name that nobody knows."""
    return not any(
        each.is_loopback or each.is_link_local or each.is_unspecified or each.is_multicast
        for each in _addresses(host)
    )


def reached(address: SocketAddress) -> frozenset[tuple[str, int]]:
    """Where a serial server is, whatever it is called. It blocks and raises as ``is_outside``."""
    return frozenset((str(each), address.port) for each in _addresses(address.host))


def _addresses(host: str) -> Iterator[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM):
        address = ipaddress.ip_address(str(found[4][0]).partition("%")[0])
        inner = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        yield inner or address  # ::ffff:127.0.0.1 is this computer too


class SerialPort:
    """A serial device, locked against other programs."""

    def __init__(self, device: str, settings: LineSettings, read_within_s: float) -> None:
        _refuse_others(device)
        # A pseudo-terminal has no parity and no RTS, and refuses to be set to either.
        is_pty = not has_speed(device)
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
        try:
            return first + bytes(self._serial.read(min(self._serial.in_waiting, READ_SIZE)))
        except OSError:
            return first  # the port went away just now; the next read says so

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


PROCESSES = Path("/proc")  # Linux alone has it; elsewhere it is empty
NOT_THERE = (errno.ENOENT, errno.ENODEV, errno.ENXIO)
IN_USE = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EBUSY)
NO_SERIAL_PORT = (errno.ENOTTY, errno.EISDIR, errno.EINVAL)


def describe_open_error(error: Exception, port: str) -> str:
    """Why ``port`` could not be opened, and what to do about it, for a nurse."""
    if port.startswith("socket://"):
        return _describe_connect_error(error, port)
    if isinstance(error, NotThere):
        return str(error.strerror)
    number = error.errno if isinstance(error, OSError) else None
    text = str(error)
    name = spoken(port)
    # On Windows pyserial keeps the system's error only as text; there "denied" means taken.
    if number in NOT_THERE or "FileNotFoundError" in text:
        return f"{name} does not exist: is the adapter plugged into this computer?"
    if number in IN_USE or "PermissionError" in text:
        return f"{name} is in use by {_holder(port)}"
    if number in (errno.EACCES, errno.EPERM):
        return (
            f"{name} may not be opened by this user: "
            "the administrator must allow serial ports (on Linux: group dialout)."
        )
    if number in NO_SERIAL_PORT or "Inappropriate ioctl" in text:
        return f"{name} is not a serial port that can be set as the monitor needs it."
    return f"{name} cannot be opened: {text}"


def _holder(port: str) -> str:
    """Who has ``port`` open, as far as the system tells (Linux, programs of the same user)."""
    try:
        device = os.path.realpath(resolve(port, list_ports()))
    except OSError:
        device = ""
    for process, program in _programs_with(device):
        if process == os.getpid():
            return "Vigil itself, for another chair or a test: end that first."
        return f"another program, {program} (process {process}): close that program."
    return "another program: close that program."


def _programs_with(device: str) -> Iterator[tuple[int, str]]:
    for folder in PROCESSES.glob("[0-9]*"):
        with suppress(OSError):  # of another user, or just ended
            if any(_leads_to(each, device) for each in (folder / "fd").iterdir()):
                yield int(folder.name), (folder / "comm").read_text().strip()


def _leads_to(link: Path, device: str) -> bool:
    try:
        return os.readlink(link) == device
    except OSError:  # closed in between
        return False


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
    return f"{spoken(port)} went away: is the adapter still plugged into this computer?"
