"""`autofocus` refreshes the proxy on the data, weighed by q over p, and leaves the search as it is."""

from __future__ import annotations

from dataclasses import replace

import optree
import pytest
import torch
from mbo_cbas.autofocus import Autofocus
from mbo_cbas.update import CbAS
from mbo_grad_ascent.update import GradientAscent
from torch.func import vmap

from mbo_core.errors import TaskError
from mbo_core.functional import batches, keys
from mbo_core.stages import Batch
from mbo_core.testing.nests import equal

KEY = keys.key(3)
ROWS = 90
KINDS = pytest.mark.parametrize("kind", ["one-hot", pytest.param("real", marks=pytest.mark.slow)])


@KINDS
def test_the_first_refresh_is_plain_further_training(focused, ensemble, kind):
    update, state, data = focused(kind)
    after, _ = update._refresh(KEY, state, data)
    _, train_key = keys.split(KEY)
    plain = state.proxy
    for batch, key in update._batches(train_key, data, torch.ones(ROWS)):
        plain, _ = ensemble.step(key, plain, batch)
    assert equal(after.proxy, plain)
    assert after.proxy.optimiser.steps == 2 * 4
    assert not equal(after.proxy.params, state.proxy.params)


def test_each_refresh_has_its_split_and_bootstrap(focused):
    update, _, data = focused(epochs=1)
    index = torch.arange(float(ROWS))
    indexed = replace(data, y=index)
    first, second = ([batch for batch, _ in update._batches(key, indexed, torch.ones(ROWS))] for key in keys.split(KEY))
    rows = [torch.cat([batch.y for batch in one]) for one in (first, second)]
    assert all(len(one.unique()) == ROWS - 10 for one in rows)
    assert set(rows[0].tolist()) != set(rows[1].tolist())
    counts = torch.cat([batch.w for batch in first], 1)
    assert counts.shape == (2, ROWS - 10)
    assert not torch.equal(*counts)


def test_batch_weights_are_bootstrap_times_v(focused, ensemble):
    update, _, data = focused(epochs=2)
    v = 1 + keys.uniform(KEY, (ROWS,))
    schedule = replace(ensemble.schedule(data), epochs=2)
    found = [batch for batch, _ in update._batches(KEY, data, v)]
    order = next(batches.epochs(KEY, ROWS, schedule)).order
    counts, rows = order.w[:, :20], order.rows[:20]
    published = (v[rows] * counts / counts.mean(1, keepdim=True)).expand(2, 20)
    torch.testing.assert_close(found[0].w, published)
    assert torch.equal(found[0].x, data.x[rows])
    assert len(found) == 8


@pytest.mark.parametrize("rows", [30, ROWS])
def test_steps_count_the_same_on_any_table(focused, rows):
    """On 30 rows they are five passes over the 20 that are trained on, on 90 two and a half over the 80."""
    update, state, data = focused(epochs=0, steps=5)
    few = replace(data, x=data.x[:rows], y=data.y[:rows], w=data.w[:rows])
    assert len(list(update._batches(KEY, few, torch.ones(rows)))) == 5
    after, info = update._refresh(KEY, state, few)
    assert info["refreshed"] == 1
    assert after.proxy.optimiser.steps == 5 + state.proxy.optimiser.steps


@pytest.mark.parametrize("shuffle", ["shared", "own"])
def test_members_with_own_batches_have_row_weights(encoded, ensemble, cbas, shuffle):
    proxy = replace(ensemble, shuffle=shuffle, bootstrap=False)
    update, data = Autofocus(proxy=proxy, inner=cbas, epochs=1), replace(encoded["real"], y=torch.arange(float(ROWS)))
    for batch, _ in update._batches(KEY, data, 2 * torch.arange(float(ROWS))):
        assert torch.equal(batch.w, (2 * batch.y).expand(batch.w.shape))


@KINDS
def test_without_a_refresh_it_is_the_wrapped_update(focused, cbas, kind):
    update, state, data = focused(kind, epochs=0)
    plain, _ = cbas.init(KEY, data, state.proxy)
    for number in range(3):
        key = keys.fold_in(KEY, number)
        (state, info), (plain, expected) = update.step(key, state, data, number), cbas.step(key, plain, data, number)
        assert info == expected
    assert equal(state.inner, plain)
    assert torch.equal(update.designs(state), cbas.designs(plain))


@KINDS
def test_fully_flattened_weights_give_plain_training(focused, ensemble, cbas, kind):
    update, state, data = focused(kind, flatten=0.0)
    (plain, _), proxy = cbas.init(KEY, data, state.proxy), state.proxy
    for number in range(2):
        key = keys.fold_in(KEY, number)
        state, _ = update.step(key, state, data, number)
        plain, _ = cbas.step(key, cbas.with_proxy(plain, proxy), data, number)
        assert equal(state.inner.search, plain.search)
        assert torch.equal(update.weights(KEY, state, data).v, torch.ones(ROWS))
        _, train_key = keys.split(keys.fold_in(key, int.from_bytes(b"refresh", "big")))
        for batch, one in update._batches(train_key, data, torch.ones(ROWS)):
            proxy, _ = ensemble.step(one, proxy, batch)
    assert equal(state.proxy, proxy)


def test_refit_then_refresh(taken, sliding):
    update, state, data, log = sliding()
    taken(update, state, data, 2)
    # The proxy predicts the number of its refreshes: 0 at the first search, 1 at the second.
    assert [(name, what) if name == "search" else name for name, what in log] == [
        ("search", 0.0),
        "refresh",
        ("search", 1.0),
        "refresh",
    ]
    refreshed = [what for name, what in log if name == "refresh"]
    for batch, mean in zip(refreshed, (1.0, 2.0), strict=True):
        torch.testing.assert_close(batch.w, (mean * batch.x[:, 0] - mean**2 / 2).exp())


def test_refresh_then_score_from_the_second_step_on(taken, sliding):
    update, state, data, log = sliding(order="before")
    state, infos = taken(update, state, data, 3)
    assert [what for name, what in log if name == "search"] == [0.0, 1.0, 2.0]
    assert [info["refreshed"].item() for info in infos] == [0.0, 1.0, 1.0]
    used = [what for name, what in log if name == "refresh"][1:]
    for batch, mean in zip(used, (1.0, 2.0), strict=True):
        torch.testing.assert_close(batch.w, (mean * batch.x[:, 0] - mean**2 / 2).exp())
    assert log[-1][0] == "search"


def test_orders_differ_only_in_the_last_refresh(sliding, taken):
    weighed = {}
    for order in ("after", "before"):
        update, state, data, log = sliding(order=order)
        taken(update, state, data, 3)
        weighed[order] = [what.w.sort().values if name == "refresh" else what for name, what in log]
    # One refreshes at last, the other at first, where it leaves the proxy alone.
    for one, other in zip(weighed["after"][:-1], weighed["before"][1:], strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(("skip_below", "skips"), [(1e-8, True), (0.0, False)])
def test_a_refresh_without_weight_leaves_the_proxy_alone(taken, sliding, skip_below, skips):
    update, state, data, _ = sliding(by=-60.0, rows=(5.0, 6.0, 7.0), skip_below=skip_below)
    state, [info] = taken(update, state, data, 1)
    assert update.weights(KEY, state, data).v.sum() == 0
    assert info["refreshed"] == (not skips)
    assert info["effective_rows"] <= 1
    assert (state.proxy == 0) == skips


def test_zero_weights_leave_ensemble_and_optimiser_unchanged(focused, ensemble):
    update, state, data = focused(skip_below=1e9)
    # Adam's momentum alone would move the weights.
    trained, _ = ensemble.step(KEY, state.proxy, Batch(data.x, data.y, torch.ones(ROWS)))
    state = state._replace(proxy=trained)
    after, info = update._refresh(KEY, state, data)
    assert equal(after.proxy, trained)
    assert info["refreshed"] == 0
    moved, _ = replace(update, skip_below=0.0)._refresh(KEY, state, data)
    assert not equal(moved.proxy.params, trained.params)


def test_skipped_refresh_does_not_train_looped_proxy(encoded, counting_proxy, sliding_normal):
    class Looped(counting_proxy):
        lift = "loop"

    log: list = []
    proxy = Looped(log=log)
    for skip_below, calls in ((1e9, 0), (0.0, 1)):
        update = Autofocus(proxy=proxy, inner=sliding_normal(proxy=proxy), epochs=1, skip_below=skip_below)
        data = replace(encoded["real"], x=torch.zeros(4, 1), y=torch.arange(4.0))
        after, _ = update.step(KEY, update.init(KEY, data, proxy.init(KEY, data))[0], data, 0)
        assert len(log) == after.proxy == calls


@KINDS
def test_the_proxy_changes_and_the_prior_never(focused, taken, kind):
    update, state, data = focused(kind)
    after, infos = taken(update, state, data, 2)
    assert not equal(after.proxy.params, state.proxy.params)
    assert equal(after.inner.prior, state.inner.prior)
    assert after.proxy.optimiser.steps == 2 * 2 * 4
    assert {"refresh_loss", "effective_rows", "dropped_rows", "refreshed", "threshold"} <= set(infos[0])
    assert all(value.isfinite() and value.ndim == 0 for info in infos for value in info.values())


def test_the_wrapped_search_gets_the_steps_number(encoded, counting_proxy, sliding_normal):
    class Numbered(sliding_normal):
        def step(self, key, state, data, number):
            return state._replace(mean=state.mean + 10.0**number), {}

    proxy = counting_proxy()
    update = Autofocus(proxy=proxy, inner=Numbered(proxy=proxy), epochs=0)
    state, _ = update.init(KEY, encoded["real"], proxy.init(KEY, encoded["real"]))
    for number in (0, 2):
        state, _ = update.step(KEY, state, encoded["real"], number)
    assert update.designs(state) == 101


def test_the_search_uses_the_refreshed_proxy(focused, cbas):
    update, state, data = focused()
    first, _ = update.step(KEY, state, data, 0)
    _, info = update.step(KEY, first, data, 1)
    _, expected = cbas.step(KEY, first.inner._replace(proxy=first.proxy), data, 0)
    assert info["threshold"] == expected["threshold"]
    _, stale = cbas.step(KEY, first.inner._replace(proxy=state.proxy), data, 0)
    assert info["threshold"] != stale["threshold"]


def test_needs_of_the_search_and_partial_fit(focused, sliding):
    assert focused()[0].needs == {"values", "uncertainty", "partial_fit"}
    assert sliding()[0].needs == {"values", "partial_fit"}


def test_it_takes_and_refuses_what_the_search_does(focused, ensemble, encoded):
    assert focused()[0].length(encoded["real"]) == 20
    inner = CbAS(proxy=ensemble, held_out=ROWS - 1)
    with pytest.raises(TaskError, match="rows"):
        Autofocus(proxy=ensemble, inner=inner).check(encoded["real"])


def test_a_search_without_a_density_is_refused(focused, ensemble):
    with pytest.raises(ValueError, match='inner "gradient-ascent" has no density'):
        Autofocus(proxy=ensemble, inner=GradientAscent(proxy=ensemble))
    with pytest.raises(ValueError, match='inner "autofocus" has no density'):
        Autofocus(proxy=ensemble, inner=focused()[0])


@KINDS
@pytest.mark.parametrize("order", ["after", "before"])
def test_seeds_together_equal_seeds_alone(focused, ensemble, kind, order):
    update, _, data = focused(kind, order=order, epochs=1)
    proxy_state = ensemble.init(keys.key(9), data)

    def search(key):
        state, _ = update.init(key, data, proxy_state)
        for number in range(2):
            state, info = update.step(keys.fold_in(key, number), state, data, number)
        return state.proxy.params, info["threshold"]

    seeds = keys.split(KEY, 2)
    together = vmap(search, randomness="error")(seeds)
    for i, key in enumerate(seeds):
        for one, other in zip(*map(optree.tree_leaves, (together, search(key))), strict=True):
            torch.testing.assert_close(one[i], other, rtol=1e-2, atol=1e-3)
