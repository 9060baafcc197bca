"""How does a CSV of vital signs become a live screen again?

    t_s,hr_bpm,pulse_bpm,resp_rpm,spo2_pct,nibp_sys_mmhg,nibp_dia_mmhg,nibp_map_mmhg,note
    0,55,54.7,10.1,99,,,,

``t_s`` counts seconds and rises. A value holds until the next row; a blank cell means that the
sensor gave nothing from that row on. Cuff columns are the exception: a cycle ends at each row that
carries one (it began 30 s before) and its reading stays until the next. ``art_*`` columns are an
invasive pressure. ``note`` is told to the person at the keyboard, never interpreted.
"""

import csv
import math
from bisect import bisect_right
from collections.abc import Mapping
from pathlib import Path

from simulators.displayed import CuffCycle, CuffReading, Displayed, Module, cuff_at
from simulators.refused import Refused

CYCLE_S = 30.0

COLUMNS = {
    "hr_bpm": Module.ECG,
    "resp_rpm": Module.ECG,  # the ECG module measures it, as chest impedance
    "pulse_bpm": Module.SPO2,
    "spo2_pct": Module.SPO2,
    "nibp_sys_mmhg": Module.NIBP,
    "nibp_dia_mmhg": Module.NIBP,
    "nibp_map_mmhg": Module.NIBP,
    "art_sys_mmhg": Module.PRESSURE_1,
    "art_dia_mmhg": Module.PRESSURE_1,
    "art_map_mmhg": Module.PRESSURE_1,
}
CUFF_COLUMNS = ("nibp_sys_mmhg", "nibp_dia_mmhg", "nibp_map_mmhg")

Row = Mapping[str, float | None]


class Recording:
    """One CSV, read whole and checked; ``at(t_s)`` is the screen. The last row holds for ever."""

    def __init__(self, path: Path) -> None:
        """Raises Refused with file, line, expected and got."""
        header, rows = _read(path)
        self._times = [t_s for t_s, _, _ in rows]
        self._rows = [row for _, row, _ in rows]
        self._fitted = frozenset(COLUMNS[name] for name in header)
        # A column without one value means that nothing was connected there.
        self._attached = frozenset(
            COLUMNS[name] for name in header if any(row[name] is not None for row in self._rows)
        )
        self._cycles = _cycles(self._times, self._rows)
        self.notes = [(t_s, note) for t_s, _, note in rows if note]
        self.length_s = self._times[-1] + 1.0  # so that the last row is shown, too

    def at(self, t_s: float) -> Displayed:
        """The screen ``t_s`` seconds into the recording."""
        newest = bisect_right(self._times, t_s) - 1
        row: Row = self._rows[newest] if newest >= 0 else {}
        return Displayed(
            fitted=self._fitted,
            attached=self._attached,
            heart_rate_bpm=row.get("hr_bpm"),
            ecg_rate_bpm=row.get("hr_bpm"),
            impedance_resp_rpm=row.get("resp_rpm"),
            spo2_pct=row.get("spo2_pct"),
            pulse_bpm=row.get("pulse_bpm"),
            cuff=(cuff := cuff_at(self._cycles, t_s, is_automatic=True)),
            arm=cuff.reading if cuff.age_s is not None else None,
            pressure_1_systolic_mmhg=row.get("art_sys_mmhg"),
            pressure_1_diastolic_mmhg=row.get("art_dia_mmhg"),
            pressure_1_mean_mmhg=row.get("art_map_mmhg"),
        )


def _cycles(times: list[float], rows: list[Row]) -> list[CuffCycle]:
    cycles: list[CuffCycle] = []
    for t_s, row in zip(times, rows, strict=True):
        systolic, diastolic, mean = (row.get(name) for name in CUFF_COLUMNS)
        if systolic is None and diastolic is None and mean is None:
            continue
        earliest_s = cycles[-1].ends_s if cycles else -math.inf
        cycles.append(
            CuffCycle(
                starts_s=max(t_s - CYCLE_S, earliest_s),
                ends_s=t_s,
                settles_s=t_s,
                reading=CuffReading(
                    systolic_mmhg=systolic, diastolic_mmhg=diastolic, mean_mmhg=mean
                ),
            )
        )
    return cycles


def _read(path: Path) -> tuple[list[str], list[tuple[float, Row, str]]]:
    """The value columns, and each row as (t_s, values, note)."""
    try:
        # newline="" is how the csv module wants a file; utf-8-sig also reads what Excel saves.
        lines = csv.reader(path.read_text(encoding="utf-8-sig").splitlines())
    except FileNotFoundError as error:
        raise Refused("recording", expected="a CSV file", got=str(path)) from error
    except UnicodeDecodeError as error:
        raise Refused(str(path), expected="UTF-8 text", got=str(error)) from error
    header = next(lines, [])
    known = ("t_s", *COLUMNS, "note")
    if header[:1] != ["t_s"] or len(set(header)) < len(header) or not set(header) <= set(known):
        expected = f"t_s first, then columns out of {', '.join(known[1:])}"
        raise Refused(f"{path}:1", expected=expected, got=",".join(header))
    names = [name for name in header if name in COLUMNS]
    rows: list[tuple[float, Row, str]] = []
    for cells in lines:
        where = f"{path}:{lines.line_num}"
        if len(cells) != len(header):
            raise Refused(where, expected=f"{len(header)} cells", got=len(cells))
        row = dict(zip(header, cells, strict=True))
        t_s = _number(where, "t_s", row["t_s"])
        if t_s is None or (rows and t_s <= rows[-1][0]):
            raise Refused(where, expected="t_s later than in the row before", got=row["t_s"])
        values = {name: _number(where, name, row[name]) for name in names}
        rows.append((t_s, values, row.get("note", "").strip()))
    if not rows:
        raise Refused(f"{path}:2", expected="at least one row", got="nothing")
    return names, rows


def _number(where: str, name: str, cell: str) -> float | None:
    """The cell's number; None for a blank one."""
    if not cell.strip():
        return None
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise Refused(where, expected=f"{name}: blank or a number from 0 up", got=cell)
    return value
