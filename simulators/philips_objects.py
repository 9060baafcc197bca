"""What objects does an IntelliVue hold at one moment: numerics, alerts, the patient, itself?

Each becomes a PolledObject with the attributes of the group that a client asked for. Codes are from
the guide's tables as public clients copy them; R marks what a public capture of the serial port
shows, and P what a public Python client quotes from a monitor on a network.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from simulators.displayed import Displayed, Module, RateSource
from simulators.philips_wire import (
    OBJECTS,
    Attributes,
    PolledObject,
    absolute_time,
    attribute_list,
    counted,
    label,
    number,
    text,
)

MDS_CLASS, NUMERIC, WAVE, DEMOGRAPHICS, ALERT_MONITOR = 0x0021, 0x0006, 0x0009, 0x002A, 0x0036

ALL_GROUPS = 0x0000
ALERTS_GROUP, VALUES, DEMOGRAPHICS_GROUP = 0x0801, 0x0803, 0x0807
APPLICATION, IDENTIFICATION, PRODUCTION = 0x080A, 0x080B, 0x080C
DYNAMIC, STATIC = 0x0810, 0x0811

# The groups that each class of object has; 0 asks for all of them.
GROUPS = {
    NUMERIC: (STATIC, DYNAMIC, VALUES),
    WAVE: (STATIC, DYNAMIC, VALUES),
    ALERT_MONITOR: (STATIC, ALERTS_GROUP),
    DEMOGRAPHICS: (DEMOGRAPHICS_GROUP,),
    MDS_CLASS: (APPLICATION, IDENTIFICATION, PRODUCTION),
}

# Measurement state (PIPG p. 77).
INVALID, QUESTIONABLE, UNAVAILABLE = 0x8000, 0x4000, 0x2000
TEST_DATA, DEMO_DATA = 0x0800, 0x0400
ONGOING, IN_ALARM, ALARM_INHIBITED = 0x0020, 0x0002, 0x0001

# Units.
PERCENT, NO_UNIT, MMHG, KPA = 0x0220, 0x0200, 0x0F20, 0x0F03
BEATS, BREATHS, CELSIUS, FAHRENHEIT = 0x0AA0, 0x0AE0, 0x17A0, 0x1140
MMHG_IN_KPA = 7.50062
USUAL_AMBIENT_MMHG = 760.0

# Physiological identifiers.
ECG_RATE, PULSE, SPO2, PERFUSION = 0x4182, 0x4822, 0x4BB8, 0x4BB0
NIBP, NIBP_SYSTOLIC, NIBP_DIASTOLIC, NIBP_MEAN, NIBP_PULSE = 0x4A04, 0x4A05, 0x4A06, 0x4A07, 0xF0E5
ABP, ABP_SYSTOLIC, ABP_DIASTOLIC, ABP_MEAN = 0x4A14, 0x4A15, 0x4A16, 0x4A17
CHEST_BREATHS, AIRWAY_BREATHS, ETCO2, FICO2, TEMPERATURE = 0x500A, 0x5012, 0x50B0, 0x50BA, 0x4B48

# The ST segment: its compound object, and the leads I to III in it; mm.
ST, ST_LEADS, MILLIMETRES = 0x0300, (("I", 0x0301), ("II", 0x0302), ("III", 0x033D)), 0x0512

COLOURS = {"green": 2, "yellow": 3, "cyan": 6, "white": 7, "red": 1}

# Alert types (a bit each) and states.
LOW_TECHNICAL, MEDIUM_TECHNICAL, HIGH_TECHNICAL = 0x0001, 0x0002, 0x0004
LOW_PATIENT, MEDIUM_PATIENT, HIGH_PATIENT = 0x0100, 0x0200, 0x0400
NEW, DEMO_ALERT = 0x0008, 0x0100
BEDSIDE_AUDIBLE = 0x4000
WITH_STRING = 0x0204
STAR = "\ue40d"  # a private character in the texts of real alarms

# Alert codes of the event partition. Which code goes with which text is not public for the
# technical ones; those here are the nearest by name.
HIGH, LOW, NOISY, LEADS_OFF, MEASUREMENT_FAILED, NO_OSCILLATION = 40, 62, 74, 274, 356, 442
APNEA, EXTREME_BRADY, EXTREME_TACHY, DESATURATION = 3072, 3086, 3122, 3246


class Mode(StrEnum):
    """What the monitor as a whole is doing (PIPG p. 96)."""

    MONITORING = "monitoring"
    DEMO = "demo"
    SERVICE = "service"
    STANDBY = "standby"
    CONFIGURING = "configuring"


OPERATING_MODE = {
    Mode.MONITORING: 0x4000,
    Mode.DEMO: 0x2000,
    Mode.SERVICE: 0x1000,
    Mode.STANDBY: 0x0002,
    Mode.CONFIGURING: 0x0001,
}
# In demo and service the numbers are made up and say so; in standby nothing is measured.
MARKED = {Mode.DEMO: DEMO_DATA, Mode.SERVICE: TEST_DATA}
UNMEASURED = (Mode.STANDBY, Mode.CONFIGURING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Alarm limits of one number; ``extreme_...`` are those of the red alarms."""

    low: float | None = None
    high: float | None = None
    extreme_low: float | None = None
    extreme_high: float | None = None


# An adult's, as such monitors leave the factory; pressures in mmHg.
ADULT_LIMITS: Mapping[int, Limits] = MappingProxyType(
    {
        ECG_RATE: Limits(low=50, high=120, extreme_low=40, extreme_high=140),
        SPO2: Limits(low=90, extreme_low=80),
        CHEST_BREATHS: Limits(low=8, high=30),
        AIRWAY_BREATHS: Limits(low=8, high=30),
        NIBP_SYSTOLIC: Limits(low=90, high=160),
        ABP_SYSTOLIC: Limits(low=90, high=160),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demographics:
    """Who the nurse has admitted at the monitor; nobody, by default."""

    given_name: str = ""
    family_name: str = ""
    patient_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What stays the same about one monitor."""

    system_id: bytes = bytes.fromhex("0009fb000001")
    model: str = "M8000"
    bed_label: str = "CHAIR 1"
    mode: Mode = Mode.MONITORING
    has_kpa: bool = False
    has_fahrenheit: bool = False
    limits: Mapping[int, Limits] = field(default_factory=lambda: ADULT_LIMITS)
    patient: Demographics = Demographics()


@dataclass(frozen=True, slots=True)
class Reading:
    """One number of a numeric object, in the unit in which it goes out."""

    physio_id: int
    name: str  # as alarm texts write it
    value: float | None
    unit: int
    decimals: int = 0
    state: int = 0

    def shown(self, value: float) -> str:
        return f"{value:.{self.decimals}f}"

    def wire(self) -> bytes:
        """NuObsValue (PIPG p. 76)."""
        head = struct.pack(">HHH", self.physio_id, self.state, self.unit)
        return head + number(self.value, self.decimals)


@dataclass(frozen=True, slots=True, kw_only=True)
class Numeric:
    """One numeric object; ``is_timed``: it says when its number was measured, if ever."""

    context: int = 1
    handle: int
    label: int
    name: str
    colour: str
    readings: tuple[Reading, ...]
    is_compound: bool = False
    is_timed: bool = False
    measured_unix_s: float | None = None

    def polled(
        self, group: int, *, has_context: bool = True, has_values: bool = True
    ) -> PolledObject:
        """The attributes of ``group``, or some of group 0: the least context, or no value."""
        found: list[tuple[int, bytes]] = []
        if group in (ALL_GROUPS, STATIC):
            found.append((0x0921, struct.pack(">H", self.handle)))
            found.append((0x092F, struct.pack(">HH", OBJECTS, NUMERIC)))
        if group == STATIC or (group == ALL_GROUPS and has_context):
            # MetricSpec: period 1.024 s, measured by itself, periodic, so many parts.
            count = len(self.readings) if self.is_compound else 0
            spec = struct.pack(">IHHBBH", 8192, 1, 0xC000, self.is_compound, count, 0)
            found.append((0x093F, spec))
        if group in (ALL_GROUPS, DYNAMIC):
            found.append((0x0924, struct.pack(">I", 0x00020000 | self.label)))
        if group == DYNAMIC or (group == ALL_GROUPS and has_context):
            found.append((0x0927, text(self.name)))
            found.append((0x0917, bytes([3, self.readings[0].decimals])))
            found.append((0x0911, struct.pack(">H", COLOURS[self.colour])))
        if group == VALUES or (group == ALL_GROUPS and has_values):
            found += self.values()
        return PolledObject(self.context, self.handle, found)

    def values(self) -> list[tuple[int, bytes]]:
        found: list[tuple[int, bytes]] = []
        if self.is_timed:
            found.append((0x0990, absolute_time(self.measured_unix_s)))
        if self.is_compound:
            found.append((0x094B, counted([one.wire() for one in self.readings])))
        else:
            found.append((0x0950, self.readings[0].wire()))
        return found


def numerics(shown: Displayed, cuff_unix_s: float | None, machine: Machine) -> list[Numeric]:
    """Every numeric object of the modules that are fitted, with alarms marked.

    ``cuff_unix_s`` is when the last cuff cycle ended, by the monitor's clock; None: none has. A gas
    module brings an MDS context of its own, in which handles start again (R has two contexts).
    """
    found: list[Numeric] = []
    fitted = shown.fitted
    if Module.ECG in fitted:
        found.append(_heart_rate(shown))
        if shown.st_mm is not None:
            found.append(_st(shown.st_mm))
    if Module.SPO2 in fitted:
        found += _oximeter(shown)
    if Module.ECG in fitted:
        found.append(_chest_breaths(shown))
    if Module.NIBP in fitted:
        found += _cuff(shown, cuff_unix_s, machine)
    if Module.TEMPERATURE in fitted:
        found.append(_temperature(shown, machine))
    if Module.PRESSURE_1 in fitted:
        found.append(_arterial_line(shown, machine))
    if Module.CO2 in fitted:
        found += _gas(shown, machine)
    return [
        replace(one, readings=tuple(_marked(part, machine) for part in one.readings))
        for one in found
    ]


def _marked(part: Reading, machine: Machine) -> Reading:
    """With the mode of the whole monitor, and the alarm bit."""
    if machine.mode in UNMEASURED:
        return replace(part, value=None, state=UNAVAILABLE)
    state = part.state | MARKED.get(machine.mode, 0)
    if _breach(part, machine) is not None:
        state |= IN_ALARM
    return replace(part, state=state)


def _state(shown: Displayed, module: Module, value: float | None) -> int:
    """No sensor on the patient: unavailable; one without a number: invalid (R)."""
    if module not in shown.attached:
        return UNAVAILABLE
    return INVALID if value is None else 0


def _heart_rate(shown: Displayed) -> Numeric:
    # The ECG's own rate: a pulse that stands in for it on the screen has its own object.
    is_ecg = shown.heart_rate_source is RateSource.ECG
    rate = shown.heart_rate_bpm if is_ecg else shown.ecg_rate_bpm
    state = _state(shown, Module.ECG, rate)
    state |= QUESTIONABLE if rate is not None and shown.is_ecg_noisy else 0
    reading = Reading(ECG_RATE, "HR", rate, BEATS, 0, state)
    return Numeric(handle=0x82CF, label=ECG_RATE, name="HR", colour="green", readings=(reading,))


def _st(st_mm: Sequence[float]) -> Numeric:
    return Numeric(
        handle=0x8296,
        label=ST,
        name="ST",
        colour="green",
        readings=tuple(
            Reading(physio_id, f"ST-{lead}", mm, MILLIMETRES, 1)
            for (lead, physio_id), mm in zip(ST_LEADS, st_mm, strict=True)
        ),
        is_compound=True,
    )


def _chest_breaths(shown: Displayed) -> Numeric:
    rate = shown.impedance_resp_rpm
    state = _state(shown, Module.ECG, rate)
    state |= QUESTIONABLE if rate is not None and shown.is_ecg_noisy else 0
    return Numeric(
        handle=0x82D6,
        label=CHEST_BREATHS,
        name="RR",
        colour="yellow",
        readings=(Reading(CHEST_BREATHS, "RR", rate, BREATHS, 0, state),),
    )


def _oximeter(shown: Displayed) -> list[Numeric]:
    doubt = QUESTIONABLE if shown.is_pulse_noisy else 0
    parts = [
        (0x8400, SPO2, "SpO₂", shown.spo2_pct, PERCENT, 1, 0),
        # R: the pulse of an oximeter that is off has its alarms inhibited.
        (0x8406, PULSE, "Pulse", shown.pulse_bpm, BEATS, 0, ALARM_INHIBITED),
        (0x840C, PERFUSION, "Perf", shown.pleth_modulation_pct, NO_UNIT, 2, 0),
    ]
    found = []
    for handle, physio_id, name, value, unit, decimals, when_off in parts:
        state = _state(shown, Module.SPO2, value)
        state = doubt if not state else state | when_off * (state == INVALID)
        reading = Reading(physio_id, name, value, unit, decimals, state)
        found.append(
            Numeric(handle=handle, label=physio_id, name=name, colour="cyan", readings=(reading,))
        )
    return found


def _cuff(shown: Displayed, cuff_unix_s: float | None, machine: Machine) -> list[Numeric]:
    reading = shown.cuff.reading
    pressures = (
        (NIBP_SYSTOLIC, "NBPs", reading.systolic_mmhg),
        (NIBP_DIASTOLIC, "NBPd", reading.diastolic_mmhg),
        (NIBP_MEAN, "NBPm", reading.mean_mmhg),
    )
    is_empty = all(value is None for _, _, value in pressures)
    # R: never measured is unavailable. That a failed cycle is invalid is inferred from that.
    missing = INVALID if is_empty and cuff_unix_s is not None else UNAVAILABLE
    ongoing = ONGOING if shown.cuff.is_measuring else 0

    def state(value: float | None) -> int:
        return ongoing | (missing if value is None else 0)

    pulse = reading.pulse_bpm
    return [
        Numeric(
            handle=0x8272,
            label=NIBP,
            name="NBP",
            colour="white",
            readings=tuple(
                _pressure(physio_id, name, value, state(value), machine)
                for physio_id, name, value in pressures
            ),
            is_compound=True,
            is_timed=True,
            measured_unix_s=cuff_unix_s,
        ),
        Numeric(
            handle=0x8284,
            label=NIBP_PULSE,
            name="Pulse",
            colour="white",
            readings=(Reading(NIBP_PULSE, "Pulse", pulse, BEATS, 0, state(pulse)),),
        ),
    ]


def _pressure(
    physio_id: int, name: str, mmhg: float | None, state: int, machine: Machine
) -> Reading:
    if not machine.has_kpa:
        return Reading(physio_id, name, mmhg, MMHG, 0, state)
    kpa = None if mmhg is None else mmhg / MMHG_IN_KPA
    return Reading(physio_id, name, kpa, KPA, 1, state)


def _temperature(shown: Displayed, machine: Machine) -> Numeric:
    value, unit = shown.temperature_c, CELSIUS
    state = _state(shown, Module.TEMPERATURE, value)
    if machine.has_fahrenheit:
        value, unit = None if value is None else value * 9 / 5 + 32, FAHRENHEIT
    reading = Reading(TEMPERATURE, "Temp", value, unit, 1, state)
    return Numeric(
        handle=0x8300, label=TEMPERATURE, name="Temp", colour="green", readings=(reading,)
    )


def _arterial_line(shown: Displayed, machine: Machine) -> Numeric:
    parts = (
        (ABP_SYSTOLIC, "ABPs", shown.pressure_1_systolic_mmhg),
        (ABP_DIASTOLIC, "ABPd", shown.pressure_1_diastolic_mmhg),
        (ABP_MEAN, "ABPm", shown.pressure_1_mean_mmhg),
    )
    return Numeric(
        handle=0x8278,
        label=ABP,
        name="ABP",
        colour="red",
        readings=tuple(
            _pressure(physio_id, name, value, _state(shown, Module.PRESSURE_1, value), machine)
            for physio_id, name, value in parts
        ),
        is_compound=True,
    )


def _gas(shown: Displayed, machine: Machine) -> list[Numeric]:
    ambient_mmhg = shown.ambient_mmhg or USUAL_AMBIENT_MMHG
    found = []
    for handle, physio_id, name, pct in (
        (0x82CF, ETCO2, "etCO₂", shown.etco2_pct),
        (0x82D2, FICO2, "imCO₂", shown.fico2_pct),
    ):
        mmhg = None if pct is None else pct / 100 * ambient_mmhg
        state = _state(shown, Module.CO2, mmhg)
        reading = _pressure(physio_id, name, mmhg, state, machine)
        found.append(
            Numeric(
                context=0,
                handle=handle,
                label=physio_id,
                name=name,
                colour="yellow",
                readings=(reading,),
            )
        )
    rate = shown.co2_resp_rpm
    reading = Reading(AIRWAY_BREATHS, "awRR", rate, BREATHS, 0, _state(shown, Module.CO2, rate))
    found.append(
        Numeric(
            context=0,
            handle=0x82D6,
            label=AIRWAY_BREATHS,
            name="awRR",
            colour="yellow",
            readings=(reading,),
        )
    )
    return found


# Alerts


@dataclass(frozen=True, slots=True)
class Alert:
    """One alarm or technical complaint that is on now."""

    source: int
    code: int
    kind: int  # one type bit
    text: str
    context: int
    handle: int

    @property
    def identity(self) -> tuple[int, int, int]:
        """What makes it the same alert although its text follows the number."""
        return self.source, self.code, self.kind


def alerts(shown: Displayed, found: Sequence[Numeric], machine: Machine) -> list[Alert]:
    """What is on, highest priority first: the patient's alarms, then technical ones."""
    if machine.mode in UNMEASURED:
        return []
    on: list[Alert] = []
    for one in found:
        for part in one.readings:
            breach = _breach(part, machine)
            if breach is not None:
                code, kind, wording = breach
                on.append(Alert(part.physio_id, code, kind, wording, one.context, one.handle))
    on.sort(key=lambda alert: -alert.kind)
    places = {one.label: (one.context, one.handle) for one in found}
    for source, code, wording in _complaints(shown, found):
        on.append(Alert(source, code, LOW_TECHNICAL, wording, *places[source]))
    return on


def _breach(part: Reading, machine: Machine) -> tuple[int, int, str] | None:
    """Code, type and text of the alarm that a number raises, if it does."""
    limits = machine.limits.get(part.physio_id)
    if limits is None or part.value is None or part.state & (INVALID | UNAVAILABLE):
        return None
    value, in_kpa = part.value, part.unit == KPA

    def limit(base: float | None) -> float | None:
        return base / MMHG_IN_KPA if base is not None and in_kpa else base

    extreme_low, extreme_high = limit(limits.extreme_low), limit(limits.extreme_high)
    low, high = limit(limits.low), limit(limits.high)
    if value == 0 and part.physio_id in (CHEST_BREATHS, AIRWAY_BREATHS):
        return APNEA, HIGH_PATIENT, f"{3 * STAR}APNEA"
    if extreme_low is not None and value < extreme_low:
        code, word = (DESATURATION, "DESAT") if part.physio_id == SPO2 else (EXTREME_BRADY, "BRADY")
        return code, HIGH_PATIENT, f"{3 * STAR}{word} {part.shown(value)}<{part.shown(extreme_low)}"
    if extreme_high is not None and value > extreme_high:
        wording = f"{3 * STAR}TACHY {part.shown(value)}>{part.shown(extreme_high)}"
        return EXTREME_TACHY, HIGH_PATIENT, wording
    if low is not None and value < low:
        wording = f"{2 * STAR}{part.name} {part.shown(value)}<{part.shown(low)}"
        return LOW, MEDIUM_PATIENT, wording
    if high is not None and value > high:
        wording = f"{2 * STAR}{part.name} {part.shown(value)}>{part.shown(high)}"
        return HIGH, MEDIUM_PATIENT, wording
    return None


def _complaints(shown: Displayed, numerics_found: Sequence[Numeric]) -> list[tuple[int, int, str]]:
    """Source, code and text of each technical alarm."""
    found = []
    if Module.ECG in shown.fitted and shown.is_lead_off:
        found.append((ECG_RATE, LEADS_OFF, "ECG LEADS OFF"))
    if Module.SPO2 in shown.fitted & shown.attached and shown.spo2_pct is None:
        found.append((SPO2, NO_OSCILLATION, "SpO₂ NON-PULSAT."))
    if Module.ECG in shown.fitted and shown.is_ecg_noisy:
        found.append((ECG_RATE, NOISY, "ECG NOISY SIGNAL"))
    if Module.SPO2 in shown.fitted and shown.is_pulse_noisy:
        found.append((SPO2, NOISY, "SpO₂ NOISY SIGN."))
    for one in numerics_found:
        states = [part.state & (INVALID | ONGOING) for part in one.readings]
        if one.label == NIBP and states == [INVALID] * 3:
            found.append((NIBP, MEASUREMENT_FAILED, "NBP MEASURE FAILED"))
    return found


def alert_monitor(
    group: int,
    entries: Sequence[tuple[Alert, int, bool]],
    *,
    changes: int,
    mode: Mode = Mode.MONITORING,
    room: int = 65535,
) -> PolledObject:
    """The alert monitor with (alert, instance number, is it new), highest priority first.

    ``changes`` counts how often the alerts have changed; ``room`` is how many bytes the attributes
    may take: the least important alerts give way, as an object cannot be cut in two.
    """
    if group == STATIC:
        return PolledObject(0, 1, _identity(1, ALERT_MONITOR))
    entries = list(entries)
    while True:
        found = [] if group == ALERTS_GROUP else _identity(1, ALERT_MONITOR)
        kinds = [alert.kind for alert, _, _ in entries]
        patient = max((kind for kind in kinds if kind >= LOW_PATIENT), default=0)
        technical = max((kind for kind in kinds if kind < LOW_PATIENT), default=0)
        condition = (0, changes & 0xFFFF, patient, technical, patient or technical)
        found.append((0x0916, struct.pack(">5H", *condition)))
        for oid, are_patients in ((0x0902, True), (0x0904, False)):
            some = [
                _alert_entry(*entry, mode)
                for entry in entries
                if (entry[0].kind >= LOW_PATIENT) == are_patients
            ]
            found.append((oid, counted(some)))
        if len(attribute_list(found)) <= room or not entries:
            return PolledObject(0, 1, found)
        entries.pop()


def _alert_entry(alert: Alert, instance: int, is_new: bool, mode: Mode) -> bytes:
    """Layout as three public clients read it; no capture with an alert in it is public."""
    state = NEW * is_new | DEMO_ALERT * (mode is Mode.DEMO)
    priority = {HIGH_PATIENT: 3, MEDIUM_PATIENT: 2}.get(alert.kind, 1)
    flags = BEDSIDE_AUDIBLE
    info = struct.pack(">HIHH", instance, 0x00020000 | alert.source, priority, flags)
    info += text(alert.text)
    head = struct.pack(">4H", alert.source, alert.code, alert.kind, state)
    place = struct.pack(">HHH", NUMERIC, alert.context, alert.handle)
    return head + place + struct.pack(">HH", WITH_STRING, len(info)) + info


def _identity(handle: int, object_class: int) -> list[tuple[int, bytes]]:
    return [
        (0x0921, struct.pack(">H", handle)),
        (0x092F, struct.pack(">HH", OBJECTS, object_class)),
    ]


# The patient and the monitor itself


def demographics(patient: Demographics) -> PolledObject:
    """The 22 attributes of a real reply (P), empty where nothing is known."""
    is_admitted = patient != Demographics()
    no_number = number(None)
    return PolledObject(
        0,
        0x0050,
        [
            (0x0921, b"\x00\x50"),
            (0x0957, struct.pack(">H", 2 if is_admitted else 0)),  # admitted, or empty
            (0x0A1A, bytes(2)),
            (0xF001, bytes(10)),  # the monitor's own number for the patient
            (0x0962, b"\x00\x01"),  # adult
            (0x0A1E, bytes(2)),  # no pacemaker
            (0x095D, text(patient.given_name)),
            (0x095F, text("")),
            (0x095C, text(patient.family_name)),
            (0x095A, text(patient.patient_id)),
            (0xF2E1, text("")),
            (0xF129, text("")),
            (0xF12A, text("")),
            (0x0961, bytes(2)),  # sex
            (0x0958, bytes(8)),  # date of birth
            (0x09D8, no_number + b"\x09\x40"),  # age
            (0x09DC, no_number + b"\x05\x60"),  # height
            (0x09DF, no_number + b"\x06\xe0"),  # weight
            (0x0956, no_number + b"\x05\xc0"),  # body surface
            (0xF1EC, b"\x00\x02"),  # by the formula of Du Bois
            (0xF2E2, bytes(4)),
            (0xF2E3, bytes(4)),
        ],
    )


def mds_attributes(
    machine: Machine, *, ticks: int, now_unix_s: float, association: int = 1
) -> Attributes:
    """The 17 attributes of a real MDS create event, in its order (R, P).

    The absolute and the relative time are of the same moment: a client needs the pair.
    """
    nothing = b"\x00\x06\xff\xff\xff\xff"  # no object gives the pulse of the whole system
    supported = ((MDS_CLASS, 1), (NUMERIC, 201), (WAVE, 60), (DEMOGRAPHICS, 1), (ALERT_MONITOR, 1))
    entries = counted([struct.pack(">HHI", OBJECTS, code, most) for code, most in supported])
    return [
        (0x0984, struct.pack(">H", len(machine.system_id)) + machine.system_id),
        (0x0986, struct.pack(">HH", OBJECTS, 0x114D)),
        (0x091D, struct.pack(">H", association)),
        (0x0928, label("Philips") + label(machine.model)),
        (0x0948, bytes.fromhex("00010000")),
        (0x0937, bytes.fromhex("063206320001000b")),  # English, in UTF-16
        (0x0946, struct.pack(">H", OPERATING_MODE[machine.mode])),
        (0x090D, b"\x00\x02"),  # used in intensive care
        (0x0935, b"\x00\x02"),  # 50 Hz mains
        (0x0982, b"\x00\x02"),  # safety standard
        (0x090C, struct.pack(">h", 300)),  # altitude, m
        (0xF1FA, counted([struct.pack(">HH", 1, 12) + nothing + nothing])),
        (0x09A7, b"\x00\x06"),  # operating
        (0x091E, text(machine.bed_label, 34)),
        (0x0987, absolute_time(now_unix_s)),
        (0x098F, struct.pack(">I", ticks & 0xFFFFFFFF)),
        (0x0985, counted([struct.pack(">HH", 0x0102, len(entries)) + entries])),
    ]


IDENTIFYING = (0x0984, 0x0986, 0x0928, 0x0948)


def mds_object(group: int, attributes: Attributes) -> PolledObject:
    """The monitor as a client may poll it, from its MDS create attributes."""
    found = [(0x0921, bytes(2))]
    if group in (ALL_GROUPS, IDENTIFICATION):
        found += [one for one in attributes if one[0] in IDENTIFYING]
    if group in (ALL_GROUPS, APPLICATION):
        found += [one for one in attributes if one[0] not in IDENTIFYING]
    if group in (ALL_GROUPS, PRODUCTION):
        software = struct.pack(">HH", 4, 0x0008) + label("G.01.70")  # revision, of the product
        found.append((0x092D, counted([software])))
    return PolledObject(0, 0, found)
