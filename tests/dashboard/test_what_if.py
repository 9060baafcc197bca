"""Does a process of its own answer what would have been, in time or not at all?"""

from __future__ import annotations

import asyncio

import pytest

from dashboard import what_if
from dashboard.what_if import NotReplayed, Replays, Superseded
from tests.clinical.test_what_if import rising
from tests.dashboard.test_alarm_log import told, written


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("record")
    written(made, rising())
    return made


def ask(replays: Replays, folder, page: str = "page", **other: object):
    wanted = {"session": "1", "preset": "", "delay_s": 0.0, **other}
    return replays.compared(page, url=f"sqlite:///{folder / 'vigil.sqlite'}", **wanted)


def test_the_answer_is_that_of_the_command(folder):
    async def asked():
        return await ask(Replays(), folder, preset="ketamine-adult:1", delay_s=5.0)

    assert asyncio.run(asked()) == told(folder, "--preset", "ketamine-adult:1", "--delay", "5")


def test_a_refusal_comes_back_in_words(folder):
    with pytest.raises(NotReplayed, match="expected a preset, one of"):
        asyncio.run(ask(Replays(), folder, preset="child"))


def test_no_answer_in_time_is_none_and_ends_the_process(folder, monkeypatch):
    started = []
    create = asyncio.create_subprocess_exec

    async def noted(*program, **more):
        started.append(await create(*program, **more))
        return started[-1]

    monkeypatch.setattr(what_if.asyncio, "create_subprocess_exec", noted)
    with pytest.raises(NotReplayed, match="no answer within"):
        asyncio.run(ask(Replays(within_s=0.05), folder))
    assert all(process.returncode is not None for process in started)


def test_a_page_that_asks_anew_does_not_wait_for_its_first_question(folder):
    async def twice():
        replays = Replays()
        first = asyncio.create_task(ask(replays, folder))
        await asyncio.sleep(0)
        second = asyncio.create_task(ask(replays, folder, delay_s=5.0))
        return await asyncio.gather(first, second, return_exceptions=True)

    first, second = asyncio.run(twice())
    assert isinstance(first, Superseded)
    assert second["delays_s"] == {"all": 5.0}


def test_a_process_that_fails_says_where_to_look(folder, tmp_path):
    with pytest.raises(NotReplayed, match="see the log"):
        asyncio.run(ask(Replays(), tmp_path / "nowhere"))
