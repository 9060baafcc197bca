"""Which screens on a wall may show the chairs without anyone being signed in at them?

Tokens come here as hashes only.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from storage import audit
from storage.models import PairedScreenRow


class ScreenExists(ValueError):
    """A paired screen has this name: the record says by it which one showed an alarm."""


class UnknownScreen(LookupError):
    """No paired screen has this id, or it was revoked."""


def pair_screen(
    db: Session, *, name: str, token_hash: str, by: str, now: datetime
) -> PairedScreenRow:
    """Let a screen in, on the word of ``by``. ``token_hash`` is the SHA-256 (hex) of its token.

    Raises ScreenExists; the name of one that was revoked is free again.
    """
    known = select(col(PairedScreenRow.id)).where(
        col(PairedScreenRow.name) == name, col(PairedScreenRow.revoked_at).is_(None)
    )
    if db.scalar(known) is not None:
        raise ScreenExists(f"there is a screen {name!r} already")
    row = PairedScreenRow(
        name=name, token_hash=token_hash, paired_by=by, paired_at=now, last_seen_at=now
    )
    db.add(row)
    db.flush()
    detail = {"screen": str(row.public_id), "name": name}
    audit.append(db, at=now, by=by, action="pair_screen", detail=detail)
    return row


def screen_of(db: Session, *, token_hash: str) -> PairedScreenRow | None:
    """The screen that holds this token; None where there is none or it was revoked. Reads only."""
    return db.scalar(
        select(PairedScreenRow).where(
            col(PairedScreenRow.token_hash) == token_hash,
            col(PairedScreenRow.revoked_at).is_(None),
        )
    )


def list_screens(db: Session) -> list[PairedScreenRow]:
    """All screens, in the order they were paired; revoked ones too."""
    return list(db.scalars(select(PairedScreenRow).order_by(col(PairedScreenRow.id))))


def revoke_screen(db: Session, *, public_id: UUID, by: str, now: datetime) -> PairedScreenRow:
    """Shut a screen out, from now on. Raises UnknownScreen."""
    row = db.scalar(
        select(PairedScreenRow).where(
            col(PairedScreenRow.public_id) == public_id,
            col(PairedScreenRow.revoked_at).is_(None),
        )
    )
    if row is None:
        raise UnknownScreen(f"no paired screen {public_id}")
    row.revoked_by, row.revoked_at = by, now
    detail = {"screen": str(public_id), "name": row.name}
    audit.append(db, at=now, by=by, action="revoke_screen", detail=detail)
    return row


def note_seen(db: Session, *, token_hash: str, now: datetime) -> None:
    """A screen was there. Once a minute is enough: each is a commit."""
    db.execute(
        update(PairedScreenRow)
        .where(
            col(PairedScreenRow.token_hash) == token_hash,
            col(PairedScreenRow.revoked_at).is_(None),
        )
        .values(last_seen_at=now)
    )
