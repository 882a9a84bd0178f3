from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from mbo_design_bench import checksums, facts, forms, learned, oracle_files, rows, sequences, shards, training
from mbo_design_bench.layout import Layout
from mbo_design_bench.network import CHUNK, Network, predict
from safetensors.torch import load, save

from mbo_core.cli import main
from mbo_core.errors import TaskError
from mbo_core.stages import OracleEvaluation
from mbo_core.tasks import Space

NAME = "GFP-Transformer-v0"
WEIGHTS = np.array([5.0, -3.0, 2.0, 1.0, 0.5])


@pytest.fixture
def toy(empty, monkeypatch):
    """A task like GFP whose score is a sum over positions, with its data in place and a small network."""
    x = np.random.default_rng(0).integers(0, 4, (400, 5))
    y = (x == 0) @ WEIGHTS
    layout = Layout("gfp", "gfp", 1, Space.discrete(5, 4, facts.DNA))
    ends = {"y_min": float(y.min()), "y_max": float(y.max())}
    known = replace(facts.GFP, layout=layout, rows=400, limit=None, percentiles=(0, 50), archive=None, **ends)
    form = forms.Form(channels=8, kernel=3, blocks=1, hidden=(8,), epochs=60, learning_rate=1e-2, batch_size=32)
    monkeypatch.setattr(facts, "ALL", (known, facts.TF_BIND_8))
    monkeypatch.setitem(forms.FORMS, NAME, form)
    shards.write(empty / "gfp", layout, x, y)
    return known


def train(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["data", "train-oracle", *map(str, arguments)])


def files(folder):
    return sorted(path.name for path in (folder / "oracles").rglob("*") if path.is_file())


@pytest.mark.parametrize("name", forms.FORMS)
def test_score_depends_only_on_the_design(name):
    """The same bits alone, in a batch, at another place in it, and on more threads."""
    space = facts.named(name).layout.space
    threads = torch.get_num_threads()
    torch.manual_seed(0)
    network = Network(space.length, space.classes, forms.FORMS[name]).double()
    x = np.random.default_rng(0).integers(0, space.classes, (2 * CHUNK + 3, space.length))
    together = predict(network, x)
    order = np.random.default_rng(1).permutation(len(x))
    assert len(np.unique(together)) == len(x)
    assert np.array_equal(predict(network, x[order]), together[order])
    assert np.array_equal(np.concatenate([predict(network, x[i : i + 1]) for i in range(0, len(x), 9)]), together[::9])
    torch.set_num_threads(2 if threads == 1 else 1)
    elsewhere = predict(network, x)
    torch.set_num_threads(threads)
    assert np.array_equal(elsewhere, together)
    with torch.inference_mode():
        assert together == pytest.approx(network(torch.from_numpy(x)).numpy(), abs=1e-12)


@pytest.mark.slow
def test_the_command_trains_measures_and_stores(toy, empty):
    assert learned.untrained(toy) == f"the oracle is not trained yet: mbo data train-oracle {NAME} --seed 0"
    done = train(NAME, "--seed", 0, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["held_out_spearman"] > 0.95
    assert (found["task"], found["seed"], found["epochs"], found["quick_look"]) == (NAME, 0, 60, False)
    assert (found["held_out_rows"], found["rows"]) == (int(training.held_out(rows.read(toy)[0]).sum()), 400)
    assert found["versions"]["torch"] == torch.__version__
    assert files(empty) == ["seed-0.safetensors"]
    assert learned.untrained(toy) is None
    task = sequences.load(toy, toy)
    assert task.info.notes["oracle_seed"] == 0
    assert task.info.notes["held_out_spearman"] == found["held_out_spearman"]
    assert [note["data_sha256"] for note in task.info.notes["oracles"]] == [found["data_sha256"]]
    assert task.info.notes["oracle_files_sha256"] == {"0": checksums.sha256(empty / "oracles" / NAME / files(empty)[0])}
    assert sequences.offer(toy, toy).info.notes.items() <= task.info.notes.items()
    x, y = rows.read(toy)
    assert task.oracle.score(x) == pytest.approx(y, abs=1.5)
    every = np.stack(np.meshgrid(*[range(4)] * 5), -1).reshape(-1, 5)
    assert (task.y_min <= task.oracle.score(every)).all()
    assert (task.oracle.score(every) <= task.y_max).all()


def test_seed_draws_all_without_global_generator(toy):
    x, y = rows.read(toy)
    before = torch.random.get_rng_state()
    same, again, other = (
        training.train(toy.layout.space, (x, y), forms.FORMS[NAME], seed, 2, lambda *_: None) for seed in (3, 3, 4)
    )
    assert torch.equal(torch.random.get_rng_state(), before)
    assert np.array_equal(same.labels, again.labels)
    assert not np.allclose(same.labels, other.labels)
    assert np.array_equal(same.held_out, other.held_out)


def test_rows_of_one_design_are_held_out_together():
    x = np.random.default_rng(0).integers(0, 2, (500, 6))
    apart = training.held_out(x)
    assert not {tuple(row) for row in x[apart]} & {tuple(row) for row in x[~apart]}
    assert len({tuple(row) for row in x[apart]}) == 6  # a tenth of 64


def test_quick_look_is_marked_and_replaceable(toy, capsys, monkeypatch):
    monkeypatch.setitem(forms.FORMS, NAME, replace(forms.FORMS[NAME], epochs=3))
    assert "a quick look of 1 epochs" in train(NAME, "--epochs", 1).stdout
    task = sequences.load(toy, toy)
    assert task.info.comparable == "nothing: its oracle is a quick look of 1 epochs"
    assert task.info.notes["oracles"][0]["quick_look"]
    assert "the oracle of seed 0 is a quick look" in capsys.readouterr().err
    assert "trained for 3 epochs" in train(NAME).stdout
    done = train(NAME, "--epochs", 1)
    assert done.exit_code == 1
    assert "seed-0.safetensors exists already" in done.stderr


def test_other_seeds_are_scored_too(toy):
    train(NAME, "--seed", 1, "--epochs", 2)
    with pytest.raises(TaskError, match="the oracle is not trained yet") as raised:
        sequences.load(toy, toy)
    assert raised.value.hint == f"`mbo data train-oracle {NAME} --seed 0` trains it"
    train(NAME, "--seed", 0, "--epochs", 2)
    task = sequences.load(toy, toy)
    scores = OracleEvaluation().score(task.x[:9], task)
    assert np.array_equal(scores["normalised_oracle_0"], scores["normalised"])
    assert not np.allclose(scores["normalised_oracle_1"], scores["normalised"])
    assert [note["seed"] for note in task.info.notes["oracles"]] == [0, 1]


def test_labels_by_the_oracle(toy, monkeypatch):
    train(NAME, "--epochs", 3)
    known = replace(toy, name="Relabelled-v0")
    task, measured = sequences.load(known, toy), sequences.load(toy, toy)
    assert np.array_equal(task.y, task.oracle.score(task.x))
    assert task.y.max() <= np.median(task.oracle.score(rows.read(toy)[0]))
    assert (task.name, task.y_min, task.y_max) == ("Relabelled-v0", measured.y_min, measured.y_max)
    assert not np.array_equal(task.y, measured.y)


@pytest.mark.parametrize(
    ("designs", "message"),
    [([[0, 0, 0, 0, 4]], "a token outside"), ([[0, 0]], "shape"), ([[0.0] * 5], "not whole tokens")],
)
def test_what_is_no_design_is_refused(toy, designs, message):
    train(NAME, "--epochs", 1)
    with pytest.raises(TaskError, match=message):
        sequences.load(toy, toy).oracle.score(np.array(designs))


def truncated(path):
    path.write_bytes(path.read_bytes()[:-8])


def pickled(path):
    torch.save({"labels": torch.zeros(2)}, path)


def without_header(path):
    path.write_bytes(save(load(path.read_bytes())))


def of_other_form(path):
    tensors = load(path.read_bytes())
    weights = {name.removeprefix("network."): torch.zeros(2) for name in tensors if name != "labels"}
    oracle_files.store(path, oracle_files.about(path), weights, tensors["labels"].numpy())


def with_fewer_labels(path):
    weights, labels = oracle_files.tensors(path)
    oracle_files.store(path, oracle_files.about(path), weights, labels[:-1])


def with_a_deep_header(path):
    path.write_bytes(save({"labels": torch.zeros(2)}, {"oracle": "[" * 100_000}))


def with_a_form_of_a_terabyte(path):
    about = oracle_files.about(path)
    oracle_files.store(path, replace(about, form={**about.form, "channels": 2**35}), *oracle_files.tensors(path))


@pytest.mark.parametrize(
    "damage",
    [
        truncated,
        pickled,
        without_header,
        of_other_form,
        with_fewer_labels,
        with_a_deep_header,
        with_a_form_of_a_terabyte,
    ],
)
def test_a_damaged_file_is_refused(toy, damage):
    train(NAME, "--epochs", 1)
    damage(oracle_files.place(toy, 0))
    with pytest.raises(TaskError, match="is not an oracle of this version") as raised:
        sequences.load(toy, toy)
    assert "retrain the oracle" in raised.value.hint


def test_loading_an_oracle_draws_nothing(toy):
    train(NAME, "--epochs", 1)
    before = torch.random.get_rng_state()
    sequences.load(toy, toy)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_an_oracle_of_other_data_is_refused(toy, empty):
    train(NAME, "--epochs", 1)
    x, y = rows.read(toy)
    shards.write(empty / "gfp", toy.layout, x[::-1], y)
    with pytest.raises(TaskError, match="trained on different data"):
        sequences.load(toy, toy)


def test_a_training_that_diverges_stores_nothing(toy, empty, monkeypatch):
    monkeypatch.setitem(forms.FORMS, NAME, replace(forms.FORMS[NAME], learning_rate=1e30))
    done = train(NAME, "--epochs", 1)
    assert done.exit_code == 1
    assert "diverged" in done.stderr
    assert not (empty / "oracles").exists()


@pytest.mark.parametrize(
    ("task", "message"),
    [("GFP-Transfomer-v0", f'did you mean "{NAME}"?'), ("TFBind8-Exact-v0", "has no trainable oracle")],
)
def test_a_task_without_a_network_cannot_be_trained(toy, task, message):
    done = train(task)
    assert done.exit_code == 2
    assert message in done.stderr


def test_without_data_nothing_is_trained(empty):
    done = train(NAME)
    assert done.exit_code == 1
    assert f"mbo data fetch {NAME}" in done.stderr


def test_listing_shows_command_and_present_oracles(toy):
    offers = {offer.name: offer for offer in sequences.offers()}
    assert "mbo data fetch UTR-ResNet-v0" in offers["UTR-ResNet-Relabelled-v0"].missing()
    assert "oracles" not in offers[NAME].info.notes
    train(NAME, "--seed", 7, "--epochs", 1)
    train(NAME, "--seed", 8, "--epochs", 1)
    truncated(oracle_files.place(toy, 8))
    [note] = sequences.offer(toy, toy).info.notes["oracles"]
    assert (note["seed"], note["quick_look"]) == (7, True)
    assert -1 <= note["held_out_spearman"] <= 1
