"""The resolved recipe: one stage for each role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import tomli_w

from mbo_core.recipes.words import ABOUT, ROLES
from mbo_core.stages.contracts import Adversary, Encoding, Evaluation, Proxy, Stage, Update
from mbo_core.stages.options import options, to_toml


@dataclass(frozen=True)
class Recipe:
    """A resolved recipe: one stage for each role, checked to fit each other.

    Attributes:
        name: the method's name.
        about: the table `[method]`.
        published: scores that the paper or its code report, by task: `{"100th": [mean, std], ...}`.
        preset: the preset that was laid over the published constants, or None.
        distributions: by role, the versions of the distributions that its stage and those inside it come from.
    """

    name: str
    about: Mapping[str, Any]
    published: Mapping[str, Any]
    preset: str | None
    encoding: Encoding
    adversary: Adversary
    proxy: Proxy
    update: Update
    evaluation: Evaluation
    distributions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def stages(self) -> dict[str, Stage]:
        """The five stages by role."""
        return {role: getattr(self, role) for role in ROLES}

    def to_toml(self, run: Mapping[str, Any]) -> str:
        """The recipe with every option written out, and what to run it on; reading it back gives the same."""
        about = {key: value for key, value in self.about.items() if key in ABOUT}
        tables: dict[str, Any] = {"method": {**about, "name": self.name}}
        if self.published:
            tables["published"] = dict(self.published)
        if run:
            tables["run"] = to_toml(run)
        tables.update({role: written(stage) for role, stage in self.stages().items()})
        return tomli_w.dumps(tables)


def written(stage: Stage) -> dict[str, Any]:
    """A stage as its TOML table; the recipe's own adversary and proxy are written in their own tables only."""
    table: dict[str, Any] = {"use": stage.name}
    for option in options(type(stage)).values():
        value = getattr(stage, option.name)
        if option.stage is None:
            table.update(to_toml({option.name: value}))
        elif option.name not in ROLES:
            table[option.name] = written(value)
    return table
