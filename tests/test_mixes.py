"""Every mix of what is installed is refused before any work, with a hint, or runs to finite designs."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import tomli_w

import mbo_core as mbo
from mbo_core.tasks import Space, Task
from mbo_core.testing import small

REGISTRY = mbo.installed()
SMALL = small(REGISTRY)
ROWS = 160


def names(kind: str) -> list[str]:
    return [name for of, name in REGISTRY.stages if of == kind]


def tasks() -> dict[str, Task]:
    numbers = np.random.default_rng(0)
    real, tokens = numbers.normal(size=(ROWS, 3)), numbers.integers(0, 3, size=(ROWS, 4))
    return {
        "continuous": Task("real", real, -(real**2).sum(1)),
        "discrete": Task("tokens", tokens, tokens.sum(1) + 0.0, space=Space("discrete", 4, 3)),
    }


TASKS = tasks()
MIXES = list(product(TASKS, names("encoding"), names("adversary"), names("proxy"), names("update")))


@pytest.fixture(scope="session")
def outcomes() -> dict[str, list[tuple[str, ...]]]:
    """Filled by the cases below, so that the last test can see that both outcomes occur."""
    return {"ran": [], "refused": []}


def attempt(recipe, task, trained):
    try:
        return mbo.run(recipe, task, seeds=2, report=lambda phase, done, total: trained.append(phase)), ""
    except mbo.RecipeError as error:
        return None, str(error)


@pytest.mark.parametrize(
    ("kind", "encoding", "adversary", "proxy", "update"), MIXES, ids=["-".join(mix) for mix in MIXES]
)
def test_a_mix_is_refused_with_a_hint_or_runs(kind, encoding, adversary, proxy, update, tmp_path, outcomes):
    recipe = tmp_path / "mix.toml"
    stages = {"encoding": encoding, "adversary": adversary, "proxy": proxy, "update": update}
    tables = {section: {"use": use, **SMALL.get((section, use), {})} for section, use in stages.items()}
    recipe.write_text(tomli_w.dumps(tables))
    trained: list[str] = []
    result, refusal = attempt(recipe, TASKS[kind], trained)
    if result is None:
        assert "fit" in refusal or "works on" in refusal
        assert not trained
        outcomes["refused"].append((kind, *stages.values()))
        return
    outcomes["ran"].append((kind, *stages.values()))
    assert result.failed == {}
    assert result.designs.shape[0] == 2
    assert np.isfinite(result.designs).all()
    for designs in result.designs:
        TASKS[kind].table.check(designs)


def test_both_outcomes_occur(outcomes):
    assert len(outcomes["ran"]) + len(outcomes["refused"]) == len(MIXES)
    assert ("continuous", "standardised", "design-ascent", "conservative", "gradient-ascent") in outcomes["ran"]
    assert ("continuous", "standardised", "design-ascent", "regression", "gradient-ascent") in outcomes["refused"]
