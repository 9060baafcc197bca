"""Do the buttons of the chair page ask what they say, once, and lose nothing that was typed?"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest
from dash.exceptions import PreventUpdate
from playwright.sync_api import Page, Route, expect
from plotly.utils import PlotlyJSONEncoder

from clinical.alarms import AlarmPriority, Direction
from clinical.catalog.loader import load_statements
from clinical.catalog.presets import shipped
from clinical.checklist import Finding, Verdict
from clinical.commands import (
    AcknowledgeAlarm,
    AdjustLimits,
    AnswerItem,
    ChangePhase,
    LimitAsked,
    LockBaseline,
    OutcomeKind,
    PauseAudio,
    PlaceProbe,
    SignStatement,
    StartSession,
    SwitchAlarm,
    SwitchAudio,
)
from clinical.phases import SessionPhase
from clinical.record import AudioState, CallStage, ItemAnswered, LimitChanged
from clinical.sign_off import Role, SignMethod
from clinical.snapshot import AudioView, CallView, SessionView
from clinical.vitals import Metric
from dashboard import ids
from dashboard.pages import asks, board, chair, click
from dashboard.pages.seats import seat
from dashboard.views import controls, limits, open_alarms, signature
from dashboard.views.panel import Form, Panel
from tests.dashboard.a_clinic import (
    NOON,
    NURSE,
    PASSWORD,
    Clinic,
    StillClock,
    WallClock,
    a_clinic,
    alarm,
    served,
    session,
)

FORM = str(uuid4())
BESIDE = chair.Behind(shipped())
RECOVERING = session(SessionPhase.RECOVERY, missing=("the hand-over",))


def words(content) -> str:
    """All that stands in it, labels too."""
    found = json.loads(json.dumps(list(content), cls=PlotlyJSONEncoder))

    def texts(part) -> Iterator[str]:
        if isinstance(part, str):
            yield part
        elif isinstance(part, list):
            for each in part:
                yield from texts(each)
        elif isinstance(part, dict):
            props = part.get("props", {})
            yield from texts([props.get("label"), props.get("children")])

    return "".join(texts(found))


def panels(view) -> list[Panel]:
    outer = list(chair.panels_of(view, NURSE, BESIDE))
    return [*outer, *(inner for each in outer for inner in each.parts)]


def shown(view) -> dict[str, str]:
    return {each.name: each.shown for each in panels(view)}


@pytest.fixture
def view():
    return replace(a_clinic().engine.snapshot.chairs[1], session=RECOVERING)


def test_the_page_of_a_chair_that_was_taken_away_has_nothing_to_draw_and_does_not_fail():
    clinic = a_clinic()
    services = replace(
        clinic.services, site=replace(clinic.services.site, chairs_now=lambda: ((2, "Right"),))
    )
    assert asyncio.run(chair.layout(services, "1")) is None
    with pytest.raises(PreventUpdate):
        seat(services, 1)
    assert seat(services, 2).chair == 2


# What is drawn anew.


def test_a_new_blood_pressure_draws_no_form_anew(view):
    found = {"vitals": Finding(Verdict.MET, "SYS 121")}
    after = shown(replace(view, session=replace(RECOVERING, findings=found)))
    changed = {name for name, says in shown(view).items() if after[name] != says}
    assert changed == {"item:vitals"}


def test_another_patient_draws_all_paperwork_anew(view):
    other = shown(replace(view, session=replace(RECOVERING, session=uuid4())))
    assert other["paperwork"] != shown(view)["paperwork"]


def test_an_empty_chair_has_no_paperwork(view):
    names = shown(replace(view, session=None))
    assert set(names) == {
        *("head", "alarms", "reason", "session", "cuff", "end", "monitors", "paperwork"),
        *("identity", "manual", "by-hand"),
        *("sound", "sound-off", "signs-off", "switch-off"),
        *("limits-head", "limits-table", "limits-form", "probe"),
    }


def test_the_checklist_is_answered_in_recovery_only(view):
    infusing = replace(view, session=session(SessionPhase.INFUSING))
    items = [each for each in panels(infusing) if each.name.startswith("item:")]
    assert items
    assert all(item.draw(Form(FORM, 0)) == [] for item in items)


def test_the_trend_knows_the_planned_end_of_the_infusion(view):
    infusing = replace(view, session=session(SessionPhase.INFUSING))
    bands = [s for s in chair.trend_marks(infusing, NOON)["shapes"] if s["type"] == "rect"]
    assert bands[-1]["x1"] - bands[-1]["x0"] == 40 * 60 * 1000


# What is asked.


def test_the_same_form_and_words_are_the_same_command():
    first = click.command_id(FORM, "gait", "yes", "")
    assert first == click.command_id(FORM, "gait", "yes", "")
    assert first != click.command_id(FORM, "gait", "no", "")
    assert first != click.command_id(str(uuid4()), "gait", "yes", "")


def test_a_session_is_started_as_the_fields_say():
    fields = {"patient": " ab ", "planned_min": 45, "infusion_number": 2, "series_length": 6}
    command = chair.step_command(controls.START, fields, FORM, NURSE, 3)
    assert isinstance(command, StartSession)
    assert (command.patient, command.planned_infusion_min, command.chair) == ("ab", 45, 3)


def test_an_empty_number_is_one_that_every_rule_refuses():
    command = chair.step_command(controls.START, {"planned_min": ""}, FORM, NURSE, 3)
    assert isinstance(command, StartSession)
    assert command.planned_infusion_min == 0


def test_a_reason_goes_with_an_early_end_only():
    fields = {"reason": "nausea"}
    ended = chair.step_command(SessionPhase.ABORTED, fields, FORM, NURSE, 1)
    stopped = chair.step_command(SessionPhase.RECOVERY, fields, FORM, NURSE, 1)
    assert isinstance(ended, ChangePhase)
    assert isinstance(stopped, ChangePhase)
    assert (ended.reason, stopped.reason) == ("nausea", "")
    assert isinstance(chair.step_command(controls.LOCK, {}, FORM, NURSE, 1), LockBaseline)


def test_a_signature_takes_the_mark_of_its_method():
    text = {"name": "Maria Lind", "typed": "maria lind"}
    typed = chair.signature_of(SignMethod.TYPED, "M1 1L2 2", text, {"is_adult": True})
    drawn = chair.signature_of(SignMethod.DRAWN, "M1 1L2 2", text, {})
    assert (typed.mark, drawn.mark) == ("maria lind", "M1 1L2 2")
    assert (typed.is_adult, typed.id_checked) == (True, False)


def test_a_record_that_does_not_answer_is_not_recorded(monkeypatch):
    monkeypatch.setattr(click, "WAIT_S", 0.01)
    waiting: Future = Future()
    services = SimpleNamespace(
        desk=SimpleNamespace(submit=lambda _command: waiting), clock=StillClock()
    )
    command = LockBaseline(command_id=uuid4(), by=NURSE, chair=1)
    outcome = asyncio.run(click.submitted(services, command))
    assert outcome.kind is OutcomeKind.NOT_RECORDED
    assert "try again" in outcome.reason
    assert not waiting.cancelled()  # what was asked may still be written


def test_a_press_right_after_the_drawing_was_meant_for_what_stood_there_before():
    clock = StillClock(speed=10)
    services = SimpleNamespace(clock=clock)
    clock.pass_s(6.9)  # at ten times the speed: 0.69 s
    assert not click.is_settled(services, "0")
    clock.pass_s(0.2)
    assert click.is_settled(services, "0")


def test_a_page_that_was_drawn_for_another_patient_asks_nothing():
    drawn_for = chair.paperwork_key(RECOVERING, NURSE)
    assert chair.is_drawn_for(RECOVERING, NURSE, drawn_for)
    assert not chair.is_drawn_for(replace(RECOVERING, session=uuid4()), NURSE, drawn_for)
    assert not chair.is_drawn_for(None, NURSE, drawn_for)


def test_the_axis_of_the_trend_grows_by_five_minutes_at_once(view):
    marks = chair.trend_marks(view, NOON + timedelta(seconds=1))
    assert marks == chair.trend_marks(view, NOON + timedelta(seconds=299))
    assert marks != chair.trend_marks(view, NOON + timedelta(seconds=301))


# What is asked of the alarms.

SYS_HIGH = (Metric.NIBP_SYSTOLIC, Direction.HIGH, AlarmPriority.MEDIUM)
ADULT = shipped().newest("ketamine-adult")
BASELINE = session().baseline


def limited(moved=None, **fields) -> SessionView:
    """A session under the adult limits, with those in ``moved`` where they were moved to."""
    facts = {"limits": ADULT.in_force(BASELINE, moved or {}), "bounds": ADULT.bounds}
    return session(preset_version=ADULT.version, **{**facts, **fields})


@pytest.mark.parametrize(
    ("about", "what", "fields", "expected", "says"),
    [
        ("sound", "pause:120", {}, PauseAudio, {"seconds": 120}),
        ("sound", "end", {}, PauseAudio, {"seconds": 0}),
        ("sound", "off", {"reason": " MRI "}, SwitchAudio, {"is_off": True, "reason": "MRI"}),
        ("sound", "on", {"reason": None}, SwitchAudio, {"is_off": False}),
        (
            *("signs", "off", {"metric": "spo2", "reason": "cold"}, SwitchAlarm),
            {"metric": "spo2", "is_off": True, "reason": "cold"},
        ),
        ("signs", "on:spo2", {"metric": "hr"}, SwitchAlarm, {"metric": "spo2", "is_off": False}),
        ("probe", "yes", {}, PlaceProbe, {"is_on_cuff_arm": True}),
        ("limits", "change", {"reason": "tall"}, AdjustLimits, {"limits": (), "reason": "tall"}),
    ],
)
def test_each_button_asks_what_it_says(about, what, fields, expected, says):
    command = asks.command_of(about, what, fields, (), FORM, NURSE, 2)
    assert type(command) is expected
    assert command.chair == 2
    assert {name: getattr(command, name) for name in says} == says


def test_only_the_limits_that_differ_are_asked_for():
    current = limited({SYS_HIGH: 170.0})
    standing = {key: now.value for key, (now, _own) in limits.movable(current, ADULT).items()}
    assert asks.moved_of(current, ADULT, standing) == []
    asked = asks.moved_of(current, ADULT, {**standing, SYS_HIGH: 165})
    assert asked == [LimitAsked("nibp_systolic", "high", "medium", 165.0)]


def test_the_fields_are_filled_with_the_presets_numbers_or_those_of_the_baseline():
    current = limited({SYS_HIGH: 170.0})
    back = asks.filled(limits.PRESET, current, ADULT)
    assert back[SYS_HIGH] == 160
    assert asks.moved_of(current, ADULT, back) == [
        LimitAsked("nibp_systolic", "high", "medium", 160.0)
    ]
    proposed = asks.filled(limits.SUGGESTED, current, ADULT)
    assert proposed[SYS_HIGH] == round(124 * 0.86 + 38)
    assert set(proposed) < set(back)
    assert asks.filled(limits.SUGGESTED, replace(current, baseline=None), ADULT) == back


def test_what_will_change_is_said_before_anybody_confirms_it():
    current = limited()
    nothing = limits.will_change(current, ADULT, {})
    assert "Nothing is changed yet" in words(nothing)
    told = words(limits.will_change(current, ADULT, {SYS_HIGH: 172}))
    assert "SYS high, medium: > 160 becomes > 172" in told
    assert "Not allowed" not in told
    beyond = words(limits.will_change(current, ADULT, {SYS_HIGH: 230}))
    assert "Not allowed" in beyond
    assert "140 to 190" in beyond
    assert "a number is missing" in words(limits.will_change(current, ADULT, {SYS_HIGH: ""}))


def test_a_moved_limit_names_the_preset_and_who_moved_it_when_and_why():
    changed = LimitChanged(UUID(int=7), NOON, "ana", *SYS_HIGH, 160, 170, "known hypertensive")
    current = limited({SYS_HIGH: 170.0})
    told = words(limits.table(current, ADULT, {SYS_HIGH: changed}, UTC, Form(FORM, 0)))
    assert "> 170 moved" in told
    assert "preset 160 – ana, 12:00 – known hypertensive" in told
    assert "(+40 %) with SYS >= 160" in told
    assert "1 moved for this session" in words(limits.head(current, ADULT))
    without = replace(current, lacks_baseline=True)
    assert "No baseline: relative limits are off" in words(limits.head(without, ADULT))


@pytest.mark.parametrize(
    ("alarmed", "says"),
    [
        ({"worst": 188.0}, "Since 12:00:00"),
        ({"needs_repeat": True}, "Take the blood pressure again"),
        ({"confirmed_at": NOON}, "Confirmed by a second reading at 12:00:00"),
        ({"is_latched": True}, "has ended, and nobody has said that they saw it"),
        ({"calls": (CallView(CallStage.PROMPT, "", NOON),)}, "think about stopping the infusion"),
        (
            {"calls": (CallView(CallStage.SECOND, "kim", NOON),)},
            "Called kim at 12:00:00 – not seen",
        ),
        (
            {"calls": (CallView(CallStage.SECOND, "kim", NOON, NOON),)},
            "Called kim at 12:00:00 – seen at 12:00:00",
        ),
        ({"calls": (CallView(CallStage.SECOND, "", NOON),)}, "no second person is named"),
        ({"shown_to": ("ana", "screen: Hall")}, "On screen: ana, screen: Hall"),
        ({"is_on_all_screens": True}, "On all screens: none has confirmed it yet"),
    ],
)
def test_an_alarm_says_how_far_it_has_come_and_who_knows(alarmed, says):
    assert says in words(open_alarms.life(alarm(1, **alarmed), UTC, Form(FORM, 0)))


def test_nobody_is_told_to_think_of_stopping_who_has_answered():
    calls = (CallView(CallStage.PROMPT, "", NOON), CallView(CallStage.SECOND, "kim", NOON))
    seen = alarm(1, calls=calls, acknowledged_by="ana", acknowledged_at=NOON)
    told = words(open_alarms.life(seen, UTC, Form(FORM, 0)))
    assert "Seen by ana at 12:00:00" in told
    assert "stopping" not in told
    assert "Called" not in told


def test_what_becomes_of_an_alarm_leaves_its_button_where_it_is(view):
    before = shown(replace(view, session=limited(), alarms=(alarm(1),)))
    told = alarm(1, worst=190.0, shown_to=("ana",), calls=(CallView(CallStage.SECOND, "k", NOON),))
    after = shown(replace(view, session=limited(), alarms=(told,)))
    assert after["alarms"] == before["alarms"]
    assert {name for name in before if before[name] != after[name]} == {
        f"alarm:{UUID(int=1)}",
        f"life:{UUID(int=1)}",
    }
    latched = shown(replace(view, session=limited(), alarms=(replace(told, is_latched=True),)))
    assert latched["alarms"] != before["alarms"]  # the button says Reset


def test_another_patient_gets_empty_fields(view):
    names = ("reason", "sound-off", "switch-off", "limits-form")
    director = replace(NURSE, role=Role.DIRECTOR)

    def drawn(current: SessionView) -> dict[str, str]:
        parts = chair.panels_of(replace(view, session=current), director, BESIDE)
        return {each.name: each.shown for each in parts}

    one, other = drawn(limited()), drawn(replace(limited(), session=uuid4()))
    assert all(one[name] != other[name] for name in names)


@pytest.mark.parametrize("role", list(Role))
def test_the_page_offers_what_the_role_may_do(view, role):
    actor = replace(NURSE, role=role)
    current = limited(switched_off={Metric.SPO2: "cold"})
    parts = chair.panels_of(replace(view, session=current), actor, BESIDE)
    drawn = {part.name: words(part.draw(Form(FORM, 0))) for part in parts}
    assert "Pause 2 min" in drawn["sound"]
    assert ("Sound off" in drawn["sound-off"]) is (role is Role.DIRECTOR)
    assert ("Alarms off" in drawn["switch-off"]) is (role is not Role.NURSE)
    assert "SpO2 alarms are off: cold" in drawn["signs-off"]
    assert ("Turn on" in drawn["signs-off"]) is (role is not Role.NURSE)


def test_the_form_that_starts_a_session_offers_presets_and_people():
    start = controls.Start(shipped(), (NURSE,))
    shown_ = json.dumps(controls.controls(None, UTC, Form(FORM, 0), start), cls=PlotlyJSONEncoder)
    assert f"{ADULT.title}, version {ADULT.version} (not signed)" in shown_
    assert "Ana Ruiz, nurse" in shown_
    fields = {"patient": "AB", "preset": "athlete-low-hr", "second": "kim"}
    command = chair.step_command(controls.START, fields, FORM, NURSE, 1)
    assert isinstance(command, StartSession)
    assert (command.preset, command.second) == ("athlete-low-hr", "kim")


def test_why_the_dose_is_given_all_the_same_goes_with_the_start_of_the_infusion():
    ready = session(SessionPhase.BASELINE)
    asked = words(controls.controls(ready, UTC, Form(FORM, 0), decision_above=(140, 90)))
    assert "Above 140/90 before the dose" in asked
    assert "Above" not in words(controls.controls(ready, UTC, Form(FORM, 0)))
    fields = {"reason": "nausea", "decision": "always so"}
    command = chair.step_command(SessionPhase.INFUSING, fields, FORM, NURSE, 1)
    assert isinstance(command, ChangePhase)
    assert command.reason == "always so"


# In a browser.


@dataclass
class Screen:
    page: Page
    clinic: Clinic
    said: list[str]

    @property
    def asked(self) -> list:
        return self.clinic.services.desk.commands

    def shows(self, **fields) -> None:
        """The engine publishes a new session view of chair 1."""
        self.clinic.engine.change(1, (), "session", "phase", **fields)


@pytest.fixture
def screen(page: Page) -> Iterator[Screen]:
    clinic = a_clinic(clock=WallClock(), pages=(board, chair))
    with served(clinic.app) as at:
        said: list[str] = []
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"http://{at}/login?next=/chair/1")
        page.fill("[name=user]", NURSE.user)
        page.fill("[name=password]", PASSWORD)
        page.click("button")
        expect(page.locator(".panel-session")).to_be_visible()
        yield Screen(page, clinic, said)
        page.goto("about:blank")
        assert [each for each in said if each.startswith(("error", "warning"))] == []


@pytest.mark.browser
def test_a_double_click_starts_one_session_and_takes_no_further_step(screen, monkeypatch):
    monkeypatch.setattr(click, "SETTLED_S", 0)
    screen.page.get_by_label("Initials").fill("AB")
    screen.page.get_by_role("button", name="Start session").dblclick()
    screen.page.wait_for_timeout(500)
    assert {type(command) for command in screen.asked} == {StartSession}
    assert len({command.command_id for command in screen.asked}) == 1
    monkeypatch.setattr(click, "SETTLED_S", 60)
    screen.shows(session=session(SessionPhase.PREPARATION))
    screen.page.get_by_role("button", name="Begin baseline").click()
    screen.page.wait_for_timeout(500)
    assert {type(command) for command in screen.asked} == {StartSession}  # too soon to be meant
    monkeypatch.setattr(click, "SETTLED_S", 0)
    screen.page.get_by_role("button", name="Begin baseline").click()
    screen.page.wait_for_timeout(500)
    assert isinstance(screen.asked[-1], ChangePhase)


@pytest.mark.browser
def test_what_is_being_typed_outlives_whatever_the_engine_says(screen):
    screen.shows(session=RECOVERING)
    note = screen.page.get_by_label("Note: Walks steadily")
    note.fill("a little")
    screen.page.get_by_text("I take this person home").click()
    name = screen.page.get_by_label("Full name", exact=True).nth(1)
    name.fill("Maria")
    found = {"vitals": Finding(Verdict.MET, "SYS 121, as it is now")}
    screen.shows(session=replace(RECOVERING, findings=found, missing=()), alarms=(alarm(),))
    expect(screen.page.get_by_text("SYS 121, as it is now")).to_be_visible()
    expect(screen.page.locator(".alarm-words")).to_have_text("** SYS 172 > 160")
    expect(note).to_have_value("a little")
    expect(name).to_have_value("Maria")
    expect(name).to_be_visible()  # its form has stayed open


@pytest.mark.browser
def test_an_answer_goes_with_its_note_and_is_shown_once_it_is_recorded(screen):
    screen.shows(session=RECOVERING)
    screen.page.get_by_label("Note: Walks steadily").fill("with a stick")
    answers = screen.page.get_by_label("Answer: Walks steadily")
    answers.get_by_role("button", name="Yes").click()
    expect(screen.page.get_by_label("Note: Walks steadily")).to_have_value("")
    (command,) = screen.asked
    assert isinstance(command, AnswerItem)
    assert (command.item, command.answer, command.note) == ("gait", "yes", "with a stick")
    expect(answers.get_by_role("button", name="Yes")).to_have_attribute("aria-pressed", "false")
    given = ItemAnswered(
        command.command_id, UUID(int=7), NOON, "ana", "recovery", "gait", "yes", "with a stick", ""
    )
    screen.shows(session=replace(RECOVERING, answers={"gait": given}))
    expect(answers.get_by_role("button", name="Yes")).to_have_attribute("aria-pressed", "true")
    expect(screen.page.locator(".item-answered")).to_contain_text("with a stick")
    answers.get_by_role("button", name="Yes").click()
    screen.page.wait_for_timeout(500)
    assert len(screen.asked) == 1  # it stands already


def without_drawing(route: Route) -> None:
    """The page stays as it is: nothing is drawn anew."""
    asked = json.loads(route.request.post_data or "{}").get("output", "")
    if ids.TREND_MARKS in asked:
        route.fulfill(status=204)
    else:
        route.continue_()


@pytest.mark.browser
def test_a_click_for_a_patient_who_has_left_is_refused_in_words(screen):
    screen.shows(session=RECOVERING)
    answers = screen.page.get_by_label("Answer: Walks steadily")
    expect(answers).to_be_visible()
    screen.page.route("**/_dash-update-component", without_drawing)
    # The engine knows already, the page has not heard yet.
    other = replace(RECOVERING, session=uuid4(), patient="XY")
    screen.clinic.engine.snapshot = replace(
        screen.clinic.engine.snapshot,
        chairs={1: replace(screen.clinic.engine.snapshot.chairs[1], session=other)},
    )
    answers.get_by_role("button", name="Yes").click()
    expect(screen.page.locator(".refused")).to_contain_text("another session")
    assert screen.asked == []


def until_asked(screen, claim):
    """Until the page has asked: how soon is no matter of this file."""
    for _ in range(100):
        if claim():
            return
        screen.page.wait_for_timeout(100)
    raise AssertionError("the page has not asked")


def once(commands) -> list:
    """The commands, as the engine takes them: of the same id the first."""
    return list({each.command_id: each for each in reversed(commands)}.values())[::-1]


@pytest.mark.browser
def test_an_alarm_is_acknowledged_from_its_row(screen):
    screen.shows(session=session(SessionPhase.INFUSING), alarms=(alarm(1), alarm(2)))
    expect(screen.page.locator(".alarm button")).to_have_count(2)
    screen.page.wait_for_timeout(500)  # for the last drawing that is under way
    button = screen.page.locator(".alarm button").nth(1)
    under_the_finger = button.element_handle()
    screen.shows(alarms=(alarm(1, text="** SYS 175 > 160"), alarm(2)))  # as it does each second
    expect(screen.page.locator(".alarm-words").first).to_have_text("** SYS 175 > 160")
    assert under_the_finger.evaluate("button => button.isConnected")
    button.click()
    until_asked(screen, lambda: screen.asked)
    (command,) = screen.asked
    assert isinstance(command, AcknowledgeAlarm)
    assert command.alarm_id == UUID(int=2)


@pytest.mark.browser
def test_another_alarm_takes_no_press_from_the_finger_and_gives_it_to_none(screen):
    screen.shows(session=session(SessionPhase.INFUSING), alarms=(alarm(1),))
    button = screen.page.locator(".alarm button")
    expect(button).to_have_count(1)
    button.hover()
    screen.page.mouse.down()
    screen.shows(alarms=(alarm(2), alarm(1)))  # while the finger is on the button
    expect(button).to_have_count(2)
    screen.page.mouse.up()
    until_asked(screen, lambda: screen.asked)
    screen.page.evaluate("""() => {
      new MutationObserver((_, me) => {  // and in the very moment in which the list is drawn
        if (document.querySelectorAll('.alarm button').length < 3) return;
        me.disconnect();
        document.querySelectorAll('.alarm button')[1].click();
      }).observe(document.body, {childList: true, subtree: true});
    }""")
    screen.shows(alarms=(alarm(3), alarm(2), alarm(1)))
    until_asked(screen, lambda: screen.asked[-1].alarm_id == UUID(int=2))
    assert [each.alarm_id for each in once(screen.asked)] == [UUID(int=1), UUID(int=2)]


def test_pressed_twice_is_asked_once_and_what_was_written_goes_with_the_newest():
    one, two = ({"form": FORM, "about": str(UUID(int=n)), "news": ""} for n in (1, 2))
    first, second = chair.acknowledgements([one, one, two, two], "Movement", NURSE, 1)
    assert (first.alarm_id, first.reason) == (UUID(int=1), "")
    assert (second.alarm_id, second.reason) == (UUID(int=2), "Movement")


@pytest.mark.browser
def test_a_reason_goes_with_one_alarm_and_outlives_the_next(screen):
    screen.shows(session=limited(), alarms=(alarm(1),))
    reason = screen.page.get_by_role("textbox", name="Reason, if any")
    reason.fill("Movement")
    screen.shows(alarms=(alarm(2), alarm(1)))  # another alarm, while it is being typed
    expect(screen.page.locator(".alarm button")).to_have_count(2)
    expect(reason).to_have_value("Movement")
    screen.page.keyboard.press("Escape")
    screen.page.locator(".alarm button").nth(1).click()
    expect(reason).to_have_value("")
    screen.page.locator(".alarm button").nth(0).click()
    until_asked(screen, lambda: screen.asked[-1].alarm_id == UUID(int=2))
    first, second = once(screen.asked)
    assert (first.alarm_id, first.reason) == (UUID(int=1), "Movement")
    assert (second.alarm_id, second.reason) == (UUID(int=2), "")


@pytest.mark.browser
def test_the_buttons_of_a_pause_stay_under_the_finger(screen, monkeypatch):
    monkeypatch.setattr(click, "SETTLED_S", 0)
    screen.shows(session=limited())
    pause = screen.page.get_by_role("button", name="Pause 2 min")
    expect(pause).to_be_visible()
    screen.page.wait_for_timeout(500)  # for the last drawing that is under way
    box = pause.bounding_box()
    pause.dblclick()
    until_asked(screen, lambda: screen.asked)
    assert {type(each) for each in screen.asked} == {PauseAudio}
    assert len({each.command_id for each in screen.asked}) == 1
    until = NOON + timedelta(days=9999)
    screen.shows(session=limited(audio=AudioView(AudioState.PAUSED, until, "ana")))
    expect(screen.page.get_by_role("button", name="End pause")).to_be_visible()
    assert pause.bounding_box() == box
    screen.page.get_by_role("button", name="End pause").click()
    until_asked(screen, lambda: screen.asked[-1].seconds == 0)


@pytest.mark.browser
def test_limits_are_filled_in_looked_at_and_then_confirmed(screen, monkeypatch):
    monkeypatch.setattr(click, "SETTLED_S", 0)
    screen.shows(session=limited())
    screen.page.locator(".limits summary").click()
    form = screen.page.locator(".limits")
    field = form.get_by_label("SYS high, medium")
    expect(field).to_have_value("160")
    form.get_by_role("button", name="Suggest from baseline").click()
    expect(field).to_have_value("145")
    expect(form.locator(".will-change")).to_contain_text("> 160 becomes > 145")
    assert screen.asked == []
    form.get_by_role("button", name="Back to preset").click()
    expect(form.locator(".will-change")).to_have_text("Nothing is changed yet.")
    field.fill("172")
    screen.shows(alarms=(alarm(1),))  # whatever comes in between
    expect(field).to_have_value("172")
    form.get_by_label("Why? (optional)").fill("known")
    form.get_by_role("button", name="Change these limits").dblclick()
    screen.page.wait_for_timeout(500)
    assert len({each.command_id for each in screen.asked}) == 1
    command = screen.asked[0]
    assert isinstance(command, AdjustLimits)
    assert command.limits == (LimitAsked("nibp_systolic", "high", "medium", 172.0),)
    assert (command.reason, command.session) == ("known", UUID(int=7))


@pytest.mark.browser
def test_a_hand_draws_a_signature_in_front_of_a_nurse(screen):
    screen.shows(session=RECOVERING)
    screen.page.get_by_text("I take this person home").click()
    form = screen.page.locator(".panel-statement").nth(1)
    for label, value in (
        ("Full name", "Maria Lind"),
        ("Relation to the patient", "sister"),
        ("Telephone", "555 0100"),
        ("How the patient gets home", "by car"),
    ):
        form.get_by_label(label, exact=True).fill(value)
    form.get_by_label("Identity checked").check()
    form.get_by_label("An adult").check()
    mouse = screen.page.mouse
    form.locator(".pad").scroll_into_view_if_needed()
    box = form.locator(".pad").bounding_box()
    assert box
    mouse.move(box["x"] + 10, box["y"] + 20)
    mouse.down()
    for step in range(20):
        mouse.move(box["x"] + 10 + 8 * step, box["y"] + 20 + 3 * step)
    mouse.up()
    form.get_by_role("button", name="Sign in front of Ana Ruiz").click()
    screen.page.wait_for_timeout(500)
    (command,) = screen.asked
    assert isinstance(command, SignStatement)
    assert command.shown_text == load_statements()["sitter-handover"].text
    assert command.signature.transport == "by car"
    assert signature.picture(command.signature.mark)
    form.get_by_role("button", name="Clear").click()
    expect(form.locator(".pad path")).to_have_attribute("d", "")
