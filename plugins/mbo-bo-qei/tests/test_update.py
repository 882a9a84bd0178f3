"""Rounds query the proxy, and the designs with the largest targets are proposed."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
import torch
from mbo_bo_qei import search as module
from mbo_bo_qei.records import Found
from mbo_bo_qei.update import BOQEI
from mbo_gp.records import Effort

from mbo_core.functional import keys
from mbo_core.stages import Data, EncodedSpace, Prediction, Proxy, Schedule, top

KEY = keys.key(3)
SEARCH, PROPOSAL = module.search, module.proposal
SMALL = {
    "candidates": 12,
    "rows": 20,
    "rounds": 3,
    "batch": 6,
    "restarts": 2,
    "raw_samples": 16,
    "iterations": 30,
    "samples": 32,
}


@dataclass(frozen=True, kw_only=True)
class Known(Proxy):
    """Predicts by the function that is its option, with a std of its own; its state is passed through."""

    of: object
    std: float = 0.0
    name = "known"
    abilities = frozenset({"values", "uncertainty"})

    def schedule(self, data):
        return Schedule(0, 1)

    def init(self, key, data):
        return torch.ones(())

    def step(self, key, state, batch):
        return state, {"loss": state}

    def predict(self, state, x):
        mean = state * self.of(x)
        return Prediction(mean, torch.full_like(mean, self.std))


def hill(x):
    return 2 - ((x - 0.5) ** 2).sum(1)


def table(d: int = 2, rows: int = 40) -> Data:
    """Designs whose labels are the hill's heights, none of them near its top."""
    x = 4 * keys.uniform(keys.key(7), (rows, d)) - 2
    x = torch.where(((x - 0.5) ** 2).sum(1, keepdim=True) < 1, x - 1.2, x)
    return Data(x, hill(x), EncodedSpace("continuous", (d,), None, "real", x.amin(0), x.amax(0)))


def bo(of=hill, std=0.0, **options) -> BOQEI:
    return BOQEI(proxy=Known(of=of, std=std), **{**SMALL, **options})


def found(update: BOQEI, data: Data, key=KEY):
    """The state after each round, and each round's info."""
    state, infos = update.init(key, data, update.proxy.init(key, data)), []
    states = [state]
    for number in range(update.length(data)):
        state, info = update.step(keys.fold_in(key, number), state, data, number)
        states.append(state)
        infos.append(info)
    return states, infos


@pytest.fixture(scope="module")
def ran():
    """A search whose targets have hardly any noise."""
    data = table()
    return data, *found(bo(noise=0.01), data)


def test_on_a_smooth_hill_the_best_target_grows(ran):
    data, states, infos = ran
    bests = torch.stack([data.y.max().double(), *(info["best"] for info in infos)])
    assert (bests.diff() >= 0).all()
    assert bests[-1] > data.y.max() + 0.5
    assert bests[-1] > 1.9
    assert hill(bo().designs(states[-1])).max() > 1.9


def test_each_round_adds_its_batch_in_the_box(ran):
    data, states, _ = ran
    assert [len(state.proposed.y) for state in states] == [0, 6, 12, 18]
    x = states[-1].proposed.x
    assert ((x >= data.space.lower) & (x <= data.space.upper)).all()
    for before, after in pairwise(states):
        assert torch.equal(after.proposed.x[: len(before.proposed.y)], before.proposed.x)


def test_the_first_fit_is_to_the_best_rows(ran):
    data, (first, *_), _ = ran
    assert torch.equal(first.known.x.float(), top(data, 20))
    assert torch.equal(first.known.y, data.y.sort(descending=True).values[:20].double())
    assert len(bo(rows=500).init(KEY, data, ()).known.y) == 40


@pytest.fixture
def wide(monkeypatch):
    """A search that finds 1000 designs at once, a hundred times the same ten."""
    x = torch.linspace(-1, 1, 10, dtype=torch.float64)[:, None].expand(10, 2).repeat(100, 1)
    monkeypatch.setattr(module, "search", lambda *_: Found(x, torch.ones(()), {}))


@pytest.mark.parametrize(
    ("options", "std"),
    [
        ({}, 0.1),
        ({"noise": 0.5}, 0.5),
        ({"std": 0.4}, 0.1),
        ({"std": 0.4, "target_noise": "uncertainty"}, 0.4),
        # What the process is told is never less than float32 can bear.
        ({"std": 0.0, "target_noise": "uncertainty"}, 0.01),
    ],
)
@pytest.mark.usefixtures("wide")
def test_target_is_prediction_plus_noise(options, std):
    (_, after, *_), _ = found(bo(**options), table())
    x, y, told = after.proposed
    off = (y - hill(x)).float()
    assert off.mean().abs() < std / 5
    assert off.std().item() == pytest.approx(std, rel=0.1)
    torch.testing.assert_close(told.float(), torch.full((1000,), std))
    labels = options.get("noise", 0.1)
    torch.testing.assert_close(after.known.std.float(), torch.full((20,), labels))


@pytest.mark.parametrize(("noise", "needs"), [("fixed", {"values"}), ("uncertainty", {"values", "uncertainty"})])
def test_spread_is_needed_where_it_is_used(noise, needs):
    assert bo(target_noise=noise).needs == needs


def test_designs_are_proposals_with_the_largest_targets(ran):
    _, states, infos = ran
    x, y, _ = states[-1].proposed
    best = y.sort(descending=True, stable=True).indices[:12]
    assert torch.equal(bo().designs(states[-1]), x[best].float())
    assert infos[-1]["predicted"] == y[best].mean()


@pytest.mark.parametrize("liked", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_published_runs_rank_data_among_proposals(liked):
    data = table()
    label = data.y.sort(descending=True).values[0] + 1 if liked else data.y.min() - 1
    update = bo(of=lambda x: 0 * x[:, 0] + label, noise=0.01, rounds=2)
    (*_, last), _ = found(update, data)
    ours, published = (replace(update, dataset_designs=allowed).designs(last) for allowed in (False, True))
    assert not rows_in(ours, data).any()
    assert torch.equal(published, ours if liked else top(data, 12))


def test_the_union_is_ranked_by_target(ran):
    data, states, _ = ran
    known, proposed = states[1].known, states[1].proposed
    every = torch.cat([proposed.x, known.x])[torch.cat([proposed.y, known.y]).argsort(descending=True)]
    designs = bo(dataset_designs=True).designs(states[1])
    assert torch.equal(designs, every[:12].float())
    assert 0 < rows_in(designs, data).sum() < 12


def rows_in(x, data):
    """Which designs are rows of the data."""
    return (x[:, None] == data.x[None]).all(2).any(1)


def test_numerical_breakdown_ends_with_present_proposals(monkeypatch):
    """The search ends with the proposals so far."""
    rounds = []

    def breaks(*arguments):
        rounds.append(1)
        return None if len(rounds) == 2 else SEARCH(*arguments)

    monkeypatch.setattr(module, "search", breaks)
    data = table()
    for dataset_designs in (False, True):
        rounds.clear()
        update = bo(dataset_designs=dataset_designs)
        states, infos = found(update, data)
        assert len(rounds) == 2
        assert [len(state.proposed.y) for state in states] == [0, 6, 6, 6]
        assert [float(info["improvement"]) for info in infos[1:]] == [0, 0]
        assert [float(info["stopped"]) for info in infos] == [0, 1, 1]
        assert "broke down" in update.notes["stopped"]
        assert all(torch.isfinite(value) for info in infos for value in info.values())
        designs = update.designs(states[-1])
        assert designs.shape == (12, 2)
        if not dataset_designs:
            order = states[-1].proposed.y.sort(descending=True).indices
            assert torch.equal(designs, torch.cat([states[-1].proposed.x[order].float(), top(data, 6)]))


def test_immediate_breakdown_proposes_the_best_rows(monkeypatch):
    monkeypatch.setattr(module, "search", lambda *_: None)
    (*_, last), _ = found(bo(), table())
    assert torch.equal(bo().designs(last), top(table(), 12))


@pytest.mark.parametrize("lost", [torch.nan, torch.inf])
def test_nan_target_is_reported_and_not_fitted(lost):
    states, infos = found(bo(of=lambda x: torch.where(x[:, 0] > -9, lost, x[:, 0])), table())
    assert not torch.isfinite(infos[0]["best"])
    assert [len(state.proposed.y) for state in states] == [0, 6, 6, 6]


@pytest.mark.slow
def test_each_fit_starts_from_the_last(monkeypatch):
    starts = []

    def watched(observed, box, start, *rest):
        starts.append(start)
        return SEARCH(observed, box, start, *rest)

    monkeypatch.setattr(module, "search", watched)
    states, _ = found(bo(), table())
    assert starts == [state.start for state in states[:-1]]
    assert starts[0] is None
    assert set(starts[1]) == {
        "mean_module.raw_constant",
        "covar_module.raw_outputscale",
        "covar_module.base_kernel.raw_lengthscale",
    }


def test_box_covers_visible_designs_and_effort_follows_options(monkeypatch):
    """The box is that of all visible designs; the search effort comes from the options."""
    asked = []
    monkeypatch.setattr(module, "search", lambda *given: asked.append(given))
    data, update = table(), bo(samples=1, restarts=2, raw_samples=3, at_once=4, iterations=5)
    update.step(KEY, update.init(KEY, data, ()), data, 0)
    [(known, box, start, batch, effort)] = asked
    assert torch.equal(box, torch.stack([data.x.amin(0), data.x.amax(0)]).double())
    assert (known.x.amin(0) > box[0]).any()
    assert (start, batch) == (None, 6)
    assert effort == Effort(samples=1, restarts=2, raw_samples=3, at_once=4, iterations=5)


def test_the_best_includes_targets_with_their_noise(monkeypatch):
    seen = []

    def watched(model, best, *rest):
        seen.append(best)
        return PROPOSAL(model, best, *rest)

    monkeypatch.setattr(module, "proposal", watched)
    states, infos = found(bo(), table())
    assert seen[0] == table().y.max()
    assert seen[1:] == [info["best"] for info in infos[:-1]]
    assert infos[-1]["best"] == torch.cat([states[-1].known.y, states[-1].proposed.y]).max()


@pytest.mark.parametrize("precision", [pytest.param("float32", marks=pytest.mark.slow), "float64"])
def test_process_has_the_requested_precision(precision):
    (*_, last), _ = found(bo(precision=precision, rounds=2, batch=2, candidates=4), table())
    dtype = getattr(torch, precision)
    tensors = [*last.known, *last.proposed, *last.start.values()]
    assert {one.dtype for one in tensors} == {dtype}
    assert bo().designs(last).dtype == torch.float32


@pytest.mark.slow
def test_designs_depend_on_the_key():
    data, update = table(), bo(rounds=1, candidates=6)
    first, again, other = (update.designs(found(update, data, key)[0][-1]) for key in (KEY, KEY, keys.key(4)))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_proxy_is_unchanged_and_without_gradient():
    weight = torch.ones((), requires_grad=True)
    update, data = bo(of=lambda x: weight * hill(x), rounds=2), table()
    (*_, last), _ = found(update, data)
    assert torch.equal(last.proxy, torch.ones(()))
    assert not update.designs(last).requires_grad
    assert not any(one.requires_grad for one in [*last.proposed, *last.start.values()])


@pytest.mark.parametrize(
    ("options", "fact"),
    [
        ({"restarts": 20}, "restarts=20 exceeds raw_samples=16"),
        ({"candidates": 30, "rounds": 9}, "rows=20 is below candidates=30"),
        ({"rounds": 1}, "propose fewer than candidates=12"),
    ],
)
def test_what_cannot_be_carried_out_is_refused(options, fact):
    with pytest.raises(ValueError, match=fact):
        bo(**options)
    assert bo(rounds=1, dataset_designs=True).length(table()) == 1


@pytest.mark.slow
def test_only_the_first_round_imports_the_library():
    code = """
import json, sys
from click.testing import CliRunner
from mbo_core.cli import main
heavy = lambda *names: sorted({name.split(".")[0] for name in sys.modules} & set(names))
seen = []
for command in (["--help"], ["list-methods"]):
    assert CliRunner().invoke(main, command).exit_code == 0
    seen.append(heavy("torch", "botorch", "gpytorch"))
assert CliRunner().invoke(main, ["show", "bo-qei"]).exit_code == 0
seen.append(heavy("botorch", "gpytorch"))
print(json.dumps(seen))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[], [], []]
