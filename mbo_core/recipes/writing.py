"""Recipes as text: a resolved one with the source of each value, a new one with every option in a comment."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from mbo_core.recipes.quick import NAME as QUICK
from mbo_core.recipes.recipe import Recipe
from mbo_core.recipes.schema import FILE
from mbo_core.recipes.words import ROLES
from mbo_core.stages.contracts import Stage
from mbo_core.stages.options import Option, first_line, options
from mbo_core.tasks.space import Kind
from mbo_core.toml import Table, leaves, one_line, parse

UNCOMMENT = "# Every option is listed in a comment with its current value. To change one, remove the #."

Choices: TypeAlias = Mapping[str, Sequence[str]]

Stages: TypeAlias = Mapping[Kind, Stage]
"""A stage for each kind of task."""


def with_sources(toml: str, flat: Table) -> str:
    """A resolved recipe's text, with the source of each stage option in a comment.

    Args:
        toml: what `Recipe.to_toml` writes.
        flat: the merged layers it was built from.
    """
    sources = {keys: value.where for keys, value in leaves(flat)}
    document = parse(toml, "resolved")
    lines = toml.split("\n")
    for keys, _ in leaves(document.table):
        if keys[0] in ROLES:
            lines[document.lines[keys] - 1] += f"  # {one_line(sources.get(keys) or 'default')}"
    return "\n".join(lines)


def new(
    head: Mapping[str, Any],
    uses: Mapping[str, Any],
    fits: Mapping[Kind, Recipe],
    preset: Mapping[str, Any],
    choices: Choices,
) -> str:
    """The text of a new recipe.

    Args:
        head: `method`, and `extends` if it has a parent.
        uses: the tables of the chosen stages, by role: `use`, and a table for each inner stage.
        fits: the resolved recipe, by kind of task.
        preset: the options of its preset `quick`.
        choices: the possible names of each inner stage, by its path.
    """
    lines = [f"#:schema ./{FILE}"]
    if "extends" in head:
        lines.append(f"extends = {toml(head['extends'])}")
    lines += ["", "[method]", *(f"{key} = {toml(value)}" for key, value in head["method"].items()), "", UNCOMMENT]
    for role in ROLES:
        stages = {kind: getattr(fit, role) for kind, fit in fits.items()}
        lines += _stage(role, stages, uses.get(role, {}), choices)
    if preset:
        lines += ["", f"[preset.{QUICK}]  # for a first look: add --preset {QUICK} to mbo run"]
        lines += [f"{name} = {toml(value)}" for name, value in preset.items()]
    return "\n".join(lines) + "\n"


def _stage(path: str, stages: Stages, chosen: Mapping[str, Any], choices: Choices) -> Iterator[str]:
    """The table of a stage, or one for each kind of task if they have different stages."""
    if len({stage.name for stage in stages.values()}) == 1:
        yield from _table(path, stages, chosen, choices)
        return
    for kind, stage in stages.items():
        yield from _table(f"when.{kind}.{path}", {kind: stage}, {}, choices)


def _table(path: str, stages: Stages, chosen: Mapping[str, Any], choices: Choices) -> Iterator[str]:
    first = next(iter(stages.values()))
    own = {name: one for name, one in options(type(first)).items() if name not in ROLES}
    use = chosen.get("use")
    if not own and not use:
        return
    others = [name for name in choices.get(path, ()) if name != use]
    said = one_line(first_line(type(first))) + (f" Or: {', '.join(others)}." if others else "")
    yield from ("", f"[{path}]", f"use = {toml(use)}  # {said}" if use else f"# {first.name}: {said}")
    for name, option in own.items():
        if option.stage is None:
            yield _option(option, {kind: getattr(stage, name) for kind, stage in stages.items()})
    for name, option in own.items():
        if option.stage is not None:
            inner = {kind: getattr(stage, name) for kind, stage in stages.items()}
            yield from _stage(f"{path}.{name}", inner, chosen.get(name, {}), choices)


def _option(option: Option, values: Mapping[Kind, Any]) -> str:
    first = next(iter(values.values()))
    others = [f"{toml(value)} for {kind} tasks" for kind, value in values.items() if value != first]
    said = "; ".join(filter(None, [*others, option.limits.range(), one_line(option.limits.doc)]))
    if first is None:
        return f"# {option.name}: not set; {said}"
    return f"# {option.name} = {toml(first)}  # {said}"


def toml(value: Any) -> str:
    """A value as TOML on one line. For strings, numbers and lists, JSON is also TOML.

    >>> toml((64, 64)), toml("soft"), toml(True), toml(3e-4)
    ('[64, 64]', '"soft"', 'true', '0.0003')
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
