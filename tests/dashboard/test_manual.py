"""Can a nurse enter a value by hand, once, be asked about what is unusual, and see it as such?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from clinical.bedside import BedsideMonitor
from clinical.catalog.presets import shipped
from clinical.commands import ConfirmMonitor, Outcome, OutcomeKind, RecordObservation
from clinical.identity import Identity
from clinical.links import ClockRead
from clinical.phases import SessionPhase
from clinical.record import Entry, Reading
from clinical.vitals import CONTINUOUS, CUFF, Metric, Observation, Quality, Source
from dashboard.pages import board, chair, manual
from dashboard.views import identity
from dashboard.views import manual as view_of
from dashboard.views.panel import Form
from tests.dashboard.a_clinic import (
    NOON,
    NURSE,
    PASSWORD,
    Clinic,
    WallClock,
    a_clinic,
    served,
    session,
)
from tests.dashboard.test_pages_chair import once, until_asked, words

FORM = Form(str(uuid4()), 0.0)
BESIDE = chair.Behind(shipped())
BERLIN = datetime(2026, 3, 14, 13, 30, tzinfo=UTC)
GE = BedsideMonitor("ge-dri", "GE CARESCAPE", frozenset({*CONTINUOUS, *CUFF}), "clinic")
OWN, OTHER = Identity("F-CU8", "4711"), Identity("F-CU8", "0815")


def entered(metric: Metric, value: float, at: datetime = NOON) -> Reading:
    cuff = "hand-1" if metric in CUFF else None
    observation = Observation(metric, value, Quality.VALID, at, Source.MANUAL, measurement_id=cuff)
    return Reading(UUID(int=7), observation, entry=Entry("ana", "AR", at))


def asked(**values: float) -> dict:
    return {"form": FORM.key, "values": values, "initials": "AR", "time": ""}


# What is said.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("13:04", datetime(2026, 3, 14, 13, 4, tzinfo=UTC)),
        ("1304", datetime(2026, 3, 14, 13, 4, tzinfo=UTC)),
        ("9.05", datetime(2026, 3, 14, 9, 5, tzinfo=UTC)),
        ("13:45", datetime(2026, 3, 14, 13, 45, tzinfo=UTC)),  # to come: for the engine to refuse
    ],
)
def test_a_time_of_day_is_that_of_today(text, expected):
    assert view_of.time_of(text, BERLIN, UTC) == expected


def test_after_midnight_the_evening_is_yesterdays():
    early = datetime(2026, 3, 15, 0, 3, tzinfo=UTC)
    assert view_of.time_of("23:58", early, UTC) == early - timedelta(minutes=5)


# Now and what is read off a clock on the wall of Berlin, and the moment (UTC) that it means.
CHANGES_OF_TIME = {
    "from before it begins": ("2026-03-29T01:05", "01:58", "2026-03-29T00:58"),
    "after it began": ("2026-03-29T01:05", "03:02", "2026-03-29T01:02"),
    "from before it ends": ("2026-10-25T01:50", "01:50", "2026-10-24T23:50"),
    "first of the hour that comes twice": ("2026-10-25T00:40", "02:30", "2026-10-25T00:30"),
    "newest of the hour that comes twice": ("2026-10-25T01:40", "02:30", "2026-10-25T01:30"),
    "of the evening before": ("2026-03-29T01:05", "23:50", "2026-03-28T22:50"),
}


@pytest.fixture
def in_berlin(monkeypatch) -> Iterator[None]:
    """The computer's own zone."""
    if not hasattr(time, "tzset"):
        pytest.skip("the zone of this system cannot be set for one program")
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("in_berlin")
@pytest.mark.parametrize("zone", [None, ZoneInfo("Europe/Berlin")], ids=["computer", "named"])
@pytest.mark.parametrize(("now", "typed", "meant"), CHANGES_OF_TIME.values(), ids=CHANGES_OF_TIME)
def test_a_time_of_day_is_right_in_the_nights_of_summer_time(now, typed, meant, zone):
    at = view_of.time_of(typed, datetime.fromisoformat(now).replace(tzinfo=UTC), zone)
    assert at == datetime.fromisoformat(meant).replace(tzinfo=UTC)


@pytest.mark.usefixtures("in_berlin")
def test_a_time_that_never_was_is_refused():
    with pytest.raises(ValueError, match="a time that was, got 02:30: the clocks were put forward"):
        view_of.time_of("02:30", datetime(2026, 3, 29, 1, 5, tzinfo=UTC), None)


@pytest.mark.parametrize("text", ["25:00", "12:60", "noon", "12:4", "7", "12:004", "-1:30"])
def test_what_is_no_time_says_what_was_expected(text):
    with pytest.raises(ValueError, match="HH:MM"):
        view_of.time_of(text, BERLIN, UTC)


def test_the_initials_are_those_of_the_name():
    assert view_of.initials_of("Ana Ruiz") == "AR"
    assert view_of.initials_of("Dr. Eva-Maria van der Berg-Ohm (x)") == "DEVD"


def test_a_pressure_is_said_as_a_nurse_says_it():
    values = {"nibp_systolic": 210.0, "nibp_diastolic": 120.0, "temperature_1": 36.8}
    assert view_of.values_in_words(values) == "BP 210/120, T 36.8"
    assert view_of.values_in_words({**values, "nibp_mean": 150.0}) == "BP 210/120 (150), T 36.8"
    assert view_of.values_in_words({"nibp_systolic": 210.0}) == "SYS 210"


def test_what_is_to_be_known_of_a_recorded_value_is_said():
    told = asked(nibp_systolic=118, nibp_diastolic=78)
    assert words(view_of.recorded(told, NOON, UTC)) == "Recorded: BP 118/78, 12:00, AR."
    older = words(view_of.recorded(told, NOON, UTC, "there is a newer pressure: judged by none"))
    assert older.startswith("Recorded: BP 118/78, 12:00, AR.")
    assert older.endswith("There is a newer pressure: judged by none.")


def test_the_same_form_and_values_are_one_command_and_the_sure_one_another():
    def command(**more) -> RecordObservation:
        is_sure = more.pop("is_sure", False)
        given = asked(heart_rate=200) | more
        return manual.command_of(given, NOON, NURSE, 1, is_sure=is_sure)

    assert command().command_id == command().command_id
    assert command().command_id != command(is_sure=True).command_id
    assert command().command_id != command(time="11:58").command_id
    assert command(is_sure=True).is_sure
    assert command().at is None


def test_what_stands_in_the_fields_is_taken_as_it_is_seen():
    fields = {"heart_rate": "", "temperature_1": "36,8", "initials": " ar", "time": "1204"}
    found = manual.asked_of({"form": FORM.key, "fields": fields})
    assert found == asked(temperature_1=36.8) | {"initials": "ar", "time": "1204"}
    with pytest.raises(ValueError, match="SpO2: expected a number, got 9-"):
        manual.asked_of({"form": FORM.key, "fields": {"spo2": "9-"}})


def test_the_newest_of_each_sign_is_listed_with_time_and_initials():
    by_hand = {
        each.observation.metric: each
        for each in (
            entered(Metric.TEMPERATURE_1, 36.8, NOON + timedelta(minutes=2)),
            entered(Metric.NIBP_SYSTOLIC, 128),
            entered(Metric.NIBP_DIASTOLIC, 76),
        )
    }
    told = words(view_of.newest(by_hand, UTC, FORM))
    assert told == "BP 128/76 12:00 ART 36.8 12:02 AR"


def test_nobody_is_offered_the_fields_who_is_not_signed_in_or_has_no_patient():
    assert view_of.form(None, NURSE, FORM) == []
    assert view_of.form(session(), None, FORM) == []


@pytest.mark.parametrize(
    ("offset_s", "says"),
    [
        (12.2, "clock 12 s ahead"),
        (-400, "clock 7 min behind"),
        (7200, "clock 2 h ahead"),
        (0.2, "clock agrees"),
    ],
)
def test_how_far_the_clock_is_apart_is_said_as_short_as_may_be(offset_s, says):
    assert identity.clock(ClockRead(offset_s, NOON)) == says


def test_a_stranger_is_named_beside_the_own_one_and_taken_on_by_a_button():
    view = replace(
        a_clinic().engine.snapshot.chairs[1],
        session=session(),
        monitors=(GE,),
        heard={GE.name: OTHER},
        bound={GE.name: OWN},
        strangers={GE.name: OTHER},
    )
    told = words(identity.check(view, True, FORM))
    for each in ("F-CU8, no. 0815", "F-CU8, no. 4711", "Yes, this monitor watches this patient"):
        assert each in told
    assert "Yes" not in words(identity.check(view, False, FORM))
    empty = replace(view, session=None)
    assert "is the one of this chair now" in words(identity.check(empty, True, FORM))
    assert identity.check(replace(view, strangers={}), True, FORM) == []


def test_the_monitor_part_says_who_is_heard_and_how_its_clock_goes():
    seen = replace(
        a_clinic().engine.snapshot.chairs[1],
        monitors=(GE,),
        heard={GE.name: OWN},
        clocks={GE.name: ClockRead(12.0, NOON)},
    )
    panel = next(each for each in chair.panels_of(seen, NURSE, BESIDE) if each.name == "monitors")
    assert "F-CU8, no. 4711 · clock 12 s ahead" in words(panel.draw(FORM))


# In a browser.


class Asking:
    """A desk that asks about what is unusual, as the engine does."""

    def __init__(self) -> None:
        self.commands: list = []

    def submit(self, command) -> Future:
        self.commands.append(command)
        done: Future[Outcome] = Future()
        asks = isinstance(command, RecordObservation) and not command.is_sure
        high = asks and any(each.value > 200 for each in command.values)
        kind = OutcomeKind.REFUSED if high else OutcomeKind.DONE
        older = isinstance(command, RecordObservation) and command.at is not None
        reason, missing = ("there is a newer pressure" if older else ""), ()
        if high:
            reason, missing = "is this right?", ("SYS 210 is unusual",)
        done.set_result(
            Outcome(kind, NOON, command.by.user, reason, missing, is_question=bool(high))
        )
        return done


class Bedside:
    """The chair page of chair 1 with a session in it, in front of the nurse."""

    def __init__(self, page: Page, clinic: Clinic) -> None:
        self.page, self.clinic = page, clinic
        self.form = page.get_by_role("group", name="Enter by hand")
        self.said = page.locator("#manual-said")

    @property
    def asked(self) -> list:
        return self.clinic.services.desk.commands

    def field(self, label: str):
        return self.form.get_by_label(label, exact=True)

    def number(self, metric: str):
        return self.page.locator(f'.watch [data-metric="{metric}"]')

    def shows(self, *parts: str, **fields) -> None:
        self.clinic.engine.change(1, (), *parts, **fields)


@pytest.fixture
def bedside(page: Page, monkeypatch) -> Iterator[Bedside]:
    monkeypatch.setattr(chair, "_entered", lambda *_: [])  # there is no record here
    clinic = a_clinic(clock=WallClock(), pages=(board, chair))
    object.__setattr__(clinic.services, "desk", Asking())
    now = clinic.services.clock.now()
    seated = session(SessionPhase.INFUSING, at=now)
    clinic.engine.change(1, (), "session", "phase", session=seated, monitors=(GE,))
    with served(clinic.app) as at:
        said: list[str] = []
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"error: {error}"))
        page.goto(f"http://{at}/login?next=/chair/1")
        page.fill("[name=user]", NURSE.user)
        page.fill("[name=password]", PASSWORD)
        page.click("button")
        seen = Bedside(page, clinic)
        expect(seen.form).to_be_visible()
        yield seen
        page.goto("about:blank")
        assert [each for each in said if each.startswith(("error", "warning"))] == []


@pytest.mark.browser
def test_the_keyboard_alone_records_and_a_question_is_answered_once(bedside):
    keys = bedside.page.keyboard
    bedside.field("SYS").focus()
    keys.type("210")
    keys.press("Tab")
    keys.type("120")
    bedside.shows("session", "phase", session=session(SessionPhase.RECOVERY))  # whatever comes
    keys.press("Enter")
    sure = bedside.said.get_by_role("button", name="Yes, record BP 210/120")
    expect(sure).to_be_visible()
    expect(bedside.field("SYS")).to_have_value("210")
    sure.dblclick()
    expect(bedside.said).to_contain_text("Recorded: BP 210/120")
    expect(bedside.field("SYS")).to_have_value("")
    first, second = once(bedside.asked)
    assert (first.is_sure, second.is_sure) == (False, True)
    assert second.values == first.values
    assert (second.initials, second.at, second.session) == ("AR", None, UUID(int=7))
    # The same once more is another one.
    bedside.field("HR").fill("72")
    for _ in range(2):
        bedside.form.get_by_role("button", name="Record").click()
        expect(bedside.field("HR")).to_have_value("")
        bedside.field("HR").fill("72")
    assert len(once(bedside.asked)) == 4
    # What the engine tells of what is done is shown too.
    bedside.field("Time").fill("0:00")
    bedside.form.get_by_role("button", name="Record").click()
    expect(bedside.said).to_contain_text("There is a newer pressure.")


@pytest.mark.browser
def test_what_cannot_be_is_told_while_it_is_typed_and_initials_are_kept(bedside):
    field = bedside.field("SYS")
    field.press_sequentially("12")
    expect(bedside.form).not_to_contain_text("expected")  # it may become 120
    field.press("Tab")
    expect(bedside.form).to_contain_text("40 to 280 expected")
    field.fill("120")
    expect(bedside.form).not_to_contain_text("expected")
    bedside.field("SpO2").press_sequentially("101")
    expect(bedside.form).to_contain_text("30 to 100 expected")
    bedside.field("SpO2").fill("")
    bedside.field("Time").fill("12:75")
    bedside.field("Time").press("Tab")
    expect(bedside.form).to_contain_text("HH:MM expected")
    bedside.form.get_by_role("button", name="Record").click()
    expect(bedside.said).to_contain_text("Expected a time as HH:MM, got 12:75")
    expect(field).to_have_value("120")
    assert bedside.asked == []
    bedside.field("Time").fill("")
    bedside.field("SYS").fill("")
    bedside.form.get_by_role("button", name="Record").click()
    expect(bedside.said).to_contain_text("Nothing is entered yet")
    bedside.field("Your initials").fill("XY")
    kept = "Object.values(sessionStorage).some(each => each.includes('XY'))"
    bedside.page.wait_for_function(kept)
    bedside.page.reload()
    expect(bedside.field("Your initials")).to_have_value("XY")


@pytest.mark.browser
def test_a_value_by_hand_is_marked_and_gives_way_to_a_measured_one(bedside):
    now = bedside.clinic.services.clock.now()
    # The heart rate is that of who sat here before.
    before = Observation(Metric.HEART_RATE, 70, Quality.VALID, now - timedelta(minutes=9))
    bedside.clinic.engine.change(1, (before,))
    bedside.clinic.engine.measure(1, spo2=97)
    expect(bedside.number("spo2")).to_have_attribute("data-state", "live")
    expect(bedside.number("heart_rate")).to_have_text("---")
    hand = {m: entered(m, value, now) for m, value in (
        (Metric.SPO2, 94), (Metric.RESP_RATE, 14),
        (Metric.NIBP_SYSTOLIC, 128), (Metric.NIBP_DIASTOLIC, 76),
    )}  # fmt: skip
    cuff = tuple(each.observation for metric, each in hand.items() if metric in CUFF)
    mean = Observation(Metric.NIBP_MEAN, 90, Quality.VALID, now - timedelta(minutes=5))
    bedside.clinic.engine.change(1, (mean,))
    latest = {**bedside.clinic.engine.latest(1), **{each.metric: each for each in (*cuff, mean)}}
    bedside.clinic.engine.change(1, cuff, "by_hand", by_hand=hand, latest=latest)
    # A counted rate is never live; a pressure is as new as one of the cuff.
    for metric, text, state in (("resp_rate", "14", "stale"), ("nibp_systolic", "128", "live")):
        expect(bedside.number(metric)).to_have_text(text)
        expect(bedside.number(metric)).to_have_attribute("data-source", "manual")
        expect(bedside.number(metric)).to_have_attribute("data-state", state)
    expect(bedside.number("nibp_mean")).to_have_text("---")  # of another reading
    marks = bedside.page.locator(".watch .word-by-hand")
    time = f"{now.astimezone():%H:%M}"
    expect(marks.filter(has_text="by hand AR")).to_have_count(1)
    expect(marks.filter(has_text=f"by hand {time} AR")).to_have_count(1)
    expect(bedside.number("spo2")).to_have_text("97")  # a measured one is live
    assert bedside.number("spo2").get_attribute("data-source") is None
    bedside.clinic.engine.measure(1, resp_rate=12)
    expect(bedside.number("resp_rate")).to_have_text("12")
    expect(bedside.number("resp_rate")).to_have_attribute("data-state", "live")


@pytest.mark.browser
def test_of_a_stranger_no_number_is_shown_until_it_is_taken_on(bedside):
    bedside.clinic.engine.measure(1, heart_rate=72)
    expect(bedside.number("heart_rate")).to_have_text("72")
    bedside.shows(
        "identity", heard={GE.name: OTHER}, bound={GE.name: OWN}, strangers={GE.name: OTHER}
    )
    expect(bedside.number("heart_rate")).to_have_text("---")
    part = bedside.page.locator(".check-device")
    expect(part).to_contain_text("F-CU8, no. 0815")
    part.get_by_role("button", name="Yes, this monitor watches this patient now").click()
    until_asked(bedside, lambda: bedside.asked)
    (command,) = bedside.asked
    assert isinstance(command, ConfirmMonitor)
    assert (command.monitor, command.model, command.serial) == (GE.name, "F-CU8", "0815")
    assert command.session == UUID(int=7)
    bedside.shows("identity", bound={GE.name: OTHER}, strangers={})
    expect(part).to_have_count(0)
    expect(bedside.number("heart_rate")).to_have_text("72")
    # Another kind in its place: nobody measures a heart rate here any more.
    bedside.shows("link", monitors=(replace(GE, metrics=frozenset({Metric.SPO2})),))
    expect(bedside.number("heart_rate")).to_have_text("---")
