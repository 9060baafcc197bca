"""Does the bench name its cells, and is its page made of what is stored? No time is judged."""

from __future__ import annotations

import json

from devices.protocols.line import LineSettings
from devices.registry import PROTOCOLS
from tests.bench import report, wires
from tests.bench.__main__ import CELLS, TABLES, main
from tests.bench.decoder import decoder
from tests.bench.links import ALL, links
from tests.bench.live import Stamp, matched
from tests.bench.screen import Seen

MINUTE_S = 60.0  # of scripted monitors; none is waited for


def test_the_list_names_every_cell(capsys):
    assert main(["--list"]) == 0
    named = capsys.readouterr().out.split()
    assert named == list(CELLS)
    assert {"live-1x1", "live-16x20", "decoder", "engine", "commit"} <= set(named)
    assert {"nine-links", "open-session", "what-if", "start"} <= set(named)


def test_an_unknown_cell_is_refused_before_anything_is_measured(capsys):
    assert main(["live-16x1", "live-3x3"]) == 2
    assert "got live-3x3" in capsys.readouterr().err


def test_the_page_says_of_each_goal_whether_it_is_met(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "machine", lambda: {"CPU": "Abacus", "cores": "2"})
    file = tmp_path / "benchmarks.json"
    row = {"": "16 × 1", "dom p95": 2.34567, "paint p95": 21.0, "lost": 0, "lost by others": 0}
    report.store("live-16x1", [row], "1 repeat of 5 s", file)
    decoders = [{"": "basic class", "× the line": 7935.2}, {"": "another", "× the line": 199.0}]
    report.store("decoder", decoders, "3 repeats", file)
    shown = report.page(report.stored(file), TABLES)
    assert "CPU Abacus, cores 2" in shown
    assert "| 16 × 1 | 2.35 | 21 | 0 | 0 |" in shown
    assert "dom p95 at 16 × 1 at most 3 ms: **met** (2.35)" in shown
    assert "paint p95 at 16 × 1 at most 20 ms: **not met** (21)" in shown
    assert "dom p95 at 16 × 20 at most 10 ms: not measured" in shown
    assert "1 repeat of 5 s: live-16x1." in shown
    assert "| basic class | 7,935 |" in shown
    assert "at least 200 × its line: **not met** (199)" in shown


def test_a_cell_that_is_measured_again_leaves_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "machine", lambda: {"CPU": "Abacus"})
    file = tmp_path / "benchmarks.json"
    for cell, figure in (("engine", 1.0), ("decoder", 2.0), ("engine", 3.0)):
        report.store(cell, [{"": "all", "figure": figure}], "once", file)
    told = json.loads(file.read_text())
    assert {cell: told[cell]["rows"][0]["figure"] for cell in told} == {
        "decoder": 2.0,
        "engine": 3.0,
    }


def test_a_frame_is_matched_with_the_first_change_to_its_rate_after_it():
    sent = [Stamp(1, 60, 9.9, 10.0), Stamp(1, 61, 10.9, 11.0), Stamp(2, 60, 9.9, 10.0)]
    seen = [
        Seen(1, "60", 5.0, 5.0),  # an earlier round
        Seen(1, "60", 10.001, 10.010),
        Seen(2, "60", 10.002, None),
        Seen(1, "60", 110.0, 110.0),  # the next round
    ]
    assert matched(sent, seen) == [(sent[0], seen[1]), (sent[2], seen[2])]


def test_a_byte_on_the_wire_has_its_start_parity_and_stop_bits():
    assert wires.line_rate(LineSettings(9600, 1.0)) == 960
    assert wires.line_rate(LineSettings(19200, 1.0, parity="E")) == 19200 / 11
    assert wires.bits_a_byte(LineSettings(9600, 1.0, data_bits=7, parity="O", stop_bits=2)) == 11


def test_every_monitor_of_the_registry_has_a_row_of_its_decoder():
    rows = decoder(report.Options(repeats=1), length_s=MINUTE_S)
    assert {row[""].partition(",")[0] for row in rows} == set(PROTOCOLS)
    assert len(rows) == len(PROTOCOLS) + 1  # two of GE
    assert all(0 < row["of its line %"] < 100 and row["× the line"] > 0 for row in rows)


def test_the_bytes_of_every_line_are_read_by_another_process():
    together, *rows = links(report.Options(seconds=1.0, repeats=1), length_s=MINUTE_S)
    assert together[""] == ALL
    assert [row[""] for row in rows] == list(PROTOCOLS)
    # Nothing is read at all by a process that is deaf; a busy machine reads a part of it late.
    assert all(row["lost bytes"] < 0.9 * row["bytes/s"] for row in rows)
    assert together["bytes/s"] == sum(row["bytes/s"] for row in rows)
