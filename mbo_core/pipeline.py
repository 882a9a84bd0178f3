"""A run of one recipe on one task for a group of seeds, and the core's own way through its four hooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import vmap

from mbo_core import batches, keys
from mbo_core.build import Recipe
from mbo_core.encoding import Encoded
from mbo_core.errors import MboError
from mbo_core.plugins import Registry, installed
from mbo_core.seeds import Mode, Returns, lift, mode, select, unstack
from mbo_core.stages import Adversary, Batch, Data, Mined, WithWeights
from mbo_core.task import Task
from mbo_core.watch import Watch

STREAMS = ("encoding", "proxy", "audit", "update")
"""Each stage draws from a stream of its own, so that exchanging one leaves the randomness of the others."""

AUDIT_ROWS = 512
"""The most rows of data from which the audit lets the adversary start."""


@dataclass(frozen=True)
class Run:
    """What the hooks are given.

    Attributes:
        recipe: the resolved recipe with its stages.
        task: the task; its oracle is for evaluation only.
        encoded: the task as the stages see it.
        seeds: the seeds of this group.
        watch: where progress and infos go.
        registry: what is installed: who offers a stage, and the hooks.
        folder: where the run is stored, or None; a plugin may add files of its own.
    """

    recipe: Recipe
    task: Task
    encoded: Encoded
    seeds: tuple[int, ...]
    watch: Watch = field(default_factory=Watch)
    registry: Registry = field(default_factory=installed)
    folder: Path | None = None

    @property
    def data(self) -> Data:
        """The encoded data, x (N, d) and y (N,), as the first seed sees them; see `lift` for each seed's own."""
        return self.encoded.first

    def keys(self, stream: str) -> Tensor:
        """One key a seed for a stage, (seeds, 2)."""
        return stream_keys(self.seeds, stream, self.encoded.y.device)

    def only(self, seeds: Sequence[int]) -> Run:
        """The run of some of the seeds."""
        encoded = self.encoded.only([self.seeds.index(seed) for seed in seeds])
        return replace(self, seeds=tuple(seeds), encoded=encoded)

    def lift(self, function: Callable[..., Any], how: Mode, *returns: Returns) -> Callable[..., Any]:
        """A function of one seed's data and more, as a function of the rest for all seeds; see `seeds.lift`."""
        encoded = self.encoded
        if not encoded.encoding.seeded:
            return lift(partial(function, encoded.first), how, *returns)

        def with_own(x: Tensor, lower: Tensor, upper: Tensor, *arguments: Any) -> Any:
            return function(encoded.own(x, lower, upper), *arguments)

        lifted = lift(with_own, how, *returns)
        return partial(lifted, encoded.x, encoded.space.lower, encoded.space.upper)


@dataclass(frozen=True)
class TrainedProxy:
    """The proxies of the seeds whose training did not fail.

    Attributes:
        state: their states, stacked (or `Each`).
        seeds: which seeds they are.
        failed: why the others failed.
        cached: those of them that were not trained now.
    """

    state: Any
    seeds: tuple[int, ...]
    failed: Mapping[int, str]
    cached: tuple[int, ...] = ()


@dataclass(frozen=True)
class Gap:
    """How far the adversary moves the trained proxy, by seed: in predicted scores if it moves designs, else in loss.

    Standardised units; positive where the adversary found the proxy wanting, 0 with the adversary `none`.
    """

    values: Mapping[int, float]


@dataclass(frozen=True)
class Solution:
    """The candidates.

    Attributes:
        x: (seeds, candidates, d) encoded, on the processor.
        raw: (seeds, candidates, length) as the oracle takes them.
        predicted: (seeds, candidates) raw scores that the proxy expects, or None without the ability `values`.
        seeds: whose they are.
        failed: why the other seeds failed.
    """

    x: Tensor
    raw: NDArray[Any]
    predicted: NDArray[np.float64] | None
    seeds: tuple[int, ...]
    failed: Mapping[int, str]


@dataclass(frozen=True)
class Scores:
    """Scores by name and seed, (candidates,) each; `failed` says why a seed has none; `texts` are told beside them."""

    values: Mapping[str, Mapping[int, NDArray[np.float64]]]
    failed: Mapping[int, str]
    texts: Mapping[str, Mapping[int, Sequence[str]]] = field(default_factory=dict)


def stream_keys(seeds: Sequence[int], stream: str, device: torch.device | str) -> Tensor:
    """One key a seed for a stage, (seeds, 2)."""
    index = STREAMS.index(stream)
    return torch.stack([keys.fold_in(keys.key(seed, device), index) for seed in seeds])


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
    """The proxy's fresh state for each seed: stacked, or `Each`."""
    proxy = run.recipe.proxy
    return run.lift(lambda data, key: proxy.init(key, data), how, "state")(fold(run.keys("proxy"), 0))


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


def mine_adversary(run: Run, proxy: TrainedProxy) -> Gap:
    """Start the adversary from rows of the data, for each seed, and measure what it gains."""
    adversary, stage, kept = run.recipe.adversary, run.recipe.proxy, run.only(proxy.seeds)
    if not adversary.moves or not isinstance(stage, WithWeights):
        return Gap(dict.fromkeys(proxy.seeds, 0.0))

    def audit(data: Data, key: Tensor, state: Any) -> Tensor:
        rows = keys.permutation(keys.fold_in(key, 0), len(data.y))[:AUDIT_ROWS]
        batch = Batch(data.x[rows], data.y[rows], torch.ones_like(data.y[rows]))
        return _opened(adversary, stage, keys.fold_in(key, 1), state, batch, data)

    gaps = kept.lift(audit, mode(adversary, stage), "tensors")(kept.keys("audit"), proxy.state)
    return Gap(dict(zip(proxy.seeds, gaps.tolist(), strict=True)))


def _opened(adversary: Adversary, proxy: WithWeights, key: Tensor, state: Any, batch: Batch, data: Data) -> Tensor:
    model, start = proxy.model(), Mined(state.params, batch.x)
    mined, _ = adversary.mine(keys.fold_in(key, 1), adversary.init(key, data), model, start, batch)
    if "designs" in adversary.moves:
        after, before = model.predict(mined.params, mined.x), model.predict(state.params, batch.x)
        return (after.mean - before.mean).mean()
    return model.loss(mined.params, batch) - model.loss(state.params, batch)


def update_solution(run: Run, proxy: TrainedProxy) -> Solution:
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


def _decoded(run: Run, x: Tensor, state: Any, failed: Mapping[int, str]) -> Solution:
    raw = [run.encoded.decode(each, position).numpy() for position, each in enumerate(x)]
    predicted = None
    if "values" in run.recipe.proxy.abilities and run.seeds:
        each = [run.recipe.proxy.predict(one, designs).mean for one, designs in zip(unstack(state), x, strict=True)]
        predicted = run.encoded.scores.raw(torch.stack(each).detach()).numpy()
    stacked = np.stack(raw) if raw else np.zeros((0, 0, run.task.space.length))
    return Solution(x.cpu(), stacked, predicted, run.seeds, failed)


def evaluate(run: Run, designs: Solution) -> Scores:
    """Score each seed's candidates; without an oracle there are no scores, and that is no failure."""
    values: dict[str, dict[int, NDArray[np.float64]]] = {}
    failed: dict[int, str] = {}
    texts: dict[str, dict[int, Sequence[str]]] = {}
    if run.task.oracle is None:
        return Scores(values, failed)
    for seed, raw in zip(designs.seeds, designs.raw, strict=True):
        try:
            scores = run.recipe.evaluation.score(torch.from_numpy(raw), run.task)
        except Exception as error:
            # Whatever a third party's oracle raises, the other seeds' scores are kept.
            failed[seed] = error.message if isinstance(error, MboError) else f"{type(error).__name__}: {error}"
            continue
        for name, score in scores.items():
            if isinstance(score, Tensor):
                values.setdefault(name, {})[seed] = score.numpy()
            else:
                texts.setdefault(name, {})[seed] = score
    return Scores(values, failed, texts)
