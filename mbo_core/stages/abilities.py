"""What a proxy can do and an update may need, and what an adversary moves: the words and their contracts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias, get_args

Ability: TypeAlias = Literal["order", "values", "gradients", "uncertainty", "partial_fit", "members", "params"]
"""What a proxy can do. Each ability has a contract, tested by `mbo_core.testing`:

* `order`: the larger `predict(state, x).mean`, the better the design; otherwise the number has no meaning.
* `values`: that mean is the predicted standardised score of each design, which implies `order`.
* `gradients`: that mean is differentiable in `x`.
* `uncertainty`: `predict(state, x).std` is a positive, meaningful standard deviation.
* `partial_fit`: `step` may be called again later, with any batch, and honours `batch.w`.
* `members`: a leading member axis; `batch.y` may be given per member; `predict_members` exists.
* `params`: `model(state)` gives the functions of `params`, and `state.params` exists.

A proxy trained by a ranking loss has `order` without `values`: its predictions are not scores, so that the column
`predicted` of its candidates stays empty. An update that compares predictions or climbs them needs `order`; one that
weighs them against scores or in their units needs `values`.

A plugin may add abilities for its proxies and updates, prefixed with its distribution's name: `mbo-kernel:kernel`. The
core only checks that a proxy has what an update needs; the plugin tests the contract. Any other word is refused.
"""

Moves: TypeAlias = Literal["designs", "weights"]
"""What an adversary moves, and what a proxy can train against."""

ABILITIES: frozenset[Ability] = frozenset(get_args(Ability))


def with_implied(abilities: Iterable[Ability]) -> frozenset[Ability]:
    """Abilities, and those that they imply.

    >>> sorted(with_implied({"values", "gradients"}))
    ['gradients', 'order', 'values']
    """
    found = frozenset(abilities)
    return found | {"order"} if "values" in found else found
