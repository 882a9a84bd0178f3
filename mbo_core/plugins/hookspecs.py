"""The hooks (pluggy, project name `mbo`): methods offer stages and tasks, tools wrap the steps of a run.

`mbo_stages` and `mbo_tasks` collect what plugins offer. The other four are called once for each group of seeds that a
run trains together, in the order given here. The core implements each of them last (`trylast`), so a cache can answer
first, and a logger or timer can wrap (`@hookimpl(wrapper=True)`). Wrappers surround whichever implementation answers.

Each answer is checked at once for its type, seeds and shapes, and nothing that a hook is given may be changed in place:
the data and the candidates are compared with their checksums. A wrong answer ends the run with an error that names the
plugin and the option `--without`. So does an exception in one of the four, as the core cannot know whether the plugin
mattered. In both cases the groups that have finished stay stored.

Pluggy passes parameters by name: an implementation may omit those it does not use, but must not rename any or give one
a default.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from mbo_core.plugins.offers import StageOffer
    from mbo_core.runs.records import Candidates, Gap, Run, Scores, TrainedProxy
    from mbo_core.stages.contracts import Stage
    from mbo_core.tasks.task import TaskOffer

PROJECT = "mbo"
ENTRY_POINTS = "mbo.plugins"
COMMANDS = "mbo.commands"
"""The entry point group for commands that plugins add to `mbo`: name = "module:click command"."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def mbo_stages() -> Sequence[StageOffer | type[Stage]]:
    """Offer stages. Called once, when stages are first needed.

    Name the place of each class, so that it is imported only when it is used::

        @hookimpl
        def mbo_stages():
            from mbo_core.plugins.offers import StageOffer

            return [StageOffer("update", "mine", "mine.update:Mine")]

    You may also offer classes. Import them here, not in the plugin's `__init__`, so that listing stays fast.
    If an implementation raises, `mbo plugins` shows its plugin as `broken` with the reason; other plugins still work.
    """
    raise NotImplementedError


@hookspec
def mbo_tasks() -> Sequence[TaskOffer]:
    """Offer tasks. Called once, when tasks are first needed.

    Load no data here; the offer loads the task on demand::

        @hookimpl
        def mbo_tasks():
            from mbo_core.tasks import TaskInfo, TaskOffer
            from mine.table import load

            return [TaskOffer("Mine-v0", "continuous", TaskInfo("my table"), load)]

    An offer named `prefix:*` answers for every `prefix:name` that is not offered, and says why it is not available.
    If an implementation raises, `mbo plugins` shows its plugin as `broken` with the reason; other plugins still work.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def mbo_train_proxy(run: Run) -> TrainedProxy:
    """Train the recipe's proxy for each seed of `run`.

    Args:
        run: the recipe's stages, the encoded data (x (N, d), y (N,)), the seeds and their keys.

    Returns:
        `states`, the trained state of each seed that did not fail, and `failed`, the reasons for the others. `held_out`
        is the quality of each proxy on rows that it was not trained on, if there are any. An answer may cover only some
        of the seeds; the hook is then called again for the rest. A timer::

            @hookimpl(wrapper=True)
            def mbo_train_proxy(run):
                from time import perf_counter

                start = perf_counter()
                trained = yield
                print(run.seeds, perf_counter() - start)
                return trained

    If an implementation raises, the run ends. A run that was stopped after the training goes on without calling this
    hook for that group; one that was stopped in it calls it again, and the core's own loop goes on at its checkpoint.
    A plugin with a loop of its own may do so too: `run.checkpoints.due`, `save` and `resumed`.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def mbo_mine_adversary(run: Run, proxy: TrainedProxy) -> Gap:
    """Audit the trained proxy: how far does the recipe's adversary move it?

    Args:
        run: the run, as above.
        proxy: what `mbo_train_proxy` returned.

    Returns:
        `by_seed`, the gap of each seed of `proxy`: a float in standardised scores, or None where nothing was
        measured. The gap does not affect the rest of the run. A tool that reports wide gaps::

            @hookimpl(wrapper=True)
            def mbo_mine_adversary(run, proxy):
                from mbo_core.runs.notes import Note

                gap = yield
                wide = [seed for seed, size in gap.by_seed.items() if size is not None and size > 1]
                run.watch.notes += [Note(seed, "my tool", "the adversary gains much") for seed in wide]
                return gap

    If an implementation raises, the run ends.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def mbo_update_solution(run: Run, proxy: TrainedProxy) -> Candidates:
    """Search for better designs with the recipe's update.

    Args:
        run: the run, as above.
        proxy: what `mbo_train_proxy` returned.

    Returns:
        The candidates of each seed of `proxy` that did not fail: `x` (seeds, candidates, d) encoded and finite, `raw`
        (seeds, candidates, length) as the oracle takes them, and `predicted` (seeds, candidates) or None::

            @hookimpl(wrapper=True)
            def mbo_update_solution(run, proxy):
                candidates = yield
                for seed, designs in zip(candidates.seeds, candidates.raw):
                    print(seed, designs[0])
                return candidates

    If an implementation raises, the run ends.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def mbo_evaluate(run: Run, candidates: Candidates) -> Scores:
    """Score the candidates. Only this hook calls the oracle.

    Args:
        run: the run, as above; `run.task` holds the oracle.
        candidates: what `mbo_update_solution` returned.

    Returns:
        `by_seed`: the scores of each seed by name, numpy arrays (candidates,) of finite floats. `raw` is required; a
        name may have texts instead. Seeds without scores are in `failed` with the reason, or left out if the task has
        no oracle. A laboratory can answer before the core::

            @hookimpl
            def mbo_evaluate(run, candidates):
                from mbo_core.runs.records import Scores
                from mine.laboratory import measure

                raw = {seed: measure(designs) for seed, designs in zip(candidates.seeds, candidates.raw)}
                return Scores({seed: {"raw": y, "normalised": run.task.normalise(y)} for seed, y in raw.items()})

    If an implementation raises, the run ends. If the oracle raises, only its seed fails.
    """
    raise NotImplementedError
