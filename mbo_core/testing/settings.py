"""`conformance.toml`: a plugin's small options and waivers, and the small options of all installed stages."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mbo_core.errors import Mistakes, RecipeError, nearest
from mbo_core.plugins.discovery import Plugin, home
from mbo_core.plugins.registry import Registry
from mbo_core.plugins.validation import role_of
from mbo_core.recipes.builder import location
from mbo_core.recipes.layers import find, flatten, lineage
from mbo_core.recipes.mixes import inner_roles
from mbo_core.recipes.words import ROLES
from mbo_core.stages.contracts import Stage
from mbo_core.stages.options import Option, Refused, convert, options
from mbo_core.tasks.space import Kind
from mbo_core.toml import Document, Sourced, Table, plain, read, subtable

FILE = "conformance.toml"
TABLES = ("small", "waived")

Small = dict[tuple[str, str], dict[str, Any]]
"""Options that make a stage fast, by its role and name."""


@dataclass(frozen=True)
class Settings:
    """The content of a plugin's `conformance.toml`; empty if it has none.

    Attributes:
        document: the file.
        mistakes: the mistakes in it.
        small: options that make the plugin's stages fast enough to be checked in seconds.
        waived: why a check may fail, by `check` or `check: subject`.
    """

    document: Document
    mistakes: Mistakes = field(default_factory=Mistakes)
    small: Small = field(default_factory=dict)
    waived: dict[str, str] = field(default_factory=dict)


def settings(plugin: Plugin, registry: Registry) -> Settings:
    """Read a plugin's file; its mistakes are collected, and the rest is used."""
    try:
        document = _document(plugin)
    except RecipeError as error:
        found = Settings(Document(FILE, {}))
        found.mistakes.add("", error.message, error.hint)
        return found
    found = Settings(document)
    for key, value in document.table.items():
        if key not in TABLES or not isinstance(value, dict):
            found.mistakes.add(location(value), f'unknown table "{key}" in {FILE}', nearest(key, TABLES))
    own = {name for name, offered in registry.stages.items() if offered.plugin.name == plugin.name}
    for role, stages in _tables(subtable(document.table, "small"), {role for role, _ in own}, "role", found):
        for name, table in _tables(stages, {name for of, name in own if of == role}, role, found):
            found.small[role, name] = _options(registry.stage(role, name), table, found.mistakes)
    _waivers(subtable(document.table, "waived"), found)
    return found


def _document(plugin: Plugin) -> Document:
    paths = [path for folder in home(plugin) for path in folder.glob(FILE)]
    return read(paths[0]) if paths else Document(FILE, {})


def _tables(table: Table, known: Collection[str], what: str, found: Settings) -> Iterator[tuple[str, Table]]:
    for name, value in table.items():
        if name not in known or not isinstance(value, dict):
            fact = f'this plugin offers no {what} "{name}"'
            found.mistakes.add(location(value), fact, nearest(name, known))
        else:
            yield name, value


def _options(stage: type[Stage], table: Table, mistakes: Mistakes) -> dict[str, Any]:
    known = options(stage)
    for name, value in table.items():
        if name not in known or name in ROLES:
            fact = f'{role_of(stage)} "{stage.name}" has no option "{name}"'
            mistakes.add(location(value), fact, nearest(name, set(known) - set(ROLES)))
        elif refusal := _refusal(known[name], value):
            mistakes.add(location(value), f"{name} {refusal}")
    return {name: plain(value) for name, value in table.items() if name in known and name not in ROLES}


def _refusal(option: Option, value: Table | Sourced) -> str | None:
    if option.stage is not None:
        only = isinstance(value, dict) and set(value) == {"use"}
        return None if only else "holds a stage: give `use` alone; its options go to its own table"
    try:
        convert(option, plain(value))
    except Refused as refusal:
        return str(refusal)
    return None


def _waivers(table: Table, found: Settings) -> None:
    for name, value in table.items():
        reason = plain(value)
        if not isinstance(reason, str) or not reason.strip():
            found.mistakes.add(location(value), f'the waiver "{name}" has no reason', "state why the check may fail")
        else:
            found.waived[name] = reason


def small(registry: Registry) -> Small:
    """The small options of all installed stages, with those of their inner stages."""
    given = listed(registry)
    tables = {(role, name): shrunk(role, {"use": name}, given, registry) for role, name in given}
    return {stage: {name: value for name, value in table.items() if name != "use"} for stage, table in tables.items()}


def listed(registry: Registry) -> Small:
    """The small options as written in each plugin's `conformance.toml`."""
    return {name: table for plugin in registry.plugins for name, table in settings(plugin, registry).small.items()}


def assignments(
    recipe: str | Path,
    registry: Registry,
    kind: Kind,
    preset: str | None = None,
    candidates: int | None = None,
    known: Small | None = None,
) -> list[str]:
    """The `--set` assignments that make a recipe fast on a kind of task, e.g. `proxy.epochs=1`.

    Args:
        recipe: a method's name or a file.
        registry: what is installed.
        kind: of the task.
        preset: of the recipe.
        candidates: the number of designs of each search; by default the recipe's.
        known: the small options of all stages, if they have been read.
    """
    table = plain(flatten(lineage(find(recipe, registry), registry), kind, preset=preset))
    found = listed(registry) if known is None else known
    return [
        f"{role}.{line}" for role in ROLES for line in _lines(shrunk(role, table[role], found, registry, candidates))
    ]


def _lines(table: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _lines(value, f"{path}{name}.")
        elif name != "use":
            # What JSON writes of numbers, words and lists is TOML too.
            yield f"{path}{name}={json.dumps(value)}"


def shrunk(
    role: str, table: Mapping[str, Any], known: Small, registry: Registry, candidates: int | None = None
) -> dict[str, Any]:
    """What a recipe's table for a stage, and for the stages inside it, becomes when only `use` and small options stand.

    Args:
        role: of the stage.
        table: names it with `use`, and may name those inside it.
        known: the small options of all stages, which may name a stage inside one too.
        registry: what is installed.
        candidates: the number of designs of a search whose small options do not set it.

    Raises:
        RecipeError: for an unknown stage.
    """
    stage = registry.stage(role, table["use"])
    made: dict[str, Any] = {"use": table["use"]}
    if candidates is not None and "candidates" in options(stage):
        made["candidates"] = candidates
    made.update(known.get((role, table["use"]), {}))
    for option, inner in inner_roles(stage).items():
        named = {**made.pop(option, {}), **table.get(option, {})}
        if "use" in named:
            made[option] = shrunk(inner, named, known, registry, candidates)
    return made
