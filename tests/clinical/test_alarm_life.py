"""Is a high alarm kept through what can go wrong around it: a slow disk, a restart, a late word?"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from clinical.alarms import AlarmPriority
from clinical.catalog.presets import shipped
from clinical.chair import RULES_FAILED, SESSION_LEFT, ChairState, resumed
from clinical.commands import (
    AcknowledgeAlarm,
    AdjustLimits,
    LimitAsked,
    PauseAudio,
    PlaceProbe,
    SwitchAlarm,
    SwitchAudio,
)
from clinical.engine import Engine
from clinical.monitor import Committed, Observed
from clinical.phases import SessionPhase
from clinical.picture import chair_view
from clinical.ports import CommitResult
from clinical.record import AlarmCalled, AudioState, CallStage
from clinical.snapshot import Sound
from tests.clinical.fakes import (
    CLINICIAN,
    DIRECTOR,
    NURSE,
    Bedside,
    FakeClock,
    FakeFeed,
    FakeRecorder,
    at,
    seen,
    started,
)

REST = {"hr": 72, "spo2": 98, "rr": 14}
HIGH = AlarmPriority.HIGH


def infusing() -> Bedside:
    return started(SessionPhase.INFUSING)


def asked(chair: Bedside, kind, by=NURSE, **fields):
    return chair.ask(kind(command_id=chair.new_id(), by=by, chair=1, **fields))[0]


def sound(chair: Bedside) -> Sound | None:
    return chair_view(chair.state, chair.now).sound


def restarted(chair: Bedside, seconds: float = 1.0) -> Bedside:
    """The chair as a new process takes it up, ``seconds`` later."""
    now = chair.now.timestamp() - at(0).timestamp() + seconds
    fresh = Bedside(now=at(now), new_id=chair.new_id, readings=chair.readings)
    fresh.facts = list(chair.facts)
    fresh.state, gap = resumed(fresh.state, chair.stored(), at(now))
    fresh.facts.append(gap)
    return fresh


def written_late(chair: Bedside, command) -> list:
    """``command`` takes effect at once; the facts that could not be written come back."""
    effects = chair.step(command)
    assert effects.commit is not None
    return [Committed(command, effects.commit[1], CommitResult.FAILED)]


def test_an_acknowledgement_that_is_written_late_does_not_reach_what_grew_worse_since():
    chair = infusing()
    chair.watch(1, 20, **REST | {"hr": 125})
    assert chair.open() == {("heart_rate high", "medium")}
    (late,) = written_late(chair, chair.acknowledgement("heart_rate high"))
    chair.watch(20, 30, **REST | {"hr": 145})
    chair.step(late)
    assert sound(chair).priority is HIGH
    assert sound(restarted(chair)).priority is HIGH


def test_a_pause_that_is_written_late_does_not_outlast_the_alarm_that_broke_it():
    chair = infusing()
    pause = PauseAudio(command_id=chair.new_id(), by=NURSE, chair=1, seconds=300)
    (late,) = written_late(chair, pause)
    chair.watch(1, 12, **REST | {"hr": 145})
    chair.step(late)
    assert sound(chair) is not None
    assert sound(restarted(chair)) is not None


def test_a_reset_that_is_written_late_does_not_end_the_alarm_that_followed():
    chair = infusing()
    chair.cuff(10, 185, 90)
    chair.cuff(20, 120, 80)
    assert chair.latched() == {"nibp_systolic high"}
    (late,) = written_late(chair, chair.acknowledgement("nibp_systolic high"))
    chair.cuff(30, 195, 90)
    chair.step(late)
    assert ("nibp_systolic high", "high") in restarted(chair).open()


def test_an_alarm_is_acknowledged_as_it_was_shown_or_not_at_all():
    chair = infusing()
    chair.watch(1, 20, **REST | {"hr": 125})
    shown = {name: getattr(shown_alarm(chair), name) for name in ("alarm_id", "news")}
    chair.watch(20, 30, **REST | {"hr": 145})
    refused = asked(chair, AcknowledgeAlarm, **shown)
    assert (refused.kind, "worse" in refused.reason) == ("refused", True)
    assert sound(chair).priority is HIGH
    news = shown_alarm(chair).news
    assert asked(chair, AcknowledgeAlarm, **shown | {"news": news}).kind == "done"
    assert sound(chair) is None


def shown_alarm(chair: Bedside):
    return chair_view(chair.state, chair.now).alarms[0]


def test_a_worse_limit_of_the_same_priority_sounds_again_and_ends_a_pause():
    chair = infusing()
    chair.watch(1, 15, **REST | {"spo2": 86})
    chair.acknowledge("spo2 low")
    assert asked(chair, PauseAudio, seconds=120).kind == "done"
    assert sound(chair) is None
    chair.watch(15, 17, **REST | {"spo2": 62})
    assert [each[:3] for each in chair.log("spo2 low")][-1] == ("spo2 low", "escalated", "high")
    assert sound(chair).priority is HIGH


@pytest.mark.parametrize("silence", ["audio", "sign"])
def test_a_high_alarm_that_comes_while_a_silence_is_written_is_heard(silence):
    chair = infusing()
    wanted = {"command_id": chair.new_id(), "chair": 1, "is_off": True, "reason": "asleep"}
    command = (
        SwitchAudio(by=DIRECTOR, **wanted)
        if silence == "audio"
        else SwitchAlarm(by=CLINICIAN, metric="heart_rate", **wanted)
    )
    effects = chair.step(command)
    chair.watch(1, 12, **REST | {"hr": 145})
    chair.facts += effects.commit[1]
    chair.step(Committed(command, effects.commit[1], CommitResult.COMMITTED))
    assert sound(chair).priority is HIGH
    assert chair.session.audio_at(chair.now) is AudioState.ON
    assert chair.session.switched_off == {}


def test_limits_that_move_do_not_judge_what_was_measured_on_somebody_else():
    chair = Bedside()
    chair.see(1, **REST | {"spo2": 85})
    assert chair.start().kind == "done"
    chair.bring_to(SessionPhase.INFUSING)
    moved = LimitAsked("spo2", "low", "high", 87)
    assert asked(chair, AdjustLimits, limits=(moved,)).kind == "done"
    chair.wait(30)
    assert "spo2 low" not in chair.alarms


def test_a_sign_that_is_on_again_after_a_restart_judges_its_last_cuff():
    chair = infusing()
    off = {"metric": "nibp_systolic", "reason": "shunt"}
    assert asked(chair, SwitchAlarm, CLINICIAN, is_off=True, **off).kind == "done"
    chair.cuff(10, 195, 90)
    again = restarted(chair)
    assert asked(again, SwitchAlarm, CLINICIAN, is_off=False, **off).kind == "done"
    assert ("nibp_systolic high", "high") in again.open()


def test_a_session_goes_on_under_other_limits_where_its_own_are_lost():
    chair = infusing()
    chair.watch(1, 12, **REST | {"hr": 145})
    first = replace(chair.facts[0], preset="gone", preset_version=7, checklist="gone as well")
    lost = replace(chair.stored(), facts=(first, *chair.stored().facts[1:]))
    state, _gap = resumed(ChairState(1, "Chair 1"), lost, at(20))
    assert state.session.preset == shipped().newest("ketamine-adult")
    assert state.session.alarms.keys() == chair.alarms.keys()


def test_the_pulse_stands_in_at_once_where_the_ecg_says_that_it_has_no_rate():
    chair = infusing()
    for begin in range(1, 60, 8):  # an electrode that comes and goes: one good value each 8 s
        chair.watch(begin, begin + 1, hr=70, pulse=35, spo2=97, rr=14)
        chair.watch(begin + 1, begin + 8, hr=None, pulse=35, spo2=97, rr=14)
    assert next(each[1:3] for each in chair.log("heart_rate low")) == ("raised", "high")


def test_a_pulse_that_misses_beats_does_not_reassure_beside_a_racing_heart():
    chair = infusing()
    for second in range(1, 60):
        hr = None if second % 4 == 0 else 145
        chair.watch(second, second + 1, **REST | {"hr": hr, "pulse": 90})
    assert ("heart_rate high", "high") in chair.open()


def test_the_furthest_of_two_limits_of_a_priority_is_the_one_that_was_reached():
    chair = started(SessionPhase.BASELINE)
    for second in (2, 201):
        chair.see(second - 1, **REST)
        chair.cuff(second, 138, 85)
    assert chair.lock().kind == "done"
    chair.bring_to(SessionPhase.INFUSING)
    chair.cuff(300, 185, 90)
    chair.acknowledge("nibp_systolic high")
    chair.cuff(400, 205, 90)  # beyond +40 % of 138 as well
    assert chair.alarms["nibp_systolic high"].acknowledged_by is None
    assert "(+40 %)" in chair.alarms["nibp_systolic high"].signal.text


def test_a_new_alarm_long_after_one_that_nobody_saw_calls_anew():
    chair = infusing()
    chair.watch(1, 60, **REST | {"hr": 145})
    chair.watch(60, 600, **REST)
    before = [fact for fact in chair.facts if isinstance(fact, AlarmCalled)]
    chair.watch(600, 650, **REST | {"hr": 145})
    calls = [fact for fact in chair.facts if isinstance(fact, AlarmCalled)][len(before) :]
    assert CallStage.SECOND in {call.stage for call in calls}


def test_a_session_that_cannot_be_taken_up_is_said_on_every_screen():
    clock = FakeClock()
    engine = Engine(
        [ChairState(1, "Chair 1")], recorder=FakeRecorder(), feed=FakeFeed(), clock=clock
    )
    engine.leave(1)
    (alarm,) = engine.snapshot.chairs[1].alarms
    assert (alarm.condition, alarm.priority, alarm.is_on_all_screens) == (SESSION_LEFT, HIGH, True)
    engine.start()
    seen_it = AcknowledgeAlarm(command_id=UUID(int=1), by=NURSE, chair=1, alarm_id=alarm.alarm_id)
    assert engine.submit(seen_it).result(timeout=10).kind == "done"
    assert engine.snapshot.chairs[1].alarms == ()
    assert engine.snapshot.chairs[1].sound is None
    engine.stop()


def test_an_alarm_that_comes_and_goes_unanswered_is_carried_on_from_its_first_time():
    chair = infusing()
    for begin in range(1, 120, 35):
        chair.watch(begin, begin + 25, **REST | {"hr": 145})
        chair.watch(begin + 25, begin + 35, **REST)
    calls = [fact for fact in chair.facts if isinstance(fact, AlarmCalled)]
    assert CallStage.SECOND in {call.stage for call in calls}


def test_what_nobody_saw_is_said_beside_the_milder_alarm_that_followed():
    chair = infusing()
    chair.watch(1, 3, **REST | {"spo2": 70})
    chair.watch(3, 12, **REST)
    assert chair.latched() == {"spo2 low"}
    chair.watch(12, 30, **REST | {"spo2": 91})
    (alarm,) = (
        each for each in chair_view(chair.state, chair.now).alarms if each.condition == "spo2 low"
    )
    assert (alarm.priority, alarm.text) == ("medium", "** SpO2 91 < 92")
    assert alarm.unseen == "*** SpO2 70 < 80"


def test_a_cuff_that_cycles_again_and_again_does_not_hide_a_low_saturation():
    chair = infusing()
    assert asked(chair, PlaceProbe, is_on_cuff_arm=True).kind == "done"
    for second in range(1, 240):
        is_up = second % 38 < 30
        chair.wait(second)
        frame = Observed(seen(second, **REST | {"spo2": 85}), at(second), is_cuff_up=is_up)
        chair.step(frame, at(second + 0.01))
    assert ("spo2 low", "high") in chair.open()


def test_a_cuff_whose_end_went_unheard_goes_up_again():
    chair = infusing()
    assert asked(chair, PlaceProbe, is_on_cuff_arm=True).kind == "done"
    for second in (1, 600):
        chair.step(Observed(seen(second, **REST), at(second), is_cuff_up=True), at(second + 0.01))
        assert chair.session.spo2_waits_until(at(second + 10)) == at(second + 45)


def test_a_rule_that_fails_is_an_alarm_on_every_screen_until_a_step_succeeds():
    clock, feed = FakeClock(), FakeFeed()
    engine = Engine([ChairState(1, "Chair 1")], recorder=FakeRecorder(), feed=feed, clock=clock)
    broken = engine._monitor

    class Failing:
        def step(self, *_):
            raise ZeroDivisionError

    engine._monitor = Failing()
    engine.start()
    engine.post(1, Observed(seen(0, **REST), at(0)))
    snapshot, change = feed.changes.get(timeout=10)
    (alarm,) = snapshot.chairs[1].alarms
    assert (alarm.condition, alarm.priority, alarm.is_on_all_screens) == (RULES_FAILED, HIGH, True)
    assert snapshot.chairs[1].sound.priority is HIGH
    assert {"alarms", "sound"} <= change.parts
    engine._monitor = broken
    engine.post(1, Observed(seen(0, **REST), at(0)))
    snapshot, _change = feed.changes.get(timeout=10)
    assert snapshot.chairs[1].alarms == ()
    engine.stop()


def test_a_pause_does_not_outlast_a_clock_that_was_put_back():
    chair = infusing()
    assert asked(chair, PauseAudio, seconds=120).kind == "done"
    again = restarted(chair, seconds=-3600)
    again.watch(-3599, -3580, **REST | {"hr": 145})
    assert sound(again).priority is HIGH


def test_a_call_is_not_held_back_by_a_clock_that_was_put_back():
    chair = infusing()
    chair.watch(1, 20, **REST | {"hr": 145})
    again = restarted(chair, seconds=-3600)
    begin = (again.now - at(0)).total_seconds()
    again.watch(begin + 1, begin + 40, **REST | {"hr": 145})
    assert CallStage.SECOND in {fact.stage for fact in again.facts if isinstance(fact, AlarmCalled)}


def test_a_reading_that_is_told_late_is_called_from_when_it_was_told():
    chair = infusing()
    chair.wait(200)
    late = seen(20, reading="n1", sys=185, dia=80, mean=110)
    chair.step(Observed(late, at(200)), at(200.01))
    assert chair.alarms["REPEAT BP"].signal.text == "REPEAT BP WITHIN 2 MIN"
    called = [fact for fact in chair.facts if isinstance(fact, AlarmCalled)]
    alarm_id = chair.alarms["nibp_systolic high"].alarm_id
    assert alarm_id not in {fact.alarm_id for fact in called}
    chair.wait(235)
    called = [fact for fact in chair.facts if isinstance(fact, AlarmCalled)]
    (second,) = (fact for fact in called if fact.alarm_id == alarm_id)
    assert (second.stage, second.at) == (CallStage.SECOND, at(230.01))


@pytest.mark.parametrize("given", ["no", "", 0, 1, None])
def test_a_word_in_place_of_yes_or_no_silences_nothing(given):
    chair = infusing()
    chair.watch(1, 12, **REST | {"hr": 145})
    off = {"is_off": given, "reason": "x"}
    assert asked(chair, SwitchAudio, DIRECTOR, **off).kind == "refused"
    assert asked(chair, SwitchAlarm, CLINICIAN, metric="heart_rate", **off).kind == "refused"
    assert asked(chair, PlaceProbe, is_on_cuff_arm=given).kind == "refused"
    assert sound(chair).priority is HIGH


def test_what_was_seen_of_a_milder_value_does_not_cover_a_worse_one():
    chair = infusing()
    chair.watch(1, 3, **REST | {"spo2": 62})
    chair.watch(3, 20, **REST | {"spo2": 85})
    chair.acknowledge("spo2 low")
    chair.watch(20, 22, **REST | {"spo2": 62})
    assert sound(chair).priority is HIGH


def test_a_second_reading_that_is_only_held_by_the_hysteresis_confirms_nothing():
    chair = infusing()
    chair.cuff(10, 185, 80)
    chair.cuff(60, 179, 80)
    chair.cuff(90, 181, 80)
    assert "confirmed" not in {each[1] for each in chair.log("nibp_systolic high")}
