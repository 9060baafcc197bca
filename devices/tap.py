"""What can listen along on a line? Every byte with its time, as the flight recorder wants it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from clinical.links import LinkState

log = logging.getLogger(__name__)


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


class Guarded:
    """``tap`` for a line that must not go down with it: what it raises is logged, and it is not
    called again before the next port is opened."""

    def __init__(self, tap: Tap, name: str) -> None:
        self._tap = tap
        self._name = name
        self._is_on = True

    def opened(self, device: str, at: datetime, at_s: float, /) -> None:
        self._is_on = True
        self._call(lambda: self._tap.opened(device, at, at_s))

    def received(self, data: bytes, at: datetime, at_s: float, /) -> None:
        self._call(lambda: self._tap.received(data, at, at_s))

    def sent(self, data: bytes, at: datetime, at_s: float, /) -> None:
        self._call(lambda: self._tap.sent(data, at, at_s))

    def told(self, state: LinkState, detail: str, at: datetime, at_s: float, /) -> None:
        self._call(lambda: self._tap.told(state, detail, at, at_s))

    def asked(self, interval_s: float, at: datetime, at_s: float, /) -> None:
        self._call(lambda: self._tap.asked(interval_s, at, at_s))

    def closed(self, reason: str, at: datetime, at_s: float, /) -> None:
        self._call(lambda: self._tap.closed(reason, at, at_s))

    def _call(self, tell: Callable[[], None]) -> None:
        if not self._is_on:
            return
        try:
            tell()
        except Exception:
            self._is_on = False
            log.exception(
                "link %s: its bytes are not kept until the port is opened anew", self._name
            )
