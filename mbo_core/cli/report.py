"""The tables of a run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from mbo_core.cli.common import print_heading, print_table
from mbo_core.errors import StoreError, reason_of
from mbo_core.recipes.limits import Cut, in_words
from mbo_core.runs.condition import condition
from mbo_core.runs.store import TABLE, own_task
from mbo_core.runs.tables import limits_in_words, mean_std, number
from mbo_core.tasks.source import Source
from mbo_core.text import say

if TYPE_CHECKING:
    from mbo_core.runs.result import Result


COLUMNS = (
    "seed",
    ">100th",
    ">50th",
    ">raw\n100th",
    ">raw\n50th",
    ">adversary's\ngap",
    ">predicted\n- true",
    ">distinct",
    ">new",
)

LEGEND = """\
100th, 50th: percentiles of a seed's candidates, normalised and raw scores; population std: over seeds.
distinct, new: the number of distinct candidates, and of those not in the data.
adversary's gap: how much worse the adversary makes the trained proxy, in standardised units.
predicted - true: mean over the candidates, raw; if far above 0, the search has exploited the proxy.
error: the proxy's root mean squared error on rows that it was not trained on, raw; rank correlation: Spearman's."""


def print_result(result: Result) -> None:
    """Print the scores by seed, their mean and std, and scores to compare with."""
    # What was decided about the table was printed before the training.
    notes = [note.plain() for note in result.notes if note.text not in result.task.notes]
    published = result.recipe.published.get(result.task.name)
    print_record({**result.summary(), "notes": notes, "published": published})


def print_record(record: Mapping[str, Any]) -> None:
    """Print the same from a run's record."""
    cuts = in_words([Cut(**each) for each in record["cut"]])
    limits = limits_in_words(record["hold"], record["start"])
    heading = ", ".join(filter(None, [f"{record['recipe']} on {record['task']}", record["constants"], cuts, limits]))
    print_heading(heading)
    rows = [*_seed_rows(record), *_mean_rows(record), _best_row(record)]
    print_table(COLUMNS, [[*row, *[""] * (len(COLUMNS) - len(row))] for row in rows])
    say(LEGEND)
    for line in held_out_lines(record["held_out"]):
        say(line)
    for seed, reason in record["failed"].items():
        say(f"seed {seed} failed: {reason}", err=True)
    if record.get("cached_proxies"):
        say(f"proxies from the cache: seeds {', '.join(map(str, record['cached_proxies']))}")
    for name, scores in record.get("scores_by_oracle", {}).items():
        say(f"oracle {name}: " + ", ".join(f"{of} {mean_std(values)}" for of, values in scores.items()))
    if spread := record.get("spread_over_oracles"):
        say("spread over oracles: " + ", ".join(f"{of} {number(value)}" for of, value in spread.items()))
    for line in note_lines(record["notes"]):
        say(line)
    if record.get("published"):
        say(f"published (normalised): {scores_line(record['published'])}")
    say(f"{record['seconds']:.0f} s; stored in {record['run']}")


def held_out_lines(held_out: Mapping[str, Any]) -> list[str]:
    """How well the proxies predict held-out rows: mean and std over seeds, or a dash."""
    if held_out["rows"]["mean"] is None:
        return ["held-out rows: -"]
    lines = []
    for name, of in (("held-out rows", ""), ("the best of them", "best_")):
        error, rank = (mean_std(held_out[f"{of}{measure}"]["by_seed"]) for measure in ("error", "rank"))
        lines.append(f"{name}: {held_out[f'{of}rows']['mean']:.0f}, error {error}, rank correlation {rank}")
    return lines


def note_lines(notes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Notes for people: a text shared by several seeds once, and figures as mean and std over seeds."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for note in notes:
        groups.setdefault((note["source"], note["text"]), []).append(note)
    return [_note_line(source, text, same) for (source, text), same in groups.items()]


def _note_line(source: str, text: str, same: Sequence[Mapping[str, Any]]) -> str:
    seeds = [str(note["seed"]) for note in same if note["seed"] is not None]
    who = f" (seed{'s' if len(seeds) > 1 else ''} {', '.join(seeds)})" if seeds else ""
    figures = [f"{name} {mean_std([note['values'][name] for note in same])}" for name in same[0]["values"]]
    return f"{source}{who}: " + ", ".join([*([text] if text else []), *figures])


def _series(scores: Mapping[str, Mapping[str, Sequence[float | None]]]) -> list[Sequence[float | None]]:
    return [scores[name][of] for name in ("normalised", "raw") for of in ("100th", "50th")]


def _seed_rows(record: Mapping[str, Any]) -> list[list[str]]:
    counts = record["candidates"]
    columns = [*_series(record["scores"]), *_errors(record), counts["distinct"], counts["new"]]
    return [[str(seed), *(number(column[i]) for column in columns)] for i, seed in enumerate(record["seeds"])]


def _errors(record: Mapping[str, Any]) -> list[Sequence[float | None]]:
    return [record["gap"], record["predicted_less_true"]]


def _mean_rows(record: Mapping[str, Any]) -> list[list[str]]:
    pairs = [_texts(values) for values in [*_series(record["scores"]), *_errors(record)]]
    return [[label, *(pair[i] for pair in pairs)] for i, label in enumerate(("mean", "population std"))]


def _best_row(record: Mapping[str, Any]) -> list[str]:
    best = record["best_in_data"]
    return ["best in data", number(best["normalised"]), "", number(best["raw"]), ""]


def scores_line(scores: Mapping[str, Any]) -> str:
    """Scores of a recipe's `[published]` or `[measured]`: mean and standard deviation, and where they come from.

    >>> scores_line({"100th": [0.97, 0.017], "seeds": 8, "preset": "quick", "source": "README"})
    '100th 0.970 ± 0.017; 8 seeds, preset quick; README'
    """
    figures = [f"{of} {scores[of][0]:.3f} ± {scores[of][1]:.3f}" for of in ("100th", "50th") if scores.get(of)]
    how = [f"{scores['seeds']} seeds"] if "seeds" in scores else []
    how += [f"preset {scores['preset']}"] if "preset" in scores else []
    return "; ".join(filter(None, [", ".join(figures), ", ".join(how), scores.get("source")]))


def _texts(values: Sequence[float | None]) -> tuple[str, str]:
    """Mean and population std, or two dashes."""
    mean, _, std = mean_std(values).partition(" ± ")
    return mean, std or "-"


def print_folder(path: Path) -> None:
    """Print a run's folder, for `mbo show`."""
    from mbo_core.runs.store import Folder

    record = Folder(path).load_record()
    try:
        _print_whole(record, path)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise StoreError(f"{path / 'run.json'} has an unexpected structure: {reason_of(error)}") from error


def _print_whole(record: Mapping[str, Any], path: Path) -> None:
    print_record(record)
    machine, versions = record["machine"], record["versions"]
    say(f"status: {condition(path, record)}")
    say("versions: " + ", ".join(f"{name} {version}" for name, version in versions.items()))
    where = f"{machine['platform']}, {machine['device']}, {machine['threads']} threads"
    say(f"machine: Python {machine['python']} on {where}")
    if record["task_notes"]:
        say("task: " + ", ".join(f"{name} {value}" for name, value in record["task_notes"].items()))
    if record["source"]:
        _print_source(Source(**record["source"]))
    say(f"again: {_again(record, path / 'recipe.toml')}")


def _print_source(source: Source) -> None:
    columns = [f"{key} {value}" for key, value in source.settings().items() if key not in {"task", "sha256", "space"}]
    say(f"table: {', '.join([source.path, *columns])}; sha256 {source.sha256}")
    if change := source.change():
        say(f"table: {change}: the run cannot be repeated exactly", err=True)


def _again(record: Mapping[str, Any], recipe: Path) -> str:
    """How to repeat a run: a command, or lines of Python if the table is the user's own."""
    device, files = record["machine"]["device"], [home for home in record["unpackaged"] if home.endswith(".py")]
    if record["source"] or not record["own_table"]:
        given = "".join(f" --plugin {quote(file)}" for file in files)
        return f"mbo run {quote(str(recipe))} --device {device}{given}"
    remark = "without its oracle" if (recipe.parent / TABLE).exists() else "your table"
    task = f"{own_task(recipe.parent, record['task'])}  # {remark}"
    given = f", plugins={json.dumps(files)}" if files else ""
    run = f"mbo.run({json.dumps(str(recipe))}, task, device={json.dumps(device)}{given})"
    return "in Python\n" + "\n".join(f"    {line}" for line in ("import mbo_core as mbo", f"task = {task}", run))
