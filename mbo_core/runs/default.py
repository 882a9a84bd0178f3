"""The core's implementation of the four hooks of a run; the runner registers this module as a plugin."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mbo_core.errors import reason_of
from mbo_core.foreign import foreign
from mbo_core.functional import batches, keys
from mbo_core.plugins.hookspecs import hookimpl
from mbo_core.recipes.recipe import Recipe
from mbo_core.runs.encoded import encode_table
from mbo_core.runs.findings import SEARCH
from mbo_core.runs.notes import Note
from mbo_core.runs.records import Candidates, Gap, Run, Scores, TrainedProxy
from mbo_core.runs.seeds import Audit, BySeed, Mode, Search, Stream, lift, mode
from mbo_core.runs.shortened import most_epochs, with_epochs
from mbo_core.runs.training import train
from mbo_core.runs.untried import proposed, remark, untried
from mbo_core.runs.watch import PREPARE
from mbo_core.stages.contracts import Adversary, WithParams
from mbo_core.stages.data import Batch, Data, Mined, state_and_info
from mbo_core.tasks.task import Task

AUDIT_ROWS = 512
"""The maximum number of data rows from which the adversary starts in the audit."""


def check_data(run: Run) -> int:
    """Let the stages refuse unsupported data before any work.

    Returns:
        The number of steps of the search.

    Raises:
        TaskError: with a hint.
    """
    schedule = run.recipe.proxy.schedule(run.data)
    if schedule.trains:
        batches.check_rows(schedule, len(run.data.y))
    run.recipe.update.check(run.data)
    # Called here too, so that whatever it raises comes before any work.
    return run.recipe.update.length(run.data)


def check_untrained(recipe: Recipe, task: Task, seeds: Sequence[int]) -> None:
    """Let the stages refuse data before an encoding is trained, on what that encoding makes of them untrained.

    Raises:
        TaskError: with a hint.
    """
    if most_epochs(recipe.encoding):
        untrained = with_epochs(recipe.encoding, 0)
        check_data(Run(recipe, task, encode_table(untrained, seeds[:1], task.table), tuple(seeds[:1])))


@hookimpl(trylast=True, specname="mbo_train_proxy")
def train_proxy(run: Run) -> TrainedProxy:
    """Train the proxy of each seed for the steps of its schedule; a seed with a NaN info fails."""
    return train(run)


@hookimpl(trylast=True, specname="mbo_mine_adversary")
def mine_adversary(run: Run, proxy: TrainedProxy) -> Gap:
    """For each seed, start the adversary from rows of the data and measure its gain."""
    adversary, stage = run.recipe.adversary, run.recipe.proxy
    if not adversary.moves or not isinstance(stage, WithParams):
        return Gap(dict.fromkeys(proxy.seeds))

    def audit(data: Data, key: Tensor, state: Any) -> Tensor:
        rows = keys.permutation(keys.fold_in(key, Audit.ROWS), len(data.y))[:AUDIT_ROWS]
        batch = Batch(data.x[rows], data.y[rows], torch.ones_like(data.y[rows]), data.space)
        return _opened(adversary, stage, keys.fold_in(key, Audit.MINE), state, batch, data)

    run = run.only(proxy.seeds)
    gaps = run.lift(audit, mode(adversary, stage), "tensors")(run.keys(Stream.AUDIT), proxy.states.lifted)
    return Gap(dict(zip(proxy.seeds, gaps.tolist(), strict=True)))


def _opened(adversary: Adversary, proxy: WithParams, key: Tensor, state: Any, batch: Batch, data: Data) -> Tensor:
    model, start = proxy.model(state), Mined(state.params, batch.x)
    mined, _ = adversary.mine(keys.fold_in(key, Audit.MINE), adversary.init(key, data), model, start, batch)
    if "designs" in adversary.moves:
        after, before = model.predict(mined.params, mined.x), model.predict(state.params, batch.x)
        return (after.mean - before.mean).mean()
    return model.loss(mined.params, batch) - model.loss(state.params, batch)


@hookimpl(trylast=True, specname="mbo_update_solution")
def update_solution(run: Run, proxy: TrainedProxy) -> Candidates:
    """Take the update's steps for each seed and decode its designs; a seed with non-finite designs fails."""
    run = run.only(proxy.seeds)
    update = run.recipe.update
    how = mode(update, run.recipe.proxy)
    init, steps = run.keys(Stream.UPDATE, Search.INIT), run.keys(Stream.UPDATE, Search.STEP)
    length = update.length(run.data)
    # Some searches train a model of the data first, which takes long.
    run.watch.report(PREPARE, 0, 1)
    begin = run.lift(
        lambda data, key, trained: state_and_info(update.init(key, data, trained)), how, "state", "tensors"
    )
    state, info = begin(init, proxy.states.lifted)
    run.watch.report(PREPARE, 1, 1)
    failed = _prepared(run, info)
    run.watch.begin("search", update, length, run.seeds)
    state, done = _resumed(run, state)
    for number in range(done, length):
        state, info = search_step(run, how, number)(keys.fold_in(steps, number), state)
        run.watch.step(info)
        if run.checkpoints.due("search", end=number + 1 == length):
            run.checkpoints.save("search", run, {"state": state}, {"done": number + 1})
    failed |= run.watch.diverged("the search")
    found = BySeed(run.seeds, lift(update.designs, how, "tensors")(state))
    failed.update({seed: "designs are not finite" for seed, x in found.items() if not bool(torch.isfinite(x).all())})
    return _decoded(run, found.without(failed), proxy, failed)


def _resumed(run: Run, fresh: Any) -> tuple[Any, int]:
    """The states of a search's checkpoint and the steps they have done, or the fresh ones."""
    found = [fresh]
    done = run.checkpoints.resumed("search", run, lambda saved: found.append(saved.state("state", fresh)))
    return found[-1], done


def _prepared(run: Run, info: Mapping[str, Tensor]) -> dict[int, str]:
    """Record what the update's `init` told, if anything; the seeds with a NaN fail."""
    if not info:
        return {}
    run.watch.begin(PREPARE, run.recipe.update, 1, run.seeds)
    run.watch.step(info)
    return run.watch.diverged("the preparation of the search")


def search_step(run: Run, how: Mode, number: int) -> Callable[..., Any]:
    """A step of the search for all seeds: of their keys and states, to their states and infos."""
    update = run.recipe.update
    return run.lift(lambda data, key, state: update.step(key, state, data, number), how, "state", "tensors")


def _decoded(run: Run, found: BySeed, proxy: TrainedProxy, failed: Mapping[int, str]) -> Candidates:
    """The candidates of the seeds of `found`, (seeds, candidates, d), as people and oracles see them."""
    encoded, x = run.encoded, dict(found.items())
    raw = {seed: encoded.decode(each, seed).numpy() for seed, each in x.items()}
    origin = _untried(run, raw) if x and run.recipe.update.length(run.data) else None
    seen = x
    if not encoded.raw_space.plain:
        # In a space with steps or sums the design that is proposed is not quite the one that was found.
        seen = {seed: encoded.encode(torch.from_numpy(designs), seed) for seed, designs in raw.items()}
    if origin is not None:
        x = {seed: torch.where(origin[seed][:, None] < 0, seen[seed], each[origin[seed]]) for seed, each in x.items()}
    predicted = None
    if "values" in run.recipe.proxy.abilities and x:
        means = [run.recipe.proxy.predict(proxy.states[seed], each).mean for seed, each in seen.items()]
        predicted = encoded.scores.raw(torch.stack(means).detach()).numpy()
    if not x:
        return Candidates(found.lifted.cpu(), np.zeros((0, 0, encoded.raw.shape[1])), predicted, (), failed)
    stacked = torch.stack(list(x.values())).cpu()
    places = None if origin is None else torch.stack(list(origin.values())).numpy()
    return Candidates(stacked, np.stack(list(raw.values())), predicted, found.seeds, failed, places)


def _untried(run: Run, raw: dict[int, NDArray[Any]]) -> dict[int, Tensor] | None:
    """Replace, in place, candidates of a small space that repeat others or the data; where each stood before."""
    left = untried(run.encoded.raw_space, run.encoded.raw.numpy())
    if left is None:
        return None
    origin = {}
    for seed, designs in raw.items():
        found = proposed(designs, left, run.encoded.raw_space)
        text = remark(found, len(designs), left)
        run.watch.notes += [Note(seed, SEARCH, text)] if text else []
        raw[seed], origin[seed] = found.x, torch.from_numpy(found.origin)
    return origin


@hookimpl(trylast=True, specname="mbo_evaluate")
def evaluate(run: Run, candidates: Candidates) -> Scores:
    """Score each seed's candidates. A missing oracle gives no scores, but is not a failure."""
    scores: dict[int, Mapping[str, NDArray[np.float64] | Sequence[str]]] = {}
    failed: dict[int, str] = {}
    for seed, raw in zip(candidates.seeds, candidates.raw, strict=True) if run.task.oracle is not None else ():
        try:
            with foreign(f"the evaluation of {run.task.name}"):
                scores[seed] = run.recipe.evaluation.score(raw, run.task)
        except Exception as error:
            # Whatever a third party's oracle raises, the other seeds' scores are kept.
            failed[seed] = reason_of(error)
    return Scores(scores, failed)
