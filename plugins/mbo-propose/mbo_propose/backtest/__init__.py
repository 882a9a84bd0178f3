"""What a table's own rows say of recipes: which of them would have found its best designs."""

from mbo_propose.backtest.candidates import CANDIDATES, DEFAULT, FOREST, Candidate, candidates
from mbo_propose.backtest.choosing import Choice, choose
from mbo_propose.backtest.record import Backtest, Picks
from mbo_propose.backtest.running import backtest
from mbo_propose.backtest.verdict import Evidence, Verdict, verdict

__all__ = [
    "CANDIDATES",
    "DEFAULT",
    "FOREST",
    "Backtest",
    "Candidate",
    "Choice",
    "Evidence",
    "Picks",
    "Verdict",
    "backtest",
    "candidates",
    "choose",
    "verdict",
]
