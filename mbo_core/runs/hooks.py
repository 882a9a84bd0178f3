"""The hooks of a run, typed. Each answer is checked, and an error names the plugin that gave it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

import numpy as np
import optree
import pluggy
import torch

from mbo_core.errors import MboError, reason_of
from mbo_core.foreign import foreign
from mbo_core.plugins.registry import RUNNER
from mbo_core.runs.records import Candidates, Gap, HeldOut, Run, Scores, TrainedProxy
from mbo_core.runs.seeds import BySeed, PerSeed, mode
from mbo_core.runs.trail import Trail

T = TypeVar("T")


@dataclass(frozen=True)
class Answer(Generic[T]):
    """The answer to a hook.

    Attributes:
        hook: the hook's name.
        plugin: the plugin that answered.
        value: the answer.
    """

    hook: str
    plugin: str
    value: T

    def demand(self, condition: object, fact: str) -> None:
        """Refuse an answer that breaks the hook's specification.

        Raises:
            MboError: naming the plugin.
        """
        if condition:
            return
        if self.plugin == RUNNER:
            raise MboError(f"{self.hook}: the answer {fact}", "fix the stage of the recipe that produced it")
        fact = f"{self.hook}: the answer of plugin {self.plugin} {fact}"
        raise MboError(fact, "fix the plugin, or disable it: --without NAME for an installed one")

    def demand_seeds(self, given: Iterable[int], failed: Mapping[int, str], asked: Sequence[int]) -> None:
        """Refuse an answer for seeds that were not asked for, or with seeds that are also listed as failed."""
        self.demand(isinstance(failed, Mapping), f"has failures of type {type(failed).__name__}")
        self.demand_reasons(failed)
        both, other = set(given) & set(failed), {*given, *failed} - set(asked)
        self.demand(not both, f"lists the seeds {_listed(both)} both as failed and with a result")
        self.demand(not other, f"is for the seeds {_listed(other)}, which were not asked for")

    def demand_reasons(self, failed: Mapping[int, str]) -> None:
        """Refuse failures without a text."""
        odd = [reason for reason in failed.values() if not isinstance(reason, str)]
        self.demand(not odd, f"has a reason of type {type((*odd, '')[0]).__name__} for a failed seed")

    def demand_numbers(self, what: str, values: Any, kinds: str) -> None:
        """Refuse what is not an array of finite numbers of these kinds of dtype."""
        fine = isinstance(values, np.ndarray) and values.dtype.kind in kinds and np.isfinite(values).all()
        self.demand(fine, f"has {what} that is not an array of finite numbers")

    def demand_shape(self, what: str, values: Any, *shape: int) -> None:
        """Refuse an array or tensor of another shape; -1 stands for any size."""
        found = tuple(getattr(values, "shape", ()))
        same = len(found) == len(shape) and all(a in {-1, b} for a, b in zip(shape, found, strict=True))
        expected = ", ".join("n" if size == -1 else str(size) for size in shape)
        self.demand(same, f"has {what} of shape {found}, not ({expected})")


class Hooks:
    """The four hooks of a run, in order.

    Args:
        manager: the plugins of this run; their implementations are wrapped to record who answers.

    Each method raises an `MboError` if the answer has the wrong type, seeds or shapes.
    """

    def __init__(self, manager: pluggy.PluginManager) -> None:
        self._caller = manager.hook
        self._trail = Trail()
        for hook in ("mbo_train_proxy", "mbo_mine_adversary", "mbo_update_solution", "mbo_evaluate"):
            for one in getattr(manager.hook, hook).get_hookimpls():
                one.function = partial(_wrapper if one.wrapper else _plain, one.function, one.plugin_name, self._trail)

    def _ask(self, hook: str, kind: type[T], **arguments: Any) -> Answer[T]:
        self._trail.begin(hook, arguments)
        with foreign(self._trail.blamed):
            value = getattr(self._caller, hook)(**arguments)
        # The first that gave it; wrappers may have passed it on.
        plugin = next((plugin for plugin, one in self._trail.answers if one is value), RUNNER)
        answer = Answer(hook, plugin, value)
        answer.demand(isinstance(value, kind), f"is of type {type(value).__name__}, not {kind.__name__}")
        return answer

    def _checked(self, answer: Answer[T], check: Callable[..., None], *arguments: Any) -> T:
        """The value of an answer that passes its check, whatever it consists of."""
        try:
            check(answer, *arguments)
        except MboError:
            raise
        except Exception as error:
            answer.demand(False, f"has an unexpected structure: {reason_of(error)}")
        return answer.value

    def train_proxy(self, run: Run) -> TrainedProxy:
        """The trained proxies of all seeds; the hook is called again for seeds missing from an answer."""
        answers: list[TrainedProxy] = []
        left = run.seeds
        while left:
            answer = self._ask("mbo_train_proxy", TrainedProxy, run=run.only(left))
            answers.append(self._checked(answer, _check_trained, left))
            left = tuple(seed for seed in left if seed not in {*answer.value.seeds, *answer.value.failed})
        return answers[0] if len(answers) == 1 else _joined(run, answers)

    def mine_adversary(self, run: Run, proxy: TrainedProxy) -> Gap:
        """The gap of each trained proxy."""
        answer = self._ask("mbo_mine_adversary", Gap, run=run, proxy=proxy)
        return self._checked(answer, _check_gap, proxy.seeds)

    def update_solution(self, run: Run, proxy: TrainedProxy) -> Candidates:
        """The candidates of each trained proxy."""
        answer = self._ask("mbo_update_solution", Candidates, run=run, proxy=proxy)
        return self._checked(answer, _check_candidates, run, proxy.seeds)

    def evaluate(self, run: Run, candidates: Candidates) -> Scores:
        """The scores of the candidates."""
        answer = self._ask("mbo_evaluate", Scores, run=run, candidates=candidates)
        return self._checked(answer, _check_evaluated, candidates)


def _plain(function: Callable[..., Any], plugin: str, trail: Trail, *arguments: Any) -> Any:
    with trail.running(plugin):
        value = function(*arguments)
    # None leaves the question to the next plugin.
    return value if value is None else trail.answered(plugin, value)


def _wrapper(function: Callable[..., Any], plugin: str, trail: Trail, *arguments: Any) -> Generator[None, Any, Any]:
    with trail.running(plugin):
        value = yield from _once(function(*arguments), f"{trail.hook}: plugin {plugin}")
    return trail.answered(plugin, value)


def _once(inner: Generator[None, Any, Any], whose: str) -> Generator[None, Any, Any]:
    """The same wrapper, which has to yield once."""
    try:
        next(inner)
    except StopIteration:
        raise MboError(f"{whose} does not yield", "yield once in a wrapper") from None
    try:
        try:
            result = yield
        except BaseException as error:
            inner.throw(error)
        else:
            inner.send(result)
    except StopIteration as stop:
        return stop.value
    raise MboError(f"{whose} yields twice", "yield once in a wrapper")


def _check_trained(answer: Answer[TrainedProxy], asked: Sequence[int]) -> None:
    trained = answer.value
    answer.demand(trained.seeds or trained.failed, "is for none of the seeds; return None to leave them to others")
    answer.demand_seeds(trained.seeds, trained.failed, asked)
    lifted = trained.states.lifted
    counts = [len(lifted)] if isinstance(lifted, PerSeed) else [len(leaf) for leaf in optree.tree_leaves(lifted)]
    other = {*trained.cached, *trained.held_out} - set(trained.seeds)
    answer.demand(not other, f"has cached or held-out seeds without a state: {_listed(other)}")
    known = all(isinstance(one, HeldOut) for one in trained.held_out.values())
    answer.demand(known, "has a held-out quality that is not a HeldOut")
    counts = [count for count in counts if count != len(trained.seeds)]
    answer.demand(not counts, f"has {(*counts, 0)[0]} states for {len(trained.seeds)} seeds")


def _check_gap(answer: Answer[Gap], seeds: Sequence[int]) -> None:
    gaps = answer.value.by_seed
    answer.demand(set(gaps) == set(seeds), f"is not for the seeds {_listed(seeds)}")
    numbers = all(gap is None or isinstance(gap, float) for gap in gaps.values())
    answer.demand(numbers, "has a gap that is neither a float nor None")


def _check_candidates(answer: Answer[Candidates], run: Run, asked: Sequence[int]) -> None:
    found = answer.value
    answer.demand_seeds(found.seeds, found.failed, asked)
    missing = set(asked) - {*found.seeds, *found.failed}
    answer.demand(not missing, f"says nothing of the seeds {_listed(missing)}")
    if not found.seeds:
        return
    answer.demand_shape("x", found.x, len(found.seeds), -1, run.data.x.shape[1])
    answer.demand(torch.isfinite(found.x).all(), "has designs x that are not finite")
    answer.demand_shape("raw", found.raw, *found.x.shape[:2], run.encoded.raw.shape[1])
    answer.demand_numbers("raw", found.raw, "iuf")
    if found.predicted is not None:
        answer.demand_shape("predicted", found.predicted, *found.x.shape[:2])
        answer.demand_numbers("predicted", found.predicted, "f")
    if found.origin is not None:
        answer.demand_shape("origin", found.origin, *found.x.shape[:2])
        answer.demand_numbers("origin", found.origin, "iu")


def _check_evaluated(answer: Answer[Scores], candidates: Candidates) -> None:
    found = answer.value
    answer.demand_seeds(found.by_seed, found.failed, candidates.seeds)
    for seed, scores in found.by_seed.items():
        answer.demand("raw" in scores, f"has no score `raw` of seed {seed}")
        for name, values in scores.items():
            answer.demand(isinstance(name, str), f"has a score called {name!r}")
            _check_scores(answer, f"`{name}` of seed {seed}", values, candidates.raw.shape[1])
        numbers = all(isinstance(scores[name], np.ndarray) for name in ("raw", "normalised") if name in scores)
        answer.demand(numbers, f"has texts for the scores of seed {seed}")


def _check_scores(answer: Answer[Scores], what: str, values: Any, count: int) -> None:
    if isinstance(values, np.ndarray):
        answer.demand_shape(what, values, count)
        answer.demand(values.dtype.kind == "f" and np.isfinite(values).all(), f"has {what} that is not finite floats")
    else:
        texts = isinstance(values, (list, tuple)) and all(isinstance(text, str) for text in values)
        fact = f"has {what} of type {type(values).__name__}, neither an array nor {count} texts"
        answer.demand(texts and len(values) == count, fact)


def _joined(run: Run, answers: Sequence[TrainedProxy]) -> TrainedProxy:
    known = {seed: state for answer in answers for seed, state in answer.states.items()}
    states = BySeed.of({seed: known[seed] for seed in run.seeds if seed in known}, mode(run.recipe.proxy))
    failed: Mapping[int, str] = {seed: reason for answer in answers for seed, reason in answer.failed.items()}
    cached = tuple(seed for answer in answers for seed in answer.cached)
    held_out = {seed: quality for answer in answers for seed, quality in answer.held_out.items()}
    return TrainedProxy(states, failed, cached, held_out)


def _listed(seeds: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(seeds)))
