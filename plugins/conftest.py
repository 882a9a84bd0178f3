"""What the plugins' tests share: the gears of the whole suite, and the steps of a search."""

import pytest
from gears import pytest_collection_modifyitems, pytest_xdist_auto_num_workers

from mbo_core.functional import keys

__all__ = ["pytest_collection_modifyitems", "pytest_xdist_auto_num_workers"]
KEY = keys.key(3)


@pytest.fixture
def taken():
    """Takes steps: the last state, and all infos."""

    def take(update, state, data, steps):
        infos = []
        for number in range(steps):
            state, info = update.step(keys.fold_in(KEY, number), state, data, number)
            infos.append(info)
        return state, infos

    return take
