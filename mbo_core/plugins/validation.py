"""Validate what a plugin offers: hooks, stages and tasks."""

from __future__ import annotations

import re
from inspect import Parameter, get_annotations, getattr_static, isclass, signature
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args, get_origin, get_type_hints

import pluggy

from mbo_core.errors import MboError, nearest, reason_of
from mbo_core.plugins import hookspecs
from mbo_core.plugins.offers import PARTS, ROLES, Part, Role, StageOffer
from mbo_core.plugins.signatures import contract_of, refused_signature

if TYPE_CHECKING:
    from mbo_core.stages.abilities import Ability
    from mbo_core.stages.contracts import Stage, Update
    from mbo_core.stages.objective import Objective

KEBAB = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
"""The form of the names of plugins and stages."""
OWN_WORD = re.compile(rf"{KEBAB.pattern}:[a-z0-9_-]+")
"""A word that a plugin adds to the core's, e.g. the ability `mbo-kernel:kernel`."""
NOUNS = {
    "abilities": "ability",
    "needs": "ability",
    "moves": "move",
    "trains_against": "move",
    "kinds": "kind of task",
}
"""What errors call a word of each class attribute."""


def check_plugin(plugin: object, manager: pluggy.PluginManager) -> None:
    """Refuse what pluggy accepts silently: a class, a misspelt hook, a parameter that is never passed.

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
            raise MboError(f'unknown hook "{hook}"', nearest(hook, specified))
        _check_parameters(hook, getattr(plugin, name))


def _check_parameters(hook: str, function: Any) -> None:
    known = list(signature(getattr(hookspecs, hook)).parameters)
    for name, parameter in signature(function).parameters.items():
        if parameter.kind in {Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL}:
            raise MboError(f"{hook} takes {parameter}, which pluggy never fills", f"name the ones it uses: {known}")
        if parameter.default is not Parameter.empty:
            raise MboError(f"{hook} gives {name} a default, so pluggy never passes it", "remove the default")
        if name not in known:
            raise MboError(f'{hook} has no parameter "{name}"', nearest(name, known))


def refused_stage(stage: Any) -> str | None:
    """Why recipes cannot use an offered stage, or None; nothing is imported."""
    return _refused_offer(stage) if isinstance(stage, StageOffer) else _refused_class(stage)


def load(offer: StageOffer) -> type[Stage]:
    """Import an offered stage.

    Raises:
        MboError: if it differs from the offer, or cannot be used.
        Exception: whatever the import raises.
    """
    stage: type[Stage] = resolve_name(offer.place)
    if refusal := _refused_class(stage):
        raise MboError(f"{offer.place}: {refusal}")
    if (found := (role_of(stage), stage.name)) != (offer.role, offer.name):
        raise MboError(f"{offer.place} is the {' '.join(found)}", "fix the role or the name in its StageOffer")
    return stage


def _refused_offer(offer: StageOffer) -> str | None:
    if offer.role not in {*ROLES, *PARTS}:
        return f'unknown role "{offer.role}"; {nearest(str(offer.role), (*ROLES, *PARTS))}'
    if not re.fullmatch(r"[\w.]+:\w+", offer.place):
        return f'invalid place "{offer.place}"; write "module:Class"'
    return _misnamed(offer.name)


def _misnamed(name: Any) -> str | None:
    fine = isinstance(name, str) and KEBAB.fullmatch(name)
    return None if fine else f"invalid name {name!r}; use lower case with hyphens, e.g. gradient-ascent"


def _refused_class(stage: Any) -> str | None:
    from mbo_core.stages.contracts import Stage

    if isinstance(stage, Stage):
        return f"it is an instance; offer the class {type(stage).__name__}"
    if not (isinstance(stage, type) and issubclass(stage, Stage)):
        return "it is not a stage class"
    lacking = _lacking(stage)
    if lacking:
        return f"it lacks {', '.join(sorted(lacking))}"
    if "__dataclass_fields__" not in vars(stage):
        return "it is not a dataclass"
    return _unreadable(stage) or _misdeclared(stage) or refused_signature(stage)


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
        # Resolving the annotations of a third-party class can raise anything.
        return f"it cannot be read: {reason_of(error)}"
    return None


def _misdeclared(stage: type[Stage]) -> str | None:
    """The first class attribute that does not match the contract of its role."""
    from mbo_core.stages import abilities, contracts, objective

    _, contract = contract_of(stage)
    declared = {name: hint for name, hint in get_type_hints(contract).items() if get_origin(hint) is ClassVar}
    found = [_misfit(name, get_args(hint)[0], getattr_static(stage, name)) for name, hint in declared.items()]
    if issubclass(stage, (contracts.Update, objective.Objective)) and (needs := default_needs(stage)) is not None:
        found.append(_misfit("needs", frozenset[abilities.Ability], needs))
    return next(filter(None, [*found, _misnamed(stage.name)]), None)


def _misfit(name: str, hint: Any, value: Any) -> str | None:
    """What is wrong with a class attribute declared as `hint`."""
    outer, inner = get_origin(hint) or hint, get_args(hint)
    if isinstance(value, property):
        return f"{name} is a property, but cannot depend on the options; offer two stages"
    if outer is frozenset:
        return _unknown_word(name, get_args(inner[0]), value)
    if outer is Literal:
        return None if value in inner else f"{name} is {value!r}; {nearest(str(value), inner)}"
    return None if isinstance(value, outer) else f"{name} is {value!r}, not a {outer.__name__}"


def _unknown_word(name: str, known: tuple[str, ...], value: Any) -> str | None:
    if not isinstance(value, (set, frozenset)) or not all(isinstance(word, str) for word in value):
        return f"{name} is {value!r}, not a set of words"
    unknown = sorted(word for word in value if word not in known and not OWN_WORD.fullmatch(word))
    if not unknown:
        return None
    return f'unknown {NOUNS.get(name, "word")} "{unknown[0]}" in {name}; {nearest(unknown[0], known)}'


def default_needs(update: type[Update | Objective]) -> frozenset[Ability] | None:
    """What an update or objective needs of a proxy by default; None if that depends on a stage inside it."""
    from mbo_core.stages.options import options

    bare = object.__new__(update)
    for name, option in options(update).items():
        object.__setattr__(bare, name, option.default)
    try:
        return bare.needs
    except Exception:
        # Third-party code can raise anything if an inner stage is missing.
        return None


def refused_task(offer: Any) -> str | None:
    """Why a run cannot use an offered task, or None."""
    from mbo_core.tasks.task import TaskOffer

    if isinstance(offer, TaskOffer):
        return None
    return "it is the class; offer an instance of it" if offer is TaskOffer else "it is not a TaskOffer"


def role_of(stage: type[Stage]) -> Role | Part:
    """The role of a stage class.

    Raises:
        MboError: for a class that derives from no contract of a role.
    """
    return contract_of(stage)[0]
