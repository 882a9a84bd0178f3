"""Checks of runs: of each recipe, and of each stage with reference partners."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import optree
import torch
from safetensors.torch import load, save
from torch import Tensor

from mbo_core.errors import RecipeError, TaskError, reason_of
from mbo_core.functional import batches, keys
from mbo_core.recipes.recipe import Recipe
from mbo_core.runs.records import Run
from mbo_core.runs.seeds import Mode, mode
from mbo_core.runs.states import StateMismatch, Unstorable, pack, unpack
from mbo_core.stages.data import Batch, Data, State, state_and_info
from mbo_core.testing.case import Fault, Inapplicable, demand
from mbo_core.testing.mix import SEEDS, Mix, Rehearsal, carry_out, prepare
from mbo_core.testing.settings import FILE
from mbo_core.testing.stage_checks import NEAR
from mbo_core.testing.tiny_tasks import degenerate_tasks, tiny_task

ALONE = SEEDS[1]
KEY = keys.key(0)


def runs(mix: Mix) -> None:
    """A run with three seeds on a few rows ends without an error."""
    error = mix.attempt
    if not isinstance(error, Exception):
        return
    hint = getattr(error, "hint", None) or "see the traceback"
    if isinstance(error, TaskError):
        hint = f"set options for few rows under [small] in {FILE}, such as held_out and batch_size"
    elif "randomness" in str(error):
        hint = 'draw from the key with mbo_core.functional.keys, or set lift = "loop" and use your own generators'
    raise Fault(reason_of(error), hint) from error


def designs(mix: Mix) -> None:
    """Each seed has exactly as many designs as asked for, finite and inside the space."""
    trial = mix.attempt
    if isinstance(trial, Exception):
        raise Inapplicable("it does not run: see the check `runs`")
    failed = {**trial.trained.failed, **trial.candidates.failed}
    demand(not failed, f"seed {next(iter(failed), None)} has no designs: {next(iter(failed.values()), None)}", _FINITE)
    _demand_inside(trial)
    wanted, found = _candidates(trial.run.recipe), trial.candidates.raw.shape[1]
    demand(wanted in {None, found}, f"{found} designs for candidates={wanted}", "return exactly that many")


_FINITE = "keep designs finite: guard logarithms, divisions and square roots of 0"


def _demand_inside(trial: Rehearsal) -> None:
    for seed, raw in zip(trial.candidates.seeds, trial.candidates.raw, strict=True):
        try:
            trial.run.task.table.check(raw)
            demand(
                trial.run.task.space.contains(raw).all(),
                f"design of seed {seed} lies outside the space",
                "project where designs move",
            )
        except TaskError as error:
            raise Fault(f"invalid design for seed {seed}: {error.message}", error.hint) from error


def stays_inside(mix: Mix) -> None:
    """The designs of every step lie in the space: its bounds, sums and levels."""
    fitted, update = mix.learnt, mix.recipe.update
    space = fitted.data.space
    if space.projection is None:
        raise Inapplicable("its encoding cannot project vectors into the space")
    update_key, step_key = keys.split(KEY)
    state, _ = state_and_info(update.init(update_key, fitted.data, fitted.state))
    for number in range(update.length(fitted.data) + 1):
        x = update.designs(state)
        far = float((space.project(x) - x).abs().max())
        demand(
            far <= NEAR,
            f"designs lie {far:.3g} outside the space after {number} steps",
            "end init and step with x = data.space.project(x)",
        )
        if number < update.length(fitted.data):
            state, _ = update.step(keys.fold_in(step_key, number), state, fitted.data, number)


def _candidates(recipe: Recipe) -> int | None:
    """The requested number of designs; None if neither the search nor an inner one has such an option."""
    update: Any = recipe.update
    held = [update, *(getattr(update, one.name) for one in fields(update))]
    return next((one.candidates for one in held if "candidates" in getattr(one, "__dataclass_fields__", {})), None)


def same_key(mix: Mix) -> None:
    """The same keys give the same designs, to the last bit."""
    first, again = mix.trial, carry_out(mix.recipe, tiny_task(mix.kind))
    same = torch.equal(first.candidates.x, again.candidates.x)
    demand(
        same, "a second run gives different designs", "draw all randomness from the key, and keep nothing between runs"
    )


def seed_alone(mix: Mix) -> None:
    """A seed gives the same designs alone and with others: to the last bit in a loop, else up to rounding.

    Stacked, libraries may round a product otherwise than alone; from the first step on such differences can grow.
    """
    among, alone = (
        mix.trial.candidates.x[SEEDS.index(ALONE)],
        carry_out(mix.recipe, tiny_task(mix.kind), [ALONE]).candidates.x,
    )
    demand(alone.shape[:1] == (1,), "the seed fails alone", "make seeds independent of each other")
    rtol, atol = (1e-4, 1e-5) if _mode(mix) == "vmap" else (0.0, 0.0)
    same = torch.allclose(alone[0], among, rtol=rtol, atol=atol)
    fact = f"designs of seed {ALONE} alone and with seeds {SEEDS} differ by up to {(alone[0] - among).abs().max():.2g}"
    demand(same, fact, "keep no state outside the return values of init and step")


def _mode(mix: Mix) -> Mode:
    return mode(*mix.recipe.stages().values())


def global_generators(mix: Mix) -> None:
    """The random generators of torch, numpy and Python are as they were before the run."""
    names = " and ".join(mix.trial.disturbed)
    hint = "draw from the key with mbo_core.functional.keys; seed a library's own generator from the key"
    demand(not names, f"the run draws from the global generator of {names}", hint)


def state_on_disk(mix: Mix) -> None:
    """The trained proxy, written to disk and read again, predicts the same to the last bit."""
    proxy, state, data = mix.learnt
    try:
        tensors, described = pack(state)
    except Unstorable as error:
        raise Fault(error.message, error.hint) from error
    try:
        read = unpack(load(save(tensors)), json.loads(json.dumps(described)), _fresh(mix))
    except StateMismatch as error:
        raise Inapplicable("its structure changes: see the check `state-like-init`") from error
    before, after = proxy.predict(state, data.x), proxy.predict(read, data.x)
    same = torch.equal(before.mean, after.mean) and torch.equal(before.std, after.std)
    demand(same, "predictions change when the state is written and read", "keep all that predict needs in the state")


def _fresh(mix: Mix) -> State:
    return state_and_info(mix.recipe.proxy.init(KEY, mix.trial.run.data))[0]


def state_like_init(mix: Mix) -> None:
    """The trained proxy's state has the structure, shapes and dtypes of `init`'s: `step` and `finish` keep them."""
    _, state, _ = mix.learnt
    try:
        unpack(*pack(state), _fresh(mix))
    except Unstorable as error:
        raise Inapplicable("it cannot be stored: see the check `state-on-disk`") from error
    except StateMismatch as error:
        raise Fault(
            error.message, "give the state all its parts in init, and replace them in step and finish"
        ) from error


def rows(mix: Mix) -> None:
    """Equal scores, equal rows, equal designs and very few rows are refused before training, or give designs."""
    _ = mix.trial
    for what, task in degenerate_tasks(mix.kind).items():
        try:
            prepare(mix.recipe, task, SEEDS[:1])
        except (TaskError, RecipeError) as refusal:
            demand(refusal.message, f"{what} are refused without a message", "name the problem with the data")
            continue
        except Exception as error:
            raise Fault(f"{what}: {reason_of(error)}", _REFUSE) from error
        _demand_designs(mix, what)


_REFUSE = "raise a TaskError for such data in schedule, check or an encoding's init, or handle them"


def _demand_designs(mix: Mix, what: str) -> None:
    try:
        trial = carry_out(mix.recipe, degenerate_tasks(mix.kind)[what], SEEDS[:1])
        _demand_inside(trial)
    except Exception as error:
        raise Fault(f"{what}: {reason_of(error)}", _REFUSE) from error
    demand(not trial.candidates.failed, f"{what}: {trial.candidates.failed.get(0)}", _REFUSE)


def inputs_untouched(mix: Mix) -> None:
    """No stage changes its inputs: data, batch and designs and, under vmap, the state."""
    recipe, run = mix.recipe, mix.trial.run.only(SEEDS[:1])
    proxy, update, data = recipe.proxy, recipe.update, run.data
    watch = Watch(_mode(mix))
    _watch_encoding(run, watch)
    state, _ = state_and_info(watch("the proxy's init", partial(proxy.init, KEY, data), data))
    for batch in _batches(mix, data):
        state, _ = watch("the proxy's step", partial(proxy.step, KEY, state, batch), batch, state)
    watch("the proxy's predict", partial(proxy.predict, state, data.x), data, state)
    state = watch("the proxy's finish", partial(proxy.finish, KEY, state, data), data, state)
    search, _ = state_and_info(watch("the update's init", partial(update.init, KEY, data, state), data, state))
    if update.length(data):
        search, _ = watch("the update's step", partial(update.step, KEY, search, data, 0), data, search)
    watch("the update's designs", partial(update.designs, search), (), search)


def _watch_encoding(run: Run, watch: Watch) -> None:
    encoding, raw, x = run.recipe.encoding, run.encoded.raw, run.data.x
    state = encoding.init(KEY, run.task.table)
    watch("the encoding's encode", partial(encoding.encode, state, raw), raw, state)
    watch("the encoding's decode", partial(encoding.decode, state, x), x, state)


@dataclass(frozen=True)
class Watch:
    """Calls stages and checks that their inputs are unchanged.

    Attributes:
        how: a stage that runs in a loop may keep its state as it likes.
    """

    how: Mode

    def __call__(self, what: str, call: Callable[[], Any], inputs: Any, state: Any = ()) -> Any:
        """The return value of the call.

        Raises:
            Fault: if it changed the inputs or, under vmap, the state.
        """
        given = _tensors((inputs, state if self.how == "vmap" else ()))
        before = [tensor.clone() for tensor in given]
        result = call()
        same = all(map(torch.equal, given, before))
        demand(same, f"{what} changes its inputs", "make new tensors; write nothing in place")
        return result


def _tensors(nest: Any) -> list[Tensor]:
    """All tensors of a nest, and those of the data, which optree takes for a leaf."""
    leaves = optree.tree_leaves(nest)
    parts = [[one.x, one.y, one.space.lower, one.space.upper] if isinstance(one, Data) else [one] for one in leaves]
    return [one for part in parts for one in part if isinstance(one, Tensor)]


def _batches(mix: Mix, data: Data) -> list[Batch]:
    schedule = mix.recipe.proxy.schedule(data)
    return list(batches.iterate(KEY, data, schedule))[:2] if schedule.trains else []
