"""Does the faulty cable do the harm that was asked for, no other, and the same each time?"""

from itertools import pairwise

import pytest

from simulators.faults import Fate, Faults, FaultyCable, at_twice_the_rate, parse
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
        split=True, noise=0.02, drop=0.01, flip=0.001, stall_s=20, unplug_s=60
    )
    assert parse("noise:0.5,baud:5s") == Faults(noise=0.5, baud_s=5)
    assert parse("baud") == Faults(baud_s=20)


@pytest.mark.parametrize(
    "wrong",
    [
        *("splt", "split:3", "split:", "drop", "drop:2", "drop:x", "flip:-1", "noise,", "noise:"),
        *("noise:2", "stall:20", "unplug:0s", "baud:0s", "baud:9600"),
    ],
)
def test_a_misspelt_fault_is_refused(wrong):
    with pytest.raises(Refused, match="faults: expected split"):
        parse(wrong)


def test_a_perfect_cable_changes_nothing():
    assert carried("") == [(float(t_s), RECORD) for t_s in range(600)]


@pytest.mark.parametrize("spec", ["split", "drop:0.01", "flip:0.01", "noise", "baud", "stall:20s"])
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


def test_noise_comes_after_as_many_messages_as_asked():
    cable = FaultyCable(parse("noise:0.1"), 0, 0.0)
    for t_s in range(1000):
        cable.put(b"x", t_s)
    pieces, _ = cable.pieces(1000)
    bursts = [piece.data for piece in pieces if piece.of is None]
    assert len(bursts) == pytest.approx(100, rel=0.3)
    assert max(map(len, bursts)) <= 60


def test_a_wrong_rate_garbles_for_a_while_and_keeps_the_length():
    arrived = carried("baud:20s")
    assert {len(piece) for _, piece in arrived} == {len(RECORD)}
    wrong = [t_s for t_s, piece in arrived if piece != RECORD]
    gaps = [b - a for a, b in pairwise(wrong)]
    assert 30 <= wrong[0] <= 91
    assert len(wrong) == 20 * (1 + sum(gap > 1 for gap in gaps))
    # 'U', every other bit of it set, as a receiver at twice the rate sees its lower half.
    assert at_twice_the_rate(b"U\x00\xff") == bytes([0b01100110, 0, 0xFE])


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


def fates(spec: str, seconds: int = 600) -> list[Fate]:
    """Of one record a second, when the client reads all that arrives."""
    cable, sent = FaultyCable(parse(spec), 0, 0.0), []
    for tenth in range(10 * seconds):
        t_s = tenth / 10
        if tenth % 10 == 0:
            sent.append(cable.put(RECORD, t_s))
        for piece in cable.pieces(t_s)[0]:
            if piece.of is not None:
                piece.of.arrived += len(piece.data)
    return [one.fate for one in sent]


@pytest.mark.parametrize(
    ("spec", "harm"),
    [
        ("", set()),
        ("noise:0.5", set()),
        ("drop:0.0005", {Fate.DAMAGED}),
        ("flip:0.0005", {Fate.DAMAGED}),
        ("baud:20s", {Fate.DAMAGED}),
        ("unplug:60s", {Fate.LOST}),
        ("split,unplug:60s", {Fate.LOST, Fate.DAMAGED}),
    ],
)
def test_the_fate_of_a_message_is_what_became_of_its_bytes(spec, harm):
    assert set(fates(spec)) == {Fate.WHOLE} | harm


def test_split_or_held_is_still_whole():
    assert set(fates("stall:20s")[:500]) == {Fate.WHOLE}
    # A record every two seconds' worth of pieces: the last are still on their way.
    cable = FaultyCable(parse("split"), 0, 0.0)
    one = cable.put(RECORD, 0.0)
    assert one.fate is Fate.LOST
    assert one.on_the_way == len(RECORD)
    for piece in cable.pieces(10.0)[0]:
        one.arrived += len(piece.data)
    assert (one.fate, one.on_the_way) == (Fate.WHOLE, 0)
