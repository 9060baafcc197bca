"""What does each monitor send in an hour? Its simulator's bytes, as a client would hear them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache, partial

from devices.protocols.line import LineSettings
from simulators.ge_dri import displayed_request
from simulators.patient import Patient
from simulators.registry import MONITORS, asks_once
from simulators.scenario import named

# Every module that a script can fit, and values that move all the time.
SCENARIO = "capnography"
BEGIN_UNIX_S = datetime(2026, 1, 1, 9, tzinfo=UTC).timestamp()
HOUR_S = 3600.0
INTERVAL_S = 1  # between two values, where the client says

ALL_GE_CLASSES = asks_once(partial(displayed_request, with_extended=True))


@cache
def heard(name: str, length_s: float = HOUR_S, *, has_all_classes: bool = False) -> bytes:
    """What the monitor of this protocol sends; ``has_all_classes``: to a GE client that asks."""
    model = MONITORS[name]
    monitor = model.make(Patient(named(SCENARIO)).at, BEGIN_UNIX_S)
    client = (ALL_GE_CLASSES if has_all_classes else model.client)(INTERVAL_S)
    out, t_s = bytearray(), 0.0
    while t_s < length_s:
        said, next_said_s = client(t_s)
        if said:
            out += monitor.heard(said, t_s)
        data, next_s = monitor.due(t_s)
        out += data
        t_s = min(next_said_s, next_s)
    return bytes(out)


def bits_a_byte(settings: LineSettings) -> int:
    """On the wire: a start bit, the data, a parity bit where there is one, the stop bits."""
    return 1 + settings.data_bits + (settings.parity != "N") + settings.stop_bits


def line_rate(settings: LineSettings) -> float:
    """The most that the line carries, bytes a second."""
    return settings.baud / bits_a_byte(settings)
