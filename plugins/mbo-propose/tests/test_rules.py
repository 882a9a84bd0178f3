"""The written rules: flags, tiers, spread, lower bounds, distances, limits."""

from __future__ import annotations

import numpy as np
import pytest
from mbo_propose.bounds import lower_bounds
from mbo_propose.choosing import choose, promising
from mbo_propose.crossing import HeldOut
from mbo_propose.flags import Facts, Known, flags
from mbo_propose.pool import Pool, tiers
from mbo_propose.spacing import Spacing
from mbo_propose.wishes import Wishes, parse_limits

import mbo_core as mbo
from mbo_core.errors import RecipeError

SPACE = mbo.Space(
    (mbo.Category("catalyst", ("Pd", "Ni")), mbo.Real("pH", (2.0, 12.0)), mbo.Real("cement", (0.0, 600.0)))
)
TRIED = np.array([[0, 4.0, 100.0], [1, 6.0, 200.0], [0, 8.0, 300.0], [1, 9.0, 400.0], [0, 10.0, 550.0]])
KNOWN = Known(SPACE, TRIED, np.array([10.0, 20.0, 30.0, 40.0, 47.5]), 1.5, 2.0, True)


def one(x=(0, 8.0, 310.0), distance=0.5, predicted=48.0, gap=0.1, **more):
    chances = {name: np.array([value]) for name, value in more.items()}
    return Facts(np.array([x]), np.array([distance]), np.array([predicted]), np.array([gap]), **chances)


def flag(facts, known=KNOWN):
    return flags(facts, known)[0][0]


def test_a_design_among_the_tried_is_close():
    assert flags(one(), KNOWN) == (["close"], [""])


@pytest.mark.parametrize(
    "nonsense",
    [
        {"x": (0, 8719.0, 310.0)},
        {"x": (0, 8.0, 217_000.0)},
        {"x": (0.1652, 8.0, 310.0)},
        {"x": (0, -0.23, 310.0)},
        {"predicted": 4786.0},
        {"distance": 5.0},
        {"gap": 9.0},
        {"success": 0.3},
        {"kept": 0.1},
    ],
    ids=str,
)
def test_nonsense_is_not_trusted(nonsense):
    assert flag(one(**nonsense)) == "do not trust"


def test_an_unbounded_space_hides_no_nonsense():
    free = Known(mbo.Space.continuous(2), np.array([[1.0, 5.0], [2.0, 7.0]]), np.array([1.0, 2.0]), 1.0, 0.1, True)
    assert flag(Facts(np.array([[1.5, 8719.0]]), *np.array([[0.1], [2.0], [0.0]])), free) == "do not trust"


@pytest.mark.parametrize("far", [{"distance": 2.0}, {"x": (0, 11.0, 310.0)}], ids=str)
def test_beyond_the_data_it_extrapolates(far):
    assert flag(one(**far)) == "extrapolates"


def test_a_level_seen_once_extrapolates():
    known = Known(SPACE, TRIED[[0, 1, 2, 4]], KNOWN.y[[0, 1, 2, 4]], 1.5, 2.0, True)
    assert flag(one(x=(1, 8.0, 310.0)), known) == "extrapolates"
    assert flag(one(), known) == "close"


def test_tiers_follow_the_distance():
    assert tiers(np.array([0.2, 1.0, 1.9, 3.9, 4.1]), reach=4.0).tolist() == [0, 0, 1, 1, 2]


def test_spacing_is_the_median_neighbour():
    x = np.array([[0.0, 0.0], [0.0, 1.0], [0.0, 2.0], [0.0, 3.0], [0.0, 9.0]])
    spacing = Spacing.of(mbo.Space.continuous(2), x)
    near = spacing.nearest(np.array([[0.0, 0.5], [0.0, 9.0]]))
    assert near.distance.tolist() == pytest.approx([0.5, 0.0])
    assert near.place.tolist() == [0, 4]


def test_two_levels_are_one_apart():
    x = np.array([[0.0], [1.0]])
    spacing = Spacing.of(mbo.Space((mbo.Category("gas", ("N2", "air", "Ar")),)), x)
    assert spacing.nearest(np.array([[2.0]])).distance == pytest.approx(1.0)
    assert spacing.unit == pytest.approx(1.0)


def pool_of(x, score):
    spacing = Spacing.of(mbo.Space.continuous(1), np.arange(10.0)[:, None])
    distance = spacing.nearest(x).distance
    return Pool(x, np.array(score), distance, tiers(distance, spacing.reach)), spacing


def test_proposals_keep_a_distance():
    pool, spacing = pool_of(np.array([[0.5], [0.51], [0.52], [3.5]]), [4.0, 3.0, 2.0, 1.0])
    assert choose(pool, spacing, 2, None).tolist() == [0, 3]
    assert sorted(choose(pool, spacing, 4, None).tolist()) == [0, 1, 2, 3]


def test_near_copies_of_tried_designs_come_last():
    """A design as good as a tried one beside it tells nothing; it fills up where the space has nothing else."""
    pool, spacing = pool_of(np.array([[3.01], [5.05], [7.5], [2.4]]), [9.0, 8.0, 2.0, 1.0])
    assert choose(pool, spacing, 1, None).tolist() == [2]
    assert promising(pool, spacing, 2, np.ones(4, dtype=bool)).tolist() == [2, 3]
    assert sorted(choose(pool, spacing, 4, None).tolist()) == [0, 1, 2, 3]


def test_each_tier_gets_its_number():
    pool, spacing = pool_of(np.array([[0.5], [10.5], [11.0], [20.0], [30.0]]), [1.0, 2.0, 5.0, 9.0, 8.0])
    assert choose(pool, spacing, 3, (1, 1, 1)).tolist() == [0, 2, 3]
    assert choose(pool, spacing, 9, (9, 0, 0)).tolist() == [0]


def test_most_of_a_batch_is_safe():
    """Whatever a proxy promises far away; where safe designs are too few, the nearest others fill up."""
    pool, spacing = pool_of(np.array([[1.5], [2.5], [3.5], [10.3], [10.8], [15.0], [16.0]]), [*range(7)])
    assert pool.tier.tolist() == [0, 0, 0, 1, 1, 2, 2]
    assert choose(pool, spacing, 4, None).tolist() == [2, 1, 0, 4]
    assert choose(pool, spacing, 6, None).tolist() == [2, 1, 0, 4, 3, 6]


def test_half_of_a_promising_batch_stays_near():
    pool, spacing = pool_of(np.array([[1.5], [2.5], [3.5], [10.3], [15.0], [16.0], [17.0]]), [*range(7)])
    every = np.ones(7, dtype=bool)
    assert promising(pool, spacing, 4, every).tolist() == [2, 3, 6, 5]


def test_what_is_not_trusted_only_fills_up():
    pool, spacing = pool_of(np.array([[1.5], [2.5], [15.0], [16.0], [17.0]]), [*range(5)])
    trusted = np.array([True, True, True, False, False])
    assert promising(pool, spacing, 3, trusted).tolist() == [1, 0, 2]
    assert sorted(promising(pool, spacing, 4, trusted).tolist()) == [0, 1, 2, 4]


def known(predicted, observed):
    return HeldOut(np.arange(len(predicted)), np.array(observed), np.array(predicted), np.ones(len(predicted)))


def reached(rng, sign):
    """How many of 400 designs reach their bounds, where predictions are too high by 0.3."""
    truth, fresh = rng.normal(size=600), rng.normal(size=400)
    rows = known(sign * (truth + 0.3), sign * (truth + rng.normal(scale=0.5, size=600)))
    bounds = np.array(lower_bounds(rows, sign * (fresh + 0.3), sign).lower)
    better = sign * (sign * (fresh + rng.normal(scale=0.5, size=400)) - bounds) >= 0
    return better.mean()


@pytest.mark.parametrize("sign", [1, -1])
def test_lower_bounds_hold_for_like_designs(sign):
    shares = [reached(np.random.default_rng(seed), sign) for seed in range(10)]
    assert np.mean(shares) == pytest.approx(0.9, abs=0.02)


@pytest.mark.parametrize("sign", [1, -1])
def test_what_no_row_promises_counts_as_the_best(sign):
    """All that a proxy promises beyond the rows is not believed; nothing is better than its bound by 3 errors."""
    draw = np.random.default_rng(0)
    truth = draw.normal(size=600)
    rows = known(sign * truth, sign * (truth + draw.normal(scale=0.2, size=600)))
    found = lower_bounds(rows, sign * np.array([9.0, 99.0, truth.max()]), sign)
    assert found.lower == [found.lower[2]] * 3
    assert 0.1 < truth.max() - sign * found.lower[0] < 0.7
    assert (found.flatter, found.beyond) == (True, 2)
    assert "2 are predicted higher than any row" in found.note


def test_bounds_of_ordinary_designs_need_no_note():
    rows = known(np.linspace(0, 1, 100), np.linspace(0, 1, 100))
    assert lower_bounds(rows, np.full(4, 0.5), 1).note == ""


@pytest.mark.parametrize(("count", "bounded"), [(19, False), (20, True)])
def test_few_rows_bound_nothing(count, bounded):
    found = lower_bounds(known(np.arange(count) / count, np.ones(count)), np.array([0.5, 2.0]), 1)
    assert [one is not None for one in found.lower] == [bounded] * 2


def test_a_bound_reaches_down_to_the_worst_errors():
    """With equal weights it is the 90 % quantile of 21 errors, the design's own among them: the 19th of 20."""
    found = lower_bounds(known(np.zeros(20), -np.arange(20.0)), np.zeros(1), 1)
    assert found.lower == [-18.0]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"batch": 0}, "batch has 0 designs"),
        ({"batch": 10**6}, "batch has 1,000,000 designs"),
        ({"batch": 4, "tiers": (1, 1, 1)}, "do not add to the batch"),
        ({"limits": ("cost<=1", "cost>=2")}, "contradict"),
        ({"limits": ("cost",)}, 'invalid limit "cost"'),
        ({"target": ["a", "b"]}, "not one column"),
        ({"budget": 0}, "budget is 0"),
    ],
    ids=str,
)
def test_impossible_wishes_are_refused(wrong, said):
    with pytest.raises(RecipeError, match=said) as caught:
        Wishes(**{"target": "score", **wrong})
    assert caught.value.hint


def test_limits_of_a_column_are_joined():
    assert [str(each) for each in parse_limits(["a<=3", "b>=1e2", "a>=1"])] == ["1 <= a <= 3", "100 <= b"]
