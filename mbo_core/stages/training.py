"""The options of a proxy's training that are the same for all proxies, and the schedule that they make."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol

from mbo_core.stages.data import Keep, Schedule
from mbo_core.stages.options import option


def steps_option() -> int | None:
    """The option `steps` of a proxy with the option `epochs`."""
    return option(
        None, "gradient steps, in place of epochs: as many on a large table as on a small one", at_least=1,
        instead_of="epochs",
    )  # fmt: skip


def keep_option() -> Keep:
    """The option `keep` of a proxy with the option `held_out`."""
    kept: Keep = option("last", "the last state, or the best: of the smallest mean squared error on held-out rows")
    return kept


def refit_option() -> bool:
    """The option `refit` of a proxy with the option `held_out`."""
    return option(False, "train once more on all rows, for as many steps as the kept state had")


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

    @property
    def keep(self) -> Keep:
        """The state that is kept."""

    @property
    def refit(self) -> bool:
        """Whether all rows are trained on in the end."""


def schedule_of(proxy: Trained, **more: Any) -> Schedule:
    """The schedule of a proxy's options.

    Args:
        proxy: has the options `epochs`, `steps`, `batch_size`, `held_out`, `keep` and `refit`.
        more: other fields of the schedule.
    """
    usual = Schedule(proxy.epochs, proxy.batch_size, proxy.held_out, keep=proxy.keep, refit=proxy.refit)
    return replace(usual, steps=proxy.steps, **more)
