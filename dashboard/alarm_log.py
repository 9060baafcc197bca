"""What does ``vigil alarms`` say of a session: its alarm log, and the alarms it would have had?

The JSON of both is a contract: keys are added, never renamed. Times are ISO 8601 in UTC, values in
the metric's own unit, what there is not is null. Nobody's initials are in it.

The log: ``session`` (id, chair, started, preset, preset_version, is_simulated), and lists:
``alarms`` (LoggedAlarm of storage.alarms, field by field), ``limits``, ``audio``, ``switched``,
``probe``, ``links``, ``gaps`` (facts of clinical.record, field by field).

What would have been: ``session``, ``preset`` (name, version, title), ``delays_s`` (by metric; "all"
is every sign but the cuff's), ``keeps_moved_limits``, ``hours``, ``until``; ``then`` and ``now``
(of the record, and of the other limits): by priority ``count``, ``per_hour``, ``total_s``; and
``alarms``: pairs of ``then`` and ``now`` (Life of clinical.alarm_lives; null: not there).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any
from uuid import UUID

from platformdirs import user_data_path
from sqlalchemy.orm import Session

from clinical.alarm_lives import Life, lives, paired, tallies
from clinical.catalog.loader import UnknownEntry
from clinical.catalog.preset import Preset
from clinical.catalog.preset_file import read_preset
from clinical.catalog.presets import Presets
from clinical.chair import NOT_RUNNING
from clinical.record import CallStage, Gap, SessionOpened
from clinical.vitals import NATURE, Metric
from clinical.what_if import delayed, replayed, signs_of
from dashboard.views import wording
from storage.alarms import AlarmLog, LoggedAlarm, alarm_log
from storage.course import course
from storage.models import SessionRow
from storage.sessions import find_session

DEMO = user_data_path("vigil", appauthor=False) / "demo-8050"  # of a demo without options
RECORD = "vigil.sqlite"
DELAY = re.compile(r"(?:([a-z_0-9]+)=)?([+-]?\d+(?:\.\d+)?)")
LONGEST_S = 3600.0
NONE = "-"

Delays = Mapping[Metric | None, float]


class Unanswerable(LookupError):
    """What was asked for is not there; the message is for who asked."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The alarms of a session as they were and as they would have been under ``preset``."""

    opened: SessionOpened
    preset: Preset
    delays_s: Delays
    is_moved: bool  # limits that were moved in the session were moved here too
    hours: float  # of watch
    until: datetime  # the end of the record
    then: tuple[Life, ...]
    now: tuple[Life, ...]


def read_log(db: Session, session: str) -> AlarmLog:
    """Raises Unanswerable."""
    return alarm_log(db, session_id=_found(db, session).id)


def compare(
    db: Session, session: str, presets: Presets, wanted: str, delays_s: Delays
) -> Comparison:
    """``wanted`` is NAME, NAME:VERSION, a file .toml, or "" for the session's own edition.

    Limits that were moved in the session are moved again under its own edition only: another one
    is looked at as it was made. Raises Unanswerable and clinical.catalog.document.Malformed.
    """
    row = _found(db, session)
    preset = chosen(wanted or f"{row.preset}:{row.preset_version}", presets)
    past = course(db, session=row.public_id, signs=signs_of(preset))
    is_moved = (preset.name, preset.version) == (row.preset, row.preset_version)
    gaps_s = sum(
        (fact.until - fact.since).total_seconds()
        for fact in past.facts
        if isinstance(fact, Gap) and fact.reason == NOT_RUNNING
    )
    return Comparison(
        opened=past.opened,
        preset=preset,
        delays_s=delays_s,
        is_moved=is_moved,
        hours=((past.ends_at - row.at).total_seconds() - gaps_s) / 3600,
        until=past.ends_at,
        then=lives(past.alarms),
        now=lives(replayed(past, delayed(preset, delays_s), is_moved=is_moved)),
    )


def _found(db: Session, session: str) -> SessionRow:
    row = find_session(db, session)
    if row is None:
        raise Unanswerable(
            f"there is no session {session} in this record: expected its number or its public id, "
            "as in the address of its page"
        )
    return row


def chosen(wanted: str, presets: Presets) -> Preset:
    """Raises Unanswerable, and Malformed for a file with anything that is not known."""
    if wanted.endswith(".toml"):
        return read_preset(Path(wanted), presets.edition)
    name, _colon, version = wanted.partition(":")
    try:
        if not version:
            return presets.newest(name)
        presets.newest(name)
        if not version.isdecimal():
            raise Unanswerable(f"expected a preset as NAME:VERSION, got {wanted}")
        return presets.edition(name, int(version))
    except UnknownEntry as error:
        known = sorted(each for each in presets.editions if each[0] == name)
        there_are = ", ".join(f"{one}:{number}" for one, number in known)
        why = str(error.args[0])
        raise Unanswerable(f"{why}; there are {there_are}" if known else why) from error


def delays_of(texts: Sequence[str]) -> dict[Metric | None, float]:
    """5 and heart_rate=-3 as seconds that each limit of that sign waits longer.

    Raises Unanswerable.
    """
    delays: dict[Metric | None, float] = {}
    for text in texts:
        match = DELAY.fullmatch(text)
        if match is None or abs(float(match[2])) > LONGEST_S:
            raise Unanswerable(
                f"expected a delay as SECONDS or SIGN=SECONDS, such as 5 or heart_rate=-3, of at "
                f"most {LONGEST_S:.0f} s, got {text!r}"
            )
        if match[1] and match[1] not in list(Metric):
            raise Unanswerable(f"expected a sign such as heart_rate, got {match[1]!r}")
        delays[Metric(match[1]) if match[1] else None] = float(match[2])
    return delays


# For programs.


def log_as_json(log: AlarmLog) -> dict[str, Any]:
    return {
        "session": _session(log.session),
        "alarms": [_plain(asdict(alarm)) for alarm in log.alarms],
        **{
            name: [_plain(_without_session(asdict(fact))) for fact in facts]
            for name, facts in (
                ("limits", log.limits),
                ("audio", log.audio),
                ("switched", log.switched),
                ("probe", log.probe),
                ("links", log.links),
                ("gaps", log.gaps),
            )
        },
    }


def comparison_as_json(found: Comparison) -> dict[str, Any]:
    preset, until = found.preset, found.until
    return {
        "session": _session(found.opened),
        "preset": {"name": preset.name, "version": preset.version, "title": preset.title},
        "delays_s": {metric or "all": delay_s for metric, delay_s in found.delays_s.items()},
        "keeps_moved_limits": found.is_moved,
        "hours": found.hours,
        "until": _plain(until),
        **{
            which: {
                priority.value: asdict(tally)
                for priority, tally in tallies(each, hours=found.hours, until=until).items()
            }
            for which, each in (("then", found.then), ("now", found.now))
        },
        "alarms": [_plain(asdict(pair)) for pair in paired(found.then, found.now, until)],
    }


def _session(opened: SessionOpened) -> dict[str, Any]:
    return {
        "id": str(opened.session),
        "chair": opened.chair,
        "started": _plain(opened.at),
        "preset": opened.preset,
        "preset_version": opened.preset_version,
        "is_simulated": opened.is_simulated,
    }


def _without_session(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name != "session"}


def _plain(value: Any) -> Any:
    """Dataclasses' dicts as JSON has them; enums of text are text already."""
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat()
        case UUID():
            return str(value)
        case dict():
            return {name: _plain(each) for name, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
    return value


# For people.


def log_as_text(log: AlarmLog, zone: tzinfo | None) -> str:
    opened = log.session
    lines = [
        f"{_head(opened, zone)}, {opened.preset} version {opened.preset_version}",
        "",
        *(line for alarm in log.alarms for line in _alarm(alarm, zone)),
    ]
    if not log.alarms:
        lines.append("No alarms.")
    if asides := sorted(_asides(log)):
        lines.append("")
        lines += [f"{_time(at, zone)}  {text}" for at, text in asides]
    return "\n".join(lines)


def _head(opened: SessionOpened, zone: tzinfo | None) -> str:
    simulated = ", SIMULATED DATA" if opened.is_simulated else ""
    started = wording.day_and_time(opened.at, zone)
    return f"Session {opened.session}, chair {opened.chair}, {started}{simulated}"


def _alarm(alarm: LoggedAlarm, zone: tzinfo | None) -> Iterator[str]:
    end = alarm.cleared
    lasted = wording.minutes((end - alarm.onset).total_seconds()) if end else "no end"
    parts = [_what(alarm.metric, alarm.direction, alarm.condition)]
    if alarm.limit is not None:
        parts.append(f"{_number(alarm.value)}, limit {_number(alarm.limit)}")
        parts.append(f"after {alarm.delay_s or 0:g} s, worst {_number(alarm.worst)}")
    parts += [alarm.phase or NONE, f"sound {alarm.audio}"]
    yield (f"{_time(alarm.onset, zone)}  {alarm.priority:6}  {lasted:>12}  {'; '.join(parts)}")
    told = [f"seen by {seen.by} at {_time(seen.at, zone)}{_why(seen.reason)}"
            for seen in alarm.acknowledged]  # fmt: skip
    if alarm.confirmed:
        told.append(f"a second cuff reading said the same at {_time(alarm.confirmed, zone)}")
    for call in alarm.calls:
        seen = f", on their screen at {_time(call.seen_at, zone)}" if call.seen_at else ""
        unseen = "" if seen or call.stage is not CallStage.SECOND or not call.to else ", not seen"
        told.append(f"{_CALLS[call.stage](call.to)} at {_time(call.at, zone)}{seen}{unseen}")
    if screens := dict.fromkeys(one.to for one in alarm.shown if one.stage is None):
        told.append(f"shown to {', '.join(screens)}")
    if alarm.reset:
        by = f" by {alarm.reset.by}" if alarm.reset.by else ""
        told.append(f"reset{by} at {_time(alarm.reset.at, zone)}{_why(alarm.reset.reason)}")
    yield from (f"{'':32}{line}" for line in told)


_CALLS = {
    CallStage.ALL_SCREENS: lambda to: "on all screens",
    CallStage.SECOND: lambda to: f"{to} called" if to else "nobody is named to be called",
    CallStage.PROMPT: lambda to: "asked to think about stopping",
}


def _asides(log: AlarmLog) -> Iterator[tuple[datetime, str]]:
    for moved in log.limits:
        which = f"{NATURE[moved.metric].label} {moved.direction}, {moved.priority}"
        numbers = f"{moved.before:g} to {moved.value:g}"
        yield moved.at, f"limit {which}: {numbers}, by {moved.by}{_why(moved.reason)}"
    for audio in log.audio:
        until_s = (audio.until - audio.at).total_seconds() if audio.until else 0.0
        how = f"{audio.state} for {until_s:.0f} s" if audio.until else str(audio.state)
        yield audio.at, f"sound {how}, by {audio.by}{_why(audio.reason)}"
    for switch in log.switched:
        state = "off" if switch.is_off else "on"
        label = NATURE[switch.metric].label
        yield switch.at, f"{label} alarms {state}, by {switch.by}{_why(switch.reason)}"
    for probe in log.probe:
        where = "on" if probe.is_on_cuff_arm else "not on"
        yield probe.at, f"SpO2 probe {where} the arm of the cuff, by {probe.by}"
    for link in log.links:
        whose = f" {link.monitor}" if link.monitor else ""
        yield link.at, f"monitor{whose} {link.state}{_why(link.detail)}"
    for gap in log.gaps:
        length = wording.minutes((gap.until - gap.since).total_seconds())
        yield gap.since, f"no record for {length}: {gap.reason}"


def comparison_as_text(found: Comparison, zone: tzinfo | None) -> str:
    preset, opened = found.preset, found.opened
    lines = [
        _head(opened, zone),
        f"then  {opened.preset} version {opened.preset_version}",
        f"now   {preset.name} version {preset.version}{_delayed(found.delays_s)}"
        + (", with the limits that were moved" if found.is_moved else ""),
        "",
        f"{'':8}{'then':>6}{'/ h':>8}{'s':>8}{'now':>10}{'/ h':>8}{'s':>8}",
    ]
    then, now = (
        tallies(each, hours=found.hours, until=found.until) for each in (found.then, found.now)
    )
    for priority in then:
        a, b = then[priority], now[priority]
        lines.append(
            f"{priority:8}{a.count:>6}{_rate(a.per_hour):>8}{a.total_s:>8.0f}"
            f"{b.count:>10}{_rate(b.per_hour):>8}{b.total_s:>8.0f}"
        )
    lines.append("")
    for pair in paired(found.then, found.now, found.until):
        life = pair.then or pair.now
        if life is None:
            continue
        which = "both" if pair.then and pair.now else "only then" if pair.then else "only now"
        what = _what(life.metric, life.direction, life.condition)
        sides = [_side(each, found.until, zone) for each in (pair.then, pair.now)]
        lines.append(f"{which:10} {what:16} {sides[0]:50} {sides[1]}".rstrip())
    if not (found.then or found.now):
        lines.append("No alarms of the patient, then or now.")
    return "\n".join(lines)


def _side(life: Life | None, until: datetime, zone: tzinfo | None) -> str:
    if life is None:
        return NONE
    lasted = wording.minutes(life.lasted_s(until))
    numbers = f"limit {_number(life.limit)}, worst {_number(life.worst)}"
    return f"{_time(life.onset_at, zone)} {life.priority:6} {lasted}, {numbers}"


def _delayed(delays_s: Delays) -> str:
    return "".join(
        f", {'all but the cuff' if metric is None else NATURE[metric].label} {delay_s:+g} s"
        for metric, delay_s in delays_s.items()
    )


def _what(metric: Metric | None, direction: str | None, condition: str) -> str:
    return f"{NATURE[metric].label} {direction}" if metric and direction else condition


def _time(at: datetime, zone: tzinfo | None) -> str:
    return wording.time_of_day(at, zone)


def _number(value: float | None) -> str:
    return NONE if value is None else f"{value:.0f}"


def _rate(value: float | None) -> str:
    return NONE if value is None else f"{value:.1f}"


def _why(reason: str) -> str:
    return f": {reason}" if reason else ""
