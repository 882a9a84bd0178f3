"""Which part of a mix the score depends on: the shares of variance of proxy and search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mbo_bench.statistics.over_tasks import SEED, Interval, _ends
from mbo_bench.statistics.scores import Values

if TYPE_CHECKING:
    from pandas import DataFrame

RESAMPLES = 1000
SOURCES = ("proxy", "search", "proxy x search", "seeds")


@dataclass(frozen=True)
class Shares:
    """Shares of variance of a crossed grid.

    Attributes:
        of: the share of each of `SOURCES`, averaged over tasks; they add to 1.
        by_task: the same on each task.
        proxies: the proxies, each with its adversary.
        searches: the searches.
        seeds: how many seeds of each cell are used.
        left_out: proxies and searches that lack cells.
    """

    of: dict[str, Interval]
    by_task: dict[str, dict[str, float]]
    proxies: tuple[str, ...]
    searches: tuple[str, ...]
    seeds: int
    left_out: tuple[str, ...]


def shares(frame: DataFrame, column: str) -> Shares | None:
    """The shares of variance in a column of a frame; None if its mixes have fewer than two proxies or searches.

    Each task is decomposed by itself, as tasks have scales of their own: the sums of squares of a balanced two-way
    layout with repetitions. Rows and columns with missing cells are left out, the emptiest first. Seeds are resampled,
    the same for all cells, as cells with one seed share their starts.
    """
    cube, rows, columns, tasks = _cube(frame, column)
    values, (proxies, searches), left_out = _complete(cube, rows, columns)
    if values is None:
        return None
    rng = np.random.default_rng(SEED)
    whole = decompose(values)
    count = values.shape[-1]
    drawn = np.array([decompose(values[..., rng.integers(0, count, count)]).mean(0) for _ in range(RESAMPLES)])
    of = {name: _ends(whole.mean(0)[place], drawn[:, place]) for place, name in enumerate(SOURCES)}
    by_task = {task: dict(zip(SOURCES, row.tolist(), strict=True)) for task, row in zip(tasks, whole, strict=True)}
    return Shares(of, by_task, proxies, searches, count, left_out)


def decompose(values: Values) -> Values:
    """The shares of `SOURCES` on each task, (tasks, 4), of scores (tasks, proxies, searches, seeds).

    They are 0 on a task without variance.
    """
    mean = values.mean((1, 2, 3), keepdims=True)
    cells = values.mean(3, keepdims=True)
    proxy, search = values.mean((2, 3), keepdims=True) - mean, values.mean((1, 3), keepdims=True) - mean
    both = cells - mean - proxy - search
    parts = [np.broadcast_to(part, values.shape) for part in (proxy, search, both, values - cells)]
    squares = np.stack([(part**2).sum((1, 2, 3)) for part in parts], axis=1)
    total = squares.sum(1, keepdims=True)
    return np.asarray(np.divide(squares, total, out=np.zeros_like(squares), where=total > 0))


def _cube(frame: DataFrame, column: str) -> tuple[Values, tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Scores (tasks, proxies, searches, seeds) of the mixes, NaN where there is none."""
    mixes = frame[frame["update"] != ""]
    proxy = [
        one if two == "none" else f"{one} + {two}" for one, two in zip(mixes["proxy"], mixes["adversary"], strict=True)
    ]
    names = [list(mixes["task"]), proxy, list(mixes["update"]), list(mixes["seed"])]
    axes = [tuple(dict.fromkeys(each)) for each in names]
    values = np.full([len(axis) for axis in axes], np.nan)
    places = zip(*([axis.index(one) for one in each] for axis, each in zip(axes, names, strict=True)), strict=True)
    for place, score in zip(places, mixes[column], strict=True):
        values[place] = np.nan if score is None else score
    return values, axes[1], axes[2], axes[0]


def _complete(
    values: Values, proxies: tuple[str, ...], searches: tuple[str, ...]
) -> tuple[Values | None, tuple[tuple[str, ...], tuple[str, ...]], tuple[str, ...]]:
    """The part of a cube without missing cells; None if less than two by two is left, or one seed."""
    rows, columns, left_out = list(range(len(proxies))), list(range(len(searches))), []
    while len(rows) > 1 and len(columns) > 1:
        # Seeds that some cell lacks are no reason to leave the cell out, unless it has none.
        empty = np.isnan(values[:, rows][:, :, columns]).all(3).any(0)
        if not empty.any():
            break
        by_row, by_column = empty.mean(1), empty.mean(0)
        if by_row.max() >= by_column.max():
            left_out.append(proxies[rows.pop(int(by_row.argmax()))])
        else:
            left_out.append(searches[columns.pop(int(by_column.argmax()))])
    kept = values[:, rows][:, :, columns]
    kept = kept[..., ~np.isnan(kept).any((0, 1, 2))]
    names = (tuple(proxies[row] for row in rows), tuple(searches[column] for column in columns))
    whole = len(rows) > 1 and len(columns) > 1 and kept.shape[-1] > 1
    return (kept if whole else None), names, tuple(left_out)
