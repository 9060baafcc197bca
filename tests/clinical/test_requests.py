"""Which requests are refused whatever a page shows, and what do the others leave behind?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from clinical.checklist import Verdict
from clinical.commands import AcknowledgeAlarm, AnswerItem, ChangePhase, Command, OutcomeKind
from clinical.links import LinkState
from clinical.monitor import Committed
from clinical.phases import IN_CHAIR, SessionPhase
from clinical.ports import CommitResult
from clinical.record import AlarmEvent, ItemAnswered, PhaseChanged, SessionOpened
from clinical.requests import AGAINST, findings, missing
from clinical.sign_off import Actor, Role
from tests.clinical.fakes import (
    CLINICIAN,
    DIRECTOR,
    NURSE,
    Bedside,
    at,
    complete,
    ready_to_leave,
    sitter,
    started,
)

DONE, REFUSED, NOT_RECORDED = OutcomeKind
DISCHARGED = SessionPhase.DISCHARGED
HOSTILE = "<script>alert(1)</script>'; DROP TABLE session;-- \u202e"


def lacks(chair: Bedside) -> tuple[str, ...]:
    return missing(chair.session, findings(chair.session, chair.now))


# --- a patient takes the chair --------------------------------------------------------------------


def test_a_session_opens_in_preparation_with_what_it_was_asked_for():
    chair = Bedside()
    outcome = chair.start(patient="ék", infusion_number=2, planned_infusion_min=60)
    assert (outcome.kind, outcome.by) == (DONE, "anna")
    opened, moved = chair.facts
    assert isinstance(opened, SessionOpened)
    assert (opened.patient, opened.infusion_number, opened.series_length) == ("ÉK", 2, 6)
    assert (opened.preset, opened.preset_version) == ("ketamine-adult", 2)
    assert opened.is_simulated
    assert isinstance(moved, PhaseChanged)
    assert moved.phase is chair.session.phase is SessionPhase.PREPARATION


def test_the_last_patients_pressure_does_not_stand_in_the_next_ones_tile():
    chair = Bedside()
    chair.cuff(1, 190, 110)
    chair.see(2, hr=70)
    chair.start()
    assert set(chair.state.latest) == {"heart_rate"}
    assert chair.open() == set()


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"patient": ""}, "initials"),
        ({"patient": "Maria Alvarez"}, "initials"),
        ({"patient": "M A"}, "initials"),
        ({"patient": "MA1"}, "initials"),
        ({"patient": "MA\n"}, "initials"),
        ({"patient": "<b>"}, "initials"),
        ({"patient": HOSTILE}, "initials"),
        ({"planned_infusion_min": 4}, "5 to 240"),
        ({"planned_infusion_min": 241}, "5 to 240"),
        ({"planned_infusion_min": -40}, "5 to 240"),
        ({"infusion_number": 0}, "infusion n of N"),
        ({"infusion_number": 7}, "infusion n of N"),
        ({"series_length": 13}, "infusion n of N"),
        ({"preset": "../../etc/passwd"}, "one of"),
        ({"preset": "recovery"}, "ketamine-adult"),
        ({"checklist": "ketamine-adult"}, "recovery"),
    ],
    ids=repr,
)
def test_a_session_is_not_opened_on_wrong_particulars(wanted, words):
    chair = Bedside()
    outcome = chair.start(**wanted)
    assert outcome.kind is REFUSED
    assert words in outcome.reason
    assert chair.state.session is None
    assert chair.facts == []


def test_a_taken_chair_is_not_given_away():
    chair = started()
    outcome = chair.start(patient="MN")
    assert (outcome.kind, outcome.reason) == (REFUSED, "chair 1 is taken by KL")


@pytest.mark.parametrize("actor", [NURSE, CLINICIAN, DIRECTOR], ids=lambda actor: actor.role)
def test_the_record_names_who_asked(actor):
    chair = Bedside()
    chair.start(by=actor)
    chair.phase(SessionPhase.BASELINE, by=actor)
    assert {fact.by for fact in chair.facts} == {actor.user}


# --- alarms ---------------------------------------------------------------------------------------


def test_an_alarm_is_acknowledged_once_and_the_record_says_by_whom():
    chair = started()
    chair.watch(0, 15, hr=45)
    assert chair.acknowledge("heart_rate low").kind is DONE
    again = chair.acknowledge("heart_rate low", by=CLINICIAN)
    assert (again.kind, again.reason) == (REFUSED, "anna has acknowledged this alarm already")
    alarm = chair.alarms["heart_rate low"]
    assert (alarm.acknowledged_by, alarm.acknowledged_at) == ("anna", chair.now)


def test_an_alarm_that_has_cleared_is_not_acknowledged():
    chair = started()
    chair.watch(0, 15, hr=45)
    command = chair.acknowledgement("heart_rate low")
    chair.watch(15, 25, hr=70)
    chair.wait(25)
    assert chair.ask(command)[0].kind is REFUSED


def test_an_alarm_id_of_nowhere_is_refused():
    chair = started()
    command = AcknowledgeAlarm(
        command_id=chair.new_id(), by=NURSE, chair=1, alarm_id=chair.new_id()
    )
    assert chair.ask(command)[0].kind is REFUSED


def test_an_acknowledgement_that_could_not_be_recorded_is_in_force_and_waits_for_the_disk():
    chair = started()
    chair.watch(0, 15, hr=45)
    command = chair.acknowledgement("heart_rate low")
    outcome, facts = chair.ask(command, CommitResult.FAILED)
    assert (outcome.kind, outcome.reason) == (NOT_RECORDED, "in force, but not yet recorded")
    assert chair.alarms["heart_rate low"].acknowledged_by == "anna"
    assert facts[0] in chair.facts  # kept, so that the record has it when it can


def test_a_stop_that_could_not_be_recorded_is_in_force_and_waits_for_the_disk():
    chair = started(SessionPhase.INFUSING)
    effects = chair.step(stop := _phase(chair, SessionPhase.RECOVERY))
    assert chair.session.phase is SessionPhase.RECOVERY
    assert effects.commit is not None
    effects = chair.step(Committed(stop, effects.commit[1], CommitResult.FAILED))
    assert effects.outcome is not None
    assert effects.outcome[1].kind is NOT_RECORDED
    assert [fact.phase for fact in chair.facts if isinstance(fact, PhaseChanged)][-1] is (
        SessionPhase.RECOVERY
    )


def test_a_move_that_could_not_be_recorded_changes_nothing():
    chair = started(SessionPhase.BASELINE)
    before = list(chair.facts)
    outcome, _ = chair.ask(_phase(chair, SessionPhase.INFUSING), CommitResult.FAILED)
    assert (outcome.kind, outcome.reason) == (NOT_RECORDED, "not recorded, try again")
    assert chair.session.phase is SessionPhase.BASELINE
    assert chair.facts == before


def test_what_the_record_has_already_is_done_and_not_done_twice():
    chair = complete()
    before = chair.session
    command = _answer(chair, "gait")
    outcome, _ = chair.ask(command, CommitResult.DUPLICATE)
    assert outcome.kind is DONE
    assert chair.session == before


def _phase(chair: Bedside, to: SessionPhase) -> ChangePhase:
    return ChangePhase(command_id=chair.new_id(), by=NURSE, chair=1, to=to)


def _answer(chair: Bedside, item: str, **how: object) -> AnswerItem:
    wanted: dict[str, object] = {"answer": "yes", "by": NURSE, **how}
    return AnswerItem(command_id=chair.new_id(), chair=1, item=item, **wanted)  # type: ignore[arg-type]


def test_what_was_meant_for_one_patient_is_not_done_to_the_next():
    chair = started(SessionPhase.INFUSING)
    stop = _phase(chair, SessionPhase.RECOVERY)
    another = replace(stop, session=chair.new_id())
    outcome, facts = chair.ask(another)
    assert (outcome.kind, facts) == (REFUSED, ())
    assert "another patient" in outcome.reason
    meant = replace(stop, command_id=chair.new_id(), session=chair.session.opened.session)
    assert chair.ask(meant)[0].kind is DONE


# --- the checklist --------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", [phase for phase in IN_CHAIR if phase != "recovery"])
def test_the_checklist_is_answered_in_recovery_alone(phase):
    outcome = started(phase).answer("gait")
    assert (outcome.kind, "recovery" in outcome.reason) == (REFUSED, True)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"item": "gate"}, "got gate"),
        ({"item": HOSTILE}, "got <script>"),
        ({"item": "gait", "answer": "YES!"}, "YES!"),
        ({"item": "gait", "answer": ""}, "not a valid Answer"),
        ({"item": "gait", "answer": "not_applicable"}, "always applies"),
        ({"item": "gait", "note": "x" * 2001}, "at most 2000 characters"),
        ({"item": "release"}, "a clinician or director, not a nurse"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_an_answer_that_makes_no_sense_is_refused(how, words):
    chair = started(SessionPhase.RECOVERY)
    outcome = chair.answer(**how)
    assert outcome.kind is REFUSED
    assert words in outcome.reason
    assert chair.session.answers == {}


@pytest.mark.parametrize("role", Role)
def test_only_clinician_and_director_release(role):
    chair = started(SessionPhase.RECOVERY)
    outcome = chair.answer("release", by=Actor("x", "X Y", role))
    assert (outcome.kind is DONE) == (role is not Role.NURSE)


def test_markup_in_a_note_is_kept_as_the_text_it_is():
    chair = started(SessionPhase.RECOVERY)
    assert chair.answer("gait", note=f"  {HOSTILE} ").kind is DONE
    assert chair.session.answers["gait"].note == HOSTILE.strip()


def test_a_second_answer_names_the_one_it_corrects():
    chair = started(SessionPhase.RECOVERY)
    chair.answer("gait", "no")
    first = chair.session.answers["gait"]
    chair.answer("gait", "yes", by=CLINICIAN)
    second = chair.session.answers["gait"]
    assert (first.replaces, second.replaces) == (None, first.answer_id)
    assert [fact for fact in chair.facts if isinstance(fact, ItemAnswered)] == [first, second]


def test_an_item_that_may_not_apply_can_be_answered_so():
    chair = started(SessionPhase.RECOVERY)
    assert chair.answer("line", "not_applicable").kind is DONE


def test_a_nurse_cannot_answer_against_the_data_and_a_clinician_can_with_a_note():
    chair = started(SessionPhase.RECOVERY)
    assert findings(chair.session, chair.now)["time"].verdict is Verdict.NOT_MET
    nurse = chair.answer("time", note="feels fine")
    assert (nurse.kind, nurse.reason) == (
        REFUSED,
        "the data say no (0 of 30 min, 0 of 2 sets of vitals): a clinician can decide",
    )
    assert "write why" in chair.answer("time", by=CLINICIAN).reason
    assert "write why" in chair.answer("time", note=" \n", by=CLINICIAN).reason
    assert chair.answer("time", note="transferred to the ward", by=CLINICIAN).kind is DONE
    answer = chair.session.answers["time"]
    assert answer.evidence == AGAINST + "0 of 30 min, 0 of 2 sets of vitals"
    assert not [lack for lack in lacks(chair) if lack.startswith("At least 30 minutes")]


def test_a_nurse_may_answer_no_where_the_data_say_no():
    chair = started(SessionPhase.RECOVERY)
    assert chair.answer("time", "no").kind is DONE


def test_a_nurse_answers_what_the_data_cannot():
    chair = started(SessionPhase.RECOVERY)
    assert findings(chair.session, chair.now)["vitals"].verdict is Verdict.UNKNOWN
    assert chair.answer("vitals").kind is DONE


# --- discharge ------------------------------------------------------------------------------------


def test_a_direct_discharge_names_everything_that_is_missing():
    chair = started(SessionPhase.RECOVERY)
    outcome = chair.phase(DISCHARGED)
    assert (outcome.kind, outcome.reason) == (REFUSED, "the patient cannot be discharged yet")
    assert outcome.missing == (
        "At least 30 minutes since the infusion stopped, with two complete sets of vitals"
        " (0 of 30 min, 0 of 2 sets of vitals)",
        "not answered: Last vitals within 20 % of baseline and within safe limits",
        *(
            f"not answered: {item.text}"
            for item in chair.session.checklist.items
            if item.computed_by is None
        ),
        "not signed: I am here for this person today, as their sitter",
        "not signed: I take this person home and look after them",
        "not signed: This patient is ready to leave",
    )
    assert chair.session.phase is SessionPhase.RECOVERY


@pytest.mark.parametrize("statement", ["sitter-arrival", "sitter-handover", "nurse-discharge"])
def test_no_signature_can_be_left_out(statement):
    chair = ready_to_leave()
    signatures = {k: v for k, v in chair.session.signatures.items() if k != statement}
    chair.state = replace(chair.state, session=replace(chair.session, signatures=signatures))
    outcome = chair.phase(DISCHARGED)
    assert outcome.kind is REFUSED
    assert len(outcome.missing) == 1
    assert outcome.missing[0].startswith("not signed: ")


@pytest.mark.parametrize("item", [item.id for item in complete().session.checklist.items])
def test_no_item_can_be_answered_no(item):
    chair = ready_to_leave()
    by = CLINICIAN if item == "release" else NURSE
    assert chair.answer(item, "no", by=by).kind is DONE
    outcome = chair.phase(DISCHARGED)
    assert outcome.kind is REFUSED
    assert outcome.missing[0].startswith("answered no: ")


def test_a_discharge_leaves_the_items_that_the_data_filled_answered():
    chair = ready_to_leave()
    assert chair.phase(DISCHARGED).kind is DONE
    assert chair.state.session is None
    by_data = {
        fact.item: fact.evidence
        for fact in chair.facts
        if isinstance(fact, ItemAnswered) and fact.by == "vigil"
    }
    assert set(by_data) == {"time", "vitals", "alarms"}
    assert all(by_data.values())


@pytest.mark.parametrize("priority", ["low", "medium", "high"])
def test_an_open_alarm_of_medium_or_high_priority_holds_the_patient(priority):
    chair = ready_to_leave()
    systolic = {"low": 141, "medium": 161, "high": 185}[priority]
    chair.see(2450, hr=70, spo2=98, rr=14)
    chair.cuff(2450, systolic, 85, 100)
    outcome = chair.phase(DISCHARGED)
    assert outcome.kind is (DONE if priority == "low" else REFUSED)


def test_an_acknowledged_alarm_holds_the_patient_too():
    chair = ready_to_leave()
    chair.link(2450, LinkState.QUIET)
    chair.acknowledge("NO DATA")
    outcome = chair.phase(DISCHARGED)
    assert outcome.kind is REFUSED
    assert outcome.missing == ("No open alarm of medium or high priority (open: NO DATA)",)


def test_a_yes_from_before_the_data_said_no_does_not_let_the_patient_go():
    """The nurse said none is open while none was; then one came."""
    chair = ready_to_leave()
    assert chair.answer("alarms").kind is DONE
    assert chair.answer("vitals").kind is DONE
    chair.see(2450, hr=70, spo2=98, rr=14)
    chair.cuff(2450, 185, 85)
    outcome = chair.phase(DISCHARGED)
    assert outcome.kind is REFUSED
    assert [lack.split(" (")[0] for lack in outcome.missing] == [
        "Last vitals within 20 % of baseline and within safe limits",
        "No open alarm of medium or high priority",
    ]
    assert chair.answer("alarms").kind is REFUSED
    for item in ("alarms", "vitals"):
        assert chair.answer(item, note="known, treated at home", by=CLINICIAN).kind is DONE
    assert chair.phase(DISCHARGED).kind is DONE


def test_an_alarm_that_comes_while_the_discharge_is_written_ends_with_the_session():
    chair = ready_to_leave()
    effects = chair.step(leave := _phase(chair, DISCHARGED))
    assert effects.commit is not None
    chair.link(2401, LinkState.DISCONNECTED)
    chair.facts += effects.commit[1]
    chair.step(Committed(leave, effects.commit[1], CommitResult.COMMITTED))
    assert chair.state.session is None
    assert [each[:2] for each in chair.log()] == [
        ("DEVICE DISCONNECTED", "raised"),
        ("DEVICE DISCONNECTED", "cleared"),
    ]


def test_an_early_end_clears_what_was_open():
    chair = started(SessionPhase.INFUSING)
    chair.cuff(10, 185, 85, 105)
    chair.phase(SessionPhase.ABORTED, reason="chest pain: emergency call")
    ends = [("raised", "high"), ("cleared", "high")]
    assert [each[1:3] for each in chair.log("nibp_systolic high")] == ends
    assert chair.log("REPEAT BP")[-1][1] == "cleared"
    worst = [fact.worst for fact in chair.facts if isinstance(fact, AlarmEvent) and fact.metric]
    assert worst[-1] == 185


@pytest.mark.parametrize("length", [2000, 2001])
def test_a_reason_is_no_book(length):
    chair = started()
    outcome = chair.phase(SessionPhase.ABORTED, reason="x" * length)
    assert (outcome.kind is DONE) == (length == 2000)


def test_facts_of_a_session_that_is_over_do_not_touch_the_next_one():
    chair = complete()
    effects = chair.step(late := _answer(chair, "gait", answer="no"))
    assert effects.commit is not None
    chair.phase(SessionPhase.ABORTED, reason="left against advice")
    chair.start(patient="MN")
    chair.bring_to(SessionPhase.RECOVERY)
    chair.step(Committed(late, effects.commit[1], CommitResult.COMMITTED))
    assert chair.session.answers == {}


def test_a_command_that_is_not_known_is_refused():
    chair = started()
    outcome, _ = chair.ask(Command(command_id=chair.new_id(), by=NURSE, chair=1))
    assert (outcome.kind, "not known" in outcome.reason) == (REFUSED, True)


def test_the_sitter_of_the_record_is_the_one_who_signed():
    chair = complete()
    chair.sign("sitter-arrival", sitter(name="Ben Ito", mark="Ben Ito"))
    chair.sign("sitter-handover")
    names = {k: v.signature.name for k, v in chair.session.signatures.items()}
    assert names == {"sitter-arrival": "Ben Ito", "sitter-handover": "Maria Alvarez"}
    assert chair.session.signatures["sitter-handover"].at == chair.now > at(2400)
