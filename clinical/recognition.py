"""Is the monitor at the line the one of this chair, and does its clock agree with ours?

A cable can be put into another monitor, a monitor be carried to another patient. What another
device says is not of this patient until a person has said so: nothing of it is shown or recorded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from clinical.bedside import BedsideMonitor, silenced
from clinical.chair import ChairState, link_of
from clinical.identity import Identity
from clinical.links import RANK, ClockRead, Identified, LinkEvent
from clinical.record import (
    BY_DATA,
    ClockCompared,
    Fact,
    Listened,
    MonitorHeard,
    MonitorsArranged,
)
from clinical.vitals import CUFF, Metric, Observation

NOBODY = Identity()  # what says nothing is no other device
# Source: technical conditions of our alarm design.
CLOCK_AGREES_S = 5.0
IN_SECONDS, IN_MINUTES = timedelta(minutes=2), timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Arranged:
    """The chair got another name, or other monitors; ``by`` is the user who did it.

    ``new`` are the monitors at another port than before: their lines begin anew, as those of
    monitors do that were not here.
    """

    name: str
    monitors: tuple[BedsideMonitor, ...]
    by: str
    new: frozenset[str] = frozenset()


def name_of(state: ChairState, monitor: str) -> str:
    """The protocol's name, where an event of a chair with one monitor gives none."""
    return monitor or (state.monitors[0].name if state.monitors else "")


def strangers(state: ChairState) -> Mapping[str, Identified]:
    """By protocol name, the devices that are heard and are others than the chair's own."""
    return {name: said for name, said in state.heard.items() if _is_strange(state, name, said)}


def _is_strange(state: ChairState, name: str, said: Identified) -> bool:
    known = state.bound.get(name)
    return known is not None and said.identity.is_other_than(known)


def is_strange(state: ChairState, monitor: str) -> bool:
    """Whether what comes from ``monitor`` now is another device's."""
    name = name_of(state, monitor)
    return name in state.heard and _is_strange(state, name, state.heard[name])


def identified(state: ChairState, event: Identified) -> tuple[ChairState, tuple[Fact, ...]]:
    """The chair after its monitor said who it is.

    The first one that is ever heard becomes the chair's own. Another one is heard and no more,
    until it is confirmed (``confirmed``).
    """
    name, said = name_of(state, event.monitor), event.identity
    if said == NOBODY:
        return state, ()
    before, known = state.heard.get(name), state.bound.get(name)
    was_strange = before is not None and _is_strange(state, name, before)
    if was_strange and known is not None and not _is_whole(said, known):
        return state, ()  # of one who is not the own one, a part of its name proves nothing
    state = replace(state, heard={**state.heard, name: event})
    if was_strange:
        state = replace(state, clocks=_without(state.clocks, name))  # it was the other one's
    if known is not None and said.is_other_than(known):
        clocks = _without(state.clocks, name)
        state = replace(state, given=silenced(state.given, name), clocks=clocks)
        if before is not None and before.identity == said:
            # On a port that was opened again: the alarm and the record have it from the first time.
            return replace(state, heard={**state.heard, name: before}), ()
        return state, (_heard(state, name, event, BY_DATA, said, is_bound=False),)
    merged = said if known is None else _merged(known, said)
    if merged == known and not was_strange:
        return state, ()
    state = replace(state, bound={**state.bound, name: merged})
    return state, (_heard(state, name, event, BY_DATA, merged, is_bound=True),)


def _is_whole(said: Identity, known: Identity) -> bool:
    """Whether ``said`` names all that ``known`` does, or is plainly another."""
    if said.is_other_than(known):
        return True
    return bool((said.model or not known.model) and (said.serial or not known.serial))


def _merged(known: Identity, said: Identity) -> Identity:
    """What is known of one device: what it says now, and what it said before and leaves out."""
    return Identity(
        said.model or known.model, said.serial or known.serial, said.version or known.version
    )


def confirmed(state: ChairState, name: str, by: str, at: datetime) -> tuple[Fact, ...]:
    """The facts that the device which is heard as ``name`` is the chair's own from ``at`` on, and
    how its clock is.

    Raises KeyError where none is heard.
    """
    said, read = state.heard[name], state.clocks.get(name)
    fact = _heard(state, name, replace(said, at=at), by, said.identity, is_bound=True)
    return (fact,) if read is None else (fact, _compared(state, name, read))


def bound_by(state: ChairState, fact: MonitorHeard) -> ChairState:
    """The chair after ``fact``."""
    if not fact.is_bound:
        return state
    own = Identity(fact.model, fact.serial, fact.version)
    return replace(state, bound={**state.bound, fact.monitor: own})


def _heard(
    state: ChairState, name: str, event: Identified, by: str, said: Identity, *, is_bound: bool
) -> MonitorHeard:
    return MonitorHeard(
        session=_session_of(state),
        chair=state.chair,
        at=event.at,
        by=by,
        monitor=name,
        model=said.model,
        serial=said.serial,
        version=said.version,
        is_bound=is_bound,
    )


def _session_of(state: ChairState) -> UUID | None:
    return state.session.opened.session if state.session else None


def compared(state: ChairState, event: ClockRead) -> tuple[ChairState, tuple[Fact, ...]]:
    """The chair after the clock of its monitor was read."""
    name = name_of(state, event.monitor)
    state = replace(state, clocks={**state.clocks, name: event})
    return state, () if is_strange(state, name) else (_compared(state, name, event),)


def _compared(state: ChairState, name: str, read: ClockRead) -> ClockCompared:
    return ClockCompared(_session_of(state), state.chair, read.at, name, read.offset_s)


def arranged(state: ChairState, event: Arranged) -> ChairState:
    """The chair with other monitors. Lines that begin anew say so themselves; the others go on."""
    stay = staying(state, event)
    lines = {name: link for name in stay if (link := link_of(state, name)) is not None}
    has_two = len(event.monitors) > 1
    named = {n: replace(link, monitor=n if has_two else "") for n, link in lines.items()}
    links = named if has_two else {}
    return replace(
        state,
        name=event.name,
        monitors=event.monitors,
        interval_s=max((each.interval_s for each in event.monitors), default=1.0),
        link=worst_of(links) if has_two else next(iter(named.values()), None),
        links=links,
        given={key: heard for key, heard in state.given.items() if key[1] in stay},
        latest={m: obs for m, obs in state.latest.items() if _is_kept(state, obs, stay)},
        shown_from=_shown_from(state, stay) if has_two else {},
        heard={name: said for name, said in state.heard.items() if name in stay},
        clocks={name: read for name, read in state.clocks.items() if name in stay},
    )


def staying(state: ChairState, event: Arranged) -> frozenset[str]:
    """The monitors whose lines go on as they are."""
    here = {each.name for each in state.monitors}
    return frozenset(each.name for each in event.monitors if each.name in here) - event.new


def _is_kept(state: ChairState, obs: Observation, stay: frozenset[str]) -> bool:
    """Whether a value stays on the tile: one of a monitor that stays, and the last pressure of the
    patient, whoever took that. An old number of a monitor that is gone would hide a live one."""
    only = state.monitors[0].name if len(state.monitors) == 1 else ""
    is_theirs = state.shown_from.get(obs.metric, only) in stay
    return is_theirs or (obs.metric in CUFF and state.session is not None)


def _shown_from(state: ChairState, stay: frozenset[str]) -> Mapping[Metric, str]:
    """What each sign is shown from. In a chair that had one monitor all came from that one."""
    if len(state.monitors) == 1:
        (only,) = (each.name for each in state.monitors)
        return dict.fromkeys(state.latest, only) if only in stay else {}
    return {metric: name for metric, name in state.shown_from.items() if name in stay}


def worst_of(links: Mapping[str, LinkEvent]) -> LinkEvent | None:
    """What the tile says of two lines: the worse, and whose it is."""
    if not links:
        return None
    worst = max(links.values(), key=lambda link: RANK[link.state])
    return replace(worst, detail=f"{worst.monitor}: {worst.detail}" if worst.detail else "")


def _without(clocks: Mapping[str, ClockRead], name: str) -> Mapping[str, ClockRead]:
    return {other: read for other, read in clocks.items() if other != name}


def listened(state: ChairState, by: str, at: datetime) -> Iterator[MonitorsArranged]:
    """For the record of the session in the chair: what it is read from, from ``at`` on."""
    if state.session is not None:
        monitors = tuple(Listened(each.name, each.proof) for each in state.monitors)
        yield MonitorsArranged(state.session.opened.session, at, by, monitors)


def check_text(state: ChairState, name: str) -> str:
    """What the tile says of a stranger; the monitor is named where the chair has two."""
    return f"CHECK DEVICE{_whose(state, name)}"


def clock_condition(state: ChairState, name: str) -> str:
    return f"CLOCK DIFFERS{_whose(state, name)}"


def clock_text(state: ChairState, name: str) -> str:
    return f"{clock_condition(state, name)} {difference(state.clocks[name].offset_s)}"


def differs(read: ClockRead) -> bool:
    return abs(read.offset_s) > CLOCK_AGREES_S


def difference(offset_s: float) -> str:
    """How far two clocks are apart, as short as it may be said: 12 s, 5 min, 2 h."""
    apart = timedelta(seconds=abs(offset_s))
    if apart < IN_SECONDS:
        return f"{apart.total_seconds():.0f} s"
    if apart < IN_MINUTES:
        return f"{apart / timedelta(minutes=1):.0f} min"
    return f"{apart / timedelta(hours=1):.0f} h"


def _whose(state: ChairState, name: str) -> str:
    return f" {name}" if len(state.monitors) > 1 else ""
