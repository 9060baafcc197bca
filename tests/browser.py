"""Which browser do the tests drive? Run as a program, it also installs one where that is possible.

Playwright's own browsers are a download of their own; one that the machine has is enough.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "msedge",
    "chrome",
)
DESKTOP_PLACES = (
    Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
    Path("C:/Program Files/Google/Chrome/Application/chrome.exe"),
    Path("C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe"),
)
LAUNCH_FLAGS = (
    "--no-sandbox",  # the sandbox refuses root, and CI often is
    "--disable-gpu",
    "--autoplay-policy=no-user-gesture-required",  # as a clinic sets its wall screens up
    # The rest keeps the browser from calling anyone but the page under test.
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
MISSING = "no Chromium, Chrome or Edge on this machine (Debian: apt-get install chromium)"


def find() -> str | None:
    """Path of the first browser of ``NAMES`` on the PATH, else of a desktop installation."""
    on_path = (shutil.which(name) for name in NAMES)
    in_place = (str(place) for place in DESKTOP_PLACES if place.exists())
    return next((path for path in (*on_path, *in_place) if path), None)


def is_required() -> bool:
    """In CI a missing browser is an error: skipped browser tests would look green."""
    return os.environ.get("CI", "").lower() in {"1", "true"}


def install() -> None:
    """Install Debian's Chromium. Raises CalledProcessError where apt refuses."""
    quietly = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update", "-qq"], ["install", "-y", "-qq", "chromium"]):
        subprocess.run(["apt-get", *words], env=quietly, check=True, stdout=subprocess.DEVNULL)


def main() -> int:
    may_install = shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0
    if not find() and may_install:
        print("Installing Chromium for the browser tests ...", flush=True)
        try:
            install()
        except subprocess.CalledProcessError as error:
            print(f"apt-get failed with exit code {error.returncode}", file=sys.stderr)
    if find():
        return 0
    print(f"Browser tests: {MISSING}", file=sys.stderr)
    return 1 if is_required() else 0


if __name__ == "__main__":
    sys.exit(main())
