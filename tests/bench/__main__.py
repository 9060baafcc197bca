"""How fast is Vigil here? ``python -m tests.bench [CELL ...]`` measures, and writes the page."""

from __future__ import annotations

import argparse
import sys
from fnmatch import fnmatch

from tests.bench import (
    alarm,
    capture,
    commit,
    decoder,
    engine,
    links,
    live,
    past,
    soak,
    start,
    what_if,
)
from tests.bench.report import PAGE, Options, Row, Table, page, shown, store, stored

TABLES: tuple[Table, ...] = (
    live.TABLE,
    alarm.TABLE,
    decoder.TABLE,
    links.TABLE,
    soak.TABLE,
    engine.TABLE,
    commit.TABLE,
    capture.TABLE,
    past.TABLE,
    what_if.TABLE,
    start.TABLE,
)
CELLS = {name: table for table in TABLES for name in table.cells}


def main(arguments: list[str] | None = None) -> int:
    """Measure what is asked for; returns the exit code (2: there is no such cell)."""
    usual = Options()
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description="Measure cells and write docs/benchmarks.md."
    )
    parser.add_argument("cells", nargs="*", help="such as live-16x1 or 'live-*'; none: all")
    parser.add_argument("--list", action="store_true", help="name the cells")
    parser.add_argument(
        "--seconds", type=float, default=usual.seconds, help="of one repeat of live-*"
    )
    parser.add_argument("--repeats", type=int, default=usual.repeats)
    parser.add_argument("--print-only", action="store_true", help="leave the page as it is")
    asked = parser.parse_args(arguments)
    if asked.list:
        print("\n".join(CELLS))
        return 0
    options = Options(asked.seconds, asked.repeats)
    unknown = [each for each in asked.cells if not any(fnmatch(name, each) for name in CELLS)]
    if unknown:
        expected = ", ".join(CELLS)
        print(f"bench: expected cells of {expected}; got {' '.join(unknown)}", file=sys.stderr)
        return 2
    wanted = asked.cells or ["*"]
    for name in [name for name in CELLS if any(fnmatch(name, each) for each in wanted)]:
        print(f"{name} ...", file=sys.stderr, flush=True)
        rows = CELLS[name].cells[name](options)
        _print(name, rows)
        if not asked.print_only:
            store(name, rows, _how(CELLS[name], options))
            PAGE.write_text(page(stored(), TABLES))
    return 0


def _how(table: Table, options: Options) -> str:
    times = f"{options.repeats} repeat{'s' if options.repeats > 1 else ''}"
    return f"{times} of {options.seconds:g} s" if table.is_timed else times


def _print(name: str, rows: list[Row]) -> None:
    for row in rows:
        figures = (f"{column} {shown(value)}" for column, value in row.items() if column)
        print(f"{name}: {row['']}: {', '.join(figures)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
