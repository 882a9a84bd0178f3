"""`mbo plugins`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from mbo_core.cli.common import json_option, plugins_option, print_json, print_table, registry
from mbo_core.cli.plugins_check import check
from mbo_core.cli.program import Commands
from mbo_core.text import say

if TYPE_CHECKING:
    from mbo_core.plugins.discovery import Plugin
    from mbo_core.plugins.registry import Registry


@click.group(cls=Commands, invoke_without_command=True)
@json_option
@click.option("-v", "--verbose", is_flag=True, help="Show the traceback of each plugin that raised.")
@click.option("--available", is_flag=True, help="List known plugins and how to install them.")
@plugins_option
@click.pass_context
def plugins(context: click.Context, as_json: bool, verbose: bool, available: bool) -> None:
    """List all plugins, their status and what they offer.

    If the status is not ok, the reason follows.
    """
    if context.invoked_subcommand is not None:
        return
    found = registry()
    if available:
        _available(found, as_json)
        return
    rows = [_row(plugin, found) for plugin in found.examine()]
    if as_json:
        print_json({"plugins": rows})
    elif not rows:
        say("no plugins installed; `mbo plugins --available` lists known plugins", err=True)
    else:
        _print(rows, verbose)


def _available(found: Registry, as_json: bool) -> None:
    from mbo_core.plugins.known import known

    listed = known(found.plugins)
    if as_json:
        print_json({"available": [{**asdict(one), "install": one.install} for one in listed]})
        return
    rows = [[one.name, one.summary, one.installed or "-", "" if one.installed else one.install] for one in listed]
    print_table(("name", "offers", "installed", "install with"), rows)


def _row(plugin: Plugin, found: Registry) -> dict[str, Any]:
    return {
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "module": plugin.module,
        "status": plugin.status,
        "reason": plugin.reason,
        "offers": {
            "methods": [name for name, method in found.methods.items() if method.plugin is plugin],
            "stages": [" ".join(name) for name, offered in found.stages.items() if offered.plugin is plugin],
            "tasks": [name for name, offered in found.tasks.items() if offered.plugin is plugin],
            "hooks": _wrapped(plugin, found),
        },
        "traceback": plugin.trace,
    }


def _wrapped(plugin: Plugin, found: Registry) -> list[str]:
    """The hooks of a run that a plugin implements or wraps."""
    module = found.manager.get_plugin(plugin.name)
    callers = (found.manager.get_hookcallers(module) if module is not None and plugin.usable else None) or []
    return sorted(caller.name for caller in callers if caller.name not in {"mbo_stages", "mbo_tasks"})


def _print(rows: list[dict[str, Any]], verbose: bool) -> None:
    columns = ("name", "distribution", "version", "status", "offers")
    print_table(columns, [[*(row[column] for column in columns[:-1]), _offers(row)] for row in rows])
    for row in rows:
        if row["reason"]:
            say(f"{row['name']} is {row['status']}: {row['reason']}")
        if verbose and row["traceback"]:
            say(f"\n{row['traceback']}")


def _offers(row: dict[str, Any]) -> str:
    return "\n".join(f"{kind}: {', '.join(names)}" for kind, names in row["offers"].items() if names)


plugins.add_command(check)
