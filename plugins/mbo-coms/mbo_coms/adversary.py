"""The adversary of COMs: designs that climb the proxy from the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mbo_grad_ascent.ascent import ascend
from torch import Tensor

from mbo_core.stages import Adversary, Batch, Data, Key, Mined, Model, Moves, State, option


@dataclass(frozen=True, kw_only=True)
class DesignAscent(Adversary):
    """Moves each design of a batch by plain gradient steps up the proxy: the distribution mu of COMs.

    It keeps no state: each batch is mined from the data (released code; the paper's first version kept
    particles). Its operator is that of the update `gradient-ascent`; use the same step size and number of steps.
    """

    steps: int = option(50, "number of steps, T", at_least=0)
    step_size: float = option(0.05, "step before the factor sqrt(d), eta_0", at_least=0.0, discrete=2.0)
    entropy_weight: float = option(0.0, "weight of the distance between designs, c_ent; 0 in all published runs")

    name: ClassVar[str] = "design-ascent"
    moves: ClassVar[frozenset[Moves]] = frozenset({"designs"})

    def init(self, key: Key, data: Data) -> tuple[()]:
        """No state."""
        return ()

    def mine(self, key: Key, state: State, model: Model, start: Mined, batch: Batch) -> tuple[Mined, State]:
        """The moved designs, detached; the weights stay."""

        def slope(x: Tensor) -> Tensor:
            return model.input_gradient(start.params, x)

        x = ascend(slope, start.x, self.step_size, self.steps, self.entropy_weight, key, batch.project)
        return start._replace(x=x), state
