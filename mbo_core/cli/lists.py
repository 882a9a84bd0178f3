"""`mbo list-methods`, `mbo list-tasks` and `mbo list-stages`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from mbo_core.cli.common import json_option, plugins_option, print_json, print_table, registry
from mbo_core.recipes.words import DEFAULT_ENCODINGS
from mbo_core.text import say

if TYPE_CHECKING:
    from mbo_core.plugins.discovery import Method

YARDSTICK = "TFBind8-Exact-v0"
"""The task whose scores `mbo list-methods` shows."""

LEGEND = f"""\
space: continuous (numbers), discrete (one sequence), mixed (several kinds of columns); "all" three.
cost: run time relative to grad-ascent.
ours, published: normalised 100th percentile on {YARDSTICK}, mean ± std; * with a preset.
`mbo list-methods -v` adds summaries and sources; `mbo show METHOD` prints everything."""


@click.command("list-methods")
@click.option("-v", "--verbose", is_flag=True, help="Add a summary of each method and the source of its scores.")
@json_option
@plugins_option
def list_methods(verbose: bool, as_json: bool) -> None:
    """List the methods of all installed plugins, to choose from."""
    methods = registry().methods.values()
    if as_json:
        print_json({"methods": [_facts(method) for method in methods]})
    elif not methods:
        _nothing("methods")
    else:
        columns = ("name", "space", ">cost", ">ours", ">published", "plugin")
        print_table(columns, [_cells(_facts(method)) for method in methods])
        if verbose:
            for method in methods:
                _describe(_facts(method))
        say(LEGEND)


def _facts(method: Method) -> dict[str, Any]:
    """What the recipe's text says about the method; nothing is imported."""
    from mbo_core.errors import RecipeError
    from mbo_core.toml import plain

    try:
        table = plain(method.document.table)
    except RecipeError:
        table = {}
    listing = table.get("listing", {})
    return {
        "name": method.name,
        "summary": method.about.get("summary", ""),
        "paper": method.about.get("paper", ""),
        "mix": method.about.get("mix", False),
        "kinds": list(method.kinds),
        "cost": listing.get("cost"),
        "measured": table.get("measured", {}).get(YARDSTICK),
        "published": table.get("published", {}).get(YARDSTICK),
        "plugin": method.plugin.name,
        "distribution": method.plugin.distribution,
        "version": method.plugin.version,
    }


def _cells(facts: Mapping[str, Any]) -> list[str]:
    measured = facts["measured"] or {}
    ours = _score(measured) + ("*" if measured.get("preset") else "")
    cost = "-" if facts["cost"] is None else f"{facts['cost']:g}"
    return [facts["name"], _kinds(facts["kinds"]), cost, ours, _score(facts["published"]), facts["plugin"]]


def _kinds(kinds: Sequence[str]) -> str:
    """The kinds of space in one or two words.

    >>> _kinds(["continuous", "discrete", "mixed"]), _kinds(["continuous", "discrete"]), _kinds(["mixed"]), _kinds([])
    ('all', 'not mixed', 'mixed', '-')
    """
    lacking = [kind for kind in DEFAULT_ENCODINGS if kind not in kinds]
    if len(kinds) < 2:
        return kinds[0] if kinds else "-"
    return f"not {lacking[0]}" if lacking else "all"


def _score(scores: Mapping[str, Any] | None) -> str:
    best = (scores or {}).get("100th")
    return f"{best[0]:.3f} ± {best[1]:.3f}" if best else "-"


def _describe(facts: Mapping[str, Any]) -> None:
    say(f"{facts['name']}: {facts['summary']}")
    for which in ("measured", "published"):
        scores = facts[which] or {}
        if "source" in scores:
            say(f"    {which}: {scores['source']}")
    say("")


@click.command("list-tasks")
@click.option("-v", "--verbose", is_flag=True, help="Add a summary of each task.")
@json_option
@plugins_option
def list_tasks(verbose: bool, as_json: bool) -> None:
    """List the tasks and their status.

    The status is "ready", or the command to run first.
    """
    rows = []
    for name, offered in registry().tasks.items():
        offer = offered.value
        missing = offer.unready()
        rows.append(
            {
                "name": name,
                "kind": offer.kind,
                "oracle": offer.info.oracle,
                "summary": offer.info.summary,
                "ready": missing is None,
                "missing": missing or "",
                "status": offer.status(),
                "plugin": offered.plugin.name,
            }
        )
    _print(as_json, "tasks", rows, ("name", "kind", "oracle", "status"))
    if verbose and not as_json:
        for row in rows:
            say(f"{row['name']}: {row['summary']}")


@click.command("list-stages")
@json_option
@plugins_option
def list_stages(as_json: bool) -> None:
    """List the stages that recipes can name, by role."""
    from mbo_core.stages.options import first_line

    rows = [
        {"role": role, "name": name, "summary": first_line(offered.value), "plugin": offered.plugin.name}
        for (role, name), offered in registry().loaded().items()
    ]
    _print(as_json, "stages", rows, ("role", "name", "summary", "plugin"))


def _print(as_json: bool, what: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    if as_json:
        print_json({what: rows})
    elif rows:
        print_table(columns, [[str(row[column]) for column in columns] for row in rows])
    else:
        _nothing(what)


def _nothing(what: str) -> None:
    say(f"no {what} installed; install a plugin, e.g. pip install mbo-coms", err=True)
