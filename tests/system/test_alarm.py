"""Is an alarm decided and recorded when nobody looks?"""

from __future__ import annotations

import time
from typing import Any

from tests.system.clinic import Clinic, ms_of, until

SLOW_HEART_S = "1350"  # minute 22.5 of the scenario: 37 beats a minute
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
