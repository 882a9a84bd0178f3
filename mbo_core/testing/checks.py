"""The list of all checks, and the cases for a plugin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from operator import methodcaller
from zlib import crc32

from mbo_core.errors import nearest
from mbo_core.plugins.registry import Registry, installed
from mbo_core.recipes.words import DEFAULT_ENCODINGS
from mbo_core.testing import package_checks, recipe_checks, restricted_proxy, run_checks, stage_checks, task_checks
from mbo_core.testing.case import Case, Check, Outcome, Subject, demand
from mbo_core.testing.subjects import Subjects, subjects

CHECKS: tuple[Check, ...] = (
    *(
        Check(lambda found: found.package, function)
        for function in (
            package_checks.settings,
            package_checks.entry_point,
            package_checks.hooks,
            package_checks.light_import,
            package_checks.docstrings,
        )
    ),
    *(
        Check(lambda found: found.stages, function)
        for function in (
            package_checks.meanings,
            package_checks.infos,
            package_checks.names,
            package_checks.bad_options,
            recipe_checks.fits,
            recipe_checks.options_round_trip,
        )
    ),
    *(
        Check(lambda found: found.methods, function)
        for function in (recipe_checks.recipe_resolves, recipe_checks.recipe_states, recipe_checks.recipe_round_trip)
    ),
    *(Check(lambda found: found.everything_that_runs, function) for function in (run_checks.runs, run_checks.designs)),
    *(
        Check(lambda found: found.mixes, function)
        for function in (
            run_checks.same_key,
            run_checks.seed_alone,
            run_checks.global_generators,
            run_checks.inputs_untouched,
            run_checks.rows,
        )
    ),
    Check(lambda found: found.bound, run_checks.stays_inside),
    *(
        Check(lambda found: found.learners, function)
        for function in (run_checks.state_like_init, run_checks.state_on_disk)
    ),
    Check(methodcaller("able", "order"), stage_checks.order),
    Check(methodcaller("able", "values"), stage_checks.values),
    Check(methodcaller("able", "gradients"), stage_checks.gradients),
    Check(methodcaller("able", "order"), stage_checks.uncertainty),
    Check(methodcaller("able", "partial_fit"), stage_checks.partial_fit),
    Check(methodcaller("able", "members"), stage_checks.members),
    Check(methodcaller("able", "params"), stage_checks.params),
    Check(lambda found: found.adversaries, stage_checks.mined),
    Check(lambda found: found.miners, stage_checks.mined_inside),
    Check(lambda found: [*found.updates, *found.objectives], restricted_proxy.needs),
    Check(lambda found: found.objectives, stage_checks.objective),
    Check(lambda found: found.updates, stage_checks.length),
    Check(lambda found: found.encodings, stage_checks.encode_decode),
    Check(lambda found: found.evaluators, stage_checks.scores),
    *(
        Check(lambda found: found.tasks, function)
        for function in (task_checks.task_info, task_checks.task_loads, task_checks.oracle)
    ),
)
"""All checks, in the order of the report."""


@dataclass(frozen=True)
class Waiver:
    """A waiver, and the cases that it covers."""

    label: str
    cases: tuple[Case, ...]


def waivers(waiver: Waiver) -> None:
    """A waiver names a check, and optionally a subject, that fails without it."""
    check, colon, subject = waiver.label.partition(": ")
    names = [one.name for one in CHECKS]
    demand(check in names, f'unknown check "{check}"', nearest(check, names))
    demand(waiver.cases, f"{check} does not apply to {subject if colon else 'this plugin'}", "drop the waiver")
    needed = any(case.outcome.status == "waived" for case in waiver.cases)
    demand(needed, "unneeded waiver: nothing that it covers fails", "drop the waiver")


def covers(waiver: str, check: str, subject: str) -> bool:
    """Whether a waiver covers a case; a stage's waiver covers all kinds of task and partners.

    >>> covers("rows: proxy odd", "rows", "proxy odd, discrete")
    True
    >>> covers("rows: proxy odd", "rows", "proxy oddity, discrete")
    False
    """
    name, colon, label = waiver.partition(": ")
    return name == check and (not colon or subject == label or subject.startswith(f"{label}, "))


def cases(plugin: str, registry: Registry | None = None) -> list[Case]:
    """Every check of everything in a plugin.

    Args:
        plugin: its entry point's name.
        registry: what is installed, by default in this environment.

    Raises:
        RecipeError: if it is not installed, with the nearest known name.
    """
    found = subjects(plugin, registry or installed())
    waived = found.whole.settings.waived
    made = [case for check in CHECKS for case in _cases(check, found, waived)]
    covered = [
        Waiver(waiver, tuple(case for case in made if covers(waiver, case.check.name, case.subject.label)))
        for waiver in waived
    ]
    return [*made, *(Case(Check(list, waivers), waiver) for waiver in covered)]


def _cases(check: Check, found: Subjects, waived: Mapping[str, str]) -> Iterator[Case]:
    """A check of all that it applies to; one case of each stage or recipe is no repeat.

    It is of the same kind of task for all checks, which share its run; the kind depends on the name.
    """
    alike: dict[str, list[Subject]] = {}
    for subject in check.subjects(found):
        alike.setdefault(_without_kind(subject.label), []).append(subject)
    for label, group in alike.items():
        first = crc32(label.encode()) % len(group)
        for index, subject in enumerate(group):
            reasons = [reason for waiver, reason in waived.items() if covers(waiver, check.name, subject.label)]
            yield Case(check, subject, next(iter(reasons), None), repeats=index != first)


def _without_kind(label: str) -> str:
    return ", ".join(part for part in label.split(", ") if part not in DEFAULT_ENCODINGS)


def outcomes(plugin: str, registry: Registry | None = None) -> Iterator[Outcome]:
    """The outcomes of a plugin's checks, one by one; see `cases` for the arguments."""
    for case in cases(plugin, registry):
        yield case.outcome
