"""A proxy reduced to the abilities that an update declares in `needs`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor

from mbo_core.runs.default import update_solution
from mbo_core.runs.records import Candidates
from mbo_core.stages.abilities import Ability, with_implied
from mbo_core.stages.contracts import Proxy
from mbo_core.stages.data import Prediction
from mbo_core.stages.options import options
from mbo_core.testing.case import Inapplicable, demand
from mbo_core.testing.mix import Mix

MEMBERS: dict[str, Ability] = {"step": "partial_fit", "predict_members": "members", "model": "params"}
"""A proxy's methods other than `predict`, with the ability that each needs."""


@dataclass
class RestrictedProxy:
    """Hides a proxy's undeclared abilities: gradients, standard deviation, further training, the size of a prediction.

    Attributes:
        proxy: the full proxy.
        allowed: the abilities that may be used.
        looked: whether `abilities` was read.
    """

    proxy: Proxy
    allowed: frozenset[Ability]
    looked: bool = False

    @property
    def abilities(self) -> frozenset[Ability]:
        """All abilities of the proxy; an update that reads them may use them."""
        self.looked, self.allowed = True, self.proxy.abilities
        return self.allowed

    def predict(self, state: Any, x: Tensor) -> Prediction:
        """Mean and standard deviation of (n, d) designs, as far as allowed."""
        self._allow("order", "predict")
        mean, std = self.proxy.predict(state, x if "gradients" in self.allowed else x.detach())
        # Doubled, which is exact, if only their order may matter.
        mean = mean if self.allowed - {"order", "partial_fit"} else 2 * mean
        return Prediction(mean, std if "uncertainty" in self.allowed else torch.zeros_like(std))

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name in MEMBERS:
            self._allow(MEMBERS[name], name)
        found: Callable[..., Any] = getattr(self.proxy, name)
        return found

    def _allow(self, ability: Ability, name: str) -> None:
        fact = f'it uses proxy.{name} without declaring "{ability}" in `needs`'
        demand(ability in self.allowed, fact, "add the ability to `needs`")


def needs(mix: Mix) -> None:
    """An update uses only the abilities that it declares in `needs`, or has looked up in `abilities`."""
    update, abilities = mix.recipe.update, mix.recipe.proxy.abilities
    allowed = with_implied(update.needs)
    if "proxy" not in options(type(update)) or allowed >= abilities:
        return
    whole, restricted = RestrictedProxy(mix.recipe.proxy, abilities), RestrictedProxy(mix.recipe.proxy, allowed)
    expected, found = _search(mix, whole), _search(mix, restricted)
    if not torch.equal(expected.x, mix.trial.candidates.x):
        raise Inapplicable("its designs differ from run to run; see the check `same-key`")
    if restricted.looked:
        raise Inapplicable("it reads the proxy's abilities, and may use any of them")
    hint = "declare in `needs` every ability that it uses, `gradients` included"
    demand(not found.failed, next(iter(found.failed.values()), ""), hint)
    fact = f"with a proxy that can do only {', '.join(sorted(update.needs)) or 'nothing'} its designs differ"
    demand(torch.equal(found.x, expected.x), fact, hint)


def _search(mix: Mix, proxy: RestrictedProxy) -> Candidates:
    update = replace(cast(Any, mix.recipe.update), proxy=proxy)
    return update_solution(replace(mix.trial.run, recipe=replace(mix.recipe, update=update)), mix.trial.trained)
