"""The masses of the bins are exact and finite for any location, and normalising them is what the paper says."""

from __future__ import annotations

import math

import pytest
import torch
from mbo_nemo.logistic import STD_OF_SCALE, Bins, check_scores, ends_of, normalise
from torch.func import grad, vmap

from mbo_core.errors import TaskError
from mbo_core.functional import keys
from mbo_core.functional.nets import MLP

ENDS = torch.tensor([-2.0, 3.0])
FAR = torch.cat([torch.linspace(-1e3, 1e3, 401), torch.tensor([-1e4, -30.0, -0.3, 0.5, 30.0, 1e4])])


def both(bins: int, dtype=torch.float32) -> Bins:
    return Bins(ENDS.to(dtype), bins)


def reference(bins: Bins, mean, scale):
    """Masses as differences of the distribution function, exact where they do not cancel: (n, K)."""
    cdf = torch.sigmoid((bins.edges - mean[:, None]) / scale)
    ends = torch.zeros_like(mean)[:, None], torch.ones_like(mean)[:, None]
    return torch.cat([ends[0], cdf, ends[1]], 1).diff(dim=1)


@pytest.mark.parametrize("scale", [0.02, 0.25, 4.0])
@pytest.mark.parametrize("count", [2, 3, 20])
def test_masses_sum_to_one_with_finite_gradients(count, scale):
    bins, s = both(count), torch.tensor(scale)
    log_p = bins.log_masses(FAR, s.expand(len(FAR)))
    assert torch.isfinite(log_p).all()
    assert (log_p <= 0).all()
    torch.testing.assert_close(log_p.exp().sum(1), torch.ones(len(FAR)), rtol=0, atol=1e-5)
    label = torch.arange(count)
    slopes = vmap(vmap(grad(bins.log_mass, argnums=(0, 1)), (None, None, 0)), (0, None, None))(FAR, s, label)
    assert all(torch.isfinite(slope).all() for slope in slopes)


@pytest.mark.parametrize("count", [2, 3, 20])
def test_masses_are_differences_of_the_distribution_function(count):
    bins, mean = both(count, torch.float64), torch.linspace(-8, 8, 101, dtype=torch.float64)
    masses = bins.log_masses(mean, torch.full_like(mean, 0.4)).exp()
    torch.testing.assert_close(masses, reference(bins, mean, 0.4), rtol=0, atol=1e-14)


@pytest.mark.parametrize("mean", [-1e4, -50.0, 0.5, 50.0, 1e4])
def test_float32_matches_float64_in_the_tails(mean):
    # The mass of a bin 1e4 from the mean is exp(-4e4): only its logarithm can be held.
    single, double = (
        both(20, dtype).log_masses(torch.tensor(mean, dtype=dtype), torch.tensor(0.25, dtype=dtype))
        for dtype in (torch.float32, torch.float64)
    )
    torch.testing.assert_close(single.double(), double, rtol=2e-6, atol=2e-6)


def test_an_outer_bin_reaches_to_infinity():
    bins = both(5)
    first, *_, last = bins.log_masses(torch.tensor([-100.0, 100.0]), torch.ones(2)).T
    assert [first[0].item(), last[1].item()] == pytest.approx([0.0, 0.0], abs=1e-30)
    # Far beyond, the log mass of a bin falls by the distance over the scale.
    assert first[1].item() == pytest.approx(-101.0)
    assert last[0].item() == pytest.approx(-102.0)


def test_edges_centres_and_headroom():
    ends = ends_of(torch.tensor([3.0, -1.0, 0.0]), span=0.25)
    assert ends.tolist() == [-1.0, 4.0]
    bins = Bins(ends, 5)
    assert bins.width == 1
    assert bins.edges.tolist() == [0.0, 1.0, 2.0, 3.0]
    assert bins.centres.tolist() == [-0.5, 0.5, 1.5, 2.5, 3.5]


def test_edges_belong_to_the_bin_above():
    """A score is in the bin that contains it."""
    y = torch.tensor([[-9.0, -1.0, -0.1, 0.0], [0.5, 2.999, 3.0, 99.0]])
    assert Bins(torch.tensor([-1.0, 4.0]), 5).labels(y).tolist() == [[0, 0, 0, 1], [1, 3, 4, 4]]


@pytest.mark.parametrize("count", [2, 7, 20, 40])
@pytest.mark.parametrize("ends", [(-2.1, 3.7), (-0.013, 93.4), (-1.4142135, 1.7677669)])
def test_each_centre_lies_in_its_bin(ends, count):
    bins = Bins(torch.tensor(ends), count)
    assert torch.equal(bins.labels(bins.centres), torch.arange(count))


def test_mass_of_one_bin_matches_all():
    bins, mean = both(7), torch.linspace(-4, 4, 21)
    scale, label = torch.linspace(0.1, 1, 21), torch.arange(21) % 7
    every = bins.log_masses(mean, scale)
    assert torch.equal(bins.log_mass(mean, scale, label), every.gather(1, label[:, None])[:, 0])


def test_lifted_it_is_the_same():
    mean, label = torch.linspace(-4, 4, 21).reshape(3, 7), torch.arange(21).reshape(3, 7) % 5
    ends = torch.stack([ENDS, ENDS - 1, 2 * ENDS])

    def one(ends, mean, label):
        bins = Bins(ends, 5)
        return bins.log_mass(mean, bins.width, label), bins.labels(mean)

    together = vmap(one, randomness="error")(ends, mean, label)
    for i in range(3):
        # Seven numbers alone are rounded by other instructions than 21 together: on AVX2 by one unit in the last place.
        for all_seeds, alone in zip(together, one(ends[i], mean[i], label[i]), strict=True):
            torch.testing.assert_close(all_seeds[i], alone, rtol=1e-6, atol=1e-7)


def mean_score(bins: Bins, mean, scale):
    return bins.log_masses(mean, scale).exp() @ bins.centres


def test_the_expected_score_rises_strictly_with_the_location():
    bins, mean = both(20, torch.float64), torch.linspace(-6, 7, 400, dtype=torch.float64)
    expected = mean_score(bins, mean, torch.full_like(mean, 0.25))
    assert (expected.diff() > 0).all()
    assert bins.centres[0] < expected[0]
    assert expected[-1] < bins.centres[-1]
    # An affine function of the survival vector's mean: c_1 + W * (sum of o_j).
    survival = torch.sigmoid((mean[:, None] - bins.edges) / 0.25)
    torch.testing.assert_close(expected, bins.centres[0] + bins.width * survival.sum(1))


def test_its_slope_is_that_of_the_closed_form():
    bins, mean = both(20, torch.float64), torch.linspace(-6, 7, 50, dtype=torch.float64)
    slope = vmap(grad(lambda mu: mean_score(bins, mu, mu.new_tensor(0.25))))(mean)
    survival = torch.sigmoid((mean[:, None] - bins.edges) / 0.25)
    torch.testing.assert_close(slope, bins.width / 0.25 * (survival * (1 - survival)).sum(1), rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_climbing_the_expected_score_climbs_the_location(seed):
    # Proposition 4.1, for networks and designs drawn at random.
    bins, net = both(20, torch.float64), MLP((16, 16), 1, "softplus")
    params = tuple({name: leaf.double() for name, leaf in layer.items()} for layer in net.init(keys.key(seed), 4))
    designs = 3 * keys.normal(keys.key(100 + seed), (50, 4)).double()

    def location(x):
        return net.apply(params, x[None])[0, 0]

    up = vmap(grad(location))(designs)
    expected = vmap(grad(lambda x: mean_score(bins, location(x), x.new_tensor(0.25))))(designs)
    inner = (up * expected).sum(1)
    assert (inner > 0).all()
    # The one is a positive multiple of the other, so they share their maximisers.
    torch.testing.assert_close(inner, up.norm(dim=1) * expected.norm(dim=1))


def own(means, bins: Bins, scale=0.25):
    return bins.log_mass(means, means.new_tensor(scale), torch.arange(bins.count)[:, None])


def test_equal_models_normalise_to_themselves_without_regret():
    bins, mean = both(20), torch.linspace(-3, 4, 15)
    found = normalise(own(mean.expand(20, -1), bins), bins)
    every = bins.log_masses(mean, torch.full_like(mean, 0.25))
    torch.testing.assert_close(found.log_gamma, torch.zeros(15), rtol=0, atol=1e-5)
    torch.testing.assert_close(found.log_p, every.T, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found.mean, every.exp() @ bins.centres)


def test_models_fitting_their_labels_leave_maximal_regret():
    bins = both(20)
    found = normalise(own(bins.centres[:, None].expand(-1, 3), bins, scale=0.01), bins)
    torch.testing.assert_close(found.log_gamma, torch.full((3,), math.log(20)), rtol=0, atol=1e-4)
    torch.testing.assert_close(found.entropy, torch.full((3,), math.log(20)), rtol=0, atol=1e-4)
    torch.testing.assert_close(found.mean, bins.centres.mean().expand(3), rtol=0, atol=1e-4)


@pytest.mark.parametrize("ratio", [0.5, 1.0, 4.0])
def test_regret_is_bounded_by_the_bins_mass(ratio):
    # A closed bin holds at most tanh(W / 4s), with the location at its centre; an open one holds all.
    bins = both(20, torch.float64)
    scale = float(bins.width) * ratio
    means = bins.centres[:, None].clone()
    means[0], means[-1] = -1e3, 1e3
    found = normalise(own(means, bins, scale), bins)
    assert found.log_gamma.item() == pytest.approx(math.log(2 + 18 * math.tanh(1 / (4 * ratio))))
    anywhere = own(means + keys.normal(keys.key(1), (20, 500)), bins, scale)
    assert (normalise(anywhere, bins).log_gamma < found.log_gamma).all()


def test_mean_spread_and_entropy_computed_by_hand():
    bins = Bins(torch.tensor([0.0, 4.0]), 2)
    found = normalise(torch.tensor([[0.75], [0.25]]).log() + 0.5, bins)
    assert found.log_gamma.item() == pytest.approx(0.5)
    assert found.log_p.exp().flatten().tolist() == pytest.approx([0.75, 0.25])
    assert found.mean.item() == pytest.approx(0.75 * 1 + 0.25 * 3)
    assert found.std.item() == pytest.approx(math.sqrt(0.75 * 0.25) * 2)
    assert found.entropy.item() == pytest.approx(-0.75 * math.log(0.75) - 0.25 * math.log(0.25))


def test_gradient_of_mean_matches_closed_form():
    # grad J = sum_k p-hat_k (c_k - J) grad log p_k
    bins, means = both(9, torch.float64), 2 * keys.normal(keys.key(3), (9, 30)).double()
    slope = grad(lambda means: normalise(own(means, bins), bins).mean.sum())(means)
    found = normalise(own(means, bins), bins)
    each = grad(lambda means: own(means, bins).sum())(means)
    expected = found.log_p.exp() * (bins.centres[:, None] - found.mean) * each
    torch.testing.assert_close(slope, expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", ["mean", "std", "log_gamma", "entropy"])
def test_gradients_are_finite_with_one_bin(name):
    bins, means = both(20), torch.tensor([1e4, -1e4]).expand(20, 2)
    assert normalise(own(means, bins), bins).log_p.exp().amax() == 1
    slope = grad(lambda means: getattr(normalise(own(means, bins), bins), name).sum())(means)
    assert torch.isfinite(slope).all()


def test_the_std_of_a_logistic():
    draws = torch.logit(keys.uniform(keys.key(1), (200_000,)).double().clamp(1e-9, 1 - 1e-9))
    assert draws.std().item() == pytest.approx(STD_OF_SCALE, rel=0.01)


@pytest.mark.parametrize(
    ("y", "bins", "span", "fact"),
    [
        ([0.0, 0.0, 0.0], 20, 0.25, "all 3 scores are equal"),
        ([-1.0, 0.0, 1.0], 1, 0.25, "all 3 scores fall into the first of 1 bins"),
        ([-1.0, 0.0, 1.0], 2, 1.5, "all 3 scores fall into the first of 2 bins"),
        ([-1.0, 0.0, 1.0], 20, 19.5, "all 3 scores fall into the first of 20 bins"),
    ],
)
def test_indistinguishable_scores_are_refused(y, bins, span, fact):
    with pytest.raises(TaskError, match=fact) as refusal:
        check_scores(torch.tensor(y), bins, span)
    assert refusal.value.hint


@pytest.mark.parametrize(("bins", "span"), [(2, 0.0), (2, 0.9), (20, 0.25), (20, 18.0)])
def test_other_scores_are_taken(bins, span):
    check_scores(torch.tensor([-1.0, 0.9, 1.0]), bins, span)
