"""How is a message of the Philips Data Export protocol written down, and how is it read?

    C0 | escaped(11 01, u16 length, message, FCS) | C1      FCS low byte first, all else big-endian

Frames, basic types, association messages and remote operations; nothing here knows a patient.
Source: Philips IntelliVue Data Export Interface Programming Guide (PIPG), pages as public projects
quote them; R marks what a public capture of the serial port shows.
"""

import math
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

# Framing (PIPG p. 30-31).
BOF, EOF, ESCAPE, FLIP = 0xC0, 0xC1, 0x7D, 0x20
HEADER = b"\x11\x01"  # protocol Data Export, message type
LONGEST_MESSAGE = 4096
NEEDS_ESCAPE = re.compile(rb"[\xc0\xc1\x7d]")
ESCAPED = re.compile(rb"\x7d(.)", re.DOTALL)
WHOLLY_ESCAPED = re.compile(rb"(?:[^\x7d]|\x7d.)*", re.DOTALL)

# Association messages are told apart by their first byte (PIPG p. 72).
REQUEST, RESPONSE, REFUSAL, RELEASE, RELEASED, ABORTED, DATA = 0x0D, 0x0E, 0x0C, 9, 0x0A, 0x19, 0xE1

SESSION = bytes.fromhex("0508130100160102800014020002")
REQUEST_PRESENTATION = bytes.fromhex("""
    3180a0808001010000a280a003000001a480308002010106045201000130800602510100000000308002
    0102060c2a8648ce14020100000001013080060c2a8648ce140201000000020100000000000061803080
    020101a0806080a180060c2a8648ce14020100000003010000be802880060c2a8648ce14020100000001
    0102010281""")
RESPONSE_PRESENTATION = bytes.fromhex("""
    3180a0808001010000a280a003000001a58030808001008102510100003080800100810c2a8648ce1402
    0100000002010000000061803080020101a0806180a180060c2a8648ce14020100000003010000a20302
    0100a305a103020100be80288002010281""")
BEFORE_USER_DATA = bytes.fromhex("010102010281")  # in a request
TRAILER = bytes(16)

RELEASE_REQUEST = bytes.fromhex("0918c11661803080020101a08062808001000000000000000000")
RELEASE_RESPONSE = bytes.fromhex("0a18c11661803080020101a08063808001000000000000000000")
ABORT = bytes.fromhex("""
    192e110103c129a080a0803080020101060251010000000061803080020101a08064808001010000000000
    0000000000""")

PROTOCOL_VERSION, NOMENCLATURE_VERSION = 0x80000000, 0x40000000
CLIENT, SERVER = 0x80000000, 0x00800000
COLD_START, HOT_START = 0x20000000, 0x80000000
POLL_PROFILE, POLL_PROFILE_EXTENSION = 0x0001, 0xF001
REVISION = 0x80000000
SMALLEST_MTU = 300
NUMERIC_PERIODS = 0xF0000000  # without one of these bits the extension is ignored (PIPG p. 72)

# Remote operations (PIPG p. 43-50).
SESSION_ID, PRESENTATION_CONTEXT = 0xE100, 2
ROIV, RORS, ROER, ROLRS = 1, 2, 3, 5
CONFIRMED_EVENT, GET, SET, CONFIRMED_SET, ACTION = 1, 3, 4, 5, 7
FIRST, MIDDLE, LAST = 1, 2, 3  # of the linked results; an unlinked one follows
MDS = struct.pack(">HHH", 0x0021, 0, 0)  # the monitor itself, as a managed object
MDS_CREATE = 0x0D06
SINGLE_POLL, EXTENDED_POLL = 0x0C16, 0xF13B
ACTIVE_PERIOD = 0xF13E
OBJECTS = 1  # the partition of object classes

TICKS_PER_S = 8000  # RelativeTime counts eighths of a millisecond
NO_TIME = b"\xff" * 8

# FLOAT-Type: a mantissa that is no number.
SPECIAL_MANTISSA = {
    "nan": 0x7FFFFF,
    "nres": 0x800000,
    "+inf": 0x7FFFFE,
    "-inf": 0x800002,
    "reserved": 0x800001,
}

Attributes = Sequence[tuple[int, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What one side of an association says it can do (PIPG p. 69-71); periods in 1/8 ms.

    ``extension`` are the bits of extended polls; None: the package is not there.
    """

    min_poll_period: int = 4000
    mtu_receive: int = 996
    mtu_transmit: int = 996
    options: int = 0x60000000
    extension: int | None = 0x8E000000


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """What a client wants to know: class and attribute group of the objects (PIPG p. 55, 59).

    ``active_s`` is for how long an extended poll runs; None in a single one.
    """

    invoke_id: int
    poll_number: int
    object_class: int
    group: int
    is_extended: bool = False
    active_s: float = 0.0


@dataclass(frozen=True, slots=True)
class PolledObject:
    """One object in a poll result; its handle is unique within its MDS context only."""

    context: int
    handle: int
    attributes: Attributes


def frame(message: bytes) -> bytes:
    """One message between BOF and EOF."""
    content = HEADER + struct.pack(">H", len(message)) + message
    content += struct.pack("<H", fcs(content))
    escaped = NEEDS_ESCAPE.sub(lambda found: bytes([ESCAPE, found[0][0] ^ FLIP]), content)
    return bytes([BOF]) + escaped + bytes([EOF])


def fcs(content: bytes) -> int:
    """The frame check of PPP and IrDA, CRC-16/X-25."""
    crc = 0xFFFF
    for byte in content:
        crc = crc >> 8 ^ _FCS_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFF


def _fcs_table() -> list[int]:
    table = []
    for crc in range(256):
        for _ in range(8):
            crc = crc >> 1 ^ (0x8408 if crc & 1 else 0)
        table.append(crc)
    return table


_FCS_TABLE = _fcs_table()


class Unframer:
    """Bytes in, whole messages out. What is damaged is dropped in silence: no layer repeats it."""

    def __init__(self) -> None:
        self._frame: bytearray | None = None  # None: outside a frame

    def feed(self, data: bytes) -> list[bytes]:
        messages = []
        for byte in data:
            if byte == BOF:  # also inside a frame: what came before it is lost
                self._frame = bytearray()
            elif self._frame is None:
                continue
            elif byte == EOF:
                message = _message(bytes(self._frame))
                self._frame = None
                if message is not None:
                    messages.append(message)
            elif len(self._frame) > 2 * LONGEST_MESSAGE + 12:
                self._frame = None
            else:
                self._frame.append(byte)
        return messages


def _message(escaped: bytes) -> bytes | None:
    """The message between BOF and EOF; None when it is damaged, or ends in an abort (7D C1)."""
    if not WHOLLY_ESCAPED.fullmatch(escaped):
        return None
    content = ESCAPED.sub(lambda found: bytes([found[1][0] ^ FLIP]), escaped)
    message = content[4:-2]
    is_sound = (
        0 < len(message) <= LONGEST_MESSAGE
        and content[:2] == HEADER
        and content[2:4] == struct.pack(">H", len(message))
        and content[-2:] == struct.pack("<H", fcs(content[:-2]))
    )
    return message if is_sound else None


def number(value: float | str | None, decimals: int = 0) -> bytes:
    """FLOAT-Type (PIPG p. 40): ``value`` with ``decimals`` places; None: no number.

    A name of SPECIAL_MANTISSA stands for itself.
    """
    if value is None or isinstance(value, str):
        return struct.pack(">I", SPECIAL_MANTISSA["nan" if value is None else value])
    mantissa = math.floor(value * 10**decimals + 0.5)
    return struct.pack(">I", (-decimals & 0xFF) << 24 | mantissa & 0xFFFFFF)


def absolute_time(unix_s: float | None) -> bytes:
    """AbsoluteTime: century to second in BCD, hundredths 00 (R); None: not available."""
    if unix_s is None:
        return NO_TIME
    # A time that sums up to a hair under its second still belongs to that second.
    moment = datetime.fromtimestamp(math.floor(unix_s + 1e-3), UTC)
    return bytes.fromhex(f"{moment:%Y%m%d%H%M%S}00")


def attribute_list(attributes: Attributes) -> bytes:
    return counted([struct.pack(">HH", oid, len(value)) + value for oid, value in attributes])


def counted(entries: Sequence[bytes]) -> bytes:
    """A list as the protocol writes all of them: u16 count, u16 length, entries."""
    content = b"".join(entries)
    return struct.pack(">HH", len(entries), len(content)) + content


def text(string: str, size: int | None = None) -> bytes:
    """A String: u16 length, then UTF-16BE with a zero at its end, padded to ``size`` bytes."""
    content = (string + "\0").encode("utf-16-be")
    if size is not None:
        content = content[: size - 2].ljust(size, b"\0")
    return struct.pack(">H", len(content)) + content


def label(string: str) -> bytes:
    """A VariableLabel: u16 length, then bytes, padded to an even number."""
    content = string.encode("ascii") + b"\0"
    content += b"\0" * (len(content) % 2)
    return struct.pack(">H", len(content)) + content


# Association (PIPG p. 67-73, 298-304)


def association_request(profile: Profile, *, li: int = 1, asn: int = 1) -> bytes:
    """What a client opens with. ``li`` and ``asn``: least bytes that the lengths take (1 to 3)."""
    return _association(REQUEST, REQUEST_PRESENTATION, _user_info(CLIENT, profile), li, asn)


def association_response(profile: Profile) -> bytes:
    """The monitor's yes; with the Profile's default values it is the one of R."""
    return _association(RESPONSE, RESPONSE_PRESENTATION, _user_info(SERVER, profile), 1, 1)


def _association(kind: int, presentation: bytes, user_info: bytes, li: int, asn: int) -> bytes:
    user_data = _asn_length(len(user_info), asn) + user_info
    inner = presentation + user_data + TRAILER
    content = SESSION + b"\xc1" + _li(len(inner), li) + inner
    return bytes([kind]) + _li(len(content), li) + content


def _user_info(system: int, profile: Profile) -> bytes:
    """MDSEUserInfoStd."""
    extension: list[tuple[int, bytes]] = []
    if profile.extension is not None:
        bits = struct.pack(">I", profile.extension) + attribute_list([])
        extension.append((POLL_PROFILE_EXTENSION, bits))
    poll_profile = struct.pack(
        ">IIIIII",
        REVISION,
        profile.min_poll_period,
        profile.mtu_receive,
        profile.mtu_transmit,
        0xFFFFFFFF,  # bandwidth: unbounded
        profile.options,
    ) + attribute_list(extension)
    start = COLD_START if system == CLIENT else HOT_START
    versions = struct.pack(">IIIII", PROTOCOL_VERSION, NOMENCLATURE_VERSION, 0, system, start)
    return versions + attribute_list([]) + attribute_list([(POLL_PROFILE, poll_profile)])


def _li(length: int, least: int = 1) -> bytes:
    return bytes([length]) if length <= 254 and least < 2 else b"\xff" + struct.pack(">H", length)


def _asn_length(length: int, least: int = 1) -> bytes:
    if length <= 127 and least < 2:
        return bytes([length])
    if length <= 255 and least < 3:
        return bytes([0x81, length])
    return b"\x82" + struct.pack(">H", length)


def read_association_request(message: bytes) -> Profile | None:
    """What a client can do; None where it is no client, or not one of this protocol.

    The lengths of the session and presentation headers need no reading: the user data follow a
    block that never changes, whichever form the lengths before it take.
    """
    before, found, user_data = message.partition(BEFORE_USER_DATA)
    if not before or not found or not user_data:
        return None
    form, user_data = user_data[0], user_data[1:]
    if form > 127:
        size = form & 0x7F
        length, user_data = int.from_bytes(user_data[:size]), user_data[size:]
    else:
        length = form
    if len(user_data) < length or length < 24:
        return None
    protocol, _, _, system = struct.unpack_from(">IIII", user_data)
    _, options_end = _attributes(user_data[:length], 20)
    profiles, _ = _attributes(user_data[:length], options_end)
    poll_profile = profiles.get(POLL_PROFILE, b"")
    if not protocol & PROTOCOL_VERSION or not system & CLIENT or len(poll_profile) < 24:
        return None
    _, period, receive, transmit, _, options = struct.unpack_from(">IIIIII", poll_profile)
    extension = _attributes(poll_profile, 24)[0].get(POLL_PROFILE_EXTENSION, b"")
    return Profile(
        min_poll_period=period,
        mtu_receive=receive,
        mtu_transmit=transmit,
        options=options,
        extension=struct.unpack_from(">I", extension)[0] if len(extension) >= 4 else None,
    )


def _attributes(content: bytes, at: int) -> tuple[dict[int, bytes], int]:
    """The attribute list at ``at`` as far as it is whole, and where it ends."""
    if len(content) < at + 4:
        return {}, at
    _, length = struct.unpack_from(">HH", content, at)
    at, end = at + 4, at + 4 + length
    content, found = content[:end], {}
    while len(content) >= at + 4:
        oid, size = struct.unpack_from(">HH", content, at)
        found[oid] = content[at + 4 : at + 4 + size]
        at += 4 + size
    return found, end


# Remote operations (PIPG p. 43-64)


def _data(ro_type: int, content: bytes) -> bytes:
    head = struct.pack(">HHHH", SESSION_ID, PRESENTATION_CONTEXT, ro_type, len(content))
    return head + content


def invoke(invoke_id: int, command: int, argument: bytes) -> bytes:
    return _data(ROIV, struct.pack(">HHH", invoke_id, command, len(argument)) + argument)


def result(invoke_id: int, command: int, argument: bytes) -> bytes:
    return _data(RORS, struct.pack(">HHH", invoke_id, command, len(argument)) + argument)


def linked_result(state: int, count: int, invoke_id: int, command: int, argument: bytes) -> bytes:
    head = struct.pack(">BBHHH", state, count & 0xFF, invoke_id, command, len(argument))
    return _data(ROLRS, head + argument)


def error(invoke_id: int, value: int, detail: bytes = b"") -> bytes:
    return _data(ROER, struct.pack(">HHH", invoke_id, value, len(detail)) + detail)


def mds_create_event(invoke_id: int, ticks: int, attributes: Attributes) -> bytes:
    """The monitor introduces itself (PIPG p. 111)."""
    info = MDS + attribute_list(attributes)
    head = MDS + struct.pack(">IHH", ticks & 0xFFFFFFFF, MDS_CREATE, len(info))
    return invoke(invoke_id, CONFIRMED_EVENT, head + info)


def mds_create_result(invoke_id: int, ticks: int) -> bytes:
    """The client's answer to that."""
    argument = MDS + struct.pack(">IHH", ticks & 0xFFFFFFFF, MDS_CREATE, 0)
    return result(invoke_id, CONFIRMED_EVENT, argument)


def poll_request(poll: Poll) -> bytes:
    data = struct.pack(">HHHH", poll.poll_number, OBJECTS, poll.object_class, poll.group)
    if poll.is_extended:
        ticks = round(poll.active_s * TICKS_PER_S)
        data += attribute_list([(ACTIVE_PERIOD, struct.pack(">I", ticks))])
    kind = EXTENDED_POLL if poll.is_extended else SINGLE_POLL
    argument = MDS + struct.pack(">IHH", 0, kind, len(data)) + data  # the 0 is the scope
    return invoke(poll.invoke_id, ACTION, argument)


def read_poll(invoke_id: int, kind: int, data: bytes) -> Poll | None:
    """The poll in the data of an action; None when it asks for no object class, or is cut off."""
    if len(data) < 8:
        return None
    poll_number, partition, object_class, group = struct.unpack_from(">HHHH", data)
    if partition != OBJECTS:
        return None
    period = _attributes(data, 8)[0].get(ACTIVE_PERIOD, b"")
    return Poll(
        invoke_id=invoke_id,
        poll_number=poll_number,
        object_class=object_class,
        group=group,
        is_extended=kind == EXTENDED_POLL,
        active_s=int.from_bytes(period[:4]) / TICKS_PER_S,
    )


def poll_results(
    poll: Poll, objects: Sequence[PolledObject], *, ticks: int, sequence: int, mtu: int
) -> list[bytes]:
    """The answer to a poll: one message, or a chain that an empty one ends (PIPG p. 58; R).

    ``ticks`` is when the values were so; ``sequence`` counts the results of an extended poll. An
    object is never cut: one that is longer than the MTU goes as it is.
    """

    def argument(some: Sequence[PolledObject]) -> bytes:
        return poll_argument(poll, some, ticks=ticks, sequence=sequence)

    pieces: list[list[PolledObject]] = [[]]
    for one in objects:
        # 16: the two headers before a linked result's argument.
        if pieces[-1] and 16 + len(argument([*pieces[-1], one])) > mtu:
            pieces.append([])
        pieces[-1].append(one)
    last = result(poll.invoke_id, ACTION, argument(pieces[0] if len(pieces) == 1 else []))
    if len(pieces) == 1:
        return [last]
    states = [FIRST] + [MIDDLE] * (len(pieces) - 2) + [LAST]
    chain = [
        linked_result(state, count, poll.invoke_id, ACTION, argument(piece))
        for count, (state, piece) in enumerate(zip(states, pieces, strict=True), start=1)
    ]
    return [*chain, last]


def poll_argument(
    poll: Poll, objects: Sequence[PolledObject], *, ticks: int, sequence: int, time: bytes = NO_TIME
) -> bytes:
    """One result of a poll, from the object that answers on; a sequence number if extended."""
    kind, data = SINGLE_POLL, struct.pack(">H", poll.poll_number)
    if poll.is_extended:
        kind, data = EXTENDED_POLL, data + struct.pack(">H", sequence & 0xFFFF)
    data += struct.pack(">I", ticks & 0xFFFFFFFF) + time
    data += struct.pack(">HHH", OBJECTS, poll.object_class, poll.group) + _poll_info(objects)
    return MDS + struct.pack(">HH", kind, len(data)) + data


def _poll_info(objects: Sequence[PolledObject]) -> bytes:
    """PollInfoList: a list for each MDS context, in the order in which contexts first appear."""
    contexts: dict[int, list[bytes]] = {}
    for one in objects:
        entry = struct.pack(">H", one.handle) + attribute_list(one.attributes)
        contexts.setdefault(one.context, []).append(entry)
    return counted(
        [struct.pack(">H", context) + counted(entries) for context, entries in contexts.items()]
    )
