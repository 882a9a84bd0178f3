"""What a plugin may offer: hooks that pluggy will call, stages that recipes can name, tasks."""

from __future__ import annotations

from inspect import Parameter, get_annotations, isclass, signature
from typing import TYPE_CHECKING, Any

import pluggy

from mbo_core.errors import MboError, nearest
from mbo_core.plugins import hookspecs

if TYPE_CHECKING:
    from mbo_core.stages.contracts import Stage


def check_plugin(plugin: object, manager: pluggy.PluginManager) -> None:
    """Refuse what pluggy takes without a word: a class, a misspelt hook, a parameter that is never passed.

    Raises:
        MboError: with the fact and a hint.
    """
    if isclass(plugin):
        raise MboError(f"the entry point names the class {plugin.__name__}", "name a module, or an instance")
    specified = {name for name in vars(hookspecs) if name.startswith("mbo_")}
    for name in dir(plugin):
        implementation = manager.parse_hookimpl_opts(plugin, name)
        if implementation is None:
            continue
        hook = implementation.get("specname") or name
        if hook not in specified:
            raise MboError(f'there is no hook "{hook}"', nearest(hook, specified))
        _check_parameters(hook, getattr(plugin, name))


def _check_parameters(hook: str, function: Any) -> None:
    known = list(signature(getattr(hookspecs, hook)).parameters)
    for name, parameter in signature(function).parameters.items():
        if parameter.kind in {Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL}:
            raise MboError(f"{hook} takes {parameter}, which pluggy leaves empty", f"name what it uses of: {known}")
        if parameter.default is not Parameter.empty:
            raise MboError(f"{hook} gives {name} a default, so pluggy never passes it", "leave the default out")
        if name not in known:
            raise MboError(f'{hook} has no parameter "{name}"', nearest(name, known))


def refused_stage(stage: Any) -> str | None:
    """Why recipes cannot use what a plugin offers as a stage, or None."""
    from mbo_core.stages.contracts import Stage

    if isinstance(stage, Stage):
        return f"is an instance; offer the class {type(stage).__name__}"
    if not (isinstance(stage, type) and issubclass(stage, Stage)):
        return "is not a stage class"
    lacking = _lacking(stage)
    if lacking:
        return f"lacks {', '.join(sorted(lacking))}"
    if "__dataclass_fields__" not in vars(stage):
        return "is not a dataclass"
    return _unreadable(stage)


def _lacking(stage: type[Stage]) -> set[str]:
    declared = {
        name for base in stage.__mro__ for name, hint in get_annotations(base).items() if "ClassVar" in str(hint)
    }
    return {name for name in declared if not hasattr(stage, name)} | set(stage.__abstractmethods__)


def _unreadable(stage: type[Stage]) -> str | None:
    from mbo_core.stages.options import options

    try:
        role_of(stage)
        options(stage)
    except Exception as error:
        # Resolving the annotations of a third party's class can raise anything.
        return f"cannot be read: {error}"
    return None


def refused_task(offer: Any) -> str | None:
    """Why a run cannot use what a plugin offers as a task, or None."""
    from mbo_core.tasks.task import TaskOffer

    if isinstance(offer, TaskOffer):
        return None
    return "is the class; offer an instance of it" if offer is TaskOffer else "is not a TaskOffer"


def role_of(stage: type[Stage]) -> str:
    """The role of a stage class: encoding, adversary, proxy, update or evaluation."""
    from mbo_core import stages

    roles = {
        "encoding": stages.Encoding,
        "adversary": stages.Adversary,
        "proxy": stages.Proxy,
        "update": stages.Update,
        "evaluation": stages.Evaluation,
    }
    for role, abstract in roles.items():
        if issubclass(stage, abstract):
            return role
    raise MboError(f"{stage.__name__} derives from none of {', '.join(roles)}")
