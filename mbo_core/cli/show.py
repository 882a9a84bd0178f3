"""`mbo show`."""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mbo_core.cli.common import json_option, plugins_option, print_json, print_table, registry
from mbo_core.cli.stopping import output
from mbo_core.errors import RecipeError, matching, nearest
from mbo_core.text import say
from mbo_core.toml import flat

SCORES = ("published", "measured")
"""The tables of a method that hold scores by task."""

if TYPE_CHECKING:
    from mbo_core.plugins.collect import Offered
    from mbo_core.plugins.discovery import Method
    from mbo_core.plugins.registry import Registry


@click.command()
@click.argument("name")
@click.option("--verify", is_flag=True, help="Compare the files of a run's folder with their checksums.")
@json_option
@plugins_option
def show(name: str, verify: bool, as_json: bool) -> None:
    """Show NAME in full: a method, a stage, a task, or the folder of a run."""
    with output():
        if verify:
            _verify(Path(name), as_json)
        elif os.path.isdir(name):
            _show_folder(Path(name), as_json)
        else:
            _show_named(name, as_json)


def _show_named(name: str, as_json: bool) -> None:
    found = registry()
    things = _things(name, found)
    if not things:
        if os.path.exists(name):
            raise RecipeError(f"{name} is a file", "name a run's folder; `mbo recipe show` prints a recipe file")
        known = [*found.methods, *(stage for _, stage in found.stages), *found.tasks]
        raise RecipeError(f'unknown method, stage, task or run "{name}"', nearest(name, known))
    if as_json:
        print_json({"found": things})
        return
    for thing in things:
        _print(thing)


def _things(name: str, found: Registry) -> list[dict[str, Any]]:
    """The methods, stages and tasks with a name, regardless of case."""
    method, task = matching(name, found.methods), matching(name, found.tasks)
    stages = [(role, stage) for role, stage in found.stages if stage.casefold() == name.casefold()]
    return [
        *([_method(found.methods[method], found)] if method else []),
        *(_stage(key[0], found.stages[key], found) for key in stages),
        *([_task(found.tasks[task])] if task else []),
    ]


def _show_folder(path: Path, as_json: bool) -> None:
    from mbo_core.cli.report import print_folder
    from mbo_core.runs.condition import status
    from mbo_core.runs.store import Folder

    if as_json:
        record = Folder(path).load_record()
        print_json({**record, "status": status(path, record)} if "status" in record else record)
    else:
        print_folder(path)


def _verify(path: Path, as_json: bool) -> None:
    """Say which files of a run have changed since they were written; exit code 1 if any has.

    Raises:
        StoreError: for a folder that holds no run, or one without checksums.
    """
    from mbo_core.runs.store import Folder

    folder = Folder(path)
    faults = folder.faults()
    if as_json:
        print_json({"files": len(folder.sums), "faults": faults})
    else:
        for line in faults or [f"{len(folder.sums)} files are as they were written"]:
            say(line)
    if faults:
        raise click.exceptions.Exit(1)


def _method(method: Method, found: Registry) -> dict[str, Any]:
    from mbo_core.recipes.layers import lineage
    from mbo_core.recipes.recipe import Recipe, written
    from mbo_core.recipes.resolve import fits_kinds
    from mbo_core.toml import plain, subtable

    whole = lineage(method.document, found)
    thing: dict[str, Any] = {"what": "method", **method.about, **_from(method.plugin)}
    thing["file"] = str(method.path)
    thing["presets"] = plain(whole.presets)
    for table in ("published", "measured", "listing"):
        thing[table] = plain(subtable(method.document.table, table))
    for kind, fit in fits_kinds(method.document, found).items():
        stages = fit.stages().items() if isinstance(fit, Recipe) else ()
        thing[f"{kind} tasks"] = {role: written(stage) for role, stage in stages} or str(fit)
    return thing


def _stage(role: str, offered: Offered, found: Registry) -> dict[str, Any]:
    from mbo_core.recipes.mixes import needs, partners
    from mbo_core.stages.contracts import infos
    from mbo_core.stages.options import options

    stage = offered.value
    rows = [
        {
            "option": one.name,
            "type": one.type_name if one.stage is None else f"a stage: {one.stage.__name__}",
            "default": "" if one.stage else one.defaults if one.by_kind else one.default,
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
    if role == "update":
        facts["needs of a proxy"] = _needed(needs(stage, found))
    fits = {f"{other} stages it mixes with": names for other, names in partners(stage, found).items()}
    described = {"infos": infos(stage)} if infos(stage) else {}
    return {**about, **facts, **fits, **_from(offered.plugin), **described, "options": rows}


def _needed(needs: dict[str, list[str]]) -> list[str]:
    """A line for each choice of inner stages."""
    said = {label: ", ".join(abilities) or "nothing" for label, abilities in needs.items()}
    return [f"with the defaults{f' and {label}' if label else ''}: {abilities}" for label, abilities in said.items()]


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
                list(value[0]) if value else ["no options"], [[_toml(cell) for cell in row.values()] for row in value]
            )
        elif isinstance(value, dict) and value:
            say(f"{key}:")
            for name, inner in value.items():
                say(f"  {name}: {_scores(inner) if key in SCORES else _text(inner)}")
        elif isinstance(value, list) and any(" " in str(item) for item in value):
            say(f"{key}:")
            for item in value:
                say(f"  - {item}")
        else:
            say(f"{key}: {_text(value)}")


def _scores(scores: dict[str, Any]) -> str:
    from mbo_core.cli.report import scores_line

    return scores_line(scores)


def _text(value: Any) -> str:
    """A fact for people; a table's keys are written as `--set` takes them.

    >>> _text(["continuous", "discrete"]), _text([]), _text(True)
    ('continuous, discrete', 'none', 'yes')
    >>> _text({"use": "autofocus", "inner": {"hidden": [8, 8], "monotone": False}})
    'use = autofocus, inner.hidden = [8, 8], inner.monotone = false'
    """
    if isinstance(value, dict) and value:
        return ", ".join(f"{name} = {_toml(inner)}" for name, inner in flat(value))
    if isinstance(value, (dict, list)):
        return ", ".join(map(str, value)) or "none"
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)


def _toml(value: Any) -> str:
    """An option's value as in a recipe, but for the quotes of text; or its default on each kind of space."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, dict):
        return ", ".join(f"{kind} {_toml(one)}" for kind, one in value.items())
    return str(value).lower() if isinstance(value, bool) else str(value)
