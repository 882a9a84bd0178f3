"""Statistics over tasks and seeds, after Agarwal et al. (NeurIPS 2021): intervals, not only means."""
