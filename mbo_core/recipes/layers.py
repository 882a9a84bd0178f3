"""A recipe's layers, and the order in which they override each other. This module does not import torch.

Later layers override earlier ones. First come the base, `when.<kind>` and `when.<task>` of the oldest parent (named by
`extends`), then those of its child, and so on down to the recipe. Then come the presets in the same order, each with
its own `when`, and `--set` last. `when.<task>` also applies to `prefix:<task>`.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mbo_core.errors import RecipeError, matching
from mbo_core.plugins.requirements import may_offer
from mbo_core.recipes.words import DEFAULT_ENCODINGS, DEFAULT_STAGES, ROLES
from mbo_core.toml import Document, Sourced, Table, assignment, leaves, merge, numbered, plain, read, subtable

if TYPE_CHECKING:
    from mbo_core.plugins.registry import Registry
    from mbo_core.tasks.space import Kind


_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def find(name: str | Path, registry: Registry) -> Document:
    """A recipe's document: a method by name, else a file or a run's folder (write ./coms for a folder called coms).

    Raises:
        RecipeError: for an unknown recipe, with the nearest known name.
    """
    if matching(str(name), registry.methods):
        return registry.method(str(name)).document
    path = Path(name)
    # os.path, because pathlib raises for a name that is too long or in a locked folder.
    if os.path.isdir(path):
        if not os.path.exists(path / "recipe.toml"):
            raise RecipeError(f"{path} is a folder without a recipe.toml", "name a file, a run's folder or a method")
        path = path / "recipe.toml"
    if path.suffix == ".toml" or os.path.isfile(path) or _URL.match(str(name)):
        return _read(str(name), path)
    return registry.method(str(name)).document


def _read(name: str, path: Path) -> Document:
    if _URL.match(name):
        raise RecipeError(f"{name} is a URL", "download the recipe, read it, and name its file")
    document = read(path)
    if not document.table:
        raise RecipeError(f"the recipe {path} is empty", 'start from a method, e.g. with extends = "coms"')
    return document


@dataclass(frozen=True)
class Lineage:
    """A recipe with its parents.

    Attributes:
        documents: the oldest first, the recipe itself last.
    """

    documents: tuple[Document, ...]

    @property
    def recipe(self) -> Document:
        """The recipe itself."""
        return self.documents[-1]

    @property
    def presets(self) -> Table:
        """All presets by name, merged over the documents."""
        return reduce(merge, (subtable(one.table, "preset") for one in self.documents), {})

    def where(self, *keys: str) -> str:
        """File and line of a table, in the recipe or in the parent it is inherited from."""
        holding = [one for one in self.documents if keys[:1] in one.lines]
        return (holding or self.documents)[-1].where(*keys)

    def about(self) -> dict[str, Any]:
        """The table `[method]`. Nothing in it is inherited, as a changed method is a different method."""
        return {"name": self.recipe.name, **plain(subtable(self.recipe.table, "method"))}


def lineage(document: Document, registry: Registry) -> Lineage:
    """A recipe with all its parents.

    Raises:
        RecipeError: for an unknown parent, or a circular `extends`.
    """
    documents = [document]
    while "extends" in documents[0].table:
        parent = _parent(documents[0], registry)
        documents.insert(0, parent)
        if any(_same(parent, other) for other in documents[1:]):
            names = " -> ".join(one.path.name if one.path else one.name for one in reversed(documents))
            raise RecipeError(f"{documents[1].where('extends')}: circular extends: {names}")
    return Lineage(tuple(documents))


def _same(one: Document, other: Document) -> bool:
    return one.path is not None and other.path is not None and one.path.resolve() == other.path.resolve()


def _parent(document: Document, registry: Registry) -> Document:
    named = document.table["extends"]
    where = document.where("extends")
    if not isinstance(named, Sourced) or not isinstance(named.value, str):
        raise RecipeError(f"{where}: extends must name one method or file")
    try:
        if not named.value.endswith(".toml"):
            return _method(named.value, document, registry)
        beside = document.path.parent / named.value if document.path else Path(named.value)
        _stay_inside(document, beside, registry)
        return _read(named.value, beside)
    except RecipeError as error:
        raise RecipeError(f"{where}: {error.message}", error.hint) from error


def _method(name: str, document: Document, registry: Registry) -> Document:
    try:
        return registry.method(name).document
    except RecipeError as error:
        raise RecipeError(error.message, may_offer([document], registry) or error.hint) from error


def _stay_inside(document: Document, parent: Path, registry: Registry) -> None:
    home = shipped_in(document, registry)
    if home is not None and not parent.resolve().is_relative_to(home):
        hint = "name a method, or a file in the plugin's recipes folder"
        raise RecipeError(f"recipe of a plugin cannot extend {parent}", hint)


def shipped_in(document: Document, registry: Registry) -> Path | None:
    """The recipes folder of the plugin that ships a recipe, or None for a user's own recipe."""
    if document.path is None:
        return None
    path = document.path.resolve()
    folders = {method.path.parent for method in registry.methods.values()}
    return next((folder for folder in map(Path.resolve, folders) if path.is_relative_to(folder)), None)


def flatten(
    lineage: Lineage, kind: Kind, task: str | None = None, preset: str | None = None, sets: Sequence[str] = ()
) -> Table:
    """One table for each role, with the name of its stage.

    Args:
        lineage: the recipe and its parents.
        kind: of the task.
        task: its name.
        preset: the name of one of the lineage's presets.
        sets: `role.option=VALUE` assignments.

    Raises:
        RecipeError: for an invalid assignment in `sets`.
    """
    table: Table = {
        name: {"use": Sourced(use, "")} for name, use in {**DEFAULT_STAGES, "encoding": DEFAULT_ENCODINGS[kind]}.items()
    }
    grown: list[Table] = []
    number = count(1)
    for one in lineage.documents:
        for layer in _layers(one.table, kind, task):
            table = merge(table, numbered(layer, next(number)))
        grown.append(table)
    for one, own in zip(lineage.documents, grown, strict=True):
        for layer in _layers(subtable(subtable(one.table, "preset"), preset or ""), kind, task):
            table = merge(table, numbered(_for_kept_stages(layer, own, grown[-1]), next(number)))
    last = next(number)
    for given in sorted(map(assignment, sets), key=_precedence):
        table = merge(table, numbered(_roles(given), last))
    return table


def _layers(table: Table, kind: Kind, task: str | None) -> Iterator[Table]:
    """The roles of a table, then those of its `when` tables that apply."""
    when = subtable(table, "when")
    yield _roles(table)
    yield _roles(subtable(when, kind))
    for name in _names(task or ""):
        yield _roles(subtable(when, name))


def _names(task: str) -> Sequence[str]:
    """The names by which `when` matches a task, the most specific last: `prefix:NAME` is a version of NAME.

    >>> _names("design_bench:TFBind8-Exact-v0")
    ('TFBind8-Exact-v0', 'design_bench:TFBind8-Exact-v0')
    """
    _, colon, name = task.partition(":")
    return (name, task) if colon else (task,)


def _roles(layer: Table) -> Table:
    return {key: value for key, value in layer.items() if key in ROLES and isinstance(value, dict)}


def _for_kept_stages(preset: Table, before: Table, after: Table) -> Table:
    """A preset without the settings for stages that a child has replaced."""
    kept: Table = {}
    for key, value in preset.items():
        old, new = subtable(before, key), subtable(after, key)
        if isinstance(value, dict) and _use(value) in (None, _use(old)):
            if _use(old) != _use(new):
                continue
            value = _for_kept_stages(value, old, new)
        kept[key] = value
    return kept


def _use(table: Table) -> Any:
    return plain(table.get("use", Sourced(None, "")))


def named_stages(table: Table) -> dict[tuple[str, ...], str]:
    """The names of all stages of a flat table, including inner ones, by their path."""
    return {keys[:-1]: str(value.value).casefold() for keys, value in leaves(table) if keys[-1] == "use"}


def _precedence(given: Table) -> float:
    """The order of assignments: outer stages, then inner ones, then options, as a new name resets the options."""
    return min((len(keys) for keys, _ in leaves(given) if keys[-1] == "use"), default=math.inf)
