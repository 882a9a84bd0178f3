"""The invariants of the search by mutation and crossover."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from mbo_tabular.evolution import Evolution
from mbo_tabular.pools import Pool, spread
from mbo_tabular.variation import Variation

import mbo_core as mbo
from mbo_core.functional import keys
from mbo_core.runs.encoded import encode_table
from mbo_core.stages import Columns, Prediction, Proxy, Schedule
from mbo_core.tasks.columns import Category, Sequence
from mbo_core.tasks.constraints import Linear
from mbo_core.tasks.fixed import Fixed
from mbo_core.tasks.numbers import Real, Whole
from mbo_core.tasks.space import Space

KEY = keys.key(7)
RNG = np.random.default_rng(0)
SPACES = {
    "numbers": Space((Real("a"), Real("b", (0.0, 2.0)), Real("c", (0.1, 100.0), log=True))),
    "grids": Space((Whole("a", (0, 9)), Real("b", (0.0, 1.0), step=0.05), Real("c", values=(0.5, 1.0, 2.5, 4.0)))),
    "sum": Space(tuple(Real(n, (0.0, 1.0), step=0.05) for n in "pqrs"), (Linear.total("pqrs", 1.0),)),
    "weighted sums": Space(
        (Real("a", (0.0, 4.0)), Real("b", (0.0, 4.0)), Real("c", (0.0, 4.0)), Real("d", (0.0, 4.0))),
        (Linear({"a": 1.0, "b": 2.0}, 3.0, 3.0), Linear({"b": 1.0, "c": 1.0, "d": 1.0}, 1.0, 5.0)),
    ),
    "levels": Space((Category("m", tuple("KLMN"), {"size": (1.0, 2.0, 2.5, 9.0)}), Category("s", ("x", "y", "z")))),
    "letters": Space.discrete(6, 4),
    "words": Space((Sequence("w", 5, tuple("ACG-"), gap="-"), Real("t", (20.0, 80.0), step=5.0))),
    "held": Space((Fixed("g", "N2", Category("g", ("N2", "air"))), Real("t", (0.0, 1.0)), Fixed("c", 3.0))),
}


def rows_of(space: Space, count: int) -> np.ndarray:
    drawn = RNG.uniform(-0.5, 4, size=(count, space.length))
    return np.unique(space.repair(drawn), axis=0)


def task_of(space: Space, count: int = 30) -> mbo.Task:
    x = rows_of(space, count)
    return mbo.Task("toy", x, x @ np.arange(1, space.length + 1) + 0.1 * x[:, 0] ** 2, space=space)


@dataclass(frozen=True, kw_only=True)
class Sight(Proxy):
    """A proxy that needs no learning: a fixed function of the vectors."""

    look: object = torch.sum
    name = "sight"
    abilities = frozenset({"order"})
    lift = "loop"

    def schedule(self, data):
        return Schedule(0, 1)

    def init(self, key, data):
        return ()

    def predict(self, state, x):
        return Prediction(self.look(x), torch.zeros(len(x)))


def climb(x):
    return (x * torch.arange(1.0, x.shape[1] + 1)).sum(1)


def flat(x):
    return torch.zeros(len(x))


def data_of(task: mbo.Task):
    return encode_table(Columns(), (0,), task.table).first


def generations(update: Evolution, data, key=KEY):
    """The state after each generation."""
    states = [update.init(key, data, ())]
    for number in range(update.length(data)):
        states.append(update.step(keys.fold_in(key, number), states[-1], data, number)[0])
    return states


FEW = ["proxy.trees=5", "update.generations=3", "update.children=16"]
SMALL = {"population": 12, "children": 20, "generations": 6, "candidates": 8}
EACH = [(name, climb) for name in SPACES] + [("sum", flat), ("letters", flat)]


@pytest.mark.parametrize(("name", "look"), EACH)
def test_every_design_lies_in_the_space(name, look):
    task = task_of(SPACES[name])
    data, visible = data_of(task), {row.tobytes() for row in task.x}
    states = generations(Evolution(proxy=Sight(look=look), **SMALL), data)
    for before, state in zip([states[0], *states], states, strict=False):
        assert task.space.contains(state.now.raw).all()
        assert np.array_equal(task.space.repair(state.found.raw), state.found.raw)
        names = [one.tobytes() for one in state.found.raw]
        assert len(set(names)) == len(names)
        assert not visible & set(names)
        if len(before.found.score):
            assert state.found.score.max() >= before.found.score.max()
        assert len(state.now.raw) <= SMALL["population"]


@pytest.mark.parametrize("change", [torch.exp, lambda s: 3 * s + 1, lambda s: s**3], ids=["exp", "line", "cube"])
def test_only_the_order_of_scores_matters(change):
    data = data_of(task_of(SPACES["grids"]))
    one, other = (Evolution(proxy=Sight(look=look), **SMALL) for look in (climb, lambda x: change(climb(x).double())))
    assert torch.equal(*(update.designs(generations(update, data)[-1]) for update in (one, other)))


def test_the_optimum_of_many_levels_is_found():
    """Six categories of four levels; the score counts those that are right, at most 2 of them in the data."""
    space = Space(tuple(Category(name, tuple("wxyz")) for name in "abcdef"))
    target, x = np.arange(6) % 4, RNG.integers(0, 4, (400, 6)).astype(float)
    task = mbo.Task("levels", x[(x == target).sum(1) <= 2][:40], np.arange(40), space=space)
    data = data_of(task)
    goal = data.space.designs.encode(target[None].astype(float))
    for number in range(3):
        update = Evolution(proxy=Sight(look=lambda x: (x * goal).sum(1)), generations=10, candidates=8)
        assert generations(update, data, keys.key(number))[-1].found.score.max() == 6


def test_a_small_space_is_exhausted():
    """Forty designs, thirty of them visible: the ten others are proposed, with one note."""
    space = Space((Whole("a", (0, 7)), Category("b", tuple("vwxyz"))))
    every = space.enumerate()[RNG.permutation(40)]
    task = mbo.Task("few", every[:30], np.arange(30.0), space=space)
    recipe = {"encoding": {"use": "columns"}, "proxy": {"use": "forest", "trees": 5}}
    result = mbo.run(
        recipe | {"update": {"use": "evolution", "candidates": 16, "children": 16, "generations": 12}}, task, seeds=1
    )
    assert {one.tobytes() for one in result.designs[0]} == {one.tobytes() for one in every[30:]}
    assert [note.text for note in result.notes if "left to try" in note.text] != []


@pytest.mark.parametrize(("method", "size"), [("forest-evolution", "trees"), ("boosting-evolution", "members")])
def test_two_rows_are_enough(method, size):
    """A draw of two rows may hold one of them twice."""
    task = mbo.Task("two", np.array([[0.0, 1.0], [1.0, 0.0]]), [1.0, 2.0])
    result = mbo.run(method, task, seeds=2, set=[f"proxy.{size}=5", *FEW[1:]])
    assert result.designs.shape == (2, 2, 2)
    assert not result.failed


def test_without_generations_the_best_rows_are_returned():
    task = task_of(SPACES["grids"])
    data = data_of(task)
    update = Evolution(proxy=Sight(look=climb), generations=0, candidates=5)
    found = data.space.designs.decode(update.designs(update.init(KEY, data, ())))
    assert np.array_equal(found, task.x[np.argsort(-task.y, kind="stable")[:5]])


def test_where_nothing_varies_the_rows_are_returned():
    one = mbo.Task("one", np.ones((4, 2)), np.arange(4.0), replicates="keep")
    same = mbo.run("forest-evolution", one, set=["update.candidates=1"], seeds=1)
    assert same.designs.tolist() == [[[1.0, 1.0]]]
    held = mbo.Task("line", np.array([[0.0, 5.0], [1.0, 5.0]]), [1.0, 2.0]).held({"x0": 1.0})
    line = mbo.run("forest-evolution", held, seeds=1)
    assert {tuple(design) for design in line.designs[0].tolist()} == {(1.0, 5.0)}
    assert [note.text for note in line.notes if "fewer new designs" in note.text] != []


def test_held_columns_keep_their_value():
    result = mbo.run("forest-evolution", task_of(SPACES["grids"]), seeds=1, preset="table", hold={"a": 3}, set=FEW)
    assert (result.designs[0][:, 0] == 3).all()


@pytest.mark.parametrize("update", ["evolution", "enumerate"])
def test_what_was_tried_with_another_level_is_new(update):
    """Rows outside the space are no designs of it: theirs with the held level are proposed."""
    rows = {"gas": ["air"] * 5 + ["N2"], "time": [0, 1, 2, 3, 4, 0], "y": [1, 2, 3, 4, 5, 6]}
    recipe = {"encoding": {"use": "columns"}, "proxy": {"use": "forest", "trees": 5}}
    recipe["update"] = {"use": update, "candidates": 4}
    result = mbo.run(recipe, mbo.Task("oven", rows, target="y"), seeds=1, hold={"gas": "N2"})
    assert sorted(result.designs[0][:, 1]) == [1, 2, 3, 4]
    assert result.trials[0].steps[-1]["filled"] == 0


def test_a_search_that_is_stuck_ends():
    data = data_of(task_of(SPACES["numbers"]))
    update = Evolution(proxy=Sight(look=flat), generations=9, patience=2, population=10, candidates=4)
    states = generations(update, data)
    assert [len(state.found.raw) for state in states[3:]] == [len(states[3].found.raw)] * 7


def test_a_parent_is_the_best_of_those_drawn():
    """Of two numbers from 0 to 9 the larger is 6.15 on average."""
    pool = Pool(np.zeros((10, 1)), torch.zeros(10, 1), np.arange(10, dtype=np.float32))
    parents = Evolution(proxy=Sight())._parents(np.random.default_rng(2), pool, 4000)
    assert abs(pool.score[parents].mean() - 6.15) < 0.15


def test_the_oldest_die():
    data = data_of(task_of(SPACES["numbers"]))
    states = generations(Evolution(proxy=Sight(look=climb), survival="age", **SMALL), data)
    assert np.array_equal(states[-1].now.raw, states[-1].found.raw[-12:])


def test_few_of_a_population_share_a_row():
    data = data_of(task_of(SPACES["grids"]))
    for state in generations(Evolution(proxy=Sight(look=climb), **SMALL), data)[1:]:
        _, nearest = state.nearby.to(state.now.x)
        assert np.bincount(nearest).max() <= 3


def test_candidates_keep_a_distance():
    x = torch.tensor([[0.0], [0.1], [0.2], [2.0], [2.1], [5.0]])
    pool = Pool(x.numpy(), x, np.array([9.0, 8.0, 7.0, 6.0, 5.0, 4.0], np.float32))
    assert spread(pool, 3, 1.0).tolist() == [0, 3, 5]
    assert spread(pool, 4, 0.3).tolist() == [0, 2, 3, 5]
    assert spread(pool, 6, 1.0).tolist() == [0, 1, 2, 3, 4, 5]
    assert spread(pool, 9, 1.0).tolist() == [0, 1, 2, 3, 4, 5]


def vary(name: str, count: int = 3000):
    space = SPACES[name]
    rows = rows_of(space, 30).astype(float)
    return Variation(space, rows, 0.1), rows[RNG.integers(len(rows), size=count)]


@pytest.mark.parametrize("name", SPACES)
def test_one_change_changes_one_block(name):
    """One coordinate, or two of one sum; before any repair."""
    made, x = vary(name)
    found = made.mutated(np.random.default_rng(1), x, most=1)
    changed = found != x
    bound = (made.space.weights[made._equal] != 0).any(0) if len(made.space.constraints) else np.zeros(1, bool)
    most = 1 + bound
    assert (changed.sum(1) <= (changed * most).max(1).clip(1)).all()
    assert changed.any(1).mean() > 0.3
    assert set(np.flatnonzero(changed.any(0))) == {place for place, _ in made.places}


def test_a_number_of_changes_is_drawn():
    made, x = vary("letters", 10_000)
    one, two = ((made.mutated(np.random.default_rng(1), x, most=k) != x).sum(1).mean() for k in (1, 2))
    assert one == 1
    assert abs(two - 1.5) < 0.02


def test_sums_need_no_repair():
    made, x = vary("sum")
    found = made.mutated(np.random.default_rng(1), x, most=1)
    assert np.allclose(found.sum(1), 1)
    assert found.min() >= -1e-12
    assert found.max() <= 1 + 1e-12


def test_near_levels_are_likelier():
    made, x = vary("levels", 4000)
    x[:, 0] = 1
    found = made.mutated(np.random.default_rng(1), x, most=2)[:, 0]
    counts = np.bincount(found[found != 1].astype(int), minlength=4)
    assert counts[2] > counts[0] > counts[3] > 0


@pytest.mark.parametrize("name", ["sum", "letters", "grids", "words"])
def test_children_take_whole_blocks(name):
    """Each block is that of one parent: sums stay, and a stretch of a sequence is exchanged."""
    made, one = vary(name)
    other = one[RNG.permutation(len(one))]
    crossed = made.crossed(np.random.default_rng(1), one, other, 1.0)
    assert ((crossed == one) | (crossed == other)).all()
    assert (crossed != one).any(1).mean() > 0.2
    if name == "sum":
        assert ((crossed == one).all(1) | (crossed == other).all(1)).all()
    assert np.array_equal(made.crossed(np.random.default_rng(1), one, other, 0.0), one)


def test_seeds_do_not_depend_on_each_other():
    task = task_of(SPACES["words"])
    several = mbo.run("forest-evolution", task, seeds=[1, 3, 5], preset="table", set=FEW)
    alone = mbo.run("forest-evolution", task, seeds=[3], preset="table", set=FEW)
    assert np.array_equal(several.trials[3].raw, alone.trials[3].raw)


QUICK = ("words", "weighted sums")
EVERY = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in SPACES]


@pytest.mark.parametrize("name", EVERY)
def test_table_presets_run_in_every_space(name):
    task = task_of(SPACES[name], 26)
    for method, proxy in (("forest-evolution", "proxy.trees=5"), ("ridge-evolution", "proxy.members=3")):
        result = mbo.run(method, task, seeds=1, preset="table", set=[proxy, *FEW[1:]])
        assert not result.failed
        assert task.space.contains(result.designs[0]).all()
