"""The direction of knowledge: no import of the core runs back, at module level, inside a function or for types."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

CORE = Path(__file__).parents[1] / "mbo_core"
ORDER = (
    "text",
    "errors",
    "foreign",
    "toml",
    "tasks",
    "stages",
    "functional",
    "plugins",
    "recipes",
    "runs",
    ("scaffold", "testing"),
    "cli",
    "__main__",
)
"""Each may import what stands before it; those of one place know nothing of each other."""
RANK = {name: i for i, place in enumerate(ORDER) for name in ([place] if isinstance(place, str) else place)}
TYPES_ONLY = {("plugins/hookspecs.py", "runs.records")}
"""The one exception: the hooks name the types that a run hands from one to the next."""
FILES = sorted(path for path in CORE.rglob("*.py") if path != CORE / "__init__.py")


def imported(node: ast.AST) -> list[str]:
    """The modules of the core that a statement imports, without `mbo_core.`; `from mbo_core import x` is `x`."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module == "mbo_core":
        names = [f"mbo_core.{alias.name}" for alias in node.names]
    else:
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
    return [name.removeprefix("mbo_core.") for name in names if name.startswith("mbo_core.")]


def runs_back(path: Path) -> list[str]:
    """The imports of a file that run against the order."""
    label = path.relative_to(CORE).as_posix()
    place = label.partition("/")[0].removesuffix(".py")
    wrong = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for module in imported(node):
            top = module.partition(".")[0]
            inside = top == place
            if not inside and RANK.get(top, len(ORDER)) >= RANK[place] and (label, module) not in TYPES_ONLY:
                wrong.append(f"{label}:{node.lineno} imports {module}")
    return wrong


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(CORE).as_posix())
def test_no_import_runs_back(path):
    assert runs_back(path) == []


def test_the_one_exception_is_for_types_and_needed():
    [(label, module)] = TYPES_ONLY
    tree = ast.parse((CORE / label).read_text(encoding="utf-8"))
    blocks = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    for_types = [name for block in blocks for node in block.body for name in imported(node)]
    anywhere = [name for node in ast.walk(tree) for name in imported(node)]
    assert for_types.count(module) == anywhere.count(module) == 1


@pytest.mark.parametrize(
    "line", ["from mbo_core.runs import execute", "def f():\n    import mbo_core.cli.run", "from mbo_core import runs"]
)
def test_an_import_that_runs_back_is_found(line, tmp_path, monkeypatch):
    monkeypatch.setattr(f"{__name__}.CORE", tmp_path)
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages/mine.py").write_text(line)
    assert runs_back(tmp_path / "stages/mine.py")
