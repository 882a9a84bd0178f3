"""A policy over designs that climbs the proxy's score by the likelihood-ratio gradient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor
from torch.func import grad

from mbo_core.functional import keys
from mbo_core.functional.optim import Adam, AdamState
from mbo_core.stages import CANDIDATES, Ability, Data, EncodedSpace, Info, Key, Proxy, Update, option, stage_option, top
from mbo_reinforce.policy import Categorical, Normal, Policy

ROUNDING = 1e-6
"""Relative difference of rewards that is within the rounding of float32."""


class ReinforceState(NamedTuple):
    """The candidates, the policy with its optimiser's moments, and the trained proxy that gives rewards."""

    x: Tensor
    """(candidates, d) draws of the policy."""
    policy: Tensor
    """psi: the means (d,), or the logits (L, K)."""
    optimiser: AdamState
    proxy: Any


@dataclass(frozen=True, kw_only=True)
class Reinforce(Update):
    """A distribution pi over designs, moved towards draws with above-average predicted scores.

    Williams, "Simple statistical gradient-following algorithms for connectionist reinforcement learning", Machine
    Learning 8, 1992, with the proxy's mean as reward R, as in Design-Bench (arXiv:2202.08450). Each step draws
    x_1..x_n from pi, takes the advantages `a_j = (R(x_j) - mean R) / std R`, and lets Adam climb::

        grad J = (1/n) sum_j a_j * grad log pi(x_j)

    One-hot designs have an independent category at each position, all others independent normal coordinates whose
    std stays. Only the proxy's mean is used; it is neither differentiated nor changed.
    """

    proxy: Proxy = stage_option("the proxy whose mean is the reward")
    candidates: int = option(CANDIDATES, "number of designs, drawn from the policy with its noise", at_least=1, share=1)
    starts: int = option(
        128, "number of best designs, or all if there are fewer, to which the policy is first fitted", at_least=1
    )
    iterations: int = option(200, "number of steps", at_least=0)
    samples: int = option(2048, "draws of the policy per step, n; 256 on discrete designs", at_least=2)
    learning_rate: float = option(0.01, "of Adam on the policy; 0.1 on Hopper, 1.0 on ChEMBL", at_least=0.0)
    exploration_std: float = option(0.1, "of each normal coordinate, s; it never shrinks", above=0.0)
    smoothing: float = option(
        0.0,
        "share of each position's first probabilities that is spread over all tokens; the released code has none, so"
        " that a token missing from the best designs at a position is never drawn there",
        at_least=0.0,
        at_most=1.0,
    )
    discrete_gradient: Literal["reinforce", "as-published"] = option(
        "reinforce",
        "of categorical policies; a broadcast in the released code makes it 0, so that the published discrete scores"
        " are those of the policy's start",
    )

    name: ClassVar[str] = "reinforce"
    infos: ClassVar[Mapping[str, str]] = {
        "predicted": "the mean predicted score of the step's samples",
        "best": "the largest predicted score of the samples",
        "spread": "the standard deviation of the samples' predicted scores",
        "gradient_norm": "the norm of the policy's gradient",
        "entropy": "the entropy of the policy, before the step",
    }

    @property
    def needs(self) -> frozenset[Ability]:
        """An order, no gradients; rewards are standardised."""
        return frozenset({"order"})

    def length(self, data: Data) -> int:
        """The number of steps."""
        return self.iterations

    def init(self, key: Key, data: Data, proxy_state: Any) -> ReinforceState:
        """The policy that fits the best designs, and draws of it."""
        policy = self.policy(data.space)
        params = policy.start(top(data, self.starts))
        x = data.space.project(policy.sample(key, params, self.candidates))
        return ReinforceState(x, params, self._adam.init(params), proxy_state)

    def step(self, key: Key, state: ReinforceState, data: Data, number: int) -> tuple[ReinforceState, Info]:
        """Draw, reward and climb; the candidates are fresh draws of the policy."""
        sample_key, draw_key = keys.split(key)
        policy = self.policy(data.space)
        x = policy.sample(sample_key, state.policy, self.samples)
        # Detached, as the weights of a torch module require gradients.
        reward = self.proxy.predict(state.proxy, data.space.project(x)).mean.detach()
        slope = self.slope(policy, state.policy, x, advantages(reward))
        params, optimiser = self._adam.step(state.policy, -slope, state.optimiser)
        info = {
            "predicted": reward.mean(),
            "best": reward.amax(),
            "spread": reward.std(correction=0),
            "gradient_norm": torch.linalg.vector_norm(slope),
            "entropy": policy.entropy(state.policy),
        }
        drawn = data.space.project(policy.sample(draw_key, params, self.candidates))
        return ReinforceState(drawn, params, optimiser, state.proxy), info

    def designs(self, state: ReinforceState) -> Tensor:
        """Draws of the policy."""
        return state.x

    def policy(self, space: EncodedSpace) -> Policy:
        """Categories for one-hot rows, else normal coordinates."""
        if space.representation == "one-hot":
            length, classes = space.shape
            return Categorical(length, classes, self.smoothing)
        return Normal(self.exploration_std)

    def slope(self, policy: Policy, params: Tensor, x: Tensor, advantage: Tensor) -> Tensor:
        """The estimate of grad J, shaped like params, from samples (n, d) and their advantages (n,)."""
        if self.discrete_gradient == "as-published" and isinstance(policy, Categorical):
            # The released code multiplies log-likelihoods (n, 1, L), not yet summed over positions, by advantages
            # (n, 1) to (n, n, L): every advantage meets every sample, and the mean is mean(log pi) * mean(a) = 0.
            return torch.zeros_like(params)
        found: Tensor = grad(lambda moved: terms(policy, moved, x, advantage).mean())(params)
        return found

    @property
    def _adam(self) -> Adam:
        return Adam(self.learning_rate)


def terms(policy: Policy, params: Tensor, x: Tensor, advantage: Tensor) -> Tensor:
    """a_j * log pi(x_j), one number a sample, (n,): the gradient of their mean is that of J."""
    return advantage * policy.log_likelihood(params, x)


def advantages(reward: Tensor) -> Tensor:
    """Rewards (n,) with mean 0 and population standard deviation 1; all 0 if they are equal up to rounding.

    >>> advantages(torch.tensor([1.0, 3.0]))
    tensor([-1.,  1.])
    >>> advantages(torch.tensor([0.1, 0.1, 0.1]))
    tensor([0., 0., 0.])
    """
    spread = reward.amax() - reward.amin()
    equal = spread <= ROUNDING * reward.abs().amax()
    # The released code divides 0 by 0 there.
    std = torch.where(equal, torch.ones_like(spread), reward.std(correction=0))
    return torch.where(equal, torch.zeros_like(reward), (reward - reward.mean()) / std)
