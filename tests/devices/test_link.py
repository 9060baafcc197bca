"""Does one open port turn bytes into frames, and say what Talk says? A scripted port, no thread."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta
from threading import Event

import pytest

from clinical.identity import Identity
from clinical.links import ClockRead, Identified, LinkState
from clinical.vitals import Metric
from devices.account import Account
from devices.link import Frame, SerialLink
from devices.protocols import dinamap, ge_dri, suntech
from devices.protocols.ge_dri import request_frame
from devices.protocols.philips_intellivue import ASSOCIATE, framed
from devices.registry import PROTOCOLS
from devices.report import LineReport
from tests.devices import ge_frames as ge
from tests.devices.lines import START, HandClock, Recorded, ScriptedPort

GE = PROTOCOLS["ge-dri"]
ASK, STOP = request_frame(1, 0), request_frame(0, 0)


REPORT = LineReport(LinkState.LIVE, "", None, "/dev/ttyUSB0", "", "", is_listen_only=False)


class Run:
    """One run of a link over ``script``: what it told, in order, and what it wrote."""

    def __init__(self, *script, decoder=None, protocol=GE, speed=1000.0, **options):
        self.clock, stop = HandClock(), Event()
        self.clock.speed = speed
        self.port = ScriptedPort(self.clock, script, stop)
        self.facts, self.talk = [], protocol.talk()
        self.link = SerialLink(
            *(self.port, protocol, decoder or protocol.decoder(), self.talk, self.clock),
            tell=lambda state, detail: self.facts.append((state, detail)),
            emit=self.facts.append,
            **options,
        )
        self.error = None
        try:
            self.link.run(stop)
        except OSError as error:
            self.error = error

    @property
    def frames(self):
        return self.of(Frame)

    def of(self, kind):
        return [fact for fact in self.facts if isinstance(fact, kind)]

    @property
    def states(self):
        """Each change of state, once."""
        told = [fact[0] for fact in self.facts if isinstance(fact, tuple)]
        return [s for i, s in enumerate(told) if i == 0 or s is not told[i - 1]]


def test_a_record_is_one_frame_stamped_when_it_was_read():
    run = Run(ge.WORKED[:100], 0.4, ge.WORKED[100:])
    (frame,) = run.frames
    assert frame.received_at == START + timedelta(seconds=0.4)
    assert frame.received_s == pytest.approx(100.4)
    assert len(frame.observations) == 11
    assert {one.observed_at for one in frame.observations} == {frame.received_at}


def test_the_line_is_told_live_before_the_first_frame():
    run = Run(0.1, ge.WORKED)
    assert run.facts[0][0] is LinkState.CONNECTING
    assert run.facts[1] == (LinkState.LIVE, "")
    assert isinstance(run.facts[2], Identified)
    assert run.facts[3] is run.frames[0]


def test_two_records_in_one_read_are_two_frames():
    assert len(Run(ge.WORKED * 2).frames) == 2


def test_a_record_without_observations_is_no_frame_but_shows_life():
    run = Run(ge.frame({14: 1}))
    assert run.frames == []
    assert run.states == [LinkState.LIVE]


def test_a_sound_frame_that_proves_no_monitor_shows_no_life():
    """As that of a monitor which refuses us, each 11 s and more: NO DATA has to stay."""
    deaf = replace(GE, is_proof=lambda message: message.offset > 7 * len(ge.WORKED))
    run = Run(*[ge.WORKED, *[1.0] * 11] * 7, ge.WORKED, 0.1, protocol=deaf)
    assert run.states == [LinkState.CONNECTING, LinkState.QUIET, LinkState.LIVE]
    assert len(run.frames) == 8


def test_our_own_words_or_a_refusal_are_no_philips_monitor():
    philips = PROTOCOLS["philips-intellivue"]
    for heard in (ASSOCIATE, framed(b"\x0c\x00")):
        run = Run(*[heard, *[1.0] * 11] * 5, protocol=philips)
        assert run.states == [LinkState.CONNECTING, LinkState.QUIET]
        assert not run.link.is_proven


def test_it_asks_on_opening_again_after_silence_and_stops_on_closing():
    run = Run(ge.WORKED, 10.0, 5.0, 0.1)
    assert run.port.written == [STOP + ASK, ASK, STOP]


def test_silence_is_told_after_5_s_and_life_at_once():
    run = Run(ge.WORKED, *[0.1] * 51, ge.WORKED)
    assert run.states == [LinkState.LIVE, LinkState.QUIET, LinkState.LIVE]


def test_garbage_is_told_as_damage_and_never_a_number():
    run = Run(*[b"\x00\xff~garbage~", 0.1] * 60)
    assert run.states == [LinkState.CONNECTING, LinkState.DAMAGED]
    assert run.frames == []


def test_a_port_that_goes_away_raises_for_the_supervisor():
    gone = OSError(5, "Input/output error")
    assert Run(ge.WORKED, gone).error is gone


def test_measurement_ids_carry_the_callers_prefix():
    (frame,) = Run(ge.WORKED, ids="b7f3").frames
    ids = {one.measurement_id for one in frame.observations}
    assert ids == {None, "b7f3-n1"}


def test_a_cuff_reading_told_before_is_not_told_by_the_next_port():
    decoder = GE.decoder()
    first, second = Run(ge.WORKED, decoder=decoder), Run(ge.WORKED, decoder=decoder)
    cuff = {Metric.NIBP_SYSTOLIC, Metric.NIBP_DIASTOLIC, Metric.NIBP_MEAN, Metric.NIBP_PULSE}
    assert cuff <= {one.metric for one in first.frames[0].observations}
    assert not cuff & {one.metric for one in second.frames[0].observations}


MASIMO = PROTOCOLS["masimo-ascii1"]
LINE = b"03/14/26 09:30:00 SPO2=%03d%% BPM=072 PI=02.35%% ALARM=0000 EXC=000800\r\n"


def test_the_halves_of_two_lines_on_two_ports_make_no_line():
    decoder, cut = MASIMO.decoder(), LINE.index(b"BPM")
    first = Run(LINE % 97, (LINE % 88)[:cut], OSError(5, "gone"), decoder=decoder, protocol=MASIMO)
    second = Run((LINE % 99)[cut:], LINE % 99, decoder=decoder, protocol=MASIMO)
    assert [frame.observations[0].value for frame in first.frames] == [97]
    assert [frame.observations[0].value for frame in second.frames] == [99]


def test_a_line_whose_end_was_in_doubt_when_the_port_ended_is_of_the_past():
    decoder = MASIMO.decoder()
    first = Run((LINE % 88)[:-1], decoder=decoder, protocol=MASIMO)
    second = Run(LINE % 99, decoder=decoder, protocol=MASIMO)
    assert first.frames == []
    assert [frame.observations[0].value for frame in second.frames] == [99]


def test_the_monitors_own_alarms_go_with_the_frame_and_alone_where_there_is_no_number():
    said = {"alarms": lambda message: ("LEADS OFF",)}
    facts = []
    for translate in (GE.translate, lambda message, at: []):
        clock, stop = HandClock(), Event()
        link = SerialLink(
            *(ScriptedPort(clock, [ge.WORKED], stop), replace(GE, translate=translate, **said)),
            *(GE.decoder(), GE.talk(), clock),
            tell=lambda state, detail: None,
            emit=facts.append,
        )
        link.run(stop)
    frames = [fact for fact in facts if isinstance(fact, Frame)]
    assert [frame.alarms for frame in frames] == [("LEADS OFF",)] * 2
    assert [len(frame.observations) for frame in frames] == [11, 0]


def test_a_cuff_that_goes_up_is_told_once_even_where_there_is_no_number():
    states = iter([False, True, True, None, False])
    quiet = replace(GE, translate=lambda *_: [], is_cuff_up=lambda _message: next(states))
    run = Run(*[ge.WORKED] * 5, protocol=quiet)
    # The first word of a port is news, whatever it is: the one before may have gone with a cycle.
    assert [frame.is_cuff_up for frame in run.frames] == [False, True, False]


def test_each_protocol_that_follows_a_cuff_says_when_it_is_up():
    (record,) = ge_dri.Decoder().feed(ge.WORKED)
    up = ge_dri.MEASURING
    for label, is_up in ((0, False), (up, True), (1 << 7, True), (1 << 8, False)):
        shown = replace(record, nibp_status=3, nibp_label=label)
        assert GE.is_cuff_up(shown) is is_up
    assert GE.is_cuff_up(replace(record, nibp_status=0, nibp_label=up)) is None
    for mmhg, is_up in ((None, None), (3, False), (120, True)):
        assert suntech.is_cuff_up(suntech.CuffPressure(0, mmhg)) is is_up
    assert suntech.is_cuff_up(suntech.Acknowledgement(0, suntech.Letter.ACCEPTED)) is None
    reply = dinamap.CuffStatus(0, "mmHg", 0, None, None, None, None, dinamap.CuffNews.NONE, None)
    assert dinamap.is_cuff_up(reply) is True
    assert dinamap.is_cuff_up(replace(reply, status=1)) is False


# Who is there, what is not read, what time it has, who listens along.

BED_5, BED_7 = Identity("B650", "5"), Identity("B650", "7")


def who(*said):
    """GE's protocol with a monitor that says these of itself, one a record."""
    words = iter(said)
    return replace(GE, identity=lambda _message: next(words))


def test_who_a_monitor_says_it_is_comes_before_its_frame_and_again_when_it_is_another():
    said = (None, Identity(), BED_5, BED_5, None, BED_7, BED_7)
    run = Run(*[ge.WORKED] * len(said), protocol=who(*said))
    told = [
        each if isinstance(each, Identified) else "frame" for each in run.of(Frame | Identified)
    ]
    assert [each if each == "frame" else each.identity for each in told] == [
        "frame", "frame", BED_5, "frame", "frame", "frame", BED_7, "frame", "frame",
    ]  # fmt: skip
    assert run.of(Identified)[0].at == run.frames[0].received_at


def test_an_identity_that_comes_in_parts_is_put_together_and_software_makes_no_other():
    said = (Identity("B650"), Identity(serial="5"), Identity(version="2.1"), Identity("B650", "7"))
    run = Run(*[ge.WORKED] * 4, protocol=who(*said))
    assert [each.identity for each in run.of(Identified)] == [
        Identity("B650"), BED_5, Identity("B650", "5", "2.1"), BED_7,
    ]  # fmt: skip


def test_another_port_asks_anew_who_is_there():
    protocol, account = who(BED_5, BED_5, BED_5), Account()
    runs = [Run(ge.WORKED, protocol=protocol, account=account) for _ in range(2)]
    assert [len(run.of(Identified)) for run in runs] == [1, 1]


def test_the_clock_of_a_monitor_is_read_from_its_first_records():
    # The vector says 2026-03-14 09:26:52 of itself; the hand's clock begins on 2026-11-22 10:15.
    run = Run(*[ge.WORKED, 1.0] * 6, speed=1.0, zone=UTC)
    (read,) = run.of(ClockRead)
    (taken,) = {one.device_time for one in run.frames[0].observations}
    assert read.offset_s == (taken - START.replace(tzinfo=None)).total_seconds() - 2 + 0.5
    assert read.at == START + timedelta(seconds=4)
    assert Run(*[ge.WORKED, 1.0] * 6, zone=UTC).of(ClockRead) == [], "a clock that runs faster"


def test_a_tap_hears_what_the_line_hears_and_says():
    tap = Recorded()
    Run(ge.WORKED[:100], 0.4, ge.WORKED[100:], tap=tap)
    assert tap.calls == [
        ("asked", 1.0), ("sent", STOP + ASK), ("received", ge.WORKED[:100]),
        ("received", ge.WORKED[100:]), ("sent", STOP),
    ]  # fmt: skip


def test_a_tap_is_told_when_the_monitor_is_asked_for_another_interval():
    tap = Recorded()
    Run(10.0, 10.0, 10.0, tap=tap)
    assert [call for call in tap.calls if call[0] == "asked"][:2] == [
        ("asked", 1.0),
        ("asked", 5.0),
    ]


def test_nothing_is_said_on_a_line_that_is_only_listened_to_not_even_goodbye():
    run = Run(ge.WORKED, 10.0, ge.WORKED, 20.0, is_muted=lambda: True)
    assert len(run.frames) == 2
    assert run.port.written == []


def test_the_conversation_begins_anew_when_words_are_allowed_again():
    turns = iter([False, True, True, True, False, False, False, False])
    run = Run(ge.WORKED, 20.0, 0.1, 0.1, 0.1, is_muted=lambda: next(turns))
    assert run.port.written == [STOP + ASK, STOP + ASK, STOP]


def test_what_nobody_reads_is_counted():
    names = iter([("PVI",), (), ("PVI", "SpHb")])
    account = Account()
    odd = replace(GE, unknown=lambda _message: next(names))
    Run(*[ge.WORKED] * 3, protocol=odd, account=account)
    assert account.add_to(REPORT, 100.0).unknown == {"PVI": 2, "SpHb": 1}
