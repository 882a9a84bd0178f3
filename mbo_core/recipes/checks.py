"""Check which tables and keys a recipe file holds, and their types. This module does not import torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import Any

from mbo_core.errors import Mistakes, nearest
from mbo_core.recipes.words import ABOUT, DEFAULT_ENCODINGS, FLAGS, LISTING, MEASURED, PUBLISHED, ROLES, RUN, TABLES
from mbo_core.toml import Document, Sourced, Table, assignment, plain, subtable


def check_words(document: Document, mistakes: Mistakes) -> None:
    """Note unknown tables and keys of a document, whether or not they apply."""
    for key, value in document.table.items():
        if key not in TABLES:
            mistakes.add(document.where(key), f'unknown table or key "{key}"', nearest(key, TABLES))
        elif key != "extends" and not isinstance(value, dict):
            mistakes.add(document.where(key), f"{key} must be a table", f"write [{key}]")
    _check_layers(document, ("when",), mistakes)
    _check_layers(document, ("preset",), mistakes)
    for name in subtable(document.table, "preset"):
        _check_layers(document, ("preset", name, "when"), mistakes)
    for table, names in (("method", ABOUT), ("run", RUN), ("listing", LISTING)):
        for key in subtable(document.table, table):
            if key not in names:
                mistakes.add(document.where(table, key), f'unknown key "{key}" in {table}', nearest(key, names))
    if not isinstance(plain(subtable(document.table, "method")).get("name", ""), str):
        mistakes.add(document.where("method", "name"), "method.name must be a string")
    check_run(document, mistakes)
    check_facts(document, mistakes)
    for table, keys in (("published", PUBLISHED), ("measured", MEASURED)):
        for task, scores in subtable(document.table, table).items():
            check_scores(scores, table, keys, document.where(table, task), mistakes)


def _check_layers(document: Document, keys: tuple[str, ...], mistakes: Mistakes) -> None:
    """Note unknown roles in the tables at `keys`; a preset may have `when` tables of its own."""
    for name, value in reduce(subtable, keys, document.table).items():
        if isinstance(value, Sourced):
            path = ".".join((*keys, name))
            mistakes.add(value.where, f"{path} must be a table", f"write [{path}]")
            continue
        for key, inner in value.items():
            if (keys, key) != (("preset",), "when"):
                check_role(key, inner, document.where(*keys, name, key), mistakes)


def check_run(document: Document, mistakes: Mistakes) -> None:
    """Note values of `[run]` with the wrong type."""
    run = plain(subtable(document.table, "run"))
    for key, (kind, form) in _RUN.items():
        if not isinstance(run.get(key, kind()), kind):
            mistakes.add(document.where("run", key), f"run.{key} must be {form}")
    if not all(isinstance(name, str) for name in run.get("ignore", ())):
        mistakes.add(document.where("run", "ignore"), "run.ignore must be a list of columns")


_TEXTS = ("task", "preset", "applied", "sha256", "target", "weights", "space", "start")
_RUN: dict[str, tuple[type, str]] = {
    **dict.fromkeys(_TEXTS, (str, "a string")),
    "minimize": (bool, "true or false"),
    "ignore": (list, "a list of columns"),
    "hold": (dict, "a table of columns and values"),
}


def check_facts(document: Document, mistakes: Mistakes) -> None:
    """Note facts about a method with the wrong type."""
    facts = {"method": {key: _FACTS[key] for key in FLAGS}, "listing": {key: _FACTS[key] for key in LISTING}}
    for table, tests in facts.items():
        for key, (holds, form) in tests.items():
            value = subtable(document.table, table).get(key)
            if value is not None and not holds(plain(value)):
                mistakes.add(document.where(table, key), f"{table}.{key} must be {form}")


_FACTS: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(FLAGS, (lambda value: isinstance(value, bool), "true or false")),
    "kinds": (
        lambda value: isinstance(value, list) and bool(value) and set(value) <= set(DEFAULT_ENCODINGS),
        f"a list of {' and '.join(DEFAULT_ENCODINGS)}",
    ),
    "cost": (lambda value: type(value) in {int, float} and value > 0, "a number above 0"),
}


def check_scores(scores: Table | Sourced, table: str, keys: Sequence[str], where: str, mistakes: Mistakes) -> None:
    """Note scores of a task that cannot be shown beside those of a run."""
    if not isinstance(scores, dict):
        mistakes.add(where, f"{table} scores must be a table", f'write [{table}."TASK"]')
        return
    for key, value in scores.items():
        if key not in keys:
            mistakes.add(where, f'unknown key "{key}" in {table} scores', nearest(key, keys))
        elif key in {"source", "preset"} and not isinstance(plain(value), str):
            mistakes.add(where, f"{key} must be a string")
        elif key == "seeds" and type(plain(value)) is not int:
            mistakes.add(where, "seeds must be a whole number")
        elif key in {"100th", "50th"} and not _mean_and_std(plain(value)):
            mistakes.add(where, f"{key} must be a mean and a standard deviation", f'write "{key}" = [0.5, 0.1]')


def _mean_and_std(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(type(one) in {int, float} for one in value)


def check_sets(sets: Iterable[str], mistakes: Mistakes) -> None:
    """Note assignments outside any role."""
    for text in sets:
        for key, value in assignment(text).items():
            check_role(key, value, f"--set {text}", mistakes)


def check_role(key: str, value: Table | Sourced, where: str, mistakes: Mistakes) -> None:
    """Note a key of a layer that is not a role, or whose value is not a table."""
    if key not in ROLES:
        mistakes.add(where, f'unknown role "{key}"', nearest(key, ROLES))
    elif not isinstance(value, dict):
        mistakes.add(where, f"{key} must be a table", f"name its stage with {key}.use")
