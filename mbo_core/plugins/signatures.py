"""Check that the methods of an offered stage can be called as the core calls them."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import getattr_static, isfunction, signature
from typing import TYPE_CHECKING, Any

from mbo_core.errors import MboError
from mbo_core.plugins.offers import ROLES, Part, Role

if TYPE_CHECKING:
    from mbo_core.stages.contracts import Stage


def contract_of(stage: type[Stage]) -> tuple[Role | Part, type[Stage]]:
    """The role of a stage class, and the abstract class that is its contract.

    Raises:
        MboError: for a class that derives from no contract of a role.
    """
    from mbo_core.stages import contracts, objective

    found: dict[Role | Part, type[Stage]] = {role: getattr(contracts, role.capitalize()) for role in ROLES}
    found["objective"] = objective.Objective
    for role, contract in found.items():
        if issubclass(stage, contract):
            return role, contract
    raise MboError(f"{stage.__name__} derives from none of {', '.join(found)}")


def refused_signature(stage: type[Stage]) -> str | None:
    """The first method of a stage with other parameters than its contract, and what to write; None if all are right.

    The core passes all arguments by position, so that names do not matter, and further parameters may have defaults.
    """
    for name, method in _methods(stage):
        wanted = list(signature(method).parameters)
        if not callable(getattr(stage, name)):
            return f"{name} is not a method; write def {name}({', '.join(wanted)})"
        if not _takes(stage, name, len(wanted)):
            found = ", ".join(signature(getattr(stage, name)).parameters)
            return f"{name} has the parameters ({found}); write def {name}({', '.join(wanted)})"
    return None


def _methods(stage: type[Stage]) -> Iterator[tuple[str, Any]]:
    """The methods of the contract of a stage's role, and those of the protocols that it implements."""
    from mbo_core.stages import contracts

    _, contract = contract_of(stage)
    protocols: dict[type[Stage], tuple[type, ...]] = {
        contracts.Encoding: (contracts.WithInfo,),
        contracts.Proxy: (contracts.WithMembers, contracts.WithParams),
    }
    for base in (contract, *protocols.get(contract, ())):
        for name, method in vars(base).items():
            if isfunction(method) and not name.startswith("_") and hasattr(stage, name):
                yield name, method


def _takes(stage: type[Stage], name: str, count: int) -> bool:
    """Whether a method can be called with `count` arguments by position, itself included."""
    # A plain function of the class takes `self`; a static or class method no longer does.
    given = count if isfunction(getattr_static(stage, name)) else count - 1
    try:
        signature(getattr(stage, name)).bind(*range(given))
    except TypeError:
        return False
    except ValueError:
        # A function in C may have no signature.
        return True
    return True
