"""Which alarms would a past session have had under other limits and delays?

The record is run through the rules that watched the session: what was measured, and what people
did, each at its time. With the session's own preset that gives the alarms which the record has.

Most values tell a rule nothing: they lie on the same side of every limit as the one before. Such
frames are left out, all but the last of a stretch. Nothing of the result hangs on them, and an hour
is replayed in a fraction of a second.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby, pairwise
from statistics import median
from typing import NamedTuple, TypeVar
from uuid import UUID

from clinical import by_hand, technical
from clinical.alarms import AlarmKind, AlarmLimit, Direction, RelativeLimit
from clinical.bedside import BedsideMonitor
from clinical.catalog.preset import Preset
from clinical.catalog.presets import Presets
from clinical.chair import NOT_RUNNING, ChairState, OpenAlarm, SessionState, fold, resumed
from clinical.commands import AcknowledgeAlarm, Command
from clinical.judging import FRESH
from clinical.monitor import LATENESS, Committed, Event, Observed, SessionMonitor, Tick
from clinical.ports import CommitResult
from clinical.record import (
    BY_DATA,
    AlarmEvent,
    AlarmSwitched,
    AudioChanged,
    AudioState,
    BaselineLocked,
    CuffOrdered,
    Fact,
    Gap,
    LimitChanged,
    PhaseChanged,
    ProbePlaced,
    Reading,
    SessionOpened,
    StoredSession,
    Vitals,
)
from clinical.sign_off import Actor, Role
from clinical.vitals import CONTINUOUS, CUFF, Metric, Observation, Quality, is_plausible

AGAIN = Actor("", "", Role.NURSE)  # does again what the record says was done
COLUMN = {metric: number for number, metric in enumerate(CONTINUOUS)}
HEART_RATE, PULSE_RATE = COLUMN[Metric.HEART_RATE], COLUMN[Metric.PULSE_RATE]
NO_REASONS: Mapping[Metric, Quality] = {}
NOBODY = UUID(int=0)  # a command that is only carried out again
VALID = Quality.VALID
TELLING = 60  # frames: from fewer nobody can say how often a monitor was asked to speak
NEVER = datetime.max.replace(tzinfo=UTC)
# What comes first of several things of one time: what people did, a frame, what was read with it,
# who had seen that.
DONE, FRAME, READ, SEEN, END = range(5)

Limit = TypeVar("Limit", AlarmLimit, RelativeLimit)
Rare = (
    SessionOpened
    | PhaseChanged
    | BaselineLocked
    | LimitChanged
    | AlarmSwitched
    | ProbePlaced
    | AudioChanged
)
Kind = tuple[object, ...]  # of frame: on which side of every limit each of its values lies


class Frame(NamedTuple):
    """What the screen showed of the continuous metrics at one time: a row of the record.

    ``values`` are those of clinical.vitals.CONTINUOUS, in that order; None where a metric was not
    sent, or not with a value. ``reasons`` says why, and of which values it is questionable.
    """

    at: datetime
    values: tuple[float | None, ...]
    reasons: Mapping[Metric, Quality] = NO_REASONS
    monitor: str = ""

    @classmethod
    def of(cls, vitals: Vitals) -> Frame:
        by_metric = {obs.metric: obs for obs in vitals.observations}
        values = tuple(
            by_metric[metric].value if metric in by_metric else None for metric in CONTINUOUS
        )
        reasons = {m: obs.quality for m, obs in by_metric.items() if obs.quality is not VALID}
        return cls(vitals.at, values, reasons or NO_REASONS, vitals.monitor or "")

    @property
    def observations(self) -> tuple[Observation, ...]:
        return tuple(
            Observation(metric, value, self.reasons.get(metric, VALID), self.at)
            for metric, value in zip(CONTINUOUS, self.values, strict=True)
            if value is not None or metric in self.reasons
        )


@dataclass(frozen=True, slots=True)
class Course:
    """A session as the record has it, all in the order in which it was written.

    ``facts`` are all but Vitals and Reading; ``frames`` and ``readings`` what the screen showed,
    not what another monitor said beside it.
    """

    facts: tuple[Fact, ...]
    frames: Sequence[Frame]
    readings: Sequence[Reading]

    @property
    def opened(self) -> SessionOpened:
        """The first fact. Raises ValueError where the record begins with another."""
        first = self.facts[0]
        if not isinstance(first, SessionOpened):
            raise ValueError(f"a session begins with SessionOpened, got {type(first).__name__}")
        return first

    @property
    def alarms(self) -> tuple[AlarmEvent, ...]:
        """What the record says of the patient's alarms, the technical ones left out."""
        return tuple(
            fact
            for fact in self.facts
            if isinstance(fact, AlarmEvent) and fact.kind is AlarmKind.PHYSIOLOGICAL
        )

    @property
    def ends_at(self) -> datetime:
        """The newest time of the record, or when the patient left the chair."""
        times = [frame.at for frame in self.frames[-1:]]
        times += [reading.observation.observed_at for reading in self.readings[-1:]]
        for fact in self.facts:
            if isinstance(fact, PhaseChanged) and not fact.phase.is_in_chair:
                return fact.at
            if isinstance(fact, Gap):
                times.append(fact.until)
            elif not isinstance(fact, Vitals | Reading):
                times.append(fact.at)
        return max(times)


def course_of(facts: Iterable[Fact]) -> Course:
    """The course of a session all of whose facts are at hand, in the order they were made."""
    known = tuple(facts)
    return Course(
        tuple(fact for fact in known if not isinstance(fact, Vitals | Reading)),
        [Frame.of(fact) for fact in known if isinstance(fact, Vitals) and not fact.is_beside],
        [fact for fact in known if isinstance(fact, Reading) and not fact.is_beside],
    )


def replayed(course: Course, preset: Preset, *, is_moved: bool = True) -> tuple[AlarmEvent, ...]:
    """The alarms of the patient that ``course`` would have had under ``preset``, with all that
    became of each.

    ``is_moved``: limits that were moved in the session are moved in this preset too, where it lets
    them. Somebody who acknowledged an alarm has seen the one of the same sign and direction that is
    open now at that time. Where the same monitor asked for another interval in mid-session, the age
    at which a signal counts as lost is that of most of its frames.
    """
    return _Replay(course, preset, is_moved=is_moved).run(folds=True)


def replayed_plainly(
    course: Course, preset: Preset, *, is_moved: bool = True
) -> tuple[AlarmEvent, ...]:
    """The same with no frame left out; slow, to hold ``replayed`` against."""
    return _Replay(course, preset, is_moved=is_moved).run(folds=False)


def delayed(preset: Preset, extra_s: Mapping[Metric | None, float]) -> Preset:
    """``preset`` with each delay longer by ``extra_s`` (shorter where that is below zero), never
    less than none.

    None is every sign but the cuff's.
    """

    def longer(limit: Limit) -> Limit:
        # One value in minutes is no run that would have to last: the cuff's is only named.
        usual = 0.0 if limit.metric in CUFF else extra_s.get(None, 0.0)
        more_s = extra_s.get(limit.metric, usual)
        return replace(limit, delay_s=max(0.0, limit.delay_s + more_s)) if more_s else limit

    return replace(
        preset,
        limits=tuple(longer(limit) for limit in preset.limits),
        relative=tuple(longer(limit) for limit in preset.relative),
    )


def signs_of(preset: Preset) -> frozenset[Metric]:
    """The metrics whose readings a replay under ``preset`` looks at."""
    judged = {limit.metric for limit in preset.limits} | {one.metric for one in preset.relative}
    return frozenset(judged | {*CUFF})


class _Replay:
    """One run of a course through the rules."""

    def __init__(self, course: Course, preset: Preset, *, is_moved: bool) -> None:
        opened = course.opened
        self._course, self._is_moved = course, is_moved
        self._rules = SessionMonitor()
        self._presets = Presets({(opened.preset, opened.preset_version): preset})
        self._signs = signs_of(preset)
        self._signs_of = _signs_of(course)
        self._state = self._chair(opened.at)
        self._facts: list[Fact] = []  # of the record that this run leaves, the values left out
        self._cuffs: list[tuple[Observation, ...]] = []
        self._calm = _Calm()
        self._left_out: dict[object, Frame] = {}  # by pattern, the last one

    def run(self, *, folds: bool) -> tuple[AlarmEvent, ...]:
        frames, number = self._course.frames, 0
        see = self._see_unless_calm if folds else self._see
        for at, order, what in self._rare():
            while number < len(frames) and (frames[number].at, FRAME) < (at, order):
                see(frames[number])
                number += 1
            self._catch_up()
            self._live(at, what)
            if self._state.session is None:  # the patient has left the chair
                break
        return tuple(
            fact
            for fact in self._facts
            if isinstance(fact, AlarmEvent) and fact.kind is AlarmKind.PHYSIOLOGICAL
        )

    # --- all but the frames -----------------------------------------------------------------------

    def _rare(self) -> list[tuple[datetime, int, object]]:
        """Each with its time and its place among what is of the same time."""
        rare: list[tuple[datetime, int, object]] = []
        for fact in self._course.facts:
            match fact:
                case AlarmEvent():
                    if fact.by:  # a person saw it; what the data did is to be found out anew
                        rare.append((fact.at, SEEN, fact))
                case AudioChanged(by=by) if by == BY_DATA:
                    pass
                case LimitChanged() if not self._is_moved:
                    pass
                case Gap(reason=reason):
                    if reason == NOT_RUNNING:
                        rare.append((fact.until, DONE, fact))
                case _ if isinstance(fact, CuffOrdered | Rare):
                    is_after = bool(rare) and rare[-1][:2] == (fact.at, SEEN)
                    rare.append((fact.at, SEEN if is_after else DONE, fact))
        judged = [each for each in self._course.readings if each.observation.metric in self._signs]
        readings = [each for each in judged if each.entry is None]
        entered = [(each.entry.at, each) for each in judged if each.entry is not None]
        for at, entry in groupby(sorted(entered, key=lambda pair: pair[0]), lambda pair: pair[0]):
            rare.append((at, DONE, tuple(reading for _at, reading in entry)))
        for at, group in groupby(readings, key=lambda each: each.observation.observed_at):
            rare.append((at, READ, tuple(group)))
        rare.append((self._course.ends_at + LATENESS, END, None))
        rare.sort(key=lambda each: each[:2])
        return rare

    def _live(self, at: datetime, what: object) -> None:
        match what:
            case tuple() if what[0].entry is not None:
                self._enter(at, what)
            case tuple():
                self._read(at, what)
            case AlarmEvent():
                self._acknowledge(what)
            case Gap():
                self._start_again(what)
            case CuffOrdered():  # what the monitor did of it is among the readings
                self._step(Tick(), at)
                if self._state.session is not None:
                    session = fold(self._state.session, what)
                    self._state = replace(self._state, session=session)
                self._facts.append(what)
            case _ if isinstance(what, Rare):
                again = Command(command_id=NOBODY, by=AGAIN, chair=self._state.chair)
                self._facts.append(what)
                self._step(Committed(again, (what,), CommitResult.COMMITTED), at)
            case _:  # the end
                self._step(Tick(), at)

    def _acknowledge(self, seen: AlarmEvent) -> None:
        if not self._is_open(seen.condition):  # a delay may end just now: somebody has seen that
            self._step(Tick(), seen.at + LATENESS)
        session = self._state.session
        alarm = None if session is None else session.alarms.get(seen.condition)
        if alarm is None:
            return
        command = AcknowledgeAlarm(
            command_id=NOBODY,
            by=replace(AGAIN, user=seen.by),
            chair=self._state.chair,
            alarm_id=alarm.alarm_id,
            reason=seen.reason,
        )
        self._step(command, seen.at)

    def _is_open(self, condition: str) -> bool:
        session = self._state.session
        return session is not None and condition in session.alarms

    def _read(self, at: datetime, readings: Sequence[Reading]) -> None:
        observations = tuple(reading.observation for reading in readings)
        cuff = tuple(obs for obs in observations if obs.metric in CUFF)
        if cuff:
            self._cuffs.append(cuff)
        self._observe(observations, at, readings[0].monitor or "")

    def _enter(self, at: datetime, readings: Sequence[Reading]) -> None:
        """Somebody entered a pressure by hand."""
        cuff = tuple(reading.observation for reading in readings)
        self._cuffs.append(cuff)
        self._step(Tick(), at)
        self._state = by_hand.taken(self._state, readings, at)
        self._step(Tick(), at)

    def _start_again(self, gap: Gap) -> None:
        """Vigil ended here, and took the session up again from its record."""
        self._step(Tick(), gap.since + LATENESS)
        stored = StoredSession(
            tuple(self._facts),
            self._state.latest,
            tuple(self._cuffs),
            gap.since,
            self._state.shown_from,
        )
        self._state, _gap = resumed(self._chair(gap.until), stored, gap.until)
        self._calm = _Calm()
        self._step(Tick(), gap.until)

    def _chair(self, since: datetime) -> ChairState:
        """The chair as it begins, with monitors that speak as often as they did from then on."""
        restarts = [
            fact.until
            for fact in self._course.facts
            if isinstance(fact, Gap) and fact.reason == NOT_RUNNING and fact.until > since
        ]
        until = min(restarts, default=NEVER)
        frames = [frame for frame in self._course.frames if since <= frame.at < until]
        every_s = {name: _interval_s(frames, name) for name in self._signs_of}
        monitors = tuple(
            BedsideMonitor(name, name, signs, "", every_s[name])
            for name, signs in self._signs_of.items()
        )
        return ChairState(
            self._course.opened.chair,
            "",
            max(every_s.values(), default=1.0),
            monitors=monitors if len(monitors) > 1 else (),
            presets=self._presets,
        )

    # --- frames -----------------------------------------------------------------------------------

    def _see(self, frame: Frame) -> None:
        self._observe(frame.observations, frame.at, frame.monitor)

    def _see_unless_calm(self, frame: Frame) -> None:
        calm = self._calm
        kind = calm.kind_of(frame)
        if frame.at < calm.changes_at and calm.knows(kind, frame):
            if frame.at > calm.lost_at:  # as far as it knows: newer values have been left out
                self._catch_up()
            if frame.at <= calm.lost_at:
                self._left_out[calm.pattern_of(kind)] = frame
                return
        if not (frame.at < calm.changes_at and frame.at <= calm.lost_at):
            calm.forget()
            kind = calm.kind_of(frame)
        if calm.is_quiet:  # nothing hangs on the value before this one
            self._left_out.pop(calm.pattern_of(kind), None)
        self._catch_up()
        self._see(frame)
        calm.learn(kind)

    def _catch_up(self) -> None:
        """See the last frames that were left out: values and ages are now as if all had been."""
        if not self._left_out:
            return
        frames = sorted(self._left_out.values(), key=lambda frame: frame.at)
        self._left_out.clear()
        for frame in frames:
            self._see(frame)

    def _observe(self, observations: tuple[Observation, ...], at: datetime, monitor: str) -> None:
        name = monitor if self._state.monitors else ""
        if name:  # which of the monitors was believed is in the record
            now_from = {obs.metric: name for obs in observations}
            self._state = replace(self._state, shown_from={**self._state.shown_from, **now_from})
        self._step(Observed(observations, at, monitor=name), at)

    def _step(self, event: Event, now: datetime) -> None:
        """Step with ``event``; while a chair is silent also when each delay before it ended, for a
        new high alarm breaks the silence, and each change says whether there was one."""
        session = self._state.session
        while session is not None and (end := self._calm.changes_at) < now - LATENESS:
            if session.audio_at(end) is AudioState.ON:
                break
            self._take(Tick(), end + LATENESS)
            if self._calm.changes_at <= end:
                break
            session = self._state.session
        self._take(event, now)

    def _take(self, event: Event, now: datetime) -> None:
        self._state, effects, _due = self._rules.step(self._state, event, now)
        facts = effects.facts if effects.commit is None else (*effects.facts, *effects.commit[1])
        self._facts += [fact for fact in facts if not isinstance(fact, Vitals | Reading)]
        self._calm.look(self._state, now)


class _Calm:
    """Which frames tell the limits nothing new.

    A frame is of a kind, by the sides of all limits that its values lie on. When a frame has left
    every condition as it was, then so does the next of its kind, as long as nothing else changes a
    condition, no delay ends and no signal becomes too old.
    """

    def __init__(self) -> None:
        self._kinds: set[Kind] = set()
        self._limits: Sequence[AlarmLimit] | None = None
        self._sides: list[tuple[int, dict[float | None, int]]] = []  # by column, of each value
        self._patterns: dict[Kind, Kind] = {}
        self._last: dict[Kind, Kind] = {}  # by pattern
        self._conditions: object = None
        self._is_changed = True
        self._open: list[tuple[int, bool, float]] = []  # column, is high, the furthest value
        self._rate_at: datetime | None = None
        self._waits_until: datetime | None = None
        self.is_quiet = False  # no limit is breached, no alarm open
        self.changes_at = self.lost_at = NEVER  # unless newer values come

    def look(self, state: ChairState, at: datetime) -> None:
        """Take in what a step has made of the chair."""
        session = state.session
        if session is None:
            return
        if session.limits is not self._limits:
            self._limits = session.limits
            self._sides = [(COLUMN[m], _Sides(m, session.limits)) for m in _watched(session.limits)]
            self._patterns.clear()
            self.forget()
        conditions = (session.conditions, session.lost)
        self._is_changed = conditions != self._conditions
        self._conditions = conditions
        if self._is_changed:
            self._kinds.clear()
        if self._rate_at is None:
            self._rate_at = session.seen_at.get(Metric.HEART_RATE)
        self._waits_until = session.spo2_waits_until(at)
        self._open = [
            (COLUMN[signal.metric], signal.direction is Direction.HIGH, _furthest(alarm))
            for alarm in session.alarms.values()
            if (signal := alarm.signal).kind is AlarmKind.PHYSIOLOGICAL
            and signal.metric in COLUMN
            and not alarm.is_latched
        ]
        self._set_ends(state, session, at)

    def _set_ends(self, state: ChairState, session: SessionState, at: datetime) -> None:
        changes, lost = [self._waits_until], []
        beside: set[Metric] = set()
        is_astir = False
        for (metric, _direction), condition in session.conditions.items():
            beside |= condition.looks_beside
            if condition.is_astir:
                is_astir = True
                if metric not in session.lost:
                    changes.append(condition.next_due)
                    lost.append(technical.lost_at(state, session, metric))
        for metric in beside - {*CUFF}:
            obs = state.latest.get(metric)
            if obs is not None and obs.quality is VALID:
                too_old_at = obs.observed_at + technical.age_limit(state, metric)
                lost.append(too_old_at if too_old_at >= at else None)
        self.is_quiet = not (is_astir or self._open)
        self.changes_at = min(filter(None, changes), default=NEVER)
        self.lost_at = min(filter(None, lost), default=NEVER)

    def kind_of(self, frame: Frame) -> Kind:
        """What ``frame`` says to the limits, after all that the frames before it said."""
        at, values, reasons, monitor = frame
        sides: Kind = (monitor, *[sides[values[column]] for column, sides in self._sides])
        if reasons:
            sides = (*sides, *sorted(reasons.items()))
        has_rate = values[HEART_RATE] is not None and Metric.HEART_RATE not in reasons
        if has_rate:
            self._rate_at = at
        elif values[PULSE_RATE] is not None:  # does it stand in for the heart rate?
            sides = (*sides, self._rate_at is not None and at - self._rate_at <= FRESH)
        pattern = self._patterns.get(sides)
        if pattern is None:
            sent = [values[column] is not None for column, _sides in self._sides]
            pattern = self._patterns[sides] = (monitor, *sent, *reasons)
        self._last[pattern] = sides
        others = self._last.values() if len(self._last) > 1 else ()
        return (pattern, sides, *others)

    def knows(self, kind: Kind, frame: Frame) -> bool:
        """Whether one like ``frame`` has changed nothing, and no open alarm grows worse by it."""
        if kind not in self._kinds:
            return False
        for column, is_high, furthest in self._open:
            value = frame.values[column]
            if column == HEART_RATE and (value is None or Metric.HEART_RATE in frame.reasons):
                value = frame.values[PULSE_RATE]
            if value is not None and (value > furthest if is_high else value < furthest):
                return False
        return True

    def learn(self, kind: Kind) -> None:
        """The last step was a frame of this kind."""
        if not self._is_changed:
            self._kinds.add(kind)

    def forget(self) -> None:
        """What was true of a kind of frame hung on what is no longer so."""
        self._kinds.clear()
        self._last.clear()

    def pattern_of(self, kind: Kind) -> object:
        """Which signs a frame of this kind speaks of."""
        return kind[0]


class _Sides(dict[float | None, int]):
    """On which side of all limits that it matters to each value of a metric lies; 0 is no value."""

    def __init__(self, metric: Metric, limits: Sequence[AlarmLimit]) -> None:
        super().__init__({None: 0})
        self._metric = metric
        sign = {metric, Metric.HEART_RATE} if metric is Metric.PULSE_RATE else {metric}
        self._own = [replace(limit, beside=None) for limit in limits if limit.metric in sign]
        besides = [limit.beside for limit in limits if limit.beside is not None]
        self._beside = [beside for beside in besides if beside.metric is metric]
        self._known: dict[tuple[bool, ...], int] = {}

    def __missing__(self, value: float) -> int:
        told = [is_plausible(self._metric, value)]
        for own in self._own:
            told += [bool(own.is_breached_by(value)), bool(own.is_held_by(value))]
        for beside in self._beside:
            told += [beside.is_breached_by(value), beside.is_held_by(value)]
        number = self[value] = self._known.setdefault(tuple(told), len(self._known) + 1)
        return number


def _watched(limits: Sequence[AlarmLimit]) -> list[Metric]:
    """The continuous metrics that ``limits`` look at, by themselves or beside another."""
    metrics = {limit.metric for limit in limits}
    metrics |= {limit.beside.metric for limit in limits if limit.beside is not None}
    if Metric.HEART_RATE in metrics:
        metrics.add(Metric.PULSE_RATE)
    return [metric for metric in CONTINUOUS if metric in metrics]


def _furthest(alarm: OpenAlarm) -> float:
    """A value up to which nothing is told of an open alarm that was not told before."""
    is_high = alarm.signal.direction is Direction.HIGH
    known = [alarm.worst] if alarm.unseen is None else [alarm.worst, alarm.unseen.value]
    if None in known or alarm.signal.value is None:
        return -math.inf if is_high else math.inf
    return (min if is_high else max)(value for value in known if value is not None)


def _signs_of(course: Course) -> dict[str, frozenset[Metric]]:
    """By monitor, the metrics that it gave; one monitor may have no name."""
    signs: dict[str, set[Metric]] = {frame.monitor: set() for frame in course.frames}
    for reading in course.readings:
        signs.setdefault(reading.monitor or "", set()).add(reading.observation.metric)
    for name, metrics in signs.items() if len(signs) > 1 else ():
        columns = zip(*(f.values for f in course.frames if f.monitor == name), strict=True)
        given = zip(CONTINUOUS, columns, strict=False)
        metrics |= {metric for metric, values in given if any(v is not None for v in values)}
    return {name: frozenset(metrics) for name, metrics in sorted(signs.items())}


def _interval_s(frames: Iterable[Frame], monitor: str) -> float:
    """How often a monitor was asked to speak, as far as its frames tell: whole seconds."""
    times = [frame.at for frame in frames if frame.monitor == monitor]
    steps_s = [(after - before).total_seconds() for before, after in pairwise(times)]
    return max(1.0, float(round(median(steps_s)))) if len(steps_s) >= TELLING else 1.0
