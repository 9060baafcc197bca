"""What does a GE Datex-Ohmeda bedside monitor say on its computer interface, byte for byte?

    7E | escaped(record, checksum) | 7E      19200 8E1, RTS/CTS; the client asks, the monitor sends

``Monitor`` is one monitor without port or clock: bytes heard and a time go in, bytes come out. The
functions below it build single records and frames for tests and benchmarks.
Source: S/5 Computer Interface Specification M1017617 and S/5 Record Specification 8005313, both in
the 12th edition; details marked R are as seen in public captures of a level 10 monitor.
"""

import math
import struct
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from simulators.displayed import Displayed, Module, RateSource

BAUD = 19200
PARITY = "E"

FLAG, ESCAPE = 0x7E, 0x7D
HEADER_SIZE = 40
LONGEST_RECORD = HEADER_SIZE + 1450
NO_MORE_SUBRECORDS = 0xFF

PHYSIOLOGICAL, ALARM = 0, 4  # r_maintype; a waveform request (1) is heard and not answered
DISPLAYED, TREND_10_S, TREND_60_S = 1, 2, 3  # phdb_rcrd_type, and the subrecord type of the answer
TREND_PERIOD_S = {TREND_10_S: 10.0, TREND_60_S: 60.0}
ALARM_STATUS = 1

BASIC, EXT1, EXT2, EXT3 = range(4)
ALL_CLASSES = (BASIC, EXT1, EXT2, EXT3)

SINGLE_SHOT, STOP = -1, 0
SINGLE_SHOT_EVERY_S = 5.0
ALARMS_EVERY_S = 2.0

# Section "special values": everything at or below -32001 means that there is no number.
SPECIAL = {
    "unavailable": -32767,
    "not_updated": -32766,
    "discontinuity": -32765,
    "under_range": -32764,
    "over_range": -32763,
    "not_calibrated": -32762,
}
NO_DATA = SPECIAL["unavailable"]
SMALLEST, LARGEST = -32000, 32767

EXISTS, ACTIVE = 0x1, 0x2

# Offset of each group's header (u32 status, u16 label) in the 270 bytes of the basic class.
GROUPS = {
    "ecg": 0,
    "p1": 16,
    "p2": 30,
    "p3": 44,
    "p4": 58,
    "nibp": 72,
    "t1": 86,
    "t2": 94,
    "t3": 102,
    "t4": 110,
    "spo2": 118,
    "co2": 132,
    "o2": 146,
    "n2o": 156,
    "agent": 166,
    "flow": 178,
    "cardiac_output": 200,
    "nmt": 214,
    "svo2": 232,
    "p5": 240,
    "p6": 254,
}
GROUP_HEADER = struct.Struct("<IH")
BASIC_SIZE = 270
BASIC_RESERVED = 268  # the last two bytes

# Value: (group, offset in the basic class, how many units of the wire make one of ours).
VALUES = {
    "heart_rate": ("ecg", 6, 1),
    "st_1_mm": ("ecg", 8, 100),
    "st_2_mm": ("ecg", 10, 100),
    "st_3_mm": ("ecg", 12, 100),
    "imp_resp_rate": ("ecg", 14, 1),
    "ecg_heart_rate": ("ecg", 226, 1),  # stands apart from its group, without a header
    "ibp1_systolic": ("p1", 22, 100),
    "ibp1_diastolic": ("p1", 24, 100),
    "ibp1_mean": ("p1", 26, 100),
    "ibp2_systolic": ("p2", 36, 100),
    "ibp2_diastolic": ("p2", 38, 100),
    "ibp2_mean": ("p2", 40, 100),
    "nibp_systolic": ("nibp", 78, 100),
    "nibp_diastolic": ("nibp", 80, 100),
    "nibp_mean": ("nibp", 82, 100),
    "nibp_pulse": ("nibp", 84, 1),
    "temperature_1": ("t1", 92, 100),
    "temperature_2": ("t2", 100, 100),
    "spo2": ("spo2", 124, 100),
    "spo2_pulse": ("spo2", 126, 1),
    "pleth_modulation": ("spo2", 128, 100),
    "etco2_pct": ("co2", 138, 100),
    "fico2_pct": ("co2", 140, 100),
    "co2_resp_rate": ("co2", 142, 1),
    "ambient_pressure_mmhg": ("co2", 144, 10),
}

# ECG status: bits 3-6 say where the heart rate comes from.
HR_SOURCE = {"none": 0, "ecg": 1, "p1": 2, "p2": 3, "p3": 4, "p4": 5, "spo2": 6, "ecg_mortara": 9}
HR_SOURCE_SHIFT = 3
ECG_NOISE, ECG_ARTEFACT = 1 << 7, 1 << 8
ECG_LEADS_OFF = 0b111 << 11

# NIBP label: R has bits 0 and 1 set in every record; they are reserved, and a client masks them.
NIBP_RESERVED = 0b11
NIBP_AUTO, NIBP_MEASURING, NIBP_OLDER_THAN_60_S = 1 << 3, 1 << 5, 1 << 8
TEMPERATURE_CORE = 15
CO2_RATE_FROM_CO2 = 1

# Where a level 10 monitor puts "no data" in the extended classes (first and last offset, R). All
# else is zero there, so that every group's status says: no such module.
EXTENDED_NO_DATA = {
    EXT1: ((6, 10), (54, 54), (58, 76), (84, 90), (98, 104), (112, 118)),
    EXT2: ((6, 12), (30, 94), (102, 108), (236, 236)),
    EXT3: ((6, 12), (20, 44), (66, 68), (76, 90), (122, 124), (132, 132)),
}

ALARM_BOXES, ALARM_TEXT_SIZE = 5, 80
ALARM_WHITE, ALARM_YELLOW = 1, 2

Value = float | str | None  # None: no data; str: one of SPECIAL


@dataclass(slots=True)
class _Transmission:
    """One kind of physiological record that the client has asked for."""

    every_s: float
    classes: tuple[int, ...]
    next_s: float


class Monitor:
    """One bedside monitor and its client's wishes; no port, no clock.

    ``showing(t_s)`` gives the screen at a time of the scenario; ``begin_unix_s`` is the monitor's
    own clock at scenario time zero. ``min_interval_s`` is the shortest interval it agrees to send
    displayed values at: by the manual 5 s, and 1 s on a level 10 monitor (R). ``plug_id`` is the
    sender's number in every header (0 in R).
    """

    def __init__(
        self,
        showing: Callable[[float], Displayed],
        *,
        begin_unix_s: float = 0.0,
        level: int = 10,
        min_interval_s: int | None = None,
        plug_id: int = 0,
    ) -> None:
        self._showing = showing
        self._begin_unix_s = begin_unix_s
        self._level, self._plug_id = level, plug_id
        self._min_interval_s = min_interval_s or (1 if level >= 10 else 5)
        self._heard = bytearray()
        self._transmissions: dict[int, _Transmission] = {}
        self._single: tuple[int, ...] = ()  # classes of a single shot that is due
        self._last_single_s = -math.inf
        self._counters: defaultdict[int, int] = defaultdict(int)
        self._alarm_status_is_due = False
        self._alarms_told: tuple[tuple[str, int], ...] = ()
        self._next_alarms_s = math.inf  # inf: not in differential mode

    def heard(self, data: bytes, t_s: float) -> bytes:
        """Take in what the client sent; return what the monitor sends at once because of it.

        Whatever is no well-formed request is ignored without an answer, as the protocol has none.
        """
        self._heard += data
        *pieces, rest = bytes(self._heard).split(bytes([FLAG]))
        self._heard = bytearray(rest[-2 * LONGEST_RECORD :])  # bounded, whatever the line brings
        for piece in pieces:
            request = _unframed(piece)
            if request is not None:
                self._obey(request, t_s)
        return self.due(t_s)[0]

    def due(self, t_s: float) -> tuple[bytes, float]:
        """The bytes due by ``t_s``, and when to ask again (inf: not before the client speaks)."""
        out = bytearray()
        if self._single:
            out += self._physiological(DISPLAYED, self._single, t_s)
            self._single = ()
        for kind, wanted in self._running():
            if wanted.next_s <= t_s:
                out += self._physiological(kind, wanted.classes, t_s)
                # After a pause the missed records are gone; the beat stays.
                missed = math.floor((t_s - wanted.next_s) / wanted.every_s)
                wanted.next_s += (missed + 1) * wanted.every_s
        if self._alarm_status_is_due or self._next_alarms_s <= t_s:
            out += self._alarms(t_s)
        next_s = min((wanted.next_s for _, wanted in self._running()), default=math.inf)
        return bytes(out), min(next_s, self._next_alarms_s)

    def _running(self) -> list[tuple[int, _Transmission]]:
        """Trends flow only while displayed values do (Source: data request)."""
        return list(self._transmissions.items()) if DISPLAYED in self._transmissions else []

    def _obey(self, request: bytes, t_s: float) -> None:
        main_type, body = struct.unpack_from("<H", request, 14)[0], request[HEADER_SIZE:]
        if main_type == PHYSIOLOGICAL and len(body) >= 9:
            kind, tx_ival, class_bits = struct.unpack_from("<BhI", body)
            self._obey_physiological(kind, tx_ival, class_bits, t_s)
        elif main_type == ALARM and len(body) >= 12 and self._level >= 10:
            self._obey_alarm(struct.unpack_from("<h", body)[0], t_s)

    def _obey_physiological(self, kind: int, tx_ival: int, class_bits: int, t_s: float) -> None:
        # Bit 0 denies the basic class; bits 1 to 3 ask for the extended ones.
        classes = tuple(
            number for number in ALL_CLASSES if bool(class_bits >> number & 1) != (number == BASIC)
        )
        if kind not in (DISPLAYED, *TREND_PERIOD_S):
            return
        if tx_ival == STOP or not classes:
            self._transmissions.pop(kind, None)
        elif tx_ival == SINGLE_SHOT and kind == DISPLAYED:
            # The manual does not say that it ends a running transmission, so it does not.
            if t_s - self._last_single_s >= SINGLE_SHOT_EVERY_S:
                self._single, self._last_single_s = classes, t_s
        elif tx_ival >= (self._min_interval_s if kind == DISPLAYED else 1):
            every_s = TREND_PERIOD_S.get(kind, float(tx_ival))
            before = self._transmissions.get(kind)
            if before is None:
                next_s = t_s if kind == DISPLAYED else t_s + every_s
            else:
                # Three requests in a row must not bring three records in the same second.
                next_s = before.next_s - before.every_s + every_s
            self._transmissions[kind] = _Transmission(every_s, classes, next_s)

    def _obey_alarm(self, command: int, t_s: float) -> None:
        if command in (0, 2):
            self._alarm_status_is_due = True
        if command == 2:
            self._next_alarms_s = t_s
        elif command == 3:
            self._next_alarms_s = math.inf

    def _physiological(self, kind: int, classes: Sequence[int], t_s: float) -> bytes:
        record = physiological_record(
            self._showing(t_s),
            r_nbr=self._count(PHYSIOLOGICAL),
            time_unix_s=self._time(t_s),
            level=self._level,
            classes=classes,
            kind=kind,
            plug_id=self._plug_id,
        )
        return frame(record)

    def _alarms(self, t_s: float) -> bytes:
        """The alarm status, when it was asked for or has changed."""
        if self._next_alarms_s <= t_s:
            self._next_alarms_s = t_s + ALARMS_EVERY_S
        alarms = technical_alarms(self._showing(t_s))
        if not self._alarm_status_is_due and alarms == self._alarms_told:
            return b""
        self._alarm_status_is_due, self._alarms_told = False, alarms
        record = alarm_record(
            alarms,
            r_nbr=self._count(ALARM),
            time_unix_s=self._time(t_s),
            level=self._level,
            plug_id=self._plug_id,
        )
        return frame(record)

    def _count(self, main_type: int) -> int:
        """The next r_nbr: one counter for each main type, wrapping at 256 (R)."""
        number = self._counters[main_type]
        self._counters[main_type] = (number + 1) % 256
        return number

    def _time(self, t_s: float) -> int:
        # A due time that sums up to a hair under its second still belongs to that second.
        return math.floor(self._begin_unix_s + t_s + 1e-3)


def frame(record: bytes) -> bytes:
    """The record with its checksum, escaped, between two flags. Source: framing."""
    content = record + bytes([sum(record) & 0xFF])
    # The escape itself first, or the escapes made for the flag would be escaped again.
    content = content.replace(b"\x7d", b"\x7d\x5d").replace(b"\x7e", b"\x7d\x5e")
    return b"\x7e" + content + b"\x7e"


def physiological_record(
    shown: Displayed,
    *,
    r_nbr: int,
    time_unix_s: int,
    level: int = 10,
    classes: Sequence[int] = ALL_CLASSES,
    kind: int = DISPLAYED,
    plug_id: int = 0,
) -> bytes:
    """One record of the screen, 40 + 278 bytes a class, not yet framed.

    The extended classes (ext1-3) hold no data. ``kind`` is DISPLAYED or a trend.
    """
    filled = [
        (number, _basic_shown(shown, level) if number == BASIC else _EXTENDED[number])
        for number in classes
    ]
    # R: bits 4-7 of the last word carry the level and bits 0-3 a one; the manual reserves them.
    return _physiological_record(
        filled,
        r_nbr=r_nbr,
        time_unix_s=time_unix_s,
        level=level,
        kind=kind,
        reserved_bits=(level & 0xF) << 4 | 1,
        plug_id=plug_id,
    )


def alarm_record(
    alarms: Sequence[tuple[str, int]],
    *,
    r_nbr: int,
    time_unix_s: int,
    level: int = 10,
    plug_id: int = 0,
) -> bytes:
    """The alarm status: up to five (text, colour) boxes, highest priority first; 550 bytes.

    Colours are 1 white, 2 yellow, 3 red. Source: alarm data, with 2-byte enums (a public header).
    """
    boxes = b"".join(
        struct.pack(f"<{ALARM_TEXT_SIZE}s3h12x", text.encode("latin-1", "replace"), 1, colour, 1)
        for text, colour in alarms[:ALARM_BOXES]
    )
    box_size = ALARM_TEXT_SIZE + 18
    status = struct.pack("<hhhhh", 0, int(bool(alarms)), 0, 0, 0)
    status += boxes.ljust(ALARM_BOXES * box_size, b"\0") + bytes(10)
    return _record(
        [(ALARM_STATUS, status)],
        r_nbr=r_nbr,
        time_unix_s=time_unix_s,
        level=level,
        main_type=ALARM,
        plug_id=plug_id,
    )


def technical_alarms(shown: Displayed) -> tuple[tuple[str, int], ...]:
    """What the monitor itself complains of, highest priority first."""
    alarms = []
    if shown.is_lead_off:
        alarms.append(("LEADS OFF", ALARM_YELLOW))
    if Module.SPO2 in shown.attached and shown.spo2_pct is None:
        alarms.append(("NO PULSE", ALARM_YELLOW))
    if shown.is_ecg_noisy:
        alarms.append(("NOISE", ALARM_WHITE))
    return tuple(alarms)


def displayed_request(interval_s: int, *, with_extended: bool = False) -> bytes:
    """The frame by which a client asks for displayed values every ``interval_s`` seconds."""
    class_bits = 0x000E if with_extended else 0
    body = struct.pack("<BhIH", DISPLAYED, interval_s, class_bits, 0)
    return frame(_header(len(body), [(0, 0)], level=0) + body)


def vector_frame(values: Mapping[str, Any]) -> bytes:
    """One framed record, basic class only, from the words of a test vector.

    A group is present (status: exists, active) when one of its keys is there; an absent group has
    status 0 and no data. A value is a number in the units below, None for "no data", or one of
    "unavailable", "not_updated", "discontinuity", "under_range", "over_range", "not_calibrated".

    - record: ``dri_level`` (10), ``r_nbr`` (0), ``time`` (Unix s or aware datetime; 0)
    - ecg: ``heart_rate``, ``imp_resp_rate``, ``ecg_heart_rate`` 1/min (by default what
      ``heart_rate`` is when its source is the ECG); ``hr_source`` (a name of HR_SOURCE or its
      number; "ecg"); ``st_1_mm``, ``st_2_mm``, ``st_3_mm``
    - nibp: ``nibp_systolic``, ``nibp_diastolic``, ``nibp_mean`` mmHg, ``nibp_pulse`` 1/min,
      ``nibp_label`` (all bits, as a number; 0)
    - temperature: ``temperature_1``, ``temperature_2`` deg C, ``t1_label``, ``t2_label`` (0)
    - spo2: ``spo2`` %, ``spo2_pulse`` 1/min, ``pleth_modulation`` % (2.5, as in the worked frame)
    - co2: ``etco2_pct``, ``fico2_pct`` %, ``co2_resp_rate`` 1/min, ``ambient_pressure_mmhg``
    - invasive: ``ibp1_systolic``, ``ibp1_diastolic``, ``ibp1_mean`` mmHg; ``ibp2_...``
    - ``<group>_status`` replaces the status word of ecg, nibp, t1, t2, spo2, co2, p1, p2

    Raises ValueError for a key that is not listed here, so that no vector passes for nothing.
    """
    given = dict(values)
    level, r_nbr, time = (
        given.pop(k, d) for k, d in (("dri_level", 10), ("r_nbr", 0), ("time", 0))
    )
    source = given.pop("hr_source", "ecg")
    source = HR_SOURCE.get(source, source)
    status = {g: given.pop(f"{g}_status") for g in GROUPS if f"{g}_status" in given}
    labels = {g: given.pop(f"{g}_label") for g in GROUPS if f"{g}_label" in given}
    unknown = sorted(set(given) - set(VALUES))
    if unknown:
        raise ValueError(f"vector: expected only documented keys, got {', '.join(unknown)}")

    present = {VALUES[name][0] for name in given} | set(status) | set(labels)
    if "spo2" in present:
        given.setdefault("pleth_modulation", 2.5)
    if "ecg" in present and source in (HR_SOURCE["ecg"], HR_SOURCE["ecg_mortara"]):
        given.setdefault("ecg_heart_rate", given.get("heart_rate"))
    usual = dict.fromkeys(present, EXISTS | ACTIVE)
    usual["ecg"] = EXISTS | ACTIVE | source << HR_SOURCE_SHIFT
    headers = {g: (status.get(g, usual[g]), labels.get(g, 0)) for g in present}
    record = _physiological_record(
        [(BASIC, _basic(headers, given))],
        r_nbr=r_nbr,
        time_unix_s=int(time.timestamp()) if isinstance(time, datetime) else time,
        level=level,
    )
    return frame(record)


def _basic_shown(shown: Displayed, level: int) -> bytes:
    """The basic class of a screen."""
    cuff = shown.cuff
    ecg_status = shown.is_lead_off * ECG_LEADS_OFF
    ecg_status |= shown.is_ecg_noisy * (ECG_NOISE | ECG_ARTEFACT)
    if shown.heart_rate_bpm is not None:
        if shown.heart_rate_source is RateSource.SPO2:
            source = "spo2"
        else:
            source = "ecg_mortara" if level >= 10 else "ecg"  # R
        ecg_status |= HR_SOURCE[source] << HR_SOURCE_SHIFT
    nibp_label = NIBP_RESERVED | cuff.is_automatic * NIBP_AUTO
    nibp_label |= cuff.is_measuring * NIBP_MEASURING
    nibp_label |= (cuff.age_s is not None and cuff.age_s >= 60) * NIBP_OLDER_THAN_60_S
    words = {
        "ecg": (Module.ECG, ecg_status, 0),
        "nibp": (Module.NIBP, 0, nibp_label),
        "t1": (Module.TEMPERATURE, 0, TEMPERATURE_CORE),
        "spo2": (Module.SPO2, 0, 0),
        "co2": (Module.CO2, 0, CO2_RATE_FROM_CO2),
        "p1": (Module.PRESSURE_1, 0, 0),
    }
    headers = {
        group: (EXISTS | (module in shown.attached) * (ACTIVE | status), label)
        for group, (module, status, label) in words.items()
        if module in shown.fitted
    }
    st_mm = shown.st_mm or (None, None, None)
    return _basic(
        headers,
        {
            "heart_rate": shown.heart_rate_bpm,
            **{f"st_{lead}_mm": mm for lead, mm in enumerate(st_mm, 1)},
            "imp_resp_rate": shown.impedance_resp_rpm,
            "ecg_heart_rate": shown.ecg_rate_bpm,
            "nibp_systolic": cuff.reading.systolic_mmhg,
            "nibp_diastolic": cuff.reading.diastolic_mmhg,
            "nibp_mean": cuff.reading.mean_mmhg,
            "nibp_pulse": cuff.reading.pulse_bpm,
            "temperature_1": shown.temperature_c,
            "spo2": shown.spo2_pct,
            "spo2_pulse": shown.pulse_bpm,
            "pleth_modulation": shown.pleth_modulation_pct,
            "etco2_pct": shown.etco2_pct,
            "fico2_pct": shown.fico2_pct,
            "co2_resp_rate": shown.co2_resp_rpm,
            "ambient_pressure_mmhg": shown.ambient_mmhg,
            "ibp1_systolic": shown.pressure_1_systolic_mmhg,
            "ibp1_diastolic": shown.pressure_1_diastolic_mmhg,
            "ibp1_mean": shown.pressure_1_mean_mmhg,
        },
    )


def _basic(headers: Mapping[str, tuple[int, int]], values: Mapping[str, Value]) -> bytes:
    """The 270 bytes of the basic class; ``headers`` are (status, label) of the groups present."""
    content = bytearray(_BASIC_NO_DATA)
    for group, header in headers.items():
        GROUP_HEADER.pack_into(content, GROUPS[group], *header)
    for name, value in values.items():
        _, offset, scale = VALUES[name]
        struct.pack_into("<h", content, offset, _wire(value, scale))
    return bytes(content)


def _wire(value: Value, scale: int) -> int:
    """The s16 for a value; what does not fit says so in the protocol's own way."""
    if value is None:
        return NO_DATA
    if isinstance(value, str):
        return SPECIAL[value]
    scaled = math.floor(value * scale + 0.5)
    if scaled > LARGEST:
        return SPECIAL["over_range"]
    return scaled if scaled >= SMALLEST else SPECIAL["under_range"]


def _physiological_record(
    classes: Sequence[tuple[int, bytes]],
    *,
    r_nbr: int,
    time_unix_s: int,
    level: int,
    kind: int = DISPLAYED,
    reserved_bits: int = 0,
    plug_id: int = 0,
) -> bytes:
    """A record of (class number, its 270 bytes); bits 8-11 of each last word carry the class."""
    stamp = struct.pack("<I", time_unix_s & 0xFFFFFFFF)
    subrecords = [
        (kind, stamp + content + struct.pack("<BBH", 0, 0, number << 8 | reserved_bits))
        for number, content in classes
    ]
    return _record(
        subrecords,
        r_nbr=r_nbr,
        time_unix_s=time_unix_s,
        level=level,
        main_type=PHYSIOLOGICAL,
        plug_id=plug_id,
    )


def _record(
    subrecords: Sequence[tuple[int, bytes]],
    *,
    r_nbr: int,
    time_unix_s: int,
    level: int,
    main_type: int,
    plug_id: int = 0,
) -> bytes:
    """A whole record of (subrecord type, its bytes)."""
    places, body = [], b""
    for kind, content in subrecords:
        places.append((len(body), kind))
        body += content
    header = _header(
        len(body),
        places,
        level=level,
        r_nbr=r_nbr,
        time_unix_s=time_unix_s,
        main_type=main_type,
        plug_id=plug_id,
    )
    return header + body


def _header(
    body_size: int,
    places: Sequence[tuple[int, int]],
    *,
    level: int,
    r_nbr: int = 0,
    time_unix_s: int = 0,
    main_type: int = PHYSIOLOGICAL,
    plug_id: int = 0,
) -> bytes:
    """The 40 bytes of a record header; ``places`` are (offset, type) of each subrecord, up to 8."""
    fixed = struct.pack(
        "<HBBHIBBHH",
        HEADER_SIZE + body_size,
        r_nbr & 0xFF,
        level,
        plug_id,
        time_unix_s & 0xFFFFFFFF,
        0,  # n_subnet
        0,
        0,
        main_type,
    )
    described = b"".join(struct.pack("<hB", *place) for place in places)
    if len(places) < 8:
        described += struct.pack("<hB", 0, NO_MORE_SUBRECORDS)
    return (fixed + described).ljust(HEADER_SIZE, b"\0")


def _unframed(piece: bytes) -> bytes | None:
    """The record between two flags; None when it is damaged or none at all."""
    content, is_escaped = bytearray(), False
    for byte in piece:
        if byte == ESCAPE and not is_escaped:
            is_escaped = True
        else:
            content.append(byte | 0x20 if is_escaped else byte)
            is_escaped = False
    record, checksum = bytes(content[:-1]), content[-1:]
    is_whole = not is_escaped and len(record) >= HEADER_SIZE
    if not is_whole or int.from_bytes(record[:2], "little") != len(record):
        return None
    return record if checksum == bytes([sum(record) & 0xFF]) else None


def _basic_no_data() -> bytes:
    """A basic class in which no module exists: statuses and labels zero, every value no data."""
    content = bytearray(struct.pack("<h", NO_DATA) * (BASIC_SIZE // 2))
    for offset in GROUPS.values():
        content[offset : offset + GROUP_HEADER.size] = bytes(GROUP_HEADER.size)
    content[BASIC_RESERVED:] = bytes(2)
    return bytes(content)


def _extended_no_data(number: int) -> bytes:
    content = bytearray(BASIC_SIZE)
    for first, last in EXTENDED_NO_DATA[number]:
        for offset in range(first, last + 1, 2):
            struct.pack_into("<h", content, offset, NO_DATA)
    return bytes(content)


_BASIC_NO_DATA = _basic_no_data()
_EXTENDED = {number: _extended_no_data(number) for number in EXTENDED_NO_DATA}
