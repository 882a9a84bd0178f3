"""Recipes as text for people: resolved, with the source of each value, or new, with every option in a comment."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from mbo_core.recipes.recipe import Recipe
from mbo_core.recipes.schema import FILE
from mbo_core.recipes.words import ROLES
from mbo_core.stages.contracts import Stage
from mbo_core.stages.options import Option, first_line, options
from mbo_core.tasks.space import Kind
from mbo_core.toml import Table, leaves, one_line, parse

UNCOMMENT = "# Every option stands below in a comment, with its present value: take away the # to change it."

Stages: TypeAlias = Mapping[Kind, Stage]
"""A stage for each kind of task."""


def with_sources(toml: str, flat: Table) -> str:
    """A resolved recipe's text in which each option of a stage is followed by where its value comes from.

    Args:
        toml: what `Recipe.to_toml` writes.
        flat: the layers that it was built from.
    """
    sources = {keys: value.where for keys, value in leaves(flat)}
    document = parse(toml, "resolved")
    lines = toml.split("\n")
    for keys, _ in leaves(document.table):
        if keys[0] in ROLES:
            lines[document.lines[keys] - 1] += f"  # {one_line(sources.get(keys) or 'default')}"
    return "\n".join(lines)


def new(head: Mapping[str, Any], uses: Mapping[str, str], fits: Mapping[Kind, Recipe], requires: list[str]) -> str:
    """The text of a new recipe.

    Args:
        head: `extends`, if there is a parent, and `method`.
        uses: the stages that are chosen, by role.
        fits: what the recipe resolves to, by kind of task.
        requires: the packages that it needs.
    """
    lines = [f"#:schema ./{FILE}"]
    if "extends" in head:
        lines.append(f"extends = {toml(head['extends'])}")
    method = {**head["method"], **({"requires": requires} if requires else {})}
    lines += ["", "[method]", *(f"{key} = {toml(value)}" for key, value in method.items()), "", UNCOMMENT]
    for role in ROLES:
        stages = {kind: getattr(fit, role) for kind, fit in fits.items()}
        lines += _stage(role, stages, uses.get(role))
    return "\n".join(lines) + "\n"


def _stage(path: str, stages: Stages, chosen: str | None) -> Iterator[str]:
    """The table of a stage, or one for each kind of task where these have different stages."""
    if len({stage.name for stage in stages.values()}) == 1:
        yield from _table(path, stages, chosen)
        return
    for kind, stage in stages.items():
        yield from _table(f"when.{kind}.{path}", {kind: stage}, None)


def _table(path: str, stages: Stages, chosen: str | None) -> Iterator[str]:
    first = next(iter(stages.values()))
    own = {name: one for name, one in options(type(first)).items() if name not in ROLES}
    if not own and not chosen:
        return
    said = one_line(first_line(type(first)))
    yield from ("", f"[{path}]", f"use = {toml(chosen)}  # {said}" if chosen else f"# {first.name}: {said}")
    for name, option in own.items():
        if option.stage is None:
            yield _option(option, {kind: getattr(stage, name) for kind, stage in stages.items()})
    for name, option in own.items():
        if option.stage is not None:
            yield from _stage(f"{path}.{name}", {kind: getattr(stage, name) for kind, stage in stages.items()}, None)


def _option(option: Option, values: Mapping[Kind, Any]) -> str:
    first = next(iter(values.values()))
    others = [f"{toml(value)} for {kind} tasks" for kind, value in values.items() if value != first]
    said = "; ".join(filter(None, [*others, option.limits.range(), one_line(option.limits.doc)]))
    if first is None:
        return f"# {option.name}: not set; {said}"
    return f"# {option.name} = {toml(first)}  # {said}"


def toml(value: Any) -> str:
    """A value as TOML on one line; what JSON writes of words, numbers and lists is TOML too.

    >>> toml((64, 64)), toml("soft"), toml(True), toml(3e-4)
    ('[64, 64]', '"soft"', 'true', '0.0003')
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
