"""Is a signature shown as it was given, and never as anything that could run?"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote
from uuid import UUID

import pytest

import dashboard
from clinical.catalog.loader import load_statements
from clinical.record import StatementSigned
from clinical.sign_off import Signature, SignerKind, SignMethod, is_drawing
from dashboard.views import signature
from tests.dashboard.test_views_board import parts, words

AT = datetime(2026, 3, 14, 14, 5, 9, tzinfo=UTC)
STATEMENT = load_statements()["sitter-arrival"]
DRAWN = "M12.5 40.0L13.0 41.5M100.0 2.0L600.0 180.0"
SCRIPT = Path(dashboard.__file__).parent / "assets" / "signature.js"


def signed(**more: object) -> StatementSigned:
    given = {
        "name": "Maria Lind",
        "method": SignMethod.DRAWN,
        "mark": DRAWN,
        "relation": "sister",
        "phone": "555 0100",
        "id_checked": True,
        "is_adult": True,
    } | more
    return StatementSigned(
        signature_id=UUID(int=1),
        session=UUID(int=2),
        at=AT,
        statement=STATEMENT.id,
        version=1,
        text=STATEMENT.text,
        signer=SignerKind.SITTER,
        signature=Signature(**given),
        sha256="ab" * 32,
        witness="nurse",
        witness_name="Anna Berg",
    )


def test_strokes_become_a_picture():
    address = signature.picture(DRAWN)
    assert address is not None
    assert f'd="{DRAWN}"' in unquote(address)


@pytest.mark.parametrize(
    "path",
    [
        "",
        'M1 1"/><script>alert(1)</script>',
        "M1 1L2 2' onload='x",
        "M1 1A2 2 0 0 1 3 3",
        "url(#x)",
        "M1e9 1",
        "M-1 -1",
        "M1 1L2",
        "M1 1\nL2 2",
        "M1 1" * 20_000,
    ],
)
def test_what_is_not_strokes_is_not_shown(path):
    assert signature.picture(path) is None
    shown = signature.mark(Signature(name="x", method=SignMethod.DRAWN, mark=path))
    assert words(shown) == "This drawing cannot be shown."


def test_what_the_pad_draws_is_what_the_engine_takes_and_the_page_shows():
    assert is_drawing(DRAWN)
    script = SCRIPT.read_text(encoding="utf-8")
    sheet = re.search(r"WIDTH = (\d+), HEIGHT = (\d+)", script)
    assert sheet
    assert (int(sheet[1]), int(sheet[2])) == (signature.SHEET_WIDTH, signature.SHEET_HEIGHT)


def test_a_typed_signature_is_text_and_nothing_else():
    shown = signature.mark(
        Signature(name="x", method=SignMethod.TYPED, mark="<img src=x onerror=alert(1)>")
    )
    assert shown.children == "<img src=x onerror=alert(1)>"


def test_a_signature_shows_name_time_witness_and_hash():
    shown = words(signature.signed(signed(), UTC))
    for said in ("Maria Lind, sister", "2026-03-14 14:05", "Anna Berg", "abababababab …"):
        assert said in shown
    assert "identity and adult" in shown


def test_the_duties_are_shown_word_for_word():
    shown = [part.children for part in parts(signature.duties(STATEMENT.text)[1])]
    assert shown[1:] == list(STATEMENT.duties)
