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
    return b"".join(data for _t_s, data in reads(name, length_s, has_all_classes=has_all_classes))


def reads(
    name: str, length_s: float, *, has_all_classes: bool = False
) -> list[tuple[float, bytes]]:
    """The same, each piece with the second at which it is sent."""
    model = MONITORS[name]
    monitor = model.make(Patient(named(SCENARIO)).at, BEGIN_UNIX_S)
    client = (ALL_GE_CLASSES if has_all_classes else model.client)(INTERVAL_S)
    out, t_s = [], 0.0
    while t_s < length_s:
        said, next_said_s = client(t_s)
        answer = monitor.heard(said, t_s) if said else b""
        data, next_s = monitor.due(t_s)
        if answer + data:
            out.append((t_s, answer + data))
        t_s = min(next_said_s, next_s)
    return out


def bits_a_byte(settings: LineSettings) -> int:
    """On the wire: a start bit, the data, a parity bit where there is one, the stop bits."""
    return 1 + settings.data_bits + (settings.parity != "N") + settings.stop_bits


def line_rate(settings: LineSettings) -> float:
    """The most that the line carries, bytes a second."""
    return settings.baud / bits_a_byte(settings)
