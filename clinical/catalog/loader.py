"""Which presets, checklists and statements ship with Vigil, and what do their files say?"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from clinical.catalog import preset_file
from clinical.catalog.document import Malformed, Table
from clinical.catalog.preset import LimitKey as LimitKey
from clinical.catalog.preset import Preset as Preset
from clinical.catalog.preset_file import EditionOf, edition_of
from clinical.checklist import Checklist, ChecklistItem
from clinical.phases import SessionPhase
from clinical.recovery import RULES
from clinical.sign_off import Role, SignerKind, Statement

HERE = Path(__file__).parent


class UnknownEntry(LookupError):
    """There is no such preset, checklist or statement; the message lists those there are."""


@cache
def load_presets() -> tuple[Preset, ...]:
    """Every edition of every preset that ships. Raises Malformed where a file is wrong."""
    presets, refused = readable_presets()
    if refused:
        raise refused[0]
    return presets


@cache
def readable_presets() -> tuple[tuple[Preset, ...], tuple[Malformed, ...]]:
    """The editions that ship, and why others could not be read: one wrong file must not take the
    limits of every session with it."""
    presets, refused = [], []
    for file in _preset_files():
        try:
            presets.append(_read_shipped(file))
        except Malformed as error:
            refused.append(error)
    return tuple(presets), tuple(refused)


@cache
def load_preset(name: str, version: int | None = None) -> Preset:
    """One edition that ships, the newest where no ``version`` is asked for.

    Raises UnknownEntry where there is no such preset, Malformed where its file is wrong.
    """
    return _read_shipped(_preset_file(name, version))


def read_preset(file: Path, parent_of: EditionOf = load_preset) -> Preset:
    """Read one preset of the disk. Raises Malformed."""
    return preset_file.read_preset(file, parent_of)


def _preset_files() -> list[Path]:
    return sorted((HERE / "presets").glob("*.toml"))


def _preset_file(name: str, version: int | None) -> Path:
    files = {edition: file for file in _preset_files() if (edition := edition_of(file))}
    versions = [each for known, each in files if known == name]
    if not versions:
        known = ", ".join(dict.fromkeys(known for known, _version in files))
        raise UnknownEntry(f"expected one of {known} in presets, got {name}")
    if version is not None and version not in versions:
        raise UnknownEntry(f"there is no version {version} of the preset {name}")
    return files[name, version or max(versions)]


def _read_shipped(file: Path, below: tuple[Path, ...] = ()) -> Preset:
    """``below``: the files that differ from this one, one from another."""

    def parent_of(name: str, version: int) -> Preset:
        parent = _preset_file(name, version)
        if parent in (file, *below):
            raise UnknownEntry(f"{parent.name} comes from {file.name} itself")
        return _read_shipped(parent, (file, *below))

    return preset_file.read_preset(file, parent_of)


@cache
def load_checklist(name: str) -> Checklist:
    """Raises UnknownEntry where there is no such checklist, Malformed where its file is wrong."""
    return read_checklist(_file("checklists", name))


@cache
def load_statements() -> dict[str, Statement]:
    """Every statement that a session asks a signature for, by id, in the order of signing."""
    names = ("sitter-arrival", "sitter-handover", "nurse-discharge")
    return {name: read_statement(_file("statements", name)) for name in names}


def _file(folder: str, name: str) -> Path:
    files = {file.stem: file for file in sorted((HERE / folder).glob("*.toml"))}
    if name not in files:
        raise UnknownEntry(f"expected one of {', '.join(files)} in {folder}, got {name}")
    return files[name]


def read_checklist(file: Path) -> Checklist:
    """Read one checklist; an item that data can fill names a rule of clinical.recovery."""
    top = Table.read(file)
    items = []
    for row in top.tables("items"):
        rule: str | None = row.take("computed_by", str, None)
        if rule is not None and rule not in RULES:
            raise row.wrong("computed_by", " or ".join(RULES), rule)
        items.append(
            ChecklistItem(
                id=row.text("id"),
                text=row.text("text"),
                hint=row.take("hint", str, ""),
                computed_by=rule,
                allows_not_applicable=row.take("allows_not_applicable", bool, False),
                answered_by=_roles(row),
            )
        )
        row.done()
    minutes: int = top.take("minutes_since_stop", int)
    checklist = Checklist(
        name=top.named("name", file.stem),
        version=top.version(),
        title=top.text("title"),
        items=top.checked("items", tuple(items), bool, "at least one item"),
        minutes_since_stop=top.checked(
            "minutes_since_stop", minutes, lambda m: 0 <= m <= 24 * 60, "minutes, 0 to 1440"
        ),
    )
    top.done()
    ids = [item.id for item in items]
    for item_id in ids:
        if ids.count(item_id) > 1:
            raise Malformed(file, top.line_of("items"), "each item id once", item_id)
    return checklist


def _roles(row: Table) -> tuple[Role, ...]:
    names: list[str] = row.take("answered_by", list, list(Role))
    row.checked("answered_by", names, bool, "at least one role")
    try:
        return tuple(Role(name) for name in names)
    except ValueError as error:
        raise row.wrong("answered_by", "a list of " + " or ".join(Role), names) from error


def read_statement(file: Path) -> Statement:
    """Read one statement; its duties are signed word for word."""
    top = Table.read(file)
    phases: list[str] = top.take("phases", list)
    try:
        when = tuple(SessionPhase(phase) for phase in phases)
    except ValueError as error:
        raise top.wrong("phases", "a list of " + " or ".join(SessionPhase), phases) from error
    top.checked("phases", when, bool, "at least one phase")
    statement = Statement(
        id=top.named("id", file.stem),
        version=top.version(),
        title=top.text("title"),
        duties=top.texts("duties"),
        signer=top.one_of("signer", SignerKind),
        phases=when,
    )
    top.done()
    return statement
