from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from mbo_design_bench import chembl, shards
from mbo_design_bench.layout import Layout

from mbo_core.errors import TaskError
from mbo_core.tasks import Space

WORDS = ("C", "[CLS]", "O", "(", *(f"[unused{i}]" for i in range(9)), "[SEP]", "N")


def encode(text: str, length: int = 12) -> list[int]:
    tokens = [1, *(WORDS.index(letter) for letter in text), chembl.END]
    return [*tokens, *[4] * (length - len(tokens))]


@pytest.fixture
def molecules(monkeypatch):
    """Chains of 1 to 9 atoms with one or two kinds of them; y counts oxygen."""
    texts = [f"{'C' * i}{'O' * j}{'N' * k}" for i in range(1, 5) for j in range(3) for k in range(3)]
    layout = Layout("chembl-MCHC-CHEMBL3885882", "chembl", 1, Space.discrete(12, 15), mirrored=False)
    y = np.array([text.count("O") for text in texts], np.float32)
    known = replace(chembl.FACTS, layout=layout, rows=len(y), y_min=0.0, y_max=2.0)
    monkeypatch.setattr(chembl, "FACTS", known)
    return known, np.array([encode(text) for text in texts]), y


def test_a_design_ends_at_the_first_end():
    assert chembl.smiles(np.array(encode("CCO")), WORDS) == "CCO"
    assert chembl.smiles(np.array([1, 0, 2]), WORDS) == "CO"
    assert chembl.smiles(np.array([1, 13, 0, 13]), WORDS) == ""


def test_bits_match_the_molecule_or_are_empty():
    pytest.importorskip("rdkit")
    bits = chembl.fingerprints(np.array([encode("CCO"), encode("OCC"), encode("CCN"), encode("C(")]), WORDS)
    assert np.array_equal(bits[0], bits[1])
    assert not np.array_equal(bits[0], bits[2])
    assert bits.sum(axis=1).tolist()[3] == 0


def test_the_task(molecules, empty):
    pytest.importorskip("rdkit")
    known, x, y = molecules
    shards.write(empty / known.layout.folder, known.layout, x, y)
    assert chembl.missing().startswith("smiles_vocab.txt is missing from")
    with pytest.raises(TaskError, match=r"smiles_vocab\.txt is missing from"):
        chembl.load()
    (empty / chembl.VOCABULARY).write_text("\n".join(WORDS) + "\n")
    task = chembl.load()
    assert chembl.missing() is None
    assert len(task.x) == (y <= np.percentile(y, 40)).sum()
    assert task.info.notes["held_out_spearman"] > 0.4
    scores = task.oracle.score(x.astype(np.int64))
    assert np.array_equal(scores, [task.oracle.score(design[None].astype(np.int64))[0] for design in x])
    with pytest.raises(TaskError, match="token outside"):
        task.oracle.score(np.full((1, 12), 15))


def test_a_vocabulary_of_another_size_is_refused(molecules, empty):
    (empty / chembl.VOCABULARY).write_text("C\nO\n")
    with pytest.raises(TaskError, match="has 2 lines, not 15"):
        chembl.vocabulary()
    (empty / chembl.VOCABULARY).write_bytes(b"\xff\xfe")
    with pytest.raises(TaskError, match="cannot be read") as raised:
        chembl.vocabulary()
    assert raised.value.hint == "copy Design-Bench's smiles_vocab.txt there"


def test_without_rdkit_the_extra_is_named(empty, monkeypatch):
    monkeypatch.setattr(chembl.molecules, "find_spec", lambda _: None)
    assert "mbo-design-bench[molecules]" in chembl.OFFER.missing()
    with pytest.raises(TaskError, match="needs rdkit"):
        chembl.load()
