"""The runs are independent, keep their best, and end in time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import optree
import pytest
import torch
from mbo_cma_es.run import Drawn, Search
from mbo_cma_es.shape import Full
from mbo_cma_es.strategy import population_of, strategy
from mbo_cma_es.update import CMAES
from torch.func import vmap

from mbo_core.functional import keys
from mbo_core.stages import Data, EncodedSpace, Prediction, Proxy, Schedule, top

KEY = keys.key(3)


@dataclass(frozen=True, kw_only=True)
class Known(Proxy):
    """Predicts by the function that is its option; its state is passed through."""

    of: object
    name = "known"
    abilities = frozenset({"values"})

    def schedule(self, data):
        return Schedule(0, 1)

    def init(self, key, data):
        return torch.ones(())

    def step(self, key, state, batch):
        return state, {"loss": state}

    def predict(self, state, x):
        mean = state * self.of(x)
        return Prediction(mean, torch.zeros_like(mean))


def table(d: int = 5, rows: int = 150) -> Data:
    x = keys.normal(keys.key(7), (rows, d))
    return Data(x, -(x**2).sum(1), EncodedSpace("continuous", (d,), None, "real", x.amin(0), x.amax(0)))


def hill(x):
    return -((x - 1) ** 2).sum(1)


def found(update: CMAES, data: Data, steps: int | None = None, key=KEY):
    """The state after all steps, and each step's infos."""
    state, infos = update.init(key, data, update.proxy.init(key, data)), []
    for number in range(update.length(data) if steps is None else steps):
        state, info = update.step(keys.fold_in(key, number), state, data, number)
        infos.append(info)
    return state, infos


def test_all_runs_find_the_top_of_a_hill():
    update = CMAES(proxy=Known(of=hill))
    state, infos = found(update, table())
    assert update.designs(state).shape == (128, 5)
    assert len(infos) == 100
    torch.testing.assert_close(update.designs(state), torch.ones(128, 5), rtol=0, atol=1e-3)
    torch.testing.assert_close(infos[-1]["predicted"].float(), hill(update.designs(state)))


def test_the_best_never_gets_worse():
    _, infos = found(CMAES(proxy=Known(of=lambda x: torch.sin(3 * x).sum(1)), candidates=16, generations=30), table())
    predicted = torch.stack([info["predicted"] for info in infos])
    assert (predicted.diff(dim=0) >= 0).all()
    assert (predicted[-1] > predicted[0]).all()


def test_designs_are_the_best_ever_predicted():
    seen = []

    def watched(x):
        seen.append((x, hill(x)))
        return hill(x)

    update = CMAES(proxy=Known(of=watched), candidates=6, generations=9)
    state, _ = found(update, table())
    _, *generations = seen
    assert [len(x) for x, _ in seen] == [6] + 9 * [6 * population_of(5)]
    x = torch.stack([x.reshape(6, -1, 5) for x, _ in generations], 1).flatten(1, 2)
    scores = torch.stack([score.reshape(6, -1) for _, score in generations], 1).flatten(1)
    assert torch.equal(update.designs(state), x[torch.arange(6), scores.argmax(1)])


def test_run_depends_only_on_start_and_key():
    data = table()
    update = CMAES(proxy=Known(of=hill), candidates=6, generations=12)
    among = update.designs(found(update, data)[0])
    few = replace(update, candidates=3)
    torch.testing.assert_close(few.designs(found(few, data)[0]), among[:3])
    best = torch.sort(data.y, descending=True).indices
    moved = replace(data, x=data.x.index_fill(0, best[4], 2.0))
    other = update.designs(found(update, moved)[0])
    assert (torch.isclose(other, among).all(1) == torch.tensor([True, True, True, True, False, True])).all()


def test_permuted_starts_and_keys_give_permuted_results():
    search = Search(strategy(4, population_of(4), separable=False), Full(), 0.5, 10)
    starts, own, order = table(4).x[:6], keys.split(KEY, 6), torch.tensor([3, 0, 5, 1, 4, 2])

    def one(start, key):
        run = search.start(start, torch.tensor(-torch.inf, dtype=torch.float64))
        for generation in range(10):
            drawn = search.draw(keys.fold_in(key, generation), run)
            x = search.designs(run, drawn.y[0])
            run = search.tell(run, Drawn(drawn.z[0], drawn.y[0], drawn.condition), x, hill(x).double())
        return run.best_x

    runs = vmap(one, randomness="error")
    torch.testing.assert_close(runs(starts[order], own[order]), runs(starts, own)[order])
    same = runs(starts[:1].expand(6, 4), own)
    assert len(same.unique(dim=0)) == 6


@pytest.mark.parametrize(("d", "generations", "steps"), [(5, 7, 7), (160, 3, 2), (5, 0, 0)])
def test_no_run_takes_more_generations_than_it_may(d, generations, steps):
    data, asked = table(d, rows=10), []

    def counted(x):
        asked.append(len(x))
        return hill(x)

    update = CMAES(proxy=Known(of=counted), candidates=2, generations=generations)
    assert update.length(data) == steps
    state, _ = found(update, data)
    assert (state.runs.law.generation == generations).all()
    if not generations:
        assert torch.equal(update.designs(state), top(data, 2))


def test_the_start_counts_only_if_asked_to():
    data = table()
    best = top(data, 1)[0]

    def spike(x):
        return hill(x) + 1e3 * (x == best).all(1)

    for counts in (False, True):
        update = CMAES(proxy=Known(of=spike), candidates=2, generations=20, score_start=counts)
        state, infos = found(update, data)
        assert torch.equal(update.designs(state)[0], best) == counts
        assert (infos[-1]["predicted"][0] > 900) == counts
        assert infos[-1]["predicted"][1] < 900


@pytest.mark.parametrize("lost", [torch.nan, -torch.inf])
def test_a_score_that_is_no_number_ranks_last(lost):
    def half(x):
        return torch.where(x[:, 0] > 0.5, lost, x[:, 0])

    data = table(rows=2000)
    update = CMAES(proxy=Known(of=half), candidates=32, generations=30)
    state, infos = found(update, data)
    assert torch.isfinite(torch.stack([info["predicted"] for info in infos])).all()
    assert (update.designs(state)[:, 0] <= 0.5).all()
    assert (update.designs(state)[:, 0] > 0.4).float().mean() > 0.9


def test_start_with_nan_score_is_always_beaten():
    data = table()
    best = top(data, 2)

    def lost(x):
        return torch.where((x == best[0]).all(1), torch.nan, hill(x))

    update = CMAES(proxy=Known(of=lost), candidates=2, generations=20, score_start=True)
    state, infos = found(update, data)
    assert torch.isfinite(infos[0]["predicted"]).all()
    torch.testing.assert_close(infos[-1]["predicted"].float(), hill(update.designs(state)))


def test_without_any_score_the_designs_are_the_starts():
    update = CMAES(proxy=Known(of=lambda x: torch.nan * x[:, 0]), generations=5)
    state, infos = found(update, table())
    assert torch.equal(update.designs(state), top(table(), 128))
    # Which the core reports as a search that diverged.
    assert torch.isinf(infos[-1]["predicted"]).all()


@pytest.mark.slow
def test_runs_on_a_slope_stop_early():
    """Before they are a thousand first steps away."""
    update = CMAES(proxy=Known(of=lambda x: x.sum(1)), candidates=8)
    state, infos = found(update, table())
    assert infos[-1]["stopped"].all()
    assert (state.runs.law.generation < 100).all()
    assert (infos[-1]["sigma"] > 100).all()
    _, (*_, beyond) = found(update, table(), steps=110)
    assert all(torch.equal(beyond[name], infos[-1][name]) for name in beyond)


def test_many_coordinates_have_a_separable_law():
    shapes = {}
    for d, above in ((5, 256), (300, 256), (5, 4), (5, 5), (300, 400)):
        update = CMAES(proxy=Known(of=hill), candidates=2, generations=4, separable_above=above)
        state, _ = found(update, table(d, rows=4))
        assert torch.isfinite(update.designs(state)).all()
        shapes[d, above] = tuple(state.runs.law.covariance.shape[1:])
    assert shapes == {(5, 256): (5, 5), (300, 256): (300,), (5, 4): (5,), (5, 5): (5, 5), (300, 400): (300, 300)}


def test_separable_law_climbs_in_many_coordinates():
    data = table(300, rows=10)
    update = CMAES(proxy=Known(of=hill), candidates=4)
    _, infos = found(update, data)
    assert (infos[-1]["predicted"] > 0.8 * hill(top(data, 4)) + 40).all()


def test_one_coordinate_is_enough():
    update = CMAES(proxy=Known(of=hill), generations=40)
    state, _ = found(update, table(1))
    torch.testing.assert_close(update.designs(state), torch.ones(128, 1), rtol=0, atol=1e-2)


def test_a_population_of_ones_own():
    update = CMAES(proxy=Known(of=hill), candidates=3, population=20, generations=2)
    assert len(update.search(5).strategy.weights) == 20
    assert torch.isfinite(update.designs(found(update, table())[0])).all()
    for population in (1, 2):
        with pytest.raises(ValueError, match="is too small"):
            CMAES(proxy=Known(of=hill), population=population)


def test_the_proxy_stays_as_it_was():
    update = CMAES(proxy=Known(of=hill), candidates=3, generations=5)
    state, _ = found(update, table())
    assert torch.equal(state.proxy, torch.ones(()))


def test_proxy_gets_no_gradient_and_none_is_kept():
    update, data = CMAES(proxy=Known(of=hill), candidates=3, generations=5, score_start=True), table()
    weight = torch.ones((), requires_grad=True)
    state = update.init(KEY, data, weight)
    for number in range(5):
        state, info = update.step(keys.fold_in(KEY, number), state, data, number)
    assert state.proxy is weight
    assert weight.grad is None
    kept = optree.tree_leaves((state.runs, info), namespace="mbo")
    assert not any(leaf.requires_grad for leaf in kept)


def test_seeds_together_equal_seeds_alone():
    update, data = CMAES(proxy=Known(of=hill), candidates=4, generations=30), table()

    def one(key):
        return update.designs(found(update, data, key=key)[0])

    seeds = keys.split(KEY, 3)
    for key, together in zip(seeds, vmap(one, randomness="error")(seeds), strict=True):
        torch.testing.assert_close(together, one(key))
