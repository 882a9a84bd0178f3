"""Designs become the published vectors, and come back exactly."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from mbo_core.errors import TaskError
from mbo_core.functional import keys
from mbo_core.runs.encoded import encode_table
from mbo_core.stages import Encoding, OneHot, SoftLogits, Standardised, statistics
from mbo_core.tasks import Space, Task

KEY = keys.key(0)
SEEDS = (4, 9, 7)
NUMBERS = np.random.default_rng(0)


def tokens(classes: int, rows: int = 40, length: int = 3) -> Task:
    """Random tokens; the second position is constant."""
    x = NUMBERS.integers(0, classes, size=(rows, length))
    x[:, 1] = classes - 1
    return Task("tokens", x, NUMBERS.normal(size=rows), space=Space.discrete(length, classes))


def real(x: np.ndarray) -> Task:
    return Task("real", x, np.arange(float(len(x))))


def every_token(classes: int) -> torch.Tensor:
    """(classes, 3): row a holds the token a at each position."""
    return torch.arange(classes)[:, None].expand(classes, 3)


def encode(encoding, task: Task, x: torch.Tensor) -> torch.Tensor:
    state = encoding.init(KEY, task.table)
    return encoding.encode(state, x).reshape(len(x), *encoding.shape(state))


@pytest.mark.parametrize(("classes", "ratio"), [(4, 7.0), (5, 8.5), (20, 31.0)])
def test_soft_logits_are_those_of_design_bench(classes, ratio):
    logits = encode(SoftLogits(standardise=False), tokens(classes), every_token(classes))
    expected = math.log(ratio) * torch.eye(classes)[:, 1:]
    expected[0] = -math.log(ratio)
    torch.testing.assert_close(logits, expected[:, None, :].expand_as(logits))


@pytest.mark.parametrize(("classes", "ratio"), [(4, 7.0), (20, 31.0)])
def test_the_mean_reference_treats_the_classes_alike(classes, ratio):
    logits = encode(SoftLogits(standardise=False, reference="mean"), tokens(classes), every_token(classes))
    expected = math.log(ratio) * (torch.eye(classes) - 1 / classes)
    torch.testing.assert_close(logits, expected[:, None, :].expand_as(logits))


def test_the_mass_on_the_token_is_an_option():
    logits = encode(SoftLogits(standardise=False, mass=0.9), tokens(4), every_token(4))
    assert logits[2, 0, 1].item() == pytest.approx(math.log((0.9 + 0.025) / 0.025))


@pytest.mark.parametrize("standardise", [True, False])
@pytest.mark.parametrize("reference", ["first", "mean"])
@pytest.mark.parametrize("classes", [2, 4, 5, 20])
def test_every_token_survives_a_round_trip(classes, reference, standardise):
    """At every position, even where the data are constant."""
    encoding, task = SoftLogits(reference=reference, standardise=standardise), tokens(classes)
    state = encoding.init(KEY, task.table)
    assert torch.equal(encoding.decode(state, encoding.encode(state, every_token(classes))), every_token(classes))
    assert torch.equal(encoding.decode(state, encoding.encode(state, torch.tensor(task.x))), torch.tensor(task.x))


def test_logits_are_standardised():
    """Mean 0 and population std 1; constant ones are only centred."""
    task = tokens(4)
    encoded = encode(SoftLogits(), task, torch.tensor(task.x)).double()
    torch.testing.assert_close(encoded.mean(0), torch.zeros(3, 3).double(), atol=1e-6, rtol=0)
    torch.testing.assert_close(encoded[:, 0].std(0, correction=0), torch.ones(3).double(), atol=1e-6, rtol=0)
    assert encoded[:, 1].abs().max() == 0
    other = encode(SoftLogits(), task, torch.tensor([[0, 0, 0]]))
    assert other[0, 1].tolist() == pytest.approx([-math.log(7), -math.log(7), -2 * math.log(7)])


@pytest.mark.parametrize("classes", [2, 5])
def test_one_hot_rows_are_exact(classes):
    """Decoding takes the likeliest token."""
    encoding, task = OneHot(), tokens(classes)
    state = encoding.init(KEY, task.table)
    encoded = encoding.encode(state, every_token(classes))
    assert torch.equal(encoded.reshape(classes, 3, classes), torch.eye(classes)[:, None].expand(classes, 3, classes))
    softened = 0.6 * encoded + 0.4 / classes
    assert torch.equal(encoding.decode(state, softened), every_token(classes))


def test_continuous_designs_are_standardised():
    """Mean 0 and population std 1; constant ones are only centred."""
    x = torch.tensor([[1.0, 0.1], [3.0, 0.1], [5.0, 0.1]])
    encoding = Standardised()
    state = encoding.init(KEY, real(x.numpy()).table)
    assert state.std.tolist() == pytest.approx([math.sqrt(8 / 3), 1])
    encoded = encoding.encode(state, x.double())
    assert encoded.flatten().tolist() == pytest.approx([-math.sqrt(1.5), 0, 0, 0, math.sqrt(1.5), 0], abs=1e-7)
    assert encoding.encode(state, x.double() + 2)[:, 1].tolist() == pytest.approx([2, 2, 2])


@pytest.mark.parametrize(("value", "rows"), [(0.1, 3), (1e8 + 0.1, 1000)])
def test_a_constant_column_has_exact_statistics(value, rows):
    """Its mean is its value, and rounding errors do not count as spread."""
    mean, std = statistics(torch.full((rows, 1), value, dtype=torch.float64))
    assert (mean.item(), std.item()) == (value, 1)


def test_decoding_is_done_in_float64():
    # Around 1e8 float32 has steps of 8.
    x = torch.tensor(1e8 + NUMBERS.normal(size=(50, 2)))
    encoding = Standardised()
    state = encoding.init(KEY, real(x.numpy()).table)
    decoded = encoding.decode(state, encoding.encode(state, x))
    assert decoded.dtype == torch.float64
    assert (decoded - x).abs().max() < 1e-6


def test_an_unmoved_design_comes_back_exactly():
    """A moved one is decoded."""
    x = NUMBERS.normal(size=(50, 2)) * 1e3
    encoded = encode_table(Standardised(), SEEDS, real(x).table)
    moved = encoded.first.x.clone()
    moved[7] += 1
    decoded = encoded.decode(moved, 4).numpy()
    assert np.array_equal(np.delete(decoded, 7, 0), np.delete(x, 7, 0))
    np.testing.assert_allclose(decoded[7], x[7] + encoded.state.std.numpy(), rtol=1e-4)


@pytest.mark.parametrize(
    ("encoding", "task", "shape", "values"),
    [
        (Standardised(), real(NUMBERS.normal(size=(9, 2))), (2,), "real"),
        (OneHot(), tokens(4), (3, 4), "one-hot"),
        (SoftLogits(), tokens(4), (3, 3), "real"),
        (SoftLogits(reference="mean"), tokens(4), (3, 4), "real"),
    ],
    ids=["standardised", "one-hot", "first", "mean"],
)
def test_the_stages_see_float32_vectors_and_their_space(encoding, task, shape, values):
    data = encode_table(encoding, SEEDS, task.table).first
    assert data.x.dtype == data.y.dtype == torch.float32
    assert data.x.shape == (len(task.x), math.prod(shape))
    assert (data.space.kind, data.space.shape, data.space.representation) == (task.kind, shape, values)
    assert data.space.classes == task.space.classes
    assert torch.equal(data.space.lower, data.x.min(0).values)
    assert torch.equal(data.space.upper, data.x.max(0).values)


def test_scores_are_standardised_and_restored():
    """By the population std."""
    task = Task("four", np.eye(4), [[10.0], [20.0], [30.0], [60.0]])
    encoded = encode_table(Standardised(), SEEDS, task.table)
    mean, std = 30, math.sqrt(350)
    assert encoded.y.tolist() == pytest.approx([(y - mean) / std for y in (10, 20, 30, 60)])
    raw = encoded.scores.raw(encoded.y)
    assert raw.dtype == torch.float64
    assert raw.tolist() == pytest.approx([10, 20, 30, 60])


def test_equal_scores_become_zeros():
    assert encode_table(Standardised(), SEEDS, Task("flat", np.eye(3), [0.1] * 3).table).y.tolist() == [0, 0, 0]


@dataclass(frozen=True, kw_only=True)
class Shifted(Encoding):
    """Adds a number that each seed draws."""

    name = "shifted"
    kinds = frozenset({"continuous"})
    seeded = True
    representation = "real"

    def init(self, key, table):
        return keys.normal(key, (1,))

    def encode(self, state, x):
        return x.float() + state

    def decode(self, state, x):
        return (x - state).double()

    def shape(self, state):
        return (2,)


@dataclass(frozen=True, kw_only=True)
class ShiftedAlone(Shifted):
    lift = "loop"


@pytest.mark.parametrize("encoding", [Shifted(), ShiftedAlone()], ids=["stacked", "looped"])
def test_a_seeded_encoding_is_fitted_per_seed(encoding):
    """It does not depend on other seeds."""
    task = real(NUMBERS.normal(size=(5, 2)))
    together = encode_table(encoding, SEEDS, task.table)
    alone = encode_table(encoding, SEEDS[1:2], task.table)
    assert together.x.shape == (3, 5, 2)
    assert not torch.equal(together.x[0], together.x[1])
    for one in (alone, together.only([9]), together.only([7, 9]).only([9])):
        assert torch.equal(one.x, together.x[1:2])
        assert torch.equal(one.space.upper, together.x[1:2].amax(1))
        assert torch.equal(one.first.x, together.x[1])
        assert torch.equal(one.first.space.lower, together.x[1].amin(0))
        assert one.first.y is one.y
        assert torch.equal(one.decode(one.x[0] + 1, 9), together.decode(together.x[1] + 1, 9))
    for seed, x in zip(SEEDS, together.x, strict=True):
        assert np.array_equal(together.decode(x, seed), task.x)
        np.testing.assert_allclose(together.decode(x + 1, seed), task.x + 1, rtol=1e-5)


def test_other_encodings_are_shared_by_all_seeds():
    task = real(NUMBERS.normal(size=(5, 2)))
    encoded = encode_table(Standardised(), SEEDS, task.table)
    assert encoded.x.shape == (5, 2)
    assert encoded.only([9]).x is encoded.x
    assert np.array_equal(encoded.decode(encoded.x, 7), task.x)


def test_logits_of_a_single_class_are_refused():
    task = Task("one letter", [[0, 0], [0, 0]], [1.0, 2.0])
    with pytest.raises(TaskError, match="only one class"):
        SoftLogits().init(KEY, task.table)
