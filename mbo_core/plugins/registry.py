"""The registry: import plugins, isolate their failures, and collect what they offer.

Methods are found without importing a plugin (`mbo_core.plugins.discovery`). Stages and tasks need the import. If it
fails, the plugin is reported with the reason, and the others still work. The stage of a `StageOffer` is imported on
first use.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from importlib.metadata import Distribution, EntryPoint, entry_points, version
from types import TracebackType
from typing import TYPE_CHECKING, Any

import pluggy

from mbo_core.errors import RecipeError, matching, nearest
from mbo_core.foreign import foreign
from mbo_core.plugins import discovery, files, hookspecs
from mbo_core.plugins.collect import Offered, add, collect, silenced
from mbo_core.plugins.discovery import Choice, Method, Plugin
from mbo_core.plugins.validation import check_plugin

if TYPE_CHECKING:
    from mbo_core.stages.contracts import Stage
    from mbo_core.tasks.task import TaskOffer


RUNNER = "runner"
"""The name under which the core registers its own implementation of a run's hooks."""


@dataclass
class Registry:
    """What is installed.

    Args:
        entry_points: the plugins' entry points, each with its distribution.
        choice: which of them the user wants.
    """

    entry_points: Sequence[tuple[EntryPoint, Distribution]]
    choice: Choice = field(default_factory=Choice)
    plugins: list[Plugin] = field(init=False)
    _registered: dict[str, Plugin] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.plugins = discovery.found(self.entry_points, self.choice)

    def including(self, plugins: Sequence[object]) -> Registry:
        """This registry with further plugins, which no other run sees.

        Args:
            plugins: modules or instances with hooks, or paths of Python files; see `mbo_core.plugins.files`.

        Raises:
            RecipeError: for one that cannot be used, with the reason.
        """
        if not plugins:
            return self
        registry = copy(self)
        registry.plugins, registry._registered = [*self.plugins], dict(self._registered)
        registry.manager = _manager(self.manager.list_name_plugin())
        objects = [one for plugin in plugins for one in silenced(partial(files.given, plugin))]
        before = sum(plugin.given for plugin in self.plugins)
        given = [files.described(one, number) for number, one in enumerate(objects, start=before + 1)]
        for about, plugin in zip(given, objects, strict=True):
            registry.plugins.append(about)
            registry._register(registry.manager, about, partial(_itself, plugin))
        registry.stages, registry.tasks = dict(self.stages), dict(self.tasks)
        names = [about.name for about in given]
        registry._collect("mbo_stages", registry.stages, names)
        registry._collect("mbo_tasks", registry.tasks, names)
        faults = [f"plugin {one.name}: {one.reason}" for one in given if one.status != "ok"]
        if faults:
            raise RecipeError("; ".join(faults))
        return registry

    def hooks(self, runner: object) -> pluggy.PluginManager:
        """The hooks of one run: those of all plugins, and last those of the runner."""
        return _manager([(RUNNER, runner), *self.manager.list_name_plugin()])

    @cached_property
    def methods(self) -> dict[str, Method]:
        """All methods, sorted by name, found without importing a plugin."""
        found: dict[str, Method] = {}
        for plugin in self.plugins:
            for path in discovery.recipes(plugin) if plugin.usable else ():
                method = Method(path.stem, path, plugin)
                if method.name in found:
                    other = found[method.name].plugin
                    plugin.fault("duplicate", discovery.clash(plugin, f"method {method.name}", other))
                elif discovery.outside_package(path, plugin):
                    plugin.fault("broken", f"its recipe {path.name} links outside its folder, to {path.resolve()}")
                else:
                    found[method.name] = method
                    _check_readable(method)
        return dict(sorted(found.items()))

    def method(self, name: str) -> Method:
        """A method by name.

        Raises:
            RecipeError: with the nearest known name, or with the reason its plugin cannot be used.
        """
        known = matching(name, self.methods)
        if known is not None:
            return self.methods[known]
        for plugin in self.plugins:
            if not plugin.usable and any(path.stem == name for path in discovery.recipes(plugin)):
                fact = f'method "{name}" is not available'
                raise RecipeError(f"{fact}: plugin {plugin.name} ({plugin.label}) is {plugin.status}: {plugin.reason}")
        raise RecipeError(f'unknown method "{name}"', nearest(name, self.methods))

    @cached_property
    def manager(self) -> pluggy.PluginManager:
        """The hooks of all plugins that can be imported."""
        from mbo_core.plugins import builtin

        manager = _manager()
        manager.register(builtin, "core")
        self._registered["core"] = Plugin("core", "mbo-core", version("mbo-core"), "mbo_core")
        for plugin in self.plugins:
            if plugin.usable and plugin.point is not None:
                self._register(manager, plugin, plugin.point.load)
        return manager

    def _register(self, manager: pluggy.PluginManager, plugin: Plugin, load: Callable[[], Any]) -> None:
        try:
            with foreign("its import"):
                loaded = silenced(load)
                check_plugin(loaded, manager)
                manager.register(loaded, plugin.name)
            self._registered[plugin.name] = plugin
        except Exception as error:
            plugin.fail("cannot be imported", error)
            # Pluggy 1.5 keeps a plugin that it has refused.
            if manager.has_plugin(plugin.name):
                manager.unregister(name=plugin.name)

    @cached_property
    def stages(self) -> dict[tuple[str, str], Offered]:
        """All stages by (role, name), e.g. `("proxy", "regression")`; each is imported on first use of its value."""
        return dict(sorted(self._collect("mbo_stages", {}).items()))

    def loaded(self, role: str | None = None) -> dict[tuple[str, str], Offered]:
        """The usable stages, of all roles or of one; all of them are imported."""
        return {key: one for key, one in self.stages.items() if role in {None, key[0]} and not one.failure}

    @cached_property
    def tasks(self) -> dict[str, Offered]:
        """The offers of all tasks, by name."""
        return dict(sorted(self._collect("mbo_tasks", {}).items()))

    def _collect(self, hook: str, found: dict[Any, Offered], only: Collection[str] | None = None) -> Any:
        """Add what all plugins, or only those named in `only`, offer through a hook."""
        every = getattr(self.manager.hook, hook).get_hookimpls()
        wanted = [one for one in every if only is None or one.plugin_name in only]
        for offered in collect(hook, wanted, self._registered):
            add(found, offered)
        return found

    def stage(self, role: str, name: str) -> type[Stage]:
        """A stage class by name; only the plugin that offers it is imported.

        Raises:
            RecipeError: for an unknown name, with the nearest one, or for an unusable stage, with the reason.
        """
        known = [stage for of, stage in self.stages if of == role]
        found = matching(name, known)
        if found is None:
            raise RecipeError(f'unknown {role} "{name}"', nearest(name, known))
        stage: type[Stage] = self.stages[role, found].value
        return stage

    def task(self, name: str) -> TaskOffer:
        """A task's offer; one named `prefix:*` answers for every `prefix:name` that is not offered.

        Raises:
            RecipeError: with the nearest known name.
        """
        offered = self.tasks.get(matching(name, self.tasks) or f"{name.partition(':')[0]}:*")
        if offered is None:
            raise RecipeError(f'unknown task "{name}"', nearest(name, self.tasks))
        offer: TaskOffer = offered.value
        return offer

    def examine(self) -> list[Plugin]:
        """All plugins after loading everything they offer, so that every problem is known."""
        _ = self.manager, self.methods, self.loaded(), self.tasks
        return self.plugins

    @property
    def problems(self) -> list[str]:
        """One line for each plugin with a known problem."""
        return [
            f"plugin {plugin.name} ({plugin.label}) is {plugin.status}: {plugin.reason}"
            for plugin in self.plugins
            if plugin.status != "ok"
        ]

    def plugin_that_raised(self, error: BaseException) -> Plugin | None:
        """The plugin whose code raised an error, or None."""
        modules = {plugin.module.partition(":")[0].partition(".")[0]: plugin for plugin in self.plugins}
        raised_in: Plugin | None = None
        trace: TracebackType | None = error.__traceback__
        while trace is not None:
            top = trace.tb_frame.f_globals.get("__name__", "").partition(".")[0]
            # A wrapper only passes on an error raised below pluggy's call of the other implementations.
            raised_in = None if top == "pluggy" else modules.get(top, raised_in)
            trace = trace.tb_next
        return raised_in


def _manager(plugins: Iterable[tuple[str, object]] = ()) -> pluggy.PluginManager:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    for name, plugin in plugins:
        manager.register(plugin, name)
    return manager


def _itself(given: object) -> object:
    return given


def _check_readable(method: Method) -> None:
    try:
        _ = method.document
    except RecipeError as error:
        method.plugin.fault("broken", error.message)


def installed(without: Sequence[str] = ()) -> Registry:
    """The registry of this environment, with the plugins listed in `MBO_PLUGINS` (all if it is not set).

    Args:
        without: plugins or distributions to leave out.

    Raises:
        RecipeError: for an unknown plugin.
    """
    wanted = os.environ.get("MBO_PLUGINS")
    only = None if wanted is None else tuple(name.strip() for name in wanted.split(",") if name.strip())
    return _installed(Choice(tuple(without), only))


@lru_cache(maxsize=1)
def _installed(choice: Choice) -> Registry:
    points = entry_points(group=hookspecs.ENTRY_POINTS)
    return Registry([(point, point.dist) for point in points if point.dist is not None], choice)
