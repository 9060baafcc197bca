"""What does every system test get? A clinic of its own, gone without a trace afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.clinic import Clinic, clinic_in


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    with clinic_in(tmp_path) as clinic:
        yield clinic


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Starting a clinic takes seconds, many where others use the cores; ptys are POSIX."""
    for item in items:
        if "system" in item.path.parts:
            item.add_marker(pytest.mark.timeout(180))
            if os.name != "posix":
                item.add_marker(pytest.mark.skip(reason="pseudo-terminals and signals are POSIX"))
