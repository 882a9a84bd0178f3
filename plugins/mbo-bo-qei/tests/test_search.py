"""q-expected improvement is what it says, and batches that have more of it are found."""

from __future__ import annotations

import warnings
from itertools import pairwise

import pytest
import torch
from mbo_bo_qei import search as module
from mbo_bo_qei.gp import fitted
from mbo_bo_qei.records import Observed
from mbo_bo_qei.search import exactly, expected_improvement, search
from mbo_gp import library
from mbo_gp.records import Effort
from torch.distributions import Normal

from mbo_core.functional import keys

EFFORT = Effort(samples=64, restarts=2, raw_samples=16, at_once=2, iterations=20)
BOX = torch.tensor([[-1.0, -1.0], [1.0, 1.0]], dtype=torch.float64)


def observed(n: int = 15) -> Observed:
    x = 2 * keys.uniform(keys.key(1), (n, 2)).double() - 1
    return Observed(x, -((x - 0.3) ** 2).sum(1), torch.full((n,), 0.1, dtype=torch.float64))


@pytest.fixture(scope="module")
def model():
    with exactly():
        return fitted(observed())


@pytest.fixture
def designs():
    return 2 * keys.uniform(keys.key(4), (6, 2)).double() - 1


def improvement(model, x, best=-0.2, samples=4096):
    """Of batches (..., q, d)."""
    with exactly(), torch.no_grad(), keys.lend(keys.key(7)):
        return expected_improvement(model, torch.tensor(best).double(), samples)(x)


def test_of_one_design_it_is_the_expected_improvement(model, designs):
    with exactly(), torch.no_grad():
        found = model.posterior(designs)
    mean, std = found.mean[:, 0], found.variance[:, 0].sqrt()
    u, normal = (mean + 0.2) / std, Normal(0.0, 1.0)
    exact = std * (u * normal.cdf(u) + normal.log_prob(u).exp())
    torch.testing.assert_close(improvement(model, designs[:, None]), exact, rtol=0.02, atol=1e-4)


def test_it_is_that_of_joint_samples_without_noise(model, designs):
    with exactly(), torch.no_grad(), keys.lend(keys.key(8)):
        samples = model.posterior(designs).rsample(torch.Size([20000]))[..., 0]
    expected = (samples.amax(1) + 0.2).clamp(min=0).mean()
    torch.testing.assert_close(improvement(model, designs), expected[None], rtol=0.05, atol=1e-3)


def test_improvement_is_zero_under_an_unbeatable_best(model, designs):
    """Never negative, and 0 if no sample exceeds the best."""
    assert (improvement(model, designs) >= 0).all()
    assert improvement(model, designs, best=1e3) == 0


def test_another_design_never_makes_a_batch_worse(model, designs):
    grown = [improvement(model, designs[:q]) for q in range(1, 7)]
    # Samples of another q are others, so for a little.
    assert all(more > less - 1e-3 for less, more in pairwise(grown))
    assert grown[-1] > 1.2 * grown[0]


def test_batch_beats_random_ones_inside_the_box(model, designs):
    with keys.lend(keys.key(3)):
        found = search(observed(), BOX, None, 4, EFFORT)
    assert found.x.shape == (4, 2)
    assert ((found.x >= BOX[0]) & (found.x <= BOX[1])).all()
    best = observed().y.max().item()
    random = improvement(model, 2 * keys.uniform(keys.key(5), (50, 4, 2)).double() - 1, best)
    assert improvement(model, found.x, best) > random.max()
    torch.testing.assert_close(found.improvement, improvement(model, found.x, best)[0], rtol=0.2, atol=0.01)


def test_the_samples_of_a_round_are_drawn_once(model, designs):
    with exactly(), torch.no_grad(), keys.lend(keys.key(7)):
        acquisition = expected_improvement(model, torch.tensor(-0.2).double(), 64)
        assert acquisition(designs) == acquisition(designs)
        assert acquisition(designs) != expected_improvement(model, torch.tensor(-0.2).double(), 64)(designs)
    assert acquisition.sampler.sample_shape == (64,)


def test_library_gets_the_effort(model, monkeypatch):
    asked = {}

    def asks(acquisition, **options):
        asked.update(options, samples=acquisition.sampler.sample_shape.numel(), best=acquisition.best_f.item())
        return BOX, BOX.sum()

    monkeypatch.setattr(library, "optimize_acqf", asks)
    with exactly():
        module.proposal(model, torch.tensor(0.3).double(), BOX, 7, Effort(64, 3, 17, 2, 23))
    assert asked.pop("bounds") is BOX
    assert asked == {
        "q": 7,
        "num_restarts": 3,
        "raw_samples": 17,
        "options": {"batch_limit": 2, "maxiter": 23},
        "samples": 64,
        "best": pytest.approx(0.3),
    }


def test_constant_coordinates_stay():
    box = torch.tensor([[-1.0, 0.25], [1.0, 0.25]], dtype=torch.float64)
    data = observed()
    fixed = data._replace(x=torch.stack([data.x[:, 0], torch.full((15,), 0.25).double()], 1))
    with keys.lend(keys.key(3)):
        assert (search(fixed, box, None, 3, EFFORT).x[:, 1] == 0.25).all()


@pytest.mark.slow
def test_more_coordinates_than_a_sobol_sequence_has():
    d = 1100
    x = keys.normal(keys.key(1), (6, d)).double()
    box = torch.stack([x.amin(0), x.amax(0)])
    with keys.lend(keys.key(3)):
        found = search(
            Observed(x, x[:, 0], torch.full((6,), 0.1).double()), box, None, 20, EFFORT._replace(iterations=1)
        )
    assert ((found.x >= box[0]) & (found.x <= box[1])).all()


def test_only_the_library_sees_its_warnings():
    with warnings.catch_warnings(record=True) as people:
        warnings.simplefilter("always")
        with exactly(), warnings.catch_warnings(record=True) as library:
            warnings.warn("initial candidates are bad", stacklevel=1)
    assert len(library) == 1
    assert people == []


@pytest.mark.parametrize("error", module.NUMERICAL)
def test_where_arithmetic_breaks_down_nothing_is_found(error, monkeypatch):
    more = {"current_x": None} if error is library.OptimizationGradientError else {}

    def breaks(*_):
        raise error("not positive definite", **more)

    monkeypatch.setattr(module, "proposal", breaks)
    assert search(observed(), BOX, None, 3, EFFORT) is None


def test_a_mistake_is_not_taken_for_arithmetic(monkeypatch):
    def wrong(*_):
        raise RuntimeError("size mismatch")

    monkeypatch.setattr(module, "proposal", wrong)
    with pytest.raises(RuntimeError, match="size mismatch"):
        search(observed(), BOX, None, 3, EFFORT)


def test_a_covariance_that_is_no_number_is_arithmetic():
    data = observed()
    lost = {name: torch.nan * value for name, value in search(data, BOX, None, 2, EFFORT).start.items()}
    assert search(data, BOX, lost, 2, EFFORT) is None
