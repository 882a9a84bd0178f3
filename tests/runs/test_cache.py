"""What was trained once is not trained again, and nothing that a cache does changes or costs a run."""

from __future__ import annotations

import errno
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from ordinary import Ordinary

import mbo_core as mbo
from mbo_core.plugins import hookspecs
from mbo_core.plugins.collect import Offered
from mbo_core.plugins.registry import Registry
from mbo_core.runs import cache
from mbo_core.runs.store import Folder
from mbo_core.stages.options import options
from mbo_core.tasks import Space, Task
from mbo_core.testing import assignments

X = np.random.default_rng(0).normal(size=(200, 3))
TASK = Task("bowl", X, -(X**2).sum(1))
TOKENS = np.random.default_rng(0).integers(0, 3, size=(200, 4))
DISCRETE = Task("tokens", TOKENS, TOKENS.sum(1) + 0.0, space=Space.discrete(4, 3))
FEW = {"coms", "coms-weight-ascent", "autofocused-cbas", "mins"}
"""Methods that keep something different each; all others are for the slow gear."""
METHODS = [
    pytest.param(
        method,
        TASK,
        assignments(method, mbo.installed(), "continuous"),
        id=method,
        marks=[] if method in FEW else pytest.mark.slow,
    )
    for method in sorted(mbo.installed().methods)
]
LATENT = ["encoding.use=latent", "encoding.latent=2", "encoding.hidden=[8]", "encoding.epochs=1"]


class Trainer:
    """Sees what is left to train."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, ...]] = []

    @hookspecs.hookimpl
    def mbo_train_proxy(self, run):
        self.asked.append(run.seeds)


class Observer:
    """Wraps training."""

    def __init__(self, fails: bool = False) -> None:
        self.seen: list[tuple[int, ...]] = []
        self.fails = fails

    @hookspecs.hookimpl(wrapper=True)
    def mbo_train_proxy(self, run):
        trained = yield
        self.seen.append(trained.seeds)
        if self.fails:
            raise RuntimeError("an observer's own fault")
        return trained


def fresh_registry() -> Registry:
    registry = Registry(mbo.installed().entry_points)
    registry.stages["proxy", "ordinary"] = Offered(Ordinary, registry.plugins[0])
    return registry


@pytest.fixture
def registry() -> Registry:
    return fresh_registry()


@pytest.fixture
def ordinary(tmp_path) -> Path:
    recipe = tmp_path / "ordinary.toml"
    recipe.write_text('[proxy]\nuse = "ordinary"\n[update]\nuse = "gradient-ascent"\nsteps = 2\n')
    return recipe


SETS = assignments("coms", mbo.installed(), "continuous")


def coms(tmp_path: Path, seeds=(0,), sets=(), task=TASK, **arguments) -> mbo.Result:
    return mbo.run("coms", task, seeds=seeds, set=[*SETS, *sets], cache=tmp_path / "cache", **arguments)


def same(first: mbo.Result, again: mbo.Result) -> None:
    assert first.trials.keys() == again.trials.keys()
    for seed, trial in first.trials.items():
        other = again.trials[seed]
        assert trial.raw.tobytes() == other.raw.tobytes()
        assert torch.equal(trial.encoded, other.encoded)
        assert (trial.steps, trial.gap) == (other.steps, other.gap)


@pytest.mark.parametrize(
    ("method", "task", "sets"),
    [
        *METHODS,
        pytest.param(
            "grad-ascent",
            DISCRETE,
            [*assignments("grad-ascent", mbo.installed(), "continuous"), *LATENT],
            id="in latents",
        ),
    ],
)
def test_a_cached_run_gives_equal_results(method, task, sets, tmp_path):
    """To the last bit."""
    plain, first, again = (
        mbo.run(method, task, seeds=[4, 1], set=sets, cache=folder) for folder in (None, tmp_path, tmp_path)
    )
    trained = "epochs" in options(type(plain.recipe.proxy))
    kept = [4, 1] if trained else []  # what is not trained by steps is not kept
    assert (plain.cached, first.cached, again.cached) == ([], [], kept)
    same(plain, first)
    same(first, again)


def test_a_cached_ordinary_pytorch_proxy_is_equal(ordinary, registry, tmp_path):
    folders = (None, tmp_path / "cache", tmp_path / "cache")
    plain, first, again = (mbo.run(ordinary, TASK, seeds=2, registry=registry, cache=folder) for folder in folders)
    assert again.cached == [0, 1]
    same(plain, first)
    same(first, again)


def test_only_missing_seeds_are_trained(registry, tmp_path):
    """Wrappers see all seeds."""
    trainer, observer = Trainer(), Observer()
    for seeds in ([7], [5, 7, 9], [9, 5]):
        result = coms(tmp_path, seeds, registry=registry, plugins=[trainer, observer])
    assert trainer.asked == [(7,), (5, 9)]
    assert observer.seen == [(7,), (7,), (5, 9), (9, 5)]
    assert list(result.trials) == [9, 5]


def test_seeds_that_were_joined_are_not_mixed_up(tmp_path):
    alone = coms(tmp_path, [3])
    joined = coms(tmp_path, [0, 3, 5])
    together = mbo.run("coms", TASK, seeds=[0, 3, 5], set=SETS)
    assert joined.cached == [3]
    assert alone.trials[3].steps[0] == joined.trials[3].steps[0]
    for seed in (0, 3, 5):
        torch.testing.assert_close(joined.trials[seed].encoded, together.trials[seed].encoded, rtol=1e-4, atol=1e-5)


def one_score_else() -> Task:
    y = TASK.y.copy()
    y[17] = np.nextafter(y[17], 0)
    return Task("bowl", X, y)


@pytest.mark.parametrize(
    ("change", "hits"),
    [
        ({}, True),
        ({"sets": ["update.steps=4"]}, True),
        ({"sets": ["update.step_size=0.1"]}, True),
        ({"task": Task("renamed", X, TASK.y)}, True),
        ({"sets": ["proxy.learning_rate=0.00031"]}, False),
        ({"sets": ["adversary.steps=3"]}, False),
        ({"seeds": [1]}, False),
        ({"task": one_score_else()}, False),
        ({"task": Task("bowl", np.nextafter(X, 0), TASK.y)}, False),
    ],
    ids=str,
)
def test_any_changed_input_is_a_miss(change, hits, tmp_path):
    coms(tmp_path)
    assert coms(tmp_path, **change).cached == ([0] if hits else [])


@pytest.mark.parametrize(
    ("distribution", "hits"), [("mbo-coms", False), ("mbo-grad-ascent", True), ("mbo-timer", True)]
)
def test_only_versions_of_used_plugins_matter(distribution, hits, registry, tmp_path):
    coms(tmp_path, registry=registry)
    [plugin] = [plugin for plugin in registry.plugins if plugin.distribution == distribution]
    plugin.version = "99"
    assert coms(tmp_path, registry=registry).cached == ([0] if hits else [])


def test_another_encoding_is_a_miss(tmp_path):
    coms(tmp_path, task=DISCRETE)
    assert coms(tmp_path, task=DISCRETE, sets=["encoding.mass=0.5"]).cached == []
    assert coms(tmp_path, task=DISCRETE).cached == [0]


@pytest.mark.parametrize("library", [np, torch], ids=["numpy", "torch"])
def test_another_version_of_a_library_is_a_miss(library, tmp_path, monkeypatch):
    coms(tmp_path)
    monkeypatch.setattr(library, "__version__", "99")
    assert coms(tmp_path).cached == []


def test_another_precision_is_a_miss(tmp_path, monkeypatch):
    monkeypatch.setattr("mbo_core.functional.precision.error_of", lambda setting: 1.0)
    coms(tmp_path)
    torch.set_float32_matmul_precision("high")
    try:
        assert coms(tmp_path).cached == []
    finally:
        torch.set_float32_matmul_precision("highest")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def edit(path: Path) -> None:
    path.write_text(path.read_text().replace('"step": 0', '"step": 1', 1))


def elsewhere(path: Path) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), "digest": "../../secret"}))


@pytest.mark.parametrize(
    ("kind", "damage"),
    [
        ("safetensors", cut),
        ("safetensors", flip),
        ("safetensors", os.unlink),
        ("safetensors", lambda path: path.write_bytes(b"")),
        ("json", cut),
        ("json", edit),
        ("json", elsewhere),
        ("json", lambda path: path.write_text("[]")),
        ("json", lambda path: path.write_text("[" * 100_000)),
        ("json", lambda path: path.write_text('{"digest": 3, "entry": {}}')),
        ("json", lambda path: path.write_bytes(b"\xff")),
    ],
)
def test_a_damaged_entry_is_retrained(kind, damage, tmp_path, capsys):
    """With a warning, and the entry is replaced."""
    first = coms(tmp_path)
    [path] = (tmp_path / "cache").glob(f"*.{kind}")
    damage(path)
    again, third = coms(tmp_path), coms(tmp_path)
    assert (again.cached, third.cached) == ([], [0])
    same(first, again)
    [warning] = capsys.readouterr().err.splitlines()
    assert warning.startswith("warning: cached proxy ")


@pytest.mark.parametrize(
    ("keeps", "reason"),
    [("nothing", "state cannot be stored: it is .*Opaque"), ("half", "predicts differently after a round trip")],
)
def test_an_unstorable_state_warns_once(keeps, reason, ordinary, registry, tmp_path, capsys):
    """The run continues."""
    runs = [
        mbo.run(ordinary, TASK, seeds=3, set=[f"proxy.keeps={keeps}"], registry=registry, cache=folder)
        for folder in (None, tmp_path / "cache")
    ]
    same(*runs)
    assert list((tmp_path / "cache").iterdir()) == []
    [warning] = capsys.readouterr().err.splitlines()
    assert re.search(f'warning: proxy "ordinary" is not cached: .*{reason}', warning)


def test_a_full_disk_only_warns_once(tmp_path, monkeypatch, capsys):
    def full(path: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    result = coms(tmp_path, [0, 1])
    assert result.status == "done"
    assert list((tmp_path / "cache").iterdir()) == []
    [warning] = capsys.readouterr().err.splitlines()
    assert warning.startswith('warning: proxy "conservative" is not cached: cannot write ')
    assert "No space left on device" in warning


def test_a_cache_file_is_refused_early(tmp_path):
    """Before any work."""
    (tmp_path / "cache").write_text("")
    with pytest.raises(mbo.StoreError, match="hint: name another --cache"):
        coms(tmp_path, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_seed_that_failed_is_not_kept(ordinary, registry, tmp_path):
    for _ in range(2):
        result = mbo.run(ordinary, TASK, seeds=1, set=["proxy.fails=true"], registry=registry, cache=tmp_path / "cache")
        assert "diverged" in result.failed[0]
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_proxy_without_training_is_not_kept(tmp_path):
    coms(tmp_path, sets=["proxy.epochs=0"])
    assert list((tmp_path / "cache").iterdir()) == []


def test_concurrent_writers_of_an_entry(tmp_path, monkeypatch, capsys):
    write = cache.write

    def interrupted_by_another_run(path: Path, data: str | bytes) -> None:
        if path.suffix == ".json":
            monkeypatch.setattr(cache, "write", write)
            # Trained beside other seeds its numbers may be rounded otherwise, and so be other files.
            coms(tmp_path, [0, 1], registry=fresh_registry())
        write(path, data)

    monkeypatch.setattr(cache, "write", interrupted_by_another_run)
    first = coms(tmp_path, registry=fresh_registry())
    again = coms(tmp_path, [0, 1])
    assert again.cached == [0, 1]
    trained = [[step for step in one.trials[0].steps if step["phase"] == "train"] for one in (first, again)]
    assert trained[0] == trained[1] != []
    assert capsys.readouterr().err == ""


def test_the_result_lists_cached_proxies(tmp_path):
    """It holds the steps of their training."""
    first = coms(tmp_path, [0], out=tmp_path / "first")
    coms(tmp_path, [0, 1], out=tmp_path / "second")
    assert first.summary()["cached_proxies"] == []
    assert Folder(tmp_path / "second").load_record()["cached_proxies"] == [0]
    steps = [(tmp_path / run / "seeds/0/steps.csv").read_text().splitlines() for run in ("first", "second")]
    trained = [[line for line in lines if line.startswith("train,")] for lines in steps]
    assert trained[0] == trained[1] != []


def test_a_raising_observer_loses_no_training(registry, tmp_path, monkeypatch):
    """It ends the run."""
    monkeypatch.setattr("mbo_core.runs.seeds.AT_ONCE", 1)
    coms(tmp_path, [0], registry=registry, out=tmp_path / "before")
    with pytest.raises(RuntimeError, match="an observer's own fault"):
        coms(tmp_path, [0, 1], registry=registry, out=tmp_path / "run", plugins=[Observer(fails=True)])
    record = Folder(tmp_path / "run").load_record()
    assert record["status"] == "failed"
    assert record["failed"] == dict.fromkeys(("0", "1"), "RuntimeError: an observer's own fault")
    assert coms(tmp_path, [0, 1], registry=registry).cached == [0]


def test_the_cache_is_removed_after_a_run(registry, tmp_path):
    """Also if the run fails."""
    before = list(registry.manager.get_plugins())
    coms(tmp_path, registry=registry)
    with pytest.raises(mbo.StoreError):
        coms(tmp_path, registry=registry, out=tmp_path)
    assert registry.manager.get_plugins() == set(before)
