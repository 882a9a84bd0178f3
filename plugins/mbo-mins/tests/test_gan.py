"""Each player climbs its own side of the game, and leaves the other alone."""

from __future__ import annotations

import pytest
import torch
from mbo_mins.gan import Designs, Rows, critic_loss, kept, terms

from mbo_core.functional import keys

KEY = keys.key(3)
LETTERS = Designs((5, 3))


class Known:
    """A critic `slope . x`."""

    def __init__(self, *slope: float) -> None:
        self.slope = torch.tensor(slope)

    def lines(self):
        return []

    def of(self, x, y, lines=None):
        return (x @ self.slope)[:, None]


def rows(n=8, width=2):
    real, fake, mixed = (keys.normal(keys.key(seed), (n, width)) for seed in range(3))
    return Rows(real, fake, mixed, keys.normal(keys.key(4), (n,)), torch.full((n,), 1 / n))


@pytest.mark.parametrize(("slope", "penalty"), [((0.6, -0.8), 0.0), ((0.0, 0.0), 1.0), ((0.0, 3.0), 4.0)])
def test_the_penalty_holds_the_critic_to_slope_1(slope, penalty):
    assert terms(Known(*slope), rows()).penalty.item() == pytest.approx(penalty, abs=1e-5)


def test_a_critic_without_slope_has_finite_gradients(game):
    critic = game().critic
    with torch.no_grad():
        critic.layers[-1].weight.zero_()
    found = terms(critic, rows())
    assert found.penalty.item() == pytest.approx(1, abs=1e-4)
    slopes = torch.autograd.grad(critic_loss(found, 10.0), list(critic.parameters()))
    assert all(one.isfinite().all() for one in slopes)


def test_the_loss_rewards_high_values_of_real_designs():
    given = rows()
    found = terms(Known(1.0, 0.0), given)
    assert found.real.item() == pytest.approx(given.real[:, 0].mean().item())
    assert found.fake.item() == pytest.approx(given.fake[:, 0].mean().item())
    assert critic_loss(found, 10.0).item() == pytest.approx((found.fake - found.real).item(), abs=1e-5)
    assert critic_loss(terms(Known(2.0, 0.0), given), 10.0) - critic_loss(terms(Known(2.0, 0.0), given), 0.0) == 10


def test_row_weight_applies_to_all_three_terms():
    given = rows()
    half = given._replace(w=torch.cat([torch.full((4,), 0.25), torch.zeros(4)]))
    first = Rows(*(part[:4] for part in given))._replace(w=torch.full((4,), 0.25))
    for one, other in zip(terms(Known(1.0, 2.0), half), terms(Known(1.0, 2.0), first), strict=True):
        torch.testing.assert_close(one, other)


def test_penalty_gradient_matches_finite_differences(game):
    critic, given = game().critic.double(), Rows(*(part.double() for part in rows()))
    weight = critic.layers[1].weight
    [slope] = torch.autograd.grad(critic_loss(terms(critic, given), 10.0), [weight])
    for index in ((0, 0), (3, 7), (15, 15)):
        values = []
        for step in (1e-5, -2e-5):
            with torch.no_grad():
                weight[index] += step
            values.append(critic_loss(terms(critic, given), 10.0).item())
        with torch.no_grad():
            weight[index] += 1e-5
        assert slope[index].item() == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-4, abs=1e-7)


@pytest.mark.parametrize("designs", [Designs(None), Designs((2, 3))])
def test_fakes_share_scores_and_mix_with_their_rows(game, designs, monkeypatch):
    """A fake has the score of its row, and each pair has its own share of the mix."""
    n, width = 500, 6
    gan, seen = game(designs, width=width), []
    monkeypatch.setattr("mbo_mins.gan.terms", lambda critic, given: seen.append(given) or terms(critic, given))
    x, y = keys.normal(KEY, (n, width)) if designs.categories is None else torch.eye(3).repeat(n, 2)[:n], rows(n).y
    with keys.lend(KEY):
        gan.train_critic(x, y, torch.full((n,), 1 / n), 1.0, 10.0)
    with keys.lend(KEY), torch.no_grad():
        real = designs.real(x, 1.0)
        fake = designs.relaxed(gan.outputs(y), 1.0)
    [given] = seen
    assert torch.equal(given.y, y)
    torch.testing.assert_close(given.real, real)
    torch.testing.assert_close(given.fake, fake)
    ends = real - fake
    share = ((given.mixed - fake) * ends).sum(1) / (ends**2).sum(1)
    torch.testing.assert_close(given.mixed, fake + share[:, None] * ends, rtol=0, atol=1e-5)
    quarters = torch.histc(share, 4, 0, 1) / n
    torch.testing.assert_close(quarters, torch.full((4,), 0.25), rtol=0, atol=0.08)


@pytest.mark.usefixtures("lent")
def test_each_player_moves_itself_alone(game, weights_of):
    gan = game()
    x, y, w = rows().real, rows().y, rows().w
    generator, critic = weights_of(gan.generator), weights_of(gan.critic)
    gan.train_critic(x, y, w, 1.0, 10.0)
    assert torch.equal(weights_of(gan.generator), generator)
    assert not torch.equal(weights_of(gan.critic), critic)
    critic = weights_of(gan.critic)
    gan.train_generator(y, w, 1.0)
    assert torch.equal(weights_of(gan.critic), critic)
    assert not torch.equal(weights_of(gan.generator), generator)


@pytest.mark.usefixtures("lent")
def test_critic_and_generator_both_learn(game):
    gan, y = game(), torch.zeros(64)
    w = torch.full((64,), 1 / 64)
    losses = []
    for _ in range(60):
        found = gan.train_critic(torch.randn(64, 2) * 0.1 + 3, y, w, 1.0, 10.0)
        losses.append(critic_loss(found, 10.0).item())
    assert losses[-1] < losses[0] - 1
    assert found.real > found.fake + 0.5
    pleased = [-gan.train_generator(y, w, 1.0).item() for _ in range(60)]
    assert pleased[-1] > pleased[0] + 0.5


@pytest.mark.usefixtures("lent")
def test_adam_is_the_published_one(game):
    for optimiser in (game(learning_rate=2e-4).of_critic, game(learning_rate=2e-4).of_generator):
        [group] = optimiser.param_groups
        assert (group["lr"], group["betas"], group["eps"]) == (2e-4, (0.0, 0.9), 1e-7)


@pytest.mark.usefixtures("lent")
@pytest.mark.parametrize("temperature", [5.0, 1.0, 0.001])
def test_generated_tokens_are_one_hot_when_cold(game, temperature):
    """At other temperatures they are points of a simplex."""
    gan = game(LETTERS, width=15)
    x = LETTERS.relaxed(gan.outputs(torch.zeros(50)), temperature).detach().reshape(50, 5, 3)
    assert x.min() >= 0
    torch.testing.assert_close(x.sum(2), torch.ones(50, 5))
    cold = (x.amax(2) - 1).abs()
    # Where two Gumbel variables come within 0.007 of each other even that temperature leaves a trace.
    assert (cold.quantile(0.98) < 1e-3) == (temperature == 0.001)


@pytest.mark.usefixtures("lent")
def test_candidates_are_exact_draws_of_the_logits():
    logits = torch.tensor([0.5, 0.3, 0.2]).log().repeat(4000, 5)
    x = LETTERS.exact(logits).reshape(4000, 5, 3)
    assert set(x.unique().tolist()) == {0.0, 1.0}
    assert (x.sum(2) == 1).all()
    torch.testing.assert_close(x.mean((0, 1)), torch.tensor([0.5, 0.3, 0.2]), rtol=0, atol=0.02)


@pytest.mark.usefixtures("lent")
def test_real_tokens_are_blurred_afresh_and_mostly_kept():
    x = torch.nn.functional.one_hot(torch.arange(3000) % 3, 3).repeat(1, 5).float()
    cold, again = LETTERS.real(x, 1e-3).reshape(-1, 3), LETTERS.real(x, 1e-3).reshape(-1, 3)
    same = (cold.argmax(1) == x.reshape(-1, 3).argmax(1)).float().mean()
    assert same.item() == pytest.approx(0.99 + 0.01 / 3, abs=0.003)
    assert not torch.equal(cold, again)
    warm = LETTERS.real(x, 5.0).reshape(-1, 3)
    assert warm.max() < 0.999
    assert Designs((5, 3), keep=1.0).real(x, 1.0).isfinite().all()


def test_continuous_designs_pass_as_they_are():
    x = rows().real
    designs = Designs(None)
    assert designs.real(x, 5.0) is designs.relaxed(x, 5.0) is designs.exact(x) is x


@pytest.mark.parametrize(("negligible", "count"), [(0.0, 8), (1e-7, 5), (1e-3, 4)])
def test_rows_without_weight_change_no_gradient(game, negligible, count):
    critic, given = game().critic, rows()
    w = torch.tensor([5.0, 0.0, 1.0, 1e-12, 0.3, 1e-5, 0.0, 2.0]) / 8
    few = kept(w, negligible)
    assert few.sum() == count
    other = given.real + torch.where(w > 1e-6, 0.0, 9.0)[:, None]
    cases = (
        given._replace(w=w),
        given._replace(w=w, real=other),
        Rows(*(part[few] for part in given))._replace(w=w[few]),
    )
    slopes = [torch.autograd.grad(critic_loss(terms(critic, one), 10.0), list(critic.parameters())) for one in cases]
    for whole, *others in zip(*slopes, strict=True):
        for one in others:
            torch.testing.assert_close(one, whole, rtol=1e-4, atol=1e-4 if negligible == 1e-3 else 1e-6)


def test_rows_without_weight_move_no_generator(game, weights_of):
    w = torch.tensor([1.0, 0.0, 2.0, 0.0]) / 4
    moved = []
    for far in (0.0, 9.0):
        gan = game()
        with keys.lend(KEY):
            gan.train_generator(torch.where(w > 0, 0.5, far), w, 1.0)
        moved.append(weights_of(gan.generator))
    torch.testing.assert_close(*moved)


def test_a_batch_that_weighs_nothing_is_kept_whole():
    assert kept(torch.zeros(4), 1e-7).all()
