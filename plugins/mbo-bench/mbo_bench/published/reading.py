"""Read the published scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mbo_core.toml import plain, read


@dataclass(frozen=True)
class Figure:
    """A published score.

    Attributes:
        method: the method, by the name of our recipe.
        task: the task, by our name.
        percentile: `100th` or `50th`.
        mean: over seeds, normalised by the full hidden dataset unless `not_comparable` says otherwise.
        std: the population standard deviation; None if it is not given.
        source: where it is published, and who ran it.
        seeds: how many; None if it is not given.
        rerun: whether others than the method's authors ran it.
        not_comparable: why it cannot be compared with ours; empty if it can.
    """

    method: str
    task: str
    percentile: str
    mean: float
    std: float | None
    source: str
    seeds: int | None
    rerun: bool
    not_comparable: str = ""

    @property
    def text(self) -> str:
        """Mean and standard deviation for people.

        >>> Figure("coms", "T", "100th", 0.439, 0.033, "", 8, False).text
        '0.439 ± 0.033'
        """
        return f"{self.mean:.3f}" + ("" if self.std is None else f" ± {self.std:.3f}")


def figures() -> list[Figure]:
    """All published scores, in the order of the file."""
    content = plain(read(Path(__file__).with_name("published.toml"), "list of published scores").table)
    return [figure for table in content["table"] for figure in _of_table(table)]


def _of_table(table: Mapping[str, Any]) -> Iterator[Figure]:
    reasons = table.get("not_comparable", {})
    for method, row in table["scores"].items():
        for task, score in zip(table["tasks"], row, strict=True):
            if score:
                mean, std = (*score, None)[:2]
                yield Figure(
                    method,
                    task,
                    table["percentile"],
                    mean,
                    std,
                    table["source"],
                    table.get("seeds"),
                    table.get("rerun", False) and method not in table.get("as_reported", []),
                    reasons.get(method) or reasons.get(task) or reasons.get("all", ""),
                )
