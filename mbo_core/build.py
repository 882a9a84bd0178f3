"""The resolved recipe: one part for each stage, built from tables and checked to fit each other."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import tomli_w

from mbo_core.document import Sourced, Table, subtable
from mbo_core.errors import Mistakes, RecipeError, nearest
from mbo_core.layers import ABOUT, SECTIONS, Family
from mbo_core.offers import kind_of
from mbo_core.options import Option, Refused, convert, options, to_toml
from mbo_core.plugins import Registry
from mbo_core.requires import may_offer
from mbo_core.stages import Adversary, Encoding, Evaluator, Proxy, Stage, Update
from mbo_core.task import Kind


@dataclass(frozen=True)
class Recipe:
    """A resolved recipe: one part for each stage, checked to fit each other.

    Attributes:
        name: the method's name.
        about: the table `[method]`.
        published: scores that the paper or its code report, by task: `{"100th": [mean, std], ...}`.
        preset: the preset that was laid over the published constants, or None.
    """

    name: str
    about: Mapping[str, Any]
    published: Mapping[str, Any]
    preset: str | None
    encoding: Encoding
    adversary: Adversary
    proxy: Proxy
    update: Update
    evaluation: Evaluator

    def stages(self) -> dict[str, Stage]:
        """The five parts by section."""
        return {section: getattr(self, section) for section in SECTIONS}

    def to_toml(self, run: Mapping[str, Any]) -> str:
        """The recipe with every option written out, and what to run it on; reading it back gives the same."""
        about = {key: value for key, value in self.about.items() if key in ABOUT}
        tables: dict[str, Any] = {"method": {**about, "name": self.name}}
        if self.published:
            tables["published"] = dict(self.published)
        if run:
            tables["run"] = to_toml(run)
        tables.update({section: written(stage) for section, stage in self.stages().items()})
        return tomli_w.dumps(tables)


def written(stage: Stage) -> dict[str, Any]:
    """A stage as its TOML table; the recipe's own adversary and proxy are written in their sections only."""
    table: dict[str, Any] = {"use": stage.name}
    for option in options(type(stage)).values():
        value = getattr(stage, option.name)
        if option.stage is None:
            table.update(to_toml({option.name: value}))
        elif option.name not in SECTIONS:
            table[option.name] = written(value)
    return table


@dataclass
class Builder:
    """Makes stages of tables, noting what is wrong.

    Attributes:
        registry: what is installed.
        family: the recipe, to tell where it says what.
        mistakes: takes what is wrong.
    """

    registry: Registry
    family: Family
    mistakes: Mistakes

    def parts(self, table: Table) -> dict[str, Stage | None]:
        """The five parts; None for one that could not be made."""
        made: dict[str, Stage | None] = {}
        for section in SECTIONS:
            made[section] = self.stage(section, section, subtable(table, section), made)
        return made

    def stage(self, kind: str, path: str, table: Table, made: Mapping[str, Stage | None]) -> Stage | None:
        """One stage from its table."""
        use = table.get("use")
        name = use.value if isinstance(use, Sourced) else None
        where = self.family.where(*path.split(".")) if use is None else first_where(use)
        if not isinstance(name, str):
            self.mistakes.add(where, f"{path} names no stage", f'write use = "..." in [{path}]')
            return None
        try:
            stage = self.registry.stage(kind, name)
        except RecipeError as error:
            self.mistakes.add(where, error.message, may_offer(self.family.documents, self.registry) or error.hint)
            return None
        return self._construct(stage, path, table, made)

    def _construct(self, stage: type[Stage], path: str, table: Table, made: Mapping[str, Stage | None]) -> Stage | None:
        known = options(stage)
        before = len(self.mistakes.found)
        values = {option.name: self._inner(option, path, table, made) for option in known.values() if option.stage}
        for key, value in table.items():
            if key == "use":
                continue
            if key not in known or key in SECTIONS:
                fact = f'{path} "{stage.name}" has no option "{key}"'
                self.mistakes.add(first_where(value), fact, nearest(key, set(known) - set(SECTIONS)))
            elif known[key].stage is None:
                self._option(known[key], path, value, values)
        if len(self.mistakes.found) > before or None in values.values():
            return None
        try:
            return stage(**values)
        except ValueError as error:
            self._misfit(error, stage, path, table)
            return None

    def _misfit(self, error: ValueError, stage: type[Stage], path: str, table: Table) -> None:
        """Note what a stage says against its options together, where one that it names as `option=value` stands."""
        known = options(stage)
        named = [name for name in dict.fromkeys(re.findall(r"(\w+)=", str(error))) if name in known]
        places = [first_where(table[name]) for name in named if name in table]
        # One that was given on the command line is the likelier to be mistaken.
        places.sort(key=lambda place: not place.startswith("--set"))
        where = places[0] if places else self.family.where(*path.split("."))
        hint = "; ".join(f"{name}: {known[name].limits.doc}" for name in named)
        self.mistakes.add(where, f'{path} "{stage.name}": {error}', hint or None)

    def _inner(self, option: Option, path: str, table: Table, made: Mapping[str, Stage | None]) -> Stage | None:
        if option.name in made:
            return made[option.name]
        kind = kind_of(cast("type[Stage]", option.stage))
        return self.stage(kind, f"{path}.{option.name}", subtable(table, option.name), made)

    def _option(self, option: Option, path: str, value: Table | Sourced, values: dict[str, Any]) -> None:
        if isinstance(value, dict):
            self.mistakes.add(first_where(value), f"{path}.{option.name} is {option.type_name}, not a table")
            return
        try:
            values[option.name] = convert(option, value.value)
        except Refused as refusal:
            self.mistakes.add(value.where, f"{path}.{option.name} {refusal}", option.limits.doc or None)


def first_where(value: Table | Sourced) -> str:
    """Where the first value of a table was written."""
    while isinstance(value, dict):
        if not value:
            return ""
        value = next(iter(value.values()))
    return value.where


def check(recipe: Recipe, kind: Kind, registry: Registry, mistakes: Mistakes) -> None:
    """Note every way in which the parts do not fit each other or the kind of task."""
    if kind not in recipe.encoding.designs:
        fits = _fitting(registry, "encoding", lambda stage: kind in cast("type[Encoding]", stage).designs)
        mistakes.add("", f'encoding "{recipe.encoding.name}" cannot encode {kind} designs', fits)
    for stage in all_parts(recipe):
        if recipe.encoding.values not in stage.accepts:
            fact = f'{kind_of(type(stage))} "{stage.name}" does not work on {recipe.encoding.values} vectors'
            mistakes.add("", fact, f"it works on {', '.join(sorted(stage.accepts))}")
        if isinstance(stage, Update):
            _check_abilities(stage, recipe.proxy, registry, mistakes)
    _check_moves(recipe, registry, mistakes)


def _check_abilities(update: Update, proxy: Proxy, registry: Registry, mistakes: Mistakes) -> None:
    lacking = update.needs - proxy.abilities
    if lacking:
        fits = _fitting(registry, "proxy", lambda stage: update.needs <= cast("type[Proxy]", stage).abilities)
        fact = f'update "{update.name}" needs a proxy with {_words(lacking)}, which "{proxy.name}" lacks'
        mistakes.add("", fact, fits)


def _check_moves(recipe: Recipe, registry: Registry, mistakes: Mistakes) -> None:
    adversary, proxy = recipe.adversary, recipe.proxy
    lacking = adversary.moves - proxy.withstands
    if lacking:
        fits = _fitting(registry, "proxy", lambda stage: adversary.moves <= cast("type[Proxy]", stage).withstands)
        fact = f'adversary "{adversary.name}" moves {_words(lacking)}, which proxy "{proxy.name}" does not withstand'
        mistakes.add("", fact, fits)


def all_parts(recipe: Recipe) -> list[Stage]:
    """The five parts and the stages inside them, each once."""
    found: list[Stage] = []
    waiting = [*recipe.stages().values()]
    while waiting:
        stage = waiting.pop(0)
        if stage not in found:
            found.append(stage)
            values = (getattr(stage, one.name) for one in dataclasses.fields(cast(Any, stage)))
            waiting.extend(value for value in values if isinstance(value, Stage))
    return found


def _fitting(registry: Registry, kind: str, fits: Any) -> str:
    names = [name for (of, name), offered in registry.stages.items() if of == kind and fits(offered.value)]
    return f"these fit: {', '.join(names)}" if names else f"no installed {kind} fits"


def _words(names: Iterable[str]) -> str:
    return " and ".join(f'"{name}"' for name in sorted(names))
