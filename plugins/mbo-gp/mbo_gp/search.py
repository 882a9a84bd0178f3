"""A batch with the largest q-log-(noisy-)expected improvement under a process, in any space."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import torch
from torch import Tensor

from mbo_gp.coordinates import Coordinates
from mbo_gp.library import NUMERICAL, exactly, jointly
from mbo_gp.posterior import Process
from mbo_gp.records import Acquisition, Effort, Known

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # gpytorch compiles with torch.jit, which torch calls deprecated
    from botorch.acquisition.logei import qLogExpectedImprovement, qLogNoisyExpectedImprovement
    from botorch.optim.initializers import initialize_q_batch
    from botorch.optim.optimize_mixed import optimize_acqf_mixed_alternating
    from botorch.sampling import SobolQMCNormalSampler


def search(
    process: Process, coordinates: Coordinates, known: Known, kind: Acquisition, batch: int, effort: Effort
) -> tuple[Tensor, Tensor] | None:
    """The batch (batch, d) with the largest acquisition value, and that value; None after a numerical breakdown."""
    with exactly():
        try:
            acquisition = _acquisition(process.along(coordinates.encoded), known, kind, effort.samples)
            found, value = _found(acquisition, coordinates, batch, effort)
        except NUMERICAL:
            return None
    return coordinates.encoded(found), value.detach().reshape(-1)[0]


def _acquisition(process: Process, known: Known, kind: Acquisition, samples: int) -> Any:
    sampler = SobolQMCNormalSampler(torch.Size([samples]))
    pending = known.pending if len(known.pending) else None
    if kind == "log-ei":
        return qLogExpectedImprovement(process, known.best, sampler, X_pending=pending)
    return qLogNoisyExpectedImprovement(process, known.baseline, sampler, X_pending=pending, prune_baseline=True)


def _found(acquisition: Any, coordinates: Coordinates, batch: int, effort: Effort) -> tuple[Tensor, Tensor]:
    """Design by design, each given those before it; free numbers then all together, from there."""
    more = {**coordinates.constraints, "fixed_features": coordinates.fixed or None}
    if not coordinates.levels and not coordinates.grids:
        greedy: dict[str, Any] = {"sequential": True, "ic_generator": partial(_starts, coordinates, effort)}
        one_by_one, _ = jointly(acquisition, coordinates.box, batch, effort, **greedy, **more)
        once = effort._replace(restarts=1)
        return jointly(acquisition, coordinates.box, batch, once, batch_initial_conditions=one_by_one[None], **more)
    options: dict[str, Any] = {"batch_limit": effort.at_once, "init_batch_limit": 256}
    bound = bool(coordinates.equalities or coordinates.inequalities)
    if bound:
        # Twice the starts, drawn at random: the library's own choice among more of them takes seconds for each design.
        options["initialization_strategy"] = "random"
    x, value = optimize_acqf_mixed_alternating(
        acquisition,
        bounds=coordinates.box,
        discrete_dims=coordinates.grids,
        cat_dims=coordinates.levels,
        options={**options, "maxiter_alternating": effort.iterations},
        q=batch,
        raw_samples=effort.raw_samples,
        num_restarts=effort.restarts * (2 if bound else 1),
        **more,
    )
    return x, value


def _starts(coordinates: Coordinates, effort: Effort, acq_function: Any, **_: Any) -> Tensor:
    """Designs (restarts, 1, s) that keep the sums: the library's way to draw some takes seconds."""
    low, high = coordinates.box
    drawn = low + (high - low) * torch.rand(effort.raw_samples, 1, len(low), dtype=low.dtype, device=low.device)
    inside = coordinates.of(coordinates.space.project(coordinates.encoded(drawn)))
    with torch.no_grad():
        values = acq_function(inside)
    starts: Tensor = initialize_q_batch(inside, values, effort.restarts)[0]
    return starts
