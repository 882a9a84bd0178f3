"""The constants of CMA-ES: functions of the number of coordinates d and of the population lambda alone.

They are the defaults of Hansen's library `cma`, of 3.0.3, with which the published runs were made, as of 4.5, for
populations near the default one. Below 6 samples the library mirrors one of them, and damps the step size less; far
above the default one it damps more since 3.0.3. His tutorial (arXiv:1604.00772, Table 1) has mu_eff + d + 5 under
c_sigma, where the library has 3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple


class Strategy(NamedTuple):
    """The constants of a search."""

    weights: tuple[float, ...]
    """(lambda,) w_i, best sample first: the positive ones sum to 1, then a 0 if lambda is odd, then negative ones."""
    mu_eff: float
    """Variance-effective number of the samples with a positive weight."""
    sigma_rate: float
    """c_sigma, of the path that controls the step size."""
    sigma_damping: float
    """d_sigma."""
    path_rate: float
    """c_c, of the path that the rank-one update takes."""
    rank_one_rate: float
    """c_1"""
    rank_mu_rate: float
    """c_mu"""
    shared: int
    """Generations per decomposition of the covariance."""


class Rates(NamedTuple):
    """Learning rates of the covariance: c_c, c_1 and c_mu."""

    path: float
    rank_one: float
    rank_mu: float


def population_of(d: int) -> int:
    """The default lambda = 4 + floor(3 ln d).

    >>> [population_of(d) for d in (24, 30, 56, 86, 150, 256, 4503)]
    [13, 14, 16, 17, 19, 20, 29]
    """
    return 4 + math.floor(3 * math.log(d))


def strategy(d: int, population: int, separable: bool) -> Strategy:
    """The constants for d coordinates, with a full covariance or with its diagonal alone."""
    raw = [math.log((population + 1) / 2) - math.log(rank) for rank in range(1, population + 1)]
    mu_eff = _effective([w for w in raw if w > 0])
    rates = _separable_rates(d, mu_eff) if separable else _full_rates(d, mu_eff, population)
    # The bound of later library versions; it applies below 5 coordinates or above the default population.
    sigma_rate = min(0.5, (mu_eff + 2) / (d + mu_eff + 3))
    damping = 1 + 2 * max(0.0, math.sqrt((mu_eff - 1) / (d + 1)) - 1) + sigma_rate
    return Strategy(
        weights=_weights(raw, mu_eff, rates, d),
        mu_eff=mu_eff,
        sigma_rate=sigma_rate,
        sigma_damping=damping,
        path_rate=rates.path,
        rank_one_rate=rates.rank_one,
        rank_mu_rate=rates.rank_mu,
        shared=1 if separable else math.ceil(0.1 / ((rates.rank_one + rates.rank_mu) * d)),
    )


def _full_rates(d: int, mu_eff: float, population: int) -> Rates:
    path = (4 + mu_eff / d) / (d + 4 + 2 * mu_eff / d)
    # The library's factor for populations below 6; the tutorial has none.
    rank_one = min(1.0, population / 6) * 2 / ((d + 1.3) ** 2 + mu_eff)
    rank_mu = 2 * (0.25 + mu_eff + 1 / mu_eff - 2) / ((d + 2) ** 2 + mu_eff)
    return Rates(path, rank_one, min(1 - rank_one, rank_mu))


def _separable_rates(d: int, mu_eff: float) -> Rates:
    """The library's rates for d variances: about d times those for d (d + 1) / 2 covariances."""
    path = (1 + 1 / d + mu_eff / d) / (math.sqrt(d) + 1 / d + 2 * mu_eff / d)
    rank_one = 1 / (d + 2 * math.sqrt(d) + mu_eff / d)
    rank_mu = (0.25 + mu_eff + 1 / mu_eff - 2) / (d + 4 * math.sqrt(d) + mu_eff / 2)
    return Rates(path, rank_one, min(1 - rank_one, rank_mu))


def _weights(raw: Sequence[float], mu_eff: float, rates: Rates, d: int) -> tuple[float, ...]:
    """Raw weights, the positive ones scaled to sum to 1 and the negative ones to the smallest of three bounds.

    With the first bound the covariance neither grows nor decays by itself; with the third it stays positive definite
    (tutorial, Table 1).
    """
    negative = [w for w in raw if w < 0]
    bounds = (
        1 + rates.rank_one / rates.rank_mu,
        1 + 2 * _effective(negative) / (mu_eff + 2),
        (1 - rates.rank_one - rates.rank_mu) / (d * rates.rank_mu),
    )
    up, down = sum(w for w in raw if w > 0), -sum(negative)
    return tuple(w / up if w > 0 else w / down * min(bounds) for w in raw)


def _effective(weights: Sequence[float]) -> float:
    return sum(weights) ** 2 / sum(w**2 for w in weights)
