"""`mbo run` and `mbo space` on a table from a file."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import mbo_core
from mbo_core.cli import main

GASES = ("N2", "air", "none")
SMALL = ["--seeds", "1", "--set", "proxy.hidden=[8]", "--set", "proxy.epochs=1", "--set", "update.steps=2",
         "--set", "update.candidates=4"]  # fmt: skip


def mbo(*arguments: str):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def oven(tmp_path, monkeypatch):
    """The folder of a table of 24 rows: a temperature in steps of 5, an acid of two decimals, a gas."""
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    rows = ["temp,acid,gas,waste"]
    for place in range(24):
        temp, acid = draw.integers(4, 16) * 5, draw.integers(10, 99) / 100
        rows.append(f"{temp},{acid},{GASES[place % 3]},{(temp - 40) ** 2 / 100 + acid:.2f}")
    Path("oven.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def designs(run: str | Path) -> str:
    return Path(run, "seeds/0/designs.csv").read_text()


def test_a_run_on_a_file_repeats(oven):
    Path("limits.toml").write_text("[columns.temp]\nbounds = [20, 60]\n")
    Path("first.csv").write_text("temp,acid\n25,0.5\n")
    asked = ["--space", "limits.toml", "--hold", "gas=air", "--start", "first.csv"]
    done = mbo(
        "run", "grad-ascent", "--task", "oven.csv", "--target", "waste", "--minimize", *asked, *SMALL, "--out", "a"
    )
    assert done.exit_code == 0, done.output
    assert "temp: as limits.toml says\n" in done.stderr
    assert "acid: amounts from " in done.stderr
    assert "hold gas = air, start from 1 design" in " ".join(done.stdout.split())
    for name in ("limits.toml", "first.csv"):
        Path(name).unlink()
    record = json.loads(Path("a/run.json").read_text())
    assert (record["source"]["target"], record["minimize"]) == ("waste", True)
    again = next(line for line in mbo("show", "a").stdout.splitlines() if line.startswith("again: "))
    assert again == "again: mbo run a/recipe.toml --device cpu"
    done = mbo(*again.removeprefix("again: mbo ").split(), "--out", "b")
    assert done.exit_code == 0, done.output
    assert designs("a") == designs("b")


def test_a_dry_run_names_files_that_are_there(oven):
    """What it prints runs as it stands, and the command for the space prints the space."""
    Path("my limits.toml").write_text("[columns.temp]\nbounds = [20, 60]\n")
    Path("first.csv").write_text("temp,acid\n25,0.5\n")
    asked = ["--task", "oven.csv", "--target", "waste", "--minimize", "--ignore", "gas", "--space", "my limits.toml"]
    dry = mbo("run", "grad-ascent", *asked, "--start", "first.csv", *SMALL, "--dry-run")
    assert dry.exit_code == 0, dry.output
    recipe, _, rest = dry.stdout.partition("# the space of the table: mbo ")
    Path("elsewhere").mkdir()
    Path("elsewhere/own.toml").write_text(recipe)
    for out, command in (("a", ["elsewhere/own.toml"]), ("b", ["grad-ascent", *asked, "--start", "first.csv", *SMALL])):
        done = mbo("run", *command, "--out", out)
        assert done.exit_code == 0, done.output
    assert designs("a") == designs("b")
    shown = mbo(*shlex.split(rest.splitlines()[0]))
    assert "bounds = [20.0, 60.0]" in shown.stdout
    assert not any(Path(name).exists() for name in ("space.toml", "start.csv"))


def test_a_changed_file_is_noted(oven):
    mbo("run", "grad-ascent", "--task", "oven.csv", "--target", "waste", *SMALL, "--out", "a")
    with Path("oven.csv").open("a") as file:
        file.write("25,0.5,N2,0.1\n")
    assert "has changed since it was read: the run cannot be repeated exactly" in mbo("show", "a").stderr
    done = mbo("run", "a/recipe.toml", "--out", "b")
    assert "has changed since the run that this recipe records" in done.stderr


def test_a_recipe_names_file_target_and_space(oven):
    Path("own.toml").write_text(
        '[run]\ntask = "oven.csv"\ntarget = "waste"\nminimize = true\nignore = ["gas"]\n[update]\nuse = "none"\n'
    )
    done = mbo("run", "own.toml", "--seeds", "1", "--out", "a", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["task"] == "oven"
    assert designs("a").startswith("temp,acid,in_data")


def test_a_run_on_a_file_loads_without_it(oven):
    mbo("run", "grad-ascent", "--task", "oven.csv", "--target", "waste", *SMALL, "--hold", "temp=40", "--out", "a")
    for name in ("oven.csv", "a/table.safetensors"):
        loaded = mbo_core.load("a")
        assert loaded.task.space.names == ("temp", "acid", "gas")
        assert loaded.hold == {"temp": 40}
        assert (loaded.designs[0][:, 0] == 40).all()
        Path(name).rename("elsewhere")
        Path("elsewhere").rename("oven.csv")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--task", "oven.csv"], ["missing target", "columns: temp, acid, gas, waste"]),
        (["--task", "oven.csv", "--target", "wast"], ['unknown column "wast"', 'did you mean "waste"?']),
        (["--task", "nowhere.csv", "--target", "y"], ["cannot read the table nowhere.csv"]),
        (["--task", "oven", "--target", "waste"], ['--target: task "oven" is not a file', ".csv or .npz"]),
        (["--task", "oven.csv", "--target", "waste", "--hold", "temp"], ['invalid --hold "temp"']),
        (["--task", "oven.csv", "--target", "waste", "--hold", "tmp=1"], ['unknown column "tmp"', 'mean "temp"']),
        (["--task", "oven.csv", "--target", "waste", "--hold", "temp=41"], ["fixed value 41", "nearest is 40"]),
        (["--task", "oven.csv", "--target", "waste", "--hold", "gas=He"], ['unknown level "He"']),
        (["--task", "oven.csv", "--target", "waste", *[one for name in ("temp=40", "acid=0.5", "gas=N2")
          for one in ("--hold", name)]], ["all columns are held"]),
    ],
    ids=lambda value: " ".join(value[2:]) if value and value[0] == "--task" else "",
)  # fmt: skip
def test_mistakes_come_before_any_work(options, words, oven):
    done = mbo("run", "grad-ascent", *options)
    assert done.exit_code in (1, 2)
    assert "Traceback" not in done.output
    for word in words:
        assert word in done.output
    assert not Path("mbo-runs").exists()


@pytest.mark.parametrize("text", ["minimize = 1", "hold = 3", "ignore = [1]", "target = true"])
def test_a_wrong_type_in_run_is_refused(text, oven):
    Path("own.toml").write_text(f'[run]\ntask = "oven.csv"\n{text}\n[update]\nuse = "none"\n')
    done = mbo("run", "own.toml")
    assert done.exit_code == 2
    assert f"own.toml:3: run.{text.split()[0]} must be " in done.output


def test_the_proposed_space_can_be_given_back(oven):
    done = mbo("space", "infer", "oven.csv", "--target", "waste", "--out", "space.toml")
    assert done.exit_code == 0, done.output
    assert mbo("space", "infer", "oven.csv", "--target", "waste").stdout == Path("space.toml").read_text()
    assert "# gas: category of 3 levels: N2, air, none\n" in Path("space.toml").read_text()
    given = mbo_core.read_table("oven.csv", target="waste", space="space.toml")
    assert given.space == mbo_core.read_table("oven.csv", target="waste").space
