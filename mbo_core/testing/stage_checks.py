"""Checks of what stages promise: the abilities of proxies, and the contracts of the other roles."""

from __future__ import annotations

import copy
import math
from typing import Any, cast

import optree
import torch
from torch import Tensor
from torch.func import grad

from mbo_core.errors import reason_of
from mbo_core.functional import keys
from mbo_core.runs.encoded import encode_table
from mbo_core.stages.contracts import WithMembers, WithParams
from mbo_core.stages.data import Batch, Mined, Model, Prediction
from mbo_core.testing.case import Fault, Inapplicable, demand
from mbo_core.testing.mix import SEEDS, Fitted, Mix
from mbo_core.testing.reference_stages import Climb
from mbo_core.testing.tiny_tasks import degenerate_tasks

KEY = keys.key(0)
NEAR = 1e-3
"""Room for float32, in encoded coordinates."""


def _close(one: Tensor, other: Tensor) -> bool:
    """Equal up to the rounding of matrix products of different sizes."""
    return one.shape == other.shape and torch.allclose(one, other, rtol=1e-3, atol=1e-5)


MOST_ERROR = 10.0
"""Predictions with a larger error on the data, in standard deviations of the scores, are not scores."""


def order(mix: Mix) -> None:
    """`order`: one finite number per design, the same alone and with others, and larger for better designs."""
    _demand_numbers(mix.learnt)
    _demand_upwards(mix.learnt)


def _demand_numbers(learnt: Fitted) -> None:
    proxy, state, data = learnt
    found = proxy.predict(state, data.x)
    for name, value in found._asdict().items():
        shape = tuple(value.shape)
        demand(
            shape == (len(data.x),),
            f"{name} has shape {shape} for {len(data.x)} designs",
            "return shape (n,)",
        )
    demand(torch.isfinite(found.mean).all(), "a predicted mean is not finite", "guard overflow and division by 0")
    alone = proxy.predict(state, data.x[:1])
    same = _close(alone.mean, found.mean[:1]) and _close(alone.std, found.std[:1])
    demand(same, "the prediction of a design depends on the other designs", "predict each design by itself")


def _demand_upwards(learnt: Fitted) -> None:
    """The predictions, or those after more steps less those after steps on reversed scores, rise with the scores."""
    proxy, state, data = learnt
    ones = torch.ones_like(data.y)
    if "partial_fit" in proxy.abilities:
        reverse = data.y.amin() + data.y.amax() - data.y
        up, down = (_stepped(learnt, Batch(data.x, y, ones), steps=20).mean for y in (data.y, reverse))
        rise = up - down
    elif not proxy.schedule(data).epochs:
        rise = proxy.predict(state, data.x).mean
    else:
        # After a few steps of training the order may still be wrong.
        return
    fact = "better designs get smaller numbers: predictions fall as the scores rise"
    demand((rise - rise.mean()) @ data.y > 0, fact, "larger must mean better; change the sign")


def values(mix: Mix) -> None:
    """`values`: the mean is a standardised score, so that its error on the data is not huge."""
    proxy, state, data = mix.learnt
    error = (proxy.predict(state, data.x).mean - data.y).square().mean().sqrt()
    fact = f"the error on the data is {error:.2g} standard deviations of the scores"
    demand(error < MOST_ERROR, fact, "predict standardised scores, or declare `order` instead of `values`")


def gradients(mix: Mix) -> None:
    """`gradients`: the mean is differentiable in x, and a small step along its gradient raises it."""
    proxy, state, data = mix.learnt

    def total(x: Tensor) -> Tensor:
        return proxy.predict(state, x).mean.sum()

    slope = grad(total)(data.x)
    demand(torch.isfinite(slope).all(), "a gradient is not finite", "guard roots, logarithms and divisions at 0")
    steep = slope.square().sum(1)
    hint = "predict with torch operations, without detach, no_grad or numpy; or remove the ability"
    demand(steep.max() > 0, "the mean has no gradient in x", hint)
    before = proxy.predict(state, data.x).mean
    rises = torch.zeros_like(before, dtype=torch.bool)
    for size in (0.3, 0.03, 0.003):
        # Steps of equal length, as gradients differ by orders of magnitude.
        step = size * slope / steep.sqrt().clamp(min=torch.finfo(slope.dtype).tiny)[:, None]
        rises |= proxy.predict(state, data.x + step).mean > before
    climbs = rises | (steep < 1e-4 * steep.max())
    demand(climbs.all(), f"no step along the gradient raises the mean of {int((~climbs).sum())} designs", hint)


def uncertainty(mix: Mix) -> None:
    """`uncertainty`: the standard deviation is positive and finite; without the ability it is exactly 0."""
    proxy, state, data = mix.learnt
    std = proxy.predict(state, data.x).std
    if "uncertainty" in proxy.abilities:
        sound = (std > 0).all() and torch.isfinite(std).all()
        demand(sound, f"a standard deviation is {std.min():g}", "return a positive one, or remove the ability")
    else:
        demand(
            (std == 0).all(), f"a standard deviation is {std.max():g}", "return 0, or declare the ability `uncertainty`"
        )


def partial_fit(mix: Mix) -> None:
    """`partial_fit`: step may be called after training, with any batch, and rows of weight 0 have no influence."""
    learnt = mix.learnt
    data = learnt.data
    for count in (1, 5, len(data.y)):
        _stepped(learnt, Batch(data.x[:count], data.y[:count], torch.ones(count)))
    weights = torch.tensor([1.5, 1.5, 1.5, 1.5, 0.0, 0.0])
    x, y = data.x[: len(weights)], data.y[: len(weights)]
    other = torch.where((weights > 0)[:, None], x, x.roll(1, 0)), torch.where(weights > 0, y, y + 3)
    one, same = (_stepped(learnt, Batch(*rows, weights)).mean for rows in ((x, y), other))
    hint = "the loss must be the mean over the n rows of w times the row's loss"
    demand(_close(one, same), "rows of weight 0 change the training", hint)
    full = _stepped(learnt, Batch(x, y, torch.ones_like(weights))).mean
    demand(not torch.equal(one, full), "weights do not change the training", hint)


def _stepped(learnt: Fitted, batch: Batch, steps: int = 1) -> Prediction:
    """The predictions for the data after more steps."""
    proxy, state = learnt.proxy, copy.deepcopy(learnt.state)
    for number in range(steps):
        state, info = proxy.step(keys.fold_in(KEY, number), state, batch)
        loss = info.get("loss")
        fact = f"the loss is {loss} after a step on {len(batch.w)} rows"
        demand(loss is not None and bool(torch.isfinite(loss).all()), fact, "return a finite `loss` for any batch")
    return proxy.predict(state, learnt.data.x)


def members(mix: Mix) -> None:
    """`members`: each member predicts, and learns from its own scores."""
    learnt = mix.learnt
    data, proxy = learnt.data, cast(WithMembers, learnt.proxy)
    found = proxy.predict_members(learnt.state, data.x)
    shape = tuple(found.mean.shape)
    hint = "predict_members must return mean and std of shape (members, n)"
    demand(len(shape) == 2 and shape[1] == len(data.x), f"the members' means have shape {shape}", hint)
    demand(found.std.shape == found.mean.shape, f"the members' stds have shape {tuple(found.std.shape)}", hint)
    told = torch.linspace(float(data.y.min()), float(data.y.max()), shape[0])[:, None].expand(shape)
    batch = Batch(data.x, told, torch.ones_like(data.y))
    state = copy.deepcopy(learnt.state)
    for number in range(20):
        state, _ = learnt.proxy.step(keys.fold_in(KEY, number), state, batch)
    apart = [means[-1].mean() - means[0].mean() for means in (found.mean, proxy.predict_members(state, data.x).mean)]
    moved = shape[0] == 1 or apart[1] > apart[0]
    demand(moved, "members trained on different scores do not diverge", "train member k on batch.y[k]")


def params(mix: Mix) -> None:
    """`params`: `model(state)` predicts from `state.params` as the proxy does, and its loss depends on them."""
    learnt = mix.learnt
    data, model = learnt.data, cast(WithParams, learnt.proxy).model(learnt.state)
    params = learnt.state.params
    same = _close(model.predict(params, data.x).mean, learnt.proxy.predict(learnt.state, data.x).mean)
    demand(
        same, "model(state).predict(state.params, x) differs from the proxy's prediction", "use one function for both"
    )
    slope = Model(model.predict, model.loss).input_gradient(params, data.x)
    same = _close(model.input_gradient(params, data.x), slope)
    demand(same, "the closed-form gradient of model(state) is wrong", "correct it, or leave it out")
    batch = Batch(data.x, data.y, torch.ones_like(data.y))
    moved = optree.tree_map(lambda leaf: leaf + 0.1 if leaf.is_floating_point() else leaf, params)
    before, after = model.loss(params, batch), model.loss(moved, batch)
    demand(before.shape == () and torch.isfinite(before), f"the model's loss is {before}", "return a finite scalar")
    demand(before != after, "the loss does not depend on params", "use params, not the state")


def mined(mix: Mix) -> None:
    """An adversary keeps shapes, moves what it declares and nothing else, and returns no gradient."""
    adversary = mix.recipe.adversary
    if not adversary.moves:
        raise Inapplicable("it declares that it moves nothing")
    start, found = _mined(mix)
    for what, name in (("designs", "x"), ("weights", "params")):
        before, after = (optree.tree_leaves(getattr(one, name)) for one in (start, found))
        _demand_moved(what, what in adversary.moves, before, after)


def mined_inside(mix: Mix) -> None:
    """Designs that an adversary moves stay in the space: its bounds, sums and levels."""
    space = mix.learnt.data.space
    if space.projection is None:
        raise Inapplicable("its encoding cannot project vectors into the space")
    x = _mined(mix)[1].x
    far = float((space.project(x) - x).abs().max())
    demand(far <= NEAR, f"designs lie {far:.3g} outside the space", "end each move with x = batch.project(x)")


def _mined(mix: Mix) -> tuple[Mined, Mined]:
    """Where the adversary starts, and where it ends."""
    adversary, (proxy, state, data) = mix.recipe.adversary, mix.learnt
    model = cast(WithParams, proxy).model(state)
    start = Mined(optree.tree_map(_leaf, state.params), _leaf(data.x[:8]))
    batch = Batch(data.x[:8], data.y[:8], torch.ones(8), data.space)
    return start, adversary.mine(KEY, adversary.init(KEY, data), model, start, batch)[0]


def _leaf(tensor: Tensor) -> Tensor:
    return tensor.detach().clone().requires_grad_(tensor.is_floating_point())


def _demand_moved(what: str, says: bool, before: list[Any], after: list[Any]) -> None:
    shapes = [tuple(leaf.shape) for leaf in before] == [tuple(leaf.shape) for leaf in after]
    demand(shapes, f"the shapes of the {what} change", "keep their number and shapes")
    moved = not all(map(torch.equal, before, after))
    fact = f"it declares that it moves {what}, but did not" if says else f"it moves {what} without declaring it"
    demand(moved == says, fact, "declare it in `moves`; give [small] options with which it moves")
    carried = says and any(leaf.requires_grad for leaf in after)
    demand(not carried, f"the mined {what} carry a gradient", "detach the result")


def length(mix: Mix) -> None:
    """An update's `length` is a whole number for any data: what it cannot search from, `check` refuses."""
    for what, task in degenerate_tasks(mix.kind).items():
        encoded = encode_table(mix.recipe.encoding, SEEDS[:1], task.table)
        try:
            steps = mix.recipe.update.length(encoded.first)
        except Exception as error:
            raise Fault(f"{what}: length raises {reason_of(error)}", "raise a TaskError in check") from error
        demand(type(steps) is int and steps >= 0, f"{what}: length is {steps!r}", "return the number of steps")


def objective(mix: Mix) -> None:
    """An objective gives one finite number per design, the same alone and with others, with a finite gradient in x."""
    part, (proxy, state, data) = cast(Climb, mix.recipe.update).objective, mix.learnt
    kept = part.init(KEY, data)

    def score(x: Tensor) -> Tensor:
        return part.score(kept, x, proxy.predict(state, x))

    found = score(data.x)
    fact = f"it gives numbers of shape {tuple(found.shape)} for {len(data.x)} designs"
    demand(found.shape == (len(data.x),), fact, "return shape (n,)")
    demand(torch.isfinite(found).all(), "a number is not finite", "guard roots, logarithms and divisions at 0")
    fact = "the number of a design depends on the other designs"
    demand(_close(score(data.x[:1]), found[:1]), fact, "score each design by itself")
    slope = grad(lambda x: score(x).sum())(data.x)
    fact = "a gradient at a row of the data is not finite"
    demand(torch.isfinite(slope).all(), fact, "guard roots, logarithms and divisions at 0")


def encode_decode(mix: Mix) -> None:
    """An encoding gives finite vectors (n, d) of the stated shape, and decodes any to designs of the task."""
    run, encoding = mix.trial.run, mix.recipe.encoding
    state = encoding.init(KEY, run.task.table)
    x, shape = encoding.encode(state, run.encoded.raw), encoding.shape(state)
    rows = len(run.encoded.raw)
    sound = x.shape == (rows, math.prod(shape)) and x.dtype == torch.float32 and torch.isfinite(x).all()
    fact = f"{rows} designs are encoded as {x.dtype} {tuple(x.shape)}, and shape() is {shape}"
    demand(sound, fact, "encode to finite float32 (n, d), d being the product of shape()")
    if encoding.representation == "one-hot":
        exact = ((x == 0) | (x == 1)).all() and (x.reshape(rows, *shape).sum(-1) == 1).all()
        demand(
            exact,
            "the vectors are not the one-hot rows that `representation` declares",
            "give zeros and a single 1",
        )
    fact = "the encoding of a design changes from call to call"
    demand(torch.equal(x, encoding.encode(state, run.encoded.raw)), fact, "draw all randomness in init")
    for vectors in (x, x + keys.normal(KEY, x.shape)):
        run.task.table.check(encoding.decode(state, vectors).numpy())


def scores(mix: Mix) -> None:
    """An evaluation returns `raw`, and one of each score per design."""
    trial = mix.trial
    found = trial.scores
    demand(not found.failed, f"the evaluation fails: {found.failed.get(0)}", "score every design of the space")
    count = trial.candidates.raw.shape[1]
    for by_name in found.by_seed.values():
        demand("raw" in by_name, f"it returns {', '.join(by_name) or 'nothing'}", "return the raw scores as `raw`")
        arrays = {name: values for name, values in by_name.items() if not isinstance(values, (list, tuple))}
        wrong = {name: getattr(values, "shape", type(values).__name__) for name, values in arrays.items()}
        wrong = {name: shape for name, shape in wrong.items() if shape != (count,)}
        demand(not wrong, f"scores have the shapes {wrong}", "return one score per design: a numpy array (n,)")
