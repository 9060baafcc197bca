"""How long from the byte that crosses a limit to the banner on a screen, and to its sound?"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

from tests.bench import screen
from tests.bench.child import Child
from tests.bench.live import AFTERWARDS_S, START_WITHIN_S, WARM_UP_S, Stamp
from tests.bench.monitors import FALL_EVERY, FALLEN_PCT
from tests.bench.report import Goal, Options, Row, Table, medians, percentiles

CHAIRS = (1, 16)
TEXT = f"SpO2 {FALLEN_PCT}"
SETTLES_S = 5.0  # an alarm is over so long after the value is back: no other sound before that

# A line of the banner is drawn anew for each alarm; a tone's start is when its first sample sounds,
# on the clock of the audio, which is put on that of the page.
WATCH = """(() => {
  const lines = window.__lines = [], tones = window.__tones = [];
  let unpainted = [];
  const painted = () => {
    const channel = new MessageChannel(), batch = unpainted;
    unpainted = [];
    channel.port1.onmessage = () => { for (const one of batch) one[3] = performance.now(); };
    channel.port2.postMessage(0);
  };
  new MutationObserver(records => {
    const at = performance.now();
    for (const {addedNodes} of records) for (const el of addedNodes) {
      if (el.nodeType !== 1 || !el.matches('#alarm-banner > [href]')) continue;
      const one = [Number(el.getAttribute('href').split('/').pop()), el.textContent, at, null];
      if (!unpainted.length) requestAnimationFrame(painted);
      lines.push(one);
      unpainted.push(one);
    }
  }).observe(document, {subtree: true, childList: true});
  const {start} = AudioScheduledSourceNode.prototype;
  AudioScheduledSourceNode.prototype.start = function (when = 0, ...more) {
    const ahead_s = Math.max(0, when - this.context.currentTime);
    if (this.context.state === 'running') tones.push([performance.now(), 1000 * ahead_s]);
    return start.call(this, when, ...more);
  };
})();"""


def alarm(chairs: int, options: Options) -> list[Row]:
    return [medians([_repeat(chairs, options.seconds) for _ in range(options.repeats)])]


def _repeat(chairs: int, seconds: float) -> Row:
    """One server and one browser with the board, both new, watched for ``seconds``."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        monitors = stack.enter_context(Child("monitors", folder, str(chairs), "falls"))
        monitors.tells(START_WITHIN_S)
        server = stack.enter_context(Child("server", folder, str(chairs)))
        told = server.tells(START_WITHIN_S)
        found = stack.enter_context(screen.a_browser())
        page = stack.enter_context(screen.a_page(found, WATCH))
        screen.sign_in(page, told)
        screen.wait_for_numbers(page, chairs)
        time.sleep(WARM_UP_S)
        begin_s = time.clock_gettime(time.CLOCK_MONOTONIC)
        time.sleep(seconds)
        end_s = time.clock_gettime(time.CLOCK_MONOTONIC)
        time.sleep(AFTERWARDS_S)
        clock = screen.page_clock(page)
        lines: list[list[Any]] = page.evaluate("window.__lines")
        tones: list[list[float]] = page.evaluate("window.__tones")
        monitors.stop()
        stamps = [Stamp(*stamp) for stamp in monitors.tells(START_WITHIN_S)]
    falls = [
        stamp
        for stamp in stamps
        if stamp.rate_bpm == FALLEN_PCT and begin_s <= stamp.after_s < end_s
    ]
    of_chair: dict[int, list[tuple[float, float | None]]] = {}
    for chair, text, at_ms, painted_ms in lines:
        if TEXT in text:
            painted_s = None if painted_ms is None else clock.offset_s + painted_ms / 1000
            of_chair.setdefault(chair, []).append((clock.offset_s + at_ms / 1000, painted_s))
    banners = [_first(of_chair.get(fall.chair, ()), fall) for fall in falls]
    shown = [
        (at_s - fall.after_s, painted_s and painted_s - fall.after_s)
        for fall, (at_s, painted_s) in zip(falls, banners, strict=True)
        if at_s is not None
    ]
    heard = [begun - fall.after_s for fall in falls for begun in _first_tone(tones, clock, fall)]
    # Of many chairs one or another sounds all the time: no sound is the first of its alarm.
    sound = percentiles(heard) if chairs == 1 else {}
    return {
        "": f"{chairs} chair{'s' if chairs > 1 else ''}",
        **{f"banner {rank}": ms for rank, ms in percentiles([dom for dom, _ in shown]).items()},
        **{
            f"paint {rank}": ms
            for rank, ms in percentiles([paint for _, paint in shown if paint]).items()
        },
        **{f"sound {rank}": ms for rank, ms in sound.items()},
        "alarms": len(falls),
        "lost": len(falls) - len(shown),
        "clock ±": 1000 * clock.error_s,
    }


def _first_tone(
    tones: Iterable[Sequence[float]], clock: screen.PageClock, fall: Stamp
) -> list[float]:
    """When the first tone begins that was asked for after ``fall``: those of an alarm before it
    were planned ahead, and cut off when it ended."""
    begun = [
        (asked_s, asked_s + ahead_ms / 1000)
        for asked_ms, ahead_ms in tones
        for asked_s in [clock.offset_s + asked_ms / 1000]
    ]
    own = [at_s for asked_s, at_s in begun if 0 <= asked_s - fall.before_s < SETTLES_S]
    return [min(own)] if own else []


def _first(
    seen: Iterable[tuple[float, float | None]], fall: Stamp
) -> tuple[float | None, float | None]:
    """The first of ``seen`` that can be of ``fall``; the next fall comes seconds later."""
    within_s = FALL_EVERY - SETTLES_S
    for at_s, painted_s in seen:
        if fall.before_s <= at_s < fall.before_s + within_s:
            return at_s, painted_s
    return None, None


def _cells() -> dict[str, Callable[[Options], list[Row]]]:
    return {f"alarm-{chairs}": partial(alarm, chairs) for chairs in CHAIRS}


TABLE = Table(
    "From the byte to the alarm",
    f"""ms. From the last byte of the frame whose saturation of {FALLEN_PCT} % is below the limit
that has no delay, through link, decoder, engine, hub and socket, to one headless Chromium with the
board: *banner* is when its line was put in, *paint* the first task after the next frame, *sound*
when the first tone of its burst begins, by the clock of the audio (what a loudspeaker adds is not
in it; of many chairs, whose alarms follow each other, none is the first to sound). A sign with a
delay alarms so much later. Every chair falls once in {FALL_EVERY} s.""",
    _cells(),
    (
        Goal("banner p99 at most 250 ms, in any cell", None, "banner p99", 250),
        Goal("no alarm without its banner", None, "lost", 0),
    ),
    is_timed=True,
)
