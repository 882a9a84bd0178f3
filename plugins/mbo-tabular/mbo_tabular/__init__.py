"""Models of tables and a search in any space: a plugin of mbo."""

from __future__ import annotations

from collections.abc import Sequence

from mbo_core import StageOffer, hookimpl


@hookimpl
def mbo_stages() -> Sequence[StageOffer]:
    """The proxies `forest`, `boosting`, `ridge` and `committee`, the updates `evolution` and `enumerate`."""
    return [
        StageOffer("proxy", "forest", "mbo_tabular.forest:Forest"),
        StageOffer("proxy", "boosting", "mbo_tabular.forest:Boosting"),
        StageOffer("proxy", "ridge", "mbo_tabular.ridge:RidgeProxy"),
        StageOffer("proxy", "committee", "mbo_tabular.committee:Committee"),
        StageOffer("update", "evolution", "mbo_tabular.evolution:Evolution"),
        StageOffer("update", "enumerate", "mbo_tabular.listing:Enumerate"),
    ]
