"""Which bedside monitors can be simulated? A new one is a file and a line in ``MONITORS``."""

import math
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
    suntech,
)
from simulators.displayed import Displayed
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


@dataclass(frozen=True, slots=True)
class Model:
    """A kind of monitor. ``make(showing, begin_unix_s)`` switches one on."""

    title: str
    line: SerialLine
    make: Callable[[Callable[[float], Displayed], float], Monitor]
    client: Callable[[int], Client]  # one that wants numbers every so many seconds


def _ge_dri(showing: Callable[[float], Displayed], begin_unix_s: float) -> Monitor:
    return ge_dri.Monitor(showing, begin_unix_s=begin_unix_s)


def _dinamap(showing: Callable[[float], Displayed], begin_unix_s: float) -> Monitor:
    return dinamap.Monitor(showing, begin_unix_s=begin_unix_s)


def _suntech(showing: Callable[[float], Displayed], begin_unix_s: float) -> Monitor:
    return suntech.Monitor(showing, begin_unix_s=begin_unix_s)


def _philips(showing: Callable[[float], Displayed], begin_unix_s: float) -> Monitor:
    return philips_intellivue.Monitor(showing, begin_unix_s=begin_unix_s)


def _masimo(showing: Callable[[float], Displayed], begin_unix_s: float) -> Monitor:
    return masimo_ascii1.Monitor(showing, begin_unix_s=begin_unix_s)


def _nellcor(showing: Callable[[float], Displayed], begin_unix_s: float) -> Monitor:
    return nellcor.Monitor(showing, begin_unix_s=begin_unix_s)


def _nonin(showing: Callable[[float], Displayed], begin_unix_s: float) -> Monitor:
    return nonin_ascii.Monitor(showing, begin_unix_s=begin_unix_s)


def _capnostream(showing: Callable[[float], Displayed], begin_unix_s: float) -> Monitor:
    return capnostream.Monitor(showing, begin_unix_s=begin_unix_s)


def _ivy450c(showing: Callable[[float], Displayed], begin_unix_s: float) -> Monitor:
    return ivy450c.Monitor(showing, begin_unix_s=begin_unix_s)


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
    ),
    "philips-intellivue": Model(
        title="Philips IntelliVue, Data Export over MIB/RS232",
        line=SerialLine(philips_intellivue.BAUD, philips_intellivue.PARITY, rtscts=False),
        make=_philips,
        client=philips_intellivue.BlindClient,
    ),
    "masimo-ascii1": Model(
        title="Masimo Rad-8 oximeter, serial output ASCII 1",
        line=SerialLine(masimo_ascii1.BAUD, masimo_ascii1.PARITY, rtscts=False),
        make=_masimo,
        client=listener,
    ),
    "dinamap": Model(
        title="GE DINAMAP cuff monitors, host communications",
        line=SerialLine(dinamap.BAUD, dinamap.PARITY, rtscts=False),
        make=_dinamap,
        client=asks_in_turn(
            dinamap.message(dinamap.THIS_MONITOR + dinamap.READ_CUFF),
            dinamap.message(dinamap.THIS_MONITOR + dinamap.READ_RATE),
        ),
    ),
    "capnostream": Model(
        title="Oridion (Medtronic) Capnostream 20 and 20p",
        line=SerialLine(capnostream.BAUD, capnostream.PARITY, rtscts=False),
        make=_capnostream,
        client=capnostream.client,
    ),
    "ivy450c": Model(
        title="Ivy 450C, serial output ANSAR-B",
        line=SerialLine(ivy450c.BAUD, ivy450c.PARITY, rtscts=False),
        make=_ivy450c,
        client=listener,
    ),
    "nellcor": Model(
        title="Nellcor N-560 oximeter, real-time printout",
        line=SerialLine(nellcor.BAUD, nellcor.PARITY, rtscts=False),
        make=_nellcor,
        client=listener,
    ),
    "suntech": Model(
        title="SunTech Advantage and LX cuff modules",
        line=SerialLine(suntech.BAUD, suntech.PARITY, rtscts=False),
        make=_suntech,
        client=asks_in_turn(
            suntech.request(suntech.READ_PRESSURE), suntech.request(suntech.READ_RESULT)
        ),
    ),
    "nonin-ascii": Model(
        title="Nonin 7500FO oximeter, serial text",
        line=SerialLine(nonin_ascii.BAUD, nonin_ascii.PARITY, rtscts=False),
        make=_nonin,
        client=listener,
    ),
}
