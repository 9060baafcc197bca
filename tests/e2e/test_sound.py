"""Is an alarm heard as its priority asks, and does the screen say so where it cannot be heard?

The first half measures samples that the page renders with the very code that it plays with, in a
browser that has no loudspeaker; numpy counts the pulses. Limits: shared/alarms.md section 2 and
the tables 3 and 4 of IEC 60601-1-8.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserType, Locator, Page, Route, expect
from sqlalchemy import select
from sqlmodel import col

import dashboard
from clinical.alarms import AlarmKind, AlarmPriority
from clinical.sign_off import Actor, Role
from clinical.snapshot import Sound
from dashboard.pages import sound as sound_page
from storage.database import Database, migrate, open_database
from storage.models import AuditRow
from tests.dashboard.a_clinic import NURSE, PAGES, PASSWORD, QUICK, Clinic, a_clinic, served
from tests.e2e.screens import until

RATE = 48_000
ASSETS = Path(dashboard.__file__).parent / "assets"
SOUND_JS = (ASSETS / "sound.js").read_text(encoding="utf-8")
KINDS = ("physiological", "technical")
SOUNDS = [(priority, kind) for priority in ("high", "medium", "low") for kind in KINDS]
COUNT = {"high": 10, "medium": 3, "low": 2}
PULSE_MS = {"high": (75, 200), "medium": (125, 250), "low": (125, 250)}
EVERY_S = {"high": 10, "medium": 20, "low": 40}  # from one burst's begin to the next one's
BETWEEN_S = {"high": (2.5, 15), "medium": (2.5, 30), "low": (15, 60)}  # from its end
WITHIN_MS = 8  # how well an envelope of tones with a period of 2.6 ms can be read
HERE = "http://sound.test/"
SAMPLES = """async script => {
  const samples = await window.vigilSound.rehearse(...script);
  const bytes = new Uint8Array(samples.buffer);
  let text = '';
  for (let i = 0; i < bytes.length; i += 32768) {
    text += String.fromCharCode(...bytes.subarray(i, i + 32768));
  }
  return btoa(text);
}"""


@dataclass(frozen=True, slots=True)
class Pulse:
    """Where the envelope is above 90 % of its top (s), and how it gets there."""

    start: float
    end: float
    rise_s: float  # from 10 to 90 %
    fall_s: float
    peak: float

    @property
    def length(self) -> float:
        return self.end - self.start


def envelope(samples: Any) -> Any:
    """The highest of each 2.7 ms: one period of the lowest tone."""
    half = int(0.00135 * RATE)
    loud = np.abs(samples)
    padded = np.pad(loud, half)
    windows = np.lib.stride_tricks.sliding_window_view(padded[::8], 2 * half // 8 + 1)
    return np.repeat(windows.max(axis=1), 8)[: len(samples)]


def pulses_of(samples: Any) -> list[Pulse]:
    loud = envelope(samples)
    edges = np.flatnonzero(np.diff(np.pad((loud > 1e-4).astype(np.int8), 1)))
    found = []
    for foot, back in edges.reshape(-1, 2):
        shape = loud[foot:back]
        top = np.percentile(shape, 75)
        above = np.flatnonzero(shape >= 0.9 * top)
        tenth = np.flatnonzero(shape >= 0.1 * top)
        start, end = above[0], above[-1]
        found.append(
            Pulse(
                (foot + start) / RATE,
                (foot + end) / RATE,
                (start - tenth[0]) / RATE,
                (tenth[-1] - end) / RATE,
                float(shape.max()),
            )
        )
    return found


def gaps_ms(pulses: list[Pulse]) -> list[float]:
    return [1000 * (after.start - before.end) for before, after in pairwise(pulses)]


def harmonics(samples: Any, pulse: Pulse) -> tuple[float, list[float]]:
    """The fundamental (Hz) and the levels of its multiples in 300-4000 Hz, dB relative to it."""
    inside = samples[int(pulse.start * RATE) : int(pulse.end * RATE)]
    size = 1 << 18
    spectrum = np.abs(np.fft.rfft(inside * np.hanning(len(inside)), size))
    freqs = np.fft.rfftfreq(size, 1 / RATE)
    audible = np.flatnonzero(spectrum > 0.1 * spectrum.max())
    lowest = audible[0]
    near = slice(lowest, lowest + int(60 / freqs[1]))
    first = near.start + int(np.argmax(spectrum[near]))
    base = freqs[first]

    def level(k: int) -> float:
        at = np.abs(freqs - k * base) < 10
        return float(20 * np.log10(spectrum[at].max() / spectrum[first]))

    return base, [level(k) for k in range(2, 40) if 300 <= k * base <= 4000]


@pytest.fixture(scope="module")
def quiet_page(browser: Browser) -> Any:
    """A page with nothing but the sound."""
    context = browser.new_context()
    page = context.new_page()
    page.route(
        "**/*", lambda route: route.fulfill(body="<!doctype html><p>", content_type="text/html")
    )
    page.goto(HERE)
    page.add_script_tag(content=SOUND_JS)
    yield page
    context.close()


def rehearse(page: Page, script: list[Any], seconds: float) -> Any:
    return np.frombuffer(base64.b64decode(page.evaluate(SAMPLES, [script, seconds])), np.float32)


def sound(priority: str, kind: str = "physiological") -> dict[str, Any]:
    return {"sound": {"priority": priority, "kind": kind}}


# What is played.


@pytest.fixture(scope="module")
def heard(quiet_page: Page) -> dict[tuple[str, str], Any]:
    """Each sound at full volume, for so long that its burst comes twice."""
    quiet_page.evaluate("vigilSound.setVolume(100)")
    return {
        (priority, kind): rehearse(
            quiet_page, [[0, sound(priority, kind)]], EVERY_S[priority] + 5.0
        )
        for priority, kind in SOUNDS
    }


@pytest.mark.parametrize(("priority", "kind"), SOUNDS)
def test_a_burst_has_as_many_pulses_as_its_priority_asks(heard, priority, kind):
    pulses = pulses_of(heard[priority, kind])
    assert len(pulses) == 2 * COUNT[priority]  # two bursts, and nothing between them


@pytest.mark.parametrize(("priority", "kind"), SOUNDS)
def test_a_pulse_lasts_and_rises_as_the_standard_asks(heard, priority, kind):
    shortest, longest = PULSE_MS[priority]
    for pulse in pulses_of(heard[priority, kind]):
        assert shortest <= 1000 * pulse.length <= longest
        assert 0.1 <= pulse.rise_s / pulse.length <= 0.2
        assert pulse.fall_s >= 0.01  # no click at its end either


@pytest.mark.parametrize("kind", KINDS)
def test_the_pulses_of_a_high_alarm_come_in_threes_and_twos(heard, kind):
    pulses = pulses_of(heard["high", kind])[:10]
    spaces = gaps_ms(pulses)
    steady = [spaces[i] for i in (0, 1, 3, 5, 6, 8)]
    assert all(50 <= space <= 125 for space in steady)
    assert max(steady) - min(steady) <= WITHIN_MS  # x is one x
    x, length = float(np.mean(steady)), float(np.mean([1000 * each.length for each in pulses]))
    assert spaces[2] == pytest.approx(2 * x + length, abs=WITHIN_MS)
    assert spaces[7] == pytest.approx(2 * x + length, abs=WITHIN_MS)
    assert 350 <= spaces[4] <= 1300


@pytest.mark.parametrize(("priority", "kind"), SOUNDS[2:])
def test_the_pulses_of_a_milder_alarm_are_evenly_spaced(heard, priority, kind):
    pulses = pulses_of(heard[priority, kind])[: COUNT[priority]]
    assert all(125 <= space <= 250 for space in gaps_ms(pulses))


@pytest.mark.parametrize(("priority", "kind"), SOUNDS)
def test_the_burst_comes_again_in_time(heard, priority, kind):
    pulses = pulses_of(heard[priority, kind])
    count = COUNT[priority]
    shortest, longest = BETWEEN_S[priority]
    assert shortest <= pulses[count].start - pulses[count - 1].end <= longest
    assert pulses[count].start - pulses[0].start == pytest.approx(EVERY_S[priority], abs=0.01)


def test_a_worse_alarm_comes_again_sooner(heard):
    assert EVERY_S["high"] < EVERY_S["medium"] < EVERY_S["low"]


@pytest.mark.parametrize(("priority", "kind"), SOUNDS)
def test_each_pulse_has_four_harmonics_that_a_room_lets_through(heard, priority, kind):
    samples = heard[priority, kind]
    for pulse in pulses_of(samples)[: COUNT[priority]]:
        base, levels = harmonics(samples, pulse)
        assert 150 <= base <= 1000
        assert sum(abs(level) <= 15 for level in levels) >= 4, (base, levels)


def melody(samples: Any, count: int) -> list[int]:
    return [round(harmonics(samples, pulse)[0]) for pulse in pulses_of(samples)[:count]]


@pytest.mark.parametrize("priority", COUNT)
def test_the_patient_sounds_different_from_the_equipment(heard, priority):
    patient, equipment = (melody(heard[priority, kind], COUNT[priority]) for kind in KINDS)
    assert patient != equipment
    assert patient[0] < patient[1]  # the one rises, the other falls
    assert equipment[0] > equipment[1]


def test_nothing_is_clipped_and_a_worse_alarm_is_never_quieter(heard):
    peaks = {sound: float(np.abs(samples).max()) for sound, samples in heard.items()}
    assert max(peaks.values()) + 0.2 < 0.99  # a reminder may come with it
    for kind in KINDS:
        assert peaks["high", kind] >= peaks["medium", kind] >= peaks["low", kind] > 0.3
    for samples in heard.values():
        tops = [pulse.peak for pulse in pulses_of(samples)]
        assert 20 * np.log10(max(tops) / min(tops)) <= 10


def test_no_alarm_is_silence(quiet_page):
    assert not rehearse(quiet_page, [[0, None]], 2).any()


@pytest.mark.parametrize(
    "malformed",
    [
        {"sound": {"priority": "worst", "kind": "technical"}},
        {"sound": {"priority": "high"}},
        {"sound": {"priority": "constructor", "kind": "physiological"}},
        {"sound": {"priority": "high", "kind": "__proto__"}},
    ],
)
def test_what_makes_no_sense_silences_nothing(quiet_page, malformed):
    samples = rehearse(quiet_page, [[0, malformed], [1, sound("medium")], [1.2, malformed]], 3)
    assert len(pulses_of(samples)) == 3


# What comes after what.


def test_a_worse_alarm_cuts_the_burst_that_is_playing(quiet_page):
    samples = rehearse(quiet_page, [[0, sound("medium")], [0.5, sound("high")]], 5)
    pulses = pulses_of(samples)
    after = [pulse for pulse in pulses if pulse.start > 0.5]
    assert len(after) == 10
    assert after[0].start - 0.5 < 0.1
    assert [round(space) for space in gaps_ms(after)][:2] == pytest.approx([90, 90], abs=WITHIN_MS)


def test_the_patients_alarm_cuts_the_equipments_of_the_same_priority(quiet_page):
    script = [[0, sound("high", "technical")], [0.5, sound("high")]]
    samples = rehearse(quiet_page, script, 5)
    after = [pulse for pulse in pulses_of(samples) if pulse.start > 0.5]
    assert len(after) == 10
    assert harmonics(samples, after[0])[0] == pytest.approx(392, abs=1)


def test_the_same_alarm_goes_on_without_beginning_again(quiet_page):
    once = rehearse(quiet_page, [[0, sound("high")]], 12)
    said_often = [[second, sound("high")] for second in range(12)]
    again = rehearse(quiet_page, said_often, 12)
    assert np.abs(once - again).max() < 1e-6


def test_an_alarm_that_ends_is_quiet_at_the_end_of_its_pulse(quiet_page):
    samples = rehearse(quiet_page, [[0, sound("high")], [0.3, None]], 12)
    first, second = pulses_of(samples)  # the second one was being heard
    assert first.start < second.start < 0.3 < second.end < 0.5
    assert second.fall_s >= 0.01
    whole = rehearse(quiet_page, [[0, sound("high")]], 1)
    until = int((second.end + 0.02) * RATE)
    assert np.abs(samples[:until] - whole[:until]).max() < 1e-6


def test_a_milder_alarm_waits_for_the_worse_one_to_be_quiet(quiet_page):
    samples = rehearse(quiet_page, [[0, sound("high")], [0.3, sound("low")]], 5)
    pulses = pulses_of(samples)
    assert len(pulses) == 4
    assert 0.9 <= pulses[2].start - pulses[1].end <= 1.2
    assert pulses[2].length > 0.15


def test_an_alarm_that_comes_back_sounds_at_once(quiet_page):
    script = [[0, sound("medium")], [1.5, None], [2, sound("medium")]]
    pulses = pulses_of(rehearse(quiet_page, script, 4))
    assert len(pulses) == 6
    assert pulses[3].start - 2 < 0.1


# Paused audio.


def test_paused_audio_is_called_to_mind_once_a_minute(quiet_page):
    paused = {"sound": None, "paused": [1]}
    script = [[0, paused], [70, paused], [150, {"sound": None, "paused": []}]]
    samples = rehearse(quiet_page, script, 200)
    pulses = pulses_of(samples)
    assert [round(pulse.start) for pulse in pulses] == [60, 120]
    assert all(pulse.length < 0.125 for pulse in pulses)


def test_the_reminder_is_no_alarm(quiet_page, heard):
    quiet_page.evaluate("vigilSound.setVolume(100)")
    samples = rehearse(quiet_page, [[0, {"sound": None, "paused": [1]}]], 62)
    (pulse,) = pulses_of(samples)
    base, levels = harmonics(samples, pulse)
    assert max(levels) < -30  # a pure tone
    assert all(round(base) not in melody(heard[each], COUNT[each[0]]) for each in SOUNDS)
    assert pulse.peak < 0.6 * min(float(np.abs(samples).max()) for samples in heard.values())


def test_a_reminder_is_not_lost_under_the_burst_of_another_chair(quiet_page):
    both = {**sound("high"), "paused": [1]}
    pulses = pulses_of(rehearse(quiet_page, [[0, both]], 66))
    (reminder,) = [pulse for pulse in pulses if pulse.length < 0.115]
    assert 60 <= reminder.start <= 66
    others = [pulse for pulse in pulses if pulse is not reminder]
    assert all(abs(pulse.start - reminder.start) > 0.9 for pulse in others)


# Volume.


def loudest(page: Page) -> float:
    return float(np.abs(rehearse(page, [[0, sound("high")]], 2)).max())


def test_no_volume_is_below_the_floor(quiet_page):
    quiet_page.evaluate("vigilSound.setFloor(60); vigilSound.setVolume(60)")
    at_floor = loudest(quiet_page)
    quiet_page.evaluate("vigilSound.setVolume(0)")
    assert loudest(quiet_page) == pytest.approx(at_floor, rel=1e-4)
    quiet_page.evaluate("vigilSound.setVolume(90)")
    assert loudest(quiet_page) > 1.5 * at_floor
    quiet_page.evaluate("vigilSound.setFloor(95)")
    assert quiet_page.evaluate("vigilSound.volume()") == 95
    quiet_page.evaluate("vigilSound.setFloor(20)")
    assert quiet_page.evaluate("vigilSound.volume()") == 90  # the person's choice is kept


# Live. The ear of the test stands beside the loudspeaker.

EAR = """(() => {
  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (to, ...rest) {
    if (to instanceof AudioDestinationNode && this.context instanceof AudioContext) {
      const ear = this.context.createAnalyser();
      ear.fftSize = 32768; // 0.7 s: longer than any gap inside a burst
      connect.call(this, ear);
      window.ear = ear;
    }
    return connect.call(this, to, ...rest);
  };
  window.loudness = (last = 32768) => {
    const heard = new Float32Array(32768);
    window.ear?.getFloatTimeDomainData(heard);
    return Math.max(...heard.slice(-last).map(Math.abs));
  };
})()"""
SAY = "detail => document.dispatchEvent(new CustomEvent('vigil:sound', {detail}))"
ONSET = """detail => new Promise(resolve => {
  const from = performance.now();
  document.dispatchEvent(new CustomEvent('vigil:sound', {detail}));
  const listen = () => loudness(2048) > 0.01 ? resolve(performance.now() - from)
    : setTimeout(listen, 2);
  listen();
})"""
STATES = """states = [];
document.addEventListener('vigil:sound-state', ({detail}) => states.push(detail.state));"""
STUB = f"<!doctype html><p>Sound.<script>{STATES}</script><script src=sound.js></script>"


def stub(page: Page) -> Page:
    def answer(route: Route) -> None:
        is_script = route.request.url.endswith("sound.js")
        body, kind = (SOUND_JS, "text/javascript") if is_script else (STUB, "text/html")
        route.fulfill(body=body, content_type=kind)

    page.add_init_script(EAR)
    page.route("**/*", answer)
    page.goto(HERE)
    return page


@pytest.fixture
def live(page: Page) -> Page:
    """A page with nothing but the sound, in a browser that lets it sound."""
    return stub(page)


@pytest.fixture
def wary(browser_type: BrowserType, browser_type_launch_args: dict[str, Any]) -> Iterator[Browser]:
    """A browser as it comes: it lets no page sound that nobody has touched."""
    args = [each for each in browser_type_launch_args["args"] if "autoplay" not in each]
    browser = browser_type.launch(**{**browser_type_launch_args, "args": args})
    yield browser
    browser.close()


def test_an_alarm_is_heard_at_once_and_ends_with_its_cause(live):
    assert live.evaluate("loudness()") == 0
    onset_ms = live.evaluate(ONSET, {**sound("high"), "paused": [], "isLive": True})
    assert onset_ms < 1000  # of the 3 s from the limit to the ear
    live.evaluate(SAY, {"sound": None, "paused": [], "isLive": True})
    live.wait_for_function("() => loudness() === 0", timeout=3000)


def test_a_screen_that_is_not_live_sounds_as_if_the_equipment_had_failed(page):
    page.clock.install()
    live = stub(page)
    live.evaluate(SAY, {"sound": None, "paused": [], "isLive": False})
    live.clock.run_for(4000)
    assert live.evaluate("loudness()") == 0  # a socket that comes back soon is no alarm
    live.clock.run_for(2500)
    live.wait_for_function("() => loudness() > 0.01", timeout=3000, polling=20)
    live.evaluate(SAY, {"sound": None, "paused": [], "isLive": True})
    live.wait_for_function("() => loudness() === 0", timeout=3000, polling=20)


def test_bursts_are_planned_ahead_for_a_tab_whose_timers_hardly_run(page):
    """Chromium runs the timers of a tab that has long been hidden once a minute."""
    page.clock.install()
    page.add_init_script(
        """window.planned = [];
        const start = OscillatorNode.prototype.start;
        OscillatorNode.prototype.start = function (at) { planned.push(at); start.call(this, at); }
        """
    )
    live = stub(page)
    live.evaluate(SAY, sound("high"))
    assert live.evaluate("Math.max(...planned)") > 75
    before = live.evaluate("planned.length")
    for _ in range(5):
        live.evaluate(SAY, sound("high"))
    assert live.evaluate("planned.length") - before <= 10  # no more, however often it is said


def test_a_volume_counts_at_once_and_is_remembered(live):
    live.evaluate("vigilSound.setVolume(55)")
    assert live.evaluate("vigilSound.volume()") == 55
    live.reload()
    assert live.evaluate("vigilSound.volume()") == 55
    live.evaluate("vigilSound.setFloor(70)")
    assert live.evaluate("vigilSound.volume()") == 70


def test_a_test_tone_is_never_played_under_an_alarm(live):
    plan = live.evaluate("vigilSound.test('low', 'technical')")
    assert plan["in_s"] < 0.1
    assert plan["until_s"] - plan["in_s"] == pytest.approx(0.6, abs=0.1)
    live.evaluate(SAY, sound("high"))
    plan = live.evaluate("vigilSound.test('high', 'technical')")
    assert 3 < plan["in_s"] < 6  # after this burst, and done before the next
    assert plan["until_s"] < 9.2
    assert live.evaluate("vigilSound.test('no such', 'technical')") is None


def test_audio_that_is_held_back_is_told_and_comes_with_the_first_touch(wary):
    page = wary.new_page()
    # By the page itself: whatever Playwright evaluates counts as a touch.
    page.add_init_script(
        """addEventListener('load', () => {
          document.dispatchEvent(new CustomEvent('vigil:sound',
            {detail: {sound: {priority: 'high', kind: 'physiological'}}}));
          setTimeout(() => { window.untouched = [vigilSound.state(), loudness()]; }, 500);
        })"""
    )
    live = stub(page)
    assert live.wait_for_function("() => window.untouched").json_value() == ["blocked", 0]
    live.mouse.click(10, 10)
    live.wait_for_function("() => loudness() > 0.01", timeout=3000)
    assert live.evaluate("states") == ["blocked", "running"]


def test_audio_that_stops_is_told_again(live):
    live.wait_for_function("() => vigilSound.state() === 'running'")
    live.evaluate("ear.context.suspend()")
    live.wait_for_function("() => states.at(-1) === 'blocked'")
    live.keyboard.press("a")
    live.wait_for_function("() => states.at(-1) === 'running'")


def test_a_device_that_goes_away_is_noticed_and_another_is_tried(page):
    page.clock.install()
    live = stub(page)
    live.evaluate(SAY, sound("high"))
    live.evaluate(
        "Object.defineProperty(ear.context, 'currentTime', {value: 1}); window.gone = ear.context"
    )
    live.clock.run_for(6000)
    assert "blocked" in live.evaluate("states")
    live.wait_for_function("() => loudness() > 0.01", timeout=3000, polling=20)
    assert live.evaluate("ear.context !== gone && vigilSound.state() === 'running'")


# In a clinic, with an engine that says what the test wants.


@dataclass(frozen=True, slots=True)
class House:
    """A server with a record, where a nurse and a director have accounts."""

    clinic: Clinic
    url: str
    database: Database

    def tests(self) -> list[dict[str, Any]]:
        """What the record says of tests of the sound, in their order."""
        with self.database.reading() as db:
            rows = db.scalars(select(AuditRow).order_by(col(AuditRow.id)))
            return [
                {"by": row.by, **json.loads(row.detail)}
                for row in rows
                if row.action == "sound_test"
            ]

    def sound(self, chair: int, now: Sound | None) -> None:
        self.clinic.engine.change(chair, (), "sound", sound=now)

    def sign_in(self, page: Page, actor: Actor = NURSE, path: str = "/") -> Page:
        """As a person does, with the ear of the test beside the loudspeaker."""
        page.add_init_script(EAR)
        page.goto(f"{self.url}/login?next={path}")
        page.get_by_label("Name").fill(actor.user)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        return page


DIRECTOR = Actor("dora", "Dora Klein", Role.DIRECTOR)
ALARM = Sound(AlarmPriority.HIGH, AlarmKind.PHYSIOLOGICAL)


@pytest.fixture
def house(tmp_path: Path, page: Page) -> Iterator[House]:
    url = f"sqlite:///{tmp_path / 'vigil.sqlite'}"
    migrate(url)
    database = open_database(url)
    clinic = a_clinic(pages=(*PAGES, sound_page), database=database)
    clinic.people.accounts[DIRECTOR.user] = (DIRECTOR, QUICK.hash(PASSWORD))
    with served(clinic.app) as at:
        yield House(clinic, f"http://{at}", database)
        page.goto("about:blank")
    database.close()


def until_heard(page: Page) -> None:
    page.wait_for_function("() => window.loudness?.() > 0.01", polling=20)


def until_quiet(page: Page) -> None:
    page.wait_for_function("() => window.loudness?.() === 0", polling=20)


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def test_the_sound_is_tested_after_the_sign_in_and_the_result_recorded(house, page):
    house.sign_in(page, path="/who")
    line = page.locator("#sound-untested")
    expect(line).to_be_visible()
    line.get_by_role("link", name="Test").click()
    expect(page.get_by_role("heading", name="Can you hear an alarm here?")).to_be_visible()
    expect(line).to_be_hidden()
    heard = button(page, "I heard and saw all three")
    for priority in ("low", "medium", "high"):
        heard.click()
        expect(page.locator("#sound-said")).to_have_text("Play all three first.")
        until_quiet(page)
        button(page, f"Play {priority}").click()
        expect(page.locator("[data-playing]")).to_have_count(1)
        expect(page.locator(f'[data-tone="{priority}"]')).to_have_attribute("data-playing", "true")
        until_heard(page)
    heard.click()
    page.wait_for_url("**/who")
    expect(line).to_be_hidden()
    played = ["low", "medium", "high"]
    told = {"result": "heard", "volume_pct": 80, "state": "running", "played": played}
    assert house.tests() == [{"by": NURSE.user, **told}]
    page.reload()
    expect(button(page, "Ask")).to_be_visible()
    expect(line).to_be_hidden()
    button(page, "Sign out").click()
    house.sign_in(page)  # whoever comes next tests it again
    expect(line).to_be_visible()


def test_the_test_is_skipped_with_one_click_and_that_is_recorded(house, page):
    house.sign_in(page)
    line = page.locator("#sound-untested")
    line.get_by_role("button", name="Skip").click()
    expect(line).to_be_hidden()
    assert [each["result"] for each in house.tests()] == ["skipped"]
    assert urlsplit(page.url).path == "/"


def test_a_screen_that_was_not_heard_goes_on_asking(house, page):
    house.sign_in(page, path="/sound")
    button(page, "I did not").click()
    expect(page.locator("#sound-said")).to_contain_text("Rely on the bedside monitor's alarms")
    assert [each["result"] for each in house.tests()] == ["not heard"]
    page.goto(f"{house.url}/")
    expect(page.locator("#sound-untested")).to_be_visible()


def test_no_screen_goes_below_the_floor_that_the_director_sets(house, page, new_context):
    house.sign_in(page, DIRECTOR, "/sound")
    page.get_by_label("Lowest volume").fill("90")
    button(page, "Set the floor").click()
    expect(page.get_by_text("No screen can be turned below 90 %")).to_be_visible()
    expect(page.locator("#sound-level")).to_have_text("Sound 90 %")
    nurse = house.sign_in(new_context().new_page(), NURSE, "/sound")
    expect(nurse.locator("#sound-level")).to_have_text("Sound 90 %")
    nurse.get_by_label("Volume", exact=True).fill("10")
    assert nurse.evaluate("vigilSound.volume()") == 90
    expect(nurse.get_by_label("Lowest volume")).to_have_count(0)
    nurse.goto("about:blank")


def test_the_worst_alarm_of_all_chairs_is_heard_on_every_page_until_it_is_answered(house, page):
    house.sign_in(page, path="/chair/2")
    expect(page.locator("#sound-level")).to_have_text("Sound 80 %")
    house.sound(1, ALARM)  # no chair of this page
    until_heard(page)
    house.sound(1, None)
    until_quiet(page)


@pytest.mark.parametrize("is_paused", [True, False])
def test_a_page_that_is_opened_sounds_what_sounds_already(house, page, is_paused):
    house.sound(1, None if is_paused else ALARM)
    house.sign_in(page)
    expect(page.locator("#sound-level")).to_have_text("Sound 80 %")
    (until_quiet if is_paused else until_heard)(page)


WARNS = """addEventListener('DOMContentLoaded', () => {
  let before = null;
  const look = () => {
    const bar = document.getElementById('sound-off');
    const {left, top, width, height} = bar?.getBoundingClientRect() ?? {};
    const now = !bar ? null : bar.hidden ? 'hidden'
      : `${bar.textContent} at ${left + width / 2} ${top + height / 2}`;
    if (now !== before) console.info(before = now);
  };
  new MutationObserver(look).observe(document.documentElement,
    {attributes: true, childList: true, characterData: true, subtree: true});
});"""


def test_a_browser_that_holds_the_sound_back_says_so_until_it_is_touched(house, wary):
    """The page says on the console what it shows: to ask it by Playwright counts as a touch."""
    context = wary.new_context(base_url=house.url)
    context.request.post("/login", form={"user": NURSE.user, "password": PASSWORD})
    page = context.new_page()
    page.add_init_script(WARNS)
    with page.expect_console_message(lambda said: " at " in said.text) as warned:
        page.goto("/")
    words, where = warned.value.text.split(" at ")
    assert words == "SOUND OFF – TOUCH TO ENABLE"
    with page.expect_console_message(lambda said: said.text == "hidden"):
        page.mouse.click(*map(float, where.split()))
    assert page.evaluate("vigilSound.state()") == "running"
    page.goto("about:blank")


# In a clinic as it is.


def test_a_high_alarm_of_a_patient_is_heard_until_somebody_has_seen_it(alarmed):
    page = alarmed.page
    page.add_init_script(EAR)
    alarmed.open("/chair/1")
    until_heard(page)
    acknowledge = page.get_by_role("button", name=re.compile("^Acknowledge")).first
    until(page.locator('[data-tile="1"][data-acked="true"]'), acknowledge.dblclick, timeout_s=60)
    until_quiet(page)
