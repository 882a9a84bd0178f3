"""A proxy in ordinary PyTorch, whose state keeps of itself all, half or nothing."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from mbo_core.stages import Prediction, Proxy, Schedule


class Trained:
    """The state of a proxy in ordinary PyTorch."""

    def __init__(self, seed: int, inputs: int) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.net = nn.Linear(inputs, 1)
        self.optimiser = torch.optim.Adam(self.net.parameters(), lr=0.1)

    def state_dict(self):
        return {"net": self.net.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state_dict):
        self.net.load_state_dict(state_dict["net"])
        self.optimiser.load_state_dict(state_dict["optimiser"])


class Forgetful(Trained):
    """Leaves its weights out of what it keeps."""

    def state_dict(self):
        return {"optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state_dict):
        self.optimiser.load_state_dict(state_dict["optimiser"])


class Opaque:
    """Keeps nothing."""

    def __init__(self, seed: int, inputs: int) -> None:
        trained = Trained(seed, inputs)
        self.net, self.optimiser = trained.net, trained.optimiser


@dataclass(frozen=True, kw_only=True)
class Ordinary(Proxy):
    """A line in ordinary PyTorch."""

    keeps: str = "all"
    fails: bool = False

    name = "ordinary"
    lift = "loop"
    abilities = frozenset({"values", "gradients"})

    def schedule(self, data):
        return Schedule(epochs=2, batch_size=50)

    def init(self, key, data):
        made = {"all": Trained, "half": Forgetful, "nothing": Opaque}[self.keeps]
        return made(int(key[1]) % 2**31, data.x.shape[1])

    def step(self, key, state, batch):
        state.optimiser.zero_grad()
        loss = (state.net(batch.x).squeeze(1) - batch.y).square().mean()
        loss.backward()
        state.optimiser.step()
        return state, {"loss": loss.detach() * (torch.nan if self.fails else 1)}

    def predict(self, state, x):
        mean = state.net(x).squeeze(1)
        return Prediction(mean, torch.zeros_like(mean))
