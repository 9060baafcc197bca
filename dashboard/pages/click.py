"""How does a click become a command, and what does the page hear of it?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID, uuid4, uuid5

from dash import State, ctx

from clinical.commands import Command, Outcome, OutcomeKind
from clinical.monitor import is_at_once
from clinical.sign_off import Actor
from clinical.snapshot import SessionView
from dashboard import ids
from dashboard.views.panel import Form, refused

if TYPE_CHECKING:
    from dashboard.services import Services

T = TypeVar("T")

WAIT_S = 2.0  # how long a person waits for the record before the page says that it has not
# A step of the session puts the next step's button under the same finger. A second press that
# arrives sooner than this after the drawing was meant for the first.
SETTLED_S = 0.7

# What a page was drawn for goes back with each click that is about a session.
PAPERWORK = "paperwork"
DRAWN_FOR = State(ids.panel(PAPERWORK), "data-shown")
TOO_SOON = refused("that was too quick after the last step: press once more")
ANOTHER = refused("this page showed another session or another person: look again")


def paperwork_key(current: SessionView | None, actor: Actor | None) -> str:
    """Whose paperwork it is, and who fills it in."""
    return f"{current.session} {actor.user if actor else ''}" if current else ""


def is_drawn_for(current: SessionView | None, actor: Actor, drawn_for: str) -> bool:
    """Whether the page was drawn for ``current``, the session in the chair now, and for ``actor``.

    Between the last drawing and the click another patient may have sat down in the chair, or
    another person have signed in.
    """
    return paperwork_key(current, actor) == drawn_for


def new_form(services: Services) -> Form:
    return Form(str(uuid4()), services.clock.monotonic())


def clicked() -> Any:
    """The id of the button that a person clicked, None where nobody did.

    Dash also calls when a button merely appears, and tells of both at once.
    """
    found = [each["prop_id"] for each in ctx.triggered if each["value"]]
    return ctx.triggered_prop_ids[found[0]] if found else None


def was_clicked() -> bool:
    return clicked() is not None


def of_clicked(carried: Sequence[T]) -> T:
    """What the clicked one of several buttons carries; the buttons are the first input."""
    places = [button["id"] for button in ctx.inputs_list[0]]
    return carried[places.index(clicked())]


def command_id(form: str, *asked: Any) -> UUID:
    """The id of a command: that of the form on the page and of what is asked with it.

    The same button pressed twice gives the same id, which the record takes once; after a failure
    it is the same command again, however often it is tried.
    """
    return uuid5(UUID(form), "\n".join(map(str, asked)))


def is_settled(services: Services, drawn_at_s: str) -> bool:
    passed_s = (services.clock.monotonic() - float(drawn_at_s)) / services.clock.speed
    # Before the drawing: by another clock, of a program that has been started again since.
    return passed_s < 0 or passed_s >= SETTLED_S


async def submitted(services: Services, command: Command) -> Outcome:
    """The outcome after the commit. Its own command goes on where the wait ends first."""
    future = asyncio.wrap_future(services.desk.submit(command))
    await asyncio.wait([future], timeout=WAIT_S)
    if future.done():
        return future.result()
    reason = "in force, not yet recorded" if is_at_once(command) else "not recorded, try again"
    return Outcome(OutcomeKind.NOT_RECORDED, services.clock.now(), command.by.user, reason)
