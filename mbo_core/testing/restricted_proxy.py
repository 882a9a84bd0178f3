"""A proxy that has only the abilities that an update needs, by its own word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor

from mbo_core.runs.default import update_solution
from mbo_core.runs.records import Candidates
from mbo_core.stages.contracts import Ability, Prediction, Proxy
from mbo_core.stages.options import options
from mbo_core.testing.case import Inapplicable, demand
from mbo_core.testing.mix import Mix

MEMBERS: dict[str, Ability] = {"step": "partial_fit", "predict_members": "members", "model": "params"}
"""What can be asked of a proxy by the ability that it takes, beside to predict."""


@dataclass
class RestrictedProxy:
    """Hides a proxy's other abilities: no slope, no spread, no further step, where they are not needed.

    Attributes:
        proxy: what is asked.
        allowed: the abilities that may be used.
        looked: whether anyone asked which abilities there are.
    """

    proxy: Proxy
    allowed: frozenset[Ability]
    looked: bool = False

    @property
    def abilities(self) -> frozenset[Ability]:
        """All that the proxy can do; who looks may use what is there."""
        self.looked, self.allowed = True, self.proxy.abilities
        return self.allowed

    def predict(self, state: Any, x: Tensor) -> Prediction:
        """Mean and standard deviation of (n, d) designs, as far as they may be known."""
        self._allow("values", "predict")
        mean, std = self.proxy.predict(state, x if "gradients" in self.allowed else x.detach())
        return Prediction(mean, std if "uncertainty" in self.allowed else torch.zeros_like(std))

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name in MEMBERS:
            self._allow(MEMBERS[name], name)
        found: Callable[..., Any] = getattr(self.proxy, name)
        return found

    def _allow(self, ability: Ability, name: str) -> None:
        fact = f'it uses proxy.{name}, and does not say that it needs "{ability}"'
        demand(ability in self.allowed, fact, "name in `needs` whatever is asked of the proxy")


def needs(mix: Mix) -> None:
    """An update asks of its proxy only what it says that it needs, or has looked for among its abilities."""
    update, abilities = mix.recipe.update, mix.recipe.proxy.abilities
    if "proxy" not in options(type(update)) or update.needs >= abilities:
        return
    whole, modest = RestrictedProxy(mix.recipe.proxy, abilities), RestrictedProxy(mix.recipe.proxy, update.needs)
    expected, found = _search(mix, whole), _search(mix, modest)
    if not torch.equal(expected.x, mix.trial.candidates.x):
        raise Inapplicable("it proposes other designs each time: see the check `same-key`")
    if modest.looked:
        raise Inapplicable("it looks at the proxy's abilities, and may use what it finds")
    hint = "name in `needs` all that is asked of the proxy; without `gradients` there is no slope"
    demand(not found.failed, next(iter(found.failed.values()), ""), hint)
    fact = f"with a proxy that can do only {', '.join(sorted(update.needs)) or 'nothing'} it proposes other designs"
    demand(torch.equal(found.x, expected.x), fact, hint)


def _search(mix: Mix, proxy: RestrictedProxy) -> Candidates:
    update = replace(cast(Any, mix.recipe.update), proxy=proxy)
    return update_solution(replace(mix.trial.run, recipe=replace(mix.recipe, update=update)), mix.trial.trained)
