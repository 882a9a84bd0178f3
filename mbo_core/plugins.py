"""Find plugins, keep each from harming the others, and collect what they offer.

Methods are recipe files, found without importing a plugin, so that listing stays fast; stages and tasks need the
import, which is isolated: a plugin that fails is named with its reason, and the others work.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib.metadata import Distribution, EntryPoint, entry_points
from importlib.util import find_spec
from inspect import get_annotations
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import pluggy

from mbo_core import hookspecs
from mbo_core.document import Document, plain, read, subtable
from mbo_core.errors import MboError, RecipeError, nearest

if TYPE_CHECKING:
    from mbo_core.stages import Stage
    from mbo_core.task import TaskOffer

Status = Literal["ok", "broken"]


@dataclass
class Plugin:
    """A plugin as its distribution declares it."""

    name: str
    distribution: str
    version: str
    module: str
    status: Status = "ok"
    reason: str = ""


@dataclass(frozen=True)
class Method:
    """A recipe that ships with a plugin."""

    name: str
    path: Path
    plugin: Plugin

    @cached_property
    def document(self) -> Document:
        """Its text, parsed."""
        return read(self.path)

    @property
    def about(self) -> Mapping[str, Any]:
        """Its table `[method]`: name, summary, paper, deviations; what is wrong, if its file is not TOML."""
        try:
            table: Mapping[str, Any] = plain(subtable(self.document.table, "method"))
        except RecipeError as error:
            return {"summary": f"unreadable: {error.message}"}
        return table


@dataclass(frozen=True)
class Offered:
    """A stage or task with the plugin that offers it."""

    value: Any
    plugin: Plugin


class Core:
    """The core's own plugin; its hooks come last."""

    plugin = Plugin("core", "mbo-core", "", "mbo_core")


@dataclass
class Registry:
    """What is installed.

    Args:
        entry_points: the plugins' entry points, each with its distribution.
    """

    entry_points: Sequence[tuple[EntryPoint, Distribution]]
    plugins: list[Plugin] = field(init=False)
    _registered: dict[str, Plugin] = field(init=False, default_factory=lambda: {"core": Core.plugin})

    def __post_init__(self) -> None:
        self.plugins = [
            Plugin(point.name, distribution.name, distribution.version, point.value)
            for point, distribution in sorted(self.entry_points, key=lambda pair: pair[0].name)
        ]

    @cached_property
    def methods(self) -> dict[str, Method]:
        """All methods by name, in order, found without importing a plugin."""
        found: dict[str, Method] = {}
        for plugin in self.plugins:
            for path in _recipes(plugin):
                method = Method(path.stem, path, plugin)
                if method.name in found:
                    self._clash(plugin, f"method {method.name}", found[method.name].plugin)
                    continue
                found[method.name] = method
                try:
                    _ = method.document
                except RecipeError as error:
                    self._break(plugin, error.message)
        return dict(sorted(found.items()))

    def method(self, name: str) -> Method:
        """A method by name.

        Raises:
            RecipeError: with the nearest known name.
        """
        if name not in self.methods:
            raise RecipeError(f'there is no method "{name}"', nearest(name, self.methods))
        return self.methods[name]

    @cached_property
    def manager(self) -> pluggy.PluginManager:
        """The hooks, with all plugins that can be imported."""
        from mbo_core import stage_hooks

        manager = pluggy.PluginManager(hookspecs.PROJECT)
        manager.add_hookspecs(hookspecs)
        manager.register(stage_hooks, "core")
        for plugin in self.plugins:
            self._register(manager, plugin)
        return manager

    def _register(self, manager: pluggy.PluginManager, plugin: Plugin) -> None:
        try:
            if plugin.name in self._registered:
                raise MboError(f"{self._registered[plugin.name].distribution} has a plugin of that name already")
            module = importlib.import_module(plugin.module)
            _check_hooks(module, manager)
            manager.register(module, plugin.name)
            self._registered[plugin.name] = plugin
        except (Exception, SystemExit) as error:
            self._break(plugin, f"{type(error).__name__}: {error}")
            # Pluggy 1.5 keeps a plugin that it refuses.
            if plugin.name not in self._registered and manager.has_plugin(plugin.name):
                manager.unregister(name=plugin.name)

    @cached_property
    def stages(self) -> dict[tuple[str, str], Offered]:
        """All stage classes by (kind, name), e.g. `("proxy", "regression")`."""
        found: dict[tuple[str, str], Offered] = {}
        for plugin, classes in self._offers("mbo_stages"):
            for stage in classes:
                refusal = _refusal(stage)
                if refusal:
                    self._break(plugin, f"mbo_stages offers {stage!r}, which {refusal}")
                    continue
                self._add(found, (kind_of(stage), stage.name), Offered(stage, plugin))
        return dict(sorted(found.items()))

    @cached_property
    def tasks(self) -> dict[str, Offered]:
        """All tasks' offers by name."""
        from mbo_core.task import TaskOffer

        found: dict[str, Offered] = {}
        for plugin, offers in self._offers("mbo_tasks"):
            for offer in offers:
                if not isinstance(offer, TaskOffer):
                    self._break(plugin, f"mbo_tasks offers {offer!r}, which is not a TaskOffer")
                    continue
                self._add(found, offer.name, Offered(offer, plugin))
        return dict(sorted(found.items()))

    def _offers(self, hook: str) -> list[tuple[Plugin, Sequence[Any]]]:
        by_name = {**{plugin.name: plugin for plugin in self.plugins}, **self._registered}
        results: list[tuple[Plugin, Sequence[Any]]] = []
        implementations = getattr(self.manager.hook, hook).get_hookimpls()
        # The core first, so that no plugin takes a name away from it.
        for implementation in sorted(implementations, key=lambda one: (one.plugin_name != "core", one.plugin_name)):
            plugin = by_name[implementation.plugin_name]
            try:
                results.append((plugin, list(implementation.function())))
            except (Exception, SystemExit) as error:
                self._break(plugin, f"{hook} raised {type(error).__name__}: {error}")
        return results

    def _add(self, found: dict[Any, Offered], name: Any, offered: Offered) -> None:
        if name in found:
            label = " ".join(name) if isinstance(name, tuple) else f"task {name}"
            self._clash(offered.plugin, label, found[name].plugin)
            return
        found[name] = offered

    def _clash(self, plugin: Plugin, label: str, other: Plugin) -> None:
        self._break(plugin, f"offers {label}, which {other.distribution} {other.version} offers already")

    def _break(self, plugin: Plugin, reason: str) -> None:
        line = " ".join(reason.split())
        plugin.status, plugin.reason = "broken", f"{plugin.reason}; {line}" if plugin.reason else line

    def stage(self, kind: str, name: str) -> type[Stage]:
        """A stage class.

        Raises:
            RecipeError: with the nearest known name.
        """
        if (kind, name) not in self.stages:
            known = [stage for of, stage in self.stages if of == kind]
            raise RecipeError(f'there is no {kind} "{name}"', nearest(name, known))
        stage: type[Stage] = self.stages[kind, name].value
        return stage

    def task(self, name: str) -> TaskOffer:
        """A task's offer.

        Raises:
            RecipeError: with the nearest known name.
        """
        if name not in self.tasks:
            raise RecipeError(f'there is no task "{name}"', nearest(name, self.tasks))
        offer: TaskOffer = self.tasks[name].value
        return offer

    @property
    def complaints(self) -> list[str]:
        """One line for each plugin that is known not to work."""
        return [
            f"plugin {plugin.name} ({plugin.distribution} {plugin.version}) is {plugin.status}: {plugin.reason}"
            for plugin in self.plugins
            if plugin.status != "ok"
        ]


def kind_of(stage: type[Stage]) -> str:
    """The kind of a stage class: encoding, adversary, proxy, update or evaluation."""
    from mbo_core import stages

    kinds = {
        "encoding": stages.Encoding,
        "adversary": stages.Adversary,
        "proxy": stages.Proxy,
        "update": stages.Update,
        "evaluation": stages.Evaluator,
    }
    for kind, abstract in kinds.items():
        if issubclass(stage, abstract):
            return kind
    raise MboError(f"{stage.__name__} derives from none of {', '.join(kinds)}")


def _recipes(plugin: Plugin) -> list[Path]:
    try:
        spec = find_spec(plugin.module)
    except (Exception, SystemExit):
        # The package around a dotted module is imported here; what is wrong with it is said when stages are asked for.
        return []
    folders = spec.submodule_search_locations if spec else None
    return sorted(path for folder in folders or () for path in Path(folder, "recipes").glob("*.toml"))


def _check_hooks(module: ModuleType, manager: pluggy.PluginManager) -> None:
    """Pluggy accepts a misspelt hook silently; here it is an error."""
    specified = {name for name in vars(hookspecs) if name.startswith("mbo_")}
    for name in vars(module):
        implementation = manager.parse_hookimpl_opts(module, name)
        hook = implementation and (implementation.get("specname") or name)
        if hook and hook not in specified:
            raise MboError(f'there is no hook "{hook}"', nearest(hook, specified))


def _refusal(stage: Any) -> str | None:
    """Why recipes cannot use what a plugin offers as a stage, or None."""
    from mbo_core.options import options
    from mbo_core.stages import Stage

    if not (isinstance(stage, type) and issubclass(stage, Stage)):
        return "is not a stage class"
    declared = {
        name for base in stage.__mro__ for name, hint in get_annotations(base).items() if "ClassVar" in str(hint)
    }
    lacking = {name for name in declared if not hasattr(stage, name)} | set(stage.__abstractmethods__)
    if lacking:
        return f"lacks {', '.join(sorted(lacking))}"
    if "__dataclass_fields__" not in vars(stage):
        return "is not a dataclass"
    try:
        kind_of(stage)
        options(stage)
    except Exception as error:
        return f"cannot be read: {error}"
    return None


@lru_cache(maxsize=1)
def installed() -> Registry:
    """The registry of this environment."""
    points = entry_points(group=hookspecs.ENTRY_POINTS)
    return Registry([(point, point.dist) for point in points if point.dist is not None])
