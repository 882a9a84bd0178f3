"""The search stays in its ball, uses all of it in a straight line, and moves only what it should."""

from __future__ import annotations

import optree
import pytest
import torch
from mbo_roma.ball import Ball
from torch import Tensor
from torch.func import vmap

from mbo_core.functional import keys
from mbo_core.functional.nets import MLP, GaussianMLP

KEY = keys.key(3)
NET = MLP((16, 16), 2, "softplus")
X = keys.normal(keys.key(5), (64, 5))


def wave(leaf: Tensor) -> Tensor:
    return torch.sin(torch.arange(leaf.numel())).view_as(leaf)


def weights(dtype=torch.float32):
    """A network whose biases are not 0, as after some training."""
    return optree.tree_map(lambda leaf: (leaf + 0.1 * wave(leaf)).to(dtype), NET.init(KEY, 5))


def wavy(params) -> Tensor:
    """Turns its gradient with every step in a ball of radius 1."""
    output = NET.apply(params, X.to(params[0]["bias"])).square().mean()
    return output + sum((7 * leaf).sin().sum() for leaf in optree.tree_leaves(params))


def linear(params) -> Tensor:
    return sum((leaf * wave(leaf + 1)).sum() for leaf in optree.tree_leaves(params))


def ratios(centre, moved) -> list[float]:
    """The relative displacement of each tensor, in double precision."""
    pairs = zip(optree.tree_leaves(centre), optree.tree_leaves(moved), strict=True)
    return [((after.double() - before.double()).norm() / before.double().norm()).item() for before, after in pairs]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("steps", [1, 20, pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.parametrize("radius", [5e-4, 5e-3, 1.0])
@pytest.mark.parametrize("objective", [wavy, linear])
def test_no_tensor_leaves_the_ball(objective, radius, steps, dtype):
    centre, ball = weights(dtype), Ball(radius, steps)
    for search in (ball.ascend, ball.descend):
        moved = search(objective, centre)
        # Weights are rounded to their last place, which is more than a millionth of a radius of 5e-4 in float32.
        assert max(ratios(centre, moved)) <= radius * (1 + 1e-6) + torch.finfo(dtype).eps / 2
        assert ball.displacement(centre, moved).item() == pytest.approx(max(ratios(centre, moved)), rel=1e-3)


@pytest.mark.parametrize(("radius", "steps"), [(5e-4, 100), (5e-3, 20), (1.0, 7)])
def test_a_straight_way_ends_on_the_boundary(radius, steps):
    centre = weights()
    assert ratios(centre, Ball(radius, steps).ascend(linear, centre)) == pytest.approx([radius] * 6, rel=1e-3)


def test_a_way_that_turns_ends_inside():
    centre = (torch.ones(4),)
    moved = Ball(1.0, 20).descend(lambda params: (params[0] - 1.02).square().sum(), centre)
    assert ratios(centre, moved)[0] < 0.06


def test_one_step_computed_by_hand():
    # ||theta|| = 5 and ||g|| = 10, so the step is 0.2 * 5 * (0.6, 0.8); up or down.
    centre = (torch.tensor([3.0, 4.0]),)
    slope = torch.tensor([6.0, 8.0])
    up, down = (
        search(lambda params: params[0] @ slope, centre) for search in (Ball(0.2, 1).ascend, Ball(0.2, 1).descend)
    )
    torch.testing.assert_close(up[0], torch.tensor([3.6, 4.8]))
    torch.testing.assert_close(down[0], torch.tensor([2.4, 3.2]))


def test_step_length_follows_the_centre():
    # Along its own direction the tensor grows by a tenth of its first norm each time, not of its current one.
    centre = (torch.tensor([3.0, 4.0]),)
    moved = Ball(1.0, 10).ascend(lambda params: params[0].norm(), centre)
    torch.testing.assert_close(moved[0], torch.tensor([6.0, 8.0]))


def test_zero_tensors_and_zero_gradients_stay():
    """Tensors of norm 0 do not move, nor do tensors without a gradient."""
    centre = {"zero": torch.zeros(4), "dead": torch.ones(3), "live": torch.ones(2)}
    moved = Ball(0.1, 5).ascend(
        lambda params: params["zero"].sum() + params["live"].sum() + 0 * params["dead"].sum(), centre
    )
    assert torch.equal(moved["zero"], centre["zero"])
    assert torch.equal(moved["dead"], centre["dead"])
    torch.testing.assert_close(moved["live"], torch.full((2,), 1.1))
    assert Ball(0.1, 5).displacement(centre, moved).item() == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("biases", "members", "moves"),
    [
        # Released code: a leading dimension above 1, so not the weights of a single input, nor a single output's bias.
        (True, False, {"matrix", "tall", "vector", "many"}),
        (False, False, {"matrix", "tall", "wide", "many"}),
        # The first axis is that of three members, which does not count.
        (True, True, {"many", "bias of each"}),
        (False, True, {"many"}),
    ],
)
def test_what_is_moved(biases, members, moves):
    shapes = {"matrix": (3, 2), "tall": (3, 1), "wide": (1, 3), "vector": (3,), "one": (1,), "scalar": ()}
    if members:
        shapes = {"scalar of each": (3,), "bias of each": (3, 2), "one of each": (3, 1)}
    shapes["many"] = (3, 2, 2)
    centre = {name: torch.ones(shape) for name, shape in shapes.items()}
    moved = Ball(0.1, 5, biases, members).ascend(lambda params: sum(leaf.sum() for leaf in params.values()), centre)
    assert {name for name in centre if not torch.equal(moved[name], centre[name])} == moves


def test_each_member_moves_as_if_it_were_alone():
    members = vmap(lambda key: GaussianMLP((8,)).init(key, 5))(keys.split(KEY, 3))
    members["layers"][0]["bias"] += 0.3

    def loss(params, x=X):
        return GaussianMLP((8,)).apply(params, x).mean.square().mean()

    def losses(params):
        return vmap(loss)(params).sum()

    together = Ball(0.05, 5, members=True).ascend(losses, members)
    alone = vmap(lambda params: Ball(0.05, 5).ascend(loss, params))(members)
    for one, other in zip(optree.tree_leaves(together), optree.tree_leaves(alone), strict=True):
        torch.testing.assert_close(one, other)


def unasked(params) -> Tensor:
    raise AssertionError("the objective is asked for")


@pytest.mark.parametrize(("radius", "steps"), [(0.0, 20), (5e-3, 0)])
def test_zero_radius_or_steps_compute_nothing(radius, steps):
    """The weights do not change by a bit."""
    centre = weights()
    moved = Ball(radius, steps).ascend(unasked, centre)
    assert all(map(torch.equal, optree.tree_leaves(moved), optree.tree_leaves(centre)))


def test_with_nothing_to_move_the_weights_come_back():
    centre = {"slope": torch.ones(1, 1), "bias": torch.ones(1)}
    ball = Ball(0.1, 5)
    moved = ball.ascend(unasked, centre)
    assert torch.equal(moved["slope"], centre["slope"])
    assert ball.displacement(centre, moved) == 0


def test_centre_is_unchanged_and_result_detached():
    centre = optree.tree_map(lambda leaf: leaf.requires_grad_(), weights())
    before = optree.tree_map(lambda leaf: leaf.detach().clone(), centre)
    moved = Ball(0.1, 5).ascend(wavy, centre)
    assert not any(leaf.requires_grad for leaf in optree.tree_leaves(moved))
    assert all(leaf.grad is None for leaf in optree.tree_leaves(centre))
    assert all(map(torch.equal, optree.tree_leaves(centre), optree.tree_leaves(before)))
