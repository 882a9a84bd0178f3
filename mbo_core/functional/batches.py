"""Batches of the data by a proxy's schedule, reproducible for each seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import IntEnum
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.func import vmap

from mbo_core.errors import TaskError
from mbo_core.functional import keys
from mbo_core.stages.data import Batch, Data, Key, Schedule


class Use(IntEnum):
    """What the key of a training is folded with for each of its uses.

    The numbers are part of what a seed means: changing one changes the designs of every seed.
    """

    INIT = 0
    """The untrained weights."""
    ROWS = 1
    """The rows that are held out, and the bootstrap."""
    ORDER = 2
    """Folded once more, with the epoch's number."""
    STEP = 3
    """Folded once more, with the step's number."""
    FINISH = 4
    """What is done after the last step."""
    REFIT = 5
    """The training on all rows; folded once more, with all of these."""


class Examples(NamedTuple):
    """One seed's training rows; with `shuffle = "own"` both carry a leading member axis."""

    rows: Tensor
    """(m,) or (members, m) row numbers of the data."""
    w: Tensor
    """(m,) or (members, m) weights: ones, or the multiplicities of a bootstrap."""


LEAST_ROWS = 2
"""The fewest rows to train on."""


def check_rows(schedule: Schedule, rows: int) -> None:
    """Check that the data suffice for a schedule.

    Raises:
        TaskError: if fewer than `LEAST_ROWS` rows are left to train on, or the best state is to be kept with none held
            out.
    """
    if schedule.keep == "best" and not schedule.held_out:
        hint = 'set held_out, or keep = "last"; a table of fewer than 5 designs can hold out none'
        raise TaskError(f'keep = "best" has no held-out rows to choose the state by; there are {rows} rows', hint)
    left = rows - schedule.held_out
    if left < LEAST_ROWS:
        raise TaskError(
            f"{rows} rows leave {max(left, 0)} to train on after {schedule.held_out} are held out;"
            f" {LEAST_ROWS} are needed",
            "give more data, or lower the option held_out",
        )


def examples(key: Key, rows: int, schedule: Schedule) -> Examples:
    """Draw one seed's training rows: a split, and a bootstrap of it where the schedule asks for one."""
    chosen, _ = split(key, rows, schedule)
    _, bootstrap_key = keys.split(key)
    if schedule.members is None:
        return Examples(chosen, _multiplicities(bootstrap_key, len(chosen), schedule))
    draw = vmap(lambda k: _multiplicities(k, chosen.shape[-1], schedule))
    return Examples(chosen, draw(keys.split(bootstrap_key, schedule.members)))


def split(key: Key, rows: int, schedule: Schedule) -> tuple[Tensor, Tensor]:
    """One seed's training rows and its held-out rows, (m,) and (held_out,), by the key of `examples`.

    With `shuffle = "own"` both have a leading member axis.
    """
    split_key, _ = keys.split(key)
    if schedule.members is not None and schedule.shuffle == "own":
        order = vmap(lambda k: keys.permutation(k, rows))(keys.split(split_key, schedule.members))
    else:
        order = keys.permutation(split_key, rows)
    return order[..., schedule.held_out :], order[..., : schedule.held_out]


def _multiplicities(key: Key, count: int, schedule: Schedule) -> Tensor:
    return keys.bootstrap(key, count) if schedule.bootstrap else torch.ones(count, device=key.device)


def shuffled(key: Key, drawn: Examples, schedule: Schedule) -> Examples:
    """One epoch's order of the training rows."""
    count = drawn.rows.shape[-1]
    if drawn.rows.ndim == 1:
        order = keys.permutation(key, count)
        return Examples(drawn.rows[order], drawn.w[..., order])
    order = vmap(lambda k: keys.permutation(k, count))(keys.split(key, len(drawn.rows)))
    return Examples(drawn.rows.gather(-1, order), drawn.w.gather(-1, order))


def slices(count: int, schedule: Schedule) -> list[slice]:
    """Where an epoch of `count` rows is cut; a batch has at most all rows."""
    size = min(schedule.batch_size, count)
    end = count - count % size if schedule.drop_last else count
    return [slice(start, min(start + size, end)) for start in range(0, end, size)]


def take(data: Data, order: Examples, part: slice) -> Batch:
    """One batch of an epoch: x (n, d), y (n,), w (n,), each with a member axis where the rows or weights have one.

    The weights are those of the data times the multiplicities c of the bootstrap. They average 1 over the batch, so
    that `mean(w * loss)` is the published sum of c * loss over the sum of c; a batch of zeros has no effect.
    """
    rows = order.rows[..., part]
    w = order.w[..., part] * data.w[rows]
    mean = w.mean(-1, keepdim=True)
    return Batch(data.x[rows], data.y[rows], w / torch.where(mean > 0, mean, torch.ones_like(mean)), data.space)


def member_axes(batch: Batch) -> Any:
    """Where a batch has its member axis: `in_dims` of vmap, 0 or None for each of x, y and w."""
    without = zip(batch[:3], (2, 1, 1), strict=True)
    return Batch._make([*(0 if tensor.ndim > ndim else None for tensor, ndim in without), None])


class Epoch(NamedTuple):
    """One pass over the training rows: of one seed or, lifted, of many."""

    order: Examples
    """The rows in the order of this pass."""
    parts: list[slice]
    """Where the order is cut into batches; fewer than all where the steps end."""
    key: Callable[[int], Key]
    """`key(number)` is that of the step on `parts[number]`."""
    first: int = 0
    """The number of its first step that is not done yet."""

    def steps(self) -> Iterator[tuple[slice, Key]]:
        """The part of the order and the key of each step that is not done yet."""
        for number in range(self.first, len(self.parts)):
            yield self.parts[number], self.key(number)


Lifted = Callable[[Callable[..., Any]], Callable[..., Any]]


def epochs(
    key: Key, rows: int, schedule: Schedule, over: Lifted = lambda function: function, done: int = 0
) -> Iterator[Epoch]:
    """The passes of a training: the one loop for the core and for stages that train something themselves.

    Where the schedule counts steps, the last pass ends with the last step.

    Args:
        key: (2,) of one seed or, lifted, (seeds, 2).
        rows: the rows of the data.
        schedule: how they are cut.
        over: `torch.func.vmap` for the keys of many seeds.
        done: how many steps were taken before; the passes go on from there.

    Raises:
        TaskError: if the rows are too few.
    """
    check_rows(schedule, rows)
    draw, shuffle, steps = (keys.fold_in(key, use) for use in (Use.ROWS, Use.ORDER, Use.STEP))
    drawn = over(lambda key: examples(key, rows, schedule))(draw)
    parts = slices(drawn.rows.shape[-1], schedule)
    total = step_count(rows, schedule)
    for before in range(done - done % len(parts), total, len(parts)):
        key = keys.fold_in(shuffle, before // len(parts))
        order = over(lambda key, drawn: shuffled(key, drawn, schedule))(key, drawn)
        yield Epoch(order, parts[: total - before], partial(_step_key, steps, before), max(0, done - before))


def _step_key(key: Key, before: int, number: int) -> Key:
    return keys.fold_in(key, before + number)


def step_count(rows: int, schedule: Schedule) -> int:
    """The number of training steps for a number of rows."""
    if schedule.steps is not None:
        return schedule.steps
    return schedule.epochs * len(slices(rows - schedule.held_out, schedule))


def iterate(key: Key, data: Data, schedule: Schedule) -> Iterator[Batch]:
    """All batches of one seed's training, in order.

    Raises:
        TaskError: if the data are too few.
    """
    for epoch in epochs(key, len(data.y), schedule):
        for part in epoch.parts:
            yield take(data, epoch.order, part)
