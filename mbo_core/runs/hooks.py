"""The hooks of a run, typed. Each answer is checked, and an error names the plugin that gave it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

import numpy as np
import optree
import pluggy
import torch

from mbo_core.errors import MboError
from mbo_core.foreign import foreign
from mbo_core.plugins.registry import RUNNER
from mbo_core.runs.records import Candidates, Gap, Run, Scores, TrainedProxy
from mbo_core.runs.seeds import BySeed, PerSeed, mode

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

    def demand_seeds(self, given: Iterable[int], failed: Iterable[int], asked: Sequence[int]) -> None:
        """Refuse an answer for seeds that were not asked for, or with seeds that are also listed as failed."""
        both, other = set(given) & set(failed), {*given, *failed} - set(asked)
        self.demand(not both, f"lists the seeds {_listed(both)} both as failed and with a result")
        self.demand(not other, f"is for the seeds {_listed(other)}, which were not asked for")

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
        self._answers: list[tuple[str, Any]] = []
        self._raised: list[str] = []
        for hook in ("mbo_train_proxy", "mbo_mine_adversary", "mbo_update_solution", "mbo_evaluate"):
            for one in getattr(manager.hook, hook).get_hookimpls():
                heard = Heard(one.plugin_name, self._answers, self._raised)
                one.function = partial(_wrapper if one.wrapper else _plain, one.function, heard)

    def _ask(self, hook: str, kind: type[T], **arguments: Any) -> Answer[T]:
        self._answers.clear()
        self._raised.clear()
        with foreign(lambda: self._blamed(hook)):
            value = getattr(self._caller, hook)(**arguments)
        # The first that gave it; wrappers may have passed it on.
        plugin = next((plugin for plugin, one in self._answers if one is value), RUNNER)
        answer = Answer(hook, plugin, value)
        answer.demand(isinstance(value, kind), f"is of type {type(value).__name__}, not {kind.__name__}")
        return answer

    def _blamed(self, hook: str) -> str:
        """Whose code raised first: wrappers outside it have seen the error later."""
        plugin = self._raised[0] if self._raised else RUNNER
        return f"{hook}: {'a stage of the recipe' if plugin == RUNNER else f'plugin {plugin}'}"

    def train_proxy(self, run: Run) -> TrainedProxy:
        """The trained proxies of all seeds; the hook is called again for seeds missing from an answer."""
        answers: list[TrainedProxy] = []
        left = run.seeds
        while left:
            answer = self._ask("mbo_train_proxy", TrainedProxy, run=run.only(left))
            _check_trained(answer, left)
            answers.append(answer.value)
            left = tuple(seed for seed in left if seed not in {*answer.value.seeds, *answer.value.failed})
        return answers[0] if len(answers) == 1 else _joined(run, answers)

    def mine_adversary(self, run: Run, proxy: TrainedProxy) -> Gap:
        """The gap of each trained proxy."""
        answer = self._ask("mbo_mine_adversary", Gap, run=run, proxy=proxy)
        gaps = answer.value.by_seed
        answer.demand(set(gaps) == set(proxy.seeds), f"is not for the seeds {_listed(proxy.seeds)}")
        numbers = all(gap is None or isinstance(gap, float) for gap in gaps.values())
        answer.demand(numbers, "has a gap that is neither a float nor None")
        return answer.value

    def update_solution(self, run: Run, proxy: TrainedProxy) -> Candidates:
        """The candidates of each trained proxy."""
        answer = self._ask("mbo_update_solution", Candidates, run=run, proxy=proxy)
        _check_candidates(answer, run, proxy.seeds)
        return answer.value

    def evaluate(self, run: Run, candidates: Candidates) -> Scores:
        """The scores of the candidates."""
        answer = self._ask("mbo_evaluate", Scores, run=run, candidates=candidates)
        answer.demand_seeds(answer.value.by_seed, answer.value.failed, candidates.seeds)
        for seed, scores in answer.value.by_seed.items():
            answer.demand("raw" in scores, f"has no score `raw` of seed {seed}")
            for name, values in scores.items():
                _check_scores(answer, f"`{name}` of seed {seed}", values, candidates.raw.shape[1])
        return answer.value


@dataclass(frozen=True)
class Heard:
    """What a plugin answered or raised, in the order of all plugins."""

    plugin: str
    answers: list[tuple[str, Any]]
    raised: list[str]

    def answer(self, value: Any) -> Any:
        """Note an answer."""
        self.answers.append((self.plugin, value))
        return value

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Note that the plugin raised."""
        try:
            yield
        except BaseException:
            self.raised.append(self.plugin)
            raise


def _plain(function: Callable[..., Any], heard: Heard, *arguments: Any) -> Any:
    with heard.listening():
        value = function(*arguments)
        # None leaves the question to the next plugin.
        return value if value is None else heard.answer(value)


def _wrapper(function: Callable[..., Any], heard: Heard, *arguments: Any) -> Generator[None, Any, Any]:
    with heard.listening():
        return heard.answer((yield from function(*arguments)))


def _check_trained(answer: Answer[TrainedProxy], asked: Sequence[int]) -> None:
    trained = answer.value
    answer.demand(trained.seeds or trained.failed, "is for none of the seeds; return None to leave them to others")
    answer.demand_seeds(trained.seeds, trained.failed, asked)
    lifted = trained.states.lifted
    counts = [len(lifted)] if isinstance(lifted, PerSeed) else [len(leaf) for leaf in optree.tree_leaves(lifted)]
    counts = [count for count in counts if count != len(trained.seeds)]
    answer.demand(not counts, f"has {(*counts, 0)[0]} states for {len(trained.seeds)} seeds")


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
    if found.predicted is not None:
        answer.demand_shape("predicted", found.predicted, *found.x.shape[:2])


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
