"""Which cuff cycles does the script run, seen by a monitor that looks at its own screen?

A monitor that also lets the host start the cuff needs to know of the script's cycles as they
happen; the screen shows only a reading, its age and "measuring".
"""

from dataclasses import dataclass

from simulators.displayed import Cuff, CuffReading

NOTHING = CuffReading()
SETTLES_WITHIN_S = 10.0  # longest that a screen says "measuring" after the reading has appeared


@dataclass(frozen=True, slots=True)
class Ended:
    """A cycle that is over. ``reading`` is None where it failed; ``at_s`` is when it ended."""

    reading: CuffReading | None
    at_s: float


class CuffWatch:
    """Look often, at least once in a cycle, and in the order of time."""

    def __init__(self) -> None:
        self.is_measuring = False
        self._is_skipping = False
        self._last = Cuff()
        self._appeared_s: float | None = None  # the newest reading seen

    def look(self, cuff: Cuff, t_s: float) -> Ended | None:
        """The cycle that has ended since the last look, also one from before the first."""
        appeared_s = None if cuff.age_s is None else t_s - cuff.age_s
        is_new = appeared_s is not None and (
            # Half a second: an age that is added and taken away again is not quite the same.
            self._appeared_s is None or appeared_s > self._appeared_s + 0.5
        )
        has_reading = cuff.reading != NOTHING
        has_failed = (
            not cuff.is_measuring
            and not has_reading
            and (is_new or self._last.is_measuring or self._last.reading != NOTHING)
        )
        is_settling = cuff.age_s is not None and cuff.age_s < SETTLES_WITHIN_S and has_reading
        is_measuring = cuff.is_measuring and not is_settling
        ended = None
        if has_failed:
            ended = Ended(None, t_s)
        elif is_new and has_reading and appeared_s is not None:
            ended = Ended(cuff.reading, appeared_s)
        if self._is_skipping and (ended or not is_measuring):
            self._is_skipping, ended = False, None
        self.is_measuring = is_measuring and not self._is_skipping
        self._last = cuff
        self._appeared_s = appeared_s
        return ended

    def skip(self) -> None:
        """The cycle that runs now does not happen on this monitor: stopped, or never begun."""
        self._is_skipping, self.is_measuring = self._last.is_measuring, False
