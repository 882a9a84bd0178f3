"""The checkpoint between training and search: the trained proxies of a group."""

from __future__ import annotations

from dataclasses import asdict

from mbo_core.runs.checkpoints import Saved
from mbo_core.runs.records import HeldOut, Run, TrainedProxy
from mbo_core.runs.seeds import BySeed, PerSeed
from mbo_core.runs.training import untrained

TRAINED = "trained"
"""The name of the checkpoint."""


def keep_trained(run: Run, trained: TrainedProxy) -> None:
    """Store the trained proxies of a group, if it is time."""
    if not run.checkpoints.due(TRAINED, end=True):
        return
    lifted = trained.states.lifted
    about = {
        "done": 1,
        "trained": list(trained.seeds),
        "per_seed": isinstance(lifted, PerSeed),
        "failed": dict(trained.failed),
        "cached": list(trained.cached),
        "held_out": {seed: asdict(quality) for seed, quality in trained.held_out.items()},
    }
    run.checkpoints.save(TRAINED, run, {"states": lifted}, about)


def trained_before(run: Run) -> TrainedProxy | None:
    """The trained proxies of a group from its checkpoint, or None."""
    found: list[TrainedProxy] = []
    run.checkpoints.resumed(TRAINED, run, lambda saved: found.append(_read(run, saved)))
    return found[0] if found else None


def _read(run: Run, saved: Saved) -> TrainedProxy:
    about = saved.about
    seeds = tuple(about["trained"])
    states = PerSeed()
    if seeds:
        states = saved.state("states", untrained(run.only(seeds), "loop" if about["per_seed"] else "vmap"))
    failed = {int(seed): reason for seed, reason in about["failed"].items()}
    held_out = {int(seed): HeldOut(**quality) for seed, quality in about["held_out"].items()}
    return TrainedProxy(BySeed(seeds, states), failed, tuple(about["cached"]), held_out)
