"""The encoding of any space, and the projection that keeps a search inside it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from spaces import MANY, RANDOM, around, spaces
from torch.func import vmap

from mbo_core.errors import TaskError
from mbo_core.functional import keys
from mbo_core.stages.columns import Columns
from mbo_core.stages.encodings import Standardised
from mbo_core.stages.projection import Projection, Total, onto_simplex
from mbo_core.tasks.columns import Category, Sequence
from mbo_core.tasks.constraints import Linear
from mbo_core.tasks.numbers import Real, Whole
from mbo_core.tasks.space import Space
from mbo_core.tasks.table import Table

MIXED = Space(
    (
        *(Real(name, (0, 1), step=0.05) for name in "abc"),
        Real("dose", (1e-4, 1), log=True),
        Whole("hours", (1, 9)),
        Category("metal", ("Ni", "Pd", "Cu")),
        Category("solvent", ("ethanol", "water", "toluene"), {"boiling": (78.0, 100.0, 111.0)}),
        Sequence("guide", 3, tuple("ACGU")),
    ),
    (Linear.total("abc", 1),),
)


def _table(space: Space, rows: int = 12) -> Table:
    return Table("mine", space.repair(around(space, rows)), np.arange(float(rows)), np.ones(rows), space)


def _round_trip(space: Space, table: Table) -> None:
    encoding = Columns()
    state = encoding.init(keys.key(0), table)
    decoded = encoding.decode(state, encoding.encode(state, torch.tensor(table.x))).numpy()
    loose = space.distance(space.repair(decoded).astype(float), np.asarray(table.x, dtype=float))
    assert (loose <= 1e-5).all()
    unstepped = [isinstance(column, Real) and column.size is None for column in space.columns]
    if not any(unstepped):
        assert np.array_equal(space.repair(decoded), table.x)


def _projected(space: Space, table: Table) -> None:
    encoding = Columns()
    state = encoding.init(keys.key(0), table)
    projection = encoding.projection(state, space)
    inside = encoding.encode(state, torch.tensor(table.x))
    shared = (np.count_nonzero(space.weights, axis=0) > 1).any()
    torch.testing.assert_close(projection(inside), inside, rtol=0, atol=2e-2 if shared else 2e-4)
    moved = inside + 5 * torch.randn(inside.shape, generator=torch.Generator().manual_seed(0))
    found = projection(moved)
    before, after = (space.lacking(encoding.decode(state, x).numpy()) for x in (moved, found))
    if shared:
        # Sums that share columns are only come close to, slowly where they meet at a small angle.
        assert np.abs(after).max() <= 0.25 * max(1.0, np.abs(before).max())
    else:
        torch.testing.assert_close(projection(found), found, rtol=0, atol=2e-4)
        assert space.near(encoding.decode(state, found).numpy()).all()


@RANDOM
@given(spaces())
def test_designs_come_back(space: Space) -> None:
    _round_trip(space, _table(space))


@RANDOM
@given(spaces())
def test_projections_lie_in_the_space(space: Space) -> None:
    _projected(space, _table(space))


@pytest.mark.slow
@MANY
@given(spaces())
def test_a_thousand_spaces_are_encoded(space: Space) -> None:
    table = _table(space)
    _round_trip(space, table)
    _projected(space, table)


def test_each_kind_of_column_is_written() -> None:
    table = _table(MIXED)
    encoding = Columns()
    state = encoding.init(keys.key(0), table)
    x = encoding.encode(state, torch.tensor(table.x))
    assert encoding.shape(state) == (3 + 1 + 1 + 3 + 1 + 3 * 4,) == (x.shape[1],)
    torch.testing.assert_close(x[:, :5].mean(0), torch.zeros(5), rtol=0, atol=1e-6)
    torch.testing.assert_close(x[:, 5:8].sum(1), torch.ones(len(x)))
    assert set(x[:, 9:].unique().tolist()) == {0.0, 1.0}


def test_a_logarithm_needs_positive_numbers() -> None:
    space = Space((Real("dose", (0, 1), log=True),))
    with pytest.raises(TaskError, match='log column "dose"'):
        Columns().init(keys.key(0), Table("mine", np.zeros((3, 1)), np.arange(3.0), np.ones(3), space))


def test_standardised_numbers_stay_in_bounds_and_sums() -> None:
    space = Space(tuple(Real(name, (0, 1)) for name in "abc"), (Linear.total("abc", 1),))
    table = _table(space)
    encoding = Standardised()
    state = encoding.init(keys.key(0), table)
    x = encoding.projection(state, space)(torch.randn(50, 3, generator=torch.Generator().manual_seed(1)) * 4)
    raw = encoding.decode(state, x)
    torch.testing.assert_close(raw.sum(1), torch.ones(50, dtype=torch.float64), rtol=0, atol=1e-5)
    assert raw.min() > -1e-5


def test_free_numbers_are_not_moved() -> None:
    table = _table(Space.continuous(2))
    assert Standardised().projection(Standardised().init(keys.key(0), table), table.space).trivial


def test_projection_is_the_nearest_point() -> None:
    numbers = np.random.default_rng(2)
    weights = torch.tensor([1.0, 2.0, -1.0], dtype=torch.float64)
    projection = Projection(torch.full((3,), -1.0).double(), torch.ones(3).double(), (), (Total(weights, 0.5, 0.5),))
    grid = torch.tensor(numbers.uniform(-1, 1, (200_000, 2)))
    last = weights[0] * grid[:, 0] + weights[1] * grid[:, 1] - 0.5
    every = torch.cat([grid, last[:, None]], 1)[last.abs() <= 1]
    for start in torch.tensor(numbers.normal(size=(10, 3)) * 2):
        found = projection(start)
        assert (found - start).norm() <= (every - start).norm(dim=1).min() + 1e-9
        assert abs(float(weights @ found) - 0.5) < 1e-9


def test_simplex_projection_is_the_nearest_point() -> None:
    shares = torch.tensor(np.random.default_rng(0).dirichlet(np.ones(3), 50_000))
    for start in torch.randn(20, 3, generator=torch.Generator().manual_seed(3)).double() * 2:
        found = onto_simplex(start)
        assert found.min() >= 0
        assert abs(float(found.sum()) - 1) < 1e-12
        assert (found - start).norm() <= (shares - start).norm(dim=1).min() + 1e-9


@pytest.mark.parametrize("held", [{}, {"metal": "Pd", "hours": 3}])
def test_projection_is_the_same_under_vmap(held: dict[str, Any]) -> None:
    space = MIXED.hold(held)
    encoding, table = Columns(), _table(MIXED)
    state = encoding.init(keys.key(0), table)
    projection = encoding.projection(state, space)
    x = torch.randn(3, 4, encoding.shape(state)[0], generator=torch.Generator().manual_seed(0)) * 3
    torch.testing.assert_close(vmap(projection)(x), torch.stack([projection(one) for one in x]))


def test_held_columns_stay() -> None:
    space = MIXED.hold({"metal": "Pd", "hours": 3})
    encoding, table = Columns(), _table(MIXED)
    state = encoding.init(keys.key(0), table)
    x = torch.randn(9, encoding.shape(state)[0], generator=torch.Generator().manual_seed(0)) * 3
    found = space.repair(encoding.decode(state, encoding.projection(state, space)(x)).numpy())
    cells = [space.cells(one) for one in found]
    assert {(one["metal"], one["hours"]) for one in cells} == {("Pd", 3)}
