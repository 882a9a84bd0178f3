"""`mbo run --dry-run`: what a run would do, and what it would cost."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import asdict
from typing import TYPE_CHECKING

from mbo_core.cli.common import print_json, print_table
from mbo_core.text import say

if TYPE_CHECKING:
    from mbo_core.runs.planning import Plan
    from mbo_core.tasks.source import Source


def print_estimate(plan: Plan, device: str, as_json: bool) -> None:
    """Print the resolved recipe and what a run of it would cost; nothing is trained or stored."""
    from mbo_core.recipes.limits import in_words
    from mbo_core.runs.estimate import HOW, estimate

    # Output of a plugin is not a result.
    with redirect_stdout(sys.stderr):
        found = estimate(plan, device)
    recipe = plan.asked.to_toml(plan.settings(stored=False))
    if as_json:
        facts = {"recipe": plan.recipe.name, "constants": plan.recipe.constants, "task": plan.task.name}
        cut = [asdict(each) for each in plan.cuts]
        print_json({**facts, "cut": cut, "seeds": list(plan.seeds), **found.summary(), "resolved": recipe})
        return
    say(recipe)
    cuts = "".join(f"; the table limits {words}" for words in filter(None, [in_words(plan.cuts)]))
    if plan.task.source is not None:
        say(f"# the space of the table: {space_command(plan.task.source, plan.files)}")
    say(f"# {found.rows} rows, {len(plan.seeds)} seeds, device {device}{cuts}")
    rows = [
        [one.name, "" if one.steps is None else str(one.steps), duration(one.seconds, one.at_least)]
        for one in (*found.phases, found.whole)
    ]
    print_table(["phase", ">steps per seed", ">time, all seeds"], rows)
    memory = "unknown" if found.memory is None else f"{found.memory / 2**30:.1f} GiB"
    say(f"memory: about {memory}\nestimate: {HOW}\nnothing was trained or stored")


def space_command(source: Source, files: Mapping[str, str]) -> str:
    """The command that prints the space of a table from a file."""
    said = {
        "--target": [source.target] if source.target is not None else [],
        "--weights": [source.weights] if source.weights is not None else [],
        "--space": [files["space"]] if "space" in files else [],
        "--ignore": source.ignore,
    }
    options = [word for option, values in said.items() for value in values for word in (option, value)]
    return shlex.join(["mbo", "space", "infer", source.path, *options, *(["--minimize"] if source.minimize else [])])


def duration(seconds: float | None, at_least: bool = False) -> str:
    """A rough duration for people.

    >>> [duration(each) for each in (None, 0.2, 59, 90, 7200, 200000)], duration(90, at_least=True)
    (['unknown', '< 1 s', '59 s', '2 min', '2.0 h', '2.3 days'], 'over 2 min')
    """
    if seconds is None:
        return "unknown"
    if at_least:
        return f"over {duration(max(seconds, 1.0))}"
    if seconds < 1:
        return "< 1 s"
    units = ((60, 1, "s", 0), (3600, 60, "min", 0), (86400, 3600, "h", 1), (float("inf"), 86400, "days", 1))
    size, unit, digits = next((size, unit, digits) for below, size, unit, digits in units if seconds < below)
    return f"{seconds / size:.{digits}f} {unit}"
