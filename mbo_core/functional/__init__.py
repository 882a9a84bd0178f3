"""The library for plugin authors: keys, networks, optimisers, batches, precision."""
