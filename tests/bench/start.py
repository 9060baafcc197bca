"""How long until something answers: a command's help, the demo, the first number that moves?"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx
from playwright.sync_api import Browser

from tests.bench import screen
from tests.bench.report import Goal, Options, Row, Table

ROOT = Path(__file__).parent.parent.parent
VIGIL = Path(sys.executable).with_name("vigil")
HELPS = 5
WITHIN_S = 90.0
STOP_WITHIN_S = 30.0
LOOK_EVERY_S = 0.02
SETTLES_S = 10.0  # the first demo runs for so long, then is stopped: its folder is there

# The first vital number that changes from one value to another, in a page that is signed in.
CHANGE = """(() => {
  window.__changed = false;
  const first = new Map();
  const look = () => {
    for (const el of document.querySelectorAll('[data-chair][data-metric]')) {
      if (!/^[0-9]/.test(el.textContent)) continue;
      const key = `${el.dataset.chair} ${el.dataset.metric}`;
      if (!first.has(key)) first.set(key, el.textContent);
      else if (first.get(key) !== el.textContent) window.__changed = true;
    }
  };
  new MutationObserver(look).observe(
    document, {subtree: true, childList: true, characterData: true});
})();"""


@dataclass(frozen=True, slots=True)
class Demo:
    """A ``vigil demo`` that was started at ``begun_s`` (monotonic)."""

    process: subprocess.Popen[bytes]
    port: int
    accounts: Path
    begun_s: float


def start(options: Options) -> list[Row]:
    help_s = [_help_s() for _ in range(HELPS)]
    healthy_s, moving_s = [], []
    with tempfile.TemporaryDirectory() as folder, screen.a_browser() as found:
        with _demo(folder) as demo:
            _healthy_s(demo)
            time.sleep(SETTLES_S)
        for _ in range(options.repeats):
            with _demo(folder) as demo, screen.a_page(found, CHANGE) as page:
                healthy_s.append(_healthy_s(demo))
                screen.sign_in(page, _account(demo))
                page.wait_for_function("() => window.__changed", timeout=1000 * WITHIN_S)
                moving_s.append(time.monotonic() - demo.begun_s)
        fresh_s = _fresh_clone_s(found)
    return [
        _row("vigil --help", help_s),
        _row("vigil demo, again: /healthz answers", healthy_s),
        _row("vigil demo, again: a number changes in a signed-in page", moving_s),
        _row("make demo in a fresh clone, packages in the cache: a number changes", [fresh_s]),
    ]


def _fresh_clone_s(found: Browser) -> float:
    """From ``make demo`` in a new clone, which installs all, to the first change of a number."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "vigil"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        with _demo(folder, clone) as demo, screen.a_page(found, CHANGE) as page:
            _healthy_s(demo)
            screen.sign_in(page, _account(demo))
            page.wait_for_function("() => window.__changed", timeout=1000 * WITHIN_S)
            return time.monotonic() - demo.begun_s


def _row(name: str, took_s: list[float]) -> Row:
    return {"": name, "median s": median(took_s), "worst s": max(took_s)}


def _help_s() -> float:
    begin_s = time.monotonic()
    subprocess.run([VIGIL, "--help"], check=True, capture_output=True)
    return time.monotonic() - begin_s


@contextmanager
def _demo(folder: str, clone: Path | None = None) -> Iterator[Demo]:
    """A demo with its data in ``folder``; by ``make`` in ``clone``; stopped as Ctrl-C would."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    accounts = Path(folder) / f"accounts-{port}.json"
    options = ["--port", str(port), "--data", f"{folder}/demo", "--accounts", str(accounts)]
    command = [VIGIL, "demo", *options]
    if clone is not None:
        command = ["make", "-s", "demo", f"ARGS={' '.join(options)}"]
    begun_s = time.monotonic()
    process = subprocess.Popen(
        command, cwd=clone, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield Demo(process, port, accounts, begun_s)
    finally:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _healthy_s(demo: Demo) -> float:
    """Seconds from the start of the process to the first answer."""
    while time.monotonic() - demo.begun_s < WITHIN_S:
        if demo.process.poll() is not None:
            raise RuntimeError(f"vigil demo ended, exit code {demo.process.returncode}")
        try:
            if httpx.get(f"http://127.0.0.1:{demo.port}/healthz").is_success:
                return time.monotonic() - demo.begun_s
        except httpx.TransportError:
            time.sleep(LOOK_EVERY_S)
    raise TimeoutError(f"no answer from /healthz in {WITHIN_S:g} s")


def _account(demo: Demo) -> dict[str, str]:
    while not demo.accounts.exists():
        time.sleep(LOOK_EVERY_S)
    told = json.loads(demo.accounts.read_text())
    return {"url": told["url"], **told["accounts"][0]}


TABLE = Table(
    "Start",
    """Seconds from the start of the process. The demo's folder is there from an earlier one; the
browser is open, and signs in as soon as the server answers. `make demo` adds what make takes.""",
    {"start": start},
    (
        Goal("`vigil --help` under 0.5 s", "vigil --help", "median s", 0.5),
        Goal(
            "a number moves within 8 s of the second start",
            "vigil demo, again: a number changes in a signed-in page",
            "median s",
            8,
        ),
    ),
)
