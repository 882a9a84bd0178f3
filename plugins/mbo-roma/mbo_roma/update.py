"""The update of RoMA: the proxy is re-tuned at the candidates before each of their steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal, NamedTuple, cast

import torch
from torch import Tensor
from torch.func import grad, vmap

from mbo_core.functional.nets import gaussian_nll
from mbo_core.functional.optim import Adam, AdamState
from mbo_core.stages import (
    CANDIDATES,
    Ability,
    Data,
    Info,
    Key,
    Model,
    Params,
    Prediction,
    Proxy,
    Update,
    WithParams,
    check_starts,
    option,
    stage_option,
    top,
)
from mbo_roma.ball import Ball


class AdaptationState(NamedTuple):
    """The candidates, their earlier predictions, and the trained proxy."""

    x: Tensor
    """(candidates, d)"""
    target: Tensor
    """(candidates,) targets of the next adapted proxy, y_prev"""
    base: Tensor
    """(candidates,) the trained proxy's predictions at the starts, b"""
    moments: AdamState | tuple[()]
    """Adam's on the candidates, kept over all steps; nothing under plain ascent"""
    proxy: Any
    """the trained proxy's state, never changed"""


@dataclass(frozen=True, kw_only=True)
class LocalAdaptation(Update):
    """The best designs in the data climb a proxy that is re-tuned to be flat at them before each step.

    Yu, Ahn, Song and Shin, "RoMA", NeurIPS 2021 (arXiv:2110.14188), stage 2. In step t, with the trained weights
    theta, the candidates x_i and their targets t_i:

    * `theta_t` descends, from theta and within the ball B_eps(theta) (see `mbo_roma.ball.Ball`),
      `L = mean_i ||grad_x f(x_i; theta')|| + alpha * mean_i consistency(f(x_i; theta'), t_i)`    (2)
    * each x_i takes a step against the gradient of `J_i = -f(x_i; theta_t) + (f(x_i; theta_t) - b_i)^2 / (2 R)`, which
      is `-(1 - gain_i / R) * grad_x f`: it fades as the predicted gain over the start nears R, and turns beyond    (3)
    * `t_i = f(x_i; theta_t)` at the new x_i.

    The defaults are those of the released code. It deviates from the paper, whose forms are options here, in the
    consistency (a likelihood for a squared error), the adaptation (one theta_t for all candidates, so that they
    depend on each other), the ascent (Adam), the cap (the paper has none), the first targets (the labels of the
    starts) and the tensors that move (biases too). In both, the search for theta_t is a fixed number of normalised
    steps, not a minimum.
    """

    proxy: Proxy = stage_option("the proxy to re-tune and climb")
    candidates: int = option(CANDIDATES, "number of designs, M", at_least=1, share=1)
    steps: int = option(500, "number of design steps, T", at_least=0)
    step_size: float = option(3e-3, "of a design step, eta; 2e-3 in latents", at_least=0.0, discrete=1e-2)
    ascent: Literal["adam", "plain"] = option(
        "adam", 'how designs move: by Adam as in the released code, or by "plain" gradient steps as in the paper'
    )
    radius: float = option(
        5e-3, "of the ball, relative to each tensor's norm, epsilon; 0 leaves the proxy as trained", at_least=0.0
    )
    adaptation_steps: int = option(100, "number of weight steps before each design step", at_least=0)
    adaptation: Literal["shared", "per-candidate"] = option(
        "shared", 'one adapted proxy for all, as in the released code, or one "per-candidate" as in the paper'
    )
    consistency: Literal["nll", "squared"] = option(
        "nll", 'negative log-likelihood of the target as in the released code, or "squared" error as in the paper'
    )
    consistency_weight: float = option(1.0, "of the consistency, alpha", at_least=0.0)
    biases: bool = option(
        True, "move every tensor with a leading dimension above 1, biases too (released code); else only matrices"
    )
    gain_cap: float | Literal["none"] = option(
        4.0, 'predicted gain, in stds of the scores, at which ascent stops, R; the paper has "none"', above=0.0
    )
    first_target: Literal["labels", "prediction"] = option(
        "labels", 'scores of the starts in the data as in the released code, or their "prediction" as in the paper'
    )

    name: ClassVar[str] = "local-adaptation"
    infos: ClassVar[Mapping[str, str]] = {
        "loss": "the loss L at the adapted weights, the mean over candidates",
        "gradient_norm_before": "the mean norm of the input gradient, before adapting",
        "gradient_norm_after": "the same after adapting",
        "gain": "the mean predicted gain f(x) - b",
        "beyond_cap": "the share of candidates whose gain is beyond the cap",
        "displacement": "the largest relative displacement of a tensor of weights, at most the radius",
    }

    @property
    def needs(self) -> frozenset[Ability]:
        """Weights to move; scores for a cap or first targets in their units; an uncertainty for a likelihood."""
        needed: set[Ability] = {"gradients", "params"}
        needed.add("order" if (self.gain_cap, self.first_target) == ("none", "prediction") else "values")
        return frozenset(needed | {"uncertainty"} if self.consistency == "nll" else needed)

    def check(self, data: Data) -> None:
        """Refuse data with fewer rows than candidates."""
        check_starts(data, self.candidates)

    def length(self, data: Data) -> int:
        """The number of design steps."""
        return self.steps

    def init(self, key: Key, data: Data, proxy_state: Any) -> AdaptationState:
        """The best designs in the data."""
        x = top(data, self.candidates)
        base = self._model(proxy_state).predict(proxy_state.params, x).mean
        labels = torch.sort(data.y, descending=True, stable=True).values[: self.candidates]
        target = labels if self.first_target == "labels" else base
        return AdaptationState(x, target, base, self._adam.init(x) if self.ascent == "adam" else (), proxy_state)

    def step(self, key: Key, state: AdaptationState, data: Data, number: int) -> tuple[AdaptationState, Info]:
        """Adapt the trained weights at the candidates, move the candidates, and predict the next targets.

        The info is of the candidates before they move.
        """
        adapted = self.adapt(state)

        def descend(x: Tensor) -> tuple[Tensor, Tensor]:
            means = self.means(state, adapted, x)
            return capped(means - state.base, self._cap).sum(), means

        slope, means = grad(descend, has_aux=True)(state.x)
        free, moments = self._moved(state, slope)
        x = data.space.project(free)
        moved = state._replace(x=x, target=self.means(state, adapted, x), moments=moments)
        return moved, self._info(state, adapted, means - state.base)

    def designs(self, state: AdaptationState) -> Tensor:
        """The current candidates."""
        return state.x

    def adapt(self, state: AdaptationState) -> Params:
        """The weights theta_t, a nest like the trained ones; per candidate, with a leading axis (candidates, ...)."""
        model = self._model(state.proxy)

        def adapt(params: Params, x: Tensor, target: Tensor) -> Params:
            return self._ball.descend(lambda moved: self._loss(model, moved, x, target)[0], params)

        return self._lifted(adapt, None)(state.proxy.params, state.x, state.target)

    def means(self, state: AdaptationState, adapted: Params, x: Tensor) -> Tensor:
        """The prediction of the adapted proxy, or of each candidate's own: (candidates, d) to (candidates,)."""
        model = self._model(state.proxy)
        predict = self._lifted(lambda params, x: model.predict(params, x).mean, 0)
        predicted: Tensor = predict(adapted, x)
        return predicted.reshape(-1)

    def _model(self, proxy_state: Any) -> Model:
        return cast(WithParams, self.proxy).model(proxy_state)

    @property
    def _ball(self) -> Ball:
        return Ball(self.radius, self.adaptation_steps, self.biases, members="members" in self.proxy.abilities)

    @property
    def _adam(self) -> Adam:
        return Adam(self.step_size)

    @property
    def _cap(self) -> float:
        return math.inf if self.gain_cap == "none" else self.gain_cap

    def _lifted(self, function: Callable[..., Any], params_axis: int | None) -> Callable[..., Any]:
        """A function of (params, rows...) for all candidates: at once, or candidate by candidate."""
        if self.adaptation == "shared":
            return function

        def alone(params: Params, *rows: Tensor) -> Any:
            return function(params, *(row[None] for row in rows))

        return lambda params, *rows: vmap(alone, in_dims=(params_axis, *(0 for _ in rows)))(params, *rows)

    def _loss(self, model: Model, params: Params, x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """L and the mean norm of the input gradient, both (), of equation (2)."""
        slopes, prediction = _slopes(model, params, x)
        # The small number avoids the root's derivative at 0, which is infinite.
        norm = (slopes.square().sum(1) + 1e-12).sqrt().mean()
        return norm + self.consistency_weight * self._consistency(prediction, target), norm

    def _consistency(self, prediction: Prediction, target: Tensor) -> Tensor:
        squared = self.consistency == "squared"
        rows = (prediction.mean - target) ** 2 if squared else gaussian_nll(prediction, target)
        return rows.mean()

    def _moved(self, state: AdaptationState, slope: Tensor) -> tuple[Tensor, AdamState | tuple[()]]:
        if isinstance(state.moments, AdamState):
            return self._adam.step(state.x, slope, state.moments)
        return state.x - self.step_size * slope, ()

    def _info(self, state: AdaptationState, adapted: Params, gain: Tensor) -> Info:
        trained, rows = state.proxy.params, (state.x, state.target)
        loss_of = partial(self._loss, self._model(state.proxy))
        _, before = self._lifted(loss_of, None)(trained, *rows)
        loss, after = self._lifted(loss_of, 0)(adapted, *rows)
        moved = self._lifted(lambda params, _: self._ball.displacement(trained, params), 0)(adapted, state.x)
        return {
            "loss": loss.mean(),
            "gradient_norm_before": before.mean(),
            "gradient_norm_after": after.mean(),
            "gain": gain.mean(),
            "beyond_cap": (gain > self._cap).to(gain.dtype).mean(),
            "displacement": moved.amax(),
        }


def capped(gain: Tensor, cap: float) -> Tensor:
    """The objective of a candidate, J - b up to its sign: `-gain + gain^2 / (2 cap)`, (n,) to (n,); least at the cap.

    >>> capped(torch.tensor([1.0, 4.0, 6.0]), 4.0)
    tensor([-0.8750, -2.0000, -1.5000])
    """
    return gain.square() / (2 * cap) - gain


def _slopes(model: Model, params: Params, x: Tensor) -> tuple[Tensor, Prediction]:
    """The gradient of each design's predicted mean, (n, d), and the prediction, by one pass forward and back."""

    def total(x: Tensor) -> tuple[Tensor, Prediction]:
        prediction = model.predict(params, x)
        # A design's mean depends on that design only, so the gradient of the sum holds the gradient of each.
        return prediction.mean.sum(), prediction

    slopes: tuple[Tensor, Prediction] = grad(total, has_aux=True)(x)
    return slopes
