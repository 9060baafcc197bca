"""Who may sign which statement, when, and what exactly was signed?"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from enum import StrEnum

from clinical.phases import SessionPhase


class Role(StrEnum):
    """What a signed-in person may do. The sitter signs, but is not a user."""

    NURSE = "nurse"
    CLINICIAN = "clinician"
    DIRECTOR = "director"


@dataclass(frozen=True, slots=True)
class Actor:
    """A signed-in person, as the server knows them."""

    user: str
    name: str
    role: Role


class SignerKind(StrEnum):
    SITTER = "sitter"
    NURSE = "nurse"


class SignMethod(StrEnum):
    DRAWN = "drawn"  # ``mark`` is the SVG path data of the strokes
    TYPED = "typed"  # ``mark`` is the typed name


@dataclass(frozen=True, slots=True)
class Statement:
    """A text that is signed as it stands; a released version never changes."""

    id: str
    version: int
    title: str
    duties: tuple[str, ...]
    signer: SignerKind
    phases: tuple[SessionPhase, ...]  # in which it can be signed

    @property
    def text(self) -> str:
        """The exact words shown to the signer and covered by the hash, one duty a line."""
        return "\n".join((self.title, *self.duties))


NUMBER = r"\d{1,4}(?:\.\d{1,2})?"
STROKES = re.compile(rf"(?:[ML]{NUMBER}[ ,]{NUMBER} ?)+")
LONGEST = 65_536  # characters; a long name, slowly drawn, takes a tenth


def is_drawing(path: str) -> bool:
    """Whether ``path`` is SVG path data of moves and lines, with a line in it, and nothing else."""
    return len(path) <= LONGEST and "L" in path and STROKES.fullmatch(path) is not None


@dataclass(frozen=True, slots=True)
class Signature:
    """What a signer gave: who they are, how they signed, and the mark itself.

    ``relation`` and ``phone`` are the sitter's; empty for staff. ``transport`` is how the patient
    gets home, known at the hand-over.
    """

    name: str
    method: SignMethod
    mark: str
    relation: str = ""
    phone: str = ""
    transport: str = ""
    id_checked: bool = False
    is_adult: bool = False


def bound_hash(session: str, statement: Statement, signature: Signature) -> str:
    """SHA-256 (hex) that binds a signature to the exact text and to the session.

    Source: the record/signature link that 21 CFR 11.70 asks for.
    """
    bound = {
        "session": session,
        "statement": statement.id,
        "version": statement.version,
        "text": statement.text,
        "name": signature.name,
        "method": signature.method.value,
        "mark": signature.mark,
        "relation": signature.relation,
        "phone": signature.phone,
        "transport": signature.transport,
        "id_checked": signature.id_checked,
        "is_adult": signature.is_adult,
    }
    canonical = json.dumps(bound, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
