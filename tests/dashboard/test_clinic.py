"""Can chairs come, go and get other monitors while a session runs next to them?"""

from __future__ import annotations

import errno
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from clinical.commands import ChangePhase, Command, OutcomeKind, StartSession
from clinical.links import LinkState
from clinical.phases import SessionPhase
from clinical.sign_off import Actor, Role
from clinical.snapshot import ChairView
from clinical.vitals import Metric
from dashboard.app import create_app
from dashboard.arrangement import ChairConfig, MonitorConfig, Refusal
from dashboard.clinic import NO_MONITOR, NOT_RECORDED, Clinic
from dashboard.clock import SteadyClock
from dashboard.config import Config
from dashboard.monitors import RunningMonitors
from dashboard.pages import board, chair
from dashboard.services import Heard
from dashboard.serving import services_of
from devices.protocols.line import LineSettings
from devices.supervisor import Supervisor
from storage.captures import Bounds
from storage.models import AuditRow, MonitorsArrangedRow
from storage.settings import put_setting, settings
from tests.dashboard.a_clinic import PASSWORD, QUICK, FakePeople, served
from tests.system.clinic import until

NURSE = Actor("ana", "Ana Ruiz", Role.NURSE)  # a_clinic's
DIRECTOR = Actor("ines", "Inés Prado", Role.DIRECTOR)
SPEAKS_EVERY_S = 0.02

NONIN, OTHER, MASIMO = "/dev/fake/nonin", "/dev/fake/other", "/dev/fake/masimo"
SAYS = {
    NONIN: b"SPO2=062 HR=072\r\n",  # an alarm at once in an infusion
    OTHER: b"SPO2=097 HR=055\r\n",
    MASIMO: b"03/14/26 12:00:00 SN=0000056661 SPO2=098% BPM=064 PI=03.60% SPCO=--.-% SPMET=--.-% "
    b"DESAT=-- PIDELTA=+-- ALARM=0000 EXC=000000\r\n",
}

LEFT = ChairConfig(1, "Left", (MonitorConfig("nonin-ascii", NONIN),))
MIDDLE = ChairConfig(2, "Middle", (MonitorConfig("masimo-ascii1", MASIMO),))
ABSENT = MonitorConfig("ge-dri", "/dev/fake/absent")


class Adapters:
    """The ports of a computer; each monitor says its line again and again."""

    def __init__(self) -> None:
        self.says = dict(SAYS)
        self.opened: Counter[str] = Counter()
        self.busy: set[str] = set()
        self.clashes = 0

    def open(self, text: str, settings: LineSettings, read_within_s: float) -> Adapter:
        if text not in self.says:
            raise OSError(errno.ENOENT, "no such port")
        if text in self.busy:
            self.clashes += 1
            raise OSError(errno.EBUSY, "two lines on one port")
        self.busy.add(text)
        self.opened[text] += 1
        return Adapter(self, text)


class Adapter:
    def __init__(self, adapters: Adapters, device: str) -> None:
        self._adapters, self.device = adapters, device
        self._closed = threading.Event()

    def read(self) -> bytes:
        self._closed.wait(SPEAKS_EVERY_S)
        return self._adapters.says[self.device]

    def write(self, data: bytes, /) -> None: ...

    def close(self) -> None:
        self._closed.set()
        self._adapters.busy.discard(self.device)


class Running:
    """A clinic with fake adapters, and the record it leaves."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.adapters = Adapters()
        self._core: Clinic | None = None

    @property
    def core(self) -> Clinic:
        assert self._core is not None
        return self._core

    def start(self, *chairs: ChairConfig, in_file: bool = False) -> None:
        config = Config("Test clinic", self._folder / "data", chairs if in_file else ())
        self._core = Clinic(
            config, SteadyClock(), open_port=self.adapters.open, list_ports=lambda: ()
        )
        self.core.start()
        if chairs and not in_file:
            assert self.core.rearrange(chairs, DIRECTOR) is None

    def stop(self) -> None:
        if self._core is not None:
            self._core.stop()
        self._core = None

    def view(self, chair: int) -> ChairView:
        return self.core.engine.snapshot.chairs[chair]

    def is_live(self, chair: int) -> bool:
        view = self.core.engine.snapshot.chairs.get(chair)
        return view is not None and view.link is LinkState.LIVE

    def ask(self, make: Callable[..., Command], chair: int, **fields: Any) -> None:
        command = make(command_id=uuid4(), by=NURSE, chair=chair, **fields)
        outcome = self.core.engine.submit(command).result(10)
        assert outcome.kind is OutcomeKind.DONE, outcome.reason

    def infuse(self, chair: int) -> None:
        self.ask(
            StartSession,
            chair,
            patient="AK",
            preset="ketamine-adult",
            infusion_number=1,
            series_length=6,
            planned_infusion_min=40,
        )
        self.ask(ChangePhase, chair, to=SessionPhase.BASELINE)
        self.ask(ChangePhase, chair, to=SessionPhase.INFUSING)

    def audited(self, action: str) -> list[tuple[str, list[str]]]:
        """Who did it, and what became other."""
        with self.core.database.reading() as db:
            rows = db.scalars(select(AuditRow).order_by(AuditRow.id)).all()
            found = [(row.by, json.loads(row.detail)) for row in rows if row.action == action]
        return [(by, detail["changes"]) for by, detail in found]


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path)
    yield running
    running.stop()


def test_a_session_goes_on_undisturbed_while_the_chairs_around_it_change(clinic: Running):
    clinic.start(LEFT, MIDDLE)
    until(lambda: clinic.is_live(1) and clinic.is_live(2), "both chairs live")
    clinic.infuse(1)
    until(lambda: clinic.view(1).alarms, "the alarm of SpO2")
    alarms = {each.alarm_id for each in clinic.view(1).alarms}
    screens = clinic.core.site.arranged

    right = ChairConfig(3, "Right", MIDDLE.monitors)
    renamed = replace(MIDDLE, name="Centre", monitors=())
    assert clinic.core.rearrange((LEFT, renamed, right), DIRECTOR) is None
    until(lambda: clinic.is_live(3), "the monitor live in its new chair")
    assert clinic.core.site.chairs == ((1, "Left"), (2, "Centre"), (3, "Right"))
    assert clinic.core.site.arranged != screens
    until(lambda: clinic.view(2).link_detail == NO_MONITOR, "the chair without a monitor says so")
    assert clinic.view(2).name == "Centre"

    assert clinic.core.rearrange((LEFT, right), DIRECTOR) is None
    assert 2 not in clinic.core.engine.snapshot.chairs
    assert clinic.adapters.opened == {NONIN: 1, MASIMO: 2}
    assert clinic.is_live(1)
    assert alarms <= {each.alarm_id for each in clinic.view(1).alarms}
    assert clinic.audited("arrange_chairs")[1:] == [
        (
            "ines",
            [
                "chair 2 renamed from Middle to Centre",
                "chair 2: masimo-ascii1 taken away",
                "chair 3 (Right) added",
                f"chair 3: masimo-ascii1 added at {MASIMO}",
            ],
        ),
        ("ines", ["chair 2 (Centre) removed"]),
    ]


def test_a_chair_with_a_patient_stays_and_may_get_another_monitor(clinic: Running):
    clinic.start(LEFT, MIDDLE)
    until(lambda: clinic.is_live(1), "live")
    clinic.infuse(1)
    for without in ((MIDDLE,), (replace(LEFT, number=7), MIDDLE)):
        refused = clinic.core.rearrange(without, DIRECTOR)
        assert refused is not None
        assert refused.words.startswith("AK sits in chair 1 (Left): it can be removed, or get")
    assert clinic.core.chairs == (LEFT, MIDDLE)

    both = replace(LEFT, monitors=(*LEFT.monitors, ABSENT))
    assert clinic.core.rearrange((both, MIDDLE), DIRECTOR) is None
    until(lambda: clinic.view(1).link is LinkState.DISCONNECTED, "the second line missed")
    assert "ge-dri: /dev/fake/absent does not exist" in clinic.view(1).link_detail
    until(lambda: clinic.view(1).shown_from.get(Metric.SPO2) == "nonin-ascii", "the first one read")
    assert clinic.adapters.opened[NONIN] == 1
    assert clinic.view(1).session is not None

    assert clinic.core.rearrange((LEFT, MIDDLE), DIRECTOR) is None
    until(lambda: clinic.is_live(1), "live by the one that is left")
    assert clinic.adapters.opened[NONIN] == 1

    def arranged() -> list[MonitorsArrangedRow]:
        with clinic.core.database.reading() as db:
            return list(db.scalars(select(MonitorsArrangedRow)))

    until(lambda: len(arranged()) == 2, "the session's record of its monitors")
    assert {row.by for row in arranged()} == {"ines"}


def test_two_chairs_swap_their_ports_at_once(clinic: Running):
    other = ChairConfig(2, "Middle", (MonitorConfig("nonin-ascii", OTHER),))
    clinic.start(LEFT, other)
    until(lambda: clinic.is_live(1) and clinic.is_live(2), "both chairs live")
    swapped = (replace(LEFT, monitors=other.monitors), replace(other, monitors=LEFT.monitors))
    assert clinic.core.rearrange(swapped, DIRECTOR) is None

    def spo2(chair: int) -> float | None:
        latest = clinic.view(chair).latest.get(Metric.SPO2)
        return latest and latest.value

    until(lambda: (spo2(1), spo2(2)) == (97, 62), "each chair with the other's values")
    assert clinic.adapters.clashes == 0


def test_what_cannot_be_changes_nothing(clinic: Running, monkeypatch: pytest.MonkeyPatch):
    clinic.start(LEFT, MIDDLE)
    core = clinic.core
    twice = ChairConfig(3, "Right", (MonitorConfig("nonin-ascii", NONIN),))
    refused = core.rearrange((LEFT, MIDDLE, twice), DIRECTOR)
    assert refused is not None
    assert (refused.chair, refused.monitor, refused.field) == (2, 0, "port")
    stale = core.rearrange((LEFT,), DIRECTOR, before=(LEFT,))
    assert stale is not None
    assert stale.words == "Somebody else changed the chairs meanwhile: look again."

    def full(*_args: object, **_fields: object) -> None:
        raise OperationalError("insert", {}, OSError("disk full"))

    until(lambda: clinic.is_live(2), "live")
    monkeypatch.setattr("dashboard.clinic.put_setting", full)
    lost = core.rearrange((LEFT,), DIRECTOR)
    assert lost is not None
    assert lost.words == NOT_RECORDED
    assert core.chairs == (LEFT, MIDDLE)
    until(lambda: clinic.is_live(2), "the chair that was to go, watched again")
    assert len(clinic.audited("arrange_chairs")) == 1
    assert clinic.adapters.opened[MASIMO] == 1


def test_the_chairs_and_the_session_are_there_again_after_a_restart(clinic: Running):
    clinic.start(LEFT)
    until(lambda: clinic.is_live(1), "live")
    clinic.infuse(1)
    clinic.stop()
    clinic.start()
    assert clinic.core.chairs == (LEFT,)
    session = clinic.view(1).session
    assert session is not None
    assert session.phase is SessionPhase.INFUSING
    until(lambda: clinic.is_live(1), "live again")


def test_a_session_waits_for_its_chair_and_goes_on_when_it_comes(clinic: Running):
    clinic.start(LEFT, in_file=True)
    until(lambda: clinic.is_live(1), "live")
    clinic.infuse(1)
    clinic.stop()
    clinic.start()  # the file names no chairs any more
    assert clinic.core.site.chairs == ()
    assert clinic.core.rearrange((LEFT,), DIRECTOR) is None
    session = clinic.view(1).session
    assert session is not None
    assert session.patient == "AK"
    until(lambda: clinic.is_live(1), "live")


def test_chairs_of_a_file_stay_but_may_be_listened_to_only(clinic: Running):
    clinic.start(LEFT, in_file=True)
    refused = clinic.core.rearrange((LEFT, MIDDLE), DIRECTOR)
    assert refused is not None
    assert refused.words == clinic.core.config.why_fixed
    assert clinic.core.listen_only(1, "nonin-ascii", True, DIRECTOR) is None
    assert clinic.core.lines.reports()[1, "nonin-ascii"].is_listen_only
    assert clinic.audited("listen_only") == [
        ("ines", [f"chair 1: nonin-ascii set to {NONIN}, listening only"])
    ]
    with clinic.core.database.reading() as db:
        assert "chairs" not in settings(db)


def test_a_chair_that_cannot_be_watched_leaves_the_others_and_is_named(clinic: Running):
    clinic.start(LEFT, MIDDLE)
    with clinic.core.database.writing() as db:
        rows = settings(db)["chairs"]
        rows[1]["monitors"][0]["monitor"] = "gone"
        put_setting(db, name="chairs", value=rows, by="test", now=clinic.core.clock.now())
    clinic.stop()
    clinic.start()
    assert clinic.core.chairs == (LEFT,)
    assert "Middle, gone: this Vigil knows no such monitor" in clinic.core.left_out[0]
    # It stays in the record, for a version that knows it.
    assert clinic.core.listen_only(1, "nonin-ascii", True, DIRECTOR) is None
    assert clinic.core.left_out
    with clinic.core.database.reading() as db:
        assert [row["number"] for row in settings(db)["chairs"]] == [1, 2]


@pytest.mark.parametrize("chairs", [(LEFT, MIDDLE), ()], ids=["one more", "one less"])
def test_a_record_that_cannot_be_read_changes_nothing(clinic: Running, monkeypatch, chairs):
    clinic.start(LEFT)

    def broken(_chairs: object) -> None:
        raise OperationalError("SELECT", {}, Exception("database is locked"))

    monkeypatch.setattr(clinic.core, "_states", broken)
    refused = clinic.core.rearrange(chairs, DIRECTOR)
    assert refused is not None
    assert "nothing has changed" in refused.words
    monkeypatch.undo()
    assert clinic.core.chairs == (LEFT,)
    assert list(clinic.core.engine.snapshot.chairs) == [1]
    assert clinic.core.rearrange(chairs, DIRECTOR) is None
    assert list(clinic.core.engine.snapshot.chairs) == [chair.number for chair in chairs]


def test_one_chair_that_cannot_be_arranged_leaves_no_other_without_its_line(
    clinic: Running, monkeypatch
):
    clinic.start(LEFT)

    def broken(*_what: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(clinic.core, "_open", broken)
    assert clinic.core.rearrange((LEFT, MIDDLE), DIRECTOR) is None
    assert set(clinic.core.lines.reports()) == {(1, "nonin-ascii"), (2, "masimo-ascii1")}
    monkeypatch.undo()
    # The same once more finds what is missing.
    assert clinic.core.rearrange((LEFT, MIDDLE), DIRECTOR) is None
    until(lambda: clinic.is_live(2), "the chair that came late")


def test_a_line_that_cannot_be_started_says_so_and_is_tried_again(clinic: Running, monkeypatch):
    clinic.start(LEFT)
    start = Supervisor.start

    def broken(link: Supervisor) -> None:
        if "chair 2" in link._name:
            raise RuntimeError("can't start new thread")
        start(link)

    monkeypatch.setattr(Supervisor, "start", broken)
    right = replace(MIDDLE, number=3, name="Right", monitors=())
    assert clinic.core.rearrange((LEFT, MIDDLE, right), DIRECTOR) is None
    until(lambda: "could not be started" in clinic.view(2).link_detail, "the reason")
    assert clinic.view(2).link is LinkState.DISCONNECTED
    monkeypatch.undo()
    assert clinic.core.rearrange((LEFT, MIDDLE), DIRECTOR) is None  # any change tries it again
    until(lambda: clinic.is_live(2), "the line that was started late")


def test_another_device_than_the_one_of_a_chair_is_caught_after_a_restart(clinic: Running):
    clinic.start(MIDDLE)
    until(lambda: clinic.view(2).bound, "the first device that is heard becomes the chair's own")
    assert clinic.view(2).bound["masimo-ascii1"].serial == "0000056661"
    clinic.stop()
    clinic.adapters.says[MASIMO] = SAYS[MASIMO].replace(b"56661", b"77777")
    clinic.start()
    until(lambda: clinic.view(2).strangers, "a stranger at the chair")
    assert clinic.view(2).strangers["masimo-ascii1"].serial == "0000077777"
    assert not clinic.view(2).latest
    moved = ChairConfig(3, "Right", MIDDLE.monitors)
    assert clinic.core.rearrange((moved,), DIRECTOR) is None
    until(lambda: clinic.is_live(3), "live where nobody knows another one")
    assert clinic.view(3).bound["masimo-ascii1"].serial == "0000077777"


def test_a_nurse_looks_at_the_lines_and_changes_none(clinic: Running):
    clinic.start(LEFT)
    monitors = RunningMonitors(clinic.core)
    for refused in (
        monitors.arrange((), NURSE),
        monitors.set_listen_only(1, "nonin-ascii", True, NURSE),
    ):
        assert refused is not None
        assert refused.words.startswith("Only a medical director or a clinician")
    assert monitors.chairs() == (LEFT,)
    assert (monitors.is_editable, monitors.why_not, monitors.left_out) == (True, "", ())
    assert monitors.capture().is_recording
    until(lambda: monitors.reports()[1, "nonin-ascii"].frames, "frames on the line")


def test_a_director_sets_how_much_the_flight_recorder_keeps(clinic: Running):
    clinic.start()
    monitors = RunningMonitors(clinic.core)
    refused = monitors.set_capture_bounds(0, 2048, DIRECTOR)
    assert refused is not None
    assert "1 to 3650" in refused.words
    assert monitors.set_capture_bounds(7, 512, NURSE) is not None
    assert monitors.capture_bounds() == Bounds(30, 2048)
    assert monitors.set_capture_bounds(7, 512, DIRECTOR) is None
    assert monitors.capture_bounds() == Bounds(7, 512)
    clinic.stop()
    clinic.start()
    assert RunningMonitors(clinic.core).capture_bounds() == Bounds(7, 512)


def test_a_test_counts_what_comes_in_while_it_waits(clinic: Running):
    clinic.start(LEFT)
    until(lambda: clinic.is_live(1), "live")
    monitors = RunningMonitors(clinic.core)

    def wait(_seconds: float) -> None:
        frames = monitors.reports()[1, "nonin-ascii"].frames
        until(lambda: monitors.reports()[1, "nonin-ascii"].frames >= frames + 3, "three frames")

    heard = RunningMonitors(clinic.core, wait=wait).test(1, "nonin-ascii")
    assert isinstance(heard, Heard)
    assert (heard.frames >= 3, heard.garbled, heard.now.state) == (True, 0, LinkState.LIVE)
    gone = RunningMonitors(clinic.core, wait=wait).test(1, "ge-dri")
    assert isinstance(gone, Refusal)


def test_a_monitor_in_use_is_not_disturbed_by_a_search(clinic: Running, monkeypatch):
    clinic.start(LEFT)
    until(lambda: clinic.is_live(1) and clinic.view(1).latest, "live")
    monitors = RunningMonitors(clinic.core)
    refused = monitors.detect(NONIN, print, DIRECTOR)
    assert isinstance(refused, Refusal)
    assert refused.words == (
        "/dev/fake/nonin belongs to chair 1 (Left): Nonin 7500, Avant, 8500 and 9847 oximeters, it "
        "is live and brings SpO2, PR. Vigil does not disturb it; take the monitor away from the "
        "chair first."
    )
    assert clinic.adapters.opened[NONIN] == 1
    absent = monitors.detect("/dev/fake/absent", print, DIRECTOR)
    assert isinstance(absent, Refusal)
    assert absent.words.startswith("/dev/fake/absent does not exist: is the adapter plugged in")
    wrong = monitors.detect("USB 1", print, DIRECTOR)
    assert isinstance(wrong, Refusal)
    assert wrong.words.startswith("Port: expected a port such as")
    near = monitors.detect("socket://127.0.0.1:5432", print, DIRECTOR)
    assert isinstance(near, Refusal)
    assert "no serial server of the clinic's network" in near.words
    with clinic.core.database.reading() as db:
        rows = db.scalars(select(AuditRow).where(AuditRow.action == "detect")).all()
    assert [(row.by, row.detail) for row in rows] == [("ines", '{"port":"/dev/fake/absent"}')]


def test_a_serial_server_is_one_port_by_every_name_of_it(clinic: Running):
    name, number = "socket://localhost:4001", "socket://127.0.0.1:4001"
    server = MonitorConfig("ge-dri", number)
    clinic.start(ChairConfig(1, "Left", (server,)))
    monitors = RunningMonitors(clinic.core)
    for port in (name, number):
        refused = monitors.detect(port, print, DIRECTOR)
        assert isinstance(refused, Refusal)
        assert refused.words.startswith(f"{number} belongs to chair 1 (Left)")
    assert clinic.adapters.opened[name] == 0
    before = monitors.chairs()
    moved = (ChairConfig(2, "Right", (server,)),)
    assert monitors.arrange(moved, DIRECTOR) is None
    assert monitors.arrange(before, DIRECTOR) is None
    for same in (name, "socket://[::ffff:127.0.0.1]:4001"):
        added = ChairConfig(2, "Right", (MonitorConfig("dinamap", same),))
        refused = monitors.arrange((*before, added), DIRECTOR)
        assert isinstance(refused, Refusal)
        assert "are the same port" in refused.words
    outside = ("socket://10.0.0.7:4001", "socket://[::ffff:10.0.0.7]:4001")
    twice = [
        ChairConfig(number, "Right", (MonitorConfig("dinamap", port),))
        for number, port in enumerate(outside, 2)
    ]
    refused = monitors.arrange((*before, *twice), DIRECTOR)
    assert isinstance(refused, Refusal)
    assert "are the same port" in refused.words
    assert monitors.chairs() == before


@pytest.mark.browser
def test_an_open_board_shows_the_chairs_as_they_come_and_go(clinic: Running, page: Page):
    clinic.start()
    core, said = clinic.core, []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    app = create_app(services_of(core), (board, chair), FakePeople(), hasher=QUICK)
    with served(app) as at:
        page.goto(f"http://{at}/")
        page.fill("[name=user]", NURSE.user)
        page.fill("[name=password]", PASSWORD)
        page.click("button")
        expect(page.get_by_text("No chairs yet")).to_be_visible()
        expect(page.locator("#not-live")).to_be_hidden()
        assert core.rearrange((LEFT, MIDDLE), DIRECTOR) is None
        shown = page.locator('[data-tile="1"] [data-metric="spo2"]:not([data-role])')
        expect(shown).to_have_text("62")
        expect(page.locator("header nav").get_by_title("Middle")).to_be_visible()
        assert core.rearrange((replace(LEFT, name="Window"),), DIRECTOR) is None
        expect(page.locator("[data-tile]")).to_have_count(1)
        expect(page.locator(".tile-name")).to_have_text("Window")
        expect(shown).to_have_text("62")
        assert said == []
        page.locator(".tile-name").click()
        large = page.locator('#live-root[data-chairs="1"] [data-metric="spo2"]:not([data-role])')
        expect(large.first).to_have_text("62")
        assert core.rearrange((MIDDLE,), DIRECTOR) is None  # the chair of this page
        expect(page.get_by_text("There is nothing here")).to_be_visible()
        page.goto("about:blank")
