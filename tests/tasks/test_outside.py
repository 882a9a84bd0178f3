"""Levels and letters that the data have and the space has not: trained on, never proposed, and said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

import mbo_core as mbo
from mbo_core.errors import TaskError
from mbo_core.functional import keys
from mbo_core.stages import Columns, OneHot, SoftLogits
from mbo_core.tasks.columns import Category, Sequence
from mbo_core.tasks.fixed import Fixed
from mbo_core.tasks.numbers import Real
from mbo_core.tasks.space import Space

KEY = keys.key(0)
GAS = Category("gas", ("N2", "air"))
HEAT = Real("heat", (0, 10))
WORDS = ["ACGT", "NCGT", "TTTT", "GGNN", "CCCC"]
DNA = Space.discrete(4, alphabet="ACGT")


def oven(space: Space, **changed) -> mbo.Task:
    frame = pd.DataFrame({"heat": [1.0, 2, 3, 4, 5], "gas": ["N2", "Ar", "air", "Air", "N2"], "y": [1.0, 9, 3, 8, 2]})
    return mbo.Task("oven", frame.assign(**changed), target="y", space=space)


def test_unknown_levels_are_kept_and_said():
    task = oven(Space((HEAT, GAS)))
    assert task.space.columns[1] == Category("gas", ("N2", "air"), outside=("Air", "Ar"))
    assert task.x[:, 1].tolist() == [0, 3, 1, 2, 0]
    assert task.inside.tolist() == [True, False, True, False, True]
    assert task.notes == [
        'gas: the data have "Air", "Ar", not among the levels of the space (did you mean "air"?)',
        "2 of 5 rows lie outside the space (gas: 2); they are trained on and never proposed; "
        "the best row inside has y = 3 (heat 3, gas air)",
    ]
    assert task.space.cells(task.x[1]) == {"heat": 2.0, "gas": "Ar"}


def test_unknown_letters_are_kept_and_said():
    task = mbo.Task("dna", WORDS, range(5), space=DNA)
    assert task.space.sequence == Sequence("design", 4, tuple("ACGT"), outside=("N",))
    assert not task.space.plain
    assert task.x[1].tolist() == [4, 1, 2, 3]
    assert task.notes[0] == 'design: the data have "N", not among the letters of the space'
    assert "2 of 5 rows lie outside the space (design: 2)" in task.notes[1]
    assert set(task.space.repair(task.x).ravel()) <= {0, 1, 2, 3}


def test_listed_values_may_be_left_out():
    task = oven(Space((Real("heat", values=(1, 2, 5)), GAS)), gas="N2")
    assert task.inside.tolist() == [True, True, False, False, True]
    assert task.space.repair(task.x)[:, 0].tolist() == [1, 2, 2, 5, 5]


def test_a_held_column_reads_other_levels():
    task = oven(Space((HEAT, Fixed("gas", "N2"))))
    assert task.inside.tolist() == [True, False, False, False, True]
    assert task.space.columns[1].of.outside == ("Air", "Ar", "air")
    with pytest.raises(TaskError, match="fixed value Ar"):
        oven(Space((HEAT, GAS))).held({"gas": "Ar"})


def test_space_that_names_them_is_quiet():
    known = Category("gas", ("N2", "air"), outside=("Ar", "Air"))
    task = oven(Space((HEAT, known)))
    assert task.space.columns[1] == known
    assert len(task.notes) == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Category("a", ("x", "y"), outside=("y",)), 'duplicate level "y"'),
        (lambda: Sequence("a", 3, ("A", "C"), outside=("A",)), 'duplicate letter "A"'),
        (lambda: Sequence("a", 3, classes=4, outside=("A",)), "no alphabet"),
    ],
)
def test_no_level_is_in_and_out(make, message):
    with pytest.raises(TaskError, match=message):
        make()


@pytest.mark.parametrize("described", [{}, {"boiling": (-196.0, -190.0)}])
def test_columns_project_onto_the_levels_inside(described):
    table = oven(Space((HEAT, Category("gas", ("N2", "air"), described)))).table
    state = Columns().init(KEY, table)
    x = Columns().encode(state, torch.tensor(table.x))
    assert len(x[:, 1:].unique(dim=0)) == (3 if described else 4)
    moved = Columns().projection(state, table.space)(x + 3 * torch.randn(50, *x.shape, generator=torch.manual_seed(0)))
    raw = Columns().decode(state, moved.reshape(-1, x.shape[1]))
    assert set(raw[:, 1].tolist()) == {0, 1}
    if not described:
        assert (moved[..., 3:] == 0).all()
        torch.testing.assert_close(moved[..., 1:3].sum(-1), torch.ones(50, 5))


@pytest.mark.parametrize("encoding", [OneHot(), SoftLogits(), SoftLogits(reference="mean")], ids=repr)
def test_tokens_outside_are_encoded_and_never_decoded(encoding):
    table = mbo.Task("dna", WORDS, range(5), space=DNA).table
    state = encoding.init(KEY, table)
    x = encoding.encode(state, torch.tensor(table.x))
    assert len(x.unique(dim=0)) == 5
    inside = torch.tensor(table.space.contains(table.x))
    assert torch.equal(encoding.decode(state, x)[inside], torch.tensor(table.x)[inside])
    assert encoding.decode(state, 5 * torch.randn(200, x.shape[1], generator=torch.manual_seed(0))).max() == 3


def test_a_letter_outside_gives_way_to_a_letter():
    """A gap in its place would move the letters behind it."""
    space = Space((Sequence("peptide", 4, tuple("MK-"), "-", outside=("X",)),))
    assert space.repair(np.array([[0, 3, 0, 2]])).tolist() == [[0, 1, 0, 2]]


@pytest.mark.parametrize("method", ["grad-ascent", pytest.param("mins", marks=pytest.mark.slow)])
def test_such_a_table_runs_stores_and_repeats(method, tmp_path):
    task = mbo.Task("dna", WORDS * 4, np.arange(20.0), space=DNA, replicates="keep")
    sets = [
        "update.steps=2",
        "update.candidates=4",
        *(["proxy.epochs=1", "proxy.hidden=[8]"] if method[0] == "g" else []),
    ]
    first = mbo.run(method, task, seeds=1, set=sets, start=["NNNN", "ACGT"], out=tmp_path / "a")
    assert "1 of 2 start designs lay outside the space and were moved into it" in [note.text for note in first.notes]
    assert first.frame()["design"].str.fullmatch("[ACGT]{4}").all()
    loaded = mbo.load(tmp_path / "a")
    assert loaded.task.space == task.space
    assert np.array_equal(mbo.run(tmp_path / "a", loaded.task).designs, first.designs)


def test_start_designs_have_known_letters():
    task = mbo.Task("dna", WORDS, range(5), space=DNA)
    with pytest.raises(TaskError, match='unknown letter "X"'):
        mbo.run({"update": {"use": "none"}}, task, seeds=1, start=["XXXX"])


LIGANDS = {
    "texts that would be ignored": (
        ["Xantphos", "SPhos", "dppf", "P(tBu)3", "PPh3"],
        "P(tBu)3 PPh3 SPhos Xantphos dppf",
    ),
    "numbers": ([3.0, 1, 2.5, 3, 2], "1 2 2.5 3"),
}


@pytest.mark.parametrize(("cells", "levels"), LIGANDS.values(), ids=LIGANDS)
def test_a_category_takes_levels_of_the_data(cells, levels, tmp_path):
    (tmp_path / "space.toml").write_text('[columns.ligand]\nkind = "category"\n')
    frame = pd.DataFrame({"heat": [1.0, 2, 3, 4, 5], "ligand": cells, "y": range(5)})
    space = mbo.Task("lab", frame, target="y", space=tmp_path / "space.toml").space
    assert Category("ligand", tuple(levels.split())) in space.columns
    with pytest.raises(TaskError, match="has no levels"):
        mbo.Task("lab", frame.assign(ligand=[[cell] for cell in cells]), target="y", space=tmp_path / "space.toml")
