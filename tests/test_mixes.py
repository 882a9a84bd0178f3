"""What is installed mixes: a mix is refused before any work, with a hint, or runs to finite designs."""

from __future__ import annotations

from collections import Counter
from functools import cache
from itertools import product
from random import Random
from typing import Any

import numpy as np
import pytest

import mbo_core as mbo
from mbo_core.runs.default import check_data
from mbo_core.runs.encoded import encode_table
from mbo_core.runs.planning import plan
from mbo_core.runs.records import Run
from mbo_core.runs.shortened import with_epochs
from mbo_core.tasks import Space, Task
from mbo_core.testing import small

REGISTRY = mbo.installed()
ROLES = ("encoding", "adversary", "proxy", "update")
STAGES = {role: [name for of, name in REGISTRY.stages if of == role] for role in ROLES}
ROWS = 160
REFUSED = {
    "the proxy is not trained against moved designs": (
        "continuous-standardised-design-ascent-regression-gradient-ascent",
        '"designs"',
    ),
    "the update needs more of a proxy": ("discrete-one-hot-none-regression-cbas", "uncertainty"),
    "the encoding is for other designs": ("continuous-one-hot-none-regression-gradient-ascent", "cannot encode"),
}


def tasks() -> dict[str, Task]:
    numbers = np.random.default_rng(0)
    real, tokens = numbers.normal(size=(ROWS, 3)), numbers.integers(0, 3, size=(ROWS, 4))
    return {
        "continuous": Task("real", real, -(real**2).sum(1)),
        "discrete": Task("tokens", tokens, tokens.sum(1) + 0.0, space=Space.discrete(4, 3)),
    }


TASKS = tasks()
MIXES = {"-".join(mix): mix for mix in product(TASKS, *STAGES.values())}
FIRST = {"-".join(mix): mix for mix in product(TASKS, *(STAGES[role] for role in ROLES[:-1]))}
EACH = [(role, name) for role in ROLES for name in STAGES[role]]


@pytest.fixture(scope="module")
def tables():
    """The tables of a mix, with options that make its stages small."""
    options = small(REGISTRY)

    def tables(*names: str) -> dict[str, dict[str, Any]]:
        return {role: {"use": use, **options.get((role, use), {})} for role, use in zip(ROLES, names, strict=True)}

    return tables


@pytest.fixture(scope="module")
def attempt(tables):
    """Runs a mix: the result, or the refusal, which has to come before any work."""

    def attempt(kind: str, *names: str, seeds: int = 2) -> mbo.Result | str:
        worked: list[str] = []
        try:
            return mbo.run(tables(*names), TASKS[kind], seeds=seeds, report=lambda phase, *_: worked.append(phase))
        except (mbo.RecipeError, mbo.TaskError) as error:
            assert not set(worked) - {"encode"}
            return str(error)

    return attempt


def fits(kind: str, recipe: dict[str, dict[str, Any]]) -> bool:
    try:
        planned = plan(recipe, TASKS[kind], seeds=1)
        encoding = with_epochs(planned.recipe.encoding, 0)
        encoded = encode_table(encoding, planned.seeds, planned.task.table)
        return check_data(Run(planned.recipe, planned.task, encoded, planned.seeds)) >= 0
    except (mbo.RecipeError, mbo.TaskError):
        return False


def stages(mix: tuple[str, ...]) -> set[tuple[str, str]]:
    return set(zip(ROLES, mix[1:], strict=True))


@pytest.fixture(scope="module")
def few(tables):
    """Few mixes that run and hold each stage twice, in an order that is the same each time."""
    shuffled = Random("mixes").sample([*MIXES.values()], len(MIXES))
    lacks, chosen = Counter(dict.fromkeys(EACH, 2)), []
    for useful in range(len(ROLES), 0, -1):
        for mix in shuffled:
            if sum(lacks[stage] > 0 for stage in stages(mix)) >= useful and fits(mix[0], tables(*mix[1:])):
                chosen.append(mix)
                lacks.subtract(stages(mix))
                shuffled = [one for one in shuffled if one is not mix]
    return chosen


@pytest.fixture(scope="module")
def outcome(attempt):
    """The outcome of a mix, which several of its stages ask for."""
    return cache(attempt)


def demand_designs(kind: str, result: mbo.Result, seeds: int = 2) -> None:
    assert result.failed == {}
    assert result.designs.shape[0] == seeds
    for designs in result.designs:
        assert np.isfinite(designs).all()
        TASKS[kind].table.check(designs)


@pytest.mark.parametrize("stage", EACH, ids="-".join)
def test_each_stage_runs_in_two_mixes(stage, few, outcome):
    mixes = [mix for mix in few if stage in stages(mix)]
    assert len(mixes) >= 2
    for mix in mixes:
        demand_designs(mix[0], outcome(*mix))


@pytest.mark.parametrize(("mix", "words"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_before_work(mix, words, attempt):
    refusal = attempt(*MIXES[mix])
    assert isinstance(refusal, str)
    assert words in refusal


@pytest.mark.slow
@pytest.mark.parametrize("first", FIRST.values(), ids=FIRST)
def test_each_mix_runs_or_is_refused(first, attempt):
    """With every update; one seed, since the kit compares a seed alone with it among others for each stage."""
    for update in STAGES["update"]:
        result = attempt(*first, update, seeds=1)
        if isinstance(result, str):
            assert "fit" in result or "works on" in result, update
        else:
            demand_designs(first[0], result, seeds=1)
