"""From a grid to cells: what is to be run, and what cannot be."""
