"""What differs between runs, and whether their scores differ by more than noise."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mbo_bench.statistics.over_tasks import Interval
from mbo_bench.statistics.pairs import paired
from mbo_core.errors import StoreError
from mbo_core.recipes.words import ROLES
from mbo_core.runs.store import DESIGNS, Folder
from mbo_core.toml import leaves, read, subtable

ABOUT = ("recipe", "preset", "task", "seeds", "status", "hold", "start", "y_min", "y_max", "percentile_rule")
"""What of a run's record is compared."""
OF = ("100th", "50th")


@dataclass(frozen=True)
class Stored:
    """A run as it is stored.

    Attributes:
        path: its folder.
        record: `run.json`.
        facts: all that may differ, by a dotted name.
    """

    path: Path
    record: Mapping[str, Any]
    facts: Mapping[str, str]

    @classmethod
    def open(cls, path: Path) -> Stored:
        """The run in a folder.

        Raises:
            StoreError: if there is none.
        """
        if (path / "bench.json").exists():
            raise StoreError(
                f"{path} is a bench", f"`mbo report {path}` compares its methods; runs are in {path}/cells/*/run"
            )
        record = Folder(path).load_record()
        return cls(path, record, dict(_facts(path, record)))

    def scores(self, of: str) -> dict[int, float]:
        """The normalised score of each seed that has one."""
        values = zip(self.record["seeds"], self.record["scores"]["normalised"][of], strict=True)
        return {seed: score for seed, score in values if score is not None}


def _facts(path: Path, record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield from ((name, json.dumps(record[name])) for name in ABOUT)
    for group in ("versions", "machine"):
        yield from ((f"{group}.{name}", str(value)) for name, value in record[group].items())
    if record["source"]:
        yield "data.sha256", record["source"]["sha256"]
    table = read(path / "recipe.toml").table
    for role in ROLES:
        yield from ((".".join((role, *keys)), json.dumps(value.value)) for keys, value in leaves(subtable(table, role)))


def differences(runs: Sequence[Stored]) -> dict[str, list[str]]:
    """The facts that are not the same in all runs; `-` where a run has none."""
    names = dict.fromkeys(name for run in runs for name in run.facts)
    found = {name: [run.facts.get(name, "-") for run in runs] for name in names}
    return {name: values for name, values in found.items() if len(set(values)) > 1}


@dataclass(frozen=True)
class Difference:
    """The difference of a run to the first one, paired by seed.

    Attributes:
        run: the run's folder.
        of: the percentile.
        seeds: how many seeds both have.
        interval: of the mean difference; None for fewer than two seeds or other tasks.
        verdict: in words.
    """

    run: str
    of: str
    seeds: int
    interval: Interval | None
    verdict: str


def score_differences(runs: Sequence[Stored]) -> list[Difference]:
    """Each run against the first one."""
    return [_difference(runs[0], other, of) for other in runs[1:] for of in OF]


def _difference(first: Stored, other: Stored, of: str) -> Difference:
    if first.record["task"] != other.record["task"]:
        return Difference(str(other.path), of, 0, None, "another task")
    one, two = first.scores(of), other.scores(of)
    shared = [seed for seed in one if seed in two]
    if shared and _same_designs(first, other, shared):
        return Difference(str(other.path), of, len(shared), None, "the same designs")
    found = paired(np.array([two[seed] for seed in shared]), np.array([one[seed] for seed in shared]))
    return Difference(str(other.path), of, len(shared), found, _verdict(found))


def _verdict(found: Interval | None) -> str:
    if found is None:
        return "too few common seeds to tell"
    if found.lower <= 0 <= found.upper:
        return "within noise"
    return "better" if found.value > 0 else "worse"


def _same_designs(first: Stored, other: Stored, seeds: Sequence[int]) -> bool:
    def raw(run: Stored, seed: int) -> Any:
        return Folder(run.path).load_seed(seed)["designs"].numpy()

    if not all(Folder(run.path).of_seed(seed, DESIGNS).exists() for run in (first, other) for seed in seeds):
        return False
    return all(np.array_equal(raw(first, seed), raw(other, seed)) for seed in seeds)
