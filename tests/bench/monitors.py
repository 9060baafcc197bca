"""When was the last byte of each frame written? N simulated GE monitors that note it, on N ptys.

``python -m tests.bench.monitors FOLDER CHAIRS [falls]``: FOLDER/monitor-1 and on are the ends to
open. Each monitor answers the request as a real one does, then sends a frame a second, the chairs
one after the other within the second. At the end it tells ``[chair, heart rate, before_s,
after_s]`` of every frame: CLOCK_MONOTONIC just before and just after the write that took all of it.
With ``falls`` the heart rate stands, every eighth frame has a saturation for which there is no
delay, and that is what is told in its place.
"""

from __future__ import annotations

import os
import pty
import sys
import time
import tty
from pathlib import Path

from simulators.displayed import Cuff, CuffReading, Displayed
from simulators.ge_dri import Monitor
from tests.bench.child import end_with_parent, tell

LOWEST_BPM, RATES = (
    60,
    100,
)  # a rate comes back after so many seconds: until then it names its frame
APART = 37  # between the rates of two chairs, so that they do not cross a limit together
CUFF = CuffReading(systolic_mmhg=118, diastolic_mmhg=76, mean_mmhg=90, pulse_bpm=70)
FALL_EVERY, FALLEN_PCT, USUAL_PCT = 8, 75, 98  # frames; 75 is below the limit that has no delay
MOST_BYTES = 4096  # of one read; more than any client asks in one go


class Chair:
    """One monitor and its pseudo-terminal, whose other end we hold open: no hang-up is seen."""

    def __init__(self, number: int, link: Path, has_falls: bool) -> None:
        self.number = number
        self._has_falls = has_falls
        self._frames = 0
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        link.symlink_to(os.ttyname(self._slave))
        self._monitor = Monitor(self._showing, begin_unix_s=time.time())

    @property
    def _rate_bpm(self) -> int:
        if self._has_falls:
            return LOWEST_BPM
        return LOWEST_BPM + (APART * self.number + self._frames) % RATES

    @property
    def _spo2_pct(self) -> int:
        is_fallen = self._has_falls and (self._frames + APART * self.number) % FALL_EVERY == 0
        return FALLEN_PCT if is_fallen else USUAL_PCT

    def _showing(self, t_s: float) -> Displayed:
        return Displayed(
            heart_rate_bpm=self._rate_bpm,
            ecg_rate_bpm=self._rate_bpm,
            impedance_resp_rpm=14,
            spo2_pct=self._spo2_pct,
            pulse_bpm=72,
            temperature_c=36.6,
            cuff=Cuff(reading=CUFF, age_s=t_s),
        )

    def beat(self, t_s: float) -> tuple[int, int, float, float] | None:
        """Hear what was asked since the last beat; send what is due at ``t_s`` of the scenario."""
        try:
            heard = os.read(self._master, MOST_BYTES)
        except BlockingIOError:
            heard = b""
        frame = self._monitor.heard(heard, t_s)
        if not frame:
            return None
        told = self._spo2_pct if self._has_falls else self._rate_bpm
        before_s = time.clock_gettime(time.CLOCK_MONOTONIC)
        written = os.write(self._master, frame)
        after_s = time.clock_gettime(time.CLOCK_MONOTONIC)
        if written < len(frame):
            raise BufferError(f"chair {self.number}: nobody reads, {written} of {len(frame)} bytes")
        self._frames += 1
        return self.number, told, before_s, after_s


def main() -> None:
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    has_falls = sys.argv[3:] == ["falls"]
    chairs = [
        Chair(number, folder / f"monitor-{number}", has_falls) for number in range(1, count + 1)
    ]
    end_with_parent()
    tell("ready")
    stamps, begin_s, beat = [], time.monotonic(), 0
    try:
        while True:
            t_s = beat / count
            time.sleep(max(0.0, begin_s + t_s - time.monotonic()))
            if stamp := chairs[beat % count].beat(t_s):
                stamps.append(stamp)
            beat += 1
    except KeyboardInterrupt:
        tell(stamps)


if __name__ == "__main__":
    main()
