"""The options of a proxy's training that are the same for all proxies, and the schedule that they make."""

from __future__ import annotations

from typing import Any, Protocol

from mbo_core.stages.data import Schedule
from mbo_core.stages.options import option


def steps_option() -> int | None:
    """The option `steps` of a proxy with the option `epochs`."""
    return option(
        None, "gradient steps, in place of epochs: as many on a large table as on a small one", at_least=1,
        instead_of="epochs",
    )  # fmt: skip


class Trained(Protocol):
    """A proxy with the usual options of its training."""

    @property
    def epochs(self) -> int:
        """Passes over the training rows."""

    @property
    def steps(self) -> int | None:
        """Gradient steps in place of epochs."""

    @property
    def batch_size(self) -> int:
        """Rows per step."""

    @property
    def held_out(self) -> int:
        """Rows that are not trained on."""


def schedule_of(proxy: Trained, **more: Any) -> Schedule:
    """The schedule of a proxy's options.

    Args:
        proxy: has the options `epochs`, `steps`, `batch_size` and `held_out`.
        more: other fields of the schedule.
    """
    return Schedule(proxy.epochs, proxy.batch_size, proxy.held_out, steps=proxy.steps, **more)
