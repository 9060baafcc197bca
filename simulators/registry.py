"""Which bedside monitors can be simulated? A new one is a file and a line in ``MONITORS``."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from simulators import ge_dri
from simulators.displayed import Displayed
from simulators.wire import SerialLine


class Monitor(Protocol):
    """The wire side of a monitor, without port or clock; times are seconds of the scenario."""

    def heard(self, data: bytes, t_s: float) -> bytes:
        """Take in what a client sent; return what goes out at once."""

    def due(self, t_s: float) -> tuple[bytes, float]:
        """What goes out by ``t_s``, and when to ask again (inf: not before a client speaks)."""


@dataclass(frozen=True, slots=True)
class Model:
    """A kind of monitor. ``make(showing, begin_unix_s)`` switches one on."""

    title: str
    line: SerialLine
    make: Callable[[Callable[[float], Displayed], float], Monitor]
    request: Callable[[int], bytes]  # what a client sends to get numbers every so many seconds


def _ge_dri(showing: Callable[[float], Displayed], begin_unix_s: float) -> Monitor:
    return ge_dri.Monitor(showing, begin_unix_s=begin_unix_s)


MONITORS = {
    "ge-dri": Model(
        title="GE Datex-Ohmeda S/5 and CARESCAPE, computer interface (DRI level 10)",
        line=SerialLine(ge_dri.BAUD, ge_dri.PARITY, rtscts=True),
        make=_ge_dri,
        request=ge_dri.displayed_request,
    ),
}
