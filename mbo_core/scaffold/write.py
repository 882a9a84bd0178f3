"""A new plugin: a complete package with a method, one stage, and tests."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Literal, get_args

from packaging.version import Version

from mbo_core.errors import RecipeError, StoreError
from mbo_core.plugins.registry import Registry

Style = Literal["functional", "torch"]
"""`functional`: for one seed, lifted to many by `vmap`. `torch`: modules and optimizers, one seed after another."""
STYLES: tuple[str, ...] = get_args(Style)

PACKAGE = {
    "pyproject.toml": "package/pyproject.toml",
    "README.md": "package/README.md",
    ".gitignore": "package/gitignore",
    ".github/workflows/test.yml": "package/workflow.yml",
    "$module/__init__.py": "package/init.py",
    "$module/proxy.py": "$style/proxy.py",
    "$module/conformance.toml": "package/conformance.toml",
    "$module/recipes/$slug.toml": "package/recipe.toml",
    "tests/test_conformance.py": "package/test_conformance.py",
    "tests/test_proxy.py": "package/test_proxy.py",
}
"""Each file of the package, and the template that it is made of."""


def create(slug: str, style: Style, parent: Path, registry: Registry) -> Path:
    """Write the package `mbo-<slug>`, whole or not at all.

    Args:
        slug: the plugin's name, in kebab case; also that of its method and its stage.
        style: how the stage is written.
        parent: the folder in which to make it.
        registry: what is installed, whose names are taken.

    Returns:
        The package's folder.

    Raises:
        RecipeError: for a name that cannot be used, or is taken.
        StoreError: if the folder is there already, or cannot be written.
    """
    check_name(slug, registry)
    target = parent / f"mbo-{slug}"
    if os.path.lexists(target):
        raise StoreError(f"{target} exists already", "give another name, or another folder with --into")
    try:
        parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".mbo-{slug}-", dir=parent))
    except OSError as error:
        raise StoreError(f"cannot write to {parent}: {error.strerror}") from error
    try:
        _fill(made, slug, style)
        made.chmod(0o755)
        os.rename(made, target)
    except OSError as error:
        raise StoreError(f"cannot write {target}: {error.strerror}") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return target


def check_name(slug: str, registry: Registry) -> None:
    """Refuse a name that no plugin may have, or that one has.

    Raises:
        RecipeError: with a hint.
    """
    if slug.startswith("mbo-"):
        raise RecipeError(f'"{slug}" names the distribution', f"name the plugin: mbo new {slug.removeprefix('mbo-')}")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", slug) or slug == "core":
        raise RecipeError(
            f'"{slug}" cannot be the name of a plugin', "write words of small letters and digits: my-method"
        )
    taken = {plugin.name: f"plugin of {plugin.label}" for plugin in registry.plugins}
    taken |= {name: f"method of {method.plugin.label}" for name, method in registry.methods.items()}
    taken |= {name: f"{kind} of {offered.plugin.label}" for (kind, name), offered in registry.stages.items()}
    if slug in taken:
        raise RecipeError(f'"{slug}" is taken, by a {taken[slug]}', "give another name")


def _fill(folder: Path, slug: str, style: Style) -> None:
    here = Version(version("mbo-core"))
    words = {
        "slug": slug,
        "module": f"mbo_{slug.replace('-', '_')}",
        "cls": "".join(word.capitalize() for word in slug.split("-")) + "Proxy",
        "core": f">={here.major}.{here.minor},<{here.major}.{here.minor + 1}",
        "style": style,
    }
    for name, template in PACKAGE.items():
        source = files("mbo_core.scaffold") / "templates" / f"{Template(template).substitute(words)}.tmpl"
        file = folder / Template(name).substitute(words)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(Template(source.read_text(encoding="utf-8")).substitute(words), encoding="utf-8")
