"""Random spaces with designs in and around them."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from mbo_core.tasks.columns import Category, Column, Sequence
from mbo_core.tasks.constraints import Linear
from mbo_core.tasks.fixed import Fixed
from mbo_core.tasks.numbers import Number, Real, Whole
from mbo_core.tasks.space import Space

RANDOM = settings(
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    max_examples=30,
    phases=[Phase.explicit, Phase.generate],
)
"""The same random spaces in each run; a failing one is printed as it was drawn, as making it smaller takes minutes."""
MANY = settings(RANDOM, max_examples=1000)

_outside = st.sampled_from([(), (), ("X",), ("X", "Y")])
"""What only the data have."""
STEPS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)


@st.composite
def _real(draw: Any, name: str) -> Real:
    lower = draw(st.integers(-20, 20)) / 4
    return Real(name, (lower, lower + draw(st.integers(1, 40)) / 4), unit=draw(st.sampled_from(["", "mM"])))


@st.composite
def _stepped(draw: Any, name: str) -> Real:
    step = draw(st.sampled_from(STEPS))
    first = draw(st.integers(-3, 3))
    last = first + draw(st.integers(1, 6))
    return Real(name, (round(first * step, 2), round(last * step, 2)), step=step)


@st.composite
def _listed(draw: Any, name: str) -> Real:
    values = draw(st.lists(st.integers(-40, 40), min_size=1, max_size=5, unique=True))
    return Real(name, values=tuple(sorted(value / 8 for value in values)))


@st.composite
def _whole(draw: Any, name: str) -> Whole:
    lower = draw(st.integers(-5, 5))
    return Whole(name, (lower, lower + draw(st.integers(0, 6))))


@st.composite
def _category(draw: Any, name: str) -> Category:
    levels = draw(st.integers(1, 5))
    described = draw(st.booleans())
    descriptors = {"boiling": tuple(float(7 * level % 5) + level for level in range(levels))} if described else {}
    return Category(name, tuple(f"level {level}" for level in range(levels)), descriptors, draw(_outside))


@st.composite
def _sequence(draw: Any, name: str) -> Sequence:
    gap = draw(st.sampled_from([None, "-"]))
    alphabet = ("A", "C", "-") if gap else ("A", "C", "G")
    return Sequence(name, draw(st.integers(1, 4)), alphabet, gap, outside=draw(_outside))


@st.composite
def columns(draw: Any, name: str) -> Column:
    """A column of any kind."""
    kinds = (_real, _stepped, _listed, _whole, _category, _sequence)
    column: Column = draw(draw(st.sampled_from(kinds))(name))
    if draw(st.integers(0, 9)):
        return column
    inside = column.nearest(np.zeros((1, column.width)))[0]
    return Fixed(name, column.cells(inside)[name], column)


@st.composite
def spaces(draw: Any, most: int = 5) -> Space:
    """A space of up to `most` columns; its constraints hold for a design of the space."""
    found = tuple(draw(columns(f"c{place}")) for place in range(draw(st.integers(1, most))))
    free = Space(found)
    numbers = [column.name for column in found if isinstance(column, Number)]
    seed = draw(st.integers(0, 10_000))
    witness = free.repair(np.random.default_rng(seed).normal(size=(1, free.length)) * 3)[0]
    constraints = []
    for _ in range(draw(st.integers(0, 2)) if len(numbers) > 1 else 0):
        chosen = draw(st.lists(st.sampled_from(numbers), min_size=2, unique=True))
        weights = {name: float(draw(st.sampled_from([1, 1, 1, 2, -1]))) for name in chosen}
        total = sum(weight * float(witness[free.place(name).start]) for name, weight in weights.items())
        kind = draw(st.sampled_from(["equal", "at most", "between"]))
        lower = -np.inf if kind == "at most" else total if kind == "equal" else total - 1.0
        constraints.append(Linear(weights, lower, total if kind == "equal" else total + 0.5))
    return Space(found, tuple(constraints))


def around(space: Space, count: int, seed: int = 0) -> np.ndarray[Any, Any]:
    """Designs in and far around a space, (count, length)."""
    numbers = np.random.default_rng(seed)
    return numbers.normal(size=(count, space.length)) * numbers.choice([0.5, 3.0, 30.0], size=(count, 1))
