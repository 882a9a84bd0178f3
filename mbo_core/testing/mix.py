"""Five stages that run on a toy task, with observations for the checks."""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple, cast

import numpy as np
import torch

from mbo_core.foreign import foreign
from mbo_core.recipes.limits import fitted
from mbo_core.recipes.recipe import Recipe
from mbo_core.runs.default import check_data, evaluate, mine_adversary, train_proxy, update_solution
from mbo_core.runs.encoded import encode_table
from mbo_core.runs.records import Candidates, Run, Scores, TrainedProxy
from mbo_core.stages.contracts import Proxy
from mbo_core.stages.data import Data
from mbo_core.tasks.space import Kind
from mbo_core.tasks.task import Task
from mbo_core.testing.case import Fault, Inapplicable
from mbo_core.testing.tiny_tasks import tiny_task

SEEDS = (0, 1, 2)


class Fitted(NamedTuple):
    """A trained proxy of one seed, its state a copy that may be changed, and the data that it was trained on."""

    proxy: Proxy
    state: Any
    data: Data


@dataclass(frozen=True)
class Rehearsal:
    """A run, with observations for the checks.

    Attributes:
        run: recipe, task, encoded data and seeds.
        trained: the proxies.
        candidates: the candidates.
        scores: their evaluation.
        disturbed: the global generators whose state changed.
    """

    run: Run
    trained: TrainedProxy
    candidates: Candidates
    scores: Scores
    disturbed: tuple[str, ...]


def prepare(recipe: Recipe, task: Task, seeds: Sequence[int]) -> Run:
    """Cut the recipe's rows to the table, encode, and let the stages check the data: everything before training.

    Raises:
        TaskError: if a stage refuses the data.
    """
    recipe, _ = fitted(recipe, task.table.designs)
    run = Run(recipe, task, encode_table(recipe.encoding, seeds, task.table), tuple(seeds))
    check_data(run)
    return run


def carry_out(recipe: Recipe, task: Task, seeds: Sequence[int] = SEEDS) -> Rehearsal:
    """A run from the first step to the last, without the hooks of other plugins."""
    before = _generators()
    run = prepare(recipe, task, seeds)
    # Whoever asks for the task before the evaluation finds none.
    blind = replace(run, task=cast(Task, None))
    trained = train_proxy(blind)
    if not trained.seeds:
        raise Fault(f"no seed was trained: {trained.failed[seeds[0]]}", "check step on the toy data")
    mine_adversary(blind, trained)
    candidates = update_solution(blind, trained)
    after = _generators()
    disturbed = tuple(name for name in before if before[name] != after[name])
    return Rehearsal(run, trained, candidates, evaluate(run, candidates), disturbed)


def _generators() -> dict[str, Any]:
    kind, words, *rest = np.random.get_state()
    return {
        "torch": torch.get_rng_state().numpy().tobytes(),
        "numpy": (kind, np.asarray(words).tobytes(), *rest),
        "python": random.getstate(),
    }


@dataclass(frozen=True, eq=False)
class Mix:
    """Five stages, one of which is checked, or a recipe.

    Attributes:
        label: its name in reports.
        of: the role of the stage that is checked, or `method`.
        kind: the kind of task.
        recipe: the stages.
    """

    label: str
    of: str
    kind: Kind
    recipe: Recipe

    @property
    def plain(self) -> bool:
        """Whether the proxy is trained without an adversary."""
        return not self.recipe.adversary.moves

    @cached_property
    def attempt(self) -> Rehearsal | Exception:
        """A run with three seeds, or its error; shared by all checks."""
        try:
            with foreign("a stage"):
                return carry_out(self.recipe, tiny_task(self.kind))
        except Exception as error:
            return error

    @property
    def trial(self) -> Rehearsal:
        """A run with three seeds, for checks of its results.

        Raises:
            Inapplicable: if it has none; the checks `runs` and `designs` report that.
        """
        if isinstance(self.attempt, Exception):
            raise Inapplicable("it does not run: see the check `runs`")
        if self.attempt.trained.failed or self.attempt.candidates.failed:
            raise Inapplicable("a seed has no designs; see the check `designs`")
        return self.attempt

    @property
    def learnt(self) -> Fitted:
        """The trained proxy of the first seed."""
        trial = self.trial
        state = copy.deepcopy(trial.trained.states[SEEDS[0]])
        return Fitted(self.recipe.proxy, state, trial.run.data)
