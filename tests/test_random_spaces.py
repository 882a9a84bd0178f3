"""Every candidate of every method lies in the space: random tables in random spaces, some with columns held.

The slow gear runs 1,000 methods on a space (25 for each); `MBO_SPACES=1000` asks for so many spaces a method.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from spaces import RANDOM, around, spaces

import mbo_core as mbo
from mbo_core.tasks.columns import Category, Sequence
from mbo_core.tasks.fixed import Fixed
from mbo_core.testing.settings import assignments, listed

REGISTRY = mbo.installed()
METHODS = sorted(REGISTRY.methods)
SMALL = listed(REGISTRY)
PRESETS = (None, "quick", "table")
MANY = int(os.environ.get("MBO_SPACES", 25))
CANDIDATES = 5
FEWEST = 5
"""Tables of fewer designs hold out none, and may be refused."""


class Drawn(NamedTuple):
    """A table, and how it is searched."""

    space: mbo.Space
    rows: int
    numbers: int
    preset: str | None
    held: bool
    started: bool


@st.composite
def tables(draw: Any) -> Drawn:
    """Tables of few rows."""
    numbers = draw(st.integers(0, 10_000))
    return Drawn(
        draw(spaces()), draw(st.integers(8, 30)), numbers, draw(st.sampled_from(PRESETS)),
        draw(st.integers(0, 3)) == 0, draw(st.booleans()),
    )  # fmt: skip


def designs(space: mbo.Space, rows: int, numbers: int) -> np.ndarray[Any, Any]:
    """Designs in the space, and a quarter beyond its bounds, sums and levels, (rows, length)."""
    draw = np.random.default_rng(numbers)
    x = space.repair(around(space, rows, numbers)).astype(float)
    beyond = draw.random(rows) < 0.25
    for column in space.columns:
        inner, place = column.of if isinstance(column, Fixed) else column, space.place(column.name)
        shape = x[beyond, place].shape
        if isinstance(inner, (Category, Sequence)):
            codes = len(inner.known) if isinstance(inner, Category) else inner.codes
            x[beyond, place] = draw.integers(0, codes, shape)
        else:
            x[beyond, place] += draw.normal(size=shape).round(2)
    return x.astype(space.dtype)


def table(drawn: Drawn) -> mbo.Task:
    """The task of a drawn table."""
    x = designs(drawn.space, drawn.rows, drawn.numbers)
    y = np.random.default_rng(drawn.numbers).normal(size=drawn.rows) + x.sum(1)
    return mbo.Task("drawn", x, y, space=drawn.space, minimize=drawn.numbers % 2 == 0)


def hold(drawn: Drawn) -> dict[str, Any]:
    """A column held where the space has a design, if another one is left."""
    free = [one for one in drawn.space.columns if not isinstance(one, Fixed)]
    if not drawn.held or len(free) < 2:
        return {}
    inside = drawn.space.repair(around(drawn.space, 1, drawn.numbers))[0]
    column = free[drawn.numbers % len(free)]
    return {column.name: column.cells(inside[drawn.space.place(column.name)])[column.name]}


@cache
def small(method: str, kind: Any, preset: str | None) -> tuple[str, ...]:
    """What makes a method fast."""
    return tuple(assignments(method, REGISTRY, kind, preset, CANDIDATES, SMALL))


DULL = ("the data have one design",)
"""What may be refused whatever the number of rows: data in which nothing differs."""


def check(method: str, drawn: Drawn) -> None:
    """Run a method, and look at what it proposes."""
    task = table(drawn)
    start = designs(drawn.space, 2, drawn.numbers + 1) if drawn.started else None
    sets = small(method, task.kind, drawn.preset)
    asked: dict[str, Any] = {"hold": hold(drawn), "start": start}
    try:
        result = mbo.run(method, task, seeds=1, preset=drawn.preset, set=sets, registry=REGISTRY, **asked)
    except mbo.TaskError as refused:
        if task.table.designs >= FEWEST and not any(words in str(refused) for words in DULL):
            raise
        return
    assert not result.failed
    space = result.task.space
    assert len(result.designs[0])
    assert space.contains(result.designs[0]).all()
    assert np.array_equal(space.repair(result.designs[0]), result.designs[0])
    assert drawn.space.contains(result.designs[0]).all()


def over(method: str, count: int) -> Callable[[], None]:
    """A method on so many random tables, others than those of other methods."""

    @seed(crc32(method.encode()))
    @settings(RANDOM, derandomize=False, database=None, max_examples=count)
    @given(tables())
    def run(drawn: Drawn) -> None:
        check(method, drawn)

    return run


@pytest.mark.parametrize("method", METHODS)
def test_candidates_lie_in_a_random_space(method):
    over(method, 1)()


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_candidates_lie_in_many_random_spaces(method):
    over(method, MANY)()
