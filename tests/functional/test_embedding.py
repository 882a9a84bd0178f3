"""An embedding of tokens: looked up and flattened before the first layer, as one map with it."""

from __future__ import annotations

import math

import pytest
import torch
from torch.func import grad, vmap
from torch.nn.functional import embedding as look_up
from torch.nn.functional import one_hot

import mbo_core as mbo
from mbo_core.functional import keys
from mbo_core.functional.embedding import Embedding, embedding_for, merged
from mbo_core.functional.nets import MLP, GaussianMLP, gaussian_params, layers_of
from mbo_core.runs.encoded import encode_table
from mbo_core.stages import OneHot, SoftLogits
from mbo_core.testing import small_task
from mbo_core.testing.nests import assert_close, equal

KEY = keys.key(7)
TOKENS = keys.randint(KEY, (20, 5), 4)
X = one_hot(TOKENS, 4).flatten(1).float()
EMBEDDING = Embedding(classes=4, width=6)
NET = GaussianMLP((16, 16))


def written_out(params, tokens):
    """Keras's Embedding, Flatten and Dense layers."""
    x = look_up(tokens, params["embedding"]).flatten(1)
    return MLP((16, 16), 2).apply(params["layers"], x)[:, 0]


def test_it_is_a_table_before_the_network():
    params = NET.init(KEY, 20, EMBEDDING)
    assert params["layers"][0]["weight"].shape == (30, 16)
    torch.testing.assert_close(NET.apply(params, X).mean, written_out(params, TOKENS))


def test_its_gradients_are_those_of_the_table():
    params = NET.init(KEY, 20, EMBEDDING)
    found = grad(lambda one: NET.apply(one, X).mean.square().sum())(params)
    expected = grad(lambda one: written_out(one, TOKENS).square().sum())(params)
    assert_close(found["embedding"], expected["embedding"], rtol=1e-4, atol=1e-5)
    assert_close(found["layers"], expected["layers"], rtol=1e-4, atol=1e-5)


def test_initial_values_are_those_of_keras():
    table = Embedding(classes=50, width=200).init(KEY)
    assert table.shape == (50, 200)
    assert table.abs().max() <= 0.05
    assert table.std().item() == pytest.approx(0.1 / math.sqrt(12), rel=0.02)


def test_layers_are_drawn_as_for_their_inputs():
    params = NET.init(KEY, 20, EMBEDDING)
    assert equal(params["layers"], NET.init(KEY, 30)["layers"])
    assert "embedding" not in NET.init(KEY, 20)


def test_without_a_table_the_layers_stay():
    params = NET.init(KEY, 20)
    assert layers_of(params) is params["layers"]


def test_each_position_has_its_own_weights():
    table, weight = torch.eye(3), torch.arange(12.0).reshape(6, 2)
    assert torch.equal(merged(table, weight), weight)
    assert torch.equal(merged(2 * table[[2, 0]], weight), 2 * weight[[2, 0, 5, 3]])


def test_networks_together_equal_networks_alone():
    many = keys.split(KEY, 3)
    params = vmap(lambda key: gaussian_params(MLP((8,), 2), key, 20, embedding=EMBEDDING))(many)
    together = vmap(GaussianMLP((8,)).apply, in_dims=(0, None))(params, X)
    alone = [GaussianMLP((8,)).apply(gaussian_params(MLP((8,), 2), key, 20, embedding=EMBEDDING), X) for key in many]
    torch.testing.assert_close(together.mean, torch.stack([one.mean for one in alone]))


def test_only_one_hot_designs_are_embedded():
    task = small_task("discrete")
    spaces = [encode_table(one, (0,), task.table).first.space for one in (OneHot(), SoftLogits())]
    assert embedding_for(9, spaces[0]) == Embedding(task.space.classes, 9)
    assert embedding_for(None, spaces[1]) is None
    with pytest.raises(mbo.TaskError, match="embedding=9 needs one-hot designs"):
        embedding_for(9, spaces[1])
