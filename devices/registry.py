"""Which monitors can Vigil listen to? One line each; nothing is found by searching folders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from clinical.identity import Identity
from clinical.links import CuffOrder
from clinical.vitals import Metric, Observation
from devices.protocols import (
    capnostream,
    dinamap,
    ge_dri,
    ivy450c,
    masimo_ascii1,
    nellcor,
    nonin_ascii,
    philips_intellivue,
    suntech,
)
from devices.protocols.line import Garbled, LineSettings


class Proof(StrEnum):
    """What a protocol was last held against. Nobody should read more into it than it says."""

    SIMULATED = "simulated"  # documents and our own simulator
    CAPTURE = "capture"  # bytes taken from a real monitor, decoded by others alike
    BENCH = "bench"  # a real monitor and a vital-signs simulator
    CLINIC = "clinic"  # a real monitor in use


class Message(Protocol):
    """A valid frame in the monitor's own words; ``offset`` as in ``Garbled``."""

    @property
    def offset(self) -> int: ...


class Decoder(Protocol):
    """Bytes in, messages out, the same for any chunking. Never raises, holds bounded memory.

    ``end``: nothing follows on these bytes; the file or the port has ended. It gives what is held,
    as a message only where all of it is there (a line whose end was in doubt), else as Garbled.
    What feed gets after it comes from another port: the two make no frame together, offsets go on,
    and what was told of the cuff is no news again.
    """

    def feed(self, data: bytes, /) -> Sequence[Message | Garbled]: ...

    def end(self) -> Sequence[Message | Garbled]: ...


class Talk(Protocol):
    """The host's half of the conversation; all times monotonic seconds. Never raises."""

    @property
    def interval_s(self) -> float: ...

    def opening(self, now_s: float, /) -> bytes: ...

    def heard(self, message: Any, now_s: float, /) -> bytes: ...

    def due(self, now_s: float, /) -> tuple[bytes, float]: ...

    def closing(self) -> bytes: ...


class CuffTalk(Talk, Protocol):
    """The conversation with a monitor whose cuff the host may start and cancel."""

    def order(self, order: CuffOrder, now_s: float, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class ProtocolEntry:
    """A monitor's protocol. ``translate`` takes the messages of this entry's own decoder.

    ``works_cuff``: ``talk`` makes a CuffTalk. ``alarms`` gives the texts of the monitor's own
    alarms, those of highest priority first; None for a message that says nothing of them.
    ``is_cuff_up``: whether the cuff is inflated; None for a message that does not say.
    ``is_proof``: whether a message shows that the monitor measures; without it each does.
    ``identity``: who the monitor says it is; None for a message that does not say. ``unknown``
    names what a message holds that is not read, such as "NOM_PULS_OXIM_PVI"; () for nothing.
    ``also``: other line settings that the maker lets the monitor be set to. ``is_harmless``: its
    manual calls what Talk says first harmless to a monitor in use; without it nothing is said to
    a monitor of which nobody knows the kind.
    ``caution`` is a sentence for the chair page: what about this monitor is known less well than
    its numbers look.
    """

    title: str
    settings: LineSettings
    decoder: Callable[[], Decoder]
    talk: Callable[[], Talk]
    translate: Callable[[Any, datetime], list[Observation]]
    metrics: frozenset[Metric]
    proof: Proof
    has_checksum: bool
    works_cuff: bool = False
    alarms: Callable[[Any], tuple[str, ...] | None] | None = None
    is_cuff_up: Callable[[Any], bool | None] | None = None
    is_proof: Callable[[Any], bool] | None = None
    identity: Callable[[Any], Identity | None] | None = None
    unknown: Callable[[Any], tuple[str, ...]] | None = None
    also: tuple[LineSettings, ...] = ()
    is_harmless: bool = False
    caution: str = ""


# The name is the one of the command line, of tests/vectors/ and of the simulator ("-" as "_").
PROTOCOLS: dict[str, ProtocolEntry] = {
    "ge-dri": ProtocolEntry(
        "GE Datex-Ohmeda S/5, CARESCAPE and B series (Computer Interface)",
        *(ge_dri.SETTINGS, ge_dri.Decoder, ge_dri.Talk, ge_dri.translate, ge_dri.METRICS),
        proof=Proof.CAPTURE,
        has_checksum=True,
        alarms=ge_dri.alarms,
        is_cuff_up=ge_dri.is_cuff_up,
        identity=ge_dri.identity,
        unknown=ge_dri.unknown,
        also=ge_dri.ALSO,
        is_harmless=True,  # CI: a request is answered by records, and may be repeated at any time
    ),
    "philips-intellivue": ProtocolEntry(
        "Philips IntelliVue MP, MX and X2 (Data Export over MIB/RS232)",
        *(philips_intellivue.SETTINGS, philips_intellivue.Decoder, philips_intellivue.Talk),
        *(philips_intellivue.translate, philips_intellivue.METRICS),
        proof=Proof.SIMULATED,
        has_checksum=True,
        alarms=philips_intellivue.alarms,
        is_proof=philips_intellivue.is_proof,
        identity=philips_intellivue.identity,
        unknown=philips_intellivue.unknown,
        also=philips_intellivue.ALSO,
        # An association is what Data Export is for (guide p. 70): it reads, and sets nothing. The
        # abort before it ends another only on this same line.
        is_harmless=True,
    ),
    "masimo-ascii1": ProtocolEntry(
        "Masimo Rad-8, Radical-5 and Radical-7 oximeters (ASCII 1)",
        *(masimo_ascii1.SETTINGS, masimo_ascii1.Decoder, masimo_ascii1.Talk),
        *(masimo_ascii1.translate, masimo_ascii1.METRICS),
        proof=Proof.SIMULATED,
        has_checksum=False,
        identity=masimo_ascii1.identity,
        unknown=masimo_ascii1.unknown,
        is_harmless=True,  # nothing is said
    ),
    "dinamap": ProtocolEntry(
        "DINAMAP PRO, ProCare and Compact, CARESCAPE V100 (Host Communications)",
        *(dinamap.SETTINGS, dinamap.Decoder, dinamap.Talk, dinamap.translate, dinamap.METRICS),
        proof=Proof.SIMULATED,
        has_checksum=True,
        works_cuff=True,
        is_cuff_up=dinamap.is_cuff_up,
        unknown=dinamap.unknown,
        is_harmless=True,  # NA reads status and last result (TK sends it before each cycle)
        caution=(
            "Only a part of what this monitor says is publicly known: "
            "compare its cuff readings with its own screen."
        ),
    ),
    "capnostream": ProtocolEntry(
        "Capnostream 20 and 20p (Oridion, Medtronic)",
        *(capnostream.SETTINGS, capnostream.Decoder, capnostream.Talk),
        *(capnostream.translate, capnostream.METRICS),
        proof=Proof.SIMULATED,
        has_checksum=True,
        identity=capnostream.identity,
        unknown=capnostream.unknown,
        also=capnostream.ALSO,
        # The document: Enable begins the serial output and sets nothing; it is to be repeated
        # until it is answered, at any rate.
        is_harmless=True,
    ),
    "ivy450c": ProtocolEntry(
        "Ivy Biomedical 450C (ANSAR-B)",
        *(ivy450c.SETTINGS, ivy450c.Decoder, ivy450c.Talk, ivy450c.translate, ivy450c.METRICS),
        proof=Proof.CAPTURE,
        has_checksum=False,
        alarms=ivy450c.alarms,
        unknown=ivy450c.unknown,
        is_harmless=True,  # nothing is said
    ),
    "nellcor": ProtocolEntry(
        "Nellcor N-560, N-595 and NPB-190/290/295 oximeters (real-time printout)",
        *(nellcor.SETTINGS, nellcor.Decoder, nellcor.Talk, nellcor.translate, nellcor.METRICS),
        proof=Proof.SIMULATED,
        has_checksum=False,
        identity=nellcor.identity,
        unknown=nellcor.unknown,
        also=nellcor.ALSO,
        is_harmless=True,  # nothing is said
    ),
    "suntech": ProtocolEntry(
        "SunTech Advantage and LX cuff modules",
        *(suntech.SETTINGS, suntech.Decoder, suntech.Talk, suntech.translate, suntech.METRICS),
        proof=Proof.SIMULATED,
        has_checksum=True,
        works_cuff=True,
        is_cuff_up=suntech.is_cuff_up,
        unknown=suntech.unknown,
        is_harmless=True,  # it reads the cuff's pressure, as NP does five times a second
    ),
    "nonin-ascii": ProtocolEntry(
        "Nonin 7500, Avant, 8500 and 9847 oximeters (real-time text)",
        *(nonin_ascii.SETTINGS, nonin_ascii.Decoder, nonin_ascii.Talk),
        *(nonin_ascii.translate, nonin_ascii.METRICS),
        proof=Proof.SIMULATED,
        has_checksum=False,
        unknown=nonin_ascii.unknown,
        is_harmless=True,  # nothing is said
    ),
}
