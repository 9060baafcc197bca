"""What does every test get? No thread left behind, the shared data, a browser of this machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests import browser

ROOT = Path(__file__).resolve().parent.parent

# The same examples on every CI run; at a desk each run looks elsewhere. Shared cores make any
# deadline on a single example a coin toss, so the test's own timeout is the only one.
settings.register_profile("desk", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if browser.is_required() else "desk")

# Of the visits in a browser, those that only look; they take some five minutes.
LOOKS = ("test_looks", "test_wall", "test_keyboard")
THREAD_GRACE_S = 2.0
# Pools and watchers that live as long as their owner: asyncio's executor and child watcher
# (Playwright's driver is a child), AnyIO's idle workers (starlette's test client).
LONG_LIVED = ("asyncio_", "waitpid-", "AnyIO worker thread")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what drives a browser and run it last; give the visits in a browser a worker of their
    own, where there are several (``-n 2 --dist loadgroup``): they mostly wait. Those that only
    look at pages go with the rest, so that both workers end at about the same time.

    Playwright's loop runs in the main thread from the first page to the end of the run; until
    then ``asyncio.run`` works, afterwards it refuses.
    """
    for item in items:
        is_visit = item.path.parent == ROOT / "tests" / "e2e" and item.path.stem not in LOOKS
        item.add_marker(pytest.mark.xdist_group("visits" if is_visit else "others"))
        if "playwright" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


@pytest.fixture(autouse=True)
def no_thread_left_behind() -> Iterator[None]:
    """A link, an engine or a writer that outlives its test would feed the next one."""
    before = set(threading.enumerate())
    yield
    until_s = time.monotonic() + THREAD_GRACE_S
    new = [
        thread
        for thread in threading.enumerate()
        if thread not in before and not thread.name.startswith(LONG_LIVED)
    ]
    for thread in new:
        thread.join(max(0.0, until_s - time.monotonic()))
    left = [thread.name for thread in new if thread.is_alive()]
    if left:
        pytest.fail(f"threads still running {THREAD_GRACE_S:g} s after the test: {', '.join(left)}")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder ``shared`` beside the repository: recordings, captures, protocol pages."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("no folder 'shared' beside the repository, where the recordings lie")
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the browser under test; without one, skipped at a desk and an error in CI."""
    path = browser.find()
    if path is None:
        (pytest.fail if browser.is_required() else pytest.skip)(browser.MISSING)
    return path


@pytest.fixture(scope="session")
def browser_type_launch_args(
    browser_type_launch_args: dict[str, Any], chromium: str
) -> dict[str, Any]:
    """pytest-playwright's own, with this machine's browser instead of a downloaded one."""
    return {
        **browser_type_launch_args,
        "executable_path": chromium,
        "args": [*browser_type_launch_args.get("args", []), *browser.LAUNCH_FLAGS],
    }
