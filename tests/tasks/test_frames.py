"""A table of experiments becomes a task: nothing that its types say is dropped."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mbo_core.errors import TaskError
from mbo_core.tasks import Space, Task
from mbo_core.tasks.columns import Category, Sequence
from mbo_core.tasks.constraints import Linear
from mbo_core.tasks.fixed import Fixed
from mbo_core.tasks.numbers import Real, Whole


def lab(**more):
    """Six experiments with an id."""
    columns = {
        "exp_id": ["E-1", "E-2", "E-3", "E-4", "E-5", "E-6"],
        "temp_C": [40.5, 60.0, 95.5, 70.0, 85.5, 55.0],
        "gas": ["N2", "air", "N2", "air", "air", "N2"],
        "layers": [1, 4, 2, 5, 3, 1],
        "yield": [10, 20, 60, 40, 50, 30],
    }
    return pd.DataFrame({**columns, **more})


SPACE = Space((Real("temp_C", (40.5, 95.5), 0.5), Category("gas", ("N2", "air")), Whole("layers", (1, 5))))


@pytest.mark.parametrize("brought", [lab(), lab().to_dict("list"), dict(lab())], ids=["frame", "lists", "series"])
def test_a_table_needs_only_its_target(brought):
    task = Task("lab", brought, target="yield")
    assert task.space == SPACE
    assert task.kind == "mixed"
    assert task.x.tolist()[:2] == [[40.5, 0, 1], [60.0, 1, 4]]
    assert (task.y.tolist(), task.target, task.best_in_data) == ([10, 20, 60, 40, 50, 30], "yield", 60)
    assert task.notes == [
        "temp_C: amounts from 40.5 to 95.5 in steps of 0.5",
        "gas: category of 2 levels: N2, air",
        "layers: whole amounts from 1 to 5 in steps of 1",
        "exp_id: ignored, a name for each row (E-1, E-2, ...)",
    ]


def test_designs_are_written_as_they_were_read():
    task = Task("lab", lab(), target="yield")
    assert task.cells(task.x[1]) == {"temp_C": 60.0, "gas": "air", "layers": 4}


@pytest.mark.parametrize("weights", ["n", [1, 2, 1, 1, 2, 3]])
def test_weights_are_a_column_or_an_array(weights):
    frame = lab(n=[1, 2, 1, 1, 2, 3]) if weights == "n" else lab()
    task = Task("lab", frame, target="yield", weights=weights)
    assert task.table.weights.tolist() == [1, 2, 1, 1, 2, 3]
    assert task.space == SPACE


@pytest.mark.parametrize("target", ["impurity_pct", "Loss", "yieldLoss", "cost [EUR]"])
def test_a_target_to_minimise_is_asked_about(target):
    frame = lab().rename(columns={"yield": target})
    asked = f'target "{target}" is maximised: is a smaller one better? Then say minimize=True'
    assert Task("lab", frame, target=target).notes[-1] == asked
    assert asked not in Task("lab", frame, target=target, minimize=True).notes
    assert asked not in Task("lab", lab(), target="yield").notes
    series = pd.Series([1.0, 2.0, 3.0], name=target)
    assert Task("lab", [[1.0], [2.0], [4.0]], series).notes == [asked]


def test_rows_outside_the_space_are_said(tmp_path):
    """A new limit: hotter rows are trained on and never proposed."""
    (tmp_path / "space.toml").write_text("[columns.temp_C]\nupper = 80\n", encoding="utf-8")
    task = Task("lab", lab(), target="yield", space=tmp_path / "space.toml")
    assert task.space.columns[0] == Real("temp_C", (40.5, 80), 0.5)
    assert len(task.x) == 6
    assert task.inside.tolist() == [True, True, False, True, False, True]
    assert task.notes[-1] == (
        "2 of 6 rows lie outside the space (temp_C: 2); they are trained on and never proposed; "
        "the best row inside has yield = 40 (temp_C 70, gas air, layers 5)"
    )
    assert "temp_C: as space.toml says" in task.notes
    assert not any("95.5" in note for note in task.notes)


def test_minimised_rows_inside_are_best_when_low():
    held = Space((*SPACE.columns[:2], Whole("layers", (2, 5))))
    task = Task("lab", lab(), target="yield", minimize=True, space=held)
    assert task.notes[-1].endswith("the best row inside has yield = 20 (temp_C 60, gas air, layers 4)")


def test_rows_that_break_a_sum_are_said():
    frame = pd.DataFrame({"a": [0.5, 0.25, 1.0], "b": [0.5, 0.75, 0.5], "y": [1.0, 2.0, 3.0]})
    space = Space((Real("a", (0, 1)), Real("b", (0, 1))), (Linear.total("ab", 1),))
    assert "1 of 3 rows lie outside the space (a + b = 1: 1)" in Task("t", frame, target="y", space=space).notes[-1]
    apart = Space((Real("a", (0, 0.1)), Real("b")))
    assert Task("t", frame, target="y", space=apart).notes[-1].endswith("no row lies inside")


def test_columns_outside_a_given_space_are_said():
    task = Task("lab", lab(), target="yield", space=Space((SPACE.columns[0], Fixed("gas", "N2", SPACE.columns[1]))))
    assert task.notes[0] == "not in the space, and ignored: exp_id, layers"
    assert "3 of 6 rows lie outside the space (gas: 3)" in task.notes[1]


def test_sequences_of_a_table_are_a_discrete_space():
    frame = pd.DataFrame({"dna": ["ACGT", "ACG", "TTGT", "ACCA"], "y": [1.0, 2, 3, 4]})
    task = Task("dna", frame, target="y")
    assert task.space == Space((Sequence("dna", 4, "ACGT-", "-"),))
    assert task.x[:2].tolist() == [[0, 1, 2, 3], [0, 1, 2, 4]]
    assert task.cells(task.x[1]) == {"dna": "ACG"}


def test_units_stay_with_their_column():
    task = Task("t", pd.DataFrame({"volume": ["3.5 mL", "2 mL", "10 mL"], "y": [1.0, 2, 3]}), target="y")
    assert task.space.columns == (Real("volume", (2, 10), 0.5, unit="mL"),)
    assert task.x.tolist() == [[3.5], [2], [10]]


INPUTS = pd.DataFrame({"heat": [0.5, 1.5, 2.5], "hours": [3, 1, 2], "gas": ["N2", "air", "N2"]})


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (["heat"], [Real("heat")]),
        (["hours"], [Whole("hours", (1, 3))]),
        (["gas", "heat"], [Category("gas", ("N2", "air")), Real("heat")]),
    ],
)
def test_chosen_inputs_keep_their_names(columns, expected):
    """Real numbers without bounds, whole numbers within those of the data."""
    task = Task("oven", INPUTS[columns], [1.0, 2.0, 3.0])
    assert task.space == Space(tuple(expected))
    assert task.space.names == tuple(columns)


@pytest.mark.parametrize("kind", ["Int64", "Float64", "float32", "object", "string"])
def test_numbers_of_any_type_keep_their_values(kind):
    cells = pd.Series(["3", "1", "20"] if kind == "string" else [3, 1, 20]).astype(kind)
    task = Task("t", pd.DataFrame({"a": cells}), pd.Series([1, 2, 3], dtype="Int64"))
    assert task.x.tolist() == [[3], [1], [20]]
    assert task.y.tolist() == [1, 2, 3]


def test_categoricals_are_categories_even_of_numbers():
    frame = pd.DataFrame({"steel": pd.Categorical([304, 316, 420], [316, 304, 420, 1]), "y": [1.0, 2, 3]})
    task = Task("t", frame, target="y")
    assert task.space == Space((Category("steel", ("316", "304", "420", "1")),))
    assert task.x.tolist() == [[1], [0], [2]]


def test_scores_follow_the_index_of_designs():
    x = INPUTS[["heat"]].set_axis([7, 8, 9])
    y = pd.Series([3.0, 1.0, 2.0], index=[9, 7, 8])
    task = Task("t", x, y, weights=pd.Series([1.0, 2.0, 3.0], index=[7, 8, 9]))
    assert task.y.tolist() == [1, 2, 3]
    assert task.table.weights.tolist() == [1, 2, 3]
    assert task.notes == ["y has the rows of x in another order; they were put together by their index"]
    assert Task("t", x.to_numpy(), y).y.tolist() == [3, 1, 2]
    assert Task("t", x, y.to_frame()).y.tolist() == [1, 2, 3]


@pytest.mark.parametrize("index", [[0, 1, 2], [7, 7, 8], [7, 8, 10]])
def test_scores_of_other_rows_are_refused(index):
    with pytest.raises(
        TaskError, match=r"t: the index of y has other rows than that of x\n\nhint: give y.to_numpy\(\)"
    ):
        Task("t", INPUTS[["heat"]].set_axis([7, 8, 9]), pd.Series([1.0, 2.0, 3.0], index=index))


def test_frames_of_tokens_are_read_in_their_space():
    x = np.array([[0, 1, 2], [3, 1, 0]])
    frame = pd.DataFrame(x, columns=["x0", "x1", "x2"])
    task = Task("t", frame, [1.0, 2.0], space=Space.discrete(3, 4))
    assert (task.x.tolist(), task.notes) == (x.tolist(), [])


FOUR = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]


@pytest.mark.parametrize(
    ("frame", "options", "message"),
    [
        (lab(), {"target": "yeild"}, 'lab: unknown column "yeild" for the target\n\nhint: did you mean "yield"?'),
        (lab(), {"target": "yield", "weights": "m"}, 'lab: unknown column "m" for the weights'),
        (lab(), {"target": "yield", "weights": "yield"}, 'lab: unknown column "yield" for the weights'),
        (lab(), {"target": "yield", "y": FOUR}, 'lab: both y and the target "yield" are given'),
        (lab(), {}, "lab: scores are missing\n\nhint: give y, or target=\"COLUMN\", one of: exp_id, temp_C"),
        (lab(), {"target": ["yield", "layers"]}, "lab: the target is ['yield', 'layers']"),
        (lab(), {"y": lab()["yield"]}, 'lab: column "yield" is in x and is y\n\nhint: write target="yield"'),
        ([[1.0]], {"target": "yield"}, 'lab: target is the column "yield", and x has no named columns'),
        ([[1.0]], {"y": [1.0], "weights": "n"}, 'lab: weights is the column "n", and x has no named columns'),
        (lab(temp_C=[1.5, None, 2, 3, 4, None]), {"target": "yield"},
         'lab: cell in row 1 of column "temp_C" is empty (2 such cells)'),
        (lab(temp_C=[1.5, np.inf, 2, 3, 4, 6]), {"target": "yield"}, 'row 1 of column "temp_C" is inf (1 such cells)'),
        (lab(gas=["N2", None, "air", "N2", "air", "N2"]), {"target": "yield"}, 'row 1 of column "gas" is empty'),
        (lab(gas=pd.array([True, None] * 2 + [False] * 2, "boolean")), {"target": "yield"}, 'column "gas" is empty'),
        (lab(layers=pd.array([1, 2, None] * 2, "Int64")), {"target": "yield"}, 'row 2 of column "layers" is empty'),
        (lab(**{"yield": [1, 2, None, 3, 4, 5]}), {"target": "yield"}, "lab: score 2 is nan (1 such values)"),
        (lab(**{"yield": pd.array([1, 2, None, 3, 4, 5], "Int64")}), {"target": "yield"}, "lab: score 2 is nan"),
        (lab(**{"yield": ["60.9 %", "n.d.", "1", "2", "3", "4"]}), {"target": "yield"},
         'lab: score "60.9 %" in row 0 of column "yield" is not a number'),
        (lab(**{"yield": [1.5, 2, "<LOD", 2, 3, 4]}), {"target": "yield"}, 'score "<LOD" in row 2 of column "yield"'),
        (lab(**{"yield": [True] * 3 + [False] * 3}), {"target": "yield"}, 'lab: column "yield" has dtype bool'),
        (lab(n=[1, 1, 0, 1, 1, 1]), {"target": "yield", "weights": "n"}, "lab: a weight is 0"),
        (lab(), {"target": "yield", "space": Space((Real("tmp_C"),))},
         'lab: column "tmp_C" of the space is not in the table\n\nhint: did you mean "temp_C"?'),
        (lab(), {"target": "yield", "space": Space((Real("gas"),))},
         'lab: cell "N2" in row 0 of column "gas" is not a number'),
        (lab(), {"target": "yield", "space": "missing.toml"}, "cannot read the space file missing.toml"),
        (lab()[["exp_id", "temp_C"]], {"y": FOUR}, 'lab: column "exp_id" cannot be searched: a name for each row'),
        (pd.concat([lab(), lab()[["gas"]]], axis=1), {"target": "yield"}, 'duplicate column "gas" in the table'),
        (lab()[:0], {"target": "yield"}, "table has 0 rows"),
        (lab()[["exp_id", "yield"]], {"target": "yield"}, "table has no column that a design could consist of"),
        (pd.DataFrame({"n": np.array([1, 2**63 + 1], np.uint64)}), {"y": [1.0, 2.0]}, "above 2**53"),
    ],
)  # fmt: skip
def test_unusable_tables_are_refused(frame, options, message):
    with pytest.raises(TaskError) as refused:
        Task("lab", frame, **options)
    assert message in str(refused.value)
