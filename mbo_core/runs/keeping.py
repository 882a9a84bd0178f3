"""Which state of a training is kept: the last, the best on held-out rows, or the one after a number of steps."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, Protocol

import optree
import torch
from torch import Tensor

from mbo_core.runs.seeds import PerSeed

CHECKS = 100
"""About how often the best state is looked for in a training, evenly, and after its last step."""


class Keeper(Protocol):
    """Chooses a state of each seed."""

    def see(self, step: int, state: Any) -> None:
        """The states after a number of steps."""

    def kept(self, last: Any) -> Any:
        """The states that are kept, given the last ones."""

    def carried(self) -> dict[str, Any]:
        """What it has chosen so far, as states by name for a checkpoint; empty before it has chosen any."""

    def go_on(self, saved: Callable[[str, Any], Any], like: Any) -> None:
        """Take back what it had chosen: `saved(name, like)` is what `carried` gave; `like` is a fresh state."""


class Last:
    """Keeps the last state."""

    def see(self, step: int, state: Any) -> None:
        """Nothing to choose."""

    def kept(self, last: Any) -> Any:
        """The last states."""
        return last

    def carried(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def go_on(self, saved: Callable[[str, Any], Any], like: Any) -> None:
        """Nothing to take back."""


class Best:
    """Keeps the state with the smallest error of each seed.

    Args:
        error: of the states of all seeds, (seeds,).
        total: the number of steps.

    Attributes:
        steps: (seeds,) after how many steps the kept states were taken; 0 before the first.
    """

    def __init__(self, error: Callable[[Any], Tensor], total: int) -> None:
        self._error, self._total, self._every = error, total, max(1, total // CHECKS)
        self._smallest: Tensor | None = None
        self._state: Any = None
        self.steps = torch.zeros(0, dtype=torch.int64)

    def see(self, step: int, state: Any) -> None:
        """Keep the states whose error is smaller than before."""
        if step % self._every and step != self._total:
            return
        error = self._error(state).cpu()
        better = torch.ones_like(error, dtype=torch.bool) if self._smallest is None else error < self._smallest
        smallest = error if self._smallest is None else self._smallest
        self._smallest = torch.where(better, error, smallest)
        self.steps = torch.where(better, step, self.steps if len(self.steps) else torch.zeros_like(better).long())
        self._state = chosen(better, state, self._state)

    def kept(self, last: Any) -> Any:
        """The best states; the last ones if there was no step."""
        return last if self._smallest is None else self._state

    def carried(self) -> dict[str, Any]:
        """The best states, their errors and steps."""
        chosen = {"kept": self._state, "smallest": self._smallest, "steps": self.steps}
        return {} if self._smallest is None else chosen

    def go_on(self, saved: Callable[[str, Any], Any], like: Any) -> None:
        """Take back the best states."""
        error = self._error(like).cpu()
        kept, steps = saved("kept", like), saved("steps", torch.zeros_like(error).long())
        self._state, self.steps, self._smallest = kept, steps, saved("smallest", error)


class Until:
    """Keeps each seed's state after its own number of steps.

    Args:
        steps: (seeds,) their numbers.
    """

    def __init__(self, steps: Tensor) -> None:
        self._steps, self._state = steps, None
        self._wanted = set(steps.tolist())

    def see(self, step: int, state: Any) -> None:
        """Keep the states of the seeds that have reached their number of steps."""
        if step in self._wanted:
            self._state = chosen(self._steps == step, state, self._state)

    def kept(self, last: Any) -> Any:
        """The states after these steps."""
        return self._state

    def carried(self) -> dict[str, Any]:
        """The states so far."""
        return {} if self._state is None else {"kept": self._state}

    def go_on(self, saved: Callable[[str, Any], Any], like: Any) -> None:
        """Take back the states so far."""
        self._state = saved("kept", like)


def chosen(mask: Tensor, new: Any, old: Any) -> Any:
    """The new states of the seeds of `mask` (seeds,), and the old ones of the others; all are new if there are none."""
    if isinstance(new, PerSeed):
        # A copy, as an ordinary module is trained in place.
        before = old or [None] * len(new)
        return PerSeed(deepcopy(new[i]) if taken else before[i] for i, taken in enumerate(mask.tolist()))
    if old is None:
        return new

    def pick(one: Tensor, other: Tensor) -> Tensor:
        return torch.where(mask.to(one.device).reshape(-1, *[1] * (one.ndim - 1)), one, other)

    return optree.tree_map(pick, new, old, namespace="mbo")
