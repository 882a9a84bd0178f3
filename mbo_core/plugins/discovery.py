"""What is known about plugins without importing them: names, versions, whether they are usable, and their methods.

All of it comes from the metadata of the installed distributions and the location of their modules. So listing is fast,
and no plugin can slow it down.
"""

from __future__ import annotations

import traceback
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import Distribution, EntryPoint
from importlib.metadata import version as version_of
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from mbo_core.errors import RecipeError, nearest, reason_of
from mbo_core.toml import Document, plain, read, subtable

Status = Literal["ok", "broken", "blocked", "incompatible", "duplicate"]
"""The status of a plugin:

* `ok`: it can be used.
* `broken`: part of it does not work; the rest can be used.
* `blocked`: excluded by `--without` or `MBO_PLUGINS`.
* `incompatible`: it needs another version of the core; it is not imported.
* `duplicate`: one of its names is taken by another plugin, which keeps the name. Of two distributions that offer a
  plugin of one name, neither is used until one is chosen (`--without` the other).
"""


@dataclass
class Plugin:
    """A plugin as its distribution declares it.

    Attributes:
        name: its entry point's name.
        distribution: the distribution that installs it.
        version: that distribution's version.
        module: the target of its entry point.
        status: see `Status`.
        reason: why it is not `ok`, in one line.
        trace: the traceback of the first error it raised.
        usable: whether it may be imported; a plugin that is partly broken may be.
        point: its entry point.
        requires: what its distribution requires.
        given: whether it was given for one run instead of being installed.
    """

    name: str
    distribution: str
    version: str
    module: str
    status: Status = "ok"
    reason: str = ""
    trace: str = ""
    usable: bool = True
    point: EntryPoint | None = field(default=None, repr=False)
    requires: Sequence[str] = field(default=(), repr=False)
    given: bool = False

    @property
    def label(self) -> str:
        """The distribution and its version."""
        return f"{self.distribution} {self.version}".strip()

    def fault(self, status: Status, reason: str, error: BaseException | None = None) -> None:
        """Note a problem; the first one sets the status, and all are listed."""
        line = " ".join(reason.split())
        self.status = status if self.status == "ok" else self.status
        self.reason = f"{self.reason}; {line}" if self.reason else line
        if error is not None and not self.trace:
            self.trace = "".join(traceback.format_exception(error))

    def fail(self, doing: str, error: BaseException) -> None:
        """Note an error the plugin raised, with its hint."""
        self.fault("broken", f"{doing}: {reason_of(error)} {getattr(error, 'hint', None) or ''}", error)

    def exclude(self, status: Status, reason: str) -> None:
        """Note why the plugin cannot be used at all."""
        self.fault(status, reason)
        self.usable = False

    def answers_to(self, name: str) -> bool:
        """Whether `name` is the plugin's name or its distribution's."""
        own = canonicalize_name(self.distribution)
        return name.casefold() == self.name.casefold() or canonicalize_name(name) == own


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
        """Its table `[method]`: name, summary, paper, deviations; the error as summary if the file is not TOML."""
        try:
            table: Mapping[str, Any] = plain(subtable(self.document.table, "method"))
        except RecipeError as error:
            return {"summary": f"unreadable: {error.message}"}
        return table

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of space that it works on, by its `[listing]`; none where that does not say."""
        try:
            listing = plain(subtable(self.document.table, "listing"))
        except RecipeError:
            return ()
        kinds = listing.get("kinds", ())
        return tuple(kinds) if isinstance(kinds, list) else ()


@dataclass(frozen=True)
class Choice:
    """Which plugins the user wants.

    Attributes:
        without: plugins or distributions to leave out (`--without`).
        only: the only plugins to use (`MBO_PLUGINS`), or None for all.
    """

    without: tuple[str, ...] = ()
    only: tuple[str, ...] | None = None

    def apply(self, plugins: Sequence[Plugin]) -> None:
        """Block the plugins that are not wanted.

        Raises:
            RecipeError: for an unknown name, with the nearest known one.
        """
        for source, names in (("--without", self.without), ("MBO_PLUGINS", self.only or ())):
            _known(names, plugins, source)
        for plugin in plugins:
            if any(plugin.answers_to(name) for name in self.without):
                plugin.exclude("blocked", "excluded by --without")
            elif self.only is not None and not any(plugin.answers_to(name) for name in self.only):
                plugin.exclude("blocked", "not listed in MBO_PLUGINS")


def _known(names: Collection[str], plugins: Sequence[Plugin], source: str) -> None:
    for name in names:
        if not any(plugin.answers_to(name) for plugin in plugins):
            known = [plugin.name for plugin in plugins]
            raise RecipeError(f'{source}: unknown plugin "{name}"', nearest(name, known))


def found(entry_points: Iterable[tuple[EntryPoint, Distribution]], choice: Choice) -> list[Plugin]:
    """The plugins, ordered by name, with every problem that shows before they are imported."""
    plugins = [_declared(point, distribution) for point, distribution in entry_points]
    plugins.sort(key=lambda plugin: (plugin.name, plugin.distribution))
    choice.apply(plugins)
    for plugin in plugins:
        if plugin.usable:
            _check_version(plugin)
    _check_names(plugins)
    for plugin in plugins:
        if plugin.usable and not exists(plugin.module):
            plugin.exclude("broken", f"cannot find the module {plugin.module}")
    return plugins


def _declared(point: EntryPoint, distribution: Distribution) -> Plugin:
    about = distribution.metadata
    name, version = about["Name"] or "an unnamed distribution", about["Version"] or ""
    requires = tuple(distribution.requires or ())
    return Plugin(point.name, name, version, point.value, point=point, requires=requires)


def _check_version(plugin: Plugin) -> None:
    """Check that the installed core is in the range its distribution requires."""
    installed = version_of("mbo-core")
    for text in plugin.requires:
        try:
            needed = Requirement(text)
        except InvalidRequirement:
            continue
        applies = needed.marker is None or needed.marker.evaluate({"extra": ""})
        if canonicalize_name(needed.name) == "mbo-core" and applies and not needed.specifier.contains(installed, True):
            plugin.exclude(
                "incompatible", f"{plugin.label} needs mbo-core {needed.specifier}, but {installed} is installed"
            )


def _check_names(plugins: Sequence[Plugin]) -> None:
    """Exclude all distributions that offer a plugin of one name: none may take another's place unless it is chosen."""
    core = Plugin("core", "mbo-core", version_of("mbo-core"), "mbo_core")
    of_name: dict[str, list[Plugin]] = {core.name: [core]}
    for plugin in plugins:
        if plugin.usable:
            of_name.setdefault(plugin.name, []).append(plugin)
    for name, same in of_name.items():
        first, *others = same
        for plugin in others:
            plugin.exclude("duplicate", clash(plugin, f"the plugin name {name}", first))
        if any(plugin.distribution != first.distribution for plugin in others) and first is not core:
            first.exclude("duplicate", clash(first, f"the plugin name {name}", others[-1]))


def clash(plugin: Plugin, what: str, other: Plugin) -> str:
    """The message that another plugin already has a name, and what to do about it."""
    ways = [
        f"--without {one.distribution}" for one in (plugin, other) if one.distribution != "mbo-core" and not one.given
    ]
    hint = f" ({' or '.join(ways)} excludes one)" if ways else ""
    return f"{plugin.label} offers {what}, which {other.label} already offers{hint}"


def exists(module: str) -> bool:
    """Whether a module can be found; nothing is imported."""
    top, _, rest = module.partition(":")[0].partition(".")
    folders = _folders(top)
    if not rest or not folders:
        return folders is not None
    inner = rest.replace(".", "/")
    return any(Path(folder, inner).is_dir() or Path(folder, f"{inner}.py").is_file() for folder in folders)


def recipes(plugin: Plugin) -> list[Path]:
    """The recipe files beside a plugin's `__init__.py`, in order."""
    return sorted(path for folder in home(plugin) for path in Path(folder, "recipes").glob("*.toml"))


def home(plugin: Plugin) -> list[Path]:
    """The folder of a plugin's package, found without importing it; none for a single module."""
    top, *inner = plugin.module.partition(":")[0].split(".")
    return [Path(folder, *inner) for folder in _folders(top) or ()]


def _folders(top: str) -> list[str] | None:
    """The folders of a top-level module: empty for a single file, None for an unknown module."""
    try:
        spec = find_spec(top)
    except (ImportError, ValueError, AttributeError):
        return None
    return None if spec is None else list(spec.submodule_search_locations or ())


def outside_package(path: Path, plugin: Plugin) -> bool:
    """Whether a recipe is a link to a file outside its plugin. An installer may link a whole package to its cache."""
    return not any(path.resolve().is_relative_to(_resolved(folder)) for folder in home(plugin))


def _resolved(folder: Path) -> Path:
    return (folder / "__init__.py").resolve().parent if (folder / "__init__.py").exists() else folder.resolve()
