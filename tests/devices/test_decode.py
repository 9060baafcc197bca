"""Does ``vigil decode`` print what others rely on: keys, units, offsets, nothing twice?"""

from __future__ import annotations

import json

import pytest

from devices.decode import Summary, decode
from devices.registry import PROTOCOLS
from tests.devices import ge_frames as ge

GE = PROTOCOLS["ge-dri"]
KEYS = ["metric", "value", "unit", "quality", "source", "device_time", "measurement_id", "offset"]


def decoded(*chunks, protocol=GE):
    summary = Summary()
    return list(decode(protocol, chunks, summary)), summary


def test_each_observation_is_one_line_with_the_same_keys():
    lines, summary = decoded(ge.WORKED)
    assert all(list(line) == KEYS for line in lines)
    assert (summary.frames, summary.garbled, summary.bytes, summary.unfinished) == (1, 0, 322, 0)
    assert json.loads(json.dumps(lines[1])) == {
        "metric": "spo2",
        "value": 97.0,
        "unit": "%",
        "quality": "valid",
        "source": "spo2",
        "device_time": "2026-11-22T10:15:00",
        "measurement_id": None,
        "offset": 322,
    }


def test_a_special_value_is_null_with_its_quality():
    lines, _ = decoded(ge.frame({ge.SPO2: -32766}))
    assert (lines[1]["metric"], lines[1]["value"], lines[1]["quality"]) == (
        "spo2", None, "not_updated",
    )  # fmt: skip


def test_a_cuff_reading_is_printed_once_with_one_measurement_id():
    lines, _ = decoded(ge.WORKED, ge.WORKED, ge.frame({ge.SYSTOLIC: 13000}))
    cuff = [(line["metric"], line["measurement_id"]) for line in lines if line["source"] == "nibp"]
    names = ["nibp_systolic", "nibp_diastolic", "nibp_mean", "nibp_pulse"]
    assert cuff == [(name, id_) for id_ in ("n1", "n2") for name in names]


def test_lines_come_before_the_stream_ends():
    """So that it works on a pipe."""

    def chunks():
        yield ge.WORKED
        pytest.fail("asked for more before it gave what it had")

    assert next(decode(GE, chunks(), Summary()))["offset"] == len(ge.WORKED)


def test_damage_is_counted_and_the_unfinished_end_too():
    lines, summary = decoded(b"noise", ge.WORKED, ge.WORKED[:100])
    assert (summary.frames, summary.garbled, summary.bytes) == (1, 1, 427)
    assert summary.unfinished == 100
    assert {line["offset"] for line in lines} == {327}


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r", b"\n\r", b"\r\n\r\n"])
def test_the_last_line_counts_whatever_ends_it(end):
    nonin = PROTOCOLS["nonin-ascii"]
    lines, summary = decoded(b"SPO2=097 HR=072" + end, b"SPO2=098 HR=071" + end, protocol=nonin)
    assert [line["value"] for line in lines] == [97, 72, 98, 71]
    assert (summary.frames, summary.garbled, summary.unfinished) == (2, 0, 0)


def test_half_a_line_at_the_end_is_no_line():
    lines, summary = decoded(b"SPO2=097 HR=072", protocol=PROTOCOLS["nonin-ascii"])
    assert lines == []
    assert summary == Summary(frames=0, garbled=0, bytes=15, unfinished=15)


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_a_capture_gives_the_same_lines_for_any_chunking(shared, size):
    path = shared / "captures" / "ge-s5.raw"
    if not path.exists():
        pytest.skip("no captures in the folder 'shared' beside the repository")
    wire = path.read_bytes()
    lines, summary = decoded(*(wire[i : i + size] for i in range(0, len(wire), size)))
    assert lines == decoded(wire)[0]
    assert (summary.frames, summary.garbled, summary.bytes) == (21, 0, 17639)
    assert summary.unfinished == 351
    assert [line["value"] for line in lines if line["metric"] == "nibp_systolic"] == [93.0]
