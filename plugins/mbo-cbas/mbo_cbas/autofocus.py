"""Autofocusing: retrain the proxy on the data, weighted towards the search model's current distribution."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Literal, NamedTuple, cast

import optree
import torch
from torch import Tensor

from mbo_cbas.density import LatentSource, WithDensity
from mbo_cbas.weights import effective, self_normalised
from mbo_core.functional import batches, keys
from mbo_core.runs.seeds import mode
from mbo_core.stages import Ability, Batch, Data, Info, Key, Proxy, State, Update, option, stage_option, state_and_info

REFRESH = int.from_bytes(b"refresh", "big")
"""Folded into a step's key for the refresh. The key itself goes to the wrapped update, which thus draws the same
numbers as without autofocusing."""


class AutofocusState(NamedTuple):
    """The state of the wrapped update, of the proxy, and of the refresh."""

    inner: State
    proxy: State
    latents: Tensor
    """(2,) key from which every refresh draws the same latents, if they come from the encoder."""


class DataWeights(NamedTuple):
    """The weight of each visible row in a refresh."""

    v: Tensor
    """(N,)"""
    effective: Tensor
    """() effective number of rows, (sum v)^2 / sum v^2."""
    dropped: Tensor
    """() share of rows that were dropped."""


@dataclass(frozen=True, kw_only=True)
class Autofocus(Update):
    """Another update, with a proxy retrained towards the current search distribution.

    Fannjiang and Listgarten, "Autofocused oracles for model-based design", NeurIPS 2020 (arXiv:2006.08052). The
    visible designs count as draws of p, so that importance weights turn them into draws of the search model q:

        v_i = (q(x_i) / p(x_i))^a,   the proxy continues training on sum_i v_i * loss_i.

    This is the inverse of the ratio by which CbAS weights its samples, taken at the data. The loss is not
    divided by the sum of v (released code). Each refresh has its own split and bootstrap, so rows once held
    out are trained on later; the proxy's optimiser state is kept.

    Released code (design-baselines): a = 1, and latents drawn from N(0, I) whatever the design, which makes v nearly
    random; the authors draw each from the encoder and take a = 0.2. Before and after differ less than it seems: both
    score every step but the first with a proxy refreshed for the q that is sampled.
    """

    proxy: Proxy = stage_option("the proxy that the search uses, refreshed in every step")
    inner: Update = stage_option("the wrapped search; its model must have a density")
    flatten: float = option(
        1.0,
        "exponent a of the weights: 1.0 in the released benchmark, 0.2 in the paper, 0 for equal weights",
        at_least=0.0,
        at_most=1.0,
    )
    latent: LatentSource = option(
        "prior",
        "of a visible design: a draw of N(0, I) (released code) or of its posterior, once (the authors' own code)",
    )
    order: Literal["after", "before"] = option(
        "after",
        "refresh after the refit of the search model (released code), or before scoring from step 2 on (paper)",
    )
    epochs: int = option(10, "passes over the training rows per refresh; 0 never refreshes", at_least=0)
    steps: int | None = option(
        None, "gradient steps per refresh, in place of epochs: as many on a large table as on a small one",
        at_least=1, instead_of="epochs",
    )  # fmt: skip
    normalise: bool = option(False, "scale the weights to average 1: the paper; the released code does not")
    unusable: Literal["drop", "keep"] = option(
        "drop",
        "rows whose weight or its square overflows float32: drop (paper), or keep, which ruins the proxy (released)",
    )
    skip_below: float = option(
        1e-8,
        "skip a refresh if the squared weights sum to less (paper); 0 never skips (released)",
        at_least=0.0,
    )

    name: ClassVar[str] = "autofocus"
    infos: ClassVar[Mapping[str, str]] = {
        "effective_rows": "the effective number of weighted rows, (sum v)^2 / sum v^2",
        "dropped_rows": "the share of rows whose weight could not be used",
        "refreshed": "1 where the proxy was refreshed in this step, else 0",
        "refresh_loss": "the mean loss of the refresh's steps",
    }

    def __post_init__(self) -> None:
        if not isinstance(self.inner, WithDensity):
            raise ValueError(f'inner "{self.inner.name}" has no density to weight the data by; "cbas" has one')

    @property
    def needs(self) -> frozenset[Ability]:
        """The needs of the wrapped update, and `partial_fit`."""
        return self.inner.needs | {"partial_fit"}

    def check(self, data: Data) -> None:
        """What the wrapped update refuses."""
        self.inner.check(data)

    def length(self, data: Data) -> int:
        """That of the wrapped update."""
        return self.inner.length(data)

    def init(self, key: Key, data: Data, proxy_state: State) -> tuple[AutofocusState, Info]:
        """The start of the wrapped update."""
        inner, info = state_and_info(self.inner.init(key, data, proxy_state))
        return AutofocusState(inner, proxy_state, keys.fold_in(key, REFRESH)), info

    def step(self, key: Key, state: AutofocusState, data: Data, number: int) -> tuple[AutofocusState, Info]:
        """One step of the wrapped update, and one refresh."""
        refresh_key = keys.fold_in(key, REFRESH)
        if self.order == "before":
            state, refreshed = self._refresh(refresh_key, state, data, skip=number == 0)
            state, info = self._search(key, state, data, number)
        else:
            state, info = self._search(key, state, data, number)
            state, refreshed = self._refresh(refresh_key, state, data)
        return state, {**info, **refreshed}

    def designs(self, state: AutofocusState) -> Tensor:
        """Those of the wrapped update."""
        return self.inner.designs(state.inner)

    def weights(self, key: Key, state: AutofocusState, data: Data) -> DataWeights:
        """The weight of each visible row."""
        latent_key = key if self.latent == "prior" else state.latents
        log_v = self.flatten * self._model.log_density_ratio(latent_key, state.inner, data, self.latent)
        if self.normalise:
            log_v = self_normalised(log_v.masked_fill(~torch.isfinite(log_v), -torch.inf))
        if self.unusable == "drop":
            # The square too: Adam squares the gradients, and the sum below the weights.
            log_v = log_v.masked_fill(~torch.isfinite(torch.exp(2 * log_v)), -torch.inf)
        return DataWeights(log_v.exp(), effective(log_v), 1 - torch.isfinite(log_v).float().mean())

    def _search(self, key: Key, state: AutofocusState, data: Data, number: int) -> tuple[AutofocusState, Info]:
        inner, info = self.inner.step(key, self._model.with_proxy(state.inner, state.proxy), data, number)
        return state._replace(inner=inner), info

    def _refresh(
        self, key: Key, state: AutofocusState, data: Data, *, skip: bool = False
    ) -> tuple[AutofocusState, Info]:
        if not self.epochs and self.steps is None:
            return state, {}
        weight_key, train_key = keys.split(key)
        weights = self.weights(weight_key, state, data)
        idle = ((weights.v**2).sum() < self.skip_below) | skip
        info = {"effective_rows": weights.effective, "dropped_rows": weights.dropped, "refreshed": 1 - idle.float()}
        proxy, loss = self._train(train_key, state.proxy, data, weights.v, idle)
        return state._replace(proxy=proxy), {**info, "refresh_loss": loss}

    def _train(self, key: Key, proxy: State, data: Data, v: Tensor, idle: Tensor) -> tuple[State, Tensor]:
        """The proxy after a refresh, or unchanged if `idle` () is true, and its mean loss ()."""
        looped = mode(self.proxy) == "loop"
        if looped and bool(idle):
            return proxy, v.new_zeros(())
        trained, losses = proxy, []
        for batch, step_key in self._batches(key, data, v):
            trained, info = self.proxy.step(step_key, trained, batch)
            losses.append(info["loss"])
        loss = torch.stack(losses).mean()
        return (trained if looped else optree.tree_map(partial(torch.where, idle), proxy, trained)), loss

    def _batches(self, key: Key, data: Data, v: Tensor) -> Iterator[tuple[Batch, Key]]:
        """The batches of a refresh, weighted by v, each with a key; split and bootstrap are new."""
        schedule = replace(self.proxy.schedule(data), epochs=self.epochs, steps=self.steps)
        for epoch in batches.epochs(key, len(data.y), schedule):
            for rows, step_key in epoch.steps():
                batch = batches.take(data, epoch.order, rows)
                yield batch._replace(w=batch.w * v[epoch.order.rows[..., rows]]), step_key

    @property
    def _model(self) -> WithDensity:
        return cast(WithDensity, self.inner)
