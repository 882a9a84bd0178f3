"""Checks of the package: its entry point, the cost of its import, and its documentation."""

from __future__ import annotations

import ast
import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mbo_core.foreign import foreign
from mbo_core.plugins import hookspecs
from mbo_core.plugins.discovery import Plugin, home, recipes
from mbo_core.stages import contracts
from mbo_core.stages.options import Option, Refused, convert, options, to_toml
from mbo_core.testing.case import Fault, Inapplicable, demand
from mbo_core.testing.offered_stage import OfferedStage, Package

HEAVY = ("torch", "numpy", "scipy", "sklearn", "pandas", "botorch", "gpytorch", "mujoco", "matplotlib")
"""Modules too slow to import for a list of methods."""

SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")

Defined: TypeAlias = "ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef"


def settings(package: Package) -> None:
    """`conformance.toml`, if present, names stages that the plugin offers."""
    package.settings.mistakes.raise_if_any()


def entry_point(package: Package) -> None:
    """The plugin works, follows the naming convention, and states the versions of the core that it needs."""
    plugin = package.plugin
    package.registry.examine()
    demand(plugin.status == "ok", f"the plugin is {plugin.status}: {plugin.reason}", "fix the cause")
    wanted = {
        "entry point": (plugin.name, canonicalize_name(plugin.name)),
        "distribution": (canonicalize_name(plugin.distribution), f"mbo-{plugin.name}"),
        "module": (_module(package), f"mbo_{plugin.name.replace('-', '_')}"),
    }
    for what, (found, expected) in wanted.items():
        demand(found == expected, f"the {what} is named {found}", f"rename it to {expected}")
    _demand_bounds(plugin)


def _demand_bounds(plugin: Plugin) -> None:
    needed = [Requirement(line) for line in plugin.requires]
    signs = {spec.operator for one in needed if canonicalize_name(one.name) == "mbo-core" for spec in one.specifier}
    bounded = signs & {"==", "~="} or (signs & {">", ">="} and signs & {"<", "<="})
    fact = f"{plugin.distribution} does not bound the version of mbo-core"
    demand(bounded, fact, 'add the tested versions to the dependencies, e.g. "mbo-core>=0.1,<0.2"')


def _module(package: Package) -> str:
    return package.plugin.module.partition(":")[0]


def hooks(package: Package) -> None:
    """Each function named like a hook is marked as one, and the plugin has a hook, a recipe or a command."""
    plugin, mark = _loaded(package), f"{hookspecs.PROJECT}_impl"
    functions = inspect.getmembers(plugin, inspect.isroutine)
    for name, function in functions:
        if name.startswith("mbo_"):
            demand(
                hasattr(function, mark),
                f"{name} is not marked as a hook, so it is never called",
                "decorate it with @hookimpl",
            )
    hooked = any(hasattr(function, mark) for _, function in functions)
    offers = hooked or recipes(package.plugin) or _commands(package.plugin)
    demand(offers, "the plugin has no hook, no recipe and no command", "implement mbo_stages or mbo_tasks")


def _commands(plugin: Plugin) -> list[str]:
    """The commands that a plugin's distribution adds to `mbo`."""
    points = entry_points(group=hookspecs.COMMANDS)
    own = canonicalize_name(plugin.distribution)
    return [point.name for point in points if point.dist and canonicalize_name(point.dist.name) == own]


def _loaded(package: Package) -> Any:
    if not package.plugin.usable or package.plugin.point is None:
        raise Inapplicable("it cannot be used: see the check `entry-point`")
    try:
        with foreign("its import"):
            return package.plugin.point.load()
    except Exception as error:
        raise Inapplicable("it cannot be imported: see the check `entry-point`") from error


def light_import(package: Package) -> None:
    """Importing the module imports no heavy library, and prints nothing."""
    _loaded(package)
    module = _module(package)
    done = _fresh(
        f"import sys, json, {module}\nsys.stdout.write(chr(0) + json.dumps(sorted(set({HEAVY!r}) & set(sys.modules))))"
    )
    demand(done.returncode == 0, f"import fails in a new process: {done.stderr[-500:]}", "fix the import")
    printed, _, heavy = done.stdout.partition("\0")
    names = ", ".join(json.loads(heavy))
    demand(not names, f"importing {module} imports {names}", "import them inside the hook")
    said = (printed + done.stderr).strip()
    demand(not said, f"importing {module} prints {said[:80]!r}", "print nothing at import")


def _fresh(code: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


def docstrings(package: Package) -> None:
    """Every public module, class, function and method has a docstring."""
    missing = [
        f"{path.name}:{getattr(node, 'lineno', 1)} {name}"
        for path in _sources(package)
        for name, node in _public(ast.parse(path.read_text(encoding="utf-8")), path.stem)
        if not ast.get_docstring(node)
    ]
    demand(not missing, f"no docstring: {', '.join(missing)}", "describe it in one line, with shapes")


def _sources(package: Package) -> list[Path]:
    """The plugin's files, read and not imported, as an optional library may be missing."""
    folders = home(package.plugin)
    if not folders and (spec := find_spec(_module(package))) is not None and spec.origin:
        return [Path(spec.origin)]
    files = {path.relative_to(folder): path for folder in folders for path in folder.rglob("*.py")}
    return [path for inside, path in sorted(files.items()) if "tests" not in inside.parts]


def _public(node: Defined, name: str) -> Iterator[tuple[str, Defined]]:
    """The definitions at module level and in public classes, by name."""
    yield name, node
    for inner in node.body:
        if isinstance(inner, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and inner.name[0] != "_":
            if isinstance(inner, ast.ClassDef):
                yield from _public(inner, inner.name)
            elif not any(_decorates(one, "overload", "setter") for one in inner.decorator_list):
                yield inner.name, inner


def _decorates(decorator: ast.expr, *names: str) -> bool:
    return ast.unparse(decorator).rpartition(".")[2] in names


def meanings(offer: OfferedStage) -> None:
    """The stage has a summary, and each option a meaning: `mbo show` prints them."""
    summary = (vars(offer.stage).get("__doc__") or "").strip()
    # The default docstring of a dataclass is its signature.
    written = summary and not summary.startswith(f"{offer.stage.__name__}(")
    demand(written, f"{offer.stage.__name__} has no docstring", "describe in one line what it does, then how")
    silent = [name for name, option in options(offer.stage).items() if not option.limits.doc]
    fact = f"undocumented options: {', '.join(silent)}"
    hint = 'write option(default, "its meaning: symbol, unit, source"), or stage_option("what it is for")'
    demand(not silent, fact, hint)


def infos(offer: OfferedStage) -> None:
    """Each info of the stage has a meaning, and each note is of such an info: `mbo show` prints both."""
    known = contracts.infos(offer.stage)
    silent = [name for name, meaning in known.items() if not meaning.strip()]
    demand(not silent, f"no meaning is given of the infos {', '.join(silent)}", 'write infos = {"name": "its meaning"}')
    unheard = [name for name in contracts.notes(offer.stage) if name not in known]
    demand(not unheard, f"notes are of undeclared infos: {', '.join(unheard)}", "declare them in `infos`")


def names(offer: OfferedStage) -> None:
    """An option is named in lower case with underscores."""
    for name in options(offer.stage):
        demand(SNAKE.fullmatch(name), f'an option is named "{name}"', "rename it, e.g. step_size")


def bad_options(offer: OfferedStage) -> None:
    """An option's default is valid in a recipe, and its limits allow some value."""
    for name, option in options(offer.stage).items():
        low, high = option.limits.at_least, option.limits.at_most
        room = low is None or high is None or low <= high
        demand(room, f"no value of {name} is in {option.limits.range()}", "change its limits")
        if option.stage is None:
            _demand_default(option)


def _demand_default(option: Option) -> None:
    for kind, value in to_toml({"": option.default, **option.defaults}).items():
        try:
            convert(option, value)
        except Refused as refusal:
            of = f"{option.name} on {kind} designs" if kind else option.name
            fact = f"the default of {of} is invalid in a recipe: it {refusal}"
            raise Fault(fact, "change the default, the type or the limits") from None
