"""What is a port called by people: by its adapter, wherever it is plugged in?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from dashboard.arrangement import ChairConfig, place_of
from devices.ports import (
    BY_ID,
    AdapterAddress,
    FoundPort,
    UsbSocketAddress,
    parse_port,
    resolve,
)

# As people call them; what the adapters say of themselves is longer. Source: the USB ID repository.
MAKERS = {
    0x0403: "FTDI",
    0x067B: "Prolific",
    0x10C4: "Silicon Labs",
    0x1A86: "WCH",
    0x04D8: "Microchip",
    0x2341: "Arduino",
    0x110A: "Moxa",
}


class Owner(NamedTuple):
    """Whose port it is: number and name of the chair, monitor by its name in the registry."""

    number: int
    name: str
    monitor: str


def called(port: str, found: Sequence[FoundPort]) -> str:
    """``FTDI A50285BI`` for a port as it is remembered, the same plugged in or not."""
    here = found_as(port, found)
    is_adapter = here is not None and here.vid is not None
    remembered = here.key if here is not None and is_adapter else port
    try:
        address = parse_port(remembered)
    except ValueError:
        return port
    says = here.maker if here else ""
    if isinstance(address, AdapterAddress):
        interface = f", port {address.interface}" if address.interface else ""
        return f"{maker(address.vid, says)} {address.serial_number}{interface}"
    if isinstance(address, UsbSocketAddress):
        kind = maker(here.vid, says) if here and is_adapter else "USB adapter"
        return f"{kind} in socket {address.location}"
    if port.startswith(BY_ID):
        name = port.removeprefix(BY_ID).removeprefix("usb-").partition("-if")[0]
        return name.replace("_", " ")
    return port


def maker(vid: int | None, says: str = "") -> str:
    return MAKERS.get(vid or 0) or says or "USB adapter"


def found_as(port: str, found: Sequence[FoundPort]) -> FoundPort | None:
    """The port of this computer that is remembered, or was typed, as ``port``."""
    try:
        device = resolve(port, found)
    except (OSError, ValueError):  # not plugged in, or no port
        return None
    return next((each for each in found if each.device == device), None)


def owners(found: Sequence[FoundPort], chairs: Sequence[ChairConfig]) -> dict[str, Owner]:
    """The monitor that is arranged at each port, by its key, whatever name the chair has for it."""
    places = {
        place_of(each.port, found): Owner(chair.number, chair.name, each.monitor)
        for chair in chairs
        for each in chair.monitors
    }
    here = {port.key: places.get(place_of(port.key, found)) for port in found}
    return {key: owner for key, owner in here.items() if owner is not None}
