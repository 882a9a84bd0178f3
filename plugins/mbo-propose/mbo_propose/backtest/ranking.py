"""How a recipe's trained proxy orders designs that it has not seen."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

import mbo_core as mbo
from mbo_core.errors import MboError
from mbo_core.functional import precision
from mbo_core.runs import default
from mbo_core.runs.default import check_data
from mbo_core.runs.encoded import encode_table
from mbo_core.runs.hooks import Hooks
from mbo_core.runs.planning import Plan, plan
from mbo_core.runs.records import Run
from mbo_core.runs.watch import Watch
from mbo_propose.backtest.candidates import Candidate

Values = NDArray[np.float64]


class TooLate(Exception):
    """A training did not end in its time."""


def predicted(
    candidate: Candidate, task: mbo.Task, x: NDArray[np.generic], seed: int, seconds: float = float("inf")
) -> Values:
    """What the proxy of a candidate, trained on a task alone, predicts of designs: larger is better.

    Args:
        candidate: the recipe; only its encoding and its proxy with its adversary are used.
        task: what it is trained on.
        x: (n, length) raw designs.
        seed: of the training.
        seconds: after which a training that has steps is given up.

    Returns:
        (n,) in standardised scores, or in any unit by a proxy that only orders.

    Raises:
        MboError: for a recipe that does not fit the task, or whose training fails.
        TooLate: for a training that was given up.
    """
    planned = plan(candidate.recipe, task, [seed], candidate.preset)
    if "order" not in planned.recipe.proxy.abilities:
        raise MboError(f"{candidate.name}: no proxy that orders designs")
    with precision.fast_products():
        return _predicted(planned, x, _until(seconds))


def _predicted(planned: Plan, x: NDArray[np.generic], report: Callable[[str, int, int], None]) -> Values:
    recipe, (seed,) = planned.recipe, planned.seeds
    encoded = encode_table(recipe.encoding, planned.seeds, planned.task.table)
    run = Run(recipe, planned.task, encoded, planned.seeds, watch=Watch(report))
    check_data(run)
    trained = Hooks(planned.registry.hooks(default)).train_proxy(run)
    if trained.failed:
        raise MboError(f"{recipe.name}: {trained.failed[seed]}")
    with torch.no_grad():
        mean = recipe.proxy.predict(trained.states[seed], encoded.encode(torch.tensor(x), seed)).mean
    return np.asarray(mean.detach().double().cpu().numpy())


def _until(seconds: float) -> Callable[[str, int, int], None]:
    """A report that gives up once the time is over."""
    end = time.perf_counter() + seconds

    def report(phase: str, done: int, total: int) -> None:
        if time.perf_counter() > end:
            raise TooLate

    return report
