"""From a table of past experiments to a batch of designs, each with reasons to trust or distrust it.

`propose` gives a frame, `propose_from` all that is known of the proposals, `propose_again` the batch after new results.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mbo_propose.again import propose_again
    from mbo_propose.pipeline import propose, propose_from
    from mbo_propose.proposer import Proposer
    from mbo_propose.record import Proposals
    from mbo_propose.wishes import Wishes

_HOMES = {
    "Proposals": "record",
    "Proposer": "proposer",
    "Wishes": "wishes",
    "propose": "pipeline",
    "propose_again": "again",
    "propose_from": "pipeline",
}
__all__ = ["Proposals", "Proposer", "Wishes", "propose", "propose_again", "propose_from"]


def __getattr__(name: str) -> Any:
    """Import on first use, so that `mbo --help` answers without importing torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"mbo_propose.{_HOMES[name]}"), name)
