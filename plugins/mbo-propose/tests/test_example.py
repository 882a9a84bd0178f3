"""The example's blocks run in their order, and its table is read as it shows."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from mbo_propose.commands import propose

FOLDER = Path(__file__).parents[1] / "examples"
TEXT = (FOLDER / "README.md").read_text(encoding="utf-8")
BLOCKS: list[tuple[str, str]] = re.findall(r"^```(\w+)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
QUICK = ["--recipe", "ridge-evolution", "--budget", "20s"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with the table alone."""
    shutil.copy(FOLDER / "suzuki.csv", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def carried_out(line: str, *more: str) -> str:
    """What a command prints, without the blanks at the ends of its lines."""
    done = CliRunner().invoke(propose, [*shlex.split(line)[3:], *more], env={"COLUMNS": "100"})
    assert done.exit_code == 0, done.output
    return "\n".join(each.rstrip() for each in done.stdout.rstrip().splitlines()) + "\n"


@pytest.mark.usefixtures("here")
def test_the_table_is_read_as_the_example_shows():
    (line, shown), *_ = zip(commands(), (text for kind, text in BLOCKS if kind == "text"), strict=False)
    assert line.endswith("--dry-run")
    assert carried_out(line) == shown


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_the_example_runs(here):
    for kind, text in BLOCKS:
        if kind == "python":
            exec(compile(text, "README.md", "exec", dont_inherit=True), {"__name__": "example"})
        elif kind == "console":
            said = carried_out(text.strip(), *([] if "--dry-run" in text else QUICK))
            assert ("the last batch: 8 of 8 new rows are proposals" in said) == ("--continue" in text)
    assert {"suzuki.csv", "results.csv", "round-1", "round-2", "first"} <= {one.name for one in here.iterdir()}


def commands() -> list[str]:
    return [text.strip() for kind, text in BLOCKS if kind == "console"]
