"""What a shipped recipe says in `[listing]` is what its stages do."""

from __future__ import annotations

import pytest
from toy_stages import refusal

import mbo_core
from mbo_core.errors import MboError
from mbo_core.recipes.recipe import Recipe
from mbo_core.recipes.resolve import fits_kinds
from mbo_core.testing.mix import prepare
from mbo_core.testing.tiny_tasks import tiny_task
from mbo_core.toml import plain

INSTALLED = mbo_core.installed()


def accepts(recipe: Recipe, kind: str, rows: int) -> bool:
    whole = tiny_task(kind)
    task = mbo_core.Task("few", whole.x[:rows], whole.y[:rows], space=whole.space, replicates="keep")
    try:
        prepare(recipe, task, (0,))
    except MboError:
        return False
    return True


@pytest.mark.slow  # by default every method runs on one kind, in test_limits.py
@pytest.mark.parametrize("name", INSTALLED.methods)
def test_listing_holds_the_kinds(name):
    """Each of them takes a table of 20 rows, and refuses one row."""
    document = INSTALLED.method(name).document
    fits = {kind: fit for kind, fit in fits_kinds(document, INSTALLED).items() if isinstance(fit, Recipe)}
    assert list(fits) == plain(document.table["listing"])["kinds"]
    assert all(accepts(fit, kind, 20) and not accepts(fit, kind, 1) for kind, fit in fits.items())


@pytest.mark.parametrize("key", ["mix", "try_on_tables"])
def test_flags_of_a_method_are_true_or_false(key):
    assert refusal(f"[method]\n{key} = 1").mistakes[0][0].endswith(f"method.{key} must be true or false")
