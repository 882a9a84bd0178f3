"""The tasks that an installed design_bench registers, and which are available; its files are read, not imported."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mbo_core.tasks import Kind, OracleKind
from mbo_design_bench.original.stand_ins import GYM, PACKAGE, STAND_INS

FOLDERS = {
    "AntMorphologyDataset": "ant_morphology",
    "CIFARNASDataset": "cifar_nas",
    "DKittyMorphologyDataset": "dkitty_morphology",
    "GFPDataset": "gfp",
    "HopperControllerDataset": "hopper_controller",
    "NASBenchDataset": "nas_bench",
    "SuperconductorDataset": "superconductor",
    "TFBind10Dataset": "tf_bind_10-pho4",
    "TFBind8Dataset": "tf_bind_8-SIX6_REF_R1",
    "ToyContinuousDataset": "toy_continuous",
    "ToyDiscreteDataset": "toy_discrete",
    "UTRDataset": "utr",
}
"""The folder of each data set in Design-Bench's layout, but for ChEMBL, which has one for each assay."""

ORACLES: dict[str, OracleKind] = {
    "AntMorphologyOracle": "simulator",
    "CIFARNASOracle": "simulator",
    "DKittyMorphologyOracle": "simulator",
    "HopperControllerOracle": "simulator",
    "NASBenchOracle": "table",
    "TFBind10Oracle": "table",
    "TFBind8Oracle": "table",
    "ToyContinuousOracle": "formula",
    "ToyDiscreteOracle": "formula",
}
"""The exact oracles; all others are learned."""

_POLICY = "its walking policy is a pickle; pickles can run any code and are never read"

REFUSED = {
    "AntMorphologyOracle": _POLICY,
    "CIFARNASOracle": "it trains a network for each design, on downloaded images",
    "DKittyMorphologyOracle": _POLICY,
    "GaussianProcessOracle": "its Gaussian process is a pickle, and a refit does not converge",
}
"""Unavailable oracles, and why."""


@dataclass(frozen=True)
class Registered:
    """A task as design_bench registers it.

    Attributes:
        id: its name in design_bench, e.g. `TFBind8-Exact-v0`.
        dataset: its data set's class, `module:class`.
        oracle: its oracle's class, `module:class`.
    """

    id: str
    dataset: str
    oracle: str

    @property
    def name(self) -> str:
        """Its name in mbo."""
        return f"{PACKAGE}:{self.id}"

    @property
    def kind(self) -> Kind:
        """Continuous or discrete, by the module of the data set's class."""
        return "discrete" if ".discrete." in self.dataset else "continuous"

    @property
    def oracle_kind(self) -> OracleKind:
        """The kind of oracle."""
        return ORACLES.get(self._oracle_class, "learned")

    @property
    def folder(self) -> str | None:
        """Its folder in Design-Bench's layout, or None if unknown before loading.

        >>> chembl = "design_bench.datasets.discrete.chembl_dataset:ChEMBLDataset"
        >>> Registered("ChEMBL_MCHC_CHEMBL3885882_MorganFingerprint-RandomForest-v0", chembl, "").folder
        'chembl-MCHC-CHEMBL3885882'
        """
        assay = re.match(r"ChEMBL_([^_]+)_(CHEMBL\d+)", self.id)
        return f"chembl-{assay[1]}-{assay[2]}" if assay else FOLDERS.get(self.dataset.rpartition(":")[2])

    @property
    def first_shard(self) -> str | None:
        """The first of its files.

        >>> Registered("TFBind8-Exact-v0", ":TFBind8Dataset", "").first_shard
        'tf_bind_8-SIX6_REF_R1/tf_bind_8-x-0.npy'
        """
        return self.folder and f"{self.folder}/{self.folder.partition('-')[0]}-x-0.npy"

    def refusal(self) -> str | None:
        """One line on why its oracle is unavailable, or None."""
        if self.oracle.startswith(f"{PACKAGE}.oracles.tensorflow"):
            return "its oracle is a TensorFlow network packed with pickles"
        if "_MorganFingerprint-" in self.id:
            return next(why for module, why in STAND_INS.items() if module.endswith("morgan_fingerprint_features"))
        if self._oracle_class == "HopperControllerOracle" and find_spec("gym") is None:
            return GYM
        return REFUSED.get(self._oracle_class)

    @property
    def _oracle_class(self) -> str:
        return self.oracle.rpartition(":")[2]


def origin() -> Path | None:
    """The file of the installed package that registers the tasks, or None if not installed."""
    spec = find_spec(PACKAGE)
    return Path(spec.origin) if spec is not None and spec.origin is not None else None


@cache
def package_version() -> str:
    """The version of the installed package, if its metadata have it."""
    try:
        return version("design-bench")
    except PackageNotFoundError:
        return "unknown"


def tasks(source: str) -> list[Registered]:
    """The tasks that a source registers, in loops or one by one.

    Raises:
        SyntaxError: for invalid Python, or an unsupported way to register tasks.

    >>> tasks("for n in (0, 1): register(f'Toy-Exact-v{n}', 'toy:Data', 'toy:Oracle', oracle_kwargs=heavy())")[1]
    Registered(id='Toy-Exact-v1', dataset='toy:Data', oracle='toy:Oracle')
    """
    return list(_registrations(ast.parse(source).body, {}))


def _registrations(body: Sequence[ast.stmt], names: Mapping[str, str]) -> Iterator[Registered]:
    """The tasks of a block; `names` are the variables of the enclosing loops."""
    for node in body:
        if isinstance(node, ast.For):
            for values in _literal(node.iter):
                yield from _registrations(node.body, {**names, **_bound(node.target, values)})
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and _registers(node.value):
            name, dataset, oracle = (_text(argument, names) for argument in _first_three(node.value))
            yield Registered(name, dataset, oracle)


def _registers(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id == "register"


def _first_three(call: ast.Call) -> list[ast.expr]:
    if len(call.args) < 3:
        raise SyntaxError(f"no name, data set and oracle in {ast.unparse(call)}")
    return call.args[:3]


def _literal(node: ast.expr) -> Any:
    """The value of constants and of lists of them."""
    if isinstance(node, ast.List | ast.Tuple):
        return [_literal(item) for item in node.elts]
    if isinstance(node, ast.Constant):
        return node.value
    raise SyntaxError(f"{ast.unparse(node)} is known only at run time")


def _bound(target: ast.expr, values: Any) -> dict[str, str]:
    """The variables of a loop in one iteration."""
    pairs = zip(target.elts, values, strict=True) if isinstance(target, ast.Tuple) else [(target, values)]
    return {ast.unparse(name): str(value) for name, value in pairs}


def _text(node: ast.expr, names: Mapping[str, str]) -> str:
    """The value of a text, a variable, or an f-string of these."""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part, names) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return _text(node.value, names)
    if isinstance(node, ast.Name) and node.id in names:
        return names[node.id]
    return str(_literal(node))
