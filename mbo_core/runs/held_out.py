"""How well a trained proxy predicts the rows that it was not trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import vmap

from mbo_core.functional import batches
from mbo_core.runs.records import HeldOut, Run
from mbo_core.runs.seeds import BySeed, Stream, mode
from mbo_core.stages.contracts import Proxy, WithMembers
from mbo_core.stages.data import Data, Schedule

BEST = 5
"""The best fifth of the held-out rows is judged on its own, as a search works among the best."""

ROWS_AT_ONCE = 8192


class Judges(NamedTuple):
    """The held-out rows of all seeds; with `shuffle = "own"` each member has its own."""

    rows: Tensor
    """(seeds, k) or (seeds, members, k) row numbers."""
    counted: Tensor
    """The same shape: whether no row of the same design was trained on."""


def judges(run: Run, schedule: Schedule) -> Judges | None:
    """The held-out rows of a schedule; None if it holds out none."""
    if not schedule.held_out or not schedule.trains:
        return None
    count = len(run.data.y)
    draw = run.keys(Stream.PROXY, batches.Use.ROWS)
    trained, held_out = vmap(lambda key: batches.split(key, count, schedule))(draw)
    return Judges(held_out, _alone(run.encoded.designs, trained, held_out))


def _alone(designs: NDArray[np.int64], trained: Tensor, held_out: Tensor) -> Tensor:
    if len(designs) == designs.max() + 1:
        return torch.ones_like(held_out, dtype=torch.bool)
    pairs = zip(trained.flatten(0, -2).cpu(), held_out.flatten(0, -2).cpu(), strict=True)
    alone = [np.isin(designs[out], designs[rows], invert=True) for rows, out in pairs]
    return torch.tensor(np.stack(alone), device=held_out.device).reshape(held_out.shape)


def predicted(proxy: Proxy, data: Data, rows: Tensor, state: Any) -> Tensor:
    """The predicted standardised scores of one seed's held-out rows, in their shape; each member's of its own rows."""
    if rows.ndim == 1:
        return proxy.predict(state, data.x[rows]).mean
    members = len(rows)
    every = cast(WithMembers, proxy).predict_members(state, data.x[rows.flatten()]).mean
    return every.reshape(members, members, -1).diagonal().T


def squared_error(run: Run, found: Judges) -> Callable[[Any], Tensor]:
    """A function of the states of all seeds: the mean squared error of each on its held-out rows, (seeds,).

    Of a proxy that predicts an order only, it is the error of the ranks.
    """
    proxy = run.recipe.proxy
    seen = (lambda values: values) if "values" in proxy.abilities else _order

    def error(data: Data, rows: Tensor, counted: Tensor, state: Any) -> Tensor:
        missed = (seen(predicted(proxy, data, rows, state)) - seen(data.y[rows])) ** 2
        return (missed * counted).sum() / counted.sum()

    lifted = run.lift(error, mode(proxy), "tensors")
    return lambda states: cast(Tensor, lifted(found.rows, found.counted, states)).detach()


def _order(values: Tensor) -> Tensor:
    return values.argsort(-1).argsort(-1).to(values.dtype)


@torch.no_grad()
def judged(run: Run, found: Judges | None, states: BySeed) -> dict[int, HeldOut]:
    """The quality of each seed's proxy on its held-out rows; empty if none are held out, or nothing is predicted."""
    if found is None or "order" not in run.recipe.proxy.abilities:
        return {}
    by_seed = dict(zip(run.seeds, zip(found.rows, found.counted, strict=True), strict=True))
    return {seed: _judged(run.only([seed]), *by_seed[seed], state) for seed, state in states.items()}


def _judged(run: Run, rows: Tensor, counted: Tensor, state: Any) -> HeldOut:
    data, proxy, std = run.data, run.recipe.proxy, run.encoded.scores.std
    parts = torch.split(rows, ROWS_AT_ONCE, dim=-1)
    means = torch.cat([predicted(proxy, data, part, state) for part in parts], dim=-1)
    scores = data.y[rows]
    members = [
        quality(y[kept].cpu().double().numpy() * std, mean[kept].cpu().double().numpy() * std)
        for y, mean, kept in zip(*(each.reshape(-1, rows.shape[-1]) for each in (scores, means, counted)), strict=True)
    ]
    whole = members[0] if len(members) == 1 else _mean(members)
    return whole if "values" in proxy.abilities else replace(whole, error=None, best_error=None)


def quality(scores: NDArray[np.float64], predictions: NDArray[np.float64]) -> HeldOut:
    """Error and rank correlation over n scores and predictions, (n,) each, and among the best fifth of the scores.

    >>> quality(np.array([0.0, 1, 2, 3, 5]), np.array([0.0, 1, 2, 4, 3]))
    HeldOut(rows=5, error=1.0, rank=0.9, best_rows=1, best_error=2.0, best_rank=None)
    """
    best = np.argsort(-scores, kind="stable")[: -(-len(scores) // BEST)]
    whole, few = (_measures(scores[part], predictions[part]) for part in (slice(None), best))
    return HeldOut(len(scores), *whole, len(best), *few)


def _measures(scores: NDArray[np.float64], predictions: NDArray[np.float64]) -> tuple[float | None, float | None]:
    if not len(scores) or not np.isfinite(predictions).all():
        return None, None
    return float(np.sqrt(np.mean((scores - predictions) ** 2))), spearman(scores, predictions)


def spearman(one: NDArray[np.float64], other: NDArray[np.float64]) -> float | None:
    """The rank correlation of two columns (n,), ties with their mean rank; None if either is constant.

    >>> spearman(np.array([1.0, 2, 2, 4]), np.array([1.0, 3, 3, 9])), spearman(np.ones(3), np.arange(3.0))
    (1.0, None)
    """
    first, second = (_ranks(column) - (len(column) + 1) / 2 for column in (one, other))
    width = np.sqrt((first @ first) * (second @ second))
    return float(first @ second / width) if width > 0 else None


def _ranks(column: NDArray[np.float64]) -> NDArray[np.float64]:
    _, inverse, counts = np.unique(column, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse], dtype=np.float64)


def _mean(members: Sequence[HeldOut]) -> HeldOut:
    """The quality of members with held-out rows of their own: the root of the mean square, and the mean rank."""
    errors = [_root_mean_square([getattr(one, name) for one in members]) for name in ("error", "best_error")]
    ranks = [_mean_of([getattr(one, name) for one in members]) for name in ("rank", "best_rank")]
    rows, best = (min(getattr(one, name) for one in members) for name in ("rows", "best_rows"))
    return HeldOut(rows, errors[0], ranks[0], best, errors[1], ranks[1])


def _root_mean_square(values: Sequence[float | None]) -> float | None:
    mean = _mean_of([None if value is None else value**2 for value in values])
    return None if mean is None else float(np.sqrt(mean))


def _mean_of(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return float(np.mean(there)) if there else None
