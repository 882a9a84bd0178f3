"""A stage may exclude others from its recipe, wherever they stand in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest

import mbo_core as mbo
from mbo_core.plugins.files import offering
from mbo_core.recipes.resolve import resolve
from mbo_core.stages import NoUpdate, Update, stage_option
from mbo_core.toml import parse


@dataclass(frozen=True, kw_only=True)
class Jealous(NoUpdate):
    """Bears no search named `around` beside it."""

    name = "jealous"
    excludes: ClassVar = {"update around": "it wants to be alone"}


@dataclass(frozen=True, kw_only=True)
class Around(NoUpdate):
    """A search around another."""

    name = "around"
    inner: Update = stage_option("the search inside")


REGISTRY = mbo.installed().including([offering("here", [Jealous, Around])])


def resolved(text: str) -> mbo.Recipe:
    return resolve(parse(text, "mine"), REGISTRY, kind="continuous")


def test_an_excluded_stage_is_refused():
    with pytest.raises(mbo.RecipeError, match='"jealous" does not fit update "around": it wants') as refused:
        resolved('[update]\nuse = "around"\ninner.use = "jealous"')
    assert "use one of the two" in str(refused.value)


@pytest.mark.parametrize("text", ['use = "jealous"', 'use = "around"\ninner.use = "none"'])
def test_each_of_them_is_fine(text):
    assert resolved(f"[update]\n{text}").update.name in text
