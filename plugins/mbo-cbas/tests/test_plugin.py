"""The plugin is found, and cheap to import."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import mbo_cbas
import pluggy

from mbo_core import hookspecs


def test_the_hook_offers_the_stages():
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(mbo_cbas)
    manager.check_pending()
    [stages] = manager.hook.mbo_stages()
    assert [stage.name for stage in stages] == ["cbas", "autofocus"]


def test_it_is_installed_as_a_plugin():
    [point] = entry_points(group=hookspecs.ENTRY_POINTS, name="cbas")
    assert point.load() is mbo_cbas


def test_importing_it_imports_nothing_heavy():
    code = "import sys, mbo_cbas; print(*sorted({'torch', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
