"""How does a clinic's own edition of a preset come about: which numbers, which text, what changed?

A director changes numbers, never rows: which limits there are is for a file that ships.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from clinical.alarms import AlarmLimit, Beside, Direction, RelativeLimit
from clinical.catalog.document import Malformed
from clinical.catalog.preset import Preset
from clinical.catalog.preset_file import CHANGE_PCT, DELAY_S, hysteresis_of, read_preset
from clinical.vitals import CUFF, NATURE, Metric

CUFF_MIN = (1.0, 60.0)
PER_CENT = 100
MIN_S = 60


class WrongNumber(ValueError):
    """A number that a preset cannot have; the message names it and the range it may have."""


@dataclass(frozen=True, slots=True)
class Number:
    """One number that a director may change. ``low`` to ``high`` is what its field takes."""

    label: str
    value: float
    low: float
    high: float


def numbers_of(preset: Preset) -> dict[str, Number]:
    """Every number of ``preset`` that may be changed, by a key that says which it is."""
    return dict(_numbers(preset))


def _numbers(preset: Preset) -> Iterator[tuple[str, Number]]:
    for at, limit in enumerate(preset.limits):
        label = words(limit)
        yield f"limit:{at}", Number(label, limit.value, *NATURE[limit.metric].plausible)
        if limit.metric not in CUFF:  # one reading is enough: there may be none to wait for
            yield f"delay:{at}", Number(f"{label}, delay in s", limit.delay_s, *DELAY_S)
        if limit.beside is not None:
            yield f"beside:{at}", _beside(label, limit.beside)
    for at, relative in enumerate(preset.relative):
        label, span = words(relative), CHANGE_PCT[relative.operator.direction]
        yield f"change:{at}", Number(f"{label}, in %", abs(relative.change) * PER_CENT, *span)
        if relative.metric not in CUFF:
            yield f"change-delay:{at}", Number(f"{label}, delay in s", relative.delay_s, *DELAY_S)
        if relative.beside is not None:
            yield f"change-beside:{at}", _beside(label, relative.beside)
    for (metric, direction), (low, high) in preset.bounds.items():
        label = f"{NATURE[metric].label} {direction} limits, bounds"
        for end, value in (("from", low), ("to", high)):
            number = Number(f"{label} {end}", value, *NATURE[metric].plausible)
            yield f"bound:{metric}:{direction}:{end}", number
    for key, name, value_s in (
        ("cuff:infusing", "while infusing", preset.cuff_infusing_s),
        ("cuff:recovery", "in recovery", preset.cuff_recovery_s),
    ):
        yield key, Number(f"Cuff {name}, in min", value_s / MIN_S, *CUFF_MIN)


def _beside(label: str, beside: Beside) -> Number:
    name = f"{label}, the {NATURE[beside.metric].label} beside it"
    return Number(name, beside.value, *NATURE[beside.metric].plausible)


def words(limit: AlarmLimit | RelativeLimit) -> str:
    """HR > 120 medium; SYS >= +30 % medium."""
    if isinstance(limit, AlarmLimit):
        said = limit.words
    else:
        beside = limit.against(0).words.partition(" with ")[2]
        said = f"{limit.operator} {limit.change * PER_CENT:+.0f} %"
        said += f" with {beside}" if beside else ""
    return f"{NATURE[limit.metric].label} {said} {limit.priority}"


def with_numbers(preset: Preset, values: Mapping[str, float | None]) -> Preset:
    """``preset`` with some of its numbers changed; all of them whole, as the screen prints them.

    Raises WrongNumber where one is missing, out of its range or not whole, or where the limits do
    not go together.
    """
    numbers = numbers_of(preset)
    found = {key: number.value for key, number in numbers.items()}
    for key, value in values.items():
        if key not in numbers:
            raise WrongNumber(f"{preset.name} has no number {key}")
        found[key] = _checked(numbers[key], value)
    edited = replace(
        preset,
        limits=tuple(_limit(limit, at, found) for at, limit in enumerate(preset.limits)),
        relative=tuple(_relative(limit, at, found) for at, limit in enumerate(preset.relative)),
        bounds={
            side: (found[f"bound:{side[0]}:{side[1]}:from"], found[f"bound:{side[0]}:{side[1]}:to"])
            for side in preset.bounds
        },
        cuff_infusing_s=found["cuff:infusing"] * MIN_S,
        cuff_recovery_s=found["cuff:recovery"] * MIN_S,
    )
    _read_back(edited)
    return edited


def _checked(number: Number, value: float | None) -> float:
    if value is not None and value == number.value:
        return value
    if value is None or not number.low <= value <= number.high or value != round(value):
        wanted = f"a whole number, {number.low:g} to {number.high:g}"
        raise WrongNumber(f"{number.label}: expected {wanted}, got {_printed(value)}")
    return float(value)


def _printed(value: float | None) -> str:
    return "none" if value is None else f"{value:g}"


def _limit(limit: AlarmLimit, at: int, found: Mapping[str, float]) -> AlarmLimit:
    beside = limit.beside and replace(limit.beside, value=found[f"beside:{at}"])
    delay_s = found.get(f"delay:{at}", limit.delay_s)
    return replace(limit, value=found[f"limit:{at}"], delay_s=delay_s, beside=beside)


def _relative(limit: RelativeLimit, at: int, found: Mapping[str, float]) -> RelativeLimit:
    beside = limit.beside and replace(limit.beside, value=found[f"change-beside:{at}"])
    change = found[f"change:{at}"] / PER_CENT
    if limit.operator.direction is Direction.LOW:
        change = -change
    delay_s = found.get(f"change-delay:{at}", limit.delay_s)
    return replace(limit, change=change, delay_s=delay_s, beside=beside)


# --- as text --------------------------------------------------------------------------------------


def written(preset: Preset) -> str:
    """The whole of ``preset`` as TOML: an edition must be readable without the one it comes from.

    Its parent is not in it, but beside it in the record.
    """
    return "\n".join(_lines(preset)) + "\n"


def read_edition(name: str, version: int, text: str, parent: tuple[str, int]) -> Preset:
    """An edition as the record holds it. Raises Malformed."""
    file = Path(f"{name}.{version}.toml")
    return replace(read_preset(file, _no_parent, text), parent=parent)


def _no_parent(name: str, version: int) -> Preset:
    raise LookupError("an edition of a clinic is whole")


def _read_back(preset: Preset) -> None:
    """Let the reader judge the text: what is written must be what is read at the next start."""
    text = written(preset)
    try:
        again = read_edition(preset.name, preset.version, text, preset.parent or ("", 0))
    except Malformed as error:
        raise WrongNumber(f"{_place(text, error.line)}: {error.expected}") from error
    if again.limits != preset.limits or again.relative != preset.relative:
        raise WrongNumber(f"{preset.name}: a number is too long to be kept as it is")


def _place(text: str, line: int) -> str:
    """Which sign a line of the text is about, and which of its limits."""
    lines = text.splitlines()
    for above in reversed(lines[:line]):
        match = re.match(r"(\w+) = [\[{]", above)
        if match and match[1] in set(Metric):
            label = NATURE[Metric(match[1])].label
            row = re.search(r'limit = "([^"]+)", priority = "(\w+)"', lines[line - 1])
            return f"{label} {row[1]} {row[2]}" if row else f"{label} bounds"
    return lines[line - 1]


def _lines(preset: Preset) -> Iterator[str]:
    yield "# An edition of this clinic, made on the page Presets."
    yield f"name = {_text(preset.name)}"
    yield f"version = {preset.version}"
    yield f"title = {_text(preset.title)}"
    yield f"cuff_infusing_s = {_number(preset.cuff_infusing_s)}"
    yield f"cuff_recovery_s = {_number(preset.cuff_recovery_s)}"
    yield f"latching = [{', '.join(map(_text, preset.latching))}]"
    if preset.decision_above is not None:
        systolic, diastolic = preset.decision_above
        yield f'decision_above = "{_number(systolic)}/{_number(diastolic)}"'
    if preset.minutes_since_start is not None:
        yield f"minutes_since_start = {preset.minutes_since_start}"
    yield "\n[clearing]"
    hysteresis = hysteresis_of(preset)
    for metric, off_s in preset.off_delay_s.items():
        back = f"off_delay_s = {_number(off_s)}, hysteresis = {_number(hysteresis[metric])}"
        yield f"{metric} = {{ {back} }}"
    yield "\n[limits]"
    plain = [
        (each.metric, f"{each.operator} {_number(each.value)}", each) for each in preset.limits
    ]
    yield from _rows(plain)
    yield "\n[relative]"
    yield from _rows(
        [
            (each.metric, f"{each.operator} {_per_cent(each.change)} %", each)
            for each in preset.relative
        ]
    )
    yield "\n[bounds]"
    for metric in dict.fromkeys(metric for metric, _direction in preset.bounds):
        sides = [
            f"{direction} = [{_number(low)}, {_number(high)}]"
            for (each, direction), (low, high) in preset.bounds.items()
            if each is metric
        ]
        yield f"{metric} = {{ {', '.join(sides)} }}"


def _rows(limits: Sequence[tuple[Metric, str, AlarmLimit | RelativeLimit]]) -> Iterator[str]:
    for metric in dict.fromkeys(metric for metric, *_ in limits):
        yield f"{metric} = ["
        for each, printed, limit in limits:
            if each is metric:
                row = f"limit = {_text(printed)}, priority = {_text(limit.priority)}"
                row += f", delay_s = {_number(limit.delay_s)}"
                if limit.beside is not None:
                    beside = limit.beside
                    there = f"{beside.metric} {beside.operator} {_number(beside.value)}"
                    row += f", beside = {_text(there)}"
                yield f"    {{ {row} }},"
        yield "]"


def _text(text: str) -> str:
    return json.dumps(str(text), ensure_ascii=False)  # TOML's basic strings escape as JSON's do


def _number(value: float) -> str:
    return f"{value:.10g}"


def _per_cent(change: float) -> str:
    return f"{change * PER_CENT:+.10g}"


# --- what is different ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that another edition has otherwise; "" where it has none of it."""

    what: str
    before: str
    after: str


def differences(before: Preset, after: Preset) -> tuple[Difference, ...]:
    """What a session under ``after`` has otherwise than one under ``before``."""
    old, new = dict(_traits(before)), dict(_traits(after))
    return tuple(
        Difference(what, old.get(what, ""), new.get(what, ""))
        for what in dict.fromkeys([*old, *new])
        if old.get(what) != new.get(what)
    )


def _traits(preset: Preset) -> Iterator[tuple[str, str]]:
    seen: dict[str, int] = {}
    limits: list[AlarmLimit | RelativeLimit] = [*preset.limits, *preset.relative]
    for limit in limits:
        side = limit.operator.direction
        what = f"{NATURE[limit.metric].label} {limit.priority}, {side} side"
        if isinstance(limit, RelativeLimit):
            what += ", against the baseline"
        if limit.beside is not None:
            what += f", with {NATURE[limit.beside.metric].label}"
        seen[what] = seen.get(what, 0) + 1
        if seen[what] > 1:
            what += f" ({seen[what]})"
        said = words(limit).removeprefix(f"{NATURE[limit.metric].label} ")
        said = said.removesuffix(f" {limit.priority}")
        yield what, f"{said} for {limit.delay_s:g} s" if limit.delay_s else said
    for (metric, direction), (low, high) in preset.bounds.items():
        yield f"{NATURE[metric].label} {direction} limits, bounds", f"{low:g} to {high:g}"
    hysteresis = hysteresis_of(preset)
    for metric, off_s in preset.off_delay_s.items():
        clears = f"by {hysteresis.get(metric, 0):g} for {off_s:g} s"
        yield f"{NATURE[metric].label} clears", clears
    yield "Cuff while infusing", f"every {preset.cuff_infusing_s / MIN_S:g} min"
    yield "Cuff in recovery", f"every {preset.cuff_recovery_s / MIN_S:g} min"
    yield "Stays on the screen when it ends", ", ".join(preset.latching)
    if preset.decision_above is not None:
        systolic, diastolic = preset.decision_above
        yield "A clinician decides before the dose", f"above {systolic:g}/{diastolic:g}"
    if preset.minutes_since_start is not None:
        yield "Stay from the dose", f"{preset.minutes_since_start} min"
