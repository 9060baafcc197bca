"""How is a signed statement written and read back, and does its signature still bind the text?"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from clinical.record import StatementSigned
from clinical.sign_off import Signature, SignerKind, SignMethod, Statement, bound_hash
from storage.ledger import append, columns_of, fields_of
from storage.models import SignOffRow

SIGNATURE_FIELDS = tuple(Signature.__dataclass_fields__)


def record_sign_off(db: Session, signed: StatementSigned, *, written_at: datetime) -> SignOffRow:
    """Append a signature. Raises IntegrityError where this ``signature_id`` is written already."""
    signature = columns_of(signed.signature)
    return append(
        db, SignOffRow, signed, written_at=written_at, session=signed.session, **signature
    )


def sign_off_of(row: SignOffRow, session: UUID) -> StatementSigned:
    fields = fields_of(row)
    signature = {name: fields.pop(name) for name in SIGNATURE_FIELDS}
    return StatementSigned(
        **fields
        | {
            "session": session,
            "signer": SignerKind(row.signer),
            "signature": Signature(**signature | {"method": SignMethod(row.method)}),
        }
    )


def still_binds(signed: StatementSigned) -> bool:
    """Whether text, session and signature are, to the letter, what was signed."""
    title, *duties = signed.text.split("\n")
    statement = Statement(
        id=signed.statement,
        version=signed.version,
        title=title,
        duties=tuple(duties),
        signer=signed.signer,
        phases=(),  # when it could be signed is not part of what was signed
    )
    return bound_hash(str(signed.session), statement, signed.signature) == signed.sha256
