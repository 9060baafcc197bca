"""Do the forms of the chair page offer what may be done, and to whom, and lose nothing?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from dash import html

from clinical.alarms import AlarmKind, AlarmPriority
from clinical.bedside import BedsideMonitor
from clinical.catalog.loader import load_checklist, load_statements
from clinical.checklist import Answer, Finding, Verdict
from clinical.commands import Outcome, OutcomeKind
from clinical.links import CuffOrder
from clinical.phases import SessionPhase
from clinical.record import BaselineLocked, ItemAnswered
from clinical.sign_off import Actor, Role, Signature, SignMethod
from clinical.snapshot import AlarmView
from clinical.vitals import CUFF, Metric
from dashboard.views import checklist, controls, not_found, open_alarms, panel, sign_off
from dashboard.views.panel import Form
from tests.dashboard.test_views_board import SESSION, attributes, parts, words
from tests.dashboard.test_views_board import chair as chair_of

AT = datetime(2026, 3, 14, 14, 5, 9, tzinfo=UTC)
FORM = Form("00000000-0000-0000-0000-000000000001", 12.0)
NURSE = Actor("berg", "Anna Berg", Role.NURSE)
ITEMS = {item.id: item for item in load_checklist("recovery").items}
STATEMENTS = load_statements()
TEXT = [html.Span()]
BASELINE = BaselineLocked(UUID(int=1), AT, "berg", 118, 76, 90, 72, 98, ("n1", "n2"))


def buttons(content: object) -> list[str]:
    wrapped = content if isinstance(content, list) else [content]
    return [
        part.children for each in wrapped for part in parts(each) if "n_clicks" in part._prop_names
        and type(part).__name__ == "Button"
    ]  # fmt: skip


def spoken(content: list) -> str:
    return " ".join(words(each) for each in content)


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        (SessionPhase.PREPARATION, ["Begin baseline"]),
        (SessionPhase.BASELINE, ["Lock baseline", "Start infusion"]),
        (SessionPhase.INFUSING, ["Stop infusion"]),
        (SessionPhase.RECOVERY, ["Discharge"]),
        (SessionPhase.DISCHARGED, []),
    ],
)
def test_each_phase_offers_its_own_steps(phase, expected):
    assert buttons(controls.controls(replace(SESSION, phase=phase), UTC, FORM)) == expected


def test_a_locked_baseline_is_shown_and_not_locked_again():
    session = replace(SESSION, phase=SessionPhase.BASELINE, baseline=BASELINE)
    shown = controls.controls(session, UTC, FORM)
    assert buttons(shown) == ["Start infusion"]
    assert "118/76 (90) mmHg, HR 72, SpO2 98 %" in spoken(shown)


def test_discharge_looks_like_waiting_but_can_be_pressed():
    session = replace(SESSION, phase=SessionPhase.RECOVERY, missing=("a", "b"))
    button = controls.controls(session, UTC, FORM)[-1]
    assert "button-waiting" in button.className
    assert not getattr(button, "disabled", False)


CUFF_MONITOR = BedsideMonitor("dinamap", "DINAMAP", frozenset(CUFF), "simulated", works_cuff=True)
OXIMETER = BedsideMonitor("nellcor", "Nellcor", frozenset({Metric.SPO2}), "simulated")
CANCEL, ALLOW = "Cancel cuff", "Allow starting it from here"
START, FORBID = "Start cuff", "Forbid starting it from here"


@pytest.mark.parametrize(
    ("role", "is_allowed", "expected"),
    [
        (Role.NURSE, False, [CANCEL]),
        (Role.NURSE, True, [START, CANCEL]),
        (Role.CLINICIAN, False, [CANCEL, ALLOW]),
        (Role.DIRECTOR, True, [START, CANCEL, FORBID]),
        (None, False, [CANCEL]),
    ],
)
def test_who_may_start_the_cuff_is_decided_by_a_clinician(role, is_allowed, expected):
    session = replace(SESSION, may_start_cuff=is_allowed)
    view = chair_of(1, session, monitors=(OXIMETER, CUFF_MONITOR))
    assert buttons(controls.cuff(view, role, FORM)) == expected


def test_no_cuff_is_offered_where_no_monitor_works_one_or_nobody_sits():
    no_cuff = chair_of(1, replace(SESSION, may_start_cuff=True), monitors=(OXIMETER,))
    empty = chair_of(1, monitors=(CUFF_MONITOR,))
    assert controls.cuff(no_cuff, Role.CLINICIAN, FORM) == []
    assert controls.cuff(empty, Role.CLINICIAN, FORM) == []


def test_an_order_to_a_cuff_is_answered_with_what_was_asked_and_when():
    said = spoken(controls.cuff_asked(CuffOrder.CANCEL, AT, UTC))
    assert said == "Asked the monitor to cancel the cuff at 14:05:09."


def test_a_refusal_names_all_that_is_missing():
    refused = Outcome(OutcomeKind.REFUSED, AT, "berg", "not yet", ("one thing", "another"))
    assert words(panel.said(refused)[0]) == "Not yet. one thing another"
    assert panel.said(Outcome(OutcomeKind.DONE, AT, "berg")) == []


def test_what_the_data_say_is_suggested_and_not_ticked():
    found = Finding(Verdict.MET, "none open")
    shown = checklist.state(ITEMS["alarms"], None, found, Role.NURSE, UTC, FORM)
    yes = next(part for each in shown for part in parts(each) if type(part).__name__ == "Button")
    assert "is-suggested" in yes.className
    assert attributes(yes)["aria-pressed"] == "false"
    assert "none open" in spoken(shown)


def test_an_answer_shows_who_and_when_and_the_note():
    given = ItemAnswered(
        UUID(int=1), UUID(int=2), AT, "berg", "recovery", "gait", Answer.NO, "sways", ""
    )
    shown = checklist.state(ITEMS["gait"], given, None, Role.NURSE, UTC, FORM)
    assert "No  – berg, 14:05:09 – sways" in spoken(shown)


def test_someone_elses_item_says_whose_it_is():
    reserved = next(item for item in ITEMS.values() if Role.NURSE not in item.answered_by)
    shown = checklist.state(reserved, None, None, Role.NURSE, UTC, FORM)
    assert buttons(shown) == []
    assert "clinician or medical director" in spoken(shown)


def test_not_applicable_is_offered_only_where_it_is_allowed():
    free = next(item for item in ITEMS.values() if item.allows_not_applicable)
    shown = buttons(checklist.state(free, None, None, Role.NURSE, UTC, FORM))
    assert shown == ["Yes", "No", "Not applicable"]
    assert buttons(checklist.state(ITEMS["gait"], None, None, Role.NURSE, UTC, FORM)) == [
        "Yes",
        "No",
    ]


def sign(name: str, phase: SessionPhase, actor: Actor | None = NURSE, known=None) -> list:
    return sign_off.statement(STATEMENTS[name], None, phase, actor, known, UTC, FORM)


def test_the_form_shows_the_exact_words_and_sends_them_back():
    shown = sign("sitter-handover", SessionPhase.RECOVERY)
    stores = [part for each in shown for part in parts(each) if type(part).__name__ == "Store"]
    assert STATEMENTS["sitter-handover"].text in [store.data for store in stores]
    for duty in STATEMENTS["sitter-handover"].duties:
        assert duty in spoken(shown)


def test_a_statement_waits_for_its_phase():
    shown = sign("sitter-handover", SessionPhase.INFUSING)
    assert buttons(shown) == []
    assert "Signed in recovery." in spoken(shown)


def test_nobody_signs_without_a_witness():
    assert buttons(sign("sitter-arrival", SessionPhase.PREPARATION, actor=None)) == []


def test_the_sitter_is_not_asked_twice_but_checked_twice():
    known = Signature("Maria Lind", SignMethod.DRAWN, "M1 1", "sister", "555", "", True, True)
    shown = sign("sitter-handover", SessionPhase.RECOVERY, known=known)
    inner = [part for each in shown for part in parts(each)]
    values = {part.label: part.value for part in inner if type(part).__name__ == "TextInput"}
    assert values["Full name"] == "Maria Lind"
    assert [part.checked for part in inner if type(part).__name__ == "Checkbox"] == [False, False]
    assert "How the patient gets home" in values


def test_an_alarm_is_acknowledged_once_and_then_says_by_whom():
    alarm = AlarmView(UUID(int=7), "** X", AlarmKind.TECHNICAL, AlarmPriority.MEDIUM, AT)
    assert buttons(open_alarms.alarms([alarm], TEXT, TEXT, True, FORM)) == ["Acknowledge"]
    assert buttons(open_alarms.alarms([alarm], TEXT, TEXT, False, FORM)) == []
    seen = replace(alarm, acknowledged_by="berg", acknowledged_at=AT)
    assert buttons(open_alarms.alarms([seen], TEXT, TEXT, True, FORM)) == []
    assert "Seen by berg at 14:05:09" in spoken(open_alarms.life(seen, UTC, FORM))


def test_a_panel_is_the_same_whatever_its_form_and_another_when_it_says_something_else():
    def shown(session: object) -> str:
        return panel.panel("x", lambda form: controls.controls(session, UTC, form)).shown

    assert shown(SESSION) == shown(replace(SESSION, findings={}))
    assert shown(SESSION) != shown(replace(SESSION, phase=SessionPhase.RECOVERY))


def test_an_unknown_page_repeats_what_was_asked_as_text():
    shown = words(not_found.not_found("/chair/<script>" + "x" * 300))
    assert "/chair/<script>" in shown
    assert len(shown) < 300


def test_only_what_says_something_else_is_drawn_and_all_of_it():
    inner = panel.Panel("inner", "1", lambda _form: [])
    outer = panel.Panel("outer", "1", lambda _form: [], (inner,))

    def drawn(**before: str) -> list[str]:
        return [each.name for each in panel.to_draw([outer], before)]

    assert drawn(outer="1", inner="1") == []
    assert drawn(outer="1", inner="0") == ["inner"]
    assert drawn(outer="0", inner="0") == ["outer"]  # which draws the inner one with it
