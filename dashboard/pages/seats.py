"""What does the newest snapshot say of a chair, also before the engine has spoken of it?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dash.exceptions import PreventUpdate

from clinical.alarms import AlarmLimit
from clinical.links import LinkState
from clinical.snapshot import ChairView

if TYPE_CHECKING:
    from dashboard.services import Services


def seats(services: Services) -> dict[int, ChairView]:
    """Every chair of the site in the order of the board; one without news is connecting."""
    known = services.snapshot().chairs
    return {
        chair: known.get(chair)
        or ChairView(chair, name, LinkState.CONNECTING, "", None, interval_s=1.0, latest={})
        for chair, name in services.site.chairs
    }


def seat(services: Services, chair: int) -> ChairView:
    """The chair of a page that is open. Where it was taken away meanwhile there is nothing to
    draw or to ask: the page is being replaced. Raises PreventUpdate then."""
    found = seats(services).get(chair)
    if found is None:
        raise PreventUpdate
    return found


def limits_of(view: ChairView) -> Sequence[AlarmLimit]:
    """The limits in force in a chair, with all that was moved; none where nobody sits."""
    return view.session.limits if view.session else ()
