"""The game: a generator, and a critic that tells real designs from generated ones of the same score."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from mbo_core.functional import keys
from mbo_core.stages import EncodedSpace, Key
from mbo_mins.nets import Conditional

BETAS = (0.0, 0.9)
"""Of Adam for both players (Gulrajani et al., 2017)."""
EPSILON = 1e-7
"""Of Adam: Keras's."""
AT_ZERO = 1e-12
"""Added under the root of a norm, which has no derivative at 0."""


class Rows(NamedTuple):
    """A batch for the critic; all terms of a row are multiplied by its weight."""

    real: Tensor
    """(n, d)"""
    fake: Tensor
    """(n, d), generated for the scores of the real ones."""
    mixed: Tensor
    """(n, d), between the two."""
    y: Tensor
    """(n,)"""
    w: Tensor
    """(n,) weights over the number of rows, so that a mean is a sum."""


class Terms(NamedTuple):
    """The parts of the critic's loss, each the weighted mean over the rows, ()."""

    real: Tensor
    """D(real, y)"""
    fake: Tensor
    """D(fake, y)"""
    penalty: Tensor
    """(1 - |grad_x D(mixed, y)|)^2"""


@dataclass(frozen=True)
class Designs:
    """Conversion of generated and real designs for the critic.

    Continuous designs are unchanged. One-hot designs are drawn from categories, relaxed so that gradients pass: a
    Gumbel-softmax sample at a temperature (Jang, Gu and Poole, 2017). All draw from torch's generator.

    Attributes:
        categories: positions and classes (L, K) of one-hot designs, else None.
        keep: the share of mass that a real token keeps; the rest is spread over all tokens.
    """

    categories: tuple[int, int] | None
    keep: float = 0.99

    def relaxed(self, outputs: Tensor, temperature: float) -> Tensor:
        """The generator's outputs (n, d) as designs (n, d)."""
        if self.categories is None:
            return outputs
        return F.gumbel_softmax(self._rows(outputs), tau=temperature).flatten(1)

    def real(self, x: Tensor, temperature: float) -> Tensor:
        """Real designs (n, d), one-hot ones relaxed like generated ones, or the critic would see the difference."""
        if self.categories is None:
            return x
        return self.relaxed((self.keep * x + (1 - self.keep) / self.categories[1]).log(), temperature)

    def exact(self, outputs: Tensor) -> Tensor:
        """The generator's outputs (n, d) as designs (n, d) at temperature 0: exact one-hot rows."""
        if self.categories is None:
            return outputs
        gumbel = -torch.empty_like(outputs).exponential_().log()
        tokens = self._rows(outputs + gumbel).argmax(2)
        return F.one_hot(tokens, self.categories[1]).flatten(1).to(outputs.dtype)

    def _rows(self, outputs: Tensor) -> Tensor:
        return outputs.reshape(len(outputs), *(self.categories or ()))


def designs_of(space: EncodedSpace, keep: float) -> Designs:
    """Categories for one-hot rows, else numbers."""
    if space.representation != "one-hot":
        return Designs(None, keep)
    length, classes = space.shape
    return Designs((length, classes), keep)


class GAN:
    """The two players and their optimisers, in ordinary PyTorch; randomness comes from torch's generator.

    Args:
        key: for the weights.
        designs: the form of generated designs.
        width: coordinates of a design, d.
        latent: coordinates of the noise, z.
        hidden: width of each hidden layer of both networks.
        learning_rate: of both.
    """

    def __init__(
        self, key: Key, designs: Designs, width: int, latent: int, hidden: tuple[int, ...], learning_rate: float
    ) -> None:
        generator_key, critic_key = keys.split(key)
        self.designs, self.latent = designs, latent
        self.generator = Conditional(generator_key, latent, hidden, width)
        self.critic = Conditional(critic_key, width, hidden, 1)
        self.of_generator = _adam(self.generator, learning_rate)
        self.of_critic = _adam(self.critic, learning_rate)

    def outputs(self, y: Tensor) -> Tensor:
        """The generator's output (n, d) for scores y (n,) and noise: designs, or logits of one-hot designs."""
        noise = torch.randn(len(y), self.latent, device=y.device)
        return self.generator.of(noise, y)

    @torch.no_grad()
    def sample(self, y: Tensor) -> Tensor:
        """Exact designs (n, d) for scores y (n,)."""
        return self.designs.exact(self.outputs(y))

    def train_critic(self, x: Tensor, y: Tensor, w: Tensor, temperature: float, penalty: float) -> Terms:
        """One step of the critic on designs (n, d), scores and weights (n,), and the parts of the loss before it."""
        parts = terms(self.critic, self._rows(x, y, w, temperature))
        _descend(self.of_critic, critic_loss(parts, penalty), self.critic.parameters())
        return Terms(*(part.detach() for part in parts))

    def train_generator(self, y: Tensor, w: Tensor, temperature: float) -> Tensor:
        """One step of the generator, and its loss `-sum w D(G(z, y), y)` before it, ()."""
        fake = self.designs.relaxed(self.outputs(y), temperature)
        loss = -(w * self.critic.of(fake, y)[:, 0]).sum()
        _descend(self.of_generator, loss, self.generator.parameters())
        return loss.detach()

    @torch.no_grad()
    def _rows(self, x: Tensor, y: Tensor, w: Tensor, temperature: float) -> Rows:
        real = self.designs.real(x, temperature)
        fake = self.designs.relaxed(self.outputs(y), temperature)
        return Rows(real, fake, torch.lerp(fake, real, torch.rand_like(y)[:, None]), y, w)


def terms(critic: Conditional, rows: Rows) -> Terms:
    """The parts of the critic's loss."""
    lines, mixed = critic.lines(), rows.mixed.detach().requires_grad_()
    [slope] = torch.autograd.grad(critic.of(mixed, rows.y, lines).sum(), mixed, create_graph=True)
    real, fake = critic.of(torch.cat([rows.real, rows.fake]), rows.y.repeat(2), lines)[:, 0].chunk(2)
    return Terms((rows.w * real).sum(), (rows.w * fake).sum(), (rows.w * penalties(slope)).sum())


def penalties(slope: Tensor) -> Tensor:
    """(1 - |slope|)^2 of each row, (n, d) to (n,).

    >>> penalties(torch.tensor([[0.6, 0.8], [0.0, 0.0], [0.0, 3.0]])).round(decimals=4)
    tensor([0., 1., 4.])
    """
    return (1 - (slope.square().sum(1) + AT_ZERO).sqrt()) ** 2


def critic_loss(parts: Terms, penalty: float) -> Tensor:
    """Wasserstein distance, negative, with a weighted penalty, ()."""
    return parts.fake - parts.real + penalty * parts.penalty


def _adam(net: Conditional, learning_rate: float) -> torch.optim.Adam:
    # Fused: at the published width a pass over a player's five million weights costs milliseconds.
    return torch.optim.Adam(net.parameters(), lr=learning_rate, betas=BETAS, eps=EPSILON, fused=True)


def _descend(optimiser: torch.optim.Adam, loss: Tensor, params: Iterable[Tensor]) -> None:
    """One step on `params` only; the other player's weights get no gradient."""
    each = list(params)
    for parameter, gradient in zip(each, torch.autograd.grad(loss, each), strict=True):
        parameter.grad = gradient
    optimiser.step()
    optimiser.zero_grad()


def annealed(first: float, last: float, epoch: int, epochs: int) -> float:
    """The temperature of an epoch, counted from 0: linear from the first to the last.

    >>> [annealed(5.0, 1.0, epoch, 3) for epoch in range(3)]
    [5.0, 3.0, 1.0]
    """
    return first + (last - first) * epoch / max(epochs - 1, 1)


def kept(w: Tensor, negligible: float) -> Tensor:
    """Which rows of a batch count, (n,): those with at least this share of the largest weight.

    >>> kept(torch.tensor([1.0, 1e-9, 0.5, 0.0]), 1e-7)
    tensor([ True, False,  True, False])
    """
    return w >= negligible * w.amax()
