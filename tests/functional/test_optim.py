"""Adam takes torch's steps, on any nest, alone and lifted."""

from __future__ import annotations

from typing import NamedTuple

import optree
import pytest
import torch
from torch import Tensor
from torch.func import vmap

from mbo_core.functional import keys
from mbo_core.functional.optim import Adam, clip_by_norm
from mbo_core.testing.nests import assert_close

STEPS = 200


class Weights(NamedTuple):
    layers: tuple[dict[str, Tensor], ...]
    scale: Tensor


SHAPES = [(4, 6), (6,), ()]
# So that epsilon matters to some of the tensors.
GRADIENT_SIZES = [1.0, 1e-3, 1e-6]


def draw(key: Tensor, dtype: torch.dtype, *leading: int, sizes=(1.0, 1.0, 1.0)) -> Weights:
    drawn = [
        size * keys.normal(k, (*leading, *shape)).to(dtype)
        for k, shape, size in zip(keys.split(key, 3), SHAPES, sizes, strict=True)
    ]
    return Weights(({"weight": drawn[0], "bias": drawn[1]},), drawn[2])


def problem(key: Tensor, dtype: torch.dtype) -> tuple[Weights, Weights]:
    """Random weights, and gradients that do not depend on them, so that rounding is not amplified."""
    start, slopes = keys.split(key)
    return draw(start, dtype), draw(slopes, dtype, STEPS, sizes=GRADIENT_SIZES)


def descend(adam: Adam, weights: Weights, grads: Weights) -> Weights:
    state = adam.init(weights)
    for step in range(STEPS):
        weights, state = adam.step(weights, pick(grads, step), state)
    return weights


def descend_with_torch(weights: Weights, grads: Weights, **options) -> Weights:
    leaves, structure = optree.tree_flatten(weights)
    leaves = [leaf.clone() for leaf in leaves]
    optimizer = torch.optim.Adam(leaves, **options)
    for step in range(STEPS):
        for leaf, slope in zip(leaves, optree.tree_leaves(pick(grads, step)), strict=True):
            leaf.grad = slope.clone()
        optimizer.step()
    return structure.unflatten(leaves)


def pick(nest, index):
    return optree.tree_map(lambda leaf: leaf[index], nest)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
@pytest.mark.parametrize(
    ("beta1", "beta2", "epsilon"), [(0.9, 0.999, 1e-7), (0.9, 0.999, 1e-2), (0.0, 0.9, 1e-7), (0.5, 0.0, 1e-3)]
)
def test_adam_takes_the_steps_of_torch(dtype, tolerance, beta1, beta2, epsilon):
    start = problem(keys.key(1), dtype)
    ours = descend(Adam(0.01, beta1, beta2, epsilon), *start)
    theirs = descend_with_torch(*start, lr=0.01, betas=(beta1, beta2), eps=epsilon)
    assert_close(ours, theirs, rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_adam_finds_a_minimum(dtype):
    adam, weights, target = Adam(0.05), draw(keys.key(1), dtype), draw(keys.key(2), dtype)
    state = adam.init(weights)
    for _ in range(500):
        grads = optree.tree_map(torch.sub, weights, target)
        weights, state = adam.step(weights, grads, state)
    assert_close(weights, target, rtol=0, atol=1e-3)


def test_the_defaults_are_those_of_keras():
    assert Adam(0.01) == Adam(0.01, beta1=0.9, beta2=0.999, epsilon=1e-7)


def test_the_first_step_computed_by_hand():
    # At t = 1 the bias-corrected moments are g and g * g.
    adam = Adam(0.1, epsilon=0.5)
    weights, state = adam.step((torch.tensor([2.0]),), (torch.tensor([1.5]),), adam.init((torch.zeros(1),)))
    assert weights[0].item() == pytest.approx(2 - 0.1 * 1.5 / (1.5 + 0.5))
    assert (state.steps, state.steps.dtype) == (1, torch.int64)
    assert state.first[0].item() == pytest.approx(0.1 * 1.5)
    assert state.second[0].item() == pytest.approx(0.001 * 1.5**2)


def test_seeds_together_equal_seeds_alone():
    seeds = keys.split(keys.key(2), 3)

    def train(key: Tensor) -> Weights:
        return descend(Adam(0.01), *problem(key, torch.float64))

    together = vmap(train, randomness="error")(seeds)
    for seed, key in enumerate(seeds):
        assert_close(pick(together, seed), train(key), rtol=0, atol=1e-12)


def test_the_state_passes_through_a_lifted_step():
    adam = Adam(0.1)
    weights = {"weight": torch.ones(3, 2)}
    state = vmap(adam.init)(weights)
    moved, state = vmap(adam.step)(weights, weights, state)
    assert state.steps.tolist() == [1, 1, 1]
    torch.testing.assert_close(moved["weight"], torch.full((3, 2), 0.9))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_learning_rate_may_be_a_tensor(dtype):
    start = problem(keys.key(1), torch.float32)
    by_number, by_tensor = (descend(Adam(rate), *start) for rate in (0.01, torch.tensor(0.01, dtype=dtype)))
    assert_close(by_tensor, by_number, rtol=0, atol=1e-6)


def test_every_tensor_keeps_its_type():
    adam = Adam(0.1)
    weights = {name: torch.ones((), dtype=dtype) for name, dtype in [("half", torch.bfloat16), ("wide", torch.float64)]}
    moved, state = adam.step(weights, weights, adam.init(weights))
    for nest in (moved, state.first, state.second):
        assert {name: leaf.dtype for name, leaf in nest.items()} == {"half": torch.bfloat16, "wide": torch.float64}
    assert moved["wide"].item() == pytest.approx(0.9)


def test_a_step_changes_nothing_in_place():
    adam = Adam(0.1)
    weights, grads = {"weight": torch.ones(2)}, {"weight": torch.full((2,), 3.0)}
    _, state = adam.step(weights, grads, adam.init(weights))
    given = (weights, grads, state)
    before = optree.tree_map(torch.clone, given)
    adam.step(*given)
    assert_close(given, before, rtol=0, atol=0)


def test_no_gradient_is_no_step():
    adam = Adam(0.1)
    weights = {"weight": torch.ones(2)}
    moved, _ = adam.step(weights, {"weight": torch.zeros(2)}, adam.init(weights))
    assert torch.equal(moved["weight"], weights["weight"])


@pytest.mark.parametrize(
    ("grads", "clipped"),
    [
        ([[3.0, 0.0], [0.0, 4.0]], [[0.6, 0.0], [0.0, 0.8]]),
        ([0.3, 0.4], [0.3, 0.4]),
        ([0.0, 0.0], [0.0, 0.0]),
        (-7.0, -1.0),
    ],
)
def test_each_tensor_is_clipped_by_itself(grads, clipped):
    others = {"small": torch.tensor(0.1), "large": torch.tensor([100.0])}
    result = clip_by_norm({"grads": torch.tensor(grads), **others}, limit=1.0)
    torch.testing.assert_close(result["grads"], torch.tensor(clipped))
    assert result["small"] == others["small"]
    assert result["large"].item() == pytest.approx(1)


def test_clipping_can_be_lifted():
    assert vmap(lambda g: clip_by_norm((g,), 2.0))(torch.tensor([[3.0], [1.0]]))[0].tolist() == [[2.0], [1.0]]
