"""Which questions must be answered before a step, and which are still open?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from clinical.sign_off import Role


class Answer(StrEnum):
    YES = "yes"
    NO = "no"  # answered, and in the way
    NOT_APPLICABLE = "not_applicable"  # only where the item allows it


class Verdict(StrEnum):
    """What the data say of an item that they can fill."""

    MET = "met"
    NOT_MET = "not_met"
    UNKNOWN = "unknown"  # the data are not there: a nurse answers by hand


@dataclass(frozen=True, slots=True)
class Finding:
    """What the data say of one item, with the numbers behind it, for the person who reads it."""

    verdict: Verdict
    evidence: str


@dataclass(frozen=True, slots=True)
class ChecklistItem:
    """One question. ``computed_by`` names the rule in clinical.recovery that can answer it."""

    id: str
    text: str
    hint: str = ""
    computed_by: str | None = None
    allows_not_applicable: bool = False
    answered_by: tuple[Role, ...] = (Role.NURSE, Role.CLINICIAN, Role.DIRECTOR)


@dataclass(frozen=True, slots=True)
class Checklist:
    """A released version never changes; the next one gets a new number."""

    name: str
    version: int
    title: str
    items: tuple[ChecklistItem, ...]
    minutes_since_stop: int  # how long the patient stays after the infusion, at least

    def item(self, item_id: str) -> ChecklistItem:
        for item in self.items:
            if item.id == item_id:
                return item
        known = ", ".join(item.id for item in self.items)
        raise KeyError(f"checklist {self.name} has items {known}; got {item_id}")
