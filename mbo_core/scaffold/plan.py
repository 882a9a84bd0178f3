"""The plan of a new plugin: its stages, its task, and the words for its templates."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import Literal, get_args

from packaging.version import Version

from mbo_core.errors import RecipeError, nearest
from mbo_core.plugins.offers import PARTS
from mbo_core.plugins.registry import Registry
from mbo_core.plugins.validation import KEBAB
from mbo_core.recipes.words import ROLES

Style = Literal["functional", "torch", "closed-form"]
"""The style of a proxy:

* `functional`: written for one seed, run for many by `vmap`.
* `torch`: modules and optimizers, one seed after another.
* `closed-form`: fitted in one go, without training.
"""
STYLES: tuple[str, ...] = get_args(Style)

TASK = re.compile(r"[A-Za-z0-9]+([._-][A-Za-z0-9]+)*")


@dataclass(frozen=True)
class Plan:
    """The plan of a new plugin.

    Attributes:
        slug: the name of the plugin and its method, in kebab case.
        stages: the name of its stage by role; at most one for each.
        style: the style of its proxy.
        task: the name of its task, or None.
        tool: whether it wraps a hook.
        single: whether it is one file instead of a package.
    """

    slug: str
    stages: Mapping[str, str]
    style: Style = "functional"
    task: str | None = None
    tool: bool = False
    single: bool = False

    @classmethod
    def of(
        cls,
        slug: str,
        stages: Sequence[str] = (),
        style: Style | None = None,
        task: str | None = None,
        tool: bool = False,
        single: bool = False,
    ) -> Plan:
        """A plan from the user's options; by default a proxy named after the plugin.

        Args:
            slug: the plugin's name.
            stages: `role:name` each, e.g. `update:bdi`.
            style: the style of its proxy.
            task: the name of its task.
            tool: whether it wraps a hook.
            single: whether it is one file.

        Raises:
            RecipeError: for an invalid name, an unknown role, or options that cannot be combined.
        """
        check_slug(slug)
        named = _named(stages) if stages or task or tool else {"proxy": slug}
        if task is not None and not TASK.fullmatch(task):
            raise RecipeError(f'invalid task name "{task}"', "use letters, digits and hyphens: My-Table-v0")
        if style is not None and "proxy" not in named:
            raise RecipeError(f"--style {style} has no effect without a proxy", "add --stage proxy:NAME")
        if "adversary" in named and style not in {None, "functional"}:
            raise RecipeError(f"{style} proxy cannot be trained against an adversary", "use --style functional")
        return cls(slug, named, style or "functional", task, tool, single)

    def check_free(self, registry: Registry) -> None:
        """Refuse a name that is already taken.

        Raises:
            RecipeError: naming the plugin that has it.
        """
        taken = {plugin.name: f"plugin of {plugin.label}" for plugin in registry.plugins}
        taken |= {name: f"method of {method.plugin.label}" for name, method in registry.methods.items()}
        _refuse_taken(self.slug, taken)
        for role, name in self.stages.items():
            offered = registry.stages.get((role, name))
            _refuse_taken(name, {name: f"{role} of {offered.plugin.label}"} if offered else {})
        if self.task and self.task in registry.tasks:
            _refuse_taken(self.task, {self.task: f"task of {registry.tasks[self.task].plugin.label}"})

    @property
    def module(self) -> str:
        """The name of the import package, or of the single file."""
        name = self.slug.replace("-", "_")
        return name if self.single else f"mbo_{name}"

    @cached_property
    def words(self) -> dict[str, str]:
        """The words for templates: `$update` is the name of the update, `$Update` that of its class."""
        classes = {role.capitalize(): _camel(name) + role.capitalize() for role, name in self.stages.items()}
        offered = [f"the {role} `{name}`" for role, name in self.stages.items()]
        role, name = next(iter(self.stages.items()), ("", ""))
        return {
            **self.stages,
            **classes,
            "slug": self.slug,
            "module": self.module,
            "task": self.task or "",
            "run_task": self.task or "TFBind8-Exact-v0",
            "offered": " and ".join([", ".join(offered[:-1]), offered[-1]] if offered[1:] else offered),
            "chosen_proxy": self.stages.get("proxy", "conservative" if "adversary" in self.stages else "regression"),
            "base": "coms" if role == "adversary" else "grad-ascent",
            "shown_table": f"update.{role}" if role in PARTS else role,
            "shown_name": name,
            "requires": _quoted(([] if self.single else [f"mbo-{self.slug}"]) + self._partners),
            "dependencies": _quoted(self.dependencies),
            "test_dependencies": _quoted(self._test_dependencies),
        }

    @cached_property
    def facts(self) -> set[str]:
        """Facts about the plugin, for the conditional lines of templates."""
        closed = "proxy" in self.stages and self.style == "closed-form"
        found = {
            "package": not self.single,
            "single": self.single,
            "stages": bool(self.stages),
            "task": self.task is not None,
            "tool": self.tool,
            "types": self.tool or self.task is not None,
            "requires": bool(self._partners) or not self.single,
            "closed_form": closed,
            "network": not closed,
            "climbs": "objective" in self.stages and "update" not in self.stages,
            "shrinks": bool({"proxy", "update"} & set(self.stages)),
        }
        return {fact for fact, holds in found.items() if holds} | set(self.stages)

    @property
    def _partners(self) -> list[str]:
        """The distributions of other plugins whose stages its recipe uses."""
        if not self.stages:
            return []
        ascent = "update" not in self.stages or not {"proxy", "adversary"} & set(self.stages)
        conservative = "adversary" in self.stages and "proxy" not in self.stages
        return ["mbo-coms"] * conservative + ["mbo-grad-ascent"] * ascent

    @property
    def dependencies(self) -> list[str]:
        """The dependencies of its package."""
        libraries = ["torch>=2.4"] * (bool(self.stages) or self.tool) + ["numpy>=1.26"] * (self.task is not None)
        return [*_with_range("mbo-core", *self._partners), *libraries]

    @property
    def _test_dependencies(self) -> list[str]:
        partners = ["mbo-design-bench"] if self.stages else ["mbo-design-bench", "mbo-grad-ascent"]
        return [*_with_range(*partners), "pytest>=8"]


def check_slug(slug: str) -> None:
    """Refuse an invalid plugin name.

    Raises:
        RecipeError: with a hint.
    """
    if slug.startswith("mbo-"):
        raise RecipeError(f'invalid plugin name "{slug}"', f"leave out the prefix: mbo new {slug.removeprefix('mbo-')}")
    if not KEBAB.fullmatch(slug) or slug == "core":
        raise RecipeError(f'invalid plugin name "{slug}"', "use lower-case words of letters and digits: my-method")


def _named(stages: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    known = (*ROLES, *PARTS)
    for text in stages:
        role, colon, name = text.partition(":")
        if not colon:
            raise RecipeError(f'missing role in --stage "{text}"', f"write --stage ROLE:NAME, e.g. proxy:{text}")
        if role not in known:
            raise RecipeError(f'unknown role "{role}" in --stage {text}', nearest(role, known))
        if not KEBAB.fullmatch(name):
            raise RecipeError(f'invalid stage name "{name}"', "use lower-case words of letters and digits: my-stage")
        if role in found:
            fact = f"duplicate {role}: {found[role]} and {name}"
            raise RecipeError(fact, "name one stage per role, and add others by hand later")
        found[role] = name
    return {role: found[role] for role in known if role in found}


def _refuse_taken(name: str, taken: Mapping[str, str]) -> None:
    if name in taken:
        raise RecipeError(f'duplicate name "{name}": already used by the {taken[name]}', "choose another name")


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("-"))


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _with_range(*distributions: str) -> list[str]:
    """The distributions with the range of versions that match the installed core."""
    core = Version(version("mbo-core"))
    return [f"{name}>={core.major}.{core.minor},<{core.major}.{core.minor + 1}" for name in distributions]
