"""Which chairs does a clinic have, which monitors stand at them on which ports; and can that be?

The chairs of a configuration file and those that are arranged on the monitors page obey the same
rules, and are refused in the same words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, NamedTuple

from clinical.vitals import CUFF, Metric
from devices.ports import FoundPort, not_alone, parse_port, spoken
from devices.ports import place as place_of
from devices.registry import PROTOCOLS

CHAIRS_MAX = 64
NAME_MAX = 40  # characters; a longer one has no room on a tile
DIGITS_MAX = 9  # of a speed that somebody types
PORT = "a serial port such as COM3, usb:0403:6001:A10K3X7Q or socket://10.0.0.7:4001"
# What an adapter can be set to and some monitor has; those between are no speed of a serial line.
SPEEDS = frozenset({300, 600, 14400, 28800, 76800, 230400, 460800, 921600})
USUAL_SPEEDS = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)
USUAL = f"{', '.join(map(str, USUAL_SPEEDS[:-1]))} or {USUAL_SPEEDS[-1]}"
BAUD = f"a speed that monitors have, such as {USUAL}"
NO_SPEED = f"{{}} is no speed of a monitor: its own menu shows it, usually {USUAL} baud."
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

    The first place is 0; ``monitor`` None: of the chair itself. ``expected`` and ``got`` are for
    whoever writes a file, ``words`` say the same to whoever arranges chairs on the page.
    """

    chair: int
    monitor: int | None
    field: str
    expected: str
    got: object
    words: str


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
    chair, words = chairs[wrong.chair], wrong.words
    if wrong.monitor is not None:
        title = title_of(chair.monitors[wrong.monitor].monitor)
        words = f"{chair.name.strip() or f'Chair {chair.number}'}, {title}: {words}"
    return Refusal(words, wrong.chair, wrong.monitor, wrong.field)


def baud_of(text: str) -> int | None:
    """The speed that somebody typed; None where nothing was. Raises ValueError in their words.

    Whether a monitor has such a speed is one of the rules.
    """
    typed = text.strip()
    if not typed:
        return None
    if typed.isdecimal() and len(typed) <= DIGITS_MAX:
        return int(typed)
    raise ValueError(NO_SPEED.format(f"'{typed[: 2 * DIGITS_MAX]}'"))


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
    number, name = chair.number, chair.name
    if not 1 <= number <= CHAIRS_MAX:
        words = f"A chair has a number from 1 to {CHAIRS_MAX}: {number} is none."
        yield Wrong(index, None, "number", f"a number from 1 to {CHAIRS_MAX}", number, words)
    if not 1 <= len(name.strip()) <= NAME_MAX:
        words = f"The name of chair {number} needs 1 to {NAME_MAX} characters."
        yield Wrong(index, None, "name", f"a name of 1 to {NAME_MAX} characters", name, words)
    for place, each in enumerate(chair.monitors):
        for field, expected, got, words in _wrong_alone(each):
            yield Wrong(index, place, field, expected, got, words)
    for other in before:
        if number == other.number:
            words = f"Chair {number} exists already: {other.name}. Choose another number."
            yield Wrong(index, None, "number", "different for each chair", number, words)
    for place, each in enumerate(chair.monitors):
        for field, expected, got, words in _wrong_beside(each, chair.monitors[:place]):
            yield Wrong(index, place, field, expected, got, words)


# Field, what was expected there, what came, and words for whoever arranges.
Why = tuple[str, str, object, str]


def _wrong_alone(each: MonitorConfig) -> Iterator[Why]:
    name, port, baud = each.monitor, each.port, each.baud
    if name not in PROTOCOLS:
        yield "monitor", " or ".join(PROTOCOLS), name, "this Vigil knows no such monitor."
    try:
        parse_port(port)
    except ValueError:
        yield "port", PORT, port, f"{port!r} is no port. One is {PORT}."
    if baud is not None and baud not in SPEEDS.union(USUAL_SPEEDS):
        yield "baud", BAUD, baud, NO_SPEED.format(baud)
    able = preferable(name)
    for metric in sorted(each.prefers - set(able)):
        words = f"it does not measure what is to be taken from it first ({metric})."
        yield "prefers", " or ".join(able) or "nothing", metric.value, words


def _wrong_beside(each: MonitorConfig, before: Sequence[MonitorConfig]) -> Iterator[Why]:
    """What may not be twice at one chair."""
    name = each.monitor
    if name in [other.monitor for other in before]:
        words = "there is one at this chair already, and a second must be of another kind."
        yield "monitor", "two monitors of different kinds", name, words
    for other in before:
        if _works_cuff(each) and _works_cuff(other):
            words = (
                f"{title_of(other.monitor)} works the cuff of this chair already, and there can be "
                "one only."
            )
            yield "monitor", "one that does not work a second cuff", name, words
    wanted = {metric for other in before for metric in other.prefers}
    if twice := ", ".join(sorted(each.prefers & wanted)):
        words = f"{twice} is taken from another monitor of this chair first."
        yield "prefers", "each metric for one monitor only", twice, words


def _works_cuff(each: MonitorConfig) -> bool:
    return each.monitor in PROTOCOLS and PROTOCOLS[each.monitor].works_cuff


def _shared(chairs: Sequence[ChairConfig], found: Sequence[FoundPort]) -> Iterator[Wrong]:
    """One port for two monitors, also where they name it differently."""
    taken: dict[object, tuple[ChairConfig, str]] = {}
    for index, chair in enumerate(chairs):
        for place, each in enumerate(chair.monitors):
            port = place_of(each.port, found, _others(each, chairs))
            if port in taken:
                other, monitor = taken[port]
                has = f"{other.name} ({monitor}) has it, free it there first"
                expected = f"different for each monitor: {has}"
                words = (
                    f"{spoken(each.port)} belongs to {other.name}, {title_of(monitor)}. Take that "
                    "monitor away first, or choose another port."
                )
                yield Wrong(index, place, "port", expected, each.port, words)
            taken.setdefault(port, (chair, each.monitor))


def _twins(chairs: Sequence[ChairConfig], found: Sequence[FoundPort]) -> Iterator[Wrong]:
    """Ports by a number that more than one adapter has, as far as can be seen now."""
    for index, chair in enumerate(chairs):
        for place, each in enumerate(chair.monitors):
            if devices := not_alone(each.port, found, _others(each, chairs)):
                expected = TWIN.format(devices)
                words = f"its port is to be {expected}."
                yield Wrong(index, place, "port", expected, each.port, words)


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


class LeftOut(NamedTuple):
    """A chair of the setting that this version cannot watch: as it stands there, and why."""

    row: Any
    why: str


def from_json(rows: Sequence[Any]) -> tuple[tuple[ChairConfig, ...], tuple[LeftOut, ...]]:
    """The chairs of the setting, and those that are left out.

    A monitor that this version does not know must not keep a clinic from starting.
    """
    chairs: tuple[ChairConfig, ...] = ()
    left_out = []
    for row in rows:
        try:
            more = (*chairs, _chair_of(row))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            words = f"a chair of the record cannot be read ({error!r}): {row!r}"
            left_out.append(LeftOut(row, words))
            continue
        why = refusal(more)
        if why is None:
            chairs = more
        else:
            left_out.append(LeftOut(row, why.words))
    return chairs, tuple(left_out)


def still_left_out(
    left_out: Sequence[LeftOut], chairs: Sequence[ChairConfig]
) -> tuple[LeftOut, ...]:
    """Those whose number no other chair has taken: another version may know their monitors."""
    numbers = {chair.number for chair in chairs}

    def is_taken(row: Any) -> bool:
        return isinstance(row, Mapping) and row.get("number") in numbers

    return tuple(each for each in left_out if not is_taken(each.row))


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
