"""Plain English: short names of tests, and no stiff phrases in messages and docs."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
TESTS = [path for pattern in ("tests/**/*.py", "plugins/*/tests/**/*.py") for path in sorted(TOP.glob(pattern))]
TEXTS = [
    path
    for folder in (TOP / "mbo_core", TOP / "plugins")
    for path in sorted(folder.rglob("*"))
    if path.suffix in {".py", ".md", ".toml", ".tmpl"} and "tests" not in path.parts
]
WORDS = 8

STIFF = {
    "anew": "again, or re-: retrain, recompute",
    "mend": "fix",
    "stands twice": "duplicate",
    "goes round": "circular",
    "checksum is another": "checksum mismatch",
    "there is no (adversary|device|hook|method|module|plugin|preset|proxy|task|update) [\"{']": "unknown, or missing",
    "is no (list|method|name|part|plugin|recipe|requirement|stage|table)": "is not a",
    "as mbo writes": "unexpected structure",
    "(laid|lies) over": "overrides",
    "complained": "reported",
    "told of": "called with, or noted",
    "whom": "who",
    "withstands?": "trains against",
}
"""What is not said, as a pattern, and what a native engineer says."""


def test_names_of_tests_are_short():
    nodes = [node for path in TESTS for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    names = [node.name for node in nodes if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    assert [name for name in names if len(name.split("_")) - 1 > WORDS] == []


@pytest.mark.parametrize("phrase", STIFF)
def test_no_text_is_stiff(phrase):
    pattern = re.compile(rf"\b{phrase}" if phrase.endswith("]") else rf"\b{phrase}\b", re.IGNORECASE)
    found = [str(path.relative_to(TOP)) for path in TEXTS if pattern.search(path.read_text(encoding="utf-8"))]
    assert found == [], f"write: {STIFF[phrase]}"
