"""Who does a monitor say it is, and what does it send that Vigil does not read?"""

from __future__ import annotations

import random
from dataclasses import replace
from functools import partial

import pytest

from clinical.identity import Identity
from clinical.vitals import Source
from devices.decode import Summary, decode
from devices.protocols import masimo_ascii1, nellcor
from devices.protocols.line import Garbled
from devices.registry import PROTOCOLS
from tests.devices import ge_frames as ge
from tests.devices import philips_frames as philips
from tests.devices.test_battery import NOW, every_monitor, fed, frames, vectors

SEED = 20261122


def named(name, vector):
    """The bytes of a vector by its name."""
    (found,) = (one for one in vectors(name)["frames"] if one["name"] == vector)
    return bytes.fromhex(found["hex"])


def said(name, wire):
    """Who ``wire`` is from, each once, and what of it is not read, in the order of saying."""
    protocol = PROTOCOLS[name]
    identities, unknown = [], []
    for message in fed(protocol.decoder(), wire):
        if isinstance(message, Garbled):
            continue
        one = protocol.identity(message) if protocol.identity else None
        identities += [one] if one is not None and one not in identities else []
        unknown += [each for each in protocol.unknown(message) if each not in unknown]
    return identities, unknown


def masimo(number="0000123456", more=""):
    line = f"03/14/26 09:30:00 SN={number} SPO2=097% BPM=072 PI=02.35% {more}ALARM=0000 EXC=000800"
    return line.encode() + b"\r\n"


def heading(model="N-560", version="1.56.00"):
    line = f"{model}    VERSION {version}    CRC:XXXX  SpO2 Limit: 90-100%    PR Limit: 60-170BPM"
    return line.encode() + b"\r\n"


def ansar(*more):
    """A packet of the protocol page, with ``more`` lines of text."""
    lines = ("HR=1;72;ECG-II-MON;", "SPO2=1;97;PR=71 ;", *more)
    waves = b"\x64" * 200 + b"\x49" * 50 + b"\x56" * 50 + b"\x50" * 50 + b"\xfb" * 50
    return b"\xffANSAR-B " + waves + "".join(f"{line}\r" for line in lines).encode() + b"\xfe"


def dinamap(text):
    total = sum(code - 0x1F for code in text)
    return text + bytes([0x20 + (total >> 6), 0x20 + (total & 0x3F), 0x0D])


def capnostream(*content):
    """A frame of code and data; none of the bytes used here is escaped."""
    frame = bytes([len(content), *content])
    check = 0
    for byte in frame:
        check ^= byte
    return b"\x85" + frame + bytes([check])


def device_id(text):
    return capnostream(4, *text.encode())


def created(*attributes):
    """The Philips create event with nothing but ``attributes``."""
    told = philips.listed(*attributes)
    event = philips.words(0x21, 0, 0, 0, 0, 0x0D06, 6 + len(told), 0x21, 0, 0) + told
    operation = philips.words(1, 1, len(event)) + event
    return philips.framed(philips.words(0xE100, 2, 1, len(operation)) + operation)


def labels(*texts):
    return b"".join(philips.words(len(text) + 2) + text.encode() + b"\0\0" for text in texts)


MODEL = philips.attribute(0x0928, labels("Philips", "M8000"))
SYSTEM = philips.attribute(0x0984, bytes.fromhex("0006 0009FB010203"))

IDENTITIES = [
    # Record header: 3 level, 4 plug id, which is 0 without a network.
    ("ge-dri", ge.WORKED, [Identity(version="DRI level 10")]),
    ("ge-dri", ge.frame({2: 0x087E, 4: 4711}), [Identity(serial="4711", version="DRI level 8")]),
    # MDS create event: 0928 model, 0984 system id.
    (
        "philips-intellivue",
        created(MODEL, SYSTEM),
        [Identity("Philips M8000", "00:09:FB:01:02:03")],
    ),
    ("philips-intellivue", created(MODEL), [Identity("Philips M8000")]),
    ("philips-intellivue", created(SYSTEM), [Identity(serial="00:09:FB:01:02:03")]),
    (
        "philips-intellivue",
        created(MODEL, philips.attribute(0x0984, bytes.fromhex("0006 FFFFFFFFFFFF"))),
        [Identity("Philips M8000")],
    ),
    (
        "philips-intellivue",
        created(MODEL, philips.attribute(0x0984, bytes.fromhex("0008 0009FB"))),
        [Identity("Philips M8000")],
    ),
    (
        "philips-intellivue",
        created(philips.attribute(0x0928, philips.words(4) + b"Ph\0\x01" + labels("M8"))),
        [Identity("Ph M8")],
    ),
    ("philips-intellivue", created(), []),
    ("philips-intellivue", philips.WORKED, []),
    # Field SN of each line.
    ("masimo-ascii1", masimo(), [Identity(serial="0000123456")]),
    ("masimo-ascii1", masimo("----------"), []),
    ("masimo-ascii1", masimo("0000000000"), []),
    (
        "masimo-ascii1",
        named("masimo-ascii1", "98 %, 97/min, PI 3.60 %"),
        [Identity(serial="0000056661")],
    ),
    # Code 4: V, version, blank, date, blank, product, revision, number, blanks.
    (
        "capnostream",
        device_id("V04.51 11/20/2012 B5A1123456  "),
        [Identity("Capnostream B5", "123456", "04.51")],
    ),
    (
        "capnostream",
        device_id("V04.51            B2A1000000  "),
        [Identity("Capnostream B2", "", "04.51")],
    ),
    ("capnostream", device_id("V                             "), [Identity("Capnostream")]),
    (
        "capnostream",
        device_id("V04\x0051 11/20/2012 B5A112\x0056\x00\x00 "),
        [Identity("Capnostream B5", "1256", "0451")],
    ),
    ("capnostream", named("capnostream", "numerics, all well"), []),
    # First heading line.
    ("nellcor", heading(), [Identity("N-560", "", "1.56.00")]),
    (
        "nellcor",
        named("nellcor", "NPB-295: identity and limits"),
        [Identity("NPB-295", "", "2.0.0.0")],
    ),
    ("nellcor", named("nellcor", "N-560: names of the columns"), []),
]


@pytest.mark.parametrize(("name", "wire", "expected"), IDENTITIES)
def test_a_monitor_is_who_it_says_it_is(name, wire, expected):
    assert said(name, wire)[0] == expected


@every_monitor
def test_a_number_alone_is_from_nobody(name):
    """Where the protocol page has no word of model or number, none is made up."""
    silent = {"dinamap", "ivy450c", "suntech", "nonin-ascii"}
    assert (PROTOCOLS[name].identity is None) == (name in silent)


def basic(**status):
    """A GE record in which the groups named by their offset in the class have a ``status``."""
    return ge.frame({44 + int(at[1:]): bits for at, bits in status.items()})


UNKNOWN = [
    ("ge-dri", ge.WORKED, ["SpO2 modulation"]),
    ("ge-dri", basic(p44=3, p102=3, p178=7), ["P3", "T3", "spirometry", "SpO2 modulation"]),
    ("ge-dri", basic(p44=1, p102=2, p178=4, p118=1), []),  # not there, or not measuring
    (
        "ge-dri",
        ge.frame({44 + 8: 12, 44 + 130: 6500}),
        ["ST", "SpO2 modulation", "SpO2 group's SvO2"],
    ),
    ("ge-dri", ge.frame({44 + 8: -32001, 44 + 128: -32767}), []),
    ("ge-dri", ge.frame({14: 1}), ["waveform record"]),
    ("ge-dri", ge.frame({14: 9}), ["unknown record"]),
    ("ge-dri", ge.frame({40 + 276: 0x01A1}), ["ext1 class"]),
    ("ge-dri", ge.frame({40 + 276: 0x07A1}), ["unknown class"]),
    (
        "philips-intellivue",
        philips.result(
            philips.single(philips.HEART_RATE, 72),
            philips.single(0x4261, 3),
            philips.single(0x5ABC, philips.NAN, state=0x2000),
            philips.cuff((120, 80, 93)),
        ),
        ["0x4261 NOM_ECG_V_P_C_CNT", "0x5ABC"],
    ),
    ("philips-intellivue", philips.result(code=0x0009), ["waves"]),
    ("philips-intellivue", philips.result(code=0x0123), ["object 0x0123"]),
    ("philips-intellivue", philips.result(code=0x0036, group=0x0811), []),
    ("masimo-ascii1", masimo(), []),
    (
        "masimo-ascii1",
        masimo(more="SPCO=01.0% SPMET=--.-% DESAT=-- PIDELTA=-02 PVI=027 SPHB=--.- "),
        ["SPCO", "PIDELTA", "PVI"],
    ),
    ("dinamap", dinamap(b" NA1000014118072089"), []),
    ("dinamap", dinamap(b" NA1000014118072089055"), ["more behind NA"]),
    ("dinamap", dinamap(b" RC1064"), []),
    ("dinamap", dinamap(b" RC1064x"), ["more behind RC"]),
    ("dinamap", dinamap(b" NC0"), ["text of NC"]),
    ("dinamap", dinamap(b" ND"), []),
    ("capnostream", named("capnostream", "numerics, all well"), []),
    (
        "capnostream",
        named("capnostream", "numerics of later firmware, two bytes longer"),
        ["more behind the numerics"],
    ),
    ("capnostream", capnostream(0, 7, 38, 0, 0), ["CO2 wave"]),
    ("capnostream", capnostream(55, 1) + capnostream(77, 1), ["trend", "message 77"]),
    ("ivy450c", ansar(), ["ECG wave", "respiration wave", "pleth wave", "P1 wave", "P2 wave"]),
    ("nellcor", b"14-Mar-26 09:30:00    97      72      41\r\n", ["PA"]),
    ("nellcor", b"14-Mar-26 09:30:00    97      72     ---\r\n", []),
    (
        "nellcor",
        b"TIME   %SpO2   BPM   PA\r\n14-Mar-26 09:30:00    97      72      41\r\n",
        ["trend"],
    ),
    ("suntech", named("suntech", "128/76, mean 94, pulse 68, 22 beats"), ["beats"]),
    ("suntech", named("suntech", "version text of an LX"), ["version text"]),
    ("suntech", named("suntech", "result of a calibration"), ["calibration"]),
    ("suntech", named("suntech", "cuff at 152 mmHg"), []),
    ("nonin-ascii", b"SPO2=097 HR=072\r\n", []),
    ("nonin-ascii", b"SPO2=097 HR=072* FB\r\n", ["event mark", "fast response", "breath mark"]),
]


@pytest.mark.parametrize(("name", "wire", "expected"), UNKNOWN)
def test_what_is_sent_and_not_read_has_a_name(name, wire, expected):
    assert said(name, wire)[1] == expected


def test_a_line_that_nobody_knows_is_named_where_it_has_a_value():
    *waves, last = said("ivy450c", ansar("N2O=2;40;41;;", "CVP=1;;;"))[1]
    assert len(waves) == 5
    assert last == "N2O"
    assert said("ivy450c", ansar("A" * 300 + "=1;1;;"))[1][-1] == "A" * 12


@pytest.mark.parametrize("size", [1, 2, 7, 4096], ids="chunks of {}".format)
@every_monitor
def test_any_chunking_gives_the_same_identities_and_names(name, size):
    wires = [
        *frames(name),
        *(wire for one, wire, _ in (*IDENTITIES, *UNKNOWN) if one == name),
    ]
    stream = b"".join(wires)
    summary, whole = Summary(), Summary()
    chunks = (stream[at : at + size] for at in range(0, len(stream), size))
    assert [*decode(PROTOCOLS[name], chunks, summary)] == [
        *decode(PROTOCOLS[name], [stream], whole)
    ]
    assert summary == whole


@pytest.mark.parametrize("name", ["ge-dri", "philips-intellivue", "capnostream"])
def test_one_flipped_bit_makes_no_other_monitor(name):
    """The others have no checksum: they believe what is said twice, below."""
    wires = [wire for one, wire, expected in IDENTITIES if one == name and expected]
    for wire in wires:
        (sound,) = said(name, wire)[0]
        for at in range(len(wire)):
            for bit in range(8):
                flipped = bytearray(wire)
                flipped[at] ^= 1 << bit
                assert said(name, bytes(flipped))[0] in ([], [sound]), f"bit {bit} of byte {at}"


def identities(protocol, *wires):
    """Who each of ``wires`` is taken to be from, by one decoder; "garbled" where not believed."""
    decoder, found = protocol.Decoder(), []
    for wire in wires:
        (message,) = decoder.feed(wire)
        is_garbled = isinstance(message, Garbled)
        found.append("garbled" if is_garbled else protocol.identity(message))
    return found


OURS, OTHER = Identity(serial="0000123456"), Identity(serial="0000123457")


def test_an_oximeter_that_is_another_for_one_line_was_damaged():
    """Its numbers go with the line: nobody can say whose they are."""
    wires = [masimo(number) for number in ("0000123456", "0000123457", "0000123456")]
    assert identities(masimo_ascii1, *wires) == [OURS, "garbled", OURS]


def test_a_cable_moved_to_another_oximeter_is_noticed_before_a_number_of_it_is_read():
    wires = [masimo(number) for number in ("0000123456", "0000123457", "0000123457")]
    assert identities(masimo_ascii1, *wires) == [OURS, "garbled", OTHER]


def test_two_different_damages_in_a_row_make_no_other_oximeter():
    numbers = ("0000123456", "0000123457", "0000123458", "0000123456")
    wires = [masimo(number) for number in numbers]
    assert identities(masimo_ascii1, *wires) == [OURS, "garbled", "garbled", OURS]


def test_a_line_between_them_that_names_nobody_changes_nothing():
    numbers = ("0000123456", "----------", "0000123456")
    assert identities(masimo_ascii1, *map(masimo, numbers)) == [OURS, None, OURS]


def test_the_oximeter_is_remembered_on_the_next_port():
    decoder = masimo_ascii1.Decoder()
    decoder.feed(masimo("0000123456"))
    decoder.end()
    (first,), (second,) = (decoder.feed(masimo("0000123457")) for _ in range(2))
    assert isinstance(first, Garbled)
    assert masimo_ascii1.identity(second) == OTHER


def test_a_heading_that_names_another_oximeter_once_was_damaged():
    wires = [heading(), heading("N-570"), heading(), heading("N-595"), heading("N-595")]
    ours, other = Identity("N-560", "", "1.56.00"), Identity("N-595", "", "1.56.00")
    assert identities(nellcor, *wires) == [ours, "garbled", ours, "garbled", other]


def test_no_number_follows_a_heading_of_another_oximeter_that_was_said_once():
    decoder, line = nellcor.Decoder(), b"14-Mar-26 09:30:00    97      72      41     \r\n"

    def gives_numbers(wire):
        return not isinstance(decoder.feed(wire)[-1], Garbled)

    wires = [line, heading(), line, heading("N-595"), line, line, heading(), line]
    wires += [heading("N-595"), line, heading("N-595"), line]
    assert [gives_numbers(wire) for wire in wires] == [
        *(True, True, True, False, False, False, True, True),
        *(False, False, True, True),
    ]


def test_a_heading_with_other_limits_is_of_the_same_oximeter():
    wires = [heading(), heading().replace(b"90-100", b"85-100")]
    assert len(set(identities(nellcor, *wires))) == 1


def test_a_trend_dump_is_known_for_one_whoever_prints_it():
    decoder = nellcor.Decoder()
    decoder.feed(heading())
    other = heading("NPB-290").replace(b"CRC:XXXX", b"TREND")
    (message,) = decoder.feed(other)
    assert isinstance(message, Garbled)
    (message,) = decoder.feed(b"14-Mar-26 09:30:00    97      72      41\r\n")
    assert message.is_trend


@pytest.mark.parametrize(("name", "file"), [("ge-dri", "ge-s5"), ("ivy450c", "ivy450c")])
@pytest.mark.parametrize("size", [1, 4096])
def test_a_capture_names_itself_and_what_is_not_read(shared, name, file, size):
    path = shared / "captures" / f"{file}.raw"
    if not path.exists():
        pytest.skip("no captures in the folder 'shared' beside the repository")
    wire, summary = path.read_bytes(), Summary()
    chunks = (wire[at : at + size] for at in range(0, len(wire), size))
    assert [*decode(PROTOCOLS[name], chunks, summary)]
    if name == "ge-dri":
        assert summary.identities == [Identity(version="DRI level 10")]
        assert summary.unknown["spirometry"] == summary.unknown["ext3 class"]
        assert summary.unknown["waveform record"] == 10
    else:
        assert summary.identities == []
        assert set(summary.unknown) == {f"{one} wave" for one in ANSAR_WAVES}


ANSAR_WAVES = ("ECG", "respiration", "pleth", "P1", "P2")


@every_monitor
def test_noise_names_few_things_and_short_ones(name):
    """The monitors page keeps the names: they must stay few and short whatever is on the line."""
    rng = random.Random(SEED)
    known, stream = frames(name), bytearray()
    for _ in range(400):
        wire = bytearray(rng.choice(known))
        wire[rng.randrange(len(wire))] = rng.randrange(256)
        stream += wire
    summary = Summary()
    for _ in decode(PROTOCOLS[name], [bytes(stream)], summary):
        pass
    assert all(0 < len(one) <= 40 for one in summary.unknown)
    assert len(summary.unknown) < 40
    assert all(len(one.words) < 80 for one in summary.identities)


@every_monitor
def test_other_line_settings_are_others_and_differ_in_the_rate(name):
    entry = PROTOCOLS[name]
    settings = (entry.settings, *entry.also)
    assert len({str(one) for one in settings}) == len(settings)
    assert all(one == replace(entry.settings, baud=one.baud) for one in entry.also)


@every_monitor
def test_the_values_that_go_on_carry_the_monitors_clock_or_none_does(name):
    """Of a cuff reading the time may be another: when it was taken."""
    protocol, decoder = PROTOCOLS[name], PROTOCOLS[name].decoder()
    times = {
        one.device_time
        for wire in frames(name)
        for message in decoder.feed(wire)
        if not isinstance(message, Garbled)
        for one in protocol.translate(message, NOW)
        if one.source is not Source.NIBP
    }
    has_clock = {"ge-dri", "philips-intellivue", "masimo-ascii1", "capnostream", "nellcor"}
    assert (len(times - {None}) > 0) == (name in has_clock)
    assert all(one.tzinfo is None for one in times if one is not None), "no protocol states a zone"


# What goes out first; nothing else may be called harmless without a look at its manual.
OPENINGS = {
    "ge-dri": 2,  # stop, request
    "philips-intellivue": 2,  # abort, association
    "dinamap": 1,  # NA
    "capnostream": 1,  # Enable
    "suntech": 1,  # read the cuff's pressure
}


@every_monitor
def test_what_is_said_first_is_harmless(name):
    entry = PROTOCOLS[name]
    opening = entry.talk().opening(0.0)
    marks = {"ge-dri": b"\x7e\x7e", "philips-intellivue": b"\xc1\xc0"}
    said_first = opening.split(marks[name]) if name in marks else [opening] * bool(opening)
    assert entry.is_harmless
    assert len(said_first) == OPENINGS.get(name, 0)


LINES = partial(decode, PROTOCOLS["masimo-ascii1"])


def test_the_summary_says_who_and_what_was_not_read():
    summary = Summary()
    wires = [masimo(more="PVI=027 "), masimo(more="PVI=028 SPCO=01.0% "), b"half"]
    assert len([*LINES(wires, summary)]) == 6
    assert summary.lines == [
        f"2 frames, 0 garbled, {sum(map(len, wires))} bytes (4 after the last frame)",
        "from: no. 0000123456",
        "not read: PVI 2, SPCO 1",
    ]


def test_the_summary_of_a_monitor_that_says_no_more_is_one_line():
    summary = Summary()
    assert [*decode(PROTOCOLS["dinamap"], [dinamap(b" ND")], summary)] == []
    assert summary.lines == ["1 frames, 0 garbled, 6 bytes"]
