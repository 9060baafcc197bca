"""How long does a past session of an hour take to open, on the server and on the screen?"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from statistics import median

from playwright.sync_api import Browser, Page
from plotly.utils import PlotlyJSONEncoder

from clinical.chair import ChairState
from clinical.ports import CommitResult
from dashboard import rehearsal
from dashboard.clock import SteadyClock
from dashboard.pages import session as session_page
from dashboard.rehearsal import Visit, Wire, Written, pieces_of
from dashboard.views import review as view_of
from devices.registry import PROTOCOLS
from storage.database import migrate, open_database
from storage.sessions import find_session
from storage.writer import StorageWriter
from tests.bench import screen
from tests.bench.child import Child
from tests.bench.report import Goal, Options, Row, Table

MONITOR = "ge-dri"
RESTS = timedelta(minutes=12)
PLANNED_MIN = 13  # with the half hour in recovery, an hour in the chair
LEAVES = timedelta(minutes=50)  # after the infusion started
OPENED = 5  # times a repeat
START_WITHIN_S = 60.0

# The trend is there when its lines are; "drawn" is the first task after the frame they are in.
DRAWN = """(() => {
  const look = () => {
    if (document.querySelectorAll('.js-plotly-plot path.js-line').length < 2) {
      requestAnimationFrame(look);
      return;
    }
    const channel = new MessageChannel();
    channel.port1.onmessage = () => { window.__drawn = performance.now(); };
    channel.port2.postMessage(0);
  };
  const begin = () => { window.__drawn = null; requestAnimationFrame(look); };
  addEventListener('click', () => { window.__clicked = performance.now(); begin(); }, true);
  begin();
})();"""
# A cell of the newest session's row; its link would load the page anew, as an address does.
ROW = ".ag-row[row-index='0'] [col-id='patient']"
BACK = "a.past-back"


def open_session(options: Options) -> list[Row]:
    times = OPENED * options.repeats
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        data.mkdir()
        url = f"sqlite:///{data / 'vigil.sqlite'}"
        public_id = write_session(url)
        rows = [*_on_the_server(url, public_id, times)]
        with Child("server", folder, "0") as server, screen.a_browser() as found:
            told = server.tells(START_WITHIN_S)
            return [*rows, *_on_the_screen(found, told, public_id, times)]


def write_session(url: str) -> str:
    """Rehearse a visit of an hour, a record a second, into the record; return its public id."""
    migrate(url)
    begun = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)
    visit = Visit(1, "AB", begun + RESTS, 1, PLANNED_MIN)
    acts = [
        *rehearsal.until_infusion(visit),
        *rehearsal.infusion(visit),
        *rehearsal.recovery(visit),
        *rehearsal.discharge(visit),
    ]
    wires = [
        _wire("preparation", begun, RESTS),
        _wire("hypertensive-surge", begun + RESTS, LEAVES),
    ]
    state = ChairState(1, "Chair 1", is_simulated=True)
    database = open_database(url)
    with StorageWriter(open_database(url, is_writer=True), SteadyClock()) as writer:
        for part in rehearsal.rehearse(state, acts, rehearsal.frames(wires)):
            _write(writer, part)
    with database.reading() as db:
        row = find_session(db, 1)
        if row is None:
            raise LookupError("expected the session that was just written, got none")
        public_id = str(row.public_id)
    database.close()
    return public_id


def _write(writer: StorageWriter, part: Written) -> None:
    if part.command is None:
        writer.keep(part.facts)
        return
    results: SimpleQueue[CommitResult] = SimpleQueue()
    kind = type(part.command).__name__
    writer.commit(part.command.command_id, kind, part.command.by, part.facts, results.put)
    if results.get() is not CommitResult.COMMITTED:
        raise OSError(f"{kind} was not written ({writer.state.detail})")


def _wire(scenario: str, begin: datetime, length: timedelta) -> Wire:
    command = [
        *(sys.executable, "-m", "simulators", MONITOR, "--scenario", scenario, "--port", "file:-"),
        *("--stamps", "--begin", begin.isoformat(), "--length", str(length.total_seconds())),
    ]
    stamped = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    interval_s = PROTOCOLS[MONITOR].settings.interval_s
    return Wire(MONITOR, begin, list(pieces_of(stamped)), interval_s)


def _on_the_server(url: str, public_id: str, times: int) -> Iterator[Row]:
    database = open_database(url)
    with database.reading() as db:
        row = find_session(db, public_id)
        assert row is not None
        read = partial(session_page.past_session, db, row, {})
        past = read()
        yield {"": "frames read from the record", **_ms(read, times)}
    database.close()
    made = partial(view_of.session, past, zone=None)
    yield {"": "page and figure made of the frames", **_ms(made, times)}
    encoded = partial(json.dumps, made(), cls=PlotlyJSONEncoder)
    yield {"": "page and figure as JSON", **_ms(encoded, times), "kB": len(encoded()) / 1000}


def _ms(work: Callable[[], object], times: int) -> Row:
    took_ms = []
    for _ in range(times):
        begin_s = time.perf_counter()
        work()
        took_ms.append(1000 * (time.perf_counter() - begin_s))
    return _row(took_ms)


def _row(took_ms: list[float]) -> Row:
    return {"median ms": median(took_ms), "worst ms": max(took_ms)}


def _on_the_screen(
    found: Browser, told: dict[str, str], public_id: str, times: int
) -> Iterator[Row]:
    address = f"{told['url']}/review/{public_id}"
    with screen.a_page(found, DRAWN) as page:
        screen.sign_in(page, told, "/review")
        page.wait_for_selector(ROW)
        first_ms = [_by_address(page, address)]
        yield {"": "by address, Plotly never loaded before", **_row(first_ms)}
        again_ms = [_by_address(page, address) for _ in range(times)]
        yield {"": "by address, scripts in the cache", **_row(again_ms)}
        clicks = [_by_clicks(page, told) for _ in range(times)]
        first_ms, next_ms = ([*took_ms] for took_ms in zip(*clicks, strict=True))
        yield {"": "by a click in the list of sessions", **_row(first_ms)}
        yield {"": "by a click, after another session", **_row(next_ms)}


def _by_address(page: Page, address: str) -> float:
    """ms from the start of the navigation."""
    page.goto(address)
    return _drawn_ms(page)


def _by_clicks(page: Page, told: dict[str, str]) -> tuple[float, float]:
    """ms from a click in a page that was just loaded; and from the next, after going back."""
    page.goto(f"{told['url']}/review")
    return _by_click(page), _by_click(page, back=BACK)


def _by_click(page: Page, back: str = "") -> float:
    if back:
        page.click(back)
    page.wait_for_selector(ROW)
    page.wait_for_load_state("networkidle")
    page.click(ROW)
    return _drawn_ms(page) - float(page.evaluate("window.__clicked"))


def _drawn_ms(page: Page) -> float:
    page.wait_for_function("() => window.__drawn !== null")
    return float(page.evaluate("window.__drawn"))


TABLE = Table(
    "Opening a session",
    """A visit of an hour, discharged: 3,600 records, cuff readings, alarms, checklist and
signatures, written by the writer. On the server: the parts that `/review/<id>` is made of. In the
browser: from the navigation, or from the click, to the first task after the frame that has the
lines of the trend. A page loads Plotly (5 MB) with the first session that it shows.""",
    {"open-session": open_session},
    (
        Goal(
            "an hour's session opens in at most 500 ms by its address, scripts in the cache",
            "by address, scripts in the cache",
            "median ms",
            500,
        ),
        Goal("and by a click in the list", "by a click in the list of sessions", "median ms", 500),
    ),
)
