"""`normalised-likelihood` lets the proxy track the candidates, and climbs the mean of their NML distribution."""

from __future__ import annotations

import io
import math

import optree
import pytest
import torch
from mbo_grad_ascent.proxy import Ensemble
from mbo_nemo.logistic import Bins, ends_of
from mbo_nemo.proxy import LabelBank
from mbo_nemo.update import NormalisedLikelihood
from torch.func import grad, vmap

from mbo_core.errors import TaskError
from mbo_core.functional import batches, keys
from mbo_core.stages import Batch, Data, EncodedSpace, NoAdversary
from mbo_core.testing.nests import assert_close, equal

KEY = keys.key(3)
X = keys.normal(keys.key(5), (300, 4))
Y = -(X**2).sum(1)
DATA = Data(
    X, (Y - Y.mean()) / Y.std(correction=0), EncodedSpace("continuous", (4,), None, "real", X.amin(0), X.amax(0))
)
BINS = Bins(ends_of(DATA.y, 0.25), 8)


def bank(**options) -> LabelBank:
    return LabelBank(adversary=NoAdversary(), **{"bins": 8, "hidden": (16, 16), "learning_rate": 0.01, **options})


def ensemble(**options) -> Ensemble:
    return Ensemble(adversary=NoAdversary(), **{"members": 8, "hidden": (16,), "learning_rate": 0.01, **options})


def search(proxy=None, **options) -> NormalisedLikelihood:
    return NormalisedLikelihood(proxy=proxy or bank(), **{"candidates": 40, **options})


def trained(proxy, epochs=5):
    """A proxy's state after a short warm start."""
    state = proxy.init(KEY, DATA)
    for number, batch in enumerate(batches.iterate(KEY, DATA, proxy.schedule(DATA))):
        if number == 3 * epochs:
            break
        state, _ = proxy.step(KEY, state, batch)
    return state


WARM = trained(bank())
FAST = bank(tracking_rate=0.02)


def start(update, proxy_state=WARM):
    return update.init(KEY, DATA, proxy_state)


def run(update, state, steps, first=0):
    infos = []
    for number in range(first, first + steps):
        state, info = update.step(keys.fold_in(KEY, number), state, DATA, number)
        infos.append(info)
    return state, infos


def member(nest, number):
    return optree.tree_map(lambda leaf: leaf[number], nest)


def test_starts_are_the_best_rows():
    best = sorted(range(300), key=lambda row: -DATA.y[row].item())[:40]
    assert torch.equal(search().designs(start(search())), DATA.x[best])


@pytest.mark.parametrize(
    ("candidates", "rows", "weight"),
    [(128, 1000, 0.1), (128, 2000, 0.096), (128, 4000, 0.048), (128, 20_000, 0.01), (8, 300, 0.04)],
)
def test_pseudo_weight_follows_the_number_of_rows(candidates, rows, weight):
    data = Data(torch.zeros(rows, 4), torch.linspace(-1, 1, rows), DATA.space)
    update = search(candidates=candidates)
    state = update.init(KEY, data, WARM)
    assert pseudo_weight(update, update.labelled(KEY, state, data)) == pytest.approx(weight, rel=1e-5)


def pseudo_weight(update, batch) -> float:
    """What the mean loss of the pseudo designs weighs against that of the data."""
    weights = batch.w / len(batch.w)
    return float(weights[update.batch_size :].sum() / weights[: update.batch_size].sum())


def test_each_member_is_told_its_own_bin():
    update = search(pseudo_weight=0.3, batch_size=50, pseudo_designs=7)
    state = start(update)
    batch = update.labelled(KEY, state, DATA)
    assert batch.x.shape == (57, 4)
    assert batch.y.shape == (8, 57)
    torch.testing.assert_close(batch.y[:, 50:], BINS.centres[:, None].expand(8, 7))
    assert torch.equal(BINS.labels(batch.y[:, 50:]), torch.arange(8)[:, None].expand(8, 7))
    assert (batch.y[:, :50] == batch.y[0, :50]).all()
    # The loss is mean_data + w * mean_pseudo.
    loss = torch.rand(57, generator=torch.Generator().manual_seed(0))
    expected = loss[:50].mean() + 0.3 * loss[50:].mean()
    torch.testing.assert_close((batch.w * loss).mean(), expected)


def test_proxy_trains_on_data_and_candidates():
    update = search(batch_size=200, pseudo_designs=100)
    state = start(update)._replace(x=100 + keys.normal(KEY, (40, 4)))
    batch = update.labelled(KEY, state, DATA)
    scores = {tuple(row): score for row, score in zip(DATA.x.tolist(), DATA.y.tolist(), strict=True)}
    assert [scores[tuple(row)] for row in batch.x[:200].tolist()] == batch.y[3, :200].tolist()
    drawn = {tuple(row) for row in batch.x[200:].tolist()}
    assert drawn <= {tuple(row) for row in state.x.tolist()}
    assert len(drawn) > 30
    other = update.labelled(keys.key(4), state, DATA)
    assert not torch.equal(batch.x[:200], other.x[:200])
    assert not torch.equal(batch.x[200:], other.x[200:])


def test_designs_are_detached_in_proxy_training():
    update = search()
    state = start(update)
    assert not update.labelled(KEY, state._replace(x=state.x.clone().requires_grad_()), DATA).x.requires_grad
    slope = grad(lambda x: update.step(KEY, state._replace(x=x), DATA, 0)[0].proxy.params["ends"].sum())(state.x)
    moved = grad(lambda x: update.step(KEY, state._replace(x=x), DATA, 0)[0].proxy.params["layers"][0]["bias"].sum())
    assert (slope == 0).all()
    assert (moved(state.x) == 0).all()


def test_step_updates_proxy_then_average_then_designs():
    update = search(learning_rate=0.02, averaging=0.3, spread_penalty=0.2, regret_penalty=0.1)
    state, _ = run(update, start(update), 3)
    after, info = update.step(KEY, state, DATA, 0)
    batch_key, proxy_key = keys.split(KEY)
    proxy, fitted = update.proxy.step(proxy_key, state.proxy, update.labelled(batch_key, state, DATA))
    assert equal(after.proxy, proxy)
    assert info["loss"] == fitted["loss"]
    params = optree.tree_map(lambda old, new: 0.7 * old + 0.3 * new, state.averaged.params, proxy.params)
    assert_close(after.averaged.params, params)
    # The designs move up J - kappa * sd - lambda * log Gamma under the new average, as torch's own Adam would.
    x = state.x.clone().requires_grad_()
    found = update.normalised(after.averaged, x, BINS)
    [slope] = torch.autograd.grad((found.mean - 0.2 * found.std - 0.1 * found.log_gamma).sum(), x)
    expected, optimiser = update._adam.step(state.x, -slope, state.optimiser)
    assert_close((after.x, after.optimiser), (expected, optimiser))
    assert_close([info["log_gamma"], info["entropy"]], [found.log_gamma.detach(), found.entropy.detach()])
    torch.testing.assert_close(info["expected"], found.mean.mean().detach())
    newest = update.normalised(proxy, state.x, BINS).mean
    torch.testing.assert_close(info["lag"], (newest - found.mean).abs().mean().detach())


def test_designs_and_networks_step_separately():
    """A step of the designs leaves the networks unchanged, and the other way round."""
    still, moving = (search(learning_rate=rate) for rate in (0.0, 0.1))
    state = start(still)
    (one, _), (other, _) = (update.step(KEY, state, DATA, 0) for update in (still, moving))
    assert equal((one.proxy, one.averaged), (other.proxy, other.averaged))
    assert torch.equal(one.x, state.x)
    assert not torch.equal(other.x, state.x)


def test_a_step_of_the_designs_is_adams():
    update = search(averaging=0.0, learning_rate=0.05)
    state = start(update)
    x = state.x.clone().requires_grad_()
    adam = torch.optim.Adam([x], lr=0.05, eps=1e-7, maximize=True)
    for _ in range(5):
        adam.zero_grad()
        x.grad = torch.autograd.grad(update.normalised(WARM, x, BINS).mean.sum(), x)[0]
        adam.step()
    torch.testing.assert_close(run(update, state, 5)[0].x, x.detach(), rtol=1e-4, atol=1e-4)


def test_zero_weight_is_plain_ascent_of_mean():
    update = search(pseudo_weight=0.0)
    state, infos = run(update, start(update), 10)
    for leaf in optree.tree_leaves((state.proxy.params, state.averaged.params)):
        torch.testing.assert_close(leaf, leaf[:1].expand_as(leaf), rtol=0, atol=1e-6)
    for info in infos:
        torch.testing.assert_close(info["log_gamma"], torch.zeros(40), rtol=0, atol=1e-5)
    mean, std = update.proxy.predict(state.averaged, state.x)
    log_p = BINS.log_masses(mean, std * math.sqrt(3) / math.pi)
    found = update.normalised(state.averaged, state.x, BINS)
    torch.testing.assert_close(found.log_p, log_p.T, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found.mean, log_p.exp() @ BINS.centres, rtol=1e-4, atol=1e-4)


def test_zero_weight_search_climbs_one_network():
    update, proxy = search(pseudo_weight=0.0, learning_rate=0.05), bank()
    one, average, x = WARM, WARM, start(update).x.clone().requires_grad_()
    adam = torch.optim.Adam([x], lr=0.05, eps=1e-7, maximize=True)
    fast = bank(learning_rate=proxy.tracking_rate)
    for number in range(10):
        batch_key, proxy_key = keys.split(keys.fold_in(KEY, number))
        batch = update.labelled(batch_key, start(update), DATA)
        one, _ = fast.step(proxy_key, one, batch._replace(y=batch.y[0]))
        average = optree.tree_map(lambda old, new: 0.95 * old + 0.05 * new, average, one)
        mean, std = proxy.predict(average, x)
        masses = BINS.log_masses(mean, std * math.sqrt(3) / math.pi).exp()
        x.grad = torch.autograd.grad((masses @ BINS.centres).sum(), x)[0]
        adam.step()
    torch.testing.assert_close(run(update, start(update), 10)[0].x, x.detach(), rtol=1e-3, atol=1e-3)


def test_members_favour_their_own_bin():
    update = search(FAST, pseudo_weight=0.3)
    state, infos = run(update, start(update), 30)
    mean, std = update.proxy.predict_members(state.averaged, state.x)
    # log p(bin k | x_i, theta^j), with k first and j second.
    every = BINS.log_masses(mean, std * math.sqrt(3) / math.pi).permute(2, 0, 1)
    own = every.diagonal().mean(0)
    others = (every.sum(1).T - every.diagonal()).mean(0) / 7
    assert (own > others).all()
    assert infos[-1]["log_gamma"].mean() > infos[0]["log_gamma"].mean() + 0.1
    assert (infos[-1]["log_gamma"] >= -1e-3).all()


@pytest.mark.slow
def test_heavier_pseudo_designs_flatten_the_distribution():
    proxy, found = bank(bins=20, tracking_rate=0.02), []
    warm, bins = trained(proxy), Bins(ends_of(DATA.y, 0.25), 20)
    for weight in (0.0, 0.03, 30.0):
        update = search(proxy, pseudo_weight=weight, learning_rate=0.0, batch_size=32)
        found.append(run(update, start(update, warm), 40)[1][-1])
    assert found[0]["log_gamma"].mean() < found[1]["log_gamma"].mean() < found[2]["log_gamma"].mean()
    assert found[0]["entropy"].mean() < 0.8 * math.log(20)
    assert (found[2]["entropy"] > 0.9 * math.log(20)).all()
    # All is lost: each member fits its bin as well as one can, and the mean is that of the centres.
    most = math.log(2 + 18 * math.tanh(1 / 4))
    torch.testing.assert_close(found[2]["log_gamma"], torch.full((40,), most), rtol=0, atol=0.2)
    assert found[2]["expected"].item() == pytest.approx(bins.centres.mean().item(), abs=bins.width.item())


def test_averaging_limits_are_newest_and_warm_start():
    newest, warm = search(averaging=1.0), search(averaging=0.0)
    state, infos = run(newest, start(newest), 3)
    assert equal(state.averaged, state.proxy)
    assert [info["lag"].item() for info in infos] == [0.0] * 3
    state, _ = run(warm, start(warm), 3)
    assert equal(state.averaged.params, WARM.params)
    assert not equal(state.averaged.params, state.proxy.params)


def test_resumed_search_continues_identically():
    """After its state was stored and read."""
    update = search()
    whole, _ = run(update, start(update), 6)
    half, _ = run(update, start(update), 3)
    leaves, structure = optree.tree_flatten(half)
    file = io.BytesIO()
    torch.save(leaves, file)
    file.seek(0)
    again = optree.tree_unflatten(structure, torch.load(file))
    assert equal(run(update, again, 3, first=3)[0], whole)


def test_seeds_together_equal_seeds_alone():
    update = search(steps=4)

    def searched(key):
        state = update.init(key, DATA, WARM)
        for number in range(4):
            state, info = update.step(keys.fold_in(key, number), state, DATA, number)
        return update.designs(state), info

    seeds = keys.split(KEY, 3)
    together = vmap(searched, randomness="error")(seeds)
    assert together[1]["log_gamma"].shape == together[1]["entropy"].shape == (3, 40)
    for i, key in enumerate(seeds):
        assert_close(member(together, i), searched(key), rtol=1e-3, atol=1e-3)


def test_label_bank_likelihood_is_its_training_likelihood():
    update, proxy = search(), bank()
    state, _ = run(update, start(update), 3)
    found = update.normalised(state.proxy, state.x, BINS)
    for number in range(8):
        alone = optree.tree_map(lambda leaf: leaf[None], member(state.proxy.params, number))
        rows = [Batch(x[None], BINS.centres[number][None], torch.ones(1)) for x in state.x]
        losses = torch.stack([proxy.model(state.proxy).loss(alone, row) for row in rows])
        torch.testing.assert_close(found.log_p[number] + found.log_gamma, -losses, rtol=1e-4, atol=1e-4)


def test_ensemble_likelihood_is_logistic_per_member():
    """A logistic with the member's mean and standard deviation."""
    proxy = ensemble()
    update = search(proxy)
    state, infos = run(update, start(update, trained(proxy)), 5)
    assert torch.equal(state.labels, BINS.centres)
    assert infos[-1]["log_gamma"].shape == (40,)
    mean, std = proxy.predict_members(state.averaged, state.x)
    every = BINS.log_masses(mean, std * math.sqrt(3) / math.pi)
    own = torch.stack([every[number, :, number] for number in range(8)])
    found = update.normalised(state.averaged, state.x, BINS)
    torch.testing.assert_close(found.log_gamma, own.logsumexp(0))
    torch.testing.assert_close(found.log_p, own.log_softmax(0))


def test_ensemble_tracks_candidates_like_a_bank():
    proxy = ensemble(bootstrap=False)
    update = search(proxy, pseudo_weight=1.0, learning_rate=0.0, batch_size=32)
    _, infos = run(update, start(update, trained(proxy)), 30)
    assert infos[-1]["log_gamma"].mean() > infos[0]["log_gamma"].mean() + 0.1


@pytest.mark.parametrize("option", ["spread_penalty", "regret_penalty"])
def test_a_penalty_holds_down_what_it_penalises(option):
    def found(penalty):
        update = search(FAST, learning_rate=0.05, **{option: penalty})
        state, _ = run(update, start(update), 15)
        after = update.normalised(state.averaged, state.x, BINS)
        return (after.std if option == "spread_penalty" else after.log_gamma).mean()

    assert found(5.0) < found(0.0)


@pytest.mark.parametrize(
    ("proxy", "y", "fact"),
    [
        (ensemble(), torch.zeros(300), "all 300 scores are equal"),
        (ensemble(members=1), DATA.y, "fall into the first of 1 bins"),
        (bank(), torch.zeros(300), "all 300 scores are equal"),
        (bank(), DATA.y[:30], "30 rows, fewer than 40 candidates"),
    ],
)
def test_unsearchable_data_are_refused_before_training(proxy, y, fact):
    with pytest.raises(TaskError, match=fact):
        search(proxy).check(Data(DATA.x[: len(y)], y, DATA.space))


def test_as_many_rows_as_candidates_suffice():
    search().check(Data(DATA.x[:40], DATA.y[:40], DATA.space))


def test_two_members_are_enough():
    proxy = bank(bins=2)
    update = search(proxy)
    state, infos = run(update, start(update, trained(proxy)), 5)
    assert state.labels.shape == (2,)
    assert torch.isfinite(state.x).all()
    assert (infos[-1]["entropy"] <= math.log(2) + 1e-6).all()


def test_a_bank_with_other_bins_is_refused():
    with pytest.raises(ValueError, match=r"span=0.25, but that of the proxy .* is 0.5"):
        search(bank(span=0.5))


def test_it_says_what_it_needs():
    assert search().needs <= LabelBank.abilities
    assert search().needs <= Ensemble.abilities
    assert {"partial_fit", "members", "gradients"} < search().needs
