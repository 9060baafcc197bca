"""Is an alarm decided and recorded when nobody looks?"""

from __future__ import annotations

import time
from typing import Any

from tests.system.clinic import Clinic, Shown, ms_of, until

SLOW_HEART_S = "1350"  # minute 22.5 of the scenario: 37 beats a minute
REBUILT_WITHIN_S = 5.0  # of the alarm design (A1), from the first answer of the new process
LIMIT, DELAY_S = 40, 5  # "<= 40, high, 5 s" of the shipped preset


def test_an_alarm_is_in_the_record_within_its_delay_and_a_second_with_no_browser(clinic: Clinic):
    clinic.configure(clinic.place("ge"))
    clinic.simulate("ge", "bradycardia", "--at", SLOW_HEART_S)
    # Without a visitor: nobody signs in, no page and no socket is open.
    server = clinic.run_with_a_desk()
    clinic.infuse(server, 1)

    def raised() -> list[dict[str, Any]]:
        return clinic.record.rows(
            "select *, (select written_at from fact where fact_no = alarm_event.fact_no) as written"
            " from alarm_event where condition = 'heart_rate low' and priority = 'high'"
        )

    alarm = until(raised, "the alarm in the record")[0]
    found_ms = time.time() * 1000
    breached = clinic.record.rows(
        "select min(t_ms) as t_ms from vital where heart_rate <= ?", LIMIT
    )
    due_ms = breached[0]["t_ms"] + 1000 * DELAY_S
    assert found_ms <= due_ms + 1000
    assert ms_of(alarm["written"]) <= due_ms + 1000
    # The onset is breach and delay in data time, not the moment of writing.
    assert abs(ms_of(alarm["at"]) - due_ms) <= 1
    assert (alarm["kind"], alarm["limit"], alarm["metric"]) == (
        *("physiological", LIMIT, "heart_rate"),
    )
    assert alarm["text"].startswith("***")
    assert clinic.record.rows("select * from audit_log where action = 'sign_in'") == []


def test_a_killed_server_comes_back_with_the_same_alarms_limits_and_silence(clinic: Clinic):
    """One that nobody has answered, with its call, while the sound is paused and a limit moved."""
    clinic.configure(clinic.place("ge"))
    clinic.simulate("ge", "bradycardia", "--at", SLOW_HEART_S)
    server = clinic.run_with_a_desk()
    clinic.infuse(server, 1)
    moved = {"metric": "heart_rate", "direction": "high", "priority": "medium", "value": 130}
    with server.screen() as screen:
        shown = screen.chairs[1]
        screen.until(lambda: shown.alarm("HR"), "the slow heart")
        assert shown.parts["sound"] == {"priority": "high", "kind": "physiological"}
        for command, fields in (
            ("PauseAudio", {"seconds": 300}),
            ("AdjustLimits", {"limits": [moved], "reason": "an athlete"}),
        ):
            assert server.ask(command, chair=1, **fields)["kind"] == "done"
        called = screen.until(
            lambda: (shown.alarm("HR") or {}).get("calls"), "the call to the second person", 40
        )
        assert [call["stage"] for call in called] == ["second"]
        screen.until(lambda: shown.parts["sound"] is None, "silence")
        before = state_of(shown)
        screen.listen(2)  # the call is written by then
        server.program.kill()

    again = clinic.run()
    begun_s = time.monotonic()
    with again.screen() as screen:
        assert state_of(screen.chairs[1]) == before
        assert time.monotonic() - begun_s < REBUILT_WITHIN_S
    (limit,) = clinic.record.rows("select * from limit_change")
    assert (limit["before"], limit["value"], limit["reason"]) == (120, 130, "an athlete")


def state_of(shown: Shown) -> dict[str, Any]:
    """What of the alarms must outlive the process; the words follow the value of each second."""
    alarm = shown.alarm("HR")
    assert alarm is not None
    kept = ("id", "condition", "priority", "onset_ms", "acknowledged_by", "latched", "calls")
    return {name: alarm[name] for name in kept} | {
        "audio": shown.parts["audio"],
        "sound": shown.parts["sound"],
    }
