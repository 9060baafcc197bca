"""What does a browser test find: a demo that runs, clinics of its own, signed-in windows?"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.e2e.clinics import ROOT, Clinic, Demo, Running, clinic_with
from tests.e2e.screens import LARGE, Console, Screen, end_session, start_session

SOUND_TESTED = "vigil_sound"  # the cookie by which a browser knows
EXPECT_WITHIN_MS = 10_000  # shared cores: how long a page may take where no time is promised
README_PICTURES = ROOT / "docs" / "screenshots"

SignIn = Callable[..., Screen]
OpenClinic = Callable[..., Clinic]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--screenshots", action="store_true", help="rewrite the pictures of the README, too"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """These start whole clinics: a minute is not enough for the longest visit."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(180), append=False)
            if not hasattr(sys, "getwindowsversion"):
                continue
            item.add_marker(pytest.mark.skip("the simulated monitors need pseudo-terminals"))


@pytest.fixture(autouse=True, scope="session")
def patience() -> None:
    expect.set_options(timeout=EXPECT_WITHIN_MS)


@pytest.fixture(scope="session")
def for_readme(request: pytest.FixtureRequest) -> bool:
    """Whether the pictures of the README are to be rewritten."""
    return bool(request.config.getoption("--screenshots", default=False))


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, for_readme: bool) -> Iterator[Demo]:
    """``vigil demo`` at real speed, shared by all tests that only look or click a little.

    For the pictures it is faster, so that something has happened in them.
    """
    faster = ("--speed", "4") if for_readme else ()
    running = Demo(tmp_path_factory.mktemp("demo"), *faster)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def emergency(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """One chair with a high alarm and a pulse about 100, thirty times as fast as real."""
    clinic = clinic_with(tmp_path_factory.mktemp("emergency"), {1: "emergency"}, speed=30)
    yield clinic
    clinic.stop()


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """Two chairs with two monitors each, eight times as fast as real.

    Chair 1 has a cuff that is worked from its page, and an oximeter; chair 2 two sources of SpO2,
    of which the oximeter is the one to believe. There the other says a few percent less.
    """
    chairs = {
        1: {"dinamap": "asked-cuff", "masimo-ascii1": "asked-cuff"},
        2: {"ge-dri": "low-finger", "nellcor": "asked-cuff"},
    }
    folder = tmp_path_factory.mktemp("pairs")
    clinic = clinic_with(folder, chairs, speed=5, prefers={"nellcor": ["spo2", "pulse_rate"]})
    clinic.add_account("clinician")
    yield clinic
    clinic.stop()


@pytest.fixture
def alarmed(emergency: Clinic, sign_in: SignIn) -> Screen:
    """The board of ``emergency``, where nobody has seen the high alarm of its patient."""
    nurse = sign_in(emergency)
    nurse.until_live()
    if nurse.tile().get_attribute("data-calls") != "high":
        end_session(nurse, 1)
        start_session(nurse, 1, "EM")
        nurse.open("/")
    expect(nurse.tile()).to_have_attribute("data-calls", "high")
    return nurse


@pytest.fixture
def open_clinic(tmp_path: Path) -> Iterator[OpenClinic]:
    """``open_clinic({1: "calm"}, speed=30)``: a running clinic with these simulated monitors."""
    opened: list[Clinic] = []

    def open_(scenarios: dict[int, str], speed: float = 1.0) -> Clinic:
        folder = tmp_path / f"clinic-{len(opened)}"
        folder.mkdir()
        opened.append(clinic_with(folder, scenarios, speed))
        return opened[-1]

    yield open_
    for clinic in opened:
        clinic.stop()


@pytest.fixture
def sign_in(new_context: Callable[..., BrowserContext]) -> Iterator[SignIn]:
    """``sign_in(clinic, "nurse", path="/")``: a window of its own, signed in unless role is None.

    At the end no console has said a word that its test did not expect, and no request has gone
    anywhere but to the clinic.
    """
    screens: list[Screen] = []

    def open_(
        clinic: Running,
        role: str | None = "nurse",
        path: str | None = "/",
        *,
        is_sound_tested: bool = True,
        **options: Any,
    ) -> Screen:
        context = new_context(base_url=clinic.url, **{"viewport": LARGE, **options})
        console = Console()
        console.watch(context)
        if role is not None:
            account = clinic.accounts[role]
            form = {"user": account.user, "password": account.password}
            answer = context.request.post("/login", form=form, max_redirects=0)
            assert answer.status == 303, answer.text()
        if is_sound_tested:  # else each page asks for the test
            context.add_cookies([{"name": SOUND_TESTED, "value": "tested", "url": clinic.url}])
        page = context.new_page()
        console.watch_page(page)
        screens.append(Screen(page, clinic, console))
        if path is not None:
            page.goto(path)
        return screens[-1]

    yield open_
    for screen in screens:
        assert screen.console.unexpected() == []
        assert screen.console.hosts <= {urlsplit(screen.clinic.url).netloc}


@pytest.fixture
def picture(tmp_path_factory: pytest.TempPathFactory, for_readme: bool) -> Callable[..., Path]:
    """``picture(screen, "board-dark", readme="board")``: a screenshot to look at.

    With ``--screenshots`` those named for the README are written there, too.
    """
    folder = tmp_path_factory.getbasetemp() / "screenshots"
    folder.mkdir(exist_ok=True)

    def take(screen: Screen, name: str, *, readme: str | None = None, **options: Any) -> Path:
        file = folder / f"{name}.png"
        screen.page.screenshot(path=file, animations="disabled", **options)
        if readme is not None and for_readme:
            (README_PICTURES / f"{readme}.png").write_bytes(file.read_bytes())
        return file

    return take
