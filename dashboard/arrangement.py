"""Which chairs does a clinic have, which monitors stand at them on which ports; and can that be?

The chairs of a configuration file and those that are arranged on the monitors page obey the same
rules, and are refused in the same words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from clinical.vitals import CUFF, Metric
from devices.ports import FoundPort, not_alone, parse_port
from devices.ports import place as place_of
from devices.registry import PROTOCOLS

CHAIRS_MAX = 64
NAME_MAX = 40  # characters; a longer one has no room on a tile
PORT = "a serial port such as COM3, usb:0403:6001:A10K3X7Q or socket://10.0.0.7:4001"
BAUD = "a number above 0, as the monitor's own menu shows it"
TWIN = "chosen anew, for it is not the only adapter of its number (there is {})"
# Numbered as they are plugged in: after the next start another adapter may have the name.
PASSING = re.compile(r"/dev/tty(USB|ACM)\d+")


@dataclass(frozen=True, slots=True)
class MonitorConfig:
    """A monitor at a chair and the port it is wired to. ``baud`` None: the monitor's own.

    ``prefers`` are metrics that are taken from this one first; for the others the order counts.
    ``is_listen_only``: nothing is ever written to it.
    """

    monitor: str
    port: str
    baud: int | None = None
    prefers: frozenset[Metric] = frozenset()
    is_listen_only: bool = False


@dataclass(frozen=True, slots=True)
class ChairConfig:
    """A chair and its monitors, the first one first; none where all is entered by hand."""

    number: int
    name: str
    monitors: tuple[MonitorConfig, ...]


@dataclass(frozen=True, slots=True)
class Wrong:
    """A value that cannot be: of the chair, and the monitor of it, at these places in the list.

    The first place is 0; ``monitor`` None: of the chair itself.
    """

    chair: int
    monitor: int | None
    field: str
    expected: str
    got: object


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something was not done, in words for whoever asked; nothing was changed then.

    ``chair`` and ``monitor`` are the places (from 0) in the list that was asked for, and ``field``
    what is to be marked there: number, name, monitor, port, baud or prefers.
    """

    words: str
    chair: int | None = None
    monitor: int | None = None
    field: str = ""


def refusal(chairs: Sequence[ChairConfig], found: Sequence[FoundPort] = ()) -> Refusal | None:
    """Why ``chairs`` cannot be arranged so; ``found`` are the ports of this computer."""
    wrong = first_wrong(chairs, found)
    return None if wrong is None else _in_words(wrong, chairs)


def twin_left(
    chairs: Sequence[ChairConfig], before: Sequence[ChairConfig], found: Sequence[FoundPort]
) -> Refusal | None:
    """Why ``chairs`` must not stay so: another adapter has the number of one of theirs, and could
    take its place. Whoever leaves fewer such than there were ``before`` may go on."""
    left = [*_twins(chairs, found)]
    if not left or len(left) < len([*_twins(before, found)]):
        return None
    return _in_words(left[0], chairs)


def _in_words(wrong: Wrong, chairs: Sequence[ChairConfig]) -> Refusal:
    chair = chairs[wrong.chair]
    where = chair.name.strip() or f"Chair {chair.number}"
    if wrong.monitor is not None:
        where = f"{where}, {title_of(chair.monitors[wrong.monitor].monitor)}"
    words = f"{where}: expected {wrong.field} to be {wrong.expected}, got {wrong.got!r}."
    return Refusal(words, wrong.chair, wrong.monitor, wrong.field)


def baud_of(text: str) -> int | None:
    """The speed that somebody typed; None where nothing was. Raises ValueError in their words."""
    if not text.strip():
        return None
    if text.strip().isdecimal() and int(text) > 0:
        return int(text)
    raise ValueError(f"expected baud to be {BAUD}, got {text.strip()!r}")


# --- the rules ------------------------------------------------------------------------------------


def first_wrong(chairs: Sequence[ChairConfig], found: Sequence[FoundPort] = ()) -> Wrong | None:
    """The first value that cannot be; what is wrong in itself comes before what is there twice."""
    alone = chain.from_iterable(
        _wrong_in(index, each, chairs[:index]) for index, each in enumerate(chairs)
    )
    return next(chain(alone, _shared(chairs, found)), None)


def preferable(monitor: str) -> list[Metric]:
    """What may be taken from ``monitor`` first, at a chair that has two.

    The newest cuff reading is shown, whoever took it: there is nothing to prefer.
    """
    return sorted(PROTOCOLS[monitor].metrics - set(CUFF)) if monitor in PROTOCOLS else []


def _wrong_in(index: int, chair: ChairConfig, before: Sequence[ChairConfig]) -> Iterator[Wrong]:
    if not 1 <= chair.number <= CHAIRS_MAX:
        yield Wrong(index, None, "number", f"a number from 1 to {CHAIRS_MAX}", chair.number)
    if not 1 <= len(chair.name.strip()) <= NAME_MAX:
        yield Wrong(index, None, "name", f"a name of 1 to {NAME_MAX} characters", chair.name)
    for place, each in enumerate(chair.monitors):
        for field, expected, got in _wrong_alone(each):
            yield Wrong(index, place, field, expected, got)
    if chair.number in [other.number for other in before]:
        yield Wrong(index, None, "number", "different for each chair", chair.number)
    for place, each in enumerate(chair.monitors):
        for field, expected, got in _wrong_beside(each, chair.monitors[:place]):
            yield Wrong(index, place, field, expected, got)


def _wrong_alone(each: MonitorConfig) -> Iterator[tuple[str, str, object]]:
    if each.monitor not in PROTOCOLS:
        yield "monitor", " or ".join(PROTOCOLS), each.monitor
    try:
        parse_port(each.port)
    except ValueError:
        yield "port", PORT, each.port
    if each.baud is not None and each.baud <= 0:
        yield "baud", BAUD, each.baud
    able = preferable(each.monitor)
    for metric in sorted(each.prefers - set(able)):
        yield "prefers", " or ".join(able) or "nothing", metric.value


def _wrong_beside(
    each: MonitorConfig, before: Sequence[MonitorConfig]
) -> Iterator[tuple[str, str, object]]:
    """What may not be twice at one chair."""
    if each.monitor in [other.monitor for other in before]:
        yield "monitor", "two monitors of different kinds", each.monitor
    if _works_cuff(each) and any(map(_works_cuff, before)):
        yield "monitor", "one that does not work a second cuff", each.monitor
    wanted = {metric for other in before for metric in other.prefers}
    if twice := sorted(each.prefers & wanted):
        yield "prefers", "each metric for one monitor only", ", ".join(twice)


def _works_cuff(each: MonitorConfig) -> bool:
    return each.monitor in PROTOCOLS and PROTOCOLS[each.monitor].works_cuff


def _shared(chairs: Sequence[ChairConfig], found: Sequence[FoundPort]) -> Iterator[Wrong]:
    """One port for two monitors, also where they name it differently."""
    taken: dict[object, str] = {}
    for index, chair in enumerate(chairs):
        for place, each in enumerate(chair.monitors):
            port = place_of(each.port, found, _others(each, chairs))
            if port in taken:
                expected = f"different for each monitor: {taken[port]} has it, free it there first"
                yield Wrong(index, place, "port", expected, each.port)
            taken.setdefault(port, f"{chair.name} ({each.monitor})")


def _twins(chairs: Sequence[ChairConfig], found: Sequence[FoundPort]) -> Iterator[Wrong]:
    """Ports by a number that more than one adapter has, as far as can be seen now."""
    for index, chair in enumerate(chairs):
        for place, each in enumerate(chair.monitors):
            if devices := not_alone(each.port, found, _others(each, chairs)):
                yield Wrong(index, place, "port", TWIN.format(devices), each.port)


def _others(each: MonitorConfig, chairs: Sequence[ChairConfig]) -> list[str]:
    ports = [other.port for chair in chairs for other in chair.monitors]
    return [port for port in ports if port != each.port]


def title_of(monitor: str) -> str:
    return PROTOCOLS[monitor].title.split(" (")[0] if monitor in PROTOCOLS else monitor


# --- as the record keeps it -----------------------------------------------------------------------


def as_json(chairs: Sequence[ChairConfig]) -> list[dict[str, Any]]:
    """What the setting "chairs" holds; values that are not set are left out."""
    return [
        {
            "number": chair.number,
            "name": chair.name,
            "monitors": [_monitor_as_json(each) for each in chair.monitors],
        }
        for chair in chairs
    ]


def _monitor_as_json(each: MonitorConfig) -> dict[str, Any]:
    kept = {
        "baud": each.baud,
        "prefers": sorted(each.prefers),
        "listen_only": each.is_listen_only,
    }
    set_ones = {key: value for key, value in kept.items() if value}
    return {"monitor": each.monitor, "port": each.port, **set_ones}


def from_json(rows: Sequence[Any]) -> tuple[tuple[ChairConfig, ...], tuple[str, ...]]:
    """The chairs of the setting, and why others are left out.

    A monitor that this version does not know must not keep a clinic from starting.
    """
    chairs: tuple[ChairConfig, ...] = ()
    left_out = []
    for row in rows:
        try:
            more = (*chairs, _chair_of(row))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            left_out.append(f"a chair of the record cannot be read ({error!r}): {row!r}")
            continue
        why = refusal(more)
        if why is None:
            chairs = more
        else:
            left_out.append(why.words)
    return chairs, tuple(left_out)


def _chair_of(row: Mapping[str, Any]) -> ChairConfig:
    monitors = tuple(
        MonitorConfig(
            str(each["monitor"]),
            str(each["port"]),
            None if each.get("baud") is None else int(each["baud"]),
            frozenset(map(Metric, each.get("prefers", ()))),
            bool(each.get("listen_only", False)),
        )
        for each in row["monitors"]
    )
    return ChairConfig(int(row["number"]), str(row["name"]), monitors)


# --- names that last ------------------------------------------------------------------------------


def remembered(
    chairs: Sequence[ChairConfig], found: Sequence[FoundPort]
) -> tuple[ChairConfig, ...]:
    """``chairs`` with every port by what stays the same when it is plugged in again."""
    keys = {port.device: port.key for port in found if port.key}
    return tuple(
        replace(
            chair,
            monitors=tuple(
                replace(each, port=keys.get(each.port, each.port)) for each in chair.monitors
            ),
        )
        for chair in chairs
    )


def passing(chairs: Sequence[ChairConfig], found: Sequence[FoundPort]) -> list[str]:
    """A warning for each port that may be another adapter after the next start."""
    keys = {port.device: port.key for port in found if port.key}
    warnings = [_in_words(each, chairs).words for each in _twins(chairs, found)]
    for chair in chairs:
        for each in chair.monitors:
            if not PASSING.fullmatch(each.port):
                continue
            key = keys.get(each.port, each.port)
            how = f'write port = "{key}" instead'
            if key == each.port:
                how = "plug it in, and the monitors page shows the name that lasts"
            warnings.append(
                f"{chair.name}, {each.monitor}: {each.port} may be another adapter after the next "
                f"start; {how}"
            )
    return warnings


# --- what changes ---------------------------------------------------------------------------------


def listening_only(
    chairs: Sequence[ChairConfig], number: int, monitor: str, is_on: bool
) -> tuple[ChairConfig, ...]:
    """``chairs`` where one monitor is only listened to, or spoken to again."""
    return tuple(
        replace(
            chair,
            monitors=tuple(
                replace(each, is_listen_only=is_on) if each.monitor == monitor else each
                for each in chair.monitors
            ),
        )
        if chair.number == number
        else chair
        for chair in chairs
    )


def differences(old: Sequence[ChairConfig], new: Sequence[ChairConfig]) -> list[str]:
    """What becomes other, a line each, for the audit log and for the person who did it."""
    before, after = ({chair.number: chair for chair in chairs} for chairs in (old, new))
    told = [f"chair {n} ({before[n].name}) removed" for n in before if n not in after]
    for n, chair in after.items():
        was = before.get(n)
        if was is None:
            told.append(f"chair {n} ({chair.name}) added")
        elif was.name != chair.name:
            told.append(f"chair {n} renamed from {was.name} to {chair.name}")
        old_ones = {each.monitor: each for each in was.monitors} if was else {}
        new_ones = {each.monitor: each for each in chair.monitors}
        told += [f"chair {n}: {name} taken away" for name in old_ones if new_ones.get(name) is None]
        for name, each in new_ones.items():
            if old_ones.get(name) != each:
                done = "set to" if name in old_ones else "added at"
                told.append(f"chair {n}: {name} {done} {_described(each)}")
        if was and list(old_ones) != list(new_ones) and old_ones.keys() == new_ones.keys():
            told.append(f"chair {n}: first {', then '.join(new_ones)}")
    stayed = before.keys() & after.keys()
    if [n for n in before if n in stayed] != [n for n in after if n in stayed]:
        told.append(f"order of the board: {', '.join(map(str, after))}")
    return told


def _described(each: MonitorConfig) -> str:
    speed = f", {each.baud} baud" if each.baud else ""
    first = f", first for {', '.join(sorted(each.prefers))}" if each.prefers else ""
    return f"{each.port}{speed}{first}{', listening only' if each.is_listen_only else ''}"
