"""The hooks (pluggy, project name `mbo`): methods offer, tools wrap.

The two `mbo_stages` and `mbo_tasks` collect what plugins offer. The other four are called once for each group of
seeds that a run trains together, in the order in which they stand here. The core implements each of them last
(`trylast`), so a cache may answer first, and a logger or timer may wrap (`@hookimpl(wrapper=True)`). Wrappers are
around whatever answers. One that raises ends the run, as the core cannot know what it was for; what was stored stays.

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
            return [StageOffer("proxy", "conservative", "mbo_coms.proxy:Conservative")]

    Classes may be offered as well; import them here and not in the plugin's `__init__`, so that listing stays fast.
    """
    raise NotImplementedError


@hookspec
def mbo_tasks() -> Sequence[TaskOffer]:
    """Offer tasks, once, when tasks are first asked for.

    Load no data here: an offer knows how to load itself::

        @hookimpl
        def mbo_tasks():
            return [TaskOffer("Mine-v0", "continuous", TaskInfo("my table"), load)]

    An offer of the name `prefix:*` answers for each `prefix:name` that is not offered, to say why it is not there.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def mbo_train_proxy(run: Run) -> TrainedProxy:
    """Train the recipe's proxy for each seed of `run`.

    Args:
        run: the recipe's stages, the encoded data (x (N, d), y (N,)), the seeds and their keys.

    Returns:
        The trained states of the seeds that did not fail, and why the others did::

            @hookimpl(wrapper=True)
            def mbo_train_proxy(run):
                start = time.perf_counter()
                trained = yield
                print(run.seeds, time.perf_counter() - start)
                return trained
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def mbo_mine_adversary(run: Run, proxy: TrainedProxy) -> Gap:
    """Audit the trained proxy: how far does the recipe's adversary move it?

    Args:
        run: the same run.
        proxy: what `mbo_train_proxy` returned.

    Returns:
        The gap for each seed, in standardised scores; it changes nothing that comes after::

            @hookimpl(wrapper=True)
            def mbo_mine_adversary(run, proxy):
                gap = yield
                warn_if(gap.values.max() > 1)
                return gap
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def mbo_update_solution(run: Run, proxy: TrainedProxy) -> Candidates:
    """Search for better designs with the recipe's update.

    Args:
        run: the same run.
        proxy: what `mbo_train_proxy` returned.

    Returns:
        The candidates of each seed, encoded, (seeds, candidates, d), and raw::

            @hookimpl(wrapper=True)
            def mbo_update_solution(run, proxy):
                candidates = yield
                publish(candidates.raw)
                return candidates
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def mbo_evaluate(run: Run, candidates: Candidates) -> Scores:
    """Score the candidates; only here is the oracle called.

    Args:
        run: the same run; `run.task` holds the oracle.
        candidates: what `mbo_update_solution` returned.

    Returns:
        Raw and normalised scores, (seeds, candidates); a laboratory's own scores may come first::

            @hookimpl
            def mbo_evaluate(run, candidates):
                return ask_the_laboratory(candidates.raw)
    """
    raise NotImplementedError
