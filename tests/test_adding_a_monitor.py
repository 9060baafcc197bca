"""Does the page for the next developer show the code that is there?"""

from __future__ import annotations

import re

import pytest

from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "adding-a-monitor.md").read_text()
EXCERPT = re.compile(r"^`([\w/.]+)`\n\n```\w+\n(.*?)```", re.S | re.M)
NAMED = re.compile(r"`((?:devices|simulators|tests|docs)/[\w/.-]+)`")


@pytest.mark.parametrize(("file", "code"), EXCERPT.findall(PAGE))
def test_an_excerpt_stands_in_its_file(file, code):
    assert code in (ROOT / file).read_text()


@pytest.mark.parametrize("file", sorted(set(NAMED.findall(PAGE))))
def test_a_file_that_is_named_exists(file):
    assert (ROOT / file).exists()
