"""The house rules that tools can check."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
PACKAGES = [TOP / "mbo_core", *sorted(TOP.glob("plugins/mbo-*/mbo_*"))]
SOURCES = [path for package in PACKAGES for path in sorted(package.rglob("*.py"))]


def tool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *arguments], cwd=TOP, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=" ".join)
def test_ruff_is_content(command):
    done = tool("ruff", *command, "--quiet", ".")
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_mypy_is_content():
    done = tool("mypy", *map(str, PACKAGES))
    assert done.returncode == 0, done.stdout


def test_the_top_of_the_repo_is_fixed():
    tracked = subprocess.run(["git", "ls-files"], cwd=TOP, capture_output=True, text=True, check=True).stdout
    top = {line.split("/")[0] for line in tracked.splitlines() if not line.startswith(".")}
    assert top <= {"mbo_core", "plugins", "tests", "pyproject.toml", "CHANGELOG.md", "README.md", "LICENSE"}


def test_files_stay_small():
    assert [path.name for path in SOURCES if len(path.read_text().splitlines()) > 350] == []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_functions_stay_small(package):
    found = lengths(sorted(package.rglob("*.py")))
    assert statistics.median(found) <= 6
    assert max(found) < 50


def lengths(sources: list[Path]) -> list[int]:
    nodes = [node for path in sources for node in ast.walk(ast.parse(path.read_text()))]
    bodies = [(node.body, ast.get_docstring(node)) for node in nodes if isinstance(node, ast.FunctionDef)]
    code = [body[1:] if doc else body for body, doc in bodies]
    return [body[-1].end_lineno - body[0].lineno + 1 for body in code if body]


READER = "plugins/mbo-design-bench/mbo_design_bench/robots/pickled.py"
"""The one reader of pickles, which calls nothing that a pickle names."""


@pytest.mark.parametrize("forbidden", ["import pickle\n", "allow_pickle=True", "weights_only=False", "eval(", "exec("])
def test_nothing_unsafe_is_used(forbidden):
    # A method may be called eval, as torch's modules have one.
    called = re.compile(rf"(?<![\w.]){re.escape(forbidden)}")
    found = {str(path.relative_to(TOP)) for path in SOURCES if called.search(path.read_text())}
    assert found == ({READER} if "import" in forbidden else set())
