"""Would the soak of lines see a value that got lost, or one that nobody sent?"""

from __future__ import annotations

import json
import random

import pytest

from devices.registry import PROTOCOLS
from tests.soak.account import Balance, decoded, in_common, read_sent

NONIN = PROTOCOLS["nonin-ascii"]


def said(spo2: int) -> str:
    return f"SPO2={spo2:03d} HR=072\r\n".encode().hex()


def balance(tmp_path, fates, delivered, garbled=0, opened=0, **other):
    """A line that sent 1, 2, 3 ... % with these ``fates``, and what came of it."""
    notes = tmp_path / "sent"
    lines = []
    for spo2, fate in enumerate(fates, 1):
        noise = {"noise": 7} if fate.endswith("+noise") else {}
        told = {"t_s": spo2, "hex": said(spo2), "fate": fate.removesuffix("+noise")} | noise
        lines.append(json.dumps(told) + "\n")
    notes.write_text("".join(lines))
    got = decoded(NONIN, map(said, delivered))
    settings = {"has_checksum": True} | other
    return Balance("x", read_sent(notes, NONIN), got, garbled, opened, **settings)


def length_of_common(one, other):
    """The text-book table."""
    row = [0] * (len(other) + 1)
    for a in one:
        before, row = row, [0]
        for n, b in enumerate(other):
            row.append(before[n] + 1 if a == b else max(before[n + 1], row[n]))
    return row[-1]


def test_what_two_sequences_have_in_common_is_the_longest_that_both_hold():
    assert in_common([], [1]) == in_common([1], []) == 0
    chance = random.Random(0)
    for _ in range(200):
        one, other = ([chance.randrange(4) for _ in range(chance.randrange(30))] for _ in "ab")
        assert in_common(one, other) == length_of_common(one, other)


def test_a_line_that_delivers_what_was_whole_is_well(tmp_path):
    line = balance(tmp_path, ["lost", "whole", "damaged", "whole", "whole"], [2, 4, 5])
    assert line.faults() == []
    assert (line.sent.whole, line.sent.damaged, line.sent.lost) == (3, 1, 1)


def test_one_that_nothing_had_touched_must_not_be_missing(tmp_path):
    line = balance(tmp_path, ["whole"] * 4, [1, 2, 4], garbled=9, opened=9)
    assert line.faults() == ["1 missing that nothing had touched"]
    assert balance(tmp_path, ["whole"] * 4, [1, 2, 4, 3]).untouched_missing == 1  # nor overtaken


@pytest.mark.parametrize("before", ["damaged", "lost", "whole+noise"])
def test_one_behind_a_damaged_one_may_be_missing_where_that_was_counted(tmp_path, before):
    fates = ["whole", before, "whole", "whole"]
    delivered = [1, *([2] if "whole" in before else []), 4]
    assert balance(tmp_path, fates, delivered, garbled=1).faults() == []
    assert balance(tmp_path, fates, delivered, opened=1).faults() == []
    [words] = balance(tmp_path, fates, delivered).faults()
    assert words.startswith("1 whole ones missing, 0 damaged pieces counted")


def test_what_nobody_sent_must_not_be_delivered(tmp_path):
    line = balance(tmp_path, ["whole", "whole"], [1, 2, 7])
    assert line.faults() == ["1 delivered that nobody sent"]
    assert balance(tmp_path, ["whole", "whole"], [1, 2, 2]).unsent == 1  # nor twice
    assert balance(tmp_path, ["whole"], [1, 7], has_checksum=False).faults() == []  # cannot know


def test_what_the_cable_itself_forged_was_sent_in_a_way(tmp_path):
    notes = tmp_path / "sent"
    meant = {"t_s": 1, "hex": said(97), "fate": "damaged", "came": said(87)}
    notes.write_text(json.dumps(meant) + "\n" + json.dumps(meant | {"came": said(97)[:8]}) + "\n")
    sent = read_sent(notes, NONIN)
    assert sent.forged == 1
    assert Balance("x", sent, decoded(NONIN, [said(87)]), 1, 1, True).faults() == []
    assert Balance("x", sent, decoded(NONIN, [said(86)]), 1, 1, True).unsent == 1


def test_a_damaged_one_that_says_what_was_sent_is_no_stranger(tmp_path):
    assert balance(tmp_path, ["whole", "damaged"], [1, 2]).faults() == []


def test_a_line_that_is_silent_or_not_live_is_a_fault(tmp_path):
    assert balance(tmp_path, ["lost"], []).faults() == ["nothing was delivered"]
    assert balance(tmp_path, ["whole"], [1], is_live=False).faults() == ["not live at the end"]


def test_a_damaged_name_may_hold_back_what_follows_until_one_is_named_again(tmp_path):
    def wire(text):
        return f"{text}\r\n".encode().hex()

    nellcor, limits = PROTOCOLS["nellcor"], "SpO2 Limit: 90-100% PR Limit: 50-120BPM"
    head = wire(f"N-560 VERSION 1.56.00 CRC:ABCD {limits}")
    other = wire(f"N-540 VERSION 1.56.00 CRC:ABCD {limits}")
    data = [wire(f"14-Mar-26 09:30:00    {spo2}      72      41     ") for spo2 in range(90, 97)]
    sent = [{"hex": data[0]}, {"hex": head}, {"hex": data[1]}, {"hex": head, "came": other}]
    sent += [{"hex": data[2]}, {"hex": data[3]}, {"hex": head}, {"hex": data[4]}]
    notes = tmp_path / "sent"
    fates = ({"t_s": 1, "fate": "damaged" if "came" in one else "whole"} | one for one in sent)
    notes.write_text("".join(json.dumps(one) + "\n" for one in fates))
    got = decoded(nellcor, [one.get("came", one["hex"]) for one in sent])
    assert len(got.frames) == 3
    line = Balance("x", read_sent(notes, nellcor), got, 3, 1, False)
    assert (line.missing, line.faults()) == (2, [])
