"""A JSON schema (draft-07) of recipes with the installed stages, for completion in editors.

A stage's options depend on its `use`. In a recipe with a parent, and in `when` and `preset`, another layer may set
`use`. The table may then hold the options of any stage of its role.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, Literal, cast, get_args, get_origin

from mbo_core.errors import RecipeError
from mbo_core.plugins.offers import PARTS
from mbo_core.plugins.registry import Registry
from mbo_core.plugins.validation import role_of
from mbo_core.recipes.words import DEFAULT_ENCODINGS, DEFAULT_STAGES, ROLES
from mbo_core.stages.contracts import Stage
from mbo_core.stages.objective import PREDICTION
from mbo_core.stages.options import Limits, Option, first_line, options, to_toml
from mbo_core.toml import subtable

FILE = "recipe.schema.json"
"""The file name that new recipes refer to."""

UNNAMED = {**DEFAULT_STAGES, PREDICTION.role: PREDICTION.name}
"""The stage of a role that is not named."""

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
TEXTS: Schema = {"type": "array", "items": TEXT}
SCORE: Schema = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}


def schema(registry: Registry) -> Schema:
    """The schema of all recipes, as plain JSON values."""
    definitions = {
        f"{role}-{where}": _table(role, where, registry)
        for role in (*ROLES, *PARTS)
        for where in ("whole", "inner", "layer")
    }
    layers: dict[str, Schema] = {role: _ref(role, "layer") for role in ROLES}
    layer, preset = _object(layers, "overrides, by role"), _object({**layers, "when": _when(registry)}, "overrides")
    whole = {"properties": {role: _ref(role, "whole") for role in ROLES}}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A recipe of mbo",
        "definitions": {**definitions, "layer": layer, "preset": preset},
        **_object(_properties(registry), "a stage for each role, and its options"),
        "if": {"not": {"required": ["extends"]}},
        "then": whole,
    }


def _properties(registry: Registry) -> Schema:
    preset = {"$ref": "#/definitions/preset"}
    method = f"a method ({', '.join(registry.methods)}) or a TOML file beside this one"
    parents = [{"enum": list(registry.methods)}, {"type": "string", "pattern": r"\.toml$"}]
    return {
        "extends": {"description": method, "anyOf": parents},
        **{role: _ref(role, "layer") for role in ROLES},
        "method": _method(),
        "published": {"type": "object", "description": "published scores, by task", "additionalProperties": _scores()},
        "measured": {"type": "object", "description": "our scores, by task", "additionalProperties": _measured()},
        "listing": _listing(),
        "when": _when(registry),
        "preset": {"type": "object", "description": "overrides by name, e.g. quick", "additionalProperties": preset},
        "run": _run(),
    }


def _when(registry: Registry) -> Schema:
    layer = {"$ref": "#/definitions/layer"}
    return _object(dict.fromkeys(_conditions(registry), layer), "overrides for a kind of task, or for one task")


def _method() -> Schema:
    described = {
        "name": {**TEXT, "description": "the file's name by default"},
        "summary": {**TEXT, "description": "what it does, in one line"},
        "paper": {**TEXT, "description": "where it was published, e.g. arXiv:2107.06882"},
        "code": {**TEXT, "description": "the released code it follows, with its commit"},
        "mix": {"type": "boolean", "description": "whether it mixes stages of several methods"},
        "try_on_tables": {"type": "boolean", "description": "whether tools that choose a method may try it on a table"},
        "deviations": {**TEXTS, "description": "differences from the paper or the released code"},
        "requires": {**TEXTS, "description": "the required distributions, e.g. mbo-coms>=0.1"},
        "unpackaged": {"type": "object", "description": "the place of each stage that is not installed by a package"},
    }
    return _object(described, "about the recipe")


def _scores() -> Schema:
    return _object({"100th": SCORE, "50th": SCORE, "source": TEXT}, "mean and standard deviation, and the source")


def _measured() -> Schema:
    more = {"seeds": {"type": "integer", "minimum": 1}, "preset": TEXT}
    return _object({"100th": SCORE, "50th": SCORE, "source": TEXT, **more}, "mean, standard deviation and their source")


def _listing() -> Schema:
    kinds = {"type": "array", "items": {"enum": list(DEFAULT_ENCODINGS)}, "minItems": 1}
    described = {
        "kinds": {**kinds, "description": "the kinds of space it works on"},
        "cost": {"type": "number", "exclusiveMinimum": 0, "description": "run time relative to grad-ascent"},
    }
    return _object(described, "what `mbo list-methods` prints")


def _run() -> Schema:
    number = {"type": "integer", "minimum": 0}
    seeds = [{"type": "integer", "minimum": 1}, {"type": "array", "items": number, "minItems": 1, "uniqueItems": True}]
    described = {
        "task": {**TEXT, "description": "the task, or a table FILE.csv or FILE.npz, unless --task is given"},
        "sha256": {**TEXT, "description": "the checksum of that file when it was read"},
        "target": {**TEXT, "description": "the file's column of scores"},
        "minimize": {"type": "boolean", "description": "whether smaller scores are better"},
        "weights": {**TEXT, "description": "the file's column of weights"},
        "ignore": {**TEXTS, "description": "columns of the file that are no inputs"},
        "space": {**TEXT, "description": "a file that corrects the space inferred from the table"},
        "hold": {"type": "object", "description": "columns that proposals keep at a value"},
        "start": {**TEXT, "description": "a CSV file of designs to search from"},
        "seeds": {"description": "how many seeds, or which", "anyOf": seeds},
        "preset": {**TEXT, "description": "the preset to apply, unless --preset is given"},
        "applied": {**TEXT, "description": "the preset already included in the values"},
        "changed": {**TEXTS, "description": "the options changed by --set, already included in the values"},
    }
    return _object(described, "the settings of an earlier run")


def _conditions(registry: Registry) -> list[str]:
    """Kinds and tasks, including tasks that are not installed but are named by an installed method."""
    named = []
    for method in registry.methods.values():
        try:
            named += [*subtable(method.document.table, "when")]
        except RecipeError:
            # The registry reports what is wrong with that file.
            continue
    return list(dict.fromkeys([*DEFAULT_ENCODINGS, *registry.tasks, *sorted(named)]))


def _table(role: str, where: str, registry: Registry) -> Schema:
    """A stage's table: `whole` if it alone defines the stage, `inner` to another, or a `layer` over one."""
    stages = [cast("type[Stage]", offered.value) for offered in registry.loaded(role).values()]
    inside = "layer" if where == "layer" else "inner"
    # All options are listed, as editors complete from `properties`; `allOf` says which go together.
    every = _object({"use": _use(stages), **_any(stages, inside)}, f"the {role}")
    return {**every, "allOf": [*(_if_used(stage, inside) for stage in stages), *_if_unnamed(role, where, stages)]}


def _if_used(stage: type[Stage], inside: str) -> Schema:
    named = {"properties": {"use": {"const": stage.name}}, "required": ["use"]}
    return {"if": named, "then": _object({"use": True, **_options(stage, inside)}, first_line(stage))}


def _if_unnamed(role: str, where: str, stages: Iterable[type[Stage]]) -> list[Schema]:
    if where == "layer":
        return []
    if where == "inner" and role in ROLES:
        return [{"required": ["use"]}]
    silent = [stage for stage in stages if stage.name in {*DEFAULT_ENCODINGS.values(), UNNAMED.get(role)}]
    return [{"if": {"not": {"required": ["use"]}}, "then": _object(_any(silent, "inner"), f"the {role}")}]


def _use(stages: Iterable[type[Stage]]) -> Schema:
    said = {stage.name: first_line(stage) for stage in stages}
    lines = "\n".join(f"* {name}: {line}" for name, line in said.items())
    # Editors built on taplo show a line for each value.
    return {"description": lines, "enum": list(said), "x-taplo": {"docs": {"enumValues": list(said.values())}}}


def _any(stages: Iterable[type[Stage]], where: str) -> Schema:
    """The options of all these stages; a shared one may have any value that one of them allows."""
    found: dict[str, list[Schema]] = {}
    for stage in stages:
        for name, one in _options(stage, where).items():
            if one not in found.setdefault(name, []):
                found[name].append(one)
    return {name: ones[0] if len(ones) == 1 else {"anyOf": ones} for name, ones in found.items()}


def _options(stage: type[Stage], where: str) -> Schema:
    return {name: _option(one, where) for name, one in options(stage).items() if name not in ROLES}


def _option(option: Option, where: str) -> Schema:
    if option.stage is not None:
        return _ref(role_of(cast("type[Stage]", option.stage)), where)
    default = to_toml({"default": option.default}) if _is_plain(option.default) else {}
    elsewhere = [f"{json.dumps(value)} on {kind} designs" for kind, value in option.by_kind.items()]
    return {"description": "; ".join([option.limits.doc, *elsewhere]), **_type(option.type, option.limits), **default}


def _is_plain(value: Any) -> bool:
    return isinstance(value, (bool, int, float, str, tuple))


def _type(kind: Any, limits: Limits) -> Schema:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return {"enum": list(inner)}
    if origin is tuple:
        return {"type": "array", "items": _type(inner[0], limits)}
    if origin in {typing.Union, types.UnionType}:
        return {"anyOf": [_type(one, limits) for one in inner if one is not type(None)]}
    if kind in {int, float}:
        return {"type": "integer" if kind is int else "number", **_range(limits)}
    return {"type": "boolean" if kind is bool else "string"}


def _range(limits: Limits) -> Schema:
    bounds = {"minimum": limits.at_least, "exclusiveMinimum": limits.above, "maximum": limits.at_most}
    return {name: bound for name, bound in bounds.items() if bound is not None}


def _object(properties: Mapping[str, Any], description: str) -> Schema:
    facts = {"type": "object", "description": description}
    return {**facts, "properties": dict(properties), "additionalProperties": False}


def _ref(role: str, where: str) -> Schema:
    return {"$ref": f"#/definitions/{role}-{where}"}
