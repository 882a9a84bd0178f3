"""Published scores, from a data file."""

from mbo_bench.published.reading import Figure, figures

__all__ = ["Figure", "figures"]
