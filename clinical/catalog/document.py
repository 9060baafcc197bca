"""Where in a TOML file is something wrong, what was expected there, and what came?"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar, cast

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)
REQUIRED: Any = object()


class Malformed(ValueError):
    """A file that cannot be taken: names the file, the line, what was expected and what came."""

    def __init__(self, file: Path, line: int, expected: str, got: str) -> None:
        super().__init__(f"{file.name}, line {line}: expected {expected}, got {got}")
        self.file, self.line, self.expected, self.got = file, line, expected, got


class Table:
    """One TOML table and its place in the file, so that a refusal can name the line.

    Keys that nobody asked for are refused by ``done``: a misspelt limit must not be a missing one.
    """

    def __init__(
        self, file: Path, text: str, values: Mapping[str, Any], first: int, last: int | None = None
    ) -> None:
        self._file, self._text, self._values, self._first = file, text, values, first
        self._last = len(text.splitlines()) if last is None else last
        self._taken: set[str] = set()

    @classmethod
    def read(cls, file: Path) -> Table:
        """Raises Malformed where ``file`` is missing, is not UTF-8 or is not TOML."""
        try:
            text = file.read_text(encoding="utf-8")
        except OSError as error:
            raise Malformed(file, 0, "a readable file", str(error.strerror)) from error
        except UnicodeDecodeError as error:
            raise Malformed(file, 1, "UTF-8 text", str(error.reason)) from error
        return cls.of(file, text)

    @classmethod
    def of(cls, file: Path, text: str) -> Table:
        """The ``text`` that ``file`` would hold. Raises Malformed where it is not TOML."""
        try:
            return cls(file, text, tomllib.loads(text), 1)
        except tomllib.TOMLDecodeError as error:
            where = re.search(r"line (\d+)", str(error))
            line = int(where[1]) if where else text.count("\n") + 1
            written = (*text.splitlines(), "")[line - 1].strip()
            expected = "TOML, with texts in quotes and numbers without"
            raise Malformed(file, line, expected, f"{written!r}: {error}") from error

    def line_of(self, key: str) -> int:
        """The line of ``key`` in this table (1-based); the table's own where it is absent."""
        named = re.compile(
            rf"[\s{{,]*[\"']?{re.escape(key)}[\"']?\s*=|\s*\[+\s*{re.escape(key)}\s*\]"
        )
        lines = self._text.splitlines()
        for number in range(self._first, self._last + 1):
            if named.match(lines[number - 1]):
                return number
        return self._first

    def wrong(self, key: str, expected: str, got: object) -> Malformed:
        return Malformed(self._file, self.line_of(key), f"{key} to be {expected}", repr(got))

    def take(self, key: str, kind: type[T] | tuple[type, ...], default: Any = REQUIRED) -> T:
        """The value of ``key``, which must be of ``kind``; bool is not taken for a number."""
        self._taken.add(key)
        if key not in self._values:
            if default is REQUIRED:
                raise Malformed(self._file, self._first, f"the key {key}", "none")
            return cast(T, default)
        value = self._values[key]
        kinds = kind if isinstance(kind, tuple) else (kind,)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            words = " or ".join(_WORDS.get(each, each.__name__) for each in kinds)
            raise self.wrong(key, words, value)
        return cast(T, value)

    def one_of(self, key: str, words: type[E]) -> E:
        """The value of ``key`` as a member of an enumeration of words."""
        given = self.take(key, str)
        try:
            return words(given)
        except ValueError as error:
            raise self.wrong(key, " or ".join(words), given) from error

    def checked(self, key: str, value: T, is_right: Callable[[T], bool], expected: str) -> T:
        """``value`` of ``key`` where it is right; raises Malformed with ``expected`` if not."""
        if not is_right(value):
            raise self.wrong(key, expected, value)
        return value

    def text(self, key: str) -> str:
        """A text that is more than blanks."""
        text: str = self.take(key, str)
        return self.checked(key, text, lambda t: bool(t.strip()), "a text")

    def texts(self, key: str) -> tuple[str, ...]:
        texts: list[object] = self.take(key, list)
        are_right = bool(texts) and all(isinstance(text, str) and text.strip() for text in texts)
        if not are_right:
            raise self.wrong(key, "a list of texts, at least one", texts)
        return tuple(map(str, texts))

    def named(self, key: str, name: str) -> str:
        """The record knows an entry by its name, and a restart finds it by that of its file."""
        given: str = self.take(key, str)
        return self.checked(key, given, lambda n: n == name, f"{name}, as its file is named")

    def version(self) -> int:
        version: int = self.take("version", int)
        return self.checked("version", version, lambda v: v >= 1, "1 or more")

    def table(self, key: str, default: Any = REQUIRED) -> Table:
        values: Mapping[str, Any] = self.take(key, dict, default)
        return Table(self._file, self._text, values, self.line_of(key))

    def tables(self, key: str, default: Any = REQUIRED) -> list[Table]:
        """The tables of an array, each with the line it starts in."""
        rows: list[Any] = self.take(key, list, default)
        for row in rows:
            if not isinstance(row, dict):
                raise self.wrong(key, "a list of tables", row)
        starts = self._starts(key, rows)
        return [
            Table(self._file, self._text, row, start, max(start, after - 1))
            for row, start, after in zip(rows, starts, starts[1:], strict=False)
        ]

    def _starts(self, key: str, rows: list[Any]) -> list[int]:
        """The line in which each row starts, and the line after the last row."""
        head = re.compile(rf"\s*\[\[\s*(?:[\w.-]+\.)?{re.escape(key)}\s*\]\]")
        lines = self._text.splitlines()
        own = range(self._first, self._last + 1)
        heads = [n for n in own if head.match(lines[n - 1])]
        if heads and len(heads) == len(rows):
            return [*heads, self._last + 1]
        start = self.line_of(key)  # an inline array, written one table a line or all in one
        inline, number = [], start
        for number in range(start, len(lines) + 1):
            line = lines[number - 1].strip()
            if line.startswith("{"):
                inline.append(number)
            if line.endswith("]"):
                break
        return [*(inline + [start] * len(rows))[: len(rows)], number + 1]

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def done(self) -> None:
        """Raises Malformed where the table holds a key that nobody asked for."""
        for key in self._values:
            if key not in self._taken:
                known = ", ".join(sorted(self._taken))
                raise Malformed(self._file, self.line_of(key), f"one of {known}", key)


_WORDS: dict[type, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
}
