"""Build the stages of a recipe, one for each role, from tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from mbo_core.errors import Mistakes, RecipeError
from mbo_core.plugins.registry import Registry
from mbo_core.plugins.requirements import came_from, may_offer
from mbo_core.plugins.validation import role_of
from mbo_core.recipes.hints import option_hint
from mbo_core.recipes.layers import Lineage
from mbo_core.recipes.words import ROLES
from mbo_core.stages.contracts import Stage
from mbo_core.stages.options import Option, Refused, convert, options, rivals
from mbo_core.tasks.space import Kind
from mbo_core.toml import Sourced, Table, subtable


@dataclass
class Builder:
    """Builds stages from tables and notes mistakes.

    Attributes:
        registry: what is installed.
        lineage: the recipe, to locate mistakes in its files.
        mistakes: collects the mistakes.
        kind: the kind of space, on which defaults of options may depend.
    """

    registry: Registry
    lineage: Lineage
    mistakes: Mistakes
    kind: Kind

    def stages(self, table: Table) -> dict[str, Stage | None]:
        """The five stages; None for one that could not be built."""
        made: dict[str, Stage | None] = {}
        for role in ROLES:
            made[role] = self.stage(role, role, subtable(table, role), made)
        return made

    def stage(self, role: str, path: str, table: Table, made: Mapping[str, Stage | None]) -> Stage | None:
        """One stage from its table."""
        use = table.get("use")
        name = use.value if isinstance(use, Sourced) else None
        where = self.lineage.where(*path.split(".")) if use is None else location(use)
        if not isinstance(name, str):
            self.mistakes.add(where, f"missing stage in {path}", f'write use = "..." in [{path}]')
            return None
        try:
            stage = self.registry.stage(role, name)
        except RecipeError as error:
            documents = self.lineage.documents
            hint = came_from(documents, f"{role} {name}") or may_offer(documents, self.registry) or error.hint
            self.mistakes.add(where, error.message, hint)
            return None
        return self._construct(stage, path, table, made)

    def _construct(self, stage: type[Stage], path: str, table: Table, made: Mapping[str, Stage | None]) -> Stage | None:
        known = options(stage)
        before = len(self.mistakes.found)
        table = self._without_rivals(stage, path, table)
        values = {name: one.default_on(self.kind) for name, one in known.items() if one.by_kind}
        inner = {name: self._inner(one, path, table, made) for name, one in known.items() if one.stage}
        for key, value in table.items():
            if key == "use":
                continue
            if key not in known or key in ROLES:
                fact = f'{path} "{stage.name}" has no option "{key}"'
                self.mistakes.add(
                    location(value),
                    fact,
                    option_hint(key, {name: one for name, one in known.items() if name not in ROLES}),
                )
            elif known[key].stage is None:
                self._option(known[key], path, value, values)
        if len(self.mistakes.found) > before or None in inner.values():
            return None
        try:
            return stage(**values, **inner)
        except ValueError as error:
            self._misfit(error, stage, path, table)
            return None

    def _without_rivals(self, stage: type[Stage], path: str, table: Table) -> Table:
        """The table without options that a later layer replaced by others."""
        kept = dict(table)
        for name, other in rivals(stage).items():
            one, two = table.get(name), table.get(other)
            if not isinstance(one, Sourced) or not isinstance(two, Sourced):
                continue
            if one.layer == two.layer:
                fact = f"{path}.{name} and {path}.{other} are both set, but only one of them counts"
                self.mistakes.add(one.where, fact, "remove one of the two")
            del kept[name if one.layer < two.layer else other]
        return kept

    def _misfit(self, error: ValueError, stage: type[Stage], path: str, table: Table) -> None:
        """Note why a stage refuses its options together, at the place of an option it names as `option=value`."""
        known = options(stage)
        named = [name for name in dict.fromkeys(re.findall(r"(\w+)=", str(error))) if name in known]
        places = [location(table[name]) for name in named if name in table]
        # An option given on the command line is the more likely mistake.
        places.sort(key=lambda place: not place.startswith("--set"))
        where = places[0] if places else self.lineage.where(*path.split("."))
        hint = "; ".join(f"{name}: {known[name].limits.doc}" for name in named)
        self.mistakes.add(where, f'{path} "{stage.name}": {error}', hint or None)

    def _inner(self, option: Option, path: str, table: Table, made: Mapping[str, Stage | None]) -> Stage | None:
        if option.name in made:
            return made[option.name]
        role, own = role_of(cast("type[Stage]", option.stage)), subtable(table, option.name)
        if option.default is not None:
            own = {"use": Sourced(option.default.name, ""), **own}
        return self.stage(role, f"{path}.{option.name}", own, made)

    def _option(self, option: Option, path: str, value: Table | Sourced, values: dict[str, Any]) -> None:
        if isinstance(value, dict):
            self.mistakes.add(location(value), f"{path}.{option.name} is {option.type_name}, not a table")
            return
        try:
            values[option.name] = convert(option, value.value)
        except Refused as refusal:
            hint = refusal.hint or option.limits.doc or None
            self.mistakes.add(value.where, f"{path}.{option.name} {refusal}", hint)


def location(value: Table | Sourced) -> str:
    """Where the first value of a table was written."""
    while isinstance(value, dict):
        if not value:
            return ""
        value = next(iter(value.values()))
    return value.where
