"""How do measured figures become the page docs/benchmarks.md, and how are old ones kept?

Every cell's figures are stored as JSON; the page is drawn from all that is stored, so that a run
of one cell leaves the others as they were measured.
"""

from __future__ import annotations

import json
import math
import os
import platform
import re
import statistics
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psutil

from tests import browser

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE, STORE = DOCS / "benchmarks.md", DOCS / "benchmarks.json"
GIB = 2**30

# A row of a table: the column "" names it, the others are figures (None: not measured).
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Options:
    """How often to measure, and for how long where ``Table.is_timed``."""

    seconds: float = 30.0
    repeats: int = 3


@dataclass(frozen=True, slots=True)
class Goal:
    """``column`` of ``row`` must be from ``least`` to ``most``; a row of None means each."""

    words: str
    row: str | None
    column: str
    most: float = math.inf
    least: float = -math.inf


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the page: what was measured and how, its goals, and the cells that fill it.

    ``is_timed``: a repeat lasts as long as was asked for, and not until its work is done.
    """

    title: str
    words: str
    cells: Mapping[str, Callable[[Options], list[Row]]]
    goals: Sequence[Goal] = ()
    is_timed: bool = False


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """p50, p95, p99 and max of ``seconds``, in ms; the nearest rank, never between two samples."""
    ordered = sorted(seconds)
    ranks = {"p50": 0.50, "p95": 0.95, "p99": 0.99, "max": 1.0}
    last = len(ordered) - 1
    return {name: 1000 * ordered[round(rank * last)] for name, rank in ranks.items()}


def medians(rows: Sequence[Row]) -> Row:
    """The median of each figure over several repeats; of counts of losses, all of them."""
    return {
        column: value
        if isinstance(value, str)
        else sum(row[column] for row in rows)
        if column.startswith("lost")
        else statistics.median(row[column] for row in rows)
        for column, value in rows[0].items()
    }


def machine() -> dict[str, str]:
    """What the figures were measured on; nothing that names the computer or its owner."""
    model = re.search(r"model name\s*:\s*(.+)", _read("/proc/cpuinfo"))
    chromium = browser.find()
    version = _output([chromium, "--version"]) if chromium else "none"
    return {
        "CPU": model[1].strip() if model else platform.processor() or platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / GIB:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "browser": " ".join(version.split()[:2]),
    }


def _read(file: str) -> str:
    try:
        return Path(file).read_text()
    except OSError:
        return ""


def _output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


# The store and the page.


def stored(file: Path = STORE) -> dict[str, Any]:
    """What was measured before: cell name to ``{"date", "machine", "how", "rows"}``."""
    found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return found


def store(cell: str, rows: Sequence[Row], how: str, file: Path = STORE) -> None:
    """Put ``rows``, and ``how`` they were measured, in the place of what ``cell`` gave before."""
    told = stored(file)
    told[cell] = {
        "date": date.today().isoformat(),  # noqa: DTZ011  # of a page for people
        "machine": machine(),
        "how": how,
        "rows": [{key: _rounded(value) for key, value in row.items()} for row in rows],
    }
    file.write_text(json.dumps(dict(sorted(told.items())), indent=1, ensure_ascii=False) + "\n")


def _rounded(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value


def page(told: Mapping[str, Any], tables: Sequence[Table]) -> str:
    """The whole page, in the order of ``tables``; a cell that was never run is not on it."""
    parts = [INTRODUCTION, _machines(told)]
    for table in tables:
        cells = {name: told[name] for name in table.cells if name in told}
        rows = [row for cell in cells.values() for row in cell["rows"]]
        parts += [f"## {table.title}", table.words]
        if rows:
            parts.append(_grid(rows))
        if table.goals:
            parts.append("\n".join(f"- {_judged(goal, rows)}" for goal in table.goals))
        parts.append(_when(cells) if cells else "Not measured yet.")
    return "\n\n".join(parts) + "\n"


def _machines(told: Mapping[str, Any]) -> str:
    """The machine of each cell; one list where it was the same for all, which it usually was."""
    of: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for name, cell in told.items():
        of.setdefault(tuple(cell["machine"].items()), []).append(name)
    lines = [
        "- " + ", ".join(f"{what} {value}" for what, value in facts) + _only(cells, len(of))
        for facts, cells in of.items()
    ]
    return "\n".join(["## Machine", "", *lines])


def _only(cells: Sequence[str], machines: int) -> str:
    return f" ({', '.join(cells)})" if machines > 1 else ""


def _when(cells: Mapping[str, Any]) -> str:
    runs: dict[str, list[str]] = {}
    for name, cell in cells.items():
        runs.setdefault(f"{cell['date']}, {cell['how']}", []).append(name)
    return "\n".join(f"Measured {run}: {', '.join(names)}." for run, names in runs.items())


def _grid(rows: Sequence[Row]) -> str:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    lines = [columns, ["---" if not column else "---:" for column in columns]]
    lines += [[shown(row.get(column)) for column in columns] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def shown(value: Any) -> str:
    """A figure for people: three digits that count, or as many as it has before the point."""
    if not isinstance(value, float):
        return "–" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _judged(goal: Goal, rows: Sequence[Row]) -> str:
    found = [row.get(goal.column) for row in rows if goal.row in (None, row[""])]
    known = [value for value in found if value is not None]
    if not known:
        return f"{goal.words}: not measured"
    worst = min(known) if goal.most == math.inf else max(known)
    verdict = "**met**" if goal.least <= worst <= goal.most else "**not met**"
    return f"{goal.words}: {verdict} ({shown(worst)})"


INTRODUCTION = """# Benchmarks

Written by `make bench` from `docs/benchmarks.json`; do not edit. One cell alone, such as
`make bench CELL="live-16x1 decoder"`, leaves the others as they are;
`.venv/bin/python -m tests.bench --list` names them. All of them take half an hour, on a machine
that does nothing else: with other work on it, latencies rise tenfold."""
