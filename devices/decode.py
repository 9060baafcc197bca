"""What do recorded bytes say? ``vigil decode``: one line of facts an observation, and a count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from clinical.identity import Identity
from clinical.vitals import Observation, unit_of
from devices.protocols.line import Garbled
from devices.registry import Message, ProtocolEntry

# When a recording arrived is not printed, and nothing else depends on it.
ARRIVED_AT = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Summary:
    """How much of the stream was understood; counted while ``decode`` runs.

    ``identities``: who the monitor said it is, in the order of saying, each once. ``unknown``:
    how many frames had something that is not read, by its name.
    """

    frames: int = 0  # good ones
    garbled: int = 0
    bytes: int = 0
    unfinished: int = 0  # bytes after the last frame: one that the stream's end cut off
    identities: list[Identity] = field(default_factory=list)
    unknown: Counter[str] = field(default_factory=Counter)

    @property
    def lines(self) -> list[str]:
        """The count, who it is from, what was not read: as they are printed."""
        rest = f" ({self.unfinished} after the last frame)" if self.unfinished else ""
        found = [f"{self.frames} frames, {self.garbled} garbled, {self.bytes} bytes{rest}"]
        found += [f"from: {_in_full(one)}" for one in self.identities]
        if self.unknown:
            counts = (f"{name} {count}" for name, count in self.unknown.most_common())
            found.append(f"not read: {', '.join(counts)}")
        return found


def decode(
    protocol: ProtocolEntry, chunks: Iterable[bytes], summary: Summary
) -> Iterator[dict[str, Any]]:
    """Yield one dict an observation, as soon as the chunk that completes its frame is read.

    Keys, always these: ``metric``, ``value`` (in ``unit``, not rounded; None without one),
    ``unit`` (UCUM), ``quality``, ``source``, ``device_time`` (ISO 8601, no zone unless the
    protocol states one), ``measurement_id``, ``offset`` (just past the frame's last byte).
    """
    decoder = protocol.decoder()
    judged = 0  # bytes up to the end of the last frame or garbled piece
    for chunk in chunks:
        summary.bytes += len(chunk)
        for message in decoder.feed(chunk):
            judged = message.offset
            if isinstance(message, Garbled):
                summary.garbled += 1
            else:
                yield from _frame(protocol, message, summary)
    for message in decoder.end():
        if isinstance(message, Garbled):
            summary.unfinished = summary.bytes - judged
        else:
            yield from _frame(protocol, message, summary)


def _frame(protocol: ProtocolEntry, message: Message, summary: Summary) -> Iterator[dict[str, Any]]:
    summary.frames += 1
    said = protocol.identity(message) if protocol.identity else None
    if said is not None and said not in summary.identities:
        summary.identities.append(said)
    if protocol.unknown:
        summary.unknown.update(protocol.unknown(message))
    for observation in protocol.translate(message, ARRIVED_AT):
        yield _line(observation, message.offset)


def _in_full(said: Identity) -> str:
    """With the version of its software, which no nurse compares."""
    known = [said.words] if said.model or said.serial else []
    return ", ".join([*known, *([f"version {said.version}"] if said.version else [])])


def _line(seen: Observation, offset: int) -> dict[str, Any]:
    return {
        "metric": seen.metric.value,
        "value": seen.value,
        "unit": unit_of(seen.metric).value,
        "quality": seen.quality.value,
        "source": seen.source.value if seen.source else None,
        "device_time": seen.device_time.isoformat() if seen.device_time else None,
        "measurement_id": seen.measurement_id,
        "offset": offset,
    }
