"""What can listen along on a line? Every byte with its time, as the flight recorder wants it."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from clinical.links import LinkState


class Tap(Protocol):
    """Called on the link's thread, in the order of things; must return at once and never raise.

    ``at`` is the aware UTC time and ``at_s`` the monotonic one (s) that the link itself went by.
    """

    def opened(self, device: str, at: datetime, at_s: float, /) -> None:
        """A port was opened; the decoder begins anew on it (``Decoder.end`` was called)."""
        ...

    def received(self, data: bytes, at: datetime, at_s: float, /) -> None:
        """One read, as long as it was: it goes to the decoder in one piece."""
        ...

    def sent(self, data: bytes, at: datetime, at_s: float, /) -> None: ...

    def told(self, state: LinkState, detail: str, at: datetime, at_s: float, /) -> None:
        """The state of the line changed, and the engine was told so."""
        ...

    def asked(self, interval_s: float, at: datetime, at_s: float, /) -> None:
        """The monitor is asked to speak every so many seconds from now on."""
        ...

    def closed(self, reason: str, at: datetime, at_s: float, /) -> None: ...
