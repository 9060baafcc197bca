"""Which screen do the tests of cuff monitors look at? Three cycles of the script, and an arm."""

from __future__ import annotations

from dataclasses import replace

from simulators.displayed import CuffCycle, CuffReading, Displayed, cuff_at

FIRST = CuffReading(systolic_mmhg=118, diastolic_mmhg=72, mean_mmhg=89, pulse_bpm=64)
MEAN_ALONE = CuffReading(mean_mmhg=92)
ON_THE_ARM = CuffReading(systolic_mmhg=262, diastolic_mmhg=140, mean_mmhg=181, pulse_bpm=101)

# A reading at 50 (its cuff empty at 52), a failure at 275, the mean alone at 430.
CYCLES = (
    CuffCycle(starts_s=20, ends_s=50, settles_s=52, reading=FIRST),
    CuffCycle(starts_s=200, ends_s=275, settles_s=275, reading=None),
    CuffCycle(starts_s=400, ends_s=430, settles_s=430, reading=MEAN_ALONE),
)


def screen(t_s: float) -> Displayed:
    return Displayed(
        cuff=cuff_at(CYCLES, t_s, is_automatic=True),
        arm=ON_THE_ARM,
        pulse_bpm=77,
        heart_rate_bpm=78,
    )


def screen_of_an_arm_that_gives_nothing(t_s: float) -> Displayed:
    return replace(screen(t_s), arm=None)
