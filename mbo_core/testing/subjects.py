"""Everything to check in a plugin: itself, its recipes, its stages, its tasks, and mixes that run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from mbo_core.errors import MboError, RecipeError, nearest
from mbo_core.plugins.discovery import Method, Plugin
from mbo_core.plugins.registry import Registry
from mbo_core.recipes.layers import lineage
from mbo_core.recipes.recipe import Recipe
from mbo_core.recipes.resolve import resolve
from mbo_core.recipes.words import DEFAULT_ENCODINGS
from mbo_core.stages.abilities import Ability
from mbo_core.tasks.space import Kind
from mbo_core.tasks.task import Task, TaskOffer
from mbo_core.testing.case import Inapplicable
from mbo_core.testing.mix import Mix
from mbo_core.testing.offered_stage import OfferedStage, Package
from mbo_core.testing.settings import assignments, settings
from mbo_core.testing.tiny_tasks import CANDIDATES


@dataclass(frozen=True)
class Shipped:
    """A recipe that ships with the plugin."""

    method: Method
    package: Package

    @property
    def label(self) -> str:
        """E.g. `method coms`."""
        return f"method {self.method.name}"

    @property
    def registry(self) -> Registry:
        """What is installed."""
        return self.package.registry

    @property
    def presets(self) -> tuple[str, ...]:
        """Its presets by name."""
        return tuple(lineage(self.method.document, self.registry).presets)

    def resolved(self, kind: Kind, preset: str | None) -> Recipe:
        """The recipe as shipped.

        Raises:
            RecipeError: if it does not fit the kind of task.
        """
        return resolve(self.method.document, self.registry, kind=kind, preset=preset)

    def mix(self, kind: Kind, preset: str | None) -> Mix:
        """The recipe made small.

        Raises:
            RecipeError: if it does not fit the kind of task.
        """
        sets = assignments(self.method.path, self.registry, kind, preset, CANDIDATES, self.package.known)
        recipe = resolve(self.method.document, self.registry, kind=kind, preset=preset, sets=sets)
        return Mix(f"{self.label}, {kind}{f', preset {preset}' if preset else ''}", "method", kind, recipe)


@dataclass(frozen=True)
class OfferedTask:
    """A task that the plugin offers."""

    offer: TaskOffer

    @property
    def label(self) -> str:
        """E.g. `task TFBind8-Exact-v0`."""
        return f"task {self.offer.name}"

    @cached_property
    def task(self) -> Task:
        """The task, loaded once.

        Raises:
            Inapplicable: if it is not ready here.
        """
        unready = self.offer.unready()
        if unready is not None:
            raise Inapplicable(f"not ready here: {unready}")
        return self.offer.loaded()


@dataclass(frozen=True, eq=False)
class Subjects:
    """Everything to check in a plugin, by subject."""

    whole: Package

    @property
    def package(self) -> list[Package]:
        """The plugin itself."""
        return [self.whole]

    @cached_property
    def methods(self) -> list[Shipped]:
        """Its recipes."""
        found = self.whole.registry.methods.values()
        return [Shipped(method, self.whole) for method in found if self._own(method.plugin)]

    @cached_property
    def stages(self) -> list[OfferedStage]:
        """Its stages."""
        found = self.whole.registry.loaded().items()
        return [OfferedStage(role, one.value, self.whole) for (role, _), one in found if self._own(one.plugin)]

    @cached_property
    def tasks(self) -> list[OfferedTask]:
        """Its tasks."""
        return [OfferedTask(one.value) for one in self.whole.registry.tasks.values() if self._own(one.plugin)]

    @property
    def mixable(self) -> list[Shipped | OfferedStage]:
        """Recipes and stages that can be run."""
        return [*self.methods, *self.stages]

    @cached_property
    def mixes(self) -> list[Mix]:
        """Each recipe, and each stage with its partners, for the kinds of task that it fits."""
        return [mix for one in self.mixable for kind in DEFAULT_ENCODINGS for mix in _fitting(one, kind)]

    @cached_property
    def presets(self) -> list[Mix]:
        """The presets of the recipes, for the kinds of task that they fit."""
        named = [(one, kind, preset) for one in self.methods for kind in DEFAULT_ENCODINGS for preset in _presets(one)]
        return [mix for one, kind, preset in named for mix in _fitting(one, kind, preset)]

    @property
    def everything_that_runs(self) -> list[Mix]:
        """Mixes and presets."""
        return [*self.mixes, *self.presets]

    @property
    def bound(self) -> list[Mix]:
        """Recipes, and updates with their partners, on a space with bounds, sums and levels."""
        return [mix for mix in self.mixes if mix.kind == "mixed" and mix.of in {"method", "update"}]

    @property
    def miners(self) -> list[Mix]:
        """Adversaries that move designs, on the same space."""
        return [mix for mix in self.adversaries if mix.kind == "mixed" and "designs" in mix.recipe.adversary.moves]

    @property
    def learners(self) -> list[Mix]:
        """Mixes whose proxy learns something."""
        return [mix for mix in self.mixes if "order" in mix.recipe.proxy.abilities]

    @property
    def adversaries(self) -> list[Mix]:
        """The plugin's adversaries with their partners."""
        return self._of("adversary")

    @property
    def updates(self) -> list[Mix]:
        """The plugin's updates with their partners."""
        return self._of("update")

    @property
    def objectives(self) -> list[Mix]:
        """The plugin's objectives, each climbed by a reference update."""
        return self._of("objective")

    @property
    def encodings(self) -> list[Mix]:
        """The plugin's encodings with their partners."""
        return self._of("encoding")

    @property
    def evaluators(self) -> list[Mix]:
        """The plugin's evaluations with their partners."""
        return self._of("evaluation")

    def able(self, ability: Ability) -> list[Mix]:
        """The plugin's proxies with an ability, trained without an adversary."""
        return [mix for mix in self._of("proxy") if ability in mix.recipe.proxy.abilities and mix.plain]

    def _of(self, role: str) -> list[Mix]:
        return [mix for mix in self.mixes if mix.of == role]

    def _own(self, plugin: Plugin) -> bool:
        return plugin.name == self.whole.plugin.name


def subjects(plugin: str, registry: Registry) -> Subjects:
    """Everything to check in a plugin.

    Raises:
        RecipeError: if it is not installed, with the nearest known name.
    """
    found = {one.name: one for one in registry.plugins}
    if plugin not in found:
        raise RecipeError(f'unknown plugin "{plugin}"', nearest(plugin, found))
    return Subjects(Package(found[plugin], registry, settings(found[plugin], registry)))


def _presets(shipped: Shipped) -> tuple[str, ...]:
    try:
        return shipped.presets
    except MboError:
        # The check `recipe-resolves` reports a recipe that cannot be read.
        return ()


def _fitting(one: Shipped | OfferedStage, kind: Kind, preset: str | None = None) -> list[Mix]:
    try:
        return [one.mix(kind, preset)] if isinstance(one, Shipped) else one.mixes(kind)
    except MboError:
        # The checks `fits` and `recipe-resolves` report refusals.
        return []
