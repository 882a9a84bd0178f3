"""What users would run instead, each as its documentation shows: BayBE, Optuna and botorch; and `mbo propose`.

All get the same rows and the same space. Where a tool knows no steps, its numbers are rounded to them; where it knows
no sums, its designs are repaired. Tried and repeated designs are asked for again, where the tool allows it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import mbo_core as mbo
from mbo_core.tasks.columns import Category
from mbo_core.tasks.numbers import Number
from tabular.cases import frame_of
from tabular.simple import gaussian_process

Designs = NDArray[Any]

LISTED = 10_000
"""Spaces with up to so many designs are told as lists of values."""
ASKED = 3
"""How often a batch is asked for again, in place of designs that are tried or repeated."""
BUDGET = 60.0
"""Seconds for `mbo propose`, of which a quarter is for its backtest."""


def propose(task: mbo.Task, count: int, seed: int) -> Designs:
    """`mbo propose --recipe auto --budget 1m`."""
    from mbo_propose.pipeline import propose_from
    from mbo_propose.wishes import Wishes

    asked = {"target": task.target, "minimize": task.sign < 0, "space": task.space}
    return propose_from(frame_of(task), Wishes(batch=count, budget=BUDGET, seed=seed, **asked)).x


def botorch(task: mbo.Task, count: int, seed: int) -> Designs:
    """One batch by q-log-noisy-expected improvement, among a pool of random designs and perturbed rows."""
    return gaussian_process(task, count, seed, noisy=True)


def baybe(task: mbo.Task, count: int, seed: int) -> Designs:
    """BayBE's default recommender."""
    import torch
    from baybe import Campaign
    from baybe.objectives import SingleTargetObjective
    from baybe.targets import NumericalTarget

    torch.manual_seed(seed)
    np.random.seed(seed)
    space = task.space
    campaign = Campaign(_searchspace(task), SingleTargetObjective(NumericalTarget("score")))
    names = [column.name for column in _free(task)]
    frame = pd.DataFrame([space.cells(design) for design in task.x])[names]
    frame = frame.astype({column.name: float for column in _free(task) if isinstance(column, Number)})
    campaign.add_measurements(frame.assign(score=task.y))
    return _designs(task, campaign.recommend(count))


def _free(task: mbo.Task) -> list[Any]:
    """The columns with more than one value."""
    return [column for column in task.space.columns if column.size != 1]


def _searchspace(task: mbo.Task) -> Any:
    from baybe.constraints import ContinuousLinearConstraint
    from baybe.searchspace import SearchSpace

    size = task.space.size
    parameters = [_parameter(column, size is not None and size <= LISTED) for column in _free(task)]
    sums = []
    for row, one in zip(task.space.weights, task.space.constraints, strict=True):
        names = [task.space.named(int(place)) for place in np.flatnonzero(row)]
        sums.append(ContinuousLinearConstraint(names, "=", list(row[row != 0]), one.upper))
    return SearchSpace.from_product(parameters, sums or None)


def _parameter(column: Any, listed: bool) -> Any:
    from baybe.parameters import CategoricalParameter, NumericalContinuousParameter, NumericalDiscreteParameter

    if isinstance(column, Category):
        return CategoricalParameter(column.name, column.known)
    if listed:
        return NumericalDiscreteParameter(column.name, column.listed()[:, 0])
    return NumericalContinuousParameter(column.name, column.bounds)


def _designs(task: mbo.Task, frame: pd.DataFrame) -> Designs:
    """The rows of a frame as designs; columns that have one value are not asked for."""
    return task.space.repair(np.hstack([_coordinates(column, frame) for column in task.space.columns]))


def _coordinates(column: Any, frame: pd.DataFrame) -> Designs:
    """A column's coordinates; numbers are read as they are, as `repair` rounds them."""
    if column.size == 1:
        return np.repeat(column.listed(), len(frame), 0)
    cells = list(frame[column.name])
    return np.array(cells, dtype=np.float64)[:, None] if isinstance(column, Number) else column.read(cells)


def _optuna(sampler: Callable[[int], Any]) -> Callable[[mbo.Task, int, int], Designs]:
    def proposed(task: mbo.Task, count: int, seed: int) -> Designs:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(direction="maximize", sampler=sampler(seed))
        ranges = {column.name: _range(column) for column in _free(task)}
        for design, score in zip(task.x, task.y, strict=True):
            cells = task.space.cells(design)
            known = {name: _within(one, cells[name]) for name, one in ranges.items()}
            study.add_trial(optuna.create_trial(params=known, distributions=ranges, value=float(score)))
        return _asked(task, count, lambda: study.ask(ranges).params)

    return proposed


def _asked(task: mbo.Task, count: int, ask: Callable[[], dict[str, Any]]) -> Designs:
    """The first designs that were neither tried nor asked for before; where these are too few, others fill up."""
    known, fresh, others = {design.tobytes() for design in task.x + 0.0}, [], []
    for _ in range(ASKED * count):
        design = _designs(task, pd.DataFrame([ask()]))[0] + 0.0
        (others if design.tobytes() in known else fresh).append(design)
        known.add(design.tobytes())
        if len(fresh) == count:
            break
    return np.array([*fresh, *others][:count])


def _range(column: Any) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if isinstance(column, Category):
        return CategoricalDistribution(column.known)
    return FloatDistribution(*column.bounds, log=column.log and column.bounds[0] > 0)


def _within(known: Any, cell: Any) -> Any:
    return float(np.clip(float(cell), known.low, known.high)) if hasattr(known, "low") else str(cell)


def _tpe(seed: int) -> Any:
    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return optuna.samplers.TPESampler(seed=seed, constant_liar=True)


def _gp(seed: int) -> Any:
    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return optuna.samplers.GPSampler(seed=seed)


@dataclass(frozen=True)
class Peer:
    """A tool.

    Attributes:
        proposed: the designs that it proposes for a task, a number of them, and a seed.
        package: what must be installed.
    """

    proposed: Callable[[mbo.Task, int, int], Designs]
    package: str

    @property
    def missing(self) -> bool:
        """Whether it is not installed."""
        return find_spec(self.package) is None


PEERS: dict[str, Peer] = {
    "propose": Peer(propose, "mbo_propose"),
    "botorch": Peer(botorch, "botorch"),
    "baybe": Peer(baybe, "baybe"),
    "optuna-tpe": Peer(_optuna(_tpe), "optuna"),
    "optuna-gp": Peer(_optuna(_gp), "optuna"),
}
