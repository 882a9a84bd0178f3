"""A recipe's text: TOML in which every value remembers its file and line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import tomli

from mbo_core.errors import RecipeError


class Sourced(NamedTuple):
    """A value and where it was written, e.g. `coms.toml:12` or `--set proxy.epochs=5`."""

    value: Any
    where: str
    layer: int = 0
    """The number of the layer it comes from; later layers override earlier ones."""


Table: TypeAlias = "dict[str, Table | Sourced]"
"""A nest of tables whose leaves are `Sourced`."""

LARGEST = 256 * 1024
"""Maximum size of a recipe in bytes; shipped ones have a few thousand."""

_DOTTED = r"""((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)"""
_HEADER = re.compile(rf"\s*\[\[?\s*{_DOTTED}\s*\]")
_KEY = re.compile(rf"\s*{_DOTTED}\s*=")


@dataclass(frozen=True)
class Document:
    """One parsed recipe file.

    Attributes:
        name: the file's name without its ending.
        table: its content.
        path: the file, or None for text from elsewhere.
    """

    name: str
    table: Table
    path: Path | None = None
    lines: Mapping[tuple[str, ...], int] = field(default_factory=dict)

    def where(self, *keys: str) -> str:
        """File and line of a key, or of the nearest table around it."""
        label = self.path.name if self.path else self.name
        for depth in range(len(keys), 0, -1):
            if keys[:depth] in self.lines:
                return f"{label}:{self.lines[keys[:depth]]}"
        return label


def read(path: Path, what: str = "recipe", largest: int = LARGEST) -> Document:
    """Parse a recipe file, or another kind of TOML file that is called `what`.

    Raises:
        RecipeError: if it cannot be read, is too large, or is not TOML; with the line.
    """
    try:
        with path.open("rb") as file:
            content = file.read(largest + 1)
    except OSError as error:
        raise RecipeError(f"cannot read the {what} {path}: {error.strerror}", "check the path") from error
    if len(content) > largest:
        raise RecipeError(f"{what} {path} is larger than {largest // 1024} KB", f"a {what} is a small TOML file")
    try:
        # Some Windows editors start a file with a byte-order mark.
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecipeError(f"the {what} {path} is not UTF-8 text", "save it as UTF-8") from error
    return parse(text, path.stem, path)


def parse(text: str, name: str, path: Path | None = None) -> Document:
    """Parse a recipe's text.

    Raises:
        RecipeError: if it is not TOML; with the line.
    """
    try:
        plain = tomli.loads(text)
        document = Document(name, {}, path, _lines(text, plain))
        document.table.update(_sourced(plain, (), document))
    except tomli.TOMLDecodeError as error:
        raise RecipeError(f"{path or name} is not valid TOML: {error}", "fix that line") from error
    except (RecursionError, ValueError) as error:
        # Valid TOML that no recipe needs: hundreds of nested tables, numbers with thousands of digits.
        raise RecipeError(f"{path or name} cannot be parsed: {error}") from error
    return document


def _sourced(plain: Mapping[str, Any], keys: tuple[str, ...], document: Document) -> Table:
    table: Table = {}
    for key, value in plain.items():
        here = (*keys, key)
        table[key] = (
            _sourced(value, here, document) if isinstance(value, dict) else Sourced(value, document.where(*here))
        )
    return table


def _lines(text: str, plain: Mapping[str, Any]) -> dict[tuple[str, ...], int]:
    """The line of each table and key; a table without a header has the line of its first key.

    The tables of an array are found by their place in it, as in ("sums", "0").
    """
    lines: dict[tuple[str, ...], int] = {}
    around: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    # Not splitlines, which also splits where TOML does not, e.g. at U+2028.
    for number, line in enumerate(text.split("\n"), start=1):
        here: tuple[str, ...] = ()
        if header := _HEADER.match(line):
            here = dotted(header[1])
            table = here if _holds(plain, here) else table
            if table == here and line.lstrip().startswith("[["):
                lines[(*here, str(sum(one[:-1] == here for one in lines)))] = number
        elif key := _KEY.match(line):
            here = (*table, *dotted(key[1]))
        # A line inside an array or a long string can look like a header or a key.
        if here and _holds(plain, here):
            lines.setdefault(here, number)
            for depth in range(1, len(here)):
                around.setdefault(here[:depth], number)
    return {**around, **lines}


def _holds(nest: Any, keys: tuple[str, ...]) -> bool:
    for key in keys:
        if not isinstance(nest, dict) or key not in nest:
            return False
        nest = nest[key]
    return True


def dotted(key: str) -> tuple[str, ...]:
    """The parts of a dotted TOML key, quotes removed; empty if it is not one.

    >>> dotted('when."TFBind8-Exact-v0".proxy')
    ('when', 'TFBind8-Exact-v0', 'proxy')
    """
    try:
        nest: Any = tomli.loads(f"{key} = 0")
    except (tomli.TOMLDecodeError, RecursionError):
        return ()
    parts = []
    while isinstance(nest, dict) and nest:
        part, nest = next(iter(nest.items()))
        parts.append(part)
    # Some versions of tomli accept keys with thousands of parts.
    return tuple(parts) if len(parts) <= 100 else ()


def assignment(text: str) -> Table:
    """The table for `--set role.option=VALUE`; VALUE is TOML, and a bare word is a string.

    Raises:
        RecipeError: if it is not an assignment.

    >>> assignment("proxy.epochs=5")
    {'proxy': {'epochs': Sourced(value=5, where='--set proxy.epochs=5', layer=0)}}
    """
    key, equals, value = text.partition("=")
    keys = dotted(key.strip())
    if not equals or not keys:
        raise RecipeError(f"invalid assignment: --set {text}", "write --set role.option=VALUE, e.g. proxy.epochs=5")
    leaf = sourced(_value(value.strip()), f"--set {text}")
    for part in reversed(keys):
        leaf = {part: leaf}
    return leaf if isinstance(leaf, dict) else {}


def sourced(value: Any, where: str) -> Table | Sourced:
    """A value, or a nest of tables, of which each leaf comes from one place."""
    return (
        {key: sourced(one, where) for key, one in value.items()} if isinstance(value, dict) else Sourced(value, where)
    )


def _value(text: str) -> Any:
    try:
        read = tomli.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    # A second line would be another assignment.
    return read["value"] if len(read) == 1 else text


def merge(base: Table, layer: Table) -> Table:
    """`base` overridden by `layer`, key by key; if `use` changes, the stage's options go back to their defaults."""
    merged = dict(base)
    for key, value in layer.items():
        old = merged.get(key)
        keeps = isinstance(old, dict) and isinstance(value, dict) and not _changes_use(old, value)
        merged[key] = merge(old, value) if keeps and isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def numbered(table: Table, layer: int) -> Table:
    """A table whose values say that they come from a layer."""
    return {
        key: numbered(value, layer) if isinstance(value, dict) else value._replace(layer=layer)
        for key, value in table.items()
    }


def _changes_use(old: Table, new: Table) -> bool:
    before, after = old.get("use"), new.get("use")
    return isinstance(after, Sourced) and (not isinstance(before, Sourced) or not _same_name(before.value, after.value))


def _same_name(one: Any, other: Any) -> bool:
    return bool(str(one).casefold() == str(other).casefold())


def leaves(table: Table, keys: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Sourced]]:
    """All values of a table with their keys."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from leaves(value, (*keys, key))
        else:
            yield (*keys, key), value


def plain(table: Table | Sourced) -> Any:
    """A table without its sources."""
    return {key: plain(value) for key, value in table.items()} if isinstance(table, dict) else table.value


def subtable(table: Table, key: str) -> Table:
    """The table at `key`; empty if missing."""
    value = table.get(key, {})
    return value if isinstance(value, dict) else {}


def flat(values: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """The plain values of nested tables with their dotted names.

    >>> dict(flat({"proxy": {"epochs": 5}, "seeds": 8}))
    {'proxy.epochs': 5, 'seeds': 8}
    """
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def one_line(text: str) -> str:
    """Text made safe for a comment."""
    return re.sub(r"[\x00-\x1f\x7f]+", " ", text).strip()
