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
from clinical.chair import ChairState
from clinical.identity import Identity
from clinical.links import ClockRead, Identified
from clinical.record import (
    BY_DATA,
    ClockCompared,
    Fact,
    Listened,
    MonitorHeard,
    MonitorsArranged,
)

NOBODY = Identity()  # what says nothing is no other device
# Source: technical conditions of our alarm design.
CLOCK_AGREES_S = 5.0
IN_SECONDS, IN_MINUTES = timedelta(minutes=2), timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Arranged:
    """The chair got another name, or other monitors; ``by`` is the user who did it."""

    name: str
    monitors: tuple[BedsideMonitor, ...]
    by: str


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
    state = replace(state, heard={**state.heard, name: event})
    if known is not None and said.is_other_than(known):
        state = replace(state, given=silenced(state.given, name))
        if before is not None and before.identity == said:
            # On a port that was opened again: the alarm and the record have it from the first time.
            return replace(state, heard={**state.heard, name: before}), ()
        return state, (_heard(state, name, event, BY_DATA, said, is_bound=False),)
    merged = said if known is None else _merged(known, said)
    if merged == known and not was_strange:
        return state, ()
    state = replace(state, bound={**state.bound, name: merged})
    return state, (_heard(state, name, event, BY_DATA, merged, is_bound=True),)


def _merged(known: Identity, said: Identity) -> Identity:
    """What is known of one device: what it says now, and what it said before and leaves out."""
    return Identity(
        said.model or known.model, said.serial or known.serial, said.version or known.version
    )


def confirmed(state: ChairState, name: str, by: str, at: datetime) -> MonitorHeard:
    """The fact that the device which is heard as ``name`` is the chair's own from ``at`` on.

    Raises KeyError where none is heard.
    """
    said = state.heard[name]
    return _heard(state, name, replace(said, at=at), by, said.identity, is_bound=True)


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
    fact = ClockCompared(_session_of(state), state.chair, event.at, name, event.offset_s)
    return replace(state, clocks={**state.clocks, name: event}), (fact,)


def arranged(state: ChairState, event: Arranged) -> ChairState:
    """The chair with other monitors. Their lines begin anew, and say so themselves."""
    if event.monitors == state.monitors:
        return replace(state, name=event.name)
    names = {each.name for each in event.monitors}
    return replace(
        state,
        name=event.name,
        monitors=event.monitors,
        interval_s=max((each.interval_s for each in event.monitors), default=1.0),
        link=None,
        links={},
        given={},
        shown_from={m: name for m, name in state.shown_from.items() if name in names},
        heard={},
        clocks={},
    )


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
