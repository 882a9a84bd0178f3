"""Batches are chosen jointly, lie in the space, and have more expected improvement than others."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from mbo_gp import search as module
from mbo_gp.coordinates import Coordinates
from mbo_gp.library import exactly
from mbo_gp.proxy import GaussianProcess
from mbo_gp.records import Effort, Known
from mbo_gp.update import QAcquisition

import mbo_core as mbo
from mbo_core.functional import keys
from mbo_core.stages import EncodedSpace
from mbo_core.stages.columns import Columns
from mbo_core.tasks.columns import Category
from mbo_core.tasks.constraints import Linear
from mbo_core.tasks.fixed import Fixed
from mbo_core.tasks.numbers import Real, Whole
from mbo_core.tasks.space import Space

KEY = keys.key(5)
EFFORT = Effort(samples=32, restarts=2, raw_samples=16, at_once=2, iterations=20)
SPACE = Space(
    (
        Real("acid", (0.0, 1.0)),
        Real("base", (0.0, 1.0)),
        Whole("hours", (0, 5)),
        Real("heat", (-2.0, 3.0)),
        Category("metal", ("Ni", "Pd", "Cu")),
        Fixed("gas", "N2", Category("gas", ("air", "N2"))),
    ),
    (Linear.total(("acid", "base"), 1.0), Linear({"heat": 1.0, "hours": 1.0}, upper=4.0)),
)


def encoded(space: Space, rows: int = 30):
    """The coordinates of a space, and its encoding with the state."""
    x = space.repair(np.random.default_rng(0).uniform(-2, 4, (rows, space.length)))
    table, encoding = mbo.Task("made", x, x[:, 0] - x[:, 3], space=space).table, Columns()
    state = encoding.init(KEY, table)
    projection = encoding.projection(state, space)
    vectors = encoding.encode(state, torch.tensor(table.x))
    ends = projection.narrowed(vectors.amin(0), vectors.amax(0))
    made = EncodedSpace("mixed", (vectors.shape[1],), None, "real", *ends, projection)
    return Coordinates(made), vectors, lambda one: encoding.decode(state, one).numpy()


def process_of(data, **options):
    proxy = GaussianProcess(iterations=20, **options)
    return proxy, proxy.init(KEY, data)[0]


def searched(data, update=None, **options):
    """The candidates of a search on a fitted process."""
    proxy, state = process_of(data)
    small = {"candidates": 4, "batch": 4, "samples": 32, "restarts": 2, "raw_samples": 16, "iterations": 20}
    update = QAcquisition(proxy=proxy, **{**small, **options})
    at = update.init(KEY, data, state)
    for number in range(update.length(data)):
        at, info = update.step(keys.fold_in(KEY, number), at, data, number)
    return update.designs(at), info


def test_coordinates_are_columns_and_their_limits():
    coordinates, vectors, decode = encoded(SPACE)
    u = coordinates.of(vectors)
    assert u.shape == (len(vectors), 6)
    torch.testing.assert_close(coordinates.encoded(u).float(), vectors)
    assert coordinates.levels == {4: [0, 1, 2], 5: [1]}
    assert coordinates.fixed == {5: 1}
    assert list(coordinates.grids) == [2]
    grid = torch.tensor(coordinates.grids[2])
    at = u[:1].repeat(6, 1)
    at[:, 2] = grid
    np.testing.assert_allclose(decode(coordinates.encoded(at))[:, 2], np.arange(6), atol=1e-6)
    (indices, weights, right), (loose, _, _) = coordinates.equalities[0], coordinates.inequalities[0]
    assert indices.tolist() == [0, 1]
    assert loose.tolist() == [2, 3]
    torch.testing.assert_close(u[:, indices] @ weights, torch.full((len(u),), right).double(), rtol=0, atol=1e-6)


def test_steps_that_a_sum_binds_are_relaxed():
    """Botorch's mixed search takes none; decoding does."""
    stepped = Space(
        (
            Real("acid", (0.0, 1.0), step=0.1),
            Real("base", (0.0, 1.0), step=0.1),
            Real("c"),
            Real("d", (0, 1), step=0.5),
        ),
        (Linear.total(("acid", "base"), 1.0),),
    )
    assert list(encoded(stepped)[0].grids) == [3]


def test_numbers_carry_gradients_through_the_coordinates():
    coordinates, vectors, _ = encoded(SPACE)
    u = coordinates.of(vectors[:2]).requires_grad_()
    coordinates.encoded(u).sum().backward()
    torch.testing.assert_close(u.grad[:, :4], torch.ones(2, 4).double())


@pytest.mark.parametrize("acquisition", ["log-nei", "log-ei"])
def test_a_batch_is_not_the_greedy_top(acquisition, numbers):
    """It has more joint improvement than the best single designs side by side, and others than they are."""
    data = numbers(20)
    proxy, state = process_of(data)
    coordinates, process = Coordinates(data.space), proxy.posterior(state)
    known = Known(coordinates.of(data.x), data.y.max().double(), coordinates.of(data.x[:0]))
    with exactly(), keys.lend(KEY):
        value = module._acquisition(process.along(coordinates.encoded), known, acquisition, 256)
        joint, best = module._found(value, coordinates, 3, EFFORT)
        alone, _ = module._found(value, coordinates, 1, EFFORT)
        # The best three single designs lie at one place.
        greedy = alone + torch.tensor([[0.0, 0], [1e-4, 0], [-1e-4, 0]], dtype=torch.float64)
        assert best > value(greedy[None]) + 0.05
    assert torch.pdist(joint).min() > 0.01


def test_later_batches_avoid_what_is_pending(numbers):
    x, _ = searched(numbers(20), candidates=4, batch=2)
    again, _ = searched(numbers(20), candidates=2)
    torch.testing.assert_close(x[:2], again)
    assert torch.cdist(x[:2], x[2:]).min() > 1e-3


def test_levels_are_searched_and_stay_corners(levels):
    data = levels()
    x, info = searched(data, candidates=2, batch=2, iterations=3)
    assert ((x[:, 1:] == 0) | (x[:, 1:] == 1)).all()
    assert (x[:, 1:].sum(1) == 1).all()
    # The level 2 is best.
    assert (x[:, 3] == 1).float().mean() >= 0.5
    assert info["predicted"] > data.y.mean()


def test_a_breakdown_is_told_and_filled_up(numbers, monkeypatch):
    def breaks(*_):
        raise module.NUMERICAL[0]("singular")

    monkeypatch.setattr(module, "_acquisition", breaks)
    data = numbers()
    x, info = searched(data)
    assert info["stopped"] == 1
    assert torch.equal(x, data.x[data.y.topk(4).indices])


def test_other_errors_are_bugs(numbers, monkeypatch):
    monkeypatch.setattr(module, "_acquisition", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        searched(numbers())


def test_it_refuses_more_restarts_than_samples():
    with pytest.raises(ValueError, match="restarts=9 exceeds raw_samples=8"):
        QAcquisition(proxy=GaussianProcess(), restarts=9, raw_samples=8)


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    level, x = rng.integers(3, size=30), rng.uniform(0, 1, (30, 2)).round(1)
    x[:, 1] = 1 - x[:, 0]
    made = {"base": np.array(list("KLM"))[level], "acid": x[:, 0], "salt": x[:, 1], "hours": rng.integers(0, 5, 30)}
    return pd.DataFrame(made).assign(yld=level + x[:, 0] + rng.normal(0, 0.1, 30))


def test_proposals_keep_levels_sums_steps_and_holds():
    task = mbo.Task("made", frame(), target="yld")
    small = ["update.candidates=3", "update.batch=3", "update.restarts=1", "update.raw_samples=8", "update.samples=8"]
    few = [*small, "update.iterations=1"]
    result = mbo.run("gp-qlognei", task, seeds=1, preset="table", set=few, hold={"hours": 2})
    designs = result.designs[0]
    assert task.space.contains(designs).all()
    assert {task.cells(one)["hours"] for one in designs} == {2}
