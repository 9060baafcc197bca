"""Which presets can a session start with: those that ship, and the clinic's own editions?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from clinical.catalog.loader import Preset, UnknownEntry, load_presets

Edition = tuple[str, int]  # name and version


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
    """The presets that come with Vigil; nobody has signed them."""
    return Presets({(preset.name, preset.version): preset for preset in load_presets()})
