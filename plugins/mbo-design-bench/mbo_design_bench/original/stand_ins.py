"""A private copy of design_bench 2.0.20 that works on current Python.

The package imports packages that are hard to install, asks a server that is gone, and reads its oracles from pickles.
Inside `borrowed` it is imported with a stand-in for each of these; afterwards the copy, the stand-ins and the numpy
names are removed from the interpreter, and the earlier modules restored. A stand-in may be imported, named and called,
as the package does while it registers its tasks; using the result is an error that gives the reason.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType, SimpleNamespace
from typing import Any

from mbo_core.errors import TaskError

PACKAGE = "design_bench"
INSTALL = "pip install --no-deps design-bench==2.0.20"

GYM = "Hopper runs in gym's Hopper-v2, which needs a gym before 0.26 and mujoco-py"

STAND_INS = {
    "design_bench.oracles.feature_extractors.morgan_fingerprint_features": (
        "Morgan fingerprints need deepchem, transformers and a vocabulary from a server that is gone"
    ),
    "gym": GYM,
    "morphing_agents": "the robots need mujoco-py, and their walking policies are pickles",
    "requests": "the server with design_bench's files has been gone since January 2024",
}
"""A replaced module, with its submodules, and the reason."""

PARTS = ("disk_resource", "oracles.approximate_oracle", "oracles.exact", "oracles.sklearn")
"""The modules that look for files, keep oracles, or read pickles."""

PICKLES = "pickles can run any code and are never read"


@dataclass(frozen=True)
class Unusable:
    """Something that may be named and called, but not used.

    >>> Unusable("gym.make", "no gym is here")("Hopper-v2").reset()
    Traceback (most recent call last):
        ...
    mbo_core.errors.TaskError: design_bench wants to use gym.make: no gym is here
    """

    # Private names, as a stand-in's own attributes would be returned and not refused.
    stands_for: str
    because: str

    def __call__(self, *_: Any, **__: Any) -> Unusable:
        """A stand-in for the result of the call."""
        return self

    def __getattr__(self, attribute: str) -> Any:
        """Refuse; protocol names are only absent, as Python looks them up on every object."""
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        raise TaskError(f"{PACKAGE} wants to use {self.stands_for}: {self.because}")


class StandIn(ModuleType):
    """A module from which anything can be imported, none of it usable."""

    def __init__(self, name: str, because: str) -> None:
        super().__init__(name)
        self.because = because

    def __getattr__(self, attribute: str) -> Unusable:
        """Something unusable of that name."""
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        return Unusable(f"{self.__name__}.{attribute}", self.because)


@dataclass(frozen=True)
class Finder(MetaPathFinder, Loader):
    """Finds stand-ins and nothing else.

    Attributes:
        reasons: the replaced modules, and why.
    """

    reasons: Mapping[str, str]

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """A package, so that anything below it can be imported as well."""
        why = next((why for module, why in self.reasons.items() if _within(name, module)), None)
        return None if why is None else ModuleSpec(name, self, is_package=True, loader_state=why)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The stand-in."""
        return StandIn(spec.name, spec.loader_state)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing: it has no code."""


def stand_ins() -> dict[str, str]:
    """The modules to replace; gym only if it is not installed."""
    return {name: why for name, why in STAND_INS.items() if name != "gym" or PathFinder.find_spec(name) is None}


@contextmanager
def borrowed(locate: Callable[[str], str]) -> Iterator[ModuleType]:
    """A copy of design_bench for use inside the block; objects made with it keep working afterwards.

    Args:
        locate: the path of a data file by its name in Design-Bench's layout; raises `TaskError` if it is missing.

    Raises:
        TaskError: where the package cannot be imported.
    """
    # Shared modules are imported before, so that they never see a stand-in.
    for shared in ("scipy.stats", "sklearn.ensemble", "sklearn.gaussian_process"):
        import_module(shared)
    with quiet(), _numpy_names(), _modules_apart(Finder(stand_ins())):
        try:
            package = import_module(PACKAGE)
            _confine(locate)
        except Exception as error:
            raise TaskError(f"{PACKAGE} cannot be imported: {type(error).__name__}: {error}", INSTALL) from error
        yield package


@contextmanager
def quiet() -> Iterator[None]:
    """Hide the package's deprecation warnings, which cannot be fixed here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed numpy's global generator, and restore it afterwards."""
    import numpy as np

    state = np.random.get_state()
    np.random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(state)


@contextmanager
def _numpy_names() -> Iterator[None]:
    """Names that design_bench uses and this numpy lacks: bool before 2.0, the infinities since."""
    import numpy as np

    names = {"NINF": -np.inf, "PINF": np.inf, "bool": np.bool_}
    absent = {name: value for name, value in names.items() if name not in vars(np)}
    vars(np).update(absent)
    try:
        yield
    finally:
        for name in absent:
            del vars(np)[name]


@contextmanager
def _modules_apart(finder: Finder) -> Iterator[None]:
    """Remove the package and the replaced modules from `sys.modules`, and restore them afterwards."""
    names = (PACKAGE, *finder.reasons)
    before = _taken(names)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        _taken(names)
        sys.modules.update(before)


def _taken(names: Sequence[str]) -> dict[str, ModuleType]:
    """Modules of these names and their submodules, removed from `sys.modules`."""
    found = [module for module in sys.modules if any(_within(module, name) for name in names)]
    return {module: sys.modules.pop(module) for module in found}


def _within(module: str, name: str) -> bool:
    return module == name or module.startswith(f"{name}.")


def _confine(locate: Callable[[str], str]) -> None:
    """Redirect the copy's files, keep its fitted oracles in memory, and remove its access to pickle."""
    part = {name: import_module(f"{PACKAGE}.{name}") for name in PARTS}
    part["disk_resource"].DiskResource.get_data_path = staticmethod(locate)
    oracle = part["oracles.approximate_oracle"].ApproximateOracle
    oracle.get_disk_resource, oracle.save_params, oracle.load_params = _nowhere, _keep, _kept
    for module in [module for name, module in sys.modules.items() if _within(name, PACKAGE)]:
        for name in [name for name, value in vars(module).items() if _unpickles(value)]:
            setattr(module, name, Unusable("pickle", PICKLES))


def _unpickles(value: Any) -> bool:
    return isinstance(value, ModuleType) and value.__name__ == "pickle"


def _nowhere(oracle: Any, dataset: Any, **_: Any) -> SimpleNamespace:
    return SimpleNamespace(disk_target=None)


def _keep(oracle: Any, file: None, params: Mapping[str, Any]) -> None:
    oracle.fitted = params


def _kept(oracle: Any, file: None) -> Mapping[str, Any]:
    fitted: Mapping[str, Any] = oracle.fitted
    return fitted
