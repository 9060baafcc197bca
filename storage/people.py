"""Who may use Vigil, and who is signed in? Passwords and tokens come here as hashes only."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlmodel import col

from clinical.sign_off import Actor, Role
from storage import audit
from storage.models import SignInRow, UserRow

IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)  # a shift


class UserExists(ValueError):
    """A sign-in name is given once and never again: ``by`` in the record stays one person."""


class UnknownUser(LookupError):
    """Nobody has this sign-in name, or their account was deactivated."""


def add_user(
    db: Session, *, user: str, name: str, role: Role, password_hash: str, by: str, now: datetime
) -> UserRow:
    """Add an account, on the word of ``by``. Raises UserExists."""
    row = UserRow(
        user=user, name=name, role=role.value, password_hash=password_hash, created_at=now
    )
    try:
        with db.begin_nested():
            db.add(row)
    except IntegrityError as error:
        raise UserExists(f"there is a user {user!r} already") from error
    audit.append(
        db, at=now, by=by, action="add_user", detail={"user": user, "name": name, "role": role}
    )
    return row


def find_user(db: Session, *, user: str) -> UserRow | None:
    """The account with this sign-in name; None where there is none or it is deactivated."""
    return db.scalar(
        select(UserRow).where(col(UserRow.user) == user, col(UserRow.deactivated_at).is_(None))
    )


def list_users(db: Session) -> list[UserRow]:
    """All accounts, by name; deactivated ones too."""
    return list(db.scalars(select(UserRow).order_by(col(UserRow.name), col(UserRow.user))))


def deactivate(db: Session, *, user: str, by: str, now: datetime) -> None:
    """Close an account and sign it out everywhere; what it did stays. Raises UnknownUser."""
    row = _active(db, user)
    row.deactivated_at = now
    _sign_out_everywhere(db, row, now)
    audit.append(db, at=now, by=by, action="deactivate_user", detail={"user": user})


def set_password(db: Session, *, user: str, password_hash: str, by: str, now: datetime) -> None:
    """Replace a password and sign the account out everywhere. Raises UnknownUser."""
    row = _active(db, user)
    row.password_hash = password_hash
    _sign_out_everywhere(db, row, now)
    audit.append(db, at=now, by=by, action="set_password", detail={"user": user})


def start_sign_in(
    db: Session, *, user: str, token_hash: str, now: datetime, lasts: timedelta = ABSOLUTE
) -> SignInRow:
    """Sign a user in for at most ``lasts``. ``token_hash`` is the SHA-256 (hex) of the token.

    Raises UnknownUser.
    """
    row = SignInRow(
        token_hash=token_hash,
        user_id=_active(db, user).id,
        created_at=now,
        last_seen_at=now,
        expires_at=now + lasts,
    )
    db.add(row)
    audit.append(db, at=now, by=user, action="sign_in")
    return row


def signed_in(
    db: Session, *, token_hash: str, now: datetime, idle: timedelta = IDLE
) -> Actor | None:
    """Who holds this token; None where it was ended, is too old, or idle for ``idle``.

    Reads only. Whoever calls it says ``note_seen`` now and then, or an active user is idle too.
    """
    found = db.scalar(
        select(UserRow)
        .join(SignInRow, col(SignInRow.user_id) == col(UserRow.id))
        .where(
            col(SignInRow.token_hash) == token_hash,
            col(SignInRow.revoked_at).is_(None),
            col(SignInRow.expires_at) > now,
            col(SignInRow.last_seen_at) > now - idle,
            col(UserRow.deactivated_at).is_(None),
        )
    )
    return Actor(found.user, found.name, Role(found.role)) if found else None


def note_seen(db: Session, *, token_hash: str, now: datetime) -> None:
    """Restart the idle time of a sign-in. Once a minute is enough: each is a commit."""
    db.execute(
        update(SignInRow).where(col(SignInRow.token_hash) == token_hash).values(last_seen_at=now)
    )


def end_sign_in(db: Session, *, token_hash: str, now: datetime) -> None:
    """Sign out; a token that is not signed in stays so."""
    row = db.scalar(
        select(SignInRow).where(
            col(SignInRow.token_hash) == token_hash, col(SignInRow.revoked_at).is_(None)
        )
    )
    if row is None:
        return
    row.revoked_at = now
    user = db.get_one(UserRow, row.user_id)
    audit.append(db, at=now, by=user.user, action="sign_out")


def _sign_out_everywhere(db: Session, row: UserRow, now: datetime) -> None:
    db.execute(
        update(SignInRow)
        .where(col(SignInRow.user_id) == row.id, col(SignInRow.revoked_at).is_(None))
        .values(revoked_at=now)
    )


def _active(db: Session, user: str) -> UserRow:
    row = find_user(db, user=user)
    if row is None:
        raise UnknownUser(f"no active user {user!r}")
    return row
