"""Plugins given for one run: files, modules and objects, none of them installed."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from hashlib import sha256
from importlib.util import module_from_spec, spec_from_file_location
from inspect import isabstract
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING
from uuid import uuid4

import pluggy

from mbo_core.errors import RecipeError, nearest, reason_of
from mbo_core.foreign import foreign, waiting
from mbo_core.plugins.discovery import Plugin
from mbo_core.plugins.hookspecs import PROJECT, hookimpl

if TYPE_CHECKING:
    from mbo_core.stages.contracts import Stage


def given(plugin: object) -> list[object]:
    """The objects with hooks in a plugin given by the user; a path names a Python file.

    A file without the hook `mbo_stages` offers the stage classes that it defines.

    Raises:
        RecipeError: for a file that cannot be read or imported, or offers nothing.
    """
    if not isinstance(plugin, (str, Path)):
        return [plugin]
    module = _imported(Path(plugin))
    hooks, classes = _hooks(module), _stage_classes(module)
    found: list[object] = [module] if hooks else []
    if classes and "mbo_stages" not in hooks:
        found.append(offering(module.__name__, classes))
    if not found:
        hint = "define a stage class or a hook in it: @hookimpl def mbo_tasks(): ..."
        raise RecipeError(f"{plugin} offers no stage and no hook", hint)
    return found


def offering(home: str, stages: Sequence[type[Stage]]) -> object:
    """A plugin that offers these stage classes of the module `home`."""
    plugin = ModuleType(home)
    vars(plugin)["mbo_stages"] = hookimpl(lambda: stages, specname="mbo_stages")
    return plugin


def described(plugin: object, number: int) -> Plugin:
    """Describe the `number`-th given plugin, a module or an instance; its version is a digest of its file."""
    home = str(getattr(plugin, "__name__", None) or type(plugin).__module__)
    name = home if isinstance(plugin, ModuleType) else f"{home}.{type(plugin).__name__}"
    module = sys.modules.get(home)
    return Plugin(f"{_short(name)} (given {number})", _short(name), _digest(module), home, given=True)


def _short(name: str) -> str:
    """A file's name without its folder; a module's name unchanged."""
    return Path(name).name


def _digest(module: ModuleType | None) -> str:
    try:
        content = Path(str(getattr(module, "__file__", ""))).read_bytes()
    except OSError:
        # Code typed into a session may change at any time, so nothing cached for it may be reused.
        return uuid4().hex[:12]
    return sha256(content).hexdigest()[:12]


def _imported(path: Path) -> ModuleType:
    if not path.is_file():
        there = [one.name for one in path.parent.glob("*.py")]
        raise RecipeError(f"cannot find the plugin file {path}", nearest(path.name, there) if there else None)
    # The path as module name avoids clashes and tells its classes from those of other files.
    name = str(path.resolve())
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise RecipeError(f"the plugin {path} is not a Python file", "name it NAME.py")
    module = sys.modules[name] = module_from_spec(spec)
    try:
        with foreign("it"), waiting(f"the import of {path}", "leaving out its file avoids it"):
            spec.loader.exec_module(module)
    except SyntaxError as error:
        raise RecipeError(f"{path}:{error.lineno}: {error.msg}") from error
    except Exception as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == spec.origin]
        place = f"{path}:{lines[-1]}" if lines else str(path)
        raise RecipeError(f"{place}: cannot import the plugin: {reason_of(error)}") from error
    return module


def _hooks(module: ModuleType) -> set[str]:
    manager = pluggy.PluginManager(PROJECT)
    found = {name: manager.parse_hookimpl_opts(module, name) for name in dir(module)}
    return {options.get("specname") or name for name, options in found.items() if options is not None}


def _stage_classes(module: ModuleType) -> list[type[Stage]]:
    from mbo_core.stages.contracts import Stage

    classes = [one for one in vars(module).values() if isinstance(one, type) and one.__module__ == module.__name__]
    return [one for one in classes if issubclass(one, Stage) and not isabstract(one)]
