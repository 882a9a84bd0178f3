"""A method cannot cheat: nothing that a stage is given leads to the oracle."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from types import FunctionType, MethodType, ModuleType
from typing import Any

import pytest

import mbo_core as mbo
from mbo_core.runs.encoded import encode_table
from mbo_core.runs.records import Run
from mbo_core.runs.shortened import with_epochs
from mbo_core.testing.tiny_tasks import tiny_task

ENCODINGS = {name: one.value for (role, name), one in mbo.installed().stages.items() if role == "encoding"}


def neighbours(thing: Any) -> list[Any]:
    """What a thing refers to, but for code: a function is followed into what it encloses, not into its module."""
    if isinstance(thing, (type, ModuleType)):
        return []
    if isinstance(thing, FunctionType):
        return [*(thing.__closure__ or ()), thing.__defaults__, thing.__dict__]
    return [thing.__self__] if isinstance(thing, MethodType) else gc.get_referents(thing)


def reachable(thing: Any) -> Iterator[Any]:
    seen: dict[int, Any] = {}
    waiting = [thing]
    while waiting:
        one = waiting.pop()
        if id(one) not in seen:
            seen[id(one)] = one
            yield one
            waiting += neighbours(one)


def leads_to_the_oracle(thing: Any, task: mbo.Task) -> bool:
    return any(one is task.oracle or one is task for one in reachable(thing))


FITS = [(name, kind) for name, encoding in ENCODINGS.items() for kind in sorted(encoding.kinds)]


@pytest.mark.parametrize(("name", "kind"), FITS)
def test_stages_cannot_reach_the_oracle(name, kind):
    """Neither from the table nor from the encoded data."""
    encoding, task = ENCODINGS[name], tiny_task(kind)
    encoded = encode_table(with_epochs(encoding(), 1), (0, 1), task.table)
    run = Run(None, task, encoded, (0, 1))
    given = [task.table, encoded.first, encoded.state, run.lift(lambda data, key: key, "vmap", "state")]
    assert not any(leads_to_the_oracle(each, task) for each in given)
    # The hooks of tools are given the run, and a laboratory among them scores designs with the task.
    assert leads_to_the_oracle(run, task)
