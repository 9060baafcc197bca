"""What do the people of a running clinic see of its lines, and what may they change?"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from sqlalchemy.exc import SQLAlchemyError

from clinical.sign_off import Actor, Role
from clinical.vitals import NATURE
from dashboard.arrangement import ChairConfig, Refusal, place_of, title_of
from dashboard.clinic import CAPTURE, NOT_RECORDED, Clinic
from dashboard.services import Heard
from devices.detect import Detection, detect
from devices.ports import (
    FoundPort,
    SocketAddress,
    describe_open_error,
    is_outside,
    parse_port,
    reached,
)
from devices.report import LineReport
from storage import audit
from storage.captures import Bounds, CaptureState
from storage.settings import put_setting

MAY_ARRANGE = (Role.DIRECTOR, Role.CLINICIAN)
TEST_S = 5.0  # real ones; the slowest monitor speaks once in it

log = logging.getLogger(__name__)


class RunningMonitors:
    """``services.Monitors`` of a running clinic."""

    def __init__(self, clinic: Clinic, *, wait: Callable[[float], None] = time.sleep) -> None:
        self._clinic, self._wait = clinic, wait

    @property
    def is_editable(self) -> bool:
        return not self._clinic.config.chairs

    @property
    def why_not(self) -> str:
        return "" if self.is_editable else self._clinic.config.why_fixed

    @property
    def left_out(self) -> tuple[str, ...]:
        return self._clinic.left_out

    def reports(self) -> Mapping[tuple[int, str], LineReport]:
        return self._clinic.lines.reports()

    def ports(self) -> tuple[FoundPort, ...]:
        return self._clinic.ports.ports

    def chairs(self) -> tuple[ChairConfig, ...]:
        return self._clinic.chairs

    def capture(self) -> CaptureState:
        return self._clinic.recorder.state

    def capture_bounds(self) -> Bounds:
        return self._clinic.recorder.bounds

    def set_capture_bounds(self, days: float, mib: float, by: Actor) -> Refusal | None:
        clinic = self._clinic
        try:
            bounds = Bounds.of({"days": days, "mib": mib})
        except ValueError as error:
            return Refusal(f"Flight recorder: {error}.", field="capture")
        if by.role is not Role.DIRECTOR:
            return Refusal("Only a medical director sets how much the flight recorder keeps.")
        value = {"days": bounds.days, "mib": bounds.mib}
        try:
            with clinic.database.writing() as db:
                put_setting(db, name=CAPTURE, value=value, by=by.user, now=clinic.clock.now())
        except SQLAlchemyError:
            log.exception("the bounds of the flight recorder could not be recorded")
            return Refusal(NOT_RECORDED)
        clinic.recorder.bounds = bounds
        return None

    def arrange(
        self, chairs: Sequence[ChairConfig], by: Actor, before: Sequence[ChairConfig] | None = None
    ) -> Refusal | None:
        """It may ask the name service, and so blocks."""
        return (
            _refusal_of(by)
            or self._server_refused(chairs)
            or self._clinic.rearrange(chairs, by, before)
        )

    def set_listen_only(self, chair: int, monitor: str, is_on: bool, by: Actor) -> Refusal | None:
        if (chair, monitor) not in self.reports():
            return _gone(chair, monitor)
        return _refusal_of(by) or self._clinic.listen_only(chair, monitor, is_on, by)

    def test(self, chair: int, monitor: str) -> Heard | Refusal:
        before = self.reports().get((chair, monitor))
        self._wait(TEST_S)
        now = self.reports().get((chair, monitor))
        if before is None or now is None or now.received < before.received:  # exchanged meanwhile
            return _gone(chair, monitor)
        return Heard(
            TEST_S,
            now.received - before.received,
            now.frames - before.frames,
            now.garbled - before.garbled,
            now,
        )

    def detect(self, port: str, tell: Callable[[str], None], by: Actor) -> Detection | Refusal:
        clinic = self._clinic
        try:
            refused = _refusal_of(by) or self._holder(port) or self._out_of_reach(port)
        except ValueError as error:
            return Refusal(f"Port: {error}.", field="port")
        except OSError as error:
            return Refusal(describe_open_error(error, port), field="port")
        if refused is not None:
            return refused if isinstance(refused, Refusal) else Refusal(refused, field="port")
        try:
            with clinic.database.writing() as db:
                asked = {"port": port}
                audit.append(db, at=clinic.clock.now(), by=by.user, action="detect", detail=asked)
        except SQLAlchemyError:
            log.exception("a search for a monitor could not be recorded")
            return Refusal("Not recorded, so nothing was tried. Try again.", field="port")
        try:
            return detect(port, open_port=clinic.open_port, clock=clinic.clock, tell=tell)
        except OSError as error:
            return Refusal(describe_open_error(error, port), field="port")

    def _out_of_reach(self, port: str) -> str | None:
        """Why nobody may have the server of the clinic ask there. Raises OSError for a name that
        nobody knows, and ValueError for what names no port."""
        address = parse_port(port)
        if not isinstance(address, SocketAddress) or self._clinic.config.is_simulated:
            return None
        if is_outside(address.host):
            return None
        return f"{port} is no serial server of the clinic's network: type the server's own address."

    def _server_refused(self, chairs: Sequence[ChairConfig]) -> Refusal | None:
        """Why a serial server cannot be added: it is unknown, or another line's by another name.
        One on this computer can: some clinics share their ports so. It is only not searched.

        What stands at a chair already is let alone, and what names no port is for the rules.
        """
        before = {each.port for chair in self.chairs() for each in chair.monitors}
        asked = [each.port for chair in chairs for each in chair.monitors]
        for port in asked:
            if port in before:
                continue
            try:
                where = _server(port)
            except ValueError:
                continue
            except OSError as error:
                return Refusal(describe_open_error(error, port), field="port")
            for other in asked:
                if other != port and where & _server_or_none(other):
                    words = f"{port} and {other} are the same port: each monitor needs its own."
                    return Refusal(words, field="port")
        return None

    def _holder(self, port: str) -> str | None:
        """Whose line ``port`` is and what it brings, in words; None where it is free.

        Raises ValueError for what names no port, and OSError for a server that nobody knows.
        """
        found = self.ports()
        place, where = place_of(port, found), _server(port)
        for chair in self.chairs():
            for each in chair.monitors:
                is_there = where and where & _server_or_none(each.port)
                if not is_there and place_of(each.port, found) != place:
                    continue
                report = self.reports().get((chair.number, each.monitor))
                how = f"it is {report.state}" if report else "it is being opened"
                sends = ", ".join(self._sends(chair.number))
                return (
                    f"{each.port} belongs to chair {chair.number} ({chair.name}): "
                    f"{title_of(each.monitor)}, {how}"
                    + (f" and brings {sends}" if sends else "")
                    + ". Vigil does not disturb it; take the monitor away from the chair first."
                )
        return None

    def _sends(self, chair: int) -> list[str]:
        view = self._clinic.engine.snapshot.chairs.get(chair)
        latest = view.latest if view else {}
        labels = [NATURE[metric].label for metric, obs in latest.items() if obs.value is not None]
        return list(dict.fromkeys(labels))


def _server(port: str) -> frozenset[tuple[str, int]]:
    """Where ``port`` is, where it is a serial server's; empty for every other."""
    address = parse_port(port)
    return reached(address) if isinstance(address, SocketAddress) else frozenset()


def _server_or_none(port: str) -> frozenset[tuple[str, int]]:
    with suppress(OSError, ValueError):  # a name that nobody knows just now is nobody's address
        return _server(port)
    return frozenset()


def _refusal_of(by: Actor) -> Refusal | None:
    if by.role in MAY_ARRANGE:
        return None
    return Refusal("Only a medical director or a clinician changes what stands at a chair.")


def _gone(chair: int, monitor: str) -> Refusal:
    return Refusal(f"There is no {title_of(monitor)} at chair {chair} any more: look again.")
