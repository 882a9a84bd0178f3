"""What autofocusing asks of the search that it wraps: a density to compare with the data's."""

from __future__ import annotations

from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from torch import Tensor

from mbo_core.stages import Data, Key, State

LatentSource: TypeAlias = Literal["prior", "encoder"]
"""Where a search model with latents takes that of a visible design from, to compare densities.

* `prior`: a draw of N(0, I), unrelated to the design.
* `encoder`: a draw of the posterior that the prior model's encoder gives for the design.
"""


@runtime_checkable
class WithDensity(Protocol):
    """An update whose search model q has a density relative to the model p of the data from which it started."""

    def log_density_ratio(self, key: Key, state: Any, data: Data, source: LatentSource) -> Tensor:
        """The log of q(x) / p(x) at each visible design, (N,): 0 before the first step.

        A model without latents spends no key and ignores `source`.
        """

    def with_proxy(self, state: Any, proxy_state: State) -> State:
        """The update's state with another state of its proxy."""
