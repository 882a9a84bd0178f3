"""The contract of a search that autofocusing can wrap: a density to compare with the data's."""

from __future__ import annotations

from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from torch import Tensor

from mbo_core.stages import Data, Key, State

LatentSource: TypeAlias = Literal["prior", "encoder"]
"""The source of a visible design's latent when densities are compared.

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
        """The update's state with the proxy's state replaced."""
