"""Can chairs and monitors stand so, and does whoever asked learn why not, and what changed?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from clinical.vitals import Metric
from dashboard.arrangement import (
    ChairConfig,
    MonitorConfig,
    as_json,
    baud_of,
    differences,
    from_json,
    listening_only,
    passing,
    refusal,
    remembered,
    twin_left,
)
from devices.ports import FoundPort, keyed
from devices.registry import PROTOCOLS

WINDOW = ChairConfig(1, "Window", (MonitorConfig("ge-dri", "/dev/vigil/1", 19200),))
DOOR = ChairConfig(
    2,
    "Door",
    (
        MonitorConfig("dinamap", "/dev/vigil/2"),
        MonitorConfig(
            "masimo-ascii1", "COM3", prefers=frozenset({Metric.SPO2}), is_listen_only=True
        ),
    ),
)
BY_HAND = ChairConfig(3, "Corner", ())
CHAIRS = (WINDOW, DOOR, BY_HAND)


def other(chair: ChairConfig, place: int, /, **fields: Any) -> ChairConfig:
    """``chair`` with other values of one of its monitors."""
    monitors = list(chair.monitors)
    monitors[place] = replace(monitors[place], **fields)
    return replace(chair, monitors=tuple(monitors))


def test_what_can_be_is_not_refused():
    assert refusal(CHAIRS) is None
    assert refusal(()) is None


# What is wrong, where it is marked (chair, monitor, field), and how the words begin and end.
WRONG = {
    "a number twice": (
        (WINDOW, replace(DOOR, number=1)),
        (1, None, "number"),
        "Chair 1 exists already: Window. Choose another number.",
    ),
    "a number of no chair": (
        (replace(WINDOW, number=0),),
        (0, None, "number"),
        "A chair has a number from 1 to 64: 0 is none.",
    ),
    "no name": (
        (replace(WINDOW, name=" "),),
        (0, None, "name"),
        "The name of chair 1 needs 1 to 40 characters.",
    ),
    "a monitor nobody knows": (
        (other(WINDOW, 0, monitor="philips"),),
        (0, 0, "monitor"),
        "Window, philips: this Vigil knows no such monitor.",
    ),
    "no port": (
        (WINDOW, other(DOOR, 1, port="USB 1")),
        (1, 1, "port"),
        "Door, Masimo Rad-8, Radical-5 and Radical-7 oximeters: 'USB 1' is no port. One is a "
        "serial port such as COM3, usb:0403:6001:A10K3X7Q or socket://10.0.0.7:4001.",
    ),
    "no speed": (
        (other(WINDOW, 0, baud=0),),
        (0, 0, "baud"),
        "CARESCAPE and B series: 0 is no speed of a monitor: its own menu shows it, usually 1200, ",
    ),
    "a speed that no monitor has": (
        (other(WINDOW, 0, baud=17),),
        (0, 0, "baud"),
        "17 is no speed of a monitor: its own menu shows it, usually 1200, 2400, 4800, 9600, "
        "19200, 38400, 57600 or 115200 baud.",
    ),
    "two chairs on one port": (
        (WINDOW, other(DOOR, 0, port="/dev/vigil/1")),
        (1, 0, "port"),
        "/dev/vigil/1 belongs to Window, GE Datex-Ohmeda S/5, CARESCAPE and B series. Take that "
        "monitor away first, or choose another port.",
    ),
    "one chair twice on a port": (
        (other(DOOR, 0, port="com3"),),
        (0, 1, "port"),
        "COM3 belongs to Door, DINAMAP PRO, ProCare and Compact, CARESCAPE V100. Take",
    ),
    "two of a kind": (
        (other(DOOR, 0, monitor="masimo-ascii1"),),
        (0, 1, "monitor"),
        "there is one at this chair already, and a second must be of another kind.",
    ),
    "two cuffs": (
        (other(DOOR, 1, monitor="suntech", prefers=frozenset()),),
        (0, 1, "monitor"),
        "DINAMAP PRO, ProCare and Compact, CARESCAPE V100 works the cuff of this chair already",
    ),
    "what it does not measure is preferred": (
        (other(DOOR, 1, prefers=frozenset({Metric.ETCO2})),),
        (0, 1, "prefers"),
        "it does not measure what is to be taken from it first (etco2).",
    ),
    "a sign preferred twice": (
        (other(DOOR, 0, monitor="ge-dri", prefers=frozenset({Metric.SPO2})),),
        (0, 1, "prefers"),
        "spo2 is taken from another monitor of this chair first.",
    ),
}


@pytest.mark.parametrize(("chairs", "place", "words"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_is_refused_in_words_and_marked_in_its_place(chairs, place, words):
    refused = refusal(chairs)
    assert refused is not None
    assert (refused.chair, refused.monitor, refused.field) == place
    assert words in refused.words


def test_two_links_to_one_port_are_one_port(tmp_path):
    port, link = tmp_path / "tty", tmp_path / "by-id"
    port.touch()
    link.symlink_to(port)
    chairs = (other(WINDOW, 0, port=str(port)), other(DOOR, 0, port=str(link)))
    refused = refusal(chairs)
    assert refused is not None
    assert "belongs to Window, GE Datex-Ohmeda S/5" in refused.words


FOUND = keyed(
    [
        FoundPort("/dev/ttyUSB0", "adapter", serial_number="A10K3X7Q", vid=0x0403, pid=0x6001),
        FoundPort("/dev/ttyS0", "built in"),
    ]
)
KEY = "usb:0403:6001:A10K3X7Q"


def test_a_name_and_the_adapter_that_has_it_are_one_port():
    chairs = (other(WINDOW, 0, port="/dev/ttyUSB0"), other(DOOR, 0, port=KEY))
    assert refusal(chairs) is None  # nobody knows while it is not plugged in
    refused = refusal(chairs, FOUND)
    assert refused is not None
    assert "belongs to Window, GE Datex-Ohmeda S/5" in refused.words


def test_a_port_is_remembered_by_what_lasts():
    chairs = (other(WINDOW, 0, port="/dev/ttyUSB0"), other(DOOR, 0, port="/dev/ttyS0"))
    kept = remembered(chairs, FOUND)
    assert [chair.monitors[0].port for chair in kept] == [KEY, "/dev/ttyS0"]


def test_a_name_that_does_not_last_is_warned_of():
    chairs = (
        other(WINDOW, 0, port="/dev/ttyUSB0"),
        other(DOOR, 0, port="/dev/ttyACM3"),
        replace(WINDOW, name="Corner"),
    )
    assert passing(chairs, FOUND) == [
        "Window, ge-dri: /dev/ttyUSB0 may be another adapter after the next start; "
        f'write port = "{KEY}" instead',
        "Door, dinamap: /dev/ttyACM3 may be another adapter after the next start; "
        "plug it in, and the monitors page shows the name that lasts",
    ]


def test_an_adapter_whose_number_another_has_is_to_be_chosen_anew():
    mine, twin = (
        FoundPort(f"/dev/ttyUSB{n}", "", "", "A5", 0x0403, 0x6001, "", f"1-{n}") for n in (0, 1)
    )
    by_number = (other(WINDOW, 0, port="usb:0403:6001:A5"),)
    both = (*by_number, other(DOOR, 0, port="usb-at:1-1"))
    chosen = (other(WINDOW, 0, port="usb-at:1-0"), both[1])
    found = keyed([mine, twin])
    assert twin_left(by_number, by_number, keyed([mine])) is None
    assert twin_left(chosen, both, found) is None
    refused = twin_left(both, by_number, found)
    assert refused is not None
    assert (refused.chair, refused.monitor, refused.field) == (0, 0, "port")
    assert "chosen anew" in refused.words
    assert "/dev/ttyUSB0 and /dev/ttyUSB1" in refused.words
    assert twin_left((), by_number, found) is None, "a chair may be taken away"
    # The twin alone is here: the file must not keep Vigil from watching the others.
    assert refusal(both, keyed([twin])) is None
    (warned,) = passing(both, keyed([twin]))
    assert "there is /dev/ttyUSB1" in warned


def test_a_typed_speed_is_a_number_or_refused_in_words():
    assert [baud_of(text) for text in ("", "  ", " 19200 ")] == [None, None, 19200]
    for text in ("abc", "-1", "9600.0", "1e3", "9" * 5000):
        with pytest.raises(ValueError, match=r"is no speed of a monitor: .* 9600, "):
            baud_of(text)


def test_each_speed_of_a_monitor_that_vigil_knows_can_be_chosen():
    for name, entry in PROTOCOLS.items():
        for settings in (entry.settings, *entry.also):
            chair = ChairConfig(1, "Window", (MonitorConfig(name, "COM3", settings.baud),))
            assert refusal([chair]) is None


def test_the_record_gives_back_what_it_was_given():
    assert from_json(as_json(CHAIRS)) == (CHAIRS, ())
    assert as_json((WINDOW,)) == [
        {
            "number": 1,
            "name": "Window",
            "monitors": [{"monitor": "ge-dri", "port": "/dev/vigil/1", "baud": 19200}],
        }
    ]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (None, "cannot be read"),
        ({"number": 4, "name": "X"}, "cannot be read"),
        ({"number": "x", "name": "X", "monitors": []}, "cannot be read"),
        (
            as_json([other(WINDOW, 0, monitor="gone")])[0] | {"number": 4},
            "this Vigil knows no such monitor",
        ),
        (
            as_json([other(WINDOW, 0, port="COM3")])[0] | {"number": 4},
            "COM3 belongs to Door, Masimo",
        ),
    ],
)
def test_a_chair_that_this_version_cannot_watch_leaves_the_others(row, why):
    chairs, left_out = from_json(
        [row, *as_json(CHAIRS)] if row is None else [*as_json(CHAIRS), row]
    )
    assert chairs == CHAIRS
    assert len(left_out) == 1
    assert why in left_out[0].why
    assert left_out[0].row == row


def test_changes_are_told_in_words():
    moved = MonitorConfig("nonin-ascii", "/dev/vigil/4", 9600)
    new = (
        replace(DOOR, name="Gate", monitors=DOOR.monitors[::-1]),
        other(WINDOW, 0, port="COM7"),
        ChairConfig(4, "Garden", (moved,)),
    )
    assert differences(CHAIRS, new) == [
        "chair 3 (Corner) removed",
        "chair 2 renamed from Door to Gate",
        "chair 2: first masimo-ascii1, then dinamap",
        "chair 1: ge-dri set to COM7, 19200 baud",
        "chair 4 (Garden) added",
        "chair 4: nonin-ascii added at /dev/vigil/4, 9600 baud",
        "order of the board: 2, 1, 4",
    ]
    assert differences(CHAIRS, CHAIRS) == []


def test_one_monitor_is_only_listened_to():
    chairs = listening_only(CHAIRS, 2, "dinamap", True)
    assert differences(CHAIRS, chairs) == [
        "chair 2: dinamap set to /dev/vigil/2, listening only",
    ]
    assert listening_only(chairs, 2, "dinamap", False) == CHAIRS
