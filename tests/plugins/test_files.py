"""Plugins that are given for one run: a file of Python code, a module, an object."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

import mbo_core as mbo
from mbo_core.errors import RecipeError

ONE_STAGE = '''
from __future__ import annotations

from dataclasses import dataclass

from mbo_core.stages import NoUpdate, option


@dataclass(frozen=True, kw_only=True)
class Mine(NoUpdate):
    """Proposes the best, and has an option of its own."""

    name = "mine"
    pace: float = option(0.5, "how fast", above=0.0)
'''
HOOKS = """
from mbo_core import TaskInfo, TaskOffer, hookimpl


@hookimpl
def mbo_tasks():
    return [TaskOffer("tiny", "continuous", TaskInfo("three rows"), lambda: None)]
"""


def test_a_file_with_one_stage_is_a_plugin(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(ONE_STAGE)
    found = mbo.installed().including([str(path)])
    assert found.stage("update", "mine")(pace=2.0).pace == 2.0
    assert found.stages["update", "mine"].plugin.distribution == "mine.py"
    assert ("update", "mine") not in mbo.installed().stages


def test_a_file_offers_its_hooks_and_its_stages(tmp_path):
    path = tmp_path / "both.py"
    path.write_text(ONE_STAGE + HOOKS)
    found = mbo.installed().including([path])
    assert "tiny" in found.tasks
    assert ("update", "mine") in found.stages


def test_a_merely_imported_stage_is_not_offered(tmp_path):
    path = tmp_path / "both.py"
    path.write_text("from mbo_core.stages import NoUpdate, Update\n" + HOOKS)
    assert "tiny" in mbo.installed().including([path]).tasks


def test_what_changed_in_a_file_changes_its_version(tmp_path):
    versions = set()
    for text in (ONE_STAGE, ONE_STAGE, ONE_STAGE + "\n"):
        (tmp_path / "mine.py").write_text(text)
        found = mbo.installed().including([tmp_path / "mine.py"])
        versions.add(found.stages["update", "mine"].plugin.version)
    assert len(versions) == 2


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("def f(:\n", "mine.py:1: invalid syntax", None),
        ("import os\nraise KeyError('a')\n", "mine.py:2: cannot import the plugin: KeyError: 'a'", None),
        ("x = 1\n", "mine.py offers no stage and no hook", "define a stage class"),
        (ONE_STAGE.replace("@dataclass(frozen=True, kw_only=True)", ""), "is not a dataclass", None),
        (ONE_STAGE.replace('"mine"', '"none"'), "offers update none, which mbo-core", None),
        (HOOKS.replace("mbo_tasks", "mbo_task"), 'unknown hook "mbo_task"', None),
    ],
)
def test_an_unusable_file_is_refused(text, message, hint, tmp_path):
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(RecipeError) as refused:
        mbo.installed().including([tmp_path / "mine.py"])
    assert message in refused.value.message
    assert hint is None or hint in refused.value.hint


def test_a_missing_file_is_said_with_the_nearest(tmp_path):
    (tmp_path / "mine.py").write_text(ONE_STAGE)
    with pytest.raises(RecipeError, match="cannot find the plugin file") as refused:
        mbo.installed().including([tmp_path / "mien.py"])
    assert refused.value.hint == 'did you mean "mine.py"?'


def test_an_object_with_hooks_is_a_plugin():
    hook = mbo.hookimpl(lambda: [mbo.TaskOffer("tiny", "continuous", mbo.TaskInfo("three rows"), lambda: None)])
    assert "tiny" in mbo.installed().including([SimpleNamespace(mbo_tasks=hook)]).tasks
