"""With a known truth and a normal search model fitted in closed form, CbAS finds the conditioned prior."""

from __future__ import annotations

import torch
from mbo_cbas.weights import Scored, log_tail, log_weights, quantile
from torch.distributions import Normal

from mbo_core.functional import keys
from mbo_core.stages import Prediction

NOISE = 0.05
GRID = torch.linspace(-6, 8, 8001)
PRIOR = Normal(torch.tensor(0.0), torch.tensor(1.0))


def near(x):
    return 0.2 * torch.exp(-((x - 2) ** 2) / 0.6)


def paper(x):
    """The paper's: a higher peak stands where the prior hardly reaches."""
    return near(x) + 0.8 * torch.exp(-((x - 4) ** 2) / 0.2)


def prediction(x, truth) -> Prediction:
    return Prediction(truth(x)[None], torch.full((1, len(x)), NOISE))


# The threshold never exceeds what the truth has over the range of the training data.
CAP = paper(torch.linspace(-3, 3, 601)).max()


def run(iterations=50, samples=100, seed=0, weighting="cbas", truth=paper):
    """The search models of all iterations, and the last threshold."""
    q, threshold, found = PRIOR, torch.tensor(-torch.inf), [PRIOR]
    for number in range(iterations):
        x = q.mean + q.stddev * keys.normal(keys.fold_in(keys.key(seed), number), (samples,))
        mean = prediction(x, truth).mean[0]
        threshold = torch.maximum(threshold, torch.minimum(quantile(mean, 1.0), CAP))
        ratio = PRIOR.log_prob(x) - q.log_prob(x)
        scored = Scored(ratio, mean, log_tail(prediction(x, truth), threshold), torch.zeros(samples))
        w = log_weights(weighting, scored, 20.0, 0.8).softmax(0)
        centre = (w * x).sum()
        q = Normal(centre, (w * (x - centre) ** 2).sum().sqrt())
        found.append(q)
    return found, threshold


def target(threshold):
    """The prior given that the score reaches the threshold, on the grid."""
    log_p = PRIOR.log_prob(GRID) + log_tail(prediction(GRID, near), threshold)
    return log_p - torch.logsumexp(log_p, 0) - (GRID[1] - GRID[0]).log()


def divergence(log_p, q) -> float:
    return ((log_p.exp() * (log_p - q.log_prob(GRID))).sum() * (GRID[1] - GRID[0])).item()


def test_updates_converge_to_the_conditioned_prior():
    found, threshold = run(iterations=30, samples=4000, truth=near)
    assert abs(threshold - 0.2) < 1e-3
    wanted = target(threshold)
    step = GRID[1] - GRID[0]
    mean = (wanted.exp() * GRID).sum() * step
    best = Normal(mean, ((wanted.exp() * (GRID - mean) ** 2).sum() * step).sqrt())
    distances = [divergence(wanted, q) for q in found]
    assert distances[0] > 2
    assert distances[1] < distances[0]
    # No normal model can be nearer than the one with the target's own moments.
    assert max(distances[-10:]) < divergence(wanted, best) + 0.05
    assert abs(found[-1].mean - best.mean) < 0.1


def test_with_a_hundred_samples_it_finds_the_place():
    for seed in range(3):
        found, _ = run(seed=seed)
        assert 1.5 < found[-1].mean < 2.8
        assert found[-1].stddev < 0.8


def test_without_ratio_model_shrinks_onto_the_peak():
    conditioned, forgetful = (run(samples=2000, weighting=name)[0][-1] for name in ("cbas", "dbas"))
    # The prior pulls towards 0, and keeps the model as wide as what is conditioned on.
    assert conditioned.mean < forgetful.mean
    assert forgetful.stddev < conditioned.stddev / 3
