"""What must hold for every monitor in the registry, whatever it speaks?"""

from __future__ import annotations

import itertools
import random
import time
import tomllib
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical.links import CuffOrder
from clinical.vitals import Metric, Observation, Quality, Source
from devices.protocols.line import Garbled
from devices.registry import PROTOCOLS
from tests.conftest import ROOT

NOW = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
SEED = 20261122
MEGABYTE = 1_000_000
BOUND = 100_000  # bytes a decoder may hold on to after any noise; the longest frame is 3 kB
SPEED_UP = 200  # a decoder must be this much faster than its line: 16 links, and a replay

every_monitor = pytest.mark.parametrize("name", PROTOCOLS)


# Where the bytes of a vector come from.
REAL = "real"  # seen on a wire, or printed by the vendor or in another program
WORKED = "worked"  # worked out by hand from the specification's tables


def vectors(name):
    path = ROOT / "tests" / "vectors" / f"{name.replace('-', '_')}.toml"
    return tomllib.loads(path.read_text())


def frames(name):
    return [bytes.fromhex(vector["hex"]) for vector in vectors(name)["frames"]]


def named_vectors():
    return [
        pytest.param(name, vector, id=f"{name}: {vector['name']}")
        for name in PROTOCOLS
        for vector in vectors(name)["frames"]
    ]


def listed(name):
    """All vectors of a file: what the monitor sends, and what the host asks."""
    groups = (vectors(name)[key] for key in ("frames", "requests") if key in vectors(name))
    return [one for group in groups for one in group]


def meant(vector):
    """The observations that a vector states."""
    return [
        Observation(
            Metric(one["metric"]),
            one.get("value"),
            Quality(one.get("quality", "valid")),
            NOW - timedelta(seconds=one.get("age_s", 0)),
            Source(one["source"]) if "source" in one else None,
            vector.get("device_time"),
            one.get("measurement_id"),
            tuple(one.get("remarks", ())),
        )
        for one in vector["observations"]
    ]


def fed(decoder, wire, cuts=()):
    """Messages of ``wire``, fed in pieces that end at ``cuts``."""
    edges = [0, *sorted(cuts), len(wire)]
    return [
        message
        for start, end in itertools.pairwise(edges)
        for message in decoder.feed(wire[start:end])
    ]


def values(protocol, messages):
    """What sound ``messages`` come to, but for when."""
    return [
        replace(one, device_time=None)
        for message in messages
        if not isinstance(message, Garbled)
        for one in protocol.translate(message, NOW)
    ]


@every_monitor
def test_every_vector_has_a_name_and_a_source(name):
    found = vectors(name)["frames"]
    assert found
    for vector in listed(name):
        assert vector["name"]
        assert vector["source"]
        assert vector["origin"] in (REAL, WORKED)
        assert bytes.fromhex(vector["hex"])


@pytest.mark.parametrize(("name", "vector"), named_vectors())
@pytest.mark.parametrize("size", [1, 2, 7, 4096], ids="chunks of {}".format)
def test_a_vector_means_what_it_says_however_it_is_split(name, vector, size):
    protocol, wire = PROTOCOLS[name], bytes.fromhex(vector["hex"])
    (message,) = fed(protocol.decoder(), wire, range(size, len(wire), size))
    assert not isinstance(message, Garbled)
    assert message.offset == len(wire)
    assert protocol.translate(message, NOW) == meant(vector)


@every_monitor
def test_every_kind_of_message_has_a_vector(name, capsys):
    """Prints the kinds that no bytes from outside this team have shown: trust those less."""
    protocol = import_module(f"devices.protocols.{name.replace('-', '_')}")
    kinds = {kind.__name__ for kind in get_args(protocol.Message) or (protocol.Message,)}
    seen = {}
    for vector in listed(name):
        for message in protocol.Decoder().feed(bytes.fromhex(vector["hex"])):
            seen.setdefault(type(message).__name__, set()).add(vector["origin"])
    for capture in vectors(name).get("captures", ()):
        path = ROOT.parent / "shared" / "captures" / capture
        if path.is_file():
            for message in protocol.Decoder().feed(path.read_bytes()):
                seen.setdefault(type(message).__name__, set()).add(REAL)
    only_ours = sorted(kind for kind in kinds if REAL not in seen.get(kind, ()))
    with capsys.disabled():
        if only_ours:
            print(f"\n{name}: no vector from outside for {', '.join(only_ours)}", end=" ")
    assert kinds <= set(seen)


@every_monitor
def test_every_monitor_has_a_simulator_and_states_its_silence(name):
    from simulators.registry import MONITORS

    assert name in MONITORS
    assert PROTOCOLS[name].settings.interval_s > 0
    assert PROTOCOLS[name].settings.quiet_after_s > 0


@every_monitor
def test_it_gives_only_the_metrics_it_names(name):
    protocol = PROTOCOLS[name]
    seen = values(protocol, fed(protocol.decoder(), b"".join(frames(name))))
    assert {one.metric for one in seen} <= protocol.metrics


@every_monitor
@given(st.data())
def test_any_split_of_the_stream_gives_the_same_messages_and_offsets(name, data):
    wire = b"\x00\xff~noise" + b"".join(frames(name))
    cuts = data.draw(st.lists(st.integers(0, len(wire)), max_size=30))
    decoder = PROTOCOLS[name].decoder
    assert fed(decoder(), wire, cuts) == fed(decoder(), wire)


@every_monitor
def test_byte_by_byte_gives_the_same_messages_and_offsets(name):
    wire = b"".join(frames(name))
    decoder = PROTOCOLS[name].decoder
    assert fed(decoder(), wire, range(1, len(wire))) == fed(decoder(), wire)
    assert fed(decoder(), wire)[-1].offset == len(wire)


@every_monitor
def test_garbage_before_a_frame_costs_nothing_but_itself(name):
    """A line is read whole: there the garbage is taken to have an end of line of its own.

    Where a frame begins with its length, chance may announce a long one: more follows here.
    """
    decoder, rng = PROTOCOLS[name].decoder, random.Random(SEED)
    end = bytes.fromhex(vectors(name).get("line_end", ""))
    more = b"".join(frames(name))
    for wire in frames(name):
        (clean,) = fed(decoder(), wire)
        for size in (1, 2, 60, 5000):
            garbage = rng.randbytes(size) + end
            found = fed(decoder(), garbage + wire + more)
            assert replace(clean, offset=len(garbage + wire)) in found


@every_monitor
@given(st.data())
def test_half_a_frame_from_a_port_that_ended_makes_none_with_what_another_brings(name, data):
    """Any two frames cut anywhere, at the same place too: as if the first had never come.

    A line of which only the end is missing may count as whole.
    """
    end = len(bytes.fromhex(vectors(name).get("line_end", ""))) or 1
    some = st.sampled_from(frames(name))
    before, after = data.draw(some), data.draw(some)
    cut = data.draw(st.integers(0, len(before) - end))
    rest = after[data.draw(st.just(cut) | st.integers(0, len(after) - 1)) :] + after
    decoder = PROTOCOLS[name].decoder()
    found = [*decoder.feed(before[:cut]), *decoder.end()]
    assert all(isinstance(one, Garbled) for one in found), "half a frame is no message"
    assert decoder.end() == []
    alone = PROTOCOLS[name].decoder()
    clean = [*alone.feed(rest), *alone.end()]
    moved = [replace(one, offset=cut + one.offset) for one in clean]
    assert [*decoder.feed(rest), *decoder.end()] == moved


@every_monitor
def test_each_frame_is_read_on_the_next_port_and_what_was_told_is_not_told_again(name):
    protocol = PROTOCOLS[name]
    wires = frames(name)
    for wire in wires:
        (clean,) = fed(protocol.decoder(), wire)
        for half in wires:
            decoder, cut = protocol.decoder(), len(half) // 2
            decoder.feed(half[:cut])
            decoder.end()
            assert decoder.feed(wire) == [replace(clean, offset=cut + len(wire))]
    one_port, two_ports = protocol.decoder(), protocol.decoder()
    told = fed(one_port, b"".join(wires)), fed(two_ports, b"".join(wires))
    two_ports.feed(wires[0][: len(wires[0]) // 2])
    two_ports.end()
    once, twice = (
        [one for one in values(protocol, seen) if one.source is Source.NIBP]
        for seen in (
            told[0] + fed(one_port, b"".join(wires)),
            told[1] + fed(two_ports, b"".join(wires)),
        )
    )
    assert once == twice


@every_monitor
def test_one_flipped_bit_is_garbled_never_a_number(name):
    protocol = PROTOCOLS[name]
    if not protocol.has_checksum:
        pytest.skip(f"{name} has no checksum: it cannot know")
    for wire in frames(name):
        sound = values(protocol, fed(protocol.decoder(), wire))
        for at in range(len(wire)):
            for bit in range(8):
                flipped = bytearray(wire)
                flipped[at] ^= 1 << bit
                seen = values(protocol, fed(protocol.decoder(), bytes(flipped)))
                assert all(one in sound for one in seen), f"bit {bit} of byte {at}"


@every_monitor
@pytest.mark.parametrize("kind", ["bytes", "text", "one byte", "shuffled frames"])
def test_a_megabyte_of_noise_is_held_in_bounded_memory(name, kind):
    rng = random.Random(SEED)
    shuffled = bytearray(b"".join(frames(name)))
    rng.shuffle(shuffled)
    noise = {
        "bytes": lambda: rng.randbytes(MEGABYTE),
        "text": lambda: bytes(rng.choices(b" 0123456789ABCDEF$*,:", k=MEGABYTE)),
        "one byte": lambda: b"\x55" * MEGABYTE,
        "shuffled frames": lambda: bytes(shuffled) * (MEGABYTE // len(shuffled)),
    }[kind]()
    protocol = PROTOCOLS[name]
    decoder = protocol.decoder()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for start in range(0, len(noise), 1000):
            assert values(protocol, decoder.feed(noise[start : start + 1000])) == []
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < BOUND


@every_monitor
@given(st.lists(st.binary(max_size=200), max_size=20), st.randoms(use_true_random=False))
def test_no_bytes_make_the_decoder_or_the_talk_raise(name, chunks, rng):
    """Noise, between sound frames, into decoder, translation and conversation."""
    protocol = PROTOCOLS[name]
    decoder, talk, now_s = protocol.decoder(), protocol.talk(), 0.0
    known = frames(name)
    assert isinstance(talk.opening(now_s), bytes)
    orders = [*CuffOrder] if protocol.works_cuff else []
    for chunk in chunks:
        now_s += rng.choice([0.0, 0.5, 5.0, 60.0])
        for message in decoder.feed(chunk + rng.choice(known)):
            if not isinstance(message, Garbled):
                protocol.translate(message, NOW)
                assert isinstance(talk.heard(message, now_s), bytes)
        sent, next_s = talk.due(now_s)
        assert isinstance(sent, bytes)
        assert next_s > now_s
        assert talk.interval_s > 0
        assert all(isinstance(talk.order(order, now_s), bytes) for order in orders)
    assert isinstance(talk.closing(), bytes)


@every_monitor
def test_the_decoder_outruns_its_line_by_far(name):
    protocol = PROTOCOLS[name]
    stream = b"".join(frames(name)) * 20
    best_s = min(timed(protocol, stream, time.process_time) for _ in range(3))
    line = protocol.settings.baud / 10  # bytes a second
    assert len(stream) / best_s > SPEED_UP * line


def timed(protocol, stream, clock):
    decoder, start_s = protocol.decoder(), clock()
    values(protocol, fed(decoder, stream, range(4096, len(stream), 4096)))
    return clock() - start_s


@every_monitor
def test_the_simulator_writes_the_bytes_that_the_decoder_reads(name):
    """Two hands wrote them from the same specification; the vectors are where they must meet."""
    simulator = import_module(f"simulators.{name.replace('-', '_')}")
    for vector in vectors(name)["frames"]:
        if "values" in vector:
            assert simulator.vector_frame(vector["values"]) == bytes.fromhex(vector["hex"])
