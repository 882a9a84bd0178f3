"""The hooks (pluggy, project name `mbo`): methods offer, tools wrap.

The two `mbo_stages` and `mbo_tasks` collect what plugins offer. The other four are called once for each group of
seeds that a run trains together, in the order in which they stand here. The core implements each of them last
(`trylast`), so a cache may answer first, and a logger or timer may wrap (`@hookimpl(wrapper=True)`). Wrappers are
around whatever answers.

What is answered is checked right away for its type, seeds and shapes; a wrong answer ends the run with an error that
names the plugin and the option `--without`. So does an implementation of the four that raises, as the core cannot know
what it was for. In both cases the groups that were finished stay stored.

Note pluggy's rules: a parameter is passed by name, so an implementation may leave out those that it does not use,
must not rename any, and must not give one a default.
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
"""The group of entry points by which a plugin adds a command to `mbo`: name = "module:click command"."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def mbo_stages() -> Sequence[StageOffer | type[Stage]]:
    """Offer stages, once, when stages are first asked for.

    Say where each class is, so that it is imported only when it is used::

        @hookimpl
        def mbo_stages():
            from mbo_core.plugins.offers import StageOffer

            return [StageOffer("update", "mine", "mine.update:Mine")]

    Classes may be offered as well; import them here and not in the plugin's `__init__`, so that listing stays fast.
    An implementation that raises makes its plugin `broken` in `mbo plugins`, with the reason; the others work.
    """
    raise NotImplementedError


@hookspec
def mbo_tasks() -> Sequence[TaskOffer]:
    """Offer tasks, once, when tasks are first asked for.

    Load no data here: an offer knows how to load itself::

        @hookimpl
        def mbo_tasks():
            from mbo_core.tasks import TaskInfo, TaskOffer
            from mine.table import load

            return [TaskOffer("Mine-v0", "continuous", TaskInfo("my table"), load)]

    An offer of the name `prefix:*` answers for each `prefix:name` that is not offered, to say why it is not there.
    An implementation that raises makes its plugin `broken` in `mbo plugins`, with the reason; the others work.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def mbo_train_proxy(run: Run) -> TrainedProxy:
    """Train the recipe's proxy for each seed of `run`.

    Args:
        run: the recipe's stages, the encoded data (x (N, d), y (N,)), the seeds and their keys.

    Returns:
        `states`, the trained state of each seed that did not fail, and why the others did. An answer may be for some
        of the seeds: the hook is called again for the rest. A timer::

            @hookimpl(wrapper=True)
            def mbo_train_proxy(run):
                from time import perf_counter

                start = perf_counter()
                trained = yield
                print(run.seeds, perf_counter() - start)
                return trained

    If an implementation raises, the run ends.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def mbo_mine_adversary(run: Run, proxy: TrainedProxy) -> Gap:
    """Audit the trained proxy: how far does the recipe's adversary move it?

    Args:
        run: the same run.
        proxy: what `mbo_train_proxy` returned.

    Returns:
        `by_seed`, the gap of each seed of `proxy`: a float in standardised scores, or None where nothing was
        measured. It changes nothing that comes after. A tool that tells people of wide gaps::

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
        run: the same run.
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
    """Score the candidates; only here is the oracle called.

    Args:
        run: the same run; `run.task` holds the oracle.
        candidates: what `mbo_update_solution` returned.

    Returns:
        `by_seed`: for each seed its scores by name, numpy arrays (candidates,) of finite floats, `raw` among them; a
        name may have texts instead. Seeds without scores are in `failed` with the reason, or, without an oracle, left
        out. A laboratory may answer before the core::

            @hookimpl
            def mbo_evaluate(run, candidates):
                from mbo_core.runs.records import Scores
                from mine.laboratory import measure

                raw = {seed: measure(designs) for seed, designs in zip(candidates.seeds, candidates.raw)}
                return Scores({seed: {"raw": y, "normalised": run.task.normalise(y)} for seed, y in raw.items()})

    If an implementation raises, the run ends; an oracle that raises fails its seed alone.
    """
    raise NotImplementedError
