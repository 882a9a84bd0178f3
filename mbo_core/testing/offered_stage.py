"""A stage that a plugin offers, combined with reference partners."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any, cast

import tomli_w

from mbo_core.errors import Mistakes, RecipeError
from mbo_core.plugins.discovery import Plugin
from mbo_core.plugins.registry import Registry
from mbo_core.recipes.builder import Builder
from mbo_core.recipes.fit import check
from mbo_core.recipes.layers import Lineage
from mbo_core.recipes.mixes import inner_roles
from mbo_core.recipes.recipe import Recipe
from mbo_core.stages.baselines import NoAdversary, NoUpdate
from mbo_core.stages.columns import Columns
from mbo_core.stages.contracts import Encoding, Proxy, Stage
from mbo_core.stages.encodings import OneHot, SoftLogits, Standardised
from mbo_core.stages.options import options
from mbo_core.stages.oracle import OracleEvaluation
from mbo_core.tasks.space import Kind
from mbo_core.testing.mix import Mix
from mbo_core.testing.reference_stages import SHIFTS, AbleProxy, Climb, KeepBetter
from mbo_core.testing.settings import Settings, Small, listed, shrunk
from mbo_core.testing.tiny_tasks import CANDIDATES
from mbo_core.toml import parse, subtable

PLAIN: Mapping[Kind, tuple[Encoding, ...]] = {
    "continuous": (Standardised(),),
    "discrete": (SoftLogits(), OneHot()),
    "mixed": (Columns(),),
}
"""The encodings for stages that are checked by themselves; the first that fits is used."""


@dataclass(frozen=True)
class Package:
    """The plugin itself."""

    plugin: Plugin
    registry: Registry
    settings: Settings

    @cached_property
    def known(self) -> Small:
        """The small options of all installed stages."""
        return listed(self.registry)

    @property
    def label(self) -> str:
        """The plugin's name."""
        return self.plugin.name


@dataclass(frozen=True)
class OfferedStage:
    """A stage that the plugin offers, and the partners with which it is checked."""

    role: str
    stage: type[Stage]
    package: Package

    @property
    def label(self) -> str:
        """E.g. `proxy conservative`."""
        return f"{self.role} {self.stage.name}"

    def made(self, options: Mapping[str, Any], partners: Mapping[str, Stage | None], kind: Kind) -> Stage:
        """The stage with options as in a recipe, by way of a recipe's text.

        Raises:
            RecipeError: with all mistakes.
        """
        text = tomli_w.dumps({self.role: {"use": self.stage.name, **options}})
        document, mistakes = parse(text, self.label), Mistakes()
        builder = Builder(self.package.registry, Lineage((document,)), mistakes, kind)
        made = builder.stage(self.role, self.role, subtable(document.table, self.role), partners)
        mistakes.raise_if_any()
        return cast(Stage, made)

    def of(self, recipe: Recipe) -> Stage:
        """The stage in a recipe that `mixes` made."""
        if self.role == "objective":
            return cast(Climb, recipe.update).objective
        return recipe.stages()[self.role]

    def small(self, partners: Mapping[str, Stage | None], kind: Kind) -> Stage:
        """The stage with its small options; an inner stage that they do not name is the plugin's first that fits.

        Raises:
            RecipeError: with all mistakes.
        """
        refusals = [RecipeError("this plugin offers no inner stage for it", 'name one under [small] with "use"')]
        for table in self._tables():
            try:
                return self.made(table, partners, kind)
            except RecipeError as error:
                refusals.append(error)
        raise refusals[-1]

    def _tables(self) -> Iterator[dict[str, Any]]:
        registry, known = self.package.registry, self.package.known
        own = [one for one, offered in registry.stages.items() if offered.plugin.name == self.package.plugin.name]
        named = known.get((self.role, self.stage.name), {})
        fillings: list[dict[str, Any]] = [{}]
        for name, role in inner_roles(self.stage).items():
            if name in named or options(self.stage)[name].default is not None:
                continue
            uses = [use for of, use in own if of == role and use != self.stage.name]
            fillings = [{**filling, name: {"use": use}} for filling in fillings for use in uses]
        for filling in fillings:
            yield shrunk(self.role, {"use": self.stage.name, **filling}, known, registry, CANDIDATES)

    def mixes(self, kind: Kind) -> list[Mix]:
        """The stage with each of its partners.

        Raises:
            RecipeError: if it does not fit the kind of task.
        """
        return [self._mix(kind, suffix, partners) for suffix, partners in self._partners()]

    def _partners(self) -> list[tuple[str, dict[str, type[Stage]]]]:
        if self.role == "objective":
            return [("", {"update": Climb})]
        if self.role != "proxy":
            return [("", {})]
        proxy = cast("type[Proxy]", self.stage)
        judged = KeepBetter if "order" in proxy.abilities else NoUpdate
        climbed = Climb if "gradients" in proxy.abilities else judged
        moved: list[tuple[str, dict[str, type[Stage]]]] = [
            (f", {moves} moved", {"adversary": SHIFTS[moves], "update": judged})
            for moves in sorted(proxy.trains_against)
        ]
        return [("", {"update": climbed}), *moved]

    @property
    def _proxies(self) -> list[type[Stage]]:
        """For an update: a proxy with every ability of the core, then the plugin's own, with those that it adds."""
        loaded = self.package.registry.loaded("proxy").values() if self.role == "update" else ()
        own = [offered.value for offered in loaded if offered.plugin.name == self.package.plugin.name]
        return [AbleProxy, *own]

    def _mix(self, kind: Kind, suffix: str, partners: Mapping[str, type[Stage]]) -> Mix:
        refusals: list[RecipeError] = []
        for encoding, proxy in product(PLAIN[kind], self._proxies):
            try:
                recipe = self._recipe(encoding, {"proxy": proxy, **partners}, kind)
                mistakes = Mistakes()
                check(recipe, kind, self.package.registry, mistakes)
                mistakes.raise_if_any()
                return Mix(f"{self.label}, {kind}{suffix}", self.role, kind, recipe)
            except RecipeError as error:
                refusals.append(error)
        raise refusals[0]

    def _recipe(self, encoding: Encoding, partners: Mapping[str, type[Stage]], kind: Kind) -> Recipe:
        stages: dict[str, Any] = {"encoding": encoding}
        if self.role in {"encoding", "objective"}:
            stages[self.role] = self.small({}, kind)
        for role, default in (("adversary", NoAdversary), ("proxy", AbleProxy), ("update", KeepBetter)):
            stages[role] = self._stage(role, partners.get(role, default), stages, kind)
        stages["evaluation"] = self._stage("evaluation", OracleEvaluation, stages, kind)
        stages.pop("objective", None)
        return Recipe(name=self.label, about={}, published={}, preset=None, **stages)

    def _stage(self, role: str, default: type[Stage], stages: Mapping[str, Stage], kind: Kind) -> Stage:
        if role == self.role:
            return self.small(stages, kind)
        known = options(default)
        held = {name: option.default for name, option in known.items() if option.stage is not None}
        values: dict[str, Any] = {name: stages.get(name, own) for name, own in held.items()}
        small = self.package.known.get((role, default.name), {}) if default is not AbleProxy else {}
        return default(**values, **small, **({"candidates": CANDIDATES} if "candidates" in known else {}))
