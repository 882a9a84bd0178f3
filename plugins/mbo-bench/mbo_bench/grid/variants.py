"""What a grid runs: methods with their settings, and mixes of stages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from mbo_core.errors import Mistakes, RecipeError, matching, nearest
from mbo_core.plugins.registry import Registry
from mbo_core.recipes.layers import find
from mbo_core.toml import Document, Sourced, Table, subtable

CROSSED = {"proxies": "proxy", "adversaries": "adversary", "updates": "update"}
"""The lists of `[cross]`, and the role of their stages."""
NONE = "none"


@dataclass(frozen=True)
class Variant:
    """A recipe with its settings, under the name it has in tables.

    Attributes:
        label: that name.
        document: the recipe.
        preset: a preset of it, or None.
        sets: `role.option=VALUE` assignments.
        where: where the grid names it.
        parts: the stages of a mix, by role; empty for a method.
    """

    label: str
    document: Document
    preset: str | None
    sets: tuple[str, ...]
    where: str
    parts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Named:
    """A method or a recipe's file as a grid names it.

    Attributes:
        recipe: its name or path.
        label: the name in tables; by default that of the recipe.
        preset: a preset, or None.
        sets: assignments.
        where: where the grid names it.
    """

    recipe: str
    label: str
    preset: str | None
    sets: tuple[str, ...]
    where: str

    def variant(self, folder: Path, registry: Registry, mistakes: Mistakes) -> Variant | None:
        """Find the recipe; a mistake if there is none."""
        try:
            document = _found(self.recipe, folder, registry)
        except RecipeError as error:
            mistakes.add(self.where, error.message, error.hint)
            return None
        return Variant(self.label or document.name, document, self.preset, self.sets, self.where)


def _found(recipe: str, folder: Path, registry: Registry) -> Document:
    """A method by name, else a file beside the grid."""
    method = matching(recipe, registry.methods)
    return find(method or (str(folder / recipe) if recipe.endswith(".toml") else recipe), registry)


@dataclass(frozen=True)
class Cross:
    """Every proxy with every adversary and every update.

    Attributes:
        stages: for each role, the names with the place where they are written.
        options: by role and stage, the options that differ from the defaults.
        encoding: the encoding of all, or None for that of the kind of task.
        sets: assignments for all.
        where: where the grid has it.
    """

    stages: dict[str, list[Sourced]]
    options: Table
    encoding: Sourced | None
    sets: tuple[str, ...]
    where: str

    def variants(self, registry: Registry, mistakes: Mistakes) -> Iterator[Variant]:
        """All mixes, fitting or not; unknown stages are mistakes."""
        before = len(mistakes.found)
        known = {role: [_stage(role, one, registry, mistakes) for one in ones] for role, ones in self.stages.items()}
        if self.encoding is not None:
            _stage("encoding", self.encoding, registry, mistakes)
        self._check_options(known, mistakes)
        if len(mistakes.found) > before:
            return
        for chosen in product(*known.values()):
            yield self._mix(dict(zip(known, chosen, strict=True)))

    def _check_options(self, known: dict[str, list[Sourced]], mistakes: Mistakes) -> None:
        for role, stages in self.options.items():
            names = [str(one.value) for one in known.get(role, [])]
            for name, options in stages.items() if isinstance(stages, dict) else ():
                if name not in names:
                    place = _place(options) or self.where
                    mistakes.add(
                        place, f'cross.{role} has options of "{name}", which is not crossed', nearest(name, names)
                    )

    def _mix(self, chosen: dict[str, Sourced]) -> Variant:
        label = "/".join(str(one.value) for one in chosen.values())
        tables: Table = {
            role: {"use": name, **subtable(subtable(self.options, role), str(name.value))}
            for role, name in chosen.items()
        }
        if self.encoding is not None:
            tables["encoding"] = {"use": self.encoding}
        document = Document(label, {"method": {"name": Sourced(label, self.where)}, **tables})
        parts = tuple((role, str(name.value)) for role, name in chosen.items())
        return Variant(label, document, None, self.sets, self.where, parts)


def _stage(role: str, name: Sourced, registry: Registry, mistakes: Mistakes) -> Sourced:
    """The stage under the name that it is registered by."""
    known = [stage for of, stage in registry.stages if of == role]
    found = matching(str(name.value), known)
    if found is None:
        mistakes.add(name.where, f'unknown {role} "{name.value}"', nearest(str(name.value), known))
    return name._replace(value=found or name.value)


def _place(table: Table | Sourced) -> str:
    """Where the first value of a table is written."""
    if isinstance(table, Sourced):
        return table.where
    return next((_place(one) for one in table.values()), "")
