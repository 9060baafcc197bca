"""How long did each alarm last, and which alarms of two logs of one session are the same?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from clinical.alarms import AlarmPriority, Direction
from clinical.record import AlarmChange, AlarmEvent
from clinical.vitals import Metric

ENDS = (AlarmChange.CLEARED, AlarmChange.LATCHED)  # of the condition; a latched one is but shown


@dataclass(frozen=True, slots=True)
class Life:
    """One alarm of the patient from its onset to the end of its condition.

    ``value``, ``limit`` and ``delay_s`` are those of the onset, ``worst`` the furthest beyond the
    limit, ``priority`` the highest it had. Values are in the metric's unit. ``ended_at`` None: it
    was still there when the record ended.
    """

    condition: str
    metric: Metric | None
    direction: Direction | None
    priority: AlarmPriority
    onset_at: datetime
    ended_at: datetime | None
    value: float | None
    limit: float | None
    delay_s: float | None
    worst: float | None

    def lasted_s(self, until: datetime) -> float:
        """Seconds; to the end of the record (``until``) where its own is not known."""
        return max(0.0, ((self.ended_at or until) - self.onset_at).total_seconds())


@dataclass(frozen=True, slots=True)
class Pair:
    """The same alarm in two logs; None where it is in the other only."""

    then: Life | None
    now: Life | None

    @property
    def onset_at(self) -> datetime:
        return min(life.onset_at for life in (self.then, self.now) if life is not None)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many alarms, how many an hour of watch (None: no time was watched), how long in all."""

    count: int
    per_hour: float | None
    total_s: float


def lives(events: Iterable[AlarmEvent]) -> tuple[Life, ...]:
    """The alarms that ``events`` tell of, in the order of their onset."""
    of: dict[object, list[AlarmEvent]] = {}
    for event in events:
        of.setdefault(event.alarm_id, []).append(event)
    return tuple(sorted(map(_life, of.values()), key=lambda life: (life.onset_at, life.condition)))


def _life(events: Sequence[AlarmEvent]) -> Life:
    first = events[0]
    return Life(
        condition=first.condition,
        metric=first.metric,
        direction=first.direction,
        priority=max((event.priority for event in events), key=lambda each: each.rank),
        onset_at=first.at,
        ended_at=next((event.at for event in events if event.change in ENDS), None),
        value=first.value,
        limit=first.limit,
        delay_s=first.delay_s,
        worst=next((event.worst for event in reversed(events) if event.worst is not None), None),
    )


def paired(then: Sequence[Life], now: Sequence[Life], until: datetime) -> tuple[Pair, ...]:
    """The alarms of two logs beside each other, in the order of their onset.

    They are the same where they are of one sign and direction and overlap in time: another limit or
    delay moves the onset of an alarm, and does not make it another. Of several that overlap, the
    one with which it shares most. ``until`` is the end of the record.
    """
    shared = sorted(
        (
            (-_shared_s(one, other, until), number, index)
            for number, one in enumerate(then)
            for index, other in enumerate(now)
            if one.condition == other.condition and _shared_s(one, other, until) >= 0
        )
    )
    partner: dict[int, int] = {}
    for _shared, number, index in shared:
        if number not in partner and index not in partner.values():
            partner[number] = index
    pairs = [
        Pair(one, now[partner[number]] if number in partner else None)
        for number, one in enumerate(then)
    ]
    taken = {*partner.values()}
    pairs += [Pair(None, other) for index, other in enumerate(now) if index not in taken]
    return tuple(sorted(pairs, key=lambda pair: pair.onset_at))


def _shared_s(one: Life, other: Life, until: datetime) -> float:
    """How long both were there; below zero where they were not at the same time."""
    end = min(one.ended_at or until, other.ended_at or until)
    return (end - max(one.onset_at, other.onset_at)).total_seconds()


def tallies(found: Sequence[Life], *, hours: float, until: datetime) -> dict[AlarmPriority, Tally]:
    """Of each priority, the highest first. ``hours`` were watched; the record ends at ``until``."""
    return {
        priority: Tally(
            len(of_it := [life for life in found if life.priority is priority]),
            len(of_it) / hours if hours else None,
            sum(life.lasted_s(until) for life in of_it),
        )
        for priority in sorted(AlarmPriority, key=lambda each: -each.rank)
    }
