"""Do the golden logs of the real recordings say what the printed table says of their rows?

The logs come from bytes and the rules (see test_golden.py). Here they are held against the rows of
the recordings by another way: each row stands for a minute or more, longer than every delay, so
what must be logged follows from one row after the other.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.clinical.fakes import SHORT
from tests.clinical.test_alarms import HYSTERESIS, OPERATORS, TABLE, outward
from tests.clinical.test_golden import GOLDEN, LONG, NAMES

RANK = ["low", "medium", "high"]
COLUMN = {
    "hr": "hr_bpm",
    "spo2": "spo2_pct",
    "rr": "resp_rpm",
    "sys": "nibp_sys_mmhg",
    "dia": "nibp_dia_mmhg",
    "mean": "nibp_map_mmhg",
}
PRESSURES = ("sys", "dia", "mean")
CONTINUOUS = ("hr", "spo2", "rr")
HARD = {
    "hr": (20, 300),
    "spo2": (30, 100),
    "rr": (0, 80),
    "sys": (40, 280),
    "dia": (20, 200),
    "mean": (20, 240),
}
CUFF_LOST_S = 420  # the interval in an infusion and two minutes
OFF_S = 5
# Breaths beside a saturation: limit, priority, and below what the other must be.
BESIDE = [("rr", "<=", 8, "high", 30, 92), ("rr", "<", 10, "medium", 30, 94)]

Value = float | None
Change = tuple[float, str, str, str]  # second, change, priority, condition


def rows_of(file: Path) -> list[dict[str, Value]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return [
            {name: float(cell) if cell else None for name, cell in row.items() if name != "note"}
            for row in csv.DictReader(lines)
        ]


def logged(name: str) -> list[Change]:
    """What the golden log says of the signs, in order of time; of technical ones "signal lost"."""
    found = []
    for line in (GOLDEN / f"{name}.log").read_text(encoding="utf-8").splitlines():
        clock, change, priority, *rest = line.split()
        minute, second = clock.split(":")
        words = " ".join(rest)
        for metric in map(str, SHORT.values()):
            for end in ("low", "high", "signal lost"):
                if words.startswith(f"{metric} {end} "):
                    at_s = int(minute) * 60 + int(second)
                    found.append((at_s, change, priority, f"{metric} {end}"))
    return found


# --- the table, row by row ------------------------------------------------------------------------


@dataclass
class Sign:
    """One sign in one direction, and which of its limits are raised."""

    vital: str
    side: str
    raised: set[tuple] = field(default_factory=set)
    is_lost: bool = False
    log: list[Change] = field(default_factory=list)

    @property
    def limits(self) -> list[tuple]:
        every = [*TABLE, *BESIDE]
        return [row for row in every if row[0] == self.vital and row[1][0] == self.sign]

    @property
    def sign(self) -> str:
        return "<" if self.side == "low" else ">"

    @property
    def condition(self) -> str:
        return f"{SHORT[self.vital]} {self.side}"

    def level(self) -> str | None:
        return max((row[3] for row in self.raised), key=RANK.index, default=None)

    def becomes(self, second: float, raised: set[tuple]) -> None:
        """Log what it means that ``raised`` are raised from now on."""
        before = None if self.is_lost else self.level()
        was_lost, priority = self.is_lost, self.level()
        self.raised, self.is_lost = raised, False
        after = self.level()
        lost = f"{SHORT[self.vital]} signal lost"
        if before is None and after is not None:
            self.log.append((second, "raised", after, self.condition))
        elif before is not None and after is None:
            self.log.append((second, "ended", before, self.condition))
        elif before is not None and after is not None and before != after:
            is_worse = RANK.index(after) > RANK.index(before)
            self.log.append((second, "escalated" if is_worse else "eased", after, self.condition))
        if was_lost and priority is not None:
            self.log.append((second, "ended", priority, lost))

    def lose(self, second: float) -> None:
        priority = self.level()
        if priority is None or self.is_lost:
            return
        self.log.append((second, "raised", priority, f"{SHORT[self.vital]} signal lost"))
        self.log.append((second, "ended", priority, self.condition))
        self.is_lost = True

    def is_out(self, row: tuple, value: float, inward: float, saturation: Value) -> bool | None:
        if not OPERATORS[row[1]](value + inward * outward(row[1]), row[2]):
            return False
        if row not in BESIDE:
            return True
        return None if saturation is None else saturation - (inward and 1) < row[5]

    def stands(self, begin: float, end: float, value: float, saturation: Value = None) -> None:
        """The sign after it stood at ``value`` from ``begin`` to ``end``, longer than any delay."""
        off_s = 0 if self.vital in PRESSURES else OFF_S
        held = {
            row
            for row in self.raised
            if self.is_out(row, value, HYSTERESIS[self.vital], saturation) is not False
        }
        out = {row for row in self.limits if self.is_out(row, value, 0, saturation)}
        if self.is_lost:  # back: what is held goes on, what is not is over
            self.becomes(begin, held | {row for row in out if not row[4]})
        now, still = set(self.raised), set(self.raised) - held
        for second in sorted({begin + row[4] for row in out - held} | {begin + off_s}):
            if second >= end:
                break
            new = {row for row in out if begin + row[4] <= second}
            if new:  # the worst takes the lesser ones that are out with it
                worst = max(RANK.index(row[3]) for row in new)
                new |= {row for row in out if RANK.index(row[3]) <= worst}
            if second >= begin + off_s:
                now -= still - new
            now |= new
            self.becomes(second, set(now))


def expected(rows: list[dict[str, Value]], every_s: float) -> list[Change]:
    """What must be logged of the signs of a recording that is sent each ``every_s`` seconds."""
    signs = {(vital, side): Sign(vital, side) for vital in COLUMN for side in ("low", "high")}
    for (vital, _), sign in signs.items():
        spans = cuffs(rows, vital) if vital in PRESSURES else continuous(rows, vital, every_s)
        for begin, end, value, saturation in spans:
            if value is None:
                sign.lose(begin)
            else:
                sign.stands(begin, end, value, saturation)
    return [change for sign in signs.values() for change in sign.log]


Span = tuple[float, float, Value, Value]


def cuffs(rows: list[dict[str, Value]], vital: str) -> Iterator[Span]:
    """From when to when a pressure stands; None from when it is too old."""
    last_s, end_s = -math.inf, rows[-1]["t_s"] or 0.0
    for row in rows:
        at_s, value = row["t_s"], row.get(COLUMN[vital])
        systolic, diastolic = row.get("nibp_sys_mmhg"), row.get("nibp_dia_mmhg")
        if value is None or not HARD[vital][0] <= value <= HARD[vital][1]:
            continue
        if systolic is not None and diastolic is not None and systolic <= diastolic:
            continue
        if at_s - last_s > CUFF_LOST_S:
            yield last_s + CUFF_LOST_S, at_s, None, None
        last_s = at_s
        yield at_s, math.inf, value, None
    if end_s - last_s > CUFF_LOST_S:
        yield last_s + CUFF_LOST_S, end_s, None, None


def continuous(rows: list[dict[str, Value]], vital: str, every_s: float) -> Iterator[Span]:
    """From when to when a value stands as the monitor sends it; None from when it is too old."""
    limit_s = max(10.0, 2.5 * every_s)
    ends = [row["t_s"] for row in rows[1:]] + [rows[-1]["t_s"] + 6]
    before: Value = None
    for row, end in zip(rows, ends, strict=True):
        begin, value = row["t_s"], row.get(COLUMN[vital])
        spo2 = row.get("spo2_pct")
        if vital in ("hr", "rr") and value is not None:
            value = math.floor(value + 0.5)  # the GE sends whole ones
        if value is not None and not HARD[vital][0] <= value <= HARD[vital][1]:
            value = None
        pulse = row.get("pulse_bpm")
        if vital == "hr" and value is None and pulse is not None:
            value = math.floor(pulse + 0.5)  # it stands in where the ECG says that it has none
        if value is not None:
            yield begin, end, value, spo2
        elif before is not None:
            yield begin - every_s + limit_s, end, None, None
        before = value


@pytest.mark.parametrize("name", NAMES)
def test_the_log_says_of_each_sign_what_the_table_says_of_each_row(shared, name):
    rows = rows_of(shared / "recordings" / f"{name}.csv")
    every_s = 5.0 if name == LONG else 1.0
    if rows[1]["t_s"] - rows[0]["t_s"] < 60:
        assert logged(name) == []  # 1 Hz: nothing stands for as long as any delay
        return
    wanted = [(math.floor(at_s), *rest) for at_s, *rest in expected(rows, every_s)]
    ended = {"cleared": "ended", "latched": "ended"}
    found = [
        (at_s, ended.get(change, change), *rest)
        for at_s, change, *rest in logged(name)
        if change not in ("reset", "confirmed")
    ]
    # What is latched is named by the worst that nobody saw, not by what it was at its end.
    assert sorted(without_priority(found)) == sorted(without_priority(wanted))


def without_priority(changes: list) -> list[tuple]:
    return [
        (at_s, change, "" if change == "ended" else priority, condition)
        for at_s, change, priority, condition in changes
    ]


# --- the counts of the recordings' own page -------------------------------------------------------

# Readings beyond the adult limits, H/M/L, each by its worst: heart rate, systolic, diastolic, mean,
# SpO2; the L of the pressures and the heart rate is the high side alone.
COUNTS = {
    "c2012_139058_midsession_bp_peak": ((0, 0, 0), (0, 1, 3), (0, 0, 0), (0, 0, 0)),
    "c2012_135491_sustained_hypertension": ((0, 0, 0), (5, 6, 1), (0, 1, 3), (2, 3, 0)),
    "c2012_134994_hypertensive_surge_then_drop": ((0, 0, 0), (2, 4, 7), (3, 3, 0), (4, 0, 0)),
    "c2012_138889_high_baseline_then_drop": ((0, 0, 1), (0, 6, 5), (3, 0, 3), (0, 5, 0)),
    "c2012_141693_two_transient_tachycardias": ((1, 1, 1), (0, 2, 1), (1, 6, 0), (0, 0, 0)),
    "c2012_141346_bradycardia_with_bp_swings": ((0, 9, 0), (0, 3, 15), (0, 2, 1), (0, 4, 0)),
    "mimic2_s00001_steady_120min": ((0, 0, 0), (0, 1, 4), (0, 0, 0), (0, 0, 0), (0, 0, 0)),
    "mimic2_s25047_artefact_desaturation_72min": (
        *((0, 1, 0), (6, 4, 3), (10, 3, 0), (10, 2, 0)),
        (11, 6, 1),
    ),
}


@pytest.mark.parametrize("name", COUNTS)
def test_readings_beyond_the_limits_are_those_that_the_recordings_page_counts(shared, name):
    rows = rows_of(shared / "recordings" / f"{name}.csv")
    for vital, count in zip(("hr", "sys", "dia", "mean", "spo2"), COUNTS[name], strict=False):
        worst = [
            max((row[3] for row in TABLE if is_beyond(row, vital, each)), key=RANK.index)
            for each in (row.get(COLUMN[vital]) for row in rows)
            if each is not None and any(is_beyond(row, vital, each) for row in TABLE)
        ]
        assert tuple(worst.count(priority) for priority in reversed(RANK)) == count, vital


def is_beyond(row: tuple, vital: str, value: float) -> bool:
    return row[0] == vital and OPERATORS[row[1]](value, row[2])


# --- what each recording is here to show ----------------------------------------------------------


def of(name: str, condition: str, *changes: str) -> list[tuple[int, str, str]]:
    return [
        (at_s // 60, change, priority)
        for at_s, change, priority, each in logged(name)
        if each == condition and (not changes or change in changes)
    ]


def test_one_peak_of_pressure_is_advised_escalated_and_over():
    """L at 149, 141 and 143, one M at 179, clear at 119."""
    assert of("c2012_139058_midsession_bp_peak", "nibp_systolic high") == [
        (10, "raised", "low"),
        (20, "cleared", "low"),
        (25, "raised", "low"),
        (30, "escalated", "medium"),
        (35, "cleared", "medium"),
    ]


def test_five_high_readings_are_not_five_alarms():
    """H at 182, 183, 184, 206 with M between is one alarm; the fifth comes after two losses."""
    name = "c2012_135491_sustained_hypertension"
    assert of(name, "nibp_systolic high", "raised") == [
        (0, "raised", "medium"),
        (60, "raised", "medium"),
        (75, "raised", "high"),
    ]
    assert [at for at, _, _ in of(name, "nibp_systolic high", "escalated")] == [5, 15, 35]


def test_the_highest_priority_wins_where_the_pressures_differ():
    """166/151 is M by systolic, H by diastolic."""
    name = "c2012_134994_hypertensive_surge_then_drop"
    assert of(name, "nibp_systolic high")[0] == (5, "raised", "medium")
    assert of(name, "nibp_diastolic high")[0] == (5, "raised", "high")


def test_a_heart_that_is_slow_and_awake_alarms_five_times_and_never_high():
    found = of("c2012_141346_bradycardia_with_bp_swings", "heart_rate low", "raised", "escalated")
    assert found == [(minute, "raised", "medium") for minute in (0, 25, 70, 85, 110)]


def test_the_quiet_session_stays_almost_silent():
    """Impedance breaths are below 10 in 72 of its 121 minutes, below 8 in few."""
    name = "mimic2_s00001_steady_120min"
    log = (GOLDEN / f"{name}.log").read_text(encoding="utf-8").splitlines()
    assert len(log) <= 12
    assert "SpO2" not in "".join(log), "the combined rule has not spoken once"
    assert [at for at, _, _ in of(name, "resp_rate low", "raised")] == [14, 30]
    assert [at for at, _, _ in of(name, "resp_rate low", "escalated")] == [15]
    assert of(name, "nibp_systolic high", "raised")[-1] == (112, "raised", "medium")


def test_a_lost_ecg_is_technical_and_no_asystole():
    """From minute 45 on the ECG gives no rate, and the pulse goes on."""
    name = "mimic2_s25047_artefact_desaturation_72min"
    log = (GOLDEN / f"{name}.log").read_text(encoding="utf-8")
    assert "45:05 raised       low    HR NO SIGNAL" in log
    assert "46:00 escalated    medium HR NO SIGNAL" in log
    assert [at for at, _, _ in of(name, "heart_rate low", "raised")] == [6, 37]
    # Five minutes at 42 to 71 % are one high alarm, at once.
    assert of(name, "spo2 low", "escalated")[0] == (40, "escalated", "high")
    assert of(name, "spo2 signal lost", "raised") == [(58, "raised", "high")]


def test_an_artefact_of_the_heart_rate_in_32_hours_is_no_asystole():
    log = (GOLDEN / f"{LONG}.log").read_text(encoding="utf-8")
    assert "1389:00 raised       low    CHECK READING HR" in log
    assert {priority for _, _, priority in of(LONG, "heart_rate low")} == {"medium"}
