"""Trained proxies after a run: their predictions for new designs, and their files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mbo_core.errors import MboError, StoreError, warn
from mbo_core.recipes.recipe import Recipe
from mbo_core.runs.encoded import ScoreScale, encode_table
from mbo_core.runs.records import Run, TrainedProxy
from mbo_core.runs.states import pack, unpack
from mbo_core.runs.store import PROXY, Folder, in_seed, tensors_file
from mbo_core.runs.training import untrained
from mbo_core.stages.contracts import Encoding, Proxy
from mbo_core.tasks.cells import columns_of, is_frame
from mbo_core.tasks.task import Task

KEPT_BYTES = 16 * 2**20
"""The proxies of a run are stored by default if they total at most this many bytes."""

CHECKED_ROWS = 16
"""The number of visible designs on which a loaded proxy must predict the same as in its run."""


@dataclass(frozen=True)
class Predicted:
    """Predictions of trained proxies for n designs, in raw scores.

    Attributes:
        seeds: the seeds of the proxies.
        means: (seeds, n) by each proxy.
        stds: (seeds, n) their own standard deviations; 0 from a proxy without the ability `uncertainty`.
    """

    seeds: tuple[int, ...]
    means: NDArray[np.float64]
    stds: NDArray[np.float64]

    @property
    def mean(self) -> NDArray[np.float64]:
        """(n,) the mean over seeds."""
        mean: NDArray[np.float64] = self.means.mean(axis=0)
        return mean

    @property
    def std(self) -> NDArray[np.float64]:
        """(n,) the std over all seeds: the root of the mean variance plus the variance of the means."""
        variance: NDArray[np.float64] = (self.stds**2).mean(axis=0) + self.means.var(axis=0)
        return np.sqrt(variance)


@dataclass(frozen=True)
class Predictor:
    """One seed's trained proxy, from raw designs to raw scores.

    Attributes:
        encoding: the encoding of the recipe.
        encoding_state: its fitted state.
        proxy: the proxy of the recipe.
        state: its trained state.
        scale: the scale by which the scores were standardised.
        device: where the state is.
    """

    encoding: Encoding
    encoding_state: Any
    proxy: Proxy
    state: Any
    scale: ScoreScale
    device: torch.device

    @torch.no_grad()
    def predict(self, designs: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation of raw scores, (n,) each, for raw designs (n, length)."""
        x = self.encoding.encode(self.encoding_state, torch.tensor(designs)).to(self.device)
        predicted = self.proxy.predict(self.state, x)
        return self.scale.raw(predicted.mean).numpy(), (predicted.std.cpu().double() * self.scale.std).numpy()


def predictors(run: Run, trained: TrainedProxy) -> dict[int, Predictor]:
    """The trained proxies of a run by seed; empty if they cannot predict scores."""
    if "values" not in run.recipe.proxy.abilities:
        return {}
    return {seed: _predictor(run, seed, state) for seed, state in trained.states.items()}


def _predictor(run: Run, seed: int, state: Any) -> Predictor:
    encoded = run.encoded
    fitted = encoded.state_of(seed)
    return Predictor(encoded.encoding, fitted, run.recipe.proxy, state, encoded.scores, encoded.y.device)


def predict(task: Task, trained: Mapping[int, Predictor], x: Any) -> Predicted:
    """Predictions of each proxy, as people have scores, for raw designs (n, length) or a table of them.

    Raises:
        TaskError: for designs outside the task's space.
        MboError: if `trained` is empty.
    """
    designs = _designs(task, x)
    task.table.check(designs)
    found = [each.predict(designs) for each in trained.values()]
    if not found:
        raise MboError("run has no trained proxy that predicts scores")
    means, stds = (np.stack(one) for one in zip(*found, strict=True))
    return Predicted(tuple(trained), task.as_given(means), stds)


def _designs(task: Task, x: Any) -> NDArray[Any]:
    if is_frame(x):
        return task.space.read({name: list(cells) for name, cells in columns_of(x).items()})
    return np.asarray(x) if task.kind == "discrete" else np.asarray(x, dtype=np.float64)


@dataclass
class Keeper:
    """Stores the proxies of a run, all or none.

    Attributes:
        folder: the folder of the run.
        task: its visible designs are used to check a proxy when it is loaded.
        seeds: the number of proxies in total.
        wanted: whether to store them; None to store them if they are small.
    """

    folder: Folder
    task: Task
    seeds: int
    wanted: bool | None = None

    def keep(self, trained: Mapping[int, Predictor]) -> None:
        """Store the proxies of a group; warn of one that cannot be stored if storing was requested."""
        for seed, predictor in trained.items():
            if self.wanted is not False:
                self._keep(seed, predictor)

    def _keep(self, seed: int, predictor: Predictor) -> None:
        try:
            tensors, described = pack(predictor.state)
        except MboError as error:
            if self.wanted:
                warn(f'proxy "{predictor.proxy.name}" is not stored: {error.message}')
            self.wanted = False
            return
        size = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
        # The first decides for all, as they have the same size.
        self.wanted = size * self.seeds <= KEPT_BYTES if self.wanted is None else self.wanted
        if self.wanted:
            expected, _ = predictor.predict(self.task.x[:CHECKED_ROWS])
            tensors["expected"] = torch.tensor(expected)
            self.folder.write(in_seed(seed, PROXY), tensors_file(tensors, {"state": described}))


@dataclass(frozen=True)
class Stored(Mapping[int, Predictor]):
    """The proxies in a run's folder, read on first use; the encoding is fitted to the task again.

    Attributes:
        folder: the folder of the run.
        recipe: the recipe of the run.
        task: the task of the run.
        seeds: all seeds of the run.
    """

    folder: Folder
    recipe: Recipe
    task: Task
    seeds: tuple[int, ...]

    def __iter__(self) -> Iterator[int]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __getitem__(self, seed: int) -> Predictor:
        return self._found[seed]

    @cached_property
    def _found(self) -> dict[int, Predictor]:
        there = [seed for seed in self.seeds if self.folder.of_seed(seed, PROXY).exists()]
        if not there:
            hint = "run with --keep-proxy (keep_proxy=True) to store large ones too"
            raise StoreError(f"{self.folder.path} holds no proxies", hint)
        encoded = encode_table(self.recipe.encoding, self.seeds, self.task.table)
        run = Run(self.recipe, self.task, encoded, self.seeds)
        return {seed: self._read(run, seed) for seed in there}

    def _read(self, run: Run, seed: int) -> Predictor:
        tensors, about = self.folder.read_tensors(in_seed(seed, PROXY))
        expected = tensors.pop("expected").numpy()
        predictor = _predictor(run, seed, unpack(tensors, about["state"], untrained(run.only([seed]), "loop")[0]))
        found, _ = predictor.predict(self.task.x[:CHECKED_ROWS])
        if not np.allclose(found, expected, rtol=1e-3, atol=1e-3 * predictor.scale.std):
            fact = f"stored proxy of seed {seed} predicts differently than in its run"
            raise StoreError(fact, "run the recipe again: the table, the encoding or a plugin has changed")
        return predictor
