"""Do the page of a past session and the command line say the same of what would have been?"""

from __future__ import annotations

import json
import subprocess
from typing import Any

from playwright.sync_api import expect

from tests.e2e.clinics import VIGIL, Clinic
from tests.e2e.screens import end_session, start_session

RAISED = "select 1 from alarm_event where kind = 'physiological' and change = 'raised'"


def asked(clinic: Clinic, *options: str) -> dict[str, Any]:
    command = [VIGIL, "alarms", "1", "--data", str(clinic.data), "--json", *options]
    told: dict[str, Any] = json.loads(
        subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    )
    return told


def test_what_would_have_been_is_said_while_the_clinic_goes_on(open_clinic, sign_in):
    clinic = open_clinic({1: "emergency"}, speed=30)
    nurse = sign_in(clinic)
    start_session(nurse, 1, "AA")
    clinic.until_rows(2, RAISED)
    end_session(nurse, 1)
    log = asked(clinic)
    assert {alarm["priority"] for alarm in log["alarms"]} >= {"high"}

    nurse.open(f"/review/{log['session']['id']}")
    nurse.page.get_by_role("textbox", name="Alarm limits").click()
    nurse.page.get_by_text("Hypertensive history, version 1").click()
    nurse.page.get_by_label("Seconds longer").fill("5")
    nurse.button("Show").click()
    found = nurse.page.locator(".what-if-found table")
    expect(found).to_have_count(2, timeout=60_000)
    told = asked(clinic, "--preset", "hypertensive-history:1", "--delay", "5")
    expect(found.last.locator("tbody tr")).to_have_count(len(told["alarms"]))
    for priority, row in zip(told["then"], found.first.locator("tbody tr").all(), strict=True):
        cells = row.locator("td").all_inner_texts()
        assert (cells[1], cells[4]) == tuple(
            str(told[which][priority]["count"]) for which in ("then", "now")
        )
