"""What does a Philips IntelliVue monitor say on its Data Export port, and when?

    association request  ->  <-  response, MDS create event
    MDS create result    ->
    poll request         ->  <-  result, or a chain of linked results        115200 8N1

``Monitor`` is one monitor without port or clock: bytes heard and a time go in, bytes come out. How
messages are written is in philips_wire, what they tell of the patient in philips_objects.
Source: Philips IntelliVue Data Export Interface Programming Guide (PIPG), pages as public projects
quote them; R: a public capture of the serial port; N: notes of a public project on what a monitor
on a network did.
"""

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from simulators import philips_objects as objects
from simulators import philips_wire as wire
from simulators.cuff import CuffWatch
from simulators.displayed import Displayed
from simulators.philips_objects import Machine
from simulators.philips_wire import Poll, PolledObject, Profile, frame

BAUD = 115200
PARITY = "N"

# Numbers and alerts are new every 1.024 s (R: 8192 eighths of a millisecond); the guide says 1 s.
UPDATE_TICKS = 8192
UPDATE_S = UPDATE_TICKS / wire.TICKS_PER_S

# N: the event comes three times more, and after about 10 s the monitor gives up.
MDS_REPEATED_AFTER_S = (3.0, 6.0, 9.0)
MDS_GIVEN_UP_AFTER_S = 10.0

# Error values (PIPG p. 45).
NO_SUCH_CLASS, NO_SUCH_INSTANCE, ACCESS_DENIED = 0, 1, 2
GET_LIST, SET_LIST, NO_SUCH_ACTION = 7, 8, 9
INVALID_ARGUMENT, INVALID_SCOPE = 15, 16
NO_SUCH_ATTRIBUTE, INVALID_OPERATION = 5, 24

NUMERIC_PRIORITY, WAVE_PRIORITY = 0xF239, 0xF23A
REPLACE, TO_DEFAULT = 0, 3


USUAL_MACHINE, USUAL_OFFER = Machine(), Profile()


def association_timeout_s(min_poll_period: int) -> float:
    """How long a client may be silent, from the negotiated period in 1/8 ms (PIPG p. 70)."""
    period_s = min_poll_period / wire.TICKS_PER_S
    if period_s < 3.3:
        return 10.0
    return 3 * period_s if period_s <= 43 else 130.0


@dataclass(slots=True)
class _RunningPoll:
    """An extended poll; results go out by themselves until ``until_s``."""

    poll: Poll
    until_s: float
    next_update: int
    sequence: int = 0
    results: int = 0  # so far, for the context that comes in turns


@dataclass(slots=True)
class _Association:
    """What a client and the monitor have agreed on."""

    profile: Profile
    begun_s: float
    mds_event: bytes
    mds_invoke_id: int
    timeout_s: float
    heard_s: float
    is_confirmed: bool = False
    repeats: int = 0
    running: dict[tuple[int, int], _RunningPoll] = field(default_factory=dict)
    numeric_priority: tuple[int, ...] = ()  # labels; empty: all

    def ends_s(self) -> float:
        """When it is over unless the client says something."""
        silent_s = self.heard_s + self.timeout_s
        if self.is_confirmed:
            return silent_s
        return min(silent_s, self.begun_s + MDS_GIVEN_UP_AFTER_S)

    def repeat_s(self) -> float:
        """When the MDS create event goes out again."""
        if self.is_confirmed or self.repeats == len(MDS_REPEATED_AFTER_S):
            return math.inf
        return self.begun_s + MDS_REPEATED_AFTER_S[self.repeats]


class Monitor:
    """One bedside monitor and its client; no port, no clock.

    ``showing(t_s)`` gives the screen at a time of the scenario; ``begin_unix_s`` is the monitor's
    own clock at scenario time zero, and ``uptime_s`` how long it has then been on. ``offer`` is
    what it can do at most. ``refusal`` is the message that refuses an association: nothing is known
    of it but its first byte.
    """

    def __init__(
        self,
        showing: Callable[[float], Displayed],
        *,
        begin_unix_s: float = 0.0,
        uptime_s: float = 0.0,
        machine: Machine = USUAL_MACHINE,
        offer: Profile = USUAL_OFFER,
        first_invoke_id: int = 1,
        refusal: bytes = bytes([wire.REFUSAL]),
    ) -> None:
        self._showing = showing
        self._begin_unix_s = begin_unix_s
        self._uptime_s = uptime_s
        self._machine = machine
        self._offer = offer
        self._first_invoke_id = first_invoke_id
        self._refusal = refusal
        self._unframer = wire.Unframer()
        self._association: _Association | None = None
        self._associations = 0
        self._cuff = CuffWatch()
        self._cuff_s: float | None = None  # when the last cycle ended
        self._instances: dict[tuple[int, int, int], int] = {}  # of the alerts that are on
        self._alert_changes = 0
        self._last_instance = 0

    def heard(self, data: bytes, t_s: float) -> bytes:
        """Take in what the client sent; return what the monitor sends at once because of it.

        Damaged frames and messages without sense are dropped without an answer; a request that is
        sound, but that the monitor cannot fulfil, gets an error.
        """
        out = bytearray(self.due(t_s)[0])
        for message in self._unframer.feed(data):
            for answer in self._answers(message, t_s):
                out += frame(answer)
        return bytes(out)

    def due(self, t_s: float) -> tuple[bytes, float]:
        """The bytes due by ``t_s``, and when to ask again (inf: not before a client speaks)."""
        now = self._association
        if now is None:
            return b"", math.inf
        out = bytearray()
        ends_s = now.ends_s()
        until_s = min(t_s, ends_s)
        while now.repeat_s() <= until_s:
            now.repeats += 1
            out += frame(now.mds_event)
        out += self._periodic(now, until_s)
        if t_s >= ends_s:
            self._association = None
            return bytes(out) + frame(wire.ABORT), math.inf
        next_s = min(
            (poll.next_update * UPDATE_S for poll in now.running.values()), default=math.inf
        )
        return bytes(out), min(next_s, now.repeat_s(), ends_s)

    def _periodic(self, now: _Association, t_s: float) -> bytes:
        """The results of extended polls that are due."""
        out = bytearray()
        update = _update(t_s)
        for key, running in list(now.running.items()):
            if update * UPDATE_S > running.until_s:
                del now.running[key]
            elif running.next_update <= update:
                # After a pause the missed results are gone, and the sequence number shows it.
                running.sequence += update - running.next_update
                for answer in self._results(running.poll, update, running):
                    out += frame(answer)
                running.sequence += 1
                running.next_update = update + 1
        return bytes(out)

    def _answers(self, message: bytes, t_s: float) -> Sequence[bytes]:
        kind, now = message[0], self._association
        if kind == wire.REQUEST:
            # A second client does not keep the first one's association alive.
            return self._associate(message, t_s)
        if now is None:
            return ()
        now.heard_s = t_s
        if kind == wire.ABORTED:
            self._association = None
        elif kind == wire.RELEASE and now.is_confirmed:  # N: before that it is not honoured
            self._association = None
            return (wire.RELEASE_RESPONSE,)
        elif kind == wire.DATA and len(message) >= 14:
            return self._data_answers(now, message, t_s)
        return ()

    def _associate(self, message: bytes, t_s: float) -> Sequence[bytes]:
        asked = wire.read_association_request(message)
        if self._association is not None or asked is None:
            return (self._refusal,)
        if min(asked.mtu_receive, asked.mtu_transmit) < wire.SMALLEST_MTU:
            return (self._refusal,)
        agreed = _agreed(asked, self._offer)
        self._associations += 1
        event = wire.mds_create_event(
            self._first_invoke_id, self._ticks(t_s), self._mds_attributes(t_s)
        )
        self._association = _Association(
            profile=agreed,
            begun_s=t_s,
            mds_event=event,
            mds_invoke_id=self._first_invoke_id,
            timeout_s=association_timeout_s(agreed.min_poll_period),
            heard_s=t_s,
        )
        return wire.association_response(agreed), event

    def _data_answers(self, now: _Association, message: bytes, t_s: float) -> Sequence[bytes]:
        session, _, ro_type, length = struct.unpack_from(">HHHH", message)
        content = message[8 : 8 + length]
        if session != wire.SESSION_ID or len(content) != length or length < 6:
            return ()
        invoke_id, command, length = struct.unpack_from(">HHH", content)
        argument = content[6 : 6 + length]
        if len(argument) != length:
            return ()
        if ro_type == wire.RORS and command == wire.CONFIRMED_EVENT:
            is_for_us = invoke_id == now.mds_invoke_id and len(argument) >= 14
            if is_for_us and struct.unpack_from(">H", argument, 10)[0] == wire.MDS_CREATE:
                now.is_confirmed = True
        elif ro_type == wire.ROIV and len(argument) >= 10:
            return self._request_answers(now, invoke_id, command, argument, t_s)
        return ()

    def _request_answers(
        self, now: _Association, invoke_id: int, command: int, argument: bytes, t_s: float
    ) -> Sequence[bytes]:
        object_class, context, handle, scope = struct.unpack_from(">HHHI", argument)
        rest = argument[10:]
        # N: a request that lacks its scope, so that all after it stands 4 bytes early, is ignored;
        # its lengths do not fit.
        is_whole = len(rest) >= 4 and struct.unpack_from(">H", rest, 2)[0] == len(rest) - 4
        if command == wire.ACTION and not is_whole:
            return ()
        if object_class != objects.MDS_CLASS:
            return (wire.error(invoke_id, NO_SUCH_CLASS),)
        if (context, handle) != (0, 0):
            return (wire.error(invoke_id, NO_SUCH_INSTANCE),)
        if scope != 0:
            return (wire.error(invoke_id, INVALID_SCOPE),)
        if command == wire.ACTION:
            return self._action_answers(now, invoke_id, rest, t_s)
        if command == wire.GET:
            return self._get_answers(now, invoke_id, rest)
        if command in (wire.SET, wire.CONFIRMED_SET):
            answers = self._set_answers(now, invoke_id, rest, t_s)
            return answers if command == wire.CONFIRMED_SET else ()
        return (wire.error(invoke_id, ACCESS_DENIED),)

    def _action_answers(
        self, now: _Association, invoke_id: int, rest: bytes, t_s: float
    ) -> Sequence[bytes]:
        kind = struct.unpack_from(">H", rest)[0]
        is_extended = kind == wire.EXTENDED_POLL
        if kind != wire.SINGLE_POLL and not (is_extended and now.profile.extension is not None):
            return (wire.error(invoke_id, NO_SUCH_ACTION),)
        poll = wire.read_poll(invoke_id, kind, rest[4:])
        if poll is None or poll.object_class not in objects.GROUPS:
            return (wire.error(invoke_id, INVALID_ARGUMENT),)
        if poll.group not in (objects.ALL_GROUPS, *objects.GROUPS[poll.object_class]):
            return (wire.error(invoke_id, INVALID_ARGUMENT),)
        update = _update(t_s)
        if not is_extended:
            return self._results(poll, update, None)
        key, until_s = (poll.object_class, poll.group), t_s + poll.active_s
        running = now.running.get(key)
        if running is not None and running.next_update * UPDATE_S <= until_s:
            # A client may ask again every second. The rate in R leaves no room for an answer of
            # its own, so the next result is the answer.
            running.poll, running.until_s, running.sequence = poll, until_s, 0
            return ()
        running = _RunningPoll(poll, until_s, update + 1)
        answers = self._results(poll, update, running)
        running.sequence = 1
        if poll.object_class in (objects.NUMERIC, objects.ALERT_MONITOR):
            now.running[key] = running
        return answers

    def _get_answers(self, now: _Association, invoke_id: int, rest: bytes) -> Sequence[bytes]:
        """The lists that say which numbers and waves are exported (PIPG p. 63)."""
        asked = [oid for (oid,) in struct.iter_unpack(">H", rest[4 : len(rest) // 2 * 2])]
        lists = {NUMERIC_PRIORITY: now.numeric_priority, WAVE_PRIORITY: ()}
        unknown = [oid for oid in asked if oid not in lists]
        if unknown or not asked:
            failed = wire.counted([struct.pack(">HH", NO_SUCH_ATTRIBUTE, oid) for oid in unknown])
            return (wire.error(invoke_id, GET_LIST, wire.MDS + failed),)
        found = wire.attribute_list([(oid, _text_ids(lists[oid])) for oid in asked])
        return (wire.result(invoke_id, wire.GET, wire.MDS + found),)

    def _set_answers(
        self, now: _Association, invoke_id: int, rest: bytes, t_s: float
    ) -> Sequence[bytes]:
        """Replace such a list, or put it back; labels that do not exist are left out (p. 64)."""
        if len(rest) < 10:
            return (wire.error(invoke_id, INVALID_ARGUMENT),)
        operator, oid, length = struct.unpack_from(">HHH", rest, 4)
        is_known = oid in (NUMERIC_PRIORITY, WAVE_PRIORITY)
        if not is_known or operator not in (REPLACE, TO_DEFAULT):
            why = INVALID_OPERATION if is_known else NO_SUCH_ATTRIBUTE
            failed = wire.counted([struct.pack(">HHH", why, operator, oid)])
            return (wire.error(invoke_id, SET_LIST, wire.MDS + failed),)
        granted: tuple[int, ...] = ()
        if oid == NUMERIC_PRIORITY:
            known = {0x00020000 | one.label for one in self._screen(_update(t_s) * UPDATE_S)[0]}
            ids = rest[14 : 10 + length // 4 * 4] if operator == REPLACE else b""
            wanted = (one for (one,) in struct.iter_unpack(">I", ids[: len(ids) // 4 * 4]))
            granted = tuple(text_id & 0xFFFF for text_id in wanted if text_id in known)
            now.numeric_priority = granted
        found = wire.attribute_list([(oid, _text_ids(granted))])
        return (wire.result(invoke_id, wire.CONFIRMED_SET, wire.MDS + found),)

    def _results(self, poll: Poll, update: int, running: _RunningPoll | None) -> Sequence[bytes]:
        """The objects that ``poll`` asks for, as they were at an update."""
        now = self._association
        if now is None:
            return ()
        t_s = max(0.0, update * UPDATE_S)
        mtu = now.profile.mtu_transmit
        found: list[PolledObject] = []
        if poll.object_class == objects.NUMERIC:
            found = self._numerics(now, poll.group, t_s, running)
        elif poll.object_class == objects.ALERT_MONITOR:
            found = [self._alert_monitor(poll.group, t_s, mtu - 64)]
        elif poll.object_class == objects.DEMOGRAPHICS:
            found = [objects.demographics(self._machine.patient)]
        elif poll.object_class == objects.MDS_CLASS:
            found = [objects.mds_object(poll.group, self._mds_attributes(t_s))]
        sequence = 0
        if running is not None:
            sequence = running.sequence
            running.results += 1
        return wire.poll_results(poll, found, ticks=self._ticks(t_s), sequence=sequence, mtu=mtu)

    def _numerics(
        self, now: _Association, group: int, t_s: float, running: _RunningPoll | None
    ) -> list[PolledObject]:
        found, _ = self._screen(t_s)
        if now.numeric_priority:
            by_label = {one.label: one for one in found}
            found = [by_label[label] for label in now.numeric_priority if label in by_label]
        if running is None or group != objects.ALL_GROUPS:
            return [one.polled(group) for one in found]
        if running.results == 0:  # R: the first result of all groups has no values yet
            return [one.polled(group, has_values=False) for one in found]
        # PIPG p. 287: then the context of one object comes with each result.
        turn = running.results % max(1, len(found))
        return [one.polled(group, has_context=n == turn) for n, one in enumerate(found)]

    def _screen(self, t_s: float) -> tuple[list[objects.Numeric], Displayed]:
        shown = self._showing(t_s)
        ended = self._cuff.look(shown.cuff, t_s)
        if ended is not None:
            self._cuff_s = ended.at_s
        cuff_unix_s = None if self._cuff_s is None else self._begin_unix_s + self._cuff_s
        return objects.numerics(shown, cuff_unix_s, self._machine), shown

    def _alert_monitor(self, group: int, t_s: float, room: int) -> PolledObject:
        if group == objects.STATIC:
            return objects.alert_monitor(group, [], changes=0)
        found, shown = self._screen(t_s)
        on = objects.alerts(shown, found, self._machine)
        entries, instances = [], {}
        for alert in on:
            is_new = alert.identity not in self._instances
            if is_new:
                self._last_instance = self._last_instance % 0xFFFF + 1
            instances[alert.identity] = self._instances.get(alert.identity, self._last_instance)
            entries.append((alert, instances[alert.identity], is_new))
        if instances.keys() != self._instances.keys():
            self._alert_changes += 1
        self._instances = instances
        return objects.alert_monitor(
            group, entries, changes=self._alert_changes, mode=self._machine.mode, room=room
        )

    def _mds_attributes(self, t_s: float) -> wire.Attributes:
        return objects.mds_attributes(
            self._machine,
            ticks=self._ticks(t_s),
            now_unix_s=self._begin_unix_s + t_s,
            association=self._associations & 0xFFFF,
        )

    def _ticks(self, t_s: float) -> int:
        return round((self._uptime_s + t_s) * wire.TICKS_PER_S) & 0xFFFFFFFF


def _update(t_s: float) -> int:
    """Number of the last update by ``t_s``; a time that sums up to a hair under it counts."""
    return math.floor(t_s / UPDATE_S + 1e-6)


def _agreed(asked: Profile, offer: Profile) -> Profile:
    """What both sides can do. Extended polls need a period of numerics to be asked for (p. 72)."""
    extension = None
    if asked.extension is not None and offer.extension is not None:
        granted = asked.extension & offer.extension
        extension = granted if granted & wire.NUMERIC_PERIODS else None
    return Profile(
        min_poll_period=max(asked.min_poll_period, offer.min_poll_period),
        mtu_receive=min(asked.mtu_transmit, offer.mtu_receive),
        mtu_transmit=min(asked.mtu_receive, offer.mtu_transmit),
        options=asked.options & offer.options,
        extension=extension,
    )


def _text_ids(labels: Sequence[int]) -> bytes:
    return wire.counted([struct.pack(">I", 0x00020000 | label) for label in labels])


# A client, as an imagined one on the other end of a file says it

CLIENT_EXTENDED_S = 60.0
CLIENT_RENEWS_EVERY_S = 45.0
CLIENT_KEEPS_ALIVE_EVERY_S = 5.0


class BlindClient:
    """Says a client's half without reading the other: nothing in it depends on an answer.

    For every second it lets the monitor send by itself and renews that in time; for longer
    intervals it polls. A poll of the alerts, well within the association's 10 s, keeps it alive.
    """

    def __init__(self, interval_s: int) -> None:
        self._interval_s = interval_s
        self._due: list[tuple[float, str]] | None = None
        self._invoke_id = 0

    def __call__(self, t_s: float) -> tuple[bytes, float]:
        if self._due is None:
            self._due = [(t_s, "associate"), (t_s + 0.5, "confirm"), (t_s + 0.6, "numbers")]
            self._due.append((t_s + 0.7, "alerts"))
        out = bytearray()
        while self._due[0][0] <= t_s:
            due_s, what = self._due.pop(0)
            out += frame(self._said(what))
            if what == "numbers":
                every_s = CLIENT_RENEWS_EVERY_S if self._interval_s == 1 else self._interval_s
                self._due.append((due_s + every_s, what))
            elif what == "alerts":
                self._due.append((due_s + CLIENT_KEEPS_ALIVE_EVERY_S, what))
            self._due.sort()
        return bytes(out), self._due[0][0]

    def _said(self, what: str) -> bytes:
        if what == "associate":
            asked = Profile(min_poll_period=wire.TICKS_PER_S, mtu_receive=1000, mtu_transmit=1000)
            return wire.association_request(asked)
        if what == "confirm":
            return wire.mds_create_result(1, 0)
        self._invoke_id = self._invoke_id % 0xFFFF + 1
        is_alerts = what == "alerts"
        is_extended = not is_alerts and self._interval_s == 1
        poll = Poll(
            invoke_id=self._invoke_id,
            poll_number=self._invoke_id,
            object_class=objects.ALERT_MONITOR if is_alerts else objects.NUMERIC,
            group=objects.ALERTS_GROUP if is_alerts else objects.VALUES,
            is_extended=is_extended,
            active_s=CLIENT_EXTENDED_S if is_extended else 0.0,
        )
        return wire.poll_request(poll)


# Test vectors

# What a vector calls a quantity: (physio ids, unit).
QUANTITIES: Mapping[str, tuple[tuple[int, ...], int]] = {
    "heart_rate": ((objects.ECG_RATE,), objects.BEATS),
    "pulse": ((0x480A,), objects.BEATS),
    "spo2_pulse": ((objects.PULSE,), objects.BEATS),
    "nbp_pulse": ((objects.NIBP_PULSE,), objects.BEATS),
    "pvc_count": ((0x4261,), objects.BEATS),
    "spo2": ((objects.SPO2,), objects.PERCENT),
    "perfusion_index": ((objects.PERFUSION,), objects.NO_UNIT),
    "resp_rate": ((objects.CHEST_BREATHS,), objects.BREATHS),
    "airway_resp_rate": ((objects.AIRWAY_BREATHS,), objects.BREATHS),
    "etco2": ((objects.ETCO2,), objects.MMHG),
    "fico2": ((objects.FICO2,), objects.MMHG),
    "nbp": (
        (objects.NIBP_SYSTOLIC, objects.NIBP_DIASTOLIC, objects.NIBP_MEAN),
        objects.MMHG,
    ),
    "abp": ((objects.ABP_SYSTOLIC, objects.ABP_DIASTOLIC, objects.ABP_MEAN), objects.MMHG),
    "temperature": ((objects.TEMPERATURE,), objects.CELSIUS),
    "core_temperature": ((0x4B60,), objects.CELSIUS),
    "skin_temperature": ((0x4B74,), objects.CELSIUS),
    "oesophageal_temperature": ((0x4B64,), objects.CELSIUS),
    "tympanic_temperature": ((0x4B78,), objects.CELSIUS),
    "nasopharyngeal_temperature": ((0x4B6C,), objects.CELSIUS),
    "airway_temperature": ((0x4B54,), objects.CELSIUS),
    "blood_temperature": ((0xE014,), objects.CELSIUS),
    "rectal_temperature": ((0xE004,), objects.CELSIUS),
}
UNITS = {
    "mmHg": objects.MMHG,
    "kPa": objects.KPA,
    "degC": objects.CELSIUS,
    "degF": objects.FAHRENHEIT,
    "%": objects.PERCENT,
}
STATES = {
    "invalid": objects.INVALID,
    "questionable": objects.QUESTIONABLE,
    "unavailable": objects.UNAVAILABLE,
    "calibrating": 0x1000,
    "test": objects.TEST_DATA,
    "demo": objects.DEMO_DATA,
    "validated": 0x0080,
    "early": 0x0040,
    "measuring": objects.ONGOING,
    "in_alarm": objects.IN_ALARM,
    "inhibited": objects.ALARM_INHIBITED,
}
WITHOUT_STRING = 0x0201


def vector_frame(values: Mapping[str, Any]) -> bytes:
    """One frame from the words of a test vector; tests/vectors/philips_intellivue.toml says which.

    Raises ValueError for a word that is not known here, so that no vector passes for nothing.
    """
    given = dict(values)
    kind = given.pop("kind")
    if kind not in _VECTORS:
        raise ValueError(f"vector: expected a kind of {', '.join(_VECTORS)}, got {kind}")
    message = _VECTORS[kind](given)
    if given:
        raise ValueError(f"vector: expected only documented keys, got {', '.join(sorted(given))}")
    return frame(message)


def _response_vector(given: dict[str, Any]) -> bytes:
    mtu = given.pop("mtu")
    return wire.association_response(
        Profile(
            min_poll_period=given.pop("min_poll_period"),
            mtu_receive=mtu,
            mtu_transmit=mtu,
            extension=given.pop("grants"),
        )
    )


def _mds_create_vector(given: dict[str, Any]) -> bytes:
    maker, model = given.pop("model")
    attributes = [
        (0x0986, struct.pack(">HH", wire.OBJECTS, 0x114D)),
        (0x0928, wire.label(maker) + wire.label(model)),
        (0x0946, struct.pack(">H", objects.OPERATING_MODE[objects.Mode(given.pop("mode"))])),
    ]
    if "bed_label" in given:
        attributes.append((0x091E, wire.text(given.pop("bed_label"))))
    attributes += [
        (0x0987, _vector_time(given.pop("absolute_time", None))),
        (0x098F, struct.pack(">I", given.pop("relative_time"))),
        (0x09A7, b"\x00\x06"),
    ]
    return wire.mds_create_event(given.pop("invoke_id"), given.pop("event_time"), attributes)


def _numerics_vector(given: dict[str, Any]) -> bytes:
    return _poll_vector(
        given, objects.NUMERIC, [_vector_object(dict(one)) for one in given.pop("objects")]
    )


def _vector_object(given: dict[str, Any]) -> PolledObject:
    physio_ids, unit = QUANTITIES[given.pop("shows")]
    unit = UNITS[given.pop("unit")] if "unit" in given else unit
    state = sum(STATES[bit] for bit in given.pop("state", ()))
    decimals, special = given.pop("decimals", 0), given.pop("special", None)
    names = ("value",) if len(physio_ids) == 1 else ("systolic", "diastolic", "mean")
    numbers = [
        struct.pack(">HHH", physio_id, state, unit)
        + wire.number(given.pop(name, special), decimals)
        for physio_id, name in zip(physio_ids, names, strict=True)
    ]
    attributes = []
    if "taken_at" in given:
        attributes.append((0x0990, _vector_time(given.pop("taken_at"))))
    if len(numbers) == 1:
        attributes.append((0x0950, numbers[0]))
    else:
        attributes.append((0x094B, wire.counted(numbers)))
    found = PolledObject(given.pop("context", 1), given.pop("handle"), attributes)
    if given:
        raise ValueError(f"vector: expected only documented keys, got {', '.join(sorted(given))}")
    return found


def _alerts_vector(given: dict[str, Any]) -> bytes:
    keys = ("alarm_state", "change_counter", "max_patient", "max_technical", "max_audible")
    condition = struct.pack(">5H", *(given.pop(key) for key in keys))
    lists: dict[str, list[bytes]] = {"patient": [], "technical": []}
    for alarm in given.pop("alarms"):
        numbers = (alarm[key] for key in ("instance", "text_id", "priority", "flags"))
        info = struct.pack(">HIHH", *numbers)
        info_id = WITHOUT_STRING
        if "text" in alarm:
            info, info_id = info + wire.text(alarm["text"]), objects.WITH_STRING
        head = (alarm[key] for key in ("source", "code", "type", "state_bits"))
        entry = struct.pack(">7H", *head, *alarm["object"])
        lists[alarm["list"]].append(entry + struct.pack(">HH", info_id, len(info)) + info)
    attributes = [
        (0x0916, condition),
        (0x0902, wire.counted(lists["patient"])),
        (0x0904, wire.counted(lists["technical"])),
    ]
    found = PolledObject(0, given.pop("handle"), attributes)
    return _poll_vector(given, objects.ALERT_MONITOR, [found])


def _poll_vector(given: dict[str, Any], object_class: int, found: list[PolledObject]) -> bytes:
    poll = Poll(
        invoke_id=given.pop("invoke_id"),
        poll_number=given.pop("poll_number"),
        object_class=object_class,
        group=given.pop("group"),
        is_extended="sequence_no" in given,
    )
    argument = wire.poll_argument(
        poll,
        found,
        ticks=given.pop("relative_time"),
        sequence=given.pop("sequence_no", 0),
        time=_vector_time(given.pop("absolute_time", None)),
    )
    if "linked" in given:
        state, count = given.pop("linked")
        return wire.linked_result(state, count, poll.invoke_id, wire.ACTION, argument)
    return wire.result(poll.invoke_id, wire.ACTION, argument)


def _vector_time(written: str | None) -> bytes:
    if written is None:
        return wire.NO_TIME
    moment = datetime.fromisoformat(written).replace(tzinfo=UTC)
    hundredths = f"{moment.microsecond // 10_000:02d}"
    return wire.absolute_time(moment.timestamp())[:7] + bytes.fromhex(hundredths)


_VECTORS: Mapping[str, Callable[[dict[str, Any]], bytes]] = {
    "association response": _response_vector,
    "mds create": _mds_create_vector,
    "refuse": lambda _given: bytes([wire.REFUSAL]),
    "release request": lambda _given: wire.RELEASE_REQUEST,
    "release response": lambda _given: wire.RELEASE_RESPONSE,
    "abort": lambda _given: wire.ABORT,
    "error": lambda given: wire.error(given.pop("invoke_id"), given.pop("error")),
    "numerics": _numerics_vector,
    "alerts": _alerts_vector,
}
