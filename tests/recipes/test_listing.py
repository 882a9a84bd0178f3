"""What a shipped recipe says in `[listing]` is what its stages do."""

from __future__ import annotations

import pytest
import torch

import mbo_core
from mbo_core.errors import MboError
from mbo_core.functional import batches
from mbo_core.recipes.limits import fitted
from mbo_core.recipes.recipe import Recipe
from mbo_core.recipes.resolve import fits_kinds
from mbo_core.stages.data import Data, EncodedSpace
from mbo_core.toml import plain

INSTALLED = mbo_core.installed()


def accepts(recipe: Recipe, kind: str, rows: int) -> bool:
    recipe, _ = fitted(recipe, rows)
    x = torch.zeros(rows, 24)
    classes = 3 if kind == "discrete" else None
    space = EncodedSpace(kind, (8, 3), classes, recipe.encoding.representation, x[0], x[0])
    data = Data(x, torch.linspace(-1, 1, rows), space)
    try:
        schedule = recipe.proxy.schedule(data)
        if schedule.trains:
            batches.check_rows(schedule, rows)
        recipe.update.check(data)
    except MboError:
        return False
    return True


@pytest.mark.parametrize("name", INSTALLED.methods)
def test_listing_holds_the_kinds(name):
    """Each of them takes a table of 20 rows, and refuses one row."""
    document = INSTALLED.method(name).document
    fits = {kind: fit for kind, fit in fits_kinds(document, INSTALLED).items() if isinstance(fit, Recipe)}
    assert list(fits) == plain(document.table["listing"])["kinds"]
    assert all(accepts(fit, kind, 20) and not accepts(fit, kind, 1) for kind, fit in fits.items())
