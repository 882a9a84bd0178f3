from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from click.testing import CliRunner
from mbo_design_bench import bace, bace_csv, data, facts_beyond, rows

import mbo_core as mbo
from mbo_core.cli import main
from mbo_core.errors import TaskError
from mbo_core.tasks import Task

FACTS = facts_beyond.BACE


@pytest.fixture
def extra():
    pytest.importorskip("rdkit", reason="the extra `molecules` is not installed")
    pytest.importorskip("selfies", reason="the extra `molecules` is not installed")


@pytest.fixture(scope="module")
def task(bace_file) -> Task:
    for package in ("rdkit", "selfies"):
        pytest.importorskip(package, reason="the extra `molecules` is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(data.VARIABLE, str(bace_file.parent))
        return bace.load()


def encoded(*smiles: str) -> np.ndarray:
    return np.array([bace_csv.encode(text) for text in smiles])


@pytest.mark.slow  # its forest takes seconds to grow
def test_the_visible_half(task):
    assert task.x.shape == (757, 174)
    assert (task.y_min, task.y_max) == pytest.approx((2.5445461, 10.522879))
    assert task.best_in_data == pytest.approx(6.7619538)
    assert 0.75 < task.info.notes["held_out_spearman"] < 0.87
    assert task.info.notes["selfies"]
    assert FACTS.info.notes.items() <= task.info.notes.items()
    assert FACTS.info.notes["best_visible_normalised"] == pytest.approx(task.normalise(task.y).max(), abs=6e-4)


@pytest.mark.slow  # its forest takes seconds to grow
def test_every_molecule_comes_back_from_its_tokens(task, bace_file):
    from rdkit.Chem import CanonSmiles

    with bace_file.open(newline="") as stream:
        texts = [row["smiles"] for row in csv.DictReader(stream)]
    x = bace_csv.read(bace_file)["x"]
    tried = range(0, len(x), 5)
    assert [bace.smiles(x[row]) for row in tried] == [CanonSmiles(texts[row]) for row in tried]


@pytest.mark.slow  # its forest takes seconds to grow
def test_any_tokens_spell_a_molecule(task):
    designs = np.random.default_rng(0).integers(0, 50, (200, 174))
    written = [task.cells(design) for design in designs]
    assert all(cells.keys() == {"smiles"} and cells["smiles"] for cells in written)
    assert np.isfinite(task.oracle.score(designs)).all()


@pytest.mark.slow  # its forest takes seconds to grow
def test_equal_molecules_have_equal_scores(task):
    designs = np.concatenate([task.x[:20], encoded("CCO", "OCC")])
    scores = task.oracle.score(designs)
    assert scores[-1] == scores[-2]
    assert np.array_equal(scores, [task.oracle.score(design[None])[0] for design in designs])
    assert task.oracle.score(designs[:0]).shape == (0,)


@pytest.mark.slow  # its forest takes seconds to grow
def test_design_without_atoms_has_lowest_score(task):
    nothing = np.zeros((2, 174), np.int64)
    nothing[1, :3] = bace_csv.TOKENS.index("[Branch1]")
    verdict = task.oracle.judge(np.concatenate([nothing, encoded("CCO")]))
    scores = verdict.scores
    assert verdict.faults == dict.fromkeys((0, 1), "its tokens spell no atom")
    assert task.normalise(scores)[:2].tolist() == [0, 0]
    assert scores[2] > scores[0]
    assert task.cells(nothing[0]) == {"smiles": ""}


@pytest.mark.parametrize("design", [np.full((1, 174), 50), np.zeros((1, 173), int), np.zeros((1, 174))])
def test_the_oracle_refuses_what_is_no_design(design):
    with pytest.raises(TaskError, match="BACE: design"):
        bace.MoleculeForest(None, 0.0).score(design)


@pytest.mark.slow  # its forest takes seconds to grow
def test_proposals_are_printed_as_smiles(task, tmp_path):
    (tmp_path / "best.toml").write_text("[update]\nuse = 'none'")
    proposed = mbo.run(tmp_path / "best.toml", task, seeds=1).frame()["smiles"]
    assert proposed[0] == bace.smiles(task.x[task.y.argmax()])


@pytest.mark.slow
def test_the_original_file_is_imported(bace_file, empty, extra):
    done = CliRunner().invoke(main, ["data", "fetch", "BACE", "--from", str(bace_file), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["state"] == "ready"
    assert bace.OFFER.missing() is None
    (empty / bace_csv.FILE).write_bytes(bace_file.read_bytes().replace(b"9.1549015", b"9.1549016"))
    with pytest.raises(TaskError, match="changed"):
        rows.read(FACTS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("smiles,Class\nCCO,1\n", "lacks the columns smiles or mol, and pIC50"),
        ("", "lacks the columns"),
        ("mol,pIC50\nCCO,high\n", "row 1: could not convert"),
        ("mol,pIC50\nCCO,1\nCC(,2\n", r"row 2: selfies cannot encode 'CC\('"),
        ("mol,pIC50\n[Si],1\n", r"row 1: '\[Si\]' has 1 tokens, among them \[Si\]"),
        ("mol,pIC50\n" + "C" * 200 + ",1\n", "has 200 tokens, among them too many"),
        ("mol,pIC50\nCCO,1\n", "differs from the published BACE"),
        ("mol,pIC50\n", "has no rows"),
        ("mol,pIC50\nCCO\n", "row 1: could not convert"),
    ],
)
def test_wrong_table_is_refused_and_nothing_written(empty, tmp_path, extra, text, message):
    (tmp_path / bace_csv.FILE).write_text(text)
    done = CliRunner().invoke(main, ["data", "fetch", "BACE", "--from", str(tmp_path)])
    assert done.exit_code == 1
    with pytest.raises(TaskError, match=message):
        rows.from_archive(tmp_path / bace_csv.FILE, FACTS)
    assert list(empty.iterdir()) == []


def test_without_the_extra_it_is_named(empty, monkeypatch):
    monkeypatch.setattr(bace.molecules, "find_spec", lambda _: None)
    assert bace.OFFER.missing() == "rdkit and selfies not installed: pip install 'mbo-design-bench[molecules]'"
    with pytest.raises(TaskError, match="BACE needs rdkit and selfies"):
        bace.load()
