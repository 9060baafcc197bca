"""What does a Capnostream 20 or 20p say on its serial port, byte for byte?

    85 | length | code | data ... | check      length of code and data; check XOR of all before it
                                               but the 85; within, 85 goes as 80 05, 80 as 80 00

8N1 at 9600 to 115200 baud or automatic (115200 here). Silent until the host enables it; then it
answers, and from Start to Stop it sends numerics each second and a CO2 point every 50 ms.
Sources: Oridion D006045C (2007); marked M: the driver of the MD PnP project (mdpnp/mdpnp,
``devices/oridion``), which knows later firmware. Where neither says what happens, the docstring of
``Monitor`` says what this one does.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any

from simulators import waves
from simulators.displayed import Displayed, Module

BAUD = 115200  # of M; the monitor's factory setting is to find it out
PARITY = "N"

HEADER, ESCAPE = 0x85, 0x80
KPA_MMHG = 7.50062
STANDARD_MMHG = 760.0
INVALID, NO_LIMIT, NOT_SUPPORTED = 0xFF, 0xFF, 0x00
LARGEST = 0xFE
WAVE_EVERY_S, NUMERICS_EVERY_S = 0.05, 1.0
CATCH_UP_S = 1.0  # of wave points that the caller was late for; older ones are gone
CLIENT_SAYS_ACTIVE_EVERY_S = 5.0  # M


class Command(IntEnum):
    """What the host may say. 7, 8, 10, 21 and 54 to 62 are heard and not answered."""

    ENABLE = 1
    DISABLE = 2
    ASK = 3
    START = 4
    STOP = 5
    LINK_ACTIVE = 6  # M
    ASK_REVISION = 9  # M
    ASK_PATIENT = 11


class Item(IntEnum):
    """What one ASK asks for."""

    ETCO2 = 1
    FICO2 = 2
    RESP_RATE = 3
    SPO2 = 4
    PULSE = 5


class Code(IntEnum):
    """What the monitor says."""

    WAVE = 0
    NUMERICS = 1
    PATIENT = 2
    ANSWER = 3
    DEVICE = 4
    REVISION = 9  # M; its content is in no source
    WIDE_PATIENT = 12


class Unit(IntEnum):
    """Of CO2. The byte is the number itself in mmHg and tenths in the other two."""

    MMHG = 1
    KPA = 2
    VOL_PCT = 3


class Condition(StrEnum):
    """Something the monitor tells of itself, which no patient script produces."""

    ALARMS_SILENCED_FOR_NOW = "alarms silenced for now"
    ALARMS_SILENCED = "all alarms silenced"
    PULSE_BEEP_SILENCED = "pulse beep silenced"
    CHECK_CALIBRATION = "check calibration"
    CHECK_FLOW = "check flow"
    PUMP_OFF = "pump off"
    BATTERY_LOW = "battery low"  # M
    INITIALISING = "initialising"
    OCCLUSION = "occlusion"
    SELF_MAINTENANCE = "self-maintenance running"
    PURGING = "purging"
    CO2_MALFUNCTION = "CO2 malfunction"


# The words of each status byte, lowest bit first; None: reserved.
SLOW = (
    "neonatal",
    Condition.ALARMS_SILENCED_FOR_NOW,
    Condition.ALARMS_SILENCED,
    "high-priority alarm sounding",
    "low-priority alarm sounding",
    "advisory sounding",
    Condition.PULSE_BEEP_SILENCED,
    "Masimo oximetry",  # M; reserved in the original document
)
CO2_ALARMS = ("no breath", "EtCO2 high", "EtCO2 low", "RR high", "RR low", "FiCO2 high")
SPO2_ALARMS = (
    "pulse not found",
    "SpO2 high",
    "SpO2 low",
    "pulse high",
    "pulse low",
    "sensor off patient",
    "sensor disconnected",
)
EXTENDED = (
    Condition.CHECK_CALIBRATION,
    Condition.CHECK_FLOW,
    Condition.PUMP_OFF,
    *(None, None, None, None),
    Condition.BATTERY_LOW,
)
FAST = (
    "CO2 value invalid",
    Condition.INITIALISING,
    Condition.OCCLUSION,
    "end of breath",
    Condition.SELF_MAINTENANCE,
    Condition.PURGING,
    "filter line not connected",
    Condition.CO2_MALFUNCTION,
)
SENSOR_TROUBLE = {"pulse not found", "sensor off patient", "sensor disconnected"}


# Of CO2 by the name of its unit: how the wire calls it, and how many of its steps make one.
SCALE = {"mmHg": (Unit.MMHG, 1.0), "kPa": (Unit.KPA, 10.0), "Vol%": (Unit.VOL_PCT, 10.0)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The monitor's alarm limits; None: none set. Defaults are an adult's."""

    etco2_high_mmhg: float | None = 60
    etco2_low_mmhg: float | None = 15
    fico2_high_mmhg: float | None = 8
    rr_high_rpm: float | None = 30
    rr_low_rpm: float | None = 5
    spo2_high_pct: float | None = 100
    spo2_low_pct: float | None = 88
    pulse_high_bpm: float | None = 140
    pulse_low_bpm: float | None = 50
    no_breath_s: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Numerics:
    """The data of one code 1 message, as bytes hold it."""

    time_unix_s: int
    etco2: int = INVALID
    fico2: int = INVALID
    resp_rate: int = INVALID
    spo2: int = INVALID
    pulse: int = INVALID
    slow_status: int = 0
    events: Sequence[int] = (0, 0, 0)
    co2_alarms: int = 0
    spo2_alarms: int = 0
    no_breath_s: int = 20
    limits: tuple[int, ...] = (0x3C, 0x0F, 0x1E, 0x05, 0x08, 0x64, 0x58, 0x8C, 0x32)
    unit: int = Unit.MMHG
    extended_status: int = 0
    more: bytes = b""  # what later firmware adds

    def frame(self) -> bytes:
        """The message, ready for the wire."""
        values = (self.etco2, self.fico2, self.resp_rate, self.spo2, self.pulse)
        alarms = (self.co2_alarms, self.spo2_alarms)
        return frame(
            Code.NUMERICS,
            _time(self.time_unix_s)
            + bytes([*values, self.slow_status, *self.events, *alarms, self.no_breath_s])
            + bytes([*self.limits, self.unit, self.extended_status])
            + self.more,
        )


class Monitor:
    """One bedside monitor and its host; no port, no clock.

    What the sources leave open, and what happens here: before Enable every other command is
    ignored; each Enable is answered, also while streaming, which goes on; a link is lost, and the
    monitor as it was before Enable, when nothing valid came for ``link_lost_after_s`` (15: three
    times the interval at which M says that the link is active; inf: never); numerics and wave begin
    at once with Start; without a breath for ``limits.no_breath_s`` the CO2 values are invalid; only
    the highest priority of what is wrong sounds, and nothing while alarms are silenced.

    ``number`` is the device's own, of six characters; ``device`` are all 30 that say who it is.
    ``misses_enables``: so many Enable commands come at a rate that it has not yet found out.
    ``revision`` is the data of the answer to the question for it, which no source shows.
    ``patient_id(t_s)``: up to 24 characters, "" for none. ``conditions(t_s)``: what else is wrong.
    ``more_numerics`` are the bytes that later firmware appends; with ``has_wide_text`` the patient
    identifier comes in 2-byte characters.
    """

    def __init__(
        self,
        showing: Callable[[float], Displayed],
        *,
        begin_unix_s: float = 0.0,
        unit: Unit = Unit.MMHG,
        limits: Limits = Limits(),
        is_neonatal: bool = False,
        has_masimo: bool = False,
        device: str = "",
        number: str = "123456",
        revision: bytes = b"\x01",
        patient_id: Callable[[float], str] = lambda _t_s: "",
        conditions: Callable[[float], Iterable[Condition]] = lambda _t_s: (),
        link_lost_after_s: float = 15.0,
        misses_enables: int = 0,
        more_numerics: bytes = b"",
        has_wide_text: bool = False,
    ) -> None:
        self._showing = showing
        self._begin_unix_s = begin_unix_s
        self._unit = unit
        self._limits = limits
        self._is_neonatal, self._has_masimo = is_neonatal, has_masimo
        product = "B5" if has_masimo else "B2"  # M
        self._device = device or f"V04.51 11/20/2012 {product}A1{number:0>6}"
        self._revision = revision
        self._patient_id = patient_id
        self._conditions = conditions
        self._link_lost_after_s = link_lost_after_s
        self._misses_enables = misses_enables
        self._more_numerics, self._has_wide_text = more_numerics, has_wide_text
        self._ear = _Ear()
        self._is_enabled = False
        self._last_valid_s = -math.inf
        self._started_s: float | None = None  # None: not streaming
        self._next_numerics_s = math.inf
        self._wave_points = 0  # since Start
        self._screen = Displayed()  # of the last numerics; the wave goes on from it
        self._breath = waves.Cycle()
        self._last_breath_s = math.inf
        self._patient_told = ""

    def heard(self, data: bytes, t_s: float) -> bytes:
        """Take in what the host sent; return what goes out at once because of it.

        A damaged, unknown or ill-timed command is ignored without an answer.
        """
        out = bytearray()
        for command in self._ear.heard(data):
            self._forget_lost_link(t_s)
            out += self._obey(command, t_s)
        return bytes(out) + self.due(t_s)[0]

    def due(self, t_s: float) -> tuple[bytes, float]:
        """The bytes due by ``t_s``, and when to ask again (inf: not before the host speaks)."""
        self._forget_lost_link(t_s)
        if self._started_s is None:
            return b"", math.inf
        out = bytearray()
        if self._next_numerics_s <= t_s:
            missed = math.floor((t_s - self._next_numerics_s) / NUMERICS_EVERY_S)
            at_s = self._next_numerics_s + missed * NUMERICS_EVERY_S
            out += self._numerics(at_s)
            self._next_numerics_s = at_s + NUMERICS_EVERY_S
        late = math.floor((t_s - CATCH_UP_S - self._started_s) / WAVE_EVERY_S)
        self._wave_points = max(self._wave_points, late)
        while (next_wave_s := self._started_s + self._wave_points * WAVE_EVERY_S) <= t_s:
            out += self._wave_point(next_wave_s)
            self._wave_points += 1
        return bytes(out), min(next_wave_s, self._next_numerics_s)

    def _forget_lost_link(self, t_s: float) -> None:
        if t_s - self._last_valid_s >= self._link_lost_after_s:
            self._is_enabled, self._started_s = False, None

    def _obey(self, command: bytes, t_s: float) -> bytes:
        code, asked = command[0], command[1:]
        if len(asked) != (code == Command.ASK):
            return b""
        if code == Command.ENABLE and self._misses_enables > 0:
            self._misses_enables -= 1
            return b""
        if code != Command.ENABLE and not self._is_enabled:
            return b""
        self._last_valid_s = t_s
        if code == Command.ENABLE:
            if not self._is_enabled:
                self._patient_told = self._patient_id(t_s)
            self._is_enabled = True
            return device_frame(self._device)
        if code == Command.DISABLE:
            self._is_enabled, self._started_s = False, None
        elif code == Command.START and self._started_s is None:
            self._started_s = self._next_numerics_s = t_s
            self._wave_points = 0
            self._last_breath_s = t_s  # nobody watched before
        elif code == Command.STOP:
            self._started_s = None
        elif code == Command.ASK:
            return self._answer(asked[0], t_s)
        elif code == Command.ASK_REVISION:
            return frame(Code.REVISION, self._revision)
        elif code == Command.ASK_PATIENT:
            return self._patient(t_s)
        return b""

    def _answer(self, item: int, t_s: float) -> bytes:
        """One value; the CO2 ones in mmHg whatever the unit on the screen is."""
        shown = self._showing(t_s)
        no_co2 = bool(self._no_co2(shown, t_s))
        if item in (Item.SPO2, Item.PULSE):
            value = _byte(shown.spo2_pct if item == Item.SPO2 else shown.pulse_bpm)
            value = value if Module.SPO2 in shown.fitted else NOT_SUPPORTED
        elif item == Item.RESP_RATE:
            value = INVALID if no_co2 else _byte(shown.co2_resp_rpm)
        elif item in (Item.ETCO2, Item.FICO2):
            pct = shown.etco2_pct if item == Item.ETCO2 else shown.fico2_pct
            value = INVALID if no_co2 else _byte(_co2(pct, shown, Unit.MMHG))
        else:
            return b""
        return frame(Code.ANSWER, bytes([value]))

    def _patient(self, t_s: float) -> bytes:
        self._patient_told = self._patient_id(t_s)
        return patient_frame(
            self._patient_told, self._time_unix_s(t_s), has_wide_text=self._has_wide_text
        )

    def _numerics(self, t_s: float) -> bytes:
        """The numerics of ``t_s``, after the patient identifier if that is another one by now."""
        self._screen = shown = self._showing(t_s)
        limits = self._limit_bytes()
        no_co2 = self._no_co2(shown, t_s)
        etco2 = fico2 = resp_rate = INVALID
        if no_co2 or (shown.co2_resp_rpm or 0) >= 1:
            self._last_breath_s = t_s
        co2_alarms = set()
        if t_s - self._last_breath_s >= self._limits.no_breath_s:
            co2_alarms = {"no breath"}
        elif not no_co2:
            etco2 = _byte(_co2(shown.etco2_pct, shown, self._unit))
            fico2 = _byte(_co2(shown.fico2_pct, shown, self._unit))
            resp_rate = _byte(shown.co2_resp_rpm)
            co2_alarms |= _outside("EtCO2", etco2, limits[0], limits[1])
            co2_alarms |= _outside("RR", resp_rate, limits[2], limits[3])
            co2_alarms |= _outside("FiCO2", fico2, limits[4], NO_LIMIT)
        spo2, pulse = _byte(shown.spo2_pct), _byte(shown.pulse_bpm)
        spo2_alarms = _sensor_trouble(shown)
        spo2_alarms |= _outside("SpO2", spo2, limits[5], limits[6])
        spo2_alarms |= _outside("pulse", pulse, limits[7], limits[8])
        told = Numerics(
            time_unix_s=self._time_unix_s(t_s),
            etco2=etco2,
            fico2=fico2,
            resp_rate=resp_rate,
            spo2=spo2,
            pulse=pulse,
            slow_status=_bits(SLOW, self._slow_status(co2_alarms | spo2_alarms, t_s)),
            co2_alarms=_bits(CO2_ALARMS, co2_alarms),
            spo2_alarms=_bits(SPO2_ALARMS, spo2_alarms),
            no_breath_s=self._limits.no_breath_s,
            limits=limits,
            unit=self._unit,
            extended_status=_bits(EXTENDED, self._conditions(t_s)),
            more=self._more_numerics,
        ).frame()
        is_new_patient = self._patient_id(t_s) != self._patient_told
        return self._patient(t_s) + told if is_new_patient else told

    def _limit_bytes(self) -> tuple[int, ...]:
        one = self._limits
        scale = {Unit.MMHG: 1.0, Unit.KPA: 10 / KPA_MMHG, Unit.VOL_PCT: 1000 / STANDARD_MMHG}
        etco2_high, etco2_low, fico2_high = (
            None if mmhg is None else mmhg * scale[self._unit]
            for mmhg in (one.etco2_high_mmhg, one.etco2_low_mmhg, one.fico2_high_mmhg)
        )
        spo2 = (one.spo2_high_pct, one.spo2_low_pct)
        pulse = (one.pulse_high_bpm, one.pulse_low_bpm)
        in_order = (etco2_high, etco2_low, one.rr_high_rpm, one.rr_low_rpm, fico2_high)
        return tuple(_byte(limit) for limit in (*in_order, *spo2, *pulse))

    def _slow_status(self, alarms: set[str], t_s: float) -> set[str]:
        status: set[str] = set(self._conditions(t_s))
        if self._is_neonatal:
            status.add("neonatal")
        if self._has_masimo:
            status.add("Masimo oximetry")
        if status & {Condition.ALARMS_SILENCED_FOR_NOW, Condition.ALARMS_SILENCED}:
            return status
        if alarms & {"no breath", "SpO2 low"}:
            status.add("high-priority alarm sounding")
        elif alarms - SENSOR_TROUBLE:
            status.add("low-priority alarm sounding")
        elif alarms:
            status.add("advisory sounding")
        return status

    def _no_co2(self, shown: Displayed, t_s: float) -> set[str]:
        """Why there is no CO2 value, in words of the fast status; empty: there is one."""
        told = set(self._conditions(t_s))
        why = {str(condition) for condition in told if condition in FAST}
        if Module.CO2 not in shown.attached:
            why.add("filter line not connected")
        if why or shown.etco2_pct is None or Condition.PUMP_OFF in told:
            why.add("CO2 value invalid")
        return why

    def _wave_point(self, t_s: float) -> bytes:
        shown = self._screen
        status, level = self._no_co2(shown, t_s), 0.0
        rate = shown.co2_resp_rpm or 0.0
        if not status and rate > 0:
            inspired = _co2(shown.fico2_pct, shown, self._unit) or 0.0
            end_tidal = _co2(shown.etco2_pct, shown, self._unit) or 0.0
            before = self._breath.phase
            level = waves.capnogram(before, inspired, end_tidal)
            is_next = self._breath.step(rate, WAVE_EVERY_S)
            if before < waves.EXPIRED and (is_next or self._breath.phase >= waves.EXPIRED):
                status = {"end of breath"}
        return wave_frame(self._wave_points % 256, level, _bits(FAST, status))

    def _time_unix_s(self, t_s: float) -> int:
        # A due time that sums up to a hair under its second still belongs to that second.
        return math.floor(self._begin_unix_s + t_s + 1e-3)


class _Ear:
    """Finds commands in what the line brings; holds at most one frame."""

    def __init__(self) -> None:
        self._frame: bytearray | None = None  # length and on, unescaped; None: before a header
        self._is_escaped = False

    def heard(self, data: bytes) -> list[bytes]:
        """Code and data of each whole frame with the right check."""
        commands = []
        for byte in data:
            if byte == HEADER:  # never within a frame, so that it always begins one
                self._frame, self._is_escaped = bytearray(), False
            elif self._frame is None:
                continue
            elif byte == ESCAPE and not self._is_escaped:
                self._is_escaped = True
            else:
                self._frame.append((byte + ESCAPE * self._is_escaped) & 0xFF)
                self._is_escaped = False
                length = self._frame[0]
                if len(self._frame) == length + 2:
                    if length > 0 and _xor(self._frame) == 0:
                        commands.append(bytes(self._frame[1:-1]))
                    self._frame = None
        return commands


def frame(code: int, data: bytes = b"") -> bytes:
    """One message or command, with its length and check, escaped."""
    content = bytes([len(data) + 1, code]) + data
    content += bytes([_xor(content)])
    # The escape itself first, or the escapes made for the header would be escaped again.
    content = content.replace(b"\x80", b"\x80\x00").replace(b"\x85", b"\x80\x05")
    return bytes([HEADER]) + content


def device_frame(device: str) -> bytes:
    """Who the monitor is, in 30 characters."""
    return frame(Code.DEVICE, device.ljust(30)[:30].encode("ascii", "replace"))


def wave_frame(counter: int, level: float, fast_status: int) -> bytes:
    """One point of the CO2 wave; ``level`` in mmHg, or in tenths of the other units."""
    whole, part = divmod(min(0xFFFF, max(0, math.floor(level * 256 + 0.5))), 256)
    return frame(Code.WAVE, bytes([counter, whole, part, fast_status]))


def patient_frame(patient_id: str, time_unix_s: int, *, has_wide_text: bool = False) -> bytes:
    """The patient identifier; "" is no patient, all characters zero."""
    size, coding = (48, "utf-16-be") if has_wide_text else (24, "ascii")
    text = patient_id.encode(coding, "replace")[:size].ljust(size, b"\0")
    code = Code.WIDE_PATIENT if has_wide_text else Code.PATIENT
    return frame(code, _time(time_unix_s) + text)


def vector_frame(values: Mapping[str, Any]) -> bytes:
    """One message from the words of a test vector, which names its ``kind``.

    Its other keys, of which only those of its kind may be there:

    - "numerics": ``time`` (Unix s); ``etco2 fico2 etco2_high etco2_low fico2_high`` in ``co2_unit``
      (mmHg, kPa or Vol%; mmHg); ``resp_rate resp_high resp_low pulse pulse_high pulse_low`` /min;
      ``spo2 spo2_high spo2_low`` %; ``no_breath_s``; ``slow_status co2_alarms spo2_alarms
      extended_status``: lists of words of SLOW and so on; ``events`` (three numbers); ``more``:
      bytes behind. A missing number is FF.
    - "wave": ``counter``, ``co2`` in ``co2_unit``, ``fast_status``: words of FAST
    - "device id": ``version date product revision number``: texts
    - "answer": ``value`` (FF when missing); "patient": ``time``, ``identifier``

    Raises ValueError for a key or a word that is not listed here.
    """
    given = dict(values)
    kind = given.pop("kind")
    if kind == "numerics":
        data = _numerics_of(given)
    elif kind == "wave":
        scale = SCALE[given.pop("co2_unit", "mmHg")][1]
        level, status = given.pop("co2") * scale, _checked_bits(FAST, given.pop("fast_status", ()))
        data = wave_frame(given.pop("counter"), level, status)
    elif kind == "device id":
        version, date = given.pop("version"), given.pop("date")
        about = given.pop("product") + given.pop("revision") + given.pop("number")
        data = device_frame(f"V{version:5} {date:10} {about}")
    elif kind == "answer":
        data = frame(Code.ANSWER, bytes([given.pop("value", INVALID)]))
    elif kind == "patient":
        data = patient_frame(given.pop("identifier"), given.pop("time"))
    else:
        raise ValueError(f"vector: expected a kind of message, got {kind}")
    if given:
        raise ValueError(f"vector: expected only documented keys, got {', '.join(sorted(given))}")
    return data


def _numerics_of(given: dict[str, Any]) -> bytes:
    """A code 1 message; takes the keys that it knows out of ``given``."""
    unit, scale = SCALE[given.pop("co2_unit", "mmHg")]

    def byte(name: str, times: float = 1.0) -> int:
        value = given.pop(name, None)
        return _byte(None if value is None else value * times)

    return Numerics(
        time_unix_s=given.pop("time"),
        etco2=byte("etco2", scale),
        fico2=byte("fico2", scale),
        resp_rate=byte("resp_rate"),
        spo2=byte("spo2"),
        pulse=byte("pulse"),
        slow_status=_checked_bits(SLOW, given.pop("slow_status", ())),
        events=given.pop("events", (0, 0, 0)),
        co2_alarms=_checked_bits(CO2_ALARMS, given.pop("co2_alarms", ())),
        spo2_alarms=_checked_bits(SPO2_ALARMS, given.pop("spo2_alarms", ())),
        no_breath_s=given.pop("no_breath_s", 20),
        limits=(
            *(byte("etco2_high", scale), byte("etco2_low", scale)),
            *(byte("resp_high"), byte("resp_low")),
            byte("fico2_high", scale),
            *(byte("spo2_high"), byte("spo2_low")),
            *(byte("pulse_high"), byte("pulse_low")),
        ),
        unit=unit,
        extended_status=_checked_bits(EXTENDED, given.pop("extended_status", ())),
        more=bytes(given.pop("more", ())),
    ).frame()


def client(_interval_s: int) -> Callable[[float], tuple[bytes, float]]:
    """A host that enables, starts, and says that it is still there."""
    opening = [frame(Command.ENABLE) + frame(Command.START)]

    def says(t_s: float) -> tuple[bytes, float]:
        said = opening.pop() if opening else frame(Command.LINK_ACTIVE)
        return said, t_s + CLIENT_SAYS_ACTIVE_EVERY_S

    return says


def _sensor_trouble(shown: Displayed) -> set[str]:
    if Module.SPO2 not in shown.fitted:
        return set()
    if Module.SPO2 not in shown.attached:
        return {"sensor disconnected"}
    if shown.spo2_pct is None:
        return {"sensor off patient"}
    return {"pulse not found"} if shown.pulse_bpm is None else set()


def _outside(name: str, value: int, high: int, low: int) -> set[str]:
    """The alarm of a value outside its limits, all as bytes of the wire."""
    if value == INVALID:
        return set()
    if high != NO_LIMIT and value > high:
        return {f"{name} high"}
    return {f"{name} low"} if low != NO_LIMIT and value < low else set()


def _co2(pct: float | None, shown: Displayed, unit: Unit) -> float | None:
    """CO2 as the wire counts it: mmHg, tenths of kPa or tenths of Vol%."""
    if pct is None:
        return None
    if unit is Unit.VOL_PCT:
        return pct * 10
    ambient_mmhg = STANDARD_MMHG if shown.ambient_mmhg is None else shown.ambient_mmhg
    mmhg = pct / 100 * ambient_mmhg
    return mmhg if unit is Unit.MMHG else mmhg / KPA_MMHG * 10


def _byte(value: float | None) -> int:
    """A byte of numerics; what is missing or does not fit is FF."""
    if value is None:
        return INVALID
    whole = max(0, math.floor(value + 0.5))
    return whole if whole <= LARGEST else INVALID


def _bits(words: Sequence[str | None], told: Iterable[str]) -> int:
    """The status byte in which the bits of these words are set; those of other bytes are left."""
    return sum(1 << words.index(word) for word in set(told) if word in words)


def _checked_bits(words: Sequence[str | None], told: Iterable[str]) -> int:
    for word in told:
        if word not in words:
            raise ValueError(f"vector: expected a word of the status byte, got {word}")
    return _bits(words, told)


def _xor(content: bytes | bytearray) -> int:
    check = 0
    for byte in content:
        check ^= byte
    return check


def _time(unix_s: int) -> bytes:
    return (unix_s & 0xFFFFFFFF).to_bytes(4, "big")
