"""What can somebody do who is not signed in, or who writes markup where words belong?"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.screens import Screen

MARKUP = """<img src=x onerror="window.hacked=1"><b>bold</b> & <script>window.hacked=1</script>"""
STATUS = r"the server responded with a status of {} "


def nothing_ran(screen: Screen) -> None:
    assert screen.page.evaluate("window.hacked") is None
    expect(screen.page.locator("main img[src=x], main b")).to_have_count(0)


@pytest.mark.parametrize("path", ["/", "/chair/1", "/review", "/nonsense"])
def test_who_is_not_signed_in_gets_the_form_and_then_the_page_they_wanted(demo, sign_in, path):
    stranger = sign_in(demo, None, path)
    expect(stranger.page).to_have_url(re.compile(r"/login\?next=" + re.escape(path)))
    expect(stranger.page.locator("[data-metric]")).to_have_count(0)
    if path == "/chair/1":
        account = demo.accounts["nurse"]
        stranger.page.get_by_label("Name").fill(account.user)
        stranger.page.get_by_label("Password").fill(account.password)
        stranger.page.get_by_role("button", name="Sign in").click()
        expect(stranger.page).to_have_url(re.compile("/chair/1$"))
        stranger.until_live(1)


def test_a_wrong_password_says_so_and_lets_nobody_in(demo, sign_in):
    stranger = sign_in(demo, None, "/")
    stranger.console.expected += [STATUS.format(401)]
    stranger.page.get_by_label("Name").fill("nurse")
    stranger.page.get_by_label("Password").fill("not the password")
    stranger.page.keyboard.press("Enter")
    expect(stranger.page.get_by_role("alert")).to_have_text(
        "That name and password do not go together."
    )
    expect(stranger.page.get_by_label("Name")).to_have_value("nurse")
    stranger.open("/")
    expect(stranger.page).to_have_url(re.compile("/login"))


def test_after_signing_out_nothing_is_shown_any_more(demo, sign_in):
    nurse = sign_in(demo)
    nurse.console.expected += [STATUS.format(401)]  # what was still under way
    nurse.until_live(1)
    other = nurse.page.context.new_page()
    other.goto("/")
    other.get_by_role("button", name="Sign out").click()
    expect(other).to_have_url(re.compile("/login"))
    expect(nurse.page).to_have_url(re.compile("/login"), timeout=15_000)  # its socket was closed


@pytest.mark.parametrize("path", ["/chair/99", "/review/99999", "/review/x", "/nonsense"])
def test_what_does_not_exist_is_a_404_page_in_words(demo, sign_in, path):
    nurse = sign_in(demo, path=None)
    nurse.console.expected += [STATUS.format(404)]
    answer = nurse.page.goto(path)
    assert answer is not None
    assert answer.status == 404
    expect(nurse.page.get_by_role("heading", name="There is nothing here")).to_be_visible()
    nurse.page.get_by_role("link", name="Back to the board").click()
    nurse.until_live(1)


def test_what_people_write_stays_text_wherever_it_is_shown(demo, sign_in):
    """A note and a sitter's name, on the page of the chair and in the review."""
    nurse = sign_in(demo, path="/chair/3")
    item = nurse.page.locator(".item", has_text="Aldrete")
    item.get_by_placeholder("Note").fill(MARKUP)
    item.get_by_role("button", name="Yes", exact=True).click()
    expect(item.locator(".item-answered")).to_contain_text(MARKUP)
    handover = nurse.page.locator(".statement", has_text="I take this person home")
    handover.locator("summary").click()
    handover.get_by_label("Full name", exact=True).fill(MARKUP)
    handover.get_by_label("Relation to the patient").fill(MARKUP)
    handover.get_by_label("Telephone").fill("<i>555</i>")
    handover.get_by_label("How the patient gets home").fill(MARKUP)
    handover.get_by_label("Identity checked").check()
    handover.get_by_label("An adult").check()
    handover.get_by_text("Type", exact=True).click()
    handover.get_by_label("Type the full name again").fill(MARKUP)
    handover.get_by_role("button", name=re.compile("^Sign in front of")).click()
    expect(handover.locator(".paper-typed")).to_have_text(MARKUP)
    expect(handover.get_by_text("<i>555</i>")).to_be_visible()
    nothing_ran(nurse)
    (session,) = demo.rows("SELECT id FROM infusion_session WHERE patient = 'CD' ORDER BY at DESC")[
        0
    ]
    nurse.open(f"/review/{session}")
    expect(nurse.page.locator(".paper-typed", has_text=MARKUP)).to_be_visible()
    expect(nurse.page.get_by_role("cell", name=MARKUP)).to_be_visible()
    nothing_ran(nurse)
