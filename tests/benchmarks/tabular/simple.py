"""Simple ways to propose a batch, beside which every method must stand."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import mbo_core as mbo
from mbo_core.tasks.fixed import Fixed
from mbo_core.tasks.numbers import Number
from mbo_core.tasks.space import Space
from tabular.judges import features, forest

Designs = NDArray[Any]

POOL = 4000
"""Designs among which a model chooses."""
FEW = 400
"""The most promising of them, which are repaired and, by the Gaussian process, weighed against each other."""
TOP = 32
"""The best rows, which are perturbed."""
CHANGED = 0.3
"""The chance of each column to change."""


def anywhere(space: Space, count: int, rng: np.random.Generator) -> Designs:
    """Random designs, (count, length), that keep the bounds and levels, and a sum to 1 by being fractions."""
    parts = [_cells(space, column, count, rng) for column in space.columns]
    drawn = np.hstack(parts)
    for row, one in zip(space.weights, space.constraints, strict=True):
        bound = row != 0
        # Evenly over the simplex, as uniform fractions would crowd in its middle.
        share = rng.dirichlet(np.ones(bound.sum()), count)
        drawn[:, bound] = share * one.upper / row[bound]
    return drawn


def _cells(space: Space, column: Any, count: int, rng: np.random.Generator) -> Designs:
    number = space.number(column)
    if isinstance(column, Fixed):
        return np.repeat(column.coordinates[None], count, 0)
    if number is None or (number.size is not None and number.size <= 64):
        listed = column.listed()
        return np.asarray(listed[rng.integers(len(listed), size=count)], dtype=np.float64)
    assert isinstance(number, Number)
    return rng.uniform(*number.bounds, size=(count, 1))


def perturbed(task: mbo.Task, count: int, rng: np.random.Generator) -> Designs:
    """The best rows, with some columns drawn again, (count, length)."""
    best = task.x[np.argsort(-task.y, kind="stable")[:TOP]]
    rows, fresh = best[rng.integers(len(best), size=count)].astype(float), anywhere(task.space, count, rng)
    for column in task.space.columns:
        place, changed = task.space.place(column.name), rng.random(count) < CHANGED
        rows[changed, place] = fresh[changed, place]
    return rows


def _distinct(designs: Designs, known: Designs) -> Designs:
    """The designs without repeats and without those that are known, in their order."""
    seen = {design.tobytes() for design in known}
    kept = [seen.add(one.tobytes()) or one for one in designs if one.tobytes() not in seen]  # type: ignore[func-returns-value]
    return np.array(kept)


def random(task: mbo.Task, count: int, seed: int) -> Designs:
    """Random untried designs of the space."""
    drawn = anywhere(task.space, 4 * count, np.random.default_rng([seed, 1]))
    return _distinct(task.space.repair(drawn), task.x)[:count]


def best_visible(task: mbo.Task, count: int, seed: int) -> Designs:
    """The best rows that a method sees."""
    return task.x[np.argsort(-task.y, kind="stable")[:count]]


def _promising(task: mbo.Task, pool: Designs, score: Callable[[Designs], Designs], count: int) -> Designs:
    """The untried designs of a pool with the best scores, repaired; scores are those after the repair."""
    few = pool[np.argsort(-score(pool), kind="stable")[: 4 * FEW]]
    made = _distinct(task.space.repair(few[:FEW]), task.x)
    if len(made) < count:
        made = _distinct(task.space.repair(few), task.x)
    return made[np.argsort(-score(made), kind="stable")]


def forest_perturbed(task: mbo.Task, count: int, seed: int) -> Designs:
    """The perturbed top rows that a forest on the visible rows predicts best."""
    model, pool = forest(task.table, seed), perturbed(task, POOL, np.random.default_rng([seed, 2]))
    return _promising(task, pool, lambda x: np.asarray(model.predict(features(task.table, x))), count)[:count]


def gaussian_process(task: mbo.Task, count: int, seed: int, noisy: bool = False) -> Designs:
    """One batch by q-log-expected improvement (botorch), chosen one by one among a pool of random and perturbed.

    Noisy: over the best of the true values of the rows, in place of the best score.
    """
    from botorch.acquisition.logei import qLogExpectedImprovement, qLogNoisyExpectedImprovement
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import SingleTaskGP
    from botorch.optim import optimize_acqf_discrete
    from botorch.sampling import SobolQMCNormalSampler
    from gpytorch.mlls import ExactMarginalLogLikelihood

    rng = np.random.default_rng([seed, 3])
    torch.manual_seed(seed)
    x = torch.tensor(features(task.table, task.x))
    y = torch.tensor((task.y - task.y.mean()) / task.y.std())[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = SingleTaskGP(x, y)
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model), optimizer_kwargs={"timeout_sec": 30})

        def bound(designs: Designs) -> Designs:
            with torch.no_grad():
                seen = model.posterior(torch.tensor(features(task.table, designs)))
                return np.asarray((seen.mean + seen.variance.sqrt()).squeeze(-1).numpy())

        pool = np.vstack([anywhere(task.space, POOL // 2, rng), perturbed(task, POOL // 2, rng)])
        made = _promising(task, pool, bound, count)[:FEW]
        sampler = SobolQMCNormalSampler(torch.Size([64]), seed=seed)
        improvement = (
            qLogNoisyExpectedImprovement(model, x, sampler)
            if noisy
            else qLogExpectedImprovement(model, y.max(), sampler)
        )
        choices = torch.tensor(features(task.table, made))
        chosen, _ = optimize_acqf_discrete(improvement, count, choices, max_batch_size=128)
    rows = [int((choices - one).abs().sum(1).argmin()) for one in chosen]
    return made[rows]


SIMPLE: dict[str, Callable[[mbo.Task, int, int], Designs]] = {
    "random": random,
    "best visible": best_visible,
    "forest": forest_perturbed,
    "gp": gaussian_process,
}
