"""The tables of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from mbo_core.cli.common import console, print_table
from mbo_core.errors import StoreError, reason_of

if TYPE_CHECKING:
    from mbo_core.runs.result import Result


def print_result(result: Result) -> None:
    """Scores by seed, their mean and spread, and what to compare them with."""
    print_record({**result.summary(), "published": result.recipe.published.get(result.task.name)})


def print_record(record: Mapping[str, Any]) -> None:
    """The same from a run's record."""
    heading = f"{record['recipe']} on {record['task']}"
    heading += f", preset {record['preset']}" if record["preset"] else ", published constants"
    console().print(heading, style="bold")
    columns = ["seed", *(f">{name} {of}" for name in ("normalised", "raw") for of in ("100th", "50th"))]
    rows = [*_seed_rows(record), _mean_row(record["scores"]), *_reference_rows(record)]
    print_table([*columns, ">gap", ">distinct", ">new"], [[*row, *[""] * (8 - len(row))] for row in rows])
    for seed, reason in record["failed"].items():
        click.echo(f"seed {seed} failed: {reason}", err=True)
    if record.get("cached_proxies"):
        click.echo(f"proxies from the cache: seeds {', '.join(map(str, record['cached_proxies']))}")
    for name, scores in record.get("scores_by_oracle", {}).items():
        click.echo(f"oracle {name}: " + ", ".join(f"{of} {mean_std(values)}" for of, values in scores.items()))
    if spread := record.get("spread_over_oracles"):
        click.echo("spread over oracles: " + ", ".join(f"{of} {number(value)}" for of, value in spread.items()))
    for line in note_lines(record["notes"]):
        click.echo(line)
    published = record.get("published") or {}
    if "source" in published:
        click.echo(f"published: {published['source']}")
    click.echo(f"{record['seconds']:.0f} s; stored in {record['run']}")


def note_lines(notes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Notes as people read them: what is said of several seeds once, and figures with mean and std over seeds."""
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
    columns = [*_series(record["scores"]), record["gap"], counts["distinct"], counts["new"]]
    return [[str(seed), *(number(column[i]) for column in columns)] for i, seed in enumerate(record["seeds"])]


def _mean_row(scores: Mapping[str, Mapping[str, Sequence[float | None]]]) -> list[str]:
    return ["mean ± std", *(mean_std(values) for values in _series(scores))]


def _reference_rows(record: Mapping[str, Any]) -> list[list[str]]:
    best = record["best_in_data"]
    rows = [["best in data", number(best["normalised"]), "", number(best["raw"]), ""]]
    published = record.get("published") or {}
    figures = [published.get("100th"), published.get("50th")]
    if any(figures):
        rows.append(["published", *(f"{one[0]:.3f} ± {one[1]:.3f}" if one else "" for one in figures)])
    return rows


def number(value: float | None) -> str:
    """A number, or a dash where there is none."""
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.4g}" if abs(value) >= 10 else f"{value:.3f}"


def mean_std(values: Sequence[float | None]) -> str:
    """Mean and population std of those that are there."""
    from mbo_core.tasks.scoring import mean_and_std

    there = [value for value in values if value is not None]
    if not there:
        return "-"
    mean, std = mean_and_std(there)
    return f"{number(mean)} ± {number(std)}"


def print_folder(path: Path) -> None:
    """A run's folder, as `mbo show` prints it."""
    from mbo_core.runs.store import Folder

    record = Folder(path).load_record()
    try:
        _print_whole(record, path)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise StoreError(f"{path / 'run.json'} is not as mbo writes it: {reason_of(error)}") from error


def _print_whole(record: Mapping[str, Any], path: Path) -> None:
    print_record(record)
    machine, versions = record["machine"], record["versions"]
    click.echo(f"status: {record['status']}")
    click.echo("versions: " + ", ".join(f"{name} {version}" for name, version in versions.items()))
    where = f"{machine['platform']}, {machine['device']}, {machine['threads']} threads"
    click.echo(f"machine: Python {machine['python']} on {where}")
    if record["task_notes"]:
        click.echo("task: " + ", ".join(f"{name} {value}" for name, value in record["task_notes"].items()))
    click.echo(f"again: mbo run {quote(str(path / 'recipe.toml'))}")
