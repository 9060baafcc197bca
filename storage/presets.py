"""Which editions of the alarm presets did this clinic make, and which did its director sign?"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlmodel import col

from storage import audit
from storage.models import PresetApprovalRow, PresetEditionRow

FIRST_VERSION = 101  # those below are shipped


class EditionExists(ValueError):
    """Somebody made this edition a moment before; an edition never changes."""


class UnknownEdition(LookupError):
    """The clinic has made no such edition."""


def add_edition(
    db: Session,
    *,
    name: str,
    version: int,
    parent_name: str,
    parent_version: int,
    body: str,
    reason: str,
    by: str,
    now: datetime,
) -> PresetEditionRow:
    """Append an edition; ``body`` is the whole preset as TOML text, with its name and version.

    Raises EditionExists, and ValueError for a ``version`` that is for shipped presets.
    """
    if version < FIRST_VERSION:
        raise ValueError(f"expected a version from {FIRST_VERSION} on, got {version}")
    row = PresetEditionRow(
        name=name,
        version=version,
        parent_name=parent_name,
        parent_version=parent_version,
        body=body,
        reason=reason,
        by=by,
        at=now,
    )
    try:
        with db.begin_nested():
            db.add(row)
    except IntegrityError as error:
        raise EditionExists(f"there is a version {version} of {name} already") from error
    detail = {
        "name": name,
        "version": version,
        "parent": [parent_name, parent_version],
        "reason": reason,
    }
    audit.append(db, at=now, by=by, action="add_preset", detail=detail)
    return row


def next_version(db: Session, *, name: str) -> int:
    """The version that the next edition of ``name`` gets."""
    newest = db.scalar(
        select(func.max(col(PresetEditionRow.version))).where(col(PresetEditionRow.name) == name)
    )
    return FIRST_VERSION if newest is None else newest + 1


def editions(db: Session) -> list[PresetEditionRow]:
    """All editions of the clinic, in the order they were made."""
    return list(db.scalars(select(PresetEditionRow).order_by(col(PresetEditionRow.id))))


def approve(db: Session, *, name: str, version: int, by: str, now: datetime) -> PresetApprovalRow:
    """Append that the director ``by`` signs this edition; a second time leaves the first as it is.

    Raises UnknownEdition for one of the clinic that is not there; whether a shipped one is, the
    caller knows.
    """
    edition = select(col(PresetEditionRow.id)).where(
        col(PresetEditionRow.name) == name, col(PresetEditionRow.version) == version
    )
    if version >= FIRST_VERSION and db.scalar(edition) is None:
        raise UnknownEdition(f"there is no version {version} of {name}")
    signed = db.scalar(
        select(PresetApprovalRow).where(
            col(PresetApprovalRow.name) == name,
            col(PresetApprovalRow.version) == version,
            col(PresetApprovalRow.by) == by,
        )
    )
    if signed is not None:
        return signed
    row = PresetApprovalRow(name=name, version=version, by=by, at=now)
    db.add(row)
    detail = {"name": name, "version": version}
    audit.append(db, at=now, by=by, action="approve_preset", detail=detail)
    return row


def approvals(db: Session) -> list[PresetApprovalRow]:
    """Who signed which edition, in the order they did."""
    return list(db.scalars(select(PresetApprovalRow).order_by(col(PresetApprovalRow.id))))
