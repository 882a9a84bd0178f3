"""The parts of `tables.py`: tables with their splits, judges of proposals, and simple methods to compare with."""
