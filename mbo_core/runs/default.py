"""The core's own way through the four hooks of a run; the runner registers this module as a plugin."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import vmap

from mbo_core.errors import MboError, described
from mbo_core.functional import batches, keys
from mbo_core.plugins.hookspecs import hookimpl
from mbo_core.runs.records import Candidates, Gap, Run, Scores, TrainedProxy
from mbo_core.runs.seeds import Mode, joined, lift, mode, select, unstack
from mbo_core.stages.contracts import Adversary, Batch, Data, Mined, WithParams

AUDIT_ROWS = 512
"""The most rows of data from which the audit lets the adversary start."""


def fold(stream: Tensor, number: int) -> Tensor:
    """The keys (seeds, 2) of step `number` of a stream."""
    return vmap(lambda key: keys.fold_in(key, number))(stream)


def check_data(run: Run) -> None:
    """Let the stages refuse data that they cannot work on, before any work.

    Raises:
        TaskError: with a hint.
    """
    schedule = run.recipe.proxy.schedule(run.data)
    if schedule.epochs:
        batches.check_rows(schedule, len(run.data.y))
    run.recipe.update.length(run.data)


def untrained(run: Run, how: Mode) -> Any:
    """The proxy's fresh state for each seed: stacked, or `PerSeed`."""
    proxy = run.recipe.proxy
    return run.lift(lambda data, key: proxy.init(key, data), how, "state")(fold(run.keys("proxy"), 0))


@hookimpl(trylast=True, specname="mbo_train_proxy")
def train_proxy(run: Run) -> TrainedProxy:
    """Train the proxy of each seed through the epochs of its schedule; a seed whose info is NaN fails."""
    proxy, data = run.recipe.proxy, run.data
    schedule, how = proxy.schedule(data), mode(run.recipe.proxy)
    draw, shuffle, steps = (fold(run.keys("proxy"), number) for number in range(1, 4))
    state = untrained(run, how)
    drawn = vmap(lambda key: batches.examples(key, len(data.y), schedule))(draw)
    parts = batches.slices(drawn.rows.shape[-1], schedule)
    advance = [_proxy_step(run, how, part) for part in parts]
    failed: dict[int, str] = {}
    run.watch.begin("train", len(parts) * schedule.epochs, run.seeds)
    for epoch in range(schedule.epochs):
        epoch_key = fold(shuffle, epoch)
        order = vmap(lambda key, rows: batches.shuffled(key, rows, schedule))(epoch_key, drawn)
        for number, step in enumerate(advance, start=epoch * len(parts)):
            state, info = step(fold(steps, number), state, order)
            run.watch.step(info)
        failed.update(run.watch.diverged("proxy training"))
        if len(failed) == len(run.seeds):
            break
    kept = [i for i, seed in enumerate(run.seeds) if seed not in failed]
    return TrainedProxy(select(state, kept), tuple(run.seeds[i] for i in kept), failed)


def _proxy_step(run: Run, how: Any, part: slice) -> Callable[..., Any]:
    proxy = run.recipe.proxy

    def step(data: Data, key: Tensor, state: Any, order: batches.Examples) -> Any:
        return proxy.step(key, state, batches.take(data, order, part))

    return run.lift(step, how, "state", "tensors")


@hookimpl(trylast=True, specname="mbo_mine_adversary")
def mine_adversary(run: Run, proxy: TrainedProxy) -> Gap:
    """Start the adversary from rows of the data, for each seed, and measure what it gains."""
    adversary, stage, kept = run.recipe.adversary, run.recipe.proxy, run.only(proxy.seeds)
    if not adversary.moves or not isinstance(stage, WithParams):
        return Gap(dict.fromkeys(proxy.seeds, 0.0))

    def audit(data: Data, key: Tensor, state: Any) -> Tensor:
        rows = keys.permutation(keys.fold_in(key, 0), len(data.y))[:AUDIT_ROWS]
        batch = Batch(data.x[rows], data.y[rows], torch.ones_like(data.y[rows]))
        return _opened(adversary, stage, keys.fold_in(key, 1), state, batch, data)

    gaps = kept.lift(audit, mode(adversary, stage), "tensors")(kept.keys("audit"), proxy.state)
    return Gap(dict(zip(proxy.seeds, gaps.tolist(), strict=True)))


def _opened(adversary: Adversary, proxy: WithParams, key: Tensor, state: Any, batch: Batch, data: Data) -> Tensor:
    model, start = proxy.model(), Mined(state.params, batch.x)
    mined, _ = adversary.mine(keys.fold_in(key, 1), adversary.init(key, data), model, start, batch)
    if "designs" in adversary.moves:
        after, before = model.predict(mined.params, mined.x), model.predict(state.params, batch.x)
        return (after.mean - before.mean).mean()
    return model.loss(mined.params, batch) - model.loss(state.params, batch)


@hookimpl(trylast=True, specname="mbo_update_solution")
def update_solution(run: Run, proxy: TrainedProxy) -> Candidates:
    """Take the update's steps for each seed, and decode its designs; a seed with designs not finite fails."""
    run = run.only(proxy.seeds)
    update = run.recipe.update
    how = mode(update, run.recipe.proxy)
    init, steps = (fold(run.keys("update"), number) for number in range(2))
    length = update.length(run.data)
    # Some searches train a model of the data first, which takes long.
    run.watch.report("prepare the search", 0, 1)
    state = run.lift(lambda data, key, trained: update.init(key, data, trained), how, "state")(init, proxy.state)
    run.watch.report("prepare the search", 1, 1)
    run.watch.begin("search", length, run.seeds)
    advance = run.lift(lambda data, key, state: update.step(key, state, data), how, "state", "tensors")
    for number in range(length):
        state, info = advance(fold(steps, number), state)
        run.watch.step(info)
    failed = dict(run.watch.diverged("the search"))
    x = lift(update.designs, how, "tensors")(state)
    failed.update({seed: "designs are not finite" for seed, each in zip(run.seeds, x, strict=True) if _lost(each)})
    kept = [i for i, seed in enumerate(run.seeds) if seed not in failed]
    return _decoded(run.only([run.seeds[i] for i in kept]), x[kept], select(proxy.state, kept), failed)


def _lost(x: Tensor) -> bool:
    return not bool(torch.isfinite(x).all())


def _decoded(run: Run, x: Tensor, state: Any, failed: Mapping[int, str]) -> Candidates:
    raw = [run.encoded.decode(each, position).numpy() for position, each in enumerate(x)]
    predicted = None
    if "values" in run.recipe.proxy.abilities and run.seeds:
        each = [run.recipe.proxy.predict(one, designs).mean for one, designs in zip(unstack(state), x, strict=True)]
        predicted = run.encoded.scores.raw(torch.stack(each).detach()).numpy()
    stacked = np.stack(raw) if raw else np.zeros((0, 0, run.task.space.length))
    return Candidates(x.cpu(), stacked, predicted, run.seeds, failed)


@hookimpl(trylast=True, specname="mbo_evaluate")
def evaluate(run: Run, candidates: Candidates) -> Scores:
    """Score each seed's candidates; without an oracle there are no scores, and that is no failure."""
    values: dict[str, dict[int, NDArray[np.float64]]] = {}
    failed: dict[int, str] = {}
    texts: dict[str, dict[int, Sequence[str]]] = {}
    if run.task.oracle is None:
        return Scores(values, failed)
    for seed, raw in zip(candidates.seeds, candidates.raw, strict=True):
        try:
            scores = run.recipe.evaluation.score(torch.from_numpy(raw), run.task)
        except Exception as error:
            # Whatever a third party's oracle raises, the other seeds' scores are kept.
            failed[seed] = described(error)
            continue
        for name, score in scores.items():
            if isinstance(score, Tensor):
                values.setdefault(name, {})[seed] = score.numpy()
            else:
                texts.setdefault(name, {})[seed] = score
    return Scores(values, failed, texts)


def trained_by(run: Run) -> TrainedProxy:
    """The trained proxies of all seeds; the hook is called again for those that an answer leaves out.

    Raises:
        MboError: if an answer is for none of the seeds that were asked for.
    """
    answers: list[TrainedProxy] = []
    left = run.seeds
    while left:
        answer = run.hooks.hook.mbo_train_proxy(run=run.only(left))
        done = {*answer.seeds, *answer.failed}
        if not done & set(left):
            raise MboError("mbo_train_proxy answered for none of the seeds", "return None to leave them to others")
        answers.append(answer)
        left = tuple(seed for seed in left if seed not in done)
    return answers[0] if len(answers) == 1 else _one_of(run, answers)


def _one_of(run: Run, answers: Sequence[TrainedProxy]) -> TrainedProxy:
    by_seed = {
        seed: state for answer in answers for seed, state in zip(answer.seeds, unstack(answer.state), strict=True)
    }
    seeds = tuple(seed for seed in run.seeds if seed in by_seed)
    state = joined([by_seed[seed] for seed in seeds], mode(run.recipe.proxy))
    failed = {seed: reason for answer in answers for seed, reason in answer.failed.items()}
    cached = tuple(seed for answer in answers for seed in answer.cached)
    return TrainedProxy(state, seeds, failed, cached)
