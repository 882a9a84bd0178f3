"""The recipe as a value: one stage for each role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import tomli_w

from mbo_core.recipes.words import ABOUT, ROLES
from mbo_core.stages.contracts import Adversary, Encoding, Evaluation, Proxy, Stage, Update, left_open
from mbo_core.stages.options import options, rivals, to_toml

LEFT_OUT: Any = None
"""A stage to be filled in when the recipe is resolved."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One stage for each role.

    Any stage may be left out. The defaults are the encoding of the kind of task, the evaluation `oracle`, and else
    `none`. Fields of a stage named `adversary` and `proxy` may be left out as well and receive the recipe's. A resolved
    recipe has all its stages, and they fit each other and the task.

    Attributes:
        encoding: maps designs to vectors and back.
        adversary: what the proxy is trained against.
        proxy: the model of the objective.
        update: the search.
        evaluation: scores the candidates.
        name: the method's name.
        about: the table `[method]`: summary, paper, code, deviations.
        published: scores reported by the paper or its code, by task: `{"100th": [mean, std], ...}`.
        preset: the preset that was applied, or None.
        changed: the options that `--set` changed, as `role.option=VALUE`.
        distributions: by role, the versions of the distributions of its stage and inner stages.
    """

    encoding: Encoding = LEFT_OUT
    adversary: Adversary = LEFT_OUT
    proxy: Proxy = LEFT_OUT
    update: Update = LEFT_OUT
    evaluation: Evaluation = LEFT_OUT
    name: str = "recipe"
    about: Mapping[str, Any] = field(default_factory=dict)
    published: Mapping[str, Any] = field(default_factory=dict)
    preset: str | None = None
    changed: tuple[str, ...] = ()
    distributions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def constants(self) -> str:
        """The source of its constants, e.g. `preset quick, 1 option set`; those of a mix are not published."""
        published = "paper" in self.about and not self.about.get("mix")
        base = f"preset {self.preset}" if self.preset else "published constants" if published else ""
        count = len(self.changed)
        return ", ".join(filter(None, [base, f"{count} option{'s' * (count > 1)} set" if count else ""]))

    def stages(self) -> dict[str, Stage]:
        """The stages that are given, by role."""
        return {role: stage for role in ROLES if (stage := getattr(self, role)) is not None}

    def to_toml(self, run: Mapping[str, Any]) -> str:
        """The recipe with every option written out, and what to run it on; reading it back gives an equal recipe."""
        about = {key: value for key, value in self.about.items() if key in ABOUT}
        tables: dict[str, Any] = {"method": {**about, "name": self.name}}
        if self.published:
            tables["published"] = dict(self.published)
        if run or self.preset or self.changed:
            # The values below already include them.
            done = {"applied": self.preset, "changed": list(self.changed) or None}
            tables["run"] = to_toml({**run, **done})
        tables.update({role: written(stage) for role, stage in self.stages().items()})
        return tomli_w.dumps(tables)


def written(stage: Stage, *, resolved: bool = True) -> dict[str, Any]:
    """A stage as its TOML table, without the recipe's own adversary and proxy, which have their own tables.

    Args:
        stage: the stage.
        resolved: whether to write options that were left open to the kind of space.
    """
    table: dict[str, Any] = {"use": stage.name}
    skipped = set() if resolved else left_open(stage)
    skipped |= {other for name, other in rivals(type(stage)).items() if getattr(stage, name) is not None}
    for option in options(type(stage)).values():
        value = getattr(stage, option.name)
        if option.stage is None and option.name not in skipped:
            table.update(to_toml({option.name: value}))
        elif option.stage is not None and option.name not in ROLES and value is not None:
            table[option.name] = written(value, resolved=resolved)
    return table
