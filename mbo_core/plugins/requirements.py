"""Compare what a recipe requires, `[method] requires`, with what is installed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from mbo_core.errors import Mistakes
from mbo_core.toml import Document, Sourced, plain, subtable

if TYPE_CHECKING:
    from mbo_core.plugins.discovery import Plugin
    from mbo_core.plugins.registry import Registry

FORM = 'write distributions and their versions, e.g. ["mbo-coms>=0.1"]'


def check_requirements(document: Document, mistakes: Mistakes) -> None:
    """Note missing requirements of a recipe, and invalid ones."""
    where = document.where("method", "requires")
    for requirement in _requirements(document, mistakes):
        if lack := _lack(requirement):
            mistakes.add(where, f"needs {_text(requirement)}, {lack}", f'pip install "{_text(requirement)}"')


def may_offer(documents: Iterable[Document], registry: Registry) -> str | None:
    """A hint for a missing stage or parent: the requirements that do not work, or None."""
    found = [requirement for one in documents for requirement in _requirements(one, Mistakes())]
    states = [f"{_text(one)}, {state}" for one in found if (state := _lack(one) or _sickness(one, registry))]
    return f"it may come with {'; '.join(states)}" if states else None


def _text(requirement: Requirement) -> str:
    return f"{requirement.name}{requirement.specifier}"


def _requirements(document: Document, mistakes: Mistakes) -> Iterator[Requirement]:
    where = document.where("method", "requires")
    stated = plain(subtable(document.table, "method").get("requires", Sourced([], "")))
    if not isinstance(stated, list):
        mistakes.add(where, "method.requires is not a list", FORM)
        return
    for text in stated:
        try:
            requirement = Requirement(text)
        except (InvalidRequirement, TypeError):
            mistakes.add(where, f"method.requires: invalid requirement {text!r}", FORM)
            continue
        if requirement.url:
            # A recipe may come from anywhere, so it may name a package but not a place to fetch it from.
            mistakes.add(where, f"method.requires names a URL for {requirement.name}", FORM)
        elif requirement.marker is None or requirement.marker.evaluate():
            yield requirement


def _lack(requirement: Requirement) -> str | None:
    try:
        there = version(requirement.name)
    except PackageNotFoundError:
        return "which is not installed"
    fits = requirement.specifier.contains(there, prereleases=True)
    return None if fits else f"but {there} is installed"


def _sickness(requirement: Requirement, registry: Registry) -> str | None:
    for plugin in registry.plugins:
        if plugin.status != "ok" and canonicalize_name(plugin.distribution) == canonicalize_name(requirement.name):
            return f"whose plugin {plugin.name} is {plugin.status}: {plugin.reason}"
    return None


def came_from(documents: Iterable[Document], stage: str) -> str | None:
    """A hint for a stage, `role name`, that was not installed when the recipe was written."""
    noted = [subtable(subtable(one.table, "method"), "unpackaged").get(stage) for one in documents]
    home = next((one.value for one in noted if isinstance(one, Sourced)), None)
    if home is None or str(home).endswith(".py"):
        return f"add --plugin {home}" if home else None
    return f"its class was in {home}: save it in a file and add --plugin FILE.py"


def offering(plugins: Iterable[Plugin]) -> list[str]:
    """The requirements for the installed ones of these plugins without the core, e.g. `["mbo-coms>=0.1.0"]`."""
    installed = [plugin for plugin in plugins if plugin.distribution not in ("", "mbo-core") and not plugin.given]
    found = {plugin.distribution: plugin.version for plugin in installed}
    return [_at_least(distribution, there) for distribution, there in sorted(found.items())]


def _at_least(distribution: str, there: str) -> str:
    try:
        return f"{distribution}>={Version(there).public}"
    except InvalidVersion:
        return distribution
