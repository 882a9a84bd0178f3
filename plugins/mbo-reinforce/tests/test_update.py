"""`reinforce` climbs the expected reward, whatever its scale, and changes nothing but the policy."""

from __future__ import annotations

import copy

import optree
import pytest
import torch
from mbo_grad_ascent.proxy import Ensemble
from mbo_reinforce.policy import Categorical, Normal
from mbo_reinforce.update import advantages, terms

from mbo_core.functional import keys
from mbo_core.stages import NoAdversary

KEY = keys.key(11)
MANY = 100_000
LOGITS = keys.normal(keys.key(4), (5, 3))
WORTH = keys.normal(keys.key(6), (5, 3))
KINDS = pytest.mark.parametrize("kind", ["real", "one-hot"])


def ones(x):
    """How often token 1 stands in rows of four classes."""
    return x.reshape(len(x), -1, 4)[..., 1].sum(1)


def uphill(x):
    return x.sum(1) + x[:, 0]


def test_linear_reward_has_the_analytic_gradient(made):
    update, _, _ = made("real", uphill)
    policy, means, slope = Normal(0.1), torch.tensor([0.3, -0.2, 0.0]), torch.tensor([1.0, -2.0, 2.0])
    x = policy.sample(KEY, means, MANY)
    found = update.slope(policy, means, x, advantages(x @ slope + 7))
    # The reward's std is s * |slope|, and the slope of its mean is `slope`.
    torch.testing.assert_close(found, slope / (0.1 * 3.0), rtol=0, atol=0.1)


def additive():
    """A policy, draws of it, their advantages under an additive reward, and the analytic gradient."""
    policy, p = Categorical(5, 3), LOGITS.softmax(-1)
    x = policy.sample(KEY, LOGITS, MANY)
    mean = (p * WORTH).sum(-1, keepdim=True)
    std = (p * (WORTH - mean) ** 2).sum().sqrt()
    return policy, x, advantages(x @ WORTH.flatten()), p * (WORTH - mean) / std


def test_additive_reward_has_the_analytic_gradient(made):
    update, _, _ = made("one-hot", ones)
    policy, x, advantage, expected = additive()
    assert expected.norm() > 0.3
    torch.testing.assert_close(update.slope(policy, LOGITS, x, advantage), expected, rtol=0, atol=0.02)


@pytest.mark.parametrize(
    ("policy", "params"), [(Normal(0.1), torch.zeros(4)), (Categorical(5, 3), LOGITS)], ids=["normal", "categorical"]
)
def test_the_loss_has_one_term_a_sample(policy, params):
    x = policy.sample(KEY, params, 8)
    advantage = advantages(keys.normal(KEY, (8,)))
    found = terms(policy, params, x, advantage)
    assert found.shape == (8,)
    for each, row, weight in zip(found, x, advantage, strict=True):
        torch.testing.assert_close(each, weight * policy.log_likelihood(params, row[None])[0])


def test_released_broadcast_has_no_gradient(made):
    policy, x, advantage, _ = additive()
    x, advantage = x[:256], advantages(advantage[:256])
    logits = LOGITS.clone().requires_grad_()
    by_position = (logits.log_softmax(-1) * x.reshape(256, 5, 3)).sum(-1)
    loss = by_position[:, None] * advantage[:, None]
    assert loss.shape == (256, 256, 5)
    [broadcast] = torch.autograd.grad(loss.mean(), logits)
    correct, published = (
        made("one-hot", ones, discrete_gradient=name)[0].slope(policy, LOGITS, x, advantage)
        for name in ("reinforce", "as-published")
    )
    assert correct.norm() > 0.3
    torch.testing.assert_close(broadcast, published, rtol=0, atol=1e-7)
    assert (published == 0).all()


def test_only_normal_policies_learn_as_published(made, taken):
    for kind, reward in (("one-hot", ones), ("real", uphill)):
        after = {}
        for name in ("reinforce", "as-published"):
            update, start, data = made(kind, reward, discrete_gradient=name)
            state, infos = taken(update, start, data, 3)
            after[name] = state.policy
            stays = kind == "one-hot" and name == "as-published"
            assert torch.equal(state.policy, start.policy) == stays
            assert all((info["gradient_norm"] == 0) == stays for info in infos)
        assert torch.equal(*after.values()) == (kind == "real")


def test_advantages_have_mean_zero_and_population_std_one():
    found = advantages(3 + 5 * keys.normal(KEY, (50,)))
    assert found.mean().item() == pytest.approx(0, abs=1e-6)
    assert found.std(correction=0).item() == pytest.approx(1)


@KINDS
@pytest.mark.parametrize(("shift", "scale"), [(100.0, 1.0), (0.0, 1e-3), (-3.0, 50.0)])
def test_shift_and_scale_of_the_reward_change_nothing(made, taken, kind, shift, scale):
    states = [taken(*made(kind, reward), 3)[0] for reward in (lambda x: x[:, 1], lambda x: shift + scale * x[:, 1])]
    torch.testing.assert_close(states[0].policy, states[1].policy, rtol=1e-3, atol=1e-4)


@KINDS
@pytest.mark.parametrize("value", [0.0, 0.1, -1234.5])
def test_a_constant_reward_leaves_the_policy(made, taken, kind, value):
    def rounded(x):
        # As products of different sizes round: the last bit differs.
        return torch.full_like(x[:, 0], value) * (1 + 1.2e-7 * x[:, 0].round().sign())

    update, start, data = made(kind, rounded)
    state, infos = taken(update, start, data, 3)
    assert torch.equal(state.policy, start.policy)
    assert all(each.isfinite() for info in infos for each in info.values())
    assert all((rows == 0).all() for rows in state.optimiser.first)


def test_mean_moves_to_the_hilltop(made, taken):
    top = torch.tensor([0.5, -0.7, 0.2])
    update, start, data = made("real", lambda x: -((x - top) ** 2).sum(1), learning_rate=0.05)
    state, infos = taken(update, start, data, 60)
    assert (state.policy - top).norm() < 0.15 < 0.5 * (start.policy - top).norm()
    assert infos[-1]["predicted"] > infos[0]["predicted"]
    # The candidates keep the noise.
    torch.testing.assert_close(state.x.mean(0), state.policy, rtol=0, atol=0.05)
    torch.testing.assert_close(state.x.std(0), torch.full((3,), 0.1), rtol=0.3, atol=0)


def test_a_rewarded_token_becomes_likelier_at_every_position(made, taken):
    update, start, data = made("one-hot", ones, learning_rate=0.1)
    state, infos = taken(update, start, data, 60)
    before, after = (policy.softmax(-1)[:, 1] for policy in (start.policy, state.policy))
    assert (after > before).all()
    assert after.min() > 0.9
    assert ones(state.x).mean() > 5.5
    assert infos[-1]["entropy"] < 0.5 * infos[0]["entropy"]


@KINDS
def test_the_first_step_is_one_of_adam(made, kind):
    update, start, data = made(kind, lambda x: x[:, 1], learning_rate=0.02)
    state, _ = update.step(KEY, start, data, 0)
    moved = (state.policy - start.policy).flatten()[1]
    assert moved.item() == pytest.approx(0.02, rel=1e-3)


@KINDS
def test_the_policy_starts_at_the_best_rows(made, kind):
    update, state, data = made(kind, uphill, starts=50, candidates=4000)
    rows = data.x[sorted(range(len(data.y)), key=lambda row: -data.y[row].item())[:50]]
    found = state.policy if kind == "real" else state.policy.softmax(-1).flatten()
    torch.testing.assert_close(found, rows.mean(0))
    torch.testing.assert_close(update.designs(state).mean(0), rows.mean(0), rtol=0, atol=0.04)


def test_few_rows_are_all_starts(made):
    _, state, data = made("real", uphill, starts=10_000)
    torch.testing.assert_close(state.policy, data.x.mean(0))


@KINDS
def test_candidates_are_drawn_after_the_step(made, kind):
    update, start, data = made(kind, lambda x: x[:, 1], learning_rate=3.0, candidates=500)
    state, _ = update.step(KEY, start, data, 0)
    expected = state.policy if kind == "real" else state.policy.softmax(-1).flatten()
    torch.testing.assert_close(state.x.mean(0), expected, rtol=0, atol=0.08)
    assert (state.x.mean(0) - start.x.mean(0)).abs().max() > 0.2


@KINDS
def test_candidates_differ_from_the_steps_samples(made, kind):
    update, start, data = made(kind, uphill, learning_rate=0.0, candidates=256)
    state, _ = update.step(KEY, start, data, 0)
    x = update.policy(data.space).sample(keys.split(KEY)[0], start.policy, 256)
    assert not (state.x == x).all(1).any() if kind == "real" else (state.x == x).all(1).float().mean() < 0.1


def test_token_absent_from_best_rows_stays_impossible(made, taken):
    update, start, data = made("one-hot", ones, starts=3, learning_rate=1.0, candidates=2000)
    state, infos = taken(update, start, data, 20)
    lost = start.policy == -torch.inf
    assert lost.sum() >= 6
    assert torch.equal(state.policy == -torch.inf, lost)
    assert (state.x.sum(0)[lost.flatten()] == 0).all()
    assert all(each.isfinite() for info in infos for each in info.values())


@KINDS
def test_nan_reward_shows_in_the_infos(made, kind):
    update, start, data = made(kind, lambda x: torch.where(x[:, 1] > 0, torch.nan, x[:, 0]))
    _, info = update.step(KEY, start, data, 0)
    # So the core fails the seed, and says where.
    assert info["predicted"].isnan()


@KINDS
def test_infos_describe_rewards_and_drawing_policy(made, kind):
    """The policy is the one that drew the samples."""
    update, start, data = made(kind, uphill)
    state, info = update.step(KEY, start, data, 0)
    policy = update.policy(data.space)
    reward = uphill(policy.sample(keys.split(KEY)[0], start.policy, 256))
    expected = {
        "predicted": reward.mean(),
        "best": reward.max(),
        "spread": reward.std(correction=0),
        "gradient_norm": 10 * state.optimiser.first.norm(),  # of which Adam's first mean is a tenth
        "entropy": policy.entropy(start.policy),
    }
    torch.testing.assert_close(info, expected)
    assert torch.equal(info["entropy"], policy.entropy(state.policy)) == (kind == "real")


@KINDS
def test_proxy_gets_no_gradient_or_change(made, taken, kind):
    proxy = Ensemble(adversary=NoAdversary(), members=2, hidden=(8,))
    update, start, data = made(kind, proxy)
    weights = optree.tree_map(lambda leaf: leaf.requires_grad_(), start.proxy.params)
    before = copy.deepcopy(weights)
    state, _ = taken(update, start._replace(proxy=start.proxy._replace(params=weights)), data, 3)
    assert not state.policy.requires_grad
    assert not torch.equal(state.policy, start.policy)
    for one, other in zip(*map(optree.tree_leaves, (state.proxy.params, before)), strict=True):
        assert one.grad is None
        assert torch.equal(one, other)


def test_it_asks_for_scores_alone(made):
    assert made("real", uphill)[0].needs == {"order"}
