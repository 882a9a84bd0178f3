"""A plugin of one file: two small tasks, and searches that wait, fail or are killed."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import torch

import mbo_core as mbo
from mbo_core.functional import keys
from mbo_core.stages import NoUpdate, option
from mbo_core.tasks import TaskInfo, TaskOffer
from mbo_core.testing.tiny_tasks import tiny_task

KINDS = {"Bowl": "continuous", "Letters": "discrete"}


@mbo.hookimpl
def mbo_tasks():
    return [TaskOffer(name, kind, TaskInfo("a toy"), lambda name=name: _task(name)) for name, kind in KINDS.items()]


def _task(name):
    task = tiny_task(KINDS[name])
    task.table = replace(task.table, name=name)
    return task


@mbo.hookimpl
def mbo_stages():
    return [Wander]


@dataclass(frozen=True, kw_only=True)
class Wander(NoUpdate):
    """Moves the best designs at random; larger steps are worse on the bowl."""

    candidates: int = option(8, "number of designs", at_least=1)
    far: float = option(0.1, "the length of a move", at_least=0.0)
    wait: float = option(0.0, "seconds to wait", at_least=0.0)
    fails: bool = option(False, "raise an error")
    dies: str = option("", "a file: as long as it is missing, make it and be killed")

    name: ClassVar[str] = "wander"

    def init(self, key, data, proxy_state):
        start = super().init(key, data, proxy_state)
        time.sleep(self.wait)
        if self.fails:
            raise RuntimeError("lost its way")
        if self.dies and not Path(self.dies).exists():
            Path(self.dies).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        move = self.far * keys.normal(key, start.x.shape)
        return type(start)(data.space.project(start.x + move.to(torch.get_default_dtype())))
