"""A grid in TOML, as strict as a recipe: every mistake is reported at once, with file and line.

```toml
tasks = ["TFBind8-Exact-v0", "Superconductor-RandomForest-v0"]
seeds = 16                    # a count, or the seeds themselves
seeds_per_cell = 8            # so many are trained together
methods = ["coms", "mine.toml"]
preset = "quick"              # of all methods
set = ["update.steps=100"]    # for all methods

[method.coms-small]           # a method with other settings
recipe = "coms"
preset = "quick"
set = ["proxy.hidden=[64, 64]"]

[cross]                       # every proxy with every adversary and every update
proxies = ["regression", "conservative"]
adversaries = ["none", "design-ascent"]
updates = ["gradient-ascent", "cma-es"]
proxy.conservative = { epochs = 5 }
```
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mbo_bench.grid.variants import CROSSED, NONE, Cross, Named, Variant
from mbo_core.errors import Mistakes, RecipeError, nearest
from mbo_core.plugins.registry import Registry
from mbo_core.toml import Document, Sourced, Table, plain, read, sourced, subtable

SEEDS, TOGETHER = 8, 8
"""The default number of seeds, and of those in a cell."""
KEYS = ("tasks", "seeds", "seeds_per_cell", "methods", "preset", "set", "method", "cross")
_TABLES = {"method": "write [method.NAME], or methods = [...]", "cross": "write [cross]"}
OF_METHOD = ("recipe", "preset", "set")
OF_CROSS = (*CROSSED, "encoding", "set", *CROSSED.values())


@dataclass(frozen=True)
class Grid:
    """What is to be run.

    Attributes:
        variants: the recipes, each with its label.
        tasks: the names of the tasks, with the places where they are written.
        seeds: the seeds.
        together: how many of them make a cell.
    """

    variants: tuple[Variant, ...]
    tasks: tuple[Sourced, ...]
    seeds: tuple[int, ...]
    together: int

    @property
    def groups(self) -> list[tuple[int, ...]]:
        """The seeds of each cell."""
        return [self.seeds[start : start + self.together] for start in range(0, len(self.seeds), self.together)]


def read_grid(path: Path | None, options: Mapping[str, Any], registry: Registry) -> Grid:
    """The grid of a file, of options, or of both; an option replaces what the file says.

    Args:
        path: the file, or None.
        options: values by the names of `KEYS`; empty ones are left out.
        registry: what is installed.

    Raises:
        RecipeError: with all mistakes.
    """
    document = Document("grid", {}) if path is None else read(path, "grid")
    given = {key: sourced(value, f"--{key.replace('_', '-')}") for key, value in options.items() if value or value == 0}
    reader = Reader(Document(document.name, {**document.table, **given}, document.path, document.lines), registry)
    grid = reader.grid()
    if reader.mistakes.found:
        raise RecipeError(*reader.mistakes.joined("the grid"), mistakes=reader.mistakes.found)
    return grid


class Reader:
    """Reads a document and collects its mistakes."""

    def __init__(self, document: Document, registry: Registry) -> None:
        self.document, self.registry, self.mistakes = document, registry, Mistakes()
        self.table = document.table
        self.folder = document.path.parent if document.path else Path()

    def grid(self) -> Grid:
        """The grid; only to be used if there are no mistakes."""
        self._check_keys(self.table, KEYS, "")
        for key in ("method", "cross"):
            if isinstance(value := self.table.get(key), Sourced):
                self.mistakes.add(value.where, f"{key} must be a table", _TABLES[key])
        variants = [*self._methods(), *self._crossed()]
        self._check_labels(variants)
        tasks = tuple(self._texts(self.table, "tasks"))
        self._check_tasks(tasks)
        if not variants and not self.mistakes.found:
            self.mistakes.add(self.document.where(), "grid has no methods", 'write methods = ["coms", ...], or [cross]')
        return Grid(tuple(variants), tasks, self._seeds(), self._count("seeds_per_cell", TOGETHER))

    def _methods(self) -> list[Variant]:
        preset, sets = self._text(self.table, "preset"), self._sets(self.table)
        named = [
            Named(str(one.value), "", preset, sets, one.where)
            for one in self._texts(self.table, "methods", needed=False)
        ]
        named += [self._named(label, table, preset, sets) for label, table in self._tables("method")]
        found = [one.variant(self.folder, self.registry, self.mistakes) for one in named]
        return [one for one in found if one is not None]

    def _named(self, label: str, table: Table, preset: str | None, sets: tuple[str, ...]) -> Named:
        self._check_keys(table, OF_METHOD, f"method.{label}")
        where = self.document.where("method", label)
        recipe = self._text(table, "recipe") or label
        return Named(recipe, label, self._text(table, "preset") or preset, (*sets, *self._sets(table)), where)

    def _crossed(self) -> list[Variant]:
        if not isinstance(self.table.get("cross"), dict):
            return []
        table, where = subtable(self.table, "cross"), self.document.where("cross")
        self._check_keys(table, OF_CROSS, "cross")
        none = [Sourced(NONE, where)]
        stages = {role: self._texts(table, key, needed=role != "adversary") for key, role in CROSSED.items()}
        stages["adversary"] = stages["adversary"] or none
        options: Table = {role: subtable(table, role) for role in CROSSED.values() if role in table}
        encoding = table.get("encoding")
        if encoding is not None and self._text(table, "encoding") is None:
            encoding = None
        sets = (*self._sets(self.table), *self._sets(table))
        cross = Cross(stages, options, encoding if isinstance(encoding, Sourced) else None, sets, where)
        return list(cross.variants(self.registry, self.mistakes))

    def _check_labels(self, variants: list[Variant]) -> None:
        seen: set[str] = set()
        for one in variants:
            if one.label in seen:
                self.mistakes.add(one.where, f'duplicate method "{one.label}"', "name a variant of it: [method.NAME]")
            seen.add(one.label)

    def _check_tasks(self, tasks: tuple[Sourced, ...]) -> None:
        for one in tasks:
            try:
                offer = self.registry.task(str(one.value))
            except RecipeError as error:
                self.mistakes.add(one.where, error.message, error.hint)
                continue
            if line := offer.unready():
                fact, _, command = line.partition(": ")
                self.mistakes.add(one.where, f'task "{one.value}" is not ready: {fact}', command or None)
        names = [str(one.value) for one in tasks]
        for name in {name for name in names if names.count(name) > 1}:
            self.mistakes.add(self.document.where("tasks"), f'duplicate task "{name}"')

    def _check_keys(self, table: Table, known: tuple[str, ...], path: str) -> None:
        for key, value in table.items():
            if key not in known:
                keys = (*path.split("."), key) if path else (key,)
                place = value.where if isinstance(value, Sourced) else self.document.where(*keys)
                self.mistakes.add(place, f'unknown key "{key}"' + (f" in {path}" if path else ""), nearest(key, known))

    def _tables(self, key: str) -> list[tuple[str, Table]]:
        found: list[tuple[str, Table]] = []
        for name, table in subtable(self.table, key).items():
            if isinstance(table, dict):
                found.append((name, table))
            else:
                self.mistakes.add(table.where, f"{key}.{name} must be a table", f"write [{key}.{name}]")
        return found

    def _texts(self, table: Table, key: str, needed: bool = True) -> list[Sourced]:
        """A list of names, each with its place."""
        value = table.get(key)
        if value is None:
            if needed:
                self.mistakes.add(self.document.where(), f"missing {key}", f'write {key} = ["...", "..."]')
            return []
        given = value.value if isinstance(value, Sourced) else None
        if not isinstance(given, list) or not given or not all(isinstance(one, str) for one in given):
            place = value.where if isinstance(value, Sourced) else self.document.where(key)
            self.mistakes.add(place, f"{key} must be a list of names", f'write {key} = ["...", "..."]')
            return []
        return [Sourced(one, value.where) for one in given] if isinstance(value, Sourced) else []

    def _text(self, table: Table, key: str) -> str | None:
        value = table.get(key)
        if value is None or (isinstance(value, Sourced) and isinstance(value.value, str)):
            return None if value is None else str(plain(value))
        place = value.where if isinstance(value, Sourced) else self.document.where(key)
        self.mistakes.add(place, f"{key} must be a string")
        return None

    def _sets(self, table: Table) -> tuple[str, ...]:
        return tuple(str(one.value) for one in self._texts(table, "set", needed=False))

    def _count(self, key: str, default: int) -> int:
        value = self.table.get(key, Sourced(default, ""))
        if isinstance(value, Sourced) and type(value.value) is int and value.value > 0:
            return int(value.value)
        place = value.where if isinstance(value, Sourced) else self.document.where(key)
        self.mistakes.add(place, f"{key} must be a whole number above 0")
        return default

    def _seeds(self) -> tuple[int, ...]:
        from mbo_core.runs.planning import seed_numbers

        value = self.table.get("seeds", Sourced(SEEDS, ""))
        try:
            return seed_numbers(plain(value))
        except RecipeError as error:
            place = value.where if isinstance(value, Sourced) else self.document.where("seeds")
            self.mistakes.add(place, error.message, error.hint)
            return (0,)
