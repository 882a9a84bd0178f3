"""`report.html`: all that is known of a batch of proposals on one page, which needs no network."""

from mbo_propose.report.page import write_report

__all__ = ["write_report"]
