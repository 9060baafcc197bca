"""Does the monitors page say what a line does, in words, and draw anew only what has changed?"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from plotly.utils import PlotlyJSONEncoder

import dashboard
from clinical.identity import Identity
from clinical.links import LinkState
from clinical.snapshot import ChairView
from clinical.vitals import Metric, Observation
from dashboard import edits
from dashboard.arrangement import ChairConfig, MonitorConfig, Refusal
from dashboard.errands import FAILED, Errand
from dashboard.services import Heard
from dashboard.views import capture, detection, line, raw_bytes, wording
from dashboard.views import monitors as view_of
from dashboard.views import ports as naming
from dashboard.views.monitors import Seen
from dashboard.views.panel import Panel
from devices.detect import Detection, Tried
from devices.ports import FoundPort
from devices.protocols.line import LineSettings
from devices.registry import PROTOCOLS
from devices.report import LineReport
from storage.captures import Bounds, CaptureState
from tests.dashboard.a_clinic import NOON, observed, session

FTDI = FoundPort(
    "/dev/ttyUSB0",
    "FT232R USB UART",
    "usb:0403:6001:A50285BI",
    serial_number="A50285BI",
    vid=0x0403,
    pid=0x6001,
    maker="Future Technology Devices International, Ltd",
)
PROLIFIC = FoundPort(
    "/dev/ttyUSB1",
    "USB-Serial Controller",
    "usb-at:1-1.3",
    vid=0x067B,
    pid=0x2303,
    location="1-1.3",
)
BUILT_IN = FoundPort("/dev/ttyS0", "n/a", "/dev/ttyS0")
FOUND = (FTDI, PROLIFIC, BUILT_IN)

GE = MonitorConfig("ge-dri", FTDI.key)
MASIMO = MonitorConfig("masimo-ascii1", "socket://10.0.0.7:4001")
WINDOW = ChairConfig(1, "Window", (GE,))
GARDEN = ChairConfig(2, "Garden", (MASIMO,))
REPORT = LineReport(
    LinkState.LIVE,
    "",
    since=NOON,
    port=FTDI.key,
    device="/dev/ttyUSB0",
    settings="19200 baud, 8E1, RTS/CTS",
    is_listen_only=False,
    opened_at=NOON,
    last_good_at=NOON,
    received=12_400,
    frames=10,
    frames_per_s=1.0,
    opened=1,
    tail=b"0123456789abcdef<script>",
)
CHAIR = ChairView(1, "Window", LinkState.LIVE, "", NOON, 1.0, {})


def seen(**other: object) -> Seen:
    usual = {
        "chairs": (WINDOW, GARDEN),
        "ports": FOUND,
        "reports": {(1, "ge-dri"): REPORT},
        "views": {1: CHAIR},
        "now": NOON,
        "now_s": 100.0,
        "may_act": True,
    }
    return Seen(**{**usual, **other})  # type: ignore[arg-type]


def words(content: object) -> str:
    """All that stands in it, labels and values too."""

    def texts(part: object) -> Iterator[str]:
        if isinstance(part, str):
            yield part
        elif isinstance(part, list):
            for each in part:
                yield from texts(each)
        elif isinstance(part, dict):
            props = part.get("props", {})
            yield from texts([props.get(key) for key in ("label", "value", "children", "data")])
            if "label" in part:
                yield part["label"]

    return " ".join(texts(json.loads(json.dumps(content, cls=PlotlyJSONEncoder))))


def shown(now: Seen) -> dict[str, str]:
    def each(part: Panel) -> Iterator[Panel]:
        yield part
        for inner in part.parts:
            yield from each(inner)

    return {one.name: one.shown for part in view_of.panels(now, UTC) for one in each(part)}


def redrawn(before: Seen, after: Seen) -> set[str]:
    old, new = shown(before), shown(after)
    return {name for name in new if new[name] != old.get(name)}


def page(now: Seen) -> str:
    return words(view_of.page(now, UTC))


def has(now: Seen, what: str) -> bool:
    """Whether there is a button, or a field, that does ``what``."""
    return f'"what": "{what}"' in json.dumps(view_of.page(now, UTC), cls=PlotlyJSONEncoder)


# What is drawn anew.


def test_a_second_later_only_the_figures_are_drawn_anew():
    report = replace(REPORT, received=13_600, frames=11, tail=b"fedcba", last_good_at=NOON)
    later = seen(reports={(1, "ge-dri"): report}, now=NOON + timedelta(seconds=1), now_s=101.0)
    assert redrawn(seen(), later) == {"figures 1:ge-dri"}


@pytest.mark.parametrize(
    ("fold", "says"),
    [("raw", "|0123456789abcdef|"), ("unread", "all that this monitor sent"), ("facts", "8E1")],
)
def test_what_is_folded_is_sent_only_while_somebody_looks(fold, says):
    assert says not in page(seen())
    unfolded = seen(unfolded=frozenset({f"{fold} 1:ge-dri"}))
    assert says in page(unfolded)
    assert redrawn(seen(), unfolded) == {f"{fold} 1:ge-dri"}


def test_a_port_that_goes_draws_no_form_and_no_line_anew():
    gone = seen(ports=(FTDI, BUILT_IN))
    assert redrawn(seen(), gone) == {"ports"}
    assert redrawn(gone, seen()) == {"ports", f"port {PROLIFIC.key}", f"outcome {PROLIFIC.key}"}


def test_another_chair_draws_no_form_of_this_one_anew():
    renamed = seen(chairs=(WINDOW, replace(GARDEN, name="Court")))
    changed = redrawn(seen(), renamed)
    assert "chair 2" in changed
    assert not {"chair 1", "chairs"} & changed
    assert "(session running)" not in page(renamed)
    taken = seen(views={2: replace(CHAIR, chair=2, session=session())})
    assert "2, Garden (session running)" in page(taken)
    assert "moves 1:ge-dri" in redrawn(seen(), taken)
    assert "moves 1:ge-dri" in changed  # a choice of chairs, and nothing else of that line
    assert not [name for name in changed if name.endswith("1:ge-dri") and "moves" not in name]


def test_every_part_of_the_page_has_a_name_of_its_own():
    text = json.dumps(view_of.page(seen(), UTC), cls=PlotlyJSONEncoder)
    names = re.findall(r'"name": "([^"]+)", "type": "monitor-part"', text)
    names = names or re.findall(r'"type": "monitor-part", "name": "([^"]+)"', text)
    assert sorted(names) == sorted(shown(seen()))
    assert len(set(names)) == len(names)


# Who sees what.


def test_a_director_can_arrange_detect_and_try():
    for what in ("test", "listen", "move", "remove-monitor", "rename", "remove-chair"):
        assert has(seen(), what), what
    for what in ("detect", "detect-typed", "add-monitor", "add-chair"):
        assert has(seen(), what), what


def test_a_nurse_sees_how_the_lines_do_and_can_try_them():
    nurse = seen(may_act=False)
    assert has(nurse, "test")
    for what in ("listen", "move", "remove-monitor", "rename", "remove-chair", "detect"):
        assert not has(nurse, what), what
    for what in ("detect-typed", "add-monitor", "add-chair"):
        assert not has(nurse, what), what
    assert view_of.FOR_NURSES in page(nurse)
    assert "Live" in page(nurse)


def test_where_the_file_rules_it_says_so_and_lines_can_still_be_detected_and_muted():
    fixed = seen(why_not="The chairs stand in clinic.toml.")
    assert "The chairs stand in clinic.toml." in page(fixed)
    for what in ("listen", "detect", "test"):
        assert has(fixed, what), what
    for what in ("move", "remove-monitor", "rename", "remove-chair", "add-monitor", "add-chair"):
        assert not has(fixed, what), what
    assert "until Vigil starts again" in json.dumps(view_of.page(fixed, UTC), cls=PlotlyJSONEncoder)


def test_chairs_that_cannot_be_watched_are_told():
    assert "chair 9 has a monitor" in page(seen(left_out=("chair 9 has a monitor nobody knows",)))


def test_a_clinic_without_anything_says_what_to_do():
    empty = page(seen(chairs=(), ports=(), reports={}))
    assert view_of.ADD_ONE in empty
    read_only = page(seen(chairs=(), ports=(), reports={}, may_act=False))
    assert view_of.NO_CHAIRS in read_only
    assert "add one" not in read_only
    assert "Plug in an adapter" in empty
    assert "entered by hand" in page(seen(chairs=(ChairConfig(1, "A", ()),)))


# What is said of a line.


@pytest.mark.parametrize("state", LinkState)
def test_each_state_has_a_word_and_a_shape_of_its_own(state):
    assert line.STATE[state] in words(line.state(replace(REPORT, state=state)))
    css = (Path(dashboard.__file__).parent / "assets" / "monitors.css").read_text()
    drawn = [rule for rule in css.split("}") if f'line-state[data-state="{state}"]' in rule]
    assert len(drawn) == 1
    assert re.search("clip-path|border-radius", drawn[0])
    assert len(set(line.STATE.values())) == len(LinkState)


def test_a_line_says_that_it_only_listens_and_why_it_is_down():
    down = replace(
        REPORT,
        state=LinkState.DISCONNECTED,
        detail="It is in use by another program: close that program.",
        is_listen_only=True,
    )
    text = page(seen(reports={(1, "ge-dri"): down}))
    assert "Disconnected" in text
    assert "Listens only" in text
    assert "close that program" in text
    assert "Not started" in page(seen(reports={}))


def test_who_is_at_the_line_and_who_should_be():
    heard = replace(REPORT, identity=Identity("S/5", "63", "L-04"))
    assert "It says it is S/5, no. 63, software L-04." in page(seen(reports={(1, "ge-dri"): heard}))
    nameless = replace(REPORT, identity=Identity(version="L-04"))
    assert "It says it is" not in page(seen(reports={(1, "ge-dri"): nameless}))
    other = replace(
        CHAIR,
        strangers={"ge-dri": Identity("S/5", "63")},
        bound={"ge-dri": Identity("S/5", "17")},
    )
    text = page(seen(reports={(1, "ge-dri"): heard}, views={1: other}))
    assert "It says it is S/5, no. 63; chair 1 knows S/5, no. 17." in text
    assert "Nothing of it is recorded until somebody confirms it" in text


@pytest.mark.parametrize(
    ("part", "says"),
    [(0, "0 %"), (0.0004, "< 0.1 %"), (0.004, "0.4 %"), (0.0996, "10.0 %"), (0.375, "38 %")],
)
def test_a_share_that_is_not_nothing_never_reads_nothing(part, says):
    assert line.share(part) == says


@pytest.mark.parametrize(
    ("passed_s", "says"),
    [(0, "just now"), (2.9, "just now"), (14, "14 s ago"), (600, "10 min ago")],
)
def test_how_long_ago_the_last_good_record_came(passed_s, says):
    assert line.ago(NOON, NOON + timedelta(seconds=passed_s)) == says
    assert line.ago(None, NOON) == "none yet"


@pytest.mark.parametrize(
    ("count", "says"),
    [(0, "0 B"), (512, "512 B"), (12_400, "12.4 kB"), (1_234_567, "1.2 MB"), (3e12, "3000 GB")],
)
def test_an_amount_of_bytes(count, says):
    assert wording.amount(count) == says


@pytest.mark.parametrize(
    ("ahead_s", "says"),
    [
        (3.6, "4 s ahead"),
        (-3.6, "4 s behind"),
        (0.4, "right"),
        (None, "not told"),
        (-90, "1 min 30 s behind"),
    ],
)
def test_where_the_clock_of_a_monitor_stands(ahead_s, says):
    assert line.offset(ahead_s) == says


def test_what_is_not_read_is_counted_most_frequent_first():
    report = replace(REPORT, unknown={"PVI": 3, "<b>SpHb</b>": 40})
    text = words(line.unread(report))
    assert text.index("<b>SpHb</b>") < text.index("PVI")
    assert words(line.unread_count(report)).strip() == "(2)"
    assert line.unread_count(REPORT) == []


def test_what_is_known_of_each_protocol_is_told():
    for name in PROTOCOLS:
        text = words(line.facts(MonitorConfig(name, "COM3"), None, UTC))
        assert "COM3" in text
        assert "Reading of it" in text
    assert "Remembered as" in words(line.facts(MonitorConfig("gone", "COM3"), None, UTC))


def came(received: int, frames: int, garbled: int) -> Heard:
    return Heard(5.0, received, frames, garbled, REPORT)


HR = observed(Metric.HEART_RATE, 72, NOON)
SPO2 = observed(Metric.SPO2, None, NOON)


@pytest.mark.parametrize(
    ("heard", "latest", "says"),
    [
        (came(500, 5, 0), [HR], "5 records in 5 s, all good: HR 72 /min."),
        (came(90, 1, 2), [], "1 record in 5 s, 2 more damaged."),
        (came(90, 5, 0), [SPO2], "SpO2 without a value (unavailable)"),
        (came(0, 0, 0), [], "Nothing came in 5 s: is the monitor on"),
        (came(90, 0, 3), [], "90 B came in 5 s, and no good record: is this the right monitor"),
    ],
)
def test_what_came_in_while_somebody_waited(heard, latest, says):
    assert says in line.heard(heard, latest)


def test_a_test_shows_only_what_came_from_that_monitor_meanwhile():
    old: Observation = observed(Metric.NIBP_SYSTOLIC, 120, NOON - timedelta(seconds=6))
    latest = {each.metric: each for each in (HR, SPO2, old)}
    view = replace(CHAIR, latest=latest, shown_from={Metric.SPO2: "masimo-ascii1"})
    assert line.values_of(came(1, 1, 0), view, "ge-dri") == [HR]
    assert line.values_of(came(1, 1, 0), None, "ge-dri") == []


def test_a_test_counts_down_and_says_why_not():
    assert line.test(None, CHAIR, "ge-dri", 0) == []
    assert "2 s more" in words(line.test(Errand(97.0), CHAIR, "ge-dri", 100.0))
    refused = Errand(0, came=Refusal("There is no such line any more."))
    assert "no such line" in words(line.test(refused, CHAIR, "ge-dri", 9))
    assert FAILED in words(line.test(Errand(0, failed=FAILED), CHAIR, "ge-dri", 9))


# Ports.


@pytest.mark.parametrize(
    ("port", "found", "says"),
    [
        (FTDI.key, FOUND, "FTDI A50285BI"),
        (FTDI.key, (), "FTDI A50285BI"),  # pulled out: the same name
        ("/dev/ttyUSB0", FOUND, "FTDI A50285BI"),
        ("usb:0403:6001:A50285BI:1.1", (), "FTDI A50285BI, port 1.1"),
        ("usb:ffff:0001:77", (), "USB adapter 77"),
        ("usb:what", (), "usb:what"),
        (PROLIFIC.key, FOUND, "Prolific in socket 1-1.3"),
        (PROLIFIC.key, (), "USB adapter in socket 1-1.3"),
        ("/dev/serial/by-id/usb-FTDI_FT232R_A5-if00-port0", (), "FTDI FT232R A5"),
        ("socket://10.0.0.7:4001", FOUND, "socket://10.0.0.7:4001"),
        ("/dev/ttyS0", FOUND, "/dev/ttyS0"),
    ],
)
def test_a_port_is_called_by_its_adapter(port, found, says):
    assert naming.called(port, found) == says


def test_a_port_says_whose_it_is_or_that_it_is_free():
    chairs = (WINDOW, GARDEN)
    assert naming.owners(FOUND, chairs) == {FTDI.key: (1, "Window", "ge-dri")}
    by_device = replace(WINDOW, monitors=(replace(GE, port="/dev/ttyUSB0"),))
    assert naming.owners(FOUND, (by_device,)) == naming.owners(FOUND, chairs)
    text = page(seen())
    assert "FTDI A50285BI" in text
    assert "0403:6001" in text
    assert "serial number A50285BI" in text
    assert "067B:2303" in text
    assert text.count("Free") == 2
    ports = json.dumps(view_of.page(seen(), UTC), cls=PlotlyJSONEncoder)
    assert "Detect at /dev/ttyS0" in ports
    assert "Detect at FTDI" not in ports  # it is a chair's


def test_a_chosen_port_stays_chosen_when_its_adapter_is_pulled_out():
    rows = view_of.choices_of_ports(seen(ports=(FTDI,)), PROLIFIC.key)
    assert rows == [
        {"value": PROLIFIC.key, "label": "USB adapter in socket 1-1.3 (not plugged in)"}
    ]
    assert [row["value"] for row in view_of.choices_of_ports(seen())] == [
        PROLIFIC.key,
        BUILT_IN.key,
    ]
    (*_, taken) = view_of.choices_of_ports(seen(), FTDI.key)
    assert taken["label"] == "FTDI A50285BI (not free)"


# Detection.


FOUND_OUT = Detection(
    port=BUILT_IN.key,
    device="/dev/ttyS0",
    name="suntech",
    title="SunTech Advantage and LX cuff modules",
    settings=LineSettings(9600, 1.0),
    identity=Identity("Advantage", "771"),
    observations=(observed(Metric.NIBP_SYSTOLIC, 121, NOON),),
    unknown=(),
    raw=b"\x1b<img src=x>",
    tried=(),
)
NOT_FOUND = replace(
    FOUND_OUT,
    name=None,
    title="",
    settings=None,
    identity=None,
    observations=(),
    tried=(
        Tried("9600 baud, 8N1", "", 11),
        Tried("19200 baud, 8E1, RTS/CTS", "GE Datex-Ohmeda S/5", 0),
    ),
    not_tried=3,
)


def outcome(errand: Errand, **other: object) -> str:
    return page(seen(errands={f"detect {BUILT_IN.key}": errand}, **other))


def test_what_was_detected_is_named_and_can_be_added():
    done = Errand(90.0, came=FOUND_OUT)
    text = outcome(done)
    for part in ("SunTech Advantage", "Advantage, no. 771", "9600 baud, 8N1", "SYS 121 mmHg"):
        assert part in text
    assert "Add to a chair" in text
    assert "Add to a chair" not in outcome(done, why_not="The file rules.")
    assert "SunTech Advantage, no." not in outcome(done, may_act=False)


def test_a_detection_says_what_it_does_now():
    text = outcome(Errand(97.0, "Listening at 9600 baud, 8N1."))
    assert "3 s of at most 20" in text
    assert "Listening at 9600 baud, 8N1." in text


def test_what_several_would_understand_is_doubted_aloud():
    doubtful = replace(FOUND_OUT, rivals=("nellcor",), unknown=("x1",), settings=None)
    text = outcome(Errand(0, came=doubtful))
    assert "Or it is Nellcor" in text
    assert "x1" in text


def test_no_match_shows_the_bytes_and_what_was_tried():
    text = outcome(Errand(0, came=NOT_FOUND))
    assert "No monitor was recognised" in text
    assert "1b 3c 69" in text
    assert "<img src=x>" in text
    assert "9600 baud, 8N1 nothing, listened only 11 bytes" in text
    assert "RTS/CTS as to GE Datex-Ohmeda S/5 nothing" in text
    assert "(2; no time for 3 more)" in text
    assert "Add to a chair" not in text
    assert "Nothing came at all" in outcome(Errand(0, came=replace(NOT_FOUND, raw=b"")))
    assert "leads back to itself" in outcome(Errand(0, came=replace(NOT_FOUND, is_echo=True)))
    assert "is in use" in outcome(Errand(0, came=Refusal("The port is in use.")))


def test_a_detection_at_a_port_that_is_not_listed_shows_below_the_form():
    errands = {"detect COM7": Errand(99.0, "the older"), "detect COM8": Errand(99.0, "the newer")}
    text = page(seen(errands=errands))
    assert "the newer" in text
    assert "the older" not in text


# Bytes, recorder, edits.


def test_bytes_are_shown_in_hex_and_text_sixteen_a_line():
    first, second = raw_bytes.lines(bytes(range(0x38, 0x4A)))
    assert first == ("0000  38 39 3a 3b 3c 3d 3e 3f  40 41 42 43 44 45 46 47  |89:;<=>?@ABCDEFG|")
    assert second == "0010  48 49                                             |HI|"
    assert next(raw_bytes.lines(b"\x00\x7f\xff ~")).endswith("|··· ~|")


def test_the_flight_recorder_says_whether_it_records():
    assert words(capture.shown(CaptureState(), UTC)) == "Flight recorder : recording"
    kept = CaptureState(missed=3, size=1_240_000_000, oldest=NOON)
    assert "recording, 1.2 GB since 2026-03-14, 3 pieces could not" in page(seen(recorder=kept))
    assert has(seen(bounds=Bounds()), "set-capture")
    assert not has(seen(), "set-capture")
    stopped = CaptureState(is_recording=False, detail="the disk is full")
    assert "stopped : the disk is full" in words(capture.shown(stopped, UTC))
    assert capture.shown(None, UTC) == []


def test_a_running_session_is_told_but_not_whose():
    text = page(seen(views={1: replace(CHAIR, session=session())}))
    assert "Session running" in text
    assert "J.D." not in text


def test_an_edit_changes_one_thing():
    chairs = (WINDOW, GARDEN)
    assert edits.free_number(chairs) == 3
    assert edits.free_number((GARDEN,)) == 1
    third = ChairConfig(3, "C", ())
    assert edits.with_chair(chairs, 3, "C") == (*chairs, third)
    assert edits.with_chair((WINDOW, third), 2, "B")[1].number == 2
    assert edits.without_chair(chairs, 1) == (GARDEN,)
    assert edits.renamed(chairs, 2, "Court")[1] == replace(GARDEN, name="Court")
    assert edits.moved(chairs, 1, "ge-dri", 2) == (
        replace(WINDOW, monitors=()),
        replace(GARDEN, monitors=(MASIMO, GE)),
    )
    assert edits.without_monitor(chairs, 2, "masimo-ascii1")[1].monitors == ()
    for gone in (
        lambda: edits.without_chair(chairs, 9),
        lambda: edits.moved(chairs, 1, "suntech", 2),
        lambda: edits.moved(chairs, 1, "ge-dri", 9),
    ):
        with pytest.raises(LookupError, match="any more"):
            gone()


def test_a_stranger_text_of_a_line_is_never_markup():
    heard = replace(REPORT, identity=Identity("<img onerror=x>", "1"), unknown={"<svg>": 1})
    drawn = view_of.page(seen(reports={(1, "ge-dri"): heard}), UTC)
    text = json.dumps(drawn, cls=PlotlyJSONEncoder)
    assert "dangerously" not in text.lower()
    assert "Markdown" not in text
    assert "<img onerror=x>" in words(drawn)


def test_an_unlisted_detection_has_the_name_of_its_port():
    text = page(seen(errands={"detect socket://10.0.0.9:1": Errand(99.0, "trying")}))
    assert "socket://10.0.0.9:1" in text
    assert detection.LONGEST_S == 20
