"""Collect what plugins offer. What cannot be used is noted, and the rest still works."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, redirect_stdout, suppress
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from pluggy import HookImpl

from mbo_core.errors import RecipeError, reason_of
from mbo_core.foreign import foreign, waiting
from mbo_core.plugins.discovery import Plugin, clash
from mbo_core.plugins.offers import StageOffer
from mbo_core.plugins.validation import load, refused_stage, refused_task, role_of

REFUSED: Mapping[str, Callable[[Any], str | None]] = {"mbo_stages": refused_stage, "mbo_tasks": refused_task}
"""For each hook, the function that says why an offered value cannot be used."""


@dataclass
class Offered:
    """A stage or task with the plugin that offers it.

    Attributes:
        offer: a stage's class, a `StageOffer`, or a task's offer.
        plugin: the plugin.
    """

    offer: Any
    plugin: Plugin

    @property
    def key(self) -> Any:
        """A stage's (role, name), or a task's name."""
        offer: Any = self.offer
        if isinstance(offer, StageOffer):
            return offer.role, offer.name
        name: Any = offer.name
        return (role_of(offer), name) if isinstance(offer, type) else name

    @property
    def value(self) -> Any:
        """The stage's class, imported on first use, or the task's offer.

        Raises:
            RecipeError: if the stage cannot be used, with the reason.
        """
        if self.failure:
            hint = f"see `mbo plugins -v` for plugin {self.plugin.name} ({self.plugin.label}), which offers it"
            raise RecipeError(f"{self.offer} {self.failure}", hint)
        return self._loaded[0]

    @property
    def failure(self) -> str:
        """Why the stage cannot be used; empty if it can."""
        return self._loaded[1]

    @cached_property
    def _loaded(self) -> tuple[Any, str]:
        if not isinstance(self.offer, StageOffer):
            return self.offer, ""
        try:
            with foreign("its import"), slow_import(self.plugin):
                return silenced(partial(load, self.offer)), ""
        except Exception as error:
            self.plugin.fail(f"{self.offer} cannot be loaded", error)
            return None, f"cannot be loaded: {reason_of(error)}"


def collect(hook: str, implementations: Iterable[HookImpl], plugins: Mapping[str, Plugin]) -> Iterator[Offered]:
    """The usable offers of the implementations of a hook.

    Args:
        hook: `mbo_stages` or `mbo_tasks`.
        implementations: those of the hook.
        plugins: the registered plugins, by name.
    """
    # The core comes first, so that no plugin can take one of its names.
    for implementation in sorted(implementations, key=lambda one: (one.plugin_name != "core", one.plugin_name)):
        name = implementation.plugin_name
        # A tool may have registered an object by hand.
        plugin = plugins.get(name) or Plugin(name, "", "", "")
        for value in _values(hook, implementation, plugin):
            if refusal := _refusal(hook, value):
                plugin.fault("broken", f"{hook} {refusal}")
            else:
                yield Offered(value, plugin)


def _values(hook: str, implementation: HookImpl, plugin: Plugin) -> list[Any]:
    try:
        with foreign("it"), waiting(f"plugin {plugin.name} ({plugin.label}): {hook}", leave_out(plugin)):
            found: list[Any] = silenced(lambda: list(implementation.function()))  # type: ignore[call-overload]
    except Exception as error:
        plugin.fail(f"{hook} raised", error)
        return []
    return found


def _refusal(hook: str, value: Any) -> str | None:
    """Why an offered value cannot be used, with what it is called; None if it can."""
    try:
        with foreign("it"):
            refusal = REFUSED[hook](value)
            return f"offers {getattr(value, '__name__', value)!r}: {refusal}" if refusal else None
    except Exception as error:
        # Attributes and texts of a third party's value can raise anything.
        return f"offers a value of type {type(value).__name__} that raises {reason_of(error)}"


def add(found: dict[Any, Offered], offered: Offered) -> None:
    """Add an offer; if its name is taken, note that instead."""
    key, plugin = offered.key, offered.plugin
    label = " ".join(key) if isinstance(key, tuple) else f"task {key}"
    if key not in found:
        found[key] = offered
    elif found[key].plugin is plugin:
        plugin.fault("duplicate", f"offers {label} twice; the first is used")
    else:
        plugin.fault("duplicate", clash(plugin, label, found[key].plugin))


def slow_import(plugin: Plugin) -> AbstractContextManager[None]:
    """Name a plugin whose import one has to wait for."""
    return waiting(f"the import of plugin {plugin.name} ({plugin.label})", leave_out(plugin))


def leave_out(plugin: Plugin) -> str:
    """How to do without a plugin."""
    return "leaving out its file avoids it" if plugin.given else f"--without {plugin.name} leaves it out"


def silenced(function: Callable[[], Any]) -> Any:
    """Call a function with its output on stderr, as stdout is for results; the working directory stays."""
    before = None
    with suppress(OSError):  # it may have been removed
        before = os.getcwd()
    try:
        with redirect_stdout(sys.stderr):
            return function()
    finally:
        if before is not None:
            with suppress(OSError):
                os.chdir(before)
