"""`mbo list-methods`, `mbo list-tasks` and `mbo list-stages`."""

from __future__ import annotations

from typing import Any

import click

from mbo_core.cli.common import json_option, plugins_option, print_json, print_table, registry


@click.command("list-methods")
@json_option
@plugins_option
def list_methods(as_json: bool) -> None:
    """List the methods of all installed plugins."""
    rows = [
        {
            "name": method.name,
            "summary": method.about.get("summary", ""),
            "paper": method.about.get("paper", ""),
            "plugin": method.plugin.name,
            "distribution": method.plugin.distribution,
            "version": method.plugin.version,
        }
        for method in registry().methods.values()
    ]
    _print(as_json, "methods", rows, ("name", "summary", "paper", "plugin"))


@click.command("list-tasks")
@json_option
@plugins_option
def list_tasks(as_json: bool) -> None:
    """List the tasks, and which are ready here."""
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
                "here": missing or "ready",
                "plugin": offered.plugin.name,
            }
        )
    _print(as_json, "tasks", rows, ("name", "kind", "oracle", "summary", "here"))


@click.command("list-stages")
@json_option
@plugins_option
def list_stages(as_json: bool) -> None:
    """List the stages that recipes can name, by role."""
    rows = []
    for (role, name), offered in registry().stages.items():
        doc = (offered.value.__doc__ or "").strip().splitlines()
        rows.append({"role": role, "name": name, "summary": doc[0] if doc else "", "plugin": offered.plugin.name})
    _print(as_json, "stages", rows, ("role", "name", "summary", "plugin"))


def _print(as_json: bool, what: str, rows: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    if as_json:
        print_json({what: rows})
    elif rows:
        print_table(columns, [[str(row[column]) for column in columns] for row in rows])
    else:
        click.echo(f"no {what} are installed; plugins are packages such as mbo-coms", err=True)
