"""Is anything lost when Vigil is killed in mid-session?"""

from __future__ import annotations

import signal

from tests.system.clinic import Clinic, Point, Screen, ms_of, until

SLOW_HEART_S = "1350"  # minute 22.5 of the scenario: 37 beats a minute, high priority
SEEN_FOR_S = 2.0  # what a person saw for so long must be in the record


def test_a_session_goes_on_after_kill_9_with_nothing_lost_and_its_alarm_open(clinic: Clinic):
    clinic.configure(clinic.place("ge"))
    clinic.simulate("ge", "bradycardia", "--at", SLOW_HEART_S)
    server = clinic.run_with_a_desk()
    clinic.infuse(server, 1)
    with server.screen() as screen:
        shown = screen.chairs[1]
        alarm = screen.until(lambda: shown.alarm("HR"), "the slow heart")
        assert alarm["priority"] == "high"
        acknowledged = server.ask("AcknowledgeAlarm", chair=1, alarm_id=alarm["id"])
        assert acknowledged["kind"] == "done"
        enough = len(shown.points) + 16
        screen.until(lambda: len(shown.points) > enough, "some seconds more")
        before = {part: shown.parts[part] for part in ("phase", "session")}
        last_heard_s = shown.points[-1].heard_s
        server.program.kill()
    assert before["phase"] == "infusing"

    kept = recorded(clinic)
    from_ms = infusing_ms(clinic)
    seen = [
        each
        for each in shown.points
        if last_heard_s - each.heard_s > SEEN_FOR_S and each.t_ms > from_ms
    ]
    assert len(seen) > 20
    assert [each for each in seen if not is_in(kept, each)] == []

    again = clinic.run()
    with again.screen() as screen:
        shown = screen.chairs[1]
        # The first message is the whole picture, from the record, before the monitor spoke again.
        assert {part: shown.parts[part] for part in before} == before
        assert boot(screen) != ""
        trend = {(each.metric, each.value, each.t_ms) for each in shown.points}
        assert [each for each in seen if not is_in(trend, each)] == []
        reopened = shown.alarm("HR")
        assert reopened is not None
        assert reopened["id"] == alarm["id"]
        assert reopened["onset_ms"] == alarm["onset_ms"]
        assert reopened["acknowledged_by"] == "ana"
        newest_ms = seen[-1].t_ms
        screen.until(
            lambda: shown.link == "live" and shown.points[-1].t_ms > newest_ms + 1000, "live again"
        )
        still = shown.alarm("HR")
        assert still is not None
        assert still["id"] == alarm["id"]

    gap = clinic.record.rows("select since, until, reason from gap")[-1]
    assert gap["reason"] == "Vigil was not running"
    session = clinic.record.rows("select count(*) as n from infusion_session")
    assert session == [{"n": 1}]
    raised = clinic.record.rows(
        "select change from alarm_event where condition = 'heart_rate low' order by fact_no"
    )
    assert [each["change"] for each in raised].count("raised") == 1
    assert "cleared" not in [each["change"] for each in raised]
    since_ms, until_ms = ms_of(gap["since"]), ms_of(gap["until"])

    def vitals_after() -> bool:
        return bool(clinic.record.rows("select t_ms from vital where t_ms > ?", until_ms))

    until(vitals_after, "the record goes on", 3)
    last = clinic.record.rows("select max(t_ms) as t_ms from vital where t_ms < ?", until_ms)
    assert last[0]["t_ms"] <= since_ms


def test_a_polite_stop_loses_nothing_at_all_and_is_no_fault_of_the_line(clinic: Clinic):
    clinic.configure(clinic.place("ge"))
    clinic.simulate("ge")
    server = clinic.run_with_a_desk()
    clinic.infuse(server, 1)
    with server.screen() as screen:
        shown = screen.chairs[1]
        enough = len(shown.points) + 8
        screen.until(lambda: len(shown.points) > enough, "a few seconds")
        server.program.send(signal.SIGTERM)
        assert server.program.ended(10) == 0
    assert "Traceback" not in server.program.words
    kept = recorded(clinic)
    from_ms = infusing_ms(clinic)
    seen = [each for each in shown.points if each.t_ms > from_ms]
    assert [each for each in seen if not is_in(kept, each)] == []
    assert clinic.record.rows("select * from link_change where state = 'disconnected'") == []


def infusing_ms(clinic: Clinic) -> float:
    """When the infusion began: before the session's own commit nobody sits in the chair."""
    return ms_of(
        clinic.record.rows("select at from phase_change where phase = 'infusing'")[0]["at"]
    )


def boot(screen: Screen) -> str:
    return str(screen.first["boot"])


def recorded(clinic: Clinic) -> set[tuple[str, float | None, int]]:
    """(metric, value, t_ms) of every value in the record."""
    vital = clinic.record.rows("select * from vital")
    readings = clinic.record.rows("select metric, value, t_ms from reading")
    kept = {(each["metric"], each["value"], each["t_ms"]) for each in readings}
    for row in vital:
        kept |= {(metric, row[metric], row["t_ms"]) for metric in row}
    return kept


def is_in(kept: set[tuple[str, float | None, int]], point: Point) -> bool:
    return (point.metric, point.value, point.t_ms) in kept
