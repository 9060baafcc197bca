"""Do nine bad lines at once deliver, for three minutes of the clinic, all that was not damaged?"""

from __future__ import annotations

import os
import threading
from types import SimpleNamespace

import pytest

from clinical.links import LinkState
from devices.registry import PROTOCOLS
from tests.soak.lines import MAY_GROW_MIB, SIZES, Run, run_dry, soak


def test_every_monitor_of_the_registry_is_in_it():
    assert set(SIZES) == set(PROTOCOLS)


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX")
@pytest.mark.timeout(120)
def test_three_minutes_of_nine_lines():
    before = threading.active_count()
    found = soak(3)
    assert not found.faults(), "\n".join([*found.faults(), found.table()])
    assert [one.name for one in found.balances] == list(SIZES)
    assert threading.active_count() == before
    for one in found.balances:  # each had its faults, and came back
        assert one.opened >= 2, one.name
        assert one.sent.damaged + one.sent.lost, one.name


def test_a_run_ends_with_the_monitors_and_not_before_a_line_has_taken_all():
    states = iter([LinkState.LIVE, LinkState.LIVE, LinkState.DISCONNECTED])
    did = []

    class Link:
        @property
        def state(self):
            did.append(now := next(states))
            return now

    monitor = SimpleNamespace(
        terminate=lambda: did.append("terminate"), wait=lambda _s: did.append("wait")
    )
    run_dry([SimpleNamespace(name="x", simulator=monitor, supervisor=Link())])
    assert did == ["terminate", "wait", LinkState.LIVE, LinkState.LIVE, LinkState.DISCONNECTED]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Run(rss_mib=[100.0] * 8), None),
        (Run(rss_mib=[100.0 + MAY_GROW_MIB * n / 4 for n in range(8)]), "memory has grown"),
        (Run(threads_left=["link Chair 3"]), "the thread link Chair 3 is left"),
        (Run(lost_by_engine={4}), "chair 4: the engine could not keep up"),
    ],
)
def test_it_would_see_what_grows_or_is_left(found, words):
    assert [words in one for one in found.faults()] == [True] * (words is not None)
