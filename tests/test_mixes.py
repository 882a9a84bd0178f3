"""What is installed mixes: a mix is refused before any work, with a hint, or runs to finite designs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from random import Random

import numpy as np
import pytest
import tomli_w

import mbo_core as mbo
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


@pytest.fixture(scope="module")
def options():
    """Options that make the stages small, by role and name."""
    return small(REGISTRY)


@pytest.fixture
def attempt(options, tmp_path):
    """Runs a mix: the result, or the refusal, which has to come before any work."""

    def attempt(kind: str, *names: str) -> mbo.Result | str:
        stages = {role: {"use": use, **options.get((role, use), {})} for role, use in zip(ROLES, names, strict=True)}
        recipe = tmp_path / "mix.toml"
        recipe.write_text(tomli_w.dumps(stages))
        worked: list[str] = []
        try:
            return mbo.run(recipe, TASKS[kind], seeds=2, report=lambda phase, done, total: worked.append(phase))
        except mbo.RecipeError as error:
            assert not worked
            return str(error)

    return attempt


def demand_designs(kind: str, result: mbo.Result) -> None:
    assert result.failed == {}
    assert result.designs.shape[0] == 2
    for designs in result.designs:
        assert np.isfinite(designs).all()
        TASKS[kind].table.check(designs)


def drawn(role: str, name: str) -> Iterator[tuple[str, ...]]:
    """All mixes with a stage, in an order that is the same each time."""
    among = [mix for mix in MIXES.values() if mix[1 + ROLES.index(role)] == name]
    return iter(Random(f"{role} {name}").sample(among, len(among)))


@pytest.mark.parametrize(("role", "name"), [(role, name) for role in ROLES for name in STAGES[role]])
def test_each_stage_runs_in_two_mixes(role, name, attempt):
    outcomes = ((kind, attempt(kind, *names)) for kind, *names in drawn(role, name))
    ran = ((kind, result) for kind, result in outcomes if not isinstance(result, str))
    for _ in range(2):
        demand_designs(*next(ran))


@pytest.mark.parametrize(("mix", "words"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_before_work(mix, words, attempt):
    refusal = attempt(*MIXES[mix])
    assert isinstance(refusal, str)
    assert words in refusal


@pytest.mark.slow
@pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES)
def test_a_mix_runs_or_is_refused(mix, attempt):
    result = attempt(*mix)
    if isinstance(result, str):
        assert "fit" in result or "works on" in result
    else:
        demand_designs(mix[0], result)
