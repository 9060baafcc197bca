"""Do the walls between the rooms stand, and would anyone notice if one fell?

The contracts are in pyproject.toml; each planted violation here is one that they must catch.
"""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

ROOMS = ("clinical", "devices", "storage", "dashboard", "simulators")

PLANTED = {
    "a rule that reads storage": ("clinical/planted.py", "import storage"),
    "a rule with a clock": ("clinical/planted.py", "import time"),
    "a rule with a thread": ("clinical/planted.py", "import threading"),
    "an engine with a disk": ("clinical/engine.py", "import os"),
    "a protocol with a port": ("devices/protocols/planted.py", "import serial"),
    "a protocol with a clock, in a function": (
        "devices/protocols/planted.py",
        "def f() -> None:\n    from time import monotonic",
    ),
    "a device that writes rows": ("devices/planted.py", "import storage"),
    "a store that knows a port": ("storage/planted.py", "import devices"),
    "a store that knows a page": ("storage/planted.py", "import dashboard"),
    "a row with pandas": ("storage/planted.py", "import pandas"),
    "a simulator that uses the decoder": ("simulators/planted.py", "import devices.protocols"),
    "a page that runs a simulator": ("dashboard/planted.py", "import simulators"),
    "a demo that runs a simulator": ("dashboard/demo.py", "import simulators"),
}
ALLOWED = {
    "an engine with a thread": ("clinical/engine.py", "import queue\nimport threading"),
    "a review with pandas": ("storage/review.py", "import pandas"),
    "a report with typst": ("storage/reports/planted.py", "import typst"),
    "a command that runs a simulator": ("dashboard/cli.py", "import simulators"),
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The rooms, each emptied but for its packages, so that a case shows its own line only."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in (*ROOMS, "devices/protocols", "storage/reports"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    return tmp_path


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """The command of `make test`, run in ``folder``."""
    # -c and not the installed script: the script's own folder would come first on the path, and
    # the rooms of this repository before those of ``folder``.
    run = "import sys; from importlinter.cli import lint_imports_command as c; sys.exit(c())"
    return subprocess.run(
        [sys.executable, "-c", run, "--no-cache", "--no-logo"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("file", "line"), PLANTED.values(), ids=PLANTED)
def test_a_planted_import_breaks_a_contract(copy, file, line):
    (copy / file).write_text(line + "\n")
    checked = lint_imports(copy)
    assert checked.returncode == 1, checked.stdout
    assert "BROKEN" in checked.stdout
    assert file.removesuffix(".py").replace("/", ".") in checked.stdout


@pytest.mark.parametrize(("file", "line"), ALLOWED.values(), ids=ALLOWED)
def test_what_the_design_allows_breaks_none(copy, file, line):
    (copy / file).write_text(line + "\n")
    checked = lint_imports(copy)
    assert checked.returncode == 0, checked.stdout


def test_this_tree_keeps_every_contract():
    checked = lint_imports(ROOT)
    assert checked.returncode == 0, checked.stdout


def imported(file: Path) -> Iterator[str]:
    """Top-level name of each module that ``file`` imports, at any depth of its code."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module.partition(".")[0]


def test_clinical_imports_the_standard_library_only():
    """import-linter can forbid names, not everything but some; hence this one by hand."""
    allowed = {*sys.stdlib_module_names, "clinical"}
    foreign = {
        (file.relative_to(ROOT).as_posix(), name)
        for file in (ROOT / "clinical").rglob("*.py")
        for name in imported(file)
        if name not in allowed
    }
    assert foreign == set()


@pytest.mark.parametrize("room", ROOMS)
def test_package_files_are_empty(room):
    """What a package runs on import, every command would pay for."""
    full = [file for file in (ROOT / room).rglob("__init__.py") if file.stat().st_size]
    assert full == []


@pytest.mark.parametrize("lock", ["app", "dev"])
def test_a_lock_names_no_host_and_no_machine(lock):
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    assert "://" not in text
    assert "file:" not in text
    pins = [line for line in text.splitlines() if line and not line.startswith(" ")]
    assert all("==" in pin and pin.endswith("\\") for pin in pins), "each with a version and a hash"


def test_the_dev_lock_holds_the_app_lock():
    """So that what the tests saw is what the clinic runs."""
    app, dev = (
        set((ROOT / "requirements" / f"{name}.txt").read_text().splitlines())
        for name in ("app", "dev")
    )
    assert app <= dev
