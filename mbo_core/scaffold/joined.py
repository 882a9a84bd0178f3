"""Join several modules into one: all imports at the top, then the definitions of each."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence

WIDTH = 120


def joined(docstring: str, modules: Sequence[str]) -> str:
    """Several modules as one, without their docstrings, formatted like ruff.

    Args:
        docstring: of the whole.
        modules: their sources; each starts with a docstring and imports, with no imports below.
    """
    imports: list[ast.Import | ast.ImportFrom] = []
    bodies = []
    for source in modules:
        lines = source.split("\n")
        nodes = ast.parse(source).body[1:]
        found = [node for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom))]
        imports += found
        bodies.append("\n".join(lines[found[-1].end_lineno or 0 :]).strip("\n"))
    gap = "\n\n\n" if bodies[0].startswith(("@", "class", "def")) else "\n\n"
    return f'"""{docstring}"""\n\n' + "\n".join(_sorted(imports)) + gap + "\n\n\n".join(bodies) + "\n"


def _sorted(imports: Iterable[ast.Import | ast.ImportFrom]) -> list[str]:
    """The lines of all imports, each name once: the standard library, then others, then the core."""
    whole: set[tuple[str, str | None]] = set()
    names: dict[str, set[str]] = defaultdict(set)
    for node in imports:
        if isinstance(node, ast.ImportFrom):
            names[node.module or ""].update(alias.name for alias in node.names)
        else:
            whole.update((alias.name, alias.asname) for alias in node.names)
    lines: list[str] = []
    for group in range(3):
        found = [_import(*one) for one in sorted(whole, key=str) if _group(one[0]) == group]
        found += [_from(module, names[module]) for module in sorted(names) if _group(module) == group]
        lines += ([""] if lines and found else []) + found
    return lines


def _group(module: str) -> int:
    top = module.partition(".")[0]
    return 0 if top in sys.stdlib_module_names else 2 if top == "mbo_core" else 1


def _import(module: str, alias: str | None) -> str:
    return f"import {module}" + (f" as {alias}" if alias else "")


def _from(module: str, names: Iterable[str]) -> str:
    # Constants, then classes, then functions, as ruff sorts them.
    ordered = sorted(names, key=lambda name: (not name.isupper(), name[0].islower(), name))
    line = f"from {module} import {', '.join(ordered)}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"from {module} import (", *(f"    {name}," for name in ordered), ")"])
