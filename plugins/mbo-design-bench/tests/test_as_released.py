from __future__ import annotations

import numpy as np
import pytest
from mbo_design_bench import as_released, rows, superconductor
from sklearn.ensemble import RandomForestRegressor
from sklearn.preprocessing import StandardScaler

from mbo_core.errors import TaskError
from mbo_core.recipes.layers import _names


@pytest.fixture(scope="module")
def table(superconductor_copy):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MBO_DATA_DIR", str(superconductor_copy))
        return rows.read(superconductor.FACTS)


@pytest.fixture(scope="module")
def task(superconductor_copy):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MBO_DATA_DIR", str(superconductor_copy))
        return as_released.load()


def best(task):
    return task.x[np.argsort(-task.y, kind="stable")[:128]]


@pytest.mark.slow
def test_same_rows_and_scale_as_the_plain_task(task, superconductor_task):
    assert np.array_equal(task.x, superconductor_task.x)
    assert np.array_equal(task.y, superconductor_task.y)
    assert (task.y_min, task.y_max) == (superconductor_task.y_min, superconductor_task.y_max)
    assert "Superconductor-RandomForest-v0" in _names(task.name)  # recipes' options for that task hold


def test_seeds_of_the_draws_are_recorded(task):
    assert task.info.notes["standardised_by_draws"] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert task.info.notes["oracle_seed"] == 0
    assert list(task.oracle.members) == ["1", "2", "3", "4", "5", "6", "7", "8"]


def test_scores_follow_the_released_recipe(task, table):
    """The same by scikit-learn's own scaler, whose scale is 1 for a column that does not vary, too."""
    (x, y), designs = table, best(task)

    def drawn(seed):
        own = np.random.Generator(np.random.PCG64(seed)).permutation(len(x))[:2000]
        return own, StandardScaler().fit(x[own]), StandardScaler().fit(y[own, None])

    own, features, scores = drawn(0)
    fitted = own[:1000]
    model = RandomForestRegressor(100, max_depth=100, max_features=1.0, random_state=0)
    model.fit(features.transform(x[fitted]), scores.transform(y[fitted, None])[:, 0])
    _, asked, back = drawn(3)
    expected = back.inverse_transform(model.predict(asked.transform(designs))[:, None])[:, 0]
    found = task.oracle.members["3"].score(designs)
    # A rounding error may send a design down another branch.
    assert np.mean(np.abs(found - expected) < 1e-3) > 0.95


def test_a_draw_lowers_designs_near_the_data(task, table, superconductor_task):
    designs = best(task)
    plain = superconductor_task.oracle.score(designs).mean()
    released = [member.score(designs).mean() for member in task.oracle.members.values()]
    assert np.mean(released) < plain
    assert np.std(released) > 1  # kelvin


def test_an_element_a_draw_lacks_is_unscaled():
    x = np.zeros((4000, 2), np.float32)
    x[:, 1] = np.arange(4000)
    draw = as_released.Draw.of(x, np.zeros(4000), 1)
    assert draw.std[0] == 1
    assert draw.y_std == 1
    assert draw.standardised(np.array([[3.0, 0.0]]))[0, 0] == 3


def test_the_oracle_refuses_what_is_no_design(task):
    with pytest.raises(TaskError, match="as-released:Superconductor"):
        task.oracle.score(np.full((1, 86), np.nan))
