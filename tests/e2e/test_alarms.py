"""Does an alarm look as bad as it is, reach whoever must see it, and fall silent when it may?

The engine, the record and the server are the real ones; what the monitors would say, and how late
it is, the test says.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, expect

from clinical.clock import Clock
from clinical.commands import (
    AcknowledgeAlarm,
    ChangePhase,
    Command,
    OutcomeKind,
    PauseAudio,
    StartSession,
    SwitchAlarm,
    SwitchAudio,
)
from clinical.links import LinkEvent, LinkState
from clinical.monitor import Observed
from clinical.phases import SessionPhase
from clinical.record import CallStage
from clinical.sign_off import Actor, Role
from clinical.snapshot import AlarmView, ChairView
from clinical.vitals import CUFF, Metric, Observation, Quality
from dashboard.app import create_app
from dashboard.clinic import Clinic
from dashboard.config import ChairConfig, Config, MonitorConfig
from dashboard.people import StoredPeople
from dashboard.serving import PAGES, services_of
from storage import people
from tests.dashboard.a_clinic import QUICK, served
from tests.e2e.clinics import Account, Running
from tests.e2e.screens import LARGE, TABLET, Screen, until
from tests.e2e.test_looks import CONTRAST, RATIO, fits, no_collisions, themed

ANA, BEN = Actor("ana", "Ana Ruiz", Role.NURSE), Actor("ben", "Ben Okafor", Role.CLINICIAN)
INES = Actor("ines", "Inés Prado", Role.DIRECTOR)
STAFF = (ANA, BEN, INES)
CALM = {"heart_rate": 72.0, "spo2": 98.0, "resp_rate": 14.0}
EVERY_S = 0.5  # how often the monitors speak by themselves
WITHIN_S = 10.0
LOADED_S = 40.0  # a first page, on shared cores


class Leaping:
    """The real time, and more of it when the test says so."""

    speed = 1.0

    def __init__(self) -> None:
        self._leapt_s = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._leapt_s)

    def monotonic(self) -> float:
        return time.monotonic() + self._leapt_s

    def leap(self, seconds: float) -> None:
        self._leapt_s += seconds


class Ward(Running):
    """A clinic whose monitors speak on their own, and whose time can be made to pass."""

    def __init__(self, folder: Path, chairs: int) -> None:
        self.clock = Leaping()
        config = Config(
            clinic="Harbour Clinic",
            data=folder / "data",
            chairs=tuple(
                ChairConfig(n, f"Chair {n}", (MonitorConfig("ge-dri", f"/dev/null/{n}"),))
                for n in range(1, chairs + 1)
            ),
            is_simulated=True,
        )
        super().__init__("", config.data, {})
        self.core = Clinic(config, self.clock)
        self.core.lines.close_others(())  # no monitor is wired: what they would say, the test says
        self._values: dict[int, dict[str, float | None]] = {
            n: dict(CALM) for n in range(1, chairs + 1)
        }
        self._talk = threading.Lock()
        self._readings = 0
        self._is_over = threading.Event()
        self._monitors = threading.Thread(target=self._speak, name="monitors")
        self.app: Any = None

    def open(self) -> None:
        with self.core.database.writing() as db:
            for actor in STAFF:
                people.add_user(
                    db,
                    user=actor.user,
                    name=actor.name,
                    role=actor.role,
                    password_hash=QUICK.hash(actor.user),
                    by="test",
                    now=self.clock.now(),
                )
                self.accounts[actor.user] = Account(actor.user, actor.user, actor.role)
        self.core.start()
        for chair in self._values:
            self.line(chair, LinkState.LIVE)
        self.app = create_app(
            services_of(self.core), PAGES, StoredPeople(self.core.database), hasher=QUICK
        )
        self._monitors.start()

    def close(self) -> None:
        self._is_over.set()
        if self._monitors.ident is not None:
            self._monitors.join()
        self.core.stop()

    def _speak(self) -> None:
        while not self._is_over.wait(EVERY_S):
            with self._talk:
                self._frames()

    def _frames(self) -> None:
        now = self.clock.now()
        for chair, values in self._values.items():
            points = tuple(seen(Metric(name), value, now) for name, value in values.items())
            self.core.engine.post(chair, Observed(points, now))

    # What happens.

    def chair(self, number: int) -> ChairView:
        return self.core.engine.snapshot.chairs[number]

    def alarms(self, number: int) -> dict[str, AlarmView]:
        return {alarm.condition: alarm for alarm in self.chair(number).alarms}

    def shows(self, chair: int, **values: float | None) -> None:
        with self._talk:
            self._values[chair] |= values

    def cuff(self, chair: int, systolic: float, diastolic: float = 78) -> None:
        with self._talk:
            self._readings += 1
            now, mean = self.clock.now(), round((systolic + 2 * diastolic) / 3)
            values = (systolic, diastolic, mean)
            points = tuple(
                seen(metric, value, now, f"c{self._readings}")
                for metric, value in zip(CUFF[:3], values, strict=True)
            )
            self.core.engine.post(chair, Observed(points, now))

    def line(self, chair: int, state: LinkState) -> None:
        self.core.engine.post(chair, LinkEvent(state, self.clock.now()))

    def passes(self, seconds: int) -> None:
        """Let time pass, with a frame of every monitor in each second of it."""
        for _ in range(seconds):
            with self._talk:
                self.clock.leap(1)
                now = self.clock.now()
                self._frames()
            self.until(lambda now=now: all(self._has_seen(n, now) for n in self._values))

    def _has_seen(self, chair: int, at: datetime) -> bool:
        latest = self.chair(chair).latest.get(Metric.RESP_RATE)
        return latest is not None and latest.observed_at >= at

    def until(self, is_so: Callable[[], bool]) -> None:
        give_up_s = time.monotonic() + WITHIN_S
        while not is_so():
            assert time.monotonic() < give_up_s, self.core.engine.snapshot
            time.sleep(0.002)

    # What people do.

    def ask(self, kind: type[Command], by: Actor, chair: int, **more: Any) -> None:
        view = self.chair(chair).session
        more.setdefault("session", view.session if view else None)
        command = kind(command_id=uuid4(), by=by, chair=chair, **more)
        outcome = self.core.engine.submit(command).result(WITHIN_S)
        assert outcome.kind is OutcomeKind.DONE, outcome

    def seat(self, chair: int, second: str = "") -> None:
        """A patient whose infusion runs."""
        self.ask(StartSession, ANA, chair, patient="AB", second=second)
        for phase in (SessionPhase.BASELINE, SessionPhase.INFUSING):
            self.ask(ChangePhase, ANA, chair, to=phase)

    def acknowledge(self, chair: int, condition: str, by: Actor = ANA) -> None:
        alarm = self.alarms(chair)[condition]
        self.ask(AcknowledgeAlarm, by, chair, alarm_id=alarm.alarm_id)


def seen(metric: Metric, value: float | None, at: datetime, reading: str | None = None) -> Any:
    quality = Quality.UNAVAILABLE if value is None else Quality.VALID
    return Observation(metric, value, quality, at, measurement_id=reading)


def test_the_clock_of_the_ward_is_a_clock():
    clock: Clock = Leaping()
    before = clock.now()
    clock.leap(60)  # type: ignore[attr-defined]
    assert timedelta(seconds=60) <= clock.now() - before < timedelta(seconds=65)


@pytest.fixture
def open_ward(tmp_path: Path) -> Iterator[Callable[[int], Ward]]:
    """``open_ward(chairs)``: a running clinic of so many chairs, with nobody in them."""
    with contextlib.ExitStack() as opened:

        def open_(chairs: int) -> Ward:
            ward = Ward(tmp_path, chairs)
            opened.callback(ward.close)
            ward.open()
            ward.url = f"http://{opened.enter_context(served(ward.app))}"
            return ward

        yield open_


def banner(screen: Screen) -> Locator:
    return screen.page.locator("#alarm-banner .call")


def badge(screen: Screen, chair: int) -> str:
    """The word that stands beside the shape; it comes from the style sheet."""
    return str(
        screen.tile(chair)
        .locator(".alarm-badge")
        .evaluate("el => getComputedStyle(el, '::after').content.replaceAll('\"', '')")
    )


SHAPE = "el => getComputedStyle(el.querySelector('.alarm-badge'), '::before').clipPath"
GROUND = "el => getComputedStyle(el.querySelector('.alarm-line')).backgroundColor"
# Whether the frame of an element goes dark and comes back within so many ms.
FLASHES = """(el, ms) => new Promise(tell => {
  const seen = new Set(), look = () => seen.add(el.dataset.dark || 'no');
  const watch = new MutationObserver(look);
  watch.observe(el, {attributes: true, attributeFilter: ['data-dark']});
  look();
  setTimeout(() => { watch.disconnect(); tell(seen.size > 1); }, ms);
})"""


def test_each_priority_has_its_colour_word_shape_and_stars(open_ward, sign_in):
    ward = open_ward(4)
    for chair in (1, 2, 3, 4):
        ward.seat(chair)
    ward.shows(1, heart_rate=150)
    ward.shows(2, heart_rate=125)
    ward.shows(3, heart_rate=115)
    ward.passes(32)
    ward.line(4, LinkState.QUIET)
    ana = sign_in(ward, "ana")
    ana.until_live(1, LOADED_S)
    looks = {
        1: ("high", "HIGH", "*** HR 150"),
        2: ("medium", "MEDIUM", "** HR 125"),
        3: ("low", "LOW", "* HR 115"),
        4: ("medium", "MEDIUM", "NO DATA"),
    }
    for chair, (priority, word, text) in looks.items():
        expect(ana.tile(chair)).to_have_attribute("data-alarm", priority)
        expect(ana.word("alarm-text", chair)).to_have_text(re.compile(rf"^{re.escape(text)}"))
        assert badge(ana, chair) == word
        assert ana.word("alarm-text", chair).evaluate(RATIO) >= CONTRAST
        assert ana.tile(chair).evaluate(FLASHES, 1900) == (priority != "low")
    shapes = [ana.tile(chair).evaluate(SHAPE) for chair in (1, 2, 3)]
    grounds = [ana.tile(chair).evaluate(GROUND) for chair in (1, 2, 3)]
    assert len(set(shapes)) == len(set(grounds)) == 3
    assert "*" not in ana.word("alarm-text", 4).inner_text()  # technical: no stars
    for chair in (1, 2, 3):
        expect(ana.number("heart_rate", chair)).to_have_attribute("data-alarm", looks[chair][0])


def test_an_unanswered_alarm_is_carried_to_every_page_and_to_the_second_person(open_ward, sign_in):
    ward = open_ward(2)
    ward.seat(1, second="ben")
    ward.seat(2)
    ana, ben = sign_in(ward, "ana"), sign_in(ward, "ben", "/chair/2")
    for screen in (ana, ben):
        screen.until_live(2, LOADED_S)
        expect(screen.page.locator("#alarm-banner")).to_have_attribute("data-count", "0")
    ward.cuff(1, 120)
    expect(ana.number("nibp_systolic")).to_have_text("120")
    before = ana.page.evaluate(BOXES)
    ward.cuff(1, 168)
    ward.passes(61)
    for screen in (ana, ben):
        carried(screen)
    assert ana.page.evaluate(BOXES) == before  # its place was kept: nothing has moved
    for name, path in (("Alarms", "/alarms"), ("Review", "/review"), ("Presets", "/presets")):
        ana.page.locator("header nav").get_by_role("link", name=name, exact=True).click()
        expect(ana.page).to_have_url(re.compile(f"{path}$"))
        ana.page.locator("main:has(h1), main:has(h2)").wait_for()
        carried(ana)
    ward.until(lambda: {"ana", "ben"} <= set(ward.alarms(1)["nibp_systolic high"].shown_to))
    ward.passes(60)
    expect(banner(ben)).to_have_attribute("data-mine", "true")
    expect(banner(ben)).to_contain_text(re.compile(r"You are called since \d\d:\d\d"))
    expect(banner(ana)).not_to_contain_text("You are called")
    ward.until(lambda: seen_by_second(ward) == [("ben", True)])
    banner(ben).click()  # it leads to the chair
    expect(ben.page).to_have_url(re.compile("/chair/1$"))
    expect(ben.word("alarm-text", 1)).to_have_text(re.compile(r"\*\* SYS 168"))
    ward.acknowledge(1, "nibp_systolic high", BEN)
    for screen in (ana, ben):
        expect(banner(screen)).to_have_count(0)


def carried(screen: Screen) -> None:
    expect(banner(screen)).to_have_count(1)
    expect(banner(screen)).to_contain_text("Chair 1")
    expect(banner(screen)).to_contain_text("** SYS 168")
    expect(banner(screen)).to_have_attribute("data-priority", "medium")
    expect(banner(screen)).to_be_in_viewport(ratio=1)


def seen_by_second(ward: Ward) -> list[tuple[str, bool]]:
    calls = ward.alarms(1)["nibp_systolic high"].calls
    return [(c.to, c.seen_at is not None) for c in calls if c.stage is CallStage.SECOND]


# Where everything below the strip stands.
BOXES = """() => {
  const placed = document.querySelectorAll('.tile, .vital, .digits > .number, .alarm-line');
  return [...placed].map(el => {
    const {x, y, width, height} = el.getBoundingClientRect();
    return [x, y, width, height].map(Math.round).join();
  });
}"""


def test_a_high_alarm_is_on_every_page_at_once_and_stops_flashing_when_it_is_seen(
    open_ward, sign_in
):
    ward = open_ward(2)
    ward.seat(1)
    ward.seat(2)
    ward.shows(1, heart_rate=150)
    ana, elsewhere = sign_in(ward, "ana", "/chair/1"), sign_in(ward, "ben", "/chair/2")
    ana.until_live(1, LOADED_S)
    elsewhere.until_live(2, LOADED_S)
    ward.passes(8)
    ward.shows(1, spo2=90)  # it stands behind the other, and in the list
    ward.passes(16)
    ward.until(lambda: ward.alarms(1)["spo2 low"].shown_to == ("ana",))
    for screen in (ana, elsewhere):
        expect(banner(screen)).to_have_attribute("data-priority", "high")
        assert banner(screen).evaluate(FLASHES, 900)
    expect(elsewhere.tile(2)).not_to_have_attribute("data-alarm", re.compile("."))
    expect(elsewhere.number("heart_rate", 2)).to_have_text("72")
    seen_by = ana.page.get_by_text(re.compile("Seen by ana"))
    ward.acknowledge(1, "spo2 low")
    until(seen_by.nth(1), ana.button("Acknowledge").click)
    expect(ana.tile(1)).to_have_attribute("data-acked", "true")
    expect(ana.tile(1)).to_have_attribute("data-alarm", "high")  # it goes on, and no longer calls
    assert not ana.tile(1).evaluate(FLASHES, 900)
    expect(ana.word("alarm-note", 1)).to_have_text("seen by ana")
    expect(banner(elsewhere)).to_have_count(0)
    ward.shows(1, heart_rate=72, spo2=98)
    ward.passes(8)
    expect(ana.tile(1)).not_to_have_attribute("data-alarm", re.compile("."))


def test_a_high_alarm_that_ended_unseen_stays_until_somebody_says_so(open_ward, sign_in):
    ward = open_ward(1)
    ward.seat(1)
    ana = sign_in(ward, "ana", "/chair/1")
    ana.until_live(timeout_s=LOADED_S)
    ward.shows(1, heart_rate=150)
    ward.passes(8)
    expect(ana.tile()).to_have_attribute("data-calls", "high")
    ward.shows(1, heart_rate=72)
    ward.passes(8)
    expect(ana.tile()).to_have_attribute("data-latched", "true")
    expect(ana.tile()).to_have_attribute("data-alarm", "high")
    expect(ana.word("alarm-note")).to_have_text("has ended – not seen")
    assert ana.word("alarm-note").evaluate(RATIO) >= CONTRAST
    assert not ana.tile().evaluate(FLASHES, 900)
    assert ana.number("heart_rate").get_attribute("data-alarm") is None  # the value is well
    expect(banner(ana)).to_have_count(0)
    until(ana.page.get_by_text("No open alarms"), ana.button("Reset").click)
    expect(ana.tile()).not_to_have_attribute("data-latched", re.compile("."))
    expect(ana.tile()).not_to_have_attribute("data-alarm", re.compile("."))


def test_of_two_chairs_the_one_with_the_high_alarm_comes_first(open_ward, sign_in):
    ward = open_ward(3)
    for chair in (1, 2, 3):
        ward.seat(chair)
    ana = sign_in(ward, "ana", "/chair/3")
    ana.until_live(3, LOADED_S)
    ward.cuff(1, 168)
    ward.passes(61)
    expect(banner(ana)).to_have_count(1)
    ward.shows(2, heart_rate=30, spo2=90)
    ward.passes(16)
    expect(banner(ana)).to_have_count(2)
    assert [each.get_attribute("data-priority") for each in banner(ana).all()] == ["high", "medium"]
    expect(banner(ana).first).to_contain_text("Chair 2")
    expect(banner(ana).first).to_be_in_viewport(ratio=1)
    ana.open("/")
    expect(ana.tile(2)).to_have_attribute("data-alarm", "high")
    more = ana.word("alarm-more", 2)
    expect(more).to_have_text("+1")  # the low saturation stands behind, and is counted
    expect(more).to_have_attribute("data-priority", "medium")
    for _ in range(6):  # and never takes the place of the worse one
        assert ana.word("alarm-text", 2).inner_text().startswith("***")
        ana.page.wait_for_timeout(400)


def test_a_pause_counts_down_and_a_new_high_alarm_ends_it(open_ward, sign_in):
    ward = open_ward(2)
    ward.seat(1)
    ward.seat(2)
    ana = sign_in(ward, "ana")
    ana.until_live(1, LOADED_S)
    heard = ana.page.evaluate_handle(
        """() => {
        const heard = [];
        document.addEventListener('vigil:sound', ({detail}) => heard.push(detail));
        return heard;
        }"""
    )
    ward.cuff(1, 168)
    expect(ana.tile(1)).to_have_attribute("data-alarm", "medium")
    ana.page.wait_for_timeout(1200)
    assert last(heard) == {
        "sound": {"priority": "medium", "kind": "physiological"},
        "paused": [],
        "isLive": True,
    }
    ward.ask(PauseAudio, ANA, 1, seconds=120)
    audio = ana.word("audio", 1)
    expect(audio).to_have_text(re.compile(r"^0(2:00|1:5\d)$"))
    expect(audio).to_have_attribute("data-state", "paused")
    assert "bell-off.svg" in audio.evaluate("el => getComputedStyle(el, '::before').maskImage")
    ana.page.wait_for_timeout(600)
    assert last(heard)["sound"] is None
    assert last(heard)["paused"] == [1]
    ward.passes(30)
    expect(audio).to_have_text(re.compile(r"^01:[12]\d$"))
    ward.shows(1, heart_rate=150)
    ward.passes(8)
    expect(audio).to_have_text("")
    expect(ana.tile(1)).to_have_attribute("data-calls", "high")
    ana.page.wait_for_timeout(600)
    assert last(heard)["sound"] == {"priority": "high", "kind": "physiological"}
    ward.ask(SwitchAudio, INES, 2, is_off=True, reason="the alarm system is being tested")
    expect(ana.word("audio", 2)).to_have_text("off")
    ward.ask(SwitchAlarm, BEN, 2, metric=Metric.SPO2, is_off=True, reason="cold fingers")
    expect(ana.page.locator('[data-chair="2"][data-of="SpO2"]')).to_have_text("off")


def last(heard: Any) -> Any:
    return heard.evaluate("heard => heard.at(-1)")


HIDDEN = """() => {
  window.isHidden = true;
  Object.defineProperty(document, 'hidden', {get: () => window.isHidden});
}"""


def test_a_page_that_nobody_sees_says_so_and_confirms_nothing(open_ward, sign_in):
    ward = open_ward(1)
    ward.seat(1)
    ana = sign_in(ward, "ana")
    ana.until_live(timeout_s=LOADED_S)
    ana.page.evaluate(HIDDEN)
    ana.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert ana.page.title().startswith("In background – ")
    ward.shows(1, heart_rate=150)
    ward.passes(8)
    expect(ana.page).to_have_title(re.compile(r"^\*\*\* HR 150 .*Chair 1$"))
    ana.page.wait_for_timeout(800)
    assert ward.alarms(1)["heart_rate high"].shown_to == ()
    ana.page.evaluate("window.isHidden = false")
    ana.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(ana.page).to_have_title("Board – Harbour Clinic")
    ward.until(lambda: ward.alarms(1)["heart_rate high"].shown_to == ("ana",))


NOT_LIVE = "SCREEN NOT LIVE – the numbers are from 12:00; look at the bedside monitor"


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("viewport", [LARGE, TABLET], ids=["large", "tablet"])
def test_alarms_of_all_kinds_stand_without_collision(
    open_ward, sign_in, picture, theme, viewport, request
):
    ward = open_ward(4)
    for chair in (1, 2, 3, 4):
        ward.seat(chair, second="ana")
    ward.cuff(1, 192)
    ward.shows(1, spo2=90)
    ward.shows(2, heart_rate=125)
    ward.shows(4, heart_rate=150)
    ward.passes(16)
    ward.shows(4, heart_rate=72)
    ward.ask(PauseAudio, ANA, 2, seconds=120)
    ward.ask(SwitchAlarm, BEN, 3, metric=Metric.NIBP_MEAN, is_off=True, reason="a test")
    ward.ask(SwitchAlarm, BEN, 3, metric=Metric.SPO2, is_off=True, reason="a test")
    ward.passes(50)
    ana = sign_in(ward, "ana", **themed(ward.url, theme), viewport=viewport)
    name = f"alarms-{request.node.callspec.id}"
    for path, parts in (
        ("/", ".tile, .strip"),
        ("/chair/1", ".watch-numbers, .alarm-line, .strip"),
    ):
        ana.open(path)
        ana.until_live(1, LOADED_S)
        expect(banner(ana).first).to_have_attribute("data-priority", "high")
        expect(banner(ana).first).to_be_in_viewport(ratio=1)
        if path == "/":
            expect(ana.tile(4)).to_have_attribute("data-latched", "true")
        picture(ana, f"{name}{path.replace('/', '-')}")
        fits(ana)
        no_collisions(ana.page.locator(parts))
    not_live = ana.page.locator("#not-live")
    not_live.evaluate("(el, words) => { el.hidden = false; el.textContent = words; }", NOT_LIVE)
    bar, strip = not_live.bounding_box(), ana.page.locator(".strip").bounding_box()
    assert bar
    assert strip
    assert bar["y"] + bar["height"] <= strip["y"] + 1  # neither stands on the other
