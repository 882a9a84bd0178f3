"""A new plugin: a complete package with its tests, or one file with a recipe."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from mbo_core.errors import StoreError
from mbo_core.plugins.registry import Registry
from mbo_core.scaffold.joined import joined
from mbo_core.scaffold.plan import Plan
from mbo_core.scaffold.templates import filled

PACKAGE: Mapping[str, tuple[str, str | None]] = {
    "pyproject.toml": ("package/pyproject.toml", None),
    "README.md": ("package/README.md", None),
    ".gitignore": ("package/gitignore", None),
    ".github/workflows/test.yml": ("package/workflow.yml", None),
    "{module}/__init__.py": ("package/init.py", None),
    "{module}/conformance.toml": ("package/conformance.toml", "shrinks"),
    "{module}/recipes/{slug}.toml": ("package/recipe.toml", "stages"),
    "tests/test_conformance.py": ("tests/conformance.py", None),
}
"""The template of each file of a package, and the fact on which it depends; its parts are added."""

PARTS = ("encoding", "adversary", "proxy", "objective", "update", "evaluation", "task", "tool")
"""The parts with their own module and test."""


def create(plan: Plan, parent: Path, registry: Registry) -> list[Path]:
    """Write a plugin, completely or not at all.

    Args:
        plan: its plan.
        parent: the folder to create it in.
        registry: the installed plugins, whose names are taken.

    Returns:
        Its files.

    Raises:
        RecipeError: for a name that is taken.
        StoreError: if it already exists, or cannot be written.
    """
    plan.check_free(registry)
    texts = contents(plan)
    targets = [parent / name for name in texts] if plan.single else [parent / f"mbo-{plan.slug}"]
    for target in targets:
        if os.path.lexists(target):
            raise StoreError(f"{target} already exists", "choose another name, or another folder with --into")
    try:
        parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".mbo-{plan.slug}-", dir=parent))
    except OSError as error:
        raise StoreError(f"cannot write to {parent}: {error.strerror}") from error
    try:
        _write(made, texts)
        made.chmod(0o755)
        for target in targets:
            os.rename(made / target.name if plan.single else made, target)
    except OSError as error:
        raise StoreError(f"cannot write {targets[0]}: {error.strerror}") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return sorted(parent / name if plan.single else targets[0] / name for name in texts)


def contents(plan: Plan) -> dict[str, str]:
    """The text of each file of a plugin, by path."""
    return _single(plan) if plan.single else _package(plan)


def _package(plan: Plan) -> dict[str, str]:
    wanted = {name: template for name, (template, fact) in PACKAGE.items() if fact is None or fact in plan.facts}
    for part in _parts(plan):
        wanted[f"{{module}}/{part}.py"] = _module(part, plan)
        wanted[f"tests/test_{part}.py"] = f"tests/{part}.py"
    named = {name.format(module=plan.module, slug=plan.slug): template for name, template in wanted.items()}
    return {name: _filled(template, plan) for name, template in named.items()}


def _single(plan: Plan) -> dict[str, str]:
    modules = [
        _filled(template, plan) for template in (*(_module(part, plan) for part in _parts(plan)), "package/init.py")
    ]
    texts = {f"{plan.module}.py": joined(f"{plan.slug} for mbo, in one file.", modules)}
    if plan.stages:
        texts[f"{plan.slug}.toml"] = _filled("package/recipe.toml", plan)
    return texts


def _parts(plan: Plan) -> list[str]:
    return [part for part in PARTS if part in plan.facts]


def _module(part: str, plan: Plan) -> str:
    return f"modules/{f'proxy-{plan.style}' if part == 'proxy' else part}.py"


def _filled(template: str, plan: Plan) -> str:
    return filled(template, plan.words, plan.facts)


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
