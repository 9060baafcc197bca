"""Which presets can a session start with, and how far may a limit of one be moved?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from clinical.catalog.loader import UnknownEntry, readable_presets
from clinical.catalog.preset import NOT_MOVED, LimitKey, Preset, outward
from clinical.vitals import NATURE

Edition = tuple[str, int]  # name and version
ADULT = "ketamine-adult"  # whom nothing else is known of


@dataclass(frozen=True, slots=True)
class Presets:
    """Every edition of every preset, and which of them a medical director has signed.

    Nothing is ever taken out: an old session is read by the edition that it ran under.
    """

    editions: Mapping[Edition, Preset]
    approved: frozenset[Edition] = field(default_factory=frozenset)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for name, _version in sorted(self.editions)))

    def newest(self, name: str) -> Preset:
        """The edition that a new session gets. Raises UnknownEntry."""
        versions = [version for known, version in self.editions if known == name]
        if not versions:
            raise UnknownEntry(f"expected a preset, one of {', '.join(self.names)}, got {name}")
        return self.editions[name, max(versions)]

    def edition(self, name: str, version: int) -> Preset:
        """Raises UnknownEntry."""
        if (name, version) not in self.editions:
            raise UnknownEntry(f"there is no version {version} of the preset {name}")
        return self.editions[name, version]

    def at_hand(self, name: str, version: int) -> Preset:
        """The edition that a session ran under; where it is lost the newest of its name, and where
        that is lost the adult one: no patient may be left without limits.

        Raises UnknownEntry where there is no preset at all.
        """
        for edition in ((name, version), *sorted(self.editions, reverse=True)):
            if edition[0] == name and edition in self.editions:
                return self.editions[edition]
        return self.newest(ADULT)

    def is_approved(self, preset: Preset) -> bool:
        return (preset.name, preset.version) in self.approved

    def also(self, presets: Iterable[Preset], approved: Iterable[Edition] = ()) -> Presets:
        """These, and ``presets`` and ``approved`` besides."""
        more = {(preset.name, preset.version): preset for preset in presets}
        return replace(
            self, editions={**self.editions, **more}, approved=self.approved | {*approved}
        )


@cache
def shipped() -> Presets:
    """The presets that come with Vigil; nobody has signed them.

    A file that cannot be read is left out: ``readable_presets`` says which and why.
    """
    presets, _refused = readable_presets()
    return Presets({(preset.name, preset.version): preset for preset in presets})


def allowed(
    preset: Preset, key: LimitKey, moved: Mapping[LimitKey, float] = NOT_MOVED
) -> tuple[float, float] | None:
    """From where to where one limit may be moved while the others stand as ``moved``: inside its
    bounds, and not across a limit of another priority. None where it stays as it is."""
    metric, direction, priority = key
    own = preset.movable(*key)
    if own is None:
        return None
    low, high = preset.bounds[metric, direction]
    for other in preset.in_force(None, moved):
        if (other.metric, other.direction) != (metric, direction) or not other.is_plain:
            continue
        is_worse = other.priority.rank > priority.rank
        if other.priority is not priority:
            if is_worse is (outward(direction) > 0):
                high = min(high, other.value)
            else:
                low = max(low, other.value)
    return low, high


def why_not(preset: Preset, moved: Mapping[LimitKey, float]) -> str | None:
    """Why a session must not have ``moved`` limits, all of them together; None where it may.

    Names the limit, where it may be and where it was put: the bounds first, then the neighbours. A
    limit is a whole number, as the screen prints it.
    """
    for key, value in moved.items():
        own = preset.movable(*key)
        if own is None:
            return f"the {_words(key)} limit of {preset.name} cannot be moved"
        low, high = preset.bounds[key[0], key[1]]
        if not low <= value <= high or value != round(value):
            wanted = f"a whole number, {low:g} to {high:g}"
            return f"{_words(key)} limit: expected {wanted}, got {value:g}"
    for key, value in moved.items():
        span = allowed(preset, key, moved)
        if span is not None and not span[0] <= value <= span[1]:
            wanted = f"at least {span[0]:g}" if value < span[0] else f"at most {span[1]:g}"
            return (
                f"{_words(key)} limit: a worse limit lies further out: "
                f"expected {wanted}, got {value:g}"
            )
    return None


def _words(key: LimitKey) -> str:
    """HR medium priority high side."""
    metric, direction, priority = key
    return f"{NATURE[metric].label} {priority} priority {direction} side"
