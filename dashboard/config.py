"""What does a clinic's configuration file say, and is all of it right before anything starts?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from clinical.catalog.document import Malformed, Table
from clinical.vitals import CUFF, Metric
from devices.ports import parse_port
from devices.registry import PROTOCOLS

CHAIRS_MAX = 64
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class MonitorConfig:
    """A monitor at a chair and the port it is wired to. ``baud`` None: the monitor's own.

    ``prefers`` are metrics that are taken from this one first; for the others the order counts.
    """

    monitor: str
    port: str
    baud: int | None = None
    prefers: frozenset[Metric] = frozenset()


@dataclass(frozen=True, slots=True)
class ChairConfig:
    """A chair and its monitors, the first one first."""

    number: int
    name: str
    monitors: tuple[MonitorConfig, ...]


@dataclass(frozen=True, slots=True)
class Config:
    """One clinic on one machine. ``data`` is the folder of the record.

    ``is_simulated`` marks every page, and every session it records, as SIMULATED DATA.
    """

    clinic: str
    data: Path
    chairs: tuple[ChairConfig, ...]
    host: str = "127.0.0.1"
    http_port: int = 8050
    is_simulated: bool = False

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.data / 'vigil.sqlite'}"


def read_config(file: Path) -> Config:
    """The configuration in ``file``; relative paths are relative to it.

    Raises Malformed with the line, what was expected and what came, before any port is touched.
    """
    top = Table.read(file)
    clinic = top.table("clinic")
    config = Config(
        clinic=clinic.take("name", str),
        data=file.parent / clinic.take("data", str, "data"),
        host=_host(clinic),
        http_port=_http_port(clinic),
        is_simulated=clinic.take("simulated", bool, False),
        chairs=tuple(_chair(row) for row in top.tables("chairs")),
    )
    clinic.done()
    top.done()
    _refuse_twice(file, top, config)
    return config


def _host(clinic: Table) -> str:
    host = clinic.take("host", str, "127.0.0.1")
    expected = "a loopback address: Vigil does not yet speak TLS"
    return clinic.checked("host", host, lambda h: h in LOOPBACK, expected)


def _http_port(clinic: Table) -> int:
    port = clinic.take("port", int, 8050)
    return clinic.checked("port", port, lambda p: 1 <= p <= 65535, "a port from 1 to 65535")


def _chair(row: Table) -> ChairConfig:
    number = row.checked(
        "number",
        row.take("number", int),
        lambda n: 1 <= n <= CHAIRS_MAX,
        f"a number from 1 to {CHAIRS_MAX}",
    )
    name = row.take("name", str, f"Chair {number}")
    rows = row.tables("monitors", [])
    monitors = tuple(map(_monitor, rows)) if rows else (_monitor(row),)
    for each in (row, *rows):
        each.done()
    names = [each.monitor for each in monitors]
    for index, each in enumerate(rows):
        if names[index] in names[:index]:
            raise each.wrong("monitor", "two monitors of different kinds", names[index])
        able = [
            other.monitor for other in monitors[: index + 1] if PROTOCOLS[other.monitor].works_cuff
        ]
        if len(able) > 1:
            raise each.wrong("monitor", "one that does not work a second cuff", names[index])
        wanted = [m for other in monitors[:index] for m in other.prefers]
        if twice := sorted(monitors[index].prefers & set(wanted)):
            raise each.wrong("prefers", "each metric for one monitor only", ", ".join(twice))
    return ChairConfig(number, name, monitors)


def _monitor(row: Table) -> MonitorConfig:
    monitor = row.take("monitor", str)
    row.checked("monitor", monitor, PROTOCOLS.__contains__, " or ".join(PROTOCOLS))
    port = row.take("port", str)
    try:
        parse_port(port)
    except ValueError as error:
        raise row.wrong("port", "a serial port such as /dev/ttyUSB0", port) from error
    baud: int | None = row.take("baud", int, None)
    row.checked("baud", baud, lambda b: b is None or b > 0, "a number above 0")
    # The newest cuff reading is shown, whoever took it: there is nothing to prefer.
    metrics = sorted(PROTOCOLS[monitor].metrics - set(CUFF))
    prefers: list[object] = row.take("prefers", list, [])
    for metric in prefers:
        row.checked("prefers", metric, metrics.__contains__, " or ".join(metrics) or "nothing")
    return MonitorConfig(monitor, port, baud, frozenset(Metric(str(each)) for each in prefers))


def _refuse_twice(file: Path, top: Table, config: Config) -> None:
    if not config.chairs:
        raise Malformed(file, top.line_of("chairs"), "at least one chair", "none")
    numbers = [chair.number for chair in config.chairs]
    places: set[object] = set()
    for index, row in enumerate(top.tables("chairs")):
        if numbers[index] in numbers[:index]:
            raise row.wrong("number", "different for each chair", numbers[index])
        monitors = config.chairs[index].monitors
        for monitor, each in zip(monitors, row.tables("monitors", []) or [row], strict=True):
            place = parse_port(monitor.port)  # com3 is COM3
            if place in places:
                raise each.wrong("port", "different for each monitor", monitor.port)
            places.add(place)
