"""What several tests share: plugins that are installed for one test."""

from __future__ import annotations

import importlib
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import distributions
from pathlib import Path

import pytest
from click.testing import CliRunner
from gears import pytest_collection_modifyitems, pytest_xdist_auto_num_workers

from mbo_core.cli import main
from mbo_core.plugins.registry import Registry, _installed

__all__ = ["pytest_collection_modifyitems", "pytest_xdist_auto_num_workers"]

Install = Callable[..., Registry]


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the environment holds, but for anything of ours."""
    folder = tmp_path_factory.mktemp("bare")
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if not path.name.startswith(("mbo", "_mbo", "_editable", "__editable__")) and path.suffix != ".pth":
            (folder / path.name).symlink_to(path)
    return folder


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """`install({"mine": "<__init__.py>"}, {"mine/method.toml": "<recipe>"})`: a registry of these plugins alone."""
    site = tmp_path / "site-packages"
    monkeypatch.syspath_prepend(str(site))
    written: list[str] = []
    before = dict(sys.modules)

    def install(
        plugins: Mapping[str, str], recipes: Mapping[str, str] | None = None, requires: str = "mbo-core"
    ) -> Registry:
        files = {f"mbo_{plugin.replace('/', '/recipes/')}": text for plugin, text in (recipes or {}).items()}
        for name, text in plugins.items():
            written.append(f"mbo_{name}")
            files[f"mbo_{name}/__init__.py"] = text
            about = f"Metadata-Version: 2.1\nName: mbo-{name}\nVersion: 1.0\nRequires-Dist: {requires}\n"
            files[f"mbo_{name}-1.0.dist-info/METADATA"] = about
            files[f"mbo_{name}-1.0.dist-info/entry_points.txt"] = f"[mbo.plugins]\n{name} = mbo_{name}\n"
        for file, text in files.items():
            (site / file).parent.mkdir(parents=True, exist_ok=True)
            (site / file).write_text(text, encoding="utf-8")
        importlib.invalidate_caches()
        found = distributions(path=[str(site)])
        return Registry([(point, distribution) for distribution in found for point in distribution.entry_points])

    yield install
    # A real plugin of the same name stays: other tests hold its classes.
    for module in [name for name in sys.modules if name.partition(".")[0] in written and name not in before]:
        del sys.modules[module]


@pytest.fixture
def beside(install, monkeypatch):
    """Install plugins beside those that are here, and run the command line."""
    monkeypatch.delenv("MBO_PLUGINS", raising=False)
    monkeypatch.delenv("MBO_STRICT", raising=False)

    def run(texts, *arguments, recipes=None, **environment):
        install(texts, recipes)
        _installed.cache_clear()
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return CliRunner().invoke(main, [str(argument) for argument in arguments])

    yield run
    _installed.cache_clear()
