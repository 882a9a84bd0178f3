"""What people see of a run: progress, thinned infos, and the step at which a seed was lost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch

import mbo_core as mbo
from mbo_core.errors import MboError
from mbo_core.runs.notes import Note
from mbo_core.runs.watch import KEPT, Watch
from mbo_core.stages import NoUpdate
from mbo_core.testing.tiny_tasks import small_task


class Told(NoUpdate):
    """What is watched."""

    name = "told"
    infos = dict.fromkeys(("loss", "accepted", "predicted", "gap", "doubt", "stopped"), "a number")
    notes = dict.fromkeys(["stopped"], "it stopped early")


STAGE = Told()
NAN, INF = math.nan, math.inf


def watch(total: int, steps: list[dict[str, list]], seeds=(4, 9)) -> Watch:
    watched = Watch()
    watched.begin("train", STAGE, total, seeds)
    for info in steps:
        watched.step({name: torch.tensor(values) for name, values in info.items()})
    return watched


def losses(*values: list[float]) -> list[dict[str, list]]:
    return [{"loss": each} for each in values]


@pytest.mark.parametrize(
    ("total", "kept"),
    [
        (1, [0]),
        (3, [0, 1, 2]),
        (KEPT, list(range(KEPT))),
        (2 * KEPT, [*range(0, 2 * KEPT, 2), 2 * KEPT - 1]),
        (3 * KEPT + 1, list(range(0, 3 * KEPT + 1, 3))),
    ],
)
def test_a_long_phase_is_thinned_evenly(total, kept):
    """Its last step is kept."""
    watched = watch(total, [{"loss": [float(step)]} for step in range(total)], seeds=(0,))
    rows = watched.rows(0)
    assert [row["step"] for row in rows] == kept
    assert [row["loss"] for row in rows] == kept


def test_every_step_is_reported_with_its_phase():
    told: list[tuple[str, int, int]] = []
    watched = Watch(lambda *step: told.append(step))
    for phase in ("train", "search"):
        watched.begin(phase, STAGE, 2, (0,))
        watched.step({})
        watched.step({})
    assert told == [(phase, done, 2) for phase in ("train", "search") for done in (0, 1, 2)]


def test_a_seed_has_its_own_rows():
    watched = watch(1, losses([1.0, 2.0]))
    watched.begin("search", STAGE, 1, (9,))
    watched.step({"predicted": torch.tensor([3.0])})
    assert watched.rows(4) == [{"phase": "train", "step": 0, "loss": 1}]
    assert watched.rows(9) == [
        {"phase": "train", "step": 0, "loss": 2},
        {"phase": "search", "step": 0, "predicted": 3},
    ]


@pytest.mark.parametrize(
    ("values", "means"),
    [([[1.0, 3.0], [5.0, 5.0]], [2, 5]), ([[[True], [False]], [[True], [True]]], [0.5, 1]), ([3, 4], [3, 4])],
    ids=["floats", "booleans", "whole numbers"],
)
def test_an_info_is_averaged_for_each_seed(values, means):
    watched = watch(1, [{"accepted": values}])
    assert [watched.rows(seed)[0]["accepted"] for seed in (4, 9)] == means


def test_an_info_keeps_no_graph():
    watched = Watch()
    watched.begin("train", STAGE, 1, (0,))
    watched.step({"loss": torch.ones(1, requires_grad=True) * 2})
    assert not watched.phases[0].series["loss"].requires_grad
    assert watched.rows(0)[0]["loss"] == 2


@pytest.mark.parametrize(
    ("steps", "failed"),
    [
        (losses([1.0, 2.0], [1.0, 2.0]), {}),
        (losses([1.0, 2.0], [1.0, NAN], [1.0, NAN]), {9: "training diverged: loss is nan at step 1"}),
        (losses([-INF, 2.0], [1.0, 2.0]), {4: "training diverged: loss is -inf at step 0"}),
        (
            losses([NAN, 2.0], [NAN, 2.0], [NAN, INF]),
            {4: "training diverged: loss is nan at step 0", 9: "training diverged: loss is inf at step 2"},
        ),
        ([{"loss": [1.0, 2.0], "gap": [[1.0, NAN], [1.0, 1.0]]}], {4: "training diverged: gap is nan at step 0"}),
        ([{"accepted": [3, 4]}], {}),
        ([{}], {}),
        ([], {}),
    ],
)
def test_a_diverged_seed_has_its_first_step(steps, failed):
    assert watch(10, steps).diverged("training") == failed


def test_the_first_diverged_step_is_remembered():
    """Over several checks; it counts from the start of the phase."""
    watched = watch(10, losses([1.0, 2.0], [1.0, 2.0]))
    assert watched.diverged("training") == {}
    watched.step({"loss": torch.tensor([1.0, NAN])})
    first = {9: "training diverged: loss is nan at step 2"}
    assert watched.diverged("training") == first
    watched.step({"loss": torch.tensor([INF, NAN])})
    assert watched.diverged("training") == {**first, 4: "training diverged: loss is inf at step 3"}
    watched.begin("search", STAGE, 1, (4,))
    watched.step({"loss": torch.tensor([1.0])})
    assert watched.diverged("the search") == {}
    assert all(phase.checked == phase.done for phase in watched.phases)


def test_infos_of_candidates_are_averaged():
    """Those of the last step are also kept whole."""
    watch = Watch()
    watch.begin("search", STAGE, 2, (4, 7))
    watch.step({"doubt": torch.tensor([[1.0, 3.0], [5.0, 7.0]])})
    watch.step({"doubt": torch.tensor([[2.0, 4.0], [6.0, 8.0]])})
    assert [row["doubt"] for row in watch.rows(7)] == [6.0, 7.0]
    assert watch.of_candidates(7) == {"doubt": [6.0, 8.0]}


def test_an_undeclared_info_is_refused():
    with pytest.raises(MboError, match='undeclared info "losss" of update told\n\nhint: did you mean "loss"'):
        watch(2, [{"losss": [1.0, 2.0]}])


def test_a_declared_note_needs_a_nonzero_info():
    """At the last step of the seed."""
    watched = watch(2, [{"stopped": [1.0, 0.0]}, {"stopped": [0.0, 1.0]}])
    assert watched.notes_of([4, 9]) == [Note(9, "update told", "it stopped early")]
    assert watched.notes_of([4]) == []


def test_a_tool_may_add_notes():
    """On a seed or on the run."""
    watched = watch(1, losses([1.0, 2.0]))
    watched.notes += [Note(4, "tool", "odd"), Note(None, "tool", "slow")]
    assert [note.text for note in watched.notes_of([9])] == ["slow"]
    assert [note.text for note in watched.notes_of([4])] == ["odd", "slow"]


@dataclass(frozen=True, kw_only=True)
class Prepared(NoUpdate):
    """Tells the best visible score before it starts; or NaN."""

    name: ClassVar[str] = "prepared"
    infos: ClassVar[dict[str, str]] = {"best": "the best standardised score"}
    lost: ClassVar[bool] = False

    def init(self, key, data, proxy_state):
        best = data.y.amax()
        return NoUpdate.init(self, key, data, proxy_state), {"best": best * torch.nan if self.lost else best}


@dataclass(frozen=True, kw_only=True)
class Lost(Prepared):
    """Tells NaN."""

    name: ClassVar[str] = "lost"
    lost: ClassVar[bool] = True


def test_what_prepares_a_search_is_told():
    task = small_task("continuous", rows=20)
    result = mbo.run(mbo.Recipe(update=Prepared(candidates=4)), task, seeds=2)
    best = (task.y.max() - task.y.mean()) / task.y.std()
    assert [trial.steps for trial in result.trials.values()] == 2 * [
        [{"phase": "prepare the search", "step": 0, "best": pytest.approx(best, rel=1e-5)}]
    ]
    failed = mbo.run(mbo.Recipe(update=Lost(candidates=4)), task, seeds=1).failed
    assert failed == {0: "the preparation of the search diverged: best is nan at step 0"}
