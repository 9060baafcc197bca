"""What does a clinic's configuration file say, and is all of it right before anything starts?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clinical.catalog.document import Table
from clinical.vitals import Metric
from dashboard.arrangement import ChairConfig, MonitorConfig, first_wrong, preferable
from devices.ports import FoundPort

LOOPBACK = ("127.0.0.1", "localhost", "::1")
IN_FILE = (
    "The chairs of this clinic stand in {}: change them there and start Vigil again, or take every "
    "[[chairs]] out of that file and arrange them on this page."
)


@dataclass(frozen=True, slots=True)
class Config:
    """One clinic on one machine. ``data`` is the folder of the record.

    Where ``chairs`` has any, they cannot be arranged on the monitors page, and ``why_fixed`` says
    why; where it has none, they are those of the record.
    ``is_simulated`` marks every page, and every session it records, as SIMULATED DATA.
    """

    clinic: str
    data: Path
    chairs: tuple[ChairConfig, ...] = ()
    host: str = "127.0.0.1"
    http_port: int = 8050
    is_simulated: bool = False
    why_fixed: str = "The chairs of this clinic were fixed when it was started."

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.data / 'vigil.sqlite'}"


def read_config(file: Path, found: Sequence[FoundPort] = ()) -> Config:
    """The configuration in ``file``; relative paths are relative to it.

    By the ports that were ``found``, two names of one port are known for what they are. Raises
    Malformed with the line, what was expected and what came, before any port is touched.
    """
    top = Table.read(file)
    clinic = top.table("clinic")
    rows = top.tables("chairs", [])
    config = Config(
        clinic=clinic.take("name", str),
        data=file.parent / clinic.take("data", str, "data"),
        host=_host(clinic),
        http_port=_http_port(clinic),
        is_simulated=clinic.take("simulated", bool, False),
        chairs=tuple(map(_chair, rows)),
        why_fixed=IN_FILE.format(file.name),
    )
    clinic.done()
    top.done()
    _refuse(rows, config.chairs, found)
    return config


def _refuse(rows: list[Table], chairs: tuple[ChairConfig, ...], found: Sequence[FoundPort]) -> None:
    """Raises Malformed, with the line, for what no clinic can have."""
    wrong = first_wrong(chairs, found)
    if wrong is None:
        return
    row = rows[wrong.chair]
    if wrong.monitor is not None:
        row = (row.tables("monitors", []) or [row])[wrong.monitor]
    raise row.wrong(wrong.field, wrong.expected, wrong.got)


def _host(clinic: Table) -> str:
    host = clinic.take("host", str, "127.0.0.1")
    expected = "a loopback address: Vigil does not yet speak TLS"
    return clinic.checked("host", host, lambda h: h in LOOPBACK, expected)


def _http_port(clinic: Table) -> int:
    port = clinic.take("port", int, 8050)
    return clinic.checked("port", port, lambda p: 1 <= p <= 65535, "a port from 1 to 65535")


def _chair(row: Table) -> ChairConfig:
    number = row.take("number", int)
    name = row.take("name", str, f"Chair {number}")
    rows = row.tables("monitors", [])
    monitors = tuple(map(_monitor, rows)) if rows else (_monitor(row),)
    for each in (row, *rows):
        each.done()
    return ChairConfig(number, name, monitors)


def _monitor(row: Table) -> MonitorConfig:
    monitor: str = row.take("monitor", str)
    prefers: list[object] = row.take("prefers", list, [])
    for metric in prefers:
        able = " or ".join(preferable(monitor)) or "nothing"
        row.checked("prefers", metric, list(Metric).__contains__, able)
    return MonitorConfig(
        monitor,
        port=row.take("port", str),
        baud=row.take("baud", int, None),
        prefers=frozenset(Metric(str(each)) for each in prefers),
        is_listen_only=row.take("listen_only", bool, False),
    )
