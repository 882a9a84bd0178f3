"""The update `transport`: a network is trained to move designs uphill, and moves the best ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor

from mbo_core.errors import TaskError
from mbo_core.functional import keys
from mbo_core.stages import CANDIDATES, Ability, Data, Info, Key, Update, check_starts, option, top
from mbo_root import functions
from mbo_root.bridge import earlier, examples
from mbo_root.functions import Pairs, Process
from mbo_root.net import Trainer, Training, Weights, apply, loss_of

FEWEST = 8
"""An epoch with fewer pairs trains nothing."""


class Bridges(NamedTuple):
    """The bridges from the starts to the candidates."""

    low: Tensor
    """(candidates, d) the starts"""
    conditions: Tensor
    """(candidates, 2) the score that is wanted, and that of the start"""
    at: Tensor
    """(candidates, d) the current points"""


class TransportState(NamedTuple):
    """The process of the functions, the network, and the bridges of the candidates."""

    x: Tensor
    """(candidates, d) the starts while the network is trained, then the estimated high ends, inside the space."""
    process: Process
    training: Training
    bridges: Bridges
    info: Info
    """Of the last epoch."""


@dataclass(frozen=True, kw_only=True)
class Transport(Update):
    """ROOT: many functions that agree with the data show a network how a low design becomes a high one.

    `epochs` steps train: functions are drawn, in each the best designs are moved down and up by gradient steps, and a
    network R learns to go back along a Brownian bridge from the low end to the high one. `steps` steps then move the
    best visible designs x_low. With the time t falling from 1 to 0, the scores c of both ends and the guidance w

    * `x_high = x_t - [(1 + w) R(x_t, t, c) - w R(x_t, t, 0)]` estimates the high end, which is the candidate;
    * `x_t` moves on along the bridge from `x_low` to it.

    The score that is wanted is that of the best visible design. The proxy is not asked.
    """

    candidates: int = option(CANDIDATES, "number of designs", at_least=1, share=1)
    epochs: int = option(100, "steps that train, each with new functions and one pass over their pairs", at_least=0)
    steps: int = option(200, "steps from the low end to the high one, after training", at_least=1)
    rows: int = option(
        2000,
        "number of rows that the functions are fitted to, all if fewer; else a tenth of them are the best, the others"
        " random",
        at_least=2,
    )
    functions: int = option(8, "functions per epoch", at_least=1)
    tune: bool = option(
        True, "lengthscale, variance and noise of the highest marginal likelihood, in place of those given"
    )
    lengthscale: float = option(1.0, "of the functions, in encoded coordinates, l0", above=0.0, discrete=6.25)
    variance: float = option(1.0, "of the functions, v0", above=0.0, discrete=6.25)
    noise: float = option(0.01, "variance of a row's score", above=0.0)
    spread: float = option(
        0.25, "both are multiplied by 1 + U(-spread, spread), drawn for each function", at_least=0.0, at_most=0.9,
        discrete=0.04,
    )  # fmt: skip
    points: int = option(1024, "number of the best rows from which pairs are made", at_least=1)
    pair_steps: int = option(100, "gradient steps down and up from each, M", at_least=1)
    step_size: float = option(1e-3, "of these plain steps, in encoded coordinates, eta", at_least=0.0, discrete=0.05)
    least_rise: float = option(1e-3, "a pair is kept if the score rises by more than this", at_least=0.0)
    validation: float = option(0.1, "share of an epoch's pairs that only measure the loss", at_least=0.0, at_most=0.5)
    dropped: float = option(0.15, "share of pairs whose scores are hidden from the network", at_least=0.0, at_most=1.0)
    hidden: tuple[int, ...] = option((1024, 1024, 1024), "width of each hidden layer", at_least=1)
    learning_rate: float = option(1e-3, "of Adam, at first", at_least=0.0)
    patience: int = option(200, "steps without a lower loss before the learning rate is halved", at_least=1)
    batch_size: int = option(128, "pairs per step of Adam; the released code adds up 2 batches of 64", at_least=1)
    average: float = option(
        0.995, "decay of the average of the weights, taken every 8 steps; 0 for none", at_least=0.0, at_most=1.0
    )
    average_from: int = option(4000, "step of Adam at which averaging begins", at_least=0)
    target: float = option(1.0, "score that is wanted, times the best visible one", at_least=0.0, at_most=1.0)
    guidance: float = option(0.0, "w; -1.5 in the released code, so that the scores hardly count")
    swapped: bool = option(False, "scores in the wrong order while designs are moved, as in the released code")
    randomness: float = option(0.2, "what the noise of a step is multiplied by, eta_s", at_least=0.0, at_most=1.0)

    name: ClassVar[str] = "transport"
    infos: ClassVar[Mapping[str, str]] = {
        "lengthscale": "of the functions, in encoded coordinates",
        "left_out": "number of rows that the functions are not fitted to",
        "loss": "the network's mean absolute error, over the last epoch",
        "validation_loss": "the same for pairs that it has not seen",
        "pairs": "number of pairs of the last epoch",
        "rise": "the mean rise of their scores",
        "learning_rate": "of Adam",
        "time": "of the bridge: 1 while the network is trained, then down to 0",
        "distance": "the candidates' mean distance from their starts",
        "few_pairs": "1 if the last epoch had too few pairs to train on",
    }
    notes: ClassVar[Mapping[str, str]] = {
        "left_out": "the functions were fitted to part of the rows: see the option rows",
        "few_pairs": "the search broke down: hardly a function rises along its gradient; step_size may be too small",
    }
    lift: ClassVar[Literal["vmap", "loop"]] = "loop"

    @property
    def needs(self) -> frozenset[Ability]:
        """Nothing."""
        return frozenset()

    def check(self, data: Data) -> None:
        """Refuse data with fewer rows than candidates, or a single row."""
        check_starts(data, self.candidates)
        if len(data.y) < 2:
            raise TaskError("the data have one row, and a transport needs two", "add rows of other designs")

    def length(self, data: Data) -> int:
        """The number of epochs and of steps after them."""
        return self.epochs + self.steps

    def init(self, key: Key, data: Data, proxy_state: Any) -> tuple[TransportState, Info]:
        """Fit the process, draw the weights, and take the best designs."""
        rows_key, net_key = keys.split(key)
        process = functions.process(rows_key, data, self.rows, self.lengthscale, self.variance, self.noise)
        process = functions.likeliest(process) if self.tune else process
        x, zero = top(data, self.candidates), torch.zeros_like(data.y[0])
        low = scores_of(x, data)
        bridges = Bridges(x, torch.stack([(self.target * data.y.amax()).expand_as(low), low], 1), x)
        info = dict.fromkeys(("loss", "validation_loss", "pairs", "rise", "few_pairs"), zero)
        found = {
            "lengthscale": process.lengthscale.float() * data.x.shape[1] ** 0.5,
            "left_out": zero + len(data.y) - len(process.rows.y),
        }
        return TransportState(x, process, self.trainer.init(net_key, data.x.shape[1]), bridges, info), found

    def step(self, key: Key, state: TransportState, data: Data, number: int) -> tuple[TransportState, Info]:
        """One epoch of training, or one step along the bridges."""
        time = 1.0
        if number < self.epochs:
            state = self._trained(key, state, data)
        else:
            time = 1 - (number - self.epochs + 1) / self.steps
            state = self._moved(key, state, data, number - self.epochs)
        distance = torch.linalg.vector_norm(state.x - state.bridges.low, dim=1).mean()
        rate = torch.full_like(distance, state.training.plateau.rate)
        now = {"learning_rate": rate, "time": torch.full_like(distance, time), "distance": distance}
        return state, {**state.info, **now}

    def designs(self, state: TransportState) -> Tensor:
        """The starts, and after training the estimated high ends."""
        return state.x

    @property
    def trainer(self) -> Trainer:
        """What trains the network."""
        return Trainer(self.hidden, self.learning_rate, self.batch_size, self.patience, self.average, self.average_from)

    def pairs(self, key: Key, process: Process, data: Data) -> Pairs:
        """The pairs of one epoch."""
        order = torch.sort(data.y, descending=True, stable=True).indices[: self.points]
        x, project = data.space.project(data.x[order]), data.space.project
        drawn = (functions.draw(each, process, self.spread, x.dtype) for each in keys.split(key, self.functions))
        made = [
            functions.pairs_of(each, x, self.step_size, self.pair_steps, self.least_rise, project) for each in drawn
        ]
        return functions.joined(made)

    def away(self, weights: Weights, bridges: Bridges, x: Tensor, time: float) -> Tensor:
        """How far points (candidates, d) are from the high ends, with the guidance."""
        conditions = bridges.conditions.flip(1) if self.swapped else bridges.conditions
        times = torch.full_like(x[:, 0], time)
        told = apply(weights, x, times, conditions)
        if not self.guidance:
            return told
        return (1 + self.guidance) * told - self.guidance * apply(weights, x, times, torch.zeros_like(conditions))

    def _trained(self, key: Key, state: TransportState, data: Data) -> TransportState:
        pair_key, example_key = keys.split(key)
        pairs = self.pairs(pair_key, state.process, data)
        count = len(pairs.y_low)
        info = {**state.info, "pairs": state.info["pairs"].new_tensor(float(count))}
        info["few_pairs"] = (info["pairs"] < FEWEST).to(info["pairs"].dtype)
        if count < FEWEST:
            return state._replace(info=info)
        seen, unseen = examples(example_key, pairs, self.dropped), max(1, int(self.validation * count))
        training, info["loss"] = self.trainer.fit(state.training, seen.part(slice(unseen, None)))
        info["validation_loss"] = loss_of(training.average, seen.part(slice(unseen)))
        info["rise"] = (pairs.y_high - pairs.y_low).mean()
        return state._replace(training=training, info=info)

    def _moved(self, key: Key, state: TransportState, data: Data, number: int) -> TransportState:
        weights, bridges = state.training.average, state.bridges
        time, then = (1 - place / self.steps for place in (number, number + 1))
        high = bridges.at - self.away(weights, bridges, bridges.at, time)
        noise = keys.normal(key, high.shape)
        at = earlier(bridges.at, high, bridges.low, time, then, noise, self.randomness)
        if number == self.steps - 1:
            high = at - self.away(weights, bridges, at, then)
        return state._replace(x=data.space.project(high), bridges=bridges._replace(at=at))


def scores_of(x: Tensor, data: Data) -> Tensor:
    """The visible score (n,) of each design x (n, d), or of its nearest row; the best of repeated rows."""
    order = torch.sort(data.y, descending=True, stable=True).indices
    near = torch.cdist(x, data.x[order], compute_mode="donot_use_mm_for_euclid_dist").argmin(1)
    return data.y[order[near]]
