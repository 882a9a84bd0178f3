"""What to cite for a run, as BibTeX."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mbo_core.errors import RecipeError
from mbo_core.plugins.registry import Registry
from mbo_core.recipes.layers import find
from mbo_core.runs.store import Folder
from mbo_core.toml import plain, read, subtable

ARXIV = re.compile(r"arXiv:(\d{4}\.\d{4,5})")


def bibtex(folder: Path, registry: Registry) -> str:
    """The entries of a run's method, its task and the software.

    Raises:
        StoreError: for a folder that is not a run.
    """
    record = Folder(folder).load_record()
    about = plain(subtable(find(folder, registry).table, "method"))
    entries = [*_papers(record, about, registry), *_task(record["task"], registry), *_software(record)]
    return "\n\n".join(entries) + "\n"


def _papers(record: Mapping[str, Any], about: Mapping[str, Any], registry: Registry) -> Iterator[str]:
    """The papers that the recipe names; those of the method it was made of, where its own text is gone."""
    paper = str(about.get("paper", ""))
    if not paper and record["recipe"] in registry.methods:
        paper = str(registry.methods[record["recipe"]].about.get("paper", ""))
    known = plain(read(Path(__file__).with_name("papers.toml"), "list of papers").table)
    found = ARXIV.findall(paper)
    for number in dict.fromkeys(found):
        yield _entry("misc", f"arxiv-{number}", {**known.get(number, {}), "eprint": number, "archivePrefix": "arXiv"})
    rest = ARXIV.sub("", paper).strip(" ;,.").removeprefix("and ").removesuffix(" and")
    if rest and not found:
        yield _entry("misc", f"method-{record['recipe']}", {"note": rest})


def _task(name: str, registry: Registry) -> Iterator[str]:
    try:
        info = registry.task(name).info
    except RecipeError:
        return
    if info.citation:
        yield _entry("misc", f"task-{name.replace(':', '-')}", {"note": info.citation})


def _software(record: Mapping[str, Any]) -> Iterator[str]:
    used = record["versions"].get("mbo-core", version("mbo-core"))
    facts = {"author": "{The mbo contributors}", "title": "mbo: offline model-based optimization", "version": used}
    yield _entry("software", "mbo", {**facts, "year": "2026"})


def _entry(kind: str, key: str, facts: Mapping[str, str]) -> str:
    lines = [f"  {name} = {{{value}}}," for name, value in facts.items()]
    return "\n".join([f"@{kind}{{{key},", *lines, "}"])
