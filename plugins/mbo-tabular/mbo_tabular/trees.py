"""Trees of scikit-learn as arrays, so that they can be stored and predict without it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

AT_ONCE = 2048
"""Designs that go down the trees together."""


class Trees(NamedTuple):
    """Members, each the sum of some trees, with the same number of nodes for all: the spare ones are not reached.

    Nodes are numbered from the root, depth first, so that the left child of a node follows it.
    """

    feature: Tensor
    """(members, trees, nodes) int32: the coordinate that a node looks at"""
    threshold: Tensor
    """float32: a design whose coordinate is larger goes right"""
    right: Tensor
    """int32: the right child; a leaf's is the leaf itself"""
    value: Tensor
    """float32: what a leaf adds"""
    base: Tensor
    """(members,) float32: what a member starts from"""


def most_nodes(rows: int, leaf: int, depth: int | None = None) -> int:
    """The most nodes of a tree with at least `leaf` of `rows` rows in each leaf."""
    leaves = max(1, rows // leaf)
    return 2 * (leaves if depth is None else min(leaves, 2**depth)) - 1


def as_arrays(members: Sequence[Sequence[Any]], base: Sequence[float], scale: float, nodes: int) -> Trees:
    """Fitted trees as arrays.

    Args:
        members: the trees of each member: scikit-learn's `tree_`.
        base: what each member starts from.
        scale: the factor of the leaves' values.
        nodes: to fill up to.
    """
    shape = (len(members), len(members[0]), nodes)
    feature, right = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
    threshold, value = np.full(shape, np.inf, np.float32), np.zeros(shape, np.float32)
    for m, trees in enumerate(members):
        for t, tree in enumerate(trees):
            inner, own = tree.children_left >= 0, np.arange(tree.node_count)
            assert np.array_equal(tree.children_left[inner], own[inner] + 1)
            feature[m, t, own] = np.where(inner, tree.feature, 0)
            threshold[m, t, own] = np.where(inner, _not_above(tree.threshold), np.inf)
            right[m, t, own] = np.where(inner, tree.children_right, own)
            value[m, t, own] = scale * tree.value[:, 0, 0]
    arrays = map(torch.from_numpy, (feature, threshold, right, value))
    return Trees._make([*arrays, torch.tensor(base, dtype=torch.float32)])


def _not_above(threshold: NDArray[np.float64]) -> NDArray[np.float32]:
    """The largest float32 not above each threshold: coordinates are float32, so that they compare the same."""
    near = threshold.astype(np.float32)
    return np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near)


def predicted(trees: Trees, x: Tensor) -> Tensor:
    """What each member predicts for designs (n, d), (members, n) float64."""
    parts = [_predicted(trees, part) for part in torch.split(x.detach(), AT_ONCE)]
    return torch.cat(parts, dim=1)


def _predicted(trees: Trees, x: Tensor) -> Tensor:
    members, count, nodes = trees.feature.shape
    feature, threshold, right = (one.flatten() for one in (trees.feature, trees.threshold, trees.right))
    root = (torch.arange(members * count, device=x.device) * nodes)[:, None]
    coordinates, row = x.T.flatten(), torch.arange(len(x), device=x.device)
    node = root.expand(-1, len(x))
    while True:
        down = right[node] + root
        leaf = down == node
        if leaf.all():
            break
        goes_right = coordinates[feature[node] * len(x) + row] > threshold[node]
        node = torch.where(goes_right | leaf, down, node + 1)
    values = trees.value.flatten()[node].double().reshape(members, count, len(x))
    return trees.base.double()[:, None] + values.sum(1)
