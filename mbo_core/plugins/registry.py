"""The registry: import plugins, keep each from harming the others, and collect what they offer.

Methods are found without importing a plugin (`mbo_core.plugins.discovery`); stages and tasks need the import, which is
isolated: a plugin that fails is named with its reason, and the others work.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import redirect_stdout
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from importlib.metadata import Distribution, EntryPoint, entry_points, version
from types import TracebackType
from typing import TYPE_CHECKING, Any

import pluggy

from mbo_core.errors import MboError, RecipeError, matching, nearest
from mbo_core.plugins import discovery, files, hookspecs
from mbo_core.plugins.discovery import Choice, Method, Plugin
from mbo_core.plugins.validation import check_plugin, refused_stage, refused_task, role_of

if TYPE_CHECKING:
    from mbo_core.stages.contracts import Stage
    from mbo_core.tasks.task import TaskOffer


@dataclass(frozen=True)
class Offered:
    """A stage or task with the plugin that offers it."""

    value: Any
    plugin: Plugin


@dataclass
class Registry:
    """What is installed.

    Args:
        entry_points: the plugins' entry points, each with its distribution.
        choice: which of them a person wants.
    """

    entry_points: Sequence[tuple[EntryPoint, Distribution]]
    choice: Choice = field(default_factory=Choice)
    plugins: list[Plugin] = field(init=False)
    _registered: dict[str, Plugin] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.plugins = discovery.found(self.entry_points, self.choice)

    def including(self, plugins: Sequence[object]) -> Registry:
        """What is installed and these plugins, which no other run sees.

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
        objects = [one for plugin in plugins for one in files.given(plugin)]
        before = sum(plugin.point is None for plugin in self.plugins)
        given = [files.described(one, number) for number, one in enumerate(objects, start=before + 1)]
        for about, plugin in zip(given, objects, strict=True):
            registry.plugins.append(about)
            registry._register(registry.manager, about, partial(_itself, plugin))
        registry.stages, registry.tasks = dict(self.stages), dict(self.tasks)
        names = [about.name for about in given]
        registry._add_stages(registry.stages, names)
        registry._add_tasks(registry.tasks, names)
        faults = [f"plugin {one.name}: {one.reason}" for one in given if one.status != "ok"]
        if faults:
            raise RecipeError("; ".join(faults))
        return registry

    def hooks(self, runner: object) -> pluggy.PluginManager:
        """The hooks of one run: those of all plugins, and last of the one that carries it out."""
        return _manager([("runner", runner), *self.manager.list_name_plugin()])

    @cached_property
    def methods(self) -> dict[str, Method]:
        """All methods by name, in order, found without importing a plugin."""
        found: dict[str, Method] = {}
        for plugin in self.plugins:
            for path in discovery.recipes(plugin) if plugin.usable else ():
                method = Method(path.stem, path, plugin)
                if method.name in found:
                    other = found[method.name].plugin
                    plugin.fault("duplicate", discovery.clash(plugin, f"method {method.name}", other))
                elif discovery.outside_package(path, plugin):
                    plugin.fault("broken", f"its recipe {path.name} lies outside its folder, at {path.resolve()}")
                else:
                    found[method.name] = method
                    _check_readable(method)
        return dict(sorted(found.items()))

    def method(self, name: str) -> Method:
        """A method by name.

        Raises:
            RecipeError: with the nearest known name, or with the reason why its plugin cannot be used.
        """
        known = matching(name, self.methods)
        if known is not None:
            return self.methods[known]
        for plugin in self.plugins:
            if not plugin.usable and any(path.stem == name for path in discovery.recipes(plugin)):
                fact = f'the method "{name}" is offered by plugin {plugin.name} ({plugin.label})'
                raise RecipeError(f"{fact}, which is {plugin.status}: {plugin.reason}")
        raise RecipeError(f'there is no method "{name}"', nearest(name, self.methods))

    @cached_property
    def manager(self) -> pluggy.PluginManager:
        """The hooks, with all plugins that can be imported."""
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
            loaded = _silenced(load)
            check_plugin(loaded, manager)
            manager.register(loaded, plugin.name)
            self._registered[plugin.name] = plugin
        except (Exception, SystemExit) as error:
            self._break(plugin, "cannot be imported", error)
            # Pluggy 1.5 keeps a plugin that it refuses.
            if manager.has_plugin(plugin.name):
                manager.unregister(name=plugin.name)

    @cached_property
    def stages(self) -> dict[tuple[str, str], Offered]:
        """All stage classes by (role, name), e.g. `("proxy", "regression")`."""
        return dict(sorted(self._add_stages({}).items()))

    @cached_property
    def tasks(self) -> dict[str, Offered]:
        """All tasks' offers by name."""
        return dict(sorted(self._add_tasks({}).items()))

    def _add_stages(self, found: dict[tuple[str, str], Offered], only: Collection[str] | None = None) -> Any:
        for plugin, stage in self._offers("mbo_stages", refused_stage, only):
            self._add(found, (role_of(stage), stage.name), Offered(stage, plugin))
        return found

    def _add_tasks(self, found: dict[str, Offered], only: Collection[str] | None = None) -> Any:
        for plugin, offer in self._offers("mbo_tasks", refused_task, only):
            self._add(found, offer.name, Offered(offer, plugin))
        return found

    def _offers(
        self, hook: str, refused: Callable[[Any], str | None], only: Collection[str] | None
    ) -> list[tuple[Plugin, Any]]:
        """What all plugins, or those of the names `only`, offer by a hook and recipes can use."""
        offered: list[tuple[Plugin, Any]] = []
        implementations = getattr(self.manager.hook, hook).get_hookimpls()
        # The core first, so that no plugin takes a name away from it.
        for implementation in sorted(implementations, key=lambda one: (one.plugin_name != "core", one.plugin_name)):
            name = implementation.plugin_name
            if only is not None and name not in only:
                continue
            # A tool may register an object of its own by hand.
            plugin = self._registered.get(name, Plugin(name, "", "", ""))
            try:
                values = _silenced(partial(_listed, implementation.function))
            except (Exception, SystemExit) as error:
                self._break(plugin, f"{hook} raised", error)
                continue
            for value in values:
                refusal = refused(value)
                if refusal:
                    plugin.fault("broken", f"{hook} offers {value!r}, which {refusal}")
                else:
                    offered.append((plugin, value))
        return offered

    @staticmethod
    def _add(found: dict[Any, Offered], name: Any, offered: Offered) -> None:
        if name not in found:
            found[name] = offered
        elif found[name].plugin is offered.plugin:
            offered.plugin.fault("duplicate", f"offers {_label(name)} twice; the first is used")
        else:
            offered.plugin.fault("duplicate", discovery.clash(offered.plugin, _label(name), found[name].plugin))

    @staticmethod
    def _break(plugin: Plugin, doing: str, error: BaseException) -> None:
        fact = error.format_message() if isinstance(error, MboError) else f"{type(error).__name__}: {error}"
        plugin.fault("broken", f"{doing}: {fact}", error)

    def stage(self, role: str, name: str) -> type[Stage]:
        """A stage class.

        Raises:
            RecipeError: with the nearest known name.
        """
        known = [stage for of, stage in self.stages if of == role]
        found = matching(name, known)
        if found is None:
            raise RecipeError(f'there is no {role} "{name}"', nearest(name, known))
        stage: type[Stage] = self.stages[role, found].value
        return stage

    def task(self, name: str) -> TaskOffer:
        """A task's offer; one of the name `prefix:*` answers for each `prefix:name` that is not offered.

        Raises:
            RecipeError: with the nearest known name.
        """
        offered = self.tasks.get(matching(name, self.tasks) or f"{name.partition(':')[0]}:*")
        if offered is None:
            raise RecipeError(f'there is no task "{name}"', nearest(name, self.tasks))
        offer: TaskOffer = offered.value
        return offer

    def examine(self) -> list[Plugin]:
        """All plugins after everything of them was asked for, so that what is wrong with any is known."""
        _ = self.manager, self.methods, self.stages, self.tasks
        return self.plugins

    @property
    def problems(self) -> list[str]:
        """One line for each plugin that is known not to work."""
        return [
            f"plugin {plugin.name} ({plugin.label}) is {plugin.status}: {plugin.reason}"
            for plugin in self.plugins
            if plugin.status != "ok"
        ]

    def plugin_that_raised(self, error: BaseException) -> Plugin | None:
        """The plugin in whose code an error was raised, or None if it was in nobody's."""
        modules = {plugin.module.partition(":")[0].partition(".")[0]: plugin for plugin in self.plugins}
        raised_in: Plugin | None = None
        trace: TracebackType | None = error.__traceback__
        while trace is not None:
            top = trace.tb_frame.f_globals.get("__name__", "").partition(".")[0]
            # A plugin that wraps a hook only hands on what is raised below pluggy's call of the others.
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


def _silenced(function: Callable[[], Any]) -> Any:
    """Call it with what it prints on stderr: stdout is for results."""
    with redirect_stdout(sys.stderr):
        return function()


def _listed(function: Callable[[], Sequence[Any]]) -> list[Any]:
    return list(function())


def _label(name: Any) -> str:
    return " ".join(name) if isinstance(name, tuple) else f"task {name}"


def _check_readable(method: Method) -> None:
    try:
        _ = method.document
    except RecipeError as error:
        method.plugin.fault("broken", error.message)


def installed(without: Sequence[str] = ()) -> Registry:
    """The registry of this environment, with the plugins that `MBO_PLUGINS` names (all, where it is not set).

    Args:
        without: plugins or distributions to leave out.

    Raises:
        RecipeError: for a name that no plugin has.
    """
    wanted = os.environ.get("MBO_PLUGINS")
    only = None if wanted is None else tuple(name.strip() for name in wanted.split(",") if name.strip())
    return _installed(Choice(tuple(without), only))


@lru_cache(maxsize=1)
def _installed(choice: Choice) -> Registry:
    points = entry_points(group=hookspecs.ENTRY_POINTS)
    return Registry([(point, point.dist) for point in points if point.dist is not None], choice)
