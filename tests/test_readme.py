"""The README's blocks run, and what it lists is there."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from blocks import README, blocks, named_files
from click.testing import CliRunner

from mbo_core.cli import main
from mbo_core.plugins import hookspecs

TOP = Path(__file__).parents[1]
FAST = ["--seeds", "2", "--set", "proxy.hidden=[8]", "--set", "proxy.epochs=1", "--set", "adversary.steps=2"]
SHORTER = {"run": FAST, "propose": ["--dry-run"]}


def commands() -> list[list[str]]:
    lines = [line for text in blocks("console") for line in text.splitlines() if line.startswith("$ mbo ")]
    return [shlex.split(line, comments=True)[2:] for line in lines]


@pytest.mark.parametrize("arguments", commands(), ids=" ".join)
def test_each_command_of_the_readme_works(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in named_files().items():
        if "/" not in name:
            Path(name).write_text(text)
    if arguments[0] == "show" and arguments[1].startswith("mbo-runs"):
        first = next(one for one in commands() if one[0] == "run")
        CliRunner().invoke(main, [*first, *FAST], catch_exceptions=False)
    Path("plugins").symlink_to(TOP / "plugins")
    done = CliRunner().invoke(main, [*arguments, *SHORTER.get(arguments[0], [])])
    assert done.exit_code == 0, done.output


def test_the_first_table_is_read_as_shown(monkeypatch):
    monkeypatch.chdir(TOP)
    command = next(one for one in commands() if one[0] == "propose")
    done = CliRunner().invoke(main, [*command, "--dry-run"], env={"COLUMNS": "100"})
    read = "\n".join(line.rstrip() for line in done.stdout.rstrip().splitlines())
    shown = next(text for text in blocks("text") if text.startswith("delimiter"))
    assert shown.startswith(f"{read}\nverdict: ")


@pytest.mark.parametrize("code", blocks("python"), ids=lambda code: code.strip().splitlines()[0])
def test_each_python_block_of_the_readme_runs(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    execute(code)


def execute(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "readme"}
    exec(compile(code, "README.md", "exec", dont_inherit=True), names)
    return names


def test_the_setup_has_two_commands():
    first, second = (text.strip() for text in blocks("sh")[:2])
    run = "mbo run coms --task TFBind8-Exact-v0 --preset quick --seeds 2"
    assert first == f"pip install -r plugins/requirements-coms.txt && {run}"
    assert second == "pip install -r plugins/requirements-dev.txt && pytest"


def test_every_hook_and_command_is_documented():
    """In the README."""
    hooks = [name for name in vars(hookspecs) if name.startswith("mbo_")]
    for name in [*hooks, *main.commands]:
        assert f"`{name}" in README or f"mbo {name}" in README, name
