"""Which device is at the other end of the line, by what it says of itself?"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a monitor says it is: "" for what it does not say. ``serial`` may be any number that the
    maker gives to one device only; ``version`` is that of its software."""

    model: str = ""
    serial: str = ""
    version: str = ""

    def is_other_than(self, known: Identity) -> bool:
        """Whether this is another device: what both say of model or serial number differs.

        Software that was renewed makes no other device.
        """
        pairs = ((self.model, known.model), (self.serial, known.serial))
        return any(one and other and one != other for one, other in pairs)

    @property
    def words(self) -> str:
        """As a nurse would compare it with the label on the device."""
        said = (self.model, self.serial and f"no. {self.serial}")
        return ", ".join(filter(None, said)) or "says nothing of itself"
