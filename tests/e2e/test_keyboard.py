"""Can the work be done without a mouse, and does one see where one is?"""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.e2e.screens import Screen

MOST_TABS = 80

FOCUSED = """() => {
  const el = document.activeElement, style = getComputedStyle(el);
  return {text: el.innerText || el.name || '', id: el.id,
    outline: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
    border: style.borderColor};
}"""


def tab_to(screen: Screen, wanted: str, within: str = "") -> None:
    """Press Tab until the focus is on ``wanted`` (its text or name) with ``within`` in its id."""
    passed = []
    for _ in range(MOST_TABS):
        focus = screen.page.evaluate(FOCUSED)
        if focus["text"].strip() == wanted and within in focus["id"]:
            assert focus["outline"], f"nobody sees that {wanted} has the focus"
            return
        passed.append(focus["text"].strip()[:30])
        screen.page.keyboard.press("Tab")
    raise AssertionError(f"no way to {wanted!r}: {passed}")


def test_the_sign_in_form_is_worked_with_the_keyboard(demo, sign_in):
    stranger = sign_in(demo, None, "/")
    keyboard, account = stranger.page.keyboard, demo.accounts["nurse"]
    tab_to(stranger, "user")
    keyboard.type(account.user)
    tab_to(stranger, "password")
    keyboard.type(account.password)
    tab_to(stranger, "Sign in")
    keyboard.press("Space")
    stranger.until_live(1)


def test_an_alarm_is_acknowledged_with_the_keyboard(alarmed):
    nurse = alarmed
    nurse.open("/chair/1")
    alarm = nurse.page.locator(".alarm[data-priority=high]")
    expect(alarm).to_be_visible()
    tab_to(nurse, "Acknowledge")
    nurse.page.keyboard.press("Enter")
    expect(alarm).to_contain_text(re.compile(r"Seen by e2e-nurse at \d\d:\d\d:\d\d"))


def test_the_checklist_is_answered_with_the_keyboard(demo, sign_in):
    nurse = sign_in(demo, path="/chair/3")
    item = nurse.page.locator(".item", has_text="Wide awake")
    expect(item).to_be_visible()
    tab_to(nurse, "No", "awake")
    nurse.page.keyboard.press("Space")
    expect(item.locator(".item-answered")).to_contain_text("No – nurse")
    expect(item.get_by_role("button", name="No", exact=True)).to_be_focused()
    nurse.page.keyboard.press("Shift+Tab")
    nurse.page.keyboard.press("Enter")
    expect(item.locator(".item-answered")).to_contain_text("Yes – nurse")
    answers = demo.rows(
        "SELECT answer, replaces IS NULL FROM checklist_answer a JOIN infusion_session s"
        " ON s.id = a.session_id WHERE s.patient = 'CD' AND item = 'awake'"
        " AND s.id = (SELECT max(id) FROM infusion_session WHERE patient = 'CD' AND chair = 3"
        " AND infusion_number = 2) ORDER BY a.fact_no"
    )
    assert answers == [("no", 1), ("yes", 0)]


def test_a_row_of_the_review_is_opened_with_the_keyboard(demo, sign_in):
    nurse = sign_in(demo, path="/review")
    row = nurse.page.locator(".grid .ag-row", has_text="BM").first
    expect(row).to_be_visible()
    row.get_by_text("BM").focus()
    nurse.page.keyboard.press("Enter")
    expect(nurse.page).to_have_url(re.compile(r"/review/\w+"))
    expect(nurse.page.get_by_role("heading", name=re.compile("^BM"))).to_be_visible()
