"""The core as a plugin: the parts it keeps, and its own way through a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mbo_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from mbo_core.pipeline import Gap, Run, Scores, Solution, TrainedProxy
    from mbo_core.stages import Stage


@hookimpl(trylast=True)
def mbo_stages() -> Sequence[type[Stage]]:
    """The `none` parts, the encodings, and evaluation by the task's oracle."""
    from mbo_core import encoding, evaluation, parts

    return [
        parts.NoAdversary,
        parts.NoProxy,
        parts.NoUpdate,
        encoding.Standardised,
        encoding.OneHot,
        encoding.SoftLogits,
        evaluation.OracleEvaluator,
    ]


@hookimpl(trylast=True)
def mbo_train_proxy(run: Run) -> TrainedProxy:
    """Step through the epochs of the proxy's schedule."""
    from mbo_core.pipeline import train_proxy

    return train_proxy(run)


@hookimpl(trylast=True)
def mbo_mine_adversary(run: Run, proxy: TrainedProxy) -> Gap:
    """Let the adversary loose on the trained proxy once."""
    from mbo_core.pipeline import mine_adversary

    return mine_adversary(run, proxy)


@hookimpl(trylast=True)
def mbo_update_solution(run: Run, proxy: TrainedProxy) -> Solution:
    """Step through the update, and decode."""
    from mbo_core.pipeline import update_solution

    return update_solution(run, proxy)


@hookimpl(trylast=True)
def mbo_evaluate(run: Run, designs: Solution) -> Scores:
    """Score the candidates by the recipe's evaluation."""
    from mbo_core.pipeline import evaluate

    return evaluate(run, designs)
