"""Check that the methods of an offered stage can be called as the core calls them."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import getattr_static, isfunction, signature
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mbo_core.stages.contracts import Stage


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

    contract = [base for base in stage.__mro__ if base.__module__ == contracts.__name__]
    if issubclass(stage, contracts.Encoding):
        contract.append(contracts.WithInfo)
    if issubclass(stage, contracts.Proxy):
        contract += [contracts.WithMembers, contracts.WithParams]
    for base in contract:
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
