"""Candidates of a small space are distinct and new while any design is left."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spaces import RANDOM, around, spaces

import mbo_core as mbo
from mbo_core.runs.untried import proposed, untried

SPACE = mbo.Space((mbo.Real("flow", (0, 0.4), step=0.1), mbo.Category("gas", ("N2", "air"))))
EVERY = SPACE.enumerate()
SMALL = ["proxy.hidden=[8]", "proxy.epochs=1", "update.steps=2"]


def rows(places: list[int]) -> pd.DataFrame:
    cells = pd.DataFrame([SPACE.cells(EVERY[place]) for place in places])
    return cells.assign(rate=np.arange(len(places)) % 7 + cells["flow"])


def texts(result: mbo.Result) -> set[str]:
    return {note.text for note in result.notes}


def distinct(x) -> set[bytes]:
    return {design.tobytes() for design in x}


@RANDOM
@given(spaces(most=3), st.integers(0, 10_000))
def test_proposals_are_distinct_untried_and_nearest(space, seed):
    raw, tried = (space.repair(around(space, 6, place)) for place in (seed, seed + 1))
    left = untried(space, tried)
    if space.plain or left is None:
        return
    assert not distinct(left.x) & distinct(tried)
    found = proposed(raw, left, space)
    if not len(left.x):
        assert np.array_equal(found.x, raw)
        return
    assert len(found.x) == min(len(raw), len(left.x)) == len(distinct(found.x))
    assert distinct(found.x) <= distinct(left.x)
    for design, place in zip(found.x, found.origin, strict=True):
        assert place < 0 or np.array_equal(design, raw[place])
    one = proposed(raw[:1], left, space)
    far = space.distance(left.x, np.broadcast_to(raw[0], left.x.shape))
    assert space.distance(one.x, raw[:1])[0] == far.min()


@pytest.mark.parametrize("method", ["grad-ascent", "coms", "cma-es", "nemo"])
def test_all_that_are_left_are_proposed(method):
    tried = [0, 1, 2, 4, 5, 7, 8, 9]
    sets = [one for one in SMALL if (method, one[:6]) not in (("nemo", "proxy."), ("cma-es", "update"))]
    result = mbo.run(method, mbo.Task("t", rows(tried), target="rate", space=SPACE), seeds=2, set=sets, preset="quick")
    assert distinct(result.designs[0]) == distinct(result.designs[1]) == distinct(EVERY[[3, 6]])
    assert "2 of the 10 designs of the space are left to try; all of them are proposed" in texts(result)


def test_repeats_give_way_to_new_designs():
    task = mbo.Task("t", rows([0, 3, 9]), target="rate", space=SPACE)
    result = mbo.run("grad-ascent", task, seeds=1, set=[*SMALL, "update.step_size=1e-9"])
    assert result.counts() == {"distinct": [3], "new": [3]}
    assert "3 of 3 candidates repeated another or the data, and were replaced by the nearest designs that were not " \
           "tried" in texts(result)  # fmt: skip
    assert not any("left its start" in text for text in texts(result))


def test_a_space_that_is_tried_out_is_said():
    task = mbo.Task("t", rows(list(range(10))), target="rate", space=SPACE)
    result = mbo.run("grad-ascent", task, seeds=1, set=SMALL)
    assert "all 10 designs of the space have been tried: every candidate repeats one" in texts(result)
    assert result.designs.shape == (1, 10, 2)


def test_the_best_rows_stay_what_they_are():
    task = mbo.Task("t", rows([0, 3, 9]), target="rate", space=SPACE)
    result = mbo.run({"update": {"use": "none"}}, task, seeds=1)
    assert result.counts()["new"] == [0]


def test_plain_and_large_spaces_are_not_listed():
    for space in (mbo.Space.continuous(2), mbo.Space.discrete(3, 4)):
        assert untried(space, np.zeros((1, space.length))) is None
    large = mbo.Space((mbo.Whole("a", (0, 999)), mbo.Whole("b", (0, 999))))
    assert untried(large, np.zeros((1, 2))) is None


def test_replaced_designs_have_no_info_of_the_search():
    task = mbo.Task("t", rows([0, 3, 9]), target="rate", space=SPACE)
    frame = mbo.run("nemo", task, seeds=1, preset="quick", set=["update.steps=1", "proxy.epochs=1"]).frame()
    assert "" in frame["log_gamma"].tolist()
