"""Do the README and the docs say what the program does? Commands, targets, limits, links."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from clinical.alarms import AlarmPriority, Direction
from clinical.catalog.loader import load_preset
from clinical.vitals import Metric
from devices.registry import PROTOCOLS

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
BLOCK = re.compile(r"```console\n(.*?)```", re.S)
INLINE = re.compile(r"`((?:vigil|make) [^`]+)`")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")
SIGNS = {
    "HR /min": Metric.HEART_RATE,
    "systolic mmHg": Metric.NIBP_SYSTOLIC,
    "diastolic mmHg": Metric.NIBP_DIASTOLIC,
    "mean mmHg": Metric.NIBP_MEAN,
    "SpO2 %": Metric.SPO2,
    "RR /min": Metric.RESP_RATE,
}


def commands(page: Path) -> list[str]:
    text = page.read_text()
    lines = [line for block in BLOCK.findall(text) for line in block.splitlines()]
    return [
        line for line in (*lines, *INLINE.findall(text)) if line.startswith(("vigil ", "make "))
    ]


def check_vigil(words: list[str]) -> None:
    from dashboard.cli import app

    command, path = get_command(app), "vigil"
    while words and words[0] in getattr(command, "commands", {}):
        path += f" {words[0]}"
        command = command.commands[words.pop(0)]
    assert words or path != "vigil", f"{path} names no command"
    known = {option for each in command.params for option in each.opts} | {"--help"}
    for word in words:
        if word.startswith("--"):
            assert word.split("=")[0] in known, f"{path} has no {word}"


@pytest.mark.parametrize("doc", PAGES, ids=NAMES)
def test_every_command_on_the_page_exists(doc):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for line in commands(doc):
        program, *words = shlex.split(line.split(" | ")[0].rstrip("."))
        if program == "make":
            assert words[0] in targets, line
        else:
            check_vigil(words)


@pytest.mark.parametrize("doc", PAGES, ids=NAMES)
def test_every_link_and_picture_leads_somewhere(doc):
    for target in LINK.findall(doc.read_text()):
        assert (doc.parent / target).exists(), target


def test_the_readme_lists_every_monitor_with_its_page_and_its_proof():
    rows = re.findall(r"^\| \[`([a-z0-9-]+)`\]\((\S+)\) \|.*\| (\w+) \|$", README.read_text(), re.M)
    assert rows == [
        (name, f"docs/monitors/{name}.md", entry.proof.value) for name, entry in PROTOCOLS.items()
    ]


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_monitor_has_a_page_that_states_its_proof(name):
    page = (ROOT / "docs" / "monitors" / f"{name}.md").read_text()
    assert f"`{name}`" in page.splitlines()[0]
    assert f"**Proof: {PROTOCOLS[name].proof.value}.**" in page
    for part in ("## Cable", "## Settings", "## What is read", "not known", "## Check it"):
        assert part in page, part


def test_the_user_guide_prints_the_limits_that_ship():
    preset = load_preset("ketamine-adult")
    guide = (ROOT / "docs" / "user-guide.md").read_text()
    rows = {
        cells[0]: cells[1:]
        for line in guide.splitlines()
        if (cells := [cell.strip() for cell in line.strip("|").split("|")])[0] in SIGNS
    }
    assert rows.keys() == SIGNS.keys()
    for sign, metric in SIGNS.items():
        printed = " ".join(rows[sign])
        shipped = [limit for limit in preset.limits if limit.metric is metric and limit.is_plain]
        for limit in shipped:
            assert f"{limit.operator} {limit.value:g}" in printed, (sign, limit)
        assert len(re.findall(r"[<>]=? \d+", printed)) == len(shipped), sign


@pytest.mark.parametrize("priority", list(AlarmPriority))
def test_a_worse_limit_lies_further_out(priority):
    """In each sign and direction a higher priority has the more extreme limit."""
    preset = load_preset("ketamine-adult")
    plain = [limit for limit in preset.limits if limit.is_plain]
    for (metric, direction), condition in preset.conditions(plain).items():
        values = [limit.value for limit in condition.limits if limit.priority is priority]
        worse = [limit.value for limit in condition.limits if limit.priority.rank > priority.rank]
        outward = 1 if direction is Direction.HIGH else -1
        for value in values:
            assert all(outward * other > outward * value for other in worse), (metric, direction)
