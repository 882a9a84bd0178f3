"""The result of a run: designs, scores and records, as objects, tables and JSON."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from mbo_core.recipes.limits import Cut
from mbo_core.recipes.recipe import Recipe
from mbo_core.runs import tables
from mbo_core.runs.findings import Found
from mbo_core.runs.notes import Note, source
from mbo_core.runs.prediction import Predicted, Predictor, predict
from mbo_core.runs.records import Candidates, Gap, HeldOut, Scores
from mbo_core.runs.watch import Watch
from mbo_core.stages.contracts import Evaluation
from mbo_core.tasks.oracles import OracleSet
from mbo_core.tasks.scoring import PERCENTILES, percentile
from mbo_core.tasks.space import OWN_COLUMNS, Cells
from mbo_core.tasks.task import Task

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Trial:
    """The result of one seed.

    Attributes:
        raw: (candidates, length) the designs as the oracle takes them.
        encoded: (candidates, d) the same as encoded vectors.
        predicted: (candidates,) raw scores predicted by the proxy; None if it predicts none, as a ranking.
        scores: (candidates,) by name: `raw`, `normalised`, and more with several oracles; empty without an oracle. Raw
            and predicted scores are as people have them: smaller is better if the task minimises.
        gap: how far the adversary moved the trained proxy, or None if not measured.
        steps: the infos of training and search.
        columns: other values of each candidate: the infos of the search's last step, e.g. NEMO's log Gamma, and the
            evaluation's texts, e.g. `fault`.
    """

    raw: NDArray[Any]
    encoded: torch.Tensor
    predicted: NDArray[np.float64] | None
    scores: Mapping[str, NDArray[np.float64]]
    gap: float | None
    steps: Sequence[Mapping[str, float | int | str]]
    columns: Mapping[str, Sequence[float | str]] = field(default_factory=dict)

    def tensors(self) -> dict[str, torch.Tensor]:
        """All arrays as tensors, for storing."""
        arrays = {"designs": self.raw, **self.scores}
        if self.predicted is not None:
            arrays["predicted"] = self.predicted
        return {"encoded": self.encoded, **{name: torch.tensor(array) for name, array in arrays.items()}}

    def rows(self, task: Task, seen: set[bytes]) -> list[dict[str, Any]]:
        """One row per candidate: the design, whether it is in the data, and its scores."""
        values = {name: score.tolist() for name, score in self.scores.items()} | dict(self.columns)
        # Empty without scores, even if the search has an info of that name.
        values["predicted"] = [None] * len(self.raw) if self.predicted is None else self.predicted.tolist()
        rows = []
        for i, design in enumerate(self.raw):
            cells = cells_of(task, design)
            own = {"in_data": design.tobytes() in seen, **{name: value[i] for name, value in values.items()}}
            rows.append({**cells, **{f"{name} (run)" if name in cells else name: cell for name, cell in own.items()}})
        return rows


def cells_of(task: Task, design: NDArray[Any]) -> Cells:
    """A design's cells for a table of candidates; a column of `task.cells` called like one of a run is renamed."""
    return {f"{name} (design)" if name in OWN_COLUMNS else name: cell for name, cell in task.cells(design).items()}


@dataclass(repr=False)
class Result:
    """A run of a recipe on a task.

    Attributes:
        recipe: the resolved recipe.
        task: the task.
        seeds: the requested seeds.
        trials: the trial of each seed with designs.
        failed: the reason for each seed without designs, or whose designs could not be scored.
        seconds: the wall time.
        status: `running`, `done`, `failed` (at least one seed) or `interrupted`; of a loaded run also `stopped`, if it
            died without recording so.
        folder: the folder of the run, or None.
        notes: notes by stages and tools on the run and its trials.
        cached: the seeds whose proxies came from a cache.
        predictors: the trained proxies by seed, if they predict scores.
        own_table: whether the task is the user's own table, so it cannot be found again by name.
        hold: the columns held in proposals, with their values.
        started: how many designs were given to search from.
        cuts: the recipe's numbers of rows that exceed what the table has.
        quality: how well the proxy of each seed predicts held-out rows; only of seeds with such rows.
    """

    recipe: Recipe
    task: Task
    seeds: tuple[int, ...]
    precision: str = "highest"
    device: str = "cpu"
    trials: dict[int, Trial] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0
    status: str = "running"
    folder: Path | None = None
    notes: list[Note] = field(default_factory=list)
    cached: list[int] = field(default_factory=list)
    predictors: Mapping[int, Predictor] = field(default_factory=dict)
    own_table: bool = False
    hold: Mapping[str, Any] = field(default_factory=dict)
    started: int = 0
    cuts: tuple[Cut, ...] = ()
    quality: dict[int, HeldOut] = field(default_factory=dict)

    def __repr__(self) -> str:
        return tables.as_text(self)

    def _repr_html_(self) -> str:
        return tables.as_html(self)

    @property
    def designs(self) -> NDArray[Any]:
        """(finished seeds, candidates, length) raw designs, in the order of `seeds`."""
        raw = [self.trials[seed].raw for seed in self.seeds if seed in self.trials]
        return np.stack(raw) if raw else np.zeros((0, 0, self.task.space.length))

    @cached_property
    def seen(self) -> set[bytes]:
        """The visible designs, to recognise new ones."""
        return {design.tobytes() for design in self.task.x}

    @property
    def scores(self) -> dict[str, dict[str, list[float | None]]]:
        """Percentiles, one per seed or None if missing: `{"normalised": {"100th": [...], ...}, "raw": ...}`."""
        return {name: self._percentiles(name) for name in ("normalised", "raw")}

    @property
    def scores_by_oracle(self) -> dict[str, dict[str, list[float | None]]]:
        """The percentiles of the normalised scores by each of several oracles; empty for a single oracle or none."""
        columns = self.task.oracle.columns if isinstance(self.task.oracle, OracleSet) else {}
        return {oracle: self._percentiles(name) for oracle, name in columns.items()}

    @property
    def spread_over_oracles(self) -> dict[str, float]:
        """The population standard deviation over several oracles of each percentile's mean over seeds."""
        means = {
            f"{q}th": [np.mean(each) for scores in self.scores_by_oracle.values() if (each := _there(scores[f"{q}th"]))]
            for q in PERCENTILES
        }
        return {of: float(np.std(each)) for of, each in means.items() if each}

    def _percentiles(self, name: str) -> dict[str, list[float | None]]:
        return {f"{q}th": [self._percentile(seed, name, q) for seed in self.seeds] for q in PERCENTILES}

    def _percentile(self, seed: int, name: str, q: float) -> float | None:
        trial = self.trials.get(seed)
        if trial is None or name not in trial.scores:
            return None
        # The 100th percentile is the best score, also where that is the smallest.
        sign = self.task.sign if name == "raw" else 1
        return sign * percentile(sign * trial.scores[name], q)

    @property
    def best_in_data(self) -> dict[str, float]:
        """The best visible score, normalised and raw."""
        best = self.task.y.max(keepdims=True)
        return {"normalised": float(self.task.normalise(best)[0]), "raw": self.task.best_in_data}

    def predicted_less_true(self) -> list[float | None]:
        """The mean of predicted minus true raw score over each seed's candidates."""
        return [self._excess(self.trials.get(seed)) for seed in self.seeds]

    def _excess(self, trial: Trial | None) -> float | None:
        if trial is None or trial.predicted is None or "raw" not in trial.scores:
            return None
        return float(np.mean(trial.predicted - trial.scores["raw"]))

    @property
    def held_out(self) -> dict[str, dict[str, Any]]:
        """How well the proxies predict rows that they were not trained on, overall and among the best fifth of them.

        For each of `rows`, `error` (root mean squared, raw), `rank` (Spearman's correlation), `best_rows`, `best_error`
        and `best_rank`: `{"by_seed": [...], "mean": ...}`, None where it is unknown.
        """
        names = [one.name for one in fields(HeldOut)]
        columns = {name: [getattr(self.quality.get(seed), name, None) for seed in self.seeds] for name in names}
        means = {name: _there(values) for name, values in columns.items()}
        return {
            name: {"by_seed": values, "mean": float(np.mean(means[name])) if means[name] else None}
            for name, values in columns.items()
        }

    def found(self) -> dict[int, Found]:
        """The raw candidates of each seed with their predictions, as methods see scores: larger is better."""
        turned = self.task.as_given  # its own inverse
        return {
            seed: Found(trial.raw, None if trial.predicted is None else turned(trial.predicted))
            for seed, trial in self.trials.items()
        }

    def counts(self) -> dict[str, list[int | None]]:
        """The number of distinct candidates of each seed, and the number of those not in the data."""
        distinct = {seed: {design.tobytes() for design in trial.raw} for seed, trial in self.trials.items()}
        return {
            "distinct": [len(distinct[seed]) if seed in distinct else None for seed in self.seeds],
            "new": [len(distinct[seed] - self.seen) if seed in distinct else None for seed in self.seeds],
        }

    def predict(self, x: Any) -> Predicted:
        """Predictions of the trained proxies for raw designs x (n, length), or for a table with the space's columns.

        Returns:
            Raw scores as people have them: `mean` (n,) and `std` (n,) over all seeds, `means` (seeds, n) and `stds`
            (seeds, n) by each.

        Raises:
            TaskError: for designs outside the task's space.
            StoreError: if the run's folder holds no proxies, or they predict differently than in the run.
            MboError: if the run has no proxy that predicts scores.
        """
        return predict(self.task, self.predictors, x)

    def frame(self) -> DataFrame:
        """One row per candidate: seed, the design's cells, in_data, raw, normalised and predicted score."""
        from pandas import DataFrame

        return DataFrame(
            {"seed": seed, **row}
            for seed in self.seeds
            if seed in self.trials
            for row in self.trials[seed].rows(self.task, self.seen)
        )

    def summary(self) -> dict[str, Any]:
        """The run as one JSON object."""
        return {
            "recipe": self.recipe.name,
            "preset": self.recipe.preset,
            "set": list(self.recipe.changed),
            "constants": self.recipe.constants,
            "cut": [asdict(cut) for cut in self.cuts],
            "task": self.task.name,
            "hold": dict(self.hold),
            "start": self.started,
            "seeds": list(self.seeds),
            "scores": self.scores,
            "scores_by_oracle": self.scores_by_oracle,
            "spread_over_oracles": self.spread_over_oracles,
            "best_in_data": self.best_in_data,
            "gap": [self.trials[seed].gap if seed in self.trials else None for seed in self.seeds],
            "predicted_less_true": self.predicted_less_true(),
            "held_out": self.held_out,
            "candidates": self.counts(),
            "failed": {str(seed): reason for seed, reason in self.failed.items()},
            "cached_proxies": self.cached,
            "notes": [note.plain() for note in self.notes],
            "seconds": round(self.seconds, 3),
            "run": str(self.folder) if self.folder else None,
        }

    def record(self, versions: Mapping[str, str]) -> dict[str, Any]:
        """The summary with everything needed to repeat the run."""
        machine = {
            "python": platform.python_version(),
            "platform": platform.platform(),
            "threads": torch.get_num_threads(),
            "device": self.device,
            "float32_products": self.precision,
        }
        return {
            "status": self.status,
            **self.summary(),
            "percentile_rule": "nearest",
            "y_min": self.task.y_min,
            "y_max": self.task.y_max,
            "own_table": self.own_table,
            "source": asdict(self.task.source) if self.task.source else None,
            "unpackaged": sorted(set(self.recipe.about.get("unpackaged", {}).values())),
            "task_notes": dict(self.task.info.notes),
            "target": self.task.target,
            "minimize": self.task.sign < 0,
            "data_notes": list(self.task.notes),
            "published": self.recipe.published.get(self.task.name),
            "versions": {"torch": version("torch"), "numpy": version("numpy"), **versions},
            "machine": machine,
        }

    def add(self, candidates: Candidates, scores: Scores, gap: Gap, watch: Watch) -> tuple[int, ...]:
        """Add a group of seeds, and return those with designs, scored or not."""
        for i, seed in enumerate(candidates.seeds):
            scores_of = self._as_given(scores.by_seed.get(seed, {}))
            self.trials[seed] = Trial(
                raw=candidates.raw[i],
                encoded=candidates.x[i],
                predicted=None if candidates.predicted is None else self.task.as_given(candidates.predicted[i]),
                scores={name: values for name, values in scores_of.items() if isinstance(values, np.ndarray)},
                gap=gap.by_seed[seed],
                steps=watch.rows(seed),
                columns={**_moved(watch.of_candidates(seed), candidates, i), **_texts(scores_of)},
            )
        self.notes += [*watch.notes_of(candidates.seeds), *fault_notes(scores, self.recipe.evaluation)]
        self.failed.update(candidates.failed)
        self.failed.update(scores.failed)
        return candidates.seeds

    def _as_given(self, scores: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self.task.as_given(values) if name == "raw" else values for name, values in scores.items()}


def _moved(infos: Mapping[str, Any], candidates: Candidates, place: int) -> dict[str, Any]:
    """The infos of the update's designs as those of a seed's candidates; a design that replaces them has none."""
    if candidates.origin is None:
        return dict(infos)
    rows = candidates.origin[place].tolist()
    return {name: [values[row] if row >= 0 else "" for row in rows] for name, values in infos.items()}


def _texts(scores: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    return {name: values for name, values in scores.items() if not isinstance(values, np.ndarray)}


def fault_notes(scores: Scores, evaluation: Evaluation) -> list[Note]:
    """A note for each seed with unscored candidates; the column `fault` of its designs.csv has the reasons."""
    faults = {seed: [text for text in by_name.get("fault", ()) if text] for seed, by_name in scores.by_seed.items()}
    return [
        Note(seed, source(evaluation), f"{len(texts)} candidates could not be scored; the first: {texts[0]}")
        for seed, texts in faults.items()
        if texts
    ]


def _there(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]
