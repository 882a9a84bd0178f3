"""The network is the published one, though the condition's product is never formed."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from mbo_mins.nets import Conditional

from mbo_core.functional import keys

KEY = keys.key(3)


def published(net, x, y):
    """The same network with c written out and joined to what each layer is given, (n, inputs + condition)."""
    c = y[:, None] * net.condition[0] + net.condition[1]
    for layer, norm in zip(net.layers[:-1], net.norms, strict=True):
        a = torch.cat([x, c], 1) @ torch.cat([layer.weight, layer.of_condition]) + layer.bias
        mean, variance = a.mean(1, keepdim=True), a.var(1, correction=0, keepdim=True)
        normed = (a - mean) / (variance + 1e-3).sqrt() * norm.weight + norm.bias
        x = torch.where(normed > 0, normed, 0.2 * normed)
    last = net.layers[-1]
    return torch.cat([x, c], 1) @ torch.cat([last.weight, last.of_condition]) + last.bias


def moved(net):
    """With every weight, bias and scale away from where it starts."""
    with torch.no_grad():
        for number, one in enumerate(net.parameters()):
            one += 0.3 * keys.normal(keys.fold_in(KEY, number), one.shape)
    return net.double()


def test_values_and_gradients_match_explicit_network():
    net = moved(Conditional(KEY, 4, (8, 6), 3))
    x, y = keys.normal(KEY, (10, 4)).double(), keys.normal(keys.key(4), (10,)).double()
    found, expected = net.of(x, y), published(net, x, y)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(net.of(x, y, net.lines()), expected)
    probe = keys.normal(keys.key(5), (10, 3)).double()
    slopes = [torch.autograd.grad((value * probe).sum(), list(net.parameters())) for value in (found, expected)]
    for one, other in zip(*slopes, strict=True):
        torch.testing.assert_close(one, other)


def test_it_starts_as_in_keras():
    net = Conditional(KEY, 4, (64, 32), 3)
    assert (net.condition[1] == 0).all()
    bound = (6 / 65) ** 0.5
    assert 0.9 * bound < net.condition[0].abs().max() <= bound
    for layer, inputs, outputs in zip(net.layers, (4, 64, 32), (64, 32, 3), strict=True):
        bound = (6 / (inputs + 64 + outputs)) ** 0.5
        weight = torch.cat([layer.weight, layer.of_condition])
        assert weight.shape == (inputs + 64, outputs)
        assert 0.9 * bound < weight.abs().max() <= bound
        assert (layer.bias == 0).all()
    assert [norm.eps for norm in net.norms] == [1e-3, 1e-3]


def test_every_weight_is_registered():
    net = Conditional(KEY, 4, (8, 6), 3)
    counted = sum(one.numel() for one in net.parameters())
    assert counted == 2 * 8 + (4 + 8 + 1) * 8 + (8 + 8 + 1) * 6 + (6 + 8 + 1) * 3 + 2 * 8 + 2 * 6


def test_rectifier_has_the_released_slope():
    # One unit and one row, so that the norm gives 0 and its bias alone reaches the rectifier.
    net = Conditional(KEY, 1, (1,), 1)
    with torch.no_grad():
        net.norms[0].bias.fill_(-1.0)
        net.layers[1].weight.fill_(1.0)
        net.condition.zero_()
    assert F.leaky_relu(torch.tensor(-1.0), 0.2) == net.of(torch.ones(1, 1), torch.ones(1)).squeeze()
