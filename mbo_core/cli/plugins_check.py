"""`mbo plugins check`."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from mbo_core.cli.common import json_option, plugins_option, print_json, print_table, registry
from mbo_core.text import say

if TYPE_CHECKING:
    from mbo_core.testing import Case, Outcome


@click.command("check")
@click.argument("name", metavar="NAME")
@json_option
@click.option("-v", "--verbose", is_flag=True, help="Show the traceback of each unexpected error.")
@plugins_option
@click.pass_context
def check(context: click.Context, name: str, as_json: bool, verbose: bool) -> None:
    """Run the conformance checks on the plugin NAME.

    This takes from seconds to a minute.
    """
    from mbo_core.testing import cases

    with click.progressbar(cases(name, registry()), label=f"checking {name}", file=sys.stderr) as bar:
        made = [(case, case.outcome) for case in bar]
    found = [outcome for _, outcome in made]
    failed = any(outcome.status == "failed" for outcome in found)
    if as_json:
        print_json({"plugin": name, "passed": not failed, "outcomes": [dataclasses.asdict(one) for one in found]})
    else:
        _print(made, verbose)
    context.exit(1 if failed else 0)


def _print(made: Sequence[tuple[Case, Outcome]], verbose: bool) -> None:
    by_check: dict[str, list[Outcome]] = {}
    docs = {case.check.name: case.check.doc for case, _ in made}
    for _, outcome in made:
        by_check.setdefault(outcome.check, []).append(outcome)
    print_table(["check", ">passed", "rule"], [[name, _passed(by_check[name]), doc] for name, doc in docs.items()])
    outcomes = [outcome for _, outcome in made]
    for status in ("skipped", "waived", "failed"):
        for outcome in outcomes:
            if outcome.status == status:
                say(str(outcome if verbose else dataclasses.replace(outcome, details="")))
    counts = [f"{sum(one.status == status for one in outcomes)} {status}" for status in _STATUSES]
    say(", ".join(counts))


_STATUSES = ("passed", "failed", "waived", "skipped")


def _passed(outcomes: Sequence[Outcome]) -> str:
    return f"{sum(one.status == 'passed' for one in outcomes)} of {len(outcomes)}"
