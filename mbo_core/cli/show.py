"""`mbo show`."""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mbo_core.cli.common import json_option, plugins_option, print_json, print_table, registry
from mbo_core.errors import RecipeError, nearest

if TYPE_CHECKING:
    from mbo_core.plugins.discovery import Method
    from mbo_core.plugins.registry import Offered, Registry


@click.command()
@click.argument("name")
@json_option
@plugins_option
def show(name: str, as_json: bool) -> None:
    """Show all that is known of NAME: a method, a stage, a task, or the folder of a run."""
    if os.path.isdir(name):
        _show_folder(Path(name), as_json)
        return
    found = registry()
    things: list[dict[str, Any]] = []
    if name in found.methods:
        things.append(_method(found.methods[name], found))
    things += [_stage(role, offered) for (role, stage), offered in found.stages.items() if stage == name]
    if name in found.tasks:
        things.append(_task(found.tasks[name]))
    if not things:
        if os.path.exists(name):
            raise RecipeError(f"{name} is a file", "name a run's folder; `mbo recipe show` prints a recipe's file")
        known = [*found.methods, *(stage for _, stage in found.stages), *found.tasks]
        raise RecipeError(f'there is no method, stage, task or run "{name}"', nearest(name, known))
    if as_json:
        print_json({"found": things})
        return
    for thing in things:
        _print(thing)


def _show_folder(path: Path, as_json: bool) -> None:
    from mbo_core.cli.report import print_folder
    from mbo_core.runs.store import Folder

    if as_json:
        print_json(Folder(path).load_record())
    else:
        print_folder(path)


def _method(method: Method, found: Registry) -> dict[str, Any]:
    from mbo_core.recipes.layers import lineage
    from mbo_core.recipes.recipe import Recipe, written
    from mbo_core.recipes.resolve import fits_kinds
    from mbo_core.toml import plain, subtable

    whole = lineage(method.document, found)
    thing: dict[str, Any] = {"what": "method", **method.about, **_from(method.plugin)}
    thing["file"] = str(method.path)
    thing["presets"] = plain(whole.presets)
    thing["published"] = plain(subtable(method.document.table, "published"))
    for kind, fit in fits_kinds(method.document, found).items():
        stages = fit.stages().items() if isinstance(fit, Recipe) else ()
        thing[f"{kind} tasks"] = {role: written(stage) for role, stage in stages} or str(fit)
    return thing


def _stage(role: str, offered: Offered) -> dict[str, Any]:
    from mbo_core.stages.options import options

    stage = offered.value
    rows = [
        {
            "option": one.name,
            "type": one.type_name if one.stage is None else f"a stage: {one.stage.__name__}",
            "default": "" if one.stage else one.default,
            "range": one.limits.range(),
            "meaning": one.limits.doc,
        }
        for one in options(stage).values()
    ]
    facts = {
        fact: sorted(getattr(stage, fact))
        for fact in ("abilities", "trains_against", "moves", "kinds")
        if isinstance(getattr(stage, fact, None), frozenset)
    }
    about = {"what": role, "name": stage.name, "doc": inspect.getdoc(stage) or "", "seeds": stage.lift}
    return {**about, **facts, **_from(offered.plugin), "options": rows}


def _task(offered: Offered) -> dict[str, Any]:
    offer, info = offered.value, offered.value.info
    about = {"what": "task", "name": offer.name, "kind": offer.kind, "ready": offer.unready() or "yes"}
    facts = ("summary", "oracle", "source", "licence", "citation", "comparable")
    return {**about, **{fact: getattr(info, fact) for fact in facts}, **info.notes, **_from(offered.plugin)}


def _from(plugin: Any) -> dict[str, str]:
    return {"plugin": f"{plugin.name} ({plugin.distribution} {plugin.version})"}


def _print(thing: dict[str, Any]) -> None:
    for key, value in thing.items():
        if key == "options":
            print_table(
                list(value[0]) if value else ["no options"], [[_cell(cell) for cell in row.values()] for row in value]
            )
        elif isinstance(value, dict):
            click.echo(f"{key}:")
            for name, inner in value.items():
                click.echo(f"  {name}: {_cell(inner)}")
        elif isinstance(value, list):
            click.echo(f"{key}: " + ("none" if not value else ""))
            for item in value:
                click.echo(f"  - {item}")
        else:
            click.echo(f"{key}: {value}")


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} = {_cell(inner)}" for name, inner in value.items())
    return str(list(value)) if isinstance(value, tuple) else str(value)
