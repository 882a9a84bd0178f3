"""The plugins' tests have the gears of the whole suite."""

from gears import pytest_collection_modifyitems, pytest_xdist_auto_num_workers

__all__ = ["pytest_collection_modifyitems", "pytest_xdist_auto_num_workers"]
