"""What of the engine's steps stands in a capture, and how is the chair read back from it?

Commands are not in it, nor any patient's name: what people asked for, and what came of it, the
record has.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from clinical.bedside import BedsideMonitor
from clinical.chair import ChairState
from clinical.commands import Command
from clinical.identity import Identity
from clinical.links import ClockRead, Identified, LinkEvent, LinkState
from clinical.monitor import Committed, Event, Observed, Overrun, is_at_once
from clinical.ports import CommitResult, RecorderState
from clinical.recognition import Arranged
from clinical.vitals import Metric
from storage.capture_file import Chair, Entry, Stepped

AT_ONCE, ON_DISK = "AtOnce", "OnDisk"  # steps that brought the facts of a command


def step_of(event: Event, now: datetime) -> Entry:
    """``event`` as a file has it. What a command asked for, and what came of it, the record has."""
    what = type(event).__name__
    match event:
        case Observed():
            return Stepped(what, now, event.at, event.monitor, {"interval_s": event.interval_s})
        case LinkEvent():
            more: dict[str, Any] = {"state": event.state.value, "detail": event.detail}
            return Stepped(what, now, event.at, event.monitor, more)
        case Identified():
            return Stepped(what, now, event.at, event.monitor, asdict(event.identity))
        case ClockRead():
            return Stepped(what, now, event.at, event.monitor, {"offset_s": event.offset_s})
        case RecorderState():
            return Stepped(what, now, more={"is_recording": event.is_recording})
        case Arranged():
            plain = {"name": event.name, "monitors": [_monitor(m) for m in event.monitors]}
            return Chair({"arranged": plain | {"new": sorted(event.new)}}, now)
        case Committed():
            is_news = event.result is CommitResult.COMMITTED and not is_at_once(event.command)
            if is_news and event.facts:
                return Stepped(ON_DISK, now, _time_of(event.facts[0]))
        case Command():
            if is_at_once(event):
                return Stepped(AT_ONCE, now, now)
        case Overrun():
            return Stepped(what, now)
    return Stepped("Tick", now)


def _time_of(fact: Any) -> datetime | None:
    at: datetime | None = getattr(fact, "at", None)
    return at


def chair_of(state: ChairState, at: datetime) -> Chair:
    """The chair but for what was measured and the session in it, which the record has."""
    return Chair(
        {
            "name": state.name,
            "is_simulated": state.is_simulated,
            "interval_s": state.interval_s,
            "is_recording": state.is_recording,
            "monitors": [_monitor(each) for each in state.monitors],
            "link": state.link and _link(state.link),
            "links": {name: _link(link) for name, link in state.links.items()},
            "bound": {name: asdict(identity) for name, identity in state.bound.items()},
            "heard": {
                name: {**asdict(said), "at": said.at.isoformat()}
                for name, said in state.heard.items()
            },
            "clocks": {
                name: {**asdict(read), "at": read.at.isoformat()}
                for name, read in state.clocks.items()
            },
            "session": state.session and str(state.session.opened.session),
        },
        at,
    )


def state_of(chair: Chair, number: int) -> ChairState:
    """The chair as ``chair_of`` wrote it, with nobody in it."""
    plain = chair.plain
    return ChairState(
        number,
        plain["name"],
        plain["interval_s"],
        plain["is_simulated"],
        monitors=monitors_of(plain["monitors"]),
        link=_link_of(plain["link"]) if plain["link"] else None,
        links={name: _link_of(link) for name, link in plain["links"].items()},
        is_recording=plain["is_recording"],
        bound={name: Identity(**identity) for name, identity in plain["bound"].items()},
        heard={
            name: Identified(
                Identity(**said["identity"]), datetime.fromisoformat(said["at"]), said["monitor"]
            )
            for name, said in plain["heard"].items()
        },
        clocks={
            name: ClockRead(read["offset_s"], datetime.fromisoformat(read["at"]), read["monitor"])
            for name, read in plain["clocks"].items()
        },
    )


def arranged_of(chair: Chair, by: str) -> Arranged | None:
    """What the chair was arranged to, by whom the record says; None for one that it began with."""
    plain = chair.plain.get("arranged")
    if plain is None:
        return None
    new = frozenset(plain.get("new", ()))
    return Arranged(plain["name"], monitors_of(plain["monitors"]), by, new)


def session_in(chair: Chair) -> UUID | None:
    """The session that was in the chair."""
    found = chair.plain.get("session")
    return UUID(found) if found else None


def monitors_of(plain: list[dict[str, Any]]) -> tuple[BedsideMonitor, ...]:
    return tuple(
        BedsideMonitor(
            **{
                **each,
                "metrics": frozenset(map(Metric, each["metrics"])),
                "prefers": frozenset(map(Metric, each["prefers"])),
            }
        )
        for each in plain
    )


def _monitor(each: BedsideMonitor) -> dict[str, Any]:
    return {**asdict(each), "metrics": sorted(each.metrics), "prefers": sorted(each.prefers)}


def _link(link: LinkEvent) -> dict[str, Any]:
    return {**asdict(link), "at": link.at.isoformat()}


def _link_of(plain: dict[str, Any]) -> LinkEvent:
    at = datetime.fromisoformat(plain["at"])
    return LinkEvent(LinkState(plain["state"]), at, plain["detail"], plain["monitor"])
