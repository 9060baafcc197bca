"""What binds a signature to its words, and which signatures are refused?"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from clinical.catalog.loader import load_statements
from clinical.commands import OutcomeKind
from clinical.phases import IN_CHAIR, SessionPhase
from clinical.sign_off import SignMethod, bound_hash
from tests.clinical.fakes import (
    CLINICIAN,
    NURSE,
    Bedside,
    complete,
    own,
    ready_to_leave,
    sitter,
    started,
)

SESSION = str(UUID(int=1))
HANDOVER = load_statements()["sitter-handover"]
PAD = "M10.0 20.0L10.0 20.0L14.5 31.2M40.0 12.5L51.0 12.5"  # as the drawing pad sends it


def refused(chair: Bedside, statement: str, words: str, **how: object) -> None:
    before = dict(chair.session.signatures)
    outcome = chair.sign(statement, **how)  # type: ignore[arg-type]
    assert outcome.kind is OutcomeKind.REFUSED
    assert words in outcome.reason
    assert chair.session.signatures == before


# --- the hash -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "signature",
    [
        sitter(name="Maria Alvares"),
        sitter(name="maria Alvarez"),
        sitter(name="Maria Alvarez "),
        sitter(method=SignMethod.DRAWN),
        sitter(mark="Maria"),
        sitter(relation="mother"),
        sitter(phone="555 0101"),
        sitter(transport="on foot"),
        sitter(id_checked=False),
        sitter(is_adult=False),
        sitter(relation="sister555 0100", phone=""),
    ],
)
def test_any_other_signature_gives_another_hash(signature):
    assert bound_hash(SESSION, HANDOVER, signature) != bound_hash(SESSION, HANDOVER, sitter())


@pytest.mark.parametrize(
    "statement",
    [
        replace(HANDOVER, title=HANDOVER.title + "."),
        replace(HANDOVER, duties=HANDOVER.duties[:-1]),
        replace(HANDOVER, duties=tuple(reversed(HANDOVER.duties))),
        replace(HANDOVER, version=2),
        replace(HANDOVER, id="sitter-arrival"),
    ],
)
def test_any_other_text_gives_another_hash(statement):
    assert bound_hash(SESSION, statement, sitter()) != bound_hash(SESSION, HANDOVER, sitter())


def test_another_session_gives_another_hash():
    other = bound_hash(str(UUID(int=2)), HANDOVER, sitter())
    assert other != bound_hash(SESSION, HANDOVER, sitter())


def test_the_hash_is_that_of_the_released_statement():
    """The stored hashes of all past sessions hang on this: it never changes."""
    assert bound_hash(SESSION, HANDOVER, sitter()) == (
        "c3b520d4e9ea85dbe4143969327b63cedc16ba6ad897b5a4b1c94d7d89a3b4af"
    )


def test_what_is_recorded_verifies_and_names_text_signer_and_witness():
    chair = complete()
    assert chair.sign("sitter-handover", by=CLINICIAN).kind is OutcomeKind.DONE
    signed = chair.session.signatures["sitter-handover"]
    assert signed.text == HANDOVER.text
    assert (signed.signature.name, signed.signer) == ("Maria Alvarez", "sitter")
    assert (signed.witness, signed.witness_name) == (CLINICIAN.user, CLINICIAN.name)
    session = str(chair.session.opened.session)
    assert signed.sha256 == bound_hash(session, HANDOVER, signed.signature)


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shown",
    ["", HANDOVER.text + " ", HANDOVER.text.replace("do not drive", "drive"), HANDOVER.title],
    ids=["none", "a blank more", "another duty", "the title alone"],
)
def test_a_text_that_was_not_shown_word_for_word_is_not_signed(shown):
    refused(complete(), "sitter-handover", "the text that was shown", shown=shown)


@pytest.mark.parametrize("phase", IN_CHAIR)
@pytest.mark.parametrize("statement", list(load_statements()))
def test_a_statement_is_signed_in_its_own_phases(statement, phase):
    chair = started(phase)
    if phase in load_statements()[statement].phases:
        if statement != "nurse-discharge":
            assert chair.sign(statement).kind is OutcomeKind.DONE
    else:
        refused(chair, statement, "this is signed in")


def test_a_statement_is_signed_once():
    chair = complete()
    assert chair.sign("sitter-handover").kind is OutcomeKind.DONE
    refused(chair, "sitter-handover", "Maria Alvarez has signed this already")


def test_an_unknown_statement_names_those_there_are():
    refused(complete(), "../../passwd", "sitter-arrival, sitter-handover, nurse-discharge")


@pytest.mark.parametrize(
    ("method", "mark"),
    [
        (SignMethod.TYPED, ""),
        (SignMethod.TYPED, "   "),
        (SignMethod.TYPED, "Maria"),
        (SignMethod.DRAWN, ""),
        (SignMethod.DRAWN, " " * 40),
        (SignMethod.DRAWN, "M" * 40),
        (SignMethod.DRAWN, "1234567890"),
        (SignMethod.DRAWN, "M10.0 20.0M10.0 20.0"),
        (SignMethod.DRAWN, "Maria Alvarez"),
        (SignMethod.DRAWN, '<svg onload="alert(1)">'),
        (SignMethod.DRAWN, PAD + '"><script>'),
        (SignMethod.DRAWN, "M0.0 0.0" + "L1.0 1.0" * 9000),
    ],
    ids=lambda value: repr(str(value)[:24]),
)
def test_a_mark_that_is_empty_or_no_drawing_is_refused(method, mark):
    chair = complete()
    before = chair.session.signatures
    outcome = chair.sign("sitter-handover", sitter(method=method, mark=mark))
    assert outcome.kind is OutcomeKind.REFUSED
    assert chair.session.signatures == before


@pytest.mark.parametrize("mark", [PAD, "M10.0 20.0L10.0 20.0"], ids=["strokes", "a dot"])
def test_what_the_pad_draws_is_a_signature(mark):
    chair = complete()
    outcome = chair.sign("sitter-handover", sitter(method=SignMethod.DRAWN, mark=mark))
    assert outcome.kind is OutcomeKind.DONE
    assert chair.session.signatures["sitter-handover"].signature.mark == mark


def test_typing_a_name_does_not_hang_on_capitals():
    assert complete().sign("sitter-handover", sitter(mark="maria alvarez ")).kind.value == "done"


@pytest.mark.parametrize(
    ("signature", "words"),
    [
        (sitter(name=" ", mark=" "), "full name"),
        (sitter(name="M", mark="M"), "full name"),
        (sitter(name="M" * 121, mark="M" * 121), "full name"),
        (sitter(relation=" "), "relation to the patient"),
        (sitter(phone=""), "phone number"),
        (sitter(id_checked=False), "identity"),
        (sitter(is_adult=False), "adult"),
        (sitter(transport=" "), "how the patient gets home"),
        (sitter(relation="r" * 121), "at most 120 characters"),
        (sitter(phone="5" * 121), "at most 120 characters"),
        (sitter(transport="t" * 121), "at most 120 characters"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_sitter_gives_all_that_the_handover_needs(signature, words):
    refused(complete(), "sitter-handover", words, signature=signature)


def test_a_sitter_who_arrives_need_not_know_the_way_home_yet():
    assert started().sign("sitter-arrival", sitter(transport="")).kind is OutcomeKind.DONE


def test_markup_in_a_name_is_kept_as_the_text_it_is():
    """Every page escapes; the record says what was typed."""
    name = "<img src=x onerror=alert(1)> & 'Bob'; DROP TABLE sign_off;--"
    chair = complete()
    signature = sitter(name=name, mark=name, relation="<b>sister</b>")
    assert chair.sign("sitter-handover", signature).kind is OutcomeKind.DONE
    signed = chair.session.signatures["sitter-handover"]
    assert signed.signature == signature
    assert signed.sha256 == bound_hash(str(chair.session.opened.session), HANDOVER, signature)


# --- the nurse's own ------------------------------------------------------------------------------


def test_staff_sign_for_themselves_alone():
    chair = complete()
    chair.sign("sitter-arrival")
    chair.sign("sitter-handover")
    refused(
        chair, "nurse-discharge", "expected the signature of Anna Berg", signature=own(CLINICIAN)
    )
    assert chair.sign("nurse-discharge", own(NURSE)).kind is OutcomeKind.DONE


def test_the_nurse_signs_last():
    chair = complete()
    chair.sign("sitter-arrival")
    outcome = chair.sign("nurse-discharge")
    assert outcome.kind is OutcomeKind.REFUSED
    assert outcome.missing == ("not signed: I take this person home and look after them",)


@pytest.mark.parametrize("field", ["relation", "phone", "transport"])
def test_no_field_of_a_signature_takes_a_book(field):
    chair = complete()
    chair.sign("sitter-arrival")
    chair.sign("sitter-handover")
    signature = replace(own(NURSE), **{field: "x" * 1_000_000})
    refused(chair, "nurse-discharge", "at most 120 characters", signature=signature)


def test_a_session_that_is_complete_can_be_left():
    chair = ready_to_leave()
    assert chair.phase(SessionPhase.DISCHARGED).kind is OutcomeKind.DONE
