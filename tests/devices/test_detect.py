"""Is every monitor named by what it sends, is none disturbed, and is nothing named that is none?

Lines of our own making: a simulated monitor at a port with a speed, on a clock that is set by hand.
With real processes and pseudo-terminals: tests/system/test_detect.py.
"""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

import pytest

from clinical.vitals import Metric
from devices import detect as detect_of
from devices.detect import Detection, Tried, detect, evidence, judge, plan, without_echo
from devices.ports import describe_open_error
from devices.protocols.line import LineSettings
from devices.protocols.philips_intellivue import RELEASE
from devices.registry import PROTOCOLS
from simulators import ge_dri
from simulators.patient import Patient
from simulators.registry import MONITORS
from simulators.scenario import named
from tests.devices.lines import START, HandClock

READ_S = 0.05
OPENING_S = 0.15  # of a slow adapter


class Ward:
    """A port, what is plugged into it, and the clock of both.

    ``set_to`` are the monitor's own settings: at others it hears nothing that makes sense, and is
    heard as rubbish. A port that ``has_speed`` is none of a pseudo-terminal.
    """

    def __init__(self, monitor, set_to, has_speed=True, echoes=False):
        self.clock = HandClock()
        self.clock.speed = 1.0
        self.monitor, self.set_to, self.has_speed, self.echoes = (
            monitor, set_to, has_speed, echoes,
        )  # fmt: skip
        self.device = "/dev/ttyUSB0" if has_speed else "socket://gateway:1"
        self.said = []  # that the monitor understood
        self.opened, self.is_open = [], False
        self._settings, self._coming = None, b""
        self._noise = random.Random(7)
        self.told = []

    def open_port(self, _port, settings, _read_within_s):
        assert not self.is_open, "opened twice"
        self.clock.advance(OPENING_S)
        self.opened.append(settings)
        self._settings, self._coming, self.is_open = settings, b"", True
        self._pass(0)  # what was sent before we listened
        self._coming = b""
        return self

    def read(self):
        self._pass(READ_S)
        data, self._coming = self._coming, b""
        return data

    def write(self, data):
        assert self.is_open
        if self.echoes:
            self._coming += data
        if self._fits:
            self.said.append(data)
            if self.monitor:
                self._coming += self.monitor.heard(data, self._t_s)

    def close(self):
        self.is_open = False

    @property
    def _fits(self):
        return not self.has_speed or detect_of.as_set(self.set_to) == self._settings

    @property
    def _t_s(self):
        return self.clock.monotonic() - 100.0

    def _pass(self, seconds):
        self.clock.advance(seconds)
        data = self.monitor.due(self._t_s)[0] if self.monitor else b""
        self._coming += data if self._fits else self._noise.randbytes(len(data) // 2)

    def detect(self, **options):
        found = detect(
            self.device,
            clock=self.clock,
            open_port=self.open_port,
            tell=self.told.append,
            **options,
        )
        assert not self.is_open
        return found


SHOWING = Patient(named("capnography")).at


def simulated(name):
    return MONITORS[name].make(SHOWING, START.timestamp())


SET_TO = [
    (name, settings)
    for name, entry in PROTOCOLS.items()
    for settings in (entry.settings, *entry.also)
]


@pytest.mark.parametrize("name", PROTOCOLS)
@pytest.mark.parametrize("has_speed", [True, False], ids=["serial", "socket"])
def test_every_monitor_is_named_with_what_it_sends_within_20_s(name, has_speed):
    ward = Ward(simulated(name), PROTOCOLS[name].settings, has_speed)
    found = ward.detect()
    assert (found.name, found.title, found.rivals) == (name, PROTOCOLS[name].title, ())
    assert found.settings == PROTOCOLS[name].settings
    assert ward.clock.monotonic() - 100.0 < 20.0
    metrics = {one.metric for one in found.observations}
    assert metrics & {Metric.SPO2, Metric.HEART_RATE, Metric.ETCO2} or PROTOCOLS[name].works_cuff
    if PROTOCOLS[name].identity and name not in TELLS_LATER:
        assert found.identity


TELLS_LATER = {"nellcor"}  # in a heading, every so many lines


@pytest.mark.parametrize(("name", "settings"), SET_TO)
def test_a_monitor_that_was_set_otherwise_is_found_too(name, settings):
    found = Ward(simulated(name), settings).detect(seconds=40.0)
    assert (found.name, found.settings) == (name, settings)


@pytest.mark.parametrize("level", [4, 7, 10])
def test_a_ge_monitor_that_keeps_to_its_5_s_or_is_old_is_found_within_20_s_too(level):
    """It does not answer the first request at all, and Talk gives it 10 s for that."""
    monitor = ge_dri.Monitor(SHOWING, begin_unix_s=START.timestamp(), level=level, min_interval_s=5)
    ward = Ward(monitor, PROTOCOLS["ge-dri"].settings)
    assert ward.detect().name == "ge-dri"
    assert ward.clock.monotonic() - 100.0 < 20.0


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_monitor_that_was_asked_hears_the_end_of_the_conversation(name):
    entry, ward = PROTOCOLS[name], Ward(simulated(name), PROTOCOLS[name].settings)
    ward.detect()
    talk = entry.talk()
    if not (opening := talk.opening(0.0)):
        assert ward.said == [], "nothing is said to a monitor that talks unasked"
        return
    assert any(opening[:4] in words for words in ward.said)
    if goodbye := talk.closing():
        # An IntelliVue that was associated is released; one that was not is told to abort.
        assert ward.said[-1] in (goodbye, RELEASE)


def test_nothing_is_said_before_every_setting_was_listened_to():
    rounds = plan(PROTOCOLS, True)
    kinds = [bool(each.asks) for each in rounds]
    assert kinds == sorted(kinds)
    listened = [each.settings for each in rounds if not each.asks]
    assert len(listened) == len(set(listened)), "equal settings are one round"
    assert set(listened) == {detect_of.as_set(settings) for _, settings in SET_TO}
    assert all(each.asks in each.names for each in rounds if each.asks)


def test_a_monitor_whose_opening_may_do_harm_is_not_spoken_to():
    entries = {name: replace(entry, is_harmless=False) for name, entry in PROTOCOLS.items()}
    ward = Ward(simulated("ge-dri"), PROTOCOLS["ge-dri"].settings)
    found = ward.detect(entries=entries)
    assert found.name is None
    assert ward.said == []
    assert {each.said for each in found.tried} == {""}


def test_a_silent_line_says_what_was_tried_and_what_to_look_at():
    ward = Ward(None, PROTOCOLS["ge-dri"].settings)
    found = ward.detect()
    assert ward.clock.monotonic() - 100.0 <= 20.5
    assert found.name is None
    assert found.tried[0] == Tried("9600 baud, 8N1", "", 0)
    asked = {each.said for each in found.tried if each.said}
    assert asked == {entry.title for entry in PROTOCOLS.values() if entry.talk().opening(0.0)}, (
        "each that can be asked, within the time"
    )
    text = detect_of.as_text(found)
    assert "is the monitor on" in text
    assert "9600 baud, 8N1: listened, 0 bytes came" in text


class Babbling:
    """Says the same once a second."""

    def __init__(self, words):
        self.words, self.next_s = words, 0.0

    def due(self, t_s):
        said = b""
        while t_s >= self.next_s:
            said, self.next_s = said + self.words, self.next_s + 1
        return said, self.next_s

    def heard(self, _data, _t_s):
        return b""


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (b"\x00" * 30, "Almost only 00 and FF"),
        (b"HELLO, WORLD, I AM NO MONITOR\r\n", "compare them with its manual"),
    ],
)
def test_what_nobody_knows_is_shown_raw_with_a_hint(words, hint):
    found = Ward(Babbling(words), PROTOCOLS["masimo-ascii1"].settings, has_speed=False).detect()
    assert (found.name, found.is_talking) == (None, True)
    assert {each.said for each in found.tried} == {""}, "it may be in use"
    assert "more were not tried: it talks by itself" in detect_of.as_text(found)
    assert found.raw.startswith(words[:20])
    assert len(found.raw) <= detect_of.RAW_MOST
    *_, last = text = detect_of.as_text(found).splitlines()
    assert last.startswith("No monitor was recognised at ")
    assert hint in last, "not scrolled away by what came"
    assert any(words[:16].hex(" ") in line for line in text)


@pytest.mark.parametrize("has_speed", [True, False])
def test_our_own_words_that_come_back_are_no_monitor(has_speed):
    ward = Ward(None, PROTOCOLS["ge-dri"].settings, has_speed, echoes=True)
    found = ward.detect()
    assert found.name is None
    assert "Is it looped?" in detect_of.hint(found)
    assert without_echo(b"abcNAdef", [b"NA", b""]) == b"abcdef"


def test_a_monitor_on_a_line_that_echoes_is_named_all_the_same():
    for name in ("dinamap", "suntech", "ge-dri"):
        ward = Ward(simulated(name), PROTOCOLS[name].settings, has_speed=False, echoes=True)
        assert ward.detect().name == name


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_no_monitor(seed):
    noise = random.Random(seed).randbytes(20_000)
    for size in (500, 20_000):
        assert judge(noise[:size], PROTOCOLS, PROTOCOLS, START) == ()


def sent(name, seconds=12.0):
    """What a monitor of that kind says, asked as it is to be asked."""
    ward = Ward(simulated(name), PROTOCOLS[name].settings)
    talk, decoder = PROTOCOLS[name].talk(), PROTOCOLS[name].decoder()
    ward.open_port("", detect_of.as_set(ward.set_to), 0)
    ward.write(talk.opening(100.0))
    heard = b""
    while ward.clock.monotonic() < 100 + seconds:
        data = ward.read()
        heard += data
        for message in decoder.feed(data):
            ward.write(talk.heard(message, ward.clock.monotonic()))
        ward.write(talk.due(ward.clock.monotonic())[0])
    return heard


@pytest.mark.parametrize("name", PROTOCOLS)
def test_no_other_protocol_understands_what_a_monitor_says(name):
    heard = sent(name)
    assert [each.name for each in judge(heard, PROTOCOLS, PROTOCOLS, START)] == [name]
    for cut in range(1, len(heard) // 3, 1 + len(heard) // 40):
        (best,) = judge(heard[cut:], PROTOCOLS, PROTOCOLS, START)
        assert (best.name, best.share > 0.9) == (name, True), "joined in the middle of a frame"


def test_a_checksum_wins_and_two_alike_are_both_named():
    masimo = PROTOCOLS["masimo-ascii1"]
    twins = {"one": masimo, "two": replace(masimo, title="Another")}
    heard = sent("masimo-ascii1")
    assert {each.name for each in judge(heard, twins, twins, START)} == {"one", "two"}
    checked = {**twins, "three": replace(masimo, has_checksum=True)}
    assert [each.name for each in judge(heard, checked, checked, START)] == ["three"]

    ward = Ward(simulated("masimo-ascii1"), masimo.settings)
    found = ward.detect(entries=twins)
    assert {found.name, *found.rivals} == {"one", "two"}
    assert "doubtful  it could as well be" in detect_of.as_text(found)
    assert detect_of.as_json(found)["rivals"] == list(found.rivals)


def test_one_line_without_a_checksum_is_no_proof_and_two_are():
    masimo = PROTOCOLS["masimo-ascii1"]
    line = b"03/14/26 09:30:00 SPO2=097% BPM=072 PI=02.35% ALARM=0000 EXC=000800\r\n"
    names = ["masimo-ascii1"]
    assert judge(line, names, PROTOCOLS, START) == ()
    (found,) = judge(line * 2, names, PROTOCOLS, START)
    assert found.observations == evidence("x", masimo, line, START).observations
    assert judge(line * 2 + b"rubbish and more of it\r\n" * 20, names, PROTOCOLS, START) == ()


def test_a_port_that_cannot_be_opened_says_so_to_the_caller():
    def taken(*_):
        raise OSError(16, "busy")

    with pytest.raises(OSError, match="busy"):
        detect("/dev/ttyUSB0", clock=HandClock(), open_port=taken)


def test_a_port_that_goes_away_in_between_says_so_in_words():
    ward = Ward(simulated("ge-dri"), PROTOCOLS["ge-dri"].settings)

    def gone():
        raise OSError("device reports readiness to read but returned no data")

    ward.read = gone
    with pytest.raises(OSError) as caught:
        ward.detect()
    said = describe_open_error(caught.value, "/dev/ttyUSB0")
    assert said == "/dev/ttyUSB0 went away: is the adapter still plugged into this computer?"


def test_a_sender_without_end_is_given_up_soon():
    ward = Ward(Babbling(b"NO MONITOR " * 1000), LineSettings(9600, 1.0), has_speed=False)
    found = ward.detect()
    assert found.name is None
    assert found.tried[0].heard < 3 * detect_of.MOST_BYTES


def test_whoever_is_interrupted_says_goodbye_and_closes():
    ward = Ward(simulated("ge-dri"), PROTOCOLS["ge-dri"].settings)
    read = ward.read

    def interrupted():
        if ward.said:
            raise KeyboardInterrupt
        return read()

    ward.read = interrupted
    with pytest.raises(KeyboardInterrupt):
        ward.detect()
    assert ward.said[-1] == PROTOCOLS["ge-dri"].talk().closing()
    assert not ward.is_open


def test_it_tells_what_it_does_and_what_it_had_no_time_for():
    ward = Ward(None, PROTOCOLS["ge-dri"].settings)
    found = ward.detect(seconds=6.0)
    assert ward.told[:2] == ["Opening /dev/ttyUSB0.", "Listening at 9600 baud, 8N1."]
    assert any(each.startswith("Asking as DINAMAP") for each in ward.told)
    assert all(one != other for one, other in pairwise(ward.told))
    assert found.not_tried > 0
    assert "more were not tried" in detect_of.as_text(found)


def test_what_was_found_is_told_to_programs_and_to_people():
    found = Ward(simulated("masimo-ascii1"), LineSettings(9600, 1.0)).detect()
    assert isinstance(found, Detection)
    told = detect_of.as_json(found)
    assert (told["monitor"], told["baud"], told["hint"]) == ("masimo-ascii1", 9600, None)
    assert {"metric": "spo2", "unit": "%"}.items() <= told["observations"][0].items()
    assert bytes.fromhex(told["raw"]) == found.raw
    assert "line      9600 baud, 8N1" in detect_of.as_text(found)
