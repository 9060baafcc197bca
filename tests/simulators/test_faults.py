"""Does the faulty cable do the harm that was asked for, no other, and the same each time?"""

from itertools import pairwise

import pytest

from simulators.faults import Faults, FaultyCable, parse
from simulators.refused import Refused

RECORD = bytes(range(256)) * 4


def carried(spec: str, seed: int = 0, seconds: int = 600) -> list[tuple[float, bytes]]:
    """What arrives, and when, of one record a second; read whenever the cable says so."""
    cable, arrived, t_s, next_record_s = FaultyCable(parse(spec), seed, 0.0), [], 0.0, 0
    while t_s < seconds:
        if t_s >= next_record_s:
            cable.put(RECORD, t_s)
            next_record_s += 1
        pieces, next_s = cable.take(t_s)
        arrived += [(t_s, piece) for piece in pieces]
        t_s = min(next_s, next_record_s)
    return arrived


def whole(spec: str, seconds: int = 600) -> bytes:
    return b"".join(piece for _, piece in carried(spec, seconds=seconds))


def test_a_list_of_faults_is_read():
    assert parse("") == Faults()
    assert parse("split, drop:0.01,flip:0.001,stall:20s,unplug:60s,noise") == Faults(
        split=True, noise=True, drop=0.01, flip=0.001, stall_s=20, unplug_s=60
    )


@pytest.mark.parametrize(
    "wrong",
    ["splt", "drop", "drop:2", "drop:x", "stall:20", "unplug:0s", "split:3", "noise,", "flip:-1"],
)
def test_a_misspelt_fault_is_refused(wrong):
    with pytest.raises(Refused, match="faults: expected split"):
        parse(wrong)


def test_a_perfect_cable_changes_nothing():
    assert carried("") == [(float(t_s), RECORD) for t_s in range(600)]


@pytest.mark.parametrize("spec", ["split", "drop:0.01", "flip:0.01", "noise", "stall:20s"])
def test_the_same_seed_does_the_same_harm(spec):
    assert carried(spec, 7) == carried(spec, 7) != carried(spec, 8)


def test_split_loses_nothing_and_keeps_the_order():
    assert max(len(piece) for _, piece in carried("split")) <= 40
    assert (RECORD * 600).startswith(whole("split"))


def test_drop_and_flip_hit_about_as_often_as_asked():
    lost = 1 - len(whole("drop:0.01")) / (600 * len(RECORD))
    assert lost == pytest.approx(0.01, rel=0.1)
    flipped = sum(a != b for a, b in zip(whole("flip:0.01"), RECORD * 600, strict=True))
    assert flipped / (600 * len(RECORD)) == pytest.approx(0.01, rel=0.1)


def test_noise_adds_bytes_and_takes_none():
    noisy = whole("noise")
    assert len(noisy) > 600 * len(RECORD)
    assert noisy.count(RECORD) == 600


def test_a_stall_holds_everything_and_then_lets_it_go_in_order():
    arrived = carried("stall:20s")
    assert (RECORD * 600).startswith(b"".join(piece for _, piece in arrived))
    times = [t_s for t_s, _ in arrived]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert 19 <= max(gaps) <= 21
    assert gaps.count(0) >= 19


def test_an_unplugged_cable_loses_what_was_sent():
    times = [t_s for t_s, _ in carried("unplug:60s")]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert 60 <= max(gaps) <= 62
    assert len(times) < 600 - 59
