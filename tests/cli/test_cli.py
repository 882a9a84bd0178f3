"""The command line, in process and as installed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.torch import load_file

import mbo_core
from mbo_core.cli import main
from mbo_core.tasks import Task

SMALL = ["--set", "proxy.hidden=[8]", "--set", "proxy.epochs=1", "--set", "adversary.steps=2", "--seeds", "2"]


def mbo(*arguments: str):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_run_prints_a_table_and_stores_the_run(tmp_path):
    done = mbo("run", "coms", "--task", "Quadratic2D-Exact-v0", *SMALL, "--out", tmp_path / "run")
    assert done.exit_code == 0, done.output
    for word in ("100th", "50th", "population std", "best in data", str(tmp_path / "run")):
        assert word in done.stdout.replace("\n", "")
    shown = mbo("show", tmp_path / "run")
    assert "status: done" in shown.stdout
    assert "population std" in shown.stdout


def test_run_json_is_one_object(tmp_path):
    done = mbo("run", "coms", "--task", "Quadratic2D-Exact-v0", *SMALL, "--out", tmp_path / "run", "--json")
    printed = json.loads(done.stdout)
    assert set(printed) >= {
        "recipe", "preset", "task", "seeds", "scores", "best_in_data", "gap", "failed", "seconds", "run",
    }  # fmt: skip
    assert printed["seeds"] == [0, 1]
    assert len(printed["scores"]["normalised"]["100th"]) == len(printed["gap"]) == 2
    assert set(printed["best_in_data"]) == {"normalised", "raw"}
    assert printed["failed"] == {}
    assert json.loads(mbo("show", tmp_path / "run", "--json").stdout)["scores"] == printed["scores"]


@pytest.mark.parametrize(("stored", "line"), [(True, ").task  # without its oracle"), (False, "# your table")])
def test_a_stored_own_table_is_repeated_in_python(stored, line, tmp_path):
    table = Task("mine", [[float(i)] for i in range(130)], range(130))
    mbo_core.run({"update": {"use": "none"}}, table, seeds=1, out=tmp_path / "run")
    if not stored:
        (tmp_path / "run/table.safetensors").unlink()
    shown = mbo("show", tmp_path / "run").stdout
    assert line in shown
    assert "mbo.run(" in shown
    refused = mbo("run", tmp_path / "run" / "recipe.toml")
    assert refused.exit_code == 2
    assert 'task "mine" of this run is your own table' in refused.output
    made = "mbo.load(" if stored else 'mbo.Task("mine", x, y)'
    assert f'hint: in Python: mbo.run("{tmp_path}/run/recipe.toml", {made}' in refused.output


def test_a_large_proxy_is_stored_on_request(tmp_path, monkeypatch):
    monkeypatch.setattr("mbo_core.runs.prediction.KEPT_BYTES", 10)
    for asked in ([], ["--keep-proxy"]):
        folder = tmp_path / f"run{len(asked)}"
        mbo("run", "coms", "--task", "Quadratic2D-Exact-v0", *SMALL, "--out", folder, *asked)
        assert (folder / "seeds/0/proxy.safetensors").exists() == bool(asked)


def test_a_run_prints_its_cached_proxies(tmp_path):
    arguments = ["coms", "--task", "Quadratic2D-Exact-v0", *SMALL, "--cache", tmp_path / "cache"]
    first, again = (mbo("run", *arguments, "--out", tmp_path / name) for name in ("first", "again"))
    assert "proxies from the cache" not in first.stdout
    assert "proxies from the cache: seeds 0, 1" in again.stdout


def test_a_cache_that_is_a_file_is_refused(tmp_path, monkeypatch):
    """A refused cache leaves no run folder behind."""
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    refused = mbo("run", "coms", "--task", "Quadratic2D-Exact-v0", "--cache", "file")
    assert refused.exit_code == 2
    assert "'file' is a file" in refused.output
    assert not Path("mbo-runs").exists()


def test_a_run_repeats_from_its_recipe(tmp_path):
    mbo("run", "coms", "--task", "Quadratic2D-Exact-v0", *SMALL, "--out", tmp_path / "a")
    again = mbo("run", tmp_path / "a" / "recipe.toml", "--out", tmp_path / "b")
    assert again.exit_code == 0, again.output
    designs = [(tmp_path / name / "seeds/1/designs.csv").read_text() for name in "ab"]
    assert designs[0] == designs[1]


def test_without_out_runs_are_numbered(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert mbo("run", "coms", "--task", "Quadratic2D-Exact-v0", *SMALL).exit_code == 0
    assert {path.name for path in Path("mbo-runs").iterdir()} == {
        "coms-Quadratic2D-Exact-v0",
        "coms-Quadratic2D-Exact-v0-2",
    }


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (
            ["run", "comms", "--task", "Quadratic2D-Exact-v0"],
            2,
            ['unknown method "comms"', 'hint: did you mean "coms"?'],
        ),
        (["run", "coms", "--task", "Quadratic-v0"], 2, ['unknown task "Quadratic-v0"', "Quadratic2D-Exact-v0"]),
        (["run", "coms", "--task", "Quadratic2D-Exact-v0", "--seeds", "x"], 2, ['invalid --seeds "x"']),
        (["run", "coms", "--task", "Quadratic2D-Exact-v0", "--seeds", "1-3-7"], 2, ['invalid --seeds "1-3-7"']),
        (["run", "coms", "--task", "Quadratic2D-Exact-v0", "--seeds", "1--3"], 2, ['invalid --seeds "1--3"']),
        (["run", "coms", "--task", "Quadratic2D-Exact-v0", "--seeds", "3-1"], 2, ['invalid --seeds "3-1"']),
        (["run", "coms", "--task", "Quadratic2D-Exact-v0", "--device", "tpu"], 2, ['device "tpu" is not available']),
        (["run", "coms", "--task", "Quadratic2D-Exact-v0", "--set", "proxy"], 2, ["invalid assignment"]),
        (["run", "coms"], 2, ["missing task"]),
        (["run", "coms", "--task", "a", "--task", "b"], 2, ["duplicate --task: a, b"]),
        (["check", "coms"], 2, ['unknown command "check"']),
        (["run", "coms-weight-ascent", "--task", "Quadratic2D-Exact-v0", "--preset", "quik"], 2, ['mean "quick"']),
        (["recipe", "chek"], 2, ['unknown command "chek"', 'did you mean "check"?']),
        (["rnu"], 2, ['unknown command "rnu"', 'did you mean "run"?']),
        (["show", "conservativ"], 2, ['did you mean "conservative"?']),
        (["recipe", "check", "coms", "--set", "encoding.use='one-hott'"], 2, ['did you mean "one-hot"?']),
        (["run", "missing.toml", "--task", "Quadratic2D-Exact-v0"], 2, ["cannot read the recipe"]),
        (["run", "x" * 300], 2, ["unknown method"]),
        (["recipe", "show", "x" * 300], 2, ["unknown method"]),
        (["show", "x" * 300], 2, ["unknown method, stage, task or run"]),
        (["show", __file__], 2, ["test_cli.py is a file", "hint: name a run's folder"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) and len(value) > 2 else None,
)
def test_mistakes_have_message_hint_and_exit_code(arguments, code, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = mbo(*arguments)
    assert done.exit_code == code
    for word in words:
        assert word in done.output
    assert "Traceback" not in done.output
    assert not (tmp_path / "mbo-runs").exists()


@pytest.mark.parametrize("change", [{"scores": 5}, {"machine": {}}, {"seeds": [0, 1, 2]}], ids=str)
def test_an_edited_record_gives_no_traceback(change, tmp_path):
    mbo("run", "coms", "--task", "Quadratic2D-Exact-v0", *SMALL, "--out", tmp_path)
    record = json.loads((tmp_path / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps({**record, **change}))
    shown = mbo("show", tmp_path)
    assert shown.exit_code == 1
    assert "run.json has an unexpected structure: " in shown.stderr


def test_printed_commands_are_quoted_for_the_shell(tmp_path):
    mbo("run", "coms", "--task", "Quadratic2D-Exact-v0", *SMALL, "--out", tmp_path / "my runs")
    assert (
        f"again: mbo run '{tmp_path / 'my runs' / 'recipe.toml'}' --device cpu"
        in mbo("show", tmp_path / "my runs").stdout
    )


def test_a_failed_seed_gives_exit_code_1(tmp_path):
    done = mbo("run", "coms", "--task", "Quadratic2D-Exact-v0", *SMALL, "--set", "proxy.learning_rate=1e30",
        "--set", "proxy.epochs=3",
               "--out", tmp_path / "run")  # fmt: skip
    assert done.exit_code == 1
    assert "proxy training diverged: loss is" in done.output
    assert json.loads((tmp_path / "run/run.json").read_text())["status"] == "failed"


def test_the_list_of_tasks_says_which_are_ready():
    found = {row["name"]: row for row in json.loads(mbo("list-tasks", "--json").stdout)["tasks"]}
    assert (found["Quadratic2D-Exact-v0"]["status"], found["Quadratic2D-Exact-v0"]["ready"]) == ("ready", True)
    for row in found.values():
        assert row["status"] == ("ready" if row["ready"] else row["status"])
        assert row["status"].startswith(("ready", "mbo ", "pip ")), row


@pytest.mark.parametrize("command", ["list-methods", "list-tasks", "list-stages"])
def test_lists_are_tables_or_json(command):
    table, printed = mbo(command), json.loads(mbo(command, "--json").stdout)
    rows = next(iter(printed.values()))
    assert table.exit_code == 0
    assert len(rows) >= 3
    flat = "".join(table.stdout.split())
    assert all("".join(row["name"].split()) in flat or len(row["name"]) > 20 for row in rows)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("coms", ["arXiv:2107.06882", "deviations", "quick", "published", "overestimation_limit = 0.5"]),
        (
            "coms",
            ["kinds: continuous, discrete, mixed\n", "TFBind8-Exact-v0: 100th 0.945 ± 0.033; ", "standardise = false"],
        ),
        ("autofocused-cbas", ["quick: proxy.epochs = 10, update.epochs = 1, update.inner.prior_epochs = 20\n"]),
        ("cbas-on-grad-mean", ["mix: yes\n", "published: none\n"]),
        ("conservative", ["proxy", "abilities", "trains_against", "overestimation_limit", "mbo-coms"]),
        ("TFBind8-Exact-v0", ["table", "licence", "Barrera"]),
        ("none", ["adversary", "proxy", "update"]),
        ("CONSERVATIVE", ["adversary stages it mixes with: design-ascent, mean-ascent, none, weight-ascent"]),
        ("design-ascent", ["proxy stages it mixes with: conservative"]),
        ("gradient-ascent", ["with the defaults and objective = prediction: gradients, order"]),
        ("autofocus", ["with the defaults and inner = cbas: partial_fit, uncertainty, values"]),
        ("BACE", ["ready: "]),
    ],
)
def test_show_tells_what_is_known(name, words):
    done = mbo("show", name)
    assert done.exit_code == 0
    for word in words:
        assert word in done.stdout
    assert json.loads(mbo("show", name, "--json").stdout)["found"]


def installed(*arguments: str, code: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code] if code else [str(Path(sys.executable).with_name("mbo")), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "COLUMNS": "200"})


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["list-methods"],
        ["list-methods", "--json"],
        ["run", "--help"],
        ["recipe", "--help"],
        ["recipe", "show", "coms"],
        ["plugins", "--available"],
    ],
    ids=" ".join,
)
def test_help_and_listing_do_not_import_torch(arguments):
    code = f"""
import sys
import time
from mbo_core.cli import main
try:
    main({arguments!r})
except SystemExit as done:
    assert done.code == 0
heavy = {{"torch", "pandas", "optree", "safetensors", "sklearn", "scipy"}} & set(sys.modules)
assert not heavy, heavy
"""
    done = installed(code=code)
    assert done.returncode == 0, done.stderr


def test_the_installed_script_works():
    assert installed("--version").stdout.startswith("mbo, version")
    wrong = installed("recipe", "show", "comms")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "hint:" in wrong.stderr


@pytest.mark.slow
def test_ctrl_c_is_recorded_without_a_traceback(tmp_path):
    command = [str(Path(sys.executable).with_name("mbo")), "run", "coms", "--task", "TFBind8-Exact-v0", "--seeds", "2"]
    running = subprocess.Popen(
        [*command, "--out", tmp_path / "run"],
        stderr=subprocess.PIPE,
        text=True,
        # Tests that a shell runs in the background ignore Ctrl-C, and so would what they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        record = tmp_path / "run" / "run.json"
        while not record.exists():
            assert running.poll() is None, running.stderr.read()
            time.sleep(0.1)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=120)
    finally:
        running.kill()
    assert running.returncode == 130
    assert json.loads(record.read_text())["status"] == "interrupted"
    assert "interrupted" in said
    assert "Traceback" not in said


def test_a_method_wins_over_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mbo("run", "grad-ascent", "--task", "Quadratic2D-Exact-v0", "--set", "proxy.hidden=[8]", "--set", "proxy.epochs=1",
        "--set", "update.steps=1", "--seeds", "1", "--out", "coms")  # fmt: skip
    assert "conservative" in mbo("recipe", "check", "coms").stdout
    assert "ensemble" in mbo("recipe", "check", "./coms").stdout


def test_a_terminal_without_unicode_prints_tables():
    shown = CliRunner(charset="ascii").invoke(main, ["list-methods"])
    assert shown.exit_code == 0, shown.output
    assert "0.970 ? 0.017" in shown.output


def test_the_list_of_methods_fits_100_columns():
    lines = mbo("list-methods").stdout.splitlines()
    assert max(map(len, lines)) <= 100
    coms = next(line.split() for line in lines if line.startswith(" coms "))
    assert coms == ["coms", "all", "5", *["0.970", "±", "0.017*"], *["0.945", "±", "0.033"], "coms"]
    nemo = next(line.split() for line in lines if line.startswith(" ensemble-nemo "))
    assert nemo == ["ensemble-nemo", "all", "-", "-", "-", "nemo"]
    assert "Conservative objective models" in mbo("list-methods", "-v").stdout


def test_a_dry_run_prints_and_stores_nothing(tmp_path, monkeypatch):
    """It prints the resolved recipe and the estimate."""
    monkeypatch.chdir(tmp_path)
    arguments = ["COMs", "--task", "quadratic2d-exact-v0", *SMALL, "--dry-run"]
    done = mbo("run", *arguments)
    assert done.exit_code == 0, done.output
    for word in ('[proxy]\nuse = "conservative"', "# 512 rows, 2 seeds", " train ", " search ", "nothing was trained"):
        assert word in done.stdout
    printed = json.loads(mbo("run", *arguments, "--json").stdout)
    steps = {phase["name"]: phase["steps"] for phase in printed["phases"]}
    assert steps == {"encode": None, "train": 4, "prepare the search": None, "search": 50, "total": None}
    assert all(phase["seconds"] >= 0 for phase in printed["phases"])
    assert list(tmp_path.iterdir()) == []


def test_an_own_table_is_repeated_in_python(tmp_path):
    x = np.random.default_rng(0).normal(size=(300, 2))
    task = mbo_core.Task("mine", x, -(x**2).sum(1))
    mbo_core.run(
        "grad-ascent", task, seeds=1, out=tmp_path, set=["proxy.hidden=[8]", "proxy.epochs=1", "update.steps=1"]
    )
    lines = [line.strip() for line in mbo("show", tmp_path).stdout.partition("again: in Python\n")[2].splitlines()]
    again = {"x": x, "y": task.y}
    exec("\n".join(lines).replace("mbo.run(", "result = mbo.run("), again)
    stored = load_file(tmp_path / "seeds" / "0" / "designs.safetensors")
    assert (again["result"].designs[0] == stored["designs"].numpy()).all()
    assert again["result"].recipe.constants == "published constants, 3 options set"


def test_the_module_runs_as_the_program():
    done = subprocess.run([sys.executable, "-m", "mbo_core", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("mbo, version")


def test_a_reader_that_has_gone_is_no_error():
    command = [sys.executable, "-m", "mbo_core", "list-methods"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        running.stdout.close()
        assert running.stderr.read() == ""
