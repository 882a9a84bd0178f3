"""What a process is told to run, and how it runs it."""

from __future__ import annotations

import json
import os
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mbo_bench.cells.cell import Cell, base_of, data_digest, key_of, versions_used
from mbo_bench.cells.content import write_content
from mbo_bench.durable import claims
from mbo_bench.durable.folder import RUN, Bench
from mbo_bench.durable.ledger import STARTED, last_outcomes
from mbo_core.errors import MboError, RecipeError, TaskError, reason_of
from mbo_core.plugins.registry import Registry, installed

SETTLED = {"failed", "refused"}
"""Outcomes that are not tried again but on demand."""


@dataclass(frozen=True)
class Setting:
    """How the cells of a bench are run.

    Attributes:
        folder: the bench's folder, absolute.
        plugins: Python files with plugins.
        without: plugins that are left out.
        device: as for `mbo run`.
        retry: whether cells that failed are run again.
        threads: threads of a process.
    """

    folder: str
    plugins: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    device: str = "auto"
    retry: bool = False
    threads: int = 1

    def text(self) -> str:
        """The setting as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, text: str) -> Setting:
        """The setting from JSON."""
        values: dict[str, Any] = json.loads(text)
        return cls(**{**values, "plugins": tuple(values["plugins"]), "without": tuple(values["without"])})

    def registry(self) -> Registry:
        """What is installed, with the plugins."""
        return installed(self.without).including(self.plugins)


@dataclass(frozen=True)
class Job:
    """A cell to be run in this process."""

    setting: Setting
    cell: Cell

    def go(self, registry: Registry, watch: Callable[[], None]) -> None:
        """Run the cell unless another process does or has done so; the outcome is in the ledger.

        Args:
            registry: what is installed.
            watch: called every second; it may end the process.
        """
        bench = Bench(Path(self.setting.folder))
        claim = claims.take(bench.claims, self.cell.key)
        if claim is None:
            return
        try:
            # Only now, as another process may have finished it since it was found missing.
            if self._is_wanted(bench):
                claim.keep(watch)
                Attempt(self, bench, claim.token).go(registry)
        finally:
            claim.release()

    def _is_wanted(self, bench: Bench) -> bool:
        ledger = bench.ledger
        ledger.refresh()
        return wanted(self.cell.key, bench, last_outcomes(ledger.events), self.setting.retry)


def wanted(key: str, bench: Bench, outcomes: Mapping[str, Mapping[str, Any]], retry: bool) -> bool:
    """Whether a cell has to be run."""
    event = outcomes.get(key, {}).get("event")
    return (event in SETTLED and retry) or (event not in SETTLED and not bench.cell(key).exists())


@dataclass(frozen=True)
class Attempt:
    """A claimed cell."""

    job: Job
    bench: Bench
    token: str

    def go(self, registry: Registry) -> None:
        """Run the cell, make it a finished one, and write the outcome into the ledger."""
        cell, start = self.job.cell, time.perf_counter()
        self._note(STARTED, method=cell.method, task=cell.task, seeds=cell.seeds, pid=os.getpid())
        try:
            failed = self._run(registry)
        except (RecipeError, TaskError) as error:
            self._note("refused", start, reason=reason_of(error))
        except MboError as error:
            self._note("failed", start, reason=reason_of(error))
        except Exception as error:
            traceback.print_exc()
            self._note("failed", start, reason=reason_of(error))
        else:
            reason = {"reason": "; ".join(f"seed {seed}: {why}" for seed, why in failed.items())} if failed else {}
            self._note("failed" if failed else "done", start, **reason)

    def _note(self, event: str, start: float | None = None, **facts: Any) -> None:
        seconds = {} if start is None else {"seconds": round(time.perf_counter() - start, 3)}
        self.bench.ledger.append(event, self.job.cell.key, token=self.token, **seconds, **facts)

    def _run(self, registry: Registry) -> Mapping[int, str]:
        """Run the cell; the reason of each seed that failed."""
        import tomli

        from mbo_core.runs.execute import execute
        from mbo_core.runs.planning import plan

        cell = self.job.cell
        planned = plan(tomli.loads(cell.recipe), cell.task, list(cell.seeds), registry=registry)
        versions = versions_used(planned.asked, cell.task, registry)
        base = base_of(planned.asked, data_digest(planned.task), cell.task, versions)
        if key_of(base, cell.seeds) != cell.key:
            fact = "its data, recipe or plugins differ from those that the bench was started with"
            raise MboError(fact, "repeat the command: cells are planned again")
        place = self.bench.attempt(cell.key, self.token)
        result = execute(planned, place / RUN, self.job.setting.device)
        write_content(result, cell, place, self.bench.run(cell.key))
        if self.job.setting.retry:
            self.bench.retract(cell.key, self.token)
        self.bench.publish(place, cell.key)
        return result.failed
