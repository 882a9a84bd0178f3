"""Distances to the nearest rows: their unit, their independence of scale and replicates, and their slopes."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from mbo_support.distance import Rows, count_of, log_distance, nearest, rows_of
from mbo_support.objective import Support
from torch.func import grad

import mbo_core as mbo
from mbo_core.functional import keys
from mbo_core.runs.encoded import encode_table
from mbo_core.stages import Columns, Data, EncodedSpace, Prediction
from mbo_core.testing import small_task

KEY = keys.key(7)
ALL = 20_000


def data_of(x: torch.Tensor) -> Data:
    return Data(x, x.sum(1), EncodedSpace("continuous", (x.shape[1],), None, "real", x.amin(0), x.amax(0)))


def distances(rows: Rows, x: torch.Tensor, neighbours: int, form: str = "scale-free") -> torch.Tensor:
    far, _ = nearest(rows.x, x.double() * rows.scale, neighbours)
    return log_distance(form, rows, far)


def ladder() -> Rows:
    """The rows 0, 1, ..., 99 of one column, not standardised."""
    x, one = torch.arange(100.0, dtype=torch.float64)[:, None], torch.ones((), dtype=torch.float64)
    return Rows(x, x[:, 0], one[None], one, one)


LADDER = [[50.0], [50.5], [99.0 + math.e], [99.0 + 2 * math.e]]
CLOUD = keys.normal(KEY, (120, 4))


def test_within_the_spacing_nothing_is_discounted():
    found = distances(ladder(), torch.tensor(LADDER, dtype=torch.float64), 1)
    expected = torch.tensor([0.0, 0.0, 1.0, 1.0 + math.log(2)], dtype=torch.float64)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_the_spacing_is_that_of_other_rows():
    rows = rows_of(KEY, data_of(torch.arange(100.0)[:, None]), ALL, 1)
    assert torch.isclose(rows.spacing / rows.scale[0], torch.tensor(1.0, dtype=torch.float64))
    assert torch.isclose(rows.reach, torch.tensor(1.0, dtype=torch.float64))


def test_half_of_the_rows_have_no_discount():
    rows = rows_of(KEY, data_of(CLOUD), ALL, None)
    found = distances(rows, CLOUD, count_of(None, len(CLOUD)))
    assert (found >= 0).all()
    assert (found <= 1e-6).float().mean() >= 0.5


@pytest.mark.parametrize("changed", [7 * CLOUD, torch.cat([CLOUD, CLOUD]), CLOUD + 3], ids=["scale", "twice", "shift"])
def test_units_and_replicates_change_nothing(changed):
    """Replicates are one design, and columns are standardised."""
    one, other = (rows_of(KEY, data_of(x), ALL, None) for x in (CLOUD, changed))
    new = 2 * keys.normal(keys.key(1), (20, 4))
    moved = (new - CLOUD.mean(0)) / CLOUD.std(0) * changed[: len(CLOUD)].std(0) + changed[: len(CLOUD)].mean(0)
    torch.testing.assert_close(distances(one, new, 6), distances(other, moved, 6), rtol=1e-4, atol=1e-4)


def test_replicates_have_their_mean_score():
    rows = rows_of(KEY, replace(data_of(torch.tensor([[0.0], [0.0], [1.0]])), y=torch.tensor([1.0, 4.0, 7.0])), ALL, 1)
    assert rows.y.tolist() == [2.5, 7.0]
    weighted = replace(data_of(torch.tensor([[0.0], [0.0], [1.0]])), y=torch.tensor([1.0, 4.0, 7.0]))
    weighted = replace(weighted, w=torch.tensor([2.0, 1.0, 1.0]))
    assert rows_of(KEY, weighted, ALL, 1).y.tolist() == [2.0, 7.0]


def test_levels_are_one_apart():
    data = encode_table(Columns(), (0,), small_task("mixed", rows=60).table).first
    rows = rows_of(KEY, data, ALL, None)
    [simplex, *_] = data.space.projection.simplexes
    one, other = torch.zeros(2, data.x.shape[1], dtype=torch.float64)
    one[simplex.start], other[simplex.start + 1] = 1.0, 1.0
    apart = ((one - other) * rows.scale).norm()
    assert torch.isclose(apart, torch.tensor(1.0, dtype=torch.float64))


def test_a_constant_column_still_counts():
    rows = rows_of(KEY, data_of(torch.cat([CLOUD, torch.full((120, 1), 2.0)], 1)), ALL, None)
    moved = torch.cat([CLOUD[:5], torch.full((5, 1), 9.0)], 1)
    assert (distances(rows, moved, 1) > 0).all()


@pytest.mark.parametrize(
    ("asked", "designs", "found"), [(None, 15, 1), (None, 120, 6), (None, 5000, 10), (3, 100, 3), (9, 4, 3)]
)
def test_the_number_of_neighbours(asked, designs, found):
    assert count_of(asked, designs) == found


def test_at_most_some_rows_are_kept():
    assert len(rows_of(KEY, data_of(CLOUD), 30, None).x) == 30


def test_the_discount_grows_by_the_logarithm():
    """Along a ray away from the data the discount grows by `weight * log 2` with each doubling."""
    objective = Support(weight=0.5)
    state, ray = objective.init(KEY, data_of(CLOUD)), torch.ones(1, 4)
    zero = Prediction(torch.zeros(1), torch.ones(1))
    near, far = (objective.score(state, length * ray, zero) for length in (1e3, 2e3))
    torch.testing.assert_close(near - far, torch.tensor([0.5 * math.log(2)]), rtol=1e-2, atol=0)


def test_the_slope_is_that_of_finite_differences():
    rows = rows_of(KEY, data_of(CLOUD), ALL, None)
    at = torch.tensor([[3.0, -2.0, 1.0, 0.5]], dtype=torch.float64)
    slope = grad(lambda x: distances(rows, x, 6).sum())(at)
    steps = 1e-5 * torch.eye(4, dtype=torch.float64)
    finite = (distances(rows, at + steps, 6) - distances(rows, at - steps, 6)) / 2e-5
    torch.testing.assert_close(slope[0], finite, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("form", ["scale-free", "as-released"])
def test_the_slope_at_a_row_is_finite(form):
    rows = rows_of(KEY, data_of(CLOUD), ALL, None)
    assert torch.isfinite(grad(lambda x: distances(rows, x, 1, form).sum())(CLOUD)).all()


def test_the_objective_discounts_another():
    objective = Support(of=mbo.installed().stage("objective", "lower-bound")(deviations=2.0))
    state, one = objective.init(KEY, data_of(CLOUD)), Prediction(torch.ones(120), torch.ones(120))
    plain = Support().score(Support().init(KEY, data_of(CLOUD)), CLOUD, one)
    torch.testing.assert_close(objective.score(state, CLOUD, one), plain - 2)
    assert objective.needs == {"values", "order", "uncertainty"}


def test_a_single_design_has_its_encodings_unit():
    rows = rows_of(KEY, data_of(torch.ones(9, 2)), ALL, None)
    assert len(rows.x) == 1
    found = distances(rows, torch.tensor([[1.0, 1.0], [1.0, 1.0 + math.e]]), 1)
    torch.testing.assert_close(found, torch.tensor([0.0, 1.0], dtype=torch.float64), rtol=0, atol=1e-5)
