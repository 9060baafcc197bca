"""Would the fuzzer notice a broken decoder, and are all monitors sound on what it starts from?"""

from __future__ import annotations

import sys
import tomllib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pytest

from clinical.vitals import Metric, Observation, Quality
from devices.protocols import ge_dri
from devices.protocols.line import Garbled
from devices.registry import PROTOCOLS, ProtocolEntry
from tests.fuzz.__main__ import main
from tests.fuzz.properties import MOST_HELD, VECTORS, check, check_monitor, held_bytes, seeds
from tests.fuzz.seals import sealed

HAVE_AN_END_MARK = ("ge-dri", "dinamap", "philips-intellivue")


@dataclass(frozen=True)
class Byte:
    """The message of the decoders below: one byte of the wire."""

    value: float
    offset: int


class Bytewise:
    """A decoder that is sound: what the others break."""

    def __init__(self) -> None:
        self.count = 0

    def feed(self, data: bytes) -> list[Byte | Garbled]:
        start, self.count = self.count, self.count + len(data)
        return [Byte(float(byte), start + at + 1) for at, byte in enumerate(data)]


class Raising(Bytewise):
    def feed(self, data: bytes) -> list[Byte | Garbled]:
        data.decode("ascii")
        return super().feed(data)


class Hoarding(Bytewise):
    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[str, list[bytes]] = {"all": []}

    def feed(self, data: bytes) -> list[Byte | Garbled]:
        self.kept["all"].append(data)
        return super().feed(data)


class Forgetful(Bytewise):
    """Forgets at the end of a piece that a zero came before."""

    def feed(self, data: bytes) -> list[Byte | Garbled]:
        return [Garbled(data, "zeros", 0)] if b"\0\0" in data else super().feed(data)


class Empty(Bytewise):
    def feed(self, data: bytes) -> list[Byte | Garbled]:
        return [*super().feed(data), Garbled(b"", "nothing", self.count)]


def translate(message: Byte, observed_at: datetime) -> list[Observation]:
    return [Observation(Metric.SPO2, message.value, Quality.VALID, observed_at)]


def protocol(decoder: type, **other: Any) -> ProtocolEntry:
    """A streamed monitor with this decoder."""
    how = {"translate": translate, "metrics": frozenset({Metric.SPO2}), **other}
    return replace(PROTOCOLS["nellcor"], decoder=decoder, **how)


def check_each(entry: ProtocolEntry, wires: list[bytes]) -> None:
    for wire in wires:
        check(entry, wire)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_monitor_is_sound_on_its_seeds_and_their_halves(name):
    for wire in seeds(name):
        check_monitor(name, wire)
        check_monitor(name, wire[len(wire) // 2 :] + wire)


@pytest.mark.parametrize("name", [name for name in PROTOCOLS if PROTOCOLS[name].has_checksum])
def test_a_right_checksum_is_put_back_where_one_was_lost(name):
    vectors = tomllib.loads((VECTORS / f"{name.replace('-', '_')}.toml").read_text())
    for wire in (bytes.fromhex(one["hex"]) for one in vectors["frames"]):
        assert sealed(name, wire) == wire
        last = len(wire) - (2 if name in HAVE_AN_END_MARK else 1)
        damaged = [
            wire[:last] + bytes([wire[last] ^ 1 << bit]) + wire[last + 1 :] for bit in (0, 1)
        ]
        assert wire in [sealed(name, each) for each in damaged]  # one may have become a mark


def test_a_sound_decoder_passes():
    check(protocol(Bytewise), bytes(range(256)) * 4)


@pytest.mark.parametrize(
    ("decoder", "wire", "said"),
    [
        (Raising, b"\x80", "ascii"),
        (Hoarding, bytes(MOST_HELD + 1), "holds"),
        (Forgetful, b"\0\0", "in pieces of"),
        (Empty, b"a", "junk of no bytes"),
    ],
)
def test_a_broken_decoder_is_noticed(decoder, wire, said):
    # How the wire is cut depends on the wire.
    with pytest.raises((AssertionError, UnicodeDecodeError), match=said):
        check_each(protocol(decoder), [wire + bytes(padding) for padding in range(20)])


def test_what_is_kept_over_a_long_stretch_is_noticed():
    with pytest.raises(AssertionError, match="holds"):
        check_each(protocol(Hoarding), [b"%d" % number for number in range(3000)])


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"alarms": lambda _m: ("LEADS\0OFF",)}, "LEADS"),
        ({"translate": lambda m, t: [replace(translate(m, t)[0], remarks=("\ud800",))]}, "remarks"),
        ({"translate": lambda m, t: translate(replace(m, value=float("nan")), t)}, "nan"),
        ({"metrics": frozenset()}, "spo2"),
        ({"translate": lambda m, t: [Observation(Metric.SPO2, None, Quality.VALID, t)]}, "reason"),
    ],
)
def test_a_broken_translation_is_noticed(other, said):
    with pytest.raises((AssertionError, ValueError), match=said):
        check(protocol(Bytewise, **other), b"a")


def test_a_talk_that_never_waits_is_noticed():
    class Busy(ge_dri.Talk):
        def due(self, now_s: float) -> tuple[bytes, float]:
            return b"", now_s

    with pytest.raises(AssertionError, match="asks again"):
        check(replace(PROTOCOLS["ge-dri"], talk=Busy), seeds("ge-dri")[0])


@pytest.mark.parametrize(
    ("thing", "held"), [(b"abc", 3), ([b"abc", ""], 19), ({"a": bytearray(4)}, 13), (7, 0)]
)
def test_held_bytes_are_counted_wherever_they_are(thing, held):
    assert held_bytes(thing) == held


def test_a_saved_input_is_replayed_by_its_folder(tmp_path, monkeypatch, capsys):
    saved = tmp_path / "ge-dri" / "crash-1"
    saved.parent.mkdir()
    saved.write_bytes(b"\x7e\x7e")
    monkeypatch.setattr(sys, "argv", ["fuzz", "--replay", str(saved)])
    assert main() == 0
    assert "ge-dri: 2 bytes: 7e 7e" in capsys.readouterr().out


@pytest.mark.parametrize("wrong", [["ge"], ["--seconds", "0"]])
def test_what_cannot_be_done_is_refused(wrong, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["fuzz", *wrong])
    with pytest.raises(SystemExit) as refused:
        main()
    assert refused.value.code == 2
    assert "expected" in capsys.readouterr().err
