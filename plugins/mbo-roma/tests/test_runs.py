"""The shipped recipes run on numbers, on letters and on dull data, reproducibly, and ask no oracle before the end."""

from __future__ import annotations

import numpy as np
import optree
import pytest
import torch

import mbo_core as mbo
from mbo_core.testing import small_task

NAMES = ["roma", "coms-weight-ascent", "coms-local-adaptation"]
KINDS = ["continuous", "discrete"]
NUMBERS_FIRST = ["continuous", pytest.param("discrete", marks=pytest.mark.slow)]


class Counting:
    """A stand-in for the truth that counts its calls."""

    def __init__(self):
        self.calls = []

    def score(self, designs):
        self.calls.append(len(designs))
        return designs.sum(1).astype(float)


def table(kind: str, **options) -> mbo.Task:
    return small_task(kind, oracle=Counting(), **options)


SMALL = ("proxy.hidden=[8]", "proxy.epochs=2", "proxy.held_out=20", "adversary.steps=2")
CLIMB = ("update.steps=3", "update.adaptation_steps=4")
LETTERS = ("encoding.use=soft-logits",)


def run(name: str, task: mbo.Task, *sets: str, seeds=2, small=SMALL, **more):
    climb = () if name == "coms-weight-ascent" else CLIMB
    letters = LETTERS if task.kind == "discrete" and name == "roma" else ()
    return mbo.run(name, task, seeds=seeds, set=[*small, *climb, *letters, *sets], **more)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_every_recipe_runs(name, kind):
    task = table(kind)
    result = run(name, task)
    assert result.failed == {}
    assert result.designs.shape == (2, 128, 6)
    assert all(
        np.isfinite(value) for trial in result.trials.values() for step in trial.steps for value in numbers(step)
    )
    best = task.x[np.argsort(-task.y, kind="stable")[:128]]
    if kind == "continuous":
        assert not np.isclose(result.designs, best).all((1, 2)).any()


def numbers(step):
    return [value for key, value in step.items() if key not in {"phase", "step"}]


@pytest.mark.parametrize("kind", NUMBERS_FIRST)
@pytest.mark.parametrize("adversary", ["weight-ascent", "none"])
@pytest.mark.parametrize("proxy", ["regression", "ensemble", "conservative", "smooth"])
def test_every_proxy_with_params_works(proxy, adversary, kind):
    sets = ["update.consistency=squared", f"proxy.use={proxy}", f"adversary.use={adversary}"]
    small = SMALL if adversary == "weight-ascent" else SMALL[:-1]
    result = run("roma", table(kind), *sets, small=small)
    assert result.failed == {}
    assert all(step["displacement"] > 0 for step in result.trials[0].steps if step["phase"] == "search")


@pytest.mark.parametrize("preset", ["quick", "paper"])
def test_every_preset_runs(preset):
    assert run("roma", table("continuous"), "update.candidates=16", preset=preset).failed == {}


def test_the_preset_logits_runs():
    small = [*SMALL, *CLIMB]
    assert mbo.run("roma", table("discrete"), seeds=2, preset="logits", set=small).failed == {}


def test_letters_run_through_an_autoencoder():
    small = [*SMALL, *CLIMB, "encoding.epochs=2", "encoding.hidden=[16]", "encoding.latent=4"]
    result = mbo.run("roma", table("discrete"), seeds=2, set=small)
    assert result.failed == {}
    assert set(np.unique(result.designs)) <= {0, 1, 2, 3}


@pytest.mark.parametrize("kind", NUMBERS_FIRST)
@pytest.mark.parametrize("name", ["roma", "coms-local-adaptation"])
def test_without_steps_the_designs_are_the_best_rows(name, kind):
    task = table(kind)
    result = run(name, task, "update.steps=0", "proxy.epochs=1")
    best = np.argsort(-task.y, kind="stable")[:128]
    for designs in result.designs:
        np.testing.assert_allclose(designs, task.x[best], rtol=1e-5, atol=1e-5 if kind == "continuous" else 0)


@pytest.mark.parametrize("name", ["roma", "coms-local-adaptation"])
def test_a_run_repeats_and_seeds_differ(name):
    one, other = (run(name, table("continuous")) for _ in range(2))
    assert np.array_equal(one.designs, other.designs)
    assert not np.allclose(one.designs[0], one.designs[1])


def test_the_weight_adversary_opens_a_gap_in_loss():
    gaps = [
        run("roma", table("continuous"), f"adversary.radius={radius}").trials[0].gap for radius in (0.0, 0.005, 0.1)
    ]
    assert gaps[0] == 0
    assert 0 < gaps[1] < gaps[2]


def test_without_mined_designs_the_multiplier_decays():
    """The overestimation is then 0."""
    steps = [
        step for step in run("coms-weight-ascent", table("continuous")).trials[0].steps if step["phase"] == "train"
    ]
    assert {step["overestimation"] for step in steps} == {0.0}
    multipliers = [step["multiplier"] for step in steps]
    assert multipliers == sorted(multipliers, reverse=True)


def constant(kind):
    task = table(kind)
    return mbo.Task("constant", task.x, np.zeros(200), space=task.space)


def single(kind):
    """One value only in the first coordinate, or at the first position."""
    task = table(kind)
    x = task.x.copy()
    x[:, 0] = 1
    return mbo.Task("single", x, task.y, space=task.space)


@pytest.mark.parametrize("kind", NUMBERS_FIRST)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("make", [constant, single])
def test_dull_data_work(make, name, kind):
    assert run(name, make(kind), "proxy.epochs=1").failed == {}


@pytest.mark.parametrize("name", NAMES)
def test_two_letters_and_two_scores_work(name):
    x = np.random.default_rng(0).integers(0, 2, (200, 5))
    task = mbo.Task("bits", x, x[:, 0], space=mbo.Space.discrete(5, 2), replicates="keep")
    assert run(name, task, "proxy.epochs=1").failed == {}


def test_a_single_coordinate_works():
    assert run("roma", table("continuous", length=1)).failed == {}


@pytest.mark.slow
def test_many_coordinates_work():
    assert run("roma", table("continuous", length=2000), "proxy.epochs=1", "update.steps=1", seeds=1).failed == {}


def test_search_does_not_change_the_trained_weights():
    kept = []

    class Watching:
        @mbo.hookimpl(wrapper=True)
        def mbo_update_solution(self, run, proxy):
            before = optree.tree_map(torch.clone, proxy.states.lifted)
            candidates = yield
            kept.append(all(map(torch.equal, optree.tree_leaves(before), optree.tree_leaves(proxy.states.lifted))))
            return candidates

    run("roma", table("continuous"), plugins=[Watching()])
    assert kept == [True]
