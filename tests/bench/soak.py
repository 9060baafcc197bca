"""Does a clinic's hour of bad cables lose anything that was not damaged? Nine lines at once."""

from __future__ import annotations

from tests.bench.report import Goal, Options, Row, Table
from tests.soak.account import Balance
from tests.soak.growth import quarters
from tests.soak.lines import INTERRUPTIONS, SPEED, soak

MINUTES = 20.0
ALL = "all together"


def bad_lines(_options: Options) -> list[Row]:
    """One soak; it is long enough, and its faults are seeded."""
    found = soak(MINUTES)
    rows = [_row(one) for one in found.balances]
    early, late = quarters(found.rss_mib)
    total: Row = {column: sum(row[column] for row in rows) for column in rows[0] if column}
    process = {"threads left": len(found.threads_left), "MiB, first quarter": early, "last": late}
    nothing = dict.fromkeys(process)
    return [{"": ALL} | total | process, *(row | nothing for row in rows)]


def _row(one: Balance) -> Row:
    return {
        "": one.name,
        "messages": one.sent.whole + one.sent.damaged + one.sent.lost,
        "whole": one.sent.whole,
        "damaged": one.sent.damaged,
        "cut off": one.sent.lost,
        "values delivered": one.delivered.count,
        "untouched and missing": one.untouched_missing,
        "behind damage and missing": one.missing,
        "damaged pieces": one.garbled,
        "opened": one.opened,
        "forged": one.sent.forged,
        "delivered, not sent": one.unsent,
        "not in balance": len(one.faults()),
    }


TABLE = Table(
    "Bad cables",
    f"""`make soak MINUTES={MINUTES:g}`: one simulated monitor of each kind, a process each, on a
pty with a seeded cable: `{INTERRUPTIONS}`,
and of bytes as many dropped and flipped as damage three messages in a hundred. All clocks run
{SPEED:g} times as fast; the minutes are the clinic's. Links, engine and writer are those of a
running Vigil, with a patient in each chair. What each monitor sent is decoded again offline, from
its simulator's own notes, and held against what the engine got. *Cut off*: nothing of it arrived. A
message that came whole after a whole one, with no noise between, is *untouched*; one behind damage
may be missing, but no more of them than damaged pieces were counted and ports opened. *Forged*: a
damaged message whose own bytes say something else than it meant, which no check sees; else nothing
may be delivered that was *not sent*, but where a monitor has no checksum: four have none.""",
    {"bad-lines": bad_lines},
    (
        Goal("nothing missing that nothing had touched", None, "untouched and missing", 0),
        Goal("all in balance, and live again at the end", None, "not in balance", 0),
        Goal("no thread left", ALL, "threads left", 0),
    ),
)
