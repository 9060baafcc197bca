"""What is a scripted session, and how is its file read?

A scenario is one TOML file in ``scenarios/``; docs/simulators.md describes the format. Minutes and
seconds count from the scenario's own zero. A file that says anything else than the format is
refused whole: a misspelt event that silently does nothing would make a test pass for nothing.
"""

import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path

from simulators.displayed import USUAL_MODULES, Module
from simulators.refused import Refused

SHIPPED = Path(__file__).parent / "scenarios"

EVENT_KINDS = (
    "ecg-lead-off",
    "ecg-artefact",
    "spo2-off",
    "spo2-artefact",
    "cuff-fails",
    "cuff-mean-only",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """One value for each sign: a baseline, or how far ketamine moves it."""

    heart_rate_bpm: float
    systolic_mmhg: float
    diastolic_mmhg: float
    spo2_pct: float
    resp_rate_rpm: float
    temperature_c: float
    etco2_pct: float


SIGNS = tuple(field.name for field in fields(Signs))
# A resting adult; 122/76 and 72 are the numbers that the preparation and recovery scripts agree on.
RESTING = Signs(
    heart_rate_bpm=72,
    systolic_mmhg=122,
    diastolic_mmhg=76,
    spo2_pct=98,
    resp_rate_rpm=14,
    temperature_c=36.6,
    etco2_pct=5.0,
)
UNMOVED = Signs(**dict.fromkeys(SIGNS, 0.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ketamine:
    """An infusion and the most it adds to each sign."""

    start_min: float
    minutes: float
    adds: Signs


@dataclass(frozen=True, slots=True, kw_only=True)
class CuffPlan:
    """When the cuff inflates: every ``interval_s`` from ``first_s`` on, or at ``at_s`` only."""

    is_automatic: bool
    interval_s: float
    first_s: float
    at_s: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that goes wrong between two times."""

    kind: str
    from_s: float
    to_s: float
    falls_back_to_pulse: bool  # ecg-lead-off only: HR is then taken from the oximeter


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A scripted session. ``courses`` give a sign a fixed path of (minute, value) points."""

    name: str
    title: str
    what: str
    length_s: float
    fitted: frozenset[Module]
    attached: frozenset[Module]
    baseline: Signs
    ketamine: Ketamine | None
    cuff: CuffPlan
    courses: Mapping[str, tuple[tuple[float, float], ...]]
    events: tuple[Event, ...]


def scenarios() -> list[tuple[str, str]]:
    """Name and title of every shipped scenario, by name."""
    found = sorted(SHIPPED.glob("*.toml"))
    return [(path.stem, load(path).title) for path in found]


def named(name: str) -> Scenario:
    """The shipped scenario ``name``, or the file when ``name`` ends in .toml.

    Raises Refused for a name that is not there, with the list of those that are.
    """
    path = Path(name) if name.endswith(".toml") else SHIPPED / f"{name}.toml"
    if not path.is_file():
        choices = ", ".join(sorted(shipped.stem for shipped in SHIPPED.glob("*.toml")))
        raise Refused("scenario", expected=f"a .toml file or one of {choices}", got=name)
    return load(path)


def load(path: Path) -> Scenario:
    """Read one scenario file. Raises Refused with file, line, expected and got."""
    try:
        text = path.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:  # its message carries line and column
        raise Refused(str(path), expected="TOML", got=str(error)) from error
    except UnicodeDecodeError as error:
        raise Refused(str(path), expected="UTF-8 text", got=str(error)) from error
    top = _Table(path, text, "", 0, document)
    cuff = top.table("cuff")
    ketamine = top.table("ketamine") if "ketamine" in document else None
    courses = {}
    for course in top.tables("course"):
        sign = course.choice("sign", SIGNS)
        courses[sign] = course.points("points")
        course.done()
    fitted = top.modules("fitted", USUAL_MODULES)
    scenario = Scenario(
        name=path.stem,
        title=top.string("title"),
        what=top.string("what"),
        length_s=60 * top.number("length_min", above=0),
        fitted=fitted,
        attached=top.modules("attached", fitted),
        baseline=_signs(top.table("baseline"), RESTING) if "baseline" in document else RESTING,
        ketamine=None if ketamine is None else _ketamine(ketamine),
        cuff=_cuff_plan(cuff),
        courses=courses,
        events=tuple(_event(event) for event in top.tables("event")),
    )
    top.done()
    return scenario


def _signs(table: "_Table", default: Signs) -> Signs:
    """The seven signs of a table; what it leaves out stays as in ``default``."""
    signs = Signs(**{sign: table.number(sign, default=getattr(default, sign)) for sign in SIGNS})
    table.done()
    return signs


def _ketamine(table: "_Table") -> Ketamine:
    start_min = table.number("start_min", default=0.0)
    minutes = table.number("minutes", above=0, default=40.0)
    return Ketamine(start_min=start_min, minutes=minutes, adds=_signs(table, UNMOVED))


def _cuff_plan(table: "_Table") -> CuffPlan:
    is_automatic = table.choice("mode", ("auto", "manual")) == "auto"
    plan = CuffPlan(
        is_automatic=is_automatic,
        # Below two minutes a cycle that fails (75 s) would run into the next.
        interval_s=table.number("interval_s", above=119) if is_automatic else 0.0,
        first_s=table.number("first_s", above=-1, default=20.0) if is_automatic else 0.0,
        at_s=() if is_automatic else tuple(60 * minute for minute in table.minutes("at_min")),
    )
    table.done()
    return plan


def _event(table: "_Table") -> Event:
    kind, from_min = table.choice("kind", EVENT_KINDS), table.number("from_min")
    event = Event(
        kind=kind,
        from_s=60 * from_min,
        to_s=60 * table.number("to_min", above=from_min),
        falls_back_to_pulse=kind == "ecg-lead-off"
        and table.claim("falls_back_to_pulse", default=False),
    )
    table.done()
    return event


class _Table:
    """One table of a scenario file: hands out its keys, typed, and refuses what is left over."""

    def __init__(
        self, path: Path, text: str, name: str, index: int, content: Mapping[str, object]
    ) -> None:
        self._path, self._text, self._name, self._index = path, text, name, index
        self._content = dict(content)

    def number(
        self, key: str, *, above: float | None = None, default: float | None = None
    ) -> float:
        value = self._content.pop(key, default)
        # bool is a kind of int in Python; a 'true' pressure is a mistake all the same.
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or (above is not None and not value > above):  # type: ignore[operator]
            bound = "" if above is None else f" above {above:g}"
            raise self._refused(key, f"{key}: a number{bound}", value)
        return float(value)  # type: ignore[arg-type]

    def string(self, key: str) -> str:
        value = self._content.pop(key, None)
        if not isinstance(value, str) or not value.strip():
            raise self._refused(key, f"{key}: some text", value)
        return value

    def claim(self, key: str, *, default: bool) -> bool:
        value = self._content.pop(key, default)
        if not isinstance(value, bool):
            raise self._refused(key, f"{key}: true or false", value)
        return value

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        value = self._content.pop(key, None)
        if value not in choices:
            raise self._refused(key, f"{key}: one of {', '.join(choices)}", value)
        return str(value)

    def modules(self, key: str, default: frozenset[Module]) -> frozenset[Module]:
        value = self._content.pop(key, sorted(default))
        if not isinstance(value, list) or not all(name in list(Module) for name in value):
            raise self._refused(key, f"{key}: a list of {', '.join(Module)}", value)
        return frozenset(Module(name) for name in value)

    def minutes(self, key: str) -> tuple[float, ...]:
        """Rising minutes, far enough apart for a cuff cycle each."""
        value = self._content.pop(key, None)
        if not isinstance(value, list) or not all(isinstance(m, int | float) for m in value):
            raise self._refused(key, f"{key}: a list of minutes", value)
        if any(later - earlier < 2 for earlier, later in pairwise(value)):
            raise self._refused(key, f"{key}: rising minutes, at least 2 apart", value)
        return tuple(float(minute) for minute in value)

    def points(self, key: str) -> tuple[tuple[float, float], ...]:
        value = self._content.pop(key, None)
        expected = f"{key}: a list of [minute, value], minutes rising"
        try:
            points = tuple((float(minute), float(level)) for minute, level in value)  # type: ignore[attr-defined]
        except (TypeError, ValueError) as error:
            raise self._refused(key, expected, value) from error
        minutes = [minute for minute, _ in points]
        if not points or sorted(set(minutes)) != minutes:
            raise self._refused(key, expected, value)
        return points

    def table(self, key: str) -> "_Table":
        value = self._content.pop(key, None)
        if not isinstance(value, dict):
            raise self._refused(key, f"a table [{key}]", value)
        return _Table(self._path, self._text, f"[{key}]", 0, value)

    def tables(self, key: str) -> list["_Table"]:
        value = self._content.pop(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self._refused(key, f"tables [[{key}]]", value)
        return [
            _Table(self._path, self._text, f"[[{key}]]", index, item)
            for index, item in enumerate(value)
        ]

    def done(self) -> None:
        for key, value in self._content.items():
            raise self._refused(key, f"no key {key} here", value)

    def _refused(self, key: str, expected: str, got: object) -> Refused:
        where = f"{self._path}:{self._line_of(key)}"
        return Refused(where, expected=expected, got="nothing" if got is None else got)

    def _line_of(self, key: str) -> int:
        """The line of ``key``, else of its table: tomllib keeps no positions of what it read."""
        headers: Counter[str] = Counter()
        is_here, line_of_table = self._name == "", 1
        for number, line in enumerate(self._text.splitlines(), start=1):
            bare = line.strip()
            if bare.startswith("["):
                is_here = (bare, headers[bare]) == (self._name, self._index)
                headers[bare] += 1
                if is_here:
                    line_of_table = number
                if self._name == "" and bare.strip("[]") == key:
                    return number
            elif is_here and bare.partition("=")[0].strip() == key:
                return number
        return line_of_table
