"""Statistics against cases that are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from mbo_bench.statistics.over_tasks import Interval, improvement, interval, iqm, iqm_of, mean_ranks, profile
from mbo_bench.statistics.pairs import not_worse, paired
from mbo_bench.statistics.scores import Scores
from mbo_bench.statistics.shares import SOURCES, decompose, shares

NAN = float("nan")


def scores(**methods):
    """Methods with a row of seeds for each task."""
    values = np.array(list(methods.values()), dtype=float)
    return Scores(tuple(methods), tuple(f"t{place}" for place in range(values.shape[1])), values)


def test_the_outer_quarters_do_not_count():
    assert iqm(np.array([0.0, 1, 2, 3, 4, 5, 6, 7])) == 3.5
    assert iqm(np.array([-1e9, -1e9, 2, 3, 4, 5, 1e9, 1e9])) == 3.5
    assert iqm(np.full(9, 0.25)) == 0.25


def test_an_interval_holds_its_value_and_shrinks():
    rng = np.random.default_rng(0)
    few, many = (interval(iqm, [rng.normal(size=count), rng.normal(5, size=count)]) for count in (8, 800))
    for one in (few, many):
        assert one.lower <= one.value <= one.upper
    ratio = (few.upper - few.lower) / (many.upper - many.lower)
    assert ratio == pytest.approx(10, rel=0.5)


def test_seeds_are_resampled_within_tasks():
    """Two tasks without noise, however far apart, leave no doubt."""
    assert interval(iqm, [np.zeros(8), np.full(8, 9.0)]) == Interval(4.5, 4.5, 4.5)


def test_an_interval_covers_the_truth():
    """About 95 %; the percentile bootstrap of 16 seeds is a little short."""
    covered = 0
    for seed in range(200):
        found = interval(lambda values: values.mean(-1), [np.random.default_rng(seed).normal(size=16)])
        covered += found.lower <= 0 <= found.upper
    assert 0.87 <= covered / 200 <= 0.99


def test_what_lacks_a_task_is_not_pooled():
    known = scores(a=[[1, 2], [3, 4]], b=[[5, 6], [NAN, NAN]], c=[[1, NAN], [3, 4]])
    assert known.pool == ("a", "c")
    assert iqm_of(known, "b") is None
    assert set(mean_ranks(known)) == {"a", "c"}
    assert improvement(known, "a", "b") is None


def test_improvement_counts_pairs():
    known = scores(a=[[1, 3]], b=[[2, 2]], c=[[1, 3]])
    assert improvement(known, "a", "b").value == 0.5
    assert improvement(known, "a", "c").value == 0.5  # two ties count half
    better = improvement(scores(a=[[5, 6], [5, 6]], b=[[1, 2], [5.5, 9]]), "a", "b")
    assert better.value == pytest.approx((1 + 0.25) / 2)


def test_ranks_share_ties():
    ranks = mean_ranks(scores(a=[[3], [1]], b=[[3], [2]], c=[[1], [3]]))
    assert ranks == {"a": 2.25, "b": 1.75, "c": 2.0}
    assert sum(ranks.values()) == 6


def test_a_profile_falls_from_one_to_zero():
    found = profile(scores(a=[[0, 1], [2, 3]]), "a", np.array([-1.0, 0.5, 2.5, 3.0]))
    assert found.tolist() == [1.0, 0.75, 0.25, 0.0]


def test_pairs_are_of_one_seed():
    noise = np.arange(8.0)
    found = paired(noise + 0.1, noise)
    assert (found.value, found.lower) == (pytest.approx(0.1), pytest.approx(0.1))
    assert paired(np.array([1.0, NAN]), np.array([NAN, 1.0])) is None


def test_bold_is_who_may_be_best():
    noise, other = np.random.default_rng(0).normal(size=8), np.tile([0.1, -0.12], 4)
    known = scores(best=[noise], near=[noise + other], worse=[noise - 1], none=[[NAN] * 8])
    assert not_worse(known, "t0") == {"best", "near"}


def test_shares_of_variance_are_exact():
    """An additive table: proxies are worth 0 and 4, searches 0 and 2, seeds nothing."""
    values = np.zeros((1, 2, 2, 3)) + np.array([0.0, 4.0])[:, None, None] + np.array([0.0, 2.0])[:, None]
    assert decompose(values)[0].tolist() == pytest.approx([0.8, 0.2, 0.0, 0.0])
    assert decompose(np.ones((1, 2, 2, 3)))[0].tolist() == [0, 0, 0, 0]


def mixes(drop=()):
    rows = [
        {
            "task": task,
            "proxy": proxy,
            "adversary": "none",
            "update": update,
            "seed": seed,
            "score": p + 0.1 * u + noise,
        }
        for task in ("t0", "t1")
        for p, proxy in enumerate("abc")
        for u, update in enumerate("xyz")
        for seed, noise in enumerate(np.random.default_rng(p + 3 * u).normal(0, 0.05, 4))
        if (proxy, update) not in drop
    ]
    return pd.DataFrame(rows)


def test_the_proxy_can_have_the_larger_share():
    found = shares(mixes(), "score")
    assert sum(one.value for one in found.of.values()) == pytest.approx(1)
    assert found.of["proxy"].lower > 0.9
    assert list(found.of) == list(SOURCES)
    assert (found.seeds, found.left_out) == (4, ())


def test_missing_cells_are_left_out_and_named():
    found = shares(mixes(drop={("b", "x"), ("b", "y")}), "score")
    assert (found.proxies, found.left_out) == (("a", "c"), ("b",))
    assert shares(mixes(drop={(p, u) for p in "ab" for u in "xyz"}), "score") is None
