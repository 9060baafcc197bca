"""Does a director's edition reach the next patient, and nobody else's click the presets?"""

from __future__ import annotations

from playwright.sync_api import Request, expect

from tests.e2e.screens import Screen, end_session, start_session

SESSIONS = "select preset, preset_version from infusion_session order by id"
EDITIONS = "select version, by, reason from preset_edition"
FOR_DIRECTORS = "Only a medical director changes or signs a preset."


def is_the_save(request: Request) -> bool:
    """Not Dash's own call for a button that has only just been drawn."""
    asked = request.post_data or ""
    return "save-preset" in asked and '"property":"n_clicks","value":1' in asked


def changes(director: Screen, value: str) -> None:
    director.page.get_by_label("HR > 120 medium", exact=True).fill(value)
    director.button("Show what changes").click()


def test_a_directors_edition_is_what_the_next_patient_gets(open_clinic, sign_in):
    clinic = open_clinic({1: "calm"})
    clinic.add_account("director")
    nurse = sign_in(clinic)
    start_session(nurse, 1, "AA")
    director = sign_in(clinic, "director", "/presets/ketamine-adult")
    said = director.page.locator(".preset-form")
    changes(director, "105")
    expect(said).to_contain_text("HR > 105 medium: limit to be beyond the low limit 110")
    changes(director, "125")
    expect(said).to_contain_text("> 120 for 10 s")
    expect(said).to_contain_text("> 125 for 10 s")
    director.button("Save this as a new edition").click()
    expect(said).to_contain_text("Reason: expected 1 to 500 characters, got 0")
    director.page.get_by_label("Why? It stays with the edition").fill("<b>too many</b> alarms")
    director.button("Show what changes").click()
    with director.page.expect_request(is_the_save) as asked:
        director.button("Save this as a new edition").click()
    expect(said).to_contain_text("Saved: ketamine-adult, version 101")
    assert clinic.rows(EDITIONS) == [(101, "e2e-director", "<b>too many</b> alarms")]

    # The very same request with a nurse's cookie: the server refuses, whatever a page shows.
    answer = nurse.page.context.request.post(
        "/_dash-update-component",
        data=asked.value.post_data,
        headers={"content-type": "application/json", "origin": clinic.url},
    )
    assert FOR_DIRECTORS in answer.text()
    assert len(clinic.rows(EDITIONS)) == 1

    director.open("/presets")
    adult = director.page.locator(".preset").first
    expect(adult).to_contain_text("Not signed by a medical director yet")
    adult.get_by_role("button", name="Sign version 101").click()
    expect(adult).to_contain_text("Signed by e2e-director")
    expect(adult).to_contain_text("<b>too many</b> alarms")

    nurse.open("/presets")
    expect(nurse.page.locator(".preset")).to_have_count(4)
    expect(nurse.page.locator(".preset .button")).to_have_count(0)
    nurse.open("/presets/ketamine-adult")
    expect(nurse.page.locator("main")).to_have_text(FOR_DIRECTORS)

    end_session(nurse, 1)
    start_session(nurse, 1, "BB")
    assert clinic.rows(SESSIONS) == [("ketamine-adult", 2), ("ketamine-adult", 101)]
