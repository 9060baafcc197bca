"""Which bedside monitors can be simulated? A new one is a file and a line in ``MONITORS``."""

import math
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from simulators import (
    capnostream,
    dinamap,
    ge_dri,
    ivy450c,
    masimo_ascii1,
    nellcor,
    nonin_ascii,
    philips_intellivue,
    philips_objects,
    suntech,
)
from simulators.displayed import Displayed
from simulators.refused import Refused
from simulators.wire import SerialLine


class Monitor(Protocol):
    """The wire side of a monitor, without port or clock; times are seconds of the scenario."""

    def heard(self, data: bytes, t_s: float) -> bytes:
        """Take in what a client sent; return what goes out at once."""

    def due(self, t_s: float) -> tuple[bytes, float]:
        """What goes out by ``t_s``, and when to ask again (inf: not before a client speaks)."""


# The imagined client of ``--port file:``. Called with a time (s), it gives what it sends by then
# and when to call again. It reads nothing: its half of every protocol here can be said blindly.
Client = Callable[[float], tuple[bytes, float]]


Showing = Callable[[float], Displayed]


class Make(Protocol):
    def __call__(
        self, showing: Showing, begin_unix_s: float, serial: str | None = None, /
    ) -> Monitor:
        """Switch a monitor on. ``serial``: who it says it is; raises Refused where it cannot."""


@dataclass(frozen=True, slots=True)
class Model:
    """A kind of monitor.

    ``messages`` cuts what it said in one go into messages. ``serial(seed)`` is who it says it is,
    in the form that ``make`` takes; None: its protocol has no place for that.
    """

    title: str
    line: SerialLine
    make: Make
    client: Callable[[int], Client]  # one that wants numbers every so many seconds
    messages: Callable[[bytes], list[bytes]]
    serial: Callable[[int], str] | None = None


def _number(kind: str, seed: int, most: int) -> int:
    """The same device for one kind and seed; never 0."""
    return random.Random(f"{kind} {seed} serial").randint(1, most)


def _ge_dri(showing: Showing, begin_unix_s: float, serial: str | None = None) -> Monitor:
    plug_id = 0
    if serial is not None:
        if not re.fullmatch(r"[0-9]{1,5}", serial) or int(serial) > 0xFFFF:
            raise Refused("serial", expected="a plug id from 0 to 65535", got=serial)
        plug_id = int(serial)
    return ge_dri.Monitor(showing, begin_unix_s=begin_unix_s, plug_id=plug_id)


def _dinamap(showing: Showing, begin_unix_s: float, _serial: str | None = None) -> Monitor:
    return dinamap.Monitor(showing, begin_unix_s=begin_unix_s)


def _suntech(showing: Showing, begin_unix_s: float, serial: str | None = None) -> Monitor:
    version = serial or suntech.VERSION
    if len(version) > suntech.VERSION_SIZE or not re.fullmatch(r"(LX|SB)[ -~]*", version):
        expected = f"a version text that begins LX or SB, of at most {suntech.VERSION_SIZE}"
        raise Refused("serial", expected=expected, got=serial)
    return suntech.Monitor(showing, begin_unix_s=begin_unix_s, version=version)


def _philips(showing: Showing, begin_unix_s: float, serial: str | None = None) -> Monitor:
    machine = philips_objects.Machine()
    if serial is not None:
        if not re.fullmatch(r"[0-9A-Fa-f]{2}([:-]?[0-9A-Fa-f]{2}){5}", serial):
            expected = "a system id of six bytes, as 00:09:fb:12:34:56"
            raise Refused("serial", expected=expected, got=serial)
        system_id = bytes.fromhex(re.sub("[:-]", "", serial))
        machine = philips_objects.Machine(system_id=system_id)
    return philips_intellivue.Monitor(showing, begin_unix_s=begin_unix_s, machine=machine)


def _masimo(showing: Showing, begin_unix_s: float, serial: str | None = None) -> Monitor:
    number = "0000123456" if serial is None else serial
    if not re.fullmatch(r"[0-9A-Za-z]{1,10}", number):
        expected = "a serial number of 1 to 10 digits and letters"
        raise Refused("serial", expected=expected, got=serial)
    return masimo_ascii1.Monitor(
        showing, begin_unix_s=begin_unix_s, form="radical-7", serial_number=number
    )


def _nellcor(showing: Showing, begin_unix_s: float, serial: str | None = None) -> Monitor:
    model = (serial or "n-560").lower()
    if model not in nellcor.MODELS:
        names = ", ".join(one.name for one in nellcor.MODELS.values())
        expected = f"one of {names}, as its headings name the model and no number"
        raise Refused("serial", expected=expected, got=serial)
    return nellcor.Monitor(showing, begin_unix_s=begin_unix_s, model=model)


def _nonin(showing: Showing, begin_unix_s: float, _serial: str | None = None) -> Monitor:
    return nonin_ascii.Monitor(showing, begin_unix_s=begin_unix_s)


def _capnostream(showing: Showing, begin_unix_s: float, serial: str | None = None) -> Monitor:
    number = "123456" if serial is None else serial
    if not re.fullmatch(r"[0-9A-Za-z]{1,6}", number):
        expected = "a device number of 1 to 6 digits and letters"
        raise Refused("serial", expected=expected, got=serial)
    return capnostream.Monitor(showing, begin_unix_s=begin_unix_s, number=number)


def _ivy450c(showing: Showing, begin_unix_s: float, _serial: str | None = None) -> Monitor:
    return ivy450c.Monitor(showing, begin_unix_s=begin_unix_s)


def _by(pattern: bytes) -> Callable[[bytes], list[bytes]]:
    """What cuts whole messages apart; ``pattern`` is one of them, or the rest of what was said."""
    return re.compile(pattern, re.DOTALL).findall


_lines = _by(rb"[^\n]*\n|[^\n]+")


def _by_length(said: bytes) -> list[bytes]:
    """SunTech: the second byte counts the whole frame."""
    found = []
    while said:
        size = max(2, said[1]) if len(said) > 1 else 1
        found.append(said[:size])
        said = said[size:]
    return found


def listener(_interval_s: int) -> Client:
    """The client of a monitor that talks unasked."""
    return lambda _t_s: (b"", math.inf)


def asks_once(request: Callable[[int], bytes]) -> Callable[[int], Client]:
    """The client of a monitor that goes on talking after one ``request(interval_s)``."""

    def make(interval_s: int) -> Client:
        unsent = [request(interval_s)]
        return lambda _t_s: (unsent.pop() if unsent else b"", math.inf)

    return make


def asks_in_turn(*requests: bytes, gap_s: float = 0.25) -> Callable[[int], Client]:
    """The client that says ``requests`` one after the other, and all again after its interval."""

    def make(interval_s: int) -> Client:
        coming: list[tuple[float, bytes]] = []  # in order of time

        def says(t_s: float) -> tuple[bytes, float]:
            if not coming:
                coming.extend((t_s + gap_s * n, request) for n, request in enumerate(requests))
            said = b""
            while coming[0][0] <= t_s:
                at_s, request = coming.pop(0)
                said += request
                coming.append((at_s + interval_s, request))
            return said, coming[0][0]

        return says

    return make


MONITORS = {
    "ge-dri": Model(
        title="GE Datex-Ohmeda S/5 and CARESCAPE, computer interface (DRI level 10)",
        line=SerialLine(ge_dri.BAUD, ge_dri.PARITY, rtscts=True),
        make=_ge_dri,
        client=asks_once(ge_dri.displayed_request),
        messages=_by(rb"\x7e[^\x7e]*\x7e"),
        serial=lambda seed: str(_number("ge-dri", seed, 0xFFFF)),
    ),
    "philips-intellivue": Model(
        title="Philips IntelliVue, Data Export over MIB/RS232",
        line=SerialLine(philips_intellivue.BAUD, philips_intellivue.PARITY, rtscts=False),
        make=_philips,
        client=philips_intellivue.BlindClient,
        messages=_by(rb"\xc0[^\xc1]*\xc1"),
        serial=lambda seed: f"0009fb{_number('philips-intellivue', seed, 0xFFFFFF):06x}",
    ),
    "masimo-ascii1": Model(
        title="Masimo Radical-7 oximeter, serial output ASCII 1",
        line=SerialLine(masimo_ascii1.BAUD, masimo_ascii1.PARITY, rtscts=False),
        make=_masimo,
        client=listener,
        messages=_lines,
        serial=lambda seed: f"{_number('masimo-ascii1', seed, 10**10 - 1):010d}",
    ),
    "dinamap": Model(
        title="GE DINAMAP cuff monitors, host communications",
        line=SerialLine(dinamap.BAUD, dinamap.PARITY, rtscts=False),
        make=_dinamap,
        client=asks_in_turn(
            dinamap.message(dinamap.THIS_MONITOR + dinamap.READ_CUFF),
            dinamap.message(dinamap.THIS_MONITOR + dinamap.READ_RATE),
        ),
        messages=_by(rb"[^\r]*\r"),
    ),
    "capnostream": Model(
        title="Oridion (Medtronic) Capnostream 20 and 20p",
        line=SerialLine(capnostream.BAUD, capnostream.PARITY, rtscts=False),
        make=_capnostream,
        client=capnostream.client,
        messages=_by(rb"\x85[^\x85]*"),
        serial=lambda seed: f"{_number('capnostream', seed, 10**6 - 1):06d}",
    ),
    "ivy450c": Model(
        title="Ivy 450C, serial output ANSAR-B",
        line=SerialLine(ivy450c.BAUD, ivy450c.PARITY, rtscts=False),
        make=_ivy450c,
        client=listener,
        messages=_by(rb"\xff[^\xfe]*\xfe"),
    ),
    "nellcor": Model(
        title="Nellcor N-560 oximeter, real-time printout",
        line=SerialLine(nellcor.BAUD, nellcor.PARITY, rtscts=False),
        make=_nellcor,
        client=listener,
        messages=_lines,
        serial=lambda _seed: nellcor.MODELS["n-560"].name,
    ),
    "suntech": Model(
        title="SunTech Advantage and LX cuff modules",
        line=SerialLine(suntech.BAUD, suntech.PARITY, rtscts=False),
        make=_suntech,
        client=asks_in_turn(
            suntech.request(suntech.READ_PRESSURE), suntech.request(suntech.READ_RESULT)
        ),
        messages=_by_length,
        serial=lambda _seed: suntech.VERSION,
    ),
    "nonin-ascii": Model(
        title="Nonin 7500FO oximeter, serial text",
        line=SerialLine(nonin_ascii.BAUD, nonin_ascii.PARITY, rtscts=False),
        make=_nonin,
        client=listener,
        messages=_lines,
    ),
}
