"""What does one edit of the monitors page make of the chairs? Whether that can be is asked later.

Raises Gone for a chair or a monitor that is no longer there: somebody else was quicker.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dashboard.arrangement import ChairConfig, MonitorConfig, title_of

Chairs = tuple[ChairConfig, ...]


class Gone(LookupError):
    """In words for whoever asked."""


GONE = "It is no longer there: somebody else has changed the chairs."


def free_number(chairs: Sequence[ChairConfig]) -> int:
    """The lowest that no chair has."""
    taken = {each.number for each in chairs}
    return next(number for number in range(1, len(taken) + 2) if number not in taken)


def with_chair(chairs: Sequence[ChairConfig], number: int, name: str) -> Chairs:
    """One more, without monitors, in the order of the numbers where they are in order."""
    added = ChairConfig(number, name, ())
    place = sum(1 for each in chairs if each.number <= number)
    return (*chairs[:place], added, *chairs[place:])


def without_chair(chairs: Sequence[ChairConfig], number: int) -> Chairs:
    gone = chair_of(chairs, number)
    return tuple(each for each in chairs if each is not gone)


def renamed(chairs: Sequence[ChairConfig], number: int, name: str) -> Chairs:
    return _with(chairs, replace(chair_of(chairs, number), name=name))


def with_monitor(chairs: Sequence[ChairConfig], number: int, monitor: MonitorConfig) -> Chairs:
    chair = chair_of(chairs, number)
    return _with(chairs, replace(chair, monitors=(*chair.monitors, monitor)))


def without_monitor(chairs: Sequence[ChairConfig], number: int, monitor: str) -> Chairs:
    chair, gone = chair_of(chairs, number), monitor_of(chairs, number, monitor)
    left = tuple(each for each in chair.monitors if each is not gone)
    return _with(chairs, replace(chair, monitors=left))


def moved(chairs: Sequence[ChairConfig], number: int, monitor: str, to: int) -> Chairs:
    moving = monitor_of(chairs, number, monitor)
    return with_monitor(without_monitor(chairs, number, monitor), to, moving)


def chair_of(chairs: Sequence[ChairConfig], number: int) -> ChairConfig:
    for each in chairs:
        if each.number == number:
            return each
    raise Gone(f"There is no chair {number} any more.")


def monitor_of(chairs: Sequence[ChairConfig], number: int, monitor: str) -> MonitorConfig:
    for each in chair_of(chairs, number).monitors:
        if each.monitor == monitor:
            return each
    raise Gone(f"There is no {title_of(monitor)} at chair {number} any more.")


def _with(chairs: Sequence[ChairConfig], changed: ChairConfig) -> Chairs:
    return tuple(changed if each.number == changed.number else each for each in chairs)
